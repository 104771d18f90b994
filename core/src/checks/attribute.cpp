#include "ybcore/checks/attribute.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <vector>

#include "groups.hpp"

namespace ybcore::checks {
namespace {

constexpr std::size_t kHits = 1024;  // events, and so hits, that are opened together

std::int64_t completed(AgeUnit unit, std::int32_t birth, std::int32_t day) noexcept {
  using std::chrono::days;
  using std::chrono::sys_days;
  using std::chrono::year_month_day;
  if (unit == AgeUnit::kDay) return static_cast<std::int64_t>(day) - birth;
  const year_month_day from{sys_days{days{birth}}}, to{sys_days{days{day}}};
  const auto month = [](const year_month_day& date) {
    return static_cast<int>(date.year()) * 12 + static_cast<int>(static_cast<unsigned>(date.month()));
  };
  const int months = month(to) - month(from) - (to.day() < from.day() ? 1 : 0);
  return unit == AgeUnit::kMonth ? months : months / 12 - (months % 12 < 0 ? 1 : 0);
}

// Days of life for which a row surely does not hit; no calendar is asked within.
struct Quiet {
  std::int64_t first = 0, last = -1;
};

// A year has 365 or 366 days, a month 28 to 31.
Quiet quiet(AgeUnit unit, Comparator comparator, std::int64_t value) noexcept {
  constexpr std::int64_t kFar = std::int64_t{1} << 40;
  const std::int64_t shortest = unit == AgeUnit::kDay ? 1 : unit == AgeUnit::kMonth ? 28 : 365;
  const std::int64_t longest = unit == AgeUnit::kDay ? 1 : unit == AgeUnit::kMonth ? 31 : 366;
  const std::int64_t v = std::clamp(value, -kFar, kFar);
  switch (comparator) {
    case Comparator::kMoreThan:
      return {0, (v + 1) * shortest - 1};
    case Comparator::kAtLeast:
      return {0, v * shortest - 1};
    case Comparator::kLessThan:
      return {std::max<std::int64_t>(v * longest, 0), kFar};
    case Comparator::kAtMost:
      return {std::max<std::int64_t>((v + 1) * longest, 0), kFar};
  }
  return {};
}

void name(Found& found, std::size_t event, std::int32_t entry, std::int64_t measure = 0, std::int64_t limit = 0) {
  found.open({measure, limit, kUnknown, kUnknown, entry, 0});
  found.detail(static_cast<std::int32_t>(event), Part::kOffending);
}

}  // namespace

// An event that hits is no surprise where codes are those of half of all people: no branch depends on it.
Found attribute(std::span<const std::int32_t> entry, std::span<const std::int32_t> code, const CodeRule& rule, int threads) {
  return over_rows(code.size(), threads, [&](Found& found, std::size_t from, std::size_t to) {
    std::array<std::int32_t, kHits> event, row_of;
    for (std::size_t begin = from; begin < to; begin += kHits) {
      std::size_t hits = 0;
      each_entry(entry, begin, std::min(begin + kHits, to), [&](std::size_t i, std::int32_t row) {
        const std::int32_t set = row < 0 ? 0 : rule.set[static_cast<std::size_t>(row)];
        const bool known = row >= 0 && code[i] >= 0;
        if (set < 0 || !known) {
          found.unknown += set < 0 ? 0 : 1;
          return;
        }
        event[hits] = static_cast<std::int32_t>(i), row_of[hits] = row;
        hits += rule.sets.has(set, code[i]) == rule.barred ? 1 : 0;
      });
      if (entry.empty()) std::fill_n(row_of.begin(), hits, -1);
      found.open_whole({event.data(), hits}, {row_of.data(), hits});
    }
  });
}

Found age(std::span<const std::int32_t> entry, std::span<const std::int32_t> birth, std::span<const std::int32_t> day, const AgeRule& rule,
          int threads) {
  std::vector<Quiet> still;
  for (std::size_t r = 0; r < rule.value.size(); ++r) still.push_back(quiet(rule.unit[r], rule.comparator[r], rule.value[r]));
  return over_entries(entry, birth.size(), threads, [&](Found& found, std::size_t i, std::int32_t row) {
    if (row < 0 || birth[i] == INT32_MIN || day[i] == INT32_MIN) {
      ++found.unknown;
      return;
    }
    const auto at = static_cast<std::size_t>(row);
    const std::int64_t days = static_cast<std::int64_t>(day[i]) - birth[i];
    if (days >= still[at].first && days <= still[at].last) return;
    const std::int64_t measure = completed(rule.unit[at], birth[i], day[i]);
    if (hits(rule.comparator[at], measure, rule.value[at])) name(found, i, entry.empty() ? -1 : row, measure, rule.value[at]);
  });
}

Found listed(std::span<const std::int32_t> entry, int threads) {
  return over_entries(entry, entry.size(), threads, [&](Found& found, std::size_t i, std::int32_t row) {
    if (row >= 0) name(found, i, row);
    if (row == kEntryUnknown) ++found.unknown;
  });
}

}  // namespace ybcore::checks
