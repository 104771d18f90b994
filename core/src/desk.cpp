#include "desk.hpp"

#include <algorithm>

#include "statebytes.hpp"

namespace ybcore {
namespace {

constexpr yb_line_result kNoLine{0, 0, 0, 0, YB_MISSING, 0, 0, 0, 0};
// Days of the years 1 to 9999.
constexpr std::int32_t kFirstDay = -719162, kLastDay = 2932896;
constexpr std::int32_t kMostDays = 1'000'000;

// Natures and what is paid already are amounts that a bill can have, as in a batch.
bool payable(const yb_visit& visit) {
  const auto fen = [](std::int64_t amount) { return amount >= -kMostBill && amount <= kMostBill; };
  return (visit.has_natures == 0 || std::all_of(visit.natures, visit.natures + 5, fen)) &&
         (visit.given == nullptr || std::all_of(visit.given, visit.given + 9, fen));
}

}  // namespace

Desk::Desk(const Image& image)
    : scratch(image.whole_fen()),
      image_(image),
      one_(*image.prepared, static_cast<std::size_t>(image.meta.tags), image.field_facts.size()),
      plan_names_(image.plans.size()),
      facts_(image.facts.size()),
      digits_(static_cast<std::size_t>(image.meta.asked) + 1) {
  const auto asked = [&](std::int32_t fact) { return fact >= 0 && fact < image.meta.asked; };
  const bool by_disease = (image.meta.scopes >> static_cast<int>(Scope::kDisease) & 1) != 0;
  looks_at_facts_ = asked(image.known.age) || asked(image.known.ipt_days) || !image.field_facts.empty() || by_disease;
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
  const auto counted = [](std::size_t rows, const void* at) { return rows == 0 || at != nullptr; };
  if (!counted(visit.fact_count, visit.facts) || !counted(count, lines) || !counted(visit.movement_count, visit.movements) ||
      !counted(visit.earlier_count, visit.earlier))
    return wrong("a count without its rows");
  // First of all: what the items' look-up reads comes while the rest is looked at.
  if (const char* what = see_lines(lines, count); what != nullptr) return wrong(what);
  const auto known = [&](const yb_fact* facts, std::size_t rows) {
    return std::all_of(facts, facts + rows, [&](const yb_fact& f) { return f.which >= 0 && f.which < image_.meta.facts; });
  };
  bool facts_known = known(visit.facts, visit.fact_count);
  for (std::size_t e = 0; e < visit.earlier_count; ++e) {
    if (!counted(visit.earlier[e].fact_count, visit.earlier[e].facts)) return wrong("a count without its rows");
    facts_known = facts_known && known(visit.earlier[e].facts, visit.earlier[e].fact_count);
  }
  if (!facts_known) return wrong("a fact that the image does not have");
  for (const std::int32_t day : {visit.setl_day, visit.begndate, visit.enddate, visit.brdy})
    if (day != YB_NO_DAY && (day < kFirstDay || day > kLastDay)) return wrong("a day that is in none of the years 1 to 9999");
  if (visit.combination != -1 &&
      (visit.combination >> 16 != mark() || static_cast<std::size_t>(visit.combination & 0xffff) >= setups_.size()))
    return wrong("a combination of another desk");
  if (count != 0 && !image_.catalog && visit.reversal == 0) return wrong("fee lines are given but the image has no catalogue");
  for (std::size_t i = 0; i < visit.movement_count; ++i)
    if (visit.movements[i].kind < 0 || visit.movements[i].kind > 1) return wrong("a movement that neither sets nor adds");
  const auto fen = [](std::int64_t amount) { return amount == YB_MISSING || (amount >= -kMostBill && amount <= kMostBill); };
  bool fine = fen(visit.balc) && fen(visit.mulaid_balc);
  for (std::size_t i = 0; i < visit.movement_count; ++i)
    fine = fine && fen(visit.movements[i].amount) && visit.movements[i].amount != YB_MISSING;
  if (!fine) return wrong("an amount of more than a thousand million yuan");
  if (image_.meta.needs_movements != 0 && visit.movements_known == 0) return YB_NEEDS_MOVEMENTS;
  return YB_OK;
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
  const InstanceRow& instance = instance_of(setup);
  if (visit.has_natures == 0 || instance.document < 0) return reason;
  Wide sum = 0;
  for (const std::int64_t nature : visit.natures) sum += nature;
  if (visit.medfee != YB_MISSING && sum != visit.medfee && (reason == Reason::kFine || reason == Reason::kNoFigure))
    return Reason::kBadSplit;
  // A document without a plan settles nothing: its unit does not matter.
  const std::int64_t scale = instance.plan < 0 ? 1 : plan_of(setup).scale;
  for (std::size_t i = 0; i < 5; ++i) one_.natures()[i] = visit.natures[i] * scale;
  return reason;
}

// A plan that the desk made names values of attributes; each state has numbers of its own for them.
void Desk::name_values(Memory& memory, const Setup& setup) {
  Made* made = made_of(setup.instance);
  if (made == nullptr || !made->prepared) return;
  for (const auto& [key, value] : made->values)
    made->prepared->keep_by(key, engine_number(image_.values, memory.values, memory.names, value));
}

void Desk::fill(Memory& memory, const yb_visit& visit, std::size_t part, std::int32_t setl) {
  const auto name = [&](const yb_text& text) { return text.at == nullptr ? -1 : memory.names.number(view(text)); };
  const Part& one = parts_[part];
  const Days& days = one.days;
  const Made* made = made_of(one.setup.instance);
  OnePart& out = one_.part(part);
  out.prepared = made == nullptr || !made->prepared ? nullptr : &*made->prepared;
  if (parts_.size() > 1) ask(visit, days);
  Record& e = out.event;
  const Record& first = one_.event;
  e.person = first.person;
  e.order_date = first.order_date;
  e.plan = instance_of(one.setup).plan;
  e.donor = e.household = e.hospital = e.disease = -1;
  if (image_.meta.households != 0) e.household = name(visit.hsld_no);
  if (image_.meta.mutual_aid != 0 && visit.mulaid_psn_no.at != nullptr) {
    e.donor = memory.member_of(view(visit.mulaid_psn_no));
    account(memory, e.donor, visit.mulaid_balc, days.order);
  }
  const auto scoped = [&](Scope scope) { return (image_.meta.scopes >> static_cast<int>(scope) & 1) != 0; };
  if (scoped(Scope::kHospital)) e.hospital = name(visit.fixmedins_code);
  if (scoped(Scope::kDisease)) e.disease = memory.names.number(text(image_.known.disease));
  e.stay = visit.mdtrt_id.at == nullptr ? setl : memory.names.number(view(visit.mdtrt_id));
  e.linked_stay = name(visit.refl_old_mdtrt_id);
  e.begndate = days.begin;
  e.enddate = days.end;
  e.days = days.stay;
  e.period_date = one.period;
  for (std::size_t f = 0; f < image_.field_facts.size(); ++f) out.fields[f] = number(image_.field_facts[f]);
}

void Desk::tell(const Memory& memory, const OneAnswer& answer, std::int64_t flags, std::int64_t total, yb_result& result) const {
  const bool unsettled = answer.outcome == Outcome::kNotEnrolled || answer.outcome == Outcome::kRejected;
  result.outcome = static_cast<std::int32_t>(answer.outcome);
  result.reason = answer.outcome == Outcome::kNotEnrolled ? 0 : static_cast<std::int32_t>(answer.reason);
  result.flags = unsettled ? 0 : flags;
  result.plan = -1;
  result.policy_id = result.plan_id = {"", 0};
  std::copy(answer.columns.begin(), answer.columns.end(), result.columns);
  if (unsettled) result.columns[c_medfee_sumamt] = total;
  if (answer.plan >= 0) {
    const Made* made = made_of(parts_.back().setup.instance);
    const auto plan = static_cast<std::size_t>(answer.plan);
    if (made == nullptr) result.plan = answer.plan;
    result.policy_id = ::ybcore::told(made != nullptr ? made->policy : image_.policies[plan]);
    result.plan_id = ::ybcore::told(made != nullptr ? made->plan : image_.plans[plan]);
  } else if (!unsettled && answer.original >= 0) {
    const KeptFacts& facts = memory.kept[static_cast<std::size_t>(answer.original)];
    result.policy_id = ::ybcore::told(memory.names[facts.policy]);
    result.plan_id = ::ybcore::told(memory.names[facts.plan]);
    result.flags = facts.flags;
  }
}

// What is kept of the visit beside what it comes to.
KeptFacts Desk::facts_of(Memory& memory, std::int32_t setl, std::int64_t flags) {
  KeptFacts facts{setl, -1, -1, static_cast<std::uint32_t>(flags), 0};
  const Setup& last = parts_.back().setup;
  const std::int32_t plan = one_.part(parts_.size() - 1).event.plan;
  if (plan < 0) return facts;
  const auto at = static_cast<std::size_t>(plan);
  if (const Made* made = made_of(last.instance); made != nullptr) {
    facts.policy = memory.names.number(made->policy);
    facts.plan = memory.names.number(made->plan);
  } else {
    PlanNames& known = plan_names_[at];
    known.policy = facts.policy = memory.names.number(image_.policies[at], known.policy);
    known.plan = facts.plan = memory.names.number(image_.plans[at], known.plan);
  }
  facts.has_account = plan_of(last).account != 0 ? 1 : 0;
  return facts;
}

yb_code Desk::refuse(const Memory& memory, Reason reason, std::int64_t total, yb_result& result) {
  answer_.reason = reason;
  answer_.outcome = Outcome::kRejected;
  answer_.columns.fill(0);
  tell(memory, answer_, 0, total, result);
  return YB_OK;
}

// What the visit is as a whole.
yb_code Desk::whole(const yb_visit& visit, Part& part) {
  part.days = days_of(visit);
  bool known = false;
  if (visit.combination >= 0) {
    part.setup = setups_[static_cast<std::size_t>(visit.combination & 0xffff)];
    asked_ = &visit;
    asked_days_ = part.days;
    if (looks_at_facts_) ask(visit, part.days);
    known = part.setup.sides == sides();
    if (!known && visit.fact_count == 0) {
      why = "the combination was found on another side of a date, an age or a length of stay, and no facts are given";
      return YB_NO_FACTS;
    }
  }
  if (!known) {
    if (const yb_code code = setup_of(visit, part.days, part.setup); code != YB_OK) return code;
  }
  const DocumentRow* document = document_of(part.setup);
  const std::int32_t rule = document == nullptr ? 1 : document->year_of;
  part.period = rule == 0 ? part.days.setl : rule == 1 ? part.days.end : part.days.begin;
  return YB_OK;
}

// The parts of the visit, before any state is touched.
yb_code Desk::look_up(const yb_visit& visit, const yb_line* lines, std::size_t count) {
  if (made_.size() > kMostMade) {
    made_.resize(kMostMade);
    one_.leave();
  }
  parts_.assign(1, {});
  if (visit.reversal != 0) {
    parts_.front().days = days_of(visit);
    return YB_OK;
  }
  if (const yb_code code = whole(visit, parts_.front()); code != YB_OK) return code;
  return take_parts(visit, lines, count);
}

yb_code Desk::settle(Memory& memory, const yb_visit& visit, const yb_line* lines, std::size_t count, yb_result& result,
                     yb_line_result* told) {
  const bool back = visit.reversal != 0;
  if (!returned_.empty()) lines = returned_.data();
  if (const yb_code code = look_up(visit, lines, count); code != YB_OK) return code;
  const Days& days = parts_.front().days;
  std::int64_t total = total_;
  if (count == 0 && visit.has_natures != 0) total = visit.medfee == YB_MISSING ? 0 : visit.medfee;
  if (back) total = 0;
  answer_.lost = false;
  answer_.plan = answer_.original = -1;
  if (told != nullptr) std::fill_n(told, count, kNoLine);
  ++memory.version;
  result.version = memory.version;
  const bool bad = !readable_ || view(visit.setl_id).empty() || view(visit.psn_no).empty() || visit.setl_day == YB_NO_DAY ||
                   !parts_.front().setup.med_type || days.end < days.begin || visit.ipt_days < -1 || visit.ipt_days > kMostDays ||
                   !payable(visit);
  if (bad) return refuse(memory, Reason::kBadValue, total, result);
  if (count != 0 && !back) take_lines(lines, count);
  const std::size_t met = memory.names.size();
  const std::int32_t setl = memory.names.number(view(visit.setl_id));
  if (static_cast<std::size_t>(setl) < met && memory.knows(setl)) return refuse(memory, Reason::kDuplicate, total, result);
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
  for (std::size_t p = 0; p < 9; ++p) one_.given()[p] = visit.given == nullptr ? 0 : visit.given[p];
  const bool priced = count != 0 || visit.has_natures == 0;
  std::int64_t flags = 0;
  for (std::size_t k = 0; k < parts_.size(); ++k) {
    const Setup& setup = parts_[k].setup;
    const InstanceRow& instance = instance_of(setup);
    fill(memory, visit, k, setl);
    name_values(memory, setup);
    auto reason = static_cast<Reason>(instance.reason);
    if (reason == Reason::kFine && instance.program < 0 && priced && instance.document >= 0) reason = Reason::kNoFigure;
    flags |= instance.flags | (priced ? instance.price_flags : 0);
    std::vector<std::int64_t>& own = one_.part(k).natures;
    std::fill(own.begin(), own.end(), 0);
    if (count != 0 && instance.program >= 0 && (reason == Reason::kFine || reason == Reason::kNoFigure)) {
      flags |= price(k, lines, count, told);
    } else if (!priced) {
      reason = natures(setup, visit, reason);
    }
    Record& e = one_.part(k).event;
    if (reason != Reason::kFine) e.plan = -1;
    e.packed = 1U | static_cast<std::uint32_t>(reason) << 16 | (k != 0 ? 1U << 24 : 0) | (visit.acct_used != 0 ? 2U << 24 : 0);
  }
  one_.settle(memory, movements_, facts_of(memory, setl, flags), answer_, parts_.size());
  if (answer_.lost) return YB_BROKEN;
  tell(memory, answer_, flags, total, result);
  if (told != nullptr && result.outcome >= 2) std::fill_n(told, count, kNoLine);
  return YB_OK;
}

}  // namespace ybcore
