// The stages of the benchmark: each makes its own input from a seed and drives public functions of the kernel.
//
// Meaning   One function a stage. It draws an input, calls the kernel `rounds` times, and digests all that the kernel wrote.
// Units     `scale` in hundredths of the full size (200,000 lines, 20,000 visits of 2,500 persons).
// Requires  scale and threads of at least 1. With 0 rounds the kernel is not called, which shows what the rest costs.
// Gives     A digest that depends on the scale, not on compiler, machine, threads or (from 1 on) rounds; what happened, to be read.
// Fails     Throws std::runtime_error when the kernel refuses the input or loses money.
// Cost      Milliseconds at full size.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

namespace ybcore::bench {

struct Settings {
  std::int64_t scale = 100;
  int threads = 1;
  int rounds = 1;

  [[nodiscard]] std::size_t of(std::int64_t full) const { return static_cast<std::size_t>(full * scale / 100 + 1); }
};

// One of several kernels in a stage.
struct Part {
  const char* name;
  std::size_t rows;
  std::int64_t nanoseconds;
};

struct Done {
  std::uint64_t digest = 0;
  std::string told;
  std::int64_t nanoseconds = INT64_MAX;  // of the fastest round; of processor time on one thread
  std::vector<Part> parts;
};

// One thread is timed by its processor, which other work does not slow; several by the clock.
[[nodiscard]] inline std::int64_t now(int threads) {
  if (threads == 1) return static_cast<std::int64_t>(std::clock()) * (1'000'000'000 / CLOCKS_PER_SEC);
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}

// `prepare` gives a round fresh outputs and is not timed, `kernel` is.
template <class Prepare, class Kernel>
void repeat(const Settings& settings, Done& done, Prepare prepare, Kernel kernel) {
  prepare();
  for (int round = 0; round < settings.rounds; ++round) {
    if (round != 0) prepare();
    const std::int64_t begin = now(settings.threads);
    kernel();
    const std::int64_t took = now(settings.threads) - begin;
    done.nanoseconds = took < done.nanoseconds ? took : done.nanoseconds;
  }
}

[[nodiscard]] Done price(const Settings& settings);
[[nodiscard]] Done sums(const Settings& settings);
[[nodiscard]] Done order(const Settings& settings);
[[nodiscard]] Done combine(const Settings& settings);
[[nodiscard]] Done texts(const Settings& settings);
[[nodiscard]] Done batch(const Settings& settings);
[[nodiscard]] Done settle(const Settings& settings);
[[nodiscard]] Done detail(const Settings& settings);
[[nodiscard]] Done resume(const Settings& settings);
[[nodiscard]] Done checks(const Settings& settings);

}  // namespace ybcore::bench
