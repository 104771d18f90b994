#include "population.hpp"

#include <algorithm>
#include <numeric>

#include "ybcore/order.hpp"

namespace ybcore::bench {
namespace {
constexpr std::int32_t kDays = 730;
constexpr std::int64_t kPayersGiven = 9;
}  // namespace

Population::Population(const Scheme& scheme, std::size_t persons, std::size_t visits, int batch)
    : first_day(19'358 + batch * kDays) {  // 2023-01-01
  Random same(5);
  households(same, persons);
  Random random(6 + static_cast<std::uint64_t>(batch));
  accounts(random);
  place(random, scheme, draw(random, visits));
}

void Population::households(Random& random, std::size_t persons) {
  std::int32_t left = 0;
  std::int32_t house = -1;
  std::int32_t head = -1;
  for (std::size_t p = 0; p < persons; ++p) {
    if (left == 0) {
      const bool together = random.in_thousand(300);
      left = together ? random.between<std::int32_t>(2, 5) : 1;
      house = together ? house + 1 : house;
      head = together ? static_cast<std::int32_t>(p) : -1;
    }
    if (head == static_cast<std::int32_t>(p)) person_of_household.push_back(head);
    of_household.push_back(head < 0 ? -1 : house);
    of_donor.push_back(head < 0 || head == static_cast<std::int32_t>(p) ? -1 : head);
    --left;
  }
}

void Population::accounts(Random& random) {
  for (std::size_t p = 0; p < of_household.size(); ++p) {
    balance.push_back(random.between(0, 200'000));
    auto day = random.between<std::int32_t>(first_day - 20, first_day + 40);
    for (auto n = random.between(0, 12); n > 0; --n) {
      account_date.push_back(day);
      const bool set = random.in_thousand(30);
      account_kind.push_back(set ? 0 : 1);
      account_amount.push_back(random.between(1'000, 30'000));
      day += random.between<std::int32_t>(20, 60);
    }
    account_begin.push_back(static_cast<std::int64_t>(account_date.size()));
  }
}

// Visits person by person, each person's in the order of time.
std::vector<Population::Visit> Population::draw(Random& random, std::size_t visits) const {
  std::vector<Visit> out;
  std::int32_t stays = 0;
  const auto persons = static_cast<std::int64_t>(of_household.size());
  for (std::int64_t p = 0; p < persons; ++p) {
    const std::size_t begin = out.size();
    const std::size_t end = visits * static_cast<std::size_t>(p + 1) / static_cast<std::size_t>(persons);
    const bool resident = random.in_thousand(400);
    std::int64_t time = random.between(0, 60 * 86'400);
    while (out.size() < end) {
      Visit v;
      time += random.between(3'600, kDays * 86'400 / 10);
      v.time = time;
      v.day = first_day + static_cast<std::int32_t>(time / 86'400);
      v.person = static_cast<std::int32_t>(p);
      const bool inside = random.in_thousand(250);
      const bool big = random.in_thousand(200);
      v.plan = resident ? (inside ? kResidentIn : kResidentOut) : inside ? (big ? kEmployeeBig : kEmployeeIn) : kEmployeeOut;
      if (random.in_thousand(20)) v.plan = kNoBenefits;
      if (inside) v.days = random.between<std::int32_t>(2, 20);
      if (inside) v.split = random.in_thousand(100);
      v.total = random.between(1'000, inside ? 6'000'000 : 60'000);
      if (random.in_thousand(1)) v.total = 400'000'000'000;  // more than a bill may be
      v.hospital = random.between<std::int32_t>(0, 40);
      v.disease = random.in_thousand(700) ? random.between<std::int32_t>(0, 15) : -1;
      const bool same_stay = out.size() > begin && random.in_thousand(100);
      const bool linked = out.size() > begin && random.in_thousand(100);
      v.stay = same_stay ? out.back().stay : stays++;
      v.linked = linked ? out.back().stay : -1;
      if (out.size() > begin && random.in_thousand(40)) {
        v.reversal = true;
        v.split = false;
        v.original = random.in_thousand(900) ? random.between(static_cast<std::int64_t>(begin), static_cast<std::int64_t>(out.size()) - 1)
                                             : random.between(-1, static_cast<std::int64_t>(out.size()) - 1);
      }
      out.push_back(v);
    }
  }
  return out;
}

void Population::place(Random& random, const Scheme& scheme, const std::vector<Visit>& drawn) {
  const std::size_t n = drawn.size();
  std::vector<std::size_t> at(n);  // which visit stands in which row
  std::iota(at.begin(), at.end(), std::size_t{0});
  for (std::size_t i = n; i > 1; --i) std::swap(at[i - 1], at[random.between<std::size_t>(0, static_cast<std::int64_t>(i) - 1)]);
  std::vector<std::int64_t> row(n);
  for (std::size_t r = 0; r < n; ++r) row[at[r]] = static_cast<std::int64_t>(r);
  for (std::size_t r = 0; r < n; ++r) {
    const Visit& v = drawn[at[r]];
    const std::int64_t original = v.original < 0 ? -1 : row[static_cast<std::size_t>(v.original)];
    for (int part = 0; part < (v.split ? 2 : 1); ++part) add(random, scheme, v, static_cast<std::int64_t>(r), original, part == 1);
    event_begin.push_back(static_cast<std::int64_t>(visit.size()));
    // Some rows were refused before settling and take no part.
    const bool apart = random.in_thousand(5);
    when.push_back(apart ? -1 : v.time);
    outcome.push_back(static_cast<std::uint8_t>(apart ? Outcome::kRejected : Outcome::kPending));
    outcome_reason.push_back(static_cast<std::uint8_t>(apart ? Reason::kDuplicate : Reason::kFine));
  }
  // By field, then by event: known only when all events are there.
  for (std::size_t k = 0; k < kSchemeFields * events(); ++k)
    fields.push_back(random.in_thousand(3) ? kMissing : random.between(0, 500'000));
  for (std::size_t k = 0; k < kPayersGiven * events(); ++k) given.push_back(random.in_thousand(100) ? random.between(0, 50'000) : 0);
  join_groups();
}

void Population::add(Random& random, const Scheme& scheme, const Visit& v, std::int64_t row, std::int64_t original, bool second) {
  const auto who = static_cast<std::size_t>(v.person);
  visit.push_back(row);
  init.push_back(v.reversal ? original : -1);
  is_reversal.push_back(v.reversal ? 1 : 0);
  plan.push_back(v.reversal ? -1 : v.plan);
  const bool refused = !v.reversal && random.in_thousand(4);
  reason.push_back(static_cast<std::uint8_t>(refused ? Reason::kNotEnrolled : Reason::kFine));
  later.push_back(second ? 1 : 0);
  person.push_back(v.person);
  household.push_back(of_household[who]);
  donor.push_back(of_donor[who]);
  hospital.push_back(v.hospital);
  disease.push_back(v.disease);
  stay.push_back(v.stay);
  linked_stay.push_back(v.linked);
  order_date.push_back(v.day);
  begndate.push_back(v.day - v.days + (second ? v.days / 2 : 0));
  enddate.push_back(v.day - (v.split && !second ? v.days / 2 : 0));
  period_date.push_back(enddate.back());
  days.push_back(v.days);
  acct_used.push_back(random.in_thousand(700) ? 1 : 0);

  const std::int64_t unit = v.reversal ? 1 : scheme.scale(v.plan);
  constexpr std::int64_t share[] = {60, 40, 90, 620, 30, 20, 20, 40, 80};
  static_assert(std::size(share) == 5 + 4 * kSchemeTags);
  for (const std::int64_t thousandth : share) {
    const std::int64_t most = v.total * thousandth / 500 + 1;
    const std::int64_t fen = random.between(0, most);
    const std::int64_t less = unit == 1 ? 0 : random.between(0, unit - 1);
    natures.push_back(v.reversal ? 0 : fen * unit + less);
  }
  if (random.in_thousand(2)) natures.back() = -5;
}

void Population::join_groups() {
  std::vector<std::int32_t> left, right;
  for (std::size_t p = 1; p < persons(); ++p) {
    left.push_back(of_household[p] >= 0 && of_household[p] == of_household[p - 1] ? static_cast<std::int32_t>(p - 1) : -1);
    right.push_back(static_cast<std::int32_t>(p));
  }
  const Groups groups = connect(persons(), left, right);
  group_of_person = groups.of_person;
  group_count = groups.count;
  for (std::size_t r = 0; r < visits(); ++r) {
    const auto who = static_cast<std::size_t>(person[static_cast<std::size_t>(event_begin[r])]);
    group.push_back(when[r] < 0 ? -1 : group_of_person[who]);
    ids.push_back(static_cast<std::int64_t>(r));
  }
}

std::size_t Population::group_of_owner(std::int32_t owner) const {
  const std::int32_t who = owner >= 0 ? owner : person_of_household[static_cast<std::size_t>(-2 - owner)];
  return static_cast<std::size_t>(group_of_person[static_cast<std::size_t>(who)]);
}

void Population::take_back(const std::vector<std::int32_t>& of, std::size_t known) {
  std::vector<std::int64_t> last(persons(), -1);
  for (std::size_t k = 0; k < of.size(); ++k) last[static_cast<std::size_t>(of[k])] = static_cast<std::int64_t>(k);
  std::int64_t turn = 0;
  for (std::size_t e = 0; e < events(); ++e) {
    if (is_reversal[e] == 0) continue;
    ++turn;
    const std::int64_t own = last[static_cast<std::size_t>(person[e])];
    if (turn % 2 == 0 && own >= 0) init[e] = -2 - own;
    if (turn % 29 == 0) init[e] = -2 - (turn % static_cast<std::int64_t>(known));    // mostly a stranger's
    if (turn % 31 == 0) init[e] = -1 - static_cast<std::int64_t>(known) + turn % 4;  // no longer standing
  }
}

Events Population::view() const {
  Events e{};
  e.visit = visit;
  e.plan = plan;
  e.reason = reason;
  e.later = later;
  e.person = person;
  e.household = household;
  e.donor = donor;
  e.hospital = hospital;
  e.disease = disease;
  e.stay = stay;
  e.linked_stay = linked_stay;
  e.order_date = order_date;
  e.begndate = begndate;
  e.enddate = enddate;
  e.period_date = period_date;
  e.days = days;
  e.acct_used = acct_used;
  e.init = init;
  e.is_reversal = is_reversal;
  e.natures = natures;
  e.tags = kSchemeTags;
  e.fields = fields;
  e.given = given;
  e.event_begin = event_begin;
  e.group = group;
  e.first = when;
  e.ids.numbers = ids;
  e.groups = group_count;
  return e;
}

AccountEvents Population::accounts() const {
  AccountEvents a{};
  a.begin = account_begin;
  a.date = account_date;
  a.kind = account_kind;
  a.amount = account_amount;
  return a;
}

}  // namespace ybcore::bench
