#include "ybcore/checks/entries.hpp"

#include <climits>
#include <vector>

#include "../split.hpp"

namespace ybcore::checks {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18;
constexpr std::int32_t kSeveral = -3;

enum class Fit : std::uint8_t { kNo, kYes, kUnknown };

Fit and_also(Fit a, Fit b) noexcept {
  if (a == Fit::kNo || b == Fit::kNo) return Fit::kNo;
  return a == Fit::kUnknown || b == Fit::kUnknown ? Fit::kUnknown : Fit::kYes;
}

class Finder {
 public:
  Finder(const EntryTable& table, const EntryEvents& events) : table_(table), events_(events) {
    const std::size_t keys = table.start.empty() ? 0 : table.start.size() - 1;
    sole_.assign(keys, kNoEntry);
    for (std::size_t k = 0; k < keys; ++k) {
      const std::int64_t count = table.start[k + 1] - table.start[k];
      if (count == 0) continue;
      const auto row = static_cast<std::size_t>(table.rows[static_cast<std::size_t>(table.start[k])]);
      const bool always = table.from[row] == INT32_MIN && table.to[row] == INT32_MAX && any(table.region, row) && any(table.level, row);
      sole_[k] = count == 1 && always ? static_cast<std::int32_t>(row) : kSeveral;
    }
  }

  [[nodiscard]] std::int32_t find(std::size_t i) const noexcept {
    const std::int32_t key = events_.key[i];
    if (key < 0) return kNoEntry;
    const std::int32_t sole = sole_[static_cast<std::size_t>(key)];
    return sole == kSeveral ? search(static_cast<std::size_t>(key), i) : sole;
  }

 private:
  static bool any(std::span<const std::int32_t> column, std::size_t row) noexcept { return column.empty() || column[row] < 0; }

  [[nodiscard]] std::int32_t search(std::size_t key, std::size_t i) const noexcept {
    for (std::int64_t at = table_.start[key]; at < table_.start[key + 1]; ++at) {
      const auto row = static_cast<std::size_t>(table_.rows[static_cast<std::size_t>(at)]);
      const Fit fit = and_also(and_also(dated(row, events_.day[i]), placed(row, i)), ranked(row, i));
      if (fit == Fit::kYes) return static_cast<std::int32_t>(row);
      if (fit == Fit::kUnknown) return kEntryUnknown;
    }
    return kNoEntry;
  }

  [[nodiscard]] Fit dated(std::size_t row, std::int32_t day) const noexcept {
    const std::int32_t from = table_.from[row], to = table_.to[row];
    if (from >= to) return Fit::kNo;
    if (day == INT32_MIN) return from == INT32_MIN && to == INT32_MAX ? Fit::kYes : Fit::kUnknown;
    return day >= from && day < to ? Fit::kYes : Fit::kNo;
  }
  [[nodiscard]] Fit placed(std::size_t row, std::size_t i) const noexcept {
    if (any(table_.region, row)) return Fit::kYes;
    const std::int32_t region = events_.region.empty() ? -1 : events_.region[i];
    if (region < 0) return Fit::kUnknown;
    const std::size_t cell = static_cast<std::size_t>(table_.region[row]) * table_.regions + static_cast<std::size_t>(region);
    return table_.fits[cell] != 0 ? Fit::kYes : Fit::kNo;
  }
  [[nodiscard]] Fit ranked(std::size_t row, std::size_t i) const noexcept {
    if (any(table_.level, row)) return Fit::kYes;
    const std::int32_t level = events_.level.empty() ? -1 : events_.level[i];
    if (level < 0) return Fit::kUnknown;
    return table_.level[row] == level ? Fit::kYes : Fit::kNo;
  }

  const EntryTable& table_;
  const EntryEvents& events_;
  std::vector<std::int32_t> sole_;
};

}  // namespace

void entries(const EntryTable& table, const EntryEvents& events, std::span<std::int32_t> out, int threads) {
  const Finder finder(table, events);
  const Chunks chunks = cut_rows(out.size(), kBlock);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    for (std::size_t i = chunks.begin[c]; i < chunks.begin[c + 1]; ++i) out[i] = finder.find(i);
  });
}

}  // namespace ybcore::checks
