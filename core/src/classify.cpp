#include "ybcore/classify.hpp"

#include <algorithm>
#include <chrono>
#include <climits>

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

// A class of `source` at a row, negative where it says nothing.
std::int32_t class_at(const ClassSource& source, std::size_t row) {
  const std::int32_t code = source.code.empty() ? source.flag[row] : source.code[row];
  return code < 0 ? -1 : source.place[static_cast<std::size_t>(code)];
}

// Columns that only rows of one other table decide: their part of the key, once for each of its rows.
struct ByRow {
  std::span<const std::int32_t> row;
  std::vector<std::uint64_t> part;
  std::uint64_t fallback = 0;
};

void add_classes(const ClassColumn& column, std::uint64_t weight, std::size_t begin, std::size_t size, std::uint64_t* key) {
  std::int32_t found[kBlock];
  if (column.sources.size() == 1 && column.sources[0].row.empty() && !column.sources[0].code.empty()) {
    const ClassSource& source = column.sources[0];
    for (std::size_t i = 0; i < size; ++i) {
      const std::int32_t code = source.code[begin + i];
      const std::int32_t at = code < 0 ? -1 : source.place[static_cast<std::size_t>(code)];
      key[i] += weight * static_cast<std::uint64_t>(at < 0 ? column.fallback : at);
    }
    return;
  }
  if (!column.ready.empty()) {
    for (std::size_t i = 0; i < size; ++i) found[i] = column.ready[begin + i];
  } else if (!column.day.empty()) {
    for (std::size_t i = 0; i < size; ++i) found[i] = 0;
    for (const std::int64_t edge : column.edges) {
      const auto from = static_cast<std::int32_t>(std::clamp<std::int64_t>(edge, INT32_MIN, INT32_MAX));
      for (std::size_t i = 0; i < size; ++i) found[i] += from <= column.day[begin + i] ? 1 : 0;
    }
  } else {
    for (std::size_t i = 0; i < size; ++i) found[i] = -1;
    for (const ClassSource& source : column.sources) {
      for (std::size_t i = 0; i < size; ++i) {
        const std::int64_t row = source.row.empty() ? static_cast<std::int64_t>(begin + i) : source.row[begin + i];
        if (found[i] < 0 && row >= 0) found[i] = class_at(source, static_cast<std::size_t>(row));
      }
    }
    for (std::size_t i = 0; i < size; ++i) found[i] = found[i] < 0 ? column.fallback : found[i];
  }
  for (std::size_t i = 0; i < size; ++i) key[i] += weight * static_cast<std::uint64_t>(found[i]);
}
}  // namespace

Combinations combine(std::size_t events, std::span<const ClassColumn> columns) {
  std::uint64_t all = 1;
  std::vector<std::uint64_t> weight(columns.size());
  for (std::size_t c = columns.size(); c-- > 0;) {
    weight[c] = all;
    all *= columns[c].classes;
  }
  std::vector<ByRow> by_row;
  std::vector<std::size_t> own;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const ClassColumn& column = columns[c];
    const bool alone = column.ready.empty() && column.day.empty() && column.sources.size() == 1 && !column.sources[0].row.empty();
    const std::size_t rows = alone ? std::max(column.sources[0].code.size(), column.sources[0].flag.size()) : 0;
    if (!alone || rows > events) {
      own.push_back(c);
      continue;
    }
    const ClassSource& source = column.sources[0];
    auto found = std::find_if(by_row.begin(), by_row.end(),
                              [&](const ByRow& r) { return r.row.data() == source.row.data() && r.part.size() == rows; });
    if (found == by_row.end()) found = by_row.insert(by_row.end(), {source.row, std::vector<std::uint64_t>(rows, 0), 0});
    for (std::size_t r = 0; r < rows; ++r) {
      const std::int32_t at = class_at(source, r);
      found->part[r] += weight[c] * static_cast<std::uint64_t>(at < 0 ? column.fallback : at);
    }
    found->fallback += weight[c] * static_cast<std::uint64_t>(column.fallback);
  }
  Combinations out;
  out.of_event.resize(events);
  Table table(out);
  // Few enough keys: each has its place.
  std::vector<std::int32_t> number(all <= 4096 ? static_cast<std::size_t>(all) : 0, -1);
  std::uint64_t key[kBlock];
  for (std::size_t begin = 0; begin < events; begin += kBlock) {
    const std::size_t size = std::min(kBlock, events - begin);
    std::fill_n(key, size, 0);
    for (const ByRow& part : by_row)
      for (std::size_t i = 0; i < size; ++i) {
        const std::int32_t row = part.row[begin + i];
        key[i] += row < 0 ? part.fallback : part.part[static_cast<std::size_t>(row)];
      }
    for (const std::size_t c : own) add_classes(columns[c], weight[c], begin, size, key);
    for (std::size_t i = 0; i < size; ++i) {
      if (number.empty()) {
        out.of_event[begin + i] = table.number(key[i], static_cast<std::int64_t>(begin + i));
        continue;
      }
      std::int32_t& known = number[static_cast<std::size_t>(key[i])];
      if (known < 0) known = table.number(key[i], static_cast<std::int64_t>(begin + i));
      out.of_event[begin + i] = known;
    }
  }
  return out;
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
