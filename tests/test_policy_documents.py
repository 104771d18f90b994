"""Policy documents: what is right has one form and one hash, and the reader tells where a text is none."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from policy_texts import GOOD, edited, place_of, wrong
from ybcore.errors import DocumentError
from ybcore.policy import json_schema, load_book, load_policy, parse_file, parse_text
from ybcore.policy.figures import ByCounter, Compute, Const, Dated, FromAge, Table
from ybcore.policy.numbers import ScalarError, date_text, days, fen, fen_text, month_day, ppm, ppm_text, whole
from ybcore.policy.paths import parse_path, path_text

ROOT = Path(__file__).resolve().parent.parent


# The reader


def test_every_scalar_stays_text():
    doc = parse_text("a: 010\nb: no\nc: 0.65\nd: 12:30:45\ne: 1e3\nf: [true, null, 2024-01-01, '']\n").doc
    assert doc == {
        "a": "010",
        "b": "no",
        "c": "0.65",
        "d": "12:30:45",
        "e": "1e3",
        "f": ["true", "null", "2024-01-01", ""],
    }

    def kinds(value: object) -> set[type]:
        if isinstance(value, dict):
            return {dict}.union(*map(kinds, value.values()))
        if isinstance(value, list):
            return {list}.union(*map(kinds, value))
        return {type(value)}

    assert kinds(doc) == {dict, list, str}
    assert kinds(load_policy(GOOD).doc) == {dict, list, str}


def test_marks_are_lines_and_columns_from_one():
    parsed = parse_text("a:\n  b: [x, y]\n")
    assert parsed.mark(("a", "b", 1)) == (2, 10)
    assert parsed.mark(("a", "b"), key=True) == (2, 3)
    assert parsed.mark(("a", "none")) == (2, 3)  # what is missing is told at its holder


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("a: 1\nb: {c: 1, d: 2, c: 3}\n", 2, 17, "duplicate key 'c'; it already stands at line 2"),
        ("a: 1\n---\nb: 2\n", 2, 1, "one file holds one document; remove the second `---`"),
        ("a: &x [1, *x]\n", 1, 4, "an anchor contains itself"),
        ("a: *z\n", 1, 4, "not YAML: found undefined alias 'z'"),
        ("a: [1\n", 2, 1, "not YAML: expected ',' or ']', but got '<stream end>'"),
        ("<<: {a: 1}\n", 1, 1, "merge keys (<<) are not supported"),
        ("? [a]\n: 1\n", 1, 3, "a key must be plain text"),
        ("a: !money 3\n", 1, 4, "the tag !money has no meaning here"),
        ("- a\n", 1, 1, "the document must be a mapping"),
        ("", 1, 1, "the document is empty"),
    ],
)
def test_the_reader_tells_where(text: str, line: int, column: int, what: str):
    (problem,) = wrong(text)
    assert (problem.file, problem.line, problem.column, problem.what) == ("p.yaml", line, column, what)
    assert problem.what_zh


def test_every_duplicate_is_told():
    found = wrong("a: 1\na: 2\nb:\n  c: 1\n  c: 2\n  c: 3\n")
    assert [(p.line, p.path) for p in found] == [(2, "a"), (5, "b.c"), (6, "b.c")]


def test_not_utf8():
    with pytest.raises(DocumentError) as caught:
        parse_text("a: 1\nb: 医保".encode("gb18030"), "p.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (2, 6)
    assert "not UTF-8" in problem.what
    assert parse_text("\ufeffa: 医\n".encode()).doc == {"a": "医"}


def test_aliases_of_aliases_end():
    text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{new}: &{new} [*{old}, *{old}, *{old}, *{old}, *{old}, *{old}, *{old}, *{old}, *{old}, *{old}]\n"
        for old, new in zip("abcdef", "bcdefg")
    )
    assert any("too many nodes" in problem.what for problem in wrong(text))
    assert any("nested deeper" in problem.what for problem in wrong("a: " + "[" * 80 + "]" * 80))


# Numbers


def test_exact_scalars():
    assert fen("1300.50") == 130050 and fen("6.5", "wan") == 6_500_000 and fen("3", "jiao") == 30 and fen("-1") == -100
    assert ppm("0.85") == ppm("85%") == 850_000 and ppm("0.000001") == 1 and ppm("12.3456%") == 123_456
    assert (
        days("1970-01-02") == 1 and days("2024-02-29") == 19782 and month_day("07-01") == (7, 1) and whole("12") == 12
    )
    for value in (0, 5, 50, 130050, -7, 10**15 + 1):
        assert fen(fen_text(value)) == value
    for value in (0, 1, 850_000, 1_000_000, 1_234_567):
        assert ppm(ppm_text(value)) == value
    assert days(date_text(19782)) == 19782


@pytest.mark.parametrize(
    ("read", "text", "what"),
    [
        (fen, "12.345", "exact to the fen"),
        (fen, "1,300", "without separators"),
        (fen, "010", "a leading zero"),
        (fen, "1e3", "without an exponent"),
        (fen, "１３", "expected money"),
        (fen, " 1", "expected money"),
        (fen, "9" * 20, "too large"),
        (ppm, "0.1234567", "at most 6 decimals"),
        (ppm, "12.34567%", "at most 6 decimals"),
        (ppm, "most", "expected a rate"),
        (days, "2023-02-29", "expected a date"),
        (days, "2023-2-9", "expected a date"),
        (days, "20230209", "expected a date"),
        (month_day, "02-29", "expected a day of the year"),
        (whole, "1.0", "expected a whole number"),
        (whole, "007", "a leading zero"),
    ],
)
def test_inexact_scalars_are_refused(read, text: str, what: str):
    with pytest.raises(ScalarError) as caught:
        read(text)
    assert what in caught.value.en and caught.value.zh


# A right document


def test_normal_form():
    policy = load_policy(GOOD)
    model = policy.model
    basic, critical = model.plans[0].layers
    amount = basic.deductible.amount
    assert isinstance(amount, Table) and amount.by == "dedc_hosp_lv"
    assert [(row.key, row.test.codes, row.value.value) for row in amount.rows] == [
        ("3", ("3",), 130000),
        ("2|1", ("2", "1"), 80050),
    ]
    assert isinstance(amount.otherwise, Const) and (amount.otherwise.dim, amount.otherwise.value) == ("money", 50000)
    rate = basic.steps[0].rate
    assert isinstance(rate, FromAge) and (rate.start, rate.per_year, rate.least, rate.most) == (
        750000,
        2000,
        800000,
        1000000,
    )
    limit = basic.ceilings[0].limit
    assert (limit.value, limit.assumed, limit.cite) == (6_500_000, True, "art. 3")
    assert critical is model.layers["critical"] and critical.id == "critical" and not critical.carries
    start = critical.deductible.amount
    assert isinstance(start, Compute) and start.of_reference == "wage" and start.round.to == "yuan"
    assert isinstance(model.references["wage"], Dated)
    assert isinstance(model.plans[1].layers[0].ceilings[0].limit, ByCounter)
    assert [plan.feeds for plan in model.plans] == [("burden", "spent"), ("burden", "spent"), ()]
    assert model.plans[0].when.tests[0].match == "prefix"
    assert (model.rounding.band.to, model.rounding.line.to, model.grid) == ("exact", "fen", False)
    assert policy.effective == (days("2024-01-01"), days("2025-01-01"))
    assert policy.line_of("plans[1].id") == place_of(GOOD, "outpatient")[0]


@pytest.mark.parametrize(
    ("text", "grid"),
    [
        ("", False),
        ("rounding: {band: exact}\n", False),
        ("rounding: {layer: exact}\n", True),
        ("rounding: {deductible: {to: exact}}\n", True),
        ("rounding: {mode: down, end: yuan}\n", False),
    ],
)
def test_exact_places_make_the_grid(text: str, grid: bool):
    assert load_policy(GOOD + text).model.grid is grid


def test_rounding_modes_are_inherited():
    rounding = load_policy(
        GOOD + "rounding: {mode: half_even, layer: {to: yuan, mode: down}, line: jiao}\n"
    ).model.rounding
    assert (rounding.layer.to, rounding.layer.mode) == ("yuan", "down")
    assert (rounding.line.to, rounding.line.mode, rounding.end.mode) == ("jiao", "half_even", "half_even")


def test_canonical_form_and_hash():
    policy = load_policy(GOOD)
    reformatted = "# a comment\n" + GOOD.replace("10%", "0.10").replace("60%", '"0.6"').replace(
        "6.5, unit: wan", "65000"
    )
    assert load_policy(reformatted) == policy and hash(load_policy(reformatted)) == hash(policy)
    assert load_policy(edited(("rate: 0.5", "rate: 0.500001"))) != policy
    value = json.loads(policy.canonical(), parse_float=lambda text: pytest.fail(f"a float: {text}"))
    assert value["plans"][0]["layers"][1]["id"] == "critical"
    assert value["dates"] == {
        "policy": "discharge",
        "order": "settlement",
        "class": "fee",
        "ratio": "fee",
        "cap": "fee",
    }
    assert policy.canonical() == load_policy(GOOD).canonical()
    assert len(policy.sha256) == 64 and pickle.loads(pickle.dumps(policy)) == policy


def test_a_raw_document_round_trips():
    policy = load_policy(GOOD)
    assert load_policy(policy.doc) == policy
    policy.doc["id"] = "changed"  # a copy
    assert policy.id == "city-2024" and policy.doc["id"] == "city-2024"
    with pytest.raises(AttributeError):
        policy._model = None
    with pytest.raises(DocumentError) as caught:
        load_policy({**policy.doc, "note": 0.5, "more": [1]})
    assert {p.path for p in caught.value.problems} >= {"note", "more[0]"}


def test_figures_list_and_replacement():
    policy = load_policy(GOOD)
    rows = {row.path: row for row in policy.figures()}
    wage = rows["references.wage.dated[1].value"]
    assert (wage.text, wage.value, wage.unit, wage.date) == ("12500", 1250000, "fen", days("2024-01-01"))
    limit = rows["plans[0].layers[0].ceilings[0].limit.value"]
    assert (limit.value, limit.written_in, limit.cite, limit.assumed) == (6_500_000, "wan", "art. 3", True)
    assert rows['plans[0].layers[0].deductible.amount["2|1"]'].value == 80050
    assert rows["layers.critical.deductible.amount.compute.factor"].unit == "ppm"
    assert rows['pricing.ratio_category["12"]'].unit == "text"
    assert rows["plans[0].layers[0].bands.steps[0].rate.from_age.min"].value == 800000
    assert [path for path in rows if path.endswith("default")] == []
    assert [row.line for row in policy.figures()] == sorted(row.line for row in policy.figures())

    for value in ("0.6", "60%", Decimal("0.6"), Fraction(3, 5)):
        changed = policy.with_figure("plans[1].layers[0].rate", value)
        assert changed.model.plans[1].layers[0].rate.value == 600_000 and changed != policy
    assert policy.with_figure("plans[1].layers[0].rate", "50%") == policy
    with pytest.raises(TypeError, match="float"):
        policy.with_figure("plans[1].layers[0].rate", 0.6)
    with pytest.raises(ValueError, match="finite"):
        policy.with_figure("plans[1].layers[0].rate", Fraction(1, 3))
    for path in ("plans[7].id", "plans[1].layers[0].rat", "plans[1]", "plans.x"):
        with pytest.raises(KeyError):
            policy.with_figure(path, "1")
    with pytest.raises(DocumentError):
        policy.with_figure("plans[1].layers[0].rate", "60")
    edges = "plans[0].layers[0].bands.steps[0].to"
    both = policy.with_figures({edges: 20000, "plans[1].layers[0].rate": "1"})
    assert both.model.plans[0].layers[0].steps[0].to.value == 2_000_000


def test_every_figure_matters_to_the_hash():
    policy = load_policy(GOOD)
    for row in policy.figures():
        other = {"text": "Z", "ppm": "0.812345", "fen": "777"}[row.unit]
        try:
            assert policy.with_figure(row.raw_path, other) != policy, row.path
        except DocumentError as error:  # only order may forbid the new value
            assert all("ascend" in p.what or "below" in p.what for p in error.problems), error


def test_paths_round_trip():
    for path in [("plans", 0, "rate"), ("a", "2|1", 3), ("x", 'q"\\', "special.in_scope"), (), ("<45",)]:
        assert parse_path(path_text(path)) == path
    with pytest.raises(ValueError, match="not a path"):
        parse_path("a..b")


# What the project ships


def test_the_schema_accepts_what_the_checker_accepts():
    jsonschema = pytest.importorskip("jsonschema", reason="the jsonschema package is not installed")
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    documents = [load_policy(GOOD).doc, *(parse_file(path).doc for path in SHIPPED)]
    for doc in documents:
        assert [error.message for error in validator.iter_errors(doc)] == []
    for old, new in [
        ("payer: hifmi_pay", "payr: hifmi_pay"),
        ("settle: delta_F", "settle: sometimes"),
        ("rate: 0.5\n", "rate: half\n"),
    ]:
        assert list(validator.iter_errors(parse_text(edited((old, new))).doc))


SHIPPED = sorted((ROOT / "data" / "policies").rglob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_policies_are_right(path: Path):
    policy = load_policy(path)
    assert policy.figures() and all(row.line for row in policy.figures())
    assert load_policy(policy.doc) == policy


def test_shipped_policies_are_one_book():
    assert SHIPPED and len(load_book(ROOT / "data" / "policies")) == len(SHIPPED)
