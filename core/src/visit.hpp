// One event through its plan; private to the kernel.
#pragma once

#include <array>
#include <cstdint>

#include "packed.hpp"
#include "ybcore/layer.hpp"
#include "ybcore/ledger.hpp"
#include "ybcore/settle.hpp"

namespace ybcore {

// What a layer did; units of money.
struct LayerResult {
  std::int64_t base, eligible, above, standard, due, deductible, target, carry, cut_fund, cut_fund_moves, cut_expense, room, rate, hospital,
      excess_to_person;
  bool ran;
  Payments pays;
};

class Visit {
 public:
  Visit(const Program& program, const Events& events, const Packed& packed, const AccountEvents& accounts, const Outputs& out,
        Ledger& ledger)
      : program_(program), events_(events), packed_(packed), accounts_(accounts), out_(out), ledger_(ledger) {}

  // Settles event `e` and adds its columns, in fen, to `columns`. False when money was lost or invented. `first_number` is the
  // admission number of the visit's first part, in and out.
  bool run(std::int64_t e, std::int64_t* columns, std::int32_t& first_number, bool& overflow);

  // Applies account events up to a day and returns the balance.
  std::int64_t balance(std::int32_t person, std::int32_t day);

 private:
  const Program& program_;
  const Events& events_;
  const Packed& packed_;
  const AccountEvents& accounts_;
  const Outputs& out_;
  Ledger& ledger_;

  // The event at hand.
  std::int64_t e_ = 0;
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
  bool kept_ = true;
  std::int64_t chain_standard_ = 0, chain_used_ = 0;
  std::size_t detail_ = 0;
  // The base of the layer at hand.
  std::array<std::int64_t, kMaxBands> held_{}, part_bucket_{};
  std::size_t parts_ = 0;

  [[nodiscard]] std::size_t index() const { return static_cast<std::size_t>(e_); }
  [[nodiscard]] Rounding layer_rounding() const { return {static_cast<RoundMode>(plan_->layer_mode), plan_->layer_unit}; }
  void open_buckets();
  void resolve_keys();
  [[nodiscard]] std::int64_t read(std::int64_t key) const;
  [[nodiscard]] std::int64_t amount_fen(std::int64_t amount) const;
  [[nodiscard]] std::int64_t amount(std::int64_t a) const;
  [[nodiscard]] std::int64_t field(std::int64_t f) const;
  void admission();
  void layer(std::size_t at);
  void feed_layer(std::size_t at, const LayerRow& row, const LayerResult& result);
  void feed(std::int64_t key, std::int64_t value, std::int64_t sign) {
    std::int64_t& fed = fed_[static_cast<std::size_t>(key)];
    fed = limited(Wide{fed} + Wide{sign} * value);
  }
  [[nodiscard]] std::int64_t limited(Wide value) const;
  // For what is compared with a bill only: more than every bill is enough.
  [[nodiscard]] std::int64_t capped(Wide value) const { return static_cast<std::int64_t>(value < most_ ? value : Wide{most_}); }
  void check_kept();
  void feed_end(std::int64_t cash, std::int64_t account, const std::array<std::int64_t, kAllBuckets>& at_end);
  void move(const LayerRow& row, LayerResult& result);
  void tell(const LayerRow& row, const LayerResult& result);

  // Kinds of layer.
  void share(const LayerRow& row, LayerResult& result);
  void fixed(const LayerRow& row, LayerResult& result);
  void package(const LayerRow& row, LayerResult& result);
  void account_layer(const LayerRow& row, LayerResult& result);
  void pay_plain(const LayerRow& row, LayerResult& result, std::int64_t pay);
  [[nodiscard]] std::int64_t fund_ceilings(const LayerRow& row, LayerResult& result, std::int64_t pay, const Pieces* pieces,
                                           std::int64_t inside);
  void pay_visit(const LayerRow& row, LayerResult& result, std::int64_t above, Pieces& pieces);
  void pay_parts(const LayerRow& row, LayerResult& result, std::int64_t above, Pieces& pieces);
  void pay_accumulated(const LayerRow& row, LayerResult& result, std::int64_t p, std::int64_t above, Pieces& pieces);
  [[nodiscard]] std::size_t edges_of(const LayerRow& row, Edge* edges) const;
  void remember(const LayerRow& row, const LayerResult& result);

  // Deductibles.
  [[nodiscard]] std::int64_t standard_value(const StandardRow& s) const;
  void due(const LayerRow& row, LayerResult& result, std::int64_t& due_amount, std::int64_t& standard);
  [[nodiscard]] bool transferred(const LayerRow& row, const StandardRow& s, std::int64_t standard, std::int64_t& due_amount);
  void shift_first_pay(const LayerRow& row, LayerResult& result);

  // The end.
  void round_end();
  void account_last();
  void from_accounts(std::int64_t wanted, std::int64_t& own, std::int64_t& other);
  bool columns(std::int64_t* columns, const std::array<std::int64_t, kAllBuckets>& at_end);
  [[nodiscard]] std::int64_t nature(std::size_t which) const;
};

// Rounded from millionths of a fen to the reader's unit.
[[nodiscard]] inline std::int64_t from_grid(std::int64_t value, std::int64_t scale) {
  return scale == kGrid ? value : static_cast<std::int64_t>(round_div(Wide{value} * scale, kGrid));
}
[[nodiscard]] inline std::int64_t to_grid(std::int64_t value, std::int64_t scale) { return value * (kGrid / scale); }

[[nodiscard]] std::int32_t period_key(Period period, std::int32_t day, std::int64_t month, std::int64_t first);

}  // namespace ybcore
