// Texts become numbers in order of first appearance, whatever the width of the offsets and the number of threads.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "check.hpp"
#include "ybcore/names.hpp"
#include "ybcore/texts.hpp"

using namespace ybcore;

namespace {

template <class Offset>
struct Column {
  std::vector<Offset> offsets{0};
  std::string bytes;
  std::vector<std::uint8_t> valid;
  void add(const std::string& text, bool there = true) {
    bytes += text;
    offsets.push_back(static_cast<Offset>(bytes.size()));
    valid.push_back(there ? 1 : 0);
  }
  [[nodiscard]] Texts<Offset> view() const { return {offsets, bytes.data(), valid}; }
};

template <class Offset>
void numbers_follow_first_appearance() {
  Column<Offset> column;
  for (const char* text : {"b", "a", "b", "", "a", "abcdefgh", "abcdefghi", "\xe5\x8c\xbb\xe4\xbf\x9d"}) column.add(text);
  column.add("b", false);
  TextIndex index;
  std::vector<std::int32_t> numbers(9);
  index.add(column.view(), numbers);
  CHECK(numbers == (std::vector<std::int32_t>{0, 1, 0, -1, 1, 2, 3, 4, -1}));
  CHECK_EQ(index.size(), std::size_t{5});
  Column<Offset> asked;
  for (const char* text : {"a", "a", "z", "", "abcdefghi", "abcdefgh"}) asked.add(text);
  std::vector<std::int32_t> found(6);
  index.find(asked.view(), found, 2);
  CHECK(found == (std::vector<std::int32_t>{1, 1, -1, -1, 3, 2}));
  const std::vector<std::string_view> apart{"a", "a", "z", "", "abcdefghi", "abcdefgh"};
  std::fill(found.begin(), found.end(), 7);
  index.find(apart, found);
  CHECK(found == (std::vector<std::int32_t>{1, 1, -1, -1, 3, 2}));
}

void many_texts_agree_with_a_map() {
  Column<std::int32_t> column;
  std::uint32_t seed = 7;
  for (int i = 0; i < 200000; ++i) {
    seed = seed * 1664525U + 1013904223U;
    const std::uint32_t which = (seed >> 7) % 30000;
    column.add(std::string(which % 37, 'x') + std::to_string(which));
    if (i % 3 == 0) column.add(column.bytes.substr(column.bytes.size() - 1));
  }
  const auto view = column.view();
  std::map<std::string_view, std::int32_t> plain;
  std::vector<std::int32_t> want(view.rows());
  for (std::size_t i = 0; i < view.rows(); ++i) want[i] = plain.try_emplace(view[i], static_cast<std::int32_t>(plain.size())).first->second;
  TextIndex index;
  std::vector<std::int32_t> numbers(view.rows());
  index.add(view, numbers);
  CHECK(numbers == want);
  // In parts, so that an index that knows some texts already learns the others.
  TextIndex parts;
  std::vector<std::int32_t> again(view.rows());
  for (std::size_t from = 0; from < view.rows(); from += 70001) {
    const std::size_t count = std::min<std::size_t>(70001, view.rows() - from);
    const Texts<std::int32_t> part{view.offsets.subspan(from, count + 1), view.bytes, view.valid.subspan(from, count)};
    parts.add(part, std::span(again).subspan(from, count));
  }
  CHECK(again == want);
  // Some rows in an order of their own, into an index that knows a few of them.
  std::vector<std::int32_t> entries;
  for (std::size_t i = 0; i < view.rows(); i += 3) entries.push_back(static_cast<std::int32_t>((i * 7919) % view.rows()));
  TextIndex chosen, row_by_row;
  std::vector<std::int32_t> picked(entries.size()), single(1);
  chosen.add(Texts<std::int32_t>{view.offsets.first(1001), view.bytes, view.valid.first(1000)}, std::span(again).first(1000));
  row_by_row.add(Texts<std::int32_t>{view.offsets.first(1001), view.bytes, view.valid.first(1000)}, std::span(again).first(1000));
  chosen.add(view, entries, picked);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    row_by_row.add(view, std::span(entries).subspan(i, 1), single);
    CHECK_EQ(picked[i], single[0]);
  }
  CHECK(chosen.size() == row_by_row.size());
  for (const int threads : {1, 2, 3}) {
    std::vector<std::int32_t> found(view.rows(), -7);
    index.find(view, found, threads);
    CHECK(found == want);
  }
}

// Sizes around those that a tag can tell apart, texts that differ in one byte anywhere.
void long_texts_differ_anywhere() {
  Column<std::int64_t> column;
  for (const std::size_t size : {1, 3, 4, 7, 8, 9, 16, 23, 254, 255, 256, 300}) {
    const std::string base(size, 'm');
    column.add(base);
    for (const std::size_t at : {std::size_t{0}, size / 2, size - 1}) {
      std::string other = base;
      other[at] = at == size - 1 ? 'z' : at == 0 ? 'a' : 'n';
      column.add(other);
    }
  }
  for (const char* text : {"", "m", "mmm"}) column.add(text);
  const auto view = column.view();
  std::map<std::string_view, std::int32_t> plain;
  std::vector<std::int32_t> want(view.rows(), -1), numbers(view.rows()), found(view.rows());
  for (std::size_t i = 0; i < view.rows(); ++i)
    if (!view[i].empty()) want[i] = plain.try_emplace(view[i], static_cast<std::int32_t>(plain.size())).first->second;
  TextIndex index;
  index.add(view, numbers);
  index.find(view, found, 1);
  CHECK(numbers == want && found == want);
}

void bad_offsets_are_known() {
  const std::vector<std::int32_t> falling{0, 3, 2}, beyond{0, 9}, none, fine{0, 1, 4};
  CHECK(!well_formed<std::int32_t>({falling, "abcd", {}}, 4));
  CHECK(!well_formed<std::int32_t>({beyond, "abcd", {}}, 4));
  CHECK(!well_formed<std::int32_t>({none, "abcd", {}}, 4));
  CHECK(well_formed<std::int32_t>({fine, "abcd", {}}, 4));
}

// A dictionary in the order of the index, but for some texts that it has not, has twice or has elsewhere.
void texts_in_the_order_of_the_index() {
  Column<std::int32_t> column, asked;
  std::vector<std::int32_t> wanted;
  for (int i = 0; i < 5000; ++i) column.add("item" + std::to_string(i));
  TextIndex index;
  std::vector<std::int32_t> numbers(5000);
  index.add(column.view(), numbers);
  const auto ask = [&](int i) {
    asked.add(i < 0 ? "" : "item" + std::to_string(i));
    wanted.push_back(i < 5000 ? i : -1);
  };
  for (int i = 0; i < 5000; ++i) {
    ask(i);
    if (i % 7 == 0) ask(i);
    if (i % 97 == 0) ask(i + 5000);
    if (i % 211 == 0) ask(i * 31 % 5000);
    if (i % 503 == 0) ask(-1);
  }
  std::vector<std::int32_t> found(wanted.size());
  index.find(asked.view(), found, 1);
  CHECK(found == wanted);
}

// Its last bytes as if they were copied into a word, however many there are.
void short_texts_are_words() {
  const std::string bytes = "\x01\xff\x80\x7f\xe5\x8c\xbb";
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), size);
    CHECK_EQ(short_word(bytes.data(), size), word);
  }
}

}  // namespace

int main() {
  short_texts_are_words();
  texts_in_the_order_of_the_index();
  numbers_follow_first_appearance<std::int32_t>();
  numbers_follow_first_appearance<std::int64_t>();
  many_texts_agree_with_a_map();
  long_texts_differ_anywhere();
  bad_offsets_are_known();
  return check::result();
}
