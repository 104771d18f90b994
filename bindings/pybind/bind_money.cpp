// The rounding division, so that it can be compared with another one from outside.
#include <pybind11/pybind11.h>

#include <stdexcept>

#include "ybcore/money.hpp"

namespace ybcore::bind {
namespace {

std::int64_t py_round_div(std::int64_t numerator, std::int64_t denominator, int mode) {
  if (denominator <= 0) throw std::invalid_argument("denominator must be above zero");
  if (mode < 0 || mode > static_cast<int>(RoundMode::kUp)) throw std::invalid_argument("mode must be 0 to 3");
  return static_cast<std::int64_t>(round_div(numerator, denominator, static_cast<RoundMode>(mode)));
}

}  // namespace

void bind_money(pybind11::module_& m) {
  m.def("round_div", &py_round_div, pybind11::arg("numerator"), pybind11::arg("denominator"), pybind11::arg("mode") = 0,
        "numerator / denominator, rounded on the absolute value: 0 half up, 1 half to even, 2 down, 3 up.");
}

}  // namespace ybcore::bind
