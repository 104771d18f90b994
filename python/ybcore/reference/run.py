"""A whole run: who belongs together, in what order, which document, which parts; then visit by visit."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from .figures import Facts, Figures, person_order
from .layers import FUNDS
from .ledger import Account, Ledger, Record, account_events, year_start
from .numbers import GRID, PPM, Reject, Rounding, completed_years, date, round_div
from .pricing import Catalog, Natures, Pricer, given_natures, returned_lines
from .visit import Settling, Trace

MONEY = (
    "medfee_sumamt",
    "fulamt_ownpay_amt",
    "overlmt_selfpay",
    "preselfpay_amt",
    "inscp_scp_amt",
    "dedc_std",
    "crt_dedc",
    "act_pay_dedc",
    *FUNDS,
    "fund_pay_sumamt",
    "hosp_part_amt",
    "psn_part_amt",
    "acct_pay",
    "acct_mulaid_pay",
    "psn_cash_pay",
    "burden_full_self_pay",
    "burden_over_limit",
    "burden_first_pay",
    "burden_in_scope",
    "burden_direct",
    "burden_deductible",
    "burden_copay",
    "burden_over_ceiling",
    "cut_fund",
    "cut_expense",
)
BURDENS = [column for column in MONEY if column.startswith("burden_")]
SPLIT = ("medfee_sumamt", "fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt", "direct_amt")
PERSON = (
    "insutype",
    "psn_type",
    "psn_idet_type",
    "cvlserv_flag",
    "cvlserv_lv",
    "clct_grde",
    "cum_clct_mons",
    "gend",
    "brdy",
    "hsld_no",
    "hsld_size",
    "wage",
    "mulaid_psn_no",
    "insuplc_admdvs",
)
INSTITUTION = ("hosp_lv", "dedc_hosp_lv", "lmtpric_hosp_lv", "fixmedins_type", "tcm_flag", "mdtrtarea_admvs")
VISIT = ("med_type", "place", "rloc_type", "dise_codg", "day_surgery")
DEFAULTS = {"place": "local", "rloc_type": "1", "cvlserv_flag": "0", "tcm_flag": "0", "day_surgery": "0"}
LEVEL = {
    **dict.fromkeys(("01", "02", "03", "04", "12"), "3"),
    **dict.fromkeys(("05", "06", "07", "13"), "2"),
    **dict.fromkeys(("08", "09", "10", "14"), "1"),
}
ASSUMED, NOT_MODELLED, UNKNOWN_INSTITUTION, UNKNOWN_ITEM, PRICE_MISMATCH = 1, 2, 4, 8, 16


def on_day(rows: list[dict], day: int) -> list[dict]:
    return [
        r
        for r in rows
        if (r.get("begndate") is None or r["begndate"] <= day) and (r.get("enddate") is None or day < r["enddate"])
    ]


class World:
    """Everything that does not change while a group is settled."""

    def __init__(
        self,
        documents: list[dict],
        catalog: dict | None,
        persons: list[dict] | None,
        institutions: list[dict] | None,
        acct_events: list[dict] | None,
    ) -> None:
        self.documents, self.catalog = documents, Catalog(catalog)
        self.persons: dict[str, list[dict]] | None = None if persons is None else {}
        for row in persons or []:
            assert self.persons is not None
            self.persons.setdefault(row["psn_no"], []).append(row)
        for rows in (self.persons or {}).values():
            rows.sort(key=person_order)
        self.institutions: dict[str, list[dict]] = {}
        for row in institutions or []:
            self.institutions.setdefault(row["fixmedins_code"], []).append(row)
        self.account_table: dict[str, list[dict]] = {}
        for row in acct_events or []:
            self.account_table.setdefault(row["psn_no"], []).append(row)
        dates = documents[0].get("dates", {}) if documents else {}
        self.policy_rule, self.order_rule = dates.get("policy", "discharge"), dates.get("order", "settlement")
        self.year_starts = documents[0].get("year", {}).get("starts", "01-01") if documents else "01-01"
        self.first_part_number = 1

    def document(self, insutype: str, region: str, day: int) -> dict | None:
        for doc in self.documents:
            scheme, effective = doc["scheme"], doc["effective"]
            insured = any(insutype.startswith(code) for code in scheme["insutype"])
            here = scheme["region"] == "*" or region.startswith(scheme["region"])
            holds = date(effective["from"]) <= day and ("to" not in effective or day < date(effective["to"]))
            if insured and here and holds:
                return doc
        return None

    def person_row(self, psn_no: str, day: int, insutype: str | None) -> dict | None:
        """The person's row on a day; raises when the person is unknown or not enrolled."""
        if self.persons is None:
            return None
        if psn_no not in self.persons:
            raise Reject("unknown_person")
        for row in on_day(self.persons[psn_no], day):
            if not insutype or row.get("insutype") == insutype:
                return row
        raise Reject("not_enrolled")

    def values(self, visit: dict, day: int) -> tuple[dict[str, Any], int]:
        """Attributes of a visit on its policy date, and flags."""
        person = self.person_row(visit["psn_no"], day, visit.get("insutype")) or {}
        code, flags = visit.get("fixmedins_code"), 0
        found = on_day(self.institutions.get(code, []), day) if code else []
        if code and self.institutions and not found:
            flags |= UNKNOWN_INSTITUTION
        institution = found[0] if found else {}
        out: dict[str, Any] = {name: visit.get(name) for name in VISIT}
        out.update({name: visit.get(name) if visit.get(name) is not None else person.get(name) for name in PERSON})
        out.update(
            {name: visit.get(name) if visit.get(name) is not None else institution.get(name) for name in INSTITUTION}
        )
        for doc in self.documents:
            for name, rule in doc.get("attributes", {}).items():
                table = {"visits": {}, "persons": person, "institutions": institution}[rule["table"]]
                value = visit.get(name) if visit.get(name) is not None else table.get(name)
                default = rule.get("default")
                out[name] = (
                    value
                    if value is not None
                    else int(default)
                    if default is not None and rule.get("match") == "number"
                    else default
                )
        out = {name: DEFAULTS.get(name) if value is None else value for name, value in out.items()}
        for name in ("dedc_hosp_lv", "lmtpric_hosp_lv"):
            if out[name] is None:
                out[name] = LEVEL.get(out["hosp_lv"] or "", "0")
        out["age"] = None if out["brdy"] is None else completed_years(out["brdy"], day)
        out["insutype"], out["insuplc_admdvs"] = out["insutype"] or "", out["insuplc_admdvs"] or ""
        return out, flags

    def person_rules(self, psn_no: str, day: int) -> tuple[dict | None, Facts, Figures]:
        """The document, facts and figures that hold for a person on a day when no visit is in view."""
        rows = on_day((self.persons or {}).get(psn_no, []), day)
        if not rows:
            empty = Facts({}, day, {})
            return None, empty, Figures(empty, {}, {})
        values, _ = self.values({"psn_no": psn_no, "insutype": rows[0]["insutype"]}, day)
        doc = self.document(values["insutype"], values["insuplc_admdvs"], day)
        facts = Facts(values, day, doc or {})
        return doc, facts, Figures(facts, doc or {}, fields(values))

    def open_account(self, ledger: Ledger, psn_no: str, visits: list[dict], first_day: int) -> None:
        """An account that no earlier run knows: the balance of the person's first row, else of the first visit that gives one."""
        if psn_no not in ledger.accounts:
            rows = (self.persons or {}).get(psn_no, [])
            opening = (
                rows[0].get("balc") if rows else next((v.get("balc") for v in visits if v["psn_no"] == psn_no), None)
            )
            ledger.accounts[psn_no] = Account(opening or 0, opening or 0, year_start(first_day, self.year_starts))

    def account(self, ledger: Ledger, psn_no: str, visit: dict) -> Account:
        account = ledger.accounts[psn_no]
        account_events(account, psn_no, visit["order_date"], self)
        return account


def fields(values: dict[str, Any]) -> dict[str, int | None]:
    """Numeric fields that a computed amount may name."""
    return {name: value for name, value in values.items() if isinstance(value, int)}


class Part:
    """One visit, or the part of a split stay that falls in one insurance year."""

    def __init__(self, visit: dict, lines: list[dict] | None, policy_date: int, period_date: int, later: bool) -> None:
        self.visit, self.lines, self.later = {**visit, "period_date": period_date}, lines, later
        self.policy_date = policy_date


def parts_of(world: World, visit: dict, lines: list[dict] | None) -> list[Part]:
    """Cut a stay at each new year when its document says so; parts without lines are dropped."""
    days = {"settlement": visit["setl_time"] // 86400, "discharge": visit["enddate"], "admission": visit["begndate"]}
    policy_date = days[world.policy_rule]
    values, _ = world.values(visit, policy_date)
    doc = world.document(values["insutype"], values["insuplc_admdvs"], policy_date)
    year = (doc or {}).get("year", {})
    period_date = days[year.get("of", "discharge")]
    whole = [Part(visit, lines, policy_date, period_date, False)]
    if year.get("cross", "discharge") != "split" or lines is None:
        return whole
    starts = year.get("starts", "01-01")
    cut: list[int] = []
    first = year_start(period_date, starts)
    while first > visit["begndate"]:
        cut.insert(0, first)
        first = year_start(first - 1, starts)
    if not cut:
        return whole
    edges: list[int | None] = [None, *cut, None]
    out: list[Part] = []
    for low, high in pairwise(edges):
        mine = [
            ln
            for ln in lines
            if (low is None or fee_date(ln, visit) >= low) and (high is None or fee_date(ln, visit) < high)
        ]
        if not mine:
            continue
        begin = visit["begndate"] if low is None else low
        end = visit["enddate"] if high is None else high
        piece = {**visit, "ipt_days": max(1, end - begin)}
        out.append(
            Part(
                piece,
                mine,
                policy_date if high is None else high - 1,
                period_date if high is None else high - 1,
                bool(out),
            )
        )
    return out or whole


def fee_date(line: dict, visit: dict) -> int:
    """The line's date; a return line has the date of the line it returns in the end."""
    day = returned_lines(line, visit["all_lines"])[-1].get("fee_ocur_time")
    return visit["enddate"] if day is None else day


def settle_part(
    world: World, part: Part, ledger: Ledger, trace: Trace, line_rows: list[dict]
) -> tuple[dict[str, Any], Record, list[dict]]:
    """One part through document, pricing and plan; the columns are in fen."""
    visit = part.visit
    values, flags = world.values(visit, part.policy_date)
    doc = world.document(values["insutype"], values["insuplc_admdvs"], part.policy_date)
    if doc is None:
        raise Reject("no_policy")
    facts = Facts({**values, "ipt_days": visit["ipt_days"]}, part.policy_date, doc)
    figures = Figures(facts, doc, fields(facts.values))
    rounding, tags = Rounding(doc.get("rounding")), doc.get("tags", [])
    if part.lines is None:
        natures, priced = given_natures(visit, tags, rounding.scale), list[dict]()
    else:
        natures, priced = Pricer(doc, world.catalog, rounding, facts, figures, visit).price(
            part.lines, visit["all_lines"], tags
        )
    if natures.short():
        raise Reject("negative_bucket")
    if trace:
        trace(
            {
                "step": "natures",
                "visit": visit,
                "doc": doc,
                "natures": natures.buckets(),
                "facts": facts.values,
                "scale": rounding.scale,
            }
        )
    settling = Settling(doc, facts, figures, natures, visit, ledger, world, part.later, trace)
    columns = settling.run()
    if not part.later:
        world.first_part_number = settling.number
    row = to_fen(columns, rounding.scale)
    flags |= ASSUMED * figures.assumed
    for line, one in zip(part.lines or [], priced):
        flags |= UNKNOWN_ITEM * (one["reason"] == "unknown_item") | PRICE_MISMATCH * mismatch(line)
        line_rows.append({"setl_id": visit["setl_id"], **line_row(line, one, rounding.scale)})
    flags |= NOT_MODELLED * not_modelled(doc, facts)
    account = ledger.accounts.get(visit["psn_no"])
    if doc.get("accounts") is not None:
        account = world.account(ledger, visit["psn_no"], visit)
    row.update(
        outcome=settling.outcome,
        reason="",
        flags=flags,
        policy_id=doc["id"],
        plan_id=settling.plan_id,
        pool_prop_selfpay=columns["pool_prop_selfpay"],
    )
    row["balc"] = account.balance if account and doc.get("accounts") is not None else 0
    return row, settling.record, [detail_row(d, visit["setl_id"], rounding.scale) for d in settling.detail]


def not_modelled(doc: dict[str, Any], facts: Facts) -> bool:
    """Whether something holds of the visit that the document says it does not model."""
    return any(
        isinstance(n, dict) and facts.holds(n.get("when"))
        for n in doc.get("not_modelled", [])
        if isinstance(n, dict) and "when" in n
    )


def detail_row(layer: dict[str, Any], setl_id: Any, scale: int) -> dict[str, Any]:
    """What a layer did, in fen."""
    row = {k: round_div(v, scale) if isinstance(v, int) else v for k, v in layer.items() if k != "setl_id"}
    return row | {"setl_id": setl_id}


def to_fen(columns: dict[str, Any], scale: int) -> dict[str, Any]:
    """Columns in fen. In the grid, natures and burdens are rounded and one of them takes the difference."""
    row = {column: round_div(columns[column], scale) for column in MONEY}
    row["inscp_scp_amt"] = (
        row["medfee_sumamt"] - row["fulamt_ownpay_amt"] - row["overlmt_selfpay"] - row["preselfpay_amt"]
    )
    difference = row["psn_cash_pay"] - sum(row[b] for b in BURDENS)
    if difference:
        row[max(BURDENS, key=lambda b: columns[b])] += difference
    return row


def mismatch(line: dict) -> bool:
    """More than half a fen between the line's amount and quantity × price."""
    if line.get("pric") is None or line.get("cnt") is None:
        return False
    return abs(line["det_item_fee_sumamt"] * 10**8 - line["cnt"] * line["pric"]) * 2 > 10**8


def line_row(line: dict, one: dict, scale: int) -> dict[str, Any]:
    """The split of one line in fen; in the grid the rest goes to in-scope."""
    sign = one["sign"]
    row = {
        column: sign * round_div(one[nature], scale)
        for column, nature in (
            ("fulamt_ownpay_amt", "full_self_pay"),
            ("overlmt_amt", "over_limit"),
            ("preselfpay_amt", "first_pay"),
        )
    }
    row["inscp_scp_amt"] = line["det_item_fee_sumamt"] - sum(row.values())
    ratio = PPM if one["reason"] else one["ratio"]
    return {
        "feedetl_sn": line.get("feedetl_sn"),
        "det_item_fee_sumamt": line["det_item_fee_sumamt"],
        **row,
        "chrgitm_lv": one["class"],
        "selfpay_prop": ratio,
        "pric_uplmt_amt": one["cap"],
        "reason": one["flag"],
    }


def add_parts(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The output row of a split stay: the sum of its parts; what is not money comes from the last."""
    out = dict(rows[-1])
    for column in MONEY:
        out[column] = sum(row[column] for row in rows)
    for row in rows:
        out["flags"] |= row["flags"]
    if any(row["outcome"] == "settled" for row in rows):
        out["outcome"] = "settled"
    return out


def reverse(ledger: Ledger, record: Record, visit: dict, world: World) -> dict[str, Any]:
    """Mirror a settlement: its columns with opposite sign, its contributions and account money taken back."""
    ledger.add(record.contributions, -1)
    ledger.standing.remove(record)
    ledger.reversed[record.setl_id] = record.psn_no
    row: dict[str, Any] = {column: -record.columns[column] for column in MONEY}
    has_account = bool(record.columns["has_account"])
    for psn_no, amount in record.account:
        world.account(ledger, psn_no, visit).balance += amount
    balance = world.account(ledger, visit["psn_no"], visit).balance if has_account else 0
    return {
        **row,
        "outcome": "settled",
        "reason": "",
        "flags": record.columns["flags"],
        "policy_id": record.columns["policy_id"],
        "plan_id": record.columns["plan_id"],
        "pool_prop_selfpay": record.columns["pool_prop_selfpay"],
        "balc": balance,
    }


__all__ = ["GRID", "MONEY", "SPLIT", "Natures", "Part", "World", "add_parts", "parts_of", "reverse", "settle_part"]
