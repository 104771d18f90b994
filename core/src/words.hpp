// What the catalogue says of an item, in eight bytes. Private to the kernel.
#pragma once

#include <cstdint>

namespace ybcore {

// What holds of an item under one program at one place and level on every day of the batch. Bits 0 to 33: the cap in 1/10000 yuan; then
// the first-pay ratio that the program's steps come to, in ppm; then flags. `kOpen`: no cap. `kWhole`: all is full self-pay, and cap and
// ratio are 0. `kSlow`: something changes within the batch's days, or does not fit here, and the line is looked up in the rows themselves.
// `kDated`: the word depends on the day; how many spans in bits 32 to 39, the first one in bits 0 to 31.
using Word = std::uint64_t;
inline constexpr int kRatioAt = 34, kOpenAt = 54, kTagAt = 58, kWholeAt = 63;
inline constexpr Word kCapBits = (Word{1} << kRatioAt) - 1, kRatioBits = (Word{1} << 20) - 1;
inline constexpr Word kOpen = Word{1} << kOpenAt, kDated = Word{1} << 55, kUnknown = Word{1} << 56, kDirectly = Word{1} << 57;
inline constexpr Word kTagBits = Word{15} << kTagAt, kSlow = Word{1} << 62, kWhole = Word{1} << kWholeAt;
inline constexpr Word kRare = kUnknown | kDirectly | kTagBits | kSlow | kDated;

// What is told of a line beside amounts: its own first-pay ratio, its class, and whether it needs a ratio that nobody gives.
using Told = std::uint32_t;
inline constexpr int kToldClassAt = 20;
inline constexpr Told kToldRatio = (Told{1} << kToldClassAt) - 1, kToldClass = Told{3}, kToldNoRatio = Told{1} << 22;

inline constexpr std::int64_t kOneUnit = 10'000;  // quantity 1
// Quantities from here on might overflow when multiplied with a cap.
inline constexpr std::uint64_t kMostQuantity = std::uint64_t{1} << 29;

}  // namespace ybcore
