"""The JSON Schema of documents of changes, for editors and other tools: `data/schema/ybcore-changes-1.schema.json`."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from .document import FILES, ChangesModel

__all__ = ["SCHEMA_ID", "json_schema"]

SCHEMA_ID = "urn:ybcore:changes:1"


class Generator(GenerateJsonSchema):
    """pydantic's generator without defaults: they are what is held, not what a document would write."""

    def encode_default(self, dft: Any) -> Any:
        return None


def plain(node: Any) -> Any:
    """Titles and defaults left out; what may be missing is not null."""
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    out: dict[str, Any] = {}
    for key, value in node.items():
        if key == "default" or (key == "title" and isinstance(value, str)):
            continue
        if key == "properties":
            out[key] = {name: plain(item) for name, item in value.items()}
        elif key == "anyOf":
            kept = [plain(item) for item in value if item != {"type": "null"}]
            out.update(kept[0] if len(kept) == 1 else {key: kept})
        else:
            out[key] = plain(value)
    return out


def _of_kind(kind: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """A condition: the files that a kind of change has, one of them at least, and none of the others."""
    others = sorted({key for all_keys in FILES.values() for key in all_keys} - set(keys))
    then = {"anyOf": [{"required": [key]} for key in keys], "properties": dict.fromkeys(others, False)}
    return {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": then}


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of one document of changes."""
    made = plain(ChangesModel.model_json_schema(by_alias=True, schema_generator=Generator, mode="validation"))
    made["$defs"]["ChangeModel"]["allOf"] = [_of_kind(kind, keys) for kind, keys in FILES.items()]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "ybcore document of changes, format ybcore-changes/1",
        **made,
    }
