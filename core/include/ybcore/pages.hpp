// Columns that come in pages, into one column.
//
// Meaning   A page is a stretch of a column's rows; cells that are not there get one value. Codes of a dictionary become what their
//           entries stand for.
// Units     -
// Requires  A mask that is empty or one byte a row; `out` as long as all pages; a place for each page's codes.
// Gives     Rows in the order of the pages.
// Fails     `placed` returns false when a code is beyond its page's dictionary, and has then written something of no meaning.
// Cost      One pass, a page a thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ybcore/join.hpp"
#include "ybcore/texts.hpp"

namespace ybcore {

template <class Cell>
struct Page {
  std::span<const Cell> cells;
  std::span<const std::uint8_t> valid;
};

// All cells, `missing` where there is none. No cell that is there lies outside the bounds, which are rough.
template <class Cell>
Bounds joined(std::span<const Page<Cell>> pages, Cell missing, std::span<Cell> out, int threads);

// places[page][code] of every row.
template <class Code, class To>
[[nodiscard]] bool placed(std::span<const Page<Code>> pages, std::span<const std::span<const To>> places, To missing, std::span<To> out,
                          int threads);

// Whether a text is there and empty.
template <class Offset>
[[nodiscard]] bool has_blank(const Texts<Offset>& texts) noexcept;

// The line that each line names, in its own visit.
struct NamedLines {
  std::span<const std::int64_t> line_begin;  // by visit
  std::span<const std::int64_t> row;         // of each place in visit order; empty: lines stand so
};
// Rows that name another line, and that line. Where it names one too it stands before; rows that name each other in a circle, or such a
// row, stand in `circle` alone.
struct Naming {
  std::vector<std::int64_t> row, line, circle;
};
// The line is the first of the same visit whose own text is the asked one. One that names itself names none.
template <class Own, class Asked>
[[nodiscard]] Naming find_named(const NamedLines& lines, std::span<const Texts<Own>> own, std::span<const Texts<Asked>> asked);

}  // namespace ybcore
