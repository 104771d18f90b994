// Small tables as the cells that rules over one batch read (ybcore/checks/spot.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "small.hpp"
#include "ybcore/checks/spot.hpp"
#include "ybcore/few_texts.hpp"

namespace ybcore::bind {

// Which column of a table each wanted column is: (number of the wanted one, place in the table, least, most).
struct SpotLayout {
  struct One {
    std::int32_t wanted, place;
    std::int64_t low, high;
  };
  std::vector<One> all;
};

// What a call holds: the cells, and the texts that they name.
struct SpotCells {
  checks::SpotInput input;
  std::vector<FewTexts> text;                       // by group, then one for each column of codes
  std::vector<std::shared_ptr<SmallTable>> tables;  // whose bytes the texts are
  char line_ids = 'u';                              // how the lines' own ids are written
};

template <class Cell>
bool read_numbers(const ArrowArray* column, const SpotLayout::One& way, std::int64_t factor, std::size_t rows,
                  std::vector<std::int64_t>& out) {
  out.resize(rows);
  if (column == nullptr) return true;
  const auto cells = cells_of<Cell>(*column);
  const auto valid = mask_of(*column);
  for (std::size_t row = 0; row < rows; ++row) {
    const bool there = !cells.empty() && (valid.empty() || valid[row] != 0);
    const std::int64_t value = there ? static_cast<std::int64_t>(cells[row]) : 0;
    if (there && (value < way.low / factor || value > way.high / factor)) return false;
    out[row] = there ? value * factor : checks::kUnknown;
  }
  return true;
}

inline bool read_integers(std::string_view format, const ArrowArray* column, const SpotLayout::One& way, std::size_t rows,
                          std::vector<std::int64_t>& out) {
  if (format == "l") return read_numbers<std::int64_t>(column, way, 1, rows, out);
  if (format == "i") return read_numbers<std::int32_t>(column, way, 1, rows, out);
  if (format == "s") return read_numbers<std::int16_t>(column, way, 1, rows, out);
  return format == "c" && read_numbers<std::int8_t>(column, way, 1, rows, out);
}

// Numbers of the rows of a dictionary; an entry that several rows name is looked at once.
template <class Code, class Offset>
void number_coded(FewTexts& index, const ArrowArray& column, std::span<std::int32_t> out) {
  const auto codes = cells_of<Code>(column);
  const auto valid = mask_of(column);
  const auto entries_valid = mask_of(column.dictionary->null_count == 0 ? ArrowArray{} : *column.dictionary);
  const auto texts = texts_of<Offset>(*column.dictionary, entries_valid);
  std::array<std::pair<std::size_t, std::int32_t>, 1024> seen;  // of codes that share a place the last one
  seen.fill({SIZE_MAX, -1});
  for (std::size_t row = 0; row < out.size(); ++row) {
    out[row] = -1;
    if (codes.empty() || (!valid.empty() && valid[row] == 0)) continue;
    const auto code = static_cast<std::size_t>(codes[row]);
    if (code >= texts.rows()) throw pybind11::index_error("a code is beyond its dictionary");
    auto& [held, number] = seen[code * 0x9e3779b97f4a7c15U >> 32 & (seen.size() - 1)];
    if (held != code) held = code, number = index.add(texts[code]);
    out[row] = number;
  }
}

template <class Offset>
bool number_dictionary(FewTexts& index, std::string_view codes, const ArrowArray& column, std::span<std::int32_t> out) {
  if (codes == "c") number_coded<std::int8_t, Offset>(index, column, out);
  if (codes == "s") number_coded<std::int16_t, Offset>(index, column, out);
  if (codes == "i") number_coded<std::int32_t, Offset>(index, column, out);
  return codes == "c" || codes == "s" || codes == "i";
}

template <class Offset>
void number_plain(FewTexts& index, const ArrowArray& column, std::span<std::int32_t> out) {
  const auto valid = mask_of(column);
  const auto texts = texts_of<Offset>(column, valid);
  for (std::size_t row = 0; row < out.size(); ++row) out[row] = index.add(texts[row]);
}

// False for a column that is none of texts, or of dictionaries of them.
inline bool number_texts(FewTexts& index, const ArrowSchema& kind, const ArrowArray* column, std::span<std::int32_t> out) {
  const std::string_view format = kind.format, entries = kind.dictionary == nullptr ? "" : kind.dictionary->format;
  if (column == nullptr) return format == "u" || format == "U" || entries == "u" || entries == "U";
  if (entries == "u") return number_dictionary<std::int32_t>(index, format, *column, out);
  if (entries == "U") return number_dictionary<std::int64_t>(index, format, *column, out);
  if (!entries.empty()) return false;
  if (format == "u") number_plain<std::int32_t>(index, *column, out);
  if (format == "U") number_plain<std::int64_t>(index, *column, out);
  return format == "u" || format == "U";
}

// Flags that are texts of one digit.
inline bool read_digits(const ArrowSchema& kind, const ArrowArray* column, std::size_t rows, std::vector<std::int64_t>& out) {
  FewTexts index;
  std::vector<std::int32_t> numbers(rows);
  if (!number_texts(index, kind, column, numbers)) return false;
  for (const std::string_view text : index.texts())
    if (text.size() != 1 || text[0] < '0' || text[0] > '9') return false;
  out.assign(rows, checks::kUnknown);
  for (std::size_t row = 0; row < rows; ++row)
    if (numbers[row] >= 0) out[row] = index.texts()[static_cast<std::size_t>(numbers[row])][0] - '0';
  return true;
}

// False where a cell cannot be read in this way, or lies outside.
inline bool read_cells(const SmallTable& table, const SpotLayout::One& way, checks::SpotWay how, SpotCells& to, std::size_t group) {
  checks::SpotColumn& out = to.input.columns[static_cast<std::size_t>(way.wanted)];
  const auto place = static_cast<std::size_t>(way.place);
  if (place >= table.columns()) throw pybind11::index_error("a column is beyond its table");
  const ArrowSchema& kind = table.kind(place);
  const ArrowArray* column = table.column(place);
  const std::string_view format = kind.format;
  const bool bare = kind.dictionary == nullptr;
  constexpr std::int64_t kDay = 86'400'000'000;
  out.there = true;
  switch (how) {
    case checks::SpotWay::kNumber:
      return bare && read_integers(format, column, way, table.rows(), out.number);
    case checks::SpotWay::kDay:
      return bare && (format == "tdD" || format == "i") && read_numbers<std::int32_t>(column, way, 1, table.rows(), out.number);
    case checks::SpotWay::kTime:
      if (bare && format == "tsu:") return read_numbers<std::int64_t>(column, way, 1, table.rows(), out.number);
      return bare && format == "tdD" && read_numbers<std::int32_t>(column, way, kDay, table.rows(), out.number);
    case checks::SpotWay::kFlag:
      return bare && format != "u" && format != "U" ? read_integers(format, column, way, table.rows(), out.number)
                                                    : read_digits(kind, column, table.rows(), out.number);
    default:
      break;
  }
  out.code.resize(table.rows());
  return number_texts(to.text[group], kind, column, out.code);
}

// Null where some cell speaks against it.
inline std::shared_ptr<SpotCells> read_spot(const checks::SpotBook& book,
                                            const std::vector<std::pair<std::shared_ptr<SmallTable>, const SpotLayout*>>& tables) {
  auto out = std::make_shared<SpotCells>();
  out->input.columns.resize(book.columns.size());
  out->text.resize(2 * book.columns.size());
  for (std::size_t t = 0; t < tables.size(); ++t) {
    const auto& [table, layout] = tables[t];
    out->tables.push_back(table);
    if (table == nullptr) continue;
    if (!table->whole()) return nullptr;
    out->input.given[t] = true;
    out->input.rows[t] = table->rows();
    for (const SpotLayout::One& way : layout->all) {
      const auto& wanted = book.columns.at(static_cast<std::size_t>(way.wanted));
      const std::size_t group =
          wanted.group >= 0 ? static_cast<std::size_t>(wanted.group) : book.columns.size() + static_cast<std::size_t>(way.wanted);
      if (!read_cells(*table, way, wanted.way, *out, group)) return nullptr;
      if (wanted.table != checks::SpotTable::kLines) continue;
      const ArrowSchema& kind = table->kind(static_cast<std::size_t>(way.place));
      if (wanted.name == "fee_ocur_time") out->input.dates = std::string_view(kind.format) == "tdD";
      if (wanted.name == "feedetl_sn") out->line_ids = (kind.dictionary == nullptr ? kind.format : kind.dictionary->format)[0];
    }
  }
  for (std::size_t w = 0; w < book.columns.size(); ++w) {
    const std::int32_t group = book.columns[w].group;
    out->input.columns[w].text = out->text[group >= 0 ? static_cast<std::size_t>(group) : book.columns.size() + w].texts();
  }
  return out;
}

}  // namespace ybcore::bind
