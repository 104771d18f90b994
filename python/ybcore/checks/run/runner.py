"""All rules over one batch, in the order of the book; then relations, suppression and money."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...errors import InputError, Problem
from ...policy.faults import nearest
from ..book import RuleBook
from ..rule import Rule
from ..suppression import rows_of
from ..vocabulary import STAGES
from . import line_rules, ratio_rules, sum_rules, supply_rules, time_rules, user_rules
from .found import Hits, Raw, give_names, hits_of
from .given import Batch, Whole
from .money import MOVING, Judged, denied_by, judge
from .needs import Tables, columns_of, missing
from .passing import MANY_LINES, Passing
from .report import CheckReport
from .work import Work

__all__ = [
    "State",
    "day_of",
    "denied_before",
    "leaves_out",
    "raw_of",
    "reported",
    "rule_status",
    "run",
    "stage_of",
    "states_of",
]

Mask = npt.NDArray[np.bool_]
_EPOCH = dt.date(1970, 1, 1)
KERNELS: dict[str, Callable[[Work, Rule], Raw]] = {
    "K01": line_rules.attribute,
    "K02": line_rules.diagnoses,
    "K03": line_rules.price_ceiling,
    "K04": line_rules.pairs,
    "K05": line_rules.couple,
    "K07": time_rules.window,
    "K08": time_rules.gap,
    "K09": time_rules.span,
    "K10": supply_rules.supply,
    "K11": sum_rules.tier,
    "K12": sum_rules.compose,
    "K13": ratio_rules.ratio,
    "K14": sum_rules.stock,
    "K15": sum_rules.valid,
    "user": user_rules.user,
}


State = tuple[Rule, tuple[str, str | None]]


def run(
    book: RuleBook,
    tables: dict[str, Any],
    *,
    catalog: Any = None,
    line_offsets: Any = None,
    known_at: dt.date | None = None,
    stage: str = "after",
    suppress: Sequence[dict[str, Any]] = (),
    threads: int = 1,
    whole: Whole | None = None,
) -> CheckReport:
    """Judge a batch by a book."""
    stage_of(stage)
    began = time.perf_counter()
    work = Work(Batch(tables, catalog, line_offsets, threads, whole=whole), day_of(known_at))
    work.lists = book.lists
    seconds = time.perf_counter() - began
    return reported(work, book, states_of(work, book, stage), stage, suppress, seconds)


def stage_of(stage: str) -> None:
    """Refuse what is no stage."""
    if stage not in STAGES:
        what, zh = f"{stage!r} is no stage", f"没有阶段 {stage!r}"
        raise InputError([Problem(what=what, what_zh=zh, path="stage", expected="before, during or after", expected_zh="before、during 或 after", nearest=nearest(str(stage), STAGES))])  # fmt: skip


def day_of(known_at: dt.date | None) -> int | None:
    """Days since 1970-01-01. Raises InputError where it is no date."""
    if known_at is not None and (not isinstance(known_at, dt.date) or isinstance(known_at, dt.datetime)):
        what, zh = f"{known_at!r} is no date", f"{known_at!r} 不是日期"
        raise InputError([Problem(what=what, what_zh=zh, path="known_at", expected="a datetime.date, as dt.date(2025, 5, 23)", expected_zh="datetime.date，如 dt.date(2025, 5, 23)")])  # fmt: skip
    return None if known_at is None else (known_at - _EPOCH).days


def states_of(work: Work, book: RuleBook, stage: str) -> list[State]:
    """Whether each rule of the book runs on a batch, and if not why: batches with the same columns have the same answer."""

    def found() -> list[State]:
        return [(rule, rule_status(work.batch, rule, stage)) for rule in book]

    kept = work.batch.kept
    return found() if kept is None else kept.once((stage, columns_of(work.batch)), found)


def reported(
    work: Work, book: RuleBook, states: list[State], stage: str, suppress: Sequence[dict[str, Any]], seconds: float, only: Container[str] | None = None
) -> CheckReport:  # fmt: skip
    """The report of a batch. `only`: rules that may have findings; what the others counted is told when the manifest is asked for."""
    asked = states if only is None else [state for state in states if state[0].id in only]
    suppress = rows_of(suppress)
    rows, hits = _run(work, asked, stage, suppress)
    hits = hits if only is None else [found for found in hits if len(found)]
    began = time.perf_counter()
    judged = judged_of(work, hits, suppress, stage)
    clock = {"prepare": seconds, "money": time.perf_counter() - began}
    for row in rows:
        kernel = str(row["kernel"])
        clock[kernel] = clock.get(kernel, 0.0) + row["seconds"]

    def manifest() -> pa.Table:
        every = rows if only is None else _run(work, states, stage, suppress)[0]
        _count(every, judged)
        return pa.Table.from_pylist(every, _MANIFEST)

    notes = tuple(note for frame in work.batch.frames.values() for note in frame.notes)
    left = tuple((rule.id, why) for rule, (status, why) in states if status == "skipped")
    return CheckReport(work, judged, manifest, notes, work.lost, judged.told, clock, book, stage=stage, skipped=left)


def _run(
    work: Work, states: list[State], stage: str, suppress: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[Hits]]:
    """(a row of the manifest for each rule, the findings of those that ran)."""
    found = list(_in_turn(work, states, stage, suppress))
    found.sort(key=lambda one: one[0])
    return [row for _, _, row, _ in found], [hits for *_, hits in found if hits is not None]


def _in_turn(work: Work, states: list[State], stage: str, suppress: Sequence[dict[str, Any]]) -> Iterator[tuple[int, Mask, dict[str, Any], Hits | None]]:  # fmt: skip
    """(place, lines that it leaves out, row of the manifest, findings) of each rule, as they run.

    What a cap leaves out hangs on which findings of the others stand, so such caps come last. Rules of one kernel, which read the same
    columns, run one after another, and those that need most first.
    """
    so_far: list[tuple[int, Hits]] = []
    none = np.zeros(len(work.batch.line_visit), bool)
    turns = sorted(range(len(states)), key=lambda at: states[at][0].kernel, reverse=True)
    turns.sort(key=lambda at: leaves_out(states[at][0]))
    running = [states[at][0] for at in turns if states[at][1][0] == "run"]
    work.picks.plan(running)
    passing = Passing(work, running) if len(none) >= MANY_LINES else None
    for place in turns:
        rule, (status, reason) = states[place]
        denied = none
        if status == "run" and leaves_out(rule):
            denied = denied_by(work, [hits for _, hits in so_far], [at for at, _ in so_far], place, suppress)
        row, found = _one(work, rule, status, reason, stage, denied)
        if found is not None:
            so_far.append((place, found))
            if passing is not None:
                passing.ran(rule)
        yield place, denied, row, found


def leaves_out(rule: Rule) -> bool:
    """Whether a cap leaves out what rules before it deny."""
    return getattr(rule.check, "count_denied", True) is False


def denied_before(
    work: Work, book: Iterable[Rule], rule: Rule, stage: str, suppress: Sequence[dict[str, Any]] = ()
) -> Mask:
    """Lines that a rule leaves out, where it does: only the rules on which that hangs are run."""
    rules = list(book)
    asked = _hangs_on(rules, rule) if leaves_out(rule) else set()
    states = [(one, rule_status(work.batch, one, stage)) for one in rules if one.id in asked]
    for place, denied, *_ in _in_turn(work, states, stage, suppress):
        if states[place][0].id == rule.id:
            return denied
    return np.zeros(len(work.batch.line_visit), bool)


def _hangs_on(rules: list[Rule], rule: Rule) -> set[str]:
    """A cap, the rules before it that move money, those that may exclude or subsume their findings, and so on."""
    out, size = {rule.id}, -1
    while size != len(out):
        size = len(out)
        for place, one in enumerate(rules):
            if one.id in out:
                out |= {*one.excludes}
                out |= {other.id for other in rules[:place] if leaves_out(one) and other.disposition in MOVING}
            elif out & {*one.excludes, *one.subsumes}:
                out.add(one.id)
    return out


def judged_of(work: Work, hits: list[Hits], suppress: Sequence[dict[str, Any]], stage: str) -> Judged:
    """Findings with their names, and what became of them."""
    give_names(work, hits)
    return judge(work, hits, suppress, work.known_at, stage != "after")


_MANIFEST = pa.schema(
    [("rule_id", pa.string()), ("rule_version", pa.string()), ("kernel", pa.string()), ("status", pa.string()), ("reason", pa.string())]
    + [(name, pa.int64()) for name in ("eligible", "unknown", "hits", "suppressed", "excluded", "subsumed")]
    + [("seconds", pa.float64())]
)  # fmt: skip


def rule_status(batch: Tables, rule: Rule, stage: str) -> tuple[str, str | None]:
    """Whether a rule runs on a batch, and if not why."""
    if not rule.enabled:
        return "disabled", rule.reason
    if stage not in rule.stage:
        return "skipped", f"stage {stage}"
    if rule.kernel not in KERNELS and rule.kernel != "K06":
        return "skipped", f"kernel {rule.kernel}"
    lacking = missing(rule, batch)
    if lacking is not None:
        return "skipped", lacking
    skip = rule.skip
    return ("skipped", skip[1]) if skip is not None else ("run", None)


def _one(
    work: Work, rule: Rule, status: str, reason: str | None, stage: str, denied: Any
) -> tuple[dict[str, Any], Hits | None]:
    row: dict[str, Any] = {
        "rule_id": rule.id,
        "rule_version": rule.version,
        "kernel": rule.kernel,
        "status": status,
        "reason": reason,
    }
    row |= dict.fromkeys(("eligible", "unknown", "hits", "suppressed", "excluded", "subsumed"), 0) | {"seconds": 0.0}
    if status != "run":
        return row, None
    began = time.perf_counter()
    try:
        raw = raw_of(work, rule, denied)
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        what = f"rule {rule.id} could not run: {error}"
        raise InputError(
            [Problem(what=what, what_zh=f"规则 {rule.id} 无法运行：{error}", file=rule.place[0], line=rule.place[1])]
        ) from error
    found = hits_of(work, rule, raw, stage != "after")
    row |= {
        "eligible": raw.eligible,
        "unknown": raw.unknown + int(raw.found["unknown"]),
        "seconds": time.perf_counter() - began,
    }
    return row, found


def raw_of(work: Work, rule: Rule, denied: Any) -> Raw:
    """What the kernel of a rule gives. `denied`: lines that earlier rules of the run deny as a whole."""
    return line_rules.cap(work, rule, denied) if rule.kernel == "K06" else KERNELS[rule.kernel](work, rule)


def _count(rows: list[dict[str, Any]], judged: Any) -> None:
    """What became of each rule's findings."""
    place = {hits.rule.id: i for i, hits in enumerate(judged.hits)}
    size = len(judged.hits)
    counts = {
        "hits": np.bincount(judged.rule[~judged.suppressed], minlength=size),
        "suppressed": np.bincount(judged.rule[judged.suppressed], minlength=size),
        "subsumed": np.bincount(judged.rule[judged.subsumed], minlength=size),
    }
    for row in rows:
        mine = place.get(row["rule_id"])
        if mine is not None:
            row |= {name: int(counted[mine]) for name, counted in counts.items()}
            row["excluded"] = judged.excluded.get(row["rule_id"], 0)
