"""What a document asks of a visit, found once for each document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from ..book import Policy
from ..conditions import Test
from ..figures import Compute, Dated, FromAge, Table

__all__ = ["Asks", "asks_of"]


@dataclass
class Asks:
    """Tests by attribute, attributes whose values matter whole, ages and days on which something changes, numeric fields of computed
    amounts, and the scopes by which some rule counts."""

    tests: dict[str, list[Test]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    ages: set[int] = field(default_factory=set)
    dates: set[int] = field(default_factory=set)
    fields: list[str] = field(default_factory=list)
    scopes: set[str] = field(default_factory=set)


def asks_of(policy: Policy) -> Asks:
    """Kept with the document, which never changes."""
    kept = vars(policy)
    if "_asks" not in kept:
        kept["_asks"] = _asks(policy)
    held: Asks = kept["_asks"]
    return held


def _asks(policy: Policy) -> Asks:
    start, end = policy.effective
    out = Asks(dates={start} | ({end} if end is not None else set()))
    for node in _nodes(policy.model):
        scope = getattr(node, "scope", None)
        if isinstance(scope, str):
            out.scopes.add(scope)
        if isinstance(node, Test):
            out.tests.setdefault(node.attribute, []).append(node)
        elif isinstance(node, Table):
            out.tests.setdefault(node.by, [])
        elif isinstance(node, Dated):
            out.dates |= {row.start for row in node.rows}
        elif isinstance(node, FromAge):
            out.tests.setdefault("age", [])
            out.ages |= set(range(201))
        elif isinstance(node, Compute):
            wanted = [node.of_field] if node.of_field else []
            wanted += [node.plus.count] if node.plus is not None else []
            out.fields += [name for name in wanted if name not in out.fields]
    for counter in policy.model.counters.values():
        if counter.scope.startswith("attribute:"):
            name = counter.scope.partition(":")[2]
            out.tests.setdefault(name, [])
            out.whole.add(name)
    return out


def _nodes(value: Any) -> Iterator[Any]:
    """Every model node below a value, itself included."""
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from _nodes(getattr(value, name))
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _nodes(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _nodes(item)
