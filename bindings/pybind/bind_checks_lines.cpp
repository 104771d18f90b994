// Lines for rules: order, netting, picking, the rows of tables.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <climits>

#include "checked.hpp"
#include "ybcore/checks/entries.hpp"
#include "ybcore/checks/line_order.hpp"
#include "ybcore/checks/net.hpp"
#include "ybcore/checks/pick.hpp"

namespace ybcore::bind {
namespace {

TieIds ids_of(const Maybe<std::int64_t>& numbers, const Maybe<std::int64_t>& offsets, const Maybe<std::uint8_t>& bytes, std::size_t rows,
              const char* what) {
  if (numbers) return {rows_of(*numbers, rows, what), {}, nullptr};
  if (!offsets) return {};
  const auto at = rows_of(*offsets, rows + 1, what);
  const auto text = span_of(bytes);
  if (at.front() < 0 || at.back() > static_cast<std::int64_t>(text.size())) refuse(what, "is not sound");
  for (std::size_t k = 1; k < at.size(); ++k)
    if (at[k] < at[k - 1]) refuse(what, "is not sound");
  return {{}, at, reinterpret_cast<const char*>(text.data())};
}

py::tuple py_order(const I32& visit, const I32& visit_person, const I64& time, std::int64_t persons,
                   const Maybe<std::int64_t>& visit_numbers, const Maybe<std::int64_t>& visit_offsets,
                   const Maybe<std::uint8_t>& visit_bytes, const Maybe<std::int64_t>& line_numbers, const Maybe<std::int64_t>& line_offsets,
                   const Maybe<std::uint8_t>& line_bytes, int threads) {
  const auto own = within(span_of(visit), -1, visit_person.size(), "visit");
  if (own.size() > INT32_MAX) refuse("visit", "has too many rows");
  if (persons < 0) refuse("persons", "is negative");
  const checks::LineKeys keys{own, within(span_of(visit_person), -1, persons, "visit_person"), rows_of(time, own.size(), "time"),
                              ids_of(visit_numbers, visit_offsets, visit_bytes, span_of(visit_person).size(), "visit ids"),
                              ids_of(line_numbers, line_offsets, line_bytes, own.size(), "line ids")};
  checks::LineOrder order;
  {
    py::gil_scoped_release release;
    order = checks::order_lines(keys, static_cast<std::size_t>(persons), threads);
  }
  return py::make_tuple(owned(std::move(order.row)), owned(std::move(order.person_begin)), order.was_ordered);
}

py::dict py_net(const Maybe<std::int32_t>& row, const I64& person_begin, const I32& visit, const I32& item, const I64& quantity,
                const I64& amount, const Maybe<std::int64_t>& named, const Maybe<std::int64_t>& time, int threads) {
  const std::size_t n = span_of(visit).size();
  checks::NetLines lines{within(span_of(row), 0, static_cast<std::int64_t>(n), "row"),
                         {},
                         span_of(visit),
                         rows_of(item, n, "item"),
                         rows_of(quantity, n, "quantity"),
                         rows_of(amount, n, "amount"),
                         within(rows_of(named, n, "named"), -1, static_cast<std::int64_t>(n), "named"),
                         rows_of(time, n, "time")};
  lines.person_begin = offsets_of(person_begin, row ? row->size() : visit.size(), "person_begin");
  checks::Netted netted;
  {
    py::gil_scoped_release release;
    netted = checks::net(lines, threads);
  }
  py::dict out;
  const bool any = netted.returns > 0;
  out["quantity"] = any ? py::object(owned(std::move(netted.quantity))) : py::none();
  out["amount"] = any ? py::object(owned(std::move(netted.amount))) : py::none();
  out["stands"] = owned(std::move(netted.stands));
  out["returns"] = netted.returns;
  out["lost"] = netted.lost;
  return out;
}

py::array_t<std::int32_t> kept(Big<std::int32_t>&& memory, std::size_t size) {
  py::capsule owner(memory.get(), [](void* at) { give_back(at); });
  return py::array_t<std::int32_t>({size}, {sizeof(std::int32_t)}, memory.release(), owner);
}

py::dict py_pick(const I32& item, const Maybe<std::int32_t>& visit, const U64& masks, const std::optional<U64>& holds, std::int64_t rules,
                 int threads, bool items, bool visits) {
  const std::size_t n = span_of(item).size();
  if (n > INT32_MAX) refuse("item", "has too many rows");
  if (rules < 0) refuse("rules", "is negative");
  checks::PickRules all{span_of(masks), {}, static_cast<std::size_t>(rules), items, visits};
  const auto words = static_cast<py::ssize_t>(all.words());
  if (masks.ndim() != 2 || masks.shape(0) < 1 || masks.shape(1) != words) refuse("masks", "has not the shape (items + 1, words)");
  // Beyond the last rule a word is empty.
  if (const std::size_t last = all.rules % 64; last != 0)
    for (std::size_t at = all.words() - 1; at < all.masks.size(); at += all.words())
      if (all.masks[at] >> last != 0) refuse("masks", "name a rule that is none");
  checks::PickLines lines{span_of(item), {}};
  if (holds || visits) lines.visit = needed(visit, n, "visit");
  if (holds) {
    if (holds->ndim() != 2 || holds->shape(1) != words) refuse("holds", "has not the shape (visits, words)");
    all.holds = span_of(*holds);
  }
  std::optional<std::vector<checks::Picked>> picked;
  {
    py::gil_scoped_release release;
    picked = checks::pick(lines, all, threads);
  }
  if (!picked && holds) static_cast<void>(within(lines.visit, 0, holds->shape(0), "visit"));
  if (!picked) refuse("item", "is out of range");
  py::list place, item_of, visit_of;
  for (checks::Picked& one : *picked) {
    place.append(kept(std::move(one.place), one.size));
    if (items) item_of.append(kept(std::move(one.item), one.size));
    if (visits) visit_of.append(kept(std::move(one.visit), one.size));
  }
  py::dict out;
  out["place"] = place;
  if (items) out["item"] = item_of;
  if (visits) out["visit"] = visit_of;
  return out;
}

py::array_t<std::int64_t> py_runs(const I32& place, const I64& person_begin) {
  const auto begin = offsets_of(person_begin, static_cast<std::int64_t>(last_of(person_begin, "person_begin")), "person_begin");
  const auto at = span_of(place);
  for (std::size_t i = 0; i < at.size(); ++i)
    if (at[i] < (i == 0 ? 0 : at[i - 1]) || at[i] >= begin.back()) refuse("place", "is not rising or out of range");
  return owned(checks::runs_of(at, begin));
}

py::array_t<std::int32_t> py_entries(const I64& start, const I64& rows, const Maybe<std::int32_t>& begin, const Maybe<std::int32_t>& end,
                                     const Maybe<std::int32_t>& region, const Maybe<std::int32_t>& level, const std::optional<U8>& fits,
                                     std::int64_t table_rows, const I32& key, const Maybe<std::int32_t>& day,
                                     const Maybe<std::int32_t>& event_region, const Maybe<std::int32_t>& event_level, int threads) {
  if (table_rows < 0 || begin.has_value() != end.has_value()) refuse("begin", "and end belong together");
  const auto n = static_cast<std::size_t>(table_rows);
  const std::size_t events = span_of(key).size();
  if (fits && fits->ndim() != 2) refuse("fits", "has not two dimensions");
  if (region && !fits) refuse("fits", "is needed");
  const checks::EntryTable table{offsets_of(start, rows.size(), "start"),
                                 within(span_of(rows), 0, table_rows, "rows"),
                                 rows_of(begin, n, "begin"),
                                 rows_of(end, n, "end"),
                                 within(rows_of(region, n, "region"), -1, fits ? fits->shape(0) : 0, "region"),
                                 rows_of(level, n, "level"),
                                 span_of(fits),
                                 fits ? static_cast<std::size_t>(fits->shape(1)) : 0};
  const checks::EntryEvents asked{
      within(span_of(key), -1, start.size() - 1, "key"), rows_of(day, events, "day"),
      within(rows_of(event_region, events, "event_region"), -1, fits ? fits->shape(1) : INT32_MAX, "event_region"),
      rows_of(event_level, events, "event_level")};
  py::array_t<std::int32_t> out = lent<std::int32_t>(events);
  const auto to = written(out);
  py::gil_scoped_release release;
  checks::entries(table, asked, to, threads);
  return out;
}

}  // namespace

void bind_checks_lines(py::module_& m) {
  m.def("check_order", &py_order, py::arg("visit").noconvert(), py::arg("visit_person").noconvert(), py::arg("time").noconvert(),
        py::arg("persons"), py::arg("visit_numbers").noconvert() = py::none(), py::arg("visit_offsets").noconvert() = py::none(),
        py::arg("visit_bytes").noconvert() = py::none(), py::arg("line_numbers").noconvert() = py::none(),
        py::arg("line_offsets").noconvert() = py::none(), py::arg("line_bytes").noconvert() = py::none(), py::arg("threads") = 1,
        "Canonical order of lines: (rows, empty where they stand in order; person_begin; whether they did).");
  m.def("check_net", &py_net, py::arg("row").noconvert(), py::arg("person_begin").noconvert(), py::arg("visit").noconvert(),
        py::arg("item").noconvert(), py::arg("quantity").noconvert(), py::arg("amount").noconvert(), py::arg("named").noconvert(),
        py::arg("time").noconvert() = py::none(), py::arg("threads") = 1,
        "What returning lines leave: quantity and amount (None: as given), stands, returns, lost.");
  m.def("check_pick", &py_pick, py::arg("item").noconvert(), py::arg("visit").noconvert(), py::arg("masks").noconvert(),
        py::arg("holds").noconvert(), py::arg("rules"), py::arg("threads") = 1, py::arg("items") = false, py::arg("visits") = false,
        "Candidate lines, an array for each rule: their places, and where asked for their items and visits.");
  m.def("check_runs", &py_runs, py::arg("place").noconvert(), py::arg("person_begin").noconvert(),
        "Where the persons' runs begin among places, of the persons who have any.");
  m.def("check_entries", &py_entries, py::arg("start").noconvert(), py::arg("rows").noconvert(), py::arg("begin").noconvert(),
        py::arg("end").noconvert(), py::arg("region").noconvert(), py::arg("level").noconvert(), py::arg("fits").noconvert(),
        py::arg("table_rows"), py::arg("key").noconvert(), py::arg("day").noconvert(), py::arg("event_region").noconvert(),
        py::arg("event_level").noconvert(), py::arg("threads") = 1, "The table row of each event: -1 none, -2 cannot be told.");
}

}  // namespace ybcore::bind
