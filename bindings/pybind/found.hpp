// What a rule kernel finds, as a dict of arrays.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "arrays.hpp"
#include "ybcore/checks/found.hpp"

namespace ybcore::bind {

inline py::dict found_dict(checks::Found&& found) {
  static_assert(std::is_same_v<std::underlying_type_t<checks::Part>, std::uint8_t>);
  py::dict out;
  out["measure"] = owned(std::move(found.measure));
  out["limit"] = owned(std::move(found.limit));
  out["begin"] = owned(std::move(found.begin));
  out["end"] = owned(std::move(found.end));
  out["entry"] = owned(std::move(found.entry));
  out["step"] = owned(std::move(found.step));
  out["details"] = owned(std::move(found.details));
  out["event"] = owned(std::move(found.event));
  auto* part = new Grown<checks::Part>(std::move(found.part));
  py::capsule owner(part, [](void* p) { delete static_cast<Grown<checks::Part>*>(p); });
  out["part"] = py::array_t<std::uint8_t>({part->size()}, {std::size_t{1}}, reinterpret_cast<const std::uint8_t*>(part->data()), owner);
  out["excess"] = owned(std::move(found.excess));
  out["unknown"] = found.unknown;
  return out;
}

}  // namespace ybcore::bind
