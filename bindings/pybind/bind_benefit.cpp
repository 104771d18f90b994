// Cash benefits: claims and rules in, amounts out.
#include "events.hpp"
#include "ybcore/benefit.hpp"

namespace ybcore::bind {
namespace {

py::dict py_benefits(const py::dict& rules, const py::dict& claims) {
  Kept kept;
  const auto table = kept.rows<BenefitRule>(rules, "rules");
  const auto steps = kept.rows<BirthStep>(rules, "steps");
  const auto rule = kept.view<std::int32_t>(claims, "rule");
  const std::size_t rows = rule.size();
  const Claims given{rule, kept.view<std::int64_t>(claims, "base", rows), kept.view<std::int64_t>(claims, "count", rows),
                     kept.view<std::int64_t>(claims, "births", rows)};
  for (const std::int32_t at : rule)
    if (at < -1 || at >= static_cast<std::int64_t>(table.size())) throw std::invalid_argument("a claim names no rule");
  for (const BenefitRule& one : table)
    if (one.unit < 1 || one.mode < 0 || one.mode > 3 || one.step_begin < 0 || one.step_end > static_cast<std::int64_t>(steps.size()))
      throw std::invalid_argument("a rule of benefits is not sound");
  py::dict out;
  const char* const names[] = {"count", "allowance", "lump", "pay"};
  std::span<std::int64_t> columns[4];
  for (std::size_t k = 0; k < 4; ++k) {
    auto array = filled<std::int64_t>(rows, 0);
    out[names[k]] = array;
    columns[k] = written(array);
  }
  bool held = false;
  {
    py::gil_scoped_release release;
    held = pay_benefits(table, steps, given, {columns[0], columns[1], columns[2], columns[3]});
  }
  if (!held) throw std::overflow_error("a benefit is larger than can be held");
  return out;
}

}  // namespace

void bind_benefit(py::module_& m) {
  m.def("benefits", &py_benefits, py::arg("rules"), py::arg("claims"),
        "Pay claims; columns count, allowance, lump, pay; see core/include/ybcore/benefit.hpp.");
}

}  // namespace ybcore::bind
