// The catalogue compiled for one batch: eight bytes an item instead of dated rows. Private to the kernel.
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "words.hpp"
#include "ybcore/catalog.hpp"
#include "ybcore/pricing.hpp"

namespace ybcore {

// Words by number, the first one for numbers that mean nothing.
struct Words {
  const Word* word = nullptr;
  const Told* told = nullptr;  // null where nobody asks
  std::uint32_t count = 0;
  [[nodiscard]] std::size_t place(std::int32_t number) const {
    const std::uint32_t place = static_cast<std::uint32_t>(number) + 1;
    return place <= count ? place : 0;
  }
  [[nodiscard]] const Word* at(std::int32_t number) const { return word + place(number); }
  // Asks for the word of a number ahead of its use.
  void fetch(std::int32_t number) const { __builtin_prefetch(at(number)); }
};

// The word of a dated item from a day on.
struct WordSpan {
  std::int32_t from;
  Told told;
  Word word;
  bool operator==(const WordSpan&) const = default;
};
inline constexpr std::size_t kFewSpans = 3;  // every dated item has as many: the last one again

class Views {
 public:
  Views() = default;
  Views(const Catalog& catalog, const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events,
        const PricingLines& lines, bool told, int threads);

  // Without words where no view was worth making.
  [[nodiscard]] Words of(std::size_t event) const { return view_of_.empty() ? Words{} : words_[view_of_[event]]; }
  // The word of a dated item on a day of the batch.
  [[nodiscard]] const WordSpan& on(Word dated, std::int32_t day) const {
    const WordSpan* span = spans_.data() + static_cast<std::uint32_t>(dated);
    const auto count = (dated >> 32) & 0xff;
    std::size_t at = 0;
    for (std::size_t i = 1; i < kFewSpans; ++i) at += span[i].from <= day ? 1 : 0;
    for (std::size_t i = kFewSpans; i < count; ++i) at += span[i].from <= day ? 1 : 0;
    return span[at];
  }
  // Bounds of the days of all lines and visits; the wrong way round without a view, for which nobody looked.
  [[nodiscard]] std::int32_t low() const { return low_; }
  [[nodiscard]] std::int32_t high() const { return high_; }
  void fetch(Word dated) const {
    const WordSpan* span = spans_.data() + ((dated & kDated) != 0 ? static_cast<std::uint32_t>(dated) : 0);
    __builtin_prefetch(span);
    __builtin_prefetch(span + kFewSpans - 1);
  }

 private:
  std::int32_t low_ = INT32_MAX, high_ = INT32_MIN;
  std::vector<WordSpan> spans_;
  std::vector<std::uint8_t> view_of_;
  std::vector<Words> words_;
  std::vector<std::vector<Word>> held_;
  std::vector<std::vector<Told>> told_;  // beside held_
};

}  // namespace ybcore
