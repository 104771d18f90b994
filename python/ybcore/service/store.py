"""The state of everybody and every settlement, in PostgreSQL or SQLite: one transaction a settlement, or nothing of it.

A person's row carries a version. A settlement is written only if the version of every state that it moves is still the one it was made from
(optimistic concurrency); who comes second writes nothing. The idempotency key is a row of the same transaction, so a settlement whose reply
was lost is found again. What every settlement runs goes to the driver as text that is prepared once; SQLAlchemy keeps the connections.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from ..errors import InputError, Problem
from ..settling.person import PersonState
from .schema import ABOUT, FORMAT, META, MOVEMENTS, SETTLEMENTS, SQL

__all__ = ["Answer", "Lost", "Moved", "Owner", "Record", "Seen", "Silent", "Store", "text_of"]


@dataclass(frozen=True)
class Owner:
    """Whose state it is: a person, or a household. `last`: the order of the settlement before, as a list; empty for nobody yet."""

    name: str
    version: int
    last: list[Any]
    state: PersonState


@dataclass(frozen=True)
class Moved:
    """A state that a settlement moves: from `before` to `after`, which is of the version after it."""

    before: Owner
    after: PersonState
    last: list[Any]


@dataclass(frozen=True)
class Record:
    """A settlement as it is kept: what was asked and what was answered, as JSON texts."""

    setl_id: str
    owner: str
    version: int
    psn_no: str
    policy_sha256: str
    asked: str
    answered: str

    @property
    def request(self) -> dict[str, Any]:
        """What was asked."""
        out: dict[str, Any] = json.loads(self.asked)
        return out

    @property
    def reply(self) -> dict[str, Any]:
        """What was answered."""
        out: dict[str, Any] = json.loads(self.answered)
        return out


@dataclass(frozen=True)
class Answer:
    """What was asked and answered under an idempotency key before."""

    digest: str
    asked: str
    answered: str


@dataclass(frozen=True)
class Seen:
    """What a settlement must know before it is made: the answer under its key, whether its id is taken, where the person's state is."""

    answer: Answer | None
    taken: bool
    known: str | None
    owner: Owner


class Lost(Exception):
    """Somebody else wrote first; nothing was written."""


class Silent(Exception):
    """The database does not answer."""


class Store:
    """`url`: of SQLAlchemy; `sqlite:///file` or `postgresql+psycopg://…`. Raises InputError for another database or a later format.

    `seconds`: how long a statement waits for whoever holds what it needs, and for a server that does not answer, before it is Silent.
    """

    def __init__(self, url: str, pool: int = 16, seconds: float = 30.0) -> None:
        kind = sa.make_url(url).get_backend_name()
        if kind not in ("sqlite", "postgresql"):
            what, zh = f"no database of the kind {kind!r}", f"不支持数据库 {kind!r}"
            raise InputError([Problem(what=what, what_zh=zh, path="database", expected="sqlite:///FILE or postgresql+psycopg://HOST/NAME", expected_zh="sqlite:///FILE 或 postgresql+psycopg://HOST/NAME")])  # fmt: skip
        known = sa.make_url(url).query
        waits = (
            {"connect_timeout": math.ceil(seconds), "tcp_user_timeout": math.ceil(seconds * 1000)}
            if kind == "postgresql"
            else {"timeout": seconds}
        )
        given = {name: value for name, value in waits.items() if name not in known}
        self.engine = sa.create_engine(url, pool_size=pool, max_overflow=pool, pool_timeout=seconds, pool_use_lifo=True, isolation_level="AUTOCOMMIT", connect_args=given)  # fmt: skip
        self.kind = kind
        self.driver: Any = self.engine.dialect.dbapi
        self.sql = SQL if kind == "sqlite" else {name: text.replace("?", "%s") for name, text in SQL.items()}
        self.sql = self.sql | {"begin": "BEGIN IMMEDIATE" if kind == "sqlite" else "BEGIN"}
        # Writers of one file wait in a row rather than ask again and again.
        self.turn: Any = threading.Lock() if kind == "sqlite" else nullcontext()
        sa.event.listen(self.engine, "connect", partial(_durable if kind == "sqlite" else _ours_to_begin, seconds))
        self._prepare()

    def _prepare(self) -> None:
        META.create_all(self.engine)
        with self.engine.connect() as link:
            held = link.scalar(sa.select(ABOUT.c.value).where(ABOUT.c.name == "format"))
            if held is None:
                link.execute(ABOUT.insert().values(name="format", value=FORMAT))
            elif held == "ybcore-service/1":
                link.execute(ABOUT.update().where(ABOUT.c.name == "format").values(value=FORMAT))
            elif held != FORMAT:
                what, zh = f"the database is of the format {held!r}", f"数据库格式为 {held!r}"
                raise InputError([Problem(what=what, what_zh=zh, path="database", expected=FORMAT)])

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def ready(self) -> None:
        """Raises Silent when the database does not answer."""
        self._row("owner_of", "")

    # ------------------------------------------------------------------ reading

    def look(self, key: str, setl_id: str, psn_no: str, owner: str) -> Seen:
        """All that a settlement must know, by one question."""
        digest, asked, answered, taken, known, version, last, state = self._row("look", key, setl_id, psn_no, owner)
        answer = None if digest is None else Answer(digest, asked, answered)
        return Seen(answer, taken is not None, known, _owner(owner, None if version is None else (version, last, state)))  # fmt: skip

    def owner_of(self, psn_no: str) -> str | None:
        """Under whose name a person is settled; None for somebody new."""
        row = self._row("owner_of", psn_no)
        return None if row is None else str(row[0])

    def owner(self, name: str) -> Owner:
        """The state that stands; an empty one of version 0 for somebody new."""
        return _owner(name, self._row("owner", name))

    def settlement(self, setl_id: str) -> Record | None:
        """A settlement by its id."""
        row = self._row("settlement", setl_id)
        return None if row is None else Record(*row)

    def settlements(self, owner: str | None = None) -> Iterator[Record]:
        """The settlements of one owner in settling order, or everybody's."""
        query = sa.select(SETTLEMENTS).order_by(SETTLEMENTS.c.owner, SETTLEMENTS.c.version)
        with self.engine.connect() as link:
            for row in link.execute(query if owner is None else query.where(SETTLEMENTS.c.owner == owner)):
                yield Record(*row)

    def movements(self, *, psn_no: str | None = None, owner: str | None = None, after: int = -1, most: int | None = None) -> list[dict[str, Any]]:  # fmt: skip
        """Movements on an account, or those of an owner's settlements, in order; `after`: only of later versions."""
        query = sa.select(MOVEMENTS).where(MOVEMENTS.c.version > after)
        query = query.order_by(MOVEMENTS.c.psn_no, MOVEMENTS.c.version, MOVEMENTS.c.kind)
        for column, wanted in ((MOVEMENTS.c.psn_no, psn_no), (MOVEMENTS.c.owner, owner)):
            query = query if wanted is None else query.where(column == wanted)
        with self.engine.connect() as link:
            return [dict(row) for row in link.execute(query.limit(most)).mappings()]

    # ------------------------------------------------------------------ writing

    def write(self, moved: Sequence[Moved], movements: Sequence[tuple[Any, ...]], record: Record, key: str, digest: str) -> None:  # fmt: skip
        """Everything of one settlement, or nothing. Raises Lost when a state is no longer its `before`, or the id or the key is taken.

        States are locked by the order of their owners' names, so that two writers of the same states never wait for each other.
        """
        ordered = sorted(moved, key=lambda one: one.before.name)
        steps: list[tuple[str, tuple[Any, ...]]] = [("begin", ())]
        for one in ordered:
            name, version, last = one.before.name, one.before.version, json.dumps(one.last)
            if version == 0:
                steps.append(("new_owner", (name, 1, last, one.after.to_bytes())))
            else:
                steps.append(("move_owner", (version + 1, last, one.after.to_bytes(), name, version)))
        steps.append(("new_person", (record.psn_no, record.owner)))
        steps.append(("owner_of", (record.psn_no,)))
        row = (record.setl_id, record.owner, record.version, record.psn_no, record.policy_sha256)
        steps.append(("new_settlement", (*row, record.asked, record.answered)))
        steps.append(("new_key", (key, digest, record.setl_id)))
        steps += [("new_movement", movement) for movement in movements]
        with self.turn, self._all_or_nothing() as link:
            done = self._run(link, steps)
            if any(count != 1 for count, _ in done[1 : 1 + len(ordered)]):
                raise Lost("version")
            if done[2 + len(ordered)][1] != record.owner:
                raise Lost("owner")

    def _run(self, link: Any, steps: Sequence[tuple[str, tuple[Any, ...]]]) -> list[tuple[int, Any]]:
        """(rows that each statement changed, the first cell that it found); PostgreSQL is sent all of them before it is asked what came of them.

        Every cursor is closed here: an open one would hold SQLite to what it saw then, and the next transaction of the connection would be refused.
        """
        connection = link.connection
        cursors = [connection.cursor() for _ in steps]
        try:
            with nullcontext() if self.kind == "sqlite" else connection.pipeline():
                for cursor, (name, values) in zip(cursors, steps):
                    cursor.execute(self.sql[name], values)
            return [(one.rowcount, None if one.description is None else one.fetchone()[0]) for one in cursors]
        finally:
            for cursor in cursors:
                cursor.close()

    def _row(self, name: str, *values: Any) -> Any:
        """The first row of a statement; a connection that has died since it was last used is tried again with a new one."""
        for left in (1, 0):
            try:
                with self._link() as link:
                    return link.execute(self.sql[name], values).fetchone()
            except Silent:
                if not left or self.kind == "sqlite":
                    raise

    @contextmanager
    def _link(self) -> Iterator[Any]:
        """A cursor of a connection of the pool."""
        try:
            held = self.engine.raw_connection()
        except (sa.exc.OperationalError, sa.exc.TimeoutError, self.driver.OperationalError) as error:
            raise Silent from error
        try:
            link = held.cursor()
            try:
                yield link
            finally:
                link.close()
        except (self.driver.OperationalError, self.driver.InterfaceError) as error:
            held.invalidate()
            raise Silent from error
        finally:
            held.close()

    @contextmanager
    def _all_or_nothing(self) -> Iterator[Any]:
        with self._link() as link:
            try:
                yield link
                link.execute("COMMIT")
            except self.driver.IntegrityError as error:
                link.execute("ROLLBACK")
                raise Lost("taken") from error
            except (self.driver.OperationalError, self.driver.InterfaceError):
                raise  # the connection goes, and what it had begun with it
            except BaseException:
                link.execute("ROLLBACK")
                raise


def _owner(name: str, row: Any) -> Owner:
    if row is None:
        return Owner(name, 0, [], PersonState())
    version, last, state = row
    return Owner(name, version, json.loads(last) if isinstance(last, str) else last, PersonState.held(bytes(state)))


def _durable(seconds: float, connection: Any, _: Any) -> None:
    """SQLite as a database of record: what is committed is on disk, writers wait for each other, and a transaction is ours to begin."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={math.ceil(seconds * 1000)}"):
        connection.execute(f"PRAGMA {pragma}")


def _ours_to_begin(seconds: float, connection: Any, _: Any) -> None:
    """Whoever holds a row, dead or alive, holds nobody up longer than a request may take."""
    connection.autocommit = True
    connection.execute(f"SET statement_timeout = {math.ceil(seconds * 1000)}")


def text_of(value: Mapping[str, Any]) -> str:
    """A request or a reply as it is kept."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
