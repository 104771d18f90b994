#include "ybcore/checks/moved.hpp"

#include <algorithm>

#include "ybcore/money.hpp"

namespace ybcore::checks {

void shares(std::span<const std::int64_t> amount, std::span<const std::int64_t> quantity, std::span<const std::int64_t> excess,
            std::span<std::int64_t> out) noexcept {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const bool part = excess[i] != kWhole && excess[i] < quantity[i];
    out[i] =
        part ? static_cast<std::int64_t>(round_div(static_cast<Wide>(amount[i]) * excess[i], quantity[i], RoundMode::kHalfUp)) : amount[i];
  }
}

void once(std::span<const std::int64_t> order, std::span<const std::int64_t> row, std::span<const std::int64_t> wanted,
          std::span<std::int64_t> left, std::span<std::int64_t> taken) noexcept {
  for (const std::int64_t at : order) {
    const auto detail = static_cast<std::size_t>(at);
    std::int64_t& rest = left[static_cast<std::size_t>(row[detail])];
    taken[detail] = std::min(wanted[detail], std::max<std::int64_t>(rest, 0));
    rest -= taken[detail];
  }
}

}  // namespace ybcore::checks
