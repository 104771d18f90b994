// Shapes and bounds of what rule kernels borrow: what is wrong is a ValueError with the array's name.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "arrays.hpp"
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
  std::int64_t low = 0, high = 0;
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    for (const T value : values) high = std::max<std::int64_t>(high, value);
  } else {
    const Bounds found = bounds(values, 1);
    low = found.least, high = found.most;
  }
  if (low < least || high >= limit) refuse(what, "is out of range");
  return values;
}

// Offsets from 0 to `last`, never falling; without persons one 0.
inline std::span<const std::int64_t> offsets_of(const I64& array, std::int64_t last, const char* what) {
  const auto begin = span_of(array);
  bool sound = !begin.empty() && begin.front() == 0 && begin.back() == last;
  for (std::size_t k = 1; sound && k < begin.size(); ++k) sound = begin[k - 1] <= begin[k];
  if (!sound) refuse(what, "is not sound");
  return begin;
}

inline std::size_t last_of(const I64& array, const char* what) {
  const auto begin = span_of(array);
  if (begin.empty() || begin.back() < 0 || begin.back() > INT32_MAX) refuse(what, "is not sound");
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

inline checks::Comparator comparator_of(const std::string& name) {
  if (name == "more_than") return checks::Comparator::kMoreThan;
  if (name == "at_least") return checks::Comparator::kAtLeast;
  if (name == "less_than") return checks::Comparator::kLessThan;
  if (name == "at_most") return checks::Comparator::kAtMost;
  refuse("comparator", "is none of more_than, at_least, less_than, at_most");
}

inline checks::Grouping grouping_of(const std::string& cell, const Maybe<std::int32_t>& subject, const Maybe<std::int32_t>& cut,
                                    std::int64_t reach, const Maybe<std::int64_t>& time, std::size_t events) {
  using checks::Cell;
  checks::Grouping group;
  if (cell == "line") {
    group.cell = Cell::kLine;
  } else if (cell == "day") {
    group.cell = Cell::kDay;
  } else if (cell == "hour") {
    group.cell = Cell::kHour;
  } else if (cell == "within") {
    group.cell = Cell::kWithin;
  } else if (cell != "subject") {
    refuse("cell", "is none of line, day, hour, subject, within");
  }
  if (group.cell == Cell::kWithin && reach < 0) refuse("reach", "is negative");
  if (group.cell != Cell::kLine && group.cell != Cell::kSubject) static_cast<void>(needed(time, events, "time"));
  group.subject = rows_of(subject, events, "subject");
  group.cut = rows_of(cut, events, "cut");
  group.reach = reach;
  return group;
}

}  // namespace ybcore::bind
