// Money out of lines: units that several quantities deny are taken once, whatever their order; a twin that counts units one by one.
#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "check.hpp"
#include "ybcore/checks/moved.hpp"

using namespace ybcore::checks;

namespace {

using I64 = std::vector<std::int64_t>;

I64 taken(const I64& order, const I64& row, const I64& wanted, const std::vector<std::uint8_t>& of_quantity, I64& left) {
  I64 counted(left.size(), 0), out(row.size(), 0);
  once(order, row, wanted, of_quantity, left, counted, out);
  return out;
}

// Every order of three excesses of a line: the sum is the share of the largest, and each moves what it goes beyond those before it.
void as_the_largest() {
  const std::int64_t fen = 1'000, units = 7;
  for (std::int64_t one = 0; one <= units; ++one)
    for (std::int64_t two = 0; two <= units; ++two)
      for (std::int64_t three = 0; three <= units; ++three) {
        const I64 excess{one, two, three};
        I64 share(3), order{0, 1, 2};
        shares(I64(3, fen), I64(3, units), excess, share);
        do {
          I64 left{fen};
          const I64 out = taken(order, {0, 0, 0}, share, {1, 1, 1}, left);
          std::int64_t before = 0;
          for (const std::int64_t at : order) {
            const auto i = static_cast<std::size_t>(at);
            CHECK_EQ(out[i], std::max<std::int64_t>(share[i] - before, 0));
            before = std::max(before, share[i]);
          }
          CHECK_EQ(fen - left[0], before);
        } while (std::next_permutation(order.begin(), order.end()));
      }
}

void beside_other_money() {
  // Quantity 400, money 300, quantity 900, whole 2000 of a line of 2000; the last is of a line below nothing.
  I64 left{2'000, -100};
  CHECK(taken({0, 1, 2, 3, 4}, {0, 0, 0, 0, 1}, {400, 300, 900, 2'000, 50}, {1, 0, 1, 0, 1}, left) == (I64{400, 300, 500, 800, 0}));
  CHECK(left == (I64{0, -100}));
  // Money that was taken before may leave less than the units are worth.
  I64 little{1'000};
  CHECK(taken({1, 0}, {0, 0}, {667, 800}, {1, 0}, little) == (I64{200, 800}));
  // What asks for less than nothing takes nothing, and counts as nothing.
  I64 whole{1'000};
  CHECK(taken({0, 1}, {0, 0}, {-5, 300}, {1, 1}, whole) == (I64{0, 300}));
}

}  // namespace

int main() {
  as_the_largest();
  beside_other_money();
  return check::result();
}
