// The catalogue compiled for one batch: eight bytes an item instead of dated rows. Private to the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ybcore/catalog.hpp"
#include "ybcore/pricing.hpp"

namespace ybcore {

// What holds of an item under one program at one place and level on every day of the batch. Bits 0 to 33: the cap in 1/10000 yuan; then
// the first-pay ratio that the program's steps come to, in ppm; then flags. `kSlow`: something changes within the batch's days, or does not
// fit here, and the line is looked up in the rows themselves. `kDated`: the word depends on the day; how many spans in bits 32 to 39, the
// first one in bits 0 to 31.
using Word = std::uint64_t;
inline constexpr int kRatioAt = 34, kCappedAt = 54, kWholeAt = 55, kTagAt = 58;
inline constexpr Word kCapBits = (Word{1} << kRatioAt) - 1, kRatioBits = (Word{1} << 20) - 1;
inline constexpr Word kCapped = Word{1} << kCappedAt, kWhole = Word{1} << kWholeAt, kUnknown = Word{1} << 56, kDirectly = Word{1} << 57;
inline constexpr Word kTagBits = Word{15} << kTagAt, kSlow = Word{1} << 62;
inline constexpr Word kDated = Word{1} << 63;
inline constexpr Word kRare = kUnknown | kDirectly | kTagBits | kSlow | kDated;
// Quantities from here on might overflow when multiplied with a cap.
inline constexpr std::uint64_t kMostQuantity = std::uint64_t{1} << 29;

// Words by number, the first one for numbers that mean nothing.
struct Words {
  const Word* word = nullptr;
  std::uint32_t count = 0;
  [[nodiscard]] const Word* at(std::int32_t number) const {
    const std::uint32_t place = static_cast<std::uint32_t>(number) + 1;
    return word + (place <= count ? place : 0);
  }
};

class Views {
 public:
  Views() = default;
  Views(const Catalog& catalog, const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events,
        const PricingLines& lines, int threads);

  // Without words where no view was worth making.
  [[nodiscard]] Words of(std::size_t event) const { return view_of_.empty() ? Words{} : words_[view_of_[event]]; }
  // The word of a dated item on a day of the batch.
  [[nodiscard]] Word on(Word dated, std::int32_t day) const {
    const Span* span = spans_.data() + static_cast<std::uint32_t>(dated);
    const auto count = (dated >> 32) & 0xff;
    std::size_t at = 0;
    for (std::size_t i = 1; i < count; ++i) at += span[i].from <= day ? 1 : 0;
    return span[at].word;
  }

 private:
  struct Span {
    std::int32_t from;
    Word word;
  };
  std::vector<Span> spans_;
  std::vector<std::uint8_t> view_of_;
  std::vector<Words> words_;
  std::vector<std::vector<Word>> held_;
};

}  // namespace ybcore
