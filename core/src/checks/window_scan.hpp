// The scan that findings and replays share: it tells a sink the measure at every event that may compare.
//
// A sink has reach(): nothing up to it compares. A tally's passes(first, end, reach) is false where no part of a subject can be beyond;
// most subjects end there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "groups.hpp"
#include "ybcore/checks/window.hpp"

namespace ybcore::checks {

struct CountTally {
  explicit CountTally(const WindowEvents& /*events*/, std::int32_t /*keys*/) {}
  static bool known(std::size_t /*i*/) { return true; }
  void add(std::size_t /*i*/, std::size_t /*first*/) { ++total; }
  void remove(std::size_t /*i*/, std::size_t /*end*/) { --total; }
  void clear(std::size_t /*from*/, std::size_t /*to*/) { total = 0; }
  static bool passes(std::size_t first, std::size_t end, Wide reach) { return static_cast<Wide>(end - first) > reach; }
  std::int64_t total = 0;
};

struct SumTally {
  explicit SumTally(const WindowEvents& events, std::int32_t /*keys*/) : value(events.value) {}
  bool known(std::size_t i) const { return value[i] != kUnknown; }
  void add(std::size_t i, std::size_t /*first*/) { total += known(i) ? value[i] : 0; }
  void remove(std::size_t i, std::size_t /*end*/) { total -= known(i) ? value[i] : 0; }
  void clear(std::size_t /*from*/, std::size_t /*to*/) { total = 0; }
  bool passes(std::size_t first, std::size_t end, Wide reach) const {
    Wide sum = 0;
    std::int64_t signs = 0;
    for (std::size_t i = first; i < end; ++i) sum += value[i], signs |= value[i];
    return signs < 0 || sum > reach;  // what is not known is negative too, and must be counted
  }
  std::span<const std::int64_t> value;
  Wide total = 0;
};

// Events of one day stand together, come together and leave together.
struct DayTally {
  explicit DayTally(const WindowEvents& events, std::int32_t /*keys*/) : day(events.day) {}
  static bool known(std::size_t /*i*/) { return true; }
  void add(std::size_t i, std::size_t first) { total += i == first || day[i - 1] != day[i] ? 1 : 0; }
  void remove(std::size_t i, std::size_t end) { total -= i + 1 == end || day[i + 1] != day[i] ? 1 : 0; }
  void clear(std::size_t /*from*/, std::size_t /*to*/) { total = 0; }
  static bool passes(std::size_t first, std::size_t end, Wide reach) { return CountTally::passes(first, end, reach); }
  std::span<const std::int32_t> day;
  std::int64_t total = 0;
};

struct KeyTally {
  KeyTally(const WindowEvents& events, std::int32_t keys) : key(events.key), count(static_cast<std::size_t>(keys)) {}
  bool known(std::size_t i) const { return key[i] >= 0; }
  std::int32_t& of(std::size_t i) { return count[static_cast<std::size_t>(key[i])]; }
  void add(std::size_t i, std::size_t /*first*/) {
    if (known(i)) total += of(i)++ == 0 ? 1 : 0;
  }
  void remove(std::size_t i, std::size_t /*end*/) {
    if (known(i)) total -= --of(i) == 0 ? 1 : 0;
  }
  void clear(std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i)
      if (known(i)) of(i) = 0;
    total = 0;
  }
  bool passes(std::size_t first, std::size_t end, Wide reach) const {
    std::int32_t signs = 0;
    for (std::size_t i = first; i < end; ++i) signs |= key[i];
    return signs < 0 || CountTally::passes(first, end, reach);
  }
  std::span<const std::int32_t> key;
  std::vector<std::int32_t> count;
  std::int64_t total = 0;
};

// sink.rolled(event, first and past-last event of its window, measure) for every event of subjects from .. to, sink.missing() for one that
// is not known.
template <bool peers, class Tally, class Sink>
void roll(const WindowEvents& events, const Window& window, std::size_t from, std::size_t to, Tally& tally, Sink& sink) {
  const std::int64_t keep = static_cast<std::int64_t>(window.n) - (window.through ? 0 : 1);
  for (std::size_t g = from; g < to; ++g) {
    const auto first = static_cast<std::size_t>(events.begin[g]), end = static_cast<std::size_t>(events.begin[g + 1]);
    if (!tally.passes(first, end, sink.reach())) continue;
    std::size_t low = first, high = first;
    for (std::size_t i = first; i < end; ++i) {
      if constexpr (peers) {
        for (; high < end && events.day[high] == events.day[i]; ++high) tally.add(high, first);
      } else {
        tally.add(i, first);
        high = i + 1;
      }
      const std::int64_t since = events.day[i] - keep;
      for (; events.day[low] < since; ++low) tally.remove(low, end);
      if (tally.known(i)) {
        sink.rolled(i, low, high, tally.total);
      } else {
        sink.missing();
      }
    }
    tally.clear(low, high);
  }
}

// Events up to each in order are counted by their places: more than `reach` of them are within when the one that many places before is.
template <class Sink>
void roll_counts(const WindowEvents& events, const Window& window, std::size_t from, std::size_t to, Sink& sink) {
  const std::int64_t keep = static_cast<std::int64_t>(window.n) - (window.through ? 0 : 1);
  const Wide reach = sink.reach();
  for (std::size_t g = from; g < to; ++g) {
    const auto first = static_cast<std::size_t>(events.begin[g]), end = static_cast<std::size_t>(events.begin[g + 1]);
    if (!CountTally::passes(first, end, reach)) continue;
    const auto before = static_cast<std::size_t>(reach);
    std::size_t low = first;
    for (std::size_t i = first + before; i < end; ++i) {
      const std::int64_t since = events.day[i] - keep;
      if (events.day[i - before] < since) continue;
      while (events.day[low] < since) ++low;
      sink.rolled(i, low, i + 1, static_cast<std::int64_t>(i + 1 - low));
    }
  }
}

// sink.counted(event, running measure) for every event, sink.closed(first, past-last, period, measure) for every period.
template <class Tally, class Sink>
void by_calendar(const WindowEvents& events, const Window& window, std::int32_t starts, std::size_t from, std::size_t to, Tally& tally,
                 Sink& sink) {
  for (std::size_t g = from; g < to; ++g) {
    auto first = static_cast<std::size_t>(events.begin[g]);
    const auto end = static_cast<std::size_t>(events.begin[g + 1]);
    if (!tally.passes(first, end, sink.reach())) continue;
    while (first < end) {
      const Period period = period_of(window, starts, events.day[first]);
      std::size_t i = first;
      for (; i < end && events.day[i] <= period.last; ++i) {
        if (!tally.known(i)) {
          sink.missing();
          continue;
        }
        tally.add(i, first);
        sink.counted(i, tally.total);
      }
      sink.closed(first, i, period, tally.total);
      tally.clear(first, i);
      first = i;
    }
  }
}

// All windows, block after block of subjects, so that a block is still near when the next window looks at it. `sinks`: one a window.
template <class Tally, class Sink>
void scan(const WindowEvents& events, const WindowRule& rule, std::size_t from, std::size_t to, std::span<Sink> sinks) {
  constexpr std::int64_t kBlock = 1 << 14;
  Tally tally(events, rule.keys);
  while (from < to) {
    std::size_t next = from + 1;
    while (next < to && events.begin[next + 1] - events.begin[from] <= kBlock) ++next;
    for (std::size_t w = 0; w < rule.windows.size(); ++w) {
      const Window& window = rule.windows[w];
      if (window.span != Span::kRolling) {
        by_calendar(events, window, rule.starts, from, next, tally, sinks[w]);
      } else if (std::is_same_v<Tally, CountTally> && !window.peers && sinks[w].reach() >= 0) {
        roll_counts(events, window, from, next, sinks[w]);
      } else if (window.peers) {
        roll<true>(events, window, from, next, tally, sinks[w]);
      } else {
        roll<false>(events, window, from, next, tally, sinks[w]);
      }
    }
    from = next;
  }
}

template <class Sink>
void scan_measured(const WindowEvents& events, const WindowRule& rule, std::size_t from, std::size_t to, std::span<Sink> sinks) {
  switch (rule.measured) {
    case Measured::kCount:
      return scan<CountTally>(events, rule, from, to, sinks);
    case Measured::kSum:
      return scan<SumTally>(events, rule, from, to, sinks);
    case Measured::kDays:
      return scan<DayTally>(events, rule, from, to, sinks);
    case Measured::kKeys:
      return scan<KeyTally>(events, rule, from, to, sinks);
  }
}

[[nodiscard]] inline bool known(const WindowEvents& events, Measured measured, std::size_t i) noexcept {
  if (measured == Measured::kSum) return events.value[i] != kUnknown;
  return measured != Measured::kKeys || events.key[i] >= 0;
}

}  // namespace ybcore::checks
