"""Policy documents: what is wrong is told at its place, all at once; what is right has one form and one hash."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from ybcore.errors import DocumentError, Problem
from ybcore.policy import Policy, json_schema, load_book, load_policy, parse_file, parse_text
from ybcore.policy.figures import ByCounter, Compute, Const, Dated, FromAge, Table
from ybcore.policy.numbers import ScalarError, date_text, days, fen, fen_text, month_day, ppm, ppm_text, whole
from ybcore.policy.paths import parse_path, path_text

ROOT = Path(__file__).resolve().parent.parent

GOOD = """\
format: ybcore-policy/1
id: city-2024
name: {zh: 某市, en: A city}
scheme: {id: city, region: "1100", insutype: ["310"]}
effective: {from: 2024-01-01, to: 2025-01-01}
sets: {listed: ["M01", "M02"], later: []}
attributes: {designation: {table: institutions, default: city}}
references: {wage: {dated: [{from: 2023-01-01, value: 12000}, {from: 2024-01-01, value: 12500}]}}
tags: [special]
pricing:
  ratio_category: {by: psn_type, "12": R, else: ""}
  first_pay:
    - {ratio: catalog}
    - {ratio: 10%, when: {place: [referred]}, at: class}
counters:
  burden: {sum: [critical.base, -critical.paid], period: year}
  spent: {sum: [payer.hifp_pay], period: year}
admissions: {when: {med_type: ["21"]}}
accounts: {topups: [{every: month, amount: {by: age, "<45": 100, else: 120}}]}
layers:
  critical:
    payer: hifmi_pay
    base: [deductible, copay, {bucket: over_ceiling, part: 0.5}]
    settle: delta_F
    accumulate: burden
    deductible: {amount: {compute: {factor: 1.3, of: {reference: wage}, round: {to: yuan}}}}
    bands: {steps: [{to: 50000, rate: 60%}, {to: open, rate: 0.7}]}
plans:
  - id: inpatient
    when: {med_type: ["21", "22"]}
    layers:
      - id: basic
        basic: true
        payer: hifp_pay
        deductible:
          amount: {by: dedc_hosp_lv, "3": 1300, "2|1": 800.50, else: 500}
          admission: {list: [1300, 650]}
          level: [{when: {tcm_flag: "1"}, minus: 200}]
        bands:
          steps:
            - {to: 10000, rate: {from_age: {start: 0.75, per_year: 0.002, min: 0.8}}}
            - {to: open, rate: 0.9, payer: hifob_pay}
        rate_modifiers:
          points: [{when: {age: "60+"}, add: 0.05}]
        ceilings:
          - {on: fund, limit: {value: 6.5, unit: wan, source: assumed, cite: art. 3}, per: year}
      - {use: critical}
  - id: outpatient
    when: {med_type: "11"}
    layers:
      - id: clinic
        basic: true
        payer: hifp_pay
        rate: 0.5
        ceilings: [{on: fund, limit: {by_counter: spent, rows: [{upto: 100, value: 30}, {upto: open, value: 20}]}, per: day}]
  - {id: away, when: {place: [unregistered]}, benefit: none}
"""


def wrong(text: str, file: str = "p.yaml") -> tuple[Problem, ...]:
    """The problems of a wrong document."""
    with pytest.raises(DocumentError) as caught:
        Policy(parse_text(text, file))
    return caught.value.problems


def edited(*pairs: tuple[str, str]) -> str:
    """GOOD with each `old` (it must be there once) replaced."""
    text = GOOD
    for old, new in pairs:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        text = text.replace(old, new)
    return text


def place_of(text: str, needle: str) -> tuple[int, int]:
    """Line and column where `needle` begins."""
    before = text[: text.index(needle)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


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


# Wrong documents: one fault, one place


WRONG = [
    # old, new, where the mark points (in the edited text), path, a part of what, nearest
    ("payer: hifmi_pay", "payr: hifmi_pay", "payr", "layers.critical.payr", "unknown key 'payr'", "payer"),
    ("rate: 0.5\n", "rate: 1.5\n", "1.5", "plans[1].layers[0].rate", "between 0 and 1, found 1.5; for percent write 1.5%", ""),
    ("rate: 0.5\n", "rate: -0.5\n", "-0.5", "plans[1].layers[0].rate", "between 0 and 1", ""),
    ("800.50", "800.505", "800.505", 'plans[0].layers[0].deductible.amount["2|1"]', "exact to the fen", ""),
    ("[referred]", "[refered]", "refered", "pricing.first_pay[1].when.place[0]", "unknown value of place", "referred"),
    ("tcm_flag", "tcm_flg", "tcm_flg", "plans[0].layers[0].deductible.level[0].when.tcm_flg", "unknown attribute", "tcm_flag"),
    ("by: dedc_hosp_lv", "by: dedc_hosp_level", "dedc_hosp_level", "plans[0].layers[0].deductible.amount.by", "unknown attribute", "dedc_hosp_lv"),
    ("use: critical", "use: crtical", "crtical", "plans[0].layers[1].use", "unknown shared layer", "critical"),
    ("accumulate: burden", "accumulate: burdn", "burdn", "layers.critical.accumulate", "unknown counter", "burden"),
    ("[deductible, copay", "[deductible, copai", "copai", "layers.critical.base[1]", "unknown bucket", "copay"),
    ("payer: hifob_pay", "payer: hifob", "hifob}", "plans[0].layers[0].bands.steps[1].payer", "unknown word", "hifob_pay"),
    ("[payer.hifp_pay]", "[payer.hifp]", "payer.hifp]", "counters.spent.sum[0]", "unknown quantity of payer", "hifp_pay"),
    ("-critical.paid", "-critcal.paid", "-critcal.paid", "counters.burden.sum[1]", "unknown layer", "critical"),
    ("-critical.paid", "-critical.payed", "-critical.payed", "counters.burden.sum[1]", "unknown quantity of a layer", "paid"),
    ("by_counter: spent", "by_counter: spend", "spend,", "plans[1].layers[0].ceilings[0].limit.by_counter", "unknown counter", "spent"),
    ("reference: wage", "reference: wages", "wages", "layers.critical.deductible.amount.compute.of.reference", "unknown reference", "wage"),
    ("settle: delta_F", "settle: delta_f", "delta_f", "layers.critical.settle", "unknown word", "delta_F"),
    ("on: fund, limit: {value", "on: fonds, limit: {value", "fonds", "plans[0].layers[0].ceilings[0].on", "unknown word", "fund"),
    ("unit: wan", "unit: wann", "wann", "plans[0].layers[0].ceilings[0].limit.unit", "unknown unit", "wan"),
    ("source: assumed", "source: asumed", "asumed", "plans[0].layers[0].ceilings[0].limit.source", "unknown source", "assumed"),
    ('age: "60+"', 'age: "60 +"', '"60 +"', "plans[0].layers[0].rate_modifiers.points[0].when.age", "expected a whole number", ""),
    ('"<45"', '"<4 5"', '"<4 5"', 'accounts.topups[0].amount["<4 5"]', "expected a whole number", ""),
    ("when: {med_type: \"11\"}", 'when: {med_type: "@liste"}', '"@liste"', "plans[1].when.med_type", "unknown set", "listed"),
    ("when: {med_type: \"11\"}", 'when: {med_type: "11|12"}', '"11|12"', "plans[1].when.med_type", "write a list", ""),
    ("value: 12000}, {from: 2024-01-01", "value: 12000}, {from: 2022-01-01", "2022-01-01", "references.wage.dated[1].from", "dates must ascend", ""),
    ("to: 2025-01-01", "to: 2024-01-01", "2024-01-01}\nsets", "effective.to", "the effective range is empty", ""),
    ("{to: 50000, rate: 60%}, {to: open", "{to: 50000, rate: 60%}, {to: 50000", "50000, rate: 0.7", "layers.critical.bands.steps[1].to", "the same edge", ""),
    ("{to: 50000, rate: 60%}, {to: open", "{to: 50000, rate: 60%}, {to: 4, rate: 1}, {to: open", "4, rate", "layers.critical.bands.steps[1].to", "must ascend", ""),
    ("{to: 50000, rate: 60%}", "{to: open, rate: 60%}", "open, rate: 0.7", "layers.critical.bands.steps[1].to", "never reached", ""),
    ("  - id: outpatient", "  - id: inpatient ", "inpatient \n", "plans[1].id", "stands twice", ""),
    ("{use: critical}\n", "{use: critical}\n      - {use: critical}\n", "critical}\n  - id: out", "plans[0].layers[2].use", "stands twice in this plan", ""),
    ("{use: critical}\n", "{use: critical}\n      - {id: b2, basic: true, payer: maf_pay, rate: 1}\n", "{id: b2", "plans[0].layers[2]", "a second basic layer", ""),
    ("rate: 0.5\n", "rate: 0.5\n        base: [first_pay]\n", "first_pay]", "plans[1].layers[0].base[0]", "divides in_scope only", ""),
    ("rate: 0.5\n", "rate: 0.5\n        part_rates: {in_scope: 1}\n", "id: clinic", "plans[1].layers[0]", "exactly one of bands, rate, part_rates; found rate, part_rates", ""),
    ("rate: 0.5\n", "part_rates: {special.in_scope: 1, in_scope: 1}\n", "special.in_scope:", 'plans[1].layers[0].part_rates["special.in_scope"]', "unknown base part", "in_scope"),
    ("at: class}", "at: class}\n    - {ratio: 5%}", "{ratio: 5%}", "pricing.first_pay[2]", "a step at lines stands after a step at sums", ""),
    ("burden: {sum: [critical.base, -critical.paid], period: year}", "burden: {sum: [critical.base, -critical.paid], period: visit}", "burden\n", "layers.critical.accumulate", "has period visit", ""),
    ("{to: 50000, rate: 60%}", "{to: 50000, rate: 60%, payer: maf_pay}", "payer: maf_pay", "layers.critical.bands.steps[0].payer", "settled per visit", ""),
    ("settle: delta_F\n    accumulate: burden", "settle: delta_F", "payer: hifmi_pay", "layers.critical.accumulate", "needs `accumulate`", ""),
    ("rate: 0.5\n", "rate: 0.5\n        accumulate: spent\n", "accumulate: spent", "plans[1].layers[0].accumulate", "is for delta_F", ""),
    ("rate: 0.5\n", "rate: 0.5\n        deductible: {amount: 9, period: year}\n", "period: year}\n        ceil", "plans[1].layers[0].deductible.period", "no effect with `repeat: visit`", ""),
    ("rate: 0.5\n", "rate: 0.5\n        deductible: {amount: 9, repeat: cumulative, period: month, counter: spent}\n", "month, counter", "plans[1].layers[0].deductible.period", "has period year, not month", ""),
    ("rate: 0.5\n", "rate: 0.5\n        base: {of: cut_fund, layer: basic, from: [over_ceiling]}\n", "{of: cut_fund", "plans[1].layers[0].base", "no computed base", ""),
    ("{use: critical}\n", "{use: critical}\n      - {id: more, payer: maf_pay, rate: 1, base: {of: cut_fund, layer: critical, from: [over_ceiling]}}\n", "critical, from", "plans[0].layers[2].base.layer", "has no fund ceiling", ""),
    ("{use: critical}\n", "{use: critical}\n      - {id: more, payer: maf_pay, rate: 1, base: {of: cut_expense, layer: clinic, from: [over_ceiling]}}\n", "clinic, from", "plans[0].layers[2].base.layer", "does not stand earlier", ""),
    ("rate: 0.5\n", "rate: 0.5\n        deductible: {amount: 9, position: after_rate}\n        after_rate_deductible: 10\n", "after_rate_deductible", "plans[1].layers[0].after_rate_deductible", "taken after the rate already", ""),
    ("admissions: {when: {med_type: [\"21\"]}}\n", "", "admission: {list", "plans[0].layers[0].deductible.admission", "needs `admissions:`", ""),
    ("-critical.paid], period: year", "-critical.paid], period: year, scope: {attribute: agee}", "agee", "counters.burden.scope.attribute", "unknown attribute", "age"),
    ("deductible: {amount: {compute: {factor: 1.3,", "deductible: {amount: {compute: {factor: 1.3, over: 0,", "0, of", "layers.critical.deductible.amount.compute.over", "at least 1", ""),
    ("{factor: 1.3, of: {reference: wage}", "{factor: 1.3, of: wag", "wag,", "layers.critical.deductible.amount.compute.of", "unknown numeric field", "wage"),
    ("round: {to: yuan}", "round: {to: exact}", "exact}", "layers.critical.deductible.amount.compute.round.to", "unknown rounding 'exact'", ""),
    ("tags: [special]", "tags: [special]\nrounding: {end: exact}", "exact}", "rounding.end", "rounds to the fen at least", ""),
    ("tags: [special]", "tags: [special]\nrounding: {lines: fen}", "lines", "rounding.lines", "unknown key", "line"),
    ("tags: [special]", "tags: [special]\nrounding: {layer: {to: fen, mode: halfup}}", "halfup", "rounding.layer.mode", "unknown rounding", "half_up"),
    ("format: ybcore-policy/1", "format: ybcore-policy/2", "ybcore-policy/2", "format", "unknown word", "ybcore-policy/1"),
    ("basic: true\n        payer: hifp_pay\n        rate", "basic: yes\n        payer: hifp_pay\n        rate", "yes\n", "plans[1].layers[0].basic", "expected true or false, found 'yes'", ""),
    ("region: \"1100\"", "region: beijing", "beijing", "scheme.region", "a prefix of a six-digit admdvs code", ""),
    ("attributes: {designation", "attributes: {age", "age: {table", "attributes.age", "is an attribute already", ""),
    ("every: month, amount", "every: month, when: {med_type: \"11\"}, amount", "med_type: \"11\"}, amount", "accounts.topups[0].when.med_type", "not an attribute of the person", ""),
    ("    layers:\n      - id: clinic", "    feeds: [spent, spent]\n    layers:\n      - id: clinic", "spent]", "plans[1].feeds[1]", "stands twice", ""),
    ("benefit: none}", "benefit: none, layers: [{use: critical}]}", "layers: [{use", "plans[2].layers", "has no layers", ""),
    ("    settle: delta_F\n", "    id: other\n    settle: delta_F\n", "other\n", "layers.critical.id", "is its key 'critical'", ""),
]  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[3] + " " + case[4][:24])
def test_wrong_documents_tell_the_place(case):
    old, new, needle, path, what, nearest = case
    text = edited((old, new))
    hits = [problem for problem in wrong(text) if problem.path == path and what in problem.what]
    assert len(hits) == 1, [str(problem) for problem in wrong(text)]
    (problem,) = hits
    assert (problem.line, problem.column) == place_of(text, needle), str(problem)
    assert problem.nearest == nearest and problem.file == "p.yaml"
    assert problem.what_zh and str(problem).startswith(f"p.yaml:{problem.line}:{problem.column}: {path}: ")


def test_one_problem_and_not_its_echoes():
    """A single wrong word tells one problem, not a train of consequences."""
    for old, new in [
        ("payer: hifmi_pay", "payer: hifmi"),
        ("rate: 0.5\n", "rate: fifty\n"),
        ("period: year}\n  spent", "period: yearly}\n  spent"),
        ("[referred]", "[refered]"),
        ("every: month", "every: moon"),
        ('med_type: ["21", "22"]', 'med_typ: ["21", "22"]'),
        ("amount: {by: dedc_hosp_lv", "amount: {by: dedc"),
    ]:
        assert len(wrong(edited((old, new)))) == 1, (new, [str(p) for p in wrong(edited((old, new)))])


def test_all_problems_at_once():
    text = edited(
        ("[referred]", "[refered]"),
        ("payer: hifmi_pay", "payer: hifmi"),
        ("rate: 0.5\n", "rate: 1.5\n"),
        ("{to: open, rate: 0.9,", "{to: 5000, rate: 0.9,"),  # a rule between parts, beside wrong shapes
        ("to: 2025-01-01", "to: 2023-01-01"),
        ("id: outpatient", "idd: outpatient"),
        ("every: month", "evry: month"),
    )
    found = wrong(text)
    assert [problem.path for problem in found] == [
        "effective.to",
        "pricing.first_pay[1].when.place[0]",
        "accounts.topups[0].every",
        "accounts.topups[0].evry",
        "layers.critical.payer",
        "plans[0].layers[0].bands.steps[1].to",
        "plans[1].id",
        "plans[1].idd",
        "plans[1].layers[0].rate",
    ]
    assert [(p.line, p.column) for p in found] == sorted((p.line, p.column) for p in found)


# Counters that live


def test_counters_that_nothing_feeds():
    away = GOOD.replace(
        '    when: {med_type: ["21", "22"]}\n', '    when: {med_type: ["21", "22"]}\n    feeds: [spent]\n'
    )
    problems = wrong(away)
    assert [(p.path, p.what) for p in problems] == [
        ("counters.burden.sum[0]", "no plan that feeds 'burden' has layer 'critical'"),
        ("counters.burden.sum[1]", "no plan that feeds 'burden' has layer 'critical'"),
    ]
    nobody = edited(("      - {use: critical}\n", ""))
    assert {p.path for p in wrong(nobody)} == {"layers.critical", "counters.burden.sum[0]", "counters.burden.sum[1]"}


# What can never be reached


def plans(*rows: str, extra: str = "") -> str:
    """A document with these plans; each row is `when` and an optional rate."""
    head = 'format: ybcore-policy/1\nid: d\nscheme: {id: s, region: "*", insutype: ["310", "34"]}\neffective: {from: 2024-01-01}\n'
    body = "".join(
        f"  - {{id: p{i}, {row}, layers: [{{id: basic, basic: true, payer: hifp_pay, rate: 0.5}}]}}\n"
        for i, row in enumerate(rows)
    )
    return head + extra + "plans:\n" + body


UNREACHABLE = [
    (('when: {med_type: "1"}', 'when: {med_type: ["11", "14"]}'), {1}),
    (('when: {med_type: "11"}', 'when: {med_type: "1"}'), set()),
    (('when: {place: {not: local}}', "when: {place: local}", 'when: {med_type: "11"}'), {2}),
    (('when: {age: "<18"}', 'when: {age: "18-59"}', 'when: {age: "60+"}', "when: {}"), set()),  # a missing age
    (('when: {age: "<18"}', 'when: {age: "18+"}', 'when: {age: "60+"}'), {2}),
    (('when: {age: "<18", place: local}', 'when: {age: "18+", place: local}', 'when: {age: "0+", place: local}'), {2}),
    (('when: {insutype: "390"}', "when: {}"), {0}),  # not of this scheme
    (('when: {insutype: "310"}', 'when: {insutype: "34"}', "when: {}"), {2}),
    (('when: {cvlserv_flag: "1"}', 'when: {cvlserv_flag: "0"}', 'when: {gend: "1"}'), {2}),
    (('when: {hosp_lv: ["01"]}', 'when: {hosp_lv: {not: "01"}, gend: "1"}', 'when: {gend: "1"}', "when: {}"), {2}),
    (("when: {}", "when: {}"), {1}),
    (('when: {dise_codg: ""}', 'when: {dise_codg: {not: ""}}', "when: {}"), {2}),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "dead"), UNREACHABLE)
def test_unreachable_plans(rows: tuple[str, ...], dead: set[int]):
    text = plans(*rows)
    if not dead:
        load_policy(text)
        return
    problems = wrong(text)
    assert {problem.path for problem in problems} == {f"plans[{index}]" for index in dead}
    assert all("never reached" in problem.what for problem in problems)


def test_the_covering_plan_is_named():
    (problem,) = wrong(plans('when: {med_type: "1"}', 'when: {med_type: "11", gend: "1"}'))
    assert "plan 'p0' matches first wherever it holds" in problem.what
    (problem,) = wrong(plans("when: {place: {not: local}}", "when: {place: local}", "when: {}"))
    assert "the plans before it together" in problem.what


def test_reachability_agrees_with_brute_force():
    """Random small decision tables: decided classes against trying every combination of many values."""
    import itertools
    import random

    from ybcore.policy.conditions import Test
    from ybcore.policy.models import PolicyModel
    from ybcore.policy.names import Names
    from ybcore.policy.reach import _Space, first_match

    model: PolicyModel = load_policy(plans("when: {}")).model
    space = _Space(model, Names())
    rng = random.Random(7)
    codes = ["1", "11", "12", "2", "21", "111"]
    values = {
        "med_type": ["", "1", "11", "110", "111", "12", "13", "2", "21", "22", "3"],
        "gend": ["", "1", "2", "9"],
        "age": [None, *range(12)],
    }

    def one(name: str) -> Test:
        negate = rng.random() < 0.3
        if name == "age":
            low = rng.randrange(0, 8)
            ends = {"low": rng.choice([None, low]), "below": rng.choice([None, low + rng.randrange(1, 4)])}
            return Test(attribute=name, match="number", negate=negate, ranges=(ends,))
        match = "prefix" if name == "med_type" else "exact"
        pool = codes if name == "med_type" else ["1", "2"]
        return Test(attribute=name, match=match, negate=negate, codes=tuple(rng.sample(pool, rng.randrange(1, 3))))

    for _ in range(300):
        rows = [[one(name) for name in values if rng.random() < 0.6] for _ in range(rng.randrange(2, 6))]
        expected = set()
        for combination in itertools.product(*values.values()):
            visit = dict(zip(values, combination))
            hit = next((i for i, row in enumerate(rows) if all(t.holds(visit[t.attribute]) for t in row)), None)
            if hit is not None:
                expected.add(hit)
        assert first_match(rows, [], space).first == expected


@pytest.mark.parametrize(
    ("old", "new", "path", "what"),
    [
        ('"3": 1300, "2|1"', '"3": 1300, "3|2|1"', None, ""),  # still reached by 2 and 1
        ('"3": 1300, "2|1"', '"3|2": 1300, "2"', 'plans[0].layers[0].deductible.amount["2"]', "never reached"),
        ('by: dedc_hosp_lv, "3": 1300, "2|1"', 'by: med_type, "3": 1300, "21"', 'plans[0].layers[0].deductible.amount["3"]', "no visit that comes here"),
        ('{tcm_flag: "1"}', '{med_type: "11"}', "plans[0].layers[0].deductible.level[0].when", "never holds here"),
        (
            'level: [{when: {tcm_flag: "1"}, minus: 200}]',
            'level: [{when: {}, minus: 200}, {when: {tcm_flag: "1"}, minus: 300}]',
            "plans[0].layers[0].deductible.level[1]",
            "always match first",
        ),
        ('"<45": 100, else: 120', '"<45": 100, "0-9": 5, else: 120', 'accounts.topups[0].amount["0-9"]', "never reached"),
        ("rate: 0.5\n", 'rate: {by: tcm_flag, "0": 0.5, "1": 0.6, else: 1}\n', "plans[1].layers[0].rate.else", "match everything"),
        ("rate: 0.5\n", 'rate: {by: age, "<60": {by: age, "60+": 1, else: 0.5}, else: 1}\n', 'plans[1].layers[0].rate["<60"]["60+"]', "no visit"),
        ("rate: 0.5\n", 'rate: {by: dise_codg, "@later": 1, "@listed": 0.8, else: 0.5}\n', None, ""),  # to be filled
        ("rate: 0.5\n", 'rate: {by: age, "<60": 1, "60+": 0.5, else: 0.7}\n', None, ""),  # a missing age
    ],
)  # fmt: skip
def test_unreachable_keys(old: str, new: str, path: str | None, what: str):
    text = edited((old, new))
    if path is None:
        load_policy(text)
        return
    assert [(problem.path, what in problem.what) for problem in wrong(text)] == [(path, True)]


def test_a_shared_layer_is_judged_by_all_its_plans():
    """A key that only the second plan can reach is reached."""
    text = edited(
        ("rate: 60%", 'rate: {by: med_type, "11": 0.5, else: 0.6}'),
        ("per: day}]\n", "per: day}]\n      - {use: critical}\n"),
    )
    load_policy(text)
    alone = edited(("rate: 60%", 'rate: {by: med_type, "11": 0.5, else: 0.6}'))
    assert [problem.path for problem in wrong(alone)] == ['layers.critical.bands.steps[0].rate["11"]']


# Books


def document(
    name: str, scheme: str, start: str, end: str | None, *more: str, region: str = '"11"', types: str = '["310"]'
) -> Policy:
    until = f", to: {end}" if end else ""
    text = (
        f"format: ybcore-policy/1\nid: {name}\nscheme: {{id: {scheme}, region: {region}, insutype: {types}}}\n"
        f"effective: {{from: {start}{until}}}\n" + "".join(f"{line}\n" for line in more)
        + "plans: [{id: p, layers: [{id: basic, basic: true, payer: hifp_pay, rate: 0.5}]}]\n"
    )  # fmt: skip
    return Policy(parse_text(text, f"{name}.yaml"))


def book_problems(*policies: Policy) -> list[tuple[str, str, str]]:
    with pytest.raises(DocumentError) as caught:
        load_book(policies)
    return [(str(p.file), p.path, p.what) for p in caught.value.problems]


def test_a_book_in_order():
    a = document("a", "s", "2023-01-01", "2024-01-01")
    b = document("b", "s", "2024-01-01", None)
    c = document("c", "t", "2023-06-01", None, types='["390"]')
    book = load_book([b, c, a])
    assert [policy.id for policy in book] == ["a", "b", "c"] and len(book) == 3
    assert load_book([a, b, c]) == book and hash(load_book([c, b, a])) == hash(book)
    assert load_book([a, b]) != book and load_book(book) is book and pickle.loads(pickle.dumps(book)) == book
    assert book.find("310", "110101", days("2023-12-31")) == a
    assert book.find("310", "110101", days("2024-01-01")) == b
    assert book.find("310", "120101", days("2024-01-01")) is None
    assert book.find("390", "110101", days("2023-01-01")) is None
    assert book["c"] is c and {name: len(rows) for name, rows in book.schemes().items()} == {"s": 2, "t": 1}
    with pytest.raises(KeyError):
        book["z"]


def test_gaps_overlaps_and_disagreements():
    a = document("a", "s", "2023-01-01", "2024-01-01", "counters: {paid: {sum: [basic.paid], period: year}}")
    gap = document("g", "s", "2024-02-01", None)
    over = document("o", "s", "2023-12-01", None)
    assert book_problems(a, gap) == [("g.yaml", "effective.from", "a gap from 2024-01-01 to 2024-02-01 after 'a'")]
    assert book_problems(a, over) == [
        ("o.yaml", "effective.from", "overlaps 'a', which holds to 2024-01-01; this one begins 2023-12-01")
    ]
    after = document(
        "b", "s", "2024-01-01", None, "counters: {paid: {sum: [basic.paid], period: month, scope: household}}"
    )
    assert [(path, what[:40]) for _, path, what in book_problems(a, after)] == [
        ("counters.paid.period", "counter 'paid' has period month; 'a' say"),
        ("counters.paid.scope", "counter 'paid' has scope household; 'a' "),
    ]
    moved = document("b", "s", "2024-01-01", None, region='"12"', types='["310", "390"]')
    assert [path for _, path, _ in book_problems(a, moved)] == ["scheme.region", "scheme.insutype"]
    other = document("b", "s", "2024-01-01", None, "dates: {policy: settlement, order: discharge}")
    assert [path for _, path, _ in book_problems(a, other)] == ["dates.policy", "dates.order"]
    twin = document("a", "t", "2023-01-01", None, types='["390"]')
    assert [(path, what) for _, path, what in book_problems(a, twin)] == [("id", "id 'a' is also that of a.yaml")]


@pytest.mark.parametrize(
    ("region", "types", "start", "clash"),
    [
        ('"1101"', '["310"]', "2023-06-01", True),
        ('"*"', '["31"]', "2023-06-01", True),
        ('"12"', '["310"]', "2023-06-01", False),
        ('"11"', '["390"]', "2023-06-01", False),
        ('"11"', '["310"]', "2024-01-01", False),
    ],
)
def test_two_schemes_never_cover_one_person(region: str, types: str, start: str, clash: bool):
    a = document("a", "s", "2023-01-01", "2024-01-01")
    b = document("b", "t", start, None, region=region, types=types)
    if clash:
        ((file, path, what),) = book_problems(a, b)
        assert (file, path) == ("b.yaml", "scheme") and "both cover insutype" in what
    else:
        load_book([a, b])


def test_books_from_folders_and_texts(tmp_path: Path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "two.yml").write_text(
        GOOD.replace("city-2024", "town").replace("id: city,", "id: town,").replace('"310"', '"390"'), encoding="utf-8"
    )
    (tmp_path / "notes.txt").write_text("not a policy", encoding="utf-8")
    book = load_book(tmp_path)
    assert {policy.id for policy in book} == {"city-2024", "town"}
    assert load_book([tmp_path / "deep", str(tmp_path / "two.yml")]) == book
    assert load_book(GOOD) == load_book([load_policy(tmp_path / "deep" / "one.yaml")])

    (tmp_path / "three.yaml").write_text("format: x\n", encoding="utf-8")
    (tmp_path / "four.yaml").write_text("a: 1\na: 2\n", encoding="utf-8")
    with pytest.raises(DocumentError) as caught:
        load_book(tmp_path)
    assert {Path(str(problem.file)).name for problem in caught.value.problems} == {"three.yaml", "four.yaml"}
    (tmp_path / "empty").mkdir()
    with pytest.raises(DocumentError, match=r"no \*.yaml"):
        load_book(tmp_path / "empty")
    with pytest.raises(FileNotFoundError):
        load_policy(tmp_path / "none.yaml")


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


def test_wrong_items_do_not_make_their_list_short():
    """A document whose only plan is wrong hears of the plan alone; an empty list is still told."""
    text = """format: ybcore-policy/1
id: bad
scheme: {id: bad, region: "*", insutype: ["310"]}
effective: {from: 2024-01-01}
plans:
  - id: a
    layers:
      - {id: basic, basic: true, payer: hifp_pai, rate: 0.8}
"""
    with pytest.raises(DocumentError) as wrong:
        load_policy(text)
    assert [problem.path for problem in wrong.value.problems] == ["plans[0].layers[0].payer"]
    with pytest.raises(DocumentError) as empty:
        load_policy(text[: text.index("plans:")] + "plans: []\n")
    assert [problem.path for problem in empty.value.problems] == ["plans"]
