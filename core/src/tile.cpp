#include "tile.hpp"

#include <algorithm>

namespace ybcore {
namespace {

std::uint64_t magnitude(std::int64_t value) {
  const auto sign = static_cast<std::uint64_t>(value >> 63);
  return (static_cast<std::uint64_t>(value) ^ sign) - sign;
}
void put(std::int64_t& at, std::uint64_t value) { at = static_cast<std::int64_t>(static_cast<std::uint64_t>(at) + value); }

// Adds to full, over, first and scope.
void put(std::int64_t* nature, const Portion& p, std::int64_t& scope) {
  put(nature[0], p.full);
  put(nature[1], p.amount - p.full - p.lim);
  put(nature[2], p.first);
  put(scope, p.lim - p.first);
}

}  // namespace

Tile::Tile(const Views& views, const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events,
           const PricingLines& lines, const PricingOutput& out)
    : views_(views), tables_(tables), visits_(visits), events_(events), lines_(lines), out_(out), stride_(nature_stride(tables.tags)) {}

// The words of lines [i, end), which have one view.
void Tile::look_up(const Words& words, std::size_t i, std::size_t end) {
  std::size_t rares = rares_;
  const auto keep = [&](std::size_t place, Word word) {
    word_[place] = word;
    at_[rares] = static_cast<std::uint16_t>(place);
    rares += (word & kRare) != 0 ? 1 : 0;
  };
  if (lines_.row.empty()) {
    const std::int32_t* item = lines_.item.data() + base_;
    const std::int64_t* amount = lines_.amount.data() + base_;
    const std::int64_t* quantity = lines_.quantity.empty() ? amount : lines_.quantity.data() + base_;
    const std::size_t left = lines_.item.size() - static_cast<std::size_t>(base_);
    // The lines that follow most likely have the same view; of others it is asked when they are taken.
    constexpr std::size_t kStep = 8;
    for (; i + kStep <= end && i + kStep + kAhead <= left; i += kStep) {
      __builtin_prefetch(amount + i);
      __builtin_prefetch(quantity + i);
      for (std::size_t k = i; k < i + kStep; ++k) {
        words.fetch(item[k + kAhead]);
        keep(k, *words.at(item[k]));
      }
    }
    for (; i < end; ++i) keep(i, *words.at(item[i]));
  } else {
    for (; i < end; ++i) keep(i, *words.at(lines_.item[row(i)]));
  }
  rares_ = rares;
}

// Lists again what words were changed to.
void Tile::list() {
  rares_ = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    at_[rares_] = static_cast<std::uint16_t>(i);
    rares_ += (word_[i] & kRare) != 0 ? 1 : 0;
  }
}

// What the lines themselves say against the catalogue.
void Tile::ask() {
  const bool priced = !lines_.price.empty() && !lines_.quantity.empty();
  if (priced) {
    // Where all fits 64 bits most lines are seen to be right; of the others it is asked exactly.
    constexpr std::uint64_t kMostAmount = std::uint64_t{1} << 33, kMostPrice = std::uint64_t{1} << 33, to_fen = kCapToFen;
    std::size_t doubtful = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      const std::size_t at = row(i);
      const auto amount = static_cast<std::uint64_t>(lines_.amount[at]);
      const auto quantity = static_cast<std::uint64_t>(lines_.quantity[at]), price = static_cast<std::uint64_t>(lines_.price[at]);
      // At most half a fen either way, when amount and product are both below 2^62.
      const std::uint64_t gap = amount * to_fen - quantity * price + to_fen / 2;
      const bool fits =
          (amount + kMostAmount < 2 * kMostAmount) & (quantity + kMostQuantity < 2 * kMostQuantity) & (price + kMostPrice < 2 * kMostPrice);
      at_[doubtful] = static_cast<std::uint16_t>(i);
      doubtful += fits & (gap <= to_fen) ? 0 : 1;
    }
    const Piece* piece = piece_.data();
    for (std::size_t k = 0; k < doubtful; ++k) {
      while (piece->end <= at_[k]) ++piece;
      if (price_differs(lines_, row(at_[k]))) out_.flags[piece->visit] |= kFlagPriceMismatch;
    }
  }
  if (!lines_.deny.empty()) {
    for (std::size_t i = 0; i < count_; ++i) word_[i] = lines_.deny[row(i)] == 1 ? kSlow : word_[i];
  }
  if (!lines_.approved.empty()) {
    for (std::size_t i = 0; i < count_; ++i) word_[i] = lines_.approved[row(i)] == 2 ? kSlow : word_[i];
  }
  list();
}

// Words that depend on the day. What is plain then leaves the list.
void Tile::resolve() {
  for (std::size_t k = 0; k < rares_; ++k) {
    views_.fetch(word_[at_[k]]);
    if (!lines_.day.empty()) __builtin_prefetch(lines_.day.data() + row(at_[k]));
    if (!lines_.named.empty()) __builtin_prefetch(lines_.named.data() + row(at_[k]));
  }
  const Piece* piece = piece_.data();
  std::size_t kept = 0;
  for (std::size_t k = 0; k < rares_; ++k) {
    const std::size_t i = at_[k];
    Word word = word_[i];
    if ((word & kDated) != 0) {
      while (piece->end <= i) ++piece;
      const DateRule rule = tables_.programs[static_cast<std::size_t>(events_.program[piece->event])].date[0];
      std::int32_t day = rule == DateRule::kFee ? own_day(lines_, static_cast<std::int64_t>(row(i))) : kNullDay;
      if (day == kNullDay) day = rule == DateRule::kSettlement ? visits_.setl_day[piece->visit] : visits_.enddate[piece->visit];
      word = views_.on(word, day);
      word_[i] = word;
    }
    at_[kept] = static_cast<std::uint16_t>(i);
    kept += (word & kRare) != 0 ? 1 : 0;
  }
  rares_ = kept;
}

// False when some line is beyond the limits.
bool Tile::compute() {
  LineColumns columns{word_.data(), lines_.amount.data() + base_, nullptr, count_};
  if (!lines_.quantity.empty()) columns.quantity = lines_.quantity.data() + base_;
  if (!lines_.row.empty()) {
    for (std::size_t i = 0; i < count_; ++i) amount_[i] = lines_.amount[row(i)];
    columns.amount = amount_.data();
    if (!lines_.quantity.empty()) {
      for (std::size_t i = 0; i < count_; ++i) quantity_[i] = lines_.quantity[row(i)];
      columns.quantity = quantity_.data();
    }
  }
  if (lanes().small(columns, portion_.data())) {
    see(seen_, static_cast<std::int64_t>(count_), kMostSmall);
    return true;
  }
  if (!lines_.sure) {
    for (std::size_t i = 0; i < count_; ++i)
      if (!within_limits(lines_, row(i))) return false;
    see(seen_, static_cast<std::int64_t>(count_), kMostLineAmount);
  }
  // A missing quantity is one unit, and one that might overflow goes the long way.
  if (columns.quantity != nullptr) {
    bool great = false;
    for (std::size_t i = 0; i < count_; ++i) {
      const std::int64_t quantity = columns.quantity[i] == kNullInt ? kOneUnit : columns.quantity[i];
      const bool beyond = magnitude(quantity) >= kMostQuantity;
      quantity_[i] = beyond ? kOneUnit : quantity;
      word_[i] = beyond ? kSlow : word_[i];
      great |= beyond;
    }
    columns.quantity = quantity_.data();
    if (great) list();
  }
  if (!lanes().small(columns, portion_.data())) portions_of_any(columns, portion_.data());
  return true;
}

// Takes lines that are not plain out of the sums.
void Tile::aside() {
  each([&](std::size_t i, const Piece& piece) {
    const Word word = word_[i];
    if ((word & kSlow) != 0) {
      rare_.push_back({piece.visit, piece.event, static_cast<std::int64_t>(row(i))});
      portion_[i] = {};
      return;
    }
    if ((word & kUnknown) != 0) out_.flags[piece.visit] |= kFlagUnknownItem;
    if ((word & (kTagBits | kDirectly)) == 0) return;
    const Word tag = (word & kTagBits) >> kTagAt;
    std::int64_t* nature = out_.natures.data() + piece.event * stride_;
    std::int64_t* part = tag == 0 ? nature : nature + 1 + 4 * tag;
    put(part, portion_[i], (word & kDirectly) != 0 ? nature[4] : part[3]);
    portion_[i] = {};
  });
}

void Tile::add_up() {
  lanes().run_on(portion_.data(), count_);
  const Portion* begin = portion_.data();
  for (std::size_t p = 0; p < pieces_; ++p) {
    const Piece& piece = piece_[p];
    const Portion* end = portion_.data() + piece.end;
    std::int64_t* nature = out_.natures.data() + piece.event * stride_;
    put(nature, {end->amount - begin->amount, end->lim - begin->lim, end->first - begin->first, end->full - begin->full}, nature[3]);
    begin = end;
  }
}

const std::vector<Tile::Rare>& Tile::sum() {
  rare_.clear();
  if (count_ == 0) return rare_;
  for (std::size_t r = 0, begin = 0; r < runs_; begin = run_[r++].end) look_up(run_[r].words, begin, run_[r].end);
  if (!lines_.price.empty() || !lines_.deny.empty() || !lines_.approved.empty()) ask();
  resolve();
  if (compute()) {
    aside();
    add_up();
  } else {
    seen_.beyond = true;
  }
  count_ = rares_ = pieces_ = runs_ = 0;
  return rare_;
}

}  // namespace ybcore
