"""Findings counted: by rule, level, institution and more; and how many of them people confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.ids import flat
from ..columns.read import Problems, read
from ..columns.schema import Column, Table
from ..errors import InputError, Problem
from ..policy.faults import nearest
from .vocabulary import DISPOSITIONS

if TYPE_CHECKING:
    from .run.report import CheckReport

__all__ = ["KEYS", "OUTCOMES", "finding_of", "grouped", "paid_of", "precision", "totals"]

KEYS = ("rule_id", "disposition", "sev_deg", "level", "fixmedins_code", "dr_code", "shadow")
OUTCOMES = ("confirmed", "overturned")
LABELS = Table(
    "labels",
    "复核结果",
    "what people decided about findings",
    (
        Column("jr_id", "id", True, zh="违规标识", en="finding"),
        Column("outcome", "code", True, zh="结果", en="confirmed|overturned"),
    ),
)


def grouped(report: CheckReport, by: Sequence[str]) -> pa.Table:
    """Findings that are not suppressed: hits, persons, vola_amt and paid_amt of each combination of `by`.

    `vola_amt` adds up what each finding is about, and a line that several hit counts in each; `paid_amt` is what they really move, each
    line once. `level` is that of the first offending visit; findings about no visit have none.
    """
    wrong = [name for name in by if name not in KEYS]
    if wrong or not by:
        raise ValueError(f"by: {wrong or 'nothing'} is not among {', '.join(KEYS)}")
    sums = totals(report, by, pc.invert(report.findings["suppressed"])).drop_columns(["recover_amt", "own_amt"])
    places = [_places(report, name, sums[name].to_pylist()) for name in by]
    order = sorted(range(len(sums)), key=lambda i: [place[i] for place in places])
    return sums.take(pa.array(order, pa.int64()))


def totals(report: CheckReport, by: Sequence[str], kept: Any) -> pa.Table:
    """Hits, persons, vola_amt, paid_amt, recover_amt and own_amt (null without settlement) of some findings, by columns of theirs or by level.

    `kept`: mask of the findings. The order of the rows is not said.
    """
    found = report.findings
    columns = {name: report.levels() if name == "level" else found[name] for name in by}
    money = {"person": found["psn_no"], "paid_amt": paid_of(report)} | {
        n: found[n] for n in ("vola_amt", "recover_amt", "own_amt")
    }
    sums = (
        pa.table(columns | money)
        .filter(kept)
        .group_by(list(by), use_threads=False)
        .aggregate(
            [([], "count_all"), ("person", "count_distinct")]
            + [(name, "sum") for name in ("vola_amt", "paid_amt", "recover_amt", "own_amt")]
        )
    )
    names = {
        "count_all": "hits",
        "person_count_distinct": "persons",
        "vola_amt_sum": "vola_amt",
        "paid_amt_sum": "paid_amt",
        "recover_amt_sum": "recover_amt",
        "own_amt_sum": "own_amt",
    }
    return sums.select([*by, *names]).rename_columns([*by, *names.values()])


def finding_of(report: CheckReport) -> npt.NDArray[np.int64]:
    """Row of the findings that each row of the details belongs to."""
    details, found = report.details, report.findings
    return np.asarray(pc.index_in(details["jr_id"], value_set=found["jr_id"].combine_chunks())).astype(np.int64)


def paid_of(report: CheckReport) -> pa.Array:
    """Fen that each finding really moved."""
    out = np.zeros(len(report.findings), np.int64)
    np.add.at(out, finding_of(report), np.asarray(report.details["paid_amt"]))
    return pa.array(out)


def _places(report: CheckReport, name: str, values: list[Any]) -> list[tuple[bool, Any]]:
    """What the groups are sorted by: rules as in the book, dispositions from the strongest, others as they read; missing last."""
    known: dict[Any, int] | None = None
    if name == "rule_id":
        known = {rule: i for i, rule in enumerate(report.manifest["rule_id"].to_pylist())}
    elif name == "disposition":
        known = {word: i for i, word in enumerate(DISPOSITIONS)}
    return [(value is None, 0 if value is None else value if known is None else known[value]) for value in values]


def precision(report: CheckReport, labels: Any, file: str = "") -> pa.Table:
    """Findings of each rule, and how many of those with a label were confirmed.

    `labels`: a table of jr_id and outcome (confirmed, overturned). `share`: confirmed of the labelled, millionths rounded half up; missing
    where none has a label. Labels of findings that this run does not have stand in a last row without a rule. Raises InputError for
    another outcome, and for one finding with both; `file`: where the labels are from, which an error names.
    """
    told = _labels(labels, file or None)
    found = report.findings
    counts = {
        rule: [0, 0, 0]
        for rule, ran in zip(*(report.manifest[n].to_pylist() for n in ("rule_id", "status")))
        if ran == "run"
    }
    for rule, name in zip(found["rule_id"].to_pylist(), found["jr_id"].to_pylist()):
        counts[rule][0] += 1
        outcome = told.pop(name, None)
        if outcome is not None:
            counts[rule][1 + OUTCOMES.index(outcome)] += 1
    rows: list[tuple[str | None, list[int]]] = list(counts.items())
    if told:
        rows.append((None, [0, *(sum(word == outcome for word in told.values()) for outcome in OUTCOMES)]))
    shares = [(2_000_000 * yes + yes + no) // (2 * (yes + no)) if yes + no else None for _, (_, yes, no) in rows]
    return pa.table(
        {
            "rule_id": pa.array([rule for rule, _ in rows], pa.string()),
            "findings": pa.array([cells[0] for _, cells in rows], pa.int64()),
            "labelled": pa.array([cells[1] + cells[2] for _, cells in rows], pa.int64()),
            "confirmed": pa.array([cells[1] for _, cells in rows], pa.int64()),
            "overturned": pa.array([cells[2] for _, cells in rows], pa.int64()),
            "share": pa.array(shares, pa.int64()),
        }
    )


def _labels(labels: Any, file: str | None) -> dict[str, str]:
    problems = Problems()
    try:
        frame = read(labels, LABELS, problems)
        problems.stop()
    except InputError as error:
        raise InputError([replace(problem, file=file) for problem in error.problems]) from None
    codes, words = frame.code("outcome") or (np.zeros(0, np.int32), [])
    names = flat(frame.ids["jr_id"]).to_pylist()
    out: dict[str, str] = {}
    wrong: list[Problem] = []
    for row, (name, code) in enumerate(zip(names, codes.tolist()), 1):
        word = words[code] if code >= 0 else None
        if name is None or word is None:
            told = "a label needs jr_id and outcome", "须给出 jr_id 与 outcome"
        elif word not in OUTCOMES:
            told = (
                f"outcome {word!r} is not confirmed or overturned",
                f"outcome 应为 confirmed 或 overturned，实为 {word!r}",
            )
        elif out.setdefault(str(name), word) != word:
            told = f"finding {name!r} is both confirmed and overturned", f"违规 {name!r} 既确认又推翻"
        else:
            continue
        near = "" if word in OUTCOMES else nearest(word or "", OUTCOMES)
        wrong.append(Problem(what=told[0], what_zh=told[1], file=file, path="labels", row=row, nearest=near))
    if wrong:
        raise InputError(wrong)
    return out
