"""The columns of the national platform's tables SETL_D, MDTRT_D and FEE_LIST_D, and where each stands in ours (docs/migration.md).

A column of theirs is found by its name or by the name that the interface (2204, 2304) gives the same amount, in upper or lower case.
"""

from __future__ import annotations

from dataclasses import dataclass

from .schema import Kind

__all__ = ["FEE_LIST_D", "MDTRT_D", "PLATFORM", "SETL_D", "Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """A column of theirs and its places in ours: `table.column`, one or more. `also`: other names of it. `empty`: may be null there."""

    name: str
    kind: Kind
    ours: tuple[str, ...]
    also: tuple[str, ...] = ()
    empty: bool = True


def _same(kind: Kind, *names: str, table: str = "visits") -> tuple[Place, ...]:
    """Columns that have the same name here and there."""
    return tuple(Place(name.upper(), kind, (f"{table}.{name}",)) for name in names)


def _amounts(*names: str) -> tuple[Place, ...]:
    return tuple(Place(name.upper(), "money", (f"results.{name}",), empty=False) for name in names)


_NATURES = (
    Place("FULAMT_OWNPAY_AMT", "money", ("visits.fulamt_ownpay_amt", "results.fulamt_ownpay_amt"), empty=False),
    Place("OVERLMT_SELFPAY", "money", ("visits.overlmt_selfpay", "results.overlmt_selfpay"), empty=False),
    Place("PRESELFPAY_AMT", "money", ("visits.preselfpay_amt", "results.preselfpay_amt"), empty=False),
    Place("INSCP_AMT", "money", ("visits.inscp_scp_amt", "results.inscp_scp_amt"), ("INSCP_SCP_AMT",), False),
)

SETL_D: tuple[Place, ...] = (
    Place("SETL_ID", "id", ("visits.setl_id", "results.setl_id"), empty=False),
    Place("PSN_NO", "id", ("visits.psn_no", "results.psn_no"), empty=False),
    Place("MDTRT_ID", "id", ("visits.mdtrt_id",)),
    *_same("code", "insutype", "psn_type", "med_type"),
    Place("SETL_TIME", "time", ("visits.setl_time",)),
    Place("BEGNDATE", "date", ("visits.begndate",), ("BEGNTIME",)),
    Place("ENDDATE", "date", ("visits.enddate",), ("ENDTIME",)),
    *_same("id", "fixmedins_code", "init_setl_id"),
    Place("DISE_NO", "code", ("visits.dise_codg",), ("DISE_CODG",)),
    *_same("code", "cvlserv_flag", "cvlserv_lv", "clct_grde", "gend", "hosp_lv", "lmtpric_hosp_lv", "dedc_hosp_lv"),
    *_same("count", "cum_clct_mons"),
    *_same("date", "brdy"),
    Place("INSUPLC_ADMDVS", "code", ("visits.insuplc_admdvs",), ("INSU_ADMDVS",)),
    Place("MDTRTAREA_ADMVS", "code", ("visits.mdtrtarea_admvs",), ("MDTRTAREA_ADMDVS",)),
    *_same("flag", "acct_used_flag", "refd_setl_flag"),
    Place("MEDFEE_SUMAMT", "money", ("visits.medfee_sumamt", "results.medfee_sumamt"), empty=False),
    *_NATURES,
    *_amounts("dedc_std", "crt_dedc", "act_pay_dedc"),
    Place("POOL_PROP_SELFPAY", "rate", ("results.pool_prop_selfpay",)),
    *_amounts("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "hifdm_pay", "maf_pay"),
    Place("OTHFUND_PAY", "money", ("results.oth_pay",), ("OTH_PAY",), False),
    *_amounts("fund_pay_sumamt"),
    Place("OWNPAY_HOSP_PART", "money", ("results.hosp_part_amt",), ("HOSP_PART_AMT",)),
    Place("PSN_PAY", "money", ("results.psn_part_amt",), ("PSN_PART_AMT",), False),
    *_amounts("acct_pay"),
    Place("ACCT_MULAID_PAY", "money", ("results.acct_mulaid_pay",)),
    Place("CASH_PAYAMT", "money", ("results.psn_cash_pay",), ("PSN_CASH_PAY", "PDN_CASH_PAY"), False),
    Place("BALC", "money", ("results.balc",)),
)
"""One settlement a row. Its balance is the one after; the balance before it has no column there."""

MDTRT_D: tuple[Place, ...] = (
    Place("MDTRT_ID", "id", ("visits.mdtrt_id",), empty=False),
    Place("PSN_NO", "id", ("visits.psn_no",)),
    *_same("code", "insutype", "psn_type", "med_type"),
    Place("BEGNTIME", "date", ("visits.begndate",), ("BEGNDATE",)),
    Place("ENDTIME", "date", ("visits.enddate",), ("ENDDATE",)),
    *_same("count", "ipt_days"),
    *_same("id", "fixmedins_code", "refl_old_mdtrt_id"),
    *_same("code", "rloc_type"),
    Place("DISE_NO", "code", ("visits.dise_codg",), ("DISE_CODG",)),
)
"""One visit a row; what SETL_D says of the same thing must agree with it."""

FEE_LIST_D: tuple[Place, ...] = (
    Place("SETL_ID", "id", ("lines.setl_id",), empty=False),
    Place("BKKP_SN", "id", ("lines.feedetl_sn",), ("FEEDETL_SN",)),
    Place("INIT_FEEDETL_SN", "id", ("lines.init_feedetl_sn",)),
    Place("MED_LIST_CODG", "id", ("lines.med_list_codg",), ("HILIST_CODE",), False),
    Place("FEE_OCUR_TIME", "time", ("lines.fee_ocur_time",)),
    Place("CNT", "quantity", ("lines.cnt",)),
    Place("PRIC", "price", ("lines.pric",)),
    Place("DET_ITEM_FEE_SUMAMT", "money", ("lines.det_item_fee_sumamt",), empty=False),
    Place("HOSP_APPR_FLAG", "flag", ("lines.hosp_appr_flag",)),
    Place("FULAMT_OWNPAY_AMT", "money", ("line_results.fulamt_ownpay_amt",), empty=False),
    Place("OVERLMT_SELFPAY", "money", ("line_results.overlmt_amt",), ("OVERLMT_AMT",), False),
    Place("PRESELFPAY_AMT", "money", ("line_results.preselfpay_amt",), empty=False),
    Place("INSCP_AMT", "money", ("line_results.inscp_scp_amt",), ("INSCP_SCP_AMT",), False),
    Place("CHRGITM_LV", "code", ("line_results.chrgitm_lv",)),
    Place("SELFPAY_PROP", "rate", ("line_results.selfpay_prop",)),
    Place("PRIC_UPLMT_AMT", "price", ("line_results.pric_uplmt_amt",)),
)
"""One fee line a row."""

PLATFORM: dict[str, tuple[Place, ...]] = {"SETL_D": SETL_D, "MDTRT_D": MDTRT_D, "FEE_LIST_D": FEE_LIST_D}
