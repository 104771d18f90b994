// Exact money: the only rounding division of the kernel.
//
// Meaning   Amounts are whole numbers of a unit of money (fen, or a millionth of a fen); rates are ppm. A product is formed in 128
//           bits and divided once. The sign never changes how far a value is rounded.
// Units     As named by the caller; `Rounding::unit` is in units of money.
// Requires  Denominators and units greater than zero.
// Gives     Exact integers.
// Fails     Never, for operands inside the documented limits (amounts to 10^18 units, rates to 10^6).
// Cost      One 64-bit division when numerator and denominator fit (none by a constant), one 128-bit division otherwise.
#pragma once

#include <cstdint>

namespace ybcore {

using Wide = __int128;

enum class RoundMode : std::uint8_t { kHalfUp = 0, kHalfEven = 1, kDown = 2, kUp = 3 };

// To which multiple of the unit of money, and how.
struct Rounding {
  RoundMode mode;
  std::int64_t unit;
};

namespace detail {
template <class Unsigned>
[[nodiscard]] constexpr Unsigned divide(Unsigned numerator, Unsigned denominator, RoundMode mode) noexcept {
  Unsigned quotient = numerator / denominator;
  const Unsigned rest = numerator - quotient * denominator;
  const Unsigned other = denominator - rest;
  switch (mode) {
    case RoundMode::kHalfUp:
      quotient += rest >= other ? 1U : 0U;
      break;
    case RoundMode::kHalfEven:
      quotient += rest > other || (rest == other && (quotient & 1U) != 0) ? 1U : 0U;
      break;
    case RoundMode::kUp:
      quotient += rest != 0 ? 1U : 0U;
      break;
    case RoundMode::kDown:
      break;
  }
  return quotient;
}
}  // namespace detail

// numerator / denominator as an integer, rounded by `mode` on the absolute value.
[[nodiscard]] constexpr Wide round_div(Wide numerator, Wide denominator, RoundMode mode = RoundMode::kHalfUp) noexcept {
  const bool negative = numerator < 0;
  const auto size = static_cast<unsigned __int128>(negative ? -numerator : numerator);
  const auto by = static_cast<unsigned __int128>(denominator);
  unsigned __int128 quotient = 0;
  if ((size >> 64) == 0 && (by >> 64) == 0) {
    quotient = detail::divide(static_cast<std::uint64_t>(size), static_cast<std::uint64_t>(by), mode);
  } else {
    quotient = detail::divide(size, by, mode);
  }
  return negative ? -static_cast<Wide>(quotient) : static_cast<Wide>(quotient);
}

// numerator / denominator units of money, rounded to a multiple of the rounding's unit.
[[nodiscard]] constexpr Wide round_to(Wide numerator, Wide denominator, Rounding rounding) noexcept {
  return round_div(numerator, denominator * rounding.unit, rounding.mode) * rounding.unit;
}

namespace detail {
// Aside, so that what nearly never happens takes no registers.
#if defined(__GNUC__)
[[gnu::noinline, gnu::cold]]
#endif
constexpr Wide round_far(Wide numerator, Wide denominator, Rounding rounding) noexcept {
  return round_to(numerator, denominator, rounding);
}
}  // namespace detail

// The same by an even constant. In 63 bits, where nearly all products fit, the compiler multiplies in place of the division, and half up
// is floor(n / d + 1/2) = floor((n + d / 2) / d). A negative numerator has its high bits set and goes the long way.
template <std::uint64_t kDenominator>
[[nodiscard]] constexpr Wide round_by(Wide numerator, Rounding rounding) noexcept {
  static_assert(kDenominator % 2 == 0 && kDenominator < std::uint64_t{1} << 62);
  const auto size = static_cast<unsigned __int128>(numerator);
  const auto low = static_cast<std::uint64_t>(size);
  if ((size >> 63) != 0 || rounding.unit != 1) return detail::round_far(numerator, Wide{kDenominator}, rounding);
  if (rounding.mode == RoundMode::kHalfUp) return (low + kDenominator / 2) / kDenominator;
  return detail::divide(low, std::uint64_t{kDenominator}, rounding.mode);
}

}  // namespace ybcore
