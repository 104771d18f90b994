// Groups, settling order whatever the order of the rows, and lines brought together.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "check.hpp"
#include "ybcore/classify.hpp"
#include "ybcore/order.hpp"

using namespace ybcore;

namespace {

void connects() {
  const std::vector<std::int32_t> left{0, 3, 5, -1}, right{4, 1, 3, 2};
  const Groups g = connect(6, left, right);
  CHECK_EQ(g.count, 3);
  CHECK_EQ(g.of_person[0], g.of_person[4]);
  CHECK_EQ(g.of_person[1], g.of_person[5]);
  CHECK_EQ(g.of_person[1], g.of_person[3]);
  CHECK(g.of_person[0] != g.of_person[1] && g.of_person[2] != g.of_person[0] && g.of_person[2] != g.of_person[1]);
  CHECK_EQ(connect(0, {}, {}).count, 0);
}

struct Ids {
  std::vector<std::int64_t> offsets{0};
  std::string bytes;
  void add(const std::string& text) {
    bytes += text;
    offsets.push_back(static_cast<std::int64_t>(bytes.size()));
  }
};

void orders_alike_from_every_permutation() {
  const std::vector<std::int32_t> group{1, 0, 1, 0, 1, -1};
  const std::vector<std::int64_t> first{5, 7, 5, 7, 4, 1};
  const std::vector<std::string> name{"b", "x", "ab", "\xe4\xb8\xad", "z", "q"};
  std::vector<std::size_t> rows{0, 1, 2, 3, 4, 5};
  const std::vector<std::string> want{"x", "\xe4\xb8\xad", "z", "ab", "b"};  // bytes above 127 sort last
  do {
    std::vector<std::int32_t> g;
    std::vector<std::int64_t> t;
    Ids ids;
    for (const std::size_t r : rows) {
      g.push_back(group[r]);
      t.push_back(first[r]);
      ids.add(name[r]);
    }
    const Order order = order_rows(g, 2, t, {}, {{}, ids.offsets, ids.bytes.data()});
    CHECK_EQ(order.rows.size(), want.size());
    CHECK_EQ(order.group_begin[1], 2);
    for (std::size_t i = 0; i < want.size(); ++i) {
      CHECK(name[rows[static_cast<std::size_t>(order.rows[i])]] == want[i]);
    }
  } while (std::next_permutation(rows.begin(), rows.end()));
}

void numbers_are_compared_as_numbers() {
  const std::vector<std::int32_t> group{0, 0, 0};
  const std::vector<std::int64_t> same{1, 1, 1}, second{2, 2, 1}, id{10, 9, 11};
  const Order order = order_rows(group, 1, same, second, {id, {}, nullptr});
  CHECK(order.rows == (std::vector<std::int64_t>{2, 1, 0}));
  CHECK(!order.was_ordered);
  const std::vector<std::int64_t> rising{1, 2, 3};
  CHECK(order_rows(group, 1, rising, {}, {id, {}, nullptr}).was_ordered);
}

void lines_come_together() {
  const std::vector<std::int32_t> visit{2, 0, -1, 2, 1};
  const std::vector<std::int64_t> end{2, 3, 4, 5, 7};
  const LineGroups lines = group_lines(visit, end, 4);
  CHECK(lines.begin == (std::vector<std::int64_t>{0, 1, 3, 6, 6}));
  CHECK(lines.row == (std::vector<std::int64_t>{2, 5, 6, 0, 1, 4}));
  const std::vector<std::int32_t> rising{0, 2};
  const std::vector<std::int64_t> ends{3, 4};
  const LineGroups together = group_lines(rising, ends, 3);
  CHECK(together.row.empty());
  CHECK(together.begin == (std::vector<std::int64_t>{0, 3, 3, 4}));
}

void combinations_and_ages() {
  const std::vector<std::uint64_t> key{9, 9, 4, 9, 4, 0};
  const Combinations c = combine(key);
  CHECK(c.of_event == (std::vector<std::int32_t>{0, 0, 1, 0, 1, 2}));
  CHECK(c.keys == (std::vector<std::uint64_t>{9, 4, 0}));
  CHECK(c.first == (std::vector<std::int64_t>{0, 2, 5}));
  std::vector<std::uint64_t> many(20000);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = (i * 7919) % 5000;
  CHECK_EQ(combine(many).keys.size(), std::size_t{5000});
  // 2000-02-29 is day 11016, 2001-02-28 is 11381, 2001-03-01 is 11382
  CHECK_EQ(completed_years(11016, 11381), 0);
  CHECK_EQ(completed_years(11016, 11382), 1);
  CHECK_EQ(completed_years(INT32_MIN, 11382), kNoNumber);
}

}  // namespace

int main() {
  connects();
  orders_alike_from_every_permutation();
  numbers_are_compared_as_numbers();
  lines_come_together();
  combinations_and_ages();
  return check::result();
}
