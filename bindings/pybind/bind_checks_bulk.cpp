// What all rules share in bulk: events put together by keys, sums by key, names of findings.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <climits>
#include <vector>

#include "checked.hpp"
#include "ybcore/checks/names.hpp"
#include "ybcore/checks/regroup.hpp"

namespace ybcore::bind {
namespace {

py::tuple py_regroup(const I64& begin, const std::vector<I32>& keys, int threads) {
  if (keys.empty() || keys.size() > 3) refuse("keys", "are not one to three");
  const std::size_t events = last_of(begin, "begin");
  const auto runs = offsets_of(begin, static_cast<std::int64_t>(events), "begin");
  std::vector<std::span<const std::int32_t>> of;
  for (const I32& key : keys) of.push_back(rows_of(key, events, "key"));
  checks::Regrouped found;
  {
    py::gil_scoped_release release;
    found = checks::regroup(runs, of, threads);
  }
  return py::make_tuple(owned(std::move(found.order)), owned(std::move(found.begin)));
}

py::array_t<std::int64_t> py_tally(const I32& key, const Maybe<std::int64_t>& value, std::int64_t size) {
  if (size < 0) refuse("size", "is negative");
  const auto of = within(span_of(key), -1, size, "key");
  const auto values = rows_of(value, of.size(), "value");
  auto sums = filled<std::int64_t>(static_cast<std::size_t>(size), 0);
  const auto to = written(sums);
  py::gil_scoped_release release;
  checks::tally(of, values, to);
  return sums;
}

// Offsets that rise from 0 on, inside the bytes.
checks::Texts texts_in(const I64& offsets, const U8& bytes, std::size_t texts, const char* what) {
  const auto at = rows_of(offsets, texts + 1, what);
  bool sound = at.front() >= 0 && at.back() <= bytes.size();
  for (std::size_t k = 1; sound && k < at.size(); ++k) sound = at[k - 1] <= at[k];
  if (!sound) refuse(what, "is not sound");
  return {at, reinterpret_cast<const char*>(bytes.data())};
}

std::size_t texts_of(const I64& offsets, const char* what) {
  if (offsets.size() == 0) refuse(what, "is not sound");
  return static_cast<std::size_t>(offsets.size()) - 1;
}

py::array_t<std::uint8_t> py_names(const I64& rules, const U8& rule_bytes, const I32& rule, const I64& what, const U8& what_bytes,
                                   const I64& begin, const I64& own, const I64& rows, const U8& row_bytes, int threads) {
  const std::size_t findings = span_of(rule).size(), names = texts_of(rows, "rows");
  same_length(span_of(own).size(), findings + 1, "own");
  const checks::NamedFindings all{texts_in(rules, rule_bytes, texts_of(rules, "rules"), "rules"),
                                  within(span_of(rule), 0, static_cast<std::int64_t>(texts_of(rules, "rules")), "rule"),
                                  texts_in(what, what_bytes, findings, "what"),
                                  rows_of(begin, findings, "begin"),
                                  offsets_of(own, static_cast<std::int64_t>(names), "own"),
                                  texts_in(rows, row_bytes, names, "rows")};
  py::array_t<std::uint8_t> out = lent<std::uint8_t>(findings * checks::kNameSize);
  const auto to = written(out);
  py::gil_scoped_release release;
  checks::names_of(all, {reinterpret_cast<char*>(to.data()), to.size()}, threads);
  return out;
}

}  // namespace

void bind_checks_bulk(py::module_& m) {
  m.def("check_regroup", &py_regroup, py::arg("begin").noconvert(), py::arg("keys").noconvert(), py::arg("threads") = 1,
        "Events of runs by one to three keys: (order, where groups begin).");
  m.def("check_tally", &py_tally, py::arg("key").noconvert(), py::arg("value").noconvert(), py::arg("size"),
        "Sum of values (None: how many) by key; -1 is left out.");
  m.def("check_names", &py_names, py::arg("rules").noconvert(), py::arg("rule_bytes").noconvert(), py::arg("rule").noconvert(),
        py::arg("what").noconvert(), py::arg("what_bytes").noconvert(), py::arg("begin").noconvert(), py::arg("own").noconvert(),
        py::arg("rows").noconvert(), py::arg("row_bytes").noconvert(), py::arg("threads") = 1, "Names of findings, 20 bytes each.");
}

}  // namespace ybcore::bind
