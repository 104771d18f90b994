#include "ybcore/pages.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "split.hpp"
#include "ybcore/in_turn.hpp"

namespace ybcore {
namespace {

constexpr std::size_t kBlock = 1024;

// Where each page begins, and the end.
template <class Pages, class Rows>
std::vector<std::size_t> begins(const Pages& pages, Rows rows) {
  std::vector<std::size_t> out{0};
  for (const auto& page : pages) out.push_back(out.back() + rows(page));
  return out;
}

template <class Pages>
Chunks one_each(const Pages& pages) {
  Chunks chunks;
  for (std::size_t p = 0; p <= pages.size(); ++p) chunks.begin.push_back(p);
  return chunks;
}

template <class Cell>
struct Bits {
  std::make_unsigned_t<Cell> any = 0, signs = 0;
};

// Copies cells a block at a time, which is still near when its bits are asked.
template <class Cell>
void copy(const Page<Cell>& page, Cell missing, Cell* out, Bits<Cell>& bits) {
  using Plain = std::make_unsigned_t<Cell>;
  for (std::size_t from = 0; from < page.cells.size(); from += kBlock) {
    const std::size_t size = std::min(kBlock, page.cells.size() - from);
    const Cell* cell = page.cells.data() + from;
    Cell* to = out + from;
    Plain any = 0;
    Plain signs = 0;
    const auto look = [&](Plain one) {
      signs = static_cast<Plain>(signs | one);
      any = static_cast<Plain>(any | (one ^ (Plain{0} - (one >> (sizeof(Cell) * 8 - 1)))));
    };
    if (page.valid.empty()) {
      std::copy_n(cell, size, to);
      for (std::size_t i = 0; i < size; ++i) look(static_cast<Plain>(cell[i]));
    } else {
      const std::uint8_t* there = page.valid.data() + from;
      for (std::size_t i = 0; i < size; ++i) {
        to[i] = there[i] != 0 ? cell[i] : missing;
        look(there[i] != 0 ? static_cast<Plain>(cell[i]) : Plain{0});
      }
    }
    bits.any = static_cast<Plain>(bits.any | any);
    bits.signs = static_cast<Plain>(bits.signs | signs);
  }
}

// The page of a row, and the row within it.
template <class Offset>
class Rows {
 public:
  explicit Rows(std::span<const Texts<Offset>> pages)
      : pages_(pages), begin_(begins(pages, [](const auto& page) { return page.rows(); })) {}
  std::string_view operator[](std::size_t row) {
    if (row < begin_[at_] || row >= begin_[at_ + 1])
      at_ = static_cast<std::size_t>(std::upper_bound(begin_.begin(), begin_.end(), row) - begin_.begin()) - 1;
    return pages_[at_][row - begin_[at_]];
  }
  // The next row from `row` on that may be there.
  [[nodiscard]] std::size_t next(std::size_t row) const {
    for (std::size_t p = 0; p < pages_.size(); ++p) {
      if (row >= begin_[p + 1]) continue;
      const auto valid = pages_[p].valid;
      if (valid.empty()) return row;
      const std::size_t from = row - begin_[p];
      const void* at = std::memchr(valid.data() + from, 1, valid.size() - from);
      if (at != nullptr) return begin_[p] + static_cast<std::size_t>(static_cast<const std::uint8_t*>(at) - valid.data());
      row = begin_[p + 1];
    }
    return row;
  }

 private:
  std::span<const Texts<Offset>> pages_;
  std::vector<std::size_t> begin_;
  std::size_t at_ = 0;
};

}  // namespace

template <class Cell>
Bounds joined(std::span<const Page<Cell>> pages, Cell missing, std::span<Cell> out, int threads) {
  const auto begin = begins(pages, [](const auto& page) { return page.cells.size(); });
  std::vector<Bits<Cell>> bits(pages.size());
  if (!pages.empty()) {
    for_each_chunk(one_each(pages), threads, [&](std::size_t p) { copy(pages[p], missing, out.data() + begin[p], bits[p]); });
  }
  Bits<Cell> all;
  for (const Bits<Cell>& one : bits)
    all = {static_cast<decltype(all.any)>(all.any | one.any), static_cast<decltype(all.any)>(all.signs | one.signs)};
  const auto most = static_cast<Cell>(all.any);
  return {static_cast<Cell>(all.signs) < 0 ? static_cast<std::int64_t>(~most) : 0, most};
}

template <class Code, class To>
bool placed(std::span<const Page<Code>> pages, std::span<const std::span<const To>> places, To missing, std::span<To> out, int threads) {
  if (pages.empty()) return true;
  const auto begin = begins(pages, [](const auto& page) { return page.cells.size(); });
  std::vector<std::uint8_t> wrong(pages.size(), 0);
  for_each_chunk(one_each(pages), threads, [&](std::size_t p) {
    const auto [codes, valid] = pages[p];
    const auto place = places[p];
    To* to = out.data() + begin[p];
    bool all = true;
    for (std::size_t row = 0; row < codes.size(); ++row) {
      const bool there = valid.empty() || valid[row] != 0;
      // A negative code becomes one that is too great.
      const auto code = there ? static_cast<std::size_t>(codes[row]) : 0;
      const bool inside = code < place.size();
      all &= inside | !there;
      to[row] = (there & inside) ? place[code] : missing;
    }
    wrong[p] = all ? 0 : 1;
  });
  return std::find(wrong.begin(), wrong.end(), 1) == wrong.end();
}

template <class Offset>
bool has_blank(const Texts<Offset>& texts) noexcept {
  const std::size_t rows = texts.rows();
  const Offset* offset = texts.offsets.data();
  if (texts.valid.empty()) {
    bool found = false;
    for (std::size_t row = 0; row < rows; ++row) found |= offset[row] == offset[row + 1];
    return found;
  }
  // Most of such a column is often missing.
  const auto* valid = texts.valid.data();
  for (std::size_t row = 0; row < rows; ++row) {
    const void* at = std::memchr(valid + row, 1, rows - row);
    if (at == nullptr) return false;
    row = static_cast<std::size_t>(static_cast<const std::uint8_t*>(at) - valid);
    if (offset[row] == offset[row + 1]) return true;
  }
  return false;
}

namespace {
// First lines of one visit by their own text.
template <class Own>
class Named {
 public:
  Named(const NamedLines& lines, std::span<const Texts<Own>> own) : lines_(lines), own_(own) {}

  [[nodiscard]] std::int64_t row(std::int64_t k) const { return lines_.row.empty() ? k : lines_.row[static_cast<std::size_t>(k)]; }

  std::int64_t first(std::size_t visit, std::string_view wanted) {
    const std::int64_t begin = lines_.line_begin[visit];
    const std::int64_t end = lines_.line_begin[visit + 1];
    if (end - begin <= kFew) {
      for (std::int64_t k = begin; k < end; ++k)
        if (same(own_[static_cast<std::size_t>(row(k))], wanted)) return row(k);
      return -1;
    }
    if (listed_ != visit) list(visit, begin, end);
    const auto found = by_text_.find(wanted);
    return found == by_text_.end() ? -1 : found->second;
  }

 private:
  static constexpr std::int64_t kFew = 512;  // lines that are looked through
  // Neither is empty, and ids differ at their ends first.
  static bool same(std::string_view own, std::string_view wanted) {
    return own.size() == wanted.size() && own.back() == wanted.back() && own == wanted;
  }
  void list(std::size_t visit, std::int64_t begin, std::int64_t end) {
    listed_ = visit;
    by_text_.clear();
    for (std::int64_t k = begin; k < end; ++k) by_text_.try_emplace(own_[static_cast<std::size_t>(row(k))], row(k));
  }

  const NamedLines& lines_;
  Rows<Own> own_;
  std::size_t listed_ = SIZE_MAX;
  std::unordered_map<std::string_view, std::int64_t> by_text_;
};

// Each after the line that it names, where that names one too.
void put_in_turn(Naming& naming) {
  std::vector<std::pair<std::int64_t, std::int64_t>> place;  // by row
  for (std::size_t i = 0; i < naming.row.size(); ++i) place.emplace_back(naming.row[i], static_cast<std::int64_t>(i));
  if (!std::is_sorted(place.begin(), place.end())) std::sort(place.begin(), place.end());
  std::vector<std::int64_t> on;
  bool any = false;
  for (const std::int64_t line : naming.line) {
    const auto at = std::lower_bound(place.begin(), place.end(), std::pair(line, std::int64_t{0}));
    on.push_back(at != place.end() && at->first == line ? at->second : -1);
    any |= on.back() >= 0;
  }
  if (!any) return;
  InTurn turn;
  in_turn(on, turn);
  const Naming was = std::exchange(naming, {});
  for (const std::int64_t i : turn.order) {
    naming.row.push_back(was.row[static_cast<std::size_t>(i)]);
    naming.line.push_back(was.line[static_cast<std::size_t>(i)]);
  }
  for (const std::int64_t i : turn.circle) naming.circle.push_back(was.row[static_cast<std::size_t>(i)]);
}
}  // namespace

template <class Own, class Asked>
Naming find_named(const NamedLines& lines, std::span<const Texts<Own>> own, std::span<const Texts<Asked>> asked) {
  Naming out;
  Named<Own> named(lines, own);
  Rows<Asked> names(asked);
  const auto places = static_cast<std::size_t>(lines.line_begin.back());
  std::size_t visit = 0;
  for (std::size_t k = 0; k < places; ++k) {
    if (lines.row.empty()) k = names.next(k);
    if (k >= places) break;
    const auto row = static_cast<std::size_t>(named.row(static_cast<std::int64_t>(k)));
    const std::string_view wanted = names[row];
    if (wanted.empty()) continue;
    while (lines.line_begin[visit + 1] <= static_cast<std::int64_t>(k)) ++visit;
    const std::int64_t found = named.first(visit, wanted);
    if (found < 0 || found == static_cast<std::int64_t>(row)) continue;
    out.row.push_back(static_cast<std::int64_t>(row));
    out.line.push_back(found);
  }
  put_in_turn(out);
  return out;
}

template Bounds joined(std::span<const Page<std::int8_t>>, std::int8_t, std::span<std::int8_t>, int);
template Bounds joined(std::span<const Page<std::int32_t>>, std::int32_t, std::span<std::int32_t>, int);
template Bounds joined(std::span<const Page<std::int64_t>>, std::int64_t, std::span<std::int64_t>, int);

template bool has_blank(const Texts<std::int32_t>&) noexcept;
template bool has_blank(const Texts<std::int64_t>&) noexcept;

template <class Code>
using Pages = std::span<const Page<Code>>;
template <class To>
using Places = std::span<const std::span<const To>>;
template bool placed(Pages<std::int8_t>, Places<std::int32_t>, std::int32_t, std::span<std::int32_t>, int);
template bool placed(Pages<std::int16_t>, Places<std::int32_t>, std::int32_t, std::span<std::int32_t>, int);
template bool placed(Pages<std::int32_t>, Places<std::int32_t>, std::int32_t, std::span<std::int32_t>, int);
template bool placed(Pages<std::uint8_t>, Places<std::int32_t>, std::int32_t, std::span<std::int32_t>, int);
template bool placed(Pages<std::uint16_t>, Places<std::int32_t>, std::int32_t, std::span<std::int32_t>, int);
template bool placed(Pages<std::uint32_t>, Places<std::int32_t>, std::int32_t, std::span<std::int32_t>, int);
template bool placed(Pages<std::int8_t>, Places<std::int8_t>, std::int8_t, std::span<std::int8_t>, int);
template bool placed(Pages<std::int16_t>, Places<std::int8_t>, std::int8_t, std::span<std::int8_t>, int);
template bool placed(Pages<std::int32_t>, Places<std::int8_t>, std::int8_t, std::span<std::int8_t>, int);
template bool placed(Pages<std::uint8_t>, Places<std::int8_t>, std::int8_t, std::span<std::int8_t>, int);
template bool placed(Pages<std::uint16_t>, Places<std::int8_t>, std::int8_t, std::span<std::int8_t>, int);
template bool placed(Pages<std::uint32_t>, Places<std::int8_t>, std::int8_t, std::span<std::int8_t>, int);

template Naming find_named(const NamedLines&, std::span<const Texts<std::int32_t>>, std::span<const Texts<std::int32_t>>);
template Naming find_named(const NamedLines&, std::span<const Texts<std::int64_t>>, std::span<const Texts<std::int64_t>>);
template Naming find_named(const NamedLines&, std::span<const Texts<std::int32_t>>, std::span<const Texts<std::int64_t>>);
template Naming find_named(const NamedLines&, std::span<const Texts<std::int64_t>>, std::span<const Texts<std::int32_t>>);

}  // namespace ybcore
