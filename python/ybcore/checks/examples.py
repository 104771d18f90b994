"""Examples of rules, run by whoever can judge a rule: the reference when a document is validated."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ybcore.errors import Problem

from .book import RuleBook
from .rule import Rule

__all__ = ["Judge", "run_examples"]

Judge = Callable[[RuleBook, Rule, dict[str, list[dict[str, str]]]], Iterable[str]]
"""(book, rule, tables of texts) → the feedetl_sn or setl_id that offend."""


def run_examples(book: RuleBook, judge: Judge) -> list[Problem]:
    """Every example of every enabled rule that can run; a difference is a problem at the rule's place."""
    problems = []
    for rule in book:
        if not rule.enabled or rule.skip is not None:
            continue
        for number, example in enumerate(rule.examples, 1):
            found, wanted = set(judge(book, rule, example.tables())), set(example.hits)
            if found != wanted:
                file, line = rule.place
                name = f"{rule.id} {example.name or number}"
                more, less = ", ".join(sorted(found - wanted)) or "-", ", ".join(sorted(wanted - found)) or "-"
                en = f"example {name}: hits that should not be: {more}; missing: {less}"
                zh = f"示例 {name}：不应命中而命中：{more}；应命中而未命中：{less}"
                problems.append(Problem(file=file, line=line, path="examples", what=en, what_zh=zh))
    return problems
