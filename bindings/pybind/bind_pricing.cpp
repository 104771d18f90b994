// Lines into natures.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <vector>

#include "arrays.hpp"
#include "ybcore/pricing.hpp"

namespace ybcore::bind {
namespace {

using I8 = std::optional<In<std::int8_t>>;
using I32 = std::optional<In<std::int32_t>>;
using I64 = std::optional<In<std::int64_t>>;

constexpr std::size_t kProgramColumns = 15;
constexpr std::size_t kStepColumns = 4;

// The lines of a call, kept by name so that every kernel call of a run sees the same memory.
struct Lines {
  In<std::int32_t> item;
  I32 index;
  I32 day;
  I64 quantity;
  In<std::int64_t> amount;
  I64 price;
  I8 deny;
  I8 approved;
  I64 row;
  bool sure;

  // Of each column as many rows as there are amounts.
  void sound() const {
    const std::size_t rows = span_of(amount).size();
    const auto whole = [&](const auto& column, const char* what) {
      if (column) same_length(span_of(column).size(), rows, what);
    };
    same_length(span_of(item).size(), rows, "item");
    whole(day, "day"), whole(quantity, "quantity"), whole(price, "price");
    whole(deny, "deny"), whole(approved, "approved");
    below(span_of(row), static_cast<std::int64_t>(rows), "row");
    for (const std::int64_t at : span_of(row))
      if (at < 0) throw std::invalid_argument("row is out of range");
  }
  // Where the lines of visits begin.
  [[nodiscard]] std::span<const std::int64_t> by_visit(const In<std::int64_t>& line_begin) const {
    return rising_to(span_of(line_begin), row ? span_of(row).size() : span_of(amount).size(), "line_begin");
  }
  [[nodiscard]] PricingLines view() const {
    return {span_of(item),  span_of(index), span_of(day),      span_of(quantity), span_of(amount),
            span_of(price), span_of(deny),  span_of(approved), span_of(row),      sure};
  }
};

std::vector<PricingProgram> programs_of(const In<std::int64_t>& rows) {
  const auto flat = span_of(rows);
  std::vector<PricingProgram> out(flat.size() / kProgramColumns);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::int64_t* r = flat.data() + i * kProgramColumns;
    out[i] = {r[0],
              {static_cast<RoundMode>(r[1]), r[2]},
              {static_cast<RoundMode>(r[3]), r[4]},
              static_cast<std::int32_t>(r[5]),
              {static_cast<PlaceRule>(r[6]), static_cast<PlaceRule>(r[7]), static_cast<PlaceRule>(r[8])},
              {static_cast<DateRule>(r[9]), static_cast<DateRule>(r[10]), static_cast<DateRule>(r[11])},
              static_cast<std::uint32_t>(r[12]),
              static_cast<std::uint32_t>(r[13]),
              static_cast<std::uint32_t>(r[14])};
  }
  return out;
}

std::vector<FirstPayStep> steps_of(const In<std::int32_t>& rows) {
  const auto flat = span_of(rows);
  std::vector<FirstPayStep> out(flat.size() / kStepColumns);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::int32_t* r = flat.data() + i * kStepColumns;
    out[i] = {r[0], r[1] != 0, static_cast<StepAt>(r[2]), static_cast<std::uint8_t>(r[3])};
  }
  return out;
}

py::tuple py_totals(const In<std::int64_t>& line_begin, const Lines& lines, int threads) {
  const auto begin = lines.by_visit(line_begin);
  const std::size_t n = begin.size() - 1;
  py::array_t<std::int64_t> total(static_cast<py::ssize_t>(n));
  py::array_t<std::uint8_t> bad = filled<std::uint8_t>(n, 0);
  const PricingVisits visits{begin, {}, {}, {}, {}, {}};
  const PricingLines view = lines.view();
  const auto sums = written(total);
  const auto wrong = written(bad);
  {
    py::gil_scoped_release release;
    line_totals(visits, view, sums, wrong, threads);
  }
  return py::make_tuple(total, bad);
}

py::tuple py_parts(const In<std::int64_t>& line_begin, const In<std::int32_t>& enddate, const Lines& lines,
                   const In<std::int64_t>& cut_begin, const In<std::int32_t>& cuts) {
  const PricingVisits visits{lines.by_visit(line_begin), span_of(enddate), {}, {}, {}, {}};
  same_length(visits.line_begin.size(), visits.enddate.size() + 1, "line_begin");
  same_length(span_of(cut_begin).size(), visits.enddate.size() + 1, "cut_begin");
  rising_to(span_of(cut_begin), span_of(cuts).size(), "cut_begin");
  Parts parts = keep_parts(visits, lines.view(), span_of(cut_begin), span_of(cuts));
  return py::make_tuple(owned(std::move(parts.event_begin)), owned(std::move(parts.low)), owned(std::move(parts.before)));
}

py::dict py_price(const Catalog& catalog, const In<std::int64_t>& programs, const In<std::int32_t>& steps, const In<std::uint16_t>& tag_map,
                  std::int64_t catalog_tags, std::int64_t tags, const In<std::int64_t>& line_begin, const In<std::int32_t>& enddate,
                  const In<std::int32_t>& setl_day, const I32& treatment, const I32& insured, const In<std::int64_t>& event_begin,
                  const In<std::int32_t>& program, const I32& level, const I32& before, const Lines& lines, bool line_output, int threads) {
  const auto program_rows = programs_of(programs);
  const auto step_rows = steps_of(steps);
  const PricingTables tables{program_rows, step_rows, span_of(tag_map), static_cast<std::size_t>(catalog_tags),
                             static_cast<std::size_t>(tags)};
  const PricingVisits visits{lines.by_visit(line_begin), span_of(enddate), span_of(setl_day),
                             span_of(treatment),         span_of(insured), span_of(event_begin)};
  const PricingEvents events{span_of(program), span_of(level), span_of(before)};
  const std::size_t n = visits.enddate.size();
  const std::size_t e = events.program.size();
  same_length(visits.line_begin.size(), n + 1, "line_begin");
  same_length(visits.setl_day.size(), n, "setl_day");
  same_length(visits.event_begin.size(), n + 1, "event_begin");
  rising_to(visits.event_begin, e, "event_begin");
  below(events.program, static_cast<std::int64_t>(program_rows.size()), "program");
  below(span_of(lines.index ? *lines.index : lines.item), static_cast<std::int64_t>(catalog.items()), "item");
  if (level) same_length(events.level.size(), e, "level");
  if (before) same_length(events.before.size(), e, "before");
  for (const auto* column : {&visits.treatment, &visits.insured})
    if (!column->empty()) same_length(column->size(), n, "place");
  const std::size_t rows = line_output ? span_of(lines.amount).size() : 0;
  if (line_output) same_length(static_cast<std::size_t>(visits.line_begin.back()), rows, "lines by visit");
  auto natures = lent<std::int64_t>(e * nature_stride(tables.tags));
  auto flags = filled<std::uint8_t>(n, 0);
  std::array<py::array_t<std::int64_t>, 4> amounts;
  for (auto& column : amounts) column = lent<std::int64_t>(rows);
  auto item_class = lent<std::uint8_t>(rows);
  auto ratio = lent<std::int32_t>(rows);
  auto cap = lent<std::int64_t>(rows);
  auto reason = lent<std::uint8_t>(rows);
  const PricingOutput out{written(natures),    written(flags),      written(amounts[0]), written(amounts[1]), written(amounts[2]),
                          written(amounts[3]), written(item_class), written(ratio),      written(cap),        written(reason)};
  PricingSeen seen;
  {
    const PricingLines view = lines.view();
    py::gil_scoped_release release;
    seen = price_all(catalog, tables, visits, events, view, out, threads);
  }
  py::dict result;
  result["seen"] = py::make_tuple(seen.beyond ? -1 : seen.lines, seen.most);
  result["days"] = seen.low > seen.high ? py::object(py::none()) : py::object(py::make_tuple(seen.low, seen.high));
  result["natures"] = natures.reshape({static_cast<py::ssize_t>(e), static_cast<py::ssize_t>(nature_stride(tables.tags))});
  result["flags"] = flags;
  if (line_output) {
    const char* names[] = {"fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt"};
    for (std::size_t i = 0; i < 4; ++i) result[names[i]] = amounts[i];
    result["item_class"] = item_class;
    result["ratio"] = ratio;
    result["cap"] = cap;
    result["reason"] = reason;
  }
  return result;
}

}  // namespace

void bind_pricing(py::module_& m) {
  py::class_<Lines>(m, "Lines", "Columns of fee lines, borrowed from NumPy.")
      .def(py::init([](In<std::int32_t> item, I32 index, I32 day, I64 quantity, In<std::int64_t> amount, I64 price, I8 deny, I8 approved,
                       I64 row, bool sure) {
             Lines lines{std::move(item),  std::move(index), std::move(day),      std::move(quantity), std::move(amount),
                         std::move(price), std::move(deny),  std::move(approved), std::move(row),      sure};
             lines.sound();
             return lines;
           }),
           py::arg("item").noconvert(), py::arg("index").noconvert(), py::arg("day").noconvert(), py::arg("quantity").noconvert(),
           py::arg("amount").noconvert(), py::arg("price").noconvert(), py::arg("deny").noconvert(), py::arg("approved").noconvert(),
           py::arg("row").noconvert(), py::arg("sure") = true);
  m.def("line_totals", &py_totals, py::arg("line_begin").noconvert(), py::arg("lines"), py::arg("threads"),
        "(sum of each visit's lines in fen, 1 where an amount is missing or beyond bounds).");
  m.def("keep_parts", &py_parts, py::arg("line_begin").noconvert(), py::arg("enddate").noconvert(), py::arg("lines"),
        py::arg("cut_begin").noconvert(), py::arg("cuts").noconvert(), "Parts with lines: (event_begin, low, before).");
  m.def("price", &py_price, py::arg("catalog"), py::arg("programs").noconvert(), py::arg("steps").noconvert(),
        py::arg("tag_map").noconvert(), py::arg("catalog_tags"), py::arg("tags"), py::arg("line_begin").noconvert(),
        py::arg("enddate").noconvert(), py::arg("setl_day").noconvert(), py::arg("treatment").noconvert(), py::arg("insured").noconvert(),
        py::arg("event_begin").noconvert(), py::arg("program").noconvert(), py::arg("level").noconvert(), py::arg("before").noconvert(),
        py::arg("lines"), py::arg("line_output"), py::arg("threads") = 1,
        "Natures by event, flags by visit and, when asked for, the columns of the lines. `seen`: how many lines are within the limits, -1 "
        "where one is not, and what no amount is beyond; `days`: bounds of the days of all lines, where they were looked at.");
}

}  // namespace ybcore::bind
