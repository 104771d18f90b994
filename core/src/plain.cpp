// Plain plans, which most visits have: whole fen, share layers whose every figure is constant, counters and nothing else to remember. The
// same arithmetic as the general way (visit.cpp, kinds.cpp, deductible.cpp, ending.cpp), whose result it must equal to the byte, in one
// straight pass.
#include <algorithm>

#include "visit.hpp"

namespace ybcore {
namespace {

constexpr std::uint64_t kPpm = 1'000'000;
// Widths below this times a rate stay below 2^63; a bill never reaches it.
static_assert(kMostBill < (std::int64_t{1} << 43));

std::int64_t rounded(std::uint64_t product) { return static_cast<std::int64_t>((product + kPpm / 2) / kPpm); }

// What one layer did.
struct Done {
  std::int64_t standard, due, deductible, cut_fund, cut_expense, rate;
};

}  // namespace

// What is left in the account's buckets, from the person's own account, first bucket first.
void Visit::from_own_account() {
  std::int64_t wanted = 0;
  const std::int64_t* buckets = program_.values.data() + plan_->bucket_begin;
  const auto count = static_cast<std::size_t>(plan_->bucket_end - plan_->bucket_begin);
  for (std::size_t i = 0; i < count; ++i) wanted += burden_[static_cast<std::size_t>(buckets[i])];
  const std::int64_t paid = std::min(wanted, std::max<std::int64_t>(0, balance(event_->person, event_->order_date)));
  payers_[kAccount] = paid;
  if (paid <= 0) return;
  out_.balance[static_cast<std::size_t>(event_->person)] -= paid;
  ledger_.moves.push_back({event_->person, paid});
  std::int64_t rest = paid;
  for (std::size_t i = 0; i < count && rest > 0; ++i) {
    std::int64_t& held = burden_[static_cast<std::size_t>(buckets[i])];
    const std::int64_t taken = std::min(held, rest);
    held -= taken;
    rest -= taken;
  }
}

bool Visit::run_plain(const Record& event, std::int64_t* out, bool history, bool& overflow) {
  event_ = &event;
  prepared_plan_ = &prepared_.plan(event.plan);
  plan_ = prepared_plan_->row;
  scale_ = 1;
  most_ = kMostFen;
  buckets_ = kBuckets;
  overflow_ = false;
  number_ = 1;
  std::int64_t* const burden = burden_.data();
  Wide total = 0;
  for (std::size_t i = 0; i < 5; ++i) total += burden[i] = event.nature[i];
  for (std::size_t i = 5; i < kBuckets; ++i) burden[i] = 0;
  if (total > kMostBill) {
    overflow = true;
    return true;
  }
  total_ = static_cast<std::int64_t>(total);
  resolve_keys();
  std::int64_t* const fed = fed_.data();
  const auto add = [&](std::int64_t key, std::int64_t value) {
    std::int64_t& sum = fed[key];
    sum += value;
    if (static_cast<std::uint64_t>(sum + kMostFen) > 2 * static_cast<std::uint64_t>(kMostFen)) [[unlikely]]
      sum = limited(sum);
  };
  const std::size_t admitted = ledger_.admissions.size();
  if (plan_->admission_key >= 0) {
    admission(history);
    if (!history && ledger_.admissions.size() != admitted) ++ledger_.at(ledger_.admissions.back().slot).admitted;
  }
  std::int64_t paid_by[kFunds + 1] = {};
  std::int64_t funds = 0;
  std::array<Done, kMaxLayers> done;
  std::int64_t cut_fund = 0;
  std::int64_t cut_expense = 0;
  std::size_t at = 0;
  for (const PlainLayer& layer : prepared_plan_->plain_layers) {
    const LayerRow& row = *layer.row;
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
    d = {};
    // Most second and third layers have nothing to do most of the time.
    if (base == 0 && row.standard < 0 && !layer.counts_runs) continue;
    std::int64_t owed = 0;
    if (row.standard >= 0) {
      d.standard = standard_value(row.standard);
      owed = d.standard;
      if (layer.repeat == static_cast<std::int8_t>(Repeat::kCumulative)) {
        owed = std::max<std::int64_t>(0, owed - read(layer.deductible_key));
      } else if (layer.repeat == static_cast<std::int8_t>(Repeat::kFirstOnly) && read(layer.deductible_key) != 0) {
        owed = 0;
      }
    }
    d.due = owed;
    d.deductible = std::min(owed, base);
    const std::int64_t above = base - d.deductible;
    const std::int64_t position = layer.position < 0 ? 0 : read(layer.position);
    const std::int64_t low = position + (row.including != 0 ? d.deductible : 0);
    const std::int64_t end = low + above;
    std::int64_t pay = 0;
    std::int64_t inside = 0;
    if (above > 0 && end <= layer.edges[0].to) {
      // Within the first band.
      const std::uint64_t product = static_cast<std::uint64_t>(above) * static_cast<std::uint64_t>(layer.edges[0].rate);
      pay = std::min(rounded(product), above);
      inside = above;
      d.rate = layer.edges[0].rate;
    } else if (above > 0) {
      std::int64_t floor = 0;
      std::size_t pieces = 0;
      std::uint64_t sum = 0;
      for (const Edge& edge : layer.edges) {
        const std::int64_t width = std::min(end, edge.to) - std::max(low, floor);
        if (width > 0) {
          const std::uint64_t product = static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(edge.rate);
          sum += plan_->band_unit == 0 ? product : static_cast<std::uint64_t>(rounded(product));
          inside += width;
          d.rate = edge.rate;
          ++pieces;
        }
        floor = edge.to;
        if (floor >= end) break;
      }
      if (pieces != 1) d.rate = 0;
      pay = std::min(plan_->band_unit == 0 ? rounded(sum) : static_cast<std::int64_t>(sum), above);
    }
    const std::int64_t target = pay;
    d.cut_expense = above - inside;
    for (std::size_t c = 0; c < layer.ceilings; ++c) {
      const std::int64_t room = std::max<std::int64_t>(0, layer.ceiling[c].limit - read(layer.ceiling[c].key));
      const std::int64_t cut = std::max<std::int64_t>(0, pay - room);
      pay -= cut;
      d.cut_fund += cut;
    }
    cut_fund += d.cut_fund;
    cut_expense += d.cut_expense;
    if (history && row.standard >= 0) {
      ledger_.used.push_back(
          {static_cast<std::int32_t>(row.name), to_grid(d.deductible, 1), to_grid(d.standard, 1), to_grid(d.deductible, 1)});
    }
    if (row.moves != 0) {
      std::int64_t left = -pay;
      for (std::size_t b = 0; b < layer.buckets; ++b) {
        left += burden[layer.bucket[b]];
        burden[layer.bucket[b]] = 0;
      }
      std::int64_t over = std::min(left, d.cut_expense + d.cut_fund);
      const std::int64_t deductible = std::min(left, d.deductible);
      if (over + deductible > left) over = left - deductible;
      burden[kDeductible] += deductible;
      burden[kOverCeiling] += over;
      burden[kCopay] += left - over - deductible;
    } else {
      std::int64_t rest = pay;
      for (std::size_t b = 0; b < layer.buckets && rest > 0; ++b) {
        const std::int64_t taken = std::min(burden[layer.bucket[b]], rest);
        burden[layer.bucket[b]] -= taken;
        rest -= taken;
      }
    }
    paid_by[row.payer] += pay;
    const std::int64_t quantity[] = {base, base, above, d.deductible, d.due, pay, target, 0, d.cut_fund, d.cut_expense, 1, pay > 0 ? 1 : 0};
    for (const FeedRow& feed : layer.feeds) {
      const std::int64_t value =
          static_cast<Quantity>(feed.quantity) == Quantity::kPaidBy ? (feed.which == row.payer ? pay : 0) : quantity[feed.quantity];
      add(feed.key, feed.sign > 0 ? value : -value);
    }
  }
  std::array<std::int64_t, kAllBuckets> at_end;
  if (prepared_plan_->keeps_buckets) std::copy_n(burden, kBuckets, at_end.begin());
  payers_[kAccount] = payers_[kMutualAid] = 0;
  const std::size_t moved = ledger_.moves.size();
  if (plan_->account == 1 && event.acct_used != 0) {
    if (plan_->mutual_aid != 0 && event.donor >= 0) {
      account_last();
    } else {
      from_own_account();
    }
  }
  for (std::size_t p = 0; p < kFunds; ++p) {
    out[c_hifp_pay + p] = paid_by[p];
    funds += paid_by[p];
  }
  const std::int64_t hospital = paid_by[kHospital];
  const std::int64_t person = total_ - funds - hospital;
  const std::int64_t cash = person - payers_[kAccount] - payers_[kMutualAid];
  std::int64_t whole = 0;
  std::int64_t sign = 0;
  for (std::size_t b = 0; b < kBuckets; ++b) {
    whole += burden[b];
    sign |= burden[b];
    out[c_burden_full_self_pay + b] = burden[b];
  }
  if (sign < 0 || whole != cash) return false;
  if (!prepared_plan_->end_feeds.empty()) {
    std::copy_n(event.nature, 5, nature_.begin());
    std::fill_n(nature_.begin() + 5, kBuckets - 5, 0);
    feed_end(cash, payers_[kAccount] + payers_[kMutualAid], at_end);
  }
  out[c_medfee_sumamt] = total_;
  out[c_fulamt_ownpay_amt] = event.nature[0];
  out[c_overlmt_selfpay] = event.nature[1];
  out[c_preselfpay_amt] = event.nature[2];
  out[c_inscp_scp_amt] = event.nature[3] + event.nature[4];
  out[c_dedc_std] = out[c_crt_dedc] = out[c_act_pay_dedc] = 0;
  if (prepared_plan_->main >= 0) {
    const Done& main = done[static_cast<std::size_t>(prepared_plan_->main)];
    out[c_dedc_std] = main.standard;
    out[c_crt_dedc] = main.due;
    out[c_act_pay_dedc] = main.deductible;
  }
  out[c_fund_pay_sumamt] = funds;
  out[c_hosp_part_amt] = hospital;
  out[c_psn_part_amt] = person;
  out[c_acct_pay] = payers_[kAccount];
  out[c_acct_mulaid_pay] = payers_[kMutualAid];
  out[c_psn_cash_pay] = cash;
  out[c_cut_fund] = cut_fund;
  out[c_cut_expense] = cut_expense;
  out[c_pool_prop_selfpay] = prepared_plan_->basic >= 0 ? done[static_cast<std::size_t>(prepared_plan_->basic)].rate : 0;
  out[c_balc] = plan_->account == 0 ? 0 : balance(event.person, event.order_date);
  const auto keys = static_cast<std::size_t>(plan_->key_end - plan_->key_begin);
  for (std::size_t k = 0; k < keys; ++k) {
    if (fed[k] == 0 || slots_[k] < 0) continue;
    const std::int64_t grid = fed[k] * kGrid;
    std::int64_t& value = ledger_.at(slots_[k]).value;
    value += grid;
    overflow_ |= value > kMostGrid || value < -kMostGrid;
    if (history) ledger_.contributions.push_back({slots_[k], grid});
  }
  if (!history && overflow_) [[unlikely]] {
    for (std::size_t k = 0; k < keys; ++k)
      if (fed[k] != 0 && slots_[k] >= 0) ledger_.at(slots_[k]).value -= fed[k] * kGrid;
    if (ledger_.admissions.size() != admitted) {
      --ledger_.at(ledger_.admissions.back().slot).admitted;
      ledger_.admissions.pop_back();
    }
  }
  if (!history && !overflow_) ledger_.moves.resize(moved);
  overflow = overflow_;
  return true;
}

}  // namespace ybcore
