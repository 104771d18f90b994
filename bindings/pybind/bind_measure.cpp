// Sums and places under replicate weights.
#include <pybind11/pybind11.h>

#include "arrays.hpp"
#include "ybcore/measure.hpp"

namespace ybcore::bind {
namespace {

template <class T>
void within(const In<T>& values, std::size_t end, const char* what) {
  for (const T value : span_of(values))
    if (value < 0 || static_cast<std::size_t>(value) >= end) throw std::invalid_argument(std::string(what) + " is not sound");
}

Amounts amounts_of(const In<std::int32_t>& unit, const In<std::int32_t>& cell, const In<std::int64_t>& amount, std::size_t cells,
                   std::size_t units) {
  const auto rows = static_cast<std::size_t>(unit.size());
  same_length(static_cast<std::size_t>(cell.size()), rows, "cell");
  if (rows != 0 && static_cast<std::size_t>(amount.size()) % rows != 0) throw std::invalid_argument("amount is not sound");
  within(unit, units, "unit");
  within(cell, cells, "cell");
  return {span_of(unit), span_of(cell), span_of(amount), cells};
}

std::size_t columns_of(const Amounts& amounts) { return amounts.unit.empty() ? 0 : amounts.amount.size() / amounts.unit.size(); }

py::array_t<std::uint64_t> py_add_replicates(const In<std::uint8_t>& times, const In<std::int32_t>& unit, const In<std::int32_t>& cell,
                                             const In<std::int64_t>& amount, std::size_t cells) {
  if (times.ndim() != 2) throw std::invalid_argument("times is not sound");
  const auto number = static_cast<std::size_t>(times.shape(1));
  const Amounts amounts = amounts_of(unit, cell, amount, cells, static_cast<std::size_t>(times.shape(0)));
  auto out = filled<std::uint64_t>(columns_of(amounts) * cells * number, 0);
  const auto to = written(out);
  const auto drawn = span_of(times);
  {
    py::gil_scoped_release release;
    add_replicates({drawn, number}, amounts, to);
  }
  return out;
}

py::array_t<std::uint64_t> py_add_ranked(const In<std::int64_t>& rank, const In<std::int32_t>& unit, const In<std::int32_t>& cell,
                                         const In<std::int64_t>& amount, std::size_t cells) {
  if (rank.ndim() != 2) throw std::invalid_argument("rank is not sound");
  const auto number = static_cast<std::size_t>(rank.shape(1));
  const Amounts amounts = amounts_of(unit, cell, amount, cells, static_cast<std::size_t>(rank.shape(0)));
  auto out = filled<std::uint64_t>(columns_of(amounts) * cells * number * 2, 0);
  const auto to = written(out);
  const auto ranks = span_of(rank);
  {
    py::gil_scoped_release release;
    add_ranked(ranks, number, amounts, to);
  }
  return out;
}

py::array_t<std::int64_t> py_find_places(const In<std::uint8_t>& times, const In<std::int32_t>& unit, const In<std::int64_t>& weight,
                                         std::size_t start, py::array_t<std::int64_t> before, const In<std::int64_t>& target) {
  if (times.ndim() != 2) throw std::invalid_argument("times is not sound");
  const auto number = static_cast<std::size_t>(times.shape(1));
  within(unit, static_cast<std::size_t>(times.shape(0)), "unit");
  same_length(span_of(weight).size(), span_of(unit).size(), "weight");
  same_length(static_cast<std::size_t>(before.size()), number, "before");
  same_length(span_of(target).size(), number, "target");
  if (unit.size() == 0 || start > static_cast<std::size_t>(unit.size())) throw std::invalid_argument("start is not sound");
  auto place = filled<std::int64_t>(number, 0);
  const auto drawn = span_of(times);
  const auto units = span_of(unit);
  const auto weights = span_of(weight);
  const auto goals = span_of(target);
  const auto sums = written(before);
  const auto places = written(place);
  {
    py::gil_scoped_release release;
    find_places({drawn, number}, units, weights, start, sums, goals, places);
  }
  return place;
}

}  // namespace

void bind_measure(py::module_& m) {
  m.def("add_replicates", &py_add_replicates, py::arg("times").noconvert(), py::arg("unit").noconvert(), py::arg("cell").noconvert(),
        py::arg("amount").noconvert(), py::arg("cells"),
        "Sums by column, cell, replicate of times × amount, wrapping; see core/include/ybcore/measure.hpp.");
  m.def("add_ranked", &py_add_ranked, py::arg("rank").noconvert(), py::arg("unit").noconvert(), py::arg("cell").noconvert(),
        py::arg("amount").noconvert(), py::arg("cells"),
        "Sums by column, cell, replicate of amount × rank, in two words, the low one first.");
  m.def("find_places", &py_find_places, py::arg("times").noconvert(), py::arg("unit").noconvert(), py::arg("weight").noconvert(),
        py::arg("start"), py::arg("before").noconvert(), py::arg("target").noconvert(),
        "Of each replicate the first place where the weight up to it is at least the target; `before` is used up.");
}

}  // namespace ybcore::bind
