// Findings row by row, for kernels that find few in each of many places: columns are written when it is known how many there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ybcore/checks/found.hpp"

namespace ybcore::checks {

// As Found's, without begin, end and step.
class FoundRows {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return findings_.size(); }

  void open(std::int64_t measure, std::int64_t limit, std::int32_t entry) {
    findings_.push_back({measure, limit, entry, static_cast<std::int32_t>(details_.size())});
  }
  void detail(std::int32_t at, Part as, std::int64_t beyond = kWhole) { details_.push_back({beyond, at, as}); }

  // Takes back what was opened after the first `findings`.
  void back_to(std::size_t findings) {
    if (findings == size()) return;
    details_.resize(static_cast<std::size_t>(findings_[findings].details));
    findings_.resize(findings);
  }

 private:
  struct Finding {
    std::int64_t measure, limit;
    std::int32_t entry, details;  // where they begin
  };
  struct Detail {
    std::int64_t excess;
    std::int32_t event;
    Part part;
  };

  friend Found joined(std::span<const FoundRows> parts);

  Grown<Finding> findings_;
  Grown<Detail> details_;
};

// The findings of parts, in their order.
[[nodiscard]] Found joined(std::span<const FoundRows> parts);

}  // namespace ybcore::checks
