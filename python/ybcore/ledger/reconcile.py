"""An external ledger against a run: every difference to the fen, each visit with one cause (docs/reconcile.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.keys import ids_of
from ..messages import yuan_text
from .reconcile_causes import ORDER_OF_CAUSES, Causes, refusals
from .reconcile_read import Mask, Outside, id_texts, read_outside
from .run import Run

__all__ = ["Matched", "Reconciliation", "matched", "reconcile"]

Int64 = npt.NDArray[np.int64]
WORDS = {
    "unmatched_refund": ("refund on one side only", "单边退费"),
    "missing_visit": ("visit on one side only", "单边结算"),
    "one_fen_rounding": ("rounding", "取整差"),
    "order": ("order of settlement", "结算次序"),
    "accumulator_carried_in": ("accumulator carried in", "累计数结转不同"),
    "catalog": ("catalogue: natures differ", "目录：费用分解不同"),
    "knock_on": ("follows an earlier difference", "由先前差异引起"),
    "unknown": ("unknown", "原因未明"),
}


@dataclass(frozen=True)
class Matched:
    """Rows of both sides by id. `ours`, `theirs`: rows of the visits that both have; the rest stand alone or are repeated."""

    ids: list[str | None]
    outside: Outside
    ours: Int64
    theirs: Int64
    ours_only: list[int]
    theirs_only: list[int]
    duplicates: list[tuple[str, str, int]] = field(repr=False)

    def differences(self, visits: pa.Table) -> tuple[Int64, Mask]:
        """(theirs minus some results of the run, where there is something to compare): by column and matched visit."""
        names = list(self.outside.fen)
        if not names:
            return np.zeros((0, len(self.ours)), np.int64), np.zeros((0, len(self.ours)), bool)
        has = np.stack([self.outside.has[name][self.theirs] for name in names])
        fen = np.stack([self.outside.fen[name][self.theirs] for name in names])
        own = np.stack([visits[name].to_numpy()[self.ours] for name in names])
        return np.where(has, fen - own, 0), has


def matched(
    external: Any, run: Run, columns: Mapping[str, str] | None, key: str, unit: str, person: str | None = None
) -> Matched:
    """Read a ledger and find each visit on both sides. Raises InputError with everything that is wrong."""
    outside = read_outside(external, columns, key, unit, person)
    ids = id_texts(ids_of(run.tables["visits"], "setl_id"))
    duplicates: list[tuple[str, str, int]] = []
    sides: list[dict[str, int]] = []
    for side, names in (("ours", ids), ("theirs", outside.ids)):
        first: dict[str, int] = {}
        for row, name in enumerate(names):
            if name is not None and first.setdefault(name, row) != row:
                duplicates.append((side, name, row + 1))
        sides.append(first)
    refused = refusals(run)
    both = [(row, sides[1][name]) for name, row in sides[0].items() if name in sides[1]]
    pairs = np.array(both, np.int64).reshape(-1, 2)
    return Matched(
        ids, outside, pairs[:, 0], pairs[:, 1],
        [row for name, row in sides[0].items() if name not in sides[1] and row not in refused],
        [row for name, row in sides[1].items() if name not in sides[0]],
        duplicates,
    )  # fmt: skip


@dataclass(frozen=True)
class Reconciliation:
    """What differs and why (docs/reconcile.md section 2). Money is fen, theirs minus ours."""

    visits: pa.Table
    causes: pa.Table
    duplicates: pa.Table
    columns: tuple[str, ...]
    not_compared: dict[str, int]
    matched: int
    equal: int

    def text(self, lang: str = "zh") -> str:
        """The same for people, `zh` or `en`."""
        if lang not in ("zh", "en"):
            raise ValueError(f"lang must be one of zh, en, not {lang!r}")
        zh = lang == "zh"
        differ = self.matched - self.equal
        out = [
            f"双方均有 {self.matched:,} 笔结算：{self.equal:,} 笔逐分相同，{differ:,} 笔有差异。"
            if zh
            else f"{self.matched:,} settlements on both sides: {self.equal:,} equal to the fen, {differ:,} differ."
        ]
        for side, words in (("theirs", ("外部台账", "in the ledger")), ("ours", ("我方", "in our run"))):
            mine = [row for row in self.duplicates.to_pylist() if row["side"] == side]
            if mine:
                sums = {name: sum(row[name] or 0 for row in mine) for name in self.columns}
                told = ", ".join(f"{name} {yuan_text(fen)}" for name, fen in sums.items() if fen)
                rest = (
                    (f"；其余各行合计（元）：{told}" if zh else f"; the others come to (yuan): {told}") if told else ""
                )
                out.append(
                    f"{words[0]}重复编号 {len(mine)} 行，仅比对首行{rest}。"
                    if zh
                    else f"{len(mine)} rows {words[1]} repeat an id; the first was compared{rest}."
                )
        missing = sum(self.not_compared.values())
        if missing:
            out.append(f"外部台账缺 {missing} 个金额，未比对。" if zh else f"{missing} amounts are missing in the ledger and were not compared.")  # fmt: skip
        proved = Counter((row["cause"], row["proved"]) for row in self.visits.select(["cause", "proved"]).to_pylist())
        for row in self.causes.to_pylist():
            name, sure = WORDS[row["cause"]][zh], proved[row["cause"], True]
            money, net = yuan_text(row["absolute"]), ("+" if row["net"] >= 0 else "") + yuan_text(row["net"])
            out.append(
                f"  {name}：{row['visits']} 笔（{sure} 笔已验证），绝对差 {money} 元，净差 {net} 元"
                if zh
                else f"  {name}: {row['visits']} visits ({sure} proved), absolute {money} yuan, net {net} yuan"
            )
        return "\n".join(out)


def reconcile(
    external: Any,
    run: Run,
    columns: Mapping[str, str] | None = None,
    key: str = "setl_id",
    unit: str = "yuan",
    person: str | None = None,
) -> Reconciliation:
    """Set an external ledger against a run and tell the cause of every difference.

    `columns`: our money column → theirs; `key`: their column of ids; `unit`: yuan or fen; `person`: their column of persons
    (default psn_no or PSN_NO, where there is one). Raises InputError with everything that is
    wrong with the ledger (docs/reconcile.md section 1).
    """
    pairs = matched(external, run, columns, key, unit, person)
    names = tuple(pairs.outside.fen)
    diff, has = pairs.differences(run.results[0])
    found = Causes(run, pairs, diff, has).all()
    rows: list[dict[str, Any]] = []
    own = run.results[0]
    alone = {name: own[name].to_numpy() for name in names}
    for i, (cause, explained, proved) in found.both.items():
        steps = {name: int(diff[k, i]) if has[k, i] else None for k, name in enumerate(names)}
        rows.append(_row(pairs.ids[pairs.ours[i]], "both", cause, explained, proved, steps))
    for row in pairs.ours_only:
        steps = {name: -int(alone[name][row]) for name in names}
        rows.append(_row(pairs.ids[row], "ours", found.ours[row], "", True, steps))
    for row in pairs.theirs_only:
        steps = {name: int(pairs.outside.fen[name][row]) if pairs.outside.has[name][row] else None for name in names}
        rows.append(_row(pairs.outside.ids[row], "theirs", found.theirs[row], "", True, steps))
    visits = pa.Table.from_pylist(rows, schema=_schema(names))
    equal = len(pairs.ours) - len(found.both)
    return Reconciliation(
        visits, _causes(rows, names), _duplicates(pairs, alone), names,
        {name: int(np.count_nonzero(~has[k])) for k, name in enumerate(names) if not has[k].all()},
        len(pairs.ours), equal,
    )  # fmt: skip


def _schema(names: tuple[str, ...]) -> pa.Schema:
    texts = [(name, pa.string()) for name in ("setl_id", "side", "cause", "explained_by")]
    numbers = [("money", pa.int64()), *((f"{name}_diff", pa.int64()) for name in names)]
    return pa.schema([*texts, ("proved", pa.bool_()), *numbers])


def _row(
    setl_id: str | None, side: str, cause: str, explained: str, proved: bool, steps: dict[str, int | None]
) -> dict[str, Any]:
    out: dict[str, Any] = {
        "setl_id": setl_id,
        "side": side,
        "cause": cause,
        "explained_by": explained,
        "proved": proved,
    }
    out["money"] = sum(abs(step or 0) for step in steps.values())
    return out | {f"{name}_diff": step for name, step in steps.items()}


def _causes(rows: list[dict[str, Any]], names: tuple[str, ...]) -> pa.Table:
    sums: dict[str, list[int]] = {}
    for row in rows:
        mine = sums.setdefault(row["cause"], [0, 0, 0])
        mine[0] += 1
        mine[1] += row["money"]
        mine[2] += sum(row[f"{name}_diff"] or 0 for name in names)
    ranked = sorted(sums.items(), key=lambda item: (-item[1][1], ORDER_OF_CAUSES.index(item[0])))
    kinds = [("cause", pa.string()), ("visits", pa.int64()), ("absolute", pa.int64()), ("net", pa.int64())]
    return pa.Table.from_pylist(
        [{"cause": c, "visits": n, "absolute": a, "net": net} for c, (n, a, net) in ranked], schema=pa.schema(kinds)
    )


def _duplicates(pairs: Matched, own: Mapping[str, Int64]) -> pa.Table:
    """Rows of ids that an earlier row has, with what stands in them."""
    names = [*pairs.outside.fen]
    kinds = [("side", pa.string()), ("setl_id", pa.string()), ("row", pa.int64()), *((name, pa.int64()) for name in names)]  # fmt: skip
    rows = []
    for side, one, row in pairs.duplicates:
        fen = {name: (own if side == "ours" else pairs.outside.fen)[name][row - 1] for name in names}
        has = {name: side == "ours" or bool(pairs.outside.has[name][row - 1]) for name in names}
        cells = {name: int(fen[name]) if has[name] else None for name in names}
        rows.append({"side": side, "setl_id": one, "row": row, **cells})
    return pa.Table.from_pylist(rows, schema=pa.schema(kinds))
