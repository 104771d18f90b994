// A table of few rows through the Arrow C stream, and the texts of its columns as numbers.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "pages.hpp"
#include "ybcore/texts.hpp"

namespace ybcore::bind {

// The one batch of a table and its schema, for as long as this stands.
class SmallTable {
 public:
  // A pyarrow.Table. Its own stream asks of every column whether its bytes lie here, which takes as long as all else; its reader gives
  // columns that lie elsewhere without bytes.
  explicit SmallTable(const pybind11::object& table) : capsule_(table.attr("to_reader")().attr("__arrow_c_stream__")()) {
    auto* stream = static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(capsule_.ptr(), "arrow_array_stream"));
    if (stream == nullptr) throw pybind11::error_already_set();
    stream_ = stream;
    if (stream->get_next(stream, &batch_) != 0) throw std::runtime_error("a table gave no batch");
    ArrowArray more{};
    if (batch_.release != nullptr && stream->get_next(stream, &more) == 0 && more.release != nullptr) {
      more.release(&more);
      whole_ = false;
    }
    for (std::int64_t place = 0; batch_.release != nullptr && place < batch_.n_children; ++place)
      if (without_bytes(*batch_.children[place])) {
        const pybind11::object asked = table.attr("__arrow_c_stream__")();  // raises what it says of them
        break;
      }
  }
  ~SmallTable() {
    if (batch_.release != nullptr) batch_.release(&batch_);
    if (schema_.release != nullptr) schema_.release(&schema_);
  }
  SmallTable(const SmallTable&) = delete;
  SmallTable& operator=(const SmallTable&) = delete;

  // One batch, every column of which begins where any number may stand.
  [[nodiscard]] bool whole() const {
    const auto anywhere = [](const ArrowArray& column) {
      return column.n_buffers >= 2 && reinterpret_cast<std::uintptr_t>(column.buffers[1]) % 8 != 0;
    };
    if (!whole_ || batch_.offset != 0) return false;
    for (std::int64_t place = 0; batch_.release != nullptr && place < batch_.n_children; ++place) {
      const ArrowArray& column = *batch_.children[place];
      if (anywhere(column) || (column.dictionary != nullptr && anywhere(*column.dictionary))) return false;
    }
    return true;
  }
  [[nodiscard]] std::size_t rows() const { return static_cast<std::size_t>(batch_.length); }
  // Null where the table has no row.
  [[nodiscard]] const ArrowArray* column(std::size_t place) const { return batch_.release == nullptr ? nullptr : batch_.children[place]; }
  // Of a table with rows.
  [[nodiscard]] std::size_t batch_columns() const { return static_cast<std::size_t>(batch_.n_children); }
  // What whoever knows the schema already need not ask for: it takes as long as the columns do.
  [[nodiscard]] const ArrowSchema& schema() const {
    if (schema_.release == nullptr && stream_->get_schema(stream_, &schema_) != 0) throw std::runtime_error("a table gave no schema");
    return schema_;
  }
  [[nodiscard]] std::size_t columns() const { return static_cast<std::size_t>(schema().n_children); }
  [[nodiscard]] const ArrowSchema& kind(std::size_t place) const { return *schema().children[place]; }

 private:
  [[nodiscard]] static bool without_bytes(const ArrowArray& column) {
    return (column.length > 0 && column.n_buffers >= 2 && column.buffers[1] == nullptr) ||
           (column.dictionary != nullptr && without_bytes(*column.dictionary));
  }

  pybind11::object capsule_;
  ArrowArrayStream* stream_ = nullptr;
  mutable ArrowSchema schema_{};
  ArrowArray batch_{};
  bool whole_ = true;
};

// Number of each row in an index, new texts added. Entries that several rows name are looked at once, but for a dictionary that is far
// longer than its rows.
template <class Code, class Offset>
void add_coded(TextIndex& index, const ArrowArray& column, std::span<std::int32_t> out) {
  const auto codes = cells_of<Code>(column);
  const auto valid = mask_of(column);
  const auto entries_valid = mask_of(*column.dictionary);
  const auto texts = texts_of<Offset>(*column.dictionary, entries_valid);
  const std::size_t size = texts.rows();
  const bool once = size <= 4 * out.size() + 64;
  std::vector<std::int32_t> place(once ? size : 0, -1), named;
  for (std::size_t row = 0; row < out.size(); ++row) {
    out[row] = -1;
    if (codes.empty() || (!valid.empty() && valid[row] == 0)) continue;
    const auto code = static_cast<std::size_t>(codes[row]);
    if (code >= size) throw pybind11::index_error("a code is beyond its dictionary");
    if (once && place[code] >= 0) {
      out[row] = place[code];
      continue;
    }
    out[row] = static_cast<std::int32_t>(named.size());
    if (once) place[code] = out[row];
    named.push_back(static_cast<std::int32_t>(code));
  }
  std::vector<std::int32_t> numbers(named.size());
  index.add(texts, named, numbers);
  for (std::int32_t& row : out)
    if (row >= 0) row = numbers[static_cast<std::size_t>(row)];
}

template <class Offset>
bool add_dictionary(TextIndex& index, const std::string_view codes, const ArrowArray& column, std::span<std::int32_t> out) {
  switch (codes[0]) {
    case 'c':
      add_coded<std::int8_t, Offset>(index, column, out);
      return true;
    case 's':
      add_coded<std::int16_t, Offset>(index, column, out);
      return true;
    case 'i':
      add_coded<std::int32_t, Offset>(index, column, out);
      return true;
    default:
      return false;
  }
}

template <class Offset>
void add_plain(TextIndex& index, const ArrowArray& column, std::span<std::int32_t> out) {
  const auto valid = mask_of(column);
  index.add(texts_of<Offset>(column, valid), out);
}

// False for a column that is none of texts, or of dictionaries of them.
inline bool add_texts(TextIndex& index, const ArrowSchema& kind, const ArrowArray* column, std::span<std::int32_t> out) {
  const std::string_view format = kind.format, entries = kind.dictionary == nullptr ? "" : kind.dictionary->format;
  if (column == nullptr) return format == "u" || format == "U" || entries == "u" || entries == "U";
  if (entries == "u") return add_dictionary<std::int32_t>(index, format, *column, out);
  if (entries == "U") return add_dictionary<std::int64_t>(index, format, *column, out);
  if (!entries.empty()) return false;
  if (format == "u") add_plain<std::int32_t>(index, *column, out);
  if (format == "U") add_plain<std::int64_t>(index, *column, out);
  return format == "u" || format == "U";
}

}  // namespace ybcore::bind
