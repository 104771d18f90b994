// What a rule kernel finds: findings and the rows that stand in them, as columns.
//
// Meaning   A finding is one violation with its arithmetic; its details name the events that offend (1) and those that are involved (2).
//           An event is a place in the columns a kernel was given, not a row of the input.
// Units     measure, limit: what the kernel counts (quantity 1/10000, fen, micro-yuan, days, pieces); begin, end: microseconds or days,
//           as the kernel says; excess: 1/10000 of a unit or fen, kWhole where the whole line offends.
// Requires  open() before detail(); details belong to the finding opened last.
// Gives     details.size() == findings + 1, so that details[f] .. details[f + 1] are the events of finding f.
// Fails     Never; its columns grow.
// Cost      Amortised; nothing for an event that no finding names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "ybcore/scratch.hpp"

namespace ybcore::checks {

inline constexpr std::int64_t kWhole = -1;
inline constexpr std::int64_t kUnknown = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int32_t kNoDay = std::numeric_limits<std::int32_t>::min();

// Names the hit: kMoreThan 5 hits at 6.
enum class Comparator : std::uint8_t { kMoreThan, kAtLeast, kLessThan, kAtMost };

[[nodiscard]] constexpr bool hits(Comparator comparator, std::int64_t measure, std::int64_t limit) noexcept {
  switch (comparator) {
    case Comparator::kMoreThan:
      return measure > limit;
    case Comparator::kAtLeast:
      return measure >= limit;
    case Comparator::kLessThan:
      return measure < limit;
    case Comparator::kAtMost:
      return measure <= limit;
  }
  return false;
}

enum class Part : std::uint8_t { kOffending = 1, kInvolved = 2 };

struct Arithmetic {
  std::int64_t measure = 0;
  std::int64_t limit = 0;
  std::int64_t begin = kUnknown;
  std::int64_t end = kUnknown;
  std::int32_t entry = -1;  // row of the rule's table
  std::int32_t step = 0;    // which window, threshold or zone compared
};

struct Found {
  Grown<std::int64_t> measure, limit, begin, end;
  Grown<std::int32_t> entry, step;
  Grown<std::int64_t> details{0};
  Grown<std::int32_t> event;
  Grown<Part> part;
  Grown<std::int64_t> excess;
  std::int64_t unknown = 0;  // events that a missing value kept from being judged

  [[nodiscard]] std::size_t size() const noexcept { return measure.size(); }

  void open(const Arithmetic& a) {
    measure.push_back(a.measure);
    limit.push_back(a.limit);
    begin.push_back(a.begin);
    end.push_back(a.end);
    entry.push_back(a.entry);
    step.push_back(a.step);
    details.push_back(static_cast<std::int64_t>(event.size()));
  }

  void detail(std::int32_t at, Part as, std::int64_t beyond = kWhole) {
    event.push_back(at);
    part.push_back(as);
    excess.push_back(beyond);
    ++details.back();
  }

  // One finding for each of some events, which it names whole, without a measure.
  void open_whole(std::span<const std::int32_t> at, std::span<const std::int32_t> table_row);
};

// The findings of chunks, in the order of the chunks.
[[nodiscard]] Found joined(std::vector<Found>&& chunks);

}  // namespace ybcore::checks
