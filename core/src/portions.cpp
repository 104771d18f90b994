#include "portions.hpp"

#include <cstdlib>
#include <cstring>

#include "words.hpp"

namespace ybcore {
namespace {

constexpr Lanes kBase{base::small, base::run_on};
#if defined(YB_AVX2)
constexpr Lanes kAvx2{avx2::small, avx2::run_on};
#endif

const Lanes& choose() noexcept {
#if defined(YB_AVX2)
  const char* most = std::getenv("YB_MAX_ISA");
  if (const Lanes* wide = wide_lanes(); wide != nullptr && (most == nullptr || std::strcmp(most, "v1") != 0)) return *wide;
#endif
  return kBase;
}

}  // namespace

const Lanes& base_lanes() noexcept { return kBase; }

const Lanes* wide_lanes() noexcept {
#if defined(YB_AVX2)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") ? &kAvx2 : nullptr;
#else
  return nullptr;
#endif
}

const Lanes& lanes() noexcept {
  static const Lanes& chosen = choose();
  return chosen;
}

void portions_of_any(const LineColumns& lines, Portion* out) noexcept {
  constexpr Word million = 1'000'000;
  const auto divided = [](Word product) { return (product + million / 2) / million; };
  for (std::size_t i = 0; i < lines.count; ++i) {
    const Word w = lines.word[i], amount = static_cast<Word>(lines.amount[i]);
    const Word quantity = lines.quantity != nullptr ? static_cast<Word>(lines.quantity[i]) : kOneUnit;
    const Word sign = Word{0} - (amount >> 63), back = Word{0} - (quantity >> 63);
    const Word size = (amount ^ sign) - sign;
    const Word cap = (w & kOpen) != 0 ? size : divided((w & kCapBits) * ((quantity ^ back) - back));
    const Word lim = cap < size ? cap : size;
    const Word first = divided(lim * ((w >> kRatioAt) & kRatioBits));
    out[i] = {amount, (lim ^ sign) - sign, (first ^ sign) - sign, amount & (Word{0} - (w >> kWholeAt))};
  }
}

}  // namespace ybcore
