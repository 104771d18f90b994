// Which kernel a rule asks; kernels along time and over what stands beside lines (spot_rules.hpp).
#include "spot_rules.hpp"

#include <algorithm>
#include <climits>
#include <map>
#include <numeric>
#include <tuple>

#include "ybcore/checks/diagnoses.hpp"
#include "ybcore/checks/regroup.hpp"
#include "ybcore/checks/span.hpp"
#include "ybcore/checks/valid.hpp"

namespace ybcore::checks::spot {
namespace {

using Ask = void (Rules::*)(const SpotRule&, Raw&);

}  // namespace

Answer Rules::ask(const SpotRule& rule, Raw& raw) {
  const auto found = [&](Ask kernel) {
    (this->*kernel)(rule, raw);
    return raw.found.size() > 0 ? Answer::kFound : Answer::kNothing;
  };
  const auto bound = [](bool may) { return may ? Answer::kMay : Answer::kNothing; };
  switch (rule.kernel) {
    case SpotKernel::kAttribute:
      return found(&Rules::attribute);
    case SpotKernel::kAge:
      return found(&Rules::age);
    case SpotKernel::kListed:
      return found(&Rules::listed);
    case SpotKernel::kDiagnoses:
      return found(&Rules::diagnoses);
    case SpotKernel::kPrice:
      return found(&Rules::price);
    case SpotKernel::kPairs:
      return found(&Rules::pairs);
    case SpotKernel::kCap:
      return found(&Rules::cap);
    case SpotKernel::kWindow:
      return found(&Rules::window);
    case SpotKernel::kInStay:
      return found(&Rules::in_stay);
    case SpotKernel::kAround:
      return found(&Rules::around);
    case SpotKernel::kIdle:
      return found(&Rules::idle);
    case SpotKernel::kOverlap:
      return found(&Rules::overlap);
    case SpotKernel::kUnsettled:
      return found(&Rules::unsettled);
    case SpotKernel::kSupply:
      return found(&Rules::supply);
    case SpotKernel::kCompose:
      return found(&Rules::compose);
    case SpotKernel::kTier:
      return found(&Rules::tier);
    case SpotKernel::kValid:
      return found(&Rules::valid);
    case SpotKernel::kSums:
      return found(&Rules::sums);
    case SpotKernel::kRequired:
      return found(&Rules::required);
    case SpotKernel::kLinesThere:
      return bound(lines_there(rule));
    case SpotKernel::kCodedThere:
      return bound(coded_there(rule));
    case SpotKernel::kKeysThere:
      return bound(keys_there(rule));
    case SpotKernel::kStaysNear:
      return bound(stays_near(rule));
    case SpotKernel::kDeath:
      return bound(death(rule));
    case SpotKernel::kRatio:
      return bound(ratio(rule));
    case SpotKernel::kRepeated:
      return bound(repeated(rule));
    case SpotKernel::kUrgent:
      return bound(urgent(rule));
    case SpotKernel::kStock:
      return bound(stock(rule));
    case SpotKernel::kCodeIn:
      return bound(code_out(rule));
    case SpotKernel::kBundle:
      return bound(bundled(rule));
    case SpotKernel::kAlways:
      break;
  }
  return Answer::kMay;
}

std::int32_t Rules::birth_of(const SpotRule& rule, std::size_t visit) {
  for (std::size_t k = 0; k < 2; ++k) {
    if (rule.columns[k] < 0 || !b_.number(rule.columns[k]).there) continue;
    const std::int32_t row = k == 0 ? static_cast<std::int32_t>(visit) : b_.person_rows()[visit];
    if (row < 0) continue;
    const std::int64_t day = b_.number(rule.columns[k]).number[static_cast<std::size_t>(row)];
    if (day != kUnknown) return static_cast<std::int32_t>(day);
  }
  return kNoDay;
}

// Values of some laboratory tests by person and time, the largest of one time last.
Rules::Values Rules::values_of(const SpotRule& rule) const {
  Values out;
  const SpotColumn *names = b_.column(SpotTable::kLabs, "setl_id"), *items = b_.column(SpotTable::kLabs, "med_list_codg");
  const SpotColumn *times = b_.column(SpotTable::kLabs, "exam_time"), *values = b_.column(SpotTable::kLabs, "exam_value");
  std::vector<std::tuple<std::int32_t, std::int64_t, std::int64_t>> all;
  for (std::size_t i = 0; names != nullptr && items != nullptr && times != nullptr && values != nullptr && i < names->code.size(); ++i) {
    const auto v = static_cast<std::size_t>(b_.visit_named(names->code[i]));
    const bool known = b_.stands[v] != 0 && items->code[i] >= 0 && times->number[i] != kUnknown && values->number[i] != kUnknown;
    if (known && std::find(rule.words.begin(), rule.words.end(), cell_text(*items, i)) != rule.words.end())
      all.emplace_back(b_.psn[v], times->number[i], values->number[i]);
  }
  std::sort(all.begin(), all.end());
  out.begin.assign(b_.persons + 1, 0);
  for (const auto& [person, time, value] : all) {
    ++out.begin[static_cast<std::size_t>(person) + 1];
    out.time.push_back(time);
    out.value.push_back(value);
  }
  std::partial_sum(out.begin.begin(), out.begin.end(), out.begin.begin());
  return out;
}

void Rules::diagnoses(const SpotRule& rule, Raw& raw) {
  const Chosen chosen = b_.lines_of(rule, true);
  if (chosen.rows.empty()) return;
  // Codes of one text have one number.
  std::map<std::string_view, std::int32_t> number;
  const auto number_of = [&](std::string_view text) {
    return number.try_emplace(text, static_cast<std::int32_t>(number.size())).first->second;
  };
  std::vector<std::vector<std::int32_t>> own(b_.visit_order.size());
  if (rule.flag) {
    const auto& main = b_.main_diagnosis();
    for (std::size_t k = 0; k < own.size(); ++k) {
      const std::string_view text = main[static_cast<std::size_t>(b_.visit_order[k])];
      if (!text.empty()) own[k].push_back(number_of(text));
    }
  } else {
    const Batch::Coded all = b_.coded(SpotTable::kDiagnoses, "diag_code");
    for (std::size_t i = 0; i < all.visit.size(); ++i)
      own[static_cast<std::size_t>(b_.place_of_visit[static_cast<std::size_t>(all.visit[i])])].push_back(
          number_of(all.text[static_cast<std::size_t>(all.code[i])]));
  }
  std::vector<std::int64_t> begin{0};
  std::vector<std::int32_t> code;
  for (const auto& some : own) {
    code.insert(code.end(), some.begin(), some.end());
    begin.push_back(static_cast<std::int64_t>(code.size()));
  }
  const std::size_t stride = std::max<std::size_t>(1, (number.size() + 63) / 64);
  std::vector<std::uint64_t> sets(stride * rule.columns.size());
  for (std::size_t s = 0; s < rule.columns.size(); ++s)
    for (const auto& [text, bit] : number)
      if (in_list(b_.book.lists[static_cast<std::size_t>(rule.columns[s])], text))
        sets[s * stride + static_cast<std::size_t>(bit) / 64] |= std::uint64_t{1} << (bit % 64);
  std::vector<std::int32_t> of_entry = rule.of_entry, place, visit_person, visit_day;
  if (of_entry.empty() && !rule.columns.empty()) of_entry.assign(1, 0);
  const Values labs = rule.words.empty() ? Values{} : values_of(rule);
  Tests tests;
  if (!rule.words.empty())
    tests = {
        labs.begin, labs.time, labs.value, static_cast<Comparator>(rule.zones[0]), rule.zones[1], static_cast<std::int32_t>(rule.zones[2])};
  std::vector<std::int64_t> time;
  const auto day = at(b_.line_day, chosen.rows);
  for (const std::int32_t visit : visit_of(chosen.rows))
    place.push_back(static_cast<std::int32_t>(b_.place_of_visit[static_cast<std::size_t>(visit)]));
  for (const std::int32_t visit : b_.visit_order) {
    visit_person.push_back(b_.psn[static_cast<std::size_t>(visit)]);
    visit_day.push_back(b_.begin_day[static_cast<std::size_t>(visit)]);
  }
  for (const std::int32_t row : chosen.rows) {
    const auto line = static_cast<std::size_t>(row);
    time.push_back(b_.time_of_day ? b_.line_time[line] : b_.line_day[line] * kDayMicros + kDayMicros - 1);
  }
  raw.found = checks::diagnoses({chosen.entry, place, day, time}, {begin, code, {}, visit_person, visit_day}, tests,
                                {{sets, stride}, of_entry, false, static_cast<std::int32_t>(rule.more), rule.last_paid, rule.barred}, 1);
  without_entries(raw.found, chosen);
  raw.rows = chosen.rows;
}

void Rules::window(const SpotRule& rule, Raw& raw) {
  const bool of_visits =
      rule.measure == SpotMeasure::kVisits || rule.measure == SpotMeasure::kDays || rule.measure == SpotMeasure::kInstitutions;
  Chosen chosen;
  if (of_visits) {
    chosen.rows = b_.visits_of(rule, false);
  } else {
    chosen = b_.lines_of(rule, false);
  }
  const auto visit_at = [&](std::size_t i) {
    return static_cast<std::size_t>(of_visits ? chosen.rows[i] : b_.line_visit[static_cast<std::size_t>(chosen.rows[i])]);
  };
  const auto key_of = [&](std::size_t i) {
    if (rule.subject == SpotSubject::kPersonItem) return b_.item[static_cast<std::size_t>(chosen.rows[i])];
    return rule.subject == SpotSubject::kPersonInstitution ? b_.hospital[visit_at(i)] : 0;
  };
  std::vector<std::uint8_t> keep;
  for (std::size_t i = 0; i < chosen.rows.size(); ++i)
    keep.push_back(key_of(i) >= 0 && (rule.measure != SpotMeasure::kInstitutions || b_.hospital[visit_at(i)] >= 0));
  chosen.only(keep);
  if (chosen.rows.empty()) return;
  std::vector<std::int64_t> begin = b_.runs(chosen.rows, !of_visits);
  if (rule.subject != SpotSubject::kPerson) {
    std::vector<std::int32_t> key;
    for (std::size_t i = 0; i < chosen.rows.size(); ++i) key.push_back(key_of(i));
    const std::span<const std::int32_t> only = key;
    const Regrouped found = regroup(begin, {&only, 1}, 1);
    chosen.rows = at(chosen.rows, found.order);
    if (chosen.entries) chosen.entry = at(chosen.entry, found.order);
    begin = found.begin;
  }
  std::vector<std::int32_t> day, key;
  std::vector<std::int64_t> value;
  WindowRule how{Measured::kCount, rule.comparator, 0, 101, rule.windows, 1, rule.threshold_begin, rule.thresholds};
  for (std::size_t i = 0; i < chosen.rows.size(); ++i) {
    const auto row = static_cast<std::size_t>(chosen.rows[i]);
    day.push_back(of_visits ? b_.begin_day[row] : b_.line_day[row]);
    if (rule.measure == SpotMeasure::kQuantity) value.push_back(b_.quantity[row]);
    if (rule.measure == SpotMeasure::kAmount) value.push_back(b_.amount[row]);
    if (rule.measure == SpotMeasure::kInstitutions) key.push_back(b_.hospital[row]);
    if (rule.measure == SpotMeasure::kItems) key.push_back(b_.item[row]);
  }
  if (!value.empty()) how.measured = Measured::kSum;
  if (rule.measure == SpotMeasure::kDays) how.measured = Measured::kDays;
  if (!key.empty()) {
    how.measured = Measured::kKeys;
    how.keys = *std::max_element(key.begin(), key.end()) + 1;
  }
  raw.found = checks::window({begin, day, value, key, {}}, how, 1);
  raw.on_lines = !of_visits;
  raw.money = rule.measure == SpotMeasure::kAmount;
  for (std::size_t f = 0; f < raw.found.size(); ++f) {
    const std::int32_t step = raw.found.step[f];
    const auto above = std::upper_bound(rule.threshold_begin.begin(), rule.threshold_begin.end(), static_cast<std::int64_t>(step));
    raw.counting.push_back(static_cast<std::int32_t>(above - rule.threshold_begin.begin() - 1));
    raw.what.push_back(std::to_string(raw.counting.back()));
    raw.severity.push_back(rule.severities[static_cast<std::size_t>(step)]);
    std::int32_t first = INT32_MAX;
    for (auto d = static_cast<std::size_t>(raw.found.details[f]); d < static_cast<std::size_t>(raw.found.details[f + 1]); ++d)
      if (raw.found.part[d] == Part::kOffending) first = std::min(first, raw.found.event[d]);
    raw.found.entry[f] = chosen.entries ? chosen.entry[static_cast<std::size_t>(first)] : -1;
    raw.found.begin[f] *= kDayMicros;
    raw.found.end[f] = (raw.found.end[f] + 1) * kDayMicros;
  }
  raw.rows = std::move(chosen.rows);
}

std::int64_t Rules::time_of(const SpotRule& rule, std::size_t which, std::size_t row) const {
  // The own cell, the visit's, and the day of the visit where the time of day is not given.
  for (std::size_t k = 0; k < 3; ++k) {
    const std::int32_t at_column = rule.columns[3 * which + k];
    if (at_column < 0 || !b_.number(at_column).there) continue;
    const auto own = k > 0 && rule.on_lines ? static_cast<std::size_t>(b_.line_visit[row]) : row;
    const std::int64_t time = b_.number(at_column).number[own];
    if (time != kUnknown) return b_.book.columns[static_cast<std::size_t>(at_column)].way == SpotWay::kDay ? time * kDayMicros : time;
  }
  return kUnknown;
}

void Rules::valid(const SpotRule& rule, Raw& raw) {
  const Rows rows = rule.on_lines ? b_.given_lines_of(rule) : b_.visits_of(rule, true);
  if (rows.empty()) return;
  raw.on_lines = rule.on_lines;
  if (rule.form == SpotForm::kProduct) {
    raw.found = product(at(b_.given_quantity, rows), column_of("pric", rows), at(b_.given_amount, rows), rule.figure, 1);
  } else if (rule.form == SpotForm::kInCatalogue) {
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (b_.catalogue_row(static_cast<std::size_t>(rows[i])) < 0) name(raw.found, i, -1);
  } else {
    std::vector<std::int64_t> first, last;
    for (const std::int32_t row : rows) {
      first.push_back(time_of(rule, 0, static_cast<std::size_t>(row)));
      last.push_back(time_of(rule, 1, static_cast<std::size_t>(row)));
    }
    raw.found = rule.form == SpotForm::kDelay ? delay(first, last, rule.figure, rule.comparator, 1) : checks::order(first, last, 1);
    for (std::size_t f = 0; f < raw.found.size() && rule.form == SpotForm::kOrder; ++f) {
      raw.found.measure[f] -= raw.found.limit[f];
      raw.found.limit[f] = 0;
    }
  }
  unbounded(raw.found);
  raw.found.entry.assign(raw.found.size(), -1);
  raw.rows = rows;
}

void Rules::sums(const SpotRule& rule, Raw& raw) {
  const Rows rows = b_.visits_of(rule, true);
  const SpotColumn* total = b_.column(SpotTable::kVisits, "medfee_sumamt");
  std::vector<std::int64_t> sum(b_.visits), many(b_.visits), begin{0}, given, whole;
  for (std::size_t i = 0; i < b_.lines; ++i) {
    sum[static_cast<std::size_t>(b_.line_visit[i])] += b_.given_amount[i];
    ++many[static_cast<std::size_t>(b_.line_visit[i])];
  }
  for (const std::int32_t row : rows) {
    const auto v = static_cast<std::size_t>(row);
    if (many[v] > 0) given.push_back(sum[v]);
    begin.push_back(static_cast<std::int64_t>(given.size()));
    whole.push_back(total == nullptr ? kUnknown : total->number[v]);
  }
  raw.found = checks::sums(begin, given, whole, rule.figure, 1);
  raw.on_lines = false;
  unbounded(raw.found);
  raw.found.entry.assign(raw.found.size(), -1);
  raw.rows = rows;
}

void Rules::required(const SpotRule& rule, Raw& raw) {
  const Rows rows = b_.visits_of(rule, true);
  const auto lacks = [&](std::int32_t at_column, std::size_t row) {
    if (at_column < 0 || !b_.number(at_column).there) return true;
    const SpotColumn& held = b_.number(at_column);
    return held.code.empty() ? held.number[row] == kUnknown : held.code[row] < 0;
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::int64_t count = 0;
    for (std::size_t k = 0; k + 1 < rule.columns.size(); k += 2)
      count += lacks(rule.columns[k], static_cast<std::size_t>(rows[i])) && lacks(rule.columns[k + 1], static_cast<std::size_t>(rows[i]))
                   ? 1
                   : 0;
    if (count > 0) name(raw.found, i, -1, count);
  }
  raw.on_lines = false;
  raw.rows = rows;
}

void Rules::in_stay(const SpotRule& rule, Raw& raw) {
  const Chosen chosen = b_.lines_of(rule, true);
  raw.found = line_in_stay({at(b_.line_time, chosen.rows), visit_of(chosen.rows), b_.begin, b_.end}, rule.figure, rule.more, 1);
  unbounded(raw.found);
  raw.found.entry.assign(raw.found.size(), -1);
  raw.rows = chosen.rows;
}

void Rules::around(const SpotRule& rule, Raw& raw) {
  const Chosen chosen = b_.lines_of(rule, true);
  if (chosen.rows.empty()) return;
  const SpotColumn *times = b_.column(SpotTable::kOperations, "oprn_oprt_date"), *names = b_.column(SpotTable::kOperations, "setl_id");
  std::vector<std::vector<std::int64_t>> own(b_.visits);
  for (std::size_t i = 0; times != nullptr && names != nullptr && i < names->code.size(); ++i) {
    const auto v = static_cast<std::size_t>(b_.visit_named(names->code[i]));
    if (times->number[i] != kUnknown && b_.stands[v] != 0) own[v].push_back(times->number[i]);
  }
  std::vector<std::int64_t> begin{0}, time;
  for (const auto& some : own) {
    time.insert(time.end(), some.begin(), some.end());
    begin.push_back(static_cast<std::int64_t>(time.size()));
  }
  raw.found = around_operation({at(b_.line_time, chosen.rows), visit_of(chosen.rows), begin, time}, rule.figure, rule.more, 1);
  unbounded(raw.found);
  raw.rows = chosen.rows;
}

void Rules::idle(const SpotRule& rule, Raw& raw) {
  Rows rows;
  std::vector<std::uint8_t> looked(b_.visits), doubt(b_.visits);
  bool some = false;
  for (const std::int32_t visit : b_.visit_order)
    if (b_.current[static_cast<std::size_t>(visit)] != 0 &&
        b_.of_visit(rule, static_cast<std::size_t>(visit), b_.begin_day[static_cast<std::size_t>(visit)]) == kYes)
      looked[static_cast<std::size_t>(visit)] = some = true;
  if (!some) return;
  std::vector<std::vector<std::int64_t>> busy(b_.visits);
  for (const std::int32_t row : b_.now) {
    const auto line = static_cast<std::size_t>(row), v = static_cast<std::size_t>(b_.line_visit[line]);
    if (looked[v] == 0 || !b_.may_be_among(rule.items, b_.item[line])) continue;
    std::int32_t entry = kNoEntry;
    const Truth inside = b_.among(rule.items, line, entry);
    if (inside == kDoubt) doubt[v] = 1;
    if (inside == kYes) busy[v].push_back(b_.line_time[line]);
  }
  std::vector<std::int64_t> from, to, begin{0}, time;
  for (const std::int32_t visit : b_.visit_order) {
    const auto v = static_cast<std::size_t>(visit);
    if (looked[v] == 0 || doubt[v] != 0) continue;
    rows.push_back(visit);
    from.push_back(b_.begin[v]);
    to.push_back(b_.end[v]);
    time.insert(time.end(), busy[v].begin(), busy[v].end());
    begin.push_back(static_cast<std::int64_t>(time.size()));
  }
  raw.found = checks::idle({from, to, begin, time}, rule.figure, 1);
  raw.on_lines = false;
  unbounded(raw.found);
  raw.rows = std::move(rows);
}

void Rules::unsettled(const SpotRule& rule, Raw& raw) {
  raw.rows = b_.visits_of(rule, true);
  raw.on_lines = false;
  raw.found = checks::unsettled(at(b_.end, raw.rows), at(b_.settled, raw.rows), rule.figure, 1);
  unbounded(raw.found);
}

}  // namespace ybcore::checks::spot
