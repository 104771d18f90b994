// Rows of chosen codes by every way of the machine, against a loop that looks at one after the other.
#include <algorithm>
#include <bit>
#include <climits>
#include <cstdint>
#include <random>
#include <vector>

#include "check.hpp"
#include "checks/scan.hpp"
#include "ybcore/checks/chosen.hpp"

using namespace ybcore::checks;

namespace {

constexpr std::int32_t kMark = -77;  // what the caller's memory holds behind the rows

struct Table {
  explicit Table(std::size_t codes) : chosen(codes), bytes(std::bit_ceil(codes + 1), ChosenCodes::kNone), pages(codes + 1) {
    std::fill_n(bytes.begin(), codes + 1, std::uint8_t{0});
  }
  void choose(std::int32_t code) {
    chosen.choose(code);
    bytes[static_cast<std::size_t>(code + 1)] = 1;
    pages.choose(static_cast<std::size_t>(code + 1));
  }

  ChosenCodes chosen;
  std::vector<std::uint8_t> bytes;
  ScanPages pages;
};

std::vector<Keep> ways() {
  std::vector<Keep> out{plain_keep};
  if (wide_keep() != nullptr) out.push_back(wide_keep());
  return out;
}

// Each way writes the wanted rows, and nothing behind the room that it was given; so does the class.
void agree(const Table& table, const std::vector<std::int32_t>& code, std::size_t begin, std::size_t end) {
  std::vector<std::int32_t> wanted;
  for (std::size_t i = begin; i < end; ++i)
    if (table.bytes[static_cast<std::size_t>(code[i] + 1)] != 0) wanted.push_back(static_cast<std::int32_t>(i));
  const auto judged = [&](const auto& way) {
    std::vector<std::int32_t> kept(end - begin + 64, kMark);
    const std::size_t count = way(kept.data());
    CHECK_EQ(count, wanted.size());
    if (count != wanted.size()) return;
    CHECK(std::equal(wanted.begin(), wanted.end(), kept.begin()));
    for (std::size_t k = end - begin; k < kept.size(); ++k) CHECK_EQ(kept[k], kMark);
  };
  for (const Keep way : ways()) judged([&](std::int32_t* kept) { return scan(table.bytes, way, code, begin, end, kept); });
  judged([&](std::int32_t* kept) { return table.chosen.of(code, begin, end, kept); });
}

void random_columns() {
  std::mt19937 random(11);
  const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
  for (int round = 0; round < check::rounds(400); ++round) {
    const std::size_t codes = round % 5 == 0 ? below(4) : below(round % 5 == 1 ? 70 : 3000);
    Table table(codes);
    const std::size_t most = below(4) == 0 ? codes + 1 : codes / 20 + 1;
    for (std::size_t k = 0; k < most; ++k) table.choose(static_cast<std::int32_t>(below(codes + 1)) - 1);
    std::vector<std::int32_t> code(below(round % 3 == 0 ? 40 : 5000));
    for (std::int32_t& one : code) one = static_cast<std::int32_t>(below(codes + 1)) - 1;
    agree(table, code, 0, code.size());
    const std::size_t begin = below(code.size() + 1);
    agree(table, code, begin, begin + below(code.size() - begin + 1));
  }
}

// Pages hold what is chosen near each other, of dictionaries of any size up to 65,535 codes, and say so where they do not.
void pages_of_few_codes() {
  std::mt19937 random(12);
  for (const std::size_t codes : {std::size_t{100}, std::size_t{2047}, std::size_t{2048}, std::size_t{29'798}, std::size_t{65'535}}) {
    for (const std::size_t span : {std::size_t{1}, std::size_t{90}, std::size_t{1000}}) {
      Table table(codes);
      const std::size_t from = codes > span ? random() % (codes - span) : 0;
      for (std::size_t k = 0; k < std::min(span, codes); k += 1 + random() % 3) table.choose(static_cast<std::int32_t>(from + k));
      CHECK(table.pages.fit);
      std::vector<std::int32_t> code(3000);
      for (std::int32_t& one : code) one = static_cast<std::int32_t>(random() % (codes + 1)) - 1;
      for (std::size_t k = 0; k < code.size(); k += 2) code[k] = static_cast<std::int32_t>(std::min(codes - 1, from + random() % span));
      agree(table, code, 0, code.size());
    }
  }
  CHECK(!ScanPages(65'537).fit);
  Table scattered(30'000);
  for (std::int32_t code = 0; code < 30'000; code += 700) scattered.choose(code);
  CHECK(!scattered.pages.fit);
  agree(scattered, std::vector<std::int32_t>(100, 700), 0, 100);
}

void bounds_of_the_table() {
  for (const std::size_t codes : {std::size_t{0}, std::size_t{1}, std::size_t{30}, std::size_t{31}, std::size_t{32}, std::size_t{63}}) {
    Table table(codes);
    const auto last = static_cast<std::int32_t>(codes) - 1;
    table.choose(-1);
    table.choose(last);
    agree(table, std::vector<std::int32_t>(100, last), 0, 100);
    agree(table, std::vector<std::int32_t>(100, -1), 0, 100);
  }
}

// A code that is none, at each place of a block and of what is left over, is told; and not where it stands outside of what is asked.
void unsound_codes() {
  Table table(40);
  table.choose(39);
  for (const std::int32_t wrong : {40, 41, 1000, INT32_MAX, -2, -40, INT32_MIN})
    for (std::size_t at = 0; at < 150; ++at) {
      std::vector<std::int32_t> code(150, 39), kept(150);
      code[at] = wrong;
      for (const Keep way : ways()) CHECK_EQ(scan(table.bytes, way, code, 0, 150, kept.data()), ChosenCodes::kUnsound);
      CHECK_EQ(table.chosen.of(code, 0, 150, kept.data()), ChosenCodes::kUnsound);
      for (const Keep way : ways()) {
        CHECK_EQ(scan(table.bytes, way, code, 0, at, kept.data()), at);
        CHECK_EQ(scan(table.bytes, way, code, at + 1, 150, kept.data()), 149 - at);
      }
    }
}

}  // namespace

int main() {
  random_columns();
  pages_of_few_codes();
  bounds_of_the_table();
  unsound_codes();
  return check::result();
}
