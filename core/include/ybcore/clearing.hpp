// What a fund owes its providers: standards of cases, values of points, the fund's share, months, years, and budgets that balance.
//
// Meaning   docs/clearing.md sections 2.2 to 2.6. Documents are compiled into cells: everything that a case's attributes decide, once for
//           each combination. Cases name their cell, group, month and pool by number.
// Units     Money in fen; points in 1/10000; rates, weights, coefficients and multiples in ppm; the value of a point in ppm of a yuan.
// Requires  `invalid` says nothing.
// Gives     The same numbers for any order of the cases and any number of threads.
// Fails     With the first case (pool, budget) that cannot be cleared; nothing that was written counts then.
// Cost      Two passes over the cases, one more where a pool is shared out to the fen; what is the same for all cases of a cell and a group
//           is worked out once. Persons with several stays are looked through where readmissions count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "ybcore/order.hpp"

namespace ybcore::clearing {

inline constexpr std::int64_t kNothing = std::numeric_limits<std::int64_t>::min();

enum class Pays : std::int64_t { kItem, kMoney, kPoints, kInstitution };
enum class From : std::int64_t { kAmount, kGroupAmount, kGroupWeightRate, kGroupPoints, kGroupWeightTimes, kGroupMean };
enum class Rule : std::int64_t { kStandard, kItem, kHold, kActual, kByCost };
enum class Against : std::int64_t { kNone, kMean, kStandard };
enum class Formula : std::int64_t { kWhole, kPolicyShare, kLessPatient, kCapTimesRate, kLesser };
enum class Kind : std::uint8_t { kNone, kNormal, kLow, kHigh, kExtreme, kIncomplete, kUngrouped, kReviewed };
enum class Way : std::uint8_t { kNone, kStandard, kItem, kHeld, kInstitution };

struct Payment {
  Rule rule;
  std::int64_t less, most, bare;  // kActual; most kNothing: without end
  std::int64_t over, times;       // kByCost
};
struct Edge {
  std::int64_t at, includes;  // at kNothing: no such kind
  Payment pays;
};
// A row of the decision table; 64 numbers of 64 bits.
struct Cell {
  Pays pays;
  From from;
  std::int64_t amount, times, over;  // amount: of the base, or what a weight is multiplied with
  std::int64_t by_day, grid, coefficient;
  Against against;
  std::int64_t value, needs_group, has_incomplete;
  Edge low, high, extreme;
  Payment incomplete, ungrouped;
  Formula formula;
  std::int64_t rate, stops;                        // rate kNothing: the case's own
  std::int64_t readmission, within, keeps, later;  // readmission: number of the method, kNothing none
  std::int64_t spare[9];
};
static_assert(sizeof(Cell) == 64 * sizeof(std::int64_t));

// Columns by group; kNothing where a group does not have it.
struct Groups {
  std::span<const std::int64_t> points, weight, mean, amount;
  std::span<const std::uint8_t> bed_day;
};
// Columns by case. Amounts that are empty are zero for all.
struct Cases {
  std::span<const std::int32_t> cell, group, month;                     // -1: none
  std::span<const std::int32_t> days;                                   // or empty: nothing is paid by day
  std::span<const std::uint8_t> broken, exempt;                         // or empty
  std::span<const std::int32_t> person, institution, code, begin, end;  // or empty: nobody asks for readmissions; -1 unknown
  std::span<const std::int64_t> medfee, own, over, first, deductible, fund, other, patient, cash, account, carved, carved_fund;
  std::span<const std::int64_t> rate, review_points, review_amount;  // or empty; kNothing where there is none
  TieIds ids;
};
struct CaseResults {
  std::span<std::uint8_t> kind, way, cut;
  std::span<std::int64_t> points, standard, payment;
  std::span<std::int64_t> multiple, high_edge;  // or empty; kNothing where there is none
};

struct Pools {
  std::span<const std::int64_t> budget, reserve, ratio, adds, share, grid;  // reserve, ratio: ppm; adds, share: flags; grid: ppm of a yuan
  std::span<const std::int32_t> balance;
};
struct PoolResults {
  std::span<std::int64_t> cases, points, reserve, first, adds, shared, value, standard;
};

inline constexpr std::size_t kSums = 11;  // psntime, held, points, standard, medfee, recognised, itemised, cash, account, fund, payment

// A step of an overrun: up to a share of the target (kNothing: open), and what the fund bears.
struct Step {
  std::int64_t upto, fund;
};
// The year of a unit; 20 numbers of 64 bits.
struct Unit {
  std::int64_t target;  // kNothing: the payments of its cases
  std::int64_t counts;  // which sum is counted against it
  std::int64_t yearly, step_begin, step_end, by_part;
  std::int64_t savings, keeps, most, admissions_at_most, outpatients;  // most, admissions_at_most, outpatients: kNothing none
  std::int64_t advance_of, advance_rate;                               // 0 payments, 1 itemised, 2 twelfths
  std::int64_t deposit, released;
  std::int64_t balance;  // -1: no budget stands against it
  std::int64_t month_begin, month_end, given, spare;
};
static_assert(sizeof(Unit) == 20 * sizeof(std::int64_t));
struct Years {
  std::span<const Unit> units;
  std::span<const Step> steps;
  std::span<const std::int64_t> month;  // of each row of months: 1 to 12
  std::span<const std::int32_t> pool;   // of each row of months: whose cases they are, -1 of none
};
inline constexpr std::size_t kYear = 9;  // target, counted, due, advanced, deposit, released, held, final, paid
struct YearResults {
  std::span<std::int64_t> sums;      // months × kSums
  std::span<std::int64_t> advance;   // months
  std::span<std::int64_t> years;     // units × kYear
  std::span<std::int64_t> balances;  // balances × (budget, reserve, paid, held, unspent)
};

enum class Code : std::uint8_t { kOk, kNoFigure, kOverflow, kOverdrawn, kConservation };
struct Status {
  Code code;
  std::int64_t row;  // of a case, a pool or a balance
};
[[nodiscard]] const char* sentence(Code code) noexcept;

struct Job {
  std::span<const Cell> cells;
  Groups groups;
  Cases cases;
  Pools pools;
  Years years;
};

// The name of what points outside, or null.
[[nodiscard]] const char* invalid(const Job& job) noexcept;

[[nodiscard]] Status clear(const Job& job, const CaseResults& cases, const PoolResults& pools, const YearResults& years, int threads);

}  // namespace ybcore::clearing
