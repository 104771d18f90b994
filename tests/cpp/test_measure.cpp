// Sums and places under replicate weights, beside the plainest loops.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "draw.hpp"
#include "ybcore/measure.hpp"
#include "ybcore/money.hpp"

using namespace ybcore;

namespace {

struct Lots {
  std::size_t units, number, cells, rows, columns;
  std::vector<std::uint8_t> times;
  std::vector<std::int32_t> unit, cell;
  std::vector<std::int64_t> amount, rank;
};

Lots lots(draw::Numbers& from) {
  Lots out{};
  out.units = static_cast<std::size_t>(from.between<std::int64_t>(1, 40));
  out.number = static_cast<std::size_t>(from.between<std::int64_t>(1, 9));
  out.cells = static_cast<std::size_t>(from.between<std::int64_t>(1, 4));
  out.rows = static_cast<std::size_t>(from.between<std::int64_t>(0, 60));
  out.columns = static_cast<std::size_t>(from.between<std::int64_t>(1, 3));
  for (std::size_t i = 0; i < out.units * out.number; ++i) {
    out.times.push_back(static_cast<std::uint8_t>(from.between<std::int64_t>(0, 9) == 0 ? 255 : from.between<std::int64_t>(0, 3)));
    out.rank.push_back(from.between<std::int64_t>(0, std::int64_t{1} << 50));
  }
  for (std::size_t i = 0; i < out.rows; ++i) {
    out.unit.push_back(static_cast<std::int32_t>(from.between<std::int64_t>(0, static_cast<std::int64_t>(out.units) - 1)));
    out.cell.push_back(static_cast<std::int32_t>(from.between<std::int64_t>(0, static_cast<std::int64_t>(out.cells) - 1)));
  }
  for (std::size_t i = 0; i < out.rows * out.columns; ++i) {
    const std::int64_t size = from.between<std::int64_t>(0, 2) == 0 ? std::int64_t{1} << 48 : 100;
    out.amount.push_back(from.between<std::int64_t>(0, 4) == 0 ? 0 : from.between<std::int64_t>(-size, size));
  }
  return out;
}

void adds_up() {
  draw::Numbers from(5);
  for (int round = 0; round < check::rounds(300); ++round) {
    const Lots l = lots(from);
    const Amounts amounts{l.unit, l.cell, l.amount, l.cells};
    std::vector<std::uint64_t> sums(l.columns * l.cells * l.number), wide(2 * sums.size());
    add_replicates({l.times, l.number}, amounts, sums);
    add_ranked(l.rank, l.number, amounts, wide);
    for (std::size_t c = 0; c < l.columns; ++c) {
      for (std::size_t k = 0; k < l.cells; ++k) {
        for (std::size_t b = 0; b < l.number; ++b) {
          Wide times = 0, ranked = 0;
          for (std::size_t i = 0; i < l.rows; ++i) {
            if (static_cast<std::size_t>(l.cell[i]) != k) continue;
            const std::size_t at = static_cast<std::size_t>(l.unit[i]) * l.number + b;
            times += static_cast<Wide>(l.amount[c * l.rows + i]) * l.times[at];
            ranked += static_cast<Wide>(l.amount[c * l.rows + i]) * l.rank[at];
          }
          const std::size_t place = (c * l.cells + k) * l.number + b;
          CHECK_EQ(static_cast<std::int64_t>(sums[place]), static_cast<std::int64_t>(times));
          CHECK_EQ(wide[2 * place], static_cast<std::uint64_t>(ranked));
          CHECK_EQ(wide[2 * place + 1], static_cast<std::uint64_t>(static_cast<unsigned __int128>(ranked) >> 64));
        }
      }
    }
  }
}

void finds_places_from_every_start() {
  draw::Numbers from(6);
  for (int round = 0; round < check::rounds(300); ++round) {
    const Lots l = lots(from);
    if (l.rows == 0) continue;
    std::vector<std::int64_t> weight;
    for (std::size_t i = 0; i < l.rows; ++i) weight.push_back(from.between<std::int64_t>(0, 1000));
    const auto upto = [&](std::size_t end, std::size_t b) {
      std::int64_t sum = 0;
      for (std::size_t i = 0; i < end; ++i) sum += weight[i] * l.times[static_cast<std::size_t>(l.unit[i]) * l.number + b];
      return sum;
    };
    std::vector<std::int64_t> target;
    for (std::size_t b = 0; b < l.number; ++b)
      target.push_back(from.between<std::int64_t>(1, std::max<std::int64_t>(1, upto(l.rows, b)) + 1));
    for (const std::size_t start : {std::size_t{0}, l.rows / 2, l.rows}) {
      std::vector<std::int64_t> before, place(l.number);
      for (std::size_t b = 0; b < l.number; ++b) before.push_back(upto(start, b));
      find_places({l.times, l.number}, l.unit, weight, start, before, target, place);
      for (std::size_t b = 0; b < l.number; ++b) {
        std::size_t want = 0;
        while (want + 1 < l.rows && upto(want + 1, b) < target[b]) ++want;
        CHECK_EQ(place[b], static_cast<std::int64_t>(want));
      }
    }
  }
}

}  // namespace

int main() {
  adds_up();
  finds_places_from_every_start();
  return check::result();
}
