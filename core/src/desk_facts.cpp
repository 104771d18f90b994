// Desk: what facts come to.
#include <algorithm>

#include "desk.hpp"
#include "ybcore/classify.hpp"
#include "ybcore/names.hpp"

namespace ybcore {
namespace {

[[nodiscard]] bool holds(const Image& image, const TestRow& test, std::string_view text) {
  bool hit = false;
  for (std::int32_t c = test.code_begin; !hit && c < test.code_end; ++c) {
    const std::string_view code = image.test_codes[static_cast<std::size_t>(c)];
    hit = test.prefix != 0 && !code.empty() ? text.starts_with(code) : text == code;
  }
  return hit != (test.negate != 0);
}

}  // namespace

Desk::Days Desk::days_of(const yb_visit& visit) const {
  Days d{};
  d.setl = visit.setl_day;
  d.begin = visit.begndate == YB_NO_DAY ? visit.setl_day : visit.begndate;
  d.end = visit.enddate == YB_NO_DAY ? visit.setl_day : visit.enddate;
  d.stay = visit.ipt_days >= 0 ? visit.ipt_days
                               : static_cast<std::int32_t>(std::clamp<std::int64_t>(std::int64_t{d.end} - d.begin, 1, INT32_MAX));
  d.order = image_.meta.by_discharge != 0 ? d.end : d.setl;
  d.policy = image_.meta.policy_rule == 0 ? d.setl : image_.meta.policy_rule == 1 ? d.end : d.begin;
  return d;
}

// Facts asked for from here on are those of a visit, or of a part that ends earlier.
void Desk::ask(const yb_visit& visit, const Days& days) {
  asked_ = &visit;
  asked_days_ = days;
  const yb_fact* facts = visit.facts;
  std::size_t count = visit.fact_count;
  for (std::size_t e = 0; e < visit.earlier_count; ++e) {
    if (days.policy >= visit.earlier[e].before) continue;
    facts = visit.earlier[e].facts;
    count = visit.earlier[e].fact_count;
    break;
  }
  std::fill(facts_.begin(), facts_.end(), nullptr);
  for (std::size_t i = 0; i < count; ++i) facts_[static_cast<std::size_t>(facts[i].which)] = &facts[i];
}

std::string_view Desk::text(std::int32_t fact) const {
  const auto i = static_cast<std::size_t>(fact);
  if (facts_[i] != nullptr && facts_[i]->text.at != nullptr) return view(facts_[i]->text);
  const KnownFacts& k = image_.known;
  if (fact != k.dedc_hosp_lv && fact != k.lmtpric_hosp_lv) return image_.defaults[i];
  // A level given nowhere is derived from the hospital's grade.
  const yb_fact* grade = k.hosp_lv < 0 ? nullptr : facts_[static_cast<std::size_t>(k.hosp_lv)];
  if (grade == nullptr || grade->text.at == nullptr) return "0";
  const std::int32_t at = image_.grades.find(view(grade->text));
  return at < 0 ? std::string_view("0") : image_.grade_levels[static_cast<std::size_t>(at)];
}

std::int64_t Desk::number(std::int32_t fact) const {
  const auto i = static_cast<std::size_t>(fact);
  std::int64_t value = facts_[i] == nullptr ? YB_MISSING : facts_[i]->number;
  if (fact == image_.known.ipt_days) value = asked_days_.stay;
  if (fact == image_.known.age) {
    const std::int32_t years = asked_->brdy == YB_NO_DAY ? INT32_MIN : completed_years(asked_->brdy, asked_days_.policy);
    value = years == INT32_MIN ? YB_MISSING : years;
  }
  return value == YB_MISSING && image_.fact_rows[i].missing != INT32_MIN ? image_.fact_rows[i].missing : value;
}

std::uint64_t Desk::digit(std::int32_t fact) {
  const FactRow& row = image_.fact_rows[static_cast<std::size_t>(fact)];
  if (row.number != 0) {
    const std::int64_t value = number(fact);
    const auto edges =
        image_.edges.subspan(static_cast<std::size_t>(row.edge_begin), static_cast<std::size_t>(row.edge_end - row.edge_begin));
    if (value == YB_MISSING) return edges.size() + 1;
    return static_cast<std::uint64_t>(std::upper_bound(edges.begin(), edges.end(), value) - edges.begin());
  }
  const std::string_view held = text(fact);
  if (row.whole != 0) return hash_of(held);
  words_.assign(1, 0);
  std::size_t bit = 0;
  for (std::int32_t t = row.test_begin; t < row.test_end; ++t, ++bit) {
    if (bit / 64 == words_.size()) words_.push_back(0);
    words_[bit / 64] |= std::uint64_t{holds(image_, image_.tests[static_cast<std::size_t>(t)], held)} << (bit % 64);
  }
  return words_.size() == 1 ? words_[0] : folded(words_);
}

std::array<std::uint64_t, 3> Desk::sides() {
  const auto edges = image_.date_edges;
  const auto asked = [&](std::int32_t fact) { return fact >= 0 && fact < image_.meta.asked; };
  const auto day =
      static_cast<std::uint64_t>(std::upper_bound(edges.begin(), edges.end(), std::int64_t{asked_days_.policy}) - edges.begin());
  const KnownFacts& k = image_.known;
  return {day, asked(k.age) ? digit(k.age) : 0, asked(k.ipt_days) ? digit(k.ipt_days) : 0};
}

// The instance of facts that the image has none for: made now, unless the desk has made it before; -1 where drafts make none.
std::int32_t Desk::made_for() {
  const auto own = static_cast<std::int32_t>(image_.instances.size());
  const std::uint64_t hash = folded(digits_);
  const auto [begin, end] = made_places_.equal_range(hash);
  for (auto at = begin; at != end; ++at)
    if (made_digits_[static_cast<std::size_t>(at->second)] == digits_) return own + at->second;
  std::unique_ptr<Made> fresh = Drafting(image_, *this).made();
  if (fresh == nullptr) return -1;
  const auto place = static_cast<std::int32_t>(made_.size());
  made_.push_back(std::move(fresh));
  if (made_digits_.size() < kMostMade) {
    made_digits_.push_back(digits_);
    made_places_.emplace(hash, place);
  }
  return own + place;
}

yb_code Desk::setup_of(const yb_visit& visit, const Days& days, Setup& out) {
  ask(visit, days);
  out.sides = sides();
  digits_[0] = out.sides[0];
  for (std::size_t i = 0; i + 1 < digits_.size(); ++i) digits_[i + 1] = digit(static_cast<std::int32_t>(i));
  const KnownFacts& k = image_.known;
  out.level = image_.levels.find(text(k.lmtpric_hosp_lv));
  out.treatment = image_.places.find(text(k.treatment));
  out.insured = image_.places.find(text(k.insured));
  out.med_type = !text(k.med_type).empty();
  out.instance = image_.instance(digits_);
  if (out.instance < 0) out.instance = made_for();
  if (out.instance >= 0) return YB_OK;
  why = "the plan for these facts goes beyond what the kernel has room for, or the image is damaged:";
  for (std::size_t i = 0; i < static_cast<std::size_t>(image_.meta.asked); ++i) {
    const auto fact = static_cast<std::int32_t>(i);
    why += ' ';
    why += image_.facts[i];
    why += '=';
    if (image_.fact_rows[i].number == 0) {
      why += text(fact);
    } else if (const std::int64_t value = number(fact); value != YB_MISSING) {
      why += std::to_string(value);
    }
  }
  return YB_NO_COMBINATION;
}

yb_code Desk::combination(const yb_visit& visit, std::int32_t& out) {
  Setup setup{};
  if (const yb_code code = setup_of(visit, days_of(visit), setup); code != YB_OK) return code;
  const auto at = std::find(setups_.begin(), setups_.end(), setup);
  const auto place = static_cast<std::int32_t>(at - setups_.begin());
  const auto own = static_cast<std::int32_t>(image_.instances.size());
  if (place > 0xffff || setup.instance - own >= static_cast<std::int32_t>(kMostMade)) {
    made_.resize(std::min(made_.size(), kMostMade));
    one_.leave();
    why = "a desk knows no more than 65536 combinations, and 4096 that its image does not have: leave it out";
    return YB_NO_COMBINATION;
  }
  out = mark() << 16 | place;
  if (at == setups_.end()) setups_.push_back(setup);
  return YB_OK;
}

}  // namespace ybcore
