// Attribute classes into keys and combinations.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "ybcore/classify.hpp"
#include "ybcore/join.hpp"

namespace ybcore::bind {
namespace {

// Columns as dicts: sources (row, code, flag, place), fallback, ready, day, edges, number, classes.
py::tuple py_combine_classes(std::int64_t events, const py::list& columns, int threads) {
  std::vector<py::object> kept;
  // Many columns go by the same rows: what was looked at need not be looked at again.
  std::vector<std::pair<std::span<const std::int32_t>, std::int64_t>> greatest;
  const auto below = [&](std::span<const std::int32_t> numbers, std::size_t limit, const char* what) {
    if (numbers.empty()) return;
    auto at = std::find_if(greatest.begin(), greatest.end(),
                           [&](const auto& one) { return one.first.data() == numbers.data() && one.first.size() == numbers.size(); });
    if (at == greatest.end()) at = greatest.insert(at, {numbers, bounds(numbers, threads).most});
    if (at->second >= static_cast<std::int64_t>(limit)) throw std::invalid_argument(what);
  };
  const auto view = [&]<class T>(const py::handle& value, T) -> std::span<const T> {
    if (value.is_none()) return {};
    if (!In<T>::check_(value)) throw std::invalid_argument("a column of classes has the wrong type");
    const auto array = py::reinterpret_borrow<In<T>>(value);
    kept.push_back(array);
    return span_of(array);
  };
  const auto n = static_cast<std::size_t>(events);
  std::vector<ClassColumn> all;
  for (const py::handle& item : columns) {
    const auto d = py::reinterpret_borrow<py::dict>(item);
    ClassColumn& column = all.emplace_back();
    for (const py::handle& one : d["sources"]) {
      const auto t = py::reinterpret_borrow<py::tuple>(one);
      const ClassSource source{view(t[0], std::int32_t{}), view(t[1], std::int32_t{}), view(t[2], std::int8_t{}),
                               view(t[3], std::int32_t{})};
      const std::size_t rows = std::max(source.code.size(), source.flag.size());
      if (source.row.empty()) {
        same_length(rows, n, "code");
      } else {
        same_length(source.row.size(), n, "row");
        below(source.row, rows, "a row is out of range");
      }
      below(source.code, source.place.size(), "a code is out of range");
      for (const std::int8_t code : source.flag)
        if (code >= static_cast<std::int64_t>(source.place.size())) throw std::invalid_argument("a code is out of range");
      column.sources.push_back(source);
    }
    column.fallback = d["fallback"].cast<std::int32_t>();
    column.ready = view(d["ready"], std::int32_t{});
    column.day = view(d["day"], std::int32_t{});
    column.edges = view(d["edges"], std::int64_t{});
    column.number = view(d["number"], std::int64_t{});
    column.classes = d["classes"].cast<std::uint64_t>();
    if (!column.ready.empty()) same_length(column.ready.size(), n, "ready");
    if (!column.day.empty()) same_length(column.day.size(), n, "day");
    if (!column.number.empty()) same_length(column.number.size(), n, "number");
  }
  Combinations out;
  py::array_t<std::int32_t> of_event(static_cast<py::ssize_t>(n));
  {
    const auto to = written(of_event);
    py::gil_scoped_release release;
    out = combine(all, to, threads);
  }
  return py::make_tuple(of_event, owned(std::move(out.keys)), owned(std::move(out.first)));
}

py::array_t<std::int32_t> py_years(const In<std::int32_t>& birth, const In<std::int32_t>& day) {
  same_length(span_of(day).size(), span_of(birth).size(), "day");
  py::array_t<std::int32_t> years(birth.size());
  const auto from = span_of(birth);
  const auto to = span_of(day);
  const auto out = written(years);
  py::gil_scoped_release release;
  completed_years(from, to, out);
  return years;
}

}  // namespace

void bind_classify(py::module_& m) {
  m.def("combine_classes", &py_combine_classes, py::arg("events"), py::arg("columns"), py::arg("threads") = 1,
        "Combinations of classes of several attributes: (number of each event, key of each number, first event of each number). The first "
        "column is the most significant digit of a key.");
  m.def("completed_years", &py_years, py::arg("birth").noconvert(), py::arg("day").noconvert(),
        "Completed years between two dates; INT32_MIN for a missing one.");
}

}  // namespace ybcore::bind
