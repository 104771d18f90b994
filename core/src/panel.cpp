// One partition after another, each in order once and then through every policy.
#include "ybcore/panel.hpp"

#include <algorithm>

#include "group.hpp"
#include "split.hpp"

namespace ybcore {
namespace {
constexpr std::size_t kHead = 2;  // visits and persons stand before the columns of a cell
}

// The plans of a policy, into the records of the partition. A reason of the event's own stays.
void Group::take_plans(std::size_t part, const std::int32_t* plan, const std::uint8_t* reason) {
  for (std::size_t k = 0; k < partitions_.pieces(); ++k) {
    const auto [begin, end] = partitions_.piece(part, k);
    for (std::uint32_t at = begin; at < end; ++at) {
      Record& record = records_[at];
      if (record.combination < 0) continue;
      record.plan = plan[record.combination];
      record.set_reason(reason[record.combination]);
    }
  }
}

// Where the visits of the partition count, gathered once for all policies.
void Group::gather(const Wanted& wanted, Local& local) const {
  const std::size_t visits = first_.size();
  local.person.resize(visits);
  local.cell.resize(wanted.cells.size() * visits);
  local.pair.resize(wanted.cells.size() * visits);
  local.stamp.resize(wanted.cells.size());
  local.owners.clear();
  for (std::size_t v = 0; v < visits; ++v) {
    const Record& record = records_[first_[v]];
    local.person[v] = record.person;
    for (std::uint32_t k = 0; k < record.parts(); ++k)
      for (const std::int32_t owner : {(&record)[k].person, (&record)[k].donor})
        if (owner >= 0 && (local.owners.empty() || local.owners.back() != owner)) local.owners.push_back(owner);
  }
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

void Group::add_up(std::size_t policy, const Wanted& wanted, std::size_t persons, Local& local, std::span<std::int64_t> by_person) {
  const std::size_t visits = first_.size();
  const std::size_t width = kHead + wanted.by_cell.size();
  const std::int32_t stamp = ++local.passes;
  std::array<std::int64_t, kColumns> values;
  for (std::size_t v = 0; v < visits; ++v) {
    if (fates_[v].outcome > static_cast<std::uint8_t>(Outcome::kNoBenefit)) continue;
    for (std::size_t k = 0; k < wanted.by_person.size(); ++k)
      by_person[(policy * wanted.by_person.size() + k) * persons + static_cast<std::size_t>(local.person[v])] +=
          number(v, wanted.by_person[k]);
    if (wanted.cells.empty()) continue;
    for (std::size_t k = 0; k < wanted.by_cell.size(); ++k) values[k] = number(v, wanted.by_cell[k]);
    for (std::size_t s = 0; s < wanted.cells.size(); ++s) {
      const std::int32_t cell = local.cell[s * visits + v];
      if (cell < 0) continue;
      std::int64_t* to = local.sums[s].data() + (policy * wanted.cells[s].count + static_cast<std::size_t>(cell)) * width;
      std::int32_t& seen = local.stamp[s][static_cast<std::size_t>(local.pair[s * visits + v])];
      ++to[0];
      to[1] += seen != stamp ? 1 : 0;
      seen = stamp;
      for (std::size_t k = 0; k < wanted.by_cell.size(); ++k) to[kHead + k] += values[k];
    }
  }
}

Status Group::settle_each(std::size_t part, const Policies& policies, const AccountEvents& accounts, std::span<const std::int64_t> balance,
                          const Wanted& wanted, Local& local, std::span<std::int64_t> by_person) {
  sort(part);
  ahead_ = {part, partitions_.pieces(), {0, 0}};
  gather(wanted, local);
  const std::size_t visits = first_.size();
  for (std::size_t policy = 0; policy < policies.count; ++policy) {
    const std::size_t at = policy * policies.combinations;
    take_plans(part, policies.plan.data() + at, policies.reason.data() + at);
    for (const std::int32_t owner : local.owners) {
      const auto p = static_cast<std::size_t>(owner);
      out_.balance[p] = balance[p];
      out_.account_cursor[p] = accounts.begin.empty() ? 0 : accounts.begin[p];
    }
    rows_.start(visits);
    fates_.assign(visits, {-1, static_cast<std::uint8_t>(Outcome::kPending), 0, 0, 0});
    for (std::size_t g = 0; g + 1 < group_begin_.size(); ++g) {
      if (group_begin_[g] == group_begin_[g + 1]) continue;
      const Status status =
          settle_group(partitions_.first_group(part) + static_cast<std::int32_t>(g), group_begin_[g], group_begin_[g + 1]);
      if (status.code != Code::kOk) return status;
    }
    add_up(policy, wanted, balance.size(), local, by_person);
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
  std::vector<Status> status(count, Status{Code::kOk, INT64_MAX});
  std::vector<Group::Local> local(count);
  for_each_chunk(chunks, threads, [&](std::size_t chunk) {
    Group group(prepared, events, partitions, accounts, nothing, out, false, prepared.whole_fen(), chunk);
    Group::Local& mine = local[chunk];
    for (const std::span<std::int64_t> all : sums.by_cell) mine.sums.emplace_back(all.size(), 0);
    for (std::size_t part = chunks.begin[chunk]; part < chunks.begin[chunk + 1] && status[chunk].code == Code::kOk; ++part)
      status[chunk] = group.settle_each(part, policies, accounts, balance, wanted, mine, sums.by_person);
    mine.stamp.clear();
  });
  for (const Status& one : status)
    if (one.code != Code::kOk) return one;
  for (const Group::Local& one : local)
    for (std::size_t s = 0; s < one.sums.size(); ++s)
      for (std::size_t i = 0; i < one.sums[s].size(); ++i) sums.by_cell[s][i] += one.sums[s][i];
  return {Code::kOk, 0};
}

}  // namespace ybcore
