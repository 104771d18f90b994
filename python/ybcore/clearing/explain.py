"""One case in words: every step anew by the reference, and then held against the bulk row."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ..columns.convert import NULL_DAY, NULL_INT
from ..columns.read import Frame
from ..errors import InputError, Problem
from ..messages import say, yuan_text
from ..policy.numbers import date_text
from ..reference.clearing.cases import Standing, place, settle_standard, share_of_fund
from ..reference.clearing.pools import period_of
from ..reference.clearing.world import World
from .outputs import FORMULA_WORDS, KIND_WORDS, OUTCOME_WORDS, PAYS_WORDS
from .result import CASE_COLUMNS, Cleared

__all__ = ["explain_case", "row_of"]


def row_of(frame: Frame, row: int) -> dict[str, Any]:
    """One row in the units of the reference; a missing cell is None."""
    out: dict[str, Any] = {}
    for name, column in frame.ids.items():
        out[name] = column[row].as_py()
    for name in frame.cells:
        spec = frame.table.find(name)
        assert spec is not None
        if spec.kind in ("code", "text"):
            of, texts = frame.code(name) or ([], [])
            out[name] = texts[of[row]] if of[row] >= 0 else None
            continue
        value = int(frame.cells[name].values[row])
        empty = NULL_DAY if spec.kind == "date" else -1 if spec.kind == "flag" else NULL_INT
        out[name] = None if value == empty else value
    return out


def _points(value: int | None) -> str:
    return "—" if value is None else f"{value // 10_000}.{value % 10_000:04d}"


def _ratio(value: int | None) -> str:
    return "—" if value is None else f"{value / 10**6:.6f}".rstrip("0").rstrip(".")


def explain_case(done: Cleared, setl_id: str | int) -> list[str]:
    """Lines that tell how a case came to its payment, in the language in use; the last says what was checked.

    Raises InputError for a case that is not there, RuntimeError where the bulk row is not what the steps give.
    """
    frame = done.given.cases
    if done.columns != CASE_COLUMNS:
        what, zh = (
            "the cases were cleared without some of their columns: clear them with all",
            "清算结果不含 cases 的全部列：请输出全部列",
        )
        raise InputError([Problem(what=what, what_zh=zh, path="columns")])
    ids = frame.ids["setl_id"].to_pylist()
    row = next((at for at, value in enumerate(ids) if str(value) == str(setl_id)), None)
    if row is None:
        what, zh = f"no case is called {setl_id!r}", f"没有病例 {setl_id!r}"
        raise InputError([Problem(what=what, what_zh=zh, path="setl_id")])
    found = {name: done.cases[name][row].as_py() for name in done.cases.column_names}
    case = row_of(frame, row)
    case["setl_time"] = int(done.given.day[row])
    day = date_text(case["setl_time"])
    out = [
        say(
            f"病例 {setl_id}，{day}，机构 {case['fixmedins_code']}",
            f"Case {setl_id}, {day}, institution {case['fixmedins_code']}",
        )
    ]
    if found["document"] is None or found["method"] is None:
        return [*out, say("结果：", "outcome: ") + say(*OUTCOME_WORDS[found["outcome"]])]
    one = _again(done, case)
    model = next(m for d in done.book for m in d.model.methods if d.id == found["document"] and m.id == found["method"])
    clause = f" [{'; '.join(model.cite)}]" if model.cite else ""
    out.append(
        say(f"文件 {found['document']}，方法 {model.id}：", f"document {found['document']}, method {model.id}: ")
        + say(*PAYS_WORDS[model.pays])
        + clause
    )
    out += _standard(one, found)
    out += _valued(done, one, found)
    return out + _paid(one, found)


def _again(done: Cleared, case: dict[str, Any]) -> Standing:
    """The case through the reference, up to its standard."""
    frames = done.given.frames
    groups = [
        row
        for at in range(frames["groups"].rows)
        if (row := row_of(frames["groups"], at))["group_code"] == case.get("group_code")
    ]
    for row in groups:
        row["bed_day"] = row.get("bed_day") or 0
    places = [
        row
        for at in range(frames["institutions"].rows)
        if (row := row_of(frames["institutions"], at))["fixmedins_code"] == case["fixmedins_code"]
    ]
    world = World([document.doc for document in done.book], groups, places, [], [])
    one = place(world, case)
    settle_standard(one)
    return one


def _standard(one: Standing, found: dict[str, Any]) -> list[str]:
    out = []
    group = one.group
    if one.case.get("group_code"):
        name = one.case["group_code"]
        if group is None:
            out.append(say(f"病组 {name}：当日无此病组", f"group {name}: no row on that day"))
        else:
            told = [
                f"{say(*words)} {shown(group[column])}"
                for column, words, shown in (
                    ("points", ("点数", "points"), _points),
                    ("weight", ("权重", "weight"), _ratio),
                    ("mean_amt", ("例均费用", "mean fee"), yuan_text),
                    ("amount", ("付费标准", "price"), yuan_text),
                )
                if group.get(column) is not None
            ]
            out.append(say(f"病组 {name}：", f"group {name}: ") + say("，", ", ").join(told))
    if found["coefficient"] is not None:
        out.append(say("系数 ", "coefficient ") + _ratio(found["coefficient"]))
    if one.multiple is not None:
        out.append(
            say("费用 ", "cost ")
            + yuan_text(one.cost)
            + say("，为基准的 ", ", which is ")
            + _ratio(found["multiple"])
            + say(" 倍", " times the reference")
        )
    if found["kind"]:
        out.append(say("病例类型：", "kind: ") + say(*KIND_WORDS[found["kind"]]))
    if found["readmission"]:
        one.cut = True
        shown, whole = _points if one.by_points else yuan_text, one.level
        one.cut_down()
        kept = f"{shown(whole)} × {_ratio(one.rate(one.rule('readmission')['keeps']))} = {shown(one.level)}"
        out.append(say("因重复住院减计：", "cut, because another stay in the same group was too near: ") + kept)
    return out


def _valued(done: Cleared, one: Standing, found: dict[str, Any]) -> list[str]:
    """Points into money, by the pool of the case."""
    if one.way != "standard" or not one.by_points or one.case.get("review_amt") is not None:
        return []
    name = one.method["pool"]
    period = period_of(one.doc["pools"][name], one.case["setl_time"])
    pool = next(row for row in done.pools.to_pylist() if row["pool"] == name and row["period"] == period)
    if one.points != found["points"]:
        raise RuntimeError(f"points of the bulk row are {found['points']}, of the steps {one.points}")
    standard = found["standard"]
    share = Fraction(pool["shared"] * one.points, pool["points"]) if pool["points"] else Fraction(0)
    told = Fraction(one.points * pool["value"], 10**8)
    by_share = one.doc["pools"][name].get("remainder", "share") == "share"
    if not (share // 1 <= standard <= share // 1 + 1 if by_share else abs(standard - told) <= Fraction(1, 2)):
        raise RuntimeError(f"the standard of the bulk row is {standard}, of the steps {share if by_share else told}")
    one.standard = standard
    return [
        say(f"预算 {name} {pool['period']}：（{yuan_text(pool['budget'])} － 预留 {yuan_text(pool['reserve'])}），可分配 {yuan_text(pool['shared'])} ÷ {_points(pool['points'])} 点 = 点值 {_ratio(pool['value'])} 元",
            f"pool {name} {pool['period']}: budget {yuan_text(pool['budget'])} - reserve {yuan_text(pool['reserve'])}; {yuan_text(pool['shared'])} to share / {_points(pool['points'])} points = {_ratio(pool['value'])} yuan a point"),
        say(f"点数 {_points(one.points)}，标准 {yuan_text(standard)}", f"points {_points(one.points)}, standard {yuan_text(standard)}"),
    ]  # fmt: skip


def _paid(one: Standing, found: dict[str, Any]) -> list[str]:
    out = []
    if one.way == "standard" and not one.by_points:
        out.append(say("标准 ", "standard ") + yuan_text(one.standard))
    share_of_fund(one)
    if one.way == "standard":
        out.append(say("基金支付公式：", "the fund's share: ") + say(*FORMULA_WORDS[one.method["fund"]["formula"]]))
    elif one.way == "item":
        out.append(say("按项目支付", "paid by item"))
    mine = one.row()
    names = (
        "outcome",
        "kind",
        "multiple",
        "coefficient",
        "points",
        "standard",
        "payment",
        "itemised",
        "difference",
        "high_edge",
        "readmission",
    )
    wrong = [name for name in names if mine[name] != found[name]]
    if wrong:
        raise RuntimeError(f"the bulk row differs from the steps in {', '.join(wrong)}")
    if found["payment"] is None:
        out.append(say("结果：", "outcome: ") + say(*OUTCOME_WORDS[found["outcome"]]))
    else:
        out.append(say(f"基金应付 {yuan_text(found['payment'])}", f"the fund pays {yuan_text(found['payment'])}"))
        out.append(
            say(f"按项目结算的基金支付 {yuan_text(found['itemised'])}，差额 {yuan_text(found['difference'])}",
                f"itemised fund {yuan_text(found['itemised'])}, difference {yuan_text(found['difference'])}")
        )  # fmt: skip
    said = f"Checked: the steps equal the bulk row in {len(names)} columns."
    return [*out, say(f"已核对：以上各步与批量结果的 {len(names)} 列相同。", said)]
