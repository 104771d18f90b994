#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include "ybcore/checks/pairs.hpp"

namespace ybcore::checks {
namespace {

struct Pair {
  std::int32_t main;
  std::int32_t row;  // reversed pairs after the rows' own

  auto operator<=>(const Pair&) const = default;
};

constexpr std::size_t kPairsAWord = 4;

std::array<std::uint64_t, 2> bits_of(std::int32_t main) noexcept {
  const std::uint64_t mixed = static_cast<std::uint64_t>(main) * 0x9e3779b97f4a7c15U;
  return {std::uint64_t{1} << (mixed >> 58), std::uint64_t{1} << (mixed >> 52 & 63)};
}

}  // namespace

PairIndex::PairIndex(const PairRows& rows, std::int32_t scope, std::size_t items) : role_(items), place_(big<Place>(items)) {
  std::fill_n(place_.get(), items, Place{});
  const std::size_t n = rows.main.size();
  const auto taken = [&](std::size_t row) {
    return (rows.scope.empty() ? 0 : rows.scope[row]) == scope && rows.main[row] >= 0 && rows.included[row] >= 0;
  };
  // Counted by included item, then sorted by main item inside it.
  std::vector<std::size_t> begin(items + 1);
  const auto each = [&](auto one) {
    for (std::size_t row = 0; row < n; ++row) {
      if (!taken(row)) continue;
      const auto id = static_cast<std::int32_t>(row);
      one(rows.included[row], Pair{rows.main[row], id});
      if (rows.symmetric) one(rows.main[row], Pair{rows.included[row], id + static_cast<std::int32_t>(n)});
    }
  };
  each([&](std::int32_t included, const Pair& pair) {
    ++begin[static_cast<std::size_t>(included) + 1];
    role_[static_cast<std::size_t>(included)] |= kIncluded;
    role_[static_cast<std::size_t>(pair.main)] |= kMain;
  });
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<Pair> all(begin.back());
  std::vector<std::size_t> next(begin.begin(), begin.end() - 1);
  each([&](std::int32_t included, const Pair& pair) { all[next[static_cast<std::size_t>(included)]++] = pair; });
  rows_.reserve(all.size());
  mains_.reserve(all.size());
  for (std::size_t item = 0; item < items; ++item) {
    if (begin[item] == begin[item + 1]) continue;
    place_[item].pair = static_cast<std::uint32_t>(mains_.size());
    std::sort(all.begin() + static_cast<std::ptrdiff_t>(begin[item]), all.begin() + static_cast<std::ptrdiff_t>(begin[item + 1]));
    for (std::size_t i = begin[item]; i < begin[item + 1]; ++i) {
      if (i == begin[item] || all[i].main != all[i - 1].main) {
        mains_.push_back(all[i].main);
        row_begin_.push_back(static_cast<std::uint32_t>(rows_.size()));
      }
      rows_.push_back(all[i].row % static_cast<std::int32_t>(n));
    }
    place_[item].pairs = static_cast<std::uint32_t>(mains_.size()) - place_[item].pair;
  }
  row_begin_.push_back(static_cast<std::uint32_t>(rows_.size()));
  mark();
}

void PairIndex::mark() {
  const std::span places(place_.get(), role_.size());
  constexpr std::size_t kLine = 8;  // words of a cache line
  for (Place& place : places) {
    if (place.pairs == 0) continue;
    const std::size_t words = std::bit_ceil(std::clamp<std::size_t>(place.pairs / kPairsAWord, 1, std::size_t{1} << 14));
    const std::size_t apart = std::min(words, kLine);
    word_count_ = (word_count_ + apart - 1) / apart * apart;
    place.word = static_cast<std::uint32_t>(word_count_);
    place.mask = static_cast<std::uint32_t>(words - 1);
    word_count_ += words;
  }
  words_ = big<std::uint64_t>(word_count_);
  std::fill_n(words_.get(), word_count_, 0);
  for (const Place& place : places) {
    for (std::uint32_t pair = place.pair; pair < place.pair + place.pairs; ++pair) {
      const Mark mark = mark_of(mains_[pair]);
      words_[place.word + (mark.word & place.mask)] |= mark.bits;
    }
  }
}

PairScopes::PairScopes(const PairRows& rows, std::int32_t scopes, std::size_t items) : items_(items), named_(items) {
  for (std::int32_t g = 0; g < scopes; ++g) small_ &= indexes_.emplace_back(rows, g, items).small();
  number_items(items);
}

// What tells of two items that they may be a pair, and which.
void PairScopes::match(std::span<const std::int32_t> numbered) {
  traits_.resize(numbered.size());
  match_begin_.reserve(numbered.size() + 1);
  for (std::size_t n = 0; n < numbered.size(); ++n) {
    const auto before = static_cast<std::ptrdiff_t>(matches_.size());
    match_begin_.push_back(static_cast<std::uint32_t>(before));
    for (std::size_t g = 0; g < indexes_.size(); ++g) {
      const PairIndex& index = indexes_[g];
      const std::uint8_t role = index.role(numbered[n]);
      if ((role & PairIndex::kMain) != 0) traits_[n].own = bits_of(numbered[n]);
      if ((role & PairIndex::kIncluded) == 0) continue;
      auto pair = static_cast<std::uint32_t>(index.first_pair(numbered[n]));
      for (const std::int32_t main : index.mains(numbered[n])) {
        const auto bits = bits_of(main);
        for (std::size_t w = 0; w < bits.size(); ++w) traits_[n].wanted[w] |= bits[w];
        matches_.push_back({number(main), static_cast<std::uint16_t>(g), pair++});
      }
    }
    std::sort(matches_.begin() + before, matches_.end(),
              [](const Match& a, const Match& b) { return std::pair(a.main, a.grouping) < std::pair(b.main, b.grouping); });
  }
  match_begin_.push_back(static_cast<std::uint32_t>(matches_.size()));
}

void PairScopes::number_items(std::size_t items) {
  std::vector<std::int32_t> mains, others;
  for (std::size_t i = 0; i < items; ++i) {
    const auto item = static_cast<std::int32_t>(i);
    std::uint8_t role = 0;
    for (const PairIndex& index : indexes_) role |= index.role(item);
    if (role == 0) continue;
    named_.choose(item);
    ((role & PairIndex::kMain) != 0 ? mains : others).push_back(item);
  }
  leads_ = mains.size();
  mains.insert(mains.end(), others.begin(), others.end());
  small_ &= mains.size() <= std::size_t{UINT16_MAX} + 1 && indexes_.size() <= std::size_t{UINT16_MAX} + 1;
  if (!small_) return;
  number_.resize(items);
  for (std::size_t n = 0; n < mains.size(); ++n) number_[static_cast<std::size_t>(mains[n])] = static_cast<std::uint16_t>(n);
  match(mains);
}

}  // namespace ybcore::checks
