// Picking, order, netting and dated rows against the plainest code that says the same.
#include <algorithm>
#include <climits>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "check.hpp"
#include "draw.hpp"
#include "ybcore/checks/entries.hpp"
#include "ybcore/checks/line_order.hpp"
#include "ybcore/checks/net.hpp"
#include "ybcore/checks/pick.hpp"

using namespace ybcore;
using namespace ybcore::checks;

namespace {

void picked(std::uint64_t seed, std::size_t rows, std::size_t rules) {
  draw::Numbers random(seed);
  const std::size_t items = 40, visits = 9, words = (rules + 63) / 64;
  std::vector<std::uint64_t> masks((items + 1) * words), holds(visits * words);
  for (std::size_t i = 0; i <= items; ++i)
    for (std::size_t r = 0; r < rules; ++r) masks[i * words + r / 64] |= std::uint64_t{random.one_in(9)} << (r % 64);
  for (std::size_t v = 0; v < visits; ++v)
    for (std::size_t r = 0; r < rules; ++r) holds[v * words + r / 64] |= std::uint64_t{random.one_in(2)} << (r % 64);
  const auto item = random.column<std::int32_t>(rows, -1, items - 1), visit = random.column<std::int32_t>(rows, 0, visits - 1);
  for (const bool scoped : {false, true}) {
    std::vector<std::vector<std::int32_t>> place(rules), items_named(rules), visits_named(rules);
    for (std::size_t r = 0; r < rules; ++r) {
      for (std::size_t i = 0; i < rows; ++i) {
        const std::size_t at = item[i] < 0 ? items : static_cast<std::size_t>(item[i]), v = static_cast<std::size_t>(visit[i]);
        const auto bit = [&](const std::vector<std::uint64_t>& of, std::size_t row) {
          return (of[row * words + r / 64] >> (r % 64) & 1) != 0;
        };
        if (!bit(masks, at) || (scoped && !bit(holds, v))) continue;
        place[r].push_back(static_cast<std::int32_t>(i)), items_named[r].push_back(item[i]), visits_named[r].push_back(visit[i]);
      }
    }
    PickLines lines{item, visit};
    PickRules all{masks, {}, rules, true, true};
    if (scoped) all.holds = holds;
    for (const int threads : {1, 2, 7}) {
      const auto found = pick(lines, all, threads).value();
      CHECK(found.size() == rules);
      all.items = all.visits = false;
      const auto bare = pick({item, scoped ? std::span<const std::int32_t>(visit) : std::span<const std::int32_t>{}}, all, threads).value();
      CHECK(bare.size() == rules);
      for (std::size_t r = 0; r < rules; ++r) {
        CHECK(found[r].size == place[r].size() && bare[r].size == place[r].size());
        CHECK(std::equal(place[r].begin(), place[r].end(), found[r].place.get()));
        CHECK(std::equal(items_named[r].begin(), items_named[r].end(), found[r].item.get()));
        CHECK(std::equal(visits_named[r].begin(), visits_named[r].end(), found[r].visit.get()));
        CHECK(std::equal(place[r].begin(), place[r].end(), bare[r].place.get()));
        CHECK(bare[r].item == nullptr && bare[r].visit == nullptr);
      }
      all.items = all.visits = true;
    }
  }
}

void items_that_are_none() {
  const std::vector<std::uint64_t> masks{1, 0, 1};
  const PickRules rules{masks, {}, 1};
  const auto sound = pick({std::vector<std::int32_t>{-1, 0, 1}, {}}, rules, 1).value();
  CHECK(sound.size() == 1 && sound[0].size == 2 && sound[0].place[0] == 0 && sound[0].place[1] == 1);
  for (const std::int32_t wrong : {-2, 2, INT32_MIN, INT32_MAX})
    CHECK(!pick({std::vector<std::int32_t>{0, wrong, 1}, {}}, rules, 2).has_value());
}

// Of a line that no rule names the visit is not asked for.
void visits_that_are_none() {
  const std::vector<std::uint64_t> masks{1, 0, 1}, holds{1, 1};
  const PickRules rules{masks, holds, 1};
  const std::vector<std::int32_t> item{-1, 0, 1};
  for (const std::int32_t wrong : {-1, 2, INT32_MIN, INT32_MAX}) {
    CHECK(!pick({item, std::vector<std::int32_t>{0, wrong, 1}}, rules, 2).has_value());
    const auto sound = pick({item, std::vector<std::int32_t>{0, 1, wrong}}, rules, 2).value();
    CHECK(sound.size() == 1 && sound[0].size == 2 && sound[0].place[0] == 0 && sound[0].place[1] == 1);
  }
}

void runs_by_hand() {
  const std::vector<std::int64_t> persons{0, 3, 3, 7, 9};
  CHECK(runs_of(std::vector<std::int32_t>{}, persons) == std::vector<std::int64_t>{0});
  CHECK(runs_of(std::vector<std::int32_t>{1, 2, 3, 6, 8}, persons) == (std::vector<std::int64_t>{0, 2, 4, 5}));
  CHECK(runs_of(std::vector<std::int32_t>{8}, persons) == (std::vector<std::int64_t>{0, 1}));
  CHECK(runs_of(std::vector<std::int32_t>{0, 1}, persons) == (std::vector<std::int64_t>{0, 2}));
}

// Row by row: person, time, visit id, line id, row.
void ordered(std::uint64_t seed, std::size_t rows, std::size_t persons, bool named) {
  draw::Numbers random(seed);
  const std::size_t visits = rows / 3 + 1;
  const auto visit = random.column<std::int32_t>(rows, named ? -1 : 0, static_cast<std::int64_t>(visits) - 1);
  const auto person = random.column<std::int32_t>(visits, named ? -1 : 0, static_cast<std::int64_t>(persons) - 1);
  const auto time = random.column<std::int64_t>(rows, 0, 3), number = random.column<std::int64_t>(rows, 0, 5);
  const std::vector<std::string> words{"b", "", "ba", "a", "b10"};
  std::string bytes;
  std::vector<std::int64_t> offsets{0};
  std::vector<std::string> ids;
  for (std::size_t v = 0; v < visits; ++v) {
    ids.push_back(words[random.between<std::size_t>(0, 4)]);
    bytes += ids.back();
    offsets.push_back(static_cast<std::int64_t>(bytes.size()));
  }
  LineKeys keys{visit, person, time, {}, {}};
  if (named) keys.visit_ids = {{}, offsets, bytes.data()}, keys.line_ids = {number, {}, nullptr};
  std::vector<std::int32_t> twin;
  const auto who = [&](std::int32_t row) {
    const std::int32_t v = visit[static_cast<std::size_t>(row)];
    return v < 0 ? -1 : person[static_cast<std::size_t>(v)];
  };
  for (std::int32_t row = 0; row < static_cast<std::int32_t>(rows); ++row)
    if (who(row) >= 0) twin.push_back(row);
  const auto key = [&](std::int32_t row) {
    const auto i = static_cast<std::size_t>(row), v = static_cast<std::size_t>(visit[i]);
    return std::tuple(who(row), time[i], named ? ids[v] : std::string(), visit[i], named ? number[i] : 0, row);
  };
  std::sort(twin.begin(), twin.end(), [&](std::int32_t a, std::int32_t b) { return key(a) < key(b); });
  std::vector<std::int64_t> begin(persons + 1);
  for (std::size_t p = 0; p < persons; ++p)
    begin[p + 1] =
        begin[p] + std::count_if(twin.begin(), twin.end(), [&](std::int32_t row) { return who(row) == static_cast<std::int32_t>(p); });
  for (const int threads : {1, 2, 7}) {
    const LineOrder found = order_lines(keys, persons, threads);
    CHECK(found.person_begin == begin);
    CHECK(found.was_ordered ? std::is_sorted(twin.begin(), twin.end()) && twin.size() == rows : found.row == twin);
  }
  // What stands in order is left as it stands.
  std::vector<std::int32_t> sorted_visit;
  std::vector<std::int64_t> sorted_time, sorted_number;
  for (const std::int32_t row : twin) {
    sorted_visit.push_back(visit[static_cast<std::size_t>(row)]);
    sorted_time.push_back(time[static_cast<std::size_t>(row)]);
    sorted_number.push_back(number[static_cast<std::size_t>(row)]);
  }
  keys.visit = sorted_visit, keys.time = sorted_time;
  if (named) keys.line_ids.numbers = sorted_number;
  for (const int threads : {1, 2, 7}) {
    const LineOrder found = order_lines(keys, persons, threads);
    CHECK(found.was_ordered && found.row.empty() && found.person_begin == begin);
  }
}

void order_broken_at_a_block() {
  const std::size_t rows = 600'000;
  std::vector<std::int32_t> visit(rows);
  std::vector<std::int64_t> time(rows);
  for (std::size_t i = 0; i < rows; ++i) visit[i] = static_cast<std::int32_t>(i / 100), time[i] = static_cast<std::int64_t>(i);
  std::vector<std::int32_t> person(rows / 100);
  for (std::size_t v = 0; v < person.size(); ++v) person[v] = static_cast<std::int32_t>(v);
  for (const int threads : {1, 2, 7}) CHECK(order_lines({visit, person, time, {}, {}}, person.size(), threads).was_ordered);
  std::swap(time[262'143], time[262'144]);
  for (const int threads : {1, 2, 7}) {
    const LineOrder found = order_lines({visit, person, time, {}, {}}, person.size(), threads);
    CHECK(!found.was_ordered && found.row[262'143] == 262'144 && found.row[262'144] == 262'143);
  }
}

struct Lines {
  std::vector<std::int32_t> visit, item;
  std::vector<std::int64_t> quantity, amount, named, person_begin, time = {};
};

Netted net_of(const Lines& l, int threads) {
  return net({{}, l.person_begin, l.visit, l.item, l.quantity, l.amount, l.named, l.time}, threads);
}

Netted net_twin(const Lines& l) {
  Netted out{l.quantity, l.amount, std::vector<std::uint8_t>(l.visit.size()), 0, 0};
  const auto back = [&](std::size_t i) { return l.quantity[i] < 0 || l.amount[i] < 0; };
  const auto take = [&](std::size_t i, std::size_t from) { out.quantity[from] += l.quantity[i], out.amount[from] += l.amount[i]; };
  for (std::size_t i = 0; i < l.visit.size(); ++i) {
    if (!back(i)) continue;
    ++out.returns;
    if (l.named[i] < 0) continue;
    const auto from = static_cast<std::size_t>(l.named[i]);
    if (l.visit[from] == l.visit[i] && !back(from)) {
      take(i, from);
    } else {
      ++out.lost;
    }
  }
  for (std::size_t i = 0; i < l.visit.size(); ++i) {
    if (!back(i) || l.named[i] >= 0) continue;
    std::size_t from = l.time.empty() ? i : l.visit.size();
    bool found = false;
    while (!found && from > 0) {
      --from;
      found = (l.time.empty() || l.time[from] <= l.time[i]) && l.visit[from] == l.visit[i] && l.item[from] == l.item[i] && l.item[i] >= 0 &&
              !back(from) && out.quantity[from] + l.quantity[i] >= 0 && out.amount[from] + l.amount[i] >= 0;
    }
    if (found) take(i, from);
    if (!found) ++out.lost;
  }
  for (std::size_t i = 0; i < l.visit.size(); ++i) out.stands[i] = !back(i) && (out.quantity[i] != 0 || out.amount[i] != 0);
  if (out.returns == 0) out.quantity.clear(), out.amount.clear();
  return out;
}

void netted(std::uint64_t seed, std::size_t rows, std::size_t persons) {
  draw::Numbers random(seed);
  Lines l;
  l.person_begin.push_back(0);
  const bool timed = seed % 2 == 0;
  for (std::size_t p = 0; p < persons; ++p) {
    const std::size_t own = p + 1 == persons ? rows - l.visit.size() : random.between<std::size_t>(0, (rows - l.visit.size()) / 2);
    std::int64_t time = 0;
    for (std::size_t i = 0; i < own; ++i) {
      time += random.one_in(4) ? 1 : 0;
      if (timed) l.time.push_back(time);
      l.visit.push_back(static_cast<std::int32_t>(p) * 3 + random.between(0, 2));
      l.item.push_back(random.between(-1, 3));
      const int sign = random.one_in(3) ? -1 : 1;
      l.quantity.push_back(sign * random.between(0, 4));
      l.amount.push_back(sign * random.between(0, 4));
      l.named.push_back(random.one_in(3) ? random.between<std::int64_t>(0, static_cast<std::int64_t>(rows) - 1) : -1);
    }
    l.person_begin.push_back(static_cast<std::int64_t>(l.visit.size()));
  }
  const Netted twin = net_twin(l);
  for (const int threads : {1, 2, 7}) {
    const Netted found = net_of(l, threads);
    CHECK(found.quantity == twin.quantity && found.amount == twin.amount && found.stands == twin.stands);
    CHECK(found.returns == twin.returns && found.lost == twin.lost);
  }
}

void netting_by_hand() {
  // Two of five come back, then three: nothing is left of the first line; the one more finds nothing.
  Lines l{{0, 0, 0, 0}, {1, 1, 1, 1}, {5, -2, -3, -1}, {50, -20, -30, -10}, {-1, -1, -1, -1}, {0, 4}};
  Netted found = net_of(l, 1);
  CHECK(found.quantity[0] == 0 && found.amount[0] == 0 && found.stands == (std::vector<std::uint8_t>(4, 0)));
  CHECK(found.returns == 3 && found.lost == 1);
  // The latest earlier line that has enough; a line that comes later is none.
  l = {{0, 0, 0, 0}, {1, 1, 1, 1}, {5, 2, -3, 9}, {5, 2, -3, 9}, {-1, -1, -1, -1}, {0, 4}};
  CHECK(net_of(l, 1).quantity == (std::vector<std::int64_t>{2, 2, -3, 9}));
  l.time = {1, 1, 2, 2};
  CHECK(net_of(l, 1).quantity == (std::vector<std::int64_t>{5, 2, -3, 6}));
  // Named beats order and may leave less than nothing; nothing returns: no columns.
  l = {{0, 0, 0}, {1, 1, 2}, {1, 1, -4}, {1, 1, -4}, {-1, -1, 0}, {0, 3}};
  found = net_of(l, 1);
  CHECK(found.quantity[0] == -3 && found.stands == (std::vector<std::uint8_t>{1, 1, 0}) && found.lost == 0);
  l = {{0, 0}, {1, 1}, {1, 0}, {0, 0}, {-1, -1}, {0, 2}};
  found = net_of(l, 1);
  CHECK(found.quantity.empty() && found.stands == (std::vector<std::uint8_t>{1, 0}));
  l = {{0, 0, 0}, {1, 1, 1}, {-(std::int64_t{1} << 62), 7, -(std::int64_t{1} << 62) - 5}, {-1, 7, -1}, {1, -1, 1}, {0, 3}};
  CHECK(net_of(l, 1).quantity[1] < 0);
  CHECK(net_of({}, 3).stands.empty());
}

void rows_that_hold(std::uint64_t seed) {
  draw::Numbers random(seed);
  // Rows in order of how specific they are: region and level, region, level, neither.
  const std::size_t keys = 6, regions = 3, events = 500;
  std::vector<std::int32_t> key, from, to, region, level;
  for (int kind = 0; kind < 4; ++kind)
    for (int r = 0; r < 9; ++r) {
      key.push_back(random.between(0, keys - 1));
      from.push_back(random.one_in(2) ? INT32_MIN : random.between(0, 9));
      to.push_back(random.one_in(2) ? INT32_MAX : random.between(0, 9));
      region.push_back(kind < 2 ? random.between(0, 1) : -1);
      level.push_back(kind % 2 == 0 ? random.between(0, 3) : -1);
    }
  std::vector<std::int64_t> start{0}, rows;
  for (std::size_t k = 0; k < keys; ++k) {
    for (std::size_t r = 0; r < key.size(); ++r)
      if (key[r] == static_cast<std::int32_t>(k)) rows.push_back(static_cast<std::int64_t>(r));
    start.push_back(static_cast<std::int64_t>(rows.size()));
  }
  const auto fits = random.column<std::uint8_t>(2 * regions, 0, 1);
  const auto asked = random.column<std::int32_t>(events, -1, keys - 1), where = random.column<std::int32_t>(events, -1, regions - 1),
             rank = random.column<std::int32_t>(events, -1, 3);
  auto day = random.column<std::int32_t>(events, -1, 10);
  for (std::int32_t& d : day)
    if (random.one_in(8)) d = INT32_MIN;
  std::vector<std::int32_t> twin(events, kNoEntry), out(events);
  for (std::size_t i = 0; i < events; ++i)
    for (std::size_t r = 0; r < key.size(); ++r) {
      if (key[r] != asked[i] || from[r] >= to[r]) continue;
      const bool open = from[r] == INT32_MIN && to[r] == INT32_MAX;
      if (day[i] != INT32_MIN && (day[i] < from[r] || day[i] >= to[r])) continue;
      if ((day[i] == INT32_MIN && !open) || (region[r] >= 0 && where[i] < 0) || (level[r] >= 0 && rank[i] < 0)) {
        twin[i] = kEntryUnknown;
        break;
      }
      const bool there = region[r] < 0 || fits[static_cast<std::size_t>(region[r]) * regions + static_cast<std::size_t>(where[i])] != 0;
      if (twin[i] == kNoEntry && there && (level[r] < 0 || level[r] == rank[i])) twin[i] = static_cast<std::int32_t>(r);
    }
  for (const int threads : {1, 2, 7}) {
    std::fill(out.begin(), out.end(), 99);
    entries({start, rows, from, to, region, level, fits, regions}, {asked, day, where, rank}, out, threads);
    CHECK(out == twin);
  }
}

void sole_rows_by_hand() {
  // Key 0 always holds, key 1 held on days 5 to 9, key 2 never.
  const std::vector<std::int64_t> start{0, 1, 2, 3}, rows{0, 1, 2};
  const std::vector<std::int32_t> from{INT32_MIN, 5, 5}, to{INT32_MAX, 10, 5};
  const std::vector<std::int32_t> key{0, 1, 1, 1, 1, 2, -1, 1}, day{INT32_MIN, 4, 5, 9, 10, 5, 5, INT32_MIN};
  std::vector<std::int32_t> out(key.size());
  entries({start, rows, from, to, {}, {}, {}, 0}, {key, day, {}, {}}, out, 1);
  CHECK(out == (std::vector<std::int32_t>{0, -1, 1, 1, -1, -1, -1, -2}));
  entries({}, {}, {}, 2);
}

}  // namespace

int main() {
  for (int round = 1; round <= check::rounds(20); ++round) {
    const auto seed = static_cast<std::uint64_t>(round);
    picked(seed, 3000, seed % 2 == 0 ? 7 : 130);
    ordered(seed, 200, seed, seed % 3 != 0);
    netted(seed, 60, seed % 5 + 1);
    rows_that_hold(seed);
  }
  picked(99, 600'000, 3);
  picked(1, 0, 5);
  ordered(7, 0, 3, false);
  ordered(8, 3000, 1, true);
  items_that_are_none();
  visits_that_are_none();
  runs_by_hand();
  order_broken_at_a_block();
  netting_by_hand();
  sole_rows_by_hand();
  return check::result();
}
