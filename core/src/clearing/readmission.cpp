// Stays of one person that follow each other in one group of one institution.
#include <algorithm>
#include <vector>

#include "parts.hpp"

namespace ybcore::clearing {

void cut_readmissions(const Job& job, const CaseResults& out) {
  const Cases& cases = job.cases;
  if (cases.person.empty()) return;
  const std::size_t rows = cases.cell.size();
  const auto cell = [&](std::size_t row) -> const Cell& { return job.cells[static_cast<std::size_t>(cases.cell[row])]; };
  std::vector<std::int32_t> person(rows, -1);
  std::vector<std::int64_t> begin(rows, 0), end(rows, 0);
  std::int32_t persons = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const bool counts = cases.cell[row] >= 0 && cell(row).readmission != kNothing && cases.person[row] >= 0 &&
                        cases.institution[row] >= 0 && cases.code[row] >= 0 && cases.begin[row] != INT32_MIN && cases.end[row] != INT32_MIN;
    if (!counts) continue;
    person[row] = cases.person[row];
    begin[row] = cases.begin[row];
    end[row] = cases.end[row];
    persons = std::max(persons, cases.person[row] + 1);
  }
  const Order order = order_rows(person, persons, begin, end, cases.ids);
  for (std::size_t g = 0; g + 1 < order.group_begin.size(); ++g) {
    for (std::int64_t i = order.group_begin[g]; i < order.group_begin[g + 1]; ++i) {
      const auto later = static_cast<std::size_t>(order.rows[static_cast<std::size_t>(i)]);
      if (!cases.exempt.empty() && cases.exempt[later] != 0) continue;
      for (std::int64_t k = order.group_begin[g]; k < i; ++k) {
        const auto earlier = static_cast<std::size_t>(order.rows[static_cast<std::size_t>(k)]);
        const std::int64_t gap = begin[later] - end[earlier];
        if (gap < 0 || gap > cell(later).within || cell(later).readmission != cell(earlier).readmission ||
            cases.institution[later] != cases.institution[earlier] || cases.code[later] != cases.code[earlier])
          continue;
        out.cut[cell(later).later != 0 ? later : earlier] = 1;
      }
    }
  }
  for (std::size_t row = 0; row < rows; ++row) {
    if (out.cut[row] == 0) continue;
    if (static_cast<Way>(out.way[row]) != Way::kStandard) {
      out.cut[row] = 0;
      continue;
    }
    std::int64_t& level = (cell(row).pays == Pays::kPoints ? out.points : out.standard)[row];
    level = static_cast<std::int64_t>(round_to(Wide{level} * cell(row).keeps, kMillion, {RoundMode::kHalfUp, cell(row).grid}));
  }
}

}  // namespace ybcore::clearing
