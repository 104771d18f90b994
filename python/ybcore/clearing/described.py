"""What every column of clearing and of cash benefits is: unit, name of the national platform, and how indicators are reckoned.

`ybcore describe clearing|cleared|benefits|clearing-codes` prints it, docs/clearing-tables.md lists it. A column's source is the transaction
or table of the national interface that has a field of this name and meaning; `ybcore` where the interface has none and the name is ours.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..columns.schema import Column, Kind, Table
from ..messages import KINDS as KIND_UNITS
from .cashmodels import RESULTS
from .outputs import CLEARING_OUTPUTS, FORMULA_WORDS, KIND_WORDS, OUTCOME_WORDS, PAYS_WORDS
from .tables import CLAIMS, CLEARING_INPUTS

__all__ = ["CLR_TYPES", "CLR_WAYS", "GROUPS", "INDICATORS", "OWN", "codes", "indicator_notes", "rows", "source_of"]  # fmt: skip

OWN = "ybcore"

CLR_TYPES = {"11": ("门诊", "outpatient"), "21": ("住院", "inpatient"), "41": ("药店", "pharmacy"), "99": ("其他", "other")}  # fmt: skip
CLR_WAYS = {
    "1": ("按项目", "by item"), "2": ("单病种", "single disease"), "3": ("按病种分值", "DIP"), "4": ("疾病诊断相关分组", "DRG"),
    "5": ("按床日", "by bed-day"), "6": ("按人头", "by head"), "9": ("其他", "other"),
}  # fmt: skip
"""clr_way in its form of one digit; places that write two digits (10, 20, …) write their own."""


def _indicator(name: str, kind: Kind, zh: str, en: str) -> Column:
    return Column(name, kind, zh=zh, en=en, negative=True)


INDICATORS = Table(
    "indicators",
    "指标",
    "indicators of an institution or of a group (`done.indicators()`)",
    (
        Column("fixmedins_code", "id", zh="定点医药机构编号", en="institution; by group instead `group_code`"),
        _indicator("psntime", "number", "人次", "cases"),
        _indicator("readmissions", "number", "重复住院", "readmissions"),
        _indicator("split_stays", "number", "分解住院", "split stays"),
        _indicator("mean_fee", "sum", "例均费用", "mean fee"),
        _indicator("mean_days", "quantity", "平均住院日", "mean days"),
        _indicator("low_share", "rate", "低倍率占比", "share of low cases"),
        _indicator("high_share", "rate", "高倍率占比", "share of high cases"),
        _indicator("extreme_share", "rate", "极高倍率占比", "share of extreme cases"),
        _indicator("cmi", "rate", "病例组合指数", "case-mix index"),
        _indicator("cost_index", "rate", "费用消耗指数", "cost-efficiency index"),
        _indicator("time_index", "rate", "时间消耗指数", "time-efficiency index"),
    ),
    True,
)

_CMI = "https://blob.wenxiaobai.com/article/1832202d-a1cb-93d4-1081-030a45b1f67c; https://www.dxy.cn/bbs/newweb/pc/post/51502853"  # fmt: skip
_EFFICIENCY = "http://www.handmsg.com/page/2022/0816/14010576.shtml; https://www.tsu.tw/xiyi/750695.html"
_DIP = "https://www.ppdoc.com/periodical/63ff1da03f5dcf10b02b195250e0700e.html"
_POINTS = "https://hznews.hangzhou.com.cn/chengshi/content/2019-11/23/content_7309246_2.htm"
_SPLIT = "https://reportify.cn/tags/concept?tagValue=%E5%88%86%E8%A7%A3%E4%BD%8F%E9%99%A2"
_NOTES: dict[str, tuple[str, str, str, str]] = {
    "psntime": ("病例数", "cases", "national interface 3203", "psntime"),
    "mean_fee": ("Σ 医疗费总额 ÷ 病例数", "sum of medfee_sumamt / cases", OWN, "a plain mean of everything charged; half up to the fen"),
    "mean_days": ("Σ 住院天数 ÷ 病例数", "sum of ipt_days / cases", OWN, "a plain mean; days as in the table cases"),
    "low_share": ("低倍率病例数 ÷ 病例数", "cases of kind low / cases", f"{OWN}; {_DIP}", "the page has the edges of one city, those here are the document's; shares of all cases"),
    "high_share": ("高倍率病例数 ÷ 病例数", "cases of kind high / cases", f"{OWN}; {_DIP}", "as low_share; extreme ones are not among them"),
    "extreme_share": ("极高倍率病例数 ÷ 病例数", "cases of kind extreme / cases", f"{OWN}; https://m.jiusongjiankang.com/health/news/7410055.html", "as low_share"),
    "cmi": (
        "（Σ 病例权重 ÷ 有权重的病例数）÷ 全部病例的同一比值", "(sum of weights of the cases / cases that have one) / (the same of all cases)", _CMI,
        "the page has the first quotient; dividing by that of all cases (so that all together are 1), and points where groups have no weights, are ybcore's own choice",
    ),
    "cost_index": (
        "Σ 各组（本机构例均费用 ÷ 全部机构同组例均费用）× 病例数 ÷ 病例数", "sum over groups of (own mean fee / mean fee of all in the group) x cases / cases", _EFFICIENCY,
        "the pages say what it measures and that 1 is the average; the formula with cases as weights is ybcore's own choice",
    ),
    "time_index": ("Σ 各组（本机构平均住院日 ÷ 全部机构同组平均住院日）× 病例数 ÷ 病例数", "sum over groups of (own mean days / mean days of all in the group) x cases / cases", _EFFICIENCY, "as cost_index"),
    "readmissions": ("按支付方法的重复住院规则扣减的病例数", "cases that `readmission` of their method cut", _POINTS, "the page halves the earlier points after 15 days; window and share are those of the document"),
    "split_stays": (
        "同一人员、机构、病组，前次出院后 15 天内再入院的病例数", "cases whose stay begins within 15 days after the one before it of the same person, institution and group", _SPLIT,
        "the page tells of windows of 7, 14 and 15 days and of no rule that holds everywhere; these pairs, whatever their treatment, are ybcore's own choice: they are to be looked at, no finding",
    ),
}  # fmt: skip


def indicator_notes(name: str) -> dict[str, str]:
    """formula_zh, formula, source (pages, or ybcore) and note of an indicator; empty for keys. They stand in the metadata of the columns too."""
    return dict(zip(("formula_zh", "formula", "source", "note"), _NOTES[name])) if name in _NOTES else {}


_2304, _3203 = "2304 setlinfo", "3203"
_NATIONAL = {
    **dict.fromkeys(("setl_id", "setl_time", "fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "act_pay_dedc", "psn_part_amt", "psn_cash_pay"), _2304),
    **dict.fromkeys(("medfee_sumamt", "acct_pay"), f"{_2304}, 3201, {_3203}"),
    "fund_pay_sumamt": f"{_2304}, 3201",
    "clr_type": f"{_2304}, 3201, {_3203}",
    "clr_way": f"{_2304}, {_3203}",
    "insutype": f"1101, {_2304}, 3201",
    **dict.fromkeys(("setlym", "psntime", "med_sumfee", "fund_appy_sum"), _3203),
    "cash_payamt": f"3202, {_3203}",
    **dict.fromkeys(("bydise_setl_payamt", "exct_item_fund_payamt"), "SETL_D"),
    **dict.fromkeys(("fixmedins_code", "fixmedins_name", "fixmedins_type", "hosp_lv"), "1201"),
    **dict.fromkeys(("psn_no", "insuplc_admdvs"), "1101"),
    "psn_type": f"1101, {_2304}",
    "age": f"1101, {_2304}",
    "med_type": f"2401, {_2304}",
    **dict.fromkeys(("dise_codg", "matn_type"), "2401"),
    "ipt_days": "MDTRT_D",
}  # fmt: skip
# The days from and to of a row are called so in the national catalogue tables; the days of a stay are called otherwise in 2401 and 2402.
_OF_TABLE = {(table, name): "1312" for table in ("groups", "institutions") for name in ("begndate", "enddate")}

_PLAIN = {"multiple", "coefficient", "weight"}
"""Held as prices are, and no money."""

GROUPS: dict[str, dict[str, Table]] = {
    "clearing": CLEARING_INPUTS,
    "cleared": {**CLEARING_OUTPUTS, "indicators": INDICATORS},
    "benefits": {"claims": CLAIMS, "benefits": RESULTS},
}


def source_of(table: str, column: str) -> str:
    """Which transaction or table of the national interface has the column; `ybcore` for a name of ours."""
    return _OF_TABLE.get((table, column)) or _NATIONAL.get(column, OWN)


def _unit(column: Column) -> tuple[str, str]:
    if column.name in _PLAIN:
        return "数值：百万分之一", "number: 1/1000000"
    if column.name == "points" or column.name == "review_points":
        return "点数：万分之一点", "points: 1/10000 of a point"
    if column.name == "value":
        return "点值：百万分之一元", "value of a point: 1/1000000 yuan"
    return KIND_UNITS[column.kind]


def rows(group: str) -> list[dict[str, str]]:
    """Every column of `clearing`, `cleared` or `benefits`: table, column, kind, required, default, source, zh, en, units."""
    out = []
    for table in GROUPS[group].values():
        for column in table.columns:
            zh, en = _unit(column)
            notes = indicator_notes(column.name) if table is INDICATORS else {}
            told = (f"：{notes['formula_zh']}", f": {notes['formula']}") if notes else ("", "")
            out.append(
                {
                    "table": table.name, "column": column.name, "kind": column.kind, "required": "yes" if column.required and not table.output else "",
                    "default": column.default, "source": notes.get("source", source_of(table.name, column.name)),
                    "zh": f"{column.zh}{told[0]}", "en": f"{column.en}{told[1]}", "unit_zh": zh, "unit_en": en,
                }
            )  # fmt: skip
    return out


def codes() -> Iterator[dict[str, str]]:
    """The words that columns hold: list, code, zh, en."""
    lists = {
        "clr_type": CLR_TYPES, "clr_way": CLR_WAYS, "outcome": OUTCOME_WORDS, "kind": KIND_WORDS, "pays": PAYS_WORDS, "formula": FORMULA_WORDS,
        "outcome of a benefit": {"paid": ("已核算", "paid"), "no_document": ("无适用文件", "no document"), "no_benefit": ("无适用待遇", "no benefit")},
    }  # fmt: skip
    for name, words in lists.items():
        for code, (zh, en) in words.items():
            yield {"list": name, "code": code, "zh": zh, "en": en}
