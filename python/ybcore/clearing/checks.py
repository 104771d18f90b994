"""What parts of a clearing document must have to do with each other; every finding at its place."""

from __future__ import annotations

from collections.abc import Iterator

from ..policy.faults import Fault, Faults, unknown
from ..policy.paths import RawPath
from .models import ClearingModel, Method

__all__ = ["check"]

_BASES = {
    "item": (),
    "budget": (),
    "heads": ("amount",),
    "days": ("amount", "group.amount"),
    "case": ("amount", "group.amount", "group.weight"),
    "points": ("group.points", "group.weight", "group.mean"),
}
_WITH = {"group.weight/case": ("rate",), "group.weight/points": ("times",), "group.mean/points": ("over", "times")}


def check(model: ClearingModel, faults: Faults) -> None:
    """Adds what is wrong."""
    seen: set[str] = set()
    for index, method in enumerate(model.methods):
        at: RawPath = ("methods", index)
        if method.id in seen:
            faults.add((*at, "id"), Fault(f"two methods are called {method.id!r}", f"方法 {method.id!r} 重名"))
        seen.add(method.id)
        for loc, fault in _method(model, method):
            faults.add((*at, *loc), fault)
    end = model.effective.end
    if end is not None and end <= model.effective.start:
        faults.add(("effective", "to"), Fault("the end is not after the start", "截止日不晚于起始日"))
    used = {method.pool for method in model.methods}
    for name in model.pools:
        if name not in used:
            faults.add(
                ("pools", name), Fault(f"no method uses the pool {name!r}", f"没有方法使用预算 {name!r}", key=True)
            )


def _missing(name: str, why: str, zh: str) -> tuple[RawPath, Fault]:
    return (name,), Fault(f"`{name}` is missing: {why}", f"缺少 {name}：{zh}", name)


def _useless(name: str, pays: str) -> tuple[RawPath, Fault]:
    return (name,), Fault(
        f"`{name}` means nothing where a method pays by {pays}", f"按 {pays} 支付时 {name} 无意义", key=True
    )


def _method(model: ClearingModel, method: Method) -> Iterator[tuple[RawPath, Fault]]:
    yield from _base(method)
    if method.pays == "points":
        if method.pool is None:
            yield _missing("pool", "points have a value only in a pool", "点数须归入一个预算")
        elif method.pool not in model.pools:
            yield ("pool",), unknown("pool", "预算", method.pool, model.pools)
    elif method.pool is not None:
        yield _useless("pool", method.pays)
    standard = method.pays in ("case", "days", "points")
    if standard and method.fund is None:
        yield _missing("fund", "of a standard the fund pays by a formula", "须写明基金支付公式")
    if not standard:
        for name in ("fund", "coefficients", "multiples", "incomplete", "ungrouped", "review", "readmission"):
            if getattr(method, name):
                yield _useless(name, method.pays)
        return
    yield from _kinds(method)


def _base(method: Method) -> Iterator[tuple[RawPath, Fault]]:
    allowed = _BASES[method.pays]
    base = method.base
    if base is None:
        if allowed:
            yield _missing("base", f"one of {', '.join(allowed)}", f"可为 {', '.join(allowed)}")
        return
    form = "group." + base.group if base.group else "amount" if base.amount is not None else ""
    if form not in allowed:
        what = f"`base` of a method that pays by {method.pays} is not {form or 'empty'}"
        yield (
            ("base",),
            Fault(
                what,
                f"按 {method.pays} 支付时 base 不能是 {form or '空'}",
                ", ".join(allowed) or "no base",
                ", ".join(allowed) or "不写 base",
            ),
        )
        return
    wanted: tuple[str, ...] = ("group",) if base.group else ("amount",)
    wanted += _WITH.get(f"{form}/{method.pays}", ())
    for name in ("group", "amount", "rate", "times", "over"):
        here = getattr(base, name) is not None
        if here != (name in wanted):
            what, zh = (
                (f"`{name}` has no place here", f"此处不能写 {name}")
                if here
                else (f"`{name}` is missing", f"缺少 {name}")
            )
            yield ("base", name), Fault(what, zh, " and ".join(wanted), "、".join(wanted), key=here)


def _kinds(method: Method) -> Iterator[tuple[RawPath, Fault]]:
    multiples = method.multiples
    grouped = bool(method.base and method.base.group) or (multiples is not None and multiples.against == "mean")
    grouped = grouped or any(pays.actual for _, pays in method.all_pays())
    if grouped and method.ungrouped is None:
        yield _missing("ungrouped", "a case without a known group is never zero by silence", "未知病组的支付须写明")
    for loc, pays in method.all_pays():
        if pays.word == "review" and method.review is None:
            yield _missing("review", "something goes to review", "有病例须评审")
        if pays.by_cost and (method.pays != "points" or loc != ("ungrouped",)):
            yield loc, Fault("`by_cost` is for `ungrouped` of points", "by_cost 只用于点数法的 ungrouped")
        if loc == ("ungrouped",) and (pays.actual or pays.word == "standard"):
            yield loc, Fault("without a group there is no standard", "无病组则无标准", "item, review, hold or by_cost", "item、review、hold 或 by_cost")  # fmt: skip
    if (
        method.review is not None
        and method.review.otherwise == "standard"
        and method.ungrouped is not None
        and method.ungrouped.word == "review"
    ):
        yield ("review", "otherwise"), Fault("without a group there is no standard", "无病组则无标准", "item or hold", "item 或 hold")  # fmt: skip
    if multiples is not None:
        if (multiples.against == "standard" and method.pays == "points") != (multiples.value is not None):
            yield (
                ("multiples", "value"),
                Fault(
                    "`value` goes with points compared with their standard",
                    "value 只在点数与标准比较时写",
                    "against: standard, value: yuan a point",
                    "against: standard，value: 每点金额（元）",
                ),
            )
        if not (multiples.low or multiples.high or multiples.extreme):
            yield ("multiples",), Fault("no kind of case is told apart", "未区分任何病例类型", "low, high or extreme", "low、high 或 extreme")  # fmt: skip
    if method.fund is not None:
        needs = method.fund.formula in ("policy_share", "cap_times_rate")
        if "rate" in method.fund.model_fields_set and not needs:
            yield (
                ("fund", "rate"),
                Fault(f"`rate` means nothing in {method.fund.formula}", f"{method.fund.formula} 不用 rate", key=True),
            )
        if needs and "rate" not in method.fund.model_fields_set:
            yield ("fund", "rate"), Fault("`rate` is missing", "缺少 rate", "a rate, or case", "比例，或 case")
    if method.yearly is not None and method.yearly.overrun is not None:
        edges = [step.upto for step in method.yearly.overrun.steps]
        told = [int(edge.value) for edge in edges[:-1] if edge is not None]
        if edges[-1] is not None or len(told) != len(edges) - 1 or told != sorted(set(told)):
            yield (
                ("yearly", "overrun", "steps"),
                Fault("steps rise and end open", "各段须递增，末段为 open", "upto: 0.1, …, upto: open"),
            )
