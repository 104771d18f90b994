"""The tables that clearing gives: names, kinds, words in two languages (docs/clearing.md section 3)."""

from __future__ import annotations

from ..columns.schema import Column as C
from ..columns.schema import Kind, Table

__all__ = ["CLEARING_OUTPUTS", "FORMULA_WORDS", "KIND_WORDS", "OUTCOME_WORDS", "PAYS_WORDS"]

_KEYS = (
    C("fixmedins_code", "id", zh="定点医药机构编号", en="institution"),
    C("insutype", "code", zh="险种类型", en="scheme type"),
    C("clr_type", "code", zh="清算类别", en="clearing category"),
    C("document", "code", zh="清算文件", en="document"),
    C("method", "code", zh="支付方法", en="method"),
    C("clr_way", "code", zh="清算方式", en="way of clearing"),
)


def _numbers(*rows: tuple[str, Kind, str, str]) -> tuple[C, ...]:
    return tuple(C(name, kind, zh=zh, en=en, negative=True) for name, kind, zh, en in rows)


_SUMS = _numbers(
    ("psntime", "number", "人次", "cases"),
    ("held_cases", "number", "暂缓病例", "held cases"),
    ("points", "quantity", "点数", "points"),
    ("standard", "sum", "支付标准", "standard"),
    ("medfee_sumamt", "sum", "医疗费总额", "total fee"),
    ("med_sumfee", "sum", "医保认可费用", "recognised fee"),
    ("fund_appy_sum", "sum", "基金申报总额", "itemised fund"),
    ("cash_payamt", "sum", "现金支付", "cash"),
    ("acct_pay", "sum", "个人账户支付", "own accounts"),
    ("fund_pay_sumamt", "sum", "基金支付总额", "all funds"),
    ("bydise_setl_payamt", "sum", "按方法应付", "payment by method"),
)
_YEARS = _numbers(
    ("target", "sum", "目标额", "target"),
    ("counted", "sum", "计入费用", "counted"),
    ("due", "sum", "应付", "due"),
    ("advanced", "sum", "已预付", "advanced"),
    ("deposit", "sum", "质量保证金", "deposit"),
    ("released", "sum", "返还保证金", "released"),
    ("held", "sum", "暂扣", "held back"),
    ("final", "sum", "年终清算", "final"),
    ("paid", "sum", "实付合计", "paid"),
    ("difference", "sum", "与按项目之差", "against itemised"),
)
_CASES = Table(
    "cases",
    "病例",
    "cases",
    (
        C("setl_id", "id", zh="结算ID", en="settlement"),
        *_KEYS[3:],
        C("group_code", "code", zh="病组编码", en="group"),
        C("outcome", "code", zh="结果", en="outcome"),
        C("kind", "code", zh="病例类型", en="kind"),
        *_numbers(
            ("multiple", "price", "倍率", "multiple"),
            ("coefficient", "price", "系数", "coefficient"),
            ("points", "quantity", "点数", "points"),
            ("standard", "sum", "支付标准", "standard"),
            ("payment", "sum", "基金应付", "payment"),
            ("itemised", "sum", "按项目基金支付", "itemised fund"),
            ("difference", "sum", "差额", "difference"),
            ("high_edge", "sum", "高倍率界限", "high from"),
            ("readmission", "number", "重复住院", "readmission"),
        ),
    ),
    True,
)
CLEARING_OUTPUTS = {
    "cases": _CASES,
    "months": Table(
        "months",
        "月度",
        "months",
        (
            *_KEYS,
            C("setlym", "code", zh="清算年月", en="month"),
            *_SUMS,
            *_numbers(("advance", "sum", "预付", "advance")),
        ),
        True,
    ),
    "years": Table(
        "years", "年度", "years", (*_KEYS, C("year", "number", zh="年度", en="year"), *_SUMS, *_YEARS), True
    ),
    "pools": Table(
        "pools",
        "预算",
        "pools",
        (
            _KEYS[3],
            C("pool", "code", zh="预算", en="pool"),
            C("period", "code", zh="期间", en="period"),
            *_numbers(
                ("budget", "sum", "预算额", "budget"),
                ("cases", "number", "病例数", "cases"),
                ("points", "quantity", "总点数", "points"),
                ("reserve", "sum", "预留", "reserve"),
                ("first_charges", "sum", "先行支付", "first charges"),
                ("adds", "sum", "个人及其他负担", "patients and others"),
                ("shared", "sum", "可分配额", "to share"),
                ("value", "price", "点值（元）", "value of a point (yuan)"),
                ("standard", "sum", "标准合计", "standards"),
            ),
        ),
        True,
    ),
    "balances": Table(
        "balances",
        "平衡",
        "balances",
        (
            _KEYS[3],
            C("pool", "code", zh="预算", en="pool"),
            C("year", "number", zh="年度", en="year"),
            *_numbers(
                ("budget", "sum", "预算额", "budget"),
                ("reserve", "sum", "预留", "reserve"),
                ("paid", "sum", "实付", "paid"),
                ("held", "sum", "暂扣", "held back"),
                ("unspent", "sum", "结余", "unspent"),
            ),
        ),
        True,
    ),
}

KIND_WORDS = {
    "normal": ("正常", "normal"),
    "low": ("低倍率", "low"),
    "high": ("高倍率", "high"),
    "extreme": ("极高", "extreme"),
    "incomplete": ("不完整住院", "broken off"),
    "ungrouped": ("未入组", "ungrouped"),
    "reviewed": ("特病单议", "reviewed"),
}
OUTCOME_WORDS = {
    "paid": ("已核算", "paid"),
    "held": ("暂缓支付", "held"),
    "institution": ("按机构支付", "paid by institution"),
    "no_document": ("无适用文件", "no document"),
    "no_method": ("无适用方法", "no method"),
}
PAYS_WORDS = {
    "item": ("按项目", "by item"),
    "case": ("按病例", "by case"),
    "days": ("按床日", "by day"),
    "points": ("按点数", "by points"),
    "heads": ("按人头", "by heads"),
    "budget": ("总额", "by budget"),
}
FORMULA_WORDS = {
    "whole": ("标准全额", "the standard"),
    "policy_share": ("（标准－全自费－先自付－起付线）×比例", "(standard - self-paid - first-pay - deductible) x rate"),
    "less_patient": ("标准－个人负担－其他基金", "standard - patient - other funds"),
    "cap_times_rate": ("（标准－全自费）×比例", "(standard - self-paid) x rate"),
    "lesser": ("标准与按项目支付的较小者", "the lesser of standard and itemised fund"),
}
