// Netting: what is left of lines after those that return them.
//
// Meaning   A line with negative quantity or amount returns: it takes both from the line it names (of one that returns too, from the line
//           that this one names, and so on), else from the latest line of
//           the same visit and item that is of no later time and still has enough of both. First all that name a line, then the others in
//           canonical order.
// Units     Quantity 1/10000, amount fen.
// Requires  `row` rows in canonical order, cut by person (line_order.hpp; empty: as they stand); `named` a row, or -1, in no circle of
// several; rows that `row`
//           leaves out are not looked at. Sums within 64 bits.
// Gives     By row: net quantity and amount (empty where nothing returns: they are as given), and whether the line stands: it returns
//           nothing and one of the two is not 0. A named line that is not of the same visit, or names itself, is not found. What is
//           named may be left with less than nothing.
// Fails     Never.
// Cost      One pass; for persons with a return that names nothing a chain of each visit's lines of an item.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ybcore::checks {

struct NetLines {
  std::span<const std::int32_t> row;
  std::span<const std::int64_t> person_begin;
  std::span<const std::int32_t> visit, item;
  std::span<const std::int64_t> quantity, amount;
  std::span<const std::int64_t> named;      // empty: none names a line
  std::span<const std::int64_t> time = {};  // empty: rows that stand later are later
};

struct Netted {
  std::vector<std::int64_t> quantity, amount;
  std::vector<std::uint8_t> stands;
  std::int64_t returns = 0;
  std::int64_t lost = 0;  // returns that found no line
};

[[nodiscard]] Netted net(const NetLines& lines, int threads);

}  // namespace ybcore::checks
