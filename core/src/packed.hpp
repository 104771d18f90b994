// Events as records of one cache line, and rows of columns that stand together: settling order is not input order, so what belongs to
// one visit must lie in one place. Private to the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "ybcore/settle.hpp"

namespace ybcore {

struct alignas(64) Event {
  std::int64_t visit;
  std::int32_t plan, person, household, donor, hospital, disease, stay, linked_stay, order_date, begndate, enddate, period_date, days;
  std::uint16_t parts;  // of its visit
  Reason reason;
  std::uint8_t later : 1, acct_used : 1, is_reversal : 1;
};
static_assert(sizeof(Event) == 64);

struct Free {
  void operator()(void* at) const { std::free(at); }
};
template <class T>
using Big = std::unique_ptr<T[], Free>;

struct Packed {
  Big<Event> event;
  Big<std::int64_t> row;  // kColumns a visit; only those of settled visits are written
  [[nodiscard]] std::int64_t* row_of(std::int64_t visit) const { return row.get() + static_cast<std::size_t>(visit) * kColumns; }
};

[[nodiscard]] Packed pack(const Events& events, std::size_t visits, int threads);
// Rows become columns; unsettled visits get zeros.
void spread(const Packed& packed, const Outputs& out, int threads);

// How many events ahead memory is asked for.
inline constexpr std::int64_t kAhead = 12;
inline void fetch(const void* at) { __builtin_prefetch(at); }
inline void fetch_to_write(const void* at) { __builtin_prefetch(at, 1); }

}  // namespace ybcore
