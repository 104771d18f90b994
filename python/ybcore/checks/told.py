"""Findings in words, and in the shape of the interface's audit answer (3101)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..messages import LANGUAGES, in_language, yuan_text
from .rule import Rule
from .statistics import finding_of
from .units import amount_text, unit_of

if TYPE_CHECKING:
    from .run.report import CheckReport

__all__ = ["GROUPS", "LONGEST", "as_3101", "reason_text", "texts", "window_text"]

LONGEST = 500
"""Characters that the interface has for vola_cont and vola_evid."""
LONGEST_NAME = 200
"""Characters that it has for rule_name."""

COMPARATORS = {
    "more_than": ("多于 {} 即命中", "more than {} is a hit"),
    "at_least": ("达到 {} 即命中", "{} or more is a hit"),
    "less_than": ("少于 {} 即命中", "less than {} is a hit"),
    "at_most": ("不多于 {} 即命中", "{} or less is a hit"),
}

GROUPS = {
    "line": ("单条明细", "one line"),
    "day": ("自然日", "natural day"),
    "hour": ("整点小时", "clock hour"),
    "within": ("相邻时段", "hours near a line"),
    "visit": ("本次就诊", "visit"),
    "stay": ("同一就诊 ID", "stay"),
    "prescription": ("一张处方", "prescription"),
    "incision": ("同一切口", "incision"),
    "month": ("自然月", "calendar months"),
    "quarter": ("自然季", "calendar quarters"),
    "year": ("自然年", "calendar years"),
    "insurance_year": ("医保年度", "insurance years"),
    "rolling": ("滚动天数", "rolling days"),
    "look_back": ("回溯天数", "days looked back on"),
    "gap": ("相隔天数", "days between"),
    "overlap": ("重叠天数", "days that overlap"),
    "course": ("疗程", "course"),
    "stock": ("进销存期间", "period of the stock"),
    "all": ("全部期间", "whole period"),
}
"""What a finding may be counted in, Chinese and English."""
NEEDS = {"times of day": "时刻", "catalogue": "医保目录"}

Int64 = npt.NDArray[np.int64]
_EPOCH = dt.datetime(1970, 1, 1)
_OFFENDING = 1
_SECOND = 1_000_000


def reason_text(rule: Rule, status: str, reason: str, lang: str) -> str:
    """The manifest's reason for a rule that did not run, in a language; the document's own words where it is switched off."""
    if status == "disabled":
        return in_language(reason, lang)
    english = lang == "en"
    if rule.skip is not None and reason == rule.skip[1]:
        return rule.skip[english]
    for word, (zh, en) in {"stage ": ("不在阶段 ", "not of stage "), "kernel ": ("没有内核 ", "no kernel ")}.items():
        if reason.startswith(word):
            return (en if english else zh) + reason.removeprefix(word)
    if english:
        return f"missing {reason}"
    return "缺少 " + " 或 ".join(NEEDS.get(need, need) for need in reason.split(" or "))


def texts(report: CheckReport, lang: str, rows: Any = None) -> pa.Table:
    """jr_id, vola_cont and vola_evid of every finding, in the order of the findings; `rows`: of these only."""
    if lang not in LANGUAGES:
        raise ValueError(f"lang must be one of {', '.join(LANGUAGES)}, not {lang!r}")
    found = report.findings if rows is None else report.findings.take(pa.array(rows, pa.int64()))
    columns = ("rule_id", "vola_amt", "vola_amt_stas", "measure", "limit", "group", "begin", "end", "table_row")
    rules = {hits.rule.id: hits.rule for hits in report.judged.hits}
    lines, visits = (counts if rows is None else counts[rows] for counts in _counts(report))
    content, evidence = [], []
    for i, cells in enumerate(zip(*(found[name].to_pylist() for name in columns))):
        name, amount, computed, measure, limit, group, begin, end, entry = cells
        rule = rules[name]
        content.append(
            _content(rule, int(lines[i]), int(visits[i]), amount if computed == "1" else None, lang)[:LONGEST]
        )
        evidence.append(_evidence(rule, entry, (measure, limit), window_text(group, begin, end, lang), lang)[:LONGEST])
    return pa.table(
        {
            "jr_id": found["jr_id"],
            "vola_cont": pa.array(content, pa.string()),
            "vola_evid": pa.array(evidence, pa.string()),
        }
    )


def _counts(report: CheckReport) -> tuple[Int64, Int64]:
    """Offending lines and visits of each finding."""
    details, many = report.details, len(report.findings)
    own = np.asarray(details["vola_item_type"]) == _OFFENDING
    is_line, at = np.asarray(details["row"]) >= 0, finding_of(report)
    return np.bincount(at[own & is_line], minlength=many), np.bincount(at[own & ~is_line], minlength=many)


def _content(rule: Rule, lines: int, visits: int, amount: int | None, lang: str) -> str:
    """The rule's name, how much it hit, and its money."""
    english = lang == "en"
    parts = []
    if visits:
        parts.append(f"{visits:,} visit{'s' * (visits > 1)}" if english else f"{visits:,} 次就诊")
    if lines:
        parts.append(f"{lines:,} line{'s' * (lines > 1)}" if english else f"{lines:,} 条明细")
    if amount is not None:
        money = yuan_text(amount)
        parts.append(f"{money} yuan in violation" if english else f"违规金额 {money} 元")
    told = (", " if english else "，").join(parts)
    return rule.name[lang] + (f"{': ' if english else '：'}{told}" if told else "")


def _evidence(rule: Rule, entry: int, counted: tuple[int, int], window: str, lang: str) -> str:
    """Count, limit, what was counted in, and where the rule is from."""
    english = lang == "en"
    measure, limit = counted
    unit = unit_of(rule, entry)
    parts = []
    if unit:
        count, bound = amount_text(measure, unit, lang), amount_text(limit, unit, lang)
        parts.append(f"counted {count}" if english else f"计 {count}")
        parts.append(_bound(rule, bound, lang))
    parts += [window] if window else []
    source = "; ".join(text for text in (in_language(rule.source, lang), rule.cite) if text)
    parts.append(f"source: {source}" if english else f"来源：{source}")
    return ("; " if english else "；").join(parts)


def window_text(group: str | None, begin: int | None, end: int | None, lang: str) -> str:
    """What was counted in, with its bounds; the empty text where nothing is counted."""
    if group is None:
        return ""
    english = lang == "en"
    kind = GROUPS[group][english]
    if begin is None or end is None:
        return kind
    first, last = (f"from {_moment(begin)}", f"until before {_moment(end)}") if english else (f"自 {_moment(begin)}", f"至 {_moment(end)}（不含）")  # fmt: skip
    if begin % _SECOND == 1:  # hours near a line, its edges left out
        first = f"after {_moment(begin - 1)}" if english else f"自 {_moment(begin - 1)}（不含）"
    if end % _SECOND == 1:  # the same, with its edges
        last = f"through {_moment(end - 1)}" if english else f"至 {_moment(end - 1)}（含）"
    return f"{kind} {first} {last}" if english else f"{kind}{first} {last}"


def _bound(rule: Rule, bound: str, lang: str) -> str:
    """The limit, and what its comparator calls a hit."""
    check: Any = rule.check
    places = (check, getattr(check, "test", None), getattr(check, "barred", None))
    words = [str(place.comparator) for place in places if place is not None and hasattr(place, "comparator")]
    zh, en = COMPARATORS[words[0]] if words else ("限 {}", "limit {}")
    return (en if lang == "en" else zh).format(bound)


def _moment(micros: int) -> str:
    """A day where it is midnight, else with the time of day."""
    moment = _EPOCH + dt.timedelta(microseconds=micros)
    return moment.isoformat(" ", "seconds") if moment.time() != dt.time() else moment.date().isoformat()


def as_3101(report: CheckReport, lang: str, task_id: str | None = None) -> list[dict[str, Any]]:
    """Violations as the interface answers them, each with its details; money is yuan with two decimals, as text.

    Suppressed findings, those that another one contains and those of shadow rules are not told to anyone and are left out. `rx_id`, the
    order, is the line's feedetl_sn; `task_id` is that of the question.
    """
    words = texts(report, lang)
    rules = {hits.rule.id: hits.rule for hits in report.judged.hits}
    details = _details(report)
    rows = report.findings.to_pylist()
    out = []
    for row, content, evidence in zip(rows, words["vola_cont"].to_pylist(), words["vola_evid"].to_pylist()):
        if row["suppressed"] or row["subsumed"] or row["shadow"]:
            continue
        violation = {
            "jr_id": row["jr_id"],
            "rule_id": row["rule_id"],
            "rule_name": rules[row["rule_id"]].name[lang][:LONGEST_NAME],
            "vola_cont": content,
            "patn_id": _text(row["psn_no"]),
            "mdtrt_id": _text(row["mdtrt_id"]),
            "judge_result_detail_dtos": details.get(row["jr_id"], []),
            "vola_amt": yuan_text(row["vola_amt"], grouped=False),
            "vola_amt_stas": row["vola_amt_stas"],
            "sev_deg": row["sev_deg"],
            "vola_evid": evidence,
            "vola_bhvr_type": row["vola_bhvr_type"] or None,
            "task_id": task_id,
        }
        out.append(violation)
    return out


def _details(report: CheckReport) -> dict[str, list[dict[str, Any]]]:
    details = report.details
    persons, stays = report.people_of(details["setl_id"])
    names = ("jr_id", "jrd_id", "feedetl_sn", "vola_item_type", "vola_amt")
    out: dict[str, list[dict[str, Any]]] = {}
    for person, stay, cells in zip(persons, stays, zip(*(details[name].to_pylist() for name in names))):
        jr_id, jrd_id, line, kind, amount = cells
        out.setdefault(jr_id, []).append(
            {
                "jrd_id": jrd_id,
                "patn_id": _text(person),
                "mdtrt_id": _text(stay),
                "rx_id": _text(line),
                "vola_item_type": str(kind),
                "vola_amt": yuan_text(amount, grouped=False),
            }
        )
    return out


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
