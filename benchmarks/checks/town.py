"""The city that is checked, on disk: its raw tables, and the tables that kernels and peers start from.

Raw: a clinical city of ybcore.synth, as it is (`clean`, with planted violations), and with one line in a hundred charged as an item of the
national tables, drawn at random, a quarter of them with the line after it as a pair of the pair table (`dirty`), so that rules have
thousands of findings. Ready: what stands after netting, made of the dirty
city by DuckDB and by nothing of ybcore: lines in canonical order (docs/checks.md 1) with numbers for visits, persons, institutions and
items, quantities in 1/10000, fen, days and microseconds; visits in order. `row` is the place in the raw table.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .. import fresh
from .rules import national_items, numbers, shipped

Array = npt.NDArray[Any]
BESIDE = ("diagnoses", "operations", "labs")
LINES_A_VISIT = 11  # with reversals and plants about ten
DIRTY = 100  # one line in so many
PLANTS = 10_000  # of each rule one in so many visits

VISITS = """
WITH gone AS (SELECT init_setl_id::VARCHAR AS setl_id FROM visits WHERE refd_setl_flag::VARCHAR = '1' AND init_setl_id IS NOT NULL),
timed AS (
  SELECT *, coalesce(begntime, begndate::TIMESTAMP, date_trunc('day', setl_time)) AS began,
         coalesce(endtime, enddate::TIMESTAMP, date_trunc('day', setl_time))::DATE AS ended
  FROM visits
  WHERE refd_setl_flag::VARCHAR IS DISTINCT FROM '1' AND setl_id NOT IN (SELECT setl_id FROM gone) AND psn_no IS NOT NULL),
unnamed AS (
  SELECT setl_id, arg_min(p.insutype::VARCHAR, p.row) AS first_type
  FROM timed v JOIN persons p ON p.psn_no = v.psn_no AND p.begndate <= ended AND (p.enddate IS NULL OR ended < p.enddate)
  WHERE v.insutype IS NULL GROUP BY setl_id),
standing AS (
  SELECT v.*, gend::VARCHAR AS gend, brdy
  FROM timed v LEFT JOIN unnamed USING (setl_id)
       LEFT JOIN persons p ON p.psn_no = v.psn_no AND p.insutype::VARCHAR = coalesce(v.insutype::VARCHAR, first_type)
       AND p.begndate <= ended AND (p.enddate IS NULL OR ended < p.enddate))
SELECT row_number() OVER (ORDER BY psn_no, began, setl_id) - 1 AS visit, dense_rank() OVER (ORDER BY psn_no) - 1 AS person,
       if(fixmedins_code IS NULL, -1, dense_rank() OVER (ORDER BY fixmedins_code::VARCHAR NULLS LAST) - 1) AS hospital,
       began, med_type::VARCHAR AS med_type, gend, brdy, row, setl_id
FROM standing ORDER BY visit
"""
LINES = """
WITH back AS (SELECT setl_id::VARCHAR AS setl_id, init_feedetl_sn AS feedetl_sn, sum(cnt) AS cnt, sum(det_item_fee_sumamt) AS amount
              FROM lines WHERE cnt < 0 GROUP BY ALL)
SELECT visit, person, hospital, item, fee_ocur_time AS time, l.cnt + coalesce(b.cnt, 0) AS quantity,
       det_item_fee_sumamt + coalesce(b.amount, 0) AS amount, l.row
FROM lines l JOIN standing v ON l.setl_id::VARCHAR = v.setl_id
     LEFT JOIN back b ON b.setl_id = v.setl_id AND b.feedetl_sn = l.feedetl_sn
WHERE l.cnt > 0 AND (l.cnt + coalesce(b.cnt, 0) <> 0 OR det_item_fee_sumamt + coalesce(b.amount, 0) <> 0)
ORDER BY person, time, v.setl_id, l.feedetl_sn
"""


@dataclasses.dataclass(frozen=True)
class Ready:
    """Columns of lines and visits as the module says; `items` are the codes by number."""

    lines: dict[str, Array]
    visits: dict[str, Array]
    items: list[str]

    def head(self, lines: int) -> Ready:
        """The first persons whole, with about so many lines, at least one person."""
        person = self.lines["person"]
        last = person[min(lines, len(person) - 1)]
        cut = max(1, int(np.searchsorted(person, last))) if last else int(np.searchsorted(person, 1))
        visits = int(np.searchsorted(self.visits["person"], person[cut - 1] + 1))
        return Ready(
            {name: column[:cut] for name, column in self.lines.items()},
            {name: column[:visits] for name, column in self.visits.items()},
            self.items,
        )


class Town:
    """What `make` wrote, mapped into memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def table(self, name: str) -> pa.Table:
        """A raw table."""
        return pa.ipc.open_stream(pa.memory_map(str(self.folder / f"{name}.arrow"))).read_all()

    def tables(self, dirty: bool) -> dict[str, pa.Table]:
        """What ybcore.check takes."""
        names = ("visits", "lines", "persons", "institutions", "doctors", "stock", *BESIDE)
        out = {name: self.table(name) for name in names}
        if dirty:
            own = self.table("dirty")["med_list_codg"]
            at = out["lines"].column_names.index("med_list_codg")
            out["lines"] = out["lines"].set_column(at, "med_list_codg", own)
        return out

    @cached_property
    def catalog(self) -> Any:
        """The catalogue as the engine reads it."""
        from ybcore import Catalog

        return Catalog(*(self.table(name) for name in ("items", "selfpay", "caps")))

    @cached_property
    def ready(self) -> Ready:
        """The prepared columns."""
        held: dict[str, dict[str, Array]] = {"lines": {}, "visits": {}}
        for path in (self.folder / "ready").glob("*.npy"):
            table, name = path.stem.split(".")
            held[table][name] = np.load(path, mmap_mode="r")
        return Ready(
            held["lines"], held["visits"], self.table("dirty")["med_list_codg"].chunk(0).dictionary.to_pylist()
        )


def save(folder: Path, name: str, table: pa.Table) -> None:
    with pa.OSFile(str(folder / f"{name}.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)


def made(folder: Path, visits: int, seed: int = 1) -> dict[str, int]:
    """The city in a folder, made there in a process of its own unless it was made before; sizes for the report."""
    told = folder / "sizes.json"
    if told.exists():
        sizes: dict[str, int] = json.loads(told.read_text())
        if (sizes["asked"], sizes["seed"]) != (visits, seed):
            raise SystemExit(
                f"{folder} holds a city of {sizes['asked']:,} visits from seed {sizes['seed']}: name another folder, or empty it"
            )
        return sizes
    folder.mkdir(parents=True, exist_ok=True)
    sizes = fresh.ask("checks.town", str(folder), str(visits), str(seed), threads=2) | {"asked": visits, "seed": seed}
    told.write_text(json.dumps(sizes))
    return sizes


def make(folder: Path, visits: int, seed: int = 1) -> dict[str, int]:
    """Draws the city and writes everything; sizes for the report."""
    sizes = draw(folder, visits, seed)
    fresh.settled()
    return sizes | prepare(folder)


def draw(folder: Path, visits: int, seed: int) -> dict[str, int]:
    """The raw tables."""
    from ybcore.synth import city

    plants = max(1, visits // PLANTS)
    town = city(
        seed=seed,
        persons=max(1, visits // 10),
        visits=visits,
        lines_per_visit=LINES_A_VISIT,
        clinical=True,
        plants=plants,
    )
    batch = town.visits()
    catalog = dict(zip(("items", "selfpay", "caps"), town.catalog))
    raw = {"visits": batch.visits, "lines": batch.lines, **{name: getattr(batch, name) for name in BESIDE}, **catalog}
    raw |= {name: getattr(town, name) for name in ("persons", "institutions", "doctors", "stock")}
    raw["lines"], dirty = soiled(raw["lines"], catalog["items"]["med_list_codg"], seed)
    for name, table in (raw | {"dirty": dirty} | {f"rules_{n}": t for n, t in town.rule_tables.items()}).items():
        save(folder, name, table)
    return {"visits": batch.visits.num_rows, "lines": batch.lines.num_rows, "persons": raw["persons"].num_rows}


def soiled(lines: pa.Table, items: pa.ChunkedArray, seed: int) -> tuple[pa.Table, pa.Table]:
    """The lines with one dictionary of items, the catalogue's; and another item for one line in DIRTY that is no return."""
    column = lines["med_list_codg"]
    used = pa.chunked_array([chunk.dictionary.cast(pa.large_string()) for chunk in column.chunks])
    codes = pa.chunked_array([*items.cast(pa.large_string()).chunks, *used.chunks]).unique()
    place = {code: i for i, code in enumerate(codes.to_pylist())}
    index = np.concatenate([
        np.array([place[code] for code in chunk.dictionary.to_pylist()], np.int32)[np.asarray(chunk.indices)] for chunk in column.chunks
    ])  # fmt: skip
    at = lines.column_names.index("med_list_codg")
    clean = lines.set_column(at, "med_list_codg", pa.DictionaryArray.from_arrays(pa.array(index), codes))
    draw = np.random.default_rng(seed)
    wanted = np.array([place[code] for code in sorted(national_items()) if code in place], np.int32)
    rows = np.flatnonzero((draw.integers(0, DIRTY, len(index)) == 0) & (lines["cnt"].to_numpy() > 0))
    index = index.copy()
    index[rows] = wanted[draw.integers(0, len(wanted), len(rows))]
    main, included = (
        numbers([row[name] for row in shipped()["tables"]["item_duplicate_charge"]["rows"]], codes.to_pylist())
        for name in ("main", "included")
    )
    some = rows[(draw.integers(0, 4, len(rows)) == 0) & (rows + 1 < len(index))]
    some = some[lines["cnt"].to_numpy()[some + 1] > 0]
    chosen = draw.integers(0, len(main), len(some))
    index[some], index[some + 1] = main[chosen], included[chosen]
    return clean, pa.table({"med_list_codg": pa.DictionaryArray.from_arrays(pa.array(index), codes)})


def standing(town: Town, threads: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """(visits, lines) that stand, by SQL over the raw tables: netted, numbered, in order."""
    import duckdb

    base = duckdb.connect()
    base.execute(f"SET threads = {threads}")
    raw = town.tables(dirty=True)
    wanted = ("setl_id", "feedetl_sn", "init_feedetl_sn", "fee_ocur_time", "cnt", "det_item_fee_sumamt")
    lines = raw["lines"].select(wanted)
    item = pa.chunked_array([chunk.indices for chunk in raw["lines"]["med_list_codg"].chunks])
    lines = lines.append_column("item", item).append_column("row", pa.array(np.arange(len(lines))))
    base.register("visits", raw["visits"].append_column("row", pa.array(np.arange(raw["visits"].num_rows))))
    base.register("lines", lines)
    base.register("persons", raw["persons"].append_column("row", pa.array(np.arange(raw["persons"].num_rows))))
    base.execute(f"CREATE TABLE standing AS {VISITS}")
    own = base.execute(
        "SELECT person, hospital, epoch_us(began) AS began, (brdy - DATE '1970-01-01')::INTEGER AS birth, "
        "coalesce(gend, '')::VARCHAR AS gend, coalesce(med_type, '')::VARCHAR AS med_type, row FROM standing ORDER BY visit"
    ).fetchnumpy()
    found = base.execute(
        f"SELECT visit, person, hospital, item, epoch_us(time) AS time, quantity, amount, row FROM ({LINES})"
    ).fetchnumpy()
    return own, found


def prepare(folder: Path) -> dict[str, int]:
    """The ready columns, in files."""
    town = Town(folder)
    lines = town.table("lines").select(["cnt", "init_feedetl_sn"])
    if int((lines["cnt"].to_numpy() < 0).sum()) != len(lines) - lines["init_feedetl_sn"].null_count:
        raise SystemExit("the city has returning lines that name nothing, and this benchmark cannot net them")
    own, found = standing(town, 2)
    (folder / "ready").mkdir(exist_ok=True)

    def put(table: str, name: str, values: Any, dtype: Any) -> None:
        np.save(folder / "ready" / f"{table}.{name}.npy", np.ascontiguousarray(np.asarray(values), dtype))

    for name, dtype in {"visit": np.int32, "person": np.int32, "hospital": np.int32, "item": np.int32, "time": np.int64, "quantity": np.int64, "amount": np.int64, "row": np.int64}.items():  # fmt: skip
        put("lines", name, found[name], dtype)
    put("lines", "day", found["time"] // 86_400_000_000, np.int32)
    for name, dtype in {"person": np.int32, "hospital": np.int32, "birth": np.int32, "row": np.int64}.items():
        put("visits", name, np.ma.filled(own[name], np.iinfo(np.int32).min), dtype)
    put("visits", "day", own["began"] // 86_400_000_000, np.int32)
    for name in ("gend", "med_type"):
        put("visits", name, np.array([int(text) if text else -1 for text in own[name].tolist()]), np.int32)
    return {"standing_visits": len(own["row"]), "standing_lines": len(found["row"])}


if __name__ == "__main__":
    print(json.dumps(make(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
