// Rules as mappings of numbers, texts and arrays (checks/run/spot_rules.py) into a book (ybcore/checks/spot.hpp).
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "ybcore/checks/spot.hpp"

namespace ybcore::bind {

namespace py = pybind11;

template <class T>
T value_of(const py::dict& from, const char* name, T otherwise) {
  return from.contains(name) ? from[name].cast<T>() : otherwise;
}

template <class T>
std::vector<T> column_of(const py::dict& from, const char* name) {
  if (!from.contains(name)) return {};
  const auto array = py::array_t < T, py::array::c_style | py::array::forcecast > ::ensure(from[name]);
  if (!array) throw py::error_already_set();
  return {array.data(), array.data() + array.size()};
}

inline std::vector<std::string> texts_in(const py::dict& from, const char* name) {
  return value_of<std::vector<std::string>>(from, name, {});
}

inline checks::SpotRows spot_rows(const py::dict& d) {
  return {column_of<std::int64_t>(d, "start"),
          column_of<std::int64_t>(d, "rows"),
          column_of<std::int32_t>(d, "from"),
          column_of<std::int32_t>(d, "to"),
          column_of<std::int32_t>(d, "region"),
          column_of<std::int32_t>(d, "level"),
          texts_in(d, "regions")};
}

inline checks::SpotTest spot_test(const py::dict& d) {
  return {value_of(d, "attribute", -1), value_of(d, "kinds", -1), texts_in(d, "prefixes")};
}

inline std::vector<checks::SpotTest> spot_tests(const py::dict& d) {
  std::vector<checks::SpotTest> out;
  for (const auto& one : value_of(d, "tests", py::list())) out.push_back(spot_test(one.cast<py::dict>()));
  return out;
}

inline checks::SpotScope spot_scope(const py::dict& d) {
  checks::SpotScope out{spot_tests(d), column_of<std::int32_t>(d, "lists"), {}, value_of(d, "of_lines", false)};
  for (const auto& one : value_of(d, "negated", py::list())) out.negated.push_back(spot_scope(one.cast<py::dict>()));
  return out;
}

inline checks::SpotItems spot_items(const py::dict& d) {
  return {static_cast<checks::SpotAmong>(value_of(d, "among", 0)),
          value_of(d, "mask", -1),
          value_of(d, "table", -1),
          texts_in(d, "prefixes"),
          column_of<std::uint8_t>(d, "classes"),
          -1};
}

inline void spot_windows(const py::dict& d, checks::SpotRule& rule) {
  for (const auto& one : value_of(d, "windows", py::list())) {
    const auto [span, n, through, peers] = one.cast<std::tuple<int, std::int32_t, bool, bool>>();
    rule.windows.push_back({static_cast<checks::Span>(span), n, through, peers});
  }
  for (const auto& one : value_of(d, "groups", py::list())) {
    const auto [group, reach] = one.cast<std::pair<int, std::int64_t>>();
    rule.groups.push_back({static_cast<checks::SpotGroup>(group), reach});
  }
  for (const auto& one : value_of(d, "countings", py::list())) {
    const auto [group, how, reach] = one.cast<std::tuple<std::string, int, std::int64_t>>();
    rule.countings.push_back({group, static_cast<checks::SpotHow>(how), reach});
  }
}

inline checks::SpotRule spot_rule(const py::dict& d) {
  checks::SpotRule r;
  r.id = d["id"].cast<std::string>();
  r.kernel = static_cast<checks::SpotKernel>(d["kernel"].cast<int>());
  r.form = static_cast<checks::SpotForm>(value_of(d, "form", 0));
  r.amount = static_cast<checks::SpotAmount>(value_of(d, "amount", 0));
  r.scope = value_of(d, "scope", -1);
  r.kinds = value_of(d, "kinds", -1);
  r.dated = value_of(d, "dated", false);
  r.never = value_of(d, "never", false);
  r.begin = value_of(d, "begin", 0);
  r.end = value_of(d, "end", 0);
  r.items = spot_items(value_of(d, "items", py::dict()));
  r.disposition = static_cast<std::uint8_t>(value_of(d, "disposition", 0));
  r.severity = value_of<std::int64_t>(d, "severity", 0);
  r.priority = value_of<std::int64_t>(d, "priority", 0);
  r.shadow = value_of(d, "shadow", false);
  r.apart = value_of(d, "apart", false);
  r.suspect = column_of<std::uint8_t>(d, "suspect");
  r.relations = column_of<std::int32_t>(d, "relations");
  r.figures = column_of<std::int64_t>(d, "figures");
  r.other = column_of<std::int64_t>(d, "other");
  r.figure = value_of<std::int64_t>(d, "figure", 0);
  r.more = value_of<std::int64_t>(d, "more", 0);
  r.factor = value_of<std::int64_t>(d, "factor", 0);
  r.comparator = static_cast<checks::Comparator>(value_of(d, "comparator", 0));
  r.tests = spot_tests(d);
  r.of_entry = column_of<std::int32_t>(d, "of_entry");
  r.words_of = column_of<std::int32_t>(d, "words_of");
  r.words = texts_in(d, "words");
  r.barred = value_of(d, "barred", false);
  r.flag = value_of(d, "flag", false);
  r.last_paid = value_of(d, "last_paid", false);
  r.count_denied = value_of(d, "count_denied", true);
  r.symmetric = value_of(d, "symmetric", false);
  r.on_lines = value_of(d, "on_lines", false);
  r.subject = static_cast<checks::SpotSubject>(value_of(d, "subject", 0));
  r.measure = static_cast<checks::SpotMeasure>(value_of(d, "measure", 0));
  r.main = column_of<std::int32_t>(d, "main");
  r.included = column_of<std::int32_t>(d, "included");
  r.main_text = texts_in(d, "main_text");
  r.included_text = texts_in(d, "included_text");
  spot_windows(d, r);
  r.thresholds = column_of<std::int64_t>(d, "thresholds");
  r.threshold_begin = column_of<std::int64_t>(d, "threshold_begin");
  r.severities = column_of<std::int64_t>(d, "severities");
  r.zones = column_of<std::int64_t>(d, "zones");
  r.columns = column_of<std::int32_t>(d, "columns");
  r.list = value_of(d, "list", -1);
  r.attribute = value_of(d, "attribute", -1);
  r.key = value_of(d, "key", -1);
  r.keyed = value_of(d, "keyed", -1);
  return r;
}

inline void add_texts(TextIndex& index, const std::vector<std::string>& texts) {
  std::vector<std::int64_t> offsets{0};
  std::string bytes;
  for (const std::string& text : texts) {
    bytes += text;
    offsets.push_back(static_cast<std::int64_t>(bytes.size()));
  }
  std::vector<std::int32_t> numbers(texts.size());
  index.add(Texts<std::int64_t>{offsets, bytes.data(), {}}, numbers);
}

inline checks::SpotPlaces spot_places(const py::dict& d) {
  checks::SpotPlaces out;
  add_texts(out.ids, texts_in(d, "ids"));
  out.start = column_of<std::int64_t>(d, "start");
  out.rows = column_of<std::int64_t>(d, "rows");
  out.begin = column_of<std::int32_t>(d, "begin");
  out.end = column_of<std::int32_t>(d, "end");
  for (const auto& one : value_of(d, "columns", py::list())) {
    const auto cells = one.cast<py::dict>();
    out.columns.push_back({column_of<std::int32_t>(cells, "code"), texts_in(cells, "text")});
  }
  return out;
}

inline void spot_book(const py::dict& d, checks::SpotBook& book) {
  for (const auto& one : d["columns"].cast<py::list>()) {
    const auto [table, name, way, group] = one.cast<std::tuple<int, std::string, int, std::int32_t>>();
    book.columns.push_back({static_cast<checks::SpotTable>(table), name, static_cast<checks::SpotWay>(way), group});
  }
  for (const auto& one : d["attributes"].cast<py::list>()) {
    const auto [meant, visits, persons, institutions, lines, otherwise] =
        one.cast<std::tuple<int, std::int32_t, std::int32_t, std::int32_t, std::int32_t, std::string>>();
    book.attributes.push_back({static_cast<checks::SpotMeant>(meant), visits, persons, institutions, lines, otherwise});
  }
  for (const auto& one : d["kinds"].cast<py::list>()) {
    const auto [names, prefixes] = one.cast<std::pair<std::vector<std::string>, std::vector<std::vector<std::string>>>>();
    book.kinds.push_back({names, prefixes});
  }
  for (const auto& one : d["scopes"].cast<py::list>()) book.scopes.push_back(spot_scope(one.cast<py::dict>()));
  for (const auto& one : d["lists"].cast<py::list>()) {
    const auto [match, codes] = one.cast<std::pair<int, std::vector<std::string>>>();
    book.lists.push_back({static_cast<checks::SpotMatch>(match), codes, {}});
  }
  for (checks::SpotList& list : book.lists) list.exact = {list.codes.begin(), list.codes.end()};
  for (const auto& one : d["masks"].cast<py::list>()) book.masks.push_back(column_of<std::uint8_t>(py::dict(py::arg("a") = one), "a"));
  for (const auto& one : d["tables"].cast<py::list>()) book.tables.push_back(spot_rows(one.cast<py::dict>()));
  for (const auto& one : d["keys"].cast<py::list>()) {
    const auto texts = one.cast<std::vector<std::string>>();
    book.keys.emplace_back(texts.begin(), texts.end());
  }
  for (const auto& one : d["rules"].cast<py::list>()) book.rules.push_back(spot_rule(one.cast<py::dict>()));
  add_texts(book.items, texts_in(d, "items"));
  book.catalogue_item = column_of<std::int32_t>(d, "catalogue_item");
  book.catalogue_rows = spot_rows(value_of(d, "catalogue_rows", py::dict()));
  book.catalogue_here = spot_rows(value_of(d, "catalogue_here", py::dict()));
  book.places = spot_places(value_of(d, "places", py::dict()));
  book.before = value_of(d, "before", true);
  book.make_sets();
}

}  // namespace ybcore::bind
