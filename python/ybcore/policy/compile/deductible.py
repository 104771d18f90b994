"""A deductible for one combination: the edits that apply, the admission rule, and what it is measured against."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .tables import MODES, unit_of

if TYPE_CHECKING:
    from .instance import PlanBuilder

__all__ = ["add_standard"]

REPEATS = ("visit", "cumulative", "first_only", "admission", "highest")
EDITS = ("set", "plus", "minus", "times")


def add_standard(plan: PlanBuilder, layer: str, rule: Any) -> int:
    """Index of the standards row of a Deductible or AfterRate model."""
    resolver, tables, model = plan.resolver, plan.tables, plan.model
    amount = resolver.amount(rule.amount)
    full = hasattr(rule, "replace")
    edits = resolver.first_rows((rule.replace, rule.group, rule.level, rule.place), _edit(resolver)) if full else []
    floor = resolver.amount(rule.floor) if full and rule.floor is not None else -1
    kind, values = _admission(resolver, rule.admission) if full and rule.admission is not None else (0, [])
    edit_begin, edit_end = tables.run("edits", edits)
    value_begin, value_end = tables.add_values(values)
    place = rule.round if full and rule.round is not None else model.rounding.deductible
    mode = 0 if place.to == "exact" else MODES[place.mode]
    row = {
        "amount": amount, "edit_begin": edit_begin, "edit_end": edit_end, "rule": kind, "value_begin": value_begin,
        "value_end": value_end, "floor": floor, "unit": unit_of(place.to, plan.scale), "mode": mode, "waived": 0, "repeat": 0, "charged": 0,
        "link_id": 0, "link_days": 0, "within_days": 0, "against_used": 0, "after_rate": 0, "in_catalogue": 0,
    }  # fmt: skip
    if full:
        row.update(_repeat(plan, layer, rule))
        row["waived"] = resolver.any_holds(w.when for w in rule.waive)
        row["after_rate"] = int(rule.position == "after_rate")
        row["in_catalogue"] = int(rule.taken_from == "in_catalogue")
        if rule.transfer is not None:
            row["link_id"] = int("id" in rule.transfer.link)
            row["link_days"] = int("days" in rule.transfer.link)
            row["within_days"] = rule.transfer.within_days or 0
            row["against_used"] = int(rule.transfer.against == "used")
    return tables.shared("standards", **row)


def _edit(resolver: Any) -> Callable[[Any], dict[str, int]]:
    """A row of edits as the kernel has it."""

    def made(row: Any) -> dict[str, int]:
        kind = next(k for k in EDITS if getattr(row, k) is not None)
        figure = getattr(row, kind)
        return {
            "kind": EDITS.index(kind),
            "value": resolver.rate(figure) if kind == "times" else resolver.amount(figure),
        }

    return made


def _admission(resolver: Any, rule: Any) -> tuple[int, list[int]]:
    if rule.list is not None:
        return 1, [resolver.amount(figure) for figure in rule.list]
    if rule.factors is not None:
        return 2, [resolver.rate(figure) for figure in rule.factors]
    if rule.less_share is not None:
        return 3, [resolver.rate(rule.less_share)]
    if rule.times is not None:
        return 4, [resolver.rate(rule.times)]
    return 5, [resolver.amount(rule.less)]


def _repeat(plan: PlanBuilder, layer: str, rule: Any) -> dict[str, int]:
    period, scope = rule.period or "year", rule.scope or "person"
    row = {"repeat": REPEATS.index(rule.repeat)}
    if rule.repeat == "cumulative":
        own = ((1, "layer", layer, "deductible"),)
        row["key"] = plan.declared_key(rule.counter) if rule.counter is not None else plan.own_key(own, period, scope)
    elif rule.repeat == "first_only":
        row["key"] = plan.own_key(((1, "layer", layer, "ran"),), period, scope)
    elif rule.repeat == "highest":
        charged = rule.less == "charged"
        row["charged"] = int(charged)
        row["key"] = plan.own_key(((1, "layer", layer, "due" if charged else "deductible"),), period, scope)
        row["high_key"] = plan.key(("highest", layer, period, scope), period, scope)
    return row
