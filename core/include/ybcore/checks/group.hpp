// Who stands together: how events of a person are cut into the groups that a rule looks at.
//
// Meaning   A group is cut by time (natural day, clock hour), by subject (visit, person at an institution) and by a further dense
//           column (stay, prescription, month). Events are in canonical order: by person, then time, then ids.
// Units     Microseconds.
// Requires  Columns as long as the events; an empty column does not cut. -1 in a column that cuts, or no time where time cuts,
//           makes the event unknown.
// Gives     Groups in the order of their first event, their events in canonical order.
// Fails     Never.
// Cost      Nothing of its own.
#pragma once

#include <cstdint>
#include <span>

namespace ybcore::checks {

// kWithin: two events are together when they lie no further apart than `reach` (pairs.hpp only).
enum class Cell : std::uint8_t { kLine, kDay, kHour, kSubject, kWithin };

struct Grouping {
  Cell cell = Cell::kSubject;
  std::span<const std::int32_t> subject;  // empty: the person
  std::span<const std::int32_t> cut;      // empty: none
  std::int64_t reach = 0;                 // kWithin: greatest distance that still counts
};

// Sets of dense codes, one bit a code.
struct CodeSets {
  std::span<const std::uint64_t> words;
  std::size_t stride = 0;  // words a set

  [[nodiscard]] bool has(std::int32_t set, std::int32_t code) const noexcept {
    const auto bit = static_cast<std::size_t>(code);
    return (words[static_cast<std::size_t>(set) * stride + bit / 64] >> (bit % 64) & 1U) != 0;
  }
};

// Places of a rule's table: no row for the event, or none that can be told for want of a value.
inline constexpr std::int32_t kNoEntry = -1;
inline constexpr std::int32_t kEntryUnknown = -2;

}  // namespace ybcore::checks
