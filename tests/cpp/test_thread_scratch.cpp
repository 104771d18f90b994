// Large memory that is kept from run to run: used again, never more than was lent at once, and let go.
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "check.hpp"
#include "ybcore/scratch.hpp"

using namespace ybcore;

namespace {

constexpr std::size_t kLarge = std::size_t{8} << 20;

void is_used_again() {
  void* first = lend(kLarge);
  CHECK(reinterpret_cast<std::uintptr_t>(first) % 64 == 0);
  std::memset(first, 1, kLarge);
  give_back(first);
  // A little less is the same block, much less is not.
  void* again = lend(kLarge - kLarge / 8);
  CHECK(again == first);
  void* small = lend(kLarge / 2);
  CHECK(small != first);
  give_back(again);
  give_back(small);
  let_go();
}

void the_best_fit_is_taken() {
  void* large = lend(kLarge + kLarge / 4);
  void* fits = lend(kLarge);
  give_back(large);
  give_back(fits);
  void* again = lend(kLarge);
  CHECK(again == fits);
  give_back(again);
  let_go();
}

void small_blocks_are_aligned() {
  std::vector<Big<std::int64_t>> all;
  for (std::size_t count : {0U, 1U, 7U, 1000U}) {
    all.push_back(big<std::int64_t>(count));
    CHECK(reinterpret_cast<std::uintptr_t>(all.back().get()) % 64 == 0);
    for (std::size_t i = 0; i < count; ++i) all.back()[i] = static_cast<std::int64_t>(i);
  }
  for (std::size_t i = 0; i < 1000; ++i) CHECK(all.back()[i] == static_cast<std::int64_t>(i));
}

// Blocks of a few pages are kept as well, and vectors may lie in them; of what is smaller nothing is.
void vectors_lie_in_kept_blocks() {
  let_go();
  const void* first = nullptr;
  for (int round = 0; round < 2; ++round) {
    Grown<std::int64_t> grown;
    grown.reserve(100'000);
    for (std::int64_t i = 0; i < 100'000; ++i) grown.push_back(i);
    for (std::int64_t i = 0; i < 100'000; ++i) CHECK_EQ(grown[static_cast<std::size_t>(i)], i);
    CHECK(round == 0 || grown.data() == first);
    first = grown.data();
  }
  // At the edges of what is kept, and of large pages.
  for (const std::size_t edge : {kLeastKept, kLargePage})
    for (std::size_t bytes = edge - 130; bytes < edge + 130; ++bytes) {
      auto* at = static_cast<unsigned char*>(lend(bytes));
      at[0] = 1, at[bytes - 1] = 2;
      CHECK(at[0] == 1 && at[bytes - 1] == 2);
      give_back(at);
    }
  let_go();
  void* large = lend(kLarge);
  give_back(large);
  CHECK(lend(kLarge) == large);
  give_back(large);
  let_go();
}

void threads_share_it() {
  std::vector<std::thread> team;
  for (int t = 0; t < 4; ++t) {
    team.emplace_back([t] {
      for (int i = 0; i < 50; ++i) {
        const std::size_t count = kLarge / 8 + static_cast<std::size_t>((t * 50 + i) % 7) * 100'000;
        const Big<std::int64_t> mine = big<std::int64_t>(count);
        mine[0] = t;
        mine[count - 1] = i;
        CHECK(mine[0] == t && mine[count - 1] == i);
      }
    });
  }
  for (std::thread& one : team) one.join();
  let_go();
}

// Zeros are what the system gives for pages that were forgotten; only on a block's first use, and only whole pages.
void a_new_block_is_forgotten_and_a_kept_one_is_not() {
  let_go();
  constexpr std::size_t kBytes = 4 * kLargePage;
  auto* first = static_cast<unsigned char*>(lend(kBytes));
  std::memset(first, 1, kBytes);
  forget(first, 100, 3 * kLargePage);
  CHECK(first[0] == 1 && first[99] == 1 && first[3 * kLargePage] == 1 && first[kBytes - 1] == 1);
#if defined(__linux__)
  CHECK(first[kLargePage] == 0 && first[2 * kLargePage] == 0);
#endif
  give_back(first);
  auto* again = static_cast<unsigned char*>(lend(kBytes));
  CHECK(again == first);
  std::memset(again, 2, kBytes);
  forget(again, 0, kBytes);
  for (std::size_t at = 0; at < kBytes; at += 512) CHECK(again[at] == 2);
  give_back(again);
  auto* small = static_cast<unsigned char*>(lend(1000));
  std::memset(small, 3, 1000);
  forget(small, 0, 1000);
  CHECK(small[0] == 3 && small[999] == 3);
  give_back(small);
  let_go();
}

}  // namespace

int main() {
  is_used_again();
  the_best_fit_is_taken();
  small_blocks_are_aligned();
  vectors_lie_in_kept_blocks();
  threads_share_it();
  a_new_block_is_forgotten_and_a_kept_one_is_not();
  return check::result();
}
