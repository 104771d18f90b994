"""What a page or a workbook of findings shows: colours by rule, groups, and the largest findings with their rows.

Counted are findings that are neither suppressed, nor of a shadow rule, nor contained in another one; each of the others stands under
one of these three words. Money is whole fen, and no figure here depends on the clock.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..checks.rule import Rule
from ..checks.statistics import finding_of, paid_of, totals
from ..checks.told import texts
from ..checks.units import amount_text
from ..columns.convert import NULL_INT
from ..columns.ids import flat
from ..messages import RULE_STATES, current, name_of, say
from .checked import reason_of

if TYPE_CHECKING:
    from ..checks.run.report import CheckReport

__all__ = ["APART", "GROUPS", "LIGHTS", "Group", "Ran", "gather_findings", "gather_groups", "gather_head", "gather_rules", "institution_names", "item_names", "row_facts"]  # fmt: skip

Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

LIGHTS: dict[str, tuple[str, str, str]] = {
    "red": ("■", "违规", "violation"),
    "amber": ("▲", "待核查", "to look at"),
    "green": ("●", "未命中", "no hit"),
    "grey": ("○", "未评估", "not judged"),
}
"""A sign beside each colour, and its word."""

GROUPS: dict[str, tuple[str, str]] = {
    "level": ("机构等级", "level"),
    "fixmedins_code": ("机构", "institution"),
    "dr_code": ("医师", "doctor"),
    "psn_no": ("人员", "person"),
}
APART = ("suppressed", "shadow", "subsumed")
_MICROS = 1_000_000
_EPOCH = dt.datetime(1970, 1, 1)
_SHARP = ("hold", "deny")
_OFFENDING = 1


@dataclass(frozen=True)
class Ran:
    """One rule of the book: what became of it, and its findings that count."""

    rule: Rule
    status: str
    reason: str | None
    light: str
    word: str
    eligible: int
    unknown: int
    hits: int
    persons: int
    vola_amt: int
    paid_amt: int
    recover_amt: int | None
    suppressed: int
    subsumed: int
    excluded: int


@dataclass(frozen=True)
class Group:
    """Findings that count of one institution, doctor, person or level; `key` is None where there is none."""

    key: Any
    name: str
    hits: int
    persons: int
    vola_amt: int
    paid_amt: int
    recover_amt: int | None
    red_amt: int  # of vola_amt, that of red findings
    red_hits: int


def apart(report: CheckReport) -> dict[str, Mask]:
    """Masks of the findings: `counted`, and those that are not, each under one word."""
    left = np.ones(len(report.findings), bool)
    out = {}
    for name in APART:
        out[name] = left & np.asarray(report.findings[name])
        left = left & ~out[name]
    return {"counted": left, **out}


def sharp(report: CheckReport) -> Mask:
    """Findings that are red: to be denied or held, or a clear violation (severity 1)."""
    found = report.findings
    denied = pc.is_in(found["disposition"], value_set=pa.array(_SHARP))
    return np.asarray(pc.or_(denied, pc.equal(found["sev_deg"], "1")))


def gather_rules(report: CheckReport) -> list[Ran]:
    """Every rule of the book, in its order. A shadow rule's figures are those of its shadow findings."""
    masks, red = apart(report), sharp(report)
    shown = pa.array(masks["counted"] | masks["shadow"])
    money = {row["rule_id"]: row for row in totals(report, ["rule_id"], shown).to_pylist()}
    names = np.asarray(report.findings["rule_id"].to_pylist() or [""], object)[: len(red)]
    clear = set(names[red & np.asarray(shown)].tolist())
    out = []
    for row in report.manifest.to_pylist():
        rule = report.book[row["rule_id"]]
        mine = money.get(rule.id, {"hits": 0, "persons": 0, "vola_amt": 0, "paid_amt": 0, "recover_amt": None})
        light, word = _light(row, mine["hits"], rule.id in clear, rule.shadow)
        out.append(
            Ran(
                rule=rule,
                status=row["status"],
                reason=reason_of(rule, row),
                light=light,
                word=word,
                **{name: row[name] for name in ("eligible", "unknown", "suppressed", "subsumed", "excluded")},
                **{name: mine[name] for name in ("hits", "persons", "vola_amt", "paid_amt", "recover_amt")},
            )
        )
    return out


def _light(row: dict[str, Any], hits: int, clear: bool, shadow: bool) -> tuple[str, str]:
    """Colour and word. Green is only what looked at rows and found nothing; what was not looked at is never green."""
    if row["status"] != "run":
        return "grey", name_of(RULE_STATES, row["status"])
    if shadow:
        return "grey", say("试运行", "shadow")
    if hits:
        light = "red" if clear else "amber"
        return light, say(*LIGHTS[light][1:])
    if row["suppressed"] or row["subsumed"] or row["excluded"]:
        return "grey", say("命中均不计入", "hits not counted")
    if not row["eligible"]:
        return "grey", say("无适用行", "nothing eligible")
    return "green", say(*LIGHTS["green"][1:]) if not row["unknown"] else say(
        "未命中（部分未知）", "no hit (some unknown)"
    )


def gather_groups(report: CheckReport, by: str) -> list[Group]:
    """Findings that count by one key, the largest amount first; those without the key in a group of their own."""
    counted = apart(report)["counted"]
    names = institution_names(report) if by == "fixmedins_code" else {}
    rows = totals(report, [by], pa.array(counted)).to_pylist()
    clear = {row[by]: row for row in totals(report, [by], pa.array(counted & sharp(report))).to_pylist()}
    rows.sort(key=lambda row: (-row["vola_amt"], -row["hits"], row[by] is None, str(row[by])))
    money = ("hits", "persons", "vola_amt", "paid_amt", "recover_amt")
    none = {"vola_amt": 0, "hits": 0}
    return [
        Group(
            row[by],
            names.get(row[by], ""),
            **{name: row[name] for name in money},
            red_amt=clear.get(row[by], none)["vola_amt"],
            red_hits=clear.get(row[by], none)["hits"],
        )
        for row in rows
    ]


def institution_names(report: CheckReport) -> dict[Any, str]:
    """Names of institutions, where the table that was given has them."""
    frame = report.work.batch.frame("institutions")
    if frame is None or "fixmedins_name" not in frame.source:
        return {}
    keys = flat(frame.ids["fixmedins_code"]).to_pylist()
    return {key: str(name) for key, name in zip(keys, frame.source["fixmedins_name"].to_pylist()) if name}


def item_names(report: CheckReport) -> dict[str, str]:
    """Names of items by code, where the catalogue has them."""
    catalog = report.work.batch.catalog
    return {} if catalog is None else catalog.names()


def gather_head(report: CheckReport, rules: list[Ran]) -> dict[str, Any]:
    """What was looked at, and what it came to."""
    batch, masks = report.work.batch, apart(report)
    counted = masks["counted"]
    found = report.findings.filter(pa.array(counted))
    frame = batch.frame("lines")
    paid = np.asarray(paid_of(report))[counted]
    days = _days(report)
    return {
        "visits": batch.visits.rows,
        "visits_standing": int(batch.stands.sum()),
        "lines": 0 if frame is None else frame.rows,
        "lines_standing": len(report.work.rows),
        "first_day": days[0],
        "last_day": days[1],
        "findings": len(found),
        "red": int(sharp(report)[counted].sum()),
        "persons": len(found["psn_no"].drop_null().unique()),
        "institutions": len(found["fixmedins_code"].drop_null().unique()),
        "vola_amt": int(pc.sum(found["vola_amt"]).as_py() or 0),
        "paid_amt": int(paid.sum()),
        **{
            name: None if report.recovered is None else int(pc.sum(found[name]).as_py() or 0)
            for name in ("recover_amt", "own_amt")
        },
        "rejected_fen": report.rejected_fen,
        **{name: int(masks[name].sum()) for name in APART},
        **{status: sum(row.status == status for row in rules) for status in ("run", "skipped", "disabled")},
        "lights": {name: sum(row.light == name for row in rules if not row.rule.shadow) for name in LIGHTS},
        "shadow_rules": sum(row.rule.shadow for row in rules),
        "documents": [(d.head.id, d.head.version) for d in report.book.documents],
        "sha256": report.book.sha256,
        "unmatched_returns": report.unmatched_returns,
        "suppressions": report.suppressions,
    }


def _days(report: CheckReport) -> tuple[str, str]:
    """First and last day of the visits; empty texts without any."""
    batch = report.work.batch
    ends = [t[batch.stands & (t != NULL_INT)] for t in (batch.begin, batch.end)]
    if not all(map(len, ends)):
        return "", ""
    return day_text(int(ends[0].min())), day_text(int(ends[1].max()))


def day_text(micros: int) -> str:
    """The day of a time."""
    return (_EPOCH + dt.timedelta(seconds=micros // _MICROS)).date().isoformat()


def gather_findings(report: CheckReport, top: int, rows_of_each: int, least: int = 3) -> list[dict[str, Any]]:
    """The largest findings that count: at least the `least` largest of each rule, then the others, until there are `top`.

    In the order red before amber, then by amount. Each with its words, and at most `rows_of_each` offending and as many involved rows;
    `more` says how many of each are left out.
    """
    counted = np.flatnonzero(apart(report)["counted"])
    red, found = sharp(report), report.findings
    amount = np.asarray(found["vola_amt"])
    order = counted[np.lexsort((counted, -amount[counted], ~red[counted]))]
    rank: dict[str, int] = {}
    first: list[int] = []
    rest: list[int] = []
    for row, rule in zip(order.tolist(), found["rule_id"].take(pa.array(order)).to_pylist()):
        rank[rule] = rank.get(rule, 0) + 1
        (first if rank[rule] <= least else rest).append(row)
    place = {row: i for i, row in enumerate(order.tolist())}
    chosen = sorted((first + rest)[:top], key=place.__getitem__)
    told = texts(report, current(), np.array(chosen, np.int64))
    paid = np.asarray(paid_of(report))
    rows = _rows_of(report, chosen, rows_of_each)
    return [
        {
            **row,
            "rule": report.book[row["rule_id"]],
            "light": "red" if red[i] else "amber",
            "paid_amt": int(paid[i]),
            "content": content,
            "evidence": evidence,
            **rows[i],
        }
        for i, row, content, evidence in zip(
            chosen, found.take(pa.array(chosen, pa.int64())).to_pylist(), *(told[c].to_pylist() for c in ("vola_cont", "vola_evid"))
        )
    ]  # fmt: skip


def _rows_of(report: CheckReport, chosen: list[int], most: int) -> dict[int, dict[str, Any]]:
    """Offending and involved rows of some findings."""
    of, kind = finding_of(report), np.asarray(report.details["vola_item_type"])
    out: dict[int, dict[str, Any]] = {}
    low, high = np.searchsorted(of, chosen), np.searchsorted(of, chosen, side="right")  # details go by finding
    for finding, begin, end in zip(chosen, low.tolist(), high.tolist()):
        own = np.arange(begin, end)[kind[begin:end] == _OFFENDING]
        others = np.arange(begin, end)[kind[begin:end] != _OFFENDING]
        out[finding] = {
            "offending": row_facts(report, own[:most]),
            "involved": row_facts(report, others[:most]),
            "more": (max(0, len(own) - most), max(0, len(others) - most)),
        }
    return out


def row_facts(report: CheckReport, at: Int64) -> list[dict[str, Any]]:
    """Some rows of the details, with item, time and amount of the line as it was given."""
    rows = report.details.take(pa.array(at)).to_pylist()
    frame = report.work.batch.frame("lines")
    for row in rows:
        row["quantity"] = None if row["cnt"] is None else amount_text(row["cnt"], "quantity", current())
    if frame is None:
        return [{**row, "item": None, "time": None, "amount": None} for row in rows]
    line = np.array([row["row"] for row in rows], np.int64)
    safe = pa.array(line, mask=line < 0)
    items = flat(frame.ids["med_list_codg"]).combine_chunks().take(safe).to_pylist()
    amount, time = frame.ints("det_item_fee_sumamt"), report.work.batch.line_time
    return [
        {
            **row,
            "item": item,
            "time": None if i < 0 or time[i] == NULL_INT else _EPOCH + dt.timedelta(microseconds=int(time[i])),
            "amount": None if i < 0 or amount[i] == NULL_INT else int(amount[i]),
        }
        for row, i, item in zip(rows, line.tolist(), items)
    ]
