// Ranked operations: a twin that ranks by counting, and the traps of items in two groups, equal prices and rounding.
#include <algorithm>
#include <vector>

#include "check.hpp"
#include "found_text.hpp"
#include "random_events.hpp"
#include "ybcore/checks/tier.hpp"

using namespace ybcore::checks;
using found_text::text;

namespace {

using I32 = std::vector<std::int32_t>;
using I64 = std::vector<std::int64_t>;

constexpr std::int64_t kYuan = 1'000'000, kUnit = 10'000;

std::vector<std::int32_t> groups_of(const TierRule& rule, std::int32_t item) {
  const auto at = static_cast<std::size_t>(item);
  return {rule.group.begin() + rule.group_begin[at], rule.group.begin() + rule.group_begin[at + 1]};
}

std::string twin(const Operations& o, const TierRule& rule) {
  Found out;
  for (std::size_t b = 0; b + 1 < o.begin.size(); ++b) {
    std::vector<std::size_t> lines;
    for (auto i = static_cast<std::size_t>(o.begin[b]); i < static_cast<std::size_t>(o.begin[b + 1]); ++i) {
      const bool known = o.item[i] >= 0 && !groups_of(rule, o.item[i]).empty() && o.price[i] != kUnknown;
      out.unknown += known ? 0 : 1;
      if (known) lines.push_back(i);
    }
    const auto group = [&](std::size_t i) {
      for (const auto g : groups_of(rule, o.item[i]))
        for (const std::size_t j : lines)
          for (const auto other : groups_of(rule, o.item[j]))
            if (j != i && other == g) return g;
      return groups_of(rule, o.item[i])[0];
    };
    for (const std::size_t i : lines) {
      std::vector<std::size_t> before;
      for (const std::size_t j : lines)
        if (group(j) == group(i) && (o.price[j] > o.price[i] || (o.price[j] == o.price[i] && j < i))) before.push_back(j);
      // Dearest first, then in order, as they are ranked.
      std::sort(before.begin(), before.end(), [&](auto x, auto y) { return o.price[x] != o.price[y] ? o.price[x] > o.price[y] : x < y; });
      const std::int64_t factor = rule.factors[std::min(before.size(), rule.factors.size() - 1)];
      const __int128 scale = static_cast<__int128>(100'000'000) * 1'000'000;
      const auto expected =
          static_cast<std::int64_t>((static_cast<__int128>(o.price[i]) * o.quantity[i] * factor * 2 + scale) / (2 * scale));
      if (o.amount[i] <= expected) continue;
      out.open({o.amount[i], expected, kUnknown, kUnknown, -1, static_cast<std::int32_t>(before.size())});
      out.detail(static_cast<std::int32_t>(i), Part::kOffending, o.amount[i] - expected);
      for (const std::size_t j : before) out.detail(static_cast<std::int32_t>(j), Part::kInvolved);
    }
  }
  return text(out);
}

void as_the_twin() {
  draw::Random random{17};
  const I64 group_begin{0, 1, 3, 5, 5, 6}, factors{1'000'000, 500'000, 333'333};
  const I32 group{0, 0, 1, 2, 0, 1};
  const TierRule rule{group_begin, group, 3, factors};
  for (int round = 0; round < check::rounds(300); ++round) {
    const I64 begin = draw::offsets(random, 20, 6);
    I32 item;
    I64 quantity, amount, price;
    for (std::int64_t i = 0; i < begin.back(); ++i) {
      item.push_back(static_cast<std::int32_t>(random.in(-1, 4)));
      quantity.push_back(random.in(1, 3) * kUnit);
      price.push_back(random.in(0, 9) == 0 ? kUnknown : random.in(1, 4) * 333'333'333);
      amount.push_back(random.in(0, 300'000));
    }
    const Operations lines{begin, item, quantity, amount, price};
    for (const int threads : {1, 2, 7}) CHECK_EQ(text(tier(lines, rule, threads)), twin(lines, rule));
  }
}

void dearest_is_paid_whole() {
  const I64 group_begin{0, 1, 2}, factors{1'000'000, 500'000};
  const I32 group{0, 0};
  const TierRule rule{group_begin, group, 1, factors};
  const I64 begin{0, 3}, quantity{kUnit, kUnit, 2 * kUnit}, price{300 * kYuan, 500 * kYuan, 500 * kYuan};
  // The second is first in rank; of equal prices the earlier is; both units of a line have its rank; half of 500.01 is 250.01.
  CHECK_EQ(text(tier({begin, I32{0, 1, 1}, quantity, I64{15'000, 50'000, 50'000}, price}, rule)), "0");
  CHECK_EQ(text(tier({begin, I32{0, 1, 1}, quantity, I64{15'001, 50'001, 100'000}, price}, rule)),
           "15001/15000 [?,?] #2 !0(1) ?1 ?2; 50001/50000 [?,?] #0 !1(1); 100000/50000 [?,?] #1 !2(50000) ?1; 0");
  const I64 two{0, 2}, odd{500 * kYuan + 10'000, 500 * kYuan + 10'000}, one{kUnit, kUnit};
  CHECK_EQ(text(tier({two, I32{0, 0}, one, I64{50'001, 25'001}, odd}, rule)), "0");
  CHECK_EQ(text(tier({two, I32{0, 0}, one, I64{50'001, 25'002}, odd}, rule)), "25002/25001 [?,?] #1 !1(1) ?0; 0");
}

// An item of two groups stands in the first that has company, and is ranked once.
void item_in_two_groups() {
  const I64 group_begin{0, 2, 3}, factors{1'000'000, 500'000}, begin{0, 2}, one{kUnit, kUnit}, price{100 * kYuan, 200 * kYuan};
  const I32 group{0, 1, 1};
  const TierRule rule{group_begin, group, 2, factors};
  CHECK_EQ(text(tier({begin, I32{0, 1}, one, I64{10'000, 20'000}, price}, rule)), "10000/5000 [?,?] #1 !0(5000) ?1; 0");
  CHECK_EQ(text(tier({I64{0, 1}, I32{0}, I64{kUnit}, I64{10'000}, I64{100 * kYuan}}, rule)), "0");
}

void far_and_nothing() {
  const I64 group_begin{0, 1}, factors{1'000'000};
  const I32 group{0};
  const TierRule rule{group_begin, group, 1, factors};
  const std::int64_t far = std::int64_t{1} << 62;
  CHECK_EQ(text(tier({I64{0, 1}, I32{0}, I64{far}, I64{1}, I64{far}}, rule)), "1");
  CHECK_EQ(text(tier({I64{0, 1}, I32{0}, I64{far}, I64{1}, I64{kYuan}}, rule)), "0");
  CHECK_EQ(tier({}, rule, 3).size(), 0U);
}

}  // namespace

int main() {
  as_the_twin();
  dearest_is_paid_whole();
  item_in_two_groups();
  far_and_nothing();
  return check::result();
}
