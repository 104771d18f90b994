// A memory as bytes, and back: docs/embedding.md, "The binary form". Private to the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "image.hpp"
#include "memory.hpp"

namespace ybcore {

// Number of a word of the engine, or of one that only the memory knows.
[[nodiscard]] std::int32_t engine_number(const Texts& own, Foreign& foreign, Names& names, std::string_view text);
// False where the bytes are no state; the memory is empty then.
[[nodiscard]] bool read_state(const Image& image, std::span<const std::byte> bytes, Memory& memory);
[[nodiscard]] std::vector<std::byte> written_state(const Image& image, const Memory& memory);

}  // namespace ybcore
