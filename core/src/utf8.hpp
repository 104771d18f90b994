// Whether a text is UTF-8, as Python's strict decoder has it: no surrogates, nothing longer than need be, nothing beyond U+10FFFF.
#ifndef YBCORE_SRC_UTF8_HPP
#define YBCORE_SRC_UTF8_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ybcore {

[[nodiscard]] inline bool is_utf8(std::string_view text) noexcept {
  unsigned char any = 0;
  for (const char c : text) any = static_cast<unsigned char>(any | static_cast<unsigned char>(c));
  if (any < 0x80) return true;  // nearly all ids
  const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U; };
  for (std::size_t i = 0; i < text.size();) {
    const std::uint32_t lead = byte(i);
    const std::size_t more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    if (more != 0 && (lead < 0xC2 || lead > 0xF4)) return false;
    std::uint32_t point = more == 0 ? lead : lead & (0x3FU >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      const std::uint32_t next = byte(i + k);
      if (next >> 6 != 2) return false;
      point = point << 6 | (next & 0x3F);
    }
    constexpr std::uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    if (point < kLeast[more] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return false;
    i += more + 1;
  }
  return true;
}

}  // namespace ybcore

#endif
