// Settling: events in order, group by group, through their plans.
//
// Meaning   docs/settlement.md sections 4 to 8. An event is a visit, one part of a split stay (parts of a visit stand together in the
//           order), or a reversal.
// Units     Columns out in fen (pool_prop_selfpay in ppm); natures in units of money of the event's plan; state in millionths of a fen.
// Requires  Spans as long as said, ids unique among visits that take part; a person, and a household, in one group only; no more than
//           2^31 events.
// Gives     One row of columns per visit, outcomes and reasons, and what closing state needs when asked, by group. The same bytes for any
//           number of threads.
// Fails     kConservation with the row when money was lost or invented, which would be a fault of the kernel; business outcomes are
//           values.
// Cost      No allocation per row once the workspace has grown to the largest group; scratch of 128 bytes an event, and of 280 a visit in
//           partitions whose numbers are too many or too large for the records' place.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ybcore/ledger.hpp"
#include "ybcore/order.hpp"
#include "ybcore/policy.hpp"

namespace ybcore {

enum class Outcome : std::uint8_t { kSettled = 0, kNoBenefit = 1, kNotEnrolled = 2, kRejected = 3, kPending = 255 };
enum class Reason : std::uint8_t {
  kFine,
  kBadValue,
  kDuplicate,
  kUnknownPerson,
  kNotEnrolled,
  kNoPolicy,
  kBadSplit,
  kNegativeBucket,
  kNoFigure,
  kMissingValue,
  kUnknownOriginal,
  kOtherPerson,
  kReversalOfReversal,
  kReversalBeforeOriginal,
  kOriginalNotSettled,
  kAlreadyReversed,
  kOverflow
};

// Columns of a row, in output order.
// clang-format off
#define YB_COLUMNS(X) \
  X(medfee_sumamt) \
  X(fulamt_ownpay_amt) \
  X(overlmt_selfpay) \
  X(preselfpay_amt) X(inscp_scp_amt) X(dedc_std) X(crt_dedc) X(act_pay_dedc) X(hifp_pay) X(cvlserv_pay) X(hifes_pay) X(hifmi_pay) \
  X(hifob_pay) X(hifdm_pay) X(maf_pay) X(oth_pay) X(fund_pay_sumamt) X(hosp_part_amt) X(psn_part_amt) X(acct_pay) X(acct_mulaid_pay) \
  X(psn_cash_pay) X(burden_full_self_pay) X(burden_over_limit) X(burden_first_pay) X(burden_in_scope) X(burden_direct) \
  X(burden_deductible) X(burden_copay) X(burden_over_ceiling) X(cut_fund) X(cut_expense) X(pool_prop_selfpay) X(balc)
// clang-format on

#define YB_COLUMN(name) c_##name,
enum Column : std::size_t { YB_COLUMNS(YB_COLUMN) kColumns };
#undef YB_COLUMN
inline constexpr std::size_t kMoneyColumns = c_pool_prop_selfpay;

#define YB_DETAIL_FIELDS(X) X(layer) X(payer) X(base) X(eligible) X(dedc_std) X(due) X(deductible) X(pay) X(cut_fund) X(cut_expense) X(room)
#define YB_DETAIL(name) std::int64_t name;
struct DetailRow {
  YB_DETAIL_FIELDS(YB_DETAIL)
};
#undef YB_DETAIL

// Columns by event unless said otherwise.
struct Events {
  std::span<const std::int64_t> visit;  // row of the visit; empty: each visit is one event
  std::span<const std::int32_t> plan;   // -1: `reason` says why there is none
  std::span<const std::uint8_t> reason;
  std::span<const std::uint8_t> later;  // 1: not the first part of its visit; may be empty
  std::span<const std::int32_t> person, stay;
  std::span<const std::int32_t> household, donor, hospital, disease, linked_stay;  // may be empty: -1
  std::span<const std::int32_t> order_date, begndate, enddate, period_date, days;
  std::span<const std::uint8_t> acct_used;    // may be empty: 1
  std::span<const std::int64_t> init;         // reversals: row of the original; -2 - k settlement k of the opening state; else -1
  std::span<const std::uint8_t> is_reversal;  // this and `init` may be empty: there are none
  std::span<const std::int64_t> natures;      // stride 5 + 4 * tags: full, over, first, scope, direct, then four for each tag
  std::size_t tags;
  std::span<const std::int64_t> fields;       // by field, then by event; kMissing where null
  std::span<const std::int64_t> given;        // by payer (9), then by event, in fen; may be empty
  std::span<const std::int64_t> event_begin;  // by visit: its first event; one more than visits
  // By visit: its settling group, -1 for one that takes no part; and its place in time within it, ties by `ids`.
  std::span<const std::int32_t> group;
  std::span<const std::int64_t> first, second;  // second may be empty
  TieIds ids;
  std::int32_t groups;

  [[nodiscard]] std::size_t size() const { return plan.size(); }
};

// Account events by person, in the order they happen; `kind` 0 sets the balance, 1 adds to it.
struct AccountEvents {
  std::span<const std::int64_t> begin;
  std::span<const std::int32_t> date;
  std::span<const std::uint8_t> kind;
  std::span<const std::int64_t> amount;
};

// State as flat tables, in and out; counters and records name persons by their dense index.
struct CounterState {
  std::vector<SlotKey> key;
  std::vector<std::int64_t> value;
};
struct RecordState {
  std::vector<std::int64_t> row;  // out: of the visit, or -2 - k
  std::vector<std::int32_t> person, stay, scheme, enddate, has_account;
  std::vector<std::int64_t> columns;  // in: kColumns of each
  std::vector<std::int64_t> contribution_begin, admission_begin, standard_begin, used_begin, move_begin;
  std::vector<SlotKey> contribution_key, admission_key, standard_key;
  std::vector<std::int64_t> contribution_amount, standard_amount, used, chain_standard, chain_used, move_amount;
  std::vector<std::int32_t> admission_stay, admission_number, used_layer, move_person;
};
struct State {
  CounterState counters;
  RecordState records;
};

// What an id of an earlier run is when it no longer stands.
inline constexpr std::uint8_t kStranger = 0;  // of another person, or standing
inline constexpr std::uint8_t kWasReversed = 1;
inline constexpr std::uint8_t kWasReversal = 2;
inline constexpr std::uint8_t kWasRefused = 3;

// Rows of the opening state by group (CSR over groups), and what is known of every id of earlier runs.
struct Opening {
  const State* state = nullptr;
  std::span<const std::int64_t> counter_begin, record_begin;  // groups + 1
  std::span<const std::uint8_t> known_before;                 // by k of an `init` of -2 - k: the standing ones, then all others
};

// What a run writes as it goes.
struct Outputs {
  std::span<std::int64_t> balance;          // by person: in opening, out closing
  std::span<std::int64_t> account_cursor;   // by person: next account event
  std::span<std::int32_t> account_through;  // by person: last day applied; INT32_MIN never
  std::span<DetailRow> detail;              // kMaxLayers rows an event, or empty
  std::span<std::uint8_t> detail_count;     // by event
  std::span<std::uint8_t> state_reversed;   // by opening settlement
};

enum class Code : std::uint8_t { kOk = 0, kConservation = 1 };
struct Status {
  Code code;
  std::int64_t row;
};

[[nodiscard]] const char* sentence(Code code) noexcept;

// The name of a column of events that points outside, or null.
[[nodiscard]] const char* invalid(const Program& program, const Events& events, std::size_t persons) noexcept;

// A run whose results still stand by partition. Its events must outlive it.
class Settled {
 public:
  Settled(Settled&&) noexcept;
  Settled(const Settled&) = delete;
  Settled& operator=(const Settled&) = delete;
  Settled& operator=(Settled&&) = delete;
  ~Settled();

  Status status{Code::kOk, 0};
  std::vector<State> closing;  // when asked for: one a chunk, in the order of the groups

  // Bit c: some visit has something in column c.
  [[nodiscard]] std::uint64_t live() const;
  // Writes columns (kColumns runs of the visits; null for one that nobody wrote) and what became of each visit, once: memory goes back as
  // it is read. Visits that took no part get zeros; their outcome, reason and plan stay as they are.
  void write(const std::array<std::int64_t*, kColumns>& columns, std::span<std::uint8_t> outcome, std::span<std::uint8_t> reason,
             std::span<std::int32_t> plan, std::span<std::uint8_t> reversed, int threads);

 private:
  friend Settled settle(const Program&, const Events&, const AccountEvents&, const Opening&, const Outputs&, bool, int);
  Settled();
  std::unique_ptr<class Partitions> partitions_;
};

[[nodiscard]] Settled settle(const Program& program, const Events& events, const AccountEvents& accounts, const Opening& opening,
                             const Outputs& out, bool want_closing, int threads);

}  // namespace ybcore
