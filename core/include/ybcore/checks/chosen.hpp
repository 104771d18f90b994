// Rows that a table by dense code chooses: the pass that most rules begin with, over columns of which few rows matter.
//
// Meaning   A code is chosen or not; a row is chosen by its code.
// Units     None.
// Requires  Codes from -1 to below `codes`, which `sound` tells of a column.
// Gives     Rows in order.
// Fails     Never.
// Cost      A byte a code; a look at that byte a row.
#pragma once

#include <algorithm>
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

  // Whether every code is from -1 to below `codes`: by vectors, so that it costs little where the codes are near already.
  [[nodiscard]] bool sound(std::span<const std::int32_t> code) const noexcept {
    const auto last = static_cast<std::uint32_t>(chosen_.size() - 1);
    std::uint32_t outside = 0;
    for (const std::int32_t one : code) {
      const std::uint32_t place = static_cast<std::uint32_t>(one) + 1;
      outside |= place | (last - place);
    }
    return static_cast<std::int32_t>(outside) >= 0;
  }

  // The rows of [begin, end) whose code is chosen, written from `kept` on, which has room for all of them; how many they are. No branch
  // could be mistaken.
  std::size_t of(std::span<const std::int32_t> code, std::size_t begin, std::size_t end, std::int32_t* kept) const noexcept {
    std::size_t count = 0, i = begin;
    const auto look = [&] {
      kept[count] = static_cast<std::int32_t>(i);
      count += chosen_[at(code[i])];
    };
    // Asked for ahead: memory is read while bytes are looked up, and not before.
    for (; i + kTogether <= end;) {
      __builtin_prefetch(code.data() + std::min(i + kAhead, code.size() - 1));
      for (const std::size_t last = i + kTogether; i < last; ++i) look();
    }
    for (; i < end; ++i) look();
    return count;
  }

 private:
  static constexpr std::size_t kTogether = 16, kAhead = 2048;  // codes of a line of memory; of a page or two

  [[nodiscard]] static std::size_t at(std::int32_t code) noexcept { return static_cast<std::size_t>(static_cast<std::int64_t>(code) + 1); }

  std::vector<std::uint8_t> chosen_;
};

}  // namespace ybcore::checks
