// Large memory on large pages, kept from run to run: what the system must clear first costs as much as settling.
//
// Meaning   Blocks that are given back are kept for the next who asks for about as much, and the system may take them when it is short.
// Units     Bytes.
// Requires  `give_back` once for what was lent.
// Gives     Uninitialised memory, aligned to a cache line at least; what is lent and kept is never more than was once lent together.
// Fails     std::bad_alloc.
// Cost      A few kept blocks are looked through.
#pragma once

#include <cstddef>
#include <memory>

namespace ybcore {

[[nodiscard]] void* lend(std::size_t bytes);
void give_back(void* at) noexcept;
// Nothing is kept any more.
void let_go() noexcept;

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
