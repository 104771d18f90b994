// The loop-splitter: every chunk once, whole groups only, from any number of threads.
#include <climits>
#include <cstdint>
#include <mutex>
#include <new>
#include <set>
#include <thread>
#include <vector>

#include "check.hpp"
#include "split.hpp"

using namespace ybcore;

namespace {

std::vector<std::int64_t> uneven(std::size_t items) {
  std::vector<std::int64_t> begin{0};
  for (std::size_t i = 0; i < items; ++i) begin.push_back(begin.back() + (i % 17 == 3 ? 400 : static_cast<std::int64_t>(i % 5)));
  return begin;
}

void chunks_cover_every_item_once() {
  for (const std::size_t items : {0, 1, 2, 3, 7, 64, 1000}) {
    for (const int threads : {-1, 0, 1, 2, 3, 16, 200}) {
      const Chunks chunks = cut_evenly(uneven(items), threads);
      CHECK(chunks.begin.size() >= 2);
      CHECK_EQ(chunks.begin.front(), 0U);
      CHECK_EQ(chunks.begin.back(), items);
      for (std::size_t c = 1; c + 1 < chunks.begin.size(); ++c) CHECK(chunks.begin[c - 1] < chunks.begin[c]);
    }
  }
  CHECK_EQ(cut_evenly({}, 4).begin.back(), 0U);
}

void weights_are_shared() {
  std::vector<std::int64_t> begin{0};
  for (int i = 0; i < 1600; ++i) begin.push_back(begin.back() + 10);
  const Chunks chunks = cut_evenly(begin, 2);
  CHECK(chunks.begin.size() > 3);
  for (std::size_t c = 1; c < chunks.begin.size(); ++c) CHECK(chunks.begin[c] - chunks.begin[c - 1] <= 200);
}

// Neighbouring items belong to different threads; under the thread sanitizer a chunk given twice is a race.
void every_chunk_runs_once() {
  const std::vector<std::int64_t> begin = uneven(5000);
  for (const int threads : {0, 1, 2, 4, 9}) {
    const Chunks chunks = cut_evenly(begin, threads);
    std::vector<int> seen(begin.size() - 1, 0);
    for_each_chunk(chunks, threads, [&](std::size_t c) {
      for (std::size_t i = chunks.begin[c]; i < chunks.begin[c + 1]; ++i) ++seen[i];
    });
    for (const int times : seen) CHECK_EQ(times, 1);
  }
}

// Work is shared between so many at most, whatever is asked for.
void nobody_waits_for_a_million_threads() {
  const Chunks few = cut_evenly(uneven(64), INT_MAX);
  CHECK(few.begin.size() <= 65);
  CHECK_EQ(few.begin.back(), 64U);
  const Chunks each = cut_rows(5000, 1);
  std::vector<int> seen(5000, 0);
  std::set<std::thread::id> who;
  std::mutex one_at_a_time;
  for_each_chunk(each, INT_MAX, [&](std::size_t c) {
    ++seen[c];
    const std::lock_guard held(one_at_a_time);
    who.insert(std::this_thread::get_id());
  });
  for (const int times : seen) CHECK_EQ(times, 1);
  CHECK(who.size() <= 1024);
}

void what_a_thread_throws_reaches_the_caller() {
  const Chunks chunks = cut_evenly(uneven(5000), 4);
  for (const int threads : {1, 2, 4}) {
    for (const std::size_t bad : {std::size_t{0}, chunks.begin.size() / 2}) {
      bool caught = false;
      try {
        for_each_chunk(chunks, threads, [&](std::size_t c) {
          if (c == bad) throw std::bad_alloc();
        });
      } catch (const std::bad_alloc&) {
        caught = true;
      }
      CHECK(caught);
    }
  }
}

}  // namespace

int main() {
  what_a_thread_throws_reaches_the_caller();
  chunks_cover_every_item_once();
  weights_are_shared();
  every_chunk_runs_once();
  nobody_waits_for_a_million_threads();
  return check::result();
}
