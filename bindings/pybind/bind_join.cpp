// Days of times, bounds, dated rows by key.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "ybcore/join.hpp"

namespace ybcore::bind {
namespace {

using I32 = In<std::int32_t>;

template <class T>
using Finder = Bounds (*)(std::span<const T>, int);

template <class T, Finder<T> find>
py::tuple py_bounds(const In<T>& values, int threads) {
  const auto all = span_of(values);
  Bounds found;
  {
    py::gil_scoped_release release;
    found = find(all, threads);
  }
  return py::make_tuple(found.least, found.most);
}

bool py_rising(const In<std::int64_t>& values, int threads) {
  const auto all = span_of(values);
  py::gil_scoped_release release;
  return rising(all, threads);
}

py::tuple py_days(const In<std::int64_t>& micros, int threads) {
  py::array_t<std::int32_t> day(micros.size());
  const auto from = span_of(micros);
  const auto to = written(day);
  bool all = true;
  {
    py::gil_scoped_release release;
    all = days_of(from, to, threads);
  }
  return py::make_tuple(day, all);
}

template <class Value, class Index>
py::array_t<Value> py_taken(const In<Value>& table, const In<Index>& index, int threads) {
  py::array_t<Value> out(index.size());
  const auto from = span_of(table);
  const auto at = span_of(index);
  const auto to = written(out);
  bool all = false;
  {
    py::gil_scoped_release release;
    all = taken(from, at, to, threads);
  }
  if (!all) throw py::index_error("an index is beyond the table");
  return out;
}

template <class Value>
py::array_t<Value> py_taken_of(const In<Value>& table, const I32& of, const I32& row, int threads) {
  py::array_t<Value> out(row.size());
  const auto from = span_of(table);
  const auto by = span_of(of), at = span_of(row);
  const auto to = written(out);
  bool all = false;
  {
    py::gil_scoped_release release;
    all = taken_of(from, by, at, to, threads);
  }
  if (!all) throw py::index_error("a row or an index is beyond the table");
  return out;
}

std::optional<py::array_t<std::int32_t>> py_sole(const I32& key, std::int64_t keys, std::int32_t unknown) {
  below(span_of(key), keys, "key");
  auto row = filled<std::int32_t>(static_cast<std::size_t>(keys) + 1, unknown);
  if (unknown >= 0 || !sole_rows(span_of(key), written(row))) return std::nullopt;
  return row;
}

py::tuple py_rows(const I32& key, std::int64_t keys) {
  below(span_of(key), keys, "key");
  RowsByKey out = rows_by_key(span_of(key), static_cast<std::size_t>(keys));
  return py::make_tuple(owned(std::move(out.rows)), owned(std::move(out.start)));
}

void sound(const DatedRows& table, std::size_t key) {
  const std::int64_t from = table.start[key], to = table.start[key + 1];
  if (from < 0 || to < from || static_cast<std::size_t>(to) > table.rows.size()) throw std::invalid_argument("start is not sound");
  for (auto at = static_cast<std::size_t>(from); at < static_cast<std::size_t>(to); ++at)
    if (table.rows[at] < 0 || static_cast<std::size_t>(table.rows[at]) >= table.begin.size())
      throw std::invalid_argument("rows is out of range");
}

// Of a table that is far longer than the rows that ask, only what they read is looked at.
void sound(const DatedRows& table, std::span<const std::int32_t> asked) {
  const std::size_t keys = table.start.empty() ? 0 : table.start.size() - 1;
  if (asked.size() < keys / 4) {
    for (const std::int32_t key : asked)
      if (key >= 0 && static_cast<std::size_t>(key) < keys) sound(table, static_cast<std::size_t>(key));
  } else {
    for (std::size_t key = 0; key < keys; ++key) sound(table, key);
  }
}

py::array_t<std::int32_t> py_find(const In<std::int64_t>& start, const In<std::int64_t>& rows, const I32& begin, const I32& end,
                                  const std::optional<I32>& own, const I32& key, const I32& day, const std::optional<I32>& theirs,
                                  std::int32_t none, std::int32_t unknown, int threads) {
  const DatedRows table{span_of(start), span_of(rows), span_of(begin), span_of(end), span_of(own)};
  same_length(table.end.size(), table.begin.size(), "end");
  if (own) same_length(table.own.size(), table.begin.size(), "own");
  sound(table, span_of(key));
  same_length(span_of(day).size(), span_of(key).size(), "day");
  if (theirs) same_length(span_of(theirs).size(), span_of(key).size(), "theirs");
  py::array_t<std::int32_t> out(key.size());
  const auto keys = span_of(key);
  const auto days = span_of(day);
  const auto wanted = span_of(theirs);
  const auto to = written(out);
  py::gil_scoped_release release;
  find_rows(table, keys, days, wanted, none, unknown, to, threads);
  return out;
}

py::array_t<std::int32_t> py_earliest(const I32& group, const I32& day, std::int64_t groups, int threads) {
  const auto of = span_of(group);
  const auto days = span_of(day);
  same_length(days.size(), of.size(), "day");
  below(of, groups, "group");
  py::array_t<std::int32_t> out(static_cast<py::ssize_t>(groups));
  const auto to = written(out);
  py::gil_scoped_release release;
  earliest(of, days, to, threads);
  return out;
}

template <class T>
void bind_bounds(py::module_& m) {
  m.def("bounds", &py_bounds<T, bounds>, py::arg("values").noconvert(), py::arg("threads") = 1, "Least and greatest number.");
  m.def("rough_bounds", &py_bounds<T, rough_bounds>, py::arg("values").noconvert(), py::arg("threads") = 1,
        "Numbers that none lies outside of, a power of two at most from the least and the greatest.");
}

template <class Value, class Index>
void bind_taken(py::module_& m) {
  m.def("taken", &py_taken<Value, Index>, py::arg("table").noconvert(), py::arg("index").noconvert(), py::arg("threads") = 1,
        "table[index] of every row, the last of the table for -1.");
}

template <class Value>
void bind_taken_of(py::module_& m) {
  m.def("taken_of", &py_taken_of<Value>, py::arg("table").noconvert(), py::arg("of").noconvert(), py::arg("row").noconvert(),
        py::arg("threads") = 1, "table[of[row]] of some rows, the last of the table for -1.");
}

}  // namespace

void bind_join(py::module_& m) {
  m.def("rising", &py_rising, py::arg("values").noconvert(), py::arg("threads") = 1,
        "True when every number is greater than the one before it.");
  bind_bounds<std::int64_t>(m);
  bind_bounds<std::int32_t>(m);
  m.def("steps", &py_bounds<std::int64_t, steps>, py::arg("values").noconvert(), py::arg("threads") = 1,
        "Least and greatest difference of a number from the one before it.");
  bind_taken<std::int32_t, std::int32_t>(m);
  bind_taken<std::int64_t, std::int32_t>(m);
  bind_taken<std::uint8_t, std::int32_t>(m);
  bind_taken<std::int32_t, std::uint8_t>(m);
  bind_taken<std::int64_t, std::uint8_t>(m);
  bind_taken_of<std::int32_t>(m);
  bind_taken_of<std::int64_t>(m);
  m.def("days_of", &py_days, py::arg("micros").noconvert(), py::arg("threads") = 1,
        "(days of times, missing ones 0; whether none is missing).");
  m.def("rows_by_key", &py_rows, py::arg("key").noconvert(), py::arg("keys"), "(rows of each key in order, where each key's begin).");
  m.def("sole_rows", &py_sole, py::arg("key").noconvert(), py::arg("keys"), py::arg("unknown"),
        "The row of each key, `unknown` (negative) where it has none and at the end; None when a key has two.");
  m.def("find_rows", &py_find, py::arg("start").noconvert(), py::arg("rows").noconvert(), py::arg("begin").noconvert(),
        py::arg("end").noconvert(), py::arg("own").noconvert(), py::arg("key").noconvert(), py::arg("day").noconvert(),
        py::arg("theirs").noconvert(), py::arg("none"), py::arg("unknown"), py::arg("threads") = 1, "Row that holds for each key and day.");
  m.def("earliest", &py_earliest, py::arg("group").noconvert(), py::arg("day").noconvert(), py::arg("groups"), py::arg("threads") = 1,
        "Least day of each group; INT32_MAX where there is none.");
}

}  // namespace ybcore::bind
