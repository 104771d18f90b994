// After the last layer: rounding of totals, the account, and the columns.
#include <algorithm>

#include "visit.hpp"

namespace ybcore {

std::int64_t Visit::nature(std::size_t which) const {
  std::int64_t sum = nature_[which] + (which == kInScope ? nature_[kDirect] : 0);
  for (std::size_t t = kBuckets; t < buckets_; t += 4) sum += nature_[t + which];
  return sum;
}

void Visit::round_end() {
  constexpr std::array<std::size_t, 8> order{kCopay, kInScope, kOverCeiling, kDeductible, kFirstPay, kDirect, kOverLimit, kFullSelfPay};
  constexpr std::array<std::size_t, 4> of_tag{2, 3, 1, 0};
  const Rounding end{static_cast<RoundMode>(plan_->end_mode), plan_->end_unit};
  for (std::size_t payer = 0; payer < kFunds; ++payer) {
    const std::int64_t total = payers_[payer];
    const std::int64_t wanted = std::max<std::int64_t>(0, static_cast<std::int64_t>(round_to(total, 1, end)));
    if (wanted == total) continue;
    if (wanted < total) burden_[kCopay] += total - wanted;
    std::int64_t more = wanted - total;
    const auto give = [&](std::size_t bucket) {
      if (more <= 0) return;
      const std::int64_t given = std::min(more, burden_[bucket]);
      burden_[bucket] -= given;
      more -= given;
    };
    for (const std::size_t bucket : order) give(bucket);
    for (std::size_t t = kBuckets; t < buckets_; t += 4)
      for (const std::size_t which : of_tag) give(t + which);
    payers_[payer] = wanted - std::max<std::int64_t>(0, more);
  }
  for (const std::size_t payer : {std::size_t{kHospital}, std::size_t{kAccount}, std::size_t{kMutualAid}}) {
    const std::int64_t rest = payers_[payer] % scale_;
    payers_[payer] -= rest;
    burden_[kCopay] += rest;
  }
}

void Visit::account_last() {
  std::array<std::int64_t, kAllBuckets> held;
  std::array<std::size_t, kAllBuckets> bucket;
  std::array<std::int64_t, kAllBuckets> taken;
  std::size_t n = 0;
  std::int64_t sum = 0;
  for (std::int64_t v = plan_->bucket_begin; v < plan_->bucket_end; ++v) {
    bucket[n] = static_cast<std::size_t>(program_->values[static_cast<std::size_t>(v)]);
    held[n] = burden_[bucket[n]];
    sum += held[n++];
  }
  std::int64_t own = 0;
  std::int64_t other = 0;
  from_accounts(sum, own, other);
  take(held.data(), n, own + other, false, taken.data());
  for (std::size_t i = 0; i < n; ++i) burden_[bucket[i]] -= taken[i];
  payers_[kAccount] += own;
  payers_[kMutualAid] += other;
}

void Visit::from_accounts(std::int64_t wanted, std::int64_t& own, std::int64_t& other) {
  own = other = 0;
  if (!event_->acct_used()) return;
  std::int64_t rest = wanted / scale_;
  const std::int32_t donor = plan_->mutual_aid != 0 ? event_->donor : -1;
  const std::int32_t payers[2] = {event_->person, donor};
  std::int64_t* const paid[2] = {&own, &other};
  for (std::size_t k = 0; k < 2; ++k) {
    if (payers[k] < 0) continue;
    const std::int64_t amount = std::min(rest, std::max<std::int64_t>(0, balance(payers[k], event_->order_date)));
    if (amount > 0) {
      out_.balance[static_cast<std::size_t>(payers[k])] -= amount;
      ledger_->moves.push_back({payers[k], amount});
    }
    rest -= amount;
    *paid[k] = amount * scale_;
  }
}

bool Visit::columns(std::int64_t* out, const std::array<std::int64_t, kAllBuckets>& at_end) {
  std::int64_t c[kColumns] = {};
  c[c_medfee_sumamt] = total_;
  c[c_fulamt_ownpay_amt] = nature(kFullSelfPay);
  c[c_overlmt_selfpay] = nature(kOverLimit);
  c[c_preselfpay_amt] = nature(kFirstPay);
  c[c_inscp_scp_amt] = nature(kInScope);
  const auto layers = static_cast<std::size_t>(plan_->layer_end - plan_->layer_begin);
  const LayerResult* main = nullptr;
  const LayerResult* basic = nullptr;
  for (std::size_t i = 0; i < layers; ++i) {
    const LayerRow& row = program_->layers[static_cast<std::size_t>(plan_->layer_begin) + i];
    if (row.basic != 0) basic = &results_[i];
    if (main == nullptr && (row.standard >= 0 || row.after >= 0)) main = &results_[i];
    c[c_cut_fund] += results_[i].cut_fund;
    c[c_cut_expense] += results_[i].cut_expense;
  }
  if (basic != nullptr) main = basic;
  if (main != nullptr) {
    c[c_dedc_std] = main->standard;
    c[c_crt_dedc] = main->due;
    c[c_act_pay_dedc] = main->deductible;
  }
  for (std::size_t p = 0; p < kFunds; ++p) {
    c[c_hifp_pay + p] = payers_[p];
    c[c_fund_pay_sumamt] += payers_[p];
  }
  c[c_hosp_part_amt] = payers_[kHospital];
  c[c_psn_part_amt] = total_ - c[c_fund_pay_sumamt] - c[c_hosp_part_amt];
  c[c_acct_pay] = payers_[kAccount];
  c[c_acct_mulaid_pay] = payers_[kMutualAid];
  c[c_psn_cash_pay] = c[c_psn_part_amt] - c[c_acct_pay] - c[c_acct_mulaid_pay];
  std::int64_t owed = 0;
  bool whole = true;
  for (std::size_t b = 0; b < buckets_; ++b) {
    owed += burden_[b];
    whole &= burden_[b] >= 0;
  }
  if (!whole || owed != c[c_psn_cash_pay]) return false;
  for (std::size_t b = 0; b < kBuckets; ++b) c[c_burden_full_self_pay + b] = burden_[b];
  for (std::size_t t = kBuckets; t < buckets_; t += 4)
    for (std::size_t n = 0; n < 4; ++n) c[c_burden_full_self_pay + n] += burden_[t + n];
  feed_end(c[c_psn_cash_pay], c[c_acct_pay] + c[c_acct_mulaid_pay], at_end);

  std::int64_t fen[kColumns];
  for (std::size_t i = 0; i < kMoneyColumns; ++i) fen[i] = scale_ == 1 ? c[i] : static_cast<std::int64_t>(round_div(c[i], scale_));
  if (scale_ != 1) {
    fen[c_inscp_scp_amt] = fen[c_medfee_sumamt] - fen[c_fulamt_ownpay_amt] - fen[c_overlmt_selfpay] - fen[c_preselfpay_amt];
    std::int64_t difference = fen[c_psn_cash_pay];
    std::size_t largest = c_burden_full_self_pay;
    for (std::size_t b = c_burden_full_self_pay; b <= c_burden_over_ceiling; ++b) {
      difference -= fen[b];
      if (c[b] > c[largest]) largest = b;
    }
    fen[largest] += difference;
  }
  for (std::size_t i = 0; i < kMoneyColumns; ++i) out[i] += fen[i];
  out[c_pool_prop_selfpay] = basic != nullptr ? basic->rate : 0;
  out[c_balc] = plan_->account == 0 ? 0 : balance(event_->person, event_->order_date);
  return true;
}

void Visit::feed_end(std::int64_t cash, std::int64_t account, const std::array<std::int64_t, kAllBuckets>& at_end) {
  const std::int64_t one = 100 * scale_;
  for (const FeedRow& row : prepared_plan_->end_feeds) {
    std::int64_t value = 0;
    switch (static_cast<Quantity>(row.quantity)) {
      case Quantity::kVisitTotal:
        value = total_;
        break;
      case Quantity::kVisitFull:
        value = nature(kFullSelfPay);
        break;
      case Quantity::kVisitOver:
        value = nature(kOverLimit);
        break;
      case Quantity::kVisitFirst:
        value = nature(kFirstPay);
        break;
      case Quantity::kVisitScope:
        value = nature(kInScope);
        break;
      case Quantity::kVisitCount:
        value = event_->later() ? 0 : one;
        break;
      case Quantity::kVisitDays:
        value = event_->days * one;
        break;
      case Quantity::kEndBucket:
        value = at_end[static_cast<std::size_t>(row.which)];
        break;
      case Quantity::kEndCash:
        value = cash;
        break;
      case Quantity::kEndAcct:
        value = account;
        break;
      default:
        continue;
    }
    feed(row.key, value, row.sign);
  }
}

}  // namespace ybcore
