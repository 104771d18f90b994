#include "line.hpp"

#include <algorithm>

#include "line_split.hpp"

namespace ybcore {

Setting setting_of(const Catalog& catalog, const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events,
                   const PricingLines& lines, std::size_t visit, std::size_t event) noexcept {
  const Stay stay{visits.enddate[visit], visits.setl_day[visit], or_none(visits.treatment, visit), or_none(visits.insured, visit),
                  or_none(events.level, event)};
  return setting_of(catalog, tables, lines, events.program[event], stay);
}

SplitLine split(const Setting& s, std::int64_t at, std::int32_t fee, bool denials) noexcept {
  const PricingLines& lines = s.lines;
  const auto row = static_cast<std::size_t>(at);
  const FeeLine line{lines.item_of(row), denials && !lines.deny.empty() && lines.deny[row] == 1,
                     !lines.approved.empty() && lines.approved[row] == 2, lines.amount[row],
                     lines.quantity.empty() ? kNullInt : lines.quantity[row]};
  return split_line(s, ProgramUnits{s.program}, line, at, fee);
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

bool any_short(const std::int64_t* natures, std::size_t stride) noexcept {
  std::int64_t sign = 0;
  for (std::size_t k = 0; k < stride; ++k) sign |= natures[k];
  return sign < 0;
}

bool give_way(std::vector<SplitLine>& lines, std::span<const std::int64_t> undenied, std::int64_t* natures,
              std::vector<std::int64_t>& part) {
  constexpr std::size_t kDirect = 4, kTags = 5, kOfTag = 4;
  part.assign(lines.size(), 0);
  for (std::size_t k = 0; k < undenied.size(); ++k) {
    const bool full = k == 0 || (k >= kTags && (k - kTags) % kOfTag == 0);
    if (natures[k] < 0 && (undenied[k] < 0 || full)) return false;
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    SplitLine& line = lines[i];
    if (!line.negative || whole_own(line)) continue;
    std::int64_t* const own = line.tag == 0 ? natures : natures + kTags + kOfTag * (line.tag - std::size_t{1});
    const auto take = [&](std::int64_t& nature, std::int64_t amount) {
      // Steps on sums may leave a line less than nothing of a nature.
      const std::int64_t taken = nature < 0 ? std::max(std::int64_t{0}, std::min(-nature, amount)) : 0;
      nature += taken;
      own[0] -= taken;
      part[i] += taken;
      return taken;
    };
    const std::int64_t scope = line.lim - line.first;
    line.over -= take(own[1], line.over);
    const std::int64_t first = take(own[2], line.first);
    line.first -= first;
    line.lim -= first + take(line.direct ? natures[kDirect] : own[3], scope);
  }
  return true;
}

void write_line(const Setting& s, const SplitLine& line, const PricingOutput& out, std::int64_t part) noexcept {
  const auto row = static_cast<std::size_t>(line.row);
  const std::int64_t sign = line.negative ? -1 : 1;
  const Rounding fen{RoundMode::kHalfUp, 1};
  const auto in_fen = [&](std::int64_t units) {
    return sign * static_cast<std::int64_t>(round_to(static_cast<Wide>(units), s.program.scale, fen));
  };
  const bool whole = whole_own(line);
  out.full[row] = in_fen(whole ? line.lim : part);
  out.over[row] = in_fen(line.over);
  out.first[row] = in_fen(line.first);
  out.scope[row] = s.lines.amount[row] - out.full[row] - out.over[row] - out.first[row];
  out.item_class[row] = static_cast<std::uint8_t>(line.item_class);
  out.ratio[row] = whole ? static_cast<std::int32_t>(kPpm) : line.ratio;
  out.cap[row] = line.cap;
  out.reason[row] = part != 0 ? std::uint8_t{kDenied} : line.reason;
}

}  // namespace ybcore
