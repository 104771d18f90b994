// Findings of the rules that have some: their money, their names, and what they take from each line (docs/checks.md section 4).
#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <tuple>

#include "spot_counted.hpp"
#include "spot_rules.hpp"
#include "ybcore/checks/moved.hpp"
#include "ybcore/checks/names.hpp"

namespace ybcore::checks {
namespace {

using spot::Batch;
using spot::Raw;
using spot::Rows;

constexpr std::uint8_t kDeny = 1, kSuspect = 2;

// What every kernel reads of a rule lies far away when others work between two calls.
void ask_for(const SpotRule& rule) noexcept {
  const auto* at = reinterpret_cast<const char*>(&rule);
  for (std::size_t line = 0; line < 512; line += 64) __builtin_prefetch(at + line);
}

// One row of a finding.
struct Detail {
  std::int32_t row = 0;
  bool line = false, offends = false;
  std::int64_t place = 0, count = kUnknown, amount = 0, paid = 0;
};

struct Hit {
  std::int32_t rule = 0;
  std::int64_t measure = 0, limit = 0, begin = kUnknown, end = kUnknown, severity = 0;  // begin is the kernel's, and in the name
  std::int32_t entry = -1, counting = 0;
  spot::CountedIn::Bounds bounds{kUnknown, kUnknown};
  bool suspect = false;
  std::string what, name;
  std::vector<Detail> details;

  [[nodiscard]] std::uint8_t disposition(const SpotRule& own) const { return suspect ? kSuspect : own.disposition; }
};

class Findings {
 public:
  Findings(const SpotBook& book, Batch& batch) : book_(book), b_(batch), counted_in_(batch) {}

  // Those of one rule; those that only offend in the history are left out. Their number.
  std::size_t take(std::int32_t number, const Raw& raw) {
    const SpotRule& rule = book_.rules[static_cast<std::size_t>(number)];
    const std::size_t before = hits_.size();
    for (std::size_t f = 0; f < raw.found.size(); ++f) {
      Hit hit;
      hit.rule = number;
      hit.measure = raw.found.measure[f];
      hit.limit = raw.found.limit[f];
      hit.begin = raw.found.begin[f];
      hit.end = raw.found.end[f];
      hit.severity = rule.severity;
      hit.entry = raw.found.entry[f];
      hit.counting = raw.counting.empty() ? 0 : raw.counting[f];
      if (!raw.severity.empty() && raw.severity[f] != 0) hit.severity = raw.severity[f];
      hit.suspect = (!raw.suspect.empty() && raw.suspect[f] != 0) ||
                    (hit.entry >= 0 && !rule.suspect.empty() && rule.suspect[static_cast<std::size_t>(hit.entry)] != 0);
      if (!raw.what.empty()) hit.what = raw.what[f];
      bool fresh = false, any = false;
      for (auto d = static_cast<std::size_t>(raw.found.details[f]); d < static_cast<std::size_t>(raw.found.details[f + 1]); ++d) {
        Detail one{raw.rows[static_cast<std::size_t>(raw.found.event[d])], raw.on_lines, raw.found.part[d] == Part::kOffending};
        one.place = one.line ? b_.place_of[at(one.row)] : b_.place_of_visit[at(one.row)];
        if (one.offends) {
          any = true;
          fresh = fresh || b_.history[visit_of(one)] == 0;
          if (one.line) price(rule, raw, one, raw.found.excess[d], f);
        }
        hit.details.push_back(one);
      }
      if (book_.before && any && !fresh) continue;
      std::stable_sort(hit.details.begin(), hit.details.end(), [](const Detail& a, const Detail& b) {
        return std::tuple(!a.offends, a.line, a.place) < std::tuple(!b.offends, b.line, b.place);
      });
      hit.bounds = bounds_of(rule, hit);
      hits_.push_back(std::move(hit));
    }
    return hits_.size() - before;
  }

  // Lines that the rule's findings deny as a whole.
  void deny(std::int32_t number, std::vector<std::uint8_t>& denied) const {
    const SpotRule& rule = book_.rules[static_cast<std::size_t>(number)];
    if (rule.disposition > kDeny || rule.shadow) return;
    for (const Hit& hit : hits_)
      for (const Detail& one : hit.details)
        if (hit.rule == number && !hit.suspect && one.offends && one.line && one.amount >= b_.amount[at(one.row)]) denied[at(one.row)] = 1;
  }

  [[nodiscard]] SpotFindings done() {
    give_names();
    pay();
    std::stable_sort(hits_.begin(), hits_.end(),
                     [](const Hit& a, const Hit& b) { return std::tie(a.rule, a.name) < std::tie(b.rule, b.name); });
    SpotFindings out;
    for (const Hit& hit : hits_) tell(hit, out);
    return out;
  }

 private:
  static std::size_t at(std::int32_t row) noexcept { return static_cast<std::size_t>(row); }
  [[nodiscard]] std::size_t visit_of(const Detail& one) const { return at(one.line ? b_.line_visit[at(one.row)] : one.row); }

  [[nodiscard]] spot::CountedIn::Bounds bounds_of(const SpotRule& rule, const Hit& hit) {
    if (rule.countings.empty() || rule.countings[at(hit.counting)].how == SpotHow::kGiven) return {hit.begin, hit.end};
    spot::CountedRows found{hit.details.front().line, {}, 0, false};
    for (const Detail& one : hit.details) {
      found.rows.push_back(one.row);
      if (one.offends) found.involved = found.rows.size();
    }
    found.shared = hit.entry >= 0 && !rule.figures.empty() && rule.figures[at(hit.entry)] != kUnknown;
    return counted_in_.of(rule.countings[at(hit.counting)], hit.measure, found);
  }

  void price(const SpotRule& rule, const Raw& raw, Detail& one, std::int64_t beyond, std::size_t f) const {
    const std::int64_t net = b_.amount[at(one.row)], quantity = b_.quantity[at(one.row)];
    if (!raw.money) beyond = quantity > 0 ? beyond : kWhole;  // of a line of nothing, or less, no part can be told
    one.count = beyond == kWhole ? quantity : raw.money ? kUnknown : beyond;
    switch (rule.amount) {
      case SpotAmount::kPrice:
        one.amount = std::max<std::int64_t>(0, net - raw.expected[f]);
        break;
      case SpotAmount::kExcess:
        if (raw.money) {
          one.amount = beyond == kWhole ? net : beyond;
        } else {
          const std::int64_t size = net < 0 ? -net : net, many = std::max<std::int64_t>(quantity, 0);
          shares({&size, 1}, {&many, 1}, {&beyond, 1}, {&one.amount, 1});
          if (net < 0) one.amount = -one.amount;
        }
        break;
      case SpotAmount::kWholeLine:
        one.amount = net;
        break;
      default:
        break;
    }
  }

  // `setl_id`, or `setl_id/feedetl_sn` of lines (`#place` in the visit where they have none).
  [[nodiscard]] std::string row_name(const Detail& one) const {
    const SpotColumn *visits = b_.column(SpotTable::kVisits, "setl_id"), *lines = b_.column(SpotTable::kLines, "feedetl_sn");
    const std::size_t visit = visit_of(one);
    std::string out(visits->text[at(visits->code[visit])]);
    if (!one.line) return out;
    if (lines != nullptr && lines->code[at(one.row)] >= 0) return out + "/" + std::string(lines->text[at(lines->code[at(one.row)])]);
    const auto first = b_.line_visit.begin();
    return out + "/#" + std::to_string(std::count(first, first + one.row + 1, static_cast<std::int32_t>(visit)));
  }

  void give_names() {
    struct Run {
      std::vector<std::int64_t> offsets{0};
      std::string bytes;
      void add(std::string_view text) {
        bytes += text;
        offsets.push_back(static_cast<std::int64_t>(bytes.size()));
      }
      [[nodiscard]] checks::Texts texts() const { return {offsets, bytes.data()}; }
    } rules, what, rows;
    std::vector<std::int32_t> rule;
    std::vector<std::int64_t> begin, own{0};
    for (const Hit& hit : hits_) {
      rule.push_back(static_cast<std::int32_t>(rule.size()));
      rules.add(book_.rules[at(hit.rule)].id);
      what.add(hit.what);
      begin.push_back(hit.begin);
      for (const Detail& one : hit.details)
        if (one.offends) rows.add(row_name(one));
      own.push_back(static_cast<std::int64_t>(rows.offsets.size()) - 1);
    }
    std::string names(hits_.size() * kNameSize, ' ');
    names_of({rules.texts(), rule, what.texts(), begin, own, rows.texts()}, names, 1);
    for (std::size_t i = 0; i < hits_.size(); ++i) hits_[i].name = names.substr(i * kNameSize, kNameSize);
  }

  // Each line is moved once: by priority, disposition, severity and rule, then time, place and name.
  void pay() {
    std::vector<std::int64_t> left = b_.amount, counted(b_.amount.size(), 0);
    if (const SpotColumn* denied = b_.column(SpotTable::kLines, "deny_flag"))
      for (std::size_t line = 0; line < left.size(); ++line)
        if (denied->number[line] == 1) left[line] = 0;
    std::vector<std::size_t> by;
    using Rank = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int32_t, std::int64_t, std::int64_t, std::string_view>;
    std::vector<Rank> rank;
    for (std::size_t i = 0; i < hits_.size(); ++i) {
      const SpotRule& rule = book_.rules[at(hits_[i].rule)];
      std::pair<std::int64_t, std::int64_t> first{-1, -1};
      bool any = false;
      for (const Detail& one : hits_[i].details) {
        if (!one.offends) continue;
        const std::pair<std::int64_t, std::int64_t> mine =
            one.line ? std::pair{b_.line_time[at(one.row)], static_cast<std::int64_t>(b_.visits) + one.place}
                     : std::pair{b_.begin[at(one.row)], one.place};
        if (!any || mine < first) first = mine;
        any = true;
      }
      rank.emplace_back(rule.priority, hits_[i].disposition(rule), hits_[i].severity, hits_[i].rule, first.first, first.second,
                        hits_[i].name);
      if (hits_[i].disposition(rule) <= kDeny && !rule.shadow) by.push_back(i);
    }
    std::sort(by.begin(), by.end(), [&](std::size_t a, std::size_t b) { return rank[a] < rank[b]; });
    for (const std::size_t i : by)
      for (Detail& one : hits_[i].details) {
        if (!one.line || !one.offends || (book_.before && b_.history[visit_of(one)] != 0)) continue;
        const bool of_quantity = book_.rules[at(hits_[i].rule)].amount == SpotAmount::kExcess && one.count != kUnknown;
        one.paid = checks::take(one.amount, of_quantity, left[at(one.row)], counted[at(one.row)]);
      }
  }

  void tell(const Hit& hit, SpotFindings& out) const {
    const SpotRule& rule = book_.rules[at(hit.rule)];
    out.rule.push_back(hit.rule);
    out.name.push_back(hit.name);
    const Detail& first = hit.details.front();
    out.visit.push_back(static_cast<std::int64_t>(visit_of(first)));
    out.doctor.push_back(first.line ? b_.doctor[at(first.row)] : b_.attending[at(first.row)]);
    out.disposition.push_back(hit.disposition(rule));
    out.severity.push_back(hit.severity);
    out.measure.push_back(hit.measure);
    out.limit.push_back(hit.limit);
    out.counting.push_back(hit.counting);
    out.begin.push_back(hit.bounds.first);
    out.end.push_back(hit.bounds.second);
    out.entry.push_back(hit.entry);
    std::int64_t sum = 0;
    for (const Detail& one : hit.details) {
      sum += one.offends ? one.amount : 0;
      out.row.push_back(one.line ? one.row : -1);
      out.detail_visit.push_back(static_cast<std::int64_t>(visit_of(one)));
      out.part.push_back(one.offends ? 1 : 2);
      out.count.push_back(one.offends && one.line ? one.count : kUnknown);
      out.money.push_back(one.offends ? one.amount : 0);
      out.paid.push_back(one.paid);
    }
    out.amount.push_back(sum);
    out.details.push_back(static_cast<std::int64_t>(out.row.size()));
  }

  const SpotBook& book_;
  Batch& b_;
  spot::CountedIn counted_in_;
  std::vector<Hit> hits_;
};

}  // namespace

std::int32_t SpotBook::find(SpotTable table, std::string_view name) const {
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].table == table && columns[i].name.size() == name.size() && columns[i].name.back() == name.back() &&
        columns[i].name == name)
      return static_cast<std::int32_t>(i);
  return -1;
}

void SpotBook::make_sets() {
  const std::size_t size = items.size();
  set_words = std::max<std::size_t>(1, (masks.size() + tables.size() + 63) / 64);
  sets.assign(size * set_words, 0);
  const auto name = [&](std::size_t item, std::size_t set) { sets[item * set_words + set / 64] |= std::uint64_t{1} << (set % 64); };
  for (std::size_t m = 0; m < masks.size(); ++m)
    for (std::size_t item = 0; item < size; ++item)
      if (masks[m][item] != 0) name(item, m);
  for (std::size_t t = 0; t < tables.size(); ++t)
    for (std::size_t item = 0; item < size; ++item)
      if (tables[t].start[item] < tables[t].start[item + 1]) name(item, masks.size() + t);
  for (SpotRule& rule : rules) {
    if (rule.items.among == SpotAmong::kMask) rule.items.set = rule.items.mask;
    if (rule.items.among == SpotAmong::kRows) rule.items.set = static_cast<std::int32_t>(masks.size()) + rule.items.table;
  }
}

SpotSeen look(const SpotBook& book, const SpotInput& input, std::span<const std::uint8_t> running,
              std::span<const std::uint8_t> running_by_day) {
  SpotSeen out;
  Batch batch(book, input);
  out.usable = batch.usable;
  if (!out.usable) return out;
  out.lost = batch.lost;
  out.any_doctor = !batch.doctors().empty();
  out.time_of_day = batch.time_of_day;
  spot::Rules rules(batch);
  Findings findings(book, batch);
  const auto runs = batch.time_of_day ? running : running_by_day;
  for (std::size_t r = 0; r < book.rules.size(); ++r) {
    if (runs[r] == 0) continue;
    const SpotRule& rule = book.rules[r];
    if (r + 1 < book.rules.size()) ask_for(book.rules[r + 1]);
    const auto number = static_cast<std::int32_t>(r);
    Raw raw;
    const spot::Answer answer = rules.ask(rule, raw);
    if (answer == spot::Answer::kMay) out.may.push_back(number);
    if (answer != spot::Answer::kFound || findings.take(number, raw) == 0) continue;
    out.hit.push_back(number);
    findings.deny(number, rules.denied);
    const bool related = std::any_of(rule.relations.begin(), rule.relations.end(),
                                     [&](std::int32_t other) { return std::find(out.hit.begin(), out.hit.end(), other) != out.hit.end(); });
    if (rule.apart || related) out.may.push_back(number);
  }
  if (out.may.empty()) out.findings = findings.done();
  return out;
}

}  // namespace ybcore::checks
