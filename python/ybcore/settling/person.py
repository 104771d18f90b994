"""The state of one person (or of the few who are settled together) as a value: what the next visit must know of those before it.

A `PersonState` never changes. `Engine.settle_one` gives the one after a visit, `advance` decides which of two desks may put theirs in its
place. It is the same memory that a `State` of a batch is, by names instead of numbers; its forms are in docs/embedding.md.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from .. import _core
from ..errors import InputError, Problem, StaleStateError
from .state import LISTS, NAMES, NEVER, WITHIN, State

if TYPE_CHECKING:
    from .one import OneSettlement

__all__ = ["Account", "Contribution", "Kept", "Key", "Other", "Parts", "PersonState", "in_order", "not_a_state"]


class Key(NamedTuple):
    """One counter for one scope and period. `counter` is ["scheme", name] as JSON text; `within` what the scope names beside the owner."""

    counter: str
    scope: int
    owner: str
    household: bool
    within: str | None
    period: int


class Contribution(NamedTuple):
    """What a settlement put into a counter, in millionths of a fen; also the standard it left there."""

    key: Key
    amount: int


class Admission(NamedTuple):
    key: Key
    stay: str | None
    number: int


Row = TypeVar("Row", Contribution, Admission)


class Used(NamedTuple):
    """Of the deductible of a layer, in millionths of a fen; `chain_*` along transfers."""

    layer: str
    used: int
    chain_standard: int
    chain_used: int


class Account(NamedTuple):
    """Money in fen, days since 1970-01-01; `through` is None when nothing was applied yet."""

    psn_no: str
    balance: int
    opening: int
    start: int
    through: int | None


class Kept(NamedTuple):
    """A settlement that stands: every number it gave, and what it put where, so that a reversal can take it back."""

    setl_id: str
    psn_no: str
    mdtrt_id: str
    scheme: str
    policy: str
    plan: str
    enddate: int
    has_account: int
    flags: int
    columns: tuple[int, ...]
    contributions: tuple[Contribution, ...]
    admissions: tuple[Admission, ...]
    standards: tuple[Contribution, ...]
    used: tuple[Used, ...]
    moves: tuple[tuple[str, int], ...]


class Other(NamedTuple):
    """An id that does not stand: 1 reversed, 2 a reversal, 3 refused."""

    setl_id: str
    psn_no: str
    kind: int


class Parts(NamedTuple):
    """What a `PersonState` holds."""

    version: int
    counters: tuple[Contribution, ...]
    accounts: tuple[Account, ...]
    settlements: tuple[Kept, ...]
    others: tuple[Other, ...]


class PersonState:
    """Counters, accounts, settlements that stand (in settling order) and ids that do not; `version` counts the visits that led here.

    Held as its parts or as its bytes, whichever it was made from.
    """

    __slots__ = ("_bytes", "_parts", "_sha256")
    _bytes: Any
    _parts: Any
    _sha256: Any

    def __init__(
        self,
        version: int = 0,
        counters: tuple[Contribution, ...] = (),
        accounts: tuple[Account, ...] = (),
        settlements: tuple[Kept, ...] = (),
        others: tuple[Other, ...] = (),
    ) -> None:
        self._hold(Parts(version, counters, accounts, settlements, others), None)

    def _hold(self, parts: Parts | None, data: bytes | None) -> None:
        for name, held in (("_parts", parts), ("_bytes", data), ("_sha256", None)):
            object.__setattr__(self, name, held)

    @staticmethod
    def held(data: bytes) -> PersonState:
        """Of bytes that ybcore wrote: looked through when a part is asked for, and by who settles from it."""
        (out := PersonState.__new__(PersonState))._hold(None, data)
        return out

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a PersonState never changes: {name}")

    def __eq__(self, other: object) -> bool:
        return self.to_bytes() == other.to_bytes() if isinstance(other, PersonState) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def __reduce__(self) -> Any:
        return PersonState.held, (self.to_bytes(),)

    def _read(self) -> Parts:
        from .personbytes import unpacked

        if self._parts is None:
            object.__setattr__(self, "_parts", unpacked(self._bytes))
        return self._parts

    @property
    def version(self) -> int:
        from .personbytes import version_of

        return version_of(self._bytes) if self._parts is None else self._parts.version

    @property
    def counters(self) -> tuple[Contribution, ...]:
        return self._read().counters

    @property
    def accounts(self) -> tuple[Account, ...]:
        return self._read().accounts

    @property
    def settlements(self) -> tuple[Kept, ...]:
        return self._read().settlements

    @property
    def others(self) -> tuple[Other, ...]:
        return self._read().others

    def __repr__(self) -> str:
        return f"PersonState(version={self.version}, {len(self.settlements)} settlements, {self.sha256[:12]})"

    @property
    def sha256(self) -> str:
        """Hash of the binary form: equal for equal states, whatever engine and door led there."""
        if self._sha256 is None:
            object.__setattr__(self, "_sha256", hashlib.sha256(self.to_bytes()).hexdigest())
        return self._sha256

    def advance(self, done: OneSettlement) -> PersonState:
        """The state after a settlement, if it was made from this one.

        Of two desks that settled from the same state one advances it; the other is refused and settles its visit again. Raises
        StaleStateError when `done` was made from another state than this.
        """
        if done.opening_sha256 != self.sha256:
            was, now = done.opening_version, self.version
            what = f"the settlement was made from version {was} ({done.opening_sha256[:12]}), the state is at version {now} ({self.sha256[:12]}): settle the visit again from this state"
            zh = f"该结算依据版本 {was}（{done.opening_sha256[:12]}），而状态已是版本 {now}（{self.sha256[:12]}）：请依当前状态重新结算"
            raise StaleStateError([Problem(what=what, what_zh=zh, path="state.version")])
        return done.state

    def after(self, before: PersonState) -> PersonState:
        """The same with settlements in settling order: a batch has those of people who are not joined in it one group after the other."""
        place = {one.setl_id: at for at, one in enumerate(before.settlements)}
        last = len(place)
        held = tuple(sorted(self.settlements, key=lambda one: place.get(one.setl_id, last)))
        return self if held == self.settlements else PersonState(*self._read()._replace(settlements=held))

    # ------------------------------------------------------------------ forms

    def to_bytes(self) -> bytes:
        """The stable binary form (docs/embedding.md): equal states have equal bytes."""
        if self._bytes is None:
            from .personbytes import packed

            object.__setattr__(self, "_bytes", packed(self))
        return self._bytes

    @staticmethod
    def from_bytes(data: bytes | memoryview) -> PersonState:
        """Raises InputError for bytes that are no state, are cut short, or were made by a later format."""
        from .personbytes import unpacked
        from .personsound import sound

        return sound(PersonState(*unpacked(data)))

    def to_json(self) -> str:
        """The same for people and other languages: one JSON object; whole numbers have up to 63 bits."""
        from .personjson import told

        return json.dumps(told(self), ensure_ascii=False, separators=(",", ":"))

    @staticmethod
    def from_json(text: str | bytes) -> PersonState:
        """Raises InputError for a text that is no state, with the places of what is wrong in it."""
        from .personjson import FORMAT, untold
        from .personsound import sound

        try:
            given = json.loads(text)
            if given["format"] != FORMAT:
                raise ValueError(given["format"])
            state = untold(given)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
            raise not_a_state(f"{type(fault).__name__}: {fault}", FORMAT) from None
        return sound(state)

    # ------------------------------------------------------------------ between batches

    @staticmethod
    def of(state: State, version: int) -> PersonState:
        """The state after a batch as a value. Every index becomes its name; what has no order of its own is sorted."""
        return _Reading(state).value(version)

    def state(self) -> State | None:
        """The same as a batch opens with; None where nothing is remembered. Raises InputError for bytes that are no state."""
        from .personsound import sound

        return _Writing(sound(self)).state() if any(self._read()[1:]) else None


def not_a_state(why: str, expected: str, expected_zh: str = "") -> InputError:
    return InputError(
        [Problem(what=f"this is no person state ({why})", what_zh=f"不是有效的个人状态（{why}）", path="state", expected=expected, expected_zh=expected_zh)]
    )  # fmt: skip


class _Reading:
    """Names for the indices of a `State`."""

    def __init__(self, state: State) -> None:
        self.a = state.arrays
        self.names = {kind: [str(name) for name in state.names[kind]] for kind in NAMES}

    def key(self, row: Any) -> Key:
        counter, owner, within, period = (int(x) for x in row)
        scope = int(self.a["counter_scope"][counter])
        house = owner < 0
        who = self.names["house"][-2 - owner] if house else self.names["psn"][owner]
        what = None if within < 0 or scope not in WITHIN else self.names[WITHIN[scope]][within]
        return Key(self.names["counter"][counter], scope, who, house, what, period)

    def value(self, version: int) -> PersonState:
        a, names = self.a, self.names
        counters = [Contribution(self.key(k), int(v)) for k, v in zip(a["counter_key"], a["counter_value"])]
        accounts = [
            Account(names["psn"][p], int(b), int(o), int(s), None if t == NEVER else int(t))
            for p, b, o, s, t in zip(*(a[f"account_{n}"].tolist() for n in ("person", "balance", "opening", "start", "through")))
        ]  # fmt: skip
        others = [
            Other(names["setl"][s], names["psn"][p], int(k))
            for s, p, k in zip(a["other_setl"].tolist(), a["other_person"].tolist(), a["other_kind"].tolist())
        ]
        settlements = tuple(self.kept(k) for k in range(len(a["person"])))
        return PersonState(
            version, in_order(tuple(counters)), tuple(sorted(accounts)), settlements, tuple(sorted(others))
        )

    def kept(self, k: int) -> Kept:
        a, names = self.a, self.names

        def rows(name: str) -> range:
            return range(int(a[f"{name}_begin"][k]), int(a[f"{name}_begin"][k + 1]))

        stay = a["admission_stay"]
        return Kept(
            names["setl"][a["setl"][k]], names["psn"][a["person"][k]], names["stay"][a["stay"][k]], names["scheme"][a["scheme"][k]],
            names["policy"][a["policy"][k]], names["plan"][a["plan"][k]], int(a["enddate"][k]), int(a["has_account"][k]), int(a["flags"][k]),
            tuple(a["columns"][k].tolist()),
            tuple(sorted((Contribution(self.key(a["contribution_key"][i]), int(a["contribution_amount"][i])) for i in rows("contribution")), key=_order)),
            tuple(sorted((Admission(self.key(a["admission_key"][i]), names["stay"][stay[i]] if stay[i] >= 0 else None, int(a["admission_number"][i])) for i in rows("admission")), key=_order)),
            tuple(sorted((Contribution(self.key(a["standard_key"][i]), int(a["standard_amount"][i])) for i in rows("standard")), key=_order)),
            tuple(sorted(Used(names["layer"][a["used_layer"][i]], int(a["used"][i]), int(a["chain_standard"][i]), int(a["chain_used"][i])) for i in rows("used"))),
            tuple(sorted((names["psn"][a["move_person"][i]], int(a["move_amount"][i])) for i in rows("move"))),
        )  # fmt: skip


def in_order(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Rows with a key as a state has them."""
    return tuple(sorted(rows, key=_order))


def _order(row: Any) -> Any:
    """Texts by their bytes, so that other languages sort alike."""
    key: Key = row[0]
    within = b"" if key.within is None else b"\1" + key.within.encode()
    rest = tuple(b"" if x is None else b"\1" + x.encode() if isinstance(x, str) else x for x in row[1:])
    return key.counter.encode(), key.scope, key.owner.encode(), key.household, within, key.period, *rest


class _Writing:
    """Indices for the names of a `PersonState`."""

    def __init__(self, value: PersonState) -> None:
        self.value = value
        self.names: dict[str, dict[str, int]] = {kind: {} for kind in NAMES}
        self.scopes: list[int] = []

    def at(self, kind: str, name: str) -> int:
        return self.names[kind].setdefault(name, len(self.names[kind]))

    def key(self, key: Key) -> tuple[int, int, int, int]:
        counter = self.at("counter", key.counter)
        if counter == len(self.scopes):
            self.scopes.append(key.scope)
        owner = -2 - self.at("house", key.owner) if key.household else self.at("psn", key.owner)
        within = -1 if key.within is None else self.at(WITHIN[key.scope], key.within)
        return counter, owner, within, key.period

    def lists(self) -> dict[str, Any]:
        out: dict[str, list[Any]] = {c: [] for columns in LISTS.values() for c in columns}
        begins: dict[str, list[int]] = {name: [0] for name in LISTS}
        uncounted = 0
        for one in self.value.settlements:
            for c in one.contributions:
                out["contribution_key"].append(self.key(c.key))
                out["contribution_amount"].append(c.amount)
            for a in one.admissions:
                uncounted += a.stay is None
                out["admission_key"].append(self.key(a.key))
                out["admission_stay"].append(-1 - uncounted if a.stay is None else self.at("stay", a.stay))
                out["admission_number"].append(a.number)
            for s in one.standards:
                out["standard_key"].append(self.key(s.key))
                out["standard_amount"].append(s.amount)
            for u in one.used:
                for column, cell in zip(LISTS["used"], (self.at("layer", u.layer), *u[1:])):
                    out[column].append(cell)
            for who, amount in one.moves:
                out["move_person"].append(self.at("psn", who))
                out["move_amount"].append(amount)
            for name, columns in LISTS.items():
                begins[name].append(len(out[columns[0]]))
        arrays: dict[str, Any] = {f"{name}_begin": np.array(begin, np.int64) for name, begin in begins.items()}
        for name, cells in out.items():
            small = name.endswith(("_key", "_stay", "_number", "_layer", "_person"))
            held = np.array(cells, np.int32 if small else np.int64)
            arrays[name] = held.reshape(-1, 4) if name.endswith("_key") else held
        return arrays

    def state(self) -> State:
        value, at = self.value, self.at
        arrays: dict[str, Any] = {
            "counter_key": np.array([self.key(c.key) for c in value.counters], np.int32).reshape(-1, 4),
            "counter_value": np.array([c.amount for c in value.counters], np.int64),
        }
        for name, kind in (("setl", "setl_id"), ("person", "psn_no"), ("stay", "mdtrt_id"), ("scheme", "scheme"), ("policy", "policy"), ("plan", "plan")):  # fmt: skip
            words = "psn" if name == "person" else name
            arrays[name] = np.array([at(words, getattr(one, kind)) for one in value.settlements], np.int32)
        for name in ("enddate", "has_account"):
            arrays[name] = np.array([getattr(one, name) for one in value.settlements], np.int32)
        arrays["flags"] = np.array([one.flags for one in value.settlements], np.int64)
        width = len(_core.LAYOUT["columns"])
        arrays["columns"] = np.array([one.columns for one in value.settlements], np.int64).reshape(-1, width)
        arrays |= self.lists()
        accounts = value.accounts
        arrays["account_person"] = np.array([at("psn", one.psn_no) for one in accounts], np.int32)
        for name in ("balance", "opening"):
            arrays[f"account_{name}"] = np.array([getattr(one, name) for one in accounts], np.int64)
        arrays["account_start"] = np.array([one.start for one in accounts], np.int32)
        arrays["account_through"] = np.array([NEVER if o.through is None else o.through for o in accounts], np.int32)
        arrays["other_setl"] = np.array([at("setl", one.setl_id) for one in value.others], np.int32)
        arrays["other_person"] = np.array([at("psn", one.psn_no) for one in value.others], np.int32)
        arrays["other_kind"] = np.array([one.kind for one in value.others], np.uint8)
        arrays["counter_scope"] = np.array(self.scopes, np.int32)
        return State(arrays, {kind: list(words) for kind, words in self.names.items()})
