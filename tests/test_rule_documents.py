"""Rule documents: what is wrong is told at its place, all at once; what is right is layered, typed and bound to its tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import ybcore
from ybcore.checks import RuleBook, json_schema, load_rules, shipped_rules
from ybcore.checks.figures import read_figure
from ybcore.checks.tables import ALWAYS, OPEN
from ybcore.checks.vocabulary import UNKNOWN
from ybcore.errors import DocumentError, Problem
from ybcore.policy.numbers import ScalarError, days

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "data" / "rules"

GOOD = """\
format: ybcore-rules/1
id: base
version: "1"
name: {zh: 规则, en: rules}
layer: base
from: open
known_since: 2025-05-23
source: somewhere
parameters: {newborn: 28, cap: 2.5}
lists:
  tumours: {match: prefix, codes: [C]}
  chapters: {match: interval, codes: [A00-B99]}
tables:
  kinds: {key: code, rows: [{code: a, kind: 住院, cap: 3}, {code: b, kind: 门诊, cap: 2.5}]}
  pairs:
    key: [main, included, scope]
    rows:
      - {main: m, included: i, scope: 单日, included_qty: 3}
      - {main: m, included: j, scope: 单次就诊}
rules:
  - id: R1
    name: {zh: 就医方式, en: kind of visit}
    kernel: K01
    scope: {insutype: ["310", "390"], not: {diagnosis: {list: tumours}}}
    items: {table: kinds}
    check: {attribute: visit_kind, allowed: {column: kind, map: {住院: [inpatient], 门诊: [outpatient, chronic]}}}
    amount: whole_line
    disposition: deny
    severity: 1
    source: s
  - id: R2
    name: {zh: 日限, en: day cap}
    kernel: K06
    items: {table: kinds}
    check: {group: day, measure: quantity, cap: {column: cap}, comparator: more_than}
    amount: excess_qty
    disposition: deny
    severity: 1
    source: s
  - id: R3
    name: {zh: 年龄, en: age}
    kernel: K01
    check: {attribute: age, barred: {unit: day, comparator: more_than, value: {parameter: newborn}}}
    amount: whole_line
    disposition: suspect
    severity: 2
    source: s
  - id: R4
    name: {zh: 频繁, en: frequent}
    kernel: K07
    check:
      subject: person
      measure: visits
      comparator: more_than
      tie: order
      windows:
        - {kind: rolling, days: 30, edge: within, thresholds: [{value: 5}, {value: 9, severity: 1}, {value: 15, scope: {diagnosis: {list: tumours}}}]}
    amount: none
    disposition: suspect
    severity: 2
    source: s
  - id: R5
    name: {zh: 重复, en: pairs}
    kernel: K04
    items: {table: pairs}
    check: {groups: {单日: {group: day}, 单次就诊: {group: visit}}}
    amount: excess_qty
    disposition: deny
    severity: 1
    source: s
    relations: {excludes: [R2]}
"""

CITY = """\
format: ybcore-rules/1
id: city
version: "1"
name: {zh: 市, en: city}
layer: city
region: "12"
from: 2025-01-01
known_since: 2025-01-01
source: somewhere
"""


def problems(*texts: str) -> list[Problem]:
    with pytest.raises(DocumentError) as caught:
        load_rules(list(texts))
    return list(caught.value.problems)


def place(text: str, fragment: str) -> tuple[int, int]:
    """Line and column where a fragment begins."""
    at = text.index(fragment)
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def test_a_good_document_is_bound_to_its_tables():
    book = load_rules(GOOD)
    assert [rule.id for rule in book] == ["R1", "R2", "R3", "R4", "R5"] and len(book) == 5 and "R2" in book
    kind, cap, age, often, pairs = book
    assert kind.words["kind"] == ("住院", "门诊") and kind.cells["kind"].tolist() == [0, 1]
    assert kind.scope.tests == {"insutype": ("310", "390")} and kind.scope.lists() == ["tumours"]
    assert cap.numbers["cap"].tolist() == [30000, 25000] and cap.numbers["cap"].dtype == np.int64
    assert age.check.barred.value.value == 28 and age.parameters == {"newborn": "28"}
    assert [threshold.value.value for threshold in often.check.windows[0].thresholds] == [5, 9, 15]
    assert pairs.numbers["included_qty"].tolist() == [30000, UNKNOWN] and pairs.words["scope"] == ("单日", "单次就诊")
    assert kind.place == ("<text>", place(GOOD, "- id: R1")[0]) and (kind.region, kind.version) == ("*", "1")
    assert all(rule.enabled and rule.skip is None for rule in book)


def test_priority_goes_by_figure_then_disposition_then_severity_then_place():
    first = GOOD.replace(
        "    disposition: suspect\n    severity: 2\n    source: s\n  - id: R4",
        "    disposition: suspect\n    severity: 2\n    priority: 1\n    source: s\n  - id: R4",
    )
    assert [rule.id for rule in load_rules(GOOD).by_priority()] == ["R1", "R2", "R5", "R3", "R4"]
    assert [rule.id for rule in load_rules(first).by_priority()] == ["R3", "R1", "R2", "R5", "R4"]


# What is wrong: a fragment, what it becomes, the text whose place is named, words that the problem says, the nearest name.
FAULTS = [
    ("kernel: K06", "kernel: K66", "K66", "unknown kernel 'K66'", "K06"),
    ("kernel: K06", "kernal: K06", "kernal", "unknown key 'kernal'", "kernel"),
    ("cap: {column: cap}, comparator: more_than", "cap: {column: cap}", "{group: day, measure", "`comparator` is needed; there is no default", ""),
    ("cap: {column: cap}, comparator: more_than", "cap: {column: cap}, comparator: more", "more}\n    amount", "unknown word 'more'", "more_than"),
    ("tie: order", "tie: first", "first", "unknown word 'first'", ""),
    ("      tie: order\n", "", "subject: person", "a rolling window needs `tie`", ""),
    ("edge: within, ", "", "{kind: rolling", "a rolling window needs `edge`", ""),
    ("{kind: rolling, days: 30", "{kind: calendar, unit: month, days: 30", "days: 30", "`days` does not belong to a calendar window", ""),
    ("group: day, measure", "group: dai, measure", "dai,", "unknown word 'dai'", "day"),
    ("measure: quantity", "measure: quantitiy", "quantitiy", "unknown word 'quantitiy'", "quantity"),
    ("cap: {column: cap}", "cap: {column: kap}", "kap}", "unknown column of table kinds 'kap'", "cap"),
    ("cap: {column: cap}", "cap: {parameter: kap}", "kap}", "unknown parameter 'kap'", "cap"),
    ("cap: {column: cap}", "cap: 1,5", "", "unknown", ""),
    ("cap: {column: cap}", "cap: -1", "-1,", "expected at least 0, found -1", ""),
    ("cap: {column: cap}", "cap: {factor: -1, of: stay_days}", "{factor", "expected at least 0, found -1", ""),
    ("cap: 2.5}]}", "cap: -2.5}]}", "{code: b", "expected at least 0, found -2.5", ""),
    ("newborn: 28", "newborn: -28", "-28", "newborn (R3): expected at least 0, found -28", ""),
    ("{value: 5}", "{value: -5}", "-5}", "expected at least 0, found -5", ""),
    ("days: 30, edge: within", "days: 0, edge: within", "0, edge", "expected at least 1, found 0", ""),
    ("单日: {group: day}", "单日: {group: within, hours: 0, edge: within}", "hours: 0", "expected at least 1, found 0", ""),
    ("cap: {column: cap}", "cap: two", "two,", "expected a quantity", ""),
    ("cap: 2.5}]}", "cap: 2.55555}]}", "{code: b", "at most 4 decimals", ""),
    ("kind: 门诊", "kind: 门珍", "{code: b", "unknown word '门珍'", ""),
    ("parameter: newborn}", "parameter: newbon}", "newbon}", "unknown parameter 'newbon'", "newborn"),
    ("newborn: 28", "newborn: 28.5", "28.5", "newborn (R3): expected a whole number", ""),
    ("items: {table: pairs}", "items: {table: pair}", "pair}\n", "unknown table 'pair'", "pairs"),
    ("    items: {table: pairs}\n", "", "- id: R5", "needs a table", ""),
    ("单日: {group: day}, ", "", "- {main: m, included: i", "unknown group '单日'", ""),
    ("单日: {group: day}", "单日: {group: within, hours: 6}", "{group: within", "group within needs `edge`", ""),
    ("scope: {insutype", "scope: {insutyp", "insutyp:", "unknown scope key 'insutyp'", "insutype"),
    ("{list: tumours}}}\n    items", "{list: tumour}}}\n    items", "{diagnosis: {list: tumour}", "unknown list 'tumour'", "tumours"),
    ("amount: none", "amount: excess", "excess\n", "unknown word 'excess'", "excess_qty"),
    ("amount: none", "amount: price_diff", "price_diff", "K07 has no amount 'price_diff'", ""),
    ("    disposition: suspect\n    severity: 2\n    source: s\n  - id: R4", "    severity: 2\n    source: s\n  - id: R4", "id: R3", "`disposition` is missing", ""),
    ("severity: 1\n    source: s\n  - id: R2", "severity: 4\n    source: s\n  - id: R2", "4\n    source", "severity is 1, 2 or 3", ""),
    ("excludes: [R2]", "excludes: [R22]", "R22", "unknown rule 'R22'", "R2"),
    ("excludes: [R2]", "excludes: [R5]", "R5]", "no relation to itself", ""),
    ("id: R5", "id: R4", "R4\n    name: {zh: 重复", "rule 'R4' is there already", ""),
    ("barred: {unit: day", "allowed: {unit: day", "allowed: {unit: day", "a comparator names the hit", "barred"),
    ("attribute: age, ", "attribute: agee, ", "agee", "unknown attribute 'agee'", "age"),
    ("住院: [inpatient]", "住院: []", "住院: []", "the text '住院' allows nothing", ""),
    ("allowed: {column: kind, map: {住院: [inpatient], 门诊: [outpatient, chronic]}}", "barred: {column: kind, map: {住院: [], 门诊: []}}", "住院: []", "the text '住院' bars nothing", ""),
    ("allowed: {column: kind, map: {住院: [inpatient], 门诊: [outpatient, chronic]}}", "allowed: {codes: []}", "[]}", "the list is empty", ""),
    ("allowed: {column: kind", "permitted: {column: kind", "permitted", "unknown key 'permitted'", ""),
    ("allowed: {column: kind, map: {住院: [inpatient], 门诊: [outpatient, chronic]}}", "listed: true", "{attribute: visit_kind", "unknown key 'listed'", ""),
    ("[A00-B99]", "[B99-A00]", "B99-A00", "not an interval", ""),
    ("{key: code, rows: [{code: a", "{rows: [{code: a", "{rows: [{code: a", "`key` is missing", ""),
    ("key: code, rows", "key: kode, rows", "kode", "unknown column 'kode'", "code"),
    ("{code: b,", "{code: a,", "{code: a, kind: 门诊", "two rows of a hold at once", ""),
    ("known_since: 2025-05-23", "known_since: 2025-5-23", "2025-5-23", "expected a date YYYY-MM-DD", ""),
    ("from: open", "from: opn", "opn", "expected a date YYYY-MM-DD", ""),
    ("layer: base", "layer: town", "town", "unknown word 'town'", ""),
    ("format: ybcore-rules/1", "format: ybcore-rules/2", "ybcore-rules/2", "unknown word 'ybcore-rules/2'", "ybcore-rules/1"),
    ("scope: {diagnosis: {list: tumours}}}]", "scope: {diagnosis: {list: tumours}}}, {value: 12, scope: {level: [\"3\"]}}]", "{value: 12", "thresholds 3 and 4 are equally specific", ""),
    ("    source: s\n    relations", "    status: disabled\n    source: s\n    relations", "disabled", "a disabled rule says why", ""),
    ("    source: s\n    relations", "    reason: none\n    source: s\n    relations", "reason", "`reason` belongs to a disabled rule", ""),
    ("    source: s\n    relations", "    examples: [{lines: [{feedetl_sn: a}], hits: [a]}]\n    source: s\n    relations", "{lines:", "an example needs visits", ""),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "at", "says", "nearest"), FAULTS, ids=[f"{i}-{row[3][:30]}" for i, row in enumerate(FAULTS)])  # fmt: skip
def test_a_planted_fault_is_told_at_its_place(old: str, new: str, at: str, says: str, nearest: str):
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    found = problems(text)
    match = [problem for problem in found if says in problem.what]
    assert match, [str(problem) for problem in found]
    if at:
        assert match[0].file == "<text>" and match[0].line == place(text, at)[0], str(match[0])
    assert match[0].nearest == nearest and match[0].what_zh


def test_a_window_within_a_parameter_of_nothing_and_caps_that_may_go_down():
    none = GOOD.replace("newborn: 28", "newborn: 0").replace("days: 30, edge", "days: {parameter: newborn}, edge")
    assert [(found.path, found.what) for found in problems(none)] == [
        ("parameters.newborn", "newborn (R4): expected at least 1, found 0")
    ]
    two = GOOD.replace("{value: 5}", "{value: few}").replace(
        "thresholds: [{value: few}",
        "thresholds: [{value: many}]}\n        - {kind: calendar, unit: day, thresholds: [{value: few}",
    )
    assert [found.path for found in problems(two)] == [
        f"rules[3].check.windows[{i}].thresholds[0].value" for i in (0, 1)
    ]
    load_rules(none.replace("edge: within", "edge: through"))
    less = GOOD.replace("cap: {column: cap}", "cap: {factor: 1, of: stay_days, plus: -1}")
    assert load_rules(less)["R2"].check.cap.plus.value == -10000


def test_the_column_of_a_fault_and_both_languages():
    (problem,) = problems(GOOD.replace("measure: quantity", "measure: quantitiy"))
    line, column = place(GOOD, "quantity, cap")
    assert (problem.line, problem.column, problem.path) == (line, column, "rules[1].check.measure")
    assert "未知的度量" in problem.render("zh") and "did you mean 'quantity'" in problem.render("en")


def test_every_fault_at_once_and_no_echo_of_a_part_that_was_left_out():
    text = GOOD.replace("kernel: K06", "kernel: K66").replace(
        "severity: 2\n    source: s\n  - id: R4", "severity: 9\n    source: s\n  - id: R4"
    )
    text = text.replace("match: prefix, codes: [C]", "match: prefiks, codes: [C]").replace(
        "excludes: [R2]", "excludes: [R2, R9]"
    )
    found = [problem.what for problem in problems(text)]
    assert len(found) == 4 and any("'K66'" in what for what in found) and any("'R9'" in what for what in found)
    assert not any("'tumours'" in what or "'R2'" in what for what in found)


@pytest.mark.parametrize(
    ("kernel", "check", "says"),
    [
        ("K02", "{which: any}", "a condition is needed"),
        ("K02", "{lab: {items: [a], value: 4, look_back_days: 3}}", "`comparator` is needed"),
        ("K02", "{lab: {items: [a], comparator: at_least, value: {column: cap}, look_back_days: 3}}", "unknown key 'column'"),
        ("K03", "{tolerance: 0.0000001}", ("column 'ceiling' needs a table", "expected a price")),
        ("K12", "{form: distinct, comparator: more_than, thresholds: [{value: {column: cap}}]}", "unknown key 'column'"),
        ("K04", "{symmetric: true}", "one of group, groups is needed"),
        ("K04", "{group: hours}", "unknown word 'hours'"),
        ("K04", "{groups: {a: {group: day}}, bundle: {list: tumours, at_least: 2}}", "a bundle has no table whose rows choose among groups"),
        ("K05", "{partner: {kind: item, list: tumours}, where: history}", "`where: history` and `look_back_days` go together"),
        ("K05", "{partner: {kind: item}, where: visit}", "one of list, column is needed"),
        ("K06", "{group: stay, measure: quantity, cap: {factor: 1}, comparator: more_than}", "`of` is missing"),
        ("K08", "{same: [institute], comparator: at_most, zones: [{value: 7, severity: 2}]}", "unknown word 'institute'"),
        ("K08", "{zones: [{value: 7, severity: 2}]}", "`comparator` is needed"),
        ("K09", "{form: lines}", "unknown form 'lines'"),
        ("K09", "{grace: 1}", "K09 needs `form`"),
        ("K10", "{form: course, mode: days, max: 3, comparator: more_than}", "unknown word 'days'"),
        ("K10", "{form: course, mode: span, max: 3}", "`comparator` is needed"),
        ("K10", "{form: course, mode: span, max: 3, comparator: less_than}", "unknown word 'less_than'"),
        ("K10", "{form: prescription_days, max: 3, comparator: at_most}", "unknown word 'at_most'"),
        ("K11", "{factors: [], full_price: {table: kinds}, group_priority: [a], same: visit}", "too few items"),
        ("K12", "{form: distinct, comparator: more_than}", "one of value, thresholds is needed"),
        ("K13", "{by: institution, period: all, numerator: {measure: amount}, denominator: {measure: amount}, test: {kind: change, comparator: more_than, value: 0.1}, min_sample: 1}", "a change needs periods"),
        ("K13", "{by: institution, period: year, numerator: {measure: amount}, denominator: {measure: amount}, test: {kind: fixd}, min_sample: 1}", ("`comparator` is needed", "`value` is missing", "unknown kind of test 'fixd'")),
        ("K14", "{form: stocks}", "unknown form 'stocks'"),
        ("K15", "{form: delay, on: visits, from: a, to: b, hours: 2}", "`comparator` is needed"),
        ("K15", "{form: code_in, on: visits, column: a}", "one of list, table is needed"),
    ],
)  # fmt: skip
def test_every_kernel_tells_what_it_needs(kernel: str, check: str, says: str | tuple[str, ...]):
    rule = f"""  - {{id: X, name: {{zh: 甲, en: a}}, kernel: {kernel}, check: {check}, amount: none, disposition: suspect, severity: 2, source: s}}\n"""
    found = problems(GOOD + rule)
    wanted = (says,) if isinstance(says, str) else says
    assert len(found) == len(wanted) and all(text in problem.what for text, problem in zip(wanted, found)), found
    assert {problem.line for problem in found} == {len(GOOD.splitlines()) + 1}


def test_a_later_layer_overrides_disables_extends_and_sets_anew():
    city = CITY + """\
parameters: {newborn: 30}
lists: {more: {match: prefix, extends: tumours, codes: [D0]}}
tables:
  ours: {extends: kinds, rows: [{code: a, kind: 门诊, cap: 9}, {code: c, kind: 住院, cap: 1, from: 2025-02-01, to: 2025-03-01}]}
rules:
  - {id: R5, disable: 本市另有规定}
  - {id: R2, override: true, name: {zh: 日限, en: day cap}, kernel: K06, items: {table: kinds}, check: {group: day, measure: quantity, cap: 7, comparator: at_least}, amount: excess_qty, disposition: warn, severity: 3, source: ours}
"""  # fmt: skip
    book = load_rules([city, GOOD])  # the order of layers, not that of the arguments
    assert [document.head.id for document in book.documents] == ["base", "city"]
    assert book["R5"].status == "disabled" and book["R5"].reason == "本市另有规定"
    assert (book["R2"].document, book["R2"].region, book["R2"].check.cap.value) == ("city", "12", 70000)
    assert book["R3"].check.barred.value.value == 30 and book.parameters["newborn"] == "30"
    assert book.lists["tumours"].codes == ("C", "D0") and "more" not in book.lists
    table = book["R1"].table
    assert table is book.tables["kinds"] and "ours" not in book.tables
    assert table.columns["code"] == ["a", "b", "a", "c"] and table.region == ["*", "*", "12", "12"]
    assert table.begin.tolist() == [ALWAYS, ALWAYS, days("2025-01-01"), days("2025-02-01")]
    assert table.end.tolist() == [OPEN, OPEN, OPEN, days("2025-03-01")]
    assert table.known.tolist() == [days("2025-05-23")] * 2 + [days("2025-01-01")] * 2
    assert table.place(2) == ("<text>", place(city, "{code: a")[0]) and table.row(3)["code"] == "c"


def test_replaces_takes_the_place_of_a_table():
    city = CITY + "tables: {ours: {replaces: kinds, key: code, rows: [{code: z, kind: 住院, cap: 1}]}}\n"
    assert load_rules([GOOD, city])["R1"].table.columns["code"] == ["z"]


@pytest.mark.parametrize(
    ("more", "says", "nearest"),
    [
        ("parameters: {newborn: 30}\nrules: [{id: R9, disable: no}]\n", "unknown rule 'R9'", ""),
        ("tables: {kinds: {key: code, rows: [{code: z}]}}\n", "a later document says `extends` or `replaces`", ""),
        ("tables: {k: {extends: kind, rows: [{code: z}]}}\n", "unknown table 'kind'", "kinds"),
        ("tables: {k: {extends: kinds, key: kind, rows: [{code: z, kind: 住院}]}}\n", "the key of the table is code", ""),
        ("tables: {k: {extends: kinds, rows: [{code: z, kind: 住院, kap: 2}]}}\n", "unknown column 'kap'", "cap"),
        ("lists: {tumours: {codes: [D]}}\n", "a later document says `extends` or `replaces`", ""),
        ("lists: {t: {extends: tumour, codes: [D]}}\n", "unknown list 'tumour'", "tumours"),
        ("lists: {t: {match: exact, extends: tumours, codes: [D]}}\n", "list 'tumours' matches by prefix", ""),
        ("rules: [{id: R1, disable: no, because: yes}]\n", "unknown key 'because'", ""),
        ("rules: [{id: R1, override: true, name: {zh: a, en: a}, kernel: K09, check: {form: after_death}, amount: none, disposition: warn, severity: 3, source: s}, {id: R8, override: true, name: {zh: a, en: a}, kernel: K09, check: {form: after_death}, amount: none, disposition: warn, severity: 3, source: s}]\n", "unknown rule to override 'R8'", ""),
    ],
)  # fmt: skip
def test_what_meets_without_being_explicit_is_told(more: str, says: str, nearest: str):
    (problem,) = problems(GOOD, CITY + more)
    assert says in problem.what and problem.nearest == nearest


def test_rules_that_subsume_each_other_in_a_circle_are_told_once():
    def ring(*links: tuple[str, str]) -> str:
        more = dict(links)
        return CITY + "rules:\n" + "".join(
            f"  - {{id: {name}, name: {{zh: 甲, en: a}}, kernel: K09, check: {{form: after_death}}, amount: none, disposition: warn, severity: 3, source: s"
            + (f", relations: {{subsumes: [{more[name]}]}}}}\n" if name in more else "}\n")
            for name in "ABC"
        )  # fmt: skip

    for links, by in (((("A", "B"), ("B", "A")), "A"), ((("A", "B"), ("B", "C"), ("C", "A")), "A")):
        (problem,) = problems(ring(*links))
        assert f"rule '{by}' subsumes this one in turn" in problem.what and "循环包含" in problem.what_zh
        assert problem.path == f"rules[{len(links) - 1}].relations.subsumes[0]"
    assert load_rules(ring(("A", "B"), ("B", "C")))["B"].subsumes == ("C",)


def test_two_documents_of_one_layer_cannot_set_one_parameter_or_share_an_id():
    other = GOOD[: GOOD.index("lists:")].replace("id: base", "id: other")
    assert {problem.what for problem in problems(GOOD, other)} == {
        f"parameter '{name}' is set already in this layer, by base" for name in ("newborn", "cap")
    }
    assert any(
        "document 'base' is there already" in problem.what
        for problem in problems(GOOD, CITY.replace("id: city", "id: base"))
    )


def write(folder: Path, table: bytes | str) -> Path:
    """A document with one table in a CSV file."""
    text = GOOD[: GOOD.index("tables:")] + "tables: {caps: {file: caps.csv, key: code}}\nrules:\n" + RULE
    (folder / "rules.yaml").write_text(text, encoding="utf-8")
    if table:
        (folder / "caps.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    return folder


RULE = """\
  - {id: C, name: {zh: 日限, en: cap}, kernel: K06, items: {table: caps}, check: {group: day, measure: amount, cap: {column: cap}, comparator: more_than}, amount: excess_qty, disposition: deny, severity: 1, source: s}
"""  # fmt: skip


def test_a_csv_table_with_dates_regions_and_doubt(tmp_path: Path):
    book = load_rules(
        write(
            tmp_path,
            '﻿code,cap,from,to,region,level,suspect,known_since\na,12.50,,,,,,\na,"3",2024-01-01,2025-01-01,12,3,1,2024-06-01\nb,1,2024-01-01,2024-01-01,*,,0,open\n',
        )
    )
    table = book["C"].table
    assert book["C"].numbers["cap"].tolist() == [1250, 300, 100]
    assert (
        table.suspect.tolist() == [False, True, False]
        and table.level == ["", "3", ""]
        and table.region == ["*", "12", "*"]
    )
    assert table.begin.tolist()[1:] == [days("2024-01-01")] * 2 and table.known[2] == ALWAYS
    assert table.place(1) == (str(tmp_path / "caps.csv"), 3)


@pytest.mark.parametrize(
    ("table", "line", "says"),
    [
        ("", None, "the table's file is not there"),
        ("code,cap\na,1\nb\n", 3, "a row of 1 cells under a header of 2"),
        ("code,cap,cap\na,1,2\n", 1, "column 'cap' stands twice"),
        ("code,,cap\na,1,2\n", 1, "column 2 has no name"),
        ('code,cap\na,"1\n', 2, "not CSV"),
        (b"code,cap\n\xd2\xff,1\n", 2, "not UTF-8"),
        ("code,kap\na,1\n", None, "unknown column of table caps 'cap'"),
        ("code,cap\na,1\nb,one\n", 3, "expected money in yuan"),
        ("code,cap\n,1\n", 2, "the key is empty"),
        ("code,cap\na,1\nb ,1\n", 3, "the key 'b ' has a space"),
        ("code,cap,from\na,1,2024-13-01\n", 2, "expected a date"),
        ("code,cap,suspect\na,1,2\n", 2, "suspect is 0 or 1"),
        ("code,cap,level\na,1,4\n", 2, "level is 3, 2, 1 or 0"),
        ("code,cap,region\na,1,Tianjin\n", 2, "region is a prefix"),
        ("code,cap,from,to\na,1,2024-01-01,2025-01-01\nb,1,,\na,2,2024-12-31,\n", 4, "the other stands at line 2"),
        ('code,cap,note\na,1,"two\nlines"\na,2,x\n', 4, "the other stands at line 2"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_csv_file_is_told_with_its_line(
    table: str | bytes, line: int | None, says: str, tmp_path: Path
):
    write(tmp_path, table)
    found = [problem for problem in problems(str(tmp_path)) if says in problem.what]
    assert found, says
    assert line is None or (found[0].file, found[0].line) == (str(tmp_path / "caps.csv"), line)


def test_an_empty_cell_of_a_figure_does_not_limit(tmp_path: Path):
    """Of a figure only: the group that a pair is counted in must be said."""
    book = load_rules(write(tmp_path, "code,cap\na,1\nb,\n"))
    assert [rule.numbers["cap"].tolist() for rule in book if "cap" in rule.numbers] == [[100, UNKNOWN]]
    nowhere = GOOD.replace("key: [main, included, scope]", "key: [main, included]").replace(
        "scope: 单日", 'scope: ""', 1
    )
    assert [problem.what for problem in problems(nowhere)] == ["unknown group ''"]


def test_rows_that_follow_each_other_or_never_held_or_differ_in_place_do_not_overlap(tmp_path: Path):
    rows = "a,1,2024-01-01,2025-01-01,,\na,2,2025-01-01,,,\na,3,2024-05-01,2024-05-01,,\na,4,,,12,\na,5,,,1201,\na,6,,,,3\n"
    assert len(load_rules(write(tmp_path, "code,cap,from,to,region,level\n" + rows)).tables["caps"]) == 6


def test_a_fault_repeated_down_a_column_is_told_ten_times(tmp_path: Path):
    found = problems(str(write(tmp_path, "code,cap\n" + "".join(f"c{i},x\n" for i in range(50)))))
    assert len([p for p in found if p.path == "cap"]) == 10 and any(
        "50 cells of column 'cap' of table caps are wrong" in p.what for p in found
    )


def test_a_rule_with_an_empty_table_or_list_is_skipped_with_the_reason():
    empty = GOOD.replace(
        "rows: [{code: a, kind: 住院, cap: 3}, {code: b, kind: 门诊, cap: 2.5}]", "columns: [code, kind, cap], rows: []"
    )
    assert load_rules(empty)["R1"].skip == ("表 kinds 没有数据行", "table kinds has no rows")
    nothing = load_rules(GOOD.replace("codes: [C]", "codes: []"))
    assert nothing["R4"].skip == ("代码表 tumours 是空的", "list tumours is empty") and nothing["R2"].skip is None


def test_a_disabled_rule_needs_no_check():
    text = GOOD.replace(
        "    check: {group: day, measure: quantity, cap: {column: cap}, comparator: more_than}\n",
        "    status: disabled\n    reason: no value\n",
    )
    rule = load_rules(text)["R2"]
    assert not rule.enabled and rule.reason == "no value" and rule.check is None
    assert any(
        "`check` is missing" in problem.what
        for problem in problems(text.replace("    status: disabled\n    reason: no value\n", ""))
    )


def test_sources_of_every_kind(tmp_path: Path):
    path = tmp_path / "a.yaml"
    path.write_text(GOOD, encoding="utf-8")
    book = load_rules(GOOD)
    raw = book.raw[0]["doc"]
    for source in (path, str(path), tmp_path, GOOD.encode(), raw, book, [book], [path]):
        assert load_rules(source).sha256 == book.sha256
    assert isinstance(book, RuleBook) and ybcore.load_rules is load_rules and load_rules(book) is book
    assert load_rules(GOOD.replace("cap: 2.5", "cap: 2.6")).sha256 != book.sha256
    assert book.raw[0]["tables"]["pairs"][0] == {"main": "m", "included": "i", "scope": "单日", "included_qty": "3"}
    assert book.plain()[0]["tables"]["pairs"]["rows"] == book.raw[0]["tables"]["pairs"]
    with pytest.raises(DocumentError, match="dict, list and str only"):
        load_rules({"format": 1})
    with pytest.raises(DocumentError, match=r"no \*.yaml"):
        (tmp_path / "empty").mkdir()
        load_rules(tmp_path / "empty")
    with pytest.raises(DocumentError, match="without documents"):
        load_rules([])
    with pytest.raises(DocumentError, match="not a rule document"):
        load_rules("id: x\nlayer: base\n")
    (tmp_path / "mising.yaml").write_text("id: x", encoding="utf-8")
    with pytest.raises(DocumentError, match="文件不存在 / the file is not there") as missed:
        load_rules([tmp_path / "missing.yaml", str(tmp_path / "no" / "x.yaml")])
    assert [(p.file, p.nearest) for p in missed.value.problems] == [
        (str(tmp_path / "missing.yaml"), "mising.yaml"),
        (str(tmp_path / "no" / "x.yaml"), ""),
    ]


@pytest.mark.parametrize(
    ("column", "meant"),
    [("form", "from"), ("From", "from"), ("too", "to"), ("ot", "to"), ("know_sinse", "known_since"), ("regoin", "region"), ("lvl", ""), ("levle", "level"),
     ("suspct", "suspect"), ("includedqty", "included_qty"), ("no", ""), ("reason", ""), ("label", ""), ("note", ""), ("unit", ""), ("zone", "")],
)  # fmt: skip
def test_columns_of_a_table_that_are_nearly_known_ones(tmp_path: Path, column: str, meant: str):
    """Taken as free columns they would say nothing, and rows hold always."""
    csv = f"main,included,scope,{column}\nm,i,单日,\nm,j,单日,1\n"
    (tmp_path / "pairs.csv").write_text(csv, encoding="utf-8")
    text = """
format: ybcore-rules/1
id: d
version: "1"
name: {zh: 册, en: book}
layer: base
from: open
known_since: 2024-01-01
source: s
tables: {pairs: {file: pairs.csv, key: [main, included, scope]}}
rules: []
"""
    (tmp_path / "d.yaml").write_text(text, encoding="utf-8")
    if not meant:
        load_rules(tmp_path / "d.yaml")
        return
    with pytest.raises(DocumentError) as told:
        load_rules(tmp_path / "d.yaml")
    (problem,) = told.value.problems
    assert (problem.path, problem.nearest, problem.line, Path(problem.file).name) == (column, meant, 3, "pairs.csv")
    assert "表 pairs" in problem.what_zh and repr(column) in problem.what
    # Beside the one that is meant, chosen by `where`, or named by a rule it is what it says.
    (tmp_path / "pairs.csv").write_text(csv.replace(column, f"{column},{meant}").replace(",\n", ",,\n").replace("单日,1", "单日,1,"), encoding="utf-8")  # fmt: skip
    load_rules(tmp_path / "d.yaml")
    (tmp_path / "pairs.csv").write_text(csv, encoding="utf-8")
    (tmp_path / "d.yaml").write_text(text.replace("scope]}", f"scope], where: {{{column}: '1'}}}}"), encoding="utf-8")
    load_rules(tmp_path / "d.yaml")
    named = "rules:\n  - {id: R, name: {zh: 则, en: rule}, kernel: K01, items: {table: pairs}, check: {attribute: med_type, allowed: {column: C, map: {'1': ['11'], '': ['12']}}}, amount: none, disposition: warn, severity: 1, source: s}"
    (tmp_path / "d.yaml").write_text(text.replace("rules: []", named.replace("column: C", f"column: {column}")), encoding="utf-8")  # fmt: skip
    load_rules(tmp_path / "d.yaml")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [("3", "quantity", 30000), ("-0.0001", "quantity", -1), ("12.34", "money", 1234), ("0.000001", "price", 1), ("0.5", "fraction", 500000), ("7", "whole", 7)],
)  # fmt: skip
def test_figures_are_exact(text: str, kind: str, value: int):
    assert read_figure(text, kind) == value


@pytest.mark.parametrize(("text", "kind"), [("1e3", "quantity"), ("5%", "quantity"), ("0.00001", "quantity"), ("1.234", "money"), ("1.5", "whole"), ("", "price")])  # fmt: skip
def test_what_is_no_exact_figure_is_refused(text: str, kind: str):
    with pytest.raises(ScalarError):
        read_figure(text, kind)


def test_a_cap_that_grows_with_the_stay_is_in_the_unit_of_its_measure():
    def cap(measure: str) -> tuple[int, int]:
        text = GOOD.replace(
            "group: day, measure: quantity, cap: {column: cap}",
            f"group: stay, measure: {measure}, cap: {{factor: 2.5, of: stay_days, plus: 1}}",
        )
        found = load_rules(text)["R2"].check.cap
        return found.factor.value, found.plus.value

    assert cap("quantity") == (25000, 10000) and cap("amount") == (250, 100)
    (problem,) = problems(
        GOOD.replace("measure: quantity, cap: {column: cap}", "measure: count, cap: {factor: 2.5, of: stay_days}")
    )
    assert "expected a whole number" in problem.what and problem.path == "rules[1].check.cap"


# --- the schema --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> RuleBook:
    return load_rules(shipped_rules())


def test_the_schema_takes_what_loads_and_refuses_plain_faults(shipped: RuleBook):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    good = load_rules(GOOD).raw[0]["doc"]
    for doc in [good, *(part["doc"] for part in shipped.raw)]:
        assert list(validator.iter_errors(doc)) == []
    for number, key, value in (
        (1, "kernel", "K66"),
        (3, "amount", "all"),
        (0, "severity", "4"),
        (2, "items", {"tabel": "kinds"}),
    ):
        assert not validator.is_valid({**good, "rules": [{**good["rules"][number], key: value}]})
    capped = good["rules"][1]
    for key, value in (("comparator", "above"), ("cap", {"colum": "cap"}), ("group", "week")):
        assert not validator.is_valid({**good, "rules": [{**capped, "check": {**capped["check"], key: value}}]})
    assert validator.is_valid({**good, "rules": [{"id": "R1", "disable": "why"}]})
