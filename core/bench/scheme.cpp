#include "scheme.hpp"

#include <cstring>

#include "ybcore/money.hpp"

namespace ybcore::bench {
namespace {

template <class Row>
Row blank() {
  Row row;
  std::memset(&row, 0xff, sizeof row);  // a field that nobody sets, or that is new, is -1: none
  return row;
}

template <class T>
std::int64_t code(T value) {
  return static_cast<std::int64_t>(value);
}

template <class Row>
std::int64_t size(const std::vector<Row>& rows) {
  return static_cast<std::int64_t>(rows.size());
}

constexpr std::int64_t kYuan = 100;
constexpr std::int64_t kTagInScope = kBuckets + 3;

}  // namespace

Scheme::Scheme() {
  employee_in();
  employee_out();
  employee_big();
  resident_in();
  resident_out();
  open(1, 1).benefit = 0;
  close();
}

Program Scheme::view() const {
  Program p{};
  p.plans = plans_;
  p.layers = layers_;
  p.keys = keys_;
  p.feeds = feeds_;
  p.bands = bands_;
  p.ceilings = ceilings_;
  p.bases = bases_;
  p.standards = standards_;
  p.edits = edits_;
  p.amounts = amounts_;
  p.uptos = uptos_;
  p.values = values_;
  return p;
}

PlanRow& Scheme::open(std::int64_t scheme, std::int64_t scale) {
  PlanRow& p = plans_.emplace_back(blank<PlanRow>());
  p.scheme = p.document = scheme;
  p.scale = scale;
  p.layer_begin = size(layers_);
  p.key_begin = size(keys_);
  p.feed_begin = size(feeds_);
  p.layer_mode = p.band_unit = p.band_mode = p.class_mode = p.end_mode = p.account = p.mutual_aid = p.tags = p.deductible_each = p.fields =
      0;
  p.bucket_begin = p.bucket_end = size(values_);
  p.benefit = p.year_month = p.year_day = p.one_per_stay = 1;
  p.layer_unit = p.class_unit = p.end_unit = 1;
  return p;
}

void Scheme::close() {
  PlanRow& p = plans_.back();
  p.layer_end = size(layers_);
  p.key_end = size(keys_);
  p.feed_end = size(feeds_);
}

std::int64_t Scheme::key(std::int64_t counter, Period period, Scope scope, std::int64_t value) {
  const std::int64_t begin = plans_.back().key_begin;
  for (std::int64_t k = begin; k < size(keys_); ++k) {
    const KeyRow& row = keys_[static_cast<std::size_t>(k)];
    if (row.counter == counter && row.period == code(period) && row.scope == code(scope) && row.value == value) return k - begin;
  }
  KeyRow& row = keys_.emplace_back(blank<KeyRow>());
  row.counter = counter;
  row.period = code(period);
  row.scope = code(scope);
  row.value = value;
  return size(keys_) - 1 - begin;
}

std::int64_t Scheme::amount(std::int64_t fen) {
  AmountRow& row = amounts_.emplace_back(blank<AmountRow>());
  row.kind = code(AmountKind::kConst);
  row.value = fen;
  return size(amounts_) - 1;
}

std::int64_t Scheme::plus_field(std::int64_t fen, std::int64_t share, std::int64_t field, std::int64_t most) {
  const std::int64_t base = amount(fen);
  const std::int64_t limit = amount(most);
  AmountRow& row = amounts_.emplace_back(blank<AmountRow>());
  row.kind = code(AmountKind::kCompute);
  row.base = base;
  row.factor = share;
  row.of_field = field;
  row.of_times = row.over = row.unit = 1;
  row.mode = 0;
  row.beyond = 0;
  row.most = limit;
  plans_.back().fields |= std::int64_t{1} << field;
  return size(amounts_) - 1;
}

std::int64_t Scheme::by_counter(std::int64_t key, std::initializer_list<std::int64_t> upto_and_value) {
  const std::int64_t begin = size(uptos_);
  for (const auto* at = upto_and_value.begin(); at != upto_and_value.end(); at += 2) {
    const std::int64_t upto = at[0] < 0 ? -1 : amount(at[0]);
    const std::int64_t value = amount(at[1]);
    UptoRow& row = uptos_.emplace_back(blank<UptoRow>());
    row.upto = upto;
    row.value = value;
  }
  AmountRow& row = amounts_.emplace_back(blank<AmountRow>());
  row.kind = code(AmountKind::kByCounter);
  row.key = key;
  row.row_begin = begin;
  row.row_end = size(uptos_);
  return size(amounts_) - 1;
}

StandardRow& Scheme::standard(LayerRow& layer, std::int64_t fen, Repeat repeat) {
  const std::int64_t value = amount(fen);
  StandardRow& s = standards_.emplace_back(blank<StandardRow>());
  s.amount = value;
  s.edit_begin = s.edit_end = size(edits_);
  s.value_begin = s.value_end = size(values_);
  s.rule = s.mode = s.waived = s.charged = s.link_id = s.link_days = s.within_days = s.against_used = s.after_rate = s.in_catalogue = 0;
  s.unit = plans_.back().scale;
  s.repeat = code(repeat);
  layer.standard = size(standards_) - 1;
  return s;
}

void Scheme::admissions(StandardRow& row, AdmissionRule rule, std::initializer_list<std::int64_t> values) {
  row.rule = code(rule);
  row.value_begin = size(values_);
  const bool amounts = rule == AdmissionRule::kList || rule == AdmissionRule::kLess;
  for (const std::int64_t value : values) values_.push_back(amounts ? amount(value) : value);
  row.value_end = size(values_);
}

void Scheme::edit(StandardRow& row, Edit kind, std::int64_t value) {
  EditRow& e = edits_.emplace_back(blank<EditRow>());
  e.kind = code(kind);
  e.value = kind == Edit::kTimes ? value : amount(value);
  row.edit_end = size(edits_);
}

LayerRow& Scheme::layer(LayerKind kind, std::int64_t payer, std::initializer_list<Part> base) {
  LayerRow& l = layers_.emplace_back(blank<LayerRow>());
  l.name = size(layers_) - 1;
  l.kind = code(kind);
  l.payer = payer;
  l.basic = l.moves = l.computed = l.pro_rata = l.settle = l.by_total = l.part_rates = l.per_day = l.on_price = l.below_fund = 0;
  l.excess_hospital = l.of_total = l.counts = l.carries = 0;
  l.including = l.total_base = 1;
  l.band_begin = l.band_end = size(bands_);
  l.ceil_begin = l.ceil_end = size(ceilings_);
  l.base_begin = size(bases_);
  for (const Part& part : base) {
    BaseRow& row = bases_.emplace_back(blank<BaseRow>());
    row.bucket = part.bucket;
    row.part = part.part;
    row.rate = part.rate;
    if (part.rate >= 0) l.part_rates = 1;
  }
  l.base_end = size(bases_);
  return l;
}

void Scheme::bands(LayerRow& layer, std::initializer_list<Band> bands) {
  layer.band_begin = size(bands_);
  for (const Band& band : bands) {
    BandRow& row = bands_.emplace_back(blank<BandRow>());
    row.to = band.to < 0 ? -1 : amount(band.to);
    row.rate = band.rate;
    row.payer = band.payer;
  }
  layer.band_end = size(bands_);
}

void Scheme::ceiling(LayerRow& layer, On on, std::int64_t fen, std::int64_t key, bool as_expense) {
  CeilingRow& row = ceilings_.emplace_back(blank<CeilingRow>());
  row.on = code(on);
  row.limit = amount(fen);
  row.key = key;
  row.as_expense = as_expense ? 1 : 0;
  layer.ceil_end = size(ceilings_);
}

void Scheme::feed(std::int64_t key, Quantity quantity, std::int64_t which, std::int64_t sign) {
  FeedRow& row = feeds_.emplace_back(blank<FeedRow>());
  row.key = key;
  row.quantity = code(quantity);
  row.which = which;
  row.sign = sign;
  row.layer = quantity == Quantity::kPaidBy || quantity >= Quantity::kVisitTotal ? -1 : size(layers_) - 1 - plans_.back().layer_begin;
}

// Counters of employees are numbered from 0, those of residents from 100.

void Scheme::employee_in() {
  PlanRow& plan = open(0, 1);
  plan.tags = kSchemeTags;
  plan.admission_key = key(0, Period::kYear);
  plan.account = plan.mutual_aid = 1;
  values_.insert(values_.end(), {kDeductible, kCopay, kOverCeiling});
  plan.bucket_end = size(values_);

  LayerRow& basic = layer(LayerKind::kShare, 0, {{kInScope}, {kTagInScope}});
  basic.basic = basic.moves = 1;
  StandardRow& due = standard(basic, 1300 * kYuan, Repeat::kAdmission);
  edit(due, Edit::kSet, 1200 * kYuan);
  edit(due, Edit::kTimes, 900'000);
  admissions(due, AdmissionRule::kList, {1300 * kYuan, 650 * kYuan, 325 * kYuan});
  due.link_id = due.link_days = due.against_used = 1;
  due.within_days = 7;
  basic.position = key(1, Period::kYear);
  bands(basic, {{10'000 * kYuan, 850'000}, {40'000 * kYuan, 900'000}, {-1, 950'000}});
  ceiling(basic, On::kExpense, 90'000 * kYuan, key(1, Period::kYear));
  ceiling(basic, On::kFund, 60'000 * kYuan, key(2, Period::kYear), true);
  feed(key(1, Period::kYear), Quantity::kEligible);
  feed(key(2, Period::kYear), Quantity::kPaid);

  LayerRow& large = layer(LayerKind::kShare, 4, {{kOverCeiling}});
  large.computed = 2;
  large.computed_layer = 0;
  bands(large, {{-1, 800'000}});
  ceiling(large, On::kPayers, 30'000 * kYuan, key(3, Period::kYear));
  feed(key(3, Period::kYear), Quantity::kPaidBy, 4);

  LayerRow& critical = layer(LayerKind::kShare, 3, {{kDeductible}, {kCopay}});
  standard(critical, 3'000 * kYuan, Repeat::kCumulative).key = key(4, Period::kYear);
  critical.pro_rata = 1;
  critical.position = key(5, Period::kYear);
  bands(critical, {{8'000 * kYuan, 600'000}, {20'000 * kYuan, 700'000}, {-1, 800'000}});
  feed(key(4, Period::kYear), Quantity::kDeductible);
  feed(key(5, Period::kYear), Quantity::kAbove);

  (void)layer(LayerKind::kShare, 1, {{kCopay, 500'000}, {kDeductible, 300'000}});
  (void)layer(LayerKind::kGiven, 7, {{kCopay}, {kFirstPay}});
  feed(key(6, Period::kLife), Quantity::kEndCash);
  feed(key(7, Period::kQuarter), Quantity::kVisitTotal);
  close();
}

void Scheme::employee_out() {
  PlanRow& plan = open(0, 1);
  plan.account = 2;
  plan.mutual_aid = 1;
  plan.band_unit = 10;
  LayerRow& basic = layer(LayerKind::kShare, 0, {{kInScope}, {kDirect, -1, 500'000}});
  basic.basic = basic.moves = 1;
  standard(basic, 400 * kYuan, Repeat::kCumulative).key = key(10, Period::kYear);
  bands(basic, {{-1, 700'000}});
  basic.at_least = amount(5 * kYuan);
  const std::int64_t limit = by_counter(key(12, Period::kYear), {10 * kYuan * 100, 2'000 * kYuan, -1, 1'500 * kYuan});
  ceiling(basic, On::kFund, 0, key(11, Period::kYear, Scope::kHousehold));
  ceilings_.back().limit = limit;
  ceiling(basic, On::kAbove, 900 * kYuan, key(13, Period::kMonth));
  feed(key(10, Period::kYear), Quantity::kDeductible);
  feed(key(11, Period::kYear, Scope::kHousehold), Quantity::kPaid);
  feed(key(13, Period::kMonth), Quantity::kAbove);
  feed(key(12, Period::kYear), Quantity::kVisitCount);

  LayerRow& account = layer(LayerKind::kAcct, kAccount, {{kDeductible}, {kCopay}, {kFirstPay}});
  account.amount = plus_field(200 * kYuan, 10'000, 0, 3'000 * kYuan);

  LayerRow& again = layer(LayerKind::kShare, 2, {{kCopay}});
  standard(again, 50 * kYuan, Repeat::kFirstOnly).key = key(14, Period::kMonth);
  bands(again, {{100 * kYuan, 100'000, 2}, {-1, 200'000, 5}});
  feed(key(14, Period::kMonth), Quantity::kDeductible);
  feed(key(15, Period::kYear), Quantity::kVisitScope);
  feed(key(15, Period::kYear), Quantity::kVisitFull);
  feed(key(15, Period::kYear), Quantity::kVisitOver, -1, -1);
  feed(key(15, Period::kYear), Quantity::kVisitFirst);
  feed(key(16, Period::kYear), Quantity::kEndAcct);
  close();
}

// The year's total decides, what was paid before is taken off; bands by the total; the deductible lies inside the catalogue.
void Scheme::employee_big() {
  PlanRow& plan = open(0, 1);
  plan.admission_key = key(0, Period::kYear);
  plan.deductible_each = 1;
  LayerRow& basic = layer(LayerKind::kShare, 0, {{kInScope}});
  basic.basic = basic.moves = 1;
  basic.settle = code(Settle::kFMinusPaid);
  basic.by_total = 1;
  StandardRow& due = standard(basic, 500 * kYuan, Repeat::kVisit);
  admissions(due, AdmissionRule::kLessShare, {100'000});
  due.floor = amount(200 * kYuan);
  basic.accumulate = key(20, Period::kYear);
  basic.so_far = key(21, Period::kYear);
  basic.carry = key(22, Period::kYear);
  bands(basic, {{5'000 * kYuan, 600'000}, {20'000 * kYuan, 700'000}, {-1, 800'000}});
  feed(key(20, Period::kYear), Quantity::kEligible);
  feed(key(21, Period::kYear), Quantity::kTarget);
  feed(key(22, Period::kYear), Quantity::kCarry);
  feed(key(24, Period::kYear), Quantity::kBase);
  feed(key(24, Period::kYear), Quantity::kDue, -1, -1);
  feed(key(25, Period::kVisit), Quantity::kRan);

  LayerRow& second = layer(LayerKind::kShare, 5, {{kFirstPay}, {kCopay}});
  StandardRow& inside = standard(second, 300 * kYuan, Repeat::kVisit);
  edit(inside, Edit::kPlus, 40 * kYuan);
  edit(inside, Edit::kMinus, 25 * kYuan);
  admissions(inside, AdmissionRule::kTimes, {800'000});
  inside.in_catalogue = 1;
  bands(second, {{-1, 400'000}});
  const std::int64_t first = second.standard;
  (void)standard(second, 60 * kYuan, Repeat::kVisit);
  second.after = second.standard;  // taken off what the rate gives
  second.standard = first;
  ceiling(second, On::kLayers, 20'000 * kYuan, key(23, Period::kYear, Scope::kHospital));
  feed(key(23, Period::kYear, Scope::kHospital), Quantity::kPaid);
  close();
}

// Exact values: millionths of a fen from layer to layer, fen at the end.
void Scheme::resident_in() {
  PlanRow& plan = open(1, 1'000'000);
  plan.year_month = 7;
  plan.end_unit = 1'000'000;
  plan.end_mode = code(RoundMode::kHalfEven);
  plan.one_per_stay = 0;
  plan.admission_key = key(100, Period::kYear);
  LayerRow& basic = layer(LayerKind::kShare, 0, {{kInScope}});
  basic.basic = basic.moves = 1;
  StandardRow& due = standard(basic, 800 * kYuan, Repeat::kHighest);
  admissions(due, AdmissionRule::kFactors, {1'000'000, 500'000, 333'333});
  due.key = key(101, Period::kYear);
  due.high_key = key(102, Period::kYear);
  bands(basic, {{15'000 * kYuan, 723'457}, {-1, 801'239}});
  ceiling(basic, On::kFund, 40'000 * kYuan, key(103, Period::kYear));
  feed(key(101, Period::kYear), Quantity::kDeductible);
  feed(key(103, Period::kYear), Quantity::kPaid);
  feed(key(107, Period::kYear), Quantity::kCutFund);
  feed(key(107, Period::kYear), Quantity::kCutExpense);

  LayerRow& critical = layer(LayerKind::kShare, 3, {{kDeductible}, {kCopay}, {kFirstPay, -1, 300'000}});
  critical.settle = code(Settle::kDeltaF);
  critical.carries = 1;
  admissions(standard(critical, 2'000 * kYuan, Repeat::kVisit), AdmissionRule::kLess, {150 * kYuan});
  critical.accumulate = key(104, Period::kYear);
  critical.so_far = key(105, Period::kYear);
  critical.carry = key(106, Period::kYear);
  bands(critical, {{10'000 * kYuan, 600'001}, {-1, 750'007}});
  feed(key(104, Period::kYear), Quantity::kEligible);
  feed(key(105, Period::kYear), Quantity::kPaid);
  feed(key(106, Period::kYear), Quantity::kCarry);

  LayerRow& floor = layer(LayerKind::kFloor, 6, {{kDeductible}, {kCopay}});
  floor.share = 650'000;
  floor.counts = 1 | (1 << 3);
  close();
}

void Scheme::resident_out() {
  PlanRow& plan = open(1, 1);
  plan.year_month = 7;
  LayerRow& fixed = layer(LayerKind::kFixed, 0, {{kInScope}});
  fixed.basic = fixed.moves = 1;
  fixed.amount = amount(20 * kYuan);
  fixed.once = key(110, Period::kDay, Scope::kHospital);
  feed(key(110, Period::kDay, Scope::kHospital), Quantity::kTimesPaid);

  LayerRow& daily = layer(LayerKind::kPerDay, 6, {{kCopay}});
  daily.amount = plus_field(3 * kYuan, 20'000, 1, 50 * kYuan);
  ceiling(daily, On::kFund, 600 * kYuan, key(111, Period::kYear, Scope::kDisease));
  feed(key(111, Period::kYear, Scope::kDisease), Quantity::kPaid);

  LayerRow& package = layer(LayerKind::kPackage, 7, {{kCopay}});
  package.amount = amount(900 * kYuan);
  package.self_rate = 250'000;
  package.on_price = package.below_fund = package.excess_hospital = 1;

  LayerRow& last = layer(LayerKind::kShare, 2, {{kFirstPay}, {kOverLimit}});
  standard(last, 10 * kYuan, Repeat::kVisit).after_rate = 1;
  bands(last, {{-1, 350'000}});
  ceiling(last, On::kFund, 2'000 * kYuan, key(112, Period::kYear, Scope::kAttribute, 3));
  feed(key(112, Period::kYear, Scope::kAttribute, 3), Quantity::kPaid);
  feed(key(113, Period::kYear, Scope::kStay), Quantity::kVisitDays);
  feed(key(114, Period::kYear), Quantity::kEndBucket, kCopay);
  close();
}

}  // namespace ybcore::bench
