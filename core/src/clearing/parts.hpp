// The passes of clearing; clear.cpp calls them.
#pragma once

#include <cstddef>
#include <vector>

#include "ybcore/clearing.hpp"
#include "ybcore/money.hpp"

namespace ybcore::clearing {

// No amount, no number of points and no sum may pass this.
inline constexpr std::int64_t kMost = 1'000'000'000'000'000'000;
inline constexpr std::int64_t kMillion = 1'000'000;
inline constexpr std::int64_t kPoint = 10'000;

// Products of whole numbers that remember when one did not fit.
class Product {
 public:
  explicit Product(Wide value) : value_(value) {}
  Product& times(Wide by) {
    lost_ = __builtin_mul_overflow(value_, by, &value_) || lost_;
    return *this;
  }
  [[nodiscard]] Wide value() const { return value_; }
  [[nodiscard]] bool lost() const { return lost_; }

 private:
  Wide value_;
  bool lost_ = false;
};

// Rounded towards what is less; the divisor is above zero.
[[nodiscard]] inline Wide floor_div(Wide above, Wide below) {
  const Wide quotient = above / below;
  return quotient * below > above ? quotient - 1 : quotient;
}

[[nodiscard]] inline std::int64_t at(std::span<const std::int64_t> column, std::size_t row) { return column.empty() ? 0 : column[row]; }
[[nodiscard]] inline std::int64_t maybe(std::span<const std::int64_t> column, std::size_t row) {
  return column.empty() ? kNothing : column[row];
}
[[nodiscard]] inline std::int64_t itemised(const Cases& cases, std::size_t row) { return at(cases.fund, row) - at(cases.other, row); }
[[nodiscard]] inline bool decided(const Cases& cases, std::size_t row) { return maybe(cases.review_amount, row) != kNothing; }
[[nodiscard]] inline const Cell& cell_of(const Job& job, std::size_t row) {
  return job.cells[static_cast<std::size_t>(job.cases.cell[row])];
}
// The pool of a case, -1 none.
[[nodiscard]] inline std::int32_t pool_of(const Job& job, std::size_t row) {
  const std::int32_t month = job.cases.month[row];
  return month < 0 ? -1 : job.years.pool[static_cast<std::size_t>(month)];
}
// Whether a case has points that its pool gives money for.
[[nodiscard]] inline bool pointed(const Job& job, const CaseResults& out, std::size_t row) {
  return static_cast<Way>(out.way[row]) == Way::kStandard && !decided(job.cases, row) && cell_of(job, row).pays == Pays::kPoints;
}

// Rows that are worked on while they are in cache.
struct Block {
  std::size_t begin, end;
};

// What all cases of a cell, a group and a number of days have in common: standard, and the costs at which kinds begin. A line of cache.
struct alignas(64) Scale {
  std::int64_t above;  // of the fraction that costs are compared with, in fen; 0 none
  std::int64_t standard, bare;
  std::int64_t low_to, high_from, extreme_from, high_edge;
  std::int32_t below;  // of the fraction
  Code code;           // why no case has a standard
  bool by_day;         // there is one for each number of days
  bool ungrouped;      // the group is missing, and is needed
};
static_assert(sizeof(Scale) == 64);
class Scales {
 public:
  Scales(const Job& job, int threads);
  // `made` holds what is not kept.
  [[nodiscard]] const Scale& of(std::size_t row, Scale& made) const {
    if (kept_.empty()) return fresh(row, made);
    const auto cell = static_cast<std::size_t>(job_.cases.cell[row]);
    const Scale& scale = kept_[cell * wide_ + static_cast<std::size_t>(job_.cases.group[row] + 1)];
    return scale.by_day ? fresh(row, made) : scale;
  }
  void fetch(std::size_t row) const {
    const std::int32_t cell = job_.cases.cell[row];
    if (cell >= 0 && !kept_.empty())
      __builtin_prefetch(&kept_[static_cast<std::size_t>(cell) * wide_ + static_cast<std::size_t>(job_.cases.group[row] + 1)]);
  }

 private:
  const Scale& fresh(std::size_t row, Scale& made) const;

  const Job& job_;
  std::size_t wide_;
  std::vector<Scale> kept_;  // by cell, then by group, of no group first; empty where these are too many
};

// Kind, way, multiple and standard (points where the method has points) of some cases. No case looks at another here.
[[nodiscard]] Status settle_standards(const Job& job, const Scales& scales, const CaseResults& out, Block block);
// Which stays another followed too soon; cuts what is left of them.
void cut_readmissions(const Job& job, const CaseResults& out, int threads);

// Of the cases of a pool.
struct PoolSums {
  std::int64_t cases = 0, points = 0, first = 0, adds = 0;
};
void sum_pools(const Job& job, const CaseResults& out, Block block, std::vector<PoolSums>& sums);
// What is shared out, and what a point is worth.
[[nodiscard]] Status value_pools(const Job& job, const std::vector<PoolSums>& sums, const PoolResults& pools);
// Points into money, by the value as it is told.
void value_points(const Job& job, const CaseResults& out, const PoolResults& pools, Block block);
// Points into money where pools are shared out, to the fen.
void share_points(const Job& job, const CaseResults& out, const PoolResults& pools, int threads);
[[nodiscard]] inline bool shared_out(const Job& job, const PoolResults& pools, std::size_t pool) {
  return job.pools.share[pool] != 0 && pools.points[pool] > 0;
}

// What the fund pays of a case that has its standard.
[[nodiscard]] std::int64_t share_of_fund(const Cell& cell, const Cases& cases, std::size_t row, Way way, std::int64_t standard);
// Sums of months, and by pool what was paid and the standards of those with points.
struct Paid {
  std::vector<std::int64_t> months, pools, standard;
};
void share_all(const Job& job, const CaseResults& out, Block block, Paid& paid);
// `paid`: by pool.
[[nodiscard]] Status settle_years(const Job& job, std::span<const Wide> paid, const PoolResults& pools, const YearResults& out);

}  // namespace ybcore::clearing
