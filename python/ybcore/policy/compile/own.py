"""Counters that the rules of layers keep for themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["own_counters"]

OwnTerms = tuple[tuple[int, str, str, str], ...]
_DEDUCTIBLE = {"cumulative": "deductible", "first_only": "ran"}


def own_counters(model: Any, listed: set[str]) -> list[tuple[OwnTerms, str, str]]:
    """(terms, period, scope) for every layer of the document whose id the plan lists, each once."""
    found: dict[tuple[OwnTerms, str, str], None] = {}
    for plan in model.plans:
        for layer in plan.resolved():
            if layer.id in listed:
                for own in _own(layer, model.counters):
                    found[own] = None
    return list(found)


def _own(layer: Any, counters: Any) -> Iterator[tuple[OwnTerms, str, str]]:
    from .instance import ceiling_terms

    rule = getattr(layer, "deductible", None)
    if rule is not None and rule.counter is None:
        period, scope = rule.period or "year", rule.scope or "person"
        term = _DEDUCTIBLE.get(rule.repeat)
        if rule.repeat == "highest":
            term = "due" if rule.less == "charged" else "deductible"
        if term is not None:
            yield ((1, "layer", layer.id, term),), period, scope
    once = getattr(layer, "once", None)
    if once is not None:
        yield ((1, "layer", layer.id, "times"),), once.period, once.scope
    for ceiling in layer.ceilings:
        if ceiling.counter is None:
            yield ceiling_terms(layer.id, ceiling), ceiling.per, ceiling.scope
    accumulate = getattr(layer, "accumulate", None)
    if accumulate is not None:
        counter = counters[accumulate]
        for term in ("paid", "target", "carry"):
            yield ((1, "layer", layer.id, term),), counter.period, counter.scope
