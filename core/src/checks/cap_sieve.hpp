// Few buckets hold more than their cap (cap.hpp): the sieves that leave the others out, so that most lines are only added up.
//
// Lines add to a place of a small table that some codes share. Where a place holds no more than the caps of its lines, no bucket of it is
// beyond. Where no table of rows picks lines, days and hours that hold less than the cap in all are left out before that: of their lines
// only values are read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "capping.hpp"
#include "ybcore/checks/chosen.hpp"

namespace ybcore::checks {

inline constexpr int kSmallValue = 40;  // bits of values that no sum of a place is spoilt by

// Sums by place. A place is of the cell that added to it last: its tag stands above the sum. That other cells have the same tag by chance
// only makes sums greater than they are.
class Places {
 public:
  explicit Places(std::uint64_t* sums) noexcept : sums_(sums) {}

  static constexpr int kBits = 11, kSumBits = 48;
  static constexpr std::size_t kSize = std::size_t{1} << kBits;
  static constexpr std::int64_t kTop = std::int64_t{1} << (kSumBits - 1);  // a sum is as good as one that is greater
  using Tag = std::uint64_t;

  [[nodiscard]] static constexpr Tag tag_of(std::uint64_t cell) noexcept { return cell << kSumBits; }
  [[nodiscard]] static constexpr std::size_t place_of(std::uint32_t key) noexcept { return key * 0x9e3779b1U >> (32 - kBits); }

  struct Sum {
    bool met;  // the cell has added to the place before
    std::int64_t before, now;
  };
  // No branch: whether the code was met in the cell is anyone's guess.
  Sum add(std::size_t place, Tag tag, std::int64_t own) noexcept {
    const std::uint64_t held = sums_[place] ^ tag;
    const bool met = held >> kSumBits == 0;
    const std::uint64_t before = held & (std::uint64_t{0} - static_cast<std::uint64_t>(met)), now = before + static_cast<std::uint64_t>(own);
    sums_[place] = tag | now;
    return {met, static_cast<std::int64_t>(before), static_cast<std::int64_t>(now)};
  }
  // After a sum above an edge, which is below kTop: so it never grows into the tag.
  void bound(std::size_t place, Tag tag, std::int64_t sum) noexcept { sums_[place] = tag | static_cast<std::uint64_t>(std::min(sum, kTop)); }

 private:
  std::uint64_t* sums_;
};

template <Cell cell>
class Sieve {
 public:
  Sieve(const CapEvents& events, const CapRule& rule, std::span<const std::int64_t> edges, const ChosenCodes& chosen, Found& found)
      : events_(events), rule_(rule), edges_(edges), chosen_(chosen), capping_(events, rule, edges, found) {}

  void persons(std::size_t first, std::size_t last) {
    if (cell == Cell::kLine || wants_less(rule_.comparator) || rule_.factor != 0) {
      for (std::size_t p = first; p < last; ++p) capping_.whole(line(p), line(p + 1));
    } else if (!events_.entry.empty() || !events_.row_of.empty()) {
      listed(first, last);
    } else if constexpr (kTimed) {
      for (std::size_t to = 0; first < last; first = to) timed(first, to = block_from(first, last));
    } else {
      for (std::size_t p = first; p < last; ++p) one_cell(line(p), line(p + 1));
    }
  }

 private:
  static constexpr bool kTimed = cell == Cell::kDay || cell == Cell::kHour;
  static constexpr std::size_t kBlock = 1024;  // lines that are looked at together, or one person's
  // Cells are counted from days long before those of any line, so that the division is of a number without a sign.
  static constexpr std::int64_t kEarliest = -1'000'000 * kDayMicros;
  static constexpr std::uint64_t kSize = cell == Cell::kHour ? kHourMicros : kDayMicros;
  static constexpr std::uint64_t kNever = (std::uint64_t{1} << 63) / kSize;  // of a time before those days, or not known

  [[nodiscard]] std::size_t line(std::size_t p) const noexcept { return static_cast<std::size_t>(events_.person_begin[p]); }

  // Past the persons that make up a block.
  [[nodiscard]] std::size_t block_from(std::size_t first, std::size_t last) const noexcept {
    std::size_t to = first + 1;
    while (to < last && line(to) - line(first) < kBlock) ++to;
    return to;
  }

  [[nodiscard]] static std::uint64_t cell_at(std::int64_t time) noexcept {
    return (static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(kEarliest)) / kSize;
  }

  // --- one cap for all lines

  // Looks again at cells of persons [first, last) in which all values together are beyond.
  void timed(std::size_t first, std::size_t last) {
    const std::size_t begin = line(first), end = line(last);
    const bool dated = cell == Cell::kDay && !events_.day.empty();
    if (!(dated ? added_up(first, last, [day = events_.day.data()](std::size_t i) { return day[i]; })
                : added_up(first, last, [time = events_.time.data()](std::size_t i) { return cell_at(time[i]); })) ||
        !uncut(begin, end)) {
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
  template <class CellAt>
  bool added_up(std::size_t first, std::size_t last, CellAt cell_of) {
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
        auto now = ~cell_of(i);
        // No branch: where a cell ends is anyone's guess.
        for (; i < end; ++i) {
          const auto own = cell_of(i);
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
      timeless |= lost(static_cast<std::size_t>(start[k]));
      if (static_cast<std::int64_t>(before[k + 1] - before[k]) > edge) over_.push_back({start[k], start[k + 1]});
    }
    return !timeless;
  }

  // Looks at the lines of a cell code by code.
  void one_cell(std::size_t begin, std::size_t end) {
    const CapEvents events = events_;
    const Grouping by = rule_.group;
    const Places::Tag tag = Places::tag_of(++cells_);
    const std::int64_t edge = bounded(edges_[0]);
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

  // Of lines that have a table row, or may have one, what is judged, side by side.
  struct Block {
    std::size_t first = 0, last = 0, count = 0;  // persons; lines
    std::vector<std::int32_t> line;
    std::vector<std::int64_t> value;
    std::vector<std::uint32_t> when, key;  // cell of time; what has a place
    std::vector<std::int32_t> entry;
    bool sound = false;  // nothing is lacking, and values are such that sums may be told
  };

  void listed(std::size_t first, std::size_t last) {
    Block block;
    for (; first < last; first = block.last) {
      name(block, first, block_from(first, last));
      if (block.sound) {
        by_rows(block);
      } else if (block.last - first == 1) {
        capping_.whole(line(first), line(block.last));
      } else {
        // Each person apart; the lines of the block are named over and over, but most blocks are sound.
        const std::size_t end = block.last;
        for (std::size_t p = first; p < end; ++p) listed(p, p + 1);
        block.last = end;
      }
    }
  }

  void name(Block& block, std::size_t first, std::size_t last) {
    const std::size_t begin = line(first), end = line(last);
    block.first = first, block.last = last;
    if (block.line.size() < end - begin) {
      for (auto* column : {&block.line, &block.entry}) column->resize(end - begin);
      for (auto* column : {&block.when, &block.key}) column->resize(end - begin);
      block.value.resize(end - begin);
    }
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
    block.sound = gather(block);
  }

  // A loop a column: of many lines at once memory is asked for.
  bool gather(Block& block) const {
    const std::size_t count = block.count;
    const std::int32_t* const rows = block.line.data();
    std::uint64_t bits = 0;
    std::int32_t lacks = 0;
    bool timeless = false;
    const auto each = [rows, count](auto* to, auto of) {
      for (std::size_t k = 0; k < count; ++k) to[k] = of(static_cast<std::size_t>(rows[k]));
    };
    if (events_.value.empty()) {
      std::fill_n(block.value.begin(), count, 1);
    } else {
      each(block.value.data(), [&bits, value = events_.value.data()](std::size_t i) { return bits |= static_cast<std::uint64_t>(value[i]), value[i]; });
    }
    if (cell == Cell::kDay && !events_.day.empty()) {
      each(block.when.data(), [&timeless, day = events_.day.data()](std::size_t i) {
        timeless |= day[i] == kNoDay;
        return static_cast<std::uint32_t>(day[i]);
      });
    } else if constexpr (kTimed) {
      each(block.when.data(), [&timeless, time = events_.time.data()](std::size_t i) {
        timeless |= time[i] < kEarliest;
        return static_cast<std::uint32_t>(cell_at(time[i]));
      });
    }
    if (events_.row_of.empty()) {
      each(block.entry.data(), [&](std::size_t i) { return lacks |= events_.entry[i], events_.entry[i]; });
      each(block.key.data(), [&](std::size_t i) {
        const std::int32_t code = events_.combine.empty() ? 0 : events_.combine[i];
        return lacks |= code, static_cast<std::uint32_t>(code);
      });
    } else {
      // A row is of one code: what it is known by.
      each(block.entry.data(), [&lacks, code = events_.combine.data(), row = events_.row_of.data()](std::size_t i) {
        const std::int32_t own = row[code[i]];
        return lacks |= own, own;
      });
      for (std::size_t k = 0; k < count; ++k) block.key[k] = static_cast<std::uint32_t>(block.entry[k]);
    }
    if (!kTimed || !events_.complete)
      for (std::size_t k = 0; k < count; ++k) block.key[k] = with_cut(rule_.group, static_cast<std::size_t>(rows[k]), block.key[k], lacks);
    return bits >> kSmallValue == 0 && lacks >= 0 && !timeless;
  }

  // Looks again at cells in which a place is beyond.
  void by_rows(const Block& block) {
    const std::int32_t* const rows = block.line.data();
    const std::int64_t *const value = block.value.data(), *const edges = edges_.data();
    const std::uint32_t *const cells = block.when.data(), *const keys = block.key.data();
    const std::int32_t* const entry = block.entry.data();
    const bool coded = !events_.row_of.empty(), capped = !rule_.caps.empty();
    Places places(sums_.data());
    std::size_t k = 0;
    for (std::size_t p = block.first; p < block.last; ++p) {
      const auto end = static_cast<std::int32_t>(line(p + 1));
      const std::uint64_t person = ++cells_ * 0x9e37;
      for (const std::size_t first = k; k < block.count && rows[k] < end; ++k) {
        const std::uint32_t here = kTimed ? cells[k] : 0;
        const Places::Tag tag = Places::tag_of(person + here);
        const std::size_t place = Places::place_of(keys[k]);
        const Places::Sum sum = places.add(place, tag, value[k]);
        std::int64_t edge = bounded(edges[capped ? entry[k] : 0]);
        if (!coded) {
          // A bucket is judged by its first line's cap.
          if (sum.met) edge = std::min(edge, place_edge_[place]);
          place_edge_[place] = edge;
        }
        if (sum.now <= edge) continue;
        places.bound(place, tag, sum.now);
        std::size_t from = k;
        while (kTimed && from > first && cells[from - 1] == here) --from;
        while (k + 1 < block.count && rows[k + 1] < end && (!kTimed || cells[k + 1] == here)) ++k;
        capping_.whole(static_cast<std::size_t>(rows[kTimed ? from : first]), static_cast<std::size_t>(rows[k]) + 1);
      }
    }
  }

  // --- both

  // Below what sums stop at.
  [[nodiscard]] static std::int64_t bounded(std::int64_t edge) noexcept { return std::min(edge, Places::kTop - 1); }

  [[nodiscard]] bool lost(std::size_t i) const noexcept {
    if constexpr (!kTimed) return false;
    if (cell == Cell::kDay && !events_.day.empty()) return events_.day[i] == kNoDay;
    return events_.time[i] < kEarliest;
  }

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
  std::span<const std::int64_t> edges_;
  const ChosenCodes& chosen_;
  Capping<cell> capping_;
  std::uint64_t cells_ = 0;
  std::vector<std::uint64_t> sums_ = std::vector<std::uint64_t>(Places::kSize);
  std::vector<std::int64_t> place_edge_ = std::vector<std::int64_t>(Places::kSize);  // by place, the least edge met
  std::vector<std::int32_t> start_;                                                   // of cells
  std::vector<std::uint64_t> before_;                                                 // sum of all values before each
  std::vector<std::pair<std::int32_t, std::int32_t>> over_;
  std::vector<std::int32_t> suspects_;
};

}  // namespace ybcore::checks
