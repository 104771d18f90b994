"""Policies and books: immutable, hashed, checked.

A `Policy` is one document; a `Book` several, of one or more schemes, without gaps and overlaps.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Union

from pydantic import ValidationError

from ybcore.errors import DocumentError, Problem

from .bookcheck import check_book
from .canonical import canonical_value, sha256_of
from .checks import check
from .document import Document, load_each, parsed_from
from .faults import Fault, Faults, problem_at, problems_of
from .layers import UseLayer
from .models import PolicyModel
from .names import names_of
from .paths import Text, with_places
from .reach import check_reach
from .reader import Parsed
from .salvage import salvage

__all__ = ["Book", "Policy", "PolicySource", "load_book", "load_policy"]

PolicySource = Union[str, bytes, "os.PathLike[str]", dict[str, Any], "Policy"]
"""A path, the text of a document (it has a line break), a raw document, or a Policy."""


class Policy(Document[PolicyModel]):
    """One policy document: validated, normalised (`use` followed, `feeds` explicit), immutable. Prefer `load_policy`."""

    def _build(self, parsed: Parsed) -> PolicyModel:
        return _build(parsed)

    def _canonical_value(self) -> Any:
        return canonical_value(self._model)


def _build(parsed: Parsed) -> PolicyModel:
    """Validate and normalise; every problem at once."""
    raw = with_places(parsed.doc)
    names = names_of(parsed.doc)
    faults = Faults()
    _name_shared(raw, faults)
    problems: list[Problem] = []
    model: PolicyModel | None = None
    try:
        model = PolicyModel.model_validate(raw, context=names)
    except ValidationError as error:
        problems.extend(problems_of(error, parsed))
        partial, replaced_paths = salvage(raw, names, error)
        if partial is not None:
            echoes = Faults()
            check(partial, echoes, whole=False)
            for loc, fault in echoes.found:
                if not any(loc[: len(path)] == path for path in replaced_paths):
                    faults.add(loc, fault)
    if model is not None:
        check(model, faults)
        check_reach(model, names, faults)
    problems.extend(problem_at(parsed, loc, fault) for loc, fault in faults.found)
    if problems or model is None:
        unique = dict.fromkeys(problems)
        raise DocumentError(sorted(unique, key=lambda p: (p.line or 0, p.column or 0)))
    return _follow(model)


def _name_shared(raw: Any, faults: Faults) -> None:
    """The key of a shared layer is its id."""
    shared = raw.get("layers")
    if not isinstance(shared, dict):
        return
    for name, layer in shared.items():
        if not isinstance(layer, dict):
            continue
        if "id" in layer and layer["id"] != name:
            faults.add(
                ("layers", name, "id"),
                Fault(f"the id of a shared layer is its key {name!r}", f"共享层的 id 即其键 {name!r}"),
            )
        text = Text(name)
        text.path = ("layers", name)
        layer["id"] = text


def _follow(model: PolicyModel) -> PolicyModel:
    """`use` replaced by the layer, `feeds` made explicit."""
    plans = []
    for plan in model.plans:
        layers = tuple(model.layers[item.use] if isinstance(item, UseLayer) else item for item in plan.layers)
        feeds = plan.feeds
        if feeds is None:
            feeds = () if plan.benefit == "none" else tuple(model.counters)
        plans.append(plan.model_copy(update={"layers": layers, "feeds": feeds}))
    return model.model_copy(update={"plans": tuple(plans)})


def load_policy(source: PolicySource) -> Policy:
    """One policy from a path, a text, a raw document or a Policy.

    A str with a line break is the text of a document, any other str a path. Raises DocumentError, OSError.
    """
    if isinstance(source, Policy):
        return source
    return Policy(parsed_from(source))


class Book:
    """Policies of one or more schemes; no gaps, no overlaps; immutable, hashed over its policies."""

    __slots__ = ("_policies", "_sha")

    def __init__(self, policies: Iterable[Policy]) -> None:
        """Checks the policies against each other. Raises DocumentError with every problem."""
        ordered = sorted(policies, key=lambda p: (p.scheme.id, p.effective[0], p.id))
        problems = check_book(ordered)
        if problems:
            raise DocumentError(problems)
        self._policies = tuple(ordered)
        self._sha = sha256_of("\n".join(policy.sha256 for policy in ordered).encode())

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Ordered by scheme id, effective date, id."""
        return self._policies

    @property
    def sha256(self) -> str:
        """Hash over the policies' hashes."""
        return self._sha

    def schemes(self) -> dict[str, tuple[Policy, ...]]:
        """Scheme id → its policies by date."""
        out: dict[str, list[Policy]] = {}
        for policy in self._policies:
            out.setdefault(policy.scheme.id, []).append(policy)
        return {name: tuple(rows) for name, rows in out.items()}

    def find(self, insutype: str, region: str, day: int) -> Policy | None:
        """The policy that holds for an insutype, an insuplc_admdvs and a policy date, or None (`no_policy`)."""
        return next((policy for policy in self._policies if policy.holds(insutype, region, day)), None)

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(self, "_sha"):
            raise AttributeError(f"a Book is immutable; cannot set {name!r}")
        object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self._policies)

    def __iter__(self) -> Iterator[Policy]:
        return iter(self._policies)

    def __getitem__(self, policy_id: str) -> Policy:
        for policy in self._policies:
            if policy.id == policy_id:
                return policy
        raise KeyError(policy_id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Book) and self._sha == other._sha

    def __hash__(self) -> int:
        return hash(self._sha)

    def __repr__(self) -> str:
        return f"Book({[policy.id for policy in self._policies]}, sha256={self._sha[:12]})"

    def __reduce__(self) -> tuple[Callable[..., Book], tuple[tuple[Policy, ...]]]:
        return Book, (self._policies,)


BookSource = Union[PolicySource, Book, Iterable[PolicySource]]  # noqa: UP007


def load_book(source: BookSource) -> Book:
    """A book from a path, a folder (its *.yaml, *.yml), a text, a Policy, or an iterable of these.

    Problems of every document are told together. Raises DocumentError, OSError.
    """
    if isinstance(source, Book):
        return source
    policies, problems = load_each(source, load_policy)
    if not policies and not problems:
        problems.append(Problem(what="a book without policies", what_zh="政策册中没有政策"))
    if problems:
        raise DocumentError(problems)
    return Book(policies)
