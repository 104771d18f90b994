// Rules over one small batch after another: what hangs on the rules alone is made once, and all of them are asked in one pass of a batch.
//
// Meaning   A SpotBook holds rules, their tables, scopes and lists by number. `look` puts a batch in order, nets what was returned, asks
//           every rule that runs, and forms the findings with their names and money. A rule that it cannot ask is told by a bound: it
//           may have a finding, or surely has none.
// Units     As the kernels: money fen, quantities 1/10000, prices 1/1000000 yuan, times microseconds, days since 1970-01-01.
// Requires  Indices inside what they name. Columns as the book's `columns` ask for them, ids of one thing numbered together.
// Gives     Findings by rule, then name; or the rules that another way must be taken for.
// Fails     std::bad_alloc; overflow of the kernels' sums as they say.
// Cost      A few microseconds a rule and some hundred lines.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ybcore/checks/found.hpp"
#include "ybcore/checks/window.hpp"
#include "ybcore/texts.hpp"

namespace ybcore::checks {

enum class SpotTable : std::uint8_t { kVisits, kLines, kPersons, kDiagnoses, kOperations, kLabs, kStock };
inline constexpr std::size_t kSpotTables = 7;

// How a column is read: numbers, days, times and flags become numbers (kUnknown missing), codes and ids places of texts (-1 missing).
enum class SpotWay : std::uint8_t { kNumber = 1, kDay, kTime, kFlag, kCode, kId };

struct SpotWanted {
  SpotTable table;
  std::string name;
  SpotWay way;
  std::int32_t group = -1;  // ids of one group are numbered together
};

struct SpotColumn {
  bool there = false;
  std::span<const std::int64_t> number;
  std::span<const std::int32_t> code;
  std::span<const std::string_view> text;
};

// An attribute of visits: the visit's own cell, else that of the person's row, else of the institution's, else what is meant without one.
enum class SpotMeant : std::uint8_t { kPlain, kLevel, kGender, kOfLine };
struct SpotAttribute {
  SpotMeant meant = SpotMeant::kPlain;
  std::int32_t visits = -1, persons = -1, institutions = -1, lines = -1;  // columns; of institutions by number
  std::string otherwise;
};

struct SpotTest {
  std::int32_t attribute = -1;
  std::int32_t kinds = -1;  // a visit may be of several
  std::vector<std::string> prefixes;
};
struct SpotKinds {
  std::vector<std::string> name;
  std::vector<std::vector<std::string>> prefixes;
};
struct SpotScope {
  std::vector<SpotTest> tests;
  std::vector<std::int32_t> lists;
  std::vector<SpotScope> negated;
  bool of_lines = false;
};
enum class SpotMatch : std::uint8_t { kExact, kPrefix, kInterval };
struct SpotList {
  SpotMatch match = SpotMatch::kExact;
  std::vector<std::string> codes;
  std::unordered_set<std::string_view> exact;  // of the codes
};

// Rows of a table by the number of their key; rows of one key most specific first.
struct SpotRows {
  std::vector<std::int64_t> start, rows;
  std::vector<std::int32_t> from, to, region, level;  // by row; empty where nothing is narrowed
  std::vector<std::string> regions;
};

enum class SpotAmong : std::uint8_t { kAll, kMask, kRows, kClass };
struct SpotItems {
  SpotAmong among = SpotAmong::kAll;
  std::int32_t mask = -1;             // of kept items
  std::int32_t table = -1;            // of rows
  std::vector<std::string> prefixes;  // of items that are not kept
  std::vector<std::uint8_t> classes;  // by row of the catalogue, and at the end of none: 0 no, 1 yes, 2 not known
  std::int32_t set = -1;              // of kept items that may be meant (SpotBook::sets)
};

enum class SpotKernel : std::uint8_t {
  kAttribute,
  kAge,
  kListed,
  kDiagnoses,
  kPrice,
  kPairs,
  kCap,
  kWindow,
  kInStay,
  kAround,
  kIdle,
  kOverlap,
  kUnsettled,
  kSupply,
  kCompose,
  kTier,
  kValid,
  kSums,
  kRequired,
  kAlways,
  kLinesThere,
  kCodedThere,
  kKeysThere,
  kStaysNear,
  kDeath,
  kRatio,
  kRepeated,
  kUrgent,
  kStock,
  kCodeIn,
  kBundle,
};
enum class SpotAmount : std::uint8_t { kNone, kWholeLine, kExcess, kPrice, kWide };
enum class SpotForm : std::uint8_t {
  kNone,
  kProduct,
  kOrder,
  kDelay,
  kInCatalogue,
  kPrescriptionDays,
  kCourse,
  kOverlap,
  kDailyDose,
  kDistinct,
  kAllIn,
  kSingle,
  kSameClass,
};
enum class SpotGroup : std::uint8_t { kLine, kDay, kHour, kWithin, kVisit, kPrescription, kStay, kMonth, kQuarter, kYear };
enum class SpotSubject : std::uint8_t { kVisit, kPerson, kPersonInstitution, kPersonItem, kInstitution, kDoctor };
enum class SpotMeasure : std::uint8_t { kCount, kQuantity, kAmount, kVisits, kDays, kInstitutions, kItems };

// Where the bounds of what a finding was counted in are from: the kernel's, or they follow from its rows (checks/run/counted.py).
enum class SpotHow : std::uint8_t {
  kGiven,
  kDay,
  kHour,
  kMonth,
  kQuarter,
  kYear,
  kInsuranceYear,
  kVisit,
  kStay,
  kRows,
  kCovered,
  kNear,
  kBack,
  kFrom,
  kFromEnd,
  kUntil,
};
struct SpotCounting {
  std::string group;  // empty: none
  SpotHow how = SpotHow::kGiven;
  std::int64_t reach = 0;  // microseconds, or days, or a month and day
};

struct SpotGrouping {
  SpotGroup group = SpotGroup::kVisit;
  std::int64_t reach = 0;
};

struct SpotRule {
  std::string id;
  SpotKernel kernel = SpotKernel::kAlways;
  SpotForm form = SpotForm::kNone;
  SpotAmount amount = SpotAmount::kNone;
  std::int32_t scope = -1, kinds = -1;
  bool dated = false, never = false;  // the days of the rule, and of its document without a table
  std::int32_t begin = 0, end = 0;
  SpotItems items;
  std::uint8_t disposition = 0;  // 0 hold, 1 deny, 2 suspect, 3 warn, 4 monitor
  std::int64_t severity = 0, priority = 0;
  bool shadow = false, apart = false;   // apart: its findings are never formed here
  std::vector<std::uint8_t> suspect;    // by table row
  std::vector<std::int32_t> relations;  // rules that it excludes or contains, or that do so to it
  // What the kernels ask for, each as its header says.
  std::vector<std::int64_t> figures, other;  // by table row
  std::int64_t figure = 0, more = 0, factor = 0;
  Comparator comparator = Comparator::kMoreThan;
  std::vector<SpotTest> tests;
  std::vector<std::int32_t> of_entry, words_of;  // test, and class or grouping, of each table row
  std::vector<std::string> words;
  bool barred = false, flag = false, last_paid = false, count_denied = true, symmetric = false, on_lines = false;
  SpotSubject subject = SpotSubject::kVisit;
  SpotMeasure measure = SpotMeasure::kCount;
  std::vector<SpotGrouping> groups;
  std::vector<SpotCounting> countings;       // a group, or a window, each
  std::vector<std::int32_t> main, included;  // kept items of the rows of pairs
  std::vector<std::string> main_text, included_text;
  std::vector<Window> windows;
  std::vector<std::int64_t> thresholds, threshold_begin, severities, zones;
  std::vector<std::int32_t> columns;                             // by number
  std::int32_t list = -1, attribute = -1, key = -1, keyed = -1;  // keyed: 0 doctor, 1 institution, 2 person, 3 card
};

// Of institutions, which are there before any call.
struct SpotPlaces {
  TextIndex ids;
  std::vector<std::int64_t> start, rows;
  std::vector<std::int32_t> begin, end;
  struct Cells {
    std::vector<std::int32_t> code;
    std::vector<std::string> text;
  };
  std::vector<Cells> columns;
};

struct SpotBook {
  std::vector<SpotWanted> columns;
  std::vector<SpotAttribute> attributes;
  std::vector<SpotKinds> kinds;
  std::vector<SpotScope> scopes;
  std::vector<SpotList> lists;
  std::vector<SpotRule> rules;
  TextIndex items;                               // kept ones
  std::vector<std::vector<std::uint8_t>> masks;  // by kept item
  std::vector<SpotRows> tables;                  // by kept item
  std::vector<std::int32_t> catalogue_item;      // of each kept item, -1 none
  SpotRows catalogue_rows, catalogue_here;       // by item of the catalogue: for everywhere, and for one region that is named whole
  SpotPlaces places;
  std::vector<std::unordered_set<std::string>> keys;
  bool before = true;  // findings that only offend in the history are left out
  // By kept item, so many words each: a bit for every mask, then for every table, that names it. What a batch asks of an item lies
  // together.
  std::vector<std::uint64_t> sets;
  std::size_t set_words = 1;

  // Makes the sets, once everything else is there.
  void make_sets();
  // Number of a column; -1 where none is asked for.
  [[nodiscard]] std::int32_t find(SpotTable table, std::string_view name) const;
};

struct SpotInput {
  std::array<std::size_t, kSpotTables> rows{};
  std::array<bool, kSpotTables> given{};
  std::vector<SpotColumn> columns;
  bool dates = true;  // lines have no time of day
};

struct SpotFindings {
  std::vector<std::int32_t> rule;  // by finding, as the next
  std::vector<std::string> name;
  std::vector<std::int64_t> visit, doctor, disposition, severity, amount, measure, limit, begin, end, entry;
  std::vector<std::int32_t> counting;  // place among those of the rule
  std::vector<std::int64_t> details{0};
  std::vector<std::int64_t> row, detail_visit, part, count, money, paid;  // by detail; row -1: the visit
};

struct SpotSeen {
  bool usable = false;                 // nothing speaks against this way
  std::vector<std::int32_t> may, hit;  // rules that may have findings; rules that have some
  std::int64_t lost = 0;               // returns that found no line
  bool any_doctor = false;
  bool time_of_day = false;  // of the lines: decides which rules ran
  SpotFindings findings;     // where no rule only may have some
};

// `running`: whether each rule runs, with times of day and without.
[[nodiscard]] SpotSeen look(const SpotBook& book, const SpotInput& input, std::span<const std::uint8_t> running,
                            std::span<const std::uint8_t> running_by_day);

}  // namespace ybcore::checks
