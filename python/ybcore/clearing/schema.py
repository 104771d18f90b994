"""The JSON Schemas of clearing and benefit documents, for editors and other tools.

They say shapes and words; what parts must have to do with each other is left to the reader. Published in `data/schema`; `ybcore.schemas`
makes the files.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from ..policy.schema import Generator, resolve, written_figures
from .cashmodels import BenefitModel
from .models import WORDS, Actual, ByCost, ClearingModel

__all__ = ["Kind", "json_schema"]

Kind = Literal["clearing", "benefit"]
_MODELS: dict[Kind, tuple[type[BaseModel], str]] = {
    "clearing": (ClearingModel, "how providers are paid"),
    "benefit": (BenefitModel, "cash benefits"),
}


def _made(model: type[BaseModel]) -> dict[str, Any]:
    held: dict[str, Any] = resolve(
        model.model_json_schema(by_alias=True, schema_generator=Generator, mode="validation")
    )
    return held


def _one(key: str, of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {key: of}, "required": [key], "additionalProperties": False}


def _pays() -> dict[str, Any]:
    """A word, or one of two mappings."""
    return {"anyOf": [{"enum": list(WORDS)}, _one("actual", _made(Actual)), _one("by_cost", _made(ByCost))]}


def _rate() -> dict[str, Any]:
    return {"anyOf": [{"const": "case"}, {"$ref": "#/$defs/share"}]}


def json_schema(kind: Kind) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one document of a kind: clearing or benefit."""
    model, title = _MODELS[kind]
    made = _made(model)
    own = {"pays": _pays(), "rate_or_case": _rate()} if kind == "clearing" else {}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:ybcore:{kind}:1",
        "title": f"ybcore document of {title}, format ybcore-{kind}/1",
        **made,
        "$defs": dict(sorted({**made.pop("$defs", {}), **written_figures(), **own}.items())),
    }
