// What each kind of layer pays.
#include <algorithm>

#include "visit.hpp"

namespace ybcore {
namespace {
constexpr Wide kPpm = 1'000'000;
}

std::span<const Edge> Visit::edges_of(const PreparedLayer& layer, Edge* edges) const {
  const LayerRow& row = *layer.row;
  if (layer.edges.size() == static_cast<std::size_t>(row.band_end - row.band_begin)) return layer.edges;
  std::size_t n = 0;
  for (std::int64_t b = row.band_begin; b < row.band_end; ++b) {
    const BandRow& band = program_->bands[static_cast<std::size_t>(b)];
    edges[n++] = {band.to < 0 ? INT64_MAX : amount(band.to), band.rate, band.payer};
  }
  return {edges, n};
}

void Visit::share(const PreparedLayer& layer, LayerResult& r) {
  const LayerRow& row = *layer.row;
  std::int64_t eligible = r.base;
  for (std::int64_t c = row.ceil_begin; layer.expense_ceilings && c < row.ceil_end; ++c) {
    const CeilingRow& ceiling = program_->ceilings[static_cast<std::size_t>(c)];
    if (static_cast<On>(ceiling.on) != On::kExpense) continue;
    eligible = std::min(eligible, std::max<std::int64_t>(0, amount(ceiling.limit) - read(ceiling.key)));
  }
  r.cut_expense = r.base - eligible;
  r.eligible = eligible;
  const StandardRow* s = row.standard < 0 ? nullptr : &program_->standards[static_cast<std::size_t>(row.standard)];
  const bool after_rate = s != nullptr && s->after_rate != 0;
  chain_standard_ = chain_used_ = 0;
  std::int64_t owed = 0;
  due(row, r, owed, r.standard);
  r.due = owed;
  const bool accumulated = static_cast<Settle>(row.settle) != Settle::kPerVisit;
  const std::int64_t p = accumulated ? read(row.accumulate) : 0;
  if (after_rate) {
    r.deductible = 0;
  } else if (accumulated) {
    r.deductible = std::min(p + eligible, r.standard) - std::min(p, r.standard);
    r.due = std::max<std::int64_t>(0, r.standard - p);
  } else {
    r.deductible = std::min(owed, eligible);
  }
  std::int64_t above = eligible - r.deductible;
  for (std::int64_t c = row.ceil_begin; layer.above_ceilings && c < row.ceil_end; ++c) {
    const CeilingRow& ceiling = program_->ceilings[static_cast<std::size_t>(c)];
    if (static_cast<On>(ceiling.on) != On::kAbove) continue;
    above = std::min(above, std::max<std::int64_t>(0, amount(ceiling.limit) - read(ceiling.key)));
  }
  r.cut_expense += eligible - r.deductible - above;
  r.above = above;
  Pieces pieces;
  if (row.part_rates != 0) {
    pay_parts(row, r, above, pieces);
  } else if (accumulated) {
    pay_accumulated(layer, r, p, above, pieces);
  } else {
    pay_visit(layer, r, above, pieces);
  }
  const std::int64_t inside = pieces.inside();
  r.cut_expense += std::max<std::int64_t>(0, above - inside);
  std::int64_t wanted = after_rate ? owed : 0;
  if (row.after >= 0) {
    const std::int64_t extra = standard_value(row.after);
    wanted += extra;
    if (s == nullptr) r.standard = r.due = extra;
  }
  const std::int64_t taken = std::min(wanted, r.pays.total());
  r.pays.give_back(taken);
  r.deductible += taken;
  r.rate = pieces.count == 1 ? pieces.piece[0].rate : 0;
  if (layer.fund_ceilings) {
    const std::int64_t before = r.pays.total();
    r.pays.give_back(before - fund_ceilings(row, r, before, &pieces, inside));
  }
  remember(row, r);
}

void Visit::pay_visit(const PreparedLayer& layer, LayerResult& r, std::int64_t above, Pieces& pieces) {
  const LayerRow& row = *layer.row;
  const std::int64_t p = row.position < 0 ? 0 : read(row.position);
  std::array<Edge, kMaxBands> own;
  const std::span<const Edge> edges = edges_of(layer, own.data());
  const std::size_t n = edges.size();
  const std::int64_t low = p + (row.including != 0 ? r.deductible : 0);
  cut_into_bands(edges.data(), n, row.by_total != 0, p + (row.total_base != 0 ? r.base : above), low, above, pieces);
  pay_bands(pieces, row.payer, layer_rounding(), plan_->band_unit, static_cast<RoundMode>(plan_->band_mode), r.pays);
  r.pays.give_back(std::max<std::int64_t>(0, r.pays.total() - above));
  r.target = r.pays.total();
}

void Visit::pay_parts(const LayerRow& row, LayerResult& r, std::int64_t above, Pieces& pieces) {
  std::int64_t left = r.deductible;
  std::int64_t cut = r.base - r.deductible - above;
  std::array<std::int64_t, kMaxBands> width;
  for (std::size_t i = 0; i < parts_; ++i) {
    const std::int64_t gone = std::min(left, held_[i]);
    left -= gone;
    width[i] = held_[i] - gone;
  }
  for (std::size_t i = parts_; i-- > 0;) {
    const std::int64_t gone = std::min(cut, width[i]);
    width[i] -= gone;
    cut -= gone;
  }
  pieces.count = 0;
  Wide sum = 0;
  for (std::size_t i = 0; i < parts_; ++i) {
    if (width[i] <= 0) continue;
    const std::int64_t rate = program_->bases[static_cast<std::size_t>(row.base_begin) + i].rate;
    pieces.add(width[i], rate, kNone);
    sum += Wide{width[i]} * rate;
  }
  r.pays.count = 0;
  r.pays.add(row.payer, std::min(above, static_cast<std::int64_t>(round_to(sum, kPpm, layer_rounding()))));
  r.target = r.pays.total();
}

void Visit::pay_accumulated(const PreparedLayer& layer, LayerResult& r, std::int64_t p, std::int64_t above, Pieces& pieces) {
  const LayerRow& row = *layer.row;
  std::array<Edge, kMaxBands> own;
  const std::span<const Edge> edges = edges_of(layer, own.data());
  const std::size_t n = edges.size();
  const std::int64_t start = r.standard;
  const bool by_total = row.by_total != 0;
  const auto f = [&](std::int64_t total) {
    Payments paid;
    cut_into_bands(edges.data(), n, by_total, total, row.including != 0 ? start : 0, std::max<std::int64_t>(0, total - start), pieces);
    pay_bands(pieces, row.payer, layer_rounding(), plan_->band_unit, static_cast<RoundMode>(plan_->band_mode), paid);
    return paid.total();
  };
  const std::int64_t after = p + r.eligible;
  std::int64_t carried = 0;
  if (static_cast<Settle>(row.settle) == Settle::kFMinusPaid) {
    r.target = f(after) - read(row.so_far);
  } else {
    carried = row.carries != 0 ? read(row.carry) : 0;
    r.target = f(after) - f(p) + carried;
  }
  const std::int64_t pay = std::min(std::max<std::int64_t>(r.target, 0), above);
  if (static_cast<Settle>(row.settle) == Settle::kDeltaF && row.carries != 0) r.carry = r.target - pay - carried;
  r.pays.count = 0;
  r.pays.add(row.payer, pay);
  const std::int64_t low = row.including != 0 ? std::max(p, start) : std::max<std::int64_t>(0, p - start);
  cut_into_bands(edges.data(), n, by_total, after, low, above, pieces);
}

std::int64_t Visit::fund_ceilings(const LayerRow& row, LayerResult& r, std::int64_t pay, const Pieces* pieces, std::int64_t inside) {
  for (std::int64_t c = row.ceil_begin; c < row.ceil_end; ++c) {
    const CeilingRow& ceiling = program_->ceilings[static_cast<std::size_t>(c)];
    if (static_cast<On>(ceiling.on) >= On::kExpense) continue;
    const std::int64_t room = std::max<std::int64_t>(0, amount(ceiling.limit) - read(ceiling.key));
    r.room = r.room == kMissing ? room : std::min(r.room, room);
    const std::int64_t cut = std::max<std::int64_t>(0, pay - room);
    pay -= cut;
    r.cut_fund += cut;
    if (cut > 0 && ceiling.as_expense != 0 && pieces != nullptr) {
      const std::int64_t reached = std::min(inside, expense_behind(*pieces, pay));
      r.cut_expense += inside - reached;
      inside = reached;
    } else {
      r.cut_fund_moves += cut;
    }
  }
  return pay;
}

void Visit::pay_plain(const LayerRow& row, LayerResult& r, std::int64_t pay) {
  r.eligible = r.above = r.base;
  r.target = pay;
  const std::int64_t left = fund_ceilings(row, r, pay, nullptr, r.base);
  r.pays.count = 0;
  r.pays.add(row.payer, left);
}

void Visit::fixed(const LayerRow& row, LayerResult& r) {
  const std::size_t i = index();
  std::int64_t wanted = 0;
  switch (static_cast<LayerKind>(row.kind)) {
    case LayerKind::kFixed:
      wanted = amount(row.amount);
      if (row.once >= 0 && read(row.once) != 0) wanted = 0;
      break;
    case LayerKind::kPerDay:
      wanted = capped(Wide{amount(row.amount)} * std::max<std::int64_t>(1, event_->days));
      break;
    case LayerKind::kGiven: {
      const std::size_t n = events_.size();
      wanted = events_.given.empty() ? 0 : capped(Wide{events_.given[static_cast<std::size_t>(row.payer) * n + i]} * scale_);
      break;
    }
    default: {  // floor
      const std::int64_t of = row.of_total != 0 ? total_ : nature(kInScope);
      const std::int64_t target =
          row.share >= 0 ? static_cast<std::int64_t>(round_to(Wide{row.share} * of, kPpm, layer_rounding())) : amount(row.amount);
      std::int64_t counted = 0;
      for (std::size_t p = 0; p < kPayers; ++p) counted += ((row.counts >> p) & 1) != 0 ? payers_[p] : 0;
      wanted = std::max<std::int64_t>(0, target - counted);
    }
  }
  pay_plain(row, r, std::min(wanted, r.base));
}

void Visit::package(const LayerRow& row, LayerResult& r) {
  const std::int64_t bill = r.base;
  const std::int64_t days = row.per_day != 0 ? std::max<std::int64_t>(1, event_->days) : 1;
  const std::int64_t price = capped(Wide{amount(row.amount)} * days);
  const auto part = [&](std::int64_t of) { return static_cast<std::int64_t>(round_to(Wide{row.self_rate} * of, kPpm, layer_rounding())); };
  std::int64_t own = 0;
  if (bill >= price) {
    own = part(row.on_price != 0 ? price : bill);
  } else {
    own = row.on_price != 0 && row.below_fund != 0 ? std::min(bill, part(price)) : part(bill);
  }
  const std::int64_t excess = std::max<std::int64_t>(0, bill - price);
  (row.excess_hospital != 0 ? r.hospital : r.excess_to_person) = excess;
  pay_plain(row, r, std::max<std::int64_t>(0, std::min(bill, price) - own));
}

void Visit::account_layer(const LayerRow& row, LayerResult& r) {
  std::int64_t limit = row.amount >= 0 ? std::min(r.base, amount(row.amount)) : r.base;
  r.eligible = r.above = r.target = r.base;
  limit = fund_ceilings(row, r, limit, nullptr, r.base);
  std::int64_t own = 0;
  std::int64_t other = 0;
  from_accounts(limit, own, other);
  r.pays.count = 0;
  r.pays.add(kAccount, own);
  r.pays.add(kMutualAid, other);
}

}  // namespace ybcore
