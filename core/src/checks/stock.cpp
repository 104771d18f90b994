#include "ybcore/checks/stock.hpp"

#include "groups.hpp"

namespace ybcore::checks {

namespace {

constexpr std::int64_t kMillion = 1'000'000;

struct Range {
  std::size_t first, end;
};

[[nodiscard]] Range lines_of(const Sales& sales, const StockRows& rows, std::size_t r) {
  if (rows.key[r] < 0) return {0, 0};
  const auto key = static_cast<std::size_t>(rows.key[r]);
  const auto from = sales.day.begin() + sales.begin[key], to = sales.day.begin() + sales.begin[key + 1];
  const auto first = std::lower_bound(from, to, rows.from[r]);
  return {static_cast<std::size_t>(first - sales.day.begin()),
          static_cast<std::size_t>(std::max(first, std::lower_bound(from, to, rows.to[r])) - sales.day.begin())};
}

[[nodiscard]] bool known(const StockRows& rows, std::size_t r) {
  return rows.open[r] != kUnknown && rows.in[r] != kUnknown && rows.close[r] != kUnknown && rows.factor[r] > 0;
}

void judge(const Sales& sales, const StockRows& rows, std::size_t r, std::int64_t tolerance, Found& found) {
  const auto [first, end] = lines_of(sales, rows, r);
  Wide sold = 0;
  for (std::size_t i = first; i < end; ++i) {
    if (sales.quantity[i] == kUnknown) {
      ++found.unknown;
    } else {
      sold += sales.quantity[i];
    }
  }
  const Wide there = static_cast<Wide>(rows.open[r]) + rows.in[r] - rows.close[r] + tolerance;
  const Wide factor = rows.factor[r];
  if (first == end || sold * factor <= there * kMillion) return;
  found.open({told(round_div(sold * factor, kMillion)), told(there), rows.from[r], rows.to[r], static_cast<std::int32_t>(r)});
  Wide beyond = sold - std::max<Wide>(there, 0) * kMillion / factor;
  std::size_t offending = end;
  while (offending > first && beyond > 0)  // a line of nothing, or less, sold nothing
    if (sales.quantity[--offending] > 0) beyond -= sales.quantity[offending];
  for (std::size_t i = first; i < end; ++i) {
    if (sales.quantity[i] == kUnknown) continue;
    const Wide here = sales.quantity[i] + (i == offending ? std::min<Wide>(beyond, 0) : 0);
    if (i < offending || sales.quantity[i] <= 0) {
      found.detail(static_cast<std::int32_t>(i), Part::kInvolved);
    } else {
      found.detail(static_cast<std::int32_t>(i), Part::kOffending, told(here));
    }
  }
}

}  // namespace

Found stock(const Sales& sales, const StockRows& rows, std::int64_t tolerance, int threads) {
  return over_rows(rows.key.size(), threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t r = from; r < to; ++r) {
      if (known(rows, r)) {
        judge(sales, rows, r, tolerance, found);
      } else {
        ++found.unknown;
      }
    }
  });
}

Found repeated(std::span<const std::int64_t> begin, int threads) {
  return over_groups(begin, threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t g = from; g < to; ++g)
      for (std::int64_t i = begin[g] + 1; i < begin[g + 1]; ++i) {
        found.open({i - begin[g] + 1, 1});
        found.detail(static_cast<std::int32_t>(i), Part::kOffending);
        found.detail(static_cast<std::int32_t>(begin[g]), Part::kInvolved);
      }
  });
}

}  // namespace ybcore::checks
