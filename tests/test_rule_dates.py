"""Reforms of rules from a day on: a line sees the old rule before the day and the new one from it (docs/simulation.md section 1)."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
import ybcore
from simulate_small import small
from ybcore import DocumentError, Engine
from ybcore.checks import load_rules
from ybcore.reference import checks
from ybcore.simulate import Reform, Spending, compare, reformed

HEAD = """
format: ybcore-rules/1
version: "1"
name: {zh: 试, en: try}
from: open
known_since: 2000-01-01
source: made up for a test
"""
RULE = "amount: whole_line, disposition: warn, severity: 2, source: made up, name: {zh: 试, en: try}"
BOOK = [
    HEAD + f"""
id: few
layer: base
parameters: {{most: 3, unused: 1}}
lists:
  watched: {{match: prefix, codes: [X]}}
  heart: {{match: prefix, codes: [I, J]}}
  lung: {{match: prefix, codes: [J]}}
tables:
  ceilings: {{columns: [med_list_codg, ceiling], key: med_list_codg, rows: []}}
  ills: {{columns: [med_list_codg, which], key: med_list_codg, rows: []}}
rules:
  - {{id: MANY, kernel: K06, check: {{group: line, measure: quantity, cap: {{parameter: most}}, comparator: more_than}}, relations: {{excludes: [DEAR]}}, {RULE}}}
  - {{id: DEAR, kernel: K03, items: {{table: ceilings}}, check: {{tolerance: 0}}, {RULE.replace("whole_line", "price_diff").replace("warn", "deny")}}}
  - {{id: WARD, kernel: K01, items: {{list: watched}}, check: {{attribute: visit_kind, barred: {{codes: [outpatient]}}}}, {RULE}}}
  - {{id: ILL, kernel: K02, items: {{table: ills}}, check: {{diagnoses: {{column: which}}, which: any}}, {RULE}}}
  - {{id: OFF, kernel: K01, status: disabled, reason: not yet, check: {{attribute: visit_kind, barred: {{codes: [inpatient]}}}}, {RULE}}}
  - {{id: GONE, kernel: K01, check: {{attribute: gend, barred: {{codes: ["1"]}}}}, {RULE}}}
""",
    HEAD + f"""
id: town
layer: city
lists:
  more: {{extends: watched, match: prefix, codes: [Z]}}
tables:
  own: {{extends: ceilings, columns: [med_list_codg, ceiling], rows: []}}
rules:
  - {{id: GONE, disable: not in this town}}
  - {{id: WARD, override: true, kernel: K01, items: {{list: watched}}, check: {{attribute: visit_kind, barred: {{codes: [inpatient]}}}}, {RULE}}}
""",
]  # fmt: skip
DAY = "2024-07-01"


@pytest.fixture(scope="module")
def town():
    """(engine, tables with diagnoses, a book with rows for items that are charged, these items)."""
    engine, tables, _ = small()
    counts = tables["lines"]["med_list_codg"].value_counts().to_pylist()
    items = [row["values"] for row in sorted(counts, key=lambda row: (-row["counts"], row["values"]))][:40]
    lots = np.random.default_rng(3)
    ids = tables["visits"]["setl_id"]
    codes = pa.array(["I10", "J45", "K29", "Z51"]).take(pa.array(lots.integers(0, 4, len(ids))))
    diagnoses = pa.table({"setl_id": ids, "diag_code": codes, "maindiag_flag": ["1"] * len(ids)})
    docs = load_rules(BOOK).plain()
    docs[0]["tables"]["ceilings"]["rows"] = [{"med_list_codg": item, "ceiling": "1"} for item in items[:8]]
    docs[1]["tables"]["own"] |= {"columns": ["med_list_codg", "ceiling"], "rows": [{"med_list_codg": items[9], "ceiling": "2"}]}  # fmt: skip
    rows = [{"med_list_codg": item, "which": ("heart", "lung")[i % 2]} for i, item in enumerate(items[:20])]
    docs[0]["tables"]["ills"]["rows"] = rows
    docs[0]["lists"]["watched"]["codes"] = [items[0][:3], items[1][:4]]
    return engine, tables | {"diagnoses": diagnoses}, load_rules(docs), items


def asked(engine, tables, rules):
    named = {name: tables[name] for name in ("visits", "lines", "persons", "institutions", "diagnoses")}
    return ybcore.check(**named, rules=rules, catalog=engine.catalog)


def found(engine, tables, rules, days):
    """By rule (parts that a reform cut off under its name) and line: day, measure, limit, money."""
    report = asked(engine, tables, rules)
    told = {row["jr_id"]: row for row in report.findings.to_pylist()}
    out = {}
    for row in report.details.to_pylist():
        of = told[row["jr_id"]]
        name = of["rule_id"].split("+")[0]
        if row["vola_item_type"] == 1:
            line = row["setl_id"], row["feedetl_sn"]
            out[name, line] = days[line], of["measure"], of["limit"], of["vola_amt"], of["disposition"]
    return out


def lines_of(tables):
    lines = tables["lines"]
    day = lines["fee_ocur_time"].cast(pa.date32()).to_pylist()
    return dict(zip(zip(lines["setl_id"].to_pylist(), lines["feedetl_sn"].to_pylist()), day))


CHANGES = {
    "parameter": [{"rules": "few", "path": "parameters.most", "set": 1}],
    "parameter, later again": [{"rules": "few", "path": "parameters.most", "set": 9}, {"rules": "few", "path": "parameters.most", "add": -7}],
    "threshold": [{"rule": "MANY", "path": "check.cap", "set": 2}],
    "disposition": [{"rule": "DEAR", "path": "disposition", "set": "warn"}, {"rule": "DEAR", "path": "check.tolerance", "set": "0.5"}],
    "off": [{"rule": "DEAR", "path": "status", "set": "disabled"}, {"rule": "WARD", "path": "status", "set": "disabled"}],
    "on": [{"rule": "OFF", "path": "status", "set": "enabled"}, {"rule": "GONE", "path": "status", "set": "enabled"}],
    "list": [{"rules": "few", "path": "lists.watched.codes", "insert": "1"}, {"rules": "town", "path": "lists.more.codes", "insert": "X"}],
    "list of a column": [{"rules": "few", "path": "lists.heart.codes", "set": ["K", "Z"]}],
    "row changed": [{"rules": "few", "path": "tables.ceilings.rows[1].ceiling", "times": "0.1"}, {"rules": "town", "path": "tables.own.rows[0].ceiling", "set": "0.01"}],
    "row removed": [{"rules": "few", "path": "tables.ceilings.rows[0]", "remove": True}, {"rules": "few", "path": "tables.ills.rows[3]", "remove": True}],
    "row added": [{"rules": "few", "path": "tables.ceilings.rows", "insert": {"med_list_codg": "ITEM", "ceiling": "0.1"}}],
    "all at once": [{"rules": "few", "merge": {"parameters": {"most": "2"}, "lists": {"lung": {"codes": ["I"]}}}}, {"rule": "ILL", "path": "check.which", "set": "main"}],
    "rule added": [{"rules": "few", "path": "rules", "insert": {"id": "MORE", "kernel": "K01", "name": {"zh": "试", "en": "try"}, "check": {"attribute": "gend", "barred": {"codes": ["2"]}}, "amount": "whole_line", "disposition": "warn", "severity": 2, "source": "made up"}}],
    "rule removed": [{"rules": "town", "path": "rules[WARD]", "remove": True}, {"rules": "few", "path": "rules[ILL]", "remove": True}],
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_line_before_the_day_sees_the_old_rule_and_a_later_one_the_new(town, name):
    engine, tables, rules, items = town
    changes = [{k: {**v, "med_list_codg": items[15]} if v is not True and isinstance(v, dict) and v.get("med_list_codg") == "ITEM" else v for k, v in change.items()} for change in CHANGES[name]]  # fmt: skip
    whole = reformed(engine.book, [Reform.of("r", changes)], rules=rules)
    later = reformed(engine.book, [Reform.of("r", changes, start=DAY)], rules=rules)
    days, day = lines_of(tables), dt.date.fromisoformat(DAY)
    old, new, both = (found(engine, tables, each, days) for each in (rules, whole.rules, later.rules))
    want = {key: row for key, row in old.items() if row[0] < day} | {k: row for k, row in new.items() if row[0] >= day}
    assert both == want
    assert {k: v for k, v in old.items() if v[0] >= day} != {k: v for k, v in new.items() if v[0] >= day}
    told = [row for row in later.table().to_pylist() if row["rule"]]
    assert told and all(row["from"] == day for row in told)
    assert later.reads(engine, {n: tables[n] for n in ("visits", "lines", "persons", "institutions")}, beside={"diagnoses": tables["diagnoses"]}, unread=True)["visits_read"].to_pylist()[-1] > 0  # fmt: skip


def test_reforms_of_several_days_cut_what_earlier_ones_left(town):
    engine, tables, rules, _ = town
    days = lines_of(tables)
    steps = [("2024-03-01", 1), ("2024-09-01", 5)]
    path = {"rules": "few", "path": "parameters.most"}
    reforms = [Reform.of(f"s{value}", [{**path, "set": value}], start=day) for day, value in steps]
    both = found(engine, tables, reformed(engine.book, reforms, rules=rules).rules, days)
    each = [found(engine, tables, rules, days)]
    for _, value in steps:
        one = reformed(engine.book, [Reform.of("x", [{**path, "set": value}])], rules=rules)
        each.append(found(engine, tables, one.rules, days))
    want = {}
    bounds = [dt.date.min, *(dt.date.fromisoformat(day) for day, _ in steps), dt.date.max]
    for part, begin, end in zip(each, bounds, bounds[1:]):
        want |= {key: row for key, row in part.items() if begin <= row[0] < end}
    assert both == want and len({row[2] for row in want.values()}) > 3
    again = [*reforms, Reform.of("all", [{"rule": "MANY", "path": "severity", "set": 1}])]
    assert {rule.severity for rule in reformed(engine.book, again, rules=rules).rules if rule.id.startswith("MANY")} == {1}  # fmt: skip


@pytest.mark.parametrize("name", ["all at once", "rule removed", "disposition"])
def test_the_judge_finds_the_same_after_a_day(town, name):
    engine, tables, rules, _ = town
    made = reformed(engine.book, [Reform.of("r", CHANGES[name], start=DAY)], rules=rules).rules
    some = tables["visits"]["setl_id"].to_pylist()[::4]
    kept = {
        n: tables[n].filter(pa.compute.is_in(tables[n]["setl_id"], pa.array(some)))
        for n in ("visits", "lines", "diagnoses")
    }
    part = tables | kept
    report = asked(engine, part, made)
    named = {
        n: [{k: _plain(k, v) for k, v in row.items()} for row in part[n].to_pylist()]
        for n in ("visits", "lines", "persons", "institutions", "diagnoses")
    }
    items = [{k: _plain(k, v) for k, v in row.items()} for row in engine.catalog.table("items").to_pylist()]
    judged = checks.check(made.plain(), named, catalog=items)
    mine = sorted((r["rule_id"], r["jr_id"], r["measure"], r["limit"], r["vola_amt"]) for r in report.findings.to_pylist())  # fmt: skip
    assert mine == sorted((r["rule_id"], r["jr_id"], r["measure"], r["limit"], r["vola_amt"]) for r in judged.findings)
    assert any("+r" in row[0] for row in mine) or name == "rule removed"


@pytest.mark.parametrize("name", ["all at once", "disposition", "off"])
def test_a_checker_made_once_finds_the_same(town, name):
    """One prescription after another, of both sides of the day; rules with tables end and begin as others do."""
    engine, tables, rules, _ = town
    made = reformed(engine.book, [Reform.of("r", CHANGES[name], start=DAY)], rules=rules).rules
    more = {"catalog": engine.catalog, "institutions": tables["institutions"], "stage": "before"}
    checker = ybcore.Checker(made, **more)
    found = set()
    for setl_id in tables["visits"]["setl_id"].to_pylist()[::20]:
        own = {n: tables[n].filter(pa.compute.equal(tables[n]["setl_id"], setl_id)) for n in ("visits", "lines", "diagnoses")}  # fmt: skip
        given = own["visits"], own["lines"], tables["persons"]
        one = checker.check(*given, diagnoses=own["diagnoses"]).findings
        assert one.equals(ybcore.check(*given, rules=made, diagnoses=own["diagnoses"], **more).findings)
        found |= {*one["rule_id"].to_pylist()}
    assert any(rule.endswith("+r") for rule in found) or name == "off"


def _plain(name, value):
    if name.endswith("time") and isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    if isinstance(value, dt.datetime):
        return (value - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)
    return (value - dt.date(1970, 1, 1)).days if isinstance(value, dt.date) else value


def test_dated_rules_are_settled_in_the_one_pass_as_by_themselves(town):
    engine, tables, rules, _ = town
    deny = [{"rule": name, "path": "disposition", "set": "deny"} for name in ("MANY", "ILL")]
    made = {
        "deny": reformed(engine.book, [Reform.of("deny", deny, start=DAY)], rules=rules),
        "off": reformed(engine.book, [Reform.of("off", CHANGES["off"], start=DAY)], rules=rules),
    }
    known = {n: v for n, v in tables.items() if n != "diagnoses"}
    done = compare(engine, known, made, [Spending()], rules=rules, beside={"diagnoses": tables["diagnoses"]})
    cash = {row["policy"]: row["psn_cash_pay"] for row in done.table("spending").to_pylist()}
    assert len(set(cash.values())) == 3
    for name, held in made.items():
        rows = Engine(held.book, engine.catalog).settle(**known, beside={"diagnoses": tables["diagnoses"]}, rules=held.rules, receipt=False).visits  # fmt: skip
        counts = np.isin(rows["outcome"].to_pylist(), ["settled", "no_benefit"])
        assert cash[name] == rows["psn_cash_pay"].to_numpy()[counts].sum()


@pytest.mark.parametrize(
    ("changes", "start", "said"),
    [
        ([{"rules": "few", "path": "known_since", "set": "2024-01-01"}], DAY, "`known_since` holds for a whole document"),
        ([{"rules": "town", "merge": {"visit_kinds": {"other": ["21"]}}}], DAY, "`visit_kinds` holds for a whole document"),
        ([{"rule": "MANI", "path": "severity", "set": 1}], DAY, "unknown rule 'MANI'"),
        ([{"rule": "MANY", "merge": {"to": "2024-01-01"}}, {"rule": "MANY", "path": "severity", "set": 1}], None, ""),
    ],
)  # fmt: skip
def test_what_has_no_day(town, changes, start, said):
    engine, _, rules, _ = town
    if said:
        with pytest.raises(DocumentError, match=said):
            reformed(engine.book, [Reform.of("x", changes, start=start)], rules=rules)
        return
    ended = reformed(engine.book, [Reform.of("x", changes)], rules=rules).rules
    with pytest.raises(DocumentError, match="the rule does not hold on 2024-07-01 or later"):
        reformed(engine.book, [Reform.of("y", changes[1:], start=DAY)], rules=ended)
    text = HEAD + f"id: one\nlayer: city\nrules: [{{id: A, kernel: K01, from: 2024-02-01, to: 2024-02-01, check: {{attribute: gend, barred: {{codes: [x]}}}}, {RULE}}}]"  # fmt: skip
    with pytest.raises(DocumentError, match="the rule never holds"):
        load_rules(text)
