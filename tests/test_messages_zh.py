"""What a command says in Chinese has no English sentence in it: wrong options, types of columns, notes."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from ybcore import InputError, messages
from ybcore.cli import main
from ybcore.columns.phrases import _KINDS, chinese
from ybcore.columns.read import Problems, note_unknown, read
from ybcore.columns.schema import KINDS, LINES, PERSONS, VISITS

ENGLISH = re.compile(r"\b(?:the|is|not|must|missing|option|argument|value|invalid|such|give|text|integer|row)\b", re.I)


@pytest.fixture(autouse=True)
def chinese_again():
    yield
    messages.use("zh")


@pytest.mark.parametrize(
    "words",
    [
        "settle", "run", "verify", "changes check", "nosuch", "settle --nosuch", "settle --out", "settle --format xml --out x",
        "settle --threads 0 --out x", "settle --threads x --out x", "verify a b", "resettle --previous x", "check --known-at x --out y",
    ],
)  # fmt: skip
def test_what_the_option_parser_says(words: str, capsys: pytest.CaptureFixture[str]):
    assert main(["--lang", "zh", *words.split()]) == 2
    told = capsys.readouterr().err
    said = told.rpartition("错误：")[2]
    assert "错误：" in told and "[OPTIONS]" not in told and not ENGLISH.search(re.sub(r"'[^']*'|--\w+", "", said)), said
    assert main(["--lang", "en", *words.split()]) == 2
    assert not re.search("[\u4e00-\u9fff]", capsys.readouterr().err)


def test_types_that_a_column_cannot_have():
    assert set(_KINDS) == set(KINDS.values())
    bad = pa.array([1.5])
    for table in (VISITS, PERSONS, LINES):
        problems = Problems()
        read(pa.table({column.name: bad for column in table.columns if column.kind != "text"}), table, problems)
        assert len(problems.found) > 3
        for problem in problems.found:
            assert problem.what_zh and not ENGLISH.search(problem.what_zh), problem.what_zh


def test_notes_on_columns_and_the_row_of_a_problem():
    for name in ("psn_n", "whatever"):
        note = note_unknown(name, VISITS)
        assert name in chinese(note) and not ENGLISH.search(chinese(note))
    with pytest.raises(InputError) as error:
        problems = Problems()
        problems.add("the required column is missing", "visits.setl_id", "a.csv", 3)
        problems.stop()
    assert error.value.render("zh") == "a.csv 第 3 行: visits.setl_id: 缺少必需的列"
    assert error.value.render("en") == "a.csv row 3: visits.setl_id: the required column is missing"
