// Gaps between stays: a twin that looks at every earlier stay, and the traps of overlap, ties and zones.
#include <algorithm>
#include <tuple>
#include <vector>

#include "check.hpp"
#include "found_text.hpp"
#include "random_events.hpp"
#include "ybcore/checks/gap.hpp"

using namespace ybcore::checks;
using found_text::text;

namespace {

using I64 = std::vector<std::int64_t>;
constexpr std::int64_t kDay = 86'400'000'000;

std::int64_t day(std::int64_t micros) { return (micros - (micros % kDay + kDay) % kDay) / kDay; }

std::string twin(const Stays& s, const GapRule& rule) {
  Found out;
  for (std::size_t g = 0; g + 1 < s.begin.size(); ++g)
    for (auto i = s.begin[g]; i < s.begin[g + 1]; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const auto known = [&](std::int64_t k) {
        return s.start[static_cast<std::size_t>(k)] != kUnknown && s.end[static_cast<std::size_t>(k)] != kUnknown;
      };
      if (!known(i)) {
        ++out.unknown;
        continue;
      }
      std::tuple<std::int64_t, std::int64_t> best{kUnknown, -1};
      for (auto j = s.begin[g]; j < i; ++j)
        if (known(j)) best = std::max(best, std::tuple{s.end[static_cast<std::size_t>(j)], j});
      const auto before = std::get<1>(best);
      if (before < 0 || s.exempt[at] != 0 || s.from[at] == before) continue;
      const std::int64_t days = day(s.start[at]) - day(std::get<0>(best));
      if (days < 0 && !rule.overlap) continue;
      for (std::size_t z = 0; z < rule.zones.size(); ++z)
        if (hits(rule.comparator, days, rule.zones[z])) {
          out.open({days, rule.zones[z], std::get<0>(best), s.start[at], -1, static_cast<std::int32_t>(z)});
          out.detail(static_cast<std::int32_t>(i), Part::kOffending);
          out.detail(static_cast<std::int32_t>(before), Part::kInvolved);
          break;
        }
    }
  return text(out);
}

void as_the_twin() {
  draw::Random random{3};
  for (int round = 0; round < check::rounds(300); ++round) {
    const I64 begin = draw::offsets(random, 30, 8);
    I64 start, end;
    std::vector<std::uint8_t> exempt;
    std::vector<std::int32_t> from;
    for (std::size_t g = 0; g + 1 < begin.size(); ++g) {
      std::int64_t at = random.in(-20, 20) * kDay;
      for (auto i = begin[g]; i < begin[g + 1]; ++i) {
        at += random.in(0, 6) * kDay / 2;
        start.push_back(random.in(0, 19) == 0 ? kUnknown : at);
        end.push_back(random.in(0, 19) == 0 ? kUnknown : at + random.in(0, 10) * kDay / 2);
        exempt.push_back(random.in(0, 5) == 0);
        from.push_back(static_cast<std::int32_t>(random.in(0, 3) == 0 ? i - random.in(0, 2) : -1));
      }
    }
    const I64 zones{3, 7, 1};
    const Stays stays{begin, start, end, exempt, from};
    const GapRule rule{static_cast<Comparator>(random.in(0, 3)), zones, random.in(0, 1) == 1};
    for (const int threads : {1, 2, 7}) CHECK_EQ(text(gap(stays, rule, threads)), twin(stays, rule));
  }
}

void zones_and_edges() {
  const I64 begin{0, 2}, zones{7, 15};
  for (const std::int64_t days : {0, 7, 8, 15, 16}) {
    const I64 start{0, (2 + days) * kDay}, end{2 * kDay, (3 + days) * kDay};
    const Found found = gap({begin, start, end, {}, {}}, {Comparator::kAtMost, zones, false});
    CHECK_EQ(found.size(), days <= 15 ? 1U : 0U);
    if (days <= 15) CHECK(found.measure[0] == days && found.limit[0] == (days <= 7 ? 7 : 15) && found.step[0] == (days <= 7 ? 0 : 1));
  }
  // Admitted on the evening of the day of discharge: 0 days, whatever the hours. Begun before the other ended: no gap, unless asked.
  const I64 start{0, 2 * kDay + 79'200'000'000}, end{2 * kDay + 36'000'000'000, 3 * kDay};
  CHECK_EQ(gap({begin, start, end, {}, {}}, {Comparator::kAtMost, zones, false}).measure.at(0), 0);
  const I64 inside{0, kDay};
  CHECK_EQ(gap({begin, inside, end, {}, {}}, {Comparator::kAtMost, zones, false}).size(), 0U);
  CHECK_EQ(gap({begin, inside, end, {}, {}}, {Comparator::kAtMost, zones, true}).measure.at(0), -1);
}

// A long stay hides the short one within it: the third is held against the first.
void latest_end_is_before() {
  const I64 begin{0, 3}, start{0, kDay, 21 * kDay}, end{20 * kDay, 2 * kDay, 22 * kDay}, zones{3};
  CHECK_EQ(text(gap({begin, start, end, {}, {}}, {Comparator::kAtMost, zones, false})), "1/3 [1728000000000,1814400000000] #0 !2 ?0; 0");
  CHECK_EQ(gap({{}, {}, {}, {}, {}}, {Comparator::kAtMost, zones, false}, 3).size(), 0U);
}

}  // namespace

int main() {
  as_the_twin();
  zones_and_edges();
  latest_end_is_before();
  return check::result();
}
