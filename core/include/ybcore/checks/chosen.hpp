// Rows that a table by dense code chooses: the pass that most rules begin with, over columns of which few rows matter.
//
// Meaning   A code is chosen or not; a row is chosen by its code.
// Units     None.
// Requires  Nothing.
// Gives     Rows in order: the same by every way of a machine.
// Fails     kUnsound in place of rows where a code is not from -1 to below `codes`.
// Cost      A byte a code. A row costs a look at one: a cycle or less, by vectors little more than reading its code from memory.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ybcore::checks {

// The bits of chosen codes in so little room that vector registers hold them: of pages of a few hundred codes only those in which any is
// chosen. Items of one table have neighbouring codes, as catalogues are sorted.
class ScanPages {
 public:
  explicit ScanPages(std::size_t places) noexcept {
    while (places > kPages << shift) ++shift;
    fit = shift <= 16 - 7;
  }

  void choose(std::size_t place) noexcept;

  static constexpr std::size_t kPages = 128, kWords = 128;
  static constexpr unsigned kWordBits = 16;

  alignas(64) std::array<std::uint8_t, kPages> begin{};   // first word of each page; of pages without a chosen code the empty one's, 0
  alignas(64) std::array<std::uint16_t, kWords> words{};  // a bit a code
  unsigned shift = 4;                                     // of a place, for its page
  bool fit;                                               // places have 16 bits, and there was room for the pages

  [[nodiscard]] unsigned page_words() const noexcept { return (1U << shift) / kWordBits; }

 private:
  unsigned used_ = 0;
};

class ChosenCodes {
 public:
  // None of the codes below `codes`, nor -1.
  explicit ChosenCodes(std::size_t codes) : chosen_(std::bit_ceil(codes + 1), kNone), pages_(codes + 1), places_(codes + 1) {
    std::fill_n(chosen_.begin(), codes + 1, std::uint8_t{0});
  }

  // A code, or -1.
  void choose(std::int64_t code) noexcept {
    chosen_[static_cast<std::size_t>(code + 1)] = 1;
    pages_.choose(static_cast<std::size_t>(code + 1));
  }
  [[nodiscard]] bool has(std::int32_t code) const noexcept {
    return chosen_[static_cast<std::size_t>(static_cast<std::int64_t>(code) + 1)] != 0;
  }

  // Given in place of how many rows are chosen, where a code is not from -1 to below `codes`.
  static constexpr std::size_t kUnsound = SIZE_MAX;

  // The rows of [begin, end) whose code is chosen, written from `kept` on, which has room for all of them; how many they are.
  std::size_t of(std::span<const std::int32_t> code, std::size_t begin, std::size_t end, std::int32_t* kept) const noexcept;

  // A byte of the table that belongs to no code.
  static constexpr std::uint8_t kNone = 2;

 private:
  std::vector<std::uint8_t> chosen_;  // by code + 1, up to a power of two
  ScanPages pages_;
  std::size_t places_;
};

}  // namespace ybcore::checks
