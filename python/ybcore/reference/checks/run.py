"""All rules over all rows: kernels in the order of the book, then stage, relations, suppression and money."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import attribute, cap, diagnosis, pair, price, ratio, stays, supply, user, valid, window
from .book import Book, Rule, stack
from .job import Found, Job, specificity
from .money import Detail, Finding, Suppressed, detail_rows, finding, finding_row, of_quantity, pay_once, related
from .needs import missing
from .values import RuleError, listed
from .world import Line, World

KERNELS: dict[str, Callable[[Job], Found]] = {
    "K01": attribute.k01,
    "K02": diagnosis.k02,
    "K03": price.k03,
    "K04": pair.k04,
    "K05": diagnosis.k05,
    "K06": cap.k06,
    "K07": window.k07,
    "K08": stays.k08,
    "K09": stays.k09,
    "K10": supply.k10,
    "K11": price.k11,
    "K12": supply.k12,
    "K13": ratio.k13,
    "K14": valid.k14,
    "K15": valid.k15,
    "user": user.user,
}


@dataclass
class Result:
    """Findings and details as rows, the manifest, and what they were made from."""

    findings: list[dict[str, Any]]
    details: list[dict[str, Any]]
    manifest: dict[str, Any]
    book: Book = field(repr=False)
    world: World = field(repr=False)
    known_at: int | None = None
    stage: str = "after"
    judged: list[Finding] = field(default_factory=list, repr=False)


def check(
    documents: list[dict[str, Any]],
    tables: dict[str, list[dict[str, Any]] | None],
    *,
    catalog: Any = None,
    known_at: int | None = None,
    stage: str = "after",
    suppress: Sequence[dict[str, Any]] = (),
    time_of_day: bool = True,
    functions: Mapping[str, Any] | None = None,
) -> Result:
    """Judge visits and lines by rule documents as a reader of YAML gives them; `functions`: those of rules of one's own, by name."""
    book = stack(documents)
    book.functions = functions or {}
    for rule in book.rules:
        refuse_ambiguous(rule)
    world = World(tables, catalog, time_of_day)
    rows, findings = [], list[Finding]()
    days = [line.day for line in world.lines] + [visit.end_day for visit in world.visits]
    quiet = Suppressed(list(suppress), max(days, default=None) if known_at is None else known_at)
    for rule in in_turn(book):
        row, found = one_rule(rule, book, world, known_at, stage, denied_before(rule, findings))
        quiet.mark(found)
        rows.append(row)
        findings += found
    rows = [row for rule in book.rules for row in rows if row["rule_id"] == rule.id]
    findings.sort(key=lambda f: f.rank)
    settle_money(findings, rows, stage)
    findings.sort(key=lambda f: (f.rule.place, f.jr_id.encode()))
    manifest = {"rules": rows, "unmatched_returns": world.unmatched, "suppressions": quiet.told}
    out = [finding_row(f) for f in findings]
    details = [row for f in findings for row in detail_rows(f)]
    return Result(out, details, manifest, book, world, known_at, stage, findings)


def status(rule: Rule, book: Book, world: World, stage: str) -> tuple[str, str | None]:
    """Whether a rule runs, and if not why."""
    if rule.disabled is not None:
        return "disabled", rule.disabled
    if stage not in rule.stages:
        return "skipped", f"stage {stage}"
    if rule.kernel not in KERNELS:
        return "skipped", f"kernel {rule.kernel}"
    lacking = empty(rule, book) or missing(rule, world)
    if not lacking and rule.kernel == "user":
        lacking = user.lacking(rule, book.functions, world)
    return ("skipped", lacking) if lacking else ("run", None)


def empty(rule: Rule, book: Book) -> str | None:
    """The first table or list of the rule that has nothing in it."""
    for kind, name in named_in([rule.items, rule.check, rule.raw.get("scope")]):
        if kind == "table" and not book.table(name).rows:
            return f"table {name} has no rows"
        if kind == "list" and not book.list(name).get("codes"):
            return f"list {name} is empty"
    return None


def named_in(node: Any) -> list[tuple[str, str]]:
    """Every table and list that a part of a rule names."""
    if isinstance(node, list):
        return [found for part in node for found in named_in(part)]
    if not isinstance(node, dict):
        return []
    own = [(kind, node[kind]) for kind in ("table", "list") if isinstance(node.get(kind), str)]
    return own + [found for part in node.values() for found in named_in(part)]


def one_rule(
    rule: Rule, book: Book, world: World, known_at: int | None, stage: str, denied: set[Line]
) -> tuple[dict[str, Any], list[Finding]]:
    state, reason = status(rule, book, world, stage)
    row = {"rule_id": rule.id, "status": state, "reason": reason, "eligible": 0, "unknown": 0, "hits": 0}
    row |= {"suppressed": 0, "excluded": 0, "subsumed": 0}
    if state != "run":
        return row, []
    found = KERNELS[rule.kernel](Job(rule, book, world, known_at, denied))
    row |= {"eligible": found.eligible, "unknown": found.unknown}
    hits = found.hits
    if stage != "after":
        hits = [h for h in hits if not h.offending or not all(p.unit.history for p in h.offending)]
    return row, [finding(rule, hit, world) for hit in hits]


def leaves_out(rule: Rule) -> bool:
    """Whether a cap leaves out what rules before it deny."""
    return rule.kernel == "K06" and rule.check.get("count_denied") == "false"


def in_turn(book: Book) -> list[Rule]:
    """The rules as they run: what a cap leaves out hangs on which findings of the others stand, so such caps come last."""
    return sorted(book.rules, key=lambda rule: (leaves_out(rule), rule.place))


def denied_before(rule: Rule, findings: list[Finding]) -> set[Line]:
    """Lines that a cap leaves out: findings so far that stand, of rules before it in the book, deny them as a whole."""
    if not leaves_out(rule):
        return set()
    ranked = sorted(findings, key=lambda found: found.rank)
    stands = set(ranked) - set(related(ranked, "excludes"))
    stands -= set(related([found for found in ranked if found in stands], "subsumes"))
    return {
        detail.unit
        for found in stands
        for detail in found.details
        if found.moves and found.rule.place < rule.place
        if detail.kind == 1 and isinstance(detail.unit, Line) and detail.vola >= detail.unit.amount
    }


def settle_money(findings: list[Finding], rows: list[dict[str, Any]], stage: str) -> None:
    """Relations, then the moved amounts; findings that are excluded leave the list."""
    dropped = related(findings, "excludes")
    findings[:] = [f for f in findings if f not in dropped]
    for found in related(findings, "subsumes"):
        found.subsumed = True
    pay_once(findings, stage != "after")
    for row in rows:
        own = [f for f in findings if f.rule.id == row["rule_id"]]
        row["hits"] = sum(not f.suppressed for f in own)
        row["suppressed"] = sum(f.suppressed for f in own)
        row["subsumed"] = sum(f.subsumed for f in own)
        row["excluded"] = sum(f.rule.id == row["rule_id"] for f in dropped)


def denials(result: Result) -> dict[int, tuple[int, int]]:
    """What the findings move to full_self_pay: input row of a line → fen and quantity."""
    out: dict[int, tuple[int, int]] = {}
    for found in result.judged:
        for detail in found.details:
            line = detail.unit
            if detail.paid > 0 and isinstance(line, Line):
                fen, units = out.get(line.row, (0, 0))
                out[line.row] = (fen + detail.paid, max(units, units_moved(found, detail, line)))
    return out


def units_moved(found: Finding, detail: Detail, line: Line) -> int:
    """Units that go with the money: the excess, all of a line that goes whole, none where only the price falls. Those of one line are the same."""
    if found.rule.amount == "price_diff":
        return 0
    of_money = found.rule.amount == "excess_qty" and not of_quantity(found, detail)
    units = 0 if of_money else detail.cnt or 0 if found.rule.amount == "excess_qty" else line.quantity
    return max(0, min(line.quantity, units))


# Thresholds


def refuse_ambiguous(rule: Rule) -> None:
    """Two thresholds of one window that are equally specific must be told apart by a condition, or be steps of one scope."""
    for spec in [rule.check, *(rule.check.get("windows") or [])]:
        steps = spec.get("thresholds") or []
        for i, step in enumerate(steps):
            for other in steps[:i]:
                one, two = step.get("scope") or {}, other.get("scope") or {}
                same = one == two and step["value"] == other["value"]
                if same or (specificity(one) == specificity(two) and one != two and not apart(one, two)):
                    raise RuleError(f"rule {rule.id!r}: two thresholds of equal specificity: {one} and {two}")


def apart(one: dict[str, Any], two: dict[str, Any]) -> bool:
    """Whether a shared condition can never hold for both."""
    return any(
        not any(str(a).startswith(str(b)) or str(b).startswith(str(a)) for a in listed(one[k]) for b in listed(two[k]))
        for k in set(one) & set(two) - {"not", "diagnosis"}
    )
