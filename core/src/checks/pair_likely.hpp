// Which lines may be a pair with a main line of their person: candidates not far from it whose items share bits with its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pair_early.hpp"
#include "ybcore/checks/pairs.hpp"

namespace ybcore::checks {

// Candidates on each side that a main line is compared with at most.
inline constexpr std::size_t kMost = 32;

// Lines of any row, rising, with kMost that are of no person on each side; and of each, what main items its item is paired with (Trait).
struct Candidates {
  std::vector<std::int32_t> line;
  std::vector<std::uint16_t> number;  // of their items
  std::array<std::vector<std::uint64_t>, 2> wanted;
  std::vector<std::int32_t> leads;  // places of main lines among them
  std::size_t count = 0, lead_count = 0;

  void resize(std::size_t size) {
    line.resize(size + 2 * kMost, -1);
    number.resize(size + 2 * kMost);
    for (auto& one : wanted) one.resize(size + 2 * kMost);
    leads.resize(size);
  }
  [[nodiscard]] std::span<const std::int32_t> lines() const noexcept { return std::span(line).subspan(kMost, count); }
};

// Couples of lines, by person. In place of an included line: kCalls, where the main line's item contains one whose lines are no candidates;
// kCrowded, and no couple, of a person with so many candidates that they are better looked at together.
struct Likely {
  static constexpr std::int32_t kCalls = -1, kCrowded = -2;
  static constexpr std::size_t kAtOnce = 4 * kMost;  // that there is room for behind `count`
  std::vector<std::int32_t> included, main, person;
  std::size_t count = 0;

  void reserve() {
    if (included.size() >= count + kAtOnce) return;
    for (auto* column : {&included, &main, &person}) column->resize(2 * count + kAtOnce);
  }
};

// Finds those of persons from `person` on. `early`: null where every line of any row is a candidate.
using FindLikely = void (*)(const Candidates& among, const PairScopes& scopes, const Early* early,
                            std::span<const std::int64_t> person_begin, std::size_t person, Likely& out);

// The best of this machine.
[[nodiscard]] FindLikely find_likely() noexcept;

}  // namespace ybcore::checks
