"""The fund's year and years: contributions, interest, spending, reserves (docs/simulation.md section 8)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import InputError, Problem
from ..policy.faults import nearest
from ..policy.numbers import PPM
from .comparison import Cells, Needs, View
from .exact import Told
from .funddocument import BASE, Cohort, FundModel, Resolved, Scheme, load_model
from .people import cells_of

__all__ = ["FundPlan", "Reserve", "Spent", "load_fund", "project"]

_MONEY = (
    "contributions_employer",
    "contributions_person",
    "subsidy",
    "account_credit",
    "interest",
    "income",
    "spending",
    "balance_open",
    "balance_close",
)
SCHEMA = pa.schema(
    [
        ("scenario", pa.string()),
        ("scheme", pa.string()),
        ("year", pa.int64()),
        *((name, pa.int64()) for name in _MONEY),
        ("reserve_months", pa.float64()),
        ("sound", pa.bool_()),
    ]
)


class FundPlan:
    """A fund document. `model` is what it says; money in fen, rates in ppm."""

    def __init__(self, model: FundModel) -> None:
        self.model = model
        self.id, self.name, self.source = model.id, model.name.model_dump(), model.source
        self.year, self.years = model.year, model.years
        self.schemes = tuple(scheme.id for scheme in model.schemes)
        self.scenarios = (BASE, *(scenario.id for scenario in model.scenarios))

    def scheme(self, name: str | None) -> Scheme:
        """A scheme by its id; None: the only one. Raises InputError."""
        if name is None and len(self.schemes) == 1:
            return self.model.schemes[0]
        if name is None:
            what, zh = "the fund has several schemes", "基金有多个制度"
            raise InputError([Problem(what=what, what_zh=zh, path="scheme", expected=", ".join(self.schemes))])
        _one_of([name], self.schemes, "scheme", "制度", "scheme")
        return next(held for held in self.model.schemes if held.id == name)


def load_fund(source: str | bytes | os.PathLike[str]) -> FundPlan:
    """A fund and its scenarios from a file, or from the text of one (it has a line break). Raises DocumentError with every problem, OSError."""
    return FundPlan(load_model(source))


def project(
    plan: FundPlan, spending: Mapping[str, int] | pa.Table | None = None, scenario: str | Sequence[str] | None = None
) -> pa.Table:
    """The fund year by year, a row for each scenario, scheme and year; money int64 fen.

    `spending`: what each scheme's fund paid in the first year, in fen, of the persons of `sample` where the document has that: a mapping, a table
    with `scheme` and `spending` (rows of `Spent`), or None for the document's own. `scenario`: one or several; None: all.
    Raises InputError: unknown names, a scheme without spending, money beyond 64 bits.
    """
    asked = [scenario] if isinstance(scenario, str) else list(plan.scenarios if scenario is None else scenario)
    _one_of(asked, plan.scenarios, "scenario", "情景", "scenario")
    paid = _paid(plan, spending)
    rows = []
    for name in asked:
        for held in plan.model.resolved(name):
            for row in _Years(plan.model, held, paid[held.scheme.id]).rows():
                rows.append({"scenario": name, "scheme": held.scheme.id, **row})
    beyond = [row for row in rows if any(abs(row[name]) >= 1 << 63 for name in _MONEY)]
    if beyond:
        which = f"{beyond[0]['scenario']}, {beyond[0]['scheme']}, {beyond[0]['year']}"
        what, zh = f"money beyond 64 bits: {which}", f"金额超出 64 位整数：{which}"
        raise InputError([Problem(what=what, what_zh=zh, path="plan")])
    return pa.Table.from_pylist(rows, SCHEMA)


def _one_of(names: Sequence[str], known: Sequence[str], what: str, zh: str, path: str) -> None:
    problems = [
        Problem(what=f"the fund has no {what} {name!r}", what_zh=f"基金没有{zh} {name!r}", path=path, expected=", ".join(known), nearest=nearest(str(name), known))
        for name in names
        if name not in known
    ]  # fmt: skip
    if problems:
        raise InputError(problems)


def _paid(plan: FundPlan, spending: Mapping[str, int] | pa.Table | None) -> dict[str, Fraction]:
    """What each scheme as a whole spends in the first year; not rounded."""
    if isinstance(spending, pa.Table):
        pairs = list(zip(spending["scheme"].to_pylist(), spending["spending"].to_pylist()))
    else:
        pairs = list((spending or {}).items())
    _one_of([name for name, _ in pairs], plan.schemes, "scheme", "制度", "spending")
    problems = []
    given = dict(pairs)
    if len(given) < len(pairs):
        what, zh = (
            "one figure of spending a scheme; choose the rows of one policy",
            "每个制度一个支出数；请选一个政策的行",
        )
        problems.append(Problem(what=what, what_zh=zh, path="spending"))
    out: dict[str, Fraction] = {}
    for scheme in plan.model.schemes:
        value = given.get(scheme.id)
        if value is None and scheme.spending is not None:
            out[scheme.id] = Fraction(scheme.spending)
        elif isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            what, zh = (
                f"no spending of {scheme.id!r} in whole fen: {value!r}",
                f"没有 {scheme.id!r} 以分计的支出：{value!r}",
            )
            problems.append(Problem(what=what, what_zh=zh, path="spending", expected="`spending` in the document, or whole fen", expected_zh="在文件中写明 spending，或给出以分计的整数"))  # fmt: skip
        else:
            out[scheme.id] = Fraction(int(value)) * _share(scheme)
    if problems:
        raise InputError(problems)
    return out


def _share(scheme: Scheme) -> Fraction:
    """Members for each person of the batch."""
    return Fraction(1) if scheme.sample is None else Fraction(sum(c.count for c in scheme.members), scheme.sample)


def half_up(value: Fraction) -> int:
    """The nearest whole number, halves away from zero."""
    size = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return size if value >= 0 else -size


def _part(amount: int, rate: int | None) -> int:
    return half_up(Fraction(amount * (rate or 0), PPM))


class _Years:
    """One scheme under one scenario, from its first year on."""

    def __init__(self, model: FundModel, held: Resolved, spending: Fraction) -> None:
        self.model, self.held, self.scheme, self.spending = model, held, held.scheme, spending
        self.counts = [cohort.count for cohort in self.scheme.members]
        self.next = [_next(self.scheme.members, i) for i in range(len(self.counts))]
        self.need = self._needed()

    def rows(self) -> list[dict[str, Any]]:
        """Years in order."""
        rows, balance = [], self.scheme.balance
        for year in range(self.model.years):
            if year:
                self._move(year)
            row = self._year(year, balance)
            balance = row["balance_close"]
            rows.append(row)
        return rows

    def _needed(self) -> int:
        return sum(count * cohort.cost for count, cohort in zip(self.counts, self.scheme.members))

    def _move(self, year: int) -> None:
        """Members of the next year."""
        cohorts = self.scheme.members
        if not self.held.ageing:
            grown = _grown(self.held.growth.members, year)
            self.counts = [half_up(cohort.count * grown) for cohort in cohorts]
            return
        gone = [_part(count, cohort.leave) for count, cohort in zip(self.counts, cohorts)]
        out = [cohort.enter for cohort in cohorts]
        for i, cohort in enumerate(cohorts):
            stays, after = self.counts[i] - gone[i], self.next[i]
            if after is not None and cohort.to is not None:
                moves = half_up(Fraction(stays, cohort.to - cohort.start + 1))
                out[after] += moves
                stays -= moves
            out[i] += stays
        self.counts = out

    def _year(self, year: int, opening: int) -> dict[str, Any]:
        scheme, growth = self.scheme, self.held.growth
        flows = self._employee(year) if scheme.kind == "employee" else self._resident(year)
        factor = _grown(growth.cost, year) * _grown(growth.utilisation, year) * Fraction(self._needed(), self.need)
        spent = half_up(self.spending * factor)
        paid_in = flows["contributions_employer"] + flows["contributions_person"] + flows["subsidy"]
        net = paid_in - flows["account_credit"] - spent
        rates = self.held.interest
        interest = half_up(Fraction(2 * max(opening, 0) * rates.opening + max(net, 0) * rates.year, 2 * PPM))
        income = paid_in - flows["account_credit"] + interest
        closing = opening + income - spent
        months = _months(closing, spent)
        low, high = self.model.sound
        return {
            "year": self.model.year + year,
            **flows,
            "interest": interest,
            "income": income,
            "spending": spent,
            "balance_open": opening,
            "balance_close": closing,
            "reserve_months": None if months is None else float(months),
            "sound": None if months is None else low <= months * PPM <= high,
        }

    def _employee(self, year: int) -> dict[str, int]:
        """Contributions on the bounded base, and what accounts are credited with."""
        scheme, grown = self.scheme, _grown(self.held.growth.wage, year)
        average = half_up(self.model.average_wage * grown)
        low, high = _part(average, scheme.floor), _part(average, scheme.cap)
        base, credit = 0, Fraction(0)
        for count, cohort in zip(self.counts, scheme.members):
            own = half_up((cohort.wage or 0) * grown)
            if cohort.status == "active":
                own = min(max(own, low), high)
                base += count * own
            rule = next((r for r in scheme.account if r.status == cohort.status and cohort.start >= r.start), None)
            if rule is not None:
                credit += count * (
                    Fraction(own * rule.share, PPM) if rule.share is not None else 12 * (rule.month or 0)
                )
        return {
            "contributions_employer": _part(base, scheme.employer),
            "contributions_person": _part(base, scheme.person),
            "subsidy": 0,
            "account_credit": half_up(credit),
        }

    def _resident(self, year: int) -> dict[str, int]:
        """A flat part of every person, and the subsidy beside it."""
        scheme, people = self.scheme, sum(self.counts)
        own, beside = (
            (scheme.premium or 0) + year * scheme.premium_step,
            (scheme.subsidy or 0) + year * scheme.subsidy_step,
        )
        return {
            "contributions_employer": 0,
            "contributions_person": people * max(own, 0),
            "subsidy": people * max(beside, 0),
            "account_credit": 0,
        }


def _grown(rates: Sequence[int], years: int) -> Fraction:
    """What 1 has become after so many years; the last rate holds for all that follow."""
    out = Fraction(1)
    for year in range(years):
        out *= Fraction(PPM + rates[min(year, len(rates) - 1)], PPM)
    return out


def _next(cohorts: Sequence[Cohort], i: int) -> int | None:
    """Where members of a cohort go when they are too old for it: those of the same status, else retired ones."""
    mine = cohorts[i]
    if mine.to is None:
        return None
    for status in dict.fromkeys((mine.status, "retired" if mine.status == "active" else mine.status)):
        for j, other in enumerate(cohorts):
            if (other.status, other.gend, other.start) == (status, mine.gend, mine.to + 1):
                return j
    return None


def _months(balance: int, spent: int) -> Fraction | None:
    return Fraction(12 * balance, spent) if spent > 0 else None


class Spent:
    """What the fund of each scheme paid over a batch, in fen: rows that `project` takes (of one policy)."""

    def __init__(self, plan: FundPlan, name: str = "spent") -> None:
        self.plan, self.name = plan, name

    def needs(self, base: View) -> Needs:
        """The columns that funds pay, by scheme."""
        columns = dict.fromkeys(column for scheme in self.plan.model.schemes for column in scheme.pays)
        return Needs(cells=(self._cells(base),), by_cell=tuple(columns))

    def look(self, view: View) -> pa.Table:
        """One row a scheme."""
        names = self.plan.schemes
        return pa.table({"scheme": names, "spending": pa.array([self.of(view, name) for name in names], pa.int64())})

    def of(self, view: View, scheme: str) -> int:
        """Whole fen of one scheme."""
        cells = self._cells(view)
        held = self.plan.scheme(scheme)
        sums = view.by_cell(cells, held.pays)
        mine = np.ones(cells.count, bool)
        for name, words in held.visits.items():
            mine &= np.array([str(value) in words for value in cells.values[name].to_pylist()], bool)
        return sum(int(sums[column][mine].sum()) for column in held.pays)

    def _cells(self, view: View) -> Cells:
        found = view.once(self, lambda: self._found(view))
        assert isinstance(found, Cells)
        return found

    def _found(self, view: View) -> Cells:
        names = dict.fromkeys(name for scheme in self.plan.model.schemes for name in scheme.visits)
        return cells_of({name: view.attribute(name) for name in names}, len(view.person))


class Reserve(Told):
    """Months of spending that a scheme's fund has at the end of a year, as a fraction: closing balance × 12 ÷ the year's spending.

    The batch is the first year. `scheme`: None is the only one; `year`: None is the last. Raises InputError for names and years that the plan does not have.
    """

    whole = False

    def __init__(
        self,
        plan: FundPlan,
        scheme: str | None = None,
        *,
        year: int | None = None,
        scenario: str = BASE,
        name: str | None = None,
    ) -> None:
        self.plan, self.scheme, self.scenario = plan, plan.scheme(scheme).id, scenario
        _one_of([scenario], plan.scenarios, "scenario", "情景", "scenario")
        last = plan.year + plan.years - 1
        self.year = last if year is None else year
        if not plan.year <= self.year <= last:
            what, zh = f"the plan has no year {year}", f"计划没有 {year} 年"
            raise InputError([Problem(what=what, what_zh=zh, path="year", expected=f"{plan.year} … {last}")])
        self.name = name or f"reserve {self.scheme}"
        self._spent = Spent(plan)

    def needs(self, base: View) -> Needs:
        """The columns that the fund pays."""
        return self._spent.needs(base)

    def exact(self, view: View) -> Fraction | None:
        """Months; None where nothing is spent."""
        held = next(h for h in self.plan.model.resolved(self.scenario) if h.scheme.id == self.scheme)
        spent = Fraction(self._spent.of(view, self.scheme)) * _share(held.scheme)
        row = _Years(self.plan.model, held, spent).rows()[self.year - self.plan.year]
        return _months(row["balance_close"], row["spending"])
