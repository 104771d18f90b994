"""What a reform does to a catalogue: items listed, delisted, re-priced, from a day on (docs/simulation.md section 1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..catalog import Catalog
from ..columns.convert import NULL_INT
from ..columns.ids import flat
from ..columns.schema import CAPS, ITEMS, SCALES, SELFPAY, Column, Table
from ..policy.canonical import sha256_of
from ..policy.faults import Fault, nearest, unknown
from ..policy.inventory import scalar_text
from ..policy.numbers import ScalarError, date_text, days
from .places import NoPlaceError

if TYPE_CHECKING:
    from .changes import Change
    from .reform import Reform

__all__ = ["Listing", "finest"]

Row = dict[str, Any]
_TABLES = {table.name: table for table in (ITEMS, SELFPAY, CAPS)}
#: What tells rows of an item apart beside the place where they hold.
_KEY = {"items": "", "selfpay": "selfpay_prop_psn_type", "caps": "lmtpric_hosp_lv"}
_OWN = ("med_list_codg", "insu_admdvs", "begndate", "enddate")
_PATH = re.compile(r"(?:(items|selfpay|caps)(?:\[([^\]]*)\])?)?(?:(?:\A|(?<=[\]a-z])\.)([a-z_]+))?")
_ROUND = {"fen": 10**4, "jiao": 10**5, "yuan": 10**6}
UNITS = {"rate": "ppm", "price": "micro_yuan"}


class _Whole:
    """The tables of a catalogue that is changed again and again: as they are held (`tables`), as a catalogue takes them (`given`), and the
    item of each row (`items`). Codes that are given stand in dictionaries, those of items in the catalogue's own, so that they are read once."""

    def __init__(self, catalog: Catalog) -> None:
        self.tables = {name: _whole(catalog, name) for name in _TABLES}
        self.items = {
            name: catalog.item_of(flat(table["med_list_codg"]).combine_chunks()) for name, table in self.tables.items()
        }
        self.given = {}
        for name, table in self.tables.items():
            own = pa.DictionaryArray.from_arrays(pa.array(self.items[name]), catalog.codes)
            self.given[name] = _given(table).set_column(table.column_names.index("med_list_codg"), "med_list_codg", own)


_WHOLE: WeakKeyDictionary[Catalog, _Whole] = WeakKeyDictionary()


class Listing:
    """A catalogue under change. `rows`: what differs, one row a figure, as `Reformed.table` has it."""

    def __init__(self, catalog: Catalog) -> None:
        self.before = catalog
        self.rows: list[dict[str, Any]] = []
        self._held: dict[str, dict[str, list[Row]]] = {name: {} for name in _TABLES}

    @cached_property
    def _whole(self) -> _Whole:
        if self.before not in _WHOLE:
            _WHOLE[self.before] = _Whole(self.before)
        return _WHOLE[self.before]

    def _marked(self, name: str, codes: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Rows of a table that are of these items; an item that the catalogue does not know has none."""
        items = self.before.item_of(pa.array(list(codes), pa.large_string()))
        return np.isin(self._whole.items[name], items[items >= 0])

    @property
    def items(self) -> list[str]:
        """Codes of the items that are changed; no other differs."""
        return sorted({row["item"] for row in self.rows})

    @cached_property
    def key(self) -> str:
        """Hash of the catalogue before and of what the changed items are now; asked for when all changes are made."""
        items = self.items
        held = {name: [sorted(map(repr, map(sorted, self._told(name, code)))) for code in items] for name in _TABLES}
        return sha256_of(repr((self.before.hash, items, held)).encode())

    def _told(self, name: str, code: str) -> list[list[tuple[str, str]]]:
        return [
            [(field, str(value)) for field, value in row.items() if field != "name"] for row in self._held[name][code]
        ]

    def apply(self, reform: Reform, change: Change) -> None:
        """One change of items. Raises NoPlaceError."""
        if change.where:
            change = change.of_items(self._asked(change))
        path = _PATH.fullmatch(change.path)
        if path is None:
            what, zh = f"not a path of an item: {change.path!r}", f"不是目录项目的路径：{change.path!r}"
            raise NoPlaceError(Fault(what, zh, "selfpay_prop, selfpay[12].selfpay_prop, caps[3].hilist_pric_uplmt_amt"))
        table, key, name = path.groups()
        self._know(change)
        where = _TABLES[table or "items"]
        if change.operation == "insert":
            self._insert(reform, change, where, name)
        elif change.operation == "remove" and name is None:
            names = [where.name] if table else list(_TABLES)
            self._change(reform, change, names, key, lambda row: None)
        else:
            edit = _edit(change, where, name)
            self._change(reform, change, [where.name], key, edit)

    def _asked(self, change: Change) -> tuple[str, ...]:
        """Items of which some row of `items` says what is asked. Raises NoPlaceError."""
        rows = self._whole.tables["items"]
        for name, words in change.where:
            column = _column(ITEMS, name)
            if column.kind != "code":
                what, zh = f"items are not asked for by {name}", f"不能按 {name} 选取项目"
                raise NoPlaceError(Fault(what, zh, "a column of codes: chrgitm_lv, list_type, med_chrgitm_type", "编码列：chrgitm_lv、list_type、med_chrgitm_type"))  # fmt: skip
            rows = rows.filter(pc.is_in(flat(rows[name]).cast(pa.string()), pa.array(words, pa.string())))
        held = [row for own in self._held["items"].values() for row in own]
        mine = {row["med_list_codg"] for row in held if all(row[name] in words for name, words in change.where)}
        found = {code for code in flat(rows["med_list_codg"]).unique().to_pylist() if code not in self._held["items"]}
        if not found | mine:
            asked = ", ".join(f"{name} {'/'.join(words)}" for name, words in change.where)
            raise NoPlaceError(Fault(f"no item has {asked}", f"没有项目符合 {asked}"))
        return tuple(sorted(found | mine))

    def made(self) -> Catalog:
        """The catalogue after the changes; the one before when nothing differs. Raises DocumentError."""
        if not self.rows:
            return self.before
        return Catalog(**{name: self._made(name) for name in _TABLES})

    def _made(self, name: str) -> pa.Table:
        held, schema = self._held[name], self._whole.tables[name].schema
        rest, mine = self._whole.given[name], self._marked(name, held)
        rest = rest.filter(pa.array(~mine)) if mine.any() else rest
        rows = [row for own in held.values() for row in own]
        fresh = pa.Table.from_pylist(
            [{k: _raw(v, schema.field(k).type) for k, v in row.items()} for row in rows], schema
        )
        return pa.concat_tables([rest, _given(fresh)]) if rows else rest

    def _know(self, change: Change) -> None:
        """Rows of the items of a change, taken out of the tables once."""
        fresh = [code for code in change.items if code not in self._held["items"]]
        for name, table in self._whole.tables.items():
            for code in fresh:
                self._held[name][code] = []
            for row in table.take(pa.array(np.flatnonzero(self._marked(name, fresh)))).to_pylist():
                held: Row = {k: None if v in ("", NULL_INT) else v for k, v in row.items()}
                self._held[name][held["med_list_codg"]].append(held)
        if change.operation != "insert":
            for code in change.items:
                if not any(self._held[name][code] for name in _TABLES):
                    for rows in self._held.values():
                        del rows[code]
                    raise NoPlaceError(_no_item(code, self._codes()))

    def _codes(self) -> list[str]:
        added = [code for code, rows in self._held["items"].items() if rows]
        return [*self.before.codes.to_pylist(), *added]

    def _change(self, reform: Reform, change: Change, names: Iterable[str], key: str | None, edit: Any) -> None:
        """What `edit` makes of every row that is meant; None: it goes."""
        start, meant, late = reform.start, 0, 0
        for code in change.items:
            for name in names:
                out: list[Row] = []
                for row in self._held[name][code]:
                    if not _is_meant(row, name, key, change.region):
                        out.append(row)
                        continue
                    meant += 1
                    if start is not None and row["enddate"] is not None and row["enddate"] <= start:
                        out.append(row)
                        continue
                    late += 1
                    out += self._cut(reform, change, name, row, edit(row))
                self._held[name][code] = out
        if not late:
            raise NoPlaceError(self._nothing(change, key, bool(meant), start))

    def _cut(self, reform: Reform, change: Change, name: str, row: Row, after: Row | None) -> Iterator[Row]:
        """The rows in the place of one."""
        start = reform.start
        if after == row:
            yield row
            return
        cut = start is not None and (row["begndate"] is None or row["begndate"] < start)
        begin = start if cut else row["begndate"]
        self._differs(reform, change, name, row, after, begin)
        if cut:
            yield {**row, "enddate": start}
        if after is not None:
            yield {**after, "begndate": begin}

    def _insert(self, reform: Reform, change: Change, table: Table, name: str | None) -> None:
        if name is not None or not isinstance(change.value, dict):
            what, zh = "a row is inserted into a table of the item", "插入的是项目某个表的一行"
            raise NoPlaceError(Fault(what, zh, "path: items (or none), selfpay or caps, and columns with their values", "path 为 items（可省略）、selfpay 或 caps，并给出各列及其取值"))  # fmt: skip
        for code in change.items:
            row: Row = dict.fromkeys(self._whole.tables[table.name].column_names)
            row |= {"med_list_codg": code, "begndate": reform.start, "insu_admdvs": change.region or None}
            if "drt_reim_flag" in row:
                row["drt_reim_flag"] = 0
            for field, value in change.value.items():
                row[field] = _value(_column(table, field), value)
            self._held[table.name][code].append(row)
            self._differs(reform, change, table.name, None, row, row["begndate"])

    def _differs(
        self, reform: Reform, change: Change, name: str, before: Row | None, after: Row | None, begin: int | None
    ) -> None:
        told = after or before
        assert told is not None
        for field in told:
            if field in _OWN or field in (_KEY[name], "name"):
                continue
            sides = [None if row is None else row[field] for row in (before, after)]
            if sides[0] == sides[1]:
                continue
            column = _TABLES[name].find(field)
            assert column is not None
            unit = UNITS.get(column.kind, "")
            values = [value if unit else None for value in sides]
            self.rows.append(
                {
                    "reform": reform.id, "change": change.number, "path": _path(name, told, field), "from": begin, "unit": unit,
                    "before": _text(column, sides[0]), "after": _text(column, sides[1]), "before_value": values[0], "after_value": values[1],
                    "item": told["med_list_codg"],
                }
            )  # fmt: skip

    def _nothing(self, change: Change, key: str | None, meant: bool, start: int | None) -> Fault:
        if meant and start is not None:
            day = date_text(start)
            return Fault(f"no row of the items holds on {day} or later", f"没有在 {day} 及以后有效的目录行")
        there = sorted(
            {_path(name, row, "")[:-1] for code in change.items for name in _TABLES for row in self._held[name][code]}
        )
        what, zh = f"the items have no row {change.path or 'items'!r}", f"项目没有行 {change.path or 'items'!r}"
        if change.region:
            what, zh = f"{what} of the place {change.region}", f"{zh}（区划 {change.region}）"
        return Fault(what, zh, ", ".join(there[:12]), nearest=nearest(change.path, there))


def finest(path: str) -> Fraction | None:
    """One yuan or one ppm, as the column of a path is written; None where it is no figure."""
    found = _PATH.fullmatch(path)
    column = None if found is None or found[3] is None else _TABLES[found[1] or "items"].find(found[3])
    return {"price": Fraction(1), "rate": Fraction(1, 10**6)}.get("" if column is None else column.kind)


def _no_item(code: str, codes: list[str]) -> Fault:
    fault = unknown("item", "目录项目", code, codes[:1])
    return Fault(fault.en, fault.zh, "an item of the catalogue, or insert to list it", "目录中的项目，或以 insert 新增", nearest(code, codes))  # fmt: skip


def _whole(catalog: Catalog, name: str) -> pa.Table:
    """A table of a catalogue as it is held, with names where there are any."""
    table = catalog.table(name)
    given = catalog.get(name)
    if given is not None and "name" in given.column_names:
        table = table.append_column("name", pc.cast(given["name"], pa.large_string()))
    return table


def _given(table: pa.Table) -> pa.Table:
    """Such a table as a catalogue takes it: nothing where there is nothing, days as days, codes in dictionaries."""
    out = {}
    for name, column in zip(table.column_names, table.columns):
        if pa.types.is_integer(column.type):
            values = np.asarray(column)
            kind = np.int32 if name in ("begndate", "enddate") else np.int64
            out[name] = pa.array(np.where(values == NULL_INT, 0, values).astype(kind), mask=values == NULL_INT)
        else:
            text = pc.if_else(pc.equal(column, ""), pa.scalar(None, column.type), column)
            out[name] = text if name == "name" else pc.dictionary_encode(text)
    return pa.table(out)


def _raw(value: Any, kind: pa.DataType) -> Any:
    return value if value is not None else NULL_INT if pa.types.is_integer(kind) else ""


def _is_meant(row: Row, name: str, key: str | None, region: str) -> bool:
    own = row[_KEY[name]] if _KEY[name] else row["insu_admdvs"]
    return (key is None or (own or "") == key) and (not region or row["insu_admdvs"] == region)


def _path(name: str, row: Row, field: str) -> str:
    """Where a figure of a row stands."""
    key, place = (row[_KEY[name]] if _KEY[name] else None), row["insu_admdvs"]
    if name == "items":
        return f"items[{place}].{field}" if place else f"items.{field}"
    return f"{name}[{key or ''}].{field}" if not place else f"{name}[{key or ''}]@{place}.{field}"


def _column(table: Table, name: str) -> Column:
    column = table.find(name)
    if column is None or name == "med_list_codg":
        names = [held.name for held in table.columns if held.name != "med_list_codg"]
        raise NoPlaceError(unknown("column of the catalogue", "目录列", name, names))
    return column


def _value(column: Column, value: Any) -> Any:
    """A value as it is held; None for nothing."""
    if value is None:
        return None
    try:
        text = value if isinstance(value, str) else str(int(value)) if isinstance(value, bool) else scalar_text(value)
        if column.kind == "date":
            return days(text)
        if column.kind in ("rate", "price"):
            number = Fraction(Decimal(text[:-1])) / 100 if text.endswith("%") else Fraction(Decimal(text))
            return _whole_number(number * 10 ** SCALES[column.kind], column, text)
        return int(text) if column.kind == "flag" else text
    except (ValueError, TypeError, InvalidOperation, ScalarError) as error:
        what, zh = f"{column.name} cannot be {value!r}", f"{column.name} 不能是 {value!r}"
        raise NoPlaceError(Fault(what, zh, *_TAKES.get(column.kind, ("text", "文本")))) from error


_TAKES = {
    "date": ("YYYY-MM-DD", ""),
    "rate": ("a fraction with at most 6 decimals", "最多 6 位小数的比例"),
    "price": ("yuan with at most 6 decimals", "最多 6 位小数的金额（元）"),
    "flag": ("0 or 1", "0 或 1"),
}


def _whole_number(value: Fraction, column: Column, text: str) -> int:
    if value.denominator != 1:
        what, zh = f"{text} at {column.name} cannot be written exactly", f"{column.name} 处 {text} 不能精确表示"
        raise NoPlaceError(
            Fault(
                what,
                zh,
                "round: fen, jiao or yuan" if column.kind == "price" else "at most 6 decimals",
                "round: fen、jiao 或 yuan" if column.kind == "price" else "最多 6 位小数",
            )
        )
    return int(value)


def _text(column: Column, value: Any) -> str | None:
    if value is None:
        return None
    if column.kind in ("rate", "price"):
        return scalar_text(Fraction(value, 10 ** SCALES[column.kind]))
    return date_text(value) if column.kind == "date" else str(value)


def _edit(change: Change, table: Table, name: str | None) -> Any:
    """A function from a row to what becomes of it."""
    if change.operation == "merge":
        if name is not None or not isinstance(change.value, dict):
            what, zh = "`merge` puts columns into the rows of an item", "merge 把列值写入项目的行"
            raise NoPlaceError(Fault(what, zh, "{chrgitm_lv: …, selfpay_prop: …}"))
        patch = {field: _value(_column(table, field), value) for field, value in change.value.items()}
        return lambda row: {**row, **patch}
    if name is None:
        what, zh = f"`{change.operation}` needs a column", f"{change.operation} 须指明列"
        raise NoPlaceError(Fault(what, zh, ", ".join(c.name for c in table.columns if c.name not in _OWN)))
    column = _column(table, name)
    if change.operation in ("set", "remove"):
        value = None if change.operation == "remove" else _value(column, change.value)
        return lambda row: {**row, name: value}
    if column.kind not in (("rate",) if change.operation == "points" else ("rate", "price")):
        what, zh = f"`{change.operation}` does not go with {name}", f"{change.operation} 不能用于 {name}"
        raise NoPlaceError(Fault(what, zh, "a ratio" if change.operation == "points" else "a ratio or a cap", "比例" if change.operation == "points" else "比例或限价"))  # fmt: skip
    return lambda row: {**row, name: _reckoned(change, column, row[name])}


def _reckoned(change: Change, column: Column, value: int | None) -> int | None:
    if value is None:
        return None
    by = Fraction(Decimal(change.value)) if isinstance(change.value, str) else Fraction(change.value)
    if change.operation != "times":
        scale = 10 ** SCALES[column.kind]
        return _whole_number(
            value + by * scale / (100 if change.operation == "points" else 1), column, str(change.value)
        )
    after = value * by
    if change.round is not None and column.kind == "price":
        step = _ROUND[change.round]
        return int((after / step + Fraction(1, 2)).__floor__()) * step
    return _whole_number(after, column, f"{_text(column, value)} × {change.value}")
