"""The words of rule documents: kernels, dispositions, scope keys, kinds of visit. Their meaning is in docs/checks.md."""

from __future__ import annotations

__all__ = [
    "ATTRIBUTES",
    "DISPOSITIONS",
    "FORMAT",
    "KERNELS",
    "LAYERS",
    "PAIR_COLUMNS",
    "RESERVED_COLUMNS",
    "SCOPE_KEYS",
    "STAGES",
    "UNKNOWN",
    "VISIT_KINDS",
]

FORMAT = "ybcore-rules/1"
UNKNOWN = -(1 << 63)
"""What an empty cell of a typed column is held as; the kernels' kUnknown."""

KERNELS: dict[str, tuple[str, str]] = {
    "K01": ("属性限定", "attribute limit"),
    "K02": ("诊断集合", "diagnosis set"),
    "K03": ("限定单价", "price ceiling"),
    "K04": ("互斥组合", "pair in a group"),
    "K05": ("应有配套", "co-requirement"),
    "K06": ("数量上限", "bucket cap"),
    "K07": ("时间窗口", "window"),
    "K08": ("相邻间隔", "gap"),
    "K09": ("区间", "span"),
    "K10": ("天数疗程", "supply and course"),
    "K11": ("折价", "tier price"),
    "K12": ("处方构成", "composition"),
    "K13": ("统计指标", "ratio"),
    "K14": ("进销存", "reconciliation"),
    "K15": ("数据校验", "validity"),
    "user": ("自定义", "user's own"),
}

LAYERS = ("base", "province", "city")
STAGES = ("before", "during", "after")
DISPOSITIONS = ("hold", "deny", "suspect", "warn", "monitor")
"""Strongest first."""

VISIT_KINDS: dict[str, tuple[str, ...]] = {
    "outpatient": ("11", "12", "13", "51", "91"),
    "chronic": ("14",),
    "inpatient": ("21", "22", "23", "24", "52", "92"),
    "pharmacy": ("41", "93"),
    "maternity": ("51", "52", "53"),
    "injury": (),
    "other": ("99",),
}
"""Kind of visit → prefixes of med_type, unless a document says otherwise. A med_type may stand under several kinds."""

_VISIT = ("insuplc_admdvs", "insutype", "med_type", "psn_type", "psn_idet_type", "cvlserv_flag", "dise_codg", "fixmedins_code",
          "fixmedins_type", "place", "gend", "er_flag", "day_surgery", "itnt_flag", "matn_stas", "dscg_way",
          "adm_dept_codg", "dscg_dept_codg", "level", "visit_kind")  # fmt: skip
_LINE = ("dscg_tkdrug_flag", "tcmdrug_used_way", "bilg_dept_codg")
SCOPE_KEYS = (*_VISIT, *_LINE)
ATTRIBUTES = (*_VISIT, *_LINE, "age", "dept", "title", "dr_status", "listed")

RESERVED_COLUMNS = ("from", "to", "known_since", "known_until", "region", "level", "suspect")
"""Columns of a rule table that say where and when a row holds, and how sure it is."""

PAIR_COLUMNS = ("included_qty", "override")
"""Columns of a table of pairs that may be left out."""
