// Composition: twins with sets, and the traps of split lines, what is not known and empty groups.
#include <algorithm>
#include <set>
#include <vector>

#include "check.hpp"
#include "found_text.hpp"
#include "random_events.hpp"
#include "ybcore/checks/compose.hpp"

using namespace ybcore::checks;
using found_text::text;

namespace {

using I32 = std::vector<std::int32_t>;
using I64 = std::vector<std::int64_t>;
using U8 = std::vector<std::uint8_t>;

template <class Group>
std::string by_group(const I64& begin, const Group& group) {
  Found out;
  for (std::size_t g = 0; g + 1 < begin.size(); ++g)
    group(g, static_cast<std::size_t>(begin[g]), static_cast<std::size_t>(begin[g + 1]), out);
  return text(out);
}

void whole(std::size_t from, std::size_t to, Found& out) {
  out.open({static_cast<std::int64_t>(to - from), 0});
  for (std::size_t i = from; i < to; ++i) out.detail(static_cast<std::int32_t>(i), Part::kOffending);
}

struct Drawn {
  I64 begin;
  I32 item, of_class, scope;
  U8 listed;
};

Drawn drawn(draw::Random& random) {
  Drawn d;
  d.begin = draw::offsets(random, 25, 6);
  for (std::size_t g = 0; g + 1 < d.begin.size(); ++g) {
    d.scope.push_back(static_cast<std::int32_t>(random.in(-1, 1)));
    const std::int64_t most = random.in(0, 5);  // so that some groups have one item only
    for (auto i = d.begin[g]; i < d.begin[g + 1]; ++i) {
      d.item.push_back(static_cast<std::int32_t>(random.in(0, 9) == 0 ? -1 : random.in(0, most)));
      d.of_class.push_back(static_cast<std::int32_t>(random.in(-2, 2)));
      d.listed.push_back(static_cast<std::uint8_t>(random.in(0, 3) > 0 ? 1 : random.in(0, 2)));
    }
  }
  return d;
}

std::string twin_distinct(const Drawn& d, const DistinctRule& rule) {
  return by_group(d.begin, [&](std::size_t g, std::size_t from, std::size_t to, Found& out) {
    I32 order;
    for (std::size_t i = from; i < to; ++i) {
      out.unknown += d.item[i] < 0 ? 1 : 0;
      if (d.item[i] >= 0 && std::find(order.begin(), order.end(), d.item[i]) == order.end()) order.push_back(d.item[i]);
    }
    if (order.empty() || d.scope[g] < 0) return;
    const auto measure = static_cast<std::int64_t>(order.size());
    for (auto k = rule.threshold_begin[static_cast<std::size_t>(d.scope[g])];
         k < rule.threshold_begin[static_cast<std::size_t>(d.scope[g]) + 1]; ++k) {
      const std::int64_t limit = rule.threshold[static_cast<std::size_t>(k)];
      if (!hits(rule.comparator, measure, limit)) continue;
      out.open({measure, limit, kUnknown, kUnknown, -1, static_cast<std::int32_t>(k)});
      for (std::size_t i = from; i < to; ++i) {
        const auto at = std::find(order.begin(), order.end(), d.item[i]) - order.begin() + 1;
        const bool beyond = rule.comparator > Comparator::kAtLeast || hits(rule.comparator, at, limit);
        if (d.item[i] >= 0) out.detail(static_cast<std::int32_t>(i), beyond ? Part::kOffending : Part::kInvolved);
      }
      return;
    }
  });
}

std::string twin_listed(const Drawn& d, bool one_item) {
  return by_group(d.begin, [&](std::size_t, std::size_t from, std::size_t to, Found& out) {
    std::set<std::int32_t> items;
    std::int64_t unknown = 0;
    bool all = from < to;
    for (std::size_t i = from; i < to; ++i) {
      if (one_item && d.item[i] >= 0) items.insert(d.item[i]);
      const bool nameless = one_item && d.item[i] < 0;
      unknown += nameless || d.listed[i] == kNotKnown ? 1 : 0;
      all &= nameless || d.listed[i] != 0;
    }
    if (!all || items.size() > 1) return;
    out.unknown += unknown;
    if (unknown == 0) whole(from, to, out);
  });
}

std::string twin_class(const Drawn& d, bool of_lines) {
  return by_group(d.begin, [&](std::size_t, std::size_t from, std::size_t to, Found& out) {
    std::set<std::int32_t> done;
    for (std::size_t i = from; i < to; ++i) {
      const bool unknown = d.of_class[i] == kUnclassed || (d.of_class[i] >= 0 && d.item[i] < 0);
      out.unknown += unknown ? 1 : 0;
      if (unknown || d.of_class[i] < 0 || !done.insert(d.of_class[i]).second) continue;
      std::vector<std::size_t> lines;
      std::set<std::int32_t> items;
      for (std::size_t j = i; j < to; ++j)
        if (d.of_class[j] == d.of_class[i] && d.item[j] >= 0) lines.push_back(j), items.insert(d.item[j]);
      const std::size_t measure = of_lines ? lines.size() : items.size();
      if (measure < 2) continue;
      out.open({static_cast<std::int64_t>(measure), 1, kUnknown, kUnknown, -1, d.of_class[i]});
      for (const std::size_t j : lines)
        out.detail(static_cast<std::int32_t>(j), j == i || (!of_lines && d.item[j] == d.item[i]) ? Part::kInvolved : Part::kOffending);
    }
  });
}

void as_the_twins() {
  draw::Random random{19};
  const I64 threshold_begin{0, 2, 3}, threshold{4, 2, 3};
  for (int round = 0; round < check::rounds(300); ++round) {
    const Drawn d = drawn(random);
    const Composition lines{d.begin, d.item, 6};
    const DistinctRule rule{static_cast<Comparator>(random.in(0, 3)), d.scope, threshold_begin, threshold};
    const bool of_lines = random.in(0, 1) == 1;
    for (const int threads : {1, 2, 7}) {
      CHECK_EQ(text(distinct(lines, rule, threads)), twin_distinct(d, rule));
      CHECK_EQ(text(all_in(d.begin, d.listed, threads)), twin_listed(d, false));
      CHECK_EQ(text(single(lines, d.listed, threads)), twin_listed(d, true));
      CHECK_EQ(text(same_class(lines, d.of_class, 3, of_lines, threads)), twin_class(d, of_lines));
    }
  }
}

void twenty_herbs() {
  const I64 threshold_begin{0, 1}, threshold{20};
  for (const std::int32_t herbs : {19, 20, 21}) {
    I32 item;
    for (std::int32_t k = 0; k < herbs; ++k) item.push_back(k);
    item.push_back(0);  // a line cut in two is no other herb
    const I64 begin{0, static_cast<std::int64_t>(item.size())};
    const Found more = distinct({begin, item, 30}, {Comparator::kMoreThan, {}, threshold_begin, threshold});
    const Found least = distinct({begin, item, 30}, {Comparator::kAtLeast, {}, threshold_begin, threshold});
    CHECK_EQ(more.size(), herbs > 20 ? 1U : 0U);
    CHECK_EQ(least.size(), herbs >= 20 ? 1U : 0U);
    if (herbs > 20) CHECK(more.part[20] == Part::kOffending && more.part[21] == Part::kInvolved && more.part[19] == Part::kInvolved);
  }
}

void split_lines_and_nothing() {
  const I64 begin{0, 2};
  const I32 item{1, 1}, of_class{0, 0};
  CHECK_EQ(same_class({begin, item, 2}, of_class, 1, false).size(), 0U);
  CHECK_EQ(text(same_class({begin, item, 2}, of_class, 1, true)), "2/1 [?,?] #0 ?0 !1; 0");
  CHECK_EQ(text(single({begin, item, 2}, U8{1, 1})), "2/0 [?,?] #0 !0 !1; 0");
  const I64 threshold_begin{0, 1}, threshold{3};
  CHECK_EQ(distinct({I64{0, 0}, {}, 0}, {Comparator::kLessThan, {}, threshold_begin, threshold}).size(), 0U);
  CHECK_EQ(all_in({}, {}, 2).size() + all_in(I64{0, 0}, {}, 2).size() + single({}, {}, 2).size() + same_class({}, {}, 0, false, 2).size(),
           0U);
}

}  // namespace

int main() {
  as_the_twins();
  twenty_herbs();
  split_lines_and_nothing();
  return check::result();
}
