// Numbers that are the same everywhere: splitmix64 in integers.
//
// Meaning   A generator of the benchmark's own, because the distributions of the standard library differ between libraries.
// Units     None.
// Requires  low <= high. One draw a statement: the order in which arguments are evaluated is the compiler's.
// Gives     The same run of numbers for the same seed, on every compiler and machine.
// Fails     Never.
// Cost      A few multiplications a number.
#pragma once

#include <cstdint>

namespace ybcore::bench {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  [[nodiscard]] std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  // From low to high, both included.
  template <class T = std::int64_t>
  [[nodiscard]] T between(std::int64_t low, std::int64_t high) {
    return static_cast<T>(low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1)));
  }
  [[nodiscard]] bool in_thousand(std::int64_t many) { return between(0, 999) < many; }

 private:
  std::uint64_t state_;
};

}  // namespace ybcore::bench
