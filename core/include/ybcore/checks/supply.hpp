// K10: days that a quantity lasts, courses of treatment, doses.
//
// Meaning   Days of a line: its own, else quantity / (dose * times) rounded up. What is beyond the limit lies on the last lines of a
//           prescription, in a course on the uses whose days are numbered beyond the limit, and where supplies overlap on the last lines of
//           the day. A line carries quantity * its days beyond / its days.
// Units     Quantity, dose and times a day 1/10000; days whole; limit in days, for doses 1/10000 of a unit a day. begin and end of a
// finding:
//           first and last day of a course or of the supply left, else kUnknown. excess: 1/10000 of a unit, kWhole for doses.
// Requires  Groups as each form says, lines in order; comparator kMoreThan or kAtLeast but for doses; limit and entry of every line (entry
//           may be empty). Days that are not greater than 0 are as good as kUnknown.
// Gives     Findings by group. A line without days or dose is left out and counted unknown, as is one without a limit but for doses.
// Fails     std::bad_alloc.
// Cost      O(1) a line.
#pragma once

#include <cstdint>
#include <span>

#include "ybcore/checks/found.hpp"

namespace ybcore::checks {

struct Supply {
  std::span<const std::int64_t> begin;        // groups + 1
  std::span<const std::int32_t> day;          // course, supply_overlap
  std::span<const std::int64_t> quantity;     // may be kUnknown
  std::span<const std::int64_t> days;         // kUnknown: from quantity, dose and times
  std::span<const std::int64_t> dose, times;  // may be empty
  std::span<const std::int64_t> limit;        // kUnknown: not judged
  std::span<const std::int32_t> entry;
};

struct SupplyRule {
  Comparator comparator = Comparator::kMoreThan;
  bool packs = false;       // excess in whole units, rounded down
  bool span = false;        // course: days from the first on are counted, not treated days
  std::int64_t reset = -1;  // course: days without use, of which more begin a course anew; -1: none do
};

// Groups: prescription and item. measure: days of all its lines; limit: its first line's.
[[nodiscard]] Found prescription_days(const Supply& lines, const SupplyRule& rule, int threads = 1);

// Groups: person and item (or what counts as one). A use without days takes 1. One finding a course: the uses that reach beyond offend, the
// others are involved; measure: days of the course; limit: that of its first use.
[[nodiscard]] Found course(const Supply& uses, const SupplyRule& rule, int threads = 1);

// Groups: person and item. One finding a day on which more than `limit` days are left of what was dispensed before it: the day's lines
// offend, the line before them is involved; measure: days left; limit: that of the day's first line.
[[nodiscard]] Found supply_overlap(const Supply& lines, const SupplyRule& rule, int threads = 1);

// Lines whose dose a day compares. measure: 1/10000 of a unit, half up; it is compared unrounded.
[[nodiscard]] Found daily_dose(std::span<const std::int64_t> dose, std::span<const std::int64_t> times, std::span<const std::int64_t> limit,
                               std::span<const std::int32_t> entry, Comparator comparator, int threads = 1);

// Days of a line; kUnknown where neither they nor what they follow from is known.
[[nodiscard]] std::int64_t days_of_line(const Supply& lines, std::size_t i) noexcept;

}  // namespace ybcore::checks
