#include "one.hpp"

#include <algorithm>

namespace ybcore {

One::One(const Prepared& prepared, std::size_t tags, std::size_t fields)
    : stride_(5 + 4 * tags),
      fields_(fields),
      parts_(1),
      event(parts_.front().event),
      prepared_(prepared),
      given_(9, 0),
      plan_(1, -1),
      visit_(prepared, events_, accounts_, out_, nullptr) {
  events_.plan = plan_;
  events_.tags = tags;
  events_.given = given_;
  parts_.front().natures.assign(stride_, 0);
  parts_.front().fields.assign(fields_, kMissing);
}

OnePart& One::further(std::size_t k) {
  while (parts_.size() <= k) {
    parts_.emplace_back();
    parts_.back().natures.assign(stride_, 0);
    parts_.back().fields.assign(fields_, kMissing);
  }
  return parts_[k];
}

Visit& One::visit_of(const OnePart& part) {
  if (part.prepared == nullptr) return visit_;
  if (other_ == nullptr) other_ = std::make_unique<Visit>(*part.prepared, events_, accounts_, out_, ledger_);
  if (over_ != part.prepared) other_->over(*part.prepared);
  other_->over(*ledger_);
  over_ = part.prepared;
  return *other_;
}

// Makes the part the one event of the workspace.
void One::look_at(OnePart& part) {
  events_.natures = part.natures;
  events_.fields = part.fields;
  std::copy_n(part.natures.begin(), 5, part.event.nature);
  part.event.event = 0;
}

// Points the workspace to the memory's accounts, and lays out what happens on them.
void One::open(Memory& memory, std::span<const Movement> movements) {
  const std::size_t members = memory.member.size();
  out_.balance = memory.balance;
  out_.account_cursor = memory.cursor;
  out_.account_through = memory.through;
  accounts_ = {};
  const auto waits = [&](const Movement& one) {
    return one.day > memory.through[static_cast<std::size_t>(one.member)] && one.day <= event.order_date;
  };
  if (std::none_of(movements.begin(), movements.end(), waits)) return;
  begin_.assign(1, 0);
  date_.clear();
  kind_.clear();
  amount_.clear();
  for (std::size_t m = 0; m < members; ++m) {
    memory.cursor[m] = static_cast<std::int64_t>(date_.size());
    for (const Movement& one : movements) {
      if (one.member != static_cast<std::int32_t>(m) || !waits(one)) continue;
      date_.push_back(one.day);
      kind_.push_back(one.kind);
      amount_.push_back(one.amount);
    }
    begin_.push_back(static_cast<std::int64_t>(date_.size()));
  }
  accounts_ = {begin_, date_, kind_, amount_};
}

void One::refuse(Memory& memory, std::int32_t setl, Reason reason, std::uint8_t kind, OneAnswer& answer) {
  answer.outcome = reason == Reason::kNotEnrolled ? Outcome::kNotEnrolled : Outcome::kRejected;
  answer.reason = reason;
  answer.columns.fill(0);
  answer.plan = -1;
  memory.others.push_back({setl, event.person, kind});
}

Reason One::refused(std::size_t parts) {
  for (std::size_t k = 0; k < parts; ++k) {
    OnePart& one = parts_[k];
    look_at(one);
    const Reason why = refusal(prepared_of(one), events_, &one.event, 1);
    if (why != Reason::kFine) return why;
  }
  return Reason::kFine;
}

bool One::run(std::size_t parts, OneAnswer& answer) {
  bool overflow = false;
  const PreparedPlan& first = prepared_of(parts_.front()).plan(event.plan);
  if (parts == 1 && first.plain != nullptr) {
    Visit& visit = visit_of(parts_.front());
    ledger_->records.back().scheme = static_cast<std::int32_t>(first.row->scheme);
    const Visit::Ran ran = visit.run_plain(event, *first.plain, true);
    answer.lost = ran == Visit::Ran::kLost;
    if (ran == Visit::Ran::kDone) visit.tell_plain(answer.columns.data());
    answer.outcome = first.row->benefit != 0 ? Outcome::kSettled : Outcome::kNoBenefit;
    return ran == Visit::Ran::kTooMuch;
  }
  answer.columns.fill(0);
  answer.outcome = Outcome::kNoBenefit;
  std::int32_t number = 1;
  for (std::size_t k = 0; k < parts && !overflow && !answer.lost; ++k) {
    OnePart& one = parts_[k];
    look_at(one);
    const PlanRow& row = *prepared_of(one).plan(one.event.plan).row;
    answer.lost = !visit_of(one).run(one.event, answer.columns.data(), number, true, overflow);
    if (row.benefit != 0) answer.outcome = Outcome::kSettled;
    ledger_->records.back().scheme = static_cast<std::int32_t>(row.scheme);
  }
  return overflow;
}

void One::settle(Memory& memory, std::span<const Movement> movements, const KeptFacts& facts, OneAnswer& answer, std::size_t parts) {
  answer.lost = false;
  answer.reason = Reason::kFine;
  answer.original = -1;
  open(memory, movements);
  for (std::size_t k = 0; k < parts; ++k) parts_[k].event.visit = static_cast<std::int32_t>(memory.kept.size());
  if (const Reason why = refused(parts); why != Reason::kFine) {
    refuse(memory, facts.setl, why, kWasRefused, answer);
    return;
  }
  Ledger& ledger = memory.ledger;
  ledger.begin_epoch(++turns_);
  ledger_ = &ledger;
  visit_.over(ledger);
  const std::size_t moves = ledger.moves.size();
  ledger.open(event.visit, event.visit, event.person, event.stay, 0, event.enddate);
  if (run(parts, answer)) {
    for (std::size_t m = moves; m < ledger.moves.size(); ++m)
      memory.balance[static_cast<std::size_t>(ledger.moves[m].person)] += ledger.moves[m].amount;
    ledger.cancel();
    refuse(memory, facts.setl, Reason::kOverflow, kWasRefused, answer);
    return;
  }
  ledger.close();
  answer.plan = parts_[parts - 1].event.plan;
  memory.kept.push_back(facts);
  memory.columns.insert(memory.columns.end(), answer.columns.begin(), answer.columns.end());
}

Reason One::cannot_reverse(const Memory& memory, std::int32_t init, std::int32_t& record) const {
  record = -1;
  if (init < 0) return Reason::kUnknownOriginal;
  for (std::size_t r = 0; r < memory.kept.size(); ++r)
    if (memory.kept[r].setl == init && memory.ledger.records[r].standing) record = static_cast<std::int32_t>(r);
  if (record >= 0)
    return memory.ledger.records[static_cast<std::size_t>(record)].person == event.person ? Reason::kFine : Reason::kOtherPerson;
  for (const OtherId& other : memory.others) {
    if (other.setl != init) continue;
    if (other.member != event.person) return Reason::kOtherPerson;
    if (other.kind == kWasReversal) return Reason::kReversalOfReversal;
    return other.kind == kWasRefused ? Reason::kOriginalNotSettled : Reason::kAlreadyReversed;
  }
  return Reason::kUnknownOriginal;
}

void One::reverse(Memory& memory, std::span<const Movement> movements, std::int32_t setl, std::int32_t init, OneAnswer& answer) {
  answer.lost = false;
  answer.reason = Reason::kFine;
  open(memory, movements);
  const Reason refused = cannot_reverse(memory, init, answer.original);
  if (refused != Reason::kFine) {
    answer.original = -1;
    refuse(memory, setl, refused, kWasReversal, answer);
    return;
  }
  const auto named = static_cast<std::size_t>(answer.original);
  Standing& record = memory.ledger.records[named];
  memory.ledger.take_back(record);
  for (std::size_t c = 0; c < kColumns; ++c) {
    const std::int64_t was = memory.columns[named * kColumns + c];
    answer.columns[c] = c < kMoneyColumns ? -was : was;
  }
  for (std::uint32_t k = record.moves; k < record.moves_end; ++k) {
    const AccountMove& m = memory.ledger.moves[k];
    (void)visit_.balance(m.person, event.order_date);
    memory.balance[static_cast<std::size_t>(m.person)] += m.amount;
  }
  answer.columns[c_balc] = memory.kept[named].has_account != 0 ? visit_.balance(event.person, event.order_date) : 0;
  answer.outcome = Outcome::kSettled;
  answer.plan = -1;
  memory.others.push_back({memory.kept[named].setl, record.person, kWasReversed});
  memory.others.push_back({setl, event.person, kWasReversal});
}

}  // namespace ybcore
