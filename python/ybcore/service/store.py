"""The state of everybody and every settlement, in PostgreSQL or SQLite: one transaction a settlement, or nothing of it.

A person's row carries a version. A settlement is written only if the version is still the one it was made from (optimistic concurrency);
who comes second writes nothing. The idempotency key is a row of the same transaction, so a settlement whose reply was lost is found again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..errors import InputError, Problem
from ..settling.person import PersonState

__all__ = ["Answer", "Lost", "Owner", "Record", "Store"]

FORMAT = "ybcore-service/1"
_META = sa.MetaData()
ABOUT = sa.Table("ybcore_about", _META, sa.Column("name", sa.String(40), primary_key=True), sa.Column("value", sa.String(200), nullable=False))  # fmt: skip
OWNERS = sa.Table(
    "ybcore_owners",
    _META,
    sa.Column("owner", sa.String(80), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("last", sa.JSON, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
)
PEOPLE = sa.Table(
    "ybcore_people",
    _META,
    sa.Column("psn_no", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(80), nullable=False),
)
SETTLEMENTS = sa.Table(
    "ybcore_settlements",
    _META,
    sa.Column("setl_id", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(80), nullable=False, index=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("psn_no", sa.String(64), nullable=False),
    sa.Column("policy_sha256", sa.String(64), nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("reply", sa.Text, nullable=False),
)
KEYS = sa.Table(
    "ybcore_keys",
    _META,
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("setl_id", sa.String(64), nullable=False),
)


@dataclass(frozen=True)
class Owner:
    """Whose state it is: a person, or a household. `last`: the order of the settlement before, as a list; empty for nobody yet."""

    name: str
    version: int
    last: list[Any]
    state: PersonState


@dataclass(frozen=True)
class Record:
    """A settlement as it is kept: what was asked and what was answered."""

    setl_id: str
    owner: str
    version: int
    psn_no: str
    policy_sha256: str
    request: dict[str, Any]
    reply: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What was answered under an idempotency key before."""

    digest: str
    record: Record


class Lost(Exception):
    """Somebody else wrote first; nothing was written."""


class Store:
    """`url`: of SQLAlchemy; `sqlite:///file` or `postgresql+psycopg://…`. Raises InputError for another database or a later format."""

    def __init__(self, url: str, pool: int = 16) -> None:
        kind = sa.make_url(url).get_backend_name()
        if kind not in ("sqlite", "postgresql"):
            what, zh = f"no database of the kind {kind!r}", f"不支持数据库 {kind!r}"
            raise InputError([Problem(what=what, what_zh=zh, path="database", expected="sqlite:///FILE or postgresql+psycopg://HOST/NAME")])  # fmt: skip
        more: dict[str, Any] = (
            {} if kind == "sqlite" else {"pool_size": pool, "max_overflow": pool, "pool_pre_ping": True}
        )
        self.engine = sa.create_engine(url, **more)
        self.kind = kind
        if kind == "sqlite":
            sa.event.listen(self.engine, "connect", _durable)
            sa.event.listen(self.engine, "begin", _begin)
        self._prepare()

    def _prepare(self) -> None:
        _META.create_all(self.engine)
        with self.engine.begin() as link:
            held = link.scalar(sa.select(ABOUT.c.value).where(ABOUT.c.name == "format"))
            if held is None:
                link.execute(ABOUT.insert().values(name="format", value=FORMAT))
            elif held != FORMAT:
                what, zh = f"the database is of the format {held!r}", f"数据库格式为 {held!r}"
                raise InputError([Problem(what=what, what_zh=zh, path="database", expected=FORMAT)])

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def ready(self) -> None:
        """Raises an error of SQLAlchemy when the database does not answer."""
        with self.engine.connect() as link:
            link.execute(sa.select(sa.literal(1)))

    # ------------------------------------------------------------------ reading

    def owner_of(self, psn_no: str) -> str | None:
        """Under whose name a person is settled; None for somebody new."""
        with self.engine.connect() as link:
            return link.scalar(sa.select(PEOPLE.c.owner).where(PEOPLE.c.psn_no == psn_no))

    def owner(self, name: str) -> Owner:
        """The state that stands; an empty one of version 0 for somebody new."""
        with self.engine.connect() as link:
            row = link.execute(sa.select(OWNERS).where(OWNERS.c.owner == name)).first()
        if row is None:
            return Owner(name, 0, [], PersonState())
        return Owner(name, row.version, row.last, PersonState.from_bytes(row.state))

    def settlement(self, setl_id: str) -> Record | None:
        """A settlement by its id."""
        with self.engine.connect() as link:
            row = link.execute(sa.select(SETTLEMENTS).where(SETTLEMENTS.c.setl_id == setl_id)).first()
        return None if row is None else _record(row)

    def settlements(self, owner: str | None = None) -> Iterator[Record]:
        """The settlements of one owner in settling order, or everybody's."""
        query = sa.select(SETTLEMENTS).order_by(SETTLEMENTS.c.owner, SETTLEMENTS.c.version)
        with self.engine.connect() as link:
            for row in link.execute(query if owner is None else query.where(SETTLEMENTS.c.owner == owner)):
                yield _record(row)

    def answer(self, key: str) -> Answer | None:
        """What was answered under a key."""
        with self.engine.connect() as link:
            row = link.execute(
                sa.select(SETTLEMENTS, KEYS.c.digest)
                .join(KEYS, KEYS.c.setl_id == SETTLEMENTS.c.setl_id)
                .where(KEYS.c.key == key)
            ).first()
        return None if row is None else Answer(row.digest, _record(row))

    # ------------------------------------------------------------------ writing

    def write(self, before: Owner, after: PersonState, last: list[Any], record: Record, key: str, digest: str) -> None:
        """Everything of one settlement, or nothing. Raises Lost when the state is no longer `before`, or the id or the key is taken."""
        with self._all_or_nothing() as link:
            row = {"version": record.version, "last": last, "state": after.to_bytes()}
            if before.version == 0:
                link.execute(OWNERS.insert().values(owner=before.name, **row))
            else:
                mine = sa.and_(OWNERS.c.owner == before.name, OWNERS.c.version == before.version)
                if link.execute(OWNERS.update().where(mine).values(**row)).rowcount != 1:
                    raise Lost("version")
            known = link.scalar(sa.select(PEOPLE.c.owner).where(PEOPLE.c.psn_no == record.psn_no))
            if known is None:
                link.execute(PEOPLE.insert().values(psn_no=record.psn_no, owner=before.name))
            elif known != before.name:
                raise Lost("owner")
            link.execute(
                SETTLEMENTS.insert().values(
                    setl_id=record.setl_id, owner=record.owner, version=record.version, psn_no=record.psn_no,
                    policy_sha256=record.policy_sha256, request=_text(record.request), reply=_text(record.reply),
                )
            )  # fmt: skip
            link.execute(KEYS.insert().values(key=key, digest=digest, setl_id=record.setl_id))

    @contextmanager
    def _all_or_nothing(self) -> Iterator[sa.Connection]:
        try:
            with self.engine.connect().execution_options(ybcore_writes=True) as link, link.begin():
                yield link
        except sa.exc.IntegrityError as error:
            raise Lost("taken") from error


def _durable(connection: Any, _: Any) -> None:
    """SQLite as a database of record: what is committed is on disk, writers wait for each other, and a transaction is ours to begin."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(link: sa.Connection) -> None:
    link.exec_driver_sql("BEGIN IMMEDIATE" if link.get_execution_options().get("ybcore_writes") else "BEGIN")


def _record(row: Any) -> Record:
    return Record(row.setl_id, row.owner, row.version, row.psn_no, row.policy_sha256, json.loads(row.request), json.loads(row.reply))  # fmt: skip


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
