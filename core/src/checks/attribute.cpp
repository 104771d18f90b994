#include "ybcore/checks/attribute.hpp"

#include <chrono>
#include <climits>

#include "parts.hpp"

namespace ybcore::checks {
namespace {

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

struct Span {
  std::int64_t least, most;
};

// Bounds of an age that need no calendar: most events are told by these alone.
Span roughly(AgeUnit unit, std::int64_t days) noexcept {
  if (unit == AgeUnit::kDay || days < 0) return {days, days};
  return unit == AgeUnit::kMonth ? Span{days / 31, days / 28} : Span{days / 366, days / 365};
}

void name(Found& found, std::size_t event, std::int32_t entry, std::int64_t measure = 0, std::int64_t limit = 0) {
  found.open({measure, limit, kUnknown, kUnknown, entry, 0});
  found.detail(static_cast<std::int32_t>(event), Part::kOffending);
}

}  // namespace

Found attribute(std::span<const std::int32_t> entry, std::span<const std::int32_t> code, const CodeRule& rule, int threads) {
  return over_rows(code.size(), threads, [&](Found& found, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::int32_t row = entry.empty() ? 0 : entry[i];
      if (row == kNoEntry) continue;
      const std::int32_t set = row < 0 ? 0 : rule.set[static_cast<std::size_t>(row)];
      if (set < 0) continue;
      if (row < 0 || code[i] < 0) {
        ++found.unknown;
      } else if (rule.sets.has(set, code[i]) == rule.barred) {
        name(found, i, entry.empty() ? -1 : row);
      }
    }
  });
}

Found age(std::span<const std::int32_t> entry, std::span<const std::int32_t> birth, std::span<const std::int32_t> day, const AgeRule& rule,
          int threads) {
  return over_rows(birth.size(), threads, [&](Found& found, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::int32_t row = entry.empty() ? 0 : entry[i];
      if (row == kNoEntry) continue;
      if (row < 0 || birth[i] == INT32_MIN || day[i] == INT32_MIN) {
        ++found.unknown;
        continue;
      }
      const auto at = static_cast<std::size_t>(row);
      // A comparator that misses at both ends misses between them.
      const Span rough = roughly(rule.unit[at], static_cast<std::int64_t>(day[i]) - birth[i]);
      if (rough.least >= 0 && !hits(rule.comparator[at], rough.least, rule.value[at]) &&
          !hits(rule.comparator[at], rough.most, rule.value[at]))
        continue;
      const std::int64_t measure = completed(rule.unit[at], birth[i], day[i]);
      if (hits(rule.comparator[at], measure, rule.value[at])) name(found, i, entry.empty() ? -1 : row, measure, rule.value[at]);
    }
  });
}

Found listed(std::span<const std::int32_t> entry, int threads) {
  return over_rows(entry.size(), threads, [&](Found& found, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      if (entry[i] >= 0) name(found, i, entry[i]);
      if (entry[i] == kEntryUnknown) ++found.unknown;
    }
  });
}

}  // namespace ybcore::checks
