// Few texts that get a number when they are first met, each kept once.
//
// Meaning   Names of a person's state, and the table by which an image finds an item by its code.
// Units     Bytes.
// Requires  Tables of a power of two places, of which some are free.
// Gives     Numbers from 0 in the order of meeting; views that hold until the next new name.
// Fails     std::bad_alloc.
// Cost      One hash and mostly one comparison a text.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace ybcore {

// Fewer than eight bytes as the word that they are the first bytes of; the others are zero.
[[nodiscard]] inline std::uint64_t short_word(const char* at, std::size_t size) noexcept {
  std::uint64_t word = 0;
  if constexpr (std::endian::native == std::endian::little) {
    const auto byte = [at](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(at[i])} << (8 * i); };
    if (size >= 4) {
      // Two words of four that meet or lie over each other.
      std::uint32_t low = 0, high = 0;
      std::memcpy(&low, at, 4);
      std::memcpy(&high, at + size - 4, 4);
      word = low | std::uint64_t{high} << (8 * (size - 4));
    } else if (size != 0) {
      word = byte(0) | byte(size / 2) | byte(size - 1);
    }
  } else if (size != 0) {
    std::memcpy(&word, at, size);
  }
  return word;
}

[[nodiscard]] inline std::uint64_t hash_of(std::string_view text) noexcept {
  std::uint64_t hash = 0x9E3779B97F4A7C15ULL ^ text.size();
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    hash = (hash ^ word) * 0xBF58476D1CE4E5B9ULL;
    hash ^= hash >> 29;
  }
  hash = (hash ^ short_word(at, left)) * 0xBF58476D1CE4E5B9ULL;
  return hash ^ (hash >> 32);
}

// Number of each text by its place, -1 where a place is free: at least twice as many places as texts.
template <class TextOf>
[[nodiscard]] std::vector<std::int32_t> table_of(std::size_t count, TextOf text_of) {
  std::size_t places = 2;
  while (places < 2 * count) places *= 2;
  std::vector<std::int32_t> table(places, -1);
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t place = hash_of(text_of(i)) & (places - 1);
    while (table[place] >= 0) place = (place + 1) & (places - 1);
    table[place] = static_cast<std::int32_t>(i);
  }
  return table;
}

class Names {
 public:
  Names() { clear(); }
  void clear() {
    text_.clear();
    begin_.assign(1, 0);
    table_.assign(64, -1);
  }
  [[nodiscard]] std::size_t size() const { return begin_.size() - 1; }
  [[nodiscard]] std::string_view operator[](std::int32_t name) const {
    const auto i = static_cast<std::size_t>(name);
    return {text_.data() + begin_[i], begin_[i + 1] - begin_[i]};
  }
  // -1: not met so far.
  [[nodiscard]] std::int32_t find(std::string_view text) const { return table_[place_of(text)]; }
  std::int32_t number(std::string_view text) {
    const std::size_t place = place_of(text);
    if (table_[place] >= 0) return table_[place];
    const auto fresh = static_cast<std::int32_t>(size());
    text_.insert(text_.end(), text.begin(), text.end());
    begin_.push_back(static_cast<std::uint32_t>(text_.size()));
    table_[place] = fresh;
    if (size() * 2 > table_.size()) grow();
    return fresh;
  }
  // The same where it may be what it was elsewhere; -1: nowhere so far.
  std::int32_t number(std::string_view text, std::int32_t elsewhere) {
    return static_cast<std::size_t>(elsewhere) < size() && (*this)[elsewhere] == text ? elsewhere : number(text);
  }

 private:
  std::vector<char> text_;
  std::vector<std::uint32_t> begin_;
  std::vector<std::int32_t> table_;

  [[nodiscard]] std::size_t place_of(std::string_view text) const {
    const std::size_t mask = table_.size() - 1;
    std::size_t place = hash_of(text) & mask;
    while (table_[place] >= 0 && (*this)[table_[place]] != text) place = (place + 1) & mask;
    return place;
  }
  void grow() {
    table_.assign(table_.size() * 2, -1);
    for (std::size_t i = 0; i < size(); ++i) table_[place_of((*this)[static_cast<std::int32_t>(i)])] = static_cast<std::int32_t>(i);
  }
};

}  // namespace ybcore
