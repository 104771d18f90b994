// Settling the groups of a partition; private to the kernel.
#pragma once

#include <vector>

#include "partition.hpp"
#include "visit.hpp"
#include "ybcore/ledger.hpp"
#include "ybcore/panel.hpp"
#include "ybcore/settle.hpp"

namespace ybcore {

// A workspace that settles one partition after another.
class Group {
 public:
  Group(const Prepared& program, const Events& events, Partitions& partitions, const AccountEvents& accounts, const Opening& opening,
        const Outputs& out, bool closing, bool whole_fen, std::size_t chunk);
  // `next`: the partition after this one, or this one where it is the last.
  Status settle(std::size_t part, std::size_t next, State* closing);

  // What a chunk of partitions adds up, and where the visits of the one at hand count.
  struct Local {
    std::vector<std::vector<std::int64_t>> sums;
    std::vector<std::vector<std::int32_t>> stamp;  // by pair: the last pass that met it
    std::vector<std::int32_t> person, cell, pair;
    std::vector<std::int64_t> first;   // by visit: what it came to under the first policy
    std::vector<std::uint8_t> counts;  // by visit: whether it counted there
    std::vector<std::size_t> changed;  // groups to settle
    std::int32_t passes = 0;
  };
  // One partition under every policy; see panel.hpp. `other`: by policy and combination, 1 where the plan is not that of the first.
  Status settle_each(std::size_t part, const Policies& policies, std::span<const std::uint8_t> other, const AccountEvents& accounts,
                     std::span<const std::int64_t> balance, const Wanted& wanted, Local& local, std::span<std::int64_t> by_person);

 private:
  const Prepared& program_;
  const Events& events_;
  Partitions& partitions_;
  Partitions::Arena& arena_;
  const Opening& opening_;
  const Outputs& out_;
  const bool remembers_;  // every group needs records of what stands
  bool history_ = true;   // the group at hand does
  Ledger ledger_;
  Visit visit_;

  // All records; of the partition at hand, its visits as places of their first records, and those in settling order by group.
  Record* const records_;
  // What of the partition after it has not been asked for.
  struct Ahead {
    std::size_t part = 0, next = 0;
    Partitions::Piece piece{0, 0};
  } ahead_;
  std::vector<std::uint32_t> first_, order_, by_time_, group_begin_, time_begin_, group_;
  std::vector<std::int64_t> time_;
  Rows rows_;
  std::vector<Fate> fates_;
  bool reverses_ = false;  // some visit of it takes another back

  void sort(std::size_t part);
  void take_plans(std::size_t group, const Policies& policies, std::size_t policy, const AccountEvents& accounts,
                  std::span<const std::int64_t> balance);
  [[nodiscard]] bool differs(std::size_t group, const Policies& policies, std::size_t policy, const std::uint8_t* other) const;
  void gather(const Wanted& wanted, Local& local) const;
  [[nodiscard]] std::int64_t number(std::size_t visit, std::size_t column) const;
  void read(std::size_t visit, const Wanted& wanted, std::int64_t* values) const;
  void add_up(std::size_t policy, std::size_t visit, std::int64_t sign, const std::int64_t* values, const Wanted& wanted,
              std::size_t persons, Local& local, std::span<std::int64_t> by_person) const;
  void look_ahead();
  void by_time();
  [[nodiscard]] bool before(std::uint32_t a, std::uint32_t b) const;
  Status settle_group(std::int32_t group, std::uint32_t begin, std::uint32_t end);
  bool visit(std::uint32_t place);
  bool plain_visit(std::uint32_t place, const Record& event, const PlainPlan& plan);
  void reject(std::uint32_t place, Reason reason);
  bool too_much(std::uint32_t place, std::size_t moves);
  void reverse(std::uint32_t place, std::uint32_t begin, std::uint32_t end);
  [[nodiscard]] Reason cannot_reverse(const Record& event, std::uint32_t begin, std::uint32_t end, std::int64_t& init, Standing*& record);
  void recall(std::int32_t group);
  void write(State& closing) const;
};

}  // namespace ybcore
