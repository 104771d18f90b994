#include "ybcore/measure.hpp"

#include <algorithm>

#include "ybcore/money.hpp"

namespace ybcore {
namespace {

constexpr std::size_t kLook = 64;  // places between two looks whether all have been found

// The low half of an amount and the high one are multiplied side by side, where a machine has no product of 64 bits in its vectors.
void add_row(const std::uint8_t* times, std::size_t number, std::int64_t amount, std::uint64_t* out) noexcept {
  const auto low = static_cast<std::uint32_t>(static_cast<std::uint64_t>(amount));
  const auto high = static_cast<std::uint32_t>(static_cast<std::uint64_t>(amount) >> 32);
  for (std::size_t b = 0; b < number; ++b) {
    const std::uint64_t drawn = times[b];
    out[b] += drawn * low + ((drawn * high) << 32);
  }
}

}  // namespace

void add_replicates(const Drawn& drawn, const Amounts& amounts, std::span<std::uint64_t> out) noexcept {
  const std::size_t rows = amounts.unit.size(), number = drawn.number;
  const std::size_t columns = rows == 0 ? 0 : amounts.amount.size() / rows;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::uint8_t* times = drawn.times.data() + static_cast<std::size_t>(amounts.unit[i]) * number;
    for (std::size_t c = 0; c < columns; ++c) {
      const std::int64_t amount = amounts.amount[c * rows + i];
      if (amount != 0)
        add_row(times, number, amount, out.data() + (c * amounts.cells + static_cast<std::size_t>(amounts.cell[i])) * number);
    }
  }
}

void add_ranked(std::span<const std::int64_t> rank, std::size_t number, const Amounts& amounts, std::span<std::uint64_t> out) noexcept {
  const std::size_t rows = amounts.unit.size(), columns = rows == 0 ? 0 : amounts.amount.size() / rows;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::int64_t* mine = rank.data() + static_cast<std::size_t>(amounts.unit[i]) * number;
    for (std::size_t c = 0; c < columns; ++c) {
      const Wide amount = amounts.amount[c * rows + i];
      if (amount == 0) continue;
      std::uint64_t* to = out.data() + (c * amounts.cells + static_cast<std::size_t>(amounts.cell[i])) * number * 2;
      for (std::size_t b = 0; b < number; ++b) {
        const auto held = (static_cast<unsigned __int128>(to[2 * b + 1]) << 64) | to[2 * b];
        const auto sum = held + static_cast<unsigned __int128>(amount * mine[b]);
        to[2 * b] = static_cast<std::uint64_t>(sum);
        to[2 * b + 1] = static_cast<std::uint64_t>(sum >> 64);
      }
    }
  }
}

void find_places(const Drawn& drawn, std::span<const std::int32_t> unit, std::span<const std::int64_t> weight, std::size_t start,
                 std::span<std::int64_t> before, std::span<const std::int64_t> target, std::span<std::int64_t> place) noexcept {
  const std::size_t number = drawn.number, size = unit.size();
  std::int64_t *sum = before.data(), *at = place.data();
  const std::int64_t* goal = target.data();
  // Those that are reached before the start are looked for backwards: the last place whose weight before it is below the target.
  std::size_t early = 0;
  for (std::size_t b = 0; b < number; ++b) {
    const bool reached = sum[b] >= goal[b];
    early += reached;
    at[b] = static_cast<std::int64_t>(start);
  }
  const auto row = [&](std::size_t i) { return drawn.times.data() + static_cast<std::size_t>(unit[i]) * number; };
  if (early != 0) {
    for (std::size_t b = 0; b < number; ++b) {
      if (sum[b] < goal[b]) continue;
      std::int64_t left = sum[b];
      std::size_t i = start;
      while (i > 0 && left >= goal[b]) {
        --i;
        left -= row(i)[b] * weight[i];
      }
      at[b] = static_cast<std::int64_t>(i);
      sum[b] = goal[b];  // found: going on counts no more for it
    }
  }
  for (std::size_t i = start; i < size; ++i) {
    if ((i - start) % kLook == 0 && std::equal(sum, sum + number, goal, [](std::int64_t a, std::int64_t b) { return a >= b; })) break;
    const std::uint8_t* times = row(i);
    const std::int64_t mine = weight[i];
    for (std::size_t b = 0; b < number; ++b) {
      sum[b] += times[b] * mine;
      at[b] += sum[b] < goal[b];
    }
  }
  const std::int64_t last = static_cast<std::int64_t>(size) - 1;
  for (std::size_t b = 0; b < number; ++b) at[b] = std::min(at[b], last);
}

}  // namespace ybcore
