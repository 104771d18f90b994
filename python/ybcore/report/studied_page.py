"""A study as one HTML page (see `html`): head figures, what changes, from base to package, who gains and who loses, sweeps, the fund."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from ..messages import say, speaking, yuan_text
from ..simulate.comparison import BASE
from ..simulate.studyreceipt import documents_of
from ..simulate.studyrun import OVERVIEW, StudyRun
from .charts import Picture, inline
from .html import needed, write_html
from .shown import Shown
from .studied import Studied
from .studied_charts import pictures
from .studied_clear import clear_changes, clear_sides, clear_solved

__all__ = ["LISTED", "needed", "write_page"]

LISTED = 60
"""Rows that a table of the page lists; the workbook and the Parquet files have them all."""
_OPEN = 12
"""Rows of a table that is open when the page opens."""


def write_page(run: StudyRun, path: str | os.PathLike[str], family: str, lang: str | None = None) -> None:
    """Write the page in `zh` or `en` (None: the language in use), with charts measured in this font family."""
    with speaking(lang):
        write_html("study.html", _content(Studied(run), family), path, cell=_cell)


def _cell(value: Any, kind: str) -> str:
    """A value as people read it."""
    if value is None:
        return "—"
    if isinstance(value, str):
        return value
    if kind == "money":
        return yuan_text(value)
    if kind == "share":
        return f"{value:.2%}"
    if kind == "index":
        return f"{value:.4f}"
    if kind == "number":
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    return f"{value:,.0f}" if kind == "count" else str(value)


def _content(studied: Studied, family: str) -> dict[str, Any]:
    run, charts = studied.run, pictures(studied)
    table = {name: _table(studied.shown(name, brief=True), name in _QUIET) for name in run.tables if name not in _APART}
    measures = [row.name_of_table for row in studied.model.measures]
    for row in studied.model.measures:
        if row.kind == "winners":
            table[row.name_of_table] = _without_base(table[row.name_of_table], studied.policy(BASE))

    def part(names: Iterable[str]) -> list[dict[str, Any]]:
        return [
            {"table": table[name], "pictures": [_drawn(picture, family) for picture in charts.get(name, ())]}
            for name in names
        ]

    documents, (policies, rows) = documents_of(run), studied.side_by_side()
    return {
        "title": studied.title,
        "id": run.study.id,
        "about": studied.said(studied.model.about, ""),
        "cards": studied.cards(),
        "changes": studied.changes(),
        "policies": policies,
        "overview": rows,
        "attribution": part(["attribution"]) if run.parts else [],
        "method": run.parts[0][1] if run.parts else None,
        "measures": part(measures),
        "sweeps": part(f"sweep-{row.id}" for row, _ in run.sweeps),
        "solved": studied.solved(),
        "behaviour": part(["behaviour-answers", "behaviour"]) if "behaviour" in run.tables else [],
        "fund": part(["fund"]) if "fund" in run.tables else [],
        "clearing": _clearing(studied, part),
        "fund_source": "" if run.fund is None else say("；", "; ").join(run.fund.source),
        "inputs": _inputs(documents),
        "hashes": _hashes(documents),
    }


def _clearing(studied: Studied, part: Callable[[Iterable[str]], list[dict[str, Any]]]) -> dict[str, Any] | None:
    """The section of clearing; None without."""
    asked = studied.model.clearing
    if studied.run.clearing is None or asked is None:
        return None
    policies, rows = clear_sides(studied)
    named = [*(["clearing-hospitals"] if len(policies) > 1 else []), "clearing-methods", "clearing-pools"]
    return {
        "policies": policies,
        "rows": rows,
        "changes": clear_changes(studied),
        "parts": part(name for name in named if studied.run.tables[name].num_rows),
        "sweeps": part(f"clearing-sweep-{row.id}" for row in asked.sweeps),
        "solved": clear_solved(studied),
        "settled": asked.groups_of is not None,
    }


_QUIET = ("attribution", "fund", "clearing-methods")
_APART = (
    OVERVIEW,
    "changes",
    "targets",
    "targets-looked",
    "clearing",
    "clearing-changes",
    "clearing-targets",
)  # told otherwise, or in the workbook only


def _drawn(picture: Picture, family: str) -> dict[str, str]:
    return {
        "title": picture.title,
        "note": picture.note,
        "wide": inline(picture, family, False),
        "narrow": inline(picture, family, True),
    }


def _table(shown: Shown, quiet: bool) -> dict[str, Any]:
    return {
        "name": shown.name,
        "title": shown.title,
        "columns": shown.columns,
        "rows": shown.rows[:LISTED],
        "all": len(shown.rows),
        "rest": _rest(len(shown.rows)),
        "open": not quiet and len(shown.rows) <= _OPEN,
    }


def _rest(count: int) -> str:
    if count <= LISTED:
        return ""
    return say(f"共 {count:,} 行，此处列出前 {LISTED} 行；全部见 Excel 与 Parquet。", f"The first {LISTED} of {count:,} rows; all of them are in the workbook and the Parquet files.")  # fmt: skip


def _without_base(table: dict[str, Any], base: str) -> dict[str, Any]:
    """Who gains against the base: the base itself says nothing."""
    rows = [row for row in table["rows"] if row[0] != base]
    return {**table, "rows": rows, "all": table["all"] - (len(table["rows"]) - len(rows))}


def _inputs(documents: dict[str, Any]) -> str:
    """What was settled, in a sentence."""
    counts, synth = documents["counts"], documents["synth"]
    many = say(f"{counts['visits']:,} 笔结算、{counts['lines']:,} 行明细", f"{counts['visits']:,} visits with {counts['lines']:,} fee lines")  # fmt: skip
    if synth is None:
        return many
    made = f"{synth['persons']:,}"
    return many + say(f"；合成城市（种子 {synth['seed']}，{made} 人），并非真实人员", f"; a synthetic city (seed {synth['seed']}, {made} persons): nobody real")  # fmt: skip


def _hashes(documents: dict[str, Any]) -> list[tuple[str, str]]:
    """What the figures rest on."""
    named = [(say("测算文件", "study document") + f" {documents['study']['file']}", documents["study"]["sha256"])]
    named += [(say("政策册", "policy book"), documents["policy"]["sha256"])]
    if documents["catalog"] is not None:
        named.append((say("目录", "catalogue"), documents["catalog"]["sha256"]))
    if documents.get("clearing"):
        named.append((say("清算文件册", "clearing documents"), documents["clearing"]["sha256"]))
    if documents.get("rules"):
        named.append((say("规则册", "rule set"), documents["rules"]["sha256"]))
    named += [(say("改革", "reform") + f" {row['id']}", row["sha256"]) for row in documents["reforms"]]
    named += [(say(f"内容：{name}，{row['rows']:,} 行", f"content of {name}, {row['rows']:,} rows"), row["sha256"]) for name, row in sorted(documents["input"].items()) if row]  # fmt: skip
    named += [(f"{row['name']} · {row['path']}", row["sha256"]) for row in documents["inputs"]]
    return named
