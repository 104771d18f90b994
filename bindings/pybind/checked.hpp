// Columns, offsets and names that rule kernels borrow: what is wrong is a ValueError with the array's name.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "arrays.hpp"
#include "found.hpp"
#include "ybcore/checks/found.hpp"
#include "ybcore/checks/group.hpp"
#include "ybcore/join.hpp"

namespace ybcore::bind {

using I32 = In<std::int32_t>;
using I64 = In<std::int64_t>;
using U64 = In<std::uint64_t>;
using U8 = In<std::uint8_t>;
template <class T>
using Maybe = std::optional<In<T>>;

[[noreturn]] inline void refuse(const char* what, const char* why) { throw std::invalid_argument(std::string(what) + " " + why); }

template <class T>
std::span<const T> rows_of(const In<T>& array, std::size_t rows, const char* what) {
  same_length(span_of(array).size(), rows, what);
  return span_of(array);
}

template <class T>
std::span<const T> rows_of(const Maybe<T>& array, std::size_t rows, const char* what) {
  return array ? rows_of(*array, rows, what) : std::span<const T>{};
}

template <class T>
std::span<const T> needed(const Maybe<T>& array, std::size_t rows, const char* what) {
  if (!array) refuse(what, "is needed");
  return rows_of(*array, rows, what);
}

// Each from `least` to below `limit`.
template <class T>
std::span<const T> within(std::span<const T> values, std::int64_t least, std::int64_t limit, const char* what) {
  if (values.empty()) return values;
  if (least >= limit) refuse(what, "is out of range");
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    T high = 0;
    for (const T value : values) high = std::max(high, value);
    if (least > 0 || high >= limit) refuse(what, "is out of range");
    return values;
  } else {
    // Of what is outside one of the two differences is negative, also where it wraps; no comparison, so that it goes by vectors.
    using U = std::make_unsigned_t<T>;
    const auto low = static_cast<U>(std::max<std::int64_t>(least, std::numeric_limits<T>::min()));
    const auto last = static_cast<U>(std::min<std::int64_t>(limit - 1, std::numeric_limits<T>::max()));
    U outside = 0;
    for (const T value : values) outside |= static_cast<U>(static_cast<U>(value) - low) | static_cast<U>(last - static_cast<U>(value));
    if (static_cast<T>(outside) < 0) refuse(what, "is out of range");
    return values;
  }
}

inline std::span<const std::int64_t> at_least(std::span<const std::int64_t> values, std::int64_t least, const char* what) {
  if (!values.empty() && bounds(values, 1).least < least) refuse(what, "is out of range");
  return values;
}

// Offsets of groups over `rows` rows.
inline std::span<const std::int64_t> offsets_of(const I64& array, std::size_t rows, const char* what = "begin") {
  const auto begin = span_of(array);
  if (begin.empty()) refuse(what, "is empty, and needs a 0");
  if (rows > INT32_MAX) refuse(what, "is over more rows than can be numbered");
  if (begin.front() != 0 || static_cast<std::size_t>(begin.back()) != rows) refuse(what, "does not go from 0 to the number of rows");
  for (std::size_t g = 1; g < begin.size(); ++g)
    if (begin[g] < begin[g - 1]) refuse(what, "is not rising");
  return begin;
}

inline std::size_t last_of(const I64& array, const char* what) {
  const auto begin = span_of(array);
  if (begin.empty() || begin.back() < 0 || begin.back() > INT32_MAX) refuse(what, "does not end with a number of rows");
  return static_cast<std::size_t>(begin.back());
}

// Places of a table's rows; without the column every event is of row 0.
inline std::span<const std::int32_t> entries_of(const Maybe<std::int32_t>& entry, std::size_t events, std::size_t rows) {
  if (!entry && events > 0 && rows == 0) refuse("entry", "is needed, for the table has no row");
  return within(rows_of(entry, events, "entry"), checks::kEntryUnknown, static_cast<std::int64_t>(rows), "entry");
}

// (sets x words of 64 codes)
inline checks::CodeSets sets_of(const U64& sets) {
  if (sets.ndim() != 2) refuse("sets", "has not two dimensions");
  return {span_of(sets), static_cast<std::size_t>(sets.shape(1))};
}

inline std::span<const std::int32_t> set_of(const I32& set, const U64& sets) { return within(span_of(set), -1, sets.shape(0), "set"); }

inline std::span<const std::int32_t> codes_of(const I32& code, std::size_t rows, const U64& sets, const char* what) {
  return within(rows_of(code, rows, what), -1, sets.shape(1) * 64, what);
}

template <std::size_t n>
std::size_t named(const std::string& name, const std::array<const char*, n>& names, const char* what) {
  for (std::size_t k = 0; k < n; ++k)
    if (name == names[k]) return k;
  std::string all;
  for (const char* one : names) all += (all.empty() ? "" : ", ") + std::string(one);
  throw std::invalid_argument(std::string(what) + " is '" + name + "', not one of " + all);
}

inline checks::Comparator comparator_of(const std::string& name) {
  return static_cast<checks::Comparator>(named(name, std::array{"more_than", "at_least", "less_than", "at_most"}, "comparator"));
}

inline checks::Grouping grouping_of(const std::string& cell, const Maybe<std::int32_t>& subject, const Maybe<std::int32_t>& cut,
                                    std::int64_t reach, const Maybe<std::int64_t>& time, std::size_t events, bool dated = false) {
  using checks::Cell;
  checks::Grouping group;
  group.cell = static_cast<Cell>(named(cell, std::array{"line", "day", "hour", "subject", "within"}, "cell"));
  if (group.cell == Cell::kWithin && reach < 0) refuse("reach", "is negative");
  if (group.cell != Cell::kLine && group.cell != Cell::kSubject && !dated) static_cast<void>(needed(time, events, "time"));
  group.subject = rows_of(subject, events, "subject");
  group.cut = rows_of(cut, events, "cut");
  group.reach = reach;
  return group;
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

}  // namespace ybcore::bind
