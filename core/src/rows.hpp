// What came of the visits of one partition, a row a visit: four bytes a column that visits are likely to have, until a number does not fit;
// then all columns in full. Private to the kernel.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "ybcore/settle.hpp"

namespace ybcore {

// Where each column stands in a narrow row; columns without a place share the one behind the last.
struct NarrowLayout {
  explicit NarrowLayout(std::uint64_t columns) {
    for (std::size_t c = 0; c < kColumns; ++c)
      if (((columns >> c) & 1) != 0) column[count++] = static_cast<std::uint8_t>(c);
    place.fill(count);
    for (std::uint8_t k = 0; k < count; ++k) place[column[k]] = k;
  }
  std::uint8_t count = 0;
  std::array<std::uint8_t, kColumns> column{}, place{};
};

class Rows {
 public:
  explicit Rows(const NarrowLayout& layout) : layout_(layout), width_(layout.count + std::size_t{1}) {}

  void start(std::size_t visits) {
    visits_ = visits;
    is_narrow_ = true;
    if (narrow_.size() < visits * width_) narrow_.resize(visits * width_);
  }
  [[nodiscard]] std::size_t visits() const { return visits_; }
  [[nodiscard]] bool narrow() const { return is_narrow_; }
  [[nodiscard]] const NarrowLayout& layout() const { return layout_; }
  [[nodiscard]] std::int32_t* narrow(std::size_t row) { return narrow_.data() + row * width_; }
  [[nodiscard]] const std::int32_t* narrow(std::size_t row) const { return narrow_.data() + row * width_; }
  [[nodiscard]] std::int64_t* wide(std::size_t row) { return wide_.data() + row * kColumns; }
  [[nodiscard]] const std::int64_t* wide(std::size_t row) const { return wide_.data() + row * kColumns; }

  void put(std::size_t row, const std::int64_t* columns) {
    if (is_narrow_ && !fits(columns)) widen();
    if (!is_narrow_) {
      std::memcpy(wide(row), columns, kColumns * sizeof(std::int64_t));
      return;
    }
    for (std::size_t k = 0; k < layout_.count; ++k) narrow(row)[k] = static_cast<std::int32_t>(columns[layout_.column[k]]);
  }
  void get(std::size_t row, std::int64_t* columns) const {
    if (!is_narrow_) {
      std::memcpy(columns, wide(row), kColumns * sizeof(std::int64_t));
      return;
    }
    std::memset(columns, 0, kColumns * sizeof(std::int64_t));
    for (std::size_t k = 0; k < layout_.count; ++k) columns[layout_.column[k]] = narrow(row)[k];
  }
  void zero(std::size_t row) {
    if (is_narrow_) {
      std::memset(narrow(row), 0, width_ * sizeof(std::int32_t));
    } else {
      std::memset(wide(row), 0, kColumns * sizeof(std::int64_t));
    }
  }
  // In full from here on. Rows that nobody has put hold anything.
  void widen() {
    wide_.resize(visits_ * kColumns);
    for (std::size_t r = 0; r < visits_; ++r) get(r, wide(r));
    is_narrow_ = false;
  }

 private:
  const NarrowLayout& layout_;
  const std::size_t width_;
  std::size_t visits_ = 0;
  bool is_narrow_ = true;
  std::vector<std::int32_t> narrow_;
  std::vector<std::int64_t> wide_;

  [[nodiscard]] bool fits(const std::int64_t* columns) const {
    bool out = true;
    for (std::size_t c = 0; c < kColumns; ++c) {
      out &= columns[c] == static_cast<std::int32_t>(columns[c]);
      out &= columns[c] == 0 || layout_.place[c] != layout_.count;
    }
    return out;
  }
};

}  // namespace ybcore
