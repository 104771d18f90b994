#include "ybcore/checks/pick.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <type_traits>
#include <utility>

#include "../split.hpp"
#include "ybcore/checks/chosen.hpp"

namespace ybcore::checks {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18;
constexpr std::size_t kStrip = 2048;
constexpr std::size_t kMany = std::size_t{1} << 20;  // candidates that are put side by side before the next rules' are

// A candidate, with what is read of it where it is near: a rule may have most of all lines, so that nothing is kept that nobody asks for.
struct Placed {
  std::int32_t place, visit;
  Placed(std::int32_t at, std::int32_t, std::int32_t of) noexcept : place(at), visit(of) {}
};
struct Named {
  std::int32_t place, item, visit;
  Named(std::int32_t at, std::int32_t what, std::int32_t of) noexcept : place(at), item(what), visit(of) {}
};

template <class Candidate>
class Picker {
 public:
  using Candidates = std::vector<Candidate>;

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
      const std::int32_t what = item(place);
      const Candidate one(place, what, plain_ && !rules_.visits ? -1 : visit(place));
      if (sole) {
        of_rule[0].push_back(one);
        continue;
      }
      const std::uint64_t *mask = mask_of(what), *holds = plain_ ? nullptr : holds_of(one.visit);
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

// The candidates of each chunk and rule, and of which rules they are.
template <class Candidate>
struct Found {
  std::vector<std::vector<Candidate>> of;  // chunks x rules
  std::size_t parts, rules;

  [[nodiscard]] std::vector<Candidate>& at(std::size_t chunk, std::size_t rule) noexcept { return of[chunk * rules + rule]; }
  [[nodiscard]] std::size_t of_rule(std::size_t rule) noexcept {
    std::size_t size = 0;
    for (std::size_t c = 0; c < parts; ++c) size += at(c, rule).size();
    return size;
  }
};

// Those of the rules from `first` to before `last`, each side by side; found ones are let go.
template <class Candidate>
void together(Found<Candidate>& found, std::size_t first, std::size_t last, const PickRules& rules, std::vector<Picked>& out, int threads) {
  std::vector<std::size_t> to(found.parts * (last - first));
  for (std::size_t rule = first; rule < last; ++rule) {
    std::size_t size = 0;
    for (std::size_t c = 0; c < found.parts; ++c)
      to[c * (last - first) + rule - first] = std::exchange(size, size + found.at(c, rule).size());
    out[rule] = {size, big<std::int32_t>(size), {}, {}};
    if (rules.items) out[rule].item = big<std::int32_t>(size);
    if (rules.visits) out[rule].visit = big<std::int32_t>(size);
  }
  for_each_chunk(cut_rows(found.parts, 1), threads, [&](std::size_t c) {
    for (std::size_t rule = first; rule < last; ++rule) {
      auto& mine = found.at(c, rule);
      const std::size_t begin = to[c * (last - first) + rule - first];
      const auto put = [&](std::int32_t* column, std::int32_t Candidate::* member) {
        for (std::size_t k = 0; k < mine.size(); ++k) column[begin + k] = mine[k].*member;
      };
      put(out[rule].place.get(), &Candidate::place);
      if constexpr (std::is_same_v<Candidate, Named>) put(out[rule].item.get(), &Candidate::item);
      if (rules.visits) put(out[rule].visit.get(), &Candidate::visit);
      mine = {};
    }
  });
}

template <class Candidate>
std::optional<std::vector<Picked>> picked(const PickLines& lines, const PickRules& rules, int threads) {
  const std::size_t n = rules.rules;
  const Picker<Candidate> picker(lines, rules);
  const Chunks chunks = cut_rows(lines.item.size(), kBlock);
  const std::size_t parts = chunks.begin.size() - 1;
  Found<Candidate> found{std::vector<std::vector<Candidate>>(parts * n), parts, n};
  std::vector<std::uint8_t> sound(parts);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    sound[c] = picker.find(chunks.begin[c], chunks.begin[c + 1], std::span(found.of).subspan(c * n, n)) ? 1 : 0;
  });
  if (std::find(sound.begin(), sound.end(), 0) != sound.end()) return std::nullopt;
  std::vector<Picked> out(n);
  for (std::size_t rule = 0; rule < n;) {
    std::size_t end = rule, size = 0;
    while (end < n && size < kMany) size += found.of_rule(end++);
    together(found, rule, end, rules, out, threads);
    rule = end;
  }
  return out;
}

}  // namespace

std::optional<std::vector<Picked>> pick(const PickLines& lines, const PickRules& rules, int threads) {
  return rules.items ? picked<Named>(lines, rules, threads) : picked<Placed>(lines, rules, threads);
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
