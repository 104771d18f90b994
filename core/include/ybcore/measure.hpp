// Sums and places under replicate weights: what many policies are measured by.
//
// Meaning   A unit (row) was drawn `times` in each replicate (column). What is added up are whole numbers, so that the answer is the same
//           in whatever order, and a policy may be told as the difference from another one.
// Units     Whole numbers of a scale that the caller chooses. Sums of 64 bits are right when the true sum fits: they wrap on the way.
// Requires  Units, places and cells inside their bounds; weights of zero or more.
// Gives     Sums added to what stands in `out`; places.
// Fails     Never; allocates nothing.
// Cost      One pass over the rows of the units named, for all replicates at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ybcore {

struct Drawn {
  std::span<const std::uint8_t> times;  // by unit, then by replicate
  std::size_t number;                   // replicates
};

// Whose amounts: `unit` and `cell` of each row. `amount`: by column, then by row.
struct Amounts {
  std::span<const std::int32_t> unit, cell;
  std::span<const std::int64_t> amount;
  std::size_t cells;
};

// out[column][cell][replicate] += times × amount.
void add_replicates(const Drawn& drawn, const Amounts& amounts, std::span<std::uint64_t> out) noexcept;

// out[column][cell][replicate] += amount × rank, in 128 bits: the low word, then the high one. `rank`: by unit, then by replicate.
void add_ranked(std::span<const std::int64_t> rank, std::size_t number, const Amounts& amounts, std::span<std::uint64_t> out) noexcept;

// Of each replicate the first place of `unit` (in order of a value) at or before which the weight is at least `target` (above 0), the last
// one where none is. `weight`: of one draw of the unit of each place. `start`: a place to begin at; `before`: the weight before it, which
// is used up.
void find_places(const Drawn& drawn, std::span<const std::int32_t> unit, std::span<const std::int64_t> weight, std::size_t start,
                 std::span<std::int64_t> before, std::span<const std::int64_t> target, std::span<std::int64_t> place) noexcept;

}  // namespace ybcore
