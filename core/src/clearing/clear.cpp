// The passes in order, and what is looked at before them.
#include <algorithm>

#include "../split.hpp"
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
  if (cases.group.size() != rows || cases.month.size() != rows) return "cases";
  const bool by_day = std::any_of(job.cells.begin(), job.cells.end(), [](const Cell& cell) { return cell.by_day != 0; }) ||
                      std::any_of(job.groups.bed_day.begin(), job.groups.bed_day.end(), [](std::uint8_t day) { return day != 0; });
  if (cases.days.size() != rows && (by_day || !cases.days.empty())) return "days";
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
  if (job.years.pool.size() != job.years.month.size() || !within(job.years.pool, job.pools.budget.size())) return "pool";
  for (std::size_t row = 0; row < rows; ++row)
    if (cases.cell[row] < 0 && cases.month[row] >= 0) return "cell";
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

namespace {

constexpr std::size_t kBlock = 1 << 12;

// Calls `one` for the blocks of a piece of the rows, until one fails.
template <class One>
Status each_block(Block piece, One one) {
  for (std::size_t begin = piece.begin; begin < piece.end; begin += kBlock) {
    const Status status = one(Block{begin, std::min(begin + kBlock, piece.end)});
    if (status.code != Code::kOk) return status;
  }
  return {Code::kOk, 0};
}

// A piece for each thread: sums of months are too many to have them more often.
class Pieces {
 public:
  Pieces(std::size_t rows, int threads)
      : threads_(threads),
        chunks_(cut_rows(rows, std::max<std::size_t>(rows / static_cast<std::size_t>(std::max(threads, 1)) + 1, 1 << 15))) {}
  [[nodiscard]] std::size_t size() const { return chunks_.begin.size() - 1; }

  // The first of what fails.
  template <class One>
  Status each(One one) const {
    std::vector<Status> status(size(), Status{Code::kOk, 0});
    for_each_chunk(chunks_, threads_,
                   [&](std::size_t piece) { status[piece] = one(piece, Block{chunks_.begin[piece], chunks_.begin[piece + 1]}); });
    for (const Status& found : status)
      if (found.code != Code::kOk) return found;
    return {Code::kOk, 0};
  }

 private:
  int threads_;
  Chunks chunks_;
};

// Standards, what is cut of them, and what pools have to give money for.
Status to_points(const Job& job, const CaseResults& cases, const Pieces& pieces, std::vector<PoolSums>& sums, int threads) {
  const Scales scales(job, threads);
  const bool cuts = !job.cases.person.empty();
  std::vector<std::vector<PoolSums>> each(pieces.size(), std::vector<PoolSums>(sums.size()));
  const Status status = pieces.each([&](std::size_t piece, Block all) {
    return each_block(all, [&](Block block) {
      const Status found = settle_standards(job, scales, cases, block);
      if (found.code == Code::kOk && !cuts) sum_pools(job, cases, block, each[piece]);
      return found;
    });
  });
  if (status.code != Code::kOk) return status;
  if (cuts) {
    cut_readmissions(job, cases, threads);
    static_cast<void>(pieces.each([&](std::size_t piece, Block all) {
      sum_pools(job, cases, all, each[piece]);
      return Status{Code::kOk, 0};
    }));
  }
  for (const std::vector<PoolSums>& one : each)
    for (std::size_t p = 0; p < sums.size(); ++p) {
      sums[p].cases += one[p].cases;
      sums[p].points += one[p].points;
      sums[p].first += one[p].first;
      sums[p].adds += one[p].adds;
    }
  return status;
}

}  // namespace

Status clear(const Job& job, const CaseResults& cases, const PoolResults& pools, const YearResults& years, int threads) {
  const std::size_t count = job.pools.budget.size();
  const Pieces pieces(job.cases.cell.size(), threads);
  std::vector<PoolSums> sums(count);
  Status status = to_points(job, cases, pieces, sums, threads);
  if (status.code == Code::kOk) status = value_pools(job, sums, pools);
  if (status.code != Code::kOk) return status;
  bool shared = false;
  for (std::size_t p = 0; p < count; ++p) shared = shared || shared_out(job, pools, p);
  if (shared) share_points(job, cases, pools, threads);
  std::vector<Paid> paid(pieces.size(), Paid{{}, std::vector<std::int64_t>(count), std::vector<std::int64_t>(count)});
  static_cast<void>(pieces.each([&](std::size_t piece, Block all) {
    paid[piece].months.assign(years.sums.size(), 0);
    return each_block(all, [&](Block block) {
      value_points(job, cases, pools, block);
      share_all(job, cases, block, paid[piece]);
      return Status{Code::kOk, 0};
    });
  }));
  std::fill(years.sums.begin(), years.sums.end(), 0);
  std::vector<Wide> whole(count, 0);
  for (const Paid& one : paid) {
    for (std::size_t i = 0; i < one.months.size(); ++i) years.sums[i] += one.months[i];
    for (std::size_t p = 0; p < count; ++p) {
      whole[p] += one.pools[p];
      pools.standard[p] += one.standard[p];
    }
  }
  for (std::size_t p = 0; p < count; ++p)
    if (shared_out(job, pools, p) && pools.standard[p] != pools.shared[p]) return {Code::kConservation, job.pools.balance[p]};
  return settle_years(job, whole, pools, years);
}

}  // namespace ybcore::clearing
