// Years of units: overruns, savings, advances, deposits; and budgets against what came of them.
#include <algorithm>
#include <array>
#include <vector>

#include "parts.hpp"

namespace ybcore::clearing {
namespace {

constexpr std::size_t kBalance = 5;

// What the fund bears of an overrun; shares are of the target, which counts from zero.
std::int64_t overrun(const Unit& unit, std::span<const Step> steps, std::int64_t target, std::int64_t over) {
  const Wide all = Wide{over} * kMillion;
  Wide share = 0;
  Wide low = 0;
  for (std::size_t s = static_cast<std::size_t>(unit.step_begin); s < static_cast<std::size_t>(unit.step_end); ++s) {
    const Step& step = steps[s];
    const Wide top = step.upto == kNothing ? all : std::min(all, Wide{std::max<std::int64_t>(target, 0)} * step.upto);
    if (unit.by_part != 0)
      share += (top - low) * step.fund;
    else if (top == all)
      share = all * step.fund;
    low = top;
    if (top == all) break;
  }
  return static_cast<std::int64_t>(round_div(share, Wide{kMillion} * kMillion));
}

std::int64_t due_of(const Unit& unit, std::span<const Step> steps, std::int64_t target, std::int64_t counted, std::int64_t cases) {
  if (unit.yearly == 0) return target;
  if (counted > target && unit.step_end > unit.step_begin) return target + overrun(unit, steps, target, counted - target);
  if (counted < target && unit.savings != 0) {
    Wide bonus = round_div(Wide{target - counted} * unit.keeps, kMillion);
    if (unit.most != kNothing) bonus = std::min(bonus, round_div(Wide{target} * unit.most, kMillion));
    if (unit.admissions_at_most != kNothing && unit.outpatients != kNothing &&
        Wide{cases} * kMillion > Wide{unit.outpatients} * unit.admissions_at_most)
      bonus = 0;
    return counted + static_cast<std::int64_t>(bonus);
  }
  return target;
}

std::int64_t so_far(Wide product, std::int64_t month) { return static_cast<std::int64_t>(round_div(product * month, 12 * kMillion)); }

std::int64_t advances(const Job& job, const Unit& unit, std::int64_t target, const YearResults& out) {
  std::int64_t all = 0;
  for (auto m = static_cast<std::size_t>(unit.month_begin); m < static_cast<std::size_t>(unit.month_end); ++m) {
    std::int64_t& advance = out.advance[m];
    if (unit.advance_of == 2) {
      const Wide product = Wide{target} * unit.advance_rate;
      advance = so_far(product, job.years.month[m]) - so_far(product, job.years.month[m] - 1);
    } else {
      advance =
          static_cast<std::int64_t>(round_div(Wide{out.sums[m * kSums + (unit.advance_of == 0 ? 10 : 6)]} * unit.advance_rate, kMillion));
    }
    all += advance;
  }
  return unit.advance_of == 2 ? so_far(Wide{target} * unit.advance_rate, 12) : all;
}

void settle_year(const Job& job, std::size_t at, const YearResults& out) {
  const Unit& unit = job.years.units[at];
  std::array<std::int64_t, kSums> sums{};
  for (auto m = static_cast<std::size_t>(unit.month_begin); m < static_cast<std::size_t>(unit.month_end); ++m)
    for (std::size_t k = 0; k < kSums; ++k) sums[k] += out.sums[m * kSums + k];
  const std::int64_t target = unit.target == kNothing ? sums[10] : unit.target;
  const std::int64_t counted = sums[static_cast<std::size_t>(unit.counts)];
  const std::int64_t due = due_of(unit, job.years.steps, target, counted, sums[0]);
  const std::int64_t advanced = advances(job, unit, target, out);
  const auto deposit = static_cast<std::int64_t>(std::max(round_div(Wide{due} * unit.deposit, kMillion), Wide{0}));
  const auto released = static_cast<std::int64_t>(round_div(Wide{deposit} * unit.released, kMillion));
  const std::int64_t held = deposit - released;
  const std::array<std::int64_t, kYear> year{target, counted, due, advanced, deposit, released, held, due - held - advanced, due - held};
  std::copy(year.begin(), year.end(), out.years.begin() + static_cast<std::ptrdiff_t>(at * kYear));
}

}  // namespace

Status settle_years(const Job& job, std::span<const Wide> paid, const PoolResults& pools, const YearResults& out) {
  const std::size_t balances = out.balances.size() / kBalance;
  std::fill(out.balances.begin(), out.balances.end(), 0);
  // What is left of a budget, once by its cases and once by its units: the two must meet.
  std::vector<Wide> left(balances, 0);
  for (std::size_t p = 0; p < job.pools.budget.size(); ++p) {
    const auto b = static_cast<std::size_t>(job.pools.balance[p]);
    out.balances[b * kBalance] += job.pools.budget[p];
    out.balances[b * kBalance + 1] += pools.reserve[p];
    left[b] += Wide{job.pools.budget[p]} - pools.reserve[p] - paid[p];
  }
  for (std::size_t u = 0; u < job.years.units.size(); ++u) {
    settle_year(job, u, out);
    const Unit& unit = job.years.units[u];
    if (unit.balance < 0) continue;
    const auto b = static_cast<std::size_t>(unit.balance);
    const std::int64_t* const year = out.years.data() + u * kYear;
    Wide payments = 0;
    for (auto m = static_cast<std::size_t>(unit.month_begin); m < static_cast<std::size_t>(unit.month_end); ++m)
      payments += out.sums[m * kSums + 10];
    if (unit.given != 0) {
      out.balances[b * kBalance] += year[0];
      left[b] += year[0] - year[2];
    } else {
      left[b] -= year[2] - payments;
    }
    out.balances[b * kBalance + 2] += year[8];
    out.balances[b * kBalance + 3] += year[6];
  }
  for (std::size_t b = 0; b < balances; ++b) {
    std::int64_t* const row = out.balances.data() + b * kBalance;
    row[4] = row[0] - row[1] - row[2] - row[3];
    if (left[b] != row[4]) return {Code::kConservation, static_cast<std::int64_t>(b)};
  }
  return {Code::kOk, 0};
}

}  // namespace ybcore::clearing
