"""The command line as a person meets it: what goes to stdout, what to stderr, and the exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ybcore import io, messages
from ybcore.cli import main
from ybcore.cli.settle import demo_policies
from ybcore.report.summary import percent

GOOD = """\
format: ybcore-policy/1
id: small
scheme: {id: small, region: "*", insutype: ["310"]}
effective: {from: 2024-01-01}
plans:
  - id: inpatient
    layers:
      - {id: basic, basic: true, payer: hifp_pay, deductible: {amount: 500}, rate: 0.80}
"""


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    yield
    messages.use("zh")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demonstration of a few hundred visits: inputs, outputs, receipt."""
    folder = tmp_path_factory.mktemp("demo") / "run"
    assert main(["demo", "--visits", "400", "--seed", "5", "--out", str(folder), "-q", "--threads", "1"]) == 0
    return folder


def policies() -> list[str]:
    return [word for path in demo_policies() for word in ("--policy", str(path))]


def test_help_needs_no_data_library():
    code = "import sys; from ybcore.cli import main; main(['--help']); main(['settle', '--help']); bad = {'numpy', 'pyarrow', 'pydantic', 'ruamel.yaml'} & set(sys.modules); sys.exit(repr(bad) if bad else 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [[], ["demo"], ["synth"], ["settle"], ["check"], ["explain"], ["verify"], ["policy"], ["policy", "check"], ["policy", "show"], ["policy", "schema"], ["catalog", "check"], ["rules"], ["rules", "list"], ["rules", "show"], ["rules", "validate"], ["describe"], ["resettle"], ["changes"], ["changes", "check"], ["changes", "schema"], ["reconcile"], ["order"]])  # fmt: skip
def test_help_in_both_languages(command: list[str], capsys: pytest.CaptureFixture[str]):
    assert main([*command, "--help"]) == 0
    zh = capsys.readouterr().out
    assert main(["--lang", "en", *command, "--help"]) == 0
    en = capsys.readouterr().out
    assert "用法" in zh and "Usage" in en
    assert not any("\u4e00" <= c <= "\u9fff" for c in en)


def test_language_from_the_environment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    main(["--help"])
    assert "Usage" in capsys.readouterr().out
    monkeypatch.setenv("LANG", "C.UTF-8")
    main(["--help"])
    assert "用法" in capsys.readouterr().out


def test_usage_errors_are_2(capsys: pytest.CaptureFixture[str]):
    assert main(["settle", "--nonsense"]) == 2
    assert main(["nonsense"]) == 2
    assert capsys.readouterr().out == ""


def test_missing_inputs_are_told_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--lang", "en", "settle", "--out", str(tmp_path), "--lines", "nowhere.csv"]) == 1
    told = capsys.readouterr().err
    assert "3 problem(s)" in told and "--policy" in told and "--visits" in told and "nowhere.csv" in told


def test_wrong_document_tells_place_and_nearest_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "wrong.yaml"
    path.write_text(GOOD.replace("deductible:", "deductable:").replace("rate: 0.80", "rate: 1.80"), encoding="utf-8")
    assert main(["--lang", "en", "policy", "check", str(path)]) == 1
    caught = capsys.readouterr()
    assert caught.out == "" and f"{path}:8:" in caught.err
    assert "nearest name: deductible" in caught.err and "found 1.80" in caught.err and "problem(s):" in caught.err
    assert main(["policy", "check", str(path)]) == 1
    assert "处问题" in capsys.readouterr().err


RULE = """\
format: ybcore-rules/1
id: small
version: "2"
name: {zh: 小规则册, en: a small book}
layer: city
region: "12"
from: open
known_since: 2025-01-01
source: nowhere
parameters: {most: 5}
tables:
  drugs: {key: code, rows: [{code: a}, {code: b}]}
  nothing: {columns: [code], key: code, rows: []}
rules:
  - {id: R1, national: 50, name: {zh: 频繁门诊, en: frequent visits}, kernel: K07, scope: {insutype: "310"}, check: {subject: person, measure: visits, comparator: more_than, windows: [{kind: calendar, unit: month, thresholds: [{value: {parameter: most}}]}]}, amount: none, disposition: suspect, severity: 2, choices: [calendar months], source: slides}
  - {id: R2, name: {zh: 名单, en: listed}, kernel: K01, items: {table: drugs}, check: {attribute: listed}, amount: whole_line, disposition: deny, severity: 1, source: list}
  - {id: R3, name: {zh: 空名单, en: empty}, kernel: K01, items: {table: nothing}, check: {attribute: listed}, amount: whole_line, disposition: deny, severity: 1, source: list}
  - {id: R4, name: {zh: 停用, en: off}, kernel: K06, status: disabled, reason: no value, amount: none, disposition: warn, severity: 3, source: slides}
"""


def test_rules_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "rules.yaml"
    path.write_text(RULE, encoding="utf-8")
    assert main(["rules", "list", str(path)]) == 0
    listed = capsys.readouterr().out
    assert "频繁门诊" in listed and "跳过：表 nothing 没有数据行" in listed and "可运行 2，跳过 1，停用 1" in listed
    assert main(["--lang", "en", "rules", "list", str(path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["rows"] for row in rows] == [None, 2, 0, None] and rows[2]["skip"] == "table nothing has no rows"
    assert not any(row["across"] for row in rows)
    assert main(["--lang", "en", "rules", "show", str(path), "R1"]) == 0
    shown = capsys.readouterr().out
    for words in (
        "frequent visits",
        "national rule 50",
        "K07 window",
        "insuplc_admdvs 12, insutype: 310",
        "most = 5",
        "highly suspect",
        "calendar months",
        "slides",
        "small 2",
    ):
        assert words in shown, words
    assert main(["rules", "show", str(path), "R2"]) == 0
    assert "表 drugs，2 行" in capsys.readouterr().out
    assert main(["rules", "show", str(path), "R4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reason"] == "no value"
    assert main(["rules", "show", str(path), "R44"]) == 1
    assert "没有规则 'R44'；是否为 'R4'？" in capsys.readouterr().err
    assert main(["rules", "schema"]) == 0
    assert "K07" in json.dumps(json.loads(capsys.readouterr().out))
    path.write_text(RULE.replace("subject: person", "subject: doctor"), encoding="utf-8")
    assert main(["--lang", "en", "rules", "show", str(path), "R1"]) == 0
    assert "across persons: needs all visits in one run" in capsys.readouterr().out


def test_a_rule_is_shown_as_the_documents_together_make_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    base, town = tmp_path / "base.yaml", tmp_path / "town.yaml"
    base.write_text(RULE.replace("layer: city", "layer: base"), encoding="utf-8")
    town.write_text(RULE[: RULE.index("parameters:")].replace("id: small", "id: town") + "parameters: {most: 7}\nrules: []\n", encoding="utf-8")  # fmt: skip
    assert main(["--lang", "en", "rules", "show", str(base), str(town), "R1"]) == 0
    assert "most = 7" in capsys.readouterr().out
    assert main(["--lang", "en", "rules", "show", str(base), "R1"]) == 0
    assert "most = 5" in capsys.readouterr().out
    assert main(["--lang", "en", "rules", "show", "N13"]) == 0, "of the shipped ones"
    assert "drug restricted by kind of visit" in capsys.readouterr().out
    assert main(["--lang", "en", "rules", "list", "--json"]) == 0
    assert "N13" in {row["id"] for row in json.loads(capsys.readouterr().out)}


def test_rules_validate_tells_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "rules.yaml"
    path.write_text(RULE, encoding="utf-8")
    assert main(["--lang", "en", "rules", "validate", str(path)]) == 0
    assert "ok small 2: 4 rules (3 enabled), 2 tables with 2 rows" in capsys.readouterr().out
    path.write_text(
        RULE.replace("comparator: more_than, ", "").replace("table: drugs", "table: drug"), encoding="utf-8"
    )
    assert main(["--lang", "en", "rules", "validate", str(path)]) == 1
    caught = capsys.readouterr()
    assert caught.out == "" and "2 problem(s)" in caught.err and f"{path}:15:" in caught.err
    assert "`comparator` is needed; there is no default" in caught.err and "nearest name: drugs" in caught.err


def test_policy_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "small.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert main(["policy", "check", str(path)]) == 0
    assert "small" in capsys.readouterr().out
    assert main(["policy", "show", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "basic" in shown and "rate: 0.80" in shown
    assert main(["policy", "show", "--json", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "small"
    assert main(["policy", "schema"]) == 0
    assert "properties" in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "what",
    [
        "inputs",
        "outputs",
        "checks",
        "findings",
        "attributes",
        "reasons",
        "clearing",
        "cleared",
        "benefits",
        "clearing-codes",
    ],
)
def test_describe(what: str, capsys: pytest.CaptureFixture[str]):
    assert main(["describe", what]) == 0
    assert main(["describe", what, "--markdown"]) == 0
    capsys.readouterr()
    assert main(["describe", what, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows and all(row["zh"] or row["en"] for row in rows)


def test_every_reason_has_words():
    from ybcore.settling.events import REASONS

    assert {reason for reason in REASONS if reason} <= {*messages.REASONS, *messages.OUTCOMES}


def test_demo_writes_what_it_says(town: Path):
    receipt = json.loads((town / "receipt.json").read_text(encoding="utf-8"))
    visits = pq.read_table(town / "settlements.parquet")
    assert visits.num_rows == receipt["counts"]["visits"] == 400
    assert (town / "state").is_dir() and (town / "input" / "catalog" / "items.parquet").is_file()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_same_money_from_every_file_format(
    town: Path, tmp_path: Path, encoding: str, capsys: pytest.CaptureFixture[str]
):
    """The demonstration's inputs as CSV in any encoding give the rows that Parquet gave."""
    from ybcore.columns.schema import INPUT_TABLES

    source, copy = town / "input", tmp_path / "in"
    (copy / "catalog").mkdir(parents=True)
    for path in [*source.glob("*.parquet"), *(source / "catalog").glob("*.parquet")]:
        target = copy / path.relative_to(source).with_suffix(".csv")
        io.write_table(pq.read_table(path), target, INPUT_TABLES[path.stem], encoding)
    assert main(["settle", "--input", str(copy), *policies(), "--out", str(tmp_path / "out"), "--json"]) == 0
    caught = capsys.readouterr()
    assert (
        pq.read_table(tmp_path / "out/settlements.parquet").to_pylist()
        == pq.read_table(town / "settlements.parquet").to_pylist()
    )
    assert f"items.csv：编码 {encoding}" in caught.err
    data = json.loads(caught.out)
    assert data["visits"] == 400 and sum(row["visits"] for row in data["outcomes"]) == 400


def test_summary_adds_up(town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = [
        "settle",
        "--input",
        str(town / "input"),
        *policies(),
        "--out",
        str(tmp_path),
        "--detail",
        "--lines-out",
        "--format",
        "csv",
        "-q",
    ]
    assert main([*arguments, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    totals = data["totals_fen"]
    natures = sum(totals[name] for name in messages.NATURES if name != "medfee_sumamt")
    paid = [
        row
        for row in pq.read_table(town / "settlements.parquet").to_pylist()
        if row["outcome"] in ("settled", "no_benefit")
    ]
    assert natures == totals["medfee_sumamt"] == sum(row["medfee_sumamt"] for row in paid)
    assert totals["medfee_sumamt"] == totals["fund_pay_sumamt"] + totals["hosp_part_amt"] + totals["psn_part_amt"]
    for group in ("by_scheme_kind", "by_person", "by_level"):
        assert sum(row["visits"] for row in data[group]) == len(paid)
        assert sum(row["fund_pay_sumamt_fen"] for row in data[group]) == totals["fund_pay_sumamt"]
    assert {row["insutype"] for row in data["by_person"]} == {"310", "380", "390"}
    assert all(
        (tmp_path / name).is_file() for name in ("settlements.csv", "line_results.csv", "detail.csv", "receipt.json")
    )
    assert main(["--lang", "en", *arguments]) == 0
    shown = capsys.readouterr()
    assert "Effective rate by level of hospital" in shown.out and shown.err == ""


def test_the_summary_says_which_documents_are_missing(town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """One document of three: place, scheme and days of all other visits, most first."""
    only = next(str(path) for path in demo_policies() if "beijing" in str(path))
    arguments = ["settle", "--input", str(town / "input"), "--policy", only, "--out", str(tmp_path), "-q"]
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    missing = told["without_policy"]
    settled = {row["setl_id"]: row for row in pq.read_table(tmp_path / "settlements.parquet").to_pylist()}
    visits = pq.read_table(town / "input" / "visits.parquet").to_pylist()
    days = [str(row["setl_time"].date()) for row in visits if settled[row["setl_id"]]["reason"] == "no_policy"]
    assert sum(row["visits"] for row in missing) == len(days) > 0
    assert {row["insutype"] for row in missing} == {"380", "390"} and all(row["insuplc_admdvs"] for row in missing)
    assert min(row["first"] for row in missing) == min(days) and max(row["last"] for row in missing) == max(days)
    assert [row["visits"] for row in missing] == sorted((row["visits"] for row in missing), reverse=True)
    assert main(["--lang", "en", *arguments]) == 0
    shown = capsys.readouterr().out
    assert "No policy document" in shown and missing[0]["insuplc_admdvs"] in shown


def test_half_years_with_the_state_are_the_year(town: Path, tmp_path: Path):
    """January to June, then July to December with the closing state, gives the rows of the year at once."""
    import datetime as dt

    import pyarrow as pa
    import pyarrow.compute as pc

    whole = pq.read_table(town / "input/visits.parquet")
    july = pa.scalar(dt.datetime(2024, 7, 1), whole["setl_time"].type)
    found: dict[str, dict] = {}
    state: list[str] = []
    for name, mask in (
        ("first", pc.less(whole["setl_time"], july)),
        ("second", pc.greater_equal(whole["setl_time"], july)),
    ):
        visits = whole.filter(pc.fill_null(mask, name == "second"))
        lines = pq.read_table(town / "input/lines.parquet")
        lines = lines.filter(
            pc.is_in(lines["setl_id"].cast(pa.string()), value_set=visits["setl_id"].combine_chunks().cast(pa.string()))
        )
        folder = tmp_path / name
        folder.mkdir()
        pq.write_table(visits, folder / "visits.parquet")
        pq.write_table(lines, folder / "lines.parquet")
        rest = [
            word
            for t in ("persons", "institutions", "acct_events")
            for word in (f"--{t.replace('_', '-')}", str(town / f"input/{t}.parquet"))
        ]
        done = main(
            [
                "settle",
                "--input",
                str(folder),
                *rest,
                "--catalog",
                str(town / "input/catalog"),
                *policies(),
                "--out",
                str(folder / "out"),
                *state,
                "-q",
            ]
        )
        assert done == 0
        state = ["--state", str(folder / "out/state")]
        found |= {
            row["setl_id"]: row
            for row in pq.read_table(folder / "out/settlements.parquet").to_pylist()
            if row["reason"] != "duplicate_setl_id"
        }
    for row in pq.read_table(town / "settlements.parquet").to_pylist():
        if row["outcome"] in ("settled", "no_benefit"):
            assert found[row["setl_id"]] == row


def test_synth_writes_a_city(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert (
        main(["synth", "--visits", "200", "--out", str(tmp_path / "city"), "--format", "csv", "--encoding", "gb18030"])
        == 0
    )
    assert io.detect_encoding(tmp_path / "city/catalog/items.csv") == "gb18030"
    assert main(["catalog", "check", str(tmp_path / "city/catalog")]) == 0
    assert "通过" in capsys.readouterr().out


def test_synth_writes_a_clinical_city(tmp_path: Path):
    assert main(["synth", "--visits", "200", "--out", str(tmp_path / "city"), "--format", "csv", "--plants", "1"]) == 0
    assert (tmp_path / "city/diagnoses.csv").exists() and (tmp_path / "city/labels.csv").exists()


def test_percent_rounds_half_up():
    assert percent(1, 8, 1) == "12.5%" and percent(1, 3) == "33.33%" and percent(2, 3) == "66.67%"
    assert percent(1, 0) == "—" and percent(0, 5) == "0.00%" and percent(1, 200, 0) == "1%"
