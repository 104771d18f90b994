// One fee line, the long way: looked up in the dated rows and split by its program's steps. Private to the kernel.
#pragma once

#include <algorithm>
#include <climits>
#include <cstdint>
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

// The fee date that is told of a line, or kNullDay.
[[nodiscard]] inline std::int32_t own_day(const PricingLines& lines, std::int64_t row) noexcept {
  return lines.day.empty() ? kNullDay : lines.day[static_cast<std::size_t>(row)];
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

// One line of columns up to and including its own steps (line_split.hpp). Without `denials`: as if it were not denied.
[[nodiscard]] SplitLine split(const Setting& s, std::int64_t at, std::int32_t fee, bool denials = true) noexcept;
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
// `part`: what of a line that is not whole full self-pay is so all the same (give_way).
void write_line(const Setting& s, const SplitLine& line, const PricingOutput& out, std::int64_t part = 0) noexcept;

[[nodiscard]] bool any_short(const std::int64_t* natures, std::size_t stride) noexcept;
// Returns for which denied lines left too little are full self-pay by what is missing: they give back of what is denied. `part` says by how
// much each line is. False, and nothing is changed, where a nature would be below zero without any denial too, or full self-pay is.
// `undenied`: the natures of the same lines if none were denied.
bool give_way(std::vector<SplitLine>& lines, std::span<const std::int64_t> undenied, std::int64_t* natures,
              std::vector<std::int64_t>& part);

}  // namespace ybcore
