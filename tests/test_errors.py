"""What an error says: every problem, where it is, in the language asked for."""

from __future__ import annotations

import pickle

import pytest
from ybcore.errors import DocumentError, InputError, Problem, YbcoreError

FULL = Problem(
    what="unknown name 'ded'",
    what_zh="未知名称 'ded'",
    file="p.yaml",
    line=3,
    column=5,
    path="layers[0].ded",
    nearest="deductible",
)
BARE = Problem(what="a value is missing", path="psn_no", row=7, expected="a text", expected_zh="文本")
CODE = Problem(what="a wrong day", what_zh="日期有误", expected="YYYY-MM-DD")


@pytest.mark.parametrize("kind", [DocumentError, InputError])
def test_every_problem_is_told_in_one_language(kind: type[DocumentError] | type[InputError]):
    error = kind([FULL, BARE, CODE])
    assert isinstance(error, YbcoreError) and isinstance(error, ValueError)
    assert error.render("en").splitlines() == [
        "p.yaml:3:5: layers[0].ded: unknown name 'ded'; did you mean 'deductible'?",
        "row 7: psn_no: a value is missing; expected: a text",
        "a wrong day; expected: YYYY-MM-DD",
    ]
    assert error.render("zh").splitlines() == [
        "p.yaml:3:5: layers[0].ded: 未知名称 'ded'；是否为 'deductible'？",
        "第 7 行: psn_no: a value is missing；应为：文本",
        "日期有误；应为：YYYY-MM-DD",
    ]
    assert error.render() == error.render("zh")
    assert "未知名称" in str(error) and "unknown name" in str(error) and "row 7" in str(error)
    assert str(error).splitlines()[1:] == [
        "row 7: psn_no: a value is missing; expected / 应为: a text / 文本",
        "日期有误 / a wrong day; expected / 应为: YYYY-MM-DD",
    ]


def test_an_unknown_language_is_refused():
    with pytest.raises(ValueError, match="zh, en"):
        FULL.render("fr")


def test_an_error_travels_between_processes():
    error = pickle.loads(pickle.dumps(DocumentError([FULL, BARE])))
    assert error.problems == (FULL, BARE) and type(error) is DocumentError


def test_input_problems_are_told_in_chinese_too():
    """A wrong table speaks the reader's language, with the same places."""
    import pyarrow as pa
    from ybcore.columns.read import Problems, read
    from ybcore.columns.schema import VISITS

    problems = Problems()
    read({"setl_ids": ["a"], "psn_no": ["p"], "med_type": ["21"], "inscp_scp_amt": pa.array([1.5])}, VISITS, problems)
    said = [problem.render("zh") for problem in problems.found]
    assert any("缺少必需的列" in text and "visits.setl_id" in text for text in said)
    assert all(any("\u4e00" <= char <= "\u9fff" for char in text) for text in said)
