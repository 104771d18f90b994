// A small batch as the bindings read it: columns by name, texts of one group numbered together.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ybcore/checks/spot.hpp"
#include "ybcore/few_texts.hpp"

namespace small {

using ybcore::checks::SpotTable;
using Texts = std::vector<std::string>;
using I64 = std::vector<std::int64_t>;

class Spot {
 public:
  ybcore::checks::SpotBook book;
  ybcore::checks::SpotInput input;

  void numbers(SpotTable table, const char* name, const I64& values) {
    auto& column = add(table, name, ybcore::checks::SpotWay::kNumber, values.size());
    numbers_.push_back(values);
    column.number = numbers_.back();
  }
  // An empty text is missing.
  void texts(SpotTable table, const char* name, const Texts& values, const std::string& group = "") {
    auto& column = add(table, name, ybcore::checks::SpotWay::kId, values.size());
    const std::string& set = group.empty() ? name : group;
    texts_.push_back(values);
    codes_.emplace_back();
    for (const std::string& text : texts_.back()) codes_.back().push_back(sets_[set].add(text));
    column.code = codes_.back();
    of_[input.columns.size() - 1] = set;
  }
  // Names the texts of every column; the items that the book keeps.
  void done(const Texts& items = {}) {
    for (const auto& [column, set] : of_) input.columns[column].text = sets_[set].texts();
    std::string bytes;
    std::vector<std::int64_t> offsets{0};
    for (const std::string& item : items) {
      bytes += item;
      offsets.push_back(static_cast<std::int64_t>(bytes.size()));
    }
    std::vector<std::int32_t> numbers(items.size());
    book.items.add(ybcore::Texts<std::int64_t>{offsets, bytes.data(), {}}, numbers);
    book.make_sets();
  }

 private:
  ybcore::checks::SpotColumn& add(SpotTable table, const char* name, ybcore::checks::SpotWay way, std::size_t rows) {
    book.columns.push_back({table, name, way});
    input.given[static_cast<std::size_t>(table)] = true;
    input.rows[static_cast<std::size_t>(table)] = rows;
    input.columns.push_back({true, {}, {}, {}});
    return input.columns.back();
  }

  std::deque<I64> numbers_;
  std::deque<std::vector<std::int32_t>> codes_;
  std::deque<Texts> texts_;
  std::map<std::string, ybcore::FewTexts> sets_;
  std::map<std::size_t, std::string> of_;
};

}  // namespace small
