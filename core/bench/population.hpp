// Visits of persons and households, as columns that settle() borrows.
//
// Meaning   Persons come and go over two years, in and out of hospital; some stays are split, some visits are taken back, some rows
//           are unsound. Input rows are shuffled, so that settling order is not row order.
// Units     Those of ybcore/settle.hpp.
// Requires  A scheme that lives as long as the population.
// Gives     The views that settle() asks for. This is the one place that fills its structs: a new field is set here, or stays empty.
// Fails     Never; whether the columns are sound is asked by the caller.
// Cost      Some hundred instructions a visit.
#pragma once

#include <cstdint>
#include <vector>

#include "random.hpp"
#include "scheme.hpp"
#include "ybcore/settle.hpp"

namespace ybcore::bench {

class Population {
 public:
  // The persons, households and groups of every batch are the same; its visits are not, and come two years after those before.
  Population(const Scheme& scheme, std::size_t persons, std::size_t visits, int batch);

  // Some reversals take back a settlement of an earlier batch; `of` names the person of each, `known` ids were ever seen.
  void take_back(const std::vector<std::int32_t>& of, std::size_t known);

  [[nodiscard]] std::size_t persons() const { return balance.size(); }
  [[nodiscard]] std::size_t visits() const { return event_begin.size() - 1; }
  [[nodiscard]] std::size_t events() const { return visit.size(); }
  [[nodiscard]] std::size_t groups() const { return static_cast<std::size_t>(group_count); }
  // Owners of counters: a person, or -2 - household.
  [[nodiscard]] std::size_t group_of_owner(std::int32_t owner) const;
  [[nodiscard]] Events view() const;
  [[nodiscard]] AccountEvents accounts() const;

  // What outputs begin with.
  std::vector<std::uint8_t> outcome, outcome_reason;
  std::vector<std::int64_t> balance, account_begin{0};

 private:
  struct Visit {
    std::int64_t time = 0, total = 0, original = -1;  // original: place in the list of visits
    std::int32_t person = 0, day = 0, days = 1, plan = 0, stay = -1, linked = -1, hospital = 0, disease = -1;
    bool reversal = false, split = false;
  };
  std::vector<std::int64_t> visit, init, natures, fields, given, event_begin{0}, when, ids, account_amount;
  std::vector<std::int32_t> plan, person, household, donor, hospital, disease, stay, linked_stay, order_date, begndate, enddate,
      period_date, days, account_date, of_household, of_donor, group, group_of_person, person_of_household;
  std::vector<std::uint8_t> reason, later, acct_used, is_reversal, account_kind;

  std::int32_t first_day = 0, group_count = 0;

  void households(Random& random, std::size_t persons);
  void accounts(Random& random);
  [[nodiscard]] std::vector<Visit> draw(Random& random, std::size_t visits) const;
  void place(Random& random, const Scheme& scheme, const std::vector<Visit>& drawn);
  void add(Random& random, const Scheme& scheme, const Visit& v, std::int64_t row, std::int64_t original, bool second);
  void join_groups();
};

}  // namespace ybcore::bench
