// K04: the lines of one group against the rows of one grouping (pairs.hpp says what is found).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "dated.hpp"
#include "found_rows.hpp"
#include "parts.hpp"
#include "ybcore/checks/pairs.hpp"

namespace ybcore::checks {

// Which day or hour.
[[nodiscard]] inline std::int64_t cell_of(std::int64_t time, std::int64_t size) noexcept { return time / size - (time % size < 0 ? 1 : 0); }

// Whether a group has both of two lines.
[[nodiscard]] inline bool together(const Grouping& by, std::span<const std::int64_t> time, std::size_t a, std::size_t b) noexcept {
  const auto& [cell, subject, cut, reach] = by;
  if (!subject.empty() && (subject[a] < 0 || subject[a] != subject[b])) return false;
  if (!cut.empty() && (cut[a] < 0 || cut[a] != cut[b])) return false;
  if (cell == Cell::kLine || cell == Cell::kSubject) return cell == Cell::kSubject;
  if (time[a] == kUnknown || time[b] == kUnknown) return false;
  if (cell == Cell::kDay) return cell_of(time[a], kDayMicros) == cell_of(time[b], kDayMicros);
  if (cell == Cell::kHour) return cell_of(time[a], kHourMicros) == cell_of(time[b], kHourMicros);
  const Wide apart = static_cast<Wide>(time[a]) - time[b];
  return -reach <= apart && apart <= reach;
}

class Pairing {
 public:
  Pairing(const PairEvents& events, const PairIndex& index, const Grouping& group, std::span<const std::int64_t> included_qty,
          const Dated& dated, FoundRows& found)
      : events_(events), index_(index), group_(group), qty_(included_qty), dated_(dated), found_(found) {}

  void judge(Members lines) {
    if (lines.size() < 2) return;
    included_.clear();
    mains_.clear();
    for (const std::int32_t line : lines) {
      const std::uint8_t role = index_.role(item(line));
      if ((role & PairIndex::kIncluded) != 0) included_.push_back(line);
      if ((role & PairIndex::kMain) != 0) mains_.push_back(line);
    }
    if (included_.empty() || mains_.empty()) return;
    if (group_.cell == Cell::kWithin) return near();
    hits_.clear();
    // So many lines that each item is worth finding once.
    const bool many = included_.size() * mains_.size() > kMany;
    many ? probe_items() : probe_lines();
    if (hits_.empty()) return;
    if (hits_.size() > 1) first_of_each_pair();
    for (const Hit& hit : hits_) emit_group(hit, many);
  }

  // Two lines of a pair and of one group.
  struct Hit {
    std::size_t pair;
    std::int32_t included, main;
  };

  // Where no other line of the group is of this pair.
  void judge(const Hit& hit) {
    const std::int32_t row = dated_.first(index_.rows(hit.pair), static_cast<std::size_t>(hit.included));
    if (row < 0) return;
    if (free_of(row) == kUnknown) {
      found_.open(events_.quantity[static_cast<std::size_t>(hit.included)], 0, row);
      found_.detail(hit.included, Part::kOffending);
      found_.detail(hit.main, Part::kInvolved);
    } else {
      offered_.assign({{hit.included, row}});
      emit({&hit.main, 1});
    }
  }

  // All that there are of a person, by line. False, and nothing is found, where they do not tell which group begins first.
  [[nodiscard]] bool judge(std::span<Hit> hits) {
    if (group_.cell == Cell::kWithin || hits.size() > kFew) return false;
    for (std::size_t k = 1; k < hits.size(); ++k)
      if (one_cell(hits[k - 1], hits[k]) && !one_group(hits[k - 1], hits[k])) return false;
    for (std::size_t k = 0; k < hits.size(); ++k) {
      if (hits[k].pair == SIZE_MAX) continue;
      const Hit first = hits[k];
      offered_.clear(), own_.clear();
      for (std::int32_t last = -1; Hit & hit : hits.subspan(k)) {
        if (hit.pair != first.pair || !one_group(first, hit)) continue;
        if (hit.included != std::exchange(last, hit.included)) offer(hit.pair, hit.included);
        own_.push_back(hit.main);
        hit.pair = SIZE_MAX;
      }
      std::ranges::sort(own_);
      const auto rest = std::ranges::unique(own_);
      emit({own_.begin(), rest.begin()});
    }
    return true;
  }

 private:
  // An included line and the row that holds for it.
  struct Offered {
    std::int32_t line, row;
  };

  static constexpr std::size_t kMany = 1 << 14, kFew = 32;

  [[nodiscard]] std::int32_t item(std::int32_t line) const noexcept { return events_.item[static_cast<std::size_t>(line)]; }
  [[nodiscard]] std::int64_t time(std::int32_t line) const noexcept { return events_.time[static_cast<std::size_t>(line)]; }

  [[nodiscard]] bool one_group(const Hit& a, const Hit& b) const noexcept {
    return a.included == b.included ||
           together(group_, events_.time, static_cast<std::size_t>(a.included), static_cast<std::size_t>(b.included));
  }
  [[nodiscard]] bool one_cell(const Hit& a, const Hit& b) const noexcept {
    const std::int64_t size = group_.cell == Cell::kDay ? kDayMicros : kHourMicros;
    return group_.cell == Cell::kSubject || cell_of(time(a.included), size) == cell_of(time(b.included), size);
  }

  void mark(std::span<const std::int32_t> mains) {
    marks_.clear();
    for (const std::int32_t line : mains) marks_.push_back(PairIndex::mark_of(item(line)));
  }

  // The pair of an included item with a main one, for certain; none is SIZE_MAX.
  [[nodiscard]] std::size_t pair_with(std::int32_t included, std::int32_t main) const noexcept {
    const auto mains = index_.mains(included);
    const auto at = std::lower_bound(mains.begin(), mains.end(), main);
    return at != mains.end() && *at == main ? index_.first_pair(included) + static_cast<std::size_t>(at - mains.begin()) : SIZE_MAX;
  }

  void probe(std::int32_t line, std::span<const std::int32_t> mains, std::span<const PairIndex::Mark> marks) {
    const PairIndex::Marks own = index_.marks(item(line));
    for (std::size_t m = 0; m < mains.size(); ++m) {
      if (!own.may_have(marks[m])) continue;
      const std::size_t pair = pair_with(item(line), item(mains[m]));
      if (pair != SIZE_MAX && mains[m] != line) hits_.push_back({pair, line, mains[m]});
    }
  }

  void probe_lines() {
    mark(mains_);
    for (const std::int32_t line : included_) probe(line, mains_, marks_);
  }

  // Lines by item; of each included item the first line against the first line of each main item.
  void probe_items() {
    const auto by_item = [&](std::int32_t a, std::int32_t b) { return item(a) < item(b); };
    std::stable_sort(included_.begin(), included_.end(), by_item);
    std::stable_sort(mains_.begin(), mains_.end(), by_item);
    distinct_.clear();
    for (std::size_t m = 0; m < mains_.size(); ++m)
      if (m == 0 || item(mains_[m]) != item(mains_[m - 1])) distinct_.push_back(mains_[m]);
    mark(distinct_);
    for (std::size_t i = 0; i < included_.size(); ++i)
      if (i == 0 || item(included_[i]) != item(included_[i - 1])) probe(included_[i], distinct_, marks_);
  }

  // In the order of their first lines.
  void first_of_each_pair() {
    std::sort(hits_.begin(), hits_.end(), [](const Hit& a, const Hit& b) {
      return std::pair(a.pair, std::pair(a.included, a.main)) < std::pair(b.pair, std::pair(b.included, b.main));
    });
    hits_.erase(std::unique(hits_.begin(), hits_.end(), [](const Hit& a, const Hit& b) { return a.pair == b.pair; }), hits_.end());
    std::sort(hits_.begin(), hits_.end(),
              [](const Hit& a, const Hit& b) { return std::pair(a.included, a.main) < std::pair(b.included, b.main); });
  }

  // Lines of an item among some that may be sorted by item.
  std::span<const std::int32_t> lines_of(std::int32_t wanted, const std::vector<std::int32_t>& lines, bool sorted) {
    if (sorted) {
      const auto first = std::partition_point(lines.begin(), lines.end(), [&](std::int32_t line) { return item(line) < wanted; });
      const auto last = std::partition_point(first, lines.end(), [&](std::int32_t line) { return item(line) == wanted; });
      return {first, last};
    }
    own_.clear();
    for (const std::int32_t line : lines)
      if (item(line) == wanted) own_.push_back(line);
    return own_;
  }

  void emit_group(const Hit& hit, bool sorted) {
    const std::int32_t included = item(hit.included), main = item(hit.main);
    if (included == main) return;
    offered_.clear();
    for (const std::int32_t line : lines_of(included, included_, sorted)) offer(hit.pair, line);
    emit(lines_of(main, mains_, sorted));
  }

  void offer(std::size_t pair, std::int32_t line) {
    const std::int32_t row = dated_.first(index_.rows(pair), static_cast<std::size_t>(line));
    if (row >= 0) offered_.push_back({line, row});
  }

  [[nodiscard]] std::int64_t free_of(std::int32_t row) const noexcept {
    return qty_.empty() ? kUnknown : qty_[static_cast<std::size_t>(row)];
  }

  // The offered lines, with the main lines that contain them.
  void emit(std::span<const std::int32_t> mains) {
    if (offered_.empty()) return;
    const std::int64_t contained = free_of(offered_.front().row), free = contained == kUnknown ? 0 : contained;
    Wide units = 0;
    for (const Offered& one : offered_) units += events_.quantity[static_cast<std::size_t>(one.line)];
    const auto beyond = [&](std::int64_t quantity, Wide passed) { return std::min<Wide>(quantity, passed + quantity - free); };
    Wide passed = 0;
    bool open = false;
    for (const Offered& one : offered_) {
      const std::int64_t quantity = events_.quantity[static_cast<std::size_t>(one.line)];
      const Wide excess = beyond(quantity, passed);
      passed += quantity;
      if (contained != kUnknown && excess <= 0) continue;
      if (!open) found_.open(told(units), free, offered_.front().row);
      open = true;
      found_.detail(one.line, Part::kOffending, contained == kUnknown ? kWhole : told(excess));
    }
    if (!open) return;
    for (const std::int32_t line : mains) found_.detail(line, Part::kInvolved);
  }

  // Both lists go by time.
  void near() {
    mark(mains_);
    shared_.clear();
    std::size_t low = 0, high = 0;
    for (const std::int32_t line : included_) {
      if (time(line) == kUnknown) continue;
      const auto before = [&](std::size_t m) { return static_cast<Wide>(time(mains_[m])) + group_.reach < time(line); };
      const auto until = [&](std::size_t m) { return time(mains_[m]) <= static_cast<Wide>(time(line)) + group_.reach; };
      while (low < mains_.size() && (time(mains_[low]) == kUnknown || before(low))) ++low;
      high = std::max(high, low);
      while (high < mains_.size() && until(high)) ++high;
      hits_.clear();
      probe(line, std::span(mains_).subspan(low, high - low), std::span(marks_).subspan(low, high - low));
      if (!hits_.empty()) near_line(line);
    }
    emit_shared();
  }

  void near_line(std::int32_t line) {
    std::stable_sort(hits_.begin(), hits_.end(), [](const Hit& a, const Hit& b) { return a.pair < b.pair; });
    for (std::size_t i = 0; i < hits_.size();) {
      const std::size_t first = i;
      own_.clear();
      for (; i < hits_.size() && hits_[i].pair == hits_[first].pair; ++i) own_.push_back(hits_[i].main);
      offered_.clear();
      offer(hits_[first].pair, line);
      if (offered_.empty()) continue;
      if (free_of(offered_.front().row) == kUnknown) {
        emit(own_);
      } else {
        shared_.push_back({hits_[first], offered_.front()});
      }
    }
  }

  // With a contained quantity: lines of a pair with one first main line.
  void emit_shared() {
    const auto key = [](const std::pair<Hit, Offered>& one) { return std::pair(one.first.main, one.first.pair); };
    std::stable_sort(shared_.begin(), shared_.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
    for (std::size_t i = 0; i < shared_.size();) {
      const std::size_t first = i;
      offered_.clear();
      for (; i < shared_.size() && key(shared_[i]) == key(shared_[first]); ++i) offered_.push_back(shared_[i].second);
      emit({&shared_[first].first.main, 1});
    }
  }

  const PairEvents& events_;
  const PairIndex& index_;
  const Grouping& group_;
  std::span<const std::int64_t> qty_;
  const Dated& dated_;
  FoundRows& found_;
  std::vector<std::int32_t> included_, mains_, distinct_, own_;
  std::vector<PairIndex::Mark> marks_;
  std::vector<Hit> hits_;
  std::vector<Offered> offered_;
  std::vector<std::pair<Hit, Offered>> shared_;
};

}  // namespace ybcore::checks
