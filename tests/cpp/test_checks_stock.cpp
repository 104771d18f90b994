// Stock and validity: twins that look at every line, and the traps of factors, empty periods and what is not known.
#include <vector>

#include "check.hpp"
#include "found_text.hpp"
#include "random_events.hpp"
#include "ybcore/checks/stock.hpp"
#include "ybcore/checks/valid.hpp"

using namespace ybcore::checks;
using found_text::text;

namespace {

using I32 = std::vector<std::int32_t>;
using I64 = std::vector<std::int64_t>;

// Millionths as whole numbers, half up on the absolute value.
std::int64_t half_up(std::int64_t value) {
  const std::int64_t size = ((value < 0 ? -value : value) + 500'000) / 1'000'000;
  return value < 0 ? -size : size;
}

std::string twin(const Sales& s, const StockRows& rows, std::int64_t tolerance) {
  Found out;
  for (std::size_t r = 0; r < rows.key.size(); ++r) {
    if (rows.open[r] == kUnknown) {
      ++out.unknown;
      continue;
    }
    I64 lines;
    std::int64_t sold = 0;
    bool any = false;
    const auto key = static_cast<std::size_t>(rows.key[r]);
    for (std::int64_t i = rows.key[r] < 0 ? 0 : s.begin[key]; i < (rows.key[r] < 0 ? 0 : s.begin[key + 1]); ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (s.day[at] < rows.from[r] || s.day[at] >= rows.to[r]) continue;
      any = true;
      if (s.quantity[at] == kUnknown) {
        ++out.unknown;
        continue;
      }
      lines.push_back(i);
      sold += s.quantity[at];
    }
    const std::int64_t there = rows.open[r] + rows.in[r] - rows.close[r] + tolerance;
    if (s.begin.empty() || !any || sold * rows.factor[r] <= there * 1'000'000) continue;
    out.open({half_up(sold * rows.factor[r]), there, rows.from[r], rows.to[r], static_cast<std::int32_t>(r)});
    const std::int64_t fits = std::max<std::int64_t>(there, 0) * 1'000'000 / rows.factor[r];
    std::vector<std::int64_t> beyond(lines.size());
    std::int64_t left = sold - fits;
    for (std::size_t k = lines.size(); k-- > 0;) {
      beyond[k] = std::max<std::int64_t>(std::min(left, s.quantity[static_cast<std::size_t>(lines[k])]), 0);
      left -= beyond[k];
    }
    for (std::size_t k = 0; k < lines.size(); ++k)
      out.detail(static_cast<std::int32_t>(lines[k]), beyond[k] > 0 ? Part::kOffending : Part::kInvolved,
                 beyond[k] > 0 ? beyond[k] : kWhole);
  }
  return text(out);
}

void as_the_twin() {
  draw::Random random{29};
  for (int round = 0; round < check::rounds(300); ++round) {
    const I64 begin = draw::offsets(random, 12, 8);
    I32 day, key, from, to;
    I64 quantity, open, in, close, factor;
    for (std::size_t g = 0; g + 1 < begin.size(); ++g) {
      std::int32_t at = 0;
      for (auto i = begin[g]; i < begin[g + 1]; ++i) {
        day.push_back(at += static_cast<std::int32_t>(random.in(0, 6)));
        quantity.push_back(random.in(0, 19) == 0 ? kUnknown : random.in(-2, 20) * 5'000);
      }
    }
    for (int r = 0; r < 30; ++r) {
      key.push_back(static_cast<std::int32_t>(random.in(-1, 11)));
      from.push_back(static_cast<std::int32_t>(random.in(0, 12)));
      to.push_back(from.back() + static_cast<std::int32_t>(random.in(-3, 25)));
      open.push_back(random.in(0, 19) == 0 ? kUnknown : random.in(0, 10) * 10'000);
      in.push_back(random.in(0, 20) * 10'000);
      close.push_back(random.in(0, 12) * 10'000);
      factor.push_back(random.in(1, 4) * 333'333);
    }
    const Sales sales{begin, day, quantity};
    const StockRows rows{key, from, to, open, in, close, factor};
    for (const int threads : {1, 2, 7}) CHECK_EQ(text(stock(sales, rows, 10'000, threads)), twin(sales, rows, 10'000));
  }
}

void once_only() {
  for (const int threads : {1, 2, 7}) CHECK_EQ(text(repeated(I64{0, 1, 1, 4}, threads)), "2/1 [?,?] #0 !2 ?1; 3/1 [?,?] #0 !3 ?1; 0");
  CHECK_EQ(repeated({}, 2).size(), 0U);
}

void data_that_cannot_be_right() {
  CHECK_EQ(text(flagged(std::vector<std::uint8_t>{0, 1, 2, 1}, 2)), "0/0 [?,?] #0 !1; 0/0 [?,?] #0 !3; 1");
  // A tolerance is the last that passes, either way; no lines are no sum.
  const I64 begin{0, 2, 3, 4, 4, 5}, amount{50, 51, 98, 102, kUnknown}, total{100, 100, 100, 100, 100};
  CHECK_EQ(text(sums(begin, amount, total, 1, 7)), "98/100 [?,?] #0 !1; 102/100 [?,?] #0 !2; 2");
  // 3 units of 0.335 yuan are 1.005: within half a fen of nothing whole.
  const I64 quantity{30'000, 30'000, 30'000, kUnknown}, price{335'000, 335'000, 335'000, 1}, billed{100, 101, 102, 1};
  CHECK_EQ(text(product(quantity, price, billed, 0)), "100/101 [?,?] #0 !0; 101/101 [?,?] #0 !1; 102/101 [?,?] #0 !2; 1");
  CHECK_EQ(text(product(quantity, price, billed, 1)), "102/101 [?,?] #0 !2; 1");
  const std::int64_t far = std::int64_t{1} << 62;
  CHECK_EQ(product(I64{far}, I64{far}, I64{far}, 0).limit.at(0), INT64_MAX);
  CHECK_EQ(text(order(I64{5, 6, kUnknown}, I64{5, 5, 1})), "6/5 [?,?] #0 !1; 1");
  constexpr std::int64_t hour = 3'600'000'000;
  const I64 from{0, 0, 0, kUnknown}, to{24 * hour, 24 * hour + 1, -hour, 0};
  CHECK_EQ(text(delay(from, to, 24, Comparator::kMoreThan)), "86400000001/86400000000 [?,?] #0 !1; 1");
  CHECK_EQ(delay(from, to, 24, Comparator::kAtLeast).size(), 2U);
  CHECK_EQ(flagged({}).size() + sums({}, {}, {}, 0).size() + product({}, {}, {}, 0).size() + order({}, {}).size() + stock({}, {}, 0).size(),
           0U);
}

}  // namespace

int main() {
  as_the_twin();
  once_only();
  data_that_cannot_be_right();
  return check::result();
}
