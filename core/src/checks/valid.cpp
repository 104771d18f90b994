#include "ybcore/checks/valid.hpp"

#include "groups.hpp"

namespace ybcore::checks {

namespace {

void offend(Found& found, std::size_t row, const Arithmetic& arithmetic) {
  found.open(arithmetic);
  found.detail(static_cast<std::int32_t>(row), Part::kOffending);
}

[[nodiscard]] bool apart(Wide one, Wide other, Wide tolerance) { return one - other > tolerance || other - one > tolerance; }

}  // namespace

Found flagged(std::span<const std::uint8_t> state, int threads) {
  return over_rows(state.size(), threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if (state[i] == 1) offend(found, i, {});
      found.unknown += state[i] == 2 ? 1 : 0;
    }
  });
}

Found sums(std::span<const std::int64_t> begin, std::span<const std::int64_t> amount, std::span<const std::int64_t> total,
           std::int64_t tolerance, int threads) {
  return over_groups(begin, threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t v = from; v < to; ++v) {
      Wide sum = 0;
      bool known = total[v] != kUnknown && begin[v] < begin[v + 1];
      for (auto i = static_cast<std::size_t>(begin[v]); i < static_cast<std::size_t>(begin[v + 1]); ++i) {
        known = known && amount[i] != kUnknown;
        sum += amount[i];
      }
      if (!known) {
        ++found.unknown;
      } else if (apart(sum, total[v], tolerance)) {
        offend(found, v, {told(sum), total[v]});
      }
    }
  });
}

Found product(std::span<const std::int64_t> quantity, std::span<const std::int64_t> price, std::span<const std::int64_t> amount,
              std::int64_t tolerance, int threads) {
  constexpr Wide scale = 100'000'000;  // 1/10000 * 1/1000000 yuan in a fen
  return over_rows(quantity.size(), threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if (quantity[i] == kUnknown || price[i] == kUnknown || amount[i] == kUnknown) {
        ++found.unknown;
        continue;
      }
      const Wide billed = static_cast<Wide>(quantity[i]) * price[i];
      if (apart(billed, amount[i] * scale, tolerance * scale)) offend(found, i, {amount[i], told(round_div(billed, scale))});
    }
  });
}

Found order(std::span<const std::int64_t> earlier, std::span<const std::int64_t> later, int threads) {
  return over_rows(earlier.size(), threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if (earlier[i] == kUnknown || later[i] == kUnknown) {
        ++found.unknown;
      } else if (earlier[i] > later[i]) {
        offend(found, i, {earlier[i], later[i]});
      }
    }
  });
}

Found delay(std::span<const std::int64_t> from_time, std::span<const std::int64_t> to_time, std::int64_t hours, Comparator comparator,
            int threads) {
  const std::int64_t limit = told(static_cast<Wide>(hours) * kHourMicros);
  return over_rows(from_time.size(), threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if (from_time[i] == kUnknown || to_time[i] == kUnknown) {
        ++found.unknown;
        continue;
      }
      const std::int64_t late = told(static_cast<Wide>(to_time[i]) - from_time[i]);
      if (hits(comparator, late, limit)) offend(found, i, {late, limit});
    }
  });
}

}  // namespace ybcore::checks
