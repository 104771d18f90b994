// Every kernel over one small batch (spot.hpp): exactly where it can be, else by a bound.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "spot_batch.hpp"
#include "ybcore/checks/group.hpp"

namespace ybcore::checks::spot {

// What a kernel gave for a rule, over input rows.
struct Raw {
  Found found;
  Rows rows;
  bool on_lines = true;
  bool money = false;             // excess counts fen
  std::vector<std::string> what;  // what else tells findings apart, one each
  std::vector<std::int64_t> expected, severity;
  std::vector<std::uint8_t> suspect;
  std::vector<std::int32_t> counting;  // place among the rule's, one a finding; empty: the first
};

enum class Answer : std::uint8_t { kNothing, kFound, kMay };

class Rules {
 public:
  explicit Rules(Batch& batch) : b_(batch), denied(batch.lines, 0) {}

  [[nodiscard]] Answer ask(const SpotRule& rule, Raw& raw);

 private:
  Batch& b_;
  std::map<std::pair<SpotMeasure, SpotSubject>, std::int64_t> most_;  // of a unit, of ratios

 public:
  std::vector<std::uint8_t> denied;  // lines that earlier rules deny as a whole

 private:
  void attribute(const SpotRule& rule, Raw& raw);
  void age(const SpotRule& rule, Raw& raw);
  void listed(const SpotRule& rule, Raw& raw);
  struct Values {
    std::vector<std::int64_t> begin, time, value;
  };
  [[nodiscard]] Values values_of(const SpotRule& rule) const;
  void diagnoses(const SpotRule& rule, Raw& raw);
  void price(const SpotRule& rule, Raw& raw);
  void pairs(const SpotRule& rule, Raw& raw);
  void cap(const SpotRule& rule, Raw& raw);
  void window(const SpotRule& rule, Raw& raw);
  void supply(const SpotRule& rule, Raw& raw);
  void compose(const SpotRule& rule, Raw& raw);
  void tier(const SpotRule& rule, Raw& raw);
  void valid(const SpotRule& rule, Raw& raw);
  void sums(const SpotRule& rule, Raw& raw);
  void required(const SpotRule& rule, Raw& raw);
  void in_stay(const SpotRule& rule, Raw& raw);
  void around(const SpotRule& rule, Raw& raw);
  void idle(const SpotRule& rule, Raw& raw);
  void overlap(const SpotRule& rule, Raw& raw);
  void unsettled(const SpotRule& rule, Raw& raw);

  // Bounds: whether a finding is not ruled out.
  [[nodiscard]] bool lines_there(const SpotRule& rule);
  [[nodiscard]] bool coded_there(const SpotRule& rule);
  [[nodiscard]] bool keys_there(const SpotRule& rule);
  [[nodiscard]] bool stays_near(const SpotRule& rule);
  [[nodiscard]] bool death(const SpotRule& rule);
  [[nodiscard]] bool ratio(const SpotRule& rule);
  [[nodiscard]] bool repeated(const SpotRule& rule);
  [[nodiscard]] bool urgent(const SpotRule& rule);
  [[nodiscard]] bool stock(const SpotRule& rule);
  [[nodiscard]] bool code_out(const SpotRule& rule);
  [[nodiscard]] bool bundled(const SpotRule& rule);

  // How lines are cut into groups; the columns stand as long as this.
  struct Cut {
    Grouping grouping;
    std::vector<std::int32_t> subject, cut;
  };
  [[nodiscard]] Cut cut_of(const SpotGrouping& group, SpotSubject subject, const Rows& rows) const;
  [[nodiscard]] std::vector<std::int32_t> prescriptions(const Rows& rows) const;
  [[nodiscard]] std::vector<std::int32_t> visit_of(const Rows& rows) const { return at(b_.line_visit, rows); }
  [[nodiscard]] std::vector<std::int64_t> column_of(std::string_view name, const Rows& rows) const;
  [[nodiscard]] std::int32_t birth_of(const SpotRule& rule, std::size_t visit);
  [[nodiscard]] std::int64_t time_of(const SpotRule& rule, std::size_t which, std::size_t row) const;
  // Lines put together by keys inside each person; the rows and entries follow.
  std::vector<std::int64_t> regrouped(Chosen& chosen, const std::vector<std::vector<std::int32_t>>& keys) const;
};

// Entries of a rule without a table: none.
inline void without_entries(Found& found, const Chosen& chosen) {
  if (!chosen.entries) found.entry.assign(found.size(), -1);
}
inline void unbounded(Found& found) {
  found.begin.assign(found.size(), kUnknown);
  found.end.assign(found.size(), kUnknown);
}
inline void name(Found& found, std::size_t event, std::int32_t entry, std::int64_t measure = 0, std::int64_t limit = 0) {
  found.open({measure, limit, kUnknown, kUnknown, entry, 0});
  found.detail(static_cast<std::int32_t>(event), Part::kOffending);
}

}  // namespace ybcore::checks::spot
