// Groups, order, and lines brought together by visit.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "ybcore/order.hpp"

namespace ybcore::bind {
namespace {

py::tuple py_connect(std::int64_t persons, const In<std::int32_t>& left, const In<std::int32_t>& right) {
  same_length(span_of(right).size(), span_of(left).size(), "right");
  if (persons > INT32_MAX) throw std::invalid_argument("persons are more than can be numbered");
  below(span_of(left), persons, "left");
  below(span_of(right), persons, "right");
  Groups groups;
  {
    const auto a = span_of(left);
    const auto b = span_of(right);
    py::gil_scoped_release release;
    groups = connect(static_cast<std::size_t>(persons), a, b);
  }
  return py::make_tuple(owned(std::move(groups.of_person)), groups.count);
}

py::tuple py_order(const In<std::int32_t>& group, std::int32_t groups, const In<std::int64_t>& first,
                   const std::optional<In<std::int64_t>>& second, const std::optional<In<std::int64_t>>& numbers,
                   const std::optional<In<std::int64_t>>& offsets, const std::optional<In<std::uint8_t>>& bytes) {
  same_length(span_of(first).size(), span_of(group).size(), "first");
  if (second) same_length(span_of(second).size(), span_of(group).size(), "second");
  below(span_of(group), groups, "group");
  if (numbers) same_length(span_of(numbers).size(), span_of(group).size(), "numbers");
  if (offsets) {
    same_length(span_of(offsets).size(), span_of(group).size() + 1, "offsets");
    rising_to(span_of(offsets), bytes ? static_cast<std::size_t>(bytes->size()) : 0, "offsets");
  }
  const TieIds ids{span_of(numbers), span_of(offsets), bytes ? reinterpret_cast<const char*>(bytes->data()) : nullptr};
  Order order;
  {
    const auto by_group = span_of(group);
    const auto one = span_of(first);
    const auto two = span_of(second);
    py::gil_scoped_release release;
    order = order_rows(by_group, groups, one, two, ids);
  }
  return py::make_tuple(owned(std::move(order.rows)), owned(std::move(order.group_begin)), order.was_ordered);
}

py::tuple py_group_lines(const In<std::int32_t>& run_visit, const In<std::int64_t>& run_end, std::int64_t visits) {
  same_length(span_of(run_end).size(), span_of(run_visit).size(), "run_end");
  below(span_of(run_visit), visits, "run_visit");
  if (run_end.size() != 0) rising_to(span_of(run_end), INT64_MAX, "run_end");
  LineGroups lines;
  {
    const auto visit = span_of(run_visit);
    const auto end = span_of(run_end);
    py::gil_scoped_release release;
    lines = group_lines(visit, end, static_cast<std::size_t>(visits));
  }
  return py::make_tuple(owned(std::move(lines.begin)), owned(std::move(lines.row)));
}

}  // namespace

void bind_order(py::module_& m) {
  m.def("connect", &py_connect, py::arg("persons"), py::arg("left").noconvert(), py::arg("right").noconvert(),
        "Connected persons: (group of each person, number of groups).");
  m.def("order_rows", &py_order, py::arg("group").noconvert(), py::arg("groups"), py::arg("first").noconvert(),
        py::arg("second").noconvert(), py::arg("numbers").noconvert(), py::arg("offsets").noconvert(), py::arg("bytes").noconvert(),
        "Settling order: (rows, group_begin, whether the rows were ordered).");
  m.def("group_lines", &py_group_lines, py::arg("run_visit").noconvert(), py::arg("run_end").noconvert(), py::arg("visits"),
        "Lines by visit: (begin of each visit, stable permutation or empty).");
}

}  // namespace ybcore::bind
