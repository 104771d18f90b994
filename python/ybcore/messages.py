"""Words for people, Chinese and English: codes, reasons, columns. Nothing here is read by the engine.

A word is a pair (Chinese, English); `say` gives the one of the language in use. The language is that of `--lang`, else of LANG,
else Chinese.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar

__all__ = ["LANGUAGES", "current", "from_environment", "in_language", "name_of", "say", "speaking", "use", "yuan_text"]

LANGUAGES = ("zh", "en")
_language: ContextVar[str] = ContextVar("language", default="zh")


def from_environment() -> str:
    """`en` when LC_ALL, LC_MESSAGES or LANG names English; Chinese otherwise, also when they say nothing."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "en" if value.lower().startswith("en") else "zh"
    return "zh"


def use(language: str) -> None:
    """Choose the language of everything said from now on; ValueError for one we do not speak."""
    if language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}, not {language!r}")
    _language.set(language)


def current() -> str:
    """The language in use."""
    return _language.get()


def in_language(text: str, language: str | None = None) -> str:
    """A document's text that is written `中文 / English`, in a language or in that in use; another as it is."""
    zh, slash, en = text.partition(" / ")
    latin = sum(letter.isascii() and letter.isalpha() for letter in en)
    if not slash or zh.isascii() or latin <= sum(not letter.isascii() for letter in en):
        return text
    return en if (language or current()) == "en" else zh


@contextlib.contextmanager
def speaking(language: str | None) -> Iterator[None]:
    """Another language for a while (None: the one in use); ValueError for one we do not speak."""
    before = _language.get()
    use(before if language is None else language)
    try:
        yield
    finally:
        _language.set(before)


def say(zh: str, en: str) -> str:
    """The text in the language in use."""
    return zh if _language.get() == "zh" else en


Words = dict[str, tuple[str, str]]

OUTCOMES: Words = {
    "settled": ("已结算", "settled"),
    "no_benefit": ("无待遇", "no benefit"),
    "not_enrolled": ("未参保", "not enrolled"),
    "rejected": ("拒收", "rejected"),
}

REASONS: Words = {
    "bad_value": ("必填项缺失或数值越界", "a required value is missing or out of range"),
    "duplicate_setl_id": ("结算ID重复", "the settlement id was there before"),
    "unknown_person": ("参保人员表中无此人", "no row for this person"),
    "no_policy": ("当日无适用政策文件", "no document holds for this scheme, place and day"),
    "bad_split": ("费用构成之和不等于总额", "the natures do not add up to the total"),
    "negative_bucket": ("冲减后某项费用为负", "a nature is below zero once lines are netted"),
    "missing_value": ("政策所需字段为空", "a field that the document computes with is empty"),
    "no_figure": ("政策文件中没有适用的数值", "the document has no figure for this case"),
    "overflow": ("累计数值超出可表示范围", "an accumulated amount is larger than can be held"),
    "unknown_original": ("找不到原结算", "the settlement to reverse is unknown"),
    "other_person": ("原结算属于他人", "the settlement to reverse is another person's"),
    "reversal_of_reversal": ("不能冲销冲销单", "a reversal cannot be reversed"),
    "reversal_before_original": ("冲销早于原结算", "the reversal comes before its original"),
    "original_not_settled": ("原结算未成功", "the original was not settled"),
    "already_reversed": ("原结算已冲销", "the original was reversed before"),
}

LINE_REASONS: Words = {
    "denied": ("审核扣款", "denied by a check"),
    "not_approved": ("医院审批不通过", "not approved by the hospital"),
    "unknown_item": ("目录中无此项目", "no catalogue row for the item on that day"),
    "class_c": ("丙类", "class C"),
    "no_ratio": ("乙类但无先自付比例，按零计", "class B without a ratio; zero was used"),
}

FLAGS: dict[int, tuple[str, str, str]] = {
    1: ("assumed", "用到了标为假定的数值", "a figure marked as assumed was read"),
    2: ("not_modelled", "触及政策文件声明未建模的情形", "the case is one that the document says it does not model"),
    4: ("unknown_institution", "机构不在机构表中", "the institution is not in the table"),
    8: ("unknown_item", "有目录外项目的明细", "a line's item is not in the catalogue"),
    16: ("price_mismatch", "有明细金额与数量乘单价不符", "a line's amount is not quantity times price"),
}

INSUTYPES: Words = {
    "310": ("职工医保", "employee"),
    "320": ("公务员补助", "civil servant"),
    "340": ("离休", "retired cadres"),
    "380": ("新农合", "rural"),
    "390": ("居民医保", "resident"),
    "391": ("城镇居民", "urban resident"),
}

MED_TYPES: Words = {
    "11": ("普通门诊", "outpatient"),
    "12": ("门诊挂号", "registration"),
    "13": ("急诊", "emergency"),
    "14": ("门诊慢特病", "chronic outpatient"),
    "21": ("普通住院", "inpatient"),
    "22": ("外伤住院", "injury inpatient"),
    "23": ("转外住院", "transferred inpatient"),
    "24": ("急诊转住院", "emergency inpatient"),
    "41": ("药店购药", "pharmacy"),
    "51": ("生育门诊", "maternity outpatient"),
    "52": ("生育住院", "maternity inpatient"),
    "53": ("计划生育手术", "family planning"),
    "91": ("其他门诊", "other outpatient"),
    "92": ("其他住院", "other inpatient"),
    "93": ("其他购药", "other purchase"),
}

PSN_TYPES: Words = {
    "11": ("在职", "working"),
    "12": ("退休", "retired"),
    "13": ("离休", "retired cadre"),
    "14": ("居民（未成年）", "resident, minor"),
    "15": ("居民（成年）", "resident, adult"),
    "16": ("居民（老年）", "resident, elderly"),
}

LEVELS: Words = {
    "3": ("三级", "level 3"),
    "2": ("二级", "level 2"),
    "1": ("一级", "level 1"),
    "0": ("未定级", "no level"),
}

PAYERS: Words = {
    "hifp_pay": ("基本医疗统筹基金", "basic pool"),
    "cvlserv_pay": ("公务员医疗补助", "civil-servant supplement"),
    "hifes_pay": ("企业补充医疗保险", "enterprise supplement"),
    "hifmi_pay": ("居民大病保险", "critical illness"),
    "hifob_pay": ("职工大额补助", "large amount"),
    "hifdm_pay": ("伤残人员医疗保障", "disabled servicemen"),
    "maf_pay": ("医疗救助基金", "medical assistance"),
    "oth_pay": ("其他基金", "other funds"),
    "fund_pay_sumamt": ("基金支付总额", "all funds"),
    "hosp_part_amt": ("医院负担", "hospital"),
    "psn_part_amt": ("个人负担总额", "the person"),
    "acct_pay": ("个人账户", "own account"),
    "acct_mulaid_pay": ("共济账户", "mutual-aid account"),
    "psn_cash_pay": ("个人现金", "cash"),
}

BUCKETS: Words = {
    "full_self_pay": ("全自费", "full self-pay"),
    "over_limit": ("超限价自费", "over the price cap"),
    "first_pay": ("先行自付", "first self-pay"),
    "in_scope": ("政策范围内", "in scope"),
    "direct": ("直接报销", "direct"),
    "deductible": ("起付线", "deductible"),
    "copay": ("共付自付", "copay"),
    "over_ceiling": ("封顶线以上", "over the ceiling"),
}

NATURES: Words = {
    "fulamt_ownpay_amt": ("全自费", "full self-pay"),
    "overlmt_selfpay": ("超限价自费", "over the price cap"),
    "preselfpay_amt": ("先行自付", "first self-pay"),
    "inscp_scp_amt": ("政策范围内", "in scope"),
    "medfee_sumamt": ("医疗费总额", "total"),
}

KINDS: Words = {
    "id": ("标识：文本或整数", "id: text or integer"),
    "code": ("代码：文本，前导零有意义", "code: text, leading zeros matter"),
    "flag": ("标志：0/1", "flag: 0/1"),
    "date": ("日期：date32 或 YYYY-MM-DD", "date: date32 or YYYY-MM-DD"),
    "time": ("时间：日期或时间戳", "time: date or timestamp"),
    "money": ("金额：int64 分；文件中可写元", "money: int64 fen; yuan in files"),
    "sum": ("总额：int64 分；文件中可写元", "sum: int64 fen; yuan in files"),
    "rate": ("比例：百万分之一；文件中可写小数", "rate: millionths; fractions in files"),
    "quantity": ("数量：万分之一", "quantity: 1/10000"),
    "price": ("单价：百万分之一元", "price: 1/1000000 yuan"),
    "count": ("整数", "whole number"),
    "number": ("大整数", "large whole number"),
    "text": ("文本", "text"),
}

LAYER_KINDS: Words = {
    "share": ("按比例", "share"),
    "fixed": ("定额", "fixed amount"),
    "per_day": ("按床日", "per day"),
    "package": ("包干", "package"),
    "floor": ("保底", "floor"),
    "given": ("已付", "given"),
    "acct": ("个人账户", "account"),
}


CHANGES: Words = {
    "late_claims": ("迟报结算", "late claims"),
    "refunds": ("退费", "refunds"),
    "denied_lines": ("拒付明细", "denied lines"),
    "struck_off": ("医师停止支付", "doctors struck off"),
    "persons": ("人员信息更正", "persons corrected"),
    "institutions": ("机构信息更正", "institutions corrected"),
    "reordered": ("结算时间更正", "settling times corrected"),
    "policy": ("政策更正", "policy corrected"),
    "catalog": ("目录更正", "catalogue corrected"),
}

CAUSES: Words = {
    "late_claim": ("迟报", "late claim"),
    "refund": ("退费", "refund"),
    "denied_line": ("拒付明细", "denied line"),
    "eligibility_change": ("资格变更", "eligibility change"),
    "order_change": ("次序变更", "order change"),
    "parameter_change": ("政策参数变更", "parameter change"),
    "catalog_change": ("目录变更", "catalogue change"),
    "knock_on": ("受先前变更牵动", "knock-on"),
}

ORDERS: Words = {
    "settlement": ("按结算时间", "by time of settlement"),
    "discharge": ("按出院日期", "by day of discharge"),
}

DISPOSITIONS: Words = {
    "hold": ("退回更正", "hold"),
    "deny": ("拒付", "deny"),
    "suspect": ("疑点", "suspect"),
    "warn": ("提醒", "warn"),
    "monitor": ("监测", "monitor"),
}

RULE_STATES: Words = {"run": ("运行", "run"), "skipped": ("跳过", "skipped"), "disabled": ("停用", "disabled")}

SEVERITIES: dict[int, tuple[str, str]] = {
    1: ("明确违规", "clear violation"),
    2: ("高度可疑", "highly suspect"),
    3: ("轻度可疑", "slightly suspect"),
}

AMOUNT_RULES: Words = {
    "whole_line": ("整条明细", "the whole line"),
    "excess_qty": ("超出数量", "the excess quantity"),
    "price_diff": ("差价", "the difference in price"),
    "whole_day": ("当日全部", "the whole day"),
    "visit_total": ("整次就诊", "the whole visit"),
    "none": ("无金额", "no money"),
}


def name_of(words: Words, code: str, length: int | None = None) -> str:
    """`code name`, or the code alone when it is not one we know; `length` digits decide."""
    pair = words.get(code if length is None else code[:length])
    return say(*pair) if pair else (code or "—")


def yuan_text(fen: int, grouped: bool = True) -> str:
    """1234567 fen → `12,345.67`; no float is made."""
    whole, rest = divmod(abs(int(fen)), 100)
    sign = "-" if fen < 0 else ""
    return f"{sign}{whole:,}.{rest:02d}" if grouped else f"{sign}{whole}.{rest:02d}"
