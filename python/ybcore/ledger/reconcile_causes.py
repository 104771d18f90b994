"""Why visits differ: tests in a declared order, each a settlement of the differing groups in another way (docs/reconcile.md section 2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.keys import ids_of
from ..errors import DocumentError
from .differ import Days, settling_order
from .openings import Openings
from .order import order_variants
from .reconcile_read import NATURES, Mask, id_texts
from .run import Run
from .variants import MODES, PLACES, UNITS, Variant, part_of, settled

if TYPE_CHECKING:
    from .reconcile import Matched

__all__ = ["ORDER_OF_CAUSES", "Causes", "Found", "profiles", "refusals"]

Int64 = npt.NDArray[np.int64]
ORDER_OF_CAUSES = (
    "unmatched_refund", "missing_visit", "one_fen_rounding", "order", "accumulator_carried_in", "catalog", "knock_on", "unknown",
)  # fmt: skip


@dataclass
class Found:
    """(cause, what explains it, proved) of matched visits, and the causes of rows on one side."""

    both: dict[int, tuple[str, str, bool]] = field(default_factory=dict)
    ours: dict[int, str] = field(default_factory=dict)
    theirs: dict[int, str] = field(default_factory=dict)


def profiles() -> list[dict[str, Any]]:
    """Rounding profiles one change away from the documents: a mode everywhere, one rounding at the end, one place otherwise."""
    out: list[dict[str, Any]] = [{"mode": mode} for mode in MODES]
    exact = {place: {"to": "exact"} for place in PLACES if place != "end"}
    out += [{**exact, "end": {"to": "fen", "mode": mode}} for mode in MODES]
    for place in PLACES:
        out += rules_at(place)
    return out


def rules_at(place: str) -> list[dict[str, Any]]:
    """Every unit and mode that one place may have."""
    out = [{place: {"to": unit, "mode": mode}} for unit in UNITS if unit != "exact" for mode in MODES]
    return out if place == "end" else [*out, {place: {"to": "exact", "mode": "half_up"}}]


def refusals(run: Run) -> dict[int, str]:
    """Rows of the visits that the run refused, with the reason."""
    results = run.results[0]
    at = np.flatnonzero(np.asarray(pc.equal(results["outcome"].cast(pa.string()), "rejected")))
    return dict(zip(at.tolist(), results["reason"].take(pa.array(at)).to_pylist()))


class Causes:
    """The tests, over the groups that differ."""

    def __init__(self, run: Run, pairs: Matched, diff: Int64, has: Mask) -> None:
        self.run, self.pairs, self.diff, self.has = run, pairs, diff, has
        self.names = list(pairs.outside.fen)
        self.found = Found()
        self.open = set(np.flatnonzero((diff != 0).any(axis=0)).tolist())  # matched visits without a cause yet
        self.group = run.index(run.engine.shares).visit_group
        self._place()

    def _place(self) -> None:
        """Rows of the groups in which something differs, and places of visits in settling order."""
        touched = np.concatenate((self.pairs.ours[sorted(self.open)], np.array(self.pairs.ours_only, np.int64))).astype(
            np.int64
        )
        mask = np.zeros(int(self.group.max(initial=-1)) + 1, bool)
        mask[self.group[touched]] = True
        self.rows = np.flatnonzero(mask[self.group]) if len(self.group) else np.zeros(0, np.int64)
        self.part = part_of(self.run, self.rows)
        visits, schema = self.run.tables["visits"], self.run.engine.input_tables["visits"]
        book = self.run.engine.book
        order = settling_order(visits, schema, book, self.group, lambda: Days.of(visits, schema, (book,)).discharge)
        self.place = np.empty(len(order), np.int64)
        self.place[order] = np.arange(len(order))

    def all(self) -> Found:
        """The cause of everything that differs."""
        self._one_side()
        self._refused()
        if not self.open:
            return self.found
        gone = np.array(self.pairs.ours_only, np.int64)
        if len(gone):
            kept = self.rows[~np.isin(self.rows, gone)]
            self._knock_on(self._explained(settled(part_of(self.run, kept), Variant(), self.names), kept))
        self._profiles()
        self._orders()
        self._catalog()
        self._carried_in()
        self._one_fen()
        self._presumed()
        for i in sorted(self.open):
            self.found.both[i] = ("unknown", "", False)
        self.found.both = dict(sorted(self.found.both.items()))
        return self.found

    def _close(self, visits: set[int], cause: str, explained: str, proved: bool) -> None:
        for i in visits & self.open:
            self.found.both[i] = (cause, explained, proved)
        self.open -= visits

    def _explained(self, visits: pa.Table, rows: Int64) -> set[int]:
        """Open matched visits whose figures are theirs in some results of those rows."""
        at = np.full(len(self.group), -1, np.int64)
        at[rows] = np.arange(len(rows))
        mine = np.array(sorted(self.open), np.int64)
        place = at[self.pairs.ours[mine]]
        mine, place = mine[place >= 0], place[place >= 0]
        theirs = self.pairs.theirs[mine]
        same = np.ones(len(mine), bool)
        for name in self.names:
            equal = visits[name].to_numpy()[place] == self.pairs.outside.fen[name][theirs]
            same &= equal | ~self.pairs.outside.has[name][theirs]
        return set(mine[same].tolist())

    # ------------------------------------------------------------------ the tests

    def _one_side(self) -> None:
        visits = self.run.tables["visits"]
        flag = visits["refd_setl_flag"].to_pylist() if "refd_setl_flag" in visits.column_names else None
        for row in self.pairs.ours_only:
            back = flag is not None and str(flag[row]) in ("1", "True")
            self.found.ours[row] = "unmatched_refund" if back else "missing_visit"
        for row in self.pairs.theirs_only:
            cells = [int(self.pairs.outside.fen[name][row]) for name in self.names]
            back = max(cells) <= 0 and min(cells) < 0
            self.found.theirs[row] = "unmatched_refund" if back else "missing_visit"

    def _refused(self) -> None:
        """What we refused and they settled is a settlement on their side only."""
        refused = refusals(self.run)
        for i in sorted(self.open):
            reason = refused.get(int(self.pairs.ours[i]))
            if reason is not None:
                self._close({i}, "missing_visit", reason, True)

    def _profiles(self) -> None:
        answers = []
        for k, profile in enumerate(profiles()):
            variant = Variant(profile)
            try:
                good = self._explained(settled(self.part, variant, self.names), self.rows)
            except DocumentError:  # a document refuses it
                continue
            if good:
                answers.append((-len(good), k, str(variant), good))
        for _, _, name, good in sorted(answers, key=lambda one: one[:2]):
            self._close(good, "one_fen_rounding", name, True)

    def _orders(self) -> None:
        answers = []
        for k, (name, variant) in enumerate(order_variants(self.part)):
            good = self._explained(settled(self.part, variant, self.names), self.rows)
            answers.append((-len(good), k, name, good))
        for _, _, name, good in sorted(answers, key=lambda one: one[:2]):
            self._close(good, "order", name, True)

    def _catalog(self) -> None:
        at = [k for k, name in enumerate(self.names) if name in NATURES]
        if not at:
            return
        total = self.names.index("medfee_sumamt") if "medfee_sumamt" in self.names else None
        chosen = {
            i for i in self.open if np.abs(self.diff[at, i]).max() > 1 and (total is None or self.diff[total, i] == 0)
        }
        for i in chosen:
            moved = ", ".join(self.names[k] for k in at if self.diff[k, i])
            self._close({i}, "catalog", moved, False)
        if chosen and len(at) == len(NATURES):
            self._with_their_natures(chosen)

    def _with_their_natures(self, chosen: set[int]) -> None:
        """Settle once more with their split of the catalogue visits: what else is theirs then follows from it."""
        gone = np.array(self.pairs.ours_only, np.int64)
        rows = self.rows[~np.isin(self.rows, gone)]
        world = part_of(self.run, rows)
        tables = dict(world.tables)
        place = {int(row): k for k, row in enumerate(rows)}
        visits = tables["visits"]
        given = {place[int(self.pairs.ours[i])]: i for i in chosen}
        whole = [i for i in chosen if all(self.has[self.names.index(name), i] for name in NATURES)]
        for name in NATURES:
            cells: list[int | None] = [None] * len(rows)
            if name in visits.column_names:
                cells = visits[name].to_pylist()
            if any(cell is not None for cell in cells):
                return  # visits that came split in other units are left as they are
            for k, i in given.items():
                if i in whole:
                    cells[k] = int(self.pairs.outside.fen[name][self.pairs.theirs[i]])
            column = pa.array(cells, pa.int64())
            has = name in visits.column_names
            visits = visits.set_column(visits.column_names.index(name), name, column) if has else visits.append_column(name, column)  # fmt: skip
        tables["visits"] = visits
        if "lines" in tables:
            without = np.array([k for k, i in given.items() if i in whole], np.int64)
            keep = np.ones(tables["lines"].num_rows, bool)
            lines, _ = world.index(world.engine.shares).lines_of(without)
            keep[lines] = False
            tables["lines"] = tables["lines"].filter(pa.array(keep))
        answer = settled(Run(world.engine, **tables, state=world.state), Variant(), self.names)
        self._knock_on(self._explained(answer, rows))

    def _carried_in(self) -> None:
        """Use before the first visit that differs: of a counter, of counted stays, of the account. Several that fit are told, none is chosen."""
        firsts = {group: rows[0] for group, rows in self._earlier().items() if rows[0][1] in self.open}
        if not firsts:
            return
        told = Openings(self, firsts).all()
        ours = self.pairs.ours
        for i in sorted(self.open):
            words = told.get(int(self.group[ours[i]]))
            if words:
                cause = "accumulator_carried_in" if len(words) == 1 else "unknown"
                self._close({i}, cause, " | ".join(words), len(words) == 1)

    def _one_fen(self) -> None:
        self._close(
            {i for i in self.open if np.abs(self.diff[:, i]).max() <= 1}, "one_fen_rounding", "within_one_fen", False
        )

    # ------------------------------------------------------------------ what follows from earlier visits

    def _earlier(self) -> dict[int, list[tuple[int, int]]]:
        """Differing rows of ours by group, in settling order, with the matched visit (-1 ours only)."""
        out: dict[int, list[tuple[int, int]]] = {}
        every = [(int(self.pairs.ours[i]), i) for i in {*self.found.both, *self.open}]
        every += [(row, -1) for row in self.pairs.ours_only]
        for row, i in sorted(every, key=lambda one: int(self.place[one[0]])):
            out.setdefault(int(self.group[row]), []).append((row, i))
        return out

    def _knock_on(self, good: set[int]) -> None:
        """Visits whose figures a settlement explains in which earlier ones were changed."""
        earlier = self._earlier()
        for i in sorted(good & self.open):
            row = int(self.pairs.ours[i])
            first = earlier[int(self.group[row])][0][0]
            if first != row:
                self._close({i}, "knock_on", str(self.pairs.ids[first]), True)

    def _presumed(self) -> None:
        """After a visit that only they have, or one without a known cause, nothing can be settled: later ones are put down to it."""
        strangers = self._strangers()
        for group, rows in self._earlier().items():
            first = strangers.get(group, "")
            for row, i in rows:
                if i in self.open:
                    if first:
                        self._close({i}, "knock_on", first, False)
                    else:
                        first = str(self.pairs.ids[row])

    def _strangers(self) -> dict[int, str]:
        """Group → the first visit of theirs alone; the ledger has to say whose it is."""
        people = self.pairs.outside.people
        out: dict[int, str] = {}
        if people is None or not self.pairs.theirs_only:
            return out
        group = dict(zip(id_texts(ids_of(self.run.tables["visits"], "psn_no")), self.group.tolist()))
        for row in self.pairs.theirs_only:
            if people[row] in group:
                out.setdefault(group[people[row]], self.pairs.outside.ids[row])
        return out
