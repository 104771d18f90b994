// A hash of a text, and whether two texts are equal, eight bytes at a time.
//
// Meaning   Texts are compared as bytes. The hash is a folded multiplication; its value never leaves this process.
// Units     Bytes.
// Requires  Bytes that stand.
// Gives     64 bits, of which any are fit to choose a slot.
// Fails     Never.
// Cost      One multiplication for eight bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace ybcore {

[[nodiscard]] inline std::uint64_t folded(std::uint64_t a, std::uint64_t b) noexcept {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

[[nodiscard]] inline std::uint64_t eight(const char* bytes) noexcept {
  std::uint64_t out = 0;
  std::memcpy(&out, bytes, 8);
  return out;
}

[[nodiscard]] inline std::uint64_t four(const char* bytes) noexcept {
  std::uint32_t out = 0;
  std::memcpy(&out, bytes, 4);
  return out;
}

// Up to eight bytes as one word; longer texts end with their last eight, which may overlap the ones before.
[[nodiscard]] inline std::uint64_t tail(const char* bytes, std::size_t size) noexcept {
  if (size >= 8) return eight(bytes + size - 8);
  if (size >= 4) return four(bytes) | four(bytes + size - 4) << 32;
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < size; ++i) out = out << 8 | static_cast<unsigned char>(bytes[i]);
  return out;
}

[[nodiscard]] inline std::uint64_t hashed(std::string_view text) noexcept {
  std::uint64_t state = 0x9e3779b97f4a7c15ULL ^ text.size();
  for (std::size_t at = 0; at + 8 < text.size(); at += 8) state = folded(state ^ eight(text.data() + at), 0xff51afd7ed558ccdULL);
  state = folded(state ^ tail(text.data(), text.size()), 0xc4ceb9fe1a85ec53ULL);
  return state ^ (state >> 29);
}

// Equal texts of one size. Ids and codes differ at their ends first.
[[nodiscard]] inline bool same(const char* a, const char* b, std::size_t size) noexcept {
  if (tail(a, size) != tail(b, size)) return false;
  for (std::size_t at = 0; at + 8 < size; at += 8)
    if (eight(a + at) != eight(b + at)) return false;
  return true;
}

}  // namespace ybcore
