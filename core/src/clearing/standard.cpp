// One case after another: its base, its kind, its standard. No case looks at another here.
#include <algorithm>

#include "../split.hpp"
#include "parts.hpp"

namespace ybcore::clearing {
namespace {

[[nodiscard]] Wide on_grid(const Cell& cell, Wide above, Wide below) { return round_to(above, below, {RoundMode::kHalfUp, cell.grid}); }

[[nodiscard]] std::int64_t narrow(Wide value) { return static_cast<std::int64_t>(std::clamp(value, Wide{INT64_MIN + 1}, Wide{INT64_MAX})); }

// What a scale is made of.
class Maker {
 public:
  Maker(const Job& job, const Cell& cell, std::int32_t group, std::int64_t days) : job_(job), cell_(cell), group_(group), days_(days) {}

  Scale made() {
    Scale out{0, 0, 0, INT64_MIN, INT64_MAX, INT64_MAX, kNothing, 1, Code::kOk, false, group_ < 0 && cell_.needs_group != 0};
    if (!out.ungrouped) out.code = fill(out);
    return out;
  }

 private:
  [[nodiscard]] std::int64_t of_group(std::span<const std::int64_t> column) const {
    return group_ < 0 ? kNothing : maybe(column, static_cast<std::size_t>(group_));
  }

  [[nodiscard]] std::int64_t figure() const {
    switch (cell_.from) {
      case From::kGroupAmount:
        return of_group(job_.groups.amount);
      case From::kGroupPoints:
        return of_group(job_.groups.points);
      case From::kGroupMean:
        return of_group(job_.groups.mean);
      case From::kGroupWeightRate:
      case From::kGroupWeightTimes:
        return of_group(job_.groups.weight);
      case From::kAmount:
        break;
    }
    return cell_.amount;
  }

  Code fill(Scale& out) {
    const std::int64_t have = figure();
    if (have == kNothing) return Code::kNoFigure;
    // The base without coefficients, over `below`.
    Wide base = have;
    std::int64_t below = 1;
    if (cell_.from == From::kGroupPoints) base = on_grid(cell_, base, 1);
    if (cell_.from == From::kGroupWeightTimes) base = on_grid(cell_, base * cell_.times * kPoint, Wide{kMillion} * kMillion);
    if (cell_.from == From::kGroupMean) base = on_grid(cell_, base * cell_.times * kPoint, Wide{kMillion} * cell_.over);
    if (cell_.from == From::kGroupWeightRate) {
      base *= cell_.amount;
      below = kMillion;
    }
    const Product plain = Product(base).times(days_);
    const Product whole = Product(plain).times(cell_.coefficient);
    if (plain.lost() || whole.lost()) return Code::kOverflow;
    const Wide bare = on_grid(cell_, plain.value(), below);
    const Wide standard = on_grid(cell_, whole.value(), Wide{below} * kMillion);
    if (standard > kMost || bare > kMost) return Code::kOverflow;
    out.standard = static_cast<std::int64_t>(standard);
    out.bare = static_cast<std::int64_t>(bare);
    return refer(out);
  }

  Code refer(Scale& out) {
    Wide above = 0;
    if (cell_.against == Against::kMean) {
      const std::int64_t mean = of_group(job_.groups.mean);
      if (mean == kNothing) return Code::kNoFigure;
      above = Wide{mean} * days_;
    } else if (cell_.against == Against::kStandard) {
      const bool points = cell_.pays == Pays::kPoints;
      above = points ? Wide{out.standard} * cell_.value : Wide{out.standard};
      out.below = points ? 100'000'000 : 1;
    }
    if (above > INT64_MAX) return Code::kOverflow;
    out.above = static_cast<std::int64_t>(above);
    if (above == 0) return Code::kOk;
    // A cost is beyond an edge where it is above (below) this fraction, or is the fraction and belongs to the edge.
    const Wide under = Wide{out.below} * kMillion;
    const auto edge_of = [&](const Edge& edge) {
      const Product bound = Product(out.above).times(edge.at);
      lost_ |= bound.lost();
      return bound.value();
    };
    const auto from = [&](const Edge& edge) {
      const Wide bound = edge_of(edge);
      const Wide whole = floor_div(bound, under);
      return narrow(edge.includes != 0 && whole * under == bound ? whole : whole + 1);
    };
    if (cell_.extreme.at != kNothing) out.extreme_from = from(cell_.extreme);
    if (cell_.high.at != kNothing) {
      out.high_from = from(cell_.high);
      out.high_edge = static_cast<std::int64_t>(round_div(edge_of(cell_.high), under));
    }
    if (cell_.low.at != kNothing) {
      const Wide bound = edge_of(cell_.low);
      const Wide whole = floor_div(bound, under);
      out.low_to = narrow(cell_.low.includes == 0 && whole * under == bound ? whole - 1 : whole);
    }
    return lost_ ? Code::kOverflow : Code::kOk;
  }

  const Job& job_;
  const Cell& cell_;
  std::int32_t group_;
  std::int64_t days_;
  bool lost_ = false;
};

[[nodiscard]] bool by_day(const Job& job, const Cell& cell, std::int32_t group) {
  return cell.by_day != 0 || (group >= 0 && !job.groups.bed_day.empty() && job.groups.bed_day[static_cast<std::size_t>(group)] != 0);
}

class One {
 public:
  One(const Job& job, const CaseResults& out, std::size_t row) : cases_(job.cases), out_(out), row_(row), cell_(cell_of(job, row)) {
    const bool none = cell_.pays == Pays::kItem || cell_.pays == Pays::kInstitution;
    cost_ = none ? 0 : at(cases_.medfee, row) - at(cases_.carved, row);
  }

  Code settle(const Scales& scales) {
    if (cell_.pays == Pays::kInstitution) return put(Kind::kNone, Way::kInstitution);
    if (cell_.pays == Pays::kItem) return put(Kind::kNormal, Way::kItem);
    if (reviewed()) return put(Kind::kReviewed, Way::kStandard);
    Scale made;
    const Scale& scale = scales.of(row_, made);
    if (scale.code != Code::kOk) return scale.code;
    if (!scale.ungrouped) return pay(kind_of(scale), scale);
    put(Kind::kUngrouped, Way::kNone);
    return pay(cell_.ungrouped, scale);
  }

 private:
  Code put(Kind kind, Way way) {
    out_.kind[row_] = static_cast<std::uint8_t>(kind);
    out_.way[row_] = static_cast<std::uint8_t>(way);
    return Code::kOk;
  }

  void level(std::int64_t value) { (cell_.pays == Pays::kPoints ? out_.points : out_.standard)[row_] = value; }

  bool reviewed() {
    if (decided(cases_, row_)) {
      out_.standard[row_] = cases_.review_amount[row_];
      return true;
    }
    const std::int64_t points = maybe(cases_.review_points, row_);
    if (cell_.pays != Pays::kPoints || points == kNothing) return false;
    out_.points[row_] = points;
    return true;
  }

  const Payment& kind_of(const Scale& scale) {
    static constexpr Payment kPlain{Rule::kStandard, 0, kNothing, 0, 0, 0};
    if (scale.above != 0) {
      if (!out_.multiple.empty())
        out_.multiple[row_] = static_cast<std::int64_t>(round_div(Wide{cost_} * scale.below * kMillion, scale.above));
      if (!out_.high_edge.empty()) out_.high_edge[row_] = scale.high_edge;
    }
    if (cell_.has_incomplete != 0 && !cases_.broken.empty() && cases_.broken[row_] != 0) return told(Kind::kIncomplete, cell_.incomplete);
    if (scale.above != 0) {
      if (cost_ >= scale.extreme_from) return told(Kind::kExtreme, cell_.extreme.pays);
      if (cost_ >= scale.high_from) return told(Kind::kHigh, cell_.high.pays);
      if (cost_ <= scale.low_to) return told(Kind::kLow, cell_.low.pays);
    }
    return told(Kind::kNormal, kPlain);
  }

  const Payment& told(Kind kind, const Payment& pays) {
    put(kind, Way::kNone);
    return pays;
  }

  Code pay(const Payment& how, const Scale& scale) {
    Way way = Way::kStandard;
    if (how.rule == Rule::kItem) way = Way::kItem;
    if (how.rule == Rule::kHold) way = Way::kHeld;
    out_.way[row_] = static_cast<std::uint8_t>(way);
    if (way != Way::kStandard) return Code::kOk;
    Wide value = scale.standard;
    if (how.rule == Rule::kByCost) value = on_grid(cell_, Wide{cost_} * how.times * kPoint, Wide{how.over} * kMillion);
    if (how.rule == Rule::kActual && scale.above != 0) {
      // Whole multiples need no millionths, and most such products fit a word.
      const std::int64_t unit = how.less % kMillion == 0 ? 1 : kMillion;
      const Product part = Product(how.bare != 0 ? scale.bare : scale.standard).times(cost_).times(Wide{scale.below} * unit);
      const Product less = Product(scale.standard).times(how.less / (kMillion / unit)).times(scale.above);
      if (part.lost() || less.lost()) return Code::kOverflow;
      value = on_grid(cell_, part.value() - less.value(), Wide{scale.above} * unit);
      if (how.most != kNothing) value = std::min(value, on_grid(cell_, Wide{scale.standard} * how.most, kMillion));
      value = std::max(value, Wide{0});
    }
    if (value > kMost || value < -kMost) return Code::kOverflow;
    level(static_cast<std::int64_t>(value));
    return Code::kOk;
  }

  const Cases& cases_;
  const CaseResults& out_;
  std::size_t row_;
  const Cell& cell_;
  std::int64_t cost_;
};

}  // namespace

Scales::Scales(const Job& job, int threads) : job_(job), wide_(job.groups.points.size() + 1) {
  if (job.cells.size() > job.cases.cell.size() / wide_) return;
  kept_.resize(job.cells.size() * wide_);
  for_each_chunk(cut_rows(job.cells.size(), 1), threads, [&](std::size_t c) {
    if (c >= job.cells.size()) return;
    const Cell& cell = job.cells[c];
    if (cell.pays != Pays::kMoney && cell.pays != Pays::kPoints) return;
    for (std::size_t g = 0; g < wide_; ++g) {
      const auto group = static_cast<std::int32_t>(g) - 1;
      Scale& scale = kept_[c * wide_ + g];
      if (by_day(job, cell, group))
        scale.by_day = true;
      else
        scale = Maker(job, cell, group, 1).made();
    }
  });
}

const Scale& Scales::fresh(std::size_t row, Scale& made) const {
  const Cell& cell = cell_of(job_, row);
  const std::int32_t group = job_.cases.group[row];
  made = Maker(job_, cell, group, by_day(job_, cell, group) ? job_.cases.days[row] : 1).made();
  return made;
}

Status settle_standards(const Job& job, const Scales& scales, const CaseResults& out, Block block) {
  constexpr std::size_t kAhead = 12;
  for (std::size_t row = block.begin; row < block.end; ++row) {
    if (row + kAhead < block.end) scales.fetch(row + kAhead);
    out.kind[row] = 0;
    out.way[row] = 0;
    out.cut[row] = 0;
    if (!out.multiple.empty()) out.multiple[row] = kNothing;
    if (!out.high_edge.empty()) out.high_edge[row] = kNothing;
    out.points[row] = out.standard[row] = out.payment[row] = 0;
    if (job.cases.cell[row] < 0) continue;
    const Code code = One(job, out, row).settle(scales);
    if (code != Code::kOk) return {code, static_cast<std::int64_t>(row)};
  }
  return {Code::kOk, 0};
}

}  // namespace ybcore::clearing
