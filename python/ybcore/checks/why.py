"""Why a rule did not hit a line or visit, or what became of it where it did: the first condition that failed (docs/checks.md section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..columns.convert import NULL_DAY, NULL_INT
from ..columns.ids import flat, lookup
from ..errors import InputError, Problem
from .fields import Scope
from .linechecks import AgeTest, Codes, ColumnMap
from .replay import rule_of
from .rule import Rule
from .run.coded import CodedRows, key_among, select_coded
from .run.counted import counted_in
from .run.found import OFFENDING, Hits, hits_of
from .run.line_rules import line_text
from .run.lines import Chosen
from .run.runner import denied_before, raw_of, rule_status
from .run.scope import NO, UNKNOWN, YES, kinds_of
from .run.time_rules import OF_VISITS
from .run.work import Work
from .told import reason_text, window_text
from .try_groups import Picked
from .units import amount_text, unit_of
from .vocabulary import DISPOSITIONS

if TYPE_CHECKING:
    from .run.report import CheckReport

__all__ = ["Became", "Why", "looks_at", "why_not"]

TEXTS: dict[str, tuple[str, str]] = {
    "disabled": ("规则已停用：{value}", "the rule is disabled: {value}"),
    "skipped": ("规则未运行：{value}", "the rule did not run: {value}"),
    "absent": ("表中没有 {column} {value}", "there is no {column} {value}"),
    "reversed": ("该次结算已冲销或为冲销单", "the visit is reversed, or a reversal"),
    "netted": ("退费冲减后已无剩余", "nothing is left of the line after returns"),
    "unit": ("该规则检查的是{value}", "the rule looks at {value}"),
    "known": ("规则当时尚未公布", "the rule was not known then"),
    "day": ("规则当日不适用", "the rule does not hold on that day"),
    "scope": ("不在范围内：{column} 为 {value}，应为 {wanted}", "out of scope: {column} is {value}, wanted {wanted}"),
    "unknown": ("无法判断：{column} 缺失", "it cannot be known: {column} is missing"),
    "items": ("{value} 不在项目范围内", "{value} is not among the items"),
    "table_day": ("{value} 在表 {column} 中，但当日没有适用的行", "{value} is in table {column}, but no row holds on that day"),
    "table_known": ("{value} 在表 {column} 中的行当时尚未公布，或已被更正", "{value} is in table {column}, but its row was not known then, or is corrected"),
    "table_place": ("{value} 在表 {column} 中，但不适用于该地区或级别", "{value} is in table {column}, but not for that place or level"),
    "denied": ("前面的规则已整条扣除，不再计数", "an earlier rule denies the whole line, so it is not counted"),
    "history": ("违规只涉及历史就诊，不报告", "only history offends, which is not reported"),
    "excluded": ("命中，但被互斥规则排除", "it hit, and a rule that excludes it took the finding's place"),
    "involved": ("涉及其中，但本身不违规", "it stands in a finding, but does not offend"),
    "attribute": ("{column} 为 {value}，规则要求 {wanted}，不违规", "{column} is {value}, the rule wants {wanted}: no hit"),
    "compared": ("已比较，未超限：计 {measure}，限 {limit}{window}", "compared and not beyond: counted {measure}, limit {limit}{window}"),
    "kernel": ("规则的条件不成立", "the condition of the rule is not met"),
    "hit": ("命中", "it hit"),
}  # fmt: skip
BECAME: dict[str, tuple[str, str]] = {
    "suppressed": ("已抑制", "suppressed"),
    "subsumed": ("被另一项违规包含", "contained in another finding"),
    "shadow": ("试运行，不动金额", "the rule runs in shadow and moves nothing"),
    "told": ("只提示，不动金额", "its disposition moves nothing"),
    "unpaid": (
        "金额已由其他违规扣除、此前已拒付或为零",
        "its money is moved by another finding, was denied before, or is none",
    ),
    "unsplit": ("就诊没有明细，只报金额，不转出", "the visit is without lines: its money is told and not moved"),
    "paid": ("已扣除", "its money is moved"),
}
UNSAID = {
    "items": ("项目或其类别", "its item, or the class of it,"),
    "values": ("该规则所需的值", "a value that the rule needs"),
}
"""Columns of `unknown` that are none of a table."""
UNITS = {"lines": ("明细", "lines"), "visits": ("就诊", "visits"), "units": ("机构、科室或医师，不是明细", "institutions, departments or doctors, not at rows")}  # fmt: skip
OTHER = {"more_than": "at_most", "at_most": "more_than", "at_least": "less_than", "less_than": "at_least"}


@dataclass(frozen=True)
class Became:
    """What became of a finding that a row stands in."""

    jr_id: str
    became: str
    paid_amt: int


@dataclass(frozen=True)
class Why:
    """The first condition that failed. `code` is a key of TEXTS; `reason` why the rule did not run, in Chinese and English; measure and limit are held figures, counted in `group` from begin until before end (microseconds), money of findings fen."""

    rule_id: str
    row: str
    code: str
    column: str | None = None
    value: str | None = None
    wanted: str | None = None
    measure: int | None = None
    limit: int | None = None
    findings: tuple[Became, ...] = ()
    unit: str = ""
    group: str | None = None
    begin: int | None = None
    end: int | None = None
    reason: tuple[str, ...] = ()

    @property
    def hit(self) -> bool:
        """Whether the row offends in a finding of the rule."""
        return self.code == "hit"

    def text(self, lang: str = "zh") -> str:
        """One sentence for people."""
        english = lang == "en"
        value = self.reason[english] if self.reason else self.value
        if self.code == "unit" and self.value in UNITS:
            value = UNITS[self.value][english]
        figures = {
            name: "" if held is None else amount_text(held, self.unit, lang)
            for name, held in (("measure", self.measure), ("limit", self.limit))
        }
        column = UNSAID[self.column][english] if self.code == "unknown" and self.column in UNSAID else self.column
        window = window_text(self.group, self.begin, self.end, lang)
        window = window and f"{'; ' if english else '；'}{window}"
        out = TEXTS[self.code][english].format(column=column, value=value, wanted=self.wanted, window=window, **figures)
        if self.code == "involved":
            return out + (": " if english else "：") + ", ".join(found.jr_id for found in self.findings)
        comma = ", " if english else "，"
        ends = [
            f"{found.jr_id}{comma}{BECAME[found.became][english]}" + _paid(found, english) for found in self.findings
        ]
        return out + ((": " if english else "：") + ("; " if english else "；").join(ends) if ends else "")


def _paid(found: Became, english: bool) -> str:
    if found.became != "paid":
        return ""
    money = amount_text(found.paid_amt, "money", "en" if english else "zh")
    return f" ({money})" if english else f"（{money}）"


def looks_at(rule: Rule) -> str:
    """What a rule judges: lines, visits, both, or units."""
    check, kernel = rule.check, rule.kernel
    if kernel == "K13":
        return "units"
    if rule.function is not None:
        return rule.function.on
    if kernel == "K15":
        return str(check.on)
    if kernel == "K09":
        return {"line_in_stay": "lines", "around_operation": "lines", "after_death": "both"}.get(rule.form, "visits")
    of_visits = {
        "K01": getattr(check, "key", "") not in ("item", "doctor"), "K02": getattr(check, "key", "") == "operation",
        "K05": kernel == "K05" and check.trigger.kind != "item", "K07": getattr(check, "measure", "") in OF_VISITS, "K08": True,
    }  # fmt: skip
    return "visits" if of_visits.get(kernel, False) else "lines"


def why_not(report: CheckReport, line: Any, rule_id: str) -> Why:
    """The first condition that failed for a line (its input row, (setl_id, feedetl_sn), or `setl_id/feedetl_sn`) or a visit (its setl_id)."""
    assert report.book is not None
    return _Asked(report, rule_of(report.book, rule_id), line).answer()


class _Asked:
    """One question: a rule and a row of lines (`line`) or of visits."""

    def __init__(self, report: CheckReport, rule: Rule, line: Any) -> None:
        self.report, self.rule, self.work = report, rule, report.work
        self.batch = self.work.batch
        self.name, self.visit, self.line, self.lost = self._place(line)
        self.asked = self.line  # the line that was asked for, also where its visit is judged

    # ------------------------------------------------------------------ which row

    def _place(self, line: Any) -> tuple[str, int, int, tuple[str, str] | None]:
        """(name, row of the visit, row of the line or -1, what is not there)."""
        frame = self.batch.frame("lines")
        if isinstance(line, (int, np.integer)) and not isinstance(line, bool):
            rows = 0 if frame is None else frame.rows
            if not 0 <= line < rows:
                what, zh = f"there are {rows:,} input lines, no row {line}", f"明细共 {rows:,} 行，没有第 {line} 行"
                raise InputError([Problem(what=what, what_zh=zh, path="line")])
            return str(line), int(self.batch.line_visit[line]), int(line), None
        setl_id, number = line if isinstance(line, tuple) else (line, None)
        visit = self._visit(setl_id)
        if visit < 0 and number is None and "/" in str(setl_id):
            setl_id, _, number = str(setl_id).rpartition("/")
            visit = self._visit(setl_id)
        name = str(setl_id) if number is None else f"{setl_id}/{number}"
        if visit < 0:
            return name, -1, -1, ("setl_id", str(setl_id))
        if number is None:
            return name, visit, -1, None
        mine = np.flatnonzero(self.batch.line_visit == visit)
        own = [None] * len(mine) if frame is None or "feedetl_sn" not in frame.ids else flat(frame.ids["feedetl_sn"]).take(pa.array(mine)).to_pylist()  # fmt: skip
        for at, text in zip(mine.tolist(), own):
            place = f"#{self.work.place_in_visit[at]}"
            if str(number) == (place if text is None else str(text)):
                return name, visit, at, None
        return name, visit, -1, ("feedetl_sn", str(number))

    def _visit(self, setl_id: Any) -> int:
        ids = self.batch.setl_ids
        if pa.types.is_integer(ids.type):
            if not str(setl_id).isdecimal():
                return -1
            wanted = pa.chunked_array([pa.array([int(setl_id)], ids.type)])
        else:
            wanted = pa.chunked_array([pa.array([str(setl_id)], pa.large_string())])
        return int(self.batch.row_of_setl[lookup(wanted, ids)][0])

    # ------------------------------------------------------------------ the answer

    def told(self, code: str, **more: Any) -> Why:
        return Why(self.rule.id, self.name, code, **more)

    def answer(self) -> Why:
        """In the order of docs/checks.md."""
        status, reason = rule_status(self.work.batch, self.rule, self.report.stage)
        if status != "run":
            told = tuple(reason_text(self.rule, status, str(reason), lang) for lang in ("zh", "en"))
            return self.told(status, value=reason, reason=told)
        if self.visit < 0 or (self.lost is not None and self.batch.stands[self.visit]):
            assert self.lost is not None
            return self.told("absent", column=self.lost[0], value=self.lost[1])
        if not self.batch.stands[self.visit]:
            return self.told("reversed")
        self.kind = looks_at(self.rule)
        own = self._findings(OFFENDING)
        if own:
            return self.told("hit", findings=own)
        if self.line >= 0 and self.rule.kernel != "K15" and self.line not in self._left():
            return self.told("netted")
        if self.kind == "units" or (self.kind == "lines" and self.line < 0):
            return self.told("unit", value=self.kind)
        if self.kind == "visits":
            self.line = -1
        return next((found for found in self._conditions() if found is not None), self.told("kernel"))

    def _left(self) -> set[int]:
        rows = np.flatnonzero(self.batch.line_visit[self.work.rows] == self.visit)
        return set(self.work.rows[rows].tolist())

    def _conditions(self) -> Iterator[Why | None]:
        yield self._in_force()
        yield self._scope()
        yield self._items()
        if self.rule.kernel == "K06" and self._denied()[self.line]:
            yield self.told("denied")
        yield self._hit_and_gone()
        involved = self._findings(2)
        if involved:
            yield self.told("involved", findings=involved)
        yield self._attribute()
        yield self._unknown()
        yield self._compared()

    def _findings(self, part: int) -> tuple[Became, ...]:
        """Findings in which the line, or a visit that the rule judges, stands as `part`."""
        judged, out = self.report.judged, []
        moves = judged.moves()
        for i, hits in enumerate(judged.hits):
            if hits.rule.id != self.rule.id:
                continue
            mine = self._is_mine(hits.row, hits.is_line) & (hits.part == part)
            own = self._is_own(hits.row, hits.is_line)
            for finding in np.unique(hits.finding[mine]).tolist():
                at = int(np.flatnonzero((judged.rule == i) & (judged.at == finding))[0])
                paid = int(judged.paid[i][own & (hits.finding == finding)].sum())
                out.append(Became(hits.jr_id[finding].decode(), self._became(at, paid, bool(moves[at])), paid))
        return tuple(sorted(out, key=lambda found: found.jr_id))

    def _is_own(self, row: Any, is_line: Any) -> Any:
        """Details whose money is the row's: of the line, or of the visit and its lines."""
        if self.asked >= 0:
            return is_line & (row == self.asked)
        visit = row.copy()
        visit[is_line] = self.batch.line_visit[row[is_line]]
        return visit == self.visit

    def _is_mine(self, row: Any, is_line: Any) -> Any:
        line = is_line & (row == self.line) if self.line >= 0 else np.zeros(len(row), bool)
        return line | (~is_line & (row == self.visit)) if self.line < 0 or self.kind == "visits" else line

    def _became(self, at: int, paid: int, moves: bool) -> str:
        judged = self.report.judged
        if judged.suppressed[at]:
            return "suppressed"
        if judged.subsumed[at]:
            return "subsumed"
        if self.rule.shadow:
            return "shadow"
        if not moves or judged.disposition[at] > DISPOSITIONS.index("deny"):
            return "told"
        bare = self.rule.amount == "visit_total" and not self.report.work.has_line[self.visit]
        return "paid" if paid > 0 else "unsplit" if bare else "unpaid"

    # ------------------------------------------------------------------ conditions

    @property
    def day(self) -> int:
        """The day that the rule looks at."""
        return int(self.batch.line_day[self.line] if self.line >= 0 else self.batch.begin_day[self.visit])

    def _in_force(self) -> Why | None:
        rule, known_at = self.rule, self.work.known_at
        if not rule.begin <= self.day < rule.end:
            return self.told("day")
        if rule.table is not None:
            return None
        return self.told("known") if known_at is not None and rule.known > known_at else None

    def _scope(self) -> Why | None:
        """The first condition that fails, else the first that is unknown."""
        scope, kinds = self.work.scope_of(self.rule), self.rule.visit_kinds
        parts = [(name, Scope({name: codes}, (), ()), "|".join(codes)) for name, codes in scope.tests.items()]
        parts += [("diagnosis", Scope({}, (name,), ()), name) for name in scope.diagnoses]
        parts += [("not", Scope({}, (), (part,)), f"not({part.text()})") for part in scope.negated]
        answers = [(name, wanted, self._truth(part, kinds)) for name, part, wanted in parts]
        for name, wanted, truth in answers:
            if truth == NO:
                return self.told("scope", column=name, value=self._value(name), wanted=wanted)
        for name, _, truth in answers:
            if truth == UNKNOWN:
                return self.told("unknown", column=name)
        return None

    def _truth(self, scope: Any, kinds: Any) -> int:
        if self.line >= 0:
            return int(self.work.scopes.of_lines(scope, kinds, np.array([self.line]))[0])
        return int(self.work.scopes.truth(scope, kinds)[self.visit])

    def _value(self, name: str) -> str | None:
        """What an attribute is; several kinds of visit, or diagnoses, with | between."""
        if name == "not":
            return None
        if name == "diagnosis":
            visit, code, ids = self.work.diagnoses
            return "|".join(sorted(set(ids.take(pa.array(code[visit == self.visit])).to_pylist()), key=str.encode))
        codes, texts = _text_of(self.work, "med_type" if name == "visit_kind" else name, *self._rows())
        text = texts[int(codes[0])]
        return "|".join(kinds_of(text, self.rule.visit_kinds)) if name == "visit_kind" and text else text or None

    def _rows(self) -> tuple[Any, str]:
        return (np.array([self.line]), "lines") if self.line >= 0 else (np.array([self.visit]), "visits")

    def _items(self) -> Why | None:
        rule, check = self.rule, self.rule.check
        coded = check.key if rule.kernel in ("K01", "K02") else check.trigger.kind if rule.kernel == "K05" else "item"
        if coded in ("diagnosis", "operation"):
            rows = CodedRows(self.work, coded)
            inside = self.work.in_list(check.trigger.list, rows.ids, coded) if rule.kernel == "K05" else None
            return (
                None
                if self.visit in select_coded(self.work, rule, rows, inside)[1].rows
                else self.told("items", value=coded)
            )
        if rule.items.all:
            return None
        if coded != "item":
            return self._key(coded)
        if self.line >= 0:
            truth = self.work.among(rule, _only(np.array([self.line])))[1]
            if truth is None:
                return None
            return self._outside(int(truth[0]), self.batch.item_ids[int(self.batch.item[self.line])].as_py())
        mine = self.work.rows[self.batch.line_visit[self.work.rows] == self.visit]
        truths = self.work.among(rule, _only(mine))[1]
        if truths is None or (truths == YES).any():
            return None
        return self.told("unknown", column="items") if (truths == UNKNOWN).any() else self.told("items", value="lines")

    def _key(self, key: str) -> Why | None:
        """Doctors of lines, institutions, persons and cards of visits."""
        batch, at = self.batch, np.array([self.visit])
        codes, ids = {
            "doctor": (batch.doctor[[self.line]], batch.doctor_ids), "institution": (batch.hospital[at], batch.hospital_ids), "person": (batch.psn[at], batch.psn_ids),
            "card": (self.work.cards[0][at], self.work.cards[1]),
        }[key]  # fmt: skip
        day = np.array([self.day], np.int32)
        truth = int(key_among(self.work, self.rule, codes, ids, key, at, day)[1][0])
        return self._outside(truth, None if codes[0] < 0 else ids[int(codes[0])].as_py())

    def _outside(self, truth: int, code: Any) -> Why | None:
        """A code that is not among the items: not in the table at all, or in no row that holds."""
        if truth == YES:
            return None
        if truth == UNKNOWN:
            return self.told("unknown", column="items")
        table = self.rule.table
        text = str(code)
        if table is None or {"main", "included"} <= set(table.columns):
            return self.told("items", value=text)
        mine = np.array([cell == text for cell in table.columns[table.key[0]]], bool)
        if not mine.any():
            return self.told("items", value=text)
        then = mine & (table.begin <= self.day) & (self.day < table.end)
        known = then & table.known_then(self.work.known_at)
        word = "table_day" if not then.any() else "table_known" if not known.any() else "table_place"
        return self.told(word, column=table.name, value=text)

    def _denied(self) -> Any:
        assert self.report.book is not None
        return denied_before(self.work, self.report.book, self.rule, self.report.stage, self.report.suppressions)

    # ------------------------------------------------------------------ the kernel, asked again

    def _again(self, rule: Rule, one: bool = False) -> tuple[Work, Any]:
        """(rows chosen, what the kernel gives) for the rows of the same person, or the row alone; all where others may stand in a group."""
        batch = self.batch
        wide = rule.kernel in ("K14", "K15") or getattr(rule.check, "subject", "") in ("doctor", "institution")
        visits = np.zeros(batch.visits.rows, bool)
        if one:
            visits[self.visit] = self.line < 0
            lines = np.zeros(len(batch.line_visit), bool)
            lines[[self.line] if self.line >= 0 else []] = True
        else:
            visits[batch.psn == batch.psn[self.visit]] = True
            lines = visits[batch.line_visit]
        work = Picked(self.work) if wide and not one else Picked(self.work, lines, visits)
        return work, raw_of(work, rule, self._denied())

    def _offends(self, rule: Rule, before: bool) -> tuple[Hits, list[int]]:
        """What the kernel finds when it is asked again, and those in which the row offends, those of it alone first."""
        work, raw = self._again(rule)
        hits = hits_of(work, rule, raw, before)
        mine = self._is_mine(hits.row, hits.is_line) & hits.own & (hits.part == OFFENDING)
        return hits, sorted(
            set(hits.finding[mine].tolist()),
            key=lambda f: ("" if hits.what is None else hits.what[f], int(hits.begin[f])),
        )

    def _hit_and_gone(self) -> Why | None:
        """A finding that there was, and that is not reported."""
        gone = self.report.judged.excluded.get(self.rule.id, 0) > 0
        early = self.report.stage != "after" and bool(self.batch.history.any())
        if not gone and not early:
            return None
        if gone and self._offends(self.rule, early)[1]:
            return self.told("excluded")
        return self.told("history") if early and self._offends(self.rule, False)[1] else None

    def _attribute(self) -> Why | None:
        """K01: what the attribute is, and what it should not be."""
        check = self.rule.check
        if self.rule.kernel != "K01" or check.attribute == "listed" or check.key in ("diagnosis", "operation"):
            return None
        if check.attribute == "age":
            return self.told("unknown", column="brdy") if self.work.birth[self.visit] == NULL_DAY else None
        value = self._value(check.attribute)
        if value is None:
            return self.told("unknown", column=check.attribute)
        test = check.allowed if check.allowed is not None else check.barred
        wanted = "|".join(
            self._mapped(test) if isinstance(test, ColumnMap) else test.codes if isinstance(test, Codes) else ()
        )
        return self.told(
            "attribute",
            column=check.attribute,
            value=value,
            wanted=wanted if check.barred is None else f"not({wanted})",
        )

    def _mapped(self, test: ColumnMap) -> tuple[str, ...]:
        """The codes that the map says for the text of the row that holds; of keys other than items the column."""
        table = self.rule.table
        if self.rule.check.key != "item" or table is None:
            return (f"column {test.column}",)
        entry, _ = self.work.among(self.rule, _only(np.array([self.line])))
        codes: Any = test.map.get(table.columns[test.column][int(entry[0])] if entry is not None else "", ())
        return tuple(codes)

    def _unknown(self) -> Why | None:
        """The row alone, in scope and among the items: what the kernel cannot know of it."""
        rule = self.rule
        if rule.kernel in ("K01", "K13", "K14") or self.kind == "both" or rule.form == "idle":
            return None
        if rule.kernel in ("K02", "K05") and self.kind == "visits":
            return None
        _, raw = self._again(rule, one=True)
        return self.told("unknown", column="values") if raw.unknown + int(raw.found["unknown"]) > 0 else None

    def _compared(self) -> Why | None:
        """What the kernel counts where the comparator is turned round: exactly the rows that it did not hit."""
        rule = self.rule
        if rule.kernel == "K03":
            return self._price()
        turned = _turned(rule)
        if turned is None:
            return None
        hits, found = self._offends(replace(rule, check=turned), False)
        if not found:
            return None
        at = found[0]
        counted = hits.counted or counted_in(self.work, hits)
        begin, end = (None if own[at] == NULL_INT else int(own[at]) for own in (counted.begin, counted.end))
        return self.told(
            "compared", measure=int(hits.measure[at]), limit=int(hits.limit[at]), unit=unit_of(rule, int(hits.entry[at])),
            group=counted.kinds[counted.kind[at]], begin=begin, end=end,
        )  # fmt: skip

    def _price(self) -> Why | None:
        entry, _ = self.work.among(self.rule, _only(np.array([self.line])))
        price = int(self.work.column("pric")[self.line])
        ceiling = NULL_INT if entry is None else int(self.rule.numbers["ceiling"][int(entry[0])])
        if NULL_INT in (price, ceiling):
            return None
        return self.told("compared", measure=price, limit=ceiling, unit="price")


def _text_of(work: Work, name: str, rows: Any, on: str) -> Any:
    return line_text(work, name, _only(rows), on)


def _only(rows: Any) -> Chosen:
    return Chosen(rows, None, 0, 0)


def _turned(rule: Rule) -> Any:
    """The check that hits what the rule does not, with the same arithmetic; None where there is none."""
    check = rule.check
    if rule.kernel == "K01" and check.attribute == "age" and check.key not in ("diagnosis", "operation"):
        return check.model_copy(update={"barred": _turned_age(check.barred)})
    plain = rule.kernel in ("K06", "K07", "K08") or (rule.kernel, rule.form) in (("K10", "daily_dose"), ("K12", "distinct"), ("K15", "delay"))  # fmt: skip
    return check.model_copy(update={"comparator": OTHER[check.comparator]}) if plain else None


def _turned_age(test: Any) -> Any:
    if isinstance(test, ColumnMap):
        return test.model_copy(update={"map": {key: _turned_age(cell) for key, cell in test.map.items()}})
    assert isinstance(test, AgeTest)
    return test.model_copy(update={"comparator": OTHER[test.comparator]})
