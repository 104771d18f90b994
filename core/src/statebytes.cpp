#include "statebytes.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "utf8.hpp"

namespace ybcore {
namespace {

constexpr char kMagic[8] = {'Y', 'B', 'S', 'T', 'A', 'T', 'E', 0};
// In fen; accounts hold less, whatever the years.
constexpr std::int64_t kMostBalance = 1'000'000'000'000'000;
// Days of the years 1 to 9999.
constexpr std::int32_t kFirstDay = -719162, kLastDay = 2932896;
constexpr bool bounded(std::int64_t value, std::int64_t most) { return value >= -most && value <= most; }
constexpr std::uint32_t kFormat = 1, kNoName = 0xFFFFFFFF, kHouseholds = 1, kAttributes = 5;

struct Head {
  char magic[8];
  std::uint32_t format, size;
  std::uint64_t version;
  std::uint32_t names, text, counters, accounts, settlements, others, contributions, admissions, standards, used, moves, columns;
};
struct NameRow {
  std::uint32_t begin, size;
};
struct KeyBytes {
  std::uint32_t counter, scope, owner, household, within;
  std::int32_t period;
};
struct AmountBytes {
  KeyBytes key;
  std::int64_t amount;
};
struct AccountBytes {
  std::uint32_t person;
  std::int32_t start, through;
  std::uint32_t spare;
  std::int64_t balance, opening;
};
struct KeptBytes {
  std::uint32_t setl, person, stay, scheme, policy, plan;
  std::int32_t enddate;
  std::uint32_t has_account, flags, spare, contributions, admissions, standards, used, moves, spare2;
};
struct OtherBytes {
  std::uint32_t setl, person, kind, spare;
};
struct AdmissionBytes {
  KeyBytes key;
  std::uint32_t stay;
  std::int32_t number;
};
struct UsedBytes {
  std::uint32_t layer, spare;
  std::int64_t used, chain_standard, chain_used;
};
struct MoveBytes {
  std::uint32_t person, spare;
  std::int64_t amount;
};
static_assert(sizeof(Head) == 72 && sizeof(AmountBytes) == 32 && sizeof(AccountBytes) == 32 && sizeof(KeptBytes) == 64 &&
              sizeof(AdmissionBytes) == 32 && sizeof(UsedBytes) == 32 && sizeof(MoveBytes) == 16 && sizeof(OtherBytes) == 16);

std::string_view engine_text(const Texts& own, const Foreign& foreign, const Names& names, std::int32_t number) {
  const auto i = static_cast<std::size_t>(number);
  return i < own.size() ? own[i] : names[foreign.name[i - own.size()]];
}

class Reading {
 public:
  Reading(const Image& image, std::span<const std::byte> bytes, Memory& memory) : image_(image), bytes_(bytes), m_(memory) {}

  bool run() {
    if (bytes_.size() < sizeof(Head)) return false;
    std::memcpy(&head_, bytes_.data(), sizeof(Head));
    at_ = sizeof(Head);
    if (std::memcmp(head_.magic, kMagic, sizeof kMagic) != 0 || head_.format != kFormat || head_.size != bytes_.size() ||
        head_.columns != kColumns || head_.text % 8 != 0)
      return false;
    const auto names = rows<NameRow>(head_.names);
    const auto text = rows<char>(head_.text);
    if (!ok_) return false;
    for (const NameRow& row : names) {
      if (row.begin > text.size() || row.size > text.size() - row.begin) return false;
      names_.emplace_back(text.data() + row.begin, row.size);
      if (!is_utf8(names_.back())) return false;
    }
    const auto counters = rows<AmountBytes>(head_.counters);
    const auto accounts = rows<AccountBytes>(head_.accounts);
    const auto kept = rows<std::byte>(std::size_t{head_.settlements} * (sizeof(KeptBytes) + kColumns * 8));
    const auto others = rows<OtherBytes>(head_.others);
    contributions_ = rows<AmountBytes>(head_.contributions);
    admissions_ = rows<AdmissionBytes>(head_.admissions);
    standards_ = rows<AmountBytes>(head_.standards);
    used_ = rows<UsedBytes>(head_.used);
    moves_ = rows<MoveBytes>(head_.moves);
    if (!ok_ || at_ != bytes_.size()) return false;
    std::int64_t parts = 0;
    // Nothing that is added up later leaves 64 bits.
    Wide sum = 0;
    for (const auto& c : counters) {
      ok_ &= bounded(c.amount, kMostGrid);
      parts |= c.amount % kGrid;
    }
    for (const auto& c : contributions_) {
      ok_ &= bounded(c.amount, kMostGrid);
      sum += c.amount < 0 ? -Wide{c.amount} : Wide{c.amount};
      parts |= c.amount % kGrid;
    }
    for (const auto& a : accounts) ok_ &= bounded(a.balance, kMostBalance) && bounded(a.opening, kMostBalance);
    for (const auto& s : standards_) ok_ &= bounded(s.amount, kMostGrid);
    for (const auto& u : used_)
      ok_ &= bounded(u.used, kMostGrid) && bounded(u.chain_standard, kMostGrid) && bounded(u.chain_used, kMostGrid);
    for (const auto& m : moves_) ok_ &= bounded(m.amount, kMostFen);
    if (!ok_ || sum > kMostGrid) return false;
    m_.ledger = Ledger(image_.whole_fen() && parts == 0);
    m_.version = head_.version;
    for (const auto& c : counters) m_.ledger.at(slot(c.key)).value = c.amount / m_.ledger.grid();
    for (const auto& a : accounts) {
      const auto who = static_cast<std::size_t>(member(a.person));
      if (!ok_) return false;
      m_.has_account[who] = 1;
      m_.balance[who] = a.balance;
      m_.opening[who] = a.opening;
      m_.start[who] = a.start;
      m_.through[who] = a.through;
    }
    for (std::uint32_t k = 0; ok_ && k < head_.settlements; ++k) settlement(kept.data() + k * (sizeof(KeptBytes) + kColumns * 8));
    for (const auto& o : others) {
      ok_ &= o.kind <= kWasRefused;
      m_.others.push_back({name(o.setl), member(o.person), static_cast<std::uint8_t>(o.kind)});
    }
    return ok_;
  }

 private:
  const Image& image_;
  std::span<const std::byte> bytes_;
  Memory& m_;
  Head head_{};
  std::size_t at_ = 0;
  bool ok_ = true;
  std::vector<std::string_view> names_;
  std::span<const AmountBytes> contributions_, standards_;
  std::span<const AdmissionBytes> admissions_;
  std::span<const UsedBytes> used_;
  std::span<const MoveBytes> moves_;
  std::array<std::uint32_t, 5> begin_{};
  std::int32_t uncounted_ = 0;

  template <class T>
  std::span<const T> rows(std::size_t count) {
    if (!ok_ || count > (bytes_.size() - at_) / sizeof(T)) {
      ok_ = false;
      return {};
    }
    const auto* first = reinterpret_cast<const T*>(bytes_.data() + at_);
    at_ += count * sizeof(T);
    return {first, count};
  }
  std::string_view text(std::uint32_t which) {
    ok_ &= which < names_.size();
    return which < names_.size() ? names_[which] : std::string_view();
  }
  std::int32_t name(std::uint32_t which) { return m_.names.number(text(which)); }
  std::int32_t member(std::uint32_t which) { return m_.member_of(text(which)); }
  std::int32_t slot(const KeyBytes& key) {
    const std::int32_t counter = engine_number(image_.counters, m_.counters, m_.names, text(key.counter));
    const std::size_t own = image_.counters.size();
    if (static_cast<std::size_t>(counter) >= own) m_.foreign_scope.resize(m_.counters.name.size(), static_cast<std::uint8_t>(key.scope));
    // What a counter is kept by is fixed: in others' words it cannot be told apart any more.
    ok_ &= key.scope <= kAttributes && (static_cast<std::size_t>(counter) >= own ||
                                        image_.scopes[static_cast<std::size_t>(counter)] == static_cast<std::int32_t>(key.scope));
    SlotKey out{counter, 0, -1, key.period};
    out.owner = key.household != 0 ? -2 - name(key.owner) : member(key.owner);
    if (key.within != kNoName)
      out.within = key.scope == kAttributes ? engine_number(image_.values, m_.values, m_.names, text(key.within)) : name(key.within);
    return m_.ledger.slot(out);
  }
  template <class T, class Each>
  void list(std::span<const T> rows, std::size_t which, std::uint32_t end, Each each) {
    if (end < begin_[which] || end > rows.size()) {
      ok_ = false;
      return;
    }
    for (std::uint32_t i = begin_[which]; ok_ && i < end; ++i) each(rows[i]);
    begin_[which] = end;
  }
  void settlement(const std::byte* at) {
    KeptBytes k;
    std::memcpy(&k, at, sizeof k);
    const auto row = static_cast<std::int32_t>(m_.kept.size());
    const std::int32_t scheme = engine_number(image_.schemes, m_.schemes, m_.names, text(k.scheme));
    m_.ledger.open(row, row, member(k.person), name(k.stay), scheme, k.enddate);
    list(contributions_, 0, k.contributions,
         [&](const AmountBytes& c) { m_.ledger.contributions.push_back({slot(c.key), c.amount / m_.ledger.grid()}); });
    list(admissions_, 1, k.admissions, [&](const AdmissionBytes& a) {
      m_.ledger.admissions.push_back({slot(a.key), a.stay == kNoName ? -2 - uncounted_++ : name(a.stay), a.number});
    });
    list(standards_, 2, k.standards, [&](const AmountBytes& s) { m_.ledger.standards.push_back({slot(s.key), s.amount}); });
    list(used_, 3, k.used, [&](const UsedBytes& u) {
      m_.ledger.used.push_back({engine_number(image_.layers, m_.layers, m_.names, text(u.layer)), u.used, u.chain_standard, u.chain_used});
    });
    list(moves_, 4, k.moves, [&](const MoveBytes& m) { m_.ledger.moves.push_back({member(m.person), m.amount}); });
    m_.ledger.close();
    m_.kept.push_back({name(k.setl), name(k.policy), name(k.plan), k.flags, static_cast<std::uint8_t>(k.has_account != 0)});
    const std::size_t old = m_.columns.size();
    m_.columns.resize(old + kColumns);
    std::memcpy(m_.columns.data() + old, at + sizeof k, kColumns * 8);
    for (std::size_t c = old; c < m_.columns.size(); ++c) ok_ &= bounded(m_.columns[c], kMostGrid);
    ok_ &= k.enddate >= kFirstDay && k.enddate <= kLastDay;
  }
};

class Writing {
 public:
  Writing(const Image& image, const Memory& memory) : image_(image), m_(memory) {}

  std::vector<std::byte> run() {
    // Twice: to learn which names there are, then with the numbers they have among each other.
    gather();
    std::sort(names_.begin(), names_.end());
    names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
    learning_ = false;
    gather();
    std::vector<char> text;
    std::vector<NameRow> rows;
    for (const std::string_view name : names_) {
      rows.push_back({static_cast<std::uint32_t>(text.size()), static_cast<std::uint32_t>(name.size())});
      text.insert(text.end(), name.begin(), name.end());
    }
    text.resize((text.size() + 7) / 8 * 8, 0);
    const auto count = [](const auto& v) { return static_cast<std::uint32_t>(v.size()); };
    Head head{{},
              kFormat,
              0,
              m_.version,
              count(rows),
              count(text),
              count(counters_),
              count(accounts_),
              settlements_,
              count(others_),
              count(contributions_),
              count(admissions_),
              count(standards_),
              count(used_),
              count(moves_),
              kColumns};
    std::memcpy(head.magic, kMagic, sizeof kMagic);
    put(&head, sizeof head);
    all(rows);
    all(text);
    all(counters_);
    all(accounts_);
    all(kept_);
    all(others_);
    all(contributions_);
    all(admissions_);
    all(standards_);
    all(used_);
    all(moves_);
    const auto size = static_cast<std::uint32_t>(out_.size());
    std::memcpy(out_.data() + 12, &size, 4);
    return std::move(out_);
  }

 private:
  const Image& image_;
  const Memory& m_;
  bool learning_ = true;
  std::vector<std::string_view> names_;
  std::vector<std::byte> out_, kept_;
  std::uint32_t settlements_ = 0;
  std::vector<AmountBytes> counters_, contributions_, standards_;
  std::vector<AccountBytes> accounts_;
  std::vector<OtherBytes> others_;
  std::vector<AdmissionBytes> admissions_;
  std::vector<UsedBytes> used_;
  std::vector<MoveBytes> moves_;

  void put(const void* from, std::size_t size) {
    const auto* at = static_cast<const std::byte*>(from);
    out_.insert(out_.end(), at, at + size);
  }
  template <class T>
  void all(const std::vector<T>& rows) {
    put(rows.data(), rows.size() * sizeof(T));
  }
  std::uint32_t at(std::string_view text) {
    if (learning_) {
      names_.push_back(text);
      return 0;
    }
    return static_cast<std::uint32_t>(std::lower_bound(names_.begin(), names_.end(), text) - names_.begin());
  }
  std::uint32_t name(std::int32_t which) { return at(m_.names[which]); }
  std::uint32_t person(std::int32_t member) { return name(m_.member[static_cast<std::size_t>(member)]); }
  KeyBytes key(std::int32_t slot) {
    const SlotKey& k = m_.ledger.slots()[static_cast<std::size_t>(slot)].key;
    const auto counter = static_cast<std::size_t>(k.counter);
    const std::size_t own = image_.counters.size();
    KeyBytes out{at(engine_text(image_.counters, m_.counters, m_.names, k.counter)), 0, 0, k.owner < 0 ? 1U : 0U, kNoName, k.period};
    out.scope = counter < own ? static_cast<std::uint32_t>(image_.scopes[counter]) : m_.foreign_scope[counter - own];
    out.owner = k.owner < 0 ? name(-2 - k.owner) : person(k.owner);
    if (k.within >= 0 && out.scope > kHouseholds)
      out.within = out.scope == kAttributes ? at(engine_text(image_.values, m_.values, m_.names, k.within)) : name(k.within);
    return out;
  }
  static std::array<std::int64_t, 6> order(const KeyBytes& k) {
    return {k.counter, k.scope, k.owner, k.household, k.within == kNoName ? -1 : std::int64_t{k.within}, k.period};
  }
  template <class T, class Order>
  static void sorted(std::vector<T>& rows, std::size_t from, Order order) {
    std::sort(rows.begin() + static_cast<std::ptrdiff_t>(from), rows.end(), [&](const T& a, const T& b) { return order(a) < order(b); });
  }
  void gather() {
    const auto by_key = [](const AmountBytes& c) { return std::make_pair(order(c.key), c.amount); };
    const Ledger& ledger = m_.ledger;
    for (std::size_t s = 0; s < ledger.slots().size(); ++s)
      if (ledger.slots()[s].value != 0) counters_.push_back({key(static_cast<std::int32_t>(s)), ledger.slots()[s].value * ledger.grid()});
    for (std::size_t m = 0; m < m_.member.size(); ++m)
      if (m_.has_account[m] != 0) accounts_.push_back({name(m_.member[m]), m_.start[m], m_.through[m], 0, m_.balance[m], m_.opening[m]});
    for (const OtherId& o : m_.others) others_.push_back({name(o.setl), person(o.member), o.kind, 0});
    for (std::size_t r = 0; r < m_.kept.size(); ++r)
      if (ledger.records[r].standing) settlement(r);
    if (learning_) {
      counters_.clear();
      accounts_.clear();
      others_.clear();
      contributions_.clear();
      admissions_.clear();
      standards_.clear();
      used_.clear();
      moves_.clear();
      kept_.clear();
      settlements_ = 0;
      return;
    }
    sorted(counters_, 0, by_key);
    sorted(accounts_, 0, [](const AccountBytes& a) { return a.person; });
    sorted(others_, 0, [](const OtherBytes& o) { return std::array{o.setl, o.person, o.kind}; });
  }
  void settlement(std::size_t at_record) {
    const Ledger& ledger = m_.ledger;
    const Standing& r = ledger.records[at_record];
    const KeptFacts& facts = m_.kept[at_record];
    const std::size_t c = contributions_.size(), a = admissions_.size(), s = standards_.size(), u = used_.size(), m = moves_.size();
    for (std::uint32_t k = r.contributions; k < r.contributions_end; ++k)
      contributions_.push_back({key(ledger.contributions[k].slot), ledger.contributions[k].amount * ledger.grid()});
    for (std::uint32_t k = r.admissions; k < r.admissions_end; ++k) {
      const Admission& one = ledger.admissions[k];
      admissions_.push_back({key(one.slot), one.stay < 0 ? kNoName : name(one.stay), one.number});
    }
    for (std::uint32_t k = r.standards; k < r.standards_end; ++k)
      standards_.push_back({key(ledger.standards[k].slot), ledger.standards[k].amount});
    for (std::uint32_t k = r.used; k < r.used_end; ++k) {
      const Used& one = ledger.used[k];
      used_.push_back({at(engine_text(image_.layers, m_.layers, m_.names, one.layer)), 0, one.used, one.chain_standard, one.chain_used});
    }
    for (std::uint32_t k = r.moves; k < r.moves_end; ++k) moves_.push_back({person(ledger.moves[k].person), 0, ledger.moves[k].amount});
    sorted(contributions_, c, [](const AmountBytes& x) { return std::make_pair(order(x.key), x.amount); });
    sorted(admissions_, a,
           [](const AdmissionBytes& x) { return std::make_tuple(order(x.key), x.stay == kNoName ? -1 : std::int64_t{x.stay}, x.number); });
    sorted(standards_, s, [](const AmountBytes& x) { return std::make_pair(order(x.key), x.amount); });
    sorted(used_, u, [](const UsedBytes& x) { return std::make_tuple(x.layer, x.used, x.chain_standard, x.chain_used); });
    sorted(moves_, m, [](const MoveBytes& x) { return std::make_pair(x.person, x.amount); });
    const auto count = [](const auto& v) { return static_cast<std::uint32_t>(v.size()); };
    const KeptBytes out{name(facts.setl),
                        person(r.person),
                        name(r.stay),
                        at(engine_text(image_.schemes, m_.schemes, m_.names, r.scheme)),
                        name(facts.policy),
                        name(facts.plan),
                        r.enddate,
                        facts.has_account,
                        facts.flags,
                        0,
                        count(contributions_),
                        count(admissions_),
                        count(standards_),
                        count(used_),
                        count(moves_),
                        0};
    const auto* bytes = reinterpret_cast<const std::byte*>(&out);
    kept_.insert(kept_.end(), bytes, bytes + sizeof out);
    bytes = reinterpret_cast<const std::byte*>(m_.columns.data() + at_record * kColumns);
    kept_.insert(kept_.end(), bytes, bytes + kColumns * 8);
    ++settlements_;
  }
};

}  // namespace

std::int32_t engine_number(const Texts& own, Foreign& foreign, Names& names, std::string_view text) {
  if (const std::int32_t found = own.find(text); found >= 0) return found;
  const std::int32_t name = names.number(text);
  const auto at = std::find(foreign.name.begin(), foreign.name.end(), name);
  if (at == foreign.name.end()) {
    foreign.name.push_back(name);
    return static_cast<std::int32_t>(own.size() + foreign.name.size() - 1);
  }
  return static_cast<std::int32_t>(own.size() + static_cast<std::size_t>(at - foreign.name.begin()));
}

bool read_state(const Image& image, std::span<const std::byte> bytes, Memory& memory) {
  memory.clear();
  // Rows are read where they stand.
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % 8 != 0) {
    const std::vector<std::byte> copy(bytes.begin(), bytes.end());
    return read_state(image, copy, memory);
  }
  if (Reading(image, bytes, memory).run()) return true;
  memory.clear();
  return false;
}

std::vector<std::byte> written_state(const Image& image, const Memory& memory) { return Writing(image, memory).run(); }

}  // namespace ybcore
