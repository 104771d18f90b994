// Days of times, bounds, dated rows by key.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "ybcore/join.hpp"

namespace ybcore::bind {
namespace {

using I32 = In<std::int32_t>;

template <class T>
py::tuple py_bounds(const In<T>& values, int threads) {
  const auto all = span_of(values);
  Bounds found;
  {
    py::gil_scoped_release release;
    found = bounds(all, threads);
  }
  return py::make_tuple(found.least, found.most);
}

py::tuple py_days(const In<std::int64_t>& micros) {
  py::array_t<std::int32_t> day(micros.size());
  const auto from = span_of(micros);
  const auto to = written(day);
  bool all = true;
  {
    py::gil_scoped_release release;
    all = days_of(from, to);
  }
  return py::make_tuple(day, all);
}

py::tuple py_rows(const I32& key, std::int64_t keys) {
  for (const std::int32_t k : span_of(key))
    if (k >= keys) throw std::invalid_argument("key is out of range");
  RowsByKey out = rows_by_key(span_of(key), static_cast<std::size_t>(keys));
  return py::make_tuple(owned(std::move(out.rows)), owned(std::move(out.start)));
}

py::array_t<std::int32_t> py_find(const In<std::int64_t>& start, const In<std::int64_t>& rows, const I32& begin, const I32& end,
                                  const std::optional<I32>& own, const I32& key, const I32& day, const std::optional<I32>& theirs,
                                  std::int32_t none, std::int32_t unknown) {
  const DatedRows table{span_of(start), span_of(rows), span_of(begin), span_of(end), span_of(own)};
  same_length(table.end.size(), table.begin.size(), "end");
  if (own) same_length(table.own.size(), table.begin.size(), "own");
  for (const std::int64_t row : table.rows)
    if (row < 0 || static_cast<std::size_t>(row) >= table.begin.size()) throw std::invalid_argument("rows is out of range");
  for (std::size_t k = 0; k < table.start.size(); ++k)
    if (table.start[k] < 0 || static_cast<std::size_t>(table.start[k]) > table.rows.size() ||
        (k > 0 && table.start[k] < table.start[k - 1]))
      throw std::invalid_argument("start is not sound");
  same_length(span_of(day).size(), span_of(key).size(), "day");
  if (theirs) same_length(span_of(theirs).size(), span_of(key).size(), "theirs");
  py::array_t<std::int32_t> out(key.size());
  const auto keys = span_of(key);
  const auto days = span_of(day);
  const auto wanted = span_of(theirs);
  const auto to = written(out);
  py::gil_scoped_release release;
  find_rows(table, keys, days, wanted, none, unknown, to);
  return out;
}

py::array_t<std::int32_t> py_earliest(const I32& group, const I32& day, std::int64_t groups) {
  const auto of = span_of(group);
  same_length(span_of(day).size(), of.size(), "day");
  for (const std::int32_t g : of)
    if (g >= groups) throw std::invalid_argument("group is out of range");
  py::array_t<std::int32_t> out(static_cast<py::ssize_t>(groups));
  earliest(of, span_of(day), written(out));
  return out;
}

}  // namespace

void bind_join(py::module_& m) {
  m.def(
      "rising", [](const In<std::int64_t>& values) { return rising(span_of(values)); }, py::arg("values").noconvert(),
      "True when every number is greater than the one before it.");
  m.def("bounds", &py_bounds<std::int64_t>, py::arg("values").noconvert(), py::arg("threads") = 1, "Least and greatest number.");
  m.def("bounds", &py_bounds<std::int32_t>, py::arg("values").noconvert(), py::arg("threads") = 1, "Least and greatest number.");
  m.def("days_of", &py_days, py::arg("micros").noconvert(), "(days of times, missing ones 0; whether none is missing).");
  m.def("rows_by_key", &py_rows, py::arg("key").noconvert(), py::arg("keys"), "(rows of each key in order, where each key's begin).");
  m.def("find_rows", &py_find, py::arg("start").noconvert(), py::arg("rows").noconvert(), py::arg("begin").noconvert(),
        py::arg("end").noconvert(), py::arg("own").noconvert(), py::arg("key").noconvert(), py::arg("day").noconvert(),
        py::arg("theirs").noconvert(), py::arg("none"), py::arg("unknown"), "Row that holds for each key and day.");
  m.def("earliest", &py_earliest, py::arg("group").noconvert(), py::arg("day").noconvert(), py::arg("groups"),
        "Least day of each group; INT32_MAX where there is none.");
}

}  // namespace ybcore::bind
