#include "ybcore/checks/pairs.hpp"

#include <algorithm>
#include <utility>

#include "dated.hpp"
#include "parts.hpp"

namespace ybcore::checks {
namespace {

struct Hit {
  std::size_t pair;
  std::int32_t included, main;  // lines
};

// An included line and the row that holds for it.
struct Offered {
  std::int32_t line, row;
};

class Pairing {
 public:
  Pairing(const PairEvents& events, const PairIndex& index, const Grouping& group, std::span<const std::int64_t> included_qty,
          const Dated& dated, Found& found)
      : events_(events), index_(index), group_(group), qty_(included_qty), dated_(dated), found_(found) {}

  void judge(Members lines) {
    if (lines.size() < 2) return;
    included_.clear();
    mains_.clear();
    for (const std::int32_t line : lines) {
      const std::uint8_t role = index_.role(item(line));
      if ((role & PairIndex::kIncluded) != 0) included_.push_back(line);
      if ((role & PairIndex::kMain) != 0) mains_.push_back(line);
    }
    if (included_.empty() || mains_.empty()) return;
    if (group_.cell == Cell::kWithin) return near();
    hits_.clear();
    // So many lines that each item is worth finding once.
    const bool many = included_.size() * mains_.size() > kMany;
    many ? probe_items() : probe_lines();
    if (hits_.empty()) return;
    if (hits_.size() > 1) first_of_each_pair();
    for (const Hit& hit : hits_) emit_group(hit, many);
  }

 private:
  static constexpr std::size_t kMany = 1 << 14;

  [[nodiscard]] std::int32_t item(std::int32_t line) const noexcept { return events_.item[static_cast<std::size_t>(line)]; }
  [[nodiscard]] std::int64_t time(std::int32_t line) const noexcept { return events_.time[static_cast<std::size_t>(line)]; }

  void mark(std::span<const std::int32_t> mains) {
    marks_.clear();
    for (const std::int32_t line : mains) marks_.push_back(PairIndex::mark_of(item(line)));
  }

  // The pair of an included item with a main one, for certain; none is SIZE_MAX.
  [[nodiscard]] std::size_t pair_with(std::int32_t included, std::int32_t main) const noexcept {
    const auto mains = index_.mains(included);
    const auto at = std::lower_bound(mains.begin(), mains.end(), main);
    return at != mains.end() && *at == main ? index_.first_pair(included) + static_cast<std::size_t>(at - mains.begin()) : SIZE_MAX;
  }

  void probe(std::int32_t line, std::span<const std::int32_t> mains, std::span<const PairIndex::Mark> marks) {
    const PairIndex::Marks own = index_.marks(item(line));
    for (std::size_t m = 0; m < mains.size(); ++m) {
      if (!own.may_have(marks[m])) continue;
      const std::size_t pair = pair_with(item(line), item(mains[m]));
      if (pair != SIZE_MAX && mains[m] != line) hits_.push_back({pair, line, mains[m]});
    }
  }

  void probe_lines() {
    mark(mains_);
    for (const std::int32_t line : included_) probe(line, mains_, marks_);
  }

  // Lines by item; of each included item the first line against the first line of each main item.
  void probe_items() {
    const auto by_item = [&](std::int32_t a, std::int32_t b) { return item(a) < item(b); };
    std::stable_sort(included_.begin(), included_.end(), by_item);
    std::stable_sort(mains_.begin(), mains_.end(), by_item);
    distinct_.clear();
    for (std::size_t m = 0; m < mains_.size(); ++m)
      if (m == 0 || item(mains_[m]) != item(mains_[m - 1])) distinct_.push_back(mains_[m]);
    mark(distinct_);
    for (std::size_t i = 0; i < included_.size(); ++i)
      if (i == 0 || item(included_[i]) != item(included_[i - 1])) probe(included_[i], distinct_, marks_);
  }

  // In the order of their first lines.
  void first_of_each_pair() {
    std::sort(hits_.begin(), hits_.end(), [](const Hit& a, const Hit& b) {
      return std::pair(a.pair, std::pair(a.included, a.main)) < std::pair(b.pair, std::pair(b.included, b.main));
    });
    hits_.erase(std::unique(hits_.begin(), hits_.end(), [](const Hit& a, const Hit& b) { return a.pair == b.pair; }), hits_.end());
    std::sort(hits_.begin(), hits_.end(),
              [](const Hit& a, const Hit& b) { return std::pair(a.included, a.main) < std::pair(b.included, b.main); });
  }

  // Lines of an item among some that may be sorted by item.
  std::span<const std::int32_t> lines_of(std::int32_t wanted, const std::vector<std::int32_t>& lines, bool sorted) {
    if (sorted) {
      const auto first = std::partition_point(lines.begin(), lines.end(), [&](std::int32_t line) { return item(line) < wanted; });
      const auto last = std::partition_point(first, lines.end(), [&](std::int32_t line) { return item(line) == wanted; });
      return {first, last};
    }
    own_.clear();
    for (const std::int32_t line : lines)
      if (item(line) == wanted) own_.push_back(line);
    return own_;
  }

  void emit_group(const Hit& hit, bool sorted) {
    const std::int32_t included = item(hit.included), main = item(hit.main);
    if (included == main) return;
    offered_.clear();
    for (const std::int32_t line : lines_of(included, included_, sorted)) offer(hit.pair, line);
    emit(lines_of(main, mains_, sorted));
  }

  void offer(std::size_t pair, std::int32_t line) {
    const std::int32_t row = dated_.first(index_.rows(pair), static_cast<std::size_t>(line));
    if (row >= 0) offered_.push_back({line, row});
  }

  [[nodiscard]] std::int64_t free_of(std::int32_t row) const noexcept {
    return qty_.empty() ? kUnknown : qty_[static_cast<std::size_t>(row)];
  }

  // The offered lines, with the main lines that contain them.
  void emit(std::span<const std::int32_t> mains) {
    if (offered_.empty()) return;
    const std::int64_t contained = free_of(offered_.front().row), free = contained == kUnknown ? 0 : contained;
    Wide units = 0;
    for (const Offered& one : offered_) units += events_.quantity[static_cast<std::size_t>(one.line)];
    const auto beyond = [&](std::int64_t quantity, Wide passed) { return std::min<Wide>(quantity, passed + quantity - free); };
    Wide passed = 0;
    bool open = false;
    for (const Offered& one : offered_) {
      const std::int64_t quantity = events_.quantity[static_cast<std::size_t>(one.line)];
      const Wide excess = beyond(quantity, passed);
      passed += quantity;
      if (contained != kUnknown && excess <= 0) continue;
      if (!open) found_.open({told(units), free, kUnknown, kUnknown, offered_.front().row, 0});
      open = true;
      found_.detail(one.line, Part::kOffending, contained == kUnknown ? kWhole : told(excess));
    }
    if (!open) return;
    for (const std::int32_t line : mains) found_.detail(line, Part::kInvolved);
  }

  // Both lists go by time.
  void near() {
    mark(mains_);
    shared_.clear();
    std::size_t low = 0, high = 0;
    for (const std::int32_t line : included_) {
      if (time(line) == kUnknown) continue;
      const auto before = [&](std::size_t m) { return static_cast<Wide>(time(mains_[m])) + group_.reach < time(line); };
      const auto until = [&](std::size_t m) { return time(mains_[m]) <= static_cast<Wide>(time(line)) + group_.reach; };
      while (low < mains_.size() && (time(mains_[low]) == kUnknown || before(low))) ++low;
      high = std::max(high, low);
      while (high < mains_.size() && until(high)) ++high;
      hits_.clear();
      probe(line, std::span(mains_).subspan(low, high - low), std::span(marks_).subspan(low, high - low));
      if (!hits_.empty()) near_line(line);
    }
    emit_shared();
  }

  void near_line(std::int32_t line) {
    std::stable_sort(hits_.begin(), hits_.end(), [](const Hit& a, const Hit& b) { return a.pair < b.pair; });
    for (std::size_t i = 0; i < hits_.size();) {
      const std::size_t first = i;
      own_.clear();
      for (; i < hits_.size() && hits_[i].pair == hits_[first].pair; ++i) own_.push_back(hits_[i].main);
      offered_.clear();
      offer(hits_[first].pair, line);
      if (offered_.empty()) continue;
      if (free_of(offered_.front().row) == kUnknown) {
        emit(own_);
      } else {
        shared_.push_back({hits_[first], offered_.front()});
      }
    }
  }

  // With a contained quantity: lines of a pair with one first main line.
  void emit_shared() {
    const auto key = [](const std::pair<Hit, Offered>& one) { return std::pair(one.first.main, one.first.pair); };
    std::stable_sort(shared_.begin(), shared_.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
    for (std::size_t i = 0; i < shared_.size();) {
      const std::size_t first = i;
      offered_.clear();
      for (; i < shared_.size() && key(shared_[i]) == key(shared_[first]); ++i) offered_.push_back(shared_[i].second);
      emit({&shared_[first].first.main, 1});
    }
  }

  const PairEvents& events_;
  const PairIndex& index_;
  const Grouping& group_;
  std::span<const std::int64_t> qty_;
  const Dated& dated_;
  Found& found_;
  std::vector<std::int32_t> included_, mains_, distinct_, own_;
  std::vector<PairIndex::Mark> marks_;
  std::vector<Hit> hits_;
  std::vector<Offered> offered_;
  std::vector<std::pair<Hit, Offered>> shared_;
};

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
  Search(const PairEvents& events, const PairScopes& scopes, std::span<const Grouping> groupings,
         std::span<const std::int64_t> included_qty, const Dated& dated)
      : found(groupings.size()), events_(events), scopes_(scopes), groupings_(groupings) {
    for (std::size_t g = 0; g < groupings.size(); ++g)
      pairings_.emplace_back(events, scopes.indexes()[g], groupings[g], included_qty, dated, found[g]);
  }

  // False where an item is none.
  bool persons(std::size_t first, std::size_t last) {
    for (std::size_t p = first; p < last;) {
      const std::size_t begin = line(p);
      std::size_t next = p + 1;
      while (next < last && line(next + 1) - begin <= kStrip) ++next;
      const std::size_t size = line(next) - begin;
      if (!scopes_.named().sound(events_.item.subspan(begin, size))) return false;
      if (named_.size() < size) named_.resize(size), few_.resize(size);
      asked_.clear();
      std::size_t kept = 0, few = 0;
      for (; p < next; ++p) {
        std::int32_t* const own = named_.data() + kept;
        const std::size_t count = scopes_.named().of(events_.item, line(p), line(p + 1), own);
        kept += count;
        few += ask({own, count}, few);
      }
      judge();
    }
    return true;
  }

  std::vector<Found> found;  // by grouping
  bool lacking = false;      // some line lacks what cuts its groups

 private:
  static constexpr std::size_t kStrip = 4096;

  // A person's lines of any row, and those of them that may stand in a pair.
  struct Asked {
    Members named, few;
  };

  [[nodiscard]] std::size_t line(std::size_t person) const noexcept { return static_cast<std::size_t>(events_.person_begin[person]); }
  [[nodiscard]] const PairScopes::Trait& trait(std::int32_t line) const noexcept {
    return scopes_.trait(events_.item[static_cast<std::size_t>(line)]);
  }

  // How many lines were put behind the first `few`.
  std::size_t ask(Members named, std::size_t few) {
    if (!events_.complete) find_lacking(named);
    // Items of large tables are of so many pairs that their bits say nothing.
    if (!scopes_.small()) return asked_.push_back({named, named}), 0;
    std::uint64_t first = 0, second = 0;
    for (const std::int32_t line : named) first |= trait(line).own[0], second |= trait(line).own[1];
    if (first == 0) return 0;
    std::size_t end = few;
    unsigned any = 0;
    for (const std::int32_t line : named) {
      const PairScopes::Trait& own = trait(line);
      const unsigned asks = ((own.wanted[0] & first) != 0 ? 1U : 0U) & ((own.wanted[1] & second) != 0 ? 1U : 0U);
      few_[end] = line;
      end += asks | (own.own[0] != 0 ? 1U : 0U);
      any |= asks;
    }
    if (any == 0) return 0;
    asked_.push_back({named, {few_.data() + few, end - few}});
    near(asked_.back().few);
    return end - few;
  }

  // Inlined, as the next, for a function that only asks ahead is one without effect to g++, which leaves it out.
  [[gnu::always_inline]] void near(Members lines) const noexcept {
    for (const std::int32_t line : lines) {
      const auto i = static_cast<std::size_t>(line);
      if (!events_.time.empty()) __builtin_prefetch(events_.time.data() + i);
      __builtin_prefetch(events_.quantity.data() + i);
      for (const Grouping& group : groupings_)
        if (!group.subject.empty()) __builtin_prefetch(group.subject.data() + i);
    }
  }

  // What the pairs of large tables are probed in: the words of a person's lines, and where those of the next one's are.
  [[gnu::always_inline]] void near_words(std::size_t asked) const noexcept {
    for (const PairIndex& index : scopes_.indexes()) {
      for (const std::int32_t line : asked_[asked].few) {
        const std::int32_t item = events_.item[static_cast<std::size_t>(line)];
        if ((index.role(item) & PairIndex::kIncluded) != 0) index.marks(item).prefetch();
      }
      if (asked + 1 == asked_.size()) continue;
      for (const std::int32_t line : asked_[asked + 1].few) index.prefetch_place(events_.item[static_cast<std::size_t>(line)]);
    }
  }

  void find_lacking(Members named) noexcept {
    for (const std::int32_t line : named)
      for (std::size_t g = 0; g < groupings_.size() && !lacking; ++g) {
        const auto i = static_cast<std::size_t>(line);
        lacking = lacks_key(events_, groupings_[g], i) && scopes_.indexes()[g].role(events_.item[i]) != 0;
      }
  }

  void judge() {
    for (std::size_t a = 0; a < asked_.size(); ++a) {
      if (!scopes_.small()) near_words(a);
      for (std::size_t g = 0; g < groupings_.size(); ++g) {
        const std::size_t before = found[g].size();
        if (judge(asked_[a].few, g)) continue;
        found[g].back_to(before);
        static_cast<void>(judge(asked_[a].named, g));
      }
    }
  }

  // False where two groups of one cell hit: only all lines of rows tell which of them begins first.
  bool judge(Members lines, std::size_t g) {
    const PairIndex& index = scopes_.indexes()[g];
    std::uint8_t roles = scopes_.small() ? 0 : PairIndex::kIncluded | PairIndex::kMain;
    for (const std::int32_t line : scopes_.small() ? lines : Members{}) roles |= index.role(events_.item[static_cast<std::size_t>(line)]);
    if (roles != (PairIndex::kIncluded | PairIndex::kMain)) return true;
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
  std::span<const Grouping> groupings_;
  std::vector<Pairing> pairings_;  // by grouping
  Parts parts_;
  std::vector<std::int32_t> named_, few_;  // of a strip
  std::vector<Asked> asked_;
};

}  // namespace

std::optional<Found> pairs(const PairEvents& events, const PairScopes& scopes, std::span<const Grouping> groupings,
                           std::span<const std::int64_t> included_qty, const EntryTable& when, int threads) {
  const Dated dated(when, events.where);
  const Chunks chunks = cut_evenly(events.person_begin, threads);
  const std::size_t count = chunks.begin.size() - 1;
  // By grouping first: a chunk's place within a grouping does not tell where it was cut.
  std::vector<Found> parts(groupings.size() * count);
  std::vector<std::uint8_t> sound(count), lacking(count);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    Search search(events, scopes, groupings, included_qty, dated);
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
