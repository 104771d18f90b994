"""States put together: some people's part of one, others' of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .state import LISTS, NAMES, WITHIN, State

__all__ = ["Part", "merged"]

Mask = npt.NDArray[np.bool_]
_OF = {"stay": "stay", "scheme": "scheme", "setl": "setl", "policy": "policy", "plan": "plan", "person": "psn"}
_PRUNED = ("psn", "house", "hospital", "stay", "setl", "counter")


@dataclass(frozen=True)
class Part:
    """A state, and whose part of it is meant: a mask over `names["psn"]` and one over `names["house"]`."""

    state: State
    people: Mask
    houses: Mask


def merged(parts: list[Part]) -> State:
    """One state of several parts that have nobody in common."""
    arrays: list[dict[str, Any]] = []
    names: dict[str, dict[Any, int]] = {kind: {} for kind in NAMES}
    scopes: dict[int, int] = {}
    for part in parts:
        a = _kept(part)
        luts = {}
        for kind in NAMES:
            own, known = list(part.state.names[kind]), names[kind]
            used = _used(a, kind, part.state) if kind in _PRUNED else np.arange(len(own))
            lut = np.full(len(own) + 1, -1, np.int32)
            mine = [own[i] for i in used.tolist()]
            first = {} if known else dict(zip(mine, range(len(mine))))
            if known or len(first) < len(mine):
                lut[used] = [known.setdefault(name, len(known)) for name in mine]
            else:
                known.update(first)
                lut[used] = np.arange(len(mine))
            luts[kind] = lut
        for counter, scope in zip(luts["counter"][:-1].tolist(), part.state.arrays["counter_scope"].tolist()):
            scopes[counter] = scope
        arrays.append(_renamed(a, luts, part.state))
    out = {name: np.concatenate([a[name] for a in arrays]) for name in arrays[0]}
    for name in LISTS:
        sizes = np.concatenate([np.diff(a[f"{name}_begin"]) for a in arrays])
        out[f"{name}_begin"] = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    out["counter_scope"] = np.array([scopes[i] for i in range(len(names["counter"]))], np.int32)
    return State(out, {kind: list(known) for kind, known in names.items()})


def _kept(part: Part) -> dict[str, Any]:
    """The arrays of a part, still in the indices of its state."""
    a, people = part.state.arrays, part.people
    owner = a["counter_key"][:, 1]
    counter = np.zeros(len(owner), bool)
    person = owner >= 0
    counter[person] = people[owner[person]]
    counter[~person] = part.houses[-2 - owner[~person]]
    record, account, other = people[a["person"]], people[a["account_person"]], people[a["other_person"]]
    out = {}
    for name, values in a.items():
        if name == "counter_scope" or name.endswith("_begin"):
            continue
        if name.startswith("counter_"):
            out[name] = values[counter]
        elif name.startswith("account_"):
            out[name] = values[account]
        elif name.startswith("other_"):
            out[name] = values[other]
        elif not any(name in columns for columns in LISTS.values()):
            out[name] = values[record]
    rows = np.flatnonzero(record)
    for name, columns in LISTS.items():
        begin = a[f"{name}_begin"]
        keep = np.repeat(record, np.diff(begin))
        out[f"{name}_begin"] = np.concatenate(([0], np.cumsum(np.diff(begin)[rows]))).astype(np.int64)
        for column in columns:
            out[column] = a[column][keep]
    return out


def _keys(a: dict[str, Any]) -> list[Any]:
    return [values for name, values in a.items() if name.endswith("_key")]


def _used(a: dict[str, Any], kind: str, state: State) -> Any:
    """Indices of one kind that a part still speaks of."""
    found = [a[name] for name, of in _OF.items() if of == kind]
    found += [a["other_setl"]] if kind == "setl" else []
    if kind == "counter":
        found += [key[:, 0] for key in _keys(a)]
    elif kind == "psn":
        found += [a["account_person"], a["move_person"], a["other_person"], *(key[:, 1] for key in _keys(a))]
    elif kind == "house":
        found += [-2 - key[:, 1] for key in _keys(a)]
    elif kind == "stay":
        found.append(a["admission_stay"])
    within = next((code for code, name in WITHIN.items() if name == kind), None)
    if within is not None:
        for key in _keys(a):
            found.append(key[state.arrays["counter_scope"][key[:, 0]] == within, 2])
    there = np.zeros(len(state.names[kind]), bool)
    for column in found:
        there[column[column >= 0]] = True
    return np.flatnonzero(there)


def _renamed(a: dict[str, Any], luts: dict[str, Any], state: State) -> dict[str, Any]:
    """The same arrays in the indices of the whole."""

    def told(kind: str, index: Any) -> Any:
        return np.where(index >= 0, luts[kind][np.maximum(index, 0)], index)

    out = dict(a)
    for name, kind in {**_OF, "account_person": "psn", "move_person": "psn", "other_person": "psn", "other_setl": "setl",
                       "admission_stay": "stay", "used_layer": "layer"}.items():  # fmt: skip
        out[name] = told(kind, a[name]).astype(a[name].dtype)
    for name, values in a.items():
        if name.endswith("_key"):
            key = values.copy()
            scope = state.arrays["counter_scope"][values[:, 0]]
            key[:, 0] = told("counter", values[:, 0])
            house = np.maximum(-2 - values[:, 1], 0)
            houses = -2 - luts["house"][np.minimum(house, len(luts["house"]) - 1)]
            key[:, 1] = np.where(values[:, 1] < -1, houses, told("psn", values[:, 1]))
            for code, kind in WITHIN.items():
                mine = scope == code
                key[mine, 2] = told(kind, values[mine, 2])
            out[name] = key
    return out
