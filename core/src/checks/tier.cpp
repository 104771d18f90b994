#include "ybcore/checks/tier.hpp"

#include "groups.hpp"

namespace ybcore::checks {

namespace {

constexpr Wide kScale = static_cast<Wide>(10'000) * 10'000 * 1'000'000;  // 1/1000000 yuan * 1/10000 * ppm in a fen

struct Ranked {
  std::size_t line;
  std::int32_t group;
};

class Buckets {
 public:
  Buckets(const Operations& lines, const TierRule& rule, Found& found)
      : lines_(lines), rule_(rule), found_(found), members_(static_cast<std::size_t>(rule.groups)) {
    for (const std::int64_t factor : rule.factors) most_ = std::max(most_, factor);
  }

  void bucket(std::size_t b) {
    ranked_.clear();
    const auto from = static_cast<std::size_t>(lines_.begin[b]), to = static_cast<std::size_t>(lines_.begin[b + 1]);
    for (std::size_t i = from; i < to; ++i) {
      if (!known(i)) {
        ++found_.unknown;
        continue;
      }
      ranked_.push_back({i, -1});
      for (const std::int32_t group : groups_of(i)) ++members_[static_cast<std::size_t>(group)];
    }
    for (Ranked& one : ranked_) one.group = group_of(one.line);
    for (const Ranked& one : ranked_)
      for (const std::int32_t group : groups_of(one.line)) members_[static_cast<std::size_t>(group)] = 0;
    std::sort(ranked_.begin(), ranked_.end(), [&](const Ranked& a, const Ranked& b2) {
      if (a.group != b2.group) return a.group < b2.group;
      if (lines_.price[a.line] != lines_.price[b2.line]) return lines_.price[a.line] > lines_.price[b2.line];
      return a.line < b2.line;
    });
    judge();
  }

 private:
  [[nodiscard]] std::span<const std::int32_t> groups_of(std::size_t i) const {
    const auto item = static_cast<std::size_t>(lines_.item[i]);
    return rule_.group.subspan(static_cast<std::size_t>(rule_.group_begin[item]),
                               static_cast<std::size_t>(rule_.group_begin[item + 1] - rule_.group_begin[item]));
  }

  [[nodiscard]] bool known(std::size_t i) const {
    if (lines_.item[i] < 0 || groups_of(i).empty() || lines_.price[i] == kUnknown || lines_.quantity[i] == kUnknown ||
        lines_.amount[i] == kUnknown)
      return false;
    const Wide full = static_cast<Wide>(lines_.price[i]) * lines_.quantity[i];
    constexpr Wide room = static_cast<Wide>(1) << 126;
    return most_ == 0 || (full <= room / most_ && full >= -room / most_);
  }

  [[nodiscard]] std::int32_t group_of(std::size_t i) const {
    for (const std::int32_t group : groups_of(i))
      if (members_[static_cast<std::size_t>(group)] > 1) return group;
    return groups_of(i).front();
  }

  [[nodiscard]] std::int64_t expected(std::size_t i, std::size_t rank) const {
    const std::int64_t factor = rule_.factors[std::min(rank, rule_.factors.size() - 1)];
    return told(round_div(static_cast<Wide>(lines_.price[i]) * lines_.quantity[i] * factor, kScale));
  }

  // Hits by their places in `ranked_`, told in the order of lines.
  void judge() {
    rank_of_.resize(ranked_.size());
    hits_.clear();
    for (std::size_t k = 0; k < ranked_.size(); ++k) {
      rank_of_[k] = k > 0 && ranked_[k].group == ranked_[k - 1].group ? rank_of_[k - 1] + 1 : 0;
      if (lines_.amount[ranked_[k].line] > expected(ranked_[k].line, rank_of_[k])) hits_.push_back(k);
    }
    std::sort(hits_.begin(), hits_.end(), [&](std::size_t a, std::size_t b) { return ranked_[a].line < ranked_[b].line; });
    for (const std::size_t k : hits_) {
      const std::size_t line = ranked_[k].line, rank = rank_of_[k];
      const std::int64_t limit = expected(line, rank);
      found_.open({lines_.amount[line], limit, kUnknown, kUnknown, -1, static_cast<std::int32_t>(rank)});
      found_.detail(static_cast<std::int32_t>(line), Part::kOffending, told(static_cast<Wide>(lines_.amount[line]) - limit));
      for (std::size_t j = k - rank; j < ranked_.size() && ranked_[j].group == ranked_[k].group; ++j)
        if (j != k) found_.detail(static_cast<std::int32_t>(ranked_[j].line), Part::kInvolved);
    }
  }

  const Operations& lines_;
  const TierRule& rule_;
  Found& found_;
  std::vector<std::int32_t> members_;  // lines of the bucket that could be in each group
  std::vector<Ranked> ranked_;
  std::vector<std::size_t> rank_of_, hits_;
  std::int64_t most_ = 0;
};

}  // namespace

Found tier(const Operations& lines, const TierRule& rule, int threads) {
  return over_groups(lines.begin, threads, [&](Found& found, std::size_t from, std::size_t to) {
    Buckets buckets(lines, rule, found);
    for (std::size_t b = from; b < to; ++b) buckets.bucket(b);
  });
}

}  // namespace ybcore::checks
