#include "ybcore/pricing.hpp"

#include <algorithm>
#include <climits>
#include <cstdlib>

#include "split.hpp"

namespace ybcore {
namespace {

constexpr std::int64_t kPpm = 1'000'000;
constexpr std::int64_t kOneUnit = 10'000;        // quantity 1
constexpr std::int64_t kCapToFen = 100'000'000;  // price (10^-6 yuan) * quantity (10^-4) -> fen
constexpr std::int64_t kMostInVisit = 1'000'000'000'000;
constexpr std::int64_t kNullInt = INT64_MIN;

std::int64_t row_of(const PricingLines& lines, std::int64_t k) noexcept {
  return lines.row.empty() ? k : lines.row[static_cast<std::size_t>(k)];
}

// The fee date of a line: a returned line keeps the date of the line it returns.
std::int32_t fee_day(const PricingLines& lines, std::int64_t row, std::int32_t enddate) noexcept {
  std::int64_t dated = row;
  if (!lines.named.empty() && lines.named[static_cast<std::size_t>(row)] >= 0) {
    dated = lines.named[static_cast<std::size_t>(row)];
  }
  const std::int32_t day = lines.day.empty() ? kNullDay : lines.day[static_cast<std::size_t>(dated)];
  return day == kNullDay ? enddate : day;
}

bool price_differs(const PricingLines& lines, std::size_t row) noexcept {
  if (lines.price.empty() || lines.quantity.empty()) return false;
  if (lines.price[row] == kNullInt || lines.quantity[row] == kNullInt) return false;
  Wide gap =
      static_cast<Wide>(lines.amount[row]) * kCapToFen - static_cast<Wide>(lines.quantity[row]) * static_cast<Wide>(lines.price[row]);
  if (gap < 0) gap = -gap;
  return 2 * gap > kCapToFen;
}

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

  [[nodiscard]] std::int32_t day_of(std::size_t what, std::int32_t fee) const noexcept { return day[what] == kNullDay ? fee : day[what]; }
};

Setting setting_of(const Catalog& catalog, const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events,
                   const PricingLines& lines, std::size_t visit, std::size_t event) noexcept {
  const PricingProgram& program = tables.programs[static_cast<std::size_t>(events.program[event])];
  Setting s{catalog, tables, lines, program, {}, {}, visits.enddate[visit], events.level[event]};
  for (std::size_t what = 0; what < 3; ++what) {
    s.place[what] = program.place[what] == PlaceRule::kInsured ? visits.insured[visit] : visits.treatment[visit];
    s.day[what] = program.date[what] == DateRule::kFee         ? kNullDay
                  : program.date[what] == DateRule::kDischarge ? visits.enddate[visit]
                                                               : visits.setl_day[visit];
  }
  return s;
}

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

// One line up to and including its own steps.
SplitLine split(const Setting& s, std::int64_t at, std::int32_t fee) noexcept {
  const auto row = static_cast<std::size_t>(at);
  const std::int64_t amount = s.lines.amount[row] * s.program.scale;
  SplitLine line{at, std::llabs(amount), 0, 0, kNullInt, 0, 0, ItemClass::kNone, amount < 0, false, kLineOk};
  const std::int32_t item = s.lines.item[row];
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

[[nodiscard]] bool whole_own(const SplitLine& line) noexcept { return line.reason != kLineOk && line.reason != kNoRatio; }

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

[[nodiscard]] bool has_sum_steps(const PricingTables& tables, const PricingProgram& program) noexcept {
  for (std::uint32_t i = program.first_step; i < program.last_step; ++i) {
    if (tables.steps[i].at != StepAt::kLine) return true;
  }
  return false;
}

struct Run {
  const Catalog& catalog;
  const PricingTables& tables;
  const PricingVisits& visits;
  const PricingEvents& events;
  const PricingLines& lines;
  const PricingOutput& out;
  std::vector<SplitLine>& scratch;

  // The lines of one event of a visit; `low` is the bound of the event before it.
  std::uint8_t event(std::size_t visit, std::size_t e, std::int32_t low, bool only) const noexcept {
    const Setting s = setting_of(catalog, tables, visits, events, lines, visit, e);
    std::int64_t* nature = out.natures.data() + e * nature_stride(tables.tags);
    const bool sums = has_sum_steps(tables, s.program);
    const bool wanted = !out.reason.empty();
    std::uint8_t flags = 0;
    scratch.clear();
    for (std::int64_t k = visits.line_begin[visit]; k < visits.line_begin[visit + 1]; ++k) {
      const std::int64_t row = row_of(lines, k);
      const std::int32_t fee = fee_day(lines, row, s.enddate);
      if (!only && (fee < low || fee >= events.before[e])) continue;
      const SplitLine line = split(s, row, fee);
      if (line.reason == kUnknownItem) flags |= kFlagUnknownItem;
      if (price_differs(lines, static_cast<std::size_t>(row))) flags |= kFlagPriceMismatch;
      if (sums) {
        scratch.push_back(line);
        continue;
      }
      add_natures(line, nature);
      if (wanted) write_line(s, line, out);
    }
    if (sums) {
      sum_steps(s, scratch);
      for (const SplitLine& line : scratch) {
        add_natures(line, nature);
        if (wanted) write_line(s, line, out);
      }
    }
    return flags;
  }
};

}  // namespace

void price_visits(const Catalog& catalog, const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events,
                  const PricingLines& lines, const PricingOutput& out, std::size_t from, std::size_t to, std::vector<SplitLine>& scratch) {
  const Run run{catalog, tables, visits, events, lines, out, scratch};
  for (std::size_t visit = from; visit < to; ++visit) {
    const auto first = static_cast<std::size_t>(visits.event_begin[visit]);
    const auto last = static_cast<std::size_t>(visits.event_begin[visit + 1]);
    std::int32_t low = INT32_MIN;
    for (std::size_t e = first; e < last; ++e) {
      if (events.program[e] >= 0) out.flags[visit] |= run.event(visit, e, low, last - first == 1);
      low = events.before[e];
    }
  }
}

void price_all(const Catalog& catalog, const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events,
               const PricingLines& lines, const PricingOutput& out, int threads) {
  const Chunks chunks = cut_evenly(visits.line_begin, threads);
  for_each_chunk(chunks, threads, [&](std::size_t chunk) {
    std::vector<SplitLine> scratch;
    price_visits(catalog, tables, visits, events, lines, out, chunks.begin[chunk], chunks.begin[chunk + 1], scratch);
  });
}

void line_totals(const PricingVisits& visits, const PricingLines& lines, std::span<std::int64_t> total,
                 std::span<std::uint8_t> bad) noexcept {
  for (std::size_t visit = 0; visit < total.size(); ++visit) {
    Wide sum = 0;
    Wide absolute = 0;
    std::uint8_t wrong = 0;
    for (std::int64_t k = visits.line_begin[visit]; k < visits.line_begin[visit + 1]; ++k) {
      const std::int64_t amount = lines.amount[static_cast<std::size_t>(row_of(lines, k))];
      if (amount == kNullInt) {
        wrong = 1;
        continue;
      }
      sum += amount;
      absolute += amount < 0 ? -static_cast<Wide>(amount) : static_cast<Wide>(amount);
    }
    if (absolute > kMostInVisit) wrong = 1;
    total[visit] = absolute > kMostInVisit ? 0 : static_cast<std::int64_t>(sum);
    bad[visit] |= wrong;
  }
}

Parts keep_parts(const PricingVisits& visits, const PricingLines& lines, std::span<const std::int64_t> cut_begin,
                 std::span<const std::int32_t> cuts) {
  const std::size_t n = visits.enddate.size();
  Parts parts;
  parts.event_begin.reserve(n + 1);
  parts.event_begin.push_back(0);
  std::vector<std::uint8_t> used;
  for (std::size_t visit = 0; visit < n; ++visit) {
    const auto cut =
        cuts.subspan(static_cast<std::size_t>(cut_begin[visit]), static_cast<std::size_t>(cut_begin[visit + 1] - cut_begin[visit]));
    const bool whole = cut.empty() || visits.line_begin[visit] == visits.line_begin[visit + 1];
    used.assign(cut.size() + 1, 0);
    if (!whole) {
      for (std::int64_t k = visits.line_begin[visit]; k < visits.line_begin[visit + 1]; ++k) {
        const std::int32_t day = fee_day(lines, row_of(lines, k), visits.enddate[visit]);
        used[static_cast<std::size_t>(std::upper_bound(cut.begin(), cut.end(), day) - cut.begin())] = 1;
      }
      for (std::size_t i = 0; i < used.size(); ++i) {
        if (used[i] == 0) continue;
        parts.low.push_back(i == 0 ? kNullDay : cut[i - 1]);
        parts.before.push_back(i == cut.size() ? INT32_MAX : cut[i]);
      }
    } else {
      parts.low.push_back(kNullDay);
      parts.before.push_back(INT32_MAX);
    }
    parts.event_begin.push_back(static_cast<std::int64_t>(parts.before.size()));
  }
  return parts;
}

}  // namespace ybcore
