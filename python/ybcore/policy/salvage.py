"""A model from what is right in a wrong document, so that the rules between parts are told in the same run.

Wrong layers are stood in for by a plain layer of the same id, other wrong parts are left out; whatever the rules
then find at or under such a place is not told, because it may only be the echo of the first finding.
"""

from __future__ import annotations

import copy
from typing import Any

from pydantic import ValidationError

from .models import PolicyModel
from .names import Names
from .paths import RawPath

__all__ = ["salvage"]

_NEEDED: dict[str, Any] = {
    "format": "ybcore-policy/1",
    "id": "salvaged",
    "scheme": {"id": "salvaged", "region": "*", "insutype": [""]},
    "effective": {"from": "1970-01-01"},
}
_PRESENT: dict[str, Any] = {"admissions": {}, "accounts": {}}
_ROUNDS = 4


def salvage(raw: Any, names: Names, error: ValidationError) -> tuple[PolicyModel | None, list[RawPath]]:
    """A model of the right parts of `raw` (None when there is no saving it), and the paths that were replaced."""
    work = copy.deepcopy(raw)
    replaced: list[RawPath] = []
    for _ in range(_ROUNDS):
        for item in error.errors(include_url=False, include_input=False):
            loc = tuple(step for step in item["loc"] if not (isinstance(step, str) and step.startswith("~")))
            if not loc or any(loc[: len(path)] == path for path in replaced):
                continue
            path = _replace(work, loc)
            if path is None:
                return None, replaced
            replaced.append(path)
        try:
            return PolicyModel.model_validate(work, context=names), replaced
        except ValidationError as again:
            error = again
    return None, replaced


def _replace(work: Any, loc: RawPath) -> RawPath | None:
    """Make the part around `loc` right; the path of what was replaced."""
    top = str(loc[0])
    if top == "plans":
        return _replace_in_plan(work, loc)
    if top == "layers" and len(loc) > 1 and isinstance(work["layers"], dict):
        work["layers"][loc[1]] = _plain_layer(str(loc[1]))
        return loc[:2]
    if top in ("counters", "references", "attributes", "sets") and len(loc) > 1 and isinstance(work[top], dict):
        work[top].pop(loc[1], None)
        return loc[:2]
    work.pop(top, None)
    if top in _NEEDED or top in _PRESENT:
        work[top] = copy.deepcopy({**_NEEDED, **_PRESENT}[top])
    return loc[:1]


def _replace_in_plan(work: Any, loc: RawPath) -> RawPath | None:
    plans = work.get("plans")
    if len(loc) < 2 or not isinstance(plans, list) or not isinstance(loc[1], int):
        return None
    plan = plans[loc[1]]
    if not isinstance(plan, dict) or len(loc) < 3:
        plans[loc[1]] = {"id": f"salvaged {loc[1]}", "benefit": "none"}
        return loc[:2]
    layers = plan.get("layers")
    if loc[2] == "layers" and len(loc) > 3 and isinstance(layers, list) and isinstance(loc[3], int):
        old = layers[loc[3]]
        name = old.get("id", old.get("use")) if isinstance(old, dict) else None
        layers[loc[3]] = _plain_layer(str(name) if isinstance(name, str) else f"salvaged {loc[3]}")
        return loc[:4]
    plan.pop(loc[2], None)
    if loc[2] == "id":
        plan["id"] = f"salvaged {loc[1]}"
    if loc[2] in ("layers", "benefit"):
        plans[loc[1]] = {"id": plan["id"] if "id" in plan else f"salvaged {loc[1]}", "benefit": "none"}
        return loc[:2]
    return loc[:3]


def _plain_layer(name: str) -> dict[str, Any]:
    return {"id": name, "payer": "oth_pay", "rate": "0"}
