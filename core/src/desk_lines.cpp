// Desk: fee lines, and the parts of stays that are settled in parts.
#include <algorithm>

#include "desk.hpp"

namespace ybcore {
namespace {

constexpr std::int64_t kMostInVisit = 1'000'000'000'000;
constexpr std::size_t kMostParts = 10'000;  // the years there are

}  // namespace

bool Desk::readable(const yb_line* lines, std::size_t count, std::int64_t& total) const {
  bool fine = true;
  Wide sum = 0;
  Wide absolute = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const yb_line& line = lines[i];
    const bool amount = line.amount >= -kMostLineAmount && line.amount <= kMostLineAmount;
    fine &= amount && (line.quantity == YB_MISSING || (line.quantity >= -kMostLineQuantity && line.quantity <= kMostLineQuantity));
    if (line.amount == YB_MISSING) continue;
    sum += line.amount;
    absolute += line.amount < 0 ? -Wide{line.amount} : Wide{line.amount};
  }
  total = absolute > kMostInVisit ? 0 : static_cast<std::int64_t>(sum);
  return fine && absolute <= kMostInVisit;
}

void Desk::take_lines(const yb_line* lines, std::size_t count) {
  item_.resize(count);
  day_.resize(count);
  for (auto* column : {&quantity_, &amount_, &price_, &named_}) column->resize(count);
  for (auto* column : {&deny_, &approved_}) column->resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const yb_line& line = lines[i];
    item_[i] = line.code.at == nullptr ? line.item : image_.item(view(line.code));
    if (item_[i] >= 0) image_.catalog->ask_head(static_cast<std::size_t>(item_[i]));
    day_[i] = line.day;
    quantity_[i] = line.quantity;
    amount_[i] = line.amount;
    price_[i] = line.price;
    named_[i] = line.returns;
    deny_[i] = line.deny == 1 ? 1 : 0;
    approved_[i] = line.approved == 2 ? 2 : 1;
  }
  for (std::size_t i = 0; i < count; ++i)
    if (item_[i] >= 0) image_.catalog->ask_rows(static_cast<std::size_t>(item_[i]));
  part_of_.clear();
  for (std::size_t i = 0; parts_.size() > 1 && i < count; ++i) {
    const std::int32_t day = day_of(lines, i, parts_.front().days.end);
    std::uint32_t part = 0;
    while (part + 1 < parts_.size() && day >= parts_[part].before) ++part;
    part_of_.push_back(part);
  }
}

// A line that returns another is of the other's day.
std::int32_t Desk::day_of(const yb_line* lines, std::size_t line, std::int32_t end) const {
  const std::int32_t day = lines[lines[line].returns >= 0 ? static_cast<std::size_t>(lines[line].returns) : line].day;
  return day == YB_NO_DAY ? end : day;
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
  for (std::size_t i = 0; i < count; ++i) used_[place(day_of(lines, i, whole.days.end))] = 1;
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

std::uint8_t Desk::price(std::size_t part, std::size_t count, yb_line_result* told) {
  const Part& one = parts_[part];
  const Days& days = one.days;
  // Places are those of the first part, as the visit has one.
  const Setup& first = parts_.front().setup;
  const Made* made = made_of(one.setup.instance);
  const PricingTables& tables = made != nullptr ? made->pricing : image_.pricing;
  const std::int64_t begin[2] = {0, static_cast<std::int64_t>(count)};
  const std::int64_t event[2] = {0, 1};
  const std::int32_t program = instance_of(one.setup).program;
  const PricingVisits visits{begin, {&days.end, 1}, {&days.setl, 1}, {&first.treatment, 1}, {&first.insured, 1}, event};
  const PricingEvents events{{&program, 1}, {&one.setup.level, 1}, {}};
  const PricingLines lines{item_, {}, day_, quantity_, amount_, price_, deny_, approved_, named_, {}, true};
  const Setting setting = setting_of(*image_.catalog, tables, visits, events, lines, 0, 0);
  const auto natures = std::span<std::int64_t>(one_.part(part).natures);
  std::uint8_t flags = 0;
  split_.clear();
  const bool many = parts_.size() > 1;
  bool sums = false;
  for (std::uint32_t s = setting.program.first_step; s < setting.program.last_step; ++s) sums |= tables.steps[s].at != StepAt::kLine;
  for (std::size_t i = 0; i < count; ++i) {
    if (many && part_of_[i] != part) continue;
    const SplitLine line = split(setting, static_cast<std::int64_t>(i), fee_day(lines, static_cast<std::int64_t>(i), days.end));
    if (line.reason == kUnknownItem) flags |= kFlagUnknownItem;
    if (price_differs(lines, i)) flags |= kFlagPriceMismatch;
    if (!sums) add_natures(line, natures.data());
    if (sums || told != nullptr) split_.push_back(line);
  }
  if (sums) {
    sum_steps(setting, split_);
    for (const SplitLine& line : split_) add_natures(line, natures.data());
  }
  for (std::size_t s = 0; told != nullptr && s < split_.size(); ++s) tell_line(setting, split_[s], told[split_[s].row]);
  return flags;
}

void Desk::tell_line(const Setting& setting, const SplitLine& given, yb_line_result& told) const {
  std::int64_t full = 0, over = 0, first = 0, scope = 0, cap = 0;
  std::uint8_t item_class = 0, reason = 0;
  std::int32_t ratio = 0;
  PricingOutput out{};
  SplitLine line = given;
  const auto i = static_cast<std::size_t>(given.row);
  line.row = 0;
  // One row: the line's own columns moved to where they are written.
  const PricingLines own{{&item_[i], 1}, {}, {}, {}, {&amount_[i], 1}, {}, {}, {}, {}, {}, true};
  const Setting at{setting.catalog, setting.tables, own, setting.program, {}, {}, setting.enddate, setting.level};
  out.full = {&full, 1};
  out.over = {&over, 1};
  out.first = {&first, 1};
  out.scope = {&scope, 1};
  out.item_class = {&item_class, 1};
  out.ratio = {&ratio, 1};
  out.cap = {&cap, 1};
  out.reason = {&reason, 1};
  write_line(at, line, out);
  told = {full, over, first, scope, cap, item_class, ratio, reason, 0};
}

}  // namespace ybcore
