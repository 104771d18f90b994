// Columns in pages.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "arrays.hpp"
#include "pages.hpp"

namespace ybcore::bind {
namespace {

template <class Cell>
py::object all_cells(const ArrowPages& column, std::int64_t missing, int threads) {
  auto out = lent<Cell>(column.rows());
  const auto pages = column.cells<Cell>();
  const auto to = written(out);
  Bounds found;
  {
    py::gil_scoped_release release;
    found = joined<Cell>(pages, static_cast<Cell>(missing), to, threads);
  }
  return py::make_tuple(out, found.least, found.most);
}

py::object py_joined(const py::object& given, std::int64_t missing, int threads) {
  const ArrowPages column(given);
  const std::string_view kind = column.format();
  if (!column.entries().empty() || !column.aligned()) return py::none();
  if (kind == "c") return all_cells<std::int8_t>(column, missing, threads);
  if (kind == "i" || kind == "tdD") return all_cells<std::int32_t>(column, missing, threads);
  if (kind == "l" || kind == "tsu:") return all_cells<std::int64_t>(column, missing, threads);
  return py::none();
}

// Numbers of the entries of every page's dictionary in an index; pages that share one share them.
template <class Offset>
std::vector<std::vector<std::int32_t>> entries_of(const ArrowPages& column, TextIndex& index) {
  using Where = std::array<std::intptr_t, 5>;
  std::map<Where, std::vector<std::int32_t>> known;
  std::vector<std::vector<std::int32_t>> out;
  for (const ArrowArray& page : column.pages()) {
    const ArrowArray& entries = *page.dictionary;
    const auto address = [&](int buffer) { return reinterpret_cast<std::intptr_t>(entries.buffers[buffer]); };
    auto [at, fresh] = known.try_emplace(Where{address(0), address(1), address(2), entries.length, entries.offset});
    if (fresh) {
      const auto valid = mask_of(entries);
      at->second.resize(static_cast<std::size_t>(entries.length));
      index.add(texts_of<Offset>(entries, valid), at->second);
    }
    out.push_back(at->second);
  }
  return out;
}

std::vector<std::string> texts_in(const TextIndex& index) {
  std::vector<std::string> out;
  const auto offsets = index.offsets();
  for (std::size_t n = 0; n < index.size(); ++n) out.emplace_back(index.bytes().data() + offsets[n], index.bytes().data() + offsets[n + 1]);
  return out;
}

// What a code's text is held as: its number, or its digit, 10 for what is not one.
template <class To>
To held(const std::vector<std::string>& texts, std::int32_t number) {
  if constexpr (std::is_same_v<To, std::int32_t>) {
    return number;
  } else {
    if (number < 0) return -1;
    const std::string& text = texts[static_cast<std::size_t>(number)];
    return text.size() == 1 && text[0] >= '0' && text[0] <= '9' ? static_cast<To>(text[0] - '0') : To{10};
  }
}

template <class Code, class To>
py::object all_codes(const ArrowPages& column, int threads) {
  TextIndex index;
  const auto numbers = column.entries() == "u" ? entries_of<std::int32_t>(column, index) : entries_of<std::int64_t>(column, index);
  auto texts = texts_in(index);
  std::vector<std::vector<To>> kept;
  for (const auto& page : numbers) {
    std::vector<To>& places = kept.emplace_back();
    for (const std::int32_t number : page) places.push_back(held<To>(texts, number));
  }
  const std::vector<std::span<const To>> places(kept.begin(), kept.end());
  auto out = lent<To>(column.rows());
  const auto pages = column.cells<Code>();
  const auto to = written(out);
  bool all = false;
  {
    py::gil_scoped_release release;
    all = placed<Code, To>(pages, places, To{-1}, to, threads);
  }
  if (!all) throw py::index_error("a code is beyond its dictionary");
  return py::make_tuple(out, std::move(texts));
}

// Codes of a column of dictionaries of texts; None for any other.
template <class To>
py::object py_coded(const py::object& given, int threads) {
  const ArrowPages column(given);
  if ((column.entries() != "u" && column.entries() != "U") || !column.aligned()) return py::none();
  switch (column.format()[0]) {
    case 'c':
      return all_codes<std::int8_t, To>(column, threads);
    case 's':
      return all_codes<std::int16_t, To>(column, threads);
    case 'i':
      return all_codes<std::int32_t, To>(column, threads);
    case 'C':
      return all_codes<std::uint8_t, To>(column, threads);
    case 'S':
      return all_codes<std::uint16_t, To>(column, threads);
    case 'I':
      return all_codes<std::uint32_t, To>(column, threads);
    default:
      return py::none();
  }
}

template <class Offset>
bool any_blank(const ArrowPages& column) {
  py::gil_scoped_release release;
  for (const auto& page : column.texts<Offset>())
    if (has_blank(page)) return true;
  return false;
}

bool py_has_blank(const py::object& given) {
  const ArrowPages column(given);
  if (column.format() == "u") return any_blank<std::int32_t>(column);
  if (column.format() == "U") return any_blank<std::int64_t>(column);
  throw py::type_error("not a column of texts");
}

template <class Own, class Asked>
py::object named(const NamedLines& lines, const ArrowPages& own, const ArrowPages& asked) {
  const auto owns = own.texts<Own>();
  const auto names = asked.texts<Asked>();
  Naming found;
  {
    py::gil_scoped_release release;
    found = find_named<Own, Asked>(lines, owns, names);
  }
  return py::make_tuple(owned(std::move(found.row)), owned(std::move(found.line)), owned(std::move(found.circle)));
}

// Lines take over of those that they return what is said of them; `line` of each `row` has it when its turn comes.
template <class Cell>
void take_over(const In<std::int64_t>& row, const In<std::int64_t>& line, py::array_t<Cell> column, std::optional<Cell> only) {
  const auto rows = span_of(row), lines = span_of(line);
  const std::span<Cell> cells = written(column);
  same_length(lines.size(), rows.size(), "line");
  for (const auto& side : {rows, lines}) {
    below(side, static_cast<std::int64_t>(cells.size()), "row");
    if (std::any_of(side.begin(), side.end(), [](std::int64_t at) { return at < 0; })) throw std::invalid_argument("row is out of range");
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Cell theirs = cells[static_cast<std::size_t>(lines[i])];
    if (!only || theirs == *only) cells[static_cast<std::size_t>(rows[i])] = theirs;
  }
}

py::object py_named(const py::object& own, const py::object& asked, const In<std::int64_t>& line_begin,
                    const std::optional<In<std::int64_t>>& row) {
  const ArrowPages owns(own), names(asked);
  const NamedLines lines{span_of(line_begin), span_of(row)};
  const auto rows = static_cast<std::int64_t>(owns.rows());
  same_length(names.rows(), owns.rows(), "asked");
  if (lines.line_begin.empty() || lines.line_begin.front() != 0) throw std::invalid_argument("line_begin is not sound");
  for (std::size_t v = 1; v < lines.line_begin.size(); ++v)
    if (lines.line_begin[v] < lines.line_begin[v - 1]) throw std::invalid_argument("line_begin is not sound");
  if (lines.line_begin.back() > (row ? static_cast<std::int64_t>(lines.row.size()) : rows)) throw std::invalid_argument("lines are beyond");
  for (const std::int64_t at : lines.row)
    if (at < 0 || at >= rows) throw std::invalid_argument("row is out of range");
  const bool wide = owns.format() == "U", wide_names = names.format() == "U";
  if ((!wide && owns.format() != "u") || (!wide_names && names.format() != "u")) return py::none();
  if (wide)
    return wide_names ? named<std::int64_t, std::int64_t>(lines, owns, names) : named<std::int64_t, std::int32_t>(lines, owns, names);
  return wide_names ? named<std::int32_t, std::int64_t>(lines, owns, names) : named<std::int32_t, std::int32_t>(lines, owns, names);
}

}  // namespace

void bind_pages(py::module_& m) {
  m.def("joined", &py_joined, py::arg("column"), py::arg("missing"), py::arg("threads") = 1,
        "(cells of a column of int8, int32, days, int64 or microseconds, bounds of those that are there); None for another column.");
  m.def("coded", &py_coded<std::int32_t>, py::arg("column"), py::arg("threads") = 1,
        "(number of every cell of a column of dictionaries of texts, -1 for an empty or missing one; the texts); None for another column.");
  m.def("digits", &py_coded<std::int8_t>, py::arg("column"), py::arg("threads") = 1,
        "`coded` with the digit that each text is, 10 for one that is none.");
  m.def("has_blank", &py_has_blank, py::arg("column"), "Whether a text of a column is there and empty.");
  m.def("named_lines", &py_named, py::arg("own"), py::arg("asked"), py::arg("line_begin").noconvert(), py::arg("row").noconvert(),
        "(rows that ask for another line of their visit by its own text, that line: the first of several, and before the row where it asks "
        "for one too; rows that are in a circle or lead to one). None for columns that are not plain texts.");
  m.def("take_over_days", &take_over<std::int32_t>, py::arg("row").noconvert(), py::arg("line").noconvert(), py::arg("column").noconvert(),
        py::arg("only") = std::nullopt, "column[row] = column[line], one after another, in place; only where that is `only`.");
  m.def("take_over_flags", &take_over<std::int8_t>, py::arg("row").noconvert(), py::arg("line").noconvert(), py::arg("column").noconvert(),
        py::arg("only") = std::nullopt, "The same of a column of flags.");
}

}  // namespace ybcore::bind
