// The rounding division against its definition.
#include <cstdint>

#include "check.hpp"
#include "ybcore/money.hpp"

using namespace ybcore;

namespace {

// The same by definition: the two neighbours of the true quotient, and which of them the mode asks for.
Wide by_definition(Wide n, Wide d, RoundMode mode) {
  const Wide size = n < 0 ? -n : n;
  Wide low = 0;
  while ((low + 1) * d <= size) ++low;
  const Wide rest = size - low * d;
  bool up = false;
  if (mode == RoundMode::kUp) up = rest > 0;
  if (mode == RoundMode::kHalfUp) up = rest * 2 >= d;
  if (mode == RoundMode::kHalfEven) up = rest * 2 > d || (rest * 2 == d && low % 2 == 1);
  const Wide value = low + (up ? 1 : 0);
  return n < 0 ? -value : value;
}

void small_range() {
  for (const auto mode : {RoundMode::kHalfUp, RoundMode::kHalfEven, RoundMode::kDown, RoundMode::kUp})
    for (int d = 1; d <= 24; ++d)
      for (int n = -120; n <= 120; ++n) CHECK(round_div(n, d, mode) == by_definition(n, d, mode));
}

void edges() {
  const Wide big = Wide{1} << 62;
  CHECK(round_div(big * 1'000'000, 1'000'000) == big);
  CHECK(round_div(-big * 1'000'000, 1'000'000) == -big);
  CHECK(round_div((Wide{1} << 100) + 1, Wide{1} << 99, RoundMode::kUp) == 3);
  CHECK(round_div((Wide{1} << 100) + 1, Wide{1} << 99, RoundMode::kDown) == 2);
  CHECK(round_div(125, 10) == 13);
  CHECK(round_div(-125, 10) == -13);
  CHECK(round_div(125, 10, RoundMode::kHalfEven) == 12);
  CHECK(round_to(317'700, 1'000, Rounding{RoundMode::kHalfUp, 1}) == 318);
  CHECK(round_to(3'266'667, 1, Rounding{RoundMode::kDown, 100}) == 3'266'600);
}

// For operands of any size, without dividing: the answer is a neighbour of the true quotient, on the side that the mode names.
void satisfies_its_definition(Wide n, Wide d, RoundMode mode) {
  const Wide answer = round_div(n, d, mode);
  CHECK(round_div(-n, d, mode) == -answer);
  const Wide size = n < 0 ? -n : n;
  const Wide got = n < 0 ? -answer : answer;
  CHECK(got >= 0);
  const Wide rest = size - got * d;  // above zero: rounded down; below: rounded up
  if (mode == RoundMode::kDown) CHECK(rest >= 0 && rest < d);
  if (mode == RoundMode::kUp) CHECK(rest <= 0 && rest > -d);
  if (mode == RoundMode::kHalfUp) CHECK(rest * 2 < d && rest * 2 >= -d);
  if (mode == RoundMode::kHalfEven) CHECK(rest * 2 <= d && rest * 2 >= -d && ((rest * 2 != d && rest * 2 != -d) || got % 2 == 0));
}

// Both division paths and the borders between them: products of an amount and a rate around powers of two, and their halves.
void large_values() {
  const Wide one = 1;
  std::uint64_t random = 88172645463325252ULL;
  const auto next = [&random] {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    return static_cast<Wide>(random);
  };
  for (const auto mode : {RoundMode::kHalfUp, RoundMode::kHalfEven, RoundMode::kDown, RoundMode::kUp}) {
    for (const int power : {31, 32, 53, 62, 63, 64, 65, 82, 100})
      for (const Wide d :
           {one, one * 2, one * 3, one * 100, one * 1'000'000, (one << 32) - 1, one << 63, (one << 64) - 1, one << 64, one << 70})
        for (int by = -3; by <= 3; ++by) satisfies_its_definition((one << power) + by, d, mode);
    for (int i = 0; i < 20'000; ++i) {
      const Wide d = next() % ((one << (1 + i % 63)) + 1) + 1;
      const Wide n = next() * (next() % 1'000'001);
      satisfies_its_definition(n, d, mode);
      satisfies_its_definition(d * (n % 1'000'003) + d / 2, d, mode);
    }
  }
}

// Division by a constant is the division, on both sides of the borders of its short way.
template <std::uint64_t kDenominator>
void a_constant_divides_as_any_number() {
  const Wide one = 1;
  for (const auto mode : {RoundMode::kHalfUp, RoundMode::kHalfEven, RoundMode::kDown, RoundMode::kUp})
    for (const std::int64_t unit : {std::int64_t{1}, std::int64_t{100}}) {
      const Rounding rounding{mode, unit};
      const auto same = [&](Wide n) { CHECK(round_by<kDenominator>(n, rounding) == round_to(n, Wide{kDenominator}, rounding)); };
      for (const Wide n : {one, Wide{kDenominator}, 7 * Wide{kDenominator}, one << 62, one << 63, one << 64, one << 90})
        for (const Wide by : {Wide{0}, Wide{kDenominator / 2}, Wide{kDenominator}})
          for (int near = -2; near <= 2; ++near) {
            same(n + by + near);
            same(n - by + near);
            same(-n - by + near);
          }
    }
}

}  // namespace

int main() {
  small_range();
  edges();
  large_values();
  a_constant_divides_as_any_number<1'000'000>();
  a_constant_divides_as_any_number<100'000'000>();
  return check::result();
}
