"""`check`: tables of a folder against rules."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .. import io
from ..catalog import Catalog
from ..checks import RuleBook, load_rules, shipped_rules
from ..checks.check import check as run_checks
from ..checks.run.report import CheckReport
from ..checks.suppression import suppressions
from ..columns.checkschema import DETAILS, FINDINGS, MANIFEST, PRECISION, STATISTICS
from ..columns.phrases import chinese
from ..messages import say
from ..policy.faults import nearest
from ..report import page, workbook
from ..report.checked import print_checked, summarise
from ..report.summary import percent
from .base import Session
from .tables import CHECKED, from_folder

__all__ = ["check", "for_people", "tell_checked", "tell_suppression", "write_checked", "write_for_people"]


def check(
    session: Session,
    *,
    folder: Path,
    paths: tuple[Path, ...],
    out: Path,
    catalog: Path | None,
    stage: str,
    known_at: dt.datetime | None,
    suppress: Path | None,
    labels: Path | None,
    threads: int | None,
    format_: str,
    encoding: str,
    as_json: bool,
    html: Path | None,
    excel: Path | None,
) -> int:
    """Read, check, write, tell."""
    for_people(html, excel)
    rules = list(paths) or shipped_rules()
    inputs = from_folder(folder, catalog, (*rules, *(path for path in (suppress, labels) if path)))
    with session.step("读取规则", "read the rules"):
        book = load_rules(rules)
    kept_out = suppressions(io.read_table(suppress), str(suppress)) if suppress else []
    tables = inputs.tables(session, CHECKED)
    found = inputs.catalog(session)
    with session.step("检查", "check"):
        began = time.perf_counter()
        report = run_checks(
            **tables,
            rules=book,
            catalog=None if found is None else Catalog(**found),
            stage=stage,
            known_at=None if known_at is None else known_at.date(),
            suppress=kept_out,
            threads=threads,
        )
        seconds = time.perf_counter() - began
    # Labels are of findings by name; what is wrong with them is told before anything is written.
    precision = None if labels is None else report.precision(io.read_table(labels), str(labels))
    write_checked(session, report, out, format_, encoding, precision)
    write_for_people(session, report, html, excel)
    tell_checked(session, report, book)
    lines = tables["lines"]
    data = summarise(
        report,
        book,
        visits=report.work.batch.visits.rows,
        lines=0 if lines is None else len(lines),
        seconds=seconds,
    )
    if precision is not None:
        data["precision"] = precision.to_pylist()
    if as_json:
        session.data(json.dumps(data, ensure_ascii=False, indent=1))
    else:
        print_checked(data, session.out())
        if precision is not None:
            _print_precision(session, data["precision"])
    return 0


def for_people(html: Path | None, excel: Path | None) -> None:
    """Nobody waits for a run whose report cannot be written: raises YbcoreError when a library is missing."""
    if html is not None:
        page.needed()
    if excel is not None:
        workbook.needed()


def write_for_people(session: Session, report: CheckReport, html: Path | None, excel: Path | None) -> None:
    """The page and the workbook that were asked for."""
    if html is not None:
        with session.step("写出 HTML 报告", "write the HTML report"):
            html.parent.mkdir(parents=True, exist_ok=True)
            page.write_page(report, html)
        session.say(f"HTML 报告：{html}", f"HTML report: {html}")
    if excel is not None:
        with session.step("写出 Excel 报告", "write the Excel report"):
            excel.parent.mkdir(parents=True, exist_ok=True)
            for told in workbook.write_workbook(report, excel):
                session.say(told, told)
        session.say(f"Excel 报告：{excel}", f"Excel report: {excel}")


def write_checked(
    session: Session,
    report: CheckReport,
    out: Path,
    suffix: str,
    encoding: str,
    precision: pa.Table | None = None,
    named: Path | None = None,
) -> dict[Path, int | None]:
    """findings, details, manifest and statistics in a folder, and the precision where labels were given; each file with its rows.

    `named`: how the folder is called that it is going to be.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = [
        (report.findings, FINDINGS),
        (report.details, DETAILS),
        (report.manifest, MANIFEST),
        (report.statistics(), STATISTICS),
    ]
    written += [] if precision is None else [(precision, PRECISION)]
    files: dict[Path, int | None] = {}
    with session.step("写出结果", "write the outputs"):
        for table, schema in written:
            shown = _with_times(table) if suffix == "csv" else table
            path = out / f"{schema.name}.{suffix}"
            io.write_table(shown, path, schema, encoding)
            files[path] = len(table)
    names = [path.name for path in files]
    place = named or out
    session.say(f"已写入 {place}/：{'、'.join(names)}", f"written to {place}/: {', '.join(names)}")
    return files


def _print_precision(session: Session, rows: list[dict[str, Any]]) -> None:
    """Rules of which a finding has a label."""
    from rich.table import Table

    title = say("复核结果", "What people decided")
    shown = Table(title=title, title_justify="left", show_edge=False)
    shown.add_column(say("规则", "rule"))
    for head in say("违规 已复核 确认 推翻 确认比例", "findings labelled confirmed overturned share").split():
        shown.add_column(head, justify="right", no_wrap=True)
    gone = next((row for row in rows if row["rule_id"] is None), None)
    for row in rows:
        if row["labelled"] and row is not gone:
            counts = [f"{row[name]:,}" for name in ("findings", "labelled", "confirmed", "overturned")]
            shown.add_row(row["rule_id"], *counts, percent(row["confirmed"], row["labelled"]))
    session.out().print(shown)
    if gone is not None:
        many = gone["labelled"]
        session.data(
            say(
                f"另有 {many:,} 项复核结果，本次检查没有对应的违规",
                f"Labels of findings that this run does not have: {many:,}",
            )
        )


def _with_times(table: pa.Table) -> pa.Table:
    """Windows as times that people read."""
    for name in ("begin", "end"):
        if name in table.column_names:
            at = table.column_names.index(name)
            table = table.set_column(at, name, table[name].cast(pa.timestamp("us")).cast(pa.timestamp("s")))
    return table


def tell_checked(session: Session, report: CheckReport, book: RuleBook) -> None:
    """What a reader must know beside the figures."""
    for note in report.notes:
        session.detail(f"提示：{chinese(note) or note}", f"note: {note}")
    if report.unmatched_returns:
        many = report.unmatched_returns
        session.say(
            f"{many:,} 条退费明细找不到原明细，未参与检查",
            f"{many:,} returning lines found nothing to take from and were left out",
        )
    for cells in report.unread:
        place, many = f"{cells['table']}.{cells['column']}", cells["cells"]
        rows = ", ".join(map(str, cells["rows"])) + (", …" if many > len(cells["rows"]) else "")
        session.say(
            f"{place}：{many:,} 个单元格无法读取，按缺失处理（第 {rows.replace(', ', '、')} 行）",
            f"{place}: {many:,} cells cannot be read and count as missing (rows {rows})",
        )
    if report.left_out:
        session.say(
            f"{report.left_out:,} 笔就诊缺少结算号、人员编号或时间，或结算号重复，未参与检查",
            f"{report.left_out:,} visits have no id, person or time, or an id that stands before, and were not looked at",
        )
    names = report.findings["jr_id"]
    if shared := len(names) - pc.count_distinct(names).as_py():
        session.say(
            f"{shared:,} 项违规与另一项的 jr_id 相同：同一次就诊中 feedetl_sn 重复，无法分辨是哪一条明细",
            f"{shared:,} findings have the jr_id of another: lines of one visit repeat their feedetl_sn and cannot be told apart",
        )
    for row in report.suppressions:
        tell_suppression(session, row, [rule.id for rule in book])


def tell_suppression(session: Session, row: dict[str, Any], rules: Sequence[str]) -> None:
    """What a row of a suppression list did; `rules`: those of the book."""
    what = ", ".join(
        f"{name} {row[name]}" for name in row if name not in ("count", "expired", "reason", "owner", "expires")
    )
    if row["rule"] not in rules:
        near = nearest(row["rule"], rules)
        zh, en = (f"，最接近的是 {near}", f"; the nearest is {near}") if near else ("", "")
        session.say(f"抑制清单 {what}：规则册中没有这条规则{zh}", f"suppression {what}: the book has no such rule{en}")
    elif row["expired"]:
        session.say(
            f"抑制清单 {what}：已于 {row['expires']} 到期，未生效",
            f"suppression {what}: expired {row['expires']}, did nothing",
        )
    else:
        session.say(f"抑制清单 {what}：抑制 {row['count']:,} 项", f"suppression {what}: took out {row['count']:,}")
