#include "ybcore/layer.hpp"

#include <algorithm>

namespace ybcore {
namespace {
constexpr Wide kPpm = 1'000'000;
}

std::int64_t Pieces::inside() const {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += piece[i].width;
  return sum;
}

void cut_into_bands(const Edge* edges, std::size_t count, bool by_total, std::int64_t total, std::int64_t low, std::int64_t money,
                    Pieces& out) {
  out.count = 0;
  if (by_total) {
    for (std::size_t i = 0; i < count; ++i) {
      if (total > edges[i].to) continue;
      if (money > 0) out.add(money, edges[i].rate, edges[i].payer);
      return;
    }
    return;
  }
  const std::int64_t end = low + money;
  std::int64_t floor = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t width = std::min(end, edges[i].to) - std::max(low, floor);
    if (width > 0) out.add(width, edges[i].rate, edges[i].payer);
    floor = edges[i].to;
    if (floor >= end) break;
  }
}

std::int64_t Payments::total() const {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += one[i].amount;
  return sum;
}

void Payments::give_back(std::int64_t amount) {
  for (std::size_t i = count; i-- > 0 && amount > 0;) {
    const std::int64_t less = std::min(amount, one[i].amount);
    one[i].amount -= less;
    amount -= less;
  }
}

void pay_bands(const Pieces& pieces, std::int64_t own_payer, Rounding layer, std::int64_t band_unit, RoundMode band_mode, Payments& out) {
  out.count = 0;
  bool named = false;
  for (std::size_t i = 0; i < pieces.count; ++i) named |= pieces.piece[i].payer >= 0;
  if (named) {
    for (std::size_t i = 0; i < pieces.count; ++i) {
      const Piece& p = pieces.piece[i];
      out.add(p.payer >= 0 ? p.payer : own_payer, static_cast<std::int64_t>(round_to(Wide{p.width} * p.rate, kPpm, layer)));
    }
    return;
  }
  Wide sum = 0;
  for (std::size_t i = 0; i < pieces.count; ++i) {
    const Wide product = Wide{pieces.piece[i].width} * pieces.piece[i].rate;
    sum += band_unit == 0 ? product : round_to(product, kPpm, {band_mode, band_unit});
  }
  out.add(own_payer, static_cast<std::int64_t>(round_to(sum, band_unit == 0 ? kPpm : Wide{1}, layer)));
}

std::int64_t expense_behind(const Pieces& pieces, std::int64_t paid) {
  std::int64_t expense = 0;
  Wide wanted = Wide{paid} * kPpm;
  for (std::size_t i = 0; i < pieces.count && wanted > 0; ++i) {
    const Piece& p = pieces.piece[i];
    const Wide whole = Wide{p.width} * p.rate;
    if (whole >= wanted) return expense + static_cast<std::int64_t>(round_div(wanted, p.rate));
    expense += p.width;
    wanted -= whole;
  }
  return expense;
}

void take(const std::int64_t* held, std::size_t count, std::int64_t amount, bool pro_rata, std::int64_t* taken) {
  if (!pro_rata) {
    for (std::size_t i = 0; i < count; ++i) {
      taken[i] = std::min(held[i], amount);
      amount -= taken[i];
    }
    return;
  }
  Wide whole = 0;
  for (std::size_t i = 0; i < count; ++i) whole += held[i];
  Wide seen = 0;
  std::int64_t given = 0;
  for (std::size_t i = 0; i < count; ++i) {
    seen += held[i];
    const std::int64_t upto = whole == 0 ? 0 : static_cast<std::int64_t>(Wide{amount} * seen / whole);
    taken[i] = upto - given;
    given = upto;
  }
}

}  // namespace ybcore
