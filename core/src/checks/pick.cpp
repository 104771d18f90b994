#include "ybcore/checks/pick.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "../split.hpp"
#include "ybcore/checks/chosen.hpp"

namespace ybcore::checks {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18;
constexpr std::size_t kStrip = 2048;

// Lines of a block that any rule names, and which do.
struct Named {
  std::vector<std::int32_t> place;
  std::vector<std::int32_t> item;   // where asked for: read here, where it is near
  std::vector<std::uint64_t> bits;  // words a line; none of one rule that only items decide
};

class Picker {
 public:
  Picker(const PickLines& lines, const PickRules& rules)
      : lines_(lines),
        rules_(rules),
        words_(rules.words()),
        items_(words_ == 0 ? 0 : rules.masks.size() / words_ - 1),
        plain_(rules.rules == 1 && rules.holds.empty()),
        any_(items_) {
    for (std::size_t i = 0; i < rules.masks.size(); ++i)
      if (rules.masks[i] != 0) any_.choose(i / words_ == items_ ? -1 : static_cast<std::int64_t>(i / words_));
  }

  // Counts the candidates of each rule among the lines of [begin, end), and the lines whose scope cannot be told. False where an item is
  // none.
  bool name(std::size_t begin, std::size_t end, Named& named, std::int64_t* count, std::int64_t* unsure) const {
    std::array<std::int32_t, kStrip> kept;
    for (std::size_t strip = begin; strip < end; strip += kStrip) {
      const std::size_t last = std::min(end, strip + kStrip);
      std::size_t some = any_.of(lines_.item, strip, last, kept.data());
      if (some == ChosenCodes::kUnsound) return false;
      if (!lines_.stands.empty()) some = standing(kept, some);
      if (plain_) {
        named.place.insert(named.place.end(), kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(some));
        count[0] += static_cast<std::int64_t>(some);
        for (std::size_t k = 0; rules_.items && k < some; ++k) named.item.push_back(lines_.item[static_cast<std::size_t>(kept[k])]);
      } else {
        for (std::size_t k = 0; k < some; ++k) ask(kept[k], named, count, unsure);
      }
    }
    return true;
  }

  // Calls candidate(rule, k) for the lines named.
  template <class Candidate>
  void each(const Named& named, Candidate candidate) const {
    for (std::size_t k = 0; k < named.place.size(); ++k) {
      if (plain_) {
        candidate(0, k);
        continue;
      }
      for (std::size_t w = 0; w < words_; ++w) each_bit(named.bits[k * words_ + w], w, [&](std::size_t rule) { candidate(rule, k); });
    }
  }

 private:
  [[nodiscard]] std::size_t row(std::int32_t item) const noexcept { return item < 0 ? items_ : static_cast<std::size_t>(item); }

  void ask(std::int32_t place, Named& named, std::int64_t* count, std::int64_t* unsure) const {
    const auto at = static_cast<std::size_t>(place);
    const std::uint64_t* mask = rules_.masks.data() + row(lines_.item[at]) * words_;
    const std::size_t visit = lines_.visit.empty() ? 0 : static_cast<std::size_t>(lines_.visit[at]) * words_;
    std::uint64_t any = 0;
    for (std::size_t w = 0; w < words_; ++w) {
      std::uint64_t bits = mask[w];
      if (!rules_.holds.empty()) {
        if (!rules_.unsure.empty()) each_bit(bits & rules_.unsure[visit + w], w, [&](std::size_t rule) { ++unsure[rule]; });
        bits &= rules_.holds[visit + w];
      }
      each_bit(bits, w, [&](std::size_t rule) { ++count[rule]; });
      named.bits.push_back(bits);
      any |= bits;
    }
    if (any != 0) {
      named.place.push_back(place);
      if (rules_.items) named.item.push_back(lines_.item[at]);
    } else {
      named.bits.resize(named.bits.size() - words_);
    }
  }

  std::size_t standing(std::array<std::int32_t, kStrip>& kept, std::size_t count) const noexcept {
    std::size_t left = 0;
    for (std::size_t k = 0; k < count; ++k) {
      const std::int32_t place = kept[k];
      kept[left] = place;
      left += lines_.stands[static_cast<std::size_t>(place)] != 0 ? 1 : 0;
    }
    return left;
  }

  template <class Each>
  static void each_bit(std::uint64_t bits, std::size_t word, Each each) {
    for (; bits != 0; bits &= bits - 1) each(word * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
  }

  const PickLines& lines_;
  const PickRules& rules_;
  std::size_t words_;
  std::size_t items_;
  bool plain_;  // one rule, of which nothing but the items decides
  ChosenCodes any_;
};

}  // namespace

std::optional<Picked> pick(const PickLines& lines, const PickRules& rules, int threads) {
  Picked out{std::vector<std::int64_t>(rules.rules + 1), {}, {}, std::vector<std::int64_t>(rules.rules)};
  const std::size_t n = rules.rules;
  const Picker picker(lines, rules);
  const Chunks chunks = cut_rows(lines.item.size(), kBlock);
  const std::size_t parts = chunks.begin.size() - 1;
  std::vector<std::int64_t> next(parts * n), unsure(parts * n);
  std::vector<Named> named(parts);
  std::vector<std::uint8_t> sound(parts);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    sound[c] = picker.name(chunks.begin[c], chunks.begin[c + 1], named[c], next.data() + c * n, unsure.data() + c * n) ? 1 : 0;
  });
  if (std::find(sound.begin(), sound.end(), 0) != sound.end()) return std::nullopt;
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
  if (rules.items) out.item.resize(static_cast<std::size_t>(total));
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    std::int64_t* at = next.data() + c * n;
    picker.each(named[c], [&](std::size_t rule, std::size_t k) {
      const auto to = static_cast<std::size_t>(at[rule]++);
      out.place[to] = named[c].place[k];
      if (rules.items) out.item[to] = named[c].item[k];
    });
    named[c] = {};
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
