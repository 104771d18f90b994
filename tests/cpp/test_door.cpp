// The C door: made plans settle as those of the image, whatever bytes come are read or refused, and desks on threads do not meet.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "check.hpp"
#include "draw.hpp"
#include "small_image.hpp"
#include "ybcore/ybcore.h"

namespace {
int room = -1;  // so many more allocations; -1: any number
}  // namespace

[[gnu::noinline]] void* operator new(std::size_t bytes) {
  if (room > 0) --room;
  void* at = room == 0 ? nullptr : std::malloc(bytes);
  if (at == nullptr) throw std::bad_alloc();
  return at;
}
[[gnu::noinline]] void operator delete(void* at) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, std::size_t) noexcept { std::free(at); }

namespace {

std::uint64_t seed = 0;  // the first argument moves it, for longer walks

std::string path() {
  static const std::string own = std::string(std::getenv("TMPDIR") != nullptr ? std::getenv("TMPDIR") : "/tmp") + "/ybcore-door-" +
                                 std::to_string(getpid()) + ".ybimage";
  return own;
}

yb_text text(const char* of) { return {of, std::strlen(of)}; }

struct Door {
  yb_image* image = nullptr;
  yb_desk* desk = nullptr;
  yb_code code = YB_OK;
  explicit Door(const std::vector<char>& bytes) {
    std::remove(path().c_str());  // what others have mapped stays as it is
    small::ImageBytes::write(path(), bytes);
    code = yb_image_open(path().c_str(), &image);
    if (code == YB_OK) code = yb_desk_new(image, &desk);
  }
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;
  ~Door() {
    yb_desk_free(desk);
    if (image != nullptr) yb_image_close(image);
  }
};

// Visits that look at every part of the small image: lines, natures, a stay of two years, a reversal, facts that it has not met.
struct Asked {
  std::vector<yb_fact> facts;
  std::vector<yb_line> lines;
  yb_visit visit{};

  Asked(const yb_image* image, int kind, const char* id) {
    const auto fact = [&](const char* name, const char* value) {
      if (const std::int32_t which = yb_image_fact(image, text(name)); which >= 0) facts.push_back({which, text(value), YB_MISSING});
    };
    fact("med_type", kind == 3 ? "21" : "11");
    fact("hosp_lv", "01");
    fact("insuplc_admdvs", "110000");
    visit.size = sizeof visit;
    visit.version = UINT64_MAX;
    visit.setl_id = text(id);
    visit.psn_no = text("P1");
    visit.setl_day = 19'800;
    visit.begndate = kind == 1 ? 19'700 : YB_NO_DAY;
    visit.enddate = YB_NO_DAY;
    visit.ipt_days = -1;
    visit.brdy = 3'000;
    visit.acct_used = 1;
    visit.combination = -1;
    visit.medfee = visit.balc = visit.mulaid_balc = YB_MISSING;
    visit.has_natures = kind == 2 ? 1 : 0;
    visit.natures[3] = 300'000;
    for (int i = 0; kind != 2 && i < 3; ++i)
      lines.push_back({text(i == 0   ? "XA"
                            : i == 1 ? "XB"
                                     : "?"),
                       -1, kind == 1 ? 19'715 + i : YB_NO_DAY, 30'000, 150'000 + i, YB_MISSING, 0, 0, -1, 0});
    visit.facts = facts.data();
    visit.fact_count = facts.size();
    if (kind == 4) {
      visit.reversal = 1;
      visit.init_setl_id = text("S0");
      lines.clear();
    }
  }
};

std::vector<char> written(const yb_state* state) {
  std::size_t size = 0;
  (void)yb_state_write(state, nullptr, &size);
  std::vector<char> out(size);
  CHECK(yb_state_write(state, out.data(), &size) == YB_OK && size == out.size());
  return out;
}

// All kinds of visit one after another; what they come to, and the state after them.
std::vector<std::int64_t> settled(Door& door, yb_state* state) {
  std::vector<std::int64_t> out;
  const char* ids[] = {"S0", "S1", "S2", "S3", "S4"};
  for (int kind = 0; kind < 5; ++kind) {
    const Asked asked(door.image, kind, ids[kind]);
    yb_result result{};
    result.size = sizeof result;
    std::vector<yb_line_result> told(asked.lines.size());
    const yb_code code = yb_settle(door.desk, state, &asked.visit, asked.lines.data(), asked.lines.size(), &result, told.data(), state);
    out.push_back(code);
    if (code != YB_OK) continue;
    out.insert(out.end(), {result.outcome, result.reason, result.flags});
    out.insert(out.end(), result.columns, result.columns + YB_COLUMN_COUNT);
    for (const yb_line_result& line : told) out.insert(out.end(), {line.inscp_scp_amt, line.preselfpay_amt, line.overlmt_amt, line.reason});
  }
  return out;
}

void made_plans_settle_as_those_of_the_image() {
  Door met(small::ImageBytes(true).bytes()), bare(small::ImageBytes(false).bytes());
  CHECK(met.code == YB_OK && bare.code == YB_OK);
  if (check::failures != 0) return;
  yb_state *one = nullptr, *two = nullptr;
  CHECK(yb_state_new(met.image, &one) == YB_OK && yb_state_new(bare.image, &two) == YB_OK);
  const auto a = settled(met, one), b = settled(bare, two);
  CHECK(a == b);
  CHECK_EQ(a[0], 0);
  // XA is whole in scope, 1500.00. Of XB, capped at 40.00 each, 120.00, of which a fifth is first pay. The third nobody knows. 85 % above
  // 1300.
  CHECK_EQ(a[4 + 4], 150'000 + 9'600);
  CHECK_EQ(a[4 + 8], (159'600 - 130'000) * 85 / 100);
  // The stay of two years is settled in two parts, each with a deductible; what was met before is not met again.
  const auto stay = a.begin() + 1 + 3 + YB_COLUMN_COUNT + 3 * 4;
  CHECK_EQ(stay[0], 0);
  CHECK_EQ(stay[1], 0);
  CHECK(written(one) == written(two));
  yb_state_free(one);
  yb_state_free(two);
}

// Some bytes made others: a bit, a byte, or a word of an awkward size.
void spoil(std::vector<char>& bytes, draw::Numbers& draw) {
  constexpr std::int64_t kAwkward[] = {-1, 0, 1, 2, 64, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1LL << 40, -(1LL << 40)};
  for (int n = draw.between<int>(1, 3); n > 0; --n) {
    const auto at = draw.between<std::size_t>(0, static_cast<std::int64_t>(bytes.size()) - 1);
    const std::int64_t word = kAwkward[draw.between<std::size_t>(0, std::size(kAwkward) - 1)];
    switch (draw.between<int>(0, 3)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << draw.between<int>(0, 7)));
        break;
      case 1:
        bytes[at] = static_cast<char>(draw.between<int>(-128, 127));
        break;
      case 2:
        if (at / 4 * 4 + 4 <= bytes.size()) std::memcpy(bytes.data() + at / 4 * 4, &word, 4);
        break;
      default:
        if (at / 8 * 8 + 8 <= bytes.size()) std::memcpy(bytes.data() + at / 8 * 8, &word, 8);
    }
  }
}

// A figure that fell over would be other money: whatever is not as it was written is refused.
void a_damaged_image_is_refused() {
  const std::vector<char> good = small::ImageBytes(true).bytes();
  draw::Numbers draw(seed * 3 + 5);
  for (int round = 0; round < check::rounds(2'000); ++round) {
    std::vector<char> bytes = good;
    bytes[draw.between<std::size_t>(0, static_cast<std::int64_t>(good.size()) - 1)] ^= static_cast<char>(1 << draw.between<int>(0, 7));
    if (std::equal(bytes.begin() + 28, bytes.begin() + 32, good.begin() + 28)) CHECK(Door(bytes).code == YB_BAD_IMAGE);
  }
}

// Images that say of themselves that they are as they were written.
void any_image_is_read_or_refused(bool met) {
  const std::vector<char> good = small::ImageBytes(met).bytes();
  draw::Numbers draw(seed * 3 + (met ? 1 : 2));
  int opened = 0, refused = 0;
  for (int round = 0; round < check::rounds(4'000); ++round) {
    std::vector<char> bytes = good;
    if (draw.one_in(50)) bytes.resize(draw.between<std::size_t>(0, static_cast<std::int64_t>(good.size())));
    if (!bytes.empty()) spoil(bytes, draw);
    small::ImageBytes::seal(bytes);
    Door door(bytes);
    (door.code == YB_OK ? opened : refused) += 1;
    if (door.code != YB_OK) continue;
    yb_state* state = nullptr;
    if (yb_state_new(door.image, &state) != YB_OK) continue;
    (void)settled(door, state);
    (void)written(state);
    yb_state_free(state);
  }
  CHECK(opened > 100 || check::rounds(4'000) < 4'000);
  CHECK(refused > 100 || check::rounds(4'000) < 4'000);
}

void any_state_is_read_or_refused() {
  Door door(small::ImageBytes(true).bytes());
  if (door.code != YB_OK) return;
  yb_state* state = nullptr;
  CHECK(yb_state_new(door.image, &state) == YB_OK);
  (void)settled(door, state);
  const std::vector<char> good = written(state);
  draw::Numbers draw(seed * 3 + 3);
  int read = 0, refused = 0;
  for (int round = 0; round < check::rounds(20'000); ++round) {
    std::vector<char> bytes = good;
    if (draw.one_in(50)) bytes.resize(draw.between<std::size_t>(0, static_cast<std::int64_t>(good.size())));
    if (!bytes.empty()) spoil(bytes, draw);
    const yb_code code = yb_state_read(state, bytes.empty() ? good.data() : bytes.data(), bytes.size());
    (code == YB_OK ? read : refused) += 1;
    if (code != YB_OK) continue;
    const std::vector<char> again = written(state);
    CHECK(yb_state_read(state, again.data(), again.size()) == YB_OK);
    CHECK(written(state) == again);
    for (int kind = 0; kind < 5; ++kind) {
      Asked asked(door.image, kind, kind == 4 ? "R" : "N");
      asked.visit.setl_id = text(kind == 0 ? "N0" : kind == 1 ? "N1" : kind == 2 ? "N2" : kind == 3 ? "N3" : "N4");
      yb_result result{};
      result.size = sizeof result;
      (void)yb_settle(door.desk, state, &asked.visit, asked.lines.data(), asked.lines.size(), &result, nullptr, state);
    }
    (void)written(state);
  }
  CHECK(read > 100 || check::rounds(20'000) < 20'000);
  CHECK(refused > 100 || check::rounds(20'000) < 20'000);
  yb_state_free(state);
}

void handles_that_are_null_are_refused() {
  yb_image* image = nullptr;
  yb_desk* desk = nullptr;
  yb_state* state = nullptr;
  yb_visit visit{};
  yb_result result{};
  std::int32_t combination = 0;
  std::size_t size = 0;
  CHECK(yb_image_open(nullptr, &image) == YB_BAD_ARGUMENT && yb_image_open("x", nullptr) == YB_BAD_ARGUMENT);
  CHECK(yb_image_item(nullptr, text("XA")) == -1 && yb_image_fact(nullptr, text("age")) == -1 && yb_image_of(nullptr, 0).at == nullptr);
  CHECK(yb_desk_new(nullptr, &desk) == YB_BAD_ARGUMENT && std::strcmp(yb_why(nullptr), "") == 0);
  CHECK(yb_combination(nullptr, &visit, &combination) == YB_BAD_ARGUMENT);
  CHECK(yb_state_new(nullptr, &state) == YB_BAD_ARGUMENT && yb_state_copy(nullptr, nullptr) == YB_BAD_ARGUMENT);
  CHECK(yb_state_reserve(nullptr, 1) == YB_BAD_ARGUMENT && yb_state_version(nullptr) == 0);
  CHECK(yb_state_read(nullptr, "", 0) == YB_BAD_ARGUMENT && yb_state_write(nullptr, nullptr, &size) == YB_BAD_ARGUMENT);
  CHECK(yb_settle(nullptr, nullptr, &visit, nullptr, 0, &result, nullptr, nullptr) == YB_BAD_ARGUMENT);
  yb_image_close(nullptr);
  yb_desk_free(nullptr);
  yb_state_free(nullptr);
  CHECK(std::strcmp(yb_sentence(static_cast<yb_code>(99), 1), "unknown") == 0 && yb_column(-1) == nullptr && yb_reason(99) == nullptr);
}

yb_code settle(Door& door, yb_state* opening, const Asked& asked, yb_state* closing) {
  yb_result result{};
  result.size = sizeof result;
  return yb_settle(door.desk, opening, &asked.visit, asked.lines.data(), asked.lines.size(), &result, nullptr, closing);
}

// Its numbers are those of its own image: another would pay by other counters.
void a_state_of_another_image_is_refused() {
  Door own(small::ImageBytes(true).bytes()), other(small::ImageBytes(true).bytes());
  yb_state* state = nullptr;
  CHECK(yb_state_new(other.image, &state) == YB_OK);
  const Asked asked(own.image, 0, "S0");
  CHECK(settle(own, state, asked, state) == YB_BAD_ARGUMENT && std::strstr(yb_why(own.desk), "another image") != nullptr);
  CHECK(settle(own, state, asked, nullptr) == YB_BAD_ARGUMENT && yb_state_version(state) == 0);
  yb_state_free(state);
}

// A window that sends its texts in GBK: nobody could read the state again.
void texts_are_utf_8() {
  Door door(small::ImageBytes(true).bytes());
  yb_state* state = nullptr;
  CHECK(yb_state_new(door.image, &state) == YB_OK);
  for (const char* wrong : {"\xd5\xc5\xc8\xfd", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80", "\xe5\xbc", "\xff"}) {
    Asked asked(door.image, 0, wrong);
    CHECK(settle(door, state, asked, state) == YB_BAD_ARGUMENT && std::strstr(yb_why(door.desk), "UTF-8") != nullptr);
    Asked fact(door.image, 0, "S0");
    fact.facts[0].text = text(wrong);
    CHECK(settle(door, state, fact, nullptr) == YB_BAD_ARGUMENT);
  }
  Asked asked(door.image, 0, "\xe5\xbc\xa0\xf0\x9f\x98\x80");
  CHECK(settle(door, state, asked, state) == YB_OK && yb_state_version(state) == 1);
  std::vector<char> bytes = written(state);
  const std::string id = "\xe5\xbc\xa0\xf0\x9f\x98\x80";
  const auto at = std::search(bytes.begin(), bytes.end(), id.begin(), id.end());
  CHECK(at != bytes.end());
  *at = '\xff';
  CHECK(yb_state_read(state, bytes.data(), bytes.size()) == YB_BAD_STATE);
  yb_state_free(state);
}

// Wherever memory ends, a state that was to move in place is the one before, the one after, or none: never a part of both.
void a_torn_state_is_none() {
  Door door(small::ImageBytes(true).bytes());
  int torn = 0, whole = 0;
  for (int allocations = 1; whole == 0 && allocations < 2'000; ++allocations) {
    yb_state *state = nullptr, *apart = nullptr;
    CHECK(yb_state_new(door.image, &state) == YB_OK && yb_state_new(door.image, &apart) == YB_OK);
    const Asked first(door.image, 2, "S0"), then(door.image, 0, "S1");
    CHECK(settle(door, state, first, state) == YB_OK);
    const std::vector<char> before = written(state);
    room = allocations;
    const yb_code code = settle(door, state, then, state);
    room = -1;
    whole += code == YB_OK ? 1 : 0;
    CHECK(code == YB_OK || code == YB_NO_MEMORY);
    std::size_t size = 0;
    if (code == YB_NO_MEMORY && yb_state_write(state, nullptr, &size) == YB_BAD_STATE) {
      ++torn;
      CHECK(settle(door, state, then, nullptr) == YB_BAD_STATE && yb_state_copy(state, apart) == YB_BAD_STATE);
      CHECK(yb_state_read(state, before.data(), before.size()) == YB_OK);
    }
    if (code != YB_OK) {
      CHECK(written(state) == before && settle(door, state, then, state) == YB_OK);
    }
    CHECK(yb_state_version(state) == 2);
    yb_state_free(state);
    yb_state_free(apart);
  }
  CHECK(torn > 0 && whole == 1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) seed = std::strtoull(argv[1], nullptr, 10);
  made_plans_settle_as_those_of_the_image();
  handles_that_are_null_are_refused();
  a_state_of_another_image_is_refused();
  texts_are_utf_8();
  a_torn_state_is_none();
  if (check::failures == 0) {
    a_damaged_image_is_refused();
    any_image_is_read_or_refused(true);
    any_image_is_read_or_refused(false);
    any_state_is_read_or_refused();
  }
  std::remove(path().c_str());
  return check::result();
}
