// Desk: fee lines, and the parts of stays that are settled in parts.
#include <algorithm>

#include "desk.hpp"
#include "line_split.hpp"

namespace ybcore {
namespace {

constexpr std::int64_t kMostInVisit = 1'000'000'000'000;
constexpr std::size_t kMostParts = 10'000;  // the years there are

std::int32_t day_of(const yb_line& line, std::int32_t end) { return line.day == YB_NO_DAY ? end : line.day; }

template <class Units>
SplitLine split_of(const Setting& setting, Units units, const yb_line* lines, std::size_t i, std::int32_t item, std::uint8_t& flags,
                   bool denials = true) {
  const yb_line& from = lines[i];
  const FeeLine fee{item, denials && from.deny == 1, from.approved == 2, from.amount, from.quantity};
  const SplitLine line = split_line(setting, units, fee, static_cast<std::int64_t>(i), day_of(from, setting.enddate));
  if (line.reason == kUnknownItem) flags |= kFlagUnknownItem;
  if (price_differs(from.amount, from.quantity, from.price)) flags |= kFlagPriceMismatch;
  return line;
}

// All lines of a visit into its natures, where nothing else is asked of them: what most visits want. By itself, for the registers.
[[gnu::noinline]] std::uint8_t price_all_lines(const Setting& setting, const yb_line* lines, const std::int32_t* items, std::size_t count,
                                               std::int64_t* natures) {
  std::uint8_t flags = 0;
  for (std::size_t i = 0; i < count; ++i) add_natures(split_of(setting, WholeFen(), lines, i, items[i], flags), natures);
  return flags;
}

}  // namespace

// What is wrong with the lines, or null; their items and what they add up to are known then, and the items' look-up is on its way.
const char* Desk::see_lines(const yb_line* lines, std::size_t count) {
  const auto within = [](std::int64_t value, std::int64_t most) {
    return static_cast<std::uint64_t>(value) + static_cast<std::uint64_t>(most) <= 2 * static_cast<std::uint64_t>(most);
  };
  const auto items = static_cast<std::uint32_t>(image_.codes.size());
  const Catalog* catalog = image_.catalog ? &*image_.catalog : nullptr;
  bool fine = true, returning = false;
  Wide sum = 0;
  returned_.clear();
  unsigned __int128 absolute = 0;
  item_.resize(count);
  std::int32_t* const known = item_.data();
  for (std::size_t i = 0; i < count; ++i) {
    const yb_line& line = lines[i];
    const std::int32_t item = line.code.at == nullptr ? line.item : image_.item(view(line.code));
    known[i] = item;
    if (static_cast<std::uint32_t>(item) < items) {
      if (catalog != nullptr) catalog->ask_head(static_cast<std::size_t>(item));
    } else if (item != -1) {
      return "an item that the catalogue does not have";
    }
    if (line.returns < -1 || line.returns >= static_cast<std::int64_t>(count)) return "a line returns one that is not there";
    returning |= line.returns >= 0;
    fine &= within(line.amount, kMostLineAmount) && (line.quantity == YB_MISSING || within(line.quantity, kMostLineQuantity));
    if (line.amount == YB_MISSING) continue;
    sum += line.amount;
    absolute += static_cast<std::uint64_t>(line.amount < 0 ? -line.amount : line.amount);
  }
  total_ = absolute > kMostInVisit ? 0 : static_cast<std::int64_t>(sum);
  readable_ = fine && absolute <= kMostInVisit;
  return !returning || take_over(lines, count) ? nullptr : "lines return each other in a circle";
}

// What returns a line is of its day, and denied or not approved with it. False where lines return each other.
bool Desk::take_over(const yb_line* lines, std::size_t count) {
  returns_.clear();
  for (std::size_t i = 0; i < count; ++i) returns_.push_back(lines[i].returns == static_cast<std::int64_t>(i) ? -1 : lines[i].returns);
  in_turn(returns_, turn_);
  if (!turn_.circle.empty()) return false;
  returned_.assign(lines, lines + count);
  for (const std::int64_t at : turn_.order) {
    const std::int64_t of = returns_[static_cast<std::size_t>(at)];
    if (of < 0) continue;
    yb_line& line = returned_[static_cast<std::size_t>(at)];
    const yb_line& theirs = returned_[static_cast<std::size_t>(of)];
    line.day = theirs.day;
    if (theirs.deny == 1) line.deny = 1;
    if (theirs.approved == 2) line.approved = 2;
  }
  return true;
}

void Desk::take_lines(const yb_line* lines, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (item_[i] >= 0) image_.catalog->ask_rows(static_cast<std::size_t>(item_[i]));
  part_of_.clear();
  for (std::size_t i = 0; parts_.size() > 1 && i < count; ++i) {
    const std::int32_t day = day_of(lines[i], parts_.front().days.end);
    std::uint32_t part = 0;
    while (part + 1 < parts_.size() && day >= parts_[part].before) ++part;
    part_of_.push_back(part);
  }
}

// Cuts the visit where the years of its document begin, as far as there are lines on each side; each part has facts of its last day.
yb_code Desk::take_parts(const yb_visit& visit, const yb_line* lines, std::size_t count) {
  Part whole = parts_.front();
  const DocumentRow* document = document_of(whole.setup);
  if (document == nullptr || document->split == 0 || count == 0 || visit.setl_day == YB_NO_DAY) return YB_OK;
  const auto year = [&](std::int32_t day) { return period_key(Period::kYear, day, document->year_month, document->year_day); };
  cuts_.clear();
  for (std::int32_t at = year(whole.period); at > whole.days.begin && cuts_.size() < kMostParts; at = year(at - 1)) cuts_.push_back(at);
  if (cuts_.empty()) return YB_OK;
  if (visit.combination >= 0 && visit.fact_count == 0) {
    why = "the stay is settled in parts, each by the facts of its own last day";
    return YB_NO_FACTS;
  }
  std::reverse(cuts_.begin(), cuts_.end());
  used_.assign(cuts_.size() + 1, 0);
  const auto place = [&](std::int32_t day) {
    return static_cast<std::size_t>(std::upper_bound(cuts_.begin(), cuts_.end(), day) - cuts_.begin());
  };
  for (std::size_t i = 0; i < count; ++i) used_[place(day_of(lines[i], whole.days.end))] = 1;
  parts_.clear();
  for (std::size_t i = 0; i < used_.size(); ++i) {
    if (used_[i] == 0) continue;
    Part part = whole;
    const bool cut = i < cuts_.size();
    if (cut) part.before = cuts_[i];
    const std::int32_t low = i == 0 ? whole.days.begin : std::max(cuts_[i - 1], whole.days.begin);
    part.days.stay = std::max(1, (cut ? part.before : whole.days.end) - low);
    if (cut) part.days.policy = part.before - 1;
    if (const yb_code code = setup_of(visit, part.days, part.setup); code != YB_OK) return code;
    const DocumentRow* own = document_of(part.setup);
    const std::int32_t rule = own == nullptr ? 1 : own->year_of;
    part.period = cut ? part.before - 1 : rule == 0 ? part.days.setl : rule == 1 ? part.days.end : part.days.begin;
    parts_.push_back(part);
  }
  return YB_OK;
}

std::uint8_t Desk::price(std::size_t part, const yb_line* lines, std::size_t count, yb_line_result* told) {
  const Part& one = parts_[part];
  // Places are those of the first part, as the visit has one.
  const Setup& first = parts_.front().setup;
  const Made* made = made_of(one.setup.instance);
  const PricingTables& tables = made != nullptr ? made->pricing : image_.pricing;
  const PricingLines none{};
  const Setting setting = setting_of(*image_.catalog, tables, none, instance_of(one.setup).program,
                                     {one.days.end, one.days.setl, first.treatment, first.insured, one.setup.level});
  std::int64_t* const natures = one_.part(part).natures.data();
  std::uint8_t flags = 0;
  split_.clear();
  given_way_.clear();
  const std::size_t stride = one_.part(part).natures.size();
  const bool many = parts_.size() > 1;
  const bool sums = std::any_of(setting.steps.begin(), setting.steps.end(), [](const FirstPayStep& s) { return s.at != StepAt::kLine; });
  if (!many && !sums && told == nullptr && WholeFen::fits(setting.program)) {
    flags = price_all_lines(setting, lines, item_.data(), count, natures);
    if (any_short(natures, stride)) give_way(setting, part, lines, count, {natures, stride});
    return flags;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (many && part_of_[i] != part) continue;
    const SplitLine line = split_of(setting, ProgramUnits{setting.program}, lines, i, item_[i], flags);
    if (!sums) add_natures(line, natures);
    if (sums || told != nullptr) split_.push_back(line);
  }
  if (sums) {
    sum_steps(setting, split_);
    for (const SplitLine& line : split_) add_natures(line, natures);
  }
  if (any_short(natures, stride)) give_way(setting, part, lines, count, {natures, stride});
  for (std::size_t s = 0; told != nullptr && s < split_.size(); ++s) {
    const auto row = static_cast<std::size_t>(split_[s].row);
    tell_line(setting, split_[s], lines[row], given_way_.empty() ? 0 : given_way_[s], told[row]);
  }
  return flags;
}

// Where a nature is below zero because of denied lines, returns give way.
void Desk::give_way(const Setting& setting, std::size_t part, const yb_line* lines, std::size_t count, std::span<std::int64_t> natures) {
  std::uint8_t flags = 0;
  bool denied = false;
  undenied_.assign(natures.size(), 0);
  for (const bool denials : {false, true}) {
    split_.clear();
    for (std::size_t i = 0; i < count; ++i) {
      if (parts_.size() > 1 && part_of_[i] != part) continue;
      split_.push_back(split_of(setting, ProgramUnits{setting.program}, lines, i, item_[i], flags, denials));
      denied |= split_.back().reason == kDenied;
    }
    sum_steps(setting, split_);
    for (std::size_t s = 0; !denials && s < split_.size(); ++s) add_natures(split_[s], undenied_.data());
  }
  if (denied) ybcore::give_way(split_, undenied_, natures.data(), given_way_);
}

void Desk::tell_line(const Setting& setting, const SplitLine& given, const yb_line& from, std::int64_t part, yb_line_result& told) const {
  std::int64_t full = 0, over = 0, first = 0, scope = 0, cap = 0;
  std::uint8_t item_class = 0, reason = 0;
  std::int32_t ratio = 0;
  PricingOutput out{};
  SplitLine line = given;
  line.row = 0;
  // One row: the line's own amount moved to where it is written.
  const PricingLines own{{}, {}, {}, {}, {&from.amount, 1}, {}, {}, {}, {}, true};
  const Setting at{setting.catalog, setting.tables, own, setting.program, {}, {}, setting.enddate, setting.level};
  out.full = {&full, 1};
  out.over = {&over, 1};
  out.first = {&first, 1};
  out.scope = {&scope, 1};
  out.item_class = {&item_class, 1};
  out.ratio = {&ratio, 1};
  out.cap = {&cap, 1};
  out.reason = {&reason, 1};
  write_line(at, line, out, part);
  told = {full, over, first, scope, cap, item_class, ratio, reason, 0};
}

}  // namespace ybcore
