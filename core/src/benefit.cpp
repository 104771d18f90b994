// One claim after another.
#include "ybcore/benefit.hpp"

#include <algorithm>

#include "ybcore/money.hpp"

namespace ybcore {

bool pay_benefits(std::span<const BenefitRule> rules, std::span<const BirthStep> steps, const Claims& claims,
                  const BenefitResults& out) noexcept {
  constexpr Wide kPlaces = 10'000;
  constexpr Wide kMost = 1'000'000'000'000'000;
  for (std::size_t row = 0; row < claims.rule.size(); ++row) {
    out.count[row] = out.allowance[row] = out.lump[row] = out.pay[row] = 0;
    if (claims.rule[row] < 0) continue;
    const BenefitRule& rule = rules[static_cast<std::size_t>(claims.rule[row])];
    std::int64_t base = std::max(claims.base[row], rule.least);
    if (rule.most >= 0) base = std::min(base, rule.most);
    Wide count = Wide{rule.start} + (rule.given != 0 ? claims.count[row] : 0);
    for (auto s = static_cast<std::size_t>(rule.step_begin); s < static_cast<std::size_t>(rule.step_end); ++s)
      count += Wide{steps[s].adds} * std::max<std::int64_t>(0, claims.births[row] - steps[s].beyond);
    const Wide below = kPlaces * (rule.months != 0 ? 1 : 30);
    const Rounding told{static_cast<RoundMode>(rule.mode), rule.unit};
    const Rounding fen{told.mode, 1};
    if (count > kMost || count < -kMost) return false;
    const Wide product = base * count;
    const Wide allowance = round_to(product, below, rule.at_total != 0 ? fen : told);
    const Wide pay = rule.at_total != 0 ? round_to(product + rule.lump * below, below, told) : allowance + rule.lump;
    if (allowance > kMost || pay > kMost) return false;
    out.count[row] = static_cast<std::int64_t>(count);
    out.allowance[row] = static_cast<std::int64_t>(allowance);
    out.lump[row] = rule.lump;
    out.pay[row] = static_cast<std::int64_t>(pay);
  }
  return true;
}

}  // namespace ybcore
