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

namespace {
void ask(const Record* record) {
  for (std::size_t b = 0; b < sizeof(Record); b += 64) __builtin_prefetch(reinterpret_cast<const std::byte*>(record) + b);
}
}  // namespace

Group::Group(const Prepared& program, const Events& events, Partitions& partitions, const AccountEvents& accounts, const Opening& opening,
             const Outputs& out, bool closing, bool whole_fen, std::size_t chunk)
    : program_(program),
      events_(events),
      partitions_(partitions),
      arena_(partitions.arena(chunk)),
      opening_(opening),
      out_(out),
      remembers_(closing || opening.state != nullptr || program.looks_back()),
      ledger_(whole_fen),
      visit_(program, events, accounts, out, &ledger_),
      records_(partitions.records()),
      rows_(partitions.layout()) {}

bool Group::before(std::uint32_t a, std::uint32_t b) const {
  const Record& x = records_[first_[a]];
  const Record& y = records_[first_[b]];
  if (x.first != y.first) return x.first < y.first;
  if (x.second != y.second) return x.second < y.second;
  return id_less(events_.ids, static_cast<std::size_t>(x.visit), static_cast<std::size_t>(y.visit));
}

// Visits of the partition roughly by time, without comparing: a counting pass over equal stretches of time.
void Group::by_time() {
  const auto n = static_cast<std::uint32_t>(time_.size());
  const auto [low, high] = std::minmax_element(time_.begin(), time_.end());
  constexpr int kBits = 10;
  const auto base = static_cast<std::uint64_t>(*low);
  const std::uint64_t range = static_cast<std::uint64_t>(*high) - base;
  int shift = 0;
  while ((range >> shift) >> kBits != 0) ++shift;
  time_begin_.assign((std::size_t{1} << kBits) + 1, 0);
  const auto bucket = [&](std::uint32_t v) { return static_cast<std::size_t>((static_cast<std::uint64_t>(time_[v]) - base) >> shift); };
  for (std::uint32_t v = 0; v < n; ++v) ++time_begin_[bucket(v) + 1];
  for (std::size_t i = 1; i < time_begin_.size(); ++i) time_begin_[i] += time_begin_[i - 1];
  by_time_.resize(n);
  for (std::uint32_t v = 0; v < n; ++v) by_time_[time_begin_[bucket(v)]++] = v;
}

void Group::sort(std::size_t part) {
  const std::int32_t low = partitions_.first_group(part);
  const auto groups = static_cast<std::size_t>(partitions_.end_group(part) - low);
  const std::size_t events = partitions_.events(part);
  first_.resize(events);
  time_.resize(events);
  group_.resize(events);
  group_begin_.assign(groups + 1, 0);
  reverses_ = false;
  std::size_t visits = 0;
  for (std::size_t k = 0; k < partitions_.pieces(); ++k) {
    const auto [begin, end] = partitions_.piece(part, k);
    for (std::uint32_t at = begin; at < end; at += records_[at].parts(), ++visits) {
      const Record& record = records_[at];
      const auto group = static_cast<std::uint32_t>(record.group - low);
      first_[visits] = at;
      time_[visits] = record.first;
      group_[visits] = group;
      reverses_ |= record.is_reversal();
      ++group_begin_[group + 1];
    }
  }
  first_.resize(visits);
  time_.resize(visits);
  group_.resize(visits);
  for (std::size_t g = 1; g <= groups; ++g) group_begin_[g] += group_begin_[g - 1];
  if (first_.empty()) return;
  by_time();
  order_.resize(first_.size());
  for (const std::uint32_t v : by_time_) order_[group_begin_[group_[v]]++] = v;
  for (std::size_t g = groups; g > 0; --g) group_begin_[g] = group_begin_[g - 1];
  group_begin_[0] = 0;
  // What is left out of order stands close together.
  for (std::size_t g = 0; g < groups; ++g) {
    bool wrong = false;
    for (std::uint32_t at = group_begin_[g] + 1; at < group_begin_[g + 1]; ++at) {
      const std::uint32_t a = order_[at - 1];
      const std::uint32_t b = order_[at];
      wrong |= time_[a] > time_[b] || (time_[a] == time_[b] && !before(a, b));
    }
    if (wrong)
      std::sort(order_.begin() + group_begin_[g], order_.begin() + group_begin_[g + 1],
                [this](std::uint32_t a, std::uint32_t b) { return before(a, b); });
  }
}

Status Group::settle(std::size_t part, std::size_t next, State* closing) {
  sort(part);
  ahead_ = {next, next == part ? partitions_.pieces() : 0, {0, 0}};
  const std::size_t visits = first_.size();
  if (reverses_ || !partitions_.rows_fit()) {
    rows_.start(visits);
  } else {
    // A visit's row takes the place of its first record once nobody asks for that any more.
    rows_.start(visits, reinterpret_cast<std::int32_t*>(records_), sizeof(Record) / sizeof(std::int32_t), first_.data());
  }
  fates_.assign(visits, {-1, static_cast<std::uint8_t>(Outcome::kPending), 0, 0, 0});
  for (std::size_t g = 0; g + 1 < group_begin_.size(); ++g) {
    const std::int32_t group = partitions_.first_group(part) + static_cast<std::int32_t>(g);
    const bool opens = opening_.state != nullptr;
    if (group_begin_[g] == group_begin_[g + 1] && !opens) continue;
    const Status status = settle_group(group, group_begin_[g], group_begin_[g + 1]);
    if (status.code != Code::kOk) return status;
    if (closing != nullptr) write(*closing);
  }
  partitions_.keep(part, rows_, fates_.data(), first_.data(), arena_);
  return {Code::kOk, 0};
}

// Asks for one more record of the next partition.
void Group::look_ahead() {
  while (ahead_.piece.begin == ahead_.piece.end) {
    if (ahead_.next == partitions_.pieces()) return;
    ahead_.piece = partitions_.piece(ahead_.part, ahead_.next++);
  }
  ask(records_ + ahead_.piece.begin++);
}

Status Group::settle_group(std::int32_t group, std::uint32_t begin, std::uint32_t end) {
  ledger_.clear();
  if (opening_.state != nullptr) recall(group);
  history_ = remembers_;
  for (std::uint32_t at = begin; reverses_ && !history_ && at < end; ++at) history_ = records_[first_[order_[at]]].is_reversal();
  for (std::uint32_t at = begin; at < end; ++at) {
    const std::uint32_t place = order_[at];
    const Record& first = records_[first_[place]];
    // The next visit but one, of this group or the one after; and the next partition, record by record.
    if (at + 2 < order_.size()) ask(&records_[first_[order_[at + 2]]]);
    look_ahead();
    if (first.is_reversal()) {
      reverse(place, begin, end);
    } else if (!visit(place)) {
      return {Code::kConservation, first.visit};
    }
  }
  return {Code::kOk, 0};
}

void Group::reject(std::uint32_t place, Reason reason) {
  fates_[place].outcome = static_cast<std::uint8_t>(reason == Reason::kNotEnrolled ? Outcome::kNotEnrolled : Outcome::kRejected);
  fates_[place].reason = static_cast<std::uint8_t>(reason);
  constexpr std::int64_t nothing[kColumns] = {};
  rows_.put(place, nothing);
}

bool Group::visit(std::uint32_t place) {
  const Record* first = records_ + first_[place];
  // Most visits have nothing that could refuse them.
  std::int64_t sign = 0;
  for (const std::int64_t nature : first->nature) sign |= nature;
  const bool fine = first->parts() == 1 && first->reason() == Reason::kFine && sign >= 0 && events_.tags == 0 &&
                    program_.plan(first->plan).row->fields == 0;
  const Reason refused = fine ? Reason::kFine : refusal(program_, events_, first, first->parts());
  if (refused != Reason::kFine) {
    reject(place, refused);
    return true;
  }
  const PlainPlan* plain = first->parts() == 1 && out_.detail.empty() ? program_.plan(first->plan).plain : nullptr;
  if (plain != nullptr) return plain_visit(place, *first, *plain);
  std::int64_t columns[kColumns] = {};
  const std::size_t moves = ledger_.moves.size();
  ledger_.open(first->visit, static_cast<std::int32_t>(place), first->person, first->stay, 0, first->enddate);
  std::int32_t number = 1;
  bool settled = false;
  for (std::size_t k = 0; k < first->parts(); ++k) {
    bool overflow = false;
    if (!visit_.run(first[k], columns, number, history_, overflow)) return false;
    if (overflow) {
      (void)too_much(place, moves);
      ledger_.cancel();
      return true;
    }
    const PlanRow& plan = *program_.plan(first[k].plan).row;
    settled |= plan.benefit != 0;
    ledger_.records.back().scheme = static_cast<std::int32_t>(plan.scheme);
  }
  ledger_.close();
  fates_[place].outcome = static_cast<std::uint8_t>(settled ? Outcome::kSettled : Outcome::kNoBenefit);
  fates_[place].plan = first[first->parts() - 1].plan;
  rows_.put(place, columns);
  return true;
}

bool Group::plain_visit(std::uint32_t place, const Record& event, const PlainPlan& plan) {
  const PlanRow& row = *program_.plan(event.plan).row;
  const std::size_t moves = ledger_.moves.size();
  if (history_)
    ledger_.open(event.visit, static_cast<std::int32_t>(place), event.person, event.stay, static_cast<std::int32_t>(row.scheme),
                 event.enddate);
  const Visit::Ran ran = visit_.run_plain(event, plan, history_);
  if (ran == Visit::Ran::kLost) return false;
  if (ran == Visit::Ran::kTooMuch) {
    (void)too_much(place, moves);
    if (history_) ledger_.cancel();
    return true;
  }
  if (history_) ledger_.close();
  fates_[place].outcome = static_cast<std::uint8_t>(row.benefit != 0 ? Outcome::kSettled : Outcome::kNoBenefit);
  fates_[place].plan = event.plan;
  if (rows_.narrow() && !visit_.fits()) rows_.widen();
  if (rows_.narrow()) {
    visit_.tell_plain(rows_.narrow(place), rows_.layout());
  } else {
    visit_.tell_plain(rows_.wide(place));
  }
  return true;
}

// A visit whose sums are beyond every bound is refused, and accounts get back what they paid.
bool Group::too_much(std::uint32_t place, std::size_t moves) {
  for (std::size_t m = moves; m < ledger_.moves.size(); ++m)
    out_.balance[static_cast<std::size_t>(ledger_.moves[m].person)] += ledger_.moves[m].amount;
  reject(place, Reason::kOverflow);
  return true;
}

Reason Group::cannot_reverse(const Record& event, std::uint32_t begin, std::uint32_t end, std::int64_t& init, Standing*& record) {
  init = events_.init[static_cast<std::size_t>(event.event)];
  record = nullptr;
  if (init == -1) return Reason::kUnknownOriginal;
  for (Standing& r : ledger_.records)
    if (r.row == init) record = &r;
  if (init >= 0) {
    const auto original = static_cast<std::size_t>(events_.event_begin[static_cast<std::size_t>(init)]);
    if (events_.person[original] != event.person) return Reason::kOtherPerson;
    if (!events_.is_reversal.empty() && events_.is_reversal[original] != 0) return Reason::kReversalOfReversal;
    auto outcome = Outcome::kRejected;
    for (std::uint32_t at = begin; at < end; ++at)
      if (records_[first_[order_[at]]].visit == init) outcome = static_cast<Outcome>(fates_[order_[at]].outcome);
    if (outcome == Outcome::kPending) return Reason::kReversalBeforeOriginal;
    if (outcome != Outcome::kSettled && outcome != Outcome::kNoBenefit) return Reason::kOriginalNotSettled;
  } else if (record != nullptr) {
    if (record->person != event.person) return Reason::kOtherPerson;
  } else {
    const std::uint8_t why = opening_.known_before[static_cast<std::size_t>(-2 - init)];
    if (why == kStranger) return Reason::kOtherPerson;
    if (why == kWasReversal) return Reason::kReversalOfReversal;
    if (why == kWasRefused) return Reason::kOriginalNotSettled;
  }
  return record == nullptr || !record->standing ? Reason::kAlreadyReversed : Reason::kFine;
}

void Group::reverse(std::uint32_t place, std::uint32_t begin, std::uint32_t end) {
  const Record& event = records_[first_[place]];
  std::int64_t init = -1;
  Standing* record = nullptr;
  const Reason refused = cannot_reverse(event, begin, end, init, record);
  if (refused != Reason::kFine) {
    reject(place, refused);
    return;
  }
  ledger_.take_back(*record);
  bool has_account = false;
  const RecordState* states = opening_.state == nullptr ? nullptr : &opening_.state->records;
  const auto named = static_cast<std::size_t>(init >= 0 ? record->place : -2 - init);
  std::int64_t mine[kColumns];
  if (init >= 0) {
    rows_.get(named, mine);
  } else {
    std::copy_n(states->columns.data() + named * kColumns, kColumns, mine);
  }
  for (std::size_t c = 0; c < kMoneyColumns; ++c) mine[c] = -mine[c];
  if (init >= 0) {
    fates_[place].plan = fates_[named].plan;
    fates_[named].reversed = 1;
    has_account = program_.plan(fates_[named].plan).row->account != 0;
  } else {
    out_.state_reversed[named] = 1;
    has_account = states->has_account[named] != 0;
  }
  for (std::uint32_t k = record->moves; k < record->moves_end; ++k) {
    const AccountMove& m = ledger_.moves[k];
    (void)visit_.balance(m.person, event.order_date);
    out_.balance[static_cast<std::size_t>(m.person)] += m.amount;
  }
  mine[c_balc] = has_account ? visit_.balance(event.person, event.order_date) : 0;
  rows_.put(place, mine);
  fates_[place].outcome = static_cast<std::uint8_t>(Outcome::kSettled);
}

void Group::recall(std::int32_t group) {
  const auto g = static_cast<std::size_t>(group);
  const State& s = *opening_.state;
  for (std::int64_t k = opening_.counter_begin[g]; k < opening_.counter_begin[g + 1]; ++k) {
    const auto i = static_cast<std::size_t>(k);
    ledger_.at(ledger_.slot(s.counters.key[i])).value = s.counters.value[i] / ledger_.grid();
  }
  const RecordState& in = s.records;
  for (std::int64_t k = opening_.record_begin[g]; k < opening_.record_begin[g + 1]; ++k) {
    const auto i = static_cast<std::size_t>(k);
    ledger_.open(-2 - k, -1, in.person[i], in.stay[i], in.scheme[i], in.enddate[i]);
    const auto each = [&](const std::vector<std::int64_t>& begin, auto&& one) {
      for (std::int64_t x = begin[i]; x < begin[i + 1]; ++x) one(static_cast<std::size_t>(x));
    };
    each(in.contribution_begin, [&](std::size_t x) {
      ledger_.contributions.push_back({ledger_.slot(in.contribution_key[x]), in.contribution_amount[x] / ledger_.grid()});
    });
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
    closing.counters.value.push_back(slot.value * ledger_.grid());
  }
  RecordState& o = closing.records;
  const auto key = [this](std::int32_t slot) { return ledger_.slots()[static_cast<std::size_t>(slot)].key; };
  for (const Standing& r : ledger_.records) {
    if (!r.standing) continue;
    o.row.push_back(r.row);
    o.person.push_back(r.person);
    o.stay.push_back(r.stay);
    o.scheme.push_back(r.scheme);
    o.enddate.push_back(r.enddate);
    for (std::uint32_t k = r.contributions; k < r.contributions_end; ++k) {
      o.contribution_key.push_back(key(ledger_.contributions[k].slot));
      o.contribution_amount.push_back(ledger_.contributions[k].amount * ledger_.grid());
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

namespace {
// True when no counter of the state holds a part of a fen.
bool in_fen(const State& state) {
  std::int64_t parts = 0;
  for (const std::int64_t value : state.counters.value) parts |= value % kGrid;
  for (const std::int64_t amount : state.records.contribution_amount) parts |= amount % kGrid;
  return parts == 0;
}
}  // namespace

Settled::Settled() = default;
Settled::Settled(Settled&&) noexcept = default;
Settled::~Settled() = default;

std::uint64_t Settled::live() const { return partitions_->live(); }

void Settled::write(const std::array<std::int64_t*, kColumns>& columns, std::span<std::uint8_t> outcome, std::span<std::uint8_t> reason,
                    std::span<std::int32_t> plan, std::span<std::uint8_t> reversed, int threads) {
  partitions_->spread(columns, outcome, reason, plan, reversed, threads);
}

Settled settle(const Program& program, const Events& events, const AccountEvents& accounts, const Opening& opening, const Outputs& out,
               bool want_closing, int threads) {
  Settled settled;
  const Prepared prepared(program);
  settled.partitions_ = std::make_unique<Partitions>(events, events.event_begin.size() - 1, prepared.columns(), threads);
  Partitions& partitions = *settled.partitions_;
  const bool whole_fen = prepared.whole_fen() && (opening.state == nullptr || in_fen(*opening.state));
  const Chunks chunks = cut_evenly(partitions.weights(), threads);
  const std::size_t count = chunks.begin.size() - 1;
  partitions.reserve_arenas(count);
  if (want_closing) {
    State empty;
    for (auto* begin : {&empty.records.contribution_begin, &empty.records.admission_begin, &empty.records.standard_begin,
                        &empty.records.used_begin, &empty.records.move_begin})
      begin->push_back(0);
    settled.closing.assign(count, empty);
  }
  std::vector<Status> status(count, Status{Code::kOk, INT64_MAX});
  for_each_chunk(chunks, threads, [&](std::size_t chunk) {
    Group group(prepared, events, partitions, accounts, opening, out, want_closing, whole_fen, chunk);
    for (std::size_t part = chunks.begin[chunk]; part < chunks.begin[chunk + 1]; ++part) {
      const Status one =
          group.settle(part, std::min(part + 1, chunks.begin[chunk + 1] - 1), want_closing ? &settled.closing[chunk] : nullptr);
      if (one.code != Code::kOk) {
        status[chunk] = one;
        return;
      }
    }
  });
  for (const Status& one : status) {
    if (one.code == Code::kOk) continue;
    settled.status = one;
    break;
  }
  return settled;
}

}  // namespace ybcore
