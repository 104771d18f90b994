// K04 pair: two items that may not stand in one group, and bundles of which too many members do.
//
// Meaning   A row says that `main` contains `included`, within the grouping that it names. Where both are in a group, the included lines
//           offend: all of them, or what is beyond the contained quantity, whose first units are free. `within`: the main lines near an
//           included line are its group; with a contained quantity those whose first near main line is the same share it.
// Units     Quantity 1/10000, microseconds, days.
// Requires  Rows in order of how specific they are (entries.hpp); items dense and below `items`, -1 for none. Events in canonical order,
//           cut by person; with dated or narrowed rows the day (region, level) of each. Rows that are never held are left out by the
//           caller. `when` names its columns by row (its start and rows are not used).
// Gives     One finding a pair of items and group: measure the units of the included item in the group (within, without contained
//           quantity: of the line), limit the contained quantity or 0, entry the row of the first included line. Offending the included
//           lines in order (excess: units beyond; kWhole without contained quantity), involved the main lines (of a shared one: that one).
//           An item paired with itself hits only `within`, by another line. Findings go by grouping, person and group.
//           Unknown: lines of a row's items that lack what their grouping or rows need, each once.
// Fails     Nothing is given where an item is not from -1 to below `items`; the index allocates about 14 bytes a row.
// Cost      A line whose item is in no row: a byte; of an included item of a person without a main one: two. Else four words of the item;
//           and where the person has a main item that may be of a pair with it, a word for each main line, of a few words of the line's own
//           item. Lines are grouped only where two that may be a pair are as near each other as lines of a group are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ybcore/checks/chosen.hpp"
#include "ybcore/checks/entries.hpp"
#include "ybcore/checks/found.hpp"
#include "ybcore/checks/group.hpp"
#include "ybcore/scratch.hpp"

namespace ybcore::checks {

struct PairRows {
  std::span<const std::int32_t> main, included;
  std::span<const std::int32_t> scope;         // grouping of each row; empty: 0
  std::span<const std::int64_t> included_qty;  // kUnknown: none; empty: none has one
  bool symmetric = false;
};

// The rows of one grouping by included item. Immutable: shared by threads. What every line asks for lies on large pages.
class PairIndex {
 public:
  PairIndex(const PairRows& rows, std::int32_t scope, std::size_t items);

  static constexpr std::uint8_t kIncluded = 1, kMain = 2;
  [[nodiscard]] std::uint8_t role(std::int32_t item) const noexcept { return item < 0 ? 0 : role_[static_cast<std::size_t>(item)]; }
  [[nodiscard]] bool empty() const noexcept { return mains_.empty(); }
  [[nodiscard]] std::size_t items() const noexcept { return role_.size(); }

  // Pairs of an included item: their main items, rising.
  [[nodiscard]] std::span<const std::int32_t> mains(std::int32_t included) const noexcept {
    const Place& place = place_[static_cast<std::size_t>(included)];
    return std::span(mains_).subspan(place.pair, place.pairs);
  }
  [[nodiscard]] std::size_t first_pair(std::int32_t included) const noexcept { return place_[static_cast<std::size_t>(included)].pair; }
  [[nodiscard]] std::span<const std::int32_t> rows(std::size_t pair) const noexcept {
    return std::span(rows_).subspan(row_begin_[pair], row_begin_[pair + 1] - row_begin_[pair]);
  }

  // What is set for a main item in the words of an included one: a few bits of one of its words.
  struct Mark {
    std::uint32_t word;
    std::uint64_t bits;
  };
  [[nodiscard]] static Mark mark_of(std::int32_t item) noexcept {
    const auto id = static_cast<std::uint64_t>(item);
    const std::uint64_t mixed = id * 0xc2b2ae3d27d4eb4fU;
    const auto bit = [&](int shift) { return std::uint64_t{1} << (mixed >> shift & 63); };
    return {static_cast<std::uint32_t>(id * 0x9e3779b97f4a7c15U >> 40), bit(34) | bit(40) | bit(46) | bit(52) | bit(58)};
  }
  // Words of an included item: a mark that is not in them is of no pair, one that is seldom is not.
  class Marks {
   public:
    Marks(const std::uint64_t* words, std::uint32_t mask) noexcept : words_(words), mask_(mask) {}
    [[nodiscard]] bool may_have(const Mark& mark) const noexcept { return (mark.bits & ~words_[mark.word & mask_]) == 0; }
    [[gnu::always_inline]] void prefetch() const noexcept {
      for (std::uint32_t word = 0; word <= mask_; word += 8) __builtin_prefetch(words_ + word);
    }

   private:
    const std::uint64_t* words_;
    std::uint32_t mask_;
  };
  [[nodiscard]] Marks marks(std::int32_t included) const noexcept {
    const Place& place = place_[static_cast<std::size_t>(included)];
    return {words_.get() + place.word, place.mask};
  }
  // So small that it stays near by itself.
  [[nodiscard]] bool small() const noexcept { return word_count_ < std::size_t{1} << 13; }
  [[gnu::always_inline]] void prefetch_place(std::int32_t item) const noexcept { __builtin_prefetch(place_.get() + item); }

 private:
  struct Place {
    std::uint32_t word = 0, mask = 0;   // the first, and how many less one
    std::uint32_t pair = 0, pairs = 0;  // the first, and how many
  };

  void mark();

  std::vector<std::uint8_t> role_;        // by item
  Big<Place> place_;                      // by item
  std::vector<std::int32_t> mains_;       // by pair
  std::vector<std::uint32_t> row_begin_;  // by pair
  std::vector<std::int32_t> rows_;
  Big<std::uint64_t> words_;  // of an item as many as a power of two, at a multiple of that or of a cache line
  std::size_t word_count_ = 0;
};

// The rows of every grouping, and what tells of a person's lines early that no two of them are a pair. Immutable: shared by threads.
class PairScopes {
 public:
  PairScopes(const PairRows& rows, std::int32_t scopes, std::size_t items);

  [[nodiscard]] std::span<const PairIndex> indexes() const noexcept { return indexes_; }
  [[nodiscard]] const ChosenCodes& named() const noexcept { return named_; }  // items of any row
  [[nodiscard]] std::size_t items() const noexcept { return items_; }
  [[nodiscard]] bool small() const noexcept { return small_; }

  // Bits of an item as a main one, and of the main items of its pairs. What shares no bit with them in one of the words is no pair.
  struct Trait {
    std::array<std::uint64_t, 2> own{}, wanted{};
  };
  // Of small tables only: a number of each item of any row, and what it has; main items first.
  [[nodiscard]] std::uint16_t number(std::int32_t item) const noexcept { return number_[static_cast<std::size_t>(item)]; }
  [[nodiscard]] std::size_t numbers() const noexcept { return traits_.size(); }
  [[nodiscard]] bool leads(std::uint16_t number) const noexcept { return number < leads_; }
  [[nodiscard]] const Trait& trait(std::uint16_t number) const noexcept { return traits_[number]; }

  // A main item of an included one, by number, and their pair in the index of a grouping.
  struct Match {
    std::uint16_t main, grouping;
    std::uint32_t pair;
  };
  // Of an included item, main items rising.
  [[nodiscard]] std::span<const Match> matches(std::uint16_t number) const noexcept {
    return std::span(matches_).subspan(match_begin_[number], match_begin_[number + std::size_t{1}] - match_begin_[number]);
  }

 private:
  void number_items(std::size_t items);
  void match(std::span<const std::int32_t> numbered);

  std::vector<PairIndex> indexes_;
  std::size_t items_;
  ChosenCodes named_;
  std::vector<std::uint16_t> number_;  // by item; none of large tables
  std::vector<Trait> traits_;          // by number
  std::vector<Match> matches_;
  std::vector<std::uint32_t> match_begin_;  // by number
  std::size_t leads_ = 0;
  bool small_ = true;
};

struct PairEvents {
  std::span<const std::int64_t> person_begin;
  std::span<const std::int64_t> time;  // kDay, kHour, kWithin
  std::span<const std::int32_t> item;
  std::span<const std::int64_t> quantity;
  EntryEvents where;      // day, region, level; its key is not used
  bool complete = false;  // no event lacks a time or what cuts groups: known of the columns, so that they are not read to count such events
};

// Rows of scope g are judged in groupings[g].
[[nodiscard]] std::optional<Found> pairs(const PairEvents& events, const PairScopes& scopes, std::span<const Grouping> groupings,
                                         std::span<const std::int64_t> included_qty, const EntryTable& when, int threads);

// at_least or more different items in a group: measure their number, limit at_least; all lines offend. Items -1 are passed over.
[[nodiscard]] Found bundle(std::span<const std::int64_t> person_begin, std::span<const std::int64_t> time,
                           std::span<const std::int32_t> item, const Grouping& group, std::int64_t at_least, int threads);

}  // namespace ybcore::checks
