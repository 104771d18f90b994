"""A wrong document is told of once, with all that is wrong in it, and with nothing that only follows from it."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
from test_rule_documents import CITY, FAULTS, GOOD, problems
from ybcore.checks import load_rules, shipped_rules
from ybcore.errors import DocumentError

# Each line says which places are wrong on it; what is missing stands where its mapping begins.
WRONG = """\
format: ybcore-rules/1
id: town
version: "1"
name: {zh: 市}                                    # name.en
layer: ctiy                                       # layer
region: "12a"                                     # region
from: 2025-01-01
known_since: 2025-13-01                           # known_since
asumed: [from]                                    # asumed
source: here
parameters: {days: 7, few: abc}
lists:
  tumours: {match: prefx, codes: [C]}             # lists.tumours.match
tables:
  caps: {key: code, rows: [{code: a, cap: 1, zone: 3}, {code: b, cap: x, zone: 3}]}   # cap
  gone: {file: cap.csv, key: code}                # tables.gone.file
rules:
  - id: A
    name: {zh: 甲}                                # rules[0].name.en
    kernel: K7                                    # rules[0].kernel
    check: {subject: person, cap: {column: zone}}
    amount: all                                   # rules[0].amount
    disposition: denied                           # rules[0].disposition
    severity: 0                                   # rules[0].severity
    source: s
  - id: B                                         # rules[1].source, rules[1].disposition
    name: {zh: 乙, en: b}
    kernel: K07
    scope:
      insutyp: "310"                              # rules[1].scope.insutyp, rules[1].scope
      visit_kind: chronik                         # rules[1].scope.visit_kind
      diagnosis: {list: tumors}
    check:
      subject: persn                              # rules[1].check.subject, rules[1].check.comparator, rules[1].check.tie
      measure: visits
      windows:
        - kind: rolling                           # rules[1].check.windows[0].edge
          days: seven                             # rules[1].check.windows[0].days
          thresholds: [{value: {parameter: day}}] # rules[1].check.windows[0].thresholds[0].value.parameter
    amount: price_diff                            # rules[1].amount
    dispositon: deny                              # rules[1].dispositon
    severity: 1
    stage: [befor]                                # rules[1].stage[0]
    from: 2025-05-01
    to: 2025-04-01                                # rules[1].to
    priority: 0                                   # rules[1].priority
    relations: {exclude: [A]}                     # rules[1].relations.exclude
  - id: B                                         # rules[2].id
    name: {zh: 丙, en: c}
    kernel: K06
    status: disabled                              # rules[2].status
    items: {table: cap}                           # rules[2].items.table
    check: {group: day, measure: quantity, cap: 1, comparator: greater} # rules[2].check.comparator
    amount: excess_qty
    disposition: deny
    severity: 1
    source: s
  - id: D
    name: {zh: 丁, en: d}
    kernel: K06
    items: {table: caps}
    check: {group: day, measure: quantity, cap: {column: cap}, comparator: more_than}
    amount: excess_qty
    disposition: deny
    severity: 1
    source: s
    relations: {subsumes: [A, BB]}                # rules[3].relations.subsumes[1]
"""


def test_all_that_is_wrong_is_told_at_once_and_nothing_else(tmp_path: Path):
    (tmp_path / "town.yaml").write_text(WRONG, encoding="utf-8")
    (tmp_path / "caps.csv").write_text("code,cap\na,1\n", encoding="utf-8")
    wanted = {
        (place.strip(), number)
        for number, line in enumerate(WRONG.splitlines(), 1)
        for place in line.partition("#")[2].split(",")
        if place.strip()
    }
    found = problems(str(tmp_path))
    assert {(problem.path, problem.line) for problem in found} == wanted and len(found) == len(wanted)
    assert next(problem.nearest for problem in found if problem.path == "tables.gone.file") == "caps.csv"
    assert all(problem.what_zh and problem.render("zh") != problem.render("en") for problem in found)


RULES_FROM = GOOD.index("rules:")


def rule_of(fault: tuple[str, ...]) -> int:
    """Which rule of GOOD a fault is planted in; 0: none of them."""
    at = GOOD.index(fault[0])
    return GOOD.count("\n  - id: ", 0, at + 1) if at > RULES_FROM else 0


PAIRS = [
    (a, b)
    for place, b in enumerate(FAULTS)
    for a in FAULTS[place % 3 : place : 3]
    if 0 < rule_of(a) < rule_of(b) and GOOD.index(a[0]) + len(a[0]) <= GOOD.index(b[0])
]


def test_a_fault_of_one_rule_hides_none_of_another():
    assert len(PAIRS) > 100
    for a, b in PAIRS:
        at = GOOD.index(b[0])
        text = GOOD[:at].replace(a[0], a[1], 1) + GOOD[at:].replace(b[0], b[1], 1)
        found = [problem.what for problem in problems(text)]
        assert any(a[3] in what for what in found) and any(b[3] in what for what in found), (a, b, found)


def test_a_wrong_head_hides_nothing_of_the_rules_and_is_not_echoed():
    """A layer that is not one is taken for the last, so that rules of others may be overridden; of places and days nothing is concluded."""
    rows = "tables: {ours: {extends: kinds, rows: [{code: a, kind: 住院, cap: 9}]}}\nrules:\n"
    rule = "  - {id: R1, override: true, name: {zh: 甲, en: a}, kernel: K09, check: {form: after_deth}, amount: none, disposition: warn, severity: 3, source: s}\n"
    (layer, form) = problems(GOOD, CITY.replace("layer: city", "layer: town") + rows + rule)
    assert (layer.path, form.path, form.nearest) == ("layer", "rules[0].check.form", "after_death")
    (day,) = problems(GOOD, CITY.replace("from: 2025-01-01", "from: 2025-02-30") + rows + "  - {id: R5, disable: no}\n")
    assert day.path == "from"


@pytest.mark.parametrize("broken", ["id: [X]", "id: ''", "- text"])
def test_a_rule_without_an_id_is_told_and_left(broken: str):
    rule = (
        "{"
        + broken
        + ", name: {zh: 甲, en: a}, kernel: K09, check: {form: x}, amount: none, disposition: warn, severity: 3, source: s}"
    )
    found = problems(GOOD + ("  - text\n" if broken == "- text" else f"  - {rule}\n"))
    assert found and all(problem.path.startswith("rules[5]") for problem in found)


JUNK: list[Any] = ["x", "", [], {}, ["a"], {"a": "b"}, "3", "-1", "more_than", [[]], {"list": "x"}, {"column": "y"}, {"parameter": "z"}]  # fmt: skip


def paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place below a node."""
    inside = list(node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ())
    return [found for key, part in inside for found in ((*path, key), *paths(part, (*path, key)))]


def spoilt(document: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """The document with one to three places replaced, taken out or misspelt."""
    document = copy.deepcopy(document)
    for _ in range(draw.randint(1, 3)):
        *above, last = draw.choice(paths(document))
        inside: Any = document
        for step in above:
            inside = inside[step]
        how = draw.random()
        old = inside[last] if how < 0.5 else inside.pop(last)
        if how < 0.5:
            inside[last] = copy.deepcopy(draw.choice(JUNK))
        elif how > 0.75 and isinstance(inside, dict):
            inside[last[:-1] or "q"] = old
    return document


def test_whatever_is_wrong_is_told_as_a_problem_in_both_languages():
    documents = [load_rules(GOOD).raw[0]["doc"], *load_rules(shipped_rules()).plain()]
    for document in documents:
        for table in document.get("tables", {}).values():
            del table["rows"][3:]
    draw, told = random.Random(7), 0
    for _ in range(150):
        try:
            load_rules(spoilt(draw.choice(documents), draw))
        except DocumentError as error:
            told += 1
            assert error.problems and all(one.what and one.what_zh for one in error.problems)
    assert told > 100


@pytest.mark.parametrize(
    ("kernel", "check", "path"),
    [
        ("K09", "{form: [after_death]}", "form"),
        ("K15", "{form: {a: b}, on: visits}", "form"),
        ("K13", "{by: institution, period: year, numerator: {measure: amount}, denominator: {measure: amount}, test: {kind: [fixed], comparator: more_than, value: 1}, min_sample: 1}", "test.kind"),
    ],
)  # fmt: skip
def test_a_word_that_is_no_word_is_told(kernel: str, check: str, path: str):
    rule = f"  - {{id: X, name: {{zh: 甲, en: a}}, kernel: {kernel}, check: {check}, amount: none, disposition: suspect, severity: 2, source: s}}\n"
    assert [problem.path for problem in problems(GOOD + rule)] == [f"rules[5].check.{path}"]


@pytest.mark.parametrize(
    ("old", "new", "path", "nearest"),
    [
        ("    items: {table: pairs}\n", "    items: {table: [pairs]}\n", "rules[4].items.table", ""),
        ("单日: {group: day}", "单日: [[day]]", 'rules[4].check.groups["单日"]', ""),
        ("lists:\n", "list:\n", "list", "lists"),
        ("tables:\n", "tabels:\n", "tabels", "tables"),
        ("    amount: excess_qty", "    status: []\n    amount: excess_qty", "rules[1].status", ""),
        ("days: 30", "days: thirty", "rules[3].check.windows[0].days", ""),
    ],
)
def test_what_only_follows_is_not_told(old: str, new: str, path: str, nearest: str):
    """Columns without the table that was wrong, words without their map, names of a part that is misspelt, a list that lost its wrong item."""
    assert {(problem.path, problem.nearest) for problem in problems(GOOD.replace(old, new, 1))} == {(path, nearest)}
