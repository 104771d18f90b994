// Events put together by keys, and what they count added up by key.
//
// Meaning   regroup: inside each run events go by their keys, the first outermost, those of equal keys as they stood; events of one run
//           and of equal keys are a group. tally: the sum of what the events of each key count.
// Units     None; sums are in the unit of the values.
// Requires  begin cuts all events; one to three keys, one of each for every event; fewer than 2^31 events. tally: keys below the sums,
//           -1 for an event that is left out; values empty (each counts 1) or one an event; sums within 64 bits.
// Gives     regroup: the order, and where each group begins in it and the last one ends. tally: adds to `sums`.
// Fails     Never.
// Cost      regroup: a sort inside each run, one look where it stands so already. tally: one addition an event.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ybcore::checks {

struct Regrouped {
  std::vector<std::int32_t> order;
  std::vector<std::int64_t> begin;
};

[[nodiscard]] Regrouped regroup(std::span<const std::int64_t> begin, std::span<const std::span<const std::int32_t>> keys, int threads);

void tally(std::span<const std::int32_t> key, std::span<const std::int64_t> value, std::span<std::int64_t> sums) noexcept;

}  // namespace ybcore::checks
