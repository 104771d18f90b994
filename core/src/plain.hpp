// Plain plans as the kernel reads them: whole fen, share layers of whole buckets with constant figures and one payer, ceilings on what
// the fund pays. Small and close together, so that a policy's plans stay in the nearest cache. Private to the kernel.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "ybcore/layer.hpp"
#include "ybcore/policy.hpp"

namespace ybcore {

struct PreparedLayer;
struct PreparedPlan;

// Quantity as of the layer that feeds.
struct PlainFeed {
  std::uint8_t key, quantity;
  std::int8_t sign;
};

struct PlainEdge {
  std::int64_t to;
  std::uint64_t rate;
};

// A deductible looks at no other visit than a counter tells.
struct PlainLayer {
  std::span<const PlainEdge> edges;
  std::span<const PlainFeed> feeds;
  std::int32_t standard = -1, name = -1;
  std::uint8_t buckets = 0, payer = 0, ceilings = 0;
  std::array<std::uint8_t, kBuckets> bucket{};
  std::int8_t computed = 0, computed_layer = -1;
  std::int8_t repeat = 0;  // of the deductible; see Repeat
  std::int8_t deductible_key = -1, position = -1;
  bool including = false, moves = false;
  bool idles = false;  // does nothing at all where there is nothing to pay
  std::array<std::int8_t, 4> ceiling_key{};
  std::array<std::int64_t, 4> ceiling{};
};

struct PlainPlan {
  std::span<const PlainLayer> layers;
  std::span<const std::uint8_t> account;  // buckets in the order the account pays them
  bool by_account, mutual_aid;            // the account pays last; another's after one's own
  bool sums_bands;                        // widths times rates are added before they are rounded
};

// All plain plans of a program.
class PlainPlans {
 public:
  explicit PlainPlans(const Program& program) : program_(program) {}
  // The plan in this form, if it is a plain one; `constants` by amount, kMissing for one that is not constant.
  [[nodiscard]] const PlainPlan* add(const PreparedPlan& plan, std::span<const std::int64_t> constants);

 private:
  const Program& program_;
  // Deques: what stands in them does not move.
  std::deque<PlainPlan> plans_;
  std::deque<std::vector<PlainLayer>> layers_;
  std::deque<std::vector<PlainEdge>> edges_;
  std::deque<std::vector<PlainFeed>> feeds_;
  std::deque<std::vector<std::uint8_t>> accounts_;
  [[nodiscard]] std::optional<PlainLayer> layer(const PreparedLayer& layer, std::span<const std::int64_t> constants);
};

}  // namespace ybcore
