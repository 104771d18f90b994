// Columns of small Arrow tables as the cells that rules over one batch read (ybcore/checks/spot.hpp). Nothing here knows Python.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "arrow.hpp"
#include "ybcore/checks/spot.hpp"
#include "ybcore/few_texts.hpp"

namespace ybcore::bind {

// Entries of a dictionary that rows name, and where among them each is; used again by column after column.
class NamedEntries {
 public:
  void begin(std::size_t entries, std::size_t rows) {
    named.clear();
    plain_ = entries <= 2 * rows + 64;
    slots_.assign(plain_ ? entries : std::bit_ceil(2 * rows), {});
  }
  [[nodiscard]] std::int32_t place(std::uint32_t entry) {
    std::size_t at = entry;
    if (!plain_) {
      at = (entry * 0x9e3779b97f4a7c15ULL >> 32) & (slots_.size() - 1);
      while (slots_[at].place >= 0 && slots_[at].entry != entry) at = (at + 1) & (slots_.size() - 1);
    }
    Slot& slot = slots_[at];
    if (slot.place < 0) {
      slot = {entry, static_cast<std::int32_t>(named.size())};
      named.push_back(entry);
    }
    return slot.place;
  }

  std::vector<std::uint32_t> named;

 private:
  struct Slot {
    std::uint32_t entry = 0;
    std::int32_t place = -1;
  };
  bool plain_ = true;
  std::vector<Slot> slots_;
};

// What a call holds: the cells, and the texts that they name.
struct SpotCells {
  checks::SpotInput input;
  std::vector<FewTexts> text;  // by number of a set of texts
  std::vector<std::unique_ptr<std::int64_t[]>> room;

  // Room for cells of so many columns of a table; each column takes its own in turn.
  void make_room(std::size_t columns, std::size_t rows) {
    room.push_back(std::make_unique_for_overwrite<std::int64_t[]>(columns * rows));
    next_ = room.back().get();
  }
  template <class Cell>
  [[nodiscard]] std::span<Cell> cells(std::size_t rows) {
    auto* own = reinterpret_cast<Cell*>(next_);
    next_ += (rows * sizeof(Cell) + sizeof(*next_) - 1) / sizeof(*next_);
    return {own, rows};
  }

 private:
  std::int64_t* next_ = nullptr;
};

class SpotReader {
 public:
  explicit SpotReader(SpotCells& cells) : to(cells) {}

  SpotCells& to;
  NamedEntries entries;
  std::vector<std::string_view> texts;
  std::vector<std::int32_t> numbers;
};

// Where a column and its dictionary begin lies far away when others work between two calls: it comes while other columns are read.
inline void ask_for(const ArrowArray& column) {
  for (std::int64_t k = 0; k < column.n_buffers; ++k)
    for (std::size_t line = 0; line < 4 && column.buffers[k] != nullptr; ++line)
      __builtin_prefetch(static_cast<const char*>(column.buffers[k]) + 64 * line);
  if (column.dictionary != nullptr) ask_for(*column.dictionary);
}

// How a wanted column is read: where it stands, between which values its cells lie, and in which set its texts are numbered.
struct SpotReading {
  std::int32_t wanted = -1, place = -1;
  std::int64_t low = 0, high = 0;
  std::size_t texts = 0;
  // False where a cell lies outside.
  bool (*read)(SpotReader&, const ArrowArray&, const SpotReading&) = nullptr;
};

// Whether the cell of a row is there.
class Presence {
 public:
  explicit Presence(const ArrowArray& column)
      : bits_(static_cast<const std::uint8_t*>(column.null_count == 0 ? nullptr : column.buffers[0])),
        offset_(static_cast<std::size_t>(column.offset)) {}
  [[nodiscard]] bool everywhere() const noexcept { return bits_ == nullptr; }
  [[nodiscard]] bool operator[](std::size_t row) const noexcept {
    const std::size_t at = row + offset_;
    return bits_ == nullptr || (bits_[at / 8] >> (at % 8) & 1) != 0;
  }

 private:
  const std::uint8_t* bits_;
  std::size_t offset_;
};

template <class Cell, std::int64_t kFactor>
bool read_numbers(SpotReader& reader, const ArrowArray& column, const SpotReading& way) {
  const auto rows = static_cast<std::size_t>(column.length);
  const std::span<std::int64_t> out = reader.to.cells<std::int64_t>(rows);
  reader.to.input.columns[static_cast<std::size_t>(way.wanted)].number = out;
  const auto cells = cells_of<Cell>(column);
  const Presence there(column);
  const std::int64_t low = way.low / kFactor, high = way.high / kFactor;
  bool outside = false;
  if (cells.empty()) {
    for (std::int64_t& cell : out) cell = checks::kUnknown;
  } else if (there.everywhere()) {
    for (std::size_t row = 0; row < rows; ++row) {
      const auto value = static_cast<std::int64_t>(cells[row]);
      outside |= (value < low) | (value > high);
      out[row] = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) * static_cast<std::uint64_t>(kFactor));
    }
  } else {
    for (std::size_t row = 0; row < rows; ++row) {
      const std::int64_t value = there[row] ? static_cast<std::int64_t>(cells[row]) : low;
      outside |= (value < low) | (value > high);
      out[row] = there[row] ? static_cast<std::int64_t>(static_cast<std::uint64_t>(value) * static_cast<std::uint64_t>(kFactor))
                            : checks::kUnknown;
    }
  }
  return !outside;
}

template <class Code>
[[nodiscard]] std::uint32_t entry_of(const std::span<const Code> codes, std::size_t row, std::size_t entries) {
  const auto code = static_cast<std::size_t>(codes[row]);
  if (code >= entries) throw std::out_of_range("a code is beyond its dictionary");
  return static_cast<std::uint32_t>(code);
}

// Numbers of the rows of a dictionary. Its entries lie anywhere in memory: all that are named are asked for before one is looked at.
template <class Code, class Offset>
bool read_coded(SpotReader& reader, const ArrowArray& column, const SpotReading& way) {
  const auto rows = static_cast<std::size_t>(column.length);
  const std::span<std::int32_t> out = reader.to.cells<std::int32_t>(rows);
  reader.to.input.columns[static_cast<std::size_t>(way.wanted)].code = out;
  const auto codes = cells_of<Code>(column);
  const auto entries = texts_of<Offset>(*column.dictionary, {});
  const Presence there(column), entry_there(*column.dictionary);
  reader.entries.begin(entries.rows(), rows);
  std::size_t before = SIZE_MAX;
  std::int32_t place = -1;
  for (std::size_t row = 0; row < rows; ++row) {
    out[row] = -1;
    if (codes.empty() || !there[row]) continue;
    const std::uint32_t entry = entry_of(codes, row, entries.rows());
    if (entry != before) {
      place = reader.entries.place(entry);
      if (reader.entries.named.back() == entry) __builtin_prefetch(&entries.offsets[entry]);
      before = entry;
    }
    out[row] = place;
  }
  reader.texts.clear();
  for (const std::uint32_t entry : reader.entries.named) {
    reader.texts.push_back(entry_there[entry] ? entries[entry] : std::string_view{});
    __builtin_prefetch(reader.texts.back().data());
  }
  reader.numbers.clear();
  FewTexts& index = reader.to.text[way.texts];
  index.expect(reader.texts.size());
  for (const std::string_view text : reader.texts) reader.numbers.push_back(index.add(text));
  for (std::int32_t& cell : out)
    if (cell >= 0) cell = reader.numbers[static_cast<std::size_t>(cell)];
  return true;
}

template <class Offset>
bool read_plain(SpotReader& reader, const ArrowArray& column, const SpotReading& way) {
  const auto rows = static_cast<std::size_t>(column.length);
  const std::span<std::int32_t> out = reader.to.cells<std::int32_t>(rows);
  reader.to.input.columns[static_cast<std::size_t>(way.wanted)].code = out;
  const auto texts = texts_of<Offset>(column, {});
  const Presence there(column);
  FewTexts& index = reader.to.text[way.texts];
  if (there.everywhere()) index.expect(rows);
  for (std::size_t row = 0; row < rows; ++row) out[row] = there[row] && row < texts.rows() ? index.add(texts[row]) : -1;
  return true;
}

// A text of one digit; kUnknown of none. False for another text.
[[nodiscard]] inline bool digit_of(std::string_view text, std::int64_t& out) noexcept {
  out = text.empty() ? checks::kUnknown : text[0] - '0';
  return text.empty() || (text.size() == 1 && out >= 0 && out <= 9);
}

// Flags that are texts of one digit.
template <class Offset>
bool read_digits(SpotReader& reader, const ArrowArray& column, const SpotReading& way) {
  const auto rows = static_cast<std::size_t>(column.length);
  const std::span<std::int64_t> out = reader.to.cells<std::int64_t>(rows);
  reader.to.input.columns[static_cast<std::size_t>(way.wanted)].number = out;
  const auto texts = texts_of<Offset>(column, {});
  const Presence there(column);
  for (std::size_t row = 0; row < rows; ++row)
    if (!digit_of(there[row] && row < texts.rows() ? texts[row] : std::string_view{}, out[row])) return false;
  return true;
}

template <class Code, class Offset>
bool read_coded_digits(SpotReader& reader, const ArrowArray& column, const SpotReading& way) {
  const auto rows = static_cast<std::size_t>(column.length);
  const std::span<std::int64_t> out = reader.to.cells<std::int64_t>(rows);
  reader.to.input.columns[static_cast<std::size_t>(way.wanted)].number = out;
  const auto codes = cells_of<Code>(column);
  const auto entries = texts_of<Offset>(*column.dictionary, {});
  const Presence there(column), entry_there(*column.dictionary);
  for (std::size_t row = 0; row < rows; ++row) {
    std::string_view text;
    if (!codes.empty() && there[row]) {
      const std::uint32_t entry = entry_of(codes, row, entries.rows());
      if (entry_there[entry]) text = entries[entry];
    }
    if (!digit_of(text, out[row])) return false;
  }
  return true;
}

using SpotRead = decltype(SpotReading::read);

[[nodiscard]] inline SpotRead integers(std::string_view format) noexcept {
  if (format == "l") return &read_numbers<std::int64_t, 1>;
  if (format == "i") return &read_numbers<std::int32_t, 1>;
  if (format == "s") return &read_numbers<std::int16_t, 1>;
  return format == "c" ? &read_numbers<std::int8_t, 1> : nullptr;
}

template <class Offset>
[[nodiscard]] SpotRead coded(std::string_view codes, bool digits) noexcept {
  if (codes == "c") return digits ? &read_coded_digits<std::int8_t, Offset> : &read_coded<std::int8_t, Offset>;
  if (codes == "s") return digits ? &read_coded_digits<std::int16_t, Offset> : &read_coded<std::int16_t, Offset>;
  if (codes == "i") return digits ? &read_coded_digits<std::int32_t, Offset> : &read_coded<std::int32_t, Offset>;
  return nullptr;
}

[[nodiscard]] inline SpotRead texts(const ArrowSchema& kind, bool digits) noexcept {
  const std::string_view format = kind.format, entries = kind.dictionary == nullptr ? "" : kind.dictionary->format;
  if (entries == "u") return coded<std::int32_t>(format, digits);
  if (entries == "U") return coded<std::int64_t>(format, digits);
  if (!entries.empty()) return nullptr;
  if (format == "u") return digits ? &read_digits<std::int32_t> : &read_plain<std::int32_t>;
  if (format == "U") return digits ? &read_digits<std::int64_t> : &read_plain<std::int64_t>;
  return nullptr;
}

// What reads a column of a type; null where none does.
[[nodiscard]] inline SpotRead read_of(const ArrowSchema& kind, checks::SpotWay how) noexcept {
  constexpr std::int64_t kDay = 86'400'000'000;
  const std::string_view format = kind.format;
  const bool bare = kind.dictionary == nullptr;
  switch (how) {
    case checks::SpotWay::kNumber:
      return bare ? integers(format) : nullptr;
    case checks::SpotWay::kDay:
      return bare && (format == "tdD" || format == "i") ? &read_numbers<std::int32_t, 1> : nullptr;
    case checks::SpotWay::kTime:
      if (bare && format == "tsu:") return &read_numbers<std::int64_t, 1>;
      return bare && format == "tdD" ? &read_numbers<std::int32_t, kDay> : nullptr;
    case checks::SpotWay::kFlag:
      return bare && format != "u" && format != "U" ? integers(format) : texts(kind, true);
    default:
      return texts(kind, false);
  }
}

}  // namespace ybcore::bind
