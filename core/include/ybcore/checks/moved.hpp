// What findings take out of lines: docs/checks.md section 4.
//
// Meaning   `shares` gives each detail its part of the line's amount: all of it, or amount * excess / quantity, half up. `once` lets the
//           details take it, one after another, each no more than the line still has.
// Units     Fen; quantities 1/10000.
// Requires  Spans of one length a detail; rows below the lines; no amount, quantity or excess below zero but kWhole.
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

// `order`: the details in the order in which money moves; those that are not in it take nothing.
void once(std::span<const std::int64_t> order, std::span<const std::int64_t> row, std::span<const std::int64_t> wanted,
          std::span<std::int64_t> left, std::span<std::int64_t> taken) noexcept;

}  // namespace ybcore::checks
