// Fee lines into natures: docs/settlement.md section 3.
//
// Meaning   Every line of a visit is looked up in the dated catalogue and split into full self-pay, over limit, first pay and the
//           rest; the rest is in scope, or direct. Natures are summed per event; an event is a visit, or one part of a split stay.
// Units     Amounts in are fen; natures out are units of money of the event's program: fen / scale (scale 1, or a million for
//           documents that keep exact values). Quantities 1/10000, caps and prices 1/1000000 yuan, ratios ppm, days since 1970.
// Requires  Spans as long as said beside them, indices inside the catalogue or -1, amounts within +-10^11 fen.
// Gives     Natures by event (stride 5 + 4 * tags: full, over, first, scope, direct, then four for each tag), flags by visit, and
//           the columns of the lines when asked for.
// Fails     Never; reasons are values.
// Cost      One pass over the lines; steps on sums keep the lines of one event in a scratch vector that is used again.
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ybcore/catalog.hpp"
#include "ybcore/money.hpp"

namespace ybcore {

enum class StepAt : std::uint8_t { kLine = 0, kClass = 1, kVisit = 2 };
enum class DateRule : std::uint8_t { kFee = 0, kDischarge = 1, kSettlement = 2 };
enum class PlaceRule : std::uint8_t { kTreatment = 0, kInsured = 1 };

// Which of the three catalogue look-ups a place or date rule is for.
inline constexpr std::size_t kClassLookup = 0;
inline constexpr std::size_t kRatioLookup = 1;
inline constexpr std::size_t kCapLookup = 2;

struct FirstPayStep {
  std::int32_t ratio;  // ppm; -1: the catalogue's
  bool on_gross;
  StepAt at;
  std::uint8_t classes;  // bit 0: class 01, bit 1: class 02
};

// What a plan says about lines, resolved for one combination of attributes.
struct PricingProgram {
  std::int64_t scale;
  Rounding line;
  Rounding sums;          // place `class`
  std::int32_t category;  // person category of the ratio table; -1: none
  PlaceRule place[3];
  DateRule date[3];
  std::uint32_t first_step;
  std::uint32_t last_step;
  std::uint32_t tag_row;  // row of the tag map
};

struct PricingTables {
  std::span<const PricingProgram> programs;
  std::span<const FirstPayStep> steps;
  std::span<const std::uint16_t> tag_map;  // rows of (catalogue tags + 1): the document's tag, 0 untagged
  std::size_t catalog_tags;
  std::size_t tags;  // most tags of any document
};

// Borrowed columns, one row a visit.
struct PricingVisits {
  std::span<const std::int64_t> line_begin;  // visits + 1
  std::span<const std::int32_t> enddate;
  std::span<const std::int32_t> setl_day;
  std::span<const std::int32_t> treatment;  // place index in the catalogue, -1 none; empty: none has one
  std::span<const std::int32_t> insured;
  std::span<const std::int64_t> event_begin;  // visits + 1
};

// One row an event; a visit's events stand together in date order.
struct PricingEvents {
  std::span<const std::int32_t> program;  // -1: not priced (no document, no lines to price)
  std::span<const std::int32_t> level;    // price-level index in the catalogue, -1 none; empty: none has one
  std::span<const std::int32_t> before;   // may be empty: events are whole visits. Else lines dated before this day and not in an earlier
                                          // part; the last part: INT32_MAX
};

// One row a line, or empty where said. What returns a line has its day, and is denied or not approved as it is.
struct PricingLines {
  std::span<const std::int32_t> item;      // catalogue index, -1 unknown; or a number that `index` gives the meaning of
  std::span<const std::int32_t> index;     // may be empty; by number: catalogue index, -1 unknown
  std::span<const std::int32_t> day;       // kNullDay: the visit's enddate
  std::span<const std::int64_t> quantity;  // may be empty; INT64_MIN missing
  std::span<const std::int64_t> amount;
  std::span<const std::int64_t> price;    // may be empty; INT64_MIN missing
  std::span<const std::int8_t> deny;      // may be empty; 1 denied
  std::span<const std::int8_t> approved;  // may be empty; 2 not approved
  std::span<const std::int64_t> row;      // may be empty; row of the k-th line in visit order
  bool sure = true;                       // amounts and quantities are within the limits below or missing; else each is asked

  [[nodiscard]] std::int32_t item_of(std::size_t line) const {
    if (index.empty()) return item[line];
    const auto number = static_cast<std::uint32_t>(item[line]);
    return number < index.size() ? index[number] : -1;
  }
};

enum LineReason : std::uint8_t { kLineOk = 0, kDenied = 1, kNotApproved = 2, kUnknownItem = 3, kClassC = 4, kNoRatio = 5 };

inline constexpr std::uint8_t kFlagUnknownItem = 8;
inline constexpr std::uint8_t kFlagPriceMismatch = 16;

// Written columns; line spans are empty when line output is not wanted, else one row a line.
struct PricingOutput {
  std::span<std::int64_t> natures;  // events * stride
  std::span<std::uint8_t> flags;    // visits; bits are added
  std::span<std::int64_t> full;
  std::span<std::int64_t> over;
  std::span<std::int64_t> first;
  std::span<std::int64_t> scope;
  std::span<std::uint8_t> item_class;
  std::span<std::int32_t> ratio;
  std::span<std::int64_t> cap;  // INT64_MIN: none
  std::span<std::uint8_t> reason;
};

// -1 for columns that were not given.
[[nodiscard]] inline std::int32_t or_none(std::span<const std::int32_t> column, std::size_t i) { return column.empty() ? -1 : column[i]; }

[[nodiscard]] constexpr std::size_t nature_stride(std::size_t tags) noexcept { return 5 + 4 * tags; }

// Lines are priced where |amount| is at most the one and |quantity| at most the other.
inline constexpr std::int64_t kMostLineAmount = 100'000'000'000, kMostLineQuantity = 1'000'000'000'000;

// What was learned about lines on the way, so that nobody need look at them before.
struct PricingSeen {
  std::int64_t lines = 0;  // that were priced
  std::int64_t most = 0;   // no amount of those is beyond it
  bool beyond = false;     // of lines that were not sure some are beyond the limits or missing: nothing that was written means anything
  std::int32_t low = INT32_MAX, high = INT32_MIN;  // bounds of the days of all lines and visits; the wrong way round: nobody looked
};

// All visits, on as many threads as asked; the answer does not depend on their number.
PricingSeen price_all(const Catalog& catalog, const PricingTables& tables, const PricingVisits& visits, const PricingEvents& events,
                      const PricingLines& lines, const PricingOutput& out, int threads);

// Totals before anything else: the signed sum of a visit's lines in fen, and 1 where an amount is missing or the sum of absolute
// amounts is beyond 10^12 fen (then the total is the sum of the amounts that are there, or 0 beyond the bound).
void line_totals(const PricingVisits& visits, const PricingLines& lines, std::span<std::int64_t> total, std::span<std::uint8_t> bad,
                 int threads);

// Parts of split stays: the cut days of each visit (cuts[cut_begin[v] .. cut_begin[v + 1]), ascending) divide its lines; a part
// without lines is dropped, and a visit without cuts or lines is one part. `low` and `before` bound the days of each part
// (kNullDay and INT32_MAX: open).
struct Parts {
  std::vector<std::int64_t> event_begin;
  std::vector<std::int32_t> low;
  std::vector<std::int32_t> before;
};
[[nodiscard]] Parts keep_parts(const PricingVisits& visits, const PricingLines& lines, std::span<const std::int64_t> cut_begin,
                               std::span<const std::int32_t> cuts);

}  // namespace ybcore
