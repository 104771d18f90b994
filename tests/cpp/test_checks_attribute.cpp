// K01, K02 and K03 against the plainest code that says the same, and the days on which ages turn.
#include <chrono>
#include <climits>
#include <cstdint>
#include <optional>
#include <vector>

#include "check.hpp"
#include "draw.hpp"
#include "ybcore/checks/attribute.hpp"
#include "ybcore/checks/diagnoses.hpp"
#include "ybcore/checks/price_ceiling.hpp"

using namespace ybcore::checks;
using draw::Finding;
using draw::offending;

namespace {

using Truth = std::optional<bool>;

std::int32_t day(int year, unsigned month, unsigned of_month) {
  using namespace std::chrono;
  return static_cast<std::int32_t>(sys_days{std::chrono::year{year} / month / of_month}.time_since_epoch().count());
}

std::int64_t age_of(AgeUnit unit, std::int32_t birth, std::int32_t on) {
  const std::vector<std::int64_t> most{INT64_MIN / 2};
  const std::vector<Comparator> than{Comparator::kMoreThan};
  const std::vector<AgeUnit> units{unit};
  const Found found = age({}, std::vector<std::int32_t>{birth}, std::vector<std::int32_t>{on}, {units, than, most}, 1);
  return found.size() == 1 ? found.measure[0] : INT64_MAX;
}

void ages_turn() {
  const std::int32_t leap = day(2024, 2, 29), last = day(2023, 1, 31);
  CHECK_EQ(age_of(AgeUnit::kYear, leap, day(2025, 2, 28)), 0);
  CHECK_EQ(age_of(AgeUnit::kYear, leap, day(2025, 3, 1)), 1);
  CHECK_EQ(age_of(AgeUnit::kYear, leap, day(2028, 2, 28)), 3);
  CHECK_EQ(age_of(AgeUnit::kYear, leap, day(2028, 2, 29)), 4);
  CHECK_EQ(age_of(AgeUnit::kMonth, last, day(2023, 2, 28)), 0);
  CHECK_EQ(age_of(AgeUnit::kMonth, last, day(2023, 3, 1)), 1);
  CHECK_EQ(age_of(AgeUnit::kMonth, last, day(2023, 3, 31)), 2);
  CHECK_EQ(age_of(AgeUnit::kDay, last, day(2023, 2, 28)), 28);
  CHECK_EQ(age_of(AgeUnit::kYear, day(2007, 6, 1), day(2025, 5, 31)), 17);
  CHECK_EQ(age_of(AgeUnit::kYear, day(2007, 6, 1), day(2025, 6, 1)), 18);
  CHECK_EQ(age_of(AgeUnit::kYear, 1, 0), -1);
  CHECK_EQ(age_of(AgeUnit::kMonth, day(2020, 1, 2), day(2020, 1, 1)), -1);
  CHECK_EQ(age_of(AgeUnit::kYear, day(2020, 12, 31), day(2020, 1, 1)), -1);
  CHECK_EQ(age_of(AgeUnit::kDay, INT32_MIN, 5), INT64_MAX);
}

// Every day for some years from some births: what is told without a calendar is what the calendar tells.
void ages_day_by_day() {
  for (const std::int32_t birth : {day(2019, 12, 31), day(2020, 1, 31), day(2020, 2, 29), day(2021, 3, 1), day(2021, 8, 31)})
    for (const AgeUnit one : {AgeUnit::kMonth, AgeUnit::kYear})
      for (const Comparator comparator : {Comparator::kMoreThan, Comparator::kAtLeast, Comparator::kLessThan, Comparator::kAtMost})
        for (const std::int64_t value : {1, 2, 5}) {
          std::vector<std::int32_t> births, days;
          std::vector<Finding> wanted;
          for (std::int32_t d = birth - 400; d < birth + 2500; ++d) births.push_back(birth), days.push_back(d);
          for (std::size_t i = 0; i < days.size(); ++i)
            if (const std::int64_t own = age_of(one, birth, days[i]); hits(comparator, own, value))
              wanted.push_back({own, value, -1, {offending(i)}});
          const std::vector<AgeUnit> unit{one};
          const std::vector<Comparator> than{comparator};
          const std::vector<std::int64_t> limit{value};
          CHECK(draw::listed(age({}, births, days, {unit, than, limit}, 1)) == wanted);
        }
}

void attributes(std::uint64_t seed, std::size_t rows) {
  draw::Numbers random(seed);
  const auto entry = random.column<std::int32_t>(rows, -2, 2), code = random.column<std::int32_t>(rows, -1, 99);
  const std::vector<std::int32_t> set{0, 1, -1};
  std::vector<std::uint64_t> words(4);
  for (std::uint64_t& word : words) word = random.between<std::uint64_t>(0, INT64_MAX);
  const auto birth = random.column<std::int32_t>(rows, 0, 800);
  auto on = random.column<std::int32_t>(rows, 0, 1600);
  for (std::int32_t& d : on)
    if (random.one_in(9)) d = INT32_MIN;
  const std::vector<AgeUnit> unit{AgeUnit::kDay, AgeUnit::kMonth, AgeUnit::kYear};
  const std::vector<Comparator> than{Comparator::kMoreThan, Comparator::kAtMost, Comparator::kAtLeast};
  const std::vector<std::int64_t> value{28, 6, 1};
  for (const bool barred : {false, true}) {
    std::vector<Finding> codes, ages, lists;
    std::int64_t unknown = 0, ageless = 0, unlisted = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      const std::int32_t e = entry[i];
      if (e == -2) ++unknown, ++ageless, ++unlisted;
      if (e < 0) continue;
      const auto at = static_cast<std::size_t>(e), bit = static_cast<std::size_t>(code[i]);
      lists.push_back({0, 0, e, {offending(i)}});
      if (set[at] >= 0 && code[i] < 0) ++unknown;
      if (set[at] >= 0 && code[i] >= 0 && ((words[static_cast<std::size_t>(set[at]) * 2 + bit / 64] >> (bit % 64) & 1) != 0) == barred)
        codes.push_back({0, 0, e, {offending(i)}});
      if (on[i] == INT32_MIN) {
        ++ageless;
      } else if (hits(than[at], age_of(unit[at], birth[i], on[i]), value[at])) {
        ages.push_back({age_of(unit[at], birth[i], on[i]), value[at], e, {offending(i)}});
      }
    }
    for (const int threads : {1, 2, 7}) {
      Found found = attribute(entry, code, {{words, 2}, set, barred}, threads);
      CHECK(draw::listed(found) == codes);
      CHECK_EQ(found.unknown, unknown);
      found = age(entry, birth, on, {unit, than, value}, threads);
      CHECK(draw::listed(found) == ages);
      CHECK_EQ(found.unknown, ageless);
      found = listed(entry, threads);
      CHECK(draw::listed(found) == lists && found.unknown == unlisted);
    }
  }
}

struct Scene {
  std::vector<std::int32_t> entry, visit, day, code, person, visit_day, set{0, 1, -1};
  std::vector<std::int64_t> time, begin{0}, test_begin{0}, test_time, value;
  std::vector<std::uint8_t> main;
  std::vector<std::uint64_t> words{0b0011, 0b0110};
};

Scene scene(std::uint64_t seed) {
  draw::Numbers random(seed);
  Scene s;
  constexpr std::int64_t kDay = 86'400'000'000;
  for (std::int32_t p = 0; p < 4; ++p) {
    std::int32_t now = -3;
    for (int v = random.between(0, 4); v > 0; --v) {
      now += random.between(0, 3);
      s.person.push_back(p), s.visit_day.push_back(now);
      for (int d = random.between(0, 3); d > 0; --d) s.code.push_back(random.between(-1, 3)), s.main.push_back(random.one_in(2));
      s.begin.push_back(static_cast<std::int64_t>(s.code.size()));
    }
    std::int64_t at = -3 * kDay;
    for (int t = random.between(0, 4); t > 0; --t) {
      at += random.between(0, 3) * kDay / 2;
      s.test_time.push_back(at), s.value.push_back(random.one_in(4) ? kUnknown : random.between(0, 9));
    }
    s.test_begin.push_back(static_cast<std::int64_t>(s.value.size()));
  }
  const auto visits = static_cast<std::int32_t>(s.person.size());
  for (int i = 0; i < 60; ++i) {
    s.entry.push_back(random.between(-2, 2));
    s.visit.push_back(random.between(-1, visits - 1));
    s.day.push_back(random.one_in(9) ? INT32_MIN : random.between(-4, 8));
    s.time.push_back(random.one_in(9) ? kUnknown : random.between<std::int64_t>(-8, 16) * kDay / 2);
  }
  return s;
}

Truth list_twin(const Scene& s, const DiagnosisRule& rule, std::size_t i, std::int32_t set) {
  if (s.visit[i] < 0) return std::nullopt;
  const auto own = static_cast<std::size_t>(s.visit[i]);
  bool any = false;
  for (std::size_t v = 0; v < s.person.size(); ++v) {
    const bool before = rule.look_back_days >= 0 && s.person[v] == s.person[own] && s.day[i] != INT32_MIN && s.visit_day[v] <= s.day[i] &&
                        s.visit_day[v] >= s.day[i] - rule.look_back_days;
    if (v != own && !before) continue;
    for (auto d = static_cast<std::size_t>(s.begin[v]); d < static_cast<std::size_t>(s.begin[v + 1]); ++d) {
      if (s.code[d] < 0 || (rule.main_only && s.main[d] == 0)) continue;
      if ((s.words[static_cast<std::size_t>(set)] >> s.code[d] & 1) != 0) return true;
      any |= v == own;
    }
  }
  if (rule.look_back_days >= 0 && s.day[i] == INT32_MIN) return std::nullopt;
  return any ? Truth(false) : std::nullopt;
}

Truth test_twin(const Scene& s, const Tests& tests, std::size_t i) {
  if (s.visit[i] < 0 || s.time[i] == kUnknown) return std::nullopt;
  constexpr std::int64_t kDay = 86'400'000'000;
  const auto floor_day = [](std::int64_t t) { return t / kDay - (t % kDay < 0); };
  const auto p = static_cast<std::size_t>(s.person[static_cast<std::size_t>(s.visit[i])]);
  Truth found;
  for (auto t = static_cast<std::size_t>(s.test_begin[p]); t < static_cast<std::size_t>(s.test_begin[p + 1]); ++t) {
    const bool old = tests.look_back_days >= 0 && floor_day(s.test_time[t]) < floor_day(s.time[i]) - tests.look_back_days;
    if (s.test_time[t] <= s.time[i] && !old && s.value[t] != kUnknown) found = hits(tests.comparator, s.value[t], tests.limit);
  }
  return found;
}

void indications(std::uint64_t seed) {
  const Scene s = scene(seed);
  for (int way = 0; way < 48; ++way) {
    DiagnosisRule rule{{s.words, 1}, s.set, (way & 1) != 0, way % 3 - 1, (way & 2) != 0, (way & 4) != 0};
    Tests tests{s.test_begin, s.test_time, s.value, Comparator::kAtLeast, 4, way % 3 - 1};
    const bool with_test = (way & 8) != 0, with_list = (way & 16) == 0 || !with_test;
    if (!with_test) tests = {};
    if (!with_list) rule.set = {};
    std::vector<Finding> wanted;
    std::int64_t unknown = 0;
    for (std::size_t i = 0; i < s.entry.size(); ++i) {
      const std::int32_t e = s.entry[i], set = e < 0 || !with_list ? 0 : s.set[static_cast<std::size_t>(e)];
      if (e == -1 || set < 0) continue;
      Truth holds = with_list ? list_twin(s, rule, i, set) : test_twin(s, tests, i);
      if (with_list && with_test) {
        const Truth other = test_twin(s, tests, i);
        if (holds == rule.any_leaf || other == rule.any_leaf) {
          holds = rule.any_leaf;
        } else {
          holds = holds && other ? Truth(!rule.any_leaf) : std::nullopt;
        }
      }
      if (e < 0 || !holds) {
        ++unknown;
      } else if (*holds == rule.negate) {
        wanted.push_back({0, 0, e, {offending(i)}});
      }
    }
    for (const int threads : {1, 2, 7}) {
      const Found found =
          diagnoses({s.entry, s.visit, s.day, s.time}, {s.begin, s.code, s.main, s.person, s.visit_day}, tests, rule, threads);
      CHECK(draw::listed(found) == wanted);
      CHECK_EQ(found.unknown, unknown);
    }
  }
}

void prices() {
  const std::vector<std::int32_t> entry{0, 0, 0, 1, -1, -2, 0, 2};
  const std::vector<std::int64_t> price{11, 12, 12, INT64_MAX, 99, 99, kUnknown, 99}, quantity{1, 1, 0, 1, 1, 1, 1, 1},
      ceiling{10, INT64_MAX - 1, kUnknown};
  for (const int threads : {1, 2, 7}) {
    Found found = price_ceiling(entry, price, quantity, ceiling, 1, threads);
    CHECK(draw::listed(found) == (std::vector<Finding>{{12, 10, 0, {offending(1)}}}));
    CHECK_EQ(found.unknown, 2);
    found = price_ceiling(entry, price, quantity, ceiling, 0, threads);
    CHECK_EQ(found.size(), 3U);
  }
  CHECK_EQ(price_ceiling({}, {}, {}, {}, 0, 2).size(), 0U);
  CHECK_EQ(attribute({}, {}, {}, 2).size(), 0U);
  CHECK_EQ(diagnoses({}, {}, {}, {}, 2).size(), 0U);
}

}  // namespace

int main() {
  ages_turn();
  ages_day_by_day();
  for (int round = 1; round <= check::rounds(30); ++round) {
    const auto seed = static_cast<std::uint64_t>(round);
    attributes(seed, 300);
    indications(seed);
  }
  attributes(5, 600'000);
  prices();
  return check::result();
}
