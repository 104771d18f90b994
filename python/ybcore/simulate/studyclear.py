"""Clearing in a study: what every policy of it owes the providers, who wins, who loses, budgets and points (docs/simulation.md section 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import islice, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from .. import io
from ..clearing import Cleared, ClearingBook, cases_of, clear, load_clearings
from ..clearing.reforms import compare, measured, reformed
from ..clearing.tables import CLEARING_INPUTS
from ..columns.read import Problems, read
from ..errors import DocumentError, InputError, Problem
from ..policy.canonical import sha256_of
from ..policy.faults import Fault, unknown
from ..policy.inventory import scalar_text
from .comparison import BASE
from .reform import Reform
from .studyclearmodel import BudgetChange, ClearKnobNode, ClearSweepNode, ClearTargetNode

if TYPE_CHECKING:
    from .study import Study

__all__ = ["ClearReform", "Providers", "Turned", "book_of", "budgets_held", "settled_cases", "tables_of"]

MOST = 1_000
"""Combinations of the knobs of a sweep: each clears every case."""
Cases = Callable[[str], pa.Table]


@dataclass(frozen=True)
class ClearReform:
    """A reform of clearing: of documents, of budgets, or of both."""

    reform: Reform
    budgets: tuple[BudgetChange, ...] = ()

    @property
    def id(self) -> str:
        """As written."""
        return self.reform.id

    @property
    def sha256(self) -> str:
        """Hash of what it does."""
        if not self.budgets:
            return self.reform.sha256
        told = [(row.pool, row.period, [(name, str(value)) for name, value in row.way]) for row in self.budgets]
        return sha256_of(repr((self.reform.sha256, told)).encode())


@dataclass(frozen=True)
class Turned:
    """A target that is met: the value that comes nearest, what the measure is there, and two neighbours between which the target lies."""

    node: ClearTargetNode
    goal: int
    value: Fraction
    at: int
    proof: tuple[tuple[Fraction, int], tuple[Fraction, int]]
    looked: int


@dataclass
class Providers:
    """What is cleared under each policy. `cases(policy)`: the cases, those of the tables or those that are settled under it."""

    book: ClearingBook
    given: dict[str, Any]
    reforms: Mapping[str, tuple[ClearReform, ...]]
    cases: Cases
    threads: int | None = None
    base: Cleared | None = None

    def terms(self, reforms: Sequence[ClearReform]) -> tuple[ClearingBook, Any]:
        """(documents, budgets) after reforms. Raises DocumentError, InputError: a pool or period that has no budget."""
        book = reformed(self.book, [held.reform for held in reforms])
        budgets = self.given.get("budgets")
        for held in reforms:
            for change in held.budgets:
                budgets = budgeted(budgets, change, held.id)
        return book, budgets

    def clear(self, policy: str, book: ClearingBook, budgets: Any) -> Cleared:
        """Everything under these documents and budgets, with the cases of a policy."""
        tables = {**self.given, "budgets": budgets}
        return clear(self.cases(policy), book, **tables, threads=self.threads)

    def of(self, policy: str) -> Cleared:
        """Under a policy. The base is kept, as everything is held against it; others are let go, so that memory does not grow with them."""
        if policy == BASE and self.base is not None:
            return self.base
        done = self.clear(policy, *self.terms(self.reforms.get(policy, ())))
        if policy == BASE:
            self.base = done
        return done

    # ------------------------------------------------------------------ tables

    def tables(self) -> Iterator[tuple[str, pa.Table]]:
        """`clearing`, `clearing-hospitals`, `clearing-methods`, `clearing-pools`: every policy, the base first."""
        names = list(self.reforms)
        base = self.of(BASE)
        rows, hospitals, methods, pools = [], [], [], []
        places = _names_of(base)
        for name in names:
            done = self.of(name)
            against = compare(base, done, unread=True).to_pylist()
            rows.append({"policy": name, **_headline(done, against)})
            hospitals += [{"policy": name, "name": places.get(str(row["fixmedins_code"])), **row, "fixmedins_code": str(row["fixmedins_code"])} for row in against]  # fmt: skip
            methods += [{"policy": name, **row} for row in _by_method(done)]
            pools += [{"policy": name, **row} for row in done.pools.to_pylist()]
        yield "clearing", _typed(rows, ("policy",))
        yield "clearing-hospitals", _typed(hospitals, ("policy", "name", "fixmedins_code"))
        yield "clearing-methods", _typed(methods, ("policy", "document", "method", "pays"))
        yield "clearing-pools", _typed(pools, ("policy", "document", "pool", "period"))

    # ------------------------------------------------------------------ knobs

    def turned(self, on: str, nodes: Sequence[ClearKnobNode], values: Sequence[Fraction]) -> tuple[ClearingBook, Any]:
        """(documents, budgets) of a policy with knobs at these values."""
        book, budgets = self.terms(self.reforms.get(on, ()))
        for node, value in zip(nodes, values):
            if node.pool is None:
                book = reformed(book, node.knob().reform(value))
            else:
                text = scalar_text(value)
                change = BudgetChange.model_validate({"pool": node.pool, node.way: text} | ({"period": node.period} if node.period else {}))  # fmt: skip
                budgets = budgeted(budgets, change, node.called)
        return book, budgets

    def scales(self, on: str, nodes: Sequence[ClearKnobNode]) -> list[Sequence[Fraction]]:
        """The values of knobs; each is tried at its ends. Raises DocumentError, InputError."""
        book, _ = self.terms(self.reforms.get(on, ()))
        out: list[Sequence[Fraction]] = []
        for node in nodes:
            held: Sequence[Fraction] = node.knob().scale(book)
            for value in {held[0], held[-1]}:
                self.turned(on, [node], [value])
            out.append(held)
        return out

    def sweep(self, row: ClearSweepNode, tell: Callable[[int, int], None]) -> pa.Table:
        """One row for the policy as it is, then one for each combination, the last knob fastest: every measure, winners and losers against the base."""
        scales = self.scales(row.on, row.knobs)
        points = list(islice(product(*scales), MOST + 1))
        if len(points) > MOST:
            what, zh = f"more than {MOST:,} combinations", f"组合超过 {MOST:,} 个"
            raise InputError([Problem(what=what, what_zh=zh, expected="fewer values", expected_zh="减少取值")])
        base = self.of(BASE)
        out = [self._told(row.knobs, (), self.of(row.on), base)]
        for done, point in enumerate(points, 1):
            out.append(self._told(row.knobs, point, self.clear(row.on, *self.turned(row.on, row.knobs, point)), base))
            tell(done, len(points))
        return _typed(out, (), tuple(node.called for node in row.knobs))

    @staticmethod
    def _told(nodes: Sequence[ClearKnobNode], point: Sequence[Fraction], done: Cleared, base: Cleared) -> dict[str, Any]:  # fmt: skip
        named = {node.called: scalar_text(point[i]) if point else None for i, node in enumerate(nodes)}
        return {**named, **_headline(done, compare(base, done, unread=True).to_pylist())}

    def target(self, row: ClearTargetNode) -> Turned:
        """The value of a knob that comes nearest to a target. Raises InputError where the target is not between the ends, or the measure turns."""
        (scale,) = self.scales(row.on, [row.knob])
        seen: dict[int, int] = {}

        def at(step: int) -> int:
            if step not in seen:
                done = self.clear(row.on, *self.turned(row.on, [row.knob], [scale[step]]))
                seen[step] = measured(done)[row.measure]
            return seen[step]

        goal = measured(self.of(BASE))[row.measure] if row.target is None else round(row.target * 100)
        low, high = 0, len(scale) - 1
        ends = sorted((at(low), at(high)))
        rising = at(high) >= at(low)
        if not ends[0] <= goal <= ends[1]:
            raise _no_way(f"{row.measure} goes from {at(low)} to {at(high)} fen between the ends; {goal} is not between", f"{row.measure} 在两端为 {at(low)} 与 {at(high)} 分，目标 {goal} 不在其间")  # fmt: skip
        while high - low > 1:
            middle = (low + high) // 2
            around = sorted((at(low), at(high)))
            if not around[0] <= at(middle) <= around[1]:
                raise _no_way(f"{row.measure} turns between {scalar_text(scale[low])} and {scalar_text(scale[high])}", f"{row.measure} 在 {scalar_text(scale[low])} 与 {scalar_text(scale[high])} 之间不单调")  # fmt: skip
            if (at(middle) <= goal) == rising:
                low = middle
            else:
                high = middle
        best = min((low, high), key=lambda step: (abs(at(step) - goal), step))
        proof = ((scale[low], at(low)), (scale[high], at(high)))
        return Turned(row, goal, scale[best], at(best), proof, len(seen))


def _no_way(what: str, zh: str) -> InputError:
    return InputError([Problem(what=what, what_zh=zh)])


def budgeted(budgets: Any, change: BudgetChange, by: str) -> pa.Table:
    """The table of budgets with those of a pool changed. Raises InputError where it has none."""
    rows = [] if budgets is None else budgets_held(budgets).to_pylist()
    names, times = [row["pool"] for row in rows], [row["period"] for row in rows]
    mine = [pool == change.pool and change.period in (None, period) for pool, period in zip(names, times)]
    if not any(mine):
        known = sorted({f"{pool} {period}" for pool, period in zip(names, times)})
        asked = f"{change.pool} {change.period}" if change.period else change.pool
        fault = unknown("pool", "预算", asked, known)
        raise InputError([Problem(what=fault.en, what_zh=fault.zh, path=f"{by}.budgets", expected=", ".join(known), nearest=fault.nearest)])  # fmt: skip
    held = [_changed(row["budget"], change) if own else row["budget"] for row, own in zip(rows, mine)]
    return pa.table({"pool": names, "period": times, "budget": pa.array(held, pa.int64())})


def budgets_held(budgets: Any) -> pa.Table:
    """The table of budgets as it is held: pool, period, budget in fen. Raises InputError."""
    problems = Problems()
    frame = read(budgets, CLEARING_INPUTS["budgets"], problems)
    problems.stop()
    texts = {}
    for name in ("pool", "period"):
        of, words = frame.code(name) or ([], [])
        texts[name] = [words[at] for at in of]
    return pa.table({**texts, "budget": pa.array(frame.ints("budget"))})


def _changed(fen: int, change: BudgetChange) -> int:
    ((way, value),) = change.way
    exact = {"set": Fraction(value) * 100, "add": fen + Fraction(value) * 100, "times": fen * Fraction(value)}[way]
    size = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return size if exact >= 0 else -size


def _headline(done: Cleared, against: list[dict[str, Any]]) -> dict[str, Any]:
    """Sums of all institutions; of pools where they have a budget; the value of a point where there is one pool and period."""
    sums = {name: sum(done.years[name].to_pylist()) for name in ("psntime", "medfee_sumamt", "fund_appy_sum")}
    budgets = sum(done.balances["budget"].to_pylist())
    values = done.pools["value"].to_pylist()
    moved = [row["change"] for row in against]
    return {
        **sums,
        "budget": budgets,
        **measured(done),
        "value": values[0] if len(values) == 1 else None,
        "winners": sum(change > 0 for change in moved),
        "losers": sum(change < 0 for change in moved),
        "won": sum(change for change in moved if change > 0),
        "lost": -sum(change for change in moved if change < 0),
    }


def _by_method(done: Cleared) -> Iterator[dict[str, Any]]:
    names = ("psntime", "fund_appy_sum", "due", "held", "paid", "difference")
    held: dict[tuple[str, str], dict[str, int]] = {}
    for row in done.years.to_pylist():
        mine = held.setdefault((row["document"], row["method"]), dict.fromkeys(names, 0))
        for name in names:
            mine[name] += row[name]
    pays = {(document.id, method.id): method.pays for document in done.book for method in document.model.methods}
    for key in sorted(held):
        yield {"document": key[0], "method": key[1], "pays": pays[key], **held[key]}


def _names_of(done: Cleared) -> dict[str, str]:
    """Names of institutions by code, where the table has them."""
    frame = done.given.frames["institutions"]
    held = frame.code("fixmedins_name") if frame.rows else None
    if held is None:
        return {}
    codes = frame.ids["fixmedins_code"].cast(pa.string()).to_pylist()
    return {code: held[1][at] for code, at in zip(codes, held[0].tolist()) if at >= 0 and held[1][at]}


def _typed(rows: list[dict[str, Any]], texts: tuple[str, ...], knobs: tuple[str, ...] = ()) -> pa.Table:
    """Texts, numbers of knobs as decimals, everything else int64."""
    kinds = {name: pa.string() for name in texts} | {name: pa.decimal128(38, 6) for name in knobs}
    names = list(rows[0]) if rows else [*texts, *knobs]
    columns = {
        name: pa.array([None if row[name] is None else Decimal(row[name]) if name in knobs else row[name] for row in rows], kinds.get(name, pa.int64()))
        for name in names
    }  # fmt: skip
    return pa.table(columns)


def tables_of(study: Study) -> tuple[dict[str, Any], list[tuple[str, Path, int | None]]]:
    """(tables by name, files with rows) of the clearing of a study. Raises DocumentError where cases are missing."""
    asked = study.model.clearing
    assert asked is not None
    if asked.inputs.synth is not None:
        from ..synth.clearing import clearing_tables

        return dict(clearing_tables(asked.inputs.synth.seed, asked.inputs.synth.cases)), []
    inputs, paths = asked.inputs, {}
    for name in CLEARING_INPUTS:
        path = getattr(inputs, name) or (None if inputs.folder is None else io.find_table(inputs.folder, name))
        if path is not None and not (name == "cases" and asked.groups_of is not None):
            paths[name] = path
    if "cases" not in paths and asked.groups_of is None:
        fault = Fault("no cases.parquet and no cases.csv is there", "没有 cases.parquet 或 cases.csv", "cases, or groups_of", "cases 或 groups_of")  # fmt: skip
        raise DocumentError([study.problem(("clearing", "inputs"), fault)])
    if asked.groups_of is not None:
        paths["groups_of"] = asked.groups_of
    tables = {name: io.read_table(path) for name, path in paths.items()}
    return tables, [(f"clearing.{name}", path, tables[name].num_rows) for name, path in paths.items()]


def settled_cases(study: Study, visits: pa.Table, tables: Mapping[str, Any], groups_of: pa.Table, book: ClearingBook) -> pa.Table:  # fmt: skip
    """The cases of a settlement of the study."""
    asked = study.model.clearing
    assert asked is not None
    there = {*groups_of.column_names, *tables["visits"].column_names}
    declared = {name for document in book for name in document.model.attributes}
    own = {column.name for column in CLEARING_INPUTS["cases"].columns}
    return cases_of(
        visits, tables["visits"], groups_of, persons=tables.get("persons"), med_types=asked.med_types, clears=asked.clears,
        more=sorted((declared & there) - own),
    )  # fmt: skip


def book_of(study: Study) -> ClearingBook:
    """The clearing documents of a study. Raises DocumentError, OSError."""
    assert study.model.clearing is not None
    return load_clearings(list(study.model.clearing.documents))
