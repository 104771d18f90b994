"""The document of a job, `ybcore: job/1` (docs/jobs.md), and its JSON Schema.

Published as `data/schema/ybcore-job-1.schema.json`; `ybcore.schemas` makes that file.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationError, ValidationInfo, WithJsonSchema, model_validator

from .. import io
from ..checks.suppression import suppressions
from ..columns.checkschema import CHECK_TABLES
from ..columns.schema import ACCT_EVENTS, INSTITUTIONS, LINES, PERSONS, VISITS
from ..errors import DocumentError, Problem
from ..policy.faults import Fault, Faults, fail, problem_at, problems_of, unknown
from ..policy.fields import Day, Flag, Node, Positive
from ..policy.reader import Parsed, parse_file
from ..settling.result import NUMBERS

__all__ = [
    "JobDocument",
    "Outputs",
    "bytes_of",
    "json_schema",
    "load_job",
]

FORMAT = "job/1"
SCHEMA_ID = "urn:ybcore:job:1"
TABLES = tuple(table.name for table in (VISITS, LINES, PERSONS, INSTITUTIONS, ACCT_EVENTS))
BESIDE = tuple(name for name in CHECK_TABLES if name not in TABLES)
_UNITS = {"B": 1, **{f"{letter}iB": 1024**i for i, letter in enumerate("KMGT", 1)}}
_UNITS |= {f"{letter}B": 1000**i for i, letter in enumerate("KMGT", 1)}
_SIZE = r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]+)"
_NOTHING = ("", "~", "null", "Null", "NULL")


def bytes_of(text: str) -> int:
    """`4GiB`, `512 MiB`, `1.5GB` → bytes. Raises ValueError."""
    found = re.fullmatch(_SIZE, text.strip())
    unit = next((size for name, size in _UNITS.items() if found and name.lower() == found[2].lower()), None)
    if found is None or unit is None or Decimal(found[1]) <= 0:
        raise ValueError(text)
    return int(Decimal(found[1]) * unit)


def _memory(raw: Any) -> int:
    try:
        return bytes_of(str(raw))
    except ValueError:
        fail(Fault(f"{raw!r} is no size", f"{raw!r} 不是容量", "a number and a unit, such as 4GiB or 512MiB", "数字加单位，如 4GiB 或 512MiB"))  # fmt: skip


def _path(raw: Any, info: ValidationInfo) -> Path:
    """A path below the document's folder, unless it stands on its own."""
    if not isinstance(raw, str) or not raw.strip():
        fail(Fault("expected a path", "应为路径", "a path", "路径"))
    return Path((info.context or {}).get("folder", ".")) / raw


def _paths(raw: Any, info: ValidationInfo) -> tuple[Path, ...]:
    items = raw if isinstance(raw, list) else [raw]
    if not items:
        fail(Fault("the list has too few items", "列表的项太少", "at least one item", "至少一项"))
    return tuple(_path(item, info) for item in items)


def _columns(raw: Any) -> tuple[str, ...] | None:
    """Numbers that settlements have beside who, outcome, reason, flags and plan; None: all of them."""
    if isinstance(raw, str) and raw in _NOTHING:
        return None
    faults = Faults()
    for i, name in enumerate(raw if isinstance(raw, list) else [raw]):
        if name not in NUMBERS:
            loc = (i,) if isinstance(raw, list) else ()
            faults.add(loc, unknown("column", "列", str(name), NUMBERS))
    faults.raise_if_any()
    return tuple(raw) if isinstance(raw, list) else (str(raw),)


def _inputs(raw: Any) -> dict[str, tuple[str, ...]]:
    faults = Faults()
    if not isinstance(raw, dict):
        fail(
            Fault(
                "expected a mapping",
                "应为键值映射",
                "table: file, folder, pattern or URL",
                "表名: 文件、文件夹、通配模式或 URL",
            )
        )
    for name, places in raw.items():
        if name not in (*TABLES, *BESIDE):
            faults.add((name,), unknown("table", "表", name, (*TABLES, *BESIDE), key=True))
        for i, place in enumerate(places if isinstance(places, list) else [places]):
            if not isinstance(place, str) or not place.strip():
                loc = (name, i) if isinstance(places, list) else (name,)
                faults.add(loc, Fault("expected a path", "应为路径", "a file, a folder, a pattern or a URL", "文件、文件夹、通配模式或 URL"))  # fmt: skip
        if isinstance(places, list) and not places:
            faults.add((name,), Fault("the list has too few items", "列表的项太少", "at least one item", "至少一项"))
    if VISITS.name not in raw:
        faults.add((), Fault("no visits are given", "没有给出 visits（结算表）", "visits: data/visits/"))
    faults.raise_if_any()
    order = [name for name in (*TABLES, *BESIDE) if name in raw]
    return {name: tuple(raw[name]) if isinstance(raw[name], list) else (raw[name],) for name in order}


_TEXTS: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
_Path = Annotated[Path, PlainValidator(_path), WithJsonSchema({"type": "string"})]
_Paths = Annotated[tuple[Path, ...], PlainValidator(_paths), WithJsonSchema(_TEXTS)]
_Memory = Annotated[int, PlainValidator(_memory), WithJsonSchema({"type": "string", "pattern": f"^{_SIZE}$"})]
_Columns = Annotated[
    tuple[str, ...] | None,
    PlainValidator(_columns),
    WithJsonSchema({"anyOf": [*_TEXTS["anyOf"], {"type": "null"}]}),
]
_Inputs = Annotated[
    dict[str, tuple[str, ...]],
    PlainValidator(_inputs),
    WithJsonSchema(
        {
            "type": "object",
            "properties": dict.fromkeys((*TABLES, *BESIDE), _TEXTS),
            "required": [VISITS.name],
            "additionalProperties": False,
        }
    ),
]


class Outputs(Node):
    """What is written beside settlements, rejects and the records."""

    lines: Flag = False
    detail: Flag = False
    state: Flag = True
    columns: _Columns = None


class JobDocument(Node):
    """A job as written, defaults explicit, paths resolved. `memory` in bytes; `threads` None: all that the process may use."""

    format: Literal["job/1"] = Field(validation_alias="ybcore")
    policy: _Paths
    catalog: _Path | None = None
    inputs: _Inputs
    opening: _Path | None = None
    rules: _Paths = ()
    known_at: Day | None = None
    suppress: _Path | None = None
    output: _Path
    outputs: Outputs = Outputs()
    memory: _Memory = 4 * 1024**3
    threads: Positive | None = None
    file: str = Field(default="", validation_alias="~file")
    folder: Path = Field(default=Path(), validation_alias="~folder")

    @model_validator(mode="after")
    def _tables_of_rules(self) -> JobDocument:
        faults = Faults()
        for name in self.inputs:
            if name in BESIDE and not self.rules:
                en, zh = f"{name} is read by rules only", f"{name} 只有审核规则才读取"
                faults.add(("inputs", name), Fault(en, zh, "rules: [folder/]", key=True))
        for name in ("known_at", "suppress"):
            if getattr(self, name) is not None and not self.rules:
                en, zh = f"{name} is of rules: give rules", f"{name} 须与 rules 同用"
                faults.add((name,), Fault(en, zh, "rules: [folder/]", key=True))
        if self.suppress is not None and self.known_at is None:
            # A unit does not know the last day of the whole, by which a row without it would expire.
            en, zh = "a suppression list needs known_at in a job", "作业中的抑制清单须与 known_at 同用"
            faults.add(("suppress",), Fault(en, zh, "known_at: 2025-06-30", key=True))
        if LINES.name in self.inputs and self.catalog is None:
            en, zh = "fee lines are given but no catalogue", "给出了费用明细，却没有目录"
            faults.add(("inputs", LINES.name), Fault(en, zh, "catalog: folder/", key=True))
        faults.raise_if_any()
        return self

    @property
    def known_day(self) -> dt.date | None:
        """`known_at` as a date."""
        return None if self.known_at is None else dt.date(1970, 1, 1) + dt.timedelta(self.known_at)

    def what_counts(self) -> dict[str, Any]:
        """The `known_at` and `suppress` of its check. Raises InputError for a wrong suppression list."""
        rows = [] if self.suppress is None else suppressions(io.read_table(self.suppress), str(self.suppress))
        return {"known_at": self.known_day, "suppress": rows}

    @property
    def sha256(self) -> str:
        """Hash of what the document itself says about the answer; neither places nor memory nor threads."""
        told = {"inputs": sorted(self.inputs), "outputs": self.outputs.model_dump(mode="json", warnings=False)}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def load_job(path: str | Path, **overrides: Any) -> JobDocument:
    """Read one job document. Raises DocumentError with every problem and its line and column.

    `overrides`: `memory` (text or bytes), `threads`, `output`, `known_at` (a date or its text), `suppress`; None leaves what the document
    says. A path that is given here is relative to the working folder.
    """
    path = Path(path)
    if not path.is_file():
        what, zh = (
            ("a folder, not a document", "这是文件夹，不是文件")
            if path.is_dir()
            else ("the file is not there", "文件不存在")
        )
        raise DocumentError([Problem(what=what, what_zh=zh, file=str(path))])
    parsed = parse_file(path)
    raw = dict(parsed.doc)
    _not_a_job(parsed)
    given = {name: str(value) for name, value in overrides.items() if value is not None}
    if isinstance(given.get("memory"), str) and given["memory"].isdigit():
        given["memory"] += "B"
    for name in ("output", "suppress"):
        if name in given:
            given[name] = str(Path(given[name]).absolute())
    raw |= given
    # A key without a value is as good as none; what is needed is then told to be missing.
    raw = {name: value for name, value in raw.items() if not (isinstance(value, str) and value in _NOTHING)}
    folder = path.absolute().parent
    try:
        document = JobDocument.model_validate(raw, context={"folder": folder})
    except ValidationError as error:
        raise DocumentError(sorted(problems_of(error, parsed), key=lambda p: (p.line or 0, p.column or 0))) from None
    document = document.model_copy(update={"file": str(path), "folder": folder})
    _must_exist(document, parsed)
    return document


def _not_a_job(parsed: Parsed) -> None:
    """A document of another language is told at once, and alone."""
    if parsed.doc.get("ybcore") == FORMAT:
        return
    if "ybcore" in parsed.doc:
        fault = Fault(
            f"unknown format {parsed.doc['ybcore']!r}", f"未知的格式 {parsed.doc['ybcore']!r}", f"ybcore: {FORMAT}"
        )
        raise DocumentError([problem_at(parsed, ("ybcore",), fault)])
    raise DocumentError([problem_at(parsed, (), Fault("not a job document", "不是作业文件", f"ybcore: {FORMAT}"))])


def _must_exist(document: JobDocument, parsed: Parsed) -> None:
    """Documents, catalogue and opening that are not there. Raises DocumentError."""
    named: list[tuple[tuple[str | int, ...], Path]] = []
    for name in ("policy", "rules"):
        listed = isinstance(parsed.doc.get(name), list)
        named += [((name, i) if listed else (name,), place) for i, place in enumerate(getattr(document, name))]
    named += [
        ((name,), place)
        for name in ("catalog", "opening", "suppress")
        if (place := getattr(document, name)) is not None
    ]
    missing = [
        problem_at(parsed, loc, Fault(f"{place} is not there", f"{place} 不存在"))
        for loc, place in named
        if not place.exists()
    ]
    if missing:
        raise DocumentError(missing)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a job document."""
    made = JobDocument.model_json_schema(by_alias=True, mode="validation")
    properties = {name: _plain(node) for name, node in made["properties"].items() if not name.startswith("~")}
    properties["outputs"] = {"$ref": "#/$defs/Outputs"}
    definitions = {name: _plain(node) for name, node in made.get("$defs", {}).items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "ybcore job document, format job/1",
        "type": "object",
        "properties": properties,
        "required": made["required"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _plain(node: Any) -> Any:
    """Without titles, defaults and what only the model knows."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {}
    for key, value in node.items():
        if key == "default" or (key == "title" and isinstance(value, str)):
            continue
        if key == "properties":
            out[key] = {name: _plain(item) for name, item in value.items()}
        else:
            out[key] = _plain(value)
    return out
