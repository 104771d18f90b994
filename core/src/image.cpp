#include "image.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "crc32.hpp"
#include "ybcore/names.hpp"

namespace ybcore {
namespace {

constexpr char kMagic[8] = {'Y', 'B', 'I', 'M', 'A', 'G', 'E', 0};
constexpr std::uint32_t kFormat = 3;

struct Head {
  char magic[8];
  std::uint32_t format, sections;
  std::uint64_t size;
  std::uint32_t sum, spare;  // CRC-32 of what stands before it and after both
};
struct Section {
  char name[16];
  std::uint64_t at, size;
};

}  // namespace

std::uint64_t folded(std::span<const std::uint64_t> words) noexcept {
  std::uint64_t out = 0;
  for (const std::uint64_t word : words) out = (out ^ word) * 0x9E3779B97F4A7C15ULL;
  return out;
}

std::unique_ptr<Image> Image::open(const char* path, bool& no_file, std::string& why) {
  no_file = true;
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return nullptr;
  struct stat about{};
  const bool known = fstat(file, &about) == 0;
  no_file = !known;
  std::unique_ptr<Image> image(new Image);
  if (known && about.st_size >= static_cast<off_t>(sizeof(Head))) {
    image->size_ = static_cast<std::size_t>(about.st_size);
    void* at = mmap(nullptr, image->size_, PROT_READ, MAP_SHARED, file, 0);
    image->at_ = at == MAP_FAILED ? nullptr : static_cast<const std::byte*>(at);
  }
  ::close(file);
  if (image->at_ == nullptr) {
    why = "the file is too short";
    return nullptr;
  }
  return image->read(why) ? std::move(image) : nullptr;
}

Image::~Image() {
  if (at_ != nullptr) munmap(const_cast<std::byte*>(at_), size_);
}

std::span<const std::byte> Image::section(std::string_view name) const {
  const auto* head = reinterpret_cast<const Head*>(at_);
  const auto* sections = reinterpret_cast<const Section*>(head + 1);
  for (std::uint32_t s = 0; s < head->sections; ++s)
    if (std::string_view(sections[s].name, strnlen(sections[s].name, sizeof sections[s].name)) == name)
      return {at_ + sections[s].at, sections[s].size};
  return {};
}

Texts Image::texts(std::string_view name) const {
  const auto begin = rows<std::uint32_t>(std::string(name) + "@");
  const auto text = section(name);
  // Begins rise to the end of the text, so that no name is ever outside.
  if (begin.empty() || begin[0] != 0 || begin.back() > text.size()) return {};
  for (std::size_t i = 1; i < begin.size(); ++i)
    if (begin[i] < begin[i - 1]) return {};
  return {begin, reinterpret_cast<const char*>(text.data())};
}

bool Image::read(std::string& why) {
  const auto* head = reinterpret_cast<const Head*>(at_);
  if (std::memcmp(head->magic, kMagic, sizeof kMagic) != 0) {
    why = "the file is no image";
    return false;
  }
  if (head->format != kFormat) {
    why = "the image has format " + std::to_string(head->format) + ", this library reads " + std::to_string(kFormat);
    return false;
  }
  const std::size_t table = sizeof(Head) + std::size_t{head->sections} * sizeof(Section);
  bool inside = head->size == size_ && head->sections < 1000 && table <= size_;
  const auto* sections = reinterpret_cast<const Section*>(head + 1);
  for (std::uint32_t s = 0; inside && s < head->sections; ++s)
    inside = sections[s].at % 8 == 0 && sections[s].at <= size_ && sections[s].size <= size_ - sections[s].at;
  if (!inside) {
    why = "the image is cut short";
    return false;
  }
  if (crc32({at_ + sizeof(Head), size_ - sizeof(Head)}, crc32({at_, offsetof(Head, sum)})) != head->sum) {
    why = "the image is damaged";
    return false;
  }
  program = {rows<PlanRow>("plans"), rows<LayerRow>("layers"),     rows<KeyRow>("keys"),   rows<FeedRow>("feeds"),
             rows<BandRow>("bands"), rows<CeilingRow>("ceilings"), rows<BaseRow>("bases"), rows<StandardRow>("standards"),
             rows<EditRow>("edits"), rows<AmountRow>("amounts"),   rows<UptoRow>("uptos"), rows<std::int64_t>("loose")};
  counters = texts("counters");
  layers = texts("layer_names");
  schemes = texts("schemes");
  values = texts("values");
  policies = texts("policies");
  plans = texts("plan_ids");
  facts = texts("facts");
  defaults = texts("defaults");
  codes = texts("codes");
  test_codes = texts("test_codes");
  levels = texts("levels");
  places = texts("places");
  of = texts("of");
  grades = texts("grades");
  grade_levels = texts("grade_levels");
  fact_rows = rows<FactRow>("fact_rows");
  tests = rows<TestRow>("tests");
  edges = rows<std::int64_t>("edges");
  date_edges = rows<std::int64_t>("date_edges");
  scopes = rows<std::int32_t>("scopes");
  field_facts = rows<std::int32_t>("field_facts");
  instances = rows<InstanceRow>("instances");
  documents = rows<DocumentRow>("documents");
  drafts = rows<std::int64_t>("drafts");
  draft_tests = rows<DraftTest>("draft_tests");
  draft_ranges = rows<DraftRange>("draft_ranges");
  draft_documents = rows<DraftDocument>("draft_documents");
  draft_categories = rows<std::int32_t>("draft_categories");
  draft_codes = texts("draft_codes");
  draft_policies = texts("draft_policies");
  draft_plans = texts("draft_plans");
  digits_ = rows<std::uint64_t>("digits");
  code_table_ = rows<std::int32_t>("code_table");
  if (const auto m = rows<ImageMeta>("meta"); m.size() == 1) meta = m[0];
  if (const auto k = rows<KnownFacts>("known_facts"); k.size() == 1) known = k[0];
  read_pricing();
  if (!sound(why)) return false;
  if (meta.no_catalog == 0)
    catalog.emplace(CatalogRows{rows<ItemHead>("heads"), rows<ClassRow>("classes"), rows<RatioRow>("ratios"), rows<CapRow>("caps")});
  prepared = std::make_unique<Prepared>(program);
  const std::size_t width = static_cast<std::size_t>(meta.asked) + 1;
  for (std::size_t i = 0; i < instances.size(); ++i)
    combinations_.emplace(folded(digits_.subspan(i * width, width)), static_cast<std::int32_t>(i));
  return true;
}

void Image::read_pricing() {
  constexpr std::size_t kProgram = 15;
  const auto flat = rows<std::int64_t>("programs");
  for (std::size_t i = 0; i + kProgram <= flat.size(); i += kProgram) {
    const std::int64_t* r = flat.data() + i;
    const auto i32 = [](std::int64_t x) { return static_cast<std::int32_t>(x); };
    const auto u32 = [](std::int64_t x) { return static_cast<std::uint32_t>(x); };
    programs_.push_back({r[0],
                         {static_cast<RoundMode>(r[1]), r[2]},
                         {static_cast<RoundMode>(r[3]), r[4]},
                         i32(r[5]),
                         {static_cast<PlaceRule>(r[6]), static_cast<PlaceRule>(r[7]), static_cast<PlaceRule>(r[8])},
                         {static_cast<DateRule>(r[9]), static_cast<DateRule>(r[10]), static_cast<DateRule>(r[11])},
                         u32(r[12]),
                         u32(r[13]),
                         u32(r[14])});
  }
  const auto steps = rows<std::int32_t>("steps");
  for (std::size_t i = 0; i + 4 <= steps.size(); i += 4)
    steps_.push_back({steps[i], steps[i + 1] != 0, static_cast<StepAt>(steps[i + 2]), static_cast<std::uint8_t>(steps[i + 3])});
  pricing = {programs_, steps_, rows<std::uint16_t>("tag_map"), static_cast<std::size_t>(meta.catalog_tags),
             static_cast<std::size_t>(meta.tags)};
}

std::int32_t Image::item(std::string_view code) const {
  if (code_table_.empty()) return -1;
  const std::size_t mask = code_table_.size() - 1;
  std::size_t place = hash_of(code) & mask;
  for (std::size_t tried = 0; tried <= mask && code_table_[place] >= 0; ++tried) {
    if (codes[static_cast<std::size_t>(code_table_[place])] == code) return code_table_[place];
    place = (place + 1) & mask;
  }
  return -1;
}

std::int32_t Image::instance(std::span<const std::uint64_t> digits) const {
  const auto [begin, end] = combinations_.equal_range(folded(digits));
  for (auto at = begin; at != end; ++at) {
    const auto own = digits_.subspan(static_cast<std::size_t>(at->second) * digits.size(), digits.size());
    if (std::equal(own.begin(), own.end(), digits.begin())) return at->second;
  }
  return -1;
}

}  // namespace ybcore
