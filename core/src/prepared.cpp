#include "prepared.hpp"

#include <algorithm>
#include <ranges>

#include "ybcore/settle.hpp"

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

Prepared::Prepared(const Program& program) : program_(program), plain_(program) {
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
    PreparedPlan out{
        &plan, {layers_.data() + first_layer, count}, {}, key_set(plan), plan.scale != 1 || plan.end_unit != 1, false, nullptr, -1, -1};
    out.end_feeds = chosen([](const FeedRow&, Quantity q) { return q >= Quantity::kVisitTotal; });
    for (const FeedRow& feed : out.end_feeds) out.keeps_buckets |= static_cast<Quantity>(feed.quantity) == Quantity::kEndBucket;
    for (std::size_t at = 0; at < count; ++at) {
      const LayerRow& row = *out.layers[at].row;
      if (row.basic != 0) out.basic = static_cast<std::int8_t>(at);
      if (out.main < 0 && (row.standard >= 0 || row.after >= 0)) out.main = static_cast<std::int8_t>(at);
    }
    if (out.basic >= 0) out.main = out.basic;
    out.plain = plain_.add(out, constants_);
    whole_fen_ = whole_fen_ && plan.scale == 1;
    note_columns(plan);
    plans_.push_back(out);
  }
  for (const StandardRow& s : program.standards) {
    const auto repeat = static_cast<Repeat>(s.repeat);
    looks_back_ |= s.link_id != 0 || s.link_days != 0 || repeat == Repeat::kAdmission || repeat == Repeat::kHighest;
  }
}

std::size_t Prepared::key_set(const PlanRow& plan) {
  const std::span<const PreparedKey> keys{keys_.data() + plan.key_begin, static_cast<std::size_t>(plan.key_end - plan.key_begin)};
  for (std::size_t i = 0; i < key_sets_.size(); ++i) {
    const PreparedKeys& known = key_sets_[i];
    if (known.year_month == plan.year_month && known.year_day == plan.year_day && std::ranges::equal(known.keys, keys)) return i;
  }
  PreparedKeys made{keys, static_cast<std::int32_t>(plan.year_month), static_cast<std::int32_t>(plan.year_day), 0, 0};
  for (const PreparedKey& key : keys) {
    if (key.period == Period::kVisit) continue;
    made.scopes |= 1U << static_cast<unsigned>(key.scope);
    made.periods |= 1U << static_cast<unsigned>(key.period);
  }
  key_sets_.push_back(made);
  return key_sets_.size() - 1;
}

void Prepared::note_columns(const PlanRow& plan) {
  const auto note = [this](std::size_t column) { columns_ |= std::uint64_t{1} << column; };
  const auto pays = [&](std::int64_t payer) {
    if (payer >= 0 && payer < static_cast<std::int64_t>(kFunds)) note(c_hifp_pay + static_cast<std::size_t>(payer));
    if (payer == kHospital) note(c_hosp_part_amt);
    if (payer == kAccount) note(c_acct_pay);
  };
  for (const std::size_t column : {c_medfee_sumamt, c_fulamt_ownpay_amt, c_overlmt_selfpay, c_preselfpay_amt, c_inscp_scp_amt,
                                   c_fund_pay_sumamt, c_psn_part_amt, c_psn_cash_pay, c_cut_fund, c_cut_expense})
    note(column);
  for (std::size_t b = 0; b < kBuckets; ++b) note(c_burden_full_self_pay + b);
  for (std::int64_t l = plan.layer_begin; l < plan.layer_end; ++l) {
    const LayerRow& row = program_.layers[static_cast<std::size_t>(l)];
    pays(row.payer);
    for (std::int64_t b = row.band_begin; b < row.band_end; ++b) pays(program_.bands[static_cast<std::size_t>(b)].payer);
    if (row.excess_hospital != 0) note(c_hosp_part_amt);
    if (row.basic != 0) note(c_pool_prop_selfpay);
    if (row.basic != 0 || row.standard >= 0 || row.after >= 0)
      for (const std::size_t column : {c_dedc_std, c_crt_dedc, c_act_pay_dedc}) note(column);
  }
  if (plan.account == 1) note(c_acct_pay);
  if (plan.account != 0) note(c_balc);
  if (plan.mutual_aid != 0) note(c_acct_mulaid_pay);
}

}  // namespace ybcore
