// Fee lines against a dated catalogue: natures of each event and every column of the lines.
#include <climits>
#include <vector>

#include "digest.hpp"
#include "random.hpp"
#include "stages.hpp"
#include "ybcore/pricing.hpp"

namespace ybcore::bench {
namespace {

constexpr std::int32_t kFirstDay = 19'358;  // 2023-01-01
constexpr std::int32_t kDays = 730;
constexpr std::int32_t kPlaces = 5;
constexpr std::int32_t kCatalogTags = 2;
constexpr std::size_t kTags = 1;

// One dated table while it is drawn: rows by item, place, key and day.
struct Dated {
  std::vector<std::int32_t> item, place, key, begin, end;

  // From one to three periods that follow each other, sometimes with a gap. Returns how many.
  std::size_t periods(Random& random, std::int32_t of, std::int32_t at, std::int32_t by) {
    const auto count = random.between<std::size_t>(1, 3);
    std::int32_t from = random.in_thousand(900) ? INT32_MIN : kFirstDay + 30;
    for (std::size_t i = 0; i < count; ++i) {
      const auto length = random.between<std::int32_t>(60, 400);
      const std::int32_t to = i + 1 == count ? INT32_MAX : (from == INT32_MIN ? kFirstDay : from) + length;
      item.push_back(of);
      place.push_back(at);
      key.push_back(by);
      begin.push_back(from);
      end.push_back(to);
      from = random.in_thousand(50) && to != INT32_MAX ? to + 5 : to;
    }
    return count;
  }
  [[nodiscard]] DatedColumns view(bool keyed) const {
    DatedColumns columns{};
    columns.item = item;
    columns.place = place;
    if (keyed) columns.key = key;
    columns.begin = begin;
    columns.end = end;
    return columns;
  }
};

struct Tables {
  Dated classes, ratios, caps;
  std::vector<std::int32_t> class_ratio, tag, ratio;
  std::vector<std::uint8_t> item_class, direct;
  std::vector<std::int64_t> cap;

  Tables(Random& random, std::int32_t items) {
    for (std::int32_t item = 0; item < items; ++item) {
      const auto kind = random.between<std::uint8_t>(1, 10);
      const bool moves = random.in_thousand(20);
      const auto tagged = random.in_thousand(100) ? random.between<std::int32_t>(1, kCatalogTags) : 0;
      for (const std::int32_t place : {kAnywhere, item % kPlaces}) {
        if (place != kAnywhere && !random.in_thousand(300)) continue;
        for (std::size_t n = classes.periods(random, item, place, kAnyKey); n > 0; --n) {
          item_class.push_back(kind < 4 ? 1 : kind < 10 ? 2 : 3);
          class_ratio.push_back(random.in_thousand(900) ? random.between<std::int32_t>(1, 40) * 12'345 : -1);
          direct.push_back(moves ? 1 : 0);
          tag.push_back(tagged);
        }
        for (const std::int32_t key : {kAnyKey, 0, 1}) {
          if (random.in_thousand(150))
            for (std::size_t n = ratios.periods(random, item, place, key); n > 0; --n)
              ratio.push_back(random.between<std::int32_t>(0, 20) * 50'000);
          if (random.in_thousand(200))
            for (std::size_t n = caps.periods(random, item, place, key); n > 0; --n) cap.push_back(random.between(1, 90'000) * 12'500);
        }
      }
    }
  }
  [[nodiscard]] Catalog catalog(std::size_t items) const {
    return Catalog(items, classes.view(false), class_ratio, item_class, direct, tag, ratios.view(true), ratio, caps.view(true), cap);
  }
};

// Lines of visits, with returns, refusals and split stays.
struct Bills {
  std::vector<std::int64_t> line_begin{0}, quantity, amount, price, cut_begin{0};
  std::vector<std::int32_t> enddate, setl_day, treatment, insured, cuts, item, day;
  std::vector<std::int8_t> deny, approved;

  Bills(Random& random, std::size_t visits, std::int32_t items) {
    for (std::size_t v = 0; v < visits; ++v) {
      const auto end = random.between<std::int32_t>(kFirstDay, kFirstDay + kDays);
      enddate.push_back(end);
      setl_day.push_back(end + random.between<std::int32_t>(0, 9));
      treatment.push_back(random.between<std::int32_t>(-1, kPlaces - 1));
      insured.push_back(random.between<std::int32_t>(0, kPlaces - 1));
      const bool split = random.in_thousand(40);
      if (split) cuts.insert(cuts.end(), {end - 12, end - 4});
      cut_begin.push_back(static_cast<std::int64_t>(cuts.size()));
      const auto first = static_cast<std::int64_t>(item.size());
      for (auto n = random.between(0, 20); n > 0; --n) line(random, items, end, first);
      line_begin.push_back(static_cast<std::int64_t>(item.size()));
    }
  }
  [[nodiscard]] PricingVisits visits() const {
    PricingVisits view{};
    view.line_begin = line_begin;
    view.enddate = enddate;
    view.setl_day = setl_day;
    view.treatment = treatment;
    view.insured = insured;
    return view;
  }
  [[nodiscard]] PricingLines lines() const {
    PricingLines view{};
    view.item = item;
    view.day = day;
    view.quantity = quantity;
    view.amount = amount;
    view.price = price;
    view.deny = deny;
    view.approved = approved;
    return view;
  }

 private:
  void line(Random& random, std::int32_t items, std::int32_t end, std::int64_t first) {
    const auto here = static_cast<std::int64_t>(item.size());
    bool denied = false, refused = false;
    if (here > first && random.in_thousand(30)) {  // an earlier line is returned
      const std::int64_t back = random.between(first, here - 1);
      const auto at = static_cast<std::size_t>(back);
      item.push_back(item[at]);
      day.push_back(day[at]);  // of the day of the line that it returns, and denied as it is
      denied = deny[at] == 1;
      refused = approved[at] == 2;
      quantity.push_back(quantity[at] == INT64_MIN ? INT64_MIN : -quantity[at]);
      amount.push_back(-amount[at]);
      price.push_back(price[at]);
    } else {
      const bool known = !random.in_thousand(15);
      item.push_back(known ? random.between<std::int32_t>(0, items - 1) : -1);
      const bool dated = random.in_thousand(800);
      const auto before = random.between<std::int32_t>(0, 20);
      day.push_back(dated ? end - before : kNullDay);
      const bool counted = random.in_thousand(950);
      const auto pieces = random.between(1, 30);
      quantity.push_back(counted ? pieces * 2'500 : INT64_MIN);
      const auto each = random.between(1, 30'000);
      amount.push_back(each * pieces / 4);
      price.push_back(random.in_thousand(970) ? each * 10'000 : INT64_MIN);
    }
    deny.push_back(random.in_thousand(10) || denied ? 1 : 0);
    approved.push_back(random.in_thousand(10) || refused ? 2 : 0);
  }
};

// Four ways to read the same lines: by line, by class, by visit, and on the grid of parts of a fen.
struct Programs {
  std::vector<PricingProgram> programs;
  std::vector<FirstPayStep> steps;
  std::vector<std::uint16_t> tag_map{0, 1, 0, 0, 0, 1};

  Programs() {
    add(1, -1, {{-1, false, StepAt::kLine, 3}});
    add(1, 0, {{-1, false, StepAt::kLine, 3}, {50'000, true, StepAt::kVisit, 2}});
    add(1, 1, {{-1, false, StepAt::kClass, 3}});
    add(1'000'000, 1, {{-1, false, StepAt::kLine, 3}, {30'000, false, StepAt::kLine, 1}});
    programs[1].place[kRatioLookup] = PlaceRule::kInsured;
    programs[1].date[kCapLookup] = DateRule::kDischarge;
    programs[2].date[kClassLookup] = DateRule::kSettlement;
    programs[2].line.mode = RoundMode::kDown;
    programs[3].tag_row = 1;
  }
  [[nodiscard]] PricingTables view() const {
    PricingTables tables{};
    tables.programs = programs;
    tables.steps = steps;
    tables.tag_map = tag_map;
    tables.catalog_tags = kCatalogTags;
    tables.tags = kTags;
    return tables;
  }

 private:
  void add(std::int64_t scale, std::int32_t category, std::initializer_list<FirstPayStep> own) {
    PricingProgram p{};
    p.scale = scale;
    p.line = p.sums = {RoundMode::kHalfUp, 1};
    p.category = category;
    p.first_step = static_cast<std::uint32_t>(steps.size());
    steps.insert(steps.end(), own);
    p.last_step = static_cast<std::uint32_t>(steps.size());
    programs.push_back(p);
  }
};

struct Priced {
  std::vector<std::int64_t> natures, full, over, first, scope, cap, total;
  std::vector<std::uint8_t> flags, item_class, reason, bad;
  std::vector<std::int32_t> ratio;

  void reset(std::size_t visits, std::size_t events, std::size_t lines) {
    natures.assign(events * nature_stride(kTags), 0);
    for (auto* column : {&full, &over, &first, &scope, &cap}) column->assign(lines, 0);
    for (auto* column : {&item_class, &reason}) column->assign(lines, 0);
    ratio.assign(lines, 0);
    flags.assign(visits, 0);
    bad.assign(visits, 0);
    total.assign(visits, 0);
  }
  [[nodiscard]] PricingOutput view(bool line_output) {
    PricingOutput out{};
    out.natures = natures;
    out.flags = flags;
    if (!line_output) return out;
    out.full = full;
    out.over = over;
    out.first = first;
    out.scope = scope;
    out.item_class = item_class;
    out.ratio = ratio;
    out.cap = cap;
    out.reason = reason;
    return out;
  }
  [[nodiscard]] std::uint64_t digest(const Parts& parts) const {
    Digest d;
    for (const auto* column : {&natures, &full, &over, &first, &scope, &cap, &total, &parts.event_begin}) d.column(*column);
    for (const auto* column : {&flags, &item_class, &reason, &bad}) d.column(*column);
    for (const auto* column : {&ratio, &parts.low, &parts.before}) d.column(*column);
    return d.value();
  }
};

}  // namespace

namespace {

Done priced(const Settings& settings, bool line_output) {
  Random random(1);
  const auto items = static_cast<std::int32_t>(settings.of(3'000));
  const std::size_t visits = settings.of(20'000);
  const Tables tables(random, items);
  const Bills bills(random, visits, items);
  const Programs programs;
  // Parts decide how many events there are, so their number is known before the rounds.
  const Parts shape = keep_parts(bills.visits(), bills.lines(), bills.cut_begin, bills.cuts);
  std::vector<std::int32_t> program, level;
  for (std::size_t e = 0; e < shape.low.size(); ++e) {
    program.push_back(random.in_thousand(10) ? -1 : random.between<std::int32_t>(0, 3));
    level.push_back(random.between<std::int32_t>(-1, 1));
  }

  Done done;
  Priced out;
  Parts parts;
  const PricingLines lines = bills.lines();
  repeat(
      settings, done, [&] { out.reset(visits, shape.low.size(), bills.item.size()); },
      [&] {
        const Catalog catalog = tables.catalog(static_cast<std::size_t>(items));
        PricingVisits view = bills.visits();
        line_totals(view, lines, out.total, out.bad, settings.threads);
        parts = keep_parts(view, lines, bills.cut_begin, bills.cuts);
        view.event_begin = parts.event_begin;
        PricingEvents events{};
        events.program = program;
        events.level = level;
        events.before = parts.before;
        price_all(catalog, programs.view(), view, events, lines, out.view(line_output), settings.threads);
      });
  std::int64_t sum = 0;
  std::size_t refused = 0;
  for (std::size_t n = 3; n < out.natures.size(); n += nature_stride(kTags)) sum += out.natures[n];
  std::size_t flagged = 0;
  for (const std::uint8_t why : out.reason) refused += why != kLineOk ? 1U : 0U;
  for (const std::uint8_t flag : out.flags) flagged += flag != 0 ? 1U : 0U;
  done.digest = out.digest(parts);
  done.told = "visits=" + std::to_string(visits) + " events=" + std::to_string(parts.low.size()) +
              " lines=" + std::to_string(bills.item.size()) + " flagged=" + std::to_string(flagged) + " scope=" + std::to_string(sum);
  if (line_output) done.told += " refused=" + std::to_string(refused);
  return done;
}

}  // namespace

Done price(const Settings& settings) { return priced(settings, true); }
// Without a row for every line: through the catalogue compiled for the batch.
Done sums(const Settings& settings) { return priced(settings, false); }

}  // namespace ybcore::bench
