"""One policy of a study settled by itself: what its receipt says, what `verify` settles again, and what clearing takes its cases from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..engine import Engine, Settlement
from .reform import Reformed
from .study import Study
from .studyinputs import Given

if TYPE_CHECKING:
    from ..checks import RuleBook

__all__ = ["alone", "engine_of", "receipt_of_base"]


def alone(engine: Engine, given: Given, rules: RuleBook | None, **options: Any) -> tuple[Settlement, int]:
    """(the settlement, fen that rules moved) of everybody, of the lines that rules leave where there are any; `options` of `Engine.settle`."""
    tables, moved = given.tables, 0
    if rules is not None:
        from ..checks.check import check
        from ..checks.settled import lines_left

        named: dict[str, Any] = {name: held for name, held in tables.items() if name != "acct_events"}
        report = check(
            **named, **given.beside, rules=rules, catalog=engine.catalog, stage="during", threads=engine.threads
        )
        left = lines_left(report)
        moved = 0 if left is None else int(report.denials().amount.sum())
        tables = {**tables, "lines": left}
    return engine.settle(**tables, closing_state=False, **options), moved


def engine_of(base: Engine, policy: Reformed) -> Engine:
    """An engine of a policy, with its catalogue where reforms change it."""
    return Engine(policy.book, policy.catalog or base.catalog, threads=base.threads)


def receipt_of_base(study: Study, engine: Engine, given: Given) -> dict[str, Any]:
    """What the receipt of settling the base says."""
    done, moved = alone(engine, given, study.rules, columns=("fund_pay_sumamt", "psn_cash_pay"))
    held = {name: told for name, told in done.receipt.items() if name not in ("seconds", "threads", "opening_state")}
    return held if study.rules is None else {**held, "rules": {**study.rules.told(), "moved_fen": moved}}
