// The dated catalogue: built once from sorted columns, then shared.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>

#include "arrays.hpp"
#include "ybcore/catalog.hpp"
#include "ybcore/names.hpp"

namespace ybcore::bind {
namespace {

using I32 = In<std::int32_t>;

void within(std::span<const std::int32_t> values, std::int32_t low, std::int64_t below, const char* what) {
  for (const std::int32_t value : values) {
    if (value < low || value >= below) throw std::invalid_argument(std::string(what) + " is out of range");
  }
}

std::unique_ptr<Catalog> build(std::int64_t items, const I32& class_item, const I32& class_place, const I32& class_begin,
                               const I32& class_end, const I32& class_ratio, const In<std::uint8_t>& item_class,
                               const In<std::uint8_t>& direct, const I32& tag, const I32& ratio_item, const I32& ratio_place,
                               const I32& ratio_key, const I32& ratio_begin, const I32& ratio_end, const I32& ratio, const I32& cap_item,
                               const I32& cap_place, const I32& cap_key, const I32& cap_begin, const I32& cap_end,
                               const In<std::int64_t>& cap) {
  const DatedColumns classes{span_of(class_item), span_of(class_place), {}, span_of(class_begin), span_of(class_end)};
  const DatedColumns ratios{span_of(ratio_item), span_of(ratio_place), span_of(ratio_key), span_of(ratio_begin), span_of(ratio_end)};
  const DatedColumns caps{span_of(cap_item), span_of(cap_place), span_of(cap_key), span_of(cap_begin), span_of(cap_end)};
  for (const DatedColumns* table : {&classes, &ratios, &caps}) {
    within(table->item, 0, items, "item");
    same_length(table->place.size(), table->item.size(), "place");
    same_length(table->begin.size(), table->item.size(), "begin");
    same_length(table->end.size(), table->item.size(), "end");
    if (table != &classes) same_length(table->key.size(), table->item.size(), "key");
  }
  within(span_of(tag), 0, 65536, "tag");
  same_length(span_of(class_ratio).size(), classes.item.size(), "class_ratio");
  same_length(span_of(item_class).size(), classes.item.size(), "item_class");
  same_length(span_of(direct).size(), classes.item.size(), "direct");
  same_length(span_of(tag).size(), classes.item.size(), "tag");
  same_length(span_of(ratio).size(), ratios.item.size(), "ratio");
  same_length(span_of(cap).size(), caps.item.size(), "cap");
  return std::make_unique<Catalog>(static_cast<std::size_t>(items), classes, span_of(class_ratio), span_of(item_class), span_of(direct),
                                   span_of(tag), ratios, span_of(ratio), caps, span_of(cap));
}

template <class Row>
py::bytes bytes_of(std::span<const Row> rows) {
  return {reinterpret_cast<const char*>(rows.data()), rows.size_bytes()};
}

// Heads, classes, ratios and caps as they stand in memory: what an image holds of a catalogue.
py::tuple rows_of(const Catalog& catalog) {
  const CatalogRows rows = catalog.rows();
  return py::make_tuple(bytes_of(rows.heads), bytes_of(rows.classes), bytes_of(rows.ratios), bytes_of(rows.caps));
}

py::array_t<std::int32_t> py_text_table(const In<std::uint32_t>& begin, const py::bytes& text) {
  const auto from = span_of(begin);
  const std::string_view all = text;
  if (from.empty() || from.back() > all.size()) throw std::invalid_argument("begin must end inside the text");
  return owned(table_of(from.size() - 1, [&](std::size_t i) { return all.substr(from[i], from[i + 1] - from[i]); }));
}

}  // namespace

void bind_catalog(py::module_& m) {
  py::class_<Catalog>(m, "Catalog", "Dated classes, first-pay ratios and price caps of items; immutable.")
      .def(py::init(&build), py::arg("items"), py::arg("class_item"), py::arg("class_place"), py::arg("class_begin"), py::arg("class_end"),
           py::arg("class_ratio"), py::arg("item_class"), py::arg("direct"), py::arg("tag"), py::arg("ratio_item"), py::arg("ratio_place"),
           py::arg("ratio_key"), py::arg("ratio_begin"), py::arg("ratio_end"), py::arg("ratio"), py::arg("cap_item"), py::arg("cap_place"),
           py::arg("cap_key"), py::arg("cap_begin"), py::arg("cap_end"), py::arg("cap"))
      .def_property_readonly("items", &Catalog::items)
      .def("rows", &rows_of, "(heads, classes, ratios, caps) as bytes, for an image.");
  m.def("text_hash", [](const py::bytes& text) { return hash_of(text); }, py::arg("text"), "The hash that images and states use.");
  m.def("text_table", &py_text_table, py::arg("begin").noconvert(), py::arg("text"),
        "Where an image looks for a text: number of each by its place, -1 free.");
}

}  // namespace ybcore::bind
