"""The charts of a study: from base to package, who pays how much, who gains and who loses, sweeps, the fund over years."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from ..messages import current, say, yuan_text
from ..simulate.comparison import BASE
from ..simulate.package import Parts
from ..simulate.study import PACKAGE
from ..simulate.studymodel import ExactNode
from .charts import COLOURS, Picture
from .studied import Studied, heading
from .studied_clear import clear_pictures
from .studied_curves import OF_POLICY, fund_picture, scaled, sweep_picture
from .studied_words import category, column

__all__ = ["pictures"]

_MANY = 24
"""Groups that a chart of groups shows; with more there is the table only."""


def pictures(studied: Studied) -> dict[str, list[Picture]]:
    """Charts by the table that they show."""
    run, out = studied.run, {}
    if run.parts:
        out["attribution"] = [_waterfall(studied, i, *pair) for i, pair in enumerate(run.parts)]
    for row in studied.model.measures:
        found = list(_of_measure(studied, row))
        if found:
            out[row.name_of_table] = found
    for node, done in run.sweeps:
        out[f"sweep-{node.id}"] = [sweep_picture(studied, node, done)]
    if "fund" in run.tables:
        out["fund"] = [
            fund_picture(studied, scheme) for scheme in dict.fromkeys(run.tables["fund"]["scheme"].to_pylist())
        ]
    return {**out, **clear_pictures(studied)}


def _wrapped(text: str, narrow: bool) -> str:
    """A label in lines; Chinese has no blanks to break at."""
    width = (18 if current() == "zh" else 30) if not narrow else (22 if current() == "zh" else 44)
    return "\n".join(textwrap.wrap(text, width, break_on_hyphens=False))


# ---------------------------------------------------------------------------------------------- from base to package


def _waterfall(studied: Studied, number: int, node: ExactNode, held: Parts) -> Picture:
    names = [studied.policy(BASE), *(studied.reform(name) for name in held.reforms), studied.policy(PACKAGE)]
    values, unit = scaled(node, [float(v) for v in (held.before, *held.amounts, held.after)])
    levels = np.cumsum(values[:-1])
    starts = [0.0, *levels[:-1], 0.0]
    steps = [values[0], *values[1:-1], values[-1]]
    low, high = min(min(levels), values[-1]), max(max(levels), values[-1])
    room = (high - low) or abs(high) or 1.0
    places = max(2, 2 - math.floor(math.log10(room)))
    left = max(0.0, low - room * 0.35) if low > 0 else low - room * 0.1

    def draw(figure: Any, narrow: bool) -> None:
        axes = figure.subplots()
        rows = np.arange(len(names))
        for i, (start, step) in enumerate(zip(starts, steps)):
            ends = i in (0, len(names) - 1)
            colour = (
                (COLOURS["base"] if i == 0 else COLOURS["now"]) if ends else COLOURS["adds" if step >= 0 else "takes"]
            )
            begin = left if ends else start
            axes.barh(i, (step - left) if ends else step, left=begin, height=0.44 if narrow else 0.58, color=colour, hatch="" if ends or step >= 0 else "////", edgecolor="white", linewidth=0)  # fmt: skip
            text = f"{step:,.{places}f}" if ends else f"{step:+,.{places}f}"
            axes.annotate(text, (max(start, start + step) if not ends else step, i), xytext=(4, 0), textcoords="offset points", va="center")  # fmt: skip
        for i, level in enumerate(levels):
            axes.plot([level, level], [i, i + 1], color=COLOURS["soft"], linewidth=0.8, linestyle=":")
        axes.set_xlim(left, high + room * (0.38 if narrow else 0.16))
        axes.set_ylim(len(names) - 0.4, -0.7)
        axes.set_xlabel(unit)
        axes.grid(axis="y", visible=False)
        _labelled(axes, rows, [_wrapped(name, narrow) for name in names], left, narrow)

    note = say(
        "横轴不从零开始；实色增加，斜纹减少。", "The axis does not start at zero; solid adds, hatched takes away."
    )
    return Picture(f"waterfall-{number + 1}", heading(studied.measure(node)), note, draw, lambda narrow: 1.0 + len(names) * (0.62 if narrow else 0.46))  # fmt: skip


def _labelled(axes: Any, rows: Any, names: list[str], left: float, narrow: bool) -> None:
    """Names of rows beside them, or above them where there is no room."""
    if not narrow:
        axes.set_yticks(rows, names)
        return
    axes.set_yticks([])
    for i, name in zip(rows, names):
        axes.annotate(name, (left, i - 0.27), xytext=(2, 0), textcoords="offset points", va="bottom", fontsize="small")


# ---------------------------------------------------------------------------------------------- measures


def _of_measure(studied: Studied, row: Any) -> Iterator[Picture]:
    by, name = getattr(row, "by", ()), row.name_of_table
    table = studied.run.tables[name]
    groups = [tuple(r[key] for key in by) for r in table.to_pylist() if r["policy"] == BASE]
    if row.kind == "burden" and row.above and not by:
        yield _bands(studied, row)
    if not by or len(groups) > _MANY or row.kind == "inequality":
        return
    labels = [" · ".join(category(key, value) for key, value in zip(by, group)) for group in groups]
    if row.kind == "winners" and PACKAGE in studied.two:
        yield _winners(studied, row, groups, labels)
    figures = {"spending": ("scope_rate", 100, "%"), "burden": ("mean", 0, ""), "catastrophic": ("H", 100, "%")}
    if row.kind in figures:
        yield _by_group(studied, row, groups, labels, *figures[row.kind])


def _rows_of(studied: Studied, row: Any, policy: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    held = studied.run.tables[row.name_of_table].to_pylist()
    return {tuple(r[key] for key in getattr(row, "by", ())): r for r in held if r["policy"] == policy}


def _bands(studied: Studied, row: Any) -> Picture:
    """Share of people by how much they pay."""
    edges = [yuan_text(fen).removesuffix(".00") for fen in row.above]
    names = ["0" if edges[0] == "0" else f"≤{edges[0]}", *(f"{a}–{b}" for a, b in pairwise(edges)), f">{edges[-1]}"]
    shares = {}
    for policy in studied.two:
        held = _rows_of(studied, row, policy)[()]
        above = [1.0, *(held[f"above_{fen}"] or 0.0 for fen in row.above), 0.0]
        shares[policy] = [(a - b) * 100 for a, b in pairwise(above)]

    def draw(figure: Any, narrow: bool) -> None:
        upper, lower = _paired(figure, names, shares, say("百分点", "points"), studied, narrow)
        upper.yaxis.set_major_formatter(lambda value, _: f"{value:g}%")
        upper.set_ylabel(say(f"占{studied.unit[1]}数", f"of {studied.unit[1]}"))
        lower.set_xlabel(say("全年现金支付（元）", "cash in the year (yuan)"))

    note = say(
        f"每{studied.unit[0]}全年现金支付落在各区间的占比。",
        f"Share of {studied.unit[1]} by what they pay in cash over the year.",
    )
    return Picture(f"{row.name_of_table}-bands", studied.table_title(row.name_of_table), note, draw, lambda narrow: 3.9 if narrow else 4.0)  # fmt: skip


def _paired(figure: Any, names: list[str], values: dict[str, list[float]], unit: str, studied: Studied, narrow: bool) -> tuple[Any, Any]:  # fmt: skip
    """Bars of the base and of the package side by side, and the differences below; gives the upper and the lowest axes."""
    upper, *rest = (
        figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.5]) if len(values) > 1 else [figure.subplots()]
    )
    places, width = np.arange(len(names)), 0.8 / len(values)
    for i, (policy, held) in enumerate(values.items()):
        upper.bar(places + (i - (len(values) - 1) / 2) * width, held, width * 0.92, color=OF_POLICY[policy], label=studied.policy(policy))  # fmt: skip
    _legend(upper)
    for lower in rest:
        before, after = values.values()
        steps = [b - a for a, b in zip(before, after)]
        lower.bar(places, steps, 0.5, color=COLOURS["now"])
        lower.axhline(0, color=COLOURS["ink"], linewidth=0.8)
        lower.set_ylabel(say(f"变化（{unit}）", f"change ({unit})"), fontsize="small")
        lower.margins(y=0.15)
    last = rest[0] if rest else upper
    crowded = len(names) * _widest(names) > (34 if narrow else 90)
    last.set_xticks(places, names, rotation=40 if crowded else 0, ha="right" if crowded else "center", rotation_mode="anchor")  # fmt: skip
    for axes in (upper, last):
        axes.grid(axis="x", visible=False)
    return upper, last


def _widest(labels: list[str]) -> int:
    """Characters of the longest line."""
    return max(len(line) for label in labels for line in label.split("\n"))


def _legend(axes: Any) -> None:
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.2, handlelength=1.4, columnspacing=1.2
    )


def _by_group(studied: Studied, row: Any, groups: list[Any], labels: list[str], key: str, scale: float, unit: str) -> Picture:  # fmt: skip
    """A figure of each group under the base and under the package."""
    raw = {
        policy: [held[group][key] if group in held else None for group in groups]
        for policy in studied.two
        for held in [_rows_of(studied, row, policy)]
    }
    size = 1 / scale if scale else 100.0
    values = {policy: [0.0 if value is None else value / size for value in held] for policy, held in raw.items()}
    title = {"scope_rate": ("政策范围内报销比例", "rate inside the scope"), "mean": (f"{studied.unit[0]}均现金支付（元）", f"mean cash a {studied.unit[0]} (yuan)"), "H": ("发生率", "headcount")}[key]  # fmt: skip

    def draw(figure: Any, narrow: bool) -> None:
        steps = say("百分点", "points") if unit else say("元", "yuan")
        upper, lower = _paired(figure, [_ends(name, narrow) for name in labels], values, steps, studied, narrow)
        if unit:
            upper.yaxis.set_major_formatter(lambda value, _: f"{value:g}%")
        upper.set_ylabel(say(*title))
        lower.set_xlabel(say("、", ", ").join(column(name)[0] for name in row.by))

    return Picture(f"{row.name_of_table}-{key.replace('_', '-')}", studied.table_title(row.name_of_table), "", draw, lambda narrow: 3.9)  # fmt: skip


def _winners(studied: Studied, row: Any, groups: list[Any], labels: list[str]) -> Picture:
    """Shares that gain and lose, and what each group gains on the mean; with the interval of the net gain where there is one."""
    held = _rows_of(studied, row, PACKAGE)
    whole = [sum(held[g][name] for name in ("less", "same", "more")) or 1.0 for g in groups]
    less, more = ([100 * held[g][name] / w for g, w in zip(groups, whole)] for name in ("less", "more"))
    net = [held[g]["net_gain"] / w / 100 for g, w in zip(groups, whole)]
    ranges = _ranges(held, groups, "net_gain", [100 * w for w in whole])

    def draw(figure: Any, narrow: bool) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        places = np.arange(len(groups))
        upper.bar(places, less, 0.66, color=COLOURS["gain"], label=say("负担减轻", "pay less"))
        upper.bar(places, [-value for value in more], 0.66, color=COLOURS["loss"], hatch="////", edgecolor="white", linewidth=0, label=say("负担加重", "pay more"))  # fmt: skip
        upper.axhline(0, color=COLOURS["ink"], linewidth=0.8)
        upper.set_ylabel(say(f"占组内{studied.unit[1]}数", "of the group"))
        upper.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}%")
        _legend(upper)
        lower.bar(places, net, 0.66, color=[COLOURS["gain" if value >= 0 else "loss"] for value in net])
        if ranges is not None:
            lower.errorbar(places, net, yerr=ranges, fmt="none", ecolor=COLOURS["ink"], elinewidth=0.9, capsize=2)
        lower.axhline(0, color=COLOURS["ink"], linewidth=0.8)
        lower.set_ylabel(say(f"{studied.unit[0]}均净减轻（元）", "net gain, yuan"), fontsize="small")
        short = [_ends(name, narrow) for name in labels]
        crowded = len(short) * _widest(short) > (34 if narrow else 110)
        lower.set_xticks(places, short, rotation=40 if crowded else 0)
        lower.set_xlabel(say("、", ", ").join(column(name)[0] for name in row.by))
        for axes in (upper, lower):
            axes.grid(axis="x", visible=False)

    note = say(f"上：现金支付比现行政策少（绿）与多（红斜纹）的占比，其余不变；下：组内{studied.unit[0]}均净减轻。", f"Above: {studied.unit[1]} that pay less (green) and more (hatched red) than under the present policy, the others pay the same. Below: the mean net gain of the group.")  # fmt: skip
    if ranges is not None:
        note += say("竖线：抽样区间。", " Lines: intervals of the sample.")
    return Picture(
        f"{row.name_of_table}-groups", studied.table_title(row.name_of_table), note, draw, lambda narrow: 4.2
    )


def _ranges(held: dict[Any, Any], groups: list[Any], key: str, sizes: list[float]) -> list[list[float]] | None:
    """How far the interval of a figure goes below and above it, by group; None where the study has none."""
    if f"{key}_low" not in held[groups[0]]:
        return None
    rows = [(held[group], size) for group, size in zip(groups, sizes)]
    return [
        [0.0 if row[f"{key}_low"] is None else (row[key] - row[f"{key}_low"]) / size for row, size in rows],
        [0.0 if row[f"{key}_high"] is None else (row[f"{key}_high"] - row[key]) / size for row, size in rows],
    ]


def _ends(label: str, narrow: bool) -> str:
    """`1 (lowest)` → two lines, or the number alone on a phone."""
    for sign in ("（", " ("):
        head, found, rest = label.partition(sign)
        if found:
            return head if narrow else f"{head}\n{sign.strip()}{rest}"
    return label
