// The passes in order, and what is looked at before them.
#include <algorithm>

#include "parts.hpp"

namespace ybcore::clearing {

const char* sentence(Code code) noexcept {
  switch (code) {
    case Code::kOk:
      return "cleared";
    case Code::kNoFigure:
      return "the group of a case does not have the figure that its method takes";
    case Code::kOverflow:
      return "an amount is larger than can be held";
    case Code::kOverdrawn:
      return "what is paid before points are valued is more than the budget";
    case Code::kConservation:
      return "a budget is not what was paid, held back, reserved and left of it";
  }
  return "unknown";
}

const char* invalid(const Job& job) noexcept {
  const Cases& cases = job.cases;
  const std::size_t rows = cases.cell.size();
  const auto within = [](std::span<const std::int32_t> column, std::size_t size) {
    return std::all_of(column.begin(), column.end(), [size](std::int32_t at) { return at >= -1 && at < static_cast<std::int64_t>(size); });
  };
  const std::size_t groups = job.groups.points.size();
  if (job.groups.weight.size() != groups || job.groups.mean.size() != groups || job.groups.amount.size() != groups ||
      job.groups.bed_day.size() != groups)
    return "groups";
  if (cases.group.size() != rows || cases.month.size() != rows || cases.pool.size() != rows || cases.days.size() != rows) return "cases";
  for (const auto column :
       {cases.medfee, cases.own, cases.over, cases.first, cases.deductible, cases.fund, cases.other, cases.patient, cases.cash,
        cases.account, cases.carved, cases.carved_fund, cases.rate, cases.review_points, cases.review_amount})
    if (!column.empty() && column.size() != rows) return "amounts";
  if ((!cases.broken.empty() && cases.broken.size() != rows) || (!cases.exempt.empty() && cases.exempt.size() != rows)) return "flags";
  for (const auto column : {cases.person, cases.institution, cases.code, cases.begin, cases.end})
    if (column.size() != cases.person.size() || (!column.empty() && column.size() != rows)) return "stays";
  if (!within(cases.cell, job.cells.size())) return "cell";
  if (!within(cases.group, groups)) return "group";
  if (!within(cases.month, job.years.month.size())) return "month";
  if (!within(cases.pool, job.pools.budget.size())) return "pool";
  for (std::size_t row = 0; row < rows; ++row)
    if (cases.cell[row] < 0 && (cases.month[row] >= 0 || cases.pool[row] >= 0)) return "cell";
  for (const Cell& cell : job.cells)
    if (cell.grid < 1 || (cell.from == From::kGroupMean && cell.over < 1) ||
        (cell.ungrouped.rule == Rule::kByCost && cell.ungrouped.over < 1))
      return "cells";
  for (const Unit& unit : job.years.units)
    if (unit.month_begin < 0 || unit.month_end < unit.month_begin || unit.month_end > static_cast<std::int64_t>(job.years.month.size()) ||
        unit.step_begin < 0 || unit.step_end > static_cast<std::int64_t>(job.years.steps.size()) || unit.counts < 0 ||
        unit.counts >= static_cast<std::int64_t>(kSums))
      return "units";
  const std::size_t pools = job.pools.budget.size();
  for (const auto column : {job.pools.reserve, job.pools.ratio, job.pools.adds, job.pools.share, job.pools.grid})
    if (column.size() != pools) return "pools";
  if (job.pools.balance.size() != pools) return "pools";
  for (std::size_t p = 0; p < pools; ++p)
    if (job.pools.ratio[p] < 1 || job.pools.grid[p] < 1) return "pools";
  return nullptr;
}

Status clear(const Job& job, const CaseResults& cases, const PoolResults& pools, const YearResults& years, int threads) {
  Status status = settle_standards(job, cases, threads);
  if (status.code != Code::kOk) return status;
  cut_readmissions(job, cases);
  status = value_points(job, cases, pools, threads);
  if (status.code != Code::kOk) return status;
  share_all(job, cases, threads);
  sum_months(job, cases, years, threads);
  return settle_years(job, cases, pools, years);
}

}  // namespace ybcore::clearing
