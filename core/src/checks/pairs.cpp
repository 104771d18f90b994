#include "ybcore/checks/pairs.hpp"

#include <algorithm>
#include <array>

#include "dated.hpp"
#include "pair_early.hpp"
#include "pair_likely.hpp"
#include "pairing.hpp"
#include "parts.hpp"

namespace ybcore::checks {
namespace {

bool lacks_key(const PairEvents& events, const Grouping& group, std::size_t i) noexcept {
  const bool timed = group.cell == Cell::kDay || group.cell == Cell::kHour || group.cell == Cell::kWithin;
  return (!group.subject.empty() && group.subject[i] < 0) || (!group.cut.empty() && group.cut[i] < 0) ||
         (timed && events.time[i] == kUnknown);
}

// Whether a row of a grouping would need what the line lacks.
bool lost(const PairEvents& events, const PairIndex& index, const Grouping& group, const Dated& dated, std::size_t i) {
  const std::uint8_t role = index.role(events.item[i]);
  if (role == 0) return false;
  const bool keyless = lacks_key(events, group, i);
  if (keyless && (role & PairIndex::kMain) != 0) return true;
  if ((role & PairIndex::kIncluded) == 0 || (!keyless && dated.sure(i))) return false;
  const std::size_t first = index.first_pair(events.item[i]), last = first + index.mains(events.item[i]).size();
  for (std::size_t pair = first; pair < last; ++pair) {
    const std::int32_t row = dated.first(index.rows(pair), i);
    if (row == kEntryUnknown || (keyless && row >= 0)) return true;
  }
  return false;
}

std::int64_t count_lost(const PairEvents& events, std::span<const PairIndex> indexes, std::span<const Grouping> groupings,
                        const Dated& dated, int threads) {
  return over_rows(events.item.size(), threads,
                   [&](Found& found, std::size_t begin, std::size_t end) {
                     for (std::size_t i = begin; i < end; ++i) {
                       bool any = false;
                       for (std::size_t g = 0; g < indexes.size() && !any; ++g) any = lost(events, indexes[g], groupings[g], dated, i);
                       found.unknown += any ? 1 : 0;
                     }
                   })
      .unknown;
}

// The persons of a chunk. Most have no main item that any of their included ones asks for: of these nothing but the items is read.
class Search {
 public:
  Search(const PairEvents& events, const PairScopes& scopes, const Early& early, std::span<const Grouping> groupings,
         std::span<const std::int64_t> included_qty, const Dated& dated)
      : found(groupings.size()), events_(events), scopes_(scopes), early_(early), groupings_(groupings) {
    for (std::size_t g = 0; g < groupings.size(); ++g)
      pairings_.emplace_back(events, scopes.indexes()[g], groupings[g], included_qty, dated, found[g]);
  }

  // False where an item is none. What a strip asks for is on its way while the next two are looked through.
  bool persons(std::size_t first, std::size_t last) {
    std::size_t strips = 0;
    for (std::size_t p = first; p < last; ++strips) {
      Strip& strip = strips_[strips % 3];
      std::size_t next = p + 1;
      while (next < last && line(next + 1) - line(p) <= kStrip) ++next;
      if (!look(strip, p, next)) return false;
      if (strips > 0) meet(strips_[(strips - 1) % 3]);
      if (strips > 1) judge(strips_[(strips - 2) % 3]);
      p = next;
    }
    if (strips > 0) meet(strips_[(strips - 1) % 3]);
    if (strips > 1) judge(strips_[(strips - 2) % 3]);
    if (strips > 0) judge(strips_[(strips - 1) % 3]);
    return true;
  }

  std::vector<FoundRows> found;  // by grouping
  bool lacking = false;          // some line lacks what cuts its groups

 private:
  static constexpr std::size_t kStrip = 4096;
  static constexpr std::uint32_t kTogether = UINT32_MAX;

  // Two lines whose items are a pair of a grouping. In place of a grouping kTogether: lines of a person, from where to where in few, that
  // are not asked two by two.
  struct Couple {
    std::int32_t included, main, person;
    std::uint32_t grouping, pair;
  };

  [[nodiscard]] std::size_t line(std::size_t person) const noexcept { return static_cast<std::size_t>(events_.person_begin[person]); }
  [[nodiscard]] std::int32_t item(std::int32_t line) const noexcept { return events_.item[static_cast<std::size_t>(line)]; }
  [[nodiscard]] std::uint16_t number(std::int32_t line) const noexcept { return scopes_.number(item(line)); }

  // Persons of about kStrip lines.
  struct Strip {
    std::vector<Couple> couples;
    std::vector<std::int32_t> few;
  };

  bool look(Strip& strip, std::size_t p, std::size_t last) {
    const std::size_t begin = line(p), size = line(last) - begin;
    if (late_named_.size() < size) among_.resize(size), late_named_.resize(size);
    // What lacks something is counted among all of them.
    late_ = early_.any() && events_.complete;
    const ChosenCodes& first = late_ ? early_.first() : scopes_.named();
    among_.count = first.of(events_.item, begin, begin + size, among_.line.data() + kMost);
    if (among_.count == ChosenCodes::kUnsound) return false;
    if (!events_.complete) find_lacking(among_.lines());
    strip.couples.clear(), strip.few.clear();
    scopes_.small() ? ask(strip, p) : ask_all(strip, p, last);
    return true;
  }

  // Items of large tables are of so many pairs that their bits say nothing.
  void ask_all(Strip& strip, std::size_t p, std::size_t last) {
    const Members named = among_.lines();
    strip.few.assign(named.begin(), named.end());
    for (std::size_t begin = 0; p < last; ++p) {
      std::size_t end = begin;
      while (end < named.size() && static_cast<std::size_t>(named[end]) < line(p + 1)) ++end;
      if (end - begin > 1) add_together(strip, p, begin, end);
      begin = end;
    }
  }

  static void add_together(Strip& strip, std::size_t person, std::size_t begin, std::size_t end) {
    strip.couples.push_back(
        {static_cast<std::int32_t>(begin), static_cast<std::int32_t>(end), static_cast<std::int32_t>(person), kTogether, 0});
  }

  // Lines are come to by main ones, which few persons have. The first of whom there may be any is p.
  void ask(Strip& strip, std::size_t p) {
    among_.lead_count = 0;
    std::fill_n(among_.line.begin() + static_cast<std::ptrdiff_t>(kMost + among_.count), kMost, INT32_MAX);
    for (std::size_t k = kMost; k < kMost + among_.count; ++k) {
      among_.number[k] = number(among_.line[k]);
      const PairScopes::Trait& own = scopes_.trait(among_.number[k]);
      among_.wanted[0][k] = own.wanted[0], among_.wanted[1][k] = own.wanted[1];
      among_.leads[among_.lead_count] = static_cast<std::int32_t>(k);
      among_.lead_count += scopes_.leads(among_.number[k]) ? 1 : 0;
    }
    find_likely_(among_, scopes_, late_ ? &early_ : nullptr, events_.person_begin, p, likely_);
    for (std::size_t k = 0; k < likely_.count; ++k) {
      const std::int32_t included = likely_.included[k], main = likely_.main[k], person = likely_.person[k];
      if (included == Likely::kCrowded) {
        ask_crowd(strip, static_cast<std::size_t>(person));
      } else if (included == Likely::kCalls) {
        for (const std::int32_t own : all_of(static_cast<std::size_t>(person)))
          if (!early_.first().has(item(own))) couple(strip, own, main, person);
      } else {
        couple(strip, included, main, person);
      }
    }
  }

  // Of a couple and of no other lines more is read, and asked for here.
  void couple(Strip& strip, std::int32_t included, std::int32_t main, std::int32_t person) {
    const auto matches = scopes_.matches(number(included));
    const std::uint16_t with = number(main);
    for (const PairScopes::Match& match : matches) {
      // An item hits itself only within some time.
      if (match.main != with || (number(included) == with && groupings_[match.grouping].cell != Cell::kWithin)) continue;
      strip.couples.push_back({included, main, person, match.grouping, match.pair});
      near(groupings_[match.grouping], static_cast<std::size_t>(included));
      near(groupings_[match.grouping], static_cast<std::size_t>(main));
    }
  }

  // Of lines that are so many only those that may be of a pair with any other.
  void ask_crowd(Strip& strip, std::size_t person) {
    const std::size_t before = strip.few.size();
    std::array<std::uint64_t, 2> sought{};
    const Members lines = all_of(person);
    for (const std::int32_t line : lines)
      for (std::size_t w = 0; w < sought.size(); ++w) sought[w] |= scopes_.trait(number(line)).own[w];
    bool any = false;
    for (const std::int32_t line : lines) {
      const PairScopes::Trait& own = scopes_.trait(number(line));
      const bool asks = (own.wanted[0] & sought[0]) != 0 && (own.wanted[1] & sought[1]) != 0;
      if (asks || scopes_.leads(number(line))) strip.few.push_back(line);
      any |= asks;
    }
    if (any) add_together(strip, person, before, strip.few.size());
    if (!any) strip.few.resize(before);
  }

  // Every line of a person that is of any row.
  [[nodiscard]] Members all_of(std::size_t person) {
    return {late_named_.data(), scopes_.named().of(events_.item, line(person), line(person + 1), late_named_.data())};
  }

  // Inlined, as the next, for a function that only asks ahead is one without effect to g++, which leaves it out.
  [[gnu::always_inline]] void near(const Grouping& by, std::size_t i) const noexcept {
    if (by.cell != Cell::kSubject && by.cell != Cell::kLine) __builtin_prefetch(events_.time.data() + i);
    if (!by.subject.empty()) __builtin_prefetch(by.subject.data() + i);
  }

  // What the pairs of large tables are probed in: the words of a person's lines, and where those of the next one's are.
  [[gnu::always_inline]] void near_words(const Strip& strip, std::size_t own) const noexcept {
    for (const PairIndex& index : scopes_.indexes()) {
      for (const std::int32_t line : lines_of(strip, strip.couples[own]))
        if ((index.role(item(line)) & PairIndex::kIncluded) != 0) index.marks(item(line)).prefetch();
      if (own + 1 == strip.couples.size()) continue;
      for (const std::int32_t line : lines_of(strip, strip.couples[own + 1])) index.prefetch_place(item(line));
    }
  }

  [[nodiscard]] static Members lines_of(const Strip& strip, const Couple& together) noexcept {
    return Members(strip.few).subspan(static_cast<std::size_t>(together.included),
                                      static_cast<std::size_t>(together.main - together.included));
  }

  void find_lacking(Members named) noexcept {
    for (const std::int32_t line : named)
      for (std::size_t g = 0; g < groupings_.size() && !lacking; ++g)
        lacking = lacks_key(events_, groupings_[g], static_cast<std::size_t>(line)) && scopes_.indexes()[g].role(item(line)) != 0;
  }

  // Leaves the couples that stand in one group: their lines are every line that may stand in a finding.
  void meet(Strip& strip) const {
    std::size_t kept = 0;
    for (const Couple one : strip.couples) {
      if (one.grouping != kTogether) {
        if (!together(groupings_[one.grouping], events_.time, static_cast<std::size_t>(one.included), static_cast<std::size_t>(one.main)))
          continue;
        __builtin_prefetch(events_.quantity.data() + one.included);
      }
      strip.couples[kept++] = one;
    }
    strip.couples.resize(kept);
  }

  void judge(const Strip& strip) {
    const std::span<const Couple> couples = strip.couples;
    for (std::size_t k = 0; k < couples.size();) {
      const Couple& one = couples[k];
      const std::size_t first = k++;
      while (k < couples.size() && couples[k].person == one.person) ++k;
      if (one.grouping == kTogether) {
        if (!scopes_.small()) near_words(strip, first);
        for (std::size_t g = 0; g < groupings_.size(); ++g) judge(one.person, lines_of(strip, one), g);
      } else if (k == first + 1) {
        pairings_[one.grouping].judge({one.pair, one.included, one.main});
      } else {
        judge(couples.subspan(first, k - first));
      }
    }
  }

  // Couples of a person.
  void judge(std::span<const Couple> couples) {
    for (std::size_t g = 0; g < groupings_.size(); ++g) {
      hits_.clear();
      for (const Couple& one : couples)
        if (one.grouping == g) hits_.push_back({one.pair, one.included, one.main});
      if (hits_.size() == 1) pairings_[g].judge(hits_.front());
      if (hits_.size() <= 1) continue;
      std::ranges::sort(hits_, {}, [](const Pairing::Hit& hit) { return std::pair(hit.included, hit.main); });
      if (!pairings_[g].judge(hits_)) static_cast<void>(judge(all_of(static_cast<std::size_t>(couples.front().person)), g));
    }
  }

  // Where two groups of one cell hit only all lines of rows tell which of them begins first.
  void judge(std::int32_t person, Members lines, std::size_t g) {
    const std::size_t before = found[g].size();
    if (judge(lines, g)) return;
    found[g].back_to(before);
    static_cast<void>(judge(all_of(static_cast<std::size_t>(person)), g));
  }

  // False where two groups of one cell hit.
  bool judge(Members lines, std::size_t g) {
    const PairIndex& index = scopes_.indexes()[g];
    Grouping cells = groupings_[g];
    if (cells.cell == Cell::kWithin) cells.cell = Cell::kSubject;
    const std::int64_t size = cells.cell == Cell::kDay ? kDayMicros : cells.cell == Cell::kHour ? kHourMicros : 0;
    std::int64_t last = 0, unknown = 0;
    bool any = false, apart = true;
    each_group_of(
        cells, events_.time, lines.size(), [&](std::size_t k) { return static_cast<std::size_t>(lines[k]); }, parts_, unknown,
        [&](std::size_t i) -> std::int64_t { return index.role(events_.item[i]) == 0 ? kLeftOut : 0; },
        [&](Members group) {
          const std::size_t before = found[g].size();
          pairings_[g].judge(group);
          if (found[g].size() == before) return;
          const std::int64_t time = size == 0 ? 0 : events_.time[static_cast<std::size_t>(group.front())];
          const std::int64_t cell = size == 0 ? 0 : cell_of(time, size);
          if (any && cell == last) apart = false;
          any = true;
          last = cell;
        });
    return apart;
  }

  const PairEvents& events_;
  const PairScopes& scopes_;
  const Early& early_;
  std::span<const Grouping> groupings_;
  std::vector<Pairing> pairings_;  // by grouping
  Parts parts_;
  std::array<Strip, 3> strips_;
  Candidates among_;
  Likely likely_;
  FindLikely find_likely_ = find_likely();
  bool late_ = false;  // some items are looked for only where a line calls for them
  std::vector<std::int32_t> late_named_;
  std::vector<Pairing::Hit> hits_;
};

}  // namespace

std::optional<Found> pairs(const PairEvents& events, const PairScopes& scopes, std::span<const Grouping> groupings,
                           std::span<const std::int64_t> included_qty, const EntryTable& when, int threads) {
  const Dated dated(when, events.where);
  const Early early(events, scopes);
  const Chunks chunks = cut_evenly(events.person_begin, threads);
  const std::size_t count = chunks.begin.size() - 1;
  // By grouping first: a chunk's place within a grouping does not tell where it was cut.
  std::vector<FoundRows> parts(groupings.size() * count);
  std::vector<std::uint8_t> sound(count), lacking(count);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    Search search(events, scopes, early, groupings, included_qty, dated);
    sound[c] = search.persons(chunks.begin[c], chunks.begin[c + 1]) ? 1 : 0;
    lacking[c] = search.lacking ? 1 : 0;
    for (std::size_t g = 0; g < groupings.size(); ++g) parts[g * count + c] = std::move(search.found[g]);
  });
  if (std::find(sound.begin(), sound.end(), 0) != sound.end()) return std::nullopt;
  const bool narrowed = !when.region.empty() || !when.level.empty();
  const bool some_lost = narrowed || std::find(lacking.begin(), lacking.end(), 1) != lacking.end();
  Found all = joined(parts);
  all.unknown = some_lost ? count_lost(events, scopes.indexes(), groupings, dated, threads) : 0;
  return all;
}

Found bundle(std::span<const std::int64_t> person_begin, std::span<const std::int64_t> time, std::span<const std::int32_t> item,
             const Grouping& group, std::int64_t at_least, int threads) {
  return over_groups(person_begin, threads, [&](Found& found, std::size_t first, std::size_t last) {
    Parts parts;
    std::vector<std::int32_t> members;
    for (std::size_t p = first; p < last; ++p) {
      each_group(
          group, time, static_cast<std::size_t>(person_begin[p]), static_cast<std::size_t>(person_begin[p + 1]), parts, found.unknown,
          [&](std::size_t i) -> std::int64_t { return item[i] < 0 ? kLeftOut : 0; },
          [&](Members lines) {
            if (static_cast<std::int64_t>(lines.size()) < at_least) return;
            members.clear();
            for (const std::int32_t line : lines) members.push_back(item[static_cast<std::size_t>(line)]);
            std::sort(members.begin(), members.end());
            const auto different = std::unique(members.begin(), members.end()) - members.begin();
            if (different < at_least) return;
            found.open({different, at_least, kUnknown, kUnknown, -1, 0});
            for (const std::int32_t line : lines) found.detail(line, Part::kOffending);
          });
    }
  });
}

}  // namespace ybcore::checks
