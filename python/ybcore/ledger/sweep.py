"""Which rounding profile and order rule explain an external ledger best: variants settled one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import DocumentError, InputError, Problem
from ..messages import ORDERS as ORDER_WORDS
from ..messages import yuan_text
from ..policy.faults import nearest
from .reconcile import Matched, matched
from .reconcile_causes import profiles as near_profiles
from .reconcile_causes import rules_at
from .run import Run
from .variants import MODES, ORDERS, PLACES, Variant, order_of, settled

__all__ = ["Sweep", "sweep"]

Score = tuple[int, int, int]  # visits that differ, money, places changed

_SHOWN = 3  # variants as good as the first that are named


@dataclass(frozen=True)
class Sweep:
    """Variants, best first (docs/reconcile.md section 3). `best`: those that explain the ledger equally well."""

    variants: pa.Table
    refused: tuple[str, ...]

    @property
    def best(self) -> list[dict[str, Any]]:
        """The first, and those that are as good."""
        rows: list[dict[str, Any]] = self.variants.to_pylist()
        return [row for row in rows if (row["equal"], row["money"]) == (rows[0]["equal"], rows[0]["money"])]

    def text(self, lang: str = "zh", most: int = 10) -> str:
        """The best variants for people, `zh` or `en`."""
        if lang not in ("zh", "en"):
            raise ValueError(f"lang must be one of zh, en, not {lang!r}")
        zh, out = lang == "zh", []
        rows = self.variants.to_pylist()
        for row in [row for i, row in enumerate(rows) if not i or row["rank"] != rows[i - 1]["rank"]][:most]:
            money = yuan_text(row["money"])
            others = [_named(one, zh) for one in rows if one["rank"] == row["rank"]][1:]
            shown = ("；" if zh else "; ").join(others[:_SHOWN]) + (" …" if len(others) > _SHOWN else "")
            if zh:
                tie = f"（另有 {len(others)} 个方案并列：{shown}）" if others else ""
                out.append(f"{row['rank']}. {_named(row, zh)}：{row['equal']}/{row['of']} 笔逐分相同，其余绝对差 {money} 元{tie}")  # fmt: skip
            else:
                tie = f" ({len(others)} more as good: {shown})" if others else ""
                out.append(f"{row['rank']}. {_named(row, zh)}: {row['equal']}/{row['of']} equal to the fen, {money} yuan apart in the rest{tie}")  # fmt: skip
        return "\n".join(out)


def _named(row: Mapping[str, Any], zh: bool) -> str:
    """A variant in words."""
    if not zh:
        return f"order {row['order']}, rounding {row['profile']}"
    profile = "同政策文件" if row["profile"] == "as documented" else row["profile"]
    return f"次序 {ORDER_WORDS[row['order']][0]}，取整 {profile}"


def sweep(
    external: Any,
    run: Run,
    columns: Mapping[str, str] | None = None,
    key: str = "setl_id",
    unit: str = "yuan",
    profiles: Iterable[Mapping[str, Any]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Sweep:
    """Settle variants of the run and rank them by how many visits of the ledger they give to the fen.

    `profiles`: rounding profiles to try under both order rules; default a search. `progress(done, whole)` hears of variants. The rest as in `reconcile`. Raises InputError with
    everything that is wrong with the ledger or a profile.
    """
    asked = None if profiles is None else [dict(profile) for profile in profiles]
    _checked(asked or [])
    trial = _Trial(run, matched(external, run, columns, key, unit), progress)
    if asked is not None:
        trial.whole = len(_orders(run)) * len(asked)
        for order in _orders(run):
            for profile in asked:
                trial.score(profile, order)
        return trial.told()
    wide = [{}, *near_profiles()[: 2 * len(MODES)]]
    steps = sum(len(rules_at(place)) for place in PLACES)
    trial.whole = len(_orders(run)) * len(wide) + steps
    for order in _orders(run):
        for profile in wide:
            trial.score(profile, order)
    while trial.scores:
        before, profile, order = trial.best()
        for place in PLACES:
            for rule in rules_at(place):
                trial.score({**profile, **rule}, order)
        if trial.best()[0][:2] >= before[:2]:
            break
        trial.whole += steps
    return trial.told()


def _orders(run: Run) -> list[str]:
    own = order_of(run.engine)
    return [own, *(rule for rule in ORDERS if rule != own)]


def _checked(profiles: list[dict[str, Any]]) -> None:
    """Raises InputError for places that there are not; wrong units and modes are the documents' to refuse."""
    known = ("mode", *PLACES)
    problems = [
        Problem(what=f"no rounding place {place!r}", what_zh=f"没有取整位置 {place!r}", path=f"profiles[{i}]", nearest=nearest(str(place), known), expected=", ".join(known))
        for i, profile in enumerate(profiles)
        for place in profile
        if place not in known
    ]  # fmt: skip
    if problems:
        raise InputError(problems)


class _Trial:
    """Scores of the variants that were settled, in the order in which they were tried."""

    def __init__(self, run: Run, pairs: Matched, progress: Callable[[int, int], None] | None) -> None:
        self.run, self.pairs, self.progress = run, pairs, progress
        self.done = self.whole = 0
        self.scores: dict[tuple[str, str], tuple[Score, dict[str, Any], str]] = {}
        self.refused: dict[str, None] = {}

    def score(self, profile: dict[str, Any], order: str) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.whole)
        variant = Variant(profile, order)
        name = (order, str(variant))
        if name in self.scores or str(variant) in self.refused:
            return
        try:
            visits = settled(self.run, variant, list(self.pairs.outside.fen))
        except DocumentError:
            self.refused[str(variant)] = None
            return
        diff, _ = self.pairs.differences(visits)
        apart = int(np.count_nonzero((diff != 0).any(axis=0)))
        changes = len(profile) + (order != order_of(self.run.engine))
        self.scores[name] = ((apart, int(np.abs(diff).sum()), changes), profile, order)

    def best(self) -> tuple[Score, dict[str, Any], str]:
        return min(self.scores.values(), key=lambda one: one[0])

    def told(self) -> Sweep:
        of = len(self.pairs.ours)
        ranked = sorted(self.scores.items(), key=lambda item: item[1][0])
        alike = [found[0][:2] for _, found in ranked]
        rows = [
            {
                "rank": alike.index((apart, money)) + 1, "order": order, "profile": words, "changes": changes,
                "equal": of - apart, "of": of, "money": money, "tie": alike.count((apart, money)) > 1,
            }
            for (order, words), ((apart, money, changes), _, _) in ranked
        ]  # fmt: skip
        texts = [(name, pa.string()) for name in ("order", "profile")]
        numbers = [(name, pa.int64()) for name in ("changes", "equal", "of", "money")]
        schema = pa.schema([("rank", pa.int64()), *texts, *numbers, ("tie", pa.bool_())])
        return Sweep(pa.Table.from_pylist(rows, schema=schema), tuple(self.refused))
