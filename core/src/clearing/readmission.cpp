// Stays of one person that follow each other in one group of one institution.
#include <algorithm>
#include <vector>

#include "../split.hpp"
#include "parts.hpp"

namespace ybcore::clearing {
namespace {

[[nodiscard]] bool counts(const Job& job, std::size_t row) {
  const Cases& cases = job.cases;
  return cases.cell[row] >= 0 && cell_of(job, row).readmission != kNothing && cases.person[row] >= 0 && cases.institution[row] >= 0 &&
         cases.code[row] >= 0 && cases.begin[row] != INT32_MIN && cases.end[row] != INT32_MIN;
}

// Persons of several stays that count, and their rows.
struct Stays {
  std::vector<std::int64_t> begin;  // persons + 1
  std::vector<std::size_t> rows;
};

Stays several(const Job& job) {
  const std::size_t rows = job.cases.cell.size();
  std::vector<std::int32_t> stays;
  for (std::size_t row = 0; row < rows; ++row) {
    if (!counts(job, row)) continue;
    const auto person = static_cast<std::size_t>(job.cases.person[row]);
    if (person >= stays.size()) stays.resize(std::max(person + 1, stays.size() * 2), 0);
    ++stays[person];
  }
  Stays out;
  // Where the next row of a person goes, -1 where there is one row alone.
  std::vector<std::int64_t> next(stays.size(), -1);
  std::int64_t at = 0;
  for (std::size_t person = 0; person < stays.size(); ++person) {
    if (stays[person] < 2) continue;
    out.begin.push_back(at);
    next[person] = at;
    at += stays[person];
  }
  out.begin.push_back(at);
  out.rows.resize(static_cast<std::size_t>(at));
  for (std::size_t row = 0; row < rows && at > 0; ++row) {
    if (!counts(job, row)) continue;
    std::int64_t& to = next[static_cast<std::size_t>(job.cases.person[row])];
    if (to >= 0) out.rows[static_cast<std::size_t>(to++)] = row;
  }
  return out;
}

void mark(const Job& job, const CaseResults& out, std::span<std::size_t> rows) {
  const Cases& cases = job.cases;
  std::sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) {
    if (cases.begin[a] != cases.begin[b]) return cases.begin[a] < cases.begin[b];
    return cases.end[a] != cases.end[b] ? cases.end[a] < cases.end[b] : id_less(cases.ids, a, b);
  });
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const std::size_t later = rows[i];
    if (!cases.exempt.empty() && cases.exempt[later] != 0) continue;
    const Cell& cell = cell_of(job, later);
    for (std::size_t k = 0; k < i; ++k) {
      const std::size_t earlier = rows[k];
      const std::int64_t gap = std::int64_t{cases.begin[later]} - cases.end[earlier];
      if (gap < 0 || gap > cell.within || cell.readmission != cell_of(job, earlier).readmission ||
          cases.institution[later] != cases.institution[earlier] || cases.code[later] != cases.code[earlier])
        continue;
      out.cut[cell.later != 0 ? later : earlier] = 1;
    }
  }
  for (const std::size_t row : rows) {
    if (out.cut[row] == 0) continue;
    if (static_cast<Way>(out.way[row]) != Way::kStandard) {
      out.cut[row] = 0;
      continue;
    }
    const Cell& cell = cell_of(job, row);
    std::int64_t& level = (cell.pays == Pays::kPoints ? out.points : out.standard)[row];
    level = static_cast<std::int64_t>(round_to(Wide{level} * cell.keeps, kMillion, {RoundMode::kHalfUp, cell.grid}));
  }
}

}  // namespace

void cut_readmissions(const Job& job, const CaseResults& out, int threads) {
  if (job.cases.person.empty()) return;
  Stays stays = several(job);
  // No stay is of two persons: nobody writes what another does.
  const Chunks chunks = cut_evenly(stays.begin, threads);
  for_each_chunk(chunks, threads, [&](std::size_t chunk) {
    for (std::size_t p = chunks.begin[chunk]; p < chunks.begin[chunk + 1]; ++p)
      mark(job, out,
           std::span(stays.rows)
               .subspan(static_cast<std::size_t>(stays.begin[p]), static_cast<std::size_t>(stays.begin[p + 1] - stays.begin[p])));
  });
}

}  // namespace ybcore::clearing
