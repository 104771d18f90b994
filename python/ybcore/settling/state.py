"""State between runs: counters, accounts, and the settlements that still stand.

A `State` is immutable. It holds dense arrays and the dictionaries that name them; a later batch has dictionaries of its own, so opening
a state means translating indices, never texts. `save` and `load` keep it in one Parquet-based folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from .. import _core
from ..columns.ids import lookup
from ..errors import InputError, Problem
from ..policy.vocabulary import SCOPES
from .names import Names, as_of_itself, picked
from .statefile import read_state, write_state

if TYPE_CHECKING:
    from .job import Job

__all__ = ["State"]

NEVER = -(2**31)
_ROWS = 100_000  # that are made text at a time
REVERSED, REVERSAL, REFUSED = 1, 2, 3
WITHIN = {2: "hospital", 3: "disease", 4: "stay", 5: "value"}
LISTS = {
    "contribution": ("contribution_key", "contribution_amount"),
    "admission": ("admission_key", "admission_stay", "admission_number"),
    "standard": ("standard_key", "standard_amount"),
    "used": ("used_layer", "used", "chain_standard", "chain_used"),
    "move": ("move_person", "move_amount"),
}
NAMES = ("psn", "house", "hospital", "disease", "stay", "value", "counter", "layer", "scheme", "setl", "policy", "plan")


@dataclass(frozen=True)
class State:
    """What a later run needs of an earlier one.

    `arrays`: dense NumPy arrays (counters in millionths of a fen); `names`: the text or number of every index, by kind.
    """

    arrays: dict[str, Any] = field(repr=False)
    names: dict[str, Sequence[Any]] = field(repr=False)

    # ------------------------------------------------------------------ looking at it

    @property
    def settlements(self) -> int:
        """Settlements that stand."""
        return len(self.arrays["person"])

    def counters(self) -> pa.Table:
        """Counters as a table a person can read: counter, owner, within, period, value in millionths of a fen."""
        key = self.arrays["counter_key"]
        scopes = self.arrays["counter_scope"]
        names = {kind: list(held) for kind, held in self.names.items()}
        owner = [names["psn"][o] if o >= 0 else f"household {names['house'][-2 - o]}" for o in key[:, 1]]
        within = [None if w < 0 else str(names[WITHIN[int(scopes[c])]][w]) for c, w in zip(key[:, 0], key[:, 2])]
        table = pa.table(
            {
                "counter": [names["counter"][c] for c in key[:, 0]],
                "owner": pa.array([str(o) for o in owner]),
                "within": pa.array(within, pa.string()),
                "period": pa.array(key[:, 3]),
                "value": pa.array(self.arrays["counter_value"]),
            }
        )
        return table.sort_by([(name, "ascending") for name in ("counter", "owner", "within", "period")])

    def accounts(self) -> pa.Table:
        """Accounts: psn_no, balance in fen, the day through which movements are applied."""
        a = self.arrays
        names = list(picked(self.names["psn"], a["account_person"]))
        through = pa.array(a["account_through"], mask=a["account_through"] == NEVER).cast(pa.date32())
        return pa.table({"psn_no": names, "balc": pa.array(a["account_balance"]), "through": through}).sort_by("psn_no")

    @property
    def sha256(self) -> str:
        """Hash of the content, the same however the runs that led here were cut."""
        digest = hashlib.sha256()
        for table in (self.counters(), self.accounts()):
            # A list of rows as JSON writes it, some rows at a time: a year's would take more memory than the state.
            text = "["
            for begin in range(0, table.num_rows, _ROWS):
                rows = table.slice(begin, _ROWS).to_pylist()
                text += ", ".join(json.dumps(row, default=str, ensure_ascii=False) for row in rows)
                digest.update(text.encode())
                text = ", "
            digest.update(b"]" if table.num_rows else b"[]")
        for row in self._records():
            digest.update(json.dumps(row, default=str, ensure_ascii=False).encode())
        return digest.hexdigest()

    def _records(self) -> Iterator[dict[str, Any]]:
        """Settlements that stand, by id as text."""
        a, names = self.arrays, {kind: list(held) for kind, held in self.names.items()}
        ids = [str(names["setl"][i]) for i in a["setl"].tolist()]
        for k in sorted(range(self.settlements), key=ids.__getitem__):
            row = {
                "setl_id": names["setl"][a["setl"][k]], "psn_no": names["psn"][a["person"][k]], "mdtrt_id": names["stay"][a["stay"][k]],
                "scheme": names["scheme"][a["scheme"][k]], "enddate": int(a["enddate"][k]), "columns": a["columns"][k].tolist(),
            }  # fmt: skip
            key, amount = a["contribution_key"], a["contribution_amount"]
            begin, end = a["contribution_begin"][k], a["contribution_begin"][k + 1]
            row["contributions"] = sorted(
                (names["counter"][key[i, 0]], int(key[i, 3]), int(amount[i])) for i in range(begin, end)
            )
            yield row

    # ------------------------------------------------------------------ files

    def save(self, folder: str | Path) -> None:
        """Write arrays.parquet, with the ids, and names.json into a folder."""
        write_state(Path(folder), self.arrays, self.names)

    @staticmethod
    def load(folder: str | Path) -> State:
        """Read what `save` wrote, of this format or the one before."""
        return State(*read_state(Path(folder)))

    # ------------------------------------------------------------------ opening

    def setl_ids(self) -> Sequence[Any]:
        """Ids that a batch may not use again."""
        return picked(self.names["setl"], np.concatenate((self.arrays["setl"], self.arrays["other_setl"])))

    def people(self) -> Sequence[Any]:
        return self.names["psn"]

    def households(self) -> Sequence[Any]:
        return self.names["house"]

    def hospitals(self) -> Sequence[Any]:
        return self.names["hospital"]

    def stays(self) -> Sequence[Any]:
        return self.names["stay"]

    def _luts(self, job: Job) -> dict[str, Any]:
        """Index of each of our names in the batch's dictionaries."""

        def found(names: Sequence[Any], dictionary: pa.Array) -> Any:
            return (
                lookup(pa.chunked_array([pa.array(names, dictionary.type)]), dictionary)
                if names
                else np.zeros(0, np.int32)
            )

        compiled = job.compiled
        luts: dict[str, Any] = {
            "psn": found(self.names["psn"], job.psn_dictionary), "house": found(self.names["house"], job.house_dictionary),
            "hospital": found(self.names["hospital"], job.hospital_dictionary), "stay": found(self.names["stay"], job.stay_dictionary),
            "setl": found(self.names["setl"], job.setl_dictionary),
            "disease": np.array([job.disease_index(name) for name in self.names["disease"]], np.int32),
            "value": np.array([compiled.attribute_value(*json.loads(name)) for name in self.names["value"]], np.int32),
            "counter": np.array([compiled.counter(*json.loads(name)) for name in self.names["counter"]], np.int32),
            "layer": np.array([compiled.layer(*json.loads(name)) for name in self.names["layer"]], np.int32),
            "scheme": np.array([compiled.scheme(name) for name in self.names["scheme"]], np.int32),
        }  # fmt: skip
        return {name: np.append(lut, np.int32(-1)) for name, lut in luts.items()}

    def _keys(self, key: Any, luts: dict[str, Any]) -> Any:
        """Slot keys in the batch's indices."""
        out = key.copy()
        scope = self.arrays["counter_scope"][key[:, 0]] if len(key) else np.zeros(0, np.int32)
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

    def _same_scopes(self, job: Job) -> None:
        """Raises InputError for counters that the book now keeps by something else: what is in them cannot be told apart any more."""
        counted = np.zeros(len(self.names["counter"]), bool)
        for name in ("counter_key", "contribution_key"):
            counted[self.arrays[name][:, 0]] = True
        scopes = self.arrays["counter_scope"]
        problems = []
        for at in np.flatnonzero(counted).tolist():
            scheme, name = json.loads(self.names["counter"][at])
            now = {
                policy.model.counters[name].scope
                for policy in job.compiled.policies
                if isinstance(name, str) and policy.scheme.id == scheme and name in policy.model.counters
            }
            was = SCOPES[scopes[at]] if scopes[at] < len(SCOPES) else "attribute"
            for scope in sorted(now):
                if scope.partition(":")[0] != was:
                    problems.append(Problem(what=f"the state holds the counter {name!r} of {scheme!r} by {was}, the policies keep it by {scope}", what_zh=f"期末状态中方案 {scheme!r} 的累计 {name!r} 按 {was} 计，政策文件则按 {scope} 计", path="state", expected="a new name for the counter, or the scope that it had", expected_zh="为该累计另取名称，或恢复其原有范围"))  # fmt: skip
        if problems:
            raise InputError(problems)

    def opening(self, job: Job) -> dict[str, Any]:
        """Arrays for the kernel, in the batch's indices, by settling group."""
        self._same_scopes(job)
        a, luts = self.arrays, self._luts(job)
        group_of, houses = job.group_of_person, job.group_of_house()
        keys = self._keys(a["counter_key"], luts)
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
        self_order = order
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
                    values = self._keys(values, luts)
                elif column in ("admission_stay",):
                    values = np.where(values >= 0, luts["stay"][np.maximum(values, 0)], values)
                elif column == "used_layer":
                    values = luts["layer"][values]
                elif column == "move_person":
                    values = luts["psn"][values]
                out[column] = np.ascontiguousarray(values, dtype=a[column].dtype)
        job.state_order = self_order
        standing = len(person)
        known = np.zeros(standing + len(a["other_setl"]) + 1, np.uint8)
        known[standing:-1] = a["other_kind"]
        out["known_before"] = known
        return out

    def members(self) -> tuple[Any, Any]:
        """(person, household) of the settlements that count for a household, once each pair."""
        owner, begin = self.arrays["contribution_key"][:, 1], self.arrays["contribution_begin"]
        at = np.flatnonzero(owner < -1)
        person = np.repeat(self.arrays["person"], np.diff(begin))[at]
        pairs = np.unique(np.stack([person, -2 - owner[at]], axis=1), axis=0) if len(at) else np.zeros((0, 2), np.int32)
        return pairs[:, 0], pairs[:, 1]

    def members_in(self, job: Job) -> tuple[Any, Any]:
        """The same in the indices of a batch."""
        person, house = self.members()
        if not len(person):
            return person.astype(np.int32), house.astype(np.int32)
        names = pa.chunked_array([pa.array(self.names["house"], job.house_dictionary.type)])
        return self._psn_lut(job)[person], lookup(names, job.house_dictionary)[house]

    def row_of(self, job: Job) -> Any:
        """By visit: index of the settlement that its init_setl_id names among ours (opening order), or the place of a stranger."""
        a, setl, person = self.arrays, self._setl_lut(job), self._psn_lut(job)
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

    def _setl_lut(self, job: Job) -> Any:
        return (
            lookup(pa.chunked_array([pa.array(self.names["setl"], job.setl_dictionary.type)]), job.setl_dictionary)
            if self.names["setl"]
            else np.zeros(0, np.int32)
        )

    def _psn_lut(self, job: Job) -> Any:
        return (
            lookup(pa.chunked_array([pa.array(self.names["psn"], job.psn_dictionary.type)]), job.psn_dictionary)
            if self.names["psn"]
            else np.zeros(0, np.int32)
        )

    def accounts_into(self, job: Job, start: Any, through: Any, balance: Any, opening: Any) -> None:
        """Overwrite what a fresh run would assume of accounts that we know."""
        a = self.arrays
        if len(a["account_person"]):
            person = self._psn_lut(job)[a["account_person"]]
            start[person], through[person] = a["account_start"], a["account_through"]
            balance[person], opening[person] = a["account_balance"], a["account_opening"]

    def reversal_names(
        self, job: Job, back: Any, named: Any, policy: Any, plan: Any, policies: list[str], plans: list[str], flags: Any
    ) -> Any:
        """Document, plan and flags of reversals whose settlement is one of ours."""
        rows = back[named < 0]
        if not len(rows):
            return policy, plan, policies, plans, flags
        k = job.state_order[self.row_of(job)[rows]]
        a = self.arrays
        policy, plan, flags = policy.copy(), plan.copy(), flags.copy()
        policy[rows] = a["policy"][k] + len(policies)
        plan[rows] = a["plan"][k] + len(plans)
        flags[rows] = a["flags"][k]
        merged_policies, policy = _merged(policies, self.names["policy"], policy)
        merged_plans, plan = _merged(plans, self.names["plan"], plan)
        return policy, plan, merged_policies, merged_plans, flags

    # ------------------------------------------------------------------ closing

    @staticmethod
    def closing(job: Job, answer: dict[str, Any], visits: pa.Table, opening: State | None) -> State:
        """State after a run."""
        chunks = answer["states"]
        arrays: dict[str, Any] = {}
        for name in ("counter_key", "counter_value", "row", "person", "stay", "scheme", "enddate"):
            arrays[name] = np.concatenate([c[name] for c in chunks])
        for name, columns in LISTS.items():
            sizes = np.concatenate([np.diff(c[f"{name}_begin"]) for c in chunks])
            arrays[f"{name}_begin"] = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
            for column in columns:
                arrays[column] = np.concatenate([c[column] for c in chunks])
        row = arrays.pop("row")
        policy, plan = visits["policy_id"].combine_chunks(), visits["plan_id"].combine_chunks()
        names: dict[str, Any] = {"policy": policy.dictionary.to_pylist(), "plan": plan.dictionary.to_pylist()}
        at = np.maximum(row, 0)
        own = row >= 0
        some = bool(own.any())  # a run without visits carries on what was known
        cells = (
            np.stack([column[at] for column in answer["columns"]], axis=1)
            if some
            else np.zeros((len(at), len(_core.LAYOUT["columns"])), np.int64)
        )
        arrays["setl"] = np.where(own, job.setl[at] if some else 0, 0).astype(np.int32)
        arrays["flags"] = np.where(own, visits["flags"].to_numpy()[at] if some else 0, 0)
        arrays["policy"] = np.where(own, policy.indices.to_numpy()[at] if some else 0, 0).astype(np.int32)
        arrays["plan"] = np.where(own, plan.indices.to_numpy()[at] if some else 0, 0).astype(np.int32)
        accounted = np.array(
            [job.compiled.policies[d].model.accounts is not None for d in job.compiled.plan_document] + [False]
        )
        arrays["has_account"] = accounted[answer["plan"][at]].astype(np.int32) if some else np.zeros(len(at), np.int32)
        others = _others(job, answer)
        if opening is not None:
            a, setl, psn = opening.arrays, opening._setl_lut(job), opening._psn_lut(job)
            k = job.state_order[-2 - row[~own]] if (~own).any() else np.zeros(0, np.int64)
            cells[~own] = a["columns"][k]
            arrays["setl"][~own] = setl[a["setl"][k]]
            arrays["flags"][~own], arrays["has_account"][~own] = a["flags"][k], a["has_account"][k]
            for name in ("policy", "plan"):
                arrays[name][~own] = a[name][k] + len(names[name])
                names[name], arrays[name] = _merged(names[name], opening.names[name], arrays[name])
            back = np.flatnonzero(answer["state_reversed"][: opening.settlements])
            was = job.state_order[back]
            was_setl, was_person = setl[a["setl"][was]], psn[a["person"][was]]
            before = (setl[a["other_setl"]], psn[a["other_person"]], a["other_kind"])
            others = [
                np.concatenate(c)
                for c in zip(before, (was_setl, was_person, np.full(len(was), REVERSED, np.uint8)), others)
            ]
        arrays["columns"] = cells
        for name, values, dtype in zip(
            ("other_setl", "other_person", "other_kind"), others, (np.int32, np.int32, np.uint8)
        ):
            arrays[name] = values.astype(dtype)
        arrays.update(_accounts(job, answer, opening))
        scope = np.zeros(len(job.compiled.counter_names), np.int32)
        for counter, _, kind, _ in job.compiled.tables_.rows["keys"]:
            scope[counter] = kind
        if opening is not None:
            lut = opening._luts(job)["counter"][:-1]
            unset = lut[~np.isin(lut, [r[0] for r in job.compiled.tables_.rows["keys"]])]
            scope[unset] = opening.arrays["counter_scope"][np.isin(lut, unset)]
        arrays["counter_scope"] = scope
        names |= {
            "psn": Names(job.psn_dictionary), "house": Names(job.house_dictionary), "hospital": Names(job.hospital_dictionary),
            "disease": list(job.disease_names), "stay": Names(job.stay_dictionary), "value": list(job.compiled.value_names),
            "counter": list(job.compiled.counter_names), "layer": list(job.compiled.layer_names), "scheme": list(job.compiled.scheme_names),
            "setl": Names(job.setl_dictionary),
        }  # fmt: skip
        as_of_itself(arrays, names)
        return State(arrays, names)


def _others(job: Job, answer: dict[str, Any]) -> list[Any]:
    """(setl, person, kind) of the ids of this run that do not stand: reversed ones, reversals, and refused ones."""
    outcome = answer["outcome"]
    kind = np.where(
        job.reversal, REVERSAL, np.where(outcome >= 2, REFUSED, np.where(answer["reversed"] == 1, REVERSED, 0))
    )
    rows = np.flatnonzero(job.taking_part & (kind > 0))
    return [job.setl[rows], job.psn[rows], kind[rows].astype(np.uint8)]


def _accounts(job: Job, answer: dict[str, Any], opening: State | None) -> dict[str, Any]:
    keep = job.account_active.copy()
    through = answer["through"].copy()
    if opening is not None and len(opening.arrays["account_person"]):
        person = opening._psn_lut(job)[opening.arrays["account_person"]]
        keep[person] = True
        through[person] = np.maximum(through[person], opening.arrays["account_through"])
    who = np.flatnonzero(keep).astype(np.int32)
    return {
        "account_person": who, "account_balance": answer["balance"][who], "account_opening": job.opening_balance[who],
        "account_start": job.account_start[who], "account_through": through[who],
    }  # fmt: skip


def _begin(group: Any, groups: int) -> Any:
    return np.concatenate(([0], np.cumsum(np.bincount(group, minlength=groups)))).astype(np.int64)


def _reorder(begin: Any, order: Any) -> tuple[Any, Any]:
    """(positions of list items when lists stand in another order, their new begins)."""
    sizes = np.diff(begin)[order]
    ends = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    start = np.repeat(begin[:-1][order] - ends[:-1], sizes)
    return start + np.arange(int(ends[-1]), dtype=np.int64), ends


def _merged(own: Sequence[str], other: Sequence[str], index: Any) -> tuple[list[str], Any]:
    """Words of two lists once each; `index` counts through both lists."""
    words = list(dict.fromkeys([*own, *other]))
    place = {word: i for i, word in enumerate(words)}
    lut = np.array([place[word] for word in [*own, *other]], np.int32)
    return words, lut[index].astype(np.int32)
