#include "ybcore/texts.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "split.hpp"

namespace ybcore {
namespace {

constexpr std::size_t kFirstSlots = 1024;
constexpr std::size_t kAhead = 16;  // rows hashed before the first of them is looked up, so that cache misses overlap
constexpr std::size_t kChunkRows = 1 << 16;

std::uint64_t folded(std::uint64_t a, std::uint64_t b) noexcept {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t eight(const char* bytes) noexcept {
  std::uint64_t out = 0;
  std::memcpy(&out, bytes, 8);
  return out;
}

std::uint64_t four(const char* bytes) noexcept {
  std::uint32_t out = 0;
  std::memcpy(&out, bytes, 4);
  return out;
}

// Up to eight bytes as one word; longer texts end with their last eight, which may overlap the ones before.
std::uint64_t tail(const char* bytes, std::size_t size) noexcept {
  if (size >= 8) return eight(bytes + size - 8);
  if (size >= 4) return four(bytes) | four(bytes + size - 4) << 32;
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < size; ++i) out = out << 8 | static_cast<unsigned char>(bytes[i]);
  return out;
}

// Eight bytes at a time through a folded multiplication; the value never leaves this process.
std::uint64_t hashed(std::string_view text) noexcept {
  std::uint64_t state = 0x9e3779b97f4a7c15ULL ^ text.size();
  for (std::size_t at = 0; at + 8 < text.size(); at += 8) state = folded(state ^ eight(text.data() + at), 0xff51afd7ed558ccdULL);
  state = folded(state ^ tail(text.data(), text.size()), 0xc4ceb9fe1a85ec53ULL);
  return state ^ (state >> 29);
}

}  // namespace

TextIndex::TextIndex() : slots_(kFirstSlots, Slot{0, -1}), begin_{0} {}

std::size_t TextIndex::slot_of(std::string_view wanted, std::uint64_t hash) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  std::size_t at = hash & mask;
  while (slots_[at].number >= 0 && (slots_[at].tag != tag || text(slots_[at].number) != wanted)) at = (at + 1) & mask;
  return at;
}

std::int32_t TextIndex::insert(std::string_view wanted, std::uint64_t hash, std::size_t at) {
  const auto number = static_cast<std::int32_t>(size());
  slots_[at] = {static_cast<std::uint32_t>(hash >> 32), number};
  bytes_.insert(bytes_.end(), wanted.begin(), wanted.end());
  begin_.push_back(static_cast<std::int64_t>(bytes_.size()));
  hashes_.push_back(hash);
  if (size() * 2 > slots_.size()) grow();
  return number;
}

void TextIndex::grow() {
  slots_.assign(slots_.size() * 4, Slot{0, -1});
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t n = 0; n < size(); ++n) {
    std::size_t at = hashes_[n] & mask;
    while (slots_[at].number >= 0) at = (at + 1) & mask;
    slots_[at] = {static_cast<std::uint32_t>(hashes_[n] >> 32), static_cast<std::int32_t>(n)};
  }
}

template <class Offset>
bool well_formed(const Texts<Offset>& texts, std::size_t bytes) noexcept {
  if (texts.offsets.empty() || texts.offsets.front() < 0 || static_cast<std::uint64_t>(texts.offsets.back()) > bytes) return false;
  if (!texts.valid.empty() && texts.valid.size() != texts.rows()) return false;
  return std::is_sorted(texts.offsets.begin(), texts.offsets.end());
}

template <class Offset>
void TextIndex::add(const Texts<Offset>& texts, std::span<std::int32_t> numbers) {
  std::array<std::uint64_t, kAhead> hashes{};
  for (std::size_t from = 0; from < texts.rows(); from += kAhead) {
    const std::size_t to = std::min(from + kAhead, texts.rows());
    for (std::size_t row = from; row < to; ++row) {
      hashes[row - from] = hashed(texts[row]);
      __builtin_prefetch(&slots_[hashes[row - from] & (slots_.size() - 1)]);
    }
    for (std::size_t row = from; row < to; ++row) {
      const std::string_view wanted = texts[row];
      if (wanted.empty()) {
        numbers[row] = -1;
        continue;
      }
      const std::size_t at = slot_of(wanted, hashes[row - from]);
      numbers[row] = slots_[at].number >= 0 ? slots_[at].number : insert(wanted, hashes[row - from], at);
    }
  }
}

template <class Offset>
void TextIndex::look(const Texts<Offset>& texts, std::span<const std::size_t> rows, std::span<const std::uint64_t> hashes,
                     std::span<std::int32_t> numbers) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  for (const std::uint64_t hash : hashes) {
    const std::int32_t number = slots_[hash & mask].number;
    if (number >= 0) __builtin_prefetch(&begin_[static_cast<std::size_t>(number)]);
  }
  for (const std::uint64_t hash : hashes) {
    const std::int32_t number = slots_[hash & mask].number;
    if (number >= 0) __builtin_prefetch(bytes_.data() + begin_[static_cast<std::size_t>(number)]);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) numbers[i] = slots_[slot_of(texts[rows[i]], hashes[i])].number;
}

template <class Offset>
void TextIndex::find_rows(const Texts<Offset>& texts, std::span<std::int32_t> numbers, std::size_t from, std::size_t to) const noexcept {
  std::array<std::uint64_t, kAhead> hashes{};
  std::array<std::size_t, kAhead> rows{};
  std::array<std::int32_t, kAhead> found{};
  const std::size_t mask = slots_.size() - 1;
  std::size_t waiting = 0;
  const auto answer = [&](std::size_t end) {
    look(texts, {rows.data(), waiting}, {hashes.data(), waiting}, found);
    for (std::size_t i = 0; i < waiting; ++i) {
      const std::size_t stop = i + 1 < waiting ? rows[i + 1] : end;
      std::fill(numbers.begin() + static_cast<std::ptrdiff_t>(rows[i]), numbers.begin() + static_cast<std::ptrdiff_t>(stop), found[i]);
    }
    waiting = 0;
  };
  for (std::size_t row = from; row < to; ++row) {
    const std::string_view wanted = texts[row];
    if (row > from && wanted == texts[row - 1]) continue;  // repeats the row before
    if (waiting == kAhead) answer(row);
    hashes[waiting] = hashed(wanted);
    rows[waiting] = row;
    __builtin_prefetch(&slots_[hashes[waiting] & mask]);
    ++waiting;
  }
  answer(to);
}

template <class Offset>
void TextIndex::find(const Texts<Offset>& texts, std::span<std::int32_t> numbers, int threads) const {
  const std::size_t chunks = (texts.rows() + kChunkRows - 1) / kChunkRows;
  Chunks cut;
  for (std::size_t c = 0; c < chunks; ++c) cut.begin.push_back(c * kChunkRows);
  cut.begin.push_back(texts.rows());
  for_each_chunk(cut, threads, [&](std::size_t c) { find_rows(texts, numbers, cut.begin[c], cut.begin[c + 1]); });
}

template bool well_formed<std::int32_t>(const Texts<std::int32_t>&, std::size_t) noexcept;
template bool well_formed<std::int64_t>(const Texts<std::int64_t>&, std::size_t) noexcept;
template void TextIndex::add<std::int32_t>(const Texts<std::int32_t>&, std::span<std::int32_t>);
template void TextIndex::add<std::int64_t>(const Texts<std::int64_t>&, std::span<std::int32_t>);
template void TextIndex::find<std::int32_t>(const Texts<std::int32_t>&, std::span<std::int32_t>, int) const;
template void TextIndex::find<std::int64_t>(const Texts<std::int64_t>&, std::span<std::int32_t>, int) const;

}  // namespace ybcore
