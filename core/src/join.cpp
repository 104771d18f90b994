#include "ybcore/join.hpp"

#include <algorithm>
#include <climits>
#include <type_traits>
#include <utility>

#include "split.hpp"

namespace ybcore {
namespace {

constexpr std::int64_t kDay = 86'400'000'000;
constexpr std::size_t kBlock = std::size_t{1} << 18;

// Least and greatest of what blocks of some numbers gave.
template <class Find>
Bounds over_blocks(std::size_t numbers, int threads, Find find) {
  if (numbers == 0) return {};
  const Chunks chunks = cut_rows(numbers, kBlock);
  std::vector<Bounds> found(chunks.begin.size() - 1);
  for_each_chunk(chunks, threads, [&](std::size_t c) { found[c] = find(chunks.begin[c], chunks.begin[c + 1]); });
  Bounds all = found[0];
  for (const Bounds& part : found) all = {std::min(all.least, part.least), std::max(all.most, part.most)};
  return all;
}

template <class Number>
Bounds bounds_of(std::span<const Number> values, int threads) {
  return over_blocks(values.size(), threads, [&](std::size_t begin, std::size_t end) {
    Number least = values[begin];
    Number most = least;
    for (std::size_t i = begin; i < end; ++i) {
      least = std::min(least, values[i]);
      most = std::max(most, values[i]);
    }
    return Bounds{least, most};
  });
}

template <class Number>
Bounds rough_of(std::span<const Number> values, int threads) {
  using Bits = std::make_unsigned_t<Number>;
  return over_blocks(values.size(), threads, [&](std::size_t begin, std::size_t end) {
    // The bits of a number, those of its complement where it is negative: no machine lacks a vector of these.
    Bits any = 0;
    Bits signs = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const auto bits = static_cast<Bits>(values[i]);
      signs |= bits;
      any |= bits ^ (Bits{0} - (bits >> (sizeof(Number) * 8 - 1)));
    }
    const auto most = static_cast<Number>(any);
    return Bounds{static_cast<Number>(signs) < 0 ? ~most : Number{0}, most};
  });
}
}  // namespace

bool rising(std::span<const std::int64_t> values, int threads) {
  const auto broken = over_blocks(values.size(), threads, [&](std::size_t begin, std::size_t end) {
    bool yes = true;
    for (std::size_t i = std::max<std::size_t>(begin, 1); i < end; ++i) yes &= values[i - 1] < values[i];
    return Bounds{0, yes ? 0 : 1};
  });
  return broken.most == 0;
}

Bounds bounds(std::span<const std::int64_t> values, int threads) { return bounds_of(values, threads); }
Bounds bounds(std::span<const std::int32_t> values, int threads) { return bounds_of(values, threads); }
Bounds rough_bounds(std::span<const std::int64_t> values, int threads) { return rough_of(values, threads); }
Bounds rough_bounds(std::span<const std::int32_t> values, int threads) { return rough_of(values, threads); }

Bounds steps(std::span<const std::int64_t> values, int threads) {
  if (values.size() < 2) return {};
  return over_blocks(values.size() - 1, threads, [&](std::size_t begin, std::size_t end) {
    Bounds found{INT64_MAX, INT64_MIN};
    for (std::size_t i = begin; i < end; ++i) {
      const auto step = static_cast<std::int64_t>(static_cast<std::uint64_t>(values[i + 1]) - static_cast<std::uint64_t>(values[i]));
      found = {std::min(found.least, values[i + 1] < values[i] ? -1 : step), std::max(found.most, step)};
    }
    return found;
  });
}

bool days_of(std::span<const std::int64_t> micros, std::span<std::int32_t> day, int threads) {
  // Shifted so that the division is of a number without a sign; times lie within centuries of 1970.
  constexpr std::int64_t kAway = 1'000'000;
  const auto lost = over_blocks(day.size(), threads, [&](std::size_t begin, std::size_t end) {
    bool all = true;
    for (std::size_t i = begin; i < end; ++i) {
      const bool missing = micros[i] == INT64_MIN;
      all &= !missing;
      const auto shifted = static_cast<std::uint64_t>(micros[i]) + static_cast<std::uint64_t>(kAway * kDay);
      day[i] = missing ? 0 : static_cast<std::int32_t>(static_cast<std::int64_t>(shifted / kDay) - kAway);
    }
    return Bounds{0, all ? 0 : 1};
  });
  return lost.most == 0;
}

template <class Value, class Index>
bool taken(std::span<const Value> table, std::span<const Index> index, std::span<Value> out, int threads) {
  if (table.empty()) return index.empty();
  const std::size_t last = table.size() - 1;
  const auto wrong = over_blocks(index.size(), threads, [&](std::size_t begin, std::size_t end) {
    bool beyond = false;
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t at = std::cmp_equal(index[i], -1) ? last : static_cast<std::size_t>(index[i]);
      beyond |= at > last;
      out[i] = table[std::min(at, last)];
    }
    return Bounds{0, beyond ? 1 : 0};
  });
  return wrong.most == 0;
}
template bool taken(std::span<const std::int32_t>, std::span<const std::int32_t>, std::span<std::int32_t>, int);
template bool taken(std::span<const std::int64_t>, std::span<const std::int32_t>, std::span<std::int64_t>, int);
template bool taken(std::span<const std::uint8_t>, std::span<const std::int32_t>, std::span<std::uint8_t>, int);
template bool taken(std::span<const std::int32_t>, std::span<const std::uint8_t>, std::span<std::int32_t>, int);
template bool taken(std::span<const std::int64_t>, std::span<const std::uint8_t>, std::span<std::int64_t>, int);

template <class Value>
bool taken_of(std::span<const Value> table, std::span<const std::int32_t> of, std::span<const std::int32_t> row, std::span<Value> out,
              int threads) {
  if (table.empty() || of.empty()) return row.empty();
  constexpr std::size_t kAhead = 16;
  const std::size_t last = table.size() - 1, most = of.size() - 1;
  const auto wrong = over_blocks(row.size(), threads, [&](std::size_t begin, std::size_t end) {
    bool beyond = false;
    for (std::size_t i = begin; i < end; ++i) {
      // Few rows of a long column: each is a line of memory of its own.
      if (i + kAhead < end) __builtin_prefetch(of.data() + std::min(static_cast<std::size_t>(row[i + kAhead]), most));
      const auto from = static_cast<std::size_t>(row[i]);
      const std::int32_t index = of[std::min(from, most)];
      const std::size_t at = index == -1 ? last : static_cast<std::size_t>(index);
      beyond |= from > most || at > last;
      out[i] = table[std::min(at, last)];
    }
    return Bounds{0, beyond ? 1 : 0};
  });
  return wrong.most == 0;
}
template bool taken_of(std::span<const std::int32_t>, std::span<const std::int32_t>, std::span<const std::int32_t>, std::span<std::int32_t>,
                       int);
template bool taken_of(std::span<const std::int64_t>, std::span<const std::int32_t>, std::span<const std::int32_t>, std::span<std::int64_t>,
                       int);

bool sole_rows(std::span<const std::int32_t> key, std::span<std::int32_t> row) noexcept {
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (key[i] < 0) continue;
    std::int32_t& mine = row[static_cast<std::size_t>(key[i])];
    if (mine >= 0) return false;
    mine = static_cast<std::int32_t>(i);
  }
  return true;
}

RowsByKey rows_by_key(std::span<const std::int32_t> key, std::size_t keys) {
  RowsByKey out{{}, std::vector<std::int64_t>(keys + 1, 0)};
  for (const std::int32_t k : key)
    if (k >= 0) ++out.start[static_cast<std::size_t>(k) + 1];
  for (std::size_t k = 0; k < keys; ++k) out.start[k + 1] += out.start[k];
  out.rows.resize(static_cast<std::size_t>(out.start[keys]));
  std::vector<std::int64_t> next(out.start.begin(), out.start.end() - 1);
  for (std::size_t i = 0; i < key.size(); ++i)
    if (key[i] >= 0) out.rows[static_cast<std::size_t>(next[static_cast<std::size_t>(key[i])]++)] = static_cast<std::int64_t>(i);
  return out;
}

void find_rows(const DatedRows& table, std::span<const std::int32_t> key, std::span<const std::int32_t> day,
               std::span<const std::int32_t> theirs, std::int32_t none, std::int32_t unknown, std::span<std::int32_t> out, int threads) {
  const bool seconds = !table.own.empty() && !theirs.empty();
  const Chunks chunks = cut_rows(out.size(), kBlock);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    for (std::size_t i = chunks.begin[c]; i < chunks.begin[c + 1]; ++i) {
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
  });
}

namespace {
void put_earliest(std::span<const std::int32_t> group, std::span<const std::int32_t> day, std::span<std::int32_t> out) noexcept {
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (group[i] < 0) continue;
    std::int32_t& least = out[static_cast<std::size_t>(group[i])];
    least = std::min(least, day[i]);
  }
}
}  // namespace

void earliest(std::span<const std::int32_t> group, std::span<const std::int32_t> day, std::span<std::int32_t> out, int threads) {
  std::fill(out.begin(), out.end(), INT32_MAX);
  // Each thread with days of its own, where that is little beside the rows.
  const auto most = static_cast<std::size_t>(std::max(1, threads));
  const std::size_t parts = std::clamp<std::size_t>(group.size() / (2 * out.size() + kBlock), 1, most);
  if (parts == 1) return put_earliest(group, day, out);
  const Chunks chunks = cut_rows(group.size(), (group.size() + parts - 1) / parts);
  std::vector<std::vector<std::int32_t>> own(chunks.begin.size() - 1);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    const std::size_t begin = chunks.begin[c], size = chunks.begin[c + 1] - begin;
    if (c > 0) own[c].assign(out.size(), INT32_MAX);
    put_earliest(group.subspan(begin, size), day.subspan(begin, size), c > 0 ? std::span<std::int32_t>(own[c]) : out);
  });
  for (std::size_t c = 1; c < own.size(); ++c)
    for (std::size_t g = 0; g < out.size(); ++g) out[g] = std::min(out[g], own[c][g]);
}

}  // namespace ybcore
