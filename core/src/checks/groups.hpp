// Runs one kernel over whole groups, on as many threads as asked; what it finds does not depend on how the groups were cut.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "../split.hpp"
#include "ybcore/checks/found.hpp"
#include "ybcore/checks/group.hpp"
#include "ybcore/money.hpp"

namespace ybcore::checks {

inline constexpr std::int64_t kDayMicros = 86'400'000'000;
inline constexpr std::int64_t kHourMicros = 3'600'000'000;

[[nodiscard]] constexpr std::int64_t day_of(std::int64_t micros) noexcept {
  return micros / kDayMicros - (micros % kDayMicros < 0 ? 1 : 0);
}

// A number of 128 bits told in 64: the nearest that is not kUnknown.
[[nodiscard]] constexpr std::int64_t told(Wide value) noexcept {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::clamp<Wide>(value, -most, most));
}

// What is beyond the edge compares: more_than 5 has the edge 5, at_least 5 the edge 4.
[[nodiscard]] constexpr Wide edge(Comparator comparator, std::int64_t limit) noexcept {
  if (comparator == Comparator::kAtLeast) return static_cast<Wide>(limit) - 1;
  return static_cast<Wide>(limit) + (comparator == Comparator::kAtMost ? 1 : 0);
}

[[nodiscard]] constexpr bool wants_less(Comparator comparator) noexcept {
  return comparator == Comparator::kLessThan || comparator == Comparator::kAtMost;
}

[[nodiscard]] constexpr std::size_t groups_in(std::span<const std::int64_t> begin) noexcept { return begin.empty() ? 0 : begin.size() - 1; }

// some(found, from, to) for groups from .. to of `begin`.
template <class Some>
[[nodiscard]] Found over_groups(std::span<const std::int64_t> begin, int threads, const Some& some) {
  const Chunks chunks = cut_evenly(begin, threads);
  std::vector<Found> parts(chunks.begin.size() - 1);
  for_each_chunk(chunks, threads, [&](std::size_t c) { some(parts[c], chunks.begin[c], chunks.begin[c + 1]); });
  return joined(std::move(parts));
}

// some(found, from, to) for rows from .. to.
template <class Some>
[[nodiscard]] Found over_rows(std::size_t rows, int threads, const Some& some) {
  const Chunks chunks = cut_rows(rows, std::size_t{1} << 16);
  std::vector<Found> parts(chunks.begin.size() - 1);
  for_each_chunk(chunks, threads, [&](std::size_t c) { some(parts[c], chunks.begin[c], chunks.begin[c + 1]); });
  return joined(std::move(parts));
}

// one(event, table row) for every event of [from, to) that is looked at; without entries all are, by row 0.
template <class One>
void each_entry(std::span<const std::int32_t> entry, std::size_t from, std::size_t to, const One& one) {
  if (entry.empty()) {
    for (std::size_t i = from; i < to; ++i) one(i, 0);
    return;
  }
  constexpr std::size_t kBlock = 8;
  for (std::size_t i = from; i < to;) {
    const std::size_t end = std::min(i + kBlock, to);
    // Most rules look at few lines: -1 has every bit.
    std::int32_t all = kNoEntry;
    for (std::size_t k = i; k < end; ++k) all &= entry[k];
    if (all == kNoEntry) {
      i = end;
      continue;
    }
    for (; i < end; ++i)
      if (entry[i] != kNoEntry) one(i, entry[i]);
  }
}

// one(found, event, table row) for every event that is looked at.
template <class One>
[[nodiscard]] Found over_entries(std::span<const std::int32_t> entry, std::size_t rows, int threads, const One& one) {
  return over_rows(rows, threads, [&](Found& found, std::size_t from, std::size_t to) {
    each_entry(entry, from, to, [&](std::size_t i, std::int32_t row) { one(found, i, row); });
  });
}

}  // namespace ybcore::checks
