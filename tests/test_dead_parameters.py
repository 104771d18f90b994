"""No figure of a shipped policy is dead: nudge any one, and some row of a population made to reach it changes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from compare import TABLES
from generate.aimed import aimed
from generate.tables import arrow
from ybcore.catalog import Catalog
from ybcore.engine import Engine
from ybcore.errors import DocumentError
from ybcore.policy import Book, Policy, load_book, load_policy
from ybcore.policy.inventory import FigureLeaf

ROOT = Path(__file__).resolve().parent.parent / "data" / "policies"
FOLDERS = sorted(path for path in ROOT.iterdir() if path.is_dir()) if ROOT.is_dir() else []

#: Figures that no visit can move, each with its reason: (document, path) → reason.
UNREACHABLE = {
    (
        "beijing-employee-2023",
        "plans[0].layers[0].deductible.amount",
    ): "the admission list names the standard of every admission",
}


def filled(policy: Policy) -> Policy:
    """The policy with a code of its own in every set that it leaves for the user to fill."""
    doc = copy.deepcopy(policy.doc)
    for number, (name, codes) in enumerate(doc.get("sets", {}).items()):
        doc["sets"][name] = codes or [f"Z{number:02d}"]
    return load_policy(doc)


def nudges(leaf: FigureLeaf) -> list[str]:
    """Other values for one figure: one step up, one step down; a clear step first."""
    if leaf.unit == "text":
        return [f"{leaf.text}x"]
    if leaf.unit == "ppm":
        ppm = int(leaf.value)
        values = [ppm - 10_000, ppm + 10_000, ppm - 100, ppm + 100]
        return [f"{'-' if v < 0 else ''}{abs(v) // 10**6}.{abs(v) % 10**6:06d}" for v in values]
    scale = {"fen": 1, "jiao": 10, "yuan": 100, "wan": 1_000_000}[leaf.written_in or "yuan"]
    digits = len(str(scale)) - 1
    values = [int(leaf.value) + step for step in (5_000, -5_000, 100, -100)]
    return [f"{v // scale}" + (f".{v % scale:0{digits}d}" if digits else "") for v in values if v >= 0]


class Runner:
    """The tables of one book as Arrow, settled under changed policies."""

    def __init__(self, book: Book, seed: int, visits: int) -> None:
        tables = aimed(seed, [policy.doc for policy in book], visits)
        self.catalog = Catalog(**{name: arrow(name, rows) for name, rows in tables["catalog"].items()})
        self.tables = {name: arrow(name, tables[name]) for name in TABLES if tables.get(name) is not None}

    def rows(self, policies: list[Any]) -> Any:
        return Engine(Book(policies), self.catalog, threads=1).settle(**self.tables, closing_state=False).visits


def changed(runner: Runner, policies: list[Any], at: int, leaf: FigureLeaf, before: Any) -> bool:
    """Whether some nudge of this figure changes some row."""
    for text in nudges(leaf):
        try:
            other = policies[at].with_figure(leaf.raw_path, text)
            after = runner.rows([*policies[:at], other, *policies[at + 1 :]])
        except DocumentError:
            continue
        if not after.equals(before):
            return True
    return False


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_every_figure_matters(folder: Path):
    policies = [filled(policy) for policy in load_book(folder)]
    book = Book(policies)
    todo = [(at, leaf) for at, policy in enumerate(policies) for leaf in policy.figures()]
    todo = [(at, leaf) for at, leaf in todo if (policies[at].id, leaf.path) not in UNREACHABLE]
    for seed, visits in ((1, 1500), (2, 6000), (3, 20000)):
        runner = Runner(book, seed, visits)
        before = runner.rows(policies)
        todo = [(at, leaf) for at, leaf in todo if not changed(runner, policies, at, leaf, before)]
        if not todo:
            return
    dead = [f"{policies[at].id}: {leaf.path} = {leaf.text}" for at, leaf in todo]
    pytest.fail(f"{len(dead)} figures that no row depends on:\n" + "\n".join(dead))


def test_there_are_policies():
    assert len(FOLDERS) >= 10
