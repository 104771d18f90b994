#include "ybcore/checks/diagnoses.hpp"

#include <algorithm>
#include <climits>

#include "groups.hpp"

namespace ybcore::checks {
namespace {

enum class Truth : std::uint8_t { kFalse, kTrue, kOpen };

Truth turned(Truth truth) noexcept {
  if (truth == Truth::kOpen) return truth;
  return truth == Truth::kTrue ? Truth::kFalse : Truth::kTrue;
}

// `decider` decides alone: true for any, false for all.
Truth joined_by(Truth a, Truth b, Truth decider) noexcept {
  if (a == decider || b == decider) return decider;
  return a == Truth::kOpen || b == Truth::kOpen ? Truth::kOpen : turned(decider);
}

class Judge {
 public:
  Judge(const DiagnosisEvents& events, const VisitDiagnoses& visits, const Tests& tests, const DiagnosisRule& rule)
      : events_(events), visits_(visits), tests_(tests), rule_(rule) {}

  [[nodiscard]] Truth condition(std::size_t i, std::int32_t set) const noexcept {
    Truth truth = Truth::kOpen;
    if (rule_.set.empty()) {
      truth = test(i);
    } else {
      truth = list(i, set);
      if (!tests_.begin.empty()) truth = joined_by(truth, test(i), rule_.any_leaf ? Truth::kTrue : Truth::kFalse);
    }
    return rule_.negate ? turned(truth) : truth;
  }

 private:
  // Whether the visit has one in the set, one at all, or neither.
  [[nodiscard]] Truth of_visit(std::size_t visit, std::int32_t set) const noexcept {
    // So few that looking at all costs less than leaving early.
    bool any = false, has = false;
    for (auto d = static_cast<std::size_t>(visits_.begin[visit]); d < static_cast<std::size_t>(visits_.begin[visit + 1]); ++d) {
      if (visits_.code[d] < 0 || (rule_.main_only && visits_.main[d] == 0)) continue;
      any = true;
      has |= rule_.sets.has(set, visits_.code[d]);
    }
    if (has) return Truth::kTrue;
    return any ? Truth::kFalse : Truth::kOpen;
  }

  [[nodiscard]] Truth list(std::size_t i, std::int32_t set) const noexcept {
    const std::int32_t own = events_.visit[i];
    if (own < 0) return Truth::kOpen;
    const auto visit = static_cast<std::size_t>(own);
    const Truth truth = of_visit(visit, set);
    if (truth == Truth::kTrue || rule_.look_back_days < 0) return truth;
    if (events_.day[i] == INT32_MIN) return Truth::kOpen;
    const std::int64_t last = events_.day[i], first = last - rule_.look_back_days;
    for (std::size_t v = visit; v > 0 && same_person(v - 1, visit) && visits_.visit_day[v - 1] >= first; --v)
      if (visits_.visit_day[v - 1] <= last && of_visit(v - 1, set) == Truth::kTrue) return Truth::kTrue;
    // A line's day may lie after the begin of a later visit.
    for (std::size_t v = visit + 1; v < visits_.visit_person.size() && same_person(v, visit) && visits_.visit_day[v] <= last; ++v)
      if (visits_.visit_day[v] >= first && of_visit(v, set) == Truth::kTrue) return Truth::kTrue;
    return truth;
  }

  [[nodiscard]] bool same_person(std::size_t a, std::size_t b) const noexcept { return visits_.visit_person[a] == visits_.visit_person[b]; }

  [[nodiscard]] Truth test(std::size_t i) const noexcept {
    const std::int32_t visit = events_.visit[i];
    const std::int32_t person = visit < 0 ? -1 : visits_.visit_person[static_cast<std::size_t>(visit)];
    if (person < 0 || events_.time[i] == kUnknown) return Truth::kOpen;
    const auto begin = tests_.time.begin() + tests_.begin[static_cast<std::size_t>(person)];
    const auto end = tests_.time.begin() + tests_.begin[static_cast<std::size_t>(person) + 1];
    for (auto at = std::upper_bound(begin, end, events_.time[i]); at != begin;) {
      --at;
      if (*at == kUnknown || (tests_.look_back_days >= 0 && day_of(*at) < day_of(events_.time[i]) - tests_.look_back_days)) break;
      const std::int64_t value = tests_.value[static_cast<std::size_t>(at - tests_.time.begin())];
      if (value != kUnknown) return hits(tests_.comparator, value, tests_.limit) ? Truth::kTrue : Truth::kFalse;
    }
    return Truth::kOpen;
  }

  const DiagnosisEvents& events_;
  const VisitDiagnoses& visits_;
  const Tests& tests_;
  const DiagnosisRule& rule_;
};

}  // namespace

Found diagnoses(const DiagnosisEvents& events, const VisitDiagnoses& visits, const Tests& tests, const DiagnosisRule& rule, int threads) {
  const Judge judge(events, visits, tests, rule);
  return over_entries(events.entry, events.visit.size(), threads, [&](Found& found, std::size_t i, std::int32_t row) {
    const std::int32_t set = row < 0 || rule.set.empty() ? 0 : rule.set[static_cast<std::size_t>(row)];
    if (set < 0) return;
    const Truth truth = row < 0 ? Truth::kOpen : judge.condition(i, set);
    if (truth == Truth::kOpen) ++found.unknown;
    if (truth != Truth::kFalse) return;
    found.open({0, 0, kUnknown, kUnknown, events.entry.empty() ? -1 : row, 0});
    found.detail(static_cast<std::int32_t>(i), Part::kOffending);
  });
}

}  // namespace ybcore::checks
