// Small random data for the checks' tests: the same on every machine.
#pragma once

#include <cstdint>
#include <vector>

namespace draw {

struct Random {
  std::uint64_t state;
  std::uint64_t next() {
    state = state * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    return state >> 33;
  }
  std::int64_t in(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
  }
};

// Offsets of groups of 0 to `most` rows.
inline std::vector<std::int64_t> offsets(Random& random, int groups, int most) {
  std::vector<std::int64_t> begin{0};
  for (int g = 0; g < groups; ++g) begin.push_back(begin.back() + random.in(0, most));
  return begin;
}

}  // namespace draw
