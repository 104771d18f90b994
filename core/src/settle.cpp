// Groups in order: visits are settled, reversals take settlements back, and what remains is written down.
#include "ybcore/settle.hpp"

#include <algorithm>
#include <climits>

#include "group.hpp"
#include "split.hpp"
#include "visit.hpp"

namespace ybcore {

const char* sentence(Code code) noexcept {
  switch (code) {
    case Code::kOk:
      return "ok";
    case Code::kConservation:
      return "money was lost or invented while a visit was settled";
  }
  return "unknown";
}

Group::Group(const Program& program, const Events& events, const Packed& packed, const AccountEvents& accounts, const Opening& opening,
             const Outputs& out)
    : program_(program),
      events_(events),
      packed_(packed),
      accounts_(accounts),
      opening_(opening),
      out_(out),
      visit_(program, events, packed, accounts, out, ledger_) {}

void Group::look_ahead(std::int64_t at) const {
  const auto order = [&](std::int64_t place) { return static_cast<std::size_t>(events_.order[static_cast<std::size_t>(place)]); };
  const auto end = static_cast<std::int64_t>(events_.order.size());
  if (at + 2 * kAhead < end) {
    const std::size_t e = order(at + 2 * kAhead);
    fetch(&packed_.event[e]);
    const std::int64_t* natures = events_.natures.data() + e * (5 + 4 * events_.tags);
    fetch(natures);
    fetch(natures + 4 + 4 * events_.tags);
  }
  if (at + kAhead >= end) return;
  const Event& event = packed_.event[order(at + kAhead)];
  const std::int64_t* row = packed_.row_of(event.visit);
  for (std::size_t c = 0; c < kColumns; c += 8) fetch_to_write(row + c);
  fetch_to_write(&out_.outcome[static_cast<std::size_t>(event.visit)]);
  fetch_to_write(&out_.plan[static_cast<std::size_t>(event.visit)]);
}

Status Group::settle(std::int64_t group, State* closing) {
  ledger_.clear();
  if (opening_.state != nullptr) recall(group);
  const auto begin = events_.group_begin[static_cast<std::size_t>(group)];
  const auto end = events_.group_begin[static_cast<std::size_t>(group) + 1];
  for (std::int64_t at = begin; at < end;) {
    look_ahead(at);
    const std::int64_t e = events_.order[static_cast<std::size_t>(at)];
    const std::int64_t row = packed_.event[static_cast<std::size_t>(e)].visit;
    if (packed_.event[static_cast<std::size_t>(e)].is_reversal != 0) {
      reverse(e, row);
      ++at;
      continue;
    }
    const std::int64_t last = e + packed_.event[static_cast<std::size_t>(e)].parts;
    if (!visit(row, e, last)) return {Code::kConservation, row};
    at += last - e;
  }
  if (closing != nullptr) write(*closing);
  return {Code::kOk, 0};
}

Reason Group::refusal(std::int64_t first, std::int64_t last) const {
  const std::size_t stride = 5 + 4 * events_.tags;
  for (std::int64_t e = first; e < last; ++e) {
    const auto i = static_cast<std::size_t>(e);
    const auto given = packed_.event[i].reason;
    if (given != Reason::kFine && given != Reason::kNoFigure) return given;
    for (std::size_t b = 0; b < stride; ++b)
      if (events_.natures[i * stride + b] < 0) return Reason::kNegativeBucket;
    if (given != Reason::kFine) return given;
    const std::int64_t fields = program_.plans[static_cast<std::size_t>(packed_.event[i].plan)].fields;
    for (std::size_t f = 0; (fields >> f) != 0; ++f)
      if (((fields >> f) & 1) != 0 && events_.fields[f * events_.visit.size() + i] == kMissing) return Reason::kMissingValue;
  }
  return Reason::kFine;
}

void Group::reject(std::int64_t row, Reason reason) {
  const auto r = static_cast<std::size_t>(row);
  out_.outcome[r] = static_cast<std::uint8_t>(reason == Reason::kNotEnrolled ? Outcome::kNotEnrolled : Outcome::kRejected);
  out_.reason[r] = static_cast<std::uint8_t>(reason);
}

bool Group::visit(std::int64_t row, std::int64_t first, std::int64_t last) {
  const Reason refused = refusal(first, last);
  if (refused != Reason::kFine) {
    reject(row, refused);
    return true;
  }
  const auto i = static_cast<std::size_t>(first);
  std::int64_t columns[kColumns] = {};
  ledger_.open(row, packed_.event[i].person, packed_.event[i].stay, 0, packed_.event[i].enddate);
  std::int32_t number = 1;
  bool settled = false;
  for (std::int64_t e = first; e < last; ++e) {
    bool overflow = false;
    if (!visit_.run(e, columns, number, overflow)) return false;
    if (overflow) {
      for (std::size_t k = ledger_.records.back().moves; k < ledger_.moves.size(); ++k)
        out_.balance[static_cast<std::size_t>(ledger_.moves[k].person)] += ledger_.moves[k].amount;
      ledger_.cancel();
      reject(row, Reason::kOverflow);
      return true;
    }
    const PlanRow& plan = program_.plans[static_cast<std::size_t>(packed_.event[static_cast<std::size_t>(e)].plan)];
    settled |= plan.benefit != 0;
    ledger_.records.back().scheme = static_cast<std::int32_t>(plan.scheme);
  }
  ledger_.close();
  const auto r = static_cast<std::size_t>(row);
  std::copy_n(columns, kColumns, packed_.row_of(row));
  out_.outcome[r] = static_cast<std::uint8_t>(settled ? Outcome::kSettled : Outcome::kNoBenefit);
  out_.plan[r] = packed_.event[static_cast<std::size_t>(last - 1)].plan;
  return true;
}

Reason Group::cannot_reverse(std::int64_t e, std::int64_t& init, Record*& record) {
  const auto i = static_cast<std::size_t>(e);
  init = events_.init[i];
  record = nullptr;
  if (init == -1) return Reason::kUnknownOriginal;
  for (Record& r : ledger_.records)
    if (r.row == init) record = &r;
  if (init >= 0) {
    const std::int64_t original = events_.event_begin[static_cast<std::size_t>(init)];
    if (packed_.event[static_cast<std::size_t>(original)].person != packed_.event[i].person) return Reason::kOtherPerson;
    if (packed_.event[static_cast<std::size_t>(original)].is_reversal != 0) return Reason::kReversalOfReversal;
    const auto outcome = static_cast<Outcome>(out_.outcome[static_cast<std::size_t>(init)]);
    if (outcome == Outcome::kPending) return Reason::kReversalBeforeOriginal;
    if (outcome != Outcome::kSettled && outcome != Outcome::kNoBenefit) return Reason::kOriginalNotSettled;
  } else if (record != nullptr) {
    if (record->person != packed_.event[i].person) return Reason::kOtherPerson;
  } else {
    const std::uint8_t why = opening_.known_before[static_cast<std::size_t>(-2 - init)];
    if (why == kStranger) return Reason::kOtherPerson;
    if (why == kWasReversal) return Reason::kReversalOfReversal;
    if (why == kWasRefused) return Reason::kOriginalNotSettled;
  }
  return record == nullptr || !record->standing ? Reason::kAlreadyReversed : Reason::kFine;
}

void Group::reverse(std::int64_t e, std::int64_t row) {
  std::int64_t init = -1;
  Record* record = nullptr;
  const Reason refused = cannot_reverse(e, init, record);
  if (refused != Reason::kFine) {
    reject(row, refused);
    return;
  }
  const auto r = static_cast<std::size_t>(row);
  const auto i = static_cast<std::size_t>(e);
  ledger_.apply(*record, -1);
  record->standing = false;
  bool has_account = false;
  const RecordState* states = opening_.state == nullptr ? nullptr : &opening_.state->records;
  const auto named = static_cast<std::size_t>(init >= 0 ? init : -2 - init);
  std::int64_t* mine = packed_.row_of(row);
  for (std::size_t c = 0; c < kColumns; ++c) {
    const std::int64_t was = init >= 0 ? packed_.row_of(init)[c] : states->columns[named * kColumns + c];
    mine[c] = c < kMoneyColumns ? -was : was;
  }
  if (init >= 0) {
    out_.plan[r] = out_.plan[named];
    out_.reversed[named] = 1;
    has_account = program_.plans[static_cast<std::size_t>(out_.plan[named])].account != 0;
  } else {
    out_.plan[r] = -1;
    out_.state_reversed[named] = 1;
    has_account = states->has_account[named] != 0;
  }
  for (std::uint32_t k = record->moves; k < record->moves_end; ++k) {
    const AccountMove& m = ledger_.moves[k];
    (void)visit_.balance(m.person, packed_.event[i].order_date);
    out_.balance[static_cast<std::size_t>(m.person)] += m.amount;
  }
  mine[c_balc] = has_account ? visit_.balance(packed_.event[i].person, packed_.event[i].order_date) : 0;
  out_.outcome[r] = static_cast<std::uint8_t>(Outcome::kSettled);
}

void Group::recall(std::int64_t group) {
  const auto g = static_cast<std::size_t>(group);
  const State& s = *opening_.state;
  for (std::int64_t k = opening_.counter_begin[g]; k < opening_.counter_begin[g + 1]; ++k) {
    const auto i = static_cast<std::size_t>(k);
    ledger_.at(ledger_.slot(s.counters.key[i])).value = s.counters.value[i];
  }
  const RecordState& in = s.records;
  for (std::int64_t k = opening_.record_begin[g]; k < opening_.record_begin[g + 1]; ++k) {
    const auto i = static_cast<std::size_t>(k);
    ledger_.open(-2 - k, in.person[i], in.stay[i], in.scheme[i], in.enddate[i]);
    const auto each = [&](const std::vector<std::int64_t>& begin, auto&& one) {
      for (std::int64_t x = begin[i]; x < begin[i + 1]; ++x) one(static_cast<std::size_t>(x));
    };
    each(in.contribution_begin,
         [&](std::size_t x) { ledger_.contributions.push_back({ledger_.slot(in.contribution_key[x]), in.contribution_amount[x]}); });
    each(in.admission_begin, [&](std::size_t x) {
      ledger_.admissions.push_back({ledger_.slot(in.admission_key[x]), in.admission_stay[x], in.admission_number[x]});
    });
    each(in.standard_begin, [&](std::size_t x) { ledger_.standards.push_back({ledger_.slot(in.standard_key[x]), in.standard_amount[x]}); });
    each(in.used_begin,
         [&](std::size_t x) { ledger_.used.push_back({in.used_layer[x], in.used[x], in.chain_standard[x], in.chain_used[x]}); });
    each(in.move_begin, [&](std::size_t x) { ledger_.moves.push_back({in.move_person[x], in.move_amount[x]}); });
    ledger_.close();
  }
}

void Group::write(State& closing) const {
  for (const Slot& slot : ledger_.slots()) {
    if (slot.value == 0) continue;
    closing.counters.key.push_back(slot.key);
    closing.counters.value.push_back(slot.value);
  }
  RecordState& o = closing.records;
  const auto key = [this](std::int32_t slot) { return ledger_.slots()[static_cast<std::size_t>(slot)].key; };
  for (const Record& r : ledger_.records) {
    if (!r.standing) continue;
    o.row.push_back(r.row);
    o.person.push_back(r.person);
    o.stay.push_back(r.stay);
    o.scheme.push_back(r.scheme);
    o.enddate.push_back(r.enddate);
    for (std::uint32_t k = r.contributions; k < r.contributions_end; ++k) {
      o.contribution_key.push_back(key(ledger_.contributions[k].slot));
      o.contribution_amount.push_back(ledger_.contributions[k].amount);
    }
    for (std::uint32_t k = r.admissions; k < r.admissions_end; ++k) {
      o.admission_key.push_back(key(ledger_.admissions[k].slot));
      o.admission_stay.push_back(ledger_.admissions[k].stay);
      o.admission_number.push_back(ledger_.admissions[k].number);
    }
    for (std::uint32_t k = r.standards; k < r.standards_end; ++k) {
      o.standard_key.push_back(key(ledger_.standards[k].slot));
      o.standard_amount.push_back(ledger_.standards[k].amount);
    }
    for (std::uint32_t k = r.used; k < r.used_end; ++k) {
      const Used& u = ledger_.used[k];
      o.used_layer.push_back(u.layer);
      o.used.push_back(u.used);
      o.chain_standard.push_back(u.chain_standard);
      o.chain_used.push_back(u.chain_used);
    }
    for (std::uint32_t k = r.moves; k < r.moves_end; ++k) {
      o.move_person.push_back(ledger_.moves[k].person);
      o.move_amount.push_back(ledger_.moves[k].amount);
    }
    o.contribution_begin.push_back(static_cast<std::int64_t>(o.contribution_key.size()));
    o.admission_begin.push_back(static_cast<std::int64_t>(o.admission_key.size()));
    o.standard_begin.push_back(static_cast<std::int64_t>(o.standard_key.size()));
    o.used_begin.push_back(static_cast<std::int64_t>(o.used_layer.size()));
    o.move_begin.push_back(static_cast<std::int64_t>(o.move_person.size()));
  }
}

Status settle(const Program& program, const Events& events, const AccountEvents& accounts, const Opening& opening, const Outputs& out,
              std::vector<State>* closing, int threads) {
  const Chunks chunks = cut_evenly(events.group_begin, threads);
  if (closing != nullptr) {
    State empty;
    for (auto* begin : {&empty.records.contribution_begin, &empty.records.admission_begin, &empty.records.standard_begin,
                        &empty.records.used_begin, &empty.records.move_begin})
      begin->push_back(0);
    closing->assign(chunks.begin.size() - 1, empty);
  }
  const Packed packed = pack(events, out.visits, threads);
  std::vector<Status> status(chunks.begin.size() - 1, Status{Code::kOk, INT64_MAX});
  for_each_chunk(chunks, threads, [&](std::size_t chunk) {
    Group group(program, events, packed, accounts, opening, out);
    for (std::size_t g = chunks.begin[chunk]; g < chunks.begin[chunk + 1]; ++g) {
      const Status one = group.settle(static_cast<std::int64_t>(g), closing == nullptr ? nullptr : &(*closing)[chunk]);
      if (one.code != Code::kOk) {
        status[chunk] = one;
        return;
      }
    }
  });
  for (const Status& one : status)
    if (one.code != Code::kOk) return one;
  spread(packed, out, threads);
  return {Code::kOk, 0};
}

}  // namespace ybcore
