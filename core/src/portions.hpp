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

// No amount of lines that `small` takes is beyond it.
inline constexpr std::int64_t kMostSmall = std::int64_t{1} << 31;

// What is compiled for more than one level of the machine: the same numbers from each.
struct Lanes {
  // Fast and for nearly all lines: false, and portions that mean nothing, unless every amount is within +-2^31 fen and every quantity
  // within +-2^29. Exact where it says true.
  bool (*small)(const LineColumns& lines, Portion* out) noexcept;
  // Sums of the first 0, 1, ... `count` portions, in place of them; there is room for one more.
  void (*run_on)(Portion* portions, std::size_t count) noexcept;
};
namespace base {
bool small(const LineColumns& lines, Portion* out) noexcept;
void run_on(Portion* portions, std::size_t count) noexcept;
}  // namespace base
namespace avx2 {
bool small(const LineColumns& lines, Portion* out) noexcept;
void run_on(Portion* portions, std::size_t count) noexcept;
}  // namespace avx2

// The best that this processor has; the plain one where the environment says YB_MAX_ISA=v1.
[[nodiscard]] const Lanes& lanes() noexcept;
// What every machine of this kind runs, and what only newer ones do: null here or in this build.
[[nodiscard]] const Lanes& base_lanes() noexcept;
[[nodiscard]] const Lanes* wide_lanes() noexcept;

// For any amount that is allowed; every quantity is there and below kMostQuantity.
void portions_of_any(const LineColumns& lines, Portion* out) noexcept;

}  // namespace ybcore
