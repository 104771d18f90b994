// Attributes into plans: every event gets one small number that says all that a policy asks about it.
//
// Meaning   A policy asks only which class of an attribute a value belongs to. Each attribute gives a class per event; the classes
//           are the digits of a mixed-radix key; equal keys are the same combination, and a combination has one compiled plan.
// Units     Codes are indices into the caller's dictionaries, -1 missing; numbers are whole (years, months, days).
// Requires  A class below the attribute's count; the product of the counts below 2^64 (the caller splits longer lists and feeds
//           the dense numbers of the first part as an attribute of the second).
// Gives     Keys, or dense combination numbers and the key of each.
// Fails     Never.
// Cost      One pass in blocks that stay in cache; a hash look-up only where the key changes from one event to the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ybcore {

inline constexpr std::int32_t kNoNumber = INT32_MIN;

// One attribute. The event's own code wins; else the code of the dated row it was joined to; else the missing class.
struct AttributeClasses {
  std::span<const std::int32_t> own;            // by row of `own_row`, or empty
  std::span<const std::int64_t> own_row;        // by event; empty: the event's own number
  std::span<const std::uint16_t> own_class;     // by code
  std::span<const std::int32_t> joined;         // by row of the joined table, or empty
  std::span<const std::int64_t> joined_row;     // by event, -1 none; empty when `joined` is
  std::span<const std::uint16_t> joined_class;  // by code
  std::uint16_t missing;
  std::uint32_t count;
};

// One numeric attribute: class i holds edges[i - 1] <= value < edges[i]; a missing number has the class edges.size() + 1.
struct NumberClasses {
  std::span<const std::int32_t> value;  // by event
  std::span<const std::int32_t> edges;  // ascending
};

// key = key * count + class, for the events [from, to).
void add_classes(const AttributeClasses& attribute, std::span<std::uint64_t> key, std::size_t from, std::size_t to) noexcept;
void add_numbers(const NumberClasses& attribute, std::span<std::uint64_t> key, std::size_t from, std::size_t to) noexcept;

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
