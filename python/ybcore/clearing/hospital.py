"""The year of one hospital in words: every step anew from the numbers of its units, and then held against the table of years."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow.compute as pc

from ..errors import InputError, Problem
from ..messages import INSUTYPES, name_of, say, yuan_text
from ..policy.numbers import PPM
from ..reference.clearing.cases import rounded
from ..settling.clearing import SUMS
from .cells import NONE
from .models import Method
from .outputs import CLEARING_OUTPUTS, PAYS_WORDS
from .result import Cleared

__all__ = ["explain_hospital"]

_STEPS = ("target", "counted", "due", "advanced", "deposit", "released", "held", "final", "paid", "difference")


def explain_hospital(done: Cleared, code: str) -> list[str]:
    """Lines that tell how each unit of an institution came to what it is paid, in the language in use; the last says what was checked.

    Raises InputError for an institution without a year, RuntimeError where a row of `years` is not what the steps give.
    """
    rows = [at for at, held in enumerate(done.years["fixmedins_code"].to_pylist()) if str(held) == code]
    if not rows:
        what, zh = f"no institution {code!r} has a year here", f"没有机构 {code!r} 的清算结果"
        raise InputError([Problem(what=what, what_zh=zh, path="fixmedins_code")])
    out: list[str] = []
    for at in rows:
        unit = _Unit.of(done, at)
        out += unit.told()
        wrong = [name for name in _STEPS if unit.found[name] != unit.row[name]]
        if wrong:
            raise RuntimeError(f"the row of years differs from the steps in {', '.join(wrong)}")
    paid, due = (sum(done.years[name][at].as_py() for at in rows) for name in ("paid", "due"))
    out.append(
        say(f"机构 {code} 合计：应付 {yuan_text(due)}，实付 {yuan_text(paid)}",
            f"Institution {code} in all: due {yuan_text(due)}, paid {yuan_text(paid)}")
    )  # fmt: skip
    said = f"Checked: the steps equal {len(rows)} rows of years in {len(_STEPS)} columns."
    return [*out, say(f"已核对：以上各步与年度表 {len(rows)} 行的 {len(_STEPS)} 列相同。", said)]


def _rate(value: int) -> str:
    """A share as a percentage with the decimals it has."""
    return f"{value // 10_000}.{value % 10_000:04d}".rstrip("0").rstrip(".") + "%"


@dataclass
class _Unit:
    """A unit's numbers as the kernel took them, its row of years, and what the steps find."""

    method: Method
    row: dict[str, Any]
    months: list[dict[str, Any]]
    payments: int
    numbers: list[int]
    steps: list[tuple[int, int]]
    found: dict[str, int]

    @classmethod
    def of(cls, done: Cleared, at: int) -> _Unit:
        numbers = done.units.plan["units"].reshape(len(done.units.units), -1)[at].tolist()
        pairs = done.units.plan["steps"].reshape(-1, 2)[numbers[3] : numbers[4]].tolist()
        first, last = numbers[16], numbers[17]
        mine = np.flatnonzero((done.units.month_of_case >= first) & (done.units.month_of_case < last))
        payments = pc.sum(done.cases["payment"].take(mine)).as_py() or 0
        return cls(
            method=done.cells_of.methods[done.units.units[at].method][1],
            row={name: done.years[name][at].as_py() for name in done.years.column_names},
            months=done.months.slice(first, last - first).to_pylist(),
            payments=payments,
            numbers=numbers,
            steps=[(upto, fund) for upto, fund in pairs],
            found={},
        )

    def told(self) -> list[str]:
        """The lines of a unit."""
        row, method = self.row, self.method
        way = say(*PAYS_WORDS[method.pays])
        clause = f" [{'; '.join(method.cite)}]" if method.cite else ""
        scheme = name_of(INSUTYPES, row["insutype"], 3)
        out = [
            say(f"{row['year']} 年，{scheme}，清算类别 {row['clr_type']}，方法 {method.id}（{way}）{clause}",
                f"{row['year']}, {scheme}, category {row['clr_type']}, method {method.id} ({way}){clause}")
        ]  # fmt: skip
        for step in (self._target, self._due, self._advanced, self._deposit, self._final):
            out += ["  " + line for line in step()]
        return out

    def _target(self) -> list[str]:
        target = self.payments if self.numbers[0] == NONE else self.numbers[0]
        self.found["target"] = target
        cases = f"{self.row['psntime']:,}"
        if self.numbers[0] == NONE:
            return [
                say(f"目标额 {yuan_text(target)}：{cases} 个病例的应付合计",
                    f"target {yuan_text(target)}: the payments of {cases} cases")
            ]  # fmt: skip
        way = say(*PAYS_WORDS[self.method.pays])
        return [say(f"目标额 {yuan_text(target)}（{way}）", f"target {yuan_text(target)} ({way})")]

    def _due(self) -> list[str]:
        name = SUMS[self.numbers[1]]
        target, counted = self.found["target"], sum(month[name] for month in self.months)
        self.found |= {"counted": counted, "due": target}
        if not self.numbers[2]:
            return [say(f"应付 {yuan_text(target)}：即目标额", f"due {yuan_text(target)}: the target")]
        spec = CLEARING_OUTPUTS["years"].find(name)
        words = say(spec.zh, spec.en) if spec else name
        out = [say(f"计入 {yuan_text(counted)}（{words}）", f"counted {yuan_text(counted)} ({words})")]
        if counted > target:
            out += self._overrun(counted - target, target)
        elif counted < target:
            out += self._saving(target - counted, counted)
        due = yuan_text(self.found["due"])
        return [*out, say(f"应付 {due}", f"due {due}")]

    def _overrun(self, over: int, target: int) -> list[str]:
        """The lines of the steps; their amounts are differences of what is rounded so far, so they add up."""
        out = [say(f"超支 {yuan_text(over)}", f"overrun {yuan_text(over)}")]
        if not self.steps:
            return [*out, say("由机构自担", "the hospital bears it")]
        low, share = Fraction(0), Fraction(0)
        for upto, fund in self.steps:
            top = Fraction(over) if upto == NONE else min(Fraction(over), Fraction(max(target, 0) * upto, PPM))
            last = top == over
            before, wide = rounded(share), rounded(top) - rounded(low)
            edge = say("以上不限", "above") if upto == NONE else say(f"至目标额的 {_rate(upto)}", f"up to {_rate(upto)} of the target")  # fmt: skip
            if self.numbers[5]:
                share += (top - low) * Fraction(fund, PPM)
            elif last:
                share, wide = over * Fraction(fund, PPM), over
            if self.numbers[5] or last:
                bears = yuan_text(rounded(share) - before)
                out.append(
                    say(f"  {edge}：{yuan_text(wide)} 中基金分担 {_rate(fund)} = {bears}",
                        f"  {edge}: of {yuan_text(wide)} the fund bears {_rate(fund)} = {bears}")
                )  # fmt: skip
            low = top
            if last:
                break
        borne = rounded(share)
        self.found["due"] = target + borne
        return [*out, say(f"基金共分担 {yuan_text(borne)}，机构自担 {yuan_text(over - borne)}",
                          f"the fund bears {yuan_text(borne)} in all, the hospital {yuan_text(over - borne)}")]  # fmt: skip

    def _saving(self, saving: int, counted: int) -> list[str]:
        out = [say(f"结余 {yuan_text(saving)}", f"saving {yuan_text(saving)}")]
        if not self.numbers[6]:
            return [*out, say("全部留用", "the hospital keeps all of it")]
        keeps, most, limit, visits = self.numbers[7:11]
        bonus = rounded(Fraction(saving * keeps, PPM))
        out.append(say(f"留用 {_rate(keeps)} = {yuan_text(bonus)}", f"it keeps {_rate(keeps)} = {yuan_text(bonus)}"))
        if most != NONE:
            top = rounded(Fraction(self.found["target"] * most, PPM))
            if top < bonus:
                bonus = top
                out.append(say(f"以目标额的 {_rate(most)} 为限：{yuan_text(top)}", f"at most {_rate(most)} of the target: {yuan_text(top)}"))  # fmt: skip
        if limit != NONE and visits != NONE and self.row["psntime"] * PPM > visits * limit:
            bonus = 0
            out.append(say(f"住院人次高于门诊人次的 {_rate(limit)}：不予留用", f"more cases than {_rate(limit)} of outpatient visits: nothing is kept"))  # fmt: skip
        self.found["due"] = counted + bonus
        return out

    def _advanced(self) -> list[str]:
        way, share = self.numbers[11:13]
        if way == 2:
            total = rounded(Fraction(self.found["target"] * share, PPM))
            basis = say("目标额的十二分之一", "a twelfth of the target")
        else:
            name = ("bydise_setl_payamt", "fund_appy_sum")[way]
            total = sum(rounded(Fraction(month[name] * share, PPM)) for month in self.months)
            basis = say(*(("当月应付", "the month's payments"), ("当月基金申报总额", "the month's itemised fund"))[way])
        self.found["advanced"] = total
        out = [say(f"已预付 {yuan_text(total)}：每月为{basis}的 {_rate(share)}", f"advanced {yuan_text(total)}: each month {_rate(share)} of {basis}")]  # fmt: skip
        return out + [f"  {month['setlym']}  {yuan_text(month['advance'])}" for month in self.months]

    def _deposit(self) -> list[str]:
        rate, back = self.numbers[13:15]
        deposit = max(0, rounded(Fraction(self.found["due"] * rate, PPM)))
        released = rounded(Fraction(deposit * back, PPM))
        self.found |= {"deposit": deposit, "released": released, "held": deposit - released}
        if not rate:
            return []
        told = [yuan_text(value) for value in (deposit, released, deposit - released)]
        return [
            say(f"质量保证金：应付的 {_rate(rate)} = {told[0]}", f"deposit: {_rate(rate)} of what is due = {told[0]}"),
            say(f"按考核返还 {_rate(back)} = {told[1]}，暂扣 {told[2]}", f"released by the score {_rate(back)} = {told[1]}, held back {told[2]}"),
        ]  # fmt: skip

    def _final(self) -> list[str]:
        due, held, advanced = (self.found[name] for name in ("due", "held", "advanced"))
        itemised = sum(month["fund_appy_sum"] for month in self.months)
        final = due - held - advanced
        self.found |= {"final": final, "paid": advanced + final, "difference": due - itemised}
        d, h, a, f, p, x = (
            yuan_text(value) for value in (due, held, advanced, final, advanced + final, due - itemised)
        )
        return [
            say(f"年终清算 {f} = 应付 {d} － 暂扣 {h} － 已预付 {a}", f"final {f} = due {d} - held back {h} - advanced {a}"),
            say(f"实付合计 {p}；与按项目之差 {x}", f"paid {p}; against itemised {x}"),
        ]  # fmt: skip
