"""The rows of a rule that is asked many times: chosen once, and then only those of the units that were hit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .rule import Rule
from .run.found import Raw
from .run.time_rules import OF_VISITS
from .run.work import Chosen, Work

__all__ = ["Inside", "Picked", "unit_of"]

Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Unit = tuple[str, ...]


class Picked(Work):
    """A batch made ready whose rows are chosen once for a rule, or only among some lines and visits.

    What is read for a rule is kept until `done`; `size` is how many rows it looks at.
    """

    def __init__(self, work: Work, lines: Mask | None = None, visits: Mask | None = None) -> None:
        self.__dict__.update(work.__dict__)
        self._held: dict[Any, Chosen] = {}
        self._of_rule: dict[str, Any] = {}
        self._of_lines, self._of_visits = lines, visits
        self._inside: Inside | None = None
        self._near: tuple[Mask, Any] | None = None
        self._asked = 0

    def lines(self, rule: Rule, given: bool = False, among: Any = None) -> Chosen:
        """As `Work.lines`."""
        if among is not None:
            return super().lines(rule, given, among)
        if given not in self._held:
            rows = None if self._of_lines is None else _kept(self.order if given else self.rows, self._of_lines)
            self._held[given] = super().lines(rule, given, rows)
        return dataclasses.replace(self._held[given])

    def visits(self, rule: Rule) -> Chosen:
        """As `Work.visits`."""
        if "visits" not in self._held:
            found = super().visits(rule)
            if self._of_visits is not None:
                rows = _kept(found.rows, self._of_visits)
                found = Chosen(rows, None, len(rows), 0)
            self._held["visits"] = found
        return dataclasses.replace(self._held["visits"])

    def narrowed(self, visit: Int64) -> Mask | None:
        """As `Work.narrowed`."""
        if self._inside is None:
            return None
        keep = self._inside(visit, "visits")
        self._asked = int(np.count_nonzero(keep))
        return keep

    def of_rule(self, name: str, make: Callable[[], Any]) -> Any:
        """As `Work.of_rule`: made once."""
        if name not in self._of_rule:
            self._of_rule[name] = make()
        return self._of_rule[name]

    def only(self, inside: Inside) -> Picked:
        """The same, of the chosen rows that are of some units."""
        out = Picked(self)
        out._of_rule, out._inside = self._of_rule, inside
        out._held = {
            key: chosen.only(inside(chosen.rows, "visits" if key == "visits" else "lines"))
            for key, chosen in self._held.items()
        }
        return out

    @property
    def size(self) -> int:
        """Rows that are looked at."""
        return sum(len(chosen.rows) for chosen in self._held.values()) + self._asked

    # --- what is read again and again

    def lines_of(self, visits: Mask) -> Any:
        """As `Work.lines_of`; harder values mostly ask for fewer visits."""
        if self._near is None or (visits & ~self._near[0]).any():
            self._near = visits, super().lines_of(visits)
        mine, rows = self._near
        return rows if np.array_equal(mine, visits) else rows[visits[self.batch.line_visit[rows]]]

    def prices(self, rows: Any) -> Int64:
        """As `Work.prices`."""
        found: Int64 = self.at(self.column("pric"), rows)
        return found

    def let_go(self) -> None:
        """Nothing is let go before the last value."""

    def done(self) -> None:
        """Lets go what no other rule needs."""
        super().let_go()
        frame = self.batch.frame("lines")
        if frame is not None:
            frame.forget("pric")


def _kept(rows: Any, mask: Mask) -> Any:
    return rows[mask[rows]]


# --- units ------------------------------------------------------------------------------------------------------------


def unit_of(rule: Rule) -> Unit:
    """What a kernel judges by itself, as columns of its rows: no other row has a say in its findings. Empty: everything together."""
    check, kernel, form = rule.check, rule.kernel, rule.form
    if kernel == "K02":
        return ("visit",) if check.key == "operation" else ("line",)
    if kernel == "K06":
        of_visit = check.group == "visit" or (check.subject == "visit" and check.group != "stay")
        return ("visit" if of_visit else "person", *(("item",) if check.combine == "item" else ()))
    if kernel == "K07":
        if check.subject in ("doctor", "institution"):
            return (check.subject,)
        of_item = check.subject == "person_item" and check.measure not in OF_VISITS
        return ("person", "item") if of_item else ("person",)
    if kernel == "K10":
        if form == "course" and check.by != "item":
            return ("person",)
        return {"daily_dose": ("line",), "prescription_days": ("visit", "item")}.get(form, ("person", "item"))
    if kernel == "K15":
        return {"sum": ("visit",), "product": ("line",)}.get(form, ())
    if kernel == "user":
        return ("visit",) if rule.function is not None and rule.function.on == "visits" else ("line",)
    return {"K05": ("person",), "K09": ("line",), "K12": ("visit",), "K14": ("institution", "item")}.get(kernel, ())


class Inside:
    """Whether rows are of the units of which some findings have rows."""

    def __init__(self, work: Work, unit: Unit, raw: Raw) -> None:
        self._work, self._unit = work, unit
        event = np.unique(raw.found["event"])
        row = raw.rows[event].astype(np.int64)
        of_line = np.full(len(row), raw.on == "lines") if raw.of_line is None else raw.of_line[event]
        parts = [self._columns(row[own], on) for own, on in ((of_line, "lines"), (~of_line, "visits")) if own.any()]
        found = [np.concatenate(columns) for columns in zip(*parts)] or [np.zeros(0, np.int64)] * len(unit)
        self._masks = []
        for name, values in zip(unit, found):
            mask = np.zeros(self._width(name), bool)
            mask[values] = True
            self._masks.append(mask)
        self._keys = np.unique(self._key(found)) if len(unit) > 1 else None

    def __call__(self, rows: Any, on: str) -> Mask:
        """Of each line or visit (`on`)."""
        columns = self._columns(rows, on)
        keep: Mask = self._masks[0][columns[0]]
        if self._keys is None:
            return keep
        keep &= self._masks[1][columns[1]]
        at = np.flatnonzero(keep)
        key = self._key([column[at] for column in columns])
        place = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        keep[at] = self._keys[place] == key
        return keep

    def _width(self, name: str) -> int:
        batch = self._work.batch
        ids = {"person": "psn_ids", "item": "item_ids", "doctor": "doctor_ids", "institution": "hospital_ids"}
        if name in ids:
            return len(getattr(batch, ids[name])) + 1
        return (len(batch.line_visit) if name == "line" else batch.visits.rows) + 1

    def _key(self, columns: list[Any]) -> Int64:
        key: Int64 = columns[0].astype(np.int64) * self._width(self._unit[1]) + columns[1]
        return key

    def _columns(self, rows: Any, on: str) -> list[Any]:
        return [self._column(name, rows, on) for name in self._unit]

    def _column(self, name: str, rows: Any, on: str) -> Any:
        work, batch = self._work, self._work.batch
        if name == "line":
            return rows
        if name == "item":
            return work.at(batch.item, rows)
        if name == "doctor":
            return work.at(batch.doctor if on == "lines" else batch.attending, rows)
        visit = work.at(batch.line_visit, rows) if on == "lines" else rows
        if name == "visit":
            return visit
        return work.at(batch.psn if name == "person" else batch.hospital, visit)
