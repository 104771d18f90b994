// Groups settled with hand-built plans: amounts worked out by hand, refusals, and the same bytes for any number of threads.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "check.hpp"
#include "ybcore/settle.hpp"

using namespace ybcore;

namespace {

template <class Row>
Row blank() {
  Row row;
  std::memset(&row, 0xff, sizeof row);  // every field -1: none
  return row;
}

// A yearly deductible of 1300, 85 % above it, a yearly fund ceiling of 2000, all in yuan.
struct Scheme {
  std::vector<PlanRow> plans{blank<PlanRow>()};
  std::vector<LayerRow> layers{blank<LayerRow>()};
  std::vector<KeyRow> keys{{0, static_cast<std::int64_t>(Period::kYear), 0, -1}, {1, static_cast<std::int64_t>(Period::kYear), 0, -1}};
  std::vector<FeedRow> feeds{{0, 0, static_cast<std::int64_t>(Quantity::kDeductible), -1, 1},
                             {1, 0, static_cast<std::int64_t>(Quantity::kPaid), -1, 1}};
  std::vector<BandRow> bands{{-1, 850'000, -1}};
  std::vector<CeilingRow> ceilings{{static_cast<std::int64_t>(On::kFund), 1, 1, 0}};
  std::vector<BaseRow> bases{{kInScope, 1'000'000, -1}};
  std::vector<StandardRow> standards{blank<StandardRow>()};
  std::vector<AmountRow> amounts{blank<AmountRow>(), blank<AmountRow>()};

  Scheme() {
    amounts[0].kind = amounts[1].kind = 0;
    amounts[0].value = 130'000;
    amounts[1].value = 200'000;
    StandardRow& s = standards[0];
    s.amount = s.edit_begin = s.edit_end = s.rule = s.value_begin = s.value_end = s.mode = s.waived = s.key = s.link_id = s.link_days =
        s.after_rate = s.in_catalogue = 0;
    s.unit = 1;
    s.repeat = static_cast<std::int64_t>(Repeat::kCumulative);
    LayerRow& l = layers[0];
    l.name = l.kind = l.payer = l.base_begin = l.computed = l.pro_rata = l.settle = l.by_total = l.band_begin = l.part_rates = l.standard =
        l.ceil_begin = 0;
    l.basic = l.moves = l.including = l.total_base = l.base_end = l.band_end = l.ceil_end = 1;
    PlanRow& p = plans[0];
    p.scheme = p.layer_begin = p.key_begin = p.feed_begin = p.layer_mode = p.band_unit = p.band_mode = p.class_mode = p.end_mode = 0;
    p.account = p.bucket_begin = p.bucket_end = p.mutual_aid = p.tags = p.deductible_each = p.fields = p.document = 0;
    p.benefit = p.layer_end = p.scale = p.layer_unit = p.class_unit = p.end_unit = p.year_month = p.year_day = p.one_per_stay = 1;
    p.key_end = p.feed_end = 2;
  }
  [[nodiscard]] Program program() const { return {plans, layers, keys, feeds, bands, ceilings, bases, standards, {}, amounts, {}, {}}; }
};

struct Batch {
  std::vector<std::int64_t> visit, init, natures, event_begin{0}, time;
  std::vector<std::int32_t> plan, person, stay, day, one, group;
  std::vector<std::uint8_t> reason, reversal;
  std::int32_t groups = 0;

  void add(std::int32_t who, std::int64_t in_scope, std::int64_t original = -1) {
    const auto row = static_cast<std::int64_t>(visit.size());
    visit.push_back(row);
    init.push_back(original);
    natures.insert(natures.end(), {0, 0, 0, in_scope, 0});
    event_begin.push_back(row + 1);
    time.push_back(row);
    plan.push_back(original >= 0 ? -1 : 0);
    person.push_back(who);
    stay.push_back(static_cast<std::int32_t>(row));
    day.push_back(19'800);
    one.push_back(1);
    reason.push_back(0);
    reversal.push_back(original >= 0);
    group.push_back(groups);
  }
  void close() { ++groups; }
  [[nodiscard]] Events events() const {
    Events e{};
    e.visit = visit;
    e.plan = plan;
    e.reason = reason;
    e.person = person;
    e.stay = stay;
    e.order_date = e.begndate = e.enddate = e.period_date = day;
    e.days = one;
    e.init = init;
    e.is_reversal = reversal;
    e.natures = natures;
    e.event_begin = event_begin;
    e.group = group;
    e.first = time;
    e.groups = groups;
    return e;
  }
};

struct Answer {
  std::vector<std::int64_t> columns;
  std::vector<std::uint8_t> outcome, reason;
  std::size_t counters = 0;
  std::size_t visits = 0;
  [[nodiscard]] std::int64_t at(Column column, std::size_t row) const { return columns[column * visits + row]; }
};

// What a run has to remember beside the results.
enum class Keep { kClosing, kNothing, kDetail };

Answer settled(const Scheme& scheme, const Batch& batch, std::size_t persons, int threads, Keep keep = Keep::kClosing) {
  Answer a;
  a.visits = batch.visit.size();
  a.columns.assign(kColumns * a.visits, -7);
  a.outcome.assign(a.visits, static_cast<std::uint8_t>(Outcome::kPending));
  a.reason.assign(a.visits, 0);
  std::vector<std::int32_t> plan(a.visits, -1), through(persons, 0);
  std::vector<std::uint8_t> reversed(a.visits, 0), detail_count(keep == Keep::kDetail ? a.visits : 0, 0);
  std::vector<std::int64_t> balance(persons, 0), cursor(persons, 0), begin(persons + 1, 0);
  std::vector<DetailRow> detail(detail_count.size() * kMaxLayers);
  AccountEvents accounts{};
  accounts.begin = begin;
  Outputs out{};
  out.balance = balance;
  out.account_cursor = cursor;
  out.account_through = through;
  out.detail = detail;
  out.detail_count = detail_count;
  const Program program = scheme.program();
  const Events events = batch.events();
  CHECK(invalid(program) == nullptr);
  CHECK(invalid(program, events, persons) == nullptr);
  Settled run = settle(program, events, accounts, {}, out, keep == Keep::kClosing, threads);
  CHECK(run.status.code == Code::kOk);
  std::array<std::int64_t*, kColumns> to{};
  for (std::size_t c = 0; c < kColumns; ++c) {
    to[c] = a.columns.data() + c * a.visits;
    // A column that nobody wrote need not be there.
    if (((run.live() >> c) & 1) != 0) continue;
    std::fill_n(to[c], a.visits, 0);
    to[c] = nullptr;
  }
  run.write(to, a.outcome, a.reason, plan, reversed, threads);
  for (const State& s : run.closing) a.counters += s.counters.key.size();
  return a;
}

void by_hand() {
  const Scheme scheme;
  Batch batch;
  batch.add(0, 100'000);          // all of it deductible
  batch.add(0, 130'000);          // 300.00 left of the deductible, 85 % of 1000.00
  batch.add(0, 300'000);          // 2550.00, of which 1150.00 fit under the ceiling
  batch.add(0, 0, 1);             // the second is taken back
  batch.add(0, 100'000);          // so 300.00 are due again: 700.00 x 85 % = 595.00
  batch.add(0, 0, 1);             // already reversed
  batch.add(0, 200'000'000'000);  // more than a bill may be
  batch.close();
  const Answer a = settled(scheme, batch, 1, 1);
  CHECK_EQ(a.at(c_hifp_pay, 0), 0);
  CHECK_EQ(a.at(c_burden_deductible, 0), 100'000);
  CHECK_EQ(a.at(c_hifp_pay, 1), 85'000);
  CHECK_EQ(a.at(c_burden_copay, 1), 15'000);
  CHECK_EQ(a.at(c_hifp_pay, 2), 115'000);
  CHECK_EQ(a.at(c_cut_fund, 2), 140'000);
  CHECK_EQ(a.at(c_burden_over_ceiling, 2), 140'000);
  CHECK_EQ(a.at(c_hifp_pay, 3), -85'000);
  CHECK_EQ(a.at(c_act_pay_dedc, 4), 30'000);
  CHECK_EQ(a.at(c_hifp_pay, 4), 59'500);
  CHECK(a.reason[5] == static_cast<std::uint8_t>(Reason::kAlreadyReversed));
  CHECK(a.reason[6] == static_cast<std::uint8_t>(Reason::kOverflow));
  CHECK_EQ(a.at(c_hifp_pay, 6), 0);
  CHECK_EQ(a.counters, std::size_t{2});
}

void unsound_tables_are_named() {
  Scheme scheme;
  scheme.bases[0].bucket = 99;
  CHECK(invalid(scheme.program()) != nullptr);
  scheme = Scheme();
  scheme.layers[0].base_end = 5;
  CHECK(invalid(scheme.program()) != nullptr);
  Batch batch;
  batch.add(0, 1);
  batch.close();
  batch.person[0] = 3;
  CHECK(invalid(Scheme().program(), batch.events(), 1) != nullptr);
}

void same_bytes_for_any_threads() {
  const Scheme scheme;
  Batch batch;
  constexpr std::int32_t persons = 500;
  std::uint64_t seed = 7;
  for (std::int32_t person = 0; person < persons; ++person) {
    for (int k = 0; k < 6; ++k) {
      seed = seed * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
      const auto last = static_cast<std::int64_t>(batch.visit.size()) - 1;
      if (k == 4) {
        batch.add(person, 0, last);
      } else {
        batch.add(person, static_cast<std::int64_t>((seed >> 40) % 500'000));
      }
    }
    batch.close();
  }
  const Answer one = settled(scheme, batch, persons, 1);
  for (const int threads : {2, 7}) {
    const Answer many = settled(scheme, batch, persons, threads);
    CHECK(many.columns == one.columns);
    CHECK(many.outcome == one.outcome);
    CHECK(many.reason == one.reason);
    CHECK_EQ(many.counters, one.counters);
  }
}

void straight_and_long_way_agree() {
  Scheme scheme;
  Batch batch;
  std::uint64_t seed = 11;
  for (std::int32_t person = 0; person < 300; ++person) {
    for (int k = 0; k < 9; ++k) {
      seed = seed * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
      batch.add(person, static_cast<std::int64_t>((seed >> 40) % 500'000));
    }
    batch.close();
  }
  for (const std::int64_t band_unit : {0, 1}) {
    scheme.plans[0].band_unit = band_unit;
    const Answer way = settled(scheme, batch, 300, 1, Keep::kDetail);
    for (const Keep keep : {Keep::kClosing, Keep::kNothing}) {
      const Answer other = settled(scheme, batch, 300, 2, keep);
      CHECK(other.columns == way.columns);
      CHECK(other.outcome == way.outcome);
    }
  }
}

void wide_numbers_and_gaps_come_back() {
  const Scheme scheme;
  Batch batch;
  for (int k = 0; k < 200; ++k) batch.add(0, k == 77 ? 90'000'000'000 : 50);
  batch.close();
  batch.group[5] = -1;
  const Answer a = settled(scheme, batch, 1, 1, Keep::kNothing);
  CHECK_EQ(a.at(c_medfee_sumamt, 77), 90'000'000'000);
  CHECK_EQ(a.at(c_medfee_sumamt, 78), 50);
  CHECK_EQ(a.at(c_medfee_sumamt, 5), 0);
  CHECK(a.outcome[5] == static_cast<std::uint8_t>(Outcome::kPending));
  CHECK(a.outcome[6] == static_cast<std::uint8_t>(Outcome::kSettled));
}

}  // namespace

int main() {
  straight_and_long_way_agree();
  wide_numbers_and_gaps_come_back();
  by_hand();
  unsound_tables_are_named();
  same_bytes_for_any_threads();
  return check::result();
}
