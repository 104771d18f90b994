// What findings take out of lines: docs/checks.md section 4.
//
// Meaning   `shares` gives each detail its part of the line's amount: all of it, or amount * excess / quantity, half up. `once` lets the
//           details take it, one after another, each no more than the line still has. Details that deny a part of a line's quantity deny
//           the same units: a later one takes only what its share goes beyond the largest share before it, so that together they take that
//           of the largest.
// Units     Fen; quantities 1/10000.
// Requires  Spans of one length a detail, or a line (left, counted: 0 at first); rows below the lines; nothing below zero but kWhole.
// Gives     shares: fen a detail. once: what each detail really took; `left` is what remains of each line.
// Fails     Never.
// Cost      One pass each.
#pragma once

#include <cstdint>
#include <span>

#include "ybcore/checks/found.hpp"

namespace ybcore::checks {

void shares(std::span<const std::int64_t> amount, std::span<const std::int64_t> quantity, std::span<const std::int64_t> excess,
            std::span<std::int64_t> out) noexcept;

// What one detail takes: `rest` is what its line still has, `counted` the largest share of the line's quantity so far.
[[nodiscard]] std::int64_t take(std::int64_t wanted, bool of_quantity, std::int64_t& rest, std::int64_t& counted) noexcept;

// `order`: the details in the order in which money moves; those that are not in it take nothing. `of_quantity`: 1 for details that
// deny a part of a quantity.
void once(std::span<const std::int64_t> order, std::span<const std::int64_t> row, std::span<const std::int64_t> wanted,
          std::span<const std::uint8_t> of_quantity, std::span<std::int64_t> left, std::span<std::int64_t> counted,
          std::span<std::int64_t> taken) noexcept;

}  // namespace ybcore::checks
