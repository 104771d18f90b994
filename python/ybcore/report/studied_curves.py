"""Charts of a study whose axis is a figure or a year: sweeps with the solved point, the fund."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..messages import say
from ..simulate.comparison import BASE
from ..simulate.knobs import Sweep
from ..simulate.study import PACKAGE
from ..simulate.studymodel import ExactNode, SweepNode
from .charts import COLOURS, Picture, axis_of_money
from .studied import Studied, heading

__all__ = ["OF_POLICY", "fund_picture", "scaled", "sweep_picture"]

OF_POLICY = {BASE: COLOURS["base"], PACKAGE: COLOURS["now"]}


def scaled(node: ExactNode, values: list[float]) -> tuple[list[float], str]:
    """Values of a measure in the unit of an axis, and the unit."""
    if node.money:
        size, unit = axis_of_money(values)
        return [value / size for value in values], unit
    if node.reserve is not None:
        return values, say("个月", "months")
    return [value * 100 for value in values], "%"


# ---------------------------------------------------------------------------------------------- sweeps


def sweep_picture(studied: Studied, row: SweepNode, done: Sweep) -> Picture:
    title = studied.table_title(f"sweep-{row.id}")
    knobs = [studied.said(node.name, knob.name) for node, knob in zip(row.knobs, done.grid.knobs)]
    scattered = row.sample is not None or len(knobs) > 2
    draw: Callable[[Any, bool], None]
    if scattered:
        draw = _scatter(studied, row, done, knobs)
    else:
        draw = _curves(studied, row, done, knobs)
    solved = any(_same_knob(row, held) for held, _ in studied.run.targets)
    note = say("虚线：不动该参数时。", "Dashed: without the knob.") + (say("圆点：求解所得。", " The dot: what was solved.") if solved else "")  # fmt: skip
    panels = len(row.measures) * (len(knobs) if scattered else 1)
    return Picture(f"sweep-{row.id}", title, note, draw, lambda narrow: 0.5 + 2.1 * (panels if narrow else -(-panels // 2)))  # fmt: skip


def _same_knob(row: SweepNode, target: Any) -> bool:
    """Whether a target turns the only knob of a sweep, on the same policy."""
    own = (row.knobs[0].path, row.knobs[0].policy, row.knobs[0].scheme, row.knobs[0].way)
    return len(row.knobs) == 1 and row.on == target.on and own == (target.knob.path, target.knob.policy, target.knob.scheme, target.knob.way)  # fmt: skip


def _panels(figure: Any, count: int, narrow: bool) -> list[Any]:
    columns = 1 if narrow else min(2, count)
    found = np.atleast_1d(figure.subplots(-(-count // columns), columns)).ravel()
    for axes in found[count:]:
        axes.set_visible(False)
    return list(found[:count])


def _points(done: Sweep, node: ExactNode) -> tuple[list[tuple[float, ...]], list[float | None], float | None]:
    """(values of the knobs, the measure) of each point, and the measure without them."""
    values = done.table(node.id)["value"].to_pylist()
    names = done.table(node.id)["policy"].to_pylist()
    at = [tuple(float(value) for value in done.grid.point(name)) for name in names[1:]]
    return at, values[1:], values[0]


def _curves(studied: Studied, row: SweepNode, done: Sweep, knobs: list[str]) -> Callable[[Any, bool], None]:
    def draw(figure: Any, narrow: bool) -> None:
        for axes, node in zip(_panels(figure, len(row.measures), narrow), row.measures):
            at, raw, without = _points(done, node)
            values, unit = scaled(node, [np.nan if value is None else value for value in (*raw, without)])
            seconds = sorted({point[1] for point in at}) if len(knobs) == 2 else [None]
            shades = np.linspace(0.25, 1.0, len(seconds)) if len(seconds) > 1 else [1.0]
            for shade, second in zip(shades, seconds):
                mine = sorted((point[0], value) for point, value in zip(at, values) if second is None or point[1] == second)  # fmt: skip
                label = None if second is None else f"{second:g}"
                axes.plot(*zip(*mine), color=COLOURS["now"], alpha=float(shade), marker="o", markersize=2.6, linewidth=1.6, label=label)  # fmt: skip
            axes.axhline(values[-1], color=COLOURS["base"], linestyle="--", linewidth=1.0)
            _solved(axes, studied, row, node)
            axes.set_title(heading(studied.measure(node)))
            axes.set_xlabel(knobs[0])
            axes.set_ylabel(unit)
            axes.margins(y=0.12)
            if len(seconds) > 1 and len(seconds) <= 8:
                axes.legend(title=knobs[1], ncols=2, title_fontsize="small", fontsize="small")

    return draw


def _solved(axes: Any, studied: Studied, row: SweepNode, node: ExactNode) -> None:
    """The solved point, on the panel of its measure, with the target it meets; on the others where it lies."""
    for target, found in studied.run.targets:
        if not _same_knob(row, target) or len(found.crossings) != 1:
            continue
        value = float(found.value)
        axes.axvline(value, color=COLOURS["mark"], linestyle=":", linewidth=1.0)
        if target.measure.id != node.id:
            continue
        every = [float(held) for held in _known(studied, row, node)]
        scale = scaled(node, [*every, float(found.target)])[0][-1] / float(found.target) if found.target else 1.0
        axes.plot([value], [float(found.target) * scale], "o", color=COLOURS["mark"], markersize=7, zorder=5)
        axes.annotate(f"{value:g}", (value, float(found.target) * scale), xytext=(7, 7), textcoords="offset points", color=COLOURS["mark"], fontweight="bold")  # fmt: skip


def _known(studied: Studied, row: SweepNode, node: ExactNode) -> list[float]:
    """What a measure is at every point of a sweep where it is something."""
    done = next(held for mine, held in studied.run.sweeps if mine is row)
    return [value for value in done.table(node.id)["value"].to_pylist() if value is not None]


def _scatter(studied: Studied, row: SweepNode, done: Sweep, knobs: list[str]) -> Callable[[Any, bool], None]:
    """A panel for each knob and measure; of a sample every point is one of many knobs."""

    def draw(figure: Any, narrow: bool) -> None:
        panels = iter(_panels(figure, len(row.measures) * len(knobs), narrow))
        for node in row.measures:
            at, raw, without = _points(done, node)
            values, unit = scaled(node, [np.nan if value is None else value for value in (*raw, without)])
            for i, knob in enumerate(knobs):
                axes = next(panels)
                axes.plot([point[i] for point in at], values[:-1], "o", color=COLOURS["now"], markersize=3.4, alpha=0.8)
                axes.axhline(values[-1], color=COLOURS["base"], linestyle="--", linewidth=1.0)
                axes.set_title(heading(studied.measure(node)))
                axes.set_xlabel(knob)
                axes.set_ylabel(unit)

    return draw


# ---------------------------------------------------------------------------------------------- the fund


def fund_picture(studied: Studied, scheme: str) -> Picture:
    """Closing balances and months of reserve over the years, by policy and scenario."""
    rows = [row for row in studied.run.tables["fund"].to_pylist() if row["scheme"] == scheme]
    scenarios = list(dict.fromkeys(row["scenario"] for row in rows))
    size, unit = axis_of_money([row["balance_close"] for row in rows])
    styles = ("-", "--", ":", "-.")
    fund = studied.run.fund
    assert fund is not None
    sound = [held / 1_000_000 for held in fund.model.sound]

    def draw(figure: Any, narrow: bool) -> None:
        balance, months = figure.subplots(2, 1) if narrow else figure.subplots(1, 2)
        for policy in studied.two:
            for i, scenario in enumerate(scenarios):
                mine = [row for row in rows if row["policy"] == policy and row["scenario"] == scenario]
                years = [row["year"] for row in mine]
                look: dict[str, Any] = {"color": OF_POLICY[policy], "linestyle": styles[i % 4], "marker": "o", "markersize": 2.6, "linewidth": 1.6}  # fmt: skip
                label = studied.policy(policy) + (f" · {studied.scenario(scenario)}" if len(scenarios) > 1 else "")
                balance.plot(years, [row["balance_close"] / size for row in mine], label=label, **look)
                months.plot(years, [np.nan if row["reserve_months"] is None else row["reserve_months"] for row in mine], **look)  # fmt: skip
        months.axhspan(*sound, color=COLOURS["band"], zorder=0)
        for axes, title, said in ((balance, say("年末结余", "Closing balance"), unit), (months, say("可支付月数", "Months of reserve"), say("个月", "months"))):  # fmt: skip
            axes.set_title(title)
            axes.set_ylabel(said)
            axes.xaxis.get_major_locator().set_params(integer=True)
            low, high = axes.get_ylim()
            if low < 0 < high:
                axes.axhline(0, color=COLOURS["ink"], linewidth=0.9)
        figure.legend(loc="outside lower left", ncols=1 if narrow else 2, handlelength=2.6)

    ends = f"{sound[0]:g}–{sound[1]:g}"
    note = say(f"浅绿：合理区间（{ends} 个月）。", f"Pale green: {ends} months, held sound.")
    title = say("基金结余", "The fund's balance") + ("" if len(fund.schemes) == 1 else f" · {scheme}")
    return Picture(f"fund-{scheme}", title, note, draw, lambda narrow: 5.6 if narrow else 3.6)
