// Which lines each rule looks at: one pass over all lines for all rules.
//
// Meaning   A table says for each item which rules name it, one bit a rule; a visit may further say of which rules its scope may hold. A
//           line is a candidate where both bits are set.
// Units     None; places of lines in the given order.
// Requires  masks: (items + 1) x words, the last row for item -1.
// Gives     The candidates of each rule in the order of the lines, with their items and visits where these are asked for.
// Fails     Nothing is given where an item is not from -1 to below `items`, or `holds` has not the visit of a line that a rule names: seen
//           in the same pass, so that columns are read once.
// Cost      A look at a byte a line; a mask, and four bytes for a while, a line that any rule names, with scopes or visits a word more of
//           memory that is asked for ahead; a few operations a candidate, and for a while as much memory as what is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ybcore/scratch.hpp"

namespace ybcore::checks {

struct PickLines {
  std::span<const std::int32_t> item;
  std::span<const std::int32_t> visit;  // empty: no rule has a scope, and nobody asks for visits
};

struct PickRules {
  std::span<const std::uint64_t> masks;
  std::span<const std::uint64_t> holds;  // visits x words
  std::size_t rules = 0;
  bool items = false, visits = false;  // give those of candidates

  [[nodiscard]] std::size_t words() const noexcept { return (rules + 63) / 64; }
};

struct Picked {
  std::size_t size = 0;
  Big<std::int32_t> place, item, visit;  // nothing where it was not asked for
};

// One for each rule: who is done with one lets go of its memory.
[[nodiscard]] std::optional<std::vector<Picked>> pick(const PickLines& lines, const PickRules& rules, int threads);

// Where the runs of persons begin among `place` (rising), of those who have any: `person_begin` cuts all places.
[[nodiscard]] std::vector<std::int64_t> runs_of(std::span<const std::int32_t> place, std::span<const std::int64_t> person_begin);

}  // namespace ybcore::checks
