// Checks for the C++ tests: a failed one prints where and what, and the program ends with 1.
#pragma once

#include <cstdio>
#include <iostream>

namespace check {

inline int failures = 0;

template <class A, class B>
void equal(const A& a, const B& b, const char* text, const char* file, int line) {
  if (a == b) return;
  ++failures;
  if (failures > 50) return;
  std::cerr << file << ":" << line << ": " << text << "\n";
  if constexpr (requires(std::ostream& out) { out << +a << +b; }) std::cerr << "  left " << +a << ", right " << +b << "\n";
}

inline void holds(bool ok, const char* text, const char* file, int line) {
  if (ok) return;
  ++failures;
  if (failures <= 50) std::cerr << file << ":" << line << ": " << text << "\n";
}

// Rounds of random cases: a part of them where the build says so, as each costs many times as much under emulation and sanitizers.
constexpr int rounds(int all) {
#ifdef YB_TEST_SHARE
  return (all + YB_TEST_SHARE - 1) / YB_TEST_SHARE;
#else
  return all;
#endif
}

inline int result() {
  if (failures) std::cerr << failures << " failed\n";
  return failures ? 1 : 0;
}

}  // namespace check

#define CHECK(condition) ::check::holds(static_cast<bool>(condition), #condition, __FILE__, __LINE__)
#define CHECK_EQ(a, b) ::check::equal((a), (b), #a " == " #b, __FILE__, __LINE__)
