#include "ybcore/pricing.hpp"

#include <algorithm>
#include <climits>
#include <cstdlib>

#include "line.hpp"
#include "split.hpp"
#include "tile.hpp"
#include "views.hpp"

namespace ybcore {
namespace {

constexpr std::int64_t kMostInVisit = 1'000'000'000'000;

void add(PricingSeen& seen, const PricingSeen& more) noexcept {
  see(seen, more.lines, more.most);
  seen.beyond |= more.beyond;
}

[[nodiscard]] bool has_sum_steps(const PricingTables& tables, const PricingProgram& program) noexcept {
  for (std::uint32_t i = program.first_step; i < program.last_step; ++i) {
    if (tables.steps[i].at != StepAt::kLine) return true;
  }
  return false;
}

// Scratch of lines that give way.
struct Giving {
  std::vector<SplitLine> undenied;
  std::vector<std::int64_t> natures, part;
};

struct Run {
  const Catalog& catalog;
  const PricingTables& tables;
  const PricingVisits& visits;
  const PricingEvents& events;
  const PricingLines& lines;
  const PricingOutput& out;
  std::vector<SplitLine>& scratch;
  PricingSeen& seen;
  Giving& giving;

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
      if (!lines.sure && !within_limits(lines, static_cast<std::size_t>(row))) {
        seen.beyond = true;
        continue;
      }
      see(seen, 1, kMostLineAmount);
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

  // The lines of an event of which some nature is below zero: where that is because of denied lines, returns give way.
  void give_way(std::size_t visit, std::size_t e, std::int32_t low, bool only) const {
    std::int64_t* natures = out.natures.data() + e * nature_stride(tables.tags);
    const Setting s = setting_of(catalog, tables, visits, events, lines, visit, e);
    giving.natures.assign(nature_stride(tables.tags), 0);
    bool denied = false;
    for (const bool denials : {false, true}) {
      std::vector<SplitLine>& held = denials ? scratch : giving.undenied;
      held.clear();
      for (std::int64_t k = visits.line_begin[visit]; k < visits.line_begin[visit + 1]; ++k) {
        const std::int64_t row = row_of(lines, k);
        const std::int32_t fee = fee_day(lines, row, s.enddate);
        if (!only && (fee < low || fee >= events.before[e])) continue;
        if (!lines.sure && !within_limits(lines, static_cast<std::size_t>(row))) continue;
        held.push_back(split(s, row, fee, denials));
        denied |= held.back().reason == kDenied;
      }
      sum_steps(s, held);
    }
    if (!denied) return;
    for (const SplitLine& line : giving.undenied) add_natures(line, giving.natures.data());
    if (!ybcore::give_way(scratch, giving.natures, natures, giving.part) || out.reason.empty()) return;
    for (std::size_t i = 0; i < scratch.size(); ++i)
      if (giving.part[i] != 0) write_line(s, scratch[i], out, giving.part[i]);
  }
};

// The columns of the lines of a visit, before some of its events are priced.
void blank_lines(const PricingVisits& visits, const PricingLines& lines, const PricingOutput& out, std::size_t visit) {
  for (std::int64_t k = visits.line_begin[visit]; k < visits.line_begin[visit + 1]; ++k) {
    const auto row = static_cast<std::size_t>(row_of(lines, k));
    for (const auto column : {out.full, out.over, out.first, out.scope}) column[row] = 0;
    out.item_class[row] = 0;
    out.ratio[row] = 0;
    out.cap[row] = kNullInt;
    out.reason[row] = kLineOk;
  }
}

PricingSeen price_visits(const Catalog& catalog, const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events,
                         const PricingLines& lines, const PricingOutput& out, const Views& views, std::size_t from, std::size_t to) {
  std::vector<SplitLine> scratch;
  PricingSeen seen;
  Giving giving;
  const Run run{catalog, tables, visits, events, lines, out, scratch, seen, giving};
  Tile tile(views, tables, visits, events, lines, out);
  const bool wanted = !out.reason.empty();
  const auto rest = [&] {
    for (const Tile::Rare& rare : tile.sum()) {
      const Setting s = setting_of(catalog, tables, visits, events, lines, rare.visit, rare.event);
      const SplitLine line = split(s, rare.row, fee_day(lines, rare.row, s.enddate));
      if (line.reason == kUnknownItem) out.flags[rare.visit] |= kFlagUnknownItem;
      add_natures(line, out.natures.data() + rare.event * nature_stride(tables.tags));
      if (wanted) write_line(s, line, out);
    }
  };
  const std::size_t stride = nature_stride(tables.tags);
  for (std::size_t visit = from; visit < to; ++visit) {
    const auto first = static_cast<std::size_t>(visits.event_begin[visit]);
    const auto last = static_cast<std::size_t>(visits.event_begin[visit + 1]);
    for (std::size_t n = first * stride; n < last * stride; ++n) out.natures[n] = 0;
    if (wanted && (last - first != 1 || events.program[first] < 0)) blank_lines(visits, lines, out, visit);
    std::int32_t low = INT32_MIN;
    for (std::size_t e = first; e < last; ++e) {
      if (events.program[e] >= 0) {
        const Words words = last - first != 1 ? Words{} : views.of(e);
        if (words.word != nullptr) {
          if (!tile.follows(visits.line_begin[visit])) rest();
          for (std::int64_t k = visits.line_begin[visit]; k < visits.line_begin[visit + 1];) {
            k = tile.take(visit, e, words, k, visits.line_begin[visit + 1]);
            if (tile.full()) rest();
          }
        } else {
          out.flags[visit] |= run.event(visit, e, low, last - first == 1);
        }
      }
      if (!events.before.empty()) low = events.before[e];
    }
  }
  rest();
  for (std::size_t visit = from; visit < to && !lines.deny.empty(); ++visit) {
    const auto first = static_cast<std::size_t>(visits.event_begin[visit]), last = static_cast<std::size_t>(visits.event_begin[visit + 1]);
    std::int32_t low = INT32_MIN;
    for (std::size_t e = first; e < last; ++e) {
      if (events.program[e] >= 0 && any_short(out.natures.data() + e * stride, stride)) run.give_way(visit, e, low, last - first == 1);
      if (!events.before.empty()) low = events.before[e];
    }
  }
  add(seen, tile.seen());
  return seen;
}

void exact_total(const PricingVisits& visits, const PricingLines& lines, std::size_t visit, std::int64_t& total, std::uint8_t& bad) {
  Wide sum = 0;
  Wide absolute = 0;
  for (std::int64_t k = visits.line_begin[visit]; k < visits.line_begin[visit + 1]; ++k) {
    const std::int64_t amount = lines.amount[static_cast<std::size_t>(row_of(lines, k))];
    if (amount == kNullInt) {
      bad = 1;
      continue;
    }
    sum += amount;
    absolute += amount < 0 ? -static_cast<Wide>(amount) : static_cast<Wide>(amount);
  }
  if (absolute > kMostInVisit) bad = 1;
  total = absolute > kMostInVisit ? 0 : static_cast<std::int64_t>(sum);
}

}  // namespace

PricingSeen price_all(const Catalog& catalog, const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events,
                      const PricingLines& lines, const PricingOutput& out, int threads) {
  const Chunks chunks = cut_evenly(visits.line_begin, threads);
  const bool wanted = !out.reason.empty();
  const Views views(catalog, tables, visits, events, lines, wanted, threads);
  std::vector<PricingSeen> seen(chunks.begin.size() - 1);
  for_each_chunk(chunks, threads, [&](std::size_t chunk) {
    seen[chunk] = price_visits(catalog, tables, visits, events, lines, out, views, chunks.begin[chunk], chunks.begin[chunk + 1]);
  });
  PricingSeen all;
  for (const PricingSeen& part : seen) add(all, part);
  all.low = views.low();
  all.high = views.high();
  return all;
}

void line_totals(const PricingVisits& visits, const PricingLines& lines, std::span<std::int64_t> total, std::span<std::uint8_t> bad,
                 int threads) {
  // Below these the sums fit 64 bits.
  constexpr std::int64_t kMostAmount = std::int64_t{1} << 40;
  constexpr std::int64_t kManyLines = std::int64_t{1} << 22;
  const Chunks chunks = cut_evenly(visits.line_begin, threads);
  for_each_chunk(chunks, threads, [&](std::size_t chunk) {
    for (std::size_t visit = chunks.begin[chunk]; visit < chunks.begin[chunk + 1]; ++visit) {
      const std::int64_t from = visits.line_begin[visit];
      const std::int64_t to = visits.line_begin[visit + 1];
      std::int64_t sum = 0;
      std::int64_t absolute = 0;
      std::int64_t most = 0;
      if (lines.row.empty() && to - from < kManyLines) {
        for (std::int64_t k = from; k < to; ++k) {
          const std::int64_t amount = lines.amount[static_cast<std::size_t>(k)];
          const std::int64_t size = amount ^ (amount >> 63);
          most |= size;
          sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum) + static_cast<std::uint64_t>(amount));
          absolute =
              static_cast<std::int64_t>(static_cast<std::uint64_t>(absolute) + static_cast<std::uint64_t>(size) + (amount < 0 ? 1U : 0U));
        }
      } else {
        most = INT64_MAX;
      }
      if (most < kMostAmount) {
        total[visit] = absolute > kMostInVisit ? 0 : sum;
        bad[visit] |= absolute > kMostInVisit ? 1 : 0;
      } else {
        exact_total(visits, lines, visit, total[visit], bad[visit]);
      }
    }
  });
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
