"""Checks as a stage of settlement: what is denied moves to full self-pay, each fen once, and the funds get back what they would have paid."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ybcore
from ybcore import io, messages
from ybcore.cli import main
from ybcore.explain import explain
from ybcore.report.story import proof, story

POLICY = """format: ybcore-policy/1
id: town-2024
scheme: {id: town, region: "*", insutype: ["310"]}
effective: {from: 2024-01-01}
plans:
  - id: inpatient
    layers:
      - {id: basic, basic: true, payer: hifp_pay, deductible: {amount: 100}, rate: 0.5, cite: "clause 1",
         ceilings: [{limit: 600, on: fund, per: year}]}
"""
RULES = """format: ybcore-rules/1
id: town-checks
version: "1"
name: {zh: 规则, en: rules}
layer: city
known_since: 2024-01-01
from: open
source: made for this test
tables:
  ceilings: {key: med_list_codg, rows: [{med_list_codg: c, ceiling: "10"}]}
rules:
  - {id: CAP, name: {zh: 每日一次, en: once a day}, kernel: K06, items: {prefix: [a]}, severity: 1, source: s,
     check: {group: day, measure: quantity, cap: 1, comparator: more_than}, amount: excess_qty, disposition: deny}
  - {id: SEX, name: {zh: 性别, en: sex}, kernel: K01, items: {prefix: [a, b]}, severity: 1, source: s,
     check: {attribute: gend, barred: {codes: ["2"]}}, amount: whole_line, disposition: deny}
  - {id: PRICE, name: {zh: 限价, en: ceiling}, kernel: K03, items: {table: ceilings}, severity: 1, source: s,
     check: {}, amount: price_diff, disposition: deny}
  - {id: LOOK, name: {zh: 可疑, en: suspect}, kernel: K01, items: {prefix: [d]}, severity: 2, source: s,
     check: {attribute: gend, barred: {codes: ["1", "2"]}}, amount: whole_line, disposition: suspect}
"""
VISITS = {
    "setl_id": ["v1", "v2", "v3"], "psn_no": ["p1", "p1", "p2"], "insutype": ["310"] * 3, "med_type": ["21"] * 3,
    "setl_time": ["2024-03-01", "2024-04-01", "2024-03-01"], "gend": ["1", "1", "2"],
}  # fmt: skip
LINES = {
    "setl_id": ["v1", "v1", "v1", "v1", "v2", "v2", "v3", "v3"],
    "feedetl_sn": ["1", "2", "3", "4", "5", "6", "7", "8"],
    "init_feedetl_sn": [None, None, None, "1", None, None, None, None],
    "med_list_codg": ["a", "c", "d", "a", "a", "d", "b", "d"],
    "cnt": [40_000, 100_000, 10_000, -10_000, 30_000, 10_000, 10_000, 10_000],
    "pric": [100_000_000, 15_000_000, 200_000_000, 100_000_000, 100_000_000, 500_000_000, 300_000_000, 900_000_000],
    "det_item_fee_sumamt": [40_000, 15_000, 20_000, -10_000, 30_000, 50_000, 30_000, 90_000],
}
CATALOG = {"med_list_codg": ["a", "b", "c", "d"], "chrgitm_lv": ["01"] * 4}


@pytest.fixture(scope="module")
def engine():
    return ybcore.Engine(POLICY, ybcore.Catalog(CATALOG), threads=1)


@pytest.fixture(scope="module")
def done(engine):
    return engine.settle(VISITS, LINES, rules=ybcore.load_rules(RULES), line_output=True)


def row(table, setl_id):
    return next(r for r in table.to_pylist() if r["setl_id"] == setl_id)


def test_denied_money_is_full_self_pay(done):
    # v1: 4 of a, 1 returned: 3 net, one is paid; the returned one takes its own back. c: 10 above its ceiling by 5 each.
    assert row(done.visits, "v1")["fulamt_ownpay_amt"] == 20_000 + 5_000
    assert row(done.visits, "v1")["medfee_sumamt"] == 65_000
    assert row(done.visits, "v2")["fulamt_ownpay_amt"] == 20_000
    assert row(done.visits, "v3")["fulamt_ownpay_amt"] == 30_000  # SEX; LOOK is only suspect


def test_lines_are_as_given(done):
    lines = done.lines
    assert lines["feedetl_sn"].to_pylist() == LINES["feedetl_sn"]
    assert lines["det_item_fee_sumamt"].to_pylist() == LINES["det_item_fee_sumamt"]
    assert lines["fulamt_ownpay_amt"].to_pylist() == [20_000, 5_000, 0, 0, 20_000, 0, 30_000, 0]


def test_engine_findings_and_money_agree(done):
    details = done.checks.details.to_pylist()
    assert sum(d["paid_amt"] for d in details) == sum(done.visits["fulamt_ownpay_amt"].to_pylist())


def test_recovered_is_the_difference_of_two_settlements(engine, done):
    plain = engine.settle(VISITS, LINES)
    gone = sum(plain.visits["fund_pay_sumamt"].to_pylist()) - sum(done.visits["fund_pay_sumamt"].to_pylist())
    back = {r["rule_id"]: 0 for r in done.checks.findings.to_pylist()}
    for r in done.checks.findings.to_pylist():
        back[r["rule_id"]] += r["recover_amt"]
    assert sum(back.values()) == gone > 0
    assert back["LOOK"] == 0
    # v3: 1200 in scope less 100 pays 550; without 300 it pays 400.
    assert back["SEX"] == 15_000


def test_nothing_denied_is_settled_as_ever(engine):
    quiet = RULES.replace("disposition: deny", "disposition: warn")
    same = engine.settle(VISITS, LINES, rules=ybcore.load_rules(quiet))
    assert same.visits.equals(engine.settle(VISITS, LINES).visits)
    assert sum(same.checks.findings["recover_amt"].to_pylist()) == 0


def test_receipt_names_the_rules(done):
    book, told = ybcore.load_rules(RULES), done.receipt["rules"]
    assert (told["sha256"], told["moved_fen"]) == (book.sha256, 75_000)
    assert [rule["id"] for rule in told["rules"]] == [rule.id for rule in book]
    changed = ybcore.load_rules(RULES.replace("severity: 1", "severity: 2")).told()["documents"]
    assert [(d["id"], d["version"]) for d in changed] == [(d["id"], d["version"]) for d in told["documents"]]
    assert changed[0]["sha256"] != told["documents"][0]["sha256"]


def test_rows_may_stand_in_any_order(engine, done):
    """The same money for each visit, line and finding."""
    turned = {name: values[::-1] for name, values in LINES.items()}
    visits = {name: values[::-1] for name, values in VISITS.items()}
    again = engine.settle(visits, turned, rules=ybcore.load_rules(RULES), line_output=True)
    by_id = {r["setl_id"]: r for r in done.visits.to_pylist()}
    assert all(by_id[r["setl_id"]] == r for r in again.visits.to_pylist())
    assert again.lines["fulamt_ownpay_amt"].to_pylist() == done.lines["fulamt_ownpay_amt"].to_pylist()[::-1]
    ids = {r["jr_id"]: r["recover_amt"] for r in done.checks.findings.to_pylist()}
    assert {r["jr_id"]: r["recover_amt"] for r in again.checks.findings.to_pylist()} == ids


# ---------------------------------------------------------------------------------------------- told to people


@pytest.fixture
def english():
    messages.use("en")
    yield
    messages.use("zh")


def test_explaining_tells_what_rules_moved(done, english):
    tables = {name: pa.table(table) for name, table in (("visits", VISITS), ("lines", LINES))}
    catalog = {"items": pa.table(CATALOG)}
    told = explain("v1", ybcore.load_book(POLICY), tables, catalog, done.visits, checks=done.checks)
    assert told.compared > 35 and not told.differences
    assert [(m["rule_id"], m["amount"], m["lines"]) for m in told.moved] == [
        ("CAP", 20_000, [("1", 20_000)]),
        ("PRICE", 5_000, [("2", 5_000)]),
    ]
    found = {r["rule_id"]: r for r in done.checks.findings.to_pylist() if r["setl_id"] == "v1"}
    assert all(m["recover_amt"] == found[m["rule_id"]]["recover_amt"] is not None for m in told.moved)
    text = story(told)
    begin = text.index("  rules moved 250.00 yuan to full self-pay before settling:")
    assert text[begin + 1 : begin + 4] == ["    CAP once a day: 200.00 yuan", "      lines 1: 200.00", "      counted 3; more than 1 is a hit; natural day from 2024-03-01 until before 2024-03-02; source: s"]  # fmt: skip
    assert begin < next(i for i, line in enumerate(text) if "full self-pay 250.00" in line)
    assert "equals the bulk row" in proof(told)
    assert sum(line["fulamt_ownpay_amt"] for line in told.lines) == 25_000
    assert {line["setl_id"] for line in told.lines} == {"v1"}
    quiet = explain("v1", ybcore.load_book(POLICY), tables, catalog, done.visits)
    assert quiet.moved == [] and quiet.differences  # without the findings it is another settlement


def files(folder: Path, suffix: str = "parquet") -> Path:
    """The town as files, with a table that only a rule reads."""
    (folder / "catalog").mkdir(parents=True)
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    sick = "  - {id: SICK, name: {zh: 诊断, en: diagnosis}, kernel: K01, items: {prefix: [d]}, scope: {diagnosis: {list: bad}}, severity: 1, source: s, check: {attribute: gend, barred: {codes: ['1', '2']}}, amount: whole_line, disposition: deny}\n"
    rules = RULES.replace("rules:\n  -", "lists:\n  bad: {match: prefix, codes: [C]}\nrules:\n  -", 1) + sick
    (folder / "rules.yaml").write_text(rules, encoding="utf-8")
    diagnoses = {"setl_id": ["v1", "v2", "v3"], "diag_code": ["J18", "C34", "J18"], "maindiag_flag": ["1"] * 3}
    for name, table in (("visits", VISITS), ("lines", LINES), ("diagnoses", diagnoses), ("catalog/items", CATALOG)):
        io.write_table(pa.table(table), folder / f"{name}.parquet")
    return folder


def words(folder: Path, *more: str) -> list[str]:
    return ["--input", str(folder), "--policy", str(folder / "policy.yaml"), "--rules", str(folder / "rules.yaml"), "--threads", "1", "-q", *more]  # fmt: skip


def test_command_settles_with_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    town, out = files(tmp_path / "town"), tmp_path / "out"
    asked = ["--html", str(tmp_path / "page.html"), "--excel", str(tmp_path / "book.xlsx"), "--lines-out"]
    assert main(["settle", *words(town), "--out", str(out), *asked, "--json", "--lang", "en"]) == 0
    data = json.loads(capsys.readouterr().out)
    beside = {"diagnoses": pq.read_table(town / "diagnoses.parquet")}
    engine = ybcore.Engine(POLICY, ybcore.Catalog(CATALOG), threads=1)
    same = engine.settle(VISITS, LINES, rules=ybcore.load_rules(town / "rules.yaml"), beside=beside, line_output=True)
    assert pq.read_table(out / "settlements.parquet").equals(same.visits)
    assert pq.read_table(out / "line_results.parquet").to_pylist() == same.lines.to_pylist()
    for name in ("findings", "details"):
        assert pq.read_table(out / f"{name}.parquet").equals(getattr(same.checks, name))
    manifest = pq.read_table(out / "manifest.parquet").to_pylist()
    assert [(row["rule_id"], row["status"], row["hits"]) for row in manifest][-1] == ("SICK", "run", 1)
    receipt = json.loads((out / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["rules"] == same.receipt["rules"] and receipt["run"]["rules"] == [str(town / "rules.yaml")]
    assert "diagnoses" in receipt["run"]["tables"]
    back = sum(same.checks.findings["recover_amt"].to_pylist())
    assert data["checks"]["recover_amt_fen"] == back > 0
    assert data["checks"]["findings"] == len(same.checks.findings)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert re.search(r'id="n-recover">([^<]*)<', page).group(1) == messages.yuan_text(back)
    assert (tmp_path / "book.xlsx").stat().st_size > 5_000


def test_command_tells_what_moves_in_visits_that_are_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """v3 is of a scheme that has no policy here: SEX denies its 300.00, and no fund had paid for it."""
    town = files(tmp_path / "town")
    io.write_table(pa.table({**VISITS, "insutype": ["310", "310", "390"]}), town / "visits.parquet")
    page = tmp_path / "page.html"
    assert main(["settle", *words(town), "--out", str(tmp_path / "out"), "--html", str(page)]) == 0
    assert re.search(r'id="n-rejected">([^<]*)<', page.read_text(encoding="utf-8")).group(1) == "300.00"
    assert "实扣金额中 300.00 元在被拒收或未参保的就诊中" in capsys.readouterr().out
    assert main(["settle", *words(town), "--out", str(tmp_path / "again"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["checks"]["rejected_fen"] == 30_000


def test_command_explains_what_rules_moved(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    town, out = files(tmp_path / "town"), tmp_path / "out"
    assert main(["settle", *words(town), "--out", str(out)]) == 0
    assert "追回基金" in capsys.readouterr().out
    for asked in (["--run", str(out), "-q", "--threads", "1"], words(town)):
        assert main(["explain", *asked, "--setl-id", "v2"]) == 0
        told = capsys.readouterr().out
        assert "审核规则先把 700.00 元转为全自费" in told and "SICK 诊断：500.00 元" in told and "逐列相等" in told
    assert main(["explain", "--run", str(out), "--setl-id", "v3", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [(m["rule_id"], m["amount"]) for m in data["moved_by_rules"]] == [("SEX", 30_000)]
    assert data["differences"] == {}
    # A document that changed since cannot explain the run.
    (town / "rules.yaml").write_text((town / "rules.yaml").read_text(encoding="utf-8").replace("cap: 1", "cap: 2"), encoding="utf-8")  # fmt: skip
    assert main(["explain", "--run", str(out), "--setl-id", "v2"]) == 1
    assert "规则文件在结算之后有改动" in capsys.readouterr().err


def test_a_run_that_continued_one_with_rules_is_explained_from_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """v1 with rules, then v2 under the state that it left, with rules and without."""
    town = files(tmp_path / "town")
    for setl_id, name in (("v1", "first"), ("v2", "then")):
        folder = tmp_path / name
        (folder / "catalog").mkdir(parents=True)
        for table in ("visits", "lines", "diagnoses"):
            held = pq.read_table(town / f"{table}.parquet")
            held = held.filter(pa.array([value == setl_id for value in held["setl_id"].to_pylist()]))
            io.write_table(held, folder / f"{table}.parquet")
        io.write_table(pa.table(CATALOG), folder / "catalog" / "items.parquet")
    ruled = ["--rules", str(town / "rules.yaml")]
    common = ["--policy", str(town / "policy.yaml"), "--threads", "1", "-q"]
    assert main(["settle", "--input", str(tmp_path / "first"), *common, *ruled, "--out", str(tmp_path / "o1")]) == 0
    for more in (ruled, []):
        later = ["--state", str(tmp_path / "o1/state"), "--out", str(tmp_path / f"o2{len(more)}")]
        assert main(["settle", "--input", str(tmp_path / "then"), *common, *more, *later]) == 0
        capsys.readouterr()
        assert main(["explain", "--run", str(tmp_path / f"o2{len(more)}"), "--setl-id", "v2", "-q"]) == 0
        told = capsys.readouterr().out
        assert ("审核规则先把 700.00 元" in told) == bool(more) and "逐列相等" in told


def test_reports_of_findings_need_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    town = files(tmp_path / "town")
    plain = ["settle", "--input", str(town), "--policy", str(town / "policy.yaml"), "--out", str(tmp_path / "out")]
    assert main([*plain, "--html", str(tmp_path / "page.html")]) == 1
    assert "须与 --rules 同用" in capsys.readouterr().err and not (tmp_path / "out").exists()
    assert main([*plain, "--rules", str(tmp_path / "no.yaml")]) == 1
    assert "no.yaml" in capsys.readouterr().err


QUIET = {"rule": "SEX", "psn_no": "p2", "reason": "agreed", "owner": "me", "expires": "2099-01-01"}


def test_what_is_suppressed_or_not_known_yet_moves_nothing(engine, done):
    book = ybcore.load_rules(RULES)
    left = engine.settle(VISITS, LINES, rules=book, suppress=[QUIET])
    assert row(left.visits, "v3")["fulamt_ownpay_amt"] == 0
    assert row(left.visits, "v1") == row(done.visits, "v1")
    told = {r["rule_id"]: r["suppressed"] for r in left.checks.findings.to_pylist() if r["rule_id"] in ("SEX", "CAP")}
    assert told == {"SEX": True, "CAP": False}
    assert left.receipt["rules"]["suppressions"] == 1 and left.receipt["rules"]["moved_fen"] == 45_000
    early = engine.settle(VISITS, LINES, rules=book, known_at=dt.date(2023, 12, 31))
    assert early.visits.equals(engine.settle(VISITS, LINES).visits) and early.receipt["rules"]["moved_fen"] == 0
    same = engine.settle(VISITS, LINES, rules=book, known_at=dt.date(2024, 1, 1))
    assert same.visits.equals(done.visits) and same.receipt["rules"]["known_at"] == "2024-01-01"
    for more in ({"suppress": [QUIET]}, {"known_at": dt.date(2024, 1, 1)}):
        with pytest.raises(ybcore.InputError, match="give rules"):
            engine.settle(VISITS, LINES, **more)


def test_command_settles_and_explains_with_what_is_suppressed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    town, out = files(tmp_path / "town"), tmp_path / "out"
    (tmp_path / "kept.csv").write_text(
        "rule,setl_id,reason,owner,expires\nSICK,v2,looked at,me,2099-01-01\n", encoding="utf-8"
    )
    asked = ["--suppress", str(tmp_path / "kept.csv"), "--known-at", "2024-06-30"]
    assert main(["settle", *words(town), *asked, "--out", str(out)]) == 0
    capsys.readouterr()
    receipt = json.loads((out / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["rules"]["suppressions"] == 1 and receipt["run"]["known_at"] == "2024-06-30"
    for run in (["--run", str(out), "-q", "--threads", "1"], [*words(town), *asked]):
        assert main(["explain", *run, "--setl-id", "v2"]) == 0
        told = capsys.readouterr().out
        assert "审核规则先把 200.00 元转为全自费" in told and "SICK" not in told and "逐列相等" in told
    # The list has changed since: other money moves.
    (tmp_path / "kept.csv").write_text(
        "rule,setl_id,reason,owner,expires\nSICK,v1,looked at,me,2099-01-01\n", encoding="utf-8"
    )
    assert main(["explain", "--run", str(out), "--setl-id", "v2"]) == 1
    assert "与回执不符" in capsys.readouterr().err
    plain = ["settle", "--input", str(town), "--policy", str(town / "policy.yaml"), "--out", str(tmp_path / "none")]
    assert main([*plain, *asked]) == 1
    assert "须与 --rules 同用" in capsys.readouterr().err and not (tmp_path / "none").exists()
