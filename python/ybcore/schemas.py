"""The JSON Schemas that are published: each format, and the file of `data/schema` that says its shape.

`python -m ybcore.schemas data/schema` writes every one of them anew, after a change of the models.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["FORMATS", "json_schema", "schema_text", "write_schemas"]

# Format, the module whose `json_schema` makes it, what that wants.
FORMATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ybcore-benefit/1": ("clearing.schema", ("benefit",)),
    "ybcore-changes/1": ("ledger.schema", ()),
    "ybcore-clearing/1": ("clearing.schema", ("clearing",)),
    "ybcore-fund/1": ("simulate.fundschema", ()),
    "ybcore-job/1": ("jobs.document", ()),
    "ybcore-policy/1": ("policy.schema", ()),
    "ybcore-receipt/1": ("receipts.model", ()),
    "ybcore-rules/1": ("checks.schema", ()),
    "ybcore-study/1": ("simulate.studymodel", ()),
}


def json_schema(format_: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of documents of `format_`, a key of `FORMATS`."""
    module, words = FORMATS[format_]
    made: dict[str, Any] = import_module(f".{module}", __package__).json_schema(*words)
    return made


def schema_text(format_: str) -> str:
    """The schema as the published text."""
    return json.dumps(json_schema(format_), ensure_ascii=False, indent=1) + "\n"


def schema_file(format_: str) -> str:
    """The name of the published file."""
    return f"{format_.replace('/', '-')}.schema.json"


def write_schemas(folder: str | Path) -> list[Path]:
    """Write the published files into `folder` and return their paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    out = [folder / schema_file(format_) for format_ in FORMATS]
    for format_, path in zip(FORMATS, out, strict=True):
        path.write_text(schema_text(format_), encoding="utf-8")
    return out


if __name__ == "__main__":
    write_schemas(sys.argv[1])
