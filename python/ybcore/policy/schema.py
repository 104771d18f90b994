"""The JSON Schema of the policy language, for editors and other tools.

It says shapes and words; what only the checker can say (references, order of edges, reachability) it leaves out.
Published as `data/schema/ybcore-policy-1.schema.json`; `ybcore.schemas` makes that file.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from .models import PolicyModel
from .numbers import MONEY_UNITS
from .vocabulary import SCOPES

__all__ = [
    "SCHEMA_ID",
    "Generator",
    "json_schema",
    "resolve",
    "written_figures",
]

SCHEMA_ID = "urn:ybcore:policy:1"

_TEXT: dict[str, Any] = {"type": "string"}
_SCALAR: dict[str, Any] = {"type": ["string", "number"]}
_WHOLE: dict[str, Any] = {"type": ["string", "integer"], "pattern": "^-?[0-9]+$"}
_DATE: dict[str, Any] = {"type": "string", "format": "date"}
_MODES = ["half_up", "half_even", "down", "up"]
_PLACES = ["fen", "jiao", "yuan", "exact"]
_MONEY = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"
_RATE = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?%?$"


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _object(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _figure(dim: str, by_counter: bool = False, written: str = "") -> dict[str, Any]:
    """One dimension of figures. A cell is a figure again. `written`: the name of money that is not computed."""
    me = _ref(written or (f"{dim}_by_counter" if by_counter else dim))
    pattern = {"text": None, "money": _MONEY, "signed_money": _MONEY}.get(dim, _RATE)
    scalar = dict(_TEXT) if pattern is None else {"type": ["string", "number"], "pattern": pattern}
    about: dict[str, Any] = {"cite": _TEXT, "source": _TEXT, "note": _TEXT}
    money = dim in ("money", "signed_money")
    if money:
        about["unit"] = {"enum": list(MONEY_UNITS)}
    table = {
        "type": "object",
        "properties": {"by": _TEXT},
        "required": ["by"],
        "minProperties": 2,
        "additionalProperties": me,
    }
    row = _object({"from": _DATE, "value": me, **about}, ("from", "value"))
    dated = _object({"dated": {"type": "array", "items": row, "minItems": 1}}, ("dated",))
    forms = [scalar, _object({"value": {"anyOf": [scalar, table, dated]}, **about}, ("value",)), table, dated]
    if dim in ("share", "factor", "points"):
        names = ("start", "per_year", "min", "max")
        ages = {**dict.fromkeys(names, _SCALAR), "from": _WHOLE, "every": _WHOLE}
        forms.append(_object({"from_age": _object(ages, ("start", "per_year"))}, ("from_age",)))
    if money and not written:
        forms.append(_object({"compute": _ref("compute")}, ("compute",)))
    if by_counter:
        edge = {"anyOf": [{"const": "open"}, {"type": ["string", "number"], "pattern": _MONEY}]}
        counted = _object({"upto": edge, "value": _ref(dim)}, ("upto", "value"))
        rows = {"type": "array", "items": counted, "minItems": 1}
        forms.append(_object({"by_counter": _TEXT, "rows": rows}, ("by_counter", "rows")))
    return {"anyOf": forms}


def _round(places: list[str]) -> dict[str, Any]:
    return _object({"to": {"enum": places}, "mode": {"enum": _MODES}})


def _compute() -> dict[str, Any]:
    signed = _ref("signed_money")
    of = {"anyOf": [_TEXT, _object({"reference": _TEXT}, ("reference",)), _object({"amount": signed}, ("amount",))]}
    plus = _object({"step": signed, "count": _TEXT, "beyond": _WHOLE}, ("step", "count"))
    parts = {"base": signed, "factor": _ref("factor"), "of": of, "over": _WHOLE, "plus": plus}
    return _object({**parts, "min": signed, "max": signed, "round": _round(_PLACES[:3])})


def _condition() -> dict[str, Any]:
    bounds = _object({"from": _WHOLE, "below": _WHOLE})
    item = {"anyOf": [_SCALAR, bounds]}
    plain = {"anyOf": [_SCALAR, bounds, {"type": "array", "items": item, "minItems": 1}]}
    negated = _object({"not": plain}, ("not",))
    return {"type": "object", "additionalProperties": {"anyOf": [plain, negated]}}


def _rounding() -> dict[str, Any]:
    place = {"anyOf": [{"enum": _PLACES}, _round(_PLACES)]}
    end = {"anyOf": [{"enum": _PLACES[:3]}, _round(_PLACES[:3])]}
    places = dict.fromkeys(("line", "class", "deductible", "band", "layer"), place)
    return _object({"mode": {"enum": _MODES}, **places, "end": end})


def _base() -> dict[str, Any]:
    part = _object({"bucket": _TEXT, "part": _ref("share")}, ("bucket",))
    buckets = {"type": "array", "items": {"anyOf": [_TEXT, part]}, "minItems": 1}
    texts = {"type": "array", "items": _TEXT, "minItems": 1}
    of = {"enum": ["cut_fund", "cut_expense"]}
    return {"anyOf": [buckets, _object({"of": of, "layer": _TEXT, "from": texts}, ("of", "layer", "from"))]}


def _definitions() -> dict[str, Any]:
    """What the models leave to their own readers."""
    dims = ("money", "signed_money", "share", "factor", "points", "text")
    after = _object({"amount": _ref("money_by_counter"), "repeat": {"const": "visit"}}, ("amount",))
    return {
        **{dim: _figure(dim) for dim in dims},
        "money_by_counter": _figure("money", True),
        "after_rate": {"anyOf": [_ref("money_by_counter"), after]},
        "base": _base(),
        "compute": _compute(),
        "condition": _condition(),
        "counter_scope": {"anyOf": [{"enum": list(SCOPES)}, _object({"attribute": _TEXT}, ("attribute",))]},
        "edge": {"anyOf": [{"const": "open"}, _ref("money")]},
        "not_modelled": {"anyOf": [_TEXT, _object({"what": _TEXT, "when": _ref("condition")}, ("what",))]},
        "ratio": {"anyOf": [{"const": "catalog"}, _ref("share")]},
        "rounding": _rounding(),
    }


def written_figures() -> dict[str, Any]:
    """Definitions of what documents without visits are made of: amounts, shares, factors and conditions."""
    return {
        "amount": _figure("money", written="amount"),
        "condition": _condition(),
        "factor": _figure("factor"),
        "share": _figure("share"),
    }


def resolve(node: Any) -> Any:
    """`x-ref` placeholders of the models into references; defaults (normalised values) and titles left out."""
    if isinstance(node, list):
        return [resolve(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "x-ref" in node:
        return _ref(node["x-ref"])
    out = {}
    for key, value in node.items():
        if key == "default" or (key == "title" and isinstance(value, str)):
            continue
        if key == "properties":
            out[key] = {name: resolve(item) for name, item in value.items()}
        elif key == "anyOf":
            kept = [resolve(item) for item in value if item != {"type": "null"}]
            out.update(kept[0] if len(kept) == 1 else {key: kept})
        elif key == "discriminator":
            continue
        else:
            out[key] = resolve(value)
    return out


class Generator(GenerateJsonSchema):
    """pydantic's generator without defaults: they are normalised values, not what a document would write."""

    def encode_default(self, dft: Any) -> Any:
        return None


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of one policy document."""
    generated = PolicyModel.model_json_schema(by_alias=True, schema_generator=Generator, mode="validation")
    made = resolve(generated)
    definitions = {**made.pop("$defs", {}), **_definitions()}
    _optional_ids(made, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "ybcore policy document, format ybcore-policy/1",
        **made,
        "$defs": dict(sorted(definitions.items())),
    }


def _optional_ids(made: dict[str, Any], definitions: dict[str, Any]) -> None:
    """A layer needs an id in a plan; under `layers:` its key is its id."""
    kinds = [name for name in definitions if name.endswith("Layer") and name != "UseLayer"]
    for name in kinds:
        definitions[name]["required"] = [key for key in definitions[name].get("required", []) if key != "id"]
    plan = definitions["Plan"]["properties"]["layers"]
    named = {"allOf": [{"required": ["id"]}], "anyOf": [_ref(name) for name in kinds]}
    plan["items"] = {"anyOf": [_ref("UseLayer"), named]}
    made["properties"]["layers"]["additionalProperties"] = {"anyOf": [_ref(name) for name in kinds]}
