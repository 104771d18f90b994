// K05 couple: a trigger and the partner that it needs, or must not have.
//
// Meaning   A trigger has a partner in its visit, on its day, or in the days up to it. Without ratio: a finding a trigger that has none
//           (negate: that has one). With ratio: of the triggers of a visit or day that share a list, `units` are allowed for every whole
//           `per` of partners.
// Units     Days since 1970-01-01, quantity 1/10000; order: anything that orders triggers and partners alike (places, times).
// Requires  Both cut by the same persons and in canonical order, partners by day in any case. Codes dense, -1 for none. entry: a row of
//           `set`, kNoEntry (not looked at) or kEntryUnknown; empty: row 0 for all; a set -1 says nothing. Where `self` of the two is equal
//           and not -1 they are the same and no partners. Columns that `where` and ratio do not need may be empty.
// Gives     Offending the triggers (ratio: those that carry excess, last ones first, with theirs); involved, with negate or ratio, the
//           partners: partner p is event triggers + p. Ratio: measure the triggers' quantity, limit what is allowed; else 0.
//           history: days in [day - look_back_days, day]; with order only partners before the trigger. Unknown: no visit or day where it is
//           needed; a trigger without partner whose `sure` is 0, for then the lack cannot be told.
// Fails     Never.
// Cost      A sort of the person's partners where they do not stand in order, a bisection a trigger, a look at the partners there.
#pragma once

#include <cstdint>
#include <span>

#include "ybcore/checks/found.hpp"
#include "ybcore/checks/group.hpp"

namespace ybcore::checks {

struct CoupleEvents {
  std::span<const std::int64_t> person_begin;
  std::span<const std::int32_t> visit, day;
  std::span<const std::int64_t> order;
  std::span<const std::int64_t> quantity;
  std::span<const std::int32_t> self;
};

struct Triggers : CoupleEvents {
  std::span<const std::int32_t> entry;
  std::span<const std::uint8_t> sure;
};

struct Partners : CoupleEvents {
  std::span<const std::int32_t> code;
};

enum class Where : std::uint8_t { kVisit, kDay, kHistory };

struct CoupleRule {
  CodeSets sets;
  std::span<const std::int32_t> set;  // by entry
  Where where = Where::kVisit;
  std::int32_t look_back_days = -1;  // kHistory; -1: however long ago
  bool negate = false;
  std::int64_t units = 0, per = 0;  // per 0: no ratio; else kVisit or kDay
};

[[nodiscard]] Found couple(const Triggers& triggers, const Partners& partners, const CoupleRule& rule, int threads);

}  // namespace ybcore::checks
