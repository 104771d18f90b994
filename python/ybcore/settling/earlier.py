"""What an earlier run left, in the indices of a batch: its names are looked up once each, and no text is read for a row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..columns.ids import lookup
from ..errors import InputError, Problem
from ..policy.vocabulary import SCOPES
from .names import merged_words
from .state import LISTS, WITHIN, State

if TYPE_CHECKING:
    from .job import Job

__all__ = [
    "accounts_into",
    "counters_in",
    "members_in",
    "opening",
    "persons_in",
    "reversal_names",
    "row_of",
    "settlements_in",
]


def opening(state: State, job: Job) -> dict[str, Any]:
    """Arrays for the kernel, in the batch's indices, by settling group; `job.state_order` says in which order its settlements stand there."""
    _same_scopes(state, job)
    a, luts = state.arrays, _names_in(state, job)
    group_of, houses = job.group_of_person, job.group_of_house()
    keys = _keys(state, a["counter_key"], luts)
    owner = keys[:, 1]
    group = np.where(
        owner >= 0,
        group_of[np.maximum(owner, 0)],
        houses[np.clip(-2 - owner, 0, max(0, len(houses) - 1))] if len(houses) else 0,
    )
    order = np.argsort(group, kind="stable")
    out: dict[str, Any] = {"counter_key": keys[order], "counter_value": a["counter_value"][order]}
    out["counter_group_begin"] = _begin(group, job.groups)
    person = luts["psn"][a["person"]]
    group = group_of[person] if len(person) else np.zeros(0, np.int32)
    order = np.argsort(group, kind="stable")
    out["record_group_begin"] = _begin(group, job.groups)
    out["person"], out["stay"] = person[order].astype(np.int32), luts["stay"][a["stay"]][order].astype(np.int32)
    out["scheme"], out["enddate"] = luts["scheme"][a["scheme"]][order].astype(np.int32), a["enddate"][order]
    out["has_account"] = a["has_account"][order]
    out["columns"] = np.ascontiguousarray(a["columns"][order]).reshape(-1)
    for name, columns in LISTS.items():
        at, begin = _reorder(a[f"{name}_begin"], order)
        out[f"{name}_begin"] = begin
        for column in columns:
            values = a[column][at]
            if column.endswith("_key"):
                values = _keys(state, values, luts)
            elif column == "admission_stay":
                values = np.where(values >= 0, luts["stay"][np.maximum(values, 0)], values)
            elif column == "used_layer":
                values = luts["layer"][values]
            elif column == "move_person":
                values = luts["psn"][values]
            out[column] = np.ascontiguousarray(values, dtype=a[column].dtype)
    job.state_order = order
    standing = len(person)
    known = np.zeros(standing + len(a["other_setl"]) + 1, np.uint8)
    known[standing:-1] = a["other_kind"]
    out["known_before"] = known
    return out


def _same_scopes(state: State, job: Job) -> None:
    """Raises InputError for counters that the book now keeps by something else: what is in them cannot be told apart any more."""
    counted = np.zeros(len(state.names["counter"]), bool)
    for name in ("counter_key", "contribution_key"):
        counted[state.arrays[name][:, 0]] = True
    scopes = state.arrays["counter_scope"]
    problems = []
    for at in np.flatnonzero(counted).tolist():
        scheme, name = json.loads(state.names["counter"][at])
        now = {
            policy.model.counters[name].scope
            for policy in job.compiled.policies
            if isinstance(name, str) and policy.scheme.id == scheme and name in policy.model.counters
        }
        was = SCOPES[scopes[at]] if scopes[at] < len(SCOPES) else "attribute"
        for scope in sorted(now):
            if scope.partition(":")[0] != was:
                problems.append(
                    Problem(
                        what=f"the state holds the counter {name!r} of {scheme!r} by {was}, the policies keep it by {scope}",
                        what_zh=f"期末状态中方案 {scheme!r} 的累计 {name!r} 按 {was} 计，政策文件则按 {scope} 计",
                        path="state",
                        expected="a new name for the counter, or the scope that it had",
                        expected_zh="为该累计另取名称，或恢复其原有范围",
                    )
                )
    if problems:
        raise InputError(problems)


def _names_in(state: State, job: Job) -> dict[str, Any]:
    """Index of each of our names in the batch's dictionaries."""
    compiled = job.compiled
    luts: dict[str, Any] = {
        "psn": persons_in(state, job), "house": _found(state.names["house"], job.house_dictionary),
        "hospital": _found(state.names["hospital"], job.hospital_dictionary), "stay": _found(state.names["stay"], job.stay_dictionary),
        "setl": settlements_in(state, job),
        "disease": np.array([job.disease_index(name) for name in state.names["disease"]], np.int32),
        "value": np.array([compiled.attribute_value(*json.loads(name)) for name in state.names["value"]], np.int32),
        "counter": counters_in(state, job),
        "layer": np.array([compiled.layer(*json.loads(name)) for name in state.names["layer"]], np.int32),
        "scheme": np.array([compiled.scheme(name) for name in state.names["scheme"]], np.int32),
    }  # fmt: skip
    return {name: np.append(lut, np.int32(-1)) for name, lut in luts.items()}


def _keys(state: State, key: Any, luts: dict[str, Any]) -> Any:
    """Slot keys in the batch's indices."""
    out = key.copy()
    scope = state.arrays["counter_scope"][key[:, 0]] if len(key) else np.zeros(0, np.int32)
    out[:, 0] = luts["counter"][key[:, 0]]
    house = -2 - key[:, 1]
    out[:, 1] = np.where(
        key[:, 1] >= 0,
        luts["psn"][np.maximum(key[:, 1], 0)],
        -2 - luts["house"][np.clip(house, 0, len(luts["house"]) - 1)],
    )
    for kind, name in WITHIN.items():
        mine = (scope == kind) & (key[:, 2] >= 0)
        out[mine, 2] = luts[name][key[mine, 2]]
    return np.ascontiguousarray(out, dtype=np.int32)


def _begin(group: Any, groups: int) -> Any:
    return np.concatenate(([0], np.cumsum(np.bincount(group, minlength=groups)))).astype(np.int64)


def _reorder(begin: Any, order: Any) -> tuple[Any, Any]:
    """(positions of list items when lists stand in another order, their new begins)."""
    sizes = np.diff(begin)[order]
    ends = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    start = np.repeat(begin[:-1][order] - ends[:-1], sizes)
    return start + np.arange(int(ends[-1]), dtype=np.int64), ends


def persons_in(state: State, job: Job) -> Any:
    """Index of each of its persons in the batch."""
    return _found(state.names["psn"], job.psn_dictionary)


def settlements_in(state: State, job: Job) -> Any:
    """Index of each of its settlements in the batch."""
    return _found(state.names["setl"], job.setl_dictionary)


def counters_in(state: State, job: Job) -> Any:
    """Index of each of its counters in the book."""
    return np.array([job.compiled.counter(*json.loads(name)) for name in state.names["counter"]], np.int32)


def _found(names: Sequence[Any], dictionary: pa.Array) -> Any:
    if not names:
        return np.zeros(0, np.int32)
    return lookup(pa.chunked_array([pa.array(names, dictionary.type)]), dictionary)


def members_in(state: State, job: Job) -> tuple[Any, Any]:
    """(person, household) of the settlements that count for a household, once each pair."""
    person, house = state.members()
    if not len(person):
        return person.astype(np.int32), house.astype(np.int32)
    return persons_in(state, job)[person], _found(state.names["house"], job.house_dictionary)[house]


def row_of(state: State, job: Job) -> Any:
    """By visit: index of the settlement that its init_setl_id names among ours (opening order), or the place of a stranger."""
    a, setl, person = state.arrays, settlements_in(state, job), persons_in(state, job)
    standing, others = len(a["setl"]), len(a["other_setl"])
    place = np.full(len(job.setl_dictionary) + 1, standing + others, np.int64)
    group = job.group_of_person[person[a["person"]]] if standing else np.zeros(0, np.int32)
    rank = np.empty(standing, np.int64)
    rank[np.argsort(group, kind="stable")] = np.arange(standing)
    place[setl[a["setl"]]] = rank
    place[setl[a["other_setl"]]] = standing + np.arange(others)
    out = place[job.init]
    if others:
        away = (out >= standing) & (out < standing + others)
        strange = away & (person[a["other_person"]][np.clip(out - standing, 0, others - 1)] != job.psn)
        out = np.where(strange, standing + others, out)
    return out


def accounts_into(state: State, job: Job, start: Any, through: Any, balance: Any, opening: Any) -> None:
    """Overwrite what a fresh run would assume of accounts that we know."""
    a = state.arrays
    if len(a["account_person"]):
        person = persons_in(state, job)[a["account_person"]]
        start[person], through[person] = a["account_start"], a["account_through"]
        balance[person], opening[person] = a["account_balance"], a["account_opening"]


def reversal_names(
    state: State,
    job: Job,
    back: Any,
    named: Any,
    policy: Any,
    plan: Any,
    policies: list[str],
    plans: list[str],
    flags: Any,
) -> Any:
    """Document, plan and flags of reversals whose settlement is one of ours."""
    rows = back[named < 0]
    if not len(rows):
        return policy, plan, policies, plans, flags
    k = job.state_order[row_of(state, job)[rows]]
    a = state.arrays
    policy, plan, flags = policy.copy(), plan.copy(), flags.copy()
    policy[rows] = a["policy"][k] + len(policies)
    plan[rows] = a["plan"][k] + len(plans)
    flags[rows] = a["flags"][k]
    policies, policy = merged_words(policies, state.names["policy"], policy)
    plans, plan = merged_words(plans, state.names["plan"], plan)
    return policy, plan, policies, plans, flags
