#include "prepared.hpp"

#include <algorithm>

namespace ybcore {
namespace {
// Rules that fall from admission to admission are worked out so far.
constexpr std::int64_t kAdmissions = 16;

std::int64_t end_of(const Program& program, const StandardRow& s) {
  switch (static_cast<AdmissionRule>(s.rule)) {
    case AdmissionRule::kPlain:
      return 1;
    case AdmissionRule::kList:
    case AdmissionRule::kFactors:
      return std::max<std::int64_t>(1, s.value_end - s.value_begin);
    default:
      (void)program;
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
  const std::int64_t count = end_of(program_, row);
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
      PreparedLayer layer{&row, {}, {}, false, false, false, false};
      layer.feeds = chosen([&](const FeedRow& feed, Quantity q) {
        return q < Quantity::kVisitTotal && (q == Quantity::kPaidBy || feed.layer == static_cast<std::int64_t>(at));
      });
      const std::size_t begin = edges_.size();
      bool constant = true;
      bool one_payer = true;
      for (std::int64_t b = row.band_begin; b < row.band_end; ++b) {
        const BandRow& band = program.bands[static_cast<std::size_t>(b)];
        const std::int64_t to = band.to < 0 ? INT64_MAX : constants_[static_cast<std::size_t>(band.to)];
        constant &= to != kMissing;
        one_payer &= band.payer < 0;
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
      const bool late = row.standard >= 0 && program.standards[static_cast<std::size_t>(row.standard)].after_rate != 0;
      layer.plain = constant && one_payer && row.part_rates == 0 && row.by_total == 0 && static_cast<Settle>(row.settle) == Settle::kPerVisit &&
                    row.after < 0 && !late;
      layers_.push_back(layer);
      for (const std::int64_t s : {row.standard, row.after}) {
        if (s < 0) continue;
        const auto i = static_cast<std::size_t>(s);
        if (scale_of[i] == 0) steady(program.standards[i], plan.scale, standards_[i]);
        if (scale_of[i] != 0 && scale_of[i] != plan.scale) standards_[i] = {};
        scale_of[i] = plan.scale;
      }
    }
    PreparedPlan out{&plan, {layers_.data() + first_layer, count}, {}, plan.scale != 1 || plan.end_unit != 1, false};
    out.end_feeds = chosen([](const FeedRow&, Quantity q) { return q >= Quantity::kVisitTotal; });
    for (const FeedRow& feed : out.end_feeds) out.keeps_buckets |= static_cast<Quantity>(feed.quantity) == Quantity::kEndBucket;
    plans_.push_back(out);
  }
}

}  // namespace ybcore
