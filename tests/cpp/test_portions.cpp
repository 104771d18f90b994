// The arithmetic of lines at every level of the machine, against integers of 128 bits.
#include <algorithm>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "check.hpp"
#include "portions.hpp"
#include "words.hpp"

using namespace ybcore;

namespace {

constexpr std::int64_t kMostAmount = std::int64_t{1} << 31, kMostCount = std::int64_t{1} << 29;

struct Columns {
  std::vector<Word> word;
  std::vector<std::int64_t> amount, quantity;
  void line(Word w, std::int64_t a, std::int64_t q = kOneUnit) {
    word.push_back(w);
    amount.push_back(a);
    quantity.push_back(q);
  }
  void mirrored(Word w, std::int64_t a, std::int64_t q = kOneUnit) {
    line(w, a, q);
    line(w, -a, -q);
  }
  [[nodiscard]] LineColumns view() const { return {word.data(), amount.data(), quantity.data(), word.size()}; }
};

Word open_word(std::uint64_t ratio) { return kOpen | ratio << kRatioAt; }
Word capped_word(std::uint64_t cap, std::uint64_t ratio) { return cap | ratio << kRatioAt; }

// Half up, of numbers that are not negative.
std::int64_t divided(__int128 product) { return static_cast<std::int64_t>((product + 500'000) / 1'000'000); }

Portion expected(Word w, std::int64_t amount, std::int64_t quantity) {
  const std::int64_t sign = amount < 0 ? -1 : 1, size = sign * amount;
  std::int64_t lim = size;
  if ((w & kOpen) == 0) lim = std::min(size, divided(static_cast<__int128>(w & kCapBits) * std::llabs(quantity)));
  const std::int64_t first = divided(static_cast<__int128>(lim) * static_cast<std::int64_t>((w >> kRatioAt) & kRatioBits));
  const auto bits = [&](std::int64_t value) { return static_cast<std::uint64_t>(sign * value); };
  return {bits(size), bits(lim), bits(first), (w & kWhole) != 0 ? bits(size) : 0};
}

bool same(const Portion& a, const Portion& b) { return std::memcmp(&a, &b, sizeof(Portion)) == 0; }

std::vector<const Lanes*> levels() {
  std::vector<const Lanes*> out{&base_lanes()};
  if (wide_lanes() != nullptr) out.push_back(wide_lanes());
  return out;
}

void agree(const Columns& columns) {
  const std::size_t n = columns.word.size();
  std::vector<Portion> wanted;
  for (std::size_t i = 0; i < n; ++i) wanted.push_back(expected(columns.word[i], columns.amount[i], columns.quantity[i]));
  std::vector<Portion> found(n + 1);
  const auto all_same = [&] {
    for (std::size_t i = 0; i < n; ++i) {
      CHECK(same(found[i], wanted[i]));
      if (same(found[i], wanted[i])) continue;
      CHECK_EQ(columns.amount[i], columns.quantity[i]);  // says both
      CHECK_EQ(columns.word[i] & kCapBits, (columns.word[i] >> kRatioAt) & kRatioBits);
    }
  };
  for (const Lanes* level : levels()) {
    found.assign(n + 1, {});
    CHECK(level->small(columns.view(), found.data()));
    all_same();
    level->run_on(found.data(), n);
    Portion sum{};
    for (std::size_t i = 0; i <= n; ++i) {
      CHECK(same(found[i], sum));
      if (i == n) break;
      sum = {sum.amount + wanted[i].amount, sum.lim + wanted[i].lim, sum.first + wanted[i].first, sum.full + wanted[i].full};
    }
  }
  found.assign(n + 1, {});
  portions_of_any(columns.view(), found.data());
  all_same();
}

// Every product next to a half, from the smallest to the greatest that is allowed.
void halves() {
  Columns columns;
  for (std::int64_t half = 500'000; half < kMostAmount; half += half < 50'000'000 ? 1'000'000 : 77'000'000)
    for (const std::int64_t off : {-1, 0, 1}) columns.mirrored(open_word(1), half + off);
  for (std::int64_t back = 1; back < 2'000; ++back)
    for (const std::uint64_t ratio : {1ULL, 3ULL, 499'999ULL, 500'000ULL, 500'001ULL, 999'999ULL, 1'000'000ULL})
      columns.mirrored(open_word(ratio), kMostAmount - back);
  // Ties among the greatest products: x * 999999 leaves half a million where x does.
  for (std::int64_t tie = 2'046'500'000; tie < kMostAmount; tie += 1'000'000)
    for (const std::int64_t off : {-1, 0, 1}) columns.mirrored(open_word(999'999), tie + off);
  columns.line(open_word(1'000'000), -kMostAmount);
  columns.line(open_word(500'000), -kMostAmount, -kMostCount);
  agree(columns);
}

// Lines whose cap lies at, just below and just above the amount, and caps beyond every amount.
void caps() {
  Columns columns;
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const std::int64_t quantity = static_cast<std::int64_t>(random() % (std::uint64_t{1} << (random() % 29 + 1)));
    const std::uint64_t cap = random() % (std::uint64_t{1} << (random() % 34 + 1));
    const std::int64_t limit = std::min(divided(static_cast<__int128>(cap) * quantity), kMostAmount - 2);
    columns.mirrored(capped_word(cap, random() % 1'000'001), limit + static_cast<std::int64_t>(random() % 3) - (limit > 0 ? 1 : 0),
                     quantity);
  }
  // Products next to a half: cap x quantity = 1000 (1000 n + 500) and its neighbours.
  for (std::uint64_t n = 0; n < 2'000'000; n += 1'009)
    for (const std::uint64_t off : {499ULL, 500ULL, 501ULL})
      columns.mirrored(capped_word(1'000 * n + off, 333'333), kMostAmount - 1, 1'000);
  for (std::int64_t quantity = kMostCount - 3; quantity < kMostCount; ++quantity)
    for (std::uint64_t cap = kCapBits - 3; cap <= kCapBits; ++cap) columns.mirrored(capped_word(cap, 1'000'000), kMostAmount - 1, quantity);
  // The product from which on doubles hold no longer every half.
  for (std::uint64_t cap = 4'194'300; cap < 4'194'310; ++cap) columns.mirrored(capped_word(cap, 500'000), kMostAmount - 1, kMostCount - 1);
  agree(columns);
}

void kinds_of_words() {
  Columns columns;
  for (const std::int64_t amount : {0, 1, 2, 5, 1005, 99'999'999}) {
    columns.mirrored(kWhole, amount);
    columns.mirrored(kWhole | kUnknown, amount);
    columns.mirrored(kWhole | Word{15} << kTagAt, amount, 0);
    columns.mirrored(open_word(0) | kDirectly | Word{15} << kTagAt, amount, 0);
    columns.mirrored(open_word(500'000) | kUnknown, amount);
    columns.mirrored(capped_word(0, 100'000), amount, 1);
    columns.mirrored(capped_word(12'345, 0), amount, 0);
  }
  agree(columns);
}

void random_lines_of_every_count() {
  std::mt19937_64 random(2);
  for (std::size_t count = 0; count < 300; ++count) {
    Columns columns;
    for (std::size_t i = 0; i < count; ++i) {
      const auto amount = static_cast<std::int64_t>(random() % (std::uint64_t{1} << (random() % 31 + 1)));
      const auto quantity = static_cast<std::int64_t>(random() % (std::uint64_t{1} << (random() % 29 + 1)));
      const Word flags = (random() % 4 == 0 ? kOpen : 0) | Word{random() % 16} << kTagAt;
      columns.line(flags | capped_word(random() & kCapBits >> random() % 34, random() % 1'000'001), random() % 8 == 0 ? -amount : amount,
                   random() % 8 == 0 ? -quantity : quantity);
    }
    agree(columns);
    for (const Lanes* level : levels()) {
      std::vector<Portion> without(count + 1), with(count + 1);
      const std::vector<std::int64_t> units(count, kOneUnit);
      CHECK(level->small({columns.word.data(), columns.amount.data(), nullptr, count}, without.data()));
      CHECK(level->small({columns.word.data(), columns.amount.data(), units.data(), count}, with.data()));
      CHECK(count == 0 || std::memcmp(without.data(), with.data(), count * sizeof(Portion)) == 0);
    }
  }
}

// One number out of bounds is seen wherever it stands.
void bounds() {
  constexpr std::size_t kCount = 131;
  for (const Lanes* level : levels()) {
    for (std::size_t at = 0; at < kCount; ++at) {
      for (const std::int64_t amount : {kMostAmount, -kMostAmount - 1, INT64_MAX, INT64_MIN, std::int64_t{100'000'000'000}}) {
        Columns columns;
        for (std::size_t i = 0; i < kCount; ++i) columns.line(open_word(1), i == at ? amount : 1);
        std::vector<Portion> out(kCount + 1);
        CHECK(!level->small(columns.view(), out.data()));
      }
      for (const std::int64_t quantity : {kMostCount, -kMostCount - 1, INT64_MAX, INT64_MIN}) {
        Columns columns;
        for (std::size_t i = 0; i < kCount; ++i) columns.line(capped_word(5, 1), 1, i == at ? quantity : 1);
        std::vector<Portion> out(kCount + 1);
        CHECK(!level->small(columns.view(), out.data()));
      }
    }
  }
}

void great_amounts() {
  Columns columns;
  for (const std::int64_t amount : {std::int64_t{100'000'000'000}, std::int64_t{99'999'999'999}, kMostAmount, kMostAmount + 1})
    for (const std::uint64_t ratio : {1ULL, 333'333ULL, 500'000ULL, 1'000'000ULL}) {
      columns.mirrored(open_word(ratio), amount);
      columns.mirrored(capped_word(kCapBits, ratio), amount, kMostCount - 1);
      columns.mirrored(capped_word(kCapBits, ratio), amount, 1);
    }
  std::vector<Portion> found(columns.word.size());
  portions_of_any(columns.view(), found.data());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(same(found[i], expected(columns.word[i], columns.amount[i], columns.quantity[i])));
}

void the_level_can_be_lowered() {
  const char* most = std::getenv("YB_MAX_ISA");
  const bool low = (most != nullptr && std::strcmp(most, "v1") == 0) || wide_lanes() == nullptr;
  CHECK(lanes().small == (low ? base_lanes() : *wide_lanes()).small);
}

}  // namespace

int main() {
  halves();
  caps();
  kinds_of_words();
  random_lines_of_every_count();
  bounds();
  great_amounts();
  the_level_can_be_lowered();
  return check::result();
}
