"""Months and years of institutions: sums, overruns, savings, advances, deposits, and the balance of budgets."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ybcore.reference.clearing.cases import Standing, rounded
from ybcore.reference.clearing.world import World, figures, method_of, month_of, year_of
from ybcore.reference.numbers import PPM, date, days_of, rate

SUMS = ("psntime", "held_cases", "points", "standard", "medfee_sumamt", "med_sumfee", "fund_appy_sum", "cash_payamt", "acct_pay",
        "fund_pay_sumamt", "bydise_setl_payamt")  # fmt: skip


def _last_day(year: int) -> int:
    import datetime as dt

    return days_of(dt.date(year, 12, 31))


def _empty(doc: dict, method: dict, key: tuple, month: str) -> dict[str, Any]:
    code, insutype, clr_type = key
    row = {"fixmedins_code": code, "insutype": insutype, "clr_type": clr_type, "document": doc["id"], "method": method["id"],
           "clr_way": method.get("clr_way") or None, "setlym": month}  # fmt: skip
    return row | dict.fromkeys(SUMS, 0)


def _key(row: dict) -> tuple:
    return tuple(
        "" if row[name] is None else row[name]
        for name in ("fixmedins_code", "insutype", "clr_type", "document", "method")
    )


def months_of(world: World, standing: list[Standing]) -> list[dict[str, Any]]:
    """Sums of the cases by unit and month; units of heads and budgets are there without cases too."""
    out: dict[tuple, dict[str, Any]] = {}
    for one in standing:
        if not one.method:
            continue
        case, day = one.case, one.case["setl_time"]
        month = f"{year_of(day):04d}{month_of(day):02d}"
        empty = _empty(
            one.doc, one.method, (case.get("fixmedins_code"), case.get("insutype") or "", case["clr_type"]), month
        )
        row = out.setdefault((*_key(empty), month), empty)
        row["psntime"] += 1
        row["held_cases"] += one.way == "held"
        row["points"] += one.points if one.way == "standard" and one.case.get("review_amt") is None else 0
        row["standard"] += one.standard if one.way == "standard" else 0
        row["medfee_sumamt"] += one.money("medfee_sumamt")
        row["med_sumfee"] += one.money("medfee_sumamt") - one.money("fulamt_ownpay_amt") - one.money("overlmt_selfpay")
        row["fund_appy_sum"] += one.itemised
        row["cash_payamt"] += one.money("psn_cash_pay")
        row["acct_pay"] += one.money("acct_pay")
        row["fund_pay_sumamt"] += one.money("fund_pay_sumamt")
        row["bydise_setl_payamt"] += one.payment
    for doc, method, key, year in _given(world):
        for number in range(1, 13):
            empty = _empty(doc, method, key, f"{year:04d}{number:02d}")
            out.setdefault((*_key(empty), empty["setlym"]), empty)
    return [out[key] for key in sorted(out)]


def _given(world: World) -> list[tuple]:
    """(document, method, unit, year) of what quotas give heads or a budget to."""
    out = []
    for row in world.quotas:
        if row.get("heads") is None and row.get("budget") is None:
            continue
        day = _last_day(row["year"])
        doc = world.document(row.get("insutype") or "", "", day)
        method = doc and method_of(doc, world.facts(doc, _facts_of(row), day))
        if doc and method and method["pays"] in ("heads", "budget"):
            out.append(
                (
                    doc,
                    method,
                    (row["fixmedins_code"], row.get("insutype") or "", row.get("clr_type") or ""),
                    row["year"],
                )
            )
    return out


def _facts_of(row: dict) -> dict:
    return {name: row[name] for name in ("fixmedins_code", "insutype", "clr_type") if row.get(name)}


def years_of(world: World, months: list[dict]) -> list[dict[str, Any]]:
    """Years of the units; puts the advance into each month."""
    units: dict[tuple, list[dict]] = {}
    for row in months:
        units.setdefault((*_key(row), int(row["setlym"][:4])), []).append(row)
    drawn = set()
    for code, insutype, clr_type, document, name, year in units:
        doc = next(doc for doc in world.documents if doc["id"] == document)
        if next(method for method in doc["methods"] if method["id"] == name)["pays"] in ("heads", "budget"):
            if (code, insutype, clr_type, year) in drawn:
                raise ValueError(f"what {code} has for {year} would be paid twice")
            drawn.add((code, insutype, clr_type, year))
    return [_year(world, key[-1], mine) for key, mine in sorted(units.items())]


def _year(world: World, year: int, mine: list[dict]) -> dict[str, Any]:
    doc = next(doc for doc in world.documents if doc["id"] == mine[0]["document"])
    method = next(method for method in doc["methods"] if method["id"] == mine[0]["method"])
    unit = (mine[0]["fixmedins_code"], mine[0]["insutype"], mine[0]["clr_type"])
    # A document that ends within the year is asked on its last day.
    day = min(_last_day(year), date(doc["effective"]["to"]) - 1 if "to" in doc["effective"] else _last_day(year))
    told = figures(world.facts(doc, _facts_of(mine[0]), day), doc)
    sums = {name: sum(row[name] for row in mine) for name in SUMS}
    target = sums["bydise_setl_payamt"]
    if method["pays"] in ("heads", "budget"):
        given = world.quota(unit, year, method["pays"])
        if given is None:
            raise ValueError(f"no {method['pays']} of {unit} for {year}")
        target = given if method["pays"] == "budget" else given * told.fixed(method["base"]["amount"])
    counted = sums[
        {"fund": "fund_appy_sum", "fee": "medfee_sumamt", "recognised": "med_sumfee"}[
            method.get("yearly", {}).get("counts", "fund")
        ]
    ]
    outpatients = world.quota(unit, year, "opt_psntime")
    due = (
        _due(method.get("yearly", {}), told, target, counted, sums["psntime"], outpatients)
        if "yearly" in method
        else target
    )
    advanced = _advance(method, told, mine, target)
    deposit = released = 0
    if "deposit" in method:
        deposit = max(0, rounded(Fraction(due * told.rate(method["deposit"]["rate"]), PPM)))
        score = world.quota(unit, year, "score")
        share = next(
            (
                rate(row["share"])
                for row in method["deposit"].get("release", [])
                if score is not None and score >= int(row["from"])
            ),
            0,
        )
        released = rounded(Fraction(deposit * share, PPM))
    held = deposit - released
    names = ("fixmedins_code", "insutype", "clr_type", "document", "method", "clr_way")
    return {
        **{name: mine[0][name] for name in names},
        "year": year,
        **sums,
        "target": target,
        "counted": counted,
        "due": due,
        "advanced": advanced,
        "deposit": deposit,
        "released": released,
        "held": held,
        "final": due - held - advanced,
        "paid": due - held,
        "difference": due - sums["fund_appy_sum"],
    }


def _due(yearly: dict, told: Any, target: int, counted: int, cases: int, outpatients: int | None) -> int:
    """What is due of a target against what was counted; a share of a negative target is a share of nothing."""
    if counted > target and "overrun" in yearly:
        over, share, low = counted - target, Fraction(0), Fraction(0)
        for step in yearly["overrun"]["steps"]:
            top = (
                Fraction(over)
                if step["upto"] == "open"
                else min(Fraction(over), Fraction(max(target, 0) * rate(step["upto"]), PPM))
            )
            part = Fraction(told.rate(step["fund"]), PPM)
            if yearly["overrun"]["reading"] == "part":
                share += (top - low) * part
            elif top == over:
                share = over * part
            low = top
            if top == over:
                break
        return target + rounded(share)
    if counted < target and "savings" in yearly:
        rule = yearly["savings"]
        bonus = rounded(Fraction((target - counted) * told.rate(rule["keeps"]), PPM))
        if "most" in rule:
            bonus = min(bonus, rounded(Fraction(target * told.rate(rule["most"]), PPM)))
        if (
            "admissions_at_most" in rule
            and outpatients is not None
            and cases * PPM > outpatients * rate(rule["admissions_at_most"])
        ):
            bonus = 0
        return counted + bonus
    return target


def _advance(method: dict, told: Any, mine: list[dict], target: int) -> int:
    """Puts the advance of each month; their sum. Heads and budgets advance twelfths, also of months without cases."""
    institution = method["pays"] in ("heads", "budget")
    rule = method.get("monthly", {"of": "twelfth" if institution else "payment", "rate": "1"})
    share = told.rate(rule["rate"])
    if rule.get("of", "payment") == "twelfth":
        for row in mine:
            month = int(row["setlym"][4:])
            row["advance"] = _so_far(target * share, month) - _so_far(target * share, month - 1)
        return _so_far(target * share, 12)
    column = "bydise_setl_payamt" if rule.get("of", "payment") == "payment" else "fund_appy_sum"
    for row in mine:
        row["advance"] = rounded(Fraction(row[column] * share, PPM))
    return sum(row["advance"] for row in mine)


def _so_far(product: int, month: int) -> int:
    return rounded(Fraction(product * month, 12 * PPM))


def balances_of(world: World, years: list[dict], pools: list[dict]) -> list[dict[str, Any]]:
    """Budgets against what came of them, by pool (method where the institution has the budget) and year; `unspent` closes it."""
    out: dict[tuple, dict[str, Any]] = {}
    owners: dict[tuple[str, int], str] = {}
    for row in pools:
        at = row["pool"], int(row["period"][:4])
        owners[at] = min(owners.get(at, row["document"]), row["document"])
    for row in pools:
        at = row["pool"], int(row["period"][:4])
        key = (owners[at], *at)
        held = out.setdefault(key, {"budget": 0, "reserve": 0, "paid": 0, "held": 0})
        held["budget"] += row["budget"]
        held["reserve"] += row["reserve"]
    for row in years:
        doc = next(doc for doc in world.documents if doc["id"] == row["document"])
        method = next(method for method in doc["methods"] if method["id"] == row["method"])
        if method["pays"] not in ("points", "heads", "budget"):
            continue
        pool, year = method.get("pool"), row["year"]
        key = (owners[pool, year], pool, year) if pool else (row["document"], method["id"], year)
        held = out.setdefault(key, {"budget": 0, "reserve": 0, "paid": 0, "held": 0})
        held["budget"] += 0 if method["pays"] == "points" else row["target"]
        held["paid"] += row["paid"]
        held["held"] += row["held"]
    rows = []
    for (document, name, year), held in sorted(out.items()):
        unspent = held["budget"] - held["reserve"] - held["paid"] - held["held"]
        rows.append({"document": document, "pool": name, "year": year, **held, "unspent": unspent})
    return rows
