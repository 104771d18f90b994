#include "partition.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "stream.hpp"

namespace ybcore {
namespace {
std::int32_t or_none(std::span<const std::int32_t> column, std::size_t i) { return column.empty() ? -1 : column[i]; }

constexpr std::int64_t kVisits = 768;  // of a partition: its records and rows fit half a megabyte
constexpr std::size_t kBlock = 64;     // visits whose columns are written at a time
constexpr std::size_t kFullRow = sizeof(Fate) + kColumns * sizeof(std::int64_t);
}  // namespace

std::int32_t Partitions::end_group(std::size_t part) const {
  return std::min(events_.groups, static_cast<std::int32_t>((part + 1) << shift_));
}

Partitions::Partitions(const Events& events, std::size_t visits, std::uint64_t columns, int threads) : events_(events), layout_(columns) {
  const std::int64_t groups = events.groups;
  while (shift_ < 30 && (static_cast<std::int64_t>(visits) << (shift_ + 1)) <= kVisits * std::max<std::int64_t>(groups, 1)) ++shift_;
  const std::size_t parts = groups == 0 ? 0 : (static_cast<std::size_t>(groups - 1) >> shift_) + 1;
  // As many that memory goes back in small parts when rows become columns, as few that a partition's pieces are some kilobytes.
  const auto wanted = std::max<std::size_t>(16, static_cast<std::size_t>(std::max(threads, 1)) * 4);
  std::size_t each = std::max<std::size_t>(visits / wanted + 1, 4096);
  // Whole blocks, whose columns are whole cache lines.
  each = (each + kBlock - 1) / kBlock * kBlock;
  for (std::size_t at = 0; at < visits; at += each) chunks_.begin.push_back(at);
  chunks_.begin.push_back(visits);
  if (chunks_.begin.size() == 1) chunks_.begin.insert(chunks_.begin.begin(), 0);
  const std::size_t chunks = chunks_.begin.size() - 1;
  event_place_.assign(chunks * parts, 0);
  row_place_.assign(chunks * parts, 0);
  for_each_chunk(chunks_, threads,
                 [&](std::size_t chunk) { count_chunk(chunk, event_place_.data() + chunk * parts, row_place_.data() + chunk * parts); });
  place_chunks(parts, chunks);
  rows_.resize(parts);
  for_each_chunk(chunks_, threads, [&](std::size_t chunk) { pack_chunk(chunk); });
}

// Counts become places.
void Partitions::place_chunks(std::size_t parts, std::size_t chunks) {
  event_begin_.assign(parts + 1, 0);
  event_end_.assign(chunks, 0);
  std::vector<std::uint32_t> rows(parts, 0);
  constexpr std::uint32_t kAPage = kLargePage / sizeof(Record);
  std::uint32_t at = 0;
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    const std::uint32_t before = at;
    for (std::size_t part = 0; part < parts; ++part) {
      event_begin_[part + 1] += event_place_[chunk * parts + part];
      at += std::exchange(event_place_[chunk * parts + part], at);
      rows[part] += std::exchange(row_place_[chunk * parts + part], rows[part]);
    }
    event_end_[chunk] = at;
    // A chunk of many pages shares none with the next.
    if (at - before >= 4 * kAPage) at = (at / kAPage + 1) * kAPage;
  }
  for (std::size_t part = 0; part < parts; ++part) event_begin_[part + 1] += event_begin_[part];
  records_ = big<Record>(at);
}

void Partitions::count_chunk(std::size_t chunk, std::uint32_t* events, std::uint32_t* visits) const {
  for (std::size_t v = chunks_.begin[chunk]; v < chunks_.begin[chunk + 1]; ++v) {
    if (events_.group[v] < 0) continue;
    const auto part = static_cast<std::size_t>(events_.group[v]) >> shift_;
    events[part] += static_cast<std::uint32_t>(events_.event_begin[v + 1] - events_.event_begin[v]);
    ++visits[part];
  }
}

void Partitions::pack_chunk(std::size_t chunk) {
  const Events& e = events_;
  const auto begin = event_place_.begin() + static_cast<std::ptrdiff_t>(chunk * count());
  std::vector<std::uint32_t> place(begin, begin + static_cast<std::ptrdiff_t>(count()));
  const std::size_t stride = 5 + 4 * e.tags;
  const auto pair = [](std::int32_t low, std::int32_t high) {
    return std::uint64_t{static_cast<std::uint32_t>(low)} | std::uint64_t{static_cast<std::uint32_t>(high)} << 32;
  };
  for (std::size_t v = chunks_.begin[chunk]; v < chunks_.begin[chunk + 1]; ++v) {
    const std::int32_t group = e.group[v];
    if (group < 0) continue;
    const auto part = static_cast<std::size_t>(group) >> shift_;
    const auto parts = static_cast<std::uint32_t>(e.event_begin[v + 1] - e.event_begin[v]);
    for (auto i = static_cast<std::size_t>(e.event_begin[v]); i < static_cast<std::size_t>(e.event_begin[v + 1]); ++i) {
      const std::uint32_t marks = (!e.later.empty() && e.later[i] != 0 ? 1U : 0U) | (e.acct_used.empty() || e.acct_used[i] != 0 ? 2U : 0U) |
                                  (!e.is_reversal.empty() && e.is_reversal[i] != 0 ? 4U : 0U);
      // Word by word, from registers: a record put together in memory would have to get there before it could be read again.
      auto* to = reinterpret_cast<std::uint64_t*>(records_.get() + place[part]++);
      stream_word(to + 0, pair(static_cast<std::int32_t>(v), static_cast<std::int32_t>(i)));
      stream_word(to + 1, pair(e.plan[i], e.person[i]));
      stream_word(to + 2, pair(or_none(e.household, i), or_none(e.donor, i)));
      stream_word(to + 3, pair(or_none(e.hospital, i), or_none(e.disease, i)));
      stream_word(to + 4, pair(e.stay[i], or_none(e.linked_stay, i)));
      stream_word(to + 5, pair(e.order_date[i], e.begndate[i]));
      stream_word(to + 6, pair(e.enddate[i], e.period_date[i]));
      stream_word(to + 7, pair(e.days[i], static_cast<std::int32_t>(parts | std::uint32_t{e.reason[i]} << 16 | marks << 24)));
      stream_word(to + 8, static_cast<std::uint64_t>(e.first[v]));
      stream_word(to + 9, static_cast<std::uint64_t>(e.second.empty() ? 0 : e.second[v]));
      const std::int64_t* nature = e.natures.data() + i * stride;
      for (std::size_t n = 0; n < 5; ++n) stream_word(to + 10 + n, static_cast<std::uint64_t>(nature[n]));
      stream_word(to + 15, pair(group, e.plan[i]));
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

void Partitions::keep(std::size_t part, const Rows& rows, const Fate* fates, const std::uint32_t* first, Arena& arena) {
  KeptRows& to = rows_[part];
  const std::size_t visits = rows.visits();
  to.narrow = rows.narrow();
  if (to.narrow) {
    const std::size_t bytes = layout_.width * sizeof(std::int32_t);
    std::byte* const own = rows_fit() ? nullptr : arena.take(visits * bytes);
    to.own = own;
    Record* const records = records_.get();
    std::array<std::int32_t, NarrowLayout::kFirst + kColumns + 4> any{};
    for (std::size_t r = 0; r < visits; ++r) {
      auto* out = reinterpret_cast<std::int32_t*>(own == nullptr ? reinterpret_cast<std::byte*>(records + first[r]) : own + r * bytes);
      const std::int32_t* from = rows.narrow(r);
      if (out != from) std::memcpy(out, from, bytes);
      for (std::size_t k = 0; k < layout_.width; ++k) any[k] |= out[k];
      std::memcpy(out, fates + r, sizeof(Fate));
    }
    for (std::size_t k = 0; k < layout_.count; ++k) to.live |= std::uint64_t{any[NarrowLayout::kFirst + k] != 0} << layout_.column[k];
    return;
  }
  std::byte* at = arena.take(visits * kFullRow);
  to.own = at;
  std::array<std::int64_t, kColumns> row;
  for (std::size_t r = 0; r < visits; ++r, at += kFullRow) {
    rows.get(r, row.data());
    for (std::size_t c = 0; c < kColumns; ++c) to.live |= std::uint64_t{row[c] != 0} << c;
    std::memcpy(at, fates + r, sizeof(Fate));
    std::memcpy(at + sizeof(Fate), row.data(), sizeof(row));
  }
}

std::uint64_t Partitions::live() const {
  std::uint64_t out = 0;
  for (const KeptRows& rows : rows_) out |= rows.live;
  return out;
}

void Partitions::spread(const std::array<std::int64_t*, kColumns>& columns, std::span<std::uint8_t> outcome, std::span<std::uint8_t> reason,
                        std::span<std::int32_t> plan, std::span<std::uint8_t> reversed, int threads) {
  for_each_chunk(chunks_, threads, [&](std::size_t chunk) {
    spread_chunk(chunk, columns, outcome, reason, plan, reversed);
    stream_done();
    // With what lies unused before and behind the chunk's records.
    const std::size_t from = chunk == 0 ? 0 : event_end_[chunk - 1];
    const std::size_t to = chunk + 1 == pieces() || count() == 0 ? event_end_[chunk] : event_place_[(chunk + 1) * count()];
    forget(records_.get(), from * sizeof(Record), to * sizeof(Record));
  });
}

void Partitions::spread_chunk(std::size_t chunk, const std::array<std::int64_t*, kColumns>& columns, std::span<std::uint8_t> outcome,
                              std::span<std::uint8_t> reason, std::span<std::int32_t> plan, std::span<std::uint8_t> reversed) const {
  const std::size_t parts = count();
  const auto of_chunk = [&](const std::vector<std::uint32_t>& place) {
    const auto begin = place.begin() + static_cast<std::ptrdiff_t>(chunk * parts);
    return std::vector<std::uint32_t>(begin, begin + static_cast<std::ptrdiff_t>(parts));
  };
  std::vector<std::uint32_t> next_row = of_chunk(row_place_), next_event = of_chunk(event_place_);
  alignas(64) std::int64_t staged[kBlock];
  struct Block {
    const std::byte* from[kBlock];
    std::uint8_t how[kBlock];  // 0 took no part, 1 a narrow row, 2 one in full
    std::uint8_t all;          // what they have in common
  };
  Block blocks[2];
  const bool aligned =
      std::ranges::all_of(columns, [](const std::int64_t* column) { return reinterpret_cast<std::uintptr_t>(column) % 16 == 0; });
  const std::size_t end = chunks_.begin[chunk + 1];
  // Rows are found and asked for a block ahead.
  const auto find = [&](std::size_t begin, Block& block) {
    block.all = 3;
    for (std::size_t v = begin; v < std::min(begin + kBlock, end); ++v) {
      const std::int32_t group = events_.group[v];
      const std::byte*& from = block.from[v - begin];
      std::uint8_t& how = block.how[v - begin];
      how = 0;
      from = nullptr;
      if (group >= 0) {
        const auto part = static_cast<std::size_t>(group) >> shift_;
        const std::uint32_t event = next_event[part];
        next_event[part] += static_cast<std::uint32_t>(events_.event_begin[v + 1] - events_.event_begin[v]);
        const std::uint32_t row = next_row[part]++;
        const KeptRows& rows = rows_[part];
        how = rows.narrow ? 1 : 2;
        from = rows.own == nullptr ? reinterpret_cast<const std::byte*>(records_.get() + event)
                                   : rows.own + row * (rows.narrow ? layout_.width * sizeof(std::int32_t) : kFullRow);
        for (std::size_t b = 0; b < sizeof(Record); b += 64) __builtin_prefetch(from + b);
      }
      block.all &= how;
    }
  };
  if (chunks_.begin[chunk] < end) find(chunks_.begin[chunk], blocks[0]);
  for (std::size_t begin = chunks_.begin[chunk], turn = 0; begin < end; begin += kBlock, turn ^= 1) {
    const std::size_t size = std::min(kBlock, end - begin);
    if (begin + kBlock < end) find(begin + kBlock, blocks[turn ^ 1]);
    const auto& [from, how, all] = blocks[turn];
    for (std::size_t i = 0; i < size; ++i) {
      if (how[i] == 0) continue;
      Fate fate;
      std::memcpy(&fate, from[i], sizeof(Fate));
      outcome[begin + i] = fate.outcome;
      reason[begin + i] = fate.reason;
      plan[begin + i] = fate.plan;
      reversed[begin + i] = fate.reversed;
    }
    std::uint64_t done = 0;
    if (all == 1 && size % 8 == 0 && aligned) {
      // Nothing but narrow rows: four numbers at a time, the first of them the fate's.
      for (std::size_t place = 0; place < layout_.width; place += 4) {
        std::int64_t* to[4] = {};
        for (std::size_t x = 0; x < 4; ++x) {
          if (place + x < NarrowLayout::kFirst || place + x >= NarrowLayout::kFirst + layout_.count) continue;
          const std::size_t c = layout_.column[place + x - NarrowLayout::kFirst];
          done |= std::uint64_t{1} << c;
          if (columns[c] != nullptr) to[x] = columns[c] + begin;
        }
        stream_columns(from, place * sizeof(std::int32_t), to, size);
      }
    }
    for (std::size_t c = 0; c < kColumns; ++c) {
      if (columns[c] == nullptr || ((done >> c) & 1) != 0) continue;
      const std::size_t at = layout_.place[c] * sizeof(std::int32_t);
      for (std::size_t i = 0; i < size; ++i) {
        staged[i] = 0;
        if (how[i] == 1 && layout_.has(c)) staged[i] = *reinterpret_cast<const std::int32_t*>(from[i] + at);
        if (how[i] == 2) std::memcpy(staged + i, from[i] + sizeof(Fate) + c * sizeof(std::int64_t), sizeof(std::int64_t));
      }
      stream_numbers(columns[c] + begin, staged, size);
    }
  }
}

}  // namespace ybcore
