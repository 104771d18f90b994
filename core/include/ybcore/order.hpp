// Who is settled together, and in what order.
//
// Meaning   Persons joined by links (a household, a mutual-aid account) are one settling group. Inside a group events go by their
//           first time, second time, and then the settlement id; parts of one visit follow each other.
// Units     Times are any int64 that orders (microseconds, days); groups and persons are dense indices.
// Requires  Persons and groups inside their bounds; -1 for a row that is left out of the order.
// Gives     A permutation of the rows that take part, and where each group begins in it. The answer does not depend on the order
//           of the rows: ids are unique among rows that take part.
// Fails     Never; allocates its result and one scratch array.
// Cost      One counting pass by group and a sort inside each group; nothing is moved when the input is already ordered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ybcore {

// Dense group of every person; groups are numbered in order of their first person.
struct Groups {
  std::vector<std::int32_t> of_person;
  std::int32_t count;
};

// Persons left[i] and right[i] belong together; a pair with a negative member is passed over.
[[nodiscard]] Groups connect(std::size_t persons, std::span<const std::int32_t> left, std::span<const std::int32_t> right);

// Settlement ids for ties: numbers, or texts as one run of bytes with offsets (one more than rows). One of the two is empty.
struct TieIds {
  std::span<const std::int64_t> numbers;
  std::span<const std::int64_t> offsets;
  const char* bytes;
};

// Ids as bytes; a text that begins another comes before it. Without ids, by row.
[[nodiscard]] bool id_less(const TieIds& ids, std::size_t a, std::size_t b) noexcept;

struct Order {
  std::vector<std::int64_t> rows;         // permutation: the rows that take part
  std::vector<std::int64_t> group_begin;  // groups + 1
  bool was_ordered;                       // the rows stood in this order already
};

[[nodiscard]] Order order_rows(std::span<const std::int32_t> group, std::int32_t groups, std::span<const std::int64_t> first,
                               std::span<const std::int64_t> second, const TieIds& ids);

// Lines given in any order: where the lines of each visit begin, and the stable permutation that brings them together (empty when
// they stand together already). Lines of visit -1 are left out; requires runs in order of the rows.
struct LineGroups {
  std::vector<std::int64_t> begin;  // visits + 1
  std::vector<std::int64_t> row;
};

[[nodiscard]] LineGroups group_lines(std::span<const std::int32_t> run_visit, std::span<const std::int64_t> run_end, std::size_t visits);

}  // namespace ybcore
