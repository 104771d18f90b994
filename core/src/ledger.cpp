#include "ybcore/ledger.hpp"

namespace ybcore {
namespace {

constexpr std::size_t kSmall = 32;  // slots of a group that needs no table

std::uint64_t mix(const SlotKey& k) {
  std::uint64_t a = (static_cast<std::uint64_t>(static_cast<std::uint32_t>(k.counter)) << 32) | static_cast<std::uint32_t>(k.owner);
  const std::uint64_t b = (static_cast<std::uint64_t>(static_cast<std::uint32_t>(k.within)) << 32) | static_cast<std::uint32_t>(k.period);
  a = (a ^ (b * 0x9E3779B97F4A7C15ULL)) * 0xBF58476D1CE4E5B9ULL;
  return a ^ (a >> 29);
}

}  // namespace

void Ledger::clear() {
  ++epoch_;
  for (std::size_t i = 1; i < slots_.size(); ++i) newest_[static_cast<std::size_t>(slots_[i].key.counter)] = -1;
  table_.clear();
  slots_.clear();
  slots_.push_back({{-1, -1, -1, -1}, 0, 0, -1});
  records.clear();
  contributions.clear();
  admissions.clear();
  standards.clear();
  used.clear();
  moves.clear();
}

std::int32_t Ledger::make(const SlotKey& key) {
  const auto fresh = static_cast<std::int32_t>(slots_.size());
  const auto counter = static_cast<std::size_t>(key.counter);
  if (counter >= newest_.size()) newest_.resize(counter + 1, -1);
  std::int32_t& newest = newest_[counter];
  slots_.push_back({key, 0, 0, newest});
  newest = fresh;
  // From here on chains might be long.
  if (slots_.size() == kSmall) index(4 * kSmall);
  return fresh;
}

std::int32_t Ledger::search(const SlotKey& key) {
  const std::uint64_t mask = table_.size() - 1;
  std::uint64_t place = mix(key) & mask;
  while (table_[place] >= 0) {
    const std::int32_t found = table_[place];
    if (slots_[static_cast<std::size_t>(found)].key == key) return found;
    place = (place + 1) & mask;
  }
  const std::int32_t fresh = make(key);
  table_[place] = fresh;
  if (slots_.size() * 2 >= table_.size()) index(table_.size() * 2);
  return fresh;
}

void Ledger::index(std::size_t places) {
  table_.assign(places, -1);
  const std::uint64_t mask = places - 1;
  for (std::size_t i = 1; i < slots_.size(); ++i) {
    std::uint64_t place = mix(slots_[i].key) & mask;
    while (table_[place] >= 0) place = (place + 1) & mask;
    table_[place] = static_cast<std::int32_t>(i);
  }
}

void Ledger::open(std::int64_t row, std::int32_t place, std::int32_t person, std::int32_t stay, std::int32_t scheme, std::int32_t enddate) {
  const auto c = static_cast<std::uint32_t>(contributions.size());
  const auto a = static_cast<std::uint32_t>(admissions.size());
  const auto s = static_cast<std::uint32_t>(standards.size());
  const auto u = static_cast<std::uint32_t>(used.size());
  const auto m = static_cast<std::uint32_t>(moves.size());
  records.push_back({row, place, person, stay, scheme, enddate, false, c, c, a, a, s, s, u, u, m, m});
}

void Ledger::close() {
  Standing& r = records.back();
  r.contributions_end = static_cast<std::uint32_t>(contributions.size());
  r.admissions_end = static_cast<std::uint32_t>(admissions.size());
  r.standards_end = static_cast<std::uint32_t>(standards.size());
  r.used_end = static_cast<std::uint32_t>(used.size());
  r.moves_end = static_cast<std::uint32_t>(moves.size());
  r.standing = true;
  for (std::uint32_t i = r.admissions; i < r.admissions_end; ++i) ++at(admissions[i].slot).admitted;
}

void Ledger::apply(const Standing& record, std::int64_t sign) {
  for (std::uint32_t i = record.contributions; i < record.contributions_end; ++i)
    at(contributions[i].slot).value += sign * contributions[i].amount;
}

void Ledger::take_back(Standing& record) {
  apply(record, -1);
  record.standing = false;
  for (std::uint32_t i = record.admissions; i < record.admissions_end; ++i) --at(admissions[i].slot).admitted;
}

void Ledger::cancel() {
  Standing& r = records.back();
  r.contributions_end = static_cast<std::uint32_t>(contributions.size());
  apply(r, -1);
  contributions.resize(r.contributions);
  admissions.resize(r.admissions);
  standards.resize(r.standards);
  used.resize(r.used);
  moves.resize(r.moves);
  records.pop_back();
}

}  // namespace ybcore
