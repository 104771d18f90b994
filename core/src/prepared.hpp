// A program with everything worked out that does not depend on a visit: constant amounts, bands, deductible standards, and which feeds
// follow which layer. Private to the kernel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "plain.hpp"
#include "ybcore/layer.hpp"
#include "ybcore/ledger.hpp"
#include "ybcore/money.hpp"
#include "ybcore/policy.hpp"

namespace ybcore {

struct PreparedLayer {
  const LayerRow* row;
  std::span<const FeedRow> feeds;
  std::span<const Edge> edges;  // in units of money; empty when a bound depends on the visit
  bool expense_ceilings, above_ceilings, fund_ceilings;
};

struct PreparedKey {
  std::int32_t counter, value;
  Period period;
  Scope scope;
  friend bool operator==(const PreparedKey&, const PreparedKey&) = default;
};
// Keys that plans share. What decides their slots, beside the person: bit s of `scopes`, bit p of `periods`.
struct PreparedKeys {
  std::span<const PreparedKey> keys;
  std::int32_t year_month, year_day;
  std::uint32_t scopes, periods;
};

struct PreparedPlan {
  const PlanRow* row;
  std::span<const PreparedLayer> layers;
  std::span<const FeedRow> end_feeds;
  std::size_t keys;         // which of the key sets
  bool rounds_end;          // totals may have parts of a fen, or are rounded further
  bool keeps_buckets;       // some feed asks for a bucket at the end
  const PlainPlan* plain;   // settles in whole fen with plain layers only; or null
  std::int8_t main, basic;  // layers whose deductible and rate are shown; -1 none
};

class Prepared {
 public:
  explicit Prepared(const Program& program);
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;

  // True when some rule asks about settlements that came before, beside counters.
  [[nodiscard]] bool looks_back() const { return looks_back_; }
  // True when every plan settles in whole fen.
  [[nodiscard]] bool whole_fen() const { return whole_fen_; }
  // Bit c: some visit may have something in column c; for the others it is unlikely.
  [[nodiscard]] std::uint64_t columns() const { return columns_; }
  [[nodiscard]] const Program& program() const { return program_; }
  [[nodiscard]] std::span<const PreparedKeys> key_sets() const { return key_sets_; }
  [[nodiscard]] const PreparedPlan& plan(std::int32_t plan) const { return plans_[static_cast<std::size_t>(plan)]; }
  // Gives the value that a key is kept by its number; only who owns the program may.
  void keep_by(std::size_t key, std::int32_t value) { keys_[key].value = value; }
  // A constant amount in fen, held to the largest there can be; kMissing: it depends on the visit.
  [[nodiscard]] std::int64_t constant(std::int64_t amount) const { return constants_[static_cast<std::size_t>(amount)]; }
  // The n-th admission's standard of a layer with a constant one, in units of money; kMissing: it depends on the visit.
  [[nodiscard]] std::int64_t standard(std::int64_t standard, std::int64_t n) const {
    const Steady& s = standards_[static_cast<std::size_t>(standard)];
    if (s.count == 0 || (n > s.count && !s.stays)) return kMissing;
    return values_[s.begin + static_cast<std::size_t>(n <= s.count ? n - 1 : s.count - 1)];
  }

 private:
  struct Steady {
    std::size_t begin = 0;
    std::int64_t count = 0;
    bool stays = false;  // later admissions are as the last one
  };

  const Program& program_;
  std::vector<std::int64_t> constants_, values_;
  std::vector<Steady> standards_;
  std::vector<FeedRow> feeds_;
  std::vector<PreparedKey> keys_;
  std::vector<PreparedKeys> key_sets_;
  std::vector<Edge> edges_;
  std::vector<PreparedLayer> layers_;
  std::vector<PreparedPlan> plans_;
  PlainPlans plain_;

  bool looks_back_ = false, whole_fen_ = true;
  std::uint64_t columns_ = 0;
  [[nodiscard]] std::size_t key_set(const PlanRow& plan);
  void note_columns(const PlanRow& plan);
  void steady(const StandardRow& row, std::int64_t scale, Steady& out);
};

[[nodiscard]] inline std::int64_t held(Wide fen) {
  return static_cast<std::int64_t>(fen < -kMostFen ? -kMostFen : fen > kMostFen ? kMostFen : fen);
}

// The standard of the n-th admission in units of money; `fen` answers what an amount is.
template <class Fen>
[[nodiscard]] std::int64_t standard_of(const Program& program, const StandardRow& s, std::int64_t n, std::int64_t scale, Fen fen) {
  const auto times = [](std::int64_t amount, std::int64_t ppm) { return held(round_div(Wide{amount} * ppm, Wide{1'000'000})); };
  std::int64_t value = held(fen(s.amount));
  for (std::int64_t e = s.edit_begin; e < s.edit_end; ++e) {
    const EditRow& edit = program.edits[static_cast<std::size_t>(e)];
    switch (static_cast<Edit>(edit.kind)) {
      case Edit::kSet:
        value = fen(edit.value);
        break;
      case Edit::kPlus:
        value = held(Wide{value} + fen(edit.value));
        break;
      case Edit::kMinus:
        value = held(Wide{value} - fen(edit.value));
        break;
      case Edit::kTimes:
        value = times(value, edit.value);
    }
  }
  const auto entry = [&] {
    const std::int64_t last = s.value_end - s.value_begin - 1;
    return program.values[static_cast<std::size_t>(s.value_begin + (n - 1 < last ? n - 1 : last))];
  };
  switch (static_cast<AdmissionRule>(s.rule)) {
    case AdmissionRule::kList:
      value = fen(entry());
      break;
    case AdmissionRule::kFactors:
      value = times(value, entry());
      break;
    case AdmissionRule::kLessShare: {
      const std::int64_t left = 1'000'000 - entry() * (n - 1);
      value = times(value, left < 0 ? 0 : left);
      break;
    }
    case AdmissionRule::kTimes:
      for (std::int64_t i = 1; i < n && value != 0; ++i) value = times(value, entry());
      break;
    case AdmissionRule::kLess: {
      const Wide left = value - Wide{fen(entry())} * (n - 1);
      value = held(left < 0 ? 0 : left);
      break;
    }
    case AdmissionRule::kPlain:
      break;
  }
  if (s.floor >= 0) {
    const std::int64_t least = fen(s.floor);
    value = value < least ? least : value;
  }
  value = held(value < 0 ? 0 : value) * scale;
  value = static_cast<std::int64_t>(round_to(value, 1, {static_cast<RoundMode>(s.mode), s.unit}));
  return s.waived != 0 ? 0 : value;
}

}  // namespace ybcore
