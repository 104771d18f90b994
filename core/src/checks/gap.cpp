#include "ybcore/checks/gap.hpp"

#include "groups.hpp"

namespace ybcore::checks {

namespace {

void judge(const Stays& stays, const GapRule& rule, std::size_t before, std::size_t i, Found& found) {
  if (!stays.exempt.empty() && stays.exempt[i] != 0) return;
  if (!stays.from.empty() && stays.from[i] == static_cast<std::int32_t>(before)) return;
  const std::int64_t days = day_of(stays.start[i]) - day_of(stays.end[before]);
  if (days < 0 && !rule.overlap) return;
  for (std::size_t z = 0; z < rule.zones.size(); ++z) {
    if (!hits(rule.comparator, days, rule.zones[z])) continue;
    found.open({days, rule.zones[z], stays.end[before], stays.start[i], -1, static_cast<std::int32_t>(z)});
    found.detail(static_cast<std::int32_t>(i), Part::kOffending);
    found.detail(static_cast<std::int32_t>(before), Part::kInvolved);
    return;
  }
}

}  // namespace

Found gap(const Stays& stays, const GapRule& rule, int threads) {
  return over_groups(stays.begin, threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t g = from; g < to; ++g) {
      const auto end = static_cast<std::size_t>(stays.begin[g + 1]);
      std::size_t before = end;
      for (auto i = static_cast<std::size_t>(stays.begin[g]); i < end; ++i) {
        if (stays.start[i] == kUnknown || stays.end[i] == kUnknown) {
          ++found.unknown;
          continue;
        }
        if (before != end) judge(stays, rule, before, i, found);
        if (before == end || stays.end[i] >= stays.end[before]) before = i;
      }
    }
  });
}

}  // namespace ybcore::checks
