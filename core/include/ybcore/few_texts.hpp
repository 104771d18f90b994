// Few texts into dense numbers, without a copy of them (texts.hpp is for many).
//
// Meaning   Every distinct text gets the next number when it is first added; an empty text is -1.
// Units     Numbers count from 0.
// Requires  The bytes of what was added stand as long as this does.
// Gives     The number; the texts by number.
// Fails     std::bad_alloc.
// Cost      One hash a text, none for one that repeats the text before it, nor while there are eight at most.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ybcore/text_hash.hpp"

namespace ybcore {

class FewTexts {
 public:
  [[nodiscard]] std::int32_t add(std::string_view text) {
    if (text.empty()) return -1;
    if (last_ >= 0 && is(last_, text)) return last_;
    return last_ = slots_.empty() ? of_few(text) : of_many(text);
  }

  // So many texts will be added, and nearly all of them are new.
  void expect(std::size_t texts) {
    if (texts <= kFew) return;
    texts_.reserve(texts_.size() + texts);
    grow(texts_.size() + texts);
  }

  [[nodiscard]] std::span<const std::string_view> texts() const noexcept { return texts_; }

 private:
  static constexpr std::size_t kFew = 8;
  struct Slot {
    std::uint32_t tag = 0;  // bits of the hash that do not choose the slot
    std::int32_t number = -1;
  };

  [[nodiscard]] bool is(std::int32_t number, std::string_view text) const noexcept {
    const std::string_view held = texts_[static_cast<std::size_t>(number)];
    return held.size() == text.size() && same(held.data(), text.data(), text.size());
  }
  [[nodiscard]] std::int32_t of_few(std::string_view text) {
    const auto size = static_cast<std::int32_t>(texts_.size());
    for (std::int32_t number = 0; number < size; ++number)
      if (is(number, text)) return number;
    if (texts_.size() == kFew) {
      grow(4 * kFew);
      return of_many(text);
    }
    if (texts_.empty()) texts_.reserve(kFew);
    texts_.push_back(text);
    return size;
  }
  [[nodiscard]] std::int32_t of_many(std::string_view text) {
    if (2 * texts_.size() >= slots_.size()) grow(4 * texts_.size());
    const std::uint64_t hash = hashed(text);
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    for (std::size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
      Slot& slot = slots_[at];
      if (slot.number < 0) {
        slot = {tag, static_cast<std::int32_t>(texts_.size())};
        texts_.push_back(text);
        return slot.number;
      }
      if (slot.tag == tag && is(slot.number, text)) return slot.number;
    }
  }
  // Room for so many texts.
  void grow(std::size_t texts) {
    if (2 * texts <= slots_.size()) return;
    slots_.assign(std::bit_ceil(2 * texts), {});
    for (std::size_t n = 0; n < texts_.size(); ++n) {
      const std::uint64_t hash = hashed(texts_[n]);
      std::size_t at = hash & (slots_.size() - 1);
      while (slots_[at].number >= 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = {static_cast<std::uint32_t>(hash >> 32), static_cast<std::int32_t>(n)};
    }
  }

  std::vector<std::string_view> texts_;
  std::vector<Slot> slots_;  // a power of two, none while there are few
  std::int32_t last_ = -1;
};

}  // namespace ybcore
