"""Documents stacked base, province, city: one name space of parameters, lists, tables and rules, later ones explicit."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ybcore.errors import Problem

from ..policy.faults import Fault, unknown
from ..policy.paths import RawPath
from .documents import Disabled, Document, Sink
from .rulemodels import CodeList, RuleModel
from .tables import OPEN, Dated, RuleTable, check_overlaps, dated, joined
from .vocabulary import LAYERS, PAIR_COLUMNS, RESERVED_COLUMNS

__all__ = ["Layered", "Stack", "misspelt", "stack"]


@dataclass
class Layered:
    """A rule that stands after layering: where it is from, and why it is off if a later layer says so."""

    document: Document
    index: int
    model: RuleModel
    off: str = ""

    @property
    def loc(self) -> RawPath:
        return ("rules", self.index)


@dataclass
class Stack:
    """What the documents say together."""

    documents: list[Document]
    parameters: dict[str, tuple[str, Document]] = field(default_factory=dict)
    lists: dict[str, CodeList] = field(default_factory=dict)
    tables: dict[str, RuleTable] = field(default_factory=dict)
    rules: dict[str, Layered] = field(default_factory=dict)
    spare: list[Layered] = field(default_factory=list)
    """Rules whose id was there already: bound only for what else is wrong with them."""
    named: dict[str, set[str]] = field(default_factory=dict)
    """Columns of each table that a rule asks for; filled by binding."""


def stack(documents: list[Document], sink: Sink) -> Stack:
    """The stack of documents, in the order of layers and, within a layer, as given. Every meeting that is not explicit is told."""
    ordered = sorted(documents, key=lambda document: LAYERS.index(document.head.layer))
    made = Stack(ordered)
    _ids(ordered, sink)
    for document in ordered:
        _parameters(made, document, sink)
        _lists(made, document, sink)
        for index, rule in document.rules:
            _rule(made, document, index, rule, sink)
    _tables(made, sink)
    return made


def _ids(documents: list[Document], sink: Sink) -> None:
    seen: dict[str, Document] = {}
    for document in documents:
        first = seen.setdefault(document.head.id, document)
        if first is not document:
            en = f"document {document.head.id!r} is there already, from {first.parsed.file}"
            sink.add(document.parsed, ("id",), Fault(en, f"文件 {document.head.id!r} 已存在，来自 {first.parsed.file}"))


def _parameters(made: Stack, document: Document, sink: Sink) -> None:
    for name, text in document.head.parameters.items():
        old = made.parameters.get(name)
        if old is not None and old[1].head.layer == document.head.layer:
            en = f"parameter {name!r} is set already in this layer, by {old[1].head.id}"
            sink.add(
                document.parsed,
                ("parameters", name),
                Fault(en, f"参数 {name!r} 在本层已由 {old[1].head.id} 给出", key=True),
            )
        made.parameters[name] = (text, document)


def _met(what: str, zh: str, name: str) -> Fault:
    en = f"{what} {name!r} is there already; a later document says `extends` or `replaces`"
    return Fault(en, f"{zh} {name!r} 已存在；后来的文件须写明 extends 或 replaces", key=True)


def _below(what: str, zh: str, name: str, names: Iterable[str]) -> Fault:
    """The fault of a name that a document below should have declared."""
    fault = unknown(what, zh, name, names)
    en = f"{fault.expected}; or give the documents of the layers below too"
    return fault._replace(expected=en, expected_zh=f"{fault.expected_zh}；或一并给出下层的文件")


def _lists(made: Stack, document: Document, sink: Sink) -> None:
    for name, codes in document.lists.items():
        target = codes.extends or codes.replaces
        if target is None:
            if name in made.lists:
                sink.add(document.parsed, ("lists", name), _met("list", "代码表", name))
            made.lists[name] = codes
            continue
        word = "extends" if codes.extends else "replaces"
        if target not in made.lists:
            sink.add(document.parsed, ("lists", name, word), _below("list", "代码表", target, made.lists))
            continue
        old = made.lists[target]
        if codes.extends and old.codes and codes.match != old.match:
            sink.add(
                document.parsed,
                ("lists", name),
                Fault(
                    f"list {target!r} matches by {old.match}",
                    f"代码表 {target!r} 的匹配方式为 {old.match}",
                    f"match: {old.match}",
                ),
            )
        all_codes = tuple(dict.fromkeys((*old.codes, *codes.codes))) if codes.extends else codes.codes
        made.lists[target] = codes.model_copy(update={"codes": all_codes, "extends": None, "replaces": None})


def _rule(made: Stack, document: Document, index: int, rule: RuleModel | Disabled, sink: Sink) -> None:
    parsed, loc = document.parsed, ("rules", index)
    old = made.rules.get(rule.id)
    if isinstance(rule, Disabled):
        if old is None:
            sink.add(parsed, (*loc, "id"), _below("rule", "规则", rule.id, made.rules))
        else:
            old.off = rule.reason
        return
    if rule.override and old is None:
        sink.add(parsed, (*loc, "id"), _below("rule to override", "被覆盖的规则", rule.id, made.rules))
    if old is not None and not rule.override:
        file, line = old.document.parsed.file, (old.document.parsed.mark(old.loc) or (1, 1))[0]
        en = f"rule {rule.id!r} is there already, at {file}:{line}; `override: true` replaces it"
        sink.add(parsed, (*loc, "id"), Fault(en, f"规则 {rule.id!r} 已存在于 {file}:{line}；覆盖须写 override: true"))
        made.spare.append(Layered(document, index, rule))
        return
    if old is not None and old.document is document:
        sink.add(
            parsed,
            (*loc, "override"),
            Fault("a document cannot override itself", "同一文件不能覆盖自身的规则", key=True),
        )
    made.rules[rule.id] = Layered(document, index, rule)


_DATING = {"from", "to", "known_since", "region", "layer"}
"""Keys of a head that say where and when rows hold that say nothing themselves."""


def _tables(made: Stack, sink: Sink) -> None:
    keys: dict[str, tuple[str, ...]] = {}
    parts: dict[str, list[Dated]] = {}
    for document in made.documents:
        head = document.head
        defaults = {"from": head.start, "to": head.end, "known_since": head.known_since, "known_until": OPEN}
        for name, (model, sheet) in document.tables.items():
            rows = dated(sheet, defaults, head.region, sink.problems)
            target = model.extends or model.replaces
            loc = ("tables", name)
            if target is None:
                if name in parts:
                    sink.add(document.parsed, loc, _met("table", "表", name))
                    continue
                keys[name], parts[name] = model.key or (), [rows]
            elif target not in parts:
                word = "extends" if model.extends else "replaces"
                sink.add(document.parsed, (*loc, word), _below("table", "表", target, parts))
            elif _fits(model.key, keys[target], rows, parts[target], document, loc, sink, bool(model.extends)):
                if model.replaces:
                    keys[target] = model.key or keys[target]
                parts[target] = [*parts[target], rows] if model.extends else [rows]
    dates = not any(document.guessed & _DATING for document in made.documents)
    for name, pieces in parts.items():
        table = joined(name, keys[name], pieces)
        made.tables[name] = table
        sink.problems.extend(check_overlaps(table) if dates else ())


def _fits(
    key: tuple[str, ...] | None,
    old: tuple[str, ...],
    rows: Dated,
    parts: list[Dated],
    document: Document,
    loc: RawPath,
    sink: Sink,
    adds: bool,
) -> bool:
    """Rows that are added have the key of the table they are added to, and no column that it does not know."""
    if adds and key is not None and key != old:
        sink.add(
            document.parsed,
            (*loc, "key"),
            Fault(f"the key of the table is {', '.join(old)}", f"该表的主键是 {', '.join(old)}", ", ".join(old)),
        )
        return False
    right = True
    for name in key or old:
        if name not in rows.sheet.columns:
            sink.add(
                document.parsed,
                loc,
                unknown("column", "列", name, rows.sheet.columns)
                if rows.sheet.columns
                else Fault("no columns", "没有列"),
            )
            right = False
    known = {column for part in parts for column in part.sheet.columns} | set(RESERVED_COLUMNS)
    for name in rows.sheet.columns if adds else ():
        if name not in known:
            fault = unknown("column", "列", name, sorted(known))
            sink.problems.append(fault.problem(file=rows.sheet.file, line=1, path=name))
            right = False
    return right


def misspelt(made: Stack, words: Collection[str]) -> list[Problem]:
    """Columns that nothing names, nor any of `words`, and that are nearly one with a meaning which is absent: `form` beside no `from` would leave rows to hold always."""
    for document in made.documents:
        for name, (model, _) in document.tables.items():
            made.named.setdefault(model.extends or model.replaces or name, set()).update(model.where)
    problems = []
    for name, table in made.tables.items():
        pairs = PAIR_COLUMNS if {"main", "included"} <= set(table.columns) else ()
        absent = [known for known in (*RESERVED_COLUMNS, *pairs) if known not in table.columns]
        free = [
            column
            for column in table.columns
            if column not in (*RESERVED_COLUMNS, *pairs, *table.key, *made.named.get(name, ()), *words)
        ]
        for column in free if len(table) else ():
            meant = next((known for known in absent if _nearly(column.strip().lower(), known)), None)
            if meant is not None:
                filled = next((row for row, cell in enumerate(table.columns[column]) if cell), 0)
                file, line = table.place(filled)
                en = f"column {column!r} of table {name} is nearly {meant!r}, which the table does not have; no rule names it"
                zh = f"表 {name} 的列 {column!r} 与 {meant!r} 只差一两个字母，而表中没有后者，也没有规则引用它"
                problems.append(Problem(file=file, line=line, path=column, what=en, what_zh=zh, expected="another name, or that one", expected_zh="另取列名，或改为该列名", nearest=meant))  # fmt: skip
    return problems


def _nearly(word: str, known: str) -> bool:
    """Whether a word is a slip of a known one: one letter too many, too few, changed, or two turned round; two of these in a long word."""
    if word[:1] != known[0] and sorted(word) != sorted(known):
        return False  # `no` is not `to`
    return _slips(word, known) <= (2 if len(known) > 6 else 1)


def _slips(one: str, two: str) -> int:
    rows = [list(range(len(two) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(two, 1):
            least = min(rows[-1][j] + 1, row[j - 1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == two[j - 2] and b == one[i - 2]:
                least = min(least, rows[-2][j - 2] + 1)
            row.append(least)
        rows.append(row)
    return rows[-1][-1]
