"""Replays: what a rule would find at many values of a figure, against full runs with the document's figure changed."""

from __future__ import annotations

import copy
import datetime as dt
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import ybcore
from check_cases import Case, arrow_table, load, read
from city_rules import own_layer, tables_of
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from ybcore.checks import load_rules, shipped_rules
from ybcore.checks.bounds import bounds_of
from ybcore.checks.figures import Figure
from ybcore.policy.paths import path_text

HERE = Path(__file__).resolve().parent / "golden_checks"
COUNTED = ("hits", "lines", "visits", "persons", "vola_amt")
PLACES = {"quantity": 4, "money": 2, "price": 6, "fraction": 6, "whole": 0}


def cases() -> list[Path]:
    return sorted(p for p in HERE.iterdir() if p.is_dir() and "error" not in load(p / "expected.yaml"))


def given(case: Case) -> dict[str, Any]:
    """What `check` and `replay` take, but for the rules."""
    tables = {name: arrow_table(name, rows, case.time_of_day) for name, rows in case.tables.items() if rows}
    catalog = None
    if case.catalog is not None:
        catalog = ybcore.Catalog(arrow_table("items", [{"chrgitm_lv": "01", **row} for row in case.catalog], False))
    known = None if case.known_at is None else dt.date(1970, 1, 1) + dt.timedelta(case.known_at)
    return {**tables, "catalog": catalog, "known_at": known, "stage": case.stage}


def without_relations(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Relations take findings away after the kernels; a replay is before that."""
    out = copy.deepcopy(documents)
    for document in out:
        for rule in document.get("rules") or []:
            rule.pop("relations", None)
    return out


def changed(documents: list[dict[str, Any]], rule_id: str, path: tuple[Any, ...], text: str) -> list[dict[str, Any]]:
    """The documents with another figure in the rule of this id that stands: that of the last layer."""
    out = copy.deepcopy(documents)
    layered = sorted(out, key=lambda d: ("base", "province", "city").index(d.get("layer", "base")))
    rule = [r for d in layered for r in d.get("rules") or [] if r["id"] == rule_id and "disable" not in r][-1]
    node = rule["check"]
    for step in path[:-1]:
        if isinstance(node[step], str):  # `group: day` and the like
            node[step] = {step: node[step]}
        node = node[step]
    node[path[-1]] = text
    return out


def counts(report: ybcore.CheckReport) -> dict[str, dict[str, int]]:
    """What a full run finds, by rule."""
    frame = report.work.batch.visits
    person = dict(zip(*(frame.ids[name].to_pylist() for name in ("setl_id", "psn_no")), strict=True))
    rule_of: dict[str, str] = {}
    out: dict[str, dict[str, int]] = {
        name: dict.fromkeys(COUNTED, 0) for name in report.manifest["rule_id"].to_pylist()
    }
    seen: dict[tuple[str, str], set[Any]] = defaultdict(set)
    for row in report.findings.select(["jr_id", "rule_id", "vola_amt"]).to_pylist():
        rule_of[row["jr_id"]] = row["rule_id"]
        out[row["rule_id"]]["hits"] += 1
        out[row["rule_id"]]["vola_amt"] += row["vola_amt"]
    for row in report.details.to_pylist():
        if row["vola_item_type"] == 1:
            name = rule_of[row["jr_id"]]
            seen[name, "lines" if row["row"] >= 0 else "visits"].add(row["row"] if row["row"] >= 0 else row["setl_id"])
            seen[name, "persons"].add(person[row["setl_id"]])
    for (name, what), rows in seen.items():
        out[name][what] = len(rows)
    return out


def written(held: int, kind: str) -> str:
    places = PLACES[kind]
    head, tail = divmod(held, 10**places)
    return f"{head}.{tail:0{places}d}".rstrip("0").rstrip(".") if places else str(head)


def around(bound: Figure) -> list[str]:
    """Values about a figure: some that hit less, some that hit more, and out of order."""
    own = bound.value or 10 ** PLACES[bound.kind]
    one = 10 ** PLACES[bound.kind]
    held = [
        own,
        own + 1,
        max(own - 1, 0),
        own + one,
        max(own - one, 0),
        own * 2,
        own // 2,
        own * 7,
        one,
        3 * one,
        10 * one,
    ]
    return list(dict.fromkeys(written(value, bound.kind) for value in held))


def rules_of(folder: Path) -> list[tuple[str, tuple[Any, ...], Figure]]:
    book = load_rules([load(path) for path in sorted(folder.glob("rules*.yaml"))])
    return [(rule.id, path, bound) for rule in book if rule.enabled for path, bound in bounds_of(rule).items()]


GOLDEN = [(folder, *found) for folder in cases() for found in rules_of(folder)]


@pytest.mark.parametrize(("folder", "rule_id", "path", "bound"), GOLDEN, ids=[f"{f.name}-{r}-{path_text(p)}" for f, r, p, _ in GOLDEN])  # fmt: skip
def test_golden_cases_as_full_runs(folder: Path, rule_id: str, path: tuple[Any, ...], bound: Figure):
    case = read(folder)
    documents, tables = without_relations(case.documents), given(case)
    values, expected = [], []
    for text in around(bound):
        try:
            book = load_rules(changed(documents, rule_id, path, text))
        except ybcore.DocumentError:
            continue  # a value that no document may have
        report = ybcore.check(**tables, rules=book)
        values.append(text)
        expected.append(counts(report)[rule_id])
    report = ybcore.check(**tables, rules=documents)
    if dict(zip(*(report.manifest[n].to_pylist() for n in ("rule_id", "status")), strict=True))[rule_id] != "run":
        with pytest.raises(ybcore.InputError, match=f"rule {rule_id} does not run: skipped"):
            report.replay(rule_id, values, path_text(path))
        return
    got = report.replay(rule_id, values, path_text(path))
    assert got["value"].to_pylist() == values
    assert [{name: row[name] for name in COUNTED} for row in got.to_pylist()] == expected


# ------------------------------------------------------------------ drawn rules over drawn visits and lines


def at_each(document: dict[str, Any], rule_id: str, path: tuple[Any, ...], values: list[str]) -> dict[str, Any]:
    """The document with a copy of a rule for each value, so that one full run answers for all."""
    out = copy.deepcopy(document)
    (rule,) = (r for r in out["rules"] if r["id"] == rule_id)
    out["rules"] = [r for r in out["rules"] if r["id"] != rule_id]
    for value in values:
        mine = {**rule, "id": f"{rule_id}@{value}"}
        out["rules"] += changed([{"rules": [mine]}], mine["id"], path, value)[0]["rules"]
    return out


COMPARATORS = st.sampled_from(["more_than", "at_least", "less_than", "at_most"])
LINE_AMOUNTS = st.sampled_from(
    ["excess_qty", "excess_qty", "excess_qty", "none", "whole_line", "whole_day", "visit_total"]
)
WHOLE = st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True).map(lambda found: [str(n) for n in found])
QUARTERS = st.lists(st.integers(0, 60), min_size=1, max_size=6, unique=True).map(lambda found: [written(n * 2500, "quantity") for n in found])  # fmt: skip


@st.composite
def caps(draw: st.DrawFn) -> tuple[Any, ...]:
    measure = draw(st.sampled_from(["quantity", "amount", "count"]))
    cap = draw(st.sampled_from(["1", {"factor": "1", "of": "stay_days", "plus": "0"}]))
    check = {
        "group": draw(st.sampled_from(["line", "day", "visit", "stay"])), "subject": draw(st.sampled_from(["visit", "person"])), "measure": measure,
        "cap": cap, "combine": draw(st.sampled_from(["item", "all"])), "comparator": draw(COMPARATORS),
        "allocate": draw(st.sampled_from(["first_paid", "last_paid"])), "count_denied": draw(st.sampled_from(["true", "false"])),
    }  # fmt: skip
    path = ("cap",) if isinstance(cap, str) else ("cap", draw(st.sampled_from(["factor", "plus"])))
    return "K06", check, path, draw(LINE_AMOUNTS), draw(WHOLE if measure == "count" else QUARTERS)


@st.composite
def windows(draw: st.DrawFn) -> tuple[Any, ...]:
    measure = draw(st.sampled_from(["visits", "quantity", "amount", "count", "days", "institutions", "items"]))
    rolling = {
        "kind": "rolling",
        "days": draw(st.sampled_from(["3", "9"])),
        "edge": draw(st.sampled_from(["within", "through"])),
    }
    calendar = {"kind": "calendar", "unit": draw(st.sampled_from(["day", "month", "quarter"]))}
    scopes = st.sampled_from([{}, {"med_type": "11"}])
    made = [
        {**window, "thresholds": [{"value": "2", "scope": draw(scopes)}]}
        for window in draw(st.sampled_from([[rolling], [calendar], [rolling, calendar]]))
    ]
    if draw(st.booleans()):
        made[0]["thresholds"].append({"value": "3", "scope": {"med_type": "21", "insutype": "310"}})
    subject = draw(st.sampled_from(["person", "person_institution", "doctor", "institution"]))
    check = {"subject": subject, "measure": measure, "comparator": draw(COMPARATORS), "windows": made}
    if rolling["kind"] in [w["kind"] for w in made]:
        check["tie"] = draw(st.sampled_from(["order", "peers"]))
    path = ("windows", draw(st.integers(0, len(made) - 1)), "thresholds", 0, "value")
    return "K07", check, path, draw(LINE_AMOUNTS), draw(QUARTERS if measure in ("quantity", "amount") else WHOLE)


@st.composite
def others(draw: st.DrawFn) -> tuple[Any, ...]:
    compared = {"comparator": draw(COMPARATORS)}
    kinds: list[tuple[Any, ...]] = [
        ("K08", {**compared, "zones": [{"value": "1", "severity": "1"}], "overlap": draw(st.sampled_from(["hit", "pass"]))}, ("zones", 0, "value"), "visit_total"),
        ("K09", {"form": "overlap", "grace": "0"}, ("grace",), "visit_total"),
        ("K09", {"form": "idle", "value": "1"}, ("value",), "none"),
        ("K09", {"form": "line_in_stay", "grace_before": "0", "grace_after": "0"}, ("grace_after",), "whole_line"),
        ("K09", {"form": "unsettled", "days": "1"}, ("days",), "visit_total"),
        ("K10", {"form": "prescription_days", "max": "1", **compared}, ("max",), "excess_qty"),
        ("K10", {"form": "course", "mode": "span", "max": "1", **compared}, ("max",), "excess_qty"),
        ("K10", {"form": "overlap", "allowance": "1"}, ("allowance",), "excess_qty"),
        ("K12", {"form": "distinct", "group": "visit", "value": "1", **compared}, ("value",), draw(LINE_AMOUNTS)),
        ("K13", {"by": "institution", "period": "month", "numerator": {"measure": "amount"}, "denominator": {"measure": "visits"}, "min_sample": "1",
                 "test": {"kind": "fixed", "value": "1", **compared}}, ("test", "value"), "none"),
    ]  # fmt: skip
    kernel, check, path, amount = draw(st.sampled_from(kinds))
    if kernel == "K10" and check.get("comparator") in ("less_than", "at_most"):
        check["comparator"] = "more_than"
    return kernel, check, path, amount, draw(WHOLE)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, pa.Table]:
    day = st.integers(0, 40).map(lambda n: dt.date(2025, 1, 10) + dt.timedelta(n))
    visits = []
    for n in range(draw(st.sampled_from([1, 2, 9]))):
        begin = draw(day)
        end = begin + dt.timedelta(draw(st.integers(0, 4)))
        visits.append({
            "setl_id": f"S{n}", "psn_no": draw(st.sampled_from(["P1", "P2"])), "mdtrt_id": f"M{n // 2}", "begndate": begin, "enddate": end,
            "fixmedins_code": draw(st.sampled_from(["H1", "H2"])), "med_type": draw(st.sampled_from(["11", "21"])), "insutype": "310",
            "atddr_no": draw(st.sampled_from(["D1", None])), "setl_time": dt.datetime.combine(end, dt.time()) + dt.timedelta(draw(st.integers(0, 3))),
            "hist_flag": draw(st.sampled_from(["0", "0", "1"])), "medfee_sumamt": draw(st.integers(0, 900)), "ipt_days": draw(st.sampled_from([None, 2])),
        })  # fmt: skip
    lines = []
    for n in range(draw(st.sampled_from([1, 4, 12, 16]))):
        visit = draw(st.sampled_from(visits))
        lines.append({
            "setl_id": visit["setl_id"], "feedetl_sn": f"L{n}", "med_list_codg": draw(st.sampled_from(["a", "b", "c"])),
            "cnt": draw(st.sampled_from([2500, 10_000, 10_000, 30_000, -10_000])), "det_item_fee_sumamt": draw(st.sampled_from([0, 25, 100, 333, 700])),
            "fee_ocur_time": dt.datetime.combine(visit["begndate"], dt.time(8)) + dt.timedelta(draw(st.integers(0, 3))),
            "rxno": draw(st.sampled_from(["r1", "r2", None])), "bilg_dr_codg": draw(st.sampled_from(["D1", "D2"])), "prd_days": draw(st.sampled_from([None, 20_000, 50_000])),
        })  # fmt: skip
    return {"visits": pa.Table.from_pylist(visits), "lines": pa.Table.from_pylist(lines)}


DENYING = {
    "id": "first", "name": {"zh": "先", "en": "first"}, "kernel": "K06", "items": {"prefix": ["a"]}, "amount": "whole_line", "disposition": "deny", "severity": "1",
    "check": {"group": "visit", "measure": "count", "cap": "1", "comparator": "more_than"}, "source": "drawn",
}  # fmt: skip


STAGES = st.sampled_from(["after", "after", "before"])


@settings(max_examples=100, deadline=None)
@drawn(tables(), caps(), STAGES)
def test_drawn_caps_as_full_runs(given_tables: dict[str, pa.Table], made: tuple[Any, ...], stage: str):
    compared(given_tables, made, stage)


@settings(max_examples=90, deadline=None)
@drawn(tables(), windows(), STAGES)
def test_drawn_windows_as_full_runs(given_tables: dict[str, pa.Table], made: tuple[Any, ...], stage: str):
    compared(given_tables, made, stage)


@settings(max_examples=100, deadline=None)
@drawn(tables(), others(), STAGES)
def test_drawn_rules_as_full_runs(given_tables: dict[str, pa.Table], made: tuple[Any, ...], stage: str):
    compared(given_tables, made, stage)


def compared(given_tables: dict[str, pa.Table], made: tuple[Any, ...], stage: str) -> None:
    """A drawn rule replayed, and its copies in one full run."""
    kernel, check, path, amount, values = made
    allowed = {"K08": ("visit_total", "none"), "K09": ("visit_total", "none", "whole_line"), "K13": ("none",)}.get(
        kernel
    )
    if allowed and amount not in allowed:
        amount = allowed[0]
    rule = {
        "id": "R", "name": {"zh": "规则", "en": "rule"}, "kernel": kernel, "check": check, "amount": amount, "disposition": "deny", "severity": "1", "source": "drawn",
    }  # fmt: skip
    document = {
        "format": "ybcore-rules/1", "id": "drawn", "version": "1", "name": {"zh": "册", "en": "book"}, "layer": "base", "region": "*", "from": "open",
        "known_since": "2000-01-01", "source": "drawn", "rules": [DENYING, rule],
    }  # fmt: skip
    # Each copy must see what the rule sees: only `first` denies before it.
    quiet = {**document, "rules": [DENYING, {**rule, "disposition": "suspect"}]}
    full = ybcore.check(**given_tables, rules=load_rules(at_each(quiet, "R", path, values)), stage=stage, threads=1)
    expected = counts(full)
    got = ybcore.replay(**given_tables, rules=load_rules(document), rule="R", values=values, figure=path_text(path), stage=stage, threads=1)  # fmt: skip
    assert [{name: row[name] for name in COUNTED} for row in got.to_pylist()] == [
        expected[f"R@{value}"] for value in values
    ]
    assert 1 <= got["scans"][0].as_py() <= len(getattr(load_rules(document)["R"].check, "windows", "1"))


# ------------------------------------------------------------------ the shipped rules over a clinical city


@pytest.fixture(scope="module")
def town():
    from ybcore.synth import city

    return city(seed=9, plants=2, persons=80, catalog_items=600, clinical=True)


def test_shipped_rules_over_a_city_as_full_runs(town: Any):
    """Every bound of every rule that runs: one full run of copies, against a replay from the report of the others."""
    tables_of_town = tables_of(town, town.visits())
    catalog = ybcore.Catalog(*town.catalog)
    sources = [*shipped_rules(), own_layer(town, peer_sample="9000")]
    book = load_rules(sources)
    report = ybcore.check(**tables_of_town, rules=book, catalog=catalog, threads=1)
    ran = {row["rule_id"] for row in report.manifest.to_pylist() if row["status"] == "run"}
    asked = []
    for document in book.plain():
        copies = {key: value for key, value in document.items() if key not in ("tables", "lists", "parameters")}
        sources.append({**copies, "id": f"{document['id']} copies", "rules": []})
        for rule in document["rules"]:
            if rule["id"] not in ran or book[rule["id"]].document != document["id"]:
                continue
            for path, bound in bounds_of(book[rule["id"]]).items():
                values = around(bound)[:5]
                asked.append((rule["id"], path_text(path), values))
                for value in values:
                    mine = {k: v for k, v in rule.items() if k not in ("override", "examples", "relations")}
                    mine |= {"id": f"{rule['id']} {path_text(path)} {value}", "disposition": "suspect"}
                    sources[-1]["rules"] += changed([{"rules": [mine]}], mine["id"], path, value)[0]["rules"]
    full = ybcore.check(**tables_of_town, rules=load_rules(sources), catalog=catalog, threads=1)
    every = counts(full)
    wrong, one_scan, again, found = [], 0, 0, 0
    for rule_id, figure, values in asked:
        got = report.replay(rule_id, values, figure)
        one_scan += got["scans"][0].as_py() == 1
        again += sum(got["again"].to_pylist()) > 0
        expected = [every[f"{rule_id} {figure} {value}"] for value in values]
        found += sum(row["hits"] for row in expected)
        if [{name: row[name] for name in COUNTED} for row in got.to_pylist()] != expected:
            wrong.append((rule_id, figure, values, got.to_pylist(), expected))
    print(wrong)
    assert wrong == []
    assert len(asked) > 40 and one_scan == len(asked) and again > 5 and found > 1000


# ------------------------------------------------------------------ how many scans, and what is wrong with a question


SMALL = {
    name: pa.table(rows)
    for name, rows in {
        "visits": {"setl_id": [f"S{n}" for n in range(9)], "psn_no": ["P", "P", "Q"] * 3, "med_type": ["11"] * 9, "setl_time": ["2025-03-01"] * 9},
        "lines": {"setl_id": [f"S{n}" for n in range(9)], "med_list_codg": ["a", "b", "a"] * 3, "cnt": list(map(str, range(1, 10))), "det_item_fee_sumamt": ["1.00"] * 9, "fee_ocur_time": ["2025-03-01"] * 9},
    }.items()
}  # fmt: skip
QUESTIONS = """\
format: ybcore-rules/1
id: q
version: "1"
name: {zh: 册, en: book}
layer: base
region: "*"
from: open
known_since: 2025-01-01
source: nowhere
rules:
  - {id: CAP, name: {zh: 上限, en: cap}, kernel: K06, check: {group: day, measure: quantity, cap: 3, comparator: more_than}, amount: excess_qty, disposition: deny, severity: 1, source: s}
  - {id: OFTEN, name: {zh: 频繁, en: often}, kernel: K07, check: {subject: person, measure: visits, comparator: more_than, windows: [{kind: calendar, unit: month, thresholds: [{value: 1}]}, {kind: calendar, unit: day, thresholds: [{value: 2}]}]}, amount: none, disposition: suspect, severity: 2, source: s}
  - {id: KIND, name: {zh: 就诊, en: kind}, kernel: K01, check: {attribute: med_type, barred: {codes: ["21"]}}, amount: whole_line, disposition: deny, severity: 1, source: s}
  - {id: OFF, name: {zh: 停, en: off}, kernel: K06, status: disabled, reason: no value, check: {group: day, measure: quantity, cap: 3, comparator: more_than}, amount: none, disposition: warn, severity: 3, source: s}
  - {id: DAYS, name: {zh: 天, en: days}, kernel: K10, check: {form: course, mode: span, max: 3, comparator: more_than}, amount: excess_qty, disposition: deny, severity: 1, source: s}
"""


def ask(rule: str, values: Any, figure: str | None = None) -> pa.Table:
    return ybcore.replay(**SMALL, rules=QUESTIONS, rule=rule, values=values, figure=figure, threads=1)


def test_a_hundred_values_and_their_scans():
    hundred = [str(n) for n in range(100, 0, -1)]
    assert set(ask("CAP", hundred)["scans"].to_pylist()) == {1}
    assert set(ask("OFTEN", hundred, "windows[0].thresholds[0].value")["scans"].to_pylist()) == {2}  # one a window
    days = ask("DAYS", [*hundred[1:], "0"])
    assert set(days["scans"].to_pylist()) == {1}
    # All nine lines at 0 days, which are judged once more for 1 day; of what that finds, nothing, there is nothing left to judge.
    assert days["again"].to_pylist() == [*[0] * 98, 9, 0] and days["hits"].to_pylist() == [*[0] * 99, 3]
    assert set(ask("CAP", hundred)["again"].to_pylist()) == {0}
    table = ask("CAP", ["8", 8.5, "0", "8"])
    assert table["value"].to_pylist() == ["8", "8.5", "0", "8"]
    assert [tuple(row.values())[1:6] for row in table.to_pylist()] == [(1, 1, 0, 1, 11), (1, 1, 0, 1, 6), (9, 9, 0, 2, 900), (1, 1, 0, 1, 11)]  # fmt: skip


def test_progress_is_told():
    told: list[tuple[int, int]] = []
    ybcore.replay(**SMALL, rules=QUESTIONS, rule="DAYS", values=[0, 1, 2], progress=lambda *at: told.append(at))
    assert told == [(1, 3), (3, 3)]  # where nothing is found no harder value is asked


@pytest.mark.parametrize(
    ("rule", "values", "figure", "told", "nearest", "expected"),
    [
        ("CAPS", [1], None, "there is no rule 'CAPS'", "CAP", ""),
        ("KIND", [1], None, "KIND (K01) has no figure to replay", "", "one of: CAP, OFTEN, OFF, DAYS"),
        ("OFTEN", [1], None, "OFTEN has 2 figures: name one", "", "one of: windows[0].thresholds[0].value (1), windows[1].thresholds[0].value (2)"),
        ("CAP", [1], "cp", "CAP has no figure 'cp'", "cap", "one of: cap (3)"),
        ("OFF", [1], None, "OFF does not run: disabled: no value", "", ""),
        ("CAP", [], None, "give 1 to 100 values, not 0", "", ""),
        ("CAP", range(101), None, "give 1 to 100 values, not 101", "", ""),
        ("CAP", ["many"], None, "expected a quantity, such as 3 or 0.5, found 'many'", "", ""),
        ("CAP", [-1], None, "expected 0 or more, found -1", "", ""),
    ],
)  # fmt: skip
def test_questions_that_cannot_be_answered(rule: str, values: Any, figure: Any, told: str, nearest: str, expected: str):
    with pytest.raises(ybcore.InputError) as caught:
        ask(rule, values, figure)
    (problem,) = caught.value.problems
    assert (told in problem.what, problem.nearest, problem.expected) == (True, nearest, expected)
    assert problem.what_zh and any("\u4e00" <= c <= "\u9fff" for c in problem.what_zh)
