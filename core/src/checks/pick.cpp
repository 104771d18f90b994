#include "ybcore/checks/pick.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "../split.hpp"

namespace ybcore::checks {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18;
constexpr std::size_t kStrip = 2048;

class Picker {
 public:
  Picker(const PickLines& lines, const PickRules& rules)
      : lines_(lines), rules_(rules), words_(rules.words()), items_(words_ == 0 ? 0 : rules.masks.size() / words_ - 1), any_(items_ + 1) {
    for (std::size_t i = 0; i < rules.masks.size(); ++i)
      if (rules.masks[i] != 0) any_[i / words_] = 1;
  }

  // The lines of [begin, end) that any rule names.
  void name(std::size_t begin, std::size_t end, std::vector<std::int32_t>& named) const {
    std::array<std::int32_t, kStrip> kept;
    for (std::size_t strip = begin; strip < end; strip += kStrip) {
      const std::size_t count = named_of(strip, std::min(end, strip + kStrip), kept);
      named.insert(named.end(), kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(count));
    }
  }

  // Calls candidate(rule, place) and unsure(rule) for named lines.
  template <class Candidate, class Unsure>
  void scan(const std::vector<std::int32_t>& named, Candidate candidate, Unsure unsure) const {
    for (const std::int32_t place : named) {
      const auto at = static_cast<std::size_t>(place);
      const std::uint64_t* mask = rules_.masks.data() + row(lines_.item[at]) * words_;
      const std::size_t visit = lines_.visit.empty() ? 0 : static_cast<std::size_t>(lines_.visit[at]) * words_;
      for (std::size_t w = 0; w < words_; ++w) {
        std::uint64_t bits = mask[w];
        if (!rules_.holds.empty()) {
          if (!rules_.unsure.empty()) each_bit(bits & rules_.unsure[visit + w], w, unsure);
          bits &= rules_.holds[visit + w];
        }
        each_bit(bits, w, [&](std::size_t rule) { candidate(rule, place); });
      }
    }
  }

 private:
  [[nodiscard]] std::size_t row(std::int32_t item) const noexcept { return item < 0 ? items_ : static_cast<std::size_t>(item); }

  // The standing lines that any rule names, without a branch that could be mistaken.
  std::size_t named_of(std::size_t begin, std::size_t end, std::array<std::int32_t, kStrip>& kept) const noexcept {
    std::size_t count = 0;
    if (lines_.stands.empty()) {
      for (std::size_t i = begin; i < end; ++i) {
        kept[count] = static_cast<std::int32_t>(i);
        count += any_[row(lines_.item[i])];
      }
      return count;
    }
    for (std::size_t i = begin; i < end; ++i) {
      kept[count] = static_cast<std::int32_t>(i);
      count += any_[row(lines_.item[i])] & (lines_.stands[i] != 0 ? 1U : 0U);
    }
    return count;
  }

  template <class Each>
  static void each_bit(std::uint64_t bits, std::size_t word, Each each) {
    for (; bits != 0; bits &= bits - 1) each(word * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
  }

  const PickLines& lines_;
  const PickRules& rules_;
  std::size_t words_;
  std::size_t items_;
  std::vector<std::uint8_t> any_;
};

}  // namespace

Picked pick(const PickLines& lines, const PickRules& rules, int threads) {
  Picked out{std::vector<std::int64_t>(rules.rules + 1), {}, std::vector<std::int64_t>(rules.rules)};
  const std::size_t n = rules.rules;
  const Picker picker(lines, rules);
  const Chunks chunks = cut_rows(lines.item.size(), kBlock);
  const std::size_t parts = chunks.begin.size() - 1;
  std::vector<std::int64_t> next(parts * n), unsure(parts * n);
  std::vector<std::vector<std::int32_t>> named(parts);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    picker.name(chunks.begin[c], chunks.begin[c + 1], named[c]);
    std::int64_t* count = next.data() + c * n;
    std::int64_t* lost = unsure.data() + c * n;
    picker.scan(named[c], [&](std::size_t rule, std::int32_t) { ++count[rule]; }, [&](std::size_t rule) { ++lost[rule]; });
  });
  std::int64_t total = 0;
  for (std::size_t rule = 0; rule < n; ++rule) {
    out.begin[rule] = total;
    for (std::size_t c = 0; c < parts; ++c) {
      const std::int64_t count = next[c * n + rule];
      next[c * n + rule] = total;
      total += count;
      out.unknown[rule] += unsure[c * n + rule];
    }
  }
  out.begin[n] = total;
  out.place.resize(static_cast<std::size_t>(total));
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    std::int64_t* at = next.data() + c * n;
    picker.scan(
        named[c], [&](std::size_t rule, std::int32_t place) { out.place[static_cast<std::size_t>(at[rule]++)] = place; },
        [](std::size_t) {});
  });
  return out;
}

std::vector<std::int64_t> runs_of(std::span<const std::int32_t> place, std::span<const std::int64_t> person_begin) {
  std::vector<std::int64_t> begin{0};
  std::size_t person = 0;
  for (std::size_t i = 0; i < place.size(); ++i) {
    if (place[i] < person_begin[person + 1]) continue;
    // Most often the next person or one soon after.
    while (place[i] >= person_begin[person + 1]) ++person;
    if (i > 0) begin.push_back(static_cast<std::int64_t>(i));
  }
  if (!place.empty()) begin.push_back(static_cast<std::int64_t>(place.size()));
  return begin;
}

}  // namespace ybcore::checks
