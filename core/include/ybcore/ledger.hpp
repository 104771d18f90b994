// What one settling group remembers while it is settled: counters, and the settlements that still stand.
//
// Meaning   A slot is one counter for one scope and period; a record is one settlement with what it put where, so that a reversal can
//           take it back and values that are not sums can be found again among what stands.
// Units     Counters in fen where every document settles in whole fen, else in millionths of a fen; all else in millionths of a fen.
// Requires  `clear` between groups; indices stay good until then.
// Gives     References by index.
// Fails     Never; vectors grow to the largest group and are used again.
// Cost      A step or two a look-up; records are scanned by the few rules that ask about earlier stays.
#pragma once

#include <cstdint>
#include <vector>

#include "ybcore/money.hpp"

namespace ybcore {

inline constexpr std::int64_t kGrid = 1'000'000;
// No counter and no figure may pass 4 x 10^12 fen; no bill 10^11 fen.
inline constexpr std::int64_t kMostFen = 4'000'000'000'000;
inline constexpr std::int64_t kMostGrid = kMostFen * kGrid;
inline constexpr std::int64_t kMostBill = 100'000'000'000;

// Rounded from millionths of a fen to units of which `scale` make one fen.
[[nodiscard]] inline std::int64_t from_grid(std::int64_t value, std::int64_t scale) {
  if (scale == 1 && value >= 0) return static_cast<std::int64_t>((static_cast<std::uint64_t>(value) + kGrid / 2) / kGrid);
  return scale == kGrid ? value : static_cast<std::int64_t>(round_div(Wide{value} * scale, kGrid));
}
[[nodiscard]] inline std::int64_t to_grid(std::int64_t value, std::int64_t scale) { return value * (kGrid / scale); }

struct SlotKey {
  std::int32_t counter;
  std::int32_t owner;   // person, or -2 - household
  std::int32_t within;  // hospital, disease, stay or attribute value; -1 none
  std::int32_t period;
  friend bool operator==(const SlotKey&, const SlotKey&) = default;
};

// The slot of everything that lasts no longer than a visit: always nothing.
inline constexpr std::int32_t kNoSlot = 0;

struct Slot {
  SlotKey key;
  std::int64_t value;     // in the ledger's unit, as contributions are
  std::int64_t admitted;  // admissions that stand
  std::int32_t before;    // the slot of the same counter made before this one; -1 none
};

struct Contribution {
  std::int32_t slot;
  std::int64_t amount;
};
struct Admission {
  std::int32_t slot;
  std::int32_t stay;
  std::int32_t number;
};
struct StandardMark {
  std::int32_t slot;
  std::int64_t amount;
};
// What a layer with a deductible used and charged in a settlement; `chain_*` run along transfers.
struct Used {
  std::int32_t layer;
  std::int64_t used;
  std::int64_t chain_standard;
  std::int64_t chain_used;
};
struct AccountMove {
  std::int32_t person;
  std::int64_t amount;
};

// A settlement of the group.
struct Standing {
  std::int64_t row;    // of the visit; -2 - k: settlement k of the opening state
  std::int32_t place;  // of its row among the partition's; -1 for one of the opening state
  std::int32_t person, stay, scheme, enddate;
  bool standing;
  std::uint32_t contributions, contributions_end, admissions, admissions_end, standards, standards_end, used, used_end, moves, moves_end;
};

class Ledger {
 public:
  explicit Ledger(bool whole_fen) : whole_fen_(whole_fen) { clear(); }
  void clear();
  // Slots that were found at one epoch are good as long as it lasts: `clear` ends it, and so may the owner.
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  void begin_epoch(std::uint64_t epoch) { epoch_ = epoch; }
  // A counter in units of which `scale` make one fen, such an amount in the ledger's unit, and the most a counter may hold.
  [[nodiscard]] std::int64_t value(std::int32_t slot, std::int64_t scale) const {
    const std::int64_t value = slots_[static_cast<std::size_t>(slot)].value;
    return whole_fen_ ? value : from_grid(value, scale);
  }
  [[nodiscard]] std::int64_t unit(std::int64_t amount, std::int64_t scale) const { return whole_fen_ ? amount : to_grid(amount, scale); }
  [[nodiscard]] bool whole_fen() const { return whole_fen_; }
  [[nodiscard]] std::int64_t most() const { return whole_fen_ ? kMostFen : kMostGrid; }
  // Millionths of a fen that make the ledger's unit.
  [[nodiscard]] std::int64_t grid() const { return whole_fen_ ? kGrid : 1; }
  [[nodiscard]] std::int32_t slot(const SlotKey& key) {
    if (!table_.empty()) return search(key);
    const auto counter = static_cast<std::size_t>(key.counter);
    if (counter >= newest_.size()) newest_.resize(counter + 1, -1);
    for (std::int32_t at = newest_[counter]; at >= 0; at = slots_[static_cast<std::size_t>(at)].before)
      if (slots_[static_cast<std::size_t>(at)].key == key) return at;
    return make(key);
  }
  [[nodiscard]] Slot& at(std::int32_t slot) { return slots_[static_cast<std::size_t>(slot)]; }
  [[nodiscard]] std::vector<Slot>& slots() { return slots_; }
  [[nodiscard]] const std::vector<Slot>& slots() const { return slots_; }

  std::vector<Standing> records;
  std::vector<Contribution> contributions;
  std::vector<Admission> admissions;
  std::vector<StandardMark> standards;
  std::vector<Used> used;
  std::vector<AccountMove> moves;

  // Opens a record that ends where the vectors end now; `close` sets its ends.
  void open(std::int64_t row, std::int32_t place, std::int32_t person, std::int32_t stay, std::int32_t scheme, std::int32_t enddate);
  void close();
  // Takes back a record that stands.
  void take_back(Standing& record);
  // Takes back the open record as if it had never been.
  void cancel();

 private:
  bool whole_fen_;
  std::uint64_t epoch_ = 1;
  void apply(const Standing& record, std::int64_t sign);
  // The newest slot of each counter; most groups are so small that walking back from it is enough.
  std::vector<std::int32_t> newest_;
  std::vector<Slot> slots_;
  // For large groups.
  std::vector<std::int32_t> table_;
  [[nodiscard]] std::int32_t search(const SlotKey& key);
  [[nodiscard]] std::int32_t make(const SlotKey& key);
  void index(std::size_t places);
};

}  // namespace ybcore
