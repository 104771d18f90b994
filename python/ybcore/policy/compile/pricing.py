"""How lines are priced under one combination: rows for core/include/ybcore/pricing.hpp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .figures import Resolver
from .tables import MODES, unit_of

if TYPE_CHECKING:
    from .book import CompiledBook

__all__ = ["pricing_program", "pricing_rows"]

DATES = ("fee", "discharge", "settlement")
PLACES = ("treatment", "insured")
AT = ("line", "class", "visit")


def pricing_program(compiled: CompiledBook, model: Any, resolver: Resolver) -> int:
    """Index of the program; equal ones share it. Category and tags stay names until a catalogue gives them numbers."""
    head, steps, tail = pricing_rows(compiled, model, resolver)
    known = (head, tuple(steps), tail)
    if known not in compiled.program_numbers:
        begin = len(compiled.steps)
        compiled.steps += steps
        compiled.program_numbers[known] = len(compiled.programs)
        compiled.programs.append((*head, begin, begin + len(steps), *tail))
    return compiled.program_numbers[known]


def pricing_rows(
    compiled: CompiledBook, model: Any, resolver: Resolver
) -> tuple[tuple[int, ...], list[tuple[int, ...]], tuple[int, ...]]:
    """What stands before the steps, the steps, and what stands after them."""
    scale = 1_000_000 if model.grid else 1
    pricing, categories = model.pricing, compiled.categories
    if pricing.ratio_category is not None:
        number = resolver.number_of(pricing.ratio_category, categories)
    else:
        number = categories.setdefault("", len(categories))

    def made(step: Any) -> tuple[int, ...]:
        ratio = -1 if step.ratio is None else resolver.rate(step.ratio)
        classes = sum({"01": 1, "02": 2}[c] for c in dict.fromkeys(step.class_))
        return ratio, int(step.on == "gross"), AT.index(step.at), classes

    steps = resolver.held_rows(pricing.first_pay, made)
    rounding = []
    for place in (model.rounding.line, model.rounding.class_):
        rounding += [0 if place.to == "exact" else MODES[place.mode], unit_of(place.to, scale)]
    where = [PLACES.index(place) for place in (pricing.place.class_, pricing.place.ratio, pricing.place.cap)]
    dates = [DATES.index(day) for day in (model.dates.class_, model.dates.ratio, model.dates.cap)]
    # Without tags every document reads the same row of none.
    tag_row = (
        compiled.policies.index(next(p for p in compiled.policies if p.model is model)) if compiled.max_tags else 0
    )
    return (scale, *rounding, number, *where, *dates), steps, (tag_row,)
