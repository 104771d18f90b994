// The scan that findings and replays share: it tells a sink the measure at every event that may compare.
//
// A sink has reach(): nothing up to it compares. A tally has look(first, end): whether all events there are known and none takes anything
// away, and then what they measure together at most. Most subjects, and most parts of them, measure too little and are passed over.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "groups.hpp"
#include "ybcore/checks/window.hpp"

namespace ybcore::checks {

struct Look {
  bool sound = true;
  std::int64_t most = 0;
};

struct CountTally {
  explicit CountTally(const WindowEvents& /*events*/, std::int32_t /*keys*/) {}
  static bool known(std::size_t /*i*/) { return true; }
  void add(std::size_t /*i*/, std::size_t /*first*/) { ++total; }
  void remove(std::size_t /*i*/, std::size_t /*end*/) { --total; }
  void clear(std::size_t /*from*/, std::size_t /*to*/) { total = 0; }
  static Look look(std::size_t first, std::size_t end) { return {true, static_cast<std::int64_t>(end - first)}; }
  static std::int64_t most(std::size_t /*i*/, std::size_t /*first*/) { return 1; }
  std::int64_t total = 0;
};

struct SumTally {
  explicit SumTally(const WindowEvents& events, std::int32_t /*keys*/) : value(events.value) {}
  bool known(std::size_t i) const { return value[i] != kUnknown; }
  void add(std::size_t i, std::size_t /*first*/) { total += known(i) ? value[i] : 0; }
  void remove(std::size_t i, std::size_t /*end*/) { total -= known(i) ? value[i] : 0; }
  void clear(std::size_t /*from*/, std::size_t /*to*/) { total = 0; }
  // What is not known is negative too. So many values so small stay within 64 bits.
  Look look(std::size_t first, std::size_t end) const {
    constexpr int kSmall = 40;
    std::uint64_t sum = 0, bits = 0;
    for (std::size_t i = first; i < end; ++i) sum += static_cast<std::uint64_t>(value[i]), bits |= static_cast<std::uint64_t>(value[i]);
    return {bits >> kSmall == 0 && end - first < std::size_t{1} << (62 - kSmall), static_cast<std::int64_t>(sum)};
  }
  std::int64_t most(std::size_t i, std::size_t /*first*/) const { return value[i]; }
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
  Look look(std::size_t first, std::size_t end) const {
    std::int64_t days = first == end ? 0 : 1;
    for (std::size_t i = first + 1; i < end; ++i) days += day[i - 1] != day[i] ? 1 : 0;
    return {true, days};
  }
  std::int64_t most(std::size_t i, std::size_t first) const { return i == first || day[i - 1] != day[i] ? 1 : 0; }
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
  Look look(std::size_t first, std::size_t end) const {
    std::int32_t signs = 0;
    for (std::size_t i = first; i < end; ++i) signs |= key[i];
    return {signs >= 0, static_cast<std::int64_t>(end - first)};
  }
  static std::int64_t most(std::size_t /*i*/, std::size_t /*first*/) { return 1; }
  std::span<const std::int32_t> key;
  std::vector<std::int32_t> count;
  std::int64_t total = 0;
};

template <class Tally>
[[nodiscard]] bool passes(const Tally& tally, std::size_t first, std::size_t end, std::int64_t reach) {
  const Look look = tally.look(first, end);
  return !look.sound || look.most > reach;
}

// Rolling windows of one subject after another: sink.rolled(event, first and past-last event of its window, measure) for every event that
// may compare, sink.missing() for one that is not known.
template <bool peers, class Tally, class Sink>
class Roll {
 public:
  Roll(const WindowEvents& events, const Window& window, Tally& tally, Sink& sink)
      : day_(events.day), keep_(static_cast<std::int64_t>(window.n) - (window.through ? 0 : 1)), tally_(tally), sink_(sink) {}

  void subject(std::size_t first, std::size_t end) {
    const std::int64_t reach = told(sink_.reach());
    const Look look = tally_.look(first, end);
    if (look.sound && look.most <= reach) return;
    first_ = first, end_ = end;
    open(first, first);
    if (!look.sound || reach < 0) {
      roll(first, end);
      return close();
    }
    // Stretches as long as a window: one that ends in a stretch begins no earlier than in the stretch before.
    bool rolling = true;
    std::size_t before = first;
    std::int64_t earlier = 0;
    for (std::size_t begin = first; begin < end;) {
      const std::int64_t last = day_[begin] + keep_;
      std::int64_t own = 0;
      std::size_t next = begin;
      for (; next < end && day_[next] <= last; ++next) own += tally_.most(next, first);
      if (earlier + own > reach) {
        if (!rolling) open(before, begin);
        roll(begin, next);
      } else if (rolling) {
        close();
      }
      rolling = earlier + own > reach;
      before = begin, begin = next, earlier = own;
    }
    if (rolling) close();
  }

 private:
  // As if the events up to `to` had rolled, of which those before `from` are out of every window to come.
  void open(std::size_t from, std::size_t to) {
    low_ = high_ = from;
    for (; high_ < to; ++high_) tally_.add(high_, first_);
  }

  void roll(std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if constexpr (peers) {
        for (; high_ < end_ && day_[high_] == day_[i]; ++high_) tally_.add(high_, first_);
      } else {
        tally_.add(i, first_);
        high_ = i + 1;
      }
      const std::int64_t since = day_[i] - keep_;
      for (; day_[low_] < since; ++low_) tally_.remove(low_, end_);
      if (tally_.known(i)) {
        sink_.rolled(i, low_, high_, tally_.total);
      } else {
        sink_.missing();
      }
    }
  }

  void close() { tally_.clear(low_, high_); }

  std::span<const std::int32_t> day_;
  std::int64_t keep_;
  Tally& tally_;
  Sink& sink_;
  std::size_t first_ = 0, end_ = 0, low_ = 0, high_ = 0;
};

template <bool peers, class Tally, class Sink>
void roll(const WindowEvents& events, const Window& window, std::size_t from, std::size_t to, Tally& tally, Sink& sink) {
  Roll<peers, Tally, Sink> rolling(events, window, tally, sink);
  for (std::size_t g = from; g < to; ++g)
    rolling.subject(static_cast<std::size_t>(events.begin[g]), static_cast<std::size_t>(events.begin[g + 1]));
}

// Events are counted by their places: more than `reach` of them are within when the one that many places before is. Most are not, and that
// is seen of all subjects at once: one of another subject is within only by chance. With peers the last event of a day tells for all of it.
template <bool peers, class Sink>
void roll_counts(const WindowEvents& events, const Window& window, std::size_t from, std::size_t to, Sink& sink) {
  const std::int64_t keep = static_cast<std::int64_t>(window.n) - (window.through ? 0 : 1);
  const std::int64_t reach = told(sink.reach());
  const auto before = static_cast<std::size_t>(reach), all = static_cast<std::size_t>(events.begin[to]);
  const std::int32_t* const day = events.day.data();
  std::size_t first = 0, end = static_cast<std::size_t>(events.begin[from]), low = 0;
  if (reach >= events.begin[to] - events.begin[from]) return;
  for (std::size_t i = end + before; i < all; ++i) {
    if (static_cast<std::uint64_t>(static_cast<std::int64_t>(day[i]) - day[i - before]) > static_cast<std::uint64_t>(keep)) continue;
    for (; end <= i; ++from) low = first = end, end = static_cast<std::size_t>(events.begin[from + 1]);
    if (i - before < first || (peers && i + 1 < end && day[i + 1] == day[i])) continue;
    while (day[low] < day[i] - keep) ++low;
    std::size_t own = i;
    if constexpr (peers)
      while (own > first && day[own - 1] == day[i]) --own;
    for (; own <= i; ++own) sink.rolled(own, low, i + 1, static_cast<std::int64_t>(i + 1 - low));
  }
}

// The periods that days lie in, each looked up in a calendar once.
class Periods {
 public:
  Periods(const Window& window, std::int32_t starts) : window_(window), starts_(starts) { kept_.fill({1, 0}); }

  const Period& of(std::int64_t day) {
    Period& kept = kept_[static_cast<std::uint64_t>(day) % kept_.size()];
    if (day < kept.first || day > kept.last) kept = period_of(window_, starts_, day);
    return kept;
  }

 private:
  const Window& window_;
  std::int32_t starts_;
  std::array<Period, 512> kept_;
};

// sink.counted(event, running measure) for every event, sink.closed(first, past-last, period, measure) for every period; but for periods
// in which nothing compares.
template <class Tally, class Sink>
void by_calendar(const WindowEvents& events, Periods& periods, std::size_t from, std::size_t to, Tally& tally, Sink& sink) {
  const std::int64_t reach = told(sink.reach());
  for (std::size_t g = from; g < to; ++g) {
    auto first = static_cast<std::size_t>(events.begin[g]);
    const auto end = static_cast<std::size_t>(events.begin[g + 1]);
    if (!passes(tally, first, end, reach)) continue;
    while (first < end) {
      const Period period = periods.of(events.day[first]);
      std::size_t past = first + 1;
      while (past < end && events.day[past] <= period.last) ++past;
      if (passes(tally, first, past, reach)) one_period(first, past, period, tally, sink);
      first = past;
    }
  }
}

template <class Tally, class Sink>
void one_period(std::size_t first, std::size_t past, const Period& period, Tally& tally, Sink& sink) {
  for (std::size_t i = first; i < past; ++i) {
    if (!tally.known(i)) {
      sink.missing();
      continue;
    }
    tally.add(i, first);
    sink.counted(i, tally.total);
  }
  sink.closed(first, past, period, tally.total);
  tally.clear(first, past);
}

// All windows, block after block of subjects, so that a block is still near when the next window looks at it. `sinks`: one a window.
template <class Tally, class Sink>
void scan(const WindowEvents& events, const WindowRule& rule, std::size_t from, std::size_t to, std::span<Sink> sinks) {
  constexpr std::int64_t kBlock = 1 << 14;
  Tally tally(events, rule.keys);
  std::vector<Periods> periods;
  for (const Window& window : rule.windows) periods.emplace_back(window, rule.starts);
  while (from < to) {
    std::size_t next = from + 1;
    while (next < to && events.begin[next + 1] - events.begin[from] <= kBlock) ++next;
    for (std::size_t w = 0; w < rule.windows.size(); ++w) {
      const Window& window = rule.windows[w];
      if (window.span != Span::kRolling) {
        by_calendar(events, periods[w], from, next, tally, sinks[w]);
      } else if (std::is_same_v<Tally, CountTally> && sinks[w].reach() >= 0) {
        window.peers ? roll_counts<true>(events, window, from, next, sinks[w]) : roll_counts<false>(events, window, from, next, sinks[w]);
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
