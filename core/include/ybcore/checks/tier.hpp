// K11: operations at one time, of which all but the dearest are paid in part.
//
// Meaning   A line belongs to one operation group: of those its item is in, in their order, the first in which another line of the bucket
//           also is, else the first. The lines of a group are ranked by full price, highest first, then in order; expected = full price *
//           quantity * the factor of the rank (the last factor goes on), rounded half up once. What is billed beyond it is the hit.
// Units     price 1/1000000 yuan a unit, quantity 1/10000, amount fen, factors ppm; measure amount, limit expected, step the rank; excess
//           the fen beyond.
// Requires  Buckets (visit, day or incision) of lines in order; the groups of each item rising in the order in which they are tried, none
//           twice; group < groups; at least one factor.
// Gives     Findings in the order of lines: the line offends, those ranked before it are involved. A line without price, quantity, amount
// or
//           group, or whose product does not fit 128 bits, is left out of the ranks and counted unknown.
// Fails     std::bad_alloc.
// Cost      O(n log n) a bucket.
#pragma once

#include <cstdint>
#include <span>

#include "ybcore/checks/found.hpp"

namespace ybcore::checks {

struct Operations {
  std::span<const std::int64_t> begin;  // buckets + 1
  std::span<const std::int32_t> item;   // -1: in no group
  std::span<const std::int64_t> quantity, amount;
  std::span<const std::int64_t> price;  // full price, kUnknown where it has none
};

struct TierRule {
  std::span<const std::int64_t> group_begin;  // items + 1
  std::span<const std::int32_t> group;        // operation groups of each item, in the order tried
  std::int32_t groups = 0;
  std::span<const std::int64_t> factors;
};

[[nodiscard]] Found tier(const Operations& lines, const TierRule& rule, int threads = 1);

}  // namespace ybcore::checks
