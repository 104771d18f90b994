"""Where the service settles: one visit from the state that stands, written in one transaction, or refused with what to do."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa

from ..catalog import Catalog
from ..checks.checker import Checker
from ..checks.run.report import CheckReport
from ..engine import Engine
from ..errors import InputError
from ..explain import Explanation, explain
from ..messages import REASONS
from ..settling.one import OneSettlement
from ..settling.person import PersonState
from .joined import joined, moved_on_accounts, parted
from .replies import Refusal
from .store import Answer, Lost, Moved, Owner, Record, Store, text_of

__all__ = ["Desk", "Reply", "ledger", "refusal_of"]

STALE = ("请读取该人当前状态（GET /persons/{psn_no}）后用同一 Idempotency-Key 重发", "read the person's state (GET /persons/{psn_no}) and send again with the same Idempotency-Key")  # fmt: skip
_TAKEN = {"already_reversed": 409, "reversal_of_reversal": 409, "duplicate_setl_id": 409}


class Reply(dict[str, Any]):
    """An answer, with the text that is kept and sent."""

    @cached_property
    def text(self) -> str:
        """As it is kept; the same bytes whenever it is sent."""
        return text_of(self)

    @staticmethod
    def of(text: str) -> Reply:
        """What was answered before."""
        out = Reply(json.loads(text))
        out.__dict__["text"] = text
        return out


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

    def pre_settle(self, visit: dict[str, Any], lines: list[dict[str, Any]], **beside: list[dict[str, Any]]) -> Reply:
        """What a visit would come to now, and what the rules say of it after all that the person had; nothing is written.

        `visit` and `lines` may have columns that only rules look at; `beside`: rows of its diagnoses and operations.
        """
        owner = self._owner(visit, self.store.owner_of(visit["psn_no"]), None)
        other = self._other(visit, owner)
        self._in_order(visit, owner, other)
        before = (
            [one for one in self.store.settlements(owner.name) if one.psn_no == visit["psn_no"]]
            if owner.version
            else []
        )
        history = ledger(before)
        tables = {name: [{**row, "setl_id": visit["setl_id"]} for row in rows] for name, rows in beside.items()}
        if before:
            tables |= {name: [] if table is None else table.to_pylist() for name, table in history.items()}
        one = self._settled(visit, lines, _opening(owner, other), pre=True, rules=self.checker, beside=tables)
        reply = self._reply(visit, one, owner.version, pre=True)
        reply["check"] = _told(one.checks)
        return reply

    def settle(
        self, visit: dict[str, Any], lines: list[dict[str, Any]], key: str, expected: int | None = None
    ) -> tuple[Reply, bool]:
        """(the reply, whether it was given before under this key). Raises Refusal; what is refused leaves no trace."""
        asked = text_of({"visit": visit, "lines": lines})
        digest = hashlib.sha256(asked.encode()).hexdigest()
        seen = self.store.look(key, visit["setl_id"], visit["psn_no"], self._owner_name(visit))
        if seen.answer is not None:
            return _again(seen.answer, digest, asked)
        if seen.taken:
            raise _taken_id()
        owner = self._owner(visit, seen.known, seen.owner)
        if expected is not None and expected != owner.version:
            raise _stale(owner.version)
        other = self._other(visit, owner)
        last = self._in_order(visit, owner, other)
        opening = _opening(owner, other)
        one = self._settled(visit, lines, opening, pre=False)
        if one.result["outcome"] == "rejected":
            raise _rejected(one.result["reason"])
        reply = self._reply(visit, one, owner.version + 1, pre=False)
        record = Record(visit["setl_id"], owner.name, reply["version"], visit["psn_no"], self.policy, asked, reply.text)
        if other is None:
            moved = [Moved(owner, one.state, last)]
        else:
            mine, theirs = parted(one.state, other.state)
            moved = [Moved(owner, mine, last), Moved(other, theirs, last)]
        try:
            self.store.write(moved, self._movements(visit, opening, one.state, moved), record, key, digest)
        except Lost:
            return self._beaten(visit, moved, key, digest, asked)
        return reply, False

    def reverse(self, setl_id: str, own: dict[str, Any], key: str, expected: int | None = None) -> tuple[Reply, bool]:
        """Take a settlement back: an event of its own, with columns of opposite sign."""
        original = self.known(setl_id)
        visit = {**own, "psn_no": original.psn_no, "refd_setl_flag": "1", "init_setl_id": setl_id}
        before = original.request["visit"]
        visit |= {name: before[name] for name in ("med_type", "hsld_no", "mulaid_psn_no") if name in before}
        return self.settle(visit, [], key, expected)

    def _settled(self, visit: dict[str, Any], lines: list[dict[str, Any]], opening: PersonState, pre: bool, **checked: Any) -> OneSettlement:  # fmt: skip
        places = self.by_code.get(visit.get("fixmedins_code", ""), []) if self.institutions is not None else None
        return self.engine.settle_one(visit, lines, None, opening, pre, institution=places, **checked)

    def _owner_name(self, visit: dict[str, Any]) -> str:
        """Whose state the visit moves: the person's; the household's where a document counts by household."""
        house = visit.get("hsld_no") if self.engine.shares[0] else None
        return f"p:{visit['psn_no']}" if house is None else f"h:{house}"

    def _owner(self, visit: dict[str, Any], known: str | None, held: Owner | None) -> Owner:
        """The state itself. `known`: where the person was settled before."""
        name = self._owner_name(visit)
        if known is not None and known != name:
            raise Refusal(409, "other_household", "该人此前在另一户结算：其累计在那里，请以批量结算合并", "the person was settled with another household before, where the counters are: join them in a batch")  # fmt: skip
        return self.store.owner(name) if held is None else held

    def _other(self, visit: dict[str, Any], owner: Owner) -> Owner | None:
        """The state of whose account pays as well; None where there is none, or it is in the same state."""
        who = visit.get("mulaid_psn_no") if self.engine.shares[1] else None
        if who is None or who == visit["psn_no"]:
            return None
        name = self.store.owner_of(who)
        if name is None:
            raise Refusal(422, "unknown_account", f"共济人 {who} 尚无结算，其账户未知：请先结算其本人的就诊", f"nothing of {who} was settled yet, so the account is not known: settle a visit of theirs first")  # fmt: skip
        return None if name == owner.name else self.store.owner(name)

    def _in_order(self, visit: dict[str, Any], owner: Owner, other: Owner | None) -> list[Any]:
        """The place of a visit in the order of those whose state it moves; refused before the last one, as a batch would have put it there."""
        place = _place(visit, self.order)
        for one in (owner,) if other is None else (owner, other):
            if one.last and _key(place) <= _key(one.last):
                raise Refusal(
                    409, "out_of_order", f"该人已有更晚的结算（版本 {one.version}）：迟报的结算须重新结算（ybcore resettle）",
                    f"the person has a later settlement (version {one.version}): a late one needs a re-settlement (ybcore resettle)", version=one.version,
                )  # fmt: skip
        return place

    def _movements(self, visit: dict[str, Any], before: PersonState, after: PersonState, moved: list[Moved]) -> list[tuple[Any, ...]]:  # fmt: skip
        """Rows of what the visit moved on accounts, each of the version that the account's own state has then."""
        theirs = {one.psn_no for one in moved[1].after.accounts} if len(moved) > 1 else ()
        mine = moved[0].before
        out = []
        for who, kind, amount, balance in moved_on_accounts(before, after):
            version = (moved[1].before if who in theirs else mine).version + 1
            why = "reversal" if kind == "visit" and visit.get("refd_setl_flag") == "1" else kind
            out.append((who, version, why, visit["setl_id"], visit["psn_no"], mine.name, _time(visit), amount, balance))
        return out

    def _beaten(self, visit: dict[str, Any], moved: list[Moved], key: str, digest: str, asked: str) -> tuple[Reply, bool]:  # fmt: skip
        """Another request wrote first: the same one (its answer), the same id, or another visit of the person."""
        owner = moved[0].before
        seen = self.store.look(key, visit["setl_id"], visit["psn_no"], owner.name)
        if seen.answer is not None:
            return _again(seen.answer, digest, asked)
        if seen.taken:
            raise _taken_id()
        raise _stale(seen.owner.version)

    def _reply(self, visit: dict[str, Any], one: OneSettlement, version: int, pre: bool) -> Reply:
        return Reply(
            setl_id=visit["setl_id"],
            psn_no=visit["psn_no"],
            outcome=one.result["outcome"],
            reason=one.result["reason"] or "",
            version=version,
            pre=pre,
            result=one.result,
            lines=one.lines,
            policy_sha256=self.policy,
        )

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
        records = self._before(found)
        if {record.policy_sha256 for record in records} != {self.policy}:
            raise Refusal(409, "other_policy", "该人有结算依据的是另一政策册，须用当时的政策文件解释", "a settlement of this person was made under another policy book: explain it with those documents")  # fmt: skip
        tables = ledger(records)
        catalog: Catalog | None = self.engine.catalog
        bulk = pa.Table.from_pylist([found.reply["result"]])
        return explain(setl_id, self.engine.book, {**tables, "persons": None, "institutions": self.institutions, "acct_events": None}, catalog, bulk)  # fmt: skip

    def _before(self, found: Record) -> list[Record]:
        """A settlement and all that came before it of those whose states or accounts it depends on, in settling order."""
        end = _key(_place(found.request["visit"], self.order))
        owners, known, records = [found.owner], {found.owner}, []
        while owners:
            name = owners.pop()
            records += [
                one for one in self.store.settlements(name) if _key(_place(one.request["visit"], self.order)) <= end
            ]
            if not self.engine.shares[1]:
                break
            people = {row["psn_no"] for row in self.store.movements(owner=name)} | {one.psn_no for one in self.store.owner(name).state.accounts}  # fmt: skip
            beside = {self.store.owner_of(who) for who in people}
            beside |= {row["owner"] for who in people for row in self.store.movements(psn_no=who)}
            for other in sorted(one for one in beside - known if one is not None):
                owners.append(other)
                known.add(other)
        return sorted(records, key=lambda one: _key(_place(one.request["visit"], self.order)))

    def account(self, psn_no: str, after: int = -1, most: int = 1000) -> dict[str, Any]:
        """Movements on a person's account: the opening balance, what visits took out and what reversals put back."""
        name = self.store.owner_of(psn_no)
        held = [] if name is None else [one for one in self.store.owner(name).state.accounts if one.psn_no == psn_no]
        if not held:
            raise Refusal(404, "unknown_person", "没有此人的结算", "nothing of this person was settled")
        rows = self.store.movements(psn_no=psn_no, after=after, most=most)
        movements = [{key: row[key] for key in ("version", "kind", "setl_id", "patient", "time", "amount", "balance")} for row in rows]  # fmt: skip
        return {"psn_no": psn_no, "balance": held[0].balance, "movements": movements}

    def check(self, tables: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        """The rules over one visit, or a few, before anything is settled."""
        given: dict[str, Any] = {name: _columns(rows) for name, rows in tables.items() if rows}
        return _told(self.checker.check(given.pop("visits"), given.pop("lines", None), **given))


def ledger(records: Sequence[Record]) -> dict[str, pa.Table | None]:
    """The requests of some settlements as the tables of a batch, in the order in which they were settled."""
    requests = [(record.setl_id, record.request) for record in records]
    visits = [request["visit"] for _, request in requests]
    lines = [{**line, "setl_id": setl_id} for setl_id, request in requests for line in request["lines"]]
    return {"visits": pa.table(_columns(visits)), "lines": pa.table(_columns(lines)) if lines else None}


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: cell.isoformat() if isinstance(cell, dt.date) else cell for name, cell in row.items()}


def _told(report: CheckReport) -> dict[str, Any]:
    """A report as it is answered."""
    found = [_plain(row) for row in report.findings.to_pylist()]
    counted = [row for row in found if not (row["shadow"] or row["suppressed"])]
    return {
        "findings": found,
        "details": [_plain(row) for row in report.details.to_pylist()],
        "not_run": [{"rule_id": name, "reason": why} for name, why in report.skipped],
        "denies": any(row["disposition"] in ("hold", "deny") for row in counted),
    }  # fmt: skip


def _opening(owner: Owner, other: Owner | None) -> PersonState:
    return owner.state if other is None else joined(owner.state, other.state)


def _time(visit: dict[str, Any]) -> str:
    time: str = visit["setl_time"].replace("T", " ")
    return time if len(time) > 10 else f"{time} 00:00:00"


def _place(visit: dict[str, Any], order: str) -> list[Any]:
    """Where a visit is settled among others: time and id, before them the day of discharge where documents order by it."""
    time = _time(visit)
    place = [time, visit["setl_id"]]
    if order == "discharge":
        place.insert(0, visit.get("enddate") or time[:10])
    return place


def _key(place: list[Any]) -> tuple[bytes, ...]:
    """Times as they are written sort by time; ids sort by their bytes, as a batch sorts them."""
    return tuple(str(part).encode() for part in place)


def _again(held: Answer, digest: str, asked: str) -> tuple[Reply, bool]:
    if digest != held.digest and asked != held.asked:
        raise Refusal(422, "key_of_another_request", "该 Idempotency-Key 已用于另一请求，请换一个", "the Idempotency-Key was used for another request: take a new one")  # fmt: skip
    return Reply.of(held.answered), True


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
