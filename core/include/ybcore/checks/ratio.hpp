// K13: ratios of institutions, doctors or departments, held against a figure, the period before or their peers.
//
// Meaning   ratio = numerator * up / (denominator * down), rounded half up to a whole number (millionths, by the caller's scale). change:
//           (ratio - before) / before. z: (ratio - mean) / population standard deviation. mad: |ratio - median| / median absolute
//           deviation, both medians the lower one. percentile: ratios of the group strictly below / ratios of the group, itself among them.
// Units     value and ratios in millionths; measure too, rounded half up for reading: all is compared exactly. limit: the value.
// Requires  up, down > 0. Cells of a peer group contiguous; before < cells.
// Gives     One finding a cell (a unit in a period), in order; it is the offending event.
// Fails     std::bad_alloc. Unknown, and counted: a cell with a missing sum, a denominator not above 0 or below min_sample, a ratio beyond
//           64 bits; no known ratio above 0 before it; a spread of 0, or one that times the size of its group leaves 62 bits.
// Cost      O(1) a cell, for mad and percentile O(n log n) a group.
#pragma once

#include <cstdint>
#include <span>

#include "ybcore/checks/found.hpp"

namespace ybcore::checks {

struct Ratios {
  std::span<const std::int64_t> numerator, denominator;  // of each cell, kUnknown for missing
  std::int64_t up = 1'000'000, down = 1;
  std::int64_t min_sample = 0;  // in the denominator's unit
};

enum class Statistic : std::uint8_t { kZ, kMad, kPercentile };

struct RatioTest {
  Comparator comparator = Comparator::kMoreThan;
  std::int64_t value = 0;
};

[[nodiscard]] std::int64_t ratio_of(const Ratios& cells, std::size_t i) noexcept;  // kUnknown: unknown

[[nodiscard]] Found ratio_fixed(const Ratios& cells, RatioTest test, int threads = 1);
// `before` of each cell: the cell of the period before, -1 none.
[[nodiscard]] Found ratio_change(const Ratios& cells, std::span<const std::int32_t> before, RatioTest test, int threads = 1);
// `begin`: groups + 1.
[[nodiscard]] Found ratio_peer(const Ratios& cells, std::span<const std::int64_t> begin, Statistic statistic, RatioTest test,
                               int threads = 1);

}  // namespace ybcore::checks
