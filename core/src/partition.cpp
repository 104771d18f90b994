#include "partition.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "stream.hpp"

namespace ybcore {
namespace {
std::int32_t or_none(std::span<const std::int32_t> column, std::size_t i) { return column.empty() ? -1 : column[i]; }

constexpr std::int64_t kVisits = 768;  // of a partition: its records and rows fit half a megabyte
constexpr std::size_t kBlock = 256;    // visits whose columns are written at a time
}  // namespace

std::int32_t Partitions::end_group(std::size_t part) const {
  return std::min(events_.groups, static_cast<std::int32_t>((part + 1) << shift_));
}

Partitions::Partitions(const Events& events, std::size_t visits, std::uint64_t columns, int threads) : events_(events), layout_(columns) {
  const std::int64_t groups = events.groups;
  while (shift_ < 30 && (static_cast<std::int64_t>(visits) << (shift_ + 1)) <= kVisits * std::max<std::int64_t>(groups, 1)) ++shift_;
  const std::size_t parts = groups == 0 ? 0 : (static_cast<std::size_t>(groups - 1) >> shift_) + 1;
  const std::size_t wanted = threads <= 1 ? 1 : static_cast<std::size_t>(threads) * 4;
  const std::size_t each = std::max<std::size_t>(visits / wanted + 1, 4096);
  for (std::size_t at = 0; at < visits; at += each) chunks_.begin.push_back(at);
  chunks_.begin.push_back(visits);
  if (chunks_.begin.size() == 1) chunks_.begin.insert(chunks_.begin.begin(), 0);
  const std::size_t chunks = chunks_.begin.size() - 1;
  std::vector<std::uint32_t> place(chunks * parts, 0);
  row_place_.assign(chunks * parts, 0);
  for_each_chunk(chunks_, threads,
                 [&](std::size_t chunk) { count_chunk(chunk, place.data() + chunk * parts, row_place_.data() + chunk * parts); });
  event_begin_.assign(parts + 1, 0);
  std::uint32_t at = 0;
  for (std::size_t part = 0; part < parts; ++part) {
    event_begin_[part] = at;
    std::uint32_t row = 0;
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
      at += std::exchange(place[chunk * parts + part], at);
      row += std::exchange(row_place_[chunk * parts + part], row);
    }
  }
  event_begin_[parts] = at;
  records_ = big<Record>(at);
  rows_.resize(parts);
  for_each_chunk(chunks_, threads, [&](std::size_t chunk) { pack_chunk(chunk, place.data() + chunk * parts); });
}

void Partitions::count_chunk(std::size_t chunk, std::uint32_t* events, std::uint32_t* visits) const {
  for (std::size_t v = chunks_.begin[chunk]; v < chunks_.begin[chunk + 1]; ++v) {
    if (events_.group[v] < 0) continue;
    const auto part = static_cast<std::size_t>(events_.group[v]) >> shift_;
    events[part] += static_cast<std::uint32_t>(events_.event_begin[v + 1] - events_.event_begin[v]);
    ++visits[part];
  }
}

void Partitions::pack_chunk(std::size_t chunk, std::uint32_t* place) {
  const Events& e = events_;
  const std::size_t stride = 5 + 4 * e.tags;
  Record to{};
  for (std::size_t v = chunks_.begin[chunk]; v < chunks_.begin[chunk + 1]; ++v) {
    if (e.group[v] < 0) continue;
    to.group = e.group[v];
    const auto part = static_cast<std::size_t>(to.group) >> shift_;
    to.visit = static_cast<std::int32_t>(v);
    to.parts = static_cast<std::uint16_t>(e.event_begin[v + 1] - e.event_begin[v]);
    to.first = e.first[v];
    to.second = e.second.empty() ? 0 : e.second[v];
    for (auto i = static_cast<std::size_t>(e.event_begin[v]); i < static_cast<std::size_t>(e.event_begin[v + 1]); ++i) {
      to.event = static_cast<std::int32_t>(i);
      to.plan = e.plan[i];
      to.person = e.person[i];
      to.household = or_none(e.household, i);
      to.donor = or_none(e.donor, i);
      to.hospital = or_none(e.hospital, i);
      to.disease = or_none(e.disease, i);
      to.stay = e.stay[i];
      to.linked_stay = or_none(e.linked_stay, i);
      to.order_date = e.order_date[i];
      to.begndate = e.begndate[i];
      to.enddate = e.enddate[i];
      to.period_date = e.period_date[i];
      to.days = e.days[i];
      to.reason = static_cast<Reason>(e.reason[i]);
      to.later = !e.later.empty() && e.later[i] != 0;
      to.acct_used = e.acct_used.empty() || e.acct_used[i] != 0;
      to.is_reversal = !e.is_reversal.empty() && e.is_reversal[i] != 0;
      std::copy_n(e.natures.data() + i * stride, 5, to.nature);
      stream_lines(records_.get() + place[part]++, &to, sizeof(Record) / 64);
    }
  }
  stream_done();
}

std::byte* Partitions::Arena::take(std::size_t bytes) {
  constexpr std::size_t kArena = std::size_t{4} << 20;
  if (bytes > left) {
    left = std::max(bytes, blocks.empty() ? bytes : kArena);
    next = blocks.emplace_back(big<std::byte>(left)).get();
  }
  left -= bytes;
  return std::exchange(next, next + bytes);
}

void Partitions::keep(std::size_t part, const Rows& rows, const Fate* fates, Arena& arena) {
  KeptRows& to = rows_[part];
  const std::size_t visits = rows.visits();
  to.narrow = rows.narrow();
  const std::size_t columns = to.narrow ? layout_.count * sizeof(std::int32_t) : kColumns * sizeof(std::int64_t);
  to.stride = static_cast<std::uint32_t>((sizeof(Fate) + columns + 7) / 8 * 8);
  // Where the partition's records stood, which nobody needs any more; its results are rarely longer.
  const auto begin = static_cast<std::size_t>(event_begin_[part]);
  const std::size_t room = (static_cast<std::size_t>(event_begin_[part + 1]) - begin) * sizeof(Record);
  to.at = to.stride * visits <= room ? reinterpret_cast<std::byte*>(records_.get() + begin) : arena.take(to.stride * visits);
  std::array<std::int64_t, kColumns> any{};
  std::array<std::int32_t, kColumns> some{};
  for (std::size_t r = 0; r < visits; ++r) {
    std::byte* out = to.at + r * to.stride;
    std::memcpy(out, fates + r, sizeof(Fate));
    if (to.narrow) {
      const std::int32_t* from = rows.narrow(r);
      for (std::size_t k = 0; k < layout_.count; ++k) some[k] |= from[k];
      std::memcpy(out + sizeof(Fate), from, columns);
    } else {
      const std::int64_t* from = rows.wide(r);
      for (std::size_t c = 0; c < kColumns; ++c) any[c] |= from[c];
      std::memcpy(out + sizeof(Fate), from, columns);
    }
  }
  for (std::size_t k = 0; k < layout_.count; ++k) any[layout_.column[k]] |= some[k];
  for (std::size_t c = 0; c < kColumns; ++c) to.live |= std::uint64_t{any[c] != 0} << c;
}

std::uint64_t Partitions::live() const {
  std::uint64_t out = 0;
  for (const KeptRows& rows : rows_) out |= rows.live;
  return out;
}

void Partitions::spread(const std::array<std::int64_t*, kColumns>& columns, std::span<std::uint8_t> outcome, std::span<std::uint8_t> reason,
                        std::span<std::int32_t> plan, std::span<std::uint8_t> reversed, int threads) const {
  for_each_chunk(chunks_, threads, [&](std::size_t chunk) {
    spread_chunk(chunk, columns, outcome, reason, plan, reversed);
    stream_done();
  });
}

void Partitions::spread_chunk(std::size_t chunk, const std::array<std::int64_t*, kColumns>& columns, std::span<std::uint8_t> outcome,
                              std::span<std::uint8_t> reason, std::span<std::int32_t> plan, std::span<std::uint8_t> reversed) const {
  const std::size_t parts = count();
  std::vector<std::uint32_t> next(row_place_.begin() + static_cast<std::ptrdiff_t>(chunk * parts),
                                  row_place_.begin() + static_cast<std::ptrdiff_t>((chunk + 1) * parts));
  alignas(64) std::int64_t staged[kBlock];
  const std::byte* from[kBlock];
  std::uint8_t how[kBlock];  // 0 took no part, 1 a narrow row, 2 one in full
  const std::size_t end = chunks_.begin[chunk + 1];
  for (std::size_t begin = chunks_.begin[chunk]; begin < end; begin += kBlock) {
    const std::size_t size = std::min(kBlock, end - begin);
    for (std::size_t i = 0; i < size; ++i) {
      const std::int32_t group = events_.group[begin + i];
      how[i] = 0;
      if (group < 0) continue;
      const auto part = static_cast<std::size_t>(group) >> shift_;
      const KeptRows& rows = rows_[part];
      how[i] = rows.narrow ? 1 : 2;
      from[i] = rows.at + std::size_t{next[part]++} * rows.stride;
      for (std::size_t b = 0; b < rows.stride; b += 64) __builtin_prefetch(from[i] + b);
    }
    std::uint8_t all = 3;
    for (std::size_t i = 0; i < size; ++i) {
      all &= how[i] == 0 ? 0 : how[i];
      if (how[i] == 0) continue;
      Fate fate;
      std::memcpy(&fate, from[i], sizeof(Fate));
      outcome[begin + i] = fate.outcome;
      reason[begin + i] = fate.reason;
      plan[begin + i] = fate.plan;
      reversed[begin + i] = fate.reversed;
    }
    for (std::size_t c = 0; c < kColumns; ++c) {
      if (columns[c] == nullptr) continue;
      const std::size_t k = layout_.place[c];
      const bool has_place = k != layout_.count;
      if (all == 1 && has_place) {
        // A column of narrow rows, without a stop in between.
        const std::size_t at = sizeof(Fate) + k * sizeof(std::int32_t);
        for (std::size_t i = 0; i < size; ++i) staged[i] = *reinterpret_cast<const std::int32_t*>(from[i] + at);
      } else {
        for (std::size_t i = 0; i < size; ++i) {
          staged[i] = 0;
          if (how[i] == 1 && has_place)
            staged[i] = *reinterpret_cast<const std::int32_t*>(from[i] + sizeof(Fate) + k * sizeof(std::int32_t));
          if (how[i] == 2) staged[i] = *reinterpret_cast<const std::int64_t*>(from[i] + sizeof(Fate) + c * sizeof(std::int64_t));
        }
      }
      stream_numbers(columns[c] + begin, staged, size);
    }
  }
}

}  // namespace ybcore
