"""From the national platform's tables SETL_D, MDTRT_D and FEE_LIST_D to ours and back, without losing a fen (docs/migration.md).

Amounts are read exactly (text, decimals or whole yuan; a binary float is refused), every row is held against the identities that the
platform's columns keep, and every column that has no place on the other side is named and kept beside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .columns.convert import NULL_DAY, NULL_INT, ColumnError, convert
from .columns.ids import flat
from .columns.phrases import chinese
from .columns.platform import PLATFORM, Place
from .columns.read import Problems, to_arrow
from .columns.schema import FUNDS, NATURES, SCALES, Column, Table
from .errors import InputError, Problem
from .io import yuan
from .policy.faults import nearest

__all__ = ["Migrated", "from_platform", "to_platform"]

Int64 = npt.NDArray[np.int64]
TOLD = 20  # rows of one fault that are told one by one
KEYS = {"SETL_D": "SETL_ID", "MDTRT_D": "MDTRT_ID", "FEE_LIST_D": "SETL_ID"}
#: Decimals that the platform's own fields have (N(16,2), N(5,4), N(16,4), N(16,6)).
PLACES = {"money": 2, "rate": 4, "quantity": 4, "price": 6}
IDENTITIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("T2", "medfee_sumamt", NATURES),
    ("T3", "fund_pay_sumamt", FUNDS),
    ("T4", "medfee_sumamt", ("fund_pay_sumamt", "psn_part_amt", "hosp_part_amt")),
    ("T5", "psn_part_amt", ("acct_pay", "acct_mulaid_pay", "psn_cash_pay")),
)


@dataclass(frozen=True)
class Migrated:
    """Tables on the other side.

    `tables`: by name; of `from_platform` visits and results, lines and line_results where there were fee lines; of `to_platform` SETL_D,
    MDTRT_D, FEE_LIST_D. `beside`: by source table its key and the columns that have no place; `unplaced`: their names. `notes`: what was
    decided on the way.
    """

    tables: dict[str, pa.Table]
    beside: dict[str, pa.Table] = field(default_factory=dict)
    notes: tuple[Problem, ...] = ()

    @property
    def unplaced(self) -> dict[str, list[str]]:
        """Columns by table that have no place on the other side; the key itself is not among them."""
        return {name: table.column_names[1:] for name, table in self.beside.items()}


def from_platform(
    setl_d: Any, fee_list_d: Any = None, mdtrt_d: Any = None, *, hospital_gap: str = "refuse"
) -> Migrated:
    """SETL_D, with FEE_LIST_D and MDTRT_D where there are any, as our tables; money is int64 fen.

    `hospital_gap`: of a row whose hospital part is null and whose parts do not add up, `refuse` (default) tells the gap, `hospital` takes it
    as the hospital's part (a cancel leaves it in a row of setldetail) and notes it. Raises InputError with everything that is wrong, by
    table, column and row.
    """
    if hospital_gap not in ("refuse", "hospital"):
        raise InputError([Problem(what=f"no choice {hospital_gap!r}", what_zh=f"没有选项 {hospital_gap!r}", path="hospital_gap", expected="refuse, hospital")])  # fmt: skip
    read = _Reader()
    given = {"SETL_D": setl_d, "FEE_LIST_D": fee_list_d, "MDTRT_D": mdtrt_d}
    parts = {name: read.table(name, data) for name, data in given.items() if data is not None}
    read.stop()
    whole = parts["SETL_D"]
    results = read.filled(whole.pop("results"), hospital_gap)
    visits = _reversals_bare(whole.pop("visits"))
    if "MDTRT_D" in parts:
        visits = read.joined(visits, parts["MDTRT_D"]["visits"])
    read.adds_up(results)
    tables = {"visits": pa.table(visits), "results": pa.table(results)}
    if "FEE_LIST_D" in parts:
        tables |= {name: pa.table(columns) for name, columns in parts["FEE_LIST_D"].items()}
        read.lines_add_up(tables)
    read.stop()
    return Migrated(tables, read.beside, tuple(read.notes))


def to_platform(visits: Any, results: Any, lines: Any = None, line_results: Any = None) -> Migrated:
    """Our visits and their results (row by row, or by setl_id) as SETL_D and MDTRT_D; fee lines and their results as FEE_LIST_D.

    Amounts are decimals with the digits of the platform's fields; a rate that needs more is a problem, never rounded. Missing amounts are
    zero, as the platform has them. Raises InputError with everything that is wrong.
    """
    faults = Problems()
    names = {"visits": visits, "results": results, "lines": lines, "line_results": line_results}
    ours = {name: _columns(name, data, faults) for name, data in names.items() if data is not None}
    faults.stop()
    _beside_each_other(ours, faults)
    faults.stop()
    tables = {"SETL_D": _theirs("SETL_D", ours, faults), "MDTRT_D": _theirs("MDTRT_D", ours, faults)}
    tables["MDTRT_D"] = _first_of_each(tables["MDTRT_D"], "MDTRT_ID")
    if "lines" in ours:
        tables["FEE_LIST_D"] = _theirs("FEE_LIST_D", ours, faults)
    faults.stop()
    placed = {one for places in PLATFORM.values() for place in places for one in place.ours}
    beside = {}
    for name, columns in ours.items():
        rest = [column for column in columns if f"{name}.{column}" not in placed]
        if rest and "setl_id" in columns:
            beside[name] = pa.table({name: columns[name] for name in ("setl_id", *rest)})
    return Migrated(tables, beside)


# ---------------------------------------------------------------------------------------------- reading theirs


class _Reader:
    """Reads their tables and collects what is wrong, what is left over, and what was decided."""

    def __init__(self) -> None:
        self.faults: list[Problem] = []
        self.notes: list[Problem] = []
        self.beside: dict[str, pa.Table] = {}

    def stop(self) -> None:
        if self.faults:
            raise InputError(self.faults)

    def say(self, zh: str, en: str, path: str, row: int | None = None, **more: Any) -> None:
        self.faults.append(Problem(what=en, what_zh=zh, path=path, row=row, **more))

    def table(self, name: str, data: Any) -> dict[str, dict[str, pa.Array]]:
        """Our columns by our table, and what is left over into `beside`."""
        found = Problems()
        columns = {key.upper(): flat(column) for key, column in _columns(name, data, found).items()}
        self.faults += found.found
        out: dict[str, dict[str, pa.Array]] = {}
        used: set[str] = set()
        for place in PLATFORM[name]:
            there = [one for one in (place.name, *place.also) if one in columns]
            used |= set(there)
            if not there:
                if not place.empty and not found.found:
                    known = list(columns)
                    self.say(f"缺少列 {place.name}", f"the column {place.name} is missing", f"{name}.{place.name}", nearest=nearest(place.name, known))  # fmt: skip
                continue
            held = [self.cells(columns[one], place, f"{name}.{one}") for one in there]
            for one, other in zip(there[1:], held[1:]):
                self.same(held[0], other, f"{name}.{one}", place.name)
                held[0] = pc.coalesce(held[0], other)
            for where in place.ours:
                table, _, column = where.partition(".")
                out.setdefault(table, {})[column] = held[0]
        rest = [column for column in columns if column not in used]
        if rest and KEYS[name] in columns:
            self.beside[name] = pa.table({KEYS[name]: columns[KEYS[name]], **{column: columns[column] for column in rest}})  # fmt: skip
        return out

    def cells(self, column: pa.ChunkedArray, place: Place, path: str) -> pa.Array:
        """A column in our units; cells that cannot be read are told."""
        if place.kind in ("id", "code", "text"):
            out = column.cast(pa.string()).combine_chunks() if not pa.types.is_null(column.type) else pa.nulls(len(column), pa.string())  # fmt: skip
            out = pc.if_else(pc.equal(pc.utf8_trim_whitespace(out), ""), None, pc.utf8_trim_whitespace(out))
            if not place.empty and place.kind == "id" and out.null_count:
                self.rows(pc.is_null(out), "缺少编号", "the id is missing", path)
            return out
        try:
            held = convert(_in_yuan(column, place.kind), Column(path, place.kind, negative=True))
        except ColumnError as error:
            what = f"the column {error}"
            self.say(chinese(what), what, path, expected="decimal text" if place.kind in SCALES else "", expected_zh="小数文本" if place.kind in SCALES else "")  # fmt: skip
            return pa.nulls(len(column), pa.int64())
        if held.bad is not None and held.bad.any():
            self.rows(pa.array(held.bad), "无法读取该单元格", "the cell cannot be read", path, column)
        return _array(held.values, place.kind, column)

    def same(self, one: pa.Array, other: pa.Array, path: str, name: str) -> None:
        differ = pc.fill_null(pc.not_equal(one, other), False)
        self.rows(differ, f"与 {name} 不一致", f"differs from {name}", path)

    def rows(self, mask: Any, zh: str, en: str, path: str, column: Any = None) -> None:
        """One problem a row, the first of them; then how many more."""
        at = pc.indices_nonzero(mask).to_pylist()
        for row in at[:TOLD]:
            cell = "" if column is None else f" {str(column[row].as_py())[:40]!r}"
            self.say(zh + cell, en + cell, path, row + 1)
        if len(at) > TOLD:
            self.say(f"{zh}（另有 {len(at) - TOLD} 行）", f"{en} (and {len(at) - TOLD} more rows)", path)

    def filled(self, results: dict[str, pa.Array], gap: str) -> dict[str, pa.Array]:
        """Null amounts are zero; of a null person's part and hospital part what the others leave."""
        out = dict(results)
        rows = len(out["setl_id"])
        for name in ("hosp_part_amt", "acct_mulaid_pay", "balc", "pool_prop_selfpay", "hifdm_pay"):
            out.setdefault(name, pa.nulls(rows, pa.int64()))
        absent = np.asarray(pc.is_null(out["hosp_part_amt"]))
        out = {
            name: pc.fill_null(column, 0) if pa.types.is_int64(column.type) else column for name, column in out.items()
        }
        left = _sum(out, ("medfee_sumamt",)) - _sum(out, ("fund_pay_sumamt", "psn_part_amt", "hosp_part_amt"))
        for row in np.flatnonzero(absent & (left != 0)).tolist() if gap == "hospital" else ():
            fen = int(left[row])
            self.notes.append(Problem(what=f"the gap of {fen} fen is taken as the hospital's part", what_zh=f"差额 {fen} 分作为医院负担", path="SETL_D.OWNPAY_HOSP_PART", row=row + 1))  # fmt: skip
        if gap == "hospital":
            out["hosp_part_amt"] = pa.array(_sum(out, ("hosp_part_amt",)) + np.where(absent, left, 0))
        return out

    def adds_up(self, results: dict[str, pa.Array]) -> None:
        """The identities of a settlement, row by row."""
        for label, total, parts in IDENTITIES:
            gap = _sum(results, (total,)) - _sum(results, parts)
            for row in np.flatnonzero(gap)[:TOLD].tolist():
                words, fen = " + ".join(parts), int(gap[row])
                hint = "; where a setldetail row holds it: hospital_gap='hospital'" if label == "T4" else ""
                self.say(f"{label}：{total} 与 {words} 相差 {fen} 分", f"{label}: {total} is {fen} fen more than {words}{hint}", f"SETL_D.{total.upper()}", row + 1)  # fmt: skip

    def joined(self, visits: dict[str, pa.Array], stays: dict[str, pa.Array]) -> dict[str, pa.Array]:
        """Visits with what MDTRT_D says of their stay."""
        keys = stays["mdtrt_id"]
        if pc.count_distinct(keys).as_py() != len(keys):
            self.say("MDTRT_ID 重复", "an MDTRT_ID stands more than once", "MDTRT_D.MDTRT_ID")
            return visits
        at = pc.index_in(visits["mdtrt_id"], value_set=keys) if "mdtrt_id" in visits else None
        if at is None:
            self.say("SETL_D 没有 MDTRT_ID，无法与 MDTRT_D 连接", "SETL_D has no MDTRT_ID to join MDTRT_D by", "SETL_D.MDTRT_ID")  # fmt: skip
            return visits
        out = dict(visits)
        for name, column in stays.items():
            told = column.take(at)
            if name in out:
                self.same(out[name], told, f"MDTRT_D.{name}", f"SETL_D ({name})")
                out[name] = pc.coalesce(out[name], told)
            else:
                out[name] = told
        return out

    def lines_add_up(self, tables: dict[str, pa.Table]) -> None:
        """The four parts of each line, and lines against their settlement (T1, T2)."""
        lines, split = tables["lines"], tables["line_results"]
        names = ("fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt")
        parts = {name: pc.fill_null(split[name], 0).to_numpy() for name in names}
        gap = pc.fill_null(lines["det_item_fee_sumamt"], 0).to_numpy() - sum(parts.values())
        self.rows(pa.array(gap != 0), "明细总额与四项之和不等", "the line is not the sum of its four parts", "FEE_LIST_D.DET_ITEM_FEE_SUMAMT")  # fmt: skip
        settled = tables["results"]
        at = pc.index_in(lines["setl_id"], value_set=settled["setl_id"].combine_chunks())
        self.rows(pc.is_null(at), "SETL_D 中没有这笔结算", "SETL_D has no such settlement", "FEE_LIST_D.SETL_ID")
        known = np.asarray(pc.is_valid(at))
        place = np.asarray(pc.fill_null(at, 0))[known]
        has = np.zeros(settled.num_rows, bool)
        has[place] = True
        for ours, column in zip(NATURES, names):
            sums = np.zeros(settled.num_rows, np.int64)
            np.add.at(sums, place, parts[column][known])
            differ = has & (sums != settled[ours].to_numpy())
            self.rows(pa.array(differ), f"明细合计与 {ours} 不等", f"lines do not add up to {ours}", f"SETL_D.{ours.upper()}")  # fmt: skip


def _columns(name: str, data: Any, problems: Problems) -> dict[str, pa.ChunkedArray]:
    """The columns of anything that we accept, all of them: what has no place is kept too."""
    known = tuple(Column(str(column), "text") for column in data) if isinstance(data, Mapping) else ()
    return to_arrow(data, Table(name, name, name, known), problems)


def _in_yuan(column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray:
    """Whole numbers of theirs are whole yuan (or units), not fen."""
    return column.cast(pa.decimal128(20, 0)) if pa.types.is_integer(column.type) and kind in PLACES else column


def _array(values: Any, kind: str, column: pa.ChunkedArray) -> pa.Array:
    if kind == "date":
        return pa.array(values, pa.int32(), mask=np.asarray(values == NULL_DAY)).cast(pa.date32())
    if kind == "time":
        return pa.array(values, pa.int64(), mask=np.asarray(values == NULL_INT)).cast(pa.timestamp("us"))
    if kind == "flag":
        return pa.array(values, pa.int64(), mask=np.asarray(values < 0)).cast(pa.string())
    return pa.array(values, pa.int64(), mask=np.asarray(values == NULL_INT))


def _sum(columns: Mapping[str, pa.Array], names: Iterable[str]) -> Int64:
    return np.sum([pc.fill_null(columns[name], 0).to_numpy(zero_copy_only=False) for name in names], axis=0)


def _reversals_bare(visits: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """A reversal names its original; its negative amounts are results, not natures to be settled."""
    if "refd_setl_flag" not in visits:
        return visits
    back = pc.fill_null(pc.equal(visits["refd_setl_flag"], "1"), False)
    amounts = ("medfee_sumamt", *NATURES)
    return {name: pc.if_else(back, None, column) if name in amounts else column for name, column in visits.items()}


# ---------------------------------------------------------------------------------------------- writing theirs


def _beside_each_other(ours: dict[str, dict[str, pa.ChunkedArray]], faults: Problems) -> None:
    """Results in the order of the visits, line results in that of the lines."""
    visits, results = ours["visits"], ours["results"]
    for name, columns in (("visits", visits), ("results", results)):
        if "setl_id" not in columns:
            faults.add("the column is missing", f"{name}.setl_id")
    if faults.found:
        return
    at = pc.index_in(flat(visits["setl_id"]).cast(pa.string()), value_set=flat(results["setl_id"]).cast(pa.string()).combine_chunks())  # fmt: skip
    if at.null_count:
        faults.add("a visit has no result", "results.setl_id", row=pc.indices_nonzero(pc.is_null(at))[0].as_py() + 1)
        return
    ours["results"] = {name: column.take(at) for name, column in results.items()}
    if "lines" in ours and "line_results" in ours:
        rows = [len(next(iter(ours[name].values()))) for name in ("lines", "line_results")]
        if rows[0] != rows[1]:
            faults.add(f"columns have different lengths: lines {rows[0]}, line_results {rows[1]}", "line_results")


def _theirs(name: str, ours: dict[str, dict[str, pa.ChunkedArray]], faults: Problems) -> pa.Table:
    """One of their tables from our columns."""
    out: dict[str, Any] = {}
    for place in PLATFORM[name]:
        held = None
        for where in reversed(place.ours):  # what was answered, rather than what was asked
            table, _, column = where.partition(".")
            if held is None and column in ours.get(table, {}):
                held = flat(ours[table][column])
        if held is None:
            continue
        out[place.name] = _told(held, place, f"{name}.{place.name}", faults)
    if name == "MDTRT_D" and "MDTRT_ID" not in out:
        return pa.table({"MDTRT_ID": pa.array([], pa.string())})
    return pa.table(out)


def _told(column: pa.ChunkedArray, place: Place, path: str, faults: Problems) -> Any:
    if place.kind in ("id", "code", "text"):
        return column.cast(pa.string())
    try:
        cells = convert(column, Column(path, place.kind, negative=True))
    except ColumnError as error:
        faults.add(f"the column {error}", path)
        return column
    values = _array(cells.values, place.kind, column)
    if place.kind not in PLACES:
        form = {"date": "%Y-%m-%d", "time": "%Y-%m-%d %H:%M:%S"}.get(place.kind)
        return pc.strftime(values.cast(pa.timestamp("s")), form) if form else values
    values = values if place.empty else pc.fill_null(values, 0)
    scale = 10 ** (SCALES[place.kind] - PLACES[place.kind])
    whole = pc.fill_null(values, 0).to_numpy(zero_copy_only=False)
    more = np.flatnonzero(whole % scale)
    if len(more):
        faults.add(f"the value has more than {PLACES[place.kind]} decimals", path, row=int(more[0]) + 1)
        return column
    units = pa.array(whole // scale, pa.int64(), mask=np.asarray(pc.is_null(values)))
    return yuan(units, PLACES[place.kind])


def _first_of_each(table: pa.Table, key: str) -> pa.Table:
    """The first row of each key; rows without one are left out."""
    seen: set[Any] = set()
    rows = [row for row, one in enumerate(table[key].to_pylist()) if one is not None and not (one in seen or seen.add(one))]  # type: ignore[func-returns-value]  # fmt: skip
    return table.take(pa.array(rows, pa.int64()))
