// Regrouping, sums by key and names of findings against the plainest code that says the same.
#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "check.hpp"
#include "checks/sha256.hpp"
#include "draw.hpp"
#include "ybcore/checks/names.hpp"
#include "ybcore/checks/regroup.hpp"

using namespace ybcore::checks;

namespace {

void regrouped(std::uint64_t seed, std::size_t rows, std::size_t count) {
  draw::Numbers random(seed);
  std::vector<std::int64_t> begin{0};
  while (begin.back() < static_cast<std::int64_t>(rows))
    begin.push_back(std::min(begin.back() + random.between<std::int64_t>(0, 9), static_cast<std::int64_t>(rows)));
  std::vector<std::vector<std::int32_t>> keys;
  for (std::size_t k = 0; k < count; ++k) keys.push_back(random.column<std::int32_t>(rows, -1, 2));
  const auto before = [&](std::int32_t a, std::int32_t b) {
    for (const auto& key : keys)
      if (key[a] != key[b]) return key[a] < key[b];
    return false;
  };
  Regrouped twin;
  twin.order.resize(rows);
  std::iota(twin.order.begin(), twin.order.end(), 0);
  for (std::size_t r = 0; r + 1 < begin.size(); ++r) {
    std::stable_sort(twin.order.begin() + begin[r], twin.order.begin() + begin[r + 1], before);
    for (std::int64_t i = begin[r]; i < begin[r + 1]; ++i)
      if (i == begin[r] || before(twin.order[i - 1], twin.order[i])) twin.begin.push_back(i);
  }
  twin.begin.push_back(static_cast<std::int64_t>(rows));
  const std::vector<std::span<const std::int32_t>> spans(keys.begin(), keys.end());
  for (const int threads : {1, 2, 7}) {
    const Regrouped found = regroup(begin, spans, threads);
    CHECK(found.order == twin.order && found.begin == twin.begin);
  }
}

void tallied(std::uint64_t seed) {
  draw::Numbers random(seed);
  const auto key = random.column<std::int32_t>(300, -1, 11);
  const auto value = random.column<std::int64_t>(300, -5, 5);
  std::vector<std::int64_t> sums(12), counts(12), all(12), every(12);
  for (std::size_t i = 0; i < key.size(); ++i)
    if (key[i] >= 0) all[static_cast<std::size_t>(key[i])] += value[i], ++every[static_cast<std::size_t>(key[i])];
  tally(key, value, sums);
  tally(key, {}, counts);
  CHECK(sums == all && counts == every);
}

std::string hex(std::string_view bytes, std::size_t piece) {
  Sha256 sha;
  for (std::size_t at = 0; at < bytes.size(); at += piece) sha.add(bytes.substr(at, piece));
  std::string out;
  for (const std::uint32_t word : sha.digest())
    for (int shift = 28; shift >= 0; shift -= 4) out += "0123456789abcdef"[word >> shift & 15];
  return out;
}

// The examples of FIPS 180-4, and lengths round the end of a block.
void digests() {
  CHECK_EQ(hex("", 1), std::string("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
  CHECK_EQ(hex("abc", 1), std::string("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
  CHECK_EQ(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 9),
           std::string("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
  CHECK_EQ(hex(std::string(1'000'000, 'a'), 1000), std::string("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
  for (std::size_t size = 50; size < 70; ++size) CHECK_EQ(hex(std::string(size, 'x'), 1), hex(std::string(size, 'x'), 64));
}

struct Held {
  std::string bytes;
  std::vector<std::int64_t> offsets{0};

  void add(const std::string& text) {
    bytes += text;
    offsets.push_back(static_cast<std::int64_t>(bytes.size()));
  }
  [[nodiscard]] Texts texts() const { return {offsets, bytes.data()}; }
};

void named(std::uint64_t seed, std::size_t findings) {
  draw::Numbers random(seed);
  const std::vector<std::string> words{"", "a", "S1/2", "S1/10", "\xe5\x8f\xb7", "b"};
  Held rules, what, rows;
  rules.add("R1"), rules.add("R2");
  std::vector<std::int32_t> rule;
  std::vector<std::int64_t> begin, own{0};
  std::vector<std::string> twin;
  for (std::size_t f = 0; f < findings; ++f) {
    rule.push_back(random.between(0, 1));
    what.add(words[random.between<std::size_t>(0, 5)]);
    begin.push_back(random.one_in(3) ? kUnknown : random.between<std::int64_t>(-90, 1'000'000'000'000));
    std::vector<std::string> mine;
    for (std::size_t k = random.between<std::size_t>(0, 5); k > 0; --k) mine.push_back(words[random.between<std::size_t>(0, 5)]);
    for (const std::string& row : mine) rows.add(row);
    own.push_back(static_cast<std::int64_t>(rows.offsets.size()) - 1);
    std::string text(rules.texts()[static_cast<std::size_t>(rule.back())]);
    for (const std::string_view part : {std::string_view("\x1f"), what.texts()[f], std::string_view("\x1f")}) text += part;
    if (begin.back() != kUnknown) text += std::to_string(begin.back());
    std::sort(mine.begin(), mine.end(), [](const auto& a, const auto& b) { return std::string_view(a) < std::string_view(b); });
    for (const std::string& row : mine) {
      text += '\x1f';
      text += row;
    }
    twin.push_back(hex(text, 64).substr(0, kNameSize));
  }
  for (const int threads : {1, 3}) {
    std::string out(findings * kNameSize, ' ');
    names_of({rules.texts(), rule, what.texts(), begin, own, rows.texts()}, out, threads);
    for (std::size_t f = 0; f < findings; ++f) CHECK_EQ(out.substr(f * kNameSize, kNameSize), twin[f]);
  }
}

}  // namespace

int main() {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    regrouped(seed, 200, seed % 3 + 1);
    tallied(seed);
    named(seed, 60);
  }
  regrouped(30, 0, 1);
  regrouped(31, 20'000, 3);
  named(32, 9000);
  digests();
  return check::result();
}
