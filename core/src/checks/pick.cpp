#include "ybcore/checks/pick.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "../split.hpp"
#include "ybcore/checks/chosen.hpp"

namespace ybcore::checks {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18;
constexpr std::size_t kStrip = 2048;

// Lines of a block that any rule names, and which do.
struct Named {
  std::vector<std::int32_t> place;
  std::vector<std::int32_t> item;   // where they are needed again: read here, where they are near
  std::vector<std::uint64_t> bits;  // words a line; none where the items alone decide
};

class Picker {
 public:
  Picker(const PickLines& lines, const PickRules& rules)
      : lines_(lines),
        rules_(rules),
        words_(rules.words()),
        items_(words_ == 0 ? 0 : rules.masks.size() / words_ - 1),
        plain_(rules.holds.empty()),
        items_kept_(rules.items || (plain_ && rules.rules > 1)),
        any_(items_) {
    for (std::size_t i = 0; i < rules.masks.size(); ++i)
      if (rules.masks[i] != 0) any_.choose(i / words_ == items_ ? -1 : static_cast<std::int64_t>(i / words_));
  }

  // Counts the candidates of each rule among the lines of [begin, end). False where an item is none.
  bool name(std::size_t begin, std::size_t end, Named& named, std::int64_t* count) const {
    std::array<std::int32_t, kStrip> kept;
    for (std::size_t strip = begin; strip < end; strip += kStrip) {
      const std::size_t last = std::min(end, strip + kStrip);
      const std::size_t some = any_.of(lines_.item, strip, last, kept.data());
      if (some == ChosenCodes::kUnsound) return false;
      // A block has about as many of them everywhere.
      if (strip == begin)
        named.place.reserve(some * (kBlock / kStrip) * 5 / 4), named.item.reserve(items_kept_ ? named.place.capacity() : 0);
      if (plain_) {
        named.place.insert(named.place.end(), kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(some));
        for (std::size_t k = 0; items_kept_ && k < some; ++k) named.item.push_back(item(kept[k]));
        if (rules_.rules == 1) count[0] += static_cast<std::int64_t>(some);
        for (std::size_t k = 0; rules_.rules > 1 && k < some; ++k)
          each_rule(mask_of(item(kept[k])), [&](std::size_t rule) { ++count[rule]; });
      } else {
        for (std::size_t k = 0; k < some; ++k) ask(kept[k], named, count);
      }
    }
    return true;
  }

  // Calls candidate(rule, k) for the lines named.
  template <class Candidate>
  void each(const Named& named, Candidate candidate) const {
    for (std::size_t k = 0; k < named.place.size(); ++k) {
      if (plain_ && rules_.rules == 1) {
        candidate(0, k);
      } else {
        each_rule(plain_ ? mask_of(named.item[k]) : named.bits.data() + k * words_, [&](std::size_t rule) { candidate(rule, k); });
      }
    }
  }

 private:
  [[nodiscard]] std::int32_t item(std::int32_t place) const noexcept { return lines_.item[static_cast<std::size_t>(place)]; }
  [[nodiscard]] const std::uint64_t* mask_of(std::int32_t item) const noexcept {
    return rules_.masks.data() + (item < 0 ? items_ : static_cast<std::size_t>(item)) * words_;
  }

  void ask(std::int32_t place, Named& named, std::int64_t* count) const {
    const std::uint64_t* mask = mask_of(item(place));
    const std::uint64_t* holds = rules_.holds.data() + static_cast<std::size_t>(lines_.visit[static_cast<std::size_t>(place)]) * words_;
    std::uint64_t any = 0;
    for (std::size_t w = 0; w < words_; ++w) {
      named.bits.push_back(mask[w] & holds[w]);
      any |= named.bits.back();
    }
    if (any == 0) {
      named.bits.resize(named.bits.size() - words_);
      return;
    }
    named.place.push_back(place);
    if (items_kept_) named.item.push_back(item(place));
    each_rule(named.bits.data() + named.bits.size() - words_, [&](std::size_t rule) { ++count[rule]; });
  }

  template <class Each>
  void each_rule(const std::uint64_t* words, Each each) const {
    for (std::size_t w = 0; w < words_; ++w)
      for (std::uint64_t bits = words[w]; bits != 0; bits &= bits - 1) each(w * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
  }

  const PickLines& lines_;
  const PickRules& rules_;
  std::size_t words_;
  std::size_t items_;
  bool plain_;       // nothing but the items decides
  bool items_kept_;  // with the lines named
  ChosenCodes any_;
};

}  // namespace

std::optional<Picked> pick(const PickLines& lines, const PickRules& rules, int threads) {
  Picked out{std::vector<std::int64_t>(rules.rules + 1), {}, {}};
  const std::size_t n = rules.rules;
  const Picker picker(lines, rules);
  const Chunks chunks = cut_rows(lines.item.size(), kBlock);
  const std::size_t parts = chunks.begin.size() - 1;
  std::vector<std::int64_t> next(parts * n);
  std::vector<Named> named(parts);
  std::vector<std::uint8_t> sound(parts);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    sound[c] = picker.name(chunks.begin[c], chunks.begin[c + 1], named[c], next.data() + c * n) ? 1 : 0;
  });
  if (std::find(sound.begin(), sound.end(), 0) != sound.end()) return std::nullopt;
  std::int64_t total = 0;
  for (std::size_t rule = 0; rule < n; ++rule) {
    out.begin[rule] = total;
    for (std::size_t c = 0; c < parts; ++c) total += std::exchange(next[c * n + rule], total);
  }
  out.begin[n] = total;
  out.place = big<std::int32_t>(static_cast<std::size_t>(total));
  if (rules.items) out.item = big<std::int32_t>(static_cast<std::size_t>(total));
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
