"""What documents of every kind have in common: read, validated once, immutable, hashed, dated, with figures that can be replaced."""

from __future__ import annotations

import copy
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from ybcore.errors import DocumentError, Problem

from .canonical import canonical_bytes, plain_value, sha256_of
from .inventory import FigureLeaf, figures_of, replaced
from .models import Scheme
from .paths import RawPath, parse_path
from .reader import Parsed, RawDoc, of_values, parse_file, parse_text

__all__ = ["Document", "is_text", "load_each", "parsed_from"]

M = TypeVar("M", bound=Any)
D = TypeVar("D")


class Document(ABC, Generic[M]):
    """One document: validated, normalised, immutable, equal to another of its kind with the same canonical form."""

    def __init__(self, parsed: Parsed) -> None:
        """Validates `parsed`. Raises DocumentError with every problem."""
        self._parsed = parsed
        self._model: M = self._build(parsed)
        self._sha = sha256_of(self.canonical())

    @abstractmethod
    def _build(self, parsed: Parsed) -> M:
        """The normalised model. Raises DocumentError with every problem."""

    @property
    def id(self) -> str:
        """The document's id."""
        return str(self._model.id)

    @property
    def scheme(self) -> Scheme:
        """Scheme id, region prefix and insutypes."""
        held: Scheme = self._model.scheme
        return held

    @property
    def effective(self) -> tuple[int, int | None]:
        """Days since 1970-01-01, half-open; the end None is open."""
        return self._model.effective.start, self._model.effective.end

    @property
    def model(self) -> M:
        """The normalised model (fen, ppm, days)."""
        return self._model

    @property
    def doc(self) -> RawDoc:
        """A copy of the raw document: nested dict, list, str as the YAML reader gave them."""
        return copy.deepcopy(self._parsed.doc)

    @property
    def file(self) -> str:
        """Where the document came from."""
        return self._parsed.file

    @property
    def sha256(self) -> str:
        """Hash of the canonical bytes."""
        return self._sha

    def _canonical_value(self) -> Any:
        return plain_value(self._model)

    @cached_property
    def _canonical(self) -> bytes:
        return canonical_bytes(self._canonical_value())

    def canonical(self) -> bytes:
        """The canonical JSON, UTF-8, stable."""
        return self._canonical

    def holds(self, insutype: str, place: str, day: int) -> bool:
        """Whether it is for an insutype and an insured place (`insuplc_admdvs`) on a day."""
        start, end = self.effective
        scheme = self.scheme
        return (
            start <= day
            and (end is None or day < end)
            and (scheme.region == "*" or place.startswith(scheme.region))
            and insutype.startswith(scheme.insutype)
        )

    def line_of(self, path: str | RawPath) -> int | None:
        """The line where the value at a raw path stands."""
        mark = self._parsed.mark(parse_path(path) if isinstance(path, str) else path)
        return mark[0] if mark else None

    def figures(self) -> list[FigureLeaf]:
        """Every figure leaf with path, value, unit, date, cite, source, in document order."""
        return figures_of(self)

    def with_figure(self, path: str | RawPath, value: Any) -> Self:
        """A new document with the scalar at `path` replaced. `value`: text as in the document, int, Decimal or
        Fraction. Raises KeyError (no such scalar), TypeError (float) or DocumentError (the result is wrong)."""
        return self.with_figures({path: value})

    def with_figures(self, changes: Mapping[str | RawPath, Any]) -> Self:
        """The same for several figures at once; only the result must be valid, not the steps between."""
        return type(self)(replaced(self._parsed, changes))

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(self, "_sha"):
            raise AttributeError(f"a {type(self).__name__} is immutable; cannot set {name!r}")
        object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._sha == other._sha

    def __hash__(self) -> int:
        return hash(self._sha)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, sha256={self._sha[:12]})"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Parsed]]:
        return type(self), (self._parsed,)


def is_text(source: Any) -> bool:
    """Whether a source is the text of a document and not a path: bytes, or a str with a line break."""
    return isinstance(source, bytes) or (isinstance(source, str) and "\n" in source)


def parsed_from(source: Any) -> Parsed:
    """A document from a path, a text or a raw document. Raises DocumentError, OSError."""
    if isinstance(source, dict):
        return of_values(source)
    return parse_text(source) if is_text(source) else parse_file(os.fspath(source))


def load_each(source: Any, load: Callable[[Any], D]) -> tuple[list[D], list[Problem]]:
    """Documents of a source (a path, a folder's *.yaml and *.yml, a text, a raw document, a Document) or of an iterable of these, and all
    that is wrong with any."""
    many: Iterable[Any] = [source] if isinstance(source, (str, bytes, os.PathLike, dict, Document)) else source
    documents: list[D] = []
    problems: list[Problem] = []
    for item in many:
        for one in _expanded(item, problems):
            try:
                documents.append(load(one))
            except DocumentError as error:
                problems.extend(error.problems)
    return documents, problems


def _expanded(item: Any, problems: list[Problem]) -> list[Any]:
    """A folder as its files."""
    if isinstance(item, (dict, Document)) or is_text(item) or not (folder := Path(os.fspath(item))).is_dir():
        return [item]
    found = sorted(path for path in folder.rglob("*") if path.suffix in (".yaml", ".yml") and path.is_file())
    if not found:
        what, zh = f"no *.yaml in folder {folder}", f"文件夹 {folder} 中没有 *.yaml"
        problems.append(Problem(file=str(folder), what=what, what_zh=zh))
    return list(found)
