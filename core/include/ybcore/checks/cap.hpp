// K06 bucket cap: what is summed in a bucket against what is paid in it.
//
// Meaning   Events of a group that share a `combine` code are a bucket; the sum of their values is compared with the cap. What is beyond
//           is taken from the last lines (first_paid) or from the first.
// Units     Values and caps: quantity 1/10000, fen, or lines. factor a stay day, in the same unit.
// Requires  Events in canonical order, cut by person (person_begin: offsets, first 0, last the events). Empty value: each line is 1.
//           entry: a row of `caps`, kNoEntry (not looked at) or kEntryUnknown; empty: row 0 for all. Or row_of: the same by combine code, a
//           code that it does not have is of no row. combine -1: not looked at; a value kUnknown or stay days -1: unknown. A bucket whose
//           cap is kUnknown is not judged. day: of each time, kNoDay where it is not known.
// Gives     One finding a bucket: measure the sum, limit the cap of its first event, entry that event's. Offending, in order, the lines
//           that carry excess, then the others as involved. Excess is in the unit of the value, kWhole for counted lines; with less_than
//           and at_most every line offends whole. A bucket of which no line carries excess is none. at_least c: what is beyond c less one
//           unit. Sums stop at the ends of 64 bits.
// Fails     Never.
// Cost      A line of no row: a byte. With rows, by day and hour: a few operations and a place of a small table, and twice a table by key
//           for cells in which a place is beyond. One cap for all, by day and hour: value and time of a line, and a place of its code where
//           the whole cell is beyond; else a place. less_than, at_most, stays, single lines, rows of other groups: twice a table by key.
#pragma once

#include <cstdint>
#include <span>

#include "ybcore/checks/found.hpp"
#include "ybcore/checks/group.hpp"

namespace ybcore::checks {

struct CapEvents {
  std::span<const std::int64_t> person_begin;
  std::span<const std::int64_t> time;     // kDay, kHour
  std::span<const std::int32_t> combine;  // empty: all lines of the group share the cap
  std::span<const std::int64_t> value;
  std::span<const std::int32_t> entry;
  std::span<const std::int32_t> stay_days;    // -1: unknown; empty where factor is 0
  std::span<const std::int32_t> row_of = {};  // by combine code, in place of entry
  std::span<const std::int32_t> day = {};     // kDay, in place of time
  bool complete = false;                      // no event lacks what cuts groups: known of the columns, and so not looked for
};

struct CapRule {
  Grouping group;
  std::span<const std::int64_t> caps;  // by entry; empty: `cap` for all
  std::int64_t cap = 0;                // added to factor x stay days
  std::int64_t factor = 0;
  Comparator comparator = Comparator::kMoreThan;
  bool last_paid = false;
};

[[nodiscard]] Found cap(const CapEvents& events, const CapRule& rule, int threads);

}  // namespace ybcore::checks
