// K10, K11: supply, courses and doses; ranked operations.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "borrowed.hpp"
#include "ybcore/checks/supply.hpp"
#include "ybcore/checks/tier.hpp"

namespace ybcore::bind {
namespace {

using namespace borrowed;

py::dict py_supply(const std::string& form, const Figures& begin, const Days& day, const Figures& quantity,
                   const std::optional<Figures>& days, const std::optional<Figures>& dose, const std::optional<Figures>& times,
                   const Figures& most, const std::optional<Days>& entry, const std::string& compared, bool packs, bool span,
                   std::int64_t reset, int threads) {
  const auto rows = static_cast<std::size_t>(day.size());
  const std::size_t which = named(form, std::array{"prescription_days", "course", "overlap"}, "form");
  if (dose.has_value() != times.has_value()) wrong("times", "goes with dose");
  const checks::Supply lines{offsets(begin, rows),
                             span_of(day),
                             column(quantity, rows, "quantity"),
                             column(days, rows, "days"),
                             column(dose, rows, "dose"),
                             column(times, rows, "times"),
                             column(most, rows, "limit"),
                             column(entry, rows, "entry")};
  const checks::SupplyRule rule{comparator(compared), packs, span, reset};
  if (rule.comparator > checks::Comparator::kAtLeast) wrong("comparator", "must be more_than or at_least");
  return found_by([&] {
    if (which == 0) return checks::prescription_days(lines, rule, threads);
    return which == 1 ? checks::course(lines, rule, threads) : checks::supply_overlap(lines, rule, threads);
  });
}

py::dict py_dose(const Figures& dose, const Figures& times, const Figures& most, const std::optional<Days>& entry,
                 const std::string& compared, int threads) {
  const auto rows = static_cast<std::size_t>(dose.size());
  const auto doses = span_of(dose), often = column(times, rows, "times"), limit = column(most, rows, "limit");
  const auto entries = column(entry, rows, "entry");
  const checks::Comparator by = comparator(compared);
  return found_by([&] { return checks::daily_dose(doses, often, limit, entries, by, threads); });
}

py::dict py_tier(const Figures& begin, const Days& item, const Figures& quantity, const Figures& amount, const Figures& price,
                 const Figures& group_begin, const Days& group, std::int32_t groups, const Figures& factors, int threads) {
  const auto rows = static_cast<std::size_t>(item.size());
  if (groups < 0) wrong("groups", "is negative");
  if (factors.size() == 0) wrong("factors", "is empty");
  const checks::TierRule rule{offsets(group_begin, static_cast<std::size_t>(group.size()), "group_begin"),
                              codes(span_of(group), 0, groups, "group"), groups, at_least(span_of(factors), 0, "factors")};
  const checks::Operations lines{offsets(begin, rows), codes(span_of(item), -1, group_begin.size() - 1, "item"),
                                 column(quantity, rows, "quantity"), column(amount, rows, "amount"), column(price, rows, "price")};
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
