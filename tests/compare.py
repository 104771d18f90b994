"""The reference beside the kernel: both sides of a run in one form, and every place where they differ.

`difference` and `smallest` are for people: the first difference, and the fewest persons and visits that still show it.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from generate.policies import yaml_text
from generate.tables import arrow
from ybcore import reference
from ybcore.catalog import Catalog
from ybcore.engine import Engine
from ybcore.policy import load_book, load_policy

VISIT_COLUMNS = (
    *("setl_id", "psn_no", "outcome", "reason", "flags", "policy_id", "plan_id", "pool_prop_selfpay", "balc"),
    *reference.MONEY,
)
LINE_COLUMNS = (
    *("det_item_fee_sumamt", "fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt"),
    *("chrgitm_lv", "selfpay_prop", "pric_uplmt_amt", "reason"),
)
DETAIL_COLUMNS = (
    *("layer", "payer", "base", "eligible", "dedc_std", "due", "deductible", "pay", "cut_fund", "cut_expense", "room"),
)
TABLES = ("visits", "lines", "persons", "institutions", "acct_events")


@dataclass
class Side:
    """One engine's answer. `lines` by (setl_id, feedetl_sn); `detail` by setl_id, in the order of the layers."""

    visits: list[tuple]
    lines: dict[tuple, tuple]
    detail: dict[Any, list[tuple]]
    counters: dict[tuple, int] = field(default_factory=dict)
    accounts: dict[str, tuple] = field(default_factory=dict)
    standing: dict[Any, tuple] = field(default_factory=dict)
    state: Any = None


def picked(row: dict[str, Any], columns: tuple[str, ...]) -> tuple:
    return tuple(row[column] for column in columns)


def by_visit(detail: list[dict[str, Any]]) -> dict[Any, list[tuple]]:
    out: dict[Any, list[tuple]] = {}
    for row in detail:
        out.setdefault(row["setl_id"], []).append(picked(row, DETAIL_COLUMNS))
    return out


# ---------------------------------------------------------------------- the two sides


def by_reference(documents: list[dict], tables: dict[str, Any], state: reference.State | None = None) -> Side:
    done = reference.settle(documents, **tables, state=state)
    counters = {counter_name(key): value for key, value in done.state.counters.items() if value}
    standing = {
        r.setl_id: (
            *(r.psn_no, r.mdtrt_id, r.scheme, r.enddate),
            tuple(sorted((*counter_name(key)[:1], key[3], value) for key, value in r.contributions)),
        )
        for r in done.state.standing
    }
    return Side(
        [picked(row, VISIT_COLUMNS) for row in done.rows],
        {(row["setl_id"], row["feedetl_sn"]): picked(row, LINE_COLUMNS) for row in done.lines},
        by_visit(done.detail),
        counters,
        {psn: (a.balance,) for psn, a in done.state.accounts.items()},
        standing,
        done.state,
    )


def counter_name(key: tuple) -> tuple:
    """(name, owner, within, period) of a counter of the reference, as the engine's state names it."""
    scheme, name, scope, period = key
    owner = f"household {scope[1]}" if scope[0] == "household" else scope[0]
    within = (scope[2] or None) if len(scope) == 3 else None
    return (str(plain_name(scheme, name)), owner, within, period)


def plain_name(scheme: str, name: Any) -> tuple:
    """A counter's name whatever the order in which its terms were written."""
    if isinstance(name, str):
        return (scheme, name)
    _, terms, period, scope = name
    if scope.startswith("{"):
        scope = "attribute:" + scope.split("'")[3]
    return (scheme, "own", tuple(sorted(terms)), period, scope)


def engine_within(text: str | None) -> str | None:
    """The value of an attribute is named with its attribute."""
    return json.loads(text)[1] or None if text and text.startswith("[") else text or None


def engine_name(text: str) -> str:
    scheme, name = json.loads(text)
    if isinstance(name, str):
        return str((scheme, name))
    _, terms, period, scope = name
    words = tuple(
        sorted(("-" if s < 0 else "") + (f"{kind}.{q}" if kind == "payer" else f"{la}.{q}") for s, kind, la, q in terms)
    )
    return str((scheme, "own", words, period, scope))


class Kernel:
    """An engine for one book and catalogue, asked with the tables of the generators."""

    def __init__(self, documents: list[dict], catalog: dict[str, list[dict]] | None, threads: int = 1) -> None:
        tables = None if catalog is None else Catalog(**{name: arrow(name, rows) for name, rows in catalog.items()})
        self.engine = Engine(load_book([load_policy(doc) for doc in documents]), tables, threads=threads)

    def run(self, tables: dict[str, Any], state: Any = None) -> Any:
        given = {name: arrow(name, tables[name]) for name in TABLES if tables.get(name) is not None}
        return self.engine.settle(**given, state=state, line_output=True, detail=True)


def by_kernel(documents: list[dict], tables: dict[str, Any], threads: int = 1, state: Any = None) -> Side:
    return side_of(Kernel(documents, tables.get("catalog"), threads).run(tables, state))


def side_of(done: Any) -> Side:
    visits = done.visits.to_pylist()
    settled = {row["setl_id"] for row in visits if row["outcome"] in ("settled", "no_benefit")}
    lines = [] if done.lines is None else done.lines.to_pylist()
    counters = done.state.counters().to_pylist()
    accounts = done.state.accounts().to_pylist()
    return Side(
        [picked(row, VISIT_COLUMNS) for row in visits],
        {(r["setl_id"], r["feedetl_sn"]): picked(r, LINE_COLUMNS) for r in lines if r["setl_id"] in settled},
        by_visit(done.detail.to_pylist()),
        {
            (engine_name(r["counter"]), r["owner"], engine_within(r["within"]), r["period"]): r["value"]
            for r in counters
            if r["value"]
        },
        {r["psn_no"]: (r["balc"],) for r in accounts},
        {
            r["setl_id"]: (
                *(r["psn_no"], r["mdtrt_id"], r["scheme"], r["enddate"]),
                tuple(sorted((engine_name(n), p, a) for n, p, a in r["contributions"])),
            )
            for r in done.state._records()
        },
        done.state,
    )


# ---------------------------------------------------------------------- comparing


def differences(ours: Side, theirs: Side, most: int = 10) -> list[str]:
    """What differs, at most `most` places; empty when the two agree on everything."""
    out: list[str] = []
    if len(ours.visits) != len(theirs.visits):
        out.append(f"visits: {len(ours.visits)} rows against {len(theirs.visits)}")
    for number, (a, b) in enumerate(zip(ours.visits, theirs.visits)):
        if a != b:
            out.append(f"visit {number} {a[0]}: {cells(VISIT_COLUMNS, a, b)}")
        if len(out) >= most:
            return out
    for what, columns in (("lines", LINE_COLUMNS), ("detail", DETAIL_COLUMNS)):
        out += keyed(what, getattr(ours, what), getattr(theirs, what), columns)
    out += keyed("counters", ours.counters, theirs.counters)
    out += keyed("accounts", ours.accounts, theirs.accounts, only_common=True)
    out += keyed("standing", ours.standing, theirs.standing)
    return out[:most]


def keyed(what: str, a: dict, b: dict, columns: tuple[str, ...] = (), only_common: bool = False) -> list[str]:
    """Differences of two mappings. `only_common`: an account nobody used may be absent on one side."""
    out = []
    for key in dict.fromkeys((*a, *b)):
        if key not in a or key not in b:
            if not only_common:
                out.append(
                    f"{what} {key}: only on the {'second' if key not in a else 'first'} side: {a.get(key, b.get(key))}"
                )
        elif a[key] != b[key]:
            if what == "detail" and len(a[key]) == len(b[key]):
                parts = [cells(columns, x, y) for x, y in zip(a[key], b[key]) if x != y]
                out.append(f"detail {key}: {'; '.join(parts)}")
            else:
                out.append(
                    f"{what} {key}: {cells(columns, a[key], b[key]) if columns and what == 'lines' else (a[key], b[key])}"
                )
    return out


def cells(columns: tuple[str, ...], a: tuple, b: tuple) -> str:
    return ", ".join(f"{name} {x!r} against {y!r}" for name, x, y in zip(columns, a, b) if x != y)


# ---------------------------------------------------------------------- the smallest example

Differ = Callable[[list[dict], dict[str, Any]], bool]


def kernel_differs(documents: list[dict], tables: dict[str, Any]) -> bool:
    """Whether the two sides differ; a kernel that raises differs too."""
    expected = by_reference(documents, tables)
    try:
        return bool(differences(expected, by_kernel(documents, tables)))
    except Exception:
        return True


def smallest(
    documents: list[dict], tables: dict[str, Any], whole: Differ = kernel_differs, seconds: int = 60
) -> tuple[list[dict], dict[str, Any]]:
    """Fewer visits, persons, lines and columns as long as `whole` holds; greedy, halves first, for so many seconds."""
    end = time.monotonic() + seconds

    def differs(documents: list[dict], tables: dict[str, Any]) -> bool:
        return time.monotonic() < end and whole(documents, tables)

    for name in ("visits", "persons", "lines", "acct_events", "institutions"):
        if tables.get(name):
            tables = fewer_rows(documents, tables, name, differs)
    for number, row in enumerate(tables["visits"]):
        for column in list(row):
            slim = {k: v for k, v in tables["visits"][number].items() if k != column}
            rows = [*tables["visits"][:number], slim, *tables["visits"][number + 1 :]]
            if column not in ("setl_id", "psn_no", "setl_time", "med_type") and held(
                differs, documents, {**tables, "visits": rows}
            ):
                tables = {**tables, "visits": rows}
    return fewer_keys(documents, tables, differs), tables


def held(differs: Differ, documents: list[dict], tables: dict[str, Any]) -> bool:
    try:
        return differs(documents, tables)
    except Exception:
        return False


def fewer_rows(documents: list[dict], tables: dict[str, Any], name: str, differs: Differ) -> dict[str, Any]:
    size = max(1, len(tables[name]) // 2)
    while True:
        at = 0
        while at < len(tables[name]):
            rows = tables[name][:at] + tables[name][at + size :]
            if held(differs, documents, {**tables, name: rows}):
                tables = {**tables, name: rows}
            else:
                at += size
        if size == 1:
            return tables
        size = max(1, size // 2)


def fewer_keys(documents: list[dict], tables: dict[str, Any], differs: Differ) -> list[dict]:
    """Keys and list items of the documents that the difference does not need."""

    def paths(node: Any, path: tuple = ()) -> list[tuple]:
        if isinstance(node, dict):
            inner = [p for key, value in node.items() for p in [(*path, key), *paths(value, (*path, key))]]
        elif isinstance(node, list):
            inner = [p for key, value in enumerate(node) for p in [(*path, key), *paths(value, (*path, key))]]
        else:
            inner = []
        return inner

    for path in sorted(paths(documents), key=lambda p: (len(p), [str(s) for s in p]), reverse=False):
        trial = copy.deepcopy(documents)
        try:
            holder: Any = trial
            for step in path[:-1]:
                holder = holder[step]
            del holder[path[-1]]
            load_book([load_policy(doc) for doc in trial])
        except Exception:
            continue
        if held(differs, trial, tables):
            documents = trial
    return documents


def show(documents: list[dict], tables: dict[str, Any]) -> str:
    """Documents as YAML and tables as rows, for a person to read."""
    out = [yaml_text(doc) for doc in documents]
    for name in TABLES:
        for row in tables.get(name) or []:
            out.append(f"{name}: { {k: v for k, v in row.items() if v is not None} }")
    if tables.get("lines"):
        used = {line["med_list_codg"] for line in tables["lines"]}
        for name, rows in tables["catalog"].items():
            out += [f"catalog {name}: {row}" for row in rows if row["med_list_codg"] in used]
    return "\n".join(out)
