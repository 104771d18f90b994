// Lines by the words of their view, a tile at a time: words are asked for ahead of their use, so that misses overlap, then everything is
// computed without a branch, and an event's sums are the difference of two running sums. Private to the kernel.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "line.hpp"
#include "portions.hpp"
#include "views.hpp"

namespace ybcore {

// Holds lines that follow each other in visit order.
class Tile {
 public:
  // A line that words cannot settle.
  struct Rare {
    std::size_t visit, event;
    std::int64_t row;
  };

  Tile(const Views& views, const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events, const PricingLines& lines,
       const PricingOutput& out);

  [[nodiscard]] bool full() const { return count_ == kLines; }
  // Whether line k of the visits' order can be taken next.
  [[nodiscard]] bool follows(std::int64_t k) const { return count_ == 0 || base_ + static_cast<std::int64_t>(count_) == k; }

  // Takes lines [k, end) of an event as far as there is room; returns the first that found none.
  std::int64_t take(std::size_t visit, std::size_t event, const Words& words, std::int64_t k, std::int64_t end) {
    if (count_ == 0) base_ = k;
    const auto more = std::min(static_cast<std::size_t>(end - k), kLines - count_);
    if (runs_ == 0 || run_[runs_ - 1].words.word != words.word) {
      run_[runs_++].words = words;
      for (std::size_t i = count_; i < count_ + more; ++i) words.fetch(lines_.item[row(i)]);
    }
    count_ += more;
    run_[runs_ - 1].end = count_;
    piece_[pieces_++] = {visit, event, count_};
    return k + static_cast<std::int64_t>(more);
  }

  // Adds what the tile holds to natures and flags and empties it; the lines that are left to the caller.
  const std::vector<Rare>& sum();
  [[nodiscard]] const PricingSeen& seen() const { return seen_; }

 private:
  static constexpr std::size_t kLines = 256, kAhead = 64;
  // Lines of one event, from where the piece before ends.
  struct Piece {
    std::size_t visit, event, end;
  };
  // Lines of one view, from where the run before ends.
  struct Run {
    Words words;
    std::size_t end;
  };

  const Views& views_;
  const PricingTables& tables_;
  const PricingVisits& visits_;
  const PricingEvents& events_;
  const PricingLines& lines_;
  const PricingOutput& out_;
  const std::size_t stride_;
  std::int64_t base_ = 0;
  std::size_t count_ = 0, rares_ = 0, pieces_ = 0, runs_ = 0;  // lines, places in at_, pieces, runs
  std::array<Portion, kLines + 1> portion_;
  std::array<Word, kLines> word_;
  std::array<Told, kLines> told_;                       // only where lines are written
  std::array<std::int64_t, kLines> amount_, quantity_;  // only where the columns themselves will not do
  std::array<std::uint16_t, kLines + 1> at_;            // lines whose word says more than three numbers, in order
  std::array<Piece, kLines> piece_;
  std::array<Run, kLines> run_;
  std::vector<Rare> rare_;
  PricingSeen seen_;

  [[nodiscard]] std::size_t row(std::size_t i) const {
    return static_cast<std::size_t>(row_of(lines_, base_ + static_cast<std::int64_t>(i)));
  }
  void look_up(const Words& words, std::size_t i, std::size_t end);
  void tell(const Words& words, std::size_t i, std::size_t end);
  void list();
  void ask();
  void check_prices();
  bool slow_where(std::span<const std::int8_t> flags, std::int8_t flag);
  void resolve();
  [[nodiscard]] bool compute();
  void write() const;
  void aside();
  void add_up();

  // Calls `one` for each listed place with its piece.
  template <class One>
  void each(One one) {
    const Piece* piece = piece_.data();
    for (std::size_t k = 0; k < rares_; ++k) {
      while (piece->end <= at_[k]) ++piece;
      one(at_[k], *piece);
    }
  }
};

}  // namespace ybcore
