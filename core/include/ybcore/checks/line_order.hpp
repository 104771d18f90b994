// The canonical order of lines: person, time, settlement id, line id.
//
// Meaning   Lines name their visit and visits their person. Inside a person lines go by time (an unknown time first), then the id of
//           the visit, then the line's own id; without ids of lines by their place.
// Units     Microseconds, or anything that orders.
// Requires  visit below the visits (-1: the line is left out), visit_person below `persons` (-1: the visit is left out); ids of visits
//           by visit, ids of lines by row (order.hpp). Fewer than 2^31 lines.
// Gives     The rows in order and where each person begins. The same whatever the order of rows, where ids are unique.
// Fails     Never.
// Cost      One look where they stand in order already; else counting by person and a sort inside each person.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ybcore/order.hpp"

namespace ybcore::checks {

struct LineKeys {
  std::span<const std::int32_t> visit;
  std::span<const std::int32_t> visit_person;
  std::span<const std::int64_t> time;
  TieIds visit_ids;
  TieIds line_ids;
};

struct LineOrder {
  std::vector<std::int32_t> row;           // empty when was_ordered
  std::vector<std::int64_t> person_begin;  // persons + 1
  bool was_ordered = false;                // every row takes part and stands in its place
};

[[nodiscard]] LineOrder order_lines(const LineKeys& keys, std::size_t persons, int threads);

}  // namespace ybcore::checks
