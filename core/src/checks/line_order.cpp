#include "ybcore/checks/line_order.hpp"

#include <algorithm>
#include <numeric>

#include "../split.hpp"

namespace ybcore::checks {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18;

struct Key {
  std::int64_t time;
  std::int32_t visit, row;
};

bool has_ids(const TieIds& ids) noexcept { return !ids.numbers.empty() || !ids.offsets.empty(); }

class Before {
 public:
  explicit Before(const LineKeys& keys) : keys_(keys), visits_named_(has_ids(keys.visit_ids)), lines_named_(has_ids(keys.line_ids)) {}

  bool operator()(const Key& a, const Key& b) const noexcept {
    if (a.time != b.time) return a.time < b.time;
    return a.visit == b.visit ? lines(a.row, b.row) : visits(a.visit, b.visit);
  }

 private:
  [[nodiscard]] bool lines(std::int32_t a, std::int32_t b) const noexcept { return tied(keys_.line_ids, lines_named_, a, b); }
  [[nodiscard]] bool visits(std::int32_t a, std::int32_t b) const noexcept { return tied(keys_.visit_ids, visits_named_, a, b); }

  // By id, then by place.
  static bool tied(const TieIds& ids, bool named, std::int32_t a, std::int32_t b) noexcept {
    const auto left = static_cast<std::size_t>(a), right = static_cast<std::size_t>(b);
    if (!named) return a < b;
    if (id_less(ids, left, right)) return true;
    return !id_less(ids, right, left) && a < b;
  }

  const LineKeys& keys_;
  bool visits_named_, lines_named_;
};

std::int32_t person_of(const LineKeys& keys, std::size_t row) noexcept {
  const std::int32_t visit = keys.visit[row];
  return visit < 0 ? -1 : keys.visit_person[static_cast<std::size_t>(visit)];
}

Key key_of(const LineKeys& keys, std::size_t row) noexcept { return {keys.time[row], keys.visit[row], static_cast<std::int32_t>(row)}; }

bool stand_in_order(const LineKeys& keys, const Before& before, int threads) {
  const Chunks chunks = cut_rows(keys.visit.size(), kBlock);
  std::vector<std::uint8_t> broken(chunks.begin.size() - 1);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    // Each block looks back at the last row of the one before.
    std::size_t row = chunks.begin[c];
    if (row == chunks.begin[c + 1]) return;
    if (row > 0) --row;
    std::int32_t person = person_of(keys, row);
    if (person < 0) broken[c] = 1;
    for (++row; row < chunks.begin[c + 1]; ++row) {
      const std::int32_t next = person_of(keys, row);
      if (next < 0 || next < person || (next == person && !before(key_of(keys, row - 1), key_of(keys, row)))) {
        broken[c] = 1;
        return;
      }
      person = next;
    }
  });
  return std::all_of(broken.begin(), broken.end(), [](std::uint8_t flag) { return flag == 0; });
}

}  // namespace

LineOrder order_lines(const LineKeys& keys, std::size_t persons, int threads) {
  const std::size_t n = keys.visit.size();
  const Before before(keys);
  LineOrder out;
  out.was_ordered = stand_in_order(keys, before, threads);
  out.person_begin.assign(persons + 1, 0);
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t person = person_of(keys, i);
    if (person >= 0) ++out.person_begin[static_cast<std::size_t>(person) + 1];
  }
  std::partial_sum(out.person_begin.begin(), out.person_begin.end(), out.person_begin.begin());
  if (out.was_ordered) return out;
  out.row.resize(static_cast<std::size_t>(out.person_begin.back()));
  std::vector<std::int64_t> next(out.person_begin.begin(), out.person_begin.end() - 1);
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t person = person_of(keys, i);
    if (person >= 0) out.row[static_cast<std::size_t>(next[static_cast<std::size_t>(person)]++)] = static_cast<std::int32_t>(i);
  }
  const Chunks chunks = cut_evenly(out.person_begin, threads);
  for_each_chunk(chunks, threads, [&](std::size_t c) {
    std::vector<Key> run;
    for (std::size_t p = chunks.begin[c]; p < chunks.begin[c + 1]; ++p) {
      const auto begin = static_cast<std::size_t>(out.person_begin[p]), end = static_cast<std::size_t>(out.person_begin[p + 1]);
      run.clear();
      for (std::size_t i = begin; i < end; ++i) run.push_back(key_of(keys, static_cast<std::size_t>(out.row[i])));
      if (std::is_sorted(run.begin(), run.end(), before)) continue;
      std::sort(run.begin(), run.end(), before);
      for (std::size_t i = begin; i < end; ++i) out.row[i] = run[i - begin].row;
    }
  });
  return out;
}

}  // namespace ybcore::checks
