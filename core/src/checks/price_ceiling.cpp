#include "ybcore/checks/price_ceiling.hpp"

#include "groups.hpp"

namespace ybcore::checks {

Found price_ceiling(std::span<const std::int32_t> entry, std::span<const std::int64_t> price, std::span<const std::int64_t> quantity,
                    std::span<const std::int64_t> ceiling, std::int64_t tolerance, int threads) {
  return over_entries(entry, price.size(), threads, [&](Found& found, std::size_t i, std::int32_t row) {
    if (row < 0 || price[i] == kUnknown) {
      ++found.unknown;
      return;
    }
    const std::int64_t limit = ceiling[static_cast<std::size_t>(row)];
    if (limit == kUnknown || quantity[i] <= 0 || price[i] <= told(static_cast<Wide>(limit) + tolerance)) return;
    found.open({price[i], limit, kUnknown, kUnknown, entry.empty() ? -1 : row, 0});
    found.detail(static_cast<std::int32_t>(i), Part::kOffending);
  });
}

}  // namespace ybcore::checks
