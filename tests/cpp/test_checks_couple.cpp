// K05 against a twin that looks at every partner of a person, and what is easily got wrong.
#include <algorithm>
#include <climits>
#include <cstdint>
#include <map>
#include <vector>

#include "check.hpp"
#include "draw.hpp"
#include "ybcore/checks/couple.hpp"

using namespace ybcore::checks;
using draw::Finding;
using draw::involved;
using draw::offending;

namespace {

struct Side {
  std::vector<std::int64_t> begin{0}, order, quantity;
  std::vector<std::int32_t> visit, day, self, entry, code;
  std::vector<std::uint8_t> sure;

  std::size_t size() const { return day.size(); }
  CoupleEvents events() const { return {begin, visit, day, order, quantity, self}; }
};

struct Case {
  Side triggers, partners;
  std::vector<std::uint64_t> words{0b0110, 0b1010};
  std::vector<std::int32_t> set{0, 1, -1, 0};
};

bool in_set(const Case& c, std::int32_t set, std::int32_t code) {
  return code >= 0 && (c.words[static_cast<std::size_t>(set)] >> code & 1) != 0;
}

bool near(const Case& c, const CoupleRule& rule, bool ordered, std::size_t i, std::size_t p) {
  const Side &t = c.triggers, &q = c.partners;
  if (rule.where == Where::kVisit) return t.visit[i] == q.visit[p];
  if (q.day[p] == INT32_MIN) return false;
  if (rule.where == Where::kDay) return t.day[i] == q.day[p];
  if (ordered && q.order[p] >= t.order[i]) return false;
  return q.day[p] <= t.day[i] && (rule.look_back_days < 0 || q.day[p] >= t.day[i] - rule.look_back_days);
}

std::vector<Finding> twin(const Case& c, const CoupleRule& rule, bool ordered, std::int64_t& unknown) {
  std::vector<Finding> out;
  const Side &t = c.triggers, &q = c.partners;
  for (std::size_t person = 0; person + 1 < t.begin.size(); ++person) {
    const auto pb = static_cast<std::size_t>(q.begin[person]), pe = static_cast<std::size_t>(q.begin[person + 1]);
    std::vector<std::pair<std::pair<std::int32_t, std::int32_t>, std::vector<std::size_t>>> groups;
    for (auto i = static_cast<std::size_t>(t.begin[person]); i < static_cast<std::size_t>(t.begin[person + 1]); ++i) {
      const std::int32_t entry = t.entry[i];
      if (entry == -1 || (entry >= 0 && c.set[static_cast<std::size_t>(entry)] < 0)) continue;
      const std::int32_t key = rule.where == Where::kVisit ? t.visit[i] : t.day[i];
      if (entry < 0 || (rule.where == Where::kVisit ? key < 0 : key == INT32_MIN)) {
        ++unknown;
        continue;
      }
      if (rule.per > 0) {
        const std::pair group{key, c.set[static_cast<std::size_t>(entry)]};
        const auto same = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.first == group; });
        same == groups.end() ? groups.push_back({group, {i}}) : same->second.push_back(i);
        continue;
      }
      Finding one{0, 0, entry, {offending(i)}};
      std::vector<std::size_t> with;
      for (std::size_t p = pb; p < pe; ++p)
        if (near(c, rule, ordered, i, p) && in_set(c, c.set[static_cast<std::size_t>(entry)], q.code[p]) &&
            (t.self[i] < 0 || t.self[i] != q.self[p]))
          with.push_back(p);
      if (with.empty() && t.sure[i] == 0) {
        ++unknown;
      } else if (with.empty() != rule.negate) {
        for (const std::size_t p : with) one.details.push_back(involved(t.size() + p));
        out.push_back(one);
      }
    }
    for (const auto& [key, lines] : groups) {
      Finding one{0, 0, t.entry[lines[0]], {}};
      std::int64_t total = 0;
      std::vector<std::size_t> with;
      for (std::size_t p = pb; p < pe; ++p) {
        const bool own = std::any_of(lines.begin(), lines.end(), [&](std::size_t i) { return t.self[i] >= 0 && t.self[i] == q.self[p]; });
        if (!own && near(c, rule, false, lines[0], p) && in_set(c, c.set[static_cast<std::size_t>(one.entry)], q.code[p]))
          with.push_back(p), total += q.quantity[p];
      }
      for (const std::size_t i : lines) one.measure += t.quantity[i];
      one.limit = total / rule.per * rule.units;
      std::int64_t beyond = one.measure - one.limit;
      if (beyond <= 0) continue;
      for (std::size_t k = lines.size(); k-- > 0;) {
        const std::int64_t part = std::min(beyond, t.quantity[lines[k]]);
        if (part > 0) one.details.insert(one.details.begin(), offending(lines[k], part)), beyond -= part;
      }
      for (const std::size_t p : with) one.details.push_back(involved(t.size() + p));
      out.push_back(one);
    }
  }
  return out;
}

void fill(Side& side, draw::Numbers& random, std::size_t persons, std::int64_t most) {
  std::int64_t self = 0;
  for (std::size_t p = 0; p < persons; ++p) {
    const auto own = random.between<std::size_t>(0, most);
    std::int32_t day = random.one_in(3) ? INT32_MIN : -2;
    for (std::size_t i = 0; i < own; ++i) {
      if (day != INT32_MIN || random.one_in(2)) day = std::max(day, -2) + random.between(0, 2);
      side.day.push_back(day);
      side.order.push_back(day);
      side.visit.push_back(random.between(-1, 2));
      side.self.push_back(random.one_in(3) ? -1 : static_cast<std::int32_t>(self++ % 9));
      side.entry.push_back(random.between(-2, 3));
      side.code.push_back(random.between(-1, 3));
      side.sure.push_back(random.between<std::uint8_t>(0, 1));
      side.quantity.push_back(random.between<std::int64_t>(0, 4));
    }
    side.begin.push_back(static_cast<std::int64_t>(side.size()));
  }
}

void against_the_twin(std::uint64_t seed) {
  draw::Numbers random(seed);
  Case c;
  const std::size_t persons = seed % 6;
  fill(c.triggers, random, persons, 8);
  fill(c.partners, random, persons, 8);
  for (const Where where : {Where::kVisit, Where::kDay, Where::kHistory})
    for (const int back : {-1, 0, 2})
      for (const int way : {0, 1, 2}) {
        if (way == 2 && where == Where::kHistory) continue;
        const CoupleRule rule{{c.words, 1}, c.set, where, back, way == 1, 2, way == 2 ? 3 : 0};
        const bool ordered = seed % 2 == 0;
        std::int64_t unknown = 0;
        const auto wanted = twin(c, rule, ordered, unknown);
        CoupleEvents t = c.triggers.events(), p = c.partners.events();
        if (!ordered) t.order = {}, p.order = {};
        for (const int threads : {1, 2, 7}) {
          const Found found = couple({t, c.triggers.entry, c.triggers.sure}, {p, c.partners.code}, rule, threads);
          CHECK(draw::listed(found) == wanted);
          CHECK_EQ(found.unknown, unknown);
        }
      }
}

void by_hand() {
  // A look-back of 7 days: partners on day 0, triggers on days 6, 7 and 8.
  Case c;
  c.triggers.begin = {0, 3}, c.triggers.day = {6, 7, 8};
  c.partners.begin = {0, 1}, c.partners.day = {0}, c.partners.code = {1};
  CoupleRule rule{{c.words, 1}, c.set, Where::kHistory, 7, false, 0, 0};
  const auto found = [&] { return draw::listed(couple({c.triggers.events(), {}, {}}, {c.partners.events(), c.partners.code}, rule, 1)); };
  CHECK(found() == (std::vector<Finding>{{0, 0, -1, {offending(2)}}}));
  rule.negate = true;
  CHECK(found() == (std::vector<Finding>{{0, 0, -1, {offending(0), involved(3)}}, {0, 0, -1, {offending(1), involved(3)}}}));
  // Two films for every whole examination: four for two and a half.
  c.triggers.begin = {0, 2}, c.triggers.day = {1, 1}, c.triggers.quantity = {30'000, 20'000};
  c.partners.day = {1}, c.partners.quantity = {25'000};
  rule = {{c.words, 1}, c.set, Where::kDay, -1, false, 20'000, 10'000};
  CHECK(found() == (std::vector<Finding>{{50'000, 40'000, -1, {offending(1, 10'000), involved(2)}}}));
  c.triggers.quantity = {std::int64_t{1} << 62, std::int64_t{1} << 62};
  c.partners.quantity = {(std::int64_t{1} << 62) + 10'000};
  CHECK_EQ(found().size(), 0U);
  rule.units = 1;
  CHECK(found().size() == 1 && found()[0].measure == INT64_MAX);
  CHECK_EQ(couple({}, {}, rule, 3).size(), 0U);
}

}  // namespace

int main() {
  for (int round = 1; round <= check::rounds(100); ++round) against_the_twin(static_cast<std::uint64_t>(round));
  by_hand();
  return check::result();
}
