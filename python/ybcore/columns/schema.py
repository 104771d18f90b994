"""The national tables as typed schemas: one description for validation, CSV reading, ``describe`` and the docs.

Field names, codes and precisions are those of the national platform's interface tables (1101, 1201, 2204, 2301, 2304, 1312,
1317, 1318) and of its settlement record; the contract in words is docs/inputs.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

Kind = Literal[
    "id", "code", "flag", "date", "time", "money", "sum", "rate", "quantity", "price", "count", "number", "text"
]

#: What each kind of column accepts, and what it is held as.
KINDS: dict[str, str] = {
    "id": "text or integer; compared as bytes (integers as numbers)",
    "code": "text (plain or dictionary); leading zeros matter",
    "flag": "text, integer or boolean 0/1",
    "date": "date32, timestamp, YYYY-MM-DD text, or int32 days since 1970-01-01",
    "time": "date, timestamp, or YYYY-MM-DD[ HH:MM:SS] text; held to the microsecond",
    "money": "int64 fen, decimal yuan, or yuan text with at most 2 decimals",
    "sum": "int64 fen, decimal yuan, or yuan text with at most 2 decimals; for budgets",
    "rate": "integer ppm (millionths), decimal fraction, or text fraction with at most 6 decimals",
    "quantity": "integer 1/10000, decimal, or text with at most 4 decimals",
    "price": "integer 1/1000000 yuan, decimal yuan, or yuan text with at most 6 decimals",
    "count": "integer, or text of an integer",
    "number": "integer, or text of an integer; for large numbers",
    "text": "text; kept, never compared",
}

#: Decimals of the unit that an integer of each exact kind counts.
SCALES: dict[str, int] = {"money": 2, "sum": 2, "rate": 6, "quantity": 4, "price": 6, "count": 0, "number": 0}

#: Greatest absolute value of one cell, in held units: a thousand million yuan, and the field widths of the interface.
LIMITS: dict[str, int] = {
    "money": 10**11, "sum": 10**14, "rate": 10**6, "quantity": 10**12, "price": 10**14, "count": 10**6, "number": 10**9,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its national name, kind, whether it must be there, and what a missing value means."""

    name: str
    kind: Kind
    required: bool = False
    default: str = ""
    zh: str = ""
    en: str = ""
    negative: bool = False
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns in order. ``columns_by_name`` finds one; ``with_columns`` adds declared ones."""

    name: str
    zh: str
    en: str
    columns: tuple[Column, ...]
    output: bool = False
    _index: dict[str, Column] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        for column in self.columns:
            self._index[column.name] = column
            for other in column.also:
                self._index[other] = column

    def find(self, name: str) -> Column | None:
        """The column of this name or of one of its other names (upper or lower case)."""
        return self._index.get(name) or self._index.get(name.lower())

    def some(self, *names: str, required: bool | None = None) -> tuple[Column, ...]:
        """The columns of these names for another table, which may (not) require them. Raises KeyError."""
        held = [self._index[name] for name in names]
        return tuple(held if required is None else (replace(column, required=required) for column in held))

    def with_columns(self, extra: list[Column]) -> Table:
        """The same table with more columns; a name it already has is left as it is."""
        new = [column for column in extra if self.find(column.name) is None]
        return Table(self.name, self.zh, self.en, (*self.columns, *new), self.output)


C = Column

PERSON_ATTRIBUTES = (
    C("psn_idet_type", "code", zh="人员身份类别", en="special identity"),
    C("cvlserv_flag", "code", default="0", zh="公务员标志", en="civil servant"),
    C("cvlserv_lv", "code", zh="公务员等级", en="civil-servant level"),
    C("clct_grde", "code", zh="缴费档次", en="contribution grade"),
    C("cum_clct_mons", "count", zh="累计缴费月数", en="months contributed"),
    C("gend", "code", zh="性别", en="gender"),
    C("brdy", "date", zh="出生日期", en="birth date"),
    C("hsld_no", "id", zh="家庭编号", en="household"),
    C("hsld_size", "count", zh="家庭人数", en="members of the household"),
    C("wage", "money", zh="缴费工资", en="wage, a year"),
    C("balc", "money", zh="账户余额", en="account balance"),
    C("mulaid_psn_no", "id", zh="共济人编号", en="whose account pays after one's own"),
    C("insuplc_admdvs", "code", zh="参保地医保区划", en="insured place"),
)

INSTITUTION_ATTRIBUTES = (
    C("hosp_lv", "code", zh="医院等级", en="hospital grade"),
    C("dedc_hosp_lv", "code", default="from hosp_lv", zh="起付线医院等级", en="level for the deductible"),
    C("lmtpric_hosp_lv", "code", default="from hosp_lv", zh="限价医院等级", en="level for price caps"),
    C("fixmedins_type", "code", zh="定点机构类型", en="kind of institution"),
    C("tcm_flag", "code", default="0", zh="中医医院标志", en="TCM hospital"),
    C("mdtrtarea_admvs", "code", zh="就医地医保区划", en="place of treatment"),
)

NATURES = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
NATURE_BUCKETS = ("full_self_pay", "over_limit", "first_pay", "in_scope")
FUNDS = ("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "hifdm_pay", "maf_pay", "oth_pay")
PAYERS = (*FUNDS, "hosp_part_amt")

VISITS = Table(
    "visits",
    "结算",
    "settlements to be made, one row each",
    (
        C("setl_id", "id", True, zh="结算ID", en="settlement"),
        C("psn_no", "id", True, zh="人员编号", en="person"),
        C("mdtrt_id", "id", default="setl_id", zh="就诊ID", en="stay"),
        C("insutype", "code", zh="险种类型", en="scheme type"),
        C("psn_type", "code", zh="人员类别", en="person category"),
        C("med_type", "code", True, zh="医疗类别", en="kind of visit"),
        C("setl_time", "time", True, zh="结算时间", en="settlement time"),
        C("begndate", "date", default="date of setl_time", zh="开始日期", en="admission", also=("begntime",)),
        C("enddate", "date", default="date of setl_time", zh="结束日期", en="discharge", also=("endtime",)),
        C("ipt_days", "count", default="max(1, enddate - begndate)", zh="住院天数", en="days of stay"),
        C("fixmedins_code", "id", zh="定点医药机构编号", en="institution"),
        C(
            "place",
            "code",
            default="local",
            zh="就医地",
            en="local|registered|referred|unregistered|emergency|other_province",
        ),
        C("rloc_type", "code", default="1", zh="异地类别", en="1 local, 2 same province, 3 other"),
        C("dise_codg", "code", zh="病种编码", en="disease programme"),
        C("day_surgery", "code", default="0", zh="日间手术", en="day surgery"),
        C("refl_old_mdtrt_id", "id", zh="转诊前就诊ID", en="stay one was transferred from"),
        C("acct_used_flag", "flag", default="1", zh="个人账户使用标志", en="account may pay"),
        C("refd_setl_flag", "flag", default="0", zh="退费结算标志", en="reversal"),
        C("init_setl_id", "id", zh="原结算ID", en="settlement reversed"),
        C("medfee_sumamt", "money", default="sum of the natures", zh="医疗费总额", en="total", negative=True),
        C("fulamt_ownpay_amt", "money", zh="全自费金额", en="full self-pay", negative=True),
        C("overlmt_selfpay", "money", zh="超限价自费", en="over the price cap", negative=True),
        C("preselfpay_amt", "money", zh="先行自付", en="first self-pay", negative=True),
        C("inscp_scp_amt", "money", zh="符合政策范围", en="in scope", negative=True),
        C("direct_amt", "money", zh="直接报销部分", en="directly reimbursed part", negative=True),
        *(C(f"given_{payer}", "money", zh="已支付", en=f"already paid: {payer}") for payer in PAYERS),
        *PERSON_ATTRIBUTES,
        *INSTITUTION_ATTRIBUTES,
    ),
)

LINES = Table(
    "lines",
    "费用明细",
    "fee lines of the settlements",
    (
        C("setl_id", "id", default="line_offsets", zh="结算ID", en="settlement"),
        C("feedetl_sn", "id", zh="费用明细流水号", en="line"),
        C("init_feedetl_sn", "id", zh="原费用流水号", en="line that is returned; it may itself return one"),
        C("med_list_codg", "id", True, zh="医疗目录编码", en="catalogue item"),
        C("fee_ocur_time", "date", default="enddate of the visit", zh="费用发生时间", en="fee date"),
        C("cnt", "quantity", default="1", zh="数量", en="quantity", negative=True),
        C("pric", "price", zh="单价", en="unit price, only checked", negative=True),
        C("det_item_fee_sumamt", "money", True, zh="明细项目费用总额", en="amount", negative=True),
        C("hosp_appr_flag", "flag", zh="医院审批标志", en="2 = not approved, and with it lines that return it"),
        C("deny_flag", "flag", default="0", zh="拒付标志", en="1 = denied, and with it lines that return it"),
    ),
)

PERSONS = Table(
    "persons",
    "参保人员",
    "insured persons, dated",
    (
        C("psn_no", "id", True, zh="人员编号", en="person"),
        C("begndate", "date", default="always", zh="开始日期", en="valid from"),
        C("enddate", "date", default="open", zh="结束日期", en="valid before"),
        C("insutype", "code", True, zh="险种类型", en="scheme type"),
        C("psn_type", "code", True, zh="人员类别", en="person category"),
        *PERSON_ATTRIBUTES,
    ),
)

INSTITUTIONS = Table(
    "institutions",
    "定点医药机构",
    "institutions, dated",
    (
        C("fixmedins_code", "id", True, zh="定点医药机构编号", en="institution"),
        C("begndate", "date", default="always", zh="开始日期", en="valid from"),
        C("enddate", "date", default="open", zh="结束日期", en="valid before"),
        *INSTITUTION_ATTRIBUTES,
        C("fixmedins_name", "text", zh="定点医药机构名称", en="name"),
    ),
)

ACCT_EVENTS = Table(
    "acct_events",
    "个人账户变动",
    "account movements",
    (
        C("psn_no", "id", True, zh="人员编号", en="person"),
        C("event_date", "date", True, zh="日期", en="date"),
        C("kind", "code", True, zh="类别", en="add|set"),
        C("amount", "money", True, zh="金额", en="amount", negative=True),
    ),
)

_VALID = (
    C("insu_admdvs", "code", default="everywhere", zh="医保区划", en="place where the row holds"),
    C("begndate", "date", default="always", zh="开始日期", en="valid from"),
    C("enddate", "date", default="open", zh="结束日期", en="valid before"),
)

ITEMS = Table(
    "items",
    "医保目录",
    "catalogue items, dated",
    (
        C("med_list_codg", "id", True, zh="医疗目录编码", en="item"),
        *_VALID,
        C("chrgitm_lv", "code", True, zh="收费项目等级", en="class 01, 02 or 03"),
        C("selfpay_prop", "rate", zh="先自付比例", en="first-pay ratio of the item"),
        C("list_type", "code", zh="目录类别", en="kind of list"),
        C("med_chrgitm_type", "code", zh="医疗收费项目类别", en="charge head"),
        C("drt_reim_flag", "flag", default="0", zh="直接报销标志", en="the rest is paid directly"),
        C("tag", "code", zh="标签", en="tag"),
        C("name", "text", zh="名称", en="name"),
    ),
)

SELFPAY = Table(
    "selfpay",
    "目录先自付比例",
    "first-pay ratios, dated",
    (
        C("med_list_codg", "id", True, zh="医疗目录编码", en="item"),
        *_VALID,
        C("selfpay_prop_psn_type", "code", default="everybody", zh="自付比例人员类别", en="person category"),
        C("selfpay_prop", "rate", True, zh="先自付比例", en="ratio"),
    ),
)

CAPS = Table(
    "caps",
    "目录限价",
    "price caps, dated",
    (
        C("med_list_codg", "id", True, zh="医疗目录编码", en="item"),
        *_VALID,
        C("lmtpric_hosp_lv", "code", default="every level", zh="限价医院等级", en="price level"),
        C("hilist_pric_uplmt_amt", "price", True, zh="定价上限金额", en="cap for one unit"),
    ),
)

VISIT_OUTPUT = Table(
    "visits",
    "结算结果",
    "one row a settlement, in input order",
    (
        C("setl_id", "id", True, zh="结算ID", en="settlement"),
        C("psn_no", "id", True, zh="人员编号", en="person"),
        C("outcome", "code", True, zh="结果", en="settled|no_benefit|not_enrolled|rejected"),
        C("reason", "code", zh="原因", en="why it is not settled"),
        C(
            "flags",
            "count",
            True,
            zh="标记",
            en="1 assumed, 2 not_modelled, 4 unknown_institution, 8 unknown_item, 16 price_mismatch",
        ),
        C("policy_id", "code", zh="政策文件", en="document"),
        C("plan_id", "code", zh="待遇方案", en="plan"),
        C("medfee_sumamt", "money", True, zh="医疗费总额", en="total"),
        C("fulamt_ownpay_amt", "money", True, zh="全自费金额", en="full self-pay"),
        C("overlmt_selfpay", "money", True, zh="超限价自费", en="over the price cap"),
        C("preselfpay_amt", "money", True, zh="先行自付", en="first self-pay"),
        C("inscp_scp_amt", "money", True, zh="符合政策范围", en="in scope, with direct"),
        C("dedc_std", "money", True, zh="起付标准", en="deductible, as the rule gives it"),
        C("crt_dedc", "money", True, zh="本次起付线", en="deductible due"),
        C("act_pay_dedc", "money", True, zh="实际支付起付线", en="deductible taken"),
        C("pool_prop_selfpay", "rate", True, zh="统筹基金支付比例", en="rate of the basic layer, if one"),
        C("hifp_pay", "money", True, zh="统筹基金支出", en="basic pool"),
        C("cvlserv_pay", "money", True, zh="公务员医疗补助", en="civil-servant supplement"),
        C("hifes_pay", "money", True, zh="企业补充医疗保险", en="enterprise supplement"),
        C("hifmi_pay", "money", True, zh="居民大病保险", en="resident critical illness"),
        C("hifob_pay", "money", True, zh="职工大额补助", en="employee large amount"),
        C("hifdm_pay", "money", True, zh="伤残人员医疗保障", en="disabled servicemen"),
        C("maf_pay", "money", True, zh="医疗救助", en="medical assistance"),
        C("oth_pay", "money", True, zh="其他支出", en="other funds"),
        C("fund_pay_sumamt", "money", True, zh="基金支付总额", en="all funds"),
        C("hosp_part_amt", "money", True, zh="医院负担", en="borne by the hospital"),
        C("psn_part_amt", "money", True, zh="个人负担总额", en="borne by the person"),
        C("acct_pay", "money", True, zh="个人账户支出", en="own account"),
        C("acct_mulaid_pay", "money", True, zh="共济账户支出", en="mutual-aid account"),
        C("psn_cash_pay", "money", True, zh="个人现金支出", en="cash"),
        C("balc", "money", True, zh="余额", en="account balance after"),
        *(
            C(f"burden_{bucket}", "money", True, zh="负担", en=f"what the bucket {bucket} holds at the end")
            for bucket in (*NATURE_BUCKETS, "direct", "deductible", "copay", "over_ceiling")
        ),
        C("cut_fund", "money", True, zh="封顶线削减的基金", en="fund money cut by ceilings"),
        C("cut_expense", "money", True, zh="封顶线以上费用", en="expense cut by ceilings"),
    ),
    output=True,
)

LINE_OUTPUT = Table(
    "lines",
    "明细结果",
    "one row a fee line, in input order",
    (
        C("fulamt_ownpay_amt", "money", True, zh="全自费金额", en="full self-pay"),
        C("overlmt_amt", "money", True, zh="超限价金额", en="over the price cap"),
        C("preselfpay_amt", "money", True, zh="先行自付", en="first self-pay"),
        C("inscp_scp_amt", "money", True, zh="符合政策范围", en="in scope"),
        C("chrgitm_lv", "code", zh="收费项目等级", en="class that held"),
        C("selfpay_prop", "rate", zh="自付比例", en="catalogue ratio that held"),
        C("pric_uplmt_amt", "price", zh="定价上限", en="cap that held"),
        C("reason", "code", zh="原因", en="denied|not_approved|unknown_item|class_c|no_ratio"),
    ),
    output=True,
)

DETAIL_OUTPUT = Table(
    "detail",
    "分层结果",
    "one row a settlement and layer that ran",
    (
        C("setl_id", "id", True, zh="结算ID", en="settlement"),
        C("layer", "code", True, zh="层", en="layer"),
        C("payer", "code", True, zh="支付方", en="payer"),
        *(
            C(name, "money", True, zh="", en=text)
            for name, text in (
                ("base", "base before any cut"),
                ("eligible", "after expense ceilings"),
                ("dedc_std", "deductible, as the rule gives it"),
                ("due", "deductible due"),
                ("deductible", "deductible taken"),
                ("pay", "paid"),
                ("cut_fund", "fund money cut"),
                ("cut_expense", "expense cut"),
            )
        ),
        C("room", "money", zh="", en="least fund-ceiling room before paying; null: no ceiling"),
    ),
    output=True,
)

INPUT_TABLES: dict[str, Table] = {
    t.name: t for t in (VISITS, LINES, PERSONS, INSTITUTIONS, ACCT_EVENTS, ITEMS, SELFPAY, CAPS)
}
OUTPUT_TABLES: dict[str, Table] = {t.name: t for t in (VISIT_OUTPUT, LINE_OUTPUT, DETAIL_OUTPUT)}
