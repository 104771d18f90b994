#include "ybcore/checks/span.hpp"

#include "groups.hpp"

namespace ybcore::checks {

namespace {

void offend(Found& found, std::size_t row, const Arithmetic& arithmetic) {
  found.open(arithmetic);
  found.detail(static_cast<std::int32_t>(row), Part::kOffending);
}

// A missing bound leaves a line unknown only where the other does not decide.
void judge_line(const LinesInStays& lines, std::int64_t before, std::int64_t after, std::size_t i, Found& found) {
  if (lines.stay[i] < 0 || lines.time[i] == kUnknown) {
    ++found.unknown;
    return;
  }
  const auto s = static_cast<std::size_t>(lines.stay[i]);
  const std::int64_t start = lines.start[s], end = lines.end[s];
  // Within the stay to the second, as most lines are.
  if (start != kUnknown && start <= lines.time[i] && lines.time[i] <= end && std::min(before, after) >= 0) return;
  const std::int64_t day = day_of(lines.time[i]);
  if (start != kUnknown && day_of(start) - day > before) {
    offend(found, i, {day_of(start) - day, before, start, end});
  } else if (end != kUnknown && day - day_of(end) > after) {
    offend(found, i, {day - day_of(end), after, start, end});
  } else if (start == kUnknown || end == kUnknown) {
    ++found.unknown;
  }
}

class Meetings {
 public:
  Meetings(const Meeting& stays, std::int64_t grace, Found& found) : stays_(stays), grace_(grace), found_(found) {}

  void person(std::size_t from, std::size_t to) {
    near_.clear();
    for (std::size_t i = from; i < to; ++i) {
      if (stays_.start[i] == kUnknown || stays_.end[i] == kUnknown || stays_.kind[i] < 0) {
        ++found_.unknown;
        continue;
      }
      // Begins only rise: who shares too little with this one shares no more with those that follow.
      const std::int64_t start = day_of(stays_.start[i]);
      std::erase_if(near_, [&](std::size_t j) { return day_of(stays_.end[j]) - start <= grace_; });
      judge(i);
      near_.push_back(i);
    }
  }

 private:
  [[nodiscard]] std::int64_t nights(std::size_t j, std::size_t i) const {
    return day_of(std::min(stays_.end[j], stays_.end[i])) - day_of(stays_.start[i]);
  }

  [[nodiscard]] bool meets(std::size_t j, std::size_t i) const {
    const auto kinds = static_cast<std::size_t>(stays_.kinds);
    return stays_.stay[j] != stays_.stay[i] && nights(j, i) > grace_ &&
           stays_.looked_at[static_cast<std::size_t>(stays_.kind[j]) * kinds + static_cast<std::size_t>(stays_.kind[i])] != 0;
  }

  void judge(std::size_t i) {
    std::size_t most = i;
    for (const std::size_t j : near_)
      if (meets(j, i) && (most == i || nights(j, i) > nights(most, i))) most = j;
    if (most == i) return;
    offend(found_, i, {nights(most, i), grace_, stays_.start[i], std::min(stays_.end[most], stays_.end[i])});
    for (const std::size_t j : near_)
      if (meets(j, i)) found_.detail(static_cast<std::int32_t>(j), Part::kInvolved);
  }

  const Meeting& stays_;
  std::int64_t grace_;
  Found& found_;
  std::vector<std::size_t> near_;
};

void judge_operations(const AroundOperations& lines, Wide before, Wide after, std::size_t i, Found& found) {
  if (lines.visit[i] < 0 || lines.time[i] == kUnknown) {
    ++found.unknown;
    return;
  }
  const auto v = static_cast<std::size_t>(lines.visit[i]);
  const auto from = static_cast<std::size_t>(lines.operation_begin[v]), to = static_cast<std::size_t>(lines.operation_begin[v + 1]);
  const Wide time = lines.time[i];
  Wide nearest = -1;
  std::int64_t at = 0;
  bool missing = from == to;
  for (std::size_t k = from; k < to; ++k) {
    const std::int64_t operation = lines.operation[k];
    if (operation == kUnknown) {
      missing = true;
      continue;
    }
    const Wide miss = std::max(operation - before - time, time - operation - after);
    if (miss <= 0) return;
    if (nearest < 0 || miss < nearest) nearest = miss, at = operation;
  }
  if (missing) {
    ++found.unknown;
    return;
  }
  offend(found, i, {told((nearest + kHourMicros - 1) / kHourMicros), 0, told(at - before), told(at + after)});
}

void judge_idle(const IdleStays& stays, std::int64_t most, std::size_t s, Found& found) {
  if (stays.start[s] == kUnknown || stays.end[s] == kUnknown) {
    ++found.unknown;
    return;
  }
  const std::int64_t last = day_of(stays.end[s]);
  std::int64_t free = day_of(stays.start[s]), longest = 0, begin = 0;  // free: the day after the last one with a line
  const auto run_to = [&](std::int64_t day) {
    if (day - free > longest) longest = day - free, begin = free;
  };
  for (auto k = static_cast<std::size_t>(stays.begin[s]); k < static_cast<std::size_t>(stays.begin[s + 1]); ++k) {
    if (stays.time[k] == kUnknown) continue;
    const std::int64_t day = day_of(stays.time[k]);
    if (day < free) continue;
    if (day > last) break;
    run_to(day);
    free = day + 1;
  }
  run_to(last + 1);
  if (longest > most) offend(found, s, {longest, most, begin, begin + longest - 1});
}

}  // namespace

Found line_in_stay(const LinesInStays& lines, std::int64_t grace_before, std::int64_t grace_after, int threads) {
  return over_rows(lines.time.size(), threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) judge_line(lines, grace_before, grace_after, i, found);
  });
}

Found overlap(const Meeting& stays, std::int64_t grace, int threads) {
  return over_groups(stays.begin, threads, [&](Found& found, std::size_t from, std::size_t to) {
    Meetings meetings(stays, grace, found);
    for (std::size_t g = from; g < to; ++g)
      meetings.person(static_cast<std::size_t>(stays.begin[g]), static_cast<std::size_t>(stays.begin[g + 1]));
  });
}

Found around_operation(const AroundOperations& lines, std::int64_t before_hours, std::int64_t after_hours, int threads) {
  const Wide before = static_cast<Wide>(before_hours) * kHourMicros, after = static_cast<Wide>(after_hours) * kHourMicros;
  return over_rows(lines.time.size(), threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) judge_operations(lines, before, after, i, found);
  });
}

Found after_death(const AfterDeath& rows, std::int64_t grace, int threads) {
  return over_groups(rows.begin, threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t g = from; g < to; ++g) {
      if (rows.death[g] == kUnknown) continue;
      for (auto i = static_cast<std::size_t>(rows.begin[g]); i < static_cast<std::size_t>(rows.begin[g + 1]); ++i) {
        if (rows.time[i] == kUnknown) {
          ++found.unknown;
          continue;
        }
        const std::int64_t days = day_of(rows.time[i]) - day_of(rows.death[g]);
        if (days > grace) offend(found, i, {days, grace, rows.death[g], rows.time[i]});
      }
    }
  });
}

Found idle(const IdleStays& stays, std::int64_t most, int threads) {
  return over_groups(stays.begin, threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t s = from; s < to; ++s) judge_idle(stays, most, s, found);
  });
}

Found before_admission(const BeforeAdmission& visits, std::int64_t days, int threads) {
  const auto judge = [&](std::span<const std::size_t> stays, std::size_t i, Found& found) {
    const std::int64_t start = std::max(visits.start[i], day_of(visits.end[i]) * kDayMicros);
    const auto next =
        std::lower_bound(stays.begin(), stays.end(), start, [&](std::size_t s, std::int64_t t) { return visits.start[s] < t; });
    if (next == stays.end()) return;
    const std::int64_t between = day_of(visits.start[*next]) - day_of(visits.end[i]);
    if (between > days) return;
    offend(found, i, {between, days, visits.end[i], visits.start[*next]});
    found.detail(static_cast<std::int32_t>(*next), Part::kInvolved);
  };
  return over_groups(visits.begin, threads, [&](Found& found, std::size_t from, std::size_t to) {
    std::vector<std::size_t> stays;
    for (std::size_t g = from; g < to; ++g) {
      stays.clear();
      const auto first = static_cast<std::size_t>(visits.begin[g]), end = static_cast<std::size_t>(visits.begin[g + 1]);
      for (std::size_t i = first; i < end; ++i)
        if (visits.role[i] == 2 && visits.start[i] != kUnknown) stays.push_back(i);
      for (std::size_t i = first; i < end; ++i) {
        if (visits.role[i] == 0) continue;
        const bool missing = visits.start[i] == kUnknown || (visits.role[i] == 1 && visits.end[i] == kUnknown);
        if (missing) {
          ++found.unknown;
        } else if (visits.role[i] == 1) {
          judge(stays, i, found);
        }
      }
    }
  });
}

Found unsettled(std::span<const std::int64_t> end, std::span<const std::int64_t> settled, std::int64_t days, int threads) {
  return over_rows(end.size(), threads, [&](Found& found, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if (end[i] == kUnknown || settled[i] == kUnknown) {
        ++found.unknown;
        continue;
      }
      const std::int64_t late = day_of(settled[i]) - day_of(end[i]);
      if (late > days) offend(found, i, {late, days, end[i], settled[i]});
    }
  });
}

}  // namespace ybcore::checks
