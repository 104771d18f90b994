// One visit at a time over a value comes to what a batch comes to, visit by visit; and a value is a value.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <new>
#include <string>
#include <tuple>
#include <vector>

#include "check.hpp"
#include "one.hpp"
#include "random_events.hpp"
#include "small_scheme.hpp"

namespace {
bool counting = false;
int allocations = 0;
}  // namespace

[[gnu::noinline]] void* operator new(std::size_t bytes) {
  allocations += counting ? 1 : 0;
  if (void* at = std::malloc(bytes)) return at;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* at) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, std::size_t) noexcept { std::free(at); }

using namespace ybcore;
using small::Batch;
using small::Scheme;

namespace {

constexpr std::size_t kPersons = 5;

struct Bulk {
  std::vector<std::int64_t> columns;
  std::vector<std::uint8_t> outcome, reason;
  std::vector<std::int64_t> balance;
  std::vector<State> closing;
};

Bulk in_bulk(const Scheme& scheme, const Batch& batch, std::int64_t opening) {
  const std::size_t visits = batch.visit.size();
  Bulk b{std::vector<std::int64_t>(kColumns * visits, 0),
         std::vector<std::uint8_t>(visits, 255),
         std::vector<std::uint8_t>(visits, 0),
         std::vector<std::int64_t>(kPersons, opening),
         {}};
  std::vector<std::int32_t> plan(visits, -1), through(kPersons, INT32_MIN);
  std::vector<std::uint8_t> reversed(visits, 0);
  std::vector<std::int64_t> cursor(kPersons, 0), begin(kPersons + 1, 0);
  AccountEvents accounts{};
  accounts.begin = begin;
  Outputs out{};
  out.balance = b.balance;
  out.account_cursor = cursor;
  out.account_through = through;
  const Program program = scheme.program();
  const Events events = batch.events();
  CHECK(invalid(program, events, kPersons) == nullptr);
  Settled run = settle(program, events, accounts, {}, out, true, 1);
  CHECK(run.status.code == Code::kOk);
  std::array<std::int64_t*, kColumns> to{};
  for (std::size_t c = 0; c < kColumns; ++c) to[c] = b.columns.data() + c * visits;
  run.write(to, b.outcome, b.reason, plan, reversed, 1);
  b.closing = std::move(run.closing);
  return b;
}

// The visits of everybody mixed, as they would come to a window.
Batch drawn(draw::Random& random, int visits) {
  Batch batch;
  for (int i = 0; i < visits; ++i) {
    const auto who = static_cast<std::int32_t>(random.in(0, kPersons - 1));
    const bool back = i > 0 && random.in(0, 6) == 0;
    if (back) {
      batch.add(who, 0, random.in(0, i - 1));
    } else {
      const std::int64_t size = random.in(0, 40);
      batch.add(who, size == 0 ? -5 : size == 1 ? 200'000'000'000 : random.in(0, 1'500'000));
    }
    batch.group.back() = who;
    batch.day.back() = 19'700 + i;
  }
  batch.groups = kPersons;
  return batch;
}

std::string id(std::int64_t row) { return "S" + std::to_string(row); }

struct Alone {
  const Prepared& prepared;
  One desk{prepared, 0, 0};
  OneAnswer answer{};

  void visit(Memory& memory, const Batch& batch, std::size_t row, std::int64_t opening) {
    const std::int32_t member = memory.member_of("P" + std::to_string(batch.person[row]));
    if (memory.has_account[static_cast<std::size_t>(member)] == 0) {
      memory.has_account[static_cast<std::size_t>(member)] = 1;
      memory.balance[static_cast<std::size_t>(member)] = opening;
    }
    const std::int32_t setl = memory.names.number(id(static_cast<std::int64_t>(row)));
    Record& e = desk.event;
    e.plan = batch.plan[row];
    e.person = member;
    e.household = e.donor = e.hospital = e.disease = e.linked_stay = -1;
    e.stay = setl;
    e.order_date = e.begndate = e.enddate = e.period_date = batch.day[row];
    e.days = 1;
    e.packed = 1 | 2U << 24;
    std::copy_n(batch.natures.begin() + static_cast<std::ptrdiff_t>(row) * 5, 5, desk.natures().begin());
    if (batch.reversal[row] != 0) {
      desk.reverse(memory, {}, setl, memory.names.find(id(batch.init[row])), answer);
    } else {
      desk.settle(memory, {}, {setl, 0, 0, 0, prepared.plan(0).row->account != 0}, answer);
    }
    CHECK(!answer.lost);
  }
};

using Counters = std::map<std::tuple<int, int, int>, std::int64_t>;

Counters counters_of(const Memory& memory, int person) {
  Counters out;
  for (const Slot& slot : memory.ledger.slots())
    if (slot.value != 0) out[{slot.key.counter, person, slot.key.period}] = slot.value * memory.ledger.grid();
  return out;
}

void as_a_batch(const Scheme& scheme, std::uint64_t seed, std::int64_t opening) {
  draw::Random random{seed};
  const Batch batch = drawn(random, 120);
  const Bulk want = in_bulk(scheme, batch, opening);
  const Program program = scheme.program();
  const Prepared prepared(program);
  std::vector<Memory> memories(kPersons, Memory(prepared.whole_fen()));
  Alone alone{prepared};
  const std::size_t visits = batch.visit.size();
  std::size_t settled = 0;
  for (std::size_t row = 0; row < visits; ++row) {
    Memory& memory = memories[static_cast<std::size_t>(batch.person[row])];
    alone.visit(memory, batch, row, opening);
    auto reason = static_cast<Reason>(want.reason[row]);
    // The value of one person knows no settlement of another.
    if (reason == Reason::kOtherPerson) reason = Reason::kUnknownOriginal;
    CHECK_EQ(static_cast<int>(alone.answer.reason), static_cast<int>(reason));
    CHECK_EQ(static_cast<int>(alone.answer.outcome), static_cast<int>(want.outcome[row]));
    for (std::size_t c = 0; c < kColumns; ++c) CHECK_EQ(alone.answer.columns[c], want.columns[c * visits + row]);
    settled += alone.answer.outcome == Outcome::kSettled ? 1 : 0;
  }
  CHECK(settled > 60);
  Counters bulk, mine;
  for (const State& state : want.closing)
    for (std::size_t i = 0; i < state.counters.key.size(); ++i) {
      const SlotKey& key = state.counters.key[i];
      bulk[{key.counter, key.owner, key.period}] = state.counters.value[i];
    }
  for (std::size_t p = 0; p < kPersons; ++p) {
    mine.merge(counters_of(memories[p], static_cast<int>(p)));
    if (!memories[p].balance.empty()) CHECK_EQ(memories[p].balance[0], want.balance[p]);
  }
  CHECK(bulk == mine);
}

Scheme with_account() {
  Scheme scheme;
  scheme.values = {kFullSelfPay, kOverLimit, kFirstPay, kInScope, kDirect, kDeductible, kCopay, kOverCeiling};
  scheme.plans[0].account = 1;
  scheme.plans[0].bucket_begin = 0;
  scheme.plans[0].bucket_end = 8;
  return scheme;
}

// Settled in millionths of a fen: the general way instead of the plain one.
Scheme in_grid() {
  Scheme scheme;
  PlanRow& p = scheme.plans[0];
  p.scale = kGrid;
  p.layer_unit = p.class_unit = 1;
  p.end_unit = kGrid;
  scheme.standards[0].unit = kGrid;
  return scheme;
}

// The deductible of the highest standard so far is found again among what stands.
Scheme looks_back() {
  Scheme scheme;
  scheme.standards[0].repeat = static_cast<std::int64_t>(Repeat::kHighest);
  scheme.standards[0].high_key = 0;
  scheme.standards[0].charged = 0;
  return scheme;
}

void a_copy_is_its_own() {
  const Scheme scheme = with_account();
  const Program program = scheme.program();
  const Prepared prepared(program);
  Alone alone{prepared};
  Batch batch;
  for (int i = 0; i < 4; ++i) batch.add(0, 150'000);
  Memory first(true);
  alone.visit(first, batch, 0, 5'000);
  const Memory before = first;
  Memory second = before;
  alone.visit(first, batch, 1, 0);
  const OneAnswer one = alone.answer;
  alone.visit(second, batch, 1, 0);
  CHECK(one.columns == alone.answer.columns);
  alone.visit(second, batch, 2, 0);
  CHECK(one.columns != alone.answer.columns);
  CHECK_EQ(before.kept.size(), std::size_t{1});
  CHECK(counters_of(first, 0) != counters_of(second, 0));
}

// What a desk knows of one value's counters it does not believe of another's, nor after another desk.
void desks_take_turns() {
  const Scheme scheme = with_account();
  const Program program = scheme.program();
  const Prepared prepared(program);
  Alone first{prepared}, second{prepared}, only{prepared};
  Batch batch;
  for (int i = 0; i < 12; ++i) batch.add(0, 50'000 * (i + 1));
  for (std::size_t i = 0; i < 12; ++i) batch.day[i] = 19'700 + 100 * static_cast<std::int32_t>(i % 5);
  std::vector<Memory> by_turns(3, Memory(true)), alone(3, Memory(true));
  for (std::size_t row = 0; row < 12; ++row) {
    const std::size_t whose = row % 3;
    Alone& desk = row % 2 == 0 ? first : second;
    desk.visit(by_turns[whose], batch, row, 5'000);
    only.visit(alone[whose], batch, row, 5'000);
    CHECK(desk.answer.columns == only.answer.columns);
    const Memory copy = by_turns[whose];
    by_turns[whose] = copy;
  }
  for (std::size_t whose = 0; whose < 3; ++whose) CHECK(counters_of(by_turns[whose], 0) == counters_of(alone[whose], 0));
}

void the_way_allocates_nothing() {
  const Scheme scheme = with_account();
  const Program program = scheme.program();
  const Prepared prepared(program);
  Alone alone{prepared};
  Batch batch;
  for (int i = 0; i < 40; ++i) batch.add(0, 1'000 * i);
  Memory memory(true);
  memory.reserve(64);
  for (std::size_t row = 0; row < 24; ++row) alone.visit(memory, batch, row, 5'000);
  // Names are the caller's, and double their room now and then.
  const std::int32_t setl = memory.names.number("the last");
  alone.desk.event.stay = setl;
  counting = true;
  alone.desk.settle(memory, {}, {setl, 0, 0, 0, true}, alone.answer);
  counting = false;
  CHECK_EQ(allocations, 0);
  CHECK(alone.answer.outcome == Outcome::kSettled);
}

}  // namespace

int main() {
  for (int seed = 1; seed <= check::rounds(40); ++seed) {
    const auto s = static_cast<std::uint64_t>(seed);
    as_a_batch(Scheme{}, s, 0);
    as_a_batch(with_account(), s, 12'345);
    as_a_batch(in_grid(), s, 0);
    as_a_batch(looks_back(), s, 0);
  }
  a_copy_is_its_own();
  desks_take_turns();
  the_way_allocates_nothing();
  return check::result();
}
