"""The door: what is accepted, what it is held as, and what is said when it is wrong."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from ybcore.columns import Column, describe
from ybcore.columns.asof import Dated, overlaps, pack
from ybcore.columns.convert import NULL_DAY, NULL_INT, ColumnError, convert
from ybcore.columns.ids import encode, lookup, lookup_runs, named_lines, normal
from ybcore.columns.read import Problems, read
from ybcore.columns.schema import INPUT_TABLES, KINDS, LINES, PERSONS, VISITS
from ybcore.errors import InputError

MONEY = Column("amount", "money", negative=True)
N = int(NULL_INT)


def held(values: Any, spec: Column, kind: pa.DataType | None = None) -> tuple[list[int], list[int]]:
    """(held values, rows that are bad)."""
    cells = convert(pa.chunked_array([pa.array(values, kind)]), spec)
    return cells.values.tolist(), [] if cells.bad is None else np.flatnonzero(cells.bad).tolist()


@pytest.mark.parametrize(
    ("values", "kind", "want", "bad"),
    [
        ([1, -250, None], pa.int64(), [1, -250, N], []),
        ([7, 8], pa.uint8(), [7, 8], []),
        ([2**63 + 5, 3], pa.uint64(), [N, 3], [0]),
        ([10**11, 10**11 + 1], pa.int64(), [10**11, N], [1]),
        ([Decimal("1.05"), None, Decimal("-0.01")], pa.decimal128(10, 2), [105, N, -1], []),
        ([Decimal("3"), Decimal("-4")], pa.decimal128(10, 0), [300, -400], []),
        ([Decimal("1.050000"), Decimal("1.050001")], pa.decimal128(20, 6), [105, N], [1]),
        ([Decimal("1.05")], pa.decimal256(50, 2), [105], []),
        ([Decimal("99999999999999999999999999.00"), Decimal("1.00")], pa.decimal128(28, 2), [N, 100], [0]),
        (["1.5", " 2 ", "", None, "-0.01", "3.10000"], pa.string(), [150, 200, N, N, -1, 310], []),
        (["1.234", "1e3", "1,000", "x", "0.5", "1."], pa.string(), [N, N, N, N, 50, N], [0, 1, 2, 3, 5]),
        (["7.00"], pa.string_view(), [700], []),
    ],
)
def test_money_is_exact(values: Any, kind: pa.DataType, want: list[int], bad: list[int]):
    assert held(values, MONEY, kind) == (want, bad)


def test_other_exact_kinds():
    assert held(["0.1", "1", "1.000001", "0.1234567"], Column("r", "rate")) == ([100_000, 1_000_000, N, N], [2, 3])
    assert held([850_000], Column("r", "rate")) == ([850_000], [])
    assert held(["2", "0.0001", "-1"], Column("q", "quantity")) == ([20_000, 1, N], [2])
    assert held([Decimal("1.2345678")], Column("p", "price"), pa.decimal128(12, 7)) == ([N], [0])
    assert held(["12", "3.0", "3.5"], Column("c", "count")) == ([12, 3, N], [2])
    assert held([-5], Column("m", "money")) == ([N], [0])


@pytest.mark.parametrize("kind", ["money", "rate", "quantity", "price", "count"])
def test_floats_are_refused(kind: Any):
    with pytest.raises(ColumnError, match="binary float cannot hold exact amounts"):
        convert(pa.chunked_array([pa.array([1.5])]), Column("x", kind))


def test_slices_and_chunks_are_read_where_they_are():
    money = pa.array([1, 2, None, 4, 5])
    text = pa.array(["9", "1.01", None, "x", "2"])
    decimals = pa.array([None, Decimal("1.00"), Decimal("2.50")], pa.decimal128(9, 2))
    assert convert(pa.chunked_array([money.slice(1, 3), money.slice(4)]), MONEY).values.tolist() == [2, N, 4, 5]
    cells = convert(pa.chunked_array([text.slice(1), text.slice(0, 1)]), MONEY)
    assert cells.values.tolist() == [101, N, N, 200, 900] and cells.bad is not None
    assert np.flatnonzero(cells.bad).tolist() == [2]
    assert convert(pa.chunked_array([decimals.slice(1), decimals]), MONEY).values.tolist() == [100, 250, N, 100, 250]
    assert convert(pa.chunked_array([], pa.int64()), MONEY).values.tolist() == []
    assert convert(pa.chunked_array([pa.nulls(2)]), MONEY).values.tolist() == [N, N]


def test_dates_of_every_form():
    spec, day = Column("d", "date"), 19_738
    when = dt.datetime(2024, 1, 16, 23, 59, 59, 999_999)
    shanghai = "Asia/Shanghai"
    for values in (
        pa.array([when.date()]), pa.array([day], pa.int32()), pa.array(["2024-01-16"]), pa.array(["2024-01-16 08:00:00"]),
        pa.array([when], pa.timestamp("us")), pa.array([when], pa.timestamp("ns")), pa.array([when.replace(microsecond=0)], pa.timestamp("s")),
        pa.array([when.date()], pa.date64()), pa.array([dt.datetime(2024, 1, 15, 16, tzinfo=dt.UTC)], pa.timestamp("ms", shanghai)),
    ):  # fmt: skip
        assert convert(pa.chunked_array([values]), spec).values.tolist() == [day], values.type
    before = pa.array([dt.datetime(1969, 12, 31, 23)], pa.timestamp("s"))
    assert convert(pa.chunked_array([before]), spec).values.tolist() == [-1]
    values, bad = held(["2024-02-30", "", None, "20240116", "1799-12-31"], spec)
    assert values == [int(NULL_DAY)] * 5 and bad == [0, 3, 4]
    with pytest.raises(ColumnError, match="int32"):
        held([day], spec, pa.int64())


def test_times_are_microseconds():
    spec, want = Column("t", "time"), 1_705_449_599_000_000
    for values in (
        pa.array(["2024-01-16 23:59:59", "2024-01-16T23:59:59"]),
        pa.array([dt.datetime(2024, 1, 16, 23, 59, 59)] * 2, pa.timestamp("ns")),
        pa.array([dt.datetime(2024, 1, 16, 23, 59, 59)] * 2, pa.timestamp("s")),
    ):
        assert convert(pa.chunked_array([values]), spec).values.tolist() == [want, want]
    assert convert(pa.chunked_array([pa.array([dt.date(1970, 1, 2)])]), spec).values.tolist() == [86_400_000_000]


def test_codes_and_flags():
    spec = Column("c", "code")
    chunks = pa.chunked_array(
        [pa.array(["02", None, ""]).dictionary_encode(), pa.array(["11", "02", None]).dictionary_encode()]
    )
    cells = convert(chunks, spec)
    assert cells.texts == ["02", "11"] and cells.values.tolist() == [0, -1, -1, 1, 0, -1]
    with pytest.raises(ColumnError, match="leading zeros"):
        held([2], spec)
    flag = Column("f", "flag")
    assert held(["1", "0", None, "x"], flag) == ([1, 0, -1, -1], [3])
    assert held([True, False, None], flag) == ([1, 0, -1], [])
    assert held([2, 300], flag) == ([2, -1], [1])


def test_ids_are_joint():
    a = normal(pa.chunked_array([pa.array(["x", None, "y"]), pa.array(["x"])]))
    b = normal(pa.chunked_array([pa.array(["z", "y"]).dictionary_encode()]))
    (one, two), names = encode([a, b])
    assert names.to_pylist() == ["x", "y", "z"] and one.tolist() == [0, -1, 1, 0] and two.tolist() == [2, 1]
    assert lookup(a, pa.array(["y", "x"], pa.large_string())).tolist() == [1, -1, 0, 1]
    with pytest.raises(ColumnError, match="text in one table"):
        encode([a, normal(pa.chunked_array([pa.array([1])]))])
    with pytest.raises(ColumnError, match="an id is text or an integer"):
        normal(pa.chunked_array([pa.array([1.5])]))


def _cut(array: pa.Array, r: random.Random) -> list[pa.Array]:
    """The array in slices that share its buffers, some of them empty."""
    ends = sorted(r.randint(0, len(array)) for _ in range(r.randint(0, 5)))
    return [array.slice(a, b - a) for a, b in zip([0, *ends], [*ends, len(array)])]


def _id_column(r: random.Random, kind: str, shape: str) -> pa.ChunkedArray:
    """Ids of one kind as plain chunks or dictionaries: shared pages, pages of their own, pages with entries twice or not named."""
    wide = r.choice([3, 40, 10**15])
    values: list[Any] = [r.choice([None, r.randint(-wide, wide)]) for _ in range(r.randint(0, 60))]
    if kind != "int":
        values = [None if v is None else str(v) + "x" * (v % 30) for v in values]
    held = pa.array(values, {"int": pa.int64(), "text": pa.string(), "large": pa.large_string()}[kind])
    if shape == "plain":
        return pa.chunked_array(_cut(held, r), held.type)
    if shape == "own pages":
        return pa.chunked_array([part.dictionary_encode() for part in _cut(held, r)] or [held.dictionary_encode()])
    encoded = held.dictionary_encode()
    pages = pa.concat_arrays([encoded.dictionary, encoded.dictionary, pa.array([None], encoded.dictionary.type)])
    codes = [None if c is None else c + r.randint(0, 1) * len(encoded.dictionary) for c in encoded.indices.to_pylist()]
    codes = [r.choice([len(pages) - 1, None]) if c is None else c for c in codes]
    code = r.choice([pa.int8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64()])
    return pa.chunked_array(_cut(pa.DictionaryArray.from_arrays(pa.array(codes, code), pages), r))


@pytest.mark.parametrize("kind", ["int", "text", "large"])
@pytest.mark.parametrize("seed", range(25))
def test_ids_are_numbered_as_a_dict_would(kind: str, seed: int):
    r = random.Random(seed)
    columns = [_id_column(r, kind, r.choice(["plain", "own pages", "shared pages"])) for _ in range(r.randint(1, 4))]
    known: dict[Any, int] = {}
    want = [[-1 if v is None else known.setdefault(v, len(known)) for v in c.to_pylist()] for c in columns]
    given = [normal(column) for column in columns]
    found, names = encode(given)
    assert [codes.tolist() for codes in found] == want and names.to_pylist() == list(known)
    assert {codes.dtype for codes in found} == {np.dtype(np.int32)}
    if known:
        for column, codes in zip(columns, want):
            for wide in (True, False):
                assert lookup(normal(column, wide=wide), names, r.randint(1, 3)).tolist() == codes
        some = pa.array(list(known)[::2], names.type)
        place = {value: i for i, value in enumerate(some.to_pylist())}
        for column, one in zip(columns, given):
            assert lookup(one, some).tolist() == [place.get(value, -1) for value in column.to_pylist()]


def test_pages_that_chunks_share_stay_one():
    page = pa.array([f"X{i}" for i in range(1000)])
    chunks = [
        pa.DictionaryArray.from_arrays(pa.array(np.arange(a, a + 5, dtype=np.int32)), page) for a in range(0, 50, 5)
    ]
    column = normal(pa.chunked_array(chunks))
    assert len({chunk.dictionary.buffers()[2].address for chunk in column.chunks}) == 1
    assert column.type.value_type == pa.large_string() and column.to_pylist() == page.to_pylist()[:50]


def test_a_code_beyond_its_dictionary_is_an_error():
    bad = pa.DictionaryArray.from_arrays(
        pa.array([0, 7], pa.int32()), pa.array(["a", "b"], pa.large_string()), safe=False
    )
    with pytest.raises(IndexError, match="beyond its dictionary"):
        encode([pa.chunked_array([bad])])
    with pytest.raises(IndexError, match="beyond its dictionary"):
        lookup(pa.chunked_array([bad]), pa.array(["a"], pa.large_string()))


def test_runs_of_no_ids():
    found, ends = lookup_runs(pa.chunked_array([], pa.large_string()), pa.array(["a"], pa.large_string()))
    assert found.tolist() == ends.tolist() == []


@pytest.mark.parametrize("dictionary", [False, True])
def test_runs_of_ids(dictionary: bool):
    known = pa.array(["a", "b", "c"], pa.large_string())
    values = pa.array(["b", "b", "a", None, "q", "q", "c"])
    column = normal(
        pa.chunked_array(
            [
                values.dictionary_encode() if dictionary else values,
                (values.dictionary_encode() if dictionary else values).slice(5),
            ]
        )
    )
    found, ends = lookup_runs(column, known)
    each = np.repeat(found, np.diff(ends, prepend=0))
    assert each.tolist() == lookup(column, known).tolist() == [1, 1, 0, -1, -1, -1, 2, -1, 2]


@pytest.mark.parametrize("seed", range(20))
def test_as_of_join_is_the_plain_search(seed: int):
    r = random.Random(seed)
    keys, day = r.randint(1, 6), lambda: r.randint(0, 30)
    rows = [
        (r.randint(-1, keys - 1), day(), r.choice([None, r.randint(1, 40)]), r.randint(0, 2))
        for _ in range(r.randint(0, 25))
    ]
    key = np.array([k for k, *_ in rows], np.int32)
    begin = np.array([b for _, b, *_ in rows], np.int32)
    end = np.array([NULL_DAY if e is None else e for _, _, e, _ in rows], np.int32)
    own = np.array([s for *_, s in rows], np.int32)
    asked = [(r.randint(-1, keys - 1), day(), r.randint(-1, 2)) for _ in range(200)]
    dated = Dated.of(key, keys, begin, end)
    got = dated.find(np.array([k for k, *_ in asked], np.int32), np.array([d for _, d, _ in asked], np.int32), own, np.array([s for *_, s in asked], np.int32))  # fmt: skip

    def plain(k: int, d: int, s: int) -> int:
        return next(
            (
                i
                for i, (rk, b, e, rs) in enumerate(rows)
                if k >= 0 and rk == k and b <= d and (e is None or d < e) and s in (-1, rs)
            ),
            -1,
        )

    assert got.tolist() == [plain(*one) for one in asked]


@pytest.mark.parametrize("seed", range(20))
def test_overlaps_are_found(seed: int):
    r = random.Random(seed)
    rows = [(r.randint(0, 3), b := r.randint(0, 40), b + r.randint(1, 8)) for _ in range(r.randint(0, 12))]
    key = pack((np.array([k for k, *_ in rows], np.int32), 4))
    found = overlaps(key, np.array([b for _, b, _ in rows], np.int32), np.array([e for *_, e in rows], np.int32))
    want = any(a[0] == b[0] and a[1] < b[2] and b[1] < a[2] for i, a in enumerate(rows) for b in rows[:i])
    assert bool(len(found)) == want


VALUES: dict[str, list[Any]] = {"setl_id": ["S1", "S2"], "psn_no": ["P1", "P2"], "med_type": ["21", "11"], "setl_time": [dt.datetime(2024, 5, 1, 8), dt.datetime(2024, 5, 2)]}  # fmt: skip


@pytest.mark.parametrize(
    "table",
    [VALUES, {k: np.array(v) for k, v in VALUES.items()}, pa.table(VALUES), pa.table(VALUES).to_batches()[0], pl.DataFrame(VALUES), pd.DataFrame(VALUES),
     pa.RecordBatchReader.from_batches(pa.table(VALUES).schema, pa.table(VALUES).to_batches()), pl.DataFrame(VALUES).with_columns(pl.col("med_type").cast(pl.Categorical))],
    ids=["lists", "numpy", "table", "batch", "polars", "pandas", "reader", "categorical"],
)  # fmt: skip
def test_every_container_reads_the_same(table: Any):
    problems = Problems()
    frame = read(table, VISITS, problems)
    problems.stop()
    assert frame.rows == 2 and not frame.notes and not frame.bad().any()
    values, texts = frame.code("med_type") or ([], [])
    assert [texts[i] for i in values] == ["21", "11"]
    assert frame.ids["setl_id"].to_pylist() == ["S1", "S2"]
    assert frame.cells["setl_time"].values.tolist() == [1_714_550_400_000_000, 1_714_608_000_000_000]


def test_all_problems_are_told_at_once():
    problems = Problems()
    read(
        {"setl_id": ["a"], "psn_no": [1.5], "med_typ": ["21"], "ipt_days": [2.0], "setl_time": ["2024-01-01"]},
        VISITS,
        problems,
    )
    read({"det_item_fee_sumamt": [0.1], "med_list_codg": ["x"], "color": ["red"]}, LINES, problems)
    with pytest.raises(InputError) as caught:
        problems.stop()
    found = {p.path: p for p in caught.value.problems}
    assert set(found) == {"visits.psn_no", "visits.ipt_days", "visits.med_type", "lines.det_item_fee_sumamt"}
    assert found["visits.med_type"].nearest == "med_typ"


def test_shapes_that_are_no_table():
    for data in (42, {"setl_id": ["a", "b"], "psn_no": ["c"]}, pa.table([["a"], ["b"]], names=["setl_id", "setl_id"])):
        problems = Problems()
        read(data, VISITS, problems)
        assert problems.found, data


def test_unknown_columns_are_noted_and_other_names_known():
    problems = Problems()
    frame = read(
        {"PSN_NO": ["p"], "INSUTYPE": ["310"], "psn_type": ["11"], "brdyy": ["2000-01-01"], "thing": [object()]},
        PERSONS,
        problems,
    )
    assert not problems.found and frame.has("psn_no") and frame.has("insutype")
    assert len(frame.notes) == 2 and "nearest name: brdy" in frame.notes[0]


def test_bad_rows_are_rows_not_errors():
    problems = Problems()
    frame = read({"setl_id": ["a", None, "c", "d", ""], "psn_no": ["p"] * 5, "med_type": ["21", "21", None, "21", "21"],
                  "setl_time": ["2024-01-01", "2024-01-01", "2024-01-01", "2024-13-01", "2024-01-01"]}, VISITS, problems)  # fmt: skip
    problems.stop()
    assert frame.bad().tolist() == [False, True, True, True, True]


def test_describe_tells_every_column():
    rows = describe()
    assert {row["table"] for row in rows} == set(INPUT_TABLES)
    assert all(row["zh"] or row["table"] == "visits" for row in rows) and all(
        row["accepts"] in KINDS.values() for row in rows
    )
    assert {row["column"] for row in describe("lines") if row["required"]} == {"med_list_codg", "det_item_fee_sumamt"}
    assert "psn_cash_pay" in {row["column"] for row in describe("outputs")}
    with pytest.raises(ValueError, match="nothing"):
        describe("nothing")


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.int64(), pa.dictionary(pa.int32(), pa.string())])
def test_lines_are_named_within_their_visit(kind: pa.DataType):
    """Texts, numbers and dictionaries alike; what is empty or missing names nothing, and a visit may have many lines."""
    texts = not pa.types.is_int64(kind)
    own = ["1", "2", "1", None, "3", "2", "9", "3"]
    asked = [None, "1", "7", "9", None, "3", "" if texts else None, "2"]
    found = [-1, 0, -1, 6, -1, 4, -1, 5]
    many = 600
    own += [str(i // 2) for i in range(many)]
    asked += [None] * (many - 3) + ["0", "299", "300"]
    found += [-1] * (many - 3) + [8, -1, -1]  # the second names itself
    begin = np.array([0, 3, 3, 8, 8 + many])
    value = str if texts else int

    def column(values: list[str | None]) -> pa.ChunkedArray:
        array = pa.array([v if v is None else value(v) for v in values], pa.string() if texts else pa.int64())
        return pa.chunked_array([array[:2].cast(kind), array[2:40].cast(kind), array[40:].cast(kind)])

    named = named_lines(column(own), column(asked), begin, None)
    assert dict(zip(named.row.tolist(), named.line.tolist())) == {i: f for i, f in enumerate(found) if f >= 0}
    assert not len(named.circle)
    place_of = {row: i for i, row in enumerate(named.row.tolist())}
    assert all(place_of.get(line, -1) < i for i, line in enumerate(named.line.tolist()))  # each after the line it names
    # The same visits in another order of lines.
    rows = np.random.default_rng(3).permutation(8 + many)  # the row of each place
    place = np.argsort(rows).tolist()
    mixed = named_lines(column([own[p] for p in place]), column([asked[p] for p in place]), begin, rows)
    wanted = {int(rows[i]): int(rows[f]) for i, f in enumerate(found) if f >= 0}
    assert dict(zip(mixed.row.tolist(), mixed.line.tolist())) == wanted and not len(mixed.circle)


def test_lines_that_name_each_other_are_told_apart():
    """A chain goes to its end; one that names itself names none; a circle, and what leads to it, has no end."""
    own = ["a", "b", "c", "d", "e", "f", "g"]
    asked = ["b", "c", None, "d", "f", "e", "e"]
    named = named_lines(pa.chunked_array([own]), pa.chunked_array([asked]), np.array([0, 7]), None)
    assert (named.row.tolist(), named.line.tolist()) == ([1, 0], [2, 1])
    assert sorted(named.circle.tolist()) == [4, 5, 6]
