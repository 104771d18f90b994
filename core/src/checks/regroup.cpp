#include "ybcore/checks/regroup.hpp"

#include <algorithm>
#include <compare>

#include "../split.hpp"

namespace ybcore::checks {
namespace {

// Keys in one comparison; the place comes last, so that equal ones stay as they stood.
struct Keyed {
  std::uint64_t first = 0;
  std::uint32_t second = 0;
  std::int32_t at = 0;

  [[nodiscard]] bool same(const Keyed& other) const noexcept { return first == other.first && second == other.second; }
  auto operator<=>(const Keyed&) const = default;
};

// Of numbers that may be negative, in order as one without a sign.
std::uint32_t lifted(std::int32_t key) noexcept { return static_cast<std::uint32_t>(key) ^ 0x80000000U; }

class Regroup {
 public:
  Regroup(std::span<const std::span<const std::int32_t>> keys, std::span<std::int32_t> order) : keys_(keys), order_(order) {}

  void run(std::size_t from, std::size_t to) {
    own_.clear();
    for (std::size_t i = from; i < to; ++i) own_.push_back(keyed(i));
    if (!std::is_sorted(own_.begin(), own_.end())) std::sort(own_.begin(), own_.end());
    for (std::size_t k = 0; k < own_.size(); ++k) {
      if (k == 0 || !own_[k].same(own_[k - 1])) begin.push_back(static_cast<std::int64_t>(from + k));
      order_[from + k] = own_[k].at;
    }
  }

  std::vector<std::int64_t> begin;

 private:
  [[nodiscard]] Keyed keyed(std::size_t i) const noexcept {
    Keyed out;
    out.at = static_cast<std::int32_t>(i);
    out.first = std::uint64_t{lifted(keys_[0][i])} << 32;
    if (keys_.size() > 1) out.first |= lifted(keys_[1][i]);
    if (keys_.size() > 2) out.second = lifted(keys_[2][i]);
    return out;
  }

  std::span<const std::span<const std::int32_t>> keys_;
  std::span<std::int32_t> order_;
  std::vector<Keyed> own_;
};

}  // namespace

Regrouped regroup(std::span<const std::int64_t> begin, std::span<const std::span<const std::int32_t>> keys, int threads) {
  Regrouped out;
  out.order.resize(static_cast<std::size_t>(begin.back()));
  const Chunks chunks = cut_evenly(begin, threads);
  const std::size_t parts = chunks.begin.size() - 1;
  std::vector<std::vector<std::int64_t>> begins(parts);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    Regroup one(keys, out.order);
    for (std::size_t r = chunks.begin[c]; r < chunks.begin[c + 1]; ++r)
      one.run(static_cast<std::size_t>(begin[r]), static_cast<std::size_t>(begin[r + 1]));
    begins[c] = std::move(one.begin);
  });
  for (const auto& mine : begins) out.begin.insert(out.begin.end(), mine.begin(), mine.end());
  out.begin.push_back(begin.back());
  return out;
}

void tally(std::span<const std::int32_t> key, std::span<const std::int64_t> value, std::span<std::int64_t> sums) noexcept {
  for (std::size_t i = 0; i < key.size(); ++i)
    if (key[i] >= 0) sums[static_cast<std::size_t>(key[i])] += value.empty() ? 1 : value[i];
}

}  // namespace ybcore::checks
