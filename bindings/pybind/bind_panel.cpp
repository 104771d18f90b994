// Many policies over one batch: sums out.
#include <pybind11/stl.h>

#include "events.hpp"
#include "ybcore/panel.hpp"

namespace ybcore::bind {
namespace {

py::dict py_settle_each(const py::dict& program, const py::dict& events, const In<std::int32_t>& plan, const In<std::uint8_t>& reason,
                        std::size_t policies, const In<std::int32_t>& slot, const In<std::int32_t>& nature_row,
                        const In<std::int64_t>& natures, const py::dict& accounts, const std::vector<py::dict>& cells,
                        const std::vector<std::uint8_t>& by_cell, const std::vector<std::uint8_t>& by_person, int threads) {
  Kept kept;
  const Program p = program_of(program, kept);
  const Events e = events_of(events, kept);
  const Policies each{policies,        policies == 0 ? 0 : static_cast<std::size_t>(plan.size()) / policies,
                      span_of(plan),   span_of(reason),
                      span_of(slot),   span_of(nature_row),
                      span_of(natures)};
  AccountEvents a{};
  a.begin = kept.view<std::int64_t>(accounts, "begin");
  a.date = kept.view<std::int32_t>(accounts, "date");
  a.kind = kept.view<std::uint8_t>(accounts, "kind", a.date.size());
  a.amount = kept.view<std::int64_t>(accounts, "amount", a.date.size());
  const auto balance = kept.view<std::int64_t>(accounts, "balance");
  const std::size_t persons = balance.size();
  std::vector<Cells> sets;
  for (const py::dict& one : cells)
    sets.push_back({kept.view<std::int32_t>(one, "of"), kept.view<std::int32_t>(one, "pair"), one["count"].cast<std::size_t>(),
                    one["pairs"].cast<std::size_t>()});
  const Wanted wanted{sets, by_cell, by_person};
  if (const char* table = invalid(p)) throw std::invalid_argument(std::string("the table ") + table + " of the program is not sound");
  if (const char* what = invalid(p, e, each, wanted, persons))
    throw std::invalid_argument(std::string("the column ") + what + " of the panel is not sound");
  if (a.begin.size() != persons + 1) throw std::invalid_argument("begin of account events must have one more than persons");
  Sums sums;
  py::list by_set;
  for (const Cells& one : sets) {
    auto array = filled<std::int64_t>(policies * one.count * (2 + by_cell.size()), 0);
    sums.by_cell.push_back(written(array));
    by_set.append(array);
  }
  auto people = filled<std::int64_t>(policies * by_person.size() * persons, 0);
  sums.by_person = written(people);
  Status status{Code::kOk, 0};
  {
    py::gil_scoped_release release;
    status = settle_each(p, e, each, a, balance, wanted, sums, threads);
  }
  if (status.code != Code::kOk) throw std::runtime_error(std::string(sentence(status.code)) + ", row " + std::to_string(status.row));
  py::dict result;
  result["by_cell"] = by_set;
  result["by_person"] = people;
  return result;
}

}  // namespace

void bind_panel(py::module_& m) {
  m.def("settle_each", &py_settle_each, py::arg("program"), py::arg("events"), py::arg("plan"), py::arg("reason"), py::arg("policies"),
        py::arg("slot"), py::arg("nature_row"), py::arg("natures"), py::arg("accounts"), py::arg("cells"), py::arg("by_cell"),
        py::arg("by_person"), py::arg("threads"), "Settle events under many policies and add up; see core/include/ybcore/panel.hpp.");
}

}  // namespace ybcore::bind
