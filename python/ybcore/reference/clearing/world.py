"""The tables beside the cases, and which document, method, group and institution a case has."""

from __future__ import annotations

from typing import Any

from ybcore.reference.figures import Facts, Figures
from ybcore.reference.numbers import calendar, date, rate


class World:
    """Everything that cases are cleared with."""

    def __init__(
        self,
        documents: list[dict],
        groups: list[dict],
        institutions: list[dict],
        budgets: list[dict],
        quotas: list[dict],
    ) -> None:
        self.documents = sorted(documents, key=lambda doc: doc["id"])
        self.groups, self.institutions, self.quotas = groups, institutions, quotas
        self.budgets = {(row["pool"], row["period"]): row["budget"] for row in budgets}

    def document(self, insutype: str, region: str, day: int) -> dict | None:
        for doc in self.documents:
            start, end = doc["effective"]["from"], doc["effective"].get("to")
            scheme = doc["scheme"]
            if (
                date(start) <= day
                and (end is None or day < date(end))
                and any(insutype.startswith(code) for code in scheme["insutype"])
                and (scheme["region"] == "*" or region.startswith(scheme["region"]))
            ):
                return doc
        return None

    def institution(self, code: Any, day: int) -> dict:
        return next((row for row in self.institutions if row["fixmedins_code"] == code and _holds(row, day)), {})

    def group(self, code: str, level: str, day: int) -> dict | None:
        """The row of a group on a day: of this level, else of all levels."""
        mine = [row for row in self.groups if row["group_code"] == code and _holds(row, day)]
        own = [row for row in mine if (row.get("hosp_lv") or "") == level]
        both = [row for row in mine if not row.get("hosp_lv")]
        return next(iter(own or both), None)

    def facts(self, doc: dict, row: dict, day: int) -> Facts:
        """What conditions and figures look at: the row's own columns, then those of its institution."""
        values = dict(self.institution(row.get("fixmedins_code"), day))
        values.update({name: value for name, value in row.items() if value not in (None, "")})
        for name, told in doc.get("attributes", {}).items():
            if values.get(name) in (None, ""):
                values[name] = told.get("default", "")
        return Facts(values, day, doc)

    def quota(self, unit: tuple, year: int, name: str) -> Any:
        """A column of the most particular row for an institution, insutype and clr_type that has it."""
        code, insutype, clr_type = unit
        rows = [
            row
            for row in self.quotas
            if row["fixmedins_code"] == code
            and row["year"] == year
            and (row.get("insutype") or insutype) == insutype
            and (row.get("clr_type") or clr_type) == clr_type
            and row.get(name) is not None
        ]
        rows.sort(key=lambda row: (not row.get("insutype"), not row.get("clr_type")))
        return rows[0][name] if rows else None


def _holds(row: dict, day: int) -> bool:
    begin, end = row.get("begndate"), row.get("enddate")
    return (begin is None or begin <= day) and (end is None or day < end)


def figures(facts: Facts, doc: dict) -> Figures:
    """Figures of a document for some facts."""
    return Figures(facts, doc, {})


def method_of(doc: dict, facts: Facts) -> dict | None:
    """The first method whose condition holds."""
    return next((method for method in doc["methods"] if facts.holds(method.get("when"))), None)


def coefficient_of(method: dict, facts: Facts, doc: dict) -> int:
    """Coefficients in the order written, each product rounded to a millionth."""
    from ybcore.reference.numbers import PPM, round_div

    product = PPM
    for one in method.get("coefficients", []):
        value = figures(facts, doc).rate(one["value"])
        for plus in one.get("plus", []):
            have = facts.values.get(plus["of"])
            steps = max(0, have) // rate(plus["each"]) if have not in (None, "") else 0
            value += min(steps * rate(plus["adds"]), figures(facts, doc).rate(plus["most"]))
        product = round_div(product * value, PPM)
    return product


def year_of(day: int) -> int:
    """Calendar year."""
    return calendar(day).year


def month_of(day: int) -> int:
    """Month, 1 to 12."""
    return calendar(day).month
