// Combinations of attribute classes, and ages.
//
// Meaning   A policy asks only which class of an attribute a value belongs to; the classes of an event are the digits of a mixed-radix
//           key. Equal keys are the same combination, and a combination has one compiled plan.
// Units     Days since 1970-01-01; completed years.
// Requires  Nothing of the keys.
// Gives     A dense number for each key, and the first event of each number.
// Fails     Never.
// Cost      One pass; a hash look-up only where the key changes from one event to the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ybcore {

inline constexpr std::int32_t kNoNumber = INT32_MIN;

// Dense numbers of equal keys, in order of first appearance; `keys` gets the key of each number, `first` its first event.
struct Combinations {
  std::vector<std::int32_t> of_event;
  std::vector<std::uint64_t> keys;
  std::vector<std::int64_t> first;
};
[[nodiscard]] Combinations combine(std::span<const std::uint64_t> key);

// Completed years from a birth date to a day; somebody born on 29 February has a birthday on 1 March in other years. A missing
// birth date gives kNoNumber.
[[nodiscard]] std::int32_t completed_years(std::int32_t birth, std::int32_t day) noexcept;
void completed_years(std::span<const std::int32_t> birth, std::span<const std::int32_t> day, std::span<std::int32_t> years) noexcept;

}  // namespace ybcore
