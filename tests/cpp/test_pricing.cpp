// Lines into natures: figures a person can check with a calculator.
#include <climits>
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "ybcore/pricing.hpp"

using namespace ybcore;

namespace {

constexpr std::int64_t kNone = INT64_MIN;

// Items: 0 class A; 1 class B 10 %; 2 class B 33.3333 %, cap 1 yuan; 3 class C; 4 class B direct 50 %, tag 1; 5 class B, no ratio.
Catalog catalogue() {
  const std::vector<std::int32_t> item{0, 1, 2, 3, 4, 5}, place(6, -1), begin(6, INT32_MIN), end(6, INT32_MAX);
  const std::vector<std::int32_t> ratio{0, 100000, 333333, -1, 500000, -1}, tag{0, 0, 0, 0, 1, 0};
  const std::vector<std::uint8_t> classes{1, 2, 2, 3, 2, 2}, direct{0, 0, 0, 0, 1, 0};
  const std::vector<std::int32_t> cap_item{2}, cap_place{-1}, cap_key{-1}, cap_begin{INT32_MIN}, cap_end{INT32_MAX};
  const std::vector<std::int64_t> cap{1000000};
  return Catalog(6, {item, place, {}, begin, end}, ratio, classes, direct, tag, {}, {}, {cap_item, cap_place, cap_key, cap_begin, cap_end},
                 cap);
}

struct Bill {
  std::vector<std::int32_t> item, day;
  std::vector<std::int64_t> quantity, amount;
  std::vector<std::int8_t> deny;
  void line(std::int32_t i, std::int64_t a, std::int64_t q = kNone, std::int32_t d = kNullDay, std::int8_t denied = 0) {
    item.push_back(i);
    amount.push_back(a);
    quantity.push_back(q);
    day.push_back(d);
    deny.push_back(denied);
  }
  [[nodiscard]] PricingLines view() const { return {item, {}, day, quantity, amount, {}, deny, {}, {}}; }
};

struct Priced {
  std::vector<std::int64_t> natures, full, over, first, scope, cap;
  std::vector<std::uint8_t> flags, item_class, reason;
  std::vector<std::int32_t> ratio;
};

Priced price(const Bill& bill, const std::vector<FirstPayStep>& steps, std::int64_t scale = 1,
             std::vector<std::int64_t> event_begin = {0, 1}, std::vector<std::int32_t> before = {INT32_MAX}) {
  const Catalog catalog = catalogue();
  const PricingProgram program{scale,
                               {RoundMode::kHalfUp, 1},
                               {RoundMode::kHalfUp, 1},
                               -1,
                               {PlaceRule::kTreatment, PlaceRule::kTreatment, PlaceRule::kTreatment},
                               {DateRule::kFee, DateRule::kFee, DateRule::kFee},
                               0,
                               static_cast<std::uint32_t>(steps.size()),
                               0};
  const std::vector<PricingProgram> programs{program};
  const std::vector<std::uint16_t> tag_map{0, 1};
  const std::vector<std::int64_t> line_begin{0, static_cast<std::int64_t>(bill.item.size())};
  const std::vector<std::int32_t> enddate{1000}, setl{1000}, none{-1};
  const std::vector<std::int32_t> event_program(before.size(), 0), level(before.size(), -1);
  const std::size_t rows = bill.item.size();
  Priced out;
  out.natures.assign(before.size() * nature_stride(1), 0);
  for (auto* column : {&out.full, &out.over, &out.first, &out.scope, &out.cap}) column->assign(rows, 0);
  out.flags.assign(1, 0);
  out.item_class.assign(rows, 0);
  out.reason.assign(rows, 0);
  out.ratio.assign(rows, 0);
  price_all(catalog, {programs, steps, tag_map, 1, 1}, {line_begin, enddate, setl, none, none, event_begin}, {event_program, level, before},
            bill.view(), {out.natures, out.flags, out.full, out.over, out.first, out.scope, out.item_class, out.ratio, out.cap, out.reason},
            1);
  // Sums alone may come from the catalogue compiled for the batch: the same natures and flags.
  std::vector<std::int64_t> natures(out.natures.size(), 0);
  std::vector<std::uint8_t> flags(1, 0);
  price_all(catalog, {programs, steps, tag_map, 1, 1}, {line_begin, enddate, setl, none, none, event_begin}, {event_program, level, before},
            bill.view(), {natures, flags, {}, {}, {}, {}, {}, {}, {}, {}}, 1);
  CHECK(natures == out.natures);
  CHECK(flags == out.flags);
  return out;
}

const std::vector<FirstPayStep> kCatalogue{{-1, false, StepAt::kLine, 3}};

void natures_of_each_kind_of_line() {
  Bill bill;
  bill.line(0, 1000);                    // A: all in scope
  bill.line(1, 1005);                    // B 10 %: 100.5 -> 101, 904
  bill.line(2, 500, 20000);              // cap 1 yuan x 2 = 200: over 300, first 66.6666 -> 67, 133
  bill.line(3, 70);                      // C
  bill.line(-1, 30);                     // unknown
  bill.line(4, 1001);                    // direct half: 500.5 -> 501 first, 500 direct
  bill.line(5, 10);                      // class B without any ratio
  bill.line(0, 40, kNone, kNullDay, 1);  // denied
  const Priced p = price(bill, kCatalogue);
  CHECK(p.natures == (std::vector<std::int64_t>{140, 300, 168, 2047, 500, 0, 0, 501, 0}));
  CHECK(p.reason == (std::vector<std::uint8_t>{0, 0, 0, kClassC, kUnknownItem, 0, kNoRatio, kDenied}));
  CHECK(p.scope == (std::vector<std::int64_t>{1000, 904, 133, 0, 0, 500, 10, 0}));
  CHECK(p.over == (std::vector<std::int64_t>{0, 0, 300, 0, 0, 0, 0, 0}));
  CHECK_EQ(p.cap[2], 1000000);
  CHECK_EQ(p.cap[0], kNone);
  CHECK_EQ(p.flags[0], kFlagUnknownItem);
}

void returns_mirror() {
  Bill bill;
  bill.line(2, 500, 20000, 990);
  bill.line(2, -500, -20000, 990);
  bill.line(1, 105);
  bill.line(1, -105);
  const Priced p = price(bill, kCatalogue);
  CHECK(p.natures == std::vector<std::int64_t>(9, 0));
  CHECK_EQ(p.first[3], -11);
  CHECK_EQ(p.over[1], -300);
}

void denied_lines_among_many() {
  Bill bill;
  bill.line(0, 100, kNone, 900, 1);
  bill.line(0, -40, kNone, 900, 1);
  bill.line(0, 200);
  bill.line(0, -50);
  bill.line(0, -30, kNone, kNullDay, 1);
  for (int i = 0; i < 200; ++i) bill.line(0, 1);  // more than a tile of plain ones
  bill.line(0, -10, kNone, kNullDay, 1);
  const Priced p = price(bill, kCatalogue);
  CHECK(p.natures == (std::vector<std::int64_t>{20, 0, 0, 350, 0, 0, 0, 0, 0}));
  CHECK_EQ(p.full[1], -40);
  CHECK_EQ(p.reason[1], kDenied);
  CHECK_EQ(p.reason[3], 0);
  CHECK_EQ(p.reason[4], kDenied);
  CHECK_EQ(p.reason.back(), kDenied);
}

void returns_give_way_where_denied_lines_left_nothing() {
  Bill bill;
  bill.line(0, 100, kNone, kNullDay, 1);
  bill.line(0, -30);
  bill.line(0, 20);
  const Priced p = price(bill, kCatalogue);
  CHECK(p.natures == (std::vector<std::int64_t>{90, 0, 0, 0, 0, 0, 0, 0, 0}));
  CHECK(p.full == (std::vector<std::int64_t>{100, -10, 0}));
  CHECK(p.scope == (std::vector<std::int64_t>{0, -20, 20}));
  CHECK(p.reason == (std::vector<std::uint8_t>{kDenied, kDenied, 0}));
  // Of class B there is nothing without the denial either: the visit is refused as it would have been.
  Bill other;
  other.line(0, 100, kNone, kNullDay, 1);
  other.line(1, -30);
  CHECK(price(other, kCatalogue).natures == (std::vector<std::int64_t>{100, 0, -3, -27, 0, 0, 0, 0, 0}));
  // Nothing is denied.
  Bill plain;
  plain.line(0, 100);
  plain.line(0, -130);
  CHECK_EQ(price(plain, kCatalogue).natures[3], -30);
}

void steps_follow_each_other() {
  Bill bill;
  bill.line(1, 1000);
  const Priced rest = price(bill, {{-1, false, StepAt::kLine, 3}, {100000, false, StepAt::kLine, 3}});
  CHECK_EQ(rest.first[0], 190);
  const Priced gross = price(bill, {{-1, false, StepAt::kLine, 3}, {100000, true, StepAt::kLine, 3}});
  CHECK_EQ(gross.first[0], 200);
  const Priced over = price(bill, {{900000, true, StepAt::kLine, 3}, {900000, true, StepAt::kLine, 3}});
  CHECK_EQ(over.first[0], 1000);
  const Priced other = price(bill, {{500000, true, StepAt::kLine, 1}});
  CHECK_EQ(other.first[0], 0);
}

void sums_are_laid_on_lines() {
  Bill bill;
  for (int i = 0; i < 3; ++i) bill.line(1, 5);  // 0.5 each: 3 x 1 on lines, 1.5 -> 2 on the sum
  bill.line(0, 100);
  CHECK_EQ(price(bill, kCatalogue).natures[2], 3);
  const Priced sum = price(bill, {{-1, false, StepAt::kClass, 3}});
  CHECK_EQ(sum.natures[2], 2);
  CHECK(sum.first == (std::vector<std::int64_t>{0, 1, 1, 0}));  // trunc(2 x 5 / 15), trunc(2 x 10 / 15), 2
  const Priced both = price(bill, {{100000, false, StepAt::kVisit, 3}});
  CHECK_EQ(both.natures[2], 12);  // 11.5
}

void the_grid_keeps_parts_of_a_fen() {
  Bill bill;
  bill.line(1, 5);
  bill.line(1, -5);
  bill.line(1, 5);
  const Priced p = price(bill, kCatalogue, 1000000);
  CHECK_EQ(p.natures[2], 500000);
  CHECK_EQ(p.natures[3], 4500000);
  CHECK(p.first == (std::vector<std::int64_t>{1, -1, 1}));  // each line in fen, half away from zero
  CHECK(p.scope == (std::vector<std::int64_t>{4, -4, 4}));
}

void parts_divide_by_date() {
  Bill bill;
  bill.line(0, 100, kNone, 900);
  bill.line(0, 20, kNone, 950);
  bill.line(0, 3);  // the visit's own end
  bill.line(0, -20, kNone, 950);
  const std::vector<std::int64_t> line_begin{0, 4}, cut_begin{0, 3};
  const std::vector<std::int32_t> enddate{1000}, cuts{940, 960, 970};
  const Parts parts = keep_parts({line_begin, enddate, {}, {}, {}, {}}, bill.view(), cut_begin, cuts);
  CHECK(parts.event_begin == (std::vector<std::int64_t>{0, 3}));
  CHECK(parts.low == (std::vector<std::int32_t>{kNullDay, 940, 970}));
  CHECK(parts.before == (std::vector<std::int32_t>{940, 960, INT32_MAX}));
  const Priced p = price(bill, kCatalogue, 1, parts.event_begin, parts.before);
  CHECK_EQ(p.natures[3], 100);
  CHECK_EQ(p.natures[9 + 3], 0);
  CHECK_EQ(p.natures[18 + 3], 3);
}

void totals_know_their_bounds() {
  Bill bill;
  bill.line(0, 100);
  bill.line(0, -30);
  bill.line(0, kNone);
  bill.line(0, 100000000000);
  const std::vector<std::int64_t> line_begin{0, 2, 3, 4, 4};
  std::vector<std::int64_t> total(4);
  std::vector<std::uint8_t> bad(4, 0);
  line_totals({line_begin, {}, {}, {}, {}, {}}, bill.view(), total, bad, 1);
  CHECK(total == (std::vector<std::int64_t>{70, 0, 100000000000, 0}));
  CHECK(bad == (std::vector<std::uint8_t>{0, 1, 0, 0}));
}

}  // namespace

int main() {
  natures_of_each_kind_of_line();
  returns_mirror();
  denied_lines_among_many();
  returns_give_way_where_denied_lines_left_nothing();
  steps_follow_each_other();
  sums_are_laid_on_lines();
  the_grid_keeps_parts_of_a_fen();
  parts_divide_by_date();
  totals_know_their_bounds();
  return check::result();
}
