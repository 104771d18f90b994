// A program of several plans, written by hand as a compiler of documents would write it.
//
// Meaning   Two schemes: employees (in and out of hospital, accounts) and residents (exact values, settled on the year's total), with
//           every kind of layer, deductible, ceiling and period that the kernel knows.
// Units     Amounts in fen, rates in ppm, as in ybcore/policy.hpp.
// Requires  A plan is opened, gets its layers and feeds, and is closed before the next. A field that is not set is -1, "none".
// Gives     Tables that live as long as the scheme.
// Fails     Never; whether the tables are sound is asked by the caller.
// Cost      None worth naming.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "ybcore/policy.hpp"

namespace ybcore::bench {

enum PlanNumber : std::int32_t { kEmployeeIn, kEmployeeOut, kEmployeeBig, kResidentIn, kResidentOut, kNoBenefits, kPlans };
inline constexpr std::size_t kSchemeTags = 1;
inline constexpr std::size_t kSchemeFields = 2;

class Scheme {
 public:
  Scheme();
  [[nodiscard]] Program view() const;
  [[nodiscard]] std::int64_t scale(std::int32_t plan) const { return plans_[static_cast<std::size_t>(plan)].scale; }

 private:
  std::vector<PlanRow> plans_;
  std::vector<LayerRow> layers_;
  std::vector<KeyRow> keys_;
  std::vector<FeedRow> feeds_;
  std::vector<BandRow> bands_;
  std::vector<CeilingRow> ceilings_;
  std::vector<BaseRow> bases_;
  std::vector<StandardRow> standards_;
  std::vector<EditRow> edits_;
  std::vector<AmountRow> amounts_;
  std::vector<UptoRow> uptos_;
  std::vector<std::int64_t> values_;

  struct Part {
    std::int64_t bucket, rate = -1, part = 1'000'000;
  };
  struct Band {
    std::int64_t to, rate, payer = -1;  // `to` in fen, -1 open
  };

  PlanRow& open(std::int64_t scheme, std::int64_t scale);
  void close();
  [[nodiscard]] std::int64_t key(std::int64_t counter, Period period, Scope scope = Scope::kPerson, std::int64_t value = -1);
  [[nodiscard]] std::int64_t amount(std::int64_t fen);
  [[nodiscard]] std::int64_t plus_field(std::int64_t fen, std::int64_t share, std::int64_t field, std::int64_t most);
  [[nodiscard]] std::int64_t by_counter(std::int64_t key, std::initializer_list<std::int64_t> upto_and_value);
  StandardRow& standard(LayerRow& layer, std::int64_t fen, Repeat repeat);
  void admissions(StandardRow& row, AdmissionRule rule, std::initializer_list<std::int64_t> values);
  void edit(StandardRow& row, Edit kind, std::int64_t value);
  LayerRow& layer(LayerKind kind, std::int64_t payer, std::initializer_list<Part> base);
  void bands(LayerRow& layer, std::initializer_list<Band> bands);
  void ceiling(LayerRow& layer, On on, std::int64_t fen, std::int64_t key, bool as_expense = false);
  // Counts a quantity of the layer that was added last (or of none, for visits and payers).
  void feed(std::int64_t key, Quantity quantity, std::int64_t which = -1, std::int64_t sign = 1);

  void employee_in();
  void employee_out();
  void employee_big();
  void resident_in();
  void resident_out();
};

}  // namespace ybcore::bench
