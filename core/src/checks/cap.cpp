#include "ybcore/checks/cap.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "capping.hpp"
#include "places.hpp"
#include "ybcore/checks/chosen.hpp"

namespace ybcore::checks {
namespace {

// Few buckets hold more than their cap: the others are left out before anything is grouped. Lines add to places that some codes share;
// where a place holds no more than the caps of its lines, no bucket of it is beyond. Where no table picks lines, days and hours that hold
// less than the cap in all are left out before that: of their lines only values are read.
template <Cell cell>
class Sieve {
 public:
  Sieve(const CapEvents& events, const CapRule& rule, const std::int64_t* edges, const ChosenCodes& chosen, Found& found)
      : events_(events), rule_(rule), edges_(edges), chosen_(chosen), capping_(events, rule, edges, found) {}

  void persons(std::size_t first, std::size_t last) {
    const bool by_row = !events_.entry.empty() || !events_.row_of.empty();
    if (cell == Cell::kLine || wants_less(rule_.comparator) || rule_.factor != 0 || (by_row && !kTimed)) {
      for (std::size_t p = first; p < last; ++p) capping_.whole(line(p), line(p + 1));
    } else if constexpr (!kTimed) {
      for (std::size_t p = first; p < last; ++p) one_cell(line(p), line(p + 1));
    } else if (by_row) {
      listed(first, last);
    } else {
      for (std::size_t to = 0; first < last; first = to) timed(first, to = block_from(first, last, kBlock));
    }
  }

 private:
  static constexpr bool kTimed = cell == Cell::kDay || cell == Cell::kHour;
  static constexpr std::size_t kBlock = 1024, kListed = 8192;  // lines that are looked at together, or one person's: all, or of a table
  static constexpr std::size_t kDense = 16, kMemoryLine = 64;  // one line in so many is of the table; bytes
  // Cells are counted from days long before those of any line, so that the division is of a number without a sign.
  static constexpr std::int64_t kEarliest = -1'000'000 * kDayMicros;
  static constexpr std::uint64_t kSize = cell == Cell::kHour ? kHourMicros : kDayMicros;

  [[nodiscard]] std::size_t line(std::size_t p) const noexcept { return static_cast<std::size_t>(events_.person_begin[p]); }

  // Past the persons that make up a block.
  [[nodiscard]] std::size_t block_from(std::size_t first, std::size_t last, std::size_t lines) const noexcept {
    std::size_t to = first + 1;
    while (to < last && line(to) - line(first) < lines) ++to;
    return to;
  }

  [[nodiscard]] bool dated() const noexcept { return cell == Cell::kDay && !events_.day.empty(); }
  [[nodiscard]] static bool lost(std::int32_t day) noexcept { return day == kNoDay; }
  [[nodiscard]] static bool lost(std::int64_t time) noexcept { return time < kEarliest; }
  [[nodiscard]] static std::uint64_t cell_at(std::int32_t day) noexcept { return static_cast<std::uint32_t>(day); }
  [[nodiscard]] static std::uint64_t cell_at(std::int64_t time) noexcept {
    return (static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(kEarliest)) / kSize;
  }

  // --- one cap for all lines

  // Looks again at cells of persons [first, last) in which all values together are beyond.
  void timed(std::size_t first, std::size_t last) {
    const std::size_t begin = line(first), end = line(last);
    const bool sound = dated() ? added_up(first, last, events_.day.data()) : added_up(first, last, events_.time.data());
    if (!sound || !uncut(begin, end)) {
      if (last - first == 1) return capping_.whole(begin, end);
      for (std::size_t p = first; p < last; ++p) timed(p, p + 1);
      return;
    }
    constexpr std::size_t kAhead = 8;
    for (std::size_t k = 0; k < over_.size(); ++k) {
      if (k + kAhead < over_.size() && !events_.combine.empty()) __builtin_prefetch(events_.combine.data() + over_[k + kAhead].first);
      one_cell(static_cast<std::size_t>(over_[k].first), static_cast<std::size_t>(over_[k].second));
    }
  }

  // Names in over_ the cells whose values together are beyond. False where a line has no value or no time, or one no sum may be told of.
  template <class Time>
  bool added_up(std::size_t first, std::size_t last, const Time* time) {
    const std::size_t begin = line(first), size = line(last) - begin;
    if (start_.size() <= size) start_.resize(size + 1), before_.resize(size + 1);
    const std::int64_t* const value = events_.value.empty() ? nullptr : events_.value.data();
    // Read once: what is written might be any of these, for all the compiler knows.
    std::int32_t* const start = start_.data();
    std::uint64_t* const before = before_.data();
    std::size_t count = 0;
    std::uint64_t sum = 0, bits = 0;
    const auto add = [&](auto value_of) {
      for (std::size_t p = first; p < last; ++p) {
        const std::size_t end = line(p + 1);
        std::size_t i = line(p);
        if (i == end) continue;
        std::uint64_t now = ~cell_at(time[i]);
        // No branch: where a cell ends is anyone's guess.
        for (; i < end; ++i) {
          const std::uint64_t own = cell_at(time[i]);
          start[count] = static_cast<std::int32_t>(i);
          before[count] = sum;
          count += own != now ? 1 : 0;
          now = own;
          bits |= value_of(i);
          sum += value_of(i);
        }
      }
    };
    value == nullptr ? add([](std::size_t) { return std::uint64_t{1}; })
                     : add([value](std::size_t i) { return static_cast<std::uint64_t>(value[i]); });
    if (bits >> kSmallValue != 0 || size >= std::size_t{1} << (62 - kSmallValue)) return false;
    start[count] = static_cast<std::int32_t>(begin + size);
    before[count] = sum;
    over_.clear();
    bool timeless = false;
    const std::int64_t edge = edges_[0];
    for (std::size_t k = 0; k < count; ++k) {
      timeless |= lost(time[start[k]]);
      if (static_cast<std::int64_t>(before[k + 1] - before[k]) > edge) over_.push_back({start[k], start[k + 1]});
    }
    return !timeless;
  }

  // Looks at the lines of a cell code by code.
  void one_cell(std::size_t begin, std::size_t end) {
    const CapEvents events = events_;
    const Grouping by = rule_.group;
    const Places::Tag tag = Places::tag_of(++cells_);
    const std::int64_t edge = edges_[0];
    Places places(sums_.data());
    suspects_.clear();
    std::uint64_t bits = 0;
    std::int32_t lacks = 0;
    bool rising = true;
    for (std::size_t i = begin; i < end; ++i) {
      const std::int64_t own = events.value.empty() ? 1 : events.value[i];
      const std::int32_t code = events.combine.empty() ? 0 : events.combine[i];
      bits |= static_cast<std::uint64_t>(own);
      lacks |= code;
      auto key = static_cast<std::uint32_t>(code);
      if constexpr (!kTimed) key = with_cut(by, i, key, lacks);
      const std::size_t place = Places::place_of(key);
      const Places::Sum sum = places.add(place, tag, own);
      if (sum.now <= edge) continue;
      places.bound(place, tag, sum.now);
      // Those before it in the place, too.
      for (std::size_t j = begin; sum.met && sum.before <= edge && j < i; ++j) {
        auto other = static_cast<std::uint32_t>(events.combine.empty() ? 0 : events.combine[j]);
        if constexpr (!kTimed) other = with_cut(by, j, other, lacks);
        if (Places::place_of(other) != place) continue;
        suspects_.push_back(static_cast<std::int32_t>(j));
        rising = false;
      }
      suspects_.push_back(static_cast<std::int32_t>(i));
    }
    if (bits >> kSmallValue != 0 || lacks < 0) return capping_.whole(begin, end);
    if (!rising) std::ranges::sort(suspects_);
    capping_.some(suspects_);
  }

  // --- caps by table row: of most lines nothing but the code, or the row, is read

  // Lines of some persons that have a table row, or may have one.
  struct Block {
    std::size_t first = 0, last = 0, count = 0;  // persons; lines
    std::vector<std::int32_t> line;
  };

  void listed(std::size_t first, std::size_t last) {
    if (first == last) return;
    // Few of their lines are near: the next block's are asked for before this one's are looked at.
    Block now, next;
    name(now, first, block_from(first, last, kListed));
    for (;; std::swap(now, next)) {
      const bool more = now.last < last;
      if (more) name(next, now.last, block_from(now.last, last, kListed));
      if (!looked_at(now)) {
        if (now.last - now.first == 1) {
          capping_.whole(line(now.first), line(now.last));
        } else {
          for (std::size_t p = now.first; p < now.last; ++p) listed(p, p + 1);
        }
      }
      if (!more) return;
    }
  }

  void name(Block& block, std::size_t first, std::size_t last) {
    const std::size_t begin = line(first), end = line(last);
    block.first = first, block.last = last;
    if (block.line.size() < end - begin) block.line.resize(end - begin);
    std::int32_t* const rows = block.line.data();
    std::size_t count = events_.row_of.empty() ? ChosenCodes::kUnsound : chosen_.of(events_.combine, begin, end, rows);
    if (count == ChosenCodes::kUnsound) {
      count = 0;
      for (std::size_t i = begin; i < end; ++i) {
        rows[count] = static_cast<std::int32_t>(i);
        count += entry_of(events_, i) == kNoEntry ? 0 : 1;
      }
    }
    block.count = count;
    const std::int64_t *const value = events_.value.data(), *const time = events_.time.data();
    const std::int32_t* const day = events_.day.data();
    if (count * kDense >= end - begin) {
      if (value != nullptr) read(events_.value.subspan(begin, end - begin));
      day != nullptr ? read(events_.day.subspan(begin, end - begin)) : read(events_.time.subspan(begin, end - begin));
      return;
    }
    for (std::size_t k = 0; k < count; ++k) {
      const std::int32_t i = rows[k];
      if (value != nullptr) __builtin_prefetch(value + i, 0, 2);
      if (day != nullptr) __builtin_prefetch(day + i, 0, 2);
      if (day == nullptr) __builtin_prefetch(time + i, 0, 2);
    }
  }

  // Of each line of memory a word. Where so many are wanted reading all in turn is quicker than asking for some of them.
  template <class T>
  void read(std::span<const T> column) noexcept {
    T any = 0;
    for (std::size_t i = 0; i < column.size(); i += kMemoryLine / sizeof(T)) any |= column[i];
    read_ |= any;
  }

  bool looked_at(const Block& block) {
    const auto by = [&](auto time_of) { return events_.row_of.empty() ? by_rows<false>(block, time_of) : by_rows<true>(block, time_of); };
    if (dated()) return by([day = events_.day.data()](std::int32_t i) { return day[i]; });
    return by([time = events_.time.data()](std::int32_t i) { return time[i]; });
  }

  // Looks again at cells in which a place is beyond. False where a line lacks something, or holds a value that no sum may be told of.
  template <bool coded, class TimeOf>
  bool by_rows(const Block& block, TimeOf time_of) {
    // Read once: what is written might be any of these, for all the compiler knows.
    const std::int32_t *const rows = block.line.data(), *const combine = events_.combine.empty() ? nullptr : events_.combine.data();
    const std::int32_t* const entries = coded ? events_.row_of.data() : events_.entry.data();
    const std::int64_t *const value = events_.value.empty() ? nullptr : events_.value.data(), *const edges = edges_;
    const std::int32_t capped = rule_.caps.empty() ? 0 : -1;
    const bool cut = !events_.complete;
    const std::size_t count = block.count;
    Places places(sums_.data());
    over_.clear();
    if (count == 0) return true;
    std::uint64_t bits = 0;
    std::int32_t lacks = 0;
    auto earliest = time_of(rows[0]);
    std::size_t k = 0;
    for (std::size_t p = block.first; k < count; ++p) {
      const auto end = static_cast<std::int32_t>(line(p + 1));
      const std::uint64_t person = ++cells_ * 0x9e37;
      for (const std::size_t first = k; k < count && rows[k] < end; ++k) {
        const std::int32_t i = rows[k];
        const std::int64_t own = value == nullptr ? 1 : value[i];
        const auto time = time_of(i);
        const std::int32_t code = combine == nullptr ? 0 : combine[i], entry = entries[coded ? code : i];
        bits |= static_cast<std::uint64_t>(own);
        lacks |= code | entry;
        earliest = std::min(earliest, time);
        // A row by code is of one code: what it is known by.
        auto key = static_cast<std::uint32_t>(coded ? entry : code);
        if (cut) key = with_cut(rule_.group, static_cast<std::size_t>(i), key, lacks);
        const Places::Tag tag = Places::tag_of(person + cell_at(time));
        const std::size_t place = Places::place_of(key);
        const Places::Sum sum = places.add(place, tag, own);
        std::int64_t edge = edges[entry & capped];
        if constexpr (!coded) {
          // A bucket is judged by its first line's cap.
          if (sum.met) edge = std::min(edge, place_edge_[place]);
          place_edge_[place] = edge;
        }
        if (sum.now <= edge) [[likely]]
          continue;
        places.bound(place, tag, sum.now);
        k = beyond(block, first, k, end, time_of);
      }
    }
    if (bits >> kSmallValue != 0 || lacks < 0 || lost(earliest)) return false;
    for (const auto& [from, to] : over_) capping_.whole(static_cast<std::size_t>(from), static_cast<std::size_t>(to));
    return true;
  }

  // Names in over_ the cell of line k, of a person's lines from `first` on; the last of its lines.
  template <class TimeOf>
  std::size_t beyond(const Block& block, std::size_t first, std::size_t k, std::int32_t end, TimeOf time_of) {
    const std::int32_t* const rows = block.line.data();
    const std::uint64_t here = cell_at(time_of(rows[k]));
    std::size_t from = k;
    while (from > first && cell_at(time_of(rows[from - 1])) == here) --from;
    while (k + 1 < block.count && rows[k + 1] < end && cell_at(time_of(rows[k + 1])) == here) ++k;
    over_.push_back({rows[from], rows[k] + 1});
    return k;
  }

  // --- both

  // No line lacks what cuts groups.
  [[nodiscard]] bool uncut(std::size_t begin, std::size_t end) const noexcept {
    if (events_.complete) return true;
    std::int32_t lacks = 0;
    for (const auto& column : {rule_.group.subject, rule_.group.cut})
      for (const std::int32_t one : column.empty() ? column : column.subspan(begin, end - begin)) lacks |= one;
    return lacks >= 0;
  }

  [[nodiscard]] static std::uint32_t with_cut(const Grouping& by, std::size_t i, std::uint32_t key, std::int32_t& lacks) noexcept {
    const std::int32_t subject = by.subject.empty() ? 0 : by.subject[i], cut = by.cut.empty() ? 0 : by.cut[i];
    lacks |= subject | cut;
    return key + static_cast<std::uint32_t>(subject) * 0x85ebca6bU + static_cast<std::uint32_t>(cut) * 0xc2b2ae35U;
  }

  const CapEvents& events_;
  const CapRule& rule_;
  const std::int64_t* edges_;
  const ChosenCodes& chosen_;
  Capping<cell> capping_;
  std::uint64_t cells_ = 0;
  std::int64_t read_ = 0;  // not looked at
  std::vector<std::uint64_t> sums_ = std::vector<std::uint64_t>(Places::kSize);
  std::vector<std::int64_t> place_edge_ = std::vector<std::int64_t>(Places::kSize);  // by place, the least edge met
  std::vector<std::int32_t> start_;                                                  // of cells
  std::vector<std::uint64_t> before_;                                                // sum of all values before each
  std::vector<std::pair<std::int32_t, std::int32_t>> over_;
  std::vector<std::int32_t> suspects_;
};

template <Cell cell>
Found capped(const CapEvents& events, const CapRule& rule, int threads) {
  const Edges edges(rule);
  ChosenCodes chosen(events.row_of.size());
  for (std::size_t code = 0; code < events.row_of.size(); ++code)
    if (events.row_of[code] != kNoEntry) chosen.choose(static_cast<std::int64_t>(code));
  return over_groups(events.person_begin, threads, [&](Found& found, std::size_t first, std::size_t last) {
    Sieve<cell>(events, rule, edges.of_row(), chosen, found).persons(first, last);
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
