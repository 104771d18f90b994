// Entries that hang on others, each after the one that it hangs on.
//
// Meaning   A line may return one that itself returns a line: what it takes over of that one is known once that one has it.
// Units     -
// Requires  `on` the entry that each hangs on, -1 none; none hangs on itself.
// Gives     `order`: entries whose chain has an end, each after the one that it hangs on. `circle`: the others.
// Fails     Never.
// Cost      Each entry is met twice.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ybcore {

struct InTurn {
  std::vector<std::int64_t> order, circle;
  std::vector<std::int64_t> path;  // scratch, as the next
  std::vector<std::uint8_t> state;
};

void in_turn(std::span<const std::int64_t> on, InTurn& out);

}  // namespace ybcore
