"""`clear` and `benefit`: read, clear, write, tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from .. import io
from ..clearing import benefit as pay_benefits
from ..clearing import clear as clear_cases
from ..clearing import load_benefits
from ..clearing.explain import explain_case
from ..clearing.hospital import explain_hospital
from ..clearing.outputs import CLEARING_OUTPUTS, PAYS_WORDS
from ..clearing.result import Cleared
from ..clearing.tables import CLEARING_INPUTS
from ..errors import InputError, Problem
from ..messages import INSUTYPES, name_of, say, yuan_text
from ..policy.faults import nearest
from ..receipts.clearrun import cases_of_run
from ..receipts.model import RECEIPT
from .base import Session
from .clearreceipt import write_benefit, write_cleared

__all__ = ["benefit", "clear"]


def clear(
    session: Session,
    *,
    documents: tuple[Path, ...],
    folder: Path,
    out: Path | None,
    html: Path | None,
    excel: Path | None,
    case: str | None,
    hospital: str | None,
    run: Path | None,
    groups_of: Path | None,
    med_types: tuple[str, ...],
    clears: tuple[str, ...],
    format_: str,
    encoding: str,
    threads: int | None,
    as_json: bool,
) -> int:
    """Clear the cases of a folder."""
    paths = {name: io.find_table(folder, name) for name in CLEARING_INPUTS}
    if run is None and paths["cases"] is None:
        what, zh = "no cases.parquet and no cases.csv is there", "没有 cases.parquet 或 cases.csv"
        raise InputError([Problem(what=what, what_zh=zh, file=str(folder))])
    if run is not None:
        paths["cases"] = None
    tables = {name: io.read_table(path) for name, path in paths.items() if path is not None}
    if run is not None:
        with session.step("取出病例", "take the cases"):
            tables["cases"] = cases_of_run(run, groups_of, med_types, clears, documents)
    with session.step("清算", "clear"):
        done = clear_cases(tables.pop("cases"), list(documents), **tables, threads=threads)
    _unknown(session, done)
    if case is not None:
        session.data("\n".join(explain_case(done, case)))
        return 0
    if out is not None:
        read = {name: path for name, path in paths.items() if path is not None}
        if run is not None and groups_of is not None:
            read |= {"run": run / RECEIPT, "groups_of": groups_of}
        taken = None if run is None else {"med_types": list(med_types), "clears": list(clears)}
        write_cleared(done, out, read, taken, format_, encoding)
        session.say(f"已写入 {out}", f"written to {out}")
    _statements(session, done, html, excel, hospital)
    if as_json:
        session.data(
            json.dumps(
                {name: table.to_pylist() for name, table in done.tables().items() if name != "cases"},
                ensure_ascii=False,
                indent=1,
            )
        )
    else:
        _tell(session, done, hospital)
    return 0


def _unknown(session: Session, done: Cleared) -> None:
    """Institutions that the table of institutions does not have: their cases are paid as those of an institution of which nothing is known."""
    rows = done.unknown_institutions.to_pylist()
    if not rows:
        return
    cases = sum(row["cases"] for row in rows)
    zh, en = [], []
    for row in rows[:5]:
        code, near = row["fixmedins_code"], row["nearest"]
        other = (
            ("（其他日期有）", " (there on other days)")
            if near == code
            else (f"（最接近 {near}）", f" (nearest: {near})")
        )
        zh.append(code + (other[0] if near else ""))
        en.append(code + (other[1] if near else ""))
    more = ("等", ", …") if len(rows) > 5 else ("", "")
    session.say(
        f"institutions 表中当日没有 {len(rows)} 家机构，其病例 {cases:,} 例：{'、'.join(zh)}{more[0]}",
        f"not in the table institutions on the days of their {cases:,} cases ({len(rows)}): {', '.join(en)}{more[1]}",
    )


def _statements(session: Session, done: Cleared, html: Path | None, excel: Path | None, hospital: str | None) -> None:
    """A page and a workbook for every hospital that has a year, or for one."""
    if html is None and excel is None:
        return
    from ..report.statement import Statement, write_statement_book, write_statement_page

    codes = list(dict.fromkeys(str(code) for code in done.years["fixmedins_code"].to_pylist()))
    for code in codes if hospital is None else [hospital]:
        try:
            statement = Statement(done, code)
        except KeyError:
            raise _nobody(code, codes) from None
        name = "".join(c if c.isalnum() or c in "-_" else "_" for c in code)
        for place, write, suffix in ((html, write_statement_page, "html"), (excel, write_statement_book, "xlsx")):
            if place is not None:
                place.mkdir(parents=True, exist_ok=True)
                write(statement, place / f"{name}.{suffix}")
    for place in (html, excel):
        if place is not None:
            session.say(f"清算单已写入 {place}", f"statements written to {place}")


def _nobody(code: str, codes: list[str]) -> InputError:
    what, zh = f"no institution {code!r} has a year here", f"没有机构 {code!r} 的清算结果"
    return InputError([Problem(what=what, what_zh=zh, path="--hospital", nearest=nearest(code, codes))])


def _tell(session: Session, done: Cleared, hospital: str | None) -> None:
    from rich.table import Table

    methods = {(d.id, m.id): m for d in done.book for m in d.model.methods}
    years = done.years
    if hospital is not None:
        years = years.filter(pc.equal(years["fixmedins_code"].cast("string"), hospital))
        if not years.num_rows:
            raise _nobody(hospital, [str(held) for held in done.years["fixmedins_code"].to_pylist()])
    names = ("psntime", "fund_appy_sum", "due", "advanced", "held", "final", "difference")
    shown = Table(title=say("应付医疗机构（元）", "Owed to hospitals (yuan)"), title_justify="left", show_edge=False)
    for head in (say("机构", "institution"), say("险种", "scheme"), say("方法", "method"), say("年度", "year")):
        shown.add_column(head, no_wrap=True)
    for name in names:
        column = CLEARING_OUTPUTS["years"].find(name)
        shown.add_column(say(column.zh, column.en) if column else name, justify="right", no_wrap=True)
    for row in years.to_pylist():
        way = f"{row['method']} {say(*PAYS_WORDS[methods[row['document'], row['method']].pays])}"
        cells = [f"{row[name]:,}" if name == "psntime" else yuan_text(row[name]) for name in names]
        shown.add_row(str(row["fixmedins_code"]), name_of(INSUTYPES, row["insutype"], 3), way, str(row["year"]), *cells)
    session.out().print(shown)
    if hospital is not None:
        session.data("\n".join(explain_hospital(done, hospital)))
        return
    for row in done.balances.to_pylist():
        told = {name: yuan_text(row[name]) for name in ("budget", "paid", "held", "reserve", "unspent")}
        session.data(
            say("{pool} {year}：预算 {budget} = 实付 {paid} + 暂扣 {held} + 预留 {reserve} + 结余 {unspent}",
                "{pool} {year}: budget {budget} = paid {paid} + held {held} + reserve {reserve} + unspent {unspent}").format(**{**row, **told})
        )  # fmt: skip


def benefit(session: Session, documents: tuple[Path, ...], claims: Path, out: Path, encoding: str) -> int:
    """Pay claims; a receipt stands beside the file."""
    book = load_benefits(list(documents))
    table = pay_benefits(io.read_table(claims), book)
    write_benefit(book, table, claims, out, encoding)
    paid: Any = pc.sum(table["pay"]).as_py() or 0
    session.data(
        say(
            f"{table.num_rows:,} 笔申请，应发 {yuan_text(paid)} 元",
            f"{table.num_rows:,} claims, {yuan_text(paid)} yuan to pay",
        )
    )
    return 0
