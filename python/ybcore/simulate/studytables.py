"""What a study settles, as its document says it: tables from files, or a synthetic city."""

from __future__ import annotations

from decimal import Decimal

from pydantic import model_validator

from ..columns.checkschema import CHECK_TABLES
from ..policy.faults import Fault, fail
from ..policy.fields import Node, Positive
from .comparison import TABLES
from .studyfields import ByCode, Number, PathOf, Seed

__all__ = ["BESIDE", "Tables"]

BESIDE = tuple(name for name in CHECK_TABLES if name not in TABLES)
"""Tables that rules look at and nothing else does."""


class Synth(Node):
    """A synthetic city instead of files (docs/synth.md)."""

    seed: Seed = 1
    persons: Positive = 10_000
    visits: Positive | None = None
    lines_per_visit: Number = Decimal(10)
    catalog_items: Positive = 20_000
    year: Positive = 2024
    insutypes: ByCode | None = None
    regions: dict[str, str] | None = None


class Tables(Node):
    """What is settled: a folder of tables, tables by name, or a synthetic city."""

    folder: PathOf | None = None
    visits: PathOf | None = None
    lines: PathOf | None = None
    persons: PathOf | None = None
    institutions: PathOf | None = None
    acct_events: PathOf | None = None
    diagnoses: PathOf | None = None
    operations: PathOf | None = None
    labs: PathOf | None = None
    doctors: PathOf | None = None
    stock: PathOf | None = None
    synth: Synth | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Tables:
        files = [name for name in Tables.model_fields if name != "synth" and getattr(self, name) is not None]
        if self.synth is not None and files:
            fail(Fault("a synthetic city and files", "合成城市与文件不能同用", "synth, or files", "synth 或文件"))
        if self.synth is None and self.folder is None and self.visits is None:
            fail(
                Fault(
                    "no visits are given",
                    "没有给出 visits（结算表）",
                    "synth, folder or visits",
                    "synth、folder 或 visits",
                )
            )
        return self
