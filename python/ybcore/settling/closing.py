"""The state that a run leaves: what the kernel kept, what still stands of the state before, and the names of all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from .. import _core
from .earlier import counters_in, persons_in, settlements_in
from .names import Names, as_of_itself, merged_words
from .state import LISTS, REFUSED, REVERSAL, REVERSED, State

if TYPE_CHECKING:
    from .job import Job

__all__ = ["state_after"]

OTHERS = {"other_setl": np.int32, "other_person": np.int32, "other_kind": np.uint8}


def state_after(job: Job, answer: dict[str, Any], visits: pa.Table, before: State | None) -> State:
    """State after a run; `visits`: what its visits came to, `before`: the state that it began with."""
    arrays = _kept(answer["states"])
    row = arrays.pop("row")  # of a visit, or -2 - place of a settlement of the state before
    words = {name: visits[f"{name}_id"].combine_chunks() for name in ("policy", "plan")}
    names: dict[str, Any] = {name: column.dictionary.to_pylist() for name, column in words.items()}
    told = {"flags": visits["flags"].to_numpy(), **{name: column.indices.to_numpy() for name, column in words.items()}}
    cells = _of_visits(job, answer, told, row, arrays)
    others = _others(job, answer)
    if before is not None:
        _carry_on(job, before, row, arrays, names, cells)
        others = [np.concatenate(c) for c in zip(*_others_before(job, answer, before), others)]
    arrays["columns"] = cells
    for (name, dtype), values in zip(OTHERS.items(), others):
        arrays[name] = values.astype(dtype)
    arrays.update(_accounts(job, answer, before))
    arrays["counter_scope"] = _scopes(job, before)
    names |= {
        "psn": Names(job.psn_dictionary), "house": Names(job.house_dictionary), "hospital": Names(job.hospital_dictionary),
        "disease": list(job.disease_names), "stay": Names(job.stay_dictionary), "value": list(job.compiled.value_names),
        "counter": list(job.compiled.counter_names), "layer": list(job.compiled.layer_names), "scheme": list(job.compiled.scheme_names),
        "setl": Names(job.setl_dictionary),
    }  # fmt: skip
    as_of_itself(arrays, names)
    return State(arrays, names)


def _kept(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """What the kernel kept, its chunks one after the other."""
    arrays: dict[str, Any] = {}
    for name in ("counter_key", "counter_value", "row", "person", "stay", "scheme", "enddate"):
        arrays[name] = np.concatenate([c[name] for c in chunks])
    for name, columns in LISTS.items():
        sizes = np.concatenate([np.diff(c[f"{name}_begin"]) for c in chunks])
        arrays[f"{name}_begin"] = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        for column in columns:
            arrays[column] = np.concatenate([c[column] for c in chunks])
    return arrays


def _of_visits(job: Job, answer: dict[str, Any], told: dict[str, Any], row: Any, arrays: dict[str, Any]) -> Any:
    """Numbers of the settlements that stand, and into `arrays` what else is `told` of them; nothing of those of the state before."""
    at, own = np.maximum(row, 0), row >= 0
    if not own.any():  # a run without visits carries on what was known
        for name, dtype in (("setl", np.int32), ("flags", np.int64), ("policy", np.int32), ("plan", np.int32)):
            arrays[name] = np.zeros(len(at), dtype)
        arrays["has_account"] = np.zeros(len(at), np.int32)
        return np.zeros((len(at), len(_core.LAYOUT["columns"])), np.int64)
    arrays["setl"] = np.where(own, job.setl[at], 0).astype(np.int32)
    arrays["flags"] = np.where(own, told["flags"][at], 0)
    for name in ("policy", "plan"):
        arrays[name] = np.where(own, told[name][at], 0).astype(np.int32)
    documents = job.compiled.policies
    accounted = np.array([documents[d].model.accounts is not None for d in job.compiled.plan_document] + [False])
    arrays["has_account"] = accounted[answer["plan"][at]].astype(np.int32)
    return np.stack([column[at] for column in answer["columns"]], axis=1)


def _carry_on(job: Job, before: State, row: Any, arrays: dict[str, Any], names: dict[str, Any], cells: Any) -> None:
    """What the state before knew of its settlements that still stand."""
    a, gone = before.arrays, row < 0
    k = job.state_order[-2 - row[gone]] if gone.any() else np.zeros(0, np.int64)
    cells[gone] = a["columns"][k]
    arrays["setl"][gone] = settlements_in(before, job)[a["setl"][k]]
    arrays["flags"][gone], arrays["has_account"][gone] = a["flags"][k], a["has_account"][k]
    for name in ("policy", "plan"):
        arrays[name][gone] = a[name][k] + len(names[name])
        names[name], arrays[name] = merged_words(names[name], before.names[name], arrays[name])


def _others(job: Job, answer: dict[str, Any]) -> list[Any]:
    """(setl, person, kind) of the ids of this run that do not stand: reversed ones, reversals, and refused ones."""
    outcome = answer["outcome"]
    kind = np.where(
        job.reversal, REVERSAL, np.where(outcome >= 2, REFUSED, np.where(answer["reversed"] == 1, REVERSED, 0))
    )
    rows = np.flatnonzero(job.taking_part & (kind > 0))
    return [job.setl[rows], job.psn[rows], kind[rows].astype(np.uint8)]


def _others_before(job: Job, answer: dict[str, Any], before: State) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The same of the state before: those that did not stand in it, and those that this run reversed."""
    a, setl, psn = before.arrays, settlements_in(before, job), persons_in(before, job)
    was = job.state_order[np.flatnonzero(answer["state_reversed"][: before.settlements])]
    return (
        (setl[a["other_setl"]], psn[a["other_person"]], a["other_kind"]),
        (setl[a["setl"][was]], psn[a["person"][was]], np.full(len(was), REVERSED, np.uint8)),
    )


def _accounts(job: Job, answer: dict[str, Any], before: State | None) -> dict[str, Any]:
    keep = job.account_active.copy()
    through = answer["through"].copy()
    if before is not None and len(before.arrays["account_person"]):
        person = persons_in(before, job)[before.arrays["account_person"]]
        keep[person] = True
        through[person] = np.maximum(through[person], before.arrays["account_through"])
    who = np.flatnonzero(keep).astype(np.int32)
    return {
        "account_person": who, "account_balance": answer["balance"][who], "account_opening": job.opening_balance[who],
        "account_start": job.account_start[who], "account_through": through[who],
    }  # fmt: skip


def _scopes(job: Job, before: State | None) -> Any:
    """What each counter is kept by: as the book says, else as the state before did."""
    scope = np.zeros(len(job.compiled.counter_names), np.int32)
    keys = job.compiled.tables_.rows["keys"]
    for counter, _, kind, _ in keys:
        scope[counter] = kind
    if before is not None:
        lut = counters_in(before, job)
        unset = lut[~np.isin(lut, [r[0] for r in keys])]
        scope[unset] = before.arrays["counter_scope"][np.isin(lut, unset)]
    return scope
