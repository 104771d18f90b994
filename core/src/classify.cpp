#include "ybcore/classify.hpp"

#include <algorithm>
#include <chrono>
#include <climits>
#include <utility>

#include "split.hpp"
#include "ybcore/catalog.hpp"

namespace ybcore {
namespace {

// Finalizer of a 64-bit mix: neighbouring keys land far apart.
std::uint64_t mixed(std::uint64_t x) noexcept {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  x ^= x >> 33;
  return x;
}

// Open addressing from key to dense number.
class Table {
 public:
  explicit Table(Combinations& out) : out_(out), slots_(1024, -1) {}

  std::int32_t number(std::uint64_t key, std::int64_t event) {
    std::size_t at = mixed(key) & (slots_.size() - 1);
    while (slots_[at] >= 0) {
      if (out_.keys[static_cast<std::size_t>(slots_[at])] == key) return slots_[at];
      at = (at + 1) & (slots_.size() - 1);
    }
    const auto next = static_cast<std::int32_t>(out_.keys.size());
    slots_[at] = next;
    out_.keys.push_back(key);
    out_.first.push_back(event);
    if (out_.keys.size() * 2 > slots_.size()) grow();
    return next;
  }

 private:
  void grow() {
    slots_.assign(slots_.size() * 4, -1);
    for (std::size_t i = 0; i < out_.keys.size(); ++i) {
      std::size_t at = mixed(out_.keys[i]) & (slots_.size() - 1);
      while (slots_[at] >= 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = static_cast<std::int32_t>(i);
    }
  }

  Combinations& out_;
  std::vector<std::int32_t> slots_;
};

}  // namespace

Combinations combine(std::span<const std::uint64_t> key) {
  Combinations out;
  out.of_event.resize(key.size());
  Table table(out);
  std::uint64_t last = 0;
  std::int32_t number = -1;
  for (std::size_t e = 0; e < key.size(); ++e) {
    if (number < 0 || key[e] != last) {
      last = key[e];
      number = table.number(last, static_cast<std::int64_t>(e));
    }
    out.of_event[e] = number;
  }
  return out;
}

namespace {
constexpr std::size_t kBlock = 1024;
constexpr std::size_t kChunkRows = 1 << 16;

// A class of `source` at a row, negative where it says nothing.
std::int32_t class_at(const ClassSource& source, std::size_t row) {
  const std::int32_t code = source.code.empty() ? source.flag[row] : source.code[row];
  return code < 0 ? -1 : source.place[static_cast<std::size_t>(code)];
}

// Columns that only rows of one other table decide: their part of the key, once for each of its rows.
template <class Key>
struct ByRow {
  std::span<const std::int32_t> row;
  std::vector<Key> part;
  Key fallback = 0;
};

// A column of codes of the events' own: the part of the key of each code, of a missing one first.
template <class Key>
struct ByCode {
  std::span<const std::int32_t> code;
  std::vector<Key> part;
};

void find_classes(const ClassColumn& column, std::size_t begin, std::size_t size, std::int32_t* found) {
  if (!column.ready.empty()) {
    std::copy_n(column.ready.begin() + static_cast<std::ptrdiff_t>(begin), size, found);
    return;
  }
  if (!column.number.empty()) {
    const std::int64_t* number = column.number.data() + begin;
    const auto none = static_cast<std::int32_t>(column.edges.size() + 1);
    for (std::size_t i = 0; i < size; ++i) found[i] = number[i] == INT64_MIN ? none : 0;
    for (const std::int64_t edge : column.edges)
      for (std::size_t i = 0; i < size; ++i) found[i] += edge <= number[i] ? 1 : 0;
    return;
  }
  std::fill_n(found, size, column.day.empty() ? -1 : 0);
  if (!column.day.empty()) {
    for (const std::int64_t edge : column.edges) {
      const auto from = static_cast<std::int32_t>(std::clamp<std::int64_t>(edge, INT32_MIN, INT32_MAX));
      for (std::size_t i = 0; i < size; ++i) found[i] += from <= column.day[begin + i] ? 1 : 0;
    }
    return;
  }
  for (const ClassSource& source : column.sources) {
    for (std::size_t i = 0; i < size; ++i) {
      const std::int64_t row = source.row.empty() ? static_cast<std::int64_t>(begin + i) : source.row[begin + i];
      if (found[i] < 0 && row >= 0) found[i] = class_at(source, static_cast<std::size_t>(row));
    }
  }
  for (std::size_t i = 0; i < size; ++i) found[i] = found[i] < 0 ? column.fallback : found[i];
}

// The keys of events, a block at a time.
template <class Key>
class Keys {
 public:
  Keys(std::size_t events, std::span<const ClassColumn> columns) : columns_(columns), weight_(columns.size()) {
    std::uint64_t all = 1;
    for (std::size_t c = columns.size(); c-- > 0;) {
      weight_[c] = static_cast<Key>(all);
      all *= columns[c].classes;
    }
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const ClassColumn& column = columns[c];
      const bool alone = column.ready.empty() && column.day.empty() && column.number.empty() && column.sources.size() == 1;
      if (alone && column.sources[0].row.empty() && !column.sources[0].code.empty())
        add_codes(column, weight_[c]);
      else if (alone && !column.sources[0].row.empty() && rows_of(column.sources[0]) <= events)
        add_rows(column, weight_[c]);
      else
        own_.push_back(c);
    }
  }

  void of(std::size_t begin, std::size_t size, Key* key) const {
    std::fill_n(key, size, Key{0});
    for (const ByRow<Key>& by : by_row_)
      for (std::size_t i = 0; i < size; ++i) {
        const std::int32_t row = by.row[begin + i];
        key[i] += row < 0 ? by.fallback : by.part[static_cast<std::size_t>(row)];
      }
    for (const ByCode<Key>& by : by_code_)
      for (std::size_t i = 0; i < size; ++i) key[i] += by.part[static_cast<std::size_t>(std::max(by.code[begin + i], -1) + 1)];
    std::int32_t found[kBlock];
    for (const std::size_t c : own_) {
      find_classes(columns_[c], begin, size, found);
      for (std::size_t i = 0; i < size; ++i) key[i] += static_cast<Key>(weight_[c] * static_cast<Key>(found[i]));
    }
  }

 private:
  static std::size_t rows_of(const ClassSource& source) { return std::max(source.code.size(), source.flag.size()); }

  static Key part_of(const ClassColumn& column, Key weight, std::int32_t at) {
    return static_cast<Key>(weight * static_cast<Key>(at < 0 ? column.fallback : at));
  }

  void add_codes(const ClassColumn& column, Key weight) {
    ByCode<Key>& by = by_code_.emplace_back(ByCode<Key>{column.sources[0].code, {part_of(column, weight, -1)}});
    for (const std::int32_t at : column.sources[0].place) by.part.push_back(part_of(column, weight, at));
  }

  void add_rows(const ClassColumn& column, Key weight) {
    const ClassSource& source = column.sources[0];
    const std::size_t rows = rows_of(source);
    auto by = std::find_if(by_row_.begin(), by_row_.end(),
                           [&](const ByRow<Key>& r) { return r.row.data() == source.row.data() && r.part.size() == rows; });
    if (by == by_row_.end()) by = by_row_.insert(by_row_.end(), {source.row, std::vector<Key>(rows, 0), 0});
    for (std::size_t r = 0; r < rows; ++r) by->part[r] += part_of(column, weight, class_at(source, r));
    by->fallback += part_of(column, weight, -1);
  }

  std::span<const ClassColumn> columns_;
  std::vector<Key> weight_;
  std::vector<ByRow<Key>> by_row_;
  std::vector<ByCode<Key>> by_code_;
  std::vector<std::size_t> own_;
};

// Numbers of the keys of some events, by first appearance among these.
template <class Key>
Combinations number_keys(const Keys<Key>& keys, std::uint64_t all, std::size_t from, std::size_t to, std::span<std::int32_t> of_event) {
  Combinations out;
  Table table(out);
  // Few enough keys beside the events: each has its place.
  const std::uint64_t few = std::clamp<std::uint64_t>((to - from) / 4, 4096, 1 << 20);
  std::vector<std::int32_t> number(all <= few ? static_cast<std::size_t>(all) : 0, -1);
  Key key[kBlock];
  for (std::size_t begin = from; begin < to; begin += kBlock) {
    const std::size_t size = std::min(kBlock, to - begin);
    keys.of(begin, size, key);
    std::int32_t* const mine = &of_event[begin];
    std::int32_t least = number.empty() ? -1 : 0;
    for (std::size_t i = 0; i < size && !number.empty(); ++i) least = std::min(least, mine[i] = number[static_cast<std::size_t>(key[i])]);
    if (least >= 0) continue;
    // Some key is new, or keys have no places.
    for (std::size_t i = 0; i < size; ++i) {
      mine[i] = table.number(key[i], static_cast<std::int64_t>(begin + i));
      if (!number.empty()) number[static_cast<std::size_t>(key[i])] = mine[i];
    }
  }
  return out;
}

template <class Key>
Combinations combined(std::span<const ClassColumn> columns, std::uint64_t all, std::span<std::int32_t> of_event, int threads) {
  const std::size_t events = of_event.size();
  const Keys<Key> keys(events, columns);
  const auto parts = static_cast<std::size_t>(std::max(1, threads)) * (threads > 1 ? 4 : 1);
  const Chunks cut = cut_rows(events, std::max(kChunkRows, events / parts + 1));
  std::vector<Combinations> found(cut.begin.size() - 1);
  for_each_chunk(cut, threads, [&](std::size_t c) { found[c] = number_keys(keys, all, cut.begin[c], cut.begin[c + 1], of_event); });
  // Chunks in order, and in each its keys in order: the keys by first appearance.
  Combinations out;
  Table table(out);
  std::vector<std::vector<std::int32_t>> number(found.size());
  for (std::size_t c = 0; c < found.size(); ++c)
    for (std::size_t k = 0; k < found[c].keys.size(); ++k) number[c].push_back(table.number(found[c].keys[k], found[c].first[k]));
  for_each_chunk(cut, threads, [&](std::size_t c) {
    bool same = true;
    for (std::size_t k = 0; k < number[c].size(); ++k) same = same && number[c][k] == static_cast<std::int32_t>(k);
    for (std::size_t e = cut.begin[c]; !same && e < cut.begin[c + 1]; ++e) of_event[e] = number[c][static_cast<std::size_t>(of_event[e])];
  });
  return out;
}
}  // namespace

Combinations combine(std::span<const ClassColumn> columns, std::span<std::int32_t> of_event, int threads) {
  std::uint64_t all = 1;
  for (const ClassColumn& column : columns) all *= column.classes;
  return all <= UINT32_MAX ? combined<std::uint32_t>(columns, all, of_event, threads)
                           : combined<std::uint64_t>(columns, all, of_event, threads);
}

std::int32_t completed_years(std::int32_t birth, std::int32_t day) noexcept {
  if (birth == kNullDay || day == kNullDay) return kNoNumber;
  using std::chrono::days;
  using std::chrono::sys_days;
  using std::chrono::year_month_day;
  const year_month_day from{sys_days{days{birth}}};
  const year_month_day to{sys_days{days{day}}};
  const int before = to.month() < from.month() || (to.month() == from.month() && to.day() < from.day()) ? 1 : 0;
  return static_cast<int>(to.year()) - static_cast<int>(from.year()) - before;
}

void completed_years(std::span<const std::int32_t> birth, std::span<const std::int32_t> day, std::span<std::int32_t> years) noexcept {
  for (std::size_t i = 0; i < years.size(); ++i) years[i] = completed_years(birth[i], day[i]);
}

}  // namespace ybcore
