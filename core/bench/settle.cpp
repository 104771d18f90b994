// Settling a population: with its closing state, with the story of every layer, and as the next batch of an earlier one.
#include <stdexcept>
#include <utility>

#include "settled.hpp"
#include "stages.hpp"

namespace ybcore::bench {
namespace {

void check(const Program& program, const Population& people) {
  if (const char* table = invalid(program)) throw std::runtime_error(std::string("unsound table: ") + table);
  if (const char* column = invalid(program, people.view(), people.persons()))
    throw std::runtime_error(std::string("unsound column: ") + column);
}

enum class Want { kColumns, kState, kDetail };

void run(const Program& program, const Population& people, const Opening& opening, Results& out, Want want, int threads) {
  const Events events = people.view();  // must outlive what settle() gives
  ybcore::Settled settled = ybcore::settle(program, events, people.accounts(), opening, out.view(), want == Want::kState, threads);
  if (settled.status.code != Code::kOk) throw std::runtime_error(sentence(settled.status.code));
  out.take(std::move(settled), threads);
}

Done settled(const Settings& settings, Want want) {
  const Scheme scheme;
  const Program program = scheme.view();
  const Population people(scheme, settings.of(2'500), settings.of(20'000), 0);
  check(program, people);
  Done done;
  Results out;
  repeat(
      settings, done, [&] { out.reset(people, want == Want::kDetail); },
      [&] { run(program, people, Opening{}, out, want, settings.threads); });
  done.digest = out.digest();
  done.told = out.tale();
  return done;
}

}  // namespace

// Nothing but columns, as a batch that stands alone asks for.
Done batch(const Settings& settings) { return settled(settings, Want::kColumns); }
Done settle(const Settings& settings) { return settled(settings, Want::kState); }
Done detail(const Settings& settings) { return settled(settings, Want::kDetail); }

Done resume(const Settings& settings) {
  const Scheme scheme;
  const Program program = scheme.view();
  const Population before(scheme, settings.of(2'500), settings.of(10'000), 0);
  check(program, before);
  Results first;
  first.reset(before, false);
  run(program, before, Opening{}, first, Want::kState, 1);
  const Earlier earlier = first.earlier(before, program);

  Population people(scheme, settings.of(2'500), settings.of(10'000), 1);
  people.balance = first.balance;
  people.take_back(earlier.state.records.person, earlier.known_before.size());
  check(program, people);
  Done done;
  Results out;
  repeat(
      settings, done, [&] { out.reset(people, false, earlier.known_before.size()); },
      [&] { run(program, people, earlier.view(), out, Want::kState, settings.threads); });
  done.digest = out.digest();
  done.told = out.tale();
  return done;
}

}  // namespace ybcore::bench
