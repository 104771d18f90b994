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

Reason refusal(const Prepared& program, const Events& events, const Record* first, std::size_t parts) {
  const std::size_t stride = 5 + 4 * events.tags;
  for (std::size_t k = 0; k < parts; ++k) {
    const Record& event = first[k];
    if (event.reason() != Reason::kFine && event.reason() != Reason::kNoFigure) return event.reason();
    std::int64_t sign = 0;
    for (const std::int64_t nature : event.nature) sign |= nature;
    const std::int64_t* all = events.natures.data() + static_cast<std::size_t>(event.event) * stride;
    for (std::size_t b = 5; b < stride; ++b) sign |= all[b];
    if (sign < 0) return Reason::kNegativeBucket;
    if (event.reason() != Reason::kFine) return event.reason();
    const std::int64_t fields = program.plan(event.plan).row->fields;
    for (std::size_t f = 0; (fields >> f) != 0; ++f)
      if (((fields >> f) & 1) != 0 && events.fields[f * events.size() + static_cast<std::size_t>(event.event)] == kMissing)
        return Reason::kMissingValue;
  }
  return Reason::kFine;
}

void Visit::open_buckets() {
  const std::size_t tags = events_.tags;
  buckets_ = kBuckets + 4 * static_cast<std::size_t>(plan_->tags);
  Wide total = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    burden_[i] = event_->nature[i];
    total += burden_[i];
  }
  for (std::size_t i = 5; i < kBuckets; ++i) burden_[i] = 0;
  if (buckets_ != kBuckets) {
    const std::int64_t* n = events_.natures.data() + index() * (5 + 4 * tags) + 5;
    for (std::size_t i = kBuckets; i < buckets_; ++i) {
      burden_[i] = n[i - kBuckets];
      total += burden_[i];
    }
  }
  std::copy_n(burden_.begin(), buckets_, nature_.begin());
  overflow_ = total > Wide{kMostBill} * scale_;
  total_ = overflow_ ? 0 : static_cast<std::int64_t>(total);
}

std::int64_t Visit::limited(Wide value) const {
  if (value >= -Wide{most_} && value <= most_) return static_cast<std::int64_t>(value);
  overflow_ = true;
  return value < 0 ? -most_ : most_;
}

void Visit::make_periods(Periods& known, std::int32_t day, std::int32_t rule) const {
  known.day = day;
  known.rule = rule;
  for (std::size_t p = 0; p < 6; ++p) known.of[p] = period_key(static_cast<Period>(p), day, plan_->year_month, plan_->year_day);
}

void Visit::find_slots(const PreparedKeys& keys, SlotSet& set, const std::int32_t* period) {
  const auto uses = [&](Scope scope) { return ((keys.scopes >> static_cast<unsigned>(scope)) & 1) != 0; };
  const std::array<std::int32_t, 5> who{event_->person, uses(Scope::kHousehold) ? event_->household : -1,
                                        uses(Scope::kHospital) ? event_->hospital : -1, uses(Scope::kDisease) ? event_->disease : -1,
                                        uses(Scope::kStay) ? event_->stay : -1};
  std::array<std::int32_t, 6> when{};
  for (std::size_t p = 0; p < when.size(); ++p) when[p] = ((keys.periods >> p) & 1) != 0 ? period[p] : 0;
  // The year is always known, for the short way to this question.
  when[static_cast<std::size_t>(Period::kYear)] = period[static_cast<std::size_t>(Period::kYear)];
  if (set.epoch == ledger_->epoch() && set.who == who && set.period == when) return;
  set.epoch = ledger_->epoch();
  set.who = who;
  set.period = when;
  std::size_t at = 0;
  for (const PreparedKey& row : keys.keys) {
    SlotKey key{row.counter, event_->person, -1, period[static_cast<std::size_t>(row.period)]};
    switch (row.scope) {
      case Scope::kPerson:
        break;
      case Scope::kHousehold:
        if (event_->household >= 0) key.owner = -2 - event_->household;
        break;
      case Scope::kHospital:
        key.within = event_->hospital;
        break;
      case Scope::kDisease:
        key.within = event_->disease;
        break;
      case Scope::kStay:
        key.within = event_->stay;
        break;
      case Scope::kAttribute:
        key.within = row.value;
        break;
    }
    set.slot[at++] = row.period == Period::kVisit ? kNoSlot : ledger_->slot(key);
  }
}

std::int64_t Visit::field(std::int64_t f) const {
  const std::size_t n = events_.size();
  return events_.fields[static_cast<std::size_t>(f) * n + index()];
}

// A figure beyond every bill and counter stands for the largest there can be.
std::int64_t Visit::changing_amount(std::int64_t a) const { return std::clamp(amount_fen(a), -kMostFen, kMostFen) * scale_; }

std::int64_t Visit::amount_fen(std::int64_t which) const {
  const AmountRow& a = program_->amounts[static_cast<std::size_t>(which)];
  switch (static_cast<AmountKind>(a.kind)) {
    case AmountKind::kConst:
      return a.value;
    case AmountKind::kByCounter: {
      const std::int64_t now = static_cast<std::int64_t>(round_div(read(a.key), scale_));
      for (std::int64_t r = a.row_begin; r < a.row_end; ++r) {
        const UptoRow& row = program_->uptos[static_cast<std::size_t>(r)];
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

void Visit::admission(bool history) {
  const std::int32_t slot = slots_[static_cast<std::size_t>(plan_->admission_key)];
  if (slot == kNoSlot) return;
  const bool by_stay = plan_->one_per_stay != 0;
  const std::int32_t stay = by_stay ? event_->stay : -2 - event_->visit;
  // Where nothing is ever taken back, one entry a stay is enough, and the slot knows how many there are.
  const bool simple = !history || !by_stay;
  std::int32_t counted = simple ? static_cast<std::int32_t>(ledger_->at(slot).admitted) : 0;
  if (!history && by_stay && counted != 0) {
    for (const Admission& a : ledger_->admissions) {
      if (a.slot != slot || a.stay != stay) continue;
      number_ = a.number;
      return;
    }
  }
  for (std::size_t i = 0; !simple && i < ledger_->records.size(); ++i) {
    const Standing& r = ledger_->records[i];
    if (!r.standing) continue;
    for (std::uint32_t k = r.admissions; k < r.admissions_end; ++k) {
      const Admission& a = ledger_->admissions[k];
      if (a.slot != slot) continue;
      if (a.stay == stay) {
        number_ = a.number;
        ledger_->admissions.push_back({slot, stay, a.number});
        return;
      }
      bool seen = false;
      for (std::size_t before = 0; before < i; ++before) {
        const Standing& o = ledger_->records[before];
        if (!o.standing) continue;
        for (std::uint32_t x = o.admissions; x < o.admissions_end; ++x)
          seen |= ledger_->admissions[x].slot == slot && ledger_->admissions[x].stay == a.stay;
      }
      counted += seen ? 0 : 1;
    }
  }
  number_ = counted + 1;
  ledger_->admissions.push_back({slot, stay, counted + 1});
}

void Visit::layer(std::size_t at) {
  const PreparedLayer& layer = prepared_plan_->layers[at];
  const LayerRow& row = *layer.row;
  LayerResult& r = results_[at];
  r.reset();
  if (row.standard >= 0 && program_->standards[static_cast<std::size_t>(row.standard)].in_catalogue != 0) shift_first_pay(row, r);
  parts_ = 0;
  for (std::int64_t b = row.base_begin; b < row.base_end; ++b) {
    const BaseRow& base = program_->bases[static_cast<std::size_t>(b)];
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
      share(layer, r);
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
  feed_layer(layer, r);
  tell(row, r);
}

void Visit::feed_layer(const PreparedLayer& layer, const LayerResult& r) {
  const std::int64_t paid = r.pays.total();
  for (const FeedRow& row : layer.feeds) {
    std::int64_t value = 0;
    switch (static_cast<Quantity>(row.quantity)) {
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

bool Visit::run(const Record& event, std::int64_t* columns_out, std::int32_t& first_number, bool history, bool& overflow) {
  event_ = &event;
  prepared_plan_ = &prepared_->plan(event.plan);
  plan_ = prepared_plan_->row;
  scale_ = plan_->scale;
  most_ = kMostFen * scale_;
  open_buckets();
  if (overflow_) {
    overflow = true;
    return true;
  }
  payers_.fill(0);
  resolve_keys();
  const auto keys = static_cast<std::size_t>(plan_->key_end - plan_->key_begin);
  std::fill_n(fed_.begin(), keys, 0);
  detail_ = 0;
  number_ = 1;
  if (plan_->admission_key >= 0) {
    if (event.later()) {
      number_ = first_number;
    } else {
      admission(history);
    }
  }
  if (!event.later()) first_number = static_cast<std::int32_t>(number_);
  const std::size_t layers = prepared_plan_->layers.size();
  for (std::size_t i = 0; i < layers; ++i) layer(i);
  if (prepared_plan_->rounds_end) round_end();
  std::array<std::int64_t, kAllBuckets> at_end;
  if (prepared_plan_->keeps_buckets) std::copy_n(burden_.begin(), buckets_, at_end.begin());
  if (plan_->account == 1) account_last();
  const bool kept = columns(columns_out, at_end);
  for (std::size_t at = 0; at < keys; ++at) {
    if (fed_[at] == 0 || slots_[at] == kNoSlot) continue;
    const std::int64_t more = ledger_->unit(fed_[at], scale_);
    std::int64_t& value = ledger_->at(slots_[at]).value;
    ledger_->contributions.push_back({slots_[at], more});
    value += more;
    overflow_ |= value > ledger_->most() || value < -ledger_->most();
  }
  overflow = overflow_;
  return kept;
}

}  // namespace ybcore
