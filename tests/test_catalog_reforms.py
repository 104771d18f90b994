"""Reforms of the catalogue and of rules, and comparing them: only touched lines are priced, and every sum is that of a full run."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from compare import TABLES
from generate.catalogs import ITEMS
from generate.catalogs import catalog as random_catalog
from generate.draw import Draw
from generate.policies import book as random_book
from generate.population import population
from generate.tables import arrow
from hypothesis import given, settings
from hypothesis import strategies as st
from simulate_small import DEDUCTIBLE, LUOYANG, RULES, small
from ybcore import Catalog, DocumentError, Engine, InputError, load_book, load_policy
from ybcore.checks import load_rules
from ybcore.columns.schema import NATURES
from ybcore.settling.editions import differing
from ybcore.settling.panel import Panel
from ybcore.settling.result import NUMBERS
from ybcore.simulate import (
    Burden,
    Needs,
    People,
    Reform,
    Spending,
    View,
    Winners,
    compare,
    load_reform,
    reformed,
)


@pytest.fixture(scope="module")
def town():
    return small()


@pytest.fixture(scope="module")
def common(town):
    """Items of the batch, those with most lines first."""
    counts = town[1]["lines"]["med_list_codg"].value_counts().to_pylist()
    return [row["values"] for row in sorted(counts, key=lambda row: (-row["counts"], row["values"]))]


def one(engine, changes, **more):
    return reformed(engine.book, [Reform.of("r", changes, **more)], catalog=engine.catalog)


def row_of(catalog, name, code):
    table = catalog.table(name)
    return table.filter(pa.compute.equal(table["med_list_codg"], code)).to_pylist()


class Every:
    """All columns of the results, by person and in all."""

    name = "every"

    def __init__(self, columns):
        self.columns = tuple(columns)

    def needs(self, base: View) -> Needs:
        return Needs(by_person=self.columns)

    def look(self, view: View) -> pa.Table:
        lots = np.random.default_rng(1).integers(1, 1 << 20, view.people)
        told = {name: [int((view.by_person(name) * lots).sum())] for name in self.columns}
        return pa.table(told | {"shared": ["_ran" not in vars(view)]})


COLUMNS = NUMBERS


def test_classes_ratios_and_caps_from_a_day_on(town, common):
    engine = town[0]
    code = common[0]
    done = one(engine, [{"item": code, "path": "chrgitm_lv", "set": "03"}], start="2024-07-01")
    (told,) = done.table().to_pylist()
    assert (told["item"], told["path"], told["from"], told["after"]) == (
        code,
        "items.chrgitm_lv",
        dt.date(2024, 7, 1),
        "03",
    )
    old, new = sorted(row_of(done.catalog, "items", code), key=lambda row: row["begndate"])
    day = (dt.date(2024, 7, 1) - dt.date(1970, 1, 1)).days
    assert (old["enddate"], new["begndate"], new["chrgitm_lv"]) == (day, day, "03")
    assert {**old, "enddate": 0, "begndate": 0, "chrgitm_lv": ""} == {
        **new,
        "enddate": 0,
        "begndate": 0,
        "chrgitm_lv": "",
    }
    assert differing(engine.catalog, done.catalog).to_pylist() == [code]
    back = one(Engine(engine.book, done.catalog), [{"item": code, "path": "chrgitm_lv", "set": old["chrgitm_lv"]}])
    assert {row["chrgitm_lv"] for row in row_of(back.catalog, "items", code)} == {old["chrgitm_lv"]}


def test_a_change_of_nothing_is_the_same_catalogue(town, common):
    engine = town[0]
    own = row_of(engine.catalog, "items", common[0])[0]["chrgitm_lv"]
    for changes in ([], [{"item": common[0], "path": "chrgitm_lv", "set": own}]):
        done = one(engine, changes, start="2024-07-01")
        assert done.catalog is engine.catalog and done.book is engine.book
        assert done.table().num_rows == 0


def test_listing_and_delisting(town, common):
    engine, tables, _ = town
    gone = one(engine, [{"items": common[:2], "remove": True}])
    assert all(row_of(gone.catalog, name, code) == [] for name in ("items", "selfpay", "caps") for code in common[:2])
    again = reformed(
        engine.book,
        [Reform.of("back", [{"item": common[0], "insert": {"chrgitm_lv": "02", "selfpay_prop": "12.5%"}}])],
        catalog=gone.catalog,
    )
    (row,) = row_of(again.catalog, "items", common[0])
    assert (row["chrgitm_lv"], row["selfpay_prop"]) == ("02", 125_000)
    read = again.reads(Engine(engine.book, gone.catalog), tables).to_pylist()
    lines = tables["lines"]["med_list_codg"].to_pylist().count(common[0])
    assert 0 < read[0]["visits_read"] <= read[0]["lines_read"] <= lines


def test_caps_and_ratios_are_reckoned_exactly(town):
    engine = town[0]
    code = engine.catalog.table("caps")["med_list_codg"][0].as_py()
    before = row_of(engine.catalog, "caps", code)
    path = "caps.hilist_pric_uplmt_amt"
    done = one(engine, [{"item": code, "path": path, "times": "0.9", "round": "fen"}])
    for old, new in zip(before, row_of(done.catalog, "caps", code)):
        assert new["hilist_pric_uplmt_amt"] == (old["hilist_pric_uplmt_amt"] * 9 // 10 + 5_000) // 10_000 * 10_000
    with pytest.raises(DocumentError, match="cannot be written exactly"):
        one(engine, [{"item": code, "path": path, "times": "0.0000001"}])
    ratio = engine.catalog.table("selfpay")["med_list_codg"][0].as_py()
    more = one(engine, [{"item": ratio, "path": "selfpay.selfpay_prop", "points": "2.5"}])
    for old, new in zip(row_of(engine.catalog, "selfpay", ratio), row_of(more.catalog, "selfpay", ratio)):
        assert new["selfpay_prop"] == old["selfpay_prop"] + 25_000


def test_what_is_not_there_is_told_with_what_is_near(town, common):
    engine = town[0]
    wrong = [
        {"item": common[0][:-1] + "x", "path": "chrgitm_lv", "set": "03"},
        {"item": common[0], "path": "selfpay_pro", "set": "0.1"},
        {"item": common[0], "path": "caps[9].hilist_pric_uplmt_amt", "set": "1"},
        {"item": common[0], "path": "selfpay_prop", "set": "much"},
        {"item": common[0], "path": "chrgitm_lv", "add": 1},
    ]
    with pytest.raises(DocumentError) as caught:
        one(engine, wrong)
    told = str(caught.value)
    assert len(caught.value.problems) == 5 and "selfpay_prop'?" in told and "unknown item" in told
    with pytest.raises(DocumentError, match="no catalog was given"):
        reformed(engine.book, [Reform.of("r", wrong[:1])])
    with pytest.raises(DocumentError, match=r"one of these|exactly one|names its documents"):
        Reform.of("r", [{"item": "a", "policy": "b", "path": "c", "set": 1}])
    with pytest.raises(DocumentError, match="a fraction from 0 to 1"):
        one(engine, [{"item": common[0], "path": "selfpay_prop", "set": "1.2"}])


def test_a_document_names_items_and_rules(town, common):
    engine = town[0]
    text = f"""format: ybcore-reform/1
id: list
from: 2024-07-01
changes:
  - {{item: {common[0]}, path: selfpay_prop, set: 0.25}}
  - {{items: [{common[1]}, {common[2]}], merge: {{chrgitm_lv: 02, selfpay_prop: null}}}}
"""
    reform = load_reform(text)
    made = reformed(engine.book, [reform], catalog=engine.catalog)
    same = Reform.of(
        "list",
        [
            {"item": common[0], "path": "selfpay_prop", "set": "0.25"},
            {"items": common[1:3], "merge": {"chrgitm_lv": "02", "selfpay_prop": None}},
        ],
        start="2024-07-01",
    )
    assert reform.sha256 == same.sha256
    assert (
        reformed(engine.book, [same], catalog=engine.catalog).catalog.hash == made.catalog.hash != engine.catalog.hash
    )
    told = {row["item"] for row in made.table().to_pylist()}
    assert common[0] in told and told <= set(common[:3])
    with pytest.raises(DocumentError) as caught:
        reformed(
            engine.book, [load_reform(text.replace("selfpay_prop, set", "selfpay_porp, set"))], catalog=engine.catalog
        )
    assert caught.value.problems[0].line == 5
    with pytest.raises(DocumentError) as caught:
        load_reform(text.replace("path: selfpay_prop", "region: 410300, rule: x"))
    assert [p.line for p in caught.value.problems] == [5]


def test_a_change_that_nobody_reads_is_an_error(town):
    engine, tables, _ = town
    seen = set(tables["lines"]["med_list_codg"].to_pylist())
    unseen = next(code for code in engine.catalog.codes.to_pylist() if code not in seen)
    done = one(engine, [{"item": unseen, "path": "chrgitm_lv", "set": "03"}])
    with pytest.raises(InputError, match="no visit reads"):
        done.reads(engine, tables)
    assert done.reads(engine, tables, unread=True)["visits_read"].to_pylist() == [0]


def drawn(lots, catalog, common):
    """Changes of some items of the batch."""
    out = []
    for code in lots.choice(common[:60], int(lots.integers(1, 5)), replace=False).tolist():
        kind = int(lots.integers(0, 5))
        if kind == 0:
            out.append({"item": code, "path": "chrgitm_lv", "set": str(lots.choice(["01", "02", "03"]))})
        elif kind == 1:
            out.append({"item": code, "remove": True})
        elif kind == 2:
            out.append({"item": code, "merge": {"chrgitm_lv": "02", "selfpay_prop": f"0.{lots.integers(0, 9)}"}})
        elif kind == 3 and row_of(catalog, "caps", code):
            out.append({"item": code, "path": "caps.hilist_pric_uplmt_amt", "times": "0.5", "round": "fen"})
        elif not row_of(catalog, "caps", code):
            out.append({"item": code, "path": "caps", "insert": {"hilist_pric_uplmt_amt": str(lots.integers(1, 40))}})
    return out


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_only_touched_lines_are_priced_and_all_columns_are_those_of_a_full_run(town, common, seed):
    engine, tables, people = town
    lots = np.random.default_rng(seed)
    start = [None, "2024-05-01"][int(lots.integers(0, 2))]
    made = one(engine, drawn(lots, engine.catalog, common), start=start)
    money = Reform.of("m", [{"policy": LUOYANG, "path": DEDUCTIBLE, "add": 100}])
    both = reformed(engine.book, [money, *made.reforms], catalog=engine.catalog)
    who = People(people, weight="weight")
    measures = [Every(COLUMNS), Spending(["med_type"]), Burden(who), Winners(who)]
    alternatives = {
        "items": made,
        "both": both,
        "same": (engine.book, made.catalog),
        "money": reformed(engine.book, [money]),
    }
    done = compare(engine, tables, alternatives, measures)
    own = compare(
        engine, tables, {name: Engine(*pair) for name, pair in pairs(engine, made, both)}, [*measures, Rows()]
    )
    for measure in measures:
        for name in ("items", "both"):
            ours, theirs = (
                t.table(measure.name).filter(pa.compute.equal(t.table(measure.name)["policy"], name))
                for t in (done, own)
            )
            drop = ["shared"] if measure.name == "every" else []
            assert ours.drop_columns(drop).equals(theirs.drop_columns(drop)), (measure.name, name)
    assert done.table("every")["shared"].to_pylist() == [False, True, True, True, True]
    codes = set(differing(engine.catalog, made.catalog).to_pylist())
    touched = sum(code in codes for code in tables["lines"]["med_list_codg"].to_pylist())
    assert done.priced["items"] <= touched < done.priced["base"] == tables["lines"].num_rows
    assert (done.priced["both"], done.priced["same"], done.priced["money"]) == (0, 0, 0)


class Rows:
    """Makes every alternative run by itself."""

    name = "rows"

    def look(self, view):
        return pa.table({"rows": [view.visits.num_rows]})


def pairs(engine, *made):
    return zip(("items", "both"), ((each.book, each.catalog or engine.catalog) for each in made))


def test_natures_of_visits_are_those_of_a_full_pricing(town, common):
    engine, tables, _ = town
    changes = [{"items": common[:5], "path": "chrgitm_lv", "set": "03"}, {"item": common[7], "remove": True}]
    after = one(engine, changes).catalog
    panel = Panel(engine._compiled, engine.catalog, tables, 2)
    edition = panel.editions.catalog(after)
    full = Panel(engine._compiled, after, tables, 2)._begun[1]
    own = np.array(panel._begun[1])
    assert (own != full).any()
    own[edition.visit] = edition.natures
    assert np.array_equal(own, full)


@pytest.mark.parametrize("threads", [1, 3])
def test_rule_sets_are_settled_as_settle_does(town, common, threads):
    engine, tables, people = town
    engine = Engine(engine.book, engine.catalog, threads=threads)
    rules = load_rules(RULES)
    less = reformed(
        engine.book, [Reform.of("one", [{"rules": "few", "path": "parameters.most", "set": 1}])], rules=rules
    )
    off = reformed(
        engine.book, [Reform.of("off", [{"rule": "MANY", "path": "status", "set": "disabled"}])], rules=rules
    )
    dear = {"rules": "few", "path": "tables.ceilings.rows", "insert": {"med_list_codg": common[0], "ceiling": "0.5"}}
    row = reformed(engine.book, [Reform.of("row", [dear], start="2024-03-01")], rules=rules)
    item = {"items": common[:3], "path": "chrgitm_lv", "set": "03"}
    both = reformed(engine.book, [Reform.of("both", [dear, item])], rules=rules, catalog=engine.catalog)
    made = {"less": less, "off": off, "row": row, "both": both}
    measures = [Every(COLUMNS), Spending(["med_type"]), Burden(People(people))]
    done = compare(engine, tables, made, measures, rules=rules)
    told = {r["policy"]: r for r in done.table("every").to_pylist()}
    assert all(r["shared"] for name, r in told.items() if name != "base")
    assert len({r["psn_cash_pay"] for r in told.values()}) == 5
    alone = compare(engine, tables, made, [*measures, Rows()], rules=rules)
    for name in ("row", "both") if threads == 1 else ():
        rows = (
            Engine(engine.book, made[name].catalog or engine.catalog)
            .settle(**tables, rules=made[name].rules, receipt=False)
            .visits
        )
        spent = [r for r in done.table("spending").to_pylist() if r["policy"] == name]
        counts = np.isin(rows["outcome"].to_pylist(), ["settled", "no_benefit"])
        for column in ("psn_cash_pay", "hifp_pay", "fulamt_ownpay_amt"):
            if column in spent[0]:
                assert sum(r[column] for r in spent) == rows[column].to_numpy()[counts].sum(), (name, column)
    for measure in measures[1:]:
        assert done.table(measure.name).equals(alone.table(measure.name))
    assert done.priced["less"] > 0 and done.priced["off"] == 0


def test_rules_are_looked_at_once_for_each_set(town, monkeypatch):
    from ybcore.checks import check as module

    engine, tables, _ = town
    rules = load_rules(RULES)
    less = reformed(
        engine.book, [Reform.of("one", [{"rules": "few", "path": "parameters.most", "set": 1}])], rules=rules
    )
    money = Reform.of("m", [{"policy": LUOYANG, "path": DEDUCTIBLE, "add": 100}])
    more = reformed(engine.book, [money, *less.reforms], rules=rules)
    ran = []
    real = module.check
    monkeypatch.setattr(module, "check", lambda *a, **k: ran.append(k["rules"].sha256) or real(*a, **k))
    compare(engine, tables, {"a": less, "b": more, "c": reformed(engine.book, [money])}, [Spending()], rules=rules)
    assert ran.count(less.rules.sha256) == 1 and set(ran) == {rules.sha256, less.rules.sha256}


def test_rules_switched_off_and_read(town):
    engine, tables, _ = town
    rules = load_rules(RULES)
    off = reformed(
        engine.book, [Reform.of("off", [{"rule": "MANY", "path": "status", "set": "disabled"}])], rules=rules
    )
    assert [r.id for r in off.rules if r.enabled] == ["DEAR"]
    assert off.reads(engine, tables)["visits_read"].to_pylist()[0] > 0
    on = reformed(
        engine.book, [Reform.of("on", [{"rule": "MANY", "path": "status", "set": "enabled"}])], rules=off.rules
    )
    assert on.rules["MANY"].enabled
    none = reformed(engine.book, [Reform.of("none", [])], rules=rules)
    assert none.rules is rules
    with pytest.raises(DocumentError, match="unknown rule 'MANI'"):
        reformed(engine.book, [Reform.of("x", [{"rule": "MANI", "path": "status", "set": "disabled"}])], rules=rules)


def test_a_catalogue_that_lists_what_was_unknown(town, common):
    """Lines of items that the base does not know are found by their codes."""
    engine, tables, _ = town
    gone = one(engine, [{"items": common[:3], "remove": True}]).catalog
    less = Engine(engine.book, gone)
    done = compare(less, tables, {"back": (engine.book, engine.catalog)}, [Every(COLUMNS)])
    own = compare(engine, tables, {}, [Every(COLUMNS)])
    ours, theirs = done.table("every").to_pylist()[1], own.table("every").to_pylist()[0]
    assert {n: ours[n] for n in COLUMNS} == {n: theirs[n] for n in COLUMNS} and ours["shared"]
    assert isinstance(gone, Catalog)


def mixed(lots, one, two):
    """Items of one random catalogue, some of them as another says."""
    theirs = {code for code in ITEMS if lots.random() < 0.3}
    return {name: [row for side, mine in ((one, False), (two, True)) for row in side[name] if (row["med_list_codg"] in theirs) == mine] for name in one}  # fmt: skip


def test_random_books_people_and_catalogues():
    """Sums on the way, return lines, places, levels, categories, denied and unknown lines: whatever the generators know."""
    shared, lines = 0, 0
    for seed in range(24):
        documents = [{name: held for name, held in doc.items() if name != "tags"} for doc in random_book(seed)]
        lots = np.random.default_rng(seed)
        tables = population(seed, documents, persons=12, visits=70)
        two = random_catalog(Draw(seed + 1000))
        one, other = (
            Catalog(**{n: arrow(n, rows) for n, rows in c.items()})
            for c in (tables["catalog"], mixed(lots, tables["catalog"], two))
        )
        try:
            engine = Engine(load_book([load_policy(doc) for doc in documents]), one, threads=2)
        except DocumentError:
            continue  # a plan that is made of tags
        given = {name: arrow(name, tables[name]) for name in TABLES if tables.get(name) is not None}
        # Visits that bring their own split are not settled in one pass.
        own_split = {*NATURES, "direct_amt", "medfee_sumamt"}
        visits = given["visits"]
        given["visits"] = visits.select([n for n in visits.column_names if "." not in n and n not in own_split])
        made = {"other": (engine.book, other)}
        done = compare(engine, given, made, [Every(COLUMNS)])
        own = compare(engine, given, made, [Every(COLUMNS), Rows()])
        assert done.table("every").drop_columns("shared").equals(own.table("every").drop_columns("shared")), seed
        if done.table("every")["shared"].to_pylist()[1]:
            shared += 1
            lines += 0 < done.priced["other"] < done.priced["base"]
            assert differing(one, other).to_pylist() != []
    assert shared >= 5 and lines >= 4


def test_who_reads_a_row_is_whom_the_kernel_looks_it_up_for():
    """Caps that the lines of an item were held against, and classes that they had, are those of the rows that they are said to read."""
    caps = classes = 0
    for seed in range(12):
        documents = [{name: held for name, held in doc.items() if name != "tags"} for doc in random_book(seed)]
        tables = population(seed, documents, persons=12, visits=70)
        catalog = Catalog(**{n: arrow(n, rows) for n, rows in tables["catalog"].items()})
        try:
            engine = Engine(load_book([load_policy(doc) for doc in documents]), catalog, threads=2)
        except DocumentError:
            continue
        given = {name: arrow(name, tables[name]) for name in TABLES if tables.get(name) is not None}
        for _ in range(3):  # lines of refused visits are not told
            done = engine.settle(**given, line_output=True)
            fine = done.visits.filter(pa.compute.equal(done.visits["outcome"].cast(pa.string()), "settled"))["setl_id"]
            for name in ("visits", "lines"):
                kept = pa.compute.is_in(given[name]["setl_id"], fine.combine_chunks())
                given[name] = given[name].filter(kept)
        panel = Panel(engine._compiled, catalog, given, 2)
        if not panel.job.whole or set(done.visits["outcome"].to_pylist()) != {"settled"}:
            continue
        lines = done.lines
        codes = given["lines"]["med_list_codg"].to_pylist()
        for code in ITEMS:
            read = panel.editions.readers(code)
            held = [row for row, own in zip(lines.to_pylist(), codes) if own == code]
            lined = [row["pric_uplmt_amt"] for row in held if row["pric_uplmt_amt"] is not None]
            assert sum(n for name, *_, n in read if name == "caps") == len(lined), (seed, code)
            known = [row["chrgitm_lv"] for row in held if row["chrgitm_lv"]]
            assert sum(n for name, *_, n in read if name == "items") == len(known), (seed, code)
            caps, classes = caps + len(lined), classes + len(known)
    assert caps > 30 and classes > 100
