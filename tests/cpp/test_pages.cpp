// Pages become one column, and codes what their own page's entries stand for.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "check.hpp"
#include "ybcore/pages.hpp"

using namespace ybcore;

namespace {

void cells_follow_each_other() {
  const std::vector<std::int64_t> one{5, -3, 7}, two{99, 1};
  const std::vector<std::uint8_t> there{0, 1};
  const std::vector<Page<std::int64_t>> pages{{one, {}}, {}, {two, there}};
  std::vector<std::int64_t> out(5);
  const Bounds found = joined<std::int64_t>(pages, INT64_MIN, out, 2);
  CHECK(out == (std::vector<std::int64_t>{5, -3, 7, INT64_MIN, 1}));
  CHECK(found.least <= -3 && found.least >= -8 && found.most >= 7 && found.most < 16);
  CHECK_EQ(joined<std::int64_t>({}, 0, {}, 1).most, 0);
}

void codes_have_places_of_their_page() {
  const std::vector<std::int8_t> one{1, 0}, two{0, 9, 0};
  const std::vector<std::uint8_t> there{1, 0, 1};
  const std::vector<std::int32_t> first{4, 6}, second{6};
  const std::vector<Page<std::int8_t>> pages{{one, {}}, {two, there}};
  const std::vector<std::span<const std::int32_t>> places{first, second};
  std::vector<std::int32_t> out(5);
  CHECK((placed<std::int8_t, std::int32_t>(pages, places, -1, out, 2)));
  CHECK(out == (std::vector<std::int32_t>{6, 4, 6, -1, 6}));
  const std::vector<std::int8_t> beyond{0, -1};
  const std::vector<Page<std::int8_t>> wrong{{beyond, {}}};
  CHECK(!(placed<std::int8_t, std::int32_t>(wrong, places, -1, std::span(out).first(2), 1)));
}

void blanks_are_seen_where_there_is_a_text() {
  const std::string bytes = "ab";
  const std::vector<std::int32_t> offsets{0, 1, 1, 2};
  const std::vector<std::uint8_t> all{1, 1, 1}, some{1, 0, 1};
  CHECK(has_blank(Texts<std::int32_t>{offsets, bytes.data(), {}}));
  CHECK(has_blank(Texts<std::int32_t>{offsets, bytes.data(), all}));
  CHECK(!has_blank(Texts<std::int32_t>{offsets, bytes.data(), some}));
}

void lines_are_named_in_their_visit() {
  // a; b names b, itself. a; b names c, which names a. d and e name each other, f names d.
  const std::string own = "ababcdef", wanted = "bcaedd";
  const std::vector<std::int32_t> own_offsets{0, 1, 2, 3, 4, 5, 6, 7, 8};
  const std::vector<std::int64_t> offsets{0, 0, 1, 1, 2, 3, 4, 5, 6}, begin{0, 2, 8};
  const std::vector<std::uint8_t> there{0, 1, 0, 1, 1, 1, 1, 1};
  const std::vector<Texts<std::int32_t>> owns{{own_offsets, own.data(), {}}};
  const std::vector<Texts<std::int64_t>> asked{{offsets, wanted.data(), there}};
  Naming out = find_named<std::int32_t, std::int64_t>({begin, {}}, owns, asked);
  CHECK(out.row == (std::vector<std::int64_t>{4, 3}));
  CHECK(out.line == (std::vector<std::int64_t>{2, 4}));
  std::sort(out.circle.begin(), out.circle.end());
  CHECK(out.circle == (std::vector<std::int64_t>{5, 6, 7}));
}

}  // namespace

int main() {
  cells_follow_each_other();
  codes_have_places_of_their_page();
  blanks_are_seen_where_there_is_a_text();
  lines_are_named_in_their_visit();
  return check::result();
}
