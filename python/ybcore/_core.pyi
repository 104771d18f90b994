"""The compiled kernel: arrays in, arrays out. Internal: its shape may change with any release."""

from collections.abc import Callable, Sequence
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
    def rows(self) -> tuple[bytes, bytes, bytes, bytes]: ...

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
class PairTable:
    def __init__(
        self,
        main: NDArray[np.int32],
        included: NDArray[np.int32],
        scope: NDArray[np.int32] | None,
        scopes: int,
        included_qty: NDArray[np.int64] | None,
        symmetric: bool,
        items: int,
        begin: NDArray[np.int32] | None = None,
        end: NDArray[np.int32] | None = None,
        region: NDArray[np.int32] | None = None,
        level: NDArray[np.int32] | None = None,
        fits: NDArray[np.uint8] | None = None,
    ) -> None: ...
    def check(
        self,
        person_begin: NDArray[np.int64],
        time: NDArray[np.int64] | None,
        item: NDArray[np.int32],
        quantity: NDArray[np.int64],
        day: NDArray[np.int32] | None,
        region: NDArray[np.int32] | None,
        level: NDArray[np.int32] | None,
        groups: list[tuple[str, NDArray[np.int32] | None, NDArray[np.int32] | None, int]],
        threads: int = 1,
        complete: bool = False,
    ) -> dict[str, Any]: ...

@final
class SmallTable:
    @property
    def whole(self) -> bool: ...
    def __init__(self, table: Any) -> None: ...
    def cells(self, ways: Sequence[tuple[int, int, int]]) -> list[Any]: ...

@final
class OutTable:
    @property
    def formats(self) -> str: ...
    def batch(self, import_: Callable[[int, Any], Any], schema: Any) -> Any: ...
    def __arrow_c_array__(self, requested_schema: Any = None) -> tuple[Any, Any]: ...

@final
class SpotShape: ...

@final
class SpotLooked:
    @property
    def may(self) -> list[int]: ...
    @property
    def hit(self) -> list[int]: ...
    @property
    def lost(self) -> int: ...
    @property
    def time_of_day(self) -> bool: ...
    def findings(self) -> OutTable: ...
    def details(self) -> OutTable: ...

@final
class SpotDesk:
    def __init__(self, book: dict[str, Any], told: Sequence[tuple[str, str, bool]]) -> None: ...
    def shape(
        self,
        tables: Sequence[tuple[Any, Sequence[tuple[int, int, int, int]], bool] | None],
        running: bytes,
        running_by_day: bytes,
    ) -> SpotShape: ...
    def look(self, shape: SpotShape, tables: tuple[Any, ...]) -> SpotLooked | None: ...

@final
class TextIndex:
    def __init__(self, rows: int = 0) -> None: ...
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

def add_ranked(
    rank: NDArray[np.int64], unit: NDArray[np.int32], cell: NDArray[np.int32], amount: NDArray[np.int64], cells: int
) -> NDArray[np.uint64]: ...
def add_replicates(
    times: NDArray[np.uint8], unit: NDArray[np.int32], cell: NDArray[np.int32], amount: NDArray[np.int64], cells: int
) -> NDArray[np.uint64]: ...
def bounds(values: NDArray[np.int64] | NDArray[np.int32], threads: int = 1) -> tuple[int, int]: ...
def check_age(
    entry: NDArray[np.int32] | None,
    birth: NDArray[np.int32],
    day: NDArray[np.int32],
    unit: NDArray[np.uint8],
    comparator: NDArray[np.uint8],
    value: NDArray[np.int64],
    threads: int = 1,
) -> dict[str, Any]: ...
def check_attribute(
    entry: NDArray[np.int32] | None,
    code: NDArray[np.int32],
    sets: NDArray[np.uint64],
    set: NDArray[np.int32],
    barred: bool,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_bundle(
    person_begin: NDArray[np.int64],
    time: NDArray[np.int64] | None,
    item: NDArray[np.int32],
    cell: str,
    subject: NDArray[np.int32] | None,
    cut: NDArray[np.int32] | None,
    at_least: int,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_cap(
    person_begin: NDArray[np.int64],
    time: NDArray[np.int64] | None,
    cell: str,
    subject: NDArray[np.int32] | None,
    cut: NDArray[np.int32] | None,
    combine: NDArray[np.int32] | None,
    value: NDArray[np.int64] | None,
    entry: NDArray[np.int32] | None,
    caps: NDArray[np.int64] | None,
    cap: int = 0,
    factor: int = 0,
    stay_days: NDArray[np.int32] | None = None,
    *,
    comparator: str,
    last_paid: bool = False,
    row_of: NDArray[np.int32] | None = None,
    day: NDArray[np.int32] | None = None,
    complete: bool = False,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_couple(
    person_begin: NDArray[np.int64],
    entry: NDArray[np.int32] | None,
    visit: NDArray[np.int32] | None,
    day: NDArray[np.int32] | None,
    order: NDArray[np.int64] | None,
    quantity: NDArray[np.int64] | None,
    self: NDArray[np.int32] | None,
    sure: NDArray[np.uint8] | None,
    partner_begin: NDArray[np.int64],
    partner_code: NDArray[np.int32],
    partner_visit: NDArray[np.int32] | None,
    partner_day: NDArray[np.int32] | None,
    partner_order: NDArray[np.int64] | None,
    partner_quantity: NDArray[np.int64] | None,
    partner_self: NDArray[np.int32] | None,
    sets: NDArray[np.uint64],
    set: NDArray[np.int32],
    where: str,
    look_back_days: int = -1,
    negate: bool = False,
    units: int = 0,
    per: int = 0,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_diagnoses(
    entry: NDArray[np.int32] | None,
    visit: NDArray[np.int32],
    day: NDArray[np.int32] | None,
    time: NDArray[np.int64] | None,
    begin: NDArray[np.int64],
    code: NDArray[np.int32],
    main: NDArray[np.uint8] | None = None,
    visit_person: NDArray[np.int32] | None = None,
    visit_day: NDArray[np.int32] | None = None,
    test_begin: NDArray[np.int64] | None = None,
    test_time: NDArray[np.int64] | None = None,
    test_value: NDArray[np.int64] | None = None,
    test_comparator: str = "more_than",
    test_limit: int = 0,
    test_look_back_days: int = -1,
    *,
    sets: NDArray[np.uint64],
    set: NDArray[np.int32] | None,
    main_only: bool = False,
    look_back_days: int = -1,
    any_leaf: bool = False,
    negate: bool = False,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_entries(
    start: NDArray[np.int64],
    rows: NDArray[np.int64],
    begin: NDArray[np.int32] | None,
    end: NDArray[np.int32] | None,
    region: NDArray[np.int32] | None,
    level: NDArray[np.int32] | None,
    fits: NDArray[np.uint8] | None,
    table_rows: int,
    key: NDArray[np.int32],
    day: NDArray[np.int32] | None,
    event_region: NDArray[np.int32] | None,
    event_level: NDArray[np.int32] | None,
    threads: int = 1,
) -> NDArray[np.int32]: ...
def check_listed(
    entry: NDArray[np.int32],
    threads: int = 1,
) -> dict[str, Any]: ...
def check_net(
    row: NDArray[np.int32] | None,
    person_begin: NDArray[np.int64],
    visit: NDArray[np.int32],
    item: NDArray[np.int32],
    quantity: NDArray[np.int64],
    amount: NDArray[np.int64],
    named: NDArray[np.int64] | None,
    time: NDArray[np.int64] | None = None,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_once(
    order: NDArray[np.int64],
    row: NDArray[np.int64],
    wanted: NDArray[np.int64],
    of_quantity: NDArray[np.uint8],
    left: NDArray[np.int64],
) -> NDArray[np.int64]: ...
def check_order(
    visit: NDArray[np.int32],
    visit_person: NDArray[np.int32],
    time: NDArray[np.int64],
    persons: int,
    visit_numbers: NDArray[np.int64] | None = None,
    visit_offsets: NDArray[np.int64] | None = None,
    visit_bytes: NDArray[np.uint8] | None = None,
    line_numbers: NDArray[np.int64] | None = None,
    line_offsets: NDArray[np.int64] | None = None,
    line_bytes: NDArray[np.uint8] | None = None,
    threads: int = 1,
) -> tuple[NDArray[np.int32], NDArray[np.int64], bool]: ...
def check_pick(
    item: NDArray[np.int32],
    visit: NDArray[np.int32] | None,
    masks: NDArray[np.uint64],
    holds: NDArray[np.uint64] | None,
    rules: int,
    threads: int = 1,
    items: bool = False,
    visits: bool = False,
) -> dict[str, list[NDArray[np.int32]]]: ...
def check_price_ceiling(
    entry: NDArray[np.int32] | None,
    price: NDArray[np.int64],
    quantity: NDArray[np.int64],
    ceiling: NDArray[np.int64],
    tolerance: int,
    threads: int = 1,
) -> dict[str, Any]: ...
def check_regroup(
    begin: NDArray[np.int64], keys: list[NDArray[np.int32]], threads: int = 1
) -> tuple[NDArray[np.int32], NDArray[np.int64]]: ...
def check_tally(key: NDArray[np.int32], value: NDArray[np.int64] | None, size: int) -> NDArray[np.int64]: ...
def check_names(
    rules: NDArray[np.int64],
    rule_bytes: NDArray[np.uint8],
    rule: NDArray[np.int32],
    what: NDArray[np.int64],
    what_bytes: NDArray[np.uint8],
    begin: NDArray[np.int64],
    own: NDArray[np.int64],
    rows: NDArray[np.int64],
    row_bytes: NDArray[np.uint8],
    threads: int = 1,
) -> NDArray[np.uint8]: ...
def check_runs(
    place: NDArray[np.int32],
    person_begin: NDArray[np.int64],
) -> NDArray[np.int64]: ...
def check_shares(
    amount: NDArray[np.int64], quantity: NDArray[np.int64], excess: NDArray[np.int64]
) -> NDArray[np.int64]: ...
def coded(column: Any, threads: int = 1) -> tuple[NDArray[np.int32], list[str]] | None: ...
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
) -> dict[str, Any]: ...
def combine_classes(
    events: int, columns: list[dict[str, Any]], threads: int = 1
) -> tuple[NDArray[np.int32], NDArray[np.uint64], NDArray[np.int64]]: ...
def completed_years(birth: NDArray[np.int32], day: NDArray[np.int32]) -> NDArray[np.int32]: ...
def benefits(rules: dict[str, Any], claims: dict[str, Any]) -> dict[str, Any]: ...
def clear(plan: dict[str, Any], cases: dict[str, Any], threads: int, multiples: bool = True) -> dict[str, Any]: ...
def connect(persons: int, left: NDArray[np.int32], right: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]: ...
def days_of(micros: NDArray[np.int64], threads: int = 1) -> tuple[NDArray[np.int32], bool]: ...
def digits(column: Any, threads: int = 1) -> tuple[NDArray[np.int8], list[str]] | None: ...
def earliest(group: NDArray[np.int32], day: NDArray[np.int32], groups: int, threads: int = 1) -> NDArray[np.int32]: ...
def find_places(
    times: NDArray[np.uint8],
    unit: NDArray[np.int32],
    weight: NDArray[np.int64],
    start: int,
    before: NDArray[np.int64],
    target: NDArray[np.int64],
) -> NDArray[np.int64]: ...
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
def group_lines(
    run_visit: NDArray[np.int32], run_end: NDArray[np.int64], visits: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
def has_blank(column: Any) -> bool: ...
def joined(column: Any, missing: int, threads: int = 1) -> tuple[NDArray[Any], int, int] | None: ...
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
def named_lines(
    own: Any, asked: Any, line_begin: NDArray[np.int64], row: NDArray[np.int64] | None
) -> NDArray[np.int64] | None: ...
def numbers_of(
    codes: NDArray[np.int32] | NDArray[np.int64],
    valid: NDArray[np.uint8] | None,
    numbers: NDArray[np.int32],
    out: NDArray[np.int32],
    threads: int,
) -> None: ...
def number_ids(places: Sequence[tuple[SmallTable, int]]) -> tuple[list[NDArray[np.int32]], TextIndex] | None: ...
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
    want_columns: int,
    threads: int,
) -> dict[str, Any]: ...
def settle_each(
    program: dict[str, Any],
    events: dict[str, Any],
    plan: NDArray[np.int32],
    reason: NDArray[np.uint8],
    policies: int,
    slot: NDArray[np.int32],
    nature_row: NDArray[np.int32],
    natures: NDArray[np.int64],
    accounts: dict[str, Any],
    cells: list[dict[str, Any]],
    by_cell: list[int],
    by_person: list[int],
    threads: int,
) -> dict[str, Any]: ...
def sole_rows(key: NDArray[np.int32], keys: int, unknown: int) -> NDArray[np.int32] | None: ...
def steps(values: NDArray[np.int64], threads: int = 1) -> tuple[int, int]: ...
def taken(
    table: NDArray[_Value], index: NDArray[np.int32] | NDArray[np.uint8], threads: int = 1
) -> NDArray[_Value]: ...
def taken_of(
    table: NDArray[_Value], of: NDArray[np.int32], row: NDArray[np.int32], threads: int = 1
) -> NDArray[_Value]: ...
def text_hash(text: bytes) -> int: ...
def text_table(begin: NDArray[np.uint32], text: bytes) -> NDArray[np.int32]: ...
