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

// What is told of lines [i, end), which have one view.
void Tile::tell(const Words& words, std::size_t i, std::size_t end) {
  for (; i < end; ++i) told_[i] = words.told[words.place(lines_.item[row(i)])];
}

// Lists again what words were changed to.
void Tile::list() {
  rares_ = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    at_[rares_] = static_cast<std::uint16_t>(i);
    rares_ += (word_[i] & kRare) != 0 ? 1 : 0;
  }
}

// Unit prices that do not give the amount, asked of lines in the visits' order where nothing more than columns is needed.
void Tile::check_prices() {
  // Where all fits 64 bits most lines are seen to be right; of the others it is asked exactly.
  constexpr int kAmountBits = 33, kPriceBits = 33;
  constexpr std::uint64_t to_fen = kCapToFen;
  const auto doubtful = [&](std::size_t at) {
    const auto amount = static_cast<std::uint64_t>(lines_.amount[at]);
    const auto quantity = static_cast<std::uint64_t>(lines_.quantity[at]), price = static_cast<std::uint64_t>(lines_.price[at]);
    // At most half a fen either way, when amount and product are both below 2^62.
    const std::uint64_t gap = amount * to_fen - quantity * price + to_fen / 2;
    const std::uint64_t beyond = (amount + (std::uint64_t{1} << kAmountBits)) >> (kAmountBits + 1) |
                                 (quantity + kMostQuantity) / (2 * kMostQuantity) |
                                 (price + (std::uint64_t{1} << kPriceBits)) >> (kPriceBits + 1);
    return beyond | (gap > to_fen ? 1 : 0);
  };
  std::uint64_t any = 0;
  if (lines_.row.empty()) {
    const auto base = static_cast<std::size_t>(base_);
    for (std::size_t i = 0; i < count_; ++i) any |= doubtful(base + i);
  } else {
    for (std::size_t i = 0; i < count_; ++i) any |= doubtful(row(i));
  }
  if (any == 0) return;
  const Piece* piece = piece_.data();
  for (std::size_t i = 0; i < count_; ++i) {
    if (doubtful(row(i)) == 0) continue;
    while (piece->end <= i) ++piece;
    if (price_differs(lines_, row(i))) out_.flags[piece->visit] |= kFlagPriceMismatch;
  }
}

// Lines with such a flag are looked up in the rows themselves. True when there were any.
bool Tile::slow_where(std::span<const std::int8_t> flags, std::int8_t flag) {
  if (flags.empty()) return false;
  if (lines_.row.empty()) {
    const std::int8_t* mine = flags.data() + base_;
    std::uint8_t any = 0;
    for (std::size_t i = 0; i < count_; ++i) any = static_cast<std::uint8_t>(any | (mine[i] == flag ? 1 : 0));
    if (any == 0) return false;
  }
  for (std::size_t i = 0; i < count_; ++i) word_[i] = flags[row(i)] == flag ? kSlow : word_[i];
  return true;
}

// What the lines themselves say against the catalogue.
void Tile::ask() {
  if (!lines_.price.empty() && !lines_.quantity.empty()) check_prices();
  const bool denied = slow_where(lines_.deny, 1);
  if (slow_where(lines_.approved, 2) || denied) list();
}

// Words that depend on the day. What is plain then leaves the list.
void Tile::resolve() {
  for (std::size_t k = 0; k < rares_; ++k) {
    views_.fetch(word_[at_[k]]);
    if (!lines_.day.empty()) __builtin_prefetch(lines_.day.data() + row(at_[k]));
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
      const WordSpan& held = views_.on(word, day);
      word = held.word;
      word_[i] = word;
      told_[i] = held.told;
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

// The columns of lines, but for those that are left to the caller.
void Tile::write() const {
  for (std::size_t i = 0; i < count_; ++i) {
    const Portion& p = portion_[i];
    const Word word = word_[i];
    const std::size_t at = row(i);
    const auto number = [](std::uint64_t bits) { return static_cast<std::int64_t>(bits); };
    const bool whole = (word & kWhole) != 0;
    out_.full[at] = number(p.full);
    out_.over[at] = number(p.amount - p.full - p.lim);
    out_.first[at] = number(p.first);
    out_.scope[at] = number(p.lim - p.first);
    out_.item_class[at] = static_cast<std::uint8_t>(told_[i] >> kToldClassAt & kToldClass);
    out_.ratio[at] = whole ? static_cast<std::int32_t>(kPpm) : static_cast<std::int32_t>(told_[i] & kToldRatio);
    out_.cap[at] = whole || (word & kOpen) != 0 ? kNullInt : number(word & kCapBits) * kHao;
    const LineReason own = (word & kUnknown) != 0 ? kUnknownItem : kClassC;
    const LineReason other = (told_[i] & kToldNoRatio) != 0 ? kNoRatio : kLineOk;
    out_.reason[at] = whole ? own : other;
  }
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
  const bool written = !out_.reason.empty();
  for (std::size_t r = 0, begin = 0; r < runs_; begin = run_[r++].end) {
    look_up(run_[r].words, begin, run_[r].end);
    if (written) tell(run_[r].words, begin, run_[r].end);
  }
  if (!lines_.price.empty() || !lines_.deny.empty() || !lines_.approved.empty()) ask();
  resolve();
  if (compute()) {
    if (written) write();
    aside();
    add_up();
  } else {
    seen_.beyond = true;
  }
  count_ = rares_ = pieces_ = runs_ = 0;
  return rare_;
}

}  // namespace ybcore
