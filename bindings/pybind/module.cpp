// The module: registers what the bind_*.cpp files translate.
#include <pybind11/pybind11.h>

namespace ybcore::bind {
void bind_benefit(pybind11::module_& m);
void bind_catalog(pybind11::module_& m);
void bind_checks_attribute(pybind11::module_& m);
void bind_checks_bulk(pybind11::module_& m);
void bind_checks_cap(pybind11::module_& m);
void bind_checks_lines(pybind11::module_& m);
void bind_checks_money(pybind11::module_& m);
void bind_checks_pairs(pybind11::module_& m);
void bind_checks_compose(pybind11::module_& m);
void bind_checks_ratio(pybind11::module_& m);
void bind_checks_stays(pybind11::module_& m);
void bind_checks_supply(pybind11::module_& m);
void bind_checks_window(pybind11::module_& m);
void bind_classify(pybind11::module_& m);
void bind_clearing(pybind11::module_& m);
void bind_join(pybind11::module_& m);
void bind_measure(pybind11::module_& m);
void bind_money(pybind11::module_& m);
void bind_order(pybind11::module_& m);
void bind_pages(pybind11::module_& m);
void bind_pricing(pybind11::module_& m);
void bind_panel(pybind11::module_& m);
void bind_settle(pybind11::module_& m);
void bind_small(pybind11::module_& m);
void bind_spot(pybind11::module_& m);
void bind_texts(pybind11::module_& m);
}  // namespace ybcore::bind

PYBIND11_MODULE(_core, m) {
  m.doc() = "The compiled kernel of ybcore.";
  m.attr("version") = YB_VERSION;
  ybcore::bind::bind_benefit(m);
  ybcore::bind::bind_catalog(m);
  ybcore::bind::bind_checks_attribute(m);
  ybcore::bind::bind_checks_bulk(m);
  ybcore::bind::bind_checks_cap(m);
  ybcore::bind::bind_checks_lines(m);
  ybcore::bind::bind_checks_money(m);
  ybcore::bind::bind_checks_pairs(m);
  ybcore::bind::bind_checks_compose(m);
  ybcore::bind::bind_checks_ratio(m);
  ybcore::bind::bind_checks_stays(m);
  ybcore::bind::bind_checks_supply(m);
  ybcore::bind::bind_checks_window(m);
  ybcore::bind::bind_classify(m);
  ybcore::bind::bind_clearing(m);
  ybcore::bind::bind_measure(m);
  ybcore::bind::bind_money(m);
  ybcore::bind::bind_join(m);
  ybcore::bind::bind_order(m);
  ybcore::bind::bind_pages(m);
  ybcore::bind::bind_pricing(m);
  ybcore::bind::bind_panel(m);
  ybcore::bind::bind_settle(m);
  ybcore::bind::bind_small(m);
  ybcore::bind::bind_spot(m);
  ybcore::bind::bind_texts(m);
}
