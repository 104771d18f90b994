#include "ybcore/checks/cap.hpp"

#include <vector>

#include "parts.hpp"

namespace ybcore::checks {
namespace {

class Capping {
 public:
  Capping(const CapEvents& events, const CapRule& rule, Found& found) : events_(events), rule_(rule), found_(found) {}

  // Which bucket of its group an event is in, or that it is in none.
  [[nodiscard]] std::int64_t bucket(std::size_t i) const noexcept {
    const std::int32_t entry = events_.entry.empty() ? 0 : events_.entry[i];
    if (entry == kNoEntry) return kLeftOut;
    if (entry < 0 || (!events_.value.empty() && events_.value[i] == kUnknown)) return kUnknown;
    if (rule_.factor != 0 && events_.stay_days[i] < 0) return kUnknown;
    if (events_.combine.empty()) return 0;
    return events_.combine[i] < 0 ? kLeftOut : events_.combine[i];
  }

  void judge(Members lines) {
    const std::int64_t limit = limit_of(static_cast<std::size_t>(lines.front()));
    if (limit == kUnknown) return;
    __int128 sum = 0;
    for (const std::int32_t line : lines) sum += value(line);
    const std::int64_t measure = narrow(sum);
    if (!hits(rule_.comparator, measure, limit)) return;
    found_.open(
        {measure, limit, kUnknown, kUnknown, events_.entry.empty() ? -1 : events_.entry[static_cast<std::size_t>(lines.front())], 0});
    if (rule_.comparator == Comparator::kLessThan || rule_.comparator == Comparator::kAtMost) {
      for (const std::int32_t line : lines) found_.detail(line, Part::kOffending);
      return;
    }
    allocate(lines, sum - limit + (rule_.comparator == Comparator::kAtLeast ? 1 : 0));
  }

 private:
  [[nodiscard]] std::int64_t value(std::int32_t line) const noexcept {
    return events_.value.empty() ? 1 : events_.value[static_cast<std::size_t>(line)];
  }

  [[nodiscard]] std::int64_t limit_of(std::size_t i) const noexcept {
    __int128 limit = rule_.cap;
    if (!rule_.caps.empty()) {
      const std::int64_t own = rule_.caps[events_.entry.empty() ? 0 : static_cast<std::size_t>(events_.entry[i])];
      if (own == kUnknown) return kUnknown;
      limit = own;
    }
    if (rule_.factor != 0) limit += static_cast<__int128>(rule_.factor) * events_.stay_days[i];
    return narrow(limit);
  }

  void allocate(Members lines, __int128 beyond) {
    share_.assign(lines.size(), 0);
    for (std::size_t k = 0; k < lines.size() && beyond > 0; ++k) {
      const std::size_t at = rule_.last_paid ? k : lines.size() - 1 - k;
      const std::int64_t own = value(lines[at]);
      if (own <= 0) continue;
      share_[at] = beyond < own ? static_cast<std::int64_t>(beyond) : own;
      beyond -= share_[at];
    }
    for (std::size_t k = 0; k < lines.size(); ++k)
      if (share_[k] > 0) found_.detail(lines[k], Part::kOffending, events_.value.empty() ? kWhole : share_[k]);
    for (std::size_t k = 0; k < lines.size(); ++k)
      if (share_[k] == 0) found_.detail(lines[k], Part::kInvolved);
  }

  const CapEvents& events_;
  const CapRule& rule_;
  Found& found_;
  std::vector<std::int64_t> share_;
};

}  // namespace

Found cap(const CapEvents& events, const CapRule& rule, int threads) {
  return over_persons(events.person_begin, threads, [&](Found& found, std::size_t first, std::size_t last) {
    Capping capping(events, rule, found);
    Parts parts;
    for (std::size_t p = first; p < last; ++p) {
      each_group(
          rule.group, events.time, static_cast<std::size_t>(events.person_begin[p]), static_cast<std::size_t>(events.person_begin[p + 1]),
          parts, found.unknown, [&](std::size_t i) { return capping.bucket(i); }, [&](Members lines) { capping.judge(lines); });
    }
  });
}

}  // namespace ybcore::checks
