// Columns of few rows given away through the Arrow C data interface.
#pragma once

#include <pybind11/pybind11.h>

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
  explicit OutTable(std::size_t rows) : rows_(rows) {}

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
    const auto offset = [&](std::int64_t at) {
      const auto narrow = static_cast<std::int32_t>(at);
      const void* from = wide ? static_cast<const void*>(&at) : &narrow;
      const std::size_t size = wide ? sizeof(at) : sizeof(narrow), end = to.offsets.size();
      to.offsets.resize(end + size);
      std::memcpy(to.offsets.data() + end, from, size);
    };
    offset(0);
    for (std::size_t i = 0; i < rows_; ++i) {
      const std::string_view own = text(i);
      if (own.data() == nullptr) null(to, i);
      to.data.insert(to.data.end(), own.begin(), own.end());
      offset(static_cast<std::int64_t>(to.data.size()));
    }
  }

  // (schema, array) as `__arrow_c_array__` gives them.
  [[nodiscard]] pybind11::tuple give() const {
    auto* schema = new ArrowSchema{};
    auto* array = new ArrowArray{};
    fill(*schema, *array);
    auto held = [](auto* what, const char* name, void (*drop)(PyObject*)) {
      return pybind11::reinterpret_steal<pybind11::object>(PyCapsule_New(what, name, drop));
    };
    return pybind11::make_tuple(held(schema, "arrow_schema", &drop<ArrowSchema, 's'>), held(array, "arrow_array", &drop<ArrowArray, 'a'>));
  }

 private:
  struct Column {
    std::string name, format;
    std::vector<std::uint8_t> valid, offsets, data;
    std::int64_t missing = 0;
  };
  struct Given {
    std::vector<Column> columns;
    std::vector<ArrowSchema> schemas;
    std::vector<ArrowArray> arrays;
    std::vector<ArrowSchema*> schema_at;
    std::vector<ArrowArray*> array_at;
    std::vector<std::vector<const void*>> buffers;
    const void* none = nullptr;
    std::atomic<std::size_t> held = 0;  // schemas and arrays that are not released
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
    auto* given = static_cast<Given*>(what->private_data);
    what->release = nullptr;
    if (--given->held == 0) delete given;
  }

  Column& add(const char* name, const char* format) {
    columns_.push_back({name, format, {}, {}, {}, 0});
    return columns_.back();
  }
  void null(Column& to, std::size_t row) const {
    if (to.valid.empty()) to.valid.assign((rows_ + 7) / 8, 0xFF);
    to.valid[row / 8] = static_cast<std::uint8_t>(to.valid[row / 8] & ~(1U << row % 8));
    ++to.missing;
  }

  void fill(ArrowSchema& schema, ArrowArray& array) const {
    auto* given = new Given{};
    given->columns = columns_;
    const std::size_t n = columns_.size();
    given->held = 2 * (n + 1);
    given->schemas.resize(n);
    given->arrays.resize(n);
    given->buffers.resize(n);
    const auto rows = static_cast<std::int64_t>(rows_);
    static const std::uint8_t kEmpty[8] = {};
    for (std::size_t c = 0; c < n; ++c) {
      const Column& own = given->columns[c];
      const void* data = own.data.empty() ? static_cast<const void*>(kEmpty) : own.data.data();
      const void* valid = own.valid.empty() ? nullptr : own.valid.data();
      given->buffers[c] =
          own.offsets.empty() ? std::vector<const void*>{valid, data} : std::vector<const void*>{valid, own.offsets.data(), data};
      given->schemas[c] = {own.format.c_str(), own.name.c_str(), nullptr, 2, 0, nullptr, nullptr, &release<ArrowSchema>, given};
      given->arrays[c] = {
          rows,    own.missing,          0,    static_cast<std::int64_t>(given->buffers[c].size()), 0, given->buffers[c].data(), nullptr,
          nullptr, &release<ArrowArray>, given};
      given->schema_at.push_back(&given->schemas[c]);
      given->array_at.push_back(&given->arrays[c]);
    }
    schema = {"+s", "", nullptr, 0, static_cast<std::int64_t>(n), given->schema_at.data(), nullptr, &release<ArrowSchema>, given};
    array = {rows, 0, 0, 1, static_cast<std::int64_t>(n), &given->none, given->array_at.data(), nullptr, &release<ArrowArray>, given};
  }

  std::size_t rows_;
  std::vector<Column> columns_;
};

}  // namespace ybcore::bind
