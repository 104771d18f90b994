"""Paths into a raw document: tuples of keys and indexes, and their text form `plans[0].layers[1].rate`."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["RawPath", "Text", "parse_path", "path_text", "place_of", "with_places"]

RawPath = tuple[str | int, ...]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_STEP = re.compile(r'\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|(?:\A|\.)([A-Za-z_][A-Za-z0-9_]*)')


def path_text(path: RawPath) -> str:
    """`("plans", 0, "rate", "2|1")` → `plans[0].rate["2|1"]`; the empty path is the empty text."""
    out = ""
    for step in path:
        if isinstance(step, int):
            out += f"[{step}]"
        elif _PLAIN.match(step):
            out += f".{step}" if out else step
        else:
            quoted = step.replace("\\", "\\\\").replace('"', '\\"')
            out += f'["{quoted}"]'
    return out


def parse_path(text: str) -> RawPath:
    """The inverse of `path_text`. Raises ValueError with the text that could not be read."""
    out: list[str | int] = []
    at = 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            raise ValueError(f"not a path: {text!r} (at {text[at:]!r})")
        index, quoted, plain = step.groups()
        if index is not None:
            out.append(int(index))
        else:
            out.append(plain if plain is not None else re.sub(r"\\(.)", r"\1", quoted))
        at = step.end()
    return tuple(out)


class Text(str):
    """A scalar that knows its path in the document."""

    path: RawPath


def with_places(raw: Any, path: RawPath = ()) -> Any:
    """The same nested value with every scalar replaced by a `Text`."""
    if isinstance(raw, dict):
        return {key: with_places(value, (*path, key)) for key, value in raw.items()}
    if isinstance(raw, list):
        return [with_places(value, (*path, index)) for index, value in enumerate(raw)]
    text = Text(raw)
    text.path = path
    return text


def place_of(raw: Any, otherwise: RawPath) -> RawPath:
    """The path of a scalar, or `otherwise` for a plain str."""
    return raw.path if isinstance(raw, Text) else otherwise
