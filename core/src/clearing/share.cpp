// The fund's share of a standard, and the sums of months.
#include <algorithm>
#include <vector>

#include "../split.hpp"
#include "parts.hpp"

namespace ybcore::clearing {

std::int64_t share_of_fund(const Cell& cell, const Cases& cases, std::size_t row, Way way, std::int64_t standard) {
  if (way == Way::kItem) return itemised(cases, row);
  if (way != Way::kStandard) return 0;
  const std::int64_t carved = at(cases.carved_fund, row);
  std::int64_t pay = standard;
  switch (cell.formula) {
    case Formula::kWhole:
      break;
    case Formula::kLesser:
      pay = std::min(standard, itemised(cases, row) - carved);
      break;
    case Formula::kLessPatient:
      pay = standard - (at(cases.patient, row) - (at(cases.carved, row) - carved)) - at(cases.other, row);
      break;
    case Formula::kPolicyShare:
    case Formula::kCapTimesRate: {
      Wide base = Wide{standard} - at(cases.own, row) - at(cases.over, row);
      if (cell.formula == Formula::kPolicyShare) base -= Wide{at(cases.first, row)} + at(cases.deductible, row);
      const std::int64_t own = at(cases.rate, row);
      const std::int64_t rate = cell.rate != kNothing ? cell.rate : own == kNothing ? 0 : own;
      pay = static_cast<std::int64_t>(round_div(base * rate, kMillion));
      break;
    }
  }
  if (cell.stops != 0) pay = std::max<std::int64_t>(pay, 0);
  return pay + carved;
}

void share_all(const Job& job, const CaseResults& out, int threads) {
  const Chunks chunks = cut_rows(job.cases.cell.size(), 1 << 15);
  for_each_chunk(chunks, threads, [&](std::size_t chunk) {
    for (std::size_t row = chunks.begin[chunk]; row < chunks.begin[chunk + 1]; ++row) {
      if (job.cases.cell[row] < 0) continue;
      const Cell& cell = job.cells[static_cast<std::size_t>(job.cases.cell[row])];
      out.payment[row] = share_of_fund(cell, job.cases, row, static_cast<Way>(out.way[row]), out.standard[row]);
    }
  });
}

void sum_months(const Job& job, const CaseResults& cases, const YearResults& out, int threads) {
  const Cases& given = job.cases;
  const std::size_t rows = given.cell.size();
  const Chunks chunks = cut_rows(rows, std::max<std::size_t>(rows / static_cast<std::size_t>(std::max(threads, 1)) + 1, 1 << 15));
  std::vector<std::vector<std::int64_t>> each(chunks.begin.size() - 1);
  for_each_chunk(chunks, threads, [&](std::size_t chunk) {
    each[chunk].assign(out.sums.size(), 0);
    for (std::size_t row = chunks.begin[chunk]; row < chunks.begin[chunk + 1]; ++row) {
      if (given.month[row] < 0) continue;
      std::int64_t* const to = each[chunk].data() + static_cast<std::size_t>(given.month[row]) * kSums;
      const Way way = static_cast<Way>(cases.way[row]);
      const std::int64_t total = at(given.medfee, row);
      to[0] += 1;
      to[1] += way == Way::kHeld ? 1 : 0;
      to[2] += way == Way::kStandard && !decided(given, row) ? cases.points[row] : 0;
      to[3] += way == Way::kStandard ? cases.standard[row] : 0;
      to[4] += total;
      to[5] += total - at(given.own, row) - at(given.over, row);
      to[6] += itemised(given, row);
      to[7] += at(given.cash, row);
      to[8] += at(given.account, row);
      to[9] += at(given.fund, row);
      to[10] += cases.payment[row];
    }
  });
  std::fill(out.sums.begin(), out.sums.end(), 0);
  for (const std::vector<std::int64_t>& one : each)
    for (std::size_t i = 0; i < one.size(); ++i) out.sums[i] += one[i];
}

}  // namespace ybcore::clearing
