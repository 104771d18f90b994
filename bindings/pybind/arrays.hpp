// NumPy arrays as borrowed spans, and vectors as arrays that own them. No copies, no conversions: a wrong dtype is a TypeError.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ybcore/scratch.hpp"

namespace ybcore::bind {

namespace py = pybind11;

// Contiguous input of exactly this dtype; `.noconvert()` is on every argument by the signature's type.
template <class T>
using In = py::array_t<T, py::array::c_style>;

// NumPy may leave numbers at any address, and room between them: neither the type of an argument nor its dtype tells.
template <class T>
void laid_out(const py::array& array) {
  if ((array.flags() & py::array::c_style) == 0) throw std::invalid_argument("an array is not contiguous");
  if (array.size() != 0 && reinterpret_cast<std::uintptr_t>(array.data()) % alignof(T) != 0)
    throw std::invalid_argument("an array is not aligned");
}

template <class T>
std::span<const T> span_of(const In<T>& array) {
  laid_out<T>(array);
  return {array.data(), static_cast<std::size_t>(array.size())};
}

template <class T>
std::span<const T> span_of(const std::optional<In<T>>& array) {
  return array ? span_of(*array) : std::span<const T>{};
}

template <class T>
std::span<T> written(py::array_t<T>& array) {
  laid_out<T>(array);
  return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

// A vector becomes an array without a copy; the array owns it.
template <class T, class Memory>
py::array_t<T> owned(std::vector<T, Memory>&& values) {
  auto* kept = new std::vector<T, Memory>(std::move(values));
  py::capsule owner(kept, [](void* p) { delete static_cast<std::vector<T, Memory>*>(p); });
  return py::array_t<T>({kept->size()}, {sizeof(T)}, kept->data(), owner);
}

// Uninitialised.
template <class T>
py::array_t<T> lent(std::size_t size) {
  Big<T> memory = big<T>(size);
  py::capsule owner(memory.get(), [](void* at) { give_back(at); });
  return py::array_t<T>({size}, {sizeof(T)}, memory.release(), owner);
}

template <class T>
py::array_t<T> filled(std::size_t size, T value) {
  py::array_t<T> array = lent<T>(size);
  std::fill_n(array.mutable_data(), size, value);
  return array;
}

inline void same_length(std::size_t have, std::size_t want, const char* what) {
  if (have != want) {
    throw std::invalid_argument(std::string(what) + " has " + std::to_string(have) + " rows, expected " + std::to_string(want));
  }
}

// Offsets that rise from 0 or more, to `most` at most.
inline std::span<const std::int64_t> rising_to(std::span<const std::int64_t> offsets, std::size_t most, const char* what) {
  bool sound = !offsets.empty() && offsets.front() >= 0 && offsets.back() <= static_cast<std::int64_t>(most);
  for (std::size_t k = 1; sound && k < offsets.size(); ++k) sound = offsets[k - 1] <= offsets[k];
  if (!sound) throw std::invalid_argument(std::string(what) + " is not sound");
  return offsets;
}

// Negative ones are of nothing.
template <class T>
std::span<const T> below(std::span<const T> numbers, std::int64_t limit, const char* what) {
  T most = -1;
  for (const T number : numbers) most = std::max(most, number);
  if (limit < 0 || most >= limit) throw std::invalid_argument(std::string(what) + " is out of range");
  return numbers;
}

}  // namespace ybcore::bind
