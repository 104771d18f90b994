// Bounds of the groups that findings of a small batch were counted in (spot_counted.hpp).
#include "spot_counted.hpp"

#include <algorithm>
#include <map>

#include "groups.hpp"

namespace ybcore::checks::spot {
namespace {

std::size_t index(std::int32_t row) noexcept { return static_cast<std::size_t>(row); }

}  // namespace

std::size_t CountedIn::visit_of(const CountedRows& found) const {
  return index(found.lines ? b_.line_visit[index(found.rows.front())] : found.rows.front());
}

CountedIn::Bounds CountedIn::days_of_visit(std::size_t visit) const {
  const std::int64_t begin = b_.begin_day[visit], end = b_.end_day[visit];
  return {std::min(begin, end), std::max(begin, end) + 1};
}

CountedIn::Bounds CountedIn::days_of_stay(std::size_t visit) {
  if (stays_.empty()) {
    std::map<std::pair<std::int32_t, std::int32_t>, Bounds> own;
    for (std::size_t v = 0; v < b_.visits; ++v) {
      if (b_.stands[v] == 0) continue;
      const Bounds days = days_of_visit(v);
      Bounds& all = own.try_emplace({b_.psn[v], b_.stay[v]}, days).first->second;
      all = {std::min(all.first, days.first), std::max(all.second, days.second)};
    }
    stays_.resize(b_.visits);
    for (std::size_t v = 0; v < b_.visits; ++v)
      if (b_.stands[v] != 0) stays_[v] = own.at({b_.psn[v], b_.stay[v]});
  }
  return stays_[visit];
}

CountedIn::Bounds CountedIn::days_of_rows(const CountedRows& found, bool covered) const {
  const SpotColumn* days = covered ? b_.column(SpotTable::kLines, "prd_days") : nullptr;
  const auto last_of = [&](std::size_t line) {
    const std::int64_t lasting = days == nullptr ? kUnknown : days->number[line];
    return b_.line_day[line] + std::max<std::int64_t>(1, lasting == kUnknown ? 1 : (lasting + kUnit - 1) / kUnit);
  };
  const std::size_t first = index(found.rows.front());
  Bounds out{b_.line_day[first], last_of(first)};
  for (const std::int32_t row : found.rows)
    out = {std::min<std::int64_t>(out.first, b_.line_day[index(row)]), std::max(out.second, last_of(index(row)))};
  return out;
}

CountedIn::Bounds CountedIn::days_of(const SpotCounting& own, std::int64_t measure, const CountedRows& found) {
  const std::size_t row = index(found.rows.front());
  const std::int64_t day = found.lines ? b_.line_day[row] : b_.begin_day[row];
  const auto calendar = [&](Span span) -> Bounds {
    const Period found_in = period_of({span}, static_cast<std::int32_t>(own.reach), day);
    return {found_in.first, found_in.last + 1};
  };
  switch (own.how) {
    case SpotHow::kMonth:
      return calendar(Span::kMonth);
    case SpotHow::kQuarter:
      return calendar(Span::kQuarter);
    case SpotHow::kYear:
      return calendar(Span::kYear);
    case SpotHow::kInsuranceYear:
      return calendar(Span::kInsuranceYear);
    case SpotHow::kVisit:
      return days_of_visit(visit_of(found));
    case SpotHow::kStay:
      return days_of_stay(visit_of(found));
    case SpotHow::kRows:
    case SpotHow::kCovered:
      return days_of_rows(found, own.how == SpotHow::kCovered);
    case SpotHow::kBack:
      return {day - own.reach, day + 1};
    case SpotHow::kFrom:
      return {day, day + measure};
    case SpotHow::kFromEnd: {
      const std::int64_t end = b_.end_day[visit_of(found)];
      return {end, end + measure};
    }
    case SpotHow::kUntil:
      return {day - measure, day};
    default:
      return {day, day + 1};
  }
}

CountedIn::Bounds CountedIn::of(const SpotCounting& own, std::int64_t measure, const CountedRows& found) {
  if (own.how == SpotHow::kNear) {
    const std::int64_t time = b_.line_time[index(found.rows[found.shared ? found.involved : 0])];
    return {time - own.reach, time + own.reach + 1};
  }
  if (own.how == SpotHow::kHour) {
    const std::int64_t time = b_.line_time[index(found.rows.front())], rest = time % kHourMicros;
    const std::int64_t begin = time - rest - (rest < 0 ? kHourMicros : 0);
    return {begin, begin + kHourMicros};
  }
  const auto [first, last] = days_of(own, measure, found);
  return {first * kDayMicros, last * kDayMicros};
}

}  // namespace ybcore::checks::spot
