#include "line.hpp"

#include <algorithm>
#include <cstdlib>

namespace ybcore {

Setting setting_of(const Catalog& catalog, const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events,
                   const PricingLines& lines, std::size_t visit, std::size_t event) noexcept {
  const PricingProgram& program = tables.programs[static_cast<std::size_t>(events.program[event])];
  Setting s{catalog, tables, lines, program, {}, {}, visits.enddate[visit], or_none(events.level, event)};
  for (std::size_t what = 0; what < 3; ++what) {
    s.place[what] = program.place[what] == PlaceRule::kInsured ? or_none(visits.insured, visit) : or_none(visits.treatment, visit);
    s.day[what] = program.date[what] == DateRule::kFee         ? kNullDay
                  : program.date[what] == DateRule::kDischarge ? visits.enddate[visit]
                                                               : visits.setl_day[visit];
  }
  return s;
}

namespace {

std::uint8_t why_whole(const PricingLines& lines, std::size_t row, const ClassRow* found) noexcept {
  if (!lines.deny.empty() && lines.deny[row] == 1) return kDenied;
  if (!lines.approved.empty() && lines.approved[row] == 2) return kNotApproved;
  if (found == nullptr) return kUnknownItem;
  return found->item_class == ItemClass::kC ? kClassC : kLineOk;
}

// Cap times quantity in units of money, never above the amount.
std::int64_t limited(const Setting& s, std::size_t row, std::int64_t amount, std::int64_t cap) noexcept {
  std::int64_t quantity = s.lines.quantity.empty() ? kNullInt : s.lines.quantity[row];
  quantity = quantity == kNullInt ? kOneUnit : std::llabs(quantity);
  const Wide limit = round_to(static_cast<Wide>(cap) * quantity * s.program.scale, kCapToFen, s.program.line);
  return limit < amount ? static_cast<std::int64_t>(limit) : amount;
}

void line_steps(const Setting& s, SplitLine& line) noexcept {
  const std::uint8_t bit = line.item_class == ItemClass::kA ? 1 : 2;
  for (std::uint32_t i = s.program.first_step; i < s.program.last_step; ++i) {
    const FirstPayStep& step = s.tables.steps[i];
    if (step.at != StepAt::kLine || (step.classes & bit) == 0) continue;
    const std::int64_t ratio = step.ratio < 0 ? line.ratio : step.ratio;
    const std::int64_t rest = line.lim - line.first;
    const std::int64_t base = step.on_gross ? line.lim : rest;
    const auto taken = static_cast<std::int64_t>(round_to(static_cast<Wide>(ratio) * base, kPpm, s.program.line));
    line.first += std::min(rest, taken);
  }
}

}  // namespace

SplitLine split(const Setting& s, std::int64_t at, std::int32_t fee) noexcept {
  const auto row = static_cast<std::size_t>(at);
  const std::int64_t amount = s.lines.amount[row] * s.program.scale;
  SplitLine line{at, std::llabs(amount), 0, 0, kNullInt, 0, 0, ItemClass::kNone, amount < 0, false, kLineOk};
  const std::int32_t item = s.lines.item_of(row);
  const ClassRow* found = item < 0 ? nullptr : s.catalog.class_row(item, s.place[kClassLookup], s.day_of(kClassLookup, fee));
  if (found != nullptr) {
    line.item_class = found->item_class;
    line.tag = s.tables.tag_map[s.program.tag_row * (s.tables.catalog_tags + 1) + found->tag];
  }
  line.reason = why_whole(s.lines, row, found);
  if (line.reason != kLineOk) return line;
  if (const CapRow* cap = s.catalog.cap_row(item, s.place[kCapLookup], s.level, s.day_of(kCapLookup, fee))) {
    line.cap = cap->cap;
    const std::int64_t whole = line.lim;
    line.lim = limited(s, row, whole, cap->cap);
    line.over = whole - line.lim;
  }
  line.direct = found->direct;
  if (line.item_class == ItemClass::kB || line.direct) {
    const RatioRow* ratio = s.catalog.ratio_row(item, s.place[kRatioLookup], s.program.category, s.day_of(kRatioLookup, fee));
    line.ratio = ratio != nullptr ? ratio->ratio : found->ratio;
    if (line.ratio < 0) {
      line.ratio = 0;
      line.reason = kNoRatio;
    }
  }
  if (line.direct) {
    line.first = static_cast<std::int64_t>(round_to(static_cast<Wide>(line.ratio) * line.lim, kPpm, s.program.line));
  } else {
    line_steps(s, line);
  }
  return line;
}

namespace {

// A step taken on the sum of the chosen lines, then laid on them so that the lines' sum is the step's amount.
void sum_step(const Setting& s, const FirstPayStep& step, std::uint8_t classes, std::vector<SplitLine>& lines) noexcept {
  const auto chosen = [&](const SplitLine& line) {
    const std::uint8_t bit = line.item_class == ItemClass::kA ? 1 : line.item_class == ItemClass::kB ? 2 : 0;
    return (bit & classes & step.classes) != 0 && !line.direct && !whole_own(line);
  };
  Wide product = 0;
  Wide whole = 0;
  for (const SplitLine& line : lines) {
    if (!chosen(line)) continue;
    const std::int64_t ratio = step.ratio < 0 ? line.ratio : step.ratio;
    const std::int64_t sign = line.negative ? -1 : 1;
    product += static_cast<Wide>(ratio) * (sign * (step.on_gross ? line.lim : line.lim - line.first));
    whole += sign * (line.lim - line.first);
  }
  if (whole == 0) return;
  const Wide most = whole < 0 ? -whole : whole;
  const Wide taken = std::clamp<Wide>(round_to(product, kPpm, s.program.sums), -most, most);
  Wide seen = 0;
  Wide given = 0;
  for (SplitLine& line : lines) {
    if (!chosen(line)) continue;
    const std::int64_t sign = line.negative ? -1 : 1;
    seen += sign * (line.lim - line.first);
    const Wide upto = taken * seen / whole;  // C++ division truncates, as the contract does
    line.first += sign * static_cast<std::int64_t>(upto - given);
    given = upto;
  }
}

}  // namespace

void sum_steps(const Setting& s, std::vector<SplitLine>& lines) noexcept {
  for (std::uint32_t i = s.program.first_step; i < s.program.last_step; ++i) {
    const FirstPayStep& step = s.tables.steps[i];
    if (step.at == StepAt::kClass) {
      sum_step(s, step, 1, lines);
      sum_step(s, step, 2, lines);
    } else if (step.at == StepAt::kVisit) {
      sum_step(s, step, 3, lines);
    }
  }
}

void add_natures(const SplitLine& line, std::int64_t* nature) noexcept {
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

void write_line(const Setting& s, const SplitLine& line, const PricingOutput& out) noexcept {
  const auto row = static_cast<std::size_t>(line.row);
  const std::int64_t sign = line.negative ? -1 : 1;
  const Rounding fen{RoundMode::kHalfUp, 1};
  const auto in_fen = [&](std::int64_t units) {
    return sign * static_cast<std::int64_t>(round_to(static_cast<Wide>(units), s.program.scale, fen));
  };
  const bool whole = whole_own(line);
  out.full[row] = whole ? in_fen(line.lim) : 0;
  out.over[row] = in_fen(line.over);
  out.first[row] = in_fen(line.first);
  out.scope[row] = s.lines.amount[row] - out.full[row] - out.over[row] - out.first[row];
  out.item_class[row] = static_cast<std::uint8_t>(line.item_class);
  out.ratio[row] = whole ? static_cast<std::int32_t>(kPpm) : line.ratio;
  out.cap[row] = line.cap;
  out.reason[row] = line.reason;
}

}  // namespace ybcore
