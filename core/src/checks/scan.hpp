// The pass over a column for the codes that a table chooses (chosen.hpp), and the ways to write the rows down. Private to the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "ybcore/checks/chosen.hpp"

namespace ybcore::checks {

inline constexpr std::size_t kScanBlock = 64;  // rows whose bytes are gone through together

// The places of the bytes that are 1 among `said`, which are 0 or 1, `first` added; written from `kept` on, which has room for all. How
// many they are. The bytes are whole blocks.
using Keep = std::size_t (*)(std::span<const std::uint8_t> said, std::int32_t first, std::int32_t* kept) noexcept;

std::size_t plain_keep(std::span<const std::uint8_t> said, std::int32_t first, std::int32_t* kept) noexcept;
// By vectors; null where this processor or build cannot.
[[nodiscard]] Keep wide_keep() noexcept;

// As ChosenCodes::of; `table` has a byte by code + 1, 0 or 1, and ChosenCodes::kNone from there to a power of two.
std::size_t scan(std::span<const std::uint8_t> table, Keep keep, std::span<const std::int32_t> code, std::size_t begin, std::size_t end,
                 std::int32_t* kept) noexcept;

// As ChosenCodes::of, by pages that fit of a table of so many places: thirty-two codes at once. Null where this processor or build cannot.
using PagedScan = std::size_t (*)(const ScanPages& pages, std::size_t places, std::span<const std::int32_t> code, std::size_t begin,
                                  std::size_t end, std::int32_t* kept) noexcept;
[[nodiscard]] PagedScan paged_scan() noexcept;

}  // namespace ybcore::checks
