// Sixteen codes at once: their words are gathered, their bits tested, and the rows that have theirs written side by side. One function is
// compiled for what only newer processors do; everything else in this file, as in all others, is for every processor.
#include "scan.hpp"
#include "ybcore/checks/chosen.hpp"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

namespace ybcore::checks {

#if defined(__x86_64__) && defined(__GNUC__)
namespace {

constexpr std::size_t kLanes = 16, kAhead = 1024;

struct Wide {
  const std::uint32_t* bits;
  __m512i last, most;  // place in the table, and the greatest that was asked for
};

// Of the lanes that hold a code those that hold a chosen one. What is beyond the table is told at the end, and not read there.
[[gnu::target("avx512f"), gnu::always_inline]] inline __mmask16 chosen(Wide& wide, __mmask16 lanes, __m512i codes) noexcept {
  const __m512i one = _mm512_set1_epi32(1), place = _mm512_maskz_add_epi32(lanes, codes, one);
  wide.most = _mm512_maskz_max_epu32(0xffff, wide.most, place);
  const __m512i inside = _mm512_maskz_min_epu32(lanes, place, wide.last);
  const __m512i at = _mm512_maskz_srli_epi32(lanes, inside, 5), bit = _mm512_and_si512(inside, _mm512_set1_epi32(31));
  const __m512i word = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), lanes, at, wide.bits, 4);
  return _mm512_mask_test_epi32_mask(lanes, word, _mm512_maskz_sllv_epi32(lanes, one, bit));
}

[[gnu::target("avx512f,popcnt")]] std::size_t scan(const ScanTable& table, std::span<const std::int32_t> code, std::size_t begin,
                                                   std::size_t end, std::int32_t* kept) noexcept {
  const auto last = static_cast<std::uint32_t>(table.bytes.size() - 1);
  Wide wide{table.bits, _mm512_set1_epi32(static_cast<int>(last)), _mm512_setzero_si512()};
  const __m512i ascending = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  __m512i row = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(begin)), ascending);
  std::size_t count = 0, i = begin;
  // As many rows as are written at once are still to come, and so there is room for them behind those kept.
  for (; i + kLanes <= end; i += kLanes) {
    __builtin_prefetch(code.data() + (i + kAhead < code.size() ? i + kAhead : i));
    const __mmask16 own = chosen(wide, 0xffff, _mm512_loadu_si512(code.data() + i));
    _mm512_storeu_si512(kept + count, _mm512_maskz_compress_epi32(own, row));
    row = _mm512_add_epi32(row, _mm512_set1_epi32(kLanes));
    count += static_cast<std::size_t>(__builtin_popcount(own));
  }
  if (i < end) {
    const auto lanes = static_cast<__mmask16>((1U << (end - i)) - 1);
    const __mmask16 own = chosen(wide, lanes, _mm512_maskz_loadu_epi32(lanes, code.data() + i));
    _mm512_mask_compressstoreu_epi32(kept + count, own, row);
    count += static_cast<std::size_t>(__builtin_popcount(own));
  }
  return _mm512_cmpgt_epu32_mask(wide.most, wide.last) == 0 ? count : ChosenCodes::kUnsound;
}

}  // namespace

// Bfloat16 has nothing to do with it, but came with the processors on which a gather is worth it: on most of those that have AVX-512
// without it, later corrections made gathers slower than looking up code by code. So it is with AVX2, which is why there is no way by it.
Scan wide_scan() noexcept {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bf16") ? scan : nullptr;
}
#else
Scan wide_scan() noexcept { return nullptr; }
#endif

}  // namespace ybcore::checks
