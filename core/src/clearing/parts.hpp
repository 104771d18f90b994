// The passes of clearing, in the order in which they run; clear.cpp calls them.
#pragma once

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

[[nodiscard]] inline std::int64_t at(std::span<const std::int64_t> column, std::size_t row) { return column.empty() ? 0 : column[row]; }
[[nodiscard]] inline std::int64_t maybe(std::span<const std::int64_t> column, std::size_t row) {
  return column.empty() ? kNothing : column[row];
}
[[nodiscard]] inline std::int64_t itemised(const Cases& cases, std::size_t row) { return at(cases.fund, row) - at(cases.other, row); }
[[nodiscard]] inline bool decided(const Cases& cases, std::size_t row) { return maybe(cases.review_amount, row) != kNothing; }
// Whether a case has points that its pool gives money for.
[[nodiscard]] inline bool pointed(const Job& job, const CaseResults& out, std::size_t row) {
  return static_cast<Way>(out.way[row]) == Way::kStandard && !decided(job.cases, row) &&
         job.cells[static_cast<std::size_t>(job.cases.cell[row])].pays == Pays::kPoints;
}

// Kind, way, multiple and standard (points where the method has points).
[[nodiscard]] Status settle_standards(const Job& job, const CaseResults& out, int threads);
// Which stays another followed too soon; cuts what is left of them.
void cut_readmissions(const Job& job, const CaseResults& out);
// Points into money.
[[nodiscard]] Status value_points(const Job& job, const CaseResults& out, const PoolResults& pools, int threads);
// What the fund pays of a case that has its standard.
[[nodiscard]] std::int64_t share_of_fund(const Cell& cell, const Cases& cases, std::size_t row, Way way, std::int64_t standard);
void share_all(const Job& job, const CaseResults& out, int threads);
void sum_months(const Job& job, const CaseResults& cases, const YearResults& out, int threads);
[[nodiscard]] Status settle_years(const Job& job, const CaseResults& cases, const PoolResults& pools, const YearResults& out);

}  // namespace ybcore::clearing
