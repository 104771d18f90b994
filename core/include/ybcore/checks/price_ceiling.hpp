// K03 price ceiling: the unit price against the highest that is allowed.
//
// Meaning   A line whose price is more than its row's ceiling and the tolerance.
// Units     Prices 1/1000000 yuan a unit, quantity 1/10000.
// Requires  entry: a row of `ceiling`, kNoEntry (not looked at) or kEntryUnknown; empty: row 0 for all. Tolerance not below 0.
// Gives     One finding a line, which it names whole: measure the price, limit the ceiling. No price (kUnknown) is
//           unknown; a row without ceiling (kUnknown) says nothing, and lines whose net quantity is not positive do not hit.
// Fails     Never.
// Cost      A few operations a line.
#pragma once

#include <cstdint>
#include <span>

#include "ybcore/checks/found.hpp"
#include "ybcore/checks/group.hpp"

namespace ybcore::checks {

[[nodiscard]] Found price_ceiling(std::span<const std::int32_t> entry, std::span<const std::int64_t> price,
                                  std::span<const std::int64_t> quantity, std::span<const std::int64_t> ceiling, std::int64_t tolerance,
                                  int threads);

}  // namespace ybcore::checks
