#include "views.hpp"

#include <algorithm>
#include <climits>

#include "line.hpp"
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

struct Meaning {
  Word word = kSlow;
  Told told = 0;
};

Meaning meaning_of(const Catalog& catalog, const PricingTables& tables, const Asked& asked, std::size_t item, const Days& days) {
  bool sure = true;
  const ClassRow* found =
      steady(catalog.class_rows(item), asked.place[kClassLookup], kAnyKey, days, [](const ClassRow&) { return kAnyKey; }, sure);
  if (!sure) return {};
  if (found == nullptr) return {kWhole | kUnknown, 0};
  const Word tag = tables.tag_map[asked.program->tag_row * (tables.catalog_tags + 1) + found->tag];
  if (tag > 15) return {};
  Word word = tag << kTagAt;
  Told told = static_cast<Told>(found->item_class) << kToldClassAt;
  if (found->item_class == ItemClass::kC) return {word | kWhole, told};
  const CapRow* cap =
      steady(catalog.cap_rows(item), asked.place[kCapLookup], asked.level, days, [](const CapRow& row) { return row.key; }, sure);
  if (!sure) return {};
  if (cap != nullptr) {
    if (cap->cap < 0 || cap->cap % kHao != 0 || static_cast<Word>(cap->cap / kHao) > kCapBits) return {};
    word |= static_cast<Word>(cap->cap / kHao);
  } else {
    word |= kOpen;
  }
  std::int32_t own = 0;
  if (found->item_class == ItemClass::kB || found->direct) {
    const RatioRow* ratio = steady(
        catalog.ratio_rows(item), asked.place[kRatioLookup], asked.program->category, days, [](const RatioRow& row) { return row.key; },
        sure);
    if (!sure) return {};
    own = ratio != nullptr ? ratio->ratio : found->ratio;
    if (own < 0) told |= kToldNoRatio;
    own = std::max(0, own);
  }
  std::int32_t taken = own;
  if (found->direct) {
    word |= kDirectly;
  } else {
    const std::int32_t step = found->item_class == ItemClass::kA ? asked.ratio_a : asked.ratio_b;
    taken = step == kCatalogue ? own : step;
  }
  if (taken < 0 || taken > kPpm || own > kPpm) return {};
  return {word | static_cast<Word>(taken) << kRatioAt, told | static_cast<Told>(own)};
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
  std::vector<Told> told;  // empty where nobody asks
};

// Whether one place or level knows other rows of an item than another.
bool varies(const Catalog& catalog, std::size_t item) {
  const auto own = [](const auto& row) { return row.place != kAnywhere; };
  return std::ranges::any_of(catalog.class_rows(item), own) || std::ranges::any_of(catalog.ratio_rows(item), own) ||
         std::ranges::any_of(catalog.cap_rows(item), [](const CapRow& row) { return row.place != kAnywhere || row.key != kAnyKey; });
}

// The word of an item whose rows change on some days; spans from `first` on are of the same item, and equal ones are kept once.
template <class MeaningOf>
Word dated(std::vector<WordSpan>& spans, const std::vector<std::int32_t>& days_at, std::size_t first, const Days& days,
           MeaningOf meaning_of_span) {
  const std::size_t begin = spans.size();
  const std::size_t count = std::max(days_at.size(), kFewSpans);
  if (days_at.size() > 255 || begin + 256 > UINT32_MAX) return kSlow;
  for (std::size_t d = 0; d < days_at.size(); ++d) {
    const Days span{days_at[d], d + 1 == days_at.size() ? days.high : days_at[d + 1] - 1};
    const Meaning meaning = meaning_of_span(span);
    spans.push_back({span.low, meaning.told, meaning.word});
  }
  for (std::size_t d = days_at.size(); d < kFewSpans; ++d) spans.push_back({INT32_MAX, spans.back().told, spans.back().word});
  std::size_t at = first;
  while (!std::equal(spans.begin() + static_cast<std::ptrdiff_t>(begin), spans.end(), spans.begin() + static_cast<std::ptrdiff_t>(at)))
    at += count;
  if (at != begin) spans.resize(begin);
  return kDated | static_cast<Word>(days_at.size()) << 32 | at;
}

// By the lines' own numbers.
template <class Value>
std::vector<Value> by_number(const std::vector<Value>& by_item, std::span<const std::int32_t> index) {
  if (index.empty() || by_item.empty()) return by_item;
  std::vector<Value> out(index.size() + 1, by_item[0]);
  for (std::size_t n = 0; n < index.size(); ++n) out[n + 1] = by_item[static_cast<std::size_t>(index[n] + 1)];
  return out;
}

}  // namespace

Views::Views(const Catalog& catalog, const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events,
             const PricingLines& lines, bool told, int threads) {
  const std::size_t items = catalog.items();
  // Making a view costs about as much as pricing half as many lines as there are items; one that is also told, twice as many.
  const std::size_t worth = told ? 2 * items : items / 2;
  if (lines.item.size() < worth || items == 0 || tables.tags > 15) return;
  Choice chosen = choose(tables, visits, events);
  std::vector<Making> made;
  for (std::size_t i = 0; i < chosen.views.size(); ++i) {
    const View& view = chosen.views[i];
    if (view.lines < static_cast<std::int64_t>(worth)) continue;
    const auto like = std::ranges::find(made, view.key >> 48, [](const Making& one) { return one.program; });
    const std::size_t leader = like == made.end() ? made.size() : static_cast<std::size_t>(like - made.begin());
    made.push_back(
        {i, view.key >> 48, leader, std::vector<Word>(items + 1, kWhole | kUnknown), std::vector<Told>(told ? items + 1 : 0, 0)});
  }
  if (made.empty()) return;
  Days days = days_of(lines, threads);
  days.low = std::min(days.low, chosen.days.low);
  days.high = std::max(days.high, chosen.days.high);
  low_ = days.low;
  high_ = days.high;
  constexpr std::size_t kBlock = 4096;
  const Chunks chunks = cut_rows(items, kBlock);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    for (std::size_t item = chunks.begin[c]; item < chunks.begin[c + 1]; ++item) {
      const bool alike = !varies(catalog, item);
      for (Making& view : made) {
        const Making& leader = made[view.leader];
        const bool same = alike && &leader != &view;
        const Meaning meaning = same ? Meaning{leader.words[item + 1], told ? leader.told[item + 1] : 0}
                                     : meaning_of(catalog, tables, chosen.views[view.at].asked, item, days);
        view.words[item + 1] = meaning.word;
        if (told) view.told[item + 1] = meaning.told;
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
      view.words[item + 1] =
          dated(spans_, days_at, first, days, [&](const Days& span) { return meaning_of(catalog, tables, asked, item, span); });
    }
  }
  words_.assign(chosen.views.size() + 1, {});
  // Views of the same words are one.
  std::vector<std::size_t> place;
  for (std::size_t i = 0; i < made.size(); ++i) {
    std::size_t like = 0;
    while (like < i && (made[like].words != made[i].words || made[like].told != made[i].told)) ++like;
    place.push_back(like < i ? place[like] : held_.size());
    if (like < i) continue;
    held_.push_back(by_number(made[i].words, lines.index));
    told_.push_back(by_number(made[i].told, lines.index));
  }
  for (std::size_t i = 0; i < made.size(); ++i) {
    const std::vector<Word>& words = held_[place[i]];
    words_[made[i].at + 1] = {words.data(), told ? told_[place[i]].data() : nullptr, static_cast<std::uint32_t>(words.size() - 1)};
  }
  view_of_ = std::move(chosen.of);
}

}  // namespace ybcore
