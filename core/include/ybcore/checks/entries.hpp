// The row of a rule's table that holds for each event.
//
// Meaning   Of the rows of an event's key that hold on its day, most specific first, the first whose region and level fit. Where one of
//           them asks for a region or level that the event lacks, or the event has no day and a row has bounds, the event is unknown.
// Units     Days since 1970-01-01, half-open; INT32_MIN and INT32_MAX for open ends.
// Requires  start and rows of keys (join.hpp rows_by_key); the rows of a key in order of how specific they are. A row's region is an
//           index into `fits` (table regions x event regions) or -1, its level any number or -1. Events: -1 for a missing region or
//           level, INT32_MIN for a missing day; a key is below the keys or -1.
// Gives     The row, kNoEntry, or kEntryUnknown.
// Fails     Never.
// Cost      One load where a key has one row that always holds.
#pragma once

#include <cstdint>
#include <span>

#include "ybcore/checks/group.hpp"

namespace ybcore::checks {

struct EntryTable {
  std::span<const std::int64_t> start, rows;
  std::span<const std::int32_t> from, to;       // by row; empty: always
  std::span<const std::int32_t> region, level;  // by row; empty: none given
  std::span<const std::uint8_t> fits;
  std::size_t regions = 0;  // of events
};

struct EntryEvents {
  std::span<const std::int32_t> key, day;
  std::span<const std::int32_t> region, level;  // may be empty: missing everywhere
};

void entries(const EntryTable& table, const EntryEvents& events, std::span<std::int32_t> out, int threads);

}  // namespace ybcore::checks
