#include "ybcore/numbers.hpp"

#include <algorithm>

#include "split.hpp"

namespace ybcore {
namespace {

constexpr std::size_t kFirstSlots = 1024;
constexpr std::size_t kAhead = 16;  // rows whose places are fetched before the first of them is read
constexpr std::size_t kChunkRows = 1 << 16;
constexpr std::uint64_t kDirectFor = 4;  // a table of every value between the bounds pays up to so many places a row

std::size_t hashed(std::int64_t value) noexcept {
  const std::uint64_t mixed = static_cast<std::uint64_t>(value) * 0x9e3779b97f4a7c15ULL;
  return mixed ^ (mixed >> 32);
}

}  // namespace

NumberIndex::NumberIndex(std::int64_t low, std::int64_t high, std::size_t rows) : low_(low), high_(high) {
  const std::uint64_t width = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  if (low <= high && width <= kDirectFor * rows + kFirstSlots)
    direct_.assign(width + 1, -1);
  else
    slots_.assign(kFirstSlots, Slot{0, -1});
}

std::size_t NumberIndex::slot_of(std::int64_t value) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hashed(value) & mask;
  while (slots_[at].number >= 0 && slots_[at].value != value) at = (at + 1) & mask;
  return at;
}

void NumberIndex::grow() {
  slots_.assign(slots_.size() * 4, Slot{0, -1});
  for (std::size_t n = 0; n < values_.size(); ++n) slots_[slot_of(values_[n])] = {values_[n], static_cast<std::int32_t>(n)};
}

std::int32_t NumberIndex::numbered(std::int64_t value) {
  const auto next = static_cast<std::int32_t>(values_.size());
  Slot& slot = slots_[slot_of(value)];
  if (slot.number >= 0) return slot.number;
  slot = {value, next};
  values_.push_back(value);
  if (values_.size() * 2 > slots_.size()) grow();
  return next;
}

void NumberIndex::fetch(std::span<const std::int64_t> values) const noexcept {
  if (!direct_.empty()) return;  // its loads do not wait for each other
  for (const std::int64_t value : values) __builtin_prefetch(&slots_[hashed(value) & (slots_.size() - 1)]);
}

// Without a branch on whether a value is new, which nobody could foretell.
bool NumberIndex::add_direct(std::span<const std::int64_t> values, std::span<const std::uint8_t> valid, std::span<std::int32_t> numbers) {
  std::size_t count = values_.size();
  values_.resize(std::min(direct_.size(), count + values.size()) + 1);
  bool all = true;
  for (std::size_t row = 0; row < values.size(); ++row) {
    if (!valid.empty() && valid[row] == 0) {
      numbers[row] = -1;
      continue;
    }
    all = inside(values[row]);
    if (!all) break;
    // Even one past the table may be asked for; only what is read must be there.
    if (row + kAhead < values.size()) __builtin_prefetch(direct_.data() + std::min(place(values[row + kAhead]), direct_.size()), 1);
    std::int32_t& known = direct_[place(values[row])];
    const bool fresh = known < 0;
    values_[count] = values[row];
    known = fresh ? static_cast<std::int32_t>(count) : known;
    numbers[row] = known;
    count += fresh ? 1 : 0;
  }
  values_.resize(count);
  return all;
}

bool NumberIndex::add(std::span<const std::int64_t> values, std::span<const std::uint8_t> valid, std::span<std::int32_t> numbers) {
  if (!direct_.empty()) return add_direct(values, valid, numbers);
  for (std::size_t from = 0; from < values.size(); from += kAhead) {
    const std::size_t to = std::min(from + kAhead, values.size());
    fetch(values.subspan(from, to - from));
    for (std::size_t row = from; row < to; ++row) {
      const bool there = valid.empty() || valid[row] != 0;
      if (there && !inside(values[row])) return false;
      numbers[row] = there ? numbered(values[row]) : -1;
    }
  }
  return true;
}

void NumberIndex::find(std::span<const std::int64_t> values, std::span<const std::uint8_t> valid, std::span<std::int32_t> numbers,
                       int threads) const {
  const Chunks cut = cut_rows(values.size(), kChunkRows);
  for_each_chunk(cut, threads, [&](std::size_t c) {
    for (std::size_t from = cut.begin[c]; from < cut.begin[c + 1]; from += kAhead) {
      const std::size_t to = std::min(from + kAhead, cut.begin[c + 1]);
      fetch(values.subspan(from, to - from));
      for (std::size_t row = from; row < to; ++row) {
        const std::int64_t value = values[row];
        if ((!valid.empty() && valid[row] == 0) || !inside(value))
          numbers[row] = -1;
        else
          numbers[row] = direct_.empty() ? slots_[slot_of(value)].number : direct_[place(value)];
      }
    }
  });
}

template <class Code>
bool rank_codes(std::span<const Code> codes, std::span<const std::uint8_t> valid, std::int32_t from, std::span<std::int32_t> rank,
                std::span<std::int32_t> out, std::vector<std::int32_t>& order) {
  // Without a branch on whether a row is the first to name its entry, which nobody could foretell; a block at a time, so that there is
  // room for as many new ones.
  constexpr std::size_t kBlock = 4096, kRanksAhead = 32;
  std::size_t count = order.size();
  for (std::size_t begin = 0; begin < codes.size(); begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, codes.size());
    if (order.size() < count + kBlock) order.resize(std::max(count + kBlock, 2 * order.size()));
    for (std::size_t row = begin; row < end; ++row) {
      if (row + kRanksAhead < codes.size())
        __builtin_prefetch(rank.data() + std::min(static_cast<std::size_t>(codes[row + kRanksAhead]), rank.size()), 1);
      if (codes[row] < 0 || (!valid.empty() && valid[row] == 0)) {
        out[row] = -1;
        continue;
      }
      const auto code = static_cast<std::size_t>(codes[row]);
      if (code >= rank.size()) return false;
      const bool fresh = rank[code] < 0;
      order[count] = static_cast<std::int32_t>(code);
      const std::int32_t mine = fresh ? from + static_cast<std::int32_t>(count) : rank[code];
      rank[code] = mine;
      out[row] = mine;
      count += fresh ? 1 : 0;
    }
  }
  order.resize(count);
  return true;
}

template <class Code>
bool numbers_of(std::span<const Code> codes, std::span<const std::uint8_t> valid, std::span<const std::int32_t> numbers,
                std::span<std::int32_t> out, int threads) {
  const Chunks cut = cut_rows(codes.size(), kChunkRows);
  std::vector<std::uint8_t> wrong(cut.begin.size(), 0);
  for_each_chunk(cut, threads, [&](std::size_t c) {
    for (std::size_t row = cut.begin[c]; row < cut.begin[c + 1]; ++row) {
      const Code code = codes[row];
      if (code < 0 || (!valid.empty() && valid[row] == 0)) {
        out[row] = -1;
      } else if (static_cast<std::size_t>(code) < numbers.size()) {
        out[row] = numbers[static_cast<std::size_t>(code)];
      } else {
        wrong[c] = 1;
        return;
      }
    }
  });
  return std::find(wrong.begin(), wrong.end(), 1) == wrong.end();
}

template bool rank_codes<std::int32_t>(std::span<const std::int32_t>, std::span<const std::uint8_t>, std::int32_t, std::span<std::int32_t>,
                                       std::span<std::int32_t>, std::vector<std::int32_t>&);
template bool rank_codes<std::int64_t>(std::span<const std::int64_t>, std::span<const std::uint8_t>, std::int32_t, std::span<std::int32_t>,
                                       std::span<std::int32_t>, std::vector<std::int32_t>&);
template bool numbers_of<std::int32_t>(std::span<const std::int32_t>, std::span<const std::uint8_t>, std::span<const std::int32_t>,
                                       std::span<std::int32_t>, int);
template bool numbers_of<std::int64_t>(std::span<const std::int64_t>, std::span<const std::uint8_t>, std::span<const std::int32_t>,
                                       std::span<std::int32_t>, int);

}  // namespace ybcore
