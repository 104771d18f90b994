// One partition after another, each in order once and then through every policy; groups whose plans are those of the first policy stay.
#include "ybcore/panel.hpp"

#include <algorithm>

#include "group.hpp"
#include "split.hpp"

namespace ybcore {
namespace {
constexpr std::size_t kHead = 2;  // visits and persons stand before the columns of a cell
}

// The plans and natures of a policy, into the records of a group, and its accounts as they were. A reason of the event's own stays.
void Group::take_plans(std::size_t group, const Policies& policies, std::size_t policy, const AccountEvents& accounts,
                       std::span<const std::int64_t> balance) {
  const std::int32_t* const plan = policies.plan.data() + policy * policies.combinations;
  const std::uint8_t* const reason = policies.reason.data() + policy * policies.combinations;
  for (std::uint32_t at = group_begin_[group]; at < group_begin_[group + 1]; ++at) {
    Record* const first = records_ + first_[order_[at]];
    for (std::uint32_t k = 0; k < first->parts(); ++k) {
      Record& record = first[k];
      for (const std::int32_t owner : {record.person, record.donor}) {
        if (owner < 0) continue;
        const auto p = static_cast<std::size_t>(owner);
        out_.balance[p] = balance[p];
        out_.account_cursor[p] = accounts.begin.empty() ? 0 : accounts.begin[p];
      }
      if (record.combination < 0) continue;
      record.plan = plan[record.combination];
      record.set_reason(reason[record.combination]);
      if (policies.slot.empty() || policies.slot[static_cast<std::size_t>(record.event)] < 0) continue;
      const std::int32_t row = policies.row(policy, record.event);
      const std::int64_t* const from = row < 0 ? events_.natures.data() + static_cast<std::size_t>(record.event) * 5
                                               : policies.natures.data() + static_cast<std::size_t>(row) * 5;
      std::copy_n(from, 5, record.nature);
    }
  }
}

// Whether some event of a group has another plan or other natures than under the first policy.
bool Group::differs(std::size_t group, const Policies& policies, std::size_t policy, const std::uint8_t* other) const {
  for (std::uint32_t at = group_begin_[group]; at < group_begin_[group + 1]; ++at) {
    const Record* const first = records_ + first_[order_[at]];
    for (std::uint32_t k = 0; k < first->parts(); ++k) {
      if (first[k].combination < 0) continue;
      if (other[first[k].combination] != 0) return true;
      if (!policies.slot.empty() && policies.row(policy, first[k].event) != policies.row(0, first[k].event)) return true;
    }
  }
  return false;
}

// Where the visits of the partition count, gathered once for all policies.
void Group::gather(const Wanted& wanted, Local& local) const {
  const std::size_t visits = first_.size();
  local.person.resize(visits);
  local.cell.resize(wanted.cells.size() * visits);
  local.pair.resize(wanted.cells.size() * visits);
  local.stamp.resize(wanted.cells.size());
  for (std::size_t v = 0; v < visits; ++v) local.person[v] = records_[first_[v]].person;
  for (std::size_t s = 0; s < wanted.cells.size(); ++s) {
    const Cells& cells = wanted.cells[s];
    local.stamp[s].resize(cells.pairs, 0);
    for (std::size_t v = 0; v < visits; ++v) {
      const auto row = static_cast<std::size_t>(records_[first_[v]].visit);
      local.cell[s * visits + v] = cells.of[row];
      local.pair[s * visits + v] = cells.of[row] < 0 ? -1 : cells.pair[row];
    }
  }
}

std::int64_t Group::number(std::size_t visit, std::size_t column) const {
  if (!rows_.narrow()) return rows_.wide(visit)[column];
  return rows_.layout().has(column) ? rows_.narrow(visit)[rows_.layout().place[column]] : 0;
}

void Group::read(std::size_t visit, const Wanted& wanted, std::int64_t* values) const {
  for (const std::uint8_t column : wanted.by_cell) *values++ = number(visit, column);
  for (const std::uint8_t column : wanted.by_person) *values++ = number(visit, column);
}

// Adds (takes away) what a visit came to.
void Group::add_up(std::size_t policy, std::size_t visit, std::int64_t sign, const std::int64_t* values, const Wanted& wanted,
                   std::size_t persons, Local& local, std::span<std::int64_t> by_person) const {
  const std::size_t width = kHead + wanted.by_cell.size();
  for (std::size_t s = 0; s < wanted.cells.size(); ++s) {
    const std::size_t at = s * first_.size() + visit;
    if (local.cell[at] < 0) continue;
    std::int64_t* to = local.sums[s].data() + (policy * wanted.cells[s].count + static_cast<std::size_t>(local.cell[at])) * width;
    std::int32_t& seen = local.stamp[s][static_cast<std::size_t>(local.pair[at])];
    to[0] += sign;
    to[1] += seen != local.passes ? sign : 0;
    seen = local.passes;
    for (std::size_t k = 0; k < wanted.by_cell.size(); ++k) to[kHead + k] += sign * values[k];
  }
  const std::size_t columns = wanted.by_person.size();
  for (std::size_t k = 0; k < columns; ++k)
    by_person[(policy * columns + k) * persons + static_cast<std::size_t>(local.person[visit])] += sign * values[wanted.by_cell.size() + k];
}

// The first policy is added up as it is, of the others what groups with other plans come to more.
Status Group::settle_each(std::size_t part, const Policies& policies, std::span<const std::uint8_t> other, const AccountEvents& accounts,
                          std::span<const std::int64_t> balance, const Wanted& wanted, Local& local, std::span<std::int64_t> by_person) {
  constexpr auto kCounts = static_cast<std::uint8_t>(Outcome::kNoBenefit);
  sort(part);
  ahead_ = {part, partitions_.pieces(), {0, 0}};
  gather(wanted, local);
  const std::size_t visits = first_.size();
  const std::size_t width = wanted.by_cell.size() + wanted.by_person.size();
  local.first.resize(visits * width);
  local.counts.assign(visits, 0);
  std::array<std::int64_t, 2 * kColumns> values;
  for (std::size_t policy = 0; policy < policies.count; ++policy) {
    const std::size_t begin = policy * policies.combinations;
    local.changed.clear();
    for (std::size_t g = 0; g + 1 < group_begin_.size(); ++g)
      if (group_begin_[g] != group_begin_[g + 1] && (policy == 0 || differs(g, policies, policy, other.data() + begin)))
        local.changed.push_back(g);
    if (local.changed.empty()) continue;
    rows_.start(visits);
    fates_.assign(visits, {-1, static_cast<std::uint8_t>(Outcome::kPending), 0, 0, 0});
    for (const std::size_t g : local.changed) {
      take_plans(g, policies, policy, accounts, balance);
      const auto group = partitions_.first_group(part) + static_cast<std::int32_t>(g);
      const Status status = settle_group(group, group_begin_[g], group_begin_[g + 1]);
      if (status.code != Code::kOk) return status;
    }
    const auto each = [&](auto&& one) {
      ++local.passes;
      for (const std::size_t g : local.changed)
        for (std::uint32_t at = group_begin_[g]; at < group_begin_[g + 1]; ++at) one(order_[at]);
    };
    if (policy != 0)
      each([&](std::size_t v) {
        if (local.counts[v] != 0) add_up(policy, v, -1, local.first.data() + v * width, wanted, balance.size(), local, by_person);
      });
    each([&](std::size_t v) {
      if (fates_[v].outcome > kCounts) return;
      std::int64_t* const to = policy == 0 ? local.first.data() + v * width : values.data();
      if (policy == 0) local.counts[v] = 1;
      read(v, wanted, to);
      add_up(policy, v, 1, to, wanted, balance.size(), local, by_person);
    });
  }
  return {Code::kOk, 0};
}

Status settle_each(const Program& program, const Events& events, const Policies& policies, const AccountEvents& accounts,
                   std::span<const std::int64_t> balance, const Wanted& wanted, const Sums& sums, int threads) {
  const Prepared prepared(program);
  Partitions partitions(events, events.event_begin.size() - 1, prepared.columns(), threads);
  const Chunks chunks = cut_evenly(partitions.weights(), threads);
  const std::size_t count = chunks.begin.size() - 1;
  partitions.reserve_arenas(count);
  // Nobody asks for these in the end; groups write to those of their own people only.
  std::vector<std::int64_t> now(balance.begin(), balance.end()), cursor(balance.size(), 0);
  std::vector<std::int32_t> through(balance.size(), 0);
  Outputs out{};
  out.balance = now;
  out.account_cursor = cursor;
  out.account_through = through;
  const Opening nothing{};
  std::vector<std::uint8_t> other(policies.count * policies.combinations);
  for (std::size_t i = 0; i < other.size(); ++i) {
    const std::size_t first = i % policies.combinations;
    other[i] = policies.plan[i] != policies.plan[first] || policies.reason[i] != policies.reason[first] ? 1 : 0;
  }
  std::vector<Status> status(count, Status{Code::kOk, INT64_MAX});
  std::vector<Group::Local> local(count);
  for_each_chunk(chunks, threads, [&](std::size_t chunk) {
    Group group(prepared, events, partitions, accounts, nothing, out, false, prepared.whole_fen(), chunk);
    Group::Local& mine = local[chunk];
    for (const std::span<std::int64_t> all : sums.by_cell) mine.sums.emplace_back(all.size(), 0);
    for (std::size_t part = chunks.begin[chunk]; part < chunks.begin[chunk + 1] && status[chunk].code == Code::kOk; ++part)
      status[chunk] = group.settle_each(part, policies, other, accounts, balance, wanted, mine, sums.by_person);
    mine.stamp.clear();
  });
  for (const Status& one : status)
    if (one.code != Code::kOk) return one;
  for (const Group::Local& one : local)
    for (std::size_t s = 0; s < one.sums.size(); ++s)
      for (std::size_t i = 0; i < one.sums[s].size(); ++i) sums.by_cell[s][i] += one.sums[s][i];
  if (policies.count == 0) return {Code::kOk, 0};
  // All others are told as what they are more than the first.
  const auto from_first = [&](std::span<std::int64_t> all) {
    const std::size_t each = all.size() / policies.count;
    for (std::size_t i = each; i < all.size(); ++i) all[i] += all[i % each];
  };
  for (const std::span<std::int64_t> all : sums.by_cell) from_first(all);
  from_first(sums.by_person);
  return {Code::kOk, 0};
}

}  // namespace ybcore
