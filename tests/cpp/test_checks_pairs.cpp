// K04 against a twin that looks at every row and every pair of lines, and what is easily got wrong.
#include <algorithm>
#include <climits>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "check.hpp"
#include "draw.hpp"
#include "ybcore/checks/pairs.hpp"

using namespace ybcore::checks;
using draw::Finding;
using draw::involved;
using draw::offending;

namespace {

constexpr std::int64_t kHourMicros = 3'600'000'000, kDayMicros = 24 * kHourMicros;

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

struct Case {
  std::vector<std::int32_t> main, included, scope, from, to, region, level;
  std::vector<std::int64_t> qty;
  bool symmetric = false;
  std::vector<std::uint8_t> fits{1, 0, 0, 1};
  std::vector<std::int64_t> begin, time, quantity;
  std::vector<std::int32_t> item, day, subject, cut, place, grade;
};

struct Pairing {
  std::vector<Finding> found;
  std::int64_t unknown = 0;
};

Pairing run(const Case& c, std::span<const Grouping> groupings, std::size_t items, int threads, bool complete = false) {
  const PairScopes scopes({c.main, c.included, c.scope, c.qty, c.symmetric}, static_cast<std::int32_t>(groupings.size()), items);
  const EntryTable when{{}, {}, c.from, c.to, c.region, c.level, c.fits, 2};
  const PairEvents events{c.begin, c.time, c.item, c.quantity, {{}, c.day, c.place, c.grade}, complete};
  const Found found = pairs(events, scopes, groupings, c.qty, when, threads).value();
  return {draw::listed(found), found.unknown};
}

class Twin {
 public:
  Twin(const Case& c, std::span<const Grouping> groupings) : c_(c), groupings_(groupings) {}

  Pairing run() {
    for (std::size_t g = 0; g < groupings_.size(); ++g) {
      std::map<std::pair<std::int32_t, std::int32_t>, std::vector<std::size_t>> rows;
      for (std::size_t r = 0; r < c_.main.size(); ++r)
        if (scope(r) == g) rows[{c_.main[r], c_.included[r]}].push_back(r);
      if (c_.symmetric)
        for (std::size_t r = 0; r < c_.main.size(); ++r)
          if (scope(r) == g) rows[{c_.included[r], c_.main[r]}].push_back(r);
      for (const auto& [pair, own] : rows) one(pair.first, pair.second, own, groupings_[g]);
    }
    out_.unknown = static_cast<std::int64_t>(unknown_.size());
    return out_;
  }

 private:
  std::size_t scope(std::size_t row) const { return c_.scope.empty() ? 0 : static_cast<std::size_t>(c_.scope[row]); }

  // -1 none, -2 unknown.
  int row_of(const std::vector<std::size_t>& rows, std::size_t i) const {
    int found = -1;
    for (const std::size_t r : rows) {
      if (!c_.from.empty() && (c_.day[i] < c_.from[r] || c_.day[i] >= c_.to[r])) continue;
      if ((!c_.region.empty() && c_.region[r] >= 0 && c_.place[i] < 0) || (!c_.level.empty() && c_.level[r] >= 0 && c_.grade[i] < 0))
        return -2;
      if (!c_.region.empty() && c_.region[r] >= 0 && c_.fits[static_cast<std::size_t>(c_.region[r] * 2 + c_.place[i])] == 0) continue;
      if (!c_.level.empty() && c_.level[r] >= 0 && c_.level[r] != c_.grade[i]) continue;
      if (found < 0) found = static_cast<int>(r);
    }
    return found;
  }

  bool keyless(const Grouping& g, std::size_t i) const {
    const bool timed = g.cell != Cell::kSubject && g.cell != Cell::kLine;
    return (!g.subject.empty() && g.subject[i] < 0) || (!g.cut.empty() && g.cut[i] < 0) || (timed && c_.time[i] == kUnknown);
  }

  bool together(const Grouping& g, std::size_t i, std::size_t j) const {
    if (keyless(g, i) || keyless(g, j)) return false;
    if (!g.subject.empty() && g.subject[i] != g.subject[j]) return false;
    if (!g.cut.empty() && g.cut[i] != g.cut[j]) return false;
    if (g.cell == Cell::kWithin) return std::abs(c_.time[i] - c_.time[j]) <= g.reach;
    if (g.cell == Cell::kSubject) return true;
    const std::int64_t unit = g.cell == Cell::kDay ? kDayMicros : kHourMicros;
    return floor_div(c_.time[i], unit) == floor_div(c_.time[j], unit);
  }

  void one(std::int32_t main, std::int32_t included, const std::vector<std::size_t>& rows, const Grouping& g) {
    for (std::size_t p = 0; p + 1 < c_.begin.size(); ++p) {
      std::vector<std::size_t> mains, offered;
      for (auto i = static_cast<std::size_t>(c_.begin[p]); i < static_cast<std::size_t>(c_.begin[p + 1]); ++i) {
        if (c_.item[i] == main) mains.push_back(i);
        if (c_.item[i] == main && keyless(g, i)) unknown_.insert(i);
        if (c_.item[i] != included) continue;
        const int row = row_of(rows, i);
        if (row == -2 || (row >= 0 && keyless(g, i))) unknown_.insert(i);
        if (row >= 0 && !keyless(g, i)) offered.push_back(i);
      }
      if (g.cell == Cell::kWithin) {
        near(mains, offered, rows, g);
      } else if (main != included) {
        grouped(mains, offered, rows, g);
      }
    }
  }

  void grouped(const std::vector<std::size_t>& mains, const std::vector<std::size_t>& offered, const std::vector<std::size_t>& rows,
               const Grouping& g) {
    std::set<std::size_t> done;
    for (const std::size_t i : offered) {
      if (done.contains(i)) continue;
      std::vector<std::size_t> own, with;
      for (const std::size_t j : offered)
        if (together(g, i, j)) own.push_back(j), done.insert(j);
      for (const std::size_t m : mains)
        if (together(g, i, m)) with.push_back(m);
      if (!with.empty()) add(with, own, rows);
    }
  }

  void near(const std::vector<std::size_t>& mains, const std::vector<std::size_t>& offered, const std::vector<std::size_t>& rows,
            const Grouping& g) {
    std::map<std::size_t, std::vector<std::size_t>> shared;
    for (const std::size_t i : offered) {
      std::vector<std::size_t> with;
      for (const std::size_t m : mains)
        if (m != i && together(g, i, m)) with.push_back(m);
      if (with.empty()) continue;
      if (free(rows, i) == kUnknown) {
        add(with, {i}, rows);
      } else {
        shared[with[0]].push_back(i);
      }
    }
    for (const auto& [main, own] : shared) add({main}, own, rows);
  }

  std::int64_t free(const std::vector<std::size_t>& rows, std::size_t i) const {
    return c_.qty.empty() ? kUnknown : c_.qty[static_cast<std::size_t>(row_of(rows, i))];
  }

  void add(const std::vector<std::size_t>& mains, const std::vector<std::size_t>& own, const std::vector<std::size_t>& rows) {
    const std::int64_t k = free(rows, own[0]), limit = k == kUnknown ? 0 : k;
    Finding one{0, limit, row_of(rows, own[0]), {}};
    for (const std::size_t i : own) {
      const std::int64_t beyond = std::min(c_.quantity[i], one.measure + c_.quantity[i] - limit);
      one.measure += c_.quantity[i];
      if (k == kUnknown) one.details.push_back(offending(i));
      if (k != kUnknown && beyond > 0) one.details.push_back(offending(i, beyond));
    }
    if (one.details.empty()) return;
    for (const std::size_t m : mains) one.details.push_back(involved(m));
    out_.found.push_back(one);
  }

  const Case& c_;
  std::span<const Grouping> groupings_;
  Pairing out_;
  std::set<std::size_t> unknown_;
};

Case drawn(std::uint64_t seed, std::size_t lines, std::size_t persons, std::size_t rows, std::int32_t items) {
  draw::Numbers random(seed);
  Case c;
  c.main = random.column<std::int32_t>(rows, 0, items - 1);
  c.included = random.column<std::int32_t>(rows, 0, items - 1);
  c.scope = random.column<std::int32_t>(rows, 0, 3);
  c.qty = random.column<std::int64_t>(rows, 0, 5);
  for (std::int64_t& k : c.qty)
    if (random.one_in(2)) k = kUnknown;
  c.symmetric = random.one_in(3);
  if (random.one_in(2)) c.from = random.column<std::int32_t>(rows, -4, 1), c.to = random.column<std::int32_t>(rows, 0, 5);
  if (random.one_in(2)) c.region = random.column<std::int32_t>(rows, -1, 1), c.level = random.column<std::int32_t>(rows, -1, 1);
  c.begin.push_back(0);
  for (std::size_t p = 0; p < persons; ++p) {
    const std::size_t left = lines - c.time.size(),
                      own = p + 1 == persons ? left : random.between<std::size_t>(0, std::min<std::size_t>(left, 25));
    std::int64_t now = random.one_in(4) ? kUnknown : -3 * kDayMicros;
    for (std::size_t i = 0; i < own; ++i) {
      if (now != kUnknown) now += random.between<std::int64_t>(0, 2) * (random.one_in(3) ? 12 * kHourMicros : kHourMicros / 2);
      if (now == kUnknown && random.one_in(2)) now = -kDayMicros;
      c.time.push_back(now);
      c.day.push_back(now == kUnknown ? 0 : static_cast<std::int32_t>(floor_div(now, kDayMicros)));
    }
    c.begin.push_back(static_cast<std::int64_t>(c.time.size()));
  }
  c.item = random.column<std::int32_t>(lines, -1, items - 1);
  c.quantity = random.column<std::int64_t>(lines, 0, 4);
  c.subject = random.column<std::int32_t>(lines, random.one_in(2) ? -1 : 0, 1);
  c.cut = random.column<std::int32_t>(lines, random.one_in(2) ? -1 : 0, 1);
  c.place = random.column<std::int32_t>(lines, -1, 1);
  c.grade = random.column<std::int32_t>(lines, -1, 1);
  return c;
}

void same(const Case& c, std::span<const Grouping> groupings, std::size_t items) {
  Pairing wanted = Twin(c, groupings).run();
  std::sort(wanted.found.begin(), wanted.found.end());
  const Pairing first = run(c, groupings, items, 1);
  auto found = first.found;
  std::sort(found.begin(), found.end());
  CHECK(found == wanted.found);
  CHECK_EQ(first.unknown, wanted.unknown);
  for (const int threads : {2, 7}) {
    const Pairing again = run(c, groupings, items, threads);
    CHECK(again.found == first.found && again.unknown == first.unknown);
  }
  CHECK(run(c, groupings, items, 2, true).found == first.found);
}

void against_the_twin(std::uint64_t seed, std::size_t lines, std::size_t persons, std::size_t rows, std::int32_t items) {
  const Case c = drawn(seed, lines, persons, rows, items);
  const std::vector<Grouping> groupings{{Cell::kDay, {}, {}, 0},
                                        {Cell::kSubject, c.subject, c.cut, 0},
                                        {Cell::kWithin, c.subject, {}, 6 * kHourMicros},
                                        {Cell::kHour, c.subject, {}, 0}};
  same(c, groupings, static_cast<std::size_t>(items));
}

Case plain(std::vector<std::int32_t> item, std::vector<std::int64_t> quantity, std::vector<std::int64_t> time) {
  Case c;
  c.main = {0}, c.included = {1};
  c.begin = {0, static_cast<std::int64_t>(item.size())};
  c.item = std::move(item), c.quantity = std::move(quantity), c.time = std::move(time);
  return c;
}

void contained_quantities() {
  // Item 0 contains 3 units of item 1.
  const std::vector<Grouping> visit{{Cell::kSubject, {}, {}, 0}};
  Case c = plain({0, 1, 1}, {10'000, 10'000, 20'000}, {});
  c.qty = {30'000};
  CHECK(run(c, visit, 2, 1).found.empty());
  c.quantity[2] = 30'000;
  CHECK(run(c, visit, 2, 1).found == (std::vector<Finding>{{40'000, 30'000, 0, {offending(2, 10'000), involved(0)}}}));
  c.qty = {kUnknown};
  CHECK(run(c, visit, 2, 1).found == (std::vector<Finding>{{40'000, 0, 0, {offending(1), offending(2), involved(0)}}}));
  // Beyond 64 bits.
  const std::int64_t huge = std::int64_t{1} << 62;
  c = plain({0, 1, 1, 1}, {1, huge, huge, huge}, {});
  c.qty = {5};
  const Pairing found = run(c, visit, 2, 1);
  CHECK(found.found ==
        (std::vector<Finding>{{INT64_MAX, 5, 0, {offending(1, huge - 5), offending(2, huge), offending(3, huge), involved(0)}}}));
}

void edges() {
  const std::int64_t six = 6 * kHourMicros;
  const std::vector<Grouping> through{{Cell::kWithin, {}, {}, six}}, within{{Cell::kWithin, {}, {}, six - 1}};
  const Case c = plain({1, 0, 1, 1}, {1, 1, 1, 1}, {0, six, 2 * six, 2 * six + 1});
  CHECK_EQ(run(c, through, 2, 1).found.size(), 2U);
  CHECK_EQ(run(c, within, 2, 1).found.size(), 0U);
  // An item with itself: by another line near it, never in a group.
  Case twice = plain({0, 0}, {1, 1}, {0, 1});
  twice.included = {0};
  CHECK_EQ(run(twice, through, 2, 1).found.size(), 2U);
  CHECK_EQ(run(twice, std::vector<Grouping>{{Cell::kDay, {}, {}, 0}}, 2, 1).found.size(), 0U);
  // Days before 1970 are days too.
  const Case old = plain({0, 1, 1}, {1, 1, 1}, {-1, -1, 0});
  CHECK(run(old, std::vector<Grouping>{{Cell::kDay, {}, {}, 0}}, 2, 1).found ==
        (std::vector<Finding>{{1, 0, 0, {offending(1), involved(0)}}}));
  CHECK(run({}, through, 2, 3).found.empty());
  CHECK(run({}, {}, 2, 3).found.empty());
  // Groups of one cell go by their first line of any row, though it stands in no pair.
  Case turns = plain({1, 0, 1, 0, 1}, {1, 2, 4, 8, 16}, {0, 0, 0, 0, 0});
  turns.main = {0, 2}, turns.included = {1, 3};
  turns.item = {3, 0, 1, 0, 1}, turns.subject = {1, 0, 0, 1, 1};
  CHECK(run(turns, std::vector<Grouping>{{Cell::kDay, turns.subject, {}, 0}}, 4, 1).found ==
        (std::vector<Finding>{{16, 0, 0, {offending(4), involved(3)}}, {4, 0, 0, {offending(2), involved(1)}}}));
  // An item that is none.
  const PairScopes scopes({c.main, c.included, {}, {}, false}, 1, 3);
  CHECK(!pairs({turns.begin, turns.time, turns.item, turns.quantity, {}}, scopes, within, {}, {}, 2).has_value());
}

// Everything in one group of one person: the way by items gives what the way by lines gives.
void one_person() {
  Case c = drawn(77, 400, 1, 300, 60);
  c.from.clear(), c.to.clear(), c.region.clear(), c.level.clear(), c.scope.assign(c.scope.size(), 0);
  for (std::int64_t& t : c.time) t = 1;
  same(c, std::vector<Grouping>{{Cell::kDay, {}, {}, 0}}, 60);
}

// A table too large to stay near, of items with many pairs and with few.
void many_pairs() {
  Case c = drawn(78, 500, 25, 50'000, 1'500);
  for (std::int32_t& item : c.included) item = item % 3 == 0 ? item % 60 : item;
  for (std::size_t i = 0; i < c.item.size(); i += 4) c.item[i] = std::abs(c.item[i]) % 60;
  c.from.clear(), c.to.clear(), c.region.clear(), c.level.clear(), c.scope.assign(c.scope.size(), 0), c.symmetric = false;
  same(c, std::vector<Grouping>{{Cell::kSubject, c.subject, {}, 0}}, 1'500);
}

// An item in every third line that only a rare one contains is looked for late; what is found is what is found by looking at all lines.
void common_items() {
  Case c = drawn(79, 1'100'000, 60'000, 40, 30);
  draw::Numbers random(80);
  for (std::int32_t& item : c.item) item = random.one_in(3) ? 31 : random.one_in(200) ? 30 : random.one_in(3) ? item : 32;
  c.main.push_back(30), c.included.push_back(31), c.qty.push_back(kUnknown);
  c.from.clear(), c.to.clear(), c.region.clear(), c.level.clear(), c.symmetric = false;
  for (std::int32_t scope = 0; scope < 4; ++scope) {
    c.scope.assign(c.main.size(), scope);
    const std::vector<Grouping> groupings{{Cell::kDay, c.subject, {}, 0},
                                          {Cell::kSubject, c.subject, c.cut, 0},
                                          {Cell::kWithin, c.subject, {}, 6 * kHourMicros},
                                          {Cell::kHour, {}, c.cut, 0}};
    const Pairing all = run(c, groupings, 33, 1);
    std::size_t common = 0;
    for (const Finding& one : all.found) common += one.entry == 40 ? 1 : 0;
    CHECK(common > 100);
    for (const int threads : {1, 7}) CHECK(run(c, groupings, 33, threads, true).found == all.found);
  }
}

void bundles() {
  const std::vector<std::int64_t> begin{0, 4, 6}, time{0, 1, 2, kDayMicros, 0, 0};
  const std::vector<std::int32_t> item{3, 5, 3, 7, 1, -1};
  const Grouping day{Cell::kDay, {}, {}, 0}, all{};
  for (const int threads : {1, 2, 7}) {
    CHECK(draw::listed(bundle(begin, time, item, day, 2, threads)) ==
          (std::vector<Finding>{{2, 2, -1, {offending(0), offending(1), offending(2)}}}));
    CHECK(draw::listed(bundle(begin, time, item, all, 3, threads)) ==
          (std::vector<Finding>{{3, 3, -1, {offending(0), offending(1), offending(2), offending(3)}}}));
    CHECK_EQ(bundle(begin, time, item, all, 4, threads).size(), 0U);
  }
}

}  // namespace

int main() {
  for (int round = 1; round <= check::rounds(60); ++round) {
    const auto seed = static_cast<std::uint64_t>(round);
    against_the_twin(seed, 20 + seed * 3, seed % 5 + 1, seed % 2 == 0 ? 12 : 90, seed % 2 == 0 ? 5 : 40);
  }
  contained_quantities();
  edges();
  one_person();
  many_pairs();
  common_items();
  bundles();
  return check::result();
}
