"""From hits to findings: their names, what each moves, relations and suppression, and money once."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from ..numbers import date, round_div
from .book import DISPOSITIONS, Rule
from .counted import Counted, counted
from .job import Hit, Part
from .values import RuleError
from .window import subject_of
from .world import Line, Unit, Visit, World

MOVING = ("hold", "deny")


@dataclass(eq=False)
class Detail:
    unit: Unit
    kind: int
    cnt: int | None = None
    vola: int = 0
    paid: int = 0


@dataclass(eq=False)
class Finding:
    rule: Rule
    hit: Hit
    jr_id: str
    disposition: str
    severity: int
    details: list[Detail] = field(default_factory=list)
    suppressed: bool = False
    subsumed: bool = False
    counted: Counted = field(default_factory=Counted)

    @property
    def units(self) -> set[Unit]:
        return {p.unit for p in self.hit.offending}

    @property
    def first(self) -> Unit | None:
        return min((p.unit for p in self.hit.offending), key=lambda u: u.order, default=None)

    @property
    def moves(self) -> bool:
        return self.disposition in MOVING and not (self.rule.shadow or self.suppressed or self.subsumed)

    @property
    def rank(self) -> tuple:
        """Order of payment: by priority, then disposition, severity and place; within a rule by the first row."""
        first, priority = self.first, int(self.rule.raw.get("priority", "100"))
        own = (first.order if first else (), self.jr_id)
        return (priority, DISPOSITIONS.index(self.disposition), self.severity, self.rule.place, *own)


def jr_id(rule: Rule, hit: Hit) -> str:
    """The rule, what was hit and the begin of the window; never the number of a row."""
    names = sorted((p.unit.name for p in hit.offending), key=str.encode)
    parts = [rule.id, hit.what, "" if hit.begin is None else str(hit.begin), *names]
    return sha256("\x1f".join(parts).encode()).hexdigest()[:20]


def finding(rule: Rule, hit: Hit, world: World) -> Finding:
    row = hit.entry.cells if hit.entry else {}
    suspect = hit.suspect or row.get("suspect") == "1"
    severity = rule.severity if hit.severity is None else hit.severity
    found = Finding(rule, hit, jr_id(rule, hit), "suspect" if suspect else rule.disposition, severity)
    found.details, found.counted = details(found, world), counted(rule, hit, world)
    return found


def part_of(part: Part) -> int | None:
    """The excess of an offending line, None for the whole of it: of a line of nothing, or less, no part of the quantity can be told."""
    known = part.money or isinstance(part.unit, Visit) or part.unit.quantity > 0
    return part.excess if known else None


def line_amount(rule: Rule, hit: Hit, part: Part) -> int:
    """What the amount rule moves of an offending line."""
    line = part.unit
    if isinstance(line, Visit) or rule.amount == "none":
        return 0
    if rule.amount == "price_diff":
        if hit.expected is None:
            raise RuleError(f"rule {rule.id!r}: {rule.kernel} has no price to differ from")
        return max(0, line.amount - hit.expected)
    excess = part_of(part)
    if rule.amount == "excess_qty" and excess is not None and part.money:
        return excess
    if rule.amount == "excess_qty" and excess is not None and excess != line.quantity:
        return round_div(line.amount * excess, line.quantity)
    if rule.amount in ("whole_line", "excess_qty", "whole_day", "visit_total"):
        return line.amount
    raise RuleError(f"rule {rule.id!r}: amount {rule.amount!r}")


def widened(rule: Rule, hit: Hit, world: World) -> list[Part]:
    """The offending rows, and those that the amount rule takes along."""
    parts, seen = list(hit.offending), {p.unit for p in hit.offending}
    if rule.amount == "whole_day":
        keys = {day_key(rule, p.unit) for p in hit.offending if isinstance(p.unit, Line)}
        parts += [Part(x) for x in world.lines if x not in seen and day_key(rule, x) in keys]
    elif rule.amount == "visit_total":
        visits = {p.unit.visit if isinstance(p.unit, Line) else p.unit for p in hit.offending}
        parts += [Part(x) for x in world.lines if x not in seen and x.visit in visits]
    return parts


def day_key(rule: Rule, line: Line) -> tuple:
    """Whom the rule counts by, the item and the day."""
    subject = rule.check.get("subject", "visit")
    return line.visit.id if subject == "visit" else subject_of(line, subject), line.item, line.day


def details(found: Finding, world: World) -> list[Detail]:
    """Offending rows first, each part in order."""
    rule, hit = found.rule, found.hit
    out, taken = [], set[Unit]()
    for part in widened(rule, hit, world):
        unit, vola = part.unit, line_amount(rule, hit, part)
        if isinstance(unit, Visit) and rule.amount == "visit_total" and not unit.lines:
            vola = unit.cells.get("medfee_sumamt") or 0
        excess = part_of(part)
        cnt = None
        if isinstance(unit, Line) and (excess is None or not part.money):
            cnt = unit.quantity if excess is None else excess
        whole = rule.amount in ("whole_day", "visit_total") and isinstance(unit, Line)
        out.append(Detail(unit, 1, unit.quantity if whole and isinstance(unit, Line) else cnt, vola))
        taken.add(unit)
    out += [Detail(unit, 2) for unit in hit.involved if unit not in taken]
    return sorted(out, key=lambda d: (d.kind, isinstance(d.unit, Line), d.unit.order))


# Relations and suppression


def related(findings: list[Finding], kind: str) -> list[Finding]:
    """Those that a relation reaches: of two that exclude each other the later paid one, or the subsumed one."""
    kept, out = list[Finding](), []
    for found in findings:
        live = not (found.suppressed or found.rule.shadow)
        if live and any(reaches(other, found, kind) for other in (kept if kind == "excludes" else findings)):
            out.append(found)
        elif live:
            kept.append(found)
    return out


def reaches(other: Finding, found: Finding, kind: str) -> bool:
    named = found.rule.id in other.rule.related(kind)
    if kind == "excludes":
        named = named or other.rule.id in found.rule.related(kind)
    live = not (other.suppressed or other.rule.shadow)
    return named and live and other is not found and bool(other.units & found.units)


MATCHED = ("psn_no", "fixmedins_code", "setl_id", "dise_codg")


class Suppressed:
    """A suppression list at work: takes findings out, and tells of each row how many, and whether it has expired."""

    def __init__(self, rows: list[dict[str, Any]], today: int | None) -> None:
        self.told: list[dict[str, Any]] = []
        for row in rows:
            missing = [name for name in ("rule", "reason", "owner", "expires") if not str(row.get(name) or "").strip()]
            if missing:
                raise RuleError(f"a row of the suppression list has no {', '.join(missing)}")
            expired = today is not None and date(str(row["expires"])) <= today
            self.told.append({**row, "count": 0, "expired": expired})

    def mark(self, findings: list[Finding]) -> None:
        """The first row that fits counts."""
        for found in findings:
            row = next((row for row in self.told if not row["expired"] and fits(row, found)), None)
            if row is not None:
                found.suppressed = True
                row["count"] += 1


def fits(row: dict[str, Any], found: Finding) -> bool:
    first, units = found.first, found.units
    if row["rule"] != found.rule.id or (first is None and any(row.get(c) for c in ("psn_no", "setl_id", "dise_codg"))):
        return False
    if first is None:
        return row.get("fixmedins_code") in (None, found.hit.fixmedins_code) and not row.get("med_list_codg")
    visits = [u.visit if isinstance(u, Line) else u for u in units]
    if any(row.get(c) is not None and any(v.cells.get(c) != row[c] for v in visits) for c in MATCHED):
        return False
    items = [u.item if isinstance(u, Line) else None for u in units]
    return row.get("med_list_codg") is None or all(i == row["med_list_codg"] for i in items)


def pay_once(findings: list[Finding], before: bool) -> None:
    """Each line is moved once: a later finding moves what is left of it, and units that are denied already are not denied again.

    Of a line that was denied before nothing is left.
    """
    left: dict[Line, int] = {}
    units: dict[Line, int] = {}
    for found in findings:
        for detail in found.details:
            line = detail.unit
            if found.moves and detail.kind == 1 and isinstance(line, Line) and not (before and line.history):
                rest = left.setdefault(line, 0 if str(line.cells.get("deny_flag") or "0") == "1" else line.amount)
                wanted = detail.vola
                if of_quantity(found, detail) and line.quantity > 0:
                    denied = units.get(line, 0)
                    wanted -= round_div(line.amount * denied, line.quantity)
                    units[line] = max(denied, detail.cnt or 0)
                detail.paid = max(0, min(rest, wanted))
                left[line] = rest - detail.paid


def of_quantity(found: Finding, detail: Detail) -> bool:
    """Whether a detail denies a part of its line's quantity."""
    return found.rule.amount == "excess_qty" and detail.cnt is not None


def finding_row(found: Finding) -> dict[str, Any]:
    unit, hit = found.first, found.hit
    visit = unit.visit if isinstance(unit, Line) else unit
    doctor = None if unit is None else unit.cells.get("bilg_dr_codg" if isinstance(unit, Line) else "atddr_no")
    return {
        "jr_id": found.jr_id,
        "rule_id": found.rule.id,
        "rule_version": found.rule.version,
        "psn_no": visit.psn_no if visit else None,
        "setl_id": visit.id if visit else None,
        "mdtrt_id": visit.stay if visit else None,
        "fixmedins_code": visit.cells.get("fixmedins_code") if visit else hit.fixmedins_code,
        "dr_code": doctor if visit else hit.dr_code,
        "disposition": found.disposition,
        "sev_deg": found.severity,
        "vola_amt": sum(d.vola for d in found.details if d.kind == 1),
        "vola_amt_stas": int(
            found.rule.amount != "none"
            and found.rule.kernel != "K13"
            and not any(d.kind == 1 and isinstance(d.unit, Line) and d.unit.no_amount for d in found.details)
        ),
        "vola_bhvr_type": found.rule.raw.get("behaviour"),
        "measure": hit.measure,
        "limit": hit.limit,
        "group": found.counted.group,
        "begin": found.counted.begin,
        "end": found.counted.end,
        "table_row": hit.entry.place if hit.entry else -1,
        "shadow": int(found.rule.shadow),
        "suppressed": int(found.suppressed),
        "subsumed": int(found.subsumed),
    }


def detail_rows(found: Finding) -> list[dict[str, Any]]:
    out = []
    for i, detail in enumerate(found.details):
        unit = detail.unit
        line = unit if isinstance(unit, Line) else None
        visit = line.visit if line else unit
        out.append(
            {
                "jrd_id": f"{found.jr_id}-{i + 1}",
                "jr_id": found.jr_id,
                "setl_id": visit.id if isinstance(visit, Visit) else None,
                "feedetl_sn": line.cells.get("feedetl_sn") if line else None,
                "row": line.row if line else -1,
                "vola_item_type": detail.kind,
                "cnt": detail.cnt,
                "vola_amt": detail.vola,
                "paid_amt": detail.paid,
            }
        )
    return out
