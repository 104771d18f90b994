// Rows that a table by dense code chooses: the pass that most rules begin with, over columns of which few rows matter.
//
// Meaning   A code is chosen or not; a row is chosen by its code.
// Units     None.
// Requires  Nothing.
// Gives     Rows in order.
// Fails     kUnsound in place of rows where a code is not from -1 to below `codes`.
// Cost      A byte a code; a look at that byte a row.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ybcore::checks {

class ChosenCodes {
 public:
  // None of the codes below `codes`, nor -1.
  explicit ChosenCodes(std::size_t codes) : chosen_(codes + 1) {}

  // A code, or -1.
  void choose(std::int64_t code) noexcept { chosen_[static_cast<std::size_t>(code + 1)] = 1; }
  [[nodiscard]] bool has(std::int32_t code) const noexcept { return chosen_[at(code)] != 0; }

  // Given in place of how many rows are chosen, where a code is not from -1 to below `codes`.
  static constexpr std::size_t kUnsound = SIZE_MAX;

  // The rows of [begin, end) whose code is chosen, written from `kept` on, which has room for all of them; how many they are. Bits of 64
  // rows are put together without a branch, four chains at once, and then gone through: few of them are set.
  std::size_t of(std::span<const std::int32_t> code, std::size_t begin, std::size_t end, std::int32_t* kept) const noexcept {
    std::size_t count = 0, i = begin;
    for (; i + kBlock <= end; i += kBlock) {
      const std::int32_t* const own = code.data() + i;
      // Asked for ahead: memory is read while bytes are looked up, and not before.
      for (std::size_t k = kAhead; k < kAhead + kBlock; k += kLine) __builtin_prefetch(code.data() + std::min(i + k, code.size() - 1));
      if (!sound({own, kBlock})) return kUnsound;
      constexpr std::size_t kLength = kBlock / 4;
      std::uint64_t chain[4] = {};
      for (std::size_t k = kLength; k-- > 0;)
        for (std::size_t c = 0; c < 4; ++c) chain[c] = 2 * chain[c] + chosen_[at(own[c * kLength + k])];
      std::uint64_t bits = 0;
      for (std::size_t c = 0; c < 4; ++c) bits |= chain[c] << (c * kLength);
      for (; bits != 0; bits &= bits - 1) kept[count++] = static_cast<std::int32_t>(i + static_cast<std::size_t>(std::countr_zero(bits)));
    }
    if (!sound(code.subspan(i, end - i))) return kUnsound;
    for (; i < end; ++i) {
      kept[count] = static_cast<std::int32_t>(i);
      count += chosen_[at(code[i])];
    }
    return count;
  }

 private:
  static constexpr std::size_t kBlock = 64, kLine = 16, kAhead = 2048;  // codes of a block; of a line of memory; of a page or two

  // By vectors, and without a comparison: of what is outside one of the two differences is negative.
  [[nodiscard]] bool sound(std::span<const std::int32_t> code) const noexcept {
    const auto last = static_cast<std::uint32_t>(chosen_.size() - 1);
    std::uint32_t outside = 0;
    for (const std::int32_t one : code) {
      const std::uint32_t place = static_cast<std::uint32_t>(one) + 1;
      outside |= place | (last - place);
    }
    return static_cast<std::int32_t>(outside) >= 0;
  }

  [[nodiscard]] static std::size_t at(std::int32_t code) noexcept { return static_cast<std::size_t>(static_cast<std::int64_t>(code) + 1); }

  std::vector<std::uint8_t> chosen_;
};

}  // namespace ybcore::checks
