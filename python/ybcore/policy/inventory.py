"""Every figure of a policy as a list, and new policies from changed figures."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from .figures import Const, Dated, FromAge
from .paths import RawPath, parse_path, path_text
from .reader import Parsed, RawDoc

if TYPE_CHECKING:
    from .document import Document

__all__ = ["FigureLeaf", "figures_of", "replaced", "scalar_text"]


@dataclass(frozen=True)
class FigureLeaf:
    """One written figure.

    `path` (text) and `raw_path` place it in the raw document; `text` is what is written there, in `written_in`
    (fen, jiao, yuan, wan; empty for rates and texts); `value` is fen, ppm or text by `unit` (`fen`, `ppm`, `text`);
    `date` the day (since 1970-01-01) from which it holds, when dated; `cite` its own, else its layer's.
    """

    path: str
    raw_path: RawPath
    text: str
    value: int | str
    unit: str
    written_in: str
    date: int | None
    cite: str | None
    source: str | None
    note: str | None
    line: int | None

    @property
    def assumed(self) -> bool:
        """Whether the document says `source: assumed`."""
        return self.source == "assumed"


def figures_of(policy: Document[Any]) -> list[FigureLeaf]:
    """Every figure leaf once, in the order of the document. A shared layer counts once."""
    parsed = policy._parsed
    found: dict[RawPath, FigureLeaf] = {}
    for leaf, date, cite in _walk(policy.model, None, None):
        for path, value, unit in _values(leaf):
            if path in found or not leaf.path:
                continue
            mark = parsed.mark(path)
            found[path] = FigureLeaf(
                path=path_text(path),
                raw_path=path,
                text=_at(parsed.doc, path),
                value=value,
                unit=unit,
                written_in=leaf.unit if unit == "fen" else "",
                date=date,
                cite=leaf.cite or cite,
                source=leaf.source,
                note=leaf.note,
                line=mark[0] if mark else None,
            )
    order = {path: index for index, path in enumerate(_scalars(parsed.doc, ()))}
    return sorted(found.values(), key=lambda row: order[row.raw_path])


def _values(leaf: Const | FromAge) -> Iterator[tuple[RawPath, int | str, str]]:
    if isinstance(leaf, Const):
        unit = "text" if leaf.dim == "text" else "fen" if leaf.dim in ("money", "signed_money") else "ppm"
        yield leaf.path, leaf.value, unit
        return
    held = {"start": leaf.start, "per_year": leaf.per_year, "min": leaf.least, "max": leaf.most}
    for name in leaf.written:
        yield (*leaf.path, name), held[name], "ppm"


def _walk(node: object, date: int | None, cite: str | None) -> Iterator[tuple[Const | FromAge, int | None, str | None]]:
    if isinstance(node, (Const, FromAge)):
        yield node, date, cite
    elif isinstance(node, Dated):
        for row in node.rows:
            yield from _walk(row.value, row.start, cite)
    elif isinstance(node, BaseModel):
        own = getattr(node, "cite", ())
        if own and "layers" not in type(node).model_fields:
            cite = "; ".join(own) if isinstance(own, tuple) else str(own)
        for name in type(node).model_fields:
            yield from _walk(getattr(node, name), date, cite)
    elif isinstance(node, (tuple, list)):
        for item in node:
            yield from _walk(item, date, cite)
    elif isinstance(node, dict):
        for item in node.values():
            yield from _walk(item, date, cite)


def _scalars(raw: Any, path: RawPath) -> Iterator[RawPath]:
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield from _scalars(value, (*path, key))
    elif isinstance(raw, list):
        for index, value in enumerate(raw):
            yield from _scalars(value, (*path, index))
    else:
        yield path


def _at(doc: RawDoc, path: RawPath) -> str:
    value: Any = doc
    for step in path:
        value = value[step]
    if not isinstance(value, str):
        raise KeyError(f"{path_text(path)} is not a scalar")
    return value


def scalar_text(value: Any) -> str:
    """A new figure as document text: str as it is, int, Decimal and Fraction exactly. Raises TypeError (float,
    bool, other) or ValueError (a fraction without a finite decimal form)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, Fraction)):
        raise TypeError(f"a figure is text, int, Decimal or Fraction, not {type(value).__name__}")
    if isinstance(value, Decimal):
        return format(value, "f")
    exact = Fraction(value)
    digits, rest = 0, exact.denominator
    while rest > 1 and digits < 18:
        digits += 1
        rest = (exact * 10**digits).denominator
    if rest > 1:
        raise ValueError(f"{exact} has no finite decimal form; round it first")
    sign, scaled = "-" if exact < 0 else "", abs(int(exact * 10**digits))
    whole, decimals = divmod(scaled, 10**digits)
    return f"{sign}{whole}.{decimals:0{digits}d}" if digits else f"{sign}{whole}"


def replaced(parsed: Parsed, changes: Mapping[str | RawPath, Any]) -> Parsed:
    """The parsed document with the scalars at some paths replaced. Raises KeyError when a path has no scalar."""
    doc = copy.deepcopy(parsed.doc)
    for where, value in changes.items():
        path = parse_path(where) if isinstance(where, str) else where
        if not path:
            raise KeyError("the empty path is the document itself")
        try:
            _at(doc, path)
            holder: Any = doc
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = scalar_text(value)
        except (KeyError, IndexError, TypeError) as error:
            if isinstance(error, TypeError) and "figure" in str(error):
                raise
            raise KeyError(f"no scalar at {path_text(path)}") from None
    return Parsed(doc, parsed.file, parsed.marks, parsed.key_marks)
