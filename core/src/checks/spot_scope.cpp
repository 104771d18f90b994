// What attributes say, whose scope holds, and which items and table rows are meant (spot_batch.hpp).
#include <algorithm>
#include <array>
#include <climits>
#include <map>

#include "dated.hpp"
#include "spot_batch.hpp"

namespace ybcore::checks::spot {
namespace {

constexpr std::array<std::string_view, 10> kDigits{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};

[[nodiscard]] std::string_view level_of(std::string_view grade) noexcept {
  if (grade.empty()) return {};
  for (const std::string_view third : {"01", "02", "03", "04", "12"})
    if (grade == third) return "3";
  for (const std::string_view second : {"05", "06", "07", "13"})
    if (grade == second) return "2";
  for (const std::string_view first : {"08", "09", "10", "14"})
    if (grade == first) return "1";
  return "0";
}

}  // namespace

std::string_view cell_text(const SpotColumn& column, std::size_t row) noexcept {
  if (!column.code.empty()) return column.code[row] < 0 ? std::string_view{} : column.text[static_cast<std::size_t>(column.code[row])];
  if (column.number.empty() || column.number[row] < 0 || column.number[row] > 9) return {};
  return kDigits[static_cast<std::size_t>(column.number[row])];
}

bool begins(std::string_view text, std::span<const std::string> prefixes) noexcept {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) { return text.starts_with(prefix); });
}

bool in_list(const SpotList& list, std::string_view text) noexcept {
  switch (list.match) {
    case SpotMatch::kExact:
      return list.exact.contains(text);
    case SpotMatch::kPrefix:
      return begins(text, list.codes);
    case SpotMatch::kInterval:
      break;
  }
  for (const std::string& interval : list.codes) {
    const std::string_view whole = interval;
    const std::size_t cut = whole.find('-');
    const std::string_view low = whole.substr(0, cut), end = cut == whole.npos ? whole : whole.substr(cut + 1);
    const std::string_view high = end.empty() ? low : end;
    if (low <= text && (text <= high || text.starts_with(high))) return true;
  }
  return false;
}

const Rows& Batch::person_rows() {
  if (person_rows_) return *person_rows_;
  Rows out(visits, -1);
  const SpotColumn *who = column(SpotTable::kPersons, "psn_no"), *from = column(SpotTable::kPersons, "begndate");
  const SpotColumn *to = column(SpotTable::kPersons, "enddate"), *own = column(SpotTable::kPersons, "insutype");
  const SpotColumn* wanted = column(SpotTable::kVisits, "insutype");
  for (std::size_t v = 0; v < visits && who != nullptr; ++v) {
    if (psn[v] < 0) continue;
    const std::string_view kind = wanted == nullptr ? std::string_view{} : cell_text(*wanted, v);
    for (std::size_t r = 0; r < who->code.size(); ++r) {
      if (who->code[r] != psn[v]) continue;
      const std::int64_t first = from == nullptr ? kUnknown : from->number[r], last = to == nullptr ? kUnknown : to->number[r];
      if ((first != kUnknown && end_day[v] < first) || (last != kUnknown && end_day[v] >= last)) continue;
      if (!kind.empty() && (own == nullptr || cell_text(*own, r) != kind)) continue;
      // Of several schemes the first by its code; of one scheme one row holds.
      if (out[v] >= 0 && (own == nullptr || cell_text(*own, static_cast<std::size_t>(out[v])) <= cell_text(*own, r))) continue;
      out[v] = static_cast<std::int32_t>(r);
    }
  }
  return person_rows_.emplace(std::move(out));
}

const Rows& Batch::place_rows() {
  if (place_rows_) return *place_rows_;
  Rows out(visits, -1);
  const SpotColumn* ids = column(SpotTable::kVisits, "fixmedins_code");
  std::map<std::int32_t, std::int32_t> number;
  for (std::size_t v = 0; v < visits && ids != nullptr && book.places.ids.size() > 0; ++v) {
    if (hospital[v] < 0) continue;
    const auto [at, fresh] = number.try_emplace(hospital[v], -1);
    if (fresh) {
      const std::string_view text = ids->text[static_cast<std::size_t>(hospital[v])];
      book.places.ids.find({&text, 1}, {&at->second, 1});
    }
    if (at->second < 0) continue;
    const auto key = static_cast<std::size_t>(at->second);
    for (auto k = static_cast<std::size_t>(book.places.start[key]); k < static_cast<std::size_t>(book.places.start[key + 1]); ++k) {
      const auto row = static_cast<std::size_t>(book.places.rows[k]);
      if (end_day[v] < book.places.begin[row] || end_day[v] >= book.places.end[row]) continue;
      out[v] = static_cast<std::int32_t>(row);
      break;
    }
  }
  return place_rows_.emplace(std::move(out));
}

Texts Batch::read(const SpotAttribute& attribute) {
  Texts out;
  const bool of_lines = attribute.meant == SpotMeant::kOfLine;
  const auto column_of = [&](std::int32_t at) { return at < 0 || !number(at).there ? nullptr : &number(at); };
  const SpotColumn *own = column_of(of_lines ? attribute.lines : attribute.visits), *theirs = column_of(attribute.persons);
  if (input.rows[static_cast<std::size_t>(SpotTable::kPersons)] == 0) theirs = nullptr;
  const SpotPlaces::Cells* places =
      attribute.institutions < 0 ? nullptr : &book.places.columns[static_cast<std::size_t>(attribute.institutions)];
  const Rows* person = theirs == nullptr ? nullptr : &person_rows();
  const Rows* place = places == nullptr ? nullptr : &place_rows();
  const std::size_t size = of_lines ? lines : visits;
  for (std::size_t i = 0; i < size; ++i) {
    std::string_view text = own == nullptr ? std::string_view{} : cell_text(*own, i);
    if (text.empty() && person != nullptr && (*person)[i] >= 0) text = cell_text(*theirs, static_cast<std::size_t>((*person)[i]));
    if (text.empty() && place != nullptr && (*place)[i] >= 0) {
      const std::int32_t code = places->code[static_cast<std::size_t>((*place)[i])];
      if (code >= 0) text = places->text[static_cast<std::size_t>(code)];
    }
    if (text.empty()) text = attribute.otherwise;
    if (attribute.meant == SpotMeant::kLevel) text = level_of(text);
    if (attribute.meant == SpotMeant::kGender && (text == "0" || text == "9")) text = {};
    if (!out.code.empty() && out.text[static_cast<std::size_t>(out.code.back())] == text) {
      out.code.push_back(out.code.back());
      continue;
    }
    const auto known = std::find(out.text.begin(), out.text.end(), text);
    out.code.push_back(static_cast<std::int32_t>(known - out.text.begin()));
    if (known == out.text.end()) out.text.push_back(text);
  }
  return out;
}

const Texts& Batch::texts(std::int32_t attribute) {
  auto& held = texts_[static_cast<std::size_t>(attribute)];
  if (!held) held = read(book.attributes[static_cast<std::size_t>(attribute)]);
  return *held;
}

Truth Batch::test(const SpotTest& test, std::string_view text) const {
  if (text.empty()) return kDoubt;
  if (test.kinds < 0) return begins(text, test.prefixes) ? kYes : kNo;
  // A visit is of every kind whose prefixes fit; of none, other.
  const SpotKinds& kinds = book.kinds[static_cast<std::size_t>(test.kinds)];
  bool some = false;
  for (std::size_t k = 0; k < kinds.name.size(); ++k) {
    if (!begins(text, kinds.prefixes[k])) continue;
    some = true;
    if (begins(kinds.name[k], test.prefixes)) return kYes;
  }
  return !some && begins("other", test.prefixes) ? kYes : kNo;
}

bool Batch::of_kind(const SpotRule& rule, std::string_view med_type, std::string_view kind) const {
  const SpotKinds& kinds = book.kinds[static_cast<std::size_t>(rule.kinds)];
  bool some = false;
  for (std::size_t k = 0; k < kinds.name.size(); ++k) {
    if (!begins(med_type, kinds.prefixes[k])) continue;
    some = true;
    if (kinds.name[k] == kind) return true;
  }
  return !some && kind == "other";
}

const std::vector<std::uint8_t>& Batch::with_list(std::int32_t list) {
  auto& held = lists_[static_cast<std::size_t>(list)];
  if (!held.empty()) return held;
  held.assign(visits, kDoubt);
  const Coded all = coded(SpotTable::kDiagnoses, "diag_code");
  std::vector<std::int8_t> inside(all.text.size(), -1);
  for (std::size_t i = 0; i < all.visit.size(); ++i) {
    auto& known = inside[static_cast<std::size_t>(all.code[i])];
    if (known < 0) known = in_list(book.lists[static_cast<std::size_t>(list)], all.text[static_cast<std::size_t>(all.code[i])]) ? 1 : 0;
    auto& truth = held[static_cast<std::size_t>(all.visit[i])];
    truth = known == 1 || truth == kYes ? kYes : kNo;
  }
  return held;
}

Batch::Coded Batch::coded(SpotTable table, std::string_view name) const {
  Coded out;
  const SpotColumn *codes = column(table, name), *names = column(table, "setl_id");
  if (codes == nullptr || names == nullptr) return out;
  out.text = codes->text;
  for (std::size_t i = 0; i < codes->code.size(); ++i) {
    const std::int32_t visit = first_of_setl_[static_cast<std::size_t>(names->code[i])];
    if (codes->code[i] < 0 || stands[static_cast<std::size_t>(visit)] == 0) continue;
    out.visit.push_back(visit);
    out.code.push_back(codes->code[i]);
  }
  return out;
}

const std::vector<std::string_view>& Batch::main_diagnosis() {
  if (main_) return *main_;
  std::vector<std::string_view> out(visits);
  const SpotColumn *named = column(SpotTable::kVisits, "dscg_maindiag_code"), *flag = column(SpotTable::kDiagnoses, "maindiag_flag");
  std::vector<std::uint8_t> own(visits, 0);
  for (std::size_t v = 0; v < visits && named != nullptr; ++v) {
    out[v] = cell_text(*named, v);
    own[v] = !out[v].empty();
  }
  const SpotColumn *codes = column(SpotTable::kDiagnoses, "diag_code"), *names = column(SpotTable::kDiagnoses, "setl_id");
  if (flag != nullptr && codes != nullptr && names != nullptr) {
    for (std::size_t i = 0; i < codes->code.size(); ++i) {
      const auto v = static_cast<std::size_t>(first_of_setl_[static_cast<std::size_t>(names->code[i])]);
      if (codes->code[i] < 0 || stands[v] == 0 || own[v] != 0 || flag->number[i] != 1) continue;
      const std::string_view text = codes->text[static_cast<std::size_t>(codes->code[i])];
      if (out[v].empty() || text < out[v]) out[v] = text;  // the first by bytes
    }
  }
  return main_.emplace(std::move(out));
}

Truth Batch::scope_at(const SpotScope& scope, std::size_t visit, std::size_t line) {
  Truth out = kYes;
  for (const SpotTest& one : scope.tests) {
    const Texts& held = texts(one.attribute);
    const bool of_line = book.attributes[static_cast<std::size_t>(one.attribute)].meant == SpotMeant::kOfLine;
    out = both(out, test(one, held.text[static_cast<std::size_t>(held.code[of_line ? line : visit])]));
    if (out == kNo) return kNo;
  }
  for (const std::int32_t list : scope.lists) out = both(out, static_cast<Truth>(with_list(list)[visit]));
  for (const SpotScope& part : scope.negated) {
    const Truth inner = scope_at(part, visit, line);
    out = both(out, inner == kDoubt ? kDoubt : inner == kYes ? kNo : kYes);
  }
  return out;
}

void Batch::narrow(const SpotScope& scope, std::vector<std::uint8_t>& held) {
  const auto also = [&](std::size_t v, Truth truth) { held[v] = both(static_cast<Truth>(held[v]), truth); };
  std::vector<std::uint8_t> of_text;
  for (const SpotTest& one : scope.tests) {
    const Texts& own = texts(one.attribute);
    if (book.attributes[static_cast<std::size_t>(one.attribute)].meant == SpotMeant::kOfLine) continue;
    of_text.clear();
    for (const std::string_view text : own.text) of_text.push_back(test(one, text));
    for (std::size_t v = 0; v < visits; ++v) also(v, static_cast<Truth>(of_text[static_cast<std::size_t>(own.code[v])]));
  }
  for (const std::int32_t list : scope.lists)
    for (std::size_t v = 0; v < visits; ++v) also(v, static_cast<Truth>(with_list(list)[v]));
  for (const SpotScope& part : scope.negated) {
    if (part.of_lines) continue;
    std::vector<std::uint8_t> inner(visits, kYes);
    narrow(part, inner);
    for (std::size_t v = 0; v < visits; ++v) also(v, inner[v] == kDoubt ? kDoubt : inner[v] == kYes ? kNo : kYes);
  }
}

const std::vector<std::uint8_t>& Batch::truth(std::int32_t scope) {
  auto& held = truths_[static_cast<std::size_t>(scope)];
  if (!held.empty()) return held;
  held.assign(visits, kYes);
  narrow(book.scopes[static_cast<std::size_t>(scope)], held);
  return held;
}

Truth Batch::when(const SpotRule& rule, std::int32_t day) const noexcept {
  if (rule.never) return kNo;
  return rule.dated && (day < rule.begin || day >= rule.end) ? kNo : kYes;
}

Truth Batch::of_visit(const SpotRule& rule, std::size_t visit, std::int32_t day) {
  if (when(rule, day) == kNo) return kNo;
  return rule.scope < 0 ? kYes : static_cast<Truth>(truth(rule.scope)[visit]);
}

Truth Batch::of_line(const SpotRule& rule, std::size_t line) {
  const auto visit = static_cast<std::size_t>(line_visit[line]);
  if (rule.scope < 0 || !book.scopes[static_cast<std::size_t>(rule.scope)].of_lines) return of_visit(rule, visit, line_day[line]);
  // What is asked of the visit alone is known already.
  if (when(rule, line_day[line]) == kNo || truth(rule.scope)[visit] == kNo) return kNo;
  return scope_at(book.scopes[static_cast<std::size_t>(rule.scope)], visit, line);
}

bool Batch::may_be_among(const SpotItems& items, std::int32_t item_code) const {
  if (items.set < 0 || item_code < 0) return true;
  const auto code = static_cast<std::size_t>(item_code);
  if (named(code, static_cast<std::size_t>(items.set))) return true;
  return kept[code] < 0 && items.among == SpotAmong::kMask && begins(item_text(item_code), items.prefixes);
}

bool Batch::may_be_now(const SpotItems& items) const {
  if (items.set < 0) return true;
  const auto set = static_cast<std::size_t>(items.set);
  return (now_sets[set / 64] >> (set % 64) & 1) != 0 || (other_now && !items.prefixes.empty());
}

std::int32_t Batch::catalogue_row(std::size_t line) {
  constexpr std::int32_t kNotAsked = -2;
  if (!catalogue_rows_) catalogue_rows_.emplace(lines, kNotAsked);
  std::int32_t& held = (*catalogue_rows_)[line];
  if (held == kNotAsked) held = found_in_catalogue(line);
  return held;
}

std::int32_t Batch::found_in_catalogue(std::size_t line) {
  const std::int32_t own = item[line] < 0 ? -1 : kept[static_cast<std::size_t>(item[line])];
  const std::int32_t key = own < 0 || book.catalogue_item.empty() ? -1 : book.catalogue_item[static_cast<std::size_t>(own)];
  if (key < 0) return -1;
  const auto find = [&](const SpotRows& all, std::int32_t region) {
    const auto first = static_cast<std::size_t>(all.start[static_cast<std::size_t>(key)]);
    const auto past = static_cast<std::size_t>(all.start[static_cast<std::size_t>(key) + 1]);
    for (std::size_t k = first; k < past; ++k) {
      const auto row = static_cast<std::size_t>(all.rows[k]);
      if (all.region[row] == region && line_day[line] >= all.from[row] && line_day[line] < all.to[row])
        return static_cast<std::int32_t>(row);
    }
    return -1;
  };
  const SpotRows& here = book.catalogue_here;
  if (here.start[static_cast<std::size_t>(key)] < here.start[static_cast<std::size_t>(key) + 1]) {
    const Texts& held = texts(0);
    const std::string_view text = held.text[static_cast<std::size_t>(held.code[static_cast<std::size_t>(line_visit[line])])];
    const auto place = std::find(here.regions.begin(), here.regions.end(), text);
    if (place != here.regions.end()) {
      const std::int32_t found = find(here, static_cast<std::int32_t>(place - here.regions.begin()));
      if (found >= 0) return found;
    }
  }
  return find(book.catalogue_rows, -1);
}

std::int32_t Batch::entry_of(const SpotRows& table, std::int32_t key, std::size_t visit, std::int32_t day) {
  if (key < 0) return kNoEntry;
  const auto first = static_cast<std::size_t>(table.start[static_cast<std::size_t>(key)]);
  const std::size_t size = static_cast<std::size_t>(table.start[static_cast<std::size_t>(key) + 1]) - first;
  if (size == 0) return kNoEntry;
  std::vector<std::uint8_t> fits;
  std::int32_t region = -1, level = -1;
  if (!table.regions.empty()) {
    const Texts& held = texts(0);
    const std::string_view text = held.text[static_cast<std::size_t>(held.code[visit])];
    region = text.empty() ? -1 : 0;
    for (const std::string& prefix : table.regions) fits.push_back(!text.empty() && text.starts_with(prefix));
  }
  if (!table.level.empty()) {
    const Texts& held = texts(1);
    const std::string_view text = held.text[static_cast<std::size_t>(held.code[visit])];
    level = text.empty() ? -1 : text[0] - '0';
  }
  const EntryTable dated{table.start, table.rows, table.from, table.to, table.region, table.level, fits, 1};
  const EntryEvents events{{&key, 1}, {&day, 1}, {&region, 1}, {&level, 1}};
  return Dated(dated, events).first(std::span<const std::int64_t>(table.rows).subspan(first, size), 0);
}

Truth Batch::among(const SpotItems& items, std::size_t line, std::int32_t& entry) {
  entry = kNoEntry;
  switch (items.among) {
    case SpotAmong::kAll:
      return kYes;
    case SpotAmong::kMask:
      return item[line] < 0 ? kDoubt : may_be_among(items, item[line]) ? kYes : kNo;
    case SpotAmong::kClass: {
      const std::int32_t row = catalogue_row(line);
      return static_cast<Truth>(row < 0 ? items.classes.back() : items.classes[static_cast<std::size_t>(row)]);
    }
    case SpotAmong::kRows:
      break;
  }
  if (item[line] < 0) return kDoubt;
  entry = entry_of(book.tables[static_cast<std::size_t>(items.table)], kept[static_cast<std::size_t>(item[line])],
                   static_cast<std::size_t>(line_visit[line]), line_day[line]);
  return entry >= 0 ? kYes : entry == kNoEntry ? kNo : kDoubt;
}

Chosen Batch::lines_of(const SpotRule& rule, bool alone) {
  Chosen out;
  out.entries = rule.items.among == SpotAmong::kRows;
  if (!may_be_now(rule.items)) return out;
  const auto look = [&](const Rows& some) {
    for (const std::int32_t row : some) {
      const auto line = static_cast<std::size_t>(row);
      if (!may_be_among(rule.items, item[line]) || of_line(rule, line) != kYes) continue;
      std::int32_t entry = kNoEntry;
      if (among(rule.items, line, entry) != kYes) continue;
      out.rows.push_back(row);
      if (out.entries) out.entry.push_back(entry);
    }
  };
  look(now);
  if (alone || out.rows.empty() || now.size() == rows.size()) return out;
  out.rows.clear();
  out.entry.clear();
  look(rows);
  return out;
}

Rows Batch::given_lines_of(const SpotRule& rule) {
  Rows out;
  for (const std::int32_t row : given_now) {
    const auto line = static_cast<std::size_t>(row);
    std::int32_t entry = kNoEntry;
    if (of_line(rule, line) == kYes && among(rule.items, line, entry) == kYes) out.push_back(row);
  }
  return out;
}

Rows Batch::visits_of(const SpotRule& rule, bool alone) {
  Rows out;
  bool some = false;
  for (const std::int32_t visit : visit_order) {
    const auto v = static_cast<std::size_t>(visit);
    if ((alone && current[v] == 0) || of_visit(rule, v, begin_day[v]) != kYes) continue;
    some = some || current[v] != 0;
    out.push_back(visit);
  }
  if (!some) return {};
  if (rule.items.among == SpotAmong::kAll) return out;
  std::vector<std::uint8_t> with(visits);
  for (const std::int32_t row : rows) {
    const auto line = static_cast<std::size_t>(row);
    std::int32_t entry = kNoEntry;
    if (may_be_among(rule.items, item[line]) && among(rule.items, line, entry) == kYes)
      with[static_cast<std::size_t>(line_visit[line])] = 1;
  }
  std::erase_if(out, [&](std::int32_t visit) { return with[static_cast<std::size_t>(visit)] == 0; });
  return out;
}

}  // namespace ybcore::checks::spot
