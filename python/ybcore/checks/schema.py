"""The JSON Schema of the rule language, for editors and other tools.

It says shapes and words; what only the loader can say (names of lists and tables, comparators that are missing from a
figure's place, overlaps) it leaves out. Published as `data/schema/ybcore-rules-1.schema.json`; `ybcore.schemas` makes it.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from ..policy.fields import Node
from .fields import Items
from .groupchecks import FactorOf
from .kernels import AMOUNTS, FORMS, KERNEL_MODELS
from .linechecks import AgeTest, Codes, ColumnMap, Trigger
from .rulemodels import CodeList, DocumentModel, Example, RuleModel, TableModel
from .sumchecks import ChangeTest, FixedTest, PeerTest
from .timechecks import MainDiagnosis
from .vocabulary import SCOPE_KEYS

__all__ = ["SCHEMA_ID", "json_schema"]

SCHEMA_ID = "urn:ybcore:rules:1"

_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": ["string", "number"]}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _object(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _one_key(name: str) -> dict[str, Any]:
    return _object({name: _TEXT}, (name,))


def _scope() -> dict[str, Any]:
    prefixes = {"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER, "minItems": 1}]}
    return _object({**dict.fromkeys(SCOPE_KEYS, prefixes), "diagnosis": _one_key("list"), "not": _ref("scope")})


def _definitions() -> dict[str, Any]:
    """What the models leave to their own readers."""
    scope = _scope()
    figure = {"anyOf": [_NUMBER, _one_key("parameter")]}
    flag = {"type": ["boolean", "string"], "enum": [True, False, "true", "false"]}
    exempt = {**scope["properties"], "planned": flag, "transfer": flag, "scope": _ref("scope")}
    return {
        "attribute_test": {"anyOf": [_ref("Codes"), _ref("ColumnMap"), _ref("AgeTest")]},
        "cap": {"anyOf": [_ref("figure_or_column"), _ref("FactorOf")]},
        "combine": {"anyOf": [{"enum": ["item", "all"]}, _one_key("column")]},
        "exempt": _object(exempt),
        "figure": figure,
        "figure_or_column": {"anyOf": [*figure["anyOf"], _one_key("column")]},
        "items": {"anyOf": [{"const": "all"}, {**_ref("Items"), "minProperties": 1, "maxProperties": 1}]},
        "ratio_test": {"anyOf": [_ref("FixedTest"), _ref("ChangeTest"), _ref("PeerTest")]},
        "same": {"anyOf": [{"const": "institution"}, _ref("MainDiagnosis")]},
        "scope": scope,
        "trigger": {"anyOf": [{"enum": ["item"]}, _ref("Trigger")]},
    }


class _Generator(GenerateJsonSchema):
    """pydantic's generator without defaults: they are normalised values, not what a document would write."""

    def encode_default(self, dft: Any) -> Any:
        return None


def _resolve(node: Any) -> Any:
    """`x-ref` placeholders into references; defaults and titles left out."""
    if isinstance(node, list):
        return [_resolve(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "x-ref" in node:
        return _ref(node["x-ref"])
    out: dict[str, Any] = {}
    for key, value in node.items():
        if key == "default" or (key == "title" and isinstance(value, str)):
            continue
        if key in ("additionalProperties", "items") and value == _TEXT:
            out[key] = _NUMBER  # an editor reads 28 as a number, the loader as the text that stands there
        elif key == "properties":
            out[key] = {name: _resolve(item) for name, item in value.items()}
        elif key == "anyOf":
            kept = [_resolve(item) for item in value if item != {"type": "null"}]
            out.update(kept[0] if len(kept) == 1 else {key: kept})
        else:
            out[key] = _resolve(value)
    return out


def _model(model: type[Node], definitions: dict[str, Any]) -> dict[str, Any]:
    made = _resolve(model.model_json_schema(by_alias=True, schema_generator=_Generator, mode="validation"))
    definitions.update(made.pop("$defs", {}))
    return made


def _checks(definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """Kernel → its check and its amounts, as conditions on a rule."""
    out = []
    for kernel, amounts in AMOUNTS.items():
        forms = FORMS.get(kernel)
        if forms is None:
            check = _model(KERNEL_MODELS[kernel], definitions)
        else:
            check = {"oneOf": [_model(model, definitions) for model in forms.values()]}
        then = {"properties": {"check": check, "amount": {"enum": list(amounts)}}}
        out.append({"if": {"properties": {"kernel": {"const": kernel}}, "required": ["kernel"]}, "then": then})
    return out


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of one rule document."""
    definitions: dict[str, Any] = {}
    for part in (
        AgeTest,
        ChangeTest,
        CodeList,
        Codes,
        ColumnMap,
        Example,
        FactorOf,
        FixedTest,
        Items,
        MainDiagnosis,
        PeerTest,
        TableModel,
        Trigger,
    ):
        definitions[part.__name__] = _model(part, definitions)
    rule = _model(RuleModel, definitions)
    rule["allOf"] = _checks(definitions)
    off = _object({"id": _TEXT, "disable": _TEXT}, ("id", "disable"))
    head = _model(DocumentModel, definitions)
    head["properties"] |= {
        "lists": {"type": "object", "additionalProperties": _ref("CodeList")},
        "tables": {"type": "object", "additionalProperties": _ref("TableModel")},
        "rules": {"type": "array", "items": _ref("rule")},
    }
    definitions |= {**_definitions(), "rule": {"if": {"required": ["disable"]}, "then": off, "else": rule}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "ybcore rule document, format ybcore-rules/1",
        **head,
        "$defs": dict(sorted(definitions.items())),
    }
