// Days, bounds, dated rows and classes: answers a person can see.
#include <climits>
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "ybcore/classify.hpp"
#include "ybcore/join.hpp"

using namespace ybcore;

namespace {

constexpr std::int64_t kDay = 86'400'000'000;

void days_and_bounds() {
  const std::vector<std::int64_t> micros{0, -1, kDay - 1, kDay, -kDay, INT64_MIN};
  std::vector<std::int32_t> day(micros.size());
  CHECK(!days_of(micros, day));
  CHECK(day == (std::vector<std::int32_t>{0, -1, 0, 1, -1, 0}));
  CHECK(days_of(std::vector<std::int64_t>{kDay * 120'000}, std::span(day).first(1)));
  CHECK_EQ(day[0], 120'000);
  std::vector<std::int64_t> many(600'000, 5);
  many[599'999] = INT64_MAX;
  many[3] = INT64_MIN;
  for (const int threads : {1, 3}) {
    const Bounds found = bounds(many, threads);
    CHECK(found.least == INT64_MIN && found.most == INT64_MAX);
  }
  CHECK_EQ(bounds(std::span<const std::int64_t>{}, 2).most, 0);
  CHECK(rising(std::vector<std::int64_t>{-5, 0, 7}));
  CHECK(!rising(std::vector<std::int64_t>{1, 2, 2}));
}

void bounds_that_are_rough() {
  CHECK(rough_bounds(std::vector<std::int64_t>{5, 9, 2}, 1).most == 15 && rough_bounds(std::vector<std::int64_t>{5, 9}, 1).least == 0);
  CHECK(rough_bounds(std::vector<std::int32_t>{-1, 4}, 1).least < 0);
  CHECK_EQ(rough_bounds(std::vector<std::int32_t>{}, 1).most, 0);
  std::vector<std::int64_t> many(600'000);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<std::int64_t>(i * 2'654'435'761U % 1'000'003) - 400'000;
  many[500'000] = INT64_MIN;
  for (const int threads : {1, 3}) {
    const Bounds rough = rough_bounds(many, threads);
    CHECK(rough.least == INT64_MIN && rough.most == INT64_MAX);
    const Bounds tail = rough_bounds(std::span(many).subspan(500'001), threads), exact = bounds(std::span(many).subspan(500'001), threads);
    CHECK(tail.least <= exact.least && tail.most >= exact.most && tail.most < 2 * 600'003);
  }
  CHECK(steps(std::vector<std::int64_t>{0, 3, 3, 10}, 1).least == 0 && steps(std::vector<std::int64_t>{0, 3, 3, 10}, 1).most == 7);
  CHECK_EQ(steps(std::vector<std::int64_t>{0, 9, 4}, 1).least, -1);
  CHECK(steps(std::vector<std::int64_t>{INT64_MIN, INT64_MAX}, 1).least < 0);
  CHECK_EQ(steps(std::vector<std::int64_t>{4}, 1).most, 0);
}

void entries_taken() {
  const std::vector<std::int32_t> table{7, 8, 9};
  std::vector<std::int32_t> out(600'000), index(out.size());
  for (std::size_t i = 0; i < index.size(); ++i) index[i] = static_cast<std::int32_t>(i % 4) - 1;
  for (const int threads : {1, 3}) {
    CHECK((taken<std::int32_t, std::int32_t>(table, index, out, threads)));
    CHECK(out[0] == 9 && out[1] == 7 && out[599'999] == 9 && out[599'998] == 8);
  }
  index[599'000] = 3;
  CHECK((!taken<std::int32_t, std::int32_t>(table, index, out, 2)));
  index[599'000] = -2;
  CHECK((!taken<std::int32_t, std::int32_t>(table, index, out, 1)));
  CHECK((!taken<std::int32_t, std::int32_t>({}, index, out, 1)));
  std::vector<std::int32_t> row(3, -1);
  CHECK(sole_rows(std::vector<std::int32_t>{2, -1, 0}, row));
  CHECK(row == (std::vector<std::int32_t>{2, -1, 0}));
  CHECK(!sole_rows(std::vector<std::int32_t>{0}, row));
  // Through another column, of some rows.
  const std::vector<std::int32_t> of{2, -1, 0}, some{2, 0, 1};
  std::vector<std::int64_t> told(3);
  const std::vector<std::int64_t> wide{10, 20, 30};
  for (const int threads : {1, 2}) {
    CHECK((taken_of<std::int64_t>(wide, of, some, told, threads)));
    CHECK(told == (std::vector<std::int64_t>{10, 30, 30}));
  }
  for (const std::int32_t wrong : {-1, 3}) CHECK((!taken_of<std::int64_t>(wide, of, std::vector<std::int32_t>{0, wrong, 1}, told, 1)));
  CHECK((!taken_of<std::int64_t>(wide, std::vector<std::int32_t>{0, 3, -2}, some, told, 1)));
  CHECK((!taken_of<std::int64_t>({}, of, some, told, 1)));
}

// More rows than a chunk has: the same whoever does them.
void threads_agree() {
  std::vector<std::int32_t> group(1'200'000), day(group.size());
  std::vector<std::int32_t> flag(group.size());
  for (std::size_t i = 0; i < group.size(); ++i) {
    group[i] = static_cast<std::int32_t>(i * 48'271 % 1009) - 1;
    day[i] = static_cast<std::int32_t>(i * 69'621 % 50'021);
    flag[i] = static_cast<std::int32_t>(i / 1000 % 7 * (i % 11) % 5);
  }
  std::vector<std::int32_t> one(1008), three(1008);
  earliest(group, day, one, 1);
  earliest(group, day, three, 3);
  CHECK(one == three);
  for (const std::uint64_t classes : {std::uint64_t{1008}, std::uint64_t{1} << 40}) {
    ClassColumn first, second;
    first.ready = flag;
    first.classes = 5;
    std::vector<std::int32_t> shifted(group);
    for (std::int32_t& g : shifted) ++g;
    second.ready = shifted;
    second.classes = classes + 1;
    const std::vector<ClassColumn> columns{first, second};
    std::vector<std::int32_t> alone(group.size()), team(group.size());
    const Combinations a = combine(columns, alone, 1), b = combine(columns, team, 3);
    CHECK(a.keys == b.keys && a.first == b.first && alone == team);
    CHECK(a.keys.size() > 1000 && a.first[0] == 0);
  }
}

void rows_that_hold() {
  // Key 0: rows 3 and 1, key 1: none, key 2: row 0; row 2 has no key.
  const std::vector<std::int32_t> key{2, 0, -1, 0}, begin{INT32_MIN, 10, 0, INT32_MIN}, end{INT32_MAX, INT32_MAX, 0, 10}, own{7, 7, 7, 8};
  const RowsByKey by = rows_by_key(key, 3);
  CHECK(by.start == (std::vector<std::int64_t>{0, 2, 2, 3}));
  CHECK(by.rows == (std::vector<std::int64_t>{1, 3, 0}));
  const std::vector<std::int32_t> who{0, 0, 0, 1, 2, -1}, day{9, 10, 9, 9, 9, 9}, theirs{-1, -1, 7, -1, 8, -1};
  std::vector<std::int32_t> row(who.size());
  find_rows({by.start, by.rows, begin, end, {}}, who, day, {}, -1, -2, row);
  CHECK(row == (std::vector<std::int32_t>{3, 1, 3, -2, 0, -2}));
  find_rows({by.start, by.rows, begin, end, own}, who, day, theirs, -1, -2, row);
  CHECK(row == (std::vector<std::int32_t>{3, 1, -1, -2, -1, -2}));
  std::vector<std::int32_t> least(3);
  earliest(std::vector<std::int32_t>{1, 1, -1, 0}, std::vector<std::int32_t>{5, 3, 1, 9}, least);
  CHECK(least == (std::vector<std::int32_t>{9, 3, INT32_MAX}));
}

void classes_by_source() {
  // Attribute one: the event's own code, else its row's flag; attribute two: the row's code alone; attribute three: a day.
  const std::vector<std::int32_t> own{0, -1, 1, -1}, row{0, 1, -1, -1}, code{1, 0}, day{9, 10, 20, 5}, of_own{2, -1}, of_code{0, 1},
      of_flag{1};
  const std::vector<std::int8_t> flag{0, -1};
  const std::vector<std::int64_t> edges{10, 20};
  ClassColumn one, two, three;
  one.sources = {{{}, own, {}, of_own}, {row, {}, flag, of_flag}};
  one.classes = 3;
  two.sources = {{row, code, {}, of_code}};
  two.fallback = 2;
  two.classes = 3;
  three.day = day;
  three.edges = edges;
  three.classes = 3;
  const std::vector<ClassColumn> columns{one, two, three};
  std::vector<std::int32_t> of_event(4);
  const Combinations found = combine(columns, of_event);
  // Keys (2,1,0), (0,0,1), (0,2,2), (0,2,0).
  CHECK(found.keys == (std::vector<std::uint64_t>{21, 1, 8, 6}));
  CHECK(of_event == (std::vector<std::int32_t>{0, 1, 2, 3}));
  // The same keys through the hash, when there are too many for a table.
  std::vector<ClassColumn> wide = columns;
  wide[0].classes = 1'000'000;
  std::vector<std::int32_t> again(4);
  CHECK(combine(wide, again).keys.size() == 4 && again == of_event);
}

}  // namespace

int main() {
  days_and_bounds();
  bounds_that_are_rough();
  entries_taken();
  threads_agree();
  rows_that_hold();
  classes_by_source();
  return check::result();
}
