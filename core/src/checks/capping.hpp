// What is judged of buckets (cap.hpp), exactly: all lines of some time of a person, or those that sieves leave over.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "parts.hpp"
#include "places.hpp"
#include "ybcore/checks/cap.hpp"

namespace ybcore::checks {

// What a bucket's sum must be above to compare, by table row, and less than kTopSum: more_than and at_least only. What is no row (kNoEntry,
// kEntryUnknown) has a place before row 0, and may be looked up.
class Edges {
 public:
  explicit Edges(const CapRule& rule) : edge_(-kEntryUnknown, 0) {
    edge_.insert(edge_.end(), rule.caps.begin(), rule.caps.end());
    if (rule.caps.empty()) edge_.push_back(rule.cap);
    for (std::int64_t& cap : edge_) {
      const bool none = cap == kUnknown && !rule.caps.empty();
      cap = std::min(none ? kTopSum : told(edge(rule.comparator, cap)), kTopSum - 1);
    }
  }

  [[nodiscard]] const std::int64_t* of_row() const noexcept { return edge_.data() - kEntryUnknown; }

 private:
  std::vector<std::int64_t> edge_;
};

[[nodiscard]] inline std::int32_t entry_of(const CapEvents& events, std::size_t i) noexcept {
  if (events.row_of.empty()) return events.entry.empty() ? 0 : events.entry[i];
  const auto code = static_cast<std::size_t>(events.combine[i]);
  return code < events.row_of.size() ? events.row_of[code] : kNoEntry;
}

// Values are first added up by a hash of their buckets, in a table so wide that few buckets share a place. Where a place holds no more than
// the caps of its events, no bucket of it is beyond. Only what is left is grouped.
template <Cell cell>
class Capping {
 public:
  Capping(const CapEvents& events, const CapRule& rule, const std::int64_t* edges, Found& found)
      : events_(events), rule_(rule), edges_(edges), less_(wants_less(rule.comparator)), found_(found) {}

  // Every line of [begin, end), of one person and of whole cells.
  void whole(std::size_t begin, std::size_t end) {
    const std::size_t places = std::bit_ceil(std::clamp<std::size_t>(8 * (end - begin), kFewest, kMost));
    if (sums_.size() < places) sums_.resize(places);
    if (line_.size() < end - begin) line_.resize(end - begin), place_.resize(end - begin);
    const std::size_t kept = add_up(begin, end, std::countl_zero(places - 1));
    mark(kept);
    for (std::size_t k = 0; k < kept; ++k) sums_[place_[k]] = 0;
    some(suspects_);
  }

  // Only these, rising: all lines of each bucket that may be beyond, of one person, and none that lacks anything.
  void some(Members suspects) {
    for (std::size_t k = 0; k < suspects.size();) {
      const std::int64_t own = cell_of(static_cast<std::size_t>(suspects[k]));
      parts_.clear();
      for (; k < suspects.size() && cell_of(static_cast<std::size_t>(suspects[k])) == own; ++k)
        parts_.add(suspects[k], key_of(static_cast<std::size_t>(suspects[k])));
      parts_.each([&](Members lines) { judge(lines); });
    }
  }

 private:
  static constexpr bool kTimed = cell == Cell::kDay || cell == Cell::kHour;
  static constexpr std::size_t kFewest = 256, kMost = std::size_t{1} << 16;
  static constexpr std::int64_t kOver = INT64_MAX;  // in place of a sum
  static constexpr int kSmall = 40;                 // bits of values that cannot add up beyond 64

  [[nodiscard]] std::int64_t cell_of(std::size_t i) const noexcept {
    if constexpr (cell == Cell::kLine) return static_cast<std::int64_t>(i);
    if constexpr (cell == Cell::kSubject) return 0;
    constexpr std::int64_t size = cell == Cell::kHour ? kHourMicros : kDayMicros;
    if (cell == Cell::kDay && !events_.day.empty()) return events_.day[i];
    return events_.time[i] / size - (events_.time[i] % size < 0 ? 1 : 0);
  }

  [[nodiscard]] bool timeless(std::size_t i) const noexcept {
    if (cell == Cell::kDay && !events_.day.empty()) return events_.day[i] == kNoDay;
    return kTimed && events_.time[i] == kUnknown;
  }

  [[nodiscard]] PartKey key_of(std::size_t i) const noexcept {
    const Grouping& by = rule_.group;
    return {place_of(by.subject.empty() ? 0 : by.subject[i], by.cut.empty() ? 0 : by.cut[i]),
            events_.combine.empty() ? 0 : events_.combine[i]};
  }

  // The lines that are judged, and the place of each; how many they are.
  std::size_t add_up(std::size_t begin, std::size_t end, int shift) {
    // Read once: the sums that are written might be any of these, for all the compiler knows.
    const CapEvents events = events_;
    const Grouping by = rule_.group;
    const bool stays = rule_.factor != 0;
    std::int64_t* const sums = sums_.data();
    std::size_t kept = 0;
    std::uint64_t bits = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const std::int32_t entry = entry_of(events, i);
      if (entry == kNoEntry) continue;
      const std::int64_t own = events.value.empty() ? 1 : events.value[i];
      const std::int32_t subject = by.subject.empty() ? 0 : by.subject[i], cut = by.cut.empty() ? 0 : by.cut[i];
      const std::int32_t combine = events.combine.empty() ? 0 : events.combine[i];
      const bool lost = entry < 0 || own == kUnknown || (stays && events.stay_days[i] < 0);
      if (!lost && combine < 0) continue;
      if (lost || (subject | cut) < 0 || timeless(i)) {
        ++found_.unknown;
        continue;
      }
      const std::uint64_t mixed =
          (place_of(subject, cut) + static_cast<std::uint64_t>(cell_of(i)) * 0xd6e8feb86659fd93U) * 0x9e3779b97f4a7c15U +
          static_cast<std::uint64_t>(combine) * 0xc2b2ae3d27d4eb4fU;
      const auto place = static_cast<std::uint32_t>(mixed >> shift);
      bits |= static_cast<std::uint64_t>(own);
      sums[place] = static_cast<std::int64_t>(static_cast<std::uint64_t>(sums[place]) + static_cast<std::uint64_t>(own));
      line_[kept] = static_cast<std::int32_t>(i);
      place_[kept++] = place;
    }
    sound_ = !less_ && bits >> kSmall == 0 && end - begin < std::size_t{1} << (62 - kSmall);
    return kept;
  }

  // Names in suspects_ the lines of which some bucket may compare.
  void mark(std::size_t kept) {
    suspects_.clear();
    if (!sound_) {
      suspects_.assign(line_.begin(), line_.begin() + static_cast<std::ptrdiff_t>(kept));
      return;
    }
    const bool by_row = rule_.factor == 0;
    std::int64_t* const sums = sums_.data();
    bool any = false;
    for (std::size_t k = 0; k < kept; ++k) {
      const auto i = static_cast<std::size_t>(line_[k]);
      const std::int64_t edge = by_row ? edges_[row_of(i)] : edge_of(i);
      if (sums[place_[k]] <= edge) continue;
      sums[place_[k]] = kOver;
      any = true;
    }
    for (std::size_t k = 0; any && k < kept; ++k)
      if (sums_[place_[k]] == kOver) suspects_.push_back(line_[k]);
  }

  void judge(Members lines) {
    const std::int64_t limit = limit_of(static_cast<std::size_t>(lines.front()));
    if (limit == kUnknown) return;
    Wide sum = 0;
    for (const std::int32_t line : lines) sum += value(line);
    const std::int64_t measure = told(sum);
    if (!hits(rule_.comparator, measure, limit)) return;
    // Lines of nothing carry no excess.
    if (!less_ && std::ranges::none_of(lines, [this](std::int32_t line) { return value(line) > 0; })) return;
    const bool listed = !events_.entry.empty() || !events_.row_of.empty();
    found_.open({measure, limit, kUnknown, kUnknown, listed ? entry_of(events_, static_cast<std::size_t>(lines.front())) : -1, 0});
    if (less_) {
      for (const std::int32_t line : lines) found_.detail(line, Part::kOffending);
      return;
    }
    allocate(lines, sum - limit + (rule_.comparator == Comparator::kAtLeast ? 1 : 0));
  }

  [[nodiscard]] std::int64_t value(std::int32_t line) const noexcept {
    return events_.value.empty() ? 1 : events_.value[static_cast<std::size_t>(line)];
  }

  [[nodiscard]] std::size_t row_of(std::size_t i) const noexcept {
    return rule_.caps.empty() ? 0 : static_cast<std::size_t>(entry_of(events_, i));
  }

  [[nodiscard]] std::int64_t edge_of(std::size_t i) const noexcept {
    const std::int64_t limit = limit_of(i);
    return limit == kUnknown ? INT64_MAX : told(edge(rule_.comparator, limit));
  }

  [[nodiscard]] std::int64_t limit_of(std::size_t i) const noexcept {
    Wide limit = rule_.cap;
    if (!rule_.caps.empty()) {
      const std::int64_t own = rule_.caps[row_of(i)];
      if (own == kUnknown) return kUnknown;
      limit = own;
    }
    if (rule_.factor != 0) limit += static_cast<Wide>(rule_.factor) * events_.stay_days[i];
    return told(limit);
  }

  void allocate(Members lines, Wide beyond) {
    share_.assign(lines.size(), 0);
    for (std::size_t k = 0; k < lines.size() && beyond > 0; ++k) {
      const std::size_t at = rule_.last_paid ? k : lines.size() - 1 - k;
      const std::int64_t own = value(lines[at]);
      if (own <= 0) continue;
      share_[at] = beyond < own ? static_cast<std::int64_t>(beyond) : own;
      beyond -= share_[at];
    }
    for (std::size_t k = 0; k < lines.size(); ++k)
      if (share_[k] > 0) found_.detail(lines[k], Part::kOffending, events_.value.empty() ? kWhole : share_[k]);
    for (std::size_t k = 0; k < lines.size(); ++k)
      if (share_[k] == 0) found_.detail(lines[k], Part::kInvolved);
  }

  const CapEvents& events_;
  const CapRule& rule_;
  const std::int64_t* edges_;
  bool less_, sound_ = false;
  Found& found_;
  Parts parts_;
  std::vector<std::int64_t> sums_;  // by place; all 0 between calls
  std::vector<std::int32_t> line_, suspects_;
  std::vector<std::uint32_t> place_;
  std::vector<std::int64_t> share_;
};

}  // namespace ybcore::checks
