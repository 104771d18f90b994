#include "scan.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "ybcore/checks/chosen.hpp"

namespace ybcore::checks {
namespace {

constexpr std::size_t kBlock = 64, kAhead = 2048;  // codes of a block; of a page or two

std::size_t at(std::int32_t code) noexcept { return static_cast<std::size_t>(static_cast<std::int64_t>(code) + 1); }

// By vectors, and without a comparison: of what is outside one of the two differences is negative.
bool sound(const ScanTable& table, std::span<const std::int32_t> code) noexcept {
  const auto last = static_cast<std::uint32_t>(table.bytes.size() - 1);
  std::uint32_t outside = 0;
  for (const std::int32_t one : code) {
    const std::uint32_t place = static_cast<std::uint32_t>(one) + 1;
    outside |= place | (last - place);
  }
  return static_cast<std::int32_t>(outside) >= 0;
}

Scan best() noexcept {
  const char* most = std::getenv("YB_MAX_ISA");
  const Scan wide = wide_scan();
  return wide != nullptr && (most == nullptr || std::strcmp(most, "v1") != 0) ? wide : plain_scan;
}

}  // namespace

// Bits of 64 rows are put together without a branch, four chains at once, and then gone through: few of them are set.
std::size_t plain_scan(const ScanTable& table, std::span<const std::int32_t> code, std::size_t begin, std::size_t end,
                       std::int32_t* kept) noexcept {
  std::size_t count = 0, i = begin;
  for (; i + kBlock <= end; i += kBlock) {
    const std::int32_t* const own = code.data() + i;
    for (std::size_t k = kAhead; k < kAhead + kBlock; k += kScanLine) __builtin_prefetch(code.data() + std::min(i + k, code.size() - 1));
    if (!sound(table, {own, kBlock})) return ChosenCodes::kUnsound;
    constexpr std::size_t kLength = kBlock / 4;
    std::uint64_t chain[4] = {};
    for (std::size_t k = kLength; k-- > 0;)
      for (std::size_t c = 0; c < 4; ++c) chain[c] = 2 * chain[c] + table.bytes[at(own[c * kLength + k])];
    std::uint64_t bits = 0;
    for (std::size_t c = 0; c < 4; ++c) bits |= chain[c] << (c * kLength);
    for (; bits != 0; bits &= bits - 1) kept[count++] = static_cast<std::int32_t>(i + static_cast<std::size_t>(std::countr_zero(bits)));
  }
  if (!sound(table, code.subspan(i, end - i))) return ChosenCodes::kUnsound;
  for (; i < end; ++i) {
    kept[count] = static_cast<std::int32_t>(i);
    count += table.bytes[at(code[i])];
  }
  return count;
}

std::size_t ChosenCodes::of(std::span<const std::int32_t> code, std::size_t begin, std::size_t end, std::int32_t* kept) const noexcept {
  static const Scan scan = best();
  return scan({chosen_, bits_.data()}, code, begin, end, kept);
}

}  // namespace ybcore::checks
