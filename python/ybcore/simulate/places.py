"""Places in a raw document: `plans[inpatient].layers[0].rate`, where a list item may be named by its id."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..policy.faults import Fault, nearest
from ..policy.paths import RawPath, path_text

__all__ = ["NoPlaceError", "below", "index_of", "node", "place", "spoken"]

_STEP = re.compile(r'\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\[([A-Za-z_][\w.+-]*)\]|(?:\A|\.)([A-Za-z_][A-Za-z0-9_]*)')
_NAMES = ("id", "use")
_SHOWN = 6


class NoPlaceError(Exception):
    """A path that is not in a document; `fault` says what is."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.en)
        self.fault = fault


def place(doc: Any, text: str) -> RawPath:
    """The path that a text names in a document. Raises NoPlaceError with the nearest paths that are there."""
    out: list[str | int] = []
    here, at = doc, 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            what = f"not a path: {text!r} (at {text[at:]!r})"
            raise NoPlaceError(Fault(what, f"不是路径：{text!r}（自 {text[at:]!r} 起）", "plans[0].layers[basic].rate"))
        number, quoted, name, plain = step.groups()
        word = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
        found: str | int | None
        if number is not None and isinstance(here, list):
            found = int(number) if int(number) < len(here) else None
        elif name is not None and isinstance(here, list):
            found = index_of(here, name)
        else:
            key = next(part for part in (word, name, number) if part is not None)
            found = key if isinstance(here, dict) and key in here else None
        if found is None:
            raise NoPlaceError(_missing(doc, tuple(out), text))
        out.append(found)
        here = here[found]
        at = step.end()
    return tuple(out)


def index_of(items: list[Any], name: str) -> int | None:
    """Number of the list item whose id (or `use`) is `name`."""
    for index, item in enumerate(items):
        if isinstance(item, dict) and any(item.get(key) == name for key in _NAMES):
            return index
    return None


def node(doc: Any, path: RawPath) -> Any:
    """What stands at a path."""
    for step in path:
        doc = doc[step]
    return doc


def below(raw: Any, path: RawPath = ()) -> Iterator[RawPath]:
    """Paths of every node below a value, itself included."""
    yield path
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield from below(value, (*path, key))
    elif isinstance(raw, list):
        for index, value in enumerate(raw):
            yield from below(value, (*path, index))


def spoken(doc: Any, path: RawPath) -> str:
    """A path with ids in the place of numbers, as people write it."""
    out, here = "", doc
    for step in path:
        if isinstance(step, int):
            name = next(
                (here[step].get(key) for key in _NAMES if isinstance(here[step], dict) and key in here[step]), None
            )
            out += f"[{name if isinstance(name, str) else step}]"
        else:
            text = path_text((step,))
            out += text if text.startswith("[") or not out else f".{text}"
        here = here[step]
    return out


def _missing(doc: Any, known: RawPath, text: str) -> Fault:
    holder = node(doc, known)
    if isinstance(holder, dict):
        there = [spoken(doc, (*known, key)) for key in holder]
    elif isinstance(holder, list):
        there = [spoken(doc, (*known, index)) for index in range(len(holder))]
    else:
        there = []
    everything = [spoken(doc, path) for path in below(doc) if path]
    shown = ", ".join(there[:_SHOWN]) + (", ..." if len(there) > _SHOWN else "")
    where, wo = (spoken(doc, known),) * 2 if known else ("the document", "文件")
    what = f"no {text!r} is there; {where} holds {shown}" if there else f"no {text!r} is there; {where} is a scalar"
    zh = f"没有 {text!r}；{wo} 下有 {shown}" if there else f"没有 {text!r}；{wo} 是单个值"
    # A place further down that ends as the path does is likelier meant than a neighbour that only looks like it.
    alike = [path for path in everything if path.startswith(spoken(doc, known)) and _last(path) == _last(text)]
    return Fault(what, zh, nearest=nearest(text, alike) or nearest(text, everything))


def _last(path: str) -> str:
    return path.rpartition(".")[2]
