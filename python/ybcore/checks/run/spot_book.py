"""What rules share as `_core.SpotDesk` reads it: columns, attributes, scopes, lists, items and rows of tables, each by number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

import numpy as np

from ...columns.asof import opened
from ...columns.convert import NULL_DAY
from ...columns.schema import LIMITS
from ..fields import Items, Scope
from ..rule import Rule
from ..tables import ALWAYS, OPEN, RuleTable
from .given import TABLES
from .held import facts_of, is_of_pairs, rows_of_class
from .kept import Kept
from .scope import DEFAULTS, OF_LINES, asks_lines

__all__ = ["LOOKED_AT", "Among", "SpotBook", "Unable"]

LOOKED_AT = ("visits", "lines", "persons", "diagnoses", "operations", "labs", "stock")
_WAYS = {"date": 2, "time": 3, "flag": 4, "code": 5, "id": 6, **dict.fromkeys(LIMITS, 1)}
_PLAIN, _LEVEL, _GENDER, _OF_LINE = range(4)
_MATCH = {"exact": 0, "prefix": 1}
_GROUPS: dict[tuple[str, str], int] = {
    **{(table, "setl_id"): 0 for table in LOOKED_AT if table not in ("persons", "stock")}, ("visits", "init_setl_id"): 0,
    ("visits", "psn_no"): 1, ("persons", "psn_no"): 1, ("visits", "mdtrt_id"): 2, ("visits", "refl_old_mdtrt_id"): 2,
    ("visits", "fixmedins_code"): 3, ("stock", "fixmedins_code"): 3, ("lines", "med_list_codg"): 4, ("stock", "med_list_codg"): 4, ("lines", "bilg_dr_codg"): 5, ("visits", "atddr_no"): 5,
    ("operations", "oper_dr_code"): 5, ("lines", "feedetl_sn"): 6, ("lines", "init_feedetl_sn"): 6,
}  # fmt: skip
# What order, netting and names of every batch ask for.
_ALWAYS = (
    *((table, name) for table, name in _GROUPS), *(("visits", name) for name in (
        "setl_time", "begntime", "begndate", "endtime", "enddate", "refd_setl_flag", "hist_flag", "insutype")),
    *(("lines", name) for name in ("fee_ocur_time", "cnt", "det_item_fee_sumamt", "deny_flag")),
    *(("persons", name) for name in ("begndate", "enddate", "insutype")),
    ("diagnoses", "diag_code"), ("diagnoses", "maindiag_flag"), ("operations", "oprn_oprt_code"), ("operations", "oprn_oprt_date"),
)  # fmt: skip


class Unable(Exception):
    """A rule asks for what is not read in this way."""


class Among(IntEnum):
    """How the items of a rule are told."""

    ALL, MASK, ROWS, CLASS = range(4)


class SpotBook:
    """Things by number, in the order in which rules first ask for them."""

    def __init__(self, kept: Kept, known_at: int | None) -> None:
        self.kept, self.known_at = kept, known_at
        self.columns: list[tuple[int, str, int, int]] = []
        self._column: dict[tuple[str, str], int] = {}
        self.attributes: list[tuple[int, int, int, int, int, str]] = []
        self._attribute: dict[str, int] = {}
        self.kinds: list[tuple[list[str], list[list[str]]]] = []
        self._kinds: dict[int, int] = {}
        self.scopes: list[dict[str, Any]] = []
        self._scope: dict[tuple[Scope, int], int] = {}
        self.lists: list[tuple[int, list[str]]] = []
        self._list: dict[str, int] = {}
        self.masks: list[Any] = []
        self._mask: dict[int, int] = {}
        self.tables: list[dict[str, Any]] = []
        self._table: dict[tuple[str, str, bool], int] = {}
        self.keys: list[list[str]] = []
        self.places: list[dict[str, Any]] = []
        for table, name in _ALWAYS:
            self.column(table, name)
        self.attribute("insuplc_admdvs")
        self.attribute("level")

    def column(self, table: str, name: str) -> int:
        """Number of a column; -1 for one that the schema does not have."""
        if (table, name) not in self._column:
            spec = TABLES[table].find(name)
            if spec is None or spec.kind not in _WAYS:
                return -1
            self._column[table, name] = len(self.columns)
            self.columns.append(
                (LOOKED_AT.index(table), spec.name, _WAYS[spec.kind], _GROUPS.get((table, spec.name), -1))
            )
        return self._column[table, name]

    def _text_column(self, table: str, name: str) -> int:
        spec = TABLES[table].find(name)
        return self.column(table, name) if spec is not None and spec.kind in ("code", "flag") else -1

    def attribute(self, name: str) -> int:
        """Number of an attribute of visits or lines."""
        name = {"visit_kind": "med_type", "dept": "bilg_dept_codg"}.get(name, name)
        if name not in self._attribute:
            column = "hosp_lv" if name == "level" else name
            if name in (*OF_LINES, "bilg_dept_codg"):
                found = (_OF_LINE, -1, -1, -1, self.column("lines", name), "")
            elif name in ("fixmedins_code", "psn_no"):
                found = (_PLAIN, self.column("visits", name), -1, -1, -1, "")
            else:
                meant = {"level": _LEVEL, "gend": _GENDER}.get(name, _PLAIN)
                visits, persons = (self._text_column(table, column) for table in ("visits", "persons"))
                found = meant, visits, persons, self._place(column), -1, DEFAULTS.get(name, "")
            self._attribute[name] = len(self.attributes)
            self.attributes.append(found)
        return self._attribute[name]

    def _place(self, name: str) -> int:
        """Number of a column of the institutions."""
        frame = self.kept.frames.get("institutions")
        if frame is None or name not in frame.cells or not frame.rows:
            return -1
        spec = frame.table.find(name)
        if spec is not None and spec.kind == "flag":
            code, texts = frame.cells[name].values.astype(np.int32), [str(digit) for digit in range(10)]
        else:
            code, texts = frame.cells[name].values, list(frame.cells[name].texts or [])
        self.places.append({"code": code, "text": texts})
        return len(self.places) - 1

    def kinds_of(self, kinds: Mapping[str, Sequence[str]]) -> int:
        """Number of a map of kinds of visits."""
        if id(kinds) not in self._kinds:
            self._kinds[id(kinds)] = len(self.kinds)
            self.kinds.append((list(kinds), [list(prefixes) for prefixes in kinds.values()]))
        return self._kinds[id(kinds)]

    def test(self, name: str, prefixes: Sequence[str], rule: Rule) -> dict[str, Any]:
        """Prefixes of which one begins an attribute."""
        kinds = self.kinds_of(rule.visit_kinds) if name == "visit_kind" else -1
        return {"attribute": self.attribute(name), "kinds": kinds, "prefixes": list(prefixes)}

    def scope(self, scope: Scope, rule: Rule) -> int:
        """Number of a scope; -1 for one that always holds."""
        if not scope:
            return -1
        key = scope, self.kinds_of(rule.visit_kinds)
        if key not in self._scope:
            self._scope[key] = len(self.scopes)
            self.scopes.append(self._scope_of(scope, rule))
        return self._scope[key]

    def _scope_of(self, scope: Scope, rule: Rule) -> dict[str, Any]:
        return {
            "tests": [self.test(name, prefixes, rule) for name, prefixes in scope.tests.items()],
            "lists": [self.codes(name) for name in scope.diagnoses],
            "negated": [self._scope_of(part, rule) for part in scope.negated],
            "of_lines": asks_lines(scope),
        }

    def codes(self, name: str) -> int:
        """Number of a list of codes."""
        if name not in self._list:
            known = self.kept.lists[name]
            self._list[name] = len(self.lists)
            self.lists.append((_MATCH.get(known.match, 2), [str(code) for code in known.codes]))
        return self._list[name]

    def key(self, texts: Any) -> int:
        """Number of a set of texts."""
        self.keys.append(sorted(str(text) for text in texts))
        return len(self.keys) - 1

    def items(self, rule: Rule) -> dict[str, Any]:
        """Which lines a rule means. Raises Unable."""
        items, catalog = rule.items, self.kept.catalog
        if items.all:
            return {}
        if items.list_type is not None or items.med_chrgitm_type is not None:
            if catalog is None:
                raise Unable
            return {"among": Among.CLASS, "classes": rows_of_class(catalog, items)}
        table = rule.tables.get("items")
        if items.table is not None and table is not None and not is_of_pairs(table):
            return {"among": Among.ROWS, "table": self.rows(table, table.key[0])}
        mask = self.kept.among(items, table)
        if id(mask) not in self._mask:
            self._mask[id(mask)] = len(self.masks)
            self.masks.append(mask[:-1].astype(np.uint8))
        return {"among": Among.MASK, "mask": self._mask[id(mask)], "prefixes": self._prefixes(items)}

    def _prefixes(self, items: Items) -> Sequence[str]:
        """What begins those of the items that are not kept."""
        if items.list is None:
            return list(items.prefix or ())
        known = self.kept.lists[items.list]
        if known.match not in _MATCH:
            raise Unable
        return [str(code) for code in known.codes] if known.match == "prefix" else []

    def rows(self, table: RuleTable, column: str, keep: Any = None) -> int:
        """Number of a table's rows by the kept item in a column; `keep`: of these rows only."""
        name = table.name, column, keep is None
        if name not in self._table:
            facts = facts_of(table)
            held = self.held(table) if keep is None else self.held(table) & keep
            key = np.where(held, self.kept.places(table, column), -1)
            there = np.flatnonzero(key >= 0)
            order = there[np.lexsort((-facts.specific[there], key[there]))]
            bounds = {"from": facts.begin, "to": facts.end, "region": facts.region if facts.by_region else None, "level": facts.level if facts.by_level else None}  # fmt: skip
            self._table[name] = len(self.tables)
            self.tables.append({
                "start": np.searchsorted(key[order], np.arange(len(self.kept.items) + 1)), "rows": order, "regions": list(facts.regions),
                **{name: values for name, values in bounds.items() if values is not None},
            })  # fmt: skip
        return self._table[name]

    @staticmethod
    def specific(table: RuleTable) -> Any:
        """How much each row of a table narrows where it holds."""
        return facts_of(table).specific

    def held(self, table: RuleTable) -> Any:
        """Rows that are known, and hold on some day."""
        return table.held(self.known_at)

    def when(self, rule: Rule) -> dict[str, Any]:
        """On which days a rule holds; what its table says stands in the rows."""
        never = rule.table is None and self.known_at is not None and rule.known > self.known_at
        return {"never": never, "dated": (rule.begin, rule.end) != (ALWAYS, OPEN), "begin": rule.begin, "end": rule.end}

    def made(self, rules: list[dict[str, Any]], before: bool) -> dict[str, Any]:
        """All of it."""
        out: dict[str, Any] = {
            name: getattr(self, name) for name in ("columns", "attributes", "kinds", "scopes", "lists", "masks", "tables", "keys")
        }  # fmt: skip
        return out | {
            "rules": rules, "before": before, "items": [str(item) for item in self.kept.items.to_pylist()],
            "places": self._places(), **self._catalogue(),
        }  # fmt: skip

    def _catalogue(self) -> dict[str, Any]:
        catalog = self.kept.catalog
        if catalog is None:
            return {}
        item = self.kept.once("catalogue", lambda: np.append(catalog.item_of(self.kept.items), np.int32(-1)))
        out: dict[str, Any] = {"catalogue_item": item[:-1]}
        for name, everywhere in (("catalogue_rows", True), ("catalogue_here", False)):
            start, rows, begin, end, places = catalog.rows_by_item(everywhere)
            out[name] = {
                "start": start,
                "rows": rows,
                "from": begin,
                "to": end,
                "region": places,
                "regions": catalog.places,
            }
        return out

    def _places(self) -> dict[str, Any]:
        frame = self.kept.frames.get("institutions")
        if frame is None or not self.places:
            return {}
        ids = [None if key is None else str(key) for key in frame.ids["fixmedins_code"].to_pylist()]
        known = {key: number for number, key in enumerate(dict.fromkeys(key for key in ids if key is not None))}
        key = np.array([-1 if one is None else known[one] for one in ids], np.int64)
        there = np.flatnonzero(key >= 0)
        order = there[np.argsort(key[there], kind="stable")]
        begin, end = frame.days("begndate"), opened(frame.days("enddate"))
        assert int(NULL_DAY) == ALWAYS
        return {
            "ids": list(known), "start": np.searchsorted(key[order], np.arange(len(known) + 1)), "rows": order, "begin": begin, "end": end,
            "columns": self.places,
        }  # fmt: skip
