"""Random documents of clearing and random tables for them, as text, from one source of randomness."""

from __future__ import annotations

from random import Random
from typing import Any

INSUTYPES, LEVELS, GROUPS, PLACES = ("310", "390"), ("02", "05", ""), ("G1", "G2", "G3", "G9", ""), ("H1", "H2", "H3")
STEPS = (
    [{"upto": "0.1", "fund": "1"}, {"upto": "0.3", "fund": "0.85"}, {"upto": "open", "fund": "0.7"}],
    [
        {"upto": "0.05", "fund": "0.6"},
        {"upto": "0.2", "fund": {"by": "hosp_lv", "02": "0.5", "else": "0.25"}},
        {"upto": "open", "fund": "0"},
    ],
    [{"upto": "open", "fund": "0.333333"}],
)


def some(r: Random, *chances: Any) -> Any:
    return r.choice(chances)


def pays(r: Random) -> Any:
    actual: dict[str, str] = {"less": some(r, "0", "0.5", "1", "1.7")}
    if r.random() < 0.4:
        actual["most"] = some(r, "1", "1.5", "2.25")
    if r.random() < 0.3:
        actual["bare"] = "true"
    return some(r, "standard", "item", "review", "hold", {"actual": actual}, {"actual": actual})


def figure(r: Random, *values: str) -> Any:
    """A scalar, a table or a dated figure."""
    way = r.random()
    if way < 0.6:
        return r.choice(values)
    if way < 0.8:
        return {
            "by": some(r, "hosp_lv", "severity"),
            "02": r.choice(values),
            "1": r.choice(values),
            "else": r.choice(values),
        }
    return {
        "dated": [{"from": "2023-01-01", "value": r.choice(values)}, {"from": "2024-06-15", "value": r.choice(values)}]
    }


def method(r: Random, name: str, way: str) -> dict[str, Any]:
    out: dict[str, Any] = {"id": name, "pays": way, "clr_way": some(r, "3", "4", "")}
    if not out["clr_way"]:
        del out["clr_way"]
    if r.random() < 0.4:
        rule: dict[str, Any] = {"counts": some(r, "fund", "fee", "recognised")}
        if r.random() < 0.7:
            rule["overrun"] = {"reading": some(r, "whole", "part"), "steps": r.choice(STEPS)}
        if r.random() < 0.7:
            rule["savings"] = {"keeps": some(r, "0.3", "1", "0"), **({"most": "0.03"} if r.random() < 0.5 else {}),
                               **({"admissions_at_most": "0.018"} if r.random() < 0.5 else {})}  # fmt: skip
        out["yearly"] = rule
    if r.random() < 0.5:
        out["deposit"] = {
            "rate": some(r, "0.03", "0.1"),
            "release": [{"from": "90", "share": "1"}, {"from": "60", "share": "0.5"}],
        }
    if way in ("item", "heads", "budget"):
        if way == "heads":
            out["base"] = {"amount": figure(r, "120.55", "80")}
        return out
    if r.random() < 0.5:
        out["monthly"] = {"of": some(r, "payment", "items"), "rate": some(r, "0.85", "0.97")}
    money = [{"amount": figure(r, "3000", "1234.56")}, {"group": "amount"}]
    bases = {
        "days": money,
        "case": [*money, {"group": "weight", "rate": figure(r, "9876.54", "8000")}],
        "points": [
            {"group": "points"},
            {"group": "weight", "times": "1000"},
            {"group": "mean", "over": "7777", "times": "100"},
        ],
    }
    out["base"] = r.choice(bases[way])
    if way == "points":
        out["pool"] = some(r, "one", "two")
        out["digits"] = some(r, "4", "2", "0")
    coefficients = [{"id": "hospital", "value": figure(r, "0.93", "1", "1.0725"), "plus": [{"of": "case_mix", "each": "0.05", "adds": "0.01", "most": figure(r, "0.13", "0.06")}]},
                    {"id": "age", "value": {"by": "age", "<7": "1.1", "7-80": "1", "else": "1.05"}}]  # fmt: skip
    out["coefficients"] = coefficients[: r.randrange(3)]
    if r.random() < 0.8:
        multiples: dict[str, Any] = {"against": some(r, "mean", "standard")}
        if multiples["against"] == "standard" and way == "points":
            multiples["value"] = some(r, "12.3456", "95")
        for edge, at in (("low", figure(r, "0.5", "0.6")), ("high", figure(r, "1.5", "2")), ("extreme", "5")):
            if r.random() < 0.7 or edge == "high":
                multiples[edge] = {"at": at, "includes": some(r, "true", "false"), "pays": pays(r)}
        out["multiples"] = multiples
    if r.random() < 0.4:
        out["incomplete"] = pays(r)
    out["ungrouped"] = some(
        r, "item", "hold", "review", {"by_cost": {"over": "8123.45", "times": "100"}} if way == "points" else "item"
    )
    out["review"] = {"otherwise": some(r, "item", "hold")}
    if r.random() < 0.6:
        out["readmission"] = {
            "within": some(r, "10", "15"),
            "keeps": some(r, "0.5", "0.333333"),
            "which": some(r, "earlier", "later"),
            "exempt": ["chemo"],
        }
    formula = some(r, "whole", "policy_share", "less_patient", "less_patient", "cap_times_rate", "lesser")
    out["fund"] = {"formula": formula}
    if formula in ("policy_share", "cap_times_rate"):
        out["fund"]["rate"] = some(r, "case", figure(r, "0.8", "0.654321"))
    if r.random() < 0.3:
        out["fund"]["stops_at_zero"] = some(r, "true", "false")
    return out


def document(r: Random) -> dict[str, Any]:
    """One document with three to five methods; the last takes what is left."""
    whens = [{"clr_type": "11"}, {"clr_type": "12"}, {"group_code": "G3"}, {"fixmedins_code": "H2"}, {}]
    ways = [
        some(r, "heads", "item"),
        some(r, "budget", "item"),
        *(some(r, "case", "days", "points", "item") for _ in range(2)),
        "points",
    ]
    methods = []
    for index, (when, way) in enumerate(zip(whens, ways)):
        if index and index < 4 and r.random() < 0.3:
            continue
        methods.append({**method(r, f"m{index}", way), **({"when": when} if when else {})})
    used = {one["pool"] for one in methods if "pool" in one}
    pools = {
        name: {"period": some(r, "year", "month"), "reserve": some(r, "0", "0.05"), "adds": some(r, "nothing", "persons"),
               "remainder": some(r, "share", "reserve"), "digits": some(r, "4", "2", "6"), "fund_ratio": some(r, "1", "0.7")}
        for name in sorted(used)
    }  # fmt: skip
    return {
        "format": "ybcore-clearing/1", "id": "random", "scheme": {"id": "town", "region": "*", "insutype": ["310", "39"]},
        "effective": {"from": "2024-01-01", **({"to": "2025-01-01"} if r.random() < 0.5 else {})},
        "attributes": {"severity": {"table": "visits", "default": "0"}}, "pools": pools, "methods": methods,
    }  # fmt: skip


def yuan(r: Random, low: int, high: int) -> str:
    fen = r.randrange(low * 100, high * 100)
    return f"{fen // 100}.{fen % 100:02d}"


def maybe(r: Random, value: str, chance: float) -> str:
    return value if r.random() < chance else ""


def case(r: Random, number: int) -> dict[str, str]:
    month, day, stay = r.randrange(1, 13), r.randrange(1, 28), r.randrange(0, 20)
    begin = f"2024-{month:02d}-{day:02d}"
    end = f"2024-{month:02d}-{min(28, day + stay):02d}"
    total = r.randrange(100_000, 5_000_000)
    patient = r.randrange(0, total // 2)
    text = lambda fen: f"{fen // 100}.{fen % 100:02d}"  # noqa: E731
    return {
        "setl_id": f"S{number}", "fixmedins_code": r.choice(PLACES), "insutype": some(r, *INSUTYPES, "310", "510"),
        "setl_time": some(r, end, end, "2023-12-31", "2024-06-20"), "clr_type": some(r, "21", "21", "", "11", "12"),
        "psn_no": some(r, "P1", "P2", "P3", ""), "begndate": maybe(r, begin, 0.9), "enddate": maybe(r, end, 0.9), "ipt_days": maybe(r, str(stay), 0.3),
        "age": maybe(r, str(r.randrange(0, 99)), 0.8), "group_code": some(r, "G1", "G1", *GROUPS), "severity": some(r, "", "0", "1"),
        "treatment": some(r, "", "", "chemo"), "cmpl_flag": some(r, "1", "1", "0", ""), "medfee_sumamt": text(total), "psn_part_amt": text(patient),
        "fund_pay_sumamt": text(total - patient), "oth_fund_amt": maybe(r, yuan(r, 0, 50), 0.3), "fulamt_ownpay_amt": maybe(r, yuan(r, 0, 900), 0.5),
        "overlmt_selfpay": maybe(r, yuan(r, 0, 90), 0.3), "preselfpay_amt": maybe(r, yuan(r, 0, 200), 0.5), "act_pay_dedc": maybe(r, yuan(r, 0, 1300), 0.5),
        "psn_cash_pay": text(patient), "exct_item_amt": maybe(r, "500", 0.1), "exct_item_fund_payamt": maybe(r, "333.33", 0.1),
        "fund_rate": maybe(r, "0.777777", 0.8), "review_points": maybe(r, "123.4567", 0.05), "review_amt": maybe(r, "4321.09", 0.05),
    }  # fmt: skip


def tables(r: Random, cases: int) -> dict[str, list[dict[str, str]]]:
    """Tables for any of the documents."""
    groups = [
        {"group_code": code, "hosp_lv": level, "points": yuan(r, 10, 200), "weight": f"0.{r.randrange(1, 999999):06d}", "mean_amt": yuan(r, 500, 20000),
         "amount": yuan(r, 100, 15000), "bed_day": some(r, "0", "0", "1")}
        for code in GROUPS[:3] for level in ("", "02") if not level or r.random() < 0.4
    ]  # fmt: skip
    institutions = [
        {
            "fixmedins_code": code,
            "hosp_lv": level,
            "case_mix": some(r, "", "0.37", "-0.1", "1.52"),
            "begndate": begin,
            "enddate": end,
        }
        for code, level in zip(PLACES[:2], LEVELS)
        for begin, end in (("", "2024-07-01"), ("2024-07-01", ""))
    ]
    periods = ["2023", "2024", *(f"2024-{month:02d}" for month in range(1, 13))]
    low = some(r, (900_000, 2_000_000), (900_000, 2_000_000), (300, 90_000))
    budgets = [
        {"pool": pool, "period": period, "budget": yuan(r, *low)} for pool in ("one", "two") for period in periods
    ]
    quotas = [
        {"fixmedins_code": code, "insutype": insutype, "clr_type": clr_type, "year": "2024", "heads": str(r.randrange(1, 999)), "budget": yuan(r, 0, 90000)}
        for code in PLACES for insutype in INSUTYPES for clr_type in ("11", "12", "21")
    ]  # fmt: skip
    quotas += [
        {
            "fixmedins_code": code,
            "year": "2024",
            "score": some(r, "59", "60", "95"),
            "opt_psntime": some(r, "", "10", "10000"),
        }
        for code in PLACES
    ]
    return {
        "cases": [case(r, number) for number in range(cases)],
        "groups": groups,
        "institutions": institutions,
        "budgets": budgets,
        "quotas": quotas,
    }


def wanted(docs: Any, text: dict[str, list[dict[str, str]]]) -> dict[str, list[dict[str, str]]]:
    """The tables without what is an error: budgets of pools that no document names; an institution that only quotas have gets a row that says
    nothing of it."""
    named = {pool for doc in (docs if isinstance(docs, list) else [docs]) for pool in doc.get("pools", {})}
    known = {row["fixmedins_code"] for name in ("cases", "institutions") for row in text.get(name, [])}
    lone = dict.fromkeys(row["fixmedins_code"] for row in text.get("quotas", []) if row["fixmedins_code"] not in known)
    out = dict(text)
    if text.get("institutions"):
        out["institutions"] = [*text["institutions"], *({"fixmedins_code": code} for code in lone)]
    if "budgets" in text:
        out["budgets"] = [row for row in text["budgets"] if row["pool"] in named]
    return out
