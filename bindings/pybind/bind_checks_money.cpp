// What findings take out of lines, on NumPy arrays.
#include "arrays.hpp"
#include "ybcore/checks/moved.hpp"

namespace ybcore::bind {
namespace {

using I64 = In<std::int64_t>;

void not_below_zero(std::span<const std::int64_t> values, std::int64_t least, const char* what) {
  for (const std::int64_t value : values) {
    if (value < least) throw std::invalid_argument(std::string(what) + " is below zero");
  }
}

py::array_t<std::int64_t> py_shares(const I64& amount, const I64& quantity, const I64& excess) {
  same_length(span_of(quantity).size(), span_of(amount).size(), "quantity");
  same_length(span_of(excess).size(), span_of(amount).size(), "excess");
  not_below_zero(span_of(amount), 0, "amount");
  not_below_zero(span_of(quantity), 0, "quantity");
  not_below_zero(span_of(excess), checks::kWhole, "excess");
  py::array_t<std::int64_t> out(amount.size());
  const auto amounts = span_of(amount);
  const auto quantities = span_of(quantity);
  const auto beyond = span_of(excess);
  const auto to = written(out);
  py::gil_scoped_release release;
  checks::shares(amounts, quantities, beyond, to);
  return out;
}

void in_range(std::span<const std::int64_t> places, std::size_t size, const char* what) {
  for (const std::int64_t at : places) {
    if (at < 0 || static_cast<std::size_t>(at) >= size) throw std::invalid_argument(std::string(what) + " is out of range");
  }
}

py::array_t<std::int64_t> py_once(const I64& order, const I64& row, const I64& wanted, const In<std::uint8_t>& of_quantity,
                                  py::array_t<std::int64_t> left) {
  same_length(span_of(wanted).size(), span_of(row).size(), "wanted");
  same_length(span_of(of_quantity).size(), span_of(row).size(), "of_quantity");
  in_range(span_of(order), span_of(row).size(), "order");
  in_range(span_of(row), static_cast<std::size_t>(left.size()), "row");
  py::array_t<std::int64_t> out = filled<std::int64_t>(static_cast<std::size_t>(row.size()), 0);
  const auto places = span_of(order);
  const auto rows = span_of(row);
  const auto asked = span_of(wanted);
  const auto units = span_of(of_quantity);
  const auto rest = written(left);
  std::vector<std::int64_t> counted(rest.size(), 0);
  const auto to = written(out);
  py::gil_scoped_release release;
  checks::once(places, rows, asked, units, rest, counted, to);
  return out;
}

}  // namespace

void bind_checks_money(py::module_& m) {
  m.def("check_shares", &py_shares, py::arg("amount").noconvert(), py::arg("quantity").noconvert(), py::arg("excess").noconvert(),
        "Fen of each detail: amount * excess / quantity, half up; all of it for -1 or where all is excess.");
  m.def("check_once", &py_once, py::arg("order").noconvert(), py::arg("row").noconvert(), py::arg("wanted").noconvert(),
        py::arg("of_quantity").noconvert(), py::arg("left").noconvert(),
        "What details take from lines one after another; `left` of each line goes down. `of_quantity`: 1 for those that deny a part of a "
        "quantity, which are the same units.");
}

}  // namespace ybcore::bind
