"""Alternatives with their catalogues and rule sets: what the lines of the batch come to under each, once (docs/simulation.md section 3)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..catalog import Catalog
from ..columns.ids import flat
from ..engine import Engine
from ..errors import InputError, Problem
from ..policy import Book
from ..policy.compile import CompiledBook
from ..settling.editions import NOTHING, Edition
from ..settling.job import Job
from .reform import Reformed

if TYPE_CHECKING:
    from ..checks import RuleBook
    from ..settling.panel import Panel
    from .listing import Listing

__all__ = ["Alternative", "Meant", "Staging", "meant", "wrong_kind"]

Int64 = npt.NDArray[np.int64]
Alternative = Book | Reformed | Engine | tuple[Book, Catalog]
MOST_BYTES = 1 << 27  # of natures that are kept for later policies


@dataclass(frozen=True)
class _Denied:
    """What a rule set takes out of the lines of a batch. `visit`: whose lines, rising."""

    report: Any
    moved: Any
    visit: Int64

    def lines(self, visit: Int64 | None = None) -> dict[str, Any]:
        """The lines of some visits (all) as they are settled."""
        from ..checks.run.moved import some_rows, split_lines

        batch = self.report.work.batch
        frame, rows = batch.frames["lines"], np.arange(len(batch.line_visit))
        if visit is not None:
            mine = np.zeros(batch.visits.rows, bool)
            mine[visit] = True
            rows = np.flatnonzero(mine[batch.line_visit])
            frame = some_rows(frame, rows)
        setl_id = flat(batch.visits.ids["setl_id"]).combine_chunks()
        own = pa.chunked_array([setl_id.take(pa.array(batch.line_visit[rows]))])
        return split_lines(frame, own, self.moved.among(rows)).table


class Staging:
    """What a panel's batch comes to under catalogues and rule sets. `lines`: how many lines were priced for it so far."""

    def __init__(self, panel: Panel, tables: Mapping[str, Any], beside: Mapping[str, Any]) -> None:
        self._panel, self._tables, self._beside = panel, tables, beside
        self._catalogs: OrderedDict[str, Edition] = OrderedDict()
        self._both: OrderedDict[tuple[str, str], Edition] = OrderedDict()
        self._last: tuple[Catalog | None, RuleBook, _Denied] | None = None
        self._keys: WeakKeyDictionary[Catalog, str] = WeakKeyDictionary()
        self.lines = 0

    def edition(self, catalog: Catalog | None, rules: RuleBook | None, listing: Listing | None = None) -> Edition:
        """Natures under a catalogue and a rule set, as far as they are not those of the panel's own catalogue without rules.

        `listing`: how the catalogue was made, where it was made from another.
        """
        own = self._panel.job.catalog
        listed = NOTHING
        near = listing if listing is not None and listing.before is own else None
        key = "" if catalog is None or catalog is own else self._key(catalog, near)
        if key and catalog is not None:
            items = None if near is None else near.items
            listed = self._kept(self._catalogs, key, lambda: self._panel.editions.catalog(catalog, items))
        if rules is None or self._panel.job.lines is None or catalog is None:
            return listed
        return self._kept(self._both, (key, rules.sha256), lambda: self._denied_over(catalog, rules, listed))

    def _key(self, catalog: Catalog, near: Listing | None) -> str:
        """What tells catalogues apart: what was changed of the batch's own, else all that they hold."""
        if catalog not in self._keys:
            self._keys[catalog] = catalog.hash if near is None else near.key
        return self._keys[catalog]

    def denied_lines(self, catalog: Catalog | None, rules: RuleBook | None) -> dict[str, Any] | None:
        """All lines as they are settled under a rule set; None where they are settled as they stand."""
        if rules is None or self._panel.job.lines is None:
            return None
        return self._denied(catalog, rules).lines()

    def _denied(self, catalog: Catalog | None, rules: RuleBook) -> _Denied:
        from ..checks.check import check

        if self._last is not None and self._last[0] is catalog and self._last[1] is rules:
            return self._last[2]
        named: dict[str, Any] = {
            name: self._tables.get(name) for name in ("visits", "lines", "persons", "institutions")
        }
        report = check(
            **named, **self._beside, rules=rules, catalog=catalog, stage="during", threads=self._panel.job.threads
        )
        moved = report.denials()
        denied = _Denied(report, moved, np.unique(report.work.batch.line_visit[moved.amount != 0]).astype(np.int64))
        self._last = catalog, rules, denied
        return denied

    def _denied_over(self, catalog: Catalog, rules: RuleBook, listed: Edition) -> Edition:
        denied = self._denied(catalog, rules)
        if not len(denied.visit):
            return listed
        found = self._panel.editions.denied(catalog, denied.visit, denied.lines(denied.visit))
        return found.over(listed)

    def _kept(self, held: OrderedDict[Any, Edition], key: Any, make: Any) -> Edition:
        """Made once; the longest unused are let go beyond a bound."""
        if key not in held:
            made: Edition = make()
            self.lines += made.lines
            held[key] = made
            while len(held) > 1 and sum(e.visit.nbytes + e.natures.nbytes for e in held.values()) > MOST_BYTES:
                held.popitem(last=False)
        held.move_to_end(key)
        return held[key]


@dataclass(frozen=True)
class Meant:
    """What an alternative is settled under."""

    book: Book
    compiled: CompiledBook | None
    catalog: Catalog | None
    rules: RuleBook | None
    listing: Listing | None = None

    def run(self, panel: Panel, staging: Staging) -> tuple[Job, dict[str, Any]]:
        """A run of its own."""
        compiled = CompiledBook(self.book) if self.compiled is None else self.compiled
        return panel.settle(compiled, self.catalog, lines=staging.denied_lines(self.catalog, self.rules))

    def alone(
        self, tables: dict[str, Any], beside: Mapping[str, Any], threads: int, state: Any = None
    ) -> tuple[Job, dict[str, Any]]:
        """A run over other tables. `beside`: what rules look at of these."""
        if self.rules is not None and tables.get("lines") is not None:
            from ..checks.check import check
            from ..checks.settled import lines_left

            named: dict[str, Any] = {n: tables.get(n) for n in ("visits", "lines", "persons", "institutions")}
            report = check(**named, **beside, rules=self.rules, catalog=self.catalog, stage="during", threads=threads)
            tables = {**tables, "lines": lines_left(report)}
        compiled = CompiledBook(self.book) if self.compiled is None else self.compiled
        job = Job(compiled, self.catalog, tables, None, threads)
        return job, job.settle(line_output=False, detail=False, state=state)


def meant(engine: Engine, name: str, alternative: Alternative, rules: RuleBook | None = None) -> Meant:
    """Book, catalogue and rules of an alternative; `rules`: those of one without its own. Raises InputError for what is no alternative."""
    wrong = wrong_kind(name, alternative)
    if wrong is not None:
        raise InputError([wrong])
    if isinstance(alternative, Engine):
        return Meant(alternative.book, alternative._compiled, alternative.catalog, rules)
    if isinstance(alternative, tuple):
        return Meant(alternative[0], None, alternative[1], rules)
    catalog = engine.catalog
    book = alternative.book if isinstance(alternative, Reformed) else alternative
    if isinstance(alternative, Reformed):
        catalog, rules = alternative.catalog or catalog, alternative.rules or rules
    listing = alternative.listing if isinstance(alternative, Reformed) else None
    return Meant(book, engine._compiled if book == engine.book else None, catalog, rules, listing)


def wrong_kind(name: str, held: Any) -> Problem | None:
    """That an alternative is none; None where it is one."""
    pair = isinstance(held, tuple) and len(held) == 2 and isinstance(held[0], Book) and isinstance(held[1], Catalog)
    if pair or isinstance(held, (Book, Reformed, Engine)):
        return None
    what = f"{name!r} is a {type(held).__name__}, not a Book, a Reformed, an Engine or (Book, Catalog)"
    return Problem(what=what, what_zh=f"{name!r} 不是政策、改革或引擎", path="alternatives")
