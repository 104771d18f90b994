#include "ybcore/checks/net.hpp"

#include <algorithm>
#include <tuple>
#include <vector>

#include "../split.hpp"

namespace ybcore::checks {
namespace {

// Sums beyond 64 bits stop at the ends: what is wrong by 2^63 is wrong anyway, but it must not become small.
std::int64_t plus(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return a < 0 ? INT64_MIN + 1 : INT64_MAX;
  return sum;
}

class Netting {
 public:
  Netting(const NetLines& lines, Netted& out) : lines_(lines), out_(out) {}

  // Returns among the rows of a block; also says which lines stand before any return is taken off.
  std::int64_t mark(std::size_t begin, std::size_t end) const noexcept {
    std::int64_t returns = 0;
    for (std::size_t k = begin; k < end; ++k) {
      const std::size_t row = row_of(k);
      const bool back = returning(row);
      returns += back ? 1 : 0;
      out_.stands[row] = !back && (lines_.quantity[row] != 0 || lines_.amount[row] != 0) ? 1 : 0;
    }
    return returns;
  }

  std::int64_t person(std::size_t begin, std::size_t end) {
    std::int64_t lost = 0;
    unnamed_.clear();
    for (std::size_t k = begin; k < end; ++k) {
      const std::size_t row = row_of(k);
      if (!returning(row)) continue;
      const std::int64_t named = lines_.named.empty() ? -1 : lines_.named[row];
      if (named < 0) {
        unnamed_.push_back(k);
      } else if (!take_named(row, static_cast<std::size_t>(named))) {
        ++lost;
      }
    }
    if (unnamed_.empty()) return lost;
    chain(begin, end);
    for (const std::size_t k : unnamed_) lost += take_latest(k, begin) ? 0 : 1;
    return lost;
  }

 private:
  [[nodiscard]] std::size_t row_of(std::size_t k) const noexcept {
    return lines_.row.empty() ? k : static_cast<std::size_t>(lines_.row[k]);
  }
  [[nodiscard]] bool returning(std::size_t row) const noexcept { return (lines_.quantity[row] | lines_.amount[row]) < 0; }

  void take(std::size_t row, std::size_t from) noexcept {
    std::int64_t& quantity = out_.quantity[from];
    std::int64_t& amount = out_.amount[from];
    quantity = plus(quantity, lines_.quantity[row]);
    amount = plus(amount, lines_.amount[row]);
    out_.stands[from] = quantity != 0 || amount != 0 ? 1 : 0;
  }

  // What names a return returns what that one does.
  bool take_named(std::size_t row, std::size_t from) noexcept {
    while (lines_.visit[from] == lines_.visit[row]) {
      if (!returning(from)) {
        take(row, from);
        return true;
      }
      const std::int64_t next = lines_.named[from];
      if (next < 0 || static_cast<std::size_t>(next) == from) return false;
      from = static_cast<std::size_t>(next);
    }
    return false;
  }

  // Places of the person by visit, item and place; where each place stands among them.
  void chain(std::size_t begin, std::size_t end) {
    chain_.clear();
    for (std::size_t k = begin; k < end; ++k) chain_.push_back(k);
    const auto key = [&](std::size_t k) {
      const std::size_t row = row_of(k);
      return std::tuple(lines_.visit[row], lines_.item[row], k);
    };
    std::sort(chain_.begin(), chain_.end(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
    stands_at_.resize(end - begin);
    for (std::size_t i = 0; i < chain_.size(); ++i) stands_at_[chain_[i] - begin] = i;
  }

  [[nodiscard]] bool same(std::size_t row, std::size_t other) const noexcept {
    return lines_.visit[other] == lines_.visit[row] && lines_.item[other] == lines_.item[row];
  }

  // Of one time no order of ids says which came first.
  bool take_latest(std::size_t k, std::size_t begin) noexcept {
    const std::size_t row = row_of(k);
    if (lines_.item[row] < 0) return false;
    std::size_t i = stands_at_[k - begin];
    while (!lines_.time.empty() && i < chain_.size() && same(row, row_of(chain_[i])) && lines_.time[row_of(chain_[i])] == lines_.time[row])
      ++i;
    while (i > 0) {
      const std::size_t from = row_of(chain_[--i]);
      if (!same(row, from)) return false;
      if (returning(from)) continue;
      if (plus(out_.quantity[from], lines_.quantity[row]) < 0 || plus(out_.amount[from], lines_.amount[row]) < 0) continue;
      take(row, from);
      return true;
    }
    return false;
  }

  const NetLines& lines_;
  Netted& out_;
  std::vector<std::size_t> unnamed_, chain_, stands_at_;
};

}  // namespace

Netted net(const NetLines& lines, int threads) {
  Netted out;
  out.stands.assign(lines.visit.size(), 0);
  const Chunks chunks = cut_evenly(lines.person_begin, threads);
  const std::size_t parts = chunks.begin.size() - 1;
  const auto place = [&](std::size_t person) { return static_cast<std::size_t>(lines.person_begin[person]); };
  std::vector<std::int64_t> count(parts);
  if (lines.person_begin.size() < 2) return out;
  for_each_chunk(chunks, threads,
                 [&](std::size_t c) { count[c] = Netting(lines, out).mark(place(chunks.begin[c]), place(chunks.begin[c + 1])); });
  for (const std::int64_t c : count) out.returns += c;
  if (out.returns == 0) return out;
  out.quantity.assign(lines.quantity.begin(), lines.quantity.end());
  out.amount.assign(lines.amount.begin(), lines.amount.end());
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    Netting netting(lines, out);
    count[c] = 0;
    for (std::size_t p = chunks.begin[c]; p < chunks.begin[c + 1]; ++p) count[c] += netting.person(place(p), place(p + 1));
  });
  for (const std::int64_t c : count) out.lost += c;
  return out;
}

}  // namespace ybcore::checks
