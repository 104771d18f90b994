"""A synthetic year as files, two ways: as a bureau's database gives it out, and as it lies when somebody has sorted it.

`scattered`: visits by settlement time over the whole city, fee lines by fee date and then by chance, so that nothing lies beside what it is settled with.
`grouped`: visits by person and time, fee lines in the order of their visits. Text is text (no dictionaries of ours), zstd, about a million rows a row group.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

__all__ = ["KINDS", "made"]

KINDS = ("scattered", "grouped")
LINES = 10.5
WHOLE = ("persons", "institutions", "acct_events")
_ORDERS = {
    "scattered": {
        "visits": "SELECT * FROM visits ORDER BY setl_time, setl_id",
        "lines": "SELECT * FROM lines ORDER BY fee_ocur_time, hash(feedetl_sn)",
    },
    "grouped": {
        "visits": "SELECT * FROM visits ORDER BY psn_no, setl_time, setl_id",
        "lines": "SELECT lines.* FROM lines JOIN (SELECT setl_id, min(psn_no) AS psn_no, min(setl_time) AS setl_time FROM visits GROUP BY setl_id) AS first"
        " USING (setl_id) ORDER BY first.psn_no, first.setl_time, setl_id, feedetl_sn",
    },
}


def made(folder: Path, visits: int, seed: int, memory: str = "4GB") -> dict[str, Path]:
    """The folder of each kind, made where it is not there yet (some minutes for ten million visits)."""
    city = folder / "city"
    wanted = {"visits": visits, "seed": seed}
    mark = folder / "made.json"
    if not mark.is_file() or json.loads(mark.read_text()) != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _city(city, visits, seed)
        for kind in KINDS:
            _ordered(city, folder / kind, kind, folder / "sorting", memory)
        mark.write_text(json.dumps(wanted))
    return {kind: folder / kind for kind in KINDS}


def _city(city: Path, visits: int, seed: int) -> None:
    from ybcore import synth

    synth.city(seed=seed, persons=max(1, visits // 10), visits=visits, lines_per_visit=LINES).write(city)


def _ordered(city: Path, out: Path, kind: str, scratch: Path, memory: str) -> None:
    import duckdb

    out.mkdir(parents=True)
    with duckdb.connect() as db:
        db.execute(f"SET memory_limit='{memory}'; SET temp_directory='{scratch}'; SET preserve_insertion_order=true")
        for name in ("visits", "lines"):
            db.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{city / name}.parquet')")
        for name, query in _ORDERS[kind].items():
            db.execute(
                f"COPY ({query}) TO '{out / name}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 983040, FILE_SIZE_BYTES '256MB')"
            )
    shutil.rmtree(scratch, ignore_errors=True)
    for name in WHOLE:
        shutil.copy(city / f"{name}.parquet", out / f"{name}.parquet")
    shutil.copytree(city / "catalog", out / "catalog")
