// Arrow columns as pages of borrowed memory, through the C stream that whoever has columns gives (`__arrow_c_stream__`).
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "arrow.hpp"
#include "ybcore/pages.hpp"

namespace ybcore::bind {

// The pages of one column, for as long as this stands.
class ArrowPages {
 public:
  explicit ArrowPages(const pybind11::object& column) : capsule_(column.attr("__arrow_c_stream__")()) {
    auto* stream = static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(capsule_.ptr(), "arrow_array_stream"));
    if (stream == nullptr) throw pybind11::error_already_set();
    if (stream->get_schema(stream, &schema_) != 0) throw std::runtime_error("a column gave no schema");
    while (true) {
      ArrowArray page{};
      if (stream->get_next(stream, &page) != 0) throw std::runtime_error("a column gave no page");
      if (page.release == nullptr) break;
      pages_.push_back(page);
      masks_.push_back(mask_of(page));
    }
  }
  ~ArrowPages() {
    for (ArrowArray& page : pages_) page.release(&page);
    if (schema_.release != nullptr) schema_.release(&schema_);
  }
  ArrowPages(const ArrowPages&) = delete;
  ArrowPages& operator=(const ArrowPages&) = delete;

  // As the C interface writes types; of codes for a dictionary, whose entries have another.
  [[nodiscard]] std::string_view format() const { return schema_.format; }
  [[nodiscard]] std::string_view entries() const { return schema_.dictionary == nullptr ? "" : schema_.dictionary->format; }
  [[nodiscard]] std::size_t rows() const {
    std::size_t all = 0;
    for (const ArrowArray& page : pages_) all += static_cast<std::size_t>(page.length);
    return all;
  }
  // Whether all numbers and offsets stand where they can be read.
  [[nodiscard]] bool aligned() const {
    for (const ArrowArray& page : pages_)
      if (!bind::aligned(format(), page) || (page.dictionary != nullptr && !bind::aligned(entries(), *page.dictionary))) return false;
    return true;
  }
  [[nodiscard]] std::span<const ArrowArray> pages() const { return pages_; }

  template <class Cell>
  [[nodiscard]] std::vector<Page<Cell>> cells() const {
    std::vector<Page<Cell>> out;
    for (std::size_t p = 0; p < pages_.size(); ++p) out.push_back({cells_of<Cell>(pages_[p]), masks_[p]});
    return out;
  }
  template <class Offset>
  [[nodiscard]] std::vector<Texts<Offset>> texts() const {
    std::vector<Texts<Offset>> out;
    for (std::size_t p = 0; p < pages_.size(); ++p) out.push_back(texts_of<Offset>(pages_[p], masks_[p]));
    return out;
  }

 private:
  pybind11::object capsule_;
  ArrowSchema schema_{};
  std::vector<ArrowArray> pages_;
  std::vector<std::vector<std::uint8_t>> masks_;
};

}  // namespace ybcore::bind
