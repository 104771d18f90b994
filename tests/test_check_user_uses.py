"""Rules of one's own: what is wrong with them, and where they are used: commands, settling, why_not, replay, the page."""

from __future__ import annotations

import json
import re
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ybcore
from check_cases import by_engine, by_reference
from check_small import RULES, write
from check_user_cases import WRITTEN, case, columns, document, forgotten, hits, rule
from test_check_settlement import CATALOG, LINES, POLICY, VISITS
from ybcore import DocumentError, InputError
from ybcore.checks import load_rules, registered
from ybcore.checks.user_columns import DERIVED
from ybcore.cli import main
from ybcore.reference.checks import RuleError, held_tables, why_not
from ybcore.reference.checks import check as check_by_reference

__all__ = ["forgotten"]


# --- what is wrong ----------------------------------------------------------------------------------------------------


def test_registering_tells_everything_at_once():
    ybcore.rule("L01", columns=["amount"])(lambda amount: amount > 0)
    with pytest.raises(InputError) as caught:

        @ybcore.rule("L01", columns=["quantitiy", "det_item_fee_sumam", "cnt"])
        def wrong(a: Any, b: Any) -> None: ...

    problems = caught.value.problems
    assert [p.nearest for p in problems] == ["", "quantity", "det_item_fee_sumamt", ""]
    assert "registered already, at" in problems[0].what and "unknown column 'quantitiy' of lines" in problems[1].what
    assert "cannot be called with its columns" in problems[3].what
    assert all(p.file == __file__ and p.line and p.what_zh for p in problems)
    replaced = ybcore.rule("L01", columns=["cnt?"], replace=True)(lambda cnt: cnt > 1)
    assert registered()["L01"].function is replaced


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"name": " x", "columns": ["cnt"]}, "without spaces"),
        ({"name": "x", "columns": []}, "no columns are asked for"),
        ({"name": "x", "columns": ["cnt"], "on": "persons"}, "on='persons'"),
        ({"name": "x", "columns": ["cnt"], "on": "visits"}, "unknown column 'cnt' of visits"),
    ],
)
def test_what_cannot_be_registered(words: dict[str, Any], says: str):
    with pytest.raises(InputError, match=says):
        ybcore.rule(**words)(lambda *_: None)


def test_documents_name_registered_functions():
    ybcore.rule("night_fee", columns=["time"])(lambda time: time > 0)
    with pytest.raises(DocumentError) as caught:
        load_rules(document(rule("A", {"function": "nigth_fee"}), rule("B", {}), rule("C", {"function": "night_fee"})))
    first, second = caught.value.problems
    assert "unknown registered function 'nigth_fee'" in first.what and first.nearest == "night_fee"
    assert "unknown registered function 'B'" in second.what
    wrong = [
        ({"comparator": "more_than"}, "`comparator` and `value` go together"),
        ({"value": "3"}, "`comparator` and `value` go together"),
        ({"measure": "amount"}, "`measure` is that of `comparator`"),
        ({"comparator": "more_than", "value": "3.5"}, "whole number"),
        ({"functoin": "x"}, "functoin"),
    ]
    for check, says in wrong:
        with pytest.raises(DocumentError, match=says):
            load_rules(document(rule("night_fee", check)))


ANSWERS: list[tuple[Any, str]] = [
    (lambda cnt: cnt / 0 * 1.0, "FloatingPointError|float64"),
    (lambda cnt: 10 // (cnt - cnt), "FloatingPointError"),
    (lambda cnt: np.where(cnt > 0, np.nan, 1.0), "gave float64 with NaN, not bool or int64"),
    (lambda cnt: cnt.astype(np.int32), "gave int32, not bool or int64"),
    (lambda cnt: (cnt > 0)[:-1], "gave 2 values for 3 rows"),
    (lambda cnt: cnt.reshape(-1, 1) > 0, "gave 3 x 1 values for 3 rows"),
    (lambda cnt: True, "gave bool, not a NumPy array"),
    (lambda cnt: None, "gave NoneType"),
    (lambda cnt: [True] * len(cnt), "gave list"),
    (lambda cnt: np.ma.masked_array(cnt > 0, cnt > 0), "gave MaskedArray"),
    (lambda cnt: cnt, "gave a measure, and the rule has no comparator"),
    (lambda cnt: {}["x"], "raised KeyError: 'x'"),
]


@pytest.mark.parametrize("number", range(len(ANSWERS)))
def test_no_answer_is_taken_for_what_it_is_not(number: int):
    function, says = ANSWERS[number]
    ybcore.rule("f", columns=["quantity"])(function)
    one = case(document(rule("R7", {"function": "f"})))
    with pytest.raises(InputError, match=says) as caught:
        by_engine(one)
    (problem,) = caught.value.problems
    assert re.match(r"rule R7, function f(, lines row 2 \(v1/a\))?: ", problem.what)
    assert re.match(r"规则 R7，函数 f(，lines 第 2 行（v1/a）)?：", problem.what_zh)
    assert problem.file == __file__ and problem.line
    if number not in (4, 5):  # of one row these are right, or wrong in another way
        with pytest.raises(RuleError, match="'R7'"):
            by_reference(one)


def test_an_exception_in_a_row_function_names_the_row():
    @ybcore.rule("f", columns=["amount"], row=True)
    def share(amount: int) -> int:
        return 100 // (amount - 1000)

    one = case(document(rule("R", {"function": "f", "comparator": "more_than", "value": "1"})))
    with pytest.raises(InputError, match="division by zero") as caught:
        by_engine(one)
    (problem,) = caught.value.problems
    assert problem.row == 2 and "lines row 2 (v1/a): raised ZeroDivisionError" in problem.what
    with pytest.raises(RuleError, match="v1/a: ZeroDivisionError"):
        by_reference(one)


def test_an_exception_in_a_function_of_columns_names_the_row_that_raises_alone():
    @ybcore.rule("f", columns=["amount"])
    def picky(amount: Any) -> Any:
        if (amount == 300).any():  # what is left of v2/c after its return: input row 3
            raise ValueError("300")
        return amount > 0

    @ybcore.rule("g", columns=["amount"])
    def together(amount: Any) -> Any:
        if len(amount) > 1:
            raise ValueError("too many")
        return amount > 0

    with pytest.raises(InputError, match="300") as caught:
        by_engine(case(document(rule("R", {"function": "f"}))))
    (problem,) = caught.value.problems
    assert problem.row == 3 and "rule R, function f, lines row 3 (v2/c): raised ValueError: 300" in problem.what
    with pytest.raises(InputError, match="too many") as caught:
        by_engine(case(document(rule("R", {"function": "g"}))))
    assert caught.value.problems[0].row is None


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda amount: amount / 3, "gives float64, not a bool or int"),
        (lambda amount: None, "gives none"),
        (lambda amount: None if amount > 1000 else True, "not a bool or int"),
        (lambda amount: zlib.crc32(amount), "cannot be compiled"),
        (lambda amount: amount, "gave a measure"),
    ],
)
def test_a_row_function_gives_booleans_or_whole_numbers(function: Any, says: str):
    ybcore.rule("f", columns=["amount"], row=True)(function)
    with pytest.raises(InputError, match=says) as caught:
        by_engine(case(document(rule("R", {"function": "f"}))))
    assert caught.value.problems[0].row is None or says == "gave a measure"


def test_without_numba_a_row_function_says_what_it_needs(monkeypatch: pytest.MonkeyPatch):
    ybcore.rule("f", columns=["amount"], row=True)(lambda amount: amount > 0)
    ybcore.rule("g", columns=["amount"])(lambda amount: amount > 0)
    monkeypatch.setitem(sys.modules, "numba", None)
    assert hits(by_engine(case(document(rule("R", {"function": "g"})))), "R") == ["a", "b", "c"]
    with pytest.raises(InputError, match=r"rule R, function f: needs numba: pip install 'ybcore\[rows\]'"):
        by_engine(case(document(rule("R", {"function": "f"}))))


# --- where they are used ---------------------------------------------------------------------------------------------


def test_a_loaded_book_keeps_its_function():
    ybcore.rule("f", columns=["amount"])(lambda amount: amount > 0)
    book = load_rules(document(rule("R", {"function": "f"})))
    ybcore.rule("f", columns=["amount"], replace=True)(lambda amount: amount < 0)
    tables = {name: columns(rows) for name, rows in WRITTEN.items()}
    assert len(ybcore.check(**tables, rules=book).findings) == 3
    assert len(ybcore.check(**tables, rules=load_rules(book)).findings) == 3


def test_the_page_prints_what_it_says(capsys: pytest.CaptureFixture[str]):
    text = (Path(__file__).resolve().parent.parent / "docs" / "checks.md").read_text(encoding="utf-8")
    section = text.partition("\n## 7 ")[2]
    code, printed = re.search(r"^```python\n(.*?)^```\n```\n(.*?)^```$", section, re.M | re.S).groups()
    exec(code, {})
    assert capsys.readouterr().out == printed


def test_the_page_names_what_is_worked_out():
    text = (Path(__file__).resolve().parent.parent / "docs" / "checks.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(\w+)`", text.partition("**Columns** are")[2].partition("**Missing.**")[0]))
    assert set(DERIVED) <= told and told - set(DERIVED) <= {
        "text",
        "begndate",
        "enddate",
        "cnt",
        "det_item_fee_sumamt",
        "U",
    }


OWN = """\
import ybcore

@ybcore.rule("cli_dear", columns=["amount"])
def dear(amount):
    return amount > 1000
"""


def test_commands_run_files_of_functions_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data, own = write(tmp_path), tmp_path / "own.py"
    own.write_text(OWN, encoding="utf-8")
    text = RULES.partition("rules:")[0].replace("id: small", "id: own")
    line = "{id: DEAR2, name: {zh: 贵, en: dear}, kernel: user, check: {function: cli_dear}, amount: whole_line, disposition: deny, severity: 1, source: s}"
    (tmp_path / "rules.yaml").write_text(f"{text}rules: [{line}]\n", encoding="utf-8")
    words = [
        "check",
        "--input",
        str(data),
        "--rules",
        str(tmp_path / "rules.yaml"),
        "--out",
        str(tmp_path / "out"),
        "--json",
        "-q",
    ]
    assert main(["--lang", "en", *words]) == 1
    assert "unknown registered function 'cli_dear'" in capsys.readouterr().err
    for _ in range(2):  # a file may be run again
        assert main([*words, "--functions", str(own)]) == 0
        assert json.loads(capsys.readouterr().out)["rules"][0]["vola_amt_fen"] == 3050
    shown = ["--lang", "en", "rules", "show", str(tmp_path / "rules.yaml"), "DEAR2", "--functions", str(own)]
    assert main(shown) == 0
    assert f"function: cli_dear(amount), lines, {own}:3" in capsys.readouterr().out.replace("\n", "").replace("│", "")
    own.write_text(OWN + "\nthis = that\n", encoding="utf-8")
    assert main(["--lang", "en", *words, "--functions", str(own)]) == 1
    assert f"{own}:7: raised NameError: name 'that' is not defined" in capsys.readouterr().err
    own.write_text("def x(:\n", encoding="utf-8")
    assert main(["--lang", "en", *words, "--functions", str(own)]) == 1
    assert f"{own}:1: raised SyntaxError" in capsys.readouterr().err


def test_settling_moves_what_it_denies():
    """As another rule that says the same: money moved, what the funds pay, what comes back."""
    ybcore.rule("woman", columns=["gend", "med_list_codg"])(lambda gend, item: (gend == "2") & (item != "d"))
    listed = {"attribute": "gend", "barred": {"codes": ["2"]}}
    engine = ybcore.Engine(POLICY, ybcore.Catalog(CATALOG), threads=1)

    def settled(*rules: dict[str, Any]) -> tuple[Any, ...]:
        done = engine.settle(VISITS, LINES, rules=load_rules(document(*rules)))
        found = done.checks.findings
        return tuple(
            table.to_pylist() for table in (done.visits["fund_pay_sumamt"], found["vola_amt"], found["recover_amt"])
        )

    own = settled(rule("SEX", {"function": "woman"}))
    assert own == settled(rule("SEX", listed, kernel="K01", items={"prefix": ["a", "b", "c"]}))
    assert own[1] == [30_000] and own[2][0] > 0


def test_why_not_and_replay_know_it():
    ybcore.rule("fen", columns=["amount", "gend"])(lambda amount, gend: amount)
    ybcore.rule("any", columns=["day"], on="visits")(lambda day: day < 0)
    check = {"function": "fen", "measure": "amount", "comparator": "more_than", "value": "10"}
    documents = [document(rule("R", check, scope={"med_type": "11"}), rule("V", {"function": "any"}))]
    tables = {name: columns(rows) for name, rows in WRITTEN.items()}
    report = ybcore.check(**tables, rules=documents)
    judged = check_by_reference(documents, held_tables(WRITTEN)[0], functions=registered())
    asked = [
        ("R", "v1", "a"),
        ("R", "v1", "b"),
        ("R", "v2", "c"),
        ("R", "v2", "d"),
        ("R", "v1", None),
        ("V", "v1", "a"),
    ]
    told = [report.why_not((setl_id, line), name).code for name, setl_id, line in asked]
    assert told == [why_not(judged, name, setl_id, line)["code"] for name, setl_id, line in asked]
    assert told == ["kernel", "hit", "unknown", "netted", "unit", "kernel"]
    tries = report.replay("R", ["5", "10", "30"])
    assert [(row["hits"], row["vola_amt"]) for row in tries.to_pylist()] == [(2, 4000), (1, 3000), (0, 0)]
