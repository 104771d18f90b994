// The benchmark without Python: `kernel_bench STAGE|all|stages|about [SCALE [THREADS [ROUNDS]]]`.
//
// One line a stage on stdout: its name, the digest of all that the kernel wrote, and what happened. Those lines are the same for every
// compiler, machine and number of threads. Times go to stderr.
#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string_view>

#include "stages.hpp"

#define YB_TEXT_OF(x) #x
#define YB_TEXT(x) YB_TEXT_OF(x)
#ifdef __GLIBC__
#define YB_LIBC "glibc " YB_TEXT(__GLIBC__) "." YB_TEXT(__GLIBC_MINOR__)
#else
#define YB_LIBC "another libc"
#endif
#if defined(__x86_64__)
#define YB_MACHINE "x86-64"
#elif defined(__aarch64__)
#define YB_MACHINE "aarch64"
#else
#define YB_MACHINE "another machine"
#endif
#ifdef __clang__
#define YB_COMPILER "clang "
#define YB_VERSION YB_TEXT(__clang_major__) "." YB_TEXT(__clang_minor__) "." YB_TEXT(__clang_patchlevel__)
#else
#define YB_COMPILER "gcc "
#define YB_VERSION YB_TEXT(__GNUC__) "." YB_TEXT(__GNUC_MINOR__) "." YB_TEXT(__GNUC_PATCHLEVEL__)
#endif

namespace {

using namespace ybcore::bench;

struct Stage {
  const char* name;
  Done (*run)(const Settings&);
};
constexpr Stage kStages[] = {{"price", price}, {"sums", sums},     {"order", order},   {"combine", combine}, {"texts", texts},
                             {"batch", batch}, {"settle", settle}, {"detail", detail}, {"resume", resume},   {"checks", checks}};

void run(const Stage& stage, const Settings& settings) {
  const Done done = stage.run(settings);
#ifdef YB_BENCH_NEEDLESS
  // A twentieth more work for nothing: what the gate on instructions must see.
  Settings needless = settings;
  needless.scale = (settings.scale + 19) / 20;
  (void)stage.run(needless);
#endif
  std::printf("%s %016llx %s\n", stage.name, static_cast<unsigned long long>(done.digest), done.told.c_str());
  if (settings.rounds == 0) return;
  std::fprintf(stderr, "%s %lld ns\n", stage.name, static_cast<long long>(done.nanoseconds));
  for (const Part& part : done.parts)
    std::fprintf(stderr, "%s/%s %zu rows %lld ns\n", stage.name, part.name, part.rows, static_cast<long long>(part.nanoseconds));
}

template <class T>
bool number(const char* text, std::int64_t least, T& out) {
  const char* end = text + std::strlen(text);
  const auto [at, wrong] = std::from_chars(text, end, out);
  return wrong == std::errc() && at == end && out >= static_cast<T>(least);
}

int usage() {
  std::fputs("usage: kernel_bench STAGE|all|stages|about [SCALE, 100 is full size [THREADS [ROUNDS]]]\nstages:", stderr);
  for (const Stage& stage : kStages) std::fprintf(stderr, " %s", stage.name);
  std::fputs("\n", stderr);
  return 2;
}

}  // namespace

int main(int count, char** given) {
  Settings settings;
  if (count < 2 || count > 5 || (count > 2 && !number(given[2], 1, settings.scale)) ||
      (count > 3 && !number(given[3], 1, settings.threads)) || (count > 4 && !number(given[4], 0, settings.rounds)))
    return usage();
  const std::string_view wanted = given[1];
  if (wanted == "about") {
    std::puts(YB_COMPILER YB_VERSION ", " YB_LIBC ", " YB_MACHINE);
    return 0;
  }
  if (wanted == "stages") {
    for (const Stage& stage : kStages) std::puts(stage.name);
    return 0;
  }
  bool known = false;
  try {
    for (const Stage& stage : kStages) {
      if (wanted != "all" && wanted != stage.name) continue;
      known = true;
      run(stage, settings);
    }
  } catch (const std::exception& fault) {
    std::fprintf(stderr, "kernel_bench: %s\n", fault.what());
    return 1;
  }
  return known ? 0 : usage();
}
