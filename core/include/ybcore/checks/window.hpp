// K07: how much, or how many different things, within calendar or rolling windows of a subject.
//
// Meaning   Every window of the rule is looked at in one scan. Calendar: one finding a period, the events from the first at which the
//           running measure compares offend, those before it are involved; limit is the value that compared last, measure the whole
//           period's. Rolling: one finding an event at which it compares; it offends, the others in its window are involved.
//           less_than and at_most judge a calendar period by its whole, and all its events offend.
// Units     Days since 1970-01-01; value as the caller counts (1/10000 of a unit, fen); begin and end of a finding are the first and the
//           last day of the window; step is the place of the value in `threshold`; excess is what an event carries beyond the easiest
//           value of its scope (kSum with more_than and at_least, else kWhole).
// Requires  scopes >= 1. Events of a subject by day, then in order; day within the years 1 to 9999; n >= 1 (rolling through: n >= 0); key <
// keys;
//           scope < scopes; at most 2^31 - 1 events.
// Gives     Findings by window, then subject, then event. An event whose value is kUnknown or whose key is -1 is left out and counted.
// Fails     std::bad_alloc. A measure beyond 64 bits is told as the greatest number; it is compared exactly.
// Cost      O(1) amortised an event and window; kKeys a table of `keys` numbers a chunk.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ybcore/checks/found.hpp"

namespace ybcore::checks {

enum class Measured : std::uint8_t { kCount, kSum, kDays, kKeys };

enum class Span : std::uint8_t { kDay, kMonth, kQuarter, kYear, kInsuranceYear, kRolling };

struct Window {
  Span span = Span::kRolling;
  std::int32_t n = 1;    // periods, or days
  bool through = false;  // rolling: an event n days ago still counts
  bool peers = false;    // rolling: later events of the same day count too
};

struct WindowEvents {
  std::span<const std::int64_t> begin;  // subjects + 1
  std::span<const std::int32_t> day;
  std::span<const std::int64_t> value;  // kSum
  std::span<const std::int32_t> key;    // kKeys
  std::span<const std::int32_t> scope;  // which values judge an event, -1 none; empty: 0 for all
};

struct WindowRule {
  Measured measured = Measured::kCount;
  Comparator comparator = Comparator::kMoreThan;
  std::int32_t keys = 0;
  std::int32_t starts = 101;  // month * 100 + day on which an insurance year begins
  std::span<const Window> windows;
  std::int32_t scopes = 1;
  std::span<const std::int64_t> threshold_begin;  // windows * scopes + 1
  std::span<const std::int64_t> threshold;        // of a window and scope in the order tried: the first that compares is the limit
};

[[nodiscard]] Found window(const WindowEvents& events, const WindowRule& rule, int threads = 1);

// First and last day of the calendar period that a day lies in. Months and quarters are counted from the year's first, and the last
// period ends with the year; days and years from 0.
struct Period {
  std::int64_t first = 0, last = 0;
};
[[nodiscard]] Period period_of(const Window& window, std::int32_t starts, std::int64_t day) noexcept;

// What `window` would find for each of many values, from one scan: `values` rising, in place of every threshold (events of scope -1 stay
// out). `money` fen of an event. `excess` (kSum): an event moves money * excess / value, half up, else all its money. An event that
// offends for a value offends for every easier one: `reach` is for how many (the lowest, or with kLessThan and kAtMost the highest).
struct WindowReplay {
  std::vector<std::int64_t> hits, amount;  // windows * values
  std::vector<std::int32_t> reach;         // windows * events
};
[[nodiscard]] WindowReplay window_replay(const WindowEvents& events, const WindowRule& rule, std::span<const std::int64_t> values,
                                         std::span<const std::int64_t> money, bool excess, int threads = 1);

}  // namespace ybcore::checks
