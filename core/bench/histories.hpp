// Persons with years of visits and lines: what the rule kernels of the benchmark look at.
//
// Meaning   Columns of lines in canonical order (person, time, visit), of visits by person and begin, of diagnoses by visit, and of
//           supplies by person and drug. A tenth of the visits are stays of days; common items are much commoner than rare ones.
// Units     Days and microseconds since 1970-01-01, quantity 1/10000.
// Requires  At least one line is asked for.
// Gives     The same columns for the same number of lines, everywhere.
// Fails     std::bad_alloc.
// Cost      Tenths of a microsecond a line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ybcore::bench {

inline constexpr std::int32_t kItems = 60'000, kDiagnoses = 2'000;
inline constexpr std::int64_t kUnit = 10'000;

struct Histories {
  std::vector<std::int64_t> person_begin{0}, time, quantity;
  std::vector<std::int32_t> day, visit, item, birth;
  std::vector<std::int64_t> visit_begin{0};  // visits of a person
  std::vector<std::int64_t> start, end;      // of visits
  std::vector<std::int32_t> visit_day;
  std::vector<std::int64_t> diagnosis_begin{0};
  std::vector<std::int32_t> diagnosis;
};

struct Supplies {
  std::vector<std::int64_t> begin{0}, quantity, days, dose, times, limit;
  std::vector<std::int32_t> day;
};

[[nodiscard]] Histories histories(std::size_t lines);
[[nodiscard]] Supplies supplies(std::size_t lines);

}  // namespace ybcore::bench
