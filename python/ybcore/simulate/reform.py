"""Reforms: new books, catalogues and rule sets from old ones, listed figure by figure, and who reads what they change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ..catalog import Catalog
from ..errors import DocumentError, InputError, Problem
from ..policy import Book, Policy, load_policy
from ..policy.canonical import canonical_bytes, canonical_value, sha256_of
from ..policy.faults import Fault, problem_at, unknown
from ..policy.numbers import date_text
from ..policy.paths import RawPath, path_text
from ..policy.reader import Parsed
from .changes import Change, applied
from .listing import Listing
from .places import NoPlaceError, below, node
from .readers import Readers
from .rulebooks import Docket

if TYPE_CHECKING:
    from ..checks import RuleBook
    from ..engine import Engine, Settlement

_NAMED = ("id", "effective")  # what tells documents apart that say the same
__all__ = ["Reform", "Reformed", "Step", "changed", "differences", "meant", "reformed"]

_SCHEMA = pa.schema(
    [
        ("reform", pa.string()), ("change", pa.int32()), ("policy_id", pa.string()), ("scheme", pa.string()), ("path", pa.string()), ("from", pa.date32()),
        ("unit", pa.string()), ("before", pa.string()), ("after", pa.string()), ("before_value", pa.int64()), ("after_value", pa.int64()),
        ("cite", pa.string()), ("item", pa.string()), ("rule", pa.string()),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Reform:
    """Changes of policy documents, of a catalogue and of rules under one name. `start`: days since 1970-01-01, None for their whole life."""

    id: str
    changes: tuple[Change, ...]
    start: int | None = None
    name: tuple[str, str] = ("", "")
    source: str = ""
    parsed: Parsed | None = None

    @staticmethod
    def of(id: str, changes: Iterable[Mapping[str, Any]], *, start: str | None = None, **named: Any) -> Reform:
        """A reform from Python: changes as the document writes them. Raises DocumentError with everything that is wrong.

        Numbers are int, Decimal, Fraction or text, never float.
        """
        from .document import reform_of

        return reform_of({"id": id, "changes": [dict(change) for change in changes], "from": start, **named})

    @property
    def sha256(self) -> str:
        """Hash of what it does: id, date and changes."""
        day = None if self.start is None else date_text(self.start)
        held = {"id": self.id, "from": day, "changes": [_plain(change.canonical) for change in self.changes]}
        return sha256_of(canonical_bytes(held))

    def problem(self, change: Change, fault: Fault) -> Problem:
        """What is wrong with a change, where it stands."""
        loc: RawPath = ("changes", change.number)
        if self.parsed is not None:
            return problem_at(self.parsed, loc, fault)
        return fault.problem(path=f"{self.id}.{path_text(loc)}")


def _plain(value: Any) -> Any:
    """Data that JSON holds exactly: numbers become the text that is written for them."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, str)) else str(value)


@dataclass(frozen=True)
class Step:
    """One document that a change made from another."""

    reform: Reform
    change: Change
    before: Policy
    after: Policy
    start: int
    path: RawPath


@dataclass(frozen=True)
class Reformed:
    """A book after reforms, and the catalogue and rule set where they were given. `before` is the book they were applied to; the same object as
    `book` when nothing changed, and so are catalogue and rules."""

    before: Book
    book: Book
    reforms: tuple[Reform, ...]
    steps: tuple[Step, ...]
    listing: Listing | None = None
    docket: Docket | None = None
    catalog: Catalog | None = None
    rules: RuleBook | None = None

    @property
    def sha256(self) -> str:
        """Hash of the old book, catalogue and rules where these were given, and of every reform, in order."""
        given = [] if self.listing is None else [self.listing.before.hash]
        given += [] if self.docket is None else [self.docket.before.sha256]
        return sha256_of("\n".join([self.before.sha256, *given, *(reform.sha256 for reform in self.reforms)]).encode())

    def table(self) -> pa.Table:
        """Every scalar that differs, one row each, by change (docs/simulation.md section 1)."""
        rows = [row for step in self.steps for row in differences(step)]
        for held in (self.listing, self.docket):
            rows += [] if held is None else held.rows
        place = {reform.id: at for at, reform in reversed(list(enumerate(self.reforms)))}
        rows.sort(key=lambda row: (place[row["reform"]], row["change"]))
        return pa.Table.from_pylist(rows, schema=_SCHEMA)

    def reads(
        self,
        engine: Engine,
        tables: Mapping[str, Any],
        *,
        unread: bool = False,
        beside: Mapping[str, Any] | None = None,
    ) -> pa.Table:
        """`table()` with `visits_read` and `lines_read`; `engine` settles under the old book. Raises InputError for a change that nobody reads.

        `tables`: visits, lines, persons, … by name, as `Engine.settle` takes them; `beside`: further tables that rules look at.
        """
        from ..engine import Engine

        held = self.table()
        now = _read(engine.figures_read(**tables))
        new = Engine(self.book, self.catalog or engine.catalog, threads=engine.threads)
        then = _read(new.figures_read(**tables))
        others = [row for row in held.to_pylist() if row["policy_id"] is None]
        found = iter(Readers(self, engine, new, tables, beside or {}).of(others)) if others else iter(())
        counts, lines = [], []
        for row in held.to_pylist():
            if row["policy_id"] is None:
                visits, own = next(found)
                counts.append(visits)
                lines.append(own)
                continue
            lines.append(None)
            side = now if row["after"] is None else then
            places, documents = side
            at = (row["policy_id"] if row["after"] is not None else self._from(row), row["path"])
            counts.append(places.get(at, 0) if row["unit"] else documents.get(at[0], 0))
        out = held.append_column("visits_read", pa.array(counts, pa.int64()))
        out = out.append_column("lines_read", pa.array(lines, pa.int64()))
        if not unread:
            self._all_read(out)
        return out

    def _from(self, row: dict[str, Any]) -> str:
        """The old document of a row."""
        return next(step.before.id for step in self.steps if step.after.id == row["policy_id"])

    def _all_read(self, rows: pa.Table) -> None:
        problems = []
        for reform in self.reforms:
            for change in reform.changes:
                mine = rows.filter(
                    pc.and_(pc.equal(rows["reform"], reform.id), pc.equal(rows["change"], change.number))
                )
                reads = [pc.sum(mine[name]).as_py() for name in ("visits_read", "lines_read")]
                if len(mine) and not any(reads):
                    some = mine.slice(0, 3).to_pylist()
                    named = ", ".join(
                        f"{row['policy_id'] or row['item'] or row['rule']}: {row['path']}" for row in some
                    )
                    what, zh = f"no visit reads what this changes ({named})", f"没有一笔结算读到所改的数值（{named}）"
                    problems.append(reform.problem(change, Fault(what, zh, "visits that read it, or unread=True", "有就诊读到该数值，或 unread=True")))  # fmt: skip
        if problems:
            raise InputError(problems)


def reformed(
    book: Book, reforms: Iterable[Reform], *, catalog: Catalog | None = None, rules: RuleBook | None = None
) -> Reformed:
    """A book after reforms, in order, and the catalogue and rule set that they change.

    Raises DocumentError: unknown documents, items, rules and paths, changes that cannot be made, wrong documents.
    """
    given = tuple(reforms)
    problems: list[Problem] = []
    steps: list[Step] = []
    listing = None if catalog is None else Listing(catalog)
    docket = None if rules is None else Docket(rules)
    policies = {policy.id: policy for policy in book}
    for reform in given:
        for change in reform.changes:
            try:
                if change.of_catalog:
                    _there(listing, "items", "catalog").apply(reform, change)
                elif change.rule or change.rules:
                    _there(docket, "rules", "rules").apply(reform, change)
                else:
                    for step in _steps(policies, reform, change):
                        steps.append(step)
                        _put(policies, step)
            except NoPlaceError as error:
                problems.append(reform.problem(change, error.fault))
            except DocumentError as error:
                problems.extend(error.problems)
    if problems:
        raise DocumentError(problems)
    same = {policy.sha256 for policy in book} == {policy.sha256 for policy in policies.values()}
    made = None if listing is None else listing.made()
    after = None if docket is None else docket.made()
    return Reformed(book, book if same else Book(policies.values()), given, tuple(steps), listing, docket, made, after)


def _there(held: Any, what: str, name: str) -> Any:
    """What is changed beside the book. Raises NoPlaceError where it was not given."""
    if held is None:
        zh = "目录" if name == "catalog" else "规则"
        raise NoPlaceError(Fault(f"{what} are changed, and no {name} was given", f"改动了{zh}，但未给出", f"reformed(book, reforms, {name}=…)"))  # fmt: skip
    return held


def meant(policies: Mapping[str, Policy], reform: Reform, change: Change) -> list[Policy]:
    """Documents that a change is about. Raises NoPlaceError."""
    if not change.policies and not change.scheme:
        raise NoPlaceError(Fault("items and rules are no documents", "目录项目与规则不是文件", "policy or scheme", "policy 或 scheme"))  # fmt: skip
    schemes = list(dict.fromkeys(policy.scheme.id for policy in policies.values()))
    if change.scheme and change.scheme not in schemes:
        raise NoPlaceError(unknown("scheme", "方案", change.scheme, schemes))
    for name in change.policies:
        if name not in policies:
            raise NoPlaceError(unknown("policy", "政策文件", name, policies))
    # Parts that reforms cut off go by the name of their document too.
    out = [
        policy
        for policy in policies.values()
        if policy.scheme.id == change.scheme
        or any(policy.id == name or policy.id.startswith(f"{name}+") for name in change.policies)
    ]
    if reform.start is None:
        return out
    out = [policy for policy in out if policy.effective[1] is None or policy.effective[1] > reform.start]
    if not out:
        day = date_text(reform.start)
        raise NoPlaceError(Fault(f"no document holds on {day} or later", f"没有在 {day} 及以后有效的文件"))
    return out


def _steps(policies: Mapping[str, Policy], reform: Reform, change: Change) -> list[Step]:
    out, missing = [], []
    documents = meant(policies, reform, change)
    for policy in documents:
        try:
            raw, path = applied(policy, change)
        except NoPlaceError as error:
            missing.append(error)
            continue
        start, end = policy.effective
        cut = reform.start is not None and start < reform.start
        if cut:
            assert reform.start is not None
            raw["id"] = f"{policy.id}+{reform.id}"
            raw["effective"] = {"from": date_text(reform.start), **({} if end is None else {"to": date_text(end)})}
        after = load_policy(raw)
        begin = reform.start if cut and reform.start is not None else start
        if not _same(policy, after):
            out.append(Step(reform, change, policy, after, begin, path))
    if missing and (len(missing) == len(documents) or change.policies):
        raise missing[0]
    return out


def _same(before: Policy, after: Policy) -> bool:
    """Whether two documents say the same, but for their ids and dates."""
    if before.id == after.id:
        return before.sha256 == after.sha256
    one, two = (
        {k: v for k, v in canonical_value(policy.model).items() if k not in _NAMED} for policy in (before, after)
    )
    return one == two


def _put(policies: dict[str, Policy], step: Step) -> None:
    """The new document in the place of the old one, which ends where it was cut."""
    if step.after.id == step.before.id:
        policies[step.before.id] = step.after
        return
    raw = step.before.doc
    raw["effective"] = {**raw["effective"], "to": date_text(step.start)}
    policies[step.before.id] = load_policy(raw)
    policies[step.after.id] = step.after


def differences(step: Step) -> list[dict[str, Any]]:
    """Every scalar that a step changed, one row each."""
    sides = []
    for policy in (step.before, step.after):
        doc = policy.doc
        scalars = {path: node(doc, path) for path in below(doc) if path and isinstance(node(doc, path), str)}
        sides.append({path: text for path, text in scalars.items() if path[0] not in ("id", "effective")})
    figures = [{leaf.raw_path: leaf for leaf in policy.figures()} for policy in (step.before, step.after)]
    out = []
    for path in dict.fromkeys([*sides[0], *sides[1]]):
        before, after = sides[0].get(path), sides[1].get(path)
        if before == after:
            continue
        held = [figures[i].get(path) if text is not None else None for i, text in enumerate((before, after))]
        leaf = held[1] or held[0]
        values = [leaf.value if leaf is not None and isinstance(leaf.value, int) else None for leaf in held]
        out.append(
            {
                "reform": step.reform.id,
                "change": step.change.number,
                "policy_id": step.after.id,
                "scheme": step.after.scheme.id,
                "path": path_text(path),
                "from": step.start,
                "unit": "" if leaf is None else leaf.unit,
                "before": before,
                "after": after,
                "before_value": values[0],
                "after_value": values[1],
                "cite": None if leaf is None else leaf.cite,
            }
        )
    return out


def _read(rows: pa.Table) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """(visits by figure, visits by document) of `Engine.figures_read`."""
    places: dict[tuple[str, str], int] = {}
    documents: dict[str, int] = {}
    for row in rows.to_pylist():
        if row["path"]:
            places[row["policy_id"], row["path"]] = row["visits"]
        else:
            documents[row["policy_id"]] = row["visits"]
    return places, documents


def changed(before: Settlement, after: Settlement) -> int:
    """How many visits two settlements of the same visits settle otherwise: outcome, reason or any number."""
    one, two = before.visits, after.visits
    if one.num_rows != two.num_rows or not one["setl_id"].equals(two["setl_id"]):
        raise InputError([Problem(what="these are settlements of other visits", what_zh="两次结算的就诊不同")])
    names = [name for name in one.column_names if name in two.column_names and name not in ("policy_id", "plan_id")]
    differs = pa.array([False] * one.num_rows)
    for name in names:
        a, b = (_text(table[name]) for table in (one, two))
        unequal = pc.fill_null(pc.not_equal(a, b), False)
        differs = pc.or_(pc.or_(differs, unequal), pc.not_equal(pc.is_null(a), pc.is_null(b)))
    return int(pc.sum(differs).as_py() or 0)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
