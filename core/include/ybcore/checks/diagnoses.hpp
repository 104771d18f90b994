// K02 diagnosis set: does a diagnosis (or a test's value) that an item asks for stand?
//
// Meaning   A condition of one leaf or two: some diagnosis of the visit, or of the person's visits begun in the days before, is in the
//           list of the event's table row; the latest value of a test up to the event compares. Both or any must hold, or must not.
// Units     Days since 1970-01-01, microseconds; values of tests as the limit's.
// Requires  Visits numbered so that those of a person stand together (visit_person rising) by day of begin; diagnoses cut by visit; tests
//           cut by person, in order of time. Dense codes are below the sets' bits, -1 for a missing one. entry: a row of `set`, kNoEntry
//           (not looked at) or kEntryUnknown; empty: row 0 for all.
// Gives     One finding an event, which it names whole. Three-valued: a list cannot be told where the visit has no diagnosis (with `main`:
//           no main one) and none before fits; a test without value cannot be told; of two leaves the one that decides, decides.
//           A test's missing value (kUnknown) is as if it were not there.
// Fails     Never.
// Cost      A look at a bit for each diagnosis of the visit, and of the visits in the days before.
#pragma once

#include <cstdint>
#include <span>

#include "ybcore/checks/found.hpp"
#include "ybcore/checks/group.hpp"

namespace ybcore::checks {

struct DiagnosisEvents {
  std::span<const std::int32_t> entry, visit;
  std::span<const std::int32_t> day;   // empty where nothing looks back in days
  std::span<const std::int64_t> time;  // empty where there is no test
};

struct VisitDiagnoses {
  std::span<const std::int64_t> begin;  // visits + 1
  std::span<const std::int32_t> code;
  std::span<const std::uint8_t> main;          // empty where any counts
  std::span<const std::int32_t> visit_person;  // empty where nothing is asked of the person
  std::span<const std::int32_t> visit_day;     // empty without look-back
};

struct Tests {
  std::span<const std::int64_t> begin;  // persons + 1; empty: no test is asked for
  std::span<const std::int64_t> time, value;
  Comparator comparator = Comparator::kMoreThan;
  std::int64_t limit = 0;
  std::int32_t look_back_days = -1;  // -1: however long ago
};

struct DiagnosisRule {
  CodeSets sets;
  std::span<const std::int32_t> set;  // by entry; -1 says nothing. Empty: no list is asked for
  bool main_only = false;
  std::int32_t look_back_days = -1;  // -1: the visit alone
  bool any_leaf = false;             // combine: any
  bool negate = false;
};

[[nodiscard]] Found diagnoses(const DiagnosisEvents& events, const VisitDiagnoses& visits, const Tests& tests, const DiagnosisRule& rule,
                              int threads);

}  // namespace ybcore::checks
