"""Random conditions and figures."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from .draw import CODES, NUMBERS, PERSON_ONLY, SETS, Draw, yuan_text


class Figures:
    """Writes conditions and figures for one document. `counters` are names that `by_counter` may use."""

    def __init__(
        self, draw: Draw, declared: list[str], counters: list[str], references: list[str], rich: float
    ) -> None:
        self.d, self.counters, self.references, self.rich = draw, counters, references, rich
        self.attributes = [n for n in (*CODES, *NUMBERS) if n not in ("designation", "job", "score") or n in declared]
        self.inner = [n for n in self.attributes if n != "med_type"]
        self.numeric = [
            "wage",
            "hsld_size",
            "age",
            "cum_clct_mons",
            "ipt_days",
            *(["score"] if "score" in declared else []),
        ]

    def test(self, attribute: str) -> Any:
        d = self.d
        if attribute in NUMBERS:
            edge = d.pick(NUMBERS[attribute])
            forms: list[Any] = [f"{edge}+", f"<{edge}", f"{edge - 2}-{edge + 3}", {"from": str(edge)}]
            forms += [
                {"below": str(edge)},
                {"from": str(edge - 3), "below": str(edge + 9)},
                [f"<{edge}", f"{edge + 2}+"],
            ]
            forms.append({"not": f"{edge}+"})
            if attribute == "age":
                forms.append("@young")
            return d.pick(forms)
        codes = CODES[attribute]
        if attribute == "dise_codg" and d.chance(0.4):
            return d.pick(["@chronic", "@unfilled"])
        if attribute == "hosp_lv" and d.chance(0.3):
            return "@levels"
        draw = d.rng.random()
        if draw < 0.3:
            return d.pick(codes)
        if draw < 0.5 and len(codes) > 2:
            return {"not": d.some(codes, 1, len(codes) - 2)}
        return d.some(codes, 1, max(1, len(codes) - 1))

    def when(self, attributes: list[str] | None = None, most: int = 2) -> dict[str, Any]:
        names = self.d.rng.sample(attributes or self.inner, self.d.whole(1, most))
        return {name: self.test(name) for name in names}

    def table(self, cell: Any, attributes: list[str] | None = None, otherwise: float = 0.85) -> dict[str, Any]:
        """`cell()` writes one cell."""
        d = self.d
        by = d.pick(attributes or self.inner)
        if by in NUMBERS:
            edges = NUMBERS[by]
            keys = [f"<{edges[0]}", *(f"{a}-{b - 1}" for a, b in pairwise(edges)), f"{edges[-1]}+"]
            keys = d.some(keys, 1)
        elif by == "dise_codg" and d.chance(0.5):
            keys = ["@chronic", "N1"]
        else:
            codes = d.some(CODES[by], 1, max(1, len(CODES[by]) - 1))
            # Longer codes first: a prefix before them would make them unreachable.
            codes = sorted((c for c in codes if c != "else"), key=lambda c: (-len(c), c))
            keys = []
            while codes:
                many = d.whole(1, 2)
                keys.append("|".join(codes[:many]))
                codes = codes[many:]
        out: dict[str, Any] = {"by": by, **{key: cell() for key in keys}}
        if d.chance(otherwise):
            out["else"] = cell()
        return out

    def dated(self, cell: Any) -> dict[str, Any]:
        starts = ["2020-01-01", "2024-03-01", "2024-09-15"]
        if self.d.chance(0.08):
            starts = starts[1:]
        rows = []
        for start in starts[: self.d.whole(1, 3)]:
            row = {"from": start, "value": cell()}
            if self.d.chance(0.2):
                row["cite"] = "clause of that date"
            if self.d.chance(0.1):
                row["source"] = "assumed"
            rows.append(row)
        return {"dated": rows}

    def long(self, value: Any, unit: str | None = None) -> dict[str, Any]:
        out: dict[str, Any] = {"value": value}
        if unit:
            out["unit"] = unit
        self.d.maybe(out, "cite", 0.4, "clause 12")
        self.d.maybe(out, "source", 0.4, "assumed")
        self.d.maybe(out, "note", 0.2, "as read")
        return out

    def money(self, low: int, high: int, *, counter: bool = False, plain: bool = False, depth: int = 0) -> Any:
        """An amount between `low` and `high` yuan. `counter`: a counter may choose it. `plain`: no fields, no misses."""
        d = self.d

        def scalar() -> str:
            return d.yuan(low, high)

        if depth > 1 or not d.chance(self.rich):
            return scalar()
        form = d.pick(["long", "unit", "table", "nested", "dated", "compute", "by_counter"])
        persons = PERSON_ONLY[:-1] if plain else None
        if form == "long":
            return self.long(d.pick([scalar(), self.table(scalar, persons, 1.0), self.dated_full(scalar)]))
        if form == "unit":
            fen = d.whole(low * 100, high * 100)
            texts = {"fen": str(fen), "jiao": yuan_text(fen * 10), "yuan": yuan_text(fen)}
            texts["wan"] = f"{fen // 1_000_000}.{fen % 1_000_000:06d}"
            unit = d.pick(list(texts))
            return self.long(texts[unit], unit)
        if form == "table":
            return self.table(scalar, persons, 1.0 if plain else 0.85)
        if form == "nested":
            return self.table(lambda: self.money(low, high, plain=plain, depth=depth + 2), persons, 1.0)
        if form == "dated":
            return self.dated_full(scalar) if plain else self.dated(scalar)
        if form == "compute" and not plain:
            return {"compute": self.compute(low, high)}
        if form == "by_counter" and counter and self.counters:
            edges = sorted({d.whole(1, 9000) for _ in range(d.whole(1, 2))})
            rows = [{"upto": str(edge), "value": scalar()} for edge in edges]
            if d.chance(0.8):
                rows.append({"upto": "open", "value": scalar()})
            return {"by_counter": d.pick(self.counters), "rows": rows}
        return scalar()

    def dated_full(self, cell: Any) -> dict[str, Any]:
        return {"dated": [{"from": "2000-01-01", "value": cell()}, {"from": "2024-06-01", "value": cell()}]}

    def compute(self, low: int, high: int) -> dict[str, Any]:
        d = self.d
        out: dict[str, Any] = {"min": d.yuan(low, (low + high) // 2), "max": d.yuan((low + high) // 2, high)}
        d.maybe(out, "base", 0.6, lambda: d.yuan(low, high))
        if d.chance(0.7):
            kind = d.pick(["field", "reference", "amount"])
            if kind == "field":
                out["of"] = d.pick(self.numeric)
            elif kind == "reference" and self.references:
                out["of"] = {"reference": d.pick(self.references)}
            else:
                out["of"] = {"amount": d.yuan(low, high)}
            d.maybe(out, "factor", 0.7, lambda: d.pick(["0.1", "1.5", "33.3333%", "0.025"]))
        d.maybe(out, "over", 0.4, lambda: d.pick(["12", "3", "7"]))
        if d.chance(0.4):
            out["plus"] = {"step": d.yuan(0, max(1, (high - low) // 4)), "count": d.pick(self.numeric)}
            d.maybe(out["plus"], "beyond", 0.5, "3")
        d.maybe(out, "round", 0.4, lambda: {"to": d.pick(["fen", "jiao", "yuan"]), "mode": self.mode()})
        return out

    def mode(self) -> str:
        return self.d.pick(["half_up", "half_even", "down", "up"])

    def share_text(self, low: int = 0, high: int = 100) -> str:
        d = self.d
        draw = d.rng.random()
        if draw < 0.5:
            return f"{d.whole(low, high)}%"
        if draw < 0.8:
            return f"0.{min(99, d.whole(low, high)):02d}"
        return f"0.{d.whole(low * 10_000, min(999_999, high * 10_000)):06d}"

    def rate(self, low: int = 0, high: int = 100) -> Any:
        """A share between `low` and `high` percent."""
        d = self.d

        def scalar() -> str:
            return self.share_text(low, high)

        if not d.chance(self.rich):
            return scalar()
        form = d.pick(["long", "table", "dated", "from_age", "nested"])
        if form == "long":
            return self.long(scalar())
        if form == "table":
            return self.table(scalar)
        if form == "nested":
            return self.table(lambda: self.table(scalar, None, 1.0) if d.chance(0.3) else scalar(), None, 1.0)
        if form == "dated":
            return self.dated(scalar)
        rule = {"start": scalar(), "per_year": d.pick(["0.002", "-0.001", "0.5%", "0.000333"])}
        d.maybe(rule, "from", 0.5, lambda: d.pick(["18", "60"]))
        d.maybe(rule, "every", 0.4, lambda: d.pick(["5", "10"]))
        d.maybe(rule, "min", 0.4, "0.1")
        d.maybe(rule, "max", 0.4, "0.95")
        return {"from_age": rule}


__all__ = ["SETS", "Figures"]
