"""Tables as files: found wherever they are, compared before anything is read, and read with every page checked."""

from __future__ import annotations

import datetime as dt
import os
import random
import time
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ybcore import InputError, Problem, YbcoreError
from ybcore.columns.schema import ACCT_EVENTS, INSTITUTIONS, LINES, PERSONS, VISITS
from ybcore.jobs.datasets import Dataset, find_datasets
from ybcore.jobs.files import find_files, open_file, partitions_of, sha256_of

KNOWN = {t.name: t for t in (VISITS, LINES, PERSONS, INSTITUTIONS, ACCT_EVENTS)}
DAY = dt.date(2025, 3, 1)


def found(folder: Path, rules: tuple[Path, ...] = (), **inputs: Any) -> dict[str, Dataset]:
    named = {name: tuple(map(str, places if isinstance(places, list) else [places])) for name, places in inputs.items()}
    document: Any = SimpleNamespace(inputs=named, folder=folder, rules=rules)
    return find_datasets(document, SimpleNamespace(input_tables=KNOWN))  # type: ignore[arg-type]


def problems(folder: Path, **inputs: Any) -> list[Problem]:
    with pytest.raises(InputError) as wrong:
        found(folder, **inputs)
    assert all(p.what_zh for p in wrong.value.problems)
    return list(wrong.value.problems)


def visits(rows: int = 6, first: int = 0, **more: Any) -> pa.Table:
    """Visits of a kind that every reader takes."""
    columns: dict[str, Any] = {
        "setl_id": [f"s{first + i}" for i in range(rows)],
        "psn_no": [f"p{i % 3}" for i in range(rows)],
        "med_type": ["11"] * rows,
        "setl_time": pa.array([DAY] * rows, pa.date32()),
        **more,
    }
    return pa.table({name: values for name, values in columns.items() if values is not None})


def put(path: Path, table: pa.Table, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **{"write_page_checksum": True, "row_group_size": 4, **options})
    return path


def whole(data: Dataset) -> pa.Table:
    parts = [data.read(f.index, g) for f in data.files for g in range(len(f.group_rows))]
    return pa.concat_tables(parts) if parts else data.arrow.empty_table()


# ---------------------------------------------------------------------------------------------- where files are


def test_a_file_a_folder_a_pattern_a_list(tmp_path: Path):
    for name in (
        "a/1.parquet",
        "a/更多/2.parquet",
        "b/3.PARQUET",
        "b/_SUCCESS",
        "b/.hidden.parquet",
        "b/_tmp/x.parquet",
    ):
        put(tmp_path / name, visits())
    (tmp_path / "b" / "说明.txt").write_text("not this")
    put(tmp_path / "b" / "000000_0", visits())

    def paths(*entries: str) -> list[str]:
        listing = find_files(entries, tmp_path, "visits")
        assert not listing.problems
        return [file.path for file in listing.found]

    assert paths("a/1.parquet") == ["1.parquet"]
    assert paths("a") == paths("a/") == ["1.parquet", "更多/2.parquet"]
    assert paths("b") == ["000000_0", "3.PARQUET"]
    assert paths("*/*.parquet") == ["a/1.parquet"]
    assert paths("a/**/*.parquet") == ["1.parquet", "更多/2.parquet"]
    assert paths("[ab]") == ["a/1.parquet", "a/更多/2.parquet", "b/000000_0", "b/3.PARQUET"]
    assert paths("b", "a/更多") == ["b/000000_0", "b/3.PARQUET", "a/更多/2.parquet"]
    assert paths(f"file://{tmp_path}/a/1.parquet") == ["1.parquet"]
    assert any("说明.txt" in note for note in find_files(["b"], tmp_path, "visits").notes)


def test_files_that_are_not_there(tmp_path: Path):
    put(tmp_path / "visits.parquet", visits())
    (tmp_path / "空").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.csv").write_text("a\n")
    told = problems(tmp_path, visits=["visit.parquet", "空", "text", "none/*.parquet"], lines="visits.parquet")
    assert [(p.path, p.what) for p in told[:4]] == [
        ("inputs.visits", "the file is not there"),
        *[("inputs.visits", "no Parquet file is there")] * 3,
    ]
    assert told[0].nearest == "visits.parquet"
    assert {p.path for p in told[4:]} == {"lines.med_list_codg", "lines.det_item_fee_sumamt"}, "all tables at once"
    (twice,) = problems(tmp_path, visits=["visits.parquet", "*.parquet"])
    assert "named twice" in twice.what


def test_a_name_that_is_not_utf8(tmp_path: Path):
    path = os.fsencode(tmp_path) + b"/\xbd\xe1\xcb\xe3.parquet"  # GB18030
    pq.write_table(visits(), tmp_path / "x.parquet")
    os.rename(tmp_path / "x.parquet", path)
    (told, *_) = problems(tmp_path, visits="*.parquet")
    assert "not UTF-8" in told.what and "UTF-8" in told.what_zh
    str(told).encode()


def test_folders_are_columns(tmp_path: Path):
    for kind, month in (("310", "01"), ("390", "02"), ("__HIVE_DEFAULT_PARTITION__", "02")):
        put(tmp_path / "v" / "year=2025" / f"month={month}" / f"insutype={kind}" / "x.parquet", visits(3))
    data = found(tmp_path, visits="v")["visits"]
    assert whole(data)["insutype"].to_pylist() == ["310"] * 3 + ["390"] * 3 + [None] * 3
    assert data.files[0].path == "year=2025/month=01/insutype=310/x.parquet" and "year" not in data.columns
    assert data.read(0, 0, ["insutype", "setl_id"]).column_names == ["insutype", "setl_id"]
    assert data.read(0, 0, ["insutype"]).to_pylist() == [{"insutype": "310"}] * 3
    own = found(tmp_path, visits="v/*/*/insutype=310")["visits"]
    assert set(whole(own)["insutype"].to_pylist()) == {"310"}
    assert partitions_of("/a/b=%E4%B8%AD/c=1/d=e.parquet") == {"b": "中", "c": "1"}


def test_a_column_of_the_file_wins_over_the_folder(tmp_path: Path):
    put(tmp_path / "v" / "insutype=310" / "x.parquet", visits(2, insutype=["390", "391"]))
    put(tmp_path / "v" / "insutype=380" / "x.parquet", visits(2))
    assert whole(found(tmp_path, visits="v")["visits"])["insutype"].to_pylist() == ["390", "391", "380", "380"]


def test_three_thousand_files_are_found_in_seconds(tmp_path: Path):
    raw = put(tmp_path / "one.parquet", visits()).read_bytes()
    (tmp_path / "v").mkdir()
    for i in range(3000):
        (tmp_path / "v" / f"{i:04d}.parquet").write_bytes(raw)
    began = time.thread_time()
    data = found(tmp_path, visits="v")["visits"]
    assert time.thread_time() - began < 15
    assert data.rows == 18_000 and len(data.layouts) == 1 and data.files[2999].path == "2999.parquet"
    assert data.files[0].group_rows == (4, 2) and data.read(2999, 1).num_rows == 2


def test_urls(tmp_path: Path):
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    memory = fsspec.filesystem("memory")
    raw = put(tmp_path / "a.parquet", visits()).read_bytes()
    for name in ("/职工/insutype=310/a.parquet", "/职工/insutype=390/b.parquet", "/职工/_SUCCESS"):
        memory.pipe(name, raw)
    try:
        for entry in ("memory://职工", "memory://职工/*/*.parquet"):
            data = found(tmp_path, visits=entry)["visits"]
            assert [f.path for f in data.files] == ["insutype=310/a.parquet", "insutype=390/b.parquet"]
            assert whole(data)["insutype"].to_pylist() == ["310"] * 6 + ["390"] * 6
            assert all(f.checksums and f.bytes == len(raw) for f in data.files)
        assert sha256_of(data.files[0].location) == sha256_of(str(tmp_path / "a.parquet"))
        assert found(tmp_path, visits="memory://职工/insutype=310/a.parquet")["visits"].files[0].path == "a.parquet"
        time.sleep(0.002)
        memory.pipe("/职工/insutype=390/b.parquet", raw)
        with pytest.raises(InputError, match="changed while the job ran"):
            data.read(1, 0)
        assert "no Parquet file" in problems(tmp_path, visits="memory://别处")[0].what
    finally:
        memory.rm("/职工", recursive=True)


def test_urls_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(YbcoreError, match=r"ybcore\[remote\]"):
        found(tmp_path, visits="s3://bucket/visits")


# ---------------------------------------------------------------------------------------------- what is no table


def test_what_is_no_parquet(tmp_path: Path):
    good = put(tmp_path / "good.parquet", visits()).read_bytes()
    wrong = {
        "empty.parquet": (b"", "empty (0 bytes)"),
        "text.parquet": (b"setl_id,psn_no\n1,2\n" * 9, "no Parquet"),
        "short.parquet": (good[:-30], "truncated or damaged"),
        "head.parquet": (good[:6], "truncated or damaged"),
        "footer.parquet": (good[:-200] + b"\xff" * 150 + good[-50:], "truncated or damaged"),
        "tiny.parquet": (b"PAR", "no Parquet"),
    }
    for name, (raw, _) in wrong.items():
        (tmp_path / name).write_bytes(raw)
    told = {Path(p.file or "").name: p for p in problems(tmp_path, visits=tmp_path)}
    assert set(told) == set(wrong), "the good one is not told"
    for name, (_, words) in wrong.items():
        assert words in told[name].what, name


def test_files_without_rows_or_row_groups(tmp_path: Path):
    put(tmp_path / "v" / "a.parquet", visits(0))
    schema = visits(0).schema
    pq.ParquetWriter(tmp_path / "v" / "b.parquet", schema).close()
    data = found(tmp_path, visits="v")["visits"]
    assert data.rows == 0 and data.files[1].group_rows == () and whole(data).num_rows == 0
    put(tmp_path / "v" / "c.parquet", visits(5))
    data = found(tmp_path, visits="v")["visits"]
    assert data.rows == 5 and whole(data).num_rows == 5


def test_columns_that_are_missing(tmp_path: Path):
    for i in range(3):
        put(tmp_path / "v" / f"{i}.parquet", visits(psn_no=None, psn_on=["p"] * 6) if i else visits())
    (told,) = problems(tmp_path, visits="v")
    assert (told.path, told.nearest, Path(told.file or "").name) == ("visits.psn_no", "psn_on", "1.parquet")
    assert told.what == "the required column is missing (and in 1 more files)" and "另有 1 个文件" in told.what_zh


def test_med_type_may_be_missing_and_other_columns_are_empty_where_they_are(tmp_path: Path):
    put(tmp_path / "v" / "a.parquet", visits(2, med_type=None))
    put(tmp_path / "v" / "b.parquet", visits(2, balc=pa.array([1, 2], pa.int32()), foo=[1, 2]))
    data = found(tmp_path, visits="v")["visits"]
    assert whole(data)["balc"].to_pylist() == [None, None, 1, 2]
    assert whole(data)["med_type"].to_pylist() == [None, None, "11", "11"]
    assert any("visits.foo is not a column we know" in note for note in data.notes)


def test_names_of_columns(tmp_path: Path):
    """Upper case and other names are the engine's; one thing under two names is an error."""
    put(tmp_path / "a.parquet", visits(2, setl_id=None, SETL_ID=["x", "y"], begntime=pa.array([DAY] * 2)))
    data = found(tmp_path, visits="a.parquet")["visits"]
    assert {"setl_id", "begndate"} <= set(data.columns) and whole(data)["setl_id"].to_pylist() == ["x", "y"]
    ruled = found(tmp_path, (tmp_path,), visits="a.parquet")["visits"]
    assert "begntime" in ruled.columns and "begndate" not in ruled.columns, "rules want the time of day"
    put(tmp_path / "b.parquet", visits(2, SETL_ID=["x", "y"]))
    (told,) = problems(tmp_path, visits="b.parquet")
    assert "twice (it is another name of setl_id)" in told.what


def test_nested_columns(tmp_path: Path):
    deep = pa.array([{"setl_id": "inner"}] * 2)
    put(tmp_path / "a.parquet", visits(2, other=deep, liste=pa.array([[1], [2]])))
    data = found(tmp_path, visits="a.parquet")["visits"]
    assert whole(data)["setl_id"].to_pylist() == ["s0", "s1"] and "other" not in data.columns
    put(tmp_path / "b.parquet", visits(2, psn_no=pa.array([["p"], ["q"]]), balc=deep))
    assert {p.path for p in problems(tmp_path, visits="b.parquet")} == {"visits.psn_no", "visits.balc"}


# ---------------------------------------------------------------------------------------------- types

WORDS = ["a", None, "b"]
SAME: list[tuple[str, str, list[Any], list[Any]]] = [
    ("ids", "psn_no", [pa.array(WORDS), pa.array(WORDS, pa.large_string()), pa.array(WORDS).dictionary_encode()], WORDS),
    ("numbers as ids", "psn_no", [pa.array([1, 2, None], t) for t in (pa.int64(), pa.int32(), pa.uint16())], [1, 2, None]),
    ("codes", "dise_codg", [pa.array(WORDS), pa.array(WORDS, pa.large_string()).dictionary_encode(), pa.nulls(3)], WORDS),
    ("money", "balc", [pa.array([100, -5, None], t) for t in (pa.int64(), pa.int16())], [100, -5, None]),
    ("yuan", "balc", [pa.array([Decimal("1.5"), None, Decimal("2")], pa.decimal128(p, s)) for p, s in ((9, 2), (12, 1), (5, 4))], [Decimal("1.5"), None, Decimal("2")]),
    ("days", "begndate", [pa.array([DAY, None, DAY]), pa.array([20148, None, 20148], pa.int32()), pa.array([DAY, None, DAY], pa.date64())], [DAY, None, DAY]),
    ("times", "setl_time", [pa.array([dt.datetime(2025, 3, 1, 8)] * 3, pa.timestamp(u)) for u in ("s", "ms", "us", "ns")], [dt.datetime(2025, 3, 1, 8)] * 3),
    ("days and times", "setl_time", [pa.array([DAY] * 3), pa.array([dt.datetime(2025, 3, 1)] * 3)], [dt.datetime(2025, 3, 1)] * 3),
    ("flags", "acct_used_flag", [pa.array([True, None, False]), pa.array([1, None, 0], pa.int8()), pa.array([1, None, 0])], [1, None, 0]),
]  # fmt: skip


@pytest.mark.parametrize(("column", "arrays", "want"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_types_that_read_the_same_are_one(tmp_path: Path, column: str, arrays: list[Any], want: list[Any]):
    for i, values in enumerate(arrays):
        put(tmp_path / "v" / f"{i}.parquet", visits(3, **{column: values}))
    data = found(tmp_path, visits="v")["visits"]
    got = whole(data)
    assert got.schema.equals(data.arrow), "what is read has the type that was promised"
    for i in range(len(arrays)):
        mine = got[column].slice(3 * i, 3).to_pylist()
        assert mine == ([None] * 3 if pa.types.is_null(arrays[i].type) else want)


DIFFERENT: list[tuple[str, pa.Array, pa.Array]] = [
    ("psn_no", pa.array(["1", "2", "3"]), pa.array([1, 2, 3])),
    ("balc", pa.array([100, 200, 300]), pa.array([Decimal("1.00")] * 3)),
    ("balc", pa.array([100, 200, 300]), pa.array(["1.00"] * 3)),
    ("begndate", pa.array([DAY] * 3), pa.array(["2025-03-01"] * 3)),
    ("acct_used_flag", pa.array([1, 0, 1], pa.int8()), pa.array(["1", "0", "1"])),
]


@pytest.mark.parametrize(("column", "one", "two"), DIFFERENT)
def test_types_that_do_not_are_told_with_both_files(tmp_path: Path, column: str, one: pa.Array, two: pa.Array):
    for name, values in (("a", one), ("b", one), ("c", two), ("d", two)):
        put(tmp_path / "v" / f"{name}.parquet", visits(3, **{column: values}))
    (told,) = problems(tmp_path, visits="v")
    assert told.path == f"visits.{column}" and (told.file or "").endswith("c.parquet")
    for words in (str(one.type), str(two.type), "a.parquet", "1 more files"):
        assert words in told.what
    assert "a.parquet" in told.what_zh and "类型应当一致" in told.what_zh


@pytest.mark.parametrize(
    ("column", "values", "what"),
    [
        ("balc", pa.array([1.5, 2.5]), "is double: a binary float"),
        ("psn_no", pa.array([1.5, 2.5]), "is double: an id is text or an integer"),
        ("med_type", pa.array([11, 21]), "is int64: codes are text"),
        ("setl_time", pa.array([1, 2]), "is int64; give"),
        ("begndate", pa.array([1, 2]), "must be int32"),
        ("balc", pa.array([dt.time(1), dt.time(2)]), "is time64[us]; give"),
    ],
)
def test_types_that_cannot_be_read(tmp_path: Path, column: str, values: pa.Array, what: str):
    put(tmp_path / "v.parquet", visits(2, **{column: values}))
    (told,) = problems(tmp_path, visits="v.parquet")
    assert told.path == f"visits.{column}" and what in told.what and "类型不符" in told.what_zh


def test_great_numbers_stay_out_of_bounds(tmp_path: Path):
    put(tmp_path / "v" / "a.parquet", visits(1, balc=pa.array([2**64 - 1], pa.uint64())))
    put(tmp_path / "v" / "b.parquet", visits(1, balc=pa.array([7])))
    assert whole(found(tmp_path, visits="v")["visits"])["balc"].to_pylist() == [2**63 - 1, 7]


def test_what_engines_know_and_nothing_else_is_read(tmp_path: Path):
    put(
        tmp_path / "i.parquet",
        pa.table({"fixmedins_code": ["h"], "fixmedins_name": ["医院"], "hosp_lv": ["3"], "telefon": [1]}),
    )
    put(tmp_path / "v.parquet", visits())
    assert found(tmp_path, visits="v.parquet", institutions="i.parquet")["institutions"].columns == (
        "fixmedins_code",
        "hosp_lv",
    )


# ---------------------------------------------------------------------------------------------- reading


def test_a_row_group_in_pieces(tmp_path: Path):
    put(tmp_path / "v.parquet", visits(20_000), row_group_size=15_000)
    data = found(tmp_path, visits="v.parquet")["visits"]
    pieces = list(data.batches(0, 0, ["psn_no", "none", "setl_id"], rows=4_000))
    assert [p.num_rows for p in pieces] == [4000, 4000, 4000, 3000] and pieces[0].column_names == ["psn_no", "setl_id"]
    assert pa.concat_tables(pieces).equals(data.read(0, 0, ["psn_no", "setl_id"]))
    assert data.read(0, 1).num_rows == 5000 and data.sha256() == found(tmp_path, visits="v.parquet")["visits"].sha256()


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_checksums_are_seen(tmp_path: Path, version: str, dictionary: bool):
    for there in (True, False):
        options = {"write_page_checksum": there, "data_page_version": version, "use_dictionary": dictionary}
        put(tmp_path / f"{there}.parquet", visits(300, setl_id=[f"s{i:0200d}" for i in range(300)]), **options)
    files = found(tmp_path, visits=["True.parquet", "False.parquet"])["visits"].files
    assert [f.checksums for f in files] == [True, False]


def test_a_file_that_changes_meanwhile(tmp_path: Path):
    path = put(tmp_path / "v.parquet", visits())
    data = found(tmp_path, visits="v.parquet")["visits"]
    os.utime(path, ns=(1, 1))
    with pytest.raises(InputError, match="changed while the job ran"):
        data.read(0, 0)
    path.unlink()
    with pytest.raises(InputError, match="changed while the job ran"):
        data.read(0, 0)


def damaged(raw: bytes, chance: random.Random, pages: tuple[int, int], how: str) -> bytes:
    at = chance.randrange(*pages)
    if how == "flip":
        return raw[:at] + bytes([raw[at] ^ (1 << chance.randrange(8))]) + raw[at + 1 :]
    if how == "zero":
        begin = at // 512 * 512
        end = min(begin + 512, pages[1])
        begin = max(begin, pages[0])
        return raw[:begin] + bytes(end - begin) + raw[end:]
    return raw[:at]


@pytest.mark.parametrize("how", ["flip", "zero", "cut"])
@pytest.mark.parametrize("codec", ["zstd", "snappy", "none"])
def test_damage_is_never_silent(tmp_path: Path, how: str, codec: str):
    """A bit, a block or the end of a file is lost: an error that names file, row group and column, or the same values."""
    chance = random.Random(f"{how} {codec}")
    table = visits(
        900,
        balc=[chance.randrange(10**6) for _ in range(900)],
        fixmedins_code=[f"h{chance.randrange(40)}" for _ in range(900)],
    )
    path = put(tmp_path / "结算.parquet", table, row_group_size=300, compression=codec, data_page_size=512)
    raw, want = path.read_bytes(), whole(found(tmp_path, visits="结算.parquet")["visits"])
    footer = pq.read_metadata(path)
    columns = [footer.row_group(g).column(c) for g in range(3) for c in range(footer.num_columns)]
    pages = (4, max((c.dictionary_page_offset or c.data_page_offset) + c.total_compressed_size for c in columns))
    seen = 0
    for _ in range(40):
        path.write_bytes(damaged(raw, chance, pages, how))
        try:
            got = whole(found(tmp_path, visits="结算.parquet")["visits"])
        except InputError as error:
            seen += 1
            for problem in error.problems:
                assert (problem.file or "").endswith("结算.parquet") and problem.what_zh
                if how != "cut":
                    assert "row group" in problem.what and problem.path.removeprefix("visits.") in table.column_names
        else:
            assert how != "cut" and got.equals(want)
    assert seen > 30


def test_a_damaged_column_that_is_not_asked_for_is_not_read(tmp_path: Path):
    path = put(tmp_path / "v.parquet", visits(400, balc=list(range(400))), row_group_size=400)
    footer = pq.read_metadata(path)
    place = next(c for c in map(footer.row_group(0).column, range(footer.num_columns)) if c.path_in_schema == "balc")
    raw = bytearray(path.read_bytes())
    raw[(place.dictionary_page_offset or place.data_page_offset) + place.total_compressed_size - 5] ^= 1
    path.write_bytes(bytes(raw))
    data = found(tmp_path, visits="v.parquet")["visits"]
    assert data.read(0, 0, ["setl_id", "psn_no"]).num_rows == 400
    with pytest.raises(InputError) as wrong:
        data.read(0, 0)
    (told,) = wrong.value.problems
    assert told.path == "visits.balc" and "row group 0" in told.what and "行组 0" in told.what_zh


def test_open_files_are_closed(tmp_path: Path):
    put(tmp_path / "v.parquet", visits(100), row_group_size=1)
    data = found(tmp_path, visits="v.parquet")["visits"]
    before = len(os.listdir("/proc/self/fd"))
    whole(data)
    assert len(os.listdir("/proc/self/fd")) <= before + 1
    with open_file(str(tmp_path / "v.parquet")) as file:
        assert file.read(4) == b"PAR1"
