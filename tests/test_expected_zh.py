"""What would have been right is told in Chinese too: every place that says it in English prose says it in Chinese beside."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import test_rule_documents as of_rules
import ybcore
from policy_texts import edited, wrong
from test_policy_wrong import WRONG
from ybcore import messages
from ybcore.cli import main
from ybcore.policy.faults import Fault, fault_of

ROOT = Path(ybcore.__file__).parent
SHARED = {"Problem": (), "Fault": ("en", "zh", "expected", "expected_zh", "nearest", "key")}
NUMBERS = {"Raw", "Hit"}  # what a rule's finding carries under this name is an amount
NAMES = {
    "format_",
    "kinds",
    "known",
    "name",
    "own",
    "rule.unit",
    "wanted",
}  # variables that hold names, codes or formats

# Names, codes, formats and numbers serve both languages: what stands in backticks, quotes or brackets, options, words with a sign or a
# figure in them, single words between commas. What is left is prose where two English words follow each other, or one that only
# sentences have stands beside anything.
CODE = re.compile(r"`[^`]*`|\{[^{}]*\}|\[[^\[\]]*\]|\([^()]*\)|\"[^\"]*\"|'[^']*'|--\w\S*|\S*[_.=/\d]\S*")
SMALL = r"\b(?:an?|and|at|no|not|of|or|the|to|too)\b"
PROSE = re.compile(rf"[A-Za-z]+ +[A-Za-z]+|{SMALL} +\S|[^\s,;:] +{SMALL}|^(?:text|none)$")


def prose(text: str) -> bool:
    return PROSE.search(CODE.sub("·", text)) is not None


def said(node: ast.expr | None) -> Iterator[str | None]:
    """The texts that an expression may come to, a value in them as `0`; None where the source does not show it."""
    match node:
        case None | ast.Constant(value=None):
            return
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            # What the braces hold is a name, a code or a number; a word that they fall back on stands in the text.
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "0" for part in parts)
            for part in parts:
                yield from (one.value for one in ast.walk(part) if isinstance(one, ast.BoolOp) for one in one.values if isinstance(one, ast.Constant))  # fmt: skip
        case ast.IfExp(body=one, orelse=other):
            yield from (*said(one), *said(other))
        case ast.BoolOp(values=parts):
            yield from (text for part in parts for text in said(part))
        case ast.BinOp(left=one, right=other):
            yield from (*said(one), *said(other))
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="join")):
            yield text.join("00")
        case ast.Name(id=name) if name.endswith(("FORMAT", "EXPECTED")) or name in NAMES:
            return
        case ast.Attribute() if ast.unparse(node) in NAMES:
            return
        case _:
            yield None


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, dict[str, ast.expr]]]:
    """Calls that say what would have been right, with their arguments by name."""
    takes = dict(SHARED)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            told = {
                one.arg: ast.unparse(one.annotation or ast.Constant(0)) for one in node.args.args if one.arg != "self"
            }
            if told.get("expected") == "str":
                takes[node.name] = tuple(told)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        given = {one.arg: one.value for one in node.keywords if one.arg}
        given |= dict(zip(takes.get(name, ()), (one for one in node.args if not isinstance(one, ast.Starred))))
        if "expected" in given and name not in NUMBERS:
            yield node, given


def english(source: str) -> list[str]:
    """Calls in a file that would put English prose behind 应为."""
    wrong = []
    for node, given in calls(ast.parse(source)):
        texts, chinese = list(said(given["expected"])), given.get("expected_zh")
        needed = any(text is None or prose(text) for text in texts)
        empty = chinese is None or list(said(chinese)) == [""]
        if (needed and empty) or any(text and prose(text) for text in said(chinese)):
            wrong.append(f"{node.lineno}: {ast.unparse(node)}")
    return wrong


def test_no_english_stands_behind_what_would_have_been_right():
    files = sorted(ROOT.rglob("*.py"))
    assert sum(len(list(calls(ast.parse(path.read_text("utf-8"))))) for path in files) > 250
    assert {str(path.relative_to(ROOT)): found for path in files if (found := english(path.read_text("utf-8")))} == {}


@pytest.mark.parametrize(
    "text",
    [
        "this key", "a list", "text", "1 or more", "0 or 1", "start or column", "fen, jiao or yuan", "one of: order, peers", "`value` too",
        "persons, all with an age", "synth, or files", "int, Decimal or Fraction, no float", "YYYY-MM-DD, or open", "at most 6 decimals",
    ],
)  # fmt: skip
def test_prose_wants_chinese(text: str):
    assert prose(text)
    assert english(f"Fault('x', '甲', {text!r})") and english(f"Fault('x', '甲', {text!r}, '')")
    assert english(f"Problem(what='x', expected={text!r}, expected_zh={text!r})") and not english(f"Fault('x', '甲', {text!r}, '乙')")  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "", "MM-DD", "YYYY-MM-DD", "format: ybcore-fund/1", "yuan, fen", "sequence, shapley", "{file: name.csv}", "span=(low, high, step)",
        "plans[0].layers[basic].rate", "--rules R1", "1 … 400", "setl_id, psn_no", "[low, high, step]", "upto: 0.1, …, upto: open",
    ],
)  # fmt: skip
def test_names_codes_formats_and_numbers_serve_both(text: str):
    assert not prose(text) and not english(f"Problem(what='x', expected={text!r})")


@pytest.mark.parametrize(
    "source",
    [
        "Fault('x', '甲', TAKES[kind])", "Problem(what='x', expected=fault.expected)", "Problem(what='x', expected=said)", "Fault('x', '甲', f'hits of {name}')",
        "Fault('x', '甲', 'a list' if one else 'MM-DD')", "Fault('x', '甲', ', '.join(names) or 'none')", "Fault('x', '甲', ' or '.join(names))",
        "def tell(en: str, expected: str) -> None: ...\ntell('x', 'a list')",
    ],
)  # fmt: skip
def test_what_hands_it_on_hands_on_the_chinese(source: str):
    assert english(source)


@pytest.mark.parametrize("kind", ["missing", "model_type", "list_type", "string_type", "too_short"])
def test_what_a_model_finds_is_told_in_chinese(kind: str):
    fault = fault_of({"type": kind, "msg": "", "loc": ()})
    assert fault.expected and re.search("[\u4e00-\u9fff]", fault.expected_zh) and not prose(fault.expected_zh)
    assert fault_of({"type": "policy", "ctx": fault._asdict()}) == fault == Fault(*fault)


def test_wrong_documents_are_told_without_english():
    """What the source does not show: lists of names that are made as documents are read."""
    found = [one for old, new, *_ in WRONG for one in wrong(edited((old, new)))]
    found += [one for old, new, *_ in of_rules.FAULTS for one in of_rules.problems(of_rules.GOOD.replace(old, new, 1))]
    told = [text for one in found if (text := one.render("zh").partition("；应为：")[2])]
    assert len(told) > 60 and [text for text in told if prose(text)] == []
    assert all(one.expected in one.render("en") and one.expected in str(one) for one in found if not one.nearest)


def test_a_command_tells_it_in_its_language(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "p.yaml").write_text("format: ybcore-policy/1\nid: p\n", encoding="utf-8")
    told = {}
    for lang in ("en", "zh"):
        assert main(["--lang", lang, "policy", "check", str(tmp_path / "p.yaml")]) == 1
        told[lang] = [line.strip() for line in capsys.readouterr().err.splitlines()]
    messages.use("zh")
    assert "应为：写明该项" in told["zh"] and "expected: this key" in told["en"]
    assert len(told["zh"]) == len(told["en"]) and not any("this key" in line for line in told["zh"])
