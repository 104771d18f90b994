"""A study as an Excel workbook: the figures of the page and of the Parquet tables, each table a sheet."""

from __future__ import annotations

import os
import re

from ..messages import say, speaking
from ..simulate.studyreceipt import documents_of
from ..simulate.studyrun import StudyRun
from .sheets import Sheet, book_at, needed
from .shown import Shown
from .studied import Studied
from .studied_words import width_of

__all__ = ["needed", "write_workbook"]

_LONGEST = 31  # characters of a sheet's name
_KINDS = {"year": "text"}


def write_workbook(run: StudyRun, path: str | os.PathLike[str], lang: str | None = None) -> None:
    """Write the workbook in `zh` or `en` (None: the language in use)."""
    needed()
    with speaking(lang):
        studied = Studied(run)
        names: list[str] = []
        with book_at(path, studied.title) as book:
            documents = documents_of(run)
            head = [(card["title"], "text", " ".join(filter(None, (card["value"], card["change"], f"← {card['was']}")))) for card in studied.cards()]  # fmt: skip
            head += [("sha256 " + say("测算文件", "study document"), "text", documents["study"]["sha256"])]
            head += [("sha256 " + say("政策册", "policy book"), "text", documents["policy"]["sha256"])]
            book.pairs(say("总要", "summary"), studied.title, head)
            for name in run.tables:
                shown = studied.shown(name)
                book.sheet(_sheet(shown, _name(shown.title, names)))


def _name(title: str, taken: list[str]) -> str:
    """A name that Excel takes and no other sheet has."""
    plain = re.sub(r"[\[\]:*?/\\：]", " ", title).strip("' ")[:_LONGEST]
    name, number = plain, 2
    while name.lower() in (other.lower() for other in taken):
        name = f"{plain[: _LONGEST - 3]} {number}"
        number += 1
    taken.append(name)
    return name


def _sheet(shown: Shown, name: str) -> Sheet:
    columns = [(title, _KINDS.get(kind, kind), width_of(title, kind)) for title, kind in shown.columns]
    return Sheet(name, columns, iter(shown.rows), len(shown.rows))
