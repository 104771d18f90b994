"""A re-settlement as an Excel workbook: the figures of the page and of the ledger, to the fen, each table with a row of sums.

What a sheet cannot hold is told and stands whole in a CSV file beside the workbook.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.schema import LINE_OUTPUT
from ..ledger.deltas import LINE_FACTS, PAYERS
from ..messages import (
    BUCKETS,
    CAUSES,
    CHANGES,
    LINE_REASONS,
    NATURES,
    OUTCOMES,
    REASONS,
    name_of,
    say,
    speaking,
    yuan_text,
)
from ..messages import PAYERS as PAYER_WORDS
from .resettled import LINE_WORDS, SIDES, Signed, direction, figures, paired, payer_name, proofs
from .sheets import Book, Sheet, book_at, needed

__all__ = ["needed", "write_workbook"]

_CHUNK = 100_000
_SUMS = ("to_pay", "to_collect", "net")
_SIDE_OF = {payer: side for side, payers in SIDES.items() for payer in payers}
Columns = list[tuple[str, str, int]]


def write_workbook(signed: Signed, path: str | os.PathLike[str], lang: str | None = None) -> list[str]:
    """Write the workbook in `zh` or `en` (None: the language in use); tells what did not fit and where it is, nothing when all did."""
    needed()
    makers: tuple[Callable[[Signed], Sheet], ...] = (_payers, _persons, _institutions, _visits, _lines, _reasons, _attribution, _examples)  # fmt: skip
    with speaking(lang):
        sheets = [make(signed) for make in makers]
        told = []
        for make, sheet in zip(makers, sheets):
            if sheet.count > sheet.fits:
                beside = Path(path).with_name(f"{Path(path).stem}-{sheet.name}.csv")
                _write_csv(make(signed), beside)
                told.append(_beside(sheet, beside))
        with book_at(path, _title(signed)) as book:
            _summary(signed, book, told)
            for sheet in sheets:
                book.sheet(sheet)
    return told


def _beside(sheet: Sheet, path: Path) -> str:
    return say(
        f"工作表“{sheet.name}”共 {sheet.count:,} 行，超过 Excel 上限，只写出前 {sheet.fits:,} 行；全部见 {path.name}",
        f"sheet {sheet.name!r} has {sheet.count:,} rows, more than Excel holds; the first {sheet.fits:,} are written, all of them are in {path.name}",
    )


def _write_csv(sheet: Sheet, path: Path) -> None:
    """The whole table for Excel users: UTF-8 with a mark, money in yuan."""
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow([title for title, _, _ in sheet.columns])
        for row in sheet.rows:
            out.writerow(_plain(row, sheet))
        if sheet.total is not None:
            out.writerow(_plain(sheet.total, sheet))


def _plain(row: tuple[Any, ...], sheet: Sheet) -> list[str]:
    kinds = [kind for _, kind, _ in sheet.columns]
    return ["" if v is None else yuan_text(v, grouped=False) if kind == "money" and not isinstance(v, str) else str(v) for v, kind in zip(row, kinds)]  # fmt: skip


def _title(signed: Signed) -> str:
    name = "" if signed.document is None else signed.document.name[say("zh", "en")]
    return name or say("重新结算报告", "Re-settlement")


def _id(value: Any) -> str | None:
    return None if value is None else str(value)


# ---------------------------------------------------------------------------------------------- sheets


def _summary(signed: Signed, book: Book, told: list[str]) -> None:
    head = signed.head()
    sides, scope = head["sides"], head["scope"]
    rows: list[tuple[str, str, Any]] = [
        (say("基金应补付（元）", "funds to pay (yuan)"), "money", sides["funds"]["to_pay"]),
        (say("基金应追回（元）", "funds to collect (yuan)"), "money", sides["funds"]["to_collect"]),
        (say("基金净额（元）", "funds, net (yuan)"), "money", sides["funds"]["net"]),
        (say("基金净额的含义", "what the net of funds means"), "text", direction("funds", sides["funds"]["net"])),
        (say("应退还个人（元）", "to refund to persons (yuan)"), "money", sides["own"]["to_collect"]),
        (say("个人应补缴（元）", "persons owe (yuan)"), "money", sides["own"]["to_pay"]),
        (say("医院负担净额（元）", "hospital, net (yuan)"), "money", sides["hospital"]["net"]),
        (say("全部支付方净额（元）", "all payers, net (yuan)"), "money", head["all"]["net"]),
        (say("变动结算", "visits that differ"), "count", head["visits"]),
        (say("其中新增", "of them added"), "count", head["added"]),
        (say("其中受牵动", "of them by knock-on"), "count", head["knock_on"]),
        *((_refused(row), "count", row["added"] + row["changed"]) for row in signed.refusals()),
        (say("涉及人员", "persons concerned"), "count", head["persons"]),
        (say("涉及机构", "institutions concerned"), "count", head["institutions"]),
        (say("变动明细", "fee lines that differ"), "count", head["lines"]),
        (say("重新结算：结算组", "settled again: groups"), "count", scope["groups"]),
        (say("结算组总数", "groups in all"), "count", scope["of_groups"]),
        (say("重新结算：人员", "settled again: persons"), "count", scope["persons"]),
        (say("人员总数", "persons in all"), "count", scope["of_persons"]),
        (say("重新结算：结算", "settled again: visits"), "count", scope["visits"]),
        (say("结算总数", "visits in all"), "count", scope["of_visits"]),
        *((f"sha256 {say(*words)}", "text", sha) for words, sha in signed.hashes),
        *((f"sha256 {row['number']}. {file.path.name}", "text", file.sha256) for row in signed.changes() for file in row["files"]),
        *((say("注意", "note"), "text", text) for text in told),
    ]  # fmt: skip
    book.pairs(say("汇总", "summary"), _title(signed), rows)


def _refused(row: dict[str, Any]) -> str:
    why = f"{row['reason']} {name_of(REASONS, row['reason'])}" if row["reason"] else ""
    return say("未能结算：", "not settled: ") + f"{name_of(OUTCOMES, row['outcome'])} {why}".rstrip()


_MONEY = ("应增加（元）", "more (yuan)"), ("应减少（元）", "less (yuan)"), ("净额（元）", "net (yuan)")


def _money_columns() -> Columns:
    return [(say(*words), "money", 16) for words in _MONEY]


def _ledger(name: str, first: Columns, table: pa.Table, key: Callable[[dict[str, Any]], tuple[Any, ...]]) -> Sheet:
    """A table of the ledger with its sums; `key` gives the first cells of a row."""
    columns = [*first, (say("支付方", "payer"), "text", 20), (say("列名", "column"), "text", 18), *_money_columns(), (say("含义", "meaning"), "text", 12)]  # fmt: skip

    def cells() -> Iterator[tuple[Any, ...]]:
        for row in _rows(table):
            yield (*key(row), payer_name(row["payer"]), row["payer"], *(row[n] for n in _SUMS), direction(_SIDE_OF[row["payer"]], row["net"]))  # fmt: skip

    sums = (pc.sum(table[n]).as_py() or 0 for n in _SUMS)
    total = (say("合计", "total"), *(None,) * (len(first) + 1), *sums, None)
    return Sheet(name, columns, cells(), table.num_rows, total)


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows of a table, some at a time."""
    for start in range(0, table.num_rows, _CHUNK):
        yield from table.slice(start, _CHUNK).to_pylist()


def _payers(signed: Signed) -> Sheet:
    return _ledger(say("支付方", "payers"), [], signed.again.ledger.payers, lambda row: ())


def _persons(signed: Signed) -> Sheet:
    table = signed.again.ledger.persons.sort_by([("psn_no", "ascending"), ("payer", "ascending")])
    first = [(say("人员编号", "psn_no"), "text", 24)]
    return _ledger(say("人员", "persons"), first, table, lambda row: (_id(row["psn_no"]),))


def _institutions(signed: Signed) -> Sheet:
    names = signed.institution_names()
    table = signed.again.ledger.institutions.sort_by([("fixmedins_code", "ascending"), ("payer", "ascending")])
    first = [(say("机构编号", "fixmedins_code"), "text", 20), (say("机构名称", "institution"), "text", 26)]
    return _ledger(
        say("机构", "institutions"),
        first,
        table,
        lambda row: (_id(row["fixmedins_code"]), names.get(row["fixmedins_code"])),
    )


VISIT_MONEY = ("medfee_sumamt", "fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt", "act_pay_dedc", "fund_pay_sumamt", *PAYERS)  # fmt: skip


def _words_of(name: str) -> str:
    return say(*(NATURES.get(name) or PAYER_WORDS.get(name) or BUCKETS["deductible"]))


def _visits(signed: Signed) -> Sheet:
    kinds = {"added": say("新增", "added"), "changed": say("变动", "changed")}
    columns = [
        (say("结算ID", "setl_id"), "text", 26), (say("人员编号", "psn_no"), "text", 24), (say("机构编号", "fixmedins_code"), "text", 18),
        (say("原因", "reason"), "text", 16), (say("起因结算", "because of"), "text", 26), (say("类型", "kind"), "text", 8),
        (say("变更前结果", "outcome before"), "text", 12), (say("变更后结果", "outcome after"), "text", 12), (say("未结算原因", "why not settled"), "text", 24),
        (say("基金净额（元）", "funds, net (yuan)"), "money", 16), (say("含义", "meaning"), "text", 12), (say("个人净额（元）", "person, net (yuan)"), "money", 16),
        (say("含义", "meaning"), "text", 12), *((f"{_words_of(name)} {name}", "money", 16) for name in VISIT_MONEY),
    ]  # fmt: skip
    order = signed.largest()

    def cells() -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(order), _CHUNK):
            for row in signed.visits(order[start : start + _CHUNK]):
                outcomes = (row["outcome_before"], row["outcome_after"])
                yield (
                    _id(row["setl_id"]), _id(row["psn_no"]), _id(row["fixmedins_code"]), name_of(CAUSES, row["reason"]), _id(row["because"]),
                    kinds[row["kind"]], *(name_of(OUTCOMES, one) if one else None for one in outcomes), name_of(REASONS, row["reason_after"]) if row["reason_after"] else None, row["funds"], direction("funds", row["funds"]),
                    row["own"], direction("own", row["own"]), *(row[name] for name in VISIT_MONEY),
                )  # fmt: skip

    visits = signed.again.deltas.visits
    sums = {name: int(np.sum(visits[name].to_numpy())) for name in VISIT_MONEY}
    nets = [sum(sums[payer] for payer in SIDES[side]) for side in ("funds", "own")]
    total = (say("合计", "total"), *(None,) * 8, nets[0], direction("funds", nets[0]), nets[1], direction("own", nets[1]), *sums.values())  # fmt: skip
    return Sheet(say("结算", "visits"), columns, cells(), visits.num_rows, total)


def _heading(name: str) -> str:
    """Of a column of facts before or after: the name of the column too, as that of the tables."""
    column, _, when = name.rpartition("_")
    known = LINE_OUTPUT.find(column)
    words = {"before": ("变更前", "before"), "after": ("变更后", "after")}
    return f"{'' if known is None else say(known.zh, column)} {say(*words[when])} {name}".strip()


def _lines(signed: Signed) -> Sheet:
    lines = signed.again.deltas.lines
    amounts = [name for name in LINE_WORDS if name in lines.column_names]
    facts = [
        f"{name}_{when}"
        for name in LINE_FACTS
        for when in ("before", "after")
        if f"{name}_{when}" in lines.column_names
    ]
    kinds = {"added": say("新增", "added"), "changed": say("变动", "changed")}
    columns = [
        (say("行（自 1 起）", "row (from 1)"), "count", 12), (say("结算ID", "setl_id"), "text", 26), (say("明细流水号", "feedetl_sn"), "text", 24),
        (say("原因", "reason"), "text", 16), (say("类型", "kind"), "text", 8), *((f"{say(*LINE_WORDS[name])} {name}", "money", 16) for name in amounts),
        *((_heading(name), "text", 16) for name in facts),
    ]  # fmt: skip

    def cells() -> Iterator[tuple[Any, ...]]:
        for row in _rows(lines):
            yield (
                row["row"] + 1, _id(row["setl_id"]), _id(row.get("feedetl_sn")), name_of(CAUSES, row["reason"]), kinds[row["kind"]],
                *(row[name] for name in amounts), *(_fact(name, row[name]) for name in facts),
            )  # fmt: skip

    sums = [int(np.sum(lines[name].to_numpy())) for name in amounts]
    total = (None, say("合计", "total"), None, None, None, *sums, *(None for _ in facts))
    return Sheet(say("明细", "lines"), columns, cells(), lines.num_rows, total)


def _fact(name: str, value: Any) -> str | None:
    """A fact of a line as a document writes it: ratios as fractions, caps in yuan."""
    if value is None or value == "":
        return None
    places = {"selfpay_prop": 6, "pric_uplmt_amt": 6}.get(name.rpartition("_")[0])
    if name.startswith("reason_"):
        return name_of(LINE_REASONS, value)
    if places is None:
        return str(value)
    whole, rest = divmod(int(value), 10**places)
    return f"{whole}.{rest:0{places}d}".rstrip("0").rstrip(".")


def _reasons(signed: Signed) -> Sheet:
    rows = signed.reasons()
    columns = [
        (say("原因", "reason"), "text", 18), (say("结算", "visits"), "count", 10), (say("人数", "persons"), "count", 10),
        (say("基金应补付（元）", "funds to pay (yuan)"), "money", 18), (say("基金应追回（元）", "funds to collect (yuan)"), "money", 18),
        (say("基金净额（元）", "funds, net (yuan)"), "money", 18), (say("含义", "meaning"), "text", 12), (say("应退还个人（元）", "to refund to persons (yuan)"), "money", 18),
        (say("个人应补缴（元）", "persons owe (yuan)"), "money", 18), (say("医院净额（元）", "hospital, net (yuan)"), "money", 16),
    ]  # fmt: skip

    def money(row: dict[str, Any]) -> tuple[Any, ...]:
        funds, own = row["funds"], row["own"]
        return (
            *(funds[n] for n in _SUMS),
            direction("funds", funds["net"]),
            own["to_collect"],
            own["to_pay"],
            row["hospital"]["net"],
        )

    cells = ((name_of(CAUSES, row["reason"]), row["visits"], row["persons"], *money(row)) for row in rows)
    sums = {side: {name: sum(row[side][name] for row in rows) for name in _SUMS} for side in SIDES}
    total = (say("合计", "total"), sum(row["visits"] for row in rows), None, *money(sums))
    return Sheet(say("原因", "reasons"), columns, cells, len(rows), total)


def _attribution(signed: Signed) -> Sheet:
    """What each change moved, payer by payer; the changes alone where that was not asked for."""
    changes = {row["number"] - 1: row for row in signed.changes()}
    moved = [] if signed.attribution is None else signed.attribution.rows.to_pylist()
    silent = [
        {"change": i, "payer": None, "amount": None} for i in changes if not any(row["change"] == i for row in moved)
    ]
    rows = sorted([*moved, *silent], key=lambda row: row["change"])
    columns = [
        (say("序号", "no."), "count", 6), (say("变更", "change"), "text", 40), (say("种类", "kind"), "text", 16), (say("原因", "reason"), "text", 16),
        (say("支付方", "payer"), "text", 20), (say("列名", "column"), "text", 18), (say("金额（元）", "amount (yuan)"), "money", 16),
        (say("来源", "source"), "text", 40), (say("备注", "note"), "text", 40),
    ]  # fmt: skip
    cells = (
        (
            row["change"] + 1, changes[row["change"]]["label"], name_of(CHANGES, changes[row["change"]]["kind"] or ""),
            name_of(CAUSES, changes[row["change"]]["reason"]), payer_name(row["payer"]) if row["payer"] else None, row["payer"], row["amount"],
            changes[row["change"]]["source"] or None, changes[row["change"]]["note"] or None,
        )
        for row in rows
    )  # fmt: skip
    whole = None if signed.attribution is None else sum(row["amount"] for row in moved)
    total = (None, say("合计", "total"), None, None, None, None, whole, None, None)
    return Sheet(say("归因", "attribution"), columns, cells, len(rows), total)


def _examples(signed: Signed) -> Sheet:
    """Figures, then the two stories line by line."""
    columns = [
        (say("原因", "reason"), "text", 16), (say("结算ID", "setl_id"), "text", 26), (say("不同", "differs"), "text", 6), (say("项目", "figure"), "text", 24),
        (say("变更前（元）", "before (yuan)"), "money", 16), (say("变更后（元）", "after (yuan)"), "money", 16), (say("差额（元）", "difference (yuan)"), "money", 16),
        (say("变更前", "before"), "long", 60), (say("变更后", "after"), "long", 60),
    ]  # fmt: skip
    cells: list[tuple[Any, ...]] = []
    for example in signed.examples:
        head = (name_of(CAUSES, example["reason"]), _id(example["setl_id"]))
        for row in figures(example):
            mark = "≠" if row["step"] else None
            cells.append(
                (*head, mark, f"{row['name']} {row['column']}", row["before"], row["after"], row["step"], None, None)
            )
        for old, new, other in paired(example):
            cells.append((*head, "≠" if other else None, None, None, None, None, old or None, new or None))
        cells.append((*head, None, None, None, None, None, *(text or None for text in proofs(example))))
    return Sheet(say("示例", "examples"), columns, cells, len(cells))
