// Settling: compiled programs and columns of events in, columns of visits out.
#include <pybind11/stl.h>

#include <array>
#include <optional>

#include "arrays.hpp"
#include "events.hpp"
#include "state.hpp"
#include "ybcore/settle.hpp"

namespace ybcore::bind {
namespace {

#define YB_NAME(name) #name,
const std::vector<std::pair<const char*, std::vector<const char*>>> kLayout = {
    {"plans", {YB_PLAN_FIELDS(YB_NAME)}},     {"layers", {YB_LAYER_FIELDS(YB_NAME)}},       {"keys", {YB_KEY_FIELDS(YB_NAME)}},
    {"feeds", {YB_FEED_FIELDS(YB_NAME)}},     {"bands", {YB_BAND_FIELDS(YB_NAME)}},         {"ceilings", {YB_CEILING_FIELDS(YB_NAME)}},
    {"bases", {YB_BASE_FIELDS(YB_NAME)}},     {"standards", {YB_STANDARD_FIELDS(YB_NAME)}}, {"edits", {YB_EDIT_FIELDS(YB_NAME)}},
    {"amounts", {YB_AMOUNT_FIELDS(YB_NAME)}}, {"uptos", {YB_ROW_FIELDS(YB_NAME)}},          {"columns", {YB_COLUMNS(YB_NAME)}},
    {"detail", {YB_DETAIL_FIELDS(YB_NAME)}},
};
#undef YB_NAME

py::dict py_settle(const py::dict& program, const py::dict& events, const py::dict& accounts, const std::optional<py::dict>& opening,
                   bool want_state, bool want_detail, std::uint64_t want_columns, int threads) {
  Kept kept;
  const Program p = program_of(program, kept);
  const Events e = events_of(events, kept);
  const std::size_t visits = e.event_begin.size() - 1;
  const std::size_t n = e.size();
  AccountEvents a{};
  a.begin = kept.view<std::int64_t>(accounts, "begin");
  a.date = kept.view<std::int32_t>(accounts, "date");
  a.kind = kept.view<std::uint8_t>(accounts, "kind", a.date.size());
  a.amount = kept.view<std::int64_t>(accounts, "amount", a.date.size());
  auto balance = array_of<std::int64_t>(accounts, "balance");
  const auto persons = static_cast<std::size_t>(balance.size());
  if (const char* table = invalid(p)) throw std::invalid_argument(std::string("the table ") + table + " of the program is not sound");
  if (const char* column = invalid(p, e, persons))
    throw std::invalid_argument(std::string("the column ") + column + " of events is not sound");
  if (a.begin.size() != persons + 1) throw std::invalid_argument("begin of account events must have one more than persons");
  auto cursor = filled<std::int64_t>(persons, 0);
  std::copy_n(a.begin.begin(), std::min(persons, a.begin.size()), cursor.mutable_data());
  auto through = filled<std::int32_t>(persons, INT32_MIN);
  py::array_t<std::int64_t> closing_balance(static_cast<py::ssize_t>(persons));
  std::copy_n(span_of(balance).data(), persons, closing_balance.mutable_data());

  State state;
  Opening o;
  const auto groups = static_cast<std::size_t>(e.groups) + 1;
  if (opening) {
    state = state_in(*opening);
    o.state = &state;
    o.counter_begin = kept.view<std::int64_t>(*opening, "counter_group_begin", groups);
    o.record_begin = kept.view<std::int64_t>(*opening, "record_group_begin", groups);
    o.known_before = kept.view<std::uint8_t>(*opening, "known_before");
  }
  auto outcome = array_of<std::uint8_t>(events, "outcome");
  same_length(static_cast<std::size_t>(outcome.size()), visits, "outcome");
  py::array_t<std::uint8_t> outcomes = lent<std::uint8_t>(visits);
  std::copy_n(outcome.data(), visits, outcomes.mutable_data());
  auto reason = filled<std::uint8_t>(visits, 0);
  auto plan = filled<std::int32_t>(visits, -1);
  auto reversed = filled<std::uint8_t>(visits, 0);
  auto state_reversed = filled<std::uint8_t>(o.known_before.size(), 0);
  auto detail = filled<std::int64_t>(want_detail ? n * kMaxLayers * (sizeof(DetailRow) / 8) : 0, 0);
  auto detail_count = filled<std::uint8_t>(want_detail ? n : 0, 0);
  const Outputs out{written(closing_balance), written(cursor),
                    written(through),         {reinterpret_cast<DetailRow*>(detail.mutable_data()), want_detail ? n * kMaxLayers : 0},
                    written(detail_count),    written(state_reversed)};
  std::optional<Settled> settled;
  {
    py::gil_scoped_release release;
    settled.emplace(settle(p, e, a, o, out, want_state, threads));
  }
  if (settled->status.code != Code::kOk)
    throw std::runtime_error(std::string(sentence(settled->status.code)) + ", row " + std::to_string(settled->status.row));
  // Columns that nobody wrote share one column of zeros; those that nobody wants are none.
  const std::uint64_t live = settled->live();
  std::array<std::int64_t*, kColumns> to{};
  py::list columns;
  const py::object zeros = py::module_::import("numpy").attr("zeros")(visits, "int64");
  zeros.attr("flags").attr("writeable") = false;
  for (std::size_t c = 0; c < kColumns; ++c) {
    if (((want_columns >> c) & 1) == 0) {
      columns.append(py::none());
      continue;
    }
    if (((live >> c) & 1) == 0) {
      columns.append(zeros);
      continue;
    }
    py::array_t<std::int64_t> column = lent<std::int64_t>(visits);
    to[c] = column.mutable_data();
    columns.append(column);
  }
  {
    const auto became = written(outcomes);
    const auto why = written(reason);
    const auto which = written(plan);
    const auto back = written(reversed);
    py::gil_scoped_release release;
    settled->write(to, became, why, which, back, threads);
  }
  py::dict result;
  result["columns"] = columns;
  result["outcome"] = outcomes;
  result["reason"] = reason;
  result["plan"] = plan;
  result["reversed"] = reversed;
  result["state_reversed"] = state_reversed;
  result["balance"] = closing_balance;
  result["through"] = through;
  result["detail"] = detail;
  result["detail_count"] = detail_count;
  py::list states;
  for (State& s : settled->closing) states.append(state_out(std::move(s)));
  result["states"] = states;
  return result;
}

}  // namespace

void bind_settle(py::module_& m) {
  py::dict layout;
  for (const auto& [table, names] : kLayout) {
    py::list fields;
    for (const char* name : names) fields.append(name);
    layout[table] = py::tuple(fields);
  }
  m.attr("LAYOUT") = layout;
  m.attr("MAX_LAYERS") = kMaxLayers;
  m.attr("MAX_KEYS") = kMaxKeys;
  m.attr("MAX_BANDS") = kMaxBands;
  m.attr("MAX_TAGS") = kMaxTags;
  m.def("let_go", &let_go, "Gives memory that is kept for the next run back to the system.");
  m.def("settle", &py_settle, py::arg("program"), py::arg("events"), py::arg("accounts"), py::arg("opening"), py::arg("want_state"),
        py::arg("want_detail"), py::arg("want_columns"), py::arg("threads"), "Settle events in order; see core/include/ybcore/settle.hpp.");
}

}  // namespace ybcore::bind
