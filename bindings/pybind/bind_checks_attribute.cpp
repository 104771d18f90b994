// K01 attribute, K02 diagnosis set, K03 price ceiling.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "checked.hpp"
#include "ybcore/checks/attribute.hpp"
#include "ybcore/checks/diagnoses.hpp"
#include "ybcore/checks/price_ceiling.hpp"

namespace ybcore::bind {
namespace {

py::dict py_attribute(const Maybe<std::int32_t>& entry, const I32& code, const U64& sets, const I32& set, bool barred, int threads) {
  const auto rows = entries_of(entry, span_of(code).size(), span_of(set).size());
  const checks::CodeRule rule{sets_of(sets), set_of(set, sets), barred};
  const auto codes = codes_of(code, span_of(code).size(), sets, "code");
  return found_by([&] { return checks::attribute(rows, codes, rule, threads); });
}

py::dict py_age(const Maybe<std::int32_t>& entry, const I32& birth, const I32& day, const U8& unit, const U8& comparator, const I64& value,
                int threads) {
  const std::size_t n = span_of(birth).size(), table = span_of(value).size();
  const auto rows = entries_of(entry, n, table);
  const auto days = rows_of(day, n, "day");
  const auto units = within(rows_of(unit, table, "unit"), 0, 3, "unit");
  const auto comparators = within(rows_of(comparator, table, "comparator"), 0, 4, "comparator");
  // The enumerations are bytes with these very values.
  const checks::AgeRule rule{{reinterpret_cast<const checks::AgeUnit*>(units.data()), table},
                             {reinterpret_cast<const checks::Comparator*>(comparators.data()), table},
                             span_of(value)};
  const auto births = span_of(birth);
  return found_by([&] { return checks::age(rows, births, days, rule, threads); });
}

py::dict py_listed(const I32& entry, int threads) {
  const auto rows = within(span_of(entry), checks::kEntryUnknown, INT32_MAX, "entry");
  return found_by([&] { return checks::listed(rows, threads); });
}

py::dict py_price(const Maybe<std::int32_t>& entry, const I64& price, const I64& quantity, const I64& ceiling, std::int64_t tolerance,
                  int threads) {
  const std::size_t n = span_of(price).size();
  const auto rows = entries_of(entry, n, span_of(ceiling).size());
  const auto quantities = rows_of(quantity, n, "quantity");
  if (tolerance < 0) refuse("tolerance", "is negative");
  const auto prices = span_of(price), ceilings = span_of(ceiling);
  return found_by([&] { return checks::price_ceiling(rows, prices, quantities, ceilings, tolerance, threads); });
}

// Diagnoses of visits and the numbering of visits that look-back and tests go by.
checks::VisitDiagnoses diagnoses_of(const I64& begin, const I32& code, const Maybe<std::uint8_t>& main,
                                    const Maybe<std::int32_t>& visit_person, const Maybe<std::int32_t>& visit_day, const U64& sets,
                                    const checks::DiagnosisRule& rule, bool tested) {
  const std::size_t rows = span_of(code).size();
  checks::VisitDiagnoses out{
      offsets_of(begin, code.size(), "begin"), codes_of(code, rows, sets, "code"), rows_of(main, rows, "main"), {}, {}};
  const std::size_t visits = out.begin.size() - 1;
  if (rule.main_only) static_cast<void>(needed(main, rows, "main"));
  const bool back = rule.look_back_days >= 0;
  if (back || tested) out.visit_person = within(needed(visit_person, visits, "visit_person"), -1, INT32_MAX, "visit_person");
  if (back) out.visit_day = needed(visit_day, visits, "visit_day");
  return out;
}

checks::Tests tests_of(const Maybe<std::int64_t>& begin, const Maybe<std::int64_t>& time, const Maybe<std::int64_t>& value,
                       const std::string& comparator, std::int64_t limit, std::int32_t look_back_days,
                       std::span<const std::int32_t> visit_person) {
  checks::Tests tests;
  if (!begin) return tests;
  if (!time || !value) refuse("test_time", "and test_value are needed");
  tests.begin = offsets_of(*begin, time->size(), "test_begin");
  tests.time = span_of(*time);
  tests.value = rows_of(*value, tests.time.size(), "test_value");
  static_cast<void>(within(visit_person, -1, begin->size() - 1, "visit_person"));
  tests.comparator = comparator_of(comparator);
  tests.limit = limit;
  tests.look_back_days = look_back_days;
  return tests;
}

py::dict py_diagnoses(const Maybe<std::int32_t>& entry, const I32& visit, const Maybe<std::int32_t>& day, const Maybe<std::int64_t>& time,
                      const I64& begin, const I32& code, const Maybe<std::uint8_t>& main, const Maybe<std::int32_t>& visit_person,
                      const Maybe<std::int32_t>& visit_day, const Maybe<std::int64_t>& test_begin, const Maybe<std::int64_t>& test_time,
                      const Maybe<std::int64_t>& test_value, const std::string& test_comparator, std::int64_t test_limit,
                      std::int32_t test_look_back_days, const U64& sets, const Maybe<std::int32_t>& set, bool main_only,
                      std::int32_t look_back_days, bool any_leaf, bool negate, int threads) {
  const std::size_t n = span_of(visit).size();
  if (!set && !test_begin) refuse("set", "is needed where there is no test");
  const checks::DiagnosisRule rule{
      sets_of(sets), set ? set_of(*set, sets) : std::span<const std::int32_t>{}, main_only, look_back_days, any_leaf, negate};
  const auto visits = diagnoses_of(begin, code, main, visit_person, visit_day, sets, rule, test_begin.has_value());
  const auto tests = tests_of(test_begin, test_time, test_value, test_comparator, test_limit, test_look_back_days, visits.visit_person);
  checks::DiagnosisEvents events{set ? entries_of(entry, n, rule.set.size()) : rows_of(entry, n, "entry"),
                                 within(span_of(visit), -1, begin.size() - 1, "visit"), rows_of(day, n, "day"), rows_of(time, n, "time")};
  if (set && look_back_days >= 0) static_cast<void>(needed(day, n, "day"));
  if (test_begin) static_cast<void>(needed(time, n, "time"));
  // A list of no row says the same of every event.
  if (set && rule.set.empty()) return found_dict({});
  return found_by([&] { return checks::diagnoses(events, visits, tests, rule, threads); });
}

}  // namespace

void bind_checks_attribute(py::module_& m) {
  m.def("check_attribute", &py_attribute, py::arg("entry").noconvert(), py::arg("code").noconvert(), py::arg("sets").noconvert(),
        py::arg("set").noconvert(), py::arg("barred"), py::arg("threads") = 1, "K01: codes against the sets that are allowed or barred.");
  m.def("check_age", &py_age, py::arg("entry").noconvert(), py::arg("birth").noconvert(), py::arg("day").noconvert(),
        py::arg("unit").noconvert(), py::arg("comparator").noconvert(), py::arg("value").noconvert(), py::arg("threads") = 1,
        "K01: completed ages; unit 0 days, 1 months, 2 years; comparator 0 more than, 1 at least, 2 less than, 3 at most.");
  m.def("check_listed", &py_listed, py::arg("entry").noconvert(), py::arg("threads") = 1, "K01: events that have a table row.");
  m.def("check_price_ceiling", &py_price, py::arg("entry").noconvert(), py::arg("price").noconvert(), py::arg("quantity").noconvert(),
        py::arg("ceiling").noconvert(), py::arg("tolerance"), py::arg("threads") = 1, "K03: prices above their ceiling and tolerance.");
  m.def("check_diagnoses", &py_diagnoses, py::arg("entry").noconvert(), py::arg("visit").noconvert(), py::arg("day").noconvert(),
        py::arg("time").noconvert(), py::arg("begin").noconvert(), py::arg("code").noconvert(), py::arg("main").noconvert() = py::none(),
        py::arg("visit_person").noconvert() = py::none(), py::arg("visit_day").noconvert() = py::none(),
        py::arg("test_begin").noconvert() = py::none(), py::arg("test_time").noconvert() = py::none(),
        py::arg("test_value").noconvert() = py::none(), py::arg("test_comparator") = "more_than", py::arg("test_limit") = 0,
        py::arg("test_look_back_days") = -1, py::kw_only(), py::arg("sets").noconvert(), py::arg("set").noconvert(),
        py::arg("main_only") = false, py::arg("look_back_days") = -1, py::arg("any_leaf") = false, py::arg("negate") = false,
        py::arg("threads") = 1, "K02: events whose diagnoses or tests do not fulfil the condition.");
}

}  // namespace ybcore::bind
