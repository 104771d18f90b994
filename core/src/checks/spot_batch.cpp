#include "spot_batch.hpp"

#include <algorithm>
#include <climits>
#include <numeric>
#include <tuple>

#include "ybcore/checks/net.hpp"
#include "ybcore/in_turn.hpp"

namespace ybcore::checks::spot {
namespace {

[[nodiscard]] std::int32_t day_of(std::int64_t time) noexcept {
  if (time == kUnknown) return kNoDay;
  const std::int64_t rest = time % kDayMicros;
  return static_cast<std::int32_t>((time - rest) / kDayMicros - (rest < 0 ? 1 : 0));
}

}  // namespace

void Chosen::only(const std::vector<std::uint8_t>& keep) {
  std::size_t to = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (keep[i] == 0) continue;
    rows[to] = rows[i];
    if (entries) entry[to] = entry[i];
    ++to;
  }
  rows.resize(to);
  if (entries) entry.resize(to);
}

Batch::Batch(const SpotBook& rules, const SpotInput& cells)
    : book(rules),
      input(cells),
      visits(cells.rows[0]),
      lines(cells.rows[1]),
      texts_(rules.attributes.size()),
      truths_(rules.scopes.size()),
      lists_(rules.lists.size()) {  // clang-format: one line
  ids();
  if (!usable) return;
  times();
  standing();
  put_in_order();
  if (usable) net();
}

const SpotColumn* Batch::column(SpotTable table, std::string_view name) const {
  const std::int32_t at = book.find(table, name);
  if (at < 0 || !input.columns[static_cast<std::size_t>(at)].there) return nullptr;
  return &input.columns[static_cast<std::size_t>(at)];
}

std::vector<std::int32_t> Batch::ids_of(SpotTable table, std::string_view name, std::size_t rows_there) const {
  const SpotColumn* found = column(table, name);
  return found == nullptr ? std::vector<std::int32_t>(rows_there, -1) : std::vector(found->code.begin(), found->code.end());
}

void Batch::ids() {
  const SpotColumn *setl = column(SpotTable::kVisits, "setl_id"), *person = column(SpotTable::kVisits, "psn_no");
  if (setl == nullptr || person == nullptr || visits == 0 || persons_overlap()) {
    usable = false;
    return;
  }
  first_of_setl_.assign(setl->text.size() + 1, -1);
  for (std::size_t v = visits; v-- > 0;)
    if (setl->code[v] >= 0) first_of_setl_[static_cast<std::size_t>(setl->code[v])] = static_cast<std::int32_t>(v);
  psn.assign(person->code.begin(), person->code.end());
  persons = person->text.size();
  const auto own = ids_of(SpotTable::kVisits, "mdtrt_id", visits);
  const SpotColumn* stays = column(SpotTable::kVisits, "mdtrt_id");
  const auto named = static_cast<std::int32_t>(stays == nullptr ? 0 : stays->text.size());
  stay.reserve(visits);
  for (std::size_t v = 0; v < visits; ++v) stay.push_back(own[v] >= 0 ? own[v] : named + static_cast<std::int32_t>(v));
  line_visit.reserve(lines);
  linked = ids_of(SpotTable::kVisits, "refl_old_mdtrt_id", visits);
  hospital = ids_of(SpotTable::kVisits, "fixmedins_code", visits);
  attending = ids_of(SpotTable::kVisits, "atddr_no", visits);
  doctor = ids_of(SpotTable::kLines, "bilg_dr_codg", lines);
  item = ids_of(SpotTable::kLines, "med_list_codg", lines);
  item_ = column(SpotTable::kLines, "med_list_codg");
  for (const auto& [table, name] : {std::pair{SpotTable::kLines, "bilg_dr_codg"}, std::pair{SpotTable::kVisits, "atddr_no"},
                                    std::pair{SpotTable::kOperations, "oper_dr_code"}})
    if (const SpotColumn* found = column(table, name)) doctors_ = found->text;
  for (const SpotTable table : {SpotTable::kLines, SpotTable::kDiagnoses, SpotTable::kOperations, SpotTable::kLabs}) {
    if (!input.given[static_cast<std::size_t>(table)]) continue;
    const SpotColumn* names = column(table, "setl_id");
    if (names == nullptr) {
      usable = false;
      return;
    }
    for (const std::int32_t number : names->code) {
      const std::int32_t visit = number < 0 ? -1 : first_of_setl_[static_cast<std::size_t>(number)];
      if (visit < 0) usable = false;  // it is told
      if (table == SpotTable::kLines) line_visit.push_back(visit);
    }
  }
  kept.assign(items(), -1);
  if (item_ == nullptr) return;
  book.items.find(item_->text, kept);
  const std::size_t words = book.set_words;
  for (const std::int32_t number : kept)
    if (number >= 0) __builtin_prefetch(&book.sets[static_cast<std::size_t>(number) * words]);
  sets.assign(items() * words, 0);
  for (std::size_t code = 0; code < items(); ++code)
    if (kept[code] >= 0)
      std::copy_n(book.sets.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(kept[code]) * words), words,
                  sets.begin() + static_cast<std::ptrdiff_t>(code * words));
}

// One row for a person and scheme on a day.
bool Batch::persons_overlap() const {
  const SpotColumn *who = column(SpotTable::kPersons, "psn_no"), *from = column(SpotTable::kPersons, "begndate");
  const SpotColumn *to = column(SpotTable::kPersons, "enddate"), *own = column(SpotTable::kPersons, "insutype");
  if (who == nullptr || who->code.size() < 2) return false;
  std::vector<std::tuple<std::int32_t, std::int32_t, std::int64_t, std::int64_t>> spans;
  for (std::size_t r = 0; r < who->code.size(); ++r) {
    if (who->code[r] < 0) continue;
    const std::int64_t last = to == nullptr || to->number[r] == kUnknown ? INT64_MAX : to->number[r];
    spans.emplace_back(who->code[r], own == nullptr ? -1 : own->code[r], from == nullptr ? kUnknown : from->number[r], last);
  }
  std::sort(spans.begin(), spans.end());
  std::int64_t until = INT64_MIN;
  for (std::size_t k = 1; k < spans.size(); ++k) {
    const auto& [person, scheme, first, last] = spans[k - 1];
    const bool same = k > 1 && std::get<0>(spans[k - 2]) == person && std::get<1>(spans[k - 2]) == scheme;
    until = same ? std::max(until, last) : last;
    if (std::get<0>(spans[k]) == person && std::get<1>(spans[k]) == scheme && std::get<2>(spans[k]) < until) return true;
  }
  return false;
}

std::vector<std::int64_t> Batch::time_or(std::string_view moment, std::string_view day) const {
  const SpotColumn *times = column(SpotTable::kVisits, moment), *days = column(SpotTable::kVisits, day);
  std::vector<std::int64_t> out(visits);
  for (std::size_t v = 0; v < visits; ++v) {
    std::int64_t time = times == nullptr ? kUnknown : times->number[v];
    if (time == kUnknown && days != nullptr && days->number[v] != kUnknown) time = days->number[v] * kDayMicros;
    if (time == kUnknown && settled[v] != kUnknown) time = static_cast<std::int64_t>(day_of(settled[v])) * kDayMicros;
    out[v] = time;
  }
  return out;
}

void Batch::times() {
  const SpotColumn* setl = column(SpotTable::kVisits, "setl_time");
  settled = setl == nullptr ? std::vector<std::int64_t>(visits, kUnknown) : std::vector(setl->number.begin(), setl->number.end());
  begin_day.reserve(visits);
  end_day.reserve(visits);
  begin = time_or("begntime", "begndate");
  end = time_or("endtime", "enddate");
  for (std::size_t v = 0; v < visits; ++v) {
    if (begin[v] == kUnknown) begin[v] = end[v];
    if (end[v] == kUnknown) end[v] = begin[v];
    begin_day.push_back(day_of(begin[v]));
    end_day.push_back(day_of(end[v]));
  }
  const SpotColumn* given = column(SpotTable::kLines, "fee_ocur_time");
  line_time.reserve(lines);
  line_day.reserve(lines);
  for (std::size_t i = 0; i < lines; ++i) {
    std::int64_t time = given == nullptr ? kUnknown : given->number[i];
    if (time == kUnknown) {
      const std::int32_t day = end_day[static_cast<std::size_t>(line_visit[i])];
      if (day == kNoDay) usable = false;  // a line without any time
      time = static_cast<std::int64_t>(day) * kDayMicros;
    }
    line_time.push_back(time);
    line_day.push_back(day_of(time));
    if (!input.dates && time % kDayMicros != 0) time_of_day = true;
  }
}

void Batch::standing() {
  const SpotColumn *back = column(SpotTable::kVisits, "refd_setl_flag"), *past = column(SpotTable::kVisits, "hist_flag");
  const SpotColumn *setl = column(SpotTable::kVisits, "setl_id"), *init = column(SpotTable::kVisits, "init_setl_id");
  stands.assign(visits, 0);
  history.assign(visits, 0);
  for (std::size_t v = 0; v < visits; ++v) {
    const bool reversal = back != nullptr && back->number[v] == 1;
    history[v] = past != nullptr && past->number[v] == 1;
    stands[v] = psn[v] >= 0 && setl->code[v] >= 0 && begin[v] != kUnknown && !reversal &&
                first_of_setl_[static_cast<std::size_t>(setl->code[v])] == static_cast<std::int32_t>(v);
  }
  for (std::size_t v = 0; v < visits && init != nullptr; ++v) {
    if (back == nullptr || back->number[v] != 1 || init->code[v] < 0) continue;
    const std::int32_t named = first_of_setl_[static_cast<std::size_t>(init->code[v])];
    if (named >= 0) stands[static_cast<std::size_t>(named)] = 0;
  }
  for (std::size_t v = 0; v < visits; ++v) current.push_back(stands[v] != 0 && !(book.before && history[v] != 0));
}

void Batch::put_in_order() {
  const SpotColumn *setl = column(SpotTable::kVisits, "setl_id"), *own = column(SpotTable::kLines, "feedetl_sn");
  std::vector<std::int32_t> rank(visits);
  Rows by(visits);
  std::iota(by.begin(), by.end(), 0);
  const auto name = [&](std::int32_t v) {
    const std::int32_t code = setl->code[static_cast<std::size_t>(v)];
    return code < 0 ? std::string_view{} : setl->text[static_cast<std::size_t>(code)];
  };
  std::sort(by.begin(), by.end(), [&](std::int32_t a, std::int32_t b) { return std::tuple(name(a), a) < std::tuple(name(b), b); });
  for (std::size_t k = 0; k < by.size(); ++k) rank[static_cast<std::size_t>(by[k])] = static_cast<std::int32_t>(k);
  for (std::size_t v = 0; v < visits; ++v)
    if (stands[v] != 0) visit_order.push_back(static_cast<std::int32_t>(v));
  const auto visit_key = [&](std::int32_t v) {
    return std::tuple(psn[static_cast<std::size_t>(v)], begin[static_cast<std::size_t>(v)], rank[static_cast<std::size_t>(v)]);
  };
  std::sort(visit_order.begin(), visit_order.end(), [&](std::int32_t a, std::int32_t b) { return visit_key(a) < visit_key(b); });
  place_of_visit.assign(visits, static_cast<std::int64_t>(visit_order.size()));
  for (std::size_t k = 0; k < visit_order.size(); ++k)
    place_of_visit[static_cast<std::size_t>(visit_order[k])] = static_cast<std::int64_t>(k);
  put_lines_in_order(rank, own);
}

void Batch::put_lines_in_order(const std::vector<std::int32_t>& rank, const SpotColumn* own) {
  const auto id_of = [&](std::int32_t line) {
    const std::int32_t code = own == nullptr ? -1 : own->code[static_cast<std::size_t>(line)];
    return code < 0 ? std::string_view{} : own->text[static_cast<std::size_t>(code)];
  };
  // Person, time and rank of the visit in one number that is in their order: times may be negative.
  struct Key {
    unsigned __int128 first;
    std::int32_t row;
  };
  const auto before = [&](const Key& a, const Key& b) {
    if (a.first != b.first) return a.first < b.first;
    const int ids = id_of(a.row).compare(id_of(b.row));
    return ids == 0 ? a.row < b.row : ids < 0;
  };
  // Lines of a visit lie together, and mostly before those of later visits.
  std::vector<std::size_t> begin_of(visit_order.size() + 2);
  for (const std::int32_t visit : line_visit) ++begin_of[static_cast<std::size_t>(place_of_visit[static_cast<std::size_t>(visit)]) + 1];
  std::partial_sum(begin_of.begin(), begin_of.end(), begin_of.begin());
  std::vector<Key> keys(lines);
  std::vector<std::size_t> next(begin_of.begin(), begin_of.end() - 1);
  for (std::size_t i = 0; i < lines; ++i) {
    const auto v = static_cast<std::size_t>(line_visit[i]);
    const auto person = static_cast<std::uint32_t>(psn[v]), visit = static_cast<std::uint32_t>(rank[v]);
    const std::uint64_t time = static_cast<std::uint64_t>(line_time[i]) ^ std::uint64_t{1} << 63;
    keys[next[static_cast<std::size_t>(place_of_visit[v])]++] = {
        static_cast<unsigned __int128>(person) << 96 | static_cast<unsigned __int128>(time) << 32 | visit, static_cast<std::int32_t>(i)};
  }
  keys.resize(begin_of[visit_order.size()]);  // what does not stand is behind
  for (std::size_t k = 0; k < visit_order.size(); ++k) {
    const auto from = keys.begin() + static_cast<std::ptrdiff_t>(begin_of[k]),
               to = keys.begin() + static_cast<std::ptrdiff_t>(begin_of[k + 1]);
    if (!std::is_sorted(from, to, before)) std::sort(from, to, before);
    if (from == keys.begin() || from == to || before(*std::prev(from), *from)) continue;
    std::inplace_merge(std::upper_bound(keys.begin(), from, *from, before), from, to, before);
  }
  place_of.assign(lines, static_cast<std::int64_t>(keys.size()));
  order.reserve(keys.size());
  for (const Key& key : keys) {
    place_of[static_cast<std::size_t>(key.row)] = static_cast<std::int64_t>(order.size());
    order.push_back(key.row);
  }
}

// False where it cannot be told here which line is meant.
bool Batch::names_lines(std::vector<std::int64_t>& named) const {
  const SpotColumn *own = column(SpotTable::kLines, "feedetl_sn"), *asked = column(SpotTable::kLines, "init_feedetl_sn");
  if (asked == nullptr || own == nullptr) return true;
  for (std::size_t i = 0; i < lines; ++i) {
    if (asked->code[i] < 0) continue;
    if (named.empty()) named.assign(lines, -1);
    named[i] = static_cast<std::int64_t>(i);  // one that names what is not there takes from nobody
    for (std::size_t k = 0; k < lines; ++k) {
      if (line_visit[k] != line_visit[i] || own->code[k] != asked->code[i]) continue;
      named[i] = static_cast<std::int64_t>(k);
      break;
    }
  }
  // Nor do those that return each other.
  std::vector<std::int64_t> on = named;
  for (std::size_t i = 0; i < on.size(); ++i)
    if (on[i] == static_cast<std::int64_t>(i)) on[i] = -1;
  InTurn turn;
  in_turn(on, turn);
  for (const std::int64_t i : turn.circle) named[static_cast<std::size_t>(i)] = i;
  return true;
}

void Batch::net() {
  const SpotColumn *count = column(SpotTable::kLines, "cnt"), *money = column(SpotTable::kLines, "det_item_fee_sumamt");
  given_amount.reserve(lines);
  given_quantity.reserve(lines);
  rows.reserve(lines);
  now.reserve(lines);
  for (std::size_t i = 0; i < lines; ++i) {
    const std::int64_t fen = money == nullptr || money->number[i] == kUnknown ? 0 : money->number[i];
    given_amount.push_back(fen);
    const bool none = count == nullptr || count->number[i] == kUnknown;
    given_quantity.push_back(none ? (fen < 0 ? -kUnit : kUnit) : count->number[i]);
  }
  std::vector<std::int32_t> visit(lines);
  for (std::size_t i = 0; i < lines; ++i) visit[i] = stands[static_cast<std::size_t>(line_visit[i])] != 0 ? line_visit[i] : -1;
  std::vector<std::int64_t> named, cut(persons + 1);
  usable = usable && names_lines(named);
  for (const std::int32_t row : order)
    ++cut[static_cast<std::size_t>(psn[static_cast<std::size_t>(line_visit[static_cast<std::size_t>(row)])]) + 1];
  std::partial_sum(cut.begin(), cut.end(), cut.begin());
  quantity = given_quantity;
  amount = given_amount;
  item_now.assign(items(), 0);
  now_sets.assign(book.set_words, 0);
  if (order.empty()) return;
  Netted netted = checks::net({order, cut, visit, item, given_quantity, given_amount, named, line_time}, 1);
  lost = netted.lost;
  if (netted.returns > 0) {
    for (std::size_t i = 0; i < lines; ++i)
      if (given_quantity[i] < 0 || given_amount[i] < 0) netted.quantity[i] = netted.amount[i] = 0;
    quantity = std::move(netted.quantity);
    amount = std::move(netted.amount);
  }
  for (const std::int32_t row : order)
    if (current[static_cast<std::size_t>(line_visit[static_cast<std::size_t>(row)])] != 0) given_now.push_back(row);
  for (const std::int32_t row : order) {
    if (netted.stands[static_cast<std::size_t>(row)] == 0) continue;
    rows.push_back(row);
    if (current[static_cast<std::size_t>(line_visit[static_cast<std::size_t>(row)])] == 0) continue;
    now.push_back(row);
    if (item[static_cast<std::size_t>(row)] >= 0) item_now[static_cast<std::size_t>(item[static_cast<std::size_t>(row)])] = 1;
  }
  for (std::size_t code = 0; code < items(); ++code) {
    if (item_now[code] == 0) continue;
    other_now = other_now || kept[code] < 0;
    for (std::size_t w = 0; w < book.set_words; ++w) now_sets[w] |= sets[code * book.set_words + w];
  }
}

std::int64_t Batch::stay_days(std::size_t visit) const {
  const SpotColumn* days = column(SpotTable::kVisits, "ipt_days");
  if (days != nullptr && days->number[visit] != kUnknown) return static_cast<std::int32_t>(days->number[visit]);
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(end_day[visit]) - begin_day[visit]);
}

std::vector<std::int64_t> Batch::runs(const Rows& some, bool of_lines) const {
  std::vector<std::int64_t> out;
  std::int32_t last = -2;
  for (std::size_t i = 0; i < some.size(); ++i) {
    const auto row = static_cast<std::size_t>(some[i]);
    const std::int32_t person = psn[of_lines ? static_cast<std::size_t>(line_visit[row]) : row];
    if (person != last) out.push_back(static_cast<std::int64_t>(i));
    last = person;
  }
  out.push_back(static_cast<std::int64_t>(some.size()));
  return out;
}

}  // namespace ybcore::checks::spot
