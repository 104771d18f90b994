"""Examples of rules: those that are shipped, where they may stand, and how one that is not as written is told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import ybcore
from ybcore import DocumentError, Problem
from ybcore.checks import RuleBook, load_rules, run_examples, shipped_rules, user
from ybcore.checks.examples import Placed, examples_of, stage_of
from ybcore.cli import main
from ybcore.reference.checks import example_hits, stack

EMPTY = {
    "N15",
    "N37_code",
    "N45",
    "N47",
    "N53",
    "N62",
    "N14",
    "N77",
    "L_doctor_list",
    "L_person",
    "L_card",
    "L_institution",
}
"""Shipped with a table or list that is empty by design: nobody has published it."""


@pytest.fixture(scope="module")
def shipped() -> RuleBook:
    return load_rules(shipped_rules())


@pytest.fixture(scope="module")
def placed(shipped: RuleBook) -> list[Placed]:
    return examples_of(shipped)


def test_the_shipped_examples_are_as_both_judges_find(shipped: RuleBook, placed: list[Placed]):
    ran = run_examples(shipped)
    assert ran.problems == ()
    assert (ran.count, ran.rules) == (len(placed), len(shipped) - len(EMPTY) - 4)  # four are disabled
    assert load_rules(shipped, examples=True) is shipped


def test_every_rule_that_can_run_has_one_that_hits_and_one_that_does_not(shipped: RuleBook, placed: list[Placed]):
    assert {rule.id for rule in shipped if rule.enabled and rule.skip is not None} == EMPTY
    wanted = {(rule.id, hits) for rule in shipped if rule.enabled and rule.skip is None for hits in (True, False)}
    assert {(one.rule.id, bool(one.example.hits)) for one in placed} == wanted
    assert len({(one.rule.id, one.name) for one in placed}) == len(placed)
    assert all(one.example.name and one.line > 1 and one.file.endswith(".examples.yaml") for one in placed)


def test_shipped_examples_hit_codes_of_the_tables(shipped: RuleBook, placed: list[Placed]):
    with_table = 0
    for one in placed:
        if one.rule.table is not None and one.example.hits:
            with_table += 1
            known = {cell for name in one.rule.table.key for cell in one.rule.table.columns[name]}
            assert all(row["med_list_codg"] in known for row in one.example.lines), one.name
    assert with_table > 18


def test_examples_stand_at_the_figures(shipped: RuleBook, placed: list[Placed]):
    """Move every parameter by its last digit, up or down: each rule that has one judges an example otherwise."""
    changed: set[str] = set()
    for step in (1, -1):
        documents = shipped.plain()
        for document in documents:
            for name, text in (document.get("parameters") or {}).items():
                document["parameters"][name] = moved(text, step)
        book = stack(documents)
        for one in placed:
            hits, skipped = example_hits(book, one.rule.id, one.example.tables(), stage_of(one.rule))
            assert not skipped
            changed |= {one.rule.id} if hits != set(one.example.hits) else set()
    by_figure = {one.rule.id for one in placed if one.rule.parameters}
    assert by_figure - changed == set() and len(by_figure) > 35


def moved(text: str, step: int) -> str:
    value = Decimal(text)
    return str(value + step * Decimal(1).scaleb(int(value.as_tuple().exponent)))


# --- where examples stand ---------------------------------------------------------------------------------------------

HEAD = """\
format: ybcore-rules/1
id: {id}
version: "1"
name: {{zh: 小, en: small}}
layer: {layer}
from: open
known_since: 2025-01-01
source: here
"""
CAP = """\
rules:
  - id: CAP
    name: {zh: 限量, en: cap}
    kernel: K06
    check: {group: day, measure: quantity, cap: {parameter: most}, comparator: more_than}
    amount: excess_qty
    disposition: deny
    severity: 1
    source: here
"""
GOOD = """\
CAP:
  - name: three
    visits: [{setl_id: v, psn_no: p, setl_time: 2025-03-03}]
    lines: [{times: 3, setl_id: v, feedetl_sn: "{nn}", med_list_codg: a, det_item_fee_sumamt: "{n}"}]
    hits: ["03"]
  - name: two
    visits: [{setl_id: v, psn_no: p, setl_time: 2025-03-03}]
    lines: [{times: 2, setl_id: v, feedetl_sn: "{nn}", med_list_codg: a, det_item_fee_sumamt: "{n}"}]
    hits: []
"""


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name.replace('__', '.')}.yaml").write_text(text, encoding="utf-8")
    return folder


BASE = HEAD.format(id="base", layer="base") + "parameters: {most: 2}\n" + CAP


def problems(source: Any) -> list[Problem]:
    with pytest.raises(DocumentError) as caught:
        load_rules(source, examples=True)
    return list(caught.value.problems)


def test_a_file_beside_a_document_holds_its_examples(tmp_path: Path):
    book = load_rules(write(tmp_path, base=BASE, base__examples=GOOD), examples=True)
    first, second = examples_of(book)
    assert [len(book.documents), first.name, second.name, first.line, second.line] == [1, "three", "two", 2, 6]
    assert first.example.tables()["lines"][1] == {
        "setl_id": "v", "feedetl_sn": "02", "med_list_codg": "a", "det_item_fee_sumamt": "2",
    }  # fmt: skip
    assert run_examples(load_rules(tmp_path / "base.yaml")).count == 2
    assert book.sha256 == load_rules(BASE).sha256  # an example changes no rule


def test_examples_may_stand_in_the_rule(tmp_path: Path):
    rows = "".join(f"    {line}\n" for line in GOOD.replace("CAP:", "examples:").splitlines())
    book = load_rules(BASE + rows, examples=True)
    assert [(one.name, one.file, one.line) for one in examples_of(book)] == [
        ("three", "<text>", 20),
        ("two", "<text>", 24),
    ]
    (problem,) = problems(BASE + rows.replace('"03"', '"02"'))
    assert (problem.file, problem.line) == ("<text>", 20)


def test_an_example_that_is_not_as_written_is_told_where_it_stands(tmp_path: Path):
    wrong = GOOD.replace("hits: []", 'hits: ["01"]').replace('"03"', '"02"')
    first, second = problems(write(tmp_path, base=BASE, base__examples=wrong))
    assert first.file == str(tmp_path / "base.examples.yaml") and (first.line, second.line) == (2, 6)
    assert first.what == "rule CAP, example 'three', by the engine and reference: hits 03"
    assert (first.expected, second.expected) == ("hits 02", "hits 01")
    assert second.what_zh == "规则 CAP，示例 'two'，引擎、参照：命中 -"


def test_judges_that_differ_are_told_apart(tmp_path: Path):
    book = load_rules(write(tmp_path, base=BASE, base__examples=GOOD))
    lenient = {
        "engine": lambda book: lambda rule, tables: (set(), ""),
        "reference": lambda book: lambda rule, tables: ({"03"}, ""),
    }
    first, second = run_examples(book, lenient).problems
    assert "by the engine: hits -" in first.what and "by the reference: hits 03" in second.what


def test_a_rule_that_does_not_run_is_no_answer(tmp_path: Path):
    """Not even where nothing was to be hit."""
    hour = BASE.replace("group: day", "group: hour")
    (first, second) = problems(write(tmp_path, base=hour, base__examples=GOOD))
    assert (
        "by the engine and reference: the rule does not run: times of day" in first.what and second.expected == "hits -"
    )


def test_tables_that_cannot_be_read_are_told(tmp_path: Path):
    wrong = GOOD.replace("psn_no: p", "person: p", 1).replace('feedetl_sn: "{nn}", med_list_codg: a, ', "", 1)
    found = problems(write(tmp_path, base=BASE, base__examples=wrong))
    assert all(problem.line == 2 for problem in found)
    assert any("by the engine: cannot be judged" in problem.what and "psn_no" in problem.what for problem in found)


@pytest.mark.parametrize(
    ("text", "says", "nearest", "line"),
    [
        (GOOD.replace("CAP:", "CAPS:"), "unknown rule 'CAPS'", "CAP", 1),
        ("CAP: none\n", "expected a list of examples", "", 1),
        (GOOD.replace("hits: []", "hit: []"), "unknown key 'hit'", "", 9),
        (GOOD.replace("times: 2", "times: two"), "expected a whole number", "", 8),
        (GOOD.replace("times: 2", "times: 0"), "expected at least 1", "", 8),
        (GOOD.replace("times: 2", "times: 1001"), "expected at most 1000", "", 8),
        (GOOD.replace("hits: []", "hits: [", 1), "", "", None),
    ],
)
def test_what_is_wrong_with_the_file(tmp_path: Path, text: str, says: str, nearest: str, line: int | None):
    found = problems(write(tmp_path, base=BASE, base__examples=text))
    assert all(problem.file == str(tmp_path / "base.examples.yaml") for problem in found)
    assert any(says in p.what and p.nearest.startswith(nearest) and line in (None, p.line) for p in found), found


def test_a_later_layer_brings_the_examples_of_what_it_changes(tmp_path: Path):
    write(tmp_path, base=BASE, base__examples=GOOD)
    city = HEAD.format(id="city", layer="city") + "parameters: {most: 3}\n"
    (problem,) = problems(write(tmp_path, city=city))
    assert "hits -" in problem.what and problem.expected == "hits 03"
    four = (
        GOOD.replace("three", "four")
        .replace("times: 3", "times: 4")
        .replace('"03"', '"04"')
        .replace("times: 2", "times: 3")
    )
    book = load_rules(write(tmp_path, city__examples=four), examples=True)
    assert {one.file for one in examples_of(book)} == {str(tmp_path / "city.examples.yaml")}
    own = HEAD.format(id="city", layer="city") + CAP.replace("cap: {parameter: most}", "cap: 9").replace(
        "    name:", "    override: true\n    name:"
    )
    (tmp_path / "city.examples.yaml").unlink()
    assert examples_of(load_rules(write(tmp_path, city=own), examples=True)) == []
    off = HEAD.format(id="city", layer="city") + "rules: [{id: CAP, disable: not here}]\n"
    assert run_examples(load_rules(write(tmp_path, city=off))).count == 0


def test_a_rule_of_ones_own_has_examples_like_others():
    ybcore.rule("own_example", columns=["quantity"])(lambda quantity: quantity > 20_000)
    try:
        text = HEAD.format(id="own", layer="city") + CAP.replace("K06", "user").replace(
            "check: {group: day, measure: quantity, cap: {parameter: most}, comparator: more_than}",
            "check: {function: own_example}\n    examples: [{visits: [{setl_id: v, psn_no: p, setl_time: 2025-03-03}], "
            "lines: [{setl_id: v, feedetl_sn: a, med_list_codg: x, cnt: 3, det_item_fee_sumamt: 1}], hits: [a]}]",
        )
        assert run_examples(load_rules(text, examples=True)).count == 1
        (problem,) = problems(text.replace("hits: [a]", "hits: []"))
        assert "rule CAP, example '1', by the engine and reference: hits a" in problem.what
    finally:
        del user._REGISTERED["own_example"]


def test_the_commands_run_and_show_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path, base=BASE, base__examples=GOOD)
    assert main(["--lang", "en", "rules", "validate", str(tmp_path)]) == 0
    assert "2 examples of 1 rules, as written by engine and reference" in capsys.readouterr().out
    assert main(["--lang", "zh", "rules", "validate", str(tmp_path)]) == 0
    assert "示例 2 个（1 条规则），引擎与参照均相符" in capsys.readouterr().out
    assert main(["--lang", "en", "rules", "show", str(tmp_path), "CAP"]) == 0
    shown = capsys.readouterr().out
    assert (
        "three: hits 03" in shown
        and "two: hits nothing" in shown
        and "lines: times 3, setl_id v, feedetl_sn {nn}" in shown
    )
    write(tmp_path, base__examples=GOOD.replace('"03"', '"01"'))
    assert main(["--lang", "zh", "rules", "validate", str(tmp_path)]) == 1
    caught = capsys.readouterr()
    assert caught.out == "" and "base.examples.yaml:2" in caught.err and "引擎、参照：命中 03" in caught.err


def test_a_name_in_two_languages_is_told_in_the_one_in_use(tmp_path: Path):
    wrong = GOOD.replace("name: two", "name: 两个 / two").replace("hits: []", 'hits: ["02"]')
    (problem,) = problems(write(tmp_path, base=BASE, base__examples=wrong) / "base.yaml")
    assert "example 'two'," in problem.what and "示例 '两个'，" in problem.what_zh
