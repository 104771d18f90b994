#include "split.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <system_error>
#include <thread>

namespace ybcore {
namespace {

// Whoever asks for more gets no more done, and waits until they have all begun.
constexpr int kMostThreads = 1024;

}  // namespace

Chunks cut_evenly(std::span<const std::int64_t> begin, int threads) {
  Chunks out;
  out.begin.push_back(0);
  const std::size_t items = begin.empty() ? 0 : begin.size() - 1;
  if (items == 0) return out.begin.push_back(0), out;
  const std::size_t wanted = threads <= 1 ? 1 : static_cast<std::size_t>(std::min(threads, kMostThreads)) * 8;
  const std::int64_t weight = begin[items] - begin[0];
  for (std::size_t c = 1; c < wanted; ++c) {
    const std::int64_t goal = begin[0] + static_cast<std::int64_t>(static_cast<__int128>(weight) * static_cast<std::int64_t>(c) /
                                                                   static_cast<std::int64_t>(wanted));
    const auto at = static_cast<std::size_t>(std::lower_bound(begin.begin(), begin.end() - 1, goal) - begin.begin());
    if (at > out.begin.back() && at < items) out.begin.push_back(at);
  }
  out.begin.push_back(items);
  return out;
}

Chunks cut_rows(std::size_t rows, std::size_t block) {
  Chunks out;
  out.begin.push_back(0);
  for (std::size_t at = block; at < rows; at += block) out.begin.push_back(at);
  out.begin.push_back(rows);
  return out;
}

void for_each_chunk(const Chunks& chunks, int threads, const std::function<void(std::size_t)>& one) {
  const std::size_t count = chunks.begin.size() - 1;
  const std::size_t workers = std::min(count, static_cast<std::size_t>(std::clamp(threads, 1, kMostThreads)));
  if (workers <= 1) {
    for (std::size_t c = 0; c < count; ++c) one(c);
    return;
  }
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr why;
  // What one thread cannot do (most likely: find memory) ends the whole loop, and is told to the caller once all have stopped.
  const auto work = [&] {
    try {
      for (std::size_t c = next.fetch_add(1); c < count && !failed; c = next.fetch_add(1)) one(c);
    } catch (...) {
      if (!failed.exchange(true)) why = std::current_exception();
    }
  };
  std::vector<std::thread> team;
  team.reserve(workers - 1);
  try {
    for (std::size_t w = 1; w < workers; ++w) team.emplace_back(work);
  } catch (const std::system_error&) {
    // The system lends no more threads: fewer do the same work.
  }
  work();
  for (std::thread& t : team) t.join();
  if (why) std::rethrow_exception(why);
}

}  // namespace ybcore
