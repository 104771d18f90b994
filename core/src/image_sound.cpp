// Whether what an image says of itself holds, asked once when it is opened: nothing that is read later points outside or overflows.
#include <algorithm>

#include "image.hpp"

namespace ybcore {
namespace {

bool within(std::int64_t value, std::int64_t low, std::size_t below) { return value >= low && value < static_cast<std::int64_t>(below); }

template <class Rows, class Test>
bool all(const Rows& rows, Test test) {
  return std::all_of(rows.begin(), rows.end(), test);
}

// Begin and end of rows among so many.
bool run(std::int64_t begin, std::int64_t end, std::size_t rows) {
  return begin >= 0 && begin <= end && static_cast<std::uint64_t>(end) <= rows;
}

bool year(std::int64_t month, std::int64_t day) { return month >= 1 && month <= 12 && day >= 1 && day <= 31; }

bool rounding(const Rounding& how) { return within(static_cast<std::int64_t>(how.mode), 0, 4) && how.unit > 0; }

bool rising(std::span<const ItemHead> heads) {
  // Without a way out of the loop: the compiler makes vectors of it.
  bool falls = false;
  for (std::size_t i = 1; i < heads.size(); ++i)
    falls |= heads[i].classes < heads[i - 1].classes || heads[i].ratios < heads[i - 1].ratios || heads[i].caps < heads[i - 1].caps;
  return !falls;
}

}  // namespace

bool Image::sound(const Program& of_plans) const {
  return all(of_plans.plans,
             [&](const PlanRow& r) {
               return within(r.scheme, 0, schemes.size()) && r.tags <= meta.tags && (r.fields >> field_facts.size()) == 0;
             }) &&
         all(of_plans.layers, [&](const LayerRow& r) { return within(r.name, 0, layers.size()); }) &&
         all(of_plans.keys,
             [&](const KeyRow& r) {
               return within(r.counter, 0, counters.size()) && scopes[static_cast<std::size_t>(r.counter)] == r.scope &&
                      within(r.value, -1, std::max<std::size_t>(1, values.size()));
             }) &&
         all(of_plans.amounts, [&](const AmountRow& r) {
           return within(r.of_field, -1, field_facts.size()) && within(r.count_field, -1, field_facts.size());
         });
}

bool Image::catalog_sound() const {
  if (meta.no_catalog != 0) return true;
  const auto heads = rows<ItemHead>("heads");
  const auto classes = rows<ClassRow>("classes");
  const auto ratios = rows<RatioRow>("ratios");
  const auto caps = rows<CapRow>("caps");
  if (heads.size() != codes.size() + 1 || code_table_.empty() || (code_table_.size() & (code_table_.size() - 1)) != 0) return false;
  if (heads.back().classes != classes.size() || heads.back().ratios != ratios.size() || heads.back().caps != caps.size()) return false;
  bool wrong = !rising(heads);
  for (const std::int32_t item : code_table_) wrong |= item >= static_cast<std::int64_t>(codes.size());
  // Bytes, as not every byte is a class or a truth value.
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(classes.data());
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const std::uint8_t* row = bytes + i * sizeof(ClassRow);
    wrong |= row[offsetof(ClassRow, item_class)] > 3 || row[offsetof(ClassRow, direct)] > 1;
    wrong |= classes[i].tag > pricing.catalog_tags || classes[i].ratio > 1'000'000;
  }
  for (const RatioRow& row : ratios) wrong |= row.ratio > 1'000'000;
  for (const CapRow& row : caps) wrong |= row.cap < 0;
  return !wrong;
}

bool Image::pricing_sound() const {
  const std::size_t width = pricing.catalog_tags + 1;
  return all(steps_, [](const FirstPayStep& s) { return s.ratio <= 1'000'000 && within(static_cast<std::int64_t>(s.at), 0, 3); }) &&
         all(pricing.tag_map, [&](std::uint16_t tag) { return tag <= meta.tags; }) && all(programs_, [&](const PricingProgram& p) {
           bool fine = p.first_step <= p.last_step && p.last_step <= steps_.size() && (p.scale == 1 || p.scale == kGrid) &&
                       p.tag_row < pricing.tag_map.size() / width && rounding(p.line) && rounding(p.sums);
           for (const PlaceRule place : p.place) fine = fine && within(static_cast<std::int64_t>(place), 0, 2);
           for (const DateRule date : p.date) fine = fine && within(static_cast<std::int64_t>(date), 0, 3);
           return fine;
         });
}

bool Image::drafts_sound() const {
  return draft_documents.size() == documents.size() && draft_policies.size() == draft_plans.size() &&
         all(draft_tests, [&](const DraftTest& t) {
           return within(t.match, 0, 3) && within(t.fact, t.match == 2 ? -1 : 0, facts.size()) &&
                  run(t.begin, t.end, t.match == 2 ? draft_ranges.size() : draft_codes.size());
         });
}

bool Image::facts_sound() const {
  const KnownFacts& k = known;
  if (meta.asked < 0 || meta.facts < meta.asked || static_cast<std::uint64_t>(meta.facts) != facts.size() ||
      fact_rows.size() != facts.size() || defaults.size() != facts.size())
    return false;
  for (const std::int32_t fact : {k.med_type, k.hosp_lv, k.dedc_hosp_lv, k.lmtpric_hosp_lv, k.treatment, k.insured, k.disease})
    if (!within(fact, 0, facts.size())) return false;
  if (!within(k.age, -1, facts.size()) || !within(k.ipt_days, -1, facts.size()) || field_facts.size() > 62) return false;
  return all(fact_rows,
             [&](const FactRow& r) {
               return run(r.test_begin, r.test_end, tests.size()) && run(r.edge_begin, r.edge_end, edges.size());
             }) &&
         all(tests, [&](const TestRow& r) { return run(r.code_begin, r.code_end, test_codes.size()); }) &&
         all(field_facts, [&](std::int32_t fact) { return within(fact, 0, facts.size()); });
}

bool Image::sound(std::string& why) const {
  const char* wrong = invalid(program);
  if (section("meta").size() != sizeof(ImageMeta) || section("known_facts").size() != sizeof(KnownFacts) ||
      !within(meta.tags, 0, kMaxTags + 1) || !within(meta.policy_rule, 0, 3) || !year(meta.year_month, meta.year_day) ||
      meta.catalog_tags < 0 || static_cast<std::uint64_t>(meta.catalog_tags) > UINT16_MAX) {
    wrong = "meta";
  } else if (scopes.size() != counters.size() || of.size() < 3 || grades.size() != grade_levels.size()) {
    wrong = "names";
  } else if (!facts_sound()) {
    wrong = "facts";
  } else if (policies.size() != program.plans.size() || plans.size() != program.plans.size()) {
    wrong = "plan_ids";
  } else if (wrong == nullptr && !sound(program)) {
    wrong = "plans";
  } else if (!pricing_sound()) {
    wrong = "programs";
  } else if (!catalog_sound()) {
    wrong = "catalogue";
  } else if (!drafts_sound()) {
    wrong = "drafts";
  } else if (digits_.size() / (static_cast<std::size_t>(meta.asked) + 1) != instances.size() ||
             digits_.size() % (static_cast<std::size_t>(meta.asked) + 1) != 0) {
    wrong = "digits";
  }
  const auto instance = [&](const InstanceRow& r) {
    return within(r.plan, -1, program.plans.size()) && within(r.program, -1, programs_.size()) &&
           within(r.document, -1, documents.size()) && within(r.reason, 0, 17) && (r.plan >= 0 || r.reason != 0) &&
           (r.plan < 0 || r.document >= 0);
  };
  if (!all(instances, instance)) wrong = "instances";
  if (!all(documents, [](const DocumentRow& r) { return within(r.year_of, 0, 3) && year(r.year_month, r.year_day); })) wrong = "documents";
  if (wrong != nullptr) why = std::string("the part ") + wrong + " of the image is not sound";
  return wrong == nullptr;
}

}  // namespace ybcore
