#include "ybcore/checks/moved.hpp"

#include <algorithm>
#include <utility>

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

std::int64_t take(std::int64_t wanted, bool of_quantity, std::int64_t& rest, std::int64_t& counted) noexcept {
  std::int64_t asked = std::max<std::int64_t>(wanted, 0);
  if (of_quantity) {
    const std::int64_t before = std::exchange(counted, std::max(counted, asked));
    asked = counted - before;
  }
  const std::int64_t taken = std::min(asked, std::max<std::int64_t>(rest, 0));
  rest -= taken;
  return taken;
}

void once(std::span<const std::int64_t> order, std::span<const std::int64_t> row, std::span<const std::int64_t> wanted,
          std::span<const std::uint8_t> of_quantity, std::span<std::int64_t> left, std::span<std::int64_t> counted,
          std::span<std::int64_t> taken) noexcept {
  for (const std::int64_t at : order) {
    const auto detail = static_cast<std::size_t>(at);
    const auto line = static_cast<std::size_t>(row[detail]);
    taken[detail] = take(wanted[detail], of_quantity[detail] != 0, left[line], counted[line]);
  }
}

}  // namespace ybcore::checks
