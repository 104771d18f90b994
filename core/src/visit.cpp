#include "visit.hpp"

#include <algorithm>
#include <chrono>

namespace ybcore {

std::int32_t period_key(Period period, std::int32_t day, std::int64_t month, std::int64_t first) {
  using namespace std::chrono;
  const year_month_day d{sys_days{days{day}}};
  const auto y = static_cast<int>(d.year());
  const auto m = static_cast<int>(static_cast<unsigned>(d.month()));
  switch (period) {
    case Period::kYear: {
      const auto starts = [&](int in) {
        return sys_days{year{in} / std::chrono::month{static_cast<unsigned>(month)} / std::chrono::day{static_cast<unsigned>(first)}}
            .time_since_epoch()
            .count();
      };
      const auto begin = starts(y);
      return static_cast<std::int32_t>(begin <= day ? begin : starts(y - 1));
    }
    case Period::kQuarter:
      return y * 4 + (m - 1) / 3;
    case Period::kMonth:
      return y * 12 + m - 1;
    case Period::kDay:
      return day;
    default:
      return 0;
  }
}

void Visit::open_buckets() {
  const std::size_t tags = events_.tags;
  const std::int64_t* n = events_.natures.data() + index() * (5 + 4 * tags);
  buckets_ = kBuckets + 4 * static_cast<std::size_t>(plan_->tags);
  burden_.fill(0);
  for (std::size_t i = 0; i < 5; ++i) burden_[i] = n[i];
  for (std::size_t i = 0; i < buckets_ - kBuckets; ++i) burden_[kBuckets + i] = n[5 + i];
  nature_ = burden_;
  Wide total = 0;
  for (std::size_t i = 0; i < buckets_; ++i) total += burden_[i];
  overflow_ = total > Wide{kMostBill} * scale_;
  total_ = overflow_ ? 0 : static_cast<std::int64_t>(total);
}

std::int64_t Visit::limited(Wide value) const {
  if (value >= -Wide{most_} && value <= most_) return static_cast<std::int64_t>(value);
  overflow_ = true;
  return value < 0 ? -most_ : most_;
}

void Visit::check_kept() {
  std::int64_t sum = 0;
  for (std::size_t b = 0; b < buckets_; ++b) {
    sum += burden_[b];
    kept_ &= burden_[b] >= 0;
  }
  for (const std::int64_t paid : payers_) sum += paid;
  kept_ &= sum == total_;
}

void Visit::resolve_keys() {
  const std::size_t i = index();
  std::int32_t period[6];
  bool known[6] = {};
  for (std::int64_t k = plan_->key_begin; k < plan_->key_end; ++k) {
    const auto at = static_cast<std::size_t>(k - plan_->key_begin);
    const KeyRow& row = program_.keys[static_cast<std::size_t>(k)];
    fed_[at] = 0;
    if (static_cast<Period>(row.period) == Period::kVisit) {
      slots_[at] = -1;
      continue;
    }
    const auto p = static_cast<std::size_t>(row.period);
    if (!known[p]) {
      known[p] = true;
      period[p] = period_key(static_cast<Period>(row.period), packed_.event[i].period_date, plan_->year_month, plan_->year_day);
    }
    SlotKey key{static_cast<std::int32_t>(row.counter), packed_.event[i].person, -1, period[p]};
    switch (static_cast<Scope>(row.scope)) {
      case Scope::kHousehold:
        if (packed_.event[i].household >= 0) key.owner = -2 - packed_.event[i].household;
        break;
      case Scope::kHospital:
        key.within = packed_.event[i].hospital;
        break;
      case Scope::kDisease:
        key.within = packed_.event[i].disease;
        break;
      case Scope::kStay:
        key.within = packed_.event[i].stay;
        break;
      case Scope::kAttribute:
        key.within = static_cast<std::int32_t>(row.value);
        break;
      case Scope::kPerson:
        break;
    }
    slots_[at] = ledger_.slot(key);
  }
}

std::int64_t Visit::read(std::int64_t key) const {
  const auto at = static_cast<std::size_t>(key);
  const std::int64_t stored = slots_[at] < 0 ? 0 : from_grid(ledger_.at(slots_[at]).value, scale_);
  return limited(Wide{stored} + fed_[at]);
}

std::int64_t Visit::field(std::int64_t f) const {
  const std::size_t n = events_.visit.size();
  return events_.fields[static_cast<std::size_t>(f) * n + index()];
}

// A figure beyond every bill and counter stands for the largest there can be.
std::int64_t Visit::amount(std::int64_t a) const { return std::clamp(amount_fen(a), -kMostFen, kMostFen) * scale_; }

std::int64_t Visit::amount_fen(std::int64_t which) const {
  const AmountRow& a = program_.amounts[static_cast<std::size_t>(which)];
  switch (static_cast<AmountKind>(a.kind)) {
    case AmountKind::kConst:
      return a.value;
    case AmountKind::kByCounter: {
      const std::int64_t now = static_cast<std::int64_t>(round_div(read(a.key), scale_));
      for (std::int64_t r = a.row_begin; r < a.row_end; ++r) {
        const UptoRow& row = program_.uptos[static_cast<std::size_t>(r)];
        if (row.upto < 0 || now <= amount_fen(row.upto)) return amount_fen(row.value);
      }
      return 0;
    }
    case AmountKind::kCompute:
      break;
  }
  constexpr Wide ppm = 1'000'000;
  Wide sum = Wide{amount_fen(a.base)} * a.over * ppm;
  if (a.of >= 0) sum += Wide{a.factor} * amount_fen(a.of);
  if (a.of_field >= 0) sum += Wide{a.factor} * field(a.of_field) * a.of_times;
  if (a.step >= 0) sum += Wide{amount_fen(a.step)} * std::max<std::int64_t>(0, field(a.count_field) - a.beyond) * a.over * ppm;
  const Wide rounded = round_to(sum, ppm * a.over, {static_cast<RoundMode>(a.mode), a.unit});
  auto value = static_cast<std::int64_t>(std::clamp(rounded, Wide{INT64_MIN / 2}, Wide{INT64_MAX / 2}));
  if (a.least >= 0) value = std::max(value, amount_fen(a.least));
  if (a.most >= 0) value = std::min(value, amount_fen(a.most));
  return value;
}

void Visit::admission() {
  const auto at = static_cast<std::size_t>(plan_->admission_key);
  const std::size_t i = index();
  const std::int32_t slot = slots_[at];
  if (slot < 0) return;
  const std::int32_t stay = plan_->one_per_stay != 0 ? packed_.event[i].stay : -2 - static_cast<std::int32_t>(packed_.event[i].visit);
  std::int32_t counted = 0;
  for (const Record& r : ledger_.records) {
    if (!r.standing) continue;
    for (std::uint32_t k = r.admissions; k < r.admissions_end; ++k) {
      const Admission& a = ledger_.admissions[k];
      if (a.slot != slot) continue;
      if (plan_->one_per_stay != 0 && a.stay == stay) {
        number_ = a.number;
        ledger_.admissions.push_back({slot, stay, a.number});
        return;
      }
      bool seen = false;
      if (plan_->one_per_stay != 0) {
        for (const Record& o : ledger_.records) {
          if (&o == &r) break;
          if (!o.standing) continue;
          for (std::uint32_t x = o.admissions; x < o.admissions_end; ++x)
            seen |= ledger_.admissions[x].slot == slot && ledger_.admissions[x].stay == a.stay;
        }
      }
      counted += seen ? 0 : 1;
    }
  }
  number_ = counted + 1;
  ledger_.admissions.push_back({slot, stay, counted + 1});
}

void Visit::layer(std::size_t at) {
  const LayerRow& row = program_.layers[static_cast<std::size_t>(plan_->layer_begin) + at];
  LayerResult& r = results_[at];
  r = LayerResult{};
  r.ran = true;
  r.room = kMissing;
  if (row.standard >= 0 && program_.standards[static_cast<std::size_t>(row.standard)].in_catalogue != 0) shift_first_pay(row, r);
  parts_ = 0;
  for (std::int64_t b = row.base_begin; b < row.base_end; ++b) {
    const BaseRow& base = program_.bases[static_cast<std::size_t>(b)];
    part_bucket_[parts_] = base.bucket;
    const std::int64_t whole = burden_[static_cast<std::size_t>(base.bucket)];
    held_[parts_] = base.part == 1'000'000 ? whole : static_cast<std::int64_t>(Wide{whole} * base.part / 1'000'000);
    r.base += held_[parts_++];
  }
  if (row.computed != 0) {
    const LayerResult* source = row.computed_layer >= 0 ? &results_[static_cast<std::size_t>(row.computed_layer)] : nullptr;
    const std::int64_t cut = source == nullptr || !source->ran ? 0 : row.computed == 1 ? source->cut_fund : source->cut_expense;
    r.base = std::min(r.base, cut);
  }
  switch (static_cast<LayerKind>(row.kind)) {
    case LayerKind::kShare:
      share(row, r);
      break;
    case LayerKind::kPackage:
      package(row, r);
      break;
    case LayerKind::kAcct:
      account_layer(row, r);
      break;
    default:
      fixed(row, r);
  }
  if (row.at_least >= 0) {
    const std::int64_t more = std::min(amount(row.at_least), r.base) - r.pays.total();
    if (more > 0) r.pays.add(row.payer, more);
  }
  move(row, r);
  for (std::size_t i = 0; i < r.pays.count; ++i) payers_[static_cast<std::size_t>(r.pays.one[i].payer)] += r.pays.one[i].amount;
  payers_[kHospital] += r.hospital;
  check_kept();
  feed_layer(at, row, r);
  tell(row, r);
}

void Visit::feed_layer(std::size_t at, const LayerRow&, const LayerResult& r) {
  const std::int64_t paid = r.pays.total();
  for (std::int64_t f = plan_->feed_begin; f < plan_->feed_end; ++f) {
    const FeedRow& row = program_.feeds[static_cast<std::size_t>(f)];
    const auto quantity = static_cast<Quantity>(row.quantity);
    if (quantity >= Quantity::kVisitTotal) continue;
    if (quantity != Quantity::kPaidBy && row.layer != static_cast<std::int64_t>(at)) continue;
    std::int64_t value = 0;
    switch (quantity) {
      case Quantity::kBase:
        value = r.base;
        break;
      case Quantity::kEligible:
        value = r.eligible;
        break;
      case Quantity::kAbove:
        value = r.above;
        break;
      case Quantity::kDeductible:
        value = r.deductible;
        break;
      case Quantity::kDue:
        value = r.due;
        break;
      case Quantity::kPaid:
        value = paid;
        break;
      case Quantity::kTarget:
        value = r.target;
        break;
      case Quantity::kCarry:
        value = r.carry;
        break;
      case Quantity::kCutFund:
        value = r.cut_fund;
        break;
      case Quantity::kCutExpense:
        value = r.cut_expense;
        break;
      case Quantity::kRan:
        value = scale_;
        break;
      case Quantity::kTimesPaid:
        value = paid > 0 ? scale_ : 0;
        break;
      default:
        for (std::size_t i = 0; i < r.pays.count; ++i) value += r.pays.one[i].payer == row.which ? r.pays.one[i].amount : 0;
        if (row.which == kHospital) value += r.hospital;
    }
    feed(row.key, value, row.sign);
  }
}

void Visit::move(const LayerRow& row, LayerResult& r) {
  std::array<std::int64_t, kMaxBands> taken;
  take(held_.data(), parts_, r.pays.total() + r.hospital, row.pro_rata != 0, taken.data());
  std::int64_t left = 0;
  for (std::size_t i = 0; i < parts_; ++i) {
    burden_[static_cast<std::size_t>(part_bucket_[i])] -= taken[i];
    held_[i] -= taken[i];
    left += held_[i];
  }
  if (row.moves == 0) return;
  for (std::size_t i = 0; i < parts_; ++i) burden_[static_cast<std::size_t>(part_bucket_[i])] -= held_[i];
  std::int64_t over = std::min(left, r.cut_expense + r.cut_fund_moves + r.excess_to_person);
  const std::int64_t deductible = std::min(left, r.deductible);
  if (over + deductible > left) over = left - deductible;
  burden_[kDeductible] += deductible;
  burden_[kOverCeiling] += over;
  burden_[kCopay] += left - over - deductible;
}

void Visit::tell(const LayerRow& row, const LayerResult& r) {
  if (out_.detail.empty()) return;
  const auto fen = [this](std::int64_t x) { return scale_ == 1 ? x : static_cast<std::int64_t>(round_div(x, scale_)); };
  out_.detail[index() * kMaxLayers + detail_++] = {row.name,
                                                   row.payer,
                                                   fen(r.base),
                                                   fen(r.eligible),
                                                   fen(r.standard),
                                                   fen(r.due),
                                                   fen(r.deductible),
                                                   fen(r.pays.total()),
                                                   fen(r.cut_fund),
                                                   fen(r.cut_expense),
                                                   r.room == kMissing ? kMissing : fen(r.room)};
  out_.detail_count[index()] = static_cast<std::uint8_t>(detail_);
}

bool Visit::run(std::int64_t e, std::int64_t* columns_out, std::int32_t& first_number, bool& overflow) {
  e_ = e;
  plan_ = &program_.plans[static_cast<std::size_t>(packed_.event[index()].plan)];
  scale_ = plan_->scale;
  most_ = kMostFen * scale_;
  kept_ = true;
  open_buckets();
  if (overflow_) {
    overflow = true;
    return true;
  }
  payers_.fill(0);
  resolve_keys();
  detail_ = 0;
  number_ = 1;
  if (plan_->admission_key >= 0) {
    if (packed_.event[index()].later != 0) {
      number_ = first_number;
    } else {
      admission();
    }
  }
  if (packed_.event[index()].later == 0) first_number = static_cast<std::int32_t>(number_);
  const auto layers = static_cast<std::size_t>(plan_->layer_end - plan_->layer_begin);
  for (std::size_t i = 0; i < layers; ++i) layer(i);
  round_end();
  const auto at_end = burden_;
  if (plan_->account == 1) account_last();
  const bool kept = columns(columns_out, at_end);
  for (std::int64_t k = plan_->key_begin; k < plan_->key_end; ++k) {
    const auto at = static_cast<std::size_t>(k - plan_->key_begin);
    if (fed_[at] == 0 || slots_[at] < 0) continue;
    const std::int64_t grid = to_grid(fed_[at], scale_);
    std::int64_t& value = ledger_.at(slots_[at]).value;
    ledger_.contributions.push_back({slots_[at], grid});
    value += grid;
    overflow_ |= value > kMostGrid || value < -kMostGrid;
  }
  overflow = overflow_;
  return kept && kept_;
}

}  // namespace ybcore
