// Are the tables and columns that came from outside safe to follow? Asked once a run, so that the hot path need not ask.
#include <algorithm>

#include "ybcore/panel.hpp"
#include "ybcore/settle.hpp"

namespace ybcore {
namespace {

class Checker {
 public:
  explicit Checker(const Program& program) : p_(program) {}

  [[nodiscard]] const char* program() const {
    if (!all(p_.plans, [&](const PlanRow& r) { return plan(r); })) return "plans";
    if (!all(p_.keys, [](const KeyRow& r) { return in(r.counter, INT32_MAX) && in(r.period, 6) && in(r.scope, 6); })) return "keys";
    if (!all(p_.bases, [](const BaseRow& r) { return in(r.bucket, kAllBuckets) && r.part >= 0 && r.part <= 1'000'000; })) return "bases";
    if (!all(p_.edits, [&](const EditRow& r) { return in(r.kind, 4) && (r.kind == 3 || amount(r.value)); })) return "edits";
    if (!amounts()) return "amounts";
    if (!all(p_.uptos, [&](const UptoRow& r) { return maybe(r.upto, p_.amounts.size()) && amount(r.value); })) return "uptos";
    if (!all(p_.ceilings, [&](const CeilingRow& r) { return in(r.on, 5) && amount(r.limit); })) return "ceilings";
    if (!all(p_.bands, [&](const BandRow& r) { return maybe(r.to, p_.amounts.size()) && in(r.rate, 1'000'001) && maybe(r.payer, 9); }))
      return "bands";
    if (!all(p_.standards, [&](const StandardRow& r) { return standard(r); })) return "standards";
    return nullptr;
  }

 private:
  const Program& p_;

  [[nodiscard]] static bool in(std::int64_t value, std::size_t end) { return value >= 0 && static_cast<std::uint64_t>(value) < end; }
  [[nodiscard]] static bool maybe(std::int64_t value, std::size_t end) { return value < static_cast<std::int64_t>(end); }
  [[nodiscard]] static bool run(std::int64_t begin, std::int64_t end, std::size_t rows, std::size_t most) {
    return begin >= 0 && begin <= end && static_cast<std::uint64_t>(end) <= rows && static_cast<std::uint64_t>(end - begin) <= most;
  }
  template <class Rows, class Test>
  [[nodiscard]] static bool all(const Rows& rows, Test test) {
    return std::all_of(rows.begin(), rows.end(), test);
  }
  [[nodiscard]] bool amount(std::int64_t at) const { return in(at, p_.amounts.size()); }
  [[nodiscard]] static bool rounding(std::int64_t mode, std::int64_t unit) { return in(mode, 4) && unit > 0; }

  // An amount refers to rows before it only, so reading one always ends.
  [[nodiscard]] bool amounts() const {
    for (std::size_t i = 0; i < p_.amounts.size(); ++i) {
      const AmountRow& a = p_.amounts[i];
      if (!in(a.kind, 3)) return false;
      if (a.kind == static_cast<std::int64_t>(AmountKind::kByCounter)) {
        if (!run(a.row_begin, a.row_end, p_.uptos.size(), SIZE_MAX)) return false;
        for (std::int64_t r = a.row_begin; r < a.row_end; ++r) {
          const UptoRow& row = p_.uptos[static_cast<std::size_t>(r)];
          if (!maybe(row.upto, i) || !in(row.value, i)) return false;
        }
      }
      if (a.kind == static_cast<std::int64_t>(AmountKind::kCompute) &&
          !(in(a.base, i) && maybe(a.of, i) && maybe(a.step, i) && maybe(a.least, i) && maybe(a.most, i) && a.over > 0 &&
            rounding(a.mode, a.unit) && (a.step < 0 || a.count_field >= 0)))
        return false;
    }
    return true;
  }

  [[nodiscard]] bool standard(const StandardRow& s) const {
    if (!amount(s.amount) || !in(s.rule, 6) || !in(s.repeat, 5) || !maybe(s.floor, p_.amounts.size()) || !rounding(s.mode, s.unit))
      return false;
    if (!run(s.edit_begin, s.edit_end, p_.edits.size(), SIZE_MAX) || !run(s.value_begin, s.value_end, p_.values.size(), SIZE_MAX))
      return false;
    if (s.rule != 0 && s.value_begin == s.value_end) return false;
    if (s.rule != static_cast<std::int64_t>(AdmissionRule::kList) && s.rule != static_cast<std::int64_t>(AdmissionRule::kLess)) return true;
    for (std::int64_t v = s.value_begin; v < s.value_end; ++v)
      if (!amount(p_.values[static_cast<std::size_t>(v)])) return false;
    return true;
  }

  [[nodiscard]] bool plan(const PlanRow& r) const {
    const std::int64_t keys = r.key_end - r.key_begin;
    const std::int64_t layers = r.layer_end - r.layer_begin;
    const std::size_t buckets = kBuckets + 4 * static_cast<std::size_t>(std::max<std::int64_t>(0, r.tags));
    if (!in(r.tags, kMaxTags + 1) || !run(r.key_begin, r.key_end, p_.keys.size(), kMaxKeys) ||
        !run(r.layer_begin, r.layer_end, p_.layers.size(), kMaxLayers))
      return false;
    if (!run(r.feed_begin, r.feed_end, p_.feeds.size(), SIZE_MAX) || !run(r.bucket_begin, r.bucket_end, p_.values.size(), kAllBuckets))
      return false;
    if ((r.scale != 1 && r.scale != kGrid) || r.admission_key >= keys || r.year_month < 1 || r.year_month > 12 || r.year_day < 1 ||
        r.year_day > 31 || r.fields < 0)
      return false;
    if (!rounding(r.layer_mode, r.layer_unit) || !rounding(r.class_mode, r.class_unit) || !rounding(r.end_mode, r.end_unit) ||
        !in(r.band_mode, 4))
      return false;
    for (std::int64_t v = r.bucket_begin; v < r.bucket_end; ++v)
      if (!in(p_.values[static_cast<std::size_t>(v)], buckets)) return false;
    for (std::int64_t f = r.feed_begin; f < r.feed_end; ++f) {
      const FeedRow& feed = p_.feeds[static_cast<std::size_t>(f)];
      if (!in(feed.key, static_cast<std::size_t>(keys)) || !in(feed.quantity, 23) || feed.layer >= layers ||
          (feed.sign != 1 && feed.sign != -1))
        return false;
      if (feed.quantity == static_cast<std::int64_t>(Quantity::kEndBucket) && !in(feed.which, buckets)) return false;
    }
    for (std::int64_t l = 0; l < layers; ++l)
      if (!layer(p_.layers[static_cast<std::size_t>(r.layer_begin + l)], l, keys, buckets)) return false;
    return true;
  }

  [[nodiscard]] bool layer(const LayerRow& r, std::int64_t place, std::int64_t keys, std::size_t buckets) const {
    if (!in(r.kind, 7) || !in(r.payer, kPayers) || !in(r.settle, 3) || r.computed_layer >= place) return false;
    if (!run(r.base_begin, r.base_end, p_.bases.size(), kMaxBands) || !run(r.ceil_begin, r.ceil_end, p_.ceilings.size(), SIZE_MAX))
      return false;
    if (!run(r.band_begin, r.band_end, p_.bands.size(), kMaxBands)) return false;
    for (std::int64_t b = r.base_begin; b < r.base_end; ++b)
      if (!in(p_.bases[static_cast<std::size_t>(b)].bucket, buckets)) return false;
    for (std::int64_t c = r.ceil_begin; c < r.ceil_end; ++c)
      if (!in(p_.ceilings[static_cast<std::size_t>(c)].key, static_cast<std::size_t>(keys))) return false;
    for (const std::int64_t key : {r.position, r.once, r.accumulate, r.so_far, r.carry})
      if (key >= keys) return false;
    if (r.settle != 0 && (r.accumulate < 0 || r.so_far < 0 || r.carry < 0)) return false;
    for (const std::int64_t s : {r.standard, r.after}) {
      if (!maybe(s, p_.standards.size())) return false;
      if (s < 0) continue;
      const StandardRow& standard = p_.standards[static_cast<std::size_t>(s)];
      const auto repeat = static_cast<Repeat>(standard.repeat);
      const bool keyed = repeat == Repeat::kCumulative || repeat == Repeat::kFirstOnly || repeat == Repeat::kHighest;
      if (standard.key >= keys || standard.high_key >= keys || (keyed && standard.key < 0) ||
          (repeat == Repeat::kHighest && standard.high_key < 0))
        return false;
    }
    const auto kind = static_cast<LayerKind>(r.kind);
    const bool needs = kind == LayerKind::kFixed || kind == LayerKind::kPerDay || kind == LayerKind::kPackage ||
                       (kind == LayerKind::kFloor && r.share < 0);
    if (kind == LayerKind::kGiven && !in(r.payer, 9)) return false;
    return maybe(r.amount, p_.amounts.size()) && maybe(r.at_least, p_.amounts.size()) && (!needs || r.amount >= 0);
  }
};

bool cuts(std::span<const std::int64_t> begin, std::size_t total) {
  return !begin.empty() && begin.front() == 0 && begin.back() == static_cast<std::int64_t>(total) &&
         std::is_sorted(begin.begin(), begin.end());
}

[[nodiscard]] const char* invalid_natures(const Events& e, const Policies& policies) noexcept {
  if (policies.slot.empty()) return policies.nature_row.empty() ? nullptr : "slot";
  const std::size_t slots = policies.slots();
  const std::size_t rows = policies.natures.size() / 5;
  if (policies.slot.size() != e.size() || e.tags != 0) return "slot";
  for (const std::int32_t slot : policies.slot)
    if (slot >= 0 && static_cast<std::size_t>(slot) >= slots) return "slot";
  if (policies.nature_row.size() != slots * policies.count || policies.natures.size() != rows * 5) return "natures";
  for (const std::int32_t row : policies.nature_row)
    if (row >= 0 && static_cast<std::size_t>(row) >= rows) return "natures";
  return nullptr;
}

}  // namespace

const char* invalid(const Program& program) noexcept { return Checker(program).program(); }

namespace {
// Everything but the plans.
const char* invalid_rows(const Events& e, std::size_t persons) noexcept {
  const std::size_t n = e.size();
  if (!cuts(e.event_begin, n)) return "event_begin";
  if (n > INT32_MAX) return "visit";
  if (e.tags > kMaxTags) return "tags";
  const auto visits = static_cast<std::int64_t>(e.event_begin.size()) - 1;
  const auto rows = static_cast<std::size_t>(visits);
  if (e.group.size() != rows || e.groups < 0) return "group";
  if (e.first.size() != rows) return "first";
  if (!e.second.empty() && e.second.size() != rows) return "second";
  if (!e.ids.numbers.empty() ? e.ids.numbers.size() != rows : !e.ids.offsets.empty() && e.ids.offsets.size() != rows + 1) return "ids";
  for (std::size_t v = 0; v < rows; ++v) {
    if (e.group[v] < -1 || e.group[v] >= e.groups) return "group";
    const std::int64_t parts = e.event_begin[v + 1] - e.event_begin[v];
    if (parts < 1 || parts > UINT16_MAX) return "event_begin";
    for (std::int64_t i = e.event_begin[v]; e.group[v] >= 0 && i < e.event_begin[v + 1]; ++i) {
      const std::int32_t person = e.person[static_cast<std::size_t>(i)];
      if (person < 0 || static_cast<std::size_t>(person) >= persons) return "person";
    }
  }
  if (e.visit.empty() && n != rows) return "visit";
  for (std::size_t i = 0; i < e.visit.size(); ++i) {
    if (e.visit[i] < 0 || e.visit[i] >= visits) return "visit";
    const auto visit = static_cast<std::size_t>(e.visit[i]);
    if (e.event_begin[visit] > static_cast<std::int64_t>(i) || e.event_begin[visit + 1] <= static_cast<std::int64_t>(i)) return "visit";
  }
  if (e.init.size() != e.is_reversal.size()) return "init";
  for (const std::int64_t init : e.init)
    if (init >= visits) return "init";
  for (const std::int32_t donor : e.donor)
    if (donor >= static_cast<std::int64_t>(persons)) return "donor";
  return nullptr;
}

bool has_fields(const Events& e, std::int64_t fields) noexcept {
  std::size_t used = 0;
  while (used < 63 && (fields >> used) != 0) ++used;
  return e.fields.size() >= used * e.size();
}
}  // namespace

const char* invalid(const Program& program, const Events& e, std::size_t persons) noexcept {
  if (const char* wrong = invalid_rows(e, persons)) return wrong;
  std::int64_t fields = 0;
  for (std::size_t i = 0; i < e.size(); ++i) {
    const std::int32_t plan = e.plan[i];
    if (plan >= static_cast<std::int64_t>(program.plans.size()) ||
        (plan < 0 && e.reason[i] == 0 && (e.is_reversal.empty() || e.is_reversal[i] == 0)))
      return "plan";
    if (plan >= 0) {
      const PlanRow& row = program.plans[static_cast<std::size_t>(plan)];
      if (static_cast<std::size_t>(row.tags) > e.tags) return "tags";
      fields |= row.fields;
    }
  }
  return has_fields(e, fields) ? nullptr : "fields";
}

const char* invalid(const Program& program, const Events& e, const Policies& policies, const Wanted& wanted, std::size_t persons) noexcept {
  if (const char* wrong = invalid_rows(e, persons)) return wrong;
  const std::size_t cells = policies.count * policies.combinations;
  if (policies.plan.size() != cells || policies.reason.size() != cells) return "plan";
  for (std::size_t i = 0; i < cells; ++i)
    if (policies.plan[i] >= static_cast<std::int64_t>(program.plans.size()) || (policies.plan[i] < 0 && policies.reason[i] == 0))
      return "plan";
  for (std::size_t i = 0; i < e.size(); ++i)
    if (e.plan[i] >= static_cast<std::int64_t>(policies.combinations) || (e.plan[i] < 0 && e.reason[i] == 0)) return "combination";
  std::int64_t fields = 0;
  for (const PlanRow& row : program.plans) {
    if (static_cast<std::size_t>(row.tags) > e.tags) return "tags";
    fields |= row.fields;
  }
  for (const Cells& c : wanted.cells) {
    if (c.of.size() != e.group.size() || c.pair.size() != e.group.size()) return "cells";
    for (std::size_t v = 0; v < c.of.size(); ++v) {
      if (c.of[v] < 0) continue;
      if (static_cast<std::size_t>(c.of[v]) >= c.count || c.pair[v] < 0 || static_cast<std::size_t>(c.pair[v]) >= c.pairs) return "cells";
    }
  }
  if (const char* wrong = invalid_natures(e, policies)) return wrong;
  for (const auto& columns : {wanted.by_cell, wanted.by_person})
    for (const std::uint8_t column : columns)
      if (column >= kColumns) return "columns";
  if (wanted.by_cell.size() > kColumns || wanted.by_person.size() > kColumns) return "columns";
  return has_fields(e, fields) ? nullptr : "fields";
}

}  // namespace ybcore
