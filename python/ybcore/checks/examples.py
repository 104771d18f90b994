"""Examples of rules: small tables that must be hit, or must not, judged by the engine and by the reference (docs/checks.md section 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ybcore.errors import DocumentError, Problem, YbcoreError

from ..messages import in_language
from ..policy.faults import Fault, unknown
from ..policy.reader import parse_file
from .book import EXAMPLES, RuleBook
from .documents import Sink, validated
from .rule import Rule
from .rulemodels import Example
from .user import registered

__all__ = ["Placed", "Ran", "examples_of", "run_examples"]

Tables = dict[str, list[dict[str, str]]]
Found = tuple[set[str], str]
"""What is hit, by name, and why the rule did not run (empty: it did)."""


@dataclass(frozen=True)
class Placed:
    """An example with its rule and where it stands; a name may be written `中文 / English`."""

    rule: Rule
    example: Example
    name: str
    file: str
    line: int


@dataclass(frozen=True)
class Ran:
    """How many examples were judged, of how many rules, and what is not as written."""

    count: int
    rules: int
    problems: tuple[Problem, ...]


def examples_of(book: RuleBook) -> list[Placed]:
    """Every example of the book's rules: those in its documents, and those of the files beside them (`name.examples.yaml`).

    Of several documents with examples of one rule the last one counts; those of a rule that was overridden go with it.
    Raises DocumentError with every problem.
    """
    sink = Sink()
    found: dict[str, list[Placed]] = {}
    for document in book.documents:
        own = {rule.id: rule for rule in book if rule.document == document.head.id}
        for index, model in document.rules:
            rule = own.get(model.id)
            if rule is not None and rule.examples:
                marks = [document.parsed.mark(("rules", index, "examples", i)) for i in range(len(rule.examples))]
                found[rule.id] = _placed(rule, rule.examples, document.parsed.file, marks)
        beside = Path(document.parsed.file)
        beside = beside.with_name(beside.stem + EXAMPLES)
        if not beside.is_file():
            continue
        try:
            parsed = parse_file(beside)
        except DocumentError as error:
            sink.problems.extend(error.problems)
            continue
        for name, rows in parsed.doc.items():
            if name not in book:
                names = [rule.id for rule in book]
                sink.add(parsed, (name,), unknown("rule", "规则", name, names, key=True))
            elif not isinstance(rows, list):
                sink.add(parsed, (name,), Fault("expected a list of examples", "应为示例列表"))
            else:
                models = [validated(Example, row, parsed, (name, i), sink) for i, row in enumerate(rows)]
                if all(models) and not _overridden(book[name], document.head.id, book):
                    marks = [parsed.mark((name, i)) for i in range(len(rows))]
                    found[name] = _placed(book[name], models, parsed.file, marks)
    sink.raise_if_any()
    return [placed for rule in book for placed in found.get(rule.id, ())]


def _overridden(rule: Rule, document: str, book: RuleBook) -> bool:
    """A later document than this one gives the rule."""
    order = [other.head.id for other in book.documents]
    return order.index(rule.document) > order.index(document)


def _placed(rule: Rule, models: Iterable[Any], file: str, marks: list[Any]) -> list[Placed]:
    pairs = enumerate(zip(models, marks), 1)
    return [Placed(rule, model, model.name or str(i), file, (mark or (1, 1))[0]) for i, (model, mark) in pairs]


def run_examples(book: RuleBook, judges: dict[str, Callable[[RuleBook], Any]] | None = None) -> Ran:
    """Judges every example of every rule that can run, each rule alone; a difference is a problem at the example's place."""
    placed = [one for one in examples_of(book) if one.rule.enabled and one.rule.skip is None]
    made = {name: judge(book) for name, judge in (JUDGES if judges is None else judges).items()} if placed else {}
    problems = [problem for one in placed for problem in _judged(one, made)]
    return Ran(len(placed), len({one.rule.id for one in placed}), tuple(problems))


def _judged(one: Placed, judges: dict[str, Callable[[Rule, Tables], Found]]) -> Iterator[Problem]:
    """One problem for each wrong answer, with the judges that gave it."""
    wanted, answers = set(one.example.hits), dict[tuple[str, str], list[str]]()
    for name, judge in judges.items():
        try:
            hits, skipped = judge(one.rule, one.example.tables())
        except (YbcoreError, ValueError, KeyError, TypeError) as error:
            wrong = f"cannot be judged: {error}", f"无法判定：{error}"
        else:
            if hits == wanted and not skipped:
                continue
            wrong = f"hits {_names(hits)}", f"命中 {_names(hits)}"
            wrong = (f"the rule does not run: {skipped}", f"规则未运行：{skipped}") if skipped else wrong
        answers.setdefault(wrong, []).append(name)
    for (en, zh), names in answers.items():
        who, wer = " and ".join(names), "、".join(ZH.get(name, name) for name in names)
        what = f"rule {one.rule.id}, example {in_language(one.name, 'en')!r}, by the {who}: {en}"
        what_zh = f"规则 {one.rule.id}，示例 {in_language(one.name, 'zh')!r}，{wer}：{zh}"
        yield Problem(file=one.file, line=one.line, what=what, what_zh=what_zh, expected=f"hits {_names(wanted)}", expected_zh=f"命中 {_names(wanted)}")  # fmt: skip


def _names(hits: set[str]) -> str:
    return ", ".join(sorted(hits)) or "-"


def by_engine(book: RuleBook) -> Callable[[Rule, Tables], Found]:
    """The compiled kernels."""
    import pyarrow as pa

    from ..catalog import Catalog
    from .check import check

    def table(rows: list[dict[str, str]]) -> Any:
        names = dict.fromkeys(key for row in rows for key in row)
        return pa.table({name: pa.array([row.get(name) or None for row in rows], pa.string()) for name in names})

    def judge(rule: Rule, tables: Tables) -> Found:
        given = {name: table(rows) for name, rows in tables.items() if name != "items"}
        items = [{"chrgitm_lv": "01", **row} for row in tables.get("items", ())]
        catalog = Catalog(table(items)) if items else None
        report = check(**given, rules=book.only(rule.id), catalog=catalog, stage=stage_of(rule), threads=1)
        (row,) = report.manifest.to_pylist()
        details = report.details.to_pylist()
        own = [d for d in details if int(d["vola_item_type"]) == 1]
        hits = {d["setl_id"] if d["feedetl_sn"] is None else d["feedetl_sn"] for d in own}
        for found in report.judged.hits:  # findings without rows: what was hit
            bare = (found.begin_of[1:] == found.begin_of[:-1]).tolist()
            hits |= {what for what, alone in zip(found.what or (), bare) if alone}
        return hits, row["reason"] or ""

    return judge


def by_reference(book: RuleBook) -> Callable[[Rule, Tables], Found]:
    """The plain Python."""
    from ..reference.checks import example_hits, stack

    whole = stack(book.plain())
    whole.functions = registered()
    return lambda rule, tables: example_hits(whole, rule.id, tables, stage_of(rule))


def stage_of(rule: Rule) -> str:
    """The last stage of a rule."""
    return rule.stage[0] if "after" not in rule.stage else "after"


JUDGES: dict[str, Callable[[RuleBook], Callable[[Rule, Tables], Found]]] = {
    "engine": by_engine,
    "reference": by_reference,
}
ZH = {"engine": "引擎", "reference": "参照"}
