"""The statement of one hospital: what it is due by method, its months, its cases by kind, its indicators; as a page and as a workbook."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..clearing.outputs import CLEARING_OUTPUTS, KIND_WORDS, OUTCOME_WORDS, PAYS_WORDS
from ..clearing.result import Cleared
from ..messages import INSUTYPES, name_of, say, speaking
from .html import write_html
from .sheets import Sheet, book_at

__all__ = ["Statement", "write_statement_book", "write_statement_page"]

LISTED = 20
"""Cases that the page lists on each side, won and lost."""
_MONTH = ("psntime", "medfee_sumamt", "fund_appy_sum", "bydise_setl_payamt", "advance")
_YEAR = (
    "psntime",
    "fund_appy_sum",
    "target",
    "due",
    "advanced",
    "deposit",
    "released",
    "held",
    "final",
    "paid",
    "difference",
)
_RATIOS = {
    "mean_fee": (("例均费用（元）", "mean fee (yuan)"), 100),
    "mean_days": (("平均住院日", "mean days"), 10_000),
    "cmi": (("病例组合指数", "case-mix index"), 1_000_000),
    "cost_index": (("费用消耗指数", "cost-efficiency index"), 1_000_000),
    "time_index": (("时间消耗指数", "time-efficiency index"), 1_000_000),
    "low_share": (("低倍率占比", "share of low cases"), 1_000_000),
    "high_share": (("高倍率占比", "share of high cases"), 1_000_000),
    "extreme_share": (("极高占比", "share of extreme cases"), 1_000_000),
    "readmissions": (("重复住院", "readmissions"), 1),
    "split_stays": (("分解住院", "split stays"), 1),
}


class Statement:
    """What the tables of a clearing say of one institution. Raises KeyError for one that is not there."""

    def __init__(self, done: Cleared, institution: str) -> None:
        mine = [row for row in done.years.to_pylist() if str(row["fixmedins_code"]) == institution]
        if not mine:
            raise KeyError(institution)
        self.institution, self.years = institution, mine
        self.months = [row for row in done.months.to_pylist() if str(row["fixmedins_code"]) == institution]
        self.methods = {(d.id, m.id): m for d in done.book for m in d.model.methods}
        code = done.given.cases.ids["fixmedins_code"]
        self.cases: pa.Table = done.cases.filter(pc.equal(code.cast(pa.string()), institution))
        self.name = self._name(done)
        self.indicators = next(
            (row for row in done.indicators().to_pylist() if str(row["fixmedins_code"]) == institution), None
        )

    def _name(self, done: Cleared) -> str:
        places = done.given.frames["institutions"]
        held = places.code("fixmedins_name") if places.rows else None
        if held is None:
            return ""
        rows = pc.equal(places.ids["fixmedins_code"].cast(pa.string()), self.institution).to_pylist()
        return next((held[1][held[0][at]] for at, own in enumerate(rows) if own and held[0][at] >= 0), "")

    @property
    def title(self) -> str:
        """Its name and code."""
        return f"{self.name} {self.institution}".strip()

    def total(self, name: str) -> int:
        """Sum of a column of its years."""
        return sum(row[name] for row in self.years)

    def method(self, row: dict[str, Any]) -> str:
        """A method in words."""
        return f"{row['method']} · {say(*PAYS_WORDS[self.methods[row['document'], row['method']].pays])}"

    def kinds(self) -> list[dict[str, Any]]:
        """Cases, payment and difference by kind."""
        grouped = self.cases.group_by(["outcome", "kind"]).aggregate(
            [("setl_id", "count"), ("payment", "sum"), ("itemised", "sum"), ("difference", "sum")]
        )
        rows = [
            {
                "kind": say(*KIND_WORDS[row["kind"]]) if row["kind"] else say(*OUTCOME_WORDS[row["outcome"]]),
                "outcome": say(*OUTCOME_WORDS[row["outcome"]]),
                "cases": row["setl_id_count"],
                "payment": row["payment_sum"],
                "itemised": row["itemised_sum"],
                "difference": row["difference_sum"],
                "order": (row["outcome"], list(KIND_WORDS).index(row["kind"]) if row["kind"] else -1),
            }
            for row in grouped.to_pylist()
        ]
        return sorted(rows, key=lambda row: row["order"])

    def far(self, most: bool) -> list[dict[str, Any]]:
        """Cases that won most, or lost most; ids decide between equals."""
        known = self.cases.filter(
            pc.greater(self.cases["difference"], 0) if most else pc.less(self.cases["difference"], 0)
        )
        order = "descending" if most else "ascending"
        held = known.sort_by([("difference", order), ("setl_id", "ascending")]).slice(0, LISTED)
        return [{**row, "kind": say(*KIND_WORDS[row["kind"]])} for row in held.to_pylist()]

    def ratios(self) -> list[tuple[str, str]]:
        """Indicators as people read them."""
        if self.indicators is None:
            return []
        out = []
        for name, (words, by) in _RATIOS.items():
            value = self.indicators[name]
            text = (
                "—"
                if value is None
                else f"{value:,}"
                if by == 1
                else f"{value / by:.2%}"
                if name.endswith("share")
                else f"{value / by:,.2f}"
            )
            out.append((say(*words), text))
        return out


def _head(table: str, name: str) -> str:
    column = CLEARING_OUTPUTS[table].find(name)
    assert column is not None
    return say(column.zh, column.en)


def write_statement_page(statement: Statement, path: str | os.PathLike[str], lang: str | None = None) -> None:
    """The statement as one HTML page in `zh` or `en` (None: the language in use)."""
    with speaking(lang):
        content = {
            "statement": statement,
            "title": say(f"清算单：{statement.title}", f"Statement: {statement.title}"),
            "head": _head,
            "years": _YEAR,
            "months": _MONTH,
            "insutype": lambda code: name_of(INSUTYPES, code, 3),
        }
        write_html("statement.html", content, path)


def write_statement_book(statement: Statement, path: str | os.PathLike[str], lang: str | None = None) -> None:
    """The statement as a workbook: years, months, cases; sums in the last rows."""
    with speaking(lang), book_at(path, say("清算单", "Statement")) as book:
        pairs: list[tuple[str, str, Any]] = [
            (_head("years", name), "money", statement.total(name)) for name in _YEAR[1:]
        ]
        pairs += [(label, "text", text) for label, text in statement.ratios()]
        book.pairs(say("总览", "Overview"), statement.title, pairs)
        keys = ("insutype", "clr_type", "clr_way")
        for table, rows, names in (
            ("years", statement.years, ("year", *_YEAR)),
            ("months", statement.months, ("setlym", *_MONTH)),
        ):
            columns = [(say("支付方法", "method"), "text", 22), *((_head(table, name), "text", 12) for name in keys)]
            columns += [
                (
                    _head(table, name),
                    "text" if name in ("year", "setlym") else "count" if name == "psntime" else "money",
                    16,
                )
                for name in names
            ]
            cells = [
                (
                    statement.method(row),
                    *(row[key] for key in keys),
                    *(str(row[name]) if name in ("year", "setlym") else row[name] for name in names),
                )
                for row in rows
            ]
            sums = (
                say("合计", "total"),
                None,
                None,
                None,
                None,
                *(sum(row[name] for row in rows) for name in names[1:]),
            )
            book.sheet(
                Sheet(
                    say(*{"years": ("年度", "Years"), "months": ("月度", "Months")}[table]),
                    columns,
                    cells,
                    len(cells),
                    sums,
                )
            )
        book.sheet(_case_sheet(statement))


def _case_sheet(statement: Statement) -> Sheet:
    names = (
        "setl_id",
        "method",
        "group_code",
        "outcome",
        "kind",
        "multiple",
        "points",
        "standard",
        "payment",
        "itemised",
        "difference",
    )
    kinds = {
        "multiple": "quantity",
        "points": "quantity",
        "standard": "money",
        "payment": "money",
        "itemised": "money",
        "difference": "money",
    }
    words = {"outcome": OUTCOME_WORDS, "kind": KIND_WORDS}

    def rows() -> Iterable[tuple[Any, ...]]:
        for row in statement.cases.to_pylist():
            row["multiple"] = None if row["multiple"] is None else row["multiple"] // 100
            yield tuple(say(*words[name][row[name]]) if name in words and row[name] else row[name] for name in names)

    columns = [(_head("cases", name), kinds.get(name, "text"), 16) for name in names]
    return Sheet(say("病例", "Cases"), columns, rows(), statement.cases.num_rows)
