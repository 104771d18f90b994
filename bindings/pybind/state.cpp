#include "state.hpp"

#include <algorithm>

namespace ybcore::bind {
namespace {

template <class T>
py::array_t<std::int32_t> keys_out(const std::vector<T>& keys) {
  static_assert(sizeof(T) == 4 * sizeof(std::int32_t));
  py::array_t<std::int32_t> out({static_cast<py::ssize_t>(keys.size()), py::ssize_t{4}});
  std::copy_n(reinterpret_cast<const std::int32_t*>(keys.data()), keys.size() * 4, out.mutable_data());
  return out;
}

template <class T>
std::vector<T> vector_of(const py::dict& d, const char* name) {
  const In<T> a = array_of<T>(d, name);
  const auto all = span_of(a);
  return {all.begin(), all.end()};
}

std::vector<SlotKey> keys_in(const py::dict& d, const char* name) {
  const In<std::int32_t> a = array_of<std::int32_t>(d, name);
  std::vector<SlotKey> out(static_cast<std::size_t>(a.size()) / 4);
  std::copy_n(span_of(a).data(), out.size() * 4, reinterpret_cast<std::int32_t*>(out.data()));
  return out;
}

}  // namespace

py::dict state_out(State&& s) {
  py::dict d;
  d["counter_key"] = keys_out(s.counters.key);
  d["counter_value"] = owned(std::move(s.counters.value));
  RecordState& r = s.records;
  d["row"] = owned(std::move(r.row));
  d["person"] = owned(std::move(r.person));
  d["stay"] = owned(std::move(r.stay));
  d["scheme"] = owned(std::move(r.scheme));
  d["enddate"] = owned(std::move(r.enddate));
  d["contribution_begin"] = owned(std::move(r.contribution_begin));
  d["contribution_key"] = keys_out(r.contribution_key);
  d["contribution_amount"] = owned(std::move(r.contribution_amount));
  d["admission_begin"] = owned(std::move(r.admission_begin));
  d["admission_key"] = keys_out(r.admission_key);
  d["admission_stay"] = owned(std::move(r.admission_stay));
  d["admission_number"] = owned(std::move(r.admission_number));
  d["standard_begin"] = owned(std::move(r.standard_begin));
  d["standard_key"] = keys_out(r.standard_key);
  d["standard_amount"] = owned(std::move(r.standard_amount));
  d["used_begin"] = owned(std::move(r.used_begin));
  d["used_layer"] = owned(std::move(r.used_layer));
  d["used"] = owned(std::move(r.used));
  d["chain_standard"] = owned(std::move(r.chain_standard));
  d["chain_used"] = owned(std::move(r.chain_used));
  d["move_begin"] = owned(std::move(r.move_begin));
  d["move_person"] = owned(std::move(r.move_person));
  d["move_amount"] = owned(std::move(r.move_amount));
  return d;
}

State state_in(const py::dict& d) {
  State s;
  s.counters = {keys_in(d, "counter_key"), vector_of<std::int64_t>(d, "counter_value")};
  RecordState& r = s.records;
  r.person = vector_of<std::int32_t>(d, "person");
  r.stay = vector_of<std::int32_t>(d, "stay");
  r.scheme = vector_of<std::int32_t>(d, "scheme");
  r.enddate = vector_of<std::int32_t>(d, "enddate");
  r.has_account = vector_of<std::int32_t>(d, "has_account");
  r.columns = vector_of<std::int64_t>(d, "columns");
  r.contribution_begin = vector_of<std::int64_t>(d, "contribution_begin");
  r.contribution_key = keys_in(d, "contribution_key");
  r.contribution_amount = vector_of<std::int64_t>(d, "contribution_amount");
  r.admission_begin = vector_of<std::int64_t>(d, "admission_begin");
  r.admission_key = keys_in(d, "admission_key");
  r.admission_stay = vector_of<std::int32_t>(d, "admission_stay");
  r.admission_number = vector_of<std::int32_t>(d, "admission_number");
  r.standard_begin = vector_of<std::int64_t>(d, "standard_begin");
  r.standard_key = keys_in(d, "standard_key");
  r.standard_amount = vector_of<std::int64_t>(d, "standard_amount");
  r.used_begin = vector_of<std::int64_t>(d, "used_begin");
  r.used_layer = vector_of<std::int32_t>(d, "used_layer");
  r.used = vector_of<std::int64_t>(d, "used");
  r.chain_standard = vector_of<std::int64_t>(d, "chain_standard");
  r.chain_used = vector_of<std::int64_t>(d, "chain_used");
  r.move_begin = vector_of<std::int64_t>(d, "move_begin");
  r.move_person = vector_of<std::int32_t>(d, "move_person");
  r.move_amount = vector_of<std::int64_t>(d, "move_amount");
  return s;
}

}  // namespace ybcore::bind
