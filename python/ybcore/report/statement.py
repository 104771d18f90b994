"""The statement of one hospital: what it is due by method, its months, its cases by kind, its indicators; as a page and as a workbook."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..clearing.described import CLR_TYPES, CLR_WAYS, INDICATORS, OWN, indicator_notes
from ..clearing.outputs import CLEARING_OUTPUTS, KIND_WORDS, OUTCOME_WORDS, PAYS_WORDS
from ..clearing.result import Cleared
from ..messages import INSUTYPES, name_of, say, speaking
from .html import write_html
from .sheets import Sheet, book_at

__all__ = ["Statement", "write_statement_book", "write_statement_page"]

LISTED = 20
"""Cases that the page lists on each side, won and lost."""
_MONTH = ("psntime", "bydise_setl_payamt", "advance", "fund_appy_sum", "medfee_sumamt")
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
_SUMMED = ("points", "standard", "payment", "itemised", "difference")
_UNITS = {"mean_fee": 100, "mean_days": 10_000, "readmissions": 1, "split_stays": 1}
_RATIOS = ("mean_fee", "mean_days", "cmi", "cost_index", "time_index", "low_share", "high_share", "extreme_share", "readmissions", "split_stays")  # fmt: skip


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
        used = {(self.methods[row["document"], row["method"]].pool, row["year"]) for row in mine}
        self.pools = [row for row in done.pools.to_pylist() if (row["pool"], int(row["period"][:4])) in used]
        self.documents = [(held.id, held.sha256) for held in done.book if held.id in {row["document"] for row in mine}]
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
        for name in _RATIOS:
            value, by = self.indicators[name], _UNITS.get(name, 1_000_000)
            text = "—" if value is None else f"{value:,}" if by == 1 else f"{value / by:.2%}" if name.endswith("share") else f"{value / by:,.2f}"  # fmt: skip
            out.append((self.ratio(name), text))
        return out

    def numbers(self) -> list[tuple[str, str, Any]]:
        """Indicators as a workbook holds them: (name, kind of cell, value)."""
        if self.indicators is None:
            return []
        kinds = {"mean_fee": "money", "mean_days": "quantity", "readmissions": "count", "split_stays": "count"}
        out: list[tuple[str, str, Any]] = []
        for name in _RATIOS:
            value = self.indicators[name]
            kind = kinds.get(name, "share" if name.endswith("share") else "index")
            plain = value if value is None or name in kinds else value / 1_000_000
            out.append((self.ratio(name), kind, plain))
        return out

    @staticmethod
    def ratio(name: str) -> str:
        """What an indicator is called."""
        column = INDICATORS.find(name)
        assert column is not None
        return say(column.zh, column.en) + (say("（元）", " (yuan)") if name == "mean_fee" else "")

    def notes(self) -> list[tuple[str, str, str]]:
        """(indicator, formula, source) of each."""
        held = [(self.ratio(name), indicator_notes(name)) for name in _RATIOS]
        own = say("本软件自定", "ybcore's own choice")
        return [(name, say(told["formula_zh"], told["formula"]), told["source"].replace(OWN, own)) for name, told in held]  # fmt: skip

    def by_month(self) -> list[dict[str, Any]]:
        """Months with the sums of all methods."""
        out: dict[str, dict[str, Any]] = {}
        for row in self.months:
            mine = out.setdefault(row["setlym"], {"setlym": row["setlym"], **dict.fromkeys(_MONTH, 0)})
            for name in _MONTH:
                mine[name] += row[name]
        return [out[key] for key in sorted(out)]


def _head(table: str, name: str) -> str:
    column = CLEARING_OUTPUTS[table].find(name)
    assert column is not None
    return say(column.zh, column.en)


def _scheme(code: str) -> str:
    return name_of(INSUTYPES, code, 3)


def _category(code: str) -> str:
    return name_of(CLR_TYPES, code, 2)


def write_statement_page(statement: Statement, path: str | os.PathLike[str], lang: str | None = None) -> None:
    """The statement as one HTML page in `zh` or `en` (None: the language in use)."""
    with speaking(lang):
        content = {
            "statement": statement,
            "title": say(f"清算单：{statement.title}", f"Statement: {statement.title}"),
            "head": _head,
            "years": _YEAR,
            "months": _MONTH,
            "insutype": _scheme,
            "clr_type": _category,
        }
        write_html("statement.html", content, path)


def write_statement_book(statement: Statement, path: str | os.PathLike[str], lang: str | None = None) -> None:
    """The statement as a workbook: years, months, cases; sums in the last rows."""
    with speaking(lang), book_at(path, say("清算单", "Statement")) as book:
        pairs: list[tuple[str, str, Any]] = [
            (_head("years", name), "money", statement.total(name)) for name in _YEAR[1:]
        ]
        pairs += [(label, kind, value) for label, kind, value in statement.numbers() if value is not None]
        book.pairs(say("总览", "Overview"), statement.title, pairs)
        keys = ("insutype", "clr_type", "clr_way")
        for table, rows, names in (
            ("years", statement.years, ("year", *_YEAR)),
            ("months", statement.months, ("setlym", *_MONTH)),
        ):
            columns = [(say("支付方法", "method"), "text", 22), *((_head(table, name), "text", 14) for name in keys)]
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
                    _scheme(row["insutype"]),
                    _category(row["clr_type"]),
                    name_of(CLR_WAYS, row["clr_way"] or "", 1),
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
    sums = [pc.sum(statement.cases[name]).as_py() or 0 if name in _SUMMED else None for name in names]
    total = (say("合计", "total"), *sums[1:])
    return Sheet(say("病例", "Cases"), columns, rows(), statement.cases.num_rows, total)
