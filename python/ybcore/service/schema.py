"""The tables of the service, and the few statements that every settlement runs, as text that drivers prepare once."""

from __future__ import annotations

import sqlalchemy as sa

__all__ = ["ABOUT", "FORMAT", "KEYS", "META", "MOVEMENTS", "OWNERS", "PEOPLE", "SETTLEMENTS", "SQL"]

FORMAT = "ybcore-service/2"
"""2 has movements; a database of 1 gets the table and goes on."""
META = sa.MetaData()
ABOUT = sa.Table("ybcore_about", META, sa.Column("name", sa.String(40), primary_key=True), sa.Column("value", sa.String(200), nullable=False))  # fmt: skip
OWNERS = sa.Table(
    "ybcore_owners",
    META,
    sa.Column("owner", sa.String(80), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("last", sa.JSON, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
)
PEOPLE = sa.Table(
    "ybcore_people",
    META,
    sa.Column("psn_no", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(80), nullable=False),
)
SETTLEMENTS = sa.Table(
    "ybcore_settlements",
    META,
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
    META,
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("setl_id", sa.String(64), nullable=False),
)
MOVEMENTS = sa.Table(
    "ybcore_movements",
    META,
    sa.Column("psn_no", sa.String(64), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("kind", sa.String(12), primary_key=True),
    sa.Column("setl_id", sa.String(64), nullable=False, index=True),
    sa.Column("patient", sa.String(64), nullable=False),
    sa.Column("owner", sa.String(80), nullable=False, index=True),
    sa.Column("time", sa.String(19), nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("balance", sa.BigInteger, nullable=False),
)

# `?` stands for a value; PostgreSQL's driver writes it otherwise.
SQL = {
    "look": "SELECT k.digest, a.request, a.reply, t.setl_id, p.owner, o.version, o.last, o.state FROM (SELECT 1 AS one) AS x"
    " LEFT JOIN ybcore_keys k ON k.key = ? LEFT JOIN ybcore_settlements a ON a.setl_id = k.setl_id"
    " LEFT JOIN ybcore_settlements t ON t.setl_id = ? LEFT JOIN ybcore_people p ON p.psn_no = ? LEFT JOIN ybcore_owners o ON o.owner = ?",
    "owner": "SELECT version, last, state FROM ybcore_owners WHERE owner = ?",
    "owner_of": "SELECT owner FROM ybcore_people WHERE psn_no = ?",
    "settlement": "SELECT setl_id, owner, version, psn_no, policy_sha256, request, reply FROM ybcore_settlements WHERE setl_id = ?",
    "new_owner": "INSERT INTO ybcore_owners (owner, version, last, state) VALUES (?, ?, ?, ?)",
    "move_owner": "UPDATE ybcore_owners SET version = ?, last = ?, state = ? WHERE owner = ? AND version = ?",
    "new_person": "INSERT INTO ybcore_people (psn_no, owner) VALUES (?, ?) ON CONFLICT (psn_no) DO NOTHING",
    "new_settlement": "INSERT INTO ybcore_settlements (setl_id, owner, version, psn_no, policy_sha256, request, reply) VALUES (?, ?, ?, ?, ?, ?, ?)",
    "new_key": "INSERT INTO ybcore_keys (key, digest, setl_id) VALUES (?, ?, ?)",
    "new_movement": "INSERT INTO ybcore_movements (psn_no, version, kind, setl_id, patient, owner, time, amount, balance) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
}  # fmt: skip
