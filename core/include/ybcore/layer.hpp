// Pure mathematics of one layer: bands, their inverse, and taking a payment from buckets.
//
// Meaning   docs/settlement.md section 5, steps 4, 6 and 8.
// Units     Units of money; rates ppm.
// Requires  Ascending edges; non-negative money; room for kMaxBands pieces.
// Gives     Exact sums of width x rate; one rounding where the document says.
// Fails     Never; products are formed in 128 bits.
// Cost      Linear in bands or parts.
#pragma once

#include <array>
#include <cstdint>

#include "ybcore/money.hpp"
#include "ybcore/policy.hpp"

namespace ybcore {

struct Piece {
  std::int64_t width;
  std::int64_t rate;
  std::int64_t payer;
};

struct Pieces {
  std::array<Piece, kMaxBands> piece;
  std::size_t count = 0;
  void add(std::int64_t width, std::int64_t rate, std::int64_t payer) { piece[count++] = {width, rate, payer}; }
  [[nodiscard]] std::int64_t inside() const;
};

struct Edge {
  std::int64_t to;  // INT64_MAX: open
  std::int64_t rate;
  std::int64_t payer;
};

// The part of (low, low + money] that lies in each band; by_total: the first band with total <= to takes it all.
void cut_into_bands(const Edge* edges, std::size_t count, bool by_total, std::int64_t total, std::int64_t low, std::int64_t money,
                    Pieces& out);

struct Payment {
  std::int64_t payer;
  std::int64_t amount;
};
struct Payments {
  std::array<Payment, kMaxBands + 1> one;
  std::size_t count = 0;
  void add(std::int64_t payer, std::int64_t amount) { one[count++] = {payer, amount}; }
  [[nodiscard]] std::int64_t total() const;
  // The last payer gives way first.
  void give_back(std::int64_t amount);
};

// `band_unit` 0: no rounding of its own at the band.
void pay_bands(const Pieces& pieces, std::int64_t own_payer, Rounding layer, std::int64_t band_unit, RoundMode band_mode, Payments& out);

// The least expense whose unrounded payment reaches `paid`.
[[nodiscard]] std::int64_t expense_behind(const Pieces& pieces, std::int64_t paid);

// Which part gives how much of a payment; `taken` has one entry a part.
void take(const std::int64_t* held, std::size_t count, std::int64_t amount, bool pro_rata, std::int64_t* taken);

}  // namespace ybcore
