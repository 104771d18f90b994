"""Cases out of a settled run: what was settled, what the visits say, and the groups that a grouper gave (docs/clearing.md section 1)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.asof import Dated
from ..columns.checks import tell_cells
from ..columns.convert import NULL_INT
from ..columns.ids import encode
from ..columns.read import Frame, Problems, read
from ..columns.schema import FUNDS, PERSONS, VISIT_OUTPUT, VISITS, Column, Table
from ..errors import Problem
from .tables import CLEARING_INPUTS

__all__ = ["GROUPS_OF", "cases_of"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
_DAY = 86_400_000_000  # microseconds
_SHOWN = 5
_MONEY = ("medfee_sumamt", "fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "act_pay_dedc", "fund_pay_sumamt",
          "psn_part_amt", "psn_cash_pay", "acct_pay")  # fmt: skip
_VISIT = ("fixmedins_code", "med_type", "psn_no", "begndate", "enddate", "ipt_days", "dise_codg", "hosp_lv")
_PERSON = ("insutype", "psn_type", "insuplc_admdvs")


def _some(table: Table, names: Sequence[str], required: Collection[str], name: str = "") -> Table:
    """Some columns of a table, and which of them must be there."""
    held = [column for column in table.columns if column.name in names]
    held = [replace(c, required=c.name in required, negative=c.negative or c.kind == "money") for c in held]
    return Table(name or table.name, table.zh, table.en, tuple(held))


_OWN = ("group_code", "clr_type", "treatment", "cmpl_flag", "exct_item_amt", "exct_item_fund_payamt", "fund_rate", "review_points", "review_amt")  # fmt: skip
GROUPS_OF = _some(CLEARING_INPUTS["cases"], ("setl_id", *_OWN), ("setl_id", "group_code"), "groups_of")
"""What a grouper gives for each settlement; only `setl_id` and `group_code` must be there."""


def cases_of(
    settlements: Any,
    visits: Any,
    groups_of: Any,
    *,
    persons: Any = None,
    med_types: Collection[str] = (),
    clears: Collection[str] = ("hifp_pay",),
    more: Sequence[str] = (),
    threads: int = 1,
) -> pa.Table:
    """The table `cases` of `clear`, in the order of the settlements; money in fen.

    `settlements`: what `settle` gave (its columns in fen, or its CSV in yuan). `visits`, `persons`: what went in; persons say insutype,
    category and insured place where visits do not. `groups_of`: `setl_id`, `group_code` and any other column of `GROUPS_OF`; a settlement
    that is not in it has no group. `med_types`: which kinds of visit, by prefix; default all. `clears`: the funds that clear, all others
    are `oth_fund_amt`. `more`: columns of `groups_of`, else of visits, that documents declare.

    Taken is what was settled; a reversal and what it reverses are both left out. Raises InputError with everything that is wrong: columns
    that are missing, ids that stand twice or have no visit, reversals of what is not here; ValueError for an unknown fund.
    """
    wrong = [name for name in clears if name not in FUNDS]
    if wrong:
        raise ValueError(f"no such fund: {', '.join(wrong)}; one of {', '.join(FUNDS)}")
    held = _Tables(settlements, visits, groups_of, persons, clears, more, threads)
    visit, group = held.joined()
    kept = held.kept(visit, med_types)
    return held.cases(kept, visit[kept], group[kept], clears)


class _Tables:
    """The tables at the door."""

    def __init__(
        self, settlements: Any, visits: Any, groups_of: Any, persons: Any, clears: Any, more: Sequence[str], threads: int
    ) -> None:  # fmt: skip
        self.problems, self.threads, self.more = Problems(), threads, more
        told = (*_MONEY, *clears)
        extra = [Column(name, "text") for name in more]
        ids = ("setl_id", "psn_no", "setl_time", "insutype", "psn_type", "insuplc_admdvs", "refd_setl_flag", "init_setl_id")  # fmt: skip
        needed = ("setl_id", "setl_time", "fixmedins_code", "med_type")
        self.settlements = self._read(settlements, _some(VISIT_OUTPUT, ("setl_id", "outcome", *told), ("setl_id", "outcome", *told), "settlements"))  # fmt: skip
        self.visits = self._read(visits, _some(VISITS, (*ids, *_VISIT), needed).with_columns([*extra, Column("clr_type", "code")]))  # fmt: skip
        self.groups = self._read(groups_of, GROUPS_OF.with_columns(extra))
        names = ("psn_no", "begndate", "enddate", *_PERSON)
        self.persons = None if persons is None else self._read(persons, _some(PERSONS, names, ("psn_no", "insutype")))
        if persons is None and not self.visits.has("insutype"):
            self._missing(
                "the column insutype is missing, and no persons are given",
                "缺少 insutype 列，且未给出参保人员表",
                "visits.insutype",
            )
        for name in more:
            if name not in self.groups.source and name not in self.visits.source:
                what = f"no column {name} is there, nor in visits"
                self._missing(what, f"没有 {name} 列，就诊表中也没有", f"groups_of.{name}")
        self.problems.stop()

    def _missing(self, what: str, zh: str, path: str) -> None:
        self.problems.found.append(Problem(what=what, what_zh=zh, path=path))

    def _tell(self, wrong: Any, what: str, zh: str, path: str) -> None:
        """The first rows that are wrong, and how many more."""
        rows = np.flatnonzero(wrong).tolist()
        for at, row in enumerate(rows[:_SHOWN]):
            left = len(rows) - _SHOWN if at == _SHOWN - 1 else 0
            more = (f" (and {left} more rows)", f"（另有 {left} 行）") if left > 0 else ("", "")
            self.problems.found.append(Problem(what=what + more[0], what_zh=zh + more[1], path=path, row=row + 1))

    def _read(self, data: Any, table: Table) -> Frame:
        frame = read(data, table, self.problems, threads=self.threads)
        tell_cells(self.problems, frame)
        return frame

    def joined(self) -> tuple[Int64, Int64]:
        """Of each settlement the row of its visit and that of its group, -1 for none."""
        frames = {"settlements": self.settlements, "visits": self.visits, "groups_of": self.groups}
        (own, theirs, grouped), known = encode([frame.ids["setl_id"] for frame in frames.values()], self.threads)
        places = []
        for name, codes in zip(frames, (own, theirs, grouped)):
            place = np.full(len(known), -1, np.int64)
            place[codes[::-1]] = np.arange(len(codes))[::-1]
            self._tell(
                place[codes] != np.arange(len(codes)), "the setl_id is there twice", "setl_id 重复", f"{name}.setl_id"
            )
            places.append(place)
        self._tell(places[1][own] < 0, "no visit has this setl_id", "就诊表中没有此 setl_id", "settlements.setl_id")
        nowhere = (places[0][grouped] < 0) & (places[1][grouped] < 0)
        self._tell(nowhere, "no settlement has this setl_id", "结算结果中没有此 setl_id", "groups_of.setl_id")
        self.problems.stop()
        self._settlement_of = places[0]
        return places[1][own], places[2][own]

    def kept(self, visit: Int64, med_types: Collection[str]) -> Int64:
        """Rows of settlements that are cases."""
        of, words = self.settlements.code("outcome") or (np.zeros(0, np.int32), [])
        settled = np.array([word == "settled" for word in words] + [False])[of]
        back = (self.visits.flag("refd_setl_flag", 0) > 0)[visit]
        if back.any():
            settled &= ~self._reversed(back, visit) & ~back
        if med_types:
            of, kinds = self.visits.code("med_type") or (np.zeros(0, np.int32), [])
            settled &= np.array([word.startswith(tuple(med_types)) for word in kinds] + [False])[of[visit]]
        return np.flatnonzero(settled)

    def _reversed(self, back: npt.NDArray[np.bool_], visit: Int64) -> npt.NDArray[np.bool_]:
        """Which settlements others reverse; a reversal of what is not here is told."""
        out = np.zeros(self.settlements.rows, bool)
        rows = np.flatnonzero(back)
        if "init_setl_id" not in self.visits.ids:
            self._missing(
                "the column init_setl_id is missing, and there are reversals",
                "有退费结算而缺少 init_setl_id 列",
                "visits.init_setl_id",
            )
            self.problems.stop()
        names = self.visits.ids["init_setl_id"].take(pa.array(visit[rows]))
        (asked, own), _ = encode([names, self.settlements.ids["setl_id"]], self.threads)
        place = np.full(max(int(asked.max(initial=-1)), int(own.max(initial=-1))) + 2, -1, np.int64)
        place[own] = np.arange(len(own))
        found = place[asked]
        missing = np.zeros(self.settlements.rows, bool)
        missing[rows[found < 0]] = True
        what = "it reverses what is not among these settlements: settle them together, or leave it out"
        self._tell(missing, what, "所冲销的结算不在此结果中：请一并结算，或将其剔除", "settlements.setl_id")
        self.problems.stop()
        out[found] = True
        return out

    def _person(self, visit: Int64, day: Int32) -> dict[str, pa.Array]:
        """insutype, category and insured place: of the visit, else of the person on the day."""
        texts = {name: _text(self.visits, name, visit) for name in _PERSON}
        if self.persons is None:
            return texts
        persons = self.persons
        if "psn_no" not in self.visits.ids:
            self._missing(
                "the column psn_no is missing, and persons are given",
                "给出了参保人员表而缺少 psn_no 列",
                "visits.psn_no",
            )
            self.problems.stop()
        (asked, own), known = encode([self.visits.ids["psn_no"], persons.ids["psn_no"]], self.threads)
        kinds, words = persons.code("insutype") or (np.zeros(0, np.int32), [])
        place = {word: at for at, word in enumerate(words)}
        said = texts["insutype"].dictionary_encode()
        lut = np.array([place.get(word, len(words)) for word in said.dictionary.to_pylist()] + [-1], np.int32)
        kind = lut[said.indices.fill_null(len(lut) - 1).to_numpy(zero_copy_only=False)]
        dated = Dated.of(
            own, len(known), persons.days("begndate"), persons.days("enddate"), self.threads, persons.code("insutype")
        )
        row = dated.find(asked[visit], day, kinds, kind).astype(np.int64)
        return {name: pc.coalesce(held, _text(persons, name, row)) for name, held in texts.items()}

    def cases(self, kept: Int64, visit: Int64, group: Int64, clears: Collection[str]) -> pa.Table:
        """The table."""
        day = (self.visits.ints("setl_time")[visit] // _DAY).astype(np.int32)
        out: dict[str, Any] = {
            "setl_id": self.settlements.ids["setl_id"].take(pa.array(kept)),
            "setl_time": pa.array(day, pa.int32()).cast(pa.date32()),
            **{n: v for n, v in self._person(visit, day).items() if n == "insutype" or v.null_count < len(v)},
        }
        what = "no insutype is known for it: neither its visit nor a person on the day has one"
        nobody = _at(kept, self.settlements.rows, out["insutype"].is_null())
        self._tell(nobody, what, "险种未知：就诊表及当日参保信息中均无", "settlements.setl_id")
        self.problems.stop()
        for frame, names, rows in ((self.visits, (*_VISIT, "clr_type", *self.more), visit), (self.groups, (*_OWN, *self.more), group)):  # fmt: skip
            for name in names:
                if name in frame.source:
                    out[name] = frame.source[name].take(pa.array(rows, mask=rows < 0))
        money = {name: self.settlements.ints(name)[kept] for name in (*_MONEY, *clears)}
        money = {name: np.where(values == NULL_INT, 0, values) for name, values in money.items()}
        out |= {name: pa.array(money[name]) for name in _MONEY}
        others = money["fund_pay_sumamt"] - sum((money[name] for name in clears), np.zeros(len(kept), np.int64))
        out["oth_fund_amt"] = pa.array(others)
        return pa.table(out)


def _at(rows: Int64, count: int, there: pa.Array) -> npt.NDArray[np.bool_]:
    out = np.zeros(count, bool)
    out[rows[there.to_numpy(zero_copy_only=False)]] = True
    return out


def _text(frame: Frame, name: str, rows: Int64) -> pa.Array:
    """Texts of some rows, null where there is none (row -1, an empty cell, no such column)."""
    of, words = frame.code(name) or (np.full(frame.rows, -1, np.int32), [])
    codes = np.append(of, np.int32(-1))[rows]
    known = np.array([bool(word) for word in words] + [False])[codes]
    return pa.array([*words, ""], pa.string()).take(pa.array(codes, mask=~known))
