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

// A candidate, with what is read of it where it is near.
struct Candidate {
  std::int32_t place, item, visit;
};
using Candidates = std::vector<Candidate>;

class Picker {
 public:
  Picker(const PickLines& lines, const PickRules& rules)
      : lines_(lines),
        rules_(rules),
        words_(rules.words()),
        items_(words_ == 0 ? 0 : rules.masks.size() / words_ - 1),
        plain_(rules.holds.empty()),
        any_(items_) {
    for (std::size_t i = 0; i < rules.masks.size(); ++i)
      if (rules.masks[i] != 0) any_.choose(i / words_ == items_ ? -1 : static_cast<std::int64_t>(i / words_));
  }

  // The candidates of each rule among the lines of [begin, end). False where an item or the visit of a line that a rule names is none.
  // What is read of the visits of a strip is on its way while the next ones are looked through.
  bool find(std::size_t begin, std::size_t end, std::span<Candidates> of_rule) const {
    std::array<Strip, 3> strips;
    const std::size_t all = (end - begin + kStrip - 1) / kStrip, behind = !plain_ ? 2 : rules_.visits ? 1 : 0;
    for (std::size_t s = 0; s < all + behind; ++s) {
      if (s < all && !look(strips[s % 3], begin + s * kStrip, std::min(end, begin + (s + 1) * kStrip))) return false;
      if (!plain_ && s >= 1 && s <= all && !near_holds(strips[(s - 1) % 3])) return false;
      if (s >= behind) keep(strips[(s - behind) % 3], of_rule);
    }
    return true;
  }

 private:
  struct Strip {
    std::array<std::int32_t, kStrip> place;
    std::size_t count = 0;
  };

  [[nodiscard]] std::int32_t item(std::int32_t place) const noexcept { return lines_.item[static_cast<std::size_t>(place)]; }
  [[nodiscard]] std::int32_t visit(std::int32_t place) const noexcept { return lines_.visit[static_cast<std::size_t>(place)]; }
  [[nodiscard]] const std::uint64_t* mask_of(std::int32_t item) const noexcept {
    return rules_.masks.data() + (item < 0 ? items_ : static_cast<std::size_t>(item)) * words_;
  }
  [[nodiscard]] const std::uint64_t* holds_of(std::int32_t visit) const noexcept {
    return rules_.holds.data() + static_cast<std::size_t>(visit) * words_;
  }

  bool look(Strip& strip, std::size_t begin, std::size_t end) const noexcept {
    strip.count = any_.of(lines_.item, begin, end, strip.place.data());
    if (strip.count == ChosenCodes::kUnsound) return false;
    if (plain_ && !rules_.visits) return true;
    for (std::size_t k = 0; k < strip.count; ++k) __builtin_prefetch(lines_.visit.data() + strip.place[k]);
    return true;
  }

  bool near_holds(const Strip& strip) const noexcept {
    const std::size_t visits = rules_.holds.size() / words_;
    for (std::size_t k = 0; k < strip.count; ++k) {
      const std::int32_t own = visit(strip.place[k]);
      if (own < 0 || static_cast<std::size_t>(own) >= visits) return false;
      __builtin_prefetch(holds_of(own));
    }
    return true;
  }

  void keep(const Strip& strip, std::span<Candidates> of_rule) const {
    const bool sole = plain_ && rules_.rules == 1;
    for (std::size_t k = 0; k < strip.count; ++k) {
      const std::int32_t place = strip.place[k];
      const Candidate one{place, item(place), plain_ && !rules_.visits ? -1 : visit(place)};
      if (sole) {
        of_rule[0].push_back(one);
        continue;
      }
      const std::uint64_t *mask = mask_of(one.item), *holds = plain_ ? nullptr : holds_of(one.visit);
      for (std::size_t w = 0; w < words_; ++w)
        for (std::uint64_t bits = plain_ ? mask[w] : mask[w] & holds[w]; bits != 0; bits &= bits - 1)
          of_rule[w * 64 + static_cast<std::size_t>(std::countr_zero(bits))].push_back(one);
    }
  }

  const PickLines& lines_;
  const PickRules& rules_;
  std::size_t words_;
  std::size_t items_;
  bool plain_;  // nothing but the items decides
  ChosenCodes any_;
};

}  // namespace

std::optional<Picked> pick(const PickLines& lines, const PickRules& rules, int threads) {
  Picked out{std::vector<std::int64_t>(rules.rules + 1), {}, {}, {}};
  const std::size_t n = rules.rules;
  const Picker picker(lines, rules);
  const Chunks chunks = cut_rows(lines.item.size(), kBlock);
  const std::size_t parts = chunks.begin.size() - 1;
  std::vector<Candidates> found(parts * n);
  std::vector<std::uint8_t> sound(parts);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    sound[c] = picker.find(chunks.begin[c], chunks.begin[c + 1], std::span(found).subspan(c * n, n)) ? 1 : 0;
  });
  if (std::find(sound.begin(), sound.end(), 0) != sound.end()) return std::nullopt;
  std::vector<std::size_t> to(parts * n);
  std::size_t total = 0;
  for (std::size_t rule = 0; rule < n; ++rule) {
    out.begin[rule] = static_cast<std::int64_t>(total);
    for (std::size_t c = 0; c < parts; ++c) to[c * n + rule] = std::exchange(total, total + found[c * n + rule].size());
  }
  out.begin[n] = static_cast<std::int64_t>(total);
  out.place = big<std::int32_t>(total);
  if (rules.items) out.item = big<std::int32_t>(total);
  if (rules.visits) out.visit = big<std::int32_t>(total);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    for (std::size_t at = c * n; at < (c + 1) * n; ++at) {
      const auto put = [&](std::int32_t* column, std::int32_t Candidate::* member) {
        for (std::size_t k = 0; k < found[at].size(); ++k) column[to[at] + k] = found[at][k].*member;
      };
      put(out.place.get(), &Candidate::place);
      if (rules.items) put(out.item.get(), &Candidate::item);
      if (rules.visits) put(out.visit.get(), &Candidate::visit);
      found[at] = {};
    }
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
