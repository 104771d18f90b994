"""A run settled again from the command line: files in, files out, each the same as settling everything anew; wrong documents; receipts."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import jsonschema
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from resettle_small import DOCUMENT, make
from ybcore import Engine, InputError, State, io, load_book, messages
from ybcore.catalog import Catalog
from ybcore.cli import main
from ybcore.cli.base import Session
from ybcore.cli.runs import held_run
from ybcore.cli.settle import demo_policies
from ybcore.cli.tables import from_run
from ybcore.columns.schema import INSTITUTIONS, LINES, PERSONS, VISITS
from ybcore.ledger.document import load_changes
from ybcore.ledger.fitting import in_types_of
from ybcore.ledger.schema import json_schema
from ybcore.messages import CAUSES
from ybcore.settling.result import NUMBERS

ROOT = Path(__file__).resolve().parent.parent
QUIET = ["-q", "--threads", "1"]


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    yield
    messages.use("zh")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small city, settled, with all eight kinds of change; settled again into `again`."""
    folder = make(tmp_path_factory.mktemp("resettle") / "town")
    assert main(["resettle", *asked(folder, "again"), *QUIET, "--json"]) == 0
    return folder


def asked(town: Path, out: str, previous: str = "paid", changes: str = "changes.yaml") -> list[str]:
    return ["--previous", str(town / previous), "--changes", str(town / changes), "--out", str(town / out)]


def table(town: Path, name: str, out: str = "again") -> pa.Table:
    return io.read_table(town / out / f"{name}.parquet")


def rows(found: pa.Table) -> list[dict]:
    return found.to_pylist()


def same_as_anew(folder: Path) -> None:
    """What a folder holds is what its inputs come to when everything is settled anew."""
    inputs, receipt = from_run(folder)
    engine = Engine(load_book(inputs.policy), Catalog(**inputs.catalog(Session(quiet=True))), threads=1)
    tables = inputs.tables(Session(quiet=True))
    opening = None if inputs.state is None else State.load(inputs.state)
    full = engine.settle(**tables, state=opening, line_output=True, detail=True)
    held = {name: io.read_table(folder / receipt["run"]["files"][name]) for name in ("settlements", "line_results", "detail")}  # fmt: skip
    assert rows(held["settlements"]) == rows(full.visits)
    assert rows(held["line_results"]) == rows(full.lines)
    assert sorted(map(str, rows(held["detail"]))) == sorted(map(str, rows(full.detail)))
    assert State.load(folder / "state").sha256 == full.state.sha256 == receipt["closing_state"]
    for name in ("policy", "catalog", "input", "opening_state", "counts", "totals_fen", "rounding", "order"):
        assert receipt[name] == full.receipt[name], name


# ---------------------------------------------------------------------------------------------- what is written


def test_the_run_after_is_that_of_everything_settled_anew(town: Path):
    same_as_anew(town / "again")


def test_differences_add_up_and_every_reason_is_there(town: Path):
    before, after, deltas = table(town, "settlements", "paid"), table(town, "settlements"), table(town, "delta_visits")
    assert set(deltas["reason"].to_pylist()) == set(CAUSES)
    for name in NUMBERS:
        total = pc.sum(after[name]).as_py() - pc.sum(before[name]).as_py()
        assert pc.sum(deltas[name]).as_py() == total
        if name in table(town, "delta_persons").column_names:
            for by in ("delta_persons", "delta_institutions"):
                assert pc.sum(table(town, by)[name]).as_py() == total
    payers = {row["payer"]: row for row in rows(table(town, "ledger_payers"))}
    for name in ("ledger_persons", "ledger_institutions"):
        for payer, whole in payers.items():
            mine = [row for row in rows(table(town, name)) if row["payer"] == payer]
            for figure in ("to_pay", "to_collect", "net"):
                assert sum(row[figure] for row in mine) == whole[figure]
    moved = table(town, "attribution")
    assert pc.sum(moved["amount"]).as_py() == sum(row["net"] for row in payers.values())
    assert sorted(set(moved["change"].to_pylist())) == list(range(8))
    assert set(table(town, "counters").column_names) >= {"counter", "owner", "value_before", "value_after"}
    assert set(table(town, "accounts").column_names) >= {"psn_no", "balc_before", "balc_after"}


def test_the_receipt_names_what_it_rests_on(town: Path):
    receipt = json.loads((town / "again/receipt.json").read_text(encoding="utf-8"))
    told = receipt["resettlement"]

    def sha(path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    assert told["previous"]["receipt_sha256"] == sha(town / "paid/receipt.json")
    assert told["changes"]["sha256"] == sha(town / "changes.yaml")
    kinds = [entry["kind"] for entry in told["changes"]["entries"]]
    assert kinds == ["late_claims", "refunds", "denied_lines", "persons", "institutions", "catalog", "policy", "reordered"]  # fmt: skip
    for entry in told["changes"]["entries"]:
        for file in entry["files"]:
            path = Path(file["path"])
            assert path.is_dir() or file["sha256"] == sha(path)
    for held in told["outputs"].values():
        assert held["sha256"] == sha(town / "again" / held["file"])
    assert told["scope"]["visits"] <= told["scope"]["of_visits"] and set(told["scope"]["why"]) == set(CAUSES) - {"knock_on"}  # fmt: skip
    assert "seconds" not in receipt


def test_the_same_again_gives_the_same_bytes(town: Path):
    assert main(["resettle", *asked(town, "twice"), *QUIET, "--json"]) == 0
    one, two = ({p.relative_to(town / out): p.read_bytes() for p in (town / out).rglob("*") if p.is_file()} for out in ("again", "twice"))  # fmt: skip
    assert one.keys() == two.keys()
    assert [str(name) for name in one if one[name] != two[name]] == ["receipt.json"]  # it says where its inputs are


def test_a_resettlement_is_settled_again(town: Path, capsys: pytest.CaptureFixture[str]):
    lines = table(town, "lines", "again/input")
    free = lines.filter(pc.and_(pc.equal(lines["deny_flag"], 0), lines["feedetl_sn"].is_valid())).slice(100, 20)
    io.write_table(free.select(["setl_id", "feedetl_sn"]), town / "more.csv")
    (town / "more.yaml").write_text(
        "format: ybcore-changes/1\nid: more\nname: {zh: 再次, en: once more}\nchanges:\n"
        "  - {kind: denied_lines, rows: more.csv, label: {zh: 又一批, en: some more}}\n",
        encoding="utf-8",
    )
    assert main(["--lang", "en", "resettle", *asked(town, "third", "again", "more.yaml"), "--threads", "1"]) == 0
    told = capsys.readouterr()
    assert "settled again" not in told.err and "Funds: to pay" in told.out
    same_as_anew(town / "third")
    third, again = table(town, "settlements", "third"), table(town, "settlements")
    step = pc.sum(third["fund_pay_sumamt"]).as_py() - pc.sum(again["fund_pay_sumamt"]).as_py()
    assert step == pc.sum(table(town, "delta_visits", "third")["fund_pay_sumamt"]).as_py() < 0
    name = table(town, "delta_visits", "third")["setl_id"][0].as_py()
    assert main(["explain", "--run", str(town / "third"), "--setl-id", name, *QUIET]) == 0


def test_results_that_are_not_whole_are_settled_again(town: Path, capsys: pytest.CaptureFixture[str]):
    bare = town / "bare"
    policies = [word for path in demo_policies() for word in ("--policy", str(path))]
    assert main(["settle", *policies, "--input", str(town / "input"), "--out", str(bare), *QUIET]) == 0
    capsys.readouterr()
    assert main(["resettle", *asked(town, "from-bare", "bare"), "--threads", "1"]) == 0
    assert "没有明细结果（--lines-out）、分层结果（--detail），重新结算" in capsys.readouterr().err
    for name in ("ledger_persons", "delta_lines", "settlements", "detail", "counters"):
        assert rows(table(town, name, "from-bare")) == rows(table(town, name))


def test_csv_results_and_csv_inputs_give_the_same(town: Path):
    """Everything as CSV in GB18030: inputs are texts, so changes in Parquet become texts too."""
    data = town / "text"
    data.mkdir()
    shutil.copytree(town / "input/catalog", data / "catalog")
    shutil.copy(town / "input/acct_events.parquet", data)
    for schema in (VISITS, LINES, PERSONS, INSTITUTIONS):
        held = table(town, schema.name, "input")
        at = held.column_names.index("setl_time") if "setl_time" in held.column_names else -1
        held = held if at < 0 else held.set_column(at, "setl_time", held["setl_time"].cast(pa.timestamp("s")))
        io.write_table(held, data / f"{schema.name}.csv", schema, "gb18030")
    policies = [word for path in demo_policies() for word in ("--policy", str(path))]
    files = ["--format", "csv", "--encoding", "gb18030"]
    assert main(["settle", *policies, "--input", str(data), "--out", str(town / "text-paid"), "--lines-out", "--detail", *files, *QUIET]) == 0  # fmt: skip
    assert main(["resettle", *asked(town, "text-again", "text-paid"), *files, *QUIET, "--json"]) == 0
    for name in ("ledger_persons", "ledger_institutions", "attribution"):
        own = io.read_table(town / "text-again" / f"{name}.csv")
        money = {"to_pay", "to_collect", "net", "amount"}
        theirs = [
            {k: str(io.yuan(pa.array([v]))[0].as_py()) if k in money else None if v is None else str(v) for k, v in row.items()}
            for row in rows(table(town, name))
        ]  # fmt: skip
        assert rows(own) == theirs
    more = json.loads((town / "text-again/receipt.json").read_text(encoding="utf-8"))
    assert more["totals_fen"] == json.loads((town / "again/receipt.json").read_text(encoding="utf-8"))["totals_fen"]
    held = held_run(Session(quiet=True), town / "text-again", 1)  # read back, and equal to its receipt
    assert held.run.settlement.visits.num_rows == table(town, "settlements").num_rows


def test_a_run_that_went_on_from_another(town: Path):
    """The second half of a year, settled from the closing state of the first; examples are told from both."""
    visits, lines = table(town, "visits", "input"), table(town, "lines", "input")
    policies = [word for path in demo_policies() for word in ("--policy", str(path))]
    july = pa.scalar("2024-07-01").cast(pa.timestamp("us"))
    early = pc.less(visits["setl_time"].cast(pa.timestamp("us")), july)
    for name, mask in (("half1", early), ("half2", pc.invert(early))):
        folder = town / name
        shutil.copytree(town / "input", folder, ignore=shutil.ignore_patterns("visits*", "lines*"))
        part = visits.filter(pc.fill_null(mask, name == "half1"))
        io.write_table(part, folder / "visits.parquet")
        of = pc.is_in(lines["setl_id"].cast(pa.large_string()), value_set=part["setl_id"].combine_chunks())
        io.write_table(lines.filter(of), folder / "lines.parquet")
        state = ["--state", str(town / "paid1/state")] if name == "half2" else []
        out = ["--out", str(town / name.replace("half", "paid")), "--lines-out", "--detail"]
        assert main(["settle", *policies, "--input", str(folder), *state, *out, *QUIET]) == 0
    text = "format: ybcore-changes/1\nid: half\nname: {zh: 下半年, en: second half}\nchanges:\n"
    text += "  - {kind: policy, policy: policies, label: {zh: 比例, en: a rate}}\n"
    (town / "half.yaml").write_text(text, encoding="utf-8")
    page = town / "half.html"
    assert main(["resettle", *asked(town, "half-again", "paid2", "half.yaml"), "--html", str(page), *QUIET]) == 0
    same_as_anew(town / "half-again")
    told = page.read_text(encoding="utf-8")
    assert told.count("已核对：") == 2 * told.count('class="example"') > 0 and "不一致" not in told


def test_a_run_with_rules(town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """What rules had moved to full self-pay stays there."""
    item = table(town, "lines", "input")["med_list_codg"][0].as_py()
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "format: ybcore-rules/1\nid: r\nversion: '1'\nname: {zh: 规则, en: rules}\nlayer: city\nregion: '*'\nfrom: open\n"
        "known_since: 2020-01-01\nsource: nowhere\ntables: {t: {key: c, rows: [{c: '" + item + "'}]}}\nrules:\n"
        "  - {id: R, name: {zh: 名单, en: listed}, kernel: K01, items: {table: t}, check: {attribute: listed}, amount: whole_line, disposition: deny, severity: 1, source: s}\n",
        encoding="utf-8",
    )
    policies = [word for path in demo_policies() for word in ("--policy", str(path))]
    out = ["--out", str(town / "ruled"), "--lines-out", "--detail"]
    assert main(["settle", *policies, "--input", str(town / "input"), "--rules", str(rules), *out, *QUIET]) == 0
    assert json.loads((town / "ruled/receipt.json").read_text())["rules"]["moved_fen"] > 0
    capsys.readouterr()
    assert main(["resettle", *asked(town, "ruled-again", "ruled"), "--threads", "1", "--json"]) == 0
    assert re.search(r"审核规则转出的 [\d,.]+ 元保持转出", capsys.readouterr().err)
    same_as_anew(town / "ruled-again")


PLAIN = """\
format: ybcore-policy/1
id: one
scheme: {id: one, region: "*", insutype: ["3"]}
effective: {from: 2020-01-01}
plans:
  - {id: everything, layers: [{id: basic, basic: true, payer: hifp_pay, deductible: {amount: 300, repeat: cumulative, period: year}, rate: 0.8}]}
"""


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_whole_number_ids_and_bills_that_come_split(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """No lines, no persons, no reversals before; by hand: 300 of deductible, then 80 %. Person 1 has 400.00 in March, 100.00 in May."""
    nothing = {name: [0, 0, 0] for name in ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt")}
    visits = {"setl_id": [1, 2, 3], "psn_no": [1, 2, 1], "insutype": ["310"] * 3, "med_type": ["11"] * 3, "setl_time": ["2024-03-01", "2024-03-02", "2024-05-01"], "medfee_sumamt": [40_000, 40_000, 10_000], "inscp_scp_amt": [40_000, 40_000, 10_000], **nothing}  # fmt: skip
    io.write_table(pa.table(visits), tmp_path / "visits.parquet")
    (tmp_path / "p.yaml").write_text(PLAIN, encoding="utf-8")
    asked_ = ["--policy", str(tmp_path / "p.yaml"), "--visits", str(tmp_path / "visits.parquet"), "--detail"]
    assert main(["settle", *asked_, "--out", str(tmp_path / "paid"), "--format", suffix, *QUIET, "--json"]) == 0
    (tmp_path / "r.csv").write_text("setl_id,psn_no,insutype,setl_time,med_type,refd_setl_flag,init_setl_id\n9,1,310,2024-04-01,11,1,1\n", encoding="utf-8")  # fmt: skip
    (tmp_path / "c.yaml").write_text(
        "format: ybcore-changes/1\nid: c\nname: {zh: 退, en: back}\nchanges:\n"
        "  - {kind: refunds, visits: r.csv, label: {zh: 退, en: back}}\n",
        encoding="utf-8",
    )
    words = ["--previous", str(tmp_path / "paid"), "--changes", str(tmp_path / "c.yaml"), "--out", str(tmp_path / "again")]  # fmt: skip
    files = ["--format", suffix, "--html", str(tmp_path / "x.html"), "--attribution", "shapley"]
    capsys.readouterr()
    assert main(["resettle", *words, *files, "--threads", "1", "--json"]) == 0
    told = capsys.readouterr()
    assert "重新结算\n" not in told.err  # the results were read
    data = json.loads(told.out)
    # March: 80.00 back. May: 80.00 were paid of 100.00; now the deductible takes all of it.
    assert data["totals_fen"]["funds"] == {"to_pay": 0, "to_collect": 16_000, "net": -16_000}
    assert {row["reason"]: row["funds"]["net"] for row in data["reasons"]} == {"refund": -8_000, "knock_on": -8_000}
    assert data["scope"]["visits"] == 3 and data["scope"]["of_visits"] == 4
    assert (tmp_path / "x.html").read_text(encoding="utf-8").count("已核对：") == 3


# ---------------------------------------------------------------------------------------------- what is refused


def test_what_changed_since_the_run_is_told(town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def spoiled(name: str, change) -> str:
        shutil.copytree(town / "input", tmp_path / name)
        shutil.copytree(town / "paid", tmp_path / f"{name}-paid")
        receipt = tmp_path / f"{name}-paid/receipt.json"
        receipt.write_text(receipt.read_text().replace(str(town / "input"), str(tmp_path / name)))
        change(tmp_path / name, tmp_path / f"{name}-paid")
        words = ["--changes", str(town / "changes.yaml"), "--out", str(tmp_path / "out")]
        assert main(["--lang", "en", "resettle", "--previous", str(tmp_path / f"{name}-paid"), *words, *QUIET]) == 1
        return capsys.readouterr().err

    def fewer(folder: Path, paid: Path) -> None:
        io.write_table(io.read_table(folder / "persons.parquet").slice(1), folder / "persons.parquet")

    def other(folder: Path, paid: Path) -> None:
        held = io.read_table(paid / "settlements.parquet")
        at = held.column_names.index("psn_cash_pay")
        io.write_table(
            held.set_column(at, "psn_cash_pay", pc.add(held["psn_cash_pay"], 1)), paid / "settlements.parquet"
        )

    def gone(folder: Path, paid: Path) -> None:
        (folder / "lines.parquet").unlink()

    assert "persons changed since the run" in spoiled("a", fewer)
    assert "settlements changed since the run" in spoiled("b", other)
    assert "is not there any more" in spoiled("c", gone) and not (tmp_path / "out").exists()


WRONG = """\
format: ybcore-changes/1
id: wrong
nam: {zh: 错, en: wrong}
changes:
  - {kind: late_claim, visits: late/visits.csv, label: {zh: 甲, en: a}}
  - {kind: denied_lines, visits: denied.csv, label: {zh: 乙}}
  - {kind: persons, rows: nowhere.parquet, label: {zh: 丙, en: c}, sauce: x}
  - {kind: policy, policy: [bad], label: {zh: 丁, en: d}}
  - {kind: catalog, catalog: late, label: {zh: 戊, en: e}}
"""


def test_a_wrong_document_tells_everything_at_once(town: Path, capsys: pytest.CaptureFixture[str]):
    path = town / "wrong.yaml"
    path.write_text(WRONG, encoding="utf-8")
    (town / "bad").mkdir()
    (town / "bad/p.yaml").write_text("format: ybcore-policy/1\nid: p\n", encoding="utf-8")
    for command in (["changes", "check", str(path)], ["resettle", *asked(town, "no", changes="wrong.yaml")]):
        assert main(["--lang", "en", *command]) == 1
        told = capsys.readouterr().err
        for line in (
            f"{path}:3:1: nam: unknown key 'nam'",
            "nearest name: name",
            f"{path}:5:12: changes[0].kind: unknown word 'late_claim'",
            "nearest name: late_claims",
            f"{path}:6:26: changes[1].visits: denied_lines has no 'visits'",
            f"{path}:6:5: changes[1]: denied_lines names no file",
            f"{path}:6:53: changes[1].label.en: a required key is missing",
            f"{path}:7:27: changes[2].rows: the file is not there",
            f"{path}:7:67: changes[2].sauce: unknown key 'sauce'",
            f"{town / 'bad/p.yaml'}:1:1: scheme: a required key is missing",
            f"{town / 'late'}: no items.parquet and no items.csv is there",
        ):
            assert line in told, (line, told)
    assert main(["changes", "check", str(path)]) == 1
    assert "未知的变更种类 'late_claim'" in capsys.readouterr().err
    path.write_text("id: x\n", encoding="utf-8")
    assert main(["changes", "check", str(path)]) == 1 and "不是变更文件" in capsys.readouterr().err


def test_rows_that_do_not_fit_are_told_with_file_and_row(
    town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "denied.csv").write_text("setl_id,feedetl_sn\nnobody,1\n", encoding="utf-8")
    (tmp_path / "late.csv").write_text(
        "setl_id,psn_no,setl_time,med_type,medfee\nL1,P,2024-01-01,11,1\n", encoding="utf-8"
    )
    (tmp_path / "c.yaml").write_text(
        "format: ybcore-changes/1\nid: c\nname: {zh: 错, en: wrong}\nchanges:\n"
        "  - {kind: denied_lines, rows: denied.csv, label: {zh: 甲, en: a}}\n"
        "  - {kind: late_claims, visits: late.csv, label: {zh: 乙, en: b}}\n",
        encoding="utf-8",
    )
    words = ["--previous", str(town / "paid"), "--changes", str(tmp_path / "c.yaml"), "--out", str(tmp_path / "out")]
    assert main(["--lang", "en", "resettle", *words, *QUIET]) == 1
    told = capsys.readouterr().err
    assert f"{tmp_path / 'denied.csv'} row 1: changes[0].rows" in told and "nobody" in told
    assert f"{tmp_path / 'late.csv'}: changes[1].visits: unknown column 'medfee'" in told
    (tmp_path / "late.csv").write_text("setl_id,psn_no,setl_time,med_type\nL1,P,yesterday,11\nL2,P,2024-02-30,11\n", encoding="utf-8")  # fmt: skip
    assert main(["--lang", "en", "resettle", *words, *QUIET]) == 1
    told = capsys.readouterr().err
    assert "row 1: changes[1].visits: cannot read 'yesterday' as setl_time" in told and "row 2" in told
    assert not (tmp_path / "out").exists()


def test_outputs_do_not_go_into_the_previous_folder(town: Path, capsys: pytest.CaptureFixture[str]):
    before = (town / "paid/receipt.json").read_bytes()
    assert main(["--lang", "en", "resettle", *asked(town, "paid"), *QUIET]) == 1
    assert "cannot go into the previous folder" in capsys.readouterr().err
    assert (town / "paid/receipt.json").read_bytes() == before


# ---------------------------------------------------------------------------------------------- types of rows


def test_rows_come_in_the_types_of_the_run():
    texts = pa.table({"setl_id": ["7"], "psn_no": ["p"], "setl_time": ["2024-03-01 08:00:00"], "begndate": ["2024-02-28"], "medfee_sumamt": ["12.30"], "ipt_days": ["3"], "refd_setl_flag": ["1"]})  # fmt: skip
    kinds = {
        "setl_id": pa.int64(), "psn_no": pa.large_string(), "setl_time": pa.timestamp("us"), "begndate": pa.date32(),
        "medfee_sumamt": pa.int64(), "ipt_days": pa.int64(), "refd_setl_flag": pa.int8(),
    }  # fmt: skip
    held = pa.table({name: pa.array([], kind) for name, kind in kinds.items()})
    place = {"file": "f"}
    numbers, problems = in_types_of(texts, held, VISITS, place)
    assert not problems and {f.name: f.type for f in numbers.schema if f.name != "psn_no"} == {n: k for n, k in kinds.items() if n != "psn_no"}  # fmt: skip
    row = numbers.to_pylist()[0]
    assert (row["setl_id"], row["medfee_sumamt"], row["ipt_days"], row["refd_setl_flag"]) == (7, 1230, 3, 1)
    back, problems = in_types_of(numbers, texts, VISITS, place)
    assert not problems
    assert back.to_pylist() == [texts.to_pylist()[0] | {"setl_time": "2024-03-01 08:00:00.000000"}]
    decimal = held.set_column(4, "medfee_sumamt", pa.array([], pa.decimal128(16, 2)))
    assert str(in_types_of(texts, decimal, VISITS, place)[0]["medfee_sumamt"][0].as_py()) == "12.30"
    wrong = texts.set_column(4, "medfee_sumamt", pa.array(["12.345"])).set_column(0, "setl_id", pa.array(["x"]))
    _, problems = in_types_of(wrong, held, VISITS, place)
    assert [(p.row, p.what) for p in problems] == [(1, "cannot read 'x' as setl_id"), (1, "cannot read '12.345' as medfee_sumamt")]  # fmt: skip
    many = pa.table({"setl_id": [f"x{i}" for i in range(9)]})
    assert len(in_types_of(many, held, VISITS, place)[1]) == 6


def test_a_document_needs_a_run_only_to_fit_its_rows(town: Path):
    document = load_changes(town / "changes.yaml")
    assert [entry.label["en"] for entry in document.entries][:2] == ["December's late claims", "refunds"]
    run = held_run(Session(quiet=True), town / "paid", 1).run
    assert len(document.changes(run)) == 8
    io.write_table(pa.table({"setl_id": ["a"], "setl_time": ["soon"]}), town / "bad-times.csv")
    text = DOCUMENT.replace("times.csv", "bad-times.csv")
    (town / "bad-times.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="soon"):
        load_changes(town / "bad-times.yaml").changes(run)


# ---------------------------------------------------------------------------------------------- schema


def test_the_schema_says_what_the_reader_says(town: Path, capsys: pytest.CaptureFixture[str]):
    from ruamel.yaml import YAML

    assert main(["changes", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()
    judge = jsonschema.Draft202012Validator(json_schema())
    read = YAML(typ="safe", pure=True).load
    assert not list(judge.iter_errors(read(DOCUMENT)))
    shown = (ROOT / "docs/resettlement.md").read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    assert "kind: refunds" in shown and not list(judge.iter_errors(read(shown)))
    for old, new in (
        ("late_claims,", "late,"),
        ("rows: denied.csv", "visits: denied.csv"),
        ("rows: times.csv, ", ""),
        ("label: {zh: 退费冲销, en: refunds}", "label: {zh: 退费冲销}"),
        ("id: year-end", "idd: year-end"),
    ):
        assert old in DOCUMENT and list(judge.iter_errors(read(DOCUMENT.replace(old, new)))), new


def test_check_tells_what_there_is(town: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--lang", "en", "changes", "check", str(town / "changes.yaml")]) == 0
    told = capsys.readouterr().out
    assert (
        "1. late claims: December's late claims, 1" in told and "6. catalogue corrected: price caps revised\n" in told
    )
    assert "ok: year-end, sha256 " in told
