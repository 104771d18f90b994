// The only place that knows threads: a loop over chunks of whole settling groups, and the scratch block that runs share (scratch.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace ybcore {

struct Chunks {
  std::vector<std::size_t> begin;  // chunks + 1
};

// Cuts items with cumulative weights `begin` into chunks of about equal weight, more of them than threads so that none waits long.
[[nodiscard]] Chunks cut_evenly(std::span<const std::int64_t> begin, int threads);

// Rows in blocks of `block`; without rows one empty chunk.
[[nodiscard]] Chunks cut_rows(std::size_t rows, std::size_t block);

// Calls `one` once for every chunk, on as many threads as asked. What `one` throws comes to the caller when all threads have stopped.
void for_each_chunk(const Chunks& chunks, int threads, const std::function<void(std::size_t)>& one);

}  // namespace ybcore
