// Dated catalogue: which class, first-pay ratio and price cap of an item hold at a place on a day.
//
// Meaning   Three tables hang on one item index. A row holds on begin <= day < end. The row of the asked place wins over the row
//           that holds everywhere (place -1); under one place the row of the asked key (person category for ratios, price level
//           for caps) wins over the row for every key (-1).
// Units     Days since 1970-01-01; ratios in ppm; caps in 1/1000000 yuan for one unit of quantity.
// Requires  Rows sorted by (item, place, key, begin) and without overlap inside one (item, place, key); the loader checks both.
// Gives     An immutable object, of its own rows or of rows that stand elsewhere (a file in memory that processes share); every
//           look-up is const, allocates nothing and may run on any thread.
// Fails     Never. An absent row is a null pointer.
// Cost      One pass over an item's rows when they are few, binary searches when many.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ybcore {

inline constexpr std::int32_t kAnywhere = -1;
inline constexpr std::int32_t kAnyKey = -1;
inline constexpr std::int32_t kNullDay = INT32_MIN;

// Catalogue classes as stored: 0 is no row at all.
enum class ItemClass : std::uint8_t { kNone = 0, kA = 1, kB = 2, kC = 3 };

struct ClassRow {
  std::int32_t place;
  std::int32_t begin;
  std::int32_t end;
  std::int32_t ratio;  // ppm; -1: the item gives none
  ItemClass item_class;
  bool direct;
  std::uint16_t tag;  // 0: untagged
};

struct RatioRow {
  std::int32_t place;
  std::int32_t key;
  std::int32_t begin;
  std::int32_t end;
  std::int32_t ratio;
};

struct CapRow {
  std::int32_t place;
  std::int32_t key;
  std::int32_t begin;
  std::int32_t end;
  std::int64_t cap;
};

// Borrowed columns of one table, sorted; `item` is the dense item index of each row.
struct DatedColumns {
  std::span<const std::int32_t> item;
  std::span<const std::int32_t> place;
  std::span<const std::int32_t> key;  // empty for the class table
  std::span<const std::int32_t> begin;
  std::span<const std::int32_t> end;
};

// Where the rows of an item begin in each table; one more head than items.
struct ItemHead {
  std::uint32_t classes;
  std::uint32_t ratios;
  std::uint32_t caps;
};

// All of a catalogue as it stands in memory.
struct CatalogRows {
  std::span<const ItemHead> heads;
  std::span<const ClassRow> classes;
  std::span<const RatioRow> ratios;
  std::span<const CapRow> caps;
};

class Catalog {
 public:
  Catalog(std::size_t items, const DatedColumns& classes, std::span<const std::int32_t> class_ratio,
          std::span<const std::uint8_t> item_class, std::span<const std::uint8_t> direct, std::span<const std::int32_t> tag,
          const DatedColumns& ratios, std::span<const std::int32_t> ratio, const DatedColumns& caps, std::span<const std::int64_t> cap);

  // Of rows that outlive it.
  explicit Catalog(const CatalogRows& rows) : heads_(rows.heads), classes_(rows.classes), ratios_(rows.ratios), caps_(rows.caps) {}
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;
  Catalog(Catalog&&) = default;
  Catalog& operator=(Catalog&&) = default;

  [[nodiscard]] std::size_t items() const noexcept { return heads_.size() - 1; }
  [[nodiscard]] CatalogRows rows() const noexcept { return {heads_, classes_, ratios_, caps_}; }
  // Asks for what an item's look-up reads first, and then for its rows.
  void ask_head(std::size_t item) const noexcept { __builtin_prefetch(heads_.data() + item); }
  void ask_rows(std::size_t item) const noexcept {
    __builtin_prefetch(classes_.data() + heads_[item].classes);
    __builtin_prefetch(caps_.data() + heads_[item].caps);
    __builtin_prefetch(ratios_.data() + heads_[item].ratios);
  }

  [[nodiscard]] const ClassRow* class_row(std::int32_t item, std::int32_t place, std::int32_t day) const noexcept {
    const ItemHead* head = heads_.data() + item;
    return one_of(classes_.data(), head[0].classes, head[1].classes, place, kAnyKey, day);
  }
  [[nodiscard]] const RatioRow* ratio_row(std::int32_t item, std::int32_t place, std::int32_t category, std::int32_t day) const noexcept {
    const ItemHead* head = heads_.data() + item;
    return one_of(ratios_.data(), head[0].ratios, head[1].ratios, place, category, day);
  }
  [[nodiscard]] const CapRow* cap_row(std::int32_t item, std::int32_t place, std::int32_t level, std::int32_t day) const noexcept {
    const ItemHead* head = heads_.data() + item;
    return one_of(caps_.data(), head[0].caps, head[1].caps, place, level, day);
  }

  // All rows of an item, for those who compile them for a batch.
  [[nodiscard]] std::span<const ClassRow> class_rows(std::size_t item) const noexcept {
    return {classes_.data() + heads_[item].classes, heads_[item + 1].classes - heads_[item].classes};
  }
  [[nodiscard]] std::span<const RatioRow> ratio_rows(std::size_t item) const noexcept {
    return {ratios_.data() + heads_[item].ratios, heads_[item + 1].ratios - heads_[item].ratios};
  }
  [[nodiscard]] std::span<const CapRow> cap_rows(std::size_t item) const noexcept {
    return {caps_.data() + heads_[item].caps, heads_[item + 1].caps - heads_[item].caps};
  }

 private:
  std::vector<ItemHead> own_heads_;
  std::vector<ClassRow> own_classes_;
  std::vector<RatioRow> own_ratios_;
  std::vector<CapRow> own_caps_;
  std::span<const ItemHead> heads_;
  std::span<const ClassRow> classes_;
  std::span<const RatioRow> ratios_;
  std::span<const CapRow> caps_;

  static std::int32_t key_of(const ClassRow&) noexcept { return kAnyKey; }
  static std::int32_t key_of(const RatioRow& row) noexcept { return row.key; }
  static std::int32_t key_of(const CapRow& row) noexcept { return row.key; }
  template <class Row>
  static bool holds(const Row& row, std::int32_t place, std::int32_t key, std::int32_t day) noexcept {
    const std::int32_t own = key_of(row);
    return (row.place == place || row.place == kAnywhere) && (own == key || own == kAnyKey) && row.begin <= day && day < row.end;
  }
  // Most items have one row or none.
  template <class Row>
  static const Row* one_of(const Row* rows, std::uint32_t begin, std::uint32_t end, std::int32_t place, std::int32_t key,
                           std::int32_t day) noexcept {
    if (begin == end) return nullptr;
    const Row* first = rows + begin;
    if (end - begin != 1) [[unlikely]]
      return best_of(first, rows + end, place, key, day);
    return holds(*first, place, key, day) ? first : nullptr;
  }
  template <class Row>
  static const Row* best_of(const Row* first, const Row* last, std::int32_t place, std::int32_t key, std::int32_t day) noexcept;
};

}  // namespace ybcore
