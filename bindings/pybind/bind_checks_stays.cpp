// K08, K09: gaps between stays, and intervals.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "checked.hpp"
#include "ybcore/checks/gap.hpp"
#include "ybcore/checks/span.hpp"

namespace ybcore::bind {
namespace {

std::size_t rows_in(const I64& array) { return static_cast<std::size_t>(array.size()); }

// I32 and hours that times can be held against without leaving 64 bits.
std::int64_t limit(std::int64_t value, const char* what) {
  if (value < 0 || value > 100'000'000) refuse(what, "is out of range");
  return value;
}

// Times before the year 9999 or missing, and after the year -9999.
std::span<const std::int64_t> times(std::span<const std::int64_t> all, const char* what) {
  constexpr std::int64_t far = 400'000'000'000'000'000;
  for (const std::int64_t time : all)
    if (time != checks::kUnknown && (time < -far || time > far)) refuse(what, "is out of range");
  return all;
}

py::dict py_gap(const I64& begin, const I64& start, const I64& end, const Maybe<std::uint8_t>& exempt, const Maybe<std::int32_t>& from,
                const std::string& compared, const I64& zones, bool overlap, int threads) {
  const std::size_t rows = rows_in(start);
  const checks::Stays stays{offsets_of(begin, rows), times(span_of(start), "start"), times(rows_of(end, rows, "end"), "end"),
                            rows_of(exempt, rows, "exempt"), rows_of(from, rows, "from_stay")};
  const checks::GapRule rule{comparator_of(compared), span_of(zones), overlap};
  return found_by([&] { return checks::gap(stays, rule, threads); });
}

py::dict py_line_in_stay(const I64& time, const I32& stay, const I64& start, const I64& end, std::int64_t before, std::int64_t after,
                         int threads) {
  const checks::LinesInStays lines{times(span_of(time), "time"), within(rows_of(stay, rows_in(time), "stay"), -1, start.size(), "stay"),
                                   times(span_of(start), "start"), times(rows_of(end, rows_in(start), "end"), "end")};
  limit(before, "grace_before"), limit(after, "grace_after");
  return found_by([&] { return checks::line_in_stay(lines, before, after, threads); });
}

py::dict py_overlap(const I64& begin, const I64& start, const I64& end, const I32& stay, const I32& kind, const U8& looked_at,
                    std::int32_t kinds, std::int64_t grace, int threads) {
  const std::size_t rows = rows_in(start);
  if (kinds < 1 || kinds > 1000) refuse("kinds", "is out of range");
  const auto squared = static_cast<std::size_t>(kinds) * static_cast<std::size_t>(kinds);
  const checks::Meeting stays{offsets_of(begin, rows),
                              times(span_of(start), "start"),
                              times(rows_of(end, rows, "end"), "end"),
                              rows_of(stay, rows, "stay"),
                              within(rows_of(kind, rows, "kind"), -1, kinds, "kind"),
                              rows_of(looked_at, squared, "looked_at"),
                              kinds};
  limit(grace, "grace");
  return found_by([&] { return checks::overlap(stays, grace, threads); });
}

py::dict py_around(const I64& time, const I32& visit, const I64& operation_begin, const I64& operation, std::int64_t before,
                   std::int64_t after, int threads) {
  const checks::AroundOperations lines{
      times(span_of(time), "time"), within(rows_of(visit, rows_in(time), "visit"), -1, operation_begin.size() - 1, "visit"),
      offsets_of(operation_begin, rows_in(operation), "operation_begin"), times(span_of(operation), "operation")};
  limit(before, "before_hours"), limit(after, "after_hours");
  return found_by([&] { return checks::around_operation(lines, before, after, threads); });
}

py::dict py_after_death(const I64& begin, const I64& time, const I64& death, std::int64_t grace, int threads) {
  const auto groups = offsets_of(begin, rows_in(time));
  const checks::AfterDeath rows{groups, times(span_of(time), "time"), times(rows_of(death, groups.size() - 1, "death"), "death")};
  limit(grace, "grace");
  return found_by([&] { return checks::after_death(rows, grace, threads); });
}

py::dict py_idle(const I64& start, const I64& end, const I64& begin, const I64& time, std::int64_t most, int threads) {
  same_length(rows_in(begin), rows_in(start) + 1, "begin");
  const checks::IdleStays stays{times(span_of(start), "start"), times(rows_of(end, rows_in(start), "end"), "end"),
                                offsets_of(begin, rows_in(time)), times(span_of(time), "time")};
  limit(most, "most");
  return found_by([&] { return checks::idle(stays, most, threads); });
}

py::dict py_before_admission(const I64& begin, const I64& start, const I64& end, const U8& role, std::int64_t days, int threads) {
  const std::size_t rows = rows_in(start);
  const checks::BeforeAdmission visits{offsets_of(begin, rows), times(span_of(start), "start"), times(rows_of(end, rows, "end"), "end"),
                                       rows_of(role, rows, "role")};
  limit(days, "days");
  return found_by([&] { return checks::before_admission(visits, days, threads); });
}

py::dict py_unsettled(const I64& end, const I64& settled, std::int64_t days, int threads) {
  const auto ends = times(span_of(end), "end"), settles = times(rows_of(settled, rows_in(end), "settled"), "settled");
  limit(days, "days");
  return found_by([&] { return checks::unsettled(ends, settles, days, threads); });
}

}  // namespace

void bind_checks_stays(py::module_& m) {
  m.def("check_gap", &py_gap, py::arg("begin").noconvert(), py::arg("start").noconvert(), py::arg("end").noconvert(),
        py::arg("exempt").noconvert(), py::arg("from_stay").noconvert(), py::arg("comparator"), py::arg("zones").noconvert(),
        py::arg("overlap") = false, py::arg("threads") = 1, "K08: days between a stay and the one before it.");
  m.def("check_line_in_stay", &py_line_in_stay, py::arg("time").noconvert(), py::arg("stay").noconvert(), py::arg("start").noconvert(),
        py::arg("end").noconvert(), py::arg("grace_before") = 0, py::arg("grace_after") = 0, py::arg("threads") = 1,
        "K09: lines outside their stay.");
  m.def("check_overlap", &py_overlap, py::arg("begin").noconvert(), py::arg("start").noconvert(), py::arg("end").noconvert(),
        py::arg("stay").noconvert(), py::arg("kind").noconvert(), py::arg("looked_at").noconvert(), py::arg("kinds"), py::arg("grace") = 0,
        py::arg("threads") = 1, "K09: stays of a person that share nights.");
  m.def("check_around_operation", &py_around, py::arg("time").noconvert(), py::arg("visit").noconvert(),
        py::arg("operation_begin").noconvert(), py::arg("operation").noconvert(), py::arg("before_hours"), py::arg("after_hours"),
        py::arg("threads") = 1, "K09: lines with no operation near them.");
  m.def("check_after_death", &py_after_death, py::arg("begin").noconvert(), py::arg("time").noconvert(), py::arg("death").noconvert(),
        py::arg("grace") = 0, py::arg("threads") = 1, "K09: rows later than a death.");
  m.def("check_idle", &py_idle, py::arg("start").noconvert(), py::arg("end").noconvert(), py::arg("begin").noconvert(),
        py::arg("time").noconvert(), py::arg("most"), py::arg("threads") = 1, "K09: stays with days on which nothing happens.");
  m.def("check_before_admission", &py_before_admission, py::arg("begin").noconvert(), py::arg("start").noconvert(),
        py::arg("end").noconvert(), py::arg("role").noconvert(), py::arg("days"), py::arg("threads") = 1,
        "K09: visits that belong to the stay that follows.");
  m.def("check_unsettled", &py_unsettled, py::arg("end").noconvert(), py::arg("settled").noconvert(), py::arg("days"),
        py::arg("threads") = 1, "K09: visits settled late.");
}

}  // namespace ybcore::bind
