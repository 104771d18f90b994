// A compiled policy book and catalogue as one file that processes map and share: docs/embedding.md, "The image". Private to the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ybcore/catalog.hpp"
#include "ybcore/pricing.hpp"

// Last: its names would hide those of item classes.
#include "prepared.hpp"

namespace ybcore {

// Texts that stand in the image.
class Texts {
 public:
  Texts() = default;
  Texts(std::span<const std::uint32_t> begin, const char* text) : begin_(begin), text_(text) {}
  [[nodiscard]] std::size_t size() const { return begin_.empty() ? 0 : begin_.size() - 1; }
  [[nodiscard]] std::string_view operator[](std::size_t i) const { return {text_ + begin_[i], begin_[i + 1] - begin_[i]}; }
  [[nodiscard]] std::int32_t find(std::string_view wanted) const {
    for (std::size_t i = 0; i < size(); ++i)
      if ((*this)[i] == wanted) return static_cast<std::int32_t>(i);
    return -1;
  }

 private:
  std::span<const std::uint32_t> begin_;
  const char* text_ = nullptr;
};

// Rows as python/ybcore/settling/image.py writes them.
struct FactRow {
  std::int32_t number, whole;  // a number, or a text; a text whose value matters whole
  std::int32_t test_begin, test_end, edge_begin, edge_end;
  std::int32_t missing;  // what a number is where none is given; INT32_MIN none
};
struct TestRow {
  std::int32_t prefix, negate, code_begin, code_end;
};
struct InstanceRow {
  std::int32_t plan, reason, program, flags, price_flags, document;
};
struct DocumentRow {
  std::int32_t year_of, split, year_month, year_day;  // year_of: 0 settlement, 1 discharge, 2 admission
};
struct ImageMeta {
  std::int64_t policy_rule, by_discharge, year_month, year_day, tags, catalog_tags, needs_movements, households, mutual_aid, scopes, facts,
      asked, no_catalog, whole_fen;
};
// Of drafts (draft.hpp): when a document holds, and nodes of its pricing, its plan and what it does not model.
struct DraftDocument {
  std::int64_t when, price, plan, missing;
};
struct DraftTest {
  std::int32_t fact, match, negate, begin, end;  // fact -1: the policy day; match 0 exact, 1 prefix, 2 ranges
};
struct DraftRange {
  std::int64_t low, below;
};
// Which facts the door itself reads; -1 none.
struct KnownFacts {
  std::int32_t med_type, hosp_lv, dedc_hosp_lv, lmtpric_hosp_lv, treatment, insured, disease, age, ipt_days;
};

class Image {
 public:
  // Null, and why, where the file is none.
  static std::unique_ptr<Image> open(const char* path, bool& no_file, std::string& why);
  ~Image();
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  Program program{};
  std::unique_ptr<Prepared> prepared;
  std::optional<Catalog> catalog;
  PricingTables pricing{};
  ImageMeta meta{};
  KnownFacts known{};
  Texts counters, layers, schemes, values, policies, plans, facts, defaults, codes, test_codes, levels, places, of, grades, grade_levels,
      draft_codes, draft_policies, draft_plans;
  std::span<const FactRow> fact_rows;
  std::span<const TestRow> tests;
  std::span<const std::int64_t> edges, date_edges;
  std::span<const std::int32_t> scopes, field_facts;  // scope by counter; fact by field
  std::span<const InstanceRow> instances;
  std::span<const DocumentRow> documents;
  std::span<const std::int64_t> drafts;
  std::span<const DraftTest> draft_tests;
  std::span<const DraftRange> draft_ranges;
  std::span<const DraftDocument> draft_documents;
  std::span<const std::int32_t> draft_categories;

  [[nodiscard]] std::int32_t item(std::string_view code) const;
  // True when every plan of the book settles in whole fen.
  [[nodiscard]] bool whole_fen() const { return prepared->whole_fen() && meta.whole_fen != 0; }
  // What a program names (counters, schemes, layers, fields) is there.
  [[nodiscard]] bool sound(const Program& of) const;
  // Row of `instances`, -1: none, of what `facts` facts and the day come to (one digit more than facts).
  [[nodiscard]] std::int32_t instance(std::span<const std::uint64_t> digits) const;

 private:
  Image() = default;
  const std::byte* at_ = nullptr;
  std::size_t size_ = 0;
  std::span<const std::int32_t> code_table_;
  std::span<const std::uint64_t> digits_;
  std::unordered_multimap<std::uint64_t, std::int32_t> combinations_;
  std::vector<PricingProgram> programs_;
  std::vector<FirstPayStep> steps_;

  [[nodiscard]] std::span<const std::byte> section(std::string_view name) const;
  template <class T>
  [[nodiscard]] std::span<const T> rows(std::string_view name) const {
    const auto bytes = section(name);
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  [[nodiscard]] Texts texts(std::string_view name) const;
  [[nodiscard]] bool read(std::string& why);
  [[nodiscard]] bool sound(std::string& why) const;
  [[nodiscard]] bool facts_sound() const;
  [[nodiscard]] bool pricing_sound() const;
  [[nodiscard]] bool catalog_sound() const;
  [[nodiscard]] bool drafts_sound() const;
  void read_pricing();
};

[[nodiscard]] std::uint64_t folded(std::span<const std::uint64_t> words) noexcept;

}  // namespace ybcore
