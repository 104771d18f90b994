// Which plans are plain, and their compact form.
#include <algorithm>

#include "prepared.hpp"
#include "ybcore/ledger.hpp"

namespace ybcore {

const PlainPlan* PlainPlans::add(const PreparedPlan& prepared, std::span<const std::int64_t> constants) {
  const PlanRow& plan = *prepared.row;
  const bool half_up = static_cast<RoundMode>(plan.layer_mode) == RoundMode::kHalfUp;
  const bool by_band = plan.band_unit == 1 && static_cast<RoundMode>(plan.band_mode) == RoundMode::kHalfUp;
  if (plan.scale != 1 || plan.tags != 0 || plan.end_unit != 1 || plan.layer_unit != 1 || (plan.band_unit == 0 ? !half_up : !by_band))
    return nullptr;
  std::vector<PlainLayer> layers;
  for (const PreparedLayer& one : prepared.layers) {
    const std::optional<PlainLayer> made = layer(one, constants);
    if (!made) return nullptr;
    layers.push_back(*made);
  }
  // No sum of one visit can pass every bound: then only what counters come to is asked.
  std::size_t most = 0;
  for (const PlainLayer& one : layers) most += one.feeds.size();
  if (static_cast<std::int64_t>(most + prepared.end_feeds.size()) * kMostBill > kMostFen) return nullptr;
  std::vector<std::uint8_t> account;
  for (std::int64_t v = plan.bucket_begin; v < plan.bucket_end; ++v)
    account.push_back(static_cast<std::uint8_t>(program_.values[static_cast<std::size_t>(v)]));
  plans_.push_back({layers_.emplace_back(std::move(layers)), accounts_.emplace_back(std::move(account)), plan.account == 1,
                    plan.mutual_aid != 0, plan.band_unit == 0});
  return &plans_.back();
}

std::optional<PlainLayer> PlainPlans::layer(const PreparedLayer& layer, std::span<const std::int64_t> constants) {
  const LayerRow& row = *layer.row;
  if (static_cast<LayerKind>(row.kind) != LayerKind::kShare || static_cast<Settle>(row.settle) != Settle::kPerVisit) return {};
  if (row.part_rates != 0 || row.by_total != 0 || row.after >= 0 || row.pro_rata != 0 || row.at_least >= 0) return {};
  if (layer.edges.empty() || layer.edges.size() != static_cast<std::size_t>(row.band_end - row.band_begin) || layer.expense_ceilings ||
      layer.above_ceilings)
    return {};
  if (row.payer > kHospital) return {};
  PlainLayer out;
  out.name = static_cast<std::int32_t>(row.name);
  out.payer = static_cast<std::uint8_t>(row.payer);
  out.including = row.including != 0;
  out.moves = row.moves != 0;
  out.computed = static_cast<std::int8_t>(row.computed);
  out.computed_layer = static_cast<std::int8_t>(row.computed_layer);
  out.position = static_cast<std::int8_t>(row.position);
  for (std::int64_t b = row.base_begin; b < row.base_end; ++b) {
    const BaseRow& base = program_.bases[static_cast<std::size_t>(b)];
    if (base.part != 1'000'000) return {};
    // A bucket named twice would be taken twice.
    const auto bucket = static_cast<std::uint8_t>(base.bucket);
    if (std::find(out.bucket.begin(), out.bucket.begin() + out.buckets, bucket) != out.bucket.begin() + out.buckets) return {};
    out.bucket[out.buckets++] = bucket;
  }
  out.standard = static_cast<std::int32_t>(row.standard);
  if (row.standard >= 0) {
    const StandardRow& s = program_.standards[static_cast<std::size_t>(row.standard)];
    const auto repeat = static_cast<Repeat>(s.repeat);
    if (repeat != Repeat::kVisit && repeat != Repeat::kCumulative && repeat != Repeat::kFirstOnly) return {};
    if (s.after_rate != 0 || s.in_catalogue != 0 || s.link_id != 0 || s.link_days != 0) return {};
    out.repeat = static_cast<std::int8_t>(repeat);
    out.deductible_key = static_cast<std::int8_t>(s.key);
  }
  for (std::int64_t c = row.ceil_begin; c < row.ceil_end; ++c) {
    const CeilingRow& ceiling = program_.ceilings[static_cast<std::size_t>(c)];
    const std::int64_t limit = constants[static_cast<std::size_t>(ceiling.limit)];
    if (ceiling.as_expense != 0 || limit == kMissing || out.ceilings == out.ceiling.size()) return {};
    out.ceiling[out.ceilings] = limit;
    out.ceiling_key[out.ceilings++] = static_cast<std::int8_t>(ceiling.key);
  }
  std::vector<PlainEdge> edges;
  for (const Edge& edge : layer.edges) {
    if (edge.payer >= 0) return {};
    edges.push_back({edge.to, static_cast<std::uint64_t>(edge.rate)});
  }
  std::vector<PlainFeed> feeds;
  bool runs = false;
  for (const FeedRow& feed : layer.feeds) {
    auto quantity = static_cast<Quantity>(feed.quantity);
    if (quantity == Quantity::kCarry || (quantity == Quantity::kPaidBy && feed.which != row.payer)) continue;  // always nothing
    if (quantity == Quantity::kPaidBy) quantity = Quantity::kPaid;
    if (quantity == Quantity::kEligible) quantity = Quantity::kBase;
    if (quantity == Quantity::kDue) return {};  // no part of the bill: may be of any size
    runs |= quantity == Quantity::kRan;
    feeds.push_back(
        {static_cast<std::uint8_t>(feed.key), static_cast<std::uint8_t>(quantity), static_cast<std::int8_t>(feed.sign > 0 ? 1 : -1)});
  }
  out.idles = row.standard < 0 && !runs;
  out.edges = edges_.emplace_back(std::move(edges));
  out.feeds = feeds_.emplace_back(std::move(feeds));
  return out;
}

}  // namespace ybcore
