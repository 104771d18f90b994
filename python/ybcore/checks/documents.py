"""A rule document: text into models, every problem at its place. What needs other documents is left to the stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ybcore.errors import DocumentError, Problem

from ..policy.faults import Fault, nearest, problem_at, unknown
from ..policy.paths import RawPath, with_places
from ..policy.reader import Parsed, RawDoc
from .rulemodels import CodeList, DocumentModel, RuleModel, TableModel
from .standin import Found, found_in, head_put_right, over, put_right, retried, under, words_of
from .tables import Sheet, read_csv
from .vocabulary import FORMAT

__all__ = ["Disabled", "Document", "Sink", "read_document", "validated"]


class Sink:
    """Problems as they are found, each with its place."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.left: set[str] = set()
        """Names of parts that were wrong and so are missed elsewhere."""
        self.unread = False
        """A document could not be read at all, or not what others name of it."""
        self.words: set[str] = set()
        """Every text of checks that were left out: what they name is not told to be named by nothing."""
        self._replaced: dict[str, set[RawPath]] = {}

    def add(self, parsed: Parsed, loc: RawPath, fault: Fault) -> None:
        if not under(loc, self._replaced.get(parsed.file, ())):
            self.problems.append(problem_at(parsed, loc, fault))

    def error(self, parsed: Parsed, prefix: RawPath, found: list[Found]) -> None:
        """What is wrong below `prefix`."""
        for loc, fault in found:
            self.add(parsed, (*prefix, *loc), fault)

    def replaced(self, parsed: Parsed, prefix: RawPath, places: set[RawPath]) -> None:
        """From here on nothing is told of these places."""
        self._replaced.setdefault(parsed.file, set()).update((*prefix, *place) for place in places)

    def doubtful(self, parsed: Parsed, loc: RawPath) -> bool:
        """Whether something at, above or below a place was replaced."""
        places = self._replaced.get(parsed.file, ())
        return under(loc, places) or over(loc, places)

    def without_echoes(self, early: int) -> None:
        """Beside the first `early` problems, do not tell that a part is unknown which was left out for being wrong."""
        ends = tuple(repr(name) for name in self.left)

        def echo(what: str) -> bool:
            return what.startswith("unknown ") and (self.unread or what.endswith(ends))

        self.problems[early:] = [problem for problem in self.problems[early:] if not echo(problem.what)]

    def raise_if_any(self) -> None:
        if self.problems:
            unique = dict.fromkeys(self.problems)
            raise DocumentError(sorted(unique, key=lambda p: (p.file or "", p.line or 0, p.column or 0)))


@dataclass(frozen=True)
class Disabled:
    """An entry of a later layer that switches a rule off."""

    id: str
    reason: str


@dataclass
class Document:
    """One document as read: its parts with the paths they stand at."""

    parsed: Parsed
    head: DocumentModel
    lists: dict[str, CodeList] = field(default_factory=dict)
    tables: dict[str, tuple[TableModel, Sheet]] = field(default_factory=dict)
    rules: list[tuple[int, RuleModel | Disabled]] = field(default_factory=list)
    guessed: frozenset[str] = frozenset()
    """Keys of the head that were wrong, and stood in for."""

    @property
    def raw(self) -> RawDoc:
        """What the reference reads: the document, and its tables as rows of texts."""
        rows = {name: sheet.rows() for name, (_, sheet) in self.tables.items()}
        return {"file": self.parsed.file, "doc": self.parsed.doc, "tables": rows}


_PARTS = {"lists": dict, "tables": dict, "rules": list}


def read_document(parsed: Parsed, sink: Sink) -> Document | None:
    """Every part of one document; None when its head is wrong, since then nothing can be stacked."""
    raw = with_places(parsed.doc)
    parts: dict[str, Any] = {}
    for name, kind in _PARTS.items():
        value = raw.pop(name, kind())
        if not isinstance(value, kind):
            what = ("expected a list", "应为列表") if kind is list else ("expected a mapping", "应为键值映射")
            sink.add(parsed, (name,), Fault(*what))
            value = kind()
        parts[name] = value
    head, guessed = _read_head(raw, parsed, sink)
    if head is None:
        return None
    document = Document(parsed, head, guessed=guessed)
    for name, value in parts["lists"].items():
        found = validated(CodeList, value, parsed, ("lists", name), sink)
        if found is not None:
            document.lists[name] = found
    for name, value in parts["tables"].items():
        _read_table(document, name, value, sink)
    for index, value in enumerate(parts["rules"]):
        _read_rule(document, index, value, sink)
    _left_out(document, parts, sink)
    return document


def _read_head(raw: dict[str, Any], parsed: Parsed, sink: Sink) -> tuple[DocumentModel | None, frozenset[str]]:
    """The head, and which of its keys were wrong. None when it is no head at all."""
    try:
        return DocumentModel.model_validate(raw), frozenset()
    except ValidationError as error:
        if "format" not in raw:
            sink.add(parsed, (), Fault("not a rule document", "不是规则文件", f"format: {FORMAT}"))
            sink.unread = True
            return None, frozenset()
        found = [_with_parts(one, sink) for one in found_in(error)]
        sink.error(parsed, (), found)
        put = head_put_right(parsed.file)
        head, places = retried(DocumentModel.model_validate, raw, error, put, lambda more: sink.error(parsed, (), more))
    sink.replaced(parsed, (), places)
    return head, frozenset(str(place[0]) for place in places)


def _with_parts(found: Found, sink: Sink) -> Found:
    """An unknown key of the document told with the names of its parts too; of a part that is misspelt the names are not known."""
    if not (len(found.loc) == 1 and found.fault.key and found.fault.en.startswith("unknown key")):
        return found
    names = (*(str(f.validation_alias or name) for name, f in DocumentModel.model_fields.items()), *_PARTS)
    fault = unknown("key", "键", str(found.loc[0]), names, key=True)
    sink.unread |= fault.nearest in _PARTS
    return Found(found.loc, fault)


def _left_out(document: Document, parts: dict[str, Any], sink: Sink) -> None:
    sink.left |= {name for name in parts["lists"] if name not in document.lists}
    sink.left |= {name for name in parts["tables"] if name not in document.tables}
    read = {index for index, _ in document.rules}
    ids = [rule.get("id") for index, rule in enumerate(parts["rules"]) if isinstance(rule, dict) and index not in read]
    sink.left |= {str(name) for name in ids if isinstance(name, str)}


def validated(model: type[Any], raw: Any, parsed: Parsed, loc: RawPath, sink: Sink) -> Any:
    """A part as its model; None when it is wrong, which is told."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        sink.error(parsed, loc, found_in(error))
        return None


def _read_rule(document: Document, index: int, raw: Any, sink: Sink) -> None:
    parsed, loc = document.parsed, ("rules", index)
    if isinstance(raw, dict) and "disable" in raw:
        extra = [key for key in raw if key not in ("id", "disable")]
        for key in extra:
            sink.add(parsed, (*loc, key), unknown("key", "键", key, ("id", "disable"), key=True))
        if not all(isinstance(raw.get(key), str) and raw.get(key) for key in ("id", "disable")):
            sink.add(
                parsed,
                loc,
                Fault(
                    "a rule that is switched off has an id and a reason",
                    "停用条目须有 id 与理由",
                    "{id: .., disable: reason}",
                    "{id: .., disable: 理由}",
                ),
            )
        elif not extra:
            document.rules.append((index, Disabled(str(raw["id"]), str(raw["disable"]))))
        return
    rule: RuleModel | None
    try:
        rule = RuleModel.model_validate(raw)
    except ValidationError as error:
        sink.error(parsed, loc, found_in(error))
        rule = _stood_in(raw, error, parsed, loc, sink)
    if rule is not None:
        document.rules.append((index, rule))


def _stood_in(raw: Any, error: ValidationError, parsed: Parsed, loc: RawPath, sink: Sink) -> RuleModel | None:
    """A rule of what is right in a wrong one."""
    read, tell = RuleModel.model_validate, lambda more: sink.error(parsed, loc, more)
    rule, places = retried(read, raw, error, put_right, tell)
    sink.replaced(parsed, loc, places)
    if isinstance(raw, dict) and (rule is None or rule.check is None):
        sink.words |= words_of(raw.get("check", {}))
    return rule


def _read_table(document: Document, name: str, raw: Any, sink: Sink) -> None:
    parsed, loc = document.parsed, ("tables", name)
    model: TableModel | None = validated(TableModel, raw, parsed, loc, sink)
    if model is None:
        return
    if model.file is not None:
        sheet, problems = read_csv(Path(parsed.file).parent / model.file)
        if sheet is None and problems and problems[0].line is None:
            first = problems[0]
            beside = [path.name for path in (Path(parsed.file).parent / model.file).parent.glob("*.csv")]
            near = nearest(Path(model.file).name, beside)
            sink.add(
                parsed,
                (*loc, "file"),
                Fault(f"{first.what}: {first.file}", f"{first.what_zh}：{first.file}", nearest=near),
            )
            return
        sink.problems.extend(problems)
    else:
        sheet = _inline(model, parsed, loc, sink)
    if sheet is None or not _columns_are_there(model, sheet, parsed, loc, sink):
        return
    document.tables[name] = (model, sheet.kept(model.where))


def _inline(model: TableModel, parsed: Parsed, loc: RawPath, sink: Sink) -> Sheet | None:
    rows = model.rows or ()
    found = list(dict.fromkeys(column for row in rows for column in row))
    names = list(model.columns) if model.columns is not None else found or list(model.key or ())
    right = True
    for index, row in enumerate(rows):
        for column in row:
            if column not in names:
                sink.add(parsed, (*loc, "rows", index, column), unknown("column", "列", column, names, key=True))
                right = False
    lines = [(parsed.mark((*loc, "rows", index)) or (1, 1))[0] for index in range(len(rows))]
    columns = {name: [str(row.get(name, "")) for row in rows] for name in names}
    return Sheet(parsed.file, columns, lines) if right else None


def _columns_are_there(model: TableModel, sheet: Sheet, parsed: Parsed, loc: RawPath, sink: Sink) -> bool:
    right = True
    for where, names in (("key", model.key or ()), ("where", tuple(model.where))):
        for name in names:
            if name not in sheet.columns:
                sink.add(parsed, (*loc, where), unknown("column", "列", name, sheet.columns))
                right = False
    for name in model.key or ():
        cells = sheet.columns.get(name, [])
        for line, cell in zip(sheet.lines, cells):
            if cell and cell == cell.strip():
                continue
            right = False
            what, zh = ("the key is empty", "主键为空")
            if cell:  # no code of a visit or line would ever be this one
                what, zh = f"the key {cell!r} has a space at its end or begin", f"主键 {cell!r} 首尾有空格"
            sink.problems.append(Problem(file=sheet.file, line=line, path=name, what=what, what_zh=zh))
    return right
