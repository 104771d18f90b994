// Fee lines to visit sums: the catalog compiled for one batch, then one branch-free pass over the lines.
#pragma once

#include <immintrin.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <vector>

extern "C" struct YbJob {
  int64_t visits, lines, persons, versions, items;
  const int32_t *person, *date;
  const int8_t *tier, *kind;
  const int64_t* off;
  const int32_t *item, *ldate, *qty;
  const int64_t* amount;
  const int8_t* cat;
  const int64_t* acct0;
  const int32_t *v_item, *v_from, *v_to;
  const int8_t* v_class;
  const int32_t* v_ratio;
  const int64_t* v_ceil;
};

namespace scheme {

using std::int32_t;
using std::int64_t;
using std::uint32_t;
using std::uint64_t;

// Bounds below which every step in doubles is exact; a job outside them is refused.
constexpr int kAmountBits = 36;   // of a line's amount and of a visit's total
constexpr int kProductBits = 50;  // of ceiling x quantity; amount x ratio stays below 2^36 * 2^14 = 2^50 too

// What an item's version says, in 8 bytes: ceiling in bits 0..31, flags, ratio in bits 49..62. A class C or missing item has ceiling 0 and
// ratio 0, so its limit and first pay come out as 0 by themselves.
using Word = uint64_t;
constexpr int kRatioShift = 49, kUncappedBit = 48, kFullBit = 47;
constexpr Word kDated = Word{1} << 63;  // more than one version in the batch's dates: count in bits 32..62, first span in bits 0..31
constexpr Word kFull = Word{1} << kFullBit;

// Memory kept between calls, on huge pages where the system has them.
class Scratch {
 public:
  ~Scratch() { std::free(memory_); }
  std::byte* get(size_t size) {
    if (size > size_) {
      constexpr size_t kHuge = size_t{2} << 20;
      std::free(memory_);
      size_ = (size + kHuge - 1) / kHuge * kHuge;
      memory_ = static_cast<std::byte*>(std::aligned_alloc(kHuge, size_));
      if (memory_ == nullptr) throw std::bad_alloc();
      madvise(memory_, size_, MADV_HUGEPAGE);
    }
    return memory_;
  }

 private:
  std::byte* memory_ = nullptr;
  size_t size_ = 0;
};

class Catalog {
 public:
  // Compiles the versions that matter to lines dated `low_`..`high_`, a range read from a sample of the lines; a line outside it is looked
  // up in the versions themselves.
  bool compile(const YbJob& job) {
    job_ = &job;
    low_ = INT32_MAX, high_ = INT32_MIN;
    const int64_t step = std::max<int64_t>(1, job.lines / 4096);
    for (int64_t i = 0; i < job.lines; i += step) {
      low_ = std::min(low_, job.ldate[i]);
      high_ = std::max(high_, job.ldate[i]);
    }
    words_ = reinterpret_cast<Word*>(memory_.get(job.items * sizeof(Word)));
    spans_.clear();
    int64_t item = 0;
    for (int64_t v = 0; v < job.versions;) {
      for (; item < job.v_item[v]; ++item) words_[item] = kFull;
      const int64_t begin = v;
      for (; v < job.versions && job.v_item[v] == item; ++v) {
        if (job.v_class[v] == 1 && (job.v_ratio[v] < 0 || job.v_ratio[v] > 10000)) return false;
        if (job.v_ceil[v] > UINT32_MAX) return false;
      }
      words_[item++] = v - begin == 1 && job.v_from[begin] <= low_ && job.v_to[begin] > high_ ? word(begin) : dated(begin, v);
    }
    std::fill(words_ + item, words_ + job.items, kFull);
    return true;
  }

  const Word* words() const { return words_; }
  int32_t low() const { return low_; }
  int32_t high() const { return high_; }

  // The word of a dated item on a date in the sampled range.
  Word resolve(Word dated, int32_t date) const {
    const Span* span = spans_.data() + static_cast<uint32_t>(dated);
    const auto count = static_cast<uint32_t>((dated & ~kDated) >> 32);
    uint32_t at = 0;
    for (uint32_t i = 1; i < count; ++i) at += span[i].from <= date;
    return span[at].word;
  }

  // The word of an item on any date.
  Word search(int32_t item, int32_t date) const {
    const auto [from, to] = std::equal_range(job_->v_item, job_->v_item + job_->versions, item);
    for (int64_t v = from - job_->v_item; v < to - job_->v_item; ++v) {
      if (job_->v_from[v] <= date && date < job_->v_to[v]) return word(v);
    }
    return kFull;
  }

 private:
  struct Span {
    int32_t from;
    Word word;
  };

  Word word(int64_t v) const {
    if (job_->v_class[v] == 2) return kFull;
    const Word ratio = job_->v_class[v] == 1 ? job_->v_ratio[v] : 0;
    const int64_t ceiling = job_->v_ceil[v];
    return ratio << kRatioShift | (ceiling < 0 ? Word{1} << kUncappedBit : static_cast<Word>(ceiling));
  }

  // The versions [begin, end) of one item as spans that cover the sampled range without gaps.
  Word dated(int64_t begin, int64_t end) {
    const size_t first = spans_.size();
    int64_t next = low_;
    for (int64_t v = begin; v < end && next <= high_; ++v) {
      if (job_->v_to[v] <= next || job_->v_from[v] > high_) continue;
      if (job_->v_from[v] > next) spans_.push_back({static_cast<int32_t>(next), kFull});
      spans_.push_back({static_cast<int32_t>(std::max<int64_t>(next, job_->v_from[v])), word(v)});
      next = job_->v_to[v];
    }
    if (next <= high_ || spans_.size() == first) spans_.push_back({static_cast<int32_t>(next), kFull});
    if (spans_.size() - first > 1) return kDated | (spans_.size() - first) << 32 | first;
    const Word only = spans_.back().word;
    spans_.pop_back();
    return only;
  }

  const YbJob* job_ = nullptr;
  int32_t low_ = 0, high_ = 0;
  Scratch memory_;
  Word* words_ = nullptr;
  std::vector<Span> spans_;
};

// A visit's lines added up: over limit = total - full - limit, in scope = limit - first.
struct alignas(32) Row {
  int64_t total, limit, first, full;
};

// Adds up lines without a branch a visit: running sums of four values (one vector) are kept after every line of a short tile, and a visit
// is the difference of two of them.
//
// Exactness. Every number below is an integer that a double holds: amounts < 2^36, products < 2^50, running sums < 2^36 * (1 + tile). For
// an integer 0 <= x < 2^50 and d = 1000 or 10000, floor(x * c) with c the double just above 1/d is floor(x / d): the product never falls
// below x / d, hence never below the integer under it (rounding is monotonic); and three roundings let it exceed x / d by a relative
// 1.5 * 2^-51 at most, so by less than 2^50 * 1.5 * 2^-51 / d < 1/d, while x / d is at least 1/d short of the next integer.
class Adder {
 public:
  Adder(const YbJob& job, const Catalog& catalog) : job_(job), catalog_(catalog) {}

  // Rows of the visits [begin, end). False if a number is out of bounds.
  bool add(int64_t begin, int64_t end, Row* rows) {
    const int64_t* off = job_.off;
    const int64_t last = off[end];
    const __m256d two52 = _mm256_set1_pd(0x1p52);
    __m256d running = _mm256_setzero_pd(), base = running;
    __m256i totals = _mm256_setzero_si256();
    amounts_ = products_ = _mm256_setzero_si256();
    int64_t visit = begin;
    for (int64_t tile = off[begin];; tile += kTile) {
      const int64_t count = std::min(kTile, last - tile);
      running = sum_tile(tile, count, running);
      for (; visit < end && off[visit + 1] <= tile + count; ++visit) {
        const __m256d here = _mm256_load_pd(sums_[off[visit + 1] - tile]);
        const __m256d sum = _mm256_sub_pd(here, base);
        const __m256i whole = _mm256_castpd_si256(_mm256_xor_pd(_mm256_add_pd(sum, two52), two52));  // integer < 2^52 to its bits
        _mm256_store_si256(reinterpret_cast<__m256i*>(rows + (visit - begin)), whole);
        totals = _mm256_or_si256(totals, whole);
        base = here;
      }
      if (visit == end) break;
      running = _mm256_sub_pd(running, base);
      base = _mm256_setzero_pd();
    }
    const __m256i small = _mm256_srli_epi64(_mm256_or_si256(amounts_, totals), kAmountBits);
    const __m256i all = _mm256_or_si256(small, _mm256_srli_epi64(products_, kProductBits));
    return _mm256_testz_si256(all, all);
  }

 private:
  static constexpr int64_t kTile = 256, kAhead = 64;  // lines; words are fetched ahead of their use

  // Running sums after each of `count` lines; returns the last.
  __m256d sum_tile(int64_t tile, int64_t count, __m256d running) {
    look_up(tile, count);
    _mm256_store_pd(sums_[0], running);
    const int32_t* qty = job_.qty + tile;
    const int64_t* amount = job_.amount + tile;
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) running = sum_four(words_ + i, qty + i, amount + i, sums_ + i + 1, running);
    if (i < count) {
      int32_t qtys[4] = {};
      int64_t amounts[4] = {};
      std::copy(qty + i, qty + count, qtys);
      std::copy(amount + i, amount + count, amounts);
      running = sum_four(words_ + i, qtys, amounts, sums_ + i + 1, running);
    }
    return running;
  }

  // The words of a tile: first of every item, then again of the few that depend on the date, listed without a branch.
  void look_up(int64_t tile, int64_t count) {
    const Word* words = catalog_.words();
    const int32_t *item = job_.item + tile, *date = job_.ldate + tile;
    const int32_t low = catalog_.low(), high = catalog_.high();
    int64_t groups = 0;
    int32_t strays = 0;
    const int64_t ahead = tile + kTile + kAhead <= job_.lines ? kAhead : 0;
    for (int64_t i = 0; i + 4 <= count; i += 4) {
      for (int64_t k = 0; k < 4; ++k) _mm_prefetch(words + item[i + k + ahead], _MM_HINT_T0);
      const auto word = [&](int64_t k) { return static_cast<int64_t>(words[item[i + k]]); };
      const __m256i four = _mm256_set_epi64x(word(3), word(2), word(1), word(0));
      _mm256_store_si256(reinterpret_cast<__m256i*>(words_ + i), four);
      const auto mask = static_cast<uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(four)));
      groups_[groups] = static_cast<uint32_t>(i) << 4 | mask;
      groups += mask != 0;
    }
    for (int64_t i = count & ~int64_t{3}; i < count; ++i) {
      const Word word = words[item[i]];
      words_[i] = word & kDated ? catalog_.resolve(word, date[i]) : word;
    }
    for (int64_t g = 0; g < groups; ++g) {
      for (uint32_t mask = groups_[g] & 15; mask != 0; mask &= mask - 1) {
        const int64_t i = (groups_[g] >> 4) + std::countr_zero(mask);
        words_[i] = catalog_.resolve(words_[i], date[i]);
      }
    }
    for (int64_t i = 0; i < count; ++i) strays |= (date[i] < low) | (date[i] > high);
    if (strays != 0) [[unlikely]] {
      for (int64_t i = 0; i < count; ++i) {
        if (date[i] < low || date[i] > high) words_[i] = catalog_.search(item[i], date[i]);
      }
    }
  }

  [[gnu::always_inline]] __m256d sum_four(const Word* words, const int32_t* qty, const int64_t* amount, double (*sums)[4],
                                          __m256d running) {
    const __m256i word = _mm256_load_si256(reinterpret_cast<const __m256i*>(words));
    const __m256i cents = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(amount));
    const __m256i quantity = _mm256_cvtepi32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(qty)));
    const __m256i product = _mm256_mul_epu32(word, quantity);
    amounts_ = _mm256_or_si256(amounts_, cents);
    products_ = _mm256_or_si256(products_, _mm256_or_si256(product, quantity));  // a negative quantity shows in its high bits
    const __m256d two52 = _mm256_set1_pd(0x1p52);
    const auto number = [&](__m256i bits, double plus) {  // an integer < 2^52, plus a small constant, as a double
      return _mm256_sub_pd(_mm256_or_pd(_mm256_castsi256_pd(bits), two52), _mm256_set1_pd(0x1p52 - plus));
    };
    const auto flag = [&](int bit) { return _mm256_castsi256_pd(_mm256_slli_epi64(word, 63 - bit)); };
    const __m256d fee = number(cents, 0);
    const __m256d ceiling = _mm256_floor_pd(_mm256_mul_pd(number(product, 500), _mm256_set1_pd(kThousandth)));
    const __m256d limit = _mm256_min_pd(fee, _mm256_blendv_pd(ceiling, fee, flag(kUncappedBit)));
    const __m256d part = _mm256_fmadd_pd(limit, number(_mm256_srli_epi64(word, kRatioShift), 0), _mm256_set1_pd(5000));
    const __m256d first = _mm256_floor_pd(_mm256_mul_pd(part, _mm256_set1_pd(kTenThousandth)));
    const __m256d full = _mm256_blendv_pd(_mm256_setzero_pd(), fee, flag(kFullBit));

    const __m256d a = _mm256_unpacklo_pd(fee, limit), b = _mm256_unpackhi_pd(fee, limit);
    const __m256d c = _mm256_unpacklo_pd(first, full), d = _mm256_unpackhi_pd(first, full);
    const __m256d line0 = _mm256_permute2f128_pd(a, c, 0x20), line1 = _mm256_permute2f128_pd(b, d, 0x20);
    const __m256d line2 = _mm256_permute2f128_pd(a, c, 0x31), line3 = _mm256_permute2f128_pd(b, d, 0x31);
    const __m256d two = _mm256_add_pd(running, _mm256_add_pd(line0, line1));
    const __m256d four = _mm256_add_pd(two, _mm256_add_pd(line2, line3));
    _mm256_store_pd(sums[0], _mm256_add_pd(running, line0));
    _mm256_store_pd(sums[1], two);
    _mm256_store_pd(sums[2], _mm256_add_pd(two, line2));
    _mm256_store_pd(sums[3], four);
    return four;
  }

  static constexpr double kAbove = 1 + 0x1p-52;  // from the double nearest to 1/d to one above 1/d
  static constexpr double kThousandth = 1.0 / 1000 * kAbove, kTenThousandth = 1.0 / 10000 * kAbove;

  const YbJob& job_;
  const Catalog& catalog_;
  __m256i amounts_, products_;
  alignas(32) double sums_[kTile + 4][4];
  alignas(32) Word words_[kTile] = {};
  uint32_t groups_[kTile / 4];  // first line << 4 | which of the four are dated
};

}  // namespace scheme
