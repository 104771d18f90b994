"""A part of a document from what is right in it, so that what is wrong beside the first findings is told in the same run.

What is wrong becomes what was nearly written, or something that is right wherever it stands, or is left out; then the part is read again.
A book with such parts is never made: they are stacked and bound only to be told about, and nothing is told of a place that was replaced.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from pydantic import ValidationError

from ..policy.faults import Fault, place_in, without_echoes
from ..policy.paths import RawPath
from .kernels import AMOUNTS
from .rulemodels import fault_in
from .vocabulary import FORMAT, KERNELS, LAYERS

__all__ = ["Found", "found_in", "head_put_right", "over", "put_right", "retried", "under", "words_of"]


class Found(NamedTuple):
    """A fault and the place below the part at which it was found."""

    loc: RawPath
    fault: Fault


Put = Callable[[Any, RawPath, Fault], set[RawPath]]
_NAME = {"zh": "-", "en": "-"}
_HEAD = {
    "format": FORMAT,
    "version": "-",
    "name": _NAME,
    "layer": LAYERS[-1],
    "from": "open",
    "known_since": "1970-01-01",
    "source": "-",
}
_RULE = {
    "name": _NAME,
    "amount": "none",
    "disposition": "monitor",
    "severity": "3",
    "source": "-",
    "comparator": "more_than",
    "tie": "order",
    "edge": "within",
    "days": "1",
    "hours": "1",
    "value": "1",
    "max": "1",
    "cap": "1",
}
_OFF = {"status": "disabled", "reason": "-"}
_SHAPES = ("form", "kernel")  # what is nearly one of these is not taken for it: it says what else is right
_ROUNDS = 6


def head_put_right(file: str) -> Put:
    """`put` of a head; without an id it has the name of its file."""
    known = {**_HEAD, "id": file}
    return lambda work, place, fault: _put(work, place, fault, known)


def put_right(work: Any, place: RawPath, fault: Fault) -> set[RawPath]:
    """`put` of a rule. One whose check cannot be helped is off and has none; one without an id cannot be."""
    if place in (("status",), ("reason",)):
        off = work.get("status") == "disabled"
        return _put(work, ("reason",) if off else place, Fault("", ""), _OFF if off else {})
    if place and place not in (("kernel",), ("check",)):
        return set() if place == ("id",) else _put(work, place, fault, _RULE)
    work.pop("check", None)
    work.update(_OFF)
    if str(work.get("kernel")) not in KERNELS:
        work["kernel"] = "K01"
        if any(work.get("amount") in amounts for amounts in AMOUNTS.values()):
            work["amount"] = "none"
    return {place or ("check",)}


def retried(
    read: Callable[[Any], Any], raw: Any, error: ValidationError, put: Put, tell: Callable[[list[Found]], None]
) -> tuple[Any, set[RawPath]]:
    """What `read` makes of a part once all that is wrong is replaced, None when there is no saving it; and the places.

    `put` replaces what is at a place and says which places it changed, none when it cannot; `tell` hears of what each further reading finds
    beside them.
    """
    replaced: set[RawPath] = set()
    if not isinstance(raw, dict):
        return None, replaced
    work, found = copy.deepcopy(raw), found_in(error)
    for _ in range(_ROUNDS):
        now: set[RawPath] = set()
        for loc, fault in sorted(found, key=lambda one: not (one.fault.key and one.fault.nearest)):
            if under(loc, now):
                continue
            place = _place(work, loc, replaced)
            changed = put(work, place, fault if place == loc else Fault("", ""))
            if not changed:
                return None, replaced
            now |= changed
        replaced |= now
        try:
            return read(work), replaced
        except ValidationError as again:
            found = found_in(again)
            tell([one for one in found if not under(one.loc, replaced) and not over(one.loc, replaced)])
    return None, replaced


def found_in(error: ValidationError) -> list[Found]:
    """pydantic's findings without echoes."""
    items = error.errors(include_url=False, include_input=False)
    return [Found(*one) for one in without_echoes([(place_in(item), fault_in(item)) for item in items])]


def under(loc: RawPath, places: Iterable[RawPath]) -> bool:
    """Whether a place is one of these, or inside one."""
    return any(loc[: len(place)] == place for place in places)


def over(loc: RawPath, places: Iterable[RawPath]) -> bool:
    """Whether one of these is this place, or inside it."""
    return any(place[: len(loc)] == loc for place in places)


def words_of(raw: Any) -> set[str]:
    """Every text of a part."""
    if isinstance(raw, dict):
        return {word for part in raw.values() for word in words_of(part)}
    if isinstance(raw, list):
        return {word for part in raw for word in words_of(part)}
    return {str(raw)}


def _place(work: Any, loc: RawPath, replaced: set[RawPath]) -> RawPath:
    """The key at or above a place that may be replaced: in a mapping, and not replaced before."""
    while loc and (loc in replaced or not isinstance(_at(work, loc[:-1]), dict)):
        loc = loc[:-1]
    return loc


def _at(work: Any, loc: RawPath) -> Any:
    for step in loc:
        try:
            work = work[step]
        except (KeyError, IndexError, TypeError):
            return None
    return work


def _put(work: Any, place: RawPath, fault: Fault, known: dict[str, Any]) -> set[RawPath]:
    if not place:
        return set()
    inside, key, changed = _at(work, place[:-1]), place[-1], {place}
    if fault.key:
        value = inside.pop(key, None)
        if fault.nearest and fault.nearest not in inside:
            inside[fault.nearest] = value
            changed.add((*place[:-1], fault.nearest))
    elif fault.nearest and key not in _SHAPES and isinstance(inside.get(key), str):
        inside[key] = fault.nearest
    elif key in known:
        inside[key] = copy.deepcopy(known[key])
    else:
        inside.pop(key, None)
    return changed
