// K06 against a twin that looks at every pair of lines, and what is easily got wrong.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "draw.hpp"
#include "ybcore/checks/cap.hpp"

using namespace ybcore::checks;
using draw::Finding;
using draw::involved;
using draw::offending;

namespace {

constexpr std::int64_t kHourMicros = 3'600'000'000, kDayMicros = 24 * kHourMicros;

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

struct Case {
  std::vector<std::int64_t> begin, time, value, caps;
  std::vector<std::int32_t> combine, entry, days, subject, cut;
};

std::vector<Finding> twin(const Case& c, const CapRule& rule, bool counted, std::int64_t& unknown) {
  std::vector<Finding> out;
  std::vector<char> done(c.time.size());
  for (std::size_t p = 0; p + 1 < c.begin.size(); ++p) {
    const auto begin = static_cast<std::size_t>(c.begin[p]), end = static_cast<std::size_t>(c.begin[p + 1]);
    const bool timed = rule.group.cell == Cell::kDay || rule.group.cell == Cell::kHour;
    const auto judged = [&](std::size_t i) {
      if (c.entry[i] == -1 ||
          (c.entry[i] >= 0 && c.combine[i] < 0 && (counted || c.value[i] != kUnknown) && !(rule.factor != 0 && c.days[i] < 0)))
        return 0;
      const bool lost = c.entry[i] < 0 || c.subject[i] < 0 || c.cut[i] < 0 || (timed && c.time[i] == kUnknown) ||
                        (!counted && c.value[i] == kUnknown) || (rule.factor != 0 && c.days[i] < 0);
      return lost ? -1 : 1;
    };
    const auto together = [&](std::size_t i, std::size_t j) {
      if (c.combine[i] != c.combine[j] || c.subject[i] != c.subject[j] || c.cut[i] != c.cut[j]) return false;
      if (rule.group.cell == Cell::kLine) return i == j;
      const std::int64_t unit = rule.group.cell == Cell::kDay ? kDayMicros : kHourMicros;
      return !timed || floor_div(c.time[i], unit) == floor_div(c.time[j], unit);
    };
    // Groups by time in order of time, inside one by first event: so by first event, where time cuts.
    for (std::size_t i = begin; i < end; ++i) {
      if (judged(i) < 0) ++unknown;
      if (judged(i) <= 0 || done[i]) continue;
      std::vector<std::size_t> lines;
      std::int64_t sum = 0;
      for (std::size_t j = i; j < end; ++j)
        if (judged(j) > 0 && together(i, j)) lines.push_back(j), done[j] = 1, sum += counted ? 1 : c.value[j];
      if (c.caps[static_cast<std::size_t>(c.entry[i])] == kUnknown) continue;
      const std::int64_t limit = c.caps[static_cast<std::size_t>(c.entry[i])] + rule.factor * c.days[i];
      if (!hits(rule.comparator, sum, limit)) continue;
      Finding one{sum, limit, c.entry[i], {}};
      const bool upper = rule.comparator == Comparator::kMoreThan || rule.comparator == Comparator::kAtLeast;
      std::int64_t beyond = upper ? sum - limit + (rule.comparator == Comparator::kAtLeast) : 0;
      std::vector<std::int64_t> share(lines.size());
      for (std::size_t k = 0; k < lines.size(); ++k) {
        const std::size_t at = rule.last_paid ? k : lines.size() - 1 - k;
        const std::int64_t own = counted ? 1 : c.value[lines[at]];
        share[at] = own <= 0 ? 0 : std::min(own, std::max<std::int64_t>(beyond, 0));
        beyond -= share[at];
      }
      if (upper && std::ranges::none_of(share, [](std::int64_t x) { return x > 0; })) continue;
      for (std::size_t k = 0; k < lines.size(); ++k)
        if (!upper || share[k] > 0) one.details.push_back(offending(lines[k], counted || !upper ? kWhole : share[k]));
      for (std::size_t k = 0; k < lines.size(); ++k)
        if (upper && share[k] == 0) one.details.push_back(involved(lines[k]));
      out.push_back(one);
    }
  }
  return out;
}

// A row by code is what the same row by line is, and code 2 may have none.
void by_code(const Case& c, const std::vector<std::int32_t>& row_of) {
  std::vector<std::int32_t> entry;
  for (const std::int32_t code : c.combine)
    entry.push_back(code < 0 || static_cast<std::size_t>(code) >= row_of.size() ? kNoEntry : row_of[static_cast<std::size_t>(code)]);
  const bool whole = std::min(*std::ranges::min_element(c.subject), *std::ranges::min_element(c.cut)) >= 0;
  for (const Cell cell : {Cell::kLine, Cell::kDay, Cell::kHour, Cell::kSubject})
    for (const Comparator comparator : {Comparator::kMoreThan, Comparator::kAtMost}) {
      const CapRule rule{{cell, c.subject, c.cut, 0}, c.caps, 0, 0, comparator, false};
      const Found wanted = cap({c.begin, c.time, c.combine, c.value, entry, c.days}, rule, 1);
      CapEvents events{c.begin, c.time, c.combine, c.value, {}, c.days};
      events.row_of = row_of;
      for (const bool complete : {false, true}) {
        events.complete = complete;
        const Found found = cap(events, rule, 2);
        CHECK(draw::listed(found) == draw::listed(wanted));
        if (whole || !complete) CHECK_EQ(found.unknown, wanted.unknown);
      }
    }
}

void against_the_twin(std::uint64_t seed, std::size_t rows, std::size_t persons) {
  draw::Numbers random(seed);
  Case c;
  c.begin.push_back(0);
  for (std::size_t p = 0; p < persons; ++p) {
    const std::size_t left = rows - c.time.size(),
                      own = p + 1 == persons ? left : random.between<std::size_t>(0, std::min<std::size_t>(left, 12));
    std::int64_t now = random.one_in(4) ? kUnknown : -2 * kDayMicros;
    for (std::size_t i = 0; i < own; ++i) {
      if (now == kUnknown) {
        if (random.one_in(2)) now = -kDayMicros;
      } else {
        now += random.between<std::int64_t>(0, 3) * (random.one_in(3) ? kDayMicros / 2 : kHourMicros / 2);
      }
      c.time.push_back(now);
    }
    c.begin.push_back(static_cast<std::int64_t>(c.time.size()));
  }
  // With and without what the sieve of sums may not be used for: nothing known, less than nothing, very much.
  const bool plain = seed % 4 < 2;
  c.value = random.column<std::int64_t>(rows, plain ? 0 : -1, 5);
  for (std::int64_t& v : c.value) {
    if (random.one_in(30)) v = kUnknown;
    if (!plain && random.one_in(90)) v = std::int64_t{1} << 41;
  }
  c.combine = random.column<std::int32_t>(rows, random.one_in(2) ? -1 : 0, 2);
  c.entry = random.column<std::int32_t>(rows, -2, 4);
  c.days = random.column<std::int32_t>(rows, -1, 3);
  c.subject = random.column<std::int32_t>(rows, random.one_in(2) ? -1 : 0, 2);
  c.cut = random.column<std::int32_t>(rows, 0, 1);
  c.caps = {0, 2, 5, 9, kUnknown};
  for (const Cell cell : {Cell::kLine, Cell::kDay, Cell::kHour, Cell::kSubject})
    for (const Comparator comparator : {Comparator::kMoreThan, Comparator::kAtLeast, Comparator::kLessThan, Comparator::kAtMost})
      for (const bool flag : {false, true}) {
        const CapRule rule{{cell, c.subject, c.cut, 0}, c.caps, 0, flag ? 2 : 0, comparator, flag};
        const bool counted = seed % 3 == 0;
        std::int64_t unknown = 0;
        const auto wanted = twin(c, rule, counted, unknown);
        CapEvents events{c.begin, c.time, c.combine, c.value, c.entry, c.days};
        if (counted) events.value = {};
        for (const int threads : {1, 2, 7}) {
          const Found found = cap(events, rule, threads);
          CHECK(draw::listed(found) == wanted);
          CHECK_EQ(found.unknown, unknown);
        }
      }
  by_code(c, random.column<std::int32_t>(random.between<std::size_t>(1, 3), -2, 4));
}

// Enough lines for sieves to look at many persons at once, and few that lack anything, so that some blocks are whole and some are not.
Case many(draw::Numbers& random, std::size_t rows, std::int64_t lacking) {
  Case c;
  c.begin.push_back(0);
  while (c.time.size() < rows) {
    const std::size_t own = random.one_in(9) ? 0 : random.between<std::size_t>(1, random.one_in(40) ? 700 : 60);
    // Neighbours share days, and may share items.
    std::int64_t now = random.one_in(3) ? 20 * kDayMicros : random.between<std::int64_t>(-3, 3) * kDayMicros;
    for (std::size_t i = 0; i < own; ++i) {
      c.time.push_back(i < 2 && random.one_in(lacking) ? kUnknown : now);
      now += random.one_in(5) ? kDayMicros / 2 : random.between<std::int64_t>(0, 1) * kHourMicros / 2;
    }
    std::sort(c.time.end() - static_cast<std::ptrdiff_t>(own), c.time.end());
    c.begin.push_back(static_cast<std::int64_t>(c.time.size()));
  }
  rows = c.time.size();
  c.value = random.column<std::int64_t>(rows, 0, 4);
  c.combine = random.column<std::int32_t>(rows, 0, 40);
  c.entry.assign(rows, 0);
  c.days.assign(rows, 0);
  c.subject = random.column<std::int32_t>(rows, 0, 1);
  c.cut.assign(rows, 0);
  for (std::size_t i = 0; i < rows; ++i) {
    if (random.one_in(25)) c.value[i] *= 9;
    if (random.one_in(lacking))
      c.value[i] = random.one_in(3) ? kUnknown : random.one_in(2) ? -3 : std::int64_t{1} << random.between(39, 47);
    if (random.one_in(lacking)) c.subject[i] = -1;
    if (random.one_in(lacking)) c.combine[i] = -1;
  }
  return c;
}

// The same by day and by time, by threads, and with a row by line or by code that all have.
void many_lines(std::uint64_t seed) {
  draw::Numbers random(seed);
  Case c = many(random, 6'000, seed % 3 == 0 ? 40 : 900);
  std::vector<std::int32_t> day;
  for (const std::int64_t time : c.time) day.push_back(time == kUnknown ? kNoDay : static_cast<std::int32_t>(floor_div(time, kDayMicros)));
  const std::vector<std::int32_t> row_of(41, 0);
  for (const Cell cell : {Cell::kLine, Cell::kDay, Cell::kHour, Cell::kSubject})
    for (const Comparator comparator : {Comparator::kMoreThan, Comparator::kAtLeast, Comparator::kAtMost})
      for (const bool last_paid : {false, true}) {
        c.caps = {random.between<std::int64_t>(0, 30)};
        const bool counted = random.one_in(4);
        std::int64_t unknown = 0;
        auto wanted = twin(c, {{cell, c.subject, c.cut, 0}, c.caps, 0, 0, comparator, last_paid}, counted, unknown);
        for (const int threads : {1, 2, 7})
          for (const bool listed : {false, true})
            for (const bool dated : {false, true}) {
              if (dated && cell != Cell::kDay) continue;
              CapEvents events{c.begin, c.time, c.combine, c.value, {}, {}};
              CapRule rule{{cell, c.subject, c.cut, 0}, {}, c.caps[0], 0, comparator, last_paid};
              if (counted) events.value = {};
              if (dated) events.day = day, events.time = {};
              if (listed) events.row_of = row_of, rule.caps = c.caps;
              for (auto& one : wanted) one.entry = listed ? 0 : -1;
              const Found found = cap(events, rule, threads);
              CHECK(draw::listed(found) == wanted);
              // A code that there is none of is of no row, too.
              if (!listed || std::ranges::find(c.combine, -1) == c.combine.end()) CHECK_EQ(found.unknown, unknown);
            }
      }
}

void traps() {
  // One a day: split into two lines, and across midnight.
  const std::vector<std::int64_t> begin{0, 4}, time{kDayMicros - 1, kDayMicros, kDayMicros, 2 * kDayMicros - 1},
      value{10'000, 4'000, 6'000, 1};
  CapRule rule{{Cell::kDay, {}, {}, 0}, {}, 10'000, 0, Comparator::kMoreThan, false};
  Found found = cap({begin, time, {}, value, {}, {}}, rule, 1);
  CHECK(draw::listed(found) == (std::vector<Finding>{{10'001, 10'000, -1, {offending(3, 1), involved(1), involved(2)}}}));
  rule.last_paid = true;
  found = cap({begin, time, {}, value, {}, {}}, rule, 1);
  CHECK(draw::listed(found) == (std::vector<Finding>{{10'001, 10'000, -1, {offending(1, 1), involved(2), involved(3)}}}));
  // Sums beyond 64 bits are still beyond the cap.
  const std::int64_t huge = std::int64_t{1} << 62;
  const std::vector<std::int64_t> many{huge, huge, huge, huge}, whole{0, 4};
  found = cap({whole, {}, {}, many, {}, {}}, {{}, {}, INT64_MAX - 1, 0, Comparator::kMoreThan, false}, 1);
  CHECK(found.size() == 1 && found.measure[0] == INT64_MAX && found.excess[0] == 2 && found.excess[1] == huge);
  const std::vector<std::int32_t> days{INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX};
  found = cap({whole, {}, {}, many, {}, days}, {{}, {}, 0, INT64_MAX, Comparator::kMoreThan, false}, 1);
  CHECK_EQ(found.size(), 0U);
  CHECK_EQ(cap({}, rule, 3).size(), 0U);
}

// One person with everything: a bucket a line, and one for all.
void one_person() {
  const std::size_t rows = 200'000;
  const std::vector<std::int64_t> begin{0, static_cast<std::int64_t>(rows)};
  std::vector<std::int64_t> value(rows, 1);
  std::vector<std::int32_t> combine(rows);
  for (std::size_t i = 0; i < rows; ++i) combine[i] = static_cast<std::int32_t>(i * 7919 % rows);
  CapRule rule{{}, {}, 1, 0, Comparator::kMoreThan, false};
  CHECK_EQ(cap({begin, {}, combine, value, {}, {}}, rule, 2).size(), 0U);
  const Found found = cap({begin, {}, {}, value, {}, {}}, rule, 2);
  CHECK(found.size() == 1 && found.details[1] == static_cast<std::int64_t>(rows) && found.event.back() == 0);
}

}  // namespace

int main() {
  for (int round = 1; round <= check::rounds(40); ++round) {
    const auto seed = static_cast<std::uint64_t>(round);
    against_the_twin(seed, 20 + seed * 5, seed % 7 + 1);
  }
  for (int round = 1; round <= check::rounds(12); ++round) many_lines(static_cast<std::uint64_t>(round));
  traps();
  one_person();
  return check::result();
}
