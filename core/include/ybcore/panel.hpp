// Many policies over one batch: its events are packed and put in order once, and each partition of groups is settled under every policy
// while it is in cache.
//
// Meaning   Under each policy every group is settled as `settle` would settle it; what comes of the visits is added up where it arises and
//           let go. Groups that have no other plans than under the first policy are settled once. Instead of a plan an event has its
//           combination of attribute classes, and each policy says which plan that is. A policy whose lines come to something else says
//           so for the events that have such lines.
// Units     As of settle.hpp. Only visits that are settled or had no benefit count; the money of others is nobody's.
// Requires  Events whose `plan` is the combination, or -1 with a reason that holds under every policy; no opening state; no tags where
//           natures differ.
// Gives     Sums that are the same for any number of threads.
// Fails     As `settle`.
// Cost      Memory for the sums alone, as many as there are chunks of groups for those by cell.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ybcore/settle.hpp"

namespace ybcore {

struct Policies {
  std::size_t count, combinations;
  std::span<const std::int32_t> plan;    // by policy, then by combination; -1: the reason says why
  std::span<const std::uint8_t> reason;  // the same
  // Events whose natures some policy has otherwise: the slot of each event (-1: every policy has them as the events say; empty: of all),
  // and by policy and slot the row of `natures`, five each (-1: as the event says).
  std::span<const std::int32_t> slot{}, nature_row{};
  std::span<const std::int64_t> natures{};

  [[nodiscard]] std::size_t slots() const { return count == 0 ? 0 : nature_row.size() / count; }
  [[nodiscard]] std::int32_t row(std::size_t policy, std::int32_t event) const {
    const std::int32_t at = slot.empty() ? -1 : slot[static_cast<std::size_t>(event)];
    return at < 0 ? -1 : nature_row[policy * slots() + static_cast<std::size_t>(at)];
  }
};

// Cells that visits are told apart by. Visits of one pair are of one person and one cell.
struct Cells {
  std::span<const std::int32_t> of;    // by visit; -1 none
  std::span<const std::int32_t> pair;  // by visit; asked for where `of` is a cell
  std::size_t count, pairs;
};

struct Wanted {
  std::span<const Cells> cells;
  std::span<const std::uint8_t> by_cell;    // columns
  std::span<const std::uint8_t> by_person;  // columns
};

struct Sums {
  std::vector<std::span<std::int64_t>> by_cell;  // of each of the cells, by policy, then by cell: visits, persons, columns
  std::span<std::int64_t> by_person;             // by policy, then by column, then by person
};

// The name of what points outside, or null; the events but for their plans are looked at too.
[[nodiscard]] const char* invalid(const Program& program, const Events& events, const Policies& policies, const Wanted& wanted,
                                  std::size_t persons) noexcept;

// `balance`: by person, before the batch. Adds to `sums`.
[[nodiscard]] Status settle_each(const Program& program, const Events& events, const Policies& policies, const AccountEvents& accounts,
                                 std::span<const std::int64_t> balance, const Wanted& wanted, const Sums& sums, int threads);

}  // namespace ybcore
