"""`rules list|show|validate|schema`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DocumentError
from ..messages import AMOUNT_RULES, DISPOSITIONS, SEVERITIES, in_language, name_of, say
from .base import Failure, Session

if TYPE_CHECKING:
    from ..checks import Rule, RuleBook

__all__ = ["list_rules", "schema", "show_rule", "validate"]


def validate(session: Session, paths: tuple[Path, ...]) -> int:
    """Every document, the book they make, and its examples; a failure raises DocumentError with every problem."""
    from ..checks import load_rules, run_examples, shipped_rules

    book = load_rules(list(paths) or shipped_rules())
    ran = run_examples(book)
    if ran.problems:
        raise DocumentError(ran.problems)
    for document in book.documents:
        rules = [rule for rule in book if rule.document == document.head.id]
        on = sum(rule.enabled for rule in rules)
        rows = sum(len(sheet.lines) for _, sheet in document.tables.values())
        session.data(
            say(
                f"通过 {document.head.id} {document.head.version}：{len(rules)} 条规则（启用 {on}），{len(document.tables)} 张表 {rows:,} 行",
                f"ok {document.head.id} {document.head.version}: {len(rules)} rules ({on} enabled), {len(document.tables)} tables with {rows:,} rows",
            )
        )
    session.data(
        say(
            f"示例 {ran.count} 个（{ran.rules} 条规则），引擎与参照均相符",
            f"{ran.count} examples of {ran.rules} rules, as written by engine and reference",
        )
    )
    session.say(f"规则册 sha256 {book.sha256[:16]}", f"book sha256 {book.sha256[:16]}")
    return 0


def list_rules(session: Session, paths: tuple[Path, ...], as_json: bool) -> int:
    """One line a rule."""
    from ..checks import load_rules, shipped_rules

    book = load_rules(list(paths) or shipped_rules())
    if as_json:
        session.data(json.dumps([_summary(rule) for rule in book], ensure_ascii=False, indent=1))
        return 0
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from ..checks.vocabulary import KERNELS

    heads = say(
        "编号 国家 规则 内核 处置 程度 表行 状态", "id no. rule kernel disposition severity rows status"
    ).split()
    table = Table(*heads, box=SIMPLE_HEAD)
    for rule in book:
        kernel = f"{rule.kernel} {say(*KERNELS[rule.kernel])}"
        rows = f"{len(rule.table):,}" if rule.table is not None else ""
        number = "" if rule.national is None else str(rule.national)
        disposition = say(*DISPOSITIONS[rule.disposition])
        table.add_row(
            rule.id, number, rule.name[say("zh", "en")], kernel, disposition, str(rule.severity), rows, _status(rule)
        )
    session.out().print(table)
    session.data(_count(book))
    return 0


def show_rule(session: Session, paths: tuple[Path, ...], rule_id: str, as_json: bool) -> int:
    """One rule of the book that the documents make, as a person reads it."""
    from ..checks import load_rules, shipped_rules

    book = load_rules(list(paths) or shipped_rules())
    if rule_id not in book:
        from ..policy.faults import nearest

        close = nearest(rule_id, [rule.id for rule in book])
        hint = say(f"；是否为 {close!r}？", f"; did you mean {close!r}?") if close else ""
        raise Failure(say(f"没有规则 {rule_id!r}", f"there is no rule {rule_id!r}") + hint)
    rule = book[rule_id]
    if as_json:
        session.data(json.dumps(_raw_rule(book, rule), ensure_ascii=False, indent=1))
        return 0
    session.out().print(_tree(book, rule))
    return 0


def schema(session: Session) -> int:
    """The JSON Schema."""
    from ..checks import json_schema

    session.data(json.dumps(json_schema(), ensure_ascii=False, indent=1))
    return 0


def _status(rule: Rule) -> str:
    if not rule.enabled:
        return say("停用", "disabled")
    if rule.skip is not None:
        return say("跳过：", "skipped: ") + say(*rule.skip)
    return say("试运行", "shadow") if rule.shadow else say("启用", "enabled")


def _count(book: RuleBook) -> str:
    on = sum(rule.enabled and rule.skip is None for rule in book)
    skipped = sum(rule.enabled and rule.skip is not None for rule in book)
    off = len(book) - on - skipped
    return say(
        f"共 {len(book)} 条规则：可运行 {on}，跳过 {skipped}，停用 {off}",
        f"{len(book)} rules: {on} can run, {skipped} skipped, {off} disabled",
    )


def _summary(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "national": rule.national,
        "name": rule.name,
        "kernel": rule.kernel,
        "form": rule.form,
        "disposition": rule.disposition,
        "severity": rule.severity,
        "amount": rule.amount,
        "status": rule.status,
        "shadow": rule.shadow,
        "across": rule.across,
        "skip": rule.skip[1] if rule.skip is not None else None,
        "rows": len(rule.table) if rule.table is not None else None,
        "document": rule.document,
    }


def _raw_rule(book: RuleBook, rule: Rule) -> dict[str, Any]:
    """The rule as its document has it."""
    document = next(document for document in book.documents if document.head.id == rule.document)
    return next(raw for raw in document.parsed.doc["rules"] if raw.get("id") == rule.id and "disable" not in raw)


def _tree(book: RuleBook, rule: Rule) -> Any:
    from rich.tree import Tree

    from ..checks.vocabulary import KERNELS
    from .documents import grow

    number = (
        "" if rule.national is None else say(f"（国家规则第 {rule.national} 条）", f" (national rule {rule.national})")
    )
    tree = Tree(f"{rule.id}  {rule.name[say('zh', 'en')]}{number}")
    tree.add(say("内核：", "kernel: ") + f"{rule.kernel} {say(*KERNELS[rule.kernel])}")
    tree.add(say("状态：", "status: ") + _status(rule) + (f" — {in_language(rule.reason)}" if rule.reason else ""))
    if rule.id in book.across:
        tree.add(say("跨人员：须一次给出全部就诊", "across persons: needs all visits in one run"))
    region = f"insuplc_admdvs {rule.region}" if rule.region != "*" else ""
    scope = ", ".join(text for text in (region, rule.scope.text()) if text)
    tree.add(say("范围：", "scope: ") + (scope or say("全部就诊", "every visit")))
    raw = _raw_rule(book, rule)
    tree.add(say("项目：", "items: ") + _items(rule, raw))
    if "check" in raw:
        grow(tree.add(say("检查", "check")), raw["check"])
    if rule.function is not None:
        function = rule.function
        asks = ", ".join(name + "?" * may for name, may in zip(function.columns, function.optional))
        tree.add(
            say("函数：", "function: ") + f"{function.name}({asks}), {function.on}, {function.file}:{function.line}"
        )
    for name, text in rule.parameters.items():
        tree.add(say("参数 ", "parameter ") + f"{name} = {text}")
    worth = f"{say(*DISPOSITIONS[rule.disposition])}, {say(*SEVERITIES[rule.severity])}, {name_of(AMOUNT_RULES, rule.amount)}"
    tree.add(say("后果：", "consequence: ") + worth)
    _sources(tree, rule)
    _examples(tree, book, rule)
    return tree


def _items(rule: Rule, raw: dict[str, Any]) -> str:
    table = rule.table
    if table is None:
        items = raw.get("items", "all")
        return items if isinstance(items, str) else ", ".join(f"{key} {_few(value)}" for key, value in items.items())
    files = ", ".join(dict.fromkeys(table.files))
    return say(f"表 {table.name}，{len(table):,} 行", f"table {table.name}, {len(table):,} rows") + (
        f"  {files}" if files else ""
    )


def _few(value: Any) -> str:
    texts: Iterable[str] = [value] if isinstance(value, str) else value
    return "|".join(texts)


def _sources(tree: Any, rule: Rule) -> None:
    file, line = rule.place
    tree.add(say("来源：", "source: ") + in_language(rule.source) + (f"; {rule.cite}" if rule.cite else ""))
    tree.add(say("文件：", "document: ") + f"{rule.document} {rule.version}, {file}:{line}")
    if rule.choices:
        branch = tree.add(say("来源未定、本文件自行选定的", "what the source leaves open and this document chose"))
        for choice in rule.choices:
            branch.add(in_language(choice))


def _examples(tree: Any, book: RuleBook, rule: Rule) -> None:
    """Each example with what it hits, its rows below."""
    from ..checks.examples import examples_of

    own = [placed for placed in examples_of(book) if placed.rule.id == rule.id]
    if not own:
        return
    branch = tree.add(say("示例", "examples"))
    for placed in own:
        hits = ", ".join(placed.example.hits)
        told = say(f"命中 {hits}", f"hits {hits}") if hits else say("不命中", "hits nothing")
        title = in_language(placed.name)
        leaf = branch.add(say(f"{title}：{told}", f"{title}: {told}"))
        for table, rows in placed.example.written().items():
            for row in rows:
                leaf.add(f"{table}: " + ", ".join(f"{name} {text}" for name, text in row.items()))
