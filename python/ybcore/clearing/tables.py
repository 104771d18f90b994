"""The tables that clearing reads and gives: names, kinds, units. The contract is docs/clearing.md sections 1 and 3."""

from __future__ import annotations

from ..columns.schema import INSTITUTIONS, VISITS, Table
from ..columns.schema import Column as C

__all__ = ["CLAIMS", "CLEARING_INPUTS", "MONEY"]


def _money(name: str, zh: str, en: str, required: bool = False) -> C:
    return C(name, "money", required, zh=zh, en=en, negative=True)


CASES = Table(
    "cases",
    "病例",
    "settled cases",
    (
        *VISITS.some("setl_id"),
        *VISITS.some("fixmedins_code", required=True),
        C("setl_time", "date", True, zh="结算日期", en="day that decides document, month and year"),
        *VISITS.some("insutype", required=True),
        C("clr_type", "code", default="21", zh="清算类别", en="clearing category"),
        *VISITS.some("insuplc_admdvs"),
        *VISITS.some("med_type", required=False),
        *VISITS.some("psn_type"),
        *VISITS.some("psn_no", required=False),
        C("begndate", "date", zh="入院日期", en="admission"),
        C("enddate", "date", zh="出院日期", en="discharge"),
        *VISITS.some("ipt_days"),
        C("age", "count", zh="年龄", en="age in years"),
        C("group_code", "code", zh="病组编码", en="group that a grouper gave"),
        C("treatment", "code", zh="治疗方式", en="what may exempt a readmission"),
        *VISITS.some("dise_codg"),
        C("hosp_lv", "code", default="of the institution", zh="医院等级", en="hospital grade"),
        C("cmpl_flag", "flag", default="1", zh="完整住院标志", en="0: the stay was broken off"),
        _money("medfee_sumamt", "医疗费总额", "total", True),
        *VISITS.some("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt"),
        _money("act_pay_dedc", "起付线", "deductible paid"),
        _money("fund_pay_sumamt", "基金支付总额", "all funds, by item", True),
        _money("oth_fund_amt", "其他基金支付", "of it other funds than the one that clears"),
        _money("psn_part_amt", "个人负担总额", "what the patient paid"),
        _money("psn_cash_pay", "个人现金", "cash"),
        _money("acct_pay", "个人账户", "own account"),
        _money("exct_item_amt", "除外项目费用", "cost of carved-out items"),
        _money("exct_item_fund_payamt", "除外项目基金支付", "what the fund paid of them"),
        C("fund_rate", "rate", zh="政策报销比例", en="the case's own rate"),
        C("review_points", "quantity", zh="评审点数", en="points that experts gave"),
        _money("review_amt", "评审金额", "standard that experts gave"),
    ),
)

GROUPS = Table(
    "groups",
    "病组",
    "groups, dated, by grade of hospital or for all",
    (
        C("group_code", "code", True, zh="病组编码", en="group"),
        *INSTITUTIONS.some("begndate", "enddate"),
        C("hosp_lv", "code", zh="医院等级", en="hospital grade; empty: all"),
        C("points", "quantity", zh="基准点数", en="points of a case or day"),
        C("weight", "price", zh="权重", en="relative weight"),
        C("mean_amt", "money", zh="例均费用", en="mean fee"),
        C("amount", "money", zh="付费标准", en="price of a case or day"),
        C("bed_day", "flag", default="0", zh="床日标志", en="1: the row is by day"),
        C("mean_days", "quantity", zh="平均住院日", en="mean days"),
    ),
)

CLEARING_INSTITUTIONS = Table(
    "institutions",
    "机构",
    "institutions, dated",
    (
        *INSTITUTIONS.some("fixmedins_code", "begndate", "enddate", "hosp_lv", "fixmedins_type"),
        C("tcm_flag", "code", zh="中医医院标志", en="TCM hospital"),
        C("fixmedins_name", "code", zh="机构名称", en="name"),
    ),
)

BUDGETS = Table(
    "budgets",
    "预算",
    "budgets of pools",
    (
        C("pool", "code", True, zh="预算", en="pool"),
        C("period", "code", True, zh="期间", en="2024 or 2024-03"),
        C("budget", "sum", True, zh="预算额", en="budget"),
    ),
)

QUOTAS = Table(
    "quotas",
    "定额",
    "what institutions have for a year",
    (
        *INSTITUTIONS.some("fixmedins_code"),
        C("insutype", "code", zh="险种类型", en="scheme type; empty: any"),
        C("clr_type", "code", zh="清算类别", en="clearing category; empty: any"),
        C("year", "count", True, zh="年度", en="year"),
        C("budget", "sum", zh="预算额", en="budget"),
        C("heads", "number", zh="签约人数", en="heads"),
        C("score", "number", zh="考核得分", en="score"),
        C("opt_psntime", "number", zh="门诊人次", en="outpatient visits"),
    ),
)

CLAIMS = Table(
    "claims",
    "津贴申请",
    "claims of cash benefits",
    (
        C("claim_id", "id", True, zh="申请编号", en="claim"),
        *VISITS.some("psn_no", required=False),
        C("event_date", "date", True, zh="事件日期", en="day"),
        *VISITS.some("insutype", required=True),
        *VISITS.some("insuplc_admdvs"),
        C("monthly_base", "money", True, zh="月基数", en="monthly base"),
        C("days", "quantity", zh="天数", en="days"),
        C("months", "quantity", zh="月数", en="months"),
        C("births", "count", default="1", zh="胎儿数", en="children"),
        C("difficult", "code", default="0", zh="难产标志", en="difficult birth"),
        C("matn_type", "code", zh="生育类别", en="kind of birth"),
    ),
)

MONEY = (
    "medfee_sumamt", "fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "act_pay_dedc", "fund_pay_sumamt", "oth_fund_amt",
    "psn_part_amt", "psn_cash_pay", "acct_pay", "exct_item_amt", "exct_item_fund_payamt",
)  # fmt: skip
"""Columns of cases that are amounts, in the order in which the kernel takes them."""

CLEARING_INPUTS = {table.name: table for table in (CASES, GROUPS, CLEARING_INSTITUTIONS, BUDGETS, QUOTAS)}
