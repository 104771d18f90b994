"""The shipped rule documents: published rows, figures of the sources, choices, and what their README says."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from test_rule_documents import CITY, RULES
from ybcore.checks import RuleBook, load_rules, shipped_rules
from ybcore.checks.examples import examples_of
from ybcore.checks.tables import ALWAYS, OPEN
from ybcore.checks.vocabulary import UNKNOWN
from ybcore.messages import in_language
from ybcore.policy.numbers import days


@pytest.fixture(scope="module")
def shipped() -> RuleBook:
    return load_rules(shipped_rules())


PUBLISHED = {
    "drug_age_group": 4398, "drug_insurance_type": 112, "drug_max_paid_days": 1147, "drug_min_hosp_lv": 962, "drug_sex": 6472,
    "drug_visit_type": 736, "item_age_employment": 1, "item_age_group": 30, "item_course_days": 11, "item_duplicate_charge": 900,
    "item_max_per_window": 14, "item_max_quantity": 67, "item_primary_secondary": 378, "item_sex": 390,
}  # fmt: skip


def test_every_published_row_is_used_by_an_enabled_rule(shipped: RuleBook):
    assert sum(PUBLISHED.values()) == 15618
    used: dict[str, set[int]] = {}
    for rule in shipped:
        if rule.document == "national-2025":
            assert rule.enabled and rule.table is not None
            for row in range(len(rule.table)):
                file, line = rule.table.place(row)
                used.setdefault(Path(file).stem, set()).add(line)
    assert {name: len(lines) for name, lines in used.items()} == PUBLISHED


RENAMED = {
    "item_duplicate_charge": {"main_code": "main", "included_code": "included"},
    "item_primary_secondary": {"med_list_codg": "item"},
}


def test_the_tables_are_the_published_ones(shared: Path):
    for name, count in PUBLISHED.items():
        with (shared / "data" / "national_rules" / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
            theirs = list(csv.DictReader(file))
        with (RULES / "national" / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            ours = list(csv.DictReader(file))
        assert len(ours) == len(theirs) == count
        names = RENAMED.get(name, {})
        for mine, published in zip(ours, theirs):
            assert {key: mine[names.get(key, key)] for key in published} == published


def test_published_rows_hold_always_and_are_known_since_the_day_that_is_assumed(shipped: RuleBook):
    (head,) = (document.head for document in shipped.documents if document.head.id == "national-2025")
    assert {"from", "known_since"} <= set(head.assumed)
    tables = [rule.table for rule in shipped if rule.document == "national-2025" and rule.table is not None]
    assert len(tables) > 14
    for table in tables:
        assert set(table.begin.tolist()) == {ALWAYS} and set(table.end.tolist()) == set(table.dropped.tolist()) == {
            OPEN
        }
        assert set(table.known.tolist()) == {days("2025-05-23")}
        assert set(table.region) == {"*"} and set(table.level) == {""}


def test_ages_that_the_tables_name_are_parameters(shipped: RuleBook):
    """28 days, 3 and 18 years: words of the tables, figures of ours."""
    named = {"新生儿": "newborn_days", "婴幼儿": "infant_years", "儿童": "child_years"}
    assert {word: shipped.parameters[name] for word, name in named.items()} == {
        "新生儿": "28",
        "婴幼儿": "3",
        "儿童": "18",
    }
    newborn = shipped["N18"].check.barred
    assert (newborn.unit, newborn.comparator, newborn.value.parameter) == ("day", "more_than", "newborn_days")
    for rule, words in (("N19", ("儿童", "婴幼儿")), ("N65", ("儿童",))):
        tests = shipped[rule].check.barred.map
        assert {word: (test.unit, test.comparator, test.value.parameter) for word, test in tests.items()} == {
            word: ("year", "at_least", named[word]) for word in words
        }


def test_notes_with_a_digit_are_suspect_and_no_quantity_is_read_from_them(shipped: RuleBook):
    table = shipped["N25"].table
    assert table is not None and int(table.suspect.sum()) == 300
    assert table.suspect.tolist() == [any(c.isdigit() for c in note) for note in table.columns["note"]]
    assert set(shipped["N25"].numbers["included_qty"].tolist()) == {UNKNOWN}
    scopes = dict(zip(*np.unique(np.array(table.columns["scope"]), return_counts=True)))
    assert {str(k): int(v) for k, v in scopes.items()} == {"单日": 446, "单次就诊": 429, "6小时": 18, "同一小时": 7}


def test_figures_of_the_shipped_rules(shipped: RuleBook):
    assert {rule.id: rule.check.windows[0].days.value for rule in shipped if rule.national == 31} == {
        "N31_7": 7,
        "N31_14": 14,
        "N31_15": 15,
    }
    for rule in (
        rule for rule in shipped if rule.national == 31
    ):  # the table's count and days, though the rule writes them out
        (window,) = rule.check.windows
        assert {(window.thresholds[0].value.text, window.days.text)} == set(
            zip(rule.table.columns["max_count"], rule.table.columns["window_days"])
        )
    assert sorted(shipped["N27"].numbers["max_quantity"].tolist()) == [10000] * 34 + [240000] * 33
    assert sorted(shipped["N10"].numbers["max_paid_days"].tolist())[-1] == 365
    assert sorted([*shipped["N23"].numbers["max_days"], *shipped["N23S"].numbers["max_days"]]) == [30] * 3 + [
        90
    ] * 7 + [365]
    assert shipped["N15"].check.factors[1].value == 500000 and shipped["AG4"].check.cap.value == 500000


#: Rules of agreements and monitoring: the figures of a rule, as written.
FIGURES = {
    **{f"TJ{i:02d}": lambda rule: rule.check.windows[0].thresholds[0].value for i in range(1, 9)},
    **dict.fromkeys(("AS1", "AS2"), lambda rule: rule.check.windows[0].thresholds[0].value),
    **dict.fromkeys(("SU1", "SU2", "AG1", "AG2", "AG3"), lambda rule: rule.check.max),
    **dict.fromkeys(("AL1", "AL2"), lambda rule: rule.check.days),
    "TCM1": lambda rule: rule.check.thresholds[0].value,
    "TCM2": lambda rule: rule.check.thresholds[1].value,
    "IVG1": lambda rule: rule.check.lab.value,
    "AG4": lambda rule: rule.check.cap,
    "AG5": lambda rule: rule.check.hours,
}
COMPARATORS = {
    "at_most_is_ok": "more_than",
    "more_than": "more_than",
    "less_than": "less_than",
    "unstated": "more_than",
}


def test_thresholds_are_those_of_the_notes_on_the_sources(shipped: RuleBook, shared: Path):
    """Every threshold with its value, kernel and comparator; those without a value, or whose facts are in no settlement, are off."""
    notes = (shared / "domain" / "rules.md").read_text(encoding="utf-8")
    block = re.search(r"^```yaml\n(version: 1\n.*?)^```$", notes, flags=re.M | re.S)
    assert block
    told = YAML(typ="safe", pure=True).load(block[1])
    seen = set()
    for part in told["threshold_sets"]:
        for one in part["rules"]:
            seen.add(one["id"])
            if one["kernel"] == "none":
                continue  # the clock of the review: no rule over visits and lines
            rule = shipped["TCM1" if one["id"] == "TCM2" else one["id"]]
            assert rule.kernel == one["kernel"] or one["id"] == "AL2", one[
                "id"
            ]  # K09 `unsettled` counts days after a stay
            if one["id"] in ("TJ09", "AG6", "AG7", "AG8"):
                assert not rule.enabled and rule.reason
                continue
            value = one["value"][-1] if isinstance(one["value"], list) else one["value"]
            assert FIGURES[one["id"]](rule).text == str(value), one["id"]
            said = one.get("comparator", part.get("comparator"))
            check = rule.check.lab if one["id"] == "IVG1" else rule.check
            if said is not None:
                assert check.comparator == COMPARATORS[said], one["id"]
            if one.get("confidence") == "low":
                assert rule.shadow, one["id"]
            if said == "unstated" or one.get("window", {}).get("kind") == "unstated":
                assert any("our choice" in choice for choice in rule.choices), one["id"]
    assert set(FIGURES) | {"TJ09", "AG6", "AG7", "AG8", "RC1", "RC2", "RC3", "RC4"} == seen


def test_what_cannot_run_says_why(shipped: RuleBook):
    assert {rule.id for rule in shipped if not rule.enabled} == {"TJ09", "AG6", "AG7", "AG8"}
    assert all(rule.reason for rule in shipped if not rule.enabled)
    skipped = {rule.id for rule in shipped if rule.enabled and rule.skip}
    assert {"N14", "N15", "N47", "L_person"} <= skipped and not skipped & {"N01", "N25", "TJ01", "TCM1"}


def test_a_city_extends_what_is_empty(shipped: RuleBook):
    city = CITY + "tables: {prices: {extends: price_ceilings, rows: [{med_list_codg: x, ceiling: 12.5, level: 3}]}}\n"
    rule = load_rules([shipped, city])["N14"]
    assert rule.skip is None and rule.numbers["ceiling"].tolist() == [12500000] and rule.table.level == ["3"]


def test_every_document_says_what_it_assumes_and_every_threshold_rule_of_tianjin_what_it_chose(shipped: RuleBook):
    assert all({"from", "known_since"} <= set(document.head.assumed) for document in shipped.documents)
    tianjin = [rule for rule in shipped if re.match(r"TJ0[1-8]", rule.id)]
    assert len(tianjin) == 8 and all(any("our choice" in choice for choice in rule.choices) for rule in tianjin)


def test_sources_choices_and_reasons_are_told_in_both_languages(shipped: RuleBook):
    han = re.compile(r"[\u4e00-\u9fff]")
    for rule in shipped:
        for text in (rule.source, *rule.choices, *filter(None, [rule.reason])):
            zh, en = (in_language(text, language) for language in ("zh", "en"))
            assert han.search(zh) and "our choice" not in zh and text == f"{zh} / {en}", (rule.id, text)


def test_names_of_examples_are_told_in_both_languages(shipped: RuleBook):
    han = re.compile(r"[\u4e00-\u9fff]")
    placed = examples_of(shipped)
    for one in placed:
        zh, en = (in_language(one.name, language) for language in ("zh", "en"))
        assert han.search(zh) and one.name == f"{zh} / {en}", (one.rule.id, one.name)
    assert len(placed) > 150


def test_the_readme_covers_every_national_rule(shipped: RuleBook):
    text = (RULES / "README.md").read_text(encoding="utf-8")
    rows = {int(n): said for n, said in re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]+) \|$", text, flags=re.M)}
    assert sorted(rows) == list(range(1, 89))
    by_number: dict[int, set[str]] = {}
    for rule in shipped:
        if rule.national is not None:
            by_number.setdefault(rule.national, set()).add(rule.id)
    for number, said in rows.items():
        if number in by_number:
            assert set(re.findall(r"`([^`]+)`", said)) == by_number[number], number
        else:
            assert said.startswith("not shipped: ")


def test_the_readme_covers_what_agreements_and_monitoring_name(shipped: RuleBook):
    """By where it is or why it is not; every rule but those with a number of the national list is there."""
    text = (RULES / "README.md").read_text(encoding="utf-8").partition("## Rules of agreements and monitoring")[2]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", text, flags=re.M)[2:]
    assert len(rows) > 30 and all(re.search(r"`\w+`|not shipped: |no rule: ", said) for _, said in rows)
    named = set(re.findall(r"`((?:[A-Z]+\d*|G)_?\w*)`", text)) - {"K02", "K05", "K06", "K07", "K10", "K13"}
    assert named - {rule.id for rule in shipped} == set()
    assert {rule.id for rule in shipped if rule.id[0] != "N"} - named == set()
    for rule in shipped:
        if rule.id in named and not rule.enabled:
            assert re.search(rf"`{rule.id}` \(off: ", text), rule.id
