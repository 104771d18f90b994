// Many policies in one pass: sums of each are those of a run of its own, for any number of threads.
#include <algorithm>
#include <array>
#include <vector>

#include "check.hpp"
#include "small_scheme.hpp"
#include "ybcore/panel.hpp"

using namespace ybcore;
using small::Batch;
using small::Scheme;

namespace {

constexpr std::size_t kPersons = 400, kCells = 5;
constexpr std::array<std::uint8_t, 3> kByCell{c_hifp_pay, c_psn_cash_pay, c_act_pay_dedc};
constexpr std::array<std::uint8_t, 2> kByPerson{c_psn_cash_pay, c_medfee_sumamt};
constexpr auto kNoPolicy = static_cast<std::uint8_t>(Reason::kNoPolicy);

// Three plans, of which the second has a deductible of 500 and the third pays from an account first.
Scheme three() {
  Scheme scheme;
  scheme.plans.push_back(scheme.plans[0]);
  scheme.plans.push_back(scheme.plans[0]);
  scheme.layers.push_back(scheme.layers[0]);
  scheme.standards.push_back(scheme.standards[0]);
  scheme.amounts.push_back(scheme.amounts[0]);
  scheme.amounts[2].value = 50'000;
  scheme.standards[1].amount = 2;
  scheme.layers[1].standard = 1;
  scheme.plans[1].layer_begin = 1;
  scheme.plans[1].layer_end = 2;
  scheme.plans[2].account = 1;
  scheme.values = {kDeductible, kCopay};
  scheme.plans[2].bucket_end = 2;
  return scheme;
}

// Visits of two combinations, some taken back, some refused under every policy, one of nobody.
Batch town() {
  Batch batch;
  std::uint64_t seed = 5;
  for (std::int32_t person = 0; person < static_cast<std::int32_t>(kPersons); ++person) {
    for (int k = 0; k < 7; ++k) {
      seed = seed * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
      const auto last = static_cast<std::int64_t>(batch.visit.size()) - 1;
      if (k == 4 && person % 3 == 0) {
        batch.add(person, 0, last);
      } else {
        batch.add(person, person == 17 ? 90'000'000'000 : static_cast<std::int64_t>((seed >> 40) % 400'000));
      }
      batch.plan.back() = batch.reversal.back() != 0 ? 0 : static_cast<std::int32_t>((seed >> 20) % 2);
      if (person % 11 == 0 && k == 2) {
        batch.plan.back() = -1;
        batch.reason.back() = static_cast<std::uint8_t>(Reason::kNotEnrolled);
      }
    }
    batch.close();
  }
  batch.group[9] = -1;
  return batch;
}

struct Added {
  std::vector<std::int64_t> by_cell, by_person;
  friend bool operator==(const Added&, const Added&) = default;
};

struct Setting {
  Scheme scheme = three();
  Batch batch = town();
  std::vector<std::int64_t> balance = std::vector<std::int64_t>(kPersons, 30'000), begin = std::vector<std::int64_t>(kPersons + 1, 0);
  std::vector<std::int32_t> cell, pair;
  AccountEvents accounts{};
  Setting() {
    accounts.begin = begin;
    for (std::size_t v = 0; v < batch.visit.size(); ++v) {
      cell.push_back(v % 13 == 0 ? -1 : static_cast<std::int32_t>(v % kCells));
      pair.push_back(batch.person[v] * static_cast<std::int32_t>(kCells) + static_cast<std::int32_t>(v % kCells));
    }
  }
};

constexpr std::size_t kEvery = 7;  // the events whose natures some policies have otherwise

// What a run of its own gives: events have the plans of the policy, and `less` of some is full self-pay.
Added alone(const Setting& at, const std::array<std::int32_t, 2>& plan, const std::array<std::uint8_t, 2>& reason, std::int64_t less) {
  Batch batch = at.batch;
  const std::size_t visits = batch.visit.size();
  for (std::size_t v = 0; v < visits; v += kEvery) {
    batch.natures[v * 5] += less;
    batch.natures[v * 5 + 3] -= less;
  }
  for (std::size_t v = 0; v < visits; ++v) {
    if (batch.plan[v] < 0 || batch.reversal[v] != 0) continue;
    const auto combination = static_cast<std::size_t>(batch.plan[v]);
    batch.plan[v] = plan[combination];
    batch.reason[v] = reason[combination];
  }
  std::vector<std::int64_t> balance = at.balance, cursor(kPersons, 0), columns(kColumns * visits, 0);
  std::vector<std::int32_t> through(kPersons, 0), plans(visits, -1);
  std::vector<std::uint8_t> outcome(visits, static_cast<std::uint8_t>(Outcome::kPending)), why(visits, 0), back(visits, 0);
  Outputs out{};
  out.balance = balance;
  out.account_cursor = cursor;
  out.account_through = through;
  const Program program = at.scheme.program();
  const Events events = batch.events();
  Settled run = settle(program, events, at.accounts, {}, out, false, 1);
  CHECK(run.status.code == Code::kOk);
  std::array<std::int64_t*, kColumns> to{};
  for (std::size_t c = 0; c < kColumns; ++c) to[c] = columns.data() + c * visits;
  run.write(to, outcome, why, plans, back, 1);
  Added sums{std::vector<std::int64_t>(kCells * 5, 0), std::vector<std::int64_t>(2 * kPersons, 0)};
  std::vector<bool> seen(kPersons * kCells, false);
  for (std::size_t v = 0; v < visits; ++v) {
    if (outcome[v] > 1) continue;
    const auto person = static_cast<std::size_t>(batch.person[v]);
    for (std::size_t k = 0; k < 2; ++k) sums.by_person[k * kPersons + person] += columns[kByPerson[k] * visits + v];
    if (at.cell[v] < 0) continue;
    const auto cell = static_cast<std::size_t>(at.cell[v]);
    ++sums.by_cell[cell * 5];
    if (!seen[person * kCells + cell]) ++sums.by_cell[cell * 5 + 1];
    seen[person * kCells + cell] = true;
    for (std::size_t k = 0; k < 3; ++k) sums.by_cell[cell * 5 + 2 + k] += columns[kByCell[k] * visits + v];
  }
  return sums;
}

void each_gives_what_a_run_of_its_own_gives() {
  const Setting at;
  const std::array<std::array<std::int32_t, 2>, 7> plan{{{0, 1}, {1, 0}, {2, 0}, {-1, 1}, {2, 2}, {0, 1}, {2, 0}}};
  const std::array<std::array<std::uint8_t, 2>, 7> reason{{{0, 0}, {0, 0}, {0, 0}, {kNoPolicy, 0}, {0, 0}, {0, 0}, {0, 0}}};
  const std::array<std::int64_t, 7> less{0, 0, 100, 0, 100, 300, 0};
  std::vector<std::int32_t> plans;
  std::vector<std::uint8_t> reasons;
  for (std::size_t p = 0; p < plan.size(); ++p) {
    plans.insert(plans.end(), plan[p].begin(), plan[p].end());
    reasons.insert(reasons.end(), reason[p].begin(), reason[p].end());
  }
  const std::size_t visits = at.batch.visit.size(), slots = (visits + kEvery - 1) / kEvery;
  std::vector<std::int32_t> slot(visits, -1), rows(plan.size() * slots, -1);
  std::vector<std::int64_t> natures;
  for (std::size_t s = 0; s < slots; ++s) {
    slot[s * kEvery] = static_cast<std::int32_t>(s);
    for (std::size_t p = 0; p < plan.size(); ++p) {
      if (less[p] == 0) continue;
      rows[p * slots + s] = static_cast<std::int32_t>(natures.size() / 5);
      const std::int64_t* own = at.batch.natures.data() + s * kEvery * 5;
      natures.insert(natures.end(), {own[0] + less[p], own[1], own[2], own[3] - less[p], own[4]});
    }
  }
  const Policies policies{plan.size(), 2, plans, reasons, slot, rows, natures};
  const Cells cells{at.cell, at.pair, kCells, kPersons * kCells};
  const Wanted wanted{{&cells, 1}, kByCell, kByPerson};
  CHECK(invalid(at.scheme.program()) == nullptr);
  CHECK(invalid(at.scheme.program(), at.batch.events(), policies, wanted, kPersons) == nullptr);
  for (const int threads : {1, 2, 7}) {
    std::vector<std::int64_t> by_cell(plan.size() * kCells * 5, 0), by_person(plan.size() * 2 * kPersons, 0);
    Sums sums;
    sums.by_cell.emplace_back(by_cell);
    sums.by_person = by_person;
    CHECK(settle_each(at.scheme.program(), at.batch.events(), policies, at.accounts, at.balance, wanted, sums, threads).code == Code::kOk);
    for (std::size_t p = 0; p < plan.size(); ++p) {
      const Added own = alone(at, plan[p], reason[p], less[p]);
      const auto a = by_cell.begin() + static_cast<std::ptrdiff_t>(p * kCells * 5);
      const auto b = by_person.begin() + static_cast<std::ptrdiff_t>(p * 2 * kPersons);
      CHECK(std::equal(own.by_cell.begin(), own.by_cell.end(), a));
      CHECK(std::equal(own.by_person.begin(), own.by_person.end(), b));
      CHECK(p == 0 || !(own == alone(at, plan[0], reason[0], less[0])));
    }
  }
}

void what_points_outside_is_named() {
  const Setting at;
  const Events events = at.batch.events();
  std::vector<std::int32_t> plans{0, 1};
  std::vector<std::uint8_t> reasons{0, 0};
  Cells cells{at.cell, at.pair, kCells, kPersons * kCells};
  const Wanted wanted{{&cells, 1}, kByCell, kByPerson};
  const Program program = at.scheme.program();
  const auto wrong = [&](std::size_t combinations) {
    return invalid(program, events, {1, combinations, plans, reasons}, wanted, kPersons);
  };
  CHECK(wrong(2) == nullptr);
  CHECK(wrong(1) != nullptr);
  plans[1] = 3;
  CHECK(wrong(2) != nullptr);
  plans[1] = -1;  // and no reason why
  CHECK(wrong(2) != nullptr);
  plans[1] = 1;
  cells.pairs = 10;
  CHECK(wrong(2) != nullptr);
  cells.pairs = kPersons * kCells;
  cells.count = 4;
  CHECK(wrong(2) != nullptr);
  cells.count = kCells;
  CHECK(wrong(2) == nullptr);
  std::vector<std::int32_t> slot(at.batch.visit.size(), -1), rows{0};
  std::vector<std::int64_t> natures(5, 0);
  const auto untold = [&] { return invalid(program, events, {1, 2, plans, reasons, slot, rows, natures}, wanted, kPersons); };
  slot[3] = 0;
  CHECK(untold() == nullptr);
  slot[3] = 1;
  CHECK(untold() != nullptr);
  slot[3] = 0;
  rows[0] = 1;
  CHECK(untold() != nullptr);
  rows[0] = 0;
  natures.pop_back();
  CHECK(untold() != nullptr);
}

}  // namespace

int main() {
  each_gives_what_a_run_of_its_own_gives();
  what_points_outside_is_named();
  return check::result();
}
