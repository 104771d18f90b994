"""What the tests of rules of one's own share: documents, small tables, and both judges asked at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from check_cases import Case, by_engine, by_reference
from ybcore.checks import user
from ybcore.reference.checks import held_tables

HEAD: dict[str, Any] = {
    "format": "ybcore-rules/1", "id": "own", "version": "1", "name": {"zh": "自定", "en": "own"}, "layer": "city", "from": "open",
    "known_since": "2025-01-01", "source": "here",
}  # fmt: skip


def rule(name: str, check: dict[str, Any], **more: Any) -> dict[str, Any]:
    own = {
        "id": name, "name": {"zh": name, "en": name}, "kernel": "user", "check": check, "amount": "whole_line", "disposition": "deny",
        "severity": "1", "source": "here",
    }  # fmt: skip
    return {**own, **more}


def document(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**HEAD, "rules": list(rules), **more}


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What a test registers is gone after it."""
    before = dict(user._REGISTERED)
    yield
    user._REGISTERED.clear()
    user._REGISTERED.update(before)


VISIT = {
    "setl_id": "v1",
    "psn_no": "p1",
    "med_type": "11",
    "setl_time": "2025-03-03",
    "brdy": "2010-03-04",
    "gend": "1",
}
WRITTEN = {
    "visits": [
        VISIT,
        {**VISIT, "setl_id": "v2", "psn_no": "p2", "brdy": "1980-02-29", "gend": "9", "hist_flag": "1"},
    ],
    "lines": [
        {"setl_id": "v1", "feedetl_sn": "b", "med_list_codg": "X2", "cnt": "2", "det_item_fee_sumamt": "30"},
        {"setl_id": "v1", "feedetl_sn": "a", "med_list_codg": "X1", "cnt": "4", "det_item_fee_sumamt": "10"},
        {"setl_id": "v2", "feedetl_sn": "c", "med_list_codg": "X1", "cnt": "3", "det_item_fee_sumamt": "5"},
        {"setl_id": "v2", "feedetl_sn": "d", "med_list_codg": "X1", "cnt": "-2", "det_item_fee_sumamt": "-2", "init_feedetl_sn": "c"},
    ],
}  # fmt: skip


def case(*documents: dict[str, Any], written: dict[str, Any] = WRITTEN, stage: str = "after", **more: Any) -> Case:
    catalog = held_tables({"items": written["items"]})[0]["items"] if "items" in written else None
    tables, clock = held_tables({name: rows for name, rows in written.items() if name != "items"})
    return Case(list(documents), tables, catalog, clock, None, stage, **{"suppress": [], **more})


def same(one: Case) -> Any:
    """What the engine answers, when the reference answers the same."""
    engine, reference = by_engine(one), by_reference(one)
    assert engine.findings == reference.findings
    assert engine.details == reference.details
    assert engine.moved == reference.moved
    counted = ("rule_id", "status", "eligible", "unknown", "hits", "suppressed", "excluded", "subsumed")
    told = [[{name: row[name] for name in counted} for row in a.manifest["rules"]] for a in (engine, reference)]
    assert told[0] == told[1]
    return engine


def hits(answer: Any, rule_id: str) -> list[str]:
    ids = {f["jr_id"] for f in answer.findings if f["rule_id"] == rule_id}
    own = [d for d in answer.details if d["jr_id"] in ids and d["vola_item_type"] == 1]
    return sorted(d["feedetl_sn"] or d["setl_id"] for d in own)


def columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(key for row in rows for key in row)}
