// For twins of kernels: numbers from a seed, and findings in a shape that is easily compared.
#pragma once

#include <cstdint>
#include <tuple>
#include <vector>

#include "ybcore/checks/found.hpp"

namespace draw {

class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15U + 1) {}

  // From low to high, both included.
  template <class T = std::int32_t>
  T between(std::int64_t low, std::int64_t high) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<T>(low + static_cast<std::int64_t>(state_ % (static_cast<std::uint64_t>(high - low) + 1)));
  }
  bool one_in(std::int64_t many) { return between(1, many) == 1; }
  template <class T>
  std::vector<T> column(std::size_t rows, std::int64_t low, std::int64_t high) {
    std::vector<T> out(rows);
    for (T& value : out) value = between<T>(low, high);
    return out;
  }

 private:
  std::uint64_t state_;
};

using Detail = std::tuple<std::int32_t, int, std::int64_t>;  // event, part, excess

struct Finding {
  std::int64_t measure = 0, limit = 0;
  std::int32_t entry = -1;
  std::vector<Detail> details;

  auto operator<=>(const Finding&) const = default;
};

inline Detail offending(std::size_t event, std::int64_t excess = ybcore::checks::kWhole) {
  return {static_cast<std::int32_t>(event), 1, excess};
}
inline Detail involved(std::size_t event) { return {static_cast<std::int32_t>(event), 2, ybcore::checks::kWhole}; }

inline std::vector<Finding> listed(const ybcore::checks::Found& found) {
  std::vector<Finding> out;
  for (std::size_t f = 0; f < found.size(); ++f) {
    Finding one{found.measure[f], found.limit[f], found.entry[f], {}};
    for (auto d = static_cast<std::size_t>(found.details[f]); d < static_cast<std::size_t>(found.details[f + 1]); ++d)
      one.details.emplace_back(found.event[d], static_cast<int>(found.part[d]), found.excess[d]);
    out.push_back(one);
  }
  return out;
}

}  // namespace draw
