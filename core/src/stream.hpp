// Copies to memory that will not be read soon: past the cache where the machine can. Private to the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace ybcore {

// Whole cache lines; both ends aligned to 16 bytes.
inline void stream_lines(void* to, const void* from, std::size_t lines) {
#if defined(__SSE2__)
  auto* out = static_cast<__m128i*>(to);
  const auto* in = static_cast<const __m128i*>(from);
  for (std::size_t i = 0; i < lines * 4; ++i) _mm_stream_si128(out + i, _mm_load_si128(in + i));
#else
  std::memcpy(to, from, lines * 64);
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

// Before another thread reads what was streamed.
inline void stream_done() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace ybcore
