"""Spark for tests: a cluster of processes on this machine, and one answer for tables however they came about."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
from typing import Any

import pyarrow as pa
import pytest

CLUSTER = "local-cluster[2,1,1024]"
SETTINGS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.executor.memory": "1g",
    "spark.pyspark.python": sys.executable,
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


def need_spark() -> None:
    """Without PySpark or Java the test is skipped by name, or fails where skips are not allowed."""
    missing = [] if importlib.util.find_spec("pyspark") else ["the package pyspark"]
    missing += [] if shutil.which("java") or os.environ.get("JAVA_HOME") else ["the program java"]
    if missing and os.environ.get("YBCORE_REQUIRE_SYSTEM") == "1":
        pytest.fail(f"missing: {', '.join(missing)}")
    if missing:
        pytest.skip(f"missing: {', '.join(missing)}")


def session(master: str = CLUSTER) -> Any:
    """A Spark session on this machine."""
    need_spark()
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(master).appName("ybcore tests")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    made = builder.getOrCreate()
    made.sparkContext.setLogLevel("ERROR")
    return made


def plain(table: pa.Table) -> pa.Table:
    """No dictionaries, texts of one type."""
    for i, field in enumerate(table.schema):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        kind = pa.string() if pa.types.is_large_string(kind) or pa.types.is_null(kind) else kind
        table = table.set_column(i, field.name, table.column(i).cast(kind))
    return table


def ordered_hash(table: pa.Table, keys: list[str]) -> str:
    """One hash over the names and all cells of a table, its rows by `keys`, then by every column."""
    names = sorted(table.column_names)
    rows = plain(table).select(names).sort_by([(n, "ascending") for n in [*keys, *(n for n in names if n not in keys)]])
    whole = hashlib.sha256(repr((names, rows.num_rows)).encode())
    for column in rows.columns:
        whole.update(repr(column.to_pylist()).encode())
    return whole.hexdigest()
