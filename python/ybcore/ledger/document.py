"""The document of a re-settlement: an ordered list of changes with their files, validated at once, read, and fitted to a run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import Field, ValidationError

from .. import io
from ..catalog import Catalog
from ..errors import DocumentError, InputError, Problem
from ..messages import CHANGES
from ..policy import Book, load_book
from ..policy.faults import Fault, problem_at, problems_of
from ..policy.fields import Bilingual, Code, Node, Word, Words
from ..policy.reader import Parsed, parse_file
from .changes import (
    OWN,
    PARTS,
    Change,
    DeniedLines,
    Institutions,
    LateClaims,
    NewCatalog,
    NewPolicy,
    Persons,
    Refunds,
    Reordered,
    StruckOff,
)
from .fitting import in_types_of
from .run import Run

__all__ = ["FORMAT", "ChangesDocument", "ChangesModel", "Entry", "Source", "file_sha256", "load_changes"]

FORMAT = "ybcore-changes/1"
TABLES: dict[str, type] = {
    "late_claims": LateClaims,
    "refunds": Refunds,
    "denied_lines": DeniedLines,
    "struck_off": StruckOff,
    "persons": Persons,
    "institutions": Institutions,
    "reordered": Reordered,
}
#: By kind of change: the keys that name its files.
FILES: dict[str, tuple[str, ...]] = {**{kind: tuple(PARTS[made]) for kind, made in TABLES.items()}, "policy": ("policy",), "catalog": ("catalog",)}  # fmt: skip
_KEYS = tuple(dict.fromkeys(key for keys in FILES.values() for key in keys))


class ChangeModel(Node):
    """One change: its kind, its label, where it is from, and its files relative to the document."""

    kind: Annotated[
        Literal[
            "late_claims",
            "refunds",
            "denied_lines",
            "struck_off",
            "persons",
            "institutions",
            "reordered",
            "policy",
            "catalog",
        ],
        Word("变更种类"),
    ]
    label: Bilingual
    source: str = ""
    note: str = ""
    visits: str | None = None
    lines: str | None = None
    rows: str | None = None
    policy: Words | None = None
    catalog: str | None = None


class ChangesModel(Node):
    """A re-settlement: its name and its changes, in the order in which they are applied."""

    format: Annotated[Literal["ybcore-changes/1"], Word("格式")]
    id: Code
    name: Bilingual
    note: str = ""
    changes: tuple[ChangeModel, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Source:
    """A file that a change was read from; `rows` of a table, `sha256` of the bytes."""

    key: str
    path: Path
    sha256: str
    rows: int | None = None


@dataclass(frozen=True)
class Entry:
    """One change of the document: what it says of itself, its files, and its tables, book or catalogue."""

    kind: str
    label: Mapping[str, str]
    source: str
    note: str
    files: tuple[Source, ...]
    data: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class ChangesDocument:
    """A document as read; `changes` makes what `resettle` takes of it."""

    path: Path
    sha256: str
    id: str
    name: Mapping[str, str]
    note: str
    entries: tuple[Entry, ...]
    parsed: Parsed = field(repr=False)

    def changes(self, run: Run) -> list[Change]:
        """The changes with their rows in the types of a run's tables. Raises InputError with every cell that cannot be read."""
        problems: list[Problem] = []
        out = [self._change(i, entry, run, problems) for i, entry in enumerate(self.entries)]
        if problems:
            raise InputError(problems)
        return out

    def _change(self, index: int, entry: Entry, run: Run, problems: list[Problem]) -> Change:
        if entry.kind == "policy":
            return NewPolicy(entry.data["policy"])
        if entry.kind == "catalog":
            return NewCatalog(entry.data["catalog"])
        made = TABLES[entry.kind]
        parts = {}
        for file in entry.files:
            name = PARTS[made][file.key][0]
            # A denial and a time name rows of the run's own tables.
            like = run.tables.get({"denied": "lines", "reordered": "visits"}.get(name, name))
            schema = run.engine.input_tables.get(name, OWN[name])
            place = {"file": str(file.path), "path": f"changes[{index}].{file.key}"}
            parts[file.key], found = in_types_of(entry.data[file.key], like, schema, place)
            problems += found
        return made(**parts)

    def placed(self, problems: tuple[Problem, ...]) -> list[Problem]:
        """Problems of `resettle` with the document's line and the file of the change that they are about."""
        return [self._placed(problem) for problem in problems]

    def _placed(self, problem: Problem) -> Problem:
        head, _, rest = problem.path.partition(" ")
        at = int(head[8:-1]) if head.startswith("changes[") and head[8:-1].isdigit() else -1
        if not 0 <= at < len(self.entries) or problem.file is not None:
            return problem
        key = rest.partition(".")[2].partition(".")[0]
        file = next((file for file in self.entries[at].files if file.key == key), None)
        path = f"changes[{at}].{key}" if key else f"changes[{at}]"
        if file is not None:
            return replace(problem, file=str(file.path), path=path)
        line, column = self.parsed.mark(("changes", at)) or (1, 1)
        return replace(problem, file=self.parsed.file, line=line, column=column, path=path)


def load_changes(path: str | Path) -> ChangesDocument:
    """Read a document and every file that it names. Raises DocumentError with everything that is wrong with them, OSError."""
    path = Path(path)
    parsed = parse_file(path)
    if parsed.doc.get("format") is None and "changes" not in parsed.doc:
        raise DocumentError(
            [problem_at(parsed, (), Fault("not a document of changes", "不是变更文件", f"format: {FORMAT}"))]
        )
    model, problems = _model(parsed)
    raw = parsed.doc.get("changes")
    read = [_read(parsed, i, item, problems) for i, item in enumerate(raw)] if isinstance(raw, list) else []
    if problems or model is None:
        unique = dict.fromkeys(problems)
        raise DocumentError(
            sorted(unique, key=lambda p: (p.file != parsed.file, p.file or "", p.line or 0, p.column or 0))
        )
    entries = tuple(
        Entry(change.kind, change.label.model_dump(), change.source, change.note, *found)
        for change, found in zip(model.changes, read, strict=True)
    )
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    return ChangesDocument(path, sha, model.id, model.name.model_dump(), model.note, entries, parsed)


def _model(parsed: Parsed) -> tuple[ChangesModel | None, list[Problem]]:
    try:
        return ChangesModel.model_validate(parsed.doc), []
    except ValidationError as error:
        return None, problems_of(error, parsed)


def _read(parsed: Parsed, index: int, raw: Any, problems: list[Problem]) -> tuple[tuple[Source, ...], dict[str, Any]]:
    """(files, what they hold) of one change; what is wrong with them is added to the problems."""
    if not isinstance(raw, dict) or raw.get("kind") not in FILES:
        return (), {}  # told by the model
    kind = str(raw["kind"])
    for key in _KEYS:
        if key in raw and key not in FILES[kind]:
            fault = Fault(f"{kind} has no {key!r}", f"{CHANGES[kind][0]}（{kind}）没有 {key!r}", f"one of: {', '.join(FILES[kind])}", f"以下之一：{', '.join(FILES[kind])}", key=True)  # fmt: skip
            problems.append(problem_at(parsed, ("changes", index, key), fault))
    named = [key for key in FILES[kind] if key in raw]
    if not named:
        fault = Fault(f"{kind} names no file", f"{CHANGES[kind][0]}（{kind}）没有给出文件", " or ".join(f"{key}:" for key in FILES[kind]), " 或 ".join(f"{key}:" for key in FILES[kind]))  # fmt: skip
        problems.append(problem_at(parsed, ("changes", index), fault))
    files: list[Source] = []
    data: dict[str, Any] = {}
    for key in named:
        loc = ("changes", index, key)
        texts = raw[key] if key == "policy" and isinstance(raw[key], list) else [raw[key]]
        if not all(isinstance(text, str) for text in texts):
            continue  # told by the model
        paths = [Path(parsed.file).parent / text for text in texts]
        gone = [path for path in paths if not path.exists()]
        for path in gone:
            problems.append(problem_at(parsed, loc, Fault(f"the file is not there: {path}", f"文件不存在：{path}")))
        if gone:
            continue
        try:
            found, data[key] = _READERS.get(key, _table)(key, paths)
            files += found
        except (DocumentError, InputError) as error:
            problems += error.problems
    return tuple(files), data


def _table(key: str, paths: list[Path]) -> tuple[list[Source], pa.Table]:
    rows = io.read_table(paths[0])
    return [Source(key, paths[0], file_sha256(paths[0]), rows.num_rows)], rows


def _policy(key: str, paths: list[Path]) -> tuple[list[Source], Book]:
    book = load_book([*paths])
    return [Source(key, path, file_sha256(path)) for path in paths], book


def _catalog(key: str, paths: list[Path]) -> tuple[list[Source], Catalog]:
    catalog = Catalog.load(paths[0])
    return [Source(key, paths[0], file_sha256(paths[0]))], catalog


_READERS: dict[str, Callable[[str, list[Path]], tuple[list[Source], Any]]] = {"policy": _policy, "catalog": _catalog}


def file_sha256(path: Path) -> str:
    """Of a file's bytes; of a folder, of the names and hashes of its files."""
    if path.is_file():
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for inside in sorted(p for p in path.rglob("*") if p.is_file()):
        digest.update(f"{inside.relative_to(path).as_posix()} {file_sha256(inside)}\n".encode())
    return digest.hexdigest()
