"""The document of a study, `ybcore-study/1` (docs/simulation.md section 9): text into models, every problem at its place.

Published as `data/schema/ybcore-study-1.schema.json`; `ybcore.schemas` makes that file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from ..errors import DocumentError, Problem
from ..policy.faults import Fault, problem_at, problems_of, unknown
from ..policy.paths import RawPath, path_text
from ..policy.reader import Parsed, parse_file
from .comparison import BASE
from .document import load_reform, reform_in
from .reform import Reform
from .studyclear import ClearReform
from .studyclearmodel import BudgetChange
from .studymodel import ExactNode, StudyModel
from .studytables import BESIDE, Tables

if TYPE_CHECKING:
    from ..checks import RuleBook

__all__ = ["FORMAT", "PACKAGE", "Study", "load_study"]

FORMAT = "ybcore-study/1"
PACKAGE = "package"
"""The name of all reforms of a study together, in order."""

RESERVED = (
    "overview",
    "changes",
    "attribution",
    "targets",
    "targets-looked",
    "fund",
    "fund-spending",
    "behaviour",
    "behaviour-answers",
    "clearing",
    "clearing-changes",
    "clearing-hospitals",
    "clearing-methods",
    "clearing-pools",
    "clearing-targets",
)


@dataclass(frozen=True)
class Study:
    """A study document: what it says, its reforms, and where everything in it stands."""

    model: StudyModel
    reforms: tuple[Reform, ...]
    parsed: Parsed
    path: Path
    clearing: tuple[ClearReform, ...] = ()

    @property
    def id(self) -> str:
        """As written."""
        return self.model.id

    @property
    def alternatives(self) -> dict[str, tuple[Reform, ...]]:
        """Reforms of each policy that is compared with the base, the package last."""
        by_id = {reform.id: reform for reform in self.reforms}
        out = {row.id: tuple(by_id[name] for name in row.reforms if name in by_id) for row in self.model.alternatives}
        return out | ({PACKAGE: self.reforms} if self.reforms or self.clearing else {})

    @property
    def alternatives_of_clearing(self) -> dict[str, tuple[ClearReform, ...]]:
        """Reforms of clearing under each policy, the base first and the package last."""
        by_id = {reform.id: reform for reform in self.clearing}
        out = {row.id: tuple(by_id[name] for name in row.reforms if name in by_id) for row in self.model.alternatives}
        return {BASE: (), **out} | ({PACKAGE: self.clearing} if self.reforms or self.clearing else {})

    @cached_property
    def rules(self) -> RuleBook | None:
        """The rule set under which everything is settled; None without. Raises DocumentError."""
        if not self.model.rules:
            return None
        from ..checks import load_rules

        return load_rules(self.model.rules)

    def problem(self, loc: RawPath, fault: Fault) -> Problem:
        """What is wrong at a place of the document."""
        return problem_at(self.parsed, loc, fault)

    def placed(self, loc: RawPath, problems: tuple[Problem, ...]) -> Iterator[Problem]:
        """Problems that were found by what reads a part of the document, at the place of that part."""
        for held in problems:
            if held.file is None:
                fault = Fault(held.what, held.what_zh, held.expected, held.expected_zh, held.nearest)
                yield self.problem(loc, fault)
            else:
                yield held

    def files(self) -> Iterator[tuple[str, RawPath, Path]]:
        """(what it is, where it is named, path) of every file and folder that the document names."""
        model, doc = self.model, self.parsed.doc
        for name in ("policy", "rules"):
            listed = isinstance(doc.get(name), list)
            for i, path in enumerate(getattr(model, name)):
                yield name, (name, i) if listed else (name,), path
        if model.catalog is not None:
            yield "catalog", ("catalog",), model.catalog
        for name in Tables.model_fields:
            held = getattr(model.inputs, name)
            if isinstance(held, Path):
                yield name, ("inputs", name), held
        if model.people is not None and model.people.table is not None:
            yield "people", ("people", "table"), model.people.table
        for i, row in enumerate(doc.get("reforms") or ()):
            if isinstance(row, dict) and "file" in row:
                yield "reform", ("reforms", i, "file"), self.path.parent / row["file"]
        if model.fund is not None:
            yield "fund", ("fund", "plan"), model.fund.plan
        if model.clearing is not None:
            yield from self._files_of_clearing()
        if model.outputs.font is not None:
            yield "font", ("outputs", "font"), model.outputs.font

    def _files_of_clearing(self) -> Iterator[tuple[str, RawPath, Path]]:
        asked, doc = self.model.clearing, self.parsed.doc["clearing"]
        assert asked is not None
        listed = isinstance(doc["documents"], list)
        for i, path in enumerate(asked.documents):
            yield "clearing", ("clearing", "documents", i) if listed else ("clearing", "documents"), path
        for name in type(asked.inputs).model_fields:
            held = getattr(asked.inputs, name)
            if isinstance(held, Path):
                yield f"clearing.{name}", ("clearing", "inputs", name), held
        if asked.groups_of is not None:
            yield "clearing.groups_of", ("clearing", "groups_of"), asked.groups_of
        for i, row in enumerate(doc.get("reforms") or ()):
            if isinstance(row, dict) and "file" in row:
                yield "reform", ("clearing", "reforms", i, "file"), self.path.parent / row["file"]


def load_study(path: str | os.PathLike[str]) -> Study:
    """One study document. Raises DocumentError with every problem of it and of the reforms that it names; OSError."""
    path = Path(path)
    parsed = parse_file(path)
    if parsed.doc.get("format") != FORMAT:
        fault = Fault("not a study document", "不是测算文件", f"format: {FORMAT}")
        raise DocumentError([problem_at(parsed, ("format",) if "format" in parsed.doc else (), fault)])
    problems: list[Problem] = []
    reforms = _reforms(parsed, ("reforms",), path.parent, problems)
    of_clearing = _reforms_of_clearing(parsed, path.parent, problems)
    model: StudyModel | None = None
    try:
        model = StudyModel.model_validate(parsed.doc, context={"folder": path.parent})
    except ValidationError as error:
        problems += problems_of(error, parsed)
    if model is not None and not problems:
        study = Study(model, tuple(reforms), parsed, path, tuple(of_clearing))
        problems += _missing(study)
        problems += _crossed(study)
        if not problems:
            return study
    raise DocumentError(sorted(dict.fromkeys(problems), key=lambda p: (p.file or "", p.line or 0, p.column or 0)))


def _reforms(parsed: Parsed, place: RawPath, folder: Path, problems: list[Problem]) -> list[Reform]:
    """Reforms written at a place of the document or named by file."""
    doc: Any = parsed.doc
    for step in place[:-1]:
        doc = doc.get(step) if isinstance(doc, dict) else None
    rows = doc.get(place[-1], []) if isinstance(doc, dict) else []
    out: list[Reform] = []
    if not isinstance(rows, list):
        problems.append(problem_at(parsed, place, Fault("expected a list", "应为列表", "a list", "列表")))
        return out
    for i, row in enumerate(rows):
        loc: RawPath = (*place, i)
        if not isinstance(row, dict):
            problems.append(problem_at(parsed, loc, Fault("expected a mapping", "应为键值映射", "{file: …} or {id: …, changes: […]}", "{file: …} 或 {id: …, changes: […]}")))  # fmt: skip
            continue
        try:
            if "file" in row:
                out.append(_from_file(parsed, loc, row, folder))
            else:
                out.append(reform_in(_part(parsed, loc)))
        except DocumentError as error:
            mine = (held.file == parsed.file and "file" not in row for held in error.problems)
            problems += [
                replace(held, path=f"{path_text(loc)}.{held.path}") if here else held
                for held, here in zip(error.problems, mine)
            ]
    return out


def _reforms_of_clearing(parsed: Parsed, folder: Path, problems: list[Problem]) -> list[ClearReform]:
    """Those of `clearing`: what they say of budgets is read apart."""
    asked = parsed.doc.get("clearing")
    if not isinstance(asked, dict) or not isinstance(asked.get("reforms", []), list):
        return []
    budgets: dict[int, tuple[BudgetChange, ...]] = {}
    rows: list[Any] = []
    for i, row in enumerate(asked.get("reforms", [])):
        if isinstance(row, dict) and "budgets" in row:
            try:
                budgets[i] = TypeAdapter(tuple[BudgetChange, ...]).validate_python(row["budgets"])
            except ValidationError as error:
                loc: RawPath = ("clearing", "reforms", i, "budgets")
                problems += [replace(held, path=f"{path_text(loc)}{held.path}") for held in problems_of(error, _part(parsed, loc))]  # fmt: skip
            row = {
                **({} if "file" in row else {"changes": []}),
                **{key: value for key, value in row.items() if key != "budgets"},
            }
        rows.append(row)
    plain = replace(parsed, doc={**parsed.doc, "clearing": {**asked, "reforms": rows}})
    before = len(problems)
    found = _reforms(plain, ("clearing", "reforms"), folder, problems)
    if len(problems) > before:
        return []
    return [ClearReform(reform, budgets.get(i, ())) for i, reform in enumerate(found)]


def _from_file(parsed: Parsed, loc: RawPath, row: dict[str, Any], folder: Path) -> Reform:
    for key in row:
        if key != "file":
            raise DocumentError([problem_at(parsed, (*loc, key), unknown("key", "键", str(key), ["file"], key=True))])
    try:
        return load_reform(folder / str(row["file"]))
    except OSError:
        fault = Fault(f"{row['file']} is not there", f"{row['file']} 不存在", "the file of a reform", "改革文件")
        raise DocumentError([problem_at(parsed, (*loc, "file"), fault)]) from None


def _part(parsed: Parsed, loc: RawPath) -> Parsed:
    """A node of a document as a document of its own, its places kept."""
    doc: Any = parsed.doc
    for step in loc:
        doc = doc[step]
    size = len(loc)
    marks, keys = (
        {path[size:]: mark for path, mark in held.items() if path[:size] == loc}
        for held in (parsed.marks, parsed.key_marks)
    )
    return Parsed(doc, parsed.file, marks, keys)


def _missing(study: Study) -> Iterator[Problem]:
    """Files that are not there."""
    for _, loc, path in study.files():
        if not path.exists():
            yield study.problem(loc, Fault(f"{path} is not there", f"{path} 不存在"))


def _crossed(study: Study) -> Iterator[Problem]:
    """Names that one part of the document says of another."""
    model, names = study.model, [*(reform.id for reform in study.reforms), *(reform.id for reform in study.clearing)]
    yield from _twice(study, "reforms", names[: len(study.reforms)], "id")
    for i, name in enumerate(names[len(study.reforms) :], len(study.reforms)):
        if name in names[:i]:
            yield study.problem(("clearing", "reforms", i - len(study.reforms), "id"), Fault(f"{name!r} is there twice", f"{name!r} 重复", "another id", "另一个 id"))  # fmt: skip
    yield from _twice(study, "alternatives", [row.id for row in model.alternatives], "id")
    yield from _twice(study, "measures", [row.name_of_table for row in model.measures], "id")
    yield from _twice(study, "sweeps", [row.id for row in model.sweeps], "id")
    yield from _twice(study, "targets", [row.id for row in model.targets], "id")
    for i, measure in enumerate(model.measures):
        if measure.name_of_table in RESERVED:
            said = f"{measure.name_of_table} is the name of another table"
            yield study.problem(("measures", i, "id"), Fault(said, f"{measure.name_of_table} 已是另一张表的名称", "another id", "另一个 id"))  # fmt: skip
    for i, row in enumerate(model.alternatives):
        if row.id in (BASE, PACKAGE):
            taken = Fault(
                f"{row.id} is the name of another policy", f"{row.id} 已是另一政策的名称", "another id", "另一个 id"
            )
            yield study.problem(("alternatives", i, "id"), taken)
        for j, name in enumerate(row.reforms):
            if name not in names:
                yield study.problem(("alternatives", i, "reforms", j), unknown("reform", "改革", name, names))
    policies = [BASE, *(row.id for row in model.alternatives), *([PACKAGE] if names else [])]
    yield from _crossed_clearing(study, policies)
    for key in ("sweeps", "targets"):
        for i, held in enumerate(getattr(model, key)):
            if held.on not in policies:
                yield study.problem((key, i, "on"), unknown("policy", "政策", held.on, policies))
    if model.behaviour is not None and not study.reforms:
        yield study.problem(("behaviour",), Fault("there are no reforms for visits to answer to", "没有可供响应的改革", "reforms: […]"))  # fmt: skip
    if not model.rules:
        for name in BESIDE:
            if getattr(model.inputs, name) is not None:
                unlooked = Fault(f"{name} is read by rules only", f"{name} 只有审核规则才读取", "rules: folder/")
                yield study.problem(("inputs", name), unlooked)
        no_rules = Fault("rules are changed, and the study has none", "改动了规则，而文件没有 rules", "rules: folder/")
        yield from (reform.problem(change, no_rules) for reform in study.reforms for change in reform.changes if change.rule or change.rules)  # fmt: skip
    if model.attribution is not None and not study.reforms:
        yield study.problem(("attribution",), Fault("there are no reforms to take apart", "没有可分解的改革", "reforms: […]"))  # fmt: skip
    yield from _wanting(study)


def _crossed_clearing(study: Study, policies: list[str]) -> Iterator[Problem]:
    """Names that sweeps and targets of clearing say of other parts."""
    asked = study.model.clearing
    if asked is None:
        return
    for key in ("sweeps", "targets"):
        names = [row.id for row in getattr(asked, key)]
        for i, row in enumerate(getattr(asked, key)):
            if row.on not in policies:
                yield study.problem(("clearing", key, i, "on"), unknown("policy", "政策", row.on, policies))
            if row.id in names[:i]:
                yield study.problem(("clearing", key, i, "id"), Fault(f"{row.id!r} is there twice", f"{row.id!r} 重复", "another id", "另一个 id"))  # fmt: skip


def _twice(study: Study, key: str, names: list[str], field: str) -> Iterator[Problem]:
    for i, name in enumerate(names):
        if name in names[:i]:
            yield study.problem((key, i, field), Fault(f"{name!r} is there twice", f"{name!r} 重复", "another id", "另一个 id"))  # fmt: skip


def _wanting(study: Study) -> Iterator[Problem]:
    """Measures of people and of the fund, where the document has none."""
    model = study.model
    no_people = Fault("this is a measure of people, and the study has none", "这是关于人员的指标，而文件没有 people", "people: {…}")  # fmt: skip
    no_fund = Fault("this is a measure of the fund, and the study has none", "这是关于基金的指标，而文件没有 fund", "fund: {plan: …}")  # fmt: skip
    if model.people is None:
        for i, measure in enumerate(model.measures):
            if measure.kind != "spending":
                yield study.problem(("measures", i, "kind"), no_people)
    for loc, exact in exacts(model):
        if exact.mean is not None and model.people is None:
            yield study.problem((*loc, "mean"), no_people)
        if exact.reserve is not None and model.fund is None:
            yield study.problem((*loc, "reserve"), no_fund)


def exacts(model: StudyModel) -> Iterator[tuple[RawPath, ExactNode]]:
    """Every exact measure of the document, and where it stands."""
    if model.attribution is not None:
        yield from ((("attribution", "measures", i), held) for i, held in enumerate(model.attribution.measures))
    for i, row in enumerate(model.sweeps):
        yield from ((("sweeps", i, "measures", j), held) for j, held in enumerate(row.measures))
    yield from ((("targets", i, "measure"), row.measure) for i, row in enumerate(model.targets))
