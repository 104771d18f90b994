// Lines by the words of their view, a tile at a time: first all words are asked for, so that the misses overlap, then everything is
// computed without a branch, then each event's lines are summed. Private to the kernel.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "line.hpp"
#include "views.hpp"

namespace ybcore {

class Tile {
 public:
  // A line that words cannot settle.
  struct Rare {
    std::size_t visit, event;
    std::int64_t row;
  };

  Tile(const Views& views, const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events, const PricingLines& lines,
       const PricingOutput& out)
      : views_(views),
        tables_(tables),
        visits_(visits),
        events_(events),
        lines_(lines),
        out_(out),
        stride_(nature_stride(tables.tags)),
        refusable_(!lines.deny.empty() || !lines.approved.empty()),
        priced_(!lines.price.empty()) {}

  [[nodiscard]] bool full() const { return count_ == kLines; }

  // Takes lines [k, end) of an event as far as there is room; returns the first that found none.
  std::int64_t take(std::size_t visit, std::size_t event, const Words& words, std::int64_t k, std::int64_t end) {
    const std::size_t begin = count_;
    const auto more = std::min(static_cast<std::size_t>(end - k), kLines - count_);
    if (lines_.row.empty()) {
      const std::int32_t* item = lines_.item.data() + k;
      const std::size_t known = lines_.item.size() - static_cast<std::size_t>(k);
      // The next events most likely have the same view.
      for (std::size_t i = 0; i < more; ++i) {
        fetch(words.at(item[i + kAhead < known ? i + kAhead : i]));
        word_[begin + i] = *words.at(item[i]);
      }
      for (std::size_t i = 0; i < more; ++i) row_[begin + i] = static_cast<std::uint64_t>(k) + i;
    } else {
      for (std::size_t i = 0; i < more; ++i) {
        const auto row = static_cast<std::size_t>(lines_.row[static_cast<std::size_t>(k) + i]);
        row_[begin + i] = row;
        word_[begin + i] = *words.at(lines_.item[row]);
      }
    }
    count_ += more;
    pieces_.push_back({visit, event, begin, count_});
    return k + static_cast<std::int64_t>(more);
  }

  // Adds what the tile holds to natures and flags and empties it; the lines that are left to the caller.
  const std::vector<Rare>& sum() {
    rare_.clear();
    if (refusable_ || priced_) ask();
    resolve();
    std::uint64_t great = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      const std::int64_t given = lines_.quantity.empty() ? kNullInt : lines_.quantity[row_[i]];
      const std::uint64_t quantity = given == kNullInt ? kOneUnit : magnitude(given);
      const Word word = word_[i];
      great |= quantity;
      const std::int64_t signed_amount = lines_.amount[row_[i]];
      const auto sign = static_cast<std::uint64_t>(signed_amount >> 63);
      const std::uint64_t amount = (static_cast<std::uint64_t>(signed_amount) ^ sign) - sign;
      // Masks, not conditions: neighbours in a bill have nothing in common.
      const std::uint64_t open = ((word >> kCappedAt) & 1) - 1, part = ((word >> kWholeAt) & 1) - 1;
      const std::uint64_t cap = rounded((word & kCapBits) * quantity) | open;
      const std::uint64_t lim = (cap < amount ? cap : amount) & part;
      const std::uint64_t first = rounded(lim * ((word >> kRatioAt) & kRatioBits));
      total_[i] = static_cast<std::uint64_t>(signed_amount);
      over_[i] = (((amount - lim) & part) ^ sign) - sign;
      first_[i] = (first ^ sign) - sign;
      scope_[i] = ((lim - first) ^ sign) - sign;
    }
    if (great >= kMostQuantity) too_many();
    aside();
    for (const Piece& piece : pieces_) {
      std::uint64_t total = 0, over = 0, first = 0, scope = 0;
      for (std::size_t i = piece.begin; i < piece.end; ++i) {
        total += total_[i];
        over += over_[i];
        first += first_[i];
        scope += scope_[i];
      }
      std::int64_t* nature = out_.natures.data() + piece.event * stride_;
      put(nature[0], total - over - first - scope);
      put(nature[1], over);
      put(nature[2], first);
      put(nature[3], scope);
    }
    count_ = 0;
    pieces_.clear();
    return rare_;
  }

 private:
  static constexpr std::size_t kLines = 512, kAhead = 64;
  struct Piece {
    std::size_t visit, event, begin, end;
  };

  const Views& views_;
  const PricingTables& tables_;
  const PricingVisits& visits_;
  const PricingEvents& events_;
  const PricingLines& lines_;
  const PricingOutput& out_;
  const std::size_t stride_;
  const bool refusable_, priced_;
  std::size_t count_ = 0;
  std::array<Word, kLines> word_;
  std::array<std::size_t, kLines> row_;
  std::array<std::uint16_t, kLines + 1> at_;
  std::array<std::uint64_t, kLines> total_, over_, first_, scope_;
  std::vector<Piece> pieces_;
  std::vector<Rare> rare_;

  static std::uint64_t magnitude(std::int64_t value) {
    const auto sign = static_cast<std::uint64_t>(value >> 63);
    return (static_cast<std::uint64_t>(value) ^ sign) - sign;
  }
  // A product with a ratio in ppm, or of a cap in 1/10000 yuan and a quantity, in fen.
  static std::uint64_t rounded(std::uint64_t product) {
    constexpr std::uint64_t ppm = kPpm;
    return (product + ppm / 2) / ppm;
  }
  static void fetch(const void* at) { __builtin_prefetch(at); }
  static void put(std::int64_t& at, std::uint64_t value) { at = static_cast<std::int64_t>(static_cast<std::uint64_t>(at) + value); }

  // Lines whose word says more than three numbers, in order.
  std::size_t gather() {
    std::size_t found = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      at_[found] = static_cast<std::uint16_t>(i);
      found += (word_[i] & kRare) != 0 ? 1 : 0;
    }
    return found;
  }

  // Calls `one` for each of the first `found` places with its piece.
  template <class One>
  void each(std::size_t found, One one) {
    std::size_t piece = 0;
    for (std::size_t k = 0; k < found; ++k) {
      while (pieces_[piece].end <= at_[k]) ++piece;
      one(at_[k], pieces_[piece]);
    }
  }

  // What the lines themselves say against the catalogue.
  void ask() {
    for (const Piece& piece : pieces_) {
      for (std::size_t i = piece.begin; i < piece.end; ++i) {
        const std::size_t row = row_[i];
        if (priced_ && price_differs(lines_, row)) out_.flags[piece.visit] |= kFlagPriceMismatch;
        if ((!lines_.deny.empty() && lines_.deny[row] == 1) || (!lines_.approved.empty() && lines_.approved[row] == 2)) word_[i] = kSlow;
      }
    }
  }

  // Words that depend on the day.
  void resolve() {
    each(gather(), [&](std::size_t i, const Piece& piece) {
      if ((word_[i] & kDated) == 0) return;
      const std::int32_t enddate = visits_.enddate[piece.visit];
      const PricingProgram& program = tables_.programs[static_cast<std::size_t>(events_.program[piece.event])];
      const std::int32_t day = program.date[0] == DateRule::kFee         ? fee_day(lines_, static_cast<std::int64_t>(row_[i]), enddate)
                               : program.date[0] == DateRule::kDischarge ? enddate
                                                                         : visits_.setl_day[piece.visit];
      word_[i] = views_.on(word_[i], day);
    });
  }

  // A quantity that might overflow goes the long way.
  void too_many() {
    for (std::size_t i = 0; i < count_; ++i) {
      const std::int64_t quantity = lines_.quantity[row_[i]];
      if (quantity != kNullInt && magnitude(quantity) >= kMostQuantity) word_[i] = kSlow;
    }
  }

  // Takes lines that are not plain out of the sums.
  void aside() {
    each(gather(), [&](std::size_t i, const Piece& piece) {
      const Word word = word_[i];
      if ((word & kSlow) != 0) {
        rare_.push_back({piece.visit, piece.event, static_cast<std::int64_t>(row_[i])});
        total_[i] = over_[i] = first_[i] = scope_[i] = 0;
        return;
      }
      if ((word & kUnknown) != 0) out_.flags[piece.visit] |= kFlagUnknownItem;
      if ((word & (kTagBits | kDirectly)) == 0) return;
      const Word tag = (word & kTagBits) >> kTagAt;
      std::int64_t* nature = out_.natures.data() + piece.event * stride_;
      std::int64_t* part = tag == 0 ? nature : nature + 1 + 4 * tag;
      put(part[0], total_[i] - over_[i] - first_[i] - scope_[i]);
      put(part[1], over_[i]);
      put(part[2], first_[i]);
      put((word & kDirectly) != 0 ? nature[4] : part[3], scope_[i]);
      total_[i] = over_[i] = first_[i] = scope_[i] = 0;
    });
  }
};

}  // namespace ybcore
