"""What looking at a receipt found: what was checked, compared, wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from .._version import __version__
from ..errors import Problem, YbcoreError, _ProblemsError
from .compare import Compared
from .files import is_still
from .model import FileTold

__all__ = ["Found"]


@dataclass(kw_only=True)
class Found:
    """`checked`: how many files, documents and sums were looked at. `problems`: what is not as the receipt says; `compared`: cell by cell."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=lambda: {"files": 0, "documents": 0, "sums": 0})
    compared: Compared = field(default_factory=Compared)

    def _wrong(self, what: str, zh: str, file: Any = None, path: str = "") -> None:
        place = None if file is None else str(file)
        self.problems.append(Problem(what=what, what_zh=zh, file=place, path=path))

    def _equal(self, kind: str, name: str, told: Any, found: Any, file: Any = None) -> None:
        """One figure of the receipt."""
        self.checked[kind] += 1
        if told != found:
            self._wrong(f"the receipt says {told}, found {found}", f"回执为 {told}，实为 {found}", file, name)

    def _same_file(self, kind: str, one: FileTold, place: str) -> None:
        """One file of the receipt: `input` or `output`."""
        self.checked["files"] += 1
        zh = "输入" if kind == "input" else "输出"
        still = is_still(place, one)
        if still is None:
            self._wrong(f"the {kind} is not there any more", f"{zh}文件已不在", place, one.name)
        elif not still:
            self._wrong(f"the {kind} is not the file of the run: its hash differs", f"{zh}文件与该次结算的不同：散列值不符", place, one.name)  # fmt: skip

    def _same_version(self, theirs: str) -> None:
        if theirs != __version__:
            self.notes.append(
                (f"结算所用引擎为 {theirs}，现为 {__version__}", f"settled by version {theirs}, this is {__version__}")
            )

    def _same_documents(self, kind: str, told: Mapping[str, str], found: Mapping[str, str]) -> None:
        """Documents by id and hash."""
        for name in sorted({*told, *found}):
            self.checked["documents"] += 1
            if name not in found:
                self._wrong(
                    "a document of the run is not there any more", "该次结算的文件已不在", path=f"{kind}.{name}"
                )
            elif name not in told:
                self._wrong("the run had no such document", "该次结算没有这份文件", path=f"{kind}.{name}")
            elif told[name] != found[name]:
                self._wrong("the document has changed since the run", "文件在结算之后有改动", path=f"{kind}.{name}")

    def _tried(self, read: Callable[[], Any]) -> Any:
        """What is read, or None and the problems why not."""
        try:
            return read()
        except _ProblemsError as error:
            self.problems += error.problems
        except (YbcoreError, OSError, ValueError, KeyError, pa.ArrowException) as error:
            self._wrong(f"cannot be read: {error}", f"无法读取：{error}")
        return None
