// Stays that meet, and bounds of the kernels that are not asked here: whether a finding is not ruled out (spot_rules.hpp).
#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "spot_rules.hpp"
#include "ybcore/checks/span.hpp"
#include "ybcore/money.hpp"

namespace ybcore::checks::spot {

void Rules::overlap(const SpotRule& rule, Raw& raw) {
  struct Stay {
    std::int32_t person = -1, stay = -1;
    std::int64_t begin = 0, end = 0;
    std::string_view id;
    std::size_t from = 0, to = 0;  // its visits
  };
  const SpotColumn *ids = b_.column(SpotTable::kVisits, "mdtrt_id"), *own = b_.column(SpotTable::kVisits, "setl_id");
  Rows visits = b_.visits_of(rule, false);
  std::stable_sort(visits.begin(), visits.end(), [&](std::int32_t a, std::int32_t c) {
    const auto first = static_cast<std::size_t>(a), later = static_cast<std::size_t>(c);
    return std::pair(b_.psn[first], b_.stay[first]) < std::pair(b_.psn[later], b_.stay[later]);
  });
  std::vector<Stay> stays;
  for (std::size_t k = 0; k < visits.size(); ++k) {
    const auto v = static_cast<std::size_t>(visits[k]);
    const bool fresh = stays.empty() || stays.back().person != b_.psn[v] || stays.back().stay != b_.stay[v];
    if (fresh) stays.push_back({b_.psn[v], b_.stay[v], b_.begin[v], b_.end[v], {}, k, k});
    Stay& stay = stays.back();
    stay.begin = std::min(stay.begin, b_.begin[v]);
    stay.end = std::max(stay.end, b_.end[v]);
    const SpotColumn* names = ids != nullptr && ids->code[v] >= 0 ? ids : own;
    stay.id = names->text[static_cast<std::size_t>(names->code[v])];
    stay.to = k + 1;
  }
  if (stays.size() < 2) return;
  std::stable_sort(stays.begin(), stays.end(),
                   [](const Stay& a, const Stay& b) { return std::tie(a.person, a.begin, a.id) < std::tie(b.person, b.begin, b.id); });
  std::vector<std::int64_t> begin, start, end;
  std::vector<std::int32_t> place(stays.size()), kind;
  std::iota(place.begin(), place.end(), 0);
  const Texts& kinds = b_.texts(rule.attribute);
  for (std::size_t s = 0; s < stays.size(); ++s) {
    if (s == 0 || stays[s].person != stays[s - 1].person) begin.push_back(static_cast<std::int64_t>(s));
    start.push_back(stays[s].begin);
    end.push_back(stays[s].end);
    const std::int32_t code = kinds.code[static_cast<std::size_t>(visits[stays[s].to - 1])];
    kind.push_back(kinds.text[static_cast<std::size_t>(code)].empty() ? -1 : code);
  }
  begin.push_back(static_cast<std::int64_t>(stays.size()));
  // With kinds named both are of them; without, not both of outpatients.
  std::vector<std::uint8_t> of, looked;
  for (const std::string_view text : kinds.text) {
    bool fits = rule.words.empty() && !text.empty() && b_.of_kind(rule, text, "outpatient");
    for (const std::string& word : rule.words) fits = fits || (!text.empty() && b_.of_kind(rule, text, word));
    of.push_back(fits);
  }
  for (const std::uint8_t a : of)
    for (const std::uint8_t b : of) looked.push_back(rule.words.empty() ? (a & b) == 0 : (a & b) != 0);
  const Found all = checks::overlap({begin, start, end, place, kind, looked, static_cast<std::int32_t>(kinds.text.size())}, rule.figure, 1);
  std::vector<std::int32_t> first;
  for (const Stay& stay : stays) {
    first.push_back(static_cast<std::int32_t>(raw.rows.size()));
    raw.rows.insert(raw.rows.end(), visits.begin() + static_cast<std::ptrdiff_t>(stay.from),
                    visits.begin() + static_cast<std::ptrdiff_t>(stay.to));
  }
  raw.on_lines = false;
  for (std::size_t f = 0; f < all.size(); ++f) {
    raw.found.open({all.measure[f], all.limit[f]});
    for (auto d = static_cast<std::size_t>(all.details[f]); d < static_cast<std::size_t>(all.details[f + 1]); ++d) {
      const auto s = static_cast<std::size_t>(all.event[d]);
      for (std::size_t k = 0; k < stays[s].to - stays[s].from; ++k)
        raw.found.detail(first[s] + static_cast<std::int32_t>(k), all.part[d], all.excess[d]);
    }
  }
}

bool Rules::lines_there(const SpotRule& rule) { return !b_.lines_of(rule, true).rows.empty(); }

bool Rules::coded_there(const SpotRule& rule) {
  const bool operations = rule.keyed == 1;
  const Batch::Coded all = operations ? b_.coded(SpotTable::kOperations, "oprn_oprt_code") : b_.coded(SpotTable::kDiagnoses, "diag_code");
  for (std::size_t i = 0; i < all.visit.size(); ++i) {
    const auto v = static_cast<std::size_t>(all.visit[i]);
    const std::string_view text = all.text[static_cast<std::size_t>(all.code[i])];
    if (b_.current[v] == 0) continue;
    if (!rule.words.empty() && !begins(text, rule.words)) continue;
    if (rule.list >= 0 && !in_list(b_.book.lists[static_cast<std::size_t>(rule.list)], text)) continue;
    if (rule.key >= 0 && !b_.book.keys[static_cast<std::size_t>(rule.key)].contains(std::string(text))) continue;
    if (rule.scope >= 0 && b_.truth(rule.scope)[v] != kYes) continue;
    if (rule.attribute < 0) return true;
    const Texts& texts = b_.texts(rule.attribute);
    for (const SpotTest& test : rule.tests) {
      const Truth fits = b_.test(test, texts.text[static_cast<std::size_t>(texts.code[v])]);
      if (fits != kDoubt && (fits == kYes) == rule.barred) return true;
    }
  }
  return false;
}

bool Rules::keys_there(const SpotRule& rule) {
  static constexpr std::pair<SpotTable, std::string_view> kKeys[] = {{SpotTable::kLines, "bilg_dr_codg"},
                                                                     {SpotTable::kVisits, "fixmedins_code"},
                                                                     {SpotTable::kVisits, "psn_no"},
                                                                     {SpotTable::kVisits, "mdtrt_cert_no"}};
  const auto [table, column] = kKeys[static_cast<std::size_t>(rule.keyed)];
  const SpotColumn* keys = b_.column(table, column);
  if (keys == nullptr) return false;
  const bool of_lines = table == SpotTable::kLines, all = rule.words.empty() && rule.list < 0 && rule.key < 0;
  const auto meant = [&](std::string_view text) {
    return (rule.words.empty() || begins(text, rule.words)) &&
           (rule.list < 0 || in_list(b_.book.lists[static_cast<std::size_t>(rule.list)], text)) &&
           (rule.key < 0 || b_.book.keys[static_cast<std::size_t>(rule.key)].contains(std::string(text)));
  };
  std::vector<std::uint8_t> truth(keys->text.size(), kDoubt);  // of each key; kDoubt where it was not asked yet
  for (const std::int32_t row : of_lines ? b_.now : b_.visit_order) {
    const auto at_row = static_cast<std::size_t>(row);
    const std::int32_t key = keys->code[at_row];
    const auto v = of_lines ? static_cast<std::size_t>(b_.line_visit[at_row]) : at_row;
    if (b_.current[v] == 0) continue;
    if (!all) {
      if (key < 0) continue;
      auto& held = truth[static_cast<std::size_t>(key)];
      if (held == kDoubt) held = meant(keys->text[static_cast<std::size_t>(key)]) ? kYes : kNo;
      if (held == kNo) continue;
    }
    if (rule.scope >= 0 && !b_.book.scopes[static_cast<std::size_t>(rule.scope)].of_lines && b_.truth(rule.scope)[v] != kYes) continue;
    return true;
  }
  return false;
}

bool Rules::stays_near(const SpotRule& rule) {
  struct Stay {
    std::int32_t first = 0, last = 0;
    std::size_t begin = 0, end = 0;  // its visits
    bool current = false;
  };
  Rows visits = b_.visits_of(rule, false);
  const auto name = [&](std::int32_t visit) {
    return std::pair(b_.psn[static_cast<std::size_t>(visit)], b_.stay[static_cast<std::size_t>(visit)]);
  };
  std::sort(visits.begin(), visits.end(), [&](std::int32_t a, std::int32_t c) { return name(a) < name(c); });
  const auto near = [&](const Stay& first, const Stay& later) {
    const std::int64_t gap = static_cast<std::int64_t>(later.first) - first.last;
    if (rule.barred && (gap < 0 || gap > rule.figure)) return false;
    if (!rule.flag) return true;
    for (std::size_t a = first.begin; a < first.end; ++a)
      for (std::size_t c = later.begin; c < later.end; ++c)
        if (b_.hospital[static_cast<std::size_t>(visits[a])] == b_.hospital[static_cast<std::size_t>(visits[c])]) return true;
    return false;
  };
  std::vector<Stay> stays;  // of one person
  for (std::size_t k = 0; k < visits.size(); ++k) {
    const auto v = static_cast<std::size_t>(visits[k]);
    const bool same_person = k > 0 && name(visits[k - 1]).first == b_.psn[v];
    if (!same_person) stays.clear();
    if (!same_person || name(visits[k - 1]) != name(visits[k])) stays.push_back({b_.begin_day[v], b_.end_day[v], k, k, false});
    Stay& stay = stays.back();
    stay.first = std::min(stay.first, b_.begin_day[v]);
    stay.last = std::max(stay.last, b_.end_day[v]);
    stay.end = k + 1;
    stay.current = stay.current || b_.current[v] != 0;
    if (k + 1 < visits.size() && name(visits[k + 1]).first == b_.psn[v]) continue;
    for (const Stay& later : stays)
      for (const Stay& first : stays)
        if (later.current && &later != &first && near(first, later)) return true;
  }
  return false;
}

// A row that may be reported lies after a death of its person.
bool Rules::death(const SpotRule& rule) {
  const Texts& ways = b_.texts(rule.attribute);
  for (const std::int32_t visit : b_.visit_order) {
    const auto v = static_cast<std::size_t>(visit);
    if (ways.text[static_cast<std::size_t>(ways.code[v])] != "5") continue;
    const auto after = [&](std::size_t own, std::int32_t day) {
      return b_.psn[own] == b_.psn[v] && static_cast<std::int64_t>(day) - b_.end_day[v] > rule.figure;
    };
    for (const std::int32_t other : b_.visit_order)
      if (b_.current[static_cast<std::size_t>(other)] != 0 &&
          after(static_cast<std::size_t>(other), b_.begin_day[static_cast<std::size_t>(other)]))
        return true;
    for (const std::int32_t row : b_.now)
      if (after(static_cast<std::size_t>(b_.line_visit[static_cast<std::size_t>(row)]), b_.line_day[static_cast<std::size_t>(row)]))
        return true;
  }
  return false;
}

bool Rules::ratio(const SpotRule& rule) {
  // What rules of one measure and unit ask for is the same.
  const auto [held, fresh] = most_.try_emplace({rule.measure, rule.subject}, -1);
  if (!fresh) return held->second >= rule.figure;
  const bool of_visits = rule.measure == SpotMeasure::kVisits || rule.measure == SpotMeasure::kDays,
             of_doctors = rule.subject == SpotSubject::kDoctor;
  std::vector<std::int64_t> sums(of_doctors ? b_.doctors().size() : b_.hospitals());
  for (const std::int32_t row : of_visits ? b_.visit_order : b_.rows) {
    const auto at_row = static_cast<std::size_t>(row), v = of_visits ? at_row : static_cast<std::size_t>(b_.line_visit[at_row]);
    const std::int32_t unit = of_doctors ? (of_visits ? b_.attending[v] : b_.doctor[at_row]) : b_.hospital[v];
    if (unit < 0) continue;
    std::int64_t value = 1;
    if (rule.measure == SpotMeasure::kDays) value = b_.stay_days(v);
    if (rule.measure == SpotMeasure::kAmount) value = b_.amount[at_row];
    if (rule.measure == SpotMeasure::kQuantity) value = b_.quantity[at_row];
    std::int64_t& sum = sums[static_cast<std::size_t>(unit)];
    if (__builtin_add_overflow(sum, std::max<std::int64_t>(value, 0), &sum)) sum = INT64_MAX;
    held->second = std::max(held->second, sum);
  }
  return held->second >= rule.figure;
}

bool Rules::repeated(const SpotRule& rule) {
  const SpotColumn& held = b_.number(rule.columns[0]);
  std::vector<std::uint8_t> named(held.text.size());
  for (const std::int32_t code : held.code)
    if (code >= 0 && named[static_cast<std::size_t>(code)]++ != 0) return true;
  std::vector<std::int64_t> seen;
  for (const std::int64_t number : held.number)
    if (number != kUnknown) seen.push_back(number);
  std::sort(seen.begin(), seen.end());
  return std::adjacent_find(seen.begin(), seen.end()) != seen.end();
}

// More is sold of what has a row of stock than the row says was there; returns that are left do not lessen it.
bool Rules::stock(const SpotRule& rule) {
  const auto of = [&](std::string_view name) { return b_.column(SpotTable::kStock, name); };
  const SpotColumn *places = of("fixmedins_code"), *items = of("med_list_codg"), *from = of("begndate"), *to = of("enddate");
  if (places == nullptr || items == nullptr) return false;
  const Chosen chosen = b_.lines_of(rule, false);
  std::map<std::pair<std::int32_t, std::int32_t>, Rows> sold;
  for (const std::int32_t row : chosen.rows) {
    const auto line = static_cast<std::size_t>(row);
    sold[{b_.hospital[static_cast<std::size_t>(b_.line_visit[line])], b_.item[line]}].push_back(row);
  }
  for (std::size_t r = 0; r < places->code.size() && !sold.empty(); ++r) {
    if (places->code[r] < 0 || items->code[r] < 0) continue;
    const auto lines = sold.find({places->code[r], items->code[r]});
    if (lines == sold.end()) continue;
    if (rule.figure <= 0) return true;
    Wide sum = 0, there = rule.more;
    for (const std::int32_t row : lines->second) {
      const std::int64_t day = b_.line_day[static_cast<std::size_t>(row)];
      const bool inside = (from == nullptr || from->number[r] == kUnknown || day >= from->number[r]) &&
                          (to == nullptr || to->number[r] == kUnknown || day < to->number[r]);
      if (inside) sum += std::max<std::int64_t>(b_.quantity[static_cast<std::size_t>(row)], 0);
    }
    for (const auto& [name, sign] : {std::pair{"open_cnt", 1}, std::pair{"in_cnt", 1}, std::pair{"close_cnt", -1}}) {
      const SpotColumn* figures = of(name);
      if (figures != nullptr && figures->number[r] != kUnknown) there += static_cast<Wide>(sign) * figures->number[r];
    }
    if (sum > 0 && sum * rule.figure > there * 10'000) return true;
  }
  return false;
}

// A code is none of those that surely may stand.
bool Rules::code_out(const SpotRule& rule) {
  for (const std::int32_t row : rule.on_lines ? b_.given_lines_of(rule) : b_.visits_of(rule, true)) {
    std::string_view text;
    for (std::size_t k = 0; k < 2 && text.empty(); ++k) {
      if (rule.columns[k] < 0 || !b_.number(rule.columns[k]).there) continue;
      const std::int32_t own = k == 1 ? b_.line_visit[static_cast<std::size_t>(row)] : row;
      text = cell_text(b_.number(rule.columns[k]), static_cast<std::size_t>(own));
    }
    if (text.empty()) continue;
    const bool in = rule.list >= 0 ? in_list(b_.book.lists[static_cast<std::size_t>(rule.list)], text)
                                   : b_.book.keys[static_cast<std::size_t>(rule.key)].contains(std::string(text));
    if (!in) return true;
  }
  return false;
}

bool Rules::bundled(const SpotRule& rule) {
  std::set<std::int32_t> members;
  bool fresh = false;
  for (const std::int32_t row : b_.lines_of(rule, false).rows) {
    const std::int32_t item = b_.item[static_cast<std::size_t>(row)];
    if (item < 0 || members.contains(item) || !in_list(b_.book.lists[static_cast<std::size_t>(rule.list)], b_.item_text(item))) continue;
    members.insert(item);
    fresh = fresh || b_.item_now[static_cast<std::size_t>(item)] != 0;
  }
  return fresh && static_cast<std::int64_t>(members.size()) >= rule.figure;
}

bool Rules::urgent(const SpotRule& rule) {
  const SpotColumn* flag = b_.column(SpotTable::kVisits, "er_flag");
  const Texts& types = b_.texts(rule.attribute);
  if (flag == nullptr) return false;
  const auto is = [&](std::size_t v, std::string_view kind) {
    const std::string_view text = types.text[static_cast<std::size_t>(types.code[v])];
    return !text.empty() && b_.of_kind(rule, text, kind);
  };
  for (const std::int32_t one : b_.visit_order) {
    const auto v = static_cast<std::size_t>(one);
    if (b_.current[v] == 0 || flag->number[v] != 1 || b_.hospital[v] < 0 || !is(v, "outpatient")) continue;
    for (const std::int32_t other : b_.visit_order) {
      const auto s = static_cast<std::size_t>(other);
      // A stay may begin with an earlier visit of its own.
      if (b_.psn[s] == b_.psn[v] && b_.stay[s] != b_.stay[v] && is(s, "inpatient") && b_.end_day[s] >= b_.end_day[v]) return true;
    }
  }
  return false;
}

}  // namespace ybcore::checks::spot
