"""Where the service settles: one visit from the state that stands, written in one transaction, or refused with what to do."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from ..catalog import Catalog
from ..checks.checker import Checker
from ..engine import Engine
from ..errors import InputError
from ..explain import Explanation, explain
from ..messages import REASONS
from ..settling.one import OneSettlement
from .replies import Refusal
from .store import Answer, Lost, Owner, Record, Store

__all__ = ["Desk", "ledger", "refusal_of"]

STALE = ("请读取该人当前状态（GET /persons/{psn_no}）后用同一 Idempotency-Key 重发", "read the person's state (GET /persons/{psn_no}) and send again with the same Idempotency-Key")  # fmt: skip
_TAKEN = {"already_reversed": 409, "reversal_of_reversal": 409, "duplicate_setl_id": 409}


class Desk:
    """Settles, reverses, checks and explains. `institutions`: rows by code, for visits that name one. Threads may share it."""

    def __init__(self, engine: Engine, store: Store, checker: Checker, institutions: pa.Table | None = None) -> None:
        self.engine, self.store, self.checker = engine, store, checker
        self.institutions = institutions
        self.by_code: dict[str, list[dict[str, Any]]] = {}
        for row in institutions.to_pylist() if institutions is not None else ():
            self.by_code.setdefault(str(row["fixmedins_code"]), []).append(row)
        self.policy = engine.book.sha256
        self.order = engine.book.policies[0].model.dates.order

    # ------------------------------------------------------------------ settling

    def pre_settle(self, visit: dict[str, Any], lines: list[dict[str, Any]]) -> dict[str, Any]:
        """What a visit would come to now; nothing is written."""
        owner = self._owner(visit)
        self._in_order(visit, owner)
        return self._reply(visit, self._settled(visit, lines, owner, pre=True), owner.version, pre=True)

    def settle(
        self, visit: dict[str, Any], lines: list[dict[str, Any]], key: str, expected: int | None = None
    ) -> tuple[dict[str, Any], bool]:
        """(the reply, whether it was given before under this key). Raises Refusal; what is refused leaves no trace."""
        request = {"visit": visit, "lines": lines}
        digest = hashlib.sha256(json.dumps(request, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
        held = self.store.answer(key)
        if held is not None:
            return _again(held, digest)
        if self.store.settlement(visit["setl_id"]) is not None:
            raise _taken_id()
        owner = self._owner(visit)
        if expected is not None and expected != owner.version:
            raise _stale(owner.version)
        last = self._in_order(visit, owner)
        one = self._settled(visit, lines, owner, pre=False)
        if one.result["outcome"] == "rejected":
            raise _rejected(one.result["reason"])
        version = owner.version + 1
        reply = self._reply(visit, one, version, pre=False)
        record = Record(visit["setl_id"], owner.name, version, visit["psn_no"], self.policy, request, reply)
        try:
            self.store.write(owner, one.state, last, record, key, digest)
        except Lost:
            return self._beaten(visit, owner, key, digest)
        return reply, False

    def reverse(self, setl_id: str, own: dict[str, Any], key: str, expected: int | None = None) -> tuple[dict[str, Any], bool]:  # fmt: skip
        """Take a settlement back: an event of its own, with columns of opposite sign."""
        original = self.known(setl_id)
        visit = {**own, "psn_no": original.psn_no, "refd_setl_flag": "1", "init_setl_id": setl_id}
        names = ("med_type", "hsld_no")
        visit |= {name: original.request["visit"][name] for name in names if name in original.request["visit"]}
        return self.settle(visit, [], key, expected)

    def _settled(self, visit: dict[str, Any], lines: list[dict[str, Any]], owner: Owner, pre: bool) -> OneSettlement:
        places = self.by_code.get(visit.get("fixmedins_code", ""), []) if self.institutions is not None else None
        return self.engine.settle_one(visit, lines, None, owner.state, pre, institution=places)

    def _owner(self, visit: dict[str, Any]) -> Owner:
        """Whose state the visit moves: the person's; the household's where a document counts by household."""
        households, mutual = self.engine.shares
        if mutual and visit.get("mulaid_psn_no"):
            raise Refusal(422, "mutual_aid", "共济账户把多人连成一组，请以批量结算", "mutual aid joins people into one group: settle them in a batch")  # fmt: skip
        house = visit.get("hsld_no") if households else None
        name = f"p:{visit['psn_no']}" if house is None else f"h:{house}"
        known = self.store.owner_of(visit["psn_no"])
        if known is not None and known != name:
            raise Refusal(409, "other_household", "该人此前在另一户结算：其累计在那里，请以批量结算合并", "the person was settled with another household before, where the counters are: join them in a batch")  # fmt: skip
        return self.store.owner(name)

    def _in_order(self, visit: dict[str, Any], owner: Owner) -> list[Any]:
        """The place of a visit in the order of its owner; refused before the last one, as a batch would have put it there."""
        time = visit["setl_time"].replace("T", " ")
        time = time if len(time) > 10 else f"{time} 00:00:00"
        place = [time, visit["setl_id"]]
        if self.order == "discharge":
            place.insert(0, visit.get("enddate") or time[:10])
        if owner.last and _key(place) <= _key(owner.last):
            raise Refusal(
                409, "out_of_order", f"该人已有更晚的结算（版本 {owner.version}）：迟报的结算须重新结算（ybcore resettle）",
                f"the person has a later settlement (version {owner.version}): a late one needs a re-settlement (ybcore resettle)", version=owner.version,
            )  # fmt: skip
        return place

    def _beaten(self, visit: dict[str, Any], owner: Owner, key: str, digest: str) -> tuple[dict[str, Any], bool]:
        """Another request wrote first: the same one (its answer), the same id, or another visit of the person."""
        held = self.store.answer(key)
        if held is not None:
            return _again(held, digest)
        if self.store.settlement(visit["setl_id"]) is not None:
            raise _taken_id()
        raise _stale(self.store.owner(owner.name).version)

    def _reply(self, visit: dict[str, Any], one: OneSettlement, version: int, pre: bool) -> dict[str, Any]:
        return {
            "setl_id": visit["setl_id"],
            "psn_no": visit["psn_no"],
            "outcome": one.result["outcome"],
            "reason": one.result["reason"] or "",
            "version": version,
            "pre": pre,
            "result": one.result,
            "lines": one.lines,
            "policy_sha256": self.policy,
        }

    # ------------------------------------------------------------------ looking

    def known(self, setl_id: str) -> Record:
        """A settlement; refused when there is none."""
        found = self.store.settlement(setl_id)
        if found is None:
            raise Refusal(404, "unknown_settlement", "没有这笔结算", "no such settlement")
        return found

    def person(self, psn_no: str) -> dict[str, Any]:
        """The state of a person as people and programs read it."""
        name = self.store.owner_of(psn_no)
        if name is None:
            raise Refusal(404, "unknown_person", "没有此人的结算", "nothing of this person was settled")
        owner = self.store.owner(name)
        state = owner.state.state()
        accounts = [] if state is None else state.accounts().to_pylist()
        return {
            "psn_no": psn_no,
            "version": owner.version,
            "settlements": [record.setl_id for record in self.store.settlements(name)],
            "counters": [] if state is None else state.counters().to_pylist(),
            "accounts": [_plain(row) for row in accounts],
        }

    def explain(self, setl_id: str) -> Explanation:
        """A settlement told by the reference from all that came before it, and compared with the row that was answered."""
        found = self.known(setl_id)
        records = [record for record in self.store.settlements(found.owner) if record.version <= found.version]
        if {record.policy_sha256 for record in records} != {self.policy}:
            raise Refusal(409, "other_policy", "该人有结算依据的是另一政策册，须用当时的政策文件解释", "a settlement of this person was made under another policy book: explain it with those documents")  # fmt: skip
        tables = ledger(records)
        catalog: Catalog | None = self.engine.catalog
        bulk = pa.Table.from_pylist([found.reply["result"]])
        return explain(setl_id, self.engine.book, {**tables, "persons": None, "institutions": self.institutions, "acct_events": None}, catalog, bulk)  # fmt: skip

    def check(self, tables: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        """The rules over one visit, or a few, before anything is settled."""
        given: dict[str, Any] = {name: _columns(rows) for name, rows in tables.items() if rows}
        report = self.checker.check(given.pop("visits"), given.pop("lines", None), **given)
        found = [_plain(row) for row in report.findings.to_pylist()]
        counted = [row for row in found if not (row["shadow"] or row["suppressed"])]
        return {
            "findings": found,
            "details": [_plain(row) for row in report.details.to_pylist()],
            "not_run": [{"rule_id": row["rule_id"], "reason": row["reason"]} for row in report.manifest.to_pylist() if row["status"] == "skipped"],
            "denies": any(row["disposition"] in ("hold", "deny") for row in counted),
        }  # fmt: skip


def ledger(records: Sequence[Record]) -> dict[str, pa.Table | None]:
    """The requests of some settlements as the tables of a batch, in the order in which they were settled."""
    visits = [record.request["visit"] for record in records]
    lines = [{**line, "setl_id": record.setl_id} for record in records for line in record.request["lines"]]
    return {"visits": pa.table(_columns(visits)), "lines": pa.table(_columns(lines)) if lines else None}


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: cell.isoformat() if isinstance(cell, dt.date) else cell for name, cell in row.items()}


def _key(place: list[Any]) -> tuple[bytes, ...]:
    """Times as they are written sort by time; ids sort by their bytes, as a batch sorts them."""
    return tuple(str(part).encode() for part in place)


def _again(held: Answer, digest: str) -> tuple[dict[str, Any], bool]:
    if held.digest != digest:
        raise Refusal(422, "key_of_another_request", "该 Idempotency-Key 已用于另一请求，请换一个", "the Idempotency-Key was used for another request: take a new one")  # fmt: skip
    return held.record.reply, True


def _taken_id() -> Refusal:
    return Refusal(409, "setl_id_taken", "该结算ID已用于一笔结算；若要查看，请 GET /settlements/{setl_id}", "the settlement id is taken: GET /settlements/{setl_id} shows by what")  # fmt: skip


def _stale(version: int) -> Refusal:
    return Refusal(409, "stale_version", f"该人状态已由另一请求改变，现为版本 {version}：{STALE[0]}", f"another request moved the person's state, now at version {version}: {STALE[1]}", version=version)  # fmt: skip


def _rejected(reason: str) -> Refusal:
    zh, en = REASONS.get(reason, (reason, reason))
    status = _TAKEN.get(reason, 404 if reason == "unknown_original" else 422)
    return Refusal(status, reason, f"不能结算：{zh}", f"not settled: {en}")


def refusal_of(error: InputError) -> Refusal:
    """What the engine or the checker found wrong with the rows."""
    return Refusal(422, "bad_input", "输入有误", "the input is wrong", error.problems)
