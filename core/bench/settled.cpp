#include "settled.hpp"

#include <array>
#include <span>
#include <utility>

#include "digest.hpp"

namespace ybcore::bench {
namespace {

// Members of the state: one value a row, and beginnings by record (one more than records, counted from the chunk's first row).
// clang-format off
#define YB_STATE_ROWS(X) \
  X(counters.key) X(counters.value) X(records.row) X(records.person) X(records.stay) X(records.scheme) X(records.enddate) \
  X(records.contribution_key) X(records.contribution_amount) X(records.admission_key) X(records.admission_stay) \
  X(records.admission_number) X(records.standard_key) X(records.standard_amount) X(records.used_layer) X(records.used) \
  X(records.chain_standard) X(records.chain_used) X(records.move_person) X(records.move_amount)
#define YB_STATE_BEGINS(X) \
  X(records.contribution_begin) X(records.admission_begin) X(records.standard_begin) X(records.used_begin) X(records.move_begin)
// clang-format on

// The state as if it had been written in one run, so that threads do not show.
State joined(const std::vector<State>& chunks) {
  State all;
#define YB_JOIN(member) \
  for (const State& s : chunks) all.member.insert(all.member.end(), s.member.begin(), s.member.end());
  YB_STATE_ROWS(YB_JOIN)
#undef YB_JOIN
#define YB_JOIN(member)                                                                           \
  all.member.push_back(0);                                                                        \
  for (const State& s : chunks) {                                                                 \
    const std::int64_t before = all.member.back();                                                \
    for (std::size_t i = 1; i < s.member.size(); ++i) all.member.push_back(before + s.member[i]); \
  }
  YB_STATE_BEGINS(YB_JOIN)
#undef YB_JOIN
  return all;
}

std::vector<std::int64_t> summed(std::vector<std::int64_t> counts) {
  std::int64_t sum = 0;
  for (std::int64_t& count : counts) {
    const std::int64_t one = count;
    count = sum;
    sum += one;
  }
  return counts;
}

}  // namespace

Opening Earlier::view() const {
  Opening o{};
  o.state = &state;
  o.counter_begin = counter_begin;
  o.record_begin = record_begin;
  o.known_before = known_before;
  return o;
}

void Results::reset(const Population& people, bool with_detail, std::size_t earlier) {
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
  state_reversed.assign(earlier, 0);
  closing.clear();
}

Outputs Results::view() {
  Outputs out{};
  out.balance = balance;
  out.account_cursor = cursor;
  out.account_through = through;
  out.detail = detail;
  out.detail_count = detail_count;
  out.state_reversed = state_reversed;
  return out;
}

void Results::take(ybcore::Settled&& run, int threads) {
  std::array<std::int64_t*, kColumns> column{};
  for (std::size_t c = 0; c < kColumns; ++c) column[c] = columns.data() + c * outcome.size();
  run.write(column, outcome, reason, plan, reversed, threads);
  closing = std::move(run.closing);
}

std::uint64_t Results::digest() const {
  Digest d;
  for (const auto* column : {&columns, &balance, &cursor}) d.column(*column);
  for (const auto* column : {&outcome, &reason, &reversed, &detail_count, &state_reversed}) d.column(*column);
  for (const auto* column : {&plan, &through}) d.column(*column);
  for (std::size_t e = 0; e < detail_count.size(); ++e)
    d.column(std::span<const DetailRow>(detail).subspan(e * kMaxLayers, detail_count[e]));
  const State all = joined(closing);
#define YB_DIGEST(member) d.column(all.member);
  YB_STATE_ROWS(YB_DIGEST)
  YB_STATE_BEGINS(YB_DIGEST)
#undef YB_DIGEST
  return d.value();
}

std::string Results::tale() const {
  const std::size_t visits = outcome.size();
  std::size_t count[4] = {};
  std::size_t back = 0;
  std::int64_t funds = 0;
  std::int64_t accounts = 0;
  for (std::size_t v = 0; v < visits; ++v) {
    if (outcome[v] < 4) ++count[outcome[v]];
    back += reversed[v];
    funds += columns[c_fund_pay_sumamt * visits + v];
    accounts += columns[c_acct_pay * visits + v] + columns[c_acct_mulaid_pay * visits + v];
  }
  std::string text = "visits=" + std::to_string(visits) + " settled=" + std::to_string(count[0]) +
                     " no_benefit=" + std::to_string(count[1]) + " not_enrolled=" + std::to_string(count[2]) +
                     " rejected=" + std::to_string(count[3]) + " reversed=" + std::to_string(back) + " funds=" + std::to_string(funds) +
                     " accounts=" + std::to_string(accounts);
  if (state_reversed.empty()) return text;
  std::size_t earlier = 0;
  for (const std::uint8_t one : state_reversed) earlier += one;
  return text + " earlier_reversed=" + std::to_string(earlier);
}

Earlier Results::earlier(const Population& people, const Program& program) const {
  Earlier out;
  out.state = joined(closing);
  RecordState& records = out.state.records;
  const std::size_t visits = outcome.size();
  for (const std::int64_t row : records.row) {
    const auto v = static_cast<std::size_t>(row);
    records.has_account.push_back(program.plans[static_cast<std::size_t>(plan[v])].account != 0 ? 1 : 0);
    for (std::size_t c = 0; c < kColumns; ++c) records.columns.push_back(columns[c * visits + v]);
  }
  // Rows stand in the order of the groups: how many each group has says where it begins.
  std::vector<std::int64_t> counters(people.groups() + 1, 0);
  std::vector<std::int64_t> standing(people.groups() + 1, 0);
  for (const SlotKey& key : out.state.counters.key) ++counters[people.group_of_owner(key.owner)];
  for (const std::int32_t person : records.person) ++standing[people.group_of_owner(person)];
  out.counter_begin = summed(counters);
  out.record_begin = summed(standing);
  out.known_before.assign(records.person.size(), kStranger);
  for (const std::uint8_t why : {kStranger, kWasReversed, kWasReversal, kWasRefused}) out.known_before.push_back(why);
  return out;
}

}  // namespace ybcore::bench
