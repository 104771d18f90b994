"""One settlement as an HTML page that opens offline: its bill as charts that add up to the fen, with the clause behind each step."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any

from ..explain import Explanation
from ..messages import (
    INSUTYPES,
    LEVELS,
    LINE_REASONS,
    MED_TYPES,
    NATURES,
    OUTCOMES,
    PAYERS,
    PSN_TYPES,
    REASONS,
    current,
    name_of,
    say,
    speaking,
)
from .html import html_text, needed, write_text
from .story import proof, story
from .waterfall import Chart, Step, charts, exact_text, own_parts

__all__ = ["needed", "page_text", "write_page"]

WIDE = 100_000
"""How wide a chart is drawn, in the units of its own picture; it is as wide as the page on any screen."""


LINE_PARTS = {"fulamt_ownpay_amt": "fulamt_ownpay_amt", "overlmt_amt": "overlmt_selfpay", "preselfpay_amt": "preselfpay_amt", "inscp_scp_amt": "inscp_scp_amt"}  # fmt: skip
"""The parts of a fee line, and the nature that each is of."""


def write_page(told: Explanation, path: str | os.PathLike[str], lang: str | None = None) -> None:
    """Write the page in `zh` or `en` (None: the language in use)."""
    write_text(page_text(told, lang), path)


def page_text(told: Explanation, lang: str | None = None) -> str:
    """The page as text, in `zh` or `en` (None: the language in use)."""
    with speaking(lang):
        drawn = charts(told)
        row = told.row
        return html_text(
            "explained.html",
            {
                "told": told,
                "row": row,
                "outcome": name_of(OUTCOMES, row["outcome"]),
                "reason": name_of(REASONS, row["reason"]) if row["reason"] else "",
                "facts": _facts(told),
                "charts": [(chart, [_bar(step, _most(chart, drawn)) for step in chart.steps]) for chart in drawn],
                "own": own_parts(told),
                "moved": told.moved,
                "lines": told.lines,
                "parts": [(name, say(*NATURES[nature])) for name, nature in LINE_PARTS.items()],
                "line_reason": lambda reason: say(*LINE_REASONS[reason]) if reason in LINE_REASONS else "",
                "lang": current(),
                "payers": PAYERS,
                "story": story(told),
                "proof": proof(told),
            },
            exact=exact_text,
        )


def _most(chart: Chart, drawn: list[Chart]) -> Fraction:
    """What the whole width stands for: the bill; of a layer its own base, or what it pays where that is more."""
    bill = abs(drawn[0].steps[0].amount)
    own = max((abs(edge) for step in chart.steps for edge in (step.start, step.end)), default=bill)
    return max(own, Fraction(0)) if chart.key == "layer" else max(own, bill)


def _bar(step: Step, most: Fraction) -> dict[str, Any]:
    """Where a step is drawn: `x`, `width` in units of the picture; `kept`: the width of what the payer pays of a band."""

    def place(fen: Fraction) -> int:
        return round(abs(fen) * WIDE / most) if most else 0

    low, high = sorted((place(step.start), place(step.end)))
    out = {"step": step, "x": low, "width": high - low, "edge": place(step.end), "kept": None}
    if step.kept is not None:
        out["kept"] = place(step.kept)
    return out


def _facts(told: Explanation) -> list[tuple[str, str]]:
    """What the settlement was judged by, in words."""
    facts: dict[str, Any] = next((step["facts"] for step in told.steps if step["step"] == "natures"), {})
    words = {"insutype": (say("险种", "scheme"), INSUTYPES), "med_type": (say("医疗类别", "kind of visit"), MED_TYPES), "dedc_hosp_lv": (say("医院等级", "hospital level"), LEVELS)}  # fmt: skip
    out = [(say("结算", "settlement"), str(told.setl_id))]
    for name, (label, names) in words.items():
        if facts.get(name) not in (None, ""):
            out.append((label, name_of(names, str(facts[name]))))
    if facts.get("psn_type"):
        out.append((say("人员类别", "person category"), name_of(PSN_TYPES, str(facts["psn_type"]), 2)))
    plan = next((step["plan"] for step in told.steps if step["step"] == "plan"), None)
    if plan is not None:
        out.append((say("待遇方案", "plan"), plan["id"]))
    return out
