import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .errors import YbcoreError

COLUMNS: tuple[str, ...]
OUTCOMES: tuple[str, ...]
IDS: tuple[str, ...]

class Image:
    path: Any
    def __init__(self, path: str | bytes | os.PathLike[str]) -> None: ...
    def item(self, code: str | bytes) -> int: ...
    @property
    def policy_sha256(self) -> str: ...
    @property
    def catalog_sha256(self) -> str: ...

class State:
    image: Image
    def __init__(self, image: Image, data: bytes | bytearray | memoryview | None = None, room: int = 16) -> None: ...
    @property
    def version(self) -> int: ...
    def copy(self) -> State: ...
    def to_bytes(self) -> bytes: ...

class Lines:
    def __init__(
        self,
        item: Sequence[int],
        amount: Sequence[int],
        quantity: Sequence[int | None] | None = None,
        day: Sequence[int | None] | None = None,
        deny: Sequence[int] | None = None,
        approved: Sequence[int | None] | None = None,
        returns: Sequence[int | None] | None = None,
    ) -> None: ...
    def __len__(self) -> int: ...

class Visit:
    image: Image
    version: int | None
    def __init__(
        self,
        image: Image,
        facts: Mapping[str, str | int],
        *,
        setl_day: int,
        reversal: bool = False,
        begndate: int | None = None,
        enddate: int | None = None,
        ipt_days: int | None = None,
        brdy: int | None = None,
        acct_used: bool = True,
        natures: Sequence[int] | None = None,
        medfee: int | None = None,
        balc: int | None = None,
        mulaid_balc: int | None = None,
        movements: Sequence[tuple[Any, ...]] | None = None,
        version: int | None = None,
        earlier: Iterable[tuple[int, Mapping[str, str | int]]] | None = None,
        **ids: str | bytes | int,
    ) -> None: ...
    def again(self, setl_id: str | bytes, setl_day: int) -> Visit: ...

class Result:
    @property
    def outcome(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def flags(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def policy_id(self) -> str: ...
    @property
    def plan_id(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...
    def __getattr__(self, name: str) -> int: ...

class Desk:
    image: Image
    def __init__(self, image: Image) -> None: ...
    def combine(self, visit: Visit) -> None: ...
    def settle(self, state: State, visit: Visit, lines: Lines | None = None, pre: bool = False) -> Result: ...
    def settle_many(
        self,
        states: Iterable[State],
        visits: Iterable[Visit],
        lines: Iterable[Lines | None] | None = None,
        pre: bool = False,
    ) -> list[Result | YbcoreError]: ...

class Window:
    """A desk that takes rows of tables as Engine.settle_one is given them; for one thread at a time. See ybcore.settling.window."""

    image: Image
    code: int
    def __init__(self, image: Image, layout: Mapping[str, Any]) -> None: ...
    def settle(
        self,
        opening: bytes,
        known: Callable[[], set[bytes]],
        visit: Mapping[str, Any],
        lines: Sequence[Mapping[str, Any]] | None,
        persons: Sequence[Mapping[str, Any]] | None,
        institutions: Sequence[Mapping[str, Any]] | None,
        pre: bool,
        moves: Callable[[int, list[tuple[str, int]]], Sequence[tuple[str, int, int, int]] | None] | None,
    ) -> tuple[dict[str, Any], list[dict[str, Any]], bytes | None] | None: ...
