// Findings as text, so that a test can compare and show them.
#pragma once

#include <string>

#include "ybcore/checks/found.hpp"

namespace found_text {

inline std::string figure(std::int64_t value) { return value == ybcore::checks::kUnknown ? "?" : std::to_string(value); }

// "measure/limit [begin,end] #step !offending(excess) ?involved; ..." and the number unknown.
inline std::string text(const ybcore::checks::Found& found) {
  std::string out;
  for (std::size_t f = 0; f < found.size(); ++f) {
    out += figure(found.measure[f]) + "/" + figure(found.limit[f]) + " [" + figure(found.begin[f]) + "," + figure(found.end[f]) + "] #" +
           std::to_string(found.step[f]);
    if (found.entry[f] >= 0) out.append(" @").append(std::to_string(found.entry[f]));
    for (auto d = static_cast<std::size_t>(found.details[f]); d < static_cast<std::size_t>(found.details[f + 1]); ++d) {
      out += found.part[d] == ybcore::checks::Part::kOffending ? " !" : " ?";
      out += std::to_string(found.event[d]);
      if (found.excess[d] != ybcore::checks::kWhole) out.append("(").append(std::to_string(found.excess[d])).append(")");
    }
    out += "; ";
  }
  return out + std::to_string(found.unknown);
}

}  // namespace found_text
