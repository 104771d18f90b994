"""The binary form of a `PersonState`: little-endian, one table of names, rows of fixed width (docs/embedding.md, "The binary form").

core/src/statebytes.cpp reads and writes the same form; tests/test_embed_state.py holds the two together.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from .. import _core
from .person import Account, Admission, Contribution, Kept, Key, Other, Parts, PersonState, Used, not_a_state
from .state import NEVER

__all__ = ["accounts_in", "packed", "unpacked", "version_of"]

MAGIC = b"YBSTATE\0"
FORMAT = 1
NONE = 0xFFFFFFFF
EXPECTED = (
    f"the bytes that PersonState.to_bytes of format {FORMAT} gave",
    f"格式 {FORMAT} 的 PersonState.to_bytes 所给的字节",
)
HEAD = struct.Struct("<8sIIQ12I")
NAME = struct.Struct("<II")
KEY = struct.Struct("<IIIIIi")
COUNTER = struct.Struct("<IIIIIiq")
ACCOUNT = struct.Struct("<IiiIqq")
KEPT = struct.Struct("<6IiIII5I4x")
OTHER = struct.Struct("<IIII")
ADMISSION = struct.Struct("<IIIIIiIi")
USED = struct.Struct("<IIqqq")
MOVE = struct.Struct("<IIq")


class _Names:
    """Every text once, sorted by its bytes, so that equal states have equal numbers."""

    def __init__(self, state: PersonState) -> None:
        found: set[str] = set()
        for row in _texts(state):
            found |= {text for text in row if text is not None}
        self.texts = sorted(text.encode() for text in found)
        self.place = {text: i for i, text in enumerate(self.texts)}

    def at(self, text: str | None) -> int:
        return NONE if text is None else self.place[text.encode()]

    def key(self, key: Key) -> tuple[int, ...]:
        return self.at(key.counter), key.scope, self.at(key.owner), int(key.household), self.at(key.within), key.period


def _texts(state: PersonState) -> Iterator[tuple[str | None, ...]]:
    def key(k: Key) -> tuple[str | None, ...]:
        return k.counter, k.owner, k.within

    yield from (key(c.key) for c in state.counters)
    yield from ((a.psn_no,) for a in state.accounts)
    yield from ((o.setl_id, o.psn_no) for o in state.others)
    for one in state.settlements:
        yield one[:6]
        yield from (key(row.key) for row in (*one.contributions, *one.standards))
        yield from ((*key(a.key), a.stay) for a in one.admissions)
        yield from ((u.layer,) for u in one.used)
        yield from ((who,) for who, _ in one.moves)


def packed(state: PersonState) -> bytes:
    names = _Names(state)
    text = b"".join(names.texts)
    text += bytes(-len(text) % 8)
    width = len(_core.LAYOUT["columns"])
    lists: list[list[bytes]] = [[], [], [], [], []]
    kept: list[bytes] = []
    for one in state.settlements:
        lists[0] += [COUNTER.pack(*names.key(c.key), c.amount) for c in one.contributions]
        lists[1] += [ADMISSION.pack(*names.key(a.key), names.at(a.stay), a.number) for a in one.admissions]
        lists[2] += [COUNTER.pack(*names.key(s.key), s.amount) for s in one.standards]
        lists[3] += [USED.pack(names.at(u.layer), 0, *u[1:]) for u in one.used]
        lists[4] += [MOVE.pack(names.at(who), 0, amount) for who, amount in one.moves]
        ends = [len(rows) for rows in lists]
        head = KEPT.pack(*(names.at(x) for x in one[:6]), one.enddate, one.has_account, one.flags, 0, *ends)
        kept.append(head + struct.pack(f"<{width}q", *one.columns))
    places, at = [], 0
    for name in names.texts:
        places.append(NAME.pack(at, len(name)))
        at += len(name)
    body = [
        *places,
        text,
        *(COUNTER.pack(*names.key(c.key), c.amount) for c in state.counters),
        *(
            ACCOUNT.pack(names.at(a.psn_no), a.start, NEVER if a.through is None else a.through, 0, a.balance, a.opening)
            for a in state.accounts
        ),
        *kept,
        *(OTHER.pack(names.at(o.setl_id), names.at(o.psn_no), o.kind, 0) for o in state.others),
        *(row for rows in lists for row in rows),
    ]  # fmt: skip
    size = HEAD.size + sum(map(len, body))
    counts = [len(names.texts), len(text), len(state.counters), len(state.accounts), len(kept), len(state.others), *map(len, lists), width]  # fmt: skip
    return HEAD.pack(MAGIC, FORMAT, size, state.version, *counts) + b"".join(body)


def version_of(data: bytes) -> int:
    """The version that bytes of a state say; the rest is not looked at."""
    if len(data) < HEAD.size or data[:8] != MAGIC:
        raise not_a_state("it does not begin with YBSTATE", *EXPECTED)
    return int(HEAD.unpack_from(data)[3])


def accounts_in(data: bytes) -> list[Account]:
    """The accounts alone, of bytes that ybcore wrote."""
    counts = HEAD.unpack_from(data)[4:]
    names, text = HEAD.size, HEAD.size + NAME.size * counts[0]
    at = text + counts[1] + COUNTER.size * counts[2]
    out = []
    for who, start, through, _, balance, opening in ACCOUNT.iter_unpack(data[at : at + ACCOUNT.size * counts[3]]):
        begin, size = NAME.unpack_from(data, names + NAME.size * who)
        name = data[text + begin : text + begin + size].decode()
        out.append(Account(name, balance, opening, start, None if through == NEVER else through))
    return out


def unpacked(data: bytes | memoryview) -> Parts:
    """The parts of a state in their order."""
    held = bytes(data)
    if len(held) < HEAD.size or held[:8] != MAGIC:
        raise not_a_state("it does not begin with YBSTATE", *EXPECTED)
    _, number, size, version, *counts = HEAD.unpack_from(held)
    if number != FORMAT:
        raise not_a_state(f"format {number}", *EXPECTED)
    if size != len(held):
        raise not_a_state(f"{len(held)} bytes where it says {size}", *EXPECTED)
    if counts[11] != len(_core.LAYOUT["columns"]):
        raise not_a_state(f"{counts[11]} columns a settlement", *EXPECTED)
    try:
        return _Rows(held, counts).state(version)
    except (struct.error, IndexError, UnicodeDecodeError) as fault:
        raise not_a_state(f"{type(fault).__name__}: {fault}", *EXPECTED) from None


class _Rows:
    """The sections of the bytes, one after another."""

    def __init__(self, data: bytes, counts: list[int]) -> None:
        self.data, self.counts, self.at = data, counts, HEAD.size
        names = self.rows(NAME, counts[0])
        text = self.take(counts[1])
        self.names = [text[begin : begin + size].decode() for begin, size in names]

    def take(self, size: int) -> bytes:
        out = self.data[self.at : self.at + size]
        if len(out) != size:
            raise IndexError("a section ends beyond the bytes")
        self.at += size
        return out

    def rows(self, shape: struct.Struct, count: int) -> list[tuple[Any, ...]]:
        return list(shape.iter_unpack(self.take(shape.size * count)))

    def key(self, row: tuple[Any, ...]) -> Key:
        counter, scope, owner, house, within, period = row[:6]
        return Key(self.names[counter], scope, self.names[owner], bool(house), self.name(within), period)

    def name(self, at: int) -> str | None:
        return None if at == NONE else self.names[at]

    def state(self, version: int) -> Parts:
        counters, accounts, kept, others = self.counts[2:6]
        width, names = self.counts[11], self.names
        held = [Contribution(self.key(row), row[6]) for row in self.rows(COUNTER, counters)]
        purses = [
            Account(names[who], balance, opening, start, None if through == NEVER else through)
            for who, start, through, _, balance, opening in self.rows(ACCOUNT, accounts)
        ]
        heads = self.rows(struct.Struct(f"{KEPT.format}{width}q"), kept)
        away = [Other(names[s], names[p], kind) for s, p, kind, _ in self.rows(OTHER, others)]
        lists: tuple[list[Any], ...] = (
            [Contribution(self.key(row), row[6]) for row in self.rows(COUNTER, self.counts[6])],
            [Admission(self.key(row), self.name(row[6]), row[7]) for row in self.rows(ADMISSION, self.counts[7])],
            [Contribution(self.key(row), row[6]) for row in self.rows(COUNTER, self.counts[8])],
            [Used(names[layer], *rest) for layer, _, *rest in self.rows(USED, self.counts[9])],
            [(names[who], amount) for who, _, amount in self.rows(MOVE, self.counts[10])],
        )
        begin = [0] * 5
        settlements = []
        for row in heads:
            ends = row[10:15]
            parts = (tuple(rows[a:b]) for rows, a, b in zip(lists, begin, ends))
            settlements.append(Kept._make((*(names[i] for i in row[:6]), *row[6:9], row[15:], *parts)))
            begin = list(ends)
        return Parts(version, tuple(held), tuple(purses), tuple(settlements), tuple(away))
