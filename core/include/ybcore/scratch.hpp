// Large memory on large pages, kept from run to run: what the system must clear first costs as much as settling.
//
// Meaning   Blocks that are given back are kept for the next who asks for about as much, and the system may take them when it is short.
//           Parts of a block that nobody needs any more go back to the system at once where the block is new: a process that runs once
//           needs less. Where it has been kept it stays whole: one that runs again and again would only ask for the same pages again.
// Units     Bytes.
// Requires  `give_back` once for what was lent; `forget` with a block that was lent and bytes within it.
// Gives     Uninitialised memory, aligned to a cache line at least; what is lent and kept is never more than was once lent together.
// Fails     std::bad_alloc.
// Cost      A few kept blocks are looked through; nothing is kept of blocks below kLeastKept.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace ybcore {

[[nodiscard]] void* lend(std::size_t bytes);
void give_back(void* at) noexcept;
// What stands from `from` to `to` in the block means nothing any more.
void forget(void* at, std::size_t from, std::size_t to) noexcept;
inline constexpr std::size_t kLeastKept = std::size_t{1} << 16;
// Of what pages large blocks are made: parts that are forgotten apart had better not share one.
inline constexpr std::size_t kLargePage = std::size_t{1} << 21;
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

// Memory of a vector that may grow large.
template <class T>
struct Lent {
  using value_type = T;

  Lent() = default;
  template <class U>
  explicit(false) Lent(const Lent<U>&) noexcept {}

  [[nodiscard]] T* allocate(std::size_t count) {
    return static_cast<T*>(small(count) ? ::operator new(count * sizeof(T)) : lend(count * sizeof(T)));
  }
  void deallocate(T* at, std::size_t count) noexcept { small(count) ? ::operator delete(at) : give_back(at); }
  bool operator==(const Lent&) const = default;

 private:
  static constexpr bool small(std::size_t count) noexcept { return count < kLeastKept / sizeof(T); }
};
template <class T>
using Grown = std::vector<T, Lent<T>>;

}  // namespace ybcore
