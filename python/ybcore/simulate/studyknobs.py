"""What the sweeps and targets of a study turn: where it stands, whether the documents have it, whether anybody reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import pyarrow.compute as pc

from ..catalog import Catalog
from ..engine import Engine
from ..errors import DocumentError, InputError, Problem
from ..policy import Book
from ..policy.faults import Fault
from ..policy.paths import RawPath
from .knobs import Knob
from .reform import Reformed, reformed
from .study import Study

__all__ = ["knobs_of", "misplaced", "unread"]


def knobs_of(study: Study) -> list[tuple[RawPath, str, Any]]:
    """Every knob: where it stands, the policy that it is turned on, and what is written."""
    model = study.model
    held: list[tuple[RawPath, str, Any]] = [
        (("sweeps", i, "knobs", j), row.on, knob) for i, row in enumerate(model.sweeps) for j, knob in enumerate(row.knobs)
    ]  # fmt: skip
    held += [(("targets", i, "knob"), row.on, row.knob) for i, row in enumerate(model.targets)]
    return held


def misplaced(study: Study, book: Book, policies: dict[str, Reformed], catalog: Catalog | None) -> Iterator[Problem]:
    """Knobs at places that the documents do not have."""
    for loc, on, node in knobs_of(study):
        own = policies.get(on)
        mine = book if own is None else own.book
        beside = (catalog, study.rules) if own is None else (own.catalog or catalog, own.rules or study.rules)
        try:
            _turned(node.knob(), mine, *beside)
        except (DocumentError, InputError) as error:
            yield from study.placed((*loc, "path"), error.problems)


def unread(
    study: Study,
    engine_on: Callable[[str], Engine],
    rules_on: Callable[[str], Mapping[str, Any]],
    tables: Mapping[str, Any],
    tell: Callable[[int, int], None],
) -> Iterator[Problem]:
    """Knobs whose figures no visit and no line reads. `engine_on`, `rules_on`: a policy's engine; its rules and the tables beside them."""
    held = knobs_of(study)
    known: dict[tuple[str, str], bool] = {}
    for done, (loc, on, node) in enumerate(held, 1):
        engine, ruled = engine_on(on), rules_on(on)
        changed = _turned(node.knob(), engine.book, engine.catalog, ruled["rules"])
        key = (on, changed.sha256)
        if key not in known:
            rows = changed.reads(engine, tables, unread=True, beside=ruled["beside"])
            known[key] = not rows.num_rows or any(pc.sum(rows[name]).as_py() for name in ("visits_read", "lines_read"))
        if not known[key]:
            what, zh = "no visit reads what this turns", "没有一笔结算读到所调整的数值"
            yield study.problem((*loc, "path"), Fault(what, zh, "visits that read it, or unread: true", "有就诊读到该数值，或 unread: true"))  # fmt: skip
        tell(done, len(held))


def _turned(knob: Knob, book: Book, catalog: Catalog | None, rules: Any) -> Reformed:
    """The documents under the first value of a knob that changes them, else under its last."""
    scale = knob.scale(book, catalog, rules)
    values: tuple[Fraction, ...] = (scale[0], scale[len(scale) - 1])
    first, last = (reformed(book, [knob.reform(value)], **knob.beside(catalog, rules)) for value in values)
    return first if first.table().num_rows else last
