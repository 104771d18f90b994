// Texts into dense numbers: the index of identifiers that come as text.
//
// Meaning   Every distinct text gets the next number when it is first added; an empty or missing text is -1. Texts are compared as
//           bytes.
// Units     Offsets count bytes; numbers count from 0.
// Requires  Offsets that rise, one more than rows; valid is one byte a row, or empty when all rows are there.
// Gives     Numbers by row. The texts are copied once into one run of bytes, which stays where the index is.
// Fails     Never for fewer than 2^31 texts; allocates when it grows.
// Cost      One hash and about one cache miss a row; none for a row that repeats the row before it or follows it in the index, which
//           is how lines name their visits. `find` may run on many threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ybcore/scratch.hpp"

namespace ybcore {

// Borrowed texts of one chunk.
template <class Offset>
struct Texts {
  std::span<const Offset> offsets;
  const char* bytes;
  std::span<const std::uint8_t> valid;

  [[nodiscard]] std::size_t rows() const noexcept { return offsets.size() - 1; }
  [[nodiscard]] std::string_view operator[](std::size_t row) const noexcept {
    if (!valid.empty() && valid[row] == 0) return {};
    return {bytes + offsets[row], static_cast<std::size_t>(offsets[row + 1] - offsets[row])};
  }
};

// True when the offsets rise inside the bytes and the mask is as long as the rows: what add and find require.
template <class Offset>
[[nodiscard]] bool well_formed(const Texts<Offset>& texts, std::size_t bytes) noexcept;

class TextIndex {
 public:
  // For about so many rows that will be added.
  explicit TextIndex(std::size_t rows = 0);

  template <class Offset>
  void add(const Texts<Offset>& texts, std::span<std::int32_t> numbers);
  // Some rows of the texts, in the order of `entries`, each inside the rows.
  template <class Offset>
  void add(const Texts<Offset>& texts, std::span<const std::int32_t> entries, std::span<std::int32_t> numbers);
  template <class Offset>
  void find(const Texts<Offset>& texts, std::span<std::int32_t> numbers, int threads) const;
  // Few texts, wherever they are.
  void find(std::span<const std::string_view> texts, std::span<std::int32_t> numbers) const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return begin_.size() - 1; }
  [[nodiscard]] std::span<const std::int64_t> offsets() const noexcept { return begin_; }
  [[nodiscard]] std::span<const char> bytes() const noexcept { return bytes_; }

 private:
  struct Slot {
    std::uint32_t tag;
    std::int32_t number;  // -1: empty
    std::int64_t begin;   // of the text in the run of bytes
  };
  struct Ahead;
  [[nodiscard]] std::string_view text(std::int32_t number) const noexcept {
    const auto n = static_cast<std::size_t>(number);
    return {bytes_.data() + begin_[n], static_cast<std::size_t>(begin_[n + 1] - begin_[n])};
  }
  [[nodiscard]] bool holds(const Slot& slot, std::string_view wanted) const noexcept;
  // The first slot with the tag of such a text, or an empty one.
  [[nodiscard]] const Slot& tagged(std::size_t size, std::uint64_t hash) const noexcept;
  // The slot that holds the text, or the empty slot where it belongs.
  [[nodiscard]] std::size_t slot_of(std::string_view wanted, std::uint64_t hash) const noexcept;
  void begin(Ahead& row, std::string_view wanted) const noexcept;
  void fetch(std::span<Ahead> rows) const noexcept;
  template <class Texts, class Row>
  void add_rows(const Texts& texts, Row row_of, std::span<std::int32_t> numbers);
  template <class Texts>
  void find_rows(const Texts& texts, std::span<std::int32_t> numbers, std::size_t from, std::size_t to) const noexcept;
  [[nodiscard]] std::int32_t insert(std::string_view wanted, std::uint64_t hash, std::size_t at);
  // Room for so many texts.
  void grow(std::size_t texts);
  // How many texts to make room for when there is no more.
  [[nodiscard]] std::size_t foreseen() const noexcept;

  Big<Slot> slots_;
  std::size_t places_ = 0;            // slots, a power of two
  std::size_t rows_ = 0, asked_ = 0;  // that will be added, about, and that were
  std::vector<std::uint64_t> hashes_;
  std::vector<std::int64_t> begin_;
  std::vector<char> bytes_;
};

}  // namespace ybcore
