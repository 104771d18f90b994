#include "memory.hpp"

#include <algorithm>
#include <climits>

namespace ybcore {

void Memory::clear() {
  version = 0;
  names.clear();
  ledger.clear();
  kept.clear();
  columns.clear();
  others.clear();
  member.clear();
  has_account.clear();
  for (auto* column : {&balance, &opening, &cursor}) column->clear();
  for (auto* column : {&start, &through}) column->clear();
  for (auto* foreign : {&counters, &layers, &schemes, &values}) foreign->name.clear();
  foreign_scope.clear();
}

void Memory::reserve(std::size_t settlements) {
  const std::size_t more = kept.size() + settlements;
  // Of each settlement about so much of each.
  constexpr std::size_t kEach = 12;
  kept.reserve(more);
  columns.reserve(more * kColumns);
  ledger.records.reserve(more);
  ledger.contributions.reserve(ledger.contributions.size() + settlements * kEach);
  ledger.admissions.reserve(ledger.admissions.size() + settlements);
  ledger.standards.reserve(ledger.standards.size() + settlements);
  ledger.used.reserve(ledger.used.size() + settlements * 3);
  ledger.moves.reserve(ledger.moves.size() + settlements * 2);
}

std::int32_t Memory::member_of(std::string_view person) {
  // Most are of one person.
  if (!member.empty() && names[member.front()] == person) return 0;
  const std::int32_t name = names.number(person);
  const auto found = std::find(member.begin(), member.end(), name);
  if (found != member.end()) return static_cast<std::int32_t>(found - member.begin());
  member.push_back(name);
  has_account.push_back(0);
  for (auto* column : {&balance, &opening, &cursor}) column->push_back(0);
  start.push_back(0);
  through.push_back(INT32_MIN);
  return static_cast<std::int32_t>(member.size() - 1);
}

bool Memory::knows(std::int32_t setl) const {
  for (std::size_t r = 0; r < kept.size(); ++r)
    if (kept[r].setl == setl && ledger.records[r].standing) return true;
  return std::any_of(others.begin(), others.end(), [setl](const OtherId& o) { return o.setl == setl; });
}

}  // namespace ybcore
