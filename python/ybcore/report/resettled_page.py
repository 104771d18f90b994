"""A re-settlement as one HTML page for the people who sign it (see `html`): money in words and figures, who is owed, who owes, and why."""

from __future__ import annotations

import os
from typing import Any

import pyarrow.compute as pc

from ..ledger.changes import DeniedLines
from ..messages import CAUSES, CHANGES, LINE_REASONS, OUTCOMES, REASONS, name_of, say, speaking
from .html import needed, write_html, yuan
from .resettled import LINE_WORDS, OWN, Signed, direction, figures, paired, payer_name, proofs

__all__ = ["LISTED", "needed", "write_page"]

LISTED = 15
"""Rows that a table of the page lists; the others stand together in one row."""
CHANGED = 8
"""Fee lines that an example lists."""
SAME = 6
"""Lines of a story in a row that are shown though nothing differs."""
_WIDTH = 300


def write_page(signed: Signed, path: str | os.PathLike[str], lang: str | None = None) -> None:
    """Write the page in `zh` or `en` (None: the language in use)."""
    with speaking(lang):
        write_html("resettled.html", _content(signed), path, signed=_with_sign)


def _with_sign(fen: int) -> str:
    """A difference with its sign, plus too."""
    return f"+{yuan(fen)}" if fen > 0 else yuan(fen)


def _content(signed: Signed) -> dict[str, Any]:
    head = signed.head()
    reasons = signed.reasons()
    institutions = signed.institutions()
    order, knocked = signed.largest(), signed.knock_on()
    document = signed.document
    name = None if document is None else document.name[say("zh", "en")]
    return {
        "title": name or say("重新结算报告", "Re-settlement"),
        "document": document,
        "head": head,
        "direction": direction,
        "line_reason": lambda code: name_of(LINE_REASONS, code) if code else "",
        "amounts": [(name, say(*words)) for name, words in LINE_WORDS.items()],
        "payer_name": payer_name,
        "cause": lambda reason: name_of(CAUSES, reason),
        "kind_name": lambda kind: name_of(CHANGES, kind),
        "outcome": lambda code: name_of(OUTCOMES, code or ""),
        "refused": _refused(signed),
        "payers": signed.payers(),
        "owing": [_owing(signed, side, what) for side, what in (("funds", "to_pay"), ("funds", "to_collect"), ("own", "to_collect"), ("own", "to_pay"))],
        "largest": {"rows": signed.visits(order[:LISTED]), "rest": _rest_of_visits(signed, order)},
        "institutions": _institutions(institutions),
        "reasons": reasons,
        "steps": _steps(signed, reasons),
        "changes": signed.changes(),
        "denied": any(change.reason == DeniedLines.reason for change in signed.again.changes),
        "attribution": signed.attribution,
        "knock_on": {"rows": signed.visits(knocked[:LISTED]), "all": len(knocked), "rest": _rest_of_visits(signed, knocked)},
        "examples": [_example(example) for example in signed.examples],
        "silent": [row["reason"] for row in reasons if row["reason"] not in {example["reason"] for example in signed.examples}],
        "hashes": [(say(*words), sha) for words, sha in signed.hashes],
        "half": _half(institutions, reasons),
    }  # fmt: skip


def _half(*groups: list[dict[str, Any]]) -> list[int]:
    """What half a bar stands for, by group: the largest movement of funds either way."""
    return [
        max((max(row["funds"]["to_pay"], row["funds"]["to_collect"]) for row in rows), default=0) or 1
        for rows in groups
    ]


def _owing(signed: Signed, side: str, what: str) -> dict[str, Any]:
    """The largest rows of the ledger by person and payer, the others in one, and all of them."""
    table = signed.owing(side, what)
    rest = table.slice(LISTED)
    titles = {
        ("funds", "to_pay"): say("基金应补付", "Funds to pay in addition"),
        ("funds", "to_collect"): say("基金应追回", "Funds to collect back"),
        ("own", "to_collect"): say("应退还个人（现金与账户）", "To refund to persons (cash and accounts)"),
        ("own", "to_pay"): say("个人应补缴（现金与账户）", "Persons owe (cash and accounts)"),
    }
    return {
        "side": side,
        "what": what,
        "id": f"{side}-{what}".replace("_", "-"),
        "title": titles[side, what],
        "rows": table.slice(0, LISTED).to_pylist(),
        "rest": {"count": len(rest), "sum": pc.sum(rest[what]).as_py()} if len(rest) else None,
        "persons": len(table["psn_no"].unique()),
        "total": pc.sum(table[what]).as_py() or 0,
    }


def _rest_of_visits(signed: Signed, order: Any) -> dict[str, int] | None:
    """What the visits that are not listed come to."""
    rest = order[LISTED:]
    return {"count": len(rest), **signed.nets(rest)} if len(rest) else None


def _refused(signed: Signed) -> dict[str, Any]:
    """Visits that are not settled: by reason, the first of them, and how many more."""
    rows = signed.visits(signed.refused()[:LISTED])
    every = signed.refusals()
    return {
        "reasons": every,
        "rows": rows,
        "rest": sum(row["added"] + row["changed"] for row in every) - len(rows),
        "why": lambda outcome, reason: (
            f"{name_of(OUTCOMES, outcome)} {reason} {name_of(REASONS, reason) if reason else ''}".strip()
        ),
    }


def _institutions(rows: list[dict[str, Any]]) -> dict[str, Any]:
    rest = rows[LISTED:]
    return {
        "rows": rows[:LISTED],
        "all": len(rows),
        "rest": _all_of(rest) if rest else None,
        "total": _all_of(rows),
    }


def _all_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {"count": len(rows), "visits": sum(row["visits"] for row in rows)}
    for side in ("funds", "own", "hospital"):
        out[side] = {name: sum(row[side][name] for row in rows) for name in ("to_pay", "to_collect", "net")}
    return out


def _steps(signed: Signed, reasons: list[dict[str, Any]]) -> dict[str, Any]:
    """The waterfall from what the funds paid before to what they pay now: bars as (label, fen, left, width, sign)."""
    before, after = signed.fund_totals()
    levels = [before]
    for row in reasons:
        levels.append(levels[-1] + row["funds"]["net"])
    low, high = min(levels), max(levels)
    room = max(high - low, 1)
    start, whole = low - room // 4, room + room // 4 + room // 20 + 1

    def at(fen: int) -> int:
        return (fen - start) * _WIDTH // whole

    bars = [{"label": say("变更前基金支付", "funds before"), "fen": before, "left": 0, "width": at(before), "sign": 0}]
    for row, old, new in zip(reasons, levels, levels[1:]):
        left, right = sorted((at(old), at(new)))
        step = row["funds"]["net"]
        bars.append({"label": name_of(CAUSES, row["reason"]), "fen": step, "left": left, "width": max(right - left, 1 if step else 0), "sign": (step > 0) - (step < 0)})  # fmt: skip
    bars.append({"label": say("变更后基金支付", "funds after"), "fen": after, "left": 0, "width": at(after), "sign": 0})
    return {"bars": bars, "width": _WIDTH, "before": before, "after": after}


def _example(example: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: example[name] for name in ("setl_id", "psn_no", "fixmedins_code", "reason", "because", "kind", "funds", "own", "hospital")},
        "outcomes": (example["outcome_before"], example["outcome_after"]),
        "figures": [{**row, "own": row["column"] in OWN} for row in figures(example)],
        "lines": paired(example, SAME),
        "changed": example["lines"][:CHANGED],
        "more": max(0, len(example["lines"]) - CHANGED),
        "proofs": proofs(example),
        "alone": example["before"] is None,
    }  # fmt: skip
