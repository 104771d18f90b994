"""How lines are priced under one combination: rows for core/include/ybcore/pricing.hpp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .figures import Resolver
from .tables import MODES, unit_of

if TYPE_CHECKING:
    from .book import CompiledBook

__all__ = ["pricing_program"]

DATES = ("fee", "discharge", "settlement")
PLACES = ("treatment", "insured")
AT = ("line", "class", "visit")


def pricing_program(compiled: CompiledBook, model: Any, resolver: Resolver) -> int:
    """Index of the program; equal ones share it. Category and tags stay names until a catalogue gives them numbers."""
    scale = 1_000_000 if model.grid else 1
    pricing = model.pricing
    category = resolver.text(pricing.ratio_category) if pricing.ratio_category is not None else ""
    steps = []
    for step in pricing.first_pay:
        if resolver.holds(step.when):
            ratio = -1 if step.ratio is None else resolver.rate(step.ratio)
            classes = sum({"01": 1, "02": 2}[c] for c in dict.fromkeys(step.class_))
            steps.append((ratio, int(step.on == "gross"), AT.index(step.at), classes))
    rounding = []
    for place in (model.rounding.line, model.rounding.class_):
        rounding += [0 if place.to == "exact" else MODES[place.mode], unit_of(place.to, scale)]
    where = [PLACES.index(place) for place in (pricing.place.class_, pricing.place.ratio, pricing.place.cap)]
    dates = [DATES.index(day) for day in (model.dates.class_, model.dates.ratio, model.dates.cap)]
    number = compiled.categories.setdefault(category, len(compiled.categories))
    # Without tags every document reads the same row of none.
    tag_row = (
        compiled.policies.index(next(p for p in compiled.policies if p.model is model)) if compiled.max_tags else 0
    )
    head, tail = (scale, *rounding, number, *where, *dates), (tag_row,)
    known = (head, tuple(steps), tail)
    if known not in compiled.program_numbers:
        begin = len(compiled.steps)
        compiled.steps += steps
        compiled.program_numbers[known] = len(compiled.programs)
        compiled.programs.append((*head, begin, begin + len(steps), *tail))
    return compiled.program_numbers[known]
