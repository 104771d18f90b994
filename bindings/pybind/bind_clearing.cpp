// Clearing: columns and decision tables in, columns out.
#include "events.hpp"
#include "ybcore/clearing.hpp"

namespace ybcore::bind {
namespace {

namespace c = ybcore::clearing;

// A column that need not be there, of any length: `invalid` looks at lengths.
template <class T>
std::span<const T> column(const py::dict& from, const char* name, Kept& kept) {
  if (!from.contains(name) || from[name].is_none()) return {};
  return kept.view<T>(from, name);
}

c::Cases cases_of(const py::dict& from, Kept& kept) {
  c::Cases cases{};
  cases.cell = column<std::int32_t>(from, "cell", kept);
  cases.group = column<std::int32_t>(from, "group", kept);
  cases.month = column<std::int32_t>(from, "month", kept);
  cases.days = column<std::int32_t>(from, "days", kept);
  cases.broken = column<std::uint8_t>(from, "broken", kept);
  cases.exempt = column<std::uint8_t>(from, "exempt", kept);
  cases.person = column<std::int32_t>(from, "person", kept);
  cases.institution = column<std::int32_t>(from, "institution", kept);
  cases.code = column<std::int32_t>(from, "code", kept);
  cases.begin = column<std::int32_t>(from, "begin", kept);
  cases.end = column<std::int32_t>(from, "end", kept);
  const std::pair<const char*, std::span<const std::int64_t>*> amounts[] = {
      {"medfee_sumamt", &cases.medfee}, {"fulamt_ownpay_amt", &cases.own},       {"overlmt_selfpay", &cases.over},
      {"preselfpay_amt", &cases.first}, {"act_pay_dedc", &cases.deductible},     {"fund_pay_sumamt", &cases.fund},
      {"oth_fund_amt", &cases.other},   {"psn_part_amt", &cases.patient},        {"psn_cash_pay", &cases.cash},
      {"acct_pay", &cases.account},     {"exct_item_amt", &cases.carved},        {"exct_item_fund_payamt", &cases.carved_fund},
      {"fund_rate", &cases.rate},       {"review_points", &cases.review_points}, {"review_amt", &cases.review_amount},
  };
  for (const auto& [name, to] : amounts) *to = column<std::int64_t>(from, name, kept);
  cases.ids.numbers = column<std::int64_t>(from, "numbers", kept);
  cases.ids.offsets = column<std::int64_t>(from, "offsets", kept);
  const auto bytes = column<std::uint8_t>(from, "bytes", kept);
  cases.ids.bytes = reinterpret_cast<const char*>(bytes.data());
  return cases;
}

// Columns of cases are written whole.
template <class T>
std::span<T> put(py::dict& into, const char* name, std::size_t size, bool whole = false) {
  auto array = whole ? lent<T>(size) : filled<T>(size, T{0});
  into[name] = array;
  return written(array);
}

py::dict py_clear(const py::dict& plan, const py::dict& cases, int threads, bool multiples) {
  Kept kept;
  c::Job job{};
  job.cells = kept.rows<c::Cell>(plan, "cells");
  job.groups = {column<std::int64_t>(plan, "group_points", kept), column<std::int64_t>(plan, "group_weight", kept),
                column<std::int64_t>(plan, "group_mean", kept), column<std::int64_t>(plan, "group_amount", kept),
                column<std::uint8_t>(plan, "group_bed_day", kept)};
  job.cases = cases_of(cases, kept);
  job.pools = {column<std::int64_t>(plan, "pool_budget", kept), column<std::int64_t>(plan, "pool_reserve", kept),
               column<std::int64_t>(plan, "pool_ratio", kept),  column<std::int64_t>(plan, "pool_adds", kept),
               column<std::int64_t>(plan, "pool_share", kept),  column<std::int64_t>(plan, "pool_grid", kept),
               column<std::int32_t>(plan, "pool_balance", kept)};
  job.years = {kept.rows<c::Unit>(plan, "units"), kept.rows<c::Step>(plan, "steps"), column<std::int64_t>(plan, "months", kept),
               column<std::int32_t>(plan, "month_pool", kept)};
  const auto balances = plan["balances"].cast<std::size_t>();
  if (const char* what = c::invalid(job)) throw std::invalid_argument(std::string("the column ") + what + " of the clearing is not sound");
  for (const std::int32_t at : job.pools.balance)
    if (at < 0 || static_cast<std::size_t>(at) >= balances) throw std::invalid_argument("a pool has no balance");
  for (const c::Unit& unit : job.years.units)
    if (unit.balance >= static_cast<std::int64_t>(balances)) throw std::invalid_argument("a unit has no balance");
  const std::size_t rows = job.cases.cell.size();
  const std::size_t pools = job.pools.budget.size();
  const std::size_t months = job.years.month.size();
  if (job.cases.ids.numbers.size() != rows && job.cases.ids.offsets.size() != rows + 1) throw std::invalid_argument("ids are missing");
  py::dict out;
  c::CaseResults results{put<std::uint8_t>(out, "kind", rows, true),
                         put<std::uint8_t>(out, "way", rows, true),
                         put<std::uint8_t>(out, "cut", rows, true),
                         put<std::int64_t>(out, "points", rows, true),
                         put<std::int64_t>(out, "standard", rows, true),
                         put<std::int64_t>(out, "payment", rows, true),
                         {},
                         {}};
  if (multiples) {
    results.multiple = put<std::int64_t>(out, "multiple", rows, true);
    results.high_edge = put<std::int64_t>(out, "high_edge", rows, true);
  }
  const c::PoolResults pooled{put<std::int64_t>(out, "pool_cases", pools),   put<std::int64_t>(out, "pool_points", pools),
                              put<std::int64_t>(out, "pool_reserve", pools), put<std::int64_t>(out, "pool_first", pools),
                              put<std::int64_t>(out, "pool_adds", pools),    put<std::int64_t>(out, "pool_shared", pools),
                              put<std::int64_t>(out, "pool_value", pools),   put<std::int64_t>(out, "pool_standard", pools)};
  const c::YearResults years{put<std::int64_t>(out, "sums", months * c::kSums), put<std::int64_t>(out, "advance", months),
                             put<std::int64_t>(out, "years", job.years.units.size() * c::kYear),
                             put<std::int64_t>(out, "balances", balances * 5)};
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
  m.def("clear", &py_clear, py::arg("plan"), py::arg("cases"), py::arg("threads"), py::arg("multiples") = true,
        "Clear cases; columns of cases, pools, months, units and balances; see core/include/ybcore/clearing.hpp. `multiples`: with the "
        "columns "
        "multiple and high_edge.");
}

}  // namespace ybcore::bind
