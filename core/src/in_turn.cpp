#include "ybcore/in_turn.hpp"

namespace ybcore {

void in_turn(std::span<const std::int64_t> on, InTurn& out) {
  enum : std::uint8_t { kNew, kOnPath, kEnds, kCircles };
  out.order.clear();
  out.circle.clear();
  out.state.assign(on.size(), kNew);
  for (std::size_t i = 0; i < on.size(); ++i) {
    out.path.clear();
    auto at = static_cast<std::int64_t>(i);
    while (at >= 0 && out.state[static_cast<std::size_t>(at)] == kNew) {
      out.state[static_cast<std::size_t>(at)] = kOnPath;
      out.path.push_back(at);
      at = on[static_cast<std::size_t>(at)];
    }
    // What was met on an earlier path has its answer: only this path's own entries wait for theirs.
    const bool circles = at >= 0 && out.state[static_cast<std::size_t>(at)] != kEnds;
    for (; !out.path.empty(); out.path.pop_back()) {
      out.state[static_cast<std::size_t>(out.path.back())] = circles ? kCircles : kEnds;
      (circles ? out.circle : out.order).push_back(out.path.back());
    }
  }
}

}  // namespace ybcore
