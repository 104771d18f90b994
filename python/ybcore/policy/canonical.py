"""The canonical form of a policy: one stable JSON text, so that equal meaning gives equal bytes and one hash.

Every default is explicit, figures are in fen and ppm, dates in days, `use` is followed, keys are
sorted; names, sets and cites are kept. Order is kept only where it means something (lists).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel

from .models import PolicyModel

__all__ = ["canonical_bytes", "canonical_value", "plain_value", "sha256_of"]


def canonical_value(model: PolicyModel) -> dict[str, Any]:
    """The canonical form as nested dict, list, str, int, bool, None. No floats."""
    value: dict[str, Any] = plain_value(model)
    value["grid"] = model.grid
    return value


_ABOUT = ("cite", "source", "note")


def plain_value(node: Any) -> Any:
    """A model as plain values under the names of the document; internal fields and empty notes are left out."""
    if isinstance(node, BaseModel):
        out = {}
        for name, field in type(node).model_fields.items():
            value = getattr(node, name)
            if field.exclude or (name in _ABOUT and not value):
                continue
            out[str(field.validation_alias or name)] = plain_value(value)
        return out
    if isinstance(node, dict):
        return {str(key): plain_value(value) for key, value in node.items()}
    if isinstance(node, (tuple, list)):
        return [plain_value(item) for item in node]
    return node


def canonical_bytes(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys and no spaces; refuses floats."""
    _refuse_floats(value)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8")


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError(f"a binary float in a canonical form: {value!r}")
    if isinstance(value, dict):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _refuse_floats(item)


def sha256_of(data: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()
