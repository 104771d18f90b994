"""Clearing documents: read, validated, dated, immutable; and books of them."""

from __future__ import annotations

import copy
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar, Union

from pydantic import BaseModel, ValidationError

from ..errors import DocumentError, Problem
from ..policy.book import _parsed_of
from ..policy.canonical import _plain, canonical_bytes, sha256_of
from ..policy.faults import Fault, Faults, problem_at, problems_of
from ..policy.inventory import FigureLeaf, figures_of, replaced
from ..policy.models import Scheme
from ..policy.names import Names, names_of
from ..policy.paths import RawPath, with_places
from ..policy.reader import Parsed, RawDoc, parse_file, parse_text
from ..policy.vocabulary import ATTRIBUTES, Attribute
from .checks import check
from .models import ClearingModel
from .salvage import METHODS, Parts, told_between

Model = TypeVar("Model", bound=BaseModel)

__all__ = [
    "NUMBERS",
    "OWN",
    "Clearing",
    "ClearingBook",
    "ClearingSource",
    "Document",
    "build",
    "document_of",
    "load_clearing",
    "load_clearings",
    "overlaps",
    "place_of",
]

ClearingSource = Union[str, bytes, "os.PathLike[str]", dict[str, Any], "Clearing"]
"""A path, the text of a document (it has a line break), a raw document, or a Clearing."""

OWN = ("clr_type", "group_code", "treatment", "fixmedins_code")
NUMBERS = ("age", "ipt_days")
_KEPT = ("insutype", "med_type", "psn_type", "dise_codg", "age", "ipt_days", "hosp_lv", "fixmedins_type", "tcm_flag")


def _names(raw: Any) -> Names:
    """The names of one document: what it declares, and the columns of cases and institutions."""
    names = names_of(raw)
    own = {name: ATTRIBUTES[name] for name in _KEPT} | {name: Attribute(name, "exact", ("visits",)) for name in OWN}
    declared = {name: held for name, held in names.attributes.items() if held.declared}
    return Names(sets=names.sets, attributes={**own, **declared})


class Document(ABC):
    """One document of providers or benefits: validated, normalised, immutable."""

    _model: Any

    def __init__(self, parsed: Parsed) -> None:
        """Validates `parsed`. Raises DocumentError with every problem."""
        self._parsed = parsed
        self._model = self._build(parsed)
        self._sha = sha256_of(canonical_bytes(_plain(self._model)))

    @property
    def id(self) -> str:
        """The document's id."""
        return self._model.id

    @property
    def scheme(self) -> Scheme:
        """Scheme id, region prefix and insutypes."""
        return self._model.scheme

    @property
    def effective(self) -> tuple[int, int | None]:
        """Days since 1970-01-01, half-open; the end None is open."""
        return self._model.effective.start, self._model.effective.end

    @property
    def doc(self) -> RawDoc:
        """A copy of the raw document."""
        return copy.deepcopy(self._parsed.doc)

    @property
    def file(self) -> str:
        """Where the document came from."""
        return self._parsed.file

    @property
    def sha256(self) -> str:
        """Hash of the canonical bytes."""
        return self._sha

    def figures(self) -> list[FigureLeaf]:
        """Every figure with path, value, unit, date and cite, in document order."""
        return figures_of(self)  # type: ignore[arg-type]

    def with_figures(self, changes: dict[str | RawPath, Any]) -> Self:
        """A new document with the scalars at some paths replaced. Raises KeyError, TypeError (float) or DocumentError."""
        return type(self)(replaced(self._parsed, changes))

    @abstractmethod
    def _build(self, parsed: Parsed) -> Any:
        """The normalised model. Raises DocumentError with every problem."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._sha == other._sha

    def __hash__(self) -> int:
        return hash(self._sha)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, sha256={self._sha[:12]})"


class Clearing(Document):
    """One clearing document. Prefer `load_clearing`."""

    @property
    def model(self) -> ClearingModel:
        """The normalised model (fen, ppm, days)."""
        return self._model

    def _build(self, parsed: Parsed) -> ClearingModel:
        return build(parsed, ClearingModel, _names(parsed.doc), check, METHODS)


def build(
    parsed: Parsed, kind: type[Model], names: Names, check: Callable[[Model, Faults], None], parts: Parts
) -> Model:
    """Validate and normalise; every problem at once, those between right parts of a wrong document too."""
    faults = Faults()
    problems: list[Problem] = []
    model: Model | None = None
    raw = with_places(parsed.doc)
    try:
        model = kind.model_validate(raw, context=names)
    except ValidationError as error:
        problems.extend(problems_of(error, parsed))
        faults = told_between(raw, kind, names, error, check, parts)
    if model is not None:
        check(model, faults)
    problems.extend(problem_at(parsed, loc, fault) for loc, fault in faults.found)
    if problems or model is None:
        raise DocumentError(sorted(dict.fromkeys(problems), key=lambda p: (p.line or 0, p.column or 0)))
    return model


def load_clearing(source: ClearingSource) -> Clearing:
    """One document from a path, a text, a raw document or a Clearing. Raises DocumentError with every problem, OSError."""
    if isinstance(source, Clearing):
        return source
    if isinstance(source, dict):
        return Clearing(_parsed_of(source))
    if isinstance(source, bytes) or (isinstance(source, str) and "\n" in source):
        return Clearing(parse_text(source))
    return Clearing(parse_file(os.fspath(source)))


class ClearingBook:
    """Documents of one or more schemes, none of which hold for the same case on the same day."""

    def __init__(self, documents: Iterable[Clearing]) -> None:
        """Raises DocumentError with every id that stands twice and every overlap."""
        self.documents = tuple(sorted(documents, key=lambda d: (d.scheme.id, d.effective[0], d.id)))
        problems = list(overlaps(self.documents))
        if problems:
            raise DocumentError(problems)
        self.sha256 = sha256_of("\n".join(held.sha256 for held in self.documents).encode())

    def __iter__(self) -> Any:
        return iter(self.documents)

    def __len__(self) -> int:
        return len(self.documents)

    def __getitem__(self, name: str) -> Clearing:
        return next(held for held in self.documents if held.id == name)


def place_of(document: Document) -> str:
    """The prefix of the insured places that a document is for."""
    return "" if document.scheme.region == "*" else document.scheme.region


def document_of(documents: Sequence[Document], day: int, insutype: str, place: str) -> int:
    """Number of the document that holds for an insutype and an insured place on a day; -1 none."""
    for index, held in enumerate(documents):
        start, end = held.effective
        if start <= day and (end is None or day < end):
            if insutype.startswith(held.scheme.insutype) and place.startswith(place_of(held)):
                return index
    return -1


def overlaps(documents: Sequence[Document]) -> Iterable[Problem]:
    """Ids that stand twice, and documents that hold for the same insutype and place on the same day."""
    for index, late in enumerate(documents):
        for early in documents[:index]:
            if early.id == late.id:
                fault = Fault(f"two documents are called {late.id!r}", f"两份文件都叫 {late.id!r}")
                yield problem_at(late._parsed, ("id",), fault)
            ends = [held.effective[1] for held in (early, late)]
            apart = (ends[0] is not None and ends[0] <= late.effective[0]) or (
                ends[1] is not None and ends[1] <= early.effective[0]
            )
            kin = any(a.startswith(b) or b.startswith(a) for a in early.scheme.insutype for b in late.scheme.insutype)
            a, b = (held.scheme.region.rstrip("*") for held in (early, late))
            if kin and not apart and (a.startswith(b) or b.startswith(a)):
                fault = Fault(
                    f"holds on the days of {early.id!r} for the same insutype", f"与 {early.id!r} 同险种且有效期重叠"
                )
                yield problem_at(late._parsed, ("effective",), fault)


def load_clearings(source: ClearingSource | ClearingBook | Iterable[ClearingSource]) -> ClearingBook:
    """A book from a path, a folder (its *.yaml, *.yml), a text, a document, or an iterable of these.

    Problems of every document are told together. Raises DocumentError, OSError.
    """
    if isinstance(source, ClearingBook):
        return source
    single = isinstance(source, (str, bytes, os.PathLike, dict, Clearing))
    documents: list[Clearing] = []
    problems: list[Problem] = []
    for item in [source] if single else list(source):  # type: ignore[arg-type]
        for one in _files(item):  # type: ignore[arg-type]
            try:
                documents.append(load_clearing(one))
            except DocumentError as error:
                problems.extend(error.problems)
    if not documents and not problems:
        problems.append(Problem(what="no clearing documents", what_zh="没有清算文件"))
    if problems:
        raise DocumentError(problems)
    return ClearingBook(documents)


def _files(item: ClearingSource) -> Sequence[ClearingSource]:
    if isinstance(item, (bytes, dict, Clearing)) or (isinstance(item, str) and "\n" in item):
        return [item]
    folder = Path(os.fspath(item))
    if not folder.is_dir():
        return [item]
    return sorted(path for path in folder.rglob("*") if path.suffix in (".yaml", ".yml") and path.is_file())
