// K12, K14, K15: composition, reconciliation, validity.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "checked.hpp"
#include "ybcore/checks/compose.hpp"
#include "ybcore/checks/stock.hpp"
#include "ybcore/checks/valid.hpp"

namespace ybcore::bind {
namespace {

checks::Composition composition(const I64& begin, const I32& item, std::int32_t items) {
  if (items < 0) refuse("items", "is negative");
  return {offsets_of(begin, static_cast<std::size_t>(item.size())), within(span_of(item), -1, items, "item"), items};
}

py::dict py_distinct(const I64& begin, const I32& item, std::int32_t items, const Maybe<std::int32_t>& scope, const I64& threshold_begin,
                     const I64& threshold, const std::string& compared, int threads) {
  const checks::Composition lines = composition(begin, item, items);
  const auto starts = offsets_of(threshold_begin, static_cast<std::size_t>(threshold.size()), "threshold_begin");
  if (starts.size() < 2) refuse("threshold_begin", "is of no scope");
  const checks::DistinctRule rule{comparator_of(compared),
                                  within(rows_of(scope, lines.begin.size() - 1, "scope"), -1, threshold_begin.size() - 1, "scope"), starts,
                                  span_of(threshold)};
  return found_by([&] { return checks::distinct(lines, rule, threads); });
}

py::dict py_listed(const I64& begin, const I32& item, std::int32_t items, const U8& listed, bool single, int threads) {
  const checks::Composition lines = composition(begin, item, items);
  const auto in_list = rows_of(listed, lines.item.size(), "listed");
  return found_by([&] { return single ? checks::single(lines, in_list, threads) : checks::all_in(lines.begin, in_list, threads); });
}

py::dict py_same_class(const I64& begin, const I32& item, std::int32_t items, const I32& of_class, std::int32_t classes, bool of_lines,
                       int threads) {
  const checks::Composition lines = composition(begin, item, items);
  if (classes < 0) refuse("classes", "is negative");
  const auto shared = within(rows_of(of_class, lines.item.size(), "of_class"), checks::kUnclassed, classes, "of_class");
  return found_by([&] { return checks::same_class(lines, shared, classes, of_lines, threads); });
}

py::dict py_stock(const I64& begin, const I32& day, const I64& quantity, const I32& key, const I32& from, const I32& to, const I64& open,
                  const I64& in, const I64& close, const I64& factor, std::int64_t tolerance, int threads) {
  const auto sold = static_cast<std::size_t>(day.size()), rows = static_cast<std::size_t>(key.size());
  const checks::Sales sales{offsets_of(begin, sold), span_of(day), rows_of(quantity, sold, "quantity")};
  const checks::StockRows stock{within(span_of(key), -1, begin.size() - 1, "key"),
                                rows_of(from, rows, "from_day"),
                                rows_of(to, rows, "to_day"),
                                rows_of(open, rows, "open"),
                                rows_of(in, rows, "taken"),
                                rows_of(close, rows, "close"),
                                rows_of(factor, rows, "factor")};
  return found_by([&] { return checks::stock(sales, stock, tolerance, threads); });
}

py::dict py_repeated(const I64& begin, std::int64_t rows, int threads) {
  const auto groups = offsets_of(begin, static_cast<std::size_t>(rows));
  return found_by([&] { return checks::repeated(groups, threads); });
}

py::dict py_flagged(const U8& state, int threads) {
  const auto rows = span_of(state);
  return found_by([&] { return checks::flagged(rows, threads); });
}

py::dict py_sums(const I64& begin, const I64& amount, const I64& total, std::int64_t tolerance, int threads) {
  const auto visits = offsets_of(begin, static_cast<std::size_t>(amount.size()));
  const auto amounts = span_of(amount), totals = rows_of(total, visits.size() - 1, "total");
  return found_by([&] { return checks::sums(visits, amounts, totals, tolerance, threads); });
}

py::dict py_product(const I64& quantity, const I64& price, const I64& amount, std::int64_t tolerance, int threads) {
  const auto rows = static_cast<std::size_t>(quantity.size());
  const auto quantities = span_of(quantity), prices = rows_of(price, rows, "price"), amounts = rows_of(amount, rows, "amount");
  return found_by([&] { return checks::product(quantities, prices, amounts, tolerance, threads); });
}

py::dict py_order(const I64& earlier, const I64& later, int threads) {
  const auto one = span_of(earlier), other = rows_of(later, one.size(), "later");
  return found_by([&] { return checks::order(one, other, threads); });
}

py::dict py_delay(const I64& from, const I64& to, std::int64_t hours, const std::string& compared, int threads) {
  const auto one = span_of(from), other = rows_of(to, one.size(), "to_time");
  const checks::Comparator by = comparator_of(compared);
  return found_by([&] { return checks::delay(one, other, hours, by, threads); });
}

}  // namespace

void bind_checks_compose(py::module_& m) {
  m.def("check_distinct", &py_distinct, py::arg("begin").noconvert(), py::arg("item").noconvert(), py::arg("items"),
        py::arg("scope").noconvert(), py::arg("threshold_begin").noconvert(), py::arg("threshold").noconvert(), py::arg("comparator"),
        py::arg("threads") = 1, "K12: how many different items.");
  m.def("check_listed_lines", &py_listed, py::arg("begin").noconvert(), py::arg("item").noconvert(), py::arg("items"),
        py::arg("listed").noconvert(), py::arg("single") = false, py::arg("threads") = 1, "K12: all lines in a list, or its one item.");
  m.def("check_same_class", &py_same_class, py::arg("begin").noconvert(), py::arg("item").noconvert(), py::arg("items"),
        py::arg("of_class").noconvert(), py::arg("classes"), py::arg("of_lines") = true, py::arg("threads") = 1,
        "K12: lines that share a class.");
  m.def("check_stock", &py_stock, py::arg("begin").noconvert(), py::arg("day").noconvert(), py::arg("quantity").noconvert(),
        py::arg("key").noconvert(), py::arg("from_day").noconvert(), py::arg("to_day").noconvert(), py::arg("open").noconvert(),
        py::arg("taken").noconvert(), py::arg("close").noconvert(), py::arg("factor").noconvert(), py::arg("tolerance") = 0,
        py::arg("threads") = 1, "K14: more sold than there was.");
  m.def("check_repeated", &py_repeated, py::arg("begin").noconvert(), py::arg("rows"), py::arg("threads") = 1,
        "K14, K15: values that more than one row has.");
  m.def("check_flagged", &py_flagged, py::arg("state").noconvert(), py::arg("threads") = 1, "K15: rows of state 1; 2 is unknown.");
  m.def("check_sums", &py_sums, py::arg("begin").noconvert(), py::arg("amount").noconvert(), py::arg("total").noconvert(),
        py::arg("tolerance") = 0, py::arg("threads") = 1, "K15: lines against the visit's total.");
  m.def("check_product", &py_product, py::arg("quantity").noconvert(), py::arg("price").noconvert(), py::arg("amount").noconvert(),
        py::arg("tolerance") = 0, py::arg("threads") = 1, "K15: quantity times price against the amount.");
  m.def("check_in_order", &py_order, py::arg("earlier").noconvert(), py::arg("later").noconvert(), py::arg("threads") = 1,
        "K15: what is later than it may be.");
  m.def("check_delay", &py_delay, py::arg("from_time").noconvert(), py::arg("to_time").noconvert(), py::arg("hours"), py::arg("comparator"),
        py::arg("threads") = 1, "K15: hours between two times.");
}

}  // namespace ybcore::bind
