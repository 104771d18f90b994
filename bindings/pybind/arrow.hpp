// Memory that comes through the Arrow C interfaces, as spans of borrowed cells and texts. Nothing here knows Python.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "ybcore/texts.hpp"

namespace ybcore::bind {

// The structs of the Arrow C data and stream interfaces; their layout never changes.
struct ArrowSchema {
  const char *format, *name, *metadata;
  std::int64_t flags, n_children;
  ArrowSchema **children, *dictionary;
  void (*release)(ArrowSchema*);
  void* private_data;
};
struct ArrowArray {
  std::int64_t length, null_count, offset, n_buffers, n_children;
  const void** buffers;
  ArrowArray **children, *dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};
struct ArrowArrayStream {
  int (*get_schema)(ArrowArrayStream*, ArrowSchema*);
  int (*get_next)(ArrowArrayStream*, ArrowArray*);
  const char* (*get_last_error)(ArrowArrayStream*);
  void (*release)(ArrowArrayStream*);
  void* private_data;
};

// One byte a row that says whether it is there; empty when all are.
inline std::vector<std::uint8_t> mask_of(const ArrowArray& page) {
  const auto* bits = static_cast<const std::uint8_t*>(page.null_count == 0 || page.n_buffers == 0 ? nullptr : page.buffers[0]);
  std::vector<std::uint8_t> out(bits == nullptr ? 0 : static_cast<std::size_t>(page.length));
  std::size_t at = static_cast<std::size_t>(page.offset);
  std::size_t row = 0;
  for (; row < out.size() && at % 8 != 0; ++row, ++at) out[row] = bits[at / 8] >> (at % 8) & 1;
  for (; row + 8 <= out.size(); row += 8, at += 8) {
    // Each bit at its place in a byte of its own, then at the foot of it.
    const std::uint64_t spread = bits[at / 8] * 0x0101010101010101ULL & 0x8040201008040201ULL;
    const std::uint64_t there = ((spread + 0x7f7f7f7f7f7f7f7fULL) | spread) >> 7 & 0x0101010101010101ULL;
    std::memcpy(&out[row], &there, 8);
  }
  for (; row < out.size(); ++row, ++at) out[row] = bits[at / 8] >> (at % 8) & 1;
  return out;
}

// Arrow lets numbers and offsets stand at any address, and a processor does not: whoever has such a column copies it first.
inline bool aligned(const std::string_view format, const ArrowArray& page) {
  const char kind = format.empty() ? ' ' : format[0];
  const bool two = kind == 's' || kind == 'S', four = kind == 'i' || kind == 'I' || kind == 'u' || format == "tdD";
  const bool eight = kind == 'l' || kind == 'L' || kind == 'U' || format == "tsu:";
  const std::uintptr_t width = two ? 2 : four ? 4 : eight ? 8 : 1;
  return width == 1 || reinterpret_cast<std::uintptr_t>(page.buffers[1]) % width == 0;
}

template <class Cell>
std::span<const Cell> cells_of(const ArrowArray& page, std::size_t more = 0) {
  if (page.buffers[1] == nullptr || page.length == 0) return {};
  return {static_cast<const Cell*>(page.buffers[1]) + page.offset, static_cast<std::size_t>(page.length) + more};
}

template <class Offset>
Texts<Offset> texts_of(const ArrowArray& page, std::span<const std::uint8_t> valid) {
  static constexpr Offset kNone[1] = {0};
  const auto offsets = cells_of<Offset>(page, 1);
  return {offsets.empty() ? std::span<const Offset>(kNone) : offsets, static_cast<const char*>(page.buffers[2]), valid};
}

}  // namespace ybcore::bind
