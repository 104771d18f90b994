// Who and when, before any money: texts into numbers, combinations of classes, settling order.
#include <stdexcept>
#include <string>
#include <vector>

#include "digest.hpp"
#include "random.hpp"
#include "stages.hpp"
#include "ybcore/classify.hpp"
#include "ybcore/order.hpp"
#include "ybcore/texts.hpp"

namespace ybcore::bench {
namespace {

// Texts as one run of bytes, as columns of Arrow hold them.
template <class Offset>
struct Column {
  std::vector<Offset> offsets{0};
  std::string bytes;
  std::vector<std::uint8_t> valid;

  void add(const std::string& text, bool there = true) {
    bytes += text;
    offsets.push_back(static_cast<Offset>(bytes.size()));
    valid.push_back(there ? 1 : 0);
  }
  [[nodiscard]] Texts<Offset> view() const {
    Texts<Offset> texts{};
    texts.offsets = offsets;
    texts.bytes = bytes.data();
    texts.valid = valid;
    return texts;
  }
};

// Ids of different lengths with a common beginning, as settlement ids have.
std::string id(std::int64_t number) {
  std::string text = number % 7 == 0 ? "H4403040081202400000000" : "S2024";
  text += std::to_string(number * 7919);
  return text;
}

}  // namespace

Done texts(const Settings& settings) {
  Random random(2);
  const auto distinct = static_cast<std::int64_t>(settings.of(20'000));
  Column<std::int32_t> own;
  for (std::int64_t row = 0; row < distinct; ++row) {
    const bool again = random.in_thousand(100);
    const std::int64_t number = again ? random.between(0, row) : row;
    own.add(id(number), !random.in_thousand(5));
  }
  Column<std::int64_t> asked;  // lines that name their visit: mostly runs, some strangers
  for (std::int64_t row = 0; row < 10 * distinct; ++row) {
    const bool run = random.in_thousand(700);
    const std::int64_t number = run ? row / 10 : random.between(0, distinct + 500);
    asked.add(id(number), !random.in_thousand(5));
  }
  if (!well_formed(own.view(), own.bytes.size()) || !well_formed(asked.view(), asked.bytes.size()))
    throw std::runtime_error("texts are not well formed");

  Done done;
  TextIndex index;
  std::vector<std::int32_t> numbers, found;
  repeat(
      settings, done,
      [&] {
        index = TextIndex();
        numbers.assign(own.valid.size(), -7);
        found.assign(asked.valid.size(), -7);
      },
      [&] {
        index.add(own.view(), numbers);
        index.find(asked.view(), found, settings.threads);
      });
  Digest digest;
  for (const auto* column : {&numbers, &found}) digest.column(*column);
  digest.column(index.offsets());
  digest.column(index.bytes());
  std::size_t strangers = 0;
  for (const std::int32_t number : found) strangers += number < 0 ? 1U : 0U;
  done.digest = digest.value();
  done.told =
      "rows=" + std::to_string(found.size()) + " distinct=" + std::to_string(index.size()) + " strangers=" + std::to_string(strangers);
  return done;
}

Done combine(const Settings& settings) {
  Random random(3);
  const std::size_t rows = settings.of(200'000);
  std::vector<std::uint64_t> keys(rows);
  std::vector<std::int32_t> birth(rows), day(rows), years;
  for (std::size_t i = 0; i < rows; ++i) {
    const bool same = i > 0 && random.in_thousand(300);
    const bool rare = random.in_thousand(20);
    const auto common = random.between<std::uint64_t>(0, 300);
    keys[i] = same ? keys[i - 1] : rare ? common * common * 977 : common;
    birth[i] = random.in_thousand(3) ? kNoNumber : random.between<std::int32_t>(-14'000, 19'000);
    day[i] = random.between<std::int32_t>(19'358, 20'088);
  }

  Done done;
  Combinations found;
  repeat(
      settings, done, [&] { years.assign(rows, 0); },
      [&] {
        found = ybcore::combine(keys);
        completed_years(birth, day, years);
      });
  Digest digest;
  for (const auto* column : {&found.of_event, &years}) digest.column(*column);
  digest.column(found.keys);
  digest.column(found.first);
  done.digest = digest.value();
  done.told = "rows=" + std::to_string(rows) + " combinations=" + std::to_string(found.keys.size());
  return done;
}

Done order(const Settings& settings) {
  Random random(4);
  const std::size_t rows = settings.of(60'000);
  const auto persons = static_cast<std::int32_t>(settings.of(7'500));
  std::vector<std::int32_t> left, right, person, visit;
  std::vector<std::int64_t> first, second, ids, end;
  Column<std::int64_t> names;
  for (std::int32_t p = 0; p < persons / 4; ++p) {
    left.push_back(random.in_thousand(50) ? -1 : random.between<std::int32_t>(0, persons - 1));
    right.push_back(random.between<std::int32_t>(0, persons - 1));
  }
  for (std::size_t i = 0; i < rows; ++i) {
    person.push_back(random.in_thousand(5) ? -1 : random.between<std::int32_t>(0, persons - 1));
    first.push_back(random.between(19'358, 19'400));  // few days, so that the second time and the id decide often
    second.push_back(random.between(0, 3));
    ids.push_back(static_cast<std::uint32_t>(i * 2'654'435'761U));  // each once, in no order
    names.add(id(ids.back()));
    visit.push_back(random.in_thousand(10) ? -1 : random.between<std::int32_t>(0, static_cast<std::int32_t>(rows) - 1));
    const auto run = random.between(1, 6);
    end.push_back((end.empty() ? 0 : end.back()) + run);
  }

  Groups groups = connect(static_cast<std::size_t>(persons), left, right);
  std::vector<std::int32_t> group(rows);
  for (std::size_t i = 0; i < rows; ++i) group[i] = person[i] < 0 ? -1 : groups.of_person[static_cast<std::size_t>(person[i])];

  Done done;
  Order by_number{};
  Order by_text{};
  LineGroups lines;
  repeat(
      settings, done, [&] {},
      [&] {
        groups = connect(static_cast<std::size_t>(persons), left, right);
        TieIds numbers{};
        numbers.numbers = ids;
        TieIds texts{};
        texts.offsets = names.offsets;
        texts.bytes = names.bytes.data();
        by_number = order_rows(group, groups.count, first, second, numbers);
        by_text = order_rows(group, groups.count, first, second, texts);
        lines = group_lines(visit, end, rows);
      });
  Digest digest;
  digest.column(groups.of_person);
  for (const auto* column : {&by_number.rows, &by_number.group_begin, &by_text.rows, &by_text.group_begin, &lines.begin, &lines.row})
    digest.column(*column);
  digest.word(by_number.was_ordered ? 1 : 0);
  done.digest = digest.value();
  done.told = "rows=" + std::to_string(by_number.rows.size()) + " groups=" + std::to_string(groups.count) +
              " lines=" + std::to_string(lines.row.size());
  return done;
}

}  // namespace ybcore::bench
