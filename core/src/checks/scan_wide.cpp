// Sixty-four bytes at once: the places of those that are set are pressed together and written side by side. One function is compiled for
// what only newer processors do; everything else in this file, as in all others, is for every processor.
#include "scan.hpp"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

namespace ybcore::checks {

#if defined(__x86_64__) && defined(__GNUC__)
namespace {

constexpr std::size_t kLanes = 16;

struct Ascending {
  alignas(kScanBlock) std::uint8_t place[kScanBlock];
};

constexpr Ascending ascending() {
  Ascending out{};
  for (std::size_t k = 0; k < kScanBlock; ++k) out.place[k] = static_cast<std::uint8_t>(k);
  return out;
}

constexpr Ascending kAscending = ascending();

// As many rows as are written at once are still to come, and so there is room for them behind those kept.
[[gnu::target("avx512f,avx512bw,avx512vbmi2,popcnt")]] std::size_t keep(std::span<const std::uint8_t> said, std::int32_t first,
                                                                        std::int32_t* kept) noexcept {
  const __m512i places = _mm512_load_si512(kAscending.place);
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < said.size(); begin += kScanBlock, first += static_cast<std::int32_t>(kScanBlock)) {
    const __m512i bytes = _mm512_loadu_si512(said.data() + begin);
    const __mmask64 set = _mm512_test_epi8_mask(bytes, bytes);
    const auto size = static_cast<std::size_t>(__builtin_popcountll(set));
    __m512i own = _mm512_maskz_compress_epi8(set, places);
    const __m512i from = _mm512_set1_epi32(first);
    // Most blocks have fewer than sixteen.
    for (std::size_t k = 0; k == 0 || k < size; k += kLanes) {
      const __m512i rows = _mm512_maskz_cvtepu8_epi32(0xffff, _mm512_maskz_extracti32x4_epi32(0xf, own, 0));
      _mm512_storeu_si512(kept + count + k, _mm512_maskz_add_epi32(0xffff, rows, from));
      own = _mm512_maskz_shuffle_i64x2(0x3f, own, own, 0b00'11'10'01);
    }
    count += size;
  }
  return count;
}

}  // namespace

Keep wide_keep() noexcept {
  __builtin_cpu_init();
  const bool able = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2");
  return able ? keep : nullptr;
}
#else
Keep wide_keep() noexcept { return nullptr; }
#endif

}  // namespace ybcore::checks
