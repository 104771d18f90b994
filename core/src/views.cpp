#include "views.hpp"

#include <algorithm>
#include <climits>

#include "split.hpp"

namespace ybcore {

namespace {

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

constexpr std::size_t kMostViews = 255;
constexpr std::int64_t kHao = 100;  // 1/1000000 yuan in 1/10000 yuan

Days days_of(const PricingLines& lines, int threads) {
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

// What a view is asked by, and how many lines ask it.
struct View {
  std::uint64_t key;
  std::int64_t lines;
  Asked asked;
};

// The views of visits of one event, by event: 0 without one, else one more than its place.
struct Choice {
  std::vector<View> views;
  std::vector<std::uint8_t> of;
  Days days;
};

// Programs whose steps come to one ratio a class.
struct Simple {
  std::vector<Asked> asked;
  std::vector<std::uint8_t> yes, by_treatment, by_insured;

  explicit Simple(const PricingTables& tables) {
    for (const PricingProgram& p : tables.programs) {
      const std::int32_t a = step_ratio(tables, p, 1);
      const std::int32_t b = step_ratio(tables, p, 2);
      yes.push_back(p.scale == 1 && p.line.unit == 1 && p.line.mode == RoundMode::kHalfUp && a != kTooMany && b != kTooMany);
      asked.push_back({&p, {}, kAnyKey, a, b});
      bool treatment = false;
      bool insured = false;
      for (const PlaceRule rule : p.place) (rule == PlaceRule::kInsured ? insured : treatment) = true;
      by_treatment.push_back(treatment);
      by_insured.push_back(insured);
    }
  }
};

Choice choose(const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events) {
  const Simple programs(tables);
  Choice chosen;
  std::vector<View>& views = chosen.views;
  chosen.of.assign(events.program.size(), 0);
  std::uint64_t last_key = UINT64_MAX;
  std::size_t last = 0;
  for (std::size_t v = 0; v < visits.enddate.size(); ++v) {
    const auto e = static_cast<std::size_t>(visits.event_begin[v]);
    if (visits.event_begin[v + 1] - visits.event_begin[v] != 1 || events.program[e] < 0) continue;
    const auto p = static_cast<std::size_t>(events.program[e]);
    if (programs.yes[p] == 0) continue;
    const std::int32_t treatment = programs.by_treatment[p] != 0 ? or_none(visits.treatment, v) : kAnywhere;
    const std::int32_t insured = programs.by_insured[p] != 0 ? or_none(visits.insured, v) : kAnywhere;
    const std::int32_t level = or_none(events.level, e);
    const std::uint64_t key = static_cast<std::uint64_t>(p) << 48 | static_cast<std::uint64_t>(treatment + 1) << 32 |
                              static_cast<std::uint64_t>(insured + 1) << 16 | static_cast<std::uint64_t>(level + 1);
    if (key != last_key) {
      std::size_t at = 0;
      while (at < views.size() && views[at].key != key) ++at;
      if (at == views.size()) {
        if (at == kMostViews || p > 0xffff || treatment > 0xfffe || insured > 0xfffe || level > 0xfffe) continue;
        Asked asked = programs.asked[p];
        for (std::size_t what = 0; what < 3; ++what)
          asked.place[what] = asked.program->place[what] == PlaceRule::kInsured ? insured : treatment;
        asked.level = level;
        views.push_back({key, 0, asked});
      }
      last = at;
      last_key = key;
    }
    views[last].lines += visits.line_begin[v + 1] - visits.line_begin[v];
    chosen.of[e] = static_cast<std::uint8_t>(last + 1);
    // Of others no line is asked: a missing date, say, which is no day at all.
    chosen.days.add(visits.enddate.subspan(v, 1));
    chosen.days.add(visits.setl_day.subspan(v, 1));
  }
  return chosen;
}

// A view that is worth its words.
struct Making {
  std::size_t at;         // among all views
  std::uint64_t program;  // of which another view here may be the first
  std::size_t leader;
  std::vector<Word> words;
};

// Whether one place or level knows other rows of an item than another.
bool varies(const Catalog& catalog, std::size_t item) {
  const auto own = [](const auto& row) { return row.place != kAnywhere; };
  return std::ranges::any_of(catalog.class_rows(item), own) || std::ranges::any_of(catalog.ratio_rows(item), own) ||
         std::ranges::any_of(catalog.cap_rows(item), [](const CapRow& row) { return row.place != kAnywhere || row.key != kAnyKey; });
}

// The word of an item whose rows change on some days; spans from `first` on are of the same item, and equal ones are kept once.
template <class WordOf>
Word dated(std::vector<WordSpan>& spans, const std::vector<std::int32_t>& days_at, std::size_t first, const Days& days, WordOf word_of_span) {
  const std::size_t begin = spans.size();
  const std::size_t count = std::max(days_at.size(), kFewSpans);
  if (days_at.size() > 255 || begin + 256 > UINT32_MAX) return kSlow;
  for (std::size_t d = 0; d < days_at.size(); ++d) {
    const Days span{days_at[d], d + 1 == days_at.size() ? days.high : days_at[d + 1] - 1};
    spans.push_back({span.low, word_of_span(span)});
  }
  for (std::size_t d = days_at.size(); d < kFewSpans; ++d) spans.push_back({INT32_MAX, spans.back().word});
  std::size_t at = first;
  while (!std::equal(spans.begin() + static_cast<std::ptrdiff_t>(begin), spans.end(), spans.begin() + static_cast<std::ptrdiff_t>(at)))
    at += count;
  if (at != begin) spans.resize(begin);
  return kDated | static_cast<Word>(days_at.size()) << 32 | at;
}

// By the lines' own numbers; views of the same words are one.
void keep(const std::vector<Making>& made, const PricingLines& lines, std::vector<std::vector<Word>>& held, std::vector<Words>& words_of) {
  std::vector<std::size_t> place;  // in held of each view so far
  for (std::size_t i = 0; i < made.size(); ++i) {
    std::size_t like = 0;
    while (like < i && made[like].words != made[i].words) ++like;
    place.push_back(like < i ? place[like] : held.size());
    if (like == i) {
      std::vector<Word>& words = held.emplace_back(made[i].words);
      if (!lines.index.empty()) {
        words.assign(lines.index.size() + 1, kWhole | kUnknown);
        for (std::size_t n = 0; n < lines.index.size(); ++n) words[n + 1] = made[i].words[static_cast<std::size_t>(lines.index[n] + 1)];
      }
    }
  }
  for (std::size_t i = 0; i < made.size(); ++i)
    words_of[made[i].at + 1] = {held[place[i]].data(), static_cast<std::uint32_t>(held[place[i]].size() - 1)};
}

}  // namespace

Views::Views(const Catalog& catalog, const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events,
             const PricingLines& lines, int threads) {
  const std::size_t items = catalog.items();
  if (lines.item.size() < items / 2 || items == 0 || tables.tags > 15) return;
  Choice chosen = choose(tables, visits, events);
  // Making a view costs about as much as pricing half as many lines as there are items.
  std::vector<Making> made;
  for (std::size_t i = 0; i < chosen.views.size(); ++i) {
    const View& view = chosen.views[i];
    if (view.lines < static_cast<std::int64_t>(items / 2)) continue;
    const auto like = std::ranges::find(made, view.key >> 48, [](const Making& one) { return one.program; });
    const std::size_t leader = like == made.end() ? made.size() : static_cast<std::size_t>(like - made.begin());
    made.push_back({i, view.key >> 48, leader, std::vector<Word>(items + 1, kWhole | kUnknown)});
  }
  if (made.empty()) return;
  Days days = days_of(lines, threads);
  days.low = std::min(days.low, chosen.days.low);
  days.high = std::max(days.high, chosen.days.high);
  constexpr std::size_t kBlock = 4096;
  const Chunks chunks = cut_rows(items, kBlock);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    for (std::size_t item = chunks.begin[c]; item < chunks.begin[c + 1]; ++item) {
      const bool alike = !varies(catalog, item);
      for (Making& view : made) {
        const Making& leader = made[view.leader];
        view.words[item + 1] =
            alike && &leader != &view ? leader.words[item + 1] : word_of(catalog, tables, chosen.views[view.at].asked, item, days);
      }
    }
  });
  std::vector<std::int32_t> days_at;
  for (std::size_t item = 0; item < items; ++item) {
    if (std::ranges::none_of(made, [&](const Making& view) { return view.words[item + 1] == kSlow; })) continue;
    changes(catalog, item, days, days_at);
    const std::size_t first = spans_.size();
    for (Making& view : made) {
      const Asked& asked = chosen.views[view.at].asked;
      const auto& date = asked.program->date;
      if (view.words[item + 1] != kSlow || date[0] != date[1] || date[0] != date[2]) continue;
      view.words[item + 1] = dated(spans_, days_at, first, days, [&](const Days& span) { return word_of(catalog, tables, asked, item, span); });
    }
  }
  words_.assign(chosen.views.size() + 1, {});
  keep(made, lines, held_, words_);
  view_of_ = std::move(chosen.of);
}

}  // namespace ybcore
