#include "ybcore/order.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace ybcore {
namespace {

std::int32_t root(std::vector<std::int32_t>& parent, std::int32_t person) noexcept {
  while (parent[static_cast<std::size_t>(person)] != person) {
    auto& up = parent[static_cast<std::size_t>(person)];
    up = parent[static_cast<std::size_t>(up)];
    person = up;
  }
  return person;
}

struct Before {
  std::span<const std::int64_t> first;
  std::span<const std::int64_t> second;
  const TieIds& ids;

  bool operator()(std::int64_t left, std::int64_t right) const noexcept {
    const auto a = static_cast<std::size_t>(left);
    const auto b = static_cast<std::size_t>(right);
    if (first[a] != first[b]) return first[a] < first[b];
    if (!second.empty() && second[a] != second[b]) return second[a] < second[b];
    return id_less(ids, a, b);
  }
};

}  // namespace

bool id_less(const TieIds& ids, std::size_t a, std::size_t b) noexcept {
  if (!ids.numbers.empty()) return ids.numbers[a] < ids.numbers[b];
  if (ids.offsets.empty()) return a < b;
  const auto size_a = static_cast<std::size_t>(ids.offsets[a + 1] - ids.offsets[a]);
  const auto size_b = static_cast<std::size_t>(ids.offsets[b + 1] - ids.offsets[b]);
  const int order = std::memcmp(ids.bytes + ids.offsets[a], ids.bytes + ids.offsets[b], std::min(size_a, size_b));
  return order != 0 ? order < 0 : size_a < size_b;
}

Groups connect(std::size_t persons, std::span<const std::int32_t> left, std::span<const std::int32_t> right) {
  std::vector<std::int32_t> parent(persons);
  std::iota(parent.begin(), parent.end(), 0);
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (left[i] < 0 || right[i] < 0) continue;
    const std::int32_t a = root(parent, left[i]);
    const std::int32_t b = root(parent, right[i]);
    // The smaller index is the root, so that the numbering follows the persons.
    parent[static_cast<std::size_t>(std::max(a, b))] = std::min(a, b);
  }
  Groups groups{std::vector<std::int32_t>(persons), 0};
  for (std::size_t p = 0; p < persons; ++p) {
    const auto top = static_cast<std::size_t>(root(parent, static_cast<std::int32_t>(p)));
    groups.of_person[p] = top == p ? groups.count++ : groups.of_person[top];
  }
  return groups;
}

Order order_rows(std::span<const std::int32_t> group, std::int32_t groups, std::span<const std::int64_t> first,
                 std::span<const std::int64_t> second, const TieIds& ids) {
  const std::size_t n = group.size();
  Order order;
  order.group_begin.assign(static_cast<std::size_t>(groups) + 1, 0);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (group[i] < 0) continue;
    ++order.group_begin[static_cast<std::size_t>(group[i]) + 1];
    ++kept;
  }
  std::partial_sum(order.group_begin.begin(), order.group_begin.end(), order.group_begin.begin());
  order.rows.resize(kept);
  std::vector<std::int64_t> next(order.group_begin.begin(), order.group_begin.end() - 1);
  for (std::size_t i = 0; i < n; ++i) {
    if (group[i] < 0) continue;
    order.rows[static_cast<std::size_t>(next[static_cast<std::size_t>(group[i])]++)] = static_cast<std::int64_t>(i);
  }
  const Before before{first, second, ids};
  order.was_ordered = kept == n;
  for (std::size_t g = 0; g + 1 < order.group_begin.size(); ++g) {
    const auto begin = order.rows.begin() + order.group_begin[g];
    const auto end = order.rows.begin() + order.group_begin[g + 1];
    if (!std::is_sorted(begin, end, before)) std::sort(begin, end, before);
  }
  for (std::size_t i = 0; order.was_ordered && i < kept; ++i) {
    order.was_ordered = order.rows[i] == static_cast<std::int64_t>(i);
  }
  return order;
}

LineGroups group_lines(std::span<const std::int32_t> run_visit, std::span<const std::int64_t> run_end, std::size_t visits) {
  LineGroups out;
  out.begin.assign(visits + 1, 0);
  std::int64_t start = 0;
  std::int32_t last = -1;
  bool together = true;
  for (std::size_t i = 0; i < run_visit.size(); ++i) {
    const std::int32_t visit = run_visit[i];
    together = together && visit >= last && visit >= 0;
    last = visit;
    if (visit >= 0) out.begin[static_cast<std::size_t>(visit) + 1] += run_end[i] - start;
    start = run_end[i];
  }
  std::partial_sum(out.begin.begin(), out.begin.end(), out.begin.begin());
  if (together) return out;
  out.row.resize(static_cast<std::size_t>(out.begin.back()));
  std::vector<std::int64_t> next(out.begin.begin(), out.begin.end() - 1);
  start = 0;
  for (std::size_t i = 0; i < run_visit.size(); ++i) {
    if (run_visit[i] >= 0) {
      std::int64_t& at = next[static_cast<std::size_t>(run_visit[i])];
      for (std::int64_t row = start; row < run_end[i]; ++row) out.row[static_cast<std::size_t>(at++)] = row;
    }
    start = run_end[i];
  }
  return out;
}

}  // namespace ybcore
