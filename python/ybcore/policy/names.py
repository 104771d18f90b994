"""The names one document declares, gathered from the raw document before anything is validated.

References (to sets, attributes, counters, layers, ...) can then be judged where they stand, with the nearest
valid name. Wrongly shaped declarations are simply not names here; their own validation tells what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationInfo

from .vocabulary import ATTRIBUTES, BUCKETS, NUMERIC_FIELDS, TAG_BUCKETS, Attribute

__all__ = ["Names", "names_in", "names_of"]


@dataclass(frozen=True)
class Names:
    """Everything that can be referred to inside one document."""

    sets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    attributes: dict[str, Attribute] = field(default_factory=lambda: dict(ATTRIBUTES))
    references: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()

    @property
    def buckets(self) -> tuple[str, ...]:
        """Plain buckets, then those of each tag in order."""
        return BUCKETS + tuple(f"{tag}.{bucket}" for tag in self.tags for bucket in TAG_BUCKETS)

    @property
    def fields(self) -> tuple[str, ...]:
        """Numeric fields that `compute` may read."""
        declared = (a.name for a in self.attributes.values() if a.declared and a.match == "number")
        return (*NUMERIC_FIELDS, *declared)


def _mapping(raw: Any, name: str) -> dict[str, Any]:
    value = raw.get(name) if isinstance(raw, dict) else None
    return value if isinstance(value, dict) else {}


def _rows(raw: Any, name: str) -> list[Any]:
    value = raw.get(name) if isinstance(raw, dict) else None
    return value if isinstance(value, list) else []


def _declared(raw: Any) -> dict[str, Attribute]:
    out = {}
    for name, row in _mapping(raw, "attributes").items():
        if name in ATTRIBUTES or not isinstance(row, dict):
            continue
        match = row.get("match", "exact")
        out[name] = Attribute(
            name,
            match if match in ("exact", "prefix", "number") else "exact",
            (str(row.get("table", "visits")),),
            default=str(row.get("default", "")),
            declared=True,
        )
    return out


def names_of(raw: Any) -> Names:
    """The names declared by a raw document (any shape: what cannot be read is left out)."""
    sets = {
        str(name): tuple(str(code) for code in codes if isinstance(code, str))
        for name, codes in _mapping(raw, "sets").items()
        if isinstance(codes, list)
    }
    shared = tuple(str(name) for name in _mapping(raw, "layers"))
    layers = list(shared)
    plans = []
    for plan in _rows(raw, "plans"):
        if isinstance(plan, dict) and isinstance(plan.get("id"), str):
            plans.append(str(plan["id"]))
        for layer in _rows(plan, "layers"):
            if isinstance(layer, dict) and isinstance(layer.get("id"), str):
                layers.append(str(layer["id"]))
    return Names(
        sets=sets,
        attributes={**ATTRIBUTES, **_declared(raw)},
        references=tuple(str(name) for name in _mapping(raw, "references")),
        counters=tuple(str(name) for name in _mapping(raw, "counters")),
        tags=tuple(str(tag) for tag in _rows(raw, "tags") if isinstance(tag, str)),
        shared=shared,
        layers=tuple(dict.fromkeys(layers)),
        plans=tuple(plans),
    )


def names_in(info: ValidationInfo) -> Names:
    """The names of the document under validation; without a document only the built-in ones."""
    return info.context if isinstance(info.context, Names) else Names()
