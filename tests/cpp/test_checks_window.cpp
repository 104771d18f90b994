// Windows: a twin that looks at every pair of events, and the traps of days, ties and calendars.
#include <set>
#include <string>
#include <vector>

#include "check.hpp"
#include "found_text.hpp"
#include "random_events.hpp"
#include "ybcore/checks/window.hpp"

using namespace ybcore::checks;
using found_text::text;

namespace {

using I32 = std::vector<std::int32_t>;
using I64 = std::vector<std::int64_t>;

struct Case {
  I64 begin;
  I32 day;
  I64 value;
  I32 key, scope;
  std::vector<Window> windows;
  I64 threshold_begin, threshold;
  WindowRule rule;

  WindowEvents events() const { return {begin, day, value, key, scope}; }
  WindowRule ruled() const {
    WindowRule out = rule;
    out.windows = windows;
    out.threshold_begin = threshold_begin;
    out.threshold = threshold;
    return out;
  }
  std::string found(int threads = 1) const { return text(window(events(), ruled(), threads)); }
};

// One subject, one window, one value, counting events.
Case counting(I32 day, Window one, std::int64_t value, Comparator comparator = Comparator::kMoreThan) {
  Case c;
  c.begin = {0, static_cast<std::int64_t>(day.size())};
  c.day = std::move(day);
  c.windows = {one};
  c.threshold_begin = {0, 1};
  c.threshold = {value};
  c.rule.comparator = comparator;
  return c;
}

bool knows(const Case& c, std::size_t i) {
  if (c.rule.measured == Measured::kSum) return c.value[i] != kUnknown;
  return c.rule.measured != Measured::kKeys || c.key[i] >= 0;
}

__int128 measured(const Case& c, const std::vector<std::size_t>& of) {
  __int128 sum = 0;
  std::set<std::int32_t> different;
  for (const std::size_t i : of) {
    if (c.rule.measured == Measured::kSum) sum += c.value[i];
    if (c.rule.measured == Measured::kDays) different.insert(c.day[i]);
    if (c.rule.measured == Measured::kKeys) different.insert(c.key[i]);
  }
  if (c.rule.measured == Measured::kSum) return sum;
  return static_cast<__int128>(c.rule.measured == Measured::kCount ? of.size() : different.size());
}

// The first value of the event's scope that the measure compares with, -1 for none.
std::int32_t compared(const Case& c, std::size_t w, std::size_t i, __int128 measure) {
  const std::int32_t scope = c.scope.empty() ? 0 : c.scope[i];
  if (scope < 0) return -1;
  const auto at = w * static_cast<std::size_t>(c.rule.scopes) + static_cast<std::size_t>(scope);
  for (auto k = c.threshold_begin[at]; k < c.threshold_begin[at + 1]; ++k)
    if (hits(c.rule.comparator, static_cast<std::int64_t>(measure), c.threshold[static_cast<std::size_t>(k)]))
      return static_cast<std::int32_t>(k);
  return -1;
}

std::int64_t excess(const Case& c, std::size_t w, std::size_t i, __int128 measure) {
  if (c.rule.measured != Measured::kSum || c.rule.comparator > Comparator::kAtLeast) return kWhole;
  const std::int32_t scope = c.scope.empty() ? 0 : c.scope[i];
  __int128 most = 0;
  if (scope < 0) return 0;
  const auto at = w * static_cast<std::size_t>(c.rule.scopes) + static_cast<std::size_t>(scope);
  for (auto k = c.threshold_begin[at]; k < c.threshold_begin[at + 1]; ++k)
    most = std::max(most, measure - c.threshold[static_cast<std::size_t>(k)] + (c.rule.comparator == Comparator::kAtLeast ? 1 : 0));
  return static_cast<std::int64_t>(std::min<__int128>(most, std::max<std::int64_t>(c.value[i], 0)));
}

void twin_rolling(const Case& c, std::size_t w, std::size_t g, Found& out) {
  const Window& one = c.windows[w];
  for (auto i = static_cast<std::size_t>(c.begin[g]); i < static_cast<std::size_t>(c.begin[g + 1]); ++i) {
    if (!knows(c, i)) continue;
    std::vector<std::size_t> within;
    for (auto j = static_cast<std::size_t>(c.begin[g]); j < static_cast<std::size_t>(c.begin[g + 1]); ++j) {
      const int back = c.day[i] - c.day[j];
      if (back < 0 || back > one.n || (back == one.n && !one.through) || !knows(c, j)) continue;
      if (j <= i || one.peers) within.push_back(j);
    }
    const auto measure = measured(c, within);
    const std::int32_t k = compared(c, w, i, measure);
    if (k < 0) continue;
    out.open({static_cast<std::int64_t>(measure), c.threshold[static_cast<std::size_t>(k)], c.day[i] - one.n + (one.through ? 0 : 1),
              c.day[i], -1, k});
    out.detail(static_cast<std::int32_t>(i), Part::kOffending, excess(c, w, i, measure));
    for (const std::size_t j : within)
      if (j != i) out.detail(static_cast<std::int32_t>(j), Part::kInvolved);
  }
}

void twin_period(const Case& c, std::size_t w, const Period& period, const std::vector<std::size_t>& within, Found& out) {
  const bool less = c.rule.comparator > Comparator::kAtLeast;
  std::vector<std::size_t> so_far;
  std::size_t first = within.size();
  std::int32_t last = -1;
  I64 beyond;
  for (std::size_t at = 0; at < within.size(); ++at) {
    so_far.push_back(within[at]);
    if (less && at + 1 < within.size()) continue;
    const auto measure = measured(c, so_far);
    const std::int32_t k = compared(c, w, within[at], measure);
    if (k >= 0) last = k, first = std::min(first, less ? 0 : at);
    beyond.resize(at + 1, kWhole);
    beyond[at] = excess(c, w, within[at], measure);
  }
  if (last < 0) return;
  out.open(
      {static_cast<std::int64_t>(measured(c, within)), c.threshold[static_cast<std::size_t>(last)], period.first, period.last, -1, last});
  for (std::size_t at = 0; at < within.size(); ++at)
    out.detail(static_cast<std::int32_t>(within[at]), at < first ? Part::kInvolved : Part::kOffending, at < first ? kWhole : beyond[at]);
}

std::string twin(const Case& c) {
  Found out;
  for (std::size_t w = 0; w < c.windows.size(); ++w)
    for (std::size_t g = 0; g + 1 < c.begin.size(); ++g) {
      if (c.windows[w].span == Span::kRolling) {
        twin_rolling(c, w, g, out);
        continue;
      }
      std::set<std::int64_t> periods;
      const auto from = static_cast<std::size_t>(c.begin[g]), to = static_cast<std::size_t>(c.begin[g + 1]);
      for (std::size_t i = from; i < to; ++i) periods.insert(period_of(c.windows[w], c.rule.starts, c.day[i]).first);
      for (const std::int64_t first : periods) {
        const Period period = period_of(c.windows[w], c.rule.starts, first);
        std::vector<std::size_t> within;
        for (std::size_t i = from; i < to; ++i)
          if (c.day[i] >= period.first && c.day[i] <= period.last && knows(c, i)) within.push_back(i);
        twin_period(c, w, period, within, out);
      }
    }
  for (std::size_t i = 0; i < c.day.size(); ++i) out.unknown += knows(c, i) ? 0 : 1;
  return text(out);
}

Case drawn(draw::Random& random) {
  Case c;
  const bool long_ones = random.in(0, 3) == 0, holes = random.in(0, 1) == 0;
  c.begin = draw::offsets(random, long_ones ? 8 : 40, long_ones ? 90 : 12);
  for (std::size_t g = 0; g + 1 < c.begin.size(); ++g) {
    std::int32_t day = static_cast<std::int32_t>(random.in(-800, 20'000));
    for (auto i = c.begin[g]; i < c.begin[g + 1]; ++i) c.day.push_back(day += static_cast<std::int32_t>(random.in(0, 3) * random.in(0, 9)));
  }
  const bool scoped = random.in(0, 1) == 1;
  for (std::size_t i = 0; i < c.day.size(); ++i) {
    const std::int64_t odd = holes ? random.in(0, 60) : -1;
    c.value.push_back(odd < 2 && odd >= 0 ? kUnknown : odd == 2 ? -30 : odd == 3 ? std::int64_t{1} << 41 : random.in(0, 50));
    c.key.push_back(static_cast<std::int32_t>(random.in(holes ? -1 : 0, 4)));
    if (scoped) c.scope.push_back(static_cast<std::int32_t>(random.in(-1, 2)));
  }
  c.rule.measured = static_cast<Measured>(random.in(0, 3));
  c.rule.comparator = static_cast<Comparator>(random.in(0, 3));
  c.rule.keys = 5;
  c.rule.starts = random.in(0, 1) == 1 ? 701 : 229;
  c.rule.scopes = scoped ? 3 : 1;
  for (int w = 0; w < 3; ++w)
    c.windows.push_back(
        {static_cast<Span>(random.in(0, 5)), static_cast<std::int32_t>(random.in(1, 14)), random.in(0, 1) == 1, random.in(0, 1) == 1});
  c.threshold_begin = draw::offsets(random, 3 * c.rule.scopes, 3);
  const bool sums = c.rule.measured == Measured::kSum;
  for (std::int64_t k = 0; k < c.threshold_begin.back(); ++k) c.threshold.push_back(random.in(0, (sums ? 120 : 5) * (long_ones ? 3 : 1)));
  return c;
}

void as_the_twin() {
  draw::Random random{7};
  for (int round = 0; round < check::rounds(400); ++round) {
    const Case c = drawn(random);
    const std::string expected = twin(c);
    for (const int threads : {1, 2, 7}) CHECK_EQ(c.found(threads), expected);
  }
}

void replayed_as_found() {
  draw::Random random{11};
  for (int round = 0; round < check::rounds(200); ++round) {
    Case c = drawn(random);
    I64 money, values;
    for (std::size_t i = 0; i < c.day.size(); ++i) money.push_back(random.in(0, 9'999));
    for (int k = 0; k < 9; ++k) values.push_back((values.empty() ? 0 : values.back()) + random.in(0, 15));
    const bool excess = random.in(0, 1) == 1;
    for (auto& scope : c.scope) scope = std::min(scope, 0);
    c.rule.scopes = 1;
    const WindowReplay got = window_replay(c.events(), c.ruled(), values, money, excess);
    const WindowReplay again = window_replay(c.events(), c.ruled(), values, money, excess, 7);
    CHECK(got.hits == again.hits && got.amount == again.amount && got.reach == again.reach);
    std::vector<std::int32_t> reach(got.reach.size());
    for (std::size_t k = 0; k < values.size(); ++k) {
      c.threshold_begin = {0, 1, 2, 3};
      c.threshold = {values[k], values[k], values[k]};
      const Found found = window(c.events(), c.ruled());
      I64 hit(3), amount(3);
      for (std::size_t f = 0; f < found.size(); ++f) {
        const auto w = static_cast<std::size_t>(found.step[f]);
        ++hit[w];
        for (auto d = static_cast<std::size_t>(found.details[f]); d < static_cast<std::size_t>(found.details[f + 1]); ++d) {
          const auto i = static_cast<std::size_t>(found.event[d]);
          if (found.part[d] == Part::kInvolved) continue;
          ++reach[w * c.day.size() + i];
          const bool partly = excess && found.excess[d] != kWhole;
          if (!partly) amount[w] += money[i];
          if (partly && c.value[i] > 0) amount[w] += (2 * money[i] * found.excess[d] + c.value[i]) / (2 * c.value[i]);
        }
      }
      for (std::size_t w = 0; w < 3; ++w) {
        CHECK_EQ(got.hits[w * values.size() + k], hit[w]);
        CHECK_EQ(got.amount[w * values.size() + k], amount[w]);
      }
    }
    CHECK(got.reach == reach);
  }
}

void days_at_the_edge() {
  // Events on day 0, 29, 30 and 31, window of 30 days, more than one.
  for (const std::int32_t day : {29, 30, 31}) {
    const bool near = day < 30, at = day == 30;
    CHECK_EQ(counting({0, day}, {Span::kRolling, 30, false, false}, 1).found(),
             near ? "2/1 [" + std::to_string(day - 29) + "," + std::to_string(day) + "] #0 !1 ?0; 0" : "0");
    CHECK_EQ(counting({0, day}, {Span::kRolling, 30, true, false}, 1).found(),
             near || at ? "2/1 [" + std::to_string(day - 30) + "," + std::to_string(day) + "] #0 !1 ?0; 0" : "0");
  }
  // Through 0 days is the day itself.
  CHECK_EQ(counting({4, 4, 5}, {Span::kRolling, 0, true, false}, 1).found(), "2/1 [4,4] #0 !1 ?0; 0");
}

void ties_by_order_or_among_peers() {
  CHECK_EQ(counting({9, 9, 9}, {Span::kRolling, 30, false, false}, 2).found(), "3/2 [-20,9] #0 !2 ?0 ?1; 0");
  CHECK_EQ(counting({9, 9, 9}, {Span::kRolling, 30, false, true}, 2).found(),
           "3/2 [-20,9] #0 !0 ?1 ?2; 3/2 [-20,9] #0 !1 ?0 ?2; 3/2 [-20,9] #0 !2 ?0 ?1; 0");
}

void calendars() {
  constexpr std::int32_t kFeb1 = 19'754, kMar1 = 19'783;  // of 2024, which has a 29 February
  const Period feb = period_of({Span::kMonth, 1}, 101, kFeb1 + 28);
  CHECK(feb.first == kFeb1 && feb.last == kMar1 - 1);
  const Period two = period_of({Span::kMonth, 2}, 101, kFeb1);
  CHECK(two.first == kFeb1 - 31 && two.last == kMar1 - 1);
  const Period five = period_of({Span::kMonth, 5}, 101, kFeb1 + 330);  // November and December: the year ends
  CHECK(five.first == kFeb1 - 31 + 305 && five.last == kFeb1 - 31 + 365);
  const Period quarter = period_of({Span::kQuarter, 1}, 101, kMar1);
  CHECK(quarter.first == kFeb1 - 31 && quarter.last == kMar1 + 30);
  const Period leap = period_of({Span::kInsuranceYear, 1}, 229, kMar1);  // 2024-02-29 .. 2025-02-27
  CHECK(leap.first == kMar1 - 1 && leap.last == kMar1 - 1 + 364);
  const Period before = period_of({Span::kInsuranceYear, 1}, 701, kMar1);  // 2023-07-01 .. 2024-06-30
  CHECK(before.first == kMar1 - 244 && before.last == kMar1 + 121);
  const Period early = period_of({Span::kDay, 7}, 101, -1);
  CHECK(early.first == -7 && early.last == -1);
  // The last day of a month and the first of the next are not one month.
  CHECK_EQ(counting({kMar1 - 1, kMar1}, {Span::kMonth, 1}, 1).found(), "0");
  CHECK_EQ(counting({kFeb1, kMar1 - 1}, {Span::kMonth, 1}, 1).found(), "2/1 [19754,19782] #0 ?0 !1; 0");
  CHECK_EQ(counting({kFeb1, kFeb1}, {Span::kMonth, 1}, 2, Comparator::kAtLeast).found(), "2/2 [19754,19782] #0 ?0 !1; 0");
  CHECK_EQ(counting({kFeb1, kFeb1}, {Span::kMonth, 1}, 3, Comparator::kLessThan).found(), "2/3 [19754,19782] #0 !0 !1; 0");
}

// The highest that compares is the limit, what is beyond the lowest is excess.
void several_values() {
  Case c = counting({0, 0, 0, 0}, {Span::kDay, 1}, 0);
  c.rule.measured = Measured::kSum;
  c.value = {40'000, 30'000, 20'000, 50'000};
  c.threshold_begin = {0, 2};
  c.threshold = {80'000, 60'000};
  CHECK_EQ(c.found(), "140000/80000 [0,0] #0 ?0 !1(10000) !2(20000) !3(50000); 0");
}

void far_sums_and_nothing() {
  Case c = counting({0, 1, 2, 40}, {Span::kRolling, 30, false, false}, (std::int64_t{1} << 62) + 1);
  c.rule.measured = Measured::kSum;
  c.value = {std::int64_t{1} << 62, std::int64_t{1} << 62, std::int64_t{1} << 62, std::int64_t{1} << 62};
  CHECK_EQ(c.found(),
           "9223372036854775807/4611686018427387905 [-28,1] #0 !1(4611686018427387903) ?0; "
           "9223372036854775807/4611686018427387905 [-27,2] #0 !2(4611686018427387904) ?0 ?1; 0");
  CHECK_EQ(counting({}, {Span::kMonth, 1}, 1).found(3), "0");
  Case none;
  CHECK_EQ(none.found(2), "0");
  const WindowReplay nothing = window_replay(none.events(), none.ruled(), {}, {}, true);
  CHECK(nothing.hits.empty());
}

}  // namespace

int main() {
  as_the_twin();
  replayed_as_found();
  days_at_the_edge();
  ties_by_order_or_among_peers();
  calendars();
  several_values();
  far_sums_and_nothing();
  return check::result();
}
