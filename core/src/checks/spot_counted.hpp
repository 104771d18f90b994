// What a finding of a small batch was counted in (docs/checks.md section 5).
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "spot_batch.hpp"

namespace ybcore::checks::spot {

// Rows of a finding in the order of its details: those that offend, then the involved ones.
struct CountedRows {
  bool lines = true;
  Rows rows;
  std::size_t involved = 0;  // place of the first of them
  bool shared = false;       // included lines share a quantity
};

class CountedIn {
 public:
  explicit CountedIn(const Batch& batch) : b_(batch) {}

  using Bounds = std::pair<std::int64_t, std::int64_t>;
  // Begin and end of a group of this kind, half-open; `measure` is the finding's.
  [[nodiscard]] Bounds of(const SpotCounting& own, std::int64_t measure, const CountedRows& found);

 private:
  [[nodiscard]] Bounds days_of(const SpotCounting& own, std::int64_t measure, const CountedRows& found);
  [[nodiscard]] Bounds days_of_stay(std::size_t visit);
  [[nodiscard]] Bounds days_of_visit(std::size_t visit) const;
  [[nodiscard]] Bounds days_of_rows(const CountedRows& found, bool covered) const;
  [[nodiscard]] std::size_t visit_of(const CountedRows& found) const;

  const Batch& b_;
  std::vector<Bounds> stays_;  // by visit, made when first asked for
};

}  // namespace ybcore::checks::spot
