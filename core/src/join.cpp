#include "ybcore/join.hpp"

#include <algorithm>
#include <climits>

namespace ybcore {
namespace {

constexpr std::int64_t kDay = 86'400'000'000;

std::uint64_t mixed(std::uint64_t x) noexcept {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

bool there(const IdColumn& c, std::size_t i) noexcept { return c.there.empty() || c.there[i] != 0; }

// Numbers through a table of the whole range.
class Range {
 public:
  Range(std::int64_t low, std::uint64_t width) : low_(low), number_(static_cast<std::size_t>(width) + 1, -1) {}
  std::int32_t operator()(std::int64_t id, std::vector<std::int64_t>& ids) {
    std::int32_t& number = number_[static_cast<std::size_t>(static_cast<std::uint64_t>(id) - static_cast<std::uint64_t>(low_))];
    if (number < 0) {
      number = static_cast<std::int32_t>(ids.size());
      ids.push_back(id);
    }
    return number;
  }

 private:
  std::int64_t low_;
  std::vector<std::int32_t> number_;
};

// Numbers through open addressing; the table never fills more than half.
class Hash {
 public:
  Hash() : slots_(1 << 16, -1) {}
  std::int32_t operator()(std::int64_t id, std::vector<std::int64_t>& ids) {
    std::size_t at = mixed(static_cast<std::uint64_t>(id)) & (slots_.size() - 1);
    while (slots_[at] >= 0) {
      if (ids[static_cast<std::size_t>(slots_[at])] == id) return slots_[at];
      at = (at + 1) & (slots_.size() - 1);
    }
    const auto number = static_cast<std::int32_t>(ids.size());
    slots_[at] = number;
    ids.push_back(id);
    if (ids.size() * 2 > slots_.size()) grow(ids);
    return number;
  }

 private:
  std::vector<std::int32_t> slots_;
  void grow(const std::vector<std::int64_t>& ids) {
    slots_.assign(slots_.size() * 4, -1);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      std::size_t at = mixed(static_cast<std::uint64_t>(ids[i])) & (slots_.size() - 1);
      while (slots_[at] >= 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = static_cast<std::int32_t>(i);
    }
  }
};

template <class Numbers>
void number_all(std::span<const IdColumn> columns, Numbers numbers, DenseIds& out) {
  for (const IdColumn& c : columns) {
    std::vector<std::int32_t>& codes = out.column.emplace_back(c.value.size());
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = there(c, i) ? numbers(c.value[i], out.id) : -1;
  }
}

}  // namespace

DenseIds dense_ids(std::span<const IdColumn> columns) {
  DenseIds out;
  std::int64_t low = INT64_MAX;
  std::int64_t high = INT64_MIN;
  std::size_t rows = 0;
  for (const IdColumn& c : columns) {
    rows += c.value.size();
    for (std::size_t i = 0; i < c.value.size(); ++i) {
      if (!there(c, i)) continue;
      low = std::min(low, c.value[i]);
      high = std::max(high, c.value[i]);
    }
  }
  const std::uint64_t width = low > high ? 0 : static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  if (width / 8 <= rows) {
    number_all(columns, Range(low, width), out);
  } else {
    number_all(columns, Hash(), out);
  }
  return out;
}

bool rising(std::span<const std::int64_t> values) noexcept {
  bool yes = true;
  for (std::size_t i = 1; i < values.size(); ++i) yes &= values[i - 1] < values[i];
  return yes;
}

bool days_of(std::span<const std::int64_t> micros, std::span<std::int32_t> day) noexcept {
  // Shifted so that the division is of a number without a sign; times lie within centuries of 1970.
  constexpr std::int64_t kAway = 1'000'000;
  bool all = true;
  for (std::size_t i = 0; i < day.size(); ++i) {
    const bool missing = micros[i] == INT64_MIN;
    all &= !missing;
    const auto shifted = static_cast<std::uint64_t>(micros[i]) + static_cast<std::uint64_t>(kAway * kDay);
    day[i] = missing ? 0 : static_cast<std::int32_t>(static_cast<std::int64_t>(shifted / kDay) - kAway);
  }
  return all;
}

void find_rows(const DatedRows& table, std::span<const std::int32_t> key, std::span<const std::int32_t> day,
               std::span<const std::int32_t> theirs, std::int32_t none, std::int32_t unknown, std::span<std::int32_t> out) noexcept {
  const bool seconds = !table.own.empty() && !theirs.empty();
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::int32_t found = unknown;
    if (key[i] >= 0 && static_cast<std::size_t>(key[i]) + 1 < table.start.size()) {
      const auto k = static_cast<std::size_t>(key[i]);
      for (std::int64_t at = table.start[k]; at < table.start[k + 1]; ++at) {
        const auto row = static_cast<std::size_t>(table.rows[static_cast<std::size_t>(at)]);
        found = none;
        if (day[i] < table.begin[row] || day[i] >= table.end[row]) continue;
        if (seconds && theirs[i] >= 0 && table.own[row] != theirs[i]) continue;
        found = static_cast<std::int32_t>(row);
        break;
      }
    }
    out[i] = found;
  }
}

void earliest(std::span<const std::int32_t> group, std::span<const std::int32_t> day, std::span<std::int32_t> out) noexcept {
  std::fill(out.begin(), out.end(), INT32_MAX);
  for (std::size_t i = 0; i < group.size(); ++i)
    if (group[i] >= 0) out[static_cast<std::size_t>(group[i])] = std::min(out[static_cast<std::size_t>(group[i])], day[i]);
}

}  // namespace ybcore
