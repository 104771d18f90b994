"""`Engine.settle_one` through the C door gives what a batch of one visit gives: rows, lines, states, and the words of what is wrong."""

from __future__ import annotations

import datetime as dt
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from compare import TABLES, Kernel
from generate.policies import book
from generate.population import population
from generate.tables import arrow
from test_embed import held, in_order, town  # noqa: F401  (a fixture)
from ybcore import Engine, InputError, PersonState
from ybcore.settling.one import NOBODY, in_batch

# By kind of column: what is plainly right, what is odd and what is wrong.
ODD: dict[str, list[Any]] = {
    "id": ["", "x", "甲", 7, -1, True, None, "P" * 70, 1.5, b"x", "\ud800"],
    "code": ["", "11", "21", "310", "390", "0", "1", " ", None, 21, True, "02"],
    "money": [0, -1, 10**11, 10**11 + 1, "12.30", "12.305", " 7 ", "", "-0.5", "1e3", "1.500", Decimal("3.50"), Decimal("1E+2"), Decimal("1.001"), Decimal("NaN"), 1.0, True, None, "１２", 2**70],
    "quantity": [0, 10_000, "2", "0.5", "0.00001", Decimal(3), -10_000, None],
    "price": [1, "3.141592", "3.1415926", Decimal("2.5"), None],
    "count": [0, 1, 40, -1, 10**6 + 1, "7", "7.0", "7.5", Decimal(7), 3.0, True, None],
    "date": [dt.date(2024, 5, 5), dt.datetime(2024, 5, 5, 12), "2024-05-05", "2024-05-05 10:00:00", "2024-05-05T10:00:00", "2024-5-5", "2024-02-30", "", None, 19_000, dt.date(1700, 1, 1), dt.datetime(2024, 5, 5, tzinfo=dt.UTC), "2024-05-05 24:00:00"],
    "flag": ["0", "1", "2", "", "x", "10", 0, 1, 2, 11, -1, True, False, None],
}  # fmt: skip
ODD["time"] = ODD["date"]
ODD["text"] = ["name", "", None, 7]


class Rows:
    """The city's rows by visit, as a window has them."""

    def __init__(self, made: Any) -> None:
        self.engine, tables = made
        self.order, _ = in_order(self.engine, tables)
        self.visits, self.people, self.places, self.events, lines = (
            held(tables[n]) for n in ("visits", "persons", "institutions", "acct_events", "lines")
        )
        self.lines: dict[str, list[Any]] = {}
        for line in lines:
            self.lines.setdefault(line["setl_id"], []).append(line)
        self.first = {self.visits[row]["setl_id"]: row for row in reversed(self.order)}

    def of(self, row: int) -> tuple[Any, ...]:
        """(visit, lines, person rows, institution rows, account events)."""
        visit = self.visits[row]
        own = self.lines.get(visit["setl_id"], []) if self.first[visit["setl_id"]] == row else []
        mine = [[r for r in rows if r["psn_no"] == visit.get("psn_no")] for rows in (self.people, self.events)]
        places = [p for p in self.places if p["fixmedins_code"] == visit.get("fixmedins_code")]
        return visit, own, mine[0], places, mine[1]


@pytest.fixture(scope="module")
def rows(town: Any) -> Rows:  # noqa: F811
    return Rows(town)


def answers(call: Any) -> tuple[Any, ...]:
    """What a call gave, or the words of its error."""
    try:
        one = call()
    except InputError as error:
        return ("refused", error.render("zh"), error.render("en"))
    except Exception as error:
        return (type(error).__name__, str(error))
    row, lines = list(one.result.items()), [list(line.items()) for line in one.lines]
    return row, lines, one.state.to_bytes(), one.state.version, one.opening_sha256


def both(engine: Engine, visit: Any, lines: Any, people: Any, state: PersonState, places: Any, events: Any, pre: bool = False) -> bool:  # fmt: skip
    """Whether the door took it. The answers are the same, by their types too, whoever gave them."""
    want = answers(lambda: in_batch(engine, visit, lines, people, state, pre, places, events))
    told = answers(lambda: engine.settle_one(visit, lines, people, state, pre, institution=places, acct_events=events))
    assert told == want
    assert repr(told) == repr(want)
    return len(want) == 5 and engine._windows.settle(visit, lines, people, state, pre, places, events) is not None


def test_a_city_visit_by_visit_is_that_of_batches(rows: Rows):
    """Twice: an engine that has met nothing yet, then one that has. Nearly all visits are the door's then."""
    engine, took = Engine(rows.engine.book, rows.engine.catalog, threads=1), []
    for pre in (False, True):
        states: dict[Any, PersonState] = {}
        took.append(0)
        for row in rows.order:
            visit, lines, people, places, events = rows.of(row)
            state = states.get(visit.get("psn_no"), NOBODY)
            took[-1] += both(engine, visit, lines, people, state, places, events, pre)
            if visit.get("psn_no"):
                one = engine.settle_one(visit, lines, people, state, institution=places, acct_events=events)
                states[visit["psn_no"]] = one.state
    assert min(took) > 0.9 * len(rows.order)


def test_threads_share_an_engine_that_has_met_nothing(rows: Rows):
    """Every thread meets combinations of its own while others settle with the image of before."""
    engine, want = Engine(rows.engine.book, rows.engine.catalog, threads=1), {}
    own: dict[Any, list[int]] = {}
    for row in rows.order:
        if rows.visits[row].get("psn_no") and rows.visits[row].get("setl_time"):
            own.setdefault(rows.visits[row]["psn_no"], []).append(row)

    def year(over: Engine, who: str) -> PersonState:
        state = NOBODY
        for row in own[who]:
            visit, lines, people, places, events = rows.of(row)
            state = over.settle_one(visit, lines, people, state, institution=places, acct_events=events).state
        return state

    want = {who: year(rows.engine, who) for who in own}
    with ThreadPoolExecutor(4) as pool:
        assert dict(zip(own, pool.map(lambda who: year(engine, who), own))) == want
        assert dict(zip(own, pool.map(lambda who: year(engine, who), own))) == want
    again = pickle.loads(pickle.dumps(engine))
    assert {who: year(again, who) for who in list(own)[:5]} == {who: want[who] for who in list(own)[:5]}


@pytest.mark.parametrize("seed", [3, 12, 35, 110, 122, 143])
def test_random_books_visit_by_visit_are_batches(seed: int):
    """Documents with everything that there is: households, mutual aid, top-ups, split stays, tags, attributes of their own."""
    documents = book(seed)
    tables = population(seed, documents, persons=5, visits=24)
    engine = Kernel(documents, tables["catalog"]).engine
    given = {name: arrow(name, tables[name]) for name in TABLES if tables.get(name) is not None}
    _, group = engine.groups(given["visits"], persons=given.get("persons"))
    every: dict[str, Any] = {name: held(given[name]) if name in given else None for name in TABLES}
    visits = every["visits"]
    seen: set[Any] = set()
    states: dict[int, PersonState] = {}
    took = 0
    for row in sorted(
        range(len(visits)), key=lambda i: (str(visits[i].get("setl_time", "")), str(visits[i]["setl_id"]))
    ):
        visit, state = visits[row], states.get(group[row], NOBODY)
        who = {v.get("psn_no") for v, g in zip(visits, group) if g == group[row]}
        who |= {p.get("mulaid_psn_no") for p in every["persons"] or () if p["psn_no"] in who} | {visit.get("mulaid_psn_no")}  # fmt: skip
        people, events = (None if every[t] is None else [r for r in every[t] if r["psn_no"] in who] for t in ("persons", "acct_events"))  # fmt: skip
        at = visit.get("fixmedins_code")
        places = None if every["institutions"] is None else [p for p in every["institutions"] if p["fixmedins_code"] == at]  # fmt: skip
        lines = [] if visit["setl_id"] in seen else [n for n in every["lines"] or () if n["setl_id"] == visit["setl_id"]]  # fmt: skip
        seen.add(visit["setl_id"])
        for _ in range(2):
            door = both(engine, visit, lines, people, state, places, events)
        took += door
        try:
            one = engine.settle_one(visit, lines, people, state, institution=places, acct_events=events)
        except InputError:
            continue
        states[group[row]] = one.state
    assert took


def test_whatever_a_cell_is_the_answer_is_that_of_a_batch(rows: Rows):
    """Cells of every kind in every table, right ones, odd ones and wrong ones: rows, states and messages are the same."""
    rng, engine = random.Random(20_240_501), rows.engine
    tables = engine.input_tables
    good = [row for row in rows.order if rows.visits[row].get("psn_no") and rows.visits[row].get("setl_time")]
    took = refused = 0
    for n in range(400):
        visit, lines, people, places, events = (
            part if isinstance(part, dict) else [dict(r) for r in part] for part in rows.of(rng.choice(good))
        )
        visit, given = dict(visit), {"visits": [visit], "lines": lines, "persons": people, "institutions": places, "acct_events": events}  # fmt: skip
        given["visits"] = [visit]
        for _ in range(rng.choice((1, 1, 2))):
            name = rng.choice([table for table, own in given.items() if own])
            column = rng.choice(tables[name].columns)
            row = rng.choice(given[name])
            if rng.random() < 0.1:
                row.pop(column.name, None)
            elif rng.random() < 0.05:
                row[column.name.upper()] = "x"
            else:
                row[column.name] = rng.choice(ODD[column.kind])
        state = PersonState(n % 3)
        door = both(engine, visit, lines, people, state, places, events)
        took, refused = took + door, refused + (not door)
    assert took > 100 and refused > 60


def test_what_is_no_row_is_refused_as_before(rows: Rows):
    """Things that no table is made of: the same error as a batch raises."""
    visit, lines, people, places, events = rows.of(rows.order[-1])
    for asked in (
        (visit, [7], people),
        (visit, lines, [7]),
        (visit, "xy", people),
        ({1: 2}, lines, people),
        (visit, lines, []),
    ):
        both(rows.engine, *asked, NOBODY, places, events)
    damaged = PersonState.held(b"YBSTATE\0" + bytes(64))
    both(rows.engine, visit, lines, people, damaged, places, events)
