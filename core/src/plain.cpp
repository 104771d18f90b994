// Plain plans, which most visits have, in one straight pass. The same arithmetic as the general way (visit.cpp, kinds.cpp,
// deductible.cpp, ending.cpp), whose result it must equal to the byte.
#include "plain.hpp"

#include <algorithm>
#include <type_traits>

#include "visit.hpp"

namespace ybcore {
namespace {

constexpr std::uint64_t kPpm = 1'000'000;
// Widths below this times a rate stay below 2^63; a bill never reaches it.
static_assert(kMostBill < (std::int64_t{1} << 43));

std::int64_t rounded(std::uint64_t product) { return static_cast<std::int64_t>((product + kPpm / 2) / kPpm); }
bool beyond(std::int64_t sum) { return static_cast<std::uint64_t>(sum + kMostFen) > 2 * static_cast<std::uint64_t>(kMostFen); }

// What of a layer is asked for later.
struct Done {
  std::int64_t standard, due, deductible, cut_fund, cut_expense, rate;
};

}  // namespace

// What is left in the account's buckets, from the person's own account, first bucket first.
void Visit::from_own_account(const PlainPlan& plan) {
  const std::int64_t before = balance(event_->person, event_->order_date);
  if (before <= 0) return;
  std::int64_t wanted = 0;
  for (const std::uint8_t bucket : plan.account) wanted += burden_[bucket];
  const std::int64_t paid = std::min(wanted, before);
  if (paid <= 0) return;
  payers_[kAccount] = paid;
  out_.balance[static_cast<std::size_t>(event_->person)] -= paid;
  ledger_->moves.push_back({event_->person, paid});
  std::int64_t rest = paid;
  for (const std::uint8_t bucket : plan.account) {
    const std::int64_t taken = std::min(burden_[bucket], rest);
    burden_[bucket] -= taken;
    rest -= taken;
  }
}

Visit::Ran Visit::run_plain(const Record& event, const PlainPlan& plan, bool history) {
  event_ = &event;
  prepared_plan_ = &prepared_->plan(event.plan);
  plan_ = prepared_plan_->row;
  scale_ = 1;
  most_ = kMostFen;
  buckets_ = kBuckets;
  overflow_ = false;
  number_ = 1;
  std::int64_t* const burden = burden_.data();
  // None is negative: where one is beyond every bill, the sum of five small parts is not looked at.
  std::uint64_t total = 0;
  std::uint64_t any = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    burden[i] = told_.nature[i] = event.nature[i];
    any |= static_cast<std::uint64_t>(burden[i]);
    total += static_cast<std::uint64_t>(burden[i]);
  }
  for (std::size_t i = 5; i < kBuckets; ++i) burden[i] = 0;
  if ((any >> 40) != 0 || total > kMostBill) return Ran::kTooMuch;
  total_ = static_cast<std::int64_t>(total);
  resolve_keys();
  std::int64_t* const now = now_.data();
  std::int64_t* const before = before_.data();
  const auto keys = static_cast<std::size_t>(plan_->key_end - plan_->key_begin);
  const std::int32_t* const slots = slots_;
  Slot* const slot = ledger_->slots().data();
  const bool fen = ledger_->whole_fen();
  const std::int64_t unit = fen ? 1 : kGrid;
  for (std::size_t k = 0; k < keys; ++k) {
    const std::int64_t value = slot[slots[k]].value;
    now[k] = before[k] = fen ? value : from_grid(value, 1);
  }
  // Sums beyond every bound refuse the visit in the end, whatever they were used for.
  bool wrong = false;
  const auto counted = [&](std::int64_t key) {
    wrong |= beyond(now[key]);
    return now[key];
  };
  const std::size_t admitted = ledger_->admissions.size();
  if (plan_->admission_key >= 0) {
    admission(history);
    if (!history && ledger_->admissions.size() != admitted) ++ledger_->at(ledger_->admissions.back().slot).admitted;
  }
  for (std::int64_t& payer : payers_) payer = 0;
  std::array<Done, kMaxLayers> done;
  std::int64_t cut_fund = 0;
  std::int64_t cut_expense = 0;
  std::size_t at = 0;
  std::array<std::int64_t, static_cast<std::size_t>(Quantity::kPaidBy)> quantity;
  const auto is = [&](Quantity q) -> std::int64_t& { return quantity[static_cast<std::size_t>(q)]; };
  is(Quantity::kRan) = 1;
  for (const PlainLayer& layer : plan.layers) {
    Done& d = done[at++];
    std::int64_t base = 0;
    for (std::size_t b = 0; b < layer.buckets; ++b) base += burden[layer.bucket[b]];
    if (layer.computed != 0) {
      std::int64_t cut = 0;
      if (layer.computed_layer >= 0) {
        const Done& source = done[static_cast<std::size_t>(layer.computed_layer)];
        cut = layer.computed == 1 ? source.cut_fund : source.cut_expense;
      }
      base = std::min(base, cut);
    }
    if (base == 0 && layer.idles) {
      // Most second and third layers have nothing to do most of the time.
      d.standard = d.due = d.deductible = d.cut_fund = d.cut_expense = d.rate = 0;
      continue;
    }
    d.standard = 0;
    d.rate = 0;
    std::int64_t owed = 0;
    if (layer.standard >= 0) {
      const std::int64_t known = prepared_->standard(layer.standard, number_);
      d.standard = known != kMissing ? known : standard_value(layer.standard);
      owed = d.standard;
      if (layer.repeat == static_cast<std::int8_t>(Repeat::kCumulative)) {
        owed = std::max<std::int64_t>(0, owed - counted(layer.deductible_key));
      } else if (layer.repeat == static_cast<std::int8_t>(Repeat::kFirstOnly) && counted(layer.deductible_key) != 0) {
        owed = 0;
      }
    }
    const std::int64_t deductible = std::min(owed, base);
    const std::int64_t above = base - deductible;
    const std::int64_t low = (layer.position < 0 ? 0 : counted(layer.position)) + (layer.including ? deductible : 0);
    const std::int64_t end = low + above;
    std::int64_t pay = 0;
    std::int64_t inside = 0;
    const PlainEdge& first = layer.edges[0];
    if (above > 0 && end <= first.to) {
      pay = std::min(rounded(static_cast<std::uint64_t>(above) * first.rate), above);
      inside = above;
      d.rate = static_cast<std::int64_t>(first.rate);
    } else if (above > 0) {
      std::int64_t floor = 0;
      std::size_t pieces = 0;
      std::uint64_t sum = 0;
      for (const PlainEdge& edge : layer.edges) {
        const std::int64_t width = std::min(end, edge.to) - std::max(low, floor);
        if (width > 0) {
          const std::uint64_t product = static_cast<std::uint64_t>(width) * edge.rate;
          sum += plan.sums_bands ? product : static_cast<std::uint64_t>(rounded(product));
          inside += width;
          d.rate = static_cast<std::int64_t>(edge.rate);
          ++pieces;
        }
        floor = edge.to;
        if (floor >= end) break;
      }
      if (pieces != 1) d.rate = 0;
      pay = std::min(plan.sums_bands ? rounded(sum) : static_cast<std::int64_t>(sum), above);
    }
    const std::int64_t target = pay;
    const std::int64_t outside = above - inside;
    for (std::size_t c = 0; c < layer.ceilings; ++c)
      pay = std::min(pay, std::max<std::int64_t>(0, layer.ceiling[c] - counted(layer.ceiling_key[c])));
    const std::int64_t cut = target - pay;
    cut_fund += cut;
    cut_expense += outside;
    if (history && layer.standard >= 0)
      ledger_->used.push_back({layer.name, to_grid(deductible, 1), to_grid(d.standard, 1), to_grid(deductible, 1)});
    if (layer.moves) {
      std::int64_t left = -pay;
      for (std::size_t b = 0; b < layer.buckets; ++b) {
        left += burden[layer.bucket[b]];
        burden[layer.bucket[b]] = 0;
      }
      const std::int64_t charged = std::min(left, deductible);
      const std::int64_t over = std::min(std::min(left, outside + cut), left - charged);
      burden[kDeductible] += charged;
      burden[kOverCeiling] += over;
      burden[kCopay] += left - over - charged;
    } else if (pay > 0) {
      std::int64_t rest = pay;
      for (std::size_t b = 0; b < layer.buckets; ++b) {
        std::int64_t& held = burden[layer.bucket[b]];
        const std::int64_t taken = std::min(held, rest);
        held -= taken;
        rest -= taken;
      }
    }
    payers_[layer.payer] += pay;
    d.due = owed;
    d.deductible = deductible;
    d.cut_fund = cut;
    d.cut_expense = outside;
    is(Quantity::kBase) = base;
    is(Quantity::kAbove) = above;
    is(Quantity::kDeductible) = deductible;
    is(Quantity::kPaid) = pay;
    is(Quantity::kTarget) = target;
    is(Quantity::kCutFund) = cut;
    is(Quantity::kCutExpense) = outside;
    is(Quantity::kTimesPaid) = pay > 0 ? 1 : 0;
    for (const PlainFeed& feed : layer.feeds) now[feed.key] += feed.sign * quantity[feed.quantity];
  }
  std::array<std::int64_t, kAllBuckets> at_end;
  if (prepared_plan_->keeps_buckets) std::copy_n(burden, kBuckets, at_end.begin());
  const std::size_t moved = ledger_->moves.size();
  if (plan.by_account && event.acct_used()) {
    if (plan.mutual_aid && event.donor >= 0) {
      account_last();
    } else {
      from_own_account(plan);
    }
  }
  std::int64_t funds = 0;
  for (std::size_t p = 0; p < kFunds; ++p) funds += payers_[p];
  told_.funds = funds;
  told_.person = total_ - funds - payers_[kHospital];
  told_.cash = told_.person - payers_[kAccount] - payers_[kMutualAid];
  if (!prepared_plan_->end_feeds.empty()) {
    std::copy_n(event.nature, 5, nature_.begin());
    std::fill_n(nature_.begin() + 5, kBuckets - 5, 0);
    for (std::size_t k = 0; k < keys; ++k) fed_[k] = now[k] - before[k];
    feed_end(told_.cash, payers_[kAccount] + payers_[kMutualAid], at_end);
    for (std::size_t k = 0; k < keys; ++k) now[k] = before[k] + fed_[k];
  }
  for (std::size_t k = 0; k < keys; ++k) wrong |= (now[k] != before[k]) & beyond(now[k]);
  if (wrong || overflow_) [[unlikely]] {
    if (!history && ledger_->admissions.size() != admitted) {
      --ledger_->at(ledger_->admissions.back().slot).admitted;
      ledger_->admissions.pop_back();
    }
    return Ran::kTooMuch;
  }
  std::int64_t whole = 0;
  std::int64_t sign = 0;
  for (std::size_t b = 0; b < kBuckets; ++b) {
    whole += burden[b];
    sign |= burden[b];
  }
  if (sign < 0 || whole != told_.cash) return Ran::kLost;
  told_.cut_fund = cut_fund;
  told_.cut_expense = cut_expense;
  told_.standard = told_.due = told_.deductible = told_.rate = 0;
  if (prepared_plan_->main >= 0) {
    const Done& main = done[static_cast<std::size_t>(prepared_plan_->main)];
    told_.standard = main.standard;
    told_.due = main.due;
    told_.deductible = main.deductible;
  }
  if (prepared_plan_->basic >= 0) told_.rate = done[static_cast<std::size_t>(prepared_plan_->basic)].rate;
  told_.balance = plan_->account == 0 ? 0 : balance(event.person, event.order_date);
  for (std::size_t k = 0; k < keys; ++k) slot[slots[k]].value += (now[k] - before[k]) * unit;
  slot[kNoSlot].value = 0;
  for (std::size_t k = 0; history && k < keys; ++k)
    if (slots[k] != kNoSlot && now[k] != before[k]) ledger_->contributions.push_back({slots[k], (now[k] - before[k]) * unit});
  if (!history) ledger_->moves.resize(moved);
  return Ran::kDone;
}

// Calls `usual` with every column that nearly all visits have, `other` with the rest.
template <class Usual, class Other>
void Visit::tell(Usual usual, Other other) const {
#define YB_USUAL(name, value) usual(std::integral_constant<Column, c_##name>(), value)
  // Not the event's own natures: the row may stand in its place.
  YB_USUAL(medfee_sumamt, total_);
  YB_USUAL(fulamt_ownpay_amt, told_.nature[0]);
  YB_USUAL(overlmt_selfpay, told_.nature[1]);
  YB_USUAL(preselfpay_amt, told_.nature[2]);
  YB_USUAL(inscp_scp_amt, told_.nature[3] + told_.nature[4]);
  YB_USUAL(dedc_std, told_.standard);
  YB_USUAL(crt_dedc, told_.due);
  YB_USUAL(act_pay_dedc, told_.deductible);
  YB_USUAL(burden_full_self_pay, burden_[kFullSelfPay]);
  YB_USUAL(burden_over_limit, burden_[kOverLimit]);
  YB_USUAL(burden_first_pay, burden_[kFirstPay]);
  YB_USUAL(burden_in_scope, burden_[kInScope]);
  YB_USUAL(burden_direct, burden_[kDirect]);
  YB_USUAL(burden_deductible, burden_[kDeductible]);
  YB_USUAL(burden_copay, burden_[kCopay]);
  YB_USUAL(burden_over_ceiling, burden_[kOverCeiling]);
  YB_USUAL(fund_pay_sumamt, told_.funds);
  YB_USUAL(psn_part_amt, told_.person);
  YB_USUAL(acct_pay, payers_[kAccount]);
  YB_USUAL(psn_cash_pay, told_.cash);
  YB_USUAL(cut_fund, told_.cut_fund);
  YB_USUAL(cut_expense, told_.cut_expense);
  YB_USUAL(pool_prop_selfpay, told_.rate);
  YB_USUAL(balc, told_.balance);
#undef YB_USUAL
  for (std::size_t p = 0; p < kFunds; ++p) other(c_hifp_pay + p, payers_[p]);
  other(c_hosp_part_amt, payers_[kHospital]);
  other(c_acct_mulaid_pay, payers_[kMutualAid]);
}

void Visit::tell_plain(std::int32_t* row, const NarrowLayout& layout) const {
  tell([row](auto column, std::int64_t value) { row[NarrowLayout::usual(column)] = static_cast<std::int32_t>(value); },
       [row, &layout](std::size_t column, std::int64_t value) { row[layout.place[column]] = static_cast<std::int32_t>(value); });
}

void Visit::tell_plain(std::int64_t* row) const {
  tell([row](auto column, std::int64_t value) { row[column] = value; },
       [row](std::size_t column, std::int64_t value) { row[column] = value; });
}

}  // namespace ybcore
