"""`resettle`: a run settled again after the changes of a document; `changes check|schema`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from dataclasses import replace as replaced
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from .. import io
from ..columns.schema import LINE_OUTPUT, VISIT_OUTPUT, Column, Table
from ..errors import InputError
from ..ledger.document import ChangesDocument, file_sha256, load_changes
from ..ledger.resettlement import Resettlement
from ..ledger.resettlement import resettle as settle_again
from ..messages import CHANGES, name_of, say
from ..report import resettled_book, resettled_page
from ..report.resettled import Signed, gather_examples
from ..report.resettled_told import print_resettled, summarise
from .base import Failure, Session
from .check import for_people
from .earlier import with_earlier_runs
from .resettle_job import is_job, resettled_job, say_moved
from .runs import Held, held_run
from .settle import files_read, write_receipt, write_results
from .tables import Inputs, catalog_files
from .whole import in_place, whole

if TYPE_CHECKING:
    from ..ledger.attribution import Attribution

__all__ = ["check_changes", "resettle", "schema"]


def check_changes(session: Session, path: Path) -> int:
    """The document and its files; a failure raises DocumentError with every problem."""
    document = load_changes(path)
    for i, entry in enumerate(document.entries, 1):
        rows = sum(file.rows or 0 for file in entry.files)
        held = (
            say(f"，{rows:,} 行", f", {rows:,} row{'s' * (rows != 1)}")
            if any(file.rows is not None for file in entry.files)
            else ""
        )
        session.data(f"{i}. {name_of(CHANGES, entry.kind)}{say('：', ': ')}{entry.label[say('zh', 'en')]}{held}")
    session.data(say("通过：", "ok: ") + f"{document.id}, sha256 {document.sha256[:16]}")
    return 0


def schema(session: Session) -> int:
    """The JSON Schema."""
    from ..ledger.schema import json_schema

    session.data(json.dumps(json_schema(), ensure_ascii=False, indent=1))
    return 0


def resettle(
    session: Session,
    *,
    previous: Path,
    changes: Path,
    out: Path,
    attribution: str,
    format_: str,
    encoding: str,
    threads: int | None,
    as_json: bool,
    html: Path | None,
    excel: Path | None,
    memory: str | None,
    replace: bool,
) -> int:
    """Read, settle again, write, tell."""
    for_people(html, excel)
    if out.resolve() == previous.resolve():
        raise Failure(say(f"{out}：输出不能写回上次的文件夹", f"{out}: the outputs cannot go into the previous folder"))
    document = load_changes(changes)
    if is_job(previous):
        how: dict[str, Any] = {"memory": memory, "threads": threads, "attribution": attribution, "replace": replace}
        return _told(session, resettled_job(session, previous, document, out, **how), html, excel, as_json)
    if memory is not None or replace:
        raise Failure(
            say(
                "--memory、--replace 用于作业（ybcore run）的结果；其他结果在内存中重新结算",
                "--memory and --replace are for what a job (ybcore run) wrote; anything else is settled again in memory",
            )
        )
    held = held_run(session, previous, threads)
    if held.lines_moved:
        say_moved(session, held.receipt["rules"]["moved_fen"])
    with session.step("重新结算", "settle again"):
        given = document.changes(held.run)
        try:
            again = settle_again(held.run, given)
        except InputError as error:
            raise InputError(document.placed(error.problems)) from None
    with session.progress("归因", "attribute") as tell:
        told = None if attribution == "none" else again.attribution(attribution, tell)
    examples: tuple[dict[str, Any], ...] = ()
    if html is not None or excel is not None:
        with session.step("逐步解释各原因一例", "explain one example of each reason"):
            examples = gather_examples(again, _whole(session, held.inputs, threads))
    _write(session, held, document, again, told, out, format_, encoding)
    signed = Signed(again, document, told, examples, _hashes(held, document, again, out))
    return _told(session, signed, html, excel, as_json)


def _write(
    session: Session,
    held: Held,
    document: ChangesDocument,
    again: Resettlement,
    told: Attribution | None,
    out: Path,
    format_: str,
    encoding: str,
) -> None:
    """The tables of changes, and the run after them as a run of its own: all of it or nothing."""
    tables = _tables(again)
    if told is not None:
        tables["attribution"] = (told.rows, _named("attribution", told.rows, {"amount": "money"}))
    with whole(out) as place:
        inputs = _inputs_after(held, document, again, place, out)
        outputs = _write_tables(session, tables, place, format_, encoding)
        receipt = _receipt(held, document, again, outputs)
        catalog = again.after.engine.catalog
        listed = None if catalog is None else {name: catalog.get(name) for name in inputs.catalog_paths}
        read = files_read(session, inputs, dict(again.after.tables), listed, again.after.engine.book)
        inputs.paths = in_place(inputs.paths, place, out)
        settled = replaced(again.after.settlement, receipt=receipt)
        written = write_results(session, settled, place, format_, encoding)
        names = write_receipt(session, settled, inputs, place, in_place(read, place, out), written)
    names = [*(row["file"] for row in outputs.values()), *names]
    session.say(f"已写入 {out}/：{'、'.join(names)}", f"written to {out}/: {', '.join(names)}")


def _told(session: Session, signed: Signed, html: Path | None, excel: Path | None, as_json: bool) -> int:
    """Pages for people, and the summary."""
    _for_people(session, signed, html, excel)
    if as_json:
        session.data(json.dumps(summarise(signed), ensure_ascii=False, indent=1))
    else:
        print_resettled(signed, session.out())
    return 0


def _whole(session: Session, inputs: Inputs, threads: int | None) -> Callable[[Any], Any]:
    """Adds the rows of the runs that this one continued: the reference tells a settlement from all that came before it."""

    def whole(tables: Any) -> Any:
        if inputs.state is None:
            return tables
        names = ("visits", "lines", "persons", "institutions", "acct_events")
        return with_earlier_runs(
            session, inputs, {name: tables.get(name) for name in names}, lambda run: run.tables(session), threads
        )

    return whole


# ---------------------------------------------------------------------------------------------- what is written


def _named(name: str, table: pa.Table, kinds: dict[str, str]) -> Table:
    """A schema for a table of ours: kinds of its columns, so that money is yuan in CSV."""
    columns = [Column(column, kinds[column]) for column in table.column_names if column in kinds]  # type: ignore[arg-type]
    return Table(name, name, name, tuple(columns), True)


def _tables(again: Resettlement) -> dict[str, tuple[pa.Table, Table]]:
    """Every table of a re-settlement under the name of its file."""
    visit = {column.name: column.kind for column in VISIT_OUTPUT.columns if column.kind in ("money", "rate")}
    line = {column.name: column.kind for column in LINE_OUTPUT.columns if column.kind in ("money", "rate", "price")}
    line |= {f"{name}_{when}": kind for name, kind in line.items() for when in ("before", "after")}
    ledger = dict.fromkeys(("to_pay", "to_collect", "net"), "money")
    deltas, owed = again.deltas, again.ledger
    found: dict[str, tuple[pa.Table, dict[str, Any]]] = {
        "delta_visits": (deltas.visits, visit),
        "delta_lines": (deltas.lines, {**line, "det_item_fee_sumamt": "money"}),
        "delta_funds": (deltas.funds, {"fund_payamt": "money"}),
        "delta_persons": (deltas.persons, visit),
        "delta_institutions": (deltas.institutions, visit),
        "ledger_payers": (owed.payers, ledger),
        "ledger_persons": (owed.persons, ledger),
        "ledger_institutions": (owed.institutions, ledger),
        "counters": (again.counters(), {}),
        "accounts": (again.accounts(), {"balc_before": "money", "balc_after": "money"}),
    }
    return {name: (table, _named(name, table, kinds)) for name, (table, kinds) in found.items()}


def _write_tables(
    session: Session, tables: dict[str, tuple[pa.Table, Table]], out: Path, suffix: str, encoding: str
) -> dict[str, dict[str, Any]]:
    """The tables as files; name, rows and hash of each."""
    written = {}
    with session.step("写出差额与台账", "write differences and the ledger"):
        for name, (table, schema_) in tables.items():
            path = out / f"{name}.{suffix}"
            io.write_table(table, path, schema_, encoding)
            written[name] = {"file": path.name, "rows": table.num_rows, "sha256": file_sha256(path)}
    return written


_TOUCHED = {
    "late_claims": ("visits", "lines"),
    "refunds": ("visits", "lines"),
    "denied_lines": ("lines",),
    "struck_off": ("lines",),
    "persons": ("persons",),
    "institutions": ("institutions",),
    "reordered": ("visits",),
}


def _inputs_after(held: Held, document: ChangesDocument, again: Resettlement, place: Path, out: Path) -> Inputs:
    """What the run after was settled from: tables that changed are written to `input` in `place`, which is going to be `out`; the others
    stay where they are."""  # fmt: skip
    before = held.inputs
    touched = {name for entry in document.entries for name in _TOUCHED.get(entry.kind, ())}
    touched |= {"lines"} if held.lines_moved else set()
    folder, final = place / "input", (out / "input").resolve()
    paths = dict(before.paths)
    read = {path.resolve() for path in (*before.paths.values(), *before.catalog_paths.values(), *before.policy)}
    for name in [name for name in again.after.tables if name in touched]:
        path = folder / f"{name}.parquet"
        if final / path.name in read:
            shown = final / path.name
            raise Failure(
                say(f"{shown}：上次结算的输入，不能覆盖", f"{shown}: an input of the previous run is not overwritten")
            )
        folder.mkdir(parents=True, exist_ok=True)
        io.write_table(again.after.tables[name], path)
        paths[name] = path
    policy, catalog = before.policy, before.catalog_paths
    for entry in document.entries:
        if entry.kind == "policy":
            policy = [file.path for file in entry.files]
        elif entry.kind == "catalog":
            catalog = catalog_files(entry.files[0].path, None, [])
    return Inputs(policy, paths, catalog, before.state)


def _receipt(held: Held, document: ChangesDocument, again: Resettlement, outputs: dict[str, Any]) -> dict[str, Any]:
    """That of a run, with what it was made of; no clock in it."""
    run = again.after
    receipt = run.engine.receipt_of(run.settlement.visits, run.state, **run.tables)
    for name in ("seconds", "threads"):
        receipt.pop(name)
    entries = [
        {
            "kind": entry.kind,
            "label": dict(entry.label),
            "source": entry.source,
            "files": [
                {"key": f.key, "path": str(f.path.resolve()), "sha256": f.sha256, "rows": f.rows} for f in entry.files
            ],
        }
        for entry in document.entries
    ]
    told = {
        "previous": {"folder": str(held.folder.resolve()), "receipt_sha256": file_sha256(held.folder / "receipt.json")},
        "changes": {
            "file": str(document.path.resolve()),
            "sha256": document.sha256,
            "id": document.id,
            "entries": entries,
        },
        "scope": asdict(again.scope),
        "outputs": outputs,
    }
    return {**receipt, "closing_state": _state_of(again), "resettlement": told}


def _state_of(again: Resettlement) -> str | None:
    state = again.after.settlement.state
    return None if state is None else state.sha256


def _hashes(
    held: Held, document: ChangesDocument, again: Resettlement, out: Path
) -> tuple[tuple[tuple[str, str], str], ...]:
    """What the figures rest on."""
    before, after = again.previous.engine, again.after.engine
    found: list[tuple[tuple[str, str], str | None]] = [
        (("上次结算回执", "receipt of the previous run"), file_sha256(held.folder / "receipt.json")),
        (("本次回执", "receipt of this re-settlement"), file_sha256(out / "receipt.json")),
        (("变更文件", "document of changes"), document.sha256),
        (("政策册（变更前）", "policy book before"), before.book.sha256),
        (("政策册（变更后）", "policy book after"), after.book.sha256),
        (("目录（变更前）", "catalogue before"), None if before.catalog is None else before.catalog.hash),
        (("目录（变更后）", "catalogue after"), None if after.catalog is None else after.catalog.hash),
        (("期末状态", "closing state"), _state_of(again)),
    ]
    return tuple((words, sha) for words, sha in found if sha is not None)


def _for_people(session: Session, signed: Signed, html: Path | None, excel: Path | None) -> None:
    if html is not None:
        with session.step("写出 HTML 报告", "write the HTML report"):
            html.parent.mkdir(parents=True, exist_ok=True)
            resettled_page.write_page(signed, html)
        session.say(f"HTML 报告：{html}", f"HTML report: {html}")
    if excel is not None:
        with session.step("写出 Excel 报告", "write the Excel report"):
            excel.parent.mkdir(parents=True, exist_ok=True)
            for told in resettled_book.write_workbook(signed, excel):
                session.say(told, told)
        session.say(f"Excel 报告：{excel}", f"Excel report: {excel}")
