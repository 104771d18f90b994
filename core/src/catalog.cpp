#include "ybcore/catalog.hpp"

#include <algorithm>
#include <tuple>

namespace ybcore {
namespace {

// Up to this many rows one pass that ranks each row is cheaper than binary searches.
constexpr std::size_t kScan = 8;

std::int32_t key_of(const ClassRow&) noexcept { return kAnyKey; }
std::int32_t key_of(const RatioRow& row) noexcept { return row.key; }
std::int32_t key_of(const CapRow& row) noexcept { return row.key; }

// The last row of exactly (place, key) that begins on or before the day, if it has not ended.
template <class Row>
const Row* exactly(const Row* first, const Row* last, std::int32_t place, std::int32_t key, std::int32_t day) noexcept {
  const auto wanted = std::make_tuple(place, key, day);
  const Row* after = std::upper_bound(
      first, last, wanted, [](const auto& want, const Row& row) { return want < std::make_tuple(row.place, key_of(row), row.begin); });
  if (after == first) return nullptr;
  const Row* row = after - 1;
  return row->place == place && key_of(*row) == key && day < row->end ? row : nullptr;
}

template <class Row>
const Row* find(const Row* first, const Row* last, std::int32_t place, std::int32_t key, std::int32_t day) noexcept {
  if (static_cast<std::size_t>(last - first) <= kScan) {
    const Row* best = nullptr;
    int best_rank = -1;
    for (const Row* row = first; row != last; ++row) {
      const std::int32_t own = key_of(*row);
      const bool fits = (row->place == place || row->place == kAnywhere) && (own == key || own == kAnyKey);
      if (!fits || day < row->begin || day >= row->end) continue;
      const int rank = (row->place == place ? 2 : 0) + (own == key ? 1 : 0);
      if (rank > best_rank) {
        best = row;
        best_rank = rank;
      }
    }
    return best;
  }
  for (const std::int32_t p : {place, kAnywhere}) {
    for (const std::int32_t k : {key, kAnyKey}) {
      if (const Row* row = exactly(first, last, p, k, day)) return row;
    }
  }
  return nullptr;
}

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

const ClassRow* Catalog::class_row(std::int32_t item, std::int32_t place, std::int32_t day) const noexcept {
  const auto i = static_cast<std::size_t>(item);
  const ClassRow* rows = classes_.data();
  return find(rows + heads_[i].classes, rows + heads_[i + 1].classes, place, kAnyKey, day);
}

const RatioRow* Catalog::ratio_row(std::int32_t item, std::int32_t place, std::int32_t category, std::int32_t day) const noexcept {
  const auto i = static_cast<std::size_t>(item);
  const RatioRow* rows = ratios_.data();
  return find(rows + heads_[i].ratios, rows + heads_[i + 1].ratios, place, category, day);
}

const CapRow* Catalog::cap_row(std::int32_t item, std::int32_t place, std::int32_t level, std::int32_t day) const noexcept {
  const auto i = static_cast<std::size_t>(item);
  const CapRow* rows = caps_.data();
  return find(rows + heads_[i].caps, rows + heads_[i + 1].caps, place, level, day);
}

}  // namespace ybcore
