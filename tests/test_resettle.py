"""A year settled again: deltas add up to a full run, whatever changes; reasons, ledger and attribution by hand."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from compare import TABLES
from generate.catalogs import catalog as random_catalog
from generate.draw import Draw
from generate.policies import book, document
from generate.population import population
from generate.tables import arrow
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ybcore import Catalog, DocumentError, Engine, load_book, load_policy
from ybcore.cli.settle import demo_policies
from ybcore.ledger import (
    DeniedLines,
    Institutions,
    LateClaims,
    NewCatalog,
    NewPolicy,
    Persons,
    Refunds,
    Reordered,
    Resettlement,
    Run,
    StruckOff,
    resettle,
)
from ybcore.ledger.deltas import PAYERS
from ybcore.settling.result import NUMBERS

FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
SEEDS = st.integers(0, 10**6)
COUNTER = ["counter", "owner", "within", "period"]
FACTS = ("outcome", "reason", "flags", "policy_id", "plan_id")


def loaded(tables: dict[str, list[dict]]) -> Catalog:
    return Catalog(**{name: arrow(name, rows) for name, rows in tables.items()})


def engine_for(documents: list[dict], tables: dict[str, Any]) -> Engine:
    return Engine(load_book([load_policy(doc) for doc in documents]), loaded(tables["catalog"]), threads=1)


def given_tables(tables: dict[str, Any]) -> dict[str, pa.Table]:
    return {name: arrow(name, tables[name]) for name in TABLES if tables.get(name) is not None}


# ---------------------------------------------------------------------- a city, and what may be learned late of it


def named(line: dict) -> tuple[Any, Any]:
    return line["setl_id"], line.get("feedetl_sn")


class Story:
    """A random city as rows, the changes that come, and the rows as they are after them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.documents = book(seed)
        whole = population(seed, self.documents, persons=12, visits=60, wild=0.05)
        for i, line in enumerate(whole["lines"]):
            line["bilg_dr_codg"] = ("D1", "D2", None, "D3", "D1")[i * 7 % 5]
        self.other = population(seed + 1, self.documents, persons=12, visits=5, wild=0.0)
        self.held_back(whole)
        self.state = self.earlier(whole) if self.rng.random() < 0.3 else None
        self.first = dict(whole)
        self.rows = {name: [dict(row) for row in whole[name]] for name in TABLES if whole.get(name) is not None}
        self.catalog = whole["catalog"]
        self.changes: list[Any] = []
        kinds = [
            self.late,
            self.refund,
            self.deny,
            self.strike,
            self.people,
            self.places,
            self.reorder,
            self.policy,
            self.prices,
        ]
        self.rng.shuffle(kinds)
        for kind in kinds[: self.rng.choice([1, 1, 2, 3, 9])]:
            kind()

    def held_back(self, whole: dict[str, Any]) -> None:
        """Settlements of one id each, and reversals, that come late."""
        ids = [row.get("setl_id") for row in whole["visits"]]
        single = [
            row
            for row in whole["visits"]
            if row.get("setl_id") and ids.count(row["setl_id"]) == 1 and row.get("psn_no")
        ]
        named = {row.get("init_setl_id") for row in whole["visits"]}
        plain = [
            row
            for row in single
            if row.get("refd_setl_flag") != "1" and row["setl_id"] not in named and row.get("med_type")
        ]
        kept = {row["setl_id"] for row in plain}
        back = [
            row
            for row in single
            if row.get("refd_setl_flag") == "1" and row.get("init_setl_id") and row["init_setl_id"] in set(ids) - kept
        ]
        self.late_visits = self.rng.sample(plain, min(4, len(plain)))
        chosen = self.rng.sample(back, min(2, len(back)))
        self.back_visits = [row for row in chosen if row["init_setl_id"] not in {other["setl_id"] for other in chosen}]
        late = {row["setl_id"] for row in (*self.late_visits, *self.back_visits)}
        self.late_lines = [line for line in whole["lines"] if line["setl_id"] in late]
        whole["visits"] = [row for row in whole["visits"] if row.get("setl_id") not in late]
        rest = [line for line in whole["lines"] if line["setl_id"] not in late]
        more = [line for line in rest if self.rng.random() < 0.05 and not line.get("init_feedetl_sn")]
        returned = {(line["setl_id"], line.get("init_feedetl_sn")) for line in rest}
        more = [line for line in more if (line["setl_id"], line.get("feedetl_sn")) not in returned]
        self.late_lines += more
        whole["lines"] = [line for line in rest if line not in more]

    def earlier(self, whole: dict[str, Any]) -> Any:
        """The closing state of an earlier run, in which the first third was settled."""
        times = sorted(row["setl_time"] for row in whole["visits"] if row.get("setl_time"))
        cut = times[len(times) // 3]
        early = [row for row in whole["visits"] if row.get("setl_time") and row["setl_time"] < cut]
        whole["visits"] = [row for row in whole["visits"] if row not in early]
        ids, later = ({row.get("setl_id") for row in rows} for rows in (early, whole["visits"]))
        before = {**whole, "visits": early, "lines": [line for line in whole["lines"] if line["setl_id"] in ids]}
        whole["lines"] = [line for line in whole["lines"] if line["setl_id"] in later]
        self.late_lines = [
            line for line in self.late_lines if line["setl_id"] in later | {r["setl_id"] for r in self.late_visits}
        ]
        return engine_for(self.documents, whole).settle(**given_tables(before), receipt=False).state

    def add(self, visits: list[dict], lines: list[dict]) -> tuple[Any, Any]:
        self.rows["visits"] += [dict(row) for row in visits]
        new = [dict(line) for line in lines]
        self.rows["lines"] += new
        self.follow(new, {named(line) for line in self.rows["lines"] if line.get("deny_flag") == "1"})
        return (arrow("visits", visits) if visits else None), (arrow("lines", lines) if lines else None)

    def follow(self, lines: list[dict], denied: set[tuple[Any, Any]]) -> None:
        """Lines that return a denied one are denied."""
        for line in lines:
            if line.get("init_feedetl_sn") and (line["setl_id"], line["init_feedetl_sn"]) in denied:
                line["deny_flag"] = "1"

    def late(self) -> None:
        self.changes.append(LateClaims(*self.add(self.late_visits, self.late_lines)))

    def refund(self) -> None:
        visits = list(self.back_visits)
        lines = []
        for line in self.rng.sample(self.rows["lines"], min(2, len(self.rows["lines"]))):
            if line.get("feedetl_sn") and not line.get("init_feedetl_sn"):
                back = {**line, "feedetl_sn": line["feedetl_sn"] + "~", "init_feedetl_sn": line["feedetl_sn"]}
                back["det_item_fee_sumamt"] = -(line["det_item_fee_sumamt"] or 0)
                lines.append(back)
        if visits or lines:
            self.changes.append(Refunds(*self.add(visits, lines)))

    def deny(self) -> None:
        lines = [line for line in self.rows["lines"] if line.get("feedetl_sn")]
        chosen = self.rng.sample(lines, min(5, len(lines)))
        keys = {named(line) for line in chosen}
        for line in lines:
            if named(line) in keys:
                line["deny_flag"] = "1"
        self.follow(self.rows["lines"], keys)
        if keys:
            names, lines_ = zip(*sorted(keys))
            self.changes.append(DeniedLines({"setl_id": list(names), "feedetl_sn": list(lines_)}))

    def strike(self) -> None:
        """A doctor is struck off for some days, another for good; a line goes by its own day, else by that of its visit's discharge."""
        begin = self.rng.choice([19_723, 19_800, 19_950])
        spans = {"D1": (begin, begin + self.rng.choice([1, 60, 200])), "D3": (begin + 30, 10**6)}
        visits = {row.get("setl_id"): row for row in reversed(self.rows["visits"])}
        keys = set()
        for line in self.rows["lines"]:
            low, high = spans.get(line.get("bilg_dr_codg"), (0, 0))
            visit = visits[line["setl_id"]]
            settled = visit.get("setl_time")
            days = (line.get("fee_ocur_time"), visit.get("enddate"), None if settled is None else settled // 86_400, -1)
            day = next(day for day in days if day is not None)
            if low <= day < high and not line.get("init_feedetl_sn"):
                line["deny_flag"] = "1"
                keys.add(named(line))
        self.follow(self.rows["lines"], keys)
        ends = pa.array([spans["D1"][1], None], pa.int32()).cast(pa.date32())
        begins = pa.array([begin, begin + 30], pa.int32()).cast(pa.date32())
        self.changes.append(StruckOff({"dr_code": ["D1", "D3"], "begndate": begins, "enddate": ends}))

    def replace(self, name: str, key: str, kind: Any) -> None:
        if not self.rows.get(name):
            return
        theirs = sorted({row[key] for row in self.rows[name]} & {row[key] for row in self.other.get(name) or ()})
        if theirs:
            chosen = set(self.rng.sample(theirs, min(2, len(theirs))))
            new = [row for row in self.other[name] if row[key] in chosen]
            self.rows[name] = [row for row in self.rows[name] if row[key] not in chosen] + new
            self.changes.append(kind(arrow(name, new)))

    def people(self) -> None:
        self.replace("persons", "psn_no", Persons)

    def places(self) -> None:
        self.replace("institutions", "fixmedins_code", Institutions)

    def reorder(self) -> None:
        good = {
            row["setl_id"]: row for row in reversed(self.rows["visits"]) if row.get("setl_id") and row.get("setl_time")
        }
        chosen = self.rng.sample(sorted(good), min(3, len(good)))
        times = [good[name]["setl_time"] + 86_400 * self.rng.randint(-40, 40) for name in chosen]
        for name, time in zip(chosen, times):
            good[name]["setl_time"] = time
        rows = {"setl_id": chosen, "setl_time": pa.array(times, pa.int64()).cast(pa.timestamp("s"))}
        self.changes.append(Reordered(rows))

    def policy(self) -> None:
        """Another figure: from the middle of a year, or throughout; or other documents altogether."""
        policies = [load_policy(doc) for doc in self.documents]
        which = self.rng.randrange(len(policies))
        leaves = policies[which].figures()
        for _ in range(20):
            changed, rest = self.changed(policies[which], leaves), policies[:which] + policies[which + 1 :]
            try:
                new = load_book([*rest, *changed])
                Engine(new)
            except (DocumentError, KeyError, TypeError):
                continue
            self.documents = [policy.doc for policy in new]
            self.changes.append(NewPolicy(new))
            return

    def changed(self, policy: Any, leaves: list[Any]) -> list[Any]:
        # Counters of an opening state keep their scope.
        if self.rng.random() < 0.2 and self.state is None:
            shape = {key: policy.doc[key] for key in ("scheme", "effective", "dates") if key in policy.doc}
            try:
                return [load_policy({**document(self.rng.randrange(10**6)), **shape, "id": policy.id})]
            except DocumentError:
                return [policy]
        leaf = self.rng.choice(leaves)
        text = str(leaf.value)
        try:
            new = policy.with_figure(leaf.path, str(int(text) * 2 + 1) if text.isdigit() else "0.5")
        except (DocumentError, KeyError, TypeError, ValueError):
            return [policy]
        begin, end = policy.effective
        if self.rng.random() < 0.5 or (end is not None and end < 19_876):
            return [new]
        early, later = policy.doc, new.doc
        early["effective"] = {**early["effective"], "to": "2024-06-01"}
        later["effective"] = {**later["effective"], "from": "2024-06-01"}
        later["id"] = later["id"] + "x"
        return [load_policy(early), load_policy(later)] if begin < 19_875 else [new]

    def prices(self) -> None:
        new = random_catalog(Draw(self.rng.randrange(10**6)))
        own = {name: list(rows) for name, rows in self.catalog.items()}
        codes = set(self.rng.sample(sorted({row["med_list_codg"] for row in own["items"]}), 3))
        self.catalog = {
            name: [row for row in own[name] if row["med_list_codg"] not in codes]
            + [row for row in new[name] if row["med_list_codg"] in codes]
            for name in own
        }
        self.changes.append(NewCatalog(loaded(self.catalog)))


def cells(table: pa.Table) -> dict[str, list]:
    return {name: table[name].to_pylist() for name in table.column_names}


def same(ours: Any, theirs: Any) -> None:
    """Two settlements, in every column of visits and lines, in the rows of detail and in the closing state."""
    assert cells(ours.visits) == cells(theirs.visits)
    assert cells(ours.lines) == cells(theirs.lines)
    assert sorted(map(str, ours.detail.to_pylist())) == sorted(map(str, theirs.detail.to_pylist()))
    assert ours.state.sha256 == theirs.state.sha256


def added_up(before: pa.Table, deltas: pa.Table, later: list[Any]) -> list[dict]:
    """Visits before, and the deltas added to them."""
    rows = before.select(["setl_id", "psn_no", *FACTS, *NUMBERS]).to_pylist()
    place: dict[Any, int] = {}
    for i, row in enumerate(rows):
        place.setdefault(row["setl_id"], i)
    for delta in deltas.to_pylist():
        if delta["kind"] == "added":
            none = {**dict.fromkeys(FACTS), **dict.fromkeys(NUMBERS, 0)}
            rows.append({"setl_id": delta["setl_id"], "psn_no": delta["psn_no"], **none})
            place[delta["setl_id"]] = len(rows) - 1
        row = rows[place[delta["setl_id"]]]
        for name in FACTS:
            assert row.get(name) == delta[f"{name}_before"]
            row[name] = delta[f"{name}_after"]
        for name in NUMBERS:
            row[name] += delta[name]
    return rows


def billed(run: Run) -> int:
    """Money of visits that are settled; what is refused is nobody's to pay."""
    rows = run.settlement.visits.select(["outcome", "medfee_sumamt"]).to_pylist()
    return sum(row["medfee_sumamt"] for row in rows if row["outcome"] in ("settled", "no_benefit"))


def check_sums(again: Resettlement) -> None:
    """Persons, institutions and the ledger add up to the same."""
    visits = again.deltas.visits
    for payer in PAYERS:
        total = sum(visits[payer].to_pylist())
        assert sum(again.deltas.persons[payer].to_pylist()) == total
        assert sum(again.deltas.institutions[payer].to_pylist()) == total
        for table in (again.ledger.persons, again.ledger.institutions, again.ledger.payers):
            rows = [row for row in table.to_pylist() if row["payer"] == payer]
            assert sum(row["net"] for row in rows) == total
            assert sum(row["to_pay"] - row["to_collect"] for row in rows) == total
            assert sum(row["to_pay"] for row in rows) == sum(max(0, v) for v in visits[payer].to_pylist())
    net = sum(again.ledger.payers["net"].to_pylist())
    assert net == billed(again.after) - billed(again.previous)
    assert sum(again.deltas.funds["fund_payamt"].to_pylist()) == net - sum(visits["acct_mulaid_pay"].to_pylist())


def twice(rows: list[dict]) -> bool:
    ids = [row.get("setl_id") for row in rows]
    return len(set(ids)) < len(ids)


def check(seed: int) -> Resettlement:
    story = Story(seed)
    first = engine_for(book(seed), story.first)
    run = Run(first, **given_tables(story.first), state=story.state)
    again = resettle(run, story.changes)
    last = engine_for(story.documents, {"catalog": story.catalog})
    full = last.settle(**given_tables(story.rows), state=story.state, line_output=True, detail=True, receipt=False)
    same(again.after.settlement, full)
    if not twice(story.rows["visits"]):
        added = added_up(run.settlement.visits, again.deltas.visits, story.rows["visits"])
        assert sorted(map(str, added)) == sorted(
            map(str, full.visits.select(["setl_id", "psn_no", *FACTS, *NUMBERS]).to_pylist())
        )
    check_sums(again)
    for table, name, key in ((again.counters(), "counters", COUNTER), (again.accounts(), "accounts", ["psn_no"])):
        for when, state in (("before", run.settlement.state), ("after", again.after.settlement.state)):
            rows = getattr(state, name)().to_pylist()
            last = "value" if name == "counters" else "balc"
            known = {(*(row[k] for k in key), row[last]) for row in rows}
            told = [(*(row[k] for k in key), row[f"{last}_{when}"]) for row in table.to_pylist()]
            assert {row for row in told if row[-1] is not None} <= known
            assert len(told) == len({row[:-1] for row in told})
    # What is learned later goes on from there.
    more = resettle(again.after, [])
    assert more.deltas.visits.num_rows == 0
    assert more.scope.visits == 0
    return again


@FEW
@given(SEEDS)
def test_deltas_add_up_to_a_full_run(seed: int):
    check(seed)


@settings(FEW, max_examples=8)
@given(SEEDS)
def test_parts_of_a_difference_add_up_to_it(seed: int):
    """In the order given and over all orders; the sequence is what settling again change by change gives."""
    story = Story(seed)
    run = Run(engine_for(book(seed), story.first), **given_tables(story.first), state=story.state)
    changes = story.changes[:4]
    again = resettle(run, changes)
    whole = {payer: sum(again.deltas.visits[payer].to_pylist()) for payer in PAYERS}
    for method in ("sequence", "shapley"):
        rows = again.attribution(method).rows.to_pylist()
        assert {p: sum(row["amount"] for row in rows if row["payer"] == p) for p in PAYERS} == whole
    step = run
    rows = again.attribution("sequence").rows.to_pylist()
    for i, change in enumerate(changes):
        one = resettle(step, [change])
        for payer in PAYERS:
            told = sum(row["amount"] for row in rows if (row["change"], row["payer"]) == (i, payer))
            assert told == sum(one.deltas.visits[payer].to_pylist())
        step = one.after


# ---------------------------------------------------------------------- a synthetic city


@pytest.fixture(scope="module")
def town() -> dict[str, Any]:
    from ybcore.synth import city

    made = city(seed=11, persons=600, visits=4_000, catalog_items=600, bad_rows=0.01)
    batch = made.visits()
    catalog = dict(zip(("items", "selfpay", "caps"), made.catalog))
    tables = {"persons": made.persons, "institutions": made.institutions, "acct_events": made.acct_events}
    return {"tables": {**tables, "visits": batch.visits, "lines": batch.lines}, "catalog": catalog}


def of(lines: pa.Table, visits: pa.Table) -> Any:
    return pc.is_in(lines["setl_id"].cast(pa.large_string()), value_set=visits["setl_id"].combine_chunks())


def with_column(table: pa.Table, name: str, column: Any) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)


def test_a_city_settled_again(town: dict[str, Any]):
    """Every kind of change at once, against a full run on tables that the test changes itself; then one more change on top."""
    tables, catalog = town["tables"], town["catalog"]
    whole, lines = tables["visits"], tables["lines"]
    again = pc.is_in(whole["init_setl_id"], value_set=whole["setl_id"].slice(3_900).combine_chunks())
    named = pc.fill_null(again, False).to_numpy()
    late = np.flatnonzero((np.arange(whole.num_rows) >= 3_900) & ~named)
    late = late[
        [whole["init_setl_id"][int(i)].as_py() is None and whole["setl_id"][int(i)].as_py() is not None for i in late]
    ]
    early = np.setdiff1d(np.arange(whole.num_rows), late)
    before, after = whole.take(pa.array(early)), whole.take(pa.array(late))
    known = set(before["setl_id"].to_pylist())
    fresh = [name not in known for name in after["setl_id"].to_pylist()]
    before, after = (
        pa.concat_tables([before, after.filter(pa.array([not f for f in fresh]))]),
        after.filter(pa.array(fresh)),
    )
    first = {**tables, "visits": before, "lines": lines.filter(pc.invert(of(lines, after)))}
    engine = Engine(demo_policies(), Catalog(**catalog), threads=2)
    run = Run(engine, **first)
    denied = np.arange(50, 8_000, 400)
    people = tables["persons"]["psn_no"]
    chosen = pc.is_in(people, value_set=people.take(pa.array(range(0, 600, 40))).combine_chunks())
    rows = tables["persons"].filter(chosen)
    poor = with_column(rows, "psn_idet_type", pa.array(["A"] * rows.num_rows))
    plain = with_column(tables["persons"], "psn_idet_type", tables["persons"]["psn_idet_type"].cast(pa.string()))
    policy = next(
        p
        for p in engine.book
        if any(str(leaf.value) == "0.85" for leaf in p.figures()) or p is engine.book.policies[-1]
    )
    leaf = next((leaf for leaf in policy.figures() if leaf.path.endswith("rate")), policy.figures()[0])
    book_ = load_book([policy.with_figure(leaf.path, "0.77") if p is policy else p for p in engine.book])
    prices = {**catalog, "caps": with_column(catalog["caps"], "hilist_pric_uplmt_amt", pc.add(catalog["caps"]["hilist_pric_uplmt_amt"], pa.array(np.arange(catalog["caps"].num_rows) % 50 // 49)))}  # fmt: skip
    ids = [first["lines"][name].take(pa.array(denied)).cast(pa.large_string()) for name in ("setl_id", "feedetl_sn")]
    changes = [
        LateClaims(after, lines.filter(of(lines, after))),
        DeniedLines(pa.table(ids, names=["setl_id", "feedetl_sn"])),
        Persons(poor),
    ]
    done = resettle(run, changes, policy=book_, catalog=Catalog(**prices))
    flag = np.zeros(first["lines"].num_rows, np.int8)
    flag[first["lines"]["deny_flag"].to_numpy() == 1] = 1
    flag[denied] = 1
    changed = {
        "visits": pa.concat_tables([before, after]),
        "lines": pa.concat_tables([with_column(first["lines"], "deny_flag", pa.array(flag)), lines.filter(of(lines, after))]),
        "persons": pa.concat_tables([plain.filter(pc.invert(chosen)), poor]),
        "institutions": tables["institutions"],
        "acct_events": tables["acct_events"],
    }  # fmt: skip
    last = Engine(book_, Catalog(**prices), threads=2)
    same(done.after.settlement, last.settle(**changed, line_output=True, detail=True, receipt=False))
    assert set(done.scope.why) == {
        "late_claim",
        "denied_line",
        "eligibility_change",
        "parameter_change",
        "catalog_change",
    }
    assert all(told["visits"] for told in done.scope.why.values())
    told = set(done.deltas.visits["reason"].to_pylist())
    assert {"late_claim", "parameter_change", "knock_on"} <= told <= {*done.scope.why, "knock_on"}
    check_sums(done)
    few = first["lines"]["setl_id"].cast(pa.large_string()).slice(7, 1), first["lines"]["feedetl_sn"].slice(7, 1)
    more = resettle(done.after, [DeniedLines(pa.table(list(few), names=["setl_id", "feedetl_sn"]))])
    assert 0 < more.scope.groups < more.scope.of_groups // 10
    flag[7] = 1
    changed["lines"] = with_column(changed["lines"], "deny_flag", pa.array(np.append(flag, np.zeros(changed["lines"].num_rows - len(flag), np.int8))))  # fmt: skip
    same(more.after.settlement, last.settle(**changed, line_output=True, detail=True, receipt=False))
