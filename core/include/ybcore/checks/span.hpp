// K09: intervals and what lies outside of them, or within two.
//
// Meaning   Seven forms, one function each; what is compared is days (calendar days of the times), for operations time.
// Units     Times in microseconds since 1970-01-01, kUnknown for missing; limits in days, for operations in hours. begin and end of a
//           finding are the times it was held against, for `idle` the first and last day (days) of the longest run.
// Requires  Groups as each form says, rows in order; offsets sound.
// Gives     One finding an offending row, in order; excess is kWhole. A row that lacks a time that could decide is counted unknown.
// Fails     std::bad_alloc.
// Cost      O(1) a row; overlap also O(1) a pair that lies close enough to be looked at.
#pragma once

#include <cstdint>
#include <span>

#include "ybcore/checks/found.hpp"

namespace ybcore::checks {

// Lines outside their stay. measure: days beyond the grace of that side, which is the limit.
struct LinesInStays {
  std::span<const std::int64_t> time;
  std::span<const std::int32_t> stay;        // of each line, -1 none (unknown)
  std::span<const std::int64_t> start, end;  // of each stay
};
[[nodiscard]] Found line_in_stay(const LinesInStays& lines, std::int64_t grace_before, std::int64_t grace_after, int threads = 1);

// Two stays of a person (group) that share more than `grace` nights. One finding a pair: the later offends, the earlier is involved;
// measure: nights beyond grace, limit: grace; begin and end: the time that both share.
struct Meeting {
  std::span<const std::int64_t> begin;       // persons + 1
  std::span<const std::int64_t> start, end;  // stays by begin, then id
  std::span<const std::int32_t> stay;        // rows of one stay never meet
  std::span<const std::int32_t> kind;        // -1 unknown
  std::span<const std::uint8_t> looked_at;   // kinds * kinds: 1 where two of these kinds may not meet
  std::int32_t kinds = 1;
};
[[nodiscard]] Found overlap(const Meeting& stays, std::int64_t grace, int threads = 1);

// Lines with no operation of their visit within `before` hours ahead of it to `after` hours past it. measure: hours, begun ones counted, by
// which the nearest operation's interval is missed; limit: the hours of that side. Without an operation, or when one that might fit has no
// time: unknown.
struct AroundOperations {
  std::span<const std::int64_t> time;
  std::span<const std::int32_t> visit;            // of each line, -1 none (unknown)
  std::span<const std::int64_t> operation_begin;  // visits + 1
  std::span<const std::int64_t> operation;        // times
};
[[nodiscard]] Found around_operation(const AroundOperations& lines, std::int64_t before_hours, std::int64_t after_hours, int threads = 1);

// Rows of a person (group) on a day after the death's. measure: days beyond grace, the limit. kUnknown as time of death: none.
struct AfterDeath {
  std::span<const std::int64_t> begin;  // persons + 1
  std::span<const std::int64_t> time;
  std::span<const std::int64_t> death;  // of each person
};
[[nodiscard]] Found after_death(const AfterDeath& rows, std::int64_t grace, int threads = 1);

// Stays with a run of more than `most` days, their first and last included, that have no line. measure: the longest run (the first such).
struct IdleStays {
  std::span<const std::int64_t> start, end;
  std::span<const std::int64_t> begin;  // stays + 1: their lines, by time
  std::span<const std::int64_t> time;
};
[[nodiscard]] Found idle(const IdleStays& stays, std::int64_t most, int threads = 1);

// Visits (role 1) that ended at most `days` days before a stay (role 2) of the same group begins, which is not before them in time. They
// offend, the first such stay is involved; measure: days between.
struct BeforeAdmission {
  std::span<const std::int64_t> begin;       // persons at institutions + 1
  std::span<const std::int64_t> start, end;  // by begin, then id
  std::span<const std::uint8_t> role;
};
[[nodiscard]] Found before_admission(const BeforeAdmission& visits, std::int64_t days, int threads = 1);

// Visits settled more than `days` days after their end. measure: days beyond.
[[nodiscard]] Found unsettled(std::span<const std::int64_t> end, std::span<const std::int64_t> settled, std::int64_t days, int threads = 1);

}  // namespace ybcore::checks
