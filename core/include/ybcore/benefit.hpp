// Cash benefits: a monthly base by days or months, and a lump sum.
//
// Meaning   docs/clearing.md section 5. Documents are compiled into rules; a claim names its rule.
// Units     Money in fen; days and months in 1/10000.
// Requires  Rules that claims name; columns of one length.
// Gives     Count, allowance and pay of every claim; nothing of a claim without a rule.
// Fails     False where an amount cannot be held.
// Cost      One pass.
#pragma once

#include <cstdint>
#include <span>

namespace ybcore {

// What adds to a count: so much for every child beyond a number.
struct BirthStep {
  std::int64_t beyond, adds;
};
// 12 numbers of 64 bits.
struct BenefitRule {
  std::int64_t least, most;   // of the base; most -1: without end
  std::int64_t months;        // 1: by months, 0: by days of a thirtieth
  std::int64_t given, start;  // given 1: the claim's own days or months; start: the count, or what is added to it
  std::int64_t step_begin, step_end;
  std::int64_t lump;
  std::int64_t unit, mode, at_total;  // rounding: multiple of a fen, RoundMode, whether it is of the total
  std::int64_t spare;
};
struct Claims {
  std::span<const std::int32_t> rule;                 // -1 none
  std::span<const std::int64_t> base, count, births;  // count: as given, by the unit of the rule
};
struct BenefitResults {
  std::span<std::int64_t> count, allowance, lump, pay;
};

[[nodiscard]] bool pay_benefits(std::span<const BenefitRule> rules, std::span<const BirthStep> steps, const Claims& claims,
                                const BenefitResults& out) noexcept;

}  // namespace ybcore
