"""Conditions on visits and lines, three-valued: holds, does not, cannot be known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from ... import _core
from ...policy.compile import Asked
from ...settling.people import Facts, LevelMap
from ..fields import Scope
from ..rule import Rule
from .given import Batch

__all__ = [
    "NO",
    "OF_LINES",
    "UNKNOWN",
    "YES",
    "Scopes",
    "asks_lines",
    "both",
    "fits",
    "of_visits",
    "scope_with_region",
    "turned",
]

Truth = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
NO, YES, UNKNOWN = 0, 1, 2
OF_LINES = ("dscg_tkdrug_flag", "tcmdrug_used_way", "bilg_dept_codg")
# What a column means where nothing was given: the schemas' defaults.
DEFAULTS = {"place": "local", "day_surgery": "0"}
TABLES = ("visits", "persons", "institutions")
_REGIONAL: WeakKeyDictionary[Rule, Scope] = WeakKeyDictionary()
_TURNED = np.array([YES, NO, UNKNOWN], np.uint8)


def fits(text: str, prefixes: Sequence[str]) -> bool:
    """True when one of the prefixes begins the text."""
    return text.startswith(tuple(prefixes))


def both(a: Truth, b: Truth) -> Truth:
    """a and b: a No decides, then an Unknown."""
    return np.minimum(a * b, np.uint8(UNKNOWN))


def turned(a: Truth) -> Truth:
    """Not a."""
    return _TURNED[a]


def asks_lines(scope: Scope) -> bool:
    """Whether a scope looks at columns of lines."""
    return bool(scope.columns() & set(OF_LINES))


def of_visits(scope: Scope) -> Scope:
    """What a scope asks of visits only: where that does not hold, the scope does not."""
    if not asks_lines(scope):
        return scope
    tests = {name: prefixes for name, prefixes in scope.tests.items() if name not in OF_LINES}
    return Scope(tests, scope.diagnoses, tuple(part for part in scope.negated if not asks_lines(part)))


def scope_with_region(rule: Rule) -> Scope:
    """A rule's conditions, and the region of its document as one more."""
    if rule.region == "*":
        return rule.scope
    if rule not in _REGIONAL:
        scope, own = rule.scope, Scope({"insuplc_admdvs": (rule.region,)}, (), ())
        if "insuplc_admdvs" not in scope.tests:
            _REGIONAL[rule] = Scope({**scope.tests, **own.tests}, scope.diagnoses, scope.negated)
        else:
            turned = Scope({}, (), (own,))
            _REGIONAL[rule] = Scope(scope.tests, scope.diagnoses, (*scope.negated, turned))
    return _REGIONAL[rule]


class Scopes:
    """Truth of conditions for each visit, or for some lines; what is asked twice is answered once."""

    def __init__(self, batch: Batch, in_list: Callable[[str], Truth]) -> None:
        """`in_list`: for a list's name, which visits have a diagnosis in it."""
        self._batch, self._in_list = batch, in_list
        self.facts = Facts(
            batch.visits, batch.frame("persons"), batch.frame("institutions"), np.arange(batch.visits.rows, dtype=np.int64),
            batch.person_row, batch.institution_row, batch.end_day, True, batch.threads,
        )  # fmt: skip
        self._texts: dict[str, tuple[Any, list[str]]] = {}
        self._known: dict[Any, Any] = {}
        self._kinds: dict[int, Any] = {}

    def text(self, name: str) -> tuple[Any, list[str]]:
        """(index of each visit, or line, texts) of an attribute; the empty text is missing."""
        if name not in self._texts:
            self._texts[name] = self._read(name)
        return self._texts[name]

    def forget(self, *names: str) -> None:
        """Let go of what is known of attributes, which can be read again."""
        for name in names:
            self._texts.pop(name, None)
            for key in [key for key in self._known if key[0] == name]:
                del self._known[key]

    def _read(self, name: str) -> tuple[Any, list[str]]:
        batch = self._batch
        if name == "level":
            codes, texts = self.text("hosp_lv")
            return codes, [LevelMap.get(text, "0") if text else "" for text in texts]
        if name == "gend":
            codes, texts = self.facts.text(Asked(name, "text", TABLES, "", False))
            return codes, ["" if text in ("0", "9") else text for text in texts]
        ids = {"fixmedins_code": (batch.hospital, batch.hospital_ids), "psn_no": (batch.psn, batch.psn_ids)}
        if name in ids:
            codes, known = ids[name]
            texts = [str(text) for text in known.to_pylist()] + [""]
            return np.where(codes < 0, len(texts) - 1, codes).astype(np.int32), texts
        if name in OF_LINES:
            return self._of_lines(name)
        return self.facts.text(Asked(name, "text", TABLES, DEFAULTS.get(name, ""), False))

    def _of_lines(self, name: str) -> tuple[Any, list[str]]:
        lines = self._batch.frames["lines"]
        spec = lines.table.find(name)
        if name not in lines.cells:
            return np.zeros(lines.rows, np.int32), [""]
        if spec is not None and spec.kind == "flag":
            values = lines.cells[name].values
            return np.where(values < 0, np.int8(10), values), [*map(str, range(10)), ""]
        values, texts = lines.code(name) or (np.full(lines.rows, -1, np.int32), [])
        return np.where(values < 0, len(texts), values).astype(np.int32), [*texts, ""]

    def number_of(self, kinds: Mapping[str, Sequence[str]]) -> int:
        """A number of a map of kinds, which is held so that no other gets it."""
        self._kinds.setdefault(id(kinds), kinds)
        return id(kinds)

    def attribute(self, name: str, prefixes: Sequence[str], kinds: Mapping[str, Sequence[str]]) -> Truth:
        """Whether an attribute begins with one of the prefixes; a visit may be of several kinds."""
        key = (name, tuple(prefixes), self.number_of(kinds) if name == "visit_kind" else 0)
        if key not in self._known:
            codes, texts = self.text("med_type" if name == "visit_kind" else name)
            if name == "visit_kind":
                answers = [any(fits(kind, prefixes) for kind in kinds_of(text, kinds)) for text in texts]
            else:
                answers = [fits(text, prefixes) for text in texts]
            lut = np.array([UNKNOWN if not text else YES if yes else NO for text, yes in zip(texts, answers)], np.uint8)
            self._known[key] = _core.taken(lut, codes, self._batch.threads) if codes.dtype == np.int32 else lut[codes]
        return self._known[key]

    def truth(self, scope: Scope, kinds: Mapping[str, Sequence[str]]) -> Truth:
        """Whether all conditions of a scope hold, for each visit. The scope asks nothing of lines."""
        key = (scope, self.number_of(kinds))
        if key not in self._known:
            self._known[key] = self._at(scope, kinds, None)
        return self._known[key]

    def sure(self, scope: Scope, kinds: Mapping[str, Sequence[str]]) -> bool:
        """Whether of every visit it is known if the scope holds."""
        key = ("sure", scope, self.number_of(kinds))
        if key not in self._known:
            self._known[key] = (self.truth(scope, kinds) != UNKNOWN).all()
        return bool(self._known[key])

    def of_lines(self, scope: Scope, kinds: Mapping[str, Sequence[str]], rows: Any, visit: Int32 | None = None) -> Truth:  # fmt: skip
        """The same for some lines, whose visits may be given."""
        if not asks_lines(scope):
            visit = self._batch.line_visit[rows] if visit is None else np.ascontiguousarray(visit)
            truth = self.truth(scope, kinds)
            return _core.taken(truth, visit, self._batch.threads) if len(truth) else truth
        return self._at(scope, kinds, rows)

    def _at(self, scope: Scope, kinds: Mapping[str, Sequence[str]], rows: Any) -> Truth:
        size = self._batch.visits.rows if rows is None else len(rows)
        visit = None if rows is None else self._batch.line_visit[rows]
        parts: list[Truth] = []
        for name, prefixes in scope.tests.items():
            found = self.attribute(name, prefixes, kinds)
            at = rows if name in OF_LINES else visit
            parts.append(found if at is None else found[at])
        for name in scope.diagnoses:
            found = self._in_list(name)
            parts.append(found if visit is None else found[visit])
        parts += [turned(self._at(part, kinds, rows)) for part in scope.negated]
        return reduce(both, parts) if parts else np.full(size, YES, np.uint8)


def kinds_of(med_type: str, kinds: Mapping[str, Sequence[str]]) -> list[str]:
    """A visit is of every kind whose prefixes fit; of none, other."""
    return [kind for kind, own in kinds.items() if fits(med_type, own)] or ["other"]
