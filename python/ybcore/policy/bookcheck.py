"""Rules between the documents of a book."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from ybcore.errors import Problem

from .numbers import date_text
from .paths import RawPath, path_text

if TYPE_CHECKING:
    from .book import Policy

__all__ = ["check_book"]


def check_book(policies: list[Policy]) -> list[Problem]:
    """Every problem between the documents; `policies` ordered by scheme id and effective date."""
    out: list[Problem] = []
    out.extend(_ids(policies))
    out.extend(_agreement(policies))
    schemes: dict[str, list[Policy]] = {}
    for policy in policies:
        schemes.setdefault(policy.scheme.id, []).append(policy)
    for rows in schemes.values():
        out.extend(_dates(rows))
        out.extend(_same_scheme(rows))
    out.extend(_coverage(policies))
    return out


def _problem(policy: Policy, path: RawPath, en: str, zh: str) -> Problem:
    mark = policy._parsed.mark(path)
    line, column = mark if mark is not None else (None, None)
    return Problem(file=policy.file, line=line, column=column, path=path_text(path), what=en, what_zh=zh)


def _ids(policies: list[Policy]) -> Iterator[Problem]:
    first: dict[str, Policy] = {}
    for policy in policies:
        other = first.setdefault(policy.id, policy)
        if other is not policy:
            yield _problem(
                policy,
                ("id",),
                f"id {policy.id!r} is also that of {other.file}",
                f"id {policy.id!r} 与 {other.file} 相同",
            )


def _agreement(policies: list[Policy]) -> Iterator[Problem]:
    """All documents agree on dates.policy and dates.order, and on the table of a declared attribute."""
    tables: dict[str, tuple[str, Policy]] = {}
    for policy in policies:
        for name in ("policy", "order"):
            ours, theirs = getattr(policy.model.dates, name), getattr(policies[0].model.dates, name)
            if ours != theirs:
                yield _problem(
                    policy,
                    ("dates", name),
                    f"dates.{name} is {ours}; {policies[0].id!r} says {theirs}; a book has one",
                    f"dates.{name} 为 {ours}，而 {policies[0].id!r} 为 {theirs}；一册只能有一个",
                )
        for name, declared in policy.model.attributes.items():
            table, other = tables.setdefault(name, (declared.table, policy))
            if table != declared.table:
                yield _problem(
                    policy,
                    ("attributes", name, "table"),
                    f"attribute {name!r} is in table {declared.table}; {other.id!r} says {table}",
                    f"属性 {name!r} 在表 {declared.table}，而 {other.id!r} 为 {table}",
                )


def _dates(rows: list[Policy]) -> Iterator[Problem]:
    """Within one scheme, by date: neither gaps nor overlaps."""
    for before, after in pairwise(rows):
        end, start = before.effective[1], after.effective[0]
        if end is None or end > start:
            until = "open" if end is None else date_text(end)
            yield _problem(
                after,
                ("effective", "from"),
                f"overlaps {before.id!r}, which holds to {until}; this one begins {date_text(start)}",
                f"与 {before.id!r} 重叠：其有效至 {until}，本文件自 {date_text(start)} 起",
            )
        elif end < start:
            yield _problem(
                after,
                ("effective", "from"),
                f"a gap from {date_text(end)} to {date_text(start)} after {before.id!r}",
                f"{before.id!r} 之后自 {date_text(end)} 至 {date_text(start)} 有空档",
            )


def _same_scheme(rows: list[Policy]) -> Iterator[Problem]:
    first = rows[0]
    counters = {name: (counter, first) for name, counter in first.model.counters.items()}
    for policy in rows[1:]:
        if policy.scheme.region != first.scheme.region:
            yield _problem(
                policy,
                ("scheme", "region"),
                f"region {policy.scheme.region!r}; {first.id!r} of the same scheme says {first.scheme.region!r}",
                f"region {policy.scheme.region!r}，同一制度的 {first.id!r} 为 {first.scheme.region!r}",
            )
        if set(policy.scheme.insutype) != set(first.scheme.insutype):
            yield _problem(
                policy,
                ("scheme", "insutype"),
                f"insutype {list(policy.scheme.insutype)}; {first.id!r} says {list(first.scheme.insutype)}",
                f"insutype {list(policy.scheme.insutype)}，{first.id!r} 为 {list(first.scheme.insutype)}",
            )
        for name, counter in policy.model.counters.items():
            known, other = counters.setdefault(name, (counter, policy))
            for key in ("period", "scope"):
                ours, theirs = getattr(counter, key), getattr(known, key)
                if ours != theirs:
                    yield _problem(
                        policy,
                        ("counters", name, key),
                        f"counter {name!r} has {key} {ours}; {other.id!r} says {theirs}",
                        f"累计 {name!r} 的 {key} 为 {ours}，而 {other.id!r} 为 {theirs}",
                    )


def _overlap(one: str, two: str) -> bool:
    """Whether some code starts with both prefixes (`*`: any)."""
    one, two = one.replace("*", ""), two.replace("*", "")
    return one.startswith(two) or two.startswith(one)


def _coverage(policies: list[Policy]) -> Iterator[Problem]:
    """Two schemes must not both cover one insutype, place and day."""
    told: set[tuple[str, str]] = set()
    for index, ours in enumerate(policies):
        for theirs in policies[:index]:
            pair = (theirs.scheme.id, ours.scheme.id)
            if pair[0] == pair[1] or pair in told:
                continue
            types = [
                code for code in ours.scheme.insutype if any(_overlap(code, other) for other in theirs.scheme.insutype)
            ]
            start = max(ours.effective[0], theirs.effective[0])
            ends = [end for end in (ours.effective[1], theirs.effective[1]) if end is not None]
            if types and _overlap(ours.scheme.region, theirs.scheme.region) and (not ends or start < min(ends)):
                told.add(pair)
                yield _problem(
                    ours,
                    ("scheme",),
                    f"schemes {pair[1]!r} and {pair[0]!r} ({theirs.id}) both cover insutype {types[0]} from "
                    f"{date_text(start)}",
                    f"制度 {pair[1]!r} 与 {pair[0]!r}（{theirs.id}）自 {date_text(start)} 起都覆盖险种 {types[0]}",
                )
