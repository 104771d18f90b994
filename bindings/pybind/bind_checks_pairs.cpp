// K04 pair: tables of pairs, kept from run to run, and bundles.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <tuple>

#include "checked.hpp"
#include "ybcore/checks/pairs.hpp"

namespace ybcore::bind {
namespace {

using Group = std::tuple<std::string, Maybe<std::int32_t>, Maybe<std::int32_t>, std::int64_t>;

// Keeps the columns that its index names rows of.
class PairTable {
 public:
  PairTable(const I32& main, const I32& included, const Maybe<std::int32_t>& scope, std::int32_t scopes,
            const Maybe<std::int64_t>& included_qty, bool symmetric, std::int64_t items, const Maybe<std::int32_t>& begin,
            const Maybe<std::int32_t>& end, const Maybe<std::int32_t>& region, const Maybe<std::int32_t>& level,
            const std::optional<U8>& fits)
      : included_qty_(included_qty), begin_(begin), end_(end), region_(region), level_(level), fits_(fits) {
    const std::size_t n = span_of(main).size();
    if (n > (std::size_t{1} << 30)) refuse("main", "has too many rows");
    if (scopes < 0 || items < 0) refuse("scopes", "and items are not negative");
    if (fits && fits->ndim() != 2) refuse("fits", "has not two dimensions");
    if (region && !fits) refuse("fits", "is needed");
    if (begin.has_value() != end.has_value()) refuse("begin", "and end belong together");
    const checks::PairRows rows{within(span_of(main), -1, items, "main"), within(rows_of(included, n, "included"), -1, items, "included"),
                                within(rows_of(scope, n, "scope"), 0, scopes, "scope"), rows_of(included_qty, n, "included_qty"),
                                symmetric};
    when_ = {{},
             {},
             rows_of(begin, n, "begin"),
             rows_of(end, n, "end"),
             within(rows_of(region, n, "region"), -1, fits ? fits->shape(0) : 0, "region"),
             rows_of(level, n, "level"),
             span_of(fits),
             fits ? static_cast<std::size_t>(fits->shape(1)) : 0};
    py::gil_scoped_release release;
    scopes_.emplace(rows, scopes, static_cast<std::size_t>(items));
  }

  py::dict check(const I64& person_begin, const Maybe<std::int64_t>& time, const I32& item, const I64& quantity,
                 const Maybe<std::int32_t>& day, const Maybe<std::int32_t>& region, const Maybe<std::int32_t>& level,
                 const std::vector<Group>& groups, int threads, bool complete) const {
    const std::size_t n = span_of(item).size();
    same_length(groups.size(), scopes_->indexes().size(), "groups");
    std::vector<checks::Grouping> groupings;
    for (const auto& [cell, subject, cut, reach] : groups) groupings.push_back(grouping_of(cell, subject, cut, reach, time, n));
    if (begin_) static_cast<void>(needed(day, n, "day"));
    const checks::PairEvents events{offsets_of(person_begin, item.size(), "person_begin"),
                                    rows_of(time, n, "time"),
                                    span_of(item),
                                    rows_of(quantity, n, "quantity"),
                                    {{},
                                     rows_of(day, n, "day"),
                                     within(rows_of(region, n, "region"), -1, fits_ ? fits_->shape(1) : INT32_MAX, "region"),
                                     rows_of(level, n, "level")},
                                    complete};
    const auto qty = span_of(included_qty_);
    return found_by([&] {
      auto found = checks::pairs(events, *scopes_, groupings, qty, when_, threads);
      if (!found) refuse("item", "is out of range");
      return std::move(*found);
    });
  }

 private:
  Maybe<std::int64_t> included_qty_;
  Maybe<std::int32_t> begin_, end_, region_, level_;
  std::optional<U8> fits_;
  checks::EntryTable when_;
  std::optional<checks::PairScopes> scopes_;
};

py::dict py_bundle(const I64& person_begin, const Maybe<std::int64_t>& time, const I32& item, const std::string& cell,
                   const Maybe<std::int32_t>& subject, const Maybe<std::int32_t>& cut, std::int64_t at_least, int threads) {
  const std::size_t n = span_of(item).size();
  if (cell == "within") refuse("cell", "within is no group of a bundle");
  const checks::Grouping group = grouping_of(cell, subject, cut, 0, time, n);
  const auto begin = offsets_of(person_begin, item.size(), "person_begin");
  const auto times = rows_of(time, n, "time");
  const auto items = span_of(item);
  return found_by([&] { return checks::bundle(begin, times, items, group, at_least, threads); });
}

}  // namespace

void bind_checks_pairs(py::module_& m) {
  py::class_<PairTable>(m, "PairTable", py::is_final(), "K04: rows of (main, included) by item. Immutable.")
      .def(py::init<const I32&, const I32&, const Maybe<std::int32_t>&, std::int32_t, const Maybe<std::int64_t>&, bool, std::int64_t,
                    const Maybe<std::int32_t>&, const Maybe<std::int32_t>&, const Maybe<std::int32_t>&, const Maybe<std::int32_t>&,
                    const std::optional<U8>&>(),
           py::arg("main").noconvert(), py::arg("included").noconvert(), py::arg("scope").noconvert(), py::arg("scopes"),
           py::arg("included_qty").noconvert(), py::arg("symmetric"), py::arg("items"), py::arg("begin").noconvert() = py::none(),
           py::arg("end").noconvert() = py::none(), py::arg("region").noconvert() = py::none(), py::arg("level").noconvert() = py::none(),
           py::arg("fits").noconvert() = py::none())
      .def("check", &PairTable::check, py::arg("person_begin").noconvert(), py::arg("time").noconvert(), py::arg("item").noconvert(),
           py::arg("quantity").noconvert(), py::arg("day").noconvert(), py::arg("region").noconvert(), py::arg("level").noconvert(),
           py::arg("groups").noconvert(), py::arg("threads") = 1, py::arg("complete") = false,
           "Included lines that stand with a main one; groups: (cell, subject, cut, reach) for each scope. complete: no time and nothing "
           "that cuts groups is missing, and so no line needs to be looked at for that.");
  m.def("check_bundle", &py_bundle, py::arg("person_begin").noconvert(), py::arg("time").noconvert(), py::arg("item").noconvert(),
        py::arg("cell"), py::arg("subject").noconvert(), py::arg("cut").noconvert(), py::arg("at_least"), py::arg("threads") = 1,
        "K04: groups with so many different items.");
}

}  // namespace ybcore::bind
