"""Findings as an Excel workbook: money is a number in yuan, codes are text, nothing in the data becomes a formula or a link."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks.statistics import paid_of
from ..checks.told import GROUPS as COUNTED_IN
from ..checks.told import texts
from ..messages import (
    AMOUNT_RULES,
    DISPOSITIONS,
    LEVELS,
    RULE_STATES,
    SEVERITIES,
    current,
    in_language,
    name_of,
    say,
    speaking,
)
from . import sheets
from .gathered import (
    APART,
    GROUPS,
    LIGHTS,
    apart,
    gather_groups,
    gather_head,
    gather_rules,
    institution_names,
    item_names,
    row_facts,
    sharp,
)
from .sheets import EPOCH, Book, Sheet, book_at, needed

if TYPE_CHECKING:
    from ..checks.run.report import CheckReport

__all__ = ["needed", "write_workbook"]

_CHUNK = 200_000


def write_workbook(report: CheckReport, path: str | os.PathLike[str], lang: str | None = None) -> list[str]:
    """Write the workbook in `zh` or `en` (None: the language in use); gives what could not be written, in words, empty when all was."""
    needed()
    with speaking(lang):
        sheets = [_rules(report), _findings(report), _details(report)]
        sheets += [_group(report, by) for by in ("fixmedins_code", "dr_code", "psn_no", "level")]
        sheets += [_idle(report), *_suppressed(report)]
        cut = [_cut(sheet) for sheet in sheets if sheet.count > sheet.fits]
        with book_at(path, say("智能审核结果", "Findings of rule checks")) as book:
            _summary(report, book, cut)
            for sheet in sheets:
                book.sheet(sheet)
    return cut


def _cut(sheet: Sheet) -> str:
    return say(
        f"工作表“{sheet.name}”共 {sheet.count:,} 行，超过 Excel 上限，只写出前 {sheet.fits:,} 行；全部见 findings、details 文件",
        f"sheet {sheet.name!r} has {sheet.count:,} rows, more than Excel holds; the first {sheet.fits:,} are written, all of them are in the files findings and details",
    )


# ---------------------------------------------------------------------------------------------- sheets


def _summary(report: CheckReport, book: Book, cut: list[str]) -> None:
    """Head figures, and what a reader must know."""
    head = gather_head(report, gather_rules(report))
    rows: list[tuple[str, str, Any]] = [
        (say("就诊", "visits"), "count", head["visits"]),
        (say("其中参与检查", "of them looked at"), "count", head["visits_standing"]),
        (say("费用明细", "fee lines"), "count", head["lines"]),
        (say("冲减后参与检查", "looked at, net of returns"), "count", head["lines_standing"]),
        (say("首日", "first day"), "text", head["first_day"]),
        (say("末日", "last day"), "text", head["last_day"]),
        (say("违规（计入）", "findings that count"), "count", head["findings"]),
        (say("其中红色", "of them red"), "count", head["red"]),
        (say("涉及人员", "persons concerned"), "count", head["persons"]),
        (say("涉及机构", "institutions concerned"), "count", head["institutions"]),
        (say("违规金额 vola_amt（元）", "vola_amt (yuan)"), "money", head["vola_amt"]),
        (say("实扣金额 paid_amt（元）", "paid_amt (yuan)"), "money", head["paid_amt"]),
        (say("追回基金 recover_amt（元）", "recover_amt (yuan)"), "money", head["recover_amt"] if head["recover_amt"] is not None else say("未结算，无法计算", "not settled, so not known")),
        *([(say("实扣中属被拒收或未参保的就诊（元）", "of paid_amt in visits rejected or nobody's (yuan)"), "money", head["rejected_fen"])] if head["rejected_fen"] else []),
        (say("实扣中本已全自费 own_amt（元）", "of paid_amt full self-pay anyway, own_amt (yuan)"), "money", head["own_amt"] if head["own_amt"] is not None else say("未结算，无法计算", "not settled, so not known")),
        (say("不计入：已抑制", "not counted: suppressed"), "count", head["suppressed"]),
        (say("不计入：试运行", "not counted: shadow"), "count", head["shadow"]),
        (say("不计入：被包含", "not counted: contained in another"), "count", head["subsumed"]),
        (say("规则：运行", "rules run"), "count", head["run"]),
        (say("规则：跳过", "rules skipped"), "count", head["skipped"]),
        (say("规则：停用", "rules disabled"), "count", head["disabled"]),
        *((f"{LIGHTS[name][0]} {say(*LIGHTS[name][1:])}", "count", many) for name, many in head["lights"].items()),
        *((say("规则文件", "rule document"), "text", f"{name} {version}") for name, version in head["documents"]),
        (say("规则册指纹", "fingerprint of the rules"), "text", head["sha256"]),
        *((say("注意", "note"), "text", told) for told in [*_notes(head), *cut]),
    ]  # fmt: skip
    book.pairs(say("汇总", "summary"), say("智能审核结果", "Findings of rule checks"), rows)


def _notes(head: dict[str, Any]) -> Iterator[str]:
    if head["skipped"] or head["disabled"]:
        yield say(
            "跳过、停用的规则没有看过任何数据，不等于通过",
            "rules that were skipped or disabled have not passed anything",
        )
    if head["unmatched_returns"]:
        many = head["unmatched_returns"]
        yield say(
            f"{many:,} 条退费明细找不到原明细，未参与检查",
            f"{many:,} returning lines found nothing to take from and were left out",
        )


def _rules(report: CheckReport) -> Sheet:
    rows = gather_rules(report)
    columns = [
        (say("颜色", "colour"), "light", 16), (say("规则ID", "rule_id"), "text", 16), (say("规则", "rule"), "text", 34),
        (say("状态", "status"), "text", 10), (say("试运行", "shadow"), "text", 8), (say("处置", "disposition"), "text", 10),
        (say("严重程度", "severity"), "text", 16), (say("金额规则", "amount rule"), "text", 14), (say("命中", "hits"), "count", 10),
        (say("人数", "persons"), "count", 10), (say("违规金额（元）", "vola_amt (yuan)"), "money", 16),
        (say("实扣（元）", "paid_amt (yuan)"), "money", 16), (say("追回（元）", "recover_amt (yuan)"), "money", 16),
        (say("适用行数", "eligible"), "count", 12), (say("未知行数", "unknown"), "count", 12), (say("已抑制", "suppressed"), "count", 10),
        (say("被包含", "contained"), "count", 10), (say("因互斥去除", "excluded"), "count", 10),
        (say("未运行的原因", "why it did not run"), "text", 34), (say("内核", "kernel"), "text", 8),
        (say("版本", "version"), "text", 14), (say("来源", "source"), "text", 34),
    ]  # fmt: skip
    cells = (
        (
            (row.light, row.word), row.rule.id, row.rule.name[current()], name_of(RULE_STATES, row.status), _yes(row.rule.shadow),
            name_of(DISPOSITIONS, row.rule.disposition), say(*SEVERITIES[row.rule.severity]), name_of(AMOUNT_RULES, row.rule.amount),
            row.hits, row.persons, row.vola_amt, row.paid_amt, row.recover_amt, row.eligible, row.unknown, row.suppressed,
            row.subsumed, row.excluded, row.reason, row.rule.kernel, row.rule.version, in_language(row.rule.source),
        )
        for row in rows
    )  # fmt: skip
    return Sheet(say("规则", "rules"), columns, cells, len(rows))


def _yes(flag: bool) -> str | None:
    return say("是", "yes") if flag else None


def _findings(report: CheckReport) -> Sheet:
    """Every finding, those that do not count too."""
    columns = [
        (say("颜色", "colour"), "light", 12), (say("计入", "counts"), "text", 10), (say("规则ID", "rule_id"), "text", 16),
        (say("规则", "rule"), "text", 30), (say("处置", "disposition"), "text", 10), (say("严重程度", "severity"), "text", 14),
        (say("人员编号", "psn_no"), "text", 20), (say("结算ID", "setl_id"), "text", 24), (say("就诊ID", "mdtrt_id"), "text", 24),
        (say("机构编号", "fixmedins_code"), "text", 18), (say("机构名称", "institution"), "text", 24), (say("医师代码", "dr_code"), "text", 16),
        (say("违规金额（元）", "vola_amt (yuan)"), "money", 16), (say("实扣（元）", "paid_amt (yuan)"), "money", 16),
        (say("追回（元）", "recover_amt (yuan)"), "money", 16), (say("本已全自费（元）", "own_amt (yuan)"), "money", 16), (say("计数范围", "counted in"), "text", 14), (say("计数开始", "begin"), "time", 17), (say("计数结束（不含）", "end (before)"), "time", 17),
        (say("事实", "what"), "text", 40), (say("依据", "evidence"), "text", 70), (say("违规行为分类", "vola_bhvr_type"), "text", 10),
        (say("规则版本", "rule_version"), "text", 14), (say("违规标识", "jr_id"), "text", 22),
    ]  # fmt: skip
    return Sheet(say("违规", "findings"), columns, _finding_rows(report), len(report.findings))


def _finding_rows(report: CheckReport) -> Iterator[tuple[Any, ...]]:
    masks, red, found = apart(report), sharp(report), report.findings
    words = dict(zip(APART, (say("已抑制", "suppressed"), say("试运行", "shadow"), say("被包含", "contained"))))
    names, paid = institution_names(report), np.asarray(paid_of(report))
    for start in range(0, min(len(found), sheets.ROWS), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(found)))
        told = texts(report, current(), rows)
        cells = zip(
            rows.tolist(),
            found.slice(start, _CHUNK).to_pylist(),
            told["vola_cont"].to_pylist(),
            told["vola_evid"].to_pylist(),
        )
        for i, row, content, evidence in cells:
            word = next((words[name] for name in APART if masks[name][i]), say("计入", "counts"))
            light = "grey" if not masks["counted"][i] else "red" if red[i] else "amber"
            label = word if light == "grey" else say(*LIGHTS[light][1:])
            yield (
                (light, label), word, row["rule_id"], report.book[row["rule_id"]].name[current()], name_of(DISPOSITIONS, row["disposition"]),
                f"{row['sev_deg']} {say(*SEVERITIES[int(row['sev_deg'])])}", row["psn_no"], row["setl_id"], row["mdtrt_id"],
                row["fixmedins_code"], names.get(row["fixmedins_code"]), row["dr_code"], row["vola_amt"], int(paid[i]), row["recover_amt"], row["own_amt"],
                name_of(COUNTED_IN, row["group"]) if row["group"] else None, _time(row["begin"]), _time(row["end"]), content, evidence, row["vola_bhvr_type"] or None, row["rule_version"], row["jr_id"],
            )  # fmt: skip


def _time(micros: int | None) -> dt.datetime | None:
    return None if micros is None else EPOCH + dt.timedelta(microseconds=micros)


def _details(report: CheckReport) -> Sheet:
    columns = [
        (say("违规标识", "jr_id"), "text", 22), (say("规则ID", "rule_id"), "text", 16), (say("类型", "part"), "text", 10),
        (say("结算ID", "setl_id"), "text", 24), (say("明细流水号", "feedetl_sn"), "text", 24), (say("医保目录编码", "med_list_codg"), "text", 24), (say("项目名称", "item"), "text", 28),
        (say("时间", "time"), "time", 17), (say("明细金额（元）", "line amount (yuan)"), "money", 16),
        (say("违规数量", "excess quantity"), "quantity", 12), (say("违规金额（元）", "vola_amt (yuan)"), "money", 16),
        (say("实扣（元）", "paid_amt (yuan)"), "money", 16), (say("违规明细标识", "jrd_id"), "text", 26),
    ]  # fmt: skip
    return Sheet(say("违规明细", "details"), columns, _detail_rows(report), len(report.details))


def _detail_rows(report: CheckReport) -> Iterator[tuple[Any, ...]]:
    rules = dict(zip(report.findings["jr_id"].to_pylist(), report.findings["rule_id"].to_pylist()))
    names = item_names(report)
    kinds = {1: say("违规", "offending"), 2: say("涉及", "involved")}
    for start in range(0, min(len(report.details), sheets.ROWS), _CHUNK):
        for row in row_facts(report, np.arange(start, min(start + _CHUNK, len(report.details)))):
            yield (
                row["jr_id"], rules[row["jr_id"]], kinds[row["vola_item_type"]], row["setl_id"], row["feedetl_sn"], row["item"],
                names.get(str(row["item"])), row["time"], row["amount"], row["cnt"], row["vola_amt"], row["paid_amt"], row["jrd_id"],
            )  # fmt: skip


def _group(report: CheckReport, by: str) -> Sheet:
    rows = gather_groups(report, by)
    total = sum(row.vola_amt for row in rows)
    level = by == "level"
    names = {"fixmedins_code": ("机构", "institutions"), "dr_code": ("医师", "doctors"), "psn_no": ("人员", "persons"), "level": ("等级", "levels")}  # fmt: skip
    named = by == "fixmedins_code"
    columns = [
        (say(*GROUPS[by]), "text", 24), *([(say("名称", "name"), "text", 30)] if named else []),
        (say("违规", "findings"), "count", 10), (say("其中红色", "red"), "count", 10), (say("人数", "persons"), "count", 10),
        (say("违规金额（元）", "vola_amt (yuan)"), "money", 16), (say("占比", "share"), "share", 10),
        (say("其中红色（元）", "red (yuan)"), "money", 16), (say("实扣（元）", "paid_amt (yuan)"), "money", 16),
        (say("追回（元）", "recover_amt (yuan)"), "money", 16),
    ]  # fmt: skip
    cells = (
        (
            say("（无）", "(none)") if row.key is None else name_of(LEVELS, row.key) if level else row.key,
            *([row.name or None] if named else []), row.hits, row.red_hits, row.persons, row.vola_amt,
            row.vola_amt / total if total else None, row.red_amt, row.paid_amt, row.recover_amt,
        )
        for row in rows
    )  # fmt: skip
    return Sheet(say(*names[by]), columns, cells, len(rows))


def _idle(report: CheckReport) -> Sheet:
    rows = [row for row in gather_rules(report) if row.status != "run"]
    columns = [
        (say("状态", "status"), "light", 12),
        (say("规则ID", "rule_id"), "text", 16),
        (say("规则", "rule"), "text", 34),
        (say("原因", "why"), "text", 60),
        (say("来源", "source"), "text", 40),
    ]
    cells = (((r.light, r.word), r.rule.id, r.rule.name[current()], r.reason, in_language(r.rule.source)) for r in rows)
    return Sheet(say("未运行", "not run"), columns, cells, len(rows))


def _suppressed(report: CheckReport) -> list[Sheet]:
    """The suppression list, where there is one."""
    rows = report.suppressions
    if not rows:
        return []
    names = ("psn_no", "fixmedins_code", "med_list_codg", "setl_id", "dise_codg")
    columns = [
        (say("规则ID", "rule_id"), "text", 16), *((name, "text", 20) for name in names), (say("原因", "reason"), "text", 30),
        (say("负责人", "owner"), "text", 14), (say("到期", "expires"), "text", 12), (say("已到期", "expired"), "text", 8),
        (say("抑制数", "taken out"), "count", 10),
    ]  # fmt: skip
    cells = (
        (row["rule"], *(row.get(name) or None for name in (*names, "reason", "owner", "expires")), _yes(row["expired"]), row["count"])
        for row in rows
    )  # fmt: skip
    return [Sheet(say("抑制清单", "suppressions"), columns, cells, len(rows))]
