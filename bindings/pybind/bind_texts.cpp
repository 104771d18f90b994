// The index of text identifiers.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "arrays.hpp"
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

template <class Offset>
py::array_t<std::int32_t> add(TextIndex& index, const In<Offset>& offsets, const In<std::uint8_t>& bytes, const Mask& valid) {
  const auto texts = texts_of<Offset>(offsets, bytes, valid);
  py::array_t<std::int32_t> numbers(static_cast<py::ssize_t>(texts.rows()));
  const auto out = written(numbers);
  py::gil_scoped_release release;
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

template <class T>
py::array view(const py::object& self, std::span<const T> values, const char* type) {
  return py::array(py::dtype(type), {static_cast<py::ssize_t>(values.size())}, {static_cast<py::ssize_t>(sizeof(T))}, values.data(), self);
}

}  // namespace

void bind_texts(py::module_& m) {
  py::class_<TextIndex>(m, "TextIndex", "Dense numbers of texts in order of first appearance.")
      .def(py::init<>())
      .def("__len__", &TextIndex::size)
      .def("add", &add<std::int32_t>, py::arg("offsets").noconvert(), py::arg("bytes").noconvert(),
           py::arg("valid").noconvert() = py::none(), "Number of every row, new texts added; -1 for an empty or missing one.")
      .def("add", &add<std::int64_t>, py::arg("offsets").noconvert(), py::arg("bytes").noconvert(),
           py::arg("valid").noconvert() = py::none())
      .def("find", &find<std::int32_t>, py::arg("offsets").noconvert(), py::arg("bytes").noconvert(), py::arg("valid").noconvert(),
           py::arg("numbers").noconvert(), py::arg("threads"),
           "Writes the number of every row into `numbers`; -1 for a text that is not there.")
      .def("find", &find<std::int64_t>, py::arg("offsets").noconvert(), py::arg("bytes").noconvert(), py::arg("valid").noconvert(),
           py::arg("numbers").noconvert(), py::arg("threads"))
      .def_property_readonly("offsets", [](const py::object& self) { return view(self, self.cast<const TextIndex&>().offsets(), "int64"); })
      .def_property_readonly("bytes", [](const py::object& self) { return view(self, self.cast<const TextIndex&>().bytes(), "uint8"); });
}

}  // namespace ybcore::bind
