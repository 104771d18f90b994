// K07: windows, and what many thresholds would find.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <tuple>

#include "checked.hpp"
#include "ybcore/checks/window.hpp"

namespace ybcore::bind {
namespace {

constexpr std::int32_t kFirstDay = -719'162, kLastDay = 2'932'896;  // of the years 1 and 9999

// (span, n, through, peers)
using Windows = std::vector<std::tuple<std::string, std::int32_t, bool, bool>>;

std::vector<checks::Window> windows_of(const Windows& given) {
  std::vector<checks::Window> out;
  for (const auto& [span, n, through, peers] : given) {
    const auto kind =
        static_cast<checks::Span>(named(span, std::array{"day", "month", "quarter", "year", "insurance_year", "rolling"}, "windows"));
    const bool zero = kind == checks::Span::kRolling && through;
    if (n < (zero ? 0 : 1) || (kind != checks::Span::kRolling && n > 1000)) refuse("windows", "has a number of periods out of range");
    out.push_back({kind, n, through, peers});
  }
  return out;
}

struct Given {
  checks::WindowEvents events;
  checks::WindowRule rule;
  std::vector<checks::Window> windows;
};

void take(Given& out, const I64& begin, const I32& day, const Maybe<std::int64_t>& value, const Maybe<std::int32_t>& key,
          const Maybe<std::int32_t>& scope, const std::string& measure, const std::string& compared, const Windows& windows,
          std::int32_t keys, std::int32_t scopes, std::int32_t starts) {
  const std::size_t rows = static_cast<std::size_t>(day.size());
  out.events = {offsets_of(begin, rows), within(span_of(day), kFirstDay, kLastDay + 1, "day"), rows_of(value, rows, "value"),
                rows_of(key, rows, "key"), rows_of(scope, rows, "scope")};
  out.rule.measured = static_cast<checks::Measured>(named(measure, std::array{"count", "sum", "days", "keys"}, "measure"));
  if (out.rule.measured == checks::Measured::kSum) needed(value, rows, "value");
  if (out.rule.measured == checks::Measured::kKeys) needed(key, rows, "key");
  if (scopes < 1) refuse("scopes", "is below 1");
  if (keys < 0) refuse("keys", "is negative");
  within(out.events.key, -1, keys, "key");
  within(out.events.scope, -1, scopes, "scope");
  for (std::size_t g = 0; g + 1 < out.events.begin.size(); ++g)
    for (auto i = static_cast<std::size_t>(out.events.begin[g]) + 1; i < static_cast<std::size_t>(out.events.begin[g + 1]); ++i)
      if (out.events.day[i] < out.events.day[i - 1]) refuse("day", "is not rising within a subject");
  if (starts / 100 < 1 || starts / 100 > 12 || starts % 100 < 1 || starts % 100 > 31) refuse("starts", "is no month and day");
  out.windows = windows_of(windows);
  out.rule.comparator = comparator_of(compared);
  out.rule.keys = keys;
  out.rule.starts = starts;
  out.rule.windows = out.windows;
  out.rule.scopes = scopes;
}

py::dict py_window(const I64& begin, const I32& day, const Maybe<std::int64_t>& value, const Maybe<std::int32_t>& key,
                   const Maybe<std::int32_t>& scope, const std::string& measure, const std::string& compared, const Windows& windows,
                   const I64& threshold_begin, const I64& threshold, std::int32_t keys, std::int32_t scopes, std::int32_t starts,
                   int threads) {
  Given given;
  take(given, begin, day, value, key, scope, measure, compared, windows, keys, scopes, starts);
  same_length(static_cast<std::size_t>(threshold_begin.size()), windows.size() * static_cast<std::size_t>(scopes) + 1, "threshold_begin");
  given.rule.threshold_begin = offsets_of(threshold_begin, static_cast<std::size_t>(threshold.size()), "threshold_begin");
  given.rule.threshold = span_of(threshold);
  return found_by([&] { return checks::window(given.events, given.rule, threads); });
}

py::dict py_replay(const I64& begin, const I32& day, const Maybe<std::int64_t>& value, const Maybe<std::int32_t>& key,
                   const Maybe<std::int32_t>& scope, const std::string& measure, const std::string& compared, const Windows& windows,
                   const I64& values, const I64& money, bool excess, std::int32_t keys, std::int32_t starts, int threads) {
  Given given;
  take(given, begin, day, value, key, scope, measure, compared, windows, keys, INT32_MAX, starts);
  const auto tried = span_of(values), moved = rows_of(money, static_cast<std::size_t>(day.size()), "money");
  for (std::size_t k = 1; k < tried.size(); ++k)
    if (tried[k] < tried[k - 1]) refuse("values", "is not rising");
  checks::WindowReplay out;
  {
    py::gil_scoped_release release;
    out = checks::window_replay(given.events, given.rule, tried, moved, excess, threads);
  }
  const std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(windows.size()), values.size()};
  py::dict found;
  found["hits"] = owned(std::move(out.hits)).reshape(shape);
  found["amount"] = owned(std::move(out.amount)).reshape(shape);
  found["reach"] = owned(std::move(out.reach)).reshape({static_cast<py::ssize_t>(windows.size()), static_cast<py::ssize_t>(day.size())});
  return found;
}

}  // namespace

void bind_checks_window(py::module_& m) {
  m.def("check_window", &py_window, py::arg("begin").noconvert(), py::arg("day").noconvert(), py::arg("value").noconvert(),
        py::arg("key").noconvert(), py::arg("scope").noconvert(), py::arg("measure"), py::arg("comparator"), py::arg("windows"),
        py::arg("threshold_begin").noconvert(), py::arg("threshold").noconvert(), py::arg("keys") = 0, py::arg("scopes") = 1,
        py::arg("starts") = 101, py::arg("threads") = 1, "K07: windows of subjects in which a measure compares.");
  m.def("check_window_replay", &py_replay, py::arg("begin").noconvert(), py::arg("day").noconvert(), py::arg("value").noconvert(),
        py::arg("key").noconvert(), py::arg("scope").noconvert(), py::arg("measure"), py::arg("comparator"), py::arg("windows"),
        py::arg("values").noconvert(), py::arg("money").noconvert(), py::arg("excess") = false, py::arg("keys") = 0,
        py::arg("starts") = 101, py::arg("threads") = 1,
        "K07: hits and amounts (windows x values) and reach (windows x events) from one scan.");
}

}  // namespace ybcore::bind
