"""Why a row was not hit: the conditions in the order of docs/checks.md, the first that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

from .attribute import VISIT_KEYS, coded_rows
from .attribute import attribute as attribute_of
from .book import Rule
from .counted import counted
from .job import Found, Job
from .money import Finding
from .run import KERNELS, Result, denied_before, in_turn, leaves_out, one_rule, status
from .tables import Entry, in_list
from .user import function_of
from .values import either, listed
from .world import Line, Unit, Visit

Answer = dict[str, Any]
OTHER = {"more_than": "at_most", "at_most": "more_than", "at_least": "less_than", "less_than": "at_least"}
OF_VISITS = ("visits", "days", "institutions")


def why_not(result: Result, rule_id: str, setl_id: Any, feedetl_sn: Any = None) -> Answer:
    """code, and what belongs to it: column, value, wanted; measure, limit, group, begin, end; findings as (jr_id, what became of it, fen moved)."""
    rule = next((r for r in result.book.rules if r.id == rule_id), None)
    if rule is None:
        return told("no_rule")
    state, reason = status(rule, result.book, result.world, result.stage)
    if state != "run":
        return told(state, value=reason)
    visit = result.world.by_id.get(setl_id)
    if visit is None:
        there = any(row["setl_id"] == setl_id for row in result.world.rows("visits"))
        return told("reversed") if there else told("absent", column="setl_id", value=str(setl_id))
    line = next((x for x in visit.given if feedetl_sn is not None and str(feedetl_sn) == line_name(x)), None)
    if feedetl_sn is not None and line is None:
        return told("absent", column="feedetl_sn", value=str(feedetl_sn))
    return asked(result, rule, visit, line)


def line_name(line: Line) -> str:
    return line.name.removeprefix(f"{line.visit.id}/")


def told(code: str, **more: Any) -> Answer:
    names = ("column", "value", "wanted", "measure", "limit", "group", "begin", "end")
    return {"code": code, **{name: more.get(name) for name in names}, "findings": more.get("findings", [])}


def looks_at(rule: Rule) -> str:
    """What a rule judges: lines, visits, both, or units."""
    check, form = rule.check, rule.check.get("form")
    trigger = check.get("trigger", "item")
    of_visits = {
        "K01": check.get("key", "item") not in ("item", "doctor"),
        "K02": check.get("key", "item") == "operation",
        "K05": (trigger if isinstance(trigger, str) else trigger["kind"]) != "item",
        "K07": check.get("measure") in OF_VISITS,
        "K08": True,
        "K09": form not in ("line_in_stay", "around_operation"),
        "K15": (check.get("on") or ("lines" if form in ("product", "in_catalogue") else "visits")) == "visits",
    }
    if rule.kernel == "K13":
        return "units"
    if rule.kernel == "K09" and form == "after_death":
        return "both"
    return "visits" if of_visits.get(rule.kernel) else "lines"


def asked(result: Result, rule: Rule, visit: Visit, line: Line | None) -> Answer:
    kind = function_of(rule, result.book.functions).on if rule.kernel == "user" else looks_at(rule)
    units: set[Unit] = {line} if line else {visit}
    units |= {visit} if kind == "visits" else set()
    hits = standing(result, rule, units, 1)
    if hits:
        return told("hit", findings=hits)
    if line is not None and line not in visit.lines and rule.kernel != "K15":
        return told("netted")
    if kind == "units" or (kind == "lines" and line is None):
        return told("unit", value=kind)
    unit: Unit = visit if line is None or kind == "visits" else line
    return next((found for found in conditions(result, rule, unit, units) if found), told("kernel"))


def standing(result: Result, rule: Rule, units: set[Unit], kind: int) -> list[tuple[str, str, int]]:
    """Findings of the rule in which a unit offends (1) or is involved (2)."""
    out = []
    for found in (f for f in result.judged if f.rule.id == rule.id):
        if any(d.unit in units and d.kind == kind for d in found.details):
            paid = sum(d.paid for d in found.details if own(d.unit, units))
            bare = found.rule.amount == "visit_total" and not any(isinstance(u, Line) or u.lines for u in units)
            out.append((found.jr_id, became(found, paid, bare), paid))
    return sorted(out)


def own(unit: Unit, units: set[Unit]) -> bool:
    """Whether the money of a detail is the row's: of the line, or of the visit and its lines."""
    lines = [u for u in units if isinstance(u, Line)]
    return unit in lines if lines else (unit.visit if isinstance(unit, Line) else unit) in units


def became(found: Finding, paid: int, bare: bool) -> str:
    if found.suppressed:
        return "suppressed"
    if found.subsumed:
        return "subsumed"
    if found.rule.shadow:
        return "shadow"
    if not found.moves:
        return "told"
    return "paid" if paid > 0 else "unsplit" if bare else "unpaid"


def conditions(result: Result, rule: Rule, unit: Unit, units: set[Unit]) -> Iterator[Answer | None]:
    denied = denied_of(result, rule)
    job = Job(rule, result.book, result.world, result.known_at, denied)
    day = unit.day if isinstance(unit, Line) else unit.begin_day
    yield in_force(job, day)
    yield scope(job, unit)
    yield items(job, unit, day)
    if unit in denied:
        yield told("denied")
    yield gone(result, job, unit)
    involved = standing(result, rule, units, 2)
    if involved:
        yield told("involved", findings=involved)
    yield attribute(job, unit, day)
    yield unknown(job, unit)
    yield compared(job, unit, day)


def denied_of(result: Result, rule: Rule) -> set[Line]:
    """Lines that the rule left out in the run."""
    quiet = {f.jr_id for f in result.judged if f.suppressed}
    findings = list[Finding]()
    for earlier in in_turn(result.book) if leaves_out(rule) else []:
        denied = denied_before(earlier, findings)
        if earlier is rule:
            return denied
        _, found = one_rule(earlier, result.book, result.world, result.known_at, result.stage, denied)
        for one in found:
            one.suppressed = one.jr_id in quiet
        findings += found
    return set()


def in_force(job: Job, day: int) -> Answer | None:
    row = job.rule.row
    if not job.rule.holds(day):
        return told("day")
    if row is None or row.holds(day, job.known_at):
        return None
    return told("known") if row.in_force(day) else told("day")


def scope(job: Job, unit: Unit) -> Answer | None:
    """The first condition that fails, else the first that is unknown; columns, then diagnoses, then what must not hold."""
    order = {"diagnosis": 1, "not": 2}
    parts = sorted(job.rule.scope.items(), key=lambda part: order.get(part[0], 0))
    truths = [(name, wanted, job.condition(unit, name, wanted)) for name, wanted in parts]
    for name, wanted, truth in truths:
        if truth is False:
            return told("scope", column=name, value=value_of(job, unit, name), wanted=written(name, wanted))
    return next((told("unknown", column=name) for name, _, truth in truths if truth is None), None)


def value_of(job: Job, unit: Unit, name: str) -> str | None:
    if name == "not":
        return None
    visit = unit.visit if isinstance(unit, Line) else unit
    if name == "diagnosis":
        return "|".join(sorted({d["diag_code"] for d in visit.diagnoses}, key=str.encode))
    values = job.values(unit, name)
    return None if values is None else "|".join(str(v) for v in values)


def written(name: str, wanted: Any) -> str:
    """A condition as it is written."""
    if name == "diagnosis":
        return str(wanted["list"])
    if name != "not":
        return "|".join(str(w) for w in listed(wanted))
    parts = {"diagnosis": 1, "not": 2}
    inner = sorted(wanted.items(), key=lambda part: parts.get(part[0], 0))
    return "not(" + ", ".join(written(n, w) if n == "not" else f"{n}: {written(n, w)}" for n, w in inner) + ")"


def items(job: Job, unit: Unit, day: int) -> Answer | None:
    check, kernel = job.check, job.rule.kernel
    trigger = check.get("trigger", "item")
    coded = check.get("key", "item") if kernel in ("K01", "K02") else "item"
    if kernel == "K05" and not isinstance(trigger, str):
        coded = trigger["kind"]
    visit = unit.visit if isinstance(unit, Line) else unit
    if coded in ("diagnosis", "operation"):
        rows = [row for row in coded_rows(job, coded) if row[0] is visit]
        inside = [in_list(job.book.list(trigger["list"]), row[1]) if kernel == "K05" else job.among(row[1], visit, row[2]) for row in rows]  # fmt: skip
        return None if any(found not in (None, False) for found in inside) else told("items", value=coded)
    if job.rule.items == "all":
        return None
    if coded != "item":
        key = unit.cells.get("bilg_dr_codg") if coded == "doctor" else visit.cells.get(VISIT_KEYS[coded])
        return outside(job, job.among(key, visit, day, unit if isinstance(unit, Line) else None), key, day)
    if isinstance(unit, Line):
        return outside(job, job.among(unit.item, visit, day, unit), unit.item, day)
    answers = [job.among(x.item, visit, x.day, x) for x in visit.lines]
    truth = either(None if a is None else a is not False for a in answers)
    return None if truth else told("unknown", column="items") if truth is None else told("items", value="lines")


def outside(job: Job, found: Any, code: Any, day: int) -> Answer | None:
    """A code that is not among the items: not in the table at all, or in no row that holds."""
    if found is None:
        return told("unknown", column="items")
    if found is not False:
        return None
    name = job.rule.items.get("table")
    table = job.book.table(name) if name else None
    if table is None or table.key_columns()[:2] == ["main", "included"]:
        return told("items", value=str(code))
    rows = [row for row in table.rows if row.cells.get(table.key_columns()[0]) == str(code)]
    if not rows:
        return told("items", value=str(code))
    then = [row for row in rows if not row.never and row.in_force(day)]
    known = [row for row in then if row.known_then(job.known_at)]
    word = "table_day" if not then else "table_known" if not known else "table_place"
    return told(word, column=table.name, value=str(code))


# The kernel, asked again


def again(job: Job, check: dict[str, Any] | None = None, only: Unit | None = None) -> Found:
    """What the kernel gives, with another check, or for one row alone."""
    rule = job.rule if check is None else replace(job.rule, raw={**job.rule.raw, "check": check})
    made = (Job if only is None else alone(only))(rule, job.book, job.world, job.known_at, job.denied)
    return KERNELS[rule.kernel](made)


def alone(unit: Unit) -> Callable[..., Job]:
    """A job that looks at one row."""

    class One(Job):
        def select(self, units: list[Any], truth: Callable[[Any], Any]) -> list[tuple[Any, Any]]:
            mine = [u for u in units if (u if isinstance(u, Line | Visit) else u[1] or u[0]) is unit]
            return super().select(mine, truth)

    return One


def hits_on(found: Found, unit: Unit) -> list[Any]:
    mine = [hit for hit in found.hits if any(part.unit is unit for part in hit.offending)]
    return sorted(mine, key=lambda hit: (hit.what, -(2**63) if hit.begin is None else hit.begin))


def gone(result: Result, job: Job, unit: Unit) -> Answer | None:
    """A finding that there was, and that is not reported."""
    dropped = next(row["excluded"] for row in result.manifest["rules"] if row["rule_id"] == job.rule.id)
    early = result.stage != "after" and any(visit.history for visit in job.world.visits)
    if not dropped and not early:
        return None
    hits = hits_on(again(job), unit)
    fresh = [hit for hit in hits if not (early and all(part.unit.history for part in hit.offending))]
    if dropped and fresh:
        return told("excluded")
    return told("history") if early and hits else None


def attribute(job: Job, unit: Unit, day: int) -> Answer | None:
    """K01: what the attribute is, and what it should not be."""
    check = job.check
    key, name = check.get("key", "item"), str(check.get("attribute"))
    if job.rule.kernel != "K01" or name == "listed" or key in ("diagnosis", "operation"):
        return None
    visit, line = (unit.visit, unit) if isinstance(unit, Line) else (unit, None)
    if name == "age":
        return told("unknown", column="brdy") if visit.value("brdy") is None else None
    values = attribute_of(job, (visit, line, None, day, ""), str(name))
    if values is None:
        return told("unknown", column=name)
    side = "allowed" if "allowed" in check else "barred"
    codes = mapped(job, line, check[side]) if "column" in check[side] else check[side]["codes"]
    wanted = "|".join(listed(codes))
    value = "|".join(str(v) for v in values)
    return told("attribute", column=name, value=value, wanted=wanted if side == "allowed" else f"not({wanted})")


def mapped(job: Job, line: Line | None, test: dict[str, Any]) -> Any:
    """The codes that the map says for the text of the row that holds; of keys other than items the column."""
    if line is None or job.check.get("key", "item") != "item":
        return f"column {test['column']}"
    text = job.cell(test, job.among(line.item, line.visit, line.day, line))
    return test["map"].get(text, []) if text else []


def unknown(job: Job, unit: Unit) -> Answer | None:
    """The row alone, in scope and among the items: what the kernel cannot know of it."""
    rule, kind = job.rule, looks_at(job.rule)
    if rule.kernel in ("K01", "K13", "K14") or kind == "both" or job.check.get("form") == "idle":
        return None
    if rule.kernel in ("K02", "K05") and kind == "visits":
        return None
    return told("unknown", column="values") if again(job, only=unit).unknown else None


def compared(job: Job, unit: Unit, day: int) -> Answer | None:
    """What the kernel counts where the comparator is turned round: exactly the rows that it did not hit."""
    kernel, check = job.rule.kernel, job.check
    if kernel == "K03" and isinstance(unit, Line):
        entry = job.among(unit.item, unit.visit, day, unit)
        ceiling = job.number({"column": "ceiling"}, entry, "price") if isinstance(entry, Entry) else None
        price = unit.cells.get("pric")
        return None if ceiling is None or price is None else told("compared", measure=price, limit=ceiling)
    turned = turned_check(kernel, check)
    hits = hits_on(again(job, turned), unit) if turned is not None else []
    if not hits:
        return None
    turned_rule = replace(job.rule, raw={**job.rule.raw, "check": turned})
    return told(
        "compared", measure=hits[0].measure, limit=hits[0].limit, **asdict(counted(turned_rule, hits[0], job.world))
    )


def turned_check(kernel: str, check: dict[str, Any]) -> dict[str, Any] | None:
    """The check that hits what the rule does not; None where there is none."""
    if (
        kernel == "K01"
        and check.get("attribute") == "age"
        and check.get("key", "item") not in ("diagnosis", "operation")
    ):
        return {**check, "barred": turned_age(check["barred"])}
    form = check.get("form")
    plain = kernel in ("K06", "K07", "K08") or (kernel, form) in (("K10", "daily_dose"), ("K12", "distinct"), ("K15", "delay"))  # fmt: skip
    return {**check, "comparator": OTHER[check["comparator"]]} if plain else None


def turned_age(test: dict[str, Any]) -> dict[str, Any]:
    if "column" in test:
        return {**test, "map": {key: turned_age(cell) for key, cell in test["map"].items()}}
    return {**test, "comparator": OTHER[test["comparator"]]}
