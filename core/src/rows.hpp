// What came of the visits of one partition, a row a visit: four bytes a column that visits are likely to have, until a number does not fit;
// then all columns in full. Private to the kernel.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "ybcore/settle.hpp"

namespace ybcore {

// What became of a visit beside its columns.
struct Fate {
  std::int32_t plan;
  std::uint8_t outcome, reason, reversed, spare;
};

// Columns that nearly every visit has, in the order of their places in a narrow row.
inline constexpr std::array<Column, 24> kUsual{c_medfee_sumamt,
                                               c_fulamt_ownpay_amt,
                                               c_overlmt_selfpay,
                                               c_preselfpay_amt,
                                               c_inscp_scp_amt,
                                               c_dedc_std,
                                               c_crt_dedc,
                                               c_act_pay_dedc,
                                               c_burden_full_self_pay,
                                               c_burden_over_limit,
                                               c_burden_first_pay,
                                               c_burden_in_scope,
                                               c_burden_direct,
                                               c_burden_deductible,
                                               c_burden_copay,
                                               c_burden_over_ceiling,
                                               c_fund_pay_sumamt,
                                               c_psn_part_amt,
                                               c_acct_pay,
                                               c_psn_cash_pay,
                                               c_cut_fund,
                                               c_cut_expense,
                                               c_pool_prop_selfpay,
                                               c_balc};
[[nodiscard]] constexpr std::uint64_t bit(std::size_t column) { return std::uint64_t{1} << column; }
inline constexpr std::uint64_t kUsualColumns = [] {
  std::uint64_t out = 0;
  for (const Column c : kUsual) out |= bit(c);
  return out;
}();

// A narrow row: a Fate, the usual columns, others that visits are likely to have, and nothing up to whole vectors. Columns without a place
// share the first, where the fate comes last.
struct NarrowLayout {
  explicit NarrowLayout(std::uint64_t columns) {
    for (const Column c : kUsual) column[count++] = static_cast<std::uint8_t>(c);
    for (std::size_t c = 0; c < kColumns; ++c)
      if ((columns & ~kUsualColumns & bit(c)) != 0) column[count++] = static_cast<std::uint8_t>(c);
    std::size_t rest = count;
    for (std::size_t c = 0; c < kColumns; ++c)
      if (((columns | kUsualColumns) & bit(c)) == 0) column[rest++] = static_cast<std::uint8_t>(c);
    place.fill(kShared);
    for (std::size_t k = 0; k < count; ++k) place[column[k]] = static_cast<std::uint8_t>(kFirst + k);
    width = (kFirst + count + 3) / 4 * 4;
  }
  static constexpr std::uint8_t kShared = 0;
  static constexpr std::size_t kFirst = sizeof(Fate) / sizeof(std::int32_t);
  // Of a usual column.
  [[nodiscard]] static constexpr std::size_t usual(Column column) {
    std::size_t k = 0;
    while (kUsual[k] != column) ++k;
    return kFirst + k;
  }
  std::size_t count = 0, width = 0;                      // columns that have a place; numbers of a row
  std::array<std::uint8_t, kColumns> column{}, place{};  // columns in the order of their places, those without one at the end
  [[nodiscard]] bool has(std::size_t c) const { return place[c] != kShared; }
};
static_assert(sizeof(Fate) % sizeof(std::int32_t) == 0);

class Rows {
 public:
  explicit Rows(const NarrowLayout& layout) : layout_(layout) {}

  // Narrow rows of `visits` visits, in memory of the caller's (one row each `stride` numbers, at the visit's place) or the workspace's own.
  void start(std::size_t visits) {
    if (own_.size() < visits * layout_.width) own_.resize(visits * layout_.width);
    start(visits, own_.data(), layout_.width, nullptr);
  }
  void start(std::size_t visits, std::int32_t* rows, std::size_t stride, const std::uint32_t* place) {
    visits_ = visits;
    rows_ = rows;
    stride_ = stride;
    place_ = place;
    is_narrow_ = true;
  }
  [[nodiscard]] std::size_t visits() const { return visits_; }
  [[nodiscard]] bool narrow() const { return is_narrow_; }
  [[nodiscard]] const NarrowLayout& layout() const { return layout_; }
  [[nodiscard]] std::int32_t* narrow(std::size_t row) const { return rows_ + (place_ == nullptr ? row : place_[row]) * stride_; }
  [[nodiscard]] std::int64_t* wide(std::size_t row) { return wide_.data() + row * kColumns; }
  [[nodiscard]] const std::int64_t* wide(std::size_t row) const { return wide_.data() + row * kColumns; }

  void put(std::size_t row, const std::int64_t* columns) {
    if (is_narrow_ && !fits(columns)) widen();
    if (!is_narrow_) {
      std::memcpy(wide(row), columns, kColumns * sizeof(std::int64_t));
      return;
    }
    std::int32_t* to = narrow(row) + NarrowLayout::kFirst;
    for (std::size_t k = 0; k < layout_.count; ++k) to[k] = static_cast<std::int32_t>(columns[layout_.column[k]]);
  }
  void get(std::size_t row, std::int64_t* columns) const {
    if (!is_narrow_) {
      std::memcpy(columns, wide(row), kColumns * sizeof(std::int64_t));
      return;
    }
    const std::int32_t* from = narrow(row) + NarrowLayout::kFirst;
    std::memset(columns, 0, kColumns * sizeof(std::int64_t));
    for (std::size_t k = 0; k < layout_.count; ++k) columns[layout_.column[k]] = from[k];
  }
  // In full from here on. Rows that nobody has put hold anything.
  void widen() {
    wide_.resize(visits_ * kColumns);
    for (std::size_t r = 0; r < visits_; ++r) get(r, wide(r));
    is_narrow_ = false;
  }

 private:
  const NarrowLayout& layout_;
  std::size_t visits_ = 0, stride_ = 0;
  bool is_narrow_ = true;
  std::int32_t* rows_ = nullptr;
  const std::uint32_t* place_ = nullptr;
  std::vector<std::int32_t> own_;
  std::vector<std::int64_t> wide_;

  [[nodiscard]] bool fits(const std::int64_t* columns) const {
    std::uint64_t beyond = 0;
    for (std::size_t c = 0; c < kColumns; ++c) beyond |= (static_cast<std::uint64_t>(columns[c]) + (std::uint64_t{1} << 31)) >> 32;
    for (std::size_t k = layout_.count; k < kColumns; ++k) beyond |= static_cast<std::uint64_t>(columns[layout_.column[k]]);
    return beyond == 0;
  }
};

}  // namespace ybcore
