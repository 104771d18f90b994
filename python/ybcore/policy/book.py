"""Policies and books: immutable, hashed, checked.

A `Policy` is one document; a `Book` several, of one or more schemes, without gaps and overlaps.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Union

from pydantic import ValidationError

from ybcore.errors import DocumentError, Problem

from .bookcheck import check_book
from .canonical import canonical_bytes, canonical_value, sha256_of
from .checks import check
from .faults import Fault, Faults, problem_at, problems_of
from .inventory import FigureLeaf, figures_of, replaced
from .layers import UseLayer
from .models import PolicyModel, Scheme
from .names import names_of
from .paths import RawPath, Text, parse_path, path_text, with_places
from .reach import check_reach
from .reader import Parsed, RawDoc, parse_file, parse_text
from .salvage import salvage

__all__ = ["Book", "Policy", "PolicySource", "load_book", "load_policy"]

PolicySource = Union[str, bytes, "os.PathLike[str]", dict[str, Any], "Policy"]
"""A path, the text of a document (it has a line break), a raw document, or a Policy."""


class Policy:
    """One policy document: validated, normalised, immutable, equal to another with the same canonical form."""

    __slots__ = ("__dict__", "_doc", "_model", "_parsed", "_sha")

    def __init__(self, parsed: Parsed) -> None:
        """Validates `parsed`. Raises DocumentError with every problem. Prefer `load_policy`."""
        self._parsed = parsed
        self._model = _build(parsed)
        self._sha = sha256_of(canonical_bytes(canonical_value(self._model)))

    @property
    def id(self) -> str:
        """The document's id."""
        return self._model.id

    @property
    def scheme(self) -> Scheme:
        """Scheme id, region prefix and insutypes."""
        return self._model.scheme

    @property
    def effective(self) -> tuple[int, int | None]:
        """Days since 1970-01-01, half-open; the end None is open."""
        return self._model.effective.start, self._model.effective.end

    @property
    def model(self) -> PolicyModel:
        """The normalised model (fen, ppm, days; `use` followed, `feeds` explicit)."""
        return self._model

    @property
    def doc(self) -> RawDoc:
        """A copy of the raw document: nested dict, list, str as the YAML reader gave them."""
        return copy.deepcopy(self._parsed.doc)

    @property
    def file(self) -> str:
        """Where the document came from."""
        return self._parsed.file

    @property
    def sha256(self) -> str:
        """Hash of the canonical bytes."""
        return self._sha

    @cached_property
    def _canonical(self) -> bytes:
        return canonical_bytes(canonical_value(self._model))

    def canonical(self) -> bytes:
        """The canonical JSON, UTF-8, stable."""
        return self._canonical

    def line_of(self, path: str | RawPath) -> int | None:
        """The line where the value at a raw path stands."""
        mark = self._parsed.mark(parse_path(path) if isinstance(path, str) else path)
        return mark[0] if mark else None

    def figures(self) -> list[FigureLeaf]:
        """Every figure leaf with path, value, unit, date, cite, source, in document order."""
        return figures_of(self)

    def with_figure(self, path: str | RawPath, value: Any) -> Policy:
        """A new policy with the scalar at `path` replaced. `value`: text as in the document, int, Decimal or
        Fraction. Raises KeyError (no such scalar), TypeError (float) or DocumentError (the result is wrong)."""
        return self.with_figures({path: value})

    def with_figures(self, changes: Mapping[str | RawPath, Any]) -> Policy:
        """The same for several figures at once; only the result must be valid, not the steps between."""
        return Policy(replaced(self._parsed, changes))

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(self, "_sha"):
            raise AttributeError(f"a Policy is immutable; cannot set {name!r}")
        object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self._sha == other._sha

    def __hash__(self) -> int:
        return hash(self._sha)

    def __repr__(self) -> str:
        return f"Policy({self.id!r}, sha256={self._sha[:12]})"

    def __reduce__(self) -> tuple[Callable[..., Policy], tuple[Parsed]]:
        return Policy, (self._parsed,)


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
    if isinstance(source, dict):
        return Policy(_parsed_of(source))
    if isinstance(source, bytes) or (isinstance(source, str) and "\n" in source):
        return Policy(parse_text(source))
    return Policy(parse_file(os.fspath(source)))


def _parsed_of(doc: RawDoc) -> Parsed:
    """A raw document given as nested values: only dict, list and str."""
    problems: list[Problem] = []

    def walk(value: Any, path: RawPath) -> Any:
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {key: walk(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, str):
            return str(value)
        what = f"a raw document holds dict, list and str only, found {type(value).__name__}"
        zh = f"原始文档只含 dict、list、str，实为 {type(value).__name__}"
        problems.append(Problem(file="<document>", path=path_text(path), what=what, what_zh=zh))
        return ""

    copied = walk(doc, ())
    if problems:
        raise DocumentError(problems)
    return Parsed(copied, "<document>", {}, {})


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
        for policy in self._policies:
            start, end = policy.effective
            scheme = policy.scheme
            if (
                start <= day
                and (end is None or day < end)
                and (scheme.region == "*" or region.startswith(scheme.region))
                and any(insutype.startswith(code) for code in scheme.insutype)
            ):
                return policy
        return None

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
    singles: list[PolicySource] = []
    many = [source] if isinstance(source, (str, bytes, os.PathLike, dict, Policy)) else list(source)
    for item in many:
        singles.extend(_expanded(item))
    policies: list[Policy] = []
    problems: list[Problem] = []
    for single in singles:
        try:
            policies.append(load_policy(single))
        except DocumentError as error:
            problems.extend(error.problems)
    if not singles:
        problems.append(Problem(what="a book without policies", what_zh="政策册中没有政策"))
    if problems:
        raise DocumentError(problems)
    return Book(policies)


def _expanded(item: PolicySource) -> list[PolicySource]:
    is_text = isinstance(item, (bytes, dict, Policy)) or (isinstance(item, str) and "\n" in item)
    if not is_text and (folder := Path(os.fspath(item))).is_dir():  # type: ignore[arg-type]
        found = sorted(p for p in folder.rglob("*") if p.suffix in (".yaml", ".yml") and p.is_file())
        if not found:
            what = f"no *.yaml in folder {folder}"
            raise DocumentError([Problem(file=str(folder), what=what, what_zh=f"文件夹 {folder} 中没有 *.yaml")])
        return list(found)
    return [item]
