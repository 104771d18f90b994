"""The names that a policy document may use: attributes, buckets, payers, quantities, enumerations.

Names are the national platform's; the meaning of each is in docs/policy.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "ATTRIBUTES",
    "BUCKETS",
    "END_QUANTITIES",
    "LAYER_QUANTITIES",
    "NUMERIC_FIELDS",
    "PAYERS",
    "PERIODS",
    "SCOPES",
    "TAG_BUCKETS",
    "VISIT_QUANTITIES",
    "Attribute",
]

Match = Literal["exact", "prefix", "number"]


@dataclass(frozen=True)
class Attribute:
    """One attribute of a visit: how it is matched, which tables bring it, and its only values if they are few."""

    name: str
    match: Match
    tables: tuple[str, ...]  # the first table that has a value wins
    values: tuple[str, ...] = ()  # closed vocabulary; empty: open
    default: str = ""
    declared: bool = False


def _table() -> dict[str, Attribute]:
    person, place, visit = ("visits", "persons"), ("visits", "institutions"), ("visits",)
    rows = [
        *(Attribute(n, "prefix", person) for n in ("insutype", "psn_type", "psn_idet_type", "insuplc_admdvs")),
        *(Attribute(n, "prefix", visit) for n in ("med_type", "dise_codg")),
        Attribute("mdtrtarea_admvs", "prefix", place),
        *(Attribute(n, "exact", place) for n in ("hosp_lv", "fixmedins_type")),
        *(Attribute(n, "exact", place) for n in ("dedc_hosp_lv", "lmtpric_hosp_lv")),
        Attribute("place", "exact", visit, PLACES, "local"),
        Attribute("rloc_type", "exact", visit, ("1", "2", "3"), "1"),
        Attribute("cvlserv_flag", "exact", person, ("0", "1"), "0"),
        *(Attribute(n, "exact", person) for n in ("cvlserv_lv", "clct_grde", "gend")),
        Attribute("tcm_flag", "exact", place, ("0", "1"), "0"),
        Attribute("day_surgery", "exact", visit, ("0", "1"), "0"),
        *(Attribute(n, "number", person) for n in ("age", "cum_clct_mons")),
        Attribute("ipt_days", "number", visit),
    ]
    return {row.name: row for row in rows}


PLACES = ("local", "registered", "referred", "unregistered", "emergency", "other_province")
ATTRIBUTES = _table()

NUMERIC_FIELDS = ("wage", "hsld_size", "age", "cum_clct_mons", "ipt_days")
"""Numeric fields that `compute` may read, besides declared attributes with `match: number`. `wage` is money."""

BUCKETS = (
    "full_self_pay",
    "over_limit",
    "first_pay",
    "in_scope",
    "direct",
    "deductible",
    "copay",
    "over_ceiling",
)
TAG_BUCKETS = ("full_self_pay", "over_limit", "first_pay", "in_scope")
PAYERS = (
    "hifp_pay",
    "cvlserv_pay",
    "hifes_pay",
    "hifmi_pay",
    "hifob_pay",
    "hifdm_pay",
    "maf_pay",
    "oth_pay",
    "hosp_part_amt",
)
"""Payers in output order; `acct_pay` is the payer of kind `acct` only."""

PERIODS = ("visit", "day", "month", "quarter", "year", "life")
SCOPES = ("person", "household", "hospital", "disease", "stay")
LAYER_QUANTITIES = (
    "base",
    "eligible",
    "above",
    "deductible",
    "due",
    "paid",
    "target",
    "cut_fund",
    "cut_expense",
)
VISIT_QUANTITIES = ("total", "full_self_pay", "over_limit", "first_pay", "in_scope", "count", "days")
END_QUANTITIES = (*BUCKETS, "cash", "acct")
