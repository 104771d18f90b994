// One settling group; private to the kernel.
#pragma once

#include "visit.hpp"
#include "ybcore/ledger.hpp"
#include "ybcore/settle.hpp"

namespace ybcore {

// A workspace that settles one group after another.
class Group {
 public:
  Group(const Program& program, const Events& events, const Packed& packed, const AccountEvents& accounts, const Opening& opening,
        const Outputs& out);
  Status settle(std::int64_t group, State* closing);

 private:
  const Program& program_;
  const Events& events_;
  const Packed& packed_;
  const AccountEvents& accounts_;
  const Opening& opening_;
  const Outputs& out_;
  Ledger ledger_;
  Visit visit_;

  void look_ahead(std::int64_t at) const;
  bool visit(std::int64_t row, std::int64_t first, std::int64_t last);
  [[nodiscard]] Reason refusal(std::int64_t first, std::int64_t last) const;
  void reject(std::int64_t row, Reason reason);
  void reverse(std::int64_t e, std::int64_t row);
  [[nodiscard]] Reason cannot_reverse(std::int64_t e, std::int64_t& init, Record*& record);
  void recall(std::int64_t group);
  void write(State& closing) const;
};

}  // namespace ybcore
