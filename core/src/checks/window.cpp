#include "ybcore/checks/window.hpp"

#include <chrono>

#include "window_scan.hpp"

namespace ybcore::checks {

namespace {

using std::chrono::days;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

[[nodiscard]] std::int64_t day_at(int y, unsigned m, unsigned d = 1) noexcept {
  const year_month_day end{year{y} / month{m} / std::chrono::last};
  return sys_days{year{y} / month{m} / std::chrono::day{std::min(d, static_cast<unsigned>(end.day()))}}.time_since_epoch().count();
}

[[nodiscard]] constexpr std::int64_t multiple(std::int64_t value, std::int64_t n) noexcept {
  const std::int64_t rest = value % n;
  return value - rest - (rest < 0 ? n : 0);
}

[[nodiscard]] Period of_months(const year_month_day& date, int n) noexcept {
  const int y = static_cast<int>(date.year());
  const int from = (static_cast<int>(static_cast<unsigned>(date.month())) - 1) / n * n;
  const int to = std::min(12, from + std::min(n, 12));
  return {day_at(y, static_cast<unsigned>(from) + 1), (to == 12 ? day_at(y + 1, 1) : day_at(y, static_cast<unsigned>(to) + 1)) - 1};
}

[[nodiscard]] Period of_years(int y, std::int32_t n, std::int32_t starts) noexcept {
  const auto from = static_cast<int>(multiple(y, n));
  const auto m = static_cast<unsigned>(starts / 100), d = static_cast<unsigned>(starts % 100);
  return {day_at(from, m, d), day_at(from + n, m, d) - 1};
}

// What is found for one window.
class Findings {
 public:
  Findings(const WindowEvents& events, const WindowRule& rule, std::size_t w)
      : events_(events),
        rule_(rule),
        window_(rule.windows[w]),
        less_(wants_less(rule.comparator)),
        begin_(rule.threshold_begin.subspan(w * static_cast<std::size_t>(rule.scopes), static_cast<std::size_t>(rule.scopes) + 1)) {
    for (std::size_t s = 0; s + 1 < begin_.size(); ++s) easiest_.push_back(easiest(s));
    scope_ = events.scope.empty() ? nullptr : events.scope.data();
    all_ = easiest_[0];
    reach_ = less_ ? -kFar : *std::min_element(easiest_.begin(), easiest_.end());
  }

  [[nodiscard]] Wide reach() const { return reach_; }

  template <class Total>
  void rolled(std::size_t i, std::size_t low, std::size_t high, Total total) {
    if (compares(i, total)) [[unlikely]]
      hit(i, low, high, total);
  }

  template <class Total>
  void counted(std::size_t i, Total total) {
    if (less_) return;
    if (!over_.empty() || compares(i, total)) [[unlikely]]
      over(i, total);
  }

  template <class Total>
  void closed(std::size_t first, std::size_t end, const Period& period, Total total) {
    if (less_) {
      std::size_t last = end;
      while (last > first && !known(events_, rule_.measured, last - 1)) --last;
      if (last == first || !compares(last - 1, total)) return;
      for (std::size_t i = first; i < last; ++i)
        if (known(events_, rule_.measured, i)) over_.push_back({i, kWhole});
      compared_ = first_that_compares(last - 1, total);
    }
    if (!over_.empty()) [[unlikely]]
      close(first, period, total);
  }

  void missing() { ++found.unknown; }

  Found found;

 private:
  static constexpr Wide kFar = static_cast<Wide>(1) << 120;

  struct Over {
    std::size_t event;
    std::int64_t excess;
  };

  // Nothing compares with it.
  [[nodiscard]] Wide none() const { return less_ ? -kFar : kFar; }

  [[nodiscard]] Wide easiest(std::size_t scope) const {
    Wide most = none();
    for (auto k = begin_[scope]; k < begin_[scope + 1]; ++k) {
      const Wide at = edge(rule_.comparator, limit(k));
      most = less_ ? std::max(most, at) : std::min(most, at);
    }
    return most;
  }

  [[nodiscard]] std::size_t scope_of(std::size_t i) const { return scope_ == nullptr ? 0 : static_cast<std::size_t>(scope_[i]); }

  [[nodiscard]] bool compares(std::size_t i, Wide total) const {
    Wide at = all_;
    if (scope_ != nullptr) {
      if (scope_[i] < 0) return false;
      at = easiest_[scope_of(i)];
    }
    return less_ ? total < at : total > at;
  }

  [[nodiscard]] std::int32_t first_that_compares(std::size_t i, Wide total) const {
    const std::size_t s = scope_of(i);
    for (auto k = begin_[s]; k < begin_[s + 1]; ++k) {
      const Wide at = edge(rule_.comparator, limit(k));
      if (less_ ? total < at : total > at) return static_cast<std::int32_t>(k);
    }
    return -1;
  }

  [[nodiscard]] std::int64_t excess(std::size_t i, Wide total) const {
    if (rule_.measured != Measured::kSum || less_) return kWhole;
    return told(std::clamp<Wide>(total - easiest_[scope_of(i)], 0, std::max<std::int64_t>(events_.value[i], 0)));
  }

  [[nodiscard]] std::int64_t limit(std::int64_t k) const { return rule_.threshold[static_cast<std::size_t>(k)]; }

  void hit(std::size_t i, std::size_t low, std::size_t high, Wide total) {
    const std::int32_t k = first_that_compares(i, total);
    const std::int64_t day = events_.day[i];
    found.open({told(total), limit(k), day - window_.n + (window_.through ? 0 : 1), day, -1, k});
    found.detail(static_cast<std::int32_t>(i), Part::kOffending, excess(i, total));
    for (std::size_t j = low; j < high; ++j)
      if (j != i && known(events_, rule_.measured, j)) found.detail(static_cast<std::int32_t>(j), Part::kInvolved);
  }

  // An event after the first over one offends even where no value is for its scope: it then carries no excess of its own.
  void over(std::size_t i, Wide total) {
    const bool now = compares(i, total);
    if (now) compared_ = first_that_compares(i, total);
    const bool summed = rule_.measured == Measured::kSum;
    over_.push_back({i, now || !summed ? excess(i, total) : 0});
  }

  void close(std::size_t first, const Period& period, Wide total) {
    found.open({told(total), limit(compared_), period.first, period.last, -1, compared_});
    for (std::size_t i = first; i < over_.front().event; ++i)
      if (known(events_, rule_.measured, i)) found.detail(static_cast<std::int32_t>(i), Part::kInvolved);
    for (const Over& one : over_) found.detail(static_cast<std::int32_t>(one.event), Part::kOffending, one.excess);
    over_.clear();
  }

  const WindowEvents& events_;
  const WindowRule& rule_;
  const Window& window_;
  bool less_;
  std::span<const std::int64_t> begin_;
  std::vector<Wide> easiest_;  // by scope
  const std::int32_t* scope_ = nullptr;
  Wide all_ = 0;  // without scopes
  Wide reach_ = 0;
  std::vector<Over> over_;
  std::int32_t compared_ = -1;
};

}  // namespace

Period period_of(const Window& window, std::int32_t starts, std::int64_t day) noexcept {
  if (window.span == Span::kDay) {
    const std::int64_t first = multiple(day, window.n);
    return {first, first + window.n - 1};
  }
  const year_month_day date{sys_days{days{day}}};
  const int y = static_cast<int>(date.year());
  switch (window.span) {
    case Span::kMonth:
      return of_months(date, window.n);
    case Span::kQuarter:
      return of_months(date, 3 * std::min(window.n, 4));
    case Span::kInsuranceYear: {
      const bool before = day < day_at(y, static_cast<unsigned>(starts / 100), static_cast<unsigned>(starts % 100));
      return of_years(before ? y - 1 : y, window.n, starts);
    }
    default:
      return of_years(y, window.n, 101);
  }
}

Found window(const WindowEvents& events, const WindowRule& rule, int threads) {
  const std::size_t windows = rule.windows.size();
  const Chunks chunks = cut_evenly(events.begin, threads);
  const std::size_t count = chunks.begin.size() - 1;
  // By window first: a chunk's place within a window does not tell where it was cut.
  std::vector<Found> parts(windows * count);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    std::vector<Findings> sinks;
    for (std::size_t w = 0; w < windows; ++w) sinks.emplace_back(events, rule, w);
    scan_measured<Findings>(events, rule, chunks.begin[c], chunks.begin[c + 1], sinks);
    for (std::size_t w = 0; w < windows; ++w) parts[w * count + c] = std::move(sinks[w].found);
  });
  // Every window misses the same events.
  for (std::size_t p = count; p < parts.size(); ++p) parts[p].unknown = 0;
  return parts.empty() ? Found{} : joined(std::move(parts));
}

}  // namespace ybcore::checks
