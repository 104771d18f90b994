#include "ybcore/checks/supply.hpp"

#include "groups.hpp"

namespace ybcore::checks {

namespace {

constexpr std::int64_t kOne = 10'000;      // a unit of quantity
constexpr std::int64_t kLong = 1'000'000;  // days of which any number of lines can be added up

[[nodiscard]] std::int32_t entry_of(std::span<const std::int32_t> entry, std::size_t i) { return entry.empty() ? -1 : entry[i]; }

// Far beyond any date, and still with room to add a day.
[[nodiscard]] std::int64_t no_later(Wide day) { return static_cast<std::int64_t>(std::min<Wide>(day, std::int64_t{1} << 60)); }

// Lines that are judged, and their days.
struct Judged {
  std::vector<std::size_t> line;
  std::vector<std::int64_t> days;
};

template <class Days>
void judged(const Supply& lines, std::size_t g, const Days& days_of, Judged& out, Found& found) {
  out.line.clear();
  out.days.clear();
  for (auto i = static_cast<std::size_t>(lines.begin[g]); i < static_cast<std::size_t>(lines.begin[g + 1]); ++i) {
    const std::int64_t days = days_of(i);
    if (days <= 0 || lines.limit[i] == kUnknown) {
      ++found.unknown;
      continue;
    }
    out.line.push_back(i);
    out.days.push_back(days);
  }
}

// Of the lines of a group that are judged: their days, and the limit of the first.
struct Total {
  Wide days = 0;
  std::int64_t limit = kUnknown, unknown = 0;
};

[[nodiscard]] Total total_of(const Supply& lines, std::size_t g) {
  Total out;
  for (auto i = static_cast<std::size_t>(lines.begin[g]); i < static_cast<std::size_t>(lines.begin[g + 1]); ++i) {
    const std::int64_t days = days_of_line(lines, i);
    if (days <= 0 || lines.limit[i] == kUnknown) {
      ++out.unknown;
      continue;
    }
    if (out.limit == kUnknown) out.limit = lines.limit[i];
    out.days += days;
  }
  return out;
}

// Quantity of `beyond` of a line's `days`; a line whose quantity is not known offends as a whole.
[[nodiscard]] std::int64_t excess(const Supply& lines, const SupplyRule& rule, std::size_t i, Wide beyond, std::int64_t days) {
  const std::int64_t quantity = lines.quantity[i];
  if (quantity == kUnknown) return kWhole;
  if (beyond >= days) return quantity;
  if (!rule.packs) return told(round_div(quantity * beyond, days));
  return told(quantity * beyond / days / kOne * kOne);
}

// Takes `beyond` days from the last of these lines; those before them are involved.
void take_from_last(const Supply& lines, const SupplyRule& rule, const Judged& all, std::size_t from, std::size_t to, Wide beyond,
                    Found& found) {
  std::size_t first = to;
  Wide left = beyond;
  while (first > from && left > 0) left -= all.days[--first];
  for (std::size_t k = from; k < first; ++k) found.detail(static_cast<std::int32_t>(all.line[k]), Part::kInvolved);
  for (std::size_t k = first; k < to; ++k) {
    // What is left below 0 stays with the first line that offends.
    const Wide here = all.days[k] + (k == first ? std::min<Wide>(left, 0) : 0);
    found.detail(static_cast<std::int32_t>(all.line[k]), Part::kOffending, excess(lines, rule, all.line[k], here, all.days[k]));
  }
}

class Courses {
 public:
  Courses(const Supply& uses, const SupplyRule& rule, Found& found) : uses_(uses), rule_(rule), found_(found) {}

  void group(std::size_t g) {
    if (falls_short(g)) return;
    judged(uses_, g, [&](std::size_t i) { return days_of_use(i); }, all_, found_);
    const std::size_t count = all_.line.size();
    for (std::size_t k = 0; k < count; ++k) {
      const std::int64_t day = uses_.day[all_.line[k]];
      if (k == 0 || (rule_.reset >= 0 && day - covered_ - 1 > rule_.reset)) {
        close(k);
        open(k, day);
      } else if (day > covered_ + 1 && !rule_.span) {
        skipped_ += day - covered_ - 1;
      }
      covered_ = std::max(covered_, no_later(static_cast<Wide>(day) + all_.days[k] - 1));
      // The number of the use's first day within the course; days that nobody was treated on have none.
      const std::int64_t number = day - first_day_ - skipped_ + 1;
      beyond_.push_back(number + static_cast<Wide>(all_.days[k]) - 1 - edge(rule_.comparator, uses_.limit[all_.line[first_]]));
    }
    close(count);
  }

 private:
  [[nodiscard]] std::int64_t days_of_use(std::size_t i) const { return std::max<std::int64_t>(uses_.days.empty() ? 1 : uses_.days[i], 1); }

  // All uses together have no more days (and span no more) than the least limit: most groups do.
  [[nodiscard]] bool falls_short(std::size_t g) {
    std::int64_t first = 0, last = 0, days = 0, least = INT64_MAX, unknown = 0;
    bool any = false;
    for (auto i = static_cast<std::size_t>(uses_.begin[g]); i < static_cast<std::size_t>(uses_.begin[g + 1]); ++i) {
      if (uses_.limit[i] == kUnknown) {
        ++unknown;
        continue;
      }
      const std::int64_t own = days_of_use(i);
      if (own > kLong) return false;
      if (!any) first = last = uses_.day[i], any = true;
      last = std::max(last, uses_.day[i] + own - 1);
      days += own;
      least = std::min(least, uses_.limit[i]);
    }
    if (any && (rule_.span ? last - first + 1 : days) > edge(rule_.comparator, least)) return false;
    found_.unknown += unknown;
    return true;
  }

  void open(std::size_t k, std::int64_t day) {
    first_ = k;
    first_day_ = day;
    covered_ = day - 1;
    skipped_ = 0;
  }

  void close(std::size_t end) {
    std::size_t k = 0;
    while (k < beyond_.size() && !offends(first_ + k)) ++k;
    if (k < beyond_.size()) {
      const std::size_t line = all_.line[first_];
      found_.open({covered_ - first_day_ - skipped_ + 1, uses_.limit[line], first_day_, covered_, entry_of(uses_.entry, line)});
      for (std::size_t at = first_; at < end; ++at) {
        const auto event = static_cast<std::int32_t>(all_.line[at]);
        if (offends(at)) {
          found_.detail(event, Part::kOffending, excess(uses_, rule_, all_.line[at], beyond_[at - first_], all_.days[at]));
        } else {
          found_.detail(event, Part::kInvolved);
        }
      }
    }
    beyond_.clear();
  }

  [[nodiscard]] bool offends(std::size_t at) const { return beyond_[at - first_] > 0; }

  const Supply& uses_;
  const SupplyRule& rule_;
  Found& found_;
  Judged all_;
  std::vector<Wide> beyond_;
  std::size_t first_ = 0;
  std::int64_t first_day_ = 0, covered_ = 0, skipped_ = 0;
};

void overlaps(const Supply& lines, const SupplyRule& rule, const Judged& all, Found& found) {
  std::int64_t covered = 0;  // the first day for which nothing is left
  for (std::size_t k = 0, next = 0; k < all.line.size(); k = next) {
    const std::size_t line = all.line[k];
    const std::int64_t day = lines.day[line];
    Wide days = 0;
    for (next = k; next < all.line.size() && lines.day[all.line[next]] == day; ++next) days += all.days[next];
    const std::int64_t left = k == 0 ? 0 : std::max<std::int64_t>(covered - day, 0);
    if (k > 0 && hits(rule.comparator, left, lines.limit[line])) {
      found.open({left, lines.limit[line], day, day + left - 1, entry_of(lines.entry, line)});
      found.detail(static_cast<std::int32_t>(all.line[k - 1]), Part::kInvolved);
      take_from_last(lines, rule, all, k, next, std::min(days, left - edge(rule.comparator, lines.limit[line])), found);
    }
    covered = no_later(day + static_cast<Wide>(left) + days);
  }
}

// Whether a day of a group may compare, by the same sums without keeping the lines; counts those that are not judged where none does.
bool some_overlap(const Supply& lines, Comparator comparator, std::size_t g, Found& found) {
  std::int64_t today = 0, left = 0, days = 0, unknown = 0;
  bool any = false;
  for (auto i = static_cast<std::size_t>(lines.begin[g]); i < static_cast<std::size_t>(lines.begin[g + 1]); ++i) {
    const std::int64_t own = days_of_line(lines, i);
    if (own > kLong) return true;
    if (own <= 0 || lines.limit[i] == kUnknown) {
      ++unknown;
      continue;
    }
    if (!any || lines.day[i] != today) {
      left = any ? std::max<std::int64_t>(today + left + days - lines.day[i], 0) : 0;
      if (any && hits(comparator, left, lines.limit[i])) return true;
      today = lines.day[i], days = 0, any = true;
    }
    days += own;
  }
  found.unknown += unknown;
  return false;
}

}  // namespace

std::int64_t days_of_line(const Supply& lines, std::size_t i) noexcept {
  if (!lines.days.empty() && lines.days[i] > 0) return lines.days[i];
  if (lines.dose.empty() || lines.dose[i] == kUnknown || lines.times[i] == kUnknown || lines.quantity[i] == kUnknown) return kUnknown;
  const std::int64_t dose = lines.dose[i], times = lines.times[i], quantity = lines.quantity[i];
  // Figures as they are met divide in 64 bits.
  constexpr int kSmall = 30;
  if (static_cast<std::uint64_t>(dose | times) >> kSmall == 0 && static_cast<std::uint64_t>(quantity) >> (kSmall + 17) == 0) {
    const std::int64_t daily = dose * times;
    return daily == 0 ? kUnknown : (quantity * kOne + daily - 1) / daily;
  }
  const Wide daily = static_cast<Wide>(dose) * times;
  if (daily <= 0) return kUnknown;
  return told((static_cast<Wide>(quantity) * kOne + daily - 1) / daily);
}

Found prescription_days(const Supply& lines, const SupplyRule& rule, int threads) {
  return over_groups(lines.begin, threads, [&](Found& found, std::size_t from, std::size_t to) {
    Judged all;
    for (std::size_t g = from; g < to; ++g) {
      const Total total = total_of(lines, g);
      const Wide beyond = total.days - edge(rule.comparator, total.limit);
      if (total.limit == kUnknown || beyond <= 0) {
        found.unknown += total.unknown;
        continue;
      }
      judged(lines, g, [&](std::size_t i) { return days_of_line(lines, i); }, all, found);
      found.open({told(total.days), total.limit, kUnknown, kUnknown, entry_of(lines.entry, all.line[0])});
      take_from_last(lines, rule, all, 0, all.line.size(), beyond, found);
    }
  });
}

Found course(const Supply& uses, const SupplyRule& rule, int threads) {
  return over_groups(uses.begin, threads, [&](Found& found, std::size_t from, std::size_t to) {
    Courses courses(uses, rule, found);
    for (std::size_t g = from; g < to; ++g) courses.group(g);
  });
}

Found supply_overlap(const Supply& lines, const SupplyRule& rule, int threads) {
  return over_groups(lines.begin, threads, [&](Found& found, std::size_t from, std::size_t to) {
    Judged all;
    for (std::size_t g = from; g < to; ++g) {
      if (!some_overlap(lines, rule.comparator, g, found)) continue;
      judged(lines, g, [&](std::size_t i) { return days_of_line(lines, i); }, all, found);
      overlaps(lines, rule, all, found);
    }
  });
}

Found daily_dose(std::span<const std::int64_t> dose, std::span<const std::int64_t> times, std::span<const std::int64_t> limit,
                 std::span<const std::int32_t> entry, Comparator comparator, int threads) {
  const bool less = wants_less(comparator), strict = comparator == Comparator::kMoreThan || comparator == Comparator::kLessThan;
  return over_rows(dose.size(), threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if (dose[i] == kUnknown || times[i] == kUnknown) {
        ++found.unknown;
        continue;
      }
      if (limit[i] == kUnknown) continue;
      const Wide daily = static_cast<Wide>(dose[i]) * times[i], most = static_cast<Wide>(limit[i]) * kOne;
      if (less ? daily > most - (strict ? 1 : 0) : daily < most + (strict ? 1 : 0)) continue;
      found.open({told(round_div(daily, kOne)), limit[i], kUnknown, kUnknown, entry_of(entry, i)});
      found.detail(static_cast<std::int32_t>(i), Part::kOffending);
    }
  });
}

}  // namespace ybcore::checks
