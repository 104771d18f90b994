#include "packed.hpp"

#include <algorithm>
#include <new>

#include "split.hpp"

namespace ybcore {
namespace {
constexpr std::size_t kBlock = 4096;
constexpr std::size_t kPage = std::size_t{1} << 21;

// Uninitialised memory, aligned so that the system may lend large pages.
template <class T>
Big<T> big(std::size_t count) {
  const std::size_t bytes = (count * sizeof(T) / kPage + 1) * kPage;
  void* at = std::aligned_alloc(kPage, bytes);
  if (at == nullptr) throw std::bad_alloc();
  return Big<T>(static_cast<T*>(at));
}

template <class Work>
void in_blocks(std::size_t rows, int threads, Work work) {
  Chunks chunks;
  for (std::size_t at = 0; at < rows; at += kBlock) chunks.begin.push_back(at);
  chunks.begin.push_back(rows);
  for_each_chunk(chunks, threads, [&](std::size_t chunk) { work(chunks.begin[chunk], chunks.begin[chunk + 1]); });
}
}  // namespace

Packed pack(const Events& e, std::size_t visits, int threads) {
  const std::size_t n = e.visit.size();
  Packed out{big<Event>(n), big<std::int64_t>(visits * kColumns)};
  in_blocks(n, threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      Event& to = out.event[i];
      to.visit = e.visit[i];
      to.plan = e.plan[i];
      to.person = e.person[i];
      to.household = e.household[i];
      to.donor = e.donor[i];
      to.hospital = e.hospital[i];
      to.disease = e.disease[i];
      to.stay = e.stay[i];
      to.linked_stay = e.linked_stay[i];
      to.order_date = e.order_date[i];
      to.begndate = e.begndate[i];
      to.enddate = e.enddate[i];
      to.period_date = e.period_date[i];
      to.days = e.days[i];
      const auto visit = static_cast<std::size_t>(e.visit[i]);
      to.parts = static_cast<std::uint16_t>(e.event_begin[visit + 1] - e.event_begin[visit]);
      to.reason = static_cast<Reason>(e.reason[i]);
      to.later = e.later[i] != 0;
      to.acct_used = e.acct_used[i] != 0;
      to.is_reversal = e.is_reversal[i] != 0;
    }
  });
  return out;
}

void spread(const Packed& packed, const Outputs& out, int threads) {
  in_blocks(out.visits, threads, [&](std::size_t begin, std::size_t end) {
    constexpr std::size_t kRows = 64;
    for (std::size_t at = begin; at < end; at += kRows) {
      const std::size_t upto = std::min(end, at + kRows);
      for (std::size_t c = 0; c < kColumns; ++c) {
        std::int64_t* column = out.columns.data() + c * out.visits;
        const std::int64_t* row = packed.row.get() + c;
        for (std::size_t r = at; r < upto; ++r)
          column[r] = out.outcome[r] <= static_cast<std::uint8_t>(Outcome::kNoBenefit) ? row[r * kColumns] : 0;
      }
    }
  });
}

}  // namespace ybcore
