// K14: what was sold against what was there, and things that can be sold only once.
//
// Meaning   stock: sold = quantity of the item's lines at the institution in [from, to); sold * factor beyond open + in - close + tolerance
//           is the hit, and the last lines offend with what is beyond (in the unit of sale, what fits rounded down). repeated: of the rows
//           of one value all but the first.
// Units     Quantities 1/10000, factor ppm, days since 1970-01-01. measure: sold * factor, half up, limit: what was there; begin, end:
// first
//           day and the day after the last; entry: the row of stock; excess 1/10000 of a unit of sale.
// Requires  Lines by item and institution, then day, then in order; key of a row: their group, -1 without lines; factor > 0.
// Gives     Findings by row of stock; by value and row for `repeated`. A row without lines is none, one with a missing figure is counted
// unknown, as is a line
//           whose quantity is missing, which is left out.
// Fails     std::bad_alloc.
// Cost      O(log n) a row of stock and O(1) a line in it.
#pragma once

#include <cstdint>
#include <span>

#include "ybcore/checks/found.hpp"

namespace ybcore::checks {

struct Sales {
  std::span<const std::int64_t> begin;  // keys + 1
  std::span<const std::int32_t> day;
  std::span<const std::int64_t> quantity;
};

struct StockRows {
  std::span<const std::int32_t> key;
  std::span<const std::int32_t> from, to;  // INT32_MIN, INT32_MAX where it is open
  std::span<const std::int64_t> open, in, close;
  std::span<const std::int64_t> factor;
};

[[nodiscard]] Found stock(const Sales& sales, const StockRows& rows, std::int64_t tolerance, int threads = 1);

// Groups of rows that have one value, in order. One finding a row after the first: it offends, the first is involved; measure: its number
// in the group, limit 1.
[[nodiscard]] Found repeated(std::span<const std::int64_t> begin, int threads = 1);

}  // namespace ybcore::checks
