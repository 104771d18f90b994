"""A small city in files, settled, and a document with all eight kinds of change: Parquet, CSV in UTF-8 and GB18030."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from ybcore import io, load_book
from ybcore.cli import main
from ybcore.cli.settle import demo_policies
from ybcore.columns.schema import CAPS, INSTITUTIONS, ITEMS, LINES, PERSONS, SELFPAY, VISITS
from ybcore.synth import city

LATE = 30
DOCUMENT = """\
format: ybcore-changes/1
id: year-end
name: {zh: 年度重新结算, en: Year-end re-settlement}
changes:
  - {kind: late_claims, visits: late/visits.csv, lines: late/lines.csv, label: {zh: 十二月迟报, en: December's late claims}, source: 经办台账}
  - {kind: refunds, visits: refunds.csv, label: {zh: 退费冲销, en: refunds}}
  - {kind: denied_lines, rows: denied.csv, label: {zh: 审核拒付, en: denied by review}, note: 复核通过}
  - {kind: persons, rows: persons.parquet, label: {zh: 退休身份补登, en: retirement backdated}}
  - {kind: institutions, rows: institutions.csv, label: {zh: 机构降级, en: an institution downgraded}}
  - {kind: catalog, catalog: catalog, label: {zh: 限价调整, en: price caps revised}}
  - {kind: policy, policy: [policies], label: {zh: 比例更正, en: a rate corrected}, source: 〔2025〕7号}
  - {kind: reordered, rows: times.csv, label: {zh: 结算时间更正, en: settling times corrected}}
"""


def make(folder: Path, visits: int = 700, seed: int = 7, suffix: str = "parquet") -> Path:
    """Writes `input`, `policies0`, and the changes; settles into `paid`. Returns the folder."""
    town = city(seed=seed, persons=visits // 4, visits=visits, catalog_items=500)
    batch = town.visits()
    catalog = dict(zip(("items", "selfpay", "caps"), town.catalog))
    ids = batch.visits["setl_id"].to_pylist()
    named = set(batch.visits["init_setl_id"].to_pylist())
    backwards = batch.visits["init_setl_id"].to_pylist()
    single = [
        i for i, one in enumerate(ids) if one and ids.count(one) == 1 and one not in named and backwards[i] is None
    ]
    late = set(single[-LATE:])
    early = pa.array([i for i in range(len(ids)) if i not in late])
    late_visits = batch.visits.take(pa.array(sorted(late)))
    of_late = pc.is_in(
        batch.lines["setl_id"].cast(pa.large_string()), value_set=late_visits["setl_id"].combine_chunks()
    )
    kept = {"visits": batch.visits.take(early), "lines": batch.lines.filter(pc.invert(of_late))}
    data = folder / "input"
    (data / "catalog").mkdir(parents=True)
    tables = {"persons": town.persons, "institutions": town.institutions, "acct_events": town.acct_events, **kept}
    schemas = {t.name: t for t in (VISITS, LINES, PERSONS, INSTITUTIONS, ITEMS, SELFPAY, CAPS)}
    for name, table in tables.items():
        if suffix == "csv" and name == "acct_events":
            suffix_ = "parquet"
        else:
            suffix_ = suffix
        io.write_table(_seconds(table) if suffix_ == "csv" else table, data / f"{name}.{suffix_}", schemas.get(name))
    for name, table in catalog.items():
        io.write_table(table, data / "catalog" / f"{name}.parquet", schemas[name])
    (folder / "late").mkdir()
    io.write_table(_seconds(late_visits), folder / "late/visits.csv", VISITS)
    io.write_table(batch.lines.filter(of_late), folder / "late/lines.csv", LINES)
    asked = [word for path in demo_policies() for word in ("--policy", str(path))]
    assert main(["settle", *asked, "--input", str(data), "--out", str(folder / "paid"), "--lines-out", "--detail", "--format", suffix, "--threads", "1", "-q", "--json"]) == 0  # fmt: skip
    _changes(folder, kept, tables, catalog)
    (folder / "changes.yaml").write_text(DOCUMENT, encoding="utf-8")
    return folder


def _seconds(table: pa.Table) -> pa.Table:
    """Times as CSV of the interface has them."""
    at = table.column_names.index("setl_time") if "setl_time" in table.column_names else -1
    return table if at < 0 else table.set_column(at, "setl_time", table["setl_time"].cast(pa.timestamp("s")))


def _changes(
    folder: Path, kept: dict[str, pa.Table], tables: dict[str, pa.Table], catalog: dict[str, pa.Table]
) -> None:
    settled = io.read_table(next((folder / "paid").glob("settlements.parquet"))) if (folder / "paid/settlements.parquet").exists() else None  # fmt: skip
    visits = kept["visits"]
    ids = visits["setl_id"].to_pylist()
    # Refunds of the dearest visits that funds paid for.
    paid = [0] * len(ids) if settled is None else settled["fund_pay_sumamt"].to_pylist()
    order = sorted((i for i in range(len(ids)) if paid[i] > 0 and ids.count(ids[i]) == 1), key=lambda i: -paid[i])
    named = set(visits["init_setl_id"].to_pylist())
    chosen = [i for i in order if ids[i] not in named][2:5]
    rows = {
        "setl_id": [],
        "psn_no": [],
        "med_type": [],
        "insutype": [],
        "fixmedins_code": [],
        "setl_time": [],
        "refd_setl_flag": [],
        "init_setl_id": [],
    }
    for i in chosen:
        row = visits.slice(i, 1).to_pylist()[0]
        rows["setl_id"].append(f"R{row['setl_id']}")
        rows["init_setl_id"].append(row["setl_id"])
        rows["refd_setl_flag"].append("1")
        for name in ("psn_no", "med_type", "insutype", "fixmedins_code"):
            rows[name].append(row[name])
        rows["setl_time"].append(str(row["setl_time"])[:19])
    io.write_table(pa.table(rows), folder / "refunds.csv", None)
    lines = kept["lines"]
    of = lines["setl_id"].to_pylist()
    scheme = visits["insutype"].cast(pa.string()).to_pylist()
    other = [i for i in order if scheme[i] != "310" and i not in chosen]  # no document of theirs changes
    dear = {ids[i] for i in other[:6]}
    denied = [i for i, one in enumerate(of) if one in dear and lines["feedetl_sn"][i].as_py()][::3]
    pick = {name: lines[name].take(pa.array(denied)).cast(pa.string()) for name in ("setl_id", "feedetl_sn")}
    io.write_table(
        pa.table(
            {
                **pick,
            }
        ),
        folder / "denied.csv",
        None,
        "gb18030",
    )
    persons = tables["persons"]
    people = [visits["psn_no"][i].as_py() for i in order if scheme[i] == "310"]
    working = pc.starts_with(persons["psn_type"].cast(pa.string()), "11")
    mine = persons.filter(
        pc.and_(working, pc.is_in(persons["psn_no"], value_set=pa.array(people[2:12], pa.large_string())))
    )
    new = pa.array([f"12{one[2:]}" for one in mine["psn_type"].cast(pa.string()).to_pylist()])
    io.write_table(
        mine.set_column(mine.column_names.index("psn_type"), "psn_type", new), folder / "persons.parquet", PERSONS
    )
    places = tables["institutions"]
    most = visits["fixmedins_code"][order[0]].as_py()
    own = places.filter(pc.equal(places["fixmedins_code"], most))
    for name in ("hosp_lv", "dedc_hosp_lv", "lmtpric_hosp_lv"):
        held = own[name].cast(pa.string()).to_pylist()
        own = own.set_column(
            own.column_names.index(name), name, pa.array(["1" if name != "hosp_lv" else "07" for _ in held])
        )
    io.write_table(own, folder / "institutions.csv", INSTITUTIONS, "gb18030")
    plain = other[6:18]
    moved = {
        "setl_id": [ids[i] for i in plain],
        "setl_time": [f"2025-01-{k + 1:02} 10:00:00" for k in range(len(plain))],
    }
    io.write_table(pa.table(moved), folder / "times.csv", None)
    (folder / "catalog").mkdir()
    caps = catalog["caps"]
    used = pc.value_counts(lines["med_list_codg"].cast(pa.string())).to_pylist()
    capped = set(caps["med_list_codg"].to_pylist())
    often = [row["values"] for row in sorted(used, key=lambda row: -row["counts"]) if row["values"] in capped][10:13]
    lower = pc.divide(pc.multiply(caps["hilist_pric_uplmt_amt"], 8), 10)
    lower = pc.if_else(pc.is_in(caps["med_list_codg"], value_set=pa.array(often)), lower, caps["hilist_pric_uplmt_amt"])
    catalog = {
        **catalog,
        "caps": caps.set_column(caps.column_names.index("hilist_pric_uplmt_amt"), "hilist_pric_uplmt_amt", lower),
    }
    for name, table in catalog.items():
        io.write_table(
            table, folder / "catalog" / f"{name}.csv", {"items": ITEMS, "selfpay": SELFPAY, "caps": CAPS}[name]
        )
    (folder / "policies").mkdir()
    book = load_book(demo_policies())
    for policy in book:
        documents = [policy.doc]
        if policy is book.policies[0]:
            new = policy.with_figure("plans[1].layers[0].bands.steps[0].rate.else.else", "0.75").doc
            documents = [
                {**policy.doc, "effective": {**policy.doc["effective"], "to": "2024-07-01"}},
                {**new, "id": f"{policy.id}-07", "effective": {**new["effective"], "from": "2024-07-01"}},
            ]
        for doc in documents:
            text = json.dumps(doc, ensure_ascii=False, indent=1)
            (folder / "policies" / f"{doc['id']}.yaml").write_text(text, encoding="utf-8")
