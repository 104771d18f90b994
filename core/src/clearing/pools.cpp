// Budgets into values of points, and values into standards: by largest remainder, or by the value as it is told.
#include <algorithm>
#include <functional>
#include <vector>

#include "../split.hpp"
#include "parts.hpp"

namespace ybcore::clearing {
namespace {

struct Sums {
  std::int64_t cases = 0, points = 0, first = 0, adds = 0;
};

std::vector<Sums> sum_pools(const Job& job, const CaseResults& out, int threads) {
  const std::size_t pools = job.pools.budget.size();
  const Cases& cases = job.cases;
  const std::size_t rows = cases.cell.size();
  const Chunks chunks = cut_rows(rows, std::max<std::size_t>(rows / static_cast<std::size_t>(std::max(threads, 1)) + 1, 1 << 15));
  std::vector<std::vector<Sums>> each(chunks.begin.size() - 1, std::vector<Sums>(pools));
  for_each_chunk(chunks, threads, [&](std::size_t chunk) {
    for (std::size_t row = chunks.begin[chunk]; row < chunks.begin[chunk + 1]; ++row) {
      if (cases.pool[row] < 0) continue;
      Sums& sums = each[chunk][static_cast<std::size_t>(cases.pool[row])];
      ++sums.cases;
      if (pointed(job, out, row)) {
        sums.points += out.points[row];
        sums.adds += at(cases.patient, row) + at(cases.other, row) - at(cases.carved, row);
      } else {
        const Cell& cell = job.cells[static_cast<std::size_t>(cases.cell[row])];
        sums.first += share_of_fund(cell, cases, row, static_cast<Way>(out.way[row]), out.standard[row]);
      }
    }
  });
  std::vector<Sums> all(pools);
  for (const std::vector<Sums>& one : each)
    for (std::size_t p = 0; p < pools; ++p) {
      all[p].cases += one[p].cases;
      all[p].points += one[p].points;
      all[p].first += one[p].first;
      all[p].adds += one[p].adds;
    }
  return all;
}

// The fen that are missing go to the largest rests; on ties to the lowest ids.
void give_missing(const Job& job, const CaseResults& out, std::vector<std::size_t>& rows, const std::vector<std::int64_t>& rest,
                  std::int64_t missing) {
  if (missing <= 0) return;
  std::vector<std::int64_t> sorted;
  sorted.reserve(rows.size());
  for (const std::size_t row : rows) sorted.push_back(rest[row]);
  const auto last = sorted.begin() + (missing - 1);
  std::nth_element(sorted.begin(), last, sorted.end(), std::greater<>());
  const std::int64_t least = *last;
  std::vector<std::size_t> ties;
  for (const std::size_t row : rows) {
    if (rest[row] > least) {
      ++out.standard[row];
      --missing;
    } else if (rest[row] == least) {
      ties.push_back(row);
    }
  }
  const auto less = [&](std::size_t a, std::size_t b) { return id_less(job.cases.ids, a, b); };
  const auto end = ties.begin() + missing;
  if (end != ties.end()) std::nth_element(ties.begin(), end, ties.end(), less);
  for (auto it = ties.begin(); it != end; ++it) ++out.standard[*it];
}

}  // namespace

Status value_points(const Job& job, const CaseResults& out, const PoolResults& pools, int threads) {
  const Cases& cases = job.cases;
  const std::size_t count = job.pools.budget.size();
  if (count == 0) return {Code::kOk, 0};
  const std::vector<Sums> sums = sum_pools(job, out, threads);
  for (std::size_t p = 0; p < count; ++p) {
    const std::int64_t budget = job.pools.budget[p];
    pools.cases[p] = sums[p].cases;
    pools.points[p] = sums[p].points;
    pools.first[p] = sums[p].first;
    pools.adds[p] = job.pools.adds[p] != 0 ? sums[p].adds : 0;
    pools.reserve[p] = static_cast<std::int64_t>(round_div(Wide{budget} * job.pools.reserve[p], kMillion));
    const Wide whole = round_div(Wide{budget - pools.reserve[p]} * kMillion, job.pools.ratio[p]);
    const Wide shared = whole - pools.first[p] + pools.adds[p];
    if (shared < 0) return {Code::kOverdrawn, static_cast<std::int64_t>(p)};
    if (shared > kMost) return {Code::kOverflow, static_cast<std::int64_t>(p)};
    pools.shared[p] = static_cast<std::int64_t>(shared);
    pools.standard[p] = 0;
    const Wide told = sums[p].points == 0 ? 0 : round_to(shared * 100'000'000, sums[p].points, {RoundMode::kHalfUp, job.pools.grid[p]});
    if (told > kMost) return {Code::kOverflow, static_cast<std::int64_t>(p)};
    pools.value[p] = static_cast<std::int64_t>(told);
  }
  const std::size_t rows = cases.cell.size();
  std::vector<std::int64_t> rest(rows, -1);
  const Chunks chunks = cut_rows(rows, 1 << 15);
  for_each_chunk(chunks, threads, [&](std::size_t chunk) {
    for (std::size_t row = chunks.begin[chunk]; row < chunks.begin[chunk + 1]; ++row) {
      if (cases.pool[row] < 0 || !pointed(job, out, row)) continue;
      const auto p = static_cast<std::size_t>(cases.pool[row]);
      if (job.pools.share[p] == 0) {
        out.standard[row] = static_cast<std::int64_t>(round_div(Wide{out.points[row]} * pools.value[p], 100'000'000));
      } else if (pools.points[p] != 0) {
        const Wide product = Wide{pools.shared[p]} * out.points[row];
        out.standard[row] = static_cast<std::int64_t>(product / pools.points[p]);
        rest[row] = static_cast<std::int64_t>(product - Wide{out.standard[row]} * pools.points[p]);
      }
    }
  });
  std::vector<std::vector<std::size_t>> mine(count);
  for (std::size_t row = 0; row < rows; ++row) {
    if (cases.pool[row] < 0 || !pointed(job, out, row)) continue;
    const auto p = static_cast<std::size_t>(cases.pool[row]);
    pools.standard[p] += out.standard[row];
    if (rest[row] >= 0) mine[p].push_back(row);
  }
  for (std::size_t p = 0; p < count; ++p) {
    if (job.pools.share[p] == 0 || pools.points[p] == 0) continue;
    give_missing(job, out, mine[p], rest, pools.shared[p] - pools.standard[p]);
    pools.standard[p] = 0;
    for (const std::size_t row : mine[p]) pools.standard[p] += out.standard[row];
    if (pools.standard[p] != pools.shared[p]) return {Code::kConservation, job.pools.balance[p]};
  }
  return {Code::kOk, 0};
}

}  // namespace ybcore::clearing
