"""The figures of a rule that bound what is no hit: which there are, which one is meant, and the rule with another value of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..errors import InputError, Problem
from ..policy.faults import nearest
from ..policy.fields import Node
from ..policy.numbers import ScalarError
from ..policy.paths import RawPath, path_text
from .bind import nodes
from .figures import Figure, read_figure
from .rule import Rule

__all__ = ["bounds_of", "chosen_bound", "read_values", "with_bound"]

MOST = 100
NAMES: dict[str, tuple[str, ...]] = {
    "K01": ("value",),
    "K02": ("value",),
    "K03": ("tolerance",),
    "K04": ("at_least",),
    "K05": ("units",),
    "K06": ("cap", "factor", "plus"),
    "K07": ("value",),
    "K08": ("value",),
    "K09": ("grace", "grace_before", "grace_after", "before_hours", "after_hours", "value", "days"),
    "K10": ("max", "allowance"),
    "K12": ("value",),
    "K13": ("value",),
    "K14": ("tolerance",),
    "K15": ("tolerance", "hours"),
    "user": ("value",),
}
"""Kernel → the last word of the path of its bounds."""

Bounds = Mapping[RawPath, Figure]


def bounds_of(rule: Rule) -> dict[RawPath, Figure]:
    """Path in `check` → figure, in the order of the document; empty where the rule has no bound."""
    names = NAMES.get(rule.kernel, ())
    if rule.check is None:
        return {}
    return {path: node for path, node in nodes(rule.check, ()) if isinstance(node, Figure) and path[-1] in names}


def chosen_bound(rule: Rule, figure: str | None, others: Iterable[Rule]) -> tuple[RawPath, Figure]:
    """The bound that `figure` names as the document would (`windows[0].thresholds[1].value`), or the only one. Raises InputError.

    `others`: rules of the book, to tell which have a bound.
    """
    found = {path_text(path): (path, bound) for path, bound in bounds_of(rule).items()}
    if not found:
        able = [other.id for other in others if bounds_of(other)]
        what = f"rule {rule.id} ({rule.kernel}) has no figure to replay"
        zh = f"规则 {rule.id}（{rule.kernel}）没有可回放的阈值"
        raise InputError([Problem(what=what, what_zh=zh, path="rule", expected=f"one of: {', '.join(able) or '-'}", expected_zh=f"以下之一：{', '.join(able) or '-'}")])  # fmt: skip
    if figure is not None and figure in found:
        return found[figure]
    if figure is None and len(found) == 1:
        return next(iter(found.values()))
    told, told_zh = (", ".join(f"{name} ({_written(bound, word)})" for name, (_, bound) in found.items()) for word in ("column", "列"))  # fmt: skip
    if figure is None:
        what, zh = (
            f"rule {rule.id} has {len(found)} figures: name one",
            f"规则 {rule.id} 有 {len(found)} 个阈值，须指明其一",
        )
    else:
        what, zh = f"rule {rule.id} has no figure {figure!r}", f"规则 {rule.id} 没有阈值 {figure!r}"
    close = nearest(figure, found) if figure else ""
    raise InputError([Problem(what=what, what_zh=zh, path="figure", expected=f"one of: {told}", expected_zh=f"以下之一：{told_zh}", nearest=close)])  # fmt: skip


def _written(bound: Figure, word: str) -> str:
    return f"{word} {bound.column}" if bound.column else bound.text


def read_values(bound: Figure, values: Iterable[Any]) -> tuple[list[str], list[int]]:
    """(values as text, in held units) for a bound, as a document would write them. Raises InputError with every wrong one."""
    texts = [str(value) for value in values]
    problems = []
    held = []
    if not 1 <= len(texts) <= MOST:
        what, zh = f"give 1 to {MOST} values, not {len(texts):,}", f"须给出 1 至 {MOST} 个值，实为 {len(texts):,} 个"
        problems.append(Problem(what=what, what_zh=zh, path="values"))
    for place, text in enumerate(texts[:MOST], 1):
        try:
            value = read_figure(text, bound.kind)
        except ScalarError as err:
            problems.append(Problem(what=err.en, what_zh=err.zh, path="values", row=place))
            continue
        if value < 0:
            what, zh = f"expected 0 or more, found {text}", f"应不小于 0，实为 {text}"
            problems.append(Problem(what=what, what_zh=zh, path="values", row=place))
        held.append(value)
    if problems:
        raise InputError(problems)
    return texts, held


def with_bound(rule: Rule, path: RawPath, value: int) -> Rule:
    """The rule with another value in one place; whatever stood there, a parameter or a column too."""
    return replace(rule, check=_with(rule.check, path, value))


def _with(node: Any, path: RawPath, value: int) -> Any:
    if not path:
        return Figure(node.kind, "", value)
    step, rest = path[0], path[1:]
    if isinstance(node, Node):
        return node.model_copy(update={str(step): _with(getattr(node, str(step)), rest, value)})
    if isinstance(node, tuple):
        return tuple(_with(item, rest, value) if place == step else item for place, item in enumerate(node))
    return {key: _with(item, rest, value) if key == step else item for key, item in node.items()}
