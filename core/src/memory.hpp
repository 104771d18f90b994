// What a person, or the few who are settled together, carry from visit to visit: a value that one visit after another is settled over.
//
// Meaning   The ledger of the settling group with names for its numbers: persons are members 0, 1, ...; stays, hospitals, diseases,
//           households and settlements are names. Counters, layers and schemes are those of the engine; those that it does not know come
//           after them, by name. docs/settlement.md sections 4, 8 and 10; the bytes are in docs/embedding.md.
// Units     Money in fen, counters in the ledger's unit, dates in days since 1970-01-01.
// Requires  One visit at a time.
// Gives     A copy is independent of what it was made from; one made into a used value takes its memory over.
// Fails     std::bad_alloc.
// Cost      No allocation while vectors have room: they grow with the settlements that stand. Private to the kernel.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "ybcore/ledger.hpp"
#include "ybcore/names.hpp"
#include "ybcore/settle.hpp"

namespace ybcore {

// Beside a record of the ledger: the names of a settlement, and what a reversal tells again. `place` of the record is its number here.
struct KeptFacts {
  std::int32_t setl, policy, plan;
  std::uint32_t flags;
  std::uint8_t has_account;
};

// An id that does not stand; `kind` as kWasReversed and its neighbours.
struct OtherId {
  std::int32_t setl, member;
  std::uint8_t kind;
};

// Names of counters, layers, schemes and values that the engine does not know, numbered after its own.
struct Foreign {
  std::vector<std::int32_t> name;
};

struct Memory {
  explicit Memory(bool whole_fen) : ledger(whole_fen) {}

  std::uint64_t version = 0;
  Names names;
  Ledger ledger;
  std::vector<KeptFacts> kept;        // by record of the ledger
  std::vector<std::int64_t> columns;  // kColumns of each record
  std::vector<OtherId> others;
  // By member.
  std::vector<std::int32_t> member;  // name
  std::vector<std::uint8_t> has_account;
  std::vector<std::int64_t> balance, opening, cursor;
  std::vector<std::int32_t> start, through;
  Foreign counters, layers, schemes, values;
  std::vector<std::uint8_t> foreign_scope;  // by foreign counter

  void clear();
  // Room for so many more settlements, so that none of them allocates.
  void reserve(std::size_t settlements);
  [[nodiscard]] std::int32_t member_of(std::string_view person);
  // True when some settlement or refused row has this id.
  [[nodiscard]] bool knows(std::int32_t setl) const;
};

}  // namespace ybcore
