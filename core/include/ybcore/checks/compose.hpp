// K12: what a prescription (or visit) is made of.
//
// Meaning   distinct: how many different items; lines of the items beyond the limit, by first appearance, offend. all_in: every line is in
//           the list. single: there is one item only, and it is in the list. same_class: items, or lines, that share a class; the lines of
//           the first offend not.
// Units     Pieces. step: the place of the value in `threshold`, for same_class the class.
// Requires  Groups of lines in order; items < items, classes < classes; values of a scope in the order tried: the first that compares is
//           the limit.
// Gives     Findings by group; lines that do not offend are involved (same_class: those of the class). A line whose item, class or place in
//           the list is not known (-1, kNotKnown) is left out and counted; for all_in and single it keeps its group from being a hit.
// Fails     std::bad_alloc.
// Cost      O(1) a line; tables of items and classes a chunk.
#pragma once

#include <cstdint>
#include <span>

#include "ybcore/checks/found.hpp"

namespace ybcore::checks {

inline constexpr std::uint8_t kNotKnown = 2;

struct Composition {
  std::span<const std::int64_t> begin;  // groups + 1
  std::span<const std::int32_t> item;   // -1 unknown
  std::int32_t items = 0;
};

struct DistinctRule {
  Comparator comparator = Comparator::kMoreThan;
  std::span<const std::int32_t> scope;            // of each group, -1 none; empty: 0 for all
  std::span<const std::int64_t> threshold_begin;  // scopes + 1
  std::span<const std::int64_t> threshold;
};
[[nodiscard]] Found distinct(const Composition& lines, const DistinctRule& rule, int threads = 1);

// `listed` of each line: 1 in the list, 0 not, kNotKnown. measure: different items, limit 0.
[[nodiscard]] Found all_in(const Composition& lines, std::span<const std::uint8_t> listed, int threads = 1);
[[nodiscard]] Found single(const Composition& lines, std::span<const std::uint8_t> listed, int threads = 1);

// `of_lines`: two lines of one item share a class too. measure: different items (lines) of the class, limit 1. A line of class -1 shares
// none; of kUnclassed it is not known.
inline constexpr std::int32_t kUnclassed = -2;
[[nodiscard]] Found same_class(const Composition& lines, std::span<const std::int32_t> of_class, std::int32_t classes, bool of_lines,
                               int threads = 1);

}  // namespace ybcore::checks
