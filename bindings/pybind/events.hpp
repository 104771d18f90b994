// Programs and events as dictionaries of arrays.
#pragma once

#include "arrays.hpp"
#include "state.hpp"
#include "ybcore/settle.hpp"

namespace ybcore::bind {

// Keeps what the spans point into.
struct Kept {
  std::vector<py::object> all;
  template <class T>
  std::span<const T> view(const py::dict& from, const char* name, std::size_t rows = SIZE_MAX) {
    const In<T> array = array_of<T>(from, name);
    if (rows != SIZE_MAX) same_length(static_cast<std::size_t>(array.size()), rows, name);
    all.push_back(array);
    return span_of(array);
  }
  // A column that need not be there.
  template <class T>
  std::span<const T> maybe(const py::dict& from, const char* name, std::size_t rows) {
    if (!from.contains(name) || from[name].is_none()) return {};
    return view<T>(from, name, rows);
  }
  template <class Row>
  std::span<const Row> rows(const py::dict& from, const char* name) {
    const auto flat = view<std::int64_t>(from, name);
    constexpr std::size_t width = sizeof(Row) / sizeof(std::int64_t);
    if (flat.size() % width != 0) throw std::invalid_argument(std::string(name) + " has rows of the wrong width");
    return {reinterpret_cast<const Row*>(flat.data()), flat.size() / width};
  }
};

inline Program program_of(const py::dict& d, Kept& kept) {
  return {kept.rows<PlanRow>(d, "plans"),     kept.rows<LayerRow>(d, "layers"),       kept.rows<KeyRow>(d, "keys"),
          kept.rows<FeedRow>(d, "feeds"),     kept.rows<BandRow>(d, "bands"),         kept.rows<CeilingRow>(d, "ceilings"),
          kept.rows<BaseRow>(d, "bases"),     kept.rows<StandardRow>(d, "standards"), kept.rows<EditRow>(d, "edits"),
          kept.rows<AmountRow>(d, "amounts"), kept.rows<UptoRow>(d, "uptos"),         kept.view<std::int64_t>(d, "values")};
}

inline Events events_of(const py::dict& d, Kept& k) {
  Events e{};
  e.plan = k.view<std::int32_t>(d, "plan");
  const std::size_t n = e.plan.size();
  e.visit = k.maybe<std::int64_t>(d, "visit", n);
  e.reason = k.view<std::uint8_t>(d, "reason", n);
  e.later = k.maybe<std::uint8_t>(d, "later", n);
  e.person = k.view<std::int32_t>(d, "person", n);
  e.household = k.maybe<std::int32_t>(d, "household", n);
  e.donor = k.maybe<std::int32_t>(d, "donor", n);
  e.hospital = k.maybe<std::int32_t>(d, "hospital", n);
  e.disease = k.maybe<std::int32_t>(d, "disease", n);
  e.stay = k.view<std::int32_t>(d, "stay", n);
  e.linked_stay = k.maybe<std::int32_t>(d, "linked_stay", n);
  e.order_date = k.view<std::int32_t>(d, "order_date", n);
  e.begndate = k.view<std::int32_t>(d, "begndate", n);
  e.enddate = k.view<std::int32_t>(d, "enddate", n);
  e.period_date = k.view<std::int32_t>(d, "period_date", n);
  e.days = k.view<std::int32_t>(d, "days", n);
  e.acct_used = k.maybe<std::uint8_t>(d, "acct_used", n);
  e.init = k.maybe<std::int64_t>(d, "init", n);
  e.is_reversal = k.maybe<std::uint8_t>(d, "is_reversal", n);
  e.tags = d["tags"].cast<std::size_t>();
  e.natures = k.view<std::int64_t>(d, "natures", n * (5 + 4 * e.tags));
  e.fields = k.view<std::int64_t>(d, "fields");
  e.given = k.view<std::int64_t>(d, "given");
  e.event_begin = k.view<std::int64_t>(d, "event_begin");
  if (e.event_begin.empty()) throw std::invalid_argument("event_begin is never empty");
  const std::size_t visits = e.event_begin.size() - 1;
  e.group = k.view<std::int32_t>(d, "group", visits);
  e.groups = d["groups"].cast<std::int32_t>();
  e.first = k.view<std::int64_t>(d, "first", visits);
  e.second = k.view<std::int64_t>(d, "second");
  e.ids.numbers = k.view<std::int64_t>(d, "numbers");
  e.ids.offsets = k.view<std::int64_t>(d, "offsets");
  e.ids.bytes = reinterpret_cast<const char*>(k.view<std::uint8_t>(d, "bytes").data());
  if (e.given.size() != 0) same_length(e.given.size(), 9 * n, "given");
  return e;
}

}  // namespace ybcore::bind
