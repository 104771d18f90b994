"""What a page, a workbook and a terminal show of a re-settlement: who pays whom, for which reason, and examples that explain it.

Money is whole fen. A payer's difference is positive where it has to pay in addition (`to_pay`), negative where it gets money back
(`to_collect`); no figure here depends on the clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.ids import flat
from ..columns.schema import FUNDS
from ..explain import Explanation, explain_settled
from ..ledger.deltas import PAYERS
from ..messages import BUCKETS, CAUSES, NATURES, current, name_of, say
from ..messages import PAYERS as PAYER_WORDS
from .story import proof, story

if TYPE_CHECKING:
    from ..ledger.attribution import Attribution
    from ..ledger.document import ChangesDocument
    from ..ledger.resettlement import Resettlement
    from ..ledger.run import Run

__all__ = ["LINE_WORDS", "OWN", "SIDES", "Signed", "direction", "gather_examples", "payer_name", "signed"]

Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

OWN = ("acct_pay", "acct_mulaid_pay", "psn_cash_pay")
"""What a person pays: the own account, the mutual-aid account, cash."""
SIDES: dict[str, tuple[str, ...]] = {"funds": tuple(FUNDS), "own": OWN, "hospital": ("hosp_part_amt",)}
"""Who pays, in three groups that hold every payer of the ledger once."""
REFUSED = ("rejected", "not_enrolled")
"""Outcomes of visits that were not settled."""
LINE_WORDS: dict[str, tuple[str, str]] = {
    "det_item_fee_sumamt": ("明细金额", "amount"),
    "fulamt_ownpay_amt": NATURES["fulamt_ownpay_amt"],
    "overlmt_amt": NATURES["overlmt_selfpay"],
    "preselfpay_amt": NATURES["preselfpay_amt"],
    "inscp_scp_amt": NATURES["inscp_scp_amt"],
}
"""Amounts of a fee line."""
Tables = dict[str, pa.Table | None]
_LOOKED = 1_000
_STEP = re.compile(r" *\d+\.")


def payer_name(payer: str) -> str:
    """A payer's name in the language in use."""
    return name_of(PAYER_WORDS, payer)


def direction(side: str, fen: int) -> str:
    """What has to be done about a difference, in words: a fund pays or collects, a person is refunded or pays."""
    if fen == 0:
        return say("持平", "even")
    if side == "funds":
        return say("应补付", "to pay") if fen > 0 else say("应追回", "to collect")
    if side == "own":
        return say("应补缴", "owes") if fen > 0 else say("应退还", "is owed")
    return say("应多负担", "bears more") if fen > 0 else say("应少负担", "bears less")


@dataclass(frozen=True)
class Signed:
    """A re-settlement as people sign it. `document`: the changes as they were written; `attribution` and `examples` where they were asked
    for; `hashes`: (what, sha256) of what it rests on, each in both languages."""  # fmt: skip

    again: Resettlement
    document: ChangesDocument | None = None
    attribution: Attribution | None = None
    examples: tuple[dict[str, Any], ...] = ()
    hashes: tuple[tuple[tuple[str, str], str], ...] = ()

    # ------------------------------------------------------------------ totals

    def head(self) -> dict[str, Any]:
        """Totals by side, and how many visits, persons and institutions they are of."""
        again, visits = self.again, self.again.deltas.visits
        kinds = _counted(visits["kind"].to_pylist())
        knock_on = _counted(visits["reason"].to_pylist()).get("knock_on", 0)
        return {
            "sides": {side: self._sums(names) for side, names in SIDES.items()},
            "all": self._sums(tuple(PAYERS)),
            "visits": visits.num_rows,
            "added": kinds.get("added", 0),
            "changed": kinds.get("changed", 0),
            "knock_on": knock_on,
            "refused": len(self.refused()),
            "persons": len(again.deltas.persons["psn_no"].drop_null()),
            "institutions": len(again.deltas.institutions["fixmedins_code"].drop_null()),
            "lines": again.deltas.lines.num_rows,
            "scope": asdict(again.scope),
        }

    def _sums(self, payers: Iterable[str]) -> dict[str, int]:
        return _added(row for row in self.again.ledger.payers.to_pylist() if row["payer"] in payers)

    def payers(self) -> list[dict[str, Any]]:
        """The ledger by payer, in the order of the sides; `side` says which."""
        held = {row["payer"]: row for row in self.again.ledger.payers.to_pylist()}
        return [{**held[payer], "side": side} for side, payers in SIDES.items() for payer in payers if payer in held]

    def owing(self, side: str, what: str) -> pa.Table:
        """Rows of the ledger by person and payer with something `to_pay` or `to_collect`, the largest first."""
        table = self.again.ledger.persons
        mine = pc.and_(pc.is_in(table["payer"], value_set=pa.array(SIDES[side])), pc.greater(table[what], 0))
        return table.filter(mine).sort_by([(what, "descending"), ("psn_no", "ascending"), ("payer", "ascending")])

    # ------------------------------------------------------------------ by reason, institution, visit

    def _steps(self, payers: Iterable[str]) -> tuple[Int64, Int64]:
        """(to pay, to collect) of each changed visit, summed over payers."""
        visits = self.again.deltas.visits
        up = np.zeros(visits.num_rows, np.int64)
        down = np.zeros(visits.num_rows, np.int64)
        for payer in payers:
            step = visits[payer].to_numpy()
            up += np.maximum(step, 0)
            down += np.maximum(-step, 0)
        return up, down

    def reasons(self) -> list[dict[str, Any]]:
        """What each reason class comes to, in a fixed order."""
        visits = self.again.deltas.visits
        reason = np.array(visits["reason"].to_pylist() or [""], object)[: visits.num_rows]
        steps = {side: self._steps(names) for side, names in SIDES.items()}
        people = np.array(visits["psn_no"].to_pylist() or [None], object)[: visits.num_rows]
        out = []
        for name in [*CAUSES, *sorted(set(reason.tolist()) - set(CAUSES))]:
            mine = reason == name
            if mine.any():
                money = {side: _side(up[mine], down[mine]) for side, (up, down) in steps.items()}
                persons = len({who for who in people[mine].tolist() if who is not None})
                out.append({"reason": name, "visits": int(mine.sum()), "persons": persons, **money})
        return out

    def refused(self) -> Int64:
        """Rows of the visits that came and were refused, or that were not refused before, in the order of their reasons and ids."""
        visits = self.again.deltas.visits
        before, after, reason = (np.array(visits[name].cast(pa.string()).to_pylist() or [""], object)[: visits.num_rows] for name in ("outcome_before", "outcome_after", "reason_after"))  # fmt: skip
        mine = np.flatnonzero(np.isin(after, REFUSED) & (before != after))
        ids = visits["setl_id"].to_pylist()
        return np.array(sorted(mine.tolist(), key=lambda i: (after[i], reason[i] or "", str(ids[i]))), np.int64)

    def refusals(self) -> list[dict[str, Any]]:
        """How many of them by outcome and reason: that came (`added`), that had been settled (`changed`)."""
        out: dict[tuple[str, str], dict[str, Any]] = {}
        for row in self.again.deltas.visits.take(pa.array(self.refused())).to_pylist():
            key = (row["outcome_after"], row["reason_after"] or "")
            told = out.setdefault(key, {"outcome": key[0], "reason": key[1], "added": 0, "changed": 0})
            told[row["kind"]] += 1
        return [*out.values()]

    def fund_totals(self) -> tuple[int, int]:
        """What the funds paid for all visits of the run, before and after."""
        before = int(pc.sum(self.again.previous.results[0]["fund_pay_sumamt"]).as_py() or 0)
        return before, before + int(pc.sum(self.again.deltas.visits["fund_pay_sumamt"]).as_py() or 0)

    def institutions(self) -> list[dict[str, Any]]:
        """What each institution's visits come to, the largest movement of funds first."""
        ledger: dict[Any, dict[str, list[dict[str, Any]]]] = {}
        sides = {payer: side for side, payers in SIDES.items() for payer in payers}
        for row in self.again.ledger.institutions.to_pylist():
            ledger.setdefault(row["fixmedins_code"], {}).setdefault(sides[row["payer"]], []).append(row)
        names = self.institution_names()
        out = []
        for row in self.again.deltas.institutions.to_pylist():
            code = row["fixmedins_code"]
            money = {side: _added(ledger.get(code, {}).get(side, ())) for side in SIDES}
            out.append({"key": code, "name": names.get(code, ""), "visits": row["visits"], **money})
        return sorted(
            out, key=lambda r: (-r["funds"]["to_pay"] - r["funds"]["to_collect"], -abs(r["own"]["net"]), str(r["key"]))
        )

    def institution_names(self) -> dict[Any, str]:
        """Names of institutions, where their table has them."""
        table = self.again.previous.tables.get("institutions")
        if table is None or not {"fixmedins_code", "fixmedins_name"} <= set(table.column_names):
            return {}
        rows = zip(table["fixmedins_code"].to_pylist(), table["fixmedins_name"].to_pylist())
        return {code: str(name) for code, name in rows if name}

    def largest(self) -> Int64:
        """Rows of the changed visits, the largest movement of funds first, then of other money, then by id."""
        visits = self.again.deltas.visits
        sums = [np.sum(self._steps(SIDES[side]), axis=0) for side in SIDES]
        ids = np.array([str(one) for one in visits["setl_id"].to_pylist()] or [""])[: visits.num_rows]
        return np.lexsort((ids, -(sums[1] + sums[2]), -sums[0]))

    def visits(self, rows: Int64) -> list[dict[str, Any]]:
        """Some changed visits with the net of each side."""
        table = self.again.deltas.visits
        at = pa.array(rows)
        nets = {side: np.subtract(*self._steps(names))[rows] for side, names in SIDES.items()}
        out = table.take(at).to_pylist()
        return [{**row, **{side: int(nets[side][i]) for side in SIDES}} for i, row in enumerate(out)]

    def nets(self, rows: Int64) -> dict[str, int]:
        """What some changed visits come to, by side."""
        return {side: int(np.subtract(*self._steps(names))[rows].sum()) for side, names in SIDES.items()}

    def knock_on(self) -> Int64:
        """Rows of the changed visits that follow from another, the largest first."""
        order = self.largest()
        reason = self.again.deltas.visits["reason"].to_pylist()
        return np.array([i for i in order.tolist() if reason[i] == "knock_on"], np.int64)

    # ------------------------------------------------------------------ the changes

    def changes(self) -> list[dict[str, Any]]:
        """The changes in their order: label, kind, source, note, files; what each moved by side, where it was asked for."""
        moved: dict[int, list[dict[str, Any]]] = {}
        if self.attribution is not None:
            for row in self.attribution.rows.to_pylist():
                moved.setdefault(row["change"], []).append(row)
        entries = self.document.entries if self.document is not None else (None,) * len(self.again.changes)
        out = []
        for i, (change, entry) in enumerate(zip(self.again.changes, entries, strict=True)):
            sums = {side: sum(row["amount"] for row in moved.get(i, ()) if row["payer"] in payers) for side, payers in SIDES.items()}  # fmt: skip
            out.append(
                {
                    "number": i + 1,
                    "reason": change.reason,
                    "kind": None if entry is None else entry.kind,
                    "label": type(change).__name__ if entry is None else entry.label[current()],
                    "source": "" if entry is None else entry.source,
                    "note": "" if entry is None else entry.note,
                    "files": () if entry is None else entry.files,
                    **sums,
                    "net": sum(sums.values()),
                }
            )
        return out


def signed(again: Resettlement, document: ChangesDocument | None = None) -> Signed:
    """With what each change moved in the order given, and examples where the run began from nothing: the reference tells a settlement
    from all that came before it."""  # fmt: skip
    examples = gather_examples(again) if again.previous.state is None else ()
    return Signed(again, document, again.attribution("sequence"), examples)


def _side(up: Int64, down: Int64) -> dict[str, int]:
    return {"to_pay": int(up.sum()), "to_collect": int(down.sum()), "net": int(up.sum() - down.sum())}


def _added(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    out = {"to_pay": 0, "to_collect": 0, "net": 0}
    for row in rows:
        for name in out:
            out[name] += row[name]
    return out


def _counted(words: list[Any]) -> dict[Any, int]:
    out: dict[Any, int] = {}
    for word in words:
        out[word] = out.get(word, 0) + 1
    return out


# ---------------------------------------------------------------------------------------------- one example of each reason


FIGURES = ("medfee_sumamt", "fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt", "act_pay_dedc", *FUNDS, "fund_pay_sumamt", "hosp_part_amt", *OWN)  # fmt: skip


def gather_examples(
    again: Resettlement, whole: Callable[[Tables], Tables] = lambda tables: tables
) -> tuple[dict[str, Any], ...]:
    """One explained settlement of each reason, told before and after by the reference: of those that no change of another class touched, else
    of all, the one that moves most money.

    `whole` adds the rows of the runs that this one continued, where its opening state is not empty.
    """
    chosen = _chosen(again)
    sides = [(again.previous, whole({**again.previous.tables})), (again.after, whole({**again.after.tables}))]
    out = []
    for row in chosen:
        before, after = (_told(run, tables, row["setl_id"]) for run, tables in sides)
        out.append({**row, "before": before, "after": after, "lines": _changed_lines(again, row)})
    return tuple(out)


def _chosen(again: Resettlement) -> list[dict[str, Any]]:
    """A changed visit of each reason. Looked at are the `_LOOKED` largest of each that are settled, under an id of their own."""
    signed = Signed(again)
    visits, order = again.deltas.visits, signed.largest()
    if not len(order):
        return []
    reason = np.array(visits["reason"].to_pylist(), object)[order]
    fine = np.asarray(pc.is_in(visits["outcome_after"], value_set=pa.array(("settled", "no_benefit"))))[order]
    named = np.asarray(flat(visits["setl_id"]).is_valid())[order]
    ids = flat(again.after.tables["visits"]["setl_id"])
    out = []
    for name in CAUSES:
        rows = signed.visits(order[(reason == name) & fine & named][:_LOOKED])
        held = ids.filter(pc.is_in(ids, value_set=pa.array([row["setl_id"] for row in rows], ids.type)))
        counts = _counted(held.to_pylist())
        rows = [row for row in rows if counts[row["setl_id"]] == 1]
        touched = again.touched(row["setl_id"] for row in rows)
        alone = [row for row in rows if not touched[row["setl_id"]] - {name}]
        out += (alone or rows)[:1]
    return out


def _told(run: Run, tables: Tables, setl_id: Any) -> Explanation | None:
    """The settlement by the reference; None where the run does not have it."""
    names = run.tables["visits"]["setl_id"]
    if not pc.any(pc.equal(flat(names), setl_id)).as_py():
        return None
    return explain_settled(setl_id, run.engine.book, tables, run.engine.catalog, run.results[0])


def _changed_lines(again: Resettlement, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Fee lines of a settlement that were there before and differ, the largest difference first."""
    if row["kind"] == "added" or not again.deltas.lines.num_rows:
        return []
    mine = again.deltas.lines.filter(pc.equal(flat(again.deltas.lines["setl_id"]), row["setl_id"])).to_pylist()
    return sorted(mine, key=lambda line: (-max(abs(line[name]) for name in LINE_WORDS), line["row"]))


def figures(example: dict[str, Any]) -> list[dict[str, Any]]:
    """Amounts before and after that are not nothing: name, before, after, difference."""
    sides = [None if example[when] is None else example[when].row for when in ("before", "after")]
    out = []
    for name in FIGURES:
        old, new = ((row or {}).get(name) or 0 for row in sides)
        if old or new:
            word = NATURES.get(name) or PAYER_WORDS.get(name) or BUCKETS["deductible"]
            out.append({"name": say(*word), "column": name, "before": old, "after": new, "step": new - old})
    return out


def paired(example: dict[str, Any], most: int | None = None) -> list[tuple[str, str, bool]]:
    """The two stories side by side: (before, after, whether they differ). Of more than `most` equal lines between two steps the middle is left out."""
    left, right = ([] if example[when] is None else story(example[when])[1:] for when in ("before", "after"))
    out: list[tuple[str, str, bool]] = []
    for tag, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        rows = range(max(b - a, d - c))
        pairs = [(left[a + i] if a + i < b else "", right[c + i] if c + i < d else "", tag != "equal") for i in rows]
        out += _shortened(pairs, most) if tag == "equal" and most is not None else pairs
    return out


def _shortened(pairs: list[tuple[str, str, bool]], most: int) -> list[tuple[str, str, bool]]:
    """Equal lines without the middle of long runs; lines that begin a step stay."""
    out: list[tuple[str, str, bool]] = []
    run: list[tuple[str, str, bool]] = []
    for pair in [*pairs, ("0.", "", False)]:
        if not _STEP.match(pair[0]):
            run.append(pair)
            continue
        if len(run) > most:
            gone = len(run) - most + 1
            text = say(f"　（{gone} 行前后相同，略）", f"    ({gone} lines that are the same are left out)")
            run = [*run[: most // 2], (text, text, False), *run[most // 2 + gone :]]
        out += [*run, pair]
        run = []
    return out[:-1]


def proofs(example: dict[str, Any]) -> tuple[str, str]:
    """Whether the reference and the run agree, before and after, in words."""
    before, after = example["before"], example["after"]
    return ("" if before is None else proof(before)), ("" if after is None else proof(after))
