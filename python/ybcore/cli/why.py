"""`rules why`: the first condition that failed for a line or visit, or what became of its findings."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path

from .. import io
from ..catalog import Catalog
from ..checks import RuleBook, load_rules, shipped_rules
from ..checks.check import check as run_checks
from ..checks.replay import rule_of
from ..checks.suppression import suppressions
from ..errors import InputError, Problem
from ..messages import current
from .base import Session
from .tables import CHECKED, from_folder

__all__ = ["why"]


def why(
    session: Session,
    rows: tuple[str, ...],
    *,
    rule_id: str,
    folder: Path,
    paths: tuple[Path, ...],
    catalog: Path | None,
    stage: str,
    known_at: dt.datetime | None,
    suppress: Path | None,
    threads: int | None,
    as_json: bool,
) -> int:
    """Check all, for relations and money are among rules, and answer for each row."""
    rules = list(paths) or shipped_rules()
    inputs = from_folder(folder, catalog, (*rules, *([suppress] if suppress else [])))
    with session.step("读取规则", "read the rules"):
        book = load_rules(rules)
    _known(book, rule_id, rows)  # told before the tables are read
    kept_out = suppressions(io.read_table(suppress), str(suppress)) if suppress else []
    tables = inputs.tables(session, CHECKED)
    found = inputs.catalog(session)
    with session.step("检查", "check"):
        report = run_checks(
            **tables, rules=book, catalog=None if found is None else Catalog(**found), stage=stage, known_at=None if known_at is None else known_at.date(),
            suppress=kept_out, threads=threads,
        )  # fmt: skip
    answers = [report.why_not(row, rule_id) for row in rows]
    if as_json:
        told = [{**dataclasses.asdict(answer), "text": answer.text(current())} for answer in answers]
        session.data(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        for answer in answers:
            session.data(f"{answer.row} {rule_id}: {answer.text(current())}")
    return 0


def _known(book: RuleBook, rule_id: str, rows: tuple[str, ...]) -> None:
    """Raises InputError for a rule that is not there; of documents that stand among the rows it says where they belong."""
    documents = [row for row in rows if Path(row).suffix in (".yaml", ".yml") and Path(row).is_file()]
    folders = [row for row in rows if Path(row).is_dir()]
    given = documents if rule_id in book else documents + folders
    if given:
        what = f"{given[0]} is taken as a row; rules are given by --rules"
        zh = f"{given[0]} 被当作 ROW；规则须以 --rules 给出"
        raise InputError([Problem(what=what, what_zh=zh, path="ROW", expected=f"--rules {given[0]}")])
    rule_of(book, rule_id)
