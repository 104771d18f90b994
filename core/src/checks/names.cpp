#include "ybcore/checks/names.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include "../split.hpp"
#include "sha256.hpp"
#include "ybcore/checks/found.hpp"

namespace ybcore::checks {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 12;
constexpr std::string_view kBetween = "\x1f";

void name_one(const NamedFindings& findings, std::size_t at, std::vector<std::string_view>& rows, char* out) {
  Sha256 sha;
  sha.add(findings.rules[static_cast<std::size_t>(findings.rule[at])]);
  sha.add(kBetween);
  sha.add(findings.what[at]);
  sha.add(kBetween);
  if (findings.begin[at] != kUnknown) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), findings.begin[at]).ptr;
    sha.add({digits.data(), static_cast<std::size_t>(end - digits.data())});
  }
  rows.clear();
  for (auto i = static_cast<std::size_t>(findings.own[at]); i < static_cast<std::size_t>(findings.own[at + 1]); ++i)
    rows.push_back(findings.rows[i]);
  std::sort(rows.begin(), rows.end());
  for (const std::string_view row : rows) {
    sha.add(kBetween);
    sha.add(row);
  }
  const auto words = sha.digest();
  for (std::size_t i = 0; i < kNameSize; ++i) out[i] = "0123456789abcdef"[words[i / 8] >> (28 - 4 * (i % 8)) & 15];
}

}  // namespace

void names_of(const NamedFindings& findings, std::span<char> out, int threads) {
  const Chunks chunks = cut_rows(findings.rule.size(), kBlock);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    std::vector<std::string_view> rows;
    for (std::size_t i = chunks.begin[c]; i < chunks.begin[c + 1]; ++i) name_one(findings, i, rows, out.data() + i * kNameSize);
  });
}

}  // namespace ybcore::checks
