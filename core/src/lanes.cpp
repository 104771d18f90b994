// The one file that is compiled for several levels of one machine, each time into a namespace of its own (core/CMakeLists.txt). Nothing
// here may leave a symbol that other files share: one of them would run what only the higher level can. So no inline function that is
// not inlined for sure, and no template.
#include <bit>

#include "portions.hpp"
#include "words.hpp"

#ifndef YB_ISA
#define YB_ISA base
#endif

namespace ybcore::YB_ISA {
namespace {

using Bits = std::uint64_t;

// The only doubles of the kernel. Each holds an integer below 2^52, or one and a half, exactly, but for the quotient in `rounded`, which is
// proved to round to the right integer however a compiler joins its steps. Integers of 64 bits would do the same, but no machine multiplies
// and divides them side by side.
constexpr double kTwo52 = 0x1p52;    // added to a number in [0, 2^52), its bits are those of 2^52 plus the number
constexpr double kMiddle = 0x3p51;   // the same for numbers within +-2^51
constexpr double kMillionth = 1e-6;  // the nearest double to it
constexpr Bits kTwo52Bits = std::bit_cast<Bits>(kTwo52), kMiddleBits = std::bit_cast<Bits>(kMiddle), kSign = Bits{1} << 63;
constexpr int kAmountBits = 31, kQuantityBits = 29, kBeyondBit = 45;
static_assert(kMostQuantity == Bits{1} << kQuantityBits);

double as_number(Bits bits) { return std::bit_cast<double>(bits); }
Bits as_bits(double number) { return std::bit_cast<Bits>(number); }
double from_unsigned(Bits value) { return as_number(value | kTwo52Bits) - kTwo52; }
double from_signed(Bits value) { return as_number(value + kMiddleBits) - kMiddle; }
double magnitude(double number) { return as_number(as_bits(number) & ~kSign); }
// Zero without a sign becomes 0 too.
Bits signed_bits(double number, Bits sign) { return as_bits(as_number(as_bits(number) | sign) + kMiddle) - kMiddleBits; }

// A whole number x in [0, 2^31 * 10^6] divided by 10^6, half up, plus 2^52. x + 1/2 is exact, and (x + 1/2) / 10^6 lies at least
// 0.5 / 10^6 from every half, since 2x + 1 is odd and half a million is even: so to the nearest is half up. The two roundings before that
// sum make the quotient, which is below 2^31 + 1, wrong by less than (2^31 + 1) * 2^-52 * (1 + 2^-53) < 0.48 / 10^6, which carries it over
// no half. For greater x up to 2^63 the result is still at least 2^31 above 2^52, and below 2^44 above it.
double rounded(double x) { return (x + 0.5) * kMillionth + kTwo52; }

}  // namespace

bool small(const LineColumns& lines, Portion* out) noexcept {
  constexpr std::size_t kBlock = 128;
  Bits amount_range = 0, quantity_range = 0;
  // In two steps, so that the chain of each is short: the cap, then first pay.
  for (std::size_t begin = 0; begin < lines.count; begin += kBlock) {
    const std::size_t count = lines.count - begin < kBlock ? lines.count - begin : kBlock;
    const Bits* word = lines.word + begin;
    const std::int64_t* amounts = lines.amount + begin;
    double lims[kBlock];
    const auto within_cap = [&](std::size_t i, Bits quantity) {
      const Bits w = word[i], amount = static_cast<Bits>(amounts[i]);
      amount_range |= amount + (Bits{1} << kAmountBits);
      quantity_range |= quantity + (Bits{1} << kQuantityBits);
      const double size = magnitude(from_signed(amount));
      const double cap = rounded(from_unsigned(w & kCapBits) * magnitude(from_signed(quantity)));
      // Without a cap: one that no amount reaches.
      const double limit = as_number(as_bits(cap) | ((w & kOpen) >> (kOpenAt - kBeyondBit))) - kTwo52;
      lims[i] = limit < size ? limit : size;
    };
    if (lines.quantity != nullptr) {
      for (std::size_t i = 0; i < count; ++i) within_cap(i, static_cast<Bits>(lines.quantity[begin + i]));
    } else {
      for (std::size_t i = 0; i < count; ++i) within_cap(i, kOneUnit);
    }
    Portion* to = out + begin;
    for (std::size_t i = 0; i < count; ++i) {
      const Bits w = word[i], amount = static_cast<Bits>(amounts[i]), sign = amount & kSign;
      const double first = rounded(lims[i] * from_unsigned((w >> kRatioAt) & kRatioBits)) - kTwo52;
      to[i].amount = amount;
      to[i].lim = signed_bits(lims[i], sign);
      to[i].first = signed_bits(first, sign);
      to[i].full = amount & (Bits{0} - (w >> kWholeAt));
    }
  }
  return amount_range >> (kAmountBits + 1) == 0 && quantity_range >> (kQuantityBits + 1) == 0;
}

void run_on(Portion* portions, std::size_t count) noexcept {
  Portion sum{0, 0, 0, 0};
  for (std::size_t i = 0; i < count; ++i) {
    const Portion one = portions[i];
    portions[i] = sum;
    sum.amount += one.amount;
    sum.lim += one.lim;
    sum.first += one.first;
    sum.full += one.full;
  }
  portions[count] = sum;
}

}  // namespace ybcore::YB_ISA
