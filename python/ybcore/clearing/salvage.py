"""A model from what is right in a wrong document, so that the rules between its parts are told in the same run.

A wrong part is left out or stood in for; what the rules then find at or under such a place, or only because of it, is not told.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..policy.faults import Faults
from ..policy.names import Names
from ..policy.paths import RawPath

__all__ = ["BENEFITS", "METHODS", "Parts", "told_between"]

Model = TypeVar("Model", bound=BaseModel)
_ROUNDS = 4


@dataclass(frozen=True)
class Parts:
    """What stands in for wrong parts: of the document, of an item of its list, and for keys of an item that cannot be left out."""

    format: str
    items: str
    item: Mapping[str, Any]
    keys: Mapping[str, Any]

    def needed(self, top: str) -> Any:
        """What a document cannot be without, None for other keys."""
        held = {
            "format": self.format,
            "id": "salvaged",
            "scheme": {"id": "salvaged", "region": "*", "insutype": [""]},
            "effective": {"from": "1970-01-01"},
            self.items: [{"id": "salvaged", **self.item}],
        }
        return copy.deepcopy(held.get(top))


METHODS = Parts("ybcore-clearing/1", "methods", {"pays": "item"}, {})
BENEFITS = Parts(
    "ybcore-benefit/1",
    "benefits",
    {"base": {"column": "monthly_base"}, "unit": "days", "count": {"start": "0"}},
    {"base": {"column": "monthly_base"}},
)


def told_between(
    raw: Any,
    kind: type[Model],
    names: Names,
    error: ValidationError,
    check: Callable[[Model, Faults], None],
    parts: Parts,
) -> Faults:
    """What `check` finds between the right parts of `raw`, which `error` says is wrong; nothing when there is no saving it."""
    work, out = copy.deepcopy(raw), Faults()
    replaced: list[RawPath] = []
    for _ in range(_ROUNDS):
        places = [item["loc"] for item in error.errors(include_url=False, include_input=False)]
        if () in places:
            return out
        for loc in places:
            # That a list is too short follows from its wrong items.
            follows = any(len(other) > len(loc) and other[: len(loc)] == loc for other in places)
            if not follows and not any(loc[: len(path)] == path for path in replaced):
                replaced.append(_replace(work, loc, parts))
        try:
            model = kind.model_validate(work, context=names)
        except ValidationError as again:
            error = again
            continue
        found = Faults()
        check(model, found)
        for place, fault in found.found:
            if not _echo(place, replaced):
                out.add(place, fault)
        return out
    return out


def _replace(work: Any, loc: RawPath, parts: Parts) -> RawPath:
    """Make the part around `loc` right; the path of what was replaced."""
    top = str(loc[0])
    if top == parts.items and len(loc) > 1 and isinstance(work[top], list) and isinstance(loc[1], int):
        return _replace_in_item(work[top], loc, parts)
    if top in ("pools", "attributes", "sets") and len(loc) > 1 and isinstance(work[top], dict):
        if top == "pools":
            work[top][loc[1]] = {}
        else:
            work[top].pop(loc[1], None)
        return loc[:2]
    work.pop(top, None)
    if parts.needed(top) is not None:
        work[top] = parts.needed(top)
    return loc[:1]


def _replace_in_item(items: list[Any], loc: RawPath, parts: Parts) -> RawPath:
    at = int(loc[1])
    held, name = items[at], f"salvaged {at}"
    if isinstance(held, dict) and len(loc) > 2:
        key = str(loc[2])
        stand_in = {"id": name, **parts.keys}.get(key)
        if stand_in is not None or key not in parts.item:
            held.pop(key, None)
            if stand_in is not None:
                held[key] = copy.deepcopy(stand_in)
            return loc[:3]
        name = str(held["id"]) if isinstance(held.get("id"), str) else name
    items[at] = {"id": name, **copy.deepcopy(dict(parts.item))}
    return loc[:2]


def _echo(place: RawPath, replaced: list[RawPath]) -> bool:
    """Whether a finding may only follow from what was replaced: a pool is used by methods, and methods name pools."""
    if any(place[: len(path)] == path for path in replaced):
        return True
    if place[0] == "pools":
        return any(path[0] == "methods" and (len(path) < 3 or path[2] == "pool") for path in replaced)
    return place[-1] == "pool" and ("pools",) in replaced
