"""What Spark tasks are made of, without Spark."""

from __future__ import annotations

import pickle
import random
import sys

import numpy as np
import pyarrow as pa
import pytest
from ybcore import Catalog, InputError, Problem, YbcoreError
from ybcore.cli import main
from ybcore.jobs.blobs import cut, joined, unpacked
from ybcore.jobs.carried import carried, told


def test_rows_come_back_from_their_pieces():
    words = pa.DictionaryArray.from_arrays(pa.array([i % 300 if i % 7 else None for i in range(900)], pa.int32()), pa.array([f"w{i}" for i in range(5_000)]))  # fmt: skip
    table = pa.table({"row": np.arange(900), "word": words})
    part = (np.arange(900) * 7 % 5).astype(np.int32) - 1
    pieces = dict(cut(table, part, 4))
    assert sorted(pieces) == [0, 1, 2, 3] and max(map(len, pieces.values())) < 12_000  # not 5,000 words each
    for at, blob in pieces.items():
        assert unpacked(blob).to_pylist() == table.filter(pa.array(part == at)).to_pylist()
    whole = joined([unpacked(blob) for blob in pieces.values()])
    assert sorted(whole["row"].to_pylist()) == np.flatnonzero(part >= 0).tolist()
    assert joined([]) is None


def test_components_are_led_by_the_least():
    from ybcore.jobs.frames import Components

    chance = random.Random(4)
    links = [(f"p{chance.randrange(200):03d}", f"p{chance.randrange(200):03d}") for _ in range(120)]
    lead = {name: name for pair in links for name in pair}
    changed = True
    while changed:
        changed = False
        for one, other in links:
            least = min(lead[one], lead[other])
            changed |= lead[one] != least or lead[other] != least
            lead[one] = lead[other] = least
    table = pa.table({"one": [a for a, _ in links], "other": [b for _, b in links]})
    out = pa.Table.from_batches(Components()(table.to_batches(max_chunksize=7))).to_pylist()
    assert {row["one"]: row["other"] for row in out} == {name: of for name, of in lead.items() if name != of}


def test_rows_stand_in_an_order_of_their_own():
    from ybcore.jobs.frames import in_order

    chance = np.random.default_rng(1)
    n = 500
    words = pa.array([None if i % 50 == 0 else f"w{i % 9}" for i in range(n)])
    table = pa.table({"a": chance.integers(0, 5, n), "b": words, "c": chance.integers(0, 40, n)})
    coded = table.set_column(1, "b", table["b"].dictionary_encode())
    for first in ((), ("c",), ("c", "gone")):
        want = table.sort_by(
            [(k, "ascending") for k in dict.fromkeys([*[f for f in first if f != "gone"], "a", "b", "c"])]
        )
        for given in (table, coded):
            got = in_order(given.take(pa.array(chance.permutation(n))), first)
            assert got.to_pylist() == want.to_pylist()


def test_errors_come_home():
    problem = Problem(what="bad", what_zh="坏", file="a.parquet", path="lines.cnt", row=3)
    with pytest.raises(RuntimeError) as sent, carried():
        raise InputError([problem])
    assert "a.parquet" in str(sent.value)
    with pytest.raises(InputError) as caught, told():
        raise OSError(f"a stack of Java\n{sent.value}\n at org.apache")
    assert caught.value.problems == (problem,)
    with pytest.raises(OSError, match="another"), told():
        raise OSError("another")


def test_without_spark_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    from ybcore.jobs.spark import started

    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(YbcoreError, match=r"pip install 'ybcore\[spark\]'"):
        started(None)


@pytest.mark.parametrize("words", [["--master", "local[2]"], ["--engine", "spark", "--conf", "nothing"]])
def test_options_of_spark_belong_to_spark(words: list[str], tmp_path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "job.yaml").write_text("ybcore: job/1\npolicy: [p]\ninputs: {visits: v}\noutput: o\n")
    (tmp_path / "p").mkdir()
    assert main(["--lang", "en", "run", str(tmp_path / "job.yaml"), *words]) == 2
    assert "--engine spark" in capsys.readouterr().err


def test_a_catalogue_travels():
    from ybcore.synth import city

    items, selfpay, caps = city(seed=1, persons=1, visits=1, catalog_items=500).catalog
    for catalog in (Catalog(items, selfpay, caps), Catalog(items)):
        assert pickle.loads(pickle.dumps(catalog)).hash == catalog.hash
