"""The rules of the benchmark: shipped ones as they are, and rules over every line and visit with figures of our own.

The peers read the same tables and figures out of the documents (`Workload.figures`), with items as numbers of the catalogue.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

COLUMNS = ("line", "rule", "measure", "excess", "amount")
UNIT = 10_000
CAP = 60  # units of an item a day and visit
WINDOW_UNITS = 50  # units of an item and person in WINDOW_DAYS
WINDOW_DAYS = 30
VISIT_WINDOWS = ((30, 3), (90, 6))  # (days, more than so many visits)
SCOPES = ("单日", "单次就诊", "6小时", "同一小时")
REACH = 6 * 3_600_000_000


@cache
def shipped() -> dict[str, Any]:
    """The national document with its tables' rows inline."""
    from ybcore.checks import load_rules, shipped_rules

    return next(doc for doc in load_rules(shipped_rules()).plain() if doc["id"] == "national-2025")


def national_items() -> set[str]:
    """Every item of the national tables."""
    columns = ("med_list_codg", "item", "main", "included")
    return {row[c] for table in shipped()["tables"].values() for row in table["rows"] for c in columns if row.get(c)}


def only(rules: Sequence[str]) -> dict[str, Any]:
    """The national document with some of its rules."""
    doc = copy.deepcopy(shipped())
    doc["rules"] = [rule for rule in doc["rules"] if rule["id"] in rules]
    named = {rule["items"]["table"] for rule in doc["rules"]}
    inline = {
        name: {key: part for key, part in table.items() if key != "file"} for name, table in doc["tables"].items()
    }
    doc["tables"] = {name: table for name, table in inline.items() if name in named}
    return doc


def own(**rule: Any) -> dict[str, Any]:
    """A document of one rule."""
    return {
        "format": "ybcore-rules/1", "id": "benchmark", "version": "1", "name": {"zh": "基准", "en": "benchmark"}, "layer": "base", "region": "*",
        "from": "open", "known_since": "2000-01-01", "source": "figures of the benchmark",
        "rules": [{"id": "B1", "name": {"zh": "基准", "en": "benchmark"}, "disposition": "suspect", "severity": "2", "source": "benchmark", **rule}],
    }  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Workload:
    """Rules that are found together. `wanted`: how many times faster than the faster peer ybcore's kernel shall be on one thread."""

    name: str
    title: str
    wanted: float
    document: dict[str, Any]
    on: str = "lines"

    def rows(self, table: str) -> list[dict[str, str]]:
        return self.document["tables"][table]["rows"]


def numbers(codes: Sequence[str], items: Sequence[str]) -> npt.NDArray[np.int32]:
    """Items as numbers of the catalogue; -1 where it has none."""
    place = {code: i for i, code in enumerate(items)}
    return np.array([place.get(code, -1) for code in codes], np.int32)


def inpatient(kinds: Sequence[str] = ("21", "22", "23", "24", "52", "92")) -> tuple[int, ...]:
    """med_types of stays (docs/checks.md 2), as numbers."""
    return tuple(int(kind) for kind in kinds)


def child_years() -> int:
    return int(shipped()["parameters"]["child_years"])


@cache
def workloads() -> dict[str, Workload]:
    """By name."""

    def window(days: int, value: int) -> dict[str, Any]:
        return {"kind": "rolling", "days": str(days), "edge": "within", "thresholds": [{"value": str(value)}]}

    bucket = {"group": "day", "measure": "quantity", "cap": str(CAP), "comparator": "more_than"}
    rolling = {
        "subject": "person_item",
        "measure": "quantity",
        "comparator": "more_than",
        "tie": "peers",
        "windows": [window(WINDOW_DAYS, WINDOW_UNITS)],
    }
    visits = {
        "subject": "person",
        "measure": "visits",
        "comparator": "more_than",
        "tie": "peers",
        "windows": [window(*w) for w in VISIT_WINDOWS],
    }
    listed = [
        Workload("attribute", "K01: drugs by kind of visit, for children, by sex (N13, N65, N67: 11,606 rows)", 10, only(("N13", "N65", "N67"))),
        Workload("cap", f"K06: more than {CAP} units of an item a day and visit, every line", 12, own(kernel="K06", check=bucket, amount="excess_qty")),
        Workload("cap_table", "K06: items limited in quantity a day (N27: 67 rows)", 12, only(("N27",))),
        Workload("pairs", "K04: items contained in others, by day, visit, hour and 6 hours (N25: 900 rows)", 20, only(("N25",))),
        Workload("window_visits", "K07: visits of a person in 30 and in 90 days, every visit", 6, own(kernel="K07", check=visits, amount="none"), "visits"),
        Workload("window_items", f"K07: units of an item and person in {WINDOW_DAYS} days, every line", 6, own(kernel="K07", check=rolling, amount="excess_qty")),
    ]  # fmt: skip
    return {one.name: one for one in listed}
