// K08: days between a stay and the one before it.
//
// Meaning   The stay before is, of those of the group that stand earlier in order, the one with the latest end (then the later in order).
//           gap = day of begin - day of that end. The first zone that the gap compares with, in the order given, is the limit. The later
//           stay offends, the earlier is involved.
// Units     Microseconds since 1970-01-01; gap and zones in days; begin and end of a finding are the end of the earlier stay and the
//           begin of the later; step is the place of the zone.
// Requires  Stays of a group (person and what must be the same) by begin, then id; spans as long as `start` or empty.
// Gives     Findings in order. A stay whose begin or end is kUnknown is no one's earlier stay, is not judged and is counted.
// Fails     std::bad_alloc.
// Cost      O(1) a stay.
#pragma once

#include <cstdint>
#include <span>

#include "ybcore/checks/found.hpp"

namespace ybcore::checks {

struct Stays {
  std::span<const std::int64_t> begin;       // groups + 1
  std::span<const std::int64_t> start, end;  // times
  std::span<const std::uint8_t> exempt;      // 1: not judged as the later stay; may be empty
  std::span<const std::int32_t> from;        // the stay that it was transferred from (place, -1 none): exempt after that one; may be empty
};

struct GapRule {
  Comparator comparator = Comparator::kAtMost;
  std::span<const std::int64_t> zones;
  bool overlap = false;  // a gap below 0 is judged too
};

[[nodiscard]] Found gap(const Stays& stays, const GapRule& rule, int threads = 1);

}  // namespace ybcore::checks
