// Groups settled with hand-built plans: amounts worked out by hand, refusals, and the same bytes for any number of threads.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "check.hpp"
#include "small_scheme.hpp"
#include "ybcore/settle.hpp"

using namespace ybcore;
using small::Batch;
using small::Scheme;

namespace {

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
