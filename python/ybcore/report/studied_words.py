"""What the columns of a study are called, and what kind of figure each holds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ..messages import INSUTYPES, LEVELS, MED_TYPES, NATURES, PAYERS, PSN_TYPES, Words, name_of, say, yuan_text

__all__ = ["category", "column", "width_of"]

SEXES: Words = {"1": ("男", "men"), "2": ("女", "women")}
_CODES: dict[str, Words] = {
    "dedc_hosp_lv": LEVELS,
    "hosp_lv": LEVELS,
    "insutype": INSUTYPES,
    "med_type": MED_TYPES,
    "psn_type": PSN_TYPES,
    "gend": SEXES,
}
_KEYS: Words = {
    "dedc_hosp_lv": ("医院等级", "level of hospital"),
    "hosp_lv": ("医院等级", "level of hospital"),
    "insutype": ("险种", "scheme"),
    "med_type": ("医疗类别", "kind of visit"),
    "psn_type": ("人员类别", "kind of person"),
    "gend": ("性别", "sex"),
    "income_decile": ("收入十分位", "income decile"),
    "age_band": ("年龄", "age"),
    "psn_idet_type": ("特殊人群", "special population"),
}
_INTERVAL: Words = {"_se": ("标准误", "standard error"), "_low": ("区间下限", "from"), "_high": ("区间上限", "to")}
_KINDS: dict[str, tuple[str, str, str]] = {
    "policy": ("政策", "policy", "text"),
    "visits": ("结算笔数", "visits", "count"),
    "persons": ("人数", "persons", "count"),
    "fund_share": ("实际报销比例", "effective rate", "share"),
    "scope_rate": ("政策范围内报销比例", "rate inside the scope", "share"),
    "cash_share": ("现金占总费用", "cash, of the whole bill", "share"),
    "units": ("权数合计", "sum of weights", "count"),
    "total": ("合计（元）", "total (yuan)", "money"),
    "mean": ("均值（元）", "mean (yuan)", "money"),
    "largest": ("最高（元）", "largest (yuan)", "money"),
    "H": ("发生率", "headcount", "share"),
    "O": ("平均超出", "mean overshoot", "share"),
    "O_per_case": ("每例超出", "overshoot a case", "share"),
    "poor_before": ("支付前贫困率", "poor before", "share"),
    "poor_after": ("支付后贫困率", "poor after", "share"),
    "impoverished": ("因病致贫率", "made poor", "share"),
    "gap_before": ("支付前贫困差距", "poverty gap before", "share"),
    "gap_after": ("支付后贫困差距", "poverty gap after", "share"),
    "payments": ("支付", "payments", "text"),
    "gini": ("收入基尼系数", "Gini of income", "index"),
    "concentration": ("集中指数", "concentration", "index"),
    "kakwani": ("Kakwani 指数", "Kakwani", "index"),
    "less": ("负担减轻", "pay less", "count"),
    "same": ("不变", "pay the same", "count"),
    "more": ("负担加重", "pay more", "count"),
    "gained": ("减轻合计（元）", "gained (yuan)", "money"),
    "lost": ("加重合计（元）", "lost (yuan)", "money"),
    "net_gain": ("净减轻（元）", "net gain (yuan)", "money"),
    "scenario": ("情景", "scenario", "text"),
    "scheme": ("制度", "scheme", "text"),
    "year": ("年份", "year", "year"),
    "contributions_employer": ("单位缴费（元）", "employers (yuan)", "money"),
    "contributions_person": ("个人缴费（元）", "persons (yuan)", "money"),
    "subsidy": ("财政补助（元）", "subsidy (yuan)", "money"),
    "account_credit": ("划入个人账户（元）", "to accounts (yuan)", "money"),
    "interest": ("利息（元）", "interest (yuan)", "money"),
    "income": ("基金收入（元）", "income (yuan)", "money"),
    "spending": ("基金支出（元）", "spending (yuan)", "money"),
    "balance_open": ("年初结余（元）", "opening balance (yuan)", "money"),
    "balance_close": ("年末结余（元）", "closing balance (yuan)", "money"),
    "reserve_months": ("可支付月数", "months of reserve", "number"),
    "sound": ("在合理区间", "sound", "text"),
    "reform": ("改革", "reform", "text"),
    "part": ("次序", "place", "count"),
    "policy_id": ("政策文件", "document", "text"),
    "path": ("位置", "path", "text"),
    "from": ("生效日", "from", "text"),
    "unit": ("单位", "unit", "text"),
    "before": ("改前", "before", "text"),
    "after": ("改后", "after", "text"),
    "cite": ("条款", "clause", "text"),
    "visits_read": ("涉及结算笔数", "visits that read it", "count"),
    "measure": ("指标", "measure", "text"),
    "exact": ("精确值", "exact", "text"),
    "value": ("数值", "value", "number"),
    "amount_fen": ("金额（元）", "amount (yuan)", "money"),
    "target": ("求解", "target", "text"),
    "on": ("在此政策上", "on", "text"),
    "knob": ("参数", "knob", "text"),
    "goal": ("目标（精确值）", "goal (exact)", "text"),
    "without": ("不动该参数时（精确值）", "without the knob (exact)", "text"),
    "monotone": ("单调性", "monotone", "text"),
    "low": ("较低值", "lower value", "number"),
    "high": ("较高值", "higher value", "number"),
    "at_low": ("较低值处（精确值）", "at the lower (exact)", "text"),
    "at_high": ("较高值处（精确值）", "at the higher (exact)", "text"),
}


def column(name: str, sample: Any = None) -> tuple[str, str]:
    """(title, kind of cell) of a column; `sample`: one of its values, which decides where the name says nothing."""
    for ending, told in _INTERVAL.items():
        if name.endswith(ending) and column(name.removesuffix(ending), sample)[0] != name.removesuffix(ending):
            title, kind = column(name.removesuffix(ending), sample)
            return f"{title}{say('，', ', ')}{say(*told)}", kind
    if name in _KINDS:
        zh, en, kind = _KINDS[name]
        return say(zh, en), kind
    if name in _KEYS:
        return say(*_KEYS[name]), "text"
    for words in (PAYERS, NATURES):
        if name in words:
            return say(f"{words[name][0]}（元）", f"{words[name][1]} (yuan)"), "money"
    if name.startswith("above_"):
        yuan = yuan_text(int(name.removeprefix("above_"))).removesuffix(".00")
        return say(f"超过 {yuan} 元的占比", f"above {yuan} yuan"), "share"
    if name.startswith("q") and name[1:].replace(".", "").isdigit():
        part = f"{Decimal(name[1:]) * 100:f}".rstrip("0").rstrip(".") if "." in name else name[1:]
        return say(f"第 {part} 百分位（元）", f"quantile {part}% (yuan)"), "money"
    return name, "number" if isinstance(sample, (float, Decimal)) else "count" if isinstance(sample, int) else "text"


def category(name: str, value: Any) -> str:
    """A value of a column that tells groups apart, in words."""
    if value is None:
        return say("（无）", "(none)")
    if name == "income_decile":
        ends = {1: say("（最低）", " (lowest)"), 10: say("（最高）", " (highest)")}
        return f"{value}{ends.get(value, '')}"
    return name_of(_CODES[name], str(value)) if name in _CODES else str(value)


def width_of(title: str, kind: str) -> int:
    """Width of a column in a workbook."""
    wide = sum(2 if ord(letter) > 255 else 1 for letter in title) + 2
    return max(wide, {"money": 16, "text": 18}.get(kind, 11))
