// Rules over one small batch after another: a book is made once, tables are looked at in one call each.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "spot_book.hpp"
#include "spot_out.hpp"
#include "spot_read.hpp"

namespace ybcore::bind {
namespace {

// What stands in the tables of findings and hangs on the rule alone.
struct Told {
  std::string version, behaviour;
  bool computed = false;
};

class SpotDesk : public std::enable_shared_from_this<SpotDesk> {
 public:
  SpotDesk(const py::dict& book, const std::vector<std::tuple<std::string, std::string, bool>>& told) {
    spot_book(book, this->book);
    texts.emplace(this->book);
    for (const auto& [version, behaviour, computed] : told) this->told.push_back({version, behaviour, computed});
    same_size(this->told.size());
  }

  // Offsets and indices of a table that a caller made up would be read past their end: only `spot_rules.py` makes them.
  void same_size(std::size_t rules) const {
    if (rules != book.rules.size()) throw std::invalid_argument("told has not one row a rule");
  }

  checks::SpotBook book;
  std::optional<SpotTexts> texts;
  std::vector<Told> told;
};

// The findings of a call; tables are made when they are asked for.
class SpotLooked {
 public:
  std::shared_ptr<const SpotDesk> desk;
  std::shared_ptr<const SpotHeld> cells;
  char line_ids = 'u';
  checks::SpotSeen seen;

  [[nodiscard]] OutTable findings() const {
    const checks::SpotFindings& f = seen.findings;
    const std::size_t n = f.rule.size();
    OutTable out(n, 26);
    const auto rule = [&](std::size_t i) -> const checks::SpotRule& { return desk->book.rules[static_cast<std::size_t>(f.rule[i])]; };
    const auto told = [&](std::size_t i) -> const Told& { return desk->told[static_cast<std::size_t>(f.rule[i])]; };
    static constexpr std::string_view kDispositions[] = {"hold", "deny", "suspect", "warn", "monitor"};
    std::vector<std::string> severity;
    for (const std::int64_t one : f.severity) severity.push_back(std::to_string(one));
    out.texts("jr_id", false, [&](std::size_t i) { return std::string_view(f.name[i]); });
    out.texts("rule_id", false, [&](std::size_t i) { return std::string_view(rule(i).id); });
    out.texts("rule_version", false, [&](std::size_t i) { return std::string_view(told(i).version); });
    const auto place = [&](std::size_t i) { return static_cast<std::size_t>(f.visit[i]); };
    const Id person(*this, checks::SpotTable::kVisits, "psn_no"), visit(*this, checks::SpotTable::kVisits, "setl_id");
    const Id stay(*this, checks::SpotTable::kVisits, "mdtrt_id"), where(*this, checks::SpotTable::kVisits, "fixmedins_code");
    const Id doctor(*this, checks::SpotTable::kVisits, "atddr_no");
    out.texts("psn_no", true, [&](std::size_t i) { return person[place(i)]; });
    out.texts("setl_id", true, [&](std::size_t i) { return visit[place(i)]; });
    out.texts("mdtrt_id", true, [&](std::size_t i) { return stay[place(i)].data() != nullptr ? stay[place(i)] : visit[place(i)]; });
    out.texts("fixmedins_code", where.there, [&](std::size_t i) { return where[place(i)]; });
    out.texts("dr_code", seen.any_doctor, [&](std::size_t i) { return doctor.of(static_cast<std::int32_t>(f.doctor[i])); });
    out.texts("disposition", false, [&](std::size_t i) { return kDispositions[static_cast<std::size_t>(f.disposition[i])]; });
    out.texts("sev_deg", false, [&](std::size_t i) { return std::string_view(severity[i]); });
    out.numbers("vola_amt", f.amount);
    out.texts("vola_amt_stas", false, [&](std::size_t i) { return std::string_view(told(i).computed ? "1" : "0"); });
    out.nulls("recover_amt");
    out.nulls("own_amt");
    out.texts("vola_bhvr_type", false, [&](std::size_t i) { return std::string_view(told(i).behaviour); });
    out.numbers("measure", f.measure);
    out.numbers("limit", f.limit);
    out.texts("group", false, [&](std::size_t i) {
      const std::string& group = rule(i).countings[static_cast<std::size_t>(f.counting[i])].group;
      return group.empty() ? std::string_view{} : std::string_view(group);
    });
    out.numbers("begin", f.begin);
    out.numbers("end", f.end);
    out.numbers("table_row", f.entry);
    out.truths("shadow", [&](std::size_t i) { return rule(i).shadow; });
    out.truths("suppressed", [](std::size_t) { return false; });
    out.truths("subsumed", [](std::size_t) { return false; });
    return out;
  }

  [[nodiscard]] OutTable details() const {
    const checks::SpotFindings& f = seen.findings;
    OutTable out(f.row.size(), 9);
    std::vector<std::string> own;
    std::vector<std::size_t> of;
    for (std::size_t i = 0; i < f.rule.size(); ++i)
      for (std::int64_t d = f.details[i]; d < f.details[i + 1]; ++d) {
        own.push_back(f.name[i] + "-" + std::to_string(d - f.details[i] + 1));
        of.push_back(i);
      }
    out.texts("jrd_id", false, [&](std::size_t d) { return std::string_view(own[d]); });
    out.texts("jr_id", false, [&](std::size_t d) { return std::string_view(f.name[of[d]]); });
    const Id visit(*this, checks::SpotTable::kVisits, "setl_id"), line(*this, checks::SpotTable::kLines, "feedetl_sn");
    out.texts("setl_id", true, [&](std::size_t d) { return visit[static_cast<std::size_t>(f.detail_visit[d])]; });
    out.texts("feedetl_sn", line_ids == 'U',
              [&](std::size_t d) { return f.row[d] < 0 ? std::string_view{} : line[static_cast<std::size_t>(f.row[d])]; });
    out.numbers("row", f.row);
    out.numbers("vola_item_type", f.part);
    out.numbers("cnt", f.count);
    out.numbers("vola_amt", f.money);
    out.numbers("paid_amt", f.paid);
    return out;
  }

 private:
  // A column of ids; a missing one has no data.
  struct Id {
    Id(const SpotLooked& own, checks::SpotTable table, std::string_view name)
        : column(own.cells->input.columns[static_cast<std::size_t>(own.desk->book.find(table, name))]), there(column.there) {}
    [[nodiscard]] std::string_view of(std::int32_t code) const {
      return code < 0 ? std::string_view{} : column.text[static_cast<std::size_t>(code)];
    }
    [[nodiscard]] std::string_view operator[](std::size_t row) const { return there ? of(column.code[row]) : std::string_view{}; }

    const checks::SpotColumn& column;
    bool there;
  };
};

// Of each table a (schema, places of its columns, whether it is empty), or None.
std::shared_ptr<SpotShape> py_shape(const SpotDesk& desk,
                                    const std::vector<std::optional<std::tuple<py::object, std::vector<SpotPlace>, bool>>>& tables,
                                    const std::string& running, const std::string& by_day) {
  if (tables.size() != checks::kSpotTables) throw std::invalid_argument("tables has not one entry a kind");
  desk.same_size(running.size());
  desk.same_size(by_day.size());
  auto out = std::make_shared<SpotShape>();
  out->running = running;
  out->by_day = by_day;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    if (!tables[t]) continue;
    const auto& [schema, places, empty] = *tables[t];
    out->tables[t] = layout_of(desk.book, *desk.texts, schema, places, empty, *out);
  }
  return out;
}

// None where this way cannot be taken.
py::object py_look(const std::shared_ptr<const SpotDesk>& desk, const SpotShape& shape, const py::tuple& tables) {
  if (tables.size() != checks::kSpotTables) throw std::invalid_argument("tables has not one entry a kind");
  if (!shape.readable) return py::none();
  auto out = std::make_shared<SpotLooked>();
  out->desk = desk;
  out->line_ids = shape.line_ids;
  out->cells = read_spot(desk->book, *desk->texts, shape, tables);
  if (out->cells == nullptr) return py::none();
  {
    py::gil_scoped_release release;
    const auto bytes = [](std::string_view text) { return std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()); };
    out->seen = checks::look(desk->book, out->cells->input, bytes(shape.running), bytes(shape.by_day));
  }
  return out->seen.usable ? py::cast(out) : py::none();
}

}  // namespace

void bind_spot(py::module_& m) {
  py::class_<OutTable, std::shared_ptr<OutTable>>(m, "OutTable", "Few rows as Arrow takes them.")
      .def(
          "__arrow_c_array__", [](const OutTable& table, const py::object&) { return table.give(); },
          py::arg("requested_schema") = py::none())
      .def_property_readonly("formats", &OutTable::formats, "The Arrow types of the columns, one letter each.")
      .def("batch", &OutTable::batch, py::arg("import_"), py::arg("schema"),
           "What the import makes of the address of an ArrowArray and a schema.");
  py::class_<SpotShape, std::shared_ptr<SpotShape>>(m, "SpotShape",
                                                    "Which tables of which schemas are looked at, and which rules run then.");
  py::class_<SpotDesk, std::shared_ptr<SpotDesk>>(m, "SpotDesk",
                                                  "Rules that are asked of one small batch after another. Immutable: threads may share it.")
      .def(py::init<const py::dict&, const std::vector<std::tuple<std::string, std::string, bool>>&>(), py::arg("book"), py::arg("told"))
      .def("shape", &py_shape, py::arg("tables"), py::arg("running"), py::arg("running_by_day"),
           "For visits, lines, persons, diagnoses, operations, labs and stock each a (schema, [(wanted column, place in the table, least, "
           "most)], whether it has no row), or None where it is not given.")
      .def("look", &py_look, py::arg("shape"), py::arg("tables"),
           "What the rules find in tables of a shape; None where this way cannot be taken.");
  py::class_<SpotLooked, std::shared_ptr<SpotLooked>>(m, "SpotLooked", "Findings of a call.")
      .def_property_readonly(
          "may", [](const SpotLooked& own) { return own.seen.may; }, "Rules that another way must be taken for.")
      .def_property_readonly(
          "hit", [](const SpotLooked& own) { return own.seen.hit; }, "Rules with findings.")
      .def_property_readonly(
          "lost", [](const SpotLooked& own) { return own.seen.lost; }, "Returns that found no line.")
      .def_property_readonly(
          "time_of_day", [](const SpotLooked& own) { return own.seen.time_of_day; }, "Whether some line has a time of day.")
      .def("findings", &SpotLooked::findings)
      .def("details", &SpotLooked::details);
}

}  // namespace ybcore::bind
