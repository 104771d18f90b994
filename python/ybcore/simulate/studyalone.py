"""One policy of a study settled by itself: what its receipt says, what `verify` settles again, and what clearing takes its cases from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine import Engine, Settlement
from .reform import Reformed
from .study import Study
from .studyinputs import Given

if TYPE_CHECKING:
    from ..checks import RuleBook
    from ..checks.run.report import CheckReport

__all__ = ["alone", "engine_of", "receipt_of_base"]


def alone(
    engine: Engine, given: Given, rules: RuleBook | None, **options: Any
) -> tuple[Settlement, CheckReport | None]:
    """(the settlement, the report of the rules) of everybody, of the lines that rules leave where there are any; `options` of `Engine.settle`."""
    tables, report = given.tables, None
    if rules is not None:
        from ..checks.check import check
        from ..checks.settled import lines_left

        named: dict[str, Any] = {name: held for name, held in tables.items() if name != "acct_events"}
        report = check(
            **named, **given.beside, rules=rules, catalog=engine.catalog, stage="during", threads=engine.threads
        )
        tables = {**tables, "lines": lines_left(report)}
    return engine.settle(**tables, closing_state=False, **options), report


def engine_of(base: Engine, policy: Reformed) -> Engine:
    """An engine of a policy, with its catalogue where reforms change it."""
    return Engine(policy.book, policy.catalog or base.catalog, threads=base.threads)


def receipt_of_base(study: Study, engine: Engine, given: Given) -> dict[str, Any]:
    """What the receipt of settling the base says."""
    done, report = alone(engine, given, study.rules, columns=("fund_pay_sumamt", "psn_cash_pay"))
    held = {name: told for name, told in done.receipt.items() if name not in ("seconds", "threads", "opening_state")}
    if report is None or study.rules is None:
        return held
    return {**held, "rules": {**study.rules.told(), **_moved(engine, given, study.rules, report, done)}}


def _moved(engine: Engine, given: Given, rules: RuleBook, report: CheckReport, done: Settlement) -> dict[str, int]:
    """What rules moved, told apart as the receipt of settling with rules does: by two settlements of the whole."""
    from ..checks.settled import moved_money

    if report.work.batch.frame("lines") is None:
        return {"moved_fen": 0}
    options: dict[str, Any] = {"columns": ("fulamt_ownpay_amt",), "receipt": False}
    ends = (alone(engine, given, book, **options)[0].visits for book in (rules, None))
    after, before = (int(np.asarray(visits["fulamt_ownpay_amt"]).sum()) for visits in ends)
    return moved_money(report, done.visits, after - before)
