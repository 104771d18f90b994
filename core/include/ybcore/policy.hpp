// A compiled policy: flat tables of whole numbers.
//
// Meaning   A plan here is one row of a policy's decision table for one combination of attribute classes: every table, date, age and
//           condition of the document is already answered, so that a visit needs only its plan's number. Rows of the tables refer to
//           each other by index; -1 is none. Text never enters.
// Units     Amounts in fen; rates, parts and shares in ppm; dates in days since 1970-01-01; `scale` units of money make one fen.
// Requires  Indices inside their tables (the compiler's duty, checked once by `valid`).
// Gives     Immutable data that any number of threads may read.
// Fails     `valid` names the table whose row points outside.
// Cost      None on the hot path: rows are read in place.
#pragma once

#include <cstdint>
#include <span>

namespace ybcore {

inline constexpr std::int64_t kNone = -1;
inline constexpr std::int64_t kMissing = INT64_MIN;
inline constexpr std::size_t kMaxKeys = 64;    // counters one plan may touch
inline constexpr std::size_t kMaxLayers = 24;  // layers of one plan
inline constexpr std::size_t kMaxTags = 8;     // tags of one document
inline constexpr std::size_t kMaxBands = 24;   // bands of one layer, or parts of one base
inline constexpr std::size_t kBuckets = 8;     // see Bucket; each tag adds four more
inline constexpr std::size_t kAllBuckets = kBuckets + 4 * kMaxTags;

enum Bucket : std::int64_t { kFullSelfPay, kOverLimit, kFirstPay, kInScope, kDirect, kDeductible, kCopay, kOverCeiling };
// Payers: eight funds, the hospital, one's own account, the mutual-aid account.
inline constexpr std::size_t kFunds = 8;
enum Payer : std::int64_t { kHospital = 8, kAccount = 9, kMutualAid = 10, kPayers = 11 };
enum class LayerKind : std::int64_t { kShare, kFixed, kPerDay, kPackage, kFloor, kGiven, kAcct };
enum class Settle : std::int64_t { kPerVisit, kDeltaF, kFMinusPaid };
enum class On : std::int64_t { kFund, kPayers, kLayers, kExpense, kAbove };
enum class Repeat : std::int64_t { kVisit, kCumulative, kFirstOnly, kAdmission, kHighest };
enum class AdmissionRule : std::int64_t { kPlain, kList, kFactors, kLessShare, kTimes, kLess };
enum class Edit : std::int64_t { kSet, kPlus, kMinus, kTimes };
enum class Period : std::int64_t { kVisit, kDay, kMonth, kQuarter, kYear, kLife };
enum class Scope : std::int64_t { kPerson, kHousehold, kHospital, kDisease, kStay, kAttribute };
enum class AmountKind : std::int64_t { kConst, kByCounter, kCompute };
enum class Quantity : std::int64_t {
  kBase,
  kEligible,
  kAbove,
  kDeductible,
  kDue,
  kPaid,
  kTarget,
  kCarry,
  kCutFund,
  kCutExpense,
  kRan,
  kTimesPaid,
  kPaidBy,
  kVisitTotal,
  kVisitFull,
  kVisitOver,
  kVisitFirst,
  kVisitScope,
  kVisitCount,
  kVisitDays,
  kEndBucket,
  kEndCash,
  kEndAcct
};

// Every row below is a run of int64 with the fields in this order; the lists make their names known to the compiler of documents.
// clang-format off
#define YB_PLAN_FIELDS(X) \
  X(scheme) \
  X(benefit) \
  X(layer_begin) \
  X(layer_end) X(key_begin) X(key_end) X(feed_begin) X(feed_end) X(scale) X(layer_unit) X(layer_mode) X(band_unit) X(band_mode) \
  X(class_unit) X(class_mode) X(end_unit) X(end_mode) X(admission_key) X(one_per_stay) X(account) X(bucket_begin) X(bucket_end) \
  X(mutual_aid) X(tags) X(year_month) X(year_day) X(deductible_each) X(fields) X(document)
#define YB_LAYER_FIELDS(X) \
  X(name) \
  X(kind) \
  X(payer) \
  X(basic) X(moves) X(base_begin) X(base_end) X(computed) X(computed_layer) X(pro_rata) X(settle) X(including) X(position) X(by_total) \
  X(total_base) X(band_begin) X(band_end) X(part_rates) X(standard) X(after) X(ceil_begin) X(ceil_end) X(at_least) X(amount) X(share) \
  X(self_rate) X(per_day) X(on_price) X(below_fund) X(excess_hospital) X(of_total) X(counts) X(once) X(accumulate) X(so_far) \
  X(carry) X(carries)
#define YB_KEY_FIELDS(X) X(counter) X(period) X(scope) X(value)
#define YB_FEED_FIELDS(X) X(key) X(layer) X(quantity) X(which) X(sign)
#define YB_BAND_FIELDS(X) X(to) X(rate) X(payer)
#define YB_CEILING_FIELDS(X) X(on) X(limit) X(key) X(as_expense)
#define YB_BASE_FIELDS(X) X(bucket) X(part) X(rate)
#define YB_STANDARD_FIELDS(X) \
  X(amount) \
  X(edit_begin) \
  X(edit_end) \
  X(rule) X(value_begin) X(value_end) X(floor) X(unit) X(mode) X(waived) X(repeat) X(key) X(high_key) X(charged) X(link_id) X(link_days) \
  X(within_days) X(against_used) X(after_rate) X(in_catalogue)
#define YB_EDIT_FIELDS(X) X(kind) X(value)
#define YB_AMOUNT_FIELDS(X) \
  X(kind) \
  X(value) \
  X(key) \
  X(row_begin) X(row_end) X(base) X(factor) X(of) X(of_field) X(of_times) X(over) X(step) X(count_field) X(beyond) X(least) X(most) \
  X(unit) X(mode)
#define YB_ROW_FIELDS(X) X(upto) X(value)
// clang-format on

#define YB_MEMBER(name) std::int64_t name;
struct PlanRow {
  YB_PLAN_FIELDS(YB_MEMBER)
};
struct LayerRow {
  YB_LAYER_FIELDS(YB_MEMBER)
};
struct KeyRow {
  YB_KEY_FIELDS(YB_MEMBER)
};
struct FeedRow {
  YB_FEED_FIELDS(YB_MEMBER)
};
struct BandRow {
  YB_BAND_FIELDS(YB_MEMBER)
};
struct CeilingRow {
  YB_CEILING_FIELDS(YB_MEMBER)
};
struct BaseRow {
  YB_BASE_FIELDS(YB_MEMBER)
};
struct StandardRow {
  YB_STANDARD_FIELDS(YB_MEMBER)
};
struct EditRow {
  YB_EDIT_FIELDS(YB_MEMBER)
};
struct AmountRow {
  YB_AMOUNT_FIELDS(YB_MEMBER)
};
struct UptoRow {
  YB_ROW_FIELDS(YB_MEMBER)
};
#undef YB_MEMBER

// `values` holds what lists of single numbers need: admission entries (amounts or ppm) and account buckets.
struct Program {
  std::span<const PlanRow> plans;
  std::span<const LayerRow> layers;
  std::span<const KeyRow> keys;
  std::span<const FeedRow> feeds;
  std::span<const BandRow> bands;
  std::span<const CeilingRow> ceilings;
  std::span<const BaseRow> bases;
  std::span<const StandardRow> standards;
  std::span<const EditRow> edits;
  std::span<const AmountRow> amounts;
  std::span<const UptoRow> uptos;
  std::span<const std::int64_t> values;
};

// The name of a table with a row that points outside or holds an impossible number, or null.
[[nodiscard]] const char* invalid(const Program& program) noexcept;

}  // namespace ybcore
