// Days of times, bounds, and the dated row that holds for each event.
//
// Meaning   What a batch's tables say of each other, as indices: of a key's dated rows the first that holds on the day is taken.
// Units     Microseconds and days since 1970-01-01.
// Requires  Spans as long as said; `rows[start[k] .. start[k + 1])` the rows of key k.
// Gives     Row indices, -1 for none.
// Fails     Never.
// Cost      One pass, which may use threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ybcore {

// True when every number is greater than the one before it.
[[nodiscard]] bool rising(std::span<const std::int64_t> values, int threads = 1);

// Least and greatest number; 0 and 0 where there is none.
struct Bounds {
  std::int64_t least = 0, most = 0;
};
[[nodiscard]] Bounds bounds(std::span<const std::int64_t> values, int threads);
[[nodiscard]] Bounds bounds(std::span<const std::int32_t> values, int threads);

// No number lies outside these, which are at most a power of two away from the least and the greatest: half the work of `bounds`.
[[nodiscard]] Bounds rough_bounds(std::span<const std::int64_t> values, int threads);
[[nodiscard]] Bounds rough_bounds(std::span<const std::int32_t> values, int threads);
// Least (any negative one is -1) and greatest difference of a number from the one before it; 0 and 0 where there is none. The least is
// negative also where a difference overflows.
[[nodiscard]] Bounds steps(std::span<const std::int64_t> values, int threads);

// Days of times; a missing time (INT64_MIN) is day 0. True when none is missing.
bool days_of(std::span<const std::int64_t> micros, std::span<std::int32_t> day, int threads = 1);

// table[index] of every row, the last of the table for -1. False when an index is beyond the table.
template <class Value, class Index>
[[nodiscard]] bool taken(std::span<const Value> table, std::span<const Index> index, std::span<Value> out, int threads);
// table[of[row]] of some rows, the last of the table for -1: what a line's visit holds, for the lines that matter. False when a row or
// an index is beyond.
template <class Value>
[[nodiscard]] bool taken_of(std::span<const Value> table, std::span<const std::int32_t> of, std::span<const std::int32_t> row,
                            std::span<Value> out, int threads);

// Rows of a dated table by key.
struct DatedRows {
  std::span<const std::int64_t> start;  // keys + 1
  std::span<const std::int64_t> rows;
  std::span<const std::int32_t> begin, end;  // by row, half-open
  std::span<const std::int32_t> own;         // by row, may be empty: a second key
};
// Rows of each key in their own order; rows of key -1 are left out.
struct RowsByKey {
  std::vector<std::int64_t> rows, start;
};
[[nodiscard]] RowsByKey rows_by_key(std::span<const std::int32_t> key, std::size_t keys);
// The row of each key, where `row` holds -1 or less so far; false when a key has two.
[[nodiscard]] bool sole_rows(std::span<const std::int32_t> key, std::span<std::int32_t> row) noexcept;

// The row for each (key, day); `theirs` (may be empty) must equal the row's own second key unless it is -1. `none` where a key has
// rows but none holds, `unknown` where it has none or is -1.
void find_rows(const DatedRows& table, std::span<const std::int32_t> key, std::span<const std::int32_t> day,
               std::span<const std::int32_t> theirs, std::int32_t none, std::int32_t unknown, std::span<std::int32_t> out, int threads = 1);

// The least day of each group; rows of group -1 are passed over; INT32_MAX where there is none.
void earliest(std::span<const std::int32_t> group, std::span<const std::int32_t> day, std::span<std::int32_t> out, int threads = 1);

}  // namespace ybcore
