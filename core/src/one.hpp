// One visit through the kernel's own functions, over a value; the same columns as a batch gives. Private to the kernel.
//
// Meaning   A desk: what one thread needs to settle one visit after another. `settle` takes a visit whose plan, natures and numbers are
//           known and puts it into the memory, `reverse` takes one back.
// Units     As in settle.hpp.
// Requires  A memory whose counters, layers and schemes are those of the program (or come after them).
// Gives     The columns of the visit, its outcome and reason. A refused visit leaves an id behind and nothing else.
// Fails     `lost`: money was lost or invented, a fault of the kernel; the memory means nothing then.
// Cost      No allocation while the memory has room.
#pragma once

#include <array>
#include <climits>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "memory.hpp"
#include "visit.hpp"

namespace ybcore {

// What happens on an account beside visits, in the order in which it happens.
struct Movement {
  std::int32_t member, day;
  std::uint8_t kind;  // 0 sets, 1 adds
  std::int64_t amount;
};

struct OneAnswer {
  std::array<std::int64_t, kColumns> columns;
  Outcome outcome;
  Reason reason;
  std::int32_t plan;
  std::int32_t original;  // of a reversal: the record it took back
  bool lost;
};

// A visit, or one part of a split stay, to fill in before `settle`: what a batch would have as columns.
struct OnePart {
  const Prepared* prepared = nullptr;  // null: the desk's own program
  Record event{};
  std::vector<std::int64_t> natures, fields;
};

class One {
  std::size_t stride_, fields_;
  std::deque<OnePart> parts_;

 public:
  explicit One(const Prepared& prepared, std::size_t tags, std::size_t fields);
  One(const One&) = delete;
  One& operator=(const One&) = delete;

  // The first part, and any. What a reference points to stays where it is.
  Record& event;
  [[nodiscard]] OnePart& part(std::size_t k) { return k == 0 ? parts_.front() : further(k); }
  [[nodiscard]] std::span<std::int64_t> natures() { return parts_.front().natures; }
  [[nodiscard]] std::span<std::int64_t> given() { return given_; }
  // Before a program of a part goes.
  void leave() { over_ = nullptr; }

  // `setl` etc. are names of the memory; `facts`: policy, plan and flags are as settled.
  void settle(Memory& memory, std::span<const Movement> movements, const KeptFacts& facts, OneAnswer& answer, std::size_t parts = 1);
  void reverse(Memory& memory, std::span<const Movement> movements, std::int32_t setl, std::int32_t init, OneAnswer& answer);

 private:
  const Prepared& prepared_;
  std::vector<std::int64_t> given_;
  std::vector<std::int32_t> plan_;
  std::vector<std::int64_t> begin_, amount_;
  std::vector<std::int32_t> date_;
  std::vector<std::uint8_t> kind_;
  Events events_{};
  AccountEvents accounts_{};
  Outputs out_{};
  Ledger* ledger_ = nullptr;  // of the memory at hand
  std::uint64_t turns_ = 0;
  Visit visit_;
  // For plans of other programs, and which one it is over.
  std::unique_ptr<Visit> other_;
  const Prepared* over_ = nullptr;

  [[nodiscard]] OnePart& further(std::size_t k);
  [[nodiscard]] const Prepared& prepared_of(const OnePart& part) const { return part.prepared == nullptr ? prepared_ : *part.prepared; }
  [[nodiscard]] Visit& visit_of(const OnePart& part);
  void look_at(OnePart& part);
  [[nodiscard]] Reason refused(std::size_t parts);
  // Settles the parts into the open record; true: the sums are beyond every bound.
  bool run(std::size_t parts, OneAnswer& answer);
  void open(Memory& memory, std::span<const Movement> movements);
  void refuse(Memory& memory, std::int32_t setl, Reason reason, std::uint8_t kind, OneAnswer& answer);
  [[nodiscard]] Reason cannot_reverse(const Memory& memory, std::int32_t init, std::int32_t& record) const;
};

}  // namespace ybcore
