"""Reforms: new books from old ones (docs/simulation.md section 1), and who reads a figure (section 2)."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ybcore import Catalog, DocumentError, Engine, InputError, load_book, load_policy
from ybcore.cli.settle import demo_policies
from ybcore.simulate import Reform, changed, load_reform, reformed
from ybcore.synth import city

L3 = "plans[inpatient_city_l3].layers[basic].deductible.amount"
COMMUNITY = "plans[inpatient_community].layers[basic].rate"
LUOYANG, BEIJING = "luoyang-resident-2024", "beijing-employee-2023"


@pytest.fixture(scope="module")
def book():
    return load_book(demo_policies())


@pytest.fixture(scope="module")
def town():
    made = city(seed=5, persons=500, visits=5_000, lines_per_visit=4)
    batch = made.visits()
    tables = {"visits": batch.visits, "lines": batch.lines, "persons": made.persons, "institutions": made.institutions}
    return tables, Catalog(**dict(zip(("items", "selfpay", "caps"), made.catalog)))


@pytest.fixture(scope="module")
def engine(book, town):
    return Engine(book, town[1])


@pytest.fixture(scope="module")
def before(engine, town):
    return engine.settle(**town[0])


def one(book, change, **more):
    return reformed(book, [Reform.of("r", [change], **more)])


def rows(done):
    return done.table().to_pylist()


def test_adding_to_a_figure_gives_a_new_book_and_leaves_the_old_one(book):
    old = book.sha256
    done = one(book, {"policy": LUOYANG, "path": L3, "add": 200})
    assert book.sha256 == old
    assert done.book.sha256 != old
    (row,) = rows(done)
    assert (row["policy_id"], row["path"], row["unit"]) == (LUOYANG, "plans[3].layers[0].deductible.amount", "fen")
    assert (row["before"], row["after"], row["before_value"], row["after_value"]) == ("1200", "1400", 120_000, 140_000)
    assert row["cite"] == "table, row city L3"
    assert [p.sha256 for p in done.book if p.id != LUOYANG] == [p.sha256 for p in book if p.id != LUOYANG]


def test_a_list_item_goes_by_its_number_too(book):
    by_id = one(book, {"policy": LUOYANG, "path": L3, "add": 200})
    by_number = one(book, {"policy": LUOYANG, "path": "plans[3].layers[0].deductible.amount", "add": 200})
    assert by_id.book == by_number.book


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ({"path": COMMUNITY, "points": 5}, "0.95"),
        ({"path": COMMUNITY, "points": "-2.5"}, "0.875"),
        ({"path": COMMUNITY, "add": Decimal("0.01")}, "0.91"),
        ({"path": COMMUNITY, "times": Fraction(1, 2)}, "0.45"),
        ({"path": COMMUNITY, "set": "85%"}, "85%"),
        ({"path": L3, "times": "1.04"}, "1248"),
        ({"path": L3, "times": "1.00001"}, "1200.012"),
        ({"path": L3, "times": "1.00001", "round": "fen"}, "1200.01"),
        ({"path": L3, "times": "1.0004", "round": "yuan"}, "1200"),
        ({"path": L3, "times": "1.00042", "round": "yuan"}, "1201"),
    ],
)
def test_what_is_written_after_a_change(book, change, after):
    if after == "1200.012":
        with pytest.raises(DocumentError, match=r"1200 × 1\.00001 .* cannot be written exactly"):
            one(book, {"policy": LUOYANG, **change})
        return
    done = one(book, {"policy": LUOYANG, **change})
    assert [row["after"] for row in rows(done)] == ([after] if after != "1200" else [])


def test_units_are_kept():
    text = (demo_policies()[1] / "luoyang-resident-2024.yaml").read_text(encoding="utf-8")
    text = text.replace("deductible: {amount: 1200}", "deductible: {amount: {value: 0.12, unit: wan}}").replace(
        "rate: 0.90", "rate: 90%"
    )
    own = load_book(load_policy(text))
    money = one(own, {"policy": LUOYANG, "path": L3, "add": "0.02"})
    assert [(r["after"], r["after_value"]) for r in rows(money)] == [("0.14", 140_000)]
    rate = one(own, {"policy": LUOYANG, "path": COMMUNITY, "points": 5})
    assert [(r["after"], r["after_value"]) for r in rows(rate)] == [("95%", 950_000)]


def test_a_path_above_figures_changes_all_of_them(book):
    where = "plans[inpatient].layers[basic].bands.steps[0].rate"
    done = one(book, {"policy": BEIJING, "path": where, "points": "0.5"})
    assert [(r["before"], r["after"]) for r in rows(done)] == [
        ("0.955", "0.96"), ("0.961", "0.966"), ("0.97", "0.975"), ("0.85", "0.855"), ("0.87", "0.875"), ("0.90", "0.905"),
    ]  # fmt: skip


def test_lists_and_patches(book):
    steps = "layers.critical.bands.steps"
    added = one(book, {"scheme": "beijing-employee", "path": steps, "insert": {"to": 100_000, "rate": "0.65"}, "at": 1})
    model = added.book[BEIJING].doc["layers"]["critical"]["bands"]["steps"]
    assert [step["to"] for step in model] == ["50000", "100000", "open"]
    taken = reformed(added.book, [Reform.of("back", [{"policy": BEIJING, "path": f"{steps}[1]", "remove": True}])])
    assert taken.book[BEIJING].sha256 == book[BEIJING].sha256
    patch = {"plans": None, "not_modelled": None}
    with pytest.raises(DocumentError):  # a policy without plans is none
        one(book, {"policy": BEIJING, "merge": patch})
    merged = one(
        book, {"policy": BEIJING, "merge": {"not_modelled": None, "layers": {"critical": {"payer": "hifes_pay"}}}}
    )
    assert "not_modelled" not in merged.book[BEIJING].doc
    assert merged.book[BEIJING].model.layers["critical"].payer == "hifes_pay"


def test_a_bare_date_means_from_then_on(book, engine, before, town):
    done = one(book, {"policy": LUOYANG, "path": L3, "add": 200}, start="2024-07-01")
    old, new = done.book[LUOYANG], done.book[f"{LUOYANG}+r"]
    day = (dt.date(2024, 7, 1) - dt.date(1970, 1, 1)).days
    assert (old.effective[1], new.effective) == (day, (day, None))
    assert old.model.plans == book[LUOYANG].model.plans
    after = Engine(done.book, engine.catalog).settle(**town[0])
    early = pc.less(town[0]["visits"]["enddate"], pa.scalar(dt.date(2024, 7, 1)))
    assert (
        before.visits.filter(early)
        .drop_columns(["policy_id", "plan_id"])
        .equals(after.visits.filter(early).drop_columns(["policy_id", "plan_id"]))
    )
    whole = Engine(one(book, {"policy": LUOYANG, "path": L3, "add": 200}).book, engine.catalog).settle(**town[0])
    assert 0 < changed(before, after) < changed(before, whole)


def test_a_document_that_begins_later_is_changed_whole_and_one_that_has_ended_not_at_all(book):
    raw = book[LUOYANG].doc
    first = load_policy({**raw, "id": "l-2023", "effective": {"from": "2023-01-01", "to": "2024-01-01"}})
    both = load_book([first, book[LUOYANG], book[BEIJING]])
    done = one(both, {"scheme": "luoyang-resident", "path": L3, "add": 200}, start="2024-01-01")
    assert {policy.id for policy in done.book} == {"l-2023", LUOYANG, BEIJING}
    assert done.book["l-2023"] == first
    assert [row["policy_id"] for row in rows(done)] == [LUOYANG]
    with pytest.raises(DocumentError, match="no document holds on 2024-01-01 or later"):
        one(both, {"policy": "l-2023", "path": L3, "add": 200}, start="2024-01-01")


def test_several_changes_cut_a_document_once(book):
    changes = [{"policy": LUOYANG, "path": L3, "add": 200}, {"policy": LUOYANG, "path": COMMUNITY, "points": 1}]
    done = reformed(book, [Reform.of("r", changes, start="2024-07-01")])
    assert sorted(p.id for p in done.book if p.scheme.id == "luoyang-resident") == [LUOYANG, f"{LUOYANG}+r"]
    later = reformed(done.book, [Reform.of("s", changes[:1], start="2024-10-01")])
    mine = [p for p in later.book if p.scheme.id == "luoyang-resident"]
    assert [p.id for p in mine] == [LUOYANG, f"{LUOYANG}+r", f"{LUOYANG}+r+s"]
    assert [p.model.plans[3].layers[0].deductible.amount.value for p in mine] == [120_000, 140_000, 160_000]


def test_a_reform_that_changes_nothing_is_the_same_book(book):
    nothing = [
        Reform.of("none", []),
        Reform.of("zero", [{"policy": LUOYANG, "path": L3, "add": 0}], start="2024-07-01"),
        Reform.of("same", [{"policy": LUOYANG, "path": L3, "set": "1200.00"}], start="2024-07-01"),
    ]
    done = reformed(book, nothing)
    assert done.book is book
    assert done.table().num_rows == 0


def test_every_unknown_name_is_told_at_once_with_the_nearest(book):
    text = f"""format: ybcore-reform/1
id: wrong
changes:
  - {{policy: luoyang-resident-2042, path: "{L3}", add: 1}}
  - {{policy: {LUOYANG}, path: "plans[inpatient_city_3].layers[basic].deductible.amount", add: 1}}
  - {{scheme: luoyang, path: "{L3}", add: 1}}
  - {{policy: {LUOYANG}, path: "{L3}", points: 1}}
  - {{policy: {BEIJING}, path: "layers.critical", add: 1}}
"""
    with pytest.raises(DocumentError) as caught:
        reformed(book, [load_reform(text)])
    told = caught.value.problems
    assert [(p.line, p.nearest) for p in told] == [(4, LUOYANG), (5, L3), (6, "luoyang-resident"), (7, ""), (8, "")]
    assert "no rate stands at or below" in told[3].what
    assert "money and rates both stand" in told[4].what
    assert all(p.what_zh for p in told)


def test_a_wrong_document_is_told_whole():
    text = """format: ybcore-reform/1
id: wrong
frm: 2024-07-01
from: 2024-7-1
changes:
  - {policy: a, scheme: b, path: x, add: 1}
  - {policy: a, path: x, add: 1, set: 2}
  - {policy: a, path: x, ad: 1}
  - {policy: a, path: x, add: much, round: fen}
  - {policy: a, set: 1}
  - 7
"""
    with pytest.raises(DocumentError) as caught:
        load_reform(text)
    lines = [p.line for p in caught.value.problems]
    assert lines == [3, 4, 6, 7, 8, 8, 9, 9, 10, 11]
    assert caught.value.problems[0].nearest == "from"


def test_floats_never_come_in(book):
    for change in ({"add": 0.1}, {"times": 1.04}, {"set": 0.5}, {"merge": {"a": {"b": [0.5]}}}):
        with pytest.raises(DocumentError, match="float"):
            Reform.of("r", [{"policy": LUOYANG, "path": L3, **change}])


def test_a_reform_from_json_is_that_from_yaml(tmp_path):
    raw = {
        "format": "ybcore-reform/1",
        "id": "r",
        "from": "2024-07-01",
        "changes": [{"policy": LUOYANG, "path": L3, "add": 200}],
    }
    (tmp_path / "r.json").write_text(json.dumps(raw), encoding="utf-8")
    text = f"format: ybcore-reform/1\nid: r\nname: other words\nfrom: 2024-07-01\nchanges:\n  - {{policy: {LUOYANG}, path: '{L3}', add: 200}}\n"
    assert load_reform(tmp_path / "r.json").sha256 == load_reform(text).sha256
    assert load_reform(text.replace("200", "201")).sha256 != load_reform(text).sha256


def test_a_figure_that_nobody_reads_changes_nothing(book, engine, before, town):
    """And one whose change changes something is read: brute force over every figure of a document."""
    read = {(r["policy_id"], r["path"]): r["visits"] for r in engine.figures_read(**town[0]).to_pylist() if r["path"]}
    unread = 0
    for leaf in book[LUOYANG].figures():
        down = 0 if leaf.unit == "ppm" else None
        value = down if down is not None else (leaf.value + 100) // 100
        if leaf.path.endswith(".to"):
            continue
        after = Engine(
            load_book([book[LUOYANG].with_figure(leaf.path, value), *(p for p in book if p.id != LUOYANG)]),
            engine.catalog,
        )
        count = changed(before, after.settle(**town[0]))
        visits = read[LUOYANG, leaf.path]
        unread += visits == 0
        if visits == 0:
            assert count == 0, leaf.path
        if count:
            assert visits > 0, leaf.path
    assert unread < len(book[LUOYANG].figures())


def test_reads_of_a_reform(book, engine, town):
    changes = [{"policy": LUOYANG, "path": L3, "add": 200}, {"policy": LUOYANG, "merge": {"cite": ["x"]}}]
    done = reformed(book, [Reform.of("r", changes)])
    told = {r["path"]: r["visits_read"] for r in done.reads(engine, town[0]).to_pylist()}
    visits = engine.settle(**town[0]).visits
    plans = visits["plan_id"].cast(pa.string())
    settled = pc.equal(visits["outcome"].cast(pa.string()), "settled")
    reversal = pc.equal(town[0]["visits"]["refd_setl_flag"].cast(pa.string()), "1")
    mine = pc.and_(pc.and_(settled, pc.invert(pc.fill_null(reversal, False))), pc.equal(plans, "inpatient_city_l3"))
    assert told["plans[3].layers[0].deductible.amount"] == pc.sum(mine).as_py() > 0


def test_a_change_that_nobody_reads_is_an_error_unless_said(book, engine, town):
    few = {**town[0], "visits": town[0]["visits"].slice(0, 0), "lines": town[0]["lines"].slice(0, 0)}
    text = f"format: ybcore-reform/1\nid: r\nchanges:\n  - {{policy: {LUOYANG}, path: '{L3}', add: 200}}\n"
    done = reformed(book, [load_reform(text)])
    with pytest.raises(InputError, match="no visit reads what this changes") as caught:
        done.reads(engine, few)
    assert caught.value.problems[0].line == 4
    assert done.reads(engine, few, unread=True)["visits_read"].to_pylist() == [0]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_adding_and_taking_away_comes_back(data):
    book = load_book(demo_policies())
    policy = data.draw(st.sampled_from(book.policies))
    leaf = data.draw(
        st.sampled_from([leaf for leaf in policy.figures() if leaf.unit in ("fen", "ppm") and leaf.text != "open"])
    )
    step = data.draw(st.integers(1, 5))
    amount = Fraction(step, 100 if leaf.unit == "fen" else 1_000_000)
    change = {"policy": policy.id, "path": leaf.path}
    try:
        there = reformed(book, [Reform.of("up", [{**change, "add": amount}])])
    except DocumentError:
        return  # a rate above one, edges that are not in order any more
    back = reformed(there.book, [Reform.of("down", [{**change, "add": -amount}])])
    assert back.book == book
    (row,) = there.table().to_pylist()
    assert row["after_value"] - row["before_value"] == step


def test_a_path_without_its_middle_is_told_where_it_ends(book):
    """A rate that stands in bands: the nearest is a rate below, not another key of the layer."""
    with pytest.raises(DocumentError) as caught:
        one(book, {"policy": LUOYANG, "path": "plans[inpatient_city_l3].layers[basic].rate", "points": 5})
    assert caught.value.problems[0].nearest in [
        f"plans[inpatient_city_l3].layers[basic].bands.steps[{step}].rate" for step in (0, 1)
    ]
    with pytest.raises(DocumentError, match="文件 下有"):
        one(book, {"policy": LUOYANG, "path": "palns[0]", "remove": True})
