// One event through its plan; private to the kernel.
#pragma once

#include <array>
#include <cstdint>

#include "partition.hpp"
#include "prepared.hpp"
#include "ybcore/layer.hpp"
#include "ybcore/ledger.hpp"
#include "ybcore/settle.hpp"

namespace ybcore {

// Rounded from millionths of a fen to the reader's unit.
[[nodiscard]] inline std::int64_t from_grid(std::int64_t value, std::int64_t scale) {
  if (scale == 1 && value >= 0) return static_cast<std::int64_t>((static_cast<std::uint64_t>(value) + kGrid / 2) / kGrid);
  return scale == kGrid ? value : static_cast<std::int64_t>(round_div(Wide{value} * scale, kGrid));
}
[[nodiscard]] inline std::int64_t to_grid(std::int64_t value, std::int64_t scale) { return value * (kGrid / scale); }

// What a layer did; units of money.
struct LayerResult {
  std::int64_t base, eligible, above, standard, due, deductible, target, carry, cut_fund, cut_fund_moves, cut_expense, room, rate, hospital,
      excess_to_person;
  bool ran;
  Payments pays;
  // Payments need no zeros: their count says what is there.
  void reset() {
    base = eligible = above = standard = due = deductible = target = carry = cut_fund = cut_fund_moves = cut_expense = rate = hospital =
        excess_to_person = 0;
    room = kMissing;
    ran = true;
    pays.count = 0;
  }
};

class Visit {
 public:
  Visit(const Prepared& prepared, const Events& events, const AccountEvents& accounts, const Outputs& out, Ledger& ledger)
      : prepared_(prepared), program_(prepared.program()), events_(events), accounts_(accounts), out_(out), ledger_(ledger) {}

  // `history`: what is put where is written down, so that it can be taken back; else the ledger gets counters only.
  // Settles an event and adds its columns, in fen, to `columns`. False when money was lost or invented. `first_number` is the
  // admission number of the visit's first part, in and out.
  bool run(const Record& event, std::int64_t* columns, std::int32_t& first_number, bool history, bool& overflow);

  // The same for a whole visit of a plain plan.
  bool run_plain(const Record& event, std::int64_t* columns, bool history, bool& overflow);

  // Applies account events up to a day and returns the balance.
  std::int64_t balance(std::int32_t person, std::int32_t day) {
    const auto p = static_cast<std::size_t>(person);
    std::int64_t& balance = out_.balance[p];
    if (!accounts_.begin.empty()) {
      std::int64_t& next = out_.account_cursor[p];
      for (; next < accounts_.begin[p + 1] && accounts_.date[static_cast<std::size_t>(next)] <= day; ++next) {
        const auto at = static_cast<std::size_t>(next);
        balance = accounts_.kind[at] == 0 ? accounts_.amount[at] : balance + accounts_.amount[at];
      }
    }
    if (out_.account_through[p] < day) out_.account_through[p] = day;
    return balance;
  }

 private:
  const Prepared& prepared_;
  const Program& program_;
  const Events& events_;
  const AccountEvents& accounts_;
  const Outputs& out_;
  Ledger& ledger_;

  // The event at hand.
  const Record* event_ = nullptr;
  const PreparedPlan* prepared_plan_ = nullptr;
  const PlanRow* plan_ = nullptr;
  std::int64_t scale_ = 1;
  std::size_t buckets_ = kBuckets;
  std::int64_t number_ = 1;
  std::array<std::int64_t, kAllBuckets> burden_{};
  std::array<std::int64_t, kAllBuckets> nature_{};
  std::int64_t total_ = 0;
  std::array<std::int64_t, kPayers> payers_{};
  std::array<std::int32_t, kMaxKeys> slots_{};
  std::array<std::int64_t, kMaxKeys> fed_{};
  std::array<LayerResult, kMaxLayers> results_{};
  // Sums beyond `most_` units cannot be told from wrapped ones: the visit is refused.
  std::int64_t most_ = kMostGrid;
  mutable bool overflow_ = false;
  std::int64_t chain_standard_ = 0, chain_used_ = 0;
  std::size_t detail_ = 0;
  // The base of the layer at hand.
  std::array<std::int64_t, kMaxBands> held_{}, part_bucket_{};
  // Periods of the days that were asked for last, by day.
  struct Periods {
    std::int32_t day = INT32_MIN, rule = -1, of[6] = {};
  };
  std::array<Periods, 512> periods_{};
  std::size_t parts_ = 0;

  [[nodiscard]] std::size_t index() const { return static_cast<std::size_t>(event_->event); }
  [[nodiscard]] Rounding layer_rounding() const { return {static_cast<RoundMode>(plan_->layer_mode), plan_->layer_unit}; }
  void open_buckets();
  void resolve_keys();
  [[nodiscard]] const std::int32_t* periods();
  [[nodiscard]] std::int64_t read(std::int64_t key) const {
    const auto at = static_cast<std::size_t>(key);
    const std::int64_t stored = slots_[at] < 0 ? 0 : from_grid(ledger_.at(slots_[at]).value, scale_);
    const std::int64_t sum = stored + fed_[at];
    if (scale_ == 1 && static_cast<std::uint64_t>(sum + kMostFen) <= 2 * static_cast<std::uint64_t>(kMostFen)) return sum;
    return limited(Wide{stored} + fed_[at]);
  }
  [[nodiscard]] std::int64_t amount_fen(std::int64_t amount) const;
  [[nodiscard]] std::int64_t amount(std::int64_t a) const {
    const std::int64_t constant = prepared_.constant(a);
    return constant != kMissing ? constant * scale_ : changing_amount(a);
  }
  [[nodiscard]] std::int64_t changing_amount(std::int64_t a) const;
  [[nodiscard]] std::int64_t field(std::int64_t f) const;
  void admission(bool history);
  void layer(std::size_t at);
  void feed_layer(const PreparedLayer& layer, const LayerResult& result);
  void feed(std::int64_t key, std::int64_t value, std::int64_t sign) {
    std::int64_t& fed = fed_[static_cast<std::size_t>(key)];
    fed = limited(Wide{fed} + Wide{sign} * value);
  }
  [[nodiscard]] std::int64_t limited(Wide value) const;
  // For what is compared with a bill only: more than every bill is enough.
  [[nodiscard]] std::int64_t capped(Wide value) const { return static_cast<std::int64_t>(value < most_ ? value : Wide{most_}); }
  void feed_end(std::int64_t cash, std::int64_t account, const std::array<std::int64_t, kAllBuckets>& at_end);
  void move(const LayerRow& row, LayerResult& result);
  void tell(const LayerRow& row, const LayerResult& result);

  // Kinds of layer.
  void share(const PreparedLayer& layer, LayerResult& result);
  void fixed(const LayerRow& row, LayerResult& result);
  void package(const LayerRow& row, LayerResult& result);
  void account_layer(const LayerRow& row, LayerResult& result);
  void pay_plain(const LayerRow& row, LayerResult& result, std::int64_t pay);
  [[nodiscard]] std::int64_t fund_ceilings(const LayerRow& row, LayerResult& result, std::int64_t pay, const Pieces* pieces,
                                           std::int64_t inside);
  void pay_visit(const PreparedLayer& layer, LayerResult& result, std::int64_t above, Pieces& pieces);
  void pay_parts(const LayerRow& row, LayerResult& result, std::int64_t above, Pieces& pieces);
  void pay_accumulated(const PreparedLayer& layer, LayerResult& result, std::int64_t p, std::int64_t above, Pieces& pieces);
  [[nodiscard]] std::span<const Edge> edges_of(const PreparedLayer& layer, Edge* edges) const;
  void remember(const LayerRow& row, const LayerResult& result);

  // Deductibles.
  [[nodiscard]] std::int64_t standard_value(std::int64_t standard) const;
  void due(const LayerRow& row, LayerResult& result, std::int64_t& due_amount, std::int64_t& standard);
  [[nodiscard]] bool transferred(const LayerRow& row, const StandardRow& s, std::int64_t standard, std::int64_t& due_amount);
  void shift_first_pay(const LayerRow& row, LayerResult& result);

  // The end.
  void round_end();
  void account_last();
  void from_own_account();
  void from_accounts(std::int64_t wanted, std::int64_t& own, std::int64_t& other);
  bool columns(std::int64_t* columns, const std::array<std::int64_t, kAllBuckets>& at_end);
  [[nodiscard]] std::int64_t nature(std::size_t which) const;
};

[[nodiscard]] std::int32_t period_key(Period period, std::int32_t day, std::int64_t month, std::int64_t first);

}  // namespace ybcore
