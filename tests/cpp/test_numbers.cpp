// Whole-number ids and dictionary codes agree with a map, whatever the bounds, masks and threads.
#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "check.hpp"
#include "ybcore/numbers.hpp"

using namespace ybcore;

namespace {

using Values = std::vector<std::int64_t>;

Values drawn(std::size_t rows, std::int64_t low, std::uint64_t width, std::uint64_t step) {
  Values out;
  std::uint64_t seed = 11;
  for (std::size_t i = 0; i < rows; ++i) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    out.push_back(static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + (seed >> 20) % width * step));
  }
  return out;
}

// Added in three parts, every seventh row missing; then looked up with strangers among them.
void agrees_with_a_map(std::int64_t low, std::uint64_t width, std::uint64_t step) {
  const Values values = drawn(150000, low, width, step);
  std::vector<std::uint8_t> valid(values.size(), 1);
  for (std::size_t i = 0; i < values.size(); i += 7) valid[i] = 0;
  std::map<std::int64_t, std::int32_t> plain;
  std::vector<std::int32_t> want(values.size(), -1);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (valid[i]) want[i] = plain.try_emplace(values[i], static_cast<std::int32_t>(plain.size())).first->second;
  const auto high = static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + (width - 1) * step);
  NumberIndex index(low, high, values.size());
  std::vector<std::int32_t> numbers(values.size(), -9);
  for (const auto& [from, to] : {std::pair{0, 1}, std::pair{1, 70001}, std::pair{70001, 150000}}) {
    const auto a = static_cast<std::size_t>(from), n = static_cast<std::size_t>(to - from);
    CHECK(index.add(std::span(values).subspan(a, n), std::span(valid).subspan(a, n), std::span(numbers).subspan(a, n)));
  }
  CHECK(numbers == want);
  CHECK_EQ(index.size(), plain.size());
  for (const auto& [value, number] : plain) CHECK_EQ(index.values()[static_cast<std::size_t>(number)], value);
  Values asked = values;
  for (std::size_t i = 0; i < asked.size(); i += 5) {
    asked[i] = i % 2 ? std::numeric_limits<std::int64_t>::max() : low + static_cast<std::int64_t>(step) / 2;
    const auto at = plain.find(asked[i]);
    want[i] = at == plain.end() ? -1 : at->second;
  }
  for (std::size_t i = 0; i < asked.size(); ++i)
    if (!valid[i]) want[i] = -1;
  for (const int threads : {1, 3}) {
    std::vector<std::int32_t> found(asked.size(), -9);
    index.find(asked, valid, found, threads);
    CHECK(found == want);
  }
}

void bounds_are_kept() {
  const auto least = std::numeric_limits<std::int64_t>::min(), most = std::numeric_limits<std::int64_t>::max();
  std::vector<std::int32_t> out(3);
  NumberIndex narrow(5, 9, 3);
  CHECK(narrow.add(Values{5, 9, 5}, {}, out) && out == (std::vector<std::int32_t>{0, 1, 0}));
  CHECK(!narrow.add(Values{5, 10, 5}, {}, out) && !narrow.add(Values{4, 5, 5}, {}, out));
  const std::vector<std::uint8_t> valid{1, 0, 1};
  CHECK(narrow.add(Values{9, 1000, 7}, valid, out) && out == (std::vector<std::int32_t>{1, -1, 2}));
  NumberIndex wide(least, most, 3);
  CHECK(wide.add(Values{most, least, 0}, {}, out) && out == (std::vector<std::int32_t>{0, 1, 2}));
  wide.find(Values{0, 1, most}, {}, out, 1);
  CHECK(out == (std::vector<std::int32_t>{2, -1, 0}));
}

template <class Code>
void codes_are_ranked() {
  const std::vector<Code> codes{3, 1, -1, 3, 0, 1}, beyond{0, 4};
  const std::vector<std::uint8_t> valid{1, 1, 1, 0, 1, 1};
  std::vector<std::int32_t> rank(4, -1), out(6), order;
  CHECK(rank_codes<Code>(codes, valid, 0, rank, out, order));
  CHECK(out == (std::vector<std::int32_t>{0, 1, -1, -1, 2, 1}) && order == (std::vector<std::int32_t>{3, 1, 0}));
  order.clear();
  const std::vector<Code> more{2, 3};
  std::vector<std::int32_t> next(2);
  CHECK(rank_codes<Code>(more, {}, 3, rank, next, order));
  CHECK(next == (std::vector<std::int32_t>{3, 0}) && order == (std::vector<std::int32_t>{2}));
  CHECK(!rank_codes<Code>(beyond, {}, 4, rank, next, order));
  const std::vector<std::int32_t> numbers{10, 11, 12, 13};
  for (const int threads : {1, 2}) {
    CHECK(numbers_of<Code>(codes, valid, numbers, out, threads) && out == (std::vector<std::int32_t>{13, 11, -1, -1, 10, 11}));
    CHECK(!numbers_of<Code>(beyond, {}, numbers, next, threads));
  }
}

}  // namespace

int main() {
  agrees_with_a_map(-50, 40000, 1);             // a table of every value
  agrees_with_a_map(-1000000007, 60000, 7919);  // hashed
  agrees_with_a_map(std::numeric_limits<std::int64_t>::min(), 50000, 1ULL << 48);
  bounds_are_kept();
  codes_are_ranked<std::int32_t>();
  codes_are_ranked<std::int64_t>();
  return check::result();
}
