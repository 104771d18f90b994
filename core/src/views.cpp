#include "views.hpp"

#include <algorithm>
#include <climits>

#include "split.hpp"

namespace ybcore {
namespace {

constexpr std::size_t kMostViews = 255;
constexpr std::int64_t kHao = 100;  // 1/1000000 yuan in 1/10000 yuan

// Days on which lines may be looked up.
struct Days {
  std::int32_t low = INT32_MAX, high = INT32_MIN;
  void add(std::span<const std::int32_t> column) {
    std::int32_t least = low, most = high;
    for (const std::int32_t day : column) {
      least = std::min(least, day == kNullDay ? INT32_MAX : day);
      most = std::max(most, day);
    }
    low = least;
    high = most;
  }
};

Days days_of(const PricingVisits& visits, const PricingLines& lines, int threads) {
  constexpr std::size_t kBlock = std::size_t{1} << 18;
  const std::size_t n = lines.day.size();
  Chunks chunks;
  for (std::size_t at = 0; at < n; at += kBlock) chunks.begin.push_back(at);
  chunks.begin.push_back(n);
  std::vector<Days> found(chunks.begin.size() - 1);
  for_each_chunk(chunks, threads,
                 [&](std::size_t c) { found[c].add(lines.day.subspan(chunks.begin[c], chunks.begin[c + 1] - chunks.begin[c])); });
  Days days;
  for (const Days& part : found) {
    days.low = std::min(days.low, part.low);
    days.high = std::max(days.high, part.high);
  }
  days.add(visits.enddate);
  days.add(visits.setl_day);
  return days;
}

// What a program's steps come to for one class: nothing, one ratio, or the catalogue's.
constexpr std::int32_t kCatalogue = -1, kTooMany = -2;
std::int32_t step_ratio(const PricingTables& tables, const PricingProgram& program, std::uint8_t bit) {
  std::int32_t ratio = 0;
  bool seen = false;
  for (std::uint32_t i = program.first_step; i < program.last_step; ++i) {
    const FirstPayStep& step = tables.steps[i];
    if (step.at != StepAt::kLine) return kTooMany;
    if ((step.classes & bit) == 0) continue;
    if (seen) return kTooMany;
    seen = true;
    ratio = step.ratio < 0 ? kCatalogue : step.ratio;
  }
  return ratio;
}

struct Asked {
  const PricingProgram* program;
  std::int32_t place[3];
  std::int32_t level;
  std::int32_t ratio_a, ratio_b;
};

// The row that holds on every day of [low, high]; `sure` is false when none does but some row holds on some of them.
template <class Row, class Key>
const Row* steady(std::span<const Row> rows, std::int32_t place, std::int32_t key, const Days& days, Key key_of, bool& sure) {
  const Row* best = nullptr;
  int best_rank = -1;
  for (const Row& row : rows) {
    const std::int32_t own = key_of(row);
    if ((row.place != place && row.place != kAnywhere) || (own != key && own != kAnyKey)) continue;
    if (row.end <= days.low || row.begin > days.high) continue;
    const int rank = (row.place == place ? 2 : 0) + (own == key ? 1 : 0);
    if (rank < best_rank) continue;
    // Two rows of one rank take turns within the days.
    if (rank == best_rank) sure = false;
    if (rank > best_rank) {
      best = &row;
      best_rank = rank;
    }
  }
  if (best != nullptr && (best->begin > days.low || best->end <= days.high)) sure = false;
  return best;
}

Word word_of(const Catalog& catalog, const PricingTables& tables, const Asked& asked, std::size_t item, const Days& days) {
  bool sure = true;
  const ClassRow* found =
      steady(catalog.class_rows(item), asked.place[kClassLookup], kAnyKey, days, [](const ClassRow&) { return kAnyKey; }, sure);
  if (!sure) return kSlow;
  if (found == nullptr) return kWhole | kUnknown;
  const Word tag = tables.tag_map[asked.program->tag_row * (tables.catalog_tags + 1) + found->tag];
  if (tag > 15) return kSlow;
  Word word = tag << kTagAt;
  if (found->item_class == ItemClass::kC) return word | kWhole;
  const CapRow* cap =
      steady(catalog.cap_rows(item), asked.place[kCapLookup], asked.level, days, [](const CapRow& row) { return row.key; }, sure);
  if (!sure) return kSlow;
  if (cap != nullptr) {
    if (cap->cap < 0 || cap->cap % kHao != 0 || static_cast<Word>(cap->cap / kHao) > kCapBits) return kSlow;
    word |= static_cast<Word>(cap->cap / kHao);
  } else {
    word |= kOpen;
  }
  std::int32_t own = 0;
  if (found->item_class == ItemClass::kB || found->direct) {
    const RatioRow* ratio = steady(
        catalog.ratio_rows(item), asked.place[kRatioLookup], asked.program->category, days, [](const RatioRow& row) { return row.key; },
        sure);
    if (!sure) return kSlow;
    own = std::max(0, ratio != nullptr ? ratio->ratio : found->ratio);
  }
  std::int32_t taken = own;
  if (found->direct) {
    word |= kDirectly;
  } else {
    const std::int32_t step = found->item_class == ItemClass::kA ? asked.ratio_a : asked.ratio_b;
    taken = step == kCatalogue ? own : step;
  }
  if (taken < 0 || taken > 1'000'000) return kSlow;
  return word | static_cast<Word>(taken) << kRatioAt;
}

// Days within the batch's on which one of the item's rows begins or ends, in order.
void changes(const Catalog& catalog, std::size_t item, const Days& days, std::vector<std::int32_t>& out) {
  out.assign(1, days.low);
  const auto add = [&](const auto& rows) {
    for (const auto& row : rows)
      for (const std::int32_t day : {row.begin, row.end})
        if (day > days.low && day <= days.high) out.push_back(day);
  };
  add(catalog.class_rows(item));
  add(catalog.ratio_rows(item));
  add(catalog.cap_rows(item));
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
}

}  // namespace

Views::Views(const Catalog& catalog, const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events,
             const PricingLines& lines, int threads) {
  const std::size_t items = catalog.items();
  if (lines.item.size() < items / 2 || items == 0 || tables.tags > 15) return;
  // Programs whose steps come to one ratio a class.
  std::vector<Asked> programs;
  std::vector<std::uint8_t> simple, by_treatment, by_insured;
  for (const PricingProgram& p : tables.programs) {
    const std::int32_t a = step_ratio(tables, p, 1);
    const std::int32_t b = step_ratio(tables, p, 2);
    simple.push_back(p.scale == 1 && p.line.unit == 1 && p.line.mode == RoundMode::kHalfUp && a != kTooMany && b != kTooMany);
    programs.push_back({&p, {}, kAnyKey, a, b});
    bool treatment = false;
    bool insured = false;
    for (const PlaceRule rule : p.place) (rule == PlaceRule::kInsured ? insured : treatment) = true;
    by_treatment.push_back(treatment);
    by_insured.push_back(insured);
  }
  struct View {
    std::uint64_t key;
    std::int64_t lines;
    Asked asked;
  };
  std::vector<View> views;
  std::vector<std::uint8_t> of(events.program.size(), 0);
  std::uint64_t last_key = UINT64_MAX;
  std::size_t last = 0;
  for (std::size_t v = 0; v < visits.enddate.size(); ++v) {
    const auto e = static_cast<std::size_t>(visits.event_begin[v]);
    if (visits.event_begin[v + 1] - visits.event_begin[v] != 1 || events.program[e] < 0) continue;
    const auto p = static_cast<std::size_t>(events.program[e]);
    if (simple[p] == 0) continue;
    const std::int32_t treatment = by_treatment[p] != 0 ? or_none(visits.treatment, v) : kAnywhere;
    const std::int32_t insured = by_insured[p] != 0 ? or_none(visits.insured, v) : kAnywhere;
    const std::int32_t level = or_none(events.level, e);
    const std::uint64_t key = static_cast<std::uint64_t>(p) << 48 | static_cast<std::uint64_t>(treatment + 1) << 32 |
                              static_cast<std::uint64_t>(insured + 1) << 16 | static_cast<std::uint64_t>(level + 1);
    if (key != last_key) {
      std::size_t at = 0;
      while (at < views.size() && views[at].key != key) ++at;
      if (at == views.size()) {
        if (at == kMostViews || p > 0xffff || treatment > 0xfffe || insured > 0xfffe || level > 0xfffe) continue;
        Asked asked = programs[p];
        for (std::size_t what = 0; what < 3; ++what)
          asked.place[what] = asked.program->place[what] == PlaceRule::kInsured ? insured : treatment;
        asked.level = level;
        views.push_back({key, 0, asked});
      }
      last = at;
      last_key = key;
    }
    views[last].lines += visits.line_begin[v + 1] - visits.line_begin[v];
    of[e] = static_cast<std::uint8_t>(last + 1);
  }
  words_.assign(views.size() + 1, {});
  held_.resize(views.size());
  std::vector<std::size_t> made;
  // Making a view costs about as much as pricing half as many lines as there are items.
  for (std::size_t i = 0; i < views.size(); ++i)
    if (views[i].lines >= static_cast<std::int64_t>(items / 2)) made.push_back(i);
  if (made.empty()) return;
  const Days days = days_of(visits, lines, threads);
  low_ = days.low;
  high_ = days.high;
  constexpr std::size_t kBlock = 16384;
  Chunks chunks;
  for (std::size_t at = 0; at < items; at += kBlock) chunks.begin.push_back(at);
  chunks.begin.push_back(items);
  std::vector<std::int32_t> days_at;
  for (const std::size_t i : made) {
    held_[i].resize(items + 1);
    held_[i][0] = kWhole | kUnknown;
    for_each_chunk(chunks, threads, [&](std::size_t c) {
      for (std::size_t item = chunks.begin[c]; item < chunks.begin[c + 1]; ++item)
        held_[i][item + 1] = word_of(catalog, tables, views[i].asked, item, days);
    });
    const PricingProgram& program = *views[i].asked.program;
    const bool one_day = program.date[0] == program.date[1] && program.date[0] == program.date[2];
    for (std::size_t item = 0; one_day && item < items; ++item) {
      if (held_[i][item + 1] != kSlow) continue;
      changes(catalog, item, days, days_at);
      if (days_at.size() > 255 || spans_.size() + 256 > UINT32_MAX) continue;
      held_[i][item + 1] = kDated | static_cast<Word>(days_at.size()) << 32 | spans_.size();
      for (std::size_t d = 0; d < days_at.size(); ++d) {
        const Days span{days_at[d], d + 1 == days_at.size() ? days.high : days_at[d + 1] - 1};
        spans_.push_back({span.low, word_of(catalog, tables, views[i].asked, item, span)});
      }
      for (std::size_t d = days_at.size(); d < kFewSpans; ++d) spans_.push_back({INT32_MAX, spans_.back().word});
    }
  }
  for (const std::size_t i : made) {
    if (!lines.index.empty()) {
      // By the lines' own numbers.
      std::vector<Word> by_number(lines.index.size() + 1, kWhole | kUnknown);
      for (std::size_t n = 0; n < lines.index.size(); ++n) by_number[n + 1] = held_[i][static_cast<std::size_t>(lines.index[n] + 1)];
      held_[i] = std::move(by_number);
    }
    words_[i + 1] = {held_[i].data(), static_cast<std::uint32_t>(held_[i].size() - 1)};
  }
  view_of_ = std::move(of);
}

}  // namespace ybcore
