// Dated look-ups: place before everywhere, own key before every key, half-open validity, many rows as few.
#include <climits>
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "ybcore/catalog.hpp"

using namespace ybcore;

namespace {

struct Ratios {
  std::vector<std::int32_t> item, place, key, begin, end, ratio;
  void row(std::int32_t i, std::int32_t p, std::int32_t k, std::int32_t b, std::int32_t e, std::int32_t r) {
    item.push_back(i);
    place.push_back(p);
    key.push_back(k);
    begin.push_back(b);
    end.push_back(e);
    ratio.push_back(r);
  }
  [[nodiscard]] DatedColumns columns() const { return {item, place, key, begin, end}; }
};

Catalog of(const Ratios& ratios, std::size_t items) { return Catalog(items, {}, {}, {}, {}, {}, ratios.columns(), ratios.ratio, {}, {}); }

std::int32_t found(const Catalog& catalog, std::int32_t item, std::int32_t place, std::int32_t key, std::int32_t day) {
  const RatioRow* row = catalog.ratio_row(item, place, key, day);
  return row == nullptr ? -1 : row->ratio;
}

void few_rows() {
  Ratios r;  // sorted by item, place, key, begin
  r.row(0, -1, -1, INT32_MIN, 100, 1);
  r.row(0, -1, -1, 100, INT32_MAX, 2);
  r.row(0, -1, 7, 100, 200, 3);
  r.row(0, 5, -1, 100, 200, 4);
  r.row(2, -1, -1, INT32_MIN, INT32_MAX, 9);
  const Catalog c = of(r, 3);
  CHECK_EQ(found(c, 0, 1, 1, 99), 1);
  CHECK_EQ(found(c, 0, 1, 1, 100), 2);
  CHECK_EQ(found(c, 0, 1, 7, 100), 3);
  CHECK_EQ(found(c, 0, 1, 7, 199), 3);
  CHECK_EQ(found(c, 0, 1, 7, 200), 2);
  CHECK_EQ(found(c, 0, 5, 7, 150), 4);  // the place's row for everybody wins over everywhere's row for the category
  CHECK_EQ(found(c, 0, 5, 7, 200), 2);
  CHECK_EQ(found(c, 0, -1, -1, 150), 2);
  CHECK_EQ(found(c, 1, 5, 7, 150), -1);
  CHECK_EQ(found(c, 2, 5, 7, 150), 9);
}

void many_rows_agree_with_a_plain_search() {
  Ratios r;
  std::uint32_t seed = 12345;
  const auto next = [&](std::uint32_t below) { return (seed = seed * 1664525U + 1013904223U, (seed >> 8) % below); };
  for (std::int32_t item = 0; item < 40; ++item) {
    const std::uint32_t versions = 1 + next(4);
    for (std::int32_t place = -1; place < static_cast<std::int32_t>(next(4)); ++place) {
      for (std::int32_t key = -1; key < 2; ++key) {
        std::int32_t day = 0;
        for (std::uint32_t v = 0; v < versions; ++v) {
          const auto begin = day + static_cast<std::int32_t>(next(5));
          const auto end = begin + 1 + static_cast<std::int32_t>(next(20));
          r.row(item, place, key, begin, end, static_cast<std::int32_t>(next(1000)));
          day = end;
        }
      }
    }
  }
  const Catalog c = of(r, 40);
  for (std::int32_t item = 0; item < 40; ++item) {
    for (std::int32_t place = -1; place < 4; ++place) {
      for (std::int32_t key = -1; key < 3; ++key) {
        for (std::int32_t day = 0; day < 80; day += 3) {
          std::int32_t want = -1;
          int best = -1;
          for (std::size_t i = 0; i < r.item.size(); ++i) {
            const bool holds = r.item[i] == item && r.begin[i] <= day && day < r.end[i] && (r.place[i] == place || r.place[i] == -1) &&
                               (r.key[i] == key || r.key[i] == -1);
            const int rank = (r.place[i] == place ? 2 : 0) + (r.key[i] == key ? 1 : 0);
            if (holds && rank > best) {
              best = rank;
              want = r.ratio[i];
            }
          }
          CHECK_EQ(found(c, item, place, key, day), want);
        }
      }
    }
  }
}

}  // namespace

int main() {
  few_rows();
  many_rows_agree_with_a_plain_search();
  return check::result();
}
