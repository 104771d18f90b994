#include "ybcore/catalog.hpp"

#include <algorithm>
#include <tuple>

namespace ybcore {
namespace {

// Up to this many rows one pass that ranks each row is cheaper than binary searches.
constexpr std::size_t kScan = 8;

}  // namespace

Catalog::Catalog(std::size_t items, const DatedColumns& classes, std::span<const std::int32_t> class_ratio,
                 std::span<const std::uint8_t> item_class, std::span<const std::uint8_t> direct, std::span<const std::int32_t> tag,
                 const DatedColumns& ratios, std::span<const std::int32_t> ratio, const DatedColumns& caps,
                 std::span<const std::int64_t> cap)
    : own_heads_(items + 1, ItemHead{0, 0, 0}) {
  own_classes_.reserve(classes.item.size());
  for (std::size_t i = 0; i < classes.item.size(); ++i) {
    own_classes_.push_back({classes.place[i], classes.begin[i], classes.end[i], class_ratio[i], static_cast<ItemClass>(item_class[i]),
                            direct[i] != 0, static_cast<std::uint16_t>(tag[i])});
    ++own_heads_[static_cast<std::size_t>(classes.item[i]) + 1].classes;
  }
  own_ratios_.reserve(ratios.item.size());
  for (std::size_t i = 0; i < ratios.item.size(); ++i) {
    own_ratios_.push_back({ratios.place[i], ratios.key[i], ratios.begin[i], ratios.end[i], ratio[i]});
    ++own_heads_[static_cast<std::size_t>(ratios.item[i]) + 1].ratios;
  }
  own_caps_.reserve(caps.item.size());
  for (std::size_t i = 0; i < caps.item.size(); ++i) {
    own_caps_.push_back({caps.place[i], caps.key[i], caps.begin[i], caps.end[i], cap[i]});
    ++own_heads_[static_cast<std::size_t>(caps.item[i]) + 1].caps;
  }
  for (std::size_t i = 1; i <= items; ++i) {
    own_heads_[i].classes += own_heads_[i - 1].classes;
    own_heads_[i].ratios += own_heads_[i - 1].ratios;
    own_heads_[i].caps += own_heads_[i - 1].caps;
  }
  heads_ = own_heads_;
  classes_ = own_classes_;
  ratios_ = own_ratios_;
  caps_ = own_caps_;
}

template <class Row>
const Row* Catalog::best_of(const Row* first, const Row* last, std::int32_t place, std::int32_t key, std::int32_t day) noexcept {
  if (static_cast<std::size_t>(last - first) <= kScan) {
    const Row* best = nullptr;
    int best_rank = -1;
    for (const Row* row = first; row != last; ++row) {
      if (!holds(*row, place, key, day)) continue;
      const int rank = (row->place == place ? 2 : 0) + (key_of(*row) == key ? 1 : 0);
      if (rank > best_rank) {
        best = row;
        best_rank = rank;
      }
    }
    return best;
  }
  // The last row of exactly (place, key) that begins on or before the day, if it has not ended.
  const auto exactly = [&](std::int32_t p, std::int32_t k) -> const Row* {
    const auto wanted = std::make_tuple(p, k, day);
    const Row* after = std::upper_bound(
        first, last, wanted, [](const auto& want, const Row& row) { return want < std::make_tuple(row.place, key_of(row), row.begin); });
    if (after == first) return nullptr;
    const Row* row = after - 1;
    return row->place == p && key_of(*row) == k && day < row->end ? row : nullptr;
  };
  for (const std::int32_t p : {place, kAnywhere}) {
    for (const std::int32_t k : {key, kAnyKey}) {
      if (const Row* row = exactly(p, k)) return row;
    }
  }
  return nullptr;
}

template const ClassRow* Catalog::best_of(const ClassRow*, const ClassRow*, std::int32_t, std::int32_t, std::int32_t) noexcept;
template const RatioRow* Catalog::best_of(const RatioRow*, const RatioRow*, std::int32_t, std::int32_t, std::int32_t) noexcept;
template const CapRow* Catalog::best_of(const CapRow*, const CapRow*, std::int32_t, std::int32_t, std::int32_t) noexcept;

}  // namespace ybcore
