#include "pair_likely.hpp"

#include <cstdlib>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

namespace ybcore::checks {
namespace {

constexpr std::size_t kNear = 8;  // on each side that are compared with at once

// Main lines one after the other, and the lines of the person of each.
class Mains {
 public:
  Mains(const Candidates& among, const PairScopes& scopes, const Early* early, std::span<const std::int64_t> person_begin,
        std::size_t first, Likely& out)
      : person(first),
        line_(among.line.data()),
        first_(among.wanted[0].data()),
        second_(among.wanted[1].data()),
        lead_(among.leads.data()),
        last_(lead_ + among.lead_count),
        person_begin_(person_begin.data()),
        among_(among),
        scopes_(scopes),
        early_(early),
        out_(out) {}
  Mains(const Mains&) = delete;
  Mains& operator=(const Mains&) = delete;
  ~Mains() { out_.count = count; }

  std::size_t person, place = 0;  // of the main line among the candidates
  std::int32_t line = 0, from = 0, until = INT32_MIN;
  std::size_t count = 0;
  std::int32_t *included = nullptr, *main = nullptr, *of = nullptr;  // columns of what is found

  // Goes to the next; false behind the last. Persons of too many candidates are told of, and passed over.
  bool next() {
    while (lead_ != last_) {
      place = static_cast<std::size_t>(*lead_++);
      line = line_[place];
      if (line >= until) {
        while (person_begin_[person + 1] <= line) ++person;
        from = static_cast<std::int32_t>(person_begin_[person]);
        until = static_cast<std::int32_t>(person_begin_[person + 1]);
        before_ = count;
      }
      if (count >= room_) [[unlikely]]
        make_room();
      if (!beyond(kMost)) [[likely]]
        return true;
      count = before_;
      add(Likely::kCrowded);
      while (lead_ != last_ && line_[*lead_] < until) ++lead_;
    }
    return false;
  }

  // Whether the person has candidates so far away.
  [[nodiscard]] bool beyond(std::size_t apart) const noexcept { return line_[place - apart] >= from || line_[place + apart] < until; }
  [[nodiscard]] const std::array<std::uint64_t, 2>& own() const noexcept { return scopes_.trait(among_.number[place]).own; }

  // Adds what shares bits and is farther away than that.
  void add_beyond(std::size_t apart) noexcept {
    const auto test = [this, bits = own()](std::size_t k) {
      add(line_[k]);
      count -= ((first_[k] & bits[0]) == 0 ? 1U : 0U) | ((second_[k] & bits[1]) == 0 ? 1U : 0U);
    };
    for (std::size_t k = place - apart - 1; line_[k] >= from; --k) test(k);
    for (std::size_t k = place + apart + 1; line_[k] < until; ++k) test(k);
  }
  void add_call() noexcept {
    if (early_ != nullptr && early_->calls(among_.number[place])) add(Likely::kCalls);
  }

 private:
  void add(std::int32_t own) noexcept {
    included[count] = own;
    main[count] = line;
    of[count++] = static_cast<std::int32_t>(person);
  }
  [[gnu::noinline]] void make_room() {
    out_.count = count;
    out_.reserve();
    room_ = out_.included.size() - Likely::kAtOnce + 1;
    included = out_.included.data(), main = out_.main.data(), of = out_.person.data();
  }

  const std::int32_t* line_;
  const std::uint64_t *first_, *second_;
  const std::int32_t *lead_, *last_;
  const std::int64_t* person_begin_;
  const Candidates& among_;
  const PairScopes& scopes_;
  const Early* early_;
  Likely& out_;
  std::size_t room_ = 0, before_ = 0;
};

void plain_likely(const Candidates& among, const PairScopes& scopes, const Early* early, std::span<const std::int64_t> person_begin,
                  std::size_t person, Likely& out) {
  Mains main(among, scopes, early, person_begin, person, out);
  while (main.next()) main.add_beyond(0), main.add_call();
}

#if defined(__x86_64__) && defined(__GNUC__)
// Eight on each side at once.
[[gnu::target("avx512f,avx512dq,popcnt")]] void wide_likely(const Candidates& among, const PairScopes& scopes, const Early* early,
                                                            std::span<const std::int64_t> person_begin, std::size_t person, Likely& out) {
  Mains main(among, scopes, early, person_begin, person, out);
  while (main.next()) {
    const std::int32_t* const line = among.line.data() + main.place;
    const std::uint64_t *const first = among.wanted[0].data() + main.place, *const second = among.wanted[1].data() + main.place;
    const auto [bits0, bits1] = main.own();
    const __m512i own0 = _mm512_set1_epi64(static_cast<long long>(bits0)), own1 = _mm512_set1_epi64(static_cast<long long>(bits1));
    const __mmask8 near_below = _mm512_test_epi64_mask(own0, _mm512_loadu_si512(first - kNear));
    const __mmask8 near_above = _mm512_test_epi64_mask(own0, _mm512_loadu_si512(first + 1));
    const unsigned below = _mm512_mask_test_epi64_mask(near_below, own1, _mm512_loadu_si512(second - kNear));
    const unsigned above = _mm512_mask_test_epi64_mask(near_above, own1, _mm512_loadu_si512(second + 1));
    const __m512i lines = _mm512_inserti32x8(_mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(line - kNear))),
                                             _mm256_loadu_si256(reinterpret_cast<const __m256i*>(line + 1)), 1);
    const __m512i of_person = _mm512_sub_epi32(lines, _mm512_set1_epi32(main.from)), size = _mm512_set1_epi32(main.until - main.from);
    const __mmask16 hits = _mm512_mask_cmplt_epu32_mask(static_cast<__mmask16>(below | above << kNear), of_person, size);
    _mm512_storeu_si512(main.included + main.count, _mm512_maskz_compress_epi32(hits, lines));
    _mm512_storeu_si512(main.main + main.count, _mm512_set1_epi32(main.line));
    _mm512_storeu_si512(main.of + main.count, _mm512_set1_epi32(static_cast<int>(main.person)));
    main.count += static_cast<std::size_t>(__builtin_popcount(hits));
    if (main.beyond(kNear + 1)) main.add_beyond(kNear);
    main.add_call();
  }
}
#endif

}  // namespace

FindLikely find_likely() noexcept {
#if defined(__x86_64__) && defined(__GNUC__)
  const char* most = std::getenv("YB_MAX_ISA");
  __builtin_cpu_init();
  const bool wide = __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bf16");
  if (wide && (most == nullptr || std::strcmp(most, "v1") != 0)) return wide_likely;
#endif
  return plain_likely;
}

}  // namespace ybcore::checks
