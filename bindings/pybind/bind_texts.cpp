// The indexes of identifiers, texts and whole numbers, and the codes of dictionaries.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "ybcore/numbers.hpp"
#include "ybcore/texts.hpp"

namespace ybcore::bind {
namespace {

using Mask = std::optional<In<std::uint8_t>>;

template <class Offset>
Texts<Offset> texts_of(const In<Offset>& offsets, const In<std::uint8_t>& bytes, const Mask& valid) {
  const Texts<Offset> texts{span_of(offsets), reinterpret_cast<const char*>(bytes.data()), span_of(valid)};
  if (!well_formed(texts, static_cast<std::size_t>(bytes.size())))
    throw std::invalid_argument("offsets must rise inside the bytes, one more than rows");
  return texts;
}

using Entries = std::optional<In<std::int32_t>>;

template <class Offset>
py::array_t<std::int32_t> add(TextIndex& index, const In<Offset>& offsets, const In<std::uint8_t>& bytes, const Mask& valid,
                              const Entries& entries) {
  const auto texts = texts_of<Offset>(offsets, bytes, valid);
  const auto rows = span_of(entries);
  for (const std::int32_t row : rows)
    if (row < 0 || static_cast<std::size_t>(row) >= texts.rows()) throw py::index_error("an entry is beyond the texts");
  py::array_t<std::int32_t> numbers(static_cast<py::ssize_t>(entries ? rows.size() : texts.rows()));
  const auto out = written(numbers);
  py::gil_scoped_release release;
  if (entries)
    index.add(texts, rows, out);
  else
    index.add(texts, out);
  return numbers;
}

template <class Offset>
void find(const TextIndex& index, const In<Offset>& offsets, const In<std::uint8_t>& bytes, const Mask& valid,
          py::array_t<std::int32_t>& numbers, int threads) {
  const auto texts = texts_of<Offset>(offsets, bytes, valid);
  const auto out = written(numbers);
  same_length(out.size(), texts.rows(), "numbers");
  py::gil_scoped_release release;
  index.find(texts, out, threads);
}

void masked(const Mask& valid, std::size_t rows) {
  if (valid) same_length(static_cast<std::size_t>(valid->size()), rows, "valid");
}

py::array_t<std::int32_t> add_numbers(NumberIndex& index, const In<std::int64_t>& values, const Mask& valid) {
  const auto given = span_of(values);
  masked(valid, given.size());
  py::array_t<std::int32_t> numbers(values.size());
  const auto out = written(numbers);
  bool inside = false;
  {
    py::gil_scoped_release release;
    inside = index.add(given, span_of(valid), out);
  }
  if (!inside) throw std::invalid_argument("a value lies outside the bounds of the index");
  return numbers;
}

void find_numbers(const NumberIndex& index, const In<std::int64_t>& values, const Mask& valid, py::array_t<std::int32_t>& numbers,
                  int threads) {
  const auto given = span_of(values);
  const auto out = written(numbers);
  masked(valid, given.size());
  same_length(out.size(), given.size(), "numbers");
  py::gil_scoped_release release;
  index.find(given, span_of(valid), out, threads);
}

void known(bool all) {
  if (!all) throw py::index_error("a code is beyond its dictionary");
}

// Entries that these rows are the first to name.
template <class Code>
py::array_t<std::int32_t> rank(const In<Code>& codes, const Mask& valid, std::int32_t from, py::array_t<std::int32_t>& rank,
                               py::array_t<std::int32_t>& out) {
  masked(valid, span_of(codes).size());
  same_length(static_cast<std::size_t>(out.size()), span_of(codes).size(), "out");
  std::vector<std::int32_t> order;
  const auto ranks = written(rank), rows = written(out);
  bool all = false;
  {
    py::gil_scoped_release release;
    all = rank_codes(span_of(codes), span_of(valid), from, ranks, rows, order);
  }
  known(all);
  return owned(std::move(order));
}

template <class Code>
void coded(const In<Code>& codes, const Mask& valid, const In<std::int32_t>& numbers, py::array_t<std::int32_t>& out, int threads) {
  masked(valid, span_of(codes).size());
  same_length(static_cast<std::size_t>(out.size()), span_of(codes).size(), "out");
  const auto rows = written(out);
  bool all = false;
  {
    py::gil_scoped_release release;
    all = numbers_of(span_of(codes), span_of(valid), span_of(numbers), rows, threads);
  }
  known(all);
}

template <class Code>
void bind_codes(py::module_& m) {
  m.def("rank_codes", &rank<Code>, py::arg("codes").noconvert(), py::arg("valid").noconvert(), py::arg("start"),
        py::arg("rank").noconvert(), py::arg("out").noconvert(),
        "Ranks of coded rows by first appearance into `out`; gives the entries that got a rank here.");
  m.def("numbers_of", &coded<Code>, py::arg("codes").noconvert(), py::arg("valid").noconvert(), py::arg("numbers").noconvert(),
        py::arg("out").noconvert(), py::arg("threads"), "numbers[code] of every row into `out`; -1 for a missing or negative code.");
}

template <class T>
py::array view(const py::object& self, std::span<const T> values, const char* type) {
  return py::array(py::dtype(type), {static_cast<py::ssize_t>(values.size())}, {static_cast<py::ssize_t>(sizeof(T))}, values.data(), self);
}

}  // namespace

void bind_texts(py::module_& m) {
  bind_codes<std::int32_t>(m);
  bind_codes<std::int64_t>(m);
  py::class_<NumberIndex>(m, "NumberIndex", "Dense numbers of whole numbers between two bounds, in order of first appearance.")
      .def(py::init<std::int64_t, std::int64_t, std::size_t>(), py::arg("low"), py::arg("high"), py::arg("rows"))
      .def("__len__", &NumberIndex::size)
      .def("add", &add_numbers, py::arg("values").noconvert(), py::arg("valid").noconvert() = py::none(),
           "Number of every row, new values added; -1 for a missing one.")
      .def("find", &find_numbers, py::arg("values").noconvert(), py::arg("valid").noconvert(), py::arg("numbers").noconvert(),
           py::arg("threads"), "Writes the number of every row into `numbers`; -1 for a value that is not there.")
      .def_property_readonly("values",
                             [](const py::object& self) { return view(self, self.cast<const NumberIndex&>().values(), "int64"); });
  py::class_<TextIndex>(m, "TextIndex", "Dense numbers of texts in order of first appearance.")
      .def(py::init<std::size_t>(), py::arg("rows") = 0)
      .def("__len__", &TextIndex::size)
      .def("add", &add<std::int32_t>, py::arg("offsets").noconvert(), py::arg("bytes").noconvert(),
           py::arg("valid").noconvert() = py::none(), py::arg("entries").noconvert() = py::none(),
           "Number of every row, or of some, new texts added; -1 for an empty or missing one.")
      .def("add", &add<std::int64_t>, py::arg("offsets").noconvert(), py::arg("bytes").noconvert(),
           py::arg("valid").noconvert() = py::none(), py::arg("entries").noconvert() = py::none())
      .def("find", &find<std::int32_t>, py::arg("offsets").noconvert(), py::arg("bytes").noconvert(), py::arg("valid").noconvert(),
           py::arg("numbers").noconvert(), py::arg("threads"),
           "Writes the number of every row into `numbers`; -1 for a text that is not there.")
      .def("find", &find<std::int64_t>, py::arg("offsets").noconvert(), py::arg("bytes").noconvert(), py::arg("valid").noconvert(),
           py::arg("numbers").noconvert(), py::arg("threads"))
      .def_property_readonly("offsets", [](const py::object& self) { return view(self, self.cast<const TextIndex&>().offsets(), "int64"); })
      .def_property_readonly("bytes", [](const py::object& self) { return view(self, self.cast<const TextIndex&>().bytes(), "uint8"); });
}

}  // namespace ybcore::bind
