#include "ybcore/checks/ratio.hpp"

#include <compare>

#include "groups.hpp"

namespace ybcore::checks {

namespace {

using Whole = unsigned __int128;
constexpr std::int64_t kMillion = 1'000'000;
constexpr Wide kRoom = static_cast<Wide>(1) << 62;

// 256 bits, for squares of numbers of 64.
struct Product {
  Whole high, low;
  auto operator<=>(const Product&) const = default;
};

[[nodiscard]] constexpr Product times(Whole a, Whole b) noexcept {
  constexpr Whole mask = ~std::uint64_t{0};
  const Whole al = a & mask, ah = a >> 64, bl = b & mask, bh = b >> 64;
  const Whole low = al * bl, one = ah * bl, two = al * bh;
  const Whole middle = (low >> 64) + (one & mask) + (two & mask);
  return {ah * bh + (one >> 64) + (two >> 64) + (middle >> 64), (middle << 64) | (low & mask)};
}

[[nodiscard]] Whole size_of(Wide value) noexcept { return static_cast<Whole>(value < 0 ? -value : value); }

[[nodiscard]] bool compares(Comparator comparator, std::strong_ordering order) noexcept {
  const bool equal = order == std::strong_ordering::equal;
  if (equal) return comparator == Comparator::kAtLeast || comparator == Comparator::kAtMost;
  return wants_less(comparator) == (order == std::strong_ordering::less);
}

void tell(Found& found, std::size_t i, Wide measure, RatioTest test) {
  found.open({told(measure), test.value});
  found.detail(static_cast<std::int32_t>(i), Part::kOffending);
}

// part / all against the value, for all > 0.
void judge_part(Found& found, std::size_t i, Wide part, Wide all, RatioTest test) {
  const Wide scaled = part * kMillion;
  if (compares(test.comparator, scaled <=> all * test.value)) tell(found, i, round_div(scaled, all), test);
}

// deviation / sqrt(variance) against value / kMillion: signs, then squares.
[[nodiscard]] std::strong_ordering against(Wide deviation, Whole variance, std::int64_t value) noexcept {
  if (deviation < 0 && value >= 0) return std::strong_ordering::less;
  if (deviation >= 0 && value < 0) return std::strong_ordering::greater;
  const Whole size = size_of(value);
  const auto order =
      times(size_of(deviation) * size_of(deviation), static_cast<Whole>(kMillion) * kMillion) <=> times(variance, size * size);
  return deviation < 0 ? 0 <=> order : order;
}

// |deviation| * kMillion / sqrt(variance), half up: the greatest k for which (2k - 1) * sqrt(variance) is not beyond 2 * kMillion of it.
[[nodiscard]] std::int64_t rounded_z(Wide deviation, Whole variance) noexcept {
  const Product goal = times(size_of(deviation) * size_of(deviation), static_cast<Whole>(4) * kMillion * kMillion);
  std::int64_t low = 0, high = std::int64_t{1} << 52;  // no z is beyond the root of the number of peers
  while (low < high) {
    const std::int64_t k = low + (high - low + 1) / 2;
    const Whole twice = static_cast<Whole>(2) * static_cast<Whole>(k) - 1;
    if (times(variance, twice * twice) <= goal) {
      low = k;
    } else {
      high = k - 1;
    }
  }
  return deviation < 0 ? -low : low;
}

class Peers {
 public:
  Peers(const Ratios& cells, Statistic statistic, RatioTest test, Found& found)
      : cells_(cells), statistic_(statistic), test_(test), found_(found) {}

  void group(std::size_t from, std::size_t to) {
    cell_.clear();
    ratio_.clear();
    for (std::size_t i = from; i < to; ++i) {
      const std::int64_t ratio = ratio_of(cells_, i);
      if (ratio == kUnknown) {
        ++found_.unknown;
        continue;
      }
      cell_.push_back(i);
      ratio_.push_back(ratio);
    }
    if (ratio_.empty()) return;
    sorted_ = ratio_;
    std::sort(sorted_.begin(), sorted_.end());
    if (statistic_ == Statistic::kZ) return z();
    if (statistic_ == Statistic::kMad) return mad();
    for (std::size_t k = 0; k < cell_.size(); ++k) {
      const auto below = std::lower_bound(sorted_.begin(), sorted_.end(), ratio_[k]) - sorted_.begin();
      judge_part(found_, cell_[k], below, static_cast<Wide>(cell_.size()), test_);
    }
  }

 private:
  void all_unknown() { found_.unknown += static_cast<std::int64_t>(cell_.size()); }

  // n * ratio - sum over the root of n * squares - sum * sum, counted from the least ratio.
  void z() {
    const auto n = static_cast<Wide>(cell_.size());
    const Wide least = sorted_.front(), spread = sorted_.back() - least;
    if (spread == 0 || spread > kRoom / n) return all_unknown();
    Wide sum = 0, squares = 0;
    for (const std::int64_t ratio : ratio_) sum += ratio - least, squares += (ratio - least) * (ratio - least);
    const auto variance = static_cast<Whole>(n * squares - sum * sum);
    for (std::size_t k = 0; k < cell_.size(); ++k) {
      const Wide deviation = n * (ratio_[k] - least) - sum;
      if (compares(test_.comparator, against(deviation, variance, test_.value)))
        tell(found_, cell_[k], rounded_z(deviation, variance), test_);
    }
  }

  void mad() {
    const std::size_t middle = (sorted_.size() - 1) / 2;
    const Wide median = sorted_[middle];
    if (static_cast<Wide>(sorted_.back()) - sorted_.front() > kRoom) return all_unknown();
    for (std::int64_t& ratio : sorted_) ratio = static_cast<std::int64_t>(size_of(ratio - median));
    std::sort(sorted_.begin(), sorted_.end());
    const std::int64_t deviation = sorted_[middle];
    if (deviation == 0) return all_unknown();
    for (std::size_t k = 0; k < cell_.size(); ++k)
      judge_part(found_, cell_[k], static_cast<Wide>(size_of(ratio_[k] - median)), deviation, test_);
  }

  const Ratios& cells_;
  Statistic statistic_;
  RatioTest test_;
  Found& found_;
  std::vector<std::size_t> cell_;
  std::vector<std::int64_t> ratio_, sorted_;
};

}  // namespace

std::int64_t ratio_of(const Ratios& cells, std::size_t i) noexcept {
  const std::int64_t numerator = cells.numerator[i], denominator = cells.denominator[i];
  if (numerator == kUnknown || denominator == kUnknown || denominator <= 0 || denominator < cells.min_sample) return kUnknown;
  const Wide ratio = round_div(static_cast<Wide>(numerator) * cells.up, static_cast<Wide>(denominator) * cells.down);
  return ratio == told(ratio) ? told(ratio) : kUnknown;
}

Found ratio_fixed(const Ratios& cells, RatioTest test, int threads) {
  return over_rows(cells.numerator.size(), threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      const std::int64_t ratio = ratio_of(cells, i);
      if (ratio == kUnknown) {
        ++found.unknown;
      } else if (hits(test.comparator, ratio, test.value)) {
        tell(found, i, ratio, test);
      }
    }
  });
}

Found ratio_change(const Ratios& cells, std::span<const std::int32_t> before, RatioTest test, int threads) {
  return over_rows(cells.numerator.size(), threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      const std::int64_t ratio = ratio_of(cells, i);
      const std::int64_t base = before[i] < 0 ? kUnknown : ratio_of(cells, static_cast<std::size_t>(before[i]));
      if (ratio == kUnknown || base == kUnknown || base <= 0) {
        ++found.unknown;
      } else {
        judge_part(found, i, static_cast<Wide>(ratio) - base, base, test);
      }
    }
  });
}

Found ratio_peer(const Ratios& cells, std::span<const std::int64_t> begin, Statistic statistic, RatioTest test, int threads) {
  return over_groups(begin, threads, [&](Found& found, std::size_t from, std::size_t to) {
    Peers peers(cells, statistic, test, found);
    for (std::size_t g = from; g < to; ++g) peers.group(static_cast<std::size_t>(begin[g]), static_cast<std::size_t>(begin[g + 1]));
  });
}

}  // namespace ybcore::checks
