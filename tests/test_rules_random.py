"""Settling with rules on random policies, bills and rules: what findings move is moved by hand here, and the reference settles it.

CI takes `SEEDS` of them; `YBCORE_RULES_SEEDS` asks for another number, `YBCORE_RULES_SEED` for others.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
import ybcore
from compare import TABLES, VISIT_COLUMNS, Kernel
from generate.policies import book
from generate.population import population
from generate.tables import arrow
from ybcore import reference

Row = dict[str, Any]
CHUNKS = 4
SEEDS = int(os.environ.get("YBCORE_RULES_SEEDS", "48"))
FIRST_SEED = int(os.environ.get("YBCORE_RULES_SEED", "0"))
VISITS = 60
PREFIXES = ("A", "B", "C", "D", "T", "W", "V", "X", "A1", "B2")
PRICED = ("A1", "A2", "B1", "B3", "C1", "D1", "T1", "T2", "V1")
FREE = {"feedetl_sn", "init_feedetl_sn", "pric"}


def rule(draw: random.Random, number: int) -> Row:
    kind = draw.choice(["whole", "cap", "cap", "price", "money", "visit"])
    out: Row = {
        "id": f"R{number}", "name": {"zh": "规则", "en": "rule"}, "source": "s", "items": {"prefix": draw.sample(PREFIXES, draw.randint(1, 5))},
        "severity": "1", "priority": str(draw.randint(1, 50)), "disposition": draw.choice(["deny", "deny", "hold", "suspect"]),
    }  # fmt: skip
    if kind == "price":
        return {**out, "kernel": "K03", "check": {}, "amount": "price_diff", "items": {"table": "ceilings"}}
    group, measure, cap, amount = {
        "whole": ("line", "quantity", "0", "whole_line"),
        "cap": (draw.choice(["line", "visit", "day"]), "quantity", draw.choice(["0.3333", "0.5", "1", "2", "5"]), "excess_qty"),
        "money": (draw.choice(["line", "visit"]), "amount", draw.choice(["5", "50", "300", "1000.01"]), "excess_qty"),
        "visit": ("visit", "quantity", draw.choice(["1", "3"]), draw.choice(["whole_line", "visit_total"])),
    }[kind]  # fmt: skip
    look = {"group": group, "measure": measure, "cap": cap, "comparator": "more_than"}
    return {**out, "kernel": "K06", "check": look, "amount": amount}


def rules_of(seed: int) -> list[Row]:
    draw = random.Random(seed)
    ceilings = [{"med_list_codg": code, "ceiling": draw.choice(["0.01", "3", "33.33", "120"])} for code in PRICED]
    return [{"format": "ybcore-rules/1", "id": "d", "version": "1", "name": {"zh": "册", "en": "book"}, "layer": "base", "from": "open",
             "known_since": "2000-01-01", "source": "s", "tables": {"ceilings": {"key": "med_list_codg", "rows": ceilings}},
             "rules": [rule(draw, i) for i in range(draw.randint(1, 4))]}]  # fmt: skip


def moved_by_hand(lines: list[Row], moved: Any) -> list[Row]:
    """A line denied as a whole says so; of a part what stays, what was returned of it and what is denied stand apart."""
    back = {row: (fen, units) for row, fen, units in zip(*(column.tolist() for column in (moved.returned.rows, moved.returned.amount, moved.returned.quantity)))}  # fmt: skip
    out: list[Row] = []
    for row, line in enumerate(lines):
        fen, units = int(moved.amount[row]), int(moved.quantity[row])
        whole = line["det_item_fee_sumamt"]
        if fen in (0, whole):
            out.append({**line, "deny_flag": "1"} if fen else line)
            continue
        count = 10_000 if line.get("cnt") is None else line["cnt"]
        back_fen, back_units = back.get(row, (0, 0))
        bare = {name: cell for name, cell in line.items() if name not in FREE}
        names = {name: line[name] for name in FREE - {"pric"} if name in line}
        out.append({**bare, **names, "det_item_fee_sumamt": whole - fen - back_fen, "cnt": count - units - back_units})
        if back_fen or back_units:
            out.append({**bare, "det_item_fee_sumamt": back_fen, "cnt": back_units})
        out.append({**bare, "det_item_fee_sumamt": fen, "cnt": units, "deny_flag": "1"})
    return out


def total(settled: Any, name: str) -> int:
    return sum(settled.visits[name].to_pylist())


def faults(seed: int) -> list[Any]:
    """Everything that does not add up in one book, population and set of rules."""
    documents = book(seed)
    tables = population(seed, documents, persons=max(4, VISITS // 7), visits=VISITS)
    engine = Kernel(documents, tables["catalog"]).engine
    given = {name: arrow(name, tables[name]) for name in TABLES if tables.get(name) is not None}
    rules = ybcore.load_rules(rules_of(seed))
    plain, done = engine.settle(**given, line_output=True), engine.settle(**given, rules=rules, line_output=True)
    beside = (given.get(name) for name in ("visits", "lines", "persons", "institutions"))
    found = ybcore.check(*beside, rules=rules, catalog=engine.catalog, stage="during", threads=1)
    hand = reference.settle(documents, **{**tables, "lines": moved_by_hand(tables["lines"], found.denials())})
    on_sums = any(s.get("at", "line") != "line" for d in documents for s in d.get("pricing", {}).get("first_pay", []))
    out: list[Any] = []
    rows, before = done.visits.to_pylist(), plain.visits.to_pylist()
    for row, wanted, was in zip(rows, hand.rows, before):
        differs = {name: (row[name], wanted[name]) for name in VISIT_COLUMNS if name != "flags" and row[name] != wanted[name]}  # fmt: skip
        out += [(row["setl_id"], differs)] if differs else []
        # First pay on sums may leave less than nothing of lines with other ratios (docs/settlement.md section 3).
        if was["outcome"] != row["outcome"] and was["outcome"] != "rejected" and not on_sums:
            out.append((row["setl_id"], was["outcome"], row["outcome"], row["reason"]))
        natures = sum(row[name] for name in ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt"))
        if row["outcome"] in ("settled", "no_benefit") and not (
            natures == row["fund_pay_sumamt"] + row["hosp_part_amt"] + row["psn_part_amt"] == row["medfee_sumamt"]
            and row["psn_part_amt"] == row["acct_pay"] + row["acct_mulaid_pay"] + row["psn_cash_pay"]
        ):
            out.append(("does not add up", row))
    settled = {row["setl_id"] for row in rows if row["outcome"] in ("settled", "no_benefit")}
    parts = ("fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt")
    assert done.lines is not None
    for line in done.lines.to_pylist():
        if line["setl_id"] in settled and sum(line[name] for name in parts) != line["det_item_fee_sumamt"]:
            out.append(("does not add up", line))
    told, findings = done.receipt["rules"], done.checks.findings
    moved = [told.get(name, 0) for name in ("moved_fen", "own_fen", "rejected_fen")]
    sums = {
        "paid": (sum(done.checks.details["paid_amt"].to_pylist()), sum(moved)),
        "full self-pay": (total(done, "fulamt_ownpay_amt") - total(plain, "fulamt_ownpay_amt"), moved[0]),
        "recovered": (total(plain, "fund_pay_sumamt") - total(done, "fund_pay_sumamt"), sum(findings["recover_amt"].to_pylist())),
        "own": (sum(findings["own_amt"].to_pylist()), moved[1]),
    }  # fmt: skip
    return out + [(name, pair) for name, pair in sums.items() if pair[0] != pair[1]]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_rules_move_what_they_say(chunk: int):
    for seed in range(FIRST_SEED + chunk, FIRST_SEED + SEEDS, CHUNKS):
        found = faults(seed)
        assert not found, (seed, len(found), found[:3])


# Seed 12: an id that stands twice, the second time with a person of another settling group.
@pytest.mark.parametrize("seed", [12])
def test_cases_that_went_wrong(seed: int):
    assert faults(seed) == []
