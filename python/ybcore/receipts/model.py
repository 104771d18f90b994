"""A receipt: its fields, its JSON Schema, and reading one.

Published as `data/schema/ybcore-receipt-1.schema.json`; `ybcore.schemas` makes that file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from ..errors import InputError, Problem

__all__ = ["FORMAT", "RECEIPT", "Receipt", "fields", "json_schema", "raw_receipt", "read_as", "read_receipt"]  # fmt: skip

FORMAT = "ybcore-receipt/1"
RECEIPT = "receipt.json"
SCHEMA_ID = "urn:ybcore:receipt:1"

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


def _said(zh: str, en: str, **more: Any) -> Any:
    return Field(description=f"{zh} / {en}", **more)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class EngineTold(_Part):
    """The engine."""

    name: str
    version: str


class PolicyDocument(_Part):
    """A policy document."""

    id: str
    sha256: Sha256


class RuleDocument(PolicyDocument):
    """A rule document."""

    version: str


class RuleTold(_Part):
    """A rule."""

    id: str
    version: str
    status: Literal["enabled", "disabled"]


class PolicyTold(_Part):
    """The policy book."""

    sha256: Sha256
    documents: list[PolicyDocument]


class RuleRan(_Part):
    """Whether a rule ran in a job, why not, and what it came to."""

    rule_id: str
    rule_version: str
    kernel: str
    status: Literal["run", "skipped", "disabled"]
    reason: str | None
    eligible: Count
    unknown: Count
    hits: Count
    suppressed: Count
    excluded: Count
    subsumed: Count


class RulesTold(_Part):
    """The rule book, and the fen that it moved to full self-pay; apart what was full self-pay anyway, and what stands in visits that are not settled."""

    sha256: Sha256
    documents: list[RuleDocument]
    rules: list[RuleTold]
    moved_fen: int
    own_fen: int = 0
    rejected_fen: int = 0
    known_at: str | None = None
    suppressions: Count | None = None
    coverage: list[RuleRan] | None = None

    @property
    def paid_fen(self) -> int:
        """All that findings moved out of lines: the sum of `paid_amt`."""
        return self.moved_fen + self.own_fen + self.rejected_fen


class CatalogTold(_Part):
    """The catalogue."""

    sha256: Sha256


class Content(_Part):
    """A table as it was read."""

    rows: Count
    sha256: Sha256 | None = None


class Outcome(_Part):
    """Visits of one outcome and reason."""

    outcome: str
    reason: str
    visits: Count


class Counts(_Part):
    """Rows."""

    visits: Count
    lines: Count
    outcomes: list[Outcome]
    settled: Count | None = None
    rejected: Count | None = None
    settled_lines: Count | None = None
    rejected_lines: Count | None = None
    findings: Count | None = None
    details: Count | None = None


class FileTold(_Part):
    """A file."""

    name: str
    path: str
    bytes: Count
    sha256: Sha256
    rows: Count | None


class Files(_Part):
    """What went in and what came out."""

    inputs: list[FileTold]
    outputs: list[FileTold]


class RunTold(_Part):
    """Where everything was."""

    policy: list[str]
    tables: dict[str, str]
    catalog: dict[str, str]
    encodings: dict[str, str]
    state: str | None
    rules: list[str] = Field(default_factory=list)
    suppress: str | None = None
    known_at: str | None = None
    files: dict[str, str]


class Receipt(_Part):
    """One receipt."""

    format: Literal["ybcore-receipt/1"] = _said("格式", "format")
    engine: EngineTold = _said("引擎名称与版本", "name and version of the engine")
    policy: PolicyTold = _said(
        "政策册与各文件规范形式的散列值",
        "sha256 of the policy book, and id and sha256 of each document in its canonical form",
    )
    catalog: CatalogTold | None = _said(
        "医保目录内容的散列值",
        "sha256 of the catalogue's content, the same for any order of rows and any file format; null without",
    )
    rules: RulesTold | None = _said("规则册与各文件的散列值、各规则及转出金额（分）", "with rules only: sha256 of the book, its documents (id, version, sha256), its rules (id, version, status), the fen they moved to full self-pay (`moved_fen`), and apart what was so anyway (`own_fen`) and what stands in visits that are not settled (`rejected_fen`)", default=None)  # fmt: skip
    rounding: dict[str, dict[str, str]] = _said("各政策文件的取整方案：位置 → 单位与方式", "rounding profile of each policy document: place → unit and mode, defaults too")  # fmt: skip
    order: str = _said("结算顺序规则", "order rule")
    input: dict[str, Content] = _said(
        "各输入表读入内容的行数与散列值", "rows and hash of the content of each table read"
    )
    opening_state: Sha256 | None = _said(
        "期初状态内容的散列值", "sha256 of the content of the opening state; null without"
    )
    counts: Counts = _said("行数，及各结果、原因的结算笔数", "rows, and visits by outcome and reason")
    totals_fen: dict[str, int] = _said(
        "结算结果各金额列合计（分）", "sum of each money column of the settlements, in fen"
    )
    files: Files = _said(
        "每个输入、输出文件的路径、字节数、散列值与行数", "path, bytes, hash and rows of every input and output file"
    )
    closing_state: Sha256 | None = _said("期末状态内容的散列值", "sha256 of the content of the closing state, where it was taken", default=None)  # fmt: skip
    resettlement: dict[str, Any] | None = _said("重新结算：上次回执、变更、范围与差额文件", "of a re-settlement: the previous receipt, the changes, who was settled again, and the files of differences", default=None)  # fmt: skip
    run: RunTold | None = _said("文件所在与编码（作业记在 run.json）", "where everything was, for explain and verify; of a job run.json says it", default=None)  # fmt: skip
    seconds: float | None = _said("用时（秒）", "how long it took", default=None)
    threads: Count | None = _said("线程数", "on how many threads", default=None)


Told = TypeVar("Told", bound=BaseModel)


def raw_receipt(place: str | Path) -> tuple[Path, Any]:
    """(the file, its JSON) of a receipt: a folder that has one, or the file itself. Raises InputError."""
    path = Path(place)
    path = path if path.is_file() else path / RECEIPT
    if not path.is_file():
        raise InputError([Problem(what="no receipt is there", what_zh="没有回执", file=str(path))])
    try:
        return path, json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        what, zh = f"the receipt is damaged: {error.msg}", f"回执已损坏：{error.msg}"
        raise InputError([Problem(what=what, what_zh=zh, file=str(path), line=error.lineno, column=error.colno)]) from error  # fmt: skip
    except UnicodeDecodeError as error:
        what, zh = f"the receipt is damaged: {error}", f"回执已损坏：{error}"
        raise InputError([Problem(what=what, what_zh=zh, file=str(path))]) from error


def read_as(place: str | Path, kind: type[Told], format_: str) -> Told:
    """A receipt of one format. Raises InputError with everything that is wrong with it."""
    path, raw = raw_receipt(place)
    if isinstance(raw, dict) and raw.get("format") != format_:
        found = raw.get("format", "none")
        what, zh = f"the receipt's format is {found}", f"回执的格式为 {found}"
        raise InputError([Problem(what=what, what_zh=zh, file=str(path), path="format", expected=format_)])
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise InputError(
            Problem(
                what=f"the receipt is damaged: {item['msg']}",
                what_zh=f"回执已损坏：{item['msg']}",
                file=str(path),
                path=".".join(str(step) for step in item["loc"]),
            )
            for item in error.errors(include_url=False, include_input=False)
        ) from error


def read_receipt(folder: str | Path) -> Receipt:
    """The receipt of a folder that was settled. Raises InputError with everything that is wrong with it."""
    return read_as(folder, Receipt, FORMAT)


def fields() -> list[dict[str, str]]:
    """The fields, one row each: field, required, zh, en."""
    out = []
    for name, field in Receipt.model_fields.items():
        zh, _, en = (field.description or "").partition(" / ")
        out.append({"field": name, "required": "yes" if field.is_required() else "", "zh": zh, "en": en})
    return out


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a receipt."""
    made = Receipt.model_json_schema(schema_generator=GenerateJsonSchema)
    title = {"title": f"ybcore receipt, format {FORMAT}"}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **made, **title}
