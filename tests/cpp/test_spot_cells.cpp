// Columns as they come through the Arrow C interface into cells: dictionaries long and short, rows that are missing, cells that lie
// outside.
#include <map>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "../../bindings/pybind/spot_cells.hpp"
#include "check.hpp"
#include "draw.hpp"

using namespace ybcore::bind;
using ybcore::FewTexts;
using ybcore::checks::kUnknown;
using ybcore::checks::SpotWay;

namespace {

// A column with its buffers, beginning at some offset.
template <class Offset>
struct Text {
  explicit Text(const std::vector<std::string>& texts, const std::vector<bool>& there = {}, std::int64_t from = 0) : offsets{0} {
    for (const std::string& text : texts) {
      bytes += text;
      offsets.push_back(static_cast<Offset>(bytes.size()));
    }
    bits.assign(texts.size() / 8 + 1, 0);
    for (std::size_t i = 0; i < there.size(); ++i)
      if (there[i]) bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | 1 << i % 8);
    buffers = {there.empty() ? nullptr : bits.data(), offsets.data(), bytes.data()};
    array = {static_cast<std::int64_t>(texts.size()) - from,
             there.empty() ? 0 : -1,
             from,
             3,
             0,
             buffers.data(),
             nullptr,
             nullptr,
             nullptr,
             nullptr};
  }
  std::vector<Offset> offsets;
  std::string bytes;
  std::vector<std::uint8_t> bits;
  std::vector<const void*> buffers;
  ArrowArray array{};
};

template <class Cell>
struct Numbers {
  Numbers(std::vector<Cell> values, const std::vector<bool>& there, std::int64_t from = 0) : cells(std::move(values)) {
    bits.assign(cells.size() / 8 + 1, 0);
    for (std::size_t i = 0; i < there.size(); ++i)
      if (there[i]) bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | 1 << i % 8);
    buffers = {there.empty() ? nullptr : bits.data(), cells.data()};
    array = {static_cast<std::int64_t>(cells.size()) - from,
             there.empty() ? 0 : -1,
             from,
             2,
             0,
             buffers.data(),
             nullptr,
             nullptr,
             nullptr,
             nullptr};
  }
  std::vector<Cell> cells;
  std::vector<std::uint8_t> bits;
  std::vector<const void*> buffers;
  ArrowArray array{};
};

struct Call {
  Call() {
    cells.input.columns.resize(1);
    cells.text.resize(1);
  }
  bool read(const ArrowArray& column, SpotRead how, std::int64_t low = 0, std::int64_t high = 0) {
    cells.make_room(1, static_cast<std::size_t>(column.length));
    return how(reader, column, {0, 0, low, high, 0, how});
  }
  [[nodiscard]] std::string text(std::size_t row) const {
    const std::int32_t code = cells.input.columns[0].code[row];
    return code < 0 ? "" : std::string(cells.text[0].texts()[static_cast<std::size_t>(code)]);
  }
  SpotCells cells;
  SpotReader reader{cells};
};

SpotRead way(const char* format, SpotWay how, const char* entries = nullptr) {
  ArrowSchema values{}, kind{};
  values.format = entries;
  kind.format = format;
  kind.dictionary = entries == nullptr ? nullptr : &values;
  return read_of(kind, how);
}

// Every row gets the number of its text, whichever entry of the dictionary it names: entries may stand twice, be empty or missing.
template <class Code, class Offset>
void coded(const char* code, const char* entry) {
  for (int round = 0; round < check::rounds(150); ++round) {
    draw::Numbers draw(static_cast<std::uint64_t>(round) * 4 + sizeof(Code));
    const auto size = draw.between<std::size_t>(1, sizeof(Code) == 1 ? 120 : draw.one_in(2) ? 30 : 2'000);
    const auto rows = draw.between<std::size_t>(0, 60);
    const auto from = draw.between<std::int64_t>(0, static_cast<std::int64_t>(std::min<std::size_t>(rows, 9)));
    std::vector<std::string> entries;
    std::vector<bool> entry_there, there;
    std::vector<Code> codes;
    for (std::size_t e = 0; e < size; ++e) {
      entries.push_back(draw.one_in(9) ? "" : "text " + std::to_string(draw.between(0, static_cast<std::int64_t>(size))));
      entry_there.push_back(!draw.one_in(7));
    }
    for (std::size_t i = 0; i < rows; ++i) {
      there.push_back(!draw.one_in(5));
      codes.push_back(there.back() ? draw.between<Code>(0, static_cast<std::int64_t>(size) - 1) : static_cast<Code>(-1));
    }
    Text<Offset> dictionary(entries, entry_there);
    Numbers<Code> column(codes, there, from);
    column.array.dictionary = &dictionary.array;
    Call call;
    CHECK(call.read(column.array, way(code, SpotWay::kCode, entry)));
    std::map<std::string, std::int32_t> number;
    for (std::size_t i = 0; i + static_cast<std::size_t>(from) < rows; ++i) {
      const std::size_t at = i + static_cast<std::size_t>(from);
      const auto own = there[at] ? static_cast<std::size_t>(codes[at]) : 0;
      const std::string wanted = there[at] && entry_there[own] ? entries[own] : "";
      CHECK(call.text(i) == wanted);
      if (!wanted.empty())
        CHECK_EQ(number.try_emplace(wanted, call.cells.input.columns[0].code[i]).first->second, call.cells.input.columns[0].code[i]);
    }
  }
}

void beyond_the_dictionary() {
  Text<std::int32_t> dictionary({"1", "2"});
  for (const std::int8_t wrong : {std::int8_t{2}, std::int8_t{-1}})
    for (const SpotWay how : {SpotWay::kCode, SpotWay::kFlag}) {
      Numbers<std::int8_t> column({0, wrong}, {});
      column.array.dictionary = &dictionary.array;
      bool told = false;
      try {
        Call call;
        (void)call.read(column.array, way("c", how, "u"));
      } catch (const std::out_of_range&) {
        told = true;
      }
      CHECK(told);
    }
}

template <class Offset>
void plain(const char* format) {
  const std::vector<std::string> texts{"x", "", "yy", "x", "a text of more than eight bytes", "yy", "never seen"};
  Text<Offset> column(texts, {true, true, true, true, true, true, false}, 1);
  Call call;
  CHECK(call.read(column.array, way(format, SpotWay::kId)));
  for (std::size_t i = 0; i + 1 < texts.size(); ++i) CHECK(call.text(i) == (i == 5 ? "" : texts[i + 1]));
  CHECK_EQ(call.cells.text[0].texts().size(), 3U);
}

void numbers() {
  constexpr std::int64_t kDay = 86'400'000'000;
  Numbers<std::int64_t> wide({-5, 0, 7, 9}, {true, false, true, true}, 1);
  for (const auto& [low, high, fits] : {std::tuple{7, 9, true}, {8, 9, false}, {0, 8, false}}) {
    Call call;
    CHECK_EQ(call.read(wide.array, way("l", SpotWay::kNumber), low, high), fits);
    CHECK_EQ(call.cells.input.columns[0].number[0], kUnknown);
    CHECK_EQ(call.cells.input.columns[0].number[1], 7);
  }
  Numbers<std::int32_t> days({-1, 3}, {});
  Call call;
  CHECK(call.read(days.array, way("tdD", SpotWay::kTime), -2 * kDay, 4 * kDay - 1));
  CHECK_EQ(call.cells.input.columns[0].number[0], -kDay);
  CHECK(!call.read(days.array, way("tdD", SpotWay::kTime), 0, 4 * kDay));
  // Of the least whole number no day can be told: it lies outside, and is not multiplied beyond what there is.
  Numbers<std::int32_t> far({INT32_MIN}, {});
  CHECK(!call.read(far.array, way("tdD", SpotWay::kTime), -2 * kDay, kDay));
  Numbers<std::int64_t> least({INT64_MIN}, {});
  CHECK(!call.read(least.array, way("l", SpotWay::kNumber), -10, 10));
}

void digits() {
  Text<std::int64_t> flags({"1", "", "0", "9"}, {true, true, true, false});
  Call call;
  CHECK(call.read(flags.array, way("U", SpotWay::kFlag)));
  const auto& read = call.cells.input.columns[0].number;
  CHECK(std::vector(read.begin(), read.end()) == (std::vector<std::int64_t>{1, kUnknown, 0, kUnknown}));
  for (const char* wrong : {"10", "a", "/", ":", " "}) {
    Text<std::int32_t> column({wrong});
    CHECK(!call.read(column.array, way("u", SpotWay::kFlag)));
    Numbers<std::int16_t> codes({0}, {});
    codes.array.dictionary = &column.array;
    CHECK(!call.read(codes.array, way("s", SpotWay::kFlag, "u")));
  }
  // Types that are read otherwise.
  CHECK(way("b", SpotWay::kFlag) == nullptr && way("g", SpotWay::kNumber) == nullptr && way("L", SpotWay::kCode, "u") == nullptr);
  CHECK(way("i", SpotWay::kCode, "l") == nullptr && way("i", SpotWay::kNumber, "u") == nullptr && way("tsn:", SpotWay::kTime) == nullptr);
}

// Numbers by first appearance, of few texts and many, with room made before or not.
void few() {
  for (int round = 0; round < check::rounds(200); ++round) {
    draw::Numbers draw(static_cast<std::uint64_t>(round) + 7'000);
    FewTexts index;
    if (draw.one_in(2)) index.expect(draw.between<std::size_t>(0, 400));
    const auto kinds = draw.between<std::int64_t>(1, draw.one_in(2) ? 12 : 700);
    std::vector<std::string> texts;
    for (int i = 0; i < 900; ++i)
      texts.push_back(draw.one_in(20) ? "" : std::string(draw.between<std::size_t>(0, 3), 'x') + std::to_string(draw.between(1, kinds)));
    std::map<std::string, std::int32_t> known;
    for (const std::string& text : texts) {
      const std::int32_t wanted = text.empty() ? -1 : known.try_emplace(text, static_cast<std::int32_t>(known.size())).first->second;
      CHECK_EQ(index.add(text), wanted);
    }
    CHECK_EQ(index.texts().size(), known.size());
    for (const auto& [text, number] : known) CHECK(index.texts()[static_cast<std::size_t>(number)] == text);
  }
}

}  // namespace

int main() {
  coded<std::int8_t, std::int32_t>("c", "u");
  coded<std::int16_t, std::int64_t>("s", "U");
  coded<std::int32_t, std::int32_t>("i", "u");
  coded<std::int32_t, std::int64_t>("i", "U");
  beyond_the_dictionary();
  plain<std::int32_t>("u");
  plain<std::int64_t>("U");
  numbers();
  digits();
  few();
  return check::result();
}
