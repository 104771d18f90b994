// What one thread needs behind the C door: facts to combinations, lines to natures, a visit to its result. Private to the kernel.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "draft.hpp"
#include "image.hpp"
#include "line.hpp"
#include "memory.hpp"
#include "one.hpp"
#include "ybcore/in_turn.hpp"
#include "ybcore/ybcore.h"

namespace ybcore {

[[nodiscard]] inline std::string_view view(const yb_text& text) {
  return {text.at == nullptr ? "" : text.at, text.at == nullptr ? 0 : text.size};
}
[[nodiscard]] inline yb_text told(std::string_view text) { return {text.data(), text.size()}; }

class Desk : private DraftFacts {
 public:
  explicit Desk(const Image& image);

  std::string why;
  yb_code combination(const yb_visit& visit, std::int32_t& out);
  // Settles over `memory`, which is the opening state or a copy of it.
  yb_code settle(Memory& memory, const yb_visit& visit, const yb_line* lines, std::size_t count, yb_result& result, yb_line_result* told);
  // What can be refused before any state is touched.
  yb_code check(const Memory& memory, const yb_visit& visit, const yb_line* lines, std::size_t count);
  Memory scratch;

 private:
  // What facts come to, and on which sides of edges the day, the age and the length of the stay were when they did.
  struct Setup {
    std::int32_t instance = -1, level = -1, treatment = -1, insured = -1;  // beyond the image's own instances: one that the desk made
    bool med_type = true;
    std::array<std::uint64_t, 3> sides{};
    friend bool operator==(const Setup&, const Setup&) = default;
  };
  struct Days {
    std::int32_t begin, end, setl, stay, order, policy;
  };
  // A visit, or one part of a split stay: its lines are of days before `before`.
  struct Part {
    Setup setup;
    Days days;
    std::int32_t before = INT32_MAX, period = 0;
  };

  const Image& image_;
  One one_;
  OneAnswer answer_{};
  bool looks_at_facts_ = false;  // also where the combination is known
  std::vector<Setup> setups_;
  // Plans that the image does not have, by the hash of what facts come to; beyond so many they are made again each time.
  static constexpr std::size_t kMostMade = 4096;
  std::vector<std::unique_ptr<Made>> made_;
  std::vector<std::vector<std::uint64_t>> made_digits_;
  std::unordered_multimap<std::uint64_t, std::int32_t> made_places_;

  // The names of each plan of the image in the state that it was last met in.
  struct PlanNames {
    std::int32_t policy = -1, plan = -1;
  };
  std::vector<PlanNames> plan_names_;

  // The visit whose facts are asked about.
  const yb_visit* asked_ = nullptr;
  Days asked_days_{};
  std::vector<const yb_fact*> facts_;
  std::vector<std::uint64_t> digits_, words_;
  std::vector<Part> parts_;
  std::vector<std::int32_t> cuts_;
  // Of the lines at hand: what they add up to, and whether all can be read.
  std::int64_t total_ = 0;
  bool readable_ = true;
  // The item and the part of each.
  std::vector<std::int32_t> item_;
  std::vector<std::uint32_t> part_of_;
  std::vector<std::uint8_t> used_;
  // Lines with what they take over of those that they return; empty where none returns one.
  std::vector<yb_line> returned_;
  std::vector<std::int64_t> returns_;
  InTurn turn_;
  std::vector<SplitLine> split_;
  std::vector<std::int64_t> given_way_, undenied_;
  std::vector<Movement> movements_;

  // desk_facts.cpp
  [[nodiscard]] Days days_of(const yb_visit& visit) const;
  void ask(const yb_visit& visit, const Days& days);
  [[nodiscard]] std::int32_t day() const override { return asked_days_.policy; }
  [[nodiscard]] std::string_view text(std::int32_t fact) const override;
  [[nodiscard]] std::int64_t number(std::int32_t fact) const override;
  [[nodiscard]] std::uint64_t digit(std::int32_t fact);
  [[nodiscard]] std::array<std::uint64_t, 3> sides();
  yb_code setup_of(const yb_visit& visit, const Days& days, Setup& out);
  [[nodiscard]] std::int32_t made_for();
  [[nodiscard]] Made* made_of(std::int32_t instance) const {
    const auto own = static_cast<std::int32_t>(image_.instances.size());
    return instance < own ? nullptr : made_[static_cast<std::size_t>(instance - own)].get();
  }
  [[nodiscard]] const InstanceRow& instance_of(const Setup& setup) const {
    const Made* made = made_of(setup.instance);
    return made != nullptr ? made->instance : image_.instances[static_cast<std::size_t>(setup.instance)];
  }
  [[nodiscard]] const PlanRow& plan_of(const Setup& setup) const {
    const Made* made = made_of(setup.instance);
    return (made != nullptr ? made->program : image_.program).plans[static_cast<std::size_t>(instance_of(setup).plan)];
  }
  [[nodiscard]] const DocumentRow* document_of(const Setup& setup) const {
    const std::int32_t document = instance_of(setup).document;
    return document < 0 ? nullptr : &image_.documents[static_cast<std::size_t>(document)];
  }
  // The number of a combination tells whose it is, so that another desk's is seen.
  [[nodiscard]] std::int32_t mark() const { return static_cast<std::int32_t>(reinterpret_cast<std::uintptr_t>(this) >> 6 & 0x7fff); }

  // desk_lines.cpp
  [[nodiscard]] const char* see_lines(const yb_line* lines, std::size_t count);
  [[nodiscard]] bool take_over(const yb_line* lines, std::size_t count);
  void take_lines(const yb_line* lines, std::size_t count);
  yb_code take_parts(const yb_visit& visit, const yb_line* lines, std::size_t count);
  std::uint8_t price(std::size_t part, const yb_line* lines, std::size_t count, yb_line_result* told);
  void tell_line(const Setting& setting, const SplitLine& given, const yb_line& from, std::int64_t part, yb_line_result& told) const;
  void give_way(const Setting& setting, std::size_t part, const yb_line* lines, std::size_t count, std::span<std::int64_t> natures);

  yb_code whole(const yb_visit& visit, Part& part);
  yb_code look_up(const yb_visit& visit, const yb_line* lines, std::size_t count);
  void account(Memory& memory, std::int32_t member, std::int64_t balance, std::int32_t day);
  void take_movements(Memory& memory, const yb_visit& visit, std::int32_t member);
  void fill(Memory& memory, const yb_visit& visit, std::size_t part, std::int32_t setl);
  [[nodiscard]] Reason natures(const Setup& setup, const yb_visit& visit, Reason reason);
  void name_values(Memory& memory, const Setup& setup);
  [[nodiscard]] KeptFacts facts_of(Memory& memory, std::int32_t setl, std::int64_t flags);
  void tell(const Memory& memory, const OneAnswer& answer, std::int64_t flags, std::int64_t total, yb_result& result) const;
  yb_code refuse(const Memory& memory, Reason reason, std::int64_t total, yb_result& result);
};

}  // namespace ybcore
