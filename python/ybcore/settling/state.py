"""State between runs: counters, accounts, and the settlements that still stand.

A `State` is immutable. It holds dense arrays and the dictionaries that name them; a later batch has dictionaries of its own, so opening
a state means translating indices, never texts (`earlier`); `closing` makes one of what a run leaves. `save` and `load` keep it in one Parquet-based folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .names import picked
from .statefile import read_state, write_state

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

    # ------------------------------------------------------------------ whom and what it knows

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

    def members(self) -> tuple[Any, Any]:
        """(person, household) of the settlements that count for a household, once each pair."""
        owner, begin = self.arrays["contribution_key"][:, 1], self.arrays["contribution_begin"]
        at = np.flatnonzero(owner < -1)
        person = np.repeat(self.arrays["person"], np.diff(begin))[at]
        pairs = np.unique(np.stack([person, -2 - owner[at]], axis=1), axis=0) if len(at) else np.zeros((0, 2), np.int32)
        return pairs[:, 0], pairs[:, 1]
