#include "ybcore/checks/couple.hpp"

#include <algorithm>
#include <climits>
#include <numeric>
#include <vector>

#include "parts.hpp"

namespace ybcore::checks {
namespace {

class Coupling {
 public:
  Coupling(const Triggers& triggers, const Partners& partners, const CoupleRule& rule, Found& found)
      : triggers_(triggers), partners_(partners), rule_(rule), found_(found), by_visit_(rule.where == Where::kVisit) {}

  void person(std::size_t p) {
    const auto begin = static_cast<std::size_t>(triggers_.person_begin[p]), end = static_cast<std::size_t>(triggers_.person_begin[p + 1]);
    if (begin == end) return;
    const auto first = static_cast<std::size_t>(partners_.person_begin[p]), last = static_cast<std::size_t>(partners_.person_begin[p + 1]);
    place_.resize(last - first);
    std::iota(place_.begin(), place_.end(), static_cast<std::int32_t>(first));
    const auto before = [&](std::int32_t a, std::int32_t b) { return key_of(a) < key_of(b); };
    if (!std::is_sorted(place_.begin(), place_.end(), before)) std::stable_sort(place_.begin(), place_.end(), before);
    if (rule_.per > 0) return ratio(begin, end);
    for (std::size_t i = begin; i < end; ++i)
      if (judged(i)) presence(i);
  }

 private:
  [[nodiscard]] std::int64_t key_of(std::int32_t partner) const noexcept {
    return (by_visit_ ? partners_.visit : partners_.day)[static_cast<std::size_t>(partner)];
  }
  [[nodiscard]] std::int32_t set_of(std::size_t i) const noexcept {
    return rule_.set[triggers_.entry.empty() ? 0 : static_cast<std::size_t>(triggers_.entry[i])];
  }
  [[nodiscard]] std::int32_t entry_of(std::size_t i) const noexcept { return triggers_.entry.empty() ? -1 : triggers_.entry[i]; }
  [[nodiscard]] std::int64_t key_of_trigger(std::size_t i) const noexcept { return (by_visit_ ? triggers_.visit : triggers_.day)[i]; }

  // Counts a trigger that lacks what the rule needs.
  [[nodiscard]] bool judged(std::size_t i) noexcept {
    const std::int32_t entry = triggers_.entry.empty() ? 0 : triggers_.entry[i];
    if (entry == kNoEntry || (entry >= 0 && set_of(i) < 0)) return false;
    const std::int64_t key = key_of_trigger(i);
    const bool known = entry >= 0 && (by_visit_ ? key >= 0 : key != INT32_MIN);
    found_.unknown += known ? 0 : 1;
    return known;
  }

  // Partners whose visit or day is where trigger i looks.
  [[nodiscard]] std::span<const std::int32_t> there(std::size_t i) const noexcept {
    const std::int64_t last = key_of_trigger(i);
    std::int64_t first = last;
    if (rule_.where == Where::kHistory) first = rule_.look_back_days < 0 ? INT32_MIN + std::int64_t{1} : last - rule_.look_back_days;
    if (!by_visit_) first = std::max(first, INT32_MIN + std::int64_t{1});
    const auto from = std::partition_point(place_.begin(), place_.end(), [&](std::int32_t p) { return key_of(p) < first; });
    const auto to = std::partition_point(from, place_.end(), [&](std::int32_t p) { return key_of(p) <= last; });
    return {from, to};
  }

  [[nodiscard]] bool fits(std::size_t i, std::int32_t set, std::int32_t partner) const noexcept {
    const auto p = static_cast<std::size_t>(partner);
    if (partners_.code[p] < 0 || !rule_.sets.has(set, partners_.code[p])) return false;
    if (!triggers_.self.empty() && triggers_.self[i] >= 0 && triggers_.self[i] == partners_.self[p]) return false;
    return rule_.where != Where::kHistory || triggers_.order.empty() || partners_.order[p] < triggers_.order[i];
  }

  void involve(std::int32_t partner) { found_.detail(static_cast<std::int32_t>(triggers_.person_begin.back()) + partner, Part::kInvolved); }

  void presence(std::size_t i) {
    const auto near = there(i);
    const std::int32_t set = set_of(i);
    const auto at = std::find_if(near.begin(), near.end(), [&](std::int32_t p) { return fits(i, set, p); });
    const bool has = at != near.end();
    if (!has && !triggers_.sure.empty() && triggers_.sure[i] == 0) {
      ++found_.unknown;
      return;
    }
    if (has != rule_.negate) return;
    found_.open({0, 0, kUnknown, kUnknown, entry_of(i), 0});
    found_.detail(static_cast<std::int32_t>(i), Part::kOffending);
    for (auto p = at; p != near.end(); ++p)
      if (fits(i, set, *p)) involve(*p);
  }

  void ratio(std::size_t begin, std::size_t end) {
    parts_.clear();
    for (std::size_t i = begin; i < end; ++i)
      if (judged(i)) parts_.add(static_cast<std::int32_t>(i), {static_cast<std::uint64_t>(key_of_trigger(i)), set_of(i)});
    parts_.each([&](Members lines) { beyond_ratio(lines); });
  }

  void beyond_ratio(Members lines) {
    const auto first = static_cast<std::size_t>(lines.front());
    const std::int32_t set = set_of(first);
    itself_.clear();
    if (!triggers_.self.empty())
      for (const std::int32_t line : lines) itself_.push_back(triggers_.self[static_cast<std::size_t>(line)]);
    std::sort(itself_.begin(), itself_.end());
    with_.clear();
    Wide total = 0, measure = 0;
    for (const std::int32_t p : there(first)) {
      const auto at = static_cast<std::size_t>(p);
      if (partners_.code[at] < 0 || !rule_.sets.has(set, partners_.code[at])) continue;
      if (!itself_.empty() && partners_.self[at] >= 0 && std::binary_search(itself_.begin(), itself_.end(), partners_.self[at])) continue;
      total += partners_.quantity[at];
      with_.push_back(p);
    }
    for (const std::int32_t line : lines) measure += triggers_.quantity[static_cast<std::size_t>(line)];
    const Wide limit = total / rule_.per * rule_.units;
    if (measure <= limit) return;
    found_.open({told(measure), told(limit), kUnknown, kUnknown, entry_of(first), 0});
    lay(lines, measure - limit);
    for (const std::int32_t p : with_) involve(p);
  }

  // The excess on the last lines, named in order.
  void lay(Members lines, Wide beyond) {
    share_.assign(lines.size(), 0);
    for (std::size_t k = lines.size(); k > 0 && beyond > 0; --k) {
      const std::int64_t own = triggers_.quantity[static_cast<std::size_t>(lines[k - 1])];
      if (own <= 0) continue;
      share_[k - 1] = told(std::min<Wide>(beyond, own));
      beyond -= share_[k - 1];
    }
    for (std::size_t k = 0; k < lines.size(); ++k)
      if (share_[k] > 0) found_.detail(lines[k], Part::kOffending, share_[k]);
  }

  const Triggers& triggers_;
  const Partners& partners_;
  const CoupleRule& rule_;
  Found& found_;
  bool by_visit_;
  Parts parts_;
  std::vector<std::int32_t> place_, with_, itself_;
  std::vector<std::int64_t> share_;
};

}  // namespace

Found couple(const Triggers& triggers, const Partners& partners, const CoupleRule& rule, int threads) {
  return over_groups(triggers.person_begin, threads, [&](Found& found, std::size_t first, std::size_t last) {
    Coupling coupling(triggers, partners, rule, found);
    for (std::size_t p = first; p < last; ++p) coupling.person(p);
  });
}

}  // namespace ybcore::checks
