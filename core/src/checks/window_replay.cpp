#include "window_scan.hpp"

namespace ybcore::checks {

namespace {

// Differences from one value to the next; their running sums are what is told.
struct Steps {
  explicit Steps(std::size_t values) : hits(values + 1), amount(values + 1) {}
  std::vector<std::int64_t> hits;
  std::vector<Wide> amount;
};

// What one window adds to each value.
class Histogram {
 public:
  Histogram(const WindowEvents& events, const WindowRule& rule, std::span<const Wide> edges, std::span<const std::int64_t> money,
            bool excess, std::span<std::int32_t> reached)
      : steps(edges.size()),
        events_(events),
        measured_(rule.measured),
        less_(wants_less(rule.comparator)),
        edges_(edges),
        money_(money),
        excess_(excess),
        reached_(reached) {
    if (!edges.empty()) easiest_ = less_ ? edges.back() : edges.front();
  }

  [[nodiscard]] Wide reach() const { return less_ || edges_.empty() ? -kFar : easiest_; }

  template <class Total>
  void rolled(std::size_t i, std::size_t /*low*/, std::size_t /*high*/, Total total) {
    if (!compares(i, total)) return;
    count(total);
    add(i, total, total);
  }

  template <class Total>
  void counted(std::size_t i, Total total) {
    if (less_) return;
    if (compares(i, total) && (!over_ || total > most_)) most_ = total, over_ = true;
    if (over_) add(i, most_, judged(i) ? static_cast<Wide>(total) : edges_[0]);
  }

  template <class Total>
  void closed(std::size_t first, std::size_t end, const Period& /*period*/, Total total) {
    if (less_) {
      while (end > first && !known(events_, measured_, end - 1)) --end;
      if (end == first || !compares(end - 1, total)) return;
      count(total);
      for (std::size_t i = first; i < end; ++i)
        if (known(events_, measured_, i)) add(i, total, total);
    } else if (over_) {
      count(most_);
      over_ = false;
    }
  }

  void missing() {}

  Steps steps;

 private:
  static constexpr Wide kFar = static_cast<Wide>(1) << 120;

  [[nodiscard]] bool judged(std::size_t i) const { return events_.scope.empty() || events_.scope[i] >= 0; }
  [[nodiscard]] bool compares(std::size_t i, Wide total) const {
    return (less_ ? total < easiest_ : total > easiest_) && judged(i) && !edges_.empty();
  }

  // The values that a measure compares with: [first, second).
  [[nodiscard]] std::pair<std::size_t, std::size_t> compared(Wide total) const {
    if (!less_) return {0, static_cast<std::size_t>(std::lower_bound(edges_.begin(), edges_.end(), total) - edges_.begin())};
    return {static_cast<std::size_t>(std::upper_bound(edges_.begin(), edges_.end(), total) - edges_.begin()), edges_.size()};
  }

  void count(Wide total) {
    const auto [from, to] = compared(total);
    ++steps.hits[from];
    --steps.hits[to];
  }

  void between(std::size_t from, std::size_t to, Wide amount) {
    steps.amount[from] += amount;
    steps.amount[to] -= amount;
  }

  // The event offends for every value that `most` compares with; its excess is that of `total`.
  void add(std::size_t i, Wide most, Wide total) {
    const auto [from, to] = compared(most);
    reached_[i] = static_cast<std::int32_t>(to - from);
    const std::int64_t money = money_[i];
    if (!excess_ || less_) return between(from, to, money);
    const std::int64_t own = std::max<std::int64_t>(events_.value[i], 0);
    // Beyond the lowest values by all of it, beyond the next by a part.
    std::size_t whole = from;
    if (own > 0) whole = static_cast<std::size_t>(std::upper_bound(edges_.begin(), edges_.end(), total - own) - edges_.begin());
    whole = std::min(whole, to);
    between(from, whole, money);
    for (std::size_t k = whole; k < to && own > 0 && edges_[k] < total; ++k)
      between(k, k + 1, round_div(static_cast<Wide>(money) * (total - edges_[k]), own));
  }

  const WindowEvents& events_;
  Measured measured_;
  bool less_;
  std::span<const Wide> edges_;
  std::span<const std::int64_t> money_;
  bool excess_;
  std::span<std::int32_t> reached_;
  Wide easiest_ = 0;
  bool over_ = false;
  Wide most_ = 0;
};

}  // namespace

WindowReplay window_replay(const WindowEvents& events, const WindowRule& rule, std::span<const std::int64_t> values,
                           std::span<const std::int64_t> money, bool excess, int threads) {
  const std::size_t windows = rule.windows.size();
  std::vector<Wide> edges;
  for (const std::int64_t value : values) edges.push_back(edge(rule.comparator, value));
  const Chunks chunks = cut_evenly(events.begin, threads);
  WindowReplay out;
  out.reach.resize(windows * events.day.size());
  const std::span<std::int32_t> reach(out.reach);
  std::vector<std::vector<Steps>> parts(chunks.begin.size() - 1);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    std::vector<Histogram> sinks;
    for (std::size_t w = 0; w < windows; ++w)
      sinks.emplace_back(events, rule, edges, money, excess && rule.measured == Measured::kSum,
                         reach.subspan(w * events.day.size(), events.day.size()));
    scan_measured<Histogram>(events, rule, chunks.begin[c], chunks.begin[c + 1], sinks);
    for (Histogram& sink : sinks) parts[c].push_back(std::move(sink.steps));
  });
  for (std::size_t w = 0; w < windows; ++w) {
    std::int64_t hits = 0;
    Wide amount = 0;
    for (std::size_t k = 0; k < values.size(); ++k) {
      for (const auto& part : parts) hits += part[w].hits[k], amount += part[w].amount[k];
      out.hits.push_back(hits);
      out.amount.push_back(told(amount));
    }
  }
  return out;
}

}  // namespace ybcore::checks
