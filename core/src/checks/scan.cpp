#include "scan.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "ybcore/checks/chosen.hpp"

namespace ybcore::checks {
namespace {

constexpr std::size_t kLine = 16, kAhead = 1024;  // codes of a line of memory, and how far ahead they are asked for
constexpr std::size_t kStrip = 1024;              // rows whose bytes lie in the nearest memory until they are gone through

// Whether each code has a byte in the table, whose size is a power of two: places below it have no bit beyond, and so together they have
// none.
bool within(std::span<const std::uint8_t> table, std::span<const std::int32_t> code) noexcept {
  std::uint32_t all = 0;
  for (const std::int32_t one : code) all |= static_cast<std::uint32_t>(one) + 1;
  return all < table.size();
}

// What the table says of each code of whole blocks, behind which the column goes on to `left` codes; false where one is none. Nothing waits
// for a byte before it is stored, and so a look-up takes half a cycle or so, where gathers take one and more. Block by block, so that the
// next codes come from memory meanwhile; bytes that stand side by side are written apart, since compilers would put them together in one
// register first.
bool look(std::span<const std::uint8_t> table, std::span<const std::int32_t> code, std::size_t left, std::uint8_t* said) noexcept {
  constexpr std::size_t kPart = kScanBlock / 4;
  const std::uint8_t* const of = table.data() + 1;
  for (std::size_t begin = 0; begin < code.size(); begin += kScanBlock) {
    const std::span<const std::int32_t> own = code.subspan(begin, kScanBlock);
    if (!within(table, own)) return false;
    for (std::size_t k = 0; k < kScanBlock; k += kLine) __builtin_prefetch(own.data() + std::min(k + kAhead, left - begin - 1));
    for (std::size_t k = 0; k < kPart; ++k)
      for (std::size_t part = 0; part < kScanBlock; part += kPart) said[begin + part + k] = of[own[part + k]];
  }
  std::uint8_t all = 0;
  for (std::size_t k = 0; k < code.size(); ++k) all |= said[k];
  return (all & ChosenCodes::kNone) == 0;
}

// What a processor has, unless nothing but the plain way is wanted.
template <class Way>
Way allowed(Way way) noexcept {
  const char* most = std::getenv("YB_MAX_ISA");
  return most == nullptr || std::strcmp(most, "v1") != 0 ? way : nullptr;
}

}  // namespace

// Its page begins behind those that there are; before the first is the empty one.
void ScanPages::choose(std::size_t place) noexcept {
  if (!fit) return;
  std::uint8_t& page = begin[place >> shift];
  if (page == 0) {
    fit = used_ + 2 * page_words() <= kWords;
    if (!fit) return;
    used_ += page_words();
    page = static_cast<std::uint8_t>(used_);
  }
  std::uint16_t& word = words[page + (place / kWordBits) % page_words()];
  word = static_cast<std::uint16_t>(word | 1U << place % kWordBits);
}

// Eight bytes become eight bits by one product, and only set bits are gone through: few are.
std::size_t plain_keep(std::span<const std::uint8_t> said, std::int32_t first, std::int32_t* kept) noexcept {
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < said.size(); begin += kScanBlock, first += static_cast<std::int32_t>(kScanBlock)) {
    std::uint64_t bits = 0;
    for (std::size_t k = 0; k < kScanBlock; k += 8) {
      std::uint64_t word;
      std::memcpy(&word, said.data() + begin + k, sizeof word);
      bits |= word * 0x0102040810204080U >> 56 << k;
    }
    for (; bits != 0; bits &= bits - 1) kept[count++] = first + std::countr_zero(bits);
  }
  return count;
}

std::size_t scan(std::span<const std::uint8_t> table, Keep keep, std::span<const std::int32_t> code, std::size_t begin, std::size_t end,
                 std::int32_t* kept) noexcept {
  alignas(kScanBlock) std::array<std::uint8_t, kStrip> said;
  std::size_t count = 0, i = begin;
  while (end - i >= kScanBlock) {
    const std::size_t size = std::min(kStrip, (end - i) / kScanBlock * kScanBlock);
    if (!look(table, code.subspan(i, size), code.size() - i, said.data())) return ChosenCodes::kUnsound;
    count += keep({said.data(), size}, static_cast<std::int32_t>(i), kept + count);
    i += size;
  }
  if (!within(table, code.subspan(i, end - i))) return ChosenCodes::kUnsound;
  for (; i < end; ++i) {
    const std::uint8_t one = (table.data() + 1)[code[i]];
    if (one == ChosenCodes::kNone) return ChosenCodes::kUnsound;
    kept[count] = static_cast<std::int32_t>(i);
    count += one;
  }
  return count;
}

std::size_t ChosenCodes::of(std::span<const std::int32_t> code, std::size_t begin, std::size_t end, std::int32_t* kept) const noexcept {
  static const Keep wide = allowed(wide_keep()), keep = wide != nullptr ? wide : plain_keep;
  static const PagedScan paged = allowed(paged_scan());
  if (paged != nullptr && pages_.fit) return paged(pages_, places_, code, begin, end, kept);
  return scan(chosen_, keep, code, begin, end, kept);
}

}  // namespace ybcore::checks
