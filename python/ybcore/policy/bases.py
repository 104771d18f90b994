"""Document models of a layer's base: buckets, whole or in part, or what earlier ceilings cut."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema

from .faults import Fault, fail, unknown
from .fields import Bucket, LayerName, Node, Word
from .figurefields import Share
from .names import names_in

__all__ = ["IN_SCOPE", "BaseComputed", "BasePart", "LayerBase"]


class BasePart(Node):
    """One bucket of a base, whole (`part` absent) or in part."""

    bucket: Bucket
    part: Share | None = None


class BaseComputed(Node):
    """What the ceilings of an earlier layer cut, limited to what the buckets in `from` hold."""

    of: Annotated[Literal["cut_fund", "cut_expense"], Word("基数")]
    layer: LayerName
    buckets: tuple[Bucket, ...] = Field(validation_alias="from", min_length=1)


def _part(raw: Any, info: ValidationInfo) -> BasePart:
    """A bare bucket name, or `{bucket, part}`."""
    if isinstance(raw, dict):
        return BasePart.model_validate(raw, context=info.context)
    if raw not in names_in(info).buckets:
        fail(unknown("bucket", "负担桶", str(raw), names_in(info).buckets))
    return BasePart.model_construct(bucket=str(raw), part=None)


class _Parts(Node):
    """The list form of a base (internal: a location step that starts with ~ is not shown)."""

    rows: tuple[Annotated[BasePart, PlainValidator(_part)], ...] = Field(validation_alias="~rows")


def _base(raw: Any, info: ValidationInfo) -> tuple[BasePart, ...] | BaseComputed:
    if isinstance(raw, dict):
        return BaseComputed.model_validate(raw, context=info.context)
    if not isinstance(raw, list) or not raw:
        fail(Fault("expected a list of buckets or {of, layer, from}", "应为负担桶列表或 {of, layer, from}"))
    return _Parts.model_validate({"~rows": raw}, context=info.context).rows


IN_SCOPE = (BasePart.model_construct(bucket="in_scope", part=None),)
"""The default base."""

LayerBase = Annotated[tuple[BasePart, ...] | BaseComputed, PlainValidator(_base), WithJsonSchema({"x-ref": "base"})]
