#include "ybcore/scratch.hpp"

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace ybcore {
namespace {

constexpr std::size_t kPage = kLargePage, kSmallPage = 4096;

// What stands before every lent block.
struct alignas(64) Head {
  std::size_t bytes;  // with the head
  bool pooled;        // is kept when it comes back
  bool kept;          // was lent before
};

// Blocks that were given back, the oldest first. What is lent and kept together is never more than was lent at once before.
struct Pool {
  std::mutex mutex;
  std::vector<Head*> kept;
  std::size_t lent = 0, held = 0, most = 0;

  // The smallest kept block with room that is not much too large.
  Head* find(std::size_t bytes) {
    auto best = kept.end();
    for (auto at = kept.begin(); at != kept.end(); ++at)
      if ((*at)->bytes >= bytes && (*at)->bytes - bytes <= bytes / 4 && (best == kept.end() || (*at)->bytes < (*best)->bytes)) best = at;
    if (best == kept.end()) return nullptr;
    Head* found = *best;
    kept.erase(best);
    held -= found->bytes;
    return found;
  }
  void trim(std::size_t bound) {
    std::size_t gone = 0;
    for (; gone < kept.size() && lent + held > bound; ++gone) {
      held -= kept[gone]->bytes;
      std::free(kept[gone]);
    }
    kept.erase(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(gone));
  }
};

// Never destroyed: blocks may come back while the process ends.
Pool& pool() {
  static Pool* const one = new Pool;
  return *one;
}

}  // namespace

void* lend(std::size_t bytes) {
  const bool pooled = bytes >= kLeastKept;
  const std::size_t page = bytes >= kPage ? kPage : pooled ? kSmallPage : sizeof(Head);
  const std::size_t whole = (bytes + sizeof(Head) + page - 1) / page * page;
  Head* head = nullptr;
  if (pooled) {
    Pool& p = pool();
    const std::lock_guard lock(p.mutex);
    head = p.find(whole);
    p.lent += head == nullptr ? whole : head->bytes;
    p.most = std::max(p.most, p.lent);
    p.trim(p.most);
  }
  if (head == nullptr) {
    head = static_cast<Head*>(std::aligned_alloc(page, whole));
    if (head == nullptr) {
      if (pooled) {
        Pool& p = pool();
        const std::lock_guard lock(p.mutex);
        p.lent -= whole;
      }
      throw std::bad_alloc();
    }
#if defined(MADV_HUGEPAGE)
    if (page == kPage) (void)madvise(head, whole, MADV_HUGEPAGE);
#endif
    head->bytes = whole;
    head->pooled = pooled;
    head->kept = false;
  }
  return head + 1;
}

void give_back(void* at) noexcept {
  if (at == nullptr) return;
  Head* head = static_cast<Head*>(at) - 1;
  if (!head->pooled) {
    std::free(head);
    return;
  }
#if defined(MADV_FREE)
  // The system may have it whenever it needs memory.
  if (head->bytes > kPage) (void)madvise(reinterpret_cast<std::byte*>(head) + kPage, head->bytes - kPage, MADV_FREE);
#endif
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  p.lent -= head->bytes;
  head->kept = true;
  try {
    p.kept.push_back(head);
    p.held += head->bytes;
  } catch (const std::bad_alloc&) {
    std::free(head);
  }
}

void forget([[maybe_unused]] void* at, [[maybe_unused]] std::size_t from, [[maybe_unused]] std::size_t to) noexcept {
#if defined(MADV_DONTNEED)
  const Head* head = static_cast<const Head*>(at) - 1;
  if (head->bytes < kPage || head->kept) return;
  // Whole pages from the block's first byte on, but for the one with its head.
  const std::size_t begin = std::max((from + sizeof(Head) + kPage - 1) / kPage, std::size_t{1}) * kPage;
  const std::size_t end = (to + sizeof(Head)) / kPage * kPage;
  if (begin < end) (void)madvise(reinterpret_cast<std::byte*>(const_cast<Head*>(head)) + begin, end - begin, MADV_DONTNEED);
#endif
}

void let_go() noexcept {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  p.trim(p.lent);
  p.most = p.lent;
}

}  // namespace ybcore
