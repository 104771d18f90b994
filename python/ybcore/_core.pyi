"""The compiled kernel: arrays in, arrays out. Internal: its shape may change with any release."""

from typing import Any, TypeVar, final

import numpy as np
from numpy.typing import NDArray

_Value = TypeVar("_Value", np.int32, np.int64, np.uint8)

LAYOUT: dict[str, tuple[str, ...]]
MAX_BANDS: int
MAX_KEYS: int
MAX_LAYERS: int
MAX_TAGS: int
version: str

@final
class Catalog:
    def __init__(
        self,
        items: int,
        class_item: NDArray[np.int32],
        class_place: NDArray[np.int32],
        class_begin: NDArray[np.int32],
        class_end: NDArray[np.int32],
        class_ratio: NDArray[np.int32],
        item_class: NDArray[np.uint8],
        direct: NDArray[np.uint8],
        tag: NDArray[np.int32],
        ratio_item: NDArray[np.int32],
        ratio_place: NDArray[np.int32],
        ratio_key: NDArray[np.int32],
        ratio_begin: NDArray[np.int32],
        ratio_end: NDArray[np.int32],
        ratio: NDArray[np.int32],
        cap_item: NDArray[np.int32],
        cap_place: NDArray[np.int32],
        cap_key: NDArray[np.int32],
        cap_begin: NDArray[np.int32],
        cap_end: NDArray[np.int32],
        cap: NDArray[np.int64],
    ) -> None: ...
    @property
    def items(self) -> int: ...

@final
class Lines:
    def __init__(
        self,
        item: NDArray[np.int32],
        index: NDArray[np.int32] | None,
        day: NDArray[np.int32] | None,
        quantity: NDArray[np.int64] | None,
        amount: NDArray[np.int64],
        price: NDArray[np.int64] | None,
        deny: NDArray[np.int8] | None,
        approved: NDArray[np.int8] | None,
        named: NDArray[np.int64] | None,
        row: NDArray[np.int64] | None,
        sure: bool = True,
    ) -> None: ...

@final
class NumberIndex:
    def __init__(self, low: int, high: int, rows: int) -> None: ...
    def __len__(self) -> int: ...
    def add(self, values: NDArray[np.int64], valid: NDArray[np.uint8] | None = None) -> NDArray[np.int32]: ...
    def find(
        self, values: NDArray[np.int64], valid: NDArray[np.uint8] | None, numbers: NDArray[np.int32], threads: int
    ) -> None: ...
    @property
    def values(self) -> NDArray[np.int64]: ...

@final
class TextIndex:
    def __init__(self) -> None: ...
    def __len__(self) -> int: ...
    def add(
        self,
        offsets: NDArray[np.int32] | NDArray[np.int64],
        bytes: NDArray[np.uint8],
        valid: NDArray[np.uint8] | None = None,
        entries: NDArray[np.int32] | None = None,
    ) -> NDArray[np.int32]: ...
    def find(
        self,
        offsets: NDArray[np.int32] | NDArray[np.int64],
        bytes: NDArray[np.uint8],
        valid: NDArray[np.uint8] | None,
        numbers: NDArray[np.int32],
        threads: int,
    ) -> None: ...
    @property
    def offsets(self) -> NDArray[np.int64]: ...
    @property
    def bytes(self) -> NDArray[np.uint8]: ...

def bounds(values: NDArray[np.int64] | NDArray[np.int32], threads: int = 1) -> tuple[int, int]: ...
def combine_classes(
    events: int, columns: list[dict[str, Any]], threads: int = 1
) -> tuple[NDArray[np.int32], NDArray[np.uint64], NDArray[np.int64]]: ...
def completed_years(birth: NDArray[np.int32], day: NDArray[np.int32]) -> NDArray[np.int32]: ...
def connect(persons: int, left: NDArray[np.int32], right: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]: ...
def days_of(micros: NDArray[np.int64], threads: int = 1) -> tuple[NDArray[np.int32], bool]: ...
def earliest(group: NDArray[np.int32], day: NDArray[np.int32], groups: int, threads: int = 1) -> NDArray[np.int32]: ...
def find_rows(
    start: NDArray[np.int64],
    rows: NDArray[np.int64],
    begin: NDArray[np.int32],
    end: NDArray[np.int32],
    own: NDArray[np.int32] | None,
    key: NDArray[np.int32],
    day: NDArray[np.int32],
    theirs: NDArray[np.int32] | None,
    none: int,
    unknown: int,
    threads: int = 1,
) -> NDArray[np.int32]: ...
def first_within(
    offsets: NDArray[np.int32] | NDArray[np.int64],
    bytes: NDArray[np.uint8],
    valid: NDArray[np.uint8] | None,
    asked_offsets: NDArray[np.int32] | NDArray[np.int64],
    asked_bytes: NDArray[np.uint8],
    asked_valid: NDArray[np.uint8] | None,
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
) -> NDArray[np.int64]: ...
def group_lines(
    run_visit: NDArray[np.int32], run_end: NDArray[np.int64], visits: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
def keep_parts(
    line_begin: NDArray[np.int64],
    enddate: NDArray[np.int32],
    lines: Lines,
    cut_begin: NDArray[np.int64],
    cuts: NDArray[np.int32],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]: ...
def let_go() -> None: ...
def line_totals(
    line_begin: NDArray[np.int64], lines: Lines, threads: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]: ...
def numbers_of(
    codes: NDArray[np.int32] | NDArray[np.int64],
    valid: NDArray[np.uint8] | None,
    numbers: NDArray[np.int32],
    out: NDArray[np.int32],
    threads: int,
) -> None: ...
def order_rows(
    group: NDArray[np.int32],
    groups: int,
    first: NDArray[np.int64],
    second: NDArray[np.int64] | None,
    numbers: NDArray[np.int64] | None,
    offsets: NDArray[np.int64] | None,
    bytes: NDArray[np.uint8] | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64], bool]: ...
def price(
    catalog: Catalog,
    programs: NDArray[np.int64],
    steps: NDArray[np.int32],
    tag_map: NDArray[np.uint16],
    catalog_tags: int,
    tags: int,
    line_begin: NDArray[np.int64],
    enddate: NDArray[np.int32],
    setl_day: NDArray[np.int32],
    treatment: NDArray[np.int32] | None,
    insured: NDArray[np.int32] | None,
    event_begin: NDArray[np.int64],
    program: NDArray[np.int32],
    level: NDArray[np.int32] | None,
    before: NDArray[np.int32] | None,
    lines: Lines,
    line_output: bool,
    threads: int = 1,
) -> dict[str, NDArray[Any]]: ...
def rank_codes(
    codes: NDArray[np.int32] | NDArray[np.int64],
    valid: NDArray[np.uint8] | None,
    start: int,
    rank: NDArray[np.int32],
    out: NDArray[np.int32],
) -> NDArray[np.int32]: ...
def rising(values: NDArray[np.int64], threads: int = 1) -> bool: ...
def rough_bounds(values: NDArray[np.int64] | NDArray[np.int32], threads: int = 1) -> tuple[int, int]: ...
def rows_by_key(key: NDArray[np.int32], keys: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
def round_div(numerator: int, denominator: int, mode: int = 0) -> int: ...
def settle(
    program: dict[str, Any],
    events: dict[str, Any],
    accounts: dict[str, Any],
    opening: dict[str, Any] | None,
    want_state: bool,
    want_detail: bool,
    threads: int,
) -> dict[str, Any]: ...
def sole_rows(key: NDArray[np.int32], keys: int, unknown: int) -> NDArray[np.int32] | None: ...
def steps(values: NDArray[np.int64], threads: int = 1) -> tuple[int, int]: ...
def taken(
    table: NDArray[_Value], index: NDArray[np.int32] | NDArray[np.uint8], threads: int = 1
) -> NDArray[_Value]: ...
