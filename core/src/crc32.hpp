// CRC-32 as zlib has it, eight bytes at a time.
//
// Meaning   Whether bytes are those that were written: of a bit that fell over, of pages that a disk lost. No proof against who means it.
// Cost      About a processor cycle a byte.
#ifndef YBCORE_SRC_CRC32_HPP
#define YBCORE_SRC_CRC32_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ybcore {

inline constexpr auto kCrcTables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> out{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t c = byte;
    for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xEDB88320U ^ c >> 1 : c >> 1;
    out[0][byte] = c;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t byte = 0; byte < 256; ++byte) out[k][byte] = out[k - 1][byte] >> 8 ^ out[0][out[k - 1][byte] & 0xFF];
  return out;
}();

// Goes on from what came before.
[[nodiscard]] inline std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t before = 0) noexcept {
  std::uint32_t c = ~before;
  const auto byte = [&](std::size_t at) { return static_cast<std::uint32_t>(bytes[at]); };
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    c ^= byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
    c = kCrcTables[7][c & 0xFF] ^ kCrcTables[6][c >> 8 & 0xFF] ^ kCrcTables[5][c >> 16 & 0xFF] ^ kCrcTables[4][c >> 24] ^
        kCrcTables[3][byte(i + 4)] ^ kCrcTables[2][byte(i + 5)] ^ kCrcTables[1][byte(i + 6)] ^ kCrcTables[0][byte(i + 7)];
  }
  for (; i < bytes.size(); ++i) c = kCrcTables[0][(c ^ byte(i)) & 0xFF] ^ c >> 8;
  return ~c;
}

}  // namespace ybcore

#endif
