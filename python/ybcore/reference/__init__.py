"""The law in plain exact Python: what settling means, for whoever wants to check it against the rules on paper.

It reads the same documents as the kernel, as nested dict, list and text, before any validation or compilation, and uses nothing but
the standard library. It is the judge of the kernel and the voice of ``explain``; it is never a fallback for it.

``settle`` takes lists of dicts with plain Python values: codes as text, money in whole fen, dates as days since 1970-01-01,
``setl_time`` as seconds since 1970-01-01, ``cnt`` in 1/10000, ``pric`` and caps in 1/1000000 yuan, ratios in millionths; a missing
value is None or absent. The tables and columns are those of docs/inputs.md, the steps those of docs/settlement.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .figures import Facts
from .ledger import Ledger, Record
from .numbers import Reject
from .pricing import returned_lines
from .run import MONEY, SPLIT, World, add_parts, parts_of, reverse, settle_part
from .visit import Trace

__all__ = ["MONEY", "Facts", "Result", "State", "settle"]


@dataclass
class State:
    """What a later run needs: the ledgers of all persons, merged, and who every other id belongs to and why it cannot be reversed."""

    counters: dict[Any, int] = field(default_factory=dict)
    accounts: dict[str, Any] = field(default_factory=dict)
    standing: list[Record] = field(default_factory=list)
    reversed: dict[Any, str] = field(default_factory=dict)
    refused: dict[Any, tuple[str, str]] = field(default_factory=dict)


@dataclass
class Result:
    """``rows`` in the order of the visits, ``lines`` and ``detail`` in the order they were settled, and the closing state."""

    rows: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    detail: list[dict[str, Any]]
    state: State


def settle(
    documents: list[dict],
    *,
    visits: list[dict],
    persons: list[dict] | None = None,
    institutions: list[dict] | None = None,
    lines: list[dict] | None = None,
    catalog: dict[str, list[dict]] | None = None,
    acct_events: list[dict] | None = None,
    state: State | None = None,
    trace: Trace = None,
) -> Result:
    """Settle visits under a book of documents; see docs/settlement.md for what each step does."""
    world = World(documents, catalog, persons, institutions, acct_events)
    by_visit: dict[Any, list[dict]] = {}
    for line in lines or []:
        by_visit.setdefault(line["setl_id"], []).append(line)
    events = [prepared(visit, i, by_visit) for i, visit in enumerate(visits)]
    result = Result([{} for _ in visits], [], [], State())
    opening = state or State()
    ledgers = open_ledgers(opening, groups(documents, events, persons, opening))
    first_row: dict[Any, dict] = {}
    known = {record.setl_id: record.psn_no for record in opening.standing} | opening.reversed
    known |= {setl_id: psn_no for setl_id, (psn_no, _) in opening.refused.items()}
    for event in events:
        if bad(event):
            reject(result, event, "bad_value")
        elif event["setl_id"] in first_row or event["setl_id"] in known:
            reject(result, event, "duplicate_setl_id")
        else:
            first_row[event["setl_id"]] = event
    order = sorted((e for e in first_row.values()), key=lambda e: order_key(e, world.order_rule))
    for position, event in enumerate(order):
        event["position"] = position
    ledgers.open_accounts(order, world)
    for event in order:
        ledger = ledgers.of(event["psn_no"])
        try:
            if event["refd_setl_flag"] == "1":
                row = reversal(event, ledger, first_row, known, opening, result, world, trace)
            else:
                row = one_visit(event, ledger, result, world, trace)
            result.rows[event["row"]] = {"setl_id": event["setl_id"], "psn_no": event["psn_no"], **row}
        except Reject as refusal:
            reject(result, event, refusal.reason)
    result.state = ledgers.close(opening)
    for event in order:
        if event["refd_setl_flag"] == "1":
            result.state.refused[event["setl_id"]] = (event["psn_no"], "reversal_of_reversal")
        elif result.rows[event["row"]]["outcome"] not in ("settled", "no_benefit"):
            result.state.refused[event["setl_id"]] = (event["psn_no"], "original_not_settled")
    return result


def prepared(visit: dict, row: int, by_visit: dict[Any, list[dict]]) -> dict[str, Any]:
    """A visit with its defaults."""
    out = dict(visit)
    out["row"] = row
    out["mdtrt_id"] = visit.get("mdtrt_id") or visit.get("setl_id")
    out["refd_setl_flag"] = str(visit.get("refd_setl_flag") or "0")
    day = None if visit.get("setl_time") is None else visit["setl_time"] // 86400
    for name in ("begndate", "enddate"):
        out[name] = day if visit.get(name) is None else visit[name]
    if visit.get("ipt_days") is None and day is not None:
        out["ipt_days"] = max(1, out["enddate"] - out["begndate"])
    given = any(visit.get(column) is not None for column in visit if column in SPLIT or "." in column)
    mine = by_visit.pop(visit.get("setl_id"), [])  # lines belong to the first row of their id
    out["lines"] = None if given and not mine else mine
    out["all_lines"] = mine
    return out


def bad(event: dict) -> bool:
    required = ["setl_id", "psn_no", "setl_time"] + ([] if event["refd_setl_flag"] == "1" else ["med_type"])
    if any(event.get(name) in (None, "") for name in required):
        return True
    return (
        event["enddate"] < event["begndate"]
        or event["ipt_days"] < 0
        or any(line.get("det_item_fee_sumamt") is None for line in event["all_lines"])
        or circular(event["all_lines"])
    )


def circular(lines: list[dict]) -> bool:
    """Whether lines return each other."""
    try:
        for line in lines:
            returned_lines(line, lines)
    except Reject:
        return True
    return False


def order_key(event: dict, rule: str) -> tuple[Any, ...]:
    setl_id = event["setl_id"]
    name = setl_id.encode() if isinstance(setl_id, str) else setl_id
    event["order_date"] = event["enddate"] if rule == "discharge" else event["setl_time"] // 86400
    return (event["enddate"], event["setl_time"], name) if rule == "discharge" else (event["setl_time"], name)


def reject(result: Result, event: dict, reason: str) -> None:
    """The row stays, unsettled, with its reason."""
    row: dict[str, Any] = dict.fromkeys(MONEY, 0)
    total = (
        sum(line.get("det_item_fee_sumamt") or 0 for line in event["all_lines"])
        if event["lines"] is not None
        else event.get("medfee_sumamt") or 0
    )
    row["medfee_sumamt"] = 0 if event["refd_setl_flag"] == "1" else total
    outcome = "not_enrolled" if reason == "not_enrolled" else "rejected"
    row.update(
        outcome=outcome,
        reason="" if reason == "not_enrolled" else reason,
        flags=0,
        policy_id="",
        plan_id="",
        pool_prop_selfpay=0,
        balc=0,
    )
    result.rows[event["row"]] = {"setl_id": event.get("setl_id"), "psn_no": event.get("psn_no"), **row}


def one_visit(event: dict, ledger: Ledger, result: Result, world: World, trace: Trace) -> dict[str, Any]:
    """Settle one visit; nothing is kept of a visit that is rejected half-way."""
    kept = {psn: (a.balance, a.opening, a.start, a.through) for psn, a in ledger.accounts.items()}
    rows: list[dict] = []
    lines: list[dict] = []
    detail: list[dict] = []
    records: list[Record] = []
    counters = dict(ledger.counters)
    try:
        for part in parts_of(world, event, event["lines"]):
            row, record, steps = settle_part(world, part, ledger, trace, lines)
            ledger.add(record.contributions)
            rows.append(row)
            records.append(record)
            detail += steps
    except Reject:
        ledger.counters = counters
        for psn, account in list(ledger.accounts.items()):
            if psn in kept:
                account.balance, account.opening, account.start, account.through = kept[psn]
            else:
                del ledger.accounts[psn]
        raise
    row = add_parts(rows)
    record = records[-1]
    for other in records[:-1]:
        record.contributions += other.contributions
        record.admissions += other.admissions
        record.standards += other.standards
        record.account += other.account
        for layer, used in other.stay_used.items():
            record.stay_used[layer] = record.stay_used.get(layer, 0) + used
        for layer, (standard, used) in other.chain.items():
            mine = record.chain.get(layer, (0, 0))
            record.chain[layer] = (max(mine[0], standard), mine[1] + used)
    record.columns = {k: row[k] for k in (*MONEY, "flags", "policy_id", "plan_id", "pool_prop_selfpay")}
    record.columns["has_account"] = (
        next(d for d in world.documents if d["id"] == row["policy_id"]).get("accounts") is not None
    )
    record.outcome = row["outcome"]
    ledger.standing.append(record)
    result.lines += lines
    result.detail += detail
    return row


def reversal(
    event: dict,
    ledger: Ledger,
    first_row: dict[Any, dict],
    known: dict[Any, str],
    opening: State,
    result: Result,
    world: World,
    trace: Trace,
) -> dict[str, Any]:
    """Find what a reversal names, or say why it cannot be reversed."""
    name = event.get("init_setl_id")
    original = first_row.get(name) if name is not None else None
    owner = original["psn_no"] if original is not None else known.get(name)
    if owner is None:
        raise Reject("unknown_original")
    if owner != event["psn_no"]:
        raise Reject("other_person")
    if original is None and name in opening.refused:
        raise Reject(opening.refused[name][1])
    if original is not None:
        if original["refd_setl_flag"] == "1":
            raise Reject("reversal_of_reversal")
        if original["position"] > event["position"]:
            raise Reject("reversal_before_original")
        if result.rows[original["row"]]["outcome"] not in ("settled", "no_benefit"):
            raise Reject("original_not_settled")
    standing = next((r for r in ledger.standing if r.setl_id == name), None)
    if standing is None:
        raise Reject("already_reversed")
    row = reverse(ledger, standing, event, world)
    if trace:
        trace({"step": "reversal", "visit": event, "record": standing})
    return row


def groups(documents: list[dict], events: list[dict], persons: list[dict] | None, opening: State) -> dict[str, str]:
    """Who is settled together: psn_no → the name of the group."""
    scopes = [c.get("scope") for d in documents for c in d.get("counters", {}).values()]
    for d in documents:
        layers = [*d.get("layers", {}).values(), *(layer for p in d["plans"] for layer in p.get("layers", []))]
        for layer in layers:
            scopes += [c.get("scope") for c in layer.get("ceilings", [])] + [
                layer.get("deductible", {}).get("scope") if isinstance(layer.get("deductible"), dict) else None
            ]
            scopes += [layer.get("once", {}).get("scope")]
        scopes.append(d.get("admissions", {}).get("scope"))
    households = "household" in scopes
    mutual = any((d.get("accounts") or {}).get("mutual_aid") == "true" for d in documents)
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for row in [*(persons or []), *events]:
        psn = row.get("psn_no")
        if psn is None:
            continue
        root(psn)
        if households and row.get("hsld_no"):
            parent[root(psn)] = root(f"household {row['hsld_no']}")
        if mutual and row.get("mulaid_psn_no"):
            parent[root(psn)] = root(row["mulaid_psn_no"])
    # What earlier settlements gave a household can still be reversed.
    for record in opening.standing:
        for key, _ in record.contributions:
            if key[2][0] == "household":
                parent[root(record.psn_no)] = root(f"household {key[2][1]}")
    return {psn: root(psn) for psn in list(parent)}


class Ledgers:
    """One ledger per settling group."""

    def __init__(self, group_of: dict[str, str]) -> None:
        self.group_of, self.ledgers = group_of, dict[str, Ledger]()

    def of(self, psn_no: str) -> Ledger:
        return self.ledgers.setdefault(self.group_of.get(psn_no, psn_no), Ledger())

    def open_accounts(self, order: list[dict], world: World) -> None:
        """Every member of a group that takes part has an account, from the insurance year of the group's first day on."""
        first_day: dict[str, int] = {}
        visits: dict[str, list[dict]] = {}
        for event in order:
            group = self.group_of.get(event["psn_no"], event["psn_no"])
            first_day[group] = min(event["order_date"], first_day.get(group, event["order_date"]))
            visits.setdefault(group, []).append(event)
        for psn_no, group in self.group_of.items():
            if group in first_day and not str(psn_no).startswith("household "):
                world.open_account(self.ledgers.setdefault(group, Ledger()), psn_no, visits[group], first_day[group])

    def close(self, opening: State) -> State:
        out = State(refused=dict(opening.refused))
        for ledger in self.ledgers.values():
            out.counters.update({k: v for k, v in ledger.counters.items() if v})
            out.accounts.update(ledger.accounts)
            out.standing += ledger.standing
            out.reversed.update(ledger.reversed)
        return out


def open_ledgers(opening: State, group_of: dict[str, str]) -> Ledgers:
    """Give each group what the opening state remembers of its members."""
    ledgers = Ledgers(group_of)
    for key, value in opening.counters.items():
        scope = key[2]
        owner = f"household {scope[1]}" if scope[0] == "household" else scope[0]
        ledgers.of(owner).counters[key] = value
    for psn_no, account in opening.accounts.items():
        ledgers.of(psn_no).accounts[psn_no] = type(account)(
            account.balance, account.opening, account.start, account.through
        )
    for record in opening.standing:
        ledgers.of(record.psn_no).standing.append(record)
    for setl_id, psn_no in opening.reversed.items():
        ledgers.of(psn_no).reversed[setl_id] = psn_no
    return ledgers
