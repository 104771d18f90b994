"""Rows that can never be reached: plans, modifiers, table keys.

Every attribute that a decision uses falls into finitely many classes of values that its tests cannot tell apart;
one representative stands for each. First match is decided exactly over the product of the classes, carried as
sets of bit masks (which rows still match), attribute by attribute, so equal situations are counted once. Should
more than LIMIT different masks remain, the answer falls back to pairs: a row is unreachable if one earlier row
holds wherever it holds. That may miss a row covered only by several earlier ones together; it never accuses wrongly.

A row that names an empty set is left alone: the set is there for the user to fill.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pydantic import BaseModel

from .checks import placed_layers
from .conditions import Condition, Test
from .faults import Fault, Faults
from .figures import ByCounter, Compute, Const, Dated, FromAge, Table
from .models import PolicyModel
from .names import Names
from .paths import RawPath

__all__ = ["LIMIT", "Bound", "check_reach", "first_match"]

LIMIT = 200_000
_OTHER = "\0"  # a code that no document names
_FIRST_MATCH = ("replace", "group", "level", "place")


class Bound(NamedTuple):
    """What is known where a row stands: `test` holds (or, with `wanted` False, does not)."""

    test: Test
    wanted: bool = True


class _Space:
    """Classes of attribute values within one document's scheme."""

    def __init__(self, model: PolicyModel, names: Names) -> None:
        self.insutype = model.scheme.insutype
        self.region = model.scheme.region
        self.attributes = names.attributes

    def values(self, name: str, tests: Iterable[Test]) -> list[str | int | None]:
        """One representative per class that `tests` on attribute `name` can tell apart."""
        tests = list(tests)
        attribute = self.attributes[name]
        if attribute.match == "number":
            ends = {end for test in tests for r in test.ranges for end in (r.low, r.below) if end is not None}
            points = sorted(ends | {0})
            return [None, *points]
        if attribute.values:
            return list(attribute.values)
        codes = list(dict.fromkeys(code for test in tests for code in test.codes))
        if name == "insutype":
            return self._within(codes, self.insutype)
        if name == "insuplc_admdvs" and self.region != "*":
            return self._within(codes, (self.region,))
        return [*codes, _OTHER]

    @staticmethod
    def _within(codes: list[str], prefixes: Sequence[str]) -> list[str | int | None]:
        inside = [code for code in codes if any(code.startswith(prefix) for prefix in prefixes)]
        return list(dict.fromkeys([*prefixes, *inside]))


class Reached(NamedTuple):
    """Rows that some visit reaches first; rows that match nothing at all; the single earlier row that covers each."""

    first: set[int]
    empty: set[int]
    covered_by: dict[int, int]


def first_match(rows: Sequence[Sequence[Test]], bounds: Sequence[Bound], space: _Space) -> Reached:
    """Decides which rows (each a conjunction of tests) are the first to match some visit within `bounds`."""
    everything = (1 << len(rows)) - 1
    per_attribute: list[set[int]] = []
    for name in dict.fromkeys(test.attribute for row in rows for test in row):
        own = [bound for bound in bounds if bound.test.attribute == name]
        tests = [test for row in rows for test in row if test.attribute == name]
        masks = set()
        for value in space.values(name, [*tests, *(bound.test for bound in own)]):
            if all(bound.test.holds(value) == bound.wanted for bound in own):
                masks.add(_mask(rows, name, value, everything))
        per_attribute.append(masks)
    empty = {i for i in range(len(rows)) if any(not any(m >> i & 1 for m in masks) for masks in per_attribute)}
    covered = {
        i: j
        for i in range(len(rows))
        for j in reversed(range(i))
        if i not in empty and all(all(m >> j & 1 for m in masks if m >> i & 1) for masks in per_attribute)
    }
    alive = {everything}
    for masks in sorted(per_attribute, key=len):
        alive = {one & other for one in alive for other in masks}
        if len(alive) > LIMIT:
            return Reached(set(range(len(rows))) - empty - set(covered), empty, covered)
    return Reached({(mask & -mask).bit_length() - 1 for mask in alive if mask}, empty, covered)


def _mask(rows: Sequence[Sequence[Test]], name: str, value: str | int | None, everything: int) -> int:
    mask = everything
    for index, row in enumerate(rows):
        if not all(test.holds(value) for test in row if test.attribute == name):
            mask &= ~(1 << index)
    return mask


def _fillable(row: Sequence[Test]) -> bool:
    return any(test.fillable and not test.negate for test in row)


_Finding = tuple[RawPath, Fault]


class _Walk:
    """Everything below one node, within bounds; yields findings."""

    def __init__(self, space: _Space) -> None:
        self.space = space

    def node(self, node: object, path: RawPath, bounds: list[Bound]) -> Iterator[_Finding]:
        if isinstance(node, Table):
            yield from self._table(node, bounds)
        elif isinstance(node, (Dated, ByCounter, Compute)):
            for name in type(node).model_fields:
                yield from self.node(getattr(node, name), path, bounds)
        elif isinstance(node, (Const, FromAge, Condition)):
            return
        elif isinstance(node, BaseModel):
            yield from self._model(node, path, bounds)
        elif isinstance(node, tuple):
            for index, item in enumerate(node):
                yield from self.node(item, (*path, index), bounds)
        elif isinstance(node, dict):
            for key, item in node.items():
                yield from self.node(item, (*path, key), bounds)

    def _model(self, node: BaseModel, path: RawPath, bounds: list[Bound]) -> Iterator[_Finding]:
        when = getattr(node, "when", None)
        if isinstance(when, Condition) and when.tests:
            reached = first_match([when.tests], bounds, self.space)
            if reached.empty and not _fillable(when.tests):
                yield (*path, "when"), Fault("this condition never holds here", "此条件在此处永远不成立", key=True)
                return
            bounds = [*bounds, *(Bound(test) for test in when.tests)]
        for name, field in type(node).model_fields.items():
            value = getattr(node, name)
            here = (*path, str(field.validation_alias or name))
            if name in _FIRST_MATCH and isinstance(value, tuple) and value:
                yield from self._rows(value, here, bounds)
            yield from self.node(value, here, bounds)

    def _rows(self, rows: tuple[BaseModel, ...], path: RawPath, bounds: list[Bound]) -> Iterator[_Finding]:
        """A list of which the first match holds."""
        conditions = [row.when.tests for row in rows]  # type: ignore[attr-defined]
        reached = first_match(conditions, bounds, self.space)
        for index, tests in enumerate(conditions):
            if index not in reached.first and index not in reached.empty and not _fillable(tests):
                yield (*path, index), Fault("rows before this one always match first", "前面的行总是先匹配，此行到不了")

    def _table(self, table: Table, bounds: list[Bound]) -> Iterator[_Finding]:
        rows: list[tuple[Test, ...]] = [(row.test,) for row in table.rows]
        cells = [row.value for row in table.rows]
        keys = [row.key for row in table.rows]
        if table.otherwise is not None:
            rows.append(())
            cells.append(table.otherwise)
            keys.append("else")
        reached = first_match(rows, bounds, self.space)
        before: list[Bound] = []
        for index, (tests, cell, key) in enumerate(zip(rows, cells, keys, strict=True)):
            here = (*table.path, key)
            inner = [*bounds, *before, *(Bound(test) for test in tests)]
            before.extend(Bound(test, False) for test in tests)
            if index in reached.first or _fillable(tests):
                yield from self.node(cell, here, inner)
            elif index in reached.empty:
                yield (
                    here,
                    Fault(
                        f"no visit that comes here has {table.by} {key!r}",
                        f"到此处的就诊不会有 {table.by} {key!r}",
                        key=True,
                    ),
                )
            else:
                what = (
                    "the keys before it match everything" if key == "else" else "the keys before it always match first"
                )
                yield (
                    here,
                    Fault(f"{key!r} is never reached: {what}", f"{key!r} 永远到不了：前面的键已全部匹配", key=True),
                )


def check_reach(model: PolicyModel, names: Names, faults: Faults) -> None:
    """Adds a fault for every plan, condition, modifier row and table key that no visit can reach."""
    space = _Space(model, names)
    walk = _Walk(space)
    _plans(model, space, faults)
    for name, part in (("references", model.references), ("pricing", model.pricing), ("accounts", model.accounts)):
        for path, fault in walk.node(part, (name,), []):
            faults.add(path, fault)
    for path, layer, users in placed_layers(model):
        findings: list[dict[RawPath, Fault]] = []
        for plan in users:
            bounds = [Bound(test) for test in plan.when.tests]
            findings.append(dict(walk.node(layer, path, bounds)))
        if findings:
            for where, fault in findings[0].items():
                if all(where in other for other in findings[1:]):
                    faults.add(where, fault)


def _plans(model: PolicyModel, space: _Space, faults: Faults) -> None:
    conditions = [plan.when.tests for plan in model.plans]
    reached = first_match(conditions, [], space)
    for index, plan in enumerate(model.plans):
        if index in reached.first or _fillable(conditions[index]):
            continue
        if index in reached.empty:
            en, zh = "no visit of this scheme can match its `when`", "本制度的就诊都不符合其 when"
        elif index in reached.covered_by:
            other = model.plans[reached.covered_by[index]].id
            en, zh = f"plan {other!r} matches first wherever it holds", f"凡符合之处方案 {other!r} 都先匹配"
        else:
            en, zh = "the plans before it together match everything it does", "前面的方案合起来已全部匹配"
        faults.add(
            ("plans", index), Fault(f"plan {plan.id!r} is never reached: {en}", f"方案 {plan.id!r} 永远到不了：{zh}")
        )
