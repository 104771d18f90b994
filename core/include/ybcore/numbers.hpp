// Whole-number identifiers, and codes of dictionaries, into dense numbers.
//
// Meaning   Every distinct value gets the next number when it is first added; a missing one is -1. Rows of a dictionary name one of its
//           entries by a code; a negative code is a missing row.
// Units     Values are any int64; numbers count from 0.
// Requires  A mask that is empty or one byte a row; added values inside the bounds that the index was made for.
// Gives     Numbers by row, in order of first appearance.
// Fails     Functions on codes return false when a code is beyond the dictionary, and have then written something of no meaning.
// Cost      One load a row where the bounds are narrow, else one hash and about one cache miss. `find` and `numbers_of` may use threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ybcore {

class NumberIndex {
 public:
  // For values from `low` to `high`, of which about `rows` will be added.
  NumberIndex(std::int64_t low, std::int64_t high, std::size_t rows);

  // False when a value lies outside the bounds.
  [[nodiscard]] bool add(std::span<const std::int64_t> values, std::span<const std::uint8_t> valid, std::span<std::int32_t> numbers);
  void find(std::span<const std::int64_t> values, std::span<const std::uint8_t> valid, std::span<std::int32_t> numbers, int threads) const;

  [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }
  [[nodiscard]] std::span<const std::int64_t> values() const noexcept { return values_; }

 private:
  struct Slot {
    std::int64_t value;
    std::int32_t number;
  };
  [[nodiscard]] bool inside(std::int64_t value) const noexcept { return low_ <= value && value <= high_; }
  [[nodiscard]] std::size_t place(std::int64_t value) const noexcept {
    return static_cast<std::size_t>(static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(low_));
  }
  [[nodiscard]] std::size_t slot_of(std::int64_t value) const noexcept;
  [[nodiscard]] bool add_direct(std::span<const std::int64_t> values, std::span<const std::uint8_t> valid, std::span<std::int32_t> numbers);
  [[nodiscard]] std::int32_t numbered(std::int64_t value);
  void fetch(std::span<const std::int64_t> values) const noexcept;
  void grow();

  std::int64_t low_, high_;
  std::vector<std::int32_t> direct_;  // number of low_ + i; empty when the bounds are too wide for it
  std::vector<Slot> slots_;
  std::vector<std::int64_t> values_;
};

// Ranks of coded rows by first appearance. `rank` holds the rank of each entry of the dictionary, -1 where no row has named it yet;
// entries named for the first time are appended to `order`, and ranks go on from `from`.
template <class Code>
[[nodiscard]] bool rank_codes(std::span<const Code> codes, std::span<const std::uint8_t> valid, std::int32_t from,
                              std::span<std::int32_t> rank, std::span<std::int32_t> out, std::vector<std::int32_t>& order);

// numbers[code] of every row.
template <class Code>
[[nodiscard]] bool numbers_of(std::span<const Code> codes, std::span<const std::uint8_t> valid, std::span<const std::int32_t> numbers,
                              std::span<std::int32_t> out, int threads);

}  // namespace ybcore
