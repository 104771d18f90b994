#include "ybcore/checks/cap.hpp"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "parts.hpp"
#include "ybcore/checks/chosen.hpp"

namespace ybcore::checks {
namespace {

// What a bucket's sum must be above to compare, by table row: more_than and at_least only.
std::vector<std::int64_t> edges(const CapRule& rule) {
  std::vector<std::int64_t> out(rule.caps.begin(), rule.caps.end());
  if (rule.caps.empty()) out.push_back(rule.cap);
  for (std::int64_t& cap : out) cap = cap == kUnknown && !rule.caps.empty() ? INT64_MAX : told(edge(rule.comparator, cap));
  return out;
}

// Few buckets hold more than their cap. Two sieves leave the others out. Days and hours go by as they come: each line adds to a place of
// a small table that the lines of its code share, and only cells in which a place holds more than a cap are looked at again. There, and
// in other groups, the values are first added up by a hash of their buckets, in a table so wide that few buckets share a place. Where a
// place holds no more than the caps of its events, no bucket of it is beyond. Only what is left is grouped.
class Capping {
 public:
  Capping(const CapEvents& events, const CapRule& rule, std::span<const std::int64_t> edges, const ChosenCodes& chosen, Found& found)
      : events_(events), rule_(rule), edges_(edges), chosen_(chosen), less_(wants_less(rule.comparator)), found_(found) {}

  template <Cell cell>
  void persons(std::size_t first, std::size_t last) {
    const auto line = [&](std::size_t p) { return static_cast<std::size_t>(events_.person_begin[p]); };
    if (!(cell == Cell::kDay || cell == Cell::kHour) || less_ || rule_.factor != 0) {
      for (std::size_t p = first; p < last; ++p) person<cell>(line(p), line(p + 1));
      return;
    }
    slots_.assign(kSlots, {});
    slot_edge_.resize(kSlots);
    const bool listed = !events_.entry.empty() || !events_.row_of.empty();
    if (listed && first < last) named(line(first), line(first + 1));
    for (std::size_t p = first; p < last; ++p) {
      const std::size_t begin = line(p), end = line(p + 1);
      const std::uint64_t tag = static_cast<std::uint64_t>(p - first + 1) << 32;
      bool plain = false;
      if (!listed) {
        plain = sieve<cell>(end - begin, [begin](std::size_t k) { return begin + k; }, tag);
      } else {
        std::swap(named_, next_);
        const std::size_t count = named_count_;
        // Few of their lines are near: the next person's are asked for before this one's are looked at.
        if (p + 1 < last) named(end, line(p + 2));
        plain = sieve<cell>(count, [this](std::size_t k) { return static_cast<std::size_t>(named_[k]); }, tag);
      }
      if (!plain) {
        person<cell>(begin, end);
        continue;
      }
      for (const auto& [from, to] : over_) person<cell>(from, to);
    }
  }

 private:
  static constexpr std::size_t kFewest = 256, kMost = std::size_t{1} << 16;
  static constexpr std::int64_t kOver = INT64_MAX;  // in place of a sum
  static constexpr int kSmall = 40;                 // bits of values that cannot add up beyond 64
  static constexpr int kSlotBits = 10;
  static constexpr std::size_t kSlots = std::size_t{1} << kSlotBits;

  struct Slot {
    std::uint64_t cell = 0;  // and person
    std::uint64_t sum = 0;
  };

  template <Cell cell>
  [[nodiscard]] static std::int64_t cell_of(std::span<const std::int64_t> time, std::size_t i) noexcept {
    if constexpr (cell == Cell::kLine) return static_cast<std::int64_t>(i);
    if constexpr (cell == Cell::kSubject) return 0;
    constexpr std::int64_t size = cell == Cell::kHour ? kHourMicros : kDayMicros;
    return time[i] / size - (time[i] % size < 0 ? 1 : 0);
  }

  [[nodiscard]] PartKey key_of(std::size_t i) const noexcept {
    const Grouping& by = rule_.group;
    return {place_of(by.subject.empty() ? 0 : by.subject[i], by.cut.empty() ? 0 : by.cut[i]),
            events_.combine.empty() ? 0 : events_.combine[i]};
  }

  [[nodiscard]] std::int32_t entry_of(std::size_t i) const noexcept {
    if (events_.row_of.empty()) return events_.entry.empty() ? 0 : events_.entry[i];
    const auto code = static_cast<std::size_t>(events_.combine[i]);
    return code < events_.row_of.size() ? events_.row_of[code] : kNoEntry;
  }

  // Puts the lines of [begin, end) that have a row, or may have one, into next_.
  void named(std::size_t begin, std::size_t end) {
    if (next_.size() < end - begin) next_.resize(end - begin);
    std::size_t count = events_.row_of.empty() ? ChosenCodes::kUnsound : chosen_.of(events_.combine, begin, end, next_.data());
    if (count == ChosenCodes::kUnsound) {
      count = 0;
      for (std::size_t i = begin; i < end; ++i) {
        next_[count] = static_cast<std::int32_t>(i);
        count += entry_of(i) == kNoEntry ? 0 : 1;
      }
    }
    for (std::size_t k = 0; k < count; ++k) {
      __builtin_prefetch(events_.time.data() + next_[k]);
      if (!events_.value.empty()) __builtin_prefetch(events_.value.data() + next_[k]);
    }
    named_count_ = count;
  }

  // Names in over_ the lines of cells in which a sum may be beyond. False where a line of the person lacks something or holds a value that
  // no sum may be told of.
  template <Cell cell, class Row>
  bool sieve(std::size_t count, Row row, std::uint64_t tag) {
    // Cells are counted from days long before those of any line, so that the division is of a number without a sign.
    constexpr std::uint64_t size = cell == Cell::kHour ? kHourMicros : kDayMicros;
    constexpr std::int64_t kEarliest = -1'000'000 * kDayMicros;
    const CapEvents events = events_;
    const Grouping by = rule_.group;
    const std::int64_t* const time = events.time.data();
    const auto cell_at = [&](std::size_t i) {
      return (static_cast<std::uint64_t>(time[i]) - static_cast<std::uint64_t>(kEarliest)) / size;
    };
    Slot* const slots = slots_.data();
    over_.clear();
    std::uint64_t bits = 0;
    std::int32_t lacks = 0;
    std::int64_t earliest = 0;
    for (std::size_t k = 0; k < count; ++k) {
      const std::size_t i = row(k);
      const std::uint64_t own = events.value.empty() ? 1 : static_cast<std::uint64_t>(events.value[i]);
      const std::int32_t code = events.combine.empty() ? 0 : events.combine[i];
      const std::int32_t entry = events.row_of.empty() ? events.entry.empty() ? 0 : events.entry[i] : entry_of(i);
      bits |= own;
      lacks |= code | entry;
      if (!events.complete) lacks |= (by.subject.empty() ? 0 : by.subject[i]) | (by.cut.empty() ? 0 : by.cut[i]);
      earliest = std::min(earliest, time[i]);
      const std::uint64_t here = cell_at(i);
      // Rows by code are few and of one code each: most often no two of them share a place.
      const std::size_t place = events.row_of.empty() ? static_cast<std::uint32_t>(code) * 0x9e3779b1U >> (32 - kSlotBits)
                                                      : static_cast<std::uint32_t>(entry) % kSlots;
      Slot& slot = slots[place];
      const bool known = slot.cell == tag + static_cast<std::uint32_t>(here);
      // No branch: whether the code was met in the cell is anyone's guess.
      const std::uint64_t sum = (slot.sum & (std::uint64_t{0} - static_cast<std::uint64_t>(known))) + own;
      slot = {tag + static_cast<std::uint32_t>(here), sum};
      std::int64_t edge = edges_[rule_.caps.empty() ? 0 : static_cast<std::size_t>(std::max(entry, 0))];
      if (!events.entry.empty()) {
        // A bucket is judged by its first event's cap.
        edge = known ? std::min(edge, slot_edge_[place]) : edge;
        slot_edge_[place] = edge;
      }
      if (static_cast<std::int64_t>(sum) <= edge) continue;
      std::size_t first = k, last = k;
      while (first > 0 && cell_at(row(first - 1)) == here) --first;
      while (last + 1 < count && cell_at(row(last + 1)) == here) ++last;
      over_.push_back({row(first), row(last) + 1});
      k = last;
    }
    return bits >> kSmall == 0 && lacks >= 0 && earliest >= kEarliest && count < std::size_t{1} << (62 - kSmall);
  }

  template <Cell cell>
  void person(std::size_t begin, std::size_t end) {
    const std::size_t places = std::bit_ceil(std::clamp<std::size_t>(8 * (end - begin), kFewest, kMost));
    if (sums_.size() < places) sums_.resize(places);
    if (line_.size() < end - begin) line_.resize(end - begin), place_.resize(end - begin);
    const std::size_t kept = add_up<cell>(begin, end, std::countl_zero(places - 1));
    mark(kept);
    for (std::size_t k = 0; k < kept; ++k) sums_[place_[k]] = 0;
    group<cell>();
  }

  // The lines that are judged, and the place of each; how many they are.
  template <Cell cell>
  std::size_t add_up(std::size_t begin, std::size_t end, int shift) {
    constexpr bool timed = cell == Cell::kDay || cell == Cell::kHour;
    // Read once: the sums that are written might be any of these, for all the compiler knows.
    const CapEvents events = events_;
    const Grouping by = rule_.group;
    const bool stays = rule_.factor != 0;
    std::int64_t* const sums = sums_.data();
    std::size_t kept = 0;
    std::uint64_t bits = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const std::int32_t entry = events.row_of.empty() ? events.entry.empty() ? 0 : events.entry[i] : entry_of(i);
      if (entry == kNoEntry) continue;
      const std::int64_t own = events.value.empty() ? 1 : events.value[i];
      const std::int32_t subject = by.subject.empty() ? 0 : by.subject[i], cut = by.cut.empty() ? 0 : by.cut[i];
      const std::int32_t combine = events.combine.empty() ? 0 : events.combine[i];
      const bool lost = entry < 0 || own == kUnknown || (stays && events.stay_days[i] < 0);
      if (!lost && combine < 0) continue;
      if (lost || (subject | cut) < 0 || (timed && events.time[i] == kUnknown)) {
        ++found_.unknown;
        continue;
      }
      const std::uint64_t mixed =
          (place_of(subject, cut) + static_cast<std::uint64_t>(cell_of<cell>(events.time, i)) * 0xd6e8feb86659fd93U) * 0x9e3779b97f4a7c15U +
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

  // Suspects go by time, so that those of a cell stand together.
  template <Cell cell>
  void group() {
    for (std::size_t k = 0; k < suspects_.size();) {
      const std::int64_t own = cell_of<cell>(events_.time, static_cast<std::size_t>(suspects_[k]));
      parts_.clear();
      for (; k < suspects_.size() && cell_of<cell>(events_.time, static_cast<std::size_t>(suspects_[k])) == own; ++k)
        parts_.add(suspects_[k], key_of(static_cast<std::size_t>(suspects_[k])));
      parts_.each([&](Members lines) { judge(lines); });
    }
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
    found_.open({measure, limit, kUnknown, kUnknown, listed ? entry_of(static_cast<std::size_t>(lines.front())) : -1, 0});
    if (less_) {
      for (const std::int32_t line : lines) found_.detail(line, Part::kOffending);
      return;
    }
    allocate(lines, sum - limit + (rule_.comparator == Comparator::kAtLeast ? 1 : 0));
  }

  [[nodiscard]] std::int64_t value(std::int32_t line) const noexcept {
    return events_.value.empty() ? 1 : events_.value[static_cast<std::size_t>(line)];
  }

  [[nodiscard]] std::size_t row_of(std::size_t i) const noexcept { return rule_.caps.empty() ? 0 : static_cast<std::size_t>(entry_of(i)); }

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
  std::span<const std::int64_t> edges_;
  const ChosenCodes& chosen_;
  bool less_, sound_ = false;
  Found& found_;
  Parts parts_;
  std::vector<std::int64_t> sums_;  // by place; all 0 between persons
  std::vector<std::int32_t> line_, suspects_;
  std::vector<std::uint32_t> place_;
  std::vector<std::int64_t> share_;
  std::vector<Slot> slots_;
  std::vector<std::int64_t> slot_edge_;     // by slot, the least cap met
  std::vector<std::int32_t> named_, next_;  // lines of a person and of the next one
  std::size_t named_count_ = 0;             // of the next
  std::vector<std::pair<std::size_t, std::size_t>> over_;
};

template <Cell cell>
Found capped(const CapEvents& events, const CapRule& rule, int threads) {
  const std::vector<std::int64_t> above = edges(rule);
  ChosenCodes chosen(events.row_of.size());
  for (std::size_t code = 0; code < events.row_of.size(); ++code)
    if (events.row_of[code] != kNoEntry) chosen.choose(static_cast<std::int64_t>(code));
  return over_groups(events.person_begin, threads, [&](Found& found, std::size_t first, std::size_t last) {
    Capping(events, rule, above, chosen, found).persons<cell>(first, last);
  });
}

}  // namespace

Found cap(const CapEvents& events, const CapRule& rule, int threads) {
  switch (rule.group.cell) {
    case Cell::kLine:
      return capped<Cell::kLine>(events, rule, threads);
    case Cell::kDay:
      return capped<Cell::kDay>(events, rule, threads);
    case Cell::kHour:
      return capped<Cell::kHour>(events, rule, threads);
    default:
      return capped<Cell::kSubject>(events, rule, threads);
  }
}

}  // namespace ybcore::checks
