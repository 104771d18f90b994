// The fund's share of a standard, and the sums of months.
#include <algorithm>

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

void share_all(const Job& job, const CaseResults& out, Block block, Paid& paid) {
  const Cases& given = job.cases;
  // Months are many and cases come in any order.
  constexpr std::size_t kAhead = 8;
  for (std::size_t row = block.begin; row < block.end; ++row) {
    if (row + kAhead < block.end && given.month[row + kAhead] >= 0) {
      const std::int64_t* const next = paid.months.data() + static_cast<std::size_t>(given.month[row + kAhead]) * kSums;
      __builtin_prefetch(next, 1);
      __builtin_prefetch(next + kSums - 1, 1);
    }
    if (given.cell[row] < 0) continue;
    const Way way = static_cast<Way>(out.way[row]);
    const std::int64_t payment = share_of_fund(cell_of(job, row), given, row, way, out.standard[row]);
    out.payment[row] = payment;
    if (given.month[row] < 0) continue;
    std::int64_t* const to = paid.months.data() + static_cast<std::size_t>(given.month[row]) * kSums;
    const std::int64_t total = at(given.medfee, row);
    to[0] += 1;
    to[1] += way == Way::kHeld ? 1 : 0;
    to[2] += way == Way::kStandard && !decided(given, row) ? out.points[row] : 0;
    to[3] += way == Way::kStandard ? out.standard[row] : 0;
    to[4] += total;
    to[5] += total - at(given.own, row) - at(given.over, row);
    to[6] += itemised(given, row);
    to[7] += at(given.cash, row);
    to[8] += at(given.account, row);
    to[9] += at(given.fund, row);
    to[10] += payment;
    const std::int32_t pool = pool_of(job, row);
    if (pool < 0) continue;
    paid.pools[static_cast<std::size_t>(pool)] += payment;
    if (pointed(job, out, row)) paid.standard[static_cast<std::size_t>(pool)] += out.standard[row];
  }
}

}  // namespace ybcore::clearing
