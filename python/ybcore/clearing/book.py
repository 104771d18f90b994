"""Clearing documents: read, validated, dated, immutable; and books of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Union

from pydantic import BaseModel, ValidationError

from ..errors import DocumentError, Problem
from ..policy.canonical import sha256_of
from ..policy.document import Document, is_text, load_each, parsed_from
from ..policy.faults import Fault, Faults, nearest, problem_at, problems_of
from ..policy.names import Names, names_of
from ..policy.paths import with_places
from ..policy.reader import Parsed
from ..policy.vocabulary import ATTRIBUTES, Attribute
from .checks import check
from .models import ClearingModel
from .salvage import METHODS, Parts, told_between

if TYPE_CHECKING:
    from ..simulate.reform import Step

Model = TypeVar("Model", bound=BaseModel)

__all__ = [
    "NUMBERS",
    "OWN",
    "Clearing",
    "ClearingBook",
    "ClearingSource",
    "build",
    "document_of",
    "load_clearing",
    "load_clearings",
    "overlaps",
    "told_missing",
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


class Clearing(Document[ClearingModel]):
    """One clearing document. Prefer `load_clearing`."""

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
    """One document from a path, a text, a raw document or a Clearing. Raises DocumentError with every problem, of a folder and of a file that is
    not there too; OSError where a file cannot be read otherwise."""
    if isinstance(source, Clearing):
        return source
    told_missing(source)
    return Clearing(parsed_from(source))


def told_missing(source: Any) -> None:
    """Raises DocumentError where a path is no file: a folder, or nothing, with the nearest name beside it."""
    if isinstance(source, dict) or is_text(source):
        return
    path = Path(os.fspath(source))
    if path.is_dir():
        here = sorted(one.name for one in path.rglob("*") if one.suffix in (".yaml", ".yml"))
        fault = Fault(
            "this is a folder, and one document is read",
            "这是文件夹，此处只读一份文件",
            "one of its files, or load_clearings",
            "其中一份文件，或改用 load_clearings",
        )
        if not here:
            fault = Fault(
                "this is a folder, and no *.yaml is in it",
                "这是文件夹，其中没有 *.yaml",
                "a document (*.yaml)",
                "一份 *.yaml 文件",
            )
    elif not path.exists():
        beside = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        fault = Fault("the document is not there", "文件不存在", nearest=nearest(path.name, beside))
    else:
        return
    raise DocumentError([fault.problem(file=str(path))])


class ClearingBook:
    """Documents of one or more schemes, none of which hold for the same case on the same day."""

    def __init__(self, documents: Iterable[Clearing], steps: tuple[Step, ...] = ()) -> None:
        """`steps`: the changes that reforms made to get here. Raises DocumentError with every id that stands twice and every overlap."""
        self.steps = steps
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


def document_of(documents: Sequence[Document[Any]], day: int, insutype: str, place: str) -> int:
    """Number of the document that holds for an insutype and an insured place on a day; -1 none."""
    return next((index for index, held in enumerate(documents) if held.holds(insutype, place, day)), -1)


def overlaps(documents: Sequence[Document[Any]]) -> Iterable[Problem]:
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
    documents, problems = load_each(source, load_clearing)
    if not documents and not problems:
        problems.append(Problem(what="no clearing documents", what_zh="没有清算文件"))
    if problems:
        raise DocumentError(problems)
    return ClearingBook(documents)
