// One fee line, the long way: looked up in the dated rows and split by its program's steps. Private to the kernel.
#pragma once

#include <algorithm>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "words.hpp"
#include "ybcore/pricing.hpp"

namespace ybcore {

inline constexpr std::int64_t kPpm = 1'000'000;
inline constexpr std::int64_t kCapToFen = 100'000'000;  // price (10^-6 yuan) * quantity (10^-4) -> fen
inline constexpr std::int64_t kHao = 100;               // 1/1000000 yuan in 1/10000 yuan
inline constexpr std::int64_t kNullInt = INT64_MIN;

// A line while it is being split; amounts are absolute, in units of money.
struct SplitLine {
  std::int64_t row;
  std::int64_t lim;
  std::int64_t over;
  std::int64_t first;
  std::int64_t cap;
  std::int32_t ratio;
  std::uint16_t tag;
  ItemClass item_class;
  bool negative;
  bool direct;
  std::uint8_t reason;
};

// Everything about one visit that a line needs.
struct Setting {
  const Catalog& catalog;
  const PricingTables& tables;
  const PricingLines& lines;
  const PricingProgram& program;
  std::int32_t place[3];
  std::int32_t day[3];  // kNullDay where the fee date decides
  std::int32_t enddate;
  std::int32_t level;
  // Of the program: its row of the tag map, its steps, and which classes its steps on lines look at.
  const std::uint16_t* tags = nullptr;
  std::span<const FirstPayStep> steps{};
  std::uint8_t classes = 0;

  [[nodiscard]] std::int32_t day_of(std::size_t what, std::int32_t fee) const noexcept { return day[what] == kNullDay ? fee : day[what]; }
};

// What of a visit decides where and when its lines are looked up.
struct Stay {
  std::int32_t enddate, setl_day, treatment, insured, level;
};
[[nodiscard]] inline Setting setting_of(const Catalog& catalog, const PricingTables& tables, const PricingLines& lines,
                                        std::int32_t program, const Stay& stay) noexcept {
  const PricingProgram& p = tables.programs[static_cast<std::size_t>(program)];
  Setting s{catalog, tables, lines, p, {}, {}, stay.enddate, stay.level};
  for (std::size_t what = 0; what < 3; ++what) {
    s.place[what] = p.place[what] == PlaceRule::kInsured ? stay.insured : stay.treatment;
    s.day[what] = p.date[what] == DateRule::kFee ? kNullDay : p.date[what] == DateRule::kDischarge ? stay.enddate : stay.setl_day;
  }
  s.tags = tables.tag_map.data() + p.tag_row * (tables.catalog_tags + 1);
  s.steps = tables.steps.subspan(p.first_step, p.last_step - p.first_step);
  for (const FirstPayStep& step : s.steps) s.classes |= step.at == StepAt::kLine ? step.classes : 0;
  return s;
}
[[nodiscard]] Setting setting_of(const Catalog& catalog, const PricingTables& tables, const PricingVisits& visits,
                                 const PricingEvents& events, const PricingLines& lines, std::size_t visit, std::size_t event) noexcept;

[[nodiscard]] inline std::int64_t row_of(const PricingLines& lines, std::int64_t k) noexcept {
  return lines.row.empty() ? k : lines.row[static_cast<std::size_t>(k)];
}

// The fee date that is told of a line, or kNullDay: a returned line keeps the date of the line it returns.
[[nodiscard]] inline std::int32_t own_day(const PricingLines& lines, std::int64_t row) noexcept {
  std::int64_t dated = row;
  if (!lines.named.empty() && lines.named[static_cast<std::size_t>(row)] >= 0) {
    dated = lines.named[static_cast<std::size_t>(row)];
  }
  return lines.day.empty() ? kNullDay : lines.day[static_cast<std::size_t>(dated)];
}

[[nodiscard]] inline std::int32_t fee_day(const PricingLines& lines, std::int64_t row, std::int32_t enddate) noexcept {
  const std::int32_t day = own_day(lines, row);
  return day == kNullDay ? enddate : day;
}

// Amount and quantity are there and can be priced.
[[nodiscard]] inline bool within_limits(const PricingLines& lines, std::size_t row) noexcept {
  const auto within = [](std::int64_t value, std::int64_t most) { return value >= -most && value <= most; };
  return within(lines.amount[row], kMostLineAmount) && (lines.quantity.empty() || within(lines.quantity[row], kMostLineQuantity));
}
inline void see(PricingSeen& seen, std::int64_t lines, std::int64_t most) noexcept {
  seen.lines += lines;
  seen.most = std::max(seen.most, most);
}

// True when unit price times quantity is not the amount.
[[nodiscard]] inline bool price_differs(std::int64_t amount, std::int64_t quantity, std::int64_t price) noexcept {
  if (price == kNullInt || quantity == kNullInt) return false;
  Wide gap = Wide{amount} * kCapToFen - Wide{quantity} * price;
  if (gap < 0) gap = -gap;
  return 2 * gap > kCapToFen;
}
[[nodiscard]] inline bool price_differs(const PricingLines& lines, std::size_t row) noexcept {
  if (lines.price.empty() || lines.quantity.empty()) return false;
  return price_differs(lines.amount[row], lines.quantity[row], lines.price[row]);
}

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
// The same of columns.
[[nodiscard]] SplitLine split(const Setting& s, std::int64_t at, std::int32_t fee) noexcept;
[[nodiscard]] inline bool whole_own(const SplitLine& line) noexcept { return line.reason != kLineOk && line.reason != kNoRatio; }

// Steps on sums, laid back on the lines of one event.
void sum_steps(const Setting& s, std::vector<SplitLine>& lines) noexcept;

inline void add_natures(const SplitLine& line, std::int64_t* nature) noexcept {
  const std::int64_t sign = line.negative ? -1 : 1;
  std::int64_t* part = line.tag == 0 ? nature : nature + 1 + 4 * line.tag;
  if (whole_own(line)) {
    part[0] += sign * line.lim;
    return;
  }
  part[1] += sign * line.over;
  part[2] += sign * line.first;
  const std::int64_t scope = sign * (line.lim - line.first);
  (line.direct ? nature[4] : part[3]) += scope;
}
void write_line(const Setting& s, const SplitLine& line, const PricingOutput& out) noexcept;

}  // namespace ybcore
