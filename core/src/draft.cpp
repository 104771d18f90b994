#include "draft.hpp"

#include <algorithm>
#include <type_traits>

namespace ybcore {
namespace {

// Kinds of node, in the order of python/ybcore/policy/compile/draft.py.
enum Node : std::int64_t {
  kConst,
  kFirst,
  kAge,
  kRate,
  kRow,
  kBegin,
  kEnd,
  kKey,
  kPlace,
  kField,
  kAny,
  kAssumed,
  kRun,
  kValues,
  kPlan,
  kBeyond
};
enum Table : std::size_t { kPlans, kLayers, kKeys, kFeeds, kBands, kCeilings, kBases, kStandards, kEdits, kAmounts, kUptos };
constexpr std::array<std::size_t, kDraftTables> kWidths{
    sizeof(PlanRow) / 8, sizeof(LayerRow) / 8,    sizeof(KeyRow) / 8,  sizeof(FeedRow) / 8,   sizeof(BandRow) / 8, sizeof(CeilingRow) / 8,
    sizeof(BaseRow) / 8, sizeof(StandardRow) / 8, sizeof(EditRow) / 8, sizeof(AmountRow) / 8, sizeof(UptoRow) / 8};
constexpr std::int64_t kPpmOne = 1'000'000;
constexpr std::size_t kMostWork = 2'000'000, kDeepest = 200;
constexpr std::int64_t kOfAttribute = static_cast<std::int64_t>(Scope::kAttribute);

std::int64_t half_up(Wide numerator, Wide denominator) { return static_cast<std::int64_t>(round_div(numerator, denominator)); }

template <class Row>
std::span<const Row> rows_of(const std::vector<std::int64_t>& flat) {
  static_assert(std::is_standard_layout_v<Row> && sizeof(Row) % 8 == 0);
  return {reinterpret_cast<const Row*>(flat.data()), flat.size() * 8 / sizeof(Row)};
}

void quoted(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    constexpr std::string_view kShort = "\b\f\n\r\t\"\\", kLetter = "bfnrt\"\\";
    if (const auto at = kShort.find(c); at != std::string_view::npos) {
      out += '\\';
      out += kLetter[at];
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace

std::int64_t Drafting::at(std::int64_t place) {
  if (place < 0 || static_cast<std::size_t>(place) >= nodes_.size() || ++work_ > kMostWork) return none(Stand::kUnsound);
  return nodes_[static_cast<std::size_t>(place)];
}

// How many words follow: no more than there are.
std::int64_t Drafting::count(std::int64_t place) {
  const std::int64_t many = at(place);
  return many < 0 || many > static_cast<std::int64_t>(nodes_.size()) ? none(Stand::kUnsound) : many;
}

bool Drafting::test(std::int64_t which) {
  if (which < 0 || static_cast<std::size_t>(which) >= image_.draft_tests.size()) return none(Stand::kUnsound) != 0;
  const DraftTest& t = image_.draft_tests[static_cast<std::size_t>(which)];
  bool hit = false;
  if (t.match == 2) {
    const std::int64_t number = t.fact < 0 ? facts_.day() : facts_.number(t.fact);
    for (std::int32_t r = t.begin; !hit && number != kMissing && r < t.end; ++r) {
      const DraftRange& range = image_.draft_ranges[static_cast<std::size_t>(r)];
      hit = range.low <= number && number < range.below;
    }
  } else {
    const std::string_view text = facts_.text(t.fact);
    for (std::int32_t c = t.begin; !hit && c < t.end; ++c) {
      const std::string_view code = image_.draft_codes[static_cast<std::size_t>(c)];
      hit = t.match == 1 && !code.empty() ? text.starts_with(code) : text == code;
    }
  }
  return hit != (t.negate != 0);
}

bool Drafting::holds(std::int64_t condition) {
  if (condition < 0) return true;
  const std::int64_t many = count(condition);
  bool all = true;
  for (std::int64_t k = 1; all && stand_ == Stand::kFine && k <= many; ++k) all = test(at(condition + k));
  return all && stand_ == Stand::kFine;
}

std::int64_t Drafting::first(std::int64_t node) {
  const std::int64_t many = count(node + 1);
  std::int64_t k = 0;
  while (stand_ == Stand::kFine && k < many && !holds(at(node + 2 + 2 * k))) ++k;
  if (stand_ != Stand::kFine) return 0;
  const std::int64_t found = at(node + 2 + (k < many ? 2 * k + 1 : 2 * many));
  return found < 0 ? none(Stand::kNoFigure) : value(found);
}

std::int64_t Drafting::age(std::int64_t node) {
  const auto fact = at(node + 1), start = at(node + 2), per_year = at(node + 3), from = at(node + 4), every = at(node + 5),
             least = at(node + 6), most = at(node + 7);
  if (stand_ != Stand::kFine || every <= 0 || fact < 0 || fact >= image_.meta.facts) return none(Stand::kUnsound);
  const std::int64_t years = facts_.number(static_cast<std::int32_t>(fact));
  if (years == kMissing) return none(Stand::kNoFigure);
  const Wide steps = years > from ? (Wide{years} - from) / every : 0;
  const Wide grown = Wide{start} + Wide{per_year} * steps;
  return static_cast<std::int64_t>(std::min<Wide>(std::max<Wide>(grown, least), most));
}

// Points are added, then shares of what the person pays and of what the payer pays are taken, in the order of the list.
std::int64_t Drafting::rate(std::int64_t node) {
  Wide base = value(at(node + 1));
  const std::int64_t many = count(node + 2);
  for (std::int64_t k = 0; stand_ == Stand::kFine && k < many; ++k) {
    const std::int64_t kind = at(node + 3 + 3 * k);
    if (!holds(at(node + 4 + 3 * k))) continue;
    const Wide by = value(at(node + 5 + 3 * k));
    if (by > kMostFen || by < -kMostFen || base > kMostFen || base < -kMostFen) return none(Stand::kUnsound);
    if (kind == 0) base += by;
    if (kind == 1) base = kPpmOne - half_up((kPpmOne - base) * by, kPpmOne);
    if (kind == 2) base = half_up(base * by, kPpmOne);
  }
  return static_cast<std::int64_t>(std::min<Wide>(std::max<Wide>(base, 0), kPpmOne));
}

std::int64_t Drafting::key(std::int64_t node) {
  Key made{at(node + 1), at(node + 2), at(node + 3), {}};
  const std::int64_t fact = at(node + 4);
  if (stand_ != Stand::kFine || (made.scope == kOfAttribute) != (fact >= 0) || fact >= image_.meta.facts) return none(Stand::kUnsound);
  if (fact >= 0) {
    const auto which = static_cast<std::int32_t>(fact);
    std::string own(facts_.text(which));
    if (image_.fact_rows[static_cast<std::size_t>(fact)].number != 0) {
      const std::int64_t number = facts_.number(which);
      own.clear();
      if (number != kMissing && number != 0) own += std::to_string(number);
    }
    made.value += '[';
    quoted(made.value, image_.facts[static_cast<std::size_t>(fact)]);
    made.value += ',';
    quoted(made.value, own);
    made.value += ']';
  }
  keys_.push_back(std::move(made));
  return static_cast<std::int64_t>(keys_.size()) - 1;
}

std::int64_t Drafting::value(std::int64_t node) {
  const std::int64_t kind = at(node);
  if (stand_ != Stand::kFine) return 0;
  if (depth_ >= kDeepest) return none(Stand::kUnsound);
  struct Deeper {
    std::size_t& depth;
    explicit Deeper(std::size_t& of) : depth(++of) {}
    ~Deeper() { --depth; }
  } const deeper(depth_);
  switch (kind) {
    case kConst:
      return at(node + 1);
    case kFirst:
      return first(node);
    case kAge:
      return age(node);
    case kRate:
      return rate(node);
    case kBegin:
      return run(at(node + 1)).first;
    case kEnd:
      return run(at(node + 1)).second;
    case kPlace: {
      const std::int64_t which = at(node + 1);
      return which >= 0 && static_cast<std::size_t>(which) < place_.size() ? place_[static_cast<std::size_t>(which)]
                                                                           : none(Stand::kUnsound);
    }
    case kField: {
      const std::int64_t which = at(node + 1);
      if (which < 0 || which > 62) return none(Stand::kUnsound);
      fields_ |= std::int64_t{1} << which;
      return which;
    }
    case kAny: {
      const std::int64_t many = count(node + 1);
      for (std::int64_t k = 0; stand_ == Stand::kFine && k < many; ++k)
        if (holds(at(node + 2 + k))) return 1;
      return 0;
    }
    case kAssumed:
      assumed_ = true;
      return value(at(node + 1));
    case kRow:
    case kKey: {
      if (const auto known = done_.find(node); known != done_.end()) return known->second.first;
      std::pair<std::int64_t, std::int64_t> made{0, 0};
      if (kind == kKey) {
        made.first = key(node);
      } else {
        std::vector<std::int64_t> fresh;
        const std::int64_t table = at(node + 1);
        row(table, at(node + 2), fresh);
        if (stand_ == Stand::kFine) made = append(table, fresh);
      }
      if (stand_ == Stand::kFine) done_.emplace(node, made);
      return made.first;
    }
    case kPlan:
      return node;
    default:
      return none(Stand::kUnsound);
  }
}

void Drafting::row(std::int64_t table, std::int64_t fields, std::vector<std::int64_t>& to) {
  if (table < 0 || static_cast<std::size_t>(table) >= kDraftTables) {
    (void)none(Stand::kUnsound);
    return;
  }
  const std::size_t width = kWidths[static_cast<std::size_t>(table)];
  std::vector<std::int64_t> made(width, -1);
  const std::int64_t many = count(fields);
  for (std::int64_t k = 0; stand_ == Stand::kFine && k < many; ++k) {
    const std::int64_t field = at(fields + 1 + 2 * k);
    const std::int64_t held = value(at(fields + 2 + 2 * k));
    if (field < 0 || static_cast<std::size_t>(field) >= width) {
      (void)none(Stand::kUnsound);
    } else {
      made[static_cast<std::size_t>(field)] = held;
    }
  }
  to.insert(to.end(), made.begin(), made.end());
}

std::pair<std::int64_t, std::int64_t> Drafting::append(std::int64_t table, const std::vector<std::int64_t>& rows) {
  const auto which = static_cast<std::size_t>(table);
  std::vector<std::int64_t>& to = out_->rows[which];
  const auto begin = static_cast<std::int64_t>(to.size() / kWidths[which]);
  to.insert(to.end(), rows.begin(), rows.end());
  return {begin, static_cast<std::int64_t>(to.size() / kWidths[which])};
}

std::pair<std::int64_t, std::int64_t> Drafting::run(std::int64_t node) {
  if (const auto known = done_.find(node); known != done_.end()) return known->second;
  std::pair<std::int64_t, std::int64_t> made{0, 0};
  const std::int64_t kind = at(node);
  std::vector<std::int64_t> fresh;
  if (kind == kValues) {
    const std::int64_t many = count(node + 1);
    for (std::int64_t k = 0; stand_ == Stand::kFine && k < many; ++k) fresh.push_back(value(at(node + 2 + k)));
    const auto begin = static_cast<std::int64_t>(out_->loose.size());
    out_->loose.insert(out_->loose.end(), fresh.begin(), fresh.end());
    made = {begin, static_cast<std::int64_t>(out_->loose.size())};
  } else if (kind == kRun) {
    const std::int64_t table = at(node + 1), many = count(node + 2);
    std::vector<std::int64_t> taken;
    for (std::int64_t k = 0; stand_ == Stand::kFine && k < many; ++k) {
      const std::int64_t of = at(node + 3 + 3 * k);
      if (of >= 0 && std::find(taken.begin(), taken.end(), of) != taken.end()) continue;
      if (!holds(at(node + 4 + 3 * k))) continue;
      if (of >= 0) taken.push_back(of);
      row(table, at(node + 5 + 3 * k), fresh);
    }
    if (stand_ == Stand::kFine) made = append(table, fresh);
  } else {
    (void)none(Stand::kUnsound);
  }
  if (stand_ == Stand::kFine) done_.emplace(node, made);
  return made;
}

void Drafting::again() {
  stand_ = Stand::kFine;
  assumed_ = false;
  done_.clear();
}

void Drafting::price(std::int64_t node) {
  constexpr std::int64_t kHead = 13;
  const std::int64_t many = count(node);
  if (stand_ != Stand::kFine) return;
  std::array<std::int64_t, kHead> h{};
  for (std::int64_t k = 0; k < kHead; ++k) h[static_cast<std::size_t>(k)] = value(at(node + 1 + k));
  std::vector<FirstPayStep> steps;
  for (std::int64_t k = 0; stand_ == Stand::kFine && k < many; ++k) {
    const std::int64_t begin = node + 1 + kHead + 5 * k;
    if (!holds(at(begin))) continue;
    std::array<std::int64_t, 4> s{};
    for (std::int64_t i = 0; i < 4; ++i) s[static_cast<std::size_t>(i)] = value(at(begin + 1 + i));
    if (s[0] > kPpmOne || s[2] < 0 || s[2] > 2) (void)none(Stand::kUnsound);
    steps.push_back({static_cast<std::int32_t>(s[0]), s[1] != 0, static_cast<StepAt>(s[2]), static_cast<std::uint8_t>(s[3])});
  }
  if (stand_ != Stand::kFine) return;
  const auto small = [&](std::size_t begin, std::size_t end, std::int64_t below) {
    return std::all_of(h.begin() + static_cast<std::ptrdiff_t>(begin), h.begin() + static_cast<std::ptrdiff_t>(end),
                       [below](std::int64_t x) { return x >= 0 && x < below; });
  };
  const bool sound = (h[0] == 1 || h[0] == kGrid) && h[2] > 0 && h[4] > 0 && small(1, 2, 4) && small(3, 4, 4) &&
                     small(5, 6, static_cast<std::int64_t>(image_.draft_categories.size())) && small(6, 9, 2) && small(9, 12, 3) &&
                     small(12, 13, static_cast<std::int64_t>(image_.pricing.tag_map.size() / (image_.pricing.catalog_tags + 1)));
  if (!sound) {
    (void)none(Stand::kUnsound);
    return;
  }
  out_->steps = std::move(steps);
  out_->programs.push_back({h[0],
                            {static_cast<RoundMode>(h[1]), h[2]},
                            {static_cast<RoundMode>(h[3]), h[4]},
                            image_.draft_categories[static_cast<std::size_t>(h[5])],
                            {static_cast<PlaceRule>(h[6]), static_cast<PlaceRule>(h[7]), static_cast<PlaceRule>(h[8])},
                            {static_cast<DateRule>(h[9]), static_cast<DateRule>(h[10]), static_cast<DateRule>(h[11])},
                            0,
                            static_cast<std::uint32_t>(out_->steps.size()),
                            static_cast<std::uint32_t>(h[12])});
}

void Drafting::plan(std::int64_t node) {
  const std::int64_t found = value(node);
  if (stand_ != Stand::kFine) return;
  if (at(found) != kPlan) {
    (void)none(Stand::kUnsound);
    return;
  }
  const std::int64_t name = at(found + 1), fields = at(found + 2), many = count(found + 3);
  if (name < 0 || static_cast<std::size_t>(name) >= image_.draft_plans.size()) (void)none(Stand::kUnsound);
  std::int64_t next = 0;
  for (std::int64_t k = 0; stand_ == Stand::kFine && k < many; ++k) place_.push_back(holds(at(found + 4 + k)) ? next++ : -1);
  std::vector<std::int64_t> made;
  row(kPlans, fields, made);
  if (stand_ != Stand::kFine) return;
  std::vector<std::int64_t> keys;
  for (std::size_t k = 0; k < keys_.size(); ++k) {
    keys.insert(keys.end(), {keys_[k].counter, keys_[k].period, keys_[k].scope, keys_[k].scope == kOfAttribute ? 0 : -1});
    if (keys_[k].scope == kOfAttribute) out_->values.emplace_back(k, std::move(keys_[k].value));
  }
  auto& plan = *reinterpret_cast<PlanRow*>(made.data());
  std::tie(plan.key_begin, plan.key_end) = append(kKeys, keys);
  plan.fields = fields_;
  (void)append(kPlans, made);
  out_->policy = image_.draft_policies[static_cast<std::size_t>(name)];
  out_->plan = image_.draft_plans[static_cast<std::size_t>(name)];
}

std::unique_ptr<Made> Drafting::made() {
  auto out = std::make_unique<Made>();
  out_ = out.get();
  std::size_t document = 0;
  while (document < image_.draft_documents.size() && stand_ == Stand::kFine && !holds(image_.draft_documents[document].when)) ++document;
  if (stand_ != Stand::kFine) return nullptr;
  if (document == image_.draft_documents.size()) return out;
  const DraftDocument& draft = image_.draft_documents[document];
  InstanceRow& instance = out->instance;
  instance.document = static_cast<std::int32_t>(document);
  instance.reason = 0;
  instance.flags = value(draft.missing) != 0 ? 2 : 0;
  price(draft.price);
  if (stand_ == Stand::kUnsound) return nullptr;
  instance.price_flags = assumed_ ? 1 : 0;
  instance.program = stand_ == Stand::kFine ? 0 : -1;
  again();
  for (auto& table : out->rows) table.clear();
  plan(draft.plan);
  if (stand_ == Stand::kUnsound) return nullptr;
  out->pricing = {out->programs, out->steps, image_.pricing.tag_map, image_.pricing.catalog_tags, image_.pricing.tags};
  if (stand_ == Stand::kNoFigure) {
    instance.reason = static_cast<std::int32_t>(Reason::kNoFigure);
    return out;
  }
  instance.plan = 0;
  instance.flags |= assumed_ ? 1 : 0;
  const auto& r = out->rows;
  out->program = {rows_of<PlanRow>(r[kPlans]),     rows_of<LayerRow>(r[kLayers]),       rows_of<KeyRow>(r[kKeys]),
                  rows_of<FeedRow>(r[kFeeds]),     rows_of<BandRow>(r[kBands]),         rows_of<CeilingRow>(r[kCeilings]),
                  rows_of<BaseRow>(r[kBases]),     rows_of<StandardRow>(r[kStandards]), rows_of<EditRow>(r[kEdits]),
                  rows_of<AmountRow>(r[kAmounts]), rows_of<UptoRow>(r[kUptos]),         out->loose};
  const PlanRow& row = out->program.plans[0];
  if (invalid(out->program) != nullptr || !image_.sound(out->program)) return nullptr;
  if (row.document != instance.document) return nullptr;
  out->prepared.emplace(out->program);
  return out;
}

}  // namespace ybcore
