// Thirty-two codes at once, looked up in a table that vector registers hold. One function is compiled for what only newer processors do.
#include <algorithm>

#include "scan.hpp"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

namespace ybcore::checks {

#if defined(__x86_64__) && defined(__GNUC__)
namespace {

constexpr std::size_t kLanes = 16, kStep = 2 * kLanes, kAhead = 4096;
constexpr __mmask16 kAll = 0xffff;

struct Table {
  __m512i first_pages, last_pages, words[4];
  __m512i in_page, even;
  __m128i shift;
  __m512i most;  // the greatest place that was asked for
};

// Of 32 codes those that are chosen.
[[gnu::target("avx512f,avx512bw,avx512vbmi"), gnu::always_inline]] inline __mmask32 chosen(Table& table, __m512i low,
                                                                                           __m512i high) noexcept {
  const __m512i one = _mm512_set1_epi32(1), first = _mm512_add_epi32(low, one), second = _mm512_add_epi32(high, one);
  // With a mask of all: g++ says of the plain one that it reads what is not set.
  table.most = _mm512_maskz_max_epu32(kAll, table.most, _mm512_maskz_max_epu32(kAll, first, second));
  const __m512i place = _mm512_permutex2var_epi16(first, table.even, second);
  constexpr __mmask64 kLowBytes = 0x5555555555555555U;
  const __m512i page = _mm512_maskz_permutex2var_epi8(kLowBytes, table.first_pages, _mm512_srl_epi16(place, table.shift), table.last_pages);
  const __m512i at = _mm512_or_si512(page, _mm512_and_si512(_mm512_srli_epi16(place, 4), table.in_page));
  const __m512i below = _mm512_permutex2var_epi16(table.words[0], at, table.words[1]);
  const __m512i above = _mm512_permutex2var_epi16(table.words[2], at, table.words[3]);
  const __m512i word = _mm512_mask_blend_epi16(_mm512_test_epi16_mask(at, _mm512_set1_epi16(64)), below, above);
  const __m512i bit = _mm512_sllv_epi16(_mm512_set1_epi16(1), _mm512_and_si512(place, _mm512_set1_epi16(15)));
  return _mm512_test_epi16_mask(word, bit);
}

// Writes 32 rows, of which as many count as are told.
[[gnu::target("avx512f,popcnt"), gnu::always_inline]] inline std::size_t keep(__mmask32 own, std::size_t begin,
                                                                              std::int32_t* kept) noexcept {
  const __m512i ascending = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i low = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(begin)), ascending);
  const __m512i high = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(begin + kLanes)), ascending);
  const auto count = static_cast<std::size_t>(__builtin_popcount(own & 0xffff));
  _mm512_storeu_si512(kept, _mm512_maskz_compress_epi32(static_cast<__mmask16>(own), low));
  _mm512_storeu_si512(kept + count, _mm512_maskz_compress_epi32(static_cast<__mmask16>(own >> kLanes), high));
  return count + static_cast<std::size_t>(__builtin_popcount(own >> kLanes));
}

[[gnu::target("avx512f,avx512bw,avx512vbmi,popcnt")]] std::size_t paged(const ScanPages& pages, std::size_t places,
                                                                        std::span<const std::int32_t> code, std::size_t begin,
                                                                        std::size_t end, std::int32_t* kept) noexcept {
  alignas(64) std::uint16_t even[kStep];
  for (std::size_t k = 0; k < kStep; ++k) even[k] = static_cast<std::uint16_t>(2 * k);
  Table table{_mm512_load_si512(pages.begin.data()),
              _mm512_load_si512(pages.begin.data() + 64),
              {_mm512_load_si512(pages.words.data()), _mm512_load_si512(pages.words.data() + 32),
               _mm512_load_si512(pages.words.data() + 64), _mm512_load_si512(pages.words.data() + 96)},
              _mm512_set1_epi16(static_cast<short>(pages.page_words() - 1)),
              _mm512_load_si512(even),
              _mm_cvtsi32_si128(static_cast<int>(pages.shift)),
              _mm512_setzero_si512()};
  std::size_t count = 0, i = begin;
  // As many rows as are written at once are still to come, and so there is room for them behind those kept.
  for (; i + kStep <= end; i += kStep) {
    for (std::size_t ahead = kAhead; ahead < kAhead + kStep; ahead += kLanes)
      __builtin_prefetch(code.data() + (i + ahead < code.size() ? i + ahead : i));
    count += keep(chosen(table, _mm512_loadu_si512(code.data() + i), _mm512_loadu_si512(code.data() + i + kLanes)), i, kept + count);
  }
  if (i < end) {
    std::int32_t some[kStep], last[kStep];
    std::fill(std::copy(code.data() + i, code.data() + end, some), some + kStep, -1);
    const __mmask32 own = chosen(table, _mm512_loadu_si512(some), _mm512_loadu_si512(some + kLanes)) & ((1U << (end - i)) - 1);
    count = static_cast<std::size_t>(std::copy_n(last, keep(own, i, last), kept + count) - kept);
  }
  const __m512i greatest = _mm512_set1_epi32(static_cast<int>(places - 1));
  return _mm512_cmpgt_epu32_mask(table.most, greatest) == 0 ? count : ChosenCodes::kUnsound;
}

}  // namespace

PagedScan paged_scan() noexcept {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi") ? paged : nullptr;
}
#else
PagedScan paged_scan() noexcept { return nullptr; }
#endif

}  // namespace ybcore::checks
