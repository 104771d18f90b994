#include "ybcore/checks/found.hpp"

#include <utility>

namespace ybcore::checks {

namespace {

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

Found joined(std::vector<Found>&& chunks) {
  if (chunks.size() == 1) return std::move(chunks.front());
  Found all;
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

}  // namespace ybcore::checks
