// Attribute classes into keys and combinations.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "ybcore/classify.hpp"

namespace ybcore::bind {
namespace {

py::tuple py_combine(const In<std::uint64_t>& key) {
  Combinations out;
  {
    const auto keys = span_of(key);
    py::gil_scoped_release release;
    out = combine(keys);
  }
  return py::make_tuple(owned(std::move(out.of_event)), owned(std::move(out.keys)), owned(std::move(out.first)));
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
  m.def("combine", &py_combine, py::arg("key").noconvert(),
        "Dense numbers of equal keys: (number of each, key of each number, first row of each number).");
  m.def("completed_years", &py_years, py::arg("birth").noconvert(), py::arg("day").noconvert(),
        "Completed years between two dates; INT32_MIN for a missing one.");
}

}  // namespace ybcore::bind
