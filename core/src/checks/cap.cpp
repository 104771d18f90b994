#include "ybcore/checks/cap.hpp"

#include <vector>

#include "cap_sieve.hpp"
#include "ybcore/checks/chosen.hpp"

namespace ybcore::checks {
namespace {

template <Cell cell>
Found capped(const CapEvents& events, const CapRule& rule, int threads) {
  const Edges edges(rule);
  ChosenCodes chosen(events.row_of.size());
  for (std::size_t code = 0; code < events.row_of.size(); ++code)
    if (events.row_of[code] != kNoEntry) chosen.choose(static_cast<std::int64_t>(code));
  return over_groups(events.person_begin, threads, [&](Found& found, std::size_t first, std::size_t last) {
    Sieve<cell>(events, rule, edges.of_row(), chosen, found).persons(first, last);
  });
}

}  // namespace

Found cap(const CapEvents& events, const CapRule& rule, int threads) {
  switch (rule.group.cell) {
    case Cell::kLine:
      return capped<Cell::kLine>(events, rule, threads);
    case Cell::kDay:
      return capped<Cell::kDay>(events, rule, threads);
    case Cell::kHour:
      return capped<Cell::kHour>(events, rule, threads);
    default:
      return capped<Cell::kSubject>(events, rule, threads);
  }
}

}  // namespace ybcore::checks
