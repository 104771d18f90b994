// Large scratch memory on large pages, and one block of it kept from run to run: what the system must clear first costs as much as
// settling. Private to the kernel.
#pragma once

#include <cstddef>
#include <memory>

namespace ybcore {

// Uninitialised memory, aligned to a cache line at least.
[[nodiscard]] void* lend(std::size_t bytes);
void give_back(void* at) noexcept;

struct Free {
  void operator()(void* at) const { give_back(at); }
};
template <class T>
using Big = std::unique_ptr<T[], Free>;
template <class T>
[[nodiscard]] Big<T> big(std::size_t count) {
  return Big<T>(static_cast<T*>(lend(count * sizeof(T))));
}

}  // namespace ybcore
