"""The second half of settling a job again: the job of the changed inputs; units without affected people are taken over as they were."""

from __future__ import annotations

from dataclasses import dataclass

from ...receipts.runs import JobRun
from ..run import Work
from .differ import Differing

__all__ = ["After"]


@dataclass
class After(Work):
    """The steps of a job over changed inputs; `before`: the job as it was, `differing`: who is affected."""

    before: JobRun | None = None
    differing: Differing | None = None
    taken_over: int = 0
