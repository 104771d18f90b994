"""Findings as one HTML page that opens offline: no script, no font, no picture from elsewhere; the same bytes in every run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..messages import AMOUNT_RULES, DISPOSITIONS, LEVELS, SEVERITIES, name_of, say, speaking
from .gathered import (
    GROUPS,
    LIGHTS,
    Group,
    Ran,
    gather_findings,
    gather_groups,
    gather_head,
    gather_rules,
    institution_names,
    item_names,
)
from .html import needed, write_html

if TYPE_CHECKING:
    from ..checks.run.report import CheckReport

__all__ = ["LISTED", "ROWS", "needed", "write_page"]

LISTED = 20
"""Institutions, doctors and persons that the page lists; the others stand together in one row."""
ROWS = 12
"""Offending and involved rows that the page lists of one finding."""


def write_page(report: CheckReport, path: str | os.PathLike[str], lang: str | None = None, *, top: int = 200) -> None:
    """Write the page in `zh` or `en` (None: the language in use), with the `top` largest findings."""
    with speaking(lang):
        write_html("findings.html", _content(report, top), path, level=_level)


def _content(report: CheckReport, top: int) -> dict[str, Any]:
    rules = gather_rules(report)
    head = gather_head(report, rules)
    own = [row for row in rules if not row.rule.shadow]
    ran = [row for row in own if row.status == "run"]
    ran.sort(key=lambda row: (list(LIGHTS).index(row.light), -row.vola_amt, -row.hits))
    return {
        "head": head,
        "lights": LIGHTS,
        "words": {"disposition": DISPOSITIONS, "amount": AMOUNT_RULES, "severity": SEVERITIES},
        "name_of": name_of,
        "rules": ran,
        "most": _most(ran),
        "idle": [row for row in rules if row.status != "run"],
        "shadow": [row for row in rules if row.rule.shadow and row.status == "run"],
        "quiet": [row for row in own if row.suppressed or row.subsumed or row.excluded],
        "groups": [_group(report, by) for by in GROUPS],
        "findings": gather_findings(report, top, ROWS),
        "institutions": institution_names(report),
        "items": item_names(report),
    }


def _most(rows: list[Ran] | list[Group]) -> tuple[str, int]:
    """What bars measure, and the longest one: money, or findings where no money is in violation."""
    unit = "vola_amt" if any(row.vola_amt for row in rows) else "hits"
    return unit, max((getattr(row, unit) for row in rows), default=0) or 1


def _group(report: CheckReport, by: str) -> dict[str, Any]:
    """The largest of one kind, and the others together; levels all, in their order."""
    rows = gather_groups(report, by)
    if by == "level":
        rows.sort(key=lambda row: str(row.key or ""), reverse=True)
        return {"by": by, "title": say(*GROUPS[by]), "rows": rows, "rest": None, "most": _most(rows), "all": len(rows)}
    rest = rows[LISTED:]
    money = ("hits", "vola_amt", "paid_amt", "recover_amt")
    others = {name: sum(getattr(row, name) or 0 for row in rest) for name in money}
    return {
        "by": by,
        "title": say(*GROUPS[by]),
        "rows": rows[:LISTED],
        "rest": {"count": len(rest), **others} if rest else None,
        "most": _most(rows),
        "all": len(rows),
    }


def _level(code: str | None) -> str:
    return name_of(LEVELS, code) if code else ""
