// The state between two runs, as a dict of arrays and as the kernel has it.
#pragma once

#include "arrays.hpp"
#include "ybcore/settle.hpp"

namespace ybcore::bind {

template <class T>
In<T> array_of(const py::dict& from, const char* name) {
  if (!from.contains(name)) throw std::invalid_argument(std::string(name) + " is missing");
  const py::object value = from[name];
  if (!In<T>::check_(value)) throw std::invalid_argument(std::string(name) + " has the wrong type");
  return py::reinterpret_borrow<In<T>>(value);
}

py::dict state_out(State&& s);
State state_in(const py::dict& d);

}  // namespace ybcore::bind
