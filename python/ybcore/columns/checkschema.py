"""The tables of rule checks: further columns of visits and lines, the tables beside them, and what comes out.

The contract in words is docs/checks.md, sections 1 and 5.
"""

from __future__ import annotations

from .schema import LINES, VISITS, Column, Table

C = Column

#: Columns of visits that only checks read. ``begntime`` and ``endtime`` have a time of day here; settling takes their dates.
FURTHER_VISITS = (
    C("begntime", "time", default="begndate", zh="开始时间", en="time of admission"),
    C("endtime", "time", default="enddate", zh="结束时间", en="time of discharge"),
    C("atddr_no", "id", zh="主治医生编码", en="attending doctor"),
    C("adm_dept_codg", "code", zh="入院科室编码", en="department of admission"),
    C("dscg_dept_codg", "code", zh="出院科室编码", en="department of discharge"),
    C("dscg_maindiag_code", "code", default="diagnosis with maindiag_flag 1", zh="住院主诊断代码", en="main diagnosis"),
    C("dscg_way", "code", zh="离院方式", en="way of leaving, 5 = died"),
    C("matn_stas", "code", zh="生育状态", en="1 not, 2 planned, 3 pregnant, 4 nursing"),
    C("itnt_flag", "flag", default="0", zh="互联网医院标志", en="internet hospital"),
    C("er_flag", "flag", default="0", zh="急诊标志", en="emergency"),
    C("invono", "id", zh="发票号", en="invoice"),
    C("upld_time", "time", zh="上传时间", en="time of upload"),
    C("mdtrt_cert_no", "id", zh="就诊凭证编号", en="card that was shown"),
    C("days_rinp_flag_31", "flag", default="0", zh="31天内再住院计划标志", en="readmission within 31 days is planned"),
    C("hist_flag", "flag", default="0", zh="历史就诊标志", en="1 = an earlier visit, only looked back at"),
)

FURTHER_LINES = (
    C("rxno", "id", zh="处方号", en="prescription"),
    C("bilg_dr_codg", "id", zh="开单医生编码", en="ordering doctor"),
    C("bilg_dept_codg", "code", zh="开单科室编码", en="ordering department"),
    C("prd_days", "quantity", zh="周期天数", en="days that the quantity lasts"),
    C("sin_dos", "quantity", zh="单次剂量", en="units a dose"),
    C("used_frqu", "quantity", zh="使用频次", en="doses a day"),
    C("dscg_tkdrug_flag", "flag", default="0", zh="出院带药标志", en="to take home at discharge"),
    C("tcmdrug_used_way", "code", zh="中药使用方式", en="use of herbs, 1 single, 2 compound"),
    C("incs_no", "code", zh="切口号", en="incision"),
    C("drug_trac_codg", "id", zh="药品追溯码", en="trace code of the pack"),
    C("upld_time", "time", zh="上传时间", en="time of upload"),
)

_FEE_TIME = C(
    "fee_ocur_time", "time", default="enddate of the visit", zh="费用发生时间", en="fee time, with time of day"
)


def _visits() -> Table:
    """VISITS where begntime and endtime are columns of their own."""
    own = {column.name for column in FURTHER_VISITS}
    kept = [
        Column(c.name, c.kind, c.required, c.default, c.zh, c.en, c.negative, tuple(n for n in c.also if n not in own))
        for c in VISITS.columns
    ]
    return Table(VISITS.name, VISITS.zh, VISITS.en, (*kept, *FURTHER_VISITS))


CHECK_VISITS = _visits()

CHECK_LINES = Table(
    LINES.name,
    LINES.zh,
    LINES.en,
    (*(_FEE_TIME if c.name == _FEE_TIME.name else c for c in LINES.columns), *FURTHER_LINES),
)

DIAGNOSES = Table(
    "diagnoses",
    "诊断",
    "diagnoses of the visits",
    (
        C("setl_id", "id", True, zh="结算ID", en="settlement"),
        C("diag_code", "code", True, zh="诊断代码", en="diagnosis"),
        C("maindiag_flag", "flag", default="0", zh="主诊断标志", en="main diagnosis"),
        C("diag_type", "code", zh="诊断类别", en="1 western, 2 and 3 Chinese medicine"),
        C("inout_dise_type", "code", zh="出入院诊断类别", en="1 at admission, 2 at discharge"),
        C("diag_time", "time", zh="诊断时间", en="time of the diagnosis"),
    ),
)

OPERATIONS = Table(
    "operations",
    "手术操作",
    "operations of the visits",
    (
        C("setl_id", "id", True, zh="结算ID", en="settlement"),
        C("oprn_oprt_code", "code", True, zh="手术操作代码", en="operation"),
        C("oprn_oprt_type", "code", zh="手术操作类别", en="1 main, 2 other"),
        C("oprn_oprt_date", "time", zh="手术操作时间", en="time of the operation"),
        C("oper_dr_code", "id", zh="术者医生代码", en="surgeon"),
    ),
)

LABS = Table(
    "labs",
    "检验结果",
    "laboratory values",
    (
        C("setl_id", "id", True, zh="结算ID", en="settlement"),
        C("med_list_codg", "id", True, zh="医疗目录编码", en="item of the test"),
        C("exam_time", "time", True, zh="检验时间", en="time of the value"),
        C("exam_value", "quantity", True, zh="检验值", en="value, in the unit of the test", negative=True),
    ),
)

DOCTORS = Table(
    "doctors",
    "医保医师",
    "doctors, dated",
    (
        C("dr_code", "id", True, zh="医师代码", en="doctor"),
        C("begndate", "date", default="always", zh="开始日期", en="valid from"),
        C("enddate", "date", default="open", zh="结束日期", en="valid before"),
        C("dr_pro_tech_duty", "code", zh="专业技术职务", en="title, 231 … 235"),
        C("prac_stas", "code", zh="执业状态", en="state of the licence"),
        C("cred_lv", "code", zh="信用等级", en="credit level"),
    ),
)

STOCK = Table(
    "stock",
    "进销存",
    "stock of an institution and item in a period",
    (
        C("fixmedins_code", "id", True, zh="定点医药机构编号", en="institution"),
        C("med_list_codg", "id", True, zh="医疗目录编码", en="item"),
        C("begndate", "date", True, zh="开始日期", en="first day"),
        C("enddate", "date", True, zh="结束日期", en="day after the last"),
        C("open_cnt", "quantity", default="0", zh="期初数量", en="at the beginning"),
        C("in_cnt", "quantity", default="0", zh="入库数量", en="received", negative=True),
        C("close_cnt", "quantity", default="0", zh="期末数量", en="at the end"),
    ),
)

FINDINGS = Table(
    "findings",
    "违规结果",
    "one row a finding",
    (
        C("jr_id", "id", True, zh="违规标识", en="finding; the same in every run"),
        C("rule_id", "code", True, zh="规则ID", en="rule"),
        C("rule_version", "code", True, zh="规则版本", en="version of its document"),
        C("psn_no", "id", zh="人员编号", en="person"),
        C("setl_id", "id", zh="结算ID", en="settlement"),
        C("mdtrt_id", "id", zh="就诊ID", en="stay"),
        C("fixmedins_code", "id", zh="定点医药机构编号", en="institution"),
        C("dr_code", "id", zh="医师代码", en="doctor"),
        C("disposition", "code", True, zh="处置", en="hold|deny|suspect|warn|monitor"),
        C("sev_deg", "code", True, zh="严重程度", en="1 clear violation, 2 highly suspect, 3 slightly suspect"),
        C("vola_amt", "money", True, zh="违规金额", en="amount in violation"),
        C("vola_amt_stas", "code", True, zh="违规金额计算状态", en="1 computed, 0 not"),
        C("recover_amt", "money", zh="应追回基金", en="fund money that comes back; null without settlement"),
        C(
            "own_amt",
            "money",
            zh="本已全自费金额",
            en="of what it moved, what was full self-pay without any rule; null without settlement",
        ),
        C("vola_bhvr_type", "code", zh="违规行为分类", en="behaviour class"),
        C("measure", "count", True, zh="计量值", en="what was counted, in the kernel's unit"),
        C("limit", "count", True, zh="限值", en="what it was compared with"),
        C(
            "group",
            "code",
            zh="计数范围",
            en="line|day|hour|within|visit|stay|prescription|incision|month|quarter|year|insurance_year|rolling|look_back|gap|overlap|course|stock|all: what was counted in; null where nothing is",
        ),
        C("begin", "time", zh="计数开始", en="begin of what was counted in"),
        C("end", "time", zh="计数结束（不含）", en="end of what was counted in, itself not in it"),
        C("table_row", "count", zh="知识点行", en="row of the rule's table"),
        C("shadow", "flag", True, zh="试运行", en="the rule runs apart and moves no money"),
        C("suppressed", "flag", True, zh="已抑制", en="taken out by a suppression row"),
        C("subsumed", "flag", True, zh="被包含", en="another finding contains it; moves nothing"),
    ),
    output=True,
)

DETAILS = Table(
    "details",
    "违规明细",
    "one row a finding and line or visit",
    (
        C("jrd_id", "id", True, zh="违规明细标识", en="detail"),
        C("jr_id", "id", True, zh="违规标识", en="finding"),
        C("setl_id", "id", True, zh="结算ID", en="settlement"),
        C("feedetl_sn", "id", zh="费用明细流水号", en="line"),
        C("row", "count", True, zh="行号", en="row of the input lines, -1 for a visit"),
        C("vola_item_type", "code", True, zh="违规明细类型", en="1 offending, 2 involved"),
        C("cnt", "quantity", zh="违规数量", en="excess quantity"),
        C("vola_amt", "money", True, zh="违规金额", en="amount in violation"),
        C("paid_amt", "money", True, zh="实际扣除金额", en="what it really moved"),
    ),
    output=True,
)

MANIFEST = Table(
    "manifest",
    "运行清单",
    "one row a rule of the book",
    (
        C("rule_id", "code", True, zh="规则ID", en="rule"),
        C("rule_version", "code", True, zh="规则版本", en="version of its document"),
        C("kernel", "code", True, zh="内核", en="kernel"),
        C("status", "code", True, zh="状态", en="run|skipped|disabled"),
        C("reason", "text", zh="原因", en="why it did not run"),
        C("eligible", "count", zh="适用行数", en="rows it looked at"),
        C("unknown", "count", zh="未知行数", en="rows with a value missing"),
        C("hits", "count", zh="命中数", en="findings that are not suppressed"),
        C("suppressed", "count", zh="抑制数", en="findings taken out"),
        C("excluded", "count", zh="排除数", en="findings dropped for one that excludes them"),
        C("subsumed", "count", zh="被包含数", en="findings that another one contains"),
        C("seconds", "quantity", zh="耗时（秒）", en="seconds"),
    ),
    output=True,
)

REPLAY = Table(
    "replay",
    "阈值回放",
    "one row a value tried",
    (
        C("value", "text", True, zh="阈值", en="the figure, as a document writes it"),
        C("hits", "count", True, zh="命中数", en="findings, before suppression and relations"),
        C("lines", "count", True, zh="违规明细数", en="lines that offend, each once"),
        C("visits", "count", True, zh="违规就诊数", en="visits that offend themselves, each once"),
        C("persons", "count", True, zh="人数", en="persons of the rows that offend"),
        C("vola_amt", "money", True, zh="违规金额", en="amount in violation"),
        C("again", "count", True, zh="复判行数", en="rows judged once more for this value, of what an easier one hits"),
        C("scans", "count", True, zh="扫描次数", en="scans of all rows of the rule, for all values together"),
    ),
    output=True,
)

STATISTICS = Table(
    "statistics",
    "命中统计",
    "one row a combination of what findings are counted by",
    (
        C("rule_id", "code", zh="规则ID", en="rule"),
        C("level", "code", zh="机构级别", en="level of the first offending visit's institution"),
        C("fixmedins_code", "id", zh="定点医药机构编号", en="institution"),
        C("hits", "count", True, zh="命中数", en="findings that are not suppressed"),
        C("persons", "count", True, zh="人数", en="different persons"),
        C("vola_amt", "money", True, zh="违规金额", en="amount in violation"),
        C("paid_amt", "money", True, zh="实际扣除金额", en="what it really moved, each line once"),
    ),
    output=True,
)

PRECISION = Table(
    "precision",
    "复核准确率",
    "one row a rule that ran",
    (
        C("rule_id", "code", zh="规则ID", en="rule; missing: labels of findings that the run does not have"),
        C("findings", "count", True, zh="违规数", en="findings"),
        C("labelled", "count", True, zh="已复核数", en="findings with a label"),
        C("confirmed", "count", True, zh="确认数", en="confirmed"),
        C("overturned", "count", True, zh="推翻数", en="overturned"),
        C("share", "rate", zh="确认比例", en="confirmed of the labelled, half up"),
    ),
    output=True,
)

#: What checks read beside the tables of settling, as ``describe`` lists it: of visits and lines only the further columns.
CHECK_TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        Table("visits", VISITS.zh, "further columns", FURTHER_VISITS),
        Table("lines", LINES.zh, "further columns; fee_ocur_time with its time of day", (_FEE_TIME, *FURTHER_LINES)),
        DIAGNOSES,
        OPERATIONS,
        LABS,
        DOCTORS,
        STOCK,
    )
}
FINDING_TABLES: dict[str, Table] = {t.name: t for t in (FINDINGS, DETAILS, MANIFEST, STATISTICS, PRECISION, REPLAY)}


def checks_know(table: str, column: str) -> bool:
    """True for a column of settling's visits or lines that only checks read."""
    return table in (VISITS.name, LINES.name) and CHECK_TABLES[table].find(column) is not None
