// Which of a key's rows holds for an event: days, region, level (entries.hpp says what they mean).
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>
#include <span>

#include "ybcore/checks/entries.hpp"

namespace ybcore::checks {

class Dated {
 public:
  Dated(const EntryTable& table, const EntryEvents& events) : table_(table), events_(events) {}

  [[nodiscard]] bool always(std::size_t row) const noexcept {
    const bool open = table_.from.empty() || (table_.from[row] == INT32_MIN && table_.to[row] == INT32_MAX);
    return open && any(table_.region, row) && any(table_.level, row);
  }

  // Nothing that a row may ask for is missing.
  [[nodiscard]] bool sure(std::size_t i) const noexcept {
    return (table_.from.empty() || (!events_.day.empty() && events_.day[i] != INT32_MIN)) && (table_.region.empty() || region(i) >= 0) &&
           (table_.level.empty() || level(i) >= 0);
  }

  // The first of `rows` that holds for event i, kNoEntry or kEntryUnknown.
  template <class Row>
  [[nodiscard]] std::int32_t first(std::span<const Row> rows, std::size_t i) const noexcept {
    std::int32_t found = kNoEntry;
    const std::int32_t day = events_.day.empty() ? INT32_MIN : events_.day[i];
    for (const Row at : rows) {
      const auto row = static_cast<std::size_t>(at);
      if (!table_.from.empty() && (table_.from[row] >= table_.to[row] || !dated(row, day))) continue;
      if (lacks_day(row, day) || (!any(table_.region, row) && region(i) < 0) || (!any(table_.level, row) && level(i) < 0))
        return kEntryUnknown;
      if (found == kNoEntry && fits(row, i)) found = static_cast<std::int32_t>(row);
    }
    return found;
  }

 private:
  static bool any(std::span<const std::int32_t> column, std::size_t row) noexcept { return column.empty() || column[row] < 0; }
  [[nodiscard]] std::int32_t region(std::size_t i) const noexcept { return events_.region.empty() ? -1 : events_.region[i]; }
  [[nodiscard]] std::int32_t level(std::size_t i) const noexcept { return events_.level.empty() ? -1 : events_.level[i]; }

  // Without a day any row might hold.
  [[nodiscard]] bool dated(std::size_t row, std::int32_t day) const noexcept {
    return day == INT32_MIN || (day >= table_.from[row] && day < table_.to[row]);
  }
  [[nodiscard]] bool lacks_day(std::size_t row, std::int32_t day) const noexcept {
    return day == INT32_MIN && !table_.from.empty() && !(table_.from[row] == INT32_MIN && table_.to[row] == INT32_MAX);
  }
  [[nodiscard]] bool fits(std::size_t row, std::size_t i) const noexcept {
    if (!any(table_.level, row) && table_.level[row] != level(i)) return false;
    if (any(table_.region, row)) return true;
    return table_.fits[static_cast<std::size_t>(table_.region[row]) * table_.regions + static_cast<std::size_t>(region(i))] != 0;
  }

  const EntryTable& table_;
  const EntryEvents& events_;
};

}  // namespace ybcore::checks
