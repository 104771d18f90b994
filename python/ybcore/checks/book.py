"""Rule books: documents loaded, stacked and bound."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Union

from ybcore.errors import DocumentError, Problem

from ..policy.faults import nearest
from ..policy.reader import Parsed, RawDoc, of_values, parse_file, parse_text
from .bind import bind
from .documents import Document, Sink, read_document
from .rule import Rule
from .rulemodels import CodeList
from .stack import Stack, misspelt, stack
from .tables import RuleTable

__all__ = ["EXAMPLES", "RuleBook", "RuleSource", "load_rules", "shipped_rules"]

EXAMPLES = ".examples.yaml"
"""How the name of the file ends that holds the examples of the document beside it."""

RuleSource = Union[str, bytes, "os.PathLike[str]", dict[str, Any], "RuleBook"]
"""A path or folder, the text of a document (it has a line break), a raw document, or a book."""


class RuleBook:
    """The rules of one or more documents after layering; immutable."""

    __slots__ = ("_by_id", "_documents", "_rules", "_sha", "_stack")

    def __init__(self, made: Stack, rules: Iterable[Rule]) -> None:
        """Prefer `load_rules`."""
        self._stack = made
        self._documents = tuple(made.documents)
        self._rules = tuple(rules)
        self._by_id = {rule.id: rule for rule in self._rules}
        self._sha = ""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, disabled ones too, in the order of the book."""
        return self._rules

    @property
    def tables(self) -> dict[str, RuleTable]:
        """Every table after layering."""
        return dict(self._stack.tables)

    @property
    def lists(self) -> dict[str, CodeList]:
        """Every list of codes after layering."""
        return dict(self._stack.lists)

    @property
    def parameters(self) -> dict[str, str]:
        """Every parameter as text, as the last layer set it."""
        return {name: str(text) for name, (text, _) in self._stack.parameters.items()}

    @property
    def across(self) -> frozenset[str]:
        """Rules that must see all visits in one run (docs/checks.md 6): the others find the same in parts cut between settling groups.

        Those that are `across`, and those whose findings hang on such a one: one excludes the other, it subsumes them, or it stands before
        them and denies or holds lines that they are not to count.
        """
        on = [rule for rule in self._rules if rule.enabled]
        found = {rule.id for rule in on if rule.across}
        size = -1
        while size != len(found):
            size = len(found)
            for place, rule in enumerate(on):
                if rule.id in found:
                    found |= {*rule.excludes, *rule.subsumes}
                elif found & {*rule.excludes}:
                    found |= {rule.id}
                elif getattr(rule.check, "count_denied", True) is False:
                    before = {one.id for one in on[:place] if one.disposition in ("deny", "hold")}
                    found |= {rule.id} if found & before else set()
        return frozenset(found) & {rule.id for rule in on}

    @property
    def documents(self) -> tuple[Document, ...]:
        """The documents in the order they are stacked."""
        return self._documents

    @property
    def raw(self) -> list[RawDoc]:
        """What the reference reads, in the same order: {file, doc, tables: {name: rows of texts}}; nothing is layered."""
        return [copy.deepcopy(document.raw) for document in self._documents]

    def plain(self) -> list[RawDoc]:
        """The documents with each table's rows inline under `rows`, and its columns, as one document without files would have them."""
        out = []
        for part, document in zip(self.raw, self._documents):
            for name, rows in part["tables"].items():
                table = part["doc"]["tables"][name]
                table.pop("file", None)
                table |= {"rows": rows, "columns": list(document.tables[name][1].columns)}
            out.append(part["doc"])
        return out

    @property
    def sha256(self) -> str:
        """Hash over documents and table rows; where the files lie does not matter."""
        if not self._sha:
            parts = [
                {key: value for key, value in document.raw.items() if key != "file"} for document in self._documents
            ]
            self._sha = _hash(parts)
        return self._sha

    @property
    def files(self) -> list[str]:
        """Where documents and tables came from."""
        tables = [sheet.file for document in self._documents for _, sheet in document.tables.values()]
        return list(dict.fromkeys([*(document.parsed.file for document in self._documents), *tables]))

    def told(self) -> dict[str, Any]:
        """What a receipt says of it: its hash, its documents and its rules."""
        documents = [
            {
                "id": document.head.id,
                "version": document.head.version,
                "sha256": _hash({key: value for key, value in document.raw.items() if key != "file"}),
            }
            for document in self._documents
        ]
        rules = [{"id": rule.id, "version": rule.version, "status": rule.status} for rule in self._rules]
        return {"sha256": self.sha256, "documents": documents, "rules": rules}

    def only(self, rule_id: str) -> RuleBook:
        """The same book with one rule."""
        return RuleBook(self._stack, [self[rule_id]])

    def without(self, rule_ids: Collection[str]) -> RuleBook:
        """The same book without some rules."""
        return RuleBook(self._stack, [rule for rule in self._rules if rule.id not in rule_ids])

    def by_priority(self) -> tuple[Rule, ...]:
        """The rules in the order in which their findings are paid."""
        return tuple(sorted(self._rules, key=lambda rule: rule.priority))

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def __contains__(self, rule_id: object) -> bool:
        return rule_id in self._by_id

    def __getitem__(self, rule_id: str) -> Rule:
        return self._by_id[rule_id]

    def __repr__(self) -> str:
        on = sum(rule.enabled for rule in self._rules)
        return (
            f"RuleBook({[document.head.id for document in self._documents]}, {on} of {len(self._rules)} rules enabled)"
        )


def _hash(parts: Any) -> str:
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def load_rules(source: RuleSource | Iterable[RuleSource], *, examples: bool = False) -> RuleBook:
    """A book from a path, a folder (its *.yaml, *.yml), a text, a raw document, or an iterable of these.

    `examples`: judge the examples of the rules too, by the engine and by the reference; one that is not as written is a problem.
    Problems of every document are told together. Raises DocumentError, OSError.
    """
    book = source if isinstance(source, RuleBook) else _loaded(source)
    if examples:
        from .examples import run_examples

        found = run_examples(book)
        if found.problems:
            raise DocumentError(found.problems)
    return book


def _loaded(source: RuleSource | Iterable[RuleSource]) -> RuleBook:
    many = [source] if isinstance(source, (str, bytes, os.PathLike, dict)) else list(source)
    sink = Sink()
    documents: list[Document] = []
    for item in many:
        for parsed in _parsed(item, sink):
            document = read_document(parsed, sink)
            documents += [document] if document is not None else []
    if not documents and not sink.problems:
        sink.problems.append(Problem(what="a book without documents", what_zh="规则册中没有文件"))
    return _bound(documents, sink)


def shipped_rules() -> list[Path]:
    """The folders of rule documents that come with the package: national, city."""
    inside = Path(str(resources.files("ybcore"))) / "data" / "rules"
    root = inside if inside.is_dir() else Path(__file__).resolve().parents[3] / "data" / "rules"
    return [root / "national", root / "city"]


def _bound(documents: list[Document], sink: Sink) -> RuleBook:
    """Stack and bind even when parts were wrong, so that what is wrong between them is told in the same run."""
    early = len(sink.problems)
    guessed = {key for document in documents for key in document.guessed}
    sink.unread |= "parameters" in guessed or ("layer" in guessed and len(documents) > 1)
    made = stack(documents, sink)
    rules = [bind(layered, place, made, sink) for place, layered in enumerate(made.rules.values())]
    for layered in made.spare:
        bind(layered, 0, made, sink)
    sink.problems.extend(misspelt(made, sink.words))
    sink.without_echoes(early)
    sink.raise_if_any()
    return RuleBook(made, rules)


def _parsed(item: Any, sink: Sink) -> list[Parsed]:
    if isinstance(item, RuleBook):
        return [document.parsed for document in item.documents]
    if isinstance(item, dict):
        return _tried(sink, lambda: of_values(item))
    if isinstance(item, bytes) or (isinstance(item, str) and "\n" in item):
        return _tried(sink, lambda: parse_text(item))
    path = Path(os.fspath(item))
    if not path.exists():
        beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        problem = Problem(
            file=str(path), what="the file is not there", what_zh="文件不存在", nearest=nearest(path.name, beside)
        )
        sink.problems.append(problem)
        sink.unread = True
        return []
    if not path.is_dir():
        return _tried(sink, lambda: parse_file(path))
    there = (p for p in path.rglob("*") if p.suffix in (".yaml", ".yml") and p.is_file())
    found = sorted(p for p in there if not p.name.endswith(EXAMPLES))
    if not found:
        sink.problems.append(
            Problem(file=str(path), what=f"no *.yaml in folder {path}", what_zh=f"文件夹 {path} 中没有 *.yaml")
        )
    return [parsed for file in found for parsed in _tried(sink, lambda file=file: parse_file(file))]


def _tried(sink: Sink, read: Any) -> list[Parsed]:
    try:
        return [read()]
    except DocumentError as error:
        sink.problems.extend(error.problems)
        sink.unread = True
        return []
