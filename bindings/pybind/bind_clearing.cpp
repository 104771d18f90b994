// Clearing: columns and decision tables in, columns out.
#include <cstring>

#include "arrays.hpp"
#include "ybcore/clearing.hpp"

namespace ybcore::bind {
namespace {

namespace c = ybcore::clearing;

// What a call borrows, for as long as it runs.
class Lent {
 public:
  template <class T>
  std::span<const T> column(const py::dict& from, const char* name) {
    if (!from.contains(name) || from[name].is_none()) return {};
    const py::object given = from[name];
    if (!py::isinstance<In<T>>(given)) throw py::type_error(std::string(name) + " has another dtype, or is not contiguous");
    kept_.push_back(given);
    const auto array = py::reinterpret_borrow<In<T>>(given);
    return {array.data(), static_cast<std::size_t>(array.size())};
  }
  // Rows of whole numbers as records.
  template <class Record>
  std::span<const Record> records(const py::dict& from, const char* name, std::vector<Record>& into) {
    const auto numbers = column<std::int64_t>(from, name);
    constexpr std::size_t kWidth = sizeof(Record) / sizeof(std::int64_t);
    if (numbers.size() % kWidth != 0) throw std::invalid_argument(std::string(name) + " is not whole records");
    into.resize(numbers.size() / kWidth);
    if (!into.empty()) std::memcpy(static_cast<void*>(into.data()), numbers.data(), numbers.size() * sizeof(std::int64_t));
    return into;
  }

 private:
  std::vector<py::object> kept_;
};

c::Cases cases_of(const py::dict& from, Lent& lent) {
  c::Cases cases{};
  cases.cell = lent.column<std::int32_t>(from, "cell");
  cases.group = lent.column<std::int32_t>(from, "group");
  cases.month = lent.column<std::int32_t>(from, "month");
  cases.pool = lent.column<std::int32_t>(from, "pool");
  cases.days = lent.column<std::int32_t>(from, "days");
  cases.broken = lent.column<std::uint8_t>(from, "broken");
  cases.exempt = lent.column<std::uint8_t>(from, "exempt");
  cases.person = lent.column<std::int32_t>(from, "person");
  cases.institution = lent.column<std::int32_t>(from, "institution");
  cases.code = lent.column<std::int32_t>(from, "code");
  cases.begin = lent.column<std::int32_t>(from, "begin");
  cases.end = lent.column<std::int32_t>(from, "end");
  const std::pair<const char*, std::span<const std::int64_t>*> amounts[] = {
      {"medfee_sumamt", &cases.medfee}, {"fulamt_ownpay_amt", &cases.own},       {"overlmt_selfpay", &cases.over},
      {"preselfpay_amt", &cases.first}, {"act_pay_dedc", &cases.deductible},     {"fund_pay_sumamt", &cases.fund},
      {"oth_fund_amt", &cases.other},   {"psn_part_amt", &cases.patient},        {"psn_cash_pay", &cases.cash},
      {"acct_pay", &cases.account},     {"exct_item_amt", &cases.carved},        {"exct_item_fund_payamt", &cases.carved_fund},
      {"fund_rate", &cases.rate},       {"review_points", &cases.review_points}, {"review_amt", &cases.review_amount},
  };
  for (const auto& [name, column] : amounts) *column = lent.column<std::int64_t>(from, name);
  cases.ids.numbers = lent.column<std::int64_t>(from, "numbers");
  cases.ids.offsets = lent.column<std::int64_t>(from, "offsets");
  const auto bytes = lent.column<std::uint8_t>(from, "bytes");
  cases.ids.bytes = reinterpret_cast<const char*>(bytes.data());
  return cases;
}

template <class T>
std::span<T> put(py::dict& into, const char* name, std::size_t size) {
  auto array = filled<T>(size, T{0});
  into[name] = array;
  return written(array);
}

py::dict py_clear(const py::dict& plan, const py::dict& cases, int threads) {
  Lent lent;
  std::vector<c::Cell> cells;
  std::vector<c::Unit> units;
  std::vector<c::Step> steps;
  c::Job job{};
  job.cells = lent.records(plan, "cells", cells);
  job.groups = {lent.column<std::int64_t>(plan, "group_points"), lent.column<std::int64_t>(plan, "group_weight"),
                lent.column<std::int64_t>(plan, "group_mean"), lent.column<std::int64_t>(plan, "group_amount"),
                lent.column<std::uint8_t>(plan, "group_bed_day")};
  job.cases = cases_of(cases, lent);
  job.pools = {lent.column<std::int64_t>(plan, "pool_budget"), lent.column<std::int64_t>(plan, "pool_reserve"),
               lent.column<std::int64_t>(plan, "pool_ratio"),  lent.column<std::int64_t>(plan, "pool_adds"),
               lent.column<std::int64_t>(plan, "pool_share"),  lent.column<std::int64_t>(plan, "pool_grid"),
               lent.column<std::int32_t>(plan, "pool_balance")};
  job.years = {lent.records(plan, "units", units), lent.records(plan, "steps", steps), lent.column<std::int64_t>(plan, "months")};
  const auto balances = plan["balances"].cast<std::size_t>();
  if (const char* what = c::invalid(job)) throw std::invalid_argument(std::string("the column ") + what + " of the clearing is not sound");
  for (const std::int32_t at : job.pools.balance)
    if (at < 0 || static_cast<std::size_t>(at) >= balances) throw std::invalid_argument("a pool has no balance");
  for (const c::Unit& unit : units)
    if (unit.balance >= static_cast<std::int64_t>(balances)) throw std::invalid_argument("a unit has no balance");
  const std::size_t rows = job.cases.cell.size();
  const std::size_t pools = job.pools.budget.size();
  const std::size_t months = job.years.month.size();
  if (job.cases.ids.numbers.size() != rows && job.cases.ids.offsets.size() != rows + 1) throw std::invalid_argument("ids are missing");
  py::dict out;
  const c::CaseResults results{put<std::uint8_t>(out, "kind", rows),    put<std::uint8_t>(out, "way", rows),
                               put<std::uint8_t>(out, "cut", rows),     put<std::int64_t>(out, "multiple", rows),
                               put<std::int64_t>(out, "points", rows),  put<std::int64_t>(out, "standard", rows),
                               put<std::int64_t>(out, "payment", rows), put<std::int64_t>(out, "high_edge", rows)};
  const c::PoolResults pooled{put<std::int64_t>(out, "pool_cases", pools),   put<std::int64_t>(out, "pool_points", pools),
                              put<std::int64_t>(out, "pool_reserve", pools), put<std::int64_t>(out, "pool_first", pools),
                              put<std::int64_t>(out, "pool_adds", pools),    put<std::int64_t>(out, "pool_shared", pools),
                              put<std::int64_t>(out, "pool_value", pools),   put<std::int64_t>(out, "pool_standard", pools)};
  const c::YearResults years{put<std::int64_t>(out, "sums", months * c::kSums), put<std::int64_t>(out, "advance", months),
                             put<std::int64_t>(out, "years", units.size() * c::kYear), put<std::int64_t>(out, "balances", balances * 5)};
  c::Status status{};
  {
    py::gil_scoped_release release;
    status = c::clear(job, results, pooled, years, threads);
  }
  out["code"] = static_cast<int>(status.code);
  out["row"] = status.row;
  out["sentence"] = c::sentence(status.code);
  return out;
}

}  // namespace

void bind_clearing(py::module_& m) {
  m.def("clear", &py_clear, py::arg("plan"), py::arg("cases"), py::arg("threads"),
        "Clear cases; columns of cases, pools, months, units and balances; see core/include/ybcore/clearing.hpp.");
}

}  // namespace ybcore::bind
