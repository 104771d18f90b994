// Few texts into dense numbers, without a copy of them (texts.hpp is for many).
//
// Meaning   Every distinct text gets the next number when it is first added; an empty text is -1.
// Units     Numbers count from 0.
// Requires  The bytes of what was added stand as long as this does.
// Gives     The number; the texts by number.
// Fails     std::bad_alloc.
// Cost      One hash a text, none for one that repeats the text before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace ybcore {

class FewTexts {
 public:
  [[nodiscard]] std::int32_t add(std::string_view text) {
    if (text.empty()) return -1;
    if (last_ >= 0 && texts_[static_cast<std::size_t>(last_)] == text) return last_;
    if (2 * texts_.size() >= slots_.size()) grow();
    const std::size_t hash = std::hash<std::string_view>{}(text), mask = slots_.size() - 1;
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
      const std::int32_t held = slots_[at];
      if (held >= 0 && (hashes_[static_cast<std::size_t>(held)] != hash || texts_[static_cast<std::size_t>(held)] != text)) continue;
      if (held >= 0) return last_ = held;
      last_ = slots_[at] = static_cast<std::int32_t>(texts_.size());
      texts_.push_back(text);
      hashes_.push_back(hash);
      return last_;
    }
  }

  [[nodiscard]] std::span<const std::string_view> texts() const noexcept { return texts_; }

 private:
  void grow() {
    slots_.assign(slots_.empty() ? 32 : 4 * slots_.size(), -1);
    for (std::size_t n = 0; n < texts_.size(); ++n) {
      std::size_t at = hashes_[n] & (slots_.size() - 1);
      while (slots_[at] >= 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = static_cast<std::int32_t>(n);
    }
  }

  std::vector<std::string_view> texts_;
  std::vector<std::size_t> hashes_;
  std::vector<std::int32_t> slots_;  // a power of two, -1 empty
  std::int32_t last_ = -1;
};

}  // namespace ybcore
