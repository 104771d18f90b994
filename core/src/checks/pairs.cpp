#include "ybcore/checks/pairs.hpp"

#include <algorithm>
#include <array>

#include "dated.hpp"
#include "pair_early.hpp"
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

  std::vector<Found> found;  // by grouping
  bool lacking = false;      // some line lacks what cuts its groups

 private:
  static constexpr std::size_t kStrip = 4096, kMany = 32;

  // A person, those of the lines of any row that may stand in a pair, and where the couples of these end.
  struct Asked {
    std::size_t person;
    Members few;
    std::size_t couples = 0;
    bool all = false;  // not asked line by line
  };

  // Two lines whose items may be a pair of a grouping.
  struct Couple {
    std::int32_t included, main;
    std::size_t grouping;
  };

  [[nodiscard]] std::size_t line(std::size_t person) const noexcept { return static_cast<std::size_t>(events_.person_begin[person]); }

  // Persons of about kStrip lines.
  struct Strip {
    std::vector<std::int32_t> named, few;
    std::vector<Asked> asked;
    std::vector<Couple> couples;
    std::vector<std::int32_t> meeting;     // lines of couples that meet, by person asked and grouping
    std::vector<std::size_t> meeting_end;  // persons asked x groupings
  };

  bool look(Strip& strip, std::size_t p, std::size_t last) {
    const std::size_t begin = line(p), size = line(last) - begin;
    if (strip.named.size() < size) strip.named.resize(size), strip.few.resize(size);
    if (number_.size() < size) leads_.resize(size), number_.resize(size), late_named_.resize(size);
    // What lacks something is counted among all of them.
    late_ = early_.any() && events_.complete;
    const ChosenCodes& first = late_ ? early_.first() : scopes_.named();
    const std::size_t count = first.of(events_.item, begin, begin + size, strip.named.data());
    if (count == ChosenCodes::kUnsound) return false;
    const Members named(strip.named.data(), count);
    if (!events_.complete) find_lacking(named);
    strip.asked.clear(), strip.couples.clear();
    scopes_.small() ? ask(strip, named, p) : ask_all(strip, named, p, last);
    return true;
  }

  // Items of large tables are of so many pairs that their bits say nothing.
  void ask_all(Strip& strip, Members named, std::size_t p, std::size_t last) {
    for (std::size_t begin = 0; p < last; ++p) {
      std::size_t end = begin;
      while (end < named.size() && static_cast<std::size_t>(named[end]) < line(p + 1)) ++end;
      const Members own = named.subspan(begin, end - begin);
      if (own.size() > 1) strip.asked.push_back({p, own, 0, true});
      begin = end;
    }
  }

  // The bits of a person's main lines, and whether any of them contains an item whose lines were left out.
  struct Sought {
    std::uint64_t first = 0, second = 0;
    bool late = false;
  };

  // Persons are come to by their main lines, which few of them have. The first of whom there may be any is p.
  void ask(Strip& strip, Members named, std::size_t p) {
    std::size_t leads = 0, few = 0, end = 0;
    for (std::size_t k = 0; k < named.size(); ++k) {
      number_[k] = scopes_.number(events_.item[static_cast<std::size_t>(named[k])]);
      leads_[leads] = static_cast<std::int32_t>(k);
      leads += scopes_.leads(number_[k]) ? 1 : 0;
    }
    for (std::size_t l = 0; l < leads;) {
      std::size_t begin = static_cast<std::size_t>(leads_[l]);
      while (line(p + 1) <= static_cast<std::size_t>(named[begin])) ++p;
      const std::size_t from = line(p), until = line(p + 1);
      Sought sought;
      std::size_t next = begin;
      for (; l < leads && static_cast<std::size_t>(named[static_cast<std::size_t>(leads_[l])]) < until; ++l) {
        next = static_cast<std::size_t>(leads_[l]);
        const auto& own = scopes_.trait(number_[next]).own;
        sought.first |= own[0], sought.second |= own[1];
        sought.late |= late_ && early_.calls(number_[next]);
      }
      while (begin > end && static_cast<std::size_t>(named[begin - 1]) >= from) --begin;
      for (end = next + 1; end < named.size() && static_cast<std::size_t>(named[end]) < until;) ++end;
      const Members own = named.subspan(begin, end - begin);
      few += sought.late ? ask_late(strip, p, sought, few) : ask(strip, p, own, std::span(number_).subspan(begin, own.size()), sought, few);
    }
  }

  std::size_t ask_late(Strip& strip, std::size_t person, const Sought& sought, std::size_t few) {
    const Members named = all_of(person);
    late_number_.clear();
    for (const std::int32_t line : named) late_number_.push_back(scopes_.number(events_.item[static_cast<std::size_t>(line)]));
    return ask(strip, person, named, late_number_, sought, few);
  }

  // Every line of a person that is of any row.
  [[nodiscard]] Members all_of(std::size_t person) {
    return {late_named_.data(), scopes_.named().of(events_.item, line(person), line(person + 1), late_named_.data())};
  }

  // How many lines were put behind the first `few`.
  std::size_t ask(Strip& strip, std::size_t person, Members named, std::span<const std::uint16_t> number, const Sought& sought,
                  std::size_t few) {
    std::size_t end = few;
    unsigned any = 0;
    for (std::size_t k = 0; k < named.size(); ++k) {
      const PairScopes::Trait& own = scopes_.trait(number[k]);
      const unsigned asks = ((own.wanted[0] & sought.first) != 0 ? 1U : 0U) & ((own.wanted[1] & sought.second) != 0 ? 1U : 0U);
      strip.few[end] = named[k];
      end += asks | (scopes_.leads(number[k]) ? 1U : 0U);
      any |= asks;
    }
    if (any == 0) return 0;
    const Members some(strip.few.data() + few, end - few);
    const bool many = some.size() > kMany;
    if (!many && !couple(strip, some)) return 0;
    strip.asked.push_back({person, some, strip.couples.size(), many});
    return end - few;
  }

  // Whether the items of any two lines may be a pair. Of these lines and no others more is read, and asked for here.
  bool couple(Strip& strip, Members lines) {
    const std::size_t before = strip.couples.size();
    for (const std::int32_t included : lines) {
      const std::int32_t item = events_.item[static_cast<std::size_t>(included)];
      const PairScopes::Trait& own = scopes_.trait(scopes_.number(item));
      if (own.wanted[0] == 0) continue;
      for (const std::int32_t main : lines) {
        const std::int32_t with = events_.item[static_cast<std::size_t>(main)];
        const PairScopes::Trait& other = scopes_.trait(scopes_.number(with));
        if ((own.wanted[0] & other.own[0]) == 0 || (own.wanted[1] & other.own[1]) == 0) continue;
        const PairIndex::Mark mark = PairIndex::mark_of(with);
        for (std::size_t g = 0; g < groupings_.size(); ++g) {
          const PairIndex& index = scopes_.indexes()[g];
          if ((index.role(item) & PairIndex::kIncluded) == 0 || !index.marks(item).may_have(mark)) continue;
          strip.couples.push_back({included, main, g});
          near(groupings_[g], static_cast<std::size_t>(included));
          near(groupings_[g], static_cast<std::size_t>(main));
        }
      }
    }
    return strip.couples.size() > before;
  }

  // Inlined, as the next, for a function that only asks ahead is one without effect to g++, which leaves it out.
  [[gnu::always_inline]] void near(const Grouping& by, std::size_t i) const noexcept {
    if (by.cell != Cell::kSubject && by.cell != Cell::kLine) __builtin_prefetch(events_.time.data() + i);
    if (!by.subject.empty()) __builtin_prefetch(by.subject.data() + i);
  }

  // What the pairs of large tables are probed in: the words of a person's lines, and where those of the next one's are.
  [[gnu::always_inline]] void near_words(const std::vector<Asked>& persons, std::size_t asked) const noexcept {
    for (const PairIndex& index : scopes_.indexes()) {
      for (const std::int32_t line : persons[asked].few) {
        const std::int32_t item = events_.item[static_cast<std::size_t>(line)];
        if ((index.role(item) & PairIndex::kIncluded) != 0) index.marks(item).prefetch();
      }
      if (asked + 1 == persons.size()) continue;
      for (const std::int32_t line : persons[asked + 1].few) index.prefetch_place(events_.item[static_cast<std::size_t>(line)]);
    }
  }

  void find_lacking(Members named) noexcept {
    for (const std::int32_t line : named)
      for (std::size_t g = 0; g < groupings_.size() && !lacking; ++g) {
        const auto i = static_cast<std::size_t>(line);
        lacking = lacks_key(events_, groupings_[g], i) && scopes_.indexes()[g].role(events_.item[i]) != 0;
      }
  }

  void judge(const Strip& strip) {
    const std::vector<Asked>& asked = strip.asked;
    std::size_t begin = 0;
    for (std::size_t a = 0; a < asked.size(); ++a) {
      if (!scopes_.small()) near_words(asked, a);
      for (std::size_t g = 0; g < groupings_.size(); ++g) {
        const std::size_t end = strip.meeting_end[a * groupings_.size() + g];
        const Members lines = asked[a].all ? asked[a].few : Members(strip.meeting).subspan(begin, end - begin);
        begin = end;
        if (lines.empty()) continue;
        if (lines.size() == 2) {
          pairings_[g].judge_two(lines[0], lines[1]);
          continue;
        }
        const std::size_t before = found[g].size();
        if (judge(lines, g)) continue;
        found[g].back_to(before);
        static_cast<void>(judge(all_of(asked[a].person), g));
      }
    }
  }

  // The lines of couples that meet: every line that may stand in a finding, and of no other more is read.
  void meet(Strip& strip) const {
    std::vector<std::int32_t>& meeting = strip.meeting;
    meeting.clear(), strip.meeting_end.clear();
    std::size_t first = 0;
    for (const Asked& asked : strip.asked) {
      for (std::size_t g = 0; g < groupings_.size(); ++g) {
        const auto begin = static_cast<std::ptrdiff_t>(meeting.size());
        for (std::size_t k = first; k < asked.couples; ++k) {
          const Couple& one = strip.couples[k];
          if (one.grouping != g || !may_meet(one)) continue;
          __builtin_prefetch(events_.quantity.data() + one.included);
          meeting.insert(meeting.end(), {one.included, one.main});
        }
        std::sort(meeting.begin() + begin, meeting.end());
        meeting.erase(std::unique(meeting.begin() + begin, meeting.end()), meeting.end());
        strip.meeting_end.push_back(meeting.size());
      }
      first = asked.couples;
    }
  }

  // Whether two lines are no farther apart than lines of one group can be.
  [[nodiscard]] bool may_meet(const Couple& couple) const noexcept {
    const Grouping& by = groupings_[couple.grouping];
    const auto a = static_cast<std::size_t>(couple.included), b = static_cast<std::size_t>(couple.main);
    if (!by.subject.empty() && by.subject[a] != by.subject[b]) return false;
    if (!by.cut.empty() && by.cut[a] != by.cut[b]) return false;
    if (by.cell == Cell::kLine || by.cell == Cell::kSubject) return true;
    const Wide apart = static_cast<Wide>(events_.time[a]) - events_.time[b];
    const Wide most = by.cell == Cell::kWithin ? by.reach : by.cell == Cell::kDay ? kDayMicros : kHourMicros;
    return -most <= apart && apart <= most;
  }

  // False where two groups of one cell hit: only all lines of rows tell which of them begins first.
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
          const std::int64_t cell = size == 0 ? 0 : time / size - (time % size < 0 ? 1 : 0);
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
  std::vector<std::int32_t> leads_;    // places of main lines among the named ones of a strip
  std::vector<std::uint16_t> number_;  // of the named ones' items
  bool late_ = false;                  // some items are looked for only where a line calls for them
  std::vector<std::int32_t> late_named_;
  std::vector<std::uint16_t> late_number_;
};

}  // namespace

std::optional<Found> pairs(const PairEvents& events, const PairScopes& scopes, std::span<const Grouping> groupings,
                           std::span<const std::int64_t> included_qty, const EntryTable& when, int threads) {
  const Dated dated(when, events.where);
  const Early early(events, scopes);
  const Chunks chunks = cut_evenly(events.person_begin, threads);
  const std::size_t count = chunks.begin.size() - 1;
  // By grouping first: a chunk's place within a grouping does not tell where it was cut.
  std::vector<Found> parts(groupings.size() * count);
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
  Found all = parts.empty() ? Found{} : joined(std::move(parts));
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
