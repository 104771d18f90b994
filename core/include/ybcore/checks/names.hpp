// Names of findings that are the same in every run: what was hit, never the number of a row.
//
// Meaning   The first 20 hex digits of SHA-256 over texts that are joined by U+001F: the rule, what was hit, the begin of the window,
//           then the names of the offending rows sorted as bytes.
// Units     begin: a decimal number of microseconds; kUnknown (found.hpp) is the empty text.
// Requires  Texts as runs of bytes with offsets, one more than texts. `rule` is a place in `rules`, one a finding; `own` cuts the names
//           of rows by finding.
// Gives     20 bytes a finding.
// Fails     Never.
// Cost      A digest of some hundred bytes a finding.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ybcore::checks {

struct Texts {
  std::span<const std::int64_t> offsets;
  const char* bytes = nullptr;

  [[nodiscard]] std::string_view operator[](std::size_t at) const noexcept {
    return {bytes + offsets[at], static_cast<std::size_t>(offsets[at + 1] - offsets[at])};
  }
};

struct NamedFindings {
  Texts rules;
  std::span<const std::int32_t> rule;
  Texts what;
  std::span<const std::int64_t> begin;
  std::span<const std::int64_t> own;
  Texts rows;
};

inline constexpr std::size_t kNameSize = 20;

void names_of(const NamedFindings& findings, std::span<char> out, int threads);

}  // namespace ybcore::checks
