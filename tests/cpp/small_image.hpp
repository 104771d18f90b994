// The small scheme as an image, as python/ybcore/settling/image.py writes one: with its plan, a draft of it, and two items.
#pragma once

#include <array>
#include <cstring>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "crc32.hpp"
#include "image.hpp"
#include "small_scheme.hpp"
#include "ybcore/names.hpp"

namespace small {

class ImageBytes {
 public:
  // `met`: the image holds the plan of outpatient visits; else only its draft.
  explicit ImageBytes(bool met) {
    const Scheme scheme;
    rows("plans", met ? scheme.plans : std::vector<PlanRow>());
    rows("layers", scheme.layers);
    rows("keys", scheme.keys);
    rows("feeds", scheme.feeds);
    rows("bands", scheme.bands);
    rows("ceilings", scheme.ceilings);
    rows("bases", scheme.bases);
    rows("standards", scheme.standards);
    rows("amounts", scheme.amounts);
    texts("counters", {"deductible", "paid"});
    texts("layer_names", {"basic"});
    texts("schemes", {"small"});
    texts("values", {});
    texts("policies", met ? std::vector<std::string>{"small"} : std::vector<std::string>());
    texts("plan_ids", met ? std::vector<std::string>{"outpatient"} : std::vector<std::string>());
    texts("facts", {"med_type", "age", "hosp_lv", "dedc_hosp_lv", "lmtpric_hosp_lv", "mdtrtarea_admvs", "insuplc_admdvs", "dise_codg"});
    texts("defaults", {"", "", "", "", "", "", "", ""});
    texts("test_codes", {"11"});
    texts("levels", {"3"});
    texts("places", {"110000"});
    texts("of", {"book", "catalogue", "0"});
    texts("grades", {"01"});
    texts("grade_levels", {"3"});
    rows<FactRow>("fact_rows",
                  {{0, 0, 0, 1, 0, 0, INT32_MIN}, {1, 0, 1, 1, 0, 1, INT32_MIN}, text(), text(), text(), text(), text(), text()});
    rows<TestRow>("tests", {{0, 0, 0, 1}});
    rows<std::int64_t>("edges", {60});
    rows<std::int64_t>("date_edges", {19'000});
    rows<std::int32_t>("scopes", {0, 0});
    rows<std::int32_t>("field_facts", {});
    rows<InstanceRow>("instances", met ? std::vector<InstanceRow>{{0, 0, 0, 2, 0, 0}} : std::vector<InstanceRow>());
    rows<DocumentRow>("documents", {{1, 1, 1, 1}});
    rows<std::uint64_t>("digits", met ? std::vector<std::uint64_t>{1, 1, 0} : std::vector<std::uint64_t>());
    rows<ImageMeta>("meta", {{0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 8, 2, 0, 1}});
    rows<KnownFacts>("known_facts", {{0, 2, 3, 4, 5, 6, 7, 1, -1}});
    rows<std::int64_t>("programs", {1, 0, 1, 0, 1, -1, 0, 0, 0, 0, 0, 0, 0, 1, 0});
    rows<std::int32_t>("steps", {-1, 0, 0, 2});
    rows<std::uint16_t>("tag_map", {0});
    texts("codes", {"XA", "XB"});
    rows<ItemHead>("heads", {{0, 0, 0}, {1, 0, 0}, {2, 1, 1}});
    rows<ClassRow>("classes",
                   {{-1, INT32_MIN, INT32_MAX, -1, ItemClass::kA, false, 0}, {-1, INT32_MIN, INT32_MAX, 100'000, ItemClass::kB, false, 0}});
    rows<RatioRow>("ratios", {{-1, -1, INT32_MIN, INT32_MAX, 200'000}});
    rows<CapRow>("caps", {{-1, -1, INT32_MIN, INT32_MAX, 40'000'000}});
    const std::array<std::string_view, 2> codes{"XA", "XB"};
    rows<std::int32_t>("code_table", table_of(2, [&](std::size_t i) { return codes[i]; }));
    draft(scheme);
  }

  [[nodiscard]] std::vector<char> bytes() const {
    std::vector<char> table, body;
    const std::uint64_t head = 32 + 32 * parts_.size();
    std::uint64_t at = head;
    for (const auto& [name, data] : parts_) {
      const std::uint64_t fill = (64 - at % 64) % 64;
      body.insert(body.end(), fill, 0);
      at += fill;
      char own[16] = {};
      std::memcpy(own, name.data(), name.size());
      const std::uint64_t place[2] = {at, data.size()};
      table.insert(table.end(), own, own + 16);
      table.insert(table.end(), reinterpret_cast<const char*>(place), reinterpret_cast<const char*>(place) + 16);
      body.insert(body.end(), data.begin(), data.end());
      at += data.size();
    }
    std::vector<char> out{'Y', 'B', 'I', 'M', 'A', 'G', 'E', 0, 3, 0, 0, 0, static_cast<char>(parts_.size()), 0, 0, 0};
    out.insert(out.end(), reinterpret_cast<const char*>(&at), reinterpret_cast<const char*>(&at) + 8);
    out.insert(out.end(), 8, 0);
    out.insert(out.end(), table.begin(), table.end());
    out.insert(out.end(), body.begin(), body.end());
    seal(out);
    return out;
  }
  // The sum of bytes that are as they are meant to be.
  static void seal(std::vector<char>& bytes) {
    if (bytes.size() < 32) return;
    const auto all = std::as_bytes(std::span(bytes));
    const std::uint32_t sum = crc32(all.subspan(32), crc32(all.first(24)));
    std::memcpy(bytes.data() + 24, &sum, sizeof sum);
  }
  static void write(const std::string& path, const std::vector<char>& bytes) {
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

 private:
  std::map<std::string, std::vector<char>> parts_;
  std::vector<std::int64_t> nodes_;

  static FactRow text() { return {0, 0, 1, 1, 1, 1, INT32_MIN}; }
  template <class Row>
  void rows(const std::string& name, const std::vector<Row>& all) {
    const auto* begin = reinterpret_cast<const char*>(all.data());
    parts_[name].assign(begin, begin + all.size() * sizeof(Row));
  }
  void texts(const std::string& name, const std::vector<std::string>& all) {
    std::vector<std::uint32_t> begin{0};
    std::vector<char> text;
    for (const std::string& one : all) {
      text.insert(text.end(), one.begin(), one.end());
      begin.push_back(static_cast<std::uint32_t>(text.size()));
    }
    rows(name, text);
    rows(name + "@", begin);
  }

  // Nodes as python/ybcore/policy/compile/draft.py numbers them.
  std::int64_t node(const std::vector<std::int64_t>& words) {
    nodes_.insert(nodes_.end(), words.begin(), words.end());
    return static_cast<std::int64_t>(nodes_.size() - words.size());
  }
  std::int64_t number(std::int64_t value) { return node({0, value}); }
  // A row's fields, but those that are told as they are.
  template <class Row>
  std::int64_t fields(const Row& row, const std::map<std::size_t, std::int64_t>& told = {}) {
    std::int64_t all[sizeof(Row) / 8];
    std::memcpy(all, &row, sizeof row);
    std::vector<std::int64_t> words{0};
    for (std::size_t f = 0; f < std::size(all); ++f) {
      const auto own = told.find(f);
      if (own == told.end() && all[f] == -1) continue;
      words.push_back(static_cast<std::int64_t>(f));
      words.push_back(own == told.end() ? number(all[f]) : own->second);
      ++words[0];
    }
    return node(words);
  }
  std::pair<std::int64_t, std::int64_t> run(std::int64_t table, const std::vector<std::int64_t>& all) {
    std::vector<std::int64_t> words{12, table, static_cast<std::int64_t>(all.size())};
    for (const std::int64_t row : all) words.insert(words.end(), {-1, -1, row});
    const std::int64_t made = node(words);
    return {node({5, made}), node({6, made})};
  }
  template <class Row>
  static std::size_t place(std::int64_t Row::* field) {
    const Row row{};
    return static_cast<std::size_t>(&(row.*field) - reinterpret_cast<const std::int64_t*>(&row));
  }
  void draft(const Scheme& s) {
    const std::int64_t amounts[2] = {node({4, 9, fields(s.amounts[0])}), node({4, 9, fields(s.amounts[1])})};
    const std::int64_t key0 = node({7, 0, 4, 0, -1}), key1 = node({7, 1, 4, 0, -1});
    const auto values = node({13, 0});
    const std::int64_t standard = node({4, 7,
                                        fields(s.standards[0], {{place(&StandardRow::amount), amounts[0]},
                                                                {place(&StandardRow::key), key0},
                                                                {place(&StandardRow::value_begin), node({5, values})},
                                                                {place(&StandardRow::value_end), node({6, values})}})});
    const auto bands = run(4, {fields(s.bands[0], {{place(&BandRow::rate), node({3, number(900'000), 1, 0, -1, number(-50'000)})}})});
    const auto ceilings = run(5, {fields(s.ceilings[0], {{place(&CeilingRow::limit), amounts[1]}, {place(&CeilingRow::key), key1}})});
    const auto bases = run(6, {fields(s.bases[0])});
    const auto layers = run(1, {fields(s.layers[0], {{place(&LayerRow::standard), standard},
                                                     {place(&LayerRow::band_begin), bands.first},
                                                     {place(&LayerRow::band_end), bands.second},
                                                     {place(&LayerRow::ceil_begin), ceilings.first},
                                                     {place(&LayerRow::ceil_end), ceilings.second},
                                                     {place(&LayerRow::base_begin), bases.first},
                                                     {place(&LayerRow::base_end), bases.second}})});
    const auto feeds = run(3, {fields(s.feeds[0], {{place(&FeedRow::key), key0}, {place(&FeedRow::layer), node({8, 0})}}),
                               fields(s.feeds[1], {{place(&FeedRow::key), key1}, {place(&FeedRow::layer), node({8, 0})}})});
    const std::int64_t plan = node({14, 0,
                                    fields(s.plans[0], {{place(&PlanRow::layer_begin), layers.first},
                                                        {place(&PlanRow::layer_end), layers.second},
                                                        {place(&PlanRow::feed_begin), feeds.first},
                                                        {place(&PlanRow::feed_end), feeds.second}}),
                                    1, -1});
    const std::int64_t when = node({1, 1});
    const std::int64_t chosen = node({1, 1, when, plan, -1});
    std::vector<std::int64_t> price{1};
    for (const std::int64_t word : {1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}) price.push_back(number(word));
    price.push_back(-1);
    for (const std::int64_t word : {-1, 0, 0, 2}) price.push_back(number(word));
    const std::int64_t priced = node(price), missing = node({10, 1, when}), holds = node({1, 0});
    rows<DraftDocument>("draft_documents", {{holds, priced, chosen, missing}});
    rows<DraftTest>("draft_tests", {{-1, 2, 0, 0, 1}, {0, 0, 0, 0, 1}});
    rows<DraftRange>("draft_ranges", {{19'000, INT64_MAX}});
    rows<std::int32_t>("draft_categories", {-1});
    texts("draft_codes", {"11"});
    texts("draft_policies", {"small"});
    texts("draft_plans", {"outpatient"});
    rows("drafts", nodes_);
  }
};

}  // namespace small
