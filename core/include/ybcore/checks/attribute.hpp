// K01 attribute: one key, one attribute.
//
// Meaning   `attribute`: the event's code against the set that its table row names, as allowed or barred. `age`: completed days, months
//           or years on a day, compared as the row says. `listed`: the key is in the table.
// Units     Days since 1970-01-01.
// Requires  entry: a row of the table, kNoEntry (not looked at) or kEntryUnknown; empty: row 0 for all. code below the sets' bits, or -1.
//           A row whose set is -1 says nothing. birth and day INT32_MIN: missing.
// Gives     One finding an event, which it names whole; measure and limit of an age in its unit, else 0. No code, birth
//           or day is unknown; before birth an age is below 0. A month or year is completed on its day; where a month has no such day, on
//           the first of the next.
// Fails     Never.
// Cost      A few operations an event; an age twice a calendar date.
#pragma once

#include <cstdint>
#include <span>

#include "ybcore/checks/found.hpp"
#include "ybcore/checks/group.hpp"

namespace ybcore::checks {

struct CodeRule {
  CodeSets sets;
  std::span<const std::int32_t> set;  // by entry
  bool barred = false;
};

enum class AgeUnit : std::uint8_t { kDay, kMonth, kYear };

struct AgeRule {
  std::span<const AgeUnit> unit;  // by entry, as the next
  std::span<const Comparator> comparator;
  std::span<const std::int64_t> value;
};

[[nodiscard]] Found attribute(std::span<const std::int32_t> entry, std::span<const std::int32_t> code, const CodeRule& rule, int threads);

[[nodiscard]] Found age(std::span<const std::int32_t> entry, std::span<const std::int32_t> birth, std::span<const std::int32_t> day,
                        const AgeRule& rule, int threads);

[[nodiscard]] Found listed(std::span<const std::int32_t> entry, int threads);

}  // namespace ybcore::checks
