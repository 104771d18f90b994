// What is due of a deductible, and what later visits need to know of it.
#include <algorithm>

#include "visit.hpp"

namespace ybcore {

std::int64_t Visit::standard_value(std::int64_t standard) const {
  const std::int64_t known = prepared_->standard(standard, number_);
  if (known != kMissing) return known;
  return standard_of(*program_, program_->standards[static_cast<std::size_t>(standard)], number_, scale_,
                     [this](std::int64_t a) { return amount_fen(a); });
}

void Visit::due(const LayerRow& row, LayerResult&, std::int64_t& owed, std::int64_t& standard) {
  owed = standard = 0;
  if (row.standard < 0) return;
  const StandardRow& s = program_->standards[static_cast<std::size_t>(row.standard)];
  standard = standard_value(row.standard);
  owed = standard;
  switch (static_cast<Repeat>(s.repeat)) {
    case Repeat::kCumulative:
      owed = std::max<std::int64_t>(0, standard - read(s.key));
      break;
    case Repeat::kFirstOnly:
      if (read(s.key) != 0) owed = 0;
      break;
    case Repeat::kAdmission: {
      Wide used = 0;
      for (const Standing& r : ledger_->records) {
        if (!r.standing || r.stay != event_->stay || r.person != event_->person || r.scheme != plan_->scheme) continue;
        for (std::uint32_t k = r.used; k < r.used_end; ++k) used += ledger_->used[k].layer == row.name ? ledger_->used[k].used : 0;
      }
      owed = std::max<std::int64_t>(0, standard - limited(round_div(used * scale_, kGrid)));
      break;
    }
    case Repeat::kHighest: {
      const std::int32_t slot = slots_[static_cast<std::size_t>(s.high_key)];
      std::int64_t high = 0;
      for (const Standing& r : ledger_->records) {
        if (!r.standing) continue;
        for (std::uint32_t k = r.standards; k < r.standards_end; ++k)
          if (ledger_->standards[k].slot == slot) high = std::max(high, ledger_->standards[k].amount);
      }
      owed = std::max<std::int64_t>(0, std::max(standard, from_grid(high, scale_)) - read(s.key));
      ledger_->standards.push_back({slot, to_grid(standard, scale_)});
      break;
    }
    case Repeat::kVisit:
      break;
  }
  if (s.link_id != 0 || s.link_days != 0) (void)transferred(row, s, standard, owed);
  if (event_->later() && plan_->deductible_each == 0) owed = 0;
}

bool Visit::transferred(const LayerRow& row, const StandardRow& s, std::int64_t standard, std::int64_t& owed) {
  const Standing* linked = nullptr;
  const auto mine = [&](const Standing& r) {
    if (!r.standing || r.person != event_->person || r.scheme != plan_->scheme) return false;
    for (std::uint32_t k = r.used; k < r.used_end; ++k)
      if (ledger_->used[k].layer == row.name) return true;
    return false;
  };
  if (s.link_id != 0 && event_->linked_stay >= 0) {
    for (const Standing& r : ledger_->records)
      if (r.stay == event_->linked_stay && mine(r)) linked = &r;
  }
  if (linked == nullptr && s.link_days != 0) {
    for (const Standing& r : ledger_->records) {
      const std::int64_t gap = std::int64_t{event_->begndate} - r.enddate;
      if (gap < 0 || gap > s.within_days || r.admissions == r.admissions_end || r.stay == event_->stay || !mine(r)) continue;
      if (linked == nullptr || r.enddate >= linked->enddate) linked = &r;
    }
  }
  if (linked == nullptr) return false;
  for (std::uint32_t k = linked->used; k < linked->used_end; ++k) {
    const Used& u = ledger_->used[k];
    if (u.layer != row.name) continue;
    chain_standard_ = std::max(chain_standard_, u.chain_standard);
    chain_used_ = std::min(kMostGrid, chain_used_ + u.chain_used);
  }
  owed = std::max<std::int64_t>(0, standard - from_grid(s.against_used != 0 ? chain_used_ : chain_standard_, scale_));
  return true;
}

void Visit::shift_first_pay(const LayerRow& row, LayerResult& r) {
  const std::int64_t first = burden_[kFirstPay];
  const std::int64_t whole = first + burden_[kInScope];
  std::int64_t owed = 0;
  std::int64_t standard = 0;
  chain_standard_ = chain_used_ = 0;
  due(row, r, owed, standard);
  if (whole == 0) return;
  const Rounding rounding{static_cast<RoundMode>(plan_->class_mode), plan_->class_unit};
  const std::int64_t moved = std::min(first, static_cast<std::int64_t>(round_to(Wide{first} * std::min(owed, whole), whole, rounding)));
  for (auto* where : {&burden_, &nature_}) {
    (*where)[kFirstPay] -= moved;
    (*where)[kInScope] += moved;
  }
}

void Visit::remember(const LayerRow& row, const LayerResult& r) {
  if (row.standard < 0) return;
  ledger_->used.push_back({static_cast<std::int32_t>(row.name), to_grid(r.deductible, scale_),
                           std::max(chain_standard_, to_grid(r.standard, scale_)),
                           std::min(kMostGrid, chain_used_ + to_grid(r.deductible, scale_))});
}

}  // namespace ybcore
