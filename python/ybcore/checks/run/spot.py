"""A small batch looked at by one native call; its report, whose parts beyond findings and details are made when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import pyarrow as pa

from ... import _core
from ...columns.reader import Plan
from ..book import RuleBook
from .given import TABLES
from .kept import Kept
from .money import Judged
from .report import CheckReport
from .runner import rule_status
from .spot_book import LOOKED_AT, SpotBook
from .spot_rules import told, written
from .work import Work

__all__ = ["Spot", "SpotReport"]

_MOST = 1 << 14  # rows of a table beyond which threads and passes over many rules are faster
_SHAPES = 256  # that are remembered
_made: dict[tuple[str, str], pa.Schema] = {}  # of findings and details: few, ids are narrow or wide
Tables = dict[str, Any]
Skipped = tuple[tuple[str, str | None], ...]
Running = tuple[tuple[bytes, Skipped], tuple[bytes, Skipped], tuple[str, ...]]
Shape = tuple[
    Any, Skipped, Skipped, tuple[str, ...]
]  # how tables are looked at; rules that do not run, with times of day and without; notes


class SpotReport(CheckReport):
    """A report of `_core.SpotDesk`. The batch, what became of the findings and the manifest are made in the way of larger batches when they are asked for."""

    def __init__(self, looked: Any, again: Callable[[], CheckReport], notes: tuple[str, ...], skipped: Skipped, seconds: dict[str, float], book: RuleBook, stage: str) -> None:  # fmt: skip
        self._looked, self._again, self.skipped = looked, again, skipped
        self.notes, self.seconds, self.book, self.stage = notes, seconds, book, stage
        self.unmatched_returns, self.suppressions, self.recovered = looked.lost, [], None

    def __repr__(self) -> str:
        return f"SpotReport(findings={self.findings.num_rows}, stage={self.stage!r})"

    @cached_property
    def _whole(self) -> CheckReport:
        return self._again()

    @property
    def work(self) -> Work:  # type: ignore[override]
        """The batch, made ready for rules."""
        return self._whole.work

    @property
    def judged(self) -> Judged:  # type: ignore[override]
        """The findings by rule."""
        return self._whole.judged

    @property
    def ran(self) -> Callable[[], pa.Table]:  # type: ignore[override]
        """What makes the manifest."""
        return self._whole.ran

    @cached_property
    def findings(self) -> pa.Table:
        """One row a finding."""
        return _table(self._looked.findings(), "findings")

    @cached_property
    def details(self) -> pa.Table:
        """One row a finding and line or visit, in the order of the findings."""
        return _table(self._looked.details(), "details")


def _table(given: Any, name: str) -> pa.Table:
    """A table of the columns; a schema is made once: to make it takes as long as the columns do."""
    key = name, given.formats
    schema = _made.get(key) or _made.setdefault(key, pa.record_batch(given).schema)
    return pa.Table.from_batches([given.batch(pa.RecordBatch._import_from_c, schema)], schema)


class Spot:
    """What looks at the batches of one checker. Threads may share it."""

    def __init__(self, kept: Kept, known_at: int | None, stage: str) -> None:
        self._kept, self._stage = kept, stage
        self._rules = list(kept.book)
        self._shapes: dict[Any, Shape] = {}
        self._plans = [(name, kept.readers[name].plan_of) for name in LOOKED_AT]
        self._book, self._desk = self._made(known_at)

    def _made(self, known_at: int | None) -> tuple[SpotBook, Any]:
        book = SpotBook(self._kept, known_at)
        number = {rule.id: place for place, rule in enumerate(self._rules)}
        related: dict[str, set[str]] = {rule.id: {*rule.excludes, *rule.subsumes} for rule in self._rules}
        for rule in self._rules:
            for other in (*rule.excludes, *rule.subsumes):
                related.setdefault(other, set()).add(rule.id)
        rules = [written(book, rule, number, related[rule.id]) for rule in self._rules]
        return book, _core.SpotDesk(book.made(rules, self._stage != "after"), [told(rule) for rule in self._rules])

    def look(self, tables: Tables) -> tuple[Any, tuple[str, ...], Skipped] | None:
        """(what the rules find, notes on columns, rules that did not run and why); None where this way cannot be taken, and the other tells why or how."""
        if tables["visits"] is None:
            return None
        key: list[Any] = []
        for name, plan_of in self._plans:
            data = tables[name]
            if data is None:
                key.append(None)
                continue
            if not isinstance(data, pa.Table):
                return None
            rows, plan = data.num_rows, plan_of(data.schema)
            if plan is None or rows > _MOST:
                return None
            if (
                name == "lines"
                and (at := data.schema.get_field_index("det_item_fee_sumamt")) >= 0
                and data.column(at).null_count
            ):
                return None  # what such lines come to is unknown
            key += (plan, rows == 0)
        shape, timed, dated, notes = self._shapes.get(tuple(key)) or self._shaped(tuple(key), tables)
        looked = self._desk.look(shape, tuple([tables[name] for name in LOOKED_AT]))
        return None if looked is None else (looked, notes, timed if looked.time_of_day else dated)

    def names(self, looked: Any) -> frozenset[str]:
        """Rules that have or may have findings."""
        return frozenset(self._rules[place].id for place in (*looked.may, *looked.hit))

    def _shaped(self, key: tuple[Any, ...], tables: Tables) -> Shape:
        """How tables of such schemas are looked at; notes on columns."""
        steps = iter(key)
        plans = [(name, plan, next(steps)) for name in LOOKED_AT if (plan := next(steps)) is not None]
        timed, dated, notes = self._found(plans)
        own = {name: (tables[name].schema, self._places(name, plan), empty) for name, plan, empty in plans}
        shape = self._desk.shape([own.get(name) for name in LOOKED_AT], timed[0], dated[0])
        if len(self._shapes) >= _SHAPES:
            self._shapes.clear()
        return self._shapes.setdefault(key, (shape, timed[1], dated[1], notes))

    def _places(self, name: str, plan: Plan) -> list[tuple[int, int, int, int]]:
        """(number of a wanted column, its place in the table, least, most)."""
        table, places, ways = LOOKED_AT.index(name), dict(plan.columns), plan.ways
        mine = [(number, places[column]) for number, (of, column, *_) in enumerate(self._book.columns) if of == table and column in places]  # fmt: skip
        return [(number, place, *ways[place][1:]) for number, place in mine]

    def _found(self, plans: list[tuple[str, Plan, bool]]) -> Running:
        frames: dict[str, Any] = {
            name: _Given(int(not empty), plan.source) for name, plan, empty in plans
        } | self._kept.frames
        notes = {name: plan.notes for name, plan, _ in plans} | {
            name: frame.notes for name, frame in self._kept.frames.items()
        }
        out = []
        for time_of_day in (True, False):
            batch = _Columns(frames, self._kept.catalog, time_of_day)
            states = [(rule.id, *rule_status(batch, rule, self._stage)) for rule in self._rules]
            skipped = tuple((name, why) for name, status, why in states if status == "skipped")
            out.append((bytes(status == "run" for _, status, _ in states), skipped))
        return out[0], out[1], tuple(note for name in TABLES for note in notes.get(name, ()))


class _Given:
    """A table as `missing` looks at it."""

    __slots__ = ("rows", "source")

    def __init__(self, rows: int, source: Any) -> None:
        self.rows, self.source = rows, source


class _Columns:
    """The columns of some tables."""

    def __init__(self, frames: dict[str, Any], catalog: Any, time_of_day: bool) -> None:
        self._frames, self.catalog, self.time_of_day = frames, catalog, time_of_day

    def frame(self, name: str) -> Any:
        """A table that was given, else None."""
        return self._frames.get(name)
