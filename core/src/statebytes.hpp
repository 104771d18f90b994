// A memory as bytes, and back: docs/embedding.md, "The binary form". Private to the kernel.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "image.hpp"
#include "memory.hpp"

namespace ybcore {

// False where the bytes are no state; the memory is empty then.
[[nodiscard]] bool read_state(const Image& image, std::span<const std::byte> bytes, Memory& memory);
[[nodiscard]] std::vector<std::byte> written_state(const Image& image, const Memory& memory);

}  // namespace ybcore
