#include "ybcore/checks/found.hpp"

#include <utility>

#include "found_rows.hpp"

namespace ybcore::checks {

namespace {

template <class T>
void append(Grown<T>& to, const Grown<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

void reserve(Found& all, std::size_t findings, std::size_t details) {
  for (auto* column : {&all.measure, &all.limit, &all.begin, &all.end}) column->reserve(findings);
  for (auto* column : {&all.entry, &all.step}) column->reserve(findings);
  all.details.reserve(findings + 1);
  all.event.reserve(details);
  all.part.reserve(details);
  all.excess.reserve(details);
}

}  // namespace

void Found::open_whole(std::span<const std::int32_t> at, std::span<const std::int32_t> table_row) {
  const std::size_t findings = size() + at.size(), rows = event.size() + at.size();
  for (auto* column : {&measure, &limit}) column->resize(findings, 0);
  for (auto* column : {&begin, &end}) column->resize(findings, kUnknown);
  entry.insert(entry.end(), table_row.begin(), table_row.end());
  step.resize(findings, 0);
  for (std::size_t row = event.size() + 1; row <= rows; ++row) details.push_back(static_cast<std::int64_t>(row));
  event.insert(event.end(), at.begin(), at.end());
  part.resize(rows, Part::kOffending);
  excess.resize(rows, kWhole);
}

Found joined(std::vector<Found>&& chunks) {
  if (chunks.size() == 1) return std::move(chunks.front());
  std::size_t findings = 0, details = 0;
  for (const Found& one : chunks) findings += one.size(), details += one.event.size();
  Found all;
  reserve(all, findings, details);
  for (const Found& one : chunks) {
    const auto before = static_cast<std::int64_t>(all.event.size());
    append(all.measure, one.measure);
    append(all.limit, one.limit);
    append(all.begin, one.begin);
    append(all.end, one.end);
    append(all.entry, one.entry);
    append(all.step, one.step);
    append(all.event, one.event);
    append(all.part, one.part);
    append(all.excess, one.excess);
    for (std::size_t i = 1; i < one.details.size(); ++i) all.details.push_back(before + one.details[i]);
    all.unknown += one.unknown;
  }
  return all;
}

Found joined(std::span<const FoundRows> parts) {
  std::size_t findings = 0, details = 0;
  for (const FoundRows& one : parts) findings += one.size(), details += one.details_.size();
  Found all;
  reserve(all, findings, details);
  all.begin.resize(findings, kUnknown);
  all.end.resize(findings, kUnknown);
  all.step.resize(findings, 0);
  for (const FoundRows& one : parts) {
    const auto before = static_cast<std::int64_t>(all.event.size());
    for (const FoundRows::Finding& finding : one.findings_) {
      all.measure.push_back(finding.measure);
      all.limit.push_back(finding.limit);
      all.entry.push_back(finding.entry);
      if (finding.details > 0) all.details.push_back(before + finding.details);
    }
    for (const FoundRows::Detail& detail : one.details_) {
      all.event.push_back(detail.event);
      all.part.push_back(detail.part);
      all.excess.push_back(detail.excess);
    }
    if (one.size() > 0) all.details.push_back(static_cast<std::int64_t>(all.event.size()));
  }
  return all;
}

}  // namespace ybcore::checks
