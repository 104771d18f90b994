// K15: data that cannot be right.
//
// Meaning   flagged: rows that a mask names (a missing column, a code out of the list or catalogue). sums: lines of a visit against its
//           total. product: quantity * price against the amount. order: earlier > later. delay: later - earlier. Values that must be
//           unique: `repeated` of stock.hpp.
// Units     Money fen, quantity 1/10000, price 1/1000000 yuan, times microseconds, tolerance fen.
// Requires  Spans of one length; kUnknown for missing.
// Gives     One finding a row (or visit), in order: it offends. A row that lacks a value is counted unknown.
// Fails     std::bad_alloc.
// Cost      O(1) a row.
#pragma once

#include <cstdint>
#include <span>

#include "ybcore/checks/found.hpp"

namespace ybcore::checks {

// 0 right, 1 wrong, 2 not known.
[[nodiscard]] Found flagged(std::span<const std::uint8_t> state, int threads = 1);

// measure: the sum, limit: the total; a visit without lines, or with one whose amount is missing, is unknown.
[[nodiscard]] Found sums(std::span<const std::int64_t> begin, std::span<const std::int64_t> amount, std::span<const std::int64_t> total,
                         std::int64_t tolerance, int threads = 1);

// measure: the amount, limit: the product, half up; compared unrounded.
[[nodiscard]] Found product(std::span<const std::int64_t> quantity, std::span<const std::int64_t> price,
                            std::span<const std::int64_t> amount, std::int64_t tolerance, int threads = 1);

// measure: the one, limit: the other.
[[nodiscard]] Found order(std::span<const std::int64_t> earlier, std::span<const std::int64_t> later, int threads = 1);

// measure: to - from, limit: the hours, both in microseconds.
[[nodiscard]] Found delay(std::span<const std::int64_t> from, std::span<const std::int64_t> to, std::int64_t hours, Comparator comparator,
                          int threads = 1);

}  // namespace ybcore::checks
