// Supply: twins that go day by day, and the traps of rounding, packs, same-day lines and what is not known.
#include <algorithm>
#include <set>
#include <vector>

#include "check.hpp"
#include "found_text.hpp"
#include "random_events.hpp"
#include "ybcore/checks/supply.hpp"

using namespace ybcore::checks;
using found_text::text;

namespace {

using I32 = std::vector<std::int32_t>;
using I64 = std::vector<std::int64_t>;

struct Case {
  I64 begin;
  I32 day;
  I64 quantity, days, dose, times, limit;
  I32 entry;
  SupplyRule rule;
  Supply supply() const { return {begin, day, quantity, days, dose, times, limit, entry}; }
  std::int64_t edge(std::size_t i) const { return limit[i] - (rule.comparator == Comparator::kAtLeast ? 1 : 0); }
};

Case drawn(draw::Random& random) {
  Case c;
  c.begin = draw::offsets(random, 25, 7);
  for (std::size_t g = 0; g + 1 < c.begin.size(); ++g) {
    auto day = static_cast<std::int32_t>(random.in(-9, 9));
    for (auto i = c.begin[g]; i < c.begin[g + 1]; ++i) c.day.push_back(day += static_cast<std::int32_t>(random.in(0, 3) * random.in(0, 3)));
  }
  const bool generous = random.in(0, 1) == 0;
  for (std::size_t i = 0; i < c.day.size(); ++i) {
    c.quantity.push_back(random.in(0, 19) == 0 ? kUnknown : random.in(1, 60) * 5'000);
    c.days.push_back(random.in(0, 2) == 0 ? kUnknown : random.in(0, 9));
    c.dose.push_back(random.in(0, 9) == 0 ? kUnknown : random.in(0, 4) * 5'000);
    c.times.push_back(random.in(0, 9) == 0 ? kUnknown : random.in(1, 3) * 10'000);
    c.limit.push_back(random.in(0, 19) == 0 ? kUnknown : random.in(0, 12) * (generous ? 3 : 1));
    c.entry.push_back(static_cast<std::int32_t>(random.in(0, 5)));
  }
  c.rule = {random.in(0, 1) == 1 ? Comparator::kMoreThan : Comparator::kAtLeast, random.in(0, 1) == 1, random.in(0, 1) == 1,
            random.in(-1, 4)};
  return c;
}

std::int64_t days_of(const Case& c, std::size_t i) {
  if (c.days[i] > 0) return c.days[i];
  if (c.dose[i] == kUnknown || c.times[i] == kUnknown || c.quantity[i] == kUnknown || c.dose[i] * c.times[i] <= 0) return 0;
  std::int64_t days = 0;
  while (days * c.dose[i] * c.times[i] < c.quantity[i] * 10'000) ++days;
  return days;
}

std::int64_t excess(const Case& c, std::size_t i, std::int64_t beyond, std::int64_t days) {
  if (c.quantity[i] == kUnknown) return kWhole;
  if (beyond == days) return c.quantity[i];
  if (c.rule.packs) return c.quantity[i] * beyond / (days * 10'000) * 10'000;
  return (2 * c.quantity[i] * beyond + days) / (2 * days);
}

// Lines of a group that can be judged.
std::vector<std::size_t> known(const Case& c, std::size_t g, bool course, Found& out) {
  std::vector<std::size_t> all;
  for (auto i = static_cast<std::size_t>(c.begin[g]); i < static_cast<std::size_t>(c.begin[g + 1]); ++i) {
    const bool knows = c.limit[i] != kUnknown && (course || days_of(c, i) > 0);
    out.unknown += knows ? 0 : 1;
    if (knows) all.push_back(i);
  }
  return all;
}

// Lines in order, each of whose days is looked at from the last back.
void from_last(const Case& c, const std::vector<std::size_t>& lines, std::int64_t beyond, Found& out) {
  I64 here(lines.size());
  for (std::size_t k = lines.size(); k-- > 0;)
    for (std::int64_t d = 0; d < days_of(c, lines[k]) && beyond > 0; ++d) ++here[k], --beyond;
  for (std::size_t k = 0; k < lines.size(); ++k)
    out.detail(static_cast<std::int32_t>(lines[k]), here[k] > 0 ? Part::kOffending : Part::kInvolved,
               here[k] > 0 ? excess(c, lines[k], here[k], days_of(c, lines[k])) : kWhole);
}

std::string twin_prescription(const Case& c) {
  Found out;
  for (std::size_t g = 0; g + 1 < c.begin.size(); ++g) {
    const auto lines = known(c, g, false, out);
    std::int64_t sum = 0;
    for (const std::size_t i : lines) sum += days_of(c, i);
    if (lines.empty() || !hits(c.rule.comparator, sum, c.limit[lines[0]])) continue;
    out.open({sum, c.limit[lines[0]], kUnknown, kUnknown, c.entry[lines[0]]});
    from_last(c, lines, sum - c.edge(lines[0]), out);
  }
  return text(out);
}

void close_course(const Case& c, const std::vector<std::size_t>& uses, Found& out) {
  const auto lasts = [&](std::size_t i) { return std::max<std::int64_t>(c.days[i], 1); };
  std::set<std::int64_t> treated;
  for (const std::size_t i : uses)
    for (std::int64_t d = 0; d < lasts(i); ++d) treated.insert(c.day[i] + d);
  if (c.rule.span)
    for (auto d = *treated.begin(); d < *treated.rbegin(); ++d) treated.insert(d);
  I64 beyond;
  for (const std::size_t i : uses) {
    beyond.push_back(0);
    for (std::int64_t d = 0; d < lasts(i); ++d)
      if (std::distance(treated.begin(), treated.find(c.day[i] + d)) + 1 > c.edge(uses[0])) ++beyond.back();
  }
  if (std::none_of(beyond.begin(), beyond.end(), [](auto b) { return b > 0; })) return;
  out.open({static_cast<std::int64_t>(treated.size()), c.limit[uses[0]], *treated.begin(), *treated.rbegin(), c.entry[uses[0]]});
  for (std::size_t k = 0; k < uses.size(); ++k)
    out.detail(static_cast<std::int32_t>(uses[k]), beyond[k] > 0 ? Part::kOffending : Part::kInvolved,
               beyond[k] > 0 ? excess(c, uses[k], beyond[k], lasts(uses[k])) : kWhole);
}

std::string twin_course(const Case& c) {
  Found out;
  for (std::size_t g = 0; g + 1 < c.begin.size(); ++g) {
    std::vector<std::size_t> uses;
    std::int64_t covered = 0;
    for (const std::size_t i : known(c, g, true, out)) {
      if (!uses.empty() && c.rule.reset >= 0 && c.day[i] - covered - 1 > c.rule.reset) close_course(c, uses, out), uses.clear();
      const std::int64_t last = c.day[i] + std::max<std::int64_t>(c.days[i], 1) - 1;
      covered = uses.empty() ? last : std::max(covered, last);
      uses.push_back(i);
    }
    if (!uses.empty()) close_course(c, uses, out);
  }
  return text(out);
}

std::string twin_overlap(const Case& c) {
  Found out;
  for (std::size_t g = 0; g + 1 < c.begin.size(); ++g) {
    const auto lines = known(c, g, false, out);
    std::int64_t stock = 0, today = 0;
    for (std::size_t k = 0; k < lines.size();) {
      for (const std::int64_t day = c.day[lines[k]]; k > 0 && today < day; ++today) stock = std::max<std::int64_t>(stock - 1, 0);
      today = c.day[lines[k]];
      std::vector<std::size_t> dispensed;
      std::int64_t more = 0;
      const std::size_t first = k;
      for (; k < lines.size() && c.day[lines[k]] == today; ++k) dispensed.push_back(lines[k]), more += days_of(c, lines[k]);
      const std::int64_t limit = c.limit[lines[first]];
      if (first > 0 && hits(c.rule.comparator, stock, limit)) {
        out.open({stock, limit, today, today + stock - 1, c.entry[lines[first]]});
        out.detail(static_cast<std::int32_t>(lines[first - 1]), Part::kInvolved);
        from_last(c, dispensed, std::min(more, stock - c.edge(lines[first])), out);
      }
      stock += more;
    }
  }
  return text(out);
}

void as_the_twins() {
  draw::Random random{13};
  for (int round = 0; round < check::rounds(400); ++round) {
    const Case c = drawn(random);
    const std::string prescribed = twin_prescription(c), treated = twin_course(c), left = twin_overlap(c);
    for (const int threads : {1, 2, 7}) {
      CHECK_EQ(text(prescription_days(c.supply(), c.rule, threads)), prescribed);
      CHECK_EQ(text(course(c.supply(), c.rule, threads)), treated);
      CHECK_EQ(text(supply_overlap(c.supply(), c.rule, threads)), left);
    }
  }
}

Case one_group(I32 day, I64 quantity, I64 days, std::int64_t limit) {
  Case c;
  c.begin = {0, static_cast<std::int64_t>(day.size())};
  c.limit.assign(day.size(), limit);
  c.day = std::move(day);
  c.quantity = std::move(quantity);
  c.days = std::move(days);
  return c;
}

void packs_and_parts() {
  // 30 tablets for 10 days and 20 for 10 where 15 are paid: of the last 5 of 10 days, 10 tablets; of 7 capsules in packs 3.
  Case c = one_group({0, 0}, {300'000, 200'000}, {10, 10}, 15);
  CHECK_EQ(text(prescription_days(c.supply(), c.rule)), "20/15 [?,?] #0 ?0 !1(100000); 0");
  c.quantity[1] = 70'000;
  CHECK_EQ(text(prescription_days(c.supply(), c.rule)), "20/15 [?,?] #0 ?0 !1(35000); 0");
  c.rule.packs = true;
  CHECK_EQ(text(prescription_days(c.supply(), c.rule)), "20/15 [?,?] #0 ?0 !1(30000); 0");
  // 10 units at 3 a day last 4 days, begun ones counted.
  Case d = one_group({0}, {100'000}, {kUnknown}, 3);
  d.dose = {10'000};
  d.times = {30'000};
  CHECK_EQ(days_of_line(d.supply(), 0), 4);
  CHECK_EQ(text(prescription_days(d.supply(), d.rule)), "4/3 [?,?] #0 !0(25000); 0");
}

void a_line_cut_in_two() {
  // Two packs on one day are one dispensing; what is left is what came before.
  CHECK_EQ(text(supply_overlap(one_group({0, 0}, {10'000, 10'000}, {7, 7}, 3).supply(), {})), "0");
  CHECK_EQ(text(supply_overlap(one_group({0, 4}, {10'000, 70'000}, {7, 7}, 3).supply(), {})), "0");
  CHECK_EQ(text(supply_overlap(one_group({0, 3}, {10'000, 70'000}, {7, 7}, 3).supply(), {})), "4/3 [3,6] #0 ?0 !1(10000); 0");
  CHECK_EQ(text(course(one_group({0, 0, 1, 2}, {1, 1, 1, 1}, {1, 1, 1, 1}, 2).supply(), {})), "3/2 [0,2] #0 ?0 ?1 ?2 !3(1); 0");
}

void courses_begin_anew() {
  SupplyRule rule;
  rule.reset = 7;
  const Case near = one_group({0, 8}, {1, 1}, {1, 1}, 1), far = one_group({0, 9}, {1, 1}, {1, 1}, 1);
  CHECK_EQ(text(course(near.supply(), rule)), "2/1 [0,8] #0 ?0 !1(1); 0");
  CHECK_EQ(text(course(far.supply(), rule)), "0");
  rule.reset = -1;
  CHECK_EQ(text(course(far.supply(), rule)), "2/1 [0,9] #0 ?0 !1(1); 0");
  rule.span = true;
  CHECK_EQ(text(course(far.supply(), rule)), "10/1 [0,9] #0 ?0 !1(1); 0");
}

void doses() {
  const I64 dose{15'000, 20'000, kUnknown, 20'001}, times{20'000, 20'000, 1, 20'000}, limit{40'000, 40'000, 1, 40'000};
  CHECK_EQ(text(daily_dose(dose, times, limit, {}, Comparator::kMoreThan, 2)), "40002/40000 [?,?] #0 !3; 1");
  CHECK_EQ(text(daily_dose(dose, times, limit, {}, Comparator::kAtLeast, 7)), "40000/40000 [?,?] #0 !1; 40002/40000 [?,?] #0 !3; 1");
  // A hair beyond, which rounding would hide.
  CHECK_EQ(text(daily_dose(I64{10'001}, I64{10'001}, I64{10'002}, {}, Comparator::kMoreThan)), "10002/10002 [?,?] #0 !0; 0");
  CHECK_EQ(text(daily_dose(I64{INT64_MAX}, I64{INT64_MAX}, I64{1}, I32{4}, Comparator::kMoreThan)),
           "9223372036854775807/1 [?,?] #0 @4 !0; 0");
}

void far_and_nothing() {
  const Case c = one_group({0, 1}, {INT64_MAX, INT64_MAX}, {INT64_MAX, INT64_MAX}, INT64_MAX);
  CHECK_EQ(prescription_days(c.supply(), c.rule).excess.at(0), kWhole);
  CHECK_EQ(prescription_days(c.supply(), c.rule).excess.at(1), INT64_MAX);
  CHECK_EQ(course(c.supply(), c.rule).size(), 1U);
  CHECK_EQ(supply_overlap(c.supply(), c.rule).size(), 0U);
  CHECK_EQ(prescription_days({}, {}, 2).size() + course({}, {}, 2).size() + supply_overlap({}, {}, 2).size(), 0U);
}

}  // namespace

int main() {
  as_the_twins();
  packs_and_parts();
  a_line_cut_in_two();
  courses_begin_anew();
  doses();
  far_and_nothing();
  return check::result();
}
