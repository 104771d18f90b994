// One small batch, made ready for rules (spot.hpp): order, what stands, attributes, truth of scopes, rows of tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ybcore/checks/spot.hpp"

namespace ybcore::checks::spot {

enum Truth : std::uint8_t { kNo, kYes, kDoubt };
// A No decides, then a doubt.
[[nodiscard]] inline Truth both(Truth a, Truth b) noexcept {
  const int product = a * b;
  return static_cast<Truth>(product > kDoubt ? kDoubt : product);
}

inline constexpr std::int64_t kDayMicros = 86'400'000'000, kUnit = 10'000;

using Rows = std::vector<std::int32_t>;

// Texts of an attribute by row of visits, or of lines; an empty one is missing.
struct Texts {
  std::vector<std::int32_t> code;
  std::vector<std::string_view> text;
};

// What a rule looks at: rows in order, and the row of its table of each where one decides.
struct Chosen {
  Rows rows, entry;
  bool entries = false;

  void only(const std::vector<std::uint8_t>& keep);
};

[[nodiscard]] bool begins(std::string_view text, std::span<const std::string> prefixes) noexcept;
// A cell as text; empty where there is none.
[[nodiscard]] std::string_view cell_text(const SpotColumn& column, std::size_t row) noexcept;
// Whether a text is in a list.
[[nodiscard]] bool in_list(const SpotList& list, std::string_view text) noexcept;
// Some values, by row.
template <class Values>
[[nodiscard]] auto at(const Values& values, const Rows& rows) {
  std::vector<typename Values::value_type> out;
  out.reserve(rows.size());
  for (const std::int32_t row : rows) out.push_back(values[static_cast<std::size_t>(row)]);
  return out;
}

class Batch {
 public:
  Batch(const SpotBook& book, const SpotInput& input);

  // Nothing speaks against looking at the batch in this way.
  bool usable = true;
  std::int64_t lost = 0;

  const SpotBook& book;
  const SpotInput& input;
  std::size_t visits = 0, lines = 0, persons = 0;
  bool time_of_day = false;

  // By visit.
  std::vector<std::int32_t> psn, stay, hospital, attending, linked;
  std::vector<std::int64_t> begin, end, settled;
  std::vector<std::int32_t> begin_day, end_day;
  std::vector<std::uint8_t> stands, history;
  std::vector<std::int64_t> place_of_visit;
  Rows visit_order;
  // By line.
  std::vector<std::int32_t> line_visit, item, doctor, line_day;
  std::vector<std::int64_t> line_time, given_quantity, given_amount, quantity, amount;
  Rows order, rows, now;                // of standing visits in order; those that stand after netting; those that may be reported
  Rows given_now;                       // in order, of visits that may be reported, as they were given
  std::vector<std::uint8_t> item_now;   // by item: a line of it may be reported
  std::vector<std::int64_t> place_of;   // in `order`
  std::vector<std::int32_t> kept;       // number of each item among the book's; -1 for another
  std::vector<std::uint8_t> current;    // by visit: what may be reported
  std::vector<std::uint64_t> sets;      // of each item (SpotBook::sets), none of one that the book has not
  std::vector<std::uint64_t> now_sets;  // of all items of lines that may be reported
  bool other_now = false;               // some of them the book has not

  [[nodiscard]] const SpotColumn* column(SpotTable table, std::string_view name) const;
  [[nodiscard]] const SpotColumn& number(std::int32_t column) const { return input.columns[static_cast<std::size_t>(column)]; }
  [[nodiscard]] std::string_view item_text(std::int32_t code) const { return item_->text[static_cast<std::size_t>(code)]; }
  [[nodiscard]] std::size_t items() const { return item_ == nullptr ? 0 : item_->text.size(); }
  // Visit of a number of setl_id.
  [[nodiscard]] std::int32_t visit_named(std::int32_t setl) const { return first_of_setl_[static_cast<std::size_t>(setl)]; }
  [[nodiscard]] std::int64_t stay_days(std::size_t visit) const;
  [[nodiscard]] std::size_t hospitals() const {
    const SpotColumn* found = column(SpotTable::kVisits, "fixmedins_code");
    return found == nullptr ? 0 : found->text.size();
  }
  [[nodiscard]] std::span<const std::string_view> doctors() const { return doctors_; }

  // Truth.
  [[nodiscard]] const Texts& texts(std::int32_t attribute);
  [[nodiscard]] Truth test(const SpotTest& test, std::string_view text) const;
  // Of each visit: what a scope asks of lines is left out.
  [[nodiscard]] const std::vector<std::uint8_t>& truth(std::int32_t scope);
  [[nodiscard]] Truth when(const SpotRule& rule, std::int32_t day) const noexcept;
  [[nodiscard]] Truth of_visit(const SpotRule& rule, std::size_t visit, std::int32_t day);
  [[nodiscard]] Truth of_line(const SpotRule& rule, std::size_t line);
  [[nodiscard]] bool of_kind(const SpotRule& rule, std::string_view med_type, std::string_view kind) const;

  // Items.
  [[nodiscard]] bool may_be_among(const SpotItems& items, std::int32_t item) const;
  // Whether a mask, or after all masks a table, names an item of the batch.
  [[nodiscard]] bool named(std::size_t code, std::size_t set) const {
    return (sets[code * book.set_words + set / 64] >> (set % 64) & 1) != 0;
  }
  // Whether a line that may be reported may be.
  [[nodiscard]] bool may_be_now(const SpotItems& items) const;
  [[nodiscard]] Truth among(const SpotItems& items, std::size_t line, std::int32_t& entry);
  [[nodiscard]] std::int32_t catalogue_row(std::size_t line);
  [[nodiscard]] std::int32_t entry_of(const SpotRows& table, std::int32_t key, std::size_t visit, std::int32_t day);

  // Rows that a rule looks at: none where none of them may be reported. `alone`: of those that may be reported, which is enough where no
  // finding takes rows of two visits.
  [[nodiscard]] Chosen lines_of(const SpotRule& rule, bool alone);
  [[nodiscard]] Rows given_lines_of(const SpotRule& rule);
  [[nodiscard]] Rows visits_of(const SpotRule& rule, bool alone);
  // Where runs of persons begin among rows in order, and the end.
  [[nodiscard]] std::vector<std::int64_t> runs(const Rows& rows, bool of_lines) const;

  // Diagnoses of standing visits, and the main one of each visit (a place of the diagnosis texts, or of those of visits beyond them).
  struct Coded {
    Rows visit, code;
    std::span<const std::string_view> text;
  };
  [[nodiscard]] Coded coded(SpotTable table, std::string_view name) const;
  [[nodiscard]] const std::vector<std::string_view>& main_diagnosis();
  // Row of the persons' table that holds for each visit; -1 none.
  [[nodiscard]] const Rows& person_rows();

 private:
  void ids();
  [[nodiscard]] bool persons_overlap() const;
  void times();
  void standing();
  void put_in_order();
  void put_lines_in_order(const std::vector<std::int32_t>& rank, const SpotColumn* own);
  void net();
  [[nodiscard]] std::vector<std::int32_t> ids_of(SpotTable table, std::string_view name, std::size_t rows) const;
  [[nodiscard]] std::vector<std::int64_t> time_or(std::string_view moment, std::string_view day) const;
  [[nodiscard]] bool names_lines(std::vector<std::int64_t>& named) const;
  [[nodiscard]] Texts read(const SpotAttribute& attribute);
  // What a scope asks of visits.
  void narrow(const SpotScope& scope, std::vector<std::uint8_t>& held);
  [[nodiscard]] Truth scope_at(const SpotScope& scope, std::size_t visit, std::size_t line);
  [[nodiscard]] const std::vector<std::uint8_t>& with_list(std::int32_t list);
  [[nodiscard]] const Rows& place_rows();
  [[nodiscard]] std::int32_t found_in_catalogue(std::size_t line);

  const SpotColumn* item_ = nullptr;
  std::span<const std::string_view> doctors_;
  std::vector<std::int32_t> first_of_setl_;
  std::vector<std::optional<Texts>> texts_;
  std::vector<std::vector<std::uint8_t>> truths_, lists_;
  std::optional<Rows> person_rows_, place_rows_, catalogue_rows_;
  std::optional<std::vector<std::string_view>> main_;
};

}  // namespace ybcore::checks::spot
