// A scheme of one plan and batches for it, put together by hand.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "ybcore/settle.hpp"

namespace small {

using namespace ybcore;

template <class Row>
Row blank() {
  Row row;
  std::memset(&row, 0xff, sizeof row);  // every field -1: none
  return row;
}

// A yearly deductible of 1300, 85 % above it, a yearly fund ceiling of 2000, all in yuan.
struct Scheme {
  std::vector<PlanRow> plans{blank<PlanRow>()};
  std::vector<LayerRow> layers{blank<LayerRow>()};
  std::vector<KeyRow> keys{{0, static_cast<std::int64_t>(Period::kYear), 0, -1}, {1, static_cast<std::int64_t>(Period::kYear), 0, -1}};
  std::vector<FeedRow> feeds{{0, 0, static_cast<std::int64_t>(Quantity::kDeductible), -1, 1},
                             {1, 0, static_cast<std::int64_t>(Quantity::kPaid), -1, 1}};
  std::vector<BandRow> bands{{-1, 850'000, -1}};
  std::vector<CeilingRow> ceilings{{static_cast<std::int64_t>(On::kFund), 1, 1, 0}};
  std::vector<BaseRow> bases{{kInScope, 1'000'000, -1}};
  std::vector<StandardRow> standards{blank<StandardRow>()};
  std::vector<AmountRow> amounts{blank<AmountRow>(), blank<AmountRow>()};
  std::vector<std::int64_t> values;

  Scheme() {
    amounts[0].kind = amounts[1].kind = 0;
    amounts[0].value = 130'000;
    amounts[1].value = 200'000;
    StandardRow& s = standards[0];
    s.amount = s.edit_begin = s.edit_end = s.rule = s.value_begin = s.value_end = s.mode = s.waived = s.key = s.link_id = s.link_days =
        s.after_rate = s.in_catalogue = 0;
    s.unit = 1;
    s.repeat = static_cast<std::int64_t>(Repeat::kCumulative);
    LayerRow& l = layers[0];
    l.name = l.kind = l.payer = l.base_begin = l.computed = l.pro_rata = l.settle = l.by_total = l.band_begin = l.part_rates = l.standard =
        l.ceil_begin = 0;
    l.basic = l.moves = l.including = l.total_base = l.base_end = l.band_end = l.ceil_end = 1;
    PlanRow& p = plans[0];
    p.scheme = p.layer_begin = p.key_begin = p.feed_begin = p.layer_mode = p.band_unit = p.band_mode = p.class_mode = p.end_mode = 0;
    p.account = p.bucket_begin = p.bucket_end = p.mutual_aid = p.tags = p.deductible_each = p.fields = p.document = 0;
    p.benefit = p.layer_end = p.scale = p.layer_unit = p.class_unit = p.end_unit = p.year_month = p.year_day = p.one_per_stay = 1;
    p.key_end = p.feed_end = 2;
  }
  [[nodiscard]] Program program() const { return {plans, layers, keys, feeds, bands, ceilings, bases, standards, {}, amounts, {}, values}; }
};

struct Batch {
  std::vector<std::int64_t> visit, init, natures, event_begin{0}, time;
  std::vector<std::int32_t> plan, person, stay, day, one, group;
  std::vector<std::uint8_t> reason, reversal;
  std::int32_t groups = 0;

  void add(std::int32_t who, std::int64_t in_scope, std::int64_t original = -1) {
    const auto row = static_cast<std::int64_t>(visit.size());
    visit.push_back(row);
    init.push_back(original);
    natures.insert(natures.end(), {0, 0, 0, in_scope, 0});
    event_begin.push_back(row + 1);
    time.push_back(row);
    plan.push_back(original >= 0 ? -1 : 0);
    person.push_back(who);
    stay.push_back(static_cast<std::int32_t>(row));
    day.push_back(19'800);
    one.push_back(1);
    reason.push_back(0);
    reversal.push_back(original >= 0);
    group.push_back(groups);
  }
  void close() { ++groups; }
  [[nodiscard]] Events events() const {
    Events e{};
    e.visit = visit;
    e.plan = plan;
    e.reason = reason;
    e.person = person;
    e.stay = stay;
    e.order_date = e.begndate = e.enddate = e.period_date = day;
    e.days = one;
    e.init = init;
    e.is_reversal = reversal;
    e.natures = natures;
    e.event_begin = event_begin;
    e.group = group;
    e.first = time;
    e.groups = groups;
    return e;
  }
};

}  // namespace small
