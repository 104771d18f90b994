// The rule kernels, each by itself, over one set of histories.
#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

#include "digest.hpp"
#include "histories.hpp"
#include "random.hpp"
#include "stages.hpp"
#include "ybcore/checks/attribute.hpp"
#include "ybcore/checks/cap.hpp"
#include "ybcore/checks/diagnoses.hpp"
#include "ybcore/checks/pairs.hpp"
#include "ybcore/checks/span.hpp"
#include "ybcore/checks/supply.hpp"
#include "ybcore/checks/window.hpp"

namespace ybcore::bench {
namespace {

using namespace checks;

// Runs kernels one after another, and keeps what they found and took.
class Runs {
 public:
  Runs(const Settings& settings, Done& done) : settings_(settings), done_(done) {}

  template <class Kernel>
  void run(const char* name, std::size_t rows, Kernel kernel) {
    Found found;
    Done own;
    repeat(settings_, own, [&] { found = Found(); }, [&] { found = kernel(settings_.threads); });
    for (const auto* column : {&found.measure, &found.limit, &found.begin, &found.end, &found.details, &found.excess})
      digest_.column(*column);
    for (const auto* column : {&found.entry, &found.step, &found.event}) digest_.column(*column);
    digest_.column(found.part);
    digest_.word(static_cast<std::uint64_t>(found.unknown));
    if (settings_.rounds > 0) nanoseconds_ += own.nanoseconds;
    done_.parts.push_back({name, rows, own.nanoseconds});
    done_.told += (done_.told.empty() ? "" : " ") + std::string(name) + "=" + std::to_string(found.size());
  }

  void close() {
    done_.digest = digest_.value();
    if (settings_.rounds > 0) done_.nanoseconds = nanoseconds_;
  }

 private:
  const Settings& settings_;
  Done& done_;
  Digest digest_;
  std::int64_t nanoseconds_ = 0;
};

// Places in a table of `rows` rows by item: every `every`th item has one.
std::vector<std::int32_t> entries_of(const Histories& h, std::int32_t rows, std::int32_t every) {
  std::vector<std::int32_t> out(h.item.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = h.item[i] % every == 0 ? h.item[i] / every % rows : kNoEntry;
  return out;
}

void attributes(Runs& runs, const Histories& h) {
  constexpr std::int32_t kRows = 64;
  const std::size_t n = h.item.size();
  std::vector<AgeUnit> unit;
  std::vector<Comparator> comparator;
  std::vector<std::int64_t> value;
  for (std::int32_t r = 0; r < kRows; ++r) {
    const bool years = r % 4 != 0;
    unit.push_back(years ? AgeUnit::kYear : r % 8 == 0 ? AgeUnit::kDay : AgeUnit::kMonth);
    comparator.push_back(r % 2 == 0 ? Comparator::kLessThan : Comparator::kMoreThan);
    value.push_back(r % 2 != 0 ? 89 : years ? 1 : 6);
  }
  const AgeRule ages{unit, comparator, value};
  const auto all = entries_of(h, kRows, 1), some = entries_of(h, kRows, 50);
  runs.run("age", n, [&](int threads) { return age(all, h.birth, h.day, ages, threads); });
  runs.run("age_listed_items", n, [&](int threads) { return age(some, h.birth, h.day, ages, threads); });

  Random random(13);
  std::vector<std::uint64_t> words(std::size_t{kRows} * 2);
  for (std::uint64_t& word : words) {
    word = ~std::uint64_t{0};
    for (int k = 0; k < 1; ++k) word &= ~(std::uint64_t{1} << random.between(0, 63));
  }
  std::vector<std::int32_t> code(n), set(kRows);
  for (std::size_t i = 0; i < n; ++i) code[i] = i > 0 && h.visit[i] == h.visit[i - 1] ? code[i - 1] : random.between<std::int32_t>(0, 127);
  for (std::int32_t r = 0; r < kRows; ++r) set[static_cast<std::size_t>(r)] = r % 8 == 7 ? -1 : r;
  const CodeRule codes{{words, 2}, set, false};
  runs.run("codes", n, [&](int threads) { return attribute(all, code, codes, threads); });
  runs.run("codes_listed_items", n, [&](int threads) { return attribute(some, code, codes, threads); });
}

void indications(Runs& runs, const Histories& h) {
  constexpr std::size_t kSets = 200, kStride = (kDiagnoses + 63) / 64;
  Random random(14);
  std::vector<std::uint64_t> words(kSets * kStride);
  std::vector<std::int32_t> set(kSets);
  for (std::size_t s = 0; s < kSets; ++s) {
    set[s] = static_cast<std::int32_t>(s);
    for (int k = 0; k < 6; ++k) {
      const auto code = random.between<std::size_t>(0, kDiagnoses - 1);
      words[s * kStride + code / 64] |= std::uint64_t{1} << (code % 64);
    }
  }
  std::vector<std::int32_t> person(h.start.size());
  for (std::size_t p = 0; p + 1 < h.visit_begin.size(); ++p)
    for (auto v = static_cast<std::size_t>(h.visit_begin[p]); v < static_cast<std::size_t>(h.visit_begin[p + 1]); ++v)
      person[v] = static_cast<std::int32_t>(p);
  const auto entry = entries_of(h, kSets, 1);
  const DiagnosisEvents events{entry, h.visit, h.day, h.time};
  const VisitDiagnoses visits{h.diagnosis_begin, h.diagnosis, {}, person, h.visit_day};
  DiagnosisRule rule{{words, kStride}, set};
  rule.negate = true;
  runs.run("diagnoses", h.item.size(), [&](int threads) { return diagnoses(events, visits, {}, rule, threads); });
  rule.look_back_days = 30;
  runs.run("diagnoses_look_back", h.item.size(), [&](int threads) { return diagnoses(events, visits, {}, rule, threads); });
}

void caps(Runs& runs, const Histories& h) {
  constexpr std::int32_t kRows = 16;
  const auto entry = entries_of(h, kRows, 1);
  std::vector<std::int64_t> limit;
  for (std::int32_t r = 0; r < kRows; ++r) limit.push_back((1 + r % 3) * kUnit);
  const CapEvents events{h.person_begin, h.time, h.item, h.quantity, entry, {}};
  CapRule rule{{Cell::kDay, h.visit, {}, 0}, limit, 0, 0, Comparator::kMoreThan, false};
  runs.run("caps_day", h.item.size(), [&](int threads) { return cap(events, rule, threads); });
  rule.group.cell = Cell::kSubject;
  runs.run("caps_visit", h.item.size(), [&](int threads) { return cap(events, rule, threads); });
  rule.group.subject = {};
  rule.last_paid = true;
  for (std::int64_t& one : limit) one = 3 * kUnit;
  runs.run("caps_person", h.item.size(), [&](int threads) { return cap(events, rule, threads); });
}

// `many` pairs: of listed items for few, else of all.
void one_table(Runs& runs, const Histories& h, std::size_t many, const char* visit_name, const char* day_name) {
  Random random(15);
  std::vector<std::int32_t> main, included;
  for (std::size_t p = 0; p < many; ++p) {
    const bool few = many < 1'000;
    const auto a = random.between<std::int32_t>(0, few ? 156 : kItems - 1);
    const auto b = random.between<std::int32_t>(0, few ? 384 : kItems - 1);
    if (a == b) continue;
    main.push_back(few ? a * 101 + 4'000 : a);
    included.push_back(few ? b * 41 + 4'001 : b);
  }
  const PairScopes scopes({main, included, {}, {}, false}, 1, kItems);
  const PairEvents events{h.person_begin, h.time, h.item, h.quantity, {}};
  const std::array by_visit{Grouping{Cell::kSubject, h.visit, {}, 0}}, by_day{Grouping{Cell::kDay, h.visit, {}, 0}};
  runs.run(visit_name, h.item.size(), [&](int threads) { return pairs(events, scopes, by_visit, {}, {}, threads).value(); });
  runs.run(day_name, h.item.size(), [&](int threads) { return pairs(events, scopes, by_day, {}, {}, threads).value(); });
}

void windows(Runs& runs, const Histories& h) {
  const std::array spans{Window{Span::kRolling, 7, false, false}, Window{Span::kRolling, 30, false, false}, Window{Span::kMonth, 1},
                         Window{Span::kYear, 1}};
  const std::array<std::int64_t, 5> begin{0, 1, 2, 3, 4};
  WindowRule rule;
  rule.scopes = 1;
  const auto some = [&](const char* name, const WindowEvents& events, std::size_t first, std::size_t count,
                        const std::array<std::int64_t, 4>& limit) {
    rule.windows = std::span(spans).subspan(first, count);
    rule.threshold_begin = std::span(begin).first(count + 1);
    rule.threshold = std::span(limit).subspan(first, count);
    runs.run(name, events.day.size(), [&](int threads) { return window(events, rule, threads); });
  };
  const WindowEvents lines{h.person_begin, h.day, h.quantity, h.item, {}}, visits{h.visit_begin, h.visit_day, {}, {}, {}};
  rule.measured = Measured::kSum;
  const std::array<std::int64_t, 4> quantities{65 * kUnit, 100 * kUnit, 100 * kUnit, 250 * kUnit};
  some("quantity_30_days", lines, 1, 1, quantities);
  some("quantity_month", lines, 2, 1, quantities);
  some("quantity_4_windows", lines, 0, 4, quantities);
  rule.measured = Measured::kCount;
  const std::array<std::int64_t, 4> often{3, 5, 5, 13};
  some("visits_30_days", visits, 1, 1, often);
  some("visits_4_windows", visits, 0, 4, often);
  rule.measured = Measured::kDays;
  some("days_30_days", lines, 1, 1, {5, 18, 15, 90});
  rule.measured = Measured::kKeys;
  rule.keys = kItems;
  some("items_30_days", lines, 1, 1, {65, 95, 95, 250});
}

void supply(Runs& runs, std::size_t rows) {
  const Supplies s = supplies(rows);
  const Supply lines{s.begin, s.day, s.quantity, s.days, s.dose, s.times, s.limit, {}};
  const std::size_t n = s.day.size();
  std::vector<std::int64_t> together(n, 125), most(n, 100);
  Supply summed = lines, used = lines;
  summed.limit = together, used.limit = most;
  runs.run("prescription_days", n, [&](int threads) { return prescription_days(summed, {}, threads); });
  runs.run("course", n, [&](int threads) { return course(used, {Comparator::kMoreThan, false, false, 30}, threads); });
  runs.run("supply_overlap", n, [&](int threads) { return supply_overlap(lines, {}, threads); });
  const std::vector<std::int64_t> dose(n, 6 * kUnit);
  runs.run("daily_dose", n, [&](int threads) { return daily_dose(s.dose, s.times, dose, {}, Comparator::kMoreThan, threads); });
}

void spans(Runs& runs, const Histories& h) {
  const std::size_t n = h.item.size(), visits = h.start.size();
  // One line in two hundred is of another day than its visit.
  Random random(16);
  std::vector<std::int64_t> moved = h.time;
  for (std::int64_t& time : moved)
    if (random.in_thousand(5)) time += 86'400'000'000 * 20;
  const LinesInStays lines{moved, h.visit, h.start, h.end};
  runs.run("line_in_stay", n, [&](int threads) { return line_in_stay(lines, 0, 1, threads); });
  const std::vector<std::int32_t> kind(visits, 0);
  std::vector<std::int32_t> stay(visits);
  for (std::size_t v = 0; v < visits; ++v) stay[v] = static_cast<std::int32_t>(v);
  const std::vector<std::uint8_t> looked_at{1};
  const Meeting stays{h.visit_begin, h.start, h.end, stay, kind, looked_at, 1};
  runs.run("overlap", visits, [&](int threads) { return overlap(stays, 5, threads); });
  // As many operations as diagnoses, near the begin.
  std::vector<std::int64_t> operation;
  for (std::size_t v = 0; v < visits; ++v)
    for (auto d = h.diagnosis_begin[v]; d < h.diagnosis_begin[v + 1]; ++d)
      operation.push_back(h.start[v] + random.between(0, 47) * 3'600'000'000);
  const AroundOperations around{moved, h.visit, h.diagnosis_begin, operation};
  runs.run("around_operation", n, [&](int threads) { return around_operation(around, 24 * 14, 24 * 14, threads); });
}

}  // namespace

Done checks(const Settings& settings) {
  const std::size_t lines = settings.of(200'000);
  const Histories h = histories(lines);
  Done done;
  Runs runs(settings, done);
  attributes(runs, h);
  indications(runs, h);
  caps(runs, h);
  one_table(runs, h, 900, "pairs_900_visit", "pairs_900_day");
  one_table(runs, h, std::min<std::size_t>(settings.of(72'000), 1'800'000), "pairs_wide_visit", "pairs_wide_day");
  windows(runs, h);
  supply(runs, lines);
  spans(runs, h);
  runs.close();
  return done;
}

}  // namespace ybcore::bench
