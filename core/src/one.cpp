#include "one.hpp"

#include <algorithm>

namespace ybcore {

One::One(const Prepared& prepared, std::size_t tags, std::size_t fields)
    : prepared_(prepared),
      natures_(5 + 4 * tags, 0),
      fields_(fields, kMissing),
      given_(9, 0),
      plan_(1, -1),
      ledger_(prepared.whole_fen()),
      visit_(prepared, events_, accounts_, out_, ledger_) {
  events_.plan = plan_;
  events_.natures = natures_;
  events_.tags = tags;
  events_.fields = fields_;
  events_.given = given_;
}

// Points the workspace to the memory's accounts, and lays out what happens on them.
void One::open(Memory& memory, std::span<const Movement> movements) {
  const std::size_t members = memory.member.size();
  out_.balance = memory.balance;
  out_.account_cursor = memory.cursor;
  out_.account_through = memory.through;
  accounts_ = {};
  if (movements.empty()) return;
  begin_.assign(1, 0);
  for (auto* column : {&date_}) column->clear();
  kind_.clear();
  amount_.clear();
  for (std::size_t m = 0; m < members; ++m) {
    memory.cursor[m] = static_cast<std::int64_t>(date_.size());
    for (const Movement& one : movements) {
      if (one.member != static_cast<std::int32_t>(m) || one.day <= memory.through[m] || one.day > event.order_date) continue;
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

void One::settle(Memory& memory, std::span<const Movement> movements, const KeptFacts& facts, OneAnswer& answer) {
  answer.lost = false;
  answer.reason = Reason::kFine;
  answer.original = -1;
  open(memory, movements);
  std::copy_n(natures_.begin(), 5, event.nature);
  event.event = 0;
  event.visit = static_cast<std::int32_t>(memory.kept.size());
  const Reason refused = refusal(prepared_, events_, &event, 1);
  if (refused != Reason::kFine) {
    refuse(memory, facts.setl, refused, kWasRefused, answer);
    return;
  }
  const PreparedPlan& plan = prepared_.plan(event.plan);
  const PlanRow& row = *plan.row;
  ledger_.exchange(memory.ledger);
  const std::size_t moves = ledger_.moves.size();
  ledger_.open(event.visit, event.visit, event.person, event.stay, static_cast<std::int32_t>(row.scheme), event.enddate);
  bool overflow = false;
  if (plan.plain != nullptr) {
    const Visit::Ran ran = visit_.run_plain(event, *plan.plain, true);
    overflow = ran == Visit::Ran::kTooMuch;
    answer.lost = ran == Visit::Ran::kLost;
    if (ran == Visit::Ran::kDone) visit_.tell_plain(answer.columns.data());
  } else {
    answer.columns.fill(0);
    std::int32_t number = 1;
    answer.lost = !visit_.run(event, answer.columns.data(), number, true, overflow);
  }
  if (overflow) {
    for (std::size_t m = moves; m < ledger_.moves.size(); ++m)
      memory.balance[static_cast<std::size_t>(ledger_.moves[m].person)] += ledger_.moves[m].amount;
    ledger_.cancel();
    ledger_.exchange(memory.ledger);
    refuse(memory, facts.setl, Reason::kOverflow, kWasRefused, answer);
    return;
  }
  ledger_.close();
  ledger_.exchange(memory.ledger);
  answer.outcome = row.benefit != 0 ? Outcome::kSettled : Outcome::kNoBenefit;
  answer.plan = event.plan;
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
