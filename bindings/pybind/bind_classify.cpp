// Attribute classes into keys and combinations.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "ybcore/classify.hpp"

namespace ybcore::bind {
namespace {

using Codes = std::optional<In<std::int32_t>>;
using Rows = std::optional<In<std::int64_t>>;
using Classes = std::optional<In<std::uint16_t>>;

void py_add_classes(py::array_t<std::uint64_t>& key, const Codes& own, const Rows& own_row, const Classes& own_class, const Codes& joined,
                    const Rows& joined_row, const Classes& joined_class, std::uint16_t missing, std::uint32_t count) {
  const AttributeClasses attribute{
      span_of(own), span_of(own_row), span_of(own_class), span_of(joined), span_of(joined_row), span_of(joined_class), missing, count};
  const auto keys = written(key);
  if (own && !own_row) same_length(attribute.own.size(), keys.size(), "own");
  if (own_row) same_length(attribute.own_row.size(), keys.size(), "own_row");
  if (joined) same_length(attribute.joined_row.size(), keys.size(), "joined_row");
  py::gil_scoped_release release;
  add_classes(attribute, keys, 0, keys.size());
}

void py_add_numbers(py::array_t<std::uint64_t>& key, const In<std::int32_t>& value, const In<std::int32_t>& edges) {
  const NumberClasses attribute{span_of(value), span_of(edges)};
  const auto keys = written(key);
  same_length(attribute.value.size(), keys.size(), "value");
  py::gil_scoped_release release;
  add_numbers(attribute, keys, 0, keys.size());
}

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
  m.def("add_classes", &py_add_classes, py::arg("key").noconvert(), py::arg("own").noconvert() = py::none(),
        py::arg("own_row").noconvert() = py::none(), py::arg("own_class").noconvert() = py::none(),
        py::arg("joined").noconvert() = py::none(), py::arg("joined_row").noconvert() = py::none(),
        py::arg("joined_class").noconvert() = py::none(), py::arg("missing"), py::arg("count"),
        "key = key * count + class of a code attribute, in place.");
  m.def("add_numbers", &py_add_numbers, py::arg("key").noconvert(), py::arg("value").noconvert(), py::arg("edges").noconvert(),
        "key = key * (edges + 2) + class of a number, in place.");
  m.def("combine", &py_combine, py::arg("key").noconvert(),
        "Dense numbers of equal keys: (number of each, key of each number, first row of each number).");
  m.def("completed_years", &py_years, py::arg("birth").noconvert(), py::arg("day").noconvert(),
        "Completed years between two dates; INT32_MIN for a missing one.");
}

}  // namespace ybcore::bind
