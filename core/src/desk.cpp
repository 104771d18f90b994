#include "desk.hpp"

#include <algorithm>
#include <bit>

#include "ybcore/classify.hpp"

namespace ybcore {
namespace {

constexpr std::int64_t kMostInVisit = 1'000'000'000'000;

[[nodiscard]] bool holds(const Image& image, const TestRow& test, std::string_view text) {
  bool hit = false;
  for (std::int32_t c = test.code_begin; !hit && c < test.code_end; ++c) {
    const std::string_view code = image.test_codes[static_cast<std::size_t>(c)];
    hit = test.prefix != 0 && !code.empty() ? text.starts_with(code) : text == code;
  }
  return hit != (test.negate != 0);
}

}  // namespace

Desk::Desk(const Image& image)
    : scratch(image.prepared->whole_fen()),
      image_(image),
      one_(*image.prepared, static_cast<std::size_t>(image.meta.tags), image.field_facts.size()),
      facts_(image.facts.size()),
      digits_(static_cast<std::size_t>(image.meta.asked) + 1) {}

Desk::Days Desk::days_of(const yb_visit& visit) const {
  Days d{};
  d.setl = visit.setl_day;
  d.begin = visit.begndate == YB_NO_DAY ? visit.setl_day : visit.begndate;
  d.end = visit.enddate == YB_NO_DAY ? visit.setl_day : visit.enddate;
  d.stay = visit.ipt_days >= 0 ? visit.ipt_days : std::max(1, d.end - d.begin);
  d.order = image_.meta.by_discharge != 0 ? d.end : d.setl;
  d.policy = image_.meta.policy_rule == 0 ? d.setl : image_.meta.policy_rule == 1 ? d.end : d.begin;
  return d;
}

void Desk::take_facts(const yb_visit& visit) {
  std::fill(facts_.begin(), facts_.end(), nullptr);
  for (std::size_t i = 0; i < visit.fact_count; ++i) facts_[static_cast<std::size_t>(visit.facts[i].which)] = &visit.facts[i];
}

std::string_view Desk::text_fact(std::int32_t fact) const {
  const auto i = static_cast<std::size_t>(fact);
  if (facts_[i] != nullptr && facts_[i]->text.at != nullptr) return view(facts_[i]->text);
  const KnownFacts& k = image_.known;
  if (fact != k.dedc_hosp_lv && fact != k.lmtpric_hosp_lv) return image_.defaults[i];
  // A level given nowhere is derived from the hospital's grade.
  const yb_fact* grade = k.hosp_lv < 0 ? nullptr : facts_[static_cast<std::size_t>(k.hosp_lv)];
  if (grade == nullptr || grade->text.at == nullptr) return "0";
  const std::int32_t at = image_.grades.find(view(grade->text));
  return at < 0 ? std::string_view("0") : image_.grade_levels[static_cast<std::size_t>(at)];
}

std::int64_t Desk::number_fact(std::int32_t fact, const yb_visit& visit, const Days& days) const {
  const auto i = static_cast<std::size_t>(fact);
  std::int64_t value = facts_[i] == nullptr ? YB_MISSING : facts_[i]->number;
  if (fact == image_.known.ipt_days) value = days.stay;
  if (fact == image_.known.age) {
    const std::int32_t years = visit.brdy == YB_NO_DAY ? INT32_MIN : completed_years(visit.brdy, days.policy);
    value = years == INT32_MIN ? YB_MISSING : years;
  }
  return value == YB_MISSING && image_.fact_rows[i].missing != INT32_MIN ? image_.fact_rows[i].missing : value;
}

std::uint64_t Desk::digit(std::int32_t fact, const yb_visit& visit, const Days& days) {
  const FactRow& row = image_.fact_rows[static_cast<std::size_t>(fact)];
  if (row.number != 0) {
    const std::int64_t value = number_fact(fact, visit, days);
    const auto edges =
        image_.edges.subspan(static_cast<std::size_t>(row.edge_begin), static_cast<std::size_t>(row.edge_end - row.edge_begin));
    if (value == YB_MISSING) return edges.size() + 1;
    return static_cast<std::uint64_t>(std::upper_bound(edges.begin(), edges.end(), value) - edges.begin());
  }
  const std::string_view text = text_fact(fact);
  if (row.whole != 0) return hash_of(text);
  words_.assign(1, 0);
  std::size_t bit = 0;
  for (std::int32_t t = row.test_begin; t < row.test_end; ++t, ++bit) {
    if (bit / 64 == words_.size()) words_.push_back(0);
    words_[bit / 64] |= std::uint64_t{holds(image_, image_.tests[static_cast<std::size_t>(t)], text)} << (bit % 64);
  }
  return words_.size() == 1 ? words_[0] : folded(words_);
}

std::array<std::uint64_t, 3> Desk::sides_of(const yb_visit& visit, const Days& days) {
  const auto edges = image_.date_edges;
  const auto asked = [&](std::int32_t fact) { return fact >= 0 && fact < image_.meta.asked; };
  const auto day = static_cast<std::uint64_t>(std::upper_bound(edges.begin(), edges.end(), std::int64_t{days.policy}) - edges.begin());
  const KnownFacts& k = image_.known;
  return {day, asked(k.age) ? digit(k.age, visit, days) : 0, asked(k.ipt_days) ? digit(k.ipt_days, visit, days) : 0};
}

yb_code Desk::setup_of(const yb_visit& visit, Setup& out) {
  take_facts(visit);
  const Days days = days_of(visit);
  out.sides = sides_of(visit, days);
  digits_[0] = out.sides[0];
  for (std::size_t i = 0; i + 1 < digits_.size(); ++i) digits_[i + 1] = digit(static_cast<std::int32_t>(i), visit, days);
  const KnownFacts& k = image_.known;
  out.instance = image_.instance(digits_);
  out.level = image_.levels.find(text_fact(k.lmtpric_hosp_lv));
  out.treatment = image_.places.find(text_fact(k.treatment));
  out.insured = image_.places.find(text_fact(k.insured));
  out.med_type = !text_fact(k.med_type).empty();
  if (out.instance >= 0) return YB_OK;
  why = "no visit with these facts was known when the image was written:";
  for (std::size_t i = 0; i < static_cast<std::size_t>(image_.meta.asked); ++i) {
    const auto fact = static_cast<std::int32_t>(i);
    why += ' ';
    why += image_.facts[i];
    why += '=';
    if (image_.fact_rows[i].number == 0) {
      why += text_fact(fact);
    } else if (const std::int64_t number = number_fact(fact, visit, days); number != YB_MISSING) {
      why += std::to_string(number);
    }
  }
  return YB_NO_COMBINATION;
}

yb_code Desk::combination(const yb_visit& visit, std::int32_t& out) {
  Setup setup{};
  if (const yb_code code = setup_of(visit, setup); code != YB_OK) return code;
  const auto at = std::find(setups_.begin(), setups_.end(), setup);
  const auto place = static_cast<std::int32_t>(at - setups_.begin());
  if (place > 0xffff) {
    why = "a desk knows no more than 65536 combinations: leave it out";
    return YB_NO_COMBINATION;
  }
  out = mark() << 16 | place;
  if (at == setups_.end()) setups_.push_back(setup);
  return YB_OK;
}

yb_code Desk::check(const Memory& memory, const yb_visit& visit, const yb_line* lines, std::size_t count) {
  const auto wrong = [this](const char* what) {
    why = what;
    return YB_BAD_ARGUMENT;
  };
  if (visit.size != sizeof(yb_visit)) return wrong("the size of yb_visit is another: the program was built with another header");
  if (visit.version != UINT64_MAX && visit.version != memory.version) {
    why = "the state is at version " + std::to_string(memory.version) + ", the visit asked for version " + std::to_string(visit.version);
    return YB_STALE;
  }
  if ((visit.fact_count != 0 && visit.facts == nullptr) || (count != 0 && lines == nullptr) ||
      (visit.movement_count != 0 && visit.movements == nullptr))
    return wrong("a count without its rows");
  for (std::size_t i = 0; i < visit.fact_count; ++i)
    if (visit.facts[i].which < 0 || visit.facts[i].which >= static_cast<std::int32_t>(image_.facts.size()))
      return wrong("a fact that the image does not have");
  if (visit.combination < -1 || visit.combination >= static_cast<std::int32_t>(setups_.size()))
    return wrong("a combination of another desk");
  if (count != 0 && !image_.catalog && visit.reversal == 0) return wrong("fee lines are given but the image has no catalogue");
  for (std::size_t i = 0; i < count; ++i) {
    if (lines[i].code.at == nullptr && (lines[i].item < -1 || lines[i].item >= static_cast<std::int32_t>(image_.codes.size())))
      return wrong("an item that the catalogue does not have");
    if (lines[i].returns < -1 || lines[i].returns >= static_cast<std::int64_t>(count)) return wrong("a line returns one that is not there");
  }
  for (std::size_t i = 0; i < visit.movement_count; ++i)
    if (visit.movements[i].kind < 0 || visit.movements[i].kind > 1) return wrong("a movement that neither sets nor adds");
  if (image_.meta.needs_movements != 0 && visit.movements_known == 0) return YB_NEEDS_MOVEMENTS;
  return YB_OK;
}

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
}

std::uint8_t Desk::price(const Setup& setup, const Days& days, std::size_t count, yb_line_result* told) {
  const InstanceRow& instance = image_.instances[static_cast<std::size_t>(setup.instance)];
  const std::int64_t begin[2] = {0, static_cast<std::int64_t>(count)};
  const std::int64_t event[2] = {0, 1};
  const PricingVisits visits{begin, {&days.end, 1}, {&days.setl, 1}, {&setup.treatment, 1}, {&setup.insured, 1}, event};
  const PricingEvents events{{&instance.program, 1}, {&setup.level, 1}, {}};
  const PricingLines lines{item_, {}, day_, quantity_, amount_, price_, deny_, approved_, named_, {}, true};
  const Setting setting = setting_of(*image_.catalog, image_.pricing, visits, events, lines, 0, 0);
  const auto natures = one_.natures();
  std::uint8_t flags = 0;
  split_.clear();
  bool sums = false;
  for (std::uint32_t s = setting.program.first_step; s < setting.program.last_step; ++s)
    sums |= image_.pricing.steps[s].at != StepAt::kLine;
  for (std::size_t i = 0; i < count; ++i) {
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
  if (told != nullptr) tell_lines(setting, count, told);
  return flags;
}

void Desk::tell_lines(const Setting& setting, std::size_t count, yb_line_result* told) const {
  for (std::size_t i = 0; i < count; ++i) {
    std::int64_t full = 0, over = 0, first = 0, scope = 0, cap = 0;
    std::uint8_t item_class = 0, reason = 0;
    std::int32_t ratio = 0;
    PricingOutput out{};
    SplitLine line = split_[i];
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
    told[i] = {full, over, first, scope, cap, item_class, ratio, reason, 0};
  }
}

void Desk::account(Memory& memory, std::int32_t member, std::int64_t balance, std::int32_t day) {
  const auto m = static_cast<std::size_t>(member);
  if (memory.has_account[m] != 0) return;
  memory.has_account[m] = 1;
  memory.balance[m] = memory.opening[m] = balance == YB_MISSING ? 0 : balance;
  memory.start[m] = period_key(Period::kYear, day, image_.meta.year_month, image_.meta.year_day);
}

void Desk::take_movements(Memory& memory, const yb_visit& visit, std::int32_t member) {
  movements_.clear();
  for (std::size_t i = 0; i < visit.movement_count; ++i) {
    const yb_movement& m = visit.movements[i];
    const std::int32_t whose = m.psn_no.at == nullptr ? member : memory.member_of(view(m.psn_no));
    movements_.push_back({whose, m.day, static_cast<std::uint8_t>(m.kind), m.amount});
  }
}

// Natures that are given, in units of the event's plan.
Reason Desk::natures(const Setup& setup, const yb_visit& visit, Reason reason) {
  const InstanceRow& instance = image_.instances[static_cast<std::size_t>(setup.instance)];
  if (visit.has_natures == 0 || instance.document < 0) return reason;
  Wide sum = 0;
  for (const std::int64_t nature : visit.natures) sum += nature;
  if (visit.medfee != YB_MISSING && sum != visit.medfee && (reason == Reason::kFine || reason == Reason::kNoFigure))
    return Reason::kBadSplit;
  // A document without a plan settles nothing: its unit does not matter.
  const std::int64_t scale = instance.plan < 0 ? 1 : image_.program.plans[static_cast<std::size_t>(instance.plan)].scale;
  for (std::size_t i = 0; i < 5; ++i) one_.natures()[i] = visit.natures[i] * scale;
  return reason;
}

void Desk::fill(Memory& memory, const yb_visit& visit, const Setup& setup, const Days& days, std::int32_t setl) {
  const auto name = [&](const yb_text& text) { return text.at == nullptr ? -1 : memory.names.number(view(text)); };
  const InstanceRow& instance = image_.instances[static_cast<std::size_t>(setup.instance)];
  Record& e = one_.event;
  e.plan = instance.plan;
  e.donor = e.household = e.hospital = e.disease = -1;
  if (image_.meta.households != 0) e.household = name(visit.hsld_no);
  if (image_.meta.mutual_aid != 0 && visit.mulaid_psn_no.at != nullptr) {
    e.donor = memory.member_of(view(visit.mulaid_psn_no));
    account(memory, e.donor, visit.mulaid_balc, days.order);
  }
  const auto scoped = [&](Scope scope) { return (image_.meta.scopes >> static_cast<int>(scope) & 1) != 0; };
  if (scoped(Scope::kHospital)) e.hospital = name(visit.fixmedins_code);
  if (scoped(Scope::kDisease)) e.disease = memory.names.number(text_fact(image_.known.disease));
  e.stay = visit.mdtrt_id.at == nullptr ? setl : memory.names.number(view(visit.mdtrt_id));
  e.linked_stay = name(visit.refl_old_mdtrt_id);
  e.begndate = days.begin;
  e.enddate = days.end;
  e.days = days.stay;
  const auto rule = instance.document < 0 ? 1 : image_.documents[static_cast<std::size_t>(instance.document)].year_of;
  e.period_date = rule == 0 ? days.setl : rule == 1 ? days.end : days.begin;
  for (std::size_t f = 0; f < image_.field_facts.size(); ++f) one_.fields()[f] = number_fact(image_.field_facts[f], visit, days);
  for (std::size_t p = 0; p < 9; ++p) one_.given()[p] = visit.given == nullptr ? 0 : visit.given[p];
}

void Desk::tell(const Memory& memory, const OneAnswer& answer, std::int64_t flags, std::int64_t total, yb_result& result) const {
  const bool unsettled = answer.outcome == Outcome::kNotEnrolled || answer.outcome == Outcome::kRejected;
  result.outcome = static_cast<std::int32_t>(answer.outcome);
  result.reason = answer.outcome == Outcome::kNotEnrolled ? 0 : static_cast<std::int32_t>(answer.reason);
  result.plan = answer.plan;
  result.flags = unsettled ? 0 : flags;
  result.policy_id = result.plan_id = {"", 0};
  std::copy(answer.columns.begin(), answer.columns.end(), result.columns);
  if (unsettled) result.columns[c_medfee_sumamt] = total;
  if (answer.plan >= 0) {
    result.policy_id = told(image_.policies[static_cast<std::size_t>(answer.plan)]);
    result.plan_id = told(image_.plans[static_cast<std::size_t>(answer.plan)]);
  } else if (!unsettled && answer.original >= 0) {
    const KeptFacts& facts = memory.kept[static_cast<std::size_t>(answer.original)];
    result.policy_id = told(memory.names[facts.policy]);
    result.plan_id = told(memory.names[facts.plan]);
    result.flags = facts.flags;
  }
}

yb_code Desk::settle(Memory& memory, const yb_visit& visit, const yb_line* lines, std::size_t count, yb_result& result,
                     yb_line_result* told) {
  const bool back = visit.reversal != 0;
  const Days days = days_of(visit);
  Setup setup;
  bool known = false;
  if (!back && visit.combination >= 0) {
    setup = setups_[static_cast<std::size_t>(visit.combination & 0xffff)];
    take_facts(visit);
    known = setup.sides == sides_of(visit, days);
    if (!known && visit.fact_count == 0) {
      why = "the combination was found on another side of a date, an age or a length of stay, and no facts are given";
      return YB_NO_COMBINATION;
    }
  }
  if (!back && !known) {
    if (const yb_code code = setup_of(visit, setup); code != YB_OK) return code;
  }
  const InstanceRow none{-1, 0, -1, 0, 0, -1};
  const InstanceRow& instance = back ? none : image_.instances[static_cast<std::size_t>(setup.instance)];
  const DocumentRow* document = instance.document < 0 ? nullptr : &image_.documents[static_cast<std::size_t>(instance.document)];
  if (document != nullptr && document->split != 0 && count != 0) {
    const std::int32_t of = document->year_of == 0 ? days.setl : document->year_of == 1 ? days.end : days.begin;
    if (period_key(Period::kYear, of, document->year_month, document->year_day) > days.begin) return YB_SPLIT;
  }
  std::int64_t total = 0;
  const bool fine = readable(lines, count, total);
  if (count == 0 && visit.has_natures != 0) total = visit.medfee == YB_MISSING ? 0 : visit.medfee;
  if (back) total = 0;
  answer_.lost = false;
  answer_.plan = answer_.original = -1;
  answer_.columns.fill(0);
  answer_.outcome = Outcome::kRejected;
  if (told != nullptr) std::fill_n(told, count, yb_line_result{0, 0, 0, 0, YB_MISSING, 0, 0, 0, 0});
  ++memory.version;
  result.version = memory.version;
  const bool bad = !fine || view(visit.setl_id).empty() || view(visit.psn_no).empty() || visit.setl_day == YB_NO_DAY || !setup.med_type ||
                   days.end < days.begin || visit.ipt_days < -1;
  if (bad) {
    answer_.reason = Reason::kBadValue;
    tell(memory, answer_, 0, total, result);
    return YB_OK;
  }
  const std::int32_t old = memory.names.find(view(visit.setl_id));
  if (old >= 0 && memory.knows(old)) {
    answer_.reason = Reason::kDuplicate;
    tell(memory, answer_, 0, total, result);
    return YB_OK;
  }
  const std::int32_t setl = memory.names.number(view(visit.setl_id));
  const std::int32_t member = memory.member_of(view(visit.psn_no));
  one_.event.person = member;
  one_.event.order_date = days.order;
  account(memory, member, visit.balc, days.order);
  take_movements(memory, visit, member);
  if (back) {
    one_.reverse(memory, movements_, setl, memory.names.find(view(visit.init_setl_id)), answer_);
    tell(memory, answer_, 0, total, result);
    return YB_OK;
  }
  fill(memory, visit, setup, days, setl);
  const bool priced = count != 0 || visit.has_natures == 0;
  auto reason = static_cast<Reason>(instance.reason);
  if (reason == Reason::kFine && instance.program < 0 && priced && instance.document >= 0) reason = Reason::kNoFigure;
  std::int64_t flags = instance.flags | (priced ? instance.price_flags : 0);
  std::fill(one_.natures().begin(), one_.natures().end(), 0);
  if (count != 0 && instance.program >= 0 && (reason == Reason::kFine || reason == Reason::kNoFigure)) {
    take_lines(lines, count);
    flags |= price(setup, days, count, told);
  } else if (!priced) {
    reason = natures(setup, visit, reason);
  }
  if (reason != Reason::kFine) one_.event.plan = -1;
  one_.event.packed = 1U | static_cast<std::uint32_t>(reason) << 16 | (visit.acct_used != 0 ? 2U << 24 : 0);
  KeptFacts facts{setl, -1, -1, static_cast<std::uint32_t>(flags), 0};
  if (one_.event.plan >= 0) {
    const auto plan = static_cast<std::size_t>(one_.event.plan);
    facts.policy = memory.names.number(image_.policies[plan]);
    facts.plan = memory.names.number(image_.plans[plan]);
    facts.has_account = image_.program.plans[plan].account != 0 ? 1 : 0;
  }
  one_.settle(memory, movements_, facts, answer_);
  if (answer_.lost) return YB_BROKEN;
  tell(memory, answer_, flags, total, result);
  if (told != nullptr && result.outcome >= 2) std::fill_n(told, count, yb_line_result{0, 0, 0, 0, YB_MISSING, 0, 0, 0, 0});
  return YB_OK;
}

}  // namespace ybcore
