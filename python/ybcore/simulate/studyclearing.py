"""The clearing that a study asks for, done: read, checked, cleared under every policy, its knobs turned (docs/simulation.md section 9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..clearing import Cleared, ClearingBook
from ..clearing.readers import read_rows, steps_between, unread_changes
from ..clearing.reforms import reformed
from ..engine import Engine
from ..errors import DocumentError, InputError, Problem
from ..policy.canonical import sha256_of
from ..policy.inventory import scalar_text
from ..policy.paths import RawPath
from ..receipts.files import sha256_of_file
from .comparison import BASE
from .study import Study
from .studyalone import alone, engine_of
from .studyclear import Providers, Turned, book_of, budgets_held, settled_cases, tables_of
from .studyinputs import told_from

if TYPE_CHECKING:
    from .reform import Reformed
    from .studyinputs import Given

__all__ = ["ClearedUnder", "check_clearing", "cleared_under", "turned_rows"]

_CHANGES = pa.schema(
    [
        *((name, pa.string()) for name in ("reform", "policy_id", "scheme", "path")), ("from", pa.date32()), *((name, pa.string()) for name in ("unit", "before", "after")),
        ("before_value", pa.int64()), ("after_value", pa.int64()), ("cite", pa.string()),
        ("cases_read", pa.int64()), ("units_read", pa.int64()),
    ]
)  # fmt: skip
_TARGETS = pa.schema(
    [*((name, pa.string()) for name in ("target", "on", "knob", "measure")), *((name, pa.int64()) for name in ("goal_fen", "reached_fen")),
     *((name, pa.decimal128(38, 6)) for name in ("value", "low", "high")), *((name, pa.int64()) for name in ("at_low_fen", "at_high_fen", "looked"))]
)  # fmt: skip


@dataclass
class ClearedUnder:
    """Providers under every policy of a study, and the files that were read."""

    study: Study
    providers: Providers
    files: list[tuple[str, Path, int | None]]
    tables: dict[str, pa.Table] = field(default_factory=dict)

    def facts(self, root: Path) -> list[dict[str, Any]]:
        """Every file with its hash."""
        documents = [("clearing", Path(document.file), None) for document in self.providers.book]
        return [{"name": name, "path": told_from(path, root), "sha256": sha256_of_file(path), "rows": rows} for name, path, rows in [*documents, *self.files]]  # fmt: skip

    def told(self) -> dict[str, Any]:
        """What the receipt says: the documents, and the town where there is one."""
        asked, book = self.study.model.clearing, self.providers.book
        assert asked is not None
        synth = asked.inputs.synth
        return {
            "sha256": book.sha256,
            "documents": [{"id": document.id, "sha256": document.sha256} for document in book],
            "synth": None if synth is None else synth.model_dump(mode="json"),
        }

    def sha256(self, policy: str) -> str:
        """Hash of the documents and of the reforms of them under a policy."""
        return hash_under(self.study, self.providers.book, policy)


def hash_under(study: Study, book: ClearingBook, policy: str) -> str:
    """Hash of clearing documents and of the reforms of them under a policy."""
    held = study.alternatives_of_clearing[policy]
    return sha256_of("\n".join([book.sha256, *(reform.sha256 for reform in held)]).encode())


def check_clearing(study: Study) -> Iterator[Problem]:
    """What is wrong with documents, reforms and knobs of clearing, as far as it shows without cases."""
    if study.model.clearing is None:
        return
    try:
        held = Providers(book_of(study), {}, study.alternatives_of_clearing, lambda policy: pa.table({}))
    except DocumentError as error:
        yield from error.problems
        return
    wrong: list[Problem] = []
    books = {}
    for name, reforms in held.reforms.items():
        try:
            books[name] = reformed(held.book, [reform.reform for reform in reforms])
        except DocumentError as error:
            wrong += error.problems
    yield from wrong
    asked = study.model.clearing
    knobs: list[tuple[RawPath, str, Any]] = [(("clearing", "sweeps", i, "knobs", j), row.on, node) for i, row in enumerate(asked.sweeps) for j, node in enumerate(row.knobs)]  # fmt: skip
    knobs += [(("clearing", "targets", i, "knob"), row.on, row.knob) for i, row in enumerate(asked.targets)]
    for loc, on, node in knobs:
        if on not in books or node.pool is not None:
            continue
        try:
            scale = node.knob().scale(books[on])
            reformed(books[on], node.knob().reform(scale[0]))
        except (DocumentError, InputError) as error:
            yield from study.placed((*loc, "path"), error.problems)


def cleared_under(
    study: Study, engine: Engine, given: Given, alternatives: dict[str, Reformed], threads: int | None
) -> ClearedUnder:
    """Everything read, and cleared under every policy. Raises DocumentError, InputError."""
    book = book_of(study)
    tables, files = tables_of(study)
    groups_of, own = tables.pop("groups_of", None), tables.pop("cases", None)
    known: dict[str, pa.Table] = {}

    def cases(policy: str) -> pa.Table:
        if groups_of is None:
            return own
        # Policies that settle alike have the same cases.
        reforms = study.alternatives.get(policy, ())
        key = "\n".join(reform.sha256 for reform in reforms)
        if key not in known:
            held = None if policy == BASE else alternatives[policy]
            mine = engine if held is None else engine_of(engine, held)
            rules = study.rules if held is None else held.rules
            done, _ = alone(mine, given, rules, receipt=False)
            known[key] = settled_cases(study, done.visits, given.tables, groups_of, book)
        return known[key]

    out = ClearedUnder(study, Providers(book, tables, study.alternatives_of_clearing, cases, threads), files)
    if study.clearing:
        out.tables["clearing-changes"] = changes(study, out.providers)
    out.tables.update(out.providers.tables())
    return out


def changes(study: Study, providers: Providers) -> pa.Table:
    """What each reform of the package changes, scalar by scalar, and how many cases and units read it; budgets too.

    Raises InputError for changes that no case and no unit reads, unless the study says `unread`.
    """
    rows: list[dict[str, Any]] = []
    problems: list[Problem] = []
    before, old = providers.of(BASE), providers.given.get("budgets")
    for at, held in enumerate(study.clearing):
        book, budgets = providers.terms(study.clearing[: at + 1])
        after = providers.clear(BASE, book, budgets)
        found = read_rows(before, after)
        problems += unread_changes(steps_between(before, after), found)
        rows += [{name: row[name] for name in _CHANGES.names} for row in found]
        moved = list(_budgets(held.id, old, budgets, after))
        if moved and not any(row["cases_read"] for row in moved):
            named = ", ".join(row["path"] for row in moved[:3])
            what, zh = f"no case is paid from the budgets that reform {held.id} changes ({named})", f"没有病例由改革 {held.id} 所改的预算支付（{named}）"  # fmt: skip
            problems.append(Problem(what=what, what_zh=zh, path=f"{held.id}.budgets", expected="pools and periods that have cases, or unread: true", expected_zh="有病例的预算与期间，或 unread: true"))  # fmt: skip
        rows += moved
        before, old = after, budgets
    if problems and not study.model.unread:
        raise InputError(problems)
    return pa.Table.from_pylist(rows, schema=_CHANGES)


def _budgets(reform: str, before: Any, after: Any, done: Cleared) -> Iterator[dict[str, Any]]:
    cases = {(row["pool"], row["period"]): row["cases"] for row in done.pools.to_pylist()}
    if before is after or after is None:
        return
    held = [{(row["pool"], row["period"]): row["budget"] for row in budgets_held(table).to_pylist()} for table in (before, after)]  # fmt: skip
    for key, fen in held[1].items():
        if held[0][key] != fen:
            values = {"before_value": held[0][key], "after_value": fen}
            texts = {"before": scalar_text(_yuan(held[0][key])), "after": scalar_text(_yuan(fen))}
            yield {
                "reform": reform,
                "policy_id": "budgets",
                "path": " ".join(key),
                "unit": "fen",
                **texts,
                **values,
                "cases_read": cases.get(key, 0),
            }


def _yuan(fen: int) -> Any:
    return Fraction(fen, 100)


def turned_rows(found: list[Turned]) -> pa.Table:
    """Targets that were met, with the two neighbours that prove each."""
    rows = []
    for held in found:
        (low, at_low), (high, at_high) = held.proof
        value, one, two = (Decimal(scalar_text(each)) for each in (held.value, low, high))
        rows.append({"target": held.node.id, "on": held.node.on, "knob": held.node.knob.called, "measure": held.node.measure, "goal_fen": held.goal,
                     "reached_fen": held.at, "value": value, "low": one, "high": two, "at_low_fen": at_low, "at_high_fen": at_high, "looked": held.looked})  # fmt: skip
    return pa.Table.from_pylist(rows, schema=_TARGETS)
