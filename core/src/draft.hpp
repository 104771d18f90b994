// Plans made from drafts where the image has none for the facts at hand: python/ybcore/policy/compile/draft.py writes drafts. Private to
// the kernel.
//
// Meaning   A draft is a plan with its conditions unanswered. `Drafting` answers them and makes the rows that the compiler of documents
// makes
//           for the same facts, as a program of one plan.
// Requires  Nothing: what comes out is checked as every program is, and a draft that makes no sense makes none.
// Gives     A plan of its own memory that stays where it is.
// Fails     `made` gives null where drafts are unsound or go beyond what the kernel has room for.
// Cost      Microseconds, once for each combination of facts that a desk meets.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "image.hpp"
#include "ybcore/settle.hpp"

namespace ybcore {

// What is asked of a visit.
class DraftFacts {
 public:
  virtual ~DraftFacts() = default;
  [[nodiscard]] virtual std::int32_t day() const = 0;
  [[nodiscard]] virtual std::string_view text(std::int32_t fact) const = 0;
  [[nodiscard]] virtual std::int64_t number(std::int32_t fact) const = 0;  // kMissing: none
};

// Rows of a program while they are made; the tables in the order of python/ybcore/policy/compile/tables.py.
inline constexpr std::size_t kDraftTables = 11;

struct Made {
  InstanceRow instance{-1, static_cast<std::int32_t>(Reason::kNoPolicy), -1, 0, 0, -1};
  std::array<std::vector<std::int64_t>, kDraftTables> rows;
  std::vector<std::int64_t> loose;
  Program program{};
  std::optional<Prepared> prepared;
  std::vector<PricingProgram> programs;
  std::vector<FirstPayStep> steps;
  PricingTables pricing{};
  std::string_view policy, plan;
  // Values of attributes that keys are kept by: which key, and the value as states name it. Each state has its own number for it.
  std::vector<std::pair<std::size_t, std::string>> values;
};

class Drafting {
 public:
  Drafting(const Image& image, const DraftFacts& facts) : image_(image), facts_(facts), nodes_(image.drafts) {}
  [[nodiscard]] std::unique_ptr<Made> made();

 private:
  enum class Stand : std::uint8_t { kFine, kNoFigure, kUnsound };
  struct Key {
    std::int64_t counter, period, scope;
    std::string value;
  };

  const Image& image_;
  const DraftFacts& facts_;
  std::span<const std::int64_t> nodes_;
  Stand stand_ = Stand::kFine;
  bool assumed_ = false;
  std::int64_t fields_ = 0;
  std::size_t work_ = 0, depth_ = 0;
  std::vector<std::int64_t> place_;  // of each layer that the plan lists, among those that run
  std::vector<Key> keys_;
  // What nodes came to that make rows.
  std::unordered_map<std::int64_t, std::pair<std::int64_t, std::int64_t>> done_;
  Made* out_ = nullptr;

  [[nodiscard]] std::int64_t at(std::int64_t place);
  [[nodiscard]] std::int64_t count(std::int64_t place);
  [[nodiscard]] std::int64_t none(Stand why) {
    if (stand_ == Stand::kFine) stand_ = why;
    return 0;
  }
  [[nodiscard]] bool holds(std::int64_t condition);
  [[nodiscard]] bool test(std::int64_t which);
  [[nodiscard]] std::int64_t value(std::int64_t node);
  [[nodiscard]] std::int64_t first(std::int64_t node);
  [[nodiscard]] std::int64_t age(std::int64_t node);
  [[nodiscard]] std::int64_t rate(std::int64_t node);
  [[nodiscard]] std::int64_t key(std::int64_t node);
  // Begin and end of the rows or loose values that a node makes.
  std::pair<std::int64_t, std::int64_t> run(std::int64_t node);
  void row(std::int64_t table, std::int64_t fields, std::vector<std::int64_t>& to);
  std::pair<std::int64_t, std::int64_t> append(std::int64_t table, const std::vector<std::int64_t>& rows);
  void price(std::int64_t node);
  void plan(std::int64_t node);
  void again();
};

}  // namespace ybcore
