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

}  // namespace

int main() {
  small_range();
  edges();
  return check::result();
}
