"""The receipts of clearing, of cash benefits and of studies."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .model import Content, Count, EngineTold, Files, PolicyTold, Sha256, _Part

__all__ = ["BENEFIT", "CLEARING", "STUDY", "BenefitReceipt", "ClearingReceipt", "StudyReceipt"]

CLEARING, BENEFIT, STUDY = "ybcore-clearing-receipt/1", "ybcore-benefit-receipt/1", "ybcore-study-receipt/1"


class ClearingCounts(_Part):
    """Rows read, cases by outcome and kind, units of the year; cases whose institution the table of institutions does not have."""

    cases: Count
    groups: Count = 0
    institutions: Count = 0
    budgets: Count = 0
    quotas: Count = 0
    outcomes: dict[str, Count]
    kinds: dict[str, Count]
    units: Count
    unknown_institution: Count = 0


class TakenFromRun(_Part):
    """What of a settled run was taken as cases."""

    med_types: list[str]
    clears: list[str]


class ClearingReceipt(_Part):
    """Of `ybcore clear`."""

    format: Literal["ybcore-clearing-receipt/1"]
    engine: EngineTold
    documents: PolicyTold
    counts: ClearingCounts
    totals_fen: dict[str, int]
    pools: list[dict[str, Any]]
    balances: list[dict[str, Any]]
    files: Files
    run: TakenFromRun | None = None


class BenefitCounts(_Part):
    """Claims, by outcome."""

    claims: Count
    outcomes: dict[str, Count]


class BenefitReceipt(_Part):
    """Of `ybcore benefit`."""

    format: Literal["ybcore-benefit-receipt/1"]
    engine: EngineTold
    documents: PolicyTold
    counts: BenefitCounts
    totals_fen: dict[str, int]
    files: Files


class StudyTold(_Part):
    """The study document."""

    id: str
    file: str
    sha256: Sha256


class ReformTold(_Part):
    """A reform."""

    id: str
    sha256: Sha256


class PolicyCompared(ReformTold):
    """A policy of the study: its reforms and the hash of its book, of its catalogue, rules and clearing documents where reforms change these."""

    reforms: list[str]
    catalog: Sha256 | None = None
    rules: Sha256 | None = None
    clearing: Sha256 | None = None


class StudyInput(_Part):
    """A file, by its path from the study document."""

    name: str
    path: str
    sha256: Sha256
    rows: Count | None


class StudyOutput(_Part):
    """A file, by its path in the folder."""

    path: str
    sha256: Sha256
    rows: Count | None


class StudyReceipt(_Part):
    """Of `ybcore simulate`."""

    format: Literal["ybcore-study-receipt/1"]
    study: StudyTold
    engine: EngineTold
    policy: PolicyTold
    catalog: dict[str, Any] | None
    rules: dict[str, Any] | None = None
    clearing: dict[str, Any] | None = None
    rounding: dict[str, dict[str, str]]
    order: str
    input: dict[str, Content | None]
    counts: dict[str, Any]
    totals_fen: dict[str, int]
    synth: dict[str, Any] | None
    reforms: list[ReformTold]
    policies: list[PolicyCompared]
    inputs: list[StudyInput]
    language: Literal["zh", "en"]
    font: str | None
    outputs: list[StudyOutput] = Field(min_length=1)
