// Ratios: twins with roots by search, and the traps of zero denominators, tiny samples, no spread and far numbers.
#include <algorithm>
#include <vector>

#include "check.hpp"
#include "found_text.hpp"
#include "random_events.hpp"
#include "ybcore/checks/ratio.hpp"

using namespace ybcore::checks;
using found_text::text;

namespace {

using I32 = std::vector<std::int32_t>;
using I64 = std::vector<std::int64_t>;
using Wide = __int128;

Wide half_up(Wide a, Wide b) { return a < 0 ? -((-a * 2 + b) / (b * 2)) : (a * 2 + b) / (b * 2); }

void tell(Found& out, std::size_t i, Wide measure, RatioTest test) {
  out.open({static_cast<std::int64_t>(measure), test.value});
  out.detail(static_cast<std::int32_t>(i), Part::kOffending);
}

std::int64_t ratio(const Ratios& r, std::size_t i) {
  if (r.numerator[i] == kUnknown || r.denominator[i] == kUnknown || r.denominator[i] <= 0 || r.denominator[i] < r.min_sample)
    return kUnknown;
  return static_cast<std::int64_t>(half_up(static_cast<Wide>(r.numerator[i]) * r.up, static_cast<Wide>(r.denominator[i]) * r.down));
}

// a / b against value / 1000000, with b > 0.
bool beyond(Comparator comparator, Wide a, Wide b, std::int64_t value) {
  const Wide left = a * 1'000'000, right = b * value;
  return hits(comparator, left < right ? -1 : left > right ? 1 : 0, 0);
}

// Small numbers: squares fit 128 bits.
void twin_z(const I64& known, const std::vector<std::size_t>& cells, RatioTest test, Found& out) {
  Wide sum = 0, squares = 0;
  const auto n = static_cast<Wide>(known.size());
  for (const Wide r : known) sum += r, squares += r * r;
  const Wide variance = n * squares - sum * sum;
  if (variance == 0) {
    out.unknown += static_cast<std::int64_t>(cells.size());
    return;
  }
  for (std::size_t k = 0; k < cells.size(); ++k) {
    const Wide a = n * known[k] - sum;
    const Wide left = a * a * 1'000'000 * 1'000'000 * (a < 0 ? -1 : 1),
               right = variance * test.value * test.value * (test.value < 0 ? -1 : 1);
    if (!hits(test.comparator, left < right ? -1 : left > right ? 1 : 0, 0)) continue;
    Wide z = 0;
    while ((2 * z + 1) * (2 * z + 1) * variance <= 4 * a * a * 1'000'000 * 1'000'000) z += 1;
    tell(out, cells[k], a < 0 ? -z : z, test);
  }
}

void twin_group(const Ratios& r, std::size_t from, std::size_t to, Statistic statistic, RatioTest test, Found& out) {
  I64 known;
  std::vector<std::size_t> cells;
  for (std::size_t i = from; i < to; ++i) {
    if (ratio(r, i) == kUnknown) {
      ++out.unknown;
    } else {
      known.push_back(ratio(r, i)), cells.push_back(i);
    }
  }
  if (known.empty()) return;
  if (statistic == Statistic::kZ) return twin_z(known, cells, test, out);
  const auto lower_median = [](I64 of) {
    std::sort(of.begin(), of.end());
    return of[(of.size() - 1) / 2];
  };
  const std::int64_t median = lower_median(known);
  I64 apart;
  for (const std::int64_t one : known) apart.push_back(std::abs(one - median));
  const std::int64_t mad = lower_median(apart);
  if (statistic == Statistic::kMad && mad == 0) {
    out.unknown += static_cast<std::int64_t>(cells.size());
    return;
  }
  for (std::size_t k = 0; k < cells.size(); ++k) {
    const Wide below = std::count_if(known.begin(), known.end(), [&](auto other) { return other < known[k]; });
    const Wide a = statistic == Statistic::kMad ? static_cast<Wide>(apart[k]) : below;
    const Wide b = statistic == Statistic::kMad ? mad : static_cast<Wide>(known.size());
    if (beyond(test.comparator, a, b, test.value)) tell(out, cells[k], half_up(a * 1'000'000, b), test);
  }
}

void as_the_twins() {
  draw::Random random{23};
  for (int round = 0; round < check::rounds(300); ++round) {
    const I64 begin = draw::offsets(random, 8, 7);
    I64 numerator, denominator;
    I32 before;
    for (std::int64_t i = 0; i < begin.back(); ++i) {
      numerator.push_back(random.in(0, 15) == 0 ? kUnknown : random.in(0, 9));
      denominator.push_back(random.in(0, 15) == 0 ? kUnknown : random.in(-1, 7));
      before.push_back(static_cast<std::int32_t>(random.in(-1, begin.back() - 1)));
    }
    // A coarse scale: values that are met exactly.
    const Ratios r{numerator, denominator, random.in(1, 20), random.in(1, 3), random.in(0, 3)};
    const RatioTest test{static_cast<Comparator>(random.in(0, 3)), random.in(-6, 6) * 250'000};
    const RatioTest plain{test.comparator, random.in(0, 10)};
    Found fixed, change;
    for (std::size_t i = 0; i < numerator.size(); ++i) {
      const std::int64_t now = ratio(r, i), base = before[i] < 0 ? kUnknown : ratio(r, static_cast<std::size_t>(before[i]));
      if (now == kUnknown) {
        ++fixed.unknown;
      } else if (hits(plain.comparator, now, plain.value)) {
        tell(fixed, i, now, plain);
      }
      if (now == kUnknown || base == kUnknown || base <= 0) {
        ++change.unknown;
      } else if (beyond(test.comparator, now - base, base, test.value)) {
        tell(change, i, half_up(static_cast<Wide>(now - base) * 1'000'000, base), test);
      }
    }
    for (const int threads : {1, 2, 7}) {
      CHECK_EQ(text(ratio_fixed(r, plain, threads)), text(fixed));
      CHECK_EQ(text(ratio_change(r, before, test, threads)), text(change));
    }
    for (const Statistic statistic : {Statistic::kZ, Statistic::kMad, Statistic::kPercentile}) {
      Found peer;
      for (std::size_t g = 0; g + 1 < begin.size(); ++g)
        twin_group(r, static_cast<std::size_t>(begin[g]), static_cast<std::size_t>(begin[g + 1]), statistic, test, peer);
      for (const int threads : {1, 2, 7}) CHECK_EQ(text(ratio_peer(r, begin, statistic, test, threads)), text(peer));
    }
  }
}

void unknown_where_there_is_too_little() {
  const I64 numerator{1, 5, 1}, denominator{0, 10, 9};
  CHECK_EQ(text(ratio_fixed({numerator, denominator, 1'000'000, 1, 10}, {Comparator::kAtLeast, 500'000})), "500000/500000 [?,?] #0 !1; 2");
  CHECK_EQ(text(ratio_fixed({I64{2}, I64{3}}, {Comparator::kMoreThan, 666'666})), "666667/666666 [?,?] #0 !0; 0");
  const I64 same{4, 4, 4}, tens{10, 10, 10}, all{0, 3};
  CHECK_EQ(text(ratio_peer({same, tens}, all, Statistic::kZ, {Comparator::kAtLeast, 0})), "3");
  CHECK_EQ(text(ratio_peer({same, tens}, all, Statistic::kMad, {Comparator::kAtLeast, 0})), "3");
  CHECK_EQ(text(ratio_peer({same, tens}, all, Statistic::kPercentile, {Comparator::kMoreThan, 0})), "0");
  CHECK_EQ(ratio_fixed({}, {}, 2).size() + ratio_change({}, {}, {}, 2).size() + ratio_peer({}, {}, Statistic::kZ, {}, 2).size(), 0U);
}

void far_numbers() {
  const std::int64_t far = std::int64_t{1} << 62;
  CHECK_EQ(text(ratio_fixed({I64{far, far}, I64{far, 1}}, {Comparator::kAtLeast, 1'000'000})), "1000000/1000000 [?,?] #0 !0; 1");
  // Two of three far apart: z is the root of 2 below, of which the seventh digit decides.
  const I64 numerator{0, far / 2'000'000, 0}, one{1, 1, 1}, all{0, 3};
  CHECK_EQ(text(ratio_peer({numerator, one, 1'000'000 / 4, 1}, all, Statistic::kZ, {Comparator::kMoreThan, 1'414'213})),
           "1414214/1414213 [?,?] #0 !1; 0");
  CHECK_EQ(text(ratio_peer({numerator, one, 1'000'000 / 4, 1}, all, Statistic::kZ, {Comparator::kMoreThan, 1'414'214})), "0");
  CHECK_EQ(text(ratio_peer({numerator, one}, all, Statistic::kZ, {Comparator::kMoreThan, 0})), "3");
}

}  // namespace

int main() {
  as_the_twins();
  unknown_where_there_is_too_little();
  far_numbers();
  return check::result();
}
