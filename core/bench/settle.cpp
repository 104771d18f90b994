// Settling a population: columns of visits, accounts and closing state; and once more with the story of every layer.
#include <stdexcept>
#include <vector>

#include "digest.hpp"
#include "population.hpp"
#include "stages.hpp"

namespace ybcore::bench {
namespace {

// The outputs of one run.
struct Settled {
  std::vector<std::int64_t> columns, balance, cursor;
  std::vector<std::uint8_t> outcome, reason, reversed, detail_count;
  std::vector<std::int32_t> plan, through;
  std::vector<DetailRow> detail;
  std::vector<State> closing;

  void reset(const Population& people, bool with_detail) {
    const std::size_t visits = people.visits();
    columns.assign(kColumns * visits, -7);
    balance = people.balance;
    cursor.assign(people.account_begin.begin(), people.account_begin.end() - 1);
    outcome = people.outcome;
    reason = people.outcome_reason;
    reversed.assign(visits, 0);
    plan.assign(visits, -1);
    through.assign(people.persons(), INT32_MIN);
    detail.assign(with_detail ? people.events() * kMaxLayers : 0, DetailRow{});
    detail_count.assign(with_detail ? people.events() : 0, 0);
    closing.clear();
  }
  [[nodiscard]] Outputs view(std::size_t visits) {
    Outputs out{};
    out.columns = columns;
    out.visits = visits;
    out.outcome = outcome;
    out.reason = reason;
    out.plan = plan;
    out.reversed = reversed;
    out.balance = balance;
    out.account_cursor = cursor;
    out.account_through = through;
    out.detail = detail;
    out.detail_count = detail_count;
    return out;
  }
  [[nodiscard]] std::uint64_t digest() const {
    Digest d;
    for (const auto* column : {&columns, &balance, &cursor}) d.column(*column);
    for (const auto* column : {&outcome, &reason, &reversed, &detail_count}) d.column(*column);
    for (const auto* column : {&plan, &through}) d.column(*column);
    for (std::size_t e = 0; e < detail_count.size(); ++e)
      d.column(std::span<const DetailRow>(detail).subspan(e * kMaxLayers, detail_count[e]));
    state(d);
    return d.value();
  }

 private:
  // Threads decide how the state is cut into chunks, so every part of it is mixed as if it were one run.
  template <class Part>
  void each(Digest& d, Part part) const {
    std::uint64_t rows = 0;
    for (const State& s : closing) {
      const auto& run = part(s);
      rows += run.size();
      for (const auto& value : run) d.column(std::span(&value, 1));
    }
    d.word(rows);
  }
  // Beginnings count from the chunk's first row: their differences do not.
  template <class Part>
  void lengths(Digest& d, Part part) const {
    for (const State& s : closing) {
      const std::vector<std::int64_t>& begin = part(s.records);
      for (std::size_t i = 1; i < begin.size(); ++i) d.word(static_cast<std::uint64_t>(begin[i] - begin[i - 1]));
    }
  }
  void state(Digest& d) const {
#define YB_STATE(member) each(d, [](const State& s) -> const auto& { return s.member; })
    YB_STATE(counters.key);
    YB_STATE(counters.value);
    YB_STATE(records.row);
    YB_STATE(records.person);
    YB_STATE(records.stay);
    YB_STATE(records.scheme);
    YB_STATE(records.enddate);
    YB_STATE(records.contribution_key);
    YB_STATE(records.contribution_amount);
    YB_STATE(records.admission_key);
    YB_STATE(records.admission_stay);
    YB_STATE(records.admission_number);
    YB_STATE(records.standard_key);
    YB_STATE(records.standard_amount);
    YB_STATE(records.used);
    YB_STATE(records.used_layer);
    YB_STATE(records.chain_standard);
    YB_STATE(records.chain_used);
    YB_STATE(records.move_person);
    YB_STATE(records.move_amount);
#undef YB_STATE
    lengths(d, [](const RecordState& r) -> const auto& { return r.contribution_begin; });
    lengths(d, [](const RecordState& r) -> const auto& { return r.admission_begin; });
    lengths(d, [](const RecordState& r) -> const auto& { return r.standard_begin; });
    lengths(d, [](const RecordState& r) -> const auto& { return r.used_begin; });
    lengths(d, [](const RecordState& r) -> const auto& { return r.move_begin; });
  }
};

// How often each outcome came, and what the funds paid.
std::string tale(const Settled& run, std::size_t visits) {
  std::size_t count[4] = {};
  std::size_t reversed = 0;
  std::int64_t funds = 0;
  std::int64_t accounts = 0;
  for (std::size_t v = 0; v < visits; ++v) {
    if (run.outcome[v] < 4) ++count[run.outcome[v]];
    reversed += run.reversed[v];
    funds += run.columns[c_fund_pay_sumamt * visits + v];
    accounts += run.columns[c_acct_pay * visits + v] + run.columns[c_acct_mulaid_pay * visits + v];
  }
  return "visits=" + std::to_string(visits) + " settled=" + std::to_string(count[0]) + " no_benefit=" + std::to_string(count[1]) +
         " not_enrolled=" + std::to_string(count[2]) + " rejected=" + std::to_string(count[3]) + " reversed=" + std::to_string(reversed) +
         " funds=" + std::to_string(funds) + " accounts=" + std::to_string(accounts);
}

Done settled(const Settings& settings, bool with_detail) {
  const Scheme scheme;
  const Population people(scheme, settings.of(2'500), settings.of(20'000));
  const Program program = scheme.view();
  const Events events = people.view();
  if (const char* table = invalid(program)) throw std::runtime_error(std::string("unsound table: ") + table);
  if (const char* column = invalid(program, events, people.persons())) throw std::runtime_error(std::string("unsound column: ") + column);

  Done done;
  Settled run;
  Status status{Code::kOk, 0};
  repeat(
      settings, done, [&] { run.reset(people, with_detail); },
      [&] {
        status = ybcore::settle(program, events, people.accounts(), Opening{}, run.view(people.visits()),
                                with_detail ? nullptr : &run.closing, settings.threads);
      });
  if (status.code != Code::kOk) throw std::runtime_error(sentence(status.code));
  done.digest = run.digest();
  done.told = tale(run, people.visits());
  return done;
}

}  // namespace

Done settle(const Settings& settings) { return settled(settings, false); }
Done detail(const Settings& settings) { return settled(settings, true); }

}  // namespace ybcore::bench
