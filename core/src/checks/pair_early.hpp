// Which lines pairs are looked for among first: often an included item stands in every third person's bills, and the few main ones that
// contain it hardly anywhere.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "ybcore/checks/pairs.hpp"

namespace ybcore::checks {

// Of small tables and many lines. What is left out is looked for where a line calls for it, and so nothing depends on what a sample tells.
class Early {
 public:
  Early(const PairEvents& events, const PairScopes& scopes) : first_(scopes.items()), calls_(scopes.numbers()) {
    if (!scopes.small() || events.item.size() < kWorth) return;
    const std::vector<std::uint32_t> lines = sampled(events, scopes);
    std::vector<std::uint32_t> callers(lines.size());
    for (std::size_t n = 0; n < lines.size(); ++n)
      for (const PairScopes::Match& match : scopes.matches(static_cast<std::uint16_t>(n))) callers[n] += lines[match.main];
    std::vector<bool> late(lines.size());
    for (std::size_t n = 0; n < lines.size(); ++n) {
      const auto number = static_cast<std::uint16_t>(n);
      late[n] = !scopes.leads(number) && lines[n] >= kCommon && lines[n] / kRarer > callers[n];
      if (!late[n]) continue;
      any_ = true;
      for (const PairScopes::Match& match : scopes.matches(number)) calls_[match.main] = 1;
    }
    for (std::size_t i = 0; any_ && i < scopes.items(); ++i)
      if (const auto item = static_cast<std::int32_t>(i); scopes.named().has(item) && !late[scopes.number(item)]) first_.choose(item);
  }

  // Whether some lines are left out at first.
  [[nodiscard]] bool any() const noexcept { return any_; }
  // Those that are not.
  [[nodiscard]] const ChosenCodes& first() const noexcept { return first_; }
  // Whether a main item, by its number, contains one that is left out.
  [[nodiscard]] bool calls(std::uint16_t number) const noexcept { return calls_[number] != 0; }

 private:
  // Of a sample. A call costs a look at all lines of a person.
  static constexpr std::size_t kWorth = std::size_t{1} << 20, kBlocks = 512, kBlock = 64, kAhead = 8, kLine = 16;
  static constexpr std::uint32_t kCommon = kBlocks * kBlock / 512, kRarer = 16;

  // Lines of each item, by number.
  static std::vector<std::uint32_t> sampled(const PairEvents& events, const PairScopes& scopes) {
    std::vector<std::uint32_t> lines(scopes.numbers());
    const std::size_t apart = events.item.size() / kBlocks;
    for (std::size_t block = 0; block < kBlocks; ++block) {
      const std::size_t next = std::min(block + kAhead, kBlocks - 1) * apart;
      for (std::size_t k = 0; k < kBlock; k += kLine) __builtin_prefetch(events.item.data() + next + k);
      for (const std::int32_t item : events.item.subspan(block * apart, kBlock))
        if (item >= 0 && static_cast<std::size_t>(item) < scopes.items() && scopes.named().has(item)) ++lines[scopes.number(item)];
    }
    return lines;
  }

  bool any_ = false;
  ChosenCodes first_;
  std::vector<std::uint8_t> calls_;  // by number
};

}  // namespace ybcore::checks
