// Groups of the events of one person: what the kernels of this folder share.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "groups.hpp"
#include "ybcore/checks/group.hpp"

namespace ybcore::checks {

using Members = std::span<const std::int32_t>;

struct PartKey {
  std::uint64_t place;  // subject and cut
  std::int64_t extra;

  bool operator==(const PartKey&) const = default;
  [[nodiscard]] std::uint64_t mixed() const noexcept {
    const std::uint64_t h = place * 0x9e3779b97f4a7c15U ^ static_cast<std::uint64_t>(extra) * 0xc2b2ae3d27d4eb4fU;
    return h ^ (h >> 29);
  }
};

[[nodiscard]] constexpr std::uint64_t place_of(std::int32_t subject, std::int32_t cut) noexcept {
  return static_cast<std::uint64_t>(subject) << 32 | static_cast<std::uint32_t>(cut);
}

// Events with equal keys brought together: groups in the order of their first event, each in the order given.
class Parts {
 public:
  void clear() noexcept {
    event_.clear();
    key_.clear();
  }
  void add(std::int32_t event, const PartKey& key) {
    event_.push_back(event);
    key_.push_back(key);
  }

  template <class Each>
  void each(Each each) {
    if (event_.empty()) return;
    const PartKey first = key_.front();
    if (std::all_of(key_.begin() + 1, key_.end(), [&](const PartKey& key) { return key == first; })) return each(Members(event_));
    Members together = event_;
    if (number()) together = gathered();
    std::size_t begin = 0;
    for (const std::size_t count : count_) {
      each(together.subspan(begin, count));
      begin += count;
    }
  }

 private:
  struct Slot {
    std::uint32_t round = 0;
    std::int32_t group = 0;
  };

  // A number for each event's key, from 0 in order of appearance; count_ has the events of each. Whether a group was left and met again.
  bool number() {
    const std::size_t wanted = std::bit_ceil(std::max<std::size_t>(32, 2 * event_.size()));
    if (slots_.size() < wanted) slots_.assign(wanted, {}), round_ = 0;
    if (++round_ == 0) slots_.assign(slots_.size(), {}), round_ = 1;
    // The smallest part of the table that is enough: small groups stay in the nearest cache.
    const std::size_t mask = wanted - 1;
    group_.resize(event_.size());
    count_.clear();
    first_.clear();
    bool again = false;
    for (std::size_t i = 0; i < event_.size(); ++i) {
      if (i > 0 && key_[i] == key_[i - 1]) {
        group_[i] = group_[i - 1];
        ++count_[static_cast<std::size_t>(group_[i])];
        continue;
      }
      std::size_t at = static_cast<std::size_t>(key_[i].mixed()) & mask;
      while (slots_[at].round == round_ && !(first_[static_cast<std::size_t>(slots_[at].group)] == key_[i])) at = (at + 1) & mask;
      Slot& slot = slots_[at];
      if (slot.round == round_) {
        again = true;
      } else {
        slot = {round_, static_cast<std::int32_t>(count_.size())};
        count_.push_back(0);
        first_.push_back(key_[i]);
      }
      group_[i] = slot.group;
      ++count_[static_cast<std::size_t>(slot.group)];
    }
    return again;
  }

  Members gathered() {
    sorted_.resize(event_.size());
    next_.resize(count_.size());
    std::size_t at = 0;
    for (std::size_t g = 0; g < count_.size(); ++g) next_[g] = std::exchange(at, at + count_[g]);
    for (std::size_t i = 0; i < event_.size(); ++i) sorted_[next_[static_cast<std::size_t>(group_[i])]++] = event_[i];
    return sorted_;
  }

  std::vector<std::int32_t> event_, sorted_, group_;
  std::vector<PartKey> key_, first_;
  std::vector<Slot> slots_;
  std::vector<std::size_t> count_, next_;
  std::uint32_t round_ = 0;
};

// What an `extra` key says of an event besides its value.
inline constexpr std::int64_t kLeftOut = kUnknown + 1;

// Groups of some events of one person, row(0) .. row(count - 1), rising; extra(i) cuts them further, or is kUnknown or kLeftOut.
template <class Row, class Extra, class Each>
void each_group_of(const Grouping& by, std::span<const std::int64_t> time, std::size_t count, Row row, Parts& parts, std::int64_t& unknown,
                   Extra extra, Each each) {
  const bool timed = by.cell == Cell::kDay || by.cell == Cell::kHour;
  const std::int64_t size = by.cell == Cell::kHour ? kHourMicros : kDayMicros;
  for (std::size_t k = 0; k < count;) {
    const std::size_t first = row(k);
    std::size_t last = count;
    if (by.cell == Cell::kLine) last = k + 1;
    if (timed && time[first] == kUnknown) {
      if (extra(first) != kLeftOut) ++unknown;
      ++k;
      continue;
    }
    if (timed) {
      const std::int64_t offset = time[first] % size, start = time[first] - (offset < 0 ? offset + size : offset);
      for (last = k + 1; last < count && time[row(last)] - start < size;) ++last;
    }
    parts.clear();
    for (; k < last; ++k) {
      const std::size_t i = row(k);
      const std::int64_t more = extra(i);
      if (more == kLeftOut) continue;
      const std::int32_t subject = by.subject.empty() ? 0 : by.subject[i], cut = by.cut.empty() ? 0 : by.cut[i];
      if (more == kUnknown || subject < 0 || cut < 0) {
        ++unknown;
      } else {
        parts.add(static_cast<std::int32_t>(i), {place_of(subject, cut), more});
      }
    }
    parts.each(each);
  }
}

// The same of the events [begin, end).
template <class Extra, class Each>
void each_group(const Grouping& by, std::span<const std::int64_t> time, std::size_t begin, std::size_t end, Parts& parts,
                std::int64_t& unknown, Extra extra, Each each) {
  each_group_of(by, time, end - begin, [begin](std::size_t k) { return begin + k; }, parts, unknown, extra, each);
}

}  // namespace ybcore::checks
