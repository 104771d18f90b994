// The C door: handles, nothing thrown, and what each code means.
#include <algorithm>
#include <new>
#include <string>

#include "desk.hpp"
#include "statebytes.hpp"
#include "utf8.hpp"
#include "ybcore/ybcore.h"

using namespace ybcore;

struct yb_image {
  std::unique_ptr<Image> image;
};
struct yb_desk {
  const Image* image;
  Desk desk;
};
// `torn`: something failed while it moved; it is no state until another is read into it.
struct yb_state {
  const Image* image;
  Memory memory;
  bool torn = false;
};

namespace {

static_assert(YB_COLUMN_COUNT == kColumns);

#define YB_NAME(name) #name,
constexpr const char* kColumnNames[] = {YB_COLUMNS(YB_NAME)};
#undef YB_NAME

constexpr const char* kReasons[] = {"",
                                    "bad_value",
                                    "duplicate_setl_id",
                                    "unknown_person",
                                    "not_enrolled",
                                    "no_policy",
                                    "bad_split",
                                    "negative_bucket",
                                    "no_figure",
                                    "missing_value",
                                    "unknown_original",
                                    "other_person",
                                    "reversal_of_reversal",
                                    "reversal_before_original",
                                    "original_not_settled",
                                    "already_reversed",
                                    "overflow"};
constexpr const char* kLineReasons[] = {"", "denied", "not_approved", "unknown_item", "class_c", "no_ratio"};

constexpr const char* kSentences[][2] = {
    {"done", "完成"},
    {"an argument is wrong", "参数有误"},
    {"the image cannot be opened", "无法打开镜像文件"},
    {"this is no image of this library, or it is damaged", "不是本库的镜像文件，或已损坏"},
    {"these bytes are no state, or they are damaged", "不是有效的状态数据，或已损坏"},
    {"the state is no longer at the version that was asked for: read it again and settle again",
     "状态已不是所要求的版本：请重新读取状态后再结算"},
    {"no plan can be made for these facts, or the desk knows too many combinations", "无法为这些情形生成方案，或工作台的组合已过多"},
    {"a combination is not enough here: give the facts", "此处仅有组合编号不够：请给出各项属性"},
    {"the policy tops accounts up or renews them: give the movements of the account", "该政策有账户划入或年度结转：请给出账户变动"},
    {"there is not enough memory", "内存不足"},
    {"money was lost or invented: a fault of the kernel", "结算金额不平：内核错误"},
};

constexpr const char* kNotUtf8 = "a text is not UTF-8";

// What may throw is memory; all else is a fault.
template <class Do>
yb_code guarded(Do&& what) noexcept {
  try {
    return what();
  } catch (const std::bad_alloc&) {
    return YB_NO_MEMORY;
  } catch (...) {
    return YB_BROKEN;
  }
}

// Ids and values stand in states, which are read as UTF-8 everywhere: one in another coding would be a state that nobody reads again.
bool readable(const yb_text& text) { return text.at == nullptr || is_utf8({text.at, text.size}); }
bool readable(const yb_fact* facts, std::size_t count) {
  return facts == nullptr || std::all_of(facts, facts + count, [](const yb_fact& f) { return readable(f.text); });
}
bool readable(const yb_visit& v) {
  if (v.size != sizeof(yb_visit)) return true;  // told as such
  for (const yb_text* id :
       {&v.setl_id, &v.psn_no, &v.mdtrt_id, &v.fixmedins_code, &v.hsld_no, &v.mulaid_psn_no, &v.refl_old_mdtrt_id, &v.init_setl_id})
    if (!readable(*id)) return false;
  bool fine = readable(v.facts, v.fact_count);
  for (std::size_t m = 0; fine && v.movements != nullptr && m < v.movement_count; ++m) fine = readable(v.movements[m].psn_no);
  for (std::size_t e = 0; fine && v.earlier != nullptr && e < v.earlier_count; ++e)
    fine = readable(v.earlier[e].facts, v.earlier[e].fact_count);
  return fine;
}
yb_code wrong(yb_desk& desk, const char* why) {
  desk.desk.why = why;
  return YB_BAD_ARGUMENT;
}

template <std::size_t N>
const char* named(const char* const (&names)[N], std::int32_t at) {
  return at >= 0 && static_cast<std::size_t>(at) < N ? names[at] : nullptr;
}

}  // namespace

extern "C" {

int32_t yb_abi(void) { return YB_ABI; }
const char* yb_sentence(yb_code code, int32_t chinese) {
  const auto at = static_cast<std::size_t>(code);
  return at < std::size(kSentences) ? kSentences[at][chinese == 1 ? 1 : 0] : "unknown";
}
const char* yb_column(int32_t column) { return named(kColumnNames, column); }
const char* yb_reason(int32_t reason) { return named(kReasons, reason); }
const char* yb_line_reason(int32_t reason) { return named(kLineReasons, reason); }

yb_code yb_image_open(const char* path, yb_image** image) {
  if (path == nullptr || image == nullptr) return YB_BAD_ARGUMENT;
  return guarded([&] {
    bool no_file = false;
    std::string why;
    std::unique_ptr<Image> opened = Image::open(path, no_file, why);
    if (opened == nullptr) return no_file ? YB_NO_FILE : YB_BAD_IMAGE;
    *image = new yb_image{std::move(opened)};
    return YB_OK;
  });
}
void yb_image_close(yb_image* image) { delete image; }
int32_t yb_image_item(const yb_image* image, yb_text code) { return image == nullptr ? -1 : image->image->item(view(code)); }
int32_t yb_image_fact(const yb_image* image, yb_text name) { return image == nullptr ? -1 : image->image->facts.find(view(name)); }
yb_text yb_image_of(const yb_image* image, int32_t what) {
  return image != nullptr && what >= 0 && static_cast<std::size_t>(what) < image->image->of.size()
             ? told(image->image->of[static_cast<std::size_t>(what)])
             : yb_text{nullptr, 0};
}

yb_code yb_desk_new(const yb_image* image, yb_desk** desk) {
  if (image == nullptr || desk == nullptr) return YB_BAD_ARGUMENT;
  return guarded([&] {
    *desk = new yb_desk{image->image.get(), Desk(*image->image)};
    return YB_OK;
  });
}
void yb_desk_free(yb_desk* desk) { delete desk; }
const char* yb_why(const yb_desk* desk) { return desk == nullptr ? "" : desk->desk.why.c_str(); }
yb_code yb_combination(yb_desk* desk, const yb_visit* visit, int32_t* combination) {
  if (desk == nullptr || visit == nullptr || combination == nullptr) return YB_BAD_ARGUMENT;
  return guarded([&] {
    desk->desk.why.clear();
    if (!readable(*visit)) return wrong(*desk, kNotUtf8);
    yb_visit asked = *visit;
    asked.version = UINT64_MAX;
    asked.movements_known = 1;
    const yb_code code = desk->desk.check(desk->desk.scratch, asked, nullptr, 0);
    return code != YB_OK ? code : desk->desk.combination(*visit, *combination);
  });
}

yb_code yb_state_new(const yb_image* image, yb_state** state) {
  if (image == nullptr || state == nullptr) return YB_BAD_ARGUMENT;
  return guarded([&] {
    *state = new yb_state{image->image.get(), Memory(image->image->whole_fen())};
    return YB_OK;
  });
}
void yb_state_free(yb_state* state) { delete state; }
yb_code yb_state_copy(const yb_state* from, yb_state* to) {
  if (from == nullptr || to == nullptr || from->image != to->image) return YB_BAD_ARGUMENT;
  if (from->torn) return YB_BAD_STATE;
  if (from == to) return YB_OK;
  to->torn = true;
  return guarded([&] {
    to->memory = from->memory;
    to->torn = false;
    return YB_OK;
  });
}
yb_code yb_state_reserve(yb_state* state, size_t settlements) {
  if (state == nullptr || settlements > 1'000'000) return YB_BAD_ARGUMENT;
  return guarded([&] {
    state->memory.reserve(settlements);
    return YB_OK;
  });
}
uint64_t yb_state_version(const yb_state* state) { return state == nullptr ? 0 : state->memory.version; }
yb_code yb_state_read(yb_state* state, const void* bytes, size_t size) {
  if (state == nullptr || bytes == nullptr) return YB_BAD_ARGUMENT;
  state->torn = true;
  return guarded([&] {
    const bool read = read_state(*state->image, {static_cast<const std::byte*>(bytes), size}, state->memory);
    state->torn = false;  // what cannot be read leaves the state of nobody
    return read ? YB_OK : YB_BAD_STATE;
  });
}
yb_code yb_state_write(const yb_state* state, void* bytes, size_t* size) {
  if (state == nullptr || size == nullptr) return YB_BAD_ARGUMENT;
  if (state->torn) return YB_BAD_STATE;
  return guarded([&] {
    const std::vector<std::byte> written = written_state(*state->image, state->memory);
    const bool fits = bytes != nullptr && written.size() <= *size;
    *size = written.size();
    if (fits) std::copy(written.begin(), written.end(), static_cast<std::byte*>(bytes));
    return fits ? YB_OK : YB_BAD_ARGUMENT;
  });
}

yb_code yb_settle(yb_desk* desk, yb_state* opening, const yb_visit* visit, const yb_line* lines, size_t line_count, yb_result* result,
                  yb_line_result* told, yb_state* closing) {
  if (desk == nullptr || opening == nullptr || visit == nullptr || result == nullptr || result->size != sizeof(yb_result) ||
      (closing != nullptr && closing->image != opening->image))
    return YB_BAD_ARGUMENT;
  if (opening->torn) return YB_BAD_STATE;
  // A bill mostly comes from far away.
  for (size_t i = 0; lines != nullptr && i < line_count && i < 32; ++i) __builtin_prefetch(lines + i);
  yb_state* moved = nullptr;
  const yb_code done = guarded([&] {
    Desk& d = desk->desk;
    d.why.clear();
    if (opening->image != desk->image) return wrong(*desk, "the state is open for another image than the desk's");
    if (!readable(*visit)) return wrong(*desk, kNotUtf8);
    if (const yb_code code = d.check(opening->memory, *visit, lines, line_count); code != YB_OK) return code;
    Memory& memory = closing == nullptr ? d.scratch : closing->memory;
    moved = closing;
    if (&memory != &opening->memory) memory = opening->memory;
    const yb_code code = d.settle(memory, *visit, lines, line_count, *result, told);
    if (closing == nullptr) result->version = opening->memory.version;
    return code;
  });
  if (moved != nullptr) moved->torn = done == YB_NO_MEMORY || done == YB_BROKEN;
  return done;
}

}  // extern "C"
