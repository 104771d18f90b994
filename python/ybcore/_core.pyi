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
def check_after_death(
    begin: NDArray[np.int64],
    time: NDArray[np.int64],
    death: NDArray[np.int64],
    grace: int = 0,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_around_operation(
    time: NDArray[np.int64],
    visit: NDArray[np.int32],
    operation_begin: NDArray[np.int64],
    operation: NDArray[np.int64],
    before_hours: int,
    after_hours: int,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_before_admission(
    begin: NDArray[np.int64],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    role: NDArray[np.uint8],
    days: int,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_daily_dose(
    dose: NDArray[np.int64],
    times: NDArray[np.int64],
    limit: NDArray[np.int64],
    entry: NDArray[np.int32] | None,
    comparator: str,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_delay(
    from_time: NDArray[np.int64],
    to_time: NDArray[np.int64],
    hours: int,
    comparator: str,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_distinct(
    begin: NDArray[np.int64],
    item: NDArray[np.int32],
    items: int,
    scope: NDArray[np.int32] | None,
    threshold_begin: NDArray[np.int64],
    threshold: NDArray[np.int64],
    comparator: str,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_flagged(
    state: NDArray[np.uint8],
    threads: int = 1,
) -> dict[str, Any]: ...
def check_gap(
    begin: NDArray[np.int64],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    exempt: NDArray[np.uint8] | None,
    from_stay: NDArray[np.int32] | None,
    comparator: str,
    zones: NDArray[np.int64],
    overlap: bool = False,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_idle(
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    begin: NDArray[np.int64],
    time: NDArray[np.int64],
    most: int,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_line_in_stay(
    time: NDArray[np.int64],
    stay: NDArray[np.int32],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    grace_before: int = 0,
    grace_after: int = 0,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_listed_lines(
    begin: NDArray[np.int64],
    item: NDArray[np.int32],
    items: int,
    listed: NDArray[np.uint8],
    single: bool = False,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_in_order(
    earlier: NDArray[np.int64],
    later: NDArray[np.int64],
    threads: int = 1,
) -> dict[str, Any]: ...
def check_overlap(
    begin: NDArray[np.int64],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    stay: NDArray[np.int32],
    kind: NDArray[np.int32],
    looked_at: NDArray[np.uint8],
    kinds: int,
    grace: int = 0,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_product(
    quantity: NDArray[np.int64],
    price: NDArray[np.int64],
    amount: NDArray[np.int64],
    tolerance: int = 0,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_ratio_change(
    numerator: NDArray[np.int64],
    denominator: NDArray[np.int64],
    before: NDArray[np.int32],
    comparator: str,
    value: int,
    up: int = 1_000_000,
    down: int = 1,
    min_sample: int = 0,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_ratio_fixed(
    numerator: NDArray[np.int64],
    denominator: NDArray[np.int64],
    comparator: str,
    value: int,
    up: int = 1_000_000,
    down: int = 1,
    min_sample: int = 0,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_ratio_peer(
    numerator: NDArray[np.int64],
    denominator: NDArray[np.int64],
    begin: NDArray[np.int64],
    statistic: str,
    comparator: str,
    value: int,
    up: int = 1_000_000,
    down: int = 1,
    min_sample: int = 0,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_repeated(
    begin: NDArray[np.int64],
    rows: int,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_same_class(
    begin: NDArray[np.int64],
    item: NDArray[np.int32],
    items: int,
    of_class: NDArray[np.int32],
    classes: int,
    of_lines: bool = True,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_stock(
    begin: NDArray[np.int64],
    day: NDArray[np.int32],
    quantity: NDArray[np.int64],
    key: NDArray[np.int32],
    from_day: NDArray[np.int32],
    to_day: NDArray[np.int32],
    open: NDArray[np.int64],
    taken: NDArray[np.int64],
    close: NDArray[np.int64],
    factor: NDArray[np.int64],
    tolerance: int = 0,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_sums(
    begin: NDArray[np.int64],
    amount: NDArray[np.int64],
    total: NDArray[np.int64],
    tolerance: int = 0,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_supply(
    form: str,
    begin: NDArray[np.int64],
    day: NDArray[np.int32],
    quantity: NDArray[np.int64],
    days: NDArray[np.int64] | None,
    dose: NDArray[np.int64] | None,
    times: NDArray[np.int64] | None,
    limit: NDArray[np.int64],
    entry: NDArray[np.int32] | None,
    comparator: str = "more_than",
    packs: bool = False,
    span: bool = False,
    reset: int = -1,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_tier(
    begin: NDArray[np.int64],
    item: NDArray[np.int32],
    quantity: NDArray[np.int64],
    amount: NDArray[np.int64],
    price: NDArray[np.int64],
    group_begin: NDArray[np.int64],
    group: NDArray[np.int32],
    groups: int,
    factors: NDArray[np.int64],
    threads: int = 1,
) -> dict[str, Any]: ...
def check_unsettled(
    end: NDArray[np.int64],
    settled: NDArray[np.int64],
    days: int,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_window(
    begin: NDArray[np.int64],
    day: NDArray[np.int32],
    value: NDArray[np.int64] | None,
    key: NDArray[np.int32] | None,
    scope: NDArray[np.int32] | None,
    measure: str,
    comparator: str,
    windows: list[tuple[str, int, bool, bool]],
    threshold_begin: NDArray[np.int64],
    threshold: NDArray[np.int64],
    keys: int = 0,
    scopes: int = 1,
    starts: int = 101,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_window_replay(
    begin: NDArray[np.int64],
    day: NDArray[np.int32],
    value: NDArray[np.int64] | None,
    key: NDArray[np.int32] | None,
    scope: NDArray[np.int32] | None,
    measure: str,
    comparator: str,
    windows: list[tuple[str, int, bool, bool]],
    values: NDArray[np.int64],
    money: NDArray[np.int64],
    excess: bool = False,
    keys: int = 0,
    starts: int = 101,
    threads: int = 1,
) -> dict[str, NDArray[np.int64]]: ...
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
def ratios(
    numerator: NDArray[np.int64], denominator: NDArray[np.int64], up: int, down: int, min_sample: int = 0
) -> NDArray[np.int64]: ...
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
