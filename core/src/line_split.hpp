// How one fee line is split, wherever it stands in memory. Private to the kernel.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "line.hpp"

namespace ybcore {

// What of a line decides how it is split.
struct FeeLine {
  std::int32_t item;
  bool denied, not_approved;
  std::int64_t amount, quantity;  // the second kNullInt: one unit
};

// How a program counts money. Most documents settle in whole fen, rounded half up: what the compiler knows it need not ask.
struct ProgramUnits {
  const PricingProgram& program;
  [[nodiscard]] std::int64_t scale() const noexcept { return program.scale; }
  [[nodiscard]] Rounding line() const noexcept { return program.line; }
};
struct WholeFen {
  [[nodiscard]] static constexpr std::int64_t scale() noexcept { return 1; }
  [[nodiscard]] static constexpr Rounding line() noexcept { return {RoundMode::kHalfUp, 1}; }
  [[nodiscard]] static bool fits(const PricingProgram& program) noexcept {
    return program.scale == 1 && program.line.unit == 1 && program.line.mode == RoundMode::kHalfUp;
  }
};

// One line up to and including its own steps; `row` is what it is called.
template <class Units>
[[nodiscard]] inline SplitLine split_line(const Setting& s, Units units, const FeeLine& from, std::int64_t row, std::int32_t fee) noexcept {
  const std::int64_t amount = from.amount * units.scale();
  SplitLine line{row, std::llabs(amount), 0, 0, kNullInt, 0, 0, ItemClass::kNone, amount < 0, false, kLineOk};
  const ClassRow* found = from.item < 0 ? nullptr : s.catalog.class_row(from.item, s.place[kClassLookup], s.day_of(kClassLookup, fee));
  if (found != nullptr) {
    line.item_class = found->item_class;
    line.tag = s.tags[found->tag];
  }
  line.reason = from.denied                          ? kDenied
                : from.not_approved                  ? kNotApproved
                : found == nullptr                   ? kUnknownItem
                : found->item_class == ItemClass::kC ? kClassC
                                                     : kLineOk;
  if (line.reason != kLineOk) return line;
  if (const CapRow* cap = s.catalog.cap_row(from.item, s.place[kCapLookup], s.level, s.day_of(kCapLookup, fee))) {
    // Cap times quantity in units of money, never above the amount.
    line.cap = cap->cap;
    const Wide price = Wide{cap->cap} * (from.quantity == kNullInt ? kOneUnit : std::llabs(from.quantity));
    const Wide limit = round_by<kCapToFen>(price * units.scale(), units.line());
    const std::int64_t whole = line.lim;
    line.lim = limit < whole ? static_cast<std::int64_t>(limit) : whole;
    line.over = whole - line.lim;
  }
  const auto part = [&](std::int64_t ratio, std::int64_t of) {
    return static_cast<std::int64_t>(round_by<kPpm>(Wide{ratio} * of, units.line()));
  };
  line.direct = found->direct;
  if (line.item_class == ItemClass::kB || line.direct) {
    const RatioRow* ratio = s.catalog.ratio_row(from.item, s.place[kRatioLookup], s.program.category, s.day_of(kRatioLookup, fee));
    line.ratio = ratio != nullptr ? ratio->ratio : found->ratio;
    if (line.ratio < 0) {
      line.ratio = 0;
      line.reason = kNoRatio;
    }
  }
  const std::uint8_t bit = line.item_class == ItemClass::kA ? 1 : 2;
  if (line.direct) {
    line.first = part(line.ratio, line.lim);
  } else if ((s.classes & bit) != 0) {
    for (const FirstPayStep& step : s.steps) {
      if (step.at != StepAt::kLine || (step.classes & bit) == 0) continue;
      const std::int64_t rest = line.lim - line.first;
      line.first += std::min(rest, part(step.ratio < 0 ? line.ratio : step.ratio, step.on_gross ? line.lim : rest));
    }
  }
  return line;
}

}  // namespace ybcore
