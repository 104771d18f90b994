// Columns, offsets and names that the kernels of windows, stays and compositions borrow: what is wrong is a ValueError with the array's
// name.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "arrays.hpp"
#include "found.hpp"
#include "ybcore/join.hpp"

namespace ybcore::bind::borrowed {

using Days = In<std::int32_t>;
using Figures = In<std::int64_t>;
using Marks = In<std::uint8_t>;

[[noreturn]] inline void wrong(const char* what, const char* why) { throw std::invalid_argument(std::string(what) + " " + why); }

// A column of so many rows; none is an empty span.
template <class Array>
auto column(const Array& array, std::size_t rows, const char* what) {
  const auto all = span_of(array);
  if constexpr (requires { array.has_value(); }) {
    if (!array) return all;
  }
  same_length(all.size(), rows, what);
  return all;
}

template <class Array>
auto needed_column(const Array& array, std::size_t rows, const char* what) {
  if (!array) wrong(what, "is needed");
  return column(array, rows, what);
}

// Every code from `least` to below `limit`.
inline std::span<const std::int32_t> codes(std::span<const std::int32_t> values, std::int64_t least, std::int64_t limit, const char* what) {
  if (values.empty()) return values;
  const Bounds found = bounds(values, 1);
  if (found.least < least || found.most >= limit) wrong(what, "is out of range");
  return values;
}

inline std::span<const std::int64_t> at_least(std::span<const std::int64_t> values, std::int64_t least, const char* what) {
  if (!values.empty() && bounds(values, 1).least < least) wrong(what, "is out of range");
  return values;
}

// Offsets of groups over `rows` rows.
inline std::span<const std::int64_t> offsets(const Figures& array, std::size_t rows, const char* what = "begin") {
  const auto begin = span_of(array);
  if (begin.empty()) wrong(what, "is empty, and needs a 0");
  if (rows > INT32_MAX) wrong(what, "is over more rows than can be numbered");
  if (begin.front() != 0 || static_cast<std::size_t>(begin.back()) != rows) wrong(what, "does not go from 0 to the number of rows");
  for (std::size_t g = 1; g < begin.size(); ++g)
    if (begin[g] < begin[g - 1]) wrong(what, "is not rising");
  return begin;
}

template <std::size_t n>
std::size_t named(const std::string& name, const std::array<const char*, n>& names, const char* what) {
  for (std::size_t k = 0; k < n; ++k)
    if (name == names[k]) return k;
  std::string all;
  for (const char* one : names) all += (all.empty() ? "" : ", ") + std::string(one);
  throw std::invalid_argument(std::string(what) + " is '" + name + "', not one of " + all);
}

inline checks::Comparator comparator(const std::string& name) {
  return static_cast<checks::Comparator>(named(name, std::array{"more_than", "at_least", "less_than", "at_most"}, "comparator"));
}

// What a kernel finds, without the interpreter's lock while it looks.
template <class Kernel>
py::dict found_by(const Kernel& kernel) {
  checks::Found found;
  {
    py::gil_scoped_release release;
    found = kernel();
  }
  return found_dict(std::move(found));
}

}  // namespace ybcore::bind::borrowed
