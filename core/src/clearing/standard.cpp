// One case after another: its base, its kind, its standard. No case looks at another here.
#include <algorithm>
#include <vector>

#include "../split.hpp"
#include "parts.hpp"

namespace ybcore::clearing {
namespace {

constexpr std::size_t kBlock = 1 << 15;

// A fraction: what a cost is compared with, in fen.
struct Reference {
  Wide above = 0;
  std::int64_t below = 1;
};

class One {
 public:
  One(const Job& job, const CaseResults& out, std::size_t row)
      : job_(job),
        cases_(job.cases),
        out_(out),
        row_(row),
        cell_(job.cells[static_cast<std::size_t>(cases_.cell[row])]),
        group_(cases_.group[row]),
        cost_(at(cases_.medfee, row) - at(cases_.carved, row)) {}

  Code settle() {
    if (cell_.pays == Pays::kInstitution) return put(Kind::kNone, Way::kInstitution);
    if (cell_.pays == Pays::kItem) return put(Kind::kNormal, Way::kItem);
    if (reviewed()) return put(Kind::kReviewed, Way::kStandard);
    if (group_ < 0 && cell_.needs_group != 0) {
      put(Kind::kUngrouped, Way::kNone);
      return pay(cell_.ungrouped, 0, 0, {});
    }
    Product plain(0);
    if (!base(plain)) return Code::kNoFigure;
    if (plain.lost()) return Code::kOverflow;
    const Wide bare = on_grid(plain.value(), below_);
    const Wide standard = on_grid(Product(plain.value()).times(cell_.coefficient).value(), Wide{below_} * kMillion);
    if (Product(plain.value()).times(cell_.coefficient).lost() || standard > kMost || bare > kMost) return Code::kOverflow;
    Reference reference;
    if (!refer(standard, reference)) return Code::kNoFigure;
    return pay(kind_of(reference), standard, bare, reference);
  }

 private:
  Code put(Kind kind, Way way) {
    out_.kind[row_] = static_cast<std::uint8_t>(kind);
    out_.way[row_] = static_cast<std::uint8_t>(way);
    return Code::kOk;
  }

  [[nodiscard]] Wide on_grid(Wide above, Wide below) const { return round_to(above, below, {RoundMode::kHalfUp, cell_.grid}); }

  void level(Wide value) { (cell_.pays == Pays::kPoints ? out_.points : out_.standard)[row_] = static_cast<std::int64_t>(value); }

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

  [[nodiscard]] std::int64_t of_group(std::span<const std::int64_t> column) const {
    return group_ < 0 ? kNothing : maybe(column, static_cast<std::size_t>(group_));
  }

  // The base without coefficients, over below_; false where the group does not have its column.
  bool base(Product& plain) {
    const bool bed_day = group_ >= 0 && !job_.groups.bed_day.empty() && job_.groups.bed_day[static_cast<std::size_t>(group_)] != 0;
    days_ = cell_.by_day != 0 || bed_day ? cases_.days[row_] : 1;
    std::int64_t have = cell_.amount;
    if (cell_.from == From::kGroupAmount) have = of_group(job_.groups.amount);
    if (cell_.from == From::kGroupPoints) have = of_group(job_.groups.points);
    if (cell_.from == From::kGroupMean) have = of_group(job_.groups.mean);
    if (cell_.from == From::kGroupWeightRate || cell_.from == From::kGroupWeightTimes) have = of_group(job_.groups.weight);
    if (have == kNothing) return false;
    Wide value = have;
    switch (cell_.from) {
      case From::kGroupWeightRate:
        value *= cell_.amount;
        below_ = kMillion;
        break;
      case From::kGroupPoints:
        value = on_grid(value, 1);
        break;
      case From::kGroupWeightTimes:
        value = on_grid(value * cell_.times * kPoint, Wide{kMillion} * kMillion);
        break;
      case From::kGroupMean:
        value = on_grid(value * cell_.times * kPoint, Wide{kMillion} * cell_.over);
        break;
      default:
        break;
    }
    plain = Product(value);
    plain.times(days_);
    return true;
  }

  bool refer(Wide standard, Reference& reference) const {
    if (cell_.against == Against::kNone) return true;
    if (cell_.against == Against::kStandard) {
      reference = cell_.pays == Pays::kPoints ? Reference{standard * cell_.value, 100'000'000} : Reference{standard, 1};
      return true;
    }
    const std::int64_t mean = of_group(job_.groups.mean);
    if (mean == kNothing) return false;
    reference = {Wide{mean} * days_, 1};
    return true;
  }

  // Whether the cost is beyond an edge, `side` 1 above and -1 below.
  bool beyond(const Edge& edge, int side, const Reference& reference) {
    if (edge.at == kNothing) return false;
    const Product cost = Product(cost_).times(reference.below).times(kMillion);
    const Product bound = Product(reference.above).times(edge.at);
    lost_ |= cost.lost() || bound.lost();
    const Wide apart = cost.value() - bound.value();
    return apart == 0 ? edge.includes != 0 : (side > 0 ? apart > 0 : apart < 0);
  }

  const Payment& kind_of(const Reference& reference) {
    static constexpr Payment kPlain{Rule::kStandard, 0, kNothing, 0, 0, 0};
    if (reference.above != 0) {
      out_.multiple[row_] = static_cast<std::int64_t>(round_div(Wide{cost_} * reference.below * kMillion, reference.above));
      if (cell_.high.at != kNothing) {
        const Product edge = Product(reference.above).times(cell_.high.at);
        lost_ |= edge.lost();
        out_.high_edge[row_] = static_cast<std::int64_t>(round_div(edge.value(), Wide{reference.below} * kMillion));
      }
    }
    if (cell_.has_incomplete != 0 && !cases_.broken.empty() && cases_.broken[row_] != 0) {
      put(Kind::kIncomplete, Way::kNone);
      return cell_.incomplete;
    }
    if (reference.above != 0) {
      if (beyond(cell_.extreme, 1, reference)) return told(Kind::kExtreme, cell_.extreme);
      if (beyond(cell_.high, 1, reference)) return told(Kind::kHigh, cell_.high);
      if (beyond(cell_.low, -1, reference)) return told(Kind::kLow, cell_.low);
    }
    put(Kind::kNormal, Way::kNone);
    return kPlain;
  }

  const Payment& told(Kind kind, const Edge& edge) {
    put(kind, Way::kNone);
    return edge.pays;
  }

  Code pay(const Payment& how, Wide standard, Wide bare, const Reference& reference) {
    if (lost_) return Code::kOverflow;
    Way way = Way::kStandard;
    if (how.rule == Rule::kItem) way = Way::kItem;
    if (how.rule == Rule::kHold) way = Way::kHeld;
    out_.way[row_] = static_cast<std::uint8_t>(way);
    if (way != Way::kStandard) return Code::kOk;
    Wide value = standard;
    if (how.rule == Rule::kByCost) value = on_grid(Wide{cost_} * how.times * kPoint, Wide{how.over} * kMillion);
    if (how.rule == Rule::kActual && reference.above != 0) {
      const Product part = Product(how.bare != 0 ? bare : standard).times(cost_).times(reference.below).times(kMillion);
      const Product less = Product(standard).times(how.less).times(reference.above);
      if (part.lost() || less.lost()) return Code::kOverflow;
      value = on_grid(part.value() - less.value(), reference.above * kMillion);
      if (how.most != kNothing) value = std::min(value, on_grid(standard * how.most, kMillion));
      value = std::max(value, Wide{0});
    }
    if (value > kMost || value < -kMost) return Code::kOverflow;
    level(value);
    return Code::kOk;
  }

  const Job& job_;
  const Cases& cases_;
  const CaseResults& out_;
  std::size_t row_;
  const Cell& cell_;
  std::int32_t group_;
  std::int64_t cost_;
  std::int64_t days_ = 1;
  std::int64_t below_ = 1;
  bool lost_ = false;
};

}  // namespace

Status settle_standards(const Job& job, const CaseResults& out, int threads) {
  const std::size_t rows = job.cases.cell.size();
  const Chunks chunks = cut_rows(rows, kBlock);
  std::vector<Status> status(chunks.begin.size() - 1, Status{Code::kOk, 0});
  for_each_chunk(chunks, threads, [&](std::size_t chunk) {
    for (std::size_t row = chunks.begin[chunk]; row < chunks.begin[chunk + 1]; ++row) {
      out.kind[row] = 0;
      out.way[row] = 0;
      out.cut[row] = 0;
      out.multiple[row] = out.high_edge[row] = kNothing;
      out.points[row] = out.standard[row] = out.payment[row] = 0;
      if (job.cases.cell[row] < 0) continue;
      const Code code = One(job, out, row).settle();
      if (code != Code::kOk && status[chunk].code == Code::kOk) status[chunk] = {code, static_cast<std::int64_t>(row)};
    }
  });
  for (const Status& one : status)
    if (one.code != Code::kOk) return one;
  return {Code::kOk, 0};
}

}  // namespace ybcore::clearing
