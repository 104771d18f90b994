#include "ybcore/checks/entries.hpp"

#include <vector>

#include "../split.hpp"
#include "dated.hpp"

namespace ybcore::checks {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18;
constexpr std::int32_t kSeveral = -3;

// Of each key its only row that always holds, kNoEntry, or kSeveral.
std::vector<std::int32_t> soles(const EntryTable& table, const Dated& dated) {
  std::vector<std::int32_t> sole(table.start.empty() ? 0 : table.start.size() - 1, kNoEntry);
  for (std::size_t k = 0; k < sole.size(); ++k) {
    if (table.start[k + 1] == table.start[k]) continue;
    const auto row = static_cast<std::size_t>(table.rows[static_cast<std::size_t>(table.start[k])]);
    sole[k] = table.start[k + 1] - table.start[k] == 1 && dated.always(row) ? static_cast<std::int32_t>(row) : kSeveral;
  }
  return sole;
}

}  // namespace

void entries(const EntryTable& table, const EntryEvents& events, std::span<std::int32_t> out, int threads) {
  const Dated dated(table, events);
  const std::vector<std::int32_t> sole = soles(table, dated);
  const Chunks chunks = cut_rows(out.size(), kBlock);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    for (std::size_t i = chunks.begin[c]; i < chunks.begin[c + 1]; ++i) {
      const std::int32_t key = events.key[i];
      out[i] = key < 0 ? kNoEntry : sole[static_cast<std::size_t>(key)];
      if (out[i] != kSeveral) continue;
      const auto begin = static_cast<std::size_t>(table.start[static_cast<std::size_t>(key)]);
      const auto end = static_cast<std::size_t>(table.start[static_cast<std::size_t>(key) + 1]);
      out[i] = dated.first(table.rows.subspan(begin, end - begin), i);
    }
  });
}

}  // namespace ybcore::checks
