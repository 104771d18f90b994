"""The published JSON Schemas are those of the models, one file a format, and each is a schema."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from ybcore.schemas import FORMATS, json_schema, schema_text, write_schemas

PUBLISHED = Path(__file__).resolve().parent.parent / "data" / "schema"


@pytest.mark.parametrize("format_", FORMATS)
def test_the_published_schema_is_that_of_the_models(format_: str):
    path = PUBLISHED / f"{format_.replace('/', '-')}.schema.json"
    assert path.read_text(encoding="utf-8") == schema_text(format_), "run: python -m ybcore.schemas data/schema"
    made = json_schema(format_)
    jsonschema.Draft202012Validator.check_schema(made)
    assert made["$id"] == f"urn:ybcore:{format_.removeprefix('ybcore-').replace('/', ':')}"


def test_every_published_schema_has_its_format(tmp_path: Path):
    assert write_schemas(tmp_path / "schema") == sorted((tmp_path / "schema").iterdir())
    assert [p.name for p in sorted(PUBLISHED.glob("*.json"))] == [
        p.name for p in sorted((tmp_path / "schema").iterdir())
    ]
