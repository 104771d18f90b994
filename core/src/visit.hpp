// One event through its plan; private to the kernel.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "partition.hpp"
#include "prepared.hpp"
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
  Visit(const Prepared& prepared, const Events& events, const AccountEvents& accounts, const Outputs& out, Ledger* ledger)
      : prepared_(&prepared),
        program_(&prepared.program()),
        events_(events),
        accounts_(accounts),
        out_(out),
        ledger_(ledger),
        slot_sets_(prepared.key_sets().size()) {}

  // From here on plans are those of another program.
  void over(const Prepared& prepared) {
    prepared_ = &prepared;
    program_ = &prepared.program();
    slot_sets_.assign(prepared.key_sets().size(), {});
  }
  // From here on counters are those of another ledger, whose epoch no ledger had before it.
  void over(Ledger& ledger) { ledger_ = &ledger; }

  // `history`: what is put where is written down, so that it can be taken back; else the ledger gets counters only.
  // Settles an event and adds its columns, in fen, to `columns`. False when money was lost or invented. `first_number` is the
  // admission number of the visit's first part, in and out.
  bool run(const Record& event, std::int64_t* columns, std::int32_t& first_number, bool history, bool& overflow);

  // The same for a whole visit of a plain plan, whose columns `tell_plain` gives then.
  enum class Ran : std::uint8_t { kDone, kLost, kTooMuch };
  [[nodiscard]] Ran run_plain(const Record& event, const PlainPlan& plan, bool history);
  // True when every column of the plain visit fits 32 bits.
  [[nodiscard]] bool fits() const {
    const auto beyond = static_cast<std::uint64_t>(total_ | told_.standard | told_.due | told_.cut_fund | told_.cut_expense);
    return beyond <= INT32_MAX && told_.balance == static_cast<std::int32_t>(told_.balance);
  }
  // The columns of the plain visit, into a narrow row or all of them in full.
  void tell_plain(std::int32_t* row, const NarrowLayout& layout) const;
  void tell_plain(std::int64_t* row) const;

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
  const Prepared* prepared_;
  const Program* program_;
  const Events& events_;
  const AccountEvents& accounts_;
  const Outputs& out_;
  Ledger* ledger_;

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
  const std::int32_t* slots_ = nullptr;  // by key
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
  // The slots that a set of keys had last, and for whom.
  struct SlotSet {
    std::uint64_t epoch = 0;
    std::array<std::int32_t, 5> who{};
    std::array<std::int32_t, 6> period{};
    std::array<std::int32_t, kMaxKeys> slot{};
  };
  std::vector<SlotSet> slot_sets_;
  // A plain visit: what counters hold now and held before, and what its columns need beside buckets and payers.
  std::array<std::int64_t, kMaxKeys> now_{}, before_{};
  struct Told {
    std::array<std::int64_t, 5> nature;
    std::int64_t standard, due, deductible, funds, person, cash, cut_fund, cut_expense, rate, balance;
  } told_{};

  [[nodiscard]] std::size_t index() const { return static_cast<std::size_t>(event_->event); }
  [[nodiscard]] Rounding layer_rounding() const { return {static_cast<RoundMode>(plan_->layer_mode), plan_->layer_unit}; }
  void open_buckets();
  // Points `slots_` to the slots of the event's keys.
  void resolve_keys() {
    const PreparedKeys& keys = prepared_->key_sets()[prepared_plan_->keys];
    SlotSet& set = slot_sets_[prepared_plan_->keys];
    slots_ = set.slot.data();
    constexpr std::uint32_t kOwn = 1U << static_cast<unsigned>(Scope::kPerson) | 1U << static_cast<unsigned>(Scope::kAttribute);
    constexpr std::uint32_t kYears = 1U << static_cast<unsigned>(Period::kYear) | 1U << static_cast<unsigned>(Period::kLife);
    const std::int32_t* period = periods();
    if (set.epoch == ledger_->epoch() && set.who[0] == event_->person && (keys.scopes & ~kOwn) == 0 && (keys.periods & ~kYears) == 0 &&
        set.period[static_cast<std::size_t>(Period::kYear)] == period[static_cast<std::size_t>(Period::kYear)])
      return;
    find_slots(keys, set, period);
  }
  void find_slots(const PreparedKeys& keys, SlotSet& set, const std::int32_t* period);
  [[nodiscard]] const std::int32_t* periods() {
    const std::int32_t day = event_->period_date;
    const auto rule = static_cast<std::int32_t>(plan_->year_month * 32 + plan_->year_day);
    Periods& known = periods_[static_cast<std::uint32_t>(day) % periods_.size()];
    if (known.day != day || known.rule != rule) [[unlikely]]
      make_periods(known, day, rule);
    return known.of;
  }
  void make_periods(Periods& known, std::int32_t day, std::int32_t rule) const;
  [[nodiscard]] std::int64_t read(std::int64_t key) const {
    const auto at = static_cast<std::size_t>(key);
    const std::int64_t stored = ledger_->value(slots_[at], scale_);
    const std::int64_t sum = stored + fed_[at];
    if (scale_ == 1 && static_cast<std::uint64_t>(sum + kMostFen) <= 2 * static_cast<std::uint64_t>(kMostFen)) return sum;
    return limited(Wide{stored} + fed_[at]);
  }
  [[nodiscard]] std::int64_t amount_fen(std::int64_t amount) const;
  [[nodiscard]] std::int64_t amount(std::int64_t a) const {
    const std::int64_t constant = prepared_->constant(a);
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
  void from_own_account(const PlainPlan& plan);
  template <class Usual, class Other>
  void tell(Usual usual, Other other) const;
  void from_accounts(std::int64_t wanted, std::int64_t& own, std::int64_t& other);
  bool columns(std::int64_t* columns, const std::array<std::int64_t, kAllBuckets>& at_end);
  [[nodiscard]] std::int64_t nature(std::size_t which) const;
};

// Why a visit of so many events cannot be settled, or kFine.
[[nodiscard]] Reason refusal(const Prepared& program, const Events& events, const Record* first, std::size_t parts);

[[nodiscard]] std::int32_t period_key(Period period, std::int32_t day, std::int64_t month, std::int64_t first);

}  // namespace ybcore
