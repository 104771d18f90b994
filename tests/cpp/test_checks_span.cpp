// Intervals: twins that try every day and every pair, and the traps of transfer days, midnight and what is not known.
#include <algorithm>
#include <set>
#include <vector>

#include "check.hpp"
#include "found_text.hpp"
#include "random_events.hpp"
#include "ybcore/checks/span.hpp"

using namespace ybcore::checks;
using found_text::text;

namespace {

using I32 = std::vector<std::int32_t>;
using I64 = std::vector<std::int64_t>;
constexpr std::int64_t kHour = 3'600'000'000, kDay = 24 * kHour;

std::int64_t day(std::int64_t micros) { return (micros - (micros % kDay + kDay) % kDay) / kDay; }

struct Drawn {
  I64 begin, start, end;
  I32 stay;
};

std::int64_t perhaps(draw::Random& random, std::int64_t value) { return random.in(0, 24) == 0 ? kUnknown : value; }

Drawn stays(draw::Random& random) {
  Drawn out;
  out.begin = draw::offsets(random, 25, 7);
  for (std::size_t g = 0; g + 1 < out.begin.size(); ++g) {
    std::int64_t at = random.in(-9, 9) * kDay;
    for (auto i = out.begin[g]; i < out.begin[g + 1]; ++i) {
      at += random.in(0, 9) * kHour * 6;
      out.start.push_back(perhaps(random, at));
      out.end.push_back(perhaps(random, at + random.in(0, 30) * kHour * 6));
      out.stay.push_back(static_cast<std::int32_t>(random.in(0, 3)));
    }
  }
  return out;
}

template <class Twin, class Kernel>
void agree(const Twin& twin, const Kernel& kernel) {
  for (const int threads : {1, 2, 7}) CHECK_EQ(text(kernel(threads)), twin);
}

void lines_in_stays() {
  draw::Random random{1};
  for (int round = 0; round < check::rounds(100); ++round) {
    const Drawn s = stays(random);
    I64 time;
    I32 of;
    Found twin;
    for (int i = 0; i < 60; ++i) {
      of.push_back(s.stay.empty() ? -1 : static_cast<std::int32_t>(random.in(-1, static_cast<std::int64_t>(s.stay.size()) - 1)));
      time.push_back(perhaps(random, random.in(-20, 30) * kDay + random.in(0, 23) * kHour));
      const std::int64_t start = of.back() < 0 ? kUnknown : s.start[static_cast<std::size_t>(of.back())];
      const std::int64_t end = of.back() < 0 ? kUnknown : s.end[static_cast<std::size_t>(of.back())];
      const bool timed = time.back() != kUnknown;
      if (timed && start != kUnknown && day(time.back()) < day(start) - 1) {
        twin.open({day(start) - day(time.back()), 1, start, end});
        twin.detail(i, Part::kOffending);
      } else if (timed && end != kUnknown && day(time.back()) > day(end) + 2) {
        twin.open({day(time.back()) - day(end), 2, start, end});
        twin.detail(i, Part::kOffending);
      } else if (!timed || start == kUnknown || end == kUnknown) {
        ++twin.unknown;
      }
    }
    agree(text(twin), [&](int threads) { return line_in_stay({time, of, s.start, s.end}, 1, 2, threads); });
  }
  // The day of discharge is within, to its last second; the next is not.
  const I64 start{0}, end{3 * kDay + 10 * kHour}, time{4 * kDay - 1, 4 * kDay};
  CHECK_EQ(text(line_in_stay({time, I32{0, 0}, start, end}, 0, 0)), "1/0 [0,295200000000] #0 !1; 0");
}

void meetings() {
  draw::Random random{2};
  for (int round = 0; round < check::rounds(200); ++round) {
    const Drawn s = stays(random);
    I32 kind;
    for (std::size_t i = 0; i < s.stay.size(); ++i) kind.push_back(static_cast<std::int32_t>(random.in(0, 9) == 0 ? -1 : random.in(0, 1)));
    const std::vector<std::uint8_t> looked_at{0, 1, 1, 1};
    const std::int64_t grace = random.in(0, 2);
    Found twin;
    for (std::size_t g = 0; g + 1 < s.begin.size(); ++g)
      for (auto i = static_cast<std::size_t>(s.begin[g]); i < static_cast<std::size_t>(s.begin[g + 1]); ++i) {
        const auto known = [&](std::size_t k) { return s.start[k] != kUnknown && s.end[k] != kUnknown && kind[k] >= 0; };
        if (!known(i)) {
          ++twin.unknown;
          continue;
        }
        std::vector<std::size_t> met;
        std::int64_t most = grace;
        std::size_t which = 0;
        for (auto j = static_cast<std::size_t>(s.begin[g]); j < i; ++j) {
          if (!known(j) || s.stay[i] == s.stay[j] || (kind[i] == 0 && kind[j] == 0)) continue;
          const std::int64_t shared = day(std::min(s.end[i], s.end[j])) - day(std::max(s.start[i], s.start[j]));
          if (shared > grace) met.push_back(j);
          if (shared > most) most = shared, which = j;
        }
        if (met.empty()) continue;
        twin.open({most, grace, s.start[i], std::min(s.end[i], s.end[which])});
        twin.detail(static_cast<std::int32_t>(i), Part::kOffending);
        for (const std::size_t j : met) twin.detail(static_cast<std::int32_t>(j), Part::kInvolved);
      }
    agree(text(twin), [&](int threads) { return overlap({s.begin, s.start, s.end, s.stay, kind, looked_at, 2}, grace, threads); });
  }
  // A transfer day is shared by two stays, and no night is.
  const std::vector<std::uint8_t> all{1};
  const I64 begin{0, 2}, start{0, 5 * kDay + 9 * kHour}, end{5 * kDay + 17 * kHour, 9 * kDay}, early{0, 4 * kDay + 23 * kHour};
  CHECK_EQ(overlap({begin, start, end, I32{0, 1}, I32{0, 0}, all, 1}, 0).size(), 0U);
  CHECK_EQ(overlap({begin, early, end, I32{0, 1}, I32{0, 0}, all, 1}, 0).measure.at(0), 1);
  CHECK_EQ(overlap({begin, early, end, I32{0, 1}, I32{0, 0}, all, 1}, 1).size(), 0U);
}

void operations() {
  draw::Random random{4};
  for (int round = 0; round < check::rounds(100); ++round) {
    const I64 begin = draw::offsets(random, 12, 3);
    I64 operation, time;
    I32 visit;
    for (std::int64_t k = 0; k < begin.back(); ++k) operation.push_back(perhaps(random, random.in(0, 200) * kHour / 2));
    Found twin;
    for (int i = 0; i < 50; ++i) {
      visit.push_back(static_cast<std::int32_t>(random.in(-1, 11)));
      time.push_back(perhaps(random, random.in(0, 200) * kHour / 2));
      std::int64_t near = INT64_MAX, which = 0;
      bool fits = false, missing = visit.back() < 0 || time.back() == kUnknown;
      if (!missing) {
        const auto from = begin[static_cast<std::size_t>(visit.back())], to = begin[static_cast<std::size_t>(visit.back()) + 1];
        missing = from == to;
        for (auto k = from; k < to; ++k) {
          const std::int64_t at = operation[static_cast<std::size_t>(k)];
          missing |= at == kUnknown;
          if (at == kUnknown) continue;
          fits |= at - 2 * kHour <= time.back() && time.back() <= at + 24 * kHour;
          const std::int64_t miss = std::max(at - 2 * kHour - time.back(), time.back() - at - 24 * kHour);
          if (miss < near) near = miss, which = at;
        }
      }
      if (fits) continue;
      if (missing) {
        ++twin.unknown;
        continue;
      }
      twin.open({near / kHour + (near % kHour != 0), 0, which - 2 * kHour, which + 24 * kHour});
      twin.detail(i, Part::kOffending);
    }
    agree(text(twin), [&](int threads) { return around_operation({time, visit, begin, operation}, 2, 24, threads); });
  }
}

void deaths() {
  const I64 begin{0, 3, 3, 5}, death{kDay + 8 * kHour, 5, kUnknown};
  const I64 time{kDay, 2 * kDay - 1, 3 * kDay, 9 * kDay, 10 * kDay};
  agree(std::string("2/0 [115200000000,259200000000] #0 !2; 0"),
        [&](int threads) { return after_death({begin, time, death}, 0, threads); });
  CHECK_EQ(after_death({begin, time, death}, 2).size(), 0U);
  const I64 missing{kUnknown, 2 * kDay, kUnknown, kUnknown, 0};
  CHECK_EQ(text(after_death({begin, missing, death}, 0)), "1/0 [115200000000,172800000000] #0 !1; 2");
}

void idle_days() {
  draw::Random random{5};
  for (int round = 0; round < check::rounds(200); ++round) {
    const Drawn s = stays(random);
    const I64 begin = draw::offsets(random, static_cast<int>(s.start.size()), 5);
    I64 time;
    Found twin;
    for (std::size_t i = 0; i < s.start.size(); ++i) {
      std::int64_t at = random.in(-12, 20) * kDay;
      std::set<std::int64_t> used;
      for (auto k = begin[i]; k < begin[i + 1]; ++k) {
        at += random.in(0, 12) * kHour * 6;
        time.push_back(at);
        used.insert(day(at));
      }
      if (s.start[i] == kUnknown || s.end[i] == kUnknown) {
        ++twin.unknown;
        continue;
      }
      std::int64_t run = 0, longest = 0, last = 0;
      for (auto d = day(s.start[i]); d <= day(s.end[i]); ++d) {
        run = used.contains(d) ? 0 : run + 1;
        if (run > longest) longest = run, last = d;
      }
      if (longest <= 2) continue;
      twin.open({longest, 2, last - longest + 1, last});
      twin.detail(static_cast<std::int32_t>(i), Part::kOffending);
    }
    agree(text(twin), [&](int threads) { return idle({s.start, s.end, begin, time}, 2, threads); });
  }
}

void admissions() {
  draw::Random random{6};
  for (int round = 0; round < check::rounds(200); ++round) {
    const Drawn s = stays(random);
    std::vector<std::uint8_t> role;
    for (std::size_t i = 0; i < s.start.size(); ++i) role.push_back(static_cast<std::uint8_t>(random.in(0, 2)));
    Found twin;
    for (std::size_t g = 0; g + 1 < s.begin.size(); ++g)
      for (auto i = static_cast<std::size_t>(s.begin[g]); i < static_cast<std::size_t>(s.begin[g + 1]); ++i) {
        if (role[i] != 0 && (s.start[i] == kUnknown || (role[i] == 1 && s.end[i] == kUnknown))) {
          ++twin.unknown;
          continue;
        }
        for (auto j = static_cast<std::size_t>(s.begin[g]); role[i] == 1 && j < static_cast<std::size_t>(s.begin[g + 1]); ++j) {
          if (role[j] != 2 || s.start[j] == kUnknown || s.start[j] < s.start[i]) continue;
          const std::int64_t between = day(s.start[j]) - day(s.end[i]);
          if (between < 0 || between > 3) continue;
          twin.open({between, 3, s.end[i], s.start[j]});
          twin.detail(static_cast<std::int32_t>(i), Part::kOffending);
          twin.detail(static_cast<std::int32_t>(j), Part::kInvolved);
          break;
        }
      }
    agree(text(twin), [&](int threads) { return before_admission({s.begin, s.start, s.end, role}, 3, threads); });
  }
}

void settled_late() {
  const I64 end{0, 0, kUnknown, 5}, settled{14 * kDay + kHour, 15 * kDay, 0, kUnknown};
  agree(std::string("15/14 [0,1296000000000] #0 !1; 2"), [&](int threads) { return unsettled(end, settled, 14, threads); });
}

void nothing() {
  CHECK_EQ(line_in_stay({}, 0, 0, 2).size() + overlap({}, 0, 2).size() + around_operation({}, 1, 1, 2).size() +
               after_death({}, 0, 2).size() + idle({}, 0, 2).size() + before_admission({}, 0, 2).size() + unsettled({}, {}, 0, 2).size(),
           0U);
}

}  // namespace

int main() {
  lines_in_stays();
  meetings();
  operations();
  deaths();
  idle_days();
  admissions();
  settled_late();
  nothing();
  return check::result();
}
