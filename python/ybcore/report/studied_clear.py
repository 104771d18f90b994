"""Clearing in a study as people read it: head figures, tables in words, hospitals that win and lose, points, sweeps and targets."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..clearing.outputs import PAYS_WORDS
from ..messages import say, yuan_text
from ..policy.inventory import scalar_text
from ..policy.paths import parse_path
from ..simulate.comparison import BASE
from ..simulate.places import spoken
from ..simulate.studyclearmodel import ClearKnobNode
from .charts import COLOURS, Picture, axis_of_money
from .shown import Shown
from .summary import percent

if TYPE_CHECKING:
    from .studied import Studied

__all__ = [
    "clear_cards",
    "clear_changes",
    "clear_pictures",
    "clear_shown",
    "clear_sides",
    "clear_solved",
    "clear_title",
]

_SHOWN = 10
"""Hospitals that the chart shows on each side."""
_WORDS: dict[str, tuple[str, str, str]] = {
    "policy": ("政策", "policy", "text"), "on": ("在此政策上", "on", "text"), "name": ("机构", "institution", "text"), "fixmedins_code": ("机构编号", "code", "text"),
    "psntime": ("人次", "cases", "count"), "cases": ("病例数", "cases", "count"), "medfee_sumamt": ("医疗费总额（元）", "total fee (yuan)", "money"),
    "fund_appy_sum": ("按项目基金支付（元）", "itemised fund (yuan)", "money"), "budget": ("预算额（元）", "budget (yuan)", "money"),
    "paid": ("实付合计（元）", "paid (yuan)", "money"), "due": ("应付医疗机构（元）", "due to hospitals (yuan)", "money"), "held": ("暂扣（元）", "held back (yuan)", "money"),
    "difference": ("与按项目之差（元）", "against itemised (yuan)", "money"), "unspent": ("结余（元）", "unspent (yuan)", "money"),
    "value": ("点值（元）", "value of a point (yuan)", "ppm"), "winners": ("受益机构", "hospitals that win", "count"), "losers": ("受损机构", "hospitals that lose", "count"),
    "won": ("增加合计（元）", "won (yuan)", "money"), "lost": ("减少合计（元）", "lost (yuan)", "money"),
    "before": ("改前应付（元）", "due before (yuan)", "money"), "after": ("改后应付（元）", "due after (yuan)", "money"), "change": ("变化（元）", "change (yuan)", "money"),
    "share": ("变化率", "change, share", "ppm_share"), "document": ("清算文件", "document", "text"), "method": ("支付方法", "method", "text"), "pays": ("支付方式", "pays", "text"),
    "pool": ("预算", "pool", "text"), "period": ("期间", "period", "text"), "points": ("总点数", "points", "points"), "reserve": ("预留（元）", "reserve (yuan)", "money"),
    "first_charges": ("先行支付（元）", "first charges (yuan)", "money"), "adds": ("个人及其他负担（元）", "patients and others (yuan)", "money"),
    "shared": ("可分配额（元）", "to share (yuan)", "money"), "standard": ("标准合计（元）", "standards (yuan)", "money"),
    "reform": ("改革", "reform", "text"), "policy_id": ("文件", "document", "text"), "scheme": ("制度", "scheme", "text"), "path": ("位置", "path", "text"), "from": ("生效日", "from", "text"),
    "unit": ("单位", "unit", "text"), "cite": ("条款", "clause", "text"), "target": ("求解", "target", "text"), "knob": ("参数", "knob", "text"), "measure": ("指标", "measure", "text"),
    "goal_fen": ("目标（元）", "goal (yuan)", "money"), "reached_fen": ("所及（元）", "reached (yuan)", "money"), "low": ("较低值", "lower value", "number"), "high": ("较高值", "higher value", "number"),
    "at_low_fen": ("较低值处（元）", "at the lower (yuan)", "money"), "at_high_fen": ("较高值处（元）", "at the higher (yuan)", "money"), "looked": ("看过取值", "values looked at", "count"),
    "cases_read": ("涉及病例", "cases that read it", "count"), "units_read": ("涉及清算单元", "units that read it", "count"),
}  # fmt: skip
_OTHERWISE = {
    ("clearing-changes", "before"): ("改前", "before", "text"), ("clearing-changes", "after"): ("改后", "after", "text"), ("clearing-targets", "value"): ("取值", "value", "number"),
}  # fmt: skip
_HIDDEN = ("before_value", "after_value", "unit", "scheme")
_SIDES = ("fund_appy_sum", "due", "held", "paid", "budget", "unspent", "difference")


def clear_title(studied: Studied, name: str) -> str:
    """Of a table of clearing."""
    fixed = {
        "clearing": ("医疗机构清算", "What providers are owed"), "clearing-changes": ("清算：改了什么", "Clearing: what changes"),
        "clearing-hospitals": ("各机构受益与受损", "Hospitals that win and lose"), "clearing-methods": ("各支付方法", "By method"),
        "clearing-pools": ("预算与点值", "Budgets and points"), "clearing-targets": ("清算求解", "Targets of clearing"),
    }  # fmt: skip
    if name in fixed:
        return say(*fixed[name])
    row = next(row for row in _asked(studied).sweeps if name == f"clearing-sweep-{row.id}")
    return say("清算扫描：", "Sweep of clearing: ") + studied.said(row.name, row.id)


def _asked(studied: Studied) -> Any:
    asked = studied.model.clearing
    assert asked is not None
    return asked


def _knobs(studied: Studied) -> Iterator[ClearKnobNode]:
    asked = _asked(studied)
    yield from (node for row in asked.sweeps for node in row.knobs)
    yield from (row.knob for row in asked.targets)


def clear_shown(studied: Studied, name: str, brief: bool = False) -> Shown:
    """A table of clearing in words. `brief`, for the page: without columns that say the same in every row."""
    table = studied.run.tables[name]
    knobs = {node.called: studied.said(node.name, node.called) for node in _knobs(studied)} if name.startswith("clearing-sweep-") else {}  # fmt: skip
    rows = table.to_pylist()
    names = [key for key in table.column_names if key not in _HIDDEN and any(row[key] is not None for row in rows)]
    if brief and len(rows) > 1:
        names = [key for key in names if key in ("policy", *knobs) or len({row[key] for row in rows}) > 1]
    words = [(knobs[key], "", "number") if key in knobs else _OTHERWISE.get((name, key)) or _WORDS[key] for key in names]  # fmt: skip
    kinds = [kind for *_, kind in words]
    columns = [(zh if key in knobs else say(zh, en), {"ppm": "number", "points": "number", "ppm_share": "share"}.get(kind, kind)) for key, (zh, en, kind) in zip(names, words)]  # fmt: skip
    if name == "clearing-hospitals":
        rows = [row for row in rows if row["policy"] != BASE]
    return Shown(name, clear_title(studied, name), columns, [tuple(_cell(studied, key, kind, row[key]) for key, kind in zip(names, kinds)) for row in rows])  # fmt: skip


def _cell(studied: Studied, key: str, kind: str, value: Any) -> Any:
    if value is None:
        return None
    if key in ("policy", "on"):
        return studied.policy(value)
    if key == "reform":
        return studied.reform(value)
    if key == "pays":
        return say(*PAYS_WORDS[value])
    if key == "measure":
        return say(*_WORDS[value][:2])
    if key in ("knob", "target"):
        return _called(studied, key, value)
    if kind in ("ppm", "ppm_share"):
        return value / 1_000_000
    if kind == "points":
        return value / 10_000
    if kind == "text":
        return str(value)
    return float(value) if kind == "number" else value


def _called(studied: Studied, key: str, value: str) -> str:
    """A knob or a target by its name."""
    rows = _asked(studied).targets
    for row in rows:
        if key == "target" and row.id == value:
            return studied.said(row.name, value)
        if key == "knob" and row.knob.called == value:
            return studied.said(row.knob.name, value)
    return value


# ---------------------------------------------------------------------------------------------- head


def _sides(studied: Studied) -> list[dict[str, Any]]:
    return list(studied.run.tables["clearing"].to_pylist())


def clear_cards(studied: Studied) -> list[dict[str, Any]]:
    """What hospitals are due, who wins and who loses, the value of a point."""
    if studied.run.clearing is None:
        return []
    rows = {row["policy"]: row for row in _sides(studied)}
    base, now = rows[BASE], rows[studied.two[-1]]
    out = [studied._money(say("应付医疗机构（元）", "Due to hospitals (yuan)"), base, now, "due", 0)]
    if studied.two[-1] != BASE:
        won, lost = (yuan_text(now[name]) for name in ("won", "lost"))
        out.append(studied._card(say("受益／受损机构", "Hospitals that win / lose"), f"{now['winners']:,} / {now['losers']:,}", "", say(f"增 {won}，减 {lost} 元", f"+{won}, -{lost} yuan"), 0))  # fmt: skip
    if now["value"] is not None and base["value"] is not None:
        step = now["value"] - base["value"]
        change = f"{step / 1e6:+,.4f} ({'' if step < 0 else '+'}{percent(step, base['value'])})" if step else ""
        out.append(studied._card(say("点值（元）", "Value of a point (yuan)"), _value(now["value"]), change, _value(base["value"]), 0))  # fmt: skip
    return out


def _value(ppm: int) -> str:
    return f"{ppm / 1_000_000:,.4f}"


def clear_sides(studied: Studied) -> tuple[list[str], list[tuple[str, list[tuple[str, str]]]]]:
    """(the policies, rows of a figure: its name, and for each policy its value and the change from the base)."""
    rows = _sides(studied)
    base = rows[0]
    out = []
    for key in _SIDES:
        cells = [(yuan_text(row[key]), _signed(row[key] - base[key])) for row in rows]
        out.append((say(*_WORDS[key][:2]), cells))
    if all(row["value"] is not None for row in rows):
        cells = [(_value(row["value"]), "" if row["value"] == base["value"] else f"{(row['value'] - base['value']) / 1e6:+,.4f}") for row in rows]  # fmt: skip
        out.append((say(*_WORDS["value"][:2]), cells))
    for key in ("winners", "losers"):
        out.append((say(*_WORDS[key][:2]), [("—" if row is base else f"{row[key]:,}", "") for row in rows]))
    return [studied.policy(row["policy"]) for row in rows], out


def _signed(fen: int) -> str:
    return "" if not fen else yuan_text(fen) if fen < 0 else f"+{yuan_text(fen)}"


def clear_changes(studied: Studied) -> list[dict[str, Any]]:
    """What changes, under the reform that changes it; paths with ids in the place of numbers."""
    cleared = studied.run.clearing
    if cleared is None or "clearing-changes" not in studied.run.tables:
        return []
    rows = studied.run.tables["clearing-changes"].to_pylist()
    book = [*cleared.providers.book, *cleared.providers.terms(studied.run.study.clearing)[0]]
    documents = {document.id: document.doc for document in book}
    for row in rows:
        if row["policy_id"] in documents:
            row["path"] = spoken(documents[row["policy_id"]], parse_path(row["path"]))
        else:
            row["policy_id"] = say("预算（元）", "budgets (yuan)")
            row |= {side: yuan_text(row[f"{side}_value"]) for side in ("before", "after")}
    return [
        {"name": studied.reform(held.id), "source": held.reform.source, "rows": [row for row in rows if row["reform"] == held.id]}
        for held in studied.run.study.clearing
    ]  # fmt: skip


def clear_solved(studied: Studied) -> list[dict[str, Any]]:
    """Targets as sentences, in the shape of `Studied.solved`."""
    out = []
    for held in studied.run.turned:
        node = held.node
        proof = [(scalar_text(value), _yuan(at)) for value, at in held.proof]
        measure, without = say(*_WORDS[node.measure][:2]), studied.run.tables["clearing"].to_pylist()
        out.append(
            {
                "title": studied.said(node.name, node.id), "knob": studied.said(node.knob.name, node.knob.called), "on": studied.policy(node.on),
                "measure": measure.split("（")[0].split(" (")[0], "goal": _yuan(held.goal), "of_base": node.target is None, "value": scalar_text(held.value),
                "without": _yuan(next(row for row in without if row["policy"] == node.on)[node.measure]),
                "monotone": say("单向变化", "one-way between the ends, as far as it was looked at"), "proofs": [proof], "looked": held.looked,
            }
        )  # fmt: skip
    return out


def _yuan(fen: int) -> str:
    return say(f"{yuan_text(fen)} 元", f"{yuan_text(fen)} yuan")


# ---------------------------------------------------------------------------------------------- pictures


def clear_pictures(studied: Studied) -> dict[str, list[Picture]]:
    """Charts by the table that they show."""
    if studied.run.clearing is None:
        return {}
    out: dict[str, list[Picture]] = {}
    for policy in studied.two[1:]:
        held = _hospitals(studied, policy)
        if held is not None:
            out["clearing-hospitals"] = [held]
    for row in _asked(studied).sweeps:
        out[f"clearing-sweep-{row.id}"] = [_sweep(studied, row)]
    return out


def _hospitals(studied: Studied, policy: str) -> Picture | None:
    """The hospitals that lose most and win most, under one policy against the base."""
    rows = [row for row in studied.run.tables["clearing-hospitals"].to_pylist() if row["policy"] == policy]
    lost = [row for row in rows if row["change"] < 0][:_SHOWN]
    won = [row for row in rows if row["change"] > 0][-_SHOWN:]
    shown = [*reversed(won), *reversed(lost)]
    if not shown:
        return None
    size, unit = axis_of_money([row["change"] for row in shown])
    names = [row["name"] or row["fixmedins_code"] for row in shown]
    values = [row["change"] / size for row in shown]
    wide = max(abs(value) for value in values)

    def draw(figure: Any, narrow: bool) -> None:
        axes = figure.subplots()
        places = np.arange(len(shown))
        colours = [COLOURS["gain" if value > 0 else "loss"] for value in values]
        bars = axes.barh(places, values, 0.62, color=colours, edgecolor="white", linewidth=0)
        for bar, row, value in zip(bars, shown, values):
            bar.set_hatch("" if value > 0 else "////")
            part = "" if row["share"] is None else f" ({row['share'] / 1e4:+.1f}%)"
            axes.annotate(f"{value:+,.2f}{part}", (value, bar.get_y() + bar.get_height() / 2), xytext=(4 if value > 0 else -4, 0), textcoords="offset points", va="center", ha="left" if value > 0 else "right")  # fmt: skip
        room = 1.9 if narrow else 1.35
        axes.set_xlim(-wide * room if lost else 0, wide * room if won else 0)
        axes.axvline(0, color=COLOURS["ink"], linewidth=0.8)
        axes.set_yticks(places, names)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlabel(unit)
        axes.grid(axis="y", visible=False)

    note = say(
        f"“{studied.policy(policy)}”下应付额与现行之差；绿为受益，红斜纹为受损，各至多 {_SHOWN} 家，括号内为变化率。",
        f"What is due under “{studied.policy(policy)}” less what is due now; green wins, hatched red loses, at most {_SHOWN} of each; the change in brackets.",
    )
    return Picture("clearing-hospitals", clear_title(studied, "clearing-hospitals"), note, draw, lambda narrow: 0.9 + 0.27 * len(shown))  # fmt: skip


def _sweep(studied: Studied, row: Any) -> Picture:
    """What is due (or paid, where that is what moves), the value of a point, and who wins and loses, by the first knob; a line for each value of the others."""
    table = studied.run.tables[f"clearing-sweep-{row.id}"].to_pylist()
    knobs = [node.called for node in row.knobs]
    points = table[1:]
    labels = [", ".join(scalar_text(Fraction(each[name])) for name in knobs[1:]) for each in points]
    panels: list[tuple[str, Any, str]] = []
    moves = "due" if len({each["due"] for each in points}) > 1 else "paid"
    size, unit = axis_of_money([each[moves] for each in points])
    panels.append((moves, size, unit))
    if all(each["value"] is not None for each in points):
        panels.append(("value", 1_000_000, say("元", "yuan")))
    panels.append(("winners", 1, say("家", "hospitals")))

    def draw(figure: Any, narrow: bool) -> None:
        columns = 1 if narrow else min(3, len(panels))
        found = np.atleast_1d(figure.subplots(-(-len(panels) // columns), columns)).ravel()
        lines = list(dict.fromkeys(labels))
        for axes, (key, by, said) in zip(found, panels):
            for at, line in enumerate(lines):
                mine = [each for each, label in zip(points, labels) if label == line]
                x = [float(each[knobs[0]]) for each in mine]
                shade = 1.0 if len(lines) == 1 else 0.3 + 0.7 * at / (len(lines) - 1)
                if key == "winners":
                    axes.plot(x, [each["winners"] for each in mine], color=COLOURS["gain"], alpha=shade, marker="o", markersize=2.6, label=say("受益", "win") if at == 0 else None)  # fmt: skip
                    axes.plot(x, [each["losers"] for each in mine], color=COLOURS["loss"], alpha=shade, marker="s", markersize=2.6, linestyle="--", label=say("受损", "lose") if at == 0 else None)  # fmt: skip
                else:
                    axes.plot(x, [each[key] / by for each in mine], color=COLOURS["now"], alpha=shade, marker="o", markersize=2.6, label=line or None)  # fmt: skip
            if key == "winners":
                axes.legend(loc="best", fontsize="small")
                axes.set_ylim(bottom=0)
                axes.set_title(say("受益与受损机构", "Who wins, who loses"))
            else:
                axes.axhline(table[0][key] / by, color=COLOURS["base"], linestyle="--", linewidth=1.0)
                title = say(*_WORDS[key][:2]).split("（")[0].split(" (")[0]
                axes.set_title(title[:1].upper() + title[1:])
                axes.ticklabel_format(axis="y", useOffset=False)
                axes.margins(y=0.2)
            axes.set_xlabel(studied.said(row.knobs[0].name, knobs[0]))
            axes.set_ylabel(said)
            if 1 < len(lines) <= 8 and key != "winners":
                axes.legend(fontsize="small", ncols=2)

    note = say("虚线：不动该参数时。受益、受损与现行政策相比。", "Dashed: without the knob. Who wins and loses is against the present policy.")  # fmt: skip
    return Picture(f"clearing-sweep-{row.id}", clear_title(studied, f"clearing-sweep-{row.id}"), note, draw, lambda narrow: 2.0 * len(panels) + 0.4 if narrow else 2.6)  # fmt: skip
