// What one run of settle() writes, and the state that a next run opens with.
//
// Meaning   The outputs of a run over a population, preset as the kernel asks; its closing state, joined from its chunks, becomes the
//           opening state of a later batch of the same persons.
// Units     Those of ybcore/settle.hpp.
// Requires  A population whose groups are the same in both batches.
// Gives     A digest of every value that was written. This is the one place that knows the members of outputs and state.
// Fails     Never.
// Cost      One pass over what was written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "population.hpp"
#include "ybcore/settle.hpp"

namespace ybcore::bench {

// State of an earlier batch with what settle() wants to know of it beside; borrowed by `view`.
struct Earlier {
  State state;
  std::vector<std::int64_t> counter_begin, record_begin;
  std::vector<std::uint8_t> known_before;

  [[nodiscard]] Opening view() const;
};

struct Results {
  std::vector<std::int64_t> columns, balance, cursor;
  std::vector<std::uint8_t> outcome, reason, reversed, detail_count, state_reversed;
  std::vector<std::int32_t> plan, through;
  std::vector<DetailRow> detail;
  std::vector<State> closing;

  void reset(const Population& people, bool with_detail, std::size_t earlier = 0);
  [[nodiscard]] Outputs view();
  // What the run keeps by partition becomes columns.
  void take(ybcore::Settled&& run, int threads);
  [[nodiscard]] std::uint64_t digest() const;
  // How often each outcome came, and what funds and accounts paid.
  [[nodiscard]] std::string tale() const;
  [[nodiscard]] Earlier earlier(const Population& people, const Program& program) const;
};

}  // namespace ybcore::bench
