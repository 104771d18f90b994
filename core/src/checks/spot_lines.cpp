// Kernels that look at lines: attributes, prices, pairs, caps, supplies, compositions, operations (spot_rules.hpp).
#include <algorithm>
#include <array>
#include <bit>
#include <climits>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "spot_rules.hpp"
#include "ybcore/checks/attribute.hpp"
#include "ybcore/checks/cap.hpp"
#include "ybcore/checks/compose.hpp"
#include "ybcore/checks/pairs.hpp"
#include "ybcore/checks/price_ceiling.hpp"
#include "ybcore/checks/regroup.hpp"
#include "ybcore/checks/supply.hpp"
#include "ybcore/checks/tier.hpp"
#include "ybcore/money.hpp"

namespace ybcore::checks::spot {
namespace {

constexpr std::int64_t kHour = 3'600'000'000;

[[nodiscard]] std::size_t test_of(const SpotRule& rule, std::int32_t entry, bool& says) {
  if (entry < 0 || rule.of_entry.empty()) return says = true, 0;
  const std::int32_t own = rule.of_entry[static_cast<std::size_t>(entry)];
  says = own >= 0;
  return static_cast<std::size_t>(std::max(own, 0));
}

// Whether no group has lines of two visits.
[[nodiscard]] bool within_visits(const SpotRule& rule) {
  const SpotGroup group = rule.groups[0].group;
  return rule.subject == SpotSubject::kVisit || group == SpotGroup::kLine || group == SpotGroup::kVisit ||
         group == SpotGroup::kPrescription;
}

// Items of a batch by their kept numbers.
class ByKept {
 public:
  explicit ByKept(const std::vector<std::int32_t>& kept) : slots_(std::bit_ceil(2 * kept.size() + 1), {-1, -1}) {
    for (std::size_t i = 0; i < kept.size(); ++i)
      if (kept[i] >= 0) slots_[place(kept[i])] = {kept[i], static_cast<std::int32_t>(i)};
  }
  // -1 for one that is not there.
  [[nodiscard]] std::int32_t at(std::int32_t number) const { return number < 0 ? -1 : slots_[place(number)].second; }

 private:
  // Where a number stands, or belongs.
  [[nodiscard]] std::size_t place(std::int32_t number) const {
    std::size_t at = (static_cast<std::uint32_t>(number) * 0x9e3779b97f4a7c15ULL >> 32) & (slots_.size() - 1);
    while (slots_[at].first >= 0 && slots_[at].first != number) at = (at + 1) & (slots_.size() - 1);
    return at;
  }
  std::vector<std::pair<std::int32_t, std::int32_t>> slots_;
};

// The first so many letters of a text in UTF-8.
[[nodiscard]] std::string_view first_letters(std::string_view text, std::int64_t letters) {
  std::size_t end = 0;
  for (; end < text.size(); ++end)
    if ((static_cast<unsigned char>(text[end]) & 0xC0) != 0x80 && letters-- == 0) break;
  return text.substr(0, end);
}

}  // namespace

std::vector<std::int32_t> Rules::prescriptions(const Rows& rows) const {
  const SpotColumn* held = b_.column(SpotTable::kLines, "rxno");
  return held == nullptr ? std::vector<std::int32_t>(rows.size(), -1) : at(held->code, rows);
}

std::vector<std::int64_t> Rules::column_of(std::string_view name, const Rows& rows) const {
  const SpotColumn* held = b_.column(SpotTable::kLines, name);
  return held == nullptr ? std::vector<std::int64_t>(rows.size(), kUnknown) : at(held->number, rows);
}

std::vector<std::int64_t> Rules::regrouped(Chosen& chosen, const std::vector<std::vector<std::int32_t>>& keys) const {
  const std::vector<std::span<const std::int32_t>> spans(keys.begin(), keys.end());
  const Regrouped found = regroup(b_.runs(chosen.rows, true), spans, 1);
  chosen.rows = at(chosen.rows, found.order);
  if (chosen.entries) chosen.entry = at(chosen.entry, found.order);
  return found.begin;
}

void Rules::attribute(const SpotRule& rule, Raw& raw) {
  const Chosen chosen = b_.lines_of(rule, true);
  if (chosen.rows.empty()) return;
  const Texts& texts = b_.texts(rule.attribute);
  const bool of_line = b_.book.attributes[static_cast<std::size_t>(rule.attribute)].meant == SpotMeant::kOfLine;
  for (std::size_t i = 0; i < chosen.rows.size(); ++i) {
    const auto line = static_cast<std::size_t>(chosen.rows[i]);
    const std::int32_t entry = chosen.entries ? chosen.entry[i] : -1;
    bool says = false;
    const std::size_t which = test_of(rule, entry, says);
    const auto where = of_line ? line : static_cast<std::size_t>(b_.line_visit[line]);
    const Truth fits = b_.test(rule.tests[which], texts.text[static_cast<std::size_t>(texts.code[where])]);
    if (says && fits != kDoubt && (fits == kYes) == rule.barred) name(raw.found, i, entry);
  }
  raw.rows = chosen.rows;
}

void Rules::age(const SpotRule& rule, Raw& raw) {
  const Chosen chosen = b_.lines_of(rule, true);
  for (std::size_t i = 0; i < chosen.rows.size(); ++i) {
    const auto line = static_cast<std::size_t>(chosen.rows[i]), visit = static_cast<std::size_t>(b_.line_visit[line]);
    const std::int32_t entry = chosen.entries ? chosen.entry[i] : -1;
    bool says = false;
    const std::size_t which = test_of(rule, entry, says);
    if (!says) continue;
    const std::int32_t born = birth_of(rule, visit), day = rule.flag ? b_.begin_day[visit] : b_.line_day[line];
    const auto unit = static_cast<AgeUnit>(rule.zones[3 * which]);
    const auto comparator = static_cast<Comparator>(rule.zones[3 * which + 1]);
    const std::int64_t value = rule.zones[3 * which + 2];
    const Found one = checks::age({}, {&born, 1}, {&day, 1}, {{&unit, 1}, {&comparator, 1}, {&value, 1}}, 1);
    if (one.size() > 0) name(raw.found, i, entry, one.measure[0], one.limit[0]);
  }
  raw.rows = chosen.rows;
}

void Rules::listed(const SpotRule& rule, Raw& raw) {
  const Chosen chosen = b_.lines_of(rule, true);
  if (chosen.entries)
    for (std::size_t i = 0; i < chosen.rows.size(); ++i) name(raw.found, i, chosen.entry[i]);
  raw.rows = chosen.rows;
}

void Rules::price(const SpotRule& rule, Raw& raw) {
  const Chosen chosen = b_.lines_of(rule, true);
  if (chosen.rows.empty()) return;
  const auto prices = column_of("pric", chosen.rows), quantity = at(b_.quantity, chosen.rows);
  raw.found = price_ceiling(chosen.entry, prices, quantity, rule.figures, rule.figure, 1);
  for (std::size_t f = 0; f < raw.found.size(); ++f) {
    const auto line = static_cast<std::size_t>(chosen.rows[static_cast<std::size_t>(raw.found.event[f])]);
    raw.expected.push_back(
        static_cast<std::int64_t>(round_div(static_cast<Wide>(raw.found.limit[f]) * b_.quantity[line], 100'000'000, RoundMode::kHalfUp)));
  }
  without_entries(raw.found, chosen);
  raw.rows = chosen.rows;
}

Rules::Cut Rules::cut_of(const SpotGrouping& group, SpotSubject subject, const Rows& rows) const {
  Cut out;
  switch (group.group) {
    case SpotGroup::kLine:
      out.grouping.cell = Cell::kLine;
      return out;
    case SpotGroup::kVisit:
      out.subject = visit_of(rows);
      return out;
    case SpotGroup::kPrescription:
      out.subject = visit_of(rows);
      out.cut = prescriptions(rows);
      return out;
    case SpotGroup::kStay:
      out.cut = at(b_.stay, visit_of(rows));
      return out;
    case SpotGroup::kDay:
      out.grouping.cell = Cell::kDay;
      break;
    case SpotGroup::kHour:
      out.grouping.cell = Cell::kHour;
      break;
    case SpotGroup::kWithin:
      out.grouping.cell = Cell::kWithin;
      out.grouping.reach = group.reach;
      break;
    default: {
      const Window window{group.group == SpotGroup::kMonth     ? Span::kMonth
                          : group.group == SpotGroup::kQuarter ? Span::kQuarter
                                                               : Span::kYear};
      for (const std::int32_t row : rows)
        out.cut.push_back(static_cast<std::int32_t>(period_of(window, 101, b_.line_day[static_cast<std::size_t>(row)]).first) + 4'000'000);
    }
  }
  if (subject == SpotSubject::kVisit) out.subject = visit_of(rows);
  if (subject == SpotSubject::kPersonInstitution) out.subject = at(b_.hospital, visit_of(rows));
  return out;
}

void Rules::pairs(const SpotRule& rule, Raw& raw) {
  const ByKept there(b_.kept);
  const SpotRows& table = b_.book.tables[static_cast<std::size_t>(rule.key)];
  std::vector<std::int64_t> mine;
  for (std::size_t own = 0; own < b_.kept.size(); ++own) {
    const std::int32_t key = b_.kept[own];
    if (key < 0 || !b_.named(own, b_.book.masks.size() + static_cast<std::size_t>(rule.key))) continue;
    for (auto k = static_cast<std::size_t>(table.start[static_cast<std::size_t>(key)]);
         k < static_cast<std::size_t>(table.start[static_cast<std::size_t>(key) + 1]); ++k) {
      const std::int32_t other = there.at(rule.included[static_cast<std::size_t>(table.rows[k])]);
      // The included line is what is reported.
      if (other < 0) continue;
      if (b_.item_now[static_cast<std::size_t>(other)] != 0 || (rule.symmetric && b_.item_now[own] != 0)) mine.push_back(table.rows[k]);
    }
  }
  if (mine.empty()) return;
  // Most specific first, then as the table stands: `other` is that order.
  std::sort(mine.begin(), mine.end(), [&](std::int64_t a, std::int64_t c) {
    return rule.other[static_cast<std::size_t>(a)] < rule.other[static_cast<std::size_t>(c)];
  });
  const Chosen chosen = b_.lines_of(rule, false);
  std::vector<std::int32_t> main, included, scope, from, to, region, level;
  std::vector<std::int64_t> free;
  const auto some = [&](const auto& column, auto& out, std::size_t row) {
    if (!column.empty()) out.push_back(column[row]);
  };
  for (const std::int64_t at_row : mine) {
    const auto row = static_cast<std::size_t>(at_row);
    main.push_back(there.at(rule.main[row]));
    included.push_back(there.at(rule.included[row]));
    if (rule.flag) some(rule.words_of, scope, row);
    some(rule.figures, free, row);
    some(table.from, from, row);
    some(table.to, to, row);
    some(table.region, region, row);
    some(table.level, level, row);
  }
  const PairScopes scopes({main, included, scope, free, rule.symmetric}, static_cast<std::int32_t>(rule.groups.size()), b_.items());
  std::vector<Cut> cuts;
  std::vector<Grouping> groupings;
  for (const SpotGrouping& group : rule.groups) cuts.push_back(cut_of(group, rule.subject, chosen.rows));
  for (Cut& cut : cuts) {
    cut.grouping.subject = cut.subject;
    cut.grouping.cut = cut.cut;
    groupings.push_back(cut.grouping);
  }
  const auto time = at(b_.line_time, chosen.rows), quantity = at(b_.quantity, chosen.rows);
  const auto item = at(b_.item, chosen.rows), day = at(b_.line_day, chosen.rows), visit = visit_of(chosen.rows);
  const Texts &regions = b_.texts(0), &levels = b_.texts(1);
  std::vector<std::int32_t> event_region, event_level;
  std::vector<std::uint8_t> fits;
  for (const std::int32_t v : visit) {
    const std::int32_t code = regions.code[static_cast<std::size_t>(v)];
    const std::string_view own = levels.text[static_cast<std::size_t>(levels.code[static_cast<std::size_t>(v)])];
    event_region.push_back(regions.text[static_cast<std::size_t>(code)].empty() ? -1 : code);
    event_level.push_back(own.empty() ? -1 : own[0] - '0');
  }
  for (const std::string& prefix : table.regions)
    for (const std::string_view text : regions.text) fits.push_back(!text.empty() && text.starts_with(prefix));
  const auto person_begin = b_.runs(chosen.rows, true);
  const PairEvents events{person_begin, time, item, quantity, {{}, day, event_region, event_level}};
  auto found = checks::pairs(events, scopes, groupings, free, {{}, {}, from, to, region, level, fits, regions.text.size()}, 1);
  if (!found) return;
  raw.found = std::move(*found);
  raw.rows = chosen.rows;
  for (std::size_t f = 0; f < raw.found.size(); ++f) {
    const auto row = static_cast<std::size_t>(mine[static_cast<std::size_t>(raw.found.entry[f])]);
    raw.found.entry[f] = static_cast<std::int32_t>(row);
    const auto first = static_cast<std::size_t>(raw.found.event[static_cast<std::size_t>(raw.found.details[f])]);
    const bool turned = b_.item_text(item[first]) != rule.included_text[row];
    std::string what = turned ? rule.included_text[row] + "|" + rule.main_text[row] : rule.main_text[row] + "|" + rule.included_text[row];
    if (!rule.words_of.empty() && rule.words_of[row] >= 0 && !rule.words[static_cast<std::size_t>(rule.words_of[row])].empty())
      what += "|" + rule.words[static_cast<std::size_t>(rule.words_of[row])];
    raw.what.push_back(std::move(what));
    raw.counting.push_back(rule.flag ? rule.words_of[row] : 0);
    if (!rule.zones.empty()) raw.suspect.push_back(rule.zones[row] == 1);
  }
}

void Rules::cap(const SpotRule& rule, Raw& raw) {
  Chosen chosen = b_.lines_of(rule, within_visits(rule));
  if (!rule.count_denied) {
    std::vector<std::uint8_t> keep;
    for (const std::int32_t row : chosen.rows) keep.push_back(denied[static_cast<std::size_t>(row)] == 0);
    chosen.only(keep);
  }
  if (chosen.rows.empty() || (!rule.figures.empty() && !chosen.entries)) return;
  Cut cut = cut_of(rule.groups[0], rule.subject, chosen.rows);
  cut.grouping.subject = cut.subject;
  cut.grouping.cut = cut.cut;
  std::vector<std::int32_t> combine, days;
  if (rule.flag) {  // by a column
    for (const std::int32_t entry : chosen.entry) combine.push_back(rule.words_of[static_cast<std::size_t>(entry)]);
    combine.resize(chosen.rows.size(), -1);
  } else {
    combine = rule.barred ? std::vector<std::int32_t>(chosen.rows.size(), 0) : at(b_.item, chosen.rows);
  }
  if (rule.factor != 0)
    for (const std::int32_t row : chosen.rows)
      days.push_back(static_cast<std::int32_t>(b_.stay_days(static_cast<std::size_t>(b_.line_visit[static_cast<std::size_t>(row)]))));
  const auto time = at(b_.line_time, chosen.rows);
  const auto value = rule.measure == SpotMeasure::kQuantity ? at(b_.quantity, chosen.rows)
                     : rule.measure == SpotMeasure::kAmount ? at(b_.amount, chosen.rows)
                                                            : std::vector<std::int64_t>{};
  const auto person_begin = b_.runs(chosen.rows, true);
  raw.found = checks::cap({person_begin, time, combine, value, chosen.entry, days},
                          {cut.grouping, rule.figures, rule.figure, rule.factor, rule.comparator, rule.last_paid}, 1);
  raw.money = rule.measure == SpotMeasure::kAmount;
  without_entries(raw.found, chosen);
  raw.rows = std::move(chosen.rows);
}

void Rules::supply(const SpotRule& rule, Raw& raw) {
  Chosen chosen = b_.lines_of(rule, rule.form == SpotForm::kPrescriptionDays || rule.form == SpotForm::kDailyDose);
  if (rule.form == SpotForm::kPrescriptionDays) {
    std::vector<std::uint8_t> keep;
    for (const std::int32_t code : prescriptions(chosen.rows)) keep.push_back(code >= 0);
    chosen.only(keep);
  }
  if (chosen.rows.empty()) return;
  std::vector<std::vector<std::int32_t>> keys;
  if (rule.form != SpotForm::kDailyDose) {
    std::vector<std::int32_t> key = at(b_.item, chosen.rows);
    if (rule.flag)  // a course of what a column names
      for (std::size_t i = 0; i < key.size(); ++i) key[i] = chosen.entries ? rule.words_of[static_cast<std::size_t>(chosen.entry[i])] : -1;
    std::vector<std::uint8_t> keep;
    for (const std::int32_t one : key) keep.push_back(one >= 0);
    chosen.only(keep);
    std::erase_if(key, [](std::int32_t one) { return one < 0; });
    if (chosen.rows.empty()) return;
    if (rule.form == SpotForm::kPrescriptionDays) keys = {visit_of(chosen.rows), prescriptions(chosen.rows)};
    keys.push_back(std::move(key));
  }
  const auto begin = keys.empty() ? std::vector<std::int64_t>{} : regrouped(chosen, keys);
  const bool daily = rule.form == SpotForm::kDailyDose;
  std::vector<std::int64_t> limit;
  for (std::size_t i = 0; i < chosen.rows.size(); ++i) {
    std::int64_t own = rule.barred ? kUnknown : rule.figure;
    if (rule.barred && chosen.entries && !rule.figures.empty()) own = rule.figures[static_cast<std::size_t>(chosen.entry[i])];
    limit.push_back(own == kUnknown && !daily ? std::int64_t{1} << 60 : own);  // no limit
  }
  const bool course = rule.form == SpotForm::kCourse;
  const auto dose = course ? std::vector<std::int64_t>{} : column_of("sin_dos", chosen.rows);
  const auto times = course ? std::vector<std::int64_t>{} : column_of("used_frqu", chosen.rows);
  if (daily) {
    raw.found = daily_dose(dose, times, limit, chosen.entry, rule.comparator, 1);
  } else {
    const auto day = at(b_.line_day, chosen.rows);
    const auto quantity = at(b_.quantity, chosen.rows);
    auto lasts = column_of("prd_days", chosen.rows);
    for (std::int64_t& one : lasts)
      if (one != kUnknown) one = one / kUnit + (one % kUnit > 0 ? 1 : 0);  // whole days, rounded up
    const Supply lines{begin, day, quantity, lasts, dose, times, limit, chosen.entry};
    const SupplyRule how{rule.comparator, rule.last_paid, rule.on_lines, rule.more};
    raw.found = course                            ? checks::course(lines, how, 1)
                : rule.form == SpotForm::kOverlap ? supply_overlap(lines, how, 1)
                                                  : prescription_days(lines, how, 1);
  }
  unbounded(raw.found);
  without_entries(raw.found, chosen);
  raw.rows = std::move(chosen.rows);
}

void Rules::compose(const SpotRule& rule, Raw& raw) {
  Chosen chosen = b_.lines_of(rule, true);
  const bool by_prescription = rule.groups[0].group == SpotGroup::kPrescription;
  if (by_prescription) {
    std::vector<std::uint8_t> keep;
    for (const std::int32_t code : prescriptions(chosen.rows)) keep.push_back(code >= 0);
    chosen.only(keep);
  }
  if (chosen.rows.empty()) return;
  std::vector<std::vector<std::int32_t>> keys{visit_of(chosen.rows)};
  if (by_prescription) keys.push_back(prescriptions(chosen.rows));
  const auto begin = regrouped(chosen, keys);
  const auto item = at(b_.item, chosen.rows);
  const Composition lines{begin, item, static_cast<std::int32_t>(b_.items())};
  raw.rows = chosen.rows;
  if (rule.form == SpotForm::kDistinct) {
    const std::array<std::int64_t, 2> all{0, static_cast<std::int64_t>(rule.thresholds.size())};
    raw.found = distinct(lines, {rule.comparator, {}, all, rule.thresholds}, 1);
    for (const std::int32_t step : raw.found.step) raw.severity.push_back(rule.severities[static_cast<std::size_t>(step)]);
  } else if (rule.form != SpotForm::kSameClass) {
    std::vector<std::uint8_t> inside;
    for (const std::int32_t code : item)
      inside.push_back(code >= 0 && in_list(b_.book.lists[static_cast<std::size_t>(rule.list)], b_.item_text(code)));
    raw.found = rule.form == SpotForm::kSingle ? single(lines, inside, 1) : all_in(begin, inside, 1);
  } else {
    std::vector<std::int32_t> of_class;
    std::map<std::string_view, std::int32_t> number;
    std::vector<std::string_view> words(rule.words.begin(), rule.words.end());
    for (std::size_t i = 0; i < item.size(); ++i) {
      if (rule.flag) {  // by a column
        of_class.push_back(chosen.entries ? rule.words_of[static_cast<std::size_t>(chosen.entry[i])] : -1);
      } else if (item[i] < 0) {
        of_class.push_back(-1);
      } else {
        const auto [held, fresh] =
            number.try_emplace(first_letters(b_.item_text(item[i]), rule.figure), static_cast<std::int32_t>(number.size()));
        if (fresh) words.push_back(held->first);
        of_class.push_back(held->second);
      }
    }
    raw.found = same_class(lines, of_class, static_cast<std::int32_t>(words.size()), true, 1);
    for (std::size_t f = 0; f < raw.found.size(); ++f) {
      raw.what.emplace_back(words[static_cast<std::size_t>(raw.found.step[f])]);
      if (!chosen.entries) continue;
      std::int32_t first = INT32_MAX;
      for (auto d = static_cast<std::size_t>(raw.found.details[f]); d < static_cast<std::size_t>(raw.found.details[f + 1]); ++d)
        if (raw.found.part[d] == Part::kOffending) first = std::min(first, raw.found.event[d]);
      raw.found.entry[f] = chosen.entry[static_cast<std::size_t>(first)];
    }
    unbounded(raw.found);
    without_entries(raw.found, chosen);
    return;
  }
  unbounded(raw.found);
  raw.found.entry.assign(raw.found.size(), -1);
}

void Rules::tier(const SpotRule& rule, Raw& raw) {
  const Chosen chosen = b_.lines_of(rule, true);
  if (chosen.rows.empty()) return;
  const SpotColumn* incisions = b_.column(SpotTable::kLines, "incs_no");
  const SpotRows &table = b_.book.tables[static_cast<std::size_t>(rule.items.table)],
                 &full = b_.book.tables[static_cast<std::size_t>(rule.key)];
  struct One {
    std::int32_t row, visit, place;
    std::vector<std::int32_t> entry;  // by group
  };
  std::vector<One> all;
  for (const std::int32_t row : chosen.rows) {
    const auto line = static_cast<std::size_t>(row);
    One one{row, b_.line_visit[line], 0, {}};
    if (rule.figure == 1) one.place = b_.line_day[line];
    if (rule.figure == 2) one.place = incisions == nullptr ? -1 : incisions->code[line];
    if (rule.figure == 2 && one.place < 0) continue;
    const auto key = static_cast<std::size_t>(b_.kept[static_cast<std::size_t>(b_.item[line])]);
    bool some = false;
    for (std::int32_t group = 0; group < static_cast<std::int32_t>(rule.words.size()); ++group) {
      SpotRows own = {{0}, {}, table.from, table.to, table.region, table.level, table.regions};
      for (auto k = static_cast<std::size_t>(table.start[key]); k < static_cast<std::size_t>(table.start[key + 1]); ++k)
        if (rule.words_of[static_cast<std::size_t>(table.rows[k])] == group) own.rows.push_back(table.rows[k]);
      own.start.push_back(static_cast<std::int64_t>(own.rows.size()));
      one.entry.push_back(own.rows.empty() ? kNoEntry : b_.entry_of(own, 0, static_cast<std::size_t>(one.visit), b_.line_day[line]));
      some = some || one.entry.back() >= 0;
    }
    if (some) all.push_back(std::move(one));
  }
  if (all.empty()) return;
  std::stable_sort(all.begin(), all.end(),
                   [](const One& a, const One& c) { return std::pair(a.visit, a.place) < std::pair(c.visit, c.place); });
  std::vector<std::int64_t> begin, quantity, amount, price, group_begin{0};
  std::vector<std::int32_t> item, group;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto line = static_cast<std::size_t>(all[i].row);
    if (i == 0 || all[i].visit != all[i - 1].visit || all[i].place != all[i - 1].place) begin.push_back(static_cast<std::int64_t>(i));
    const std::int32_t entry =
        b_.entry_of(full, b_.kept[static_cast<std::size_t>(b_.item[line])], static_cast<std::size_t>(all[i].visit), b_.line_day[line]);
    item.push_back(static_cast<std::int32_t>(i));
    quantity.push_back(b_.quantity[line]);
    amount.push_back(b_.amount[line]);
    price.push_back(entry >= 0 && !rule.figures.empty() ? rule.figures[static_cast<std::size_t>(entry)] : kUnknown);
    for (std::size_t g = 0; g < all[i].entry.size(); ++g)
      if (all[i].entry[g] >= 0) group.push_back(static_cast<std::int32_t>(g));
    group_begin.push_back(static_cast<std::int64_t>(group.size()));
    raw.rows.push_back(all[i].row);
  }
  begin.push_back(static_cast<std::int64_t>(all.size()));
  raw.found = checks::tier({begin, item, quantity, amount, price},
                           {group_begin, group, static_cast<std::int32_t>(rule.words.size()), rule.thresholds}, 1);
  unbounded(raw.found);
  raw.found.excess.assign(raw.found.excess.size(), kWhole);
  raw.expected.assign(raw.found.limit.begin(), raw.found.limit.end());
  std::size_t f = 0;
  for (std::size_t d = 0; d < raw.found.event.size(); ++d) {
    if (raw.found.part[d] != Part::kOffending) continue;
    const auto i = static_cast<std::size_t>(raw.found.event[d]);
    const auto bucket =
        static_cast<std::size_t>(std::upper_bound(begin.begin(), begin.end(), static_cast<std::int64_t>(i)) - begin.begin()) - 1;
    std::int32_t chosen_group = -1;
    for (std::size_t g = 0; g < all[i].entry.size() && chosen_group < 0; ++g) {
      int many = 0;
      for (auto k = static_cast<std::size_t>(begin[bucket]); k < static_cast<std::size_t>(begin[bucket + 1]); ++k)
        many += all[k].entry[g] >= 0 ? 1 : 0;
      if (all[i].entry[g] >= 0 && many > 1) chosen_group = static_cast<std::int32_t>(g);
    }
    for (std::size_t g = 0; g < all[i].entry.size() && chosen_group < 0; ++g)
      if (all[i].entry[g] >= 0) chosen_group = static_cast<std::int32_t>(g);
    raw.found.entry[f++] = all[i].entry[static_cast<std::size_t>(chosen_group)];
  }
}

}  // namespace ybcore::checks::spot
