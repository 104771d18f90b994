"""One plan for one combination of attribute classes, as rows of the kernel's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ybcore._core import MAX_BANDS, MAX_KEYS, MAX_LAYERS

from ..layers import KINDS, BaseComputed
from ..vocabulary import BUCKETS, LAYER_QUANTITIES, PERIODS, SCOPES
from ..vocabulary import PAYERS as FUND_PAYERS
from .deductible import add_standard
from .figures import NoFigureError, Resolver
from .own import own_counters
from .tables import MODES, unit_of

if TYPE_CHECKING:
    from .book import CompiledBook

__all__ = ["NoFigureError", "PlanBuilder", "term_keys"]

# Numbers of the kernel's enumerations (core/include/ybcore/policy.hpp), in its order.
PAYERS = (*FUND_PAYERS, "acct_pay", "acct_mulaid_pay")
ON = ("fund", "payers", "layers", "expense", "above_deductible")
LAYER_TERMS = (*LAYER_QUANTITIES[:7], "carry", *LAYER_QUANTITIES[7:], "ran", "times")
VISIT_TERMS = {
    "total": 13,
    "full_self_pay": 14,
    "over_limit": 15,
    "first_pay": 16,
    "in_scope": 17,
    "count": 18,
    "days": 19,
}
PAID_BY, END_BUCKET, END_CASH, END_ACCT = 12, 20, 21, 22
TAG_PART = {"full_self_pay": 0, "over_limit": 1, "first_pay": 2, "in_scope": 3}


def term_keys(terms: Any) -> list[tuple[int, str, str, str]]:
    """Terms as (sign, kind, name, quantity); own counters write theirs so already."""
    return [t if isinstance(t, tuple) else (t.sign, t.kind, t.name, t.quantity) for t in terms]


class PlanBuilder:
    """Reads one plan of a document. Raises NoFigureError when a figure of it has no value."""

    def __init__(self, compiled: CompiledBook, document: int, values: dict[str, Any], date: int) -> None:
        self.compiled, self.document, self.values = compiled, document, values
        self.model = compiled.policies[document].model
        self.scheme = self.model.scheme.id
        self.scale = 1_000_000 if self.model.grid else 1
        self.tables = compiled.tables_
        self.keys: dict[tuple[int, int, int, int], int] = {}
        self.resolver = Resolver(values, date, self.model, self.tables, compiled.fields, self.declared_key)

    # ------------------------------------------------------------------ keys

    def key(self, name: Any, period: str, scope: str) -> int:
        """Local number of a counter that this plan touches."""
        value = -1
        kind = 5
        if scope.startswith("attribute:"):
            attribute = scope.partition(":")[2]
            value = self.compiled.attribute_value(attribute, str(self.values.get(attribute) or ""))
        else:
            kind = SCOPES.index(scope)
        known = self.compiled.shelf.asked_counters
        if (self.scheme, name) not in known:
            known[self.scheme, name] = self.compiled.counter(self.scheme, name)
        row = (known[self.scheme, name], PERIODS.index(period), kind, value)
        if row not in self.keys:
            if len(self.keys) == MAX_KEYS:
                raise ValueError(f"a plan of {self.model.id} touches more than {MAX_KEYS} counters")
            self.keys[row] = len(self.keys)
        return self.keys[row]

    def declared_key(self, name: str) -> int:
        counter = self.model.counters[name]
        return self.key(name, counter.period, counter.scope)

    def own_key(self, terms: tuple[Any, ...], period: str, scope: str) -> int:
        return self.key(("own", terms, period, scope), period, scope)

    # ------------------------------------------------------------------ the plan

    def build(self) -> int:
        """Index of the plan's row."""
        model, holds = self.model, self.resolver.holds
        plan = next((p for p in model.plans if holds(p.when)), None)
        pays = plan is not None and plan.benefit != "none"
        listed = plan.resolved() if plan is not None and pays else ()
        active = [layer for layer in listed if holds(layer.when)]
        if len(active) > MAX_LAYERS:
            raise ValueError(f"plan {plan.id if plan else ''} of {model.id} has more than {MAX_LAYERS} layers")
        self.places = {layer.id: i for i, layer in enumerate(active)}
        rule = model.admissions
        admission = self.admission_key() if rule is not None and holds(rule.when) else -1
        rows = [self._layer(layer) for layer in active]
        layers = self.tables.run("layers", rows)
        feeds = self.tables.run("feeds", self._feeds(plan, listed))
        keys = self.tables.run("keys", [dict(zip(("counter", "period", "scope", "value"), key)) for key in self.keys])
        names = self.compiled
        row = dict(
            layer_begin=layers[0], layer_end=layers[1], key_begin=keys[0], key_end=keys[1], feed_begin=feeds[0], feed_end=feeds[1],
            admission_key=admission, fields=self.resolver.field_mask, **self.fixed(pays), **self._account(active),
        )  # fmt: skip
        named = (model.id, plan.id if plan is not None else "")
        known = names.shelf.plans
        if (named, *row.values()) not in known:
            known[named, *row.values()] = self.tables.add("plans", **row)
            names.plan_names.append(named)
            names.plan_document.append(self.document)
        return known[named, *row.values()]

    def admission_key(self) -> int:
        rule = self.model.admissions
        assert rule is not None
        return self.key(("admission", rule.period, rule.scope), rule.period, rule.scope)

    def fixed(self, pays: bool) -> dict[str, int]:
        """What no fact changes in the row of a plan."""
        model = self.model
        return dict(
            scheme=self.compiled.scheme_names.index(self.scheme), benefit=int(pays), scale=self.scale, tags=len(model.tags),
            one_per_stay=int(model.admissions is not None and model.admissions.one_per == "stay"), year_month=model.year.starts[0],
            year_day=model.year.starts[1], deductible_each=int(model.year.deductible == "each"), document=self.document, **self._rounding(),
        )  # fmt: skip

    def _rounding(self) -> dict[str, int]:
        r = self.model.rounding
        out = {}
        for name, place in (("layer", r.layer), ("class", r.class_), ("end", r.end)):
            out[f"{name}_unit"] = unit_of(place.to, self.scale)
            out[f"{name}_mode"] = 0 if place.to == "exact" else MODES[place.mode]
        out["band_unit"] = 0 if r.band.to == "exact" else unit_of(r.band.to, self.scale)
        out["band_mode"] = MODES[r.band.mode]
        return out

    def _account(self, active: list[Any]) -> dict[str, int]:
        accounts = self.model.accounts
        if accounts is None:
            return {"account": 0, "bucket_begin": 0, "bucket_end": 0, "mutual_aid": 0}
        last = accounts.pay == "last" and not any(layer.kind == "acct" for layer in active)
        buckets = []
        for name in accounts.buckets:
            buckets.append(self.bucket(name))
            if name in TAG_PART:
                buckets += [self.bucket(f"{tag}.{name}") for tag in self.model.tags]
        begin, end = self.tables.add_values(buckets)
        return {
            "account": 1 if last else 2,
            "bucket_begin": begin,
            "bucket_end": end,
            "mutual_aid": int(accounts.mutual_aid),
        }

    def bucket(self, name: str) -> int:
        """Number of a bucket."""
        if name in BUCKETS:
            return BUCKETS.index(name)
        tag, _, part = name.rpartition(".")
        return len(BUCKETS) + 4 * self.model.tags.index(tag) + TAG_PART[part]

    # ------------------------------------------------------------------ feeds

    def _feeds(self, plan: Any, listed: tuple[Any, ...]) -> list[dict[str, int]]:
        counters = self.model.counters
        if plan is None:
            names: tuple[str, ...] = ()
        elif plan.feeds is not None:
            names = plan.feeds
        else:
            names = () if plan.benefit == "none" else tuple(counters)
        wanted: dict[tuple[int, Any], None] = {}
        for name in names:
            wanted[self.declared_key(name), tuple(term_keys(counters[name].sum))] = None
        for terms, period, scope in own_counters(self.model, {layer.id for layer in listed}):
            wanted[self.own_key(terms, period, scope), tuple(term_keys(terms))] = None
        return [feed for (key, terms) in wanted for term in terms for feed in self._feed(key, term)]

    def _feed(self, key: int, term: tuple[int, str, str, str]) -> list[dict[str, int]]:
        sign, kind, name, quantity = term
        row = {"key": key, "layer": -1, "which": -1, "sign": sign}
        if kind == "layer":
            place = self.places.get(name)
            return [] if place is None else [row | {"layer": place, "quantity": LAYER_TERMS.index(quantity)}]
        if kind == "payer":
            return [row | {"quantity": PAID_BY, "which": PAYERS.index(quantity)}]
        if kind == "visit":
            return [row | {"quantity": VISIT_TERMS[quantity]}]
        if quantity in ("cash", "acct"):
            return [row | {"quantity": END_CASH if quantity == "cash" else END_ACCT}]
        return [row | {"quantity": END_BUCKET, "which": self.bucket(quantity)}]

    # ------------------------------------------------------------------ layers

    def _layer(self, layer: Any) -> dict[str, int]:
        row: dict[str, int] = {
            "name": self.compiled.layer(self.scheme, layer.id), "kind": KINDS.index(layer.kind), "payer": PAYERS.index(layer.payer),
            "basic": int(layer.basic), "moves": int(layer.basic or layer.moves), "pro_rata": int(layer.take == "pro_rata"),
            "computed": 0, "settle": 0, "including": 1, "by_total": 0, "total_base": 1, "part_rates": 0, "band_begin": 0, "band_end": 0,
            "per_day": 0, "on_price": 0, "below_fund": 0, "excess_hospital": 0, "of_total": 0, "counts": 0, "carries": 0,
        }  # fmt: skip
        rates = getattr(layer, "part_rates", None)
        row.update(self._base(layer, rates))
        if layer.kind == "share":
            row.update(self._share(layer, rates))
        row.update(self._kind(layer))
        row.update(self._ceilings(layer))
        return row

    def _base(self, layer: Any, rates: Any) -> dict[str, int]:
        computed = isinstance(layer.base, BaseComputed)
        parts = [(name, None) for name in layer.base.buckets] if computed else [(p.bucket, p.part) for p in layer.base]
        if len(parts) > MAX_BANDS:
            raise ValueError(f"the base of layer {layer.id} of {self.model.id} has more than {MAX_BANDS} parts")
        cells = []
        for name, part in parts:
            rate = -1
            if rates is not None:
                rate = (
                    self.resolver.changed_rate(self.resolver.rate(rates[name]), layer.rate_modifiers)
                    if name in rates
                    else 0
                )
            cells.append((self.bucket(name), 1_000_000 if part is None else self.resolver.rate(part), rate))
        begin, end = self.tables.run("bases", [{"bucket": b, "part": share, "rate": rate} for b, share, rate in cells])
        out = {"base_begin": begin, "base_end": end}
        if computed:
            out["computed"] = 1 if layer.base.of == "cut_fund" else 2
            out["computed_layer"] = self.places.get(layer.base.layer, -1)
        return out

    def _share(self, layer: Any, rates: Any) -> dict[str, int]:
        resolver, out = self.resolver, {}
        if layer.deductible is not None:
            out["standard"] = add_standard(self, layer.id, layer.deductible)
        if layer.after_rate_deductible is not None:
            out["after"] = add_standard(self, layer.id, layer.after_rate_deductible)
        bands = layer.bands
        if bands is not None:
            out["including"] = int(bands.origin == "including")
            out["position"] = -1 if bands.position == "visit" else self.declared_key(bands.position)
            out["by_total"] = int(bands.form == "by_total")
            out["total_base"] = int(bands.total != "after_deductible")
        steps = [
            (
                -1 if step.to is None else resolver.amount(step.to),
                resolver.changed_rate(resolver.rate(step.rate), layer.rate_modifiers),
                -1 if step.payer is None else PAYERS.index(step.payer),
            )
            for step in layer.steps
        ]
        if len(steps) > MAX_BANDS:
            raise ValueError(f"layer {layer.id} of {self.model.id} has more than {MAX_BANDS} bands")
        begin, end = self.tables.run("bands", [{"to": to, "rate": rate, "payer": payer} for to, rate, payer in steps])
        out.update(band_begin=begin, band_end=end, part_rates=int(rates is not None))
        if layer.at_least is not None:
            out["at_least"] = resolver.amount(layer.at_least)
        if layer.settle != "per_visit":
            counter = self.model.counters[layer.accumulate]
            out["settle"] = 1 if layer.settle == "delta_F" else 2
            out["accumulate"] = self.declared_key(layer.accumulate)
            so_far = "paid" if layer.carries else "target"
            out["so_far"] = self.own_key(((1, "layer", layer.id, so_far),), counter.period, counter.scope)
            out["carry"] = self.own_key(((1, "layer", layer.id, "carry"),), counter.period, counter.scope)
            out["carries"] = int(layer.carries)
        return out

    def _kind(self, layer: Any) -> dict[str, int]:
        resolver = self.resolver
        if layer.kind == "fixed":
            once = -1
            if layer.once is not None:
                once = self.own_key(((1, "layer", layer.id, "times"),), layer.once.period, layer.once.scope)
            return {"amount": resolver.amount(layer.amount), "once": once}
        if layer.kind == "per_day":
            return {"amount": resolver.amount(layer.amount)}
        if layer.kind == "package":
            return {
                "amount": resolver.amount(layer.price), "self_rate": resolver.rate(layer.self_rate), "per_day": int(layer.per == "day"),
                "on_price": int(layer.self_on == "price"), "below_fund": int(layer.below == "fund"), "excess_hospital": int(layer.excess == "hospital"),
            }  # fmt: skip
        if layer.kind == "floor":
            out = {"of_total": int(layer.of != "in_scope"), "counts": sum(1 << PAYERS.index(p) for p in layer.counts)}
            return out | (
                {"share": resolver.rate(layer.share)}
                if layer.share is not None
                else {"amount": resolver.amount(layer.amount)}
            )
        if layer.kind == "acct" and layer.limit is not None:
            return {"amount": resolver.amount(layer.limit)}
        return {}

    def _ceilings(self, layer: Any) -> dict[str, int]:
        rows = []
        for ceiling in layer.ceilings:
            if ceiling.counter is not None:
                key = self.declared_key(ceiling.counter)
            else:
                key = self.own_key(ceiling_terms(layer.id, ceiling), ceiling.per, ceiling.scope)
            limit = self.resolver.amount(ceiling.limit)
            rows.append(
                {"on": ON.index(ceiling.on), "limit": limit, "key": key, "as_expense": int(ceiling.cut_as == "expense")}
            )
        begin, end = self.tables.run("ceilings", rows)
        return {"ceil_begin": begin, "ceil_end": end}


def ceiling_terms(layer: str, ceiling: Any) -> tuple[tuple[int, str, str, str], ...]:
    """The quantity that a ceiling without a declared counter measures."""
    if ceiling.on == "payers":
        return tuple((1, "payer", "", payer) for payer in ceiling.of)
    if ceiling.on == "layers":
        return tuple((1, "layer", other, "paid") for other in ceiling.of)
    return ((1, "layer", layer, {"fund": "paid", "expense": "eligible", "above_deductible": "above"}[ceiling.on]),)
