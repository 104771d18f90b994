// What one settling group remembers while it is settled: counters, and the settlements that still stand.
//
// Meaning   A slot is one counter for one scope and period; a record is one settlement with what it put where, so that a reversal can
//           take it back and values that are not sums can be found again among what stands.
// Units     Values in millionths of a fen, whatever unit a document settles in.
// Requires  `clear` between groups; indices stay good until then.
// Gives     References by index.
// Fails     Never; vectors grow to the largest group and are used again.
// Cost      One hash step a look-up; records are scanned by the few rules that ask about earlier stays.
#pragma once

#include <cstdint>
#include <vector>

namespace ybcore {

inline constexpr std::int64_t kGrid = 1'000'000;
// No counter and no figure may pass 4 x 10^12 fen; no bill 10^11 fen.
inline constexpr std::int64_t kMostFen = 4'000'000'000'000;
inline constexpr std::int64_t kMostGrid = kMostFen * kGrid;
inline constexpr std::int64_t kMostBill = 100'000'000'000;

struct SlotKey {
  std::int32_t counter;
  std::int32_t owner;   // person, or -2 - household
  std::int32_t within;  // hospital, disease, stay or attribute value; -1 none
  std::int32_t period;
  friend bool operator==(const SlotKey&, const SlotKey&) = default;
};

struct Slot {
  SlotKey key;
  std::int64_t value;
  std::int64_t admitted;  // admissions that stand
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
  void clear();
  [[nodiscard]] std::int32_t slot(const SlotKey& key) {
    const auto counter = static_cast<std::size_t>(key.counter);
    if (counter < last_.size() && last_[counter].key == key) return last_[counter].slot;
    return search(key);
  }
  [[nodiscard]] Slot& at(std::int32_t slot) { return slots_[static_cast<std::size_t>(slot)]; }
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
  void apply(const Standing& record, std::int64_t sign);
  // The slot last asked for, by counter: most often it is asked for again.
  struct Last {
    SlotKey key{-1, -1, -1, -1};
    std::int32_t slot = -1;
  };
  std::vector<Last> last_;
  std::vector<Slot> slots_;
  std::vector<std::int32_t> table_;
  std::vector<std::uint32_t> touched_;
  [[nodiscard]] std::int32_t search(const SlotKey& key);
  void grow();
};

}  // namespace ybcore
