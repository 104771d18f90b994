"""The JSON Schema of fund documents, for editors and other tools: `data/schema/ybcore-fund-1.schema.json`."""

from __future__ import annotations

from typing import Any

from ..ledger.schema import Generator, plain
from .funddocument import FundModel

__all__ = ["SCHEMA_ID", "json_schema"]

SCHEMA_ID = "urn:ybcore:fund:1"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of one document; what keys ask of each other is left to the reader."""
    made = plain(FundModel.model_json_schema(by_alias=True, schema_generator=Generator, mode="validation"))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "ybcore document of a fund, format ybcore-fund/1",
        **made,
    }
