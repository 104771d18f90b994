// The ways to go through a column for the codes that a table chooses (chosen.hpp). Private to the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ybcore::checks {

// What is chosen, by code + 1: a byte a code, and a bit.
struct ScanTable {
  std::span<const std::uint8_t> bytes;
  const std::uint32_t* bits;
};

// As ChosenCodes::of.
using Scan = std::size_t (*)(const ScanTable& table, std::span<const std::int32_t> code, std::size_t begin, std::size_t end,
                             std::int32_t* kept) noexcept;

std::size_t plain_scan(const ScanTable& table, std::span<const std::int32_t> code, std::size_t begin, std::size_t end,
                       std::int32_t* kept) noexcept;
// Sixteen codes at once; null where this processor or build has no good way to.
[[nodiscard]] Scan wide_scan() noexcept;

// Codes ahead of the one that is looked up are asked for: memory is read meanwhile, and not only when it is needed.
inline constexpr std::size_t kScanLine = 16;  // codes of a line of memory

}  // namespace ybcore::checks
