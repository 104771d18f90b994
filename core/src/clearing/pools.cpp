// Budgets into values of points, and values into standards: by largest remainder, or by the value as it is told.
#include <algorithm>
#include <array>

#include "../split.hpp"
#include "parts.hpp"

namespace ybcore::clearing {
namespace {

constexpr std::int64_t kPointPpm = kPoint * kPoint;  // 1/10000 points × ppm of a yuan, in fen

// What stands in fen under the value of a point.
[[nodiscard]] std::int64_t worth(std::int64_t points, std::int64_t value) {
  std::int64_t product = 0;
  if (points < 0 || __builtin_mul_overflow(points, value, &product))
    return static_cast<std::int64_t>(round_div(Wide{points} * value, kPointPpm));
  return product / kPointPpm + (product % kPointPpm >= kPointPpm / 2 ? 1 : 0);
}

// Rests are below the points of their pool; which of some equal parts of these they are in.
constexpr std::size_t kParts = 4096;
[[nodiscard]] std::size_t part_of(std::int64_t rest, std::int64_t points) {
  return static_cast<std::size_t>(Wide{rest} * static_cast<std::int64_t>(kParts) / points);
}

// Where the fen of a pool that are missing go: all cases of the parts above `part`, and some of that one.
struct Cut {
  std::size_t part = kParts;
  std::int64_t there = 0;  // fen for that part
};

[[nodiscard]] Cut cut_of(const std::array<std::int64_t, kParts>& count, std::int64_t missing) {
  Cut cut;
  cut.there = missing;
  while (cut.part > 0 && cut.there > 0) {
    --cut.part;
    if (count[cut.part] >= cut.there) return cut;
    cut.there -= count[cut.part];
  }
  return {kParts, 0};
}

}  // namespace

void sum_pools(const Job& job, const CaseResults& out, Block block, std::vector<PoolSums>& sums) {
  const Cases& cases = job.cases;
  for (std::size_t row = block.begin; row < block.end; ++row) {
    const std::int32_t pool = pool_of(job, row);
    if (pool < 0) continue;
    PoolSums& mine = sums[static_cast<std::size_t>(pool)];
    ++mine.cases;
    if (pointed(job, out, row)) {
      mine.points += out.points[row];
      mine.adds += at(cases.patient, row) + at(cases.other, row) - at(cases.carved, row);
    } else {
      mine.first += share_of_fund(cell_of(job, row), cases, row, static_cast<Way>(out.way[row]), out.standard[row]);
    }
  }
}

Status value_pools(const Job& job, const std::vector<PoolSums>& sums, const PoolResults& pools) {
  for (std::size_t p = 0; p < sums.size(); ++p) {
    const std::int64_t budget = job.pools.budget[p];
    pools.cases[p] = sums[p].cases;
    pools.points[p] = sums[p].points;
    pools.first[p] = sums[p].first;
    pools.adds[p] = job.pools.adds[p] != 0 ? sums[p].adds : 0;
    pools.reserve[p] = static_cast<std::int64_t>(round_div(Wide{budget} * job.pools.reserve[p], kMillion));
    const Wide whole = round_div(Wide{budget - pools.reserve[p]} * kMillion, job.pools.ratio[p]);
    const Wide shared = whole - pools.first[p] + pools.adds[p];
    if (shared < 0) return {Code::kOverdrawn, static_cast<std::int64_t>(p)};
    if (shared > kMost) return {Code::kOverflow, static_cast<std::int64_t>(p)};
    pools.shared[p] = static_cast<std::int64_t>(shared);
    pools.standard[p] = 0;
    const Wide told = sums[p].points <= 0 ? 0 : round_to(shared * kPointPpm, sums[p].points, {RoundMode::kHalfUp, job.pools.grid[p]});
    if (told > kMost) return {Code::kOverflow, static_cast<std::int64_t>(p)};
    pools.value[p] = static_cast<std::int64_t>(told);
  }
  return {Code::kOk, 0};
}

void value_points(const Job& job, const CaseResults& out, const PoolResults& pools, Block block) {
  for (std::size_t row = block.begin; row < block.end; ++row) {
    const std::int32_t pool = pool_of(job, row);
    if (pool < 0 || job.pools.share[static_cast<std::size_t>(pool)] != 0 || !pointed(job, out, row)) continue;
    out.standard[row] = worth(out.points[row], pools.value[static_cast<std::size_t>(pool)]);
  }
}

// The fen that are missing go to the largest rests; on ties to the lowest ids.
void share_points(const Job& job, const CaseResults& out, const PoolResults& pools, int threads) {
  struct Found {
    std::vector<std::int64_t> standard;                                   // by pool
    std::vector<std::array<std::int64_t, kParts>> count;                  // by pool and part of the rest
    std::vector<std::vector<std::pair<std::int64_t, std::size_t>>> near;  // by pool: rest and row
  };
  const std::size_t rows = job.cases.cell.size();
  const std::size_t count = job.pools.budget.size();
  std::vector<std::int64_t> rest(rows, -1);
  const Chunks chunks = cut_rows(rows, std::max<std::size_t>(rows / static_cast<std::size_t>(std::max(threads, 1)) + 1, 1 << 15));
  std::vector<Found> found(chunks.begin.size() - 1);
  for_each_chunk(chunks, threads, [&](std::size_t chunk) {
    Found& mine = found[chunk];
    mine.standard.assign(count, 0);
    mine.count.assign(count, {});
    for (std::size_t row = chunks.begin[chunk]; row < chunks.begin[chunk + 1]; ++row) {
      const std::int32_t pool = pool_of(job, row);
      if (pool < 0 || !shared_out(job, pools, static_cast<std::size_t>(pool)) || !pointed(job, out, row)) continue;
      const auto p = static_cast<std::size_t>(pool);
      // Downwards, also of a case that takes money back: a rest is never negative.
      const Wide product = Wide{pools.shared[p]} * out.points[row];
      const Wide whole = floor_div(product, pools.points[p]);
      out.standard[row] = static_cast<std::int64_t>(whole);
      rest[row] = static_cast<std::int64_t>(product - whole * pools.points[p]);
      mine.standard[p] += out.standard[row];
      ++mine.count[p][part_of(rest[row], pools.points[p])];
    }
  });
  std::vector<Cut> cut(count);
  for (std::size_t p = 0; p < count; ++p) {
    if (!shared_out(job, pools, p)) continue;
    std::array<std::int64_t, kParts> all{};
    std::int64_t missing = pools.shared[p];
    for (const Found& one : found) {
      missing -= one.standard[p];
      for (std::size_t k = 0; k < kParts; ++k) all[k] += one.count[p][k];
    }
    cut[p] = cut_of(all, missing);
  }
  for_each_chunk(chunks, threads, [&](std::size_t chunk) {
    found[chunk].near.resize(count);
    for (std::size_t row = chunks.begin[chunk]; row < chunks.begin[chunk + 1]; ++row) {
      if (rest[row] < 0) continue;
      const auto p = static_cast<std::size_t>(pool_of(job, row));
      const std::size_t part = part_of(rest[row], pools.points[p]);
      if (part > cut[p].part) ++out.standard[row];
      if (part == cut[p].part) found[chunk].near[p].emplace_back(rest[row], row);
    }
  });
  const auto first = [&](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : id_less(job.cases.ids, a.second, b.second);
  };
  for (std::size_t p = 0; p < count; ++p) {
    std::vector<std::pair<std::int64_t, std::size_t>> near;
    for (const Found& one : found) near.insert(near.end(), one.near[p].begin(), one.near[p].end());
    const auto end = near.begin() + std::min<std::ptrdiff_t>(cut[p].there, std::ssize(near));
    if (end != near.end()) std::nth_element(near.begin(), end, near.end(), first);
    for (auto it = near.begin(); it != end; ++it) ++out.standard[it->second];
  }
}

}  // namespace ybcore::clearing
