// Columns of few rows given away through the Arrow C data interface.
#pragma once

#include <pybind11/pybind11.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pages.hpp"
#include "ybcore/checks/found.hpp"

namespace ybcore::bind {

// A table that is made column by column; it may be given away more than once.
class OutTable {
 public:
  OutTable(std::size_t rows, std::size_t columns) : rows_(rows), columns_(std::make_shared<std::vector<Column>>()) {
    columns_->reserve(columns);
  }

  // A missing number (kUnknown) is null.
  void numbers(const char* name, const std::vector<std::int64_t>& values) {
    Column& to = add(name, "l");
    to.data.resize(values.size() * sizeof(std::int64_t));
    if (!values.empty()) std::memcpy(to.data.data(), values.data(), to.data.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      if (values[i] == checks::kUnknown) null(to, i);
  }
  void nulls(const char* name) { numbers(name, std::vector<std::int64_t>(rows_, checks::kUnknown)); }
  template <class Is>
  void truths(const char* name, Is is) {
    Column& to = add(name, "b");
    to.data.assign((rows_ + 7) / 8, 0);
    for (std::size_t i = 0; i < rows_; ++i)
      if (is(i)) to.data[i / 8] = static_cast<std::uint8_t>(to.data[i / 8] | 1U << i % 8);
  }
  // text(i): the text of row i, with a null data pointer where there is none. `wide`: offsets of 64 bits.
  template <class Text>
  void texts(const char* name, bool wide, Text text) {
    Column& to = add(name, wide ? "U" : "u");
    const std::size_t size = wide ? sizeof(std::int64_t) : sizeof(std::int32_t);
    to.offsets.resize((rows_ + 1) * size);
    for (std::size_t i = 0; i < rows_; ++i) {
      const std::string_view own = text(i);
      if (own.data() == nullptr) null(to, i);
      to.data.insert(to.data.end(), own.begin(), own.end());
      const auto end = static_cast<std::int64_t>(to.data.size());
      const auto narrow = static_cast<std::int32_t>(end);
      std::memcpy(to.offsets.data() + (i + 1) * size, wide ? static_cast<const void*>(&end) : &narrow, size);
    }
  }

  // The types of the columns: tables of one kind have one schema where these are the same.
  [[nodiscard]] std::string formats() const {
    std::string out;
    for (const Column& own : *columns_) out += own.format;
    return out;
  }

  // (schema, array) as `__arrow_c_array__` gives them.
  [[nodiscard]] pybind11::tuple give() const {
    auto* schema = new ArrowSchema{};
    auto* array = new ArrowArray{};
    fill(*schema);
    fill(*array);
    auto held = [](auto* what, const char* name, void (*drop)(PyObject*)) {
      return pybind11::reinterpret_steal<pybind11::object>(PyCapsule_New(what, name, drop));
    };
    return pybind11::make_tuple(held(schema, "arrow_schema", &drop<ArrowSchema, 's'>), held(array, "arrow_array", &drop<ArrowArray, 'a'>));
  }

  // What `import` makes of the array alone (`RecordBatch._import_from_c`), of a schema that is known.
  [[nodiscard]] pybind11::object batch(const pybind11::object& import, const pybind11::object& schema) const {
    ArrowArray array{};
    fill(array);
    try {
      return import(reinterpret_cast<std::uintptr_t>(&array), schema);
    } catch (...) {
      if (array.release != nullptr) array.release(&array);
      throw;
    }
  }

 private:
  struct Column {
    const char *name, *format;  // literals
    std::vector<std::uint8_t> valid, offsets, data;
    std::int64_t missing = 0;
  };
  // A schema or an array with its children, and the columns for as long as one of them is not released.
  template <class What>
  struct Given {
    std::shared_ptr<const std::vector<Column>> columns;
    std::vector<What> own;
    std::vector<What*> at;
    std::vector<std::array<const void*, 3>> buffers;
    const void* none = nullptr;
    std::atomic<std::size_t> held = 0;
  };

  template <class What, char kWhich>
  static void drop(PyObject* capsule) {
    auto* what = static_cast<What*>(PyCapsule_GetPointer(capsule, kWhich == 's' ? "arrow_schema" : "arrow_array"));
    if (what->release != nullptr) what->release(what);
    delete what;
  }
  template <class What>
  static void release(What* what) {
    for (std::int64_t c = 0; c < what->n_children; ++c)
      if (what->children[c]->release != nullptr) what->children[c]->release(what->children[c]);
    auto* given = static_cast<Given<What>*>(what->private_data);
    what->release = nullptr;
    if (--given->held == 0) delete given;
  }

  Column& add(const char* name, const char* format) { return columns_->emplace_back(Column{name, format, {}, {}, {}, 0}); }
  void null(Column& to, std::size_t row) const {
    if (to.valid.empty()) to.valid.assign((rows_ + 7) / 8, 0xFF);
    to.valid[row / 8] = static_cast<std::uint8_t>(to.valid[row / 8] & ~(1U << row % 8));
    ++to.missing;
  }

  template <class What>
  [[nodiscard]] Given<What>* given() const {
    auto* out = new Given<What>{};
    const std::size_t n = columns_->size();
    out->columns = columns_;
    out->held = n + 1;
    out->own.resize(n);
    out->at.reserve(n);
    for (What& own : out->own) out->at.push_back(&own);
    return out;
  }

  void fill(ArrowSchema& schema) const {
    auto* all = given<ArrowSchema>();
    for (std::size_t c = 0; c < columns_->size(); ++c) {
      const Column& own = (*columns_)[c];
      all->own[c] = {own.format, own.name, nullptr, 2, 0, nullptr, nullptr, &release<ArrowSchema>, all};
    }
    schema = {"+s", "", nullptr, 0, static_cast<std::int64_t>(all->at.size()), all->at.data(), nullptr, &release<ArrowSchema>, all};
  }

  void fill(ArrowArray& array) const {
    auto* all = given<ArrowArray>();
    const auto rows = static_cast<std::int64_t>(rows_);
    static const std::uint8_t kEmpty[8] = {};
    all->buffers.resize(columns_->size());
    for (std::size_t c = 0; c < columns_->size(); ++c) {
      const Column& own = (*columns_)[c];
      const void* data = own.data.empty() ? static_cast<const void*>(kEmpty) : own.data.data();
      const void* valid = own.valid.empty() ? nullptr : own.valid.data();
      const bool plain = own.offsets.empty();
      all->buffers[c] = {valid, plain ? data : own.offsets.data(), data};
      all->own[c] = {rows, own.missing, 0, plain ? 2 : 3, 0, all->buffers[c].data(), nullptr, nullptr, &release<ArrowArray>, all};
    }
    array = {rows, 0, 0, 1, static_cast<std::int64_t>(all->at.size()), &all->none, all->at.data(), nullptr, &release<ArrowArray>, all};
  }

  std::size_t rows_;
  std::shared_ptr<std::vector<Column>> columns_;
};

}  // namespace ybcore::bind
