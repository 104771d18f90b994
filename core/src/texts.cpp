#include "ybcore/texts.hpp"

#include <algorithm>
#include <array>

#include "split.hpp"
#include "ybcore/text_hash.hpp"

namespace ybcore {
namespace {

constexpr std::size_t kFirstSlots = 1024;
constexpr std::size_t kAhead = 32;  // rows hashed before the first of them is looked up, so that cache misses overlap
constexpr std::size_t kChunkRows = 1 << 16;

constexpr std::size_t kLong = 255;

// The size in eight bits, kLong for what is longer, and bits of the hash that do not choose the slot.
std::uint32_t tag_of(std::size_t size, std::uint64_t hash) noexcept {
  return static_cast<std::uint32_t>(hash >> 40) << 8 | static_cast<std::uint32_t>(std::min(size, kLong));
}

}  // namespace

TextIndex::TextIndex(std::size_t rows) : rows_(rows), begin_{0} { grow(kFirstSlots / 2); }

// A slot with the tag of the text: are its bytes the same?
bool TextIndex::holds(const Slot& slot, std::string_view wanted) const noexcept {
  if (wanted.size() >= kLong && text(slot.number).size() != wanted.size()) return false;
  return same(bytes_.data() + slot.begin, wanted.data(), wanted.size());
}

const TextIndex::Slot& TextIndex::tagged(std::size_t size, std::uint64_t hash) const noexcept {
  const std::size_t mask = places_ - 1;
  const std::uint32_t tag = tag_of(size, hash);
  std::size_t at = hash & mask;
  while (slots_[at].number >= 0 && slots_[at].tag != tag) at = (at + 1) & mask;
  return slots_[at];
}

std::size_t TextIndex::slot_of(std::string_view wanted, std::uint64_t hash) const noexcept {
  const std::size_t mask = places_ - 1;
  const std::uint32_t tag = tag_of(wanted.size(), hash);
  std::size_t at = hash & mask;
  while (slots_[at].number >= 0 && (slots_[at].tag != tag || !holds(slots_[at], wanted))) at = (at + 1) & mask;
  return at;
}

std::int32_t TextIndex::insert(std::string_view wanted, std::uint64_t hash, std::size_t at) {
  const auto number = static_cast<std::int32_t>(size());
  slots_[at] = {tag_of(wanted.size(), hash), number, begin_.back()};
  bytes_.insert(bytes_.end(), wanted.begin(), wanted.end());
  begin_.push_back(static_cast<std::int64_t>(bytes_.size()));
  hashes_.push_back(hash);
  if (size() * 2 > places_) grow(foreseen());
  return number;
}

// Where nearly every row so far was a new text, the rows to come will be, too; but nobody knows for how long.
std::size_t TextIndex::foreseen() const noexcept {
  constexpr std::size_t kMany = 1 << 14, kAtOnce = 8;
  if (size() < kMany || size() * kAtOnce < asked_ * (kAtOnce - 1) || rows_ <= asked_) return size();
  return std::min(size() + rows_ - asked_, size() * kAtOnce);
}

void TextIndex::grow(std::size_t texts) {
  std::size_t wanted = std::max(places_, kFirstSlots);
  while (texts * 2 > wanted) wanted *= 2;
  if (wanted == places_) return;
  slots_ = big<Slot>(wanted);
  places_ = wanted;
  std::fill_n(slots_.get(), places_, Slot{0, -1, 0});
  hashes_.reserve(places_ / 2 + 1);
  begin_.reserve(places_ / 2 + 2);
  const std::size_t mask = places_ - 1;
  for (std::size_t n = 0; n < size(); ++n) {
    if (n + kAhead < size()) __builtin_prefetch(&slots_[hashes_[n + kAhead] & mask], 1);
    std::size_t at = hashes_[n] & mask;
    while (slots_[at].number >= 0) at = (at + 1) & mask;
    slots_[at] = {tag_of(text(static_cast<std::int32_t>(n)).size(), hashes_[n]), static_cast<std::int32_t>(n), begin_[n]};
  }
}

template <class Offset>
bool well_formed(const Texts<Offset>& texts, std::size_t bytes) noexcept {
  if (texts.offsets.empty() || texts.offsets.front() < 0 || static_cast<std::uint64_t>(texts.offsets.back()) > bytes) return false;
  if (!texts.valid.empty() && texts.valid.size() != texts.rows()) return false;
  return std::is_sorted(texts.offsets.begin(), texts.offsets.end());
}

// Steps over some rows at once, so that their cache misses overlap: hashes and slots, then bytes, then the answers.
struct TextIndex::Ahead {
  std::string_view wanted;
  std::uint64_t hash;
  Slot slot;
};

void TextIndex::begin(Ahead& row, std::string_view wanted) const noexcept {
  row.wanted = wanted;
  row.hash = hashed(wanted);
  __builtin_prefetch(&slots_[row.hash & (places_ - 1)]);
}

void TextIndex::fetch(std::span<Ahead> rows) const noexcept {
  for (Ahead& row : rows) {
    row.slot = tagged(row.wanted.size(), row.hash);
    if (row.slot.number < 0) continue;
    __builtin_prefetch(bytes_.data() + row.slot.begin);
    __builtin_prefetch(bytes_.data() + row.slot.begin + row.wanted.size());
  }
}

template <class Texts, class Row>
void TextIndex::add_rows(const Texts& texts, Row row_of, std::span<std::int32_t> numbers) {
  std::array<Ahead, kAhead> rows{};
  for (std::size_t from = 0; from < numbers.size(); from += kAhead) {
    const std::size_t count = std::min(kAhead, numbers.size() - from);
    for (std::size_t i = 0; i < count; ++i) begin(rows[i], texts[row_of(from + i)]);
    asked_ += count;
    fetch({rows.data(), count});
    for (std::size_t i = 0; i < count; ++i) {
      const Ahead& row = rows[i];
      std::int32_t& number = numbers[from + i];
      number = -1;
      if (row.wanted.empty()) continue;
      if (row.slot.number >= 0 && holds(row.slot, row.wanted)) {
        number = row.slot.number;
        continue;
      }
      // Rows before it may have added it since.
      const std::size_t at = slot_of(row.wanted, row.hash);
      number = slots_[at].number >= 0 ? slots_[at].number : insert(row.wanted, row.hash, at);
    }
  }
}

template <class Offset>
void TextIndex::add(const Texts<Offset>& texts, std::span<std::int32_t> numbers) {
  add_rows(texts, [](std::size_t row) { return row; }, numbers);
}

template <class Offset>
void TextIndex::add(const Texts<Offset>& texts, std::span<const std::int32_t> entries, std::span<std::int32_t> numbers) {
  grow(size() + entries.size());  // entries of a dictionary are nearly all new
  // They lie anywhere: their offsets are asked for long before they are read, and their bytes soon after.
  const auto entry = [&](std::size_t i) { return static_cast<std::size_t>(entries[i]); };
  const auto ahead = [&](std::size_t i) {
    if (i + 2 * kAhead < entries.size()) __builtin_prefetch(&texts.offsets[entry(i + 2 * kAhead)]);
    if (i + kAhead < entries.size()) __builtin_prefetch(texts.bytes + texts.offsets[entry(i + kAhead)]);
    return entry(i);
  };
  add_rows(texts, ahead, numbers);
}

template <class Texts>
void TextIndex::find_rows(const Texts& texts, std::span<std::int32_t> numbers, std::size_t from, std::size_t to) const noexcept {
  std::array<Ahead, kAhead> rows{};
  std::array<std::size_t, kAhead> first{};
  std::size_t waiting = 0;
  const auto answer = [&](std::size_t end) {
    fetch({rows.data(), waiting});
    for (std::size_t i = 0; i < waiting; ++i) {
      const Ahead& row = rows[i];
      std::int32_t found = row.slot.number;
      if (found >= 0 && !holds(row.slot, row.wanted)) found = slots_[slot_of(row.wanted, row.hash)].number;
      const std::size_t stop = i + 1 < waiting ? first[i + 1] : end;
      std::fill(numbers.begin() + static_cast<std::ptrdiff_t>(first[i]), numbers.begin() + static_cast<std::ptrdiff_t>(stop), found);
    }
    waiting = 0;
  };
  std::string_view before;
  // Dictionaries often stand in the order of the index: while they do, the text after the last one found is asked before any hash.
  std::size_t next = size();
  for (std::size_t row = from; row < to; ++row) {
    const std::string_view wanted = texts[row];
    const bool repeats = row > from && wanted.size() == before.size() && same(wanted.data(), before.data(), wanted.size());
    before = wanted;
    if (repeats) {
      if (waiting == 0) numbers[row] = numbers[row - 1];
      continue;
    }
    if (waiting == kAhead) {
      answer(row);
      next = static_cast<std::size_t>(numbers[row - 1] + 1);
    }
    if (waiting == 0 && next < size() && text(static_cast<std::int32_t>(next)) == wanted) {
      numbers[row] = static_cast<std::int32_t>(next++);
      continue;
    }
    first[waiting] = row;
    begin(rows[waiting++], wanted);
  }
  answer(to);
}

template <class Offset>
void TextIndex::find(const Texts<Offset>& texts, std::span<std::int32_t> numbers, int threads) const {
  const Chunks cut = cut_rows(texts.rows(), kChunkRows);
  for_each_chunk(cut, threads, [&](std::size_t c) { find_rows(texts, numbers, cut.begin[c], cut.begin[c + 1]); });
}

void TextIndex::find(std::span<const std::string_view> texts, std::span<std::int32_t> numbers) const noexcept {
  find_rows(texts, numbers, 0, texts.size());
}

template bool well_formed<std::int32_t>(const Texts<std::int32_t>&, std::size_t) noexcept;
template bool well_formed<std::int64_t>(const Texts<std::int64_t>&, std::size_t) noexcept;
template void TextIndex::add<std::int32_t>(const Texts<std::int32_t>&, std::span<std::int32_t>);
template void TextIndex::add<std::int64_t>(const Texts<std::int64_t>&, std::span<std::int32_t>);
template void TextIndex::add<std::int32_t>(const Texts<std::int32_t>&, std::span<const std::int32_t>, std::span<std::int32_t>);
template void TextIndex::add<std::int64_t>(const Texts<std::int64_t>&, std::span<const std::int32_t>, std::span<std::int32_t>);
template void TextIndex::find<std::int32_t>(const Texts<std::int32_t>&, std::span<std::int32_t>, int) const;
template void TextIndex::find<std::int64_t>(const Texts<std::int64_t>&, std::span<std::int32_t>, int) const;

}  // namespace ybcore
