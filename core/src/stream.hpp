// Copies to memory that will not be read soon: past the cache where the machine can. Private to the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace ybcore {

// Eight bytes; `to` aligned to them. Whole cache lines word by word, one after the other, are written as lines.
inline void stream_word(std::uint64_t* to, std::uint64_t word) {
#if defined(__SSE2__) && defined(__x86_64__)
  _mm_stream_si64(reinterpret_cast<long long*>(to), static_cast<long long>(word));
#else
  *to = word;
#endif
}

// Numbers to anywhere.
inline void stream_numbers(std::int64_t* to, const std::int64_t* from, std::size_t count) {
#if defined(__SSE2__)
  std::size_t i = 0;
  if (count != 0 && reinterpret_cast<std::uintptr_t>(to) % 16 != 0) {
    to[0] = from[0];
    i = 1;
  }
  for (; i + 2 <= count; i += 2)
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + i), _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i)));
  if (i < count) to[i] = from[i];
#else
  std::memcpy(to, from, count * sizeof(std::int64_t));
#endif
}

// Turns numbers that stand in rows into columns, four columns at a time: number k of row i, four bytes at `rows[i] + at + 4 k`, goes to
// `columns[k][i]` (null: nowhere). Columns aligned to 16 bytes; `count` a multiple of eight, so that whole cache lines are written.
inline void stream_columns(const std::byte* const* rows, std::size_t at, std::int64_t* const* columns, std::size_t count) {
#if defined(__SSE2__)
  for (std::size_t i = 0; i < count; i += 8) {
    __m128i half[2][4];  // by half of the rows, then by column
    for (std::size_t h = 0; h < 2; ++h) {
      __m128i row[4];
      for (std::size_t r = 0; r < 4; ++r) row[r] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[i + 4 * h + r] + at));
      const __m128i low01 = _mm_unpacklo_epi32(row[0], row[1]), high01 = _mm_unpackhi_epi32(row[0], row[1]);
      const __m128i low23 = _mm_unpacklo_epi32(row[2], row[3]), high23 = _mm_unpackhi_epi32(row[2], row[3]);
      half[h][0] = _mm_unpacklo_epi64(low01, low23);
      half[h][1] = _mm_unpackhi_epi64(low01, low23);
      half[h][2] = _mm_unpacklo_epi64(high01, high23);
      half[h][3] = _mm_unpackhi_epi64(high01, high23);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      if (columns[k] == nullptr) continue;
      auto* to = reinterpret_cast<__m128i*>(columns[k] + i);
      for (std::size_t h = 0; h < 2; ++h) {
        const __m128i sign = _mm_srai_epi32(half[h][k], 31);
        _mm_stream_si128(to + 2 * h, _mm_unpacklo_epi32(half[h][k], sign));
        _mm_stream_si128(to + 2 * h + 1, _mm_unpackhi_epi32(half[h][k], sign));
      }
    }
  }
#else
  for (std::size_t k = 0; k < 4; ++k) {
    for (std::size_t i = 0; columns[k] != nullptr && i < count; ++i) {
      std::int32_t number;
      std::memcpy(&number, rows[i] + at + k * sizeof(number), sizeof(number));
      columns[k][i] = number;
    }
  }
#endif
}

// Before another thread reads what was streamed.
inline void stream_done() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace ybcore
