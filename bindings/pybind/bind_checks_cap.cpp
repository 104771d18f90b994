// K05 couple, K06 bucket cap.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "checked.hpp"
#include "ybcore/checks/cap.hpp"
#include "ybcore/checks/couple.hpp"

namespace ybcore::bind {
namespace {

py::dict py_cap(const I64& person_begin, const Maybe<std::int64_t>& time, const std::string& cell, const Maybe<std::int32_t>& subject,
                const Maybe<std::int32_t>& cut, const Maybe<std::int32_t>& combine, const Maybe<std::int64_t>& value,
                const Maybe<std::int32_t>& entry, const Maybe<std::int64_t>& caps, std::int64_t cap, std::int64_t factor,
                const Maybe<std::int32_t>& stay_days, const std::string& comparator, bool last_paid, const Maybe<std::int32_t>& row_of,
                const Maybe<std::int32_t>& day, bool complete, int threads) {
  const std::size_t n = last_of(person_begin, "person_begin");
  if (row_of && (entry || !combine)) refuse("row_of", "is by combine, and stands in place of entry");
  if (cell == "within") refuse("cell", "within is no group of a cap");
  if (factor != 0) static_cast<void>(needed(stay_days, n, "stay_days"));
  const checks::CapEvents events{offsets_of(person_begin, n, "person_begin"),
                                 rows_of(time, n, "time"),
                                 rows_of(combine, n, "combine"),
                                 rows_of(value, n, "value"),
                                 caps && !row_of ? entries_of(entry, n, span_of(caps).size()) : rows_of(entry, n, "entry"),
                                 rows_of(stay_days, n, "stay_days"),
                                 within(span_of(row_of), checks::kEntryUnknown, caps ? caps->size() : INT32_MAX, "row_of"),
                                 rows_of(day, n, "day"),
                                 complete};
  const checks::CapRule rule{
      grouping_of(cell, subject, cut, 0, time, n, day && cell == "day"), span_of(caps), cap, factor, comparator_of(comparator), last_paid};
  // Without rows no event has one.
  if (row_of && row_of->size() == 0) return found_dict({});
  if (caps && rule.caps.empty() && !entry) return found_dict({});
  return found_by([&] { return checks::cap(events, rule, threads); });
}

checks::Where where_of(const std::string& name) {
  if (name == "visit") return checks::Where::kVisit;
  if (name == "day") return checks::Where::kDay;
  if (name == "history") return checks::Where::kHistory;
  refuse("where", "is none of visit, day, history");
}

checks::CoupleEvents side(const I64& person_begin, std::size_t n, const Maybe<std::int32_t>& visit, const Maybe<std::int32_t>& day,
                          const Maybe<std::int64_t>& order, const Maybe<std::int64_t>& quantity, const Maybe<std::int32_t>& self,
                          const checks::CoupleRule& rule, const char* whose) {
  const std::string name = whose;
  const bool by_visit = rule.where == checks::Where::kVisit;
  if (by_visit) static_cast<void>(needed(visit, n, (name + "visit").c_str()));
  if (!by_visit) static_cast<void>(needed(day, n, (name + "day").c_str()));
  if (rule.per > 0) static_cast<void>(needed(quantity, n, (name + "quantity").c_str()));
  return {offsets_of(person_begin, n, (name + "person_begin").c_str()),
          rows_of(visit, n, (name + "visit").c_str()),
          rows_of(day, n, (name + "day").c_str()),
          rows_of(order, n, (name + "order").c_str()),
          rows_of(quantity, n, (name + "quantity").c_str()),
          rows_of(self, n, (name + "self").c_str())};
}

py::dict py_couple(const I64& person_begin, const Maybe<std::int32_t>& entry, const Maybe<std::int32_t>& visit,
                   const Maybe<std::int32_t>& day, const Maybe<std::int64_t>& order, const Maybe<std::int64_t>& quantity,
                   const Maybe<std::int32_t>& self, const Maybe<std::uint8_t>& sure, const I64& partner_begin, const I32& partner_code,
                   const Maybe<std::int32_t>& partner_visit, const Maybe<std::int32_t>& partner_day,
                   const Maybe<std::int64_t>& partner_order, const Maybe<std::int64_t>& partner_quantity,
                   const Maybe<std::int32_t>& partner_self, const U64& sets, const I32& set, const std::string& where,
                   std::int32_t look_back_days, bool negate, std::int64_t units, std::int64_t per, int threads) {
  const std::size_t n = last_of(person_begin, "person_begin"), m = span_of(partner_code).size();
  const checks::CoupleRule rule{sets_of(sets), set_of(set, sets), where_of(where), look_back_days, negate, units, per};
  if (per < 0 || units < 0) refuse("per", "and units are not negative");
  if (per > 0 && rule.where == checks::Where::kHistory) refuse("where", "history counts no ratio");
  same_length(span_of(partner_begin).size(), span_of(person_begin).size(), "partner_begin");
  if (n + m > INT32_MAX) refuse("partner_code", "has too many rows");
  if (order.has_value() != partner_order.has_value()) refuse("partner_order", "and order belong together");
  if (self.has_value() != partner_self.has_value()) refuse("partner_self", "and self belong together");
  const checks::Triggers triggers{side(person_begin, n, visit, day, order, quantity, self, rule, ""), entries_of(entry, n, rule.set.size()),
                                  rows_of(sure, n, "sure")};
  const checks::Partners partners{
      side(partner_begin, m, partner_visit, partner_day, partner_order, partner_quantity, partner_self, rule, "partner_"),
      codes_of(partner_code, m, sets, "partner_code")};
  return found_by([&] { return checks::couple(triggers, partners, rule, threads); });
}

}  // namespace

void bind_checks_cap(py::module_& m) {
  m.def(
      "check_cap", &py_cap, py::arg("person_begin").noconvert(), py::arg("time").noconvert(), py::arg("cell"),
      py::arg("subject").noconvert(), py::arg("cut").noconvert(), py::arg("combine").noconvert(), py::arg("value").noconvert(),
      py::arg("entry").noconvert(), py::arg("caps").noconvert(), py::arg("cap") = 0, py::arg("factor") = 0,
      py::arg("stay_days").noconvert() = py::none(), py::kw_only(), py::arg("comparator"), py::arg("last_paid") = false,
      py::arg("row_of").noconvert() = py::none(), py::arg("day").noconvert() = py::none(), py::arg("complete") = false,
      py::arg("threads") = 1,
      "K06: sums of buckets against their caps. row_of: table row by combine code, in place of entry; day: of each line, in place of time "
      "where the cell is a day; complete: no line lacks what cuts groups.");
  m.def("check_couple", &py_couple, py::arg("person_begin").noconvert(), py::arg("entry").noconvert(), py::arg("visit").noconvert(),
        py::arg("day").noconvert(), py::arg("order").noconvert(), py::arg("quantity").noconvert(), py::arg("self").noconvert(),
        py::arg("sure").noconvert(), py::arg("partner_begin").noconvert(), py::arg("partner_code").noconvert(),
        py::arg("partner_visit").noconvert(), py::arg("partner_day").noconvert(), py::arg("partner_order").noconvert(),
        py::arg("partner_quantity").noconvert(), py::arg("partner_self").noconvert(), py::arg("sets").noconvert(),
        py::arg("set").noconvert(), py::arg("where"), py::arg("look_back_days") = -1, py::arg("negate") = false, py::arg("units") = 0,
        py::arg("per") = 0, py::arg("threads") = 1, "K05: triggers without their partner; partner p is event triggers + p.");
}

}  // namespace ybcore::bind
