"""YAML text of a policy document into nested dict / list / str, with the place of every node.

Every scalar stays the text that was written (`010` is "010", `no` is "no", `0.85` is "0.85"): no figure passes
through a binary float. Duplicate keys, several documents, merge keys, application tags and anchors that
contain themselves are problems; all that can be found are told at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ybcore.errors import DocumentError, Problem

from .paths import RawPath, path_text

__all__ = ["MAX_DEPTH", "MAX_NODES", "Mark", "Parsed", "RawDoc", "of_values", "parse_file", "parse_text"]

RawDoc = dict[str, Any]
"""A document as the reader gives it: dict, list and str only."""

Mark = tuple[int, int]
"""Line and column, both counted from 1."""

MAX_DEPTH = 64
MAX_NODES = 200_000  # aliases can make a short text very large; no real document comes near this


@dataclass(frozen=True)
class Parsed:
    """A document and where its nodes stand.

    `doc` is nested dict / list / str. `marks` gives the mark of the value at a path, `key_marks` that of the key.
    """

    doc: RawDoc
    file: str
    marks: dict[RawPath, Mark] = field(repr=False)
    key_marks: dict[RawPath, Mark] = field(repr=False)

    def mark(self, path: RawPath, *, key: bool = False) -> Mark | None:
        """The mark of `path`, or of the nearest enclosing node that has one (a missing key has none itself)."""
        if key and path in self.key_marks:
            return self.key_marks[path]
        while True:
            if path in self.marks:
                return self.marks[path]
            if not path:
                return None
            path = path[:-1]


def parse_file(path: str | Path) -> Parsed:
    """Read and parse one file. Raises DocumentError (not UTF-8, not YAML, duplicate keys, ...) or OSError."""
    return parse_text(Path(path).read_bytes(), str(path))


def parse_text(text: str | bytes, file: str = "<text>") -> Parsed:
    """Parse one YAML document.

    `text`: str, or bytes in UTF-8 (a leading byte order mark is ignored). `file`: the name used in problems.
    Raises DocumentError with every problem found.
    """
    if isinstance(text, bytes):
        text = _decode(text, file)
    node = _compose(text.removeprefix("\ufeff"), file)
    walker = _Walker(file)
    doc = walker.walk(node, ()) if node is not None else None
    if not walker.problems and not isinstance(doc, dict):
        walker.tell(
            node,
            (),
            "the document is empty" if node is None else "the document must be a mapping",
            "文件是空的" if node is None else "文件的最外层必须是键值映射",
        )
    if walker.problems:
        raise DocumentError(walker.problems)
    assert isinstance(doc, dict)
    return Parsed(doc, file, walker.marks, walker.key_marks)


def _decode(raw: bytes, file: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as err:
        line = raw.count(b"\n", 0, err.start) + 1
        column = err.start - (raw.rfind(b"\n", 0, err.start) + 1) + 1
        what = f"byte 0x{raw[err.start]:02x} is not UTF-8; save the file as UTF-8"
        zh = f"字节 0x{raw[err.start]:02x} 不是 UTF-8，请将文件存为 UTF-8"
        raise DocumentError([Problem(file=file, line=line, column=column, what=what, what_zh=zh)]) from None


def _compose(text: str, file: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="base", pure=True).compose(text)
    except MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (None, None)
        what = str(err.problem or err.context or err)
        if "another document" in what:
            en, zh = (
                "one file holds one document; remove the second `---`",
                "一个文件只能有一个文档，请删除第二个 `---`",
            )
        else:
            en, zh = f"not YAML: {what}", f"不是合法的 YAML：{what}"
        raise DocumentError([Problem(file=file, line=line, column=column, what=en, what_zh=zh)]) from None
    except (YAMLError, RecursionError) as err:
        en, zh = f"not YAML: {str(err).splitlines()[0]}", f"不是合法的 YAML：{str(err).splitlines()[0]}"
        raise DocumentError([Problem(file=file, what=en, what_zh=zh)]) from None


class _Walker:
    """Nodes into plain values; collects marks and problems."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.marks: dict[RawPath, Mark] = {}
        self.key_marks: dict[RawPath, Mark] = {}
        self.problems: list[Problem] = []
        self.open: set[int] = set()
        self.full = False

    def tell(self, node: Any, path: RawPath, en: str, zh: str) -> None:
        mark = None if node is None else (node.start_mark.line + 1, node.start_mark.column + 1)
        line, column = mark or (1, 1)
        self.problems.append(
            Problem(file=self.file, line=line, column=column, path=path_text(path), what=en, what_zh=zh)
        )

    def walk(self, node: Any, path: RawPath) -> Any:
        self.marks[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if len(self.marks) > MAX_NODES:
            if not self.full:
                self.tell(node, path, "too many nodes (aliases inside aliases?)", "节点过多（别名套别名？）")
            self.full = True
            return ""
        tag = str(node.tag or "")
        if tag and not tag.startswith("tag:yaml.org,2002:"):
            self.tell(node, path, f"the tag {tag} has no meaning here", f"标签 {tag} 在此没有意义")
        if node.id == "scalar":
            return str(node.value)
        if id(node) in self.open:
            self.tell(node, path, "an anchor contains itself", "锚点引用了自身")
            return ""
        if len(path) >= MAX_DEPTH:
            self.tell(node, path, f"nested deeper than {MAX_DEPTH}", f"嵌套超过 {MAX_DEPTH} 层")
            return ""
        self.open.add(id(node))
        value = self._mapping(node, path) if node.id == "mapping" else self._sequence(node, path)
        self.open.discard(id(node))
        return value

    def _sequence(self, node: Any, path: RawPath) -> list[Any]:
        out = []
        for index, item in enumerate(node.value):
            if self.full:
                break
            out.append(self.walk(item, (*path, index)))
        return out

    def _mapping(self, node: Any, path: RawPath) -> RawDoc:
        out: RawDoc = {}
        for key_node, value_node in node.value:
            if self.full:
                break
            if key_node.id != "scalar":
                self.tell(key_node, path, "a key must be plain text", "键必须是文本")
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key_node.tag == "tag:yaml.org,2002:merge":
                self.tell(key_node, here, "merge keys (<<) are not supported", "不支持合并键（<<）")
                continue
            if key in out:
                first = self.key_marks[here]
                self.tell(
                    key_node,
                    here,
                    f"duplicate key {key!r}; it already stands at line {first[0]}",
                    f"键 {key!r} 重复，第 {first[0]} 行已有",
                )
                continue
            self.key_marks[here] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            out[key] = self.walk(value_node, here)
        return out


def of_values(doc: RawDoc) -> Parsed:
    """A raw document given as nested values: only dict, list and str. Raises DocumentError with every problem."""
    problems: list[Problem] = []

    def walk(value: Any, path: RawPath) -> Any:
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {key: walk(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, str):
            return str(value)
        what = f"a raw document holds dict, list and str only, found {type(value).__name__}"
        zh = f"原始文档只含 dict、list、str，实为 {type(value).__name__}"
        problems.append(Problem(file="<document>", path=path_text(path), what=what, what_zh=zh))
        return ""

    copied = walk(doc, ())
    if problems:
        raise DocumentError(problems)
    return Parsed(copied, "<document>", {}, {})
