"""The clinical city: reproducible, clean of every rule, and with every planted violation to be found."""

from __future__ import annotations

import collections
import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pytest
from clinical_judge import City, judge
from ybcore.catalog import Catalog
from ybcore.checks import load_rules, run_examples, shipped_rules
from ybcore.columns.checkschema import CHECK_LINES, CHECK_VISITS, DIAGNOSES, DOCTORS, LABS, OPERATIONS, STOCK
from ybcore.columns.read import Problems, read
from ybcore.columns.schema import INSTITUTIONS, ITEMS, PERSONS
from ybcore.synth import city
from ybcore.synth.clinical.knowledge import BED, CT, FAMILIES, MRI, STRUCTURE, knowledge, tables
from ybcore.synth.plan import KINDS

SIZE = {"persons": 420, "catalog_items": 600, "clinical": True}
KERNELS = {f"K{i:02d}" for i in range(1, 16)}
BESIDE = ("diagnoses", "operations", "labs")


def plain(table: pa.Table) -> pa.Table:
    """Dictionaries decoded, one chunk a column: what a reader sees."""
    columns = [c.cast(c.type.value_type) if pa.types.is_dictionary(c.type) else c for c in table.columns]
    return pa.table(columns, names=table.column_names).combine_chunks()


class Plain:
    """A city whose tables are decoded, for the judge."""

    def __init__(self, town) -> None:
        self._town = town
        batch = town.visits()
        names = ("visits", "lines", *BESIDE)
        self.batch = collections.namedtuple("Tables", names)(*(plain(getattr(batch, name)) for name in names))

    def visits(self):
        return self.batch

    def __getattr__(self, name: str):
        return getattr(self._town, name)


@pytest.fixture(scope="module")
def town():
    return city(seed=5, plants=1, **SIZE)


@pytest.fixture(scope="module")
def year(town):
    return Plain(town).batch


@pytest.fixture(scope="module")
def judged(town):
    found_in = City(Plain(town))
    return found_in, judge(found_in)


# ------------------------------------------------------------------ reproducible


def test_the_ordinary_city_has_the_bytes_it_always_had():
    town = city(seed=11, persons=400, visits=3000, catalog_items=700, bad_rows=0.01)
    batch = town.visits()
    digest = hashlib.sha256()
    for table in (town.persons, town.institutions, *town.catalog, town.acct_events, batch.visits, batch.lines):
        columns = [c.cast(c.type.value_type) if pa.types.is_dictionary(c.type) else c for c in table.columns]
        sink = pa.BufferOutputStream()
        pacsv.write_csv(pa.table(columns, names=table.column_names), sink)
        digest.update(sink.getvalue())
    assert digest.hexdigest() == "63c2347fead019a2eec6db013ed89e8f990a421f4cfce78356d6897d66d7eef9"
    assert batch.beside == {}


def test_same_seed_same_city(town, year):
    other = city(seed=5, plants=1, **SIZE)
    batch = other.visits()
    for name in ("visits", "lines", *BESIDE):
        assert plain(getattr(batch, name)).equals(getattr(year, name)), name
    for name in ("persons", "doctors", "stock", "labels"):
        assert plain(getattr(other, name)).equals(plain(getattr(town, name))), name
    assert all(table.equals(other.rule_tables[name]) for name, table in town.rule_tables.items())
    assert not plain(city(seed=6, **SIZE).visits().visits).equals(year.visits)


@pytest.mark.parametrize("rows", [999, 100_000])
def test_batches_do_not_depend_on_their_size(town, year, rows):
    parts = list(town.batches(rows))
    assert [p.visits.num_rows for p in parts[:-1]] == [rows] * (len(parts) - 1)
    for name in ("visits", "lines", *BESIDE):
        assert plain(pa.concat_tables(plain(getattr(p, name)) for p in parts)).equals(getattr(year, name)), name
    for part in parts:
        for table, offsets in [(part.lines, part.line_offsets), *part.beside.values()]:
            repeated = np.repeat(np.arange(part.visits.num_rows), np.diff(offsets))
            assert plain(table)["setl_id"].equals(plain(part.visits)["setl_id"].take(pa.array(repeated)))


def test_plants_stand_after_the_city(town, year):
    alone = plain(city(seed=5, **SIZE).visits().lines)
    assert alone.equals(year.lines.slice(0, len(alone)))
    assert len(year.lines) > len(alone)
    assert city(seed=5, **SIZE).labels.num_rows == 0


def test_order_changes_rows_only():
    orders = ("person", "random")
    made = [
        plain(city(seed=5, persons=90, catalog_items=500, clinical=True, order=order).visits().visits)
        for order in orders
    ]
    one, other = (table.drop_columns("medfee_sumamt").sort_by("setl_id") for table in made)
    assert one.equals(other) and not made[0]["setl_id"].equals(made[1]["setl_id"])


@pytest.mark.parametrize(
    ("wrong", "word"),
    [({"bad_rows": 0.01}, "bad rows"), ({"visits": 10_000}, "room for 14"), ({"plants": -1}, "plants"), ({"plants": 1, "regions": {"310": "110000"}}, "plants"), ({"clinical": False, "plants": 1}, "clinical")],
)  # fmt: skip
def test_what_a_clinical_city_refuses(wrong, word):
    with pytest.raises(ValueError, match=word):
        city(**{**SIZE, **wrong})


# ------------------------------------------------------------------ the contract of the tables


def test_every_table_is_read_without_a_problem(town, year):
    problems = Problems()
    for table, schema in (
        (town.persons, PERSONS), (town.institutions, INSTITUTIONS), (town.catalog.items, ITEMS), (year.lines, CHECK_LINES), (year.diagnoses, DIAGNOSES),
        (year.operations, OPERATIONS), (year.labs, LABS), (town.doctors, DOCTORS), (town.stock, STOCK), (year.visits, CHECK_VISITS),
    ):  # fmt: skip
        frame = read(table, schema, problems)
        assert not frame.bad().any(), schema.name
        assert all("designation" in note for note in frame.notes), frame.notes
        missing = [c.name for c in schema.columns if c.required and c.name not in frame.source]
        assert not missing
    problems.stop()
    given = {*year.visits.column_names, *year.lines.column_names}
    told = {c.name for table in (CHECK_VISITS, CHECK_LINES) for c in table.columns}
    assert given <= told


def test_write_has_every_table(tmp_path: Path, town):
    town.write(tmp_path, format="csv", rows=1500)
    names = {
        "visits",
        "lines",
        "diagnoses",
        "operations",
        "labs",
        "persons",
        "institutions",
        "acct_events",
        "doctors",
        "stock",
        "labels",
    }
    assert names <= {p.stem for p in tmp_path.glob("*.csv")}
    assert {p.stem for p in (tmp_path / "rules").glob("*.csv")} == set(town.rule_tables)
    book = load_rules([*shipped_rules(), tmp_path / "rules"])
    assert not run_examples(book).problems  # also of the rules whose figures the city sets anew
    assert book.raw[-1]["doc"] == town.rule_document
    assert {rule.id for rule in book if rule.enabled and rule.skip} == set()
    read_back = pacsv.read_csv(tmp_path / "labels.csv")
    assert read_back.num_rows == town.labels.num_rows


def test_items_of_planted_lines_are_new_ones_in_a_whole_catalogue():
    town = city(seed=1, plants=1, persons=50, clinical=True)
    codes = town.catalog.items["med_list_codg"].to_pylist()
    assert [codes.count(item[0]) for item in (BED, CT, MRI)] == [1, 1, 1]
    Catalog(*town.catalog)


def test_parquet_holds_the_same(tmp_path: Path):
    import pyarrow.parquet as pq

    small = city(seed=3, persons=60, catalog_items=500, clinical=True)
    small.write(tmp_path)
    batch = small.visits()
    for name in ("lines", *BESIDE):
        made = plain(getattr(batch, name))
        assert plain(pq.read_table(tmp_path / f"{name}.parquet")).cast(made.schema).equals(made), name


# ------------------------------------------------------------------ clean, and what is planted is found


def test_nothing_is_found_but_what_is_planted(town, judged):
    """Every sure label is found; whatever else is found is a label that holds in one reading."""
    _, found = judged
    sure, other = collections.defaultdict(set), collections.defaultdict(set)
    for row in town.labels.to_pylist():
        if row["setl_id"]:
            (sure if row["sure"] else other)[row["rule"]].add((row["setl_id"], row["feedetl_sn"]))
    assert {rule: rows - found[rule] for rule, rows in sure.items() if rows - found[rule]} == {}
    more = {rule: rows - sure[rule] - other[rule] for rule, rows in found.items()}
    assert {rule: rows for rule, rows in more.items() if rows} == {}
    assert set(sure) == {rule for rule, rows in found.items() if rows}


def test_another_city_is_clean_too():
    found = judge(City(Plain(city(seed=2**40 + 1, persons=260, year=2023, catalog_items=500, clinical=True))))
    assert {rule: rows for rule, rows in found.items() if rows} == {}


def test_labels_name_rows_of_persons_of_their_own(town, year):
    labels = town.labels.to_pylist()
    assert {row["kernel"] for row in labels} == KERNELS
    lines = set(zip(year.lines["setl_id"].to_pylist(), year.lines["feedetl_sn"].to_pylist()))
    visits = dict(zip(year.visits["setl_id"].to_pylist(), year.visits["psn_no"].to_pylist()))
    for row in labels:
        if row["setl_id"]:
            assert visits[row["setl_id"]] == row["psn_no"]
            assert int(row["psn_no"][6:]) >= SIZE["persons"]
        if row["feedetl_sn"]:
            assert (row["setl_id"], row["feedetl_sn"]) in lines
    assert {row["rule"] for row in labels if row["rule"].startswith("N25")} == {"N25"}
    assert {row["table"].partition("/")[2] for row in labels if row["rule"] == "N25"} == {"day", "visit", "6h", "hour"}


def test_every_kernel_has_rows_to_look_at(town, judged):
    """In the ordinary city, not only among what is planted: lines of each family, and visits in the right place."""
    seen, _ = judged
    own = [line for line in seen.lines if int(line["setl_id"][-12:]) < town.plan.visits]
    codes = collections.Counter(line["med_list_codg"] for line in own)
    known = knowledge()
    families = collections.Counter()
    by_table = collections.Counter()
    for code, many in codes.items():
        if code in known.family:
            families[known.family[code]] += many
            for table in known.tables[code]:
                by_table[table] += many
    assert set(families) == {family.name for family in FAMILIES}
    assert {family.kernel for family in FAMILIES} | {kernel for kernel, *_ in STRUCTURE} == KERNELS - {"K13"}
    # nobody in the city may have a drug of work-injury or maternity insurance; the others all have lines
    assert set(tables()) - set(by_table) <= {"drug_insurance_type", "item_age_employment"}
    for name in (
        "indication",
        "second_line",
        "coupled",
        "price_ceiling",
        "surgery_full_price",
        "immunoglobulin",
        "perioperative_antibiotic",
        "stock_item",
    ):
        assert any(row["med_list_codg"] in codes for row in town.rule_tables[name].to_pylist()), name
    for column in ("prd_days", "rxno", "drug_trac_codg", "tcmdrug_used_way", "incs_no"):
        assert any(line[column] for line in own), column
    assert any(line["dscg_tkdrug_flag"] == "1" for line in own)
    stays = [v for v in seen.standing if v["med_type"][0] == "2"]
    assert any(
        len(visits) > 1 for visits in ([v for v in mine if v["med_type"][0] == "2"] for mine in seen.of_person.values())
    )
    assert {v["dscg_way"] for v in stays} >= {"1", "5"}
    assert {v["matn_stas"] for v in seen.standing} >= {"1", "3", "4"}


# ------------------------------------------------------------------ sane


def test_shares_are_near_the_declared_ones():
    rows = plain(city(seed=4, persons=4096, clinical=True).visits().visits)
    count = collections.Counter(rows["med_type"].to_pylist())
    share = {code: n / len(rows) for code, n in count.items()}
    declared = collections.Counter()
    for kind in KINDS:
        declared[kind.med_type] += kind.share
    assert set(share) == set(declared)
    for code in ("11", "41", "14", "21", "13"):
        assert 0.6 < share[code] / declared[code] < 1.6, (code, share[code], declared[code])
    nights = pc.subtract(rows["enddate"].cast(pa.int32()), rows["begndate"].cast(pa.int32())).to_numpy()
    stays = np.array([code in ("21", "22", "24", "52") for code in rows["med_type"].to_pylist()])
    assert 5 <= np.median(nights[stays]) <= 9 and nights.max() <= 20 and (nights[~stays] == 0).all()
    per_person = np.array(list(collections.Counter(rows["psn_no"].to_pylist()).values()))
    assert per_person.max() <= 24 and per_person.std() > 3


def test_diagnoses_fit_the_visits(year):
    main = [row for row in year.diagnoses.to_pylist() if row["maindiag_flag"] == "1"]
    assert len({row["setl_id"] for row in main}) == len(main)
    shops = {row["setl_id"] for row in year.visits.to_pylist() if row["med_type"] == "41"}
    assert not shops & {row["setl_id"] for row in year.diagnoses.to_pylist()}
    told = {row["setl_id"]: row["dscg_maindiag_code"] for row in year.visits.to_pylist() if row["dscg_maindiag_code"]}
    found = {row["setl_id"]: row["diag_code"] for row in main}
    assert told and all(found[setl] == code for setl, code in told.items() if setl in found)
    assert sum(setl in found for setl in told) > 0.97 * len(told)


def test_doctors_are_dated_and_thirteen_characters(town, year):
    codes = set(town.doctors["dr_code"].to_pylist())
    assert all(len(code) == 13 and code[0] == "D" for code in codes)
    assert set(town.doctors["dr_pro_tech_duty"].to_pylist()) == {"231", "232", "233", "234", "235"}
    assert set(year.lines["bilg_dr_codg"].to_pylist()) <= codes
    assert set(year.operations["oper_dr_code"].to_pylist()) <= codes
