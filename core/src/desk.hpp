// What one thread needs behind the C door: facts to combinations, lines to natures, a visit to its result. Private to the kernel.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "image.hpp"
#include "line.hpp"
#include "memory.hpp"
#include "one.hpp"
#include "ybcore/ybcore.h"

namespace ybcore {

[[nodiscard]] inline std::string_view view(const yb_text& text) {
  return {text.at == nullptr ? "" : text.at, text.at == nullptr ? 0 : text.size};
}
[[nodiscard]] inline yb_text told(std::string_view text) { return {text.data(), text.size()}; }

class Desk {
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
    std::int32_t instance = -1, level = -1, treatment = -1, insured = -1;
    bool med_type = true;
    std::array<std::uint64_t, 3> sides{};
    friend bool operator==(const Setup&, const Setup&) = default;
  };
  struct Days {
    std::int32_t begin, end, setl, stay, order, policy;
  };

  const Image& image_;
  One one_;
  OneAnswer answer_{};
  std::vector<Setup> setups_;
  std::vector<const yb_fact*> facts_;
  std::vector<std::uint64_t> digits_, words_;
  // Lines as columns.
  std::vector<std::int32_t> item_, day_;
  std::vector<std::int64_t> quantity_, amount_, price_, named_;
  std::vector<std::int8_t> deny_, approved_;
  std::vector<SplitLine> split_;
  std::vector<Movement> movements_;

  [[nodiscard]] Days days_of(const yb_visit& visit) const;
  void take_facts(const yb_visit& visit);
  [[nodiscard]] std::string_view text_fact(std::int32_t fact) const;
  [[nodiscard]] std::int64_t number_fact(std::int32_t fact, const yb_visit& visit, const Days& days) const;
  [[nodiscard]] std::uint64_t digit(std::int32_t fact, const yb_visit& visit, const Days& days);
  [[nodiscard]] std::array<std::uint64_t, 3> sides_of(const yb_visit& visit, const Days& days);
  yb_code setup_of(const yb_visit& visit, Setup& out);
  // The number of a combination tells whose it is, so that another desk's is seen.
  [[nodiscard]] std::int32_t mark() const { return static_cast<std::int32_t>(reinterpret_cast<std::uintptr_t>(this) >> 6 & 0x7fff); }
  [[nodiscard]] bool readable(const yb_line* lines, std::size_t count, std::int64_t& total) const;
  void take_lines(const yb_line* lines, std::size_t count);
  std::uint8_t price(const Setup& setup, const Days& days, std::size_t count, yb_line_result* told);
  void tell_lines(const Setting& setting, std::size_t count, yb_line_result* told) const;
  void account(Memory& memory, std::int32_t member, std::int64_t balance, std::int32_t day);
  void take_movements(Memory& memory, const yb_visit& visit, std::int32_t member);
  void fill(Memory& memory, const yb_visit& visit, const Setup& setup, const Days& days, std::int32_t setl);
  [[nodiscard]] Reason natures(const Setup& setup, const yb_visit& visit, Reason reason);
  void tell(const Memory& memory, const OneAnswer& answer, std::int64_t flags, std::int64_t total, yb_result& result) const;
};

}  // namespace ybcore
