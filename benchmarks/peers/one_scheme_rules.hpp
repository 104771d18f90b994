// The one scheme's parameters (fen, basis points) and the settlement of one visit.
#pragma once

#include <algorithm>
#include <cstdint>

namespace scheme {

using std::int64_t;
using std::uint32_t;
using std::uint64_t;

constexpr int64_t yuan(int64_t value) { return value * 100; }

constexpr int64_t kOpen = INT64_MAX;
// [category][tier][first, second, later admission of the year]
constexpr int64_t kInpatientDeductible[3][3][3] = {
    {{yuan(300), yuan(200), yuan(100)}, {yuan(600), yuan(400), yuan(200)}, {yuan(1000), yuan(700), yuan(400)}},
    {{yuan(200), yuan(150), yuan(100)}, {yuan(400), yuan(300), yuan(150)}, {yuan(800), yuan(500), yuan(300)}},
    {{yuan(150), yuan(100), yuan(100)}, {yuan(500), yuan(400), yuan(200)}, {yuan(900), yuan(700), yuan(500)}}};
constexpr int64_t kOutpatientDeductible[3] = {yuan(500), yuan(300), yuan(200)};
constexpr int64_t kSegmentBound[5] = {0, yuan(10'000), yuan(30'000), yuan(60'000), kOpen};
// [kind][category][tier][segment]
constexpr int64_t kRate[2][3][3][4] = {{{{7550, 8025, 8050, 8075}, {6525, 7050, 7075, 7100}, {5525, 6050, 6075, 6100}},
                                        {{8050, 8525, 8550, 8575}, {7025, 7550, 7575, 7600}, {6025, 6550, 6575, 6600}},
                                        {{6025, 6050, 6075, 6100}, {5525, 5550, 5575, 5600}, {4525, 4550, 4575, 4600}}},
                                       {{{9025, 9275, 9525, 9750}, {8775, 9025, 9275, 9525}, {8525, 8775, 9025, 9275}},
                                        {{9425, 9575, 9725, 9850}, {9225, 9425, 9575, 9725}, {9025, 9225, 9425, 9575}},
                                        {{8525, 8550, 8575, 8600}, {7525, 7550, 7575, 7600}, {6025, 6050, 6525, 7025}}}};
constexpr int64_t kBasicCap[3] = {yuan(200'000), yuan(200'000), yuan(120'000)};
constexpr int64_t kLargeRate[3] = {9025, 9275, 8025};
constexpr int64_t kLargeCap[3] = {yuan(300'000), yuan(300'000), yuan(150'000)};
constexpr int64_t kCatastrophicBound[4] = {yuan(14'000), yuan(50'000), yuan(100'000), kOpen};
constexpr int64_t kCatastrophicRate[3][3] = {{6025, 7025, 8025}, {6525, 7525, 8525}, {6025, 6525, 7025}};
constexpr int64_t kCatastrophicCap[3] = {yuan(400'000), yuan(400'000), yuan(200'000)};

// A visit's sums: the only thing settlement needs of its lines.
struct Sums {
  int64_t total, first, scope;
};

// What a person carries through a year.
struct State {
  int64_t burden, balance, basic, large, catastrophic, deducted, admissions;
};

struct Paid {
  int64_t deductible, calculated, basic, large, catastrophic, account, cash;
};

// Half-up share of a non-negative amount. A visit's total is below 2^36 fen (checked with its lines), so the product stays below 2^50; the
// compiler turns the unsigned division by a constant into a multiplication and a shift.
inline int64_t share(int64_t amount, int64_t rate) { return static_cast<int64_t>((static_cast<uint64_t>(amount * rate) + 5000) / 10000); }

template <int N>
inline int64_t brackets(int64_t from, int64_t to, const int64_t (&bound)[N + 1], const int64_t* rate) {
  int64_t sum = 0;
  for (int s = 0; s < N; ++s) {
    sum += share(std::max<int64_t>(0, std::min(to, bound[s + 1]) - std::max(from, bound[s])), rate[s]);
  }
  return sum;
}

// One visit of category `c`, tier `t`, kind `k`. The branches skip brackets that nearly every visit stays below: their share is 0.
[[gnu::always_inline]] inline Paid settle(State& state, int c, int t, int k, const Sums& visit) {
  Paid paid;
  int64_t room = kOutpatientDeductible[c] - state.deducted;
  if (k != 0) room = kInpatientDeductible[c][t][std::min<int64_t>(state.admissions++, 2)];
  paid.deductible = std::min(visit.scope, room);
  state.deducted += k != 0 ? 0 : paid.deductible;
  const int64_t* rate = kRate[k][c][t];
  paid.calculated = visit.scope <= kSegmentBound[1] ? share(visit.scope - paid.deductible, rate[0])
                                                    : brackets<4>(paid.deductible, visit.scope, kSegmentBound, rate);
  paid.basic = std::min(paid.calculated, kBasicCap[c] - state.basic);
  state.basic += paid.basic;
  paid.large = 0;
  if (paid.calculated != paid.basic) [[unlikely]] {
    paid.large = std::min(share(paid.calculated - paid.basic, kLargeRate[c]), kLargeCap[c] - state.large);
    state.large += paid.large;
  }
  const int64_t burden = visit.scope + visit.first - paid.basic - paid.large;
  const int64_t before = state.burden;
  state.burden += burden;
  paid.catastrophic = 0;
  if (state.burden > kCatastrophicBound[0]) [[unlikely]] {
    paid.catastrophic =
        std::min(brackets<3>(before, state.burden, kCatastrophicBound, kCatastrophicRate[c]), kCatastrophicCap[c] - state.catastrophic);
    state.catastrophic += paid.catastrophic;
  }
  paid.account = std::min(state.balance, burden - paid.catastrophic);
  state.balance -= paid.account;
  paid.cash = visit.total - paid.basic - paid.large - paid.catastrophic - paid.account;
  return paid;
}

}  // namespace scheme
