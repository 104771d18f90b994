#include <array>

#include "check.hpp"
#include "ybcore/layer.hpp"

using namespace ybcore;

namespace {
constexpr std::int64_t kOpen = INT64_MAX;

void bands() {
  const std::array<Edge, 3> edges{{{1'000'000, 800'000, kNone}, {2'000'000, 850'000, kNone}, {kOpen, 900'000, kNone}}};
  Pieces pieces;
  cut_into_bands(edges.data(), 3, false, 0, 130'000, 2'000'000, pieces);
  CHECK_EQ(pieces.count, std::size_t{3});
  CHECK_EQ(pieces.piece[0].width, 870'000);
  CHECK_EQ(pieces.piece[1].width, 1'000'000);
  CHECK_EQ(pieces.piece[2].width, 130'000);
  Payments pays;
  pay_bands(pieces, 0, {RoundMode::kHalfUp, 1}, 0, RoundMode::kHalfUp, pays);
  CHECK_EQ(pays.total(), 696'000 + 850'000 + 117'000);
  // The inverse: half of the second band.
  CHECK_EQ(expense_behind(pieces, 696'000 + 425'000), 870'000 + 500'000);
  CHECK_EQ(expense_behind(pieces, pays.total()), 2'000'000);
  CHECK_EQ(expense_behind(pieces, 0), 0);
}

void edges_are_inclusive_above() {
  const std::array<Edge, 2> edges{{{100, 500'000, kNone}, {200, 900'000, kNone}}};
  Pieces pieces;
  cut_into_bands(edges.data(), 2, true, 100, 0, 80, pieces);
  CHECK_EQ(pieces.piece[0].rate, 500'000);
  cut_into_bands(edges.data(), 2, true, 101, 0, 80, pieces);
  CHECK_EQ(pieces.piece[0].rate, 900'000);
  cut_into_bands(edges.data(), 2, true, 201, 0, 80, pieces);
  CHECK_EQ(pieces.count, std::size_t{0});
  cut_into_bands(edges.data(), 2, false, 0, 150, 100, pieces);
  CHECK_EQ(pieces.inside(), 50);
}

void one_rounding_or_one_a_band() {
  const std::array<Edge, 2> edges{{{3, 500'000, kNone}, {kOpen, 500'000, kNone}}};
  Pieces pieces;
  cut_into_bands(edges.data(), 2, false, 0, 0, 6, pieces);
  Payments pays;
  pay_bands(pieces, 0, {RoundMode::kHalfUp, 1}, 0, RoundMode::kHalfUp, pays);
  CHECK_EQ(pays.total(), 3);
  pay_bands(pieces, 0, {RoundMode::kHalfUp, 1}, 1, RoundMode::kHalfUp, pays);
  CHECK_EQ(pays.total(), 4);
}

void the_last_payer_gives_way_first() {
  Payments pays;
  pays.add(0, 100);
  pays.add(4, 30);
  pays.give_back(50);
  CHECK_EQ(pays.one[0].amount, 80);
  CHECK_EQ(pays.one[1].amount, 0);
}

void taking() {
  const std::array<std::int64_t, 3> held{100, 50, 25};
  std::array<std::int64_t, 3> taken{};
  take(held.data(), 3, 120, false, taken.data());
  CHECK_EQ(taken[0], 100);
  CHECK_EQ(taken[1], 20);
  CHECK_EQ(taken[2], 0);
  take(held.data(), 3, 100, true, taken.data());
  CHECK_EQ(taken[0], 57);
  CHECK_EQ(taken[1], 28);
  CHECK_EQ(taken[2], 15);
  const std::array<std::int64_t, 1> nothing{0};
  take(nothing.data(), 1, 0, true, taken.data());
  CHECK_EQ(taken[0], 0);
}
}  // namespace

int main() {
  bands();
  edges_are_inclusive_above();
  one_rounding_or_one_a_band();
  the_last_payer_gives_way_first();
  taking();
  return check::result();
}
