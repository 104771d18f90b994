#include "prepared.hpp"

#include <algorithm>

namespace ybcore {
namespace {
// Rules that fall from admission to admission are worked out so far.
constexpr std::int64_t kAdmissions = 16;

std::int64_t end_of(const StandardRow& s) {
  switch (static_cast<AdmissionRule>(s.rule)) {
    case AdmissionRule::kPlain:
      return 1;
    case AdmissionRule::kList:
    case AdmissionRule::kFactors:
      return std::max<std::int64_t>(1, s.value_end - s.value_begin);
    default:
      return kAdmissions;
  }
}
}  // namespace

void Prepared::steady(const StandardRow& row, std::int64_t scale, Steady& out) {
  bool constant = true;
  const auto fen = [&](std::int64_t amount) {
    const AmountRow& a = program_.amounts[static_cast<std::size_t>(amount)];
    constant &= static_cast<AmountKind>(a.kind) == AmountKind::kConst;
    return a.value;
  };
  const auto rule = static_cast<AdmissionRule>(row.rule);
  const std::int64_t count = end_of(row);
  const std::size_t begin = values_.size();
  for (std::int64_t n = 1; n <= count; ++n) values_.push_back(standard_of(program_, row, n, scale, fen));
  if (!constant) {
    values_.resize(begin);
    return;
  }
  out = {begin, count, rule == AdmissionRule::kPlain || rule == AdmissionRule::kList || rule == AdmissionRule::kFactors};
}

Prepared::Prepared(const Program& program) : program_(program) {
  for (const AmountRow& a : program.amounts)
    constants_.push_back(static_cast<AmountKind>(a.kind) == AmountKind::kConst ? held(a.value) : kMissing);
  standards_.resize(program.standards.size());
  for (const KeyRow& key : program.keys)
    keys_.push_back({static_cast<std::int32_t>(key.counter), static_cast<std::int32_t>(key.value), static_cast<Period>(key.period),
                     static_cast<Scope>(key.scope)});
  std::vector<std::int64_t> scale_of(program.standards.size(), 0);
  std::size_t layers = 0;
  std::size_t edges = 0;
  std::size_t feeds = 0;
  for (const PlanRow& plan : program.plans) {
    const auto count = static_cast<std::size_t>(plan.layer_end - plan.layer_begin);
    layers += count;
    feeds += static_cast<std::size_t>(plan.feed_end - plan.feed_begin) * (count + 1);
    for (std::int64_t l = plan.layer_begin; l < plan.layer_end; ++l) {
      const LayerRow& row = program.layers[static_cast<std::size_t>(l)];
      edges += static_cast<std::size_t>(row.band_end - row.band_begin);
    }
  }
  // Spans point into these: they never move again.
  layers_.reserve(layers);
  edges_.reserve(edges);
  feeds_.reserve(feeds);
  plain_.reserve(layers);
  for (const PlanRow& plan : program.plans) {
    const auto count = static_cast<std::size_t>(plan.layer_end - plan.layer_begin);
    const std::size_t first_layer = layers_.size();
    const auto chosen = [&](auto wanted) {
      const std::size_t begin = feeds_.size();
      for (std::int64_t f = plan.feed_begin; f < plan.feed_end; ++f) {
        const FeedRow& feed = program.feeds[static_cast<std::size_t>(f)];
        if (wanted(feed, static_cast<Quantity>(feed.quantity))) feeds_.push_back(feed);
      }
      return std::span<const FeedRow>(feeds_.data() + begin, feeds_.size() - begin);
    };
    for (std::size_t at = 0; at < count; ++at) {
      const LayerRow& row = program.layers[static_cast<std::size_t>(plan.layer_begin) + at];
      PreparedLayer layer{&row, {}, {}, false, false, false};
      layer.feeds = chosen([&](const FeedRow& feed, Quantity q) {
        return q < Quantity::kVisitTotal && (q == Quantity::kPaidBy || feed.layer == static_cast<std::int64_t>(at));
      });
      const std::size_t begin = edges_.size();
      bool constant = true;
      for (std::int64_t b = row.band_begin; b < row.band_end; ++b) {
        const BandRow& band = program.bands[static_cast<std::size_t>(b)];
        const std::int64_t to = band.to < 0 ? INT64_MAX : constants_[static_cast<std::size_t>(band.to)];
        constant &= to != kMissing;
        edges_.push_back({band.to < 0 || to == kMissing ? INT64_MAX : to * plan.scale, band.rate, band.payer});
      }
      if (constant) {
        layer.edges = {edges_.data() + begin, edges_.size() - begin};
      } else {
        edges_.resize(begin);
      }
      for (std::int64_t c = row.ceil_begin; c < row.ceil_end; ++c) {
        const auto on = static_cast<On>(program.ceilings[static_cast<std::size_t>(c)].on);
        (on == On::kExpense ? layer.expense_ceilings : on == On::kAbove ? layer.above_ceilings : layer.fund_ceilings) = true;
      }
      layers_.push_back(layer);
      for (const std::int64_t s : {row.standard, row.after}) {
        if (s < 0) continue;
        const auto i = static_cast<std::size_t>(s);
        if (scale_of[i] == 0) steady(program.standards[i], plan.scale, standards_[i]);
        if (scale_of[i] != 0 && scale_of[i] != plan.scale) standards_[i] = {};
        scale_of[i] = plan.scale;
      }
    }
    PreparedPlan out{&plan, {layers_.data() + first_layer, count}, {}, {}, plan.scale != 1 || plan.end_unit != 1, false, false, {}, -1, -1};
    out.keys = {keys_.data() + plan.key_begin, static_cast<std::size_t>(plan.key_end - plan.key_begin)};
    out.end_feeds = chosen([](const FeedRow&, Quantity q) { return q >= Quantity::kVisitTotal; });
    for (const FeedRow& feed : out.end_feeds) out.keeps_buckets |= static_cast<Quantity>(feed.quantity) == Quantity::kEndBucket;
    for (std::size_t at = 0; at < count; ++at) {
      const LayerRow& row = *out.layers[at].row;
      if (row.basic != 0) out.basic = static_cast<std::int8_t>(at);
      if (out.main < 0 && (row.standard >= 0 || row.after >= 0)) out.main = static_cast<std::int8_t>(at);
    }
    if (out.basic >= 0) out.main = out.basic;
    std::vector<PlainLayer> plain_layers;
    out.plain = plain(plan, out, plain_layers);
    if (out.plain) {
      const std::size_t begin = plain_.size();
      plain_.insert(plain_.end(), plain_layers.begin(), plain_layers.end());
      out.plain_layers = {plain_.data() + begin, plain_layers.size()};
    }
    plans_.push_back(out);
  }
  for (const StandardRow& s : program.standards) {
    const auto repeat = static_cast<Repeat>(s.repeat);
    looks_back_ |= s.link_id != 0 || s.link_days != 0 || repeat == Repeat::kAdmission || repeat == Repeat::kHighest;
  }
}

bool Prepared::plain(const PlanRow& plan, const PreparedPlan& prepared, std::vector<PlainLayer>& out) const {
  const bool half_up = static_cast<RoundMode>(plan.layer_mode) == RoundMode::kHalfUp;
  const bool by_band = plan.band_unit == 1 && static_cast<RoundMode>(plan.band_mode) == RoundMode::kHalfUp;
  if (plan.scale != 1 || plan.tags != 0 || plan.end_unit != 1 || plan.layer_unit != 1 || (plan.band_unit == 0 ? !half_up : !by_band))
    return false;
  for (const PreparedLayer& layer : prepared.layers) {
    PlainLayer& to = out.emplace_back();
    if (!plain(*layer.row, layer, to)) return false;
  }
  return true;
}

bool Prepared::plain(const LayerRow& row, const PreparedLayer& layer, PlainLayer& out) const {
  if (static_cast<LayerKind>(row.kind) != LayerKind::kShare || static_cast<Settle>(row.settle) != Settle::kPerVisit) return false;
  if (row.part_rates != 0 || row.by_total != 0 || row.after >= 0 || row.pro_rata != 0 || row.at_least >= 0) return false;
  if (layer.edges.empty() || layer.edges.size() != static_cast<std::size_t>(row.band_end - row.band_begin) || layer.expense_ceilings ||
      layer.above_ceilings)
    return false;
  for (const Edge& edge : layer.edges)
    if (edge.payer >= 0) return false;
  if (row.payer > kHospital) return false;
  out.row = &row;
  out.feeds = layer.feeds;
  for (const FeedRow& feed : layer.feeds) out.counts_runs |= static_cast<Quantity>(feed.quantity) == Quantity::kRan;
  out.edges = layer.edges;
  for (std::int64_t b = row.base_begin; b < row.base_end; ++b) {
    const BaseRow& base = program_.bases[static_cast<std::size_t>(b)];
    if (base.part != 1'000'000) return false;
    // A bucket named twice would be taken twice.
    for (std::size_t i = 0; i < out.buckets; ++i)
      if (out.bucket[i] == base.bucket) return false;
    out.bucket[out.buckets++] = static_cast<std::uint8_t>(base.bucket);
  }
  out.computed = static_cast<std::int8_t>(row.computed);
  out.computed_layer = static_cast<std::int8_t>(row.computed_layer);
  out.position = static_cast<std::int16_t>(row.position);
  if (row.standard >= 0) {
    const StandardRow& s = program_.standards[static_cast<std::size_t>(row.standard)];
    const auto repeat = static_cast<Repeat>(s.repeat);
    if (repeat != Repeat::kVisit && repeat != Repeat::kCumulative && repeat != Repeat::kFirstOnly) return false;
    if (s.after_rate != 0 || s.in_catalogue != 0 || s.link_id != 0 || s.link_days != 0) return false;
    out.repeat = static_cast<std::int8_t>(repeat);
    out.deductible_key = static_cast<std::int16_t>(s.key);
  }
  for (std::int64_t c = row.ceil_begin; c < row.ceil_end; ++c) {
    const CeilingRow& ceiling = program_.ceilings[static_cast<std::size_t>(c)];
    const std::int64_t limit = constant(ceiling.limit);
    if (ceiling.as_expense != 0 || limit == kMissing || out.ceilings == out.ceiling.size()) return false;
    out.ceiling[out.ceilings++] = {limit, ceiling.key};
  }
  return true;
}

}  // namespace ybcore
