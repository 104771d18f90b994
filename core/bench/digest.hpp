// One number for every byte of an output.
//
// Meaning   Words of eight bytes are mixed one after another; a column is preceded by its length. Any one word that differs gives
//           another digest, because every step is invertible.
// Units     None.
// Requires  Values without padding, on a machine of little endian (as the kernel's tables).
// Gives     The same 64 bits for the same bytes.
// Fails     Never.
// Cost      One multiplication for eight bytes, so that what is measured is the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ranges>
#include <type_traits>

namespace ybcore::bench {

class Digest {
 public:
  void word(std::uint64_t value) {
    state_ = (state_ ^ value) * 0x9fb21c651e98df25U;
    state_ ^= state_ >> 32;
  }
  template <class Range>
  void column(const Range& range) {
    using Value = std::ranges::range_value_t<Range>;
    static_assert(std::has_unique_object_representations_v<Value>);
    const std::size_t size = std::ranges::size(range) * sizeof(Value);
    const auto* at = reinterpret_cast<const char*>(std::ranges::data(range));
    word(size);
    std::size_t done = 0;
    for (; done + 8 <= size; done += 8) word(load(at + done, 8));
    if (done < size) word(load(at + done, size - done));
  }
  [[nodiscard]] std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325U;
  [[nodiscard]] static std::uint64_t load(const char* at, std::size_t bytes) {
    std::uint64_t value = 0;
    std::memcpy(&value, at, bytes);
    return value;
  }
};

}  // namespace ybcore::bench
