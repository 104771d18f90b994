"""A study as people read it: what its policies, reforms and measures are called, its head figures, and its tables in words."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa

from ..messages import PAYERS as PAYER_WORDS
from ..messages import current, name_of, say, yuan_text
from ..policy.inventory import scalar_text
from ..policy.paths import parse_path
from ..policy.vocabulary import PAYERS
from ..simulate.comparison import BASE
from ..simulate.places import spoken
from ..simulate.study import PACKAGE
from ..simulate.studymodel import ExactNode
from ..simulate.studyrun import OVERVIEW, StudyRun
from .shown import Shown
from .studied_clear import clear_cards, clear_shown, clear_title
from .studied_words import category, column
from .summary import percent

__all__ = ["Studied", "heading", "yuan_of"]

_RATIOS = {
    ("fund_pay_sumamt", "inscp_scp_amt"): ("政策范围内报销比例", "rate inside the scope"),
    ("fund_pay_sumamt", "medfee_sumamt"): ("实际报销比例", "effective rate of the whole bill"),
    ("psn_cash_pay", "medfee_sumamt"): ("个人现金占总费用", "cash, of the whole bill"),
}
_PARTS = (*PAYERS, "acct_pay", "acct_mulaid_pay")
_WORDS = {
    "rising": ("递增", "rising"),
    "falling": ("递减", "falling"),
    "flat": ("不变", "flat"),
    "no": ("不单调", "not monotone"),
}
_UNITS = {"fen": ("金额", "money"), "ppm": ("比例", "rate"), "text": ("文本", "text"), "": ("", "")}

_EXACT = ("exact", "goal", "without", "at_low", "at_high")
_INNER = ("change", "before_value", "after_value")  # what other columns say as it is written


def yuan_of(fen: Fraction | float) -> int:
    """Whole fen nearest to an amount, halves away from zero: weighted sums are doubles."""
    held = Fraction(fen)
    size = (2 * abs(held.numerator) + held.denominator) // (2 * held.denominator)
    return size if held >= 0 else -size


class Studied:
    """What a page, a workbook and a terminal say of a study, in the language in use."""

    def __init__(self, run: StudyRun) -> None:
        self.run, self.model = run, run.study.model
        self.two = [BASE, PACKAGE] if run.package is not None else [BASE]

    # ------------------------------------------------------------------ names

    def said(self, name: Any, otherwise: str) -> str:
        """A bilingual name of the document, or something else where it has none."""
        return otherwise if name is None else str(getattr(name, current()))

    @property
    def title(self) -> str:
        """Of the study."""
        return self.said(self.model.name, self.run.study.id)

    def policy(self, name: str) -> str:
        """Of a policy that is compared."""
        if name == BASE:
            return say("现行政策", "present policy")
        if name == PACKAGE:
            return say("改革方案", "the package")
        found = next((row for row in self.model.alternatives if row.id == name), None)
        return name if found is None else self.said(found.name, name)

    def reform(self, name: str) -> str:
        """Of a reform."""
        reforms = (*self.run.study.reforms, *(held.reform for held in self.run.study.clearing))
        found = next((held for held in reforms if held.id == name), None)
        if found is None:
            return {"before": self.policy(BASE), "after": self.policy(PACKAGE)}.get(name, name)
        return found.name[0 if current() == "zh" else 1] or name

    def measure(self, node: ExactNode) -> str:
        """Of an exact measure."""
        if node.name is not None:
            return self.said(node.name, "")
        where = say("，", ", ").join(category(name, word) for name, words in node.where.items() for word in words)
        if node.ratio is not None:
            told = _RATIOS.get(node.ratio)
            text = say(*told) if told else " ÷ ".join(column(name)[0].split("（")[0].split(" (")[0] for name in node.ratio)  # fmt: skip
        elif node.reserve is not None:
            year = f" {node.year}" if node.year is not None else ""
            text = say(f"基金可支付月数{year}", f"months of reserve{year}")
        else:
            held = node.total or node.mean or ""
            name = name_of(PAYER_WORDS, held) if held in PAYER_WORDS else column(held)[0]
            text = name if node.total else say(f"人均{name}", f"mean {name}")
        return f"{text}（{where}）" if where and current() == "zh" else f"{text} ({where})" if where else text

    def scenario(self, name: str) -> str:
        """Of a scenario of the fund."""
        if self.run.fund is not None:
            for held in self.run.fund.model.scenarios:
                if held.id == name:
                    return self.said(held.name, name)
        return say("基准情景", "as it stands") if name == BASE else name

    def value(self, node: ExactNode, held: Fraction | None) -> str:
        """A value of an exact measure in words."""
        if held is None:
            return "—"
        if node.money:
            return say(f"{yuan_text(yuan_of(held))} 元", f"{yuan_text(yuan_of(held))} yuan")
        if node.reserve is not None:
            return say(f"{float(held):.1f} 个月", f"{float(held):.1f} months")
        return f"{float(held):.2%}"

    @property
    def unit(self) -> tuple[str, str]:
        """What measures of people count: people, or households; (one of them, many) in words."""
        people = self.run.given.people
        if people is not None and people.named["household"] is not None:
            return say("户", "household"), say("户", "households")
        return say("人", "person"), say("人", "people")

    # ------------------------------------------------------------------ head

    def cards(self) -> list[dict[str, Any]]:
        """Head figures: title, the value under the package, the change, what it was, and whether the change is good for people."""
        rows = {row["policy"]: row for row in self.run.tables[OVERVIEW].to_pylist()}
        base, now = rows[BASE], rows[self.two[-1]]
        out = [
            self._money(say("基金支付（元）", "Funds pay (yuan)"), base, now, "fund_pay_sumamt", 0),
            self._money(say("个人现金支付（元）", "People pay in cash (yuan)"), base, now, "psn_cash_pay", -1),
            self._rate(say("政策范围内报销比例", "Rate inside the scope"), base, now, "fund_pay_sumamt", "inscp_scp_amt"),
            self._rate(say("实际报销比例", "Effective rate of the whole bill"), base, now, "fund_pay_sumamt", "medfee_sumamt"),
        ]  # fmt: skip
        return [*out, *self._people_cards(), *self._fund_cards(), *clear_cards(self)]

    @staticmethod
    def _card(title: str, value: str, change: str, was: str, good: int) -> dict[str, Any]:
        return {"title": title, "value": value, "change": change, "was": was, "good": good}

    def _money(self, title: str, base: Any, now: Any, name: str, good: int) -> dict[str, Any]:
        step = now[name] - base[name]
        change = f"{_signed(yuan_text(step))} ({_signed(percent(step, base[name]))})" if step else ""
        return self._card(title, yuan_text(now[name]), change, yuan_text(base[name]), good * ((step > 0) - (step < 0)))

    def _rate(self, title: str, base: Any, now: Any, top: str, bottom: str) -> dict[str, Any]:
        before, after = (percent(row[top], row[bottom]) for row in (base, now))
        change = _points(now, base, top, bottom)
        return self._card(title, after, change, before, 0 if not change else -1 if change.startswith("-") else 1)

    def _people_cards(self) -> Iterator[dict[str, Any]]:
        """Winners and catastrophic payments, where they were asked for."""
        for row in self.model.measures:
            table = self.run.tables[row.name_of_table]
            if row.kind == "winners" and PACKAGE in self.two:
                sums = {name: sum(r[name] for r in table.to_pylist() if r["policy"] == PACKAGE) for name in ("less", "same", "more")}  # fmt: skip
                whole = sum(sums.values())
                less, more = (sums[name] / whole if whole else 0.0 for name in ("less", "more"))
                rest = say(f"加重 {more:.2%}", f"more: {more:.2%}")
                yield self._card(
                    say(
                        "负担减轻的家庭" if self.unit[0] == "户" else "负担减轻的人",
                        f"{heading(self.unit[1])} that pay less",
                    ),
                    f"{less:.2%}",
                    "",
                    rest,
                    0,
                )
                break
        for row in self.model.measures:
            if row.kind == "catastrophic" and not row.by:
                rates = {r["policy"]: r["H"] for r in self.run.tables[row.name_of_table].to_pylist()}
                before, after = rates[BASE], rates[self.two[-1]]
                step = after - before
                change = say(f"{step * 100:+.2f} 个百分点", f"{step * 100:+.2f} points") if step else ""
                title = say(f"灾难性支出发生率（>{float(row.share):.0%}）", f"Catastrophic payments (>{float(row.share):.0%})")  # fmt: skip
                yield self._card(title, f"{after:.2%}", change, f"{before:.2%}", (step < 0) - (step > 0))
                break

    def _fund_cards(self) -> Iterator[dict[str, Any]]:
        """Months of reserve at the end, for each scheme."""
        if "fund" not in self.run.tables:
            return
        rows = self.run.tables["fund"].to_pylist()
        scenario, last = rows[0]["scenario"], rows[-1]["year"]
        for scheme in dict.fromkeys(row["scheme"] for row in rows):
            mine = {r["policy"]: r["reserve_months"] for r in rows if r["year"] == last and r["scenario"] == scenario and r["scheme"] == scheme}  # fmt: skip
            before, after = mine[BASE], mine[self.two[-1]]
            if before is None or after is None:
                continue
            title = say(f"{last} 年末可支付月数", f"Months of reserve, end of {last}")
            change = say(f"{after - before:+.1f} 个月", f"{after - before:+.1f} months")
            yield self._card(title, f"{after:.1f}", change, f"{before:.1f}", 0)

    # ------------------------------------------------------------------ tables

    def shown(self, name: str, brief: bool = False) -> Shown:
        """A table of the run in words. `brief`, for the page: without what its charts show, and payers that pay all that funds pay."""
        if name.startswith("clearing"):
            return clear_shown(self, name, brief)
        table = self.run.tables[name]
        titles = [self._column(field, table) for field in table.column_names]
        kinds = [kind for _, kind in titles]
        keys = table.column_names
        told = [self._in_yuan(row) for row in table.to_pylist()]
        rows = [tuple(self._cell(key, kind, row[key]) for key, kind in zip(keys, kinds)) for row in told]
        same = [key for key in keys if brief and key in _PARTS and table[key].equals(table["fund_pay_sumamt"])]
        same += [key for key in keys if brief and key.startswith("above_")]
        same += [
            key for key in keys if brief and key.endswith(("_se", "_low", "_high")) and key.rpartition("_")[0] in keys
        ]
        keep = [i for i, key in enumerate(keys) if key not in _INNER and key not in same and self._says(key, i, rows)]
        return Shown(name, self.table_title(name), [titles[i] for i in keep], [tuple(row[i] for i in keep) for row in rows])  # fmt: skip

    def _in_yuan(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row of exact measures that are money, in yuan: tables hold fen."""
        nodes = {one.id: one.measure for one, _ in self.run.targets if one.id == row.get("target")}
        nodes = nodes or {node.id: node for node in self._nodes() if node.id == row.get("measure")}
        if not any(node.money for node in nodes.values()):
            return row
        for key in _EXACT:
            if row.get(key) is not None:
                fen = Fraction(row[key])
                row[key] = (yuan_text(int(fen)) if fen.denominator == 1 else str(fen / 100)) + say(" 元", " yuan")
        return row | {key: row[key] / 100 for key in ("value", "measure") if isinstance(row.get(key), float)}

    @staticmethod
    def _says(key: str, i: int, rows: list[tuple[Any, ...]]) -> bool:
        """Payers that pay nothing anywhere, and columns that are empty, are not shown."""
        return any(row[i] not in (None, "") and (key not in PAYER_WORDS or row[i] != 0) for row in rows)

    def side_by_side(self) -> tuple[list[str], list[tuple[str, list[tuple[str, str]]]]]:
        """(the policies, rows of a figure: its name, and for each policy its value and the change from the base)."""
        policies = self.run.tables[OVERVIEW].to_pylist()
        base = policies[0]
        paid = [key for key in _PARTS if any(row[key] for row in policies) and any(row[key] != row["fund_pay_sumamt"] for row in policies)]  # fmt: skip
        rows = []
        for key in ("medfee_sumamt", "inscp_scp_amt", "fund_pay_sumamt", *paid, "psn_cash_pay"):
            cells = [(yuan_text(row[key]), _signed(yuan_text(row[key] - base[key])) if row[key] != base[key] else "") for row in policies]  # fmt: skip
            rows.append((column(key)[0], cells))
        for top, bottom in _RATIOS:
            cells = [(percent(row[top], row[bottom]), _points(row, base, top, bottom)) for row in policies]
            rows.append((say(*_RATIOS[top, bottom]), cells))
        return [self.policy(row["policy"]) for row in policies], rows

    def changes(self) -> list[dict[str, Any]]:
        """What changes, under the reform that changes it; paths with ids in the place of numbers."""
        if self.run.package is None or "changes" not in self.run.tables:
            return []
        documents = {policy.id: policy.doc for policy in (*self.run.book, *self.run.package.book)}
        rows = [row | {"path": self._place(row, documents)} for row in self.run.tables["changes"].to_pylist()]  # fmt: skip
        return [
            {"name": self.reform(reform.id), "source": reform.source, "rows": [row for row in rows if row["reform"] == reform.id]}
            for reform in self.run.study.reforms
        ]  # fmt: skip

    @staticmethod
    def _place(row: dict[str, Any], documents: dict[str, Any]) -> str:
        """Where a change is: of a document with ids in the place of numbers, of the catalogue and of rules with the item or rule before it."""
        if row["policy_id"] is None:
            return f"{row['item'] or row['rule'] or ''} {row['path']}".strip()
        return spoken(documents[row["policy_id"]], parse_path(row["path"]))

    def _column(self, name: str, table: pa.Table) -> tuple[str, str]:
        for node in (
            *(node for row in self.model.sweeps for node in row.knobs),
            *(row.knob for row in self.model.targets),
        ):
            if name == (node.id or node.path):
                return self.said(node.name, name), "number"
        sample = next((value for value in table[name].to_pylist() if value is not None), None)
        if name == "measure" and isinstance(sample, float):
            return say("指标的数值", "value of the measure"), "number"
        return column(name, sample)

    def _cell(self, key: str, kind: str, value: Any) -> Any:
        """A value as its kind holds it; codes in words."""
        named = {"policy": self.policy, "on": self.policy, "reform": self.reform, "scenario": self.scenario, "measure": self._measure_of, "knob": self._knob_of, "target": self._target_of}  # fmt: skip
        if value is None:
            return None
        if key in named:
            return named[key](value)
        if key == "payments":
            return name_of(PAYER_WORDS, value)
        if key in ("monotone", "unit"):
            return say(*(_WORDS if key == "monotone" else _UNITS)[value])
        if key == "elasticity":
            return scalar_text(Fraction(value))
        if key == "sound":
            return say("是", "yes") if value else say("否", "no")
        if kind == "money":
            return yuan_of(value)
        if kind in ("text", "year"):
            return category(key, value)
        return float(value) if isinstance(value, Decimal) else value

    def _nodes(self) -> Iterator[ExactNode]:
        yield from (node for node, _ in self.run.parts)
        for row, _ in self.run.sweeps:
            yield from row.measures
        yield from (row.measure for row, _ in self.run.targets)

    def _measure_of(self, name: Any) -> Any:
        if not isinstance(name, str):
            return name
        return next((self.measure(node) for node in self._nodes() if node.id == name), name)

    def _knob_of(self, name: str) -> str:
        nodes = (row.knob for row in self.model.targets)
        return next((self.said(node.name, name) for node in nodes if (node.id or node.path) == name), name)

    def _target_of(self, name: str) -> str:
        return next((self.said(row.name, name) for row in self.model.targets if row.id == name), name)

    def table_title(self, name: str) -> str:
        """Of a table."""
        if name.startswith("clearing"):
            return clear_title(self, name)
        fixed = {
            "changes": ("改了什么", "What changes"),
            OVERVIEW: ("总览", "Overview"),
            "attribution": ("各项改革的影响", "What each reform contributes"),
            "targets": ("求解结果", "Targets"),
            "targets-looked": ("求解时看过的取值", "Values looked at for the targets"),
            "fund": ("基金逐年收支", "The fund, year by year"),
            "behaviour": ("就医行为的影响", "Where visits answer to their price"),
            "behaviour-answers": ("各类就诊的响应", "What kinds of visits answer"),
        }
        if name in fixed:
            return say(*fixed[name])
        for row in self.model.sweeps:
            if name == f"sweep-{row.id}":
                return say("扫描：", "Sweep: ") + self.said(row.name, row.id)
        measure = next(row for row in self.model.measures if row.name_of_table == name)
        kinds = {
            "spending": ("费用与支付", "Spending"),
            "burden": ("个人现金负担", "What people pay in cash"),
            "catastrophic": ("灾难性支出", "Catastrophic payments"),
            "inequality": ("公平性", "Fairness"),
            "winners": ("受益与受损", "Who gains, who loses"),
        }
        title = say(*kinds[measure.kind])
        by = say("、", ", ").join(column(key)[0] for key in getattr(measure, "by", ()))
        return self.said(measure.name, say(f"{title}：按{by}", f"{title}, by {by}") if by else title)

    def solved(self) -> list[dict[str, Any]]:
        """Targets as sentences: what is asked, the answer, and the two neighbours that prove it."""
        out = []
        for row, found in self.run.targets:
            knob, measure = self.said(row.knob.name, found.knob.name), self.measure(row.measure)
            proofs = [
                [(scalar_text(value), self.value(row.measure, at)) for value, at in ((c.low, c.at_low), (c.high, c.at_high))]
                for c in found.crossings
            ]  # fmt: skip
            out.append(
                {
                    "title": self.said(row.name, row.id),
                    "knob": knob,
                    "on": self.policy(row.on),
                    "measure": measure,
                    "goal": self.value(row.measure, found.target),
                    "of_base": row.target is None,
                    "value": scalar_text(found.value) if len(found.crossings) == 1 else None,
                    "without": self.value(row.measure, found.base),
                    "monotone": say(*_WORDS[found.monotone]),
                    "proofs": proofs,
                    "looked": len(found.looked),
                }
            )
        return out


def _points(now: Any, base: Any, top: str, bottom: str) -> str:
    """How many percentage points a ratio has moved; empty where it has not."""
    if not base[bottom] or not now[bottom]:
        return ""
    step = Fraction(now[top], now[bottom]) - Fraction(base[top], base[bottom])
    return say(f"{float(step) * 100:+.2f} 个百分点", f"{float(step) * 100:+.2f} points") if step else ""


def heading(text: str) -> str:
    """A name as it begins a line."""
    return text[:1].upper() + text[1:]


def _signed(text: str) -> str:
    return text if text.startswith("-") else f"+{text}"
