#include "ybcore/join.hpp"

#include <algorithm>
#include <climits>

#include "split.hpp"

namespace ybcore {
namespace {

constexpr std::int64_t kDay = 86'400'000'000;
}  // namespace

bool rising(std::span<const std::int64_t> values) noexcept {
  bool yes = true;
  for (std::size_t i = 1; i < values.size(); ++i) yes &= values[i - 1] < values[i];
  return yes;
}

namespace {
template <class Number>
Bounds bounds_of(std::span<const Number> values, int threads) {
  if (values.empty()) return {};
  constexpr std::size_t kBlock = std::size_t{1} << 18;
  Chunks chunks;
  for (std::size_t at = 0; at < values.size(); at += kBlock) chunks.begin.push_back(at);
  chunks.begin.push_back(values.size());
  std::vector<Bounds> found(chunks.begin.size() - 1);
  for_each_chunk(chunks, threads, [&](std::size_t chunk) {
    Number least = values[chunks.begin[chunk]];
    Number most = least;
    for (std::size_t i = chunks.begin[chunk]; i < chunks.begin[chunk + 1]; ++i) {
      least = std::min(least, values[i]);
      most = std::max(most, values[i]);
    }
    found[chunk] = {least, most};
  });
  Bounds all = found[0];
  for (const Bounds& part : found) all = {std::min(all.least, part.least), std::max(all.most, part.most)};
  return all;
}
}  // namespace

Bounds bounds(std::span<const std::int64_t> values, int threads) { return bounds_of(values, threads); }
Bounds bounds(std::span<const std::int32_t> values, int threads) { return bounds_of(values, threads); }

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
