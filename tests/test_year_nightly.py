"""A year of ten million visits from files to files, in the memory that was promised. By `make nightly` only: an hour, 30 GB of disk.

`YBCORE_NIGHTLY_VISITS=20000` tries the same at another size.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks import files

VISITS = int(os.environ.get("YBCORE_NIGHTLY_VISITS", "10000000"))


@pytest.mark.nightly
def test_ten_million_visits_settle_in_four_gigabytes(tmp_path: Path):
    """Unsorted and sorted by person, the same rows both ways; each far below the input in memory."""
    out = tmp_path / "files.json"
    files.main(
        [
            "--folder",
            str(tmp_path / "years"),
            "--visits",
            str(VISITS),
            "--memory",
            "4GiB",
            "--threads",
            "2",
            "--out",
            str(out),
        ]
    )
    told = json.loads(out.read_text())
    assert told["rows"] > VISITS * 0.99
    for kind, runs in told["jobs"].items():
        assert max(run["peak_memory_bytes"] for run in runs) < 4 << 30, kind
