// Small tables: all columns in one call, and the ids of several tables numbered in one.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "small.hpp"

namespace ybcore::bind {
namespace {

enum class What { kNothing, kNumber, kDay, kTime, kFlag, kCode };

// How a column is read, and between which values it may lie.
struct Way {
  int what;
  std::int64_t low, high;
};

// Each cell by `held`, `missing` where there is none; None when one lies outside the bounds.
template <class Cell, class To>
py::object numbers(const ArrowArray* column, const Way& way, To missing, std::int64_t factor = 1) {
  if (column == nullptr) return py::array_t<To>(0);
  const auto cells = cells_of<Cell>(*column);
  const auto valid = mask_of(*column);
  py::array_t<To> out(static_cast<py::ssize_t>(column->length));
  const auto to = written(out);
  for (std::size_t row = 0; row < to.size(); ++row) {
    const bool there = !cells.empty() && (valid.empty() || valid[row] != 0);
    const std::int64_t value = there ? static_cast<std::int64_t>(cells[row]) : way.low;
    if (value < way.low || value > way.high) return py::none();
    to[row] = there ? static_cast<To>(value * factor) : missing;
  }
  return std::move(out);
}

template <class To>
py::object integers(const std::string_view format, const ArrowArray* column, const Way& way, To missing) {
  if (format == "l") return numbers<std::int64_t>(column, way, missing);
  if (format == "i") return numbers<std::int32_t>(column, way, missing);
  if (format == "s") return numbers<std::int16_t>(column, way, missing);
  if (format == "c") return numbers<std::int8_t>(column, way, missing);
  return py::none();
}

py::object coded(const ArrowSchema& kind, const ArrowArray* column, std::size_t rows) {
  TextIndex index;
  py::array_t<std::int32_t> out(static_cast<py::ssize_t>(rows));
  if (!add_texts(index, kind, column, written(out))) return py::none();
  py::list texts;
  const auto offsets = index.offsets();
  for (std::size_t n = 0; n < index.size(); ++n)
    texts.append(py::str(index.bytes().data() + offsets[n], static_cast<std::size_t>(offsets[n + 1] - offsets[n])));
  return py::make_tuple(std::move(out), std::move(texts));
}

// Digits of one text each; None when one is none.
py::object digits(const ArrowSchema& kind, const ArrowArray* column, std::size_t rows) {
  TextIndex index;
  std::vector<std::int32_t> numbers(rows);
  if (!add_texts(index, kind, column, numbers)) return py::none();
  const auto offsets = index.offsets();
  for (std::size_t n = 0; n < index.size(); ++n) {
    const char digit = index.bytes()[static_cast<std::size_t>(offsets[n])];
    if (offsets[n + 1] - offsets[n] != 1 || digit < '0' || digit > '9') return py::none();
  }
  py::array_t<std::int8_t> out(static_cast<py::ssize_t>(rows));
  const auto to = written(out);
  for (std::size_t row = 0; row < rows; ++row)
    to[row] = numbers[row] < 0 ? std::int8_t{-1} : static_cast<std::int8_t>(index.bytes()[static_cast<std::size_t>(numbers[row])] - '0');
  return std::move(out);
}

constexpr std::int64_t kNone = INT64_MIN, kDayMicros = 86'400'000'000;

py::object cells(const SmallTable& table, std::size_t place, const Way& way) {
  const ArrowSchema& kind = table.kind(place);
  const ArrowArray* column = table.column(place);
  const std::string_view format = kind.format;
  const bool bare = kind.dictionary == nullptr;
  switch (static_cast<What>(way.what)) {
    case What::kNumber:
      return bare ? integers<std::int64_t>(format, column, way, kNone) : py::none();
    case What::kDay:
      return bare && (format == "tdD" || format == "i") ? numbers<std::int32_t>(column, way, INT32_MIN) : py::none();
    case What::kTime:
      if (bare && format == "tsu:") return numbers<std::int64_t>(column, way, kNone);
      return bare && format == "tdD"
                 ? numbers<std::int32_t>(column, {way.what, way.low / kDayMicros, way.high / kDayMicros}, kNone, kDayMicros)
                 : py::none();
    case What::kFlag:
      return bare && format != "u" && format != "U" ? integers<std::int8_t>(format, column, way, -1) : digits(kind, column, table.rows());
    case What::kCode:
      return coded(kind, column, table.rows());
    default:
      return py::none();
  }
}

py::list py_cells(const SmallTable& table, const std::vector<std::tuple<int, std::int64_t, std::int64_t>>& ways) {
  same_length(ways.size(), table.columns(), "ways");
  py::list out;
  for (std::size_t place = 0; place < ways.size(); ++place) {
    const auto& [what, low, high] = ways[place];
    out.append(cells(table, place, {what, low, high}));
  }
  return out;
}

using Place = std::pair<std::shared_ptr<SmallTable>, std::size_t>;

py::object py_number(const std::vector<Place>& places) {
  auto index = std::make_unique<TextIndex>();
  py::list out;
  for (const auto& [table, place] : places) {
    if (place >= table->columns()) throw py::index_error("a column is beyond its table");
    py::array_t<std::int32_t> numbers(static_cast<py::ssize_t>(table->rows()));
    if (!add_texts(*index, table->kind(place), table->column(place), written(numbers))) return py::none();
    out.append(std::move(numbers));
  }
  return py::make_tuple(std::move(out), std::move(index));
}

}  // namespace

void bind_small(py::module_& m) {
  py::class_<SmallTable, std::shared_ptr<SmallTable>>(m, "SmallTable", "A table of few rows in one batch, held as it stands.")
      .def(py::init<const py::object&>(), py::arg("table"))
      .def_property_readonly("whole", &SmallTable::whole, "Whether it is one batch: of several nothing may be asked.")
      .def("cells", &py_cells, py::arg("ways"),
           "Cells of every column by (what, least, most): 1 numbers, 2 days, 3 microseconds, 4 flags, 5 (codes, texts); None where they "
           "cannot be read so, or lie outside.");
  m.def("number_ids", &py_number, py::arg("places"),
        "(number of every cell of some (SmallTable, column), by first appearance, -1 missing or empty; their index); None where one is not "
        "of texts.");
}

}  // namespace ybcore::bind
