// Clearing by hand at its edges, and random cases on one thread and on three.
#include <vector>

#include "check.hpp"
#include "draw.hpp"
#include "ybcore/benefit.hpp"
#include "ybcore/clearing.hpp"

using namespace ybcore;
namespace c = ybcore::clearing;

namespace {

constexpr std::int64_t kYuan = 100;

// Everything that a run borrows and writes.
struct World {
  std::vector<c::Cell> cells;
  std::vector<std::int64_t> points{1'000'000}, weight{c::kNothing}, mean{10'000 * kYuan}, amount{5'000 * kYuan};
  std::vector<std::uint8_t> bed_day{0};
  std::vector<std::int32_t> cell, group, month, days;
  std::vector<std::int64_t> medfee, fund, patient, ids;
  std::vector<std::int64_t> budget, reserve, ratio, adds, share, grid;
  std::vector<std::int32_t> balance;
  std::vector<c::Unit> units;
  std::vector<c::Step> steps;
  std::vector<std::int64_t> months{1};
  std::vector<std::int32_t> month_pool{-1};
  std::size_t balances = 0;

  std::vector<std::uint8_t> kind, way, cut;
  std::vector<std::int64_t> multiple, case_points, standard, payment, edge;
  std::vector<std::int64_t> pooled[8], sums, advance, years, kept;

  void add(std::int64_t id, std::int64_t cost) {
    cell.push_back(0);
    group.push_back(0);
    month.push_back(0);
    days.push_back(1);
    medfee.push_back(cost);
    fund.push_back(cost);
    patient.push_back(0);
    ids.push_back(id);
  }

  c::Job job() {
    c::Job job{};
    job.cells = cells;
    job.groups = {points, weight, mean, amount, bed_day};
    job.cases.cell = cell;
    job.cases.group = group;
    job.cases.month = month;
    job.cases.days = days;
    job.cases.medfee = medfee;
    job.cases.fund = fund;
    job.cases.patient = patient;
    job.cases.ids.numbers = ids;
    job.pools = {budget, reserve, ratio, adds, share, grid, balance};
    job.years = {units, steps, months, month_pool};
    return job;
  }

  c::Status run(int threads) {
    const std::size_t rows = cell.size();
    for (auto* column : {&kind, &way, &cut}) column->assign(rows, 7);
    for (auto* column : {&multiple, &case_points, &standard, &payment, &edge}) column->assign(rows, 7);
    for (auto& column : pooled) column.assign(budget.size(), 7);
    sums.assign(months.size() * c::kSums, 7);
    advance.assign(months.size(), 7);
    years.assign(units.size() * c::kYear, 7);
    kept.assign(balances * 5, 7);
    const c::Job whole = job();
    CHECK(c::invalid(whole) == nullptr);
    return c::clear(whole, {kind, way, cut, case_points, standard, payment, multiple, edge},
                    {pooled[0], pooled[1], pooled[2], pooled[3], pooled[4], pooled[5], pooled[6], pooled[7]}, {sums, advance, years, kept},
                    threads);
  }
};

c::Cell plain(c::Pays pays, c::From from) {
  const c::Payment nothing{c::Rule::kStandard, 0, c::kNothing, 0, 1, 0};
  const c::Edge none{c::kNothing, 0, nothing};
  c::Cell cell{};
  cell.pays = pays;
  cell.from = from;
  cell.over = cell.grid = 1;
  cell.coefficient = 1'000'000;
  cell.low = cell.high = cell.extreme = none;
  cell.incomplete = cell.ungrouped = nothing;
  cell.readmission = c::kNothing;
  return cell;
}

c::Unit unit(std::int64_t balance) {
  c::Unit one{};
  one.target = one.most = one.admissions_at_most = one.outpatients = c::kNothing;
  one.counts = 6;
  one.advance_rate = 1'000'000;
  one.balance = balance;
  one.month_end = 1;
  return one;
}

World pool_of(std::size_t cases, std::int64_t budget, std::int64_t shared) {
  World world;
  world.cells = {plain(c::Pays::kPoints, c::From::kGroupPoints)};
  world.budget = {budget};
  world.reserve = {0};
  world.ratio = {1'000'000};
  world.adds = {0};
  world.share = {shared};
  world.grid = {100};
  world.balance = {0};
  world.balances = 1;
  world.month_pool = {0};
  world.units = {unit(0)};
  for (std::size_t i = 0; i < cases; ++i) world.add(static_cast<std::int64_t>(cases - i), 100 * kYuan);
  return world;
}

void a_fen_goes_to_the_lowest_id() {
  World world = pool_of(3, 100 * kYuan, 1);
  CHECK(world.run(1).code == c::Code::kOk);
  CHECK(world.standard == (std::vector<std::int64_t>{3333, 3333, 3334}));  // ids 3, 2, 1
  CHECK_EQ(world.kept[4], 0);
  CHECK_EQ(world.pooled[6][0], 333'300);  // 0.3333 yuan a point
  World told = pool_of(3, 100 * kYuan, 0);
  CHECK(told.run(2).code == c::Code::kOk);
  CHECK(told.standard == (std::vector<std::int64_t>{3333, 3333, 3333}));
  CHECK_EQ(told.kept[4], 1);
}

void a_pool_is_never_overdrawn() {
  World world = pool_of(1, 50 * kYuan, 1);
  world.cells[0].high = {1, 0, {c::Rule::kItem, 0, c::kNothing, 0, 1, 0}};
  world.cells[0].against = c::Against::kMean;
  CHECK(world.run(1).code == c::Code::kOverdrawn);
  world.budget = {100 * kYuan};
  CHECK(world.run(1).code == c::Code::kOk);
  CHECK_EQ(world.payment[0], 100 * kYuan);
}

void multiples_at_their_edges() {
  World world;
  world.cells = {plain(c::Pays::kMoney, c::From::kGroupAmount)};
  c::Cell& cell = world.cells[0];
  cell.against = c::Against::kMean;
  cell.low = {500'000, 0, {c::Rule::kActual, 0, c::kNothing, 0, 1, 0}};
  cell.high = {2'000'000, 1, {c::Rule::kActual, 1'000'000, c::kNothing, 0, 1, 0}};
  world.units = {unit(-1)};
  for (const std::int64_t cost : {499'999, 500'000, 1'999'999, 2'000'000}) world.add(cost, cost);
  CHECK(world.run(1).code == c::Code::kOk);
  CHECK(world.kind == (std::vector<std::uint8_t>{2, 1, 1, 3}));
  CHECK(world.standard == (std::vector<std::int64_t>{250'000, 500'000, 500'000, 500'000}));
  world.mean = {c::kNothing};
  CHECK(world.run(1).code == c::Code::kNoFigure);
  CHECK(world.run(1).row == 0);
}

void products_that_do_not_fit_are_told() {
  World world;
  world.cells = {plain(c::Pays::kMoney, c::From::kAmount)};
  world.cells[0].amount = INT64_MAX / 2;
  world.cells[0].coefficient = INT64_MAX / 2;
  world.units = {unit(-1)};
  world.add(1, 5);
  world.days[0] = INT32_MAX;
  world.cells[0].by_day = 1;
  CHECK(world.run(1).code == c::Code::kOverflow);
  for (int code = 0; code < 5; ++code) CHECK(*c::sentence(static_cast<c::Code>(code)) != 0);
}

void threads_agree() {
  draw::Numbers numbers(5);
  for (int round = 0; round < check::rounds(8); ++round) {
    World world = pool_of(0, 987'654'321, round % 2);
    world.cells[0].against = c::Against::kMean;
    world.cells[0].high = {1'500'000, 0, {c::Rule::kActual, 500'000, c::kNothing, 0, 1, 0}};
    const int rows = check::rounds(90'000);
    for (int i = 0; i < rows; ++i)
      world.add(numbers.between<std::int64_t>(0, 1) * 1'000'000 + i, numbers.between<std::int64_t>(1, 3'000'000));
    CHECK(world.run(1).code == c::Code::kOk);
    const World one = world;
    CHECK(world.run(3).code == c::Code::kOk);
    CHECK(world.standard == one.standard && world.payment == one.payment && world.sums == one.sums && world.kept == one.kept);
    if (round % 2 != 0) CHECK_EQ(world.kept[4], 0);
  }
}

void benefits() {
  const std::vector<BenefitRule> rules{{0, -1, 0, 0, 980'000, 0, 1, 240'000, 100, 0, 1, 0}, {0, -1, 1, 1, 0, 0, 0, 0, 1, 2, 0, 0}};
  const std::vector<BirthStep> steps{{1, 150'000}};
  const std::vector<std::int32_t> rule{0, 1, -1, 0};
  const std::vector<std::int64_t> base{1'000'000, 289'200, 5, 1'000'000}, count{0, 45'000, 0, 0}, births{1, 1, 1, 2};
  std::vector<std::int64_t> counted(4), allowance(4), lump(4), pay(4);
  CHECK(pay_benefits(rules, steps, {rule, base, count, births}, {counted, allowance, lump, pay}));
  CHECK(pay == (std::vector<std::int64_t>{3'506'700, 1'301'400, 0, 4'006'700}));
  CHECK(!pay_benefits(rules, steps, {rule, std::vector<std::int64_t>(4, INT64_MAX), std::vector<std::int64_t>(4, INT64_MAX), births},
                      {counted, allowance, lump, pay}));
}

}  // namespace

int main() {
  a_fen_goes_to_the_lowest_id();
  a_pool_is_never_overdrawn();
  multiples_at_their_edges();
  products_that_do_not_fit_are_told();
  threads_agree();
  benefits();
  return check::result();
}
