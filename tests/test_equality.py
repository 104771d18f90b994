"""The kernel against the reference: every column of every row, line, layer and counter, to the fen.

CI settles 100,000 visits under 400 books, `make nightly` two million under 4,000: it is another document that shows a fault, more than
another visit. `YBCORE_EQUALITY_VISITS` asks for any other number, `YBCORE_EQUALITY_SEED` moves to other documents.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from compare import Kernel, by_reference, differences, show, side_of, smallest
from generate.policies import book
from generate.population import population

CHUNKS = 20
VISITS = int(os.environ.get("YBCORE_EQUALITY_VISITS", "100000"))
FIRST_SEED = int(os.environ.get("YBCORE_EQUALITY_SEED", "0"))
A_BOOK, A_LONG_BOOK = 250, 500  # visits
BOOKS = int(os.environ.get("YBCORE_NIGHTLY_BOOKS", "4000"))
THREADS = (1, 2, 7)


def cut(tables: dict[str, Any], documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same tables in two halves of time; rows without a time go first."""
    order = documents[0].get("dates", {}).get("order", "settlement")

    def day(row: dict[str, Any]) -> int:
        at = (row.get("setl_time") or 0) // 86_400
        return row.get("enddate", at) if order == "discharge" else at

    middle = sorted(day(row) for row in tables["visits"])[len(tables["visits"]) // 2]
    halves = [[r for r in tables["visits"] if day(r) < middle], [r for r in tables["visits"] if day(r) >= middle]]
    out = []
    for rows in halves:
        ids = {row.get("setl_id") for row in rows}
        out.append({**tables, "visits": rows, "lines": [line for line in tables["lines"] if line["setl_id"] in ids]})
    return [half for half in out if half["visits"]]


def compare_book(seed: int, visits: int, in_halves: bool) -> None:
    """One book and population on both sides; in every third book all thread counts give the same bytes."""
    documents = book(seed)
    tables = population(seed, documents, persons=max(4, visits // 7), visits=visits)
    kernel = Kernel(documents, tables["catalog"])
    ours = theirs = None
    for part in cut(tables, documents) if in_halves else [tables]:
        ours = by_reference(documents, part, ours.state if ours else None)
        opening = theirs.state if theirs else None
        answers = []
        for threads in THREADS if seed % 3 == 0 else THREADS[:1]:
            kernel.engine.threads = threads
            answers.append(kernel.run(part, opening))
        theirs = side_of(answers[0])
        found = differences(ours, theirs)
        if found:
            # A difference in halves is shown whole: state belongs to it.
            least = (documents, tables) if in_halves else smallest(documents, tables)
            pytest.fail("\n".join([f"seed {seed}", *found, show(*least)]))
        for threads, answer in zip(THREADS[1:], answers[1:]):
            for name in ("visits", "lines", "detail"):
                assert getattr(answer, name).equals(getattr(answers[0], name)), (
                    f"seed {seed}: {name} with {threads} threads"
                )
            assert answer.state.sha256 == answers[0].state.sha256, f"seed {seed}: state with {threads} threads"


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_kernel_is_the_reference(chunk: int):
    books = -(-VISITS // A_BOOK)
    for number in range(chunk, books, CHUNKS):
        compare_book(FIRST_SEED + number, A_BOOK, number % 4 == 3)


@pytest.mark.parametrize(("seed", "in_halves"), [(363, True), (1_002_520, False)])
def test_books_that_once_differed(seed: int, in_halves: bool):
    """Two documents of a scheme that count admissions by different scopes: 363 settled in two runs, 1002520 in one."""
    compare_book(seed, A_LONG_BOOK, in_halves)


@pytest.mark.parametrize("seed", range(20))
def test_small_populations(seed: int):
    """One person, few visits: the shapes where groups and tables are nearly empty."""
    compare_book(10_000 + seed, 1 + seed % 5, False)


@pytest.mark.nightly
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_kernel_is_the_reference_at_length(chunk: int):
    for number in range(chunk, BOOKS, CHUNKS):
        compare_book(1_000_000 + number, A_LONG_BOOK, number % 4 == 3)
