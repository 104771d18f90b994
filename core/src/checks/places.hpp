// Sums by place: a small table that codes share, so that most of them are added up without being told apart.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace ybcore::checks {

// Sums from here on are as good as each other before they are judged: edges are below.
inline constexpr std::int64_t kTopSum = std::int64_t{1} << 47;
inline constexpr int kSmallValue = 40;  // bits of values that no sum of a place is spoilt by

// A place is of the cell that added to it last: its tag stands above the sum. That other cells have the same tag by chance only makes sums
// greater than they are.
class Places {
 public:
  explicit Places(std::uint64_t* sums) noexcept : sums_(sums) {}

  static constexpr int kBits = 11, kSumBits = 48;
  static constexpr std::size_t kSize = std::size_t{1} << kBits;
  using Tag = std::uint64_t;

  [[nodiscard]] static constexpr Tag tag_of(std::uint64_t cell) noexcept { return cell << kSumBits; }
  [[nodiscard]] static constexpr std::size_t place_of(std::uint32_t key) noexcept { return key * 0x9e3779b1U >> (32 - kBits); }

  struct Sum {
    bool met;  // the cell has added to the place before
    std::int64_t before, now;
  };
  // No branch: whether the code was met in the cell is anyone's guess.
  Sum add(std::size_t place, Tag tag, std::int64_t own) noexcept {
    const std::uint64_t held = sums_[place] ^ tag;
    const bool met = held >> kSumBits == 0;
    const std::uint64_t before = held & (std::uint64_t{0} - static_cast<std::uint64_t>(met)),
                        now = before + static_cast<std::uint64_t>(own);
    sums_[place] = tag | now;
    return {met, static_cast<std::int64_t>(before), static_cast<std::int64_t>(now)};
  }
  // After a sum above an edge, which is below kTopSum: so it never grows into the tag.
  void bound(std::size_t place, Tag tag, std::int64_t sum) noexcept {
    sums_[place] = tag | static_cast<std::uint64_t>(std::min(sum, kTopSum));
  }

 private:
  std::uint64_t* sums_;
};

}  // namespace ybcore::checks
