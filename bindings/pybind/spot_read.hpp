// Tables of schemas that were seen before as the cells of a call (spot_cells.hpp): what hangs on schemas alone is made once.
#pragma once

#include <pybind11/pybind11.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "small.hpp"
#include "spot_cells.hpp"

namespace ybcore::bind {

// In which set the texts of each column are numbered: ids of one group together, other columns by themselves.
struct SpotTexts {
  explicit SpotTexts(const checks::SpotBook& book) {
    for (const checks::SpotWanted& column : book.columns)
      if (column.group >= 0) count = std::max(count, static_cast<std::size_t>(column.group) + 1);
    for (const checks::SpotWanted& column : book.columns)
      of.push_back(column.group >= 0                                                            ? static_cast<std::size_t>(column.group)
                   : column.way == checks::SpotWay::kCode || column.way == checks::SpotWay::kId ? count++
                                                                                                : SIZE_MAX);
  }
  std::vector<std::size_t> of;  // by column; SIZE_MAX for numbers
  std::size_t count = 0;
};

// (number of a wanted column, its place in the table, least, most).
using SpotPlace = std::tuple<std::int32_t, std::int32_t, std::int64_t, std::int64_t>;

// One table of a shape.
struct SpotLayout {
  bool empty = false;  // it has no row
  std::vector<SpotReading> all;
  std::size_t columns = 0;
};

// Which tables are given, how their columns are read, and which rules run then, with times of day and without.
struct SpotShape {
  std::array<std::optional<SpotLayout>, checks::kSpotTables> tables;
  std::string running, by_day;
  bool readable = true;  // there is a way to read every column
  bool dates = true;     // lines have no time of day
  char line_ids = 'u';   // how the lines' own ids are written
};

inline SpotLayout layout_of(const checks::SpotBook& book, const SpotTexts& texts, const pybind11::object& schema,
                            const std::vector<SpotPlace>& places, bool empty, SpotShape& shape) {
  const pybind11::object capsule = schema.attr("__arrow_c_schema__")();
  const auto* whole = static_cast<const ArrowSchema*>(PyCapsule_GetPointer(capsule.ptr(), "arrow_schema"));
  if (whole == nullptr) throw pybind11::error_already_set();
  SpotLayout out{empty, {}, static_cast<std::size_t>(whole->n_children)};
  for (const auto& [wanted, place, low, high] : places) {
    if (place < 0 || static_cast<std::size_t>(place) >= out.columns) throw pybind11::index_error("a column is beyond its table");
    const checks::SpotWanted& column = book.columns.at(static_cast<std::size_t>(wanted));
    const ArrowSchema& kind = *whole->children[place];
    out.all.push_back({wanted, place, low, high, texts.of[static_cast<std::size_t>(wanted)], read_of(kind, column.way)});
    shape.readable = shape.readable && out.all.back().read != nullptr;
    if (column.table != checks::SpotTable::kLines) continue;
    if (column.name == "fee_ocur_time") shape.dates = std::string_view(kind.format) == "tdD";
    if (column.name == "feedetl_sn") shape.line_ids = (kind.dictionary == nullptr ? kind.format : kind.dictionary->format)[0];
  }
  return out;
}

// The cells of a call, and the tables whose bytes they are.
struct SpotHeld : SpotCells {
  std::vector<std::unique_ptr<SmallTable>> tables;
};

// Null where some cell speaks against it.
inline std::shared_ptr<SpotHeld> read_spot(const checks::SpotBook& book, const SpotTexts& texts, const SpotShape& shape,
                                           const pybind11::tuple& tables) {
  auto out = std::make_shared<SpotHeld>();
  out->input.columns.resize(book.columns.size());
  out->input.dates = shape.dates;
  out->text.resize(texts.count);
  out->tables.resize(shape.tables.size());
  for (std::size_t t = 0; t < shape.tables.size(); ++t) {
    if (!shape.tables[t]) continue;
    const SpotLayout& layout = *shape.tables[t];
    out->input.given[t] = true;
    for (const SpotReading& way : layout.all) out->input.columns[static_cast<std::size_t>(way.wanted)].there = true;
    if (layout.empty) continue;
    const pybind11::object given = tables[t];
    auto table = std::make_unique<SmallTable>(given);
    if (!table->whole()) table = std::make_unique<SmallTable>(given.attr("combine_chunks")());
    if (!table->whole() || table->rows() == 0) return nullptr;
    if (table->batch_columns() != layout.columns) throw std::invalid_argument("a table is none of its shape");
    out->input.rows[t] = table->rows();
    for (const SpotReading& way : layout.all) ask_for(*table->column(static_cast<std::size_t>(way.place)));
    out->tables[t] = std::move(table);
  }
  SpotReader reader(*out);
  for (std::size_t t = 0; t < shape.tables.size(); ++t) {
    if (out->tables[t] == nullptr) continue;
    const SpotLayout& layout = *shape.tables[t];
    out->make_room(layout.all.size(), out->input.rows[t]);
    for (const SpotReading& way : layout.all)
      if (!way.read(reader, *out->tables[t]->column(static_cast<std::size_t>(way.place)), way)) return nullptr;
  }
  for (std::size_t w = 0; w < book.columns.size(); ++w)
    if (texts.of[w] != SIZE_MAX) out->input.columns[w].text = out->text[texts.of[w]].texts();
  return out;
}

}  // namespace ybcore::bind
