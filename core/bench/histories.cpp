#include "histories.hpp"

#include <algorithm>
#include <tuple>

#include "random.hpp"

namespace ybcore::bench {
namespace {

constexpr std::int64_t kDay = 86'400'000'000, kMinute = 60'000'000;

struct Line {
  std::int64_t time;
  std::int32_t visit, item;
  std::int64_t quantity;

  auto operator<=>(const Line&) const = default;
};

std::int32_t any_item(Random& random) {
  const auto a = random.between(0, kItems - 1);
  const auto b = random.between(0, kItems - 1);
  return static_cast<std::int32_t>(a * b / kItems);
}

// A visit's lines, and its row.
void visit(Random& random, Histories& out, std::int32_t first_day, std::vector<Line>& lines) {
  const auto id = static_cast<std::int32_t>(out.start.size());
  const bool stay = random.in_thousand(100);
  const std::int64_t days = stay ? random.between(2, 14) : 1;
  const std::int64_t many = stay ? random.between(2, 6) * days : random.between(1, 10);
  for (std::int64_t l = 0; l < many; ++l) {
    const std::int64_t day = first_day + random.between(0, days - 1);
    const std::int64_t minute = random.between(480, 1080);
    const std::int32_t item = any_item(random);
    const bool several = random.in_thousand(8);
    const std::int64_t units = several ? random.between(2, 4) : 1;
    lines.push_back({day * kDay + minute * kMinute, id, item, units * kUnit});
  }
  out.start.push_back(first_day * kDay);
  out.end.push_back((first_day + days) * kDay - 1);
  out.visit_day.push_back(first_day);
  const std::int64_t diagnoses = random.between(1, 4);
  for (std::int64_t d = 0; d < diagnoses; ++d) out.diagnosis.push_back(random.between<std::int32_t>(0, kDiagnoses - 1));
  out.diagnosis_begin.push_back(static_cast<std::int64_t>(out.diagnosis.size()));
}

}  // namespace

Histories histories(std::size_t lines) {
  Random random(11);
  Histories out;
  std::vector<Line> own;
  while (out.time.size() < lines) {
    own.clear();
    const auto birth = random.between<std::int32_t>(-14'000, 19'000);
    const std::int64_t visits = random.between(1, 14);
    auto day = random.between<std::int32_t>(19'358, 19'500);
    for (std::int64_t v = 0; v < visits; ++v) {
      day += random.between<std::int32_t>(0, 45);
      visit(random, out, day, own);
    }
    std::sort(own.begin(), own.end());
    for (const Line& line : own) {
      out.time.push_back(line.time);
      out.day.push_back(static_cast<std::int32_t>(line.time / kDay));
      out.visit.push_back(line.visit);
      out.item.push_back(line.item);
      out.quantity.push_back(line.quantity);
      out.birth.push_back(birth);
    }
    out.person_begin.push_back(static_cast<std::int64_t>(out.time.size()));
    out.visit_begin.push_back(static_cast<std::int64_t>(out.start.size()));
  }
  return out;
}

Supplies supplies(std::size_t lines) {
  Random random(12);
  Supplies out;
  while (out.day.size() < lines) {
    const std::int64_t many = random.between(1, 10);
    const bool told = random.in_thousand(500);  // a hospital tells days, or does not
    auto day = random.between<std::int32_t>(19'358, 19'500);
    for (std::int64_t l = 0; l < many; ++l) {
      const bool early = random.in_thousand(20);
      day += early ? random.between<std::int32_t>(0, 5) : random.between<std::int32_t>(12, 40);
      const bool long_one = random.in_thousand(5);
      out.day.push_back(day);
      out.quantity.push_back(random.between(1, 3) * 10 * kUnit);
      out.days.push_back(told ? (long_one ? 40 : 12) : INT64_MIN);
      const bool strong = random.in_thousand(5);
      out.dose.push_back(strong ? 4 * kUnit : random.between(1, 2) * kUnit);
      out.times.push_back(random.between(2, 3) * kUnit);
      out.limit.push_back(30);
    }
    out.begin.push_back(static_cast<std::int64_t>(out.day.size()));
  }
  return out;
}

}  // namespace ybcore::bench
