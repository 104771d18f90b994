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

// Where the class of an attribute may be found: a code of the event's own row or of a row that it names, and what class each code is.
struct ClassSource {
  std::span<const std::int32_t> row;   // by event, negative none; empty: the event's own
  std::span<const std::int32_t> code;  // by row, negative missing; one of the two is empty
  std::span<const std::int8_t> flag;
  std::span<const std::int32_t> place;  // by code: its class; negative says nothing, and the next source is asked
};
struct ClassColumn {
  std::vector<ClassSource> sources;
  std::int32_t fallback = 0;            // class where no source says anything
  std::span<const std::int32_t> ready;  // or: the class of each event
  std::span<const std::int32_t> day;    // or: a day, and the ascending days on which classes begin
  std::span<const std::int64_t> edges;
  std::span<const std::int64_t> number;  // or: a number with edges alike; a missing one (INT64_MIN) has the last class
  std::uint64_t classes = 1;             // how many there are
};
// Combinations of the columns' classes; the product of their numbers must be below 2^63. The key's digits run from the first column,
// the most significant one. The numbers are the same however many threads find them.
// Writes the numbers to `of_event`, and leaves those of what it gives empty.
[[nodiscard]] Combinations combine(std::span<const ClassColumn> columns, std::span<std::int32_t> of_event, int threads = 1);

// Completed years from a birth date to a day; somebody born on 29 February has a birthday on 1 March in other years. A missing
// birth date gives kNoNumber.
[[nodiscard]] std::int32_t completed_years(std::int32_t birth, std::int32_t day) noexcept;
void completed_years(std::span<const std::int32_t> birth, std::span<const std::int32_t> day, std::span<std::int32_t> years) noexcept;

}  // namespace ybcore
