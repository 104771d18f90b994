// K10, K11: supply, courses and doses; ranked operations.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "checked.hpp"
#include "ybcore/checks/supply.hpp"
#include "ybcore/checks/tier.hpp"

namespace ybcore::bind {
namespace {

py::dict py_supply(const std::string& form, const I64& begin, const I32& day, const I64& quantity, const Maybe<std::int64_t>& days,
                   const Maybe<std::int64_t>& dose, const Maybe<std::int64_t>& times, const I64& most, const Maybe<std::int32_t>& entry,
                   const std::string& compared, bool packs, bool span, std::int64_t reset, int threads) {
  const auto rows = static_cast<std::size_t>(day.size());
  const std::size_t which = named(form, std::array{"prescription_days", "course", "overlap"}, "form");
  if (dose.has_value() != times.has_value()) refuse("times", "goes with dose");
  const checks::Supply lines{offsets_of(begin, rows),
                             span_of(day),
                             rows_of(quantity, rows, "quantity"),
                             rows_of(days, rows, "days"),
                             rows_of(dose, rows, "dose"),
                             rows_of(times, rows, "times"),
                             rows_of(most, rows, "limit"),
                             rows_of(entry, rows, "entry")};
  const checks::SupplyRule rule{comparator_of(compared), packs, span, reset};
  if (rule.comparator > checks::Comparator::kAtLeast) refuse("comparator", "must be more_than or at_least");
  return found_by([&] {
    if (which == 0) return checks::prescription_days(lines, rule, threads);
    return which == 1 ? checks::course(lines, rule, threads) : checks::supply_overlap(lines, rule, threads);
  });
}

py::dict py_dose(const I64& dose, const I64& times, const I64& most, const Maybe<std::int32_t>& entry, const std::string& compared,
                 int threads) {
  const auto rows = static_cast<std::size_t>(dose.size());
  const auto doses = span_of(dose), often = rows_of(times, rows, "times"), limit = rows_of(most, rows, "limit");
  const auto entries = rows_of(entry, rows, "entry");
  const checks::Comparator by = comparator_of(compared);
  return found_by([&] { return checks::daily_dose(doses, often, limit, entries, by, threads); });
}

py::dict py_tier(const I64& begin, const I32& item, const I64& quantity, const I64& amount, const I64& price, const I64& group_begin,
                 const I32& group, std::int32_t groups, const I64& factors, int threads) {
  const auto rows = static_cast<std::size_t>(item.size());
  if (groups < 0) refuse("groups", "is negative");
  if (factors.size() == 0) refuse("factors", "is empty");
  const checks::TierRule rule{offsets_of(group_begin, static_cast<std::size_t>(group.size()), "group_begin"),
                              within(span_of(group), 0, groups, "group"), groups, at_least(span_of(factors), 0, "factors")};
  const checks::Operations lines{offsets_of(begin, rows), within(span_of(item), -1, group_begin.size() - 1, "item"),
                                 rows_of(quantity, rows, "quantity"), rows_of(amount, rows, "amount"), rows_of(price, rows, "price")};
  return found_by([&] { return checks::tier(lines, rule, threads); });
}

}  // namespace

void bind_checks_supply(py::module_& m) {
  m.def("check_supply", &py_supply, py::arg("form"), py::arg("begin").noconvert(), py::arg("day").noconvert(),
        py::arg("quantity").noconvert(), py::arg("days").noconvert(), py::arg("dose").noconvert(), py::arg("times").noconvert(),
        py::arg("limit").noconvert(), py::arg("entry").noconvert(), py::arg("comparator") = "more_than", py::arg("packs") = false,
        py::arg("span") = false, py::arg("reset") = -1, py::arg("threads") = 1, "K10: prescription_days, course or overlap.");
  m.def("check_daily_dose", &py_dose, py::arg("dose").noconvert(), py::arg("times").noconvert(), py::arg("limit").noconvert(),
        py::arg("entry").noconvert(), py::arg("comparator"), py::arg("threads") = 1, "K10: doses a day.");
  m.def("check_tier", &py_tier, py::arg("begin").noconvert(), py::arg("item").noconvert(), py::arg("quantity").noconvert(),
        py::arg("amount").noconvert(), py::arg("price").noconvert(), py::arg("group_begin").noconvert(), py::arg("group").noconvert(),
        py::arg("groups"), py::arg("factors").noconvert(), py::arg("threads") = 1, "K11: operations ranked by price.");
}

}  // namespace ybcore::bind
