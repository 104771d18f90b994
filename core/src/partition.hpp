// Visits by partitions of settling groups, each small enough for a core's own cache: settling order is not input order, and a cache miss
// costs more than settling. Records go to their partition as the input is read; results come back the same way, partition by partition a
// stream, so nothing is ever looked up all over memory. Private to the kernel.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "rows.hpp"
#include "split.hpp"
#include "ybcore/scratch.hpp"
#include "ybcore/settle.hpp"

namespace ybcore {

// An event as two cache lines, written as sixteen words of which the first fields are the low bits.
struct alignas(64) Record {
  std::int32_t visit, event, plan, person, household, donor, hospital, disease, stay, linked_stay, order_date, begndate, enddate,
      period_date, days;
  std::uint32_t packed;
  std::int64_t first, second;  // when it is settled
  std::int64_t nature[5];
  std::int32_t group, combination;  // what `plan` was when the record was made

  [[nodiscard]] std::uint32_t parts() const { return packed & 0xffff; }  // of its visit
  [[nodiscard]] Reason reason() const { return static_cast<Reason>((packed >> 16) & 0xff); }
  void set_reason(std::uint8_t reason) { packed = (packed & ~0xff0000U) | std::uint32_t{reason} << 16; }
  [[nodiscard]] bool later() const { return (packed >> 24 & 1) != 0; }
  [[nodiscard]] bool acct_used() const { return (packed >> 24 & 2) != 0; }
  [[nodiscard]] bool is_reversal() const { return (packed >> 24 & 4) != 0; }
};
static_assert(sizeof(Record) == 128 && std::endian::native == std::endian::little);

// The kept rows of one partition: narrow ones in place of the first record of each visit; or, visit after visit in memory of their own,
// narrow ones that find no room there, or a Fate and all columns in full.
struct KeptRows {
  const std::byte* own = nullptr;
  bool narrow = true;
  std::uint64_t live = 0;  // bit c: some row has something in column c
};

class Partitions {
 public:
  // `columns`: those that visits are likely to have.
  Partitions(const Events& events, std::size_t visits, std::uint64_t columns, int threads);

  [[nodiscard]] std::size_t count() const { return event_begin_.size() - 1; }
  [[nodiscard]] std::span<const std::int64_t> weights() const { return event_begin_; }
  [[nodiscard]] std::size_t events(std::size_t part) const { return static_cast<std::size_t>(event_begin_[part + 1] - event_begin_[part]); }
  // All records. Those of a partition stand in one piece for each chunk of the input, in input order; parts of a visit stand together.
  [[nodiscard]] Record* records() const { return records_.get(); }
  struct Piece {
    std::uint32_t begin, end;
  };
  [[nodiscard]] std::size_t pieces() const { return chunks_.begin.size() - 1; }
  [[nodiscard]] Piece piece(std::size_t part, std::size_t chunk) const {
    const std::size_t at = chunk * count() + part;
    return {event_place_[at], part + 1 == count() ? event_end_[chunk] : event_place_[at + 1]};
  }
  [[nodiscard]] std::int32_t first_group(std::size_t part) const { return static_cast<std::int32_t>(part << shift_); }
  [[nodiscard]] std::int32_t end_group(std::size_t part) const;

  // Memory for kept rows, block by block; one for each chunk of partitions.
  struct Arena {
    std::vector<Big<std::byte>> blocks;
    std::size_t left = 0;
    std::byte* next = nullptr;
    [[nodiscard]] std::byte* take(std::size_t bytes);
  };
  void reserve_arenas(std::size_t count) { arenas_.resize(count); }
  [[nodiscard]] Arena& arena(std::size_t chunk) { return arenas_[chunk]; }
  [[nodiscard]] const NarrowLayout& layout() const { return layout_; }
  // True when a narrow row takes no more room than a record.
  [[nodiscard]] bool rows_fit() const { return layout_.width * sizeof(std::int32_t) <= sizeof(Record); }
  // Keeps the rows of a partition, whose records nobody needs any more; `first`: of each visit, the place of its first record among all.
  void keep(std::size_t part, const Rows& rows, const Fate* fates, const std::uint32_t* first, Arena& arena);
  // Bit c: some row has something in column c.
  [[nodiscard]] std::uint64_t live() const;
  // Back to columns in input order, once: rows are gone then, chunk by chunk. Visits that took no part get zeros. Columns that nobody wrote
  // may be empty.
  void spread(const std::array<std::int64_t*, kColumns>& columns, std::span<std::uint8_t> outcome, std::span<std::uint8_t> reason,
              std::span<std::int32_t> plan, std::span<std::uint8_t> reversed, int threads);

 private:
  void count_chunk(std::size_t chunk, std::uint32_t* events, std::uint32_t* visits) const;
  void place_chunks(std::size_t parts, std::size_t chunks);
  void pack_chunk(std::size_t chunk);
  void spread_chunk(std::size_t chunk, const std::array<std::int64_t*, kColumns>& columns, std::span<std::uint8_t> outcome,
                    std::span<std::uint8_t> reason, std::span<std::int32_t> plan, std::span<std::uint8_t> reversed) const;

  const Events& events_;
  const NarrowLayout layout_;
  int shift_ = 0;
  Chunks chunks_;                          // of visits
  std::vector<std::int64_t> event_begin_;  // events of the partitions before each
  // By chunk and partition: visits of its partition before the chunk's, and the place of its first record.
  std::vector<std::uint32_t> row_place_, event_place_;
  std::vector<std::uint32_t> event_end_;  // by chunk
  Big<Record> records_;
  std::vector<KeptRows> rows_;
  std::vector<Arena> arenas_;
};

}  // namespace ybcore
