// The arithmetic of lines whose words are known. Private to the kernel.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ybcore {

// Columns of some lines, one beside the other. `quantity` may be null: each is one unit.
struct LineColumns {
  const std::uint64_t* word;
  const std::int64_t* amount;
  const std::int64_t* quantity;
  std::size_t count;
};

// What one line comes to, or the sum of many, as numbers of 64 bits that may wrap on the way: amount, what of it is within the cap, first
// pay, and full self-pay.
struct alignas(32) Portion {
  std::uint64_t amount, lim, first, full;
};

// Fast and for nearly all lines: false, and portions that mean nothing, unless every amount is within +-2^31 fen and every quantity within
// +-2^29. Exact where it says true.
[[nodiscard]] bool portions_of_small(const LineColumns& lines, Portion* out) noexcept;
// For any amount that is allowed; a missing quantity is one unit, and quantities are below kMostQuantity.
void portions_of_any(const LineColumns& lines, Portion* out) noexcept;
// Sums of the first 0, 1, ... `count` portions, in place of them; there is room for one more.
void run_on(Portion* portions, std::size_t count) noexcept;

}  // namespace ybcore
