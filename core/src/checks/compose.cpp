#include "ybcore/checks/compose.hpp"

#include "groups.hpp"

namespace ybcore::checks {

namespace {

struct Range {
  std::size_t from, to;
};

[[nodiscard]] Range lines_of(std::span<const std::int64_t> begin, std::size_t g) {
  return {static_cast<std::size_t>(begin[g]), static_cast<std::size_t>(begin[g + 1])};
}

// Numbers of things by first appearance within a group, from 1; what was seen in another group is forgotten.
class Appearances {
 public:
  explicit Appearances(std::int32_t things) : group_(static_cast<std::size_t>(things), -1), number_(static_cast<std::size_t>(things)) {}

  void next() { ++now_, count_ = 0; }
  std::int32_t number(std::int32_t thing) {
    const auto at = static_cast<std::size_t>(thing);
    if (group_[at] != now_) group_[at] = now_, number_[at] = ++count_;
    return number_[at];
  }
  [[nodiscard]] std::int32_t count() const { return count_; }

 private:
  std::vector<std::int64_t> group_;
  std::vector<std::int32_t> number_;
  std::int64_t now_ = 0;
  std::int32_t count_ = 0;
};

[[nodiscard]] std::int64_t first_that_compares(const DistinctRule& rule, std::size_t g, std::int64_t measure) {
  if (!rule.scope.empty() && rule.scope[g] < 0) return -1;
  const auto s = rule.scope.empty() ? 0 : static_cast<std::size_t>(rule.scope[g]);
  for (auto k = rule.threshold_begin[s]; k < rule.threshold_begin[s + 1]; ++k)
    if (hits(rule.comparator, measure, rule.threshold[static_cast<std::size_t>(k)])) return k;
  return -1;
}

void judge_distinct(const Composition& lines, const DistinctRule& rule, std::size_t g, Appearances& seen, Found& found) {
  const auto [from, to] = lines_of(lines.begin, g);
  seen.next();
  for (std::size_t i = from; i < to; ++i) {
    if (lines.item[i] < 0) {
      ++found.unknown;
    } else {
      seen.number(lines.item[i]);
    }
  }
  if (seen.count() == 0) return;
  const std::int64_t k = first_that_compares(rule, g, seen.count());
  if (k < 0) return;
  const std::int64_t limit = rule.threshold[static_cast<std::size_t>(k)];
  // Too few of them: there are none beyond, and all offend.
  const Wide paid = wants_less(rule.comparator) ? 0 : edge(rule.comparator, limit);
  found.open({seen.count(), limit, kUnknown, kUnknown, -1, static_cast<std::int32_t>(k)});
  for (std::size_t i = from; i < to; ++i)
    if (lines.item[i] >= 0)
      found.detail(static_cast<std::int32_t>(i), seen.number(lines.item[i]) > paid ? Part::kOffending : Part::kInvolved);
}

void all_offend(Range lines, Found& found) {
  found.open({static_cast<std::int64_t>(lines.to - lines.from), 0, kUnknown, kUnknown});
  for (std::size_t i = lines.from; i < lines.to; ++i) found.detail(static_cast<std::int32_t>(i), Part::kOffending);
}

// A line out of the list decides, whatever is not known of the others.
[[nodiscard]] bool all_listed(std::span<const std::uint8_t> listed, Range lines, Found& found) {
  std::int64_t unknown = 0;
  for (std::size_t i = lines.from; i < lines.to; ++i) {
    if (listed[i] == 0) return false;
    unknown += listed[i] == kNotKnown ? 1 : 0;
  }
  found.unknown += unknown;
  return unknown == 0 && lines.from < lines.to;
}

struct Member {
  std::int32_t of_class, item;
  std::size_t line;
};

class Classes {
 public:
  Classes(const Composition& lines, std::span<const std::int32_t> of_class, std::int32_t classes, bool of_lines, Found& found)
      : lines_(lines), of_class_(of_class), of_lines_(of_lines), found_(found), seen_(classes) {}

  void group(std::size_t g) {
    const auto [from, to] = lines_of(lines_.begin, g);
    seen_.next();
    members_.clear();
    for (std::size_t i = from; i < to; ++i) {
      if (of_class_[i] == kUnclassed || (of_class_[i] >= 0 && lines_.item[i] < 0)) {
        ++found_.unknown;
      } else if (of_class_[i] >= 0) {
        members_.push_back({seen_.number(of_class_[i]), lines_.item[i], i});
      }
    }
    // Classes by first appearance, and within each the lines in order.
    std::sort(members_.begin(), members_.end(),
              [](const Member& a, const Member& b) { return a.of_class != b.of_class ? a.of_class < b.of_class : a.line < b.line; });
    for (std::size_t k = 0, next = 0; k < members_.size(); k = next) {
      for (next = k; next < members_.size() && members_[next].of_class == members_[k].of_class;) ++next;
      judge(std::span(members_).subspan(k, next - k));
    }
  }

 private:
  void judge(std::span<const Member> shared) {
    const std::int64_t measure = of_lines_ ? static_cast<std::int64_t>(shared.size()) : different(shared);
    if (measure < 2) return;
    found_.open({measure, 1, kUnknown, kUnknown, -1, of_class_[shared[0].line]});
    for (const Member& one : shared) {
      const bool first = of_lines_ ? one.line == shared[0].line : one.item == shared[0].item;
      found_.detail(static_cast<std::int32_t>(one.line), first ? Part::kInvolved : Part::kOffending);
    }
  }

  [[nodiscard]] std::int64_t different(std::span<const Member> shared) {
    items_.clear();
    for (const Member& one : shared) items_.push_back(one.item);
    std::sort(items_.begin(), items_.end());
    return std::unique(items_.begin(), items_.end()) - items_.begin();
  }

  const Composition& lines_;
  std::span<const std::int32_t> of_class_;
  bool of_lines_;
  Found& found_;
  Appearances seen_;
  std::vector<Member> members_;
  std::vector<std::int32_t> items_;
};

}  // namespace

Found distinct(const Composition& lines, const DistinctRule& rule, int threads) {
  return over_groups(lines.begin, threads, [&](Found& found, std::size_t from, std::size_t to) {
    Appearances seen(lines.items);
    for (std::size_t g = from; g < to; ++g) judge_distinct(lines, rule, g, seen, found);
  });
}

Found all_in(std::span<const std::int64_t> begin, std::span<const std::uint8_t> listed, int threads) {
  return over_groups(begin, threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t g = from; g < to; ++g)
      if (all_listed(listed, lines_of(begin, g), found)) all_offend(lines_of(begin, g), found);
  });
}

Found single(const Composition& lines, std::span<const std::uint8_t> listed, int threads) {
  return over_groups(lines.begin, threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t g = from; g < to; ++g) {
      const Range all = lines_of(lines.begin, g);
      std::int32_t item = -1;
      bool one = true;
      std::int64_t unknown = 0;
      for (std::size_t i = all.from; i < all.to && one; ++i) {
        const std::int32_t here = lines.item[i];
        unknown += here < 0 || listed[i] == kNotKnown ? 1 : 0;
        one = here < 0 || ((item < 0 || item == here) && listed[i] != 0);
        if (here >= 0) item = here;
      }
      if (!one || all.from == all.to) continue;
      found.unknown += unknown;
      if (unknown == 0) all_offend(all, found);
    }
  });
}

Found same_class(const Composition& lines, std::span<const std::int32_t> of_class, std::int32_t classes, bool of_lines, int threads) {
  return over_groups(lines.begin, threads, [&](Found& found, std::size_t from, std::size_t to) {
    Classes shared(lines, of_class, classes, of_lines, found);
    for (std::size_t g = from; g < to; ++g) shared.group(g);
  });
}

}  // namespace ybcore::checks
