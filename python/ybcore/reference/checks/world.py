"""The visits and lines that stand after netting, and what is known about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .values import DAY, UNIT, day_of, id_key

Row = dict[str, Any]
LEVEL = {
    **dict.fromkeys(("01", "02", "03", "04", "12"), "3"),
    **dict.fromkeys(("05", "06", "07", "13"), "2"),
    **dict.fromkeys(("08", "09", "10", "14"), "1"),
}
DEFAULTS = {"place": "local", "day_surgery": "0"}
OF_LINES = ("dscg_tkdrug_flag", "tcmdrug_used_way", "bilg_dept_codg")


@dataclass(eq=False)
class Visit:
    """A visit that stands; begin and end are microseconds."""

    row: int
    cells: Row
    begin: int
    end: int
    person: Row
    institution: Row
    lines: list[Line] = field(default_factory=list)
    given: list[Line] = field(default_factory=list)
    diagnoses: list[Row] = field(default_factory=list)
    operations: list[Row] = field(default_factory=list)

    @property
    def id(self) -> Any:
        return self.cells["setl_id"]

    @property
    def psn_no(self) -> Any:
        return self.cells["psn_no"]

    @property
    def stay(self) -> Any:
        own = self.cells.get("mdtrt_id")
        return self.id if own is None else own

    @property
    def begin_day(self) -> int:
        return day_of(self.begin)

    @property
    def end_day(self) -> int:
        return day_of(self.end)

    @property
    def order(self) -> tuple:
        return self.begin, id_key(self.id)

    @property
    def name(self) -> str:
        return str(self.id)

    @property
    def history(self) -> bool:
        return str(self.cells.get("hist_flag") or "0") == "1"

    @property
    def stay_days(self) -> int:
        days = self.cells.get("ipt_days")
        return max(1, self.end_day - self.begin_day) if days is None else days

    @property
    def main_diagnosis(self) -> str | None:
        named = self.cells.get("dscg_maindiag_code")
        main = sorted(d["diag_code"] for d in self.diagnoses if str(d.get("maindiag_flag")) == "1")
        return named or (main[0] if main else None)

    def value(self, name: str) -> Any:
        """An attribute of the visit, else of the person, else of the institution; None is unknown."""
        if name == "level":
            grade = self.value("hosp_lv")
            return None if grade is None else LEVEL.get(grade, "0")
        found = next((r[name] for r in (self.cells, self.person, self.institution) if r.get(name) is not None), None)
        if name == "gend" and str(found) in ("0", "9"):
            return None
        return DEFAULTS.get(name) if found is None else found


@dataclass(eq=False)
class Line:
    """A line of a standing visit: as given, and net of what was returned."""

    row: int
    cells: Row
    visit: Visit
    place: int
    time: int
    quantity: int
    amount: int
    returning: bool

    def __post_init__(self) -> None:
        self.given_quantity, self.given_amount = self.quantity, self.amount

    @property
    def no_amount(self) -> bool:
        return self.cells.get("det_item_fee_sumamt") is None

    @property
    def day(self) -> int:
        return day_of(self.time)

    @property
    def item(self) -> str:
        return self.cells["med_list_codg"]

    @property
    def order(self) -> tuple:
        sn = self.cells.get("feedetl_sn")
        return self.time, id_key(self.visit.id), (-1, self.place, b"") if sn is None else id_key(sn)

    @property
    def name(self) -> str:
        sn = self.cells.get("feedetl_sn")
        return f"{self.visit.id}/{f'#{self.place}' if sn is None else sn}"

    @property
    def history(self) -> bool:
        return self.visit.history


Unit = Visit | Line


class World:
    """Everything the rules look at."""

    def __init__(self, tables: dict[str, list[Row] | None], catalog: Any = None, time_of_day: bool = True) -> None:
        self.tables, self.time_of_day = tables, time_of_day
        self.catalog = catalog.get("items") if isinstance(catalog, dict) else catalog
        self.visits, self.unmatched = standing(self), 0
        self.by_id = {visit.id: visit for visit in self.visits}
        places: dict[Any, int] = {}
        for row, cells in enumerate(self.rows("lines")):
            places[cells["setl_id"]] = places.get(cells["setl_id"], 0) + 1
            if cells["setl_id"] in self.by_id:
                visit = self.by_id[cells["setl_id"]]
                visit.given.append(line_of(row, cells, visit, places[visit.id]))
        for visit in self.visits:
            visit.given.sort(key=lambda line: line.order)
            self.unmatched += net(visit.given)
            visit.lines = [x for x in visit.given if not x.returning and (x.quantity or x.amount)]
            visit.diagnoses = [r for r in self.rows("diagnoses") if r["setl_id"] == visit.id and r.get("diag_code")]
            visit.operations = [r for r in self.rows("operations") if r["setl_id"] == visit.id]
        self.lines = sorted((x for v in self.visits for x in v.lines), key=lambda line: line.order)
        self.given_lines = sorted((x for v in self.visits for x in v.given), key=lambda line: line.order)

    def rows(self, table: str) -> list[Row]:
        return self.tables.get(table) or []

    def has(self, table: str, column: str) -> bool:
        """Whether a column is there; a table without rows does not tell, and passes."""
        rows = self.tables.get(table)
        return rows is not None and (not rows or any(column in row for row in rows))

    def item(self, line: Line) -> Row | None:
        """The catalogue's row of a line on its day: that of its place, else the one for everywhere."""
        place = line.visit.value("insuplc_admdvs") or ""
        rows = [
            row
            for row in self.catalog or []
            if row["med_list_codg"] == line.item
            and (row.get("begndate") is None or row["begndate"] <= line.day)
            and (row.get("enddate") is None or line.day < row["enddate"])
            and row.get("insu_admdvs") in (None, "", place)
        ]
        return max(rows, key=lambda row: len(row.get("insu_admdvs") or "")) if rows else None

    def doctor(self, code: Any, day: int) -> Row | None:
        return next(iter(on_day([r for r in self.rows("doctors") if r["dr_code"] == code], day)), None)


def on_day(rows: list[Row], day: int) -> list[Row]:
    return [
        r
        for r in rows
        if (r.get("begndate") is None or r["begndate"] <= day) and (r.get("enddate") is None or day < r["enddate"])
    ]


def standing(world: World) -> list[Visit]:
    """Visits that are neither reversed nor reversals, in order."""
    rows = world.rows("visits")
    reversals = [r for r in rows if str(r.get("refd_setl_flag") or "0") == "1"]
    gone = {r["setl_id"] for r in reversals} | {r.get("init_setl_id") for r in reversals}
    visits = [visit_of(world, i, r) for i, r in enumerate(rows) if r["setl_id"] not in gone]
    return sorted(visits, key=lambda visit: visit.order)


def visit_of(world: World, row: int, cells: Row) -> Visit:
    """Begin and end are times, else dates at midnight, else the day of settlement, else each other; persons and institutions are those of the day of the end."""
    settled = None if cells.get("setl_time") is None else day_of(cells["setl_time"]) * DAY
    bounds = []
    for time, date in (("begntime", "begndate"), ("endtime", "enddate")):
        midnight = settled if cells.get(date) is None else cells[date] * DAY
        bounds.append(midnight if cells.get(time) is None else cells[time])
    begin, end = (next((t for t in pair if t is not None), 0) for pair in (bounds, bounds[::-1]))
    end_day, scheme = day_of(end), cells.get("insutype")
    persons = on_day([r for r in world.rows("persons") if r["psn_no"] == cells["psn_no"]], end_day)
    persons = [r for r in persons if scheme is None or r.get("insutype") == scheme]
    code = cells.get("fixmedins_code")
    places = on_day([r for r in world.rows("institutions") if r["fixmedins_code"] == code], end_day)
    return Visit(row, cells, begin, end, persons[0] if persons else {}, places[0] if places else {})


def line_of(row: int, cells: Row, visit: Visit, place: int) -> Line:
    amount = cells.get("det_item_fee_sumamt") or 0
    quantity = cells.get("cnt")
    quantity = (UNIT if amount >= 0 else -UNIT) if quantity is None else quantity
    time = visit.end_day * DAY if cells.get("fee_ocur_time") is None else cells["fee_ocur_time"]
    return Line(row, cells, visit, place, time, quantity, amount, quantity < 0 or amount < 0)


def net(lines: list[Line]) -> int:
    """Take what returning lines of a visit return from the lines they name, then from the latest ones of no later time; counts those that find none."""
    unmatched = 0
    returning = [line for line in lines if line.returning]
    for line in sorted(returning, key=lambda x: (x.cells.get("init_feedetl_sn") is None, x.order)):
        named = line.cells.get("init_feedetl_sn")
        if named is not None:
            found = [x for x in lines if not x.returning and x.cells.get("feedetl_sn") == named]
        else:
            found = [
                x
                for x in lines
                if not x.returning
                and x.item == line.item
                and x.time <= line.time  # of one time no order of ids says which came first
                and x.quantity >= -line.quantity
                and x.amount >= -line.amount
            ]
        if found:
            target = max(found, key=lambda x: x.order)
            target.quantity, target.amount = target.quantity + line.quantity, target.amount + line.amount
        unmatched += not found
        line.quantity = line.amount = 0
    return unmatched
