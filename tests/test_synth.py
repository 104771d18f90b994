"""The synthetic city: reproducible, whole, near its declared shares, and readable by the tables' own contract."""

from __future__ import annotations

import collections
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from ybcore.columns.read import Problems, read
from ybcore.columns.schema import ACCT_EVENTS, CAPS, INSTITUTIONS, ITEMS, LINES, PERSONS, SELFPAY, VISITS
from ybcore.synth import city
from ybcore.synth.draw import Draw, Zipf, digits, text, weighted
from ybcore.synth.plan import FOLLOWING, KINDS

SIZE = {"persons": 5000, "visits": 40_000, "catalog_items": 3000}


def plain(table: pa.Table) -> pa.Table:
    """Dictionaries decoded, one chunk a column: what a reader sees."""
    columns = [c.cast(c.type.value_type) if pa.types.is_dictionary(c.type) else c for c in table.columns]
    return pa.table(columns, names=table.column_names).combine_chunks()


def ints(table: pa.Table, name: str) -> np.ndarray:
    column = table[name]
    if pa.types.is_date(column.type):
        column = column.cast(pa.int32())
    return column.to_numpy()


@pytest.fixture(scope="module")
def town():
    return city(seed=5, bad_rows=0.01, **SIZE)


@pytest.fixture(scope="module")
def year(town):
    batch = town.visits()
    return plain(batch.visits), plain(batch.lines), batch.line_offsets


# ------------------------------------------------------------------ reproducible


def test_same_seed_same_city(town):
    other = city(seed=5, bad_rows=0.01, **SIZE)
    assert plain(town.persons).equals(plain(other.persons))
    assert town.institutions.equals(other.institutions)
    assert plain(town.acct_events).equals(plain(other.acct_events))
    assert all(plain(a).equals(plain(b)) for a, b in zip(town.catalog, other.catalog))
    ours, theirs = next(town.batches(3000)), next(other.batches(3000))
    assert plain(ours.visits).equals(plain(theirs.visits)) and plain(ours.lines).equals(plain(theirs.lines))


def test_another_seed_another_city(town):
    other = city(seed=6, bad_rows=0.01, **SIZE)
    assert not plain(town.persons).equals(plain(other.persons))
    assert not plain(next(town.batches(100)).visits).equals(plain(next(other.batches(100)).visits))


@pytest.mark.parametrize("rows", [777, 16_384, 100_000])
def test_batches_do_not_depend_on_their_size(town, year, rows):
    visits, lines, offsets = year
    parts = list(town.batches(rows))
    assert [p.visits.num_rows for p in parts[:-1]] == [rows] * (len(parts) - 1)
    assert plain(pa.concat_tables(plain(p.visits) for p in parts)).equals(visits)
    assert plain(pa.concat_tables(plain(p.lines) for p in parts)).equals(lines)
    for part in parts:
        assert part.line_offsets[0] == 0 and part.line_offsets[-1] == part.lines.num_rows
    assert np.array_equal(np.concatenate([np.diff(p.line_offsets) for p in parts]), np.diff(offsets))


def test_order_changes_rows_only():
    towns = {
        order: city(seed=5, persons=3000, visits=6000, catalog_items=600, order=order)
        for order in ("time", "person", "random")
    }
    tables = {order: plain(t.visits().visits) for order, t in towns.items()}
    for order in ("person", "random"):
        assert not tables[order]["setl_id"].equals(tables["time"]["setl_id"])
        assert sorted(tables[order]["setl_id"].to_pylist()) == sorted(tables["time"]["setl_id"].to_pylist())
    by_id = [tables[order].sort_by([("setl_id", "ascending"), ("setl_time", "ascending")]) for order in tables]
    assert by_id[0].equals(by_id[1]) and by_id[0].equals(by_id[2])


def test_draws_are_pinned():
    """The raw material of every city: if these figures move, all cities move."""
    assert Draw(1, 2, 3).bits(5).tolist() == [522280051, 2295416310, 3177036199, 1725572302, 4199771651]
    assert weighted((7, 8), (1, 3), 8).tolist() == [7, 7, 8, 8, 8, 8, 8, 8]
    assert text(digits(np.array([42, 12_345_678]), 8)).to_pylist() == ["00000042", "12345678"]


def test_zipf_ranks():
    bits = np.linspace(0, 2**32 - 1, 200_000).astype(np.uint32)
    for size in (1, 3, 1000, 200_000, 3_000_000):
        ranks = Zipf([10, size]).ranks(bits, np.ones(len(bits), np.int32))
        assert ranks.min() == 0 and ranks.max() < size
        if size >= 1000:
            # the share of the first k of n ranks is log(k + 1) / log(n + 1)
            assert abs((ranks < 30).mean() - np.log(31) / np.log(size + 1)) < 0.01


# ------------------------------------------------------------------ the contract of the tables


def test_every_table_is_read_without_a_problem(town, year):
    visits, lines, _ = year
    problems = Problems()
    tables = [
        (town.persons, PERSONS), (town.institutions, INSTITUTIONS), (town.acct_events, ACCT_EVENTS), (lines, LINES),
        (town.catalog.items, ITEMS), (town.catalog.selfpay, SELFPAY), (town.catalog.caps, CAPS),
    ]  # fmt: skip
    for table, schema in tables:
        frame = read(table, schema, problems)
        assert not frame.bad().any(), schema.name
        assert all("designation" in note for note in frame.notes), frame.notes
    problems.stop()
    frame = read(visits, VISITS, problems)
    problems.stop()
    # rows without a time or a kind are among the bad rows that were asked for
    assert 0 < frame.bad().sum() < 0.005 * len(visits)


def test_catalogue_versions_do_not_overlap(town):
    keys = {"items": [], "selfpay": ["selfpay_prop_psn_type"], "caps": ["lmtpric_hosp_lv"]}
    for name, table in zip(("items", "selfpay", "caps"), town.catalog):
        rows = collections.defaultdict(list)
        for row in plain(table).to_pylist():
            key = (row["med_list_codg"], row.get("insu_admdvs"), *(row[k] for k in keys[name]))
            rows[key].append((str(row["begndate"] or ""), str(row["enddate"] or "9999")))
        assert rows
        for spans in rows.values():
            spans.sort()
            assert all(begin < end for begin, end in spans)
            assert all(a[1] <= b[0] for a, b in pairwise(spans))


def test_catalogue_shape(town):
    items = plain(town.catalog.items)
    general = items.filter(pc.is_null(items["insu_admdvs"]))
    codes = general["med_list_codg"].to_pylist()
    count = collections.Counter(codes)
    assert len(count) == SIZE["catalog_items"]
    assert abs(sum(n == 2 for n in count.values()) / len(count) - 0.05) < 0.015
    widths = {"X": {23}, "Z": {20}, "T": {10}, "0": {15}, "C": {20, 27}}
    assert {c[0] for c in count} == set(widths)
    assert all(len(c) in widths[c[0]] for c in count)
    assert set(general["chrgitm_lv"].to_pylist()) == {"01", "02", "03"}
    assert pc.sum(pc.equal(general["drt_reim_flag"], "1")).as_py() > 0
    assert "special_drug" in general["tag"].to_pylist()
    ratios = town.catalog.selfpay["selfpay_prop"].to_numpy()
    assert ratios.min() > 0 and ratios.max() <= 400_000


def test_large_catalogue_has_distinct_codes():
    items = city(catalog_items=60_000).catalog.items
    assert pc.count_distinct(items["med_list_codg"]).as_py() == 60_000


# ------------------------------------------------------------------ whole


def test_references(town, year):
    visits, lines, offsets = year
    persons = set(town.persons["psn_no"].to_pylist())
    unknown = [p for p in visits["psn_no"].to_pylist() if p not in persons]
    assert 0 < len(unknown) < 0.01 * len(visits)
    assert set(visits["fixmedins_code"].to_pylist()) <= set(town.institutions["fixmedins_code"].to_pylist())
    assert set(town.acct_events["psn_no"].to_pylist()) <= persons
    assert set(town.persons["mulaid_psn_no"].drop_null().to_pylist()) <= persons
    stays = set(visits["mdtrt_id"].to_pylist())
    assert set(visits["refl_old_mdtrt_id"].drop_null().to_pylist()) <= stays
    known = set(town.catalog.items["med_list_codg"].to_pylist())
    strangers = pc.sum(pc.invert(pc.is_in(lines["med_list_codg"], pa.array(known)))).as_py()
    assert 0 < strangers < 0.002 * len(lines)
    repeated = np.repeat(np.arange(len(visits)), np.diff(offsets))
    assert lines["setl_id"].equals(visits["setl_id"].take(pa.array(repeated)))
    assert len(set(lines["feedetl_sn"].to_pylist())) == len(lines)


def reversals(rows: list[dict]) -> tuple[int, int]:
    """(all reversals, those that take back once, and later, what the same person was settled)."""
    first: dict[str, dict] = {}
    for row in rows:
        first.setdefault(row["setl_id"], row)
    backs = [row for row in rows if row["refd_setl_flag"] == "1"]
    good, seen = 0, set()
    for row in sorted(backs, key=lambda r: (r["setl_time"], r["setl_id"])):
        original = first.get(row["init_setl_id"])
        if (
            original
            and original["setl_time"]
            and (original["setl_time"], original["setl_id"]) < (row["setl_time"], row["setl_id"])
        ):
            good += (
                row["init_setl_id"] not in seen
                and original["psn_no"] == row["psn_no"]
                and original["refd_setl_flag"] == "0"
            )
            seen.add(row["init_setl_id"])
    return len(backs), good


def test_reversals_follow_what_they_reverse(year):
    clean = city(seed=5, bad_rows=0, **SIZE).visits().visits.to_pylist()
    count, good = reversals(clean)
    assert count == good > 0
    visits, _, offsets = year
    count, good = reversals(visits.to_pylist())
    assert 0 < good < count
    flags = pc.equal(visits["refd_setl_flag"], "1").to_numpy(zero_copy_only=False)
    assert (np.diff(offsets)[flags] == 0).all()


def test_transfers_and_stays_in_time(year):
    visits, _, _ = year
    rows = visits.to_pylist()
    end = {row["mdtrt_id"]: row["enddate"] for row in rows}
    transfers = [row for row in rows if row["refl_old_mdtrt_id"]]
    assert transfers and all(
        row["begndate"] >= end[row["refl_old_mdtrt_id"]] or row["begndate"].isoformat()[5:] == "12-31"
        for row in transfers
    )
    assert all(row["begndate"] <= row["enddate"] for row in rows)
    settled = [row for row in rows if row["setl_time"] and row["refd_setl_flag"] == "0"]
    assert all(row["enddate"] <= row["setl_time"].date() for row in settled)
    assert {row["setl_time"].year for row in settled} == {2024}
    assert any(row["begndate"].year == 2023 for row in settled)


def test_returns_name_a_line_of_the_same_visit(year):
    _, lines, _ = year
    named = np.flatnonzero(pc.is_valid(lines["init_feedetl_sn"]).to_numpy(zero_copy_only=False))
    assert 0 < len(named) < 0.01 * len(lines)
    take = lambda name, index: lines[name].take(pa.array(index)).to_pylist()  # noqa: E731
    assert take("init_feedetl_sn", named) == take("feedetl_sn", named - 1)
    assert take("setl_id", named) == take("setl_id", named - 1)
    assert take("med_list_codg", named) == take("med_list_codg", named - 1)
    amount = ints(lines, "det_item_fee_sumamt")
    # a bad row whose total is below zero takes back more than it has
    honest = amount[named - 1] >= 0
    assert honest.mean() > 0.99 and (amount[named] <= 0).all()
    assert (amount[named - 1] + amount[named])[honest].min() >= 0


def test_amounts_are_quantity_times_price(year):
    _, lines, _ = year
    cnt, price, amount = (ints(lines, name) for name in ("cnt", "pric", "det_item_fee_sumamt"))
    exact = np.sign(cnt) * ((np.abs(cnt) * price + 50_000_000) // 100_000_000)
    off = amount - exact
    assert 0.0005 < (off != 0).mean() < 0.01
    assert (np.abs(off) <= 1).mean() > 0.999
    assert np.quantile(amount, 0.999) > 50 * np.median(amount)


def test_persons_are_valid(town):
    rows = collections.defaultdict(list)
    for row in town.persons.to_pylist():
        rows[row["psn_no"]].append(row)
    assert len(rows) == SIZE["persons"]
    doubled = [both for both in rows.values() if len(both) == 2]
    assert 0.005 < len(doubled) / len(rows) < 0.05
    assert all(a["enddate"] == b["begndate"] and b["enddate"] is None for a, b in doubled)
    assert any(a["psn_type"][:2] == "11" and b["psn_type"][:2] == "12" for a, b in doubled)
    assert any(a["psn_idet_type"] != b["psn_idet_type"] for a, b in doubled)
    homes = collections.Counter(both[0]["hsld_no"] for both in rows.values())
    assert all(both[0]["hsld_size"] == homes[both[0]["hsld_no"]] for both in rows.values())
    for both in rows.values():
        employee = both[0]["insutype"] == "310"
        assert both[0]["psn_type"][:2] in ({"11", "12"} if employee else {"14", "15", "16"})
        assert both[0]["cvlserv_flag"] == ("1" if both[0]["psn_type"] in ("1102", "1202") else "0")


def test_institutions_cover_all_levels_and_change(town):
    rows = town.institutions.to_pylist()
    assert {row["hosp_lv"] for row in rows} == {None, *(f"{i:02d}" for i in range(1, 12))}
    assert all(
        len(row["fixmedins_code"]) == 12 and row["fixmedins_code"][0] == ("P" if row["fixmedins_type"] == "2" else "H")
        for row in rows
    )
    assert {"110000", "410300", "610802"} <= {row["mdtrtarea_admvs"] for row in rows}
    dated = [row for row in rows if row["enddate"] is not None]
    assert dated and len({row["fixmedins_code"] for row in rows}) == len(rows) - len(dated)


# ------------------------------------------------------------------ near what was declared


def test_shares(town, year):
    visits, lines, offsets = year
    n = len(visits)
    extra = sum(FOLLOWING.values()) + FOLLOWING["partial"]
    share = {row["values"]: row["counts"] / n for row in pc.value_counts(visits["med_type"]).to_pylist()}
    for code in ("11", "13", "14", "41", "51"):
        declared = sum(kind.share for kind in KINDS if kind.med_type == code)
        assert abs(share[code] - declared) < 0.01 + declared * extra, code
    back = pc.sum(pc.equal(visits["refd_setl_flag"], "1")).as_py() / n
    assert abs(back - FOLLOWING["reversal"] - FOLLOWING["partial"]) < 0.006
    assert abs(len(lines) / n - 10) < 0.5
    stay = pc.is_in(visits["med_type"], pa.array(["21", "22", "24"])).to_numpy(zero_copy_only=False)
    count = np.diff(offsets)[stay]
    count = count[count > 0]
    assert 40 < np.median(count) < 90 and np.quantile(count, 0.95) > 100
    schemes = pc.value_counts(town.persons["insutype"].combine_chunks()).to_pylist()
    first = {row["values"]: row["counts"] / town.persons.num_rows for row in schemes}
    assert all(abs(first[code] - declared) < 0.04 for code, declared in (("310", 0.5), ("390", 0.3), ("380", 0.2)))


def test_bad_rows_follow_their_rate():
    clean, spoiled = (city(seed=3, bad_rows=rate, **SIZE).visits().visits for rate in (0.0, 0.02))
    assert pc.count_distinct(clean["setl_id"]).as_py() == len(clean) and clean["med_type"].null_count == 0
    assert pc.count_distinct(spoiled["setl_id"]).as_py() < len(spoiled)
    assert spoiled["med_type"].null_count > 0 and spoiled["setl_time"].null_count > 0


@pytest.mark.parametrize("order", ["time", "random"])
def test_the_first_row_of_an_id_has_the_lines(order):
    batch = city(seed=3, bad_rows=0.05, order=order, **SIZE).visits()
    count = np.diff(batch.line_offsets)
    rows: dict[str, list[int]] = collections.defaultdict(list)
    for i, name in enumerate(batch.visits["setl_id"].to_pylist()):
        rows[name].append(i)
    twice = [at for at in rows.values() if len(at) > 1]
    assert twice and all(len(at) == 2 and count[at[1]] == 0 for at in twice)


def test_other_schemes_regions_and_kinds():
    town = city(
        seed=2, persons=2000, visits=4000, catalog_items=600, insutypes={"390": 1}, regions={"390": "500000"},
        kinds={"inpatient": 0.5, "chronic": 0.5}, chronic=("M1", "M2"), tags=(), ratio_categories=(),
    )  # fmt: skip
    visits, _ = town.visits()
    assert set(visits["insutype"].to_pylist()) == {"390"}
    assert set(visits["med_type"].to_pylist()) <= {"14", "21", None}
    assert set(town.persons["insuplc_admdvs"].to_pylist()) == {"500000"}
    assert set(visits["dise_codg"].to_pylist()) == {"M1", "M2", None}
    assert town.acct_events.num_rows == 0 and town.catalog.items["tag"].null_count == town.catalog.items.num_rows


@pytest.mark.parametrize("persons, visits", [(1, 1), (1, 500), (3, 2), (5000, 10), (2049, 2049), (10, 60_000)])
def test_any_size(persons, visits):
    town = city(persons=persons, visits=visits, catalog_items=500, bad_rows=0.01)
    parts = list(town.batches(1000))
    assert sum(part.visits.num_rows for part in parts) == visits
    assert len(set(town.persons["psn_no"].to_pylist())) == persons


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"persons": 0}, {"visits": 0}, {"catalog_items": 3}, {"year": 1}, {"bad_rows": 2}, {"lines_per_visit": 0},
              {"order": "x"}, {"insutypes": {"310": -1}}, {"insutypes": {"999": 1}}, {"regions": {"310": "1"}}, {"kinds": {"x": 1}}],
)  # fmt: skip
def test_wrong_parameters_are_named(wrong):
    with pytest.raises(ValueError):
        city(**wrong)


# ------------------------------------------------------------------ files


def test_parquet_files_hold_the_city(town, year, tmp_path: Path):
    heard: list[tuple[int, int]] = []
    town.write(tmp_path, progress=lambda done, total: heard.append((done, total)), rows=15_000)
    assert heard == [(15_000, 40_000), (30_000, 40_000), (40_000, 40_000)]
    visits, lines, _ = year
    for name, table in (
        ("visits", visits),
        ("lines", lines),
        ("persons", plain(town.persons)),
        ("acct_events", plain(town.acct_events)),
    ):
        assert plain(pq.read_table(tmp_path / f"{name}.parquet")).cast(table.schema).equals(table), name
    assert plain(pq.read_table(tmp_path / "catalog/items.parquet")).num_rows == town.catalog.items.num_rows


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_files_are_read_back(tmp_path: Path, encoding: str):
    from ybcore.io import read_table

    town = city(seed=4, persons=400, visits=800, catalog_items=600)
    town.write(tmp_path, "csv", encoding=encoding)
    batch = town.visits()
    problems = Problems()
    frame = read(read_table(tmp_path / "lines.csv"), LINES, problems)
    problems.stop()
    for name in ("cnt", "pric", "det_item_fee_sumamt"):
        assert np.array_equal(frame.ints(name), ints(batch.lines, name)), name
    assert np.array_equal(frame.days("fee_ocur_time"), ints(batch.lines, "fee_ocur_time"))
    items = read_table(tmp_path / "catalog/items.csv")
    assert items["name"].to_pylist() == town.catalog.items["name"].to_pylist()
    assert pacsv.read_csv(tmp_path / "visits.csv").num_rows == 800


def test_unknown_format_and_encoding(tmp_path: Path):
    town = city(persons=10, visits=10, catalog_items=500)
    with pytest.raises(ValueError, match="format"):
        town.write(tmp_path, "xlsx")
    with pytest.raises(ValueError, match="encoding"):
        town.write(tmp_path, "csv", encoding="utf-16")
