// One small batch: its order, what stands after returns, which lines a rule means, and windows at their edges; twins that look at every
// row.
#include <algorithm>
#include <numeric>
#include <tuple>
#include <vector>

#include "check.hpp"
#include "checks/spot_batch.hpp"
#include "draw.hpp"
#include "small_spot.hpp"

using namespace ybcore::checks;
using small::I64;
using spot::Batch;

namespace {

constexpr std::int64_t kDay = 86'400'000'000, kOne = 10'000;
constexpr auto kVisits = SpotTable::kVisits, kLines = SpotTable::kLines;

// Ids that share their begin, that begin each other, and that are missing.
std::string drawn_id(draw::Numbers& draw) {
  static const small::Texts kIds{"",     "2024-0001",     "2024-0002", "2024-00011", "2024-000111111111", "2024-000111111112",
                                 "2024", "2024-0001\xff", "2025"};
  return kIds[draw.between<std::size_t>(0, 8)];
}

// Lines by person, time, visit and id, of visits that stand: as a sort by all of it says.
void in_order() {
  for (int round = 0; round < check::rounds(400); ++round) {
    draw::Numbers draw(static_cast<std::uint64_t>(round) + 1);
    const auto visits = draw.between<std::size_t>(1, 6), lines = draw.between<std::size_t>(0, 40);
    small::Spot made;
    small::Texts setl, person, init, of, id;
    I64 back, settled, time;
    for (std::size_t v = 0; v < visits; ++v) {
      setl.push_back("s" + std::to_string(draw.one_in(8) ? 0 : visits - v));
      person.push_back(draw.one_in(10) ? "" : "p" + std::to_string(draw.between(0, 2)));
      back.push_back(draw.one_in(5));
      init.push_back(back.back() != 0 ? "s" + std::to_string(draw.between(0, 5)) : "");
      settled.push_back(draw.one_in(12) ? kUnknown : draw.between<std::int64_t>(0, 3) * kDay + 5);
    }
    for (std::size_t i = 0; i < lines; ++i) {
      of.push_back(setl[draw.between<std::size_t>(0, static_cast<std::int64_t>(visits) - 1)]);
      id.push_back(drawn_id(draw));
      time.push_back(draw.between<std::int64_t>(-2, 2) * kDay + draw.between<std::int64_t>(0, 1));
    }
    made.texts(kVisits, "setl_id", setl);
    made.texts(kVisits, "psn_no", person);
    made.texts(kVisits, "init_setl_id", init, "setl_id");
    made.numbers(kVisits, "refd_setl_flag", back);
    made.numbers(kVisits, "setl_time", settled);
    made.texts(kLines, "setl_id", of, "setl_id");
    made.texts(kLines, "feedetl_sn", id);
    made.numbers(kLines, "fee_ocur_time", time);
    made.done();
    const Batch batch(made.book, made.input);
    CHECK(batch.usable);
    const auto first = [&](const std::string& name) {
      return static_cast<std::size_t>(std::find(setl.begin(), setl.end(), name) - setl.begin());
    };
    std::vector<std::tuple<std::int32_t, std::int64_t, std::string, std::size_t, std::string, std::size_t>> wanted;
    for (std::size_t i = 0; i < lines; ++i) {
      const std::size_t v = first(of[i]);
      bool stands = !person[v].empty() && settled[v] != kUnknown && back[v] == 0;
      for (std::size_t other = 0; other < visits; ++other)
        stands = stands && !(back[other] != 0 && !init[other].empty() && first(init[other]) == v);
      if (stands) wanted.emplace_back(batch.psn[v], time[i], setl[v], v, id[i], i);
    }
    std::sort(wanted.begin(), wanted.end());
    CHECK_EQ(batch.order.size(), wanted.size());
    for (std::size_t k = 0; k < std::min(wanted.size(), batch.order.size()); ++k) {
      CHECK_EQ(static_cast<std::size_t>(batch.order[k]), std::get<5>(wanted[k]));
      CHECK_EQ(batch.place_of[std::get<5>(wanted[k])], static_cast<std::int64_t>(k));
    }
  }
}

void of_visit(small::Spot& made, const small::Texts& setl, const I64& history) {
  const std::size_t visits = setl.size();
  made.texts(kVisits, "setl_id", setl);
  made.texts(kVisits, "psn_no", small::Texts(visits, "p"));
  made.numbers(kVisits, "setl_time", I64(visits, 400 * kDay));
  made.numbers(kVisits, "hist_flag", history);
}

// A return takes from the line of its own visit that it names, though another visit has a line of that id; one that finds none is lost.
void netted() {
  small::Spot made;
  of_visit(made, {"a", "b"}, {0, 1});
  made.texts(kLines, "setl_id", {"a", "b", "b", "a", "b"}, "setl_id");
  made.texts(kLines, "feedetl_sn", {"1", "1", "2", "3", "4"});
  made.texts(kLines, "init_feedetl_sn", {"", "", "1", "", "9"}, "feedetl_sn");
  made.texts(kLines, "med_list_codg", {"x", "x", "x", "y", "z"});
  made.numbers(kLines, "fee_ocur_time", {1, 2, 3, 4, 5});
  made.numbers(kLines, "cnt", {3 * kOne, 3 * kOne, -kOne, kUnknown, -kOne});
  made.numbers(kLines, "det_item_fee_sumamt", {300, 300, -100, -5, -50});
  made.done();
  const Batch batch(made.book, made.input);
  CHECK_EQ(batch.quantity[0], 3 * kOne);
  CHECK_EQ(batch.quantity[1], 2 * kOne);
  CHECK_EQ(batch.amount[1], 200);
  // Without a quantity a line below nothing gives one back; what names nobody takes from nobody.
  CHECK_EQ(batch.given_quantity[3], -kOne);
  CHECK_EQ(batch.lost, 2);
  CHECK(batch.rows == (spot::Rows{0, 1}));
  CHECK(batch.now == spot::Rows{0});
  CHECK(batch.given_now == (spot::Rows{0, 3}));
}

void refused() {
  small::Spot none;
  none.texts(kVisits, "setl_id", {});
  none.texts(kVisits, "psn_no", {});
  none.done();
  CHECK(!Batch(none.book, none.input).usable);
  small::Spot nobody;
  of_visit(nobody, {"a"}, {0});
  nobody.texts(kLines, "setl_id", {"a", "b"}, "setl_id");
  nobody.done();
  CHECK(!Batch(nobody.book, nobody.input).usable);
}

// Lines that a rule means by items that the book keeps, and by prefixes of others: as a look at every line says.
void meant() {
  for (int round = 0; round < check::rounds(300); ++round) {
    draw::Numbers draw(static_cast<std::uint64_t>(round) + 900);
    const auto lines = draw.between<std::size_t>(1, 30);
    small::Texts keeps, item;
    for (int k = 0; k < 70; ++k) keeps.push_back("k" + std::to_string(k));
    small::Spot made;
    of_visit(made, {"a", "b"}, {0, 1});
    small::Texts of;
    for (std::size_t i = 0; i < lines; ++i) {
      of.push_back(draw.one_in(3) ? "a" : "b");
      item.push_back(draw.one_in(9) ? "" : (draw.one_in(4) ? "other" : "k") + std::to_string(draw.between(0, 80)));
    }
    made.texts(kLines, "setl_id", of, "setl_id");
    made.texts(kLines, "med_list_codg", item);
    made.numbers(kLines, "fee_ocur_time", I64(lines, kDay));
    // More sets than bits of a word.
    for (int m = 0; m < 66; ++m) {
      made.book.masks.emplace_back();
      for (int k = 0; k < 70; ++k) made.book.masks.back().push_back(draw.one_in(20));
    }
    SpotRule rule;
    rule.items.among = SpotAmong::kMask;
    if (draw.one_in(2)) rule.items.prefixes = {"other1", "k7"};
    for (std::int32_t m = 0; m < 66; ++m) {
      rule.items.mask = m;
      made.book.rules.push_back(rule);
    }
    made.done(keeps);
    Batch batch(made.book, made.input);
    for (const SpotRule& one : made.book.rules) {
      const auto fits = [&](std::int32_t row) {
        const std::string& own = item[static_cast<std::size_t>(row)];
        const auto kept = std::find(keeps.begin(), keeps.end(), own);
        if (own.empty()) return false;
        if (kept == keeps.end()) return spot::begins(own, one.items.prefixes);
        return made.book.masks[static_cast<std::size_t>(one.items.mask)][static_cast<std::size_t>(kept - keeps.begin())] != 0;
      };
      spot::Rows now, all;
      std::copy_if(batch.now.begin(), batch.now.end(), std::back_inserter(now), fits);
      std::copy_if(batch.rows.begin(), batch.rows.end(), std::back_inserter(all), fits);
      CHECK(batch.lines_of(one, true).rows == now);
      // Without a line that may be reported the history is not asked.
      CHECK(batch.lines_of(one, false).rows == (now.empty() ? now : all));
    }
  }
}

// Units of an item within seven days: what lies on the last of them counts, what lies a day later does not; nor what was returned.
void windows() {
  for (const bool back : {false, true})
    for (const std::int64_t apart : {6, 7})
      for (const bool before : {false, true}) {
        small::Spot made;
        of_visit(made, {"now", "past"}, {0, 1});
        made.texts(kLines, "setl_id", {"past", "now", "past"}, "setl_id");
        made.texts(kLines, "feedetl_sn", {"1", "2", "3"});
        made.texts(kLines, "init_feedetl_sn", {"", "", back ? "1" : ""}, "feedetl_sn");
        made.texts(kLines, "med_list_codg", {"x", "x", "x"});
        made.numbers(kLines, "fee_ocur_time", {-3 * kDay + 1, (apart - 3) * kDay, -3 * kDay + 2});
        made.numbers(kLines, "cnt", {2 * kOne, 2 * kOne, back ? -kOne : kOne});
        made.numbers(kLines, "det_item_fee_sumamt", {200, 200, back ? -100 : 100});
        SpotRule rule;
        rule.id = "R";
        rule.kernel = SpotKernel::kWindow;
        rule.amount = SpotAmount::kExcess;
        rule.measure = SpotMeasure::kQuantity;
        rule.subject = SpotSubject::kPersonItem;
        rule.windows = {{Span::kRolling, 7}};
        rule.thresholds = {3 * kOne};
        rule.threshold_begin = {0, 1};
        rule.severities = {0};
        made.book.rules = {rule};
        made.book.before = before;
        made.done();
        const std::vector<std::uint8_t> runs{1};
        const SpotSeen seen = look(made.book, made.input, runs, runs);
        CHECK(seen.usable && seen.may.empty());
        // Seven days hold 2 + 2 + 1, or 2 - 1 + 2, units of at most 3.
        const bool found = apart == 6 && !back;
        CHECK_EQ(seen.findings.rule.size(), found ? 1U : 0U);
        if (!found) continue;
        CHECK_EQ(seen.findings.measure[0], 5 * kOne);
        CHECK_EQ(seen.findings.begin[0], -3 * kDay);
        CHECK_EQ(std::accumulate(seen.findings.money.begin(), seen.findings.money.end(), std::int64_t{0}), seen.findings.amount[0]);
      }
}

}  // namespace

int main() {
  in_order();
  netted();
  refused();
  meant();
  windows();
  return check::result();
}
