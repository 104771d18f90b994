// The hand-written contender: one scheme, compiled in. Three phases, each free of random access to memory beyond the L2 cache:
//   1. lines -> visit sums, five result columns, and one 32-byte record a visit appended to the partition of its person;
//   2. a partition at a time: counting order by person and date, settlement, one 64-byte result a visit at the record's place;
//   3. results back to columns: visits in input order meet the results of each partition as a sequential stream.
// Input already grouped by person and ordered by date within needs only one phase: sums, settlement and all sixteen columns a block at a
// time. Input in date order saves the partitions one of their two sorting passes.
// Built alone: g++ -O3 -march=native -std=c++20 -shared -fPIC -pthread one_scheme.cpp

#include <unistd.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "one_scheme_lines.hpp"
#include "one_scheme_rules.hpp"

#ifdef ONE_SCHEME_TIMES
#include <cstdio>
#endif

namespace scheme {
namespace {

enum Column { kTotal, kFullSelf, kOverLimit, kFirstPay, kInScope, kDeductible, kCalculated, kBasic, kLarge, kCatastrophic, kAccount };
enum { kCash = kAccount + 1, kAccBasic, kAccLarge, kAccBurden, kBalance, kColumns };

struct Record {
  int64_t total, first, scope;
  uint32_t order;  // person within the partition << 16 | days since the first date
  uint32_t tier_kind;
};

// The eleven columns of settlement in one cache line; amounts under a yearly cap fit 32 bits.
struct alignas(64) Result {
  uint32_t deductible, basic, large, catastrophic, acc_basic, acc_large;
  int64_t calculated, account, cash, burden, balance;
};
static_assert(sizeof(Record) == 32 && sizeof(Result) == 64);

constexpr int64_t kBlock = 512;          // visits between two rounds over the columns
constexpr int64_t kStride = kBlock + 8;  // of staged columns: not a power of two, which would share cache sets

// Copies to memory that will not be read soon, past the cache.
void stream(int64_t* to, const int64_t* from, int64_t count) {
  int64_t i = 0;
  for (; i < count && reinterpret_cast<uintptr_t>(to + i) % 32 != 0; ++i) _mm_stream_si64(reinterpret_cast<long long*>(to + i), from[i]);
  for (; i + 4 <= count; i += 4) {
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to + i), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i)));
  }
  for (; i < count; ++i) _mm_stream_si64(reinterpret_cast<long long*>(to + i), from[i]);
}

// One call's work, shared by its threads.
class Run {
 public:
  Run(const YbJob& job, int threads, int64_t* const* out, Catalog& catalog, Scratch& scratch)
      : job_(job), out_(out), catalog_(catalog), scratch_(scratch), threads_(threads), barrier_(threads) {
    const int64_t l2 = std::max<int64_t>(sysconf(_SC_LEVEL2_CACHE_SIZE), 1 << 18);
    const int64_t target = l2 / 2 / static_cast<int64_t>(sizeof(Record));
    shift_ = 0;
    while (shift_ < 16 && (job.visits << (shift_ + 1)) <= target * std::max<int64_t>(job.persons, 1)) ++shift_;
    parts_ = ((job.persons - 1) >> shift_) + 1;
    chunks_ = std::min<int64_t>(threads == 1 ? 1 : threads * 8, job.visits / kBlock + 1);
    places_.resize(chunks_ * parts_);
    seen_.resize(chunks_);
  }

  bool run() {
    std::vector<std::thread> others;
    for (int t = 1; t < threads_; ++t) others.emplace_back([this] { work(false); });
    work(true);
    for (std::thread& other : others) other.join();
    return !bad_;
  }

 private:
  struct Seen {
    int32_t first = INT32_MAX, last = INT32_MIN;
    bool by_date = true, by_person = true;  // by person: and by date within a person
  };

  int64_t chunk_begin(int64_t chunk) const { return job_.visits * chunk / chunks_; }

  // Threads take tasks until none is left. After a refusal they take none, but still meet at every barrier.
  template <class Task>
  void share_out(std::atomic<int64_t>& next, int64_t count, Task task) {
    for (int64_t i; !bad_ && (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) task(i);
  }

  void mark(const char* name, bool lead) {
#ifdef ONE_SCHEME_TIMES
    if (!lead) return;
    const auto now = std::chrono::steady_clock::now();
    std::fprintf(stderr, "%s %.1f  ", name, std::chrono::duration<double, std::milli>(now - began_).count());
    began_ = now;
#else
    (void)name, (void)lead;
#endif
  }

  void work(bool lead) {
    share_out(next_[0], chunks_ + 1, [&](int64_t i) {
      if (i == 0) {
        if (!catalog_.compile(job_)) bad_ = true;
      } else {
        count(i - 1);
      }
    });
    barrier_.arrive_and_wait();
    if (lead && !bad_) place();
    barrier_.arrive_and_wait();
    mark("plan", lead);
    if (in_order_) {
      share_out(next_[1], chunks_, [&](int64_t i) { settle_in_order(i); });
      _mm_sfence();
      mark("all", lead);
      return;
    }
    share_out(next_[1], chunks_, [&](int64_t i) { add_lines(i); });
    barrier_.arrive_and_wait();
    mark("lines", lead);
    Orders orders;
    share_out(next_[2], parts_, [&](int64_t i) { settle_part(i, orders); });
    _mm_sfence();
    barrier_.arrive_and_wait();
    mark("settle", lead);
    share_out(next_[3], chunks_, [&](int64_t i) { write_back(i); });
    _mm_sfence();
    mark("back", lead);
  }

  // Visits of each partition in a chunk, its first and last date, and whether its rows are in order.
  void count(int64_t chunk) {
    uint32_t* places = places_.data() + chunk * parts_;
    Seen seen;
    const int64_t begin = chunk_begin(chunk), end = chunk_begin(chunk + 1);
    for (int64_t i = begin; i < end; ++i) {
      ++places[job_.person[i] >> shift_];
      seen.first = std::min(seen.first, job_.date[i]);
      seen.last = std::max(seen.last, job_.date[i]);
    }
    for (int64_t i = std::max<int64_t>(begin, 1); i < end && (seen.by_date || seen.by_person); ++i) {
      const bool later = job_.date[i - 1] <= job_.date[i], same = job_.person[i - 1] == job_.person[i];
      seen.by_date &= later;
      seen.by_person &= (job_.person[i - 1] < job_.person[i]) | (same & later);
    }
    seen_[chunk] = seen;
  }

  // Where each chunk's visits start in each partition; the year of every day; memory.
  void place() {
    Seen seen;
    for (const Seen& other : seen_) {
      seen = {std::min(seen.first, other.first), std::max(seen.last, other.last), seen.by_date && other.by_date,
              seen.by_person && other.by_person};
    }
    first_date_ = seen.first;
    if (seen.last - int64_t{seen.first} > UINT16_MAX) bad_ = true;
    if (bad_) return;
    days_ = seen.last - seen.first + 1;
    using namespace std::chrono;
    const sys_days start{days{first_date_}};
    year_month_day day{start};
    int64_t next_year = 0;
    years_.resize(days_);
    for (int64_t i = 0, year = 0; i < days_; ++i) {
      if (i == next_year) {
        ++year;
        day = year_month_day{start + days{i}};
        next_year = (sys_days{(day.year() + std::chrono::years{1}) / January / 1} - start).count();
      }
      years_[i] = static_cast<uint16_t>(year);
    }
    by_date_ = seen.by_date;
    in_order_ = seen.by_person;
    if (in_order_) return;
    part_begin_.resize(parts_ + 1);
    uint32_t at = 0;
    for (int64_t part = 0; part < parts_; ++part) {
      part_begin_[part] = at;
      for (int64_t chunk = 0; chunk < chunks_; ++chunk) at += std::exchange(places_[chunk * parts_ + part], at);
    }
    part_begin_[parts_] = at;
    std::byte* memory = scratch_.get(job_.visits * (sizeof(Record) + sizeof(Result)));
    results_ = reinterpret_cast<Result*>(memory);
    records_ = reinterpret_cast<Record*>(memory + job_.visits * sizeof(Result));
  }

  // A chunk's bound moved to where a person ends, so that threads share no person.
  int64_t person_begin(int64_t chunk) const {
    int64_t at = chunk_begin(chunk);
    while (at > 0 && at < job_.visits && job_.person[at] == job_.person[at - 1]) ++at;
    return at;
  }

  static void stage_sums(int64_t (*staged)[kStride], int64_t i, const Row& row) {
    staged[kTotal][i] = row.total;
    staged[kFullSelf][i] = row.full;
    staged[kOverLimit][i] = row.total - row.full - row.limit;
    staged[kFirstPay][i] = row.first;
    staged[kInScope][i] = row.limit - row.first;
  }

  void settle_in_order(int64_t chunk) {
    const auto adder = std::make_unique<Adder>(job_, catalog_);
    alignas(64) Row rows[kBlock];
    alignas(64) int64_t staged[kColumns][kStride];
    const int64_t end = person_begin(chunk + 1);
    State state{};
    uint64_t group = 0;
    for (int64_t begin = person_begin(chunk); begin < end; begin += kBlock) {
      const int64_t size = std::min(kBlock, end - begin);
      if (!adder->add(begin, begin + size, rows)) {
        bad_ = true;
        return;
      }
      for (int64_t i = 0; i < size; ++i) {
        const int64_t visit = begin + i;
        const Row& row = rows[i];
        const auto person = static_cast<uint32_t>(job_.person[visit]);
        const uint64_t now = uint64_t{person} << 32 | years_[job_.date[visit] - first_date_];
        if (now != group) {
          group = now;
          state = State{};
          state.balance = job_.acct0[person];
        }
        const Paid paid =
            settle(state, job_.cat[person], job_.tier[visit], job_.kind[visit], {row.total, row.first, row.limit - row.first});
        stage_sums(staged, i, row);
        staged[kDeductible][i] = paid.deductible;
        staged[kCalculated][i] = paid.calculated;
        staged[kBasic][i] = paid.basic;
        staged[kLarge][i] = paid.large;
        staged[kCatastrophic][i] = paid.catastrophic;
        staged[kAccount][i] = paid.account;
        staged[kCash][i] = paid.cash;
        staged[kAccBasic][i] = state.basic;
        staged[kAccLarge][i] = state.large;
        staged[kAccBurden][i] = state.burden;
        staged[kBalance][i] = state.balance;
      }
      for (int c = 0; c < kColumns; ++c) stream(out_[c] + begin, staged[c], size);
    }
  }

  void add_lines(int64_t chunk) {
    const auto adder = std::make_unique<Adder>(job_, catalog_);
    std::vector<uint32_t> places(places_.begin() + chunk * parts_, places_.begin() + (chunk + 1) * parts_);
    alignas(64) Row rows[kBlock];
    alignas(64) int64_t staged[kInScope + 1][kStride];
    const int64_t end = chunk_begin(chunk + 1);
    for (int64_t begin = chunk_begin(chunk); begin < end; begin += kBlock) {
      const int64_t size = std::min(kBlock, end - begin);
      if (!adder->add(begin, begin + size, rows)) {
        bad_ = true;
        return;
      }
      for (int64_t i = 0; i < size; ++i) {
        const Row& row = rows[i];
        const int64_t visit = begin + i;
        stage_sums(staged, i, row);
        const auto person = static_cast<uint32_t>(job_.person[visit]);
        Record* to = records_ + places[person >> shift_]++;
        const uint32_t local = person & ((1u << shift_) - 1);
        *to = {row.total, row.first, row.limit - row.first, local << 16 | static_cast<uint32_t>(job_.date[visit] - first_date_),
               static_cast<uint32_t>(job_.tier[visit] | job_.kind[visit] << 2)};
        _mm_prefetch(to + 2, _MM_HINT_T0);
      }
      for (int c = kTotal; c <= kInScope; ++c) stream(out_[c] + begin, staged[c], size);
    }
    _mm_sfence();
  }

  struct Orders {
    std::vector<uint64_t> by_date;  // order key << 32 | place
    std::vector<uint32_t> order, day_place, person_place;
  };

  // Counting order, first by date unless the rows stand so already, then by person: both keep what went before.
  void sort_part(const Record* records, uint32_t size, Orders& orders) {
    orders.by_date.resize(size);
    orders.order.resize(size);
    orders.day_place.assign(days_ + 1, 0);
    orders.person_place.assign((size_t{1} << shift_) + 1, 0);
    for (uint32_t i = 0; i < size; ++i) {
      ++orders.day_place[(records[i].order & 0xffff) + 1];
      ++orders.person_place[(records[i].order >> 16) + 1];
    }
    const auto add_up = [](std::vector<uint32_t>& place) {
      for (size_t i = 1; i < place.size(); ++i) place[i] += place[i - 1];
    };
    add_up(orders.person_place);
    if (by_date_) {
      for (uint32_t i = 0; i < size; ++i) orders.order[orders.person_place[records[i].order >> 16]++] = i;
      return;
    }
    add_up(orders.day_place);
    for (uint32_t i = 0; i < size; ++i) {
      const uint32_t key = records[i].order;
      orders.by_date[orders.day_place[key & 0xffff]++] = uint64_t{key} << 32 | i;
    }
    for (uint32_t i = 0; i < size; ++i) {
      const uint64_t entry = orders.by_date[i];
      orders.order[orders.person_place[entry >> 48]++] = static_cast<uint32_t>(entry);
    }
  }

  void settle_part(int64_t part, Orders& orders) {
    const Record* records = records_ + part_begin_[part];
    Result* results = results_ + part_begin_[part];
    const uint32_t size = part_begin_[part + 1] - part_begin_[part];
    sort_part(records, size, orders);
    const int64_t first_person = part << shift_;
    State state{};
    uint32_t group = UINT32_MAX;
    int category = 0;
    for (uint32_t i = 0; i < size; ++i) {
      const uint32_t at = orders.order[i];
      const Record& record = records[at];
      const uint32_t local = record.order >> 16, now = local << 16 | years_[record.order & 0xffff];
      if (now != group) {
        group = now;
        category = job_.cat[first_person + local];
        state = State{};
        state.balance = job_.acct0[first_person + local];
      }
      const Paid paid = settle(state, category, record.tier_kind & 3, record.tier_kind >> 2, {record.total, record.first, record.scope});
      const auto two = [](int64_t low, int64_t high) { return static_cast<long long>(low | high << 32); };
      auto* to = reinterpret_cast<long long*>(results + at);
      _mm_stream_si64(to, two(paid.deductible, paid.basic));
      _mm_stream_si64(to + 1, two(paid.large, paid.catastrophic));
      _mm_stream_si64(to + 2, two(state.basic, state.large));
      _mm_stream_si64(to + 3, paid.calculated);
      _mm_stream_si64(to + 4, paid.account);
      _mm_stream_si64(to + 5, paid.cash);
      _mm_stream_si64(to + 6, state.burden);
      _mm_stream_si64(to + 7, state.balance);
    }
  }

  void write_back(int64_t chunk) {
    constexpr int64_t kAhead = 32;
    uint32_t* places = places_.data() + chunk * parts_;
    alignas(64) int64_t staged[kColumns][kStride];
    const Result* ahead[kAhead];
    const int64_t end = chunk_begin(chunk + 1);
    int64_t next = chunk_begin(chunk);
    const auto look = [&](int64_t visit) {
      const Result* result = results_ + places[job_.person[visit] >> shift_]++;
      _mm_prefetch(result, _MM_HINT_T0);
      ahead[visit % kAhead] = result;
    };
    for (; next < end && next < chunk_begin(chunk) + kAhead; ++next) look(next);
    for (int64_t begin = chunk_begin(chunk); begin < end; begin += kBlock) {
      const int64_t size = std::min(kBlock, end - begin);
      for (int64_t i = 0; i < size; ++i) {
        const Result& result = *ahead[(begin + i) % kAhead];
        if (next < end) look(next++);
        staged[kDeductible][i] = result.deductible;
        staged[kCalculated][i] = result.calculated;
        staged[kBasic][i] = result.basic;
        staged[kLarge][i] = result.large;
        staged[kCatastrophic][i] = result.catastrophic;
        staged[kAccount][i] = result.account;
        staged[kCash][i] = result.cash;
        staged[kAccBasic][i] = result.acc_basic;
        staged[kAccLarge][i] = result.acc_large;
        staged[kAccBurden][i] = result.burden;
        staged[kBalance][i] = result.balance;
      }
      for (int c = kDeductible; c < kColumns; ++c) stream(out_[c] + begin, staged[c], size);
    }
  }

  const YbJob& job_;
  int64_t* const* out_;
  Catalog& catalog_;
  Scratch& scratch_;
  const int threads_;
  std::barrier<> barrier_;
  std::atomic<int64_t> next_[4] = {};
  std::atomic<bool> bad_ = false;
  int shift_ = 0;
  int64_t parts_ = 0, chunks_ = 0, days_ = 0;
  int32_t first_date_ = 0;
  std::vector<uint32_t> places_;  // [chunk][partition]: first how many, then where the next one goes
  std::vector<uint32_t> part_begin_;
  std::vector<Seen> seen_;
  std::vector<uint16_t> years_;  // of each day since the first date, counted from 1
  bool by_date_ = false, in_order_ = false;
  Record* records_ = nullptr;
  Result* results_ = nullptr;
#ifdef ONE_SCHEME_TIMES
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
#endif
};

}  // namespace
}  // namespace scheme

// 0: done. 1: numbers outside the bounds this version is exact for.
extern "C" int one_scheme(const YbJob* job, int threads, int64_t* const out[16]) {
  static std::mutex busy;
  static scheme::Scratch scratch;
  static scheme::Catalog catalog;
  if (job->visits == 0) return 0;
  const std::lock_guard lock(busy);
  return scheme::Run(*job, std::max(threads, 1), out, catalog, scratch).run() ? 0 : 1;
}
