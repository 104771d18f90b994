// K13: ratios.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "checked.hpp"
#include "ybcore/checks/ratio.hpp"

namespace ybcore::bind {
namespace {

checks::Ratios ratios(const I64& numerator, const I64& denominator, std::int64_t up, std::int64_t down, std::int64_t min_sample) {
  if (up < 1) refuse("up", "is below 1");
  if (down < 1) refuse("down", "is below 1");
  return {span_of(numerator), rows_of(denominator, static_cast<std::size_t>(numerator.size()), "denominator"), up, down, min_sample};
}

py::array_t<std::int64_t> py_ratio(const I64& numerator, const I64& denominator, std::int64_t up, std::int64_t down,
                                   std::int64_t min_sample) {
  const checks::Ratios cells = ratios(numerator, denominator, up, down, min_sample);
  std::vector<std::int64_t> out(cells.numerator.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = checks::ratio_of(cells, i);
  return owned(std::move(out));
}

py::dict py_fixed(const I64& numerator, const I64& denominator, const std::string& compared, std::int64_t value, std::int64_t up,
                  std::int64_t down, std::int64_t min_sample, int threads) {
  const checks::Ratios cells = ratios(numerator, denominator, up, down, min_sample);
  const checks::RatioTest test{comparator_of(compared), value};
  return found_by([&] { return checks::ratio_fixed(cells, test, threads); });
}

py::dict py_change(const I64& numerator, const I64& denominator, const I32& before, const std::string& compared, std::int64_t value,
                   std::int64_t up, std::int64_t down, std::int64_t min_sample, int threads) {
  const checks::Ratios cells = ratios(numerator, denominator, up, down, min_sample);
  const auto base = within(rows_of(before, cells.numerator.size(), "before"), -1, numerator.size(), "before");
  const checks::RatioTest test{comparator_of(compared), value};
  return found_by([&] { return checks::ratio_change(cells, base, test, threads); });
}

py::dict py_peer(const I64& numerator, const I64& denominator, const I64& begin, const std::string& statistic, const std::string& compared,
                 std::int64_t value, std::int64_t up, std::int64_t down, std::int64_t min_sample, int threads) {
  const checks::Ratios cells = ratios(numerator, denominator, up, down, min_sample);
  const auto groups = offsets_of(begin, cells.numerator.size());
  const auto by = static_cast<checks::Statistic>(named(statistic, std::array{"z", "mad", "percentile"}, "statistic"));
  const checks::RatioTest test{comparator_of(compared), value};
  return found_by([&] { return checks::ratio_peer(cells, groups, by, test, threads); });
}

}  // namespace

void bind_checks_ratio(py::module_& m) {
  m.def("ratios", &py_ratio, py::arg("numerator").noconvert(), py::arg("denominator").noconvert(), py::arg("up"), py::arg("down"),
        py::arg("min_sample") = 0, "Ratios in millionths, INT64_MIN where unknown.");
  m.def("check_ratio_fixed", &py_fixed, py::arg("numerator").noconvert(), py::arg("denominator").noconvert(), py::arg("comparator"),
        py::arg("value"), py::arg("up") = 1'000'000, py::arg("down") = 1, py::arg("min_sample") = 0, py::arg("threads") = 1,
        "K13: ratios against a figure.");
  m.def("check_ratio_change", &py_change, py::arg("numerator").noconvert(), py::arg("denominator").noconvert(),
        py::arg("before").noconvert(), py::arg("comparator"), py::arg("value"), py::arg("up") = 1'000'000, py::arg("down") = 1,
        py::arg("min_sample") = 0, py::arg("threads") = 1, "K13: ratios against the period before.");
  m.def("check_ratio_peer", &py_peer, py::arg("numerator").noconvert(), py::arg("denominator").noconvert(), py::arg("begin").noconvert(),
        py::arg("statistic"), py::arg("comparator"), py::arg("value"), py::arg("up") = 1'000'000, py::arg("down") = 1,
        py::arg("min_sample") = 0, py::arg("threads") = 1, "K13: ratios against those of peers.");
}

}  // namespace ybcore::bind
