"""Random layers of all kinds, within what the language allows."""

from __future__ import annotations

from typing import Any

from .draw import FUNDS, Draw
from .figures import Figures

PERIODS = ["day", "month", "quarter", "year", "life"]
SCOPES = ["person", "household", "hospital", "disease", "stay"]
REST = ["first_pay", "deductible", "copay", "over_ceiling", "in_scope", "direct", "over_limit", "full_self_pay"]


class Layers:
    """Writes layers for one document. `shape`: declared counters, name → (period, scope)."""

    def __init__(
        self, draw: Draw, figures: Figures, shape: dict[str, tuple[str, Any]], tags: list[str], admissions: bool
    ) -> None:
        self.d, self.f, self.shape, self.tags, self.admissions = draw, figures, shape, tags, admissions
        self.long = [name for name, (period, _) in shape.items() if period != "visit"]

    def layer(
        self, name: str, earlier: list[dict[str, Any]], basic: bool, accounts: bool, all_ids: list[str]
    ) -> dict[str, Any]:
        d = self.d
        kinds = ["share"] * 6 + ["fixed", "per_day", "package", "floor", "given"] + (["acct"] if accounts else [])
        kind = "share" if basic and d.chance(0.85) else d.pick(kinds)
        if basic and kind in ("acct", "floor", "given"):
            kind = "share"
        out: dict[str, Any] = {"id": name}
        if kind != "share" or d.chance(0.2):
            out["kind"] = kind
        if kind != "acct":
            payer = "hifp_pay" if basic and d.chance(0.8) else d.pick(FUNDS)
            out["payer"] = "hosp_part_amt" if d.chance(0.04) else payer
        if not basic and d.chance(0.25):
            out["when"] = self.f.when(most=1)
        self._base(out, earlier, basic, kind)
        d.maybe(out, "take", 0.2, lambda: d.pick(["pro_rata", "ordered"]))
        d.maybe(out, "cite", 0.1, "article 7")
        d.maybe(out, "note", 0.05, "as printed")
        getattr(self, f"_{kind}")(out, basic)
        if d.chance(0.45):
            out["ceilings"] = [self._ceiling(kind, all_ids) for _ in range(d.whole(1, 2))]
        return out

    def _base(self, out: dict[str, Any], earlier: list[dict[str, Any]], basic: bool, kind: str) -> None:
        d = self.d
        if basic:
            out["basic"] = "true"
            scopes = ["in_scope", *(f"{tag}.in_scope" for tag in self.tags)]
            if self.tags and d.chance(0.7):
                out["base"] = d.shuffled(d.some(scopes, 1))
            elif d.chance(0.15):
                out["base"] = [{"bucket": "in_scope", "part": self.f.rate(30, 100)}]
            return
        d.maybe(out, "moves", 0.1, "true")
        computed = [layer["id"] for layer in earlier if layer.get("ceilings")]
        if computed and d.chance(0.4):
            buckets = d.some(["over_ceiling", "copay", "in_scope"], 1)
            out["base"] = {"of": d.pick(["cut_fund", "cut_expense"]), "layer": d.pick(computed), "from": buckets}
            return
        if d.chance(0.9):
            names = [*REST[:5], *REST[5:], *(f"{tag}.{n}" for tag in self.tags for n in ("in_scope", "first_pay"))]
            chosen = d.shuffled(d.some(names[:4] if d.chance(0.5) else names, 1, 5))
            out["base"] = [
                {"bucket": b, "part": self.f.rate(20, 100)}
                if d.chance(0.15)
                else {"bucket": b}
                if d.chance(0.05)
                else b
                for b in chosen
            ]

    def _ceiling(self, kind: str, all_ids: list[str]) -> dict[str, Any]:
        d = self.d
        kinds = ["fund", "fund", "payers", "layers"] + (["expense", "above_deductible"] if kind == "share" else [])
        on = d.pick(kinds)
        out: dict[str, Any] = {"on": on}
        if on == "payers":
            out["of"] = d.some(FUNDS, 1, 3)
        elif on == "layers":
            out["of"] = d.some(all_ids, 1, 3)
        out["limit"] = self.f.money(50, 12000, counter=True)
        if self.shape and d.chance(0.2):
            name = d.pick(list(self.shape))
            out["counter"] = name
            out["per"] = self.shape[name][0]
            if isinstance(self.shape[name][1], str):
                out["scope"] = self.shape[name][1]
        else:
            out["per"] = d.pick(["visit", "year", "year", *PERIODS])
            if d.chance(0.35):
                out["scope"] = d.pick(SCOPES)
        if on in ("fund", "payers", "layers"):
            d.maybe(out, "cut_as", 0.5, lambda: d.pick(["fund", "expense"]))
        return out

    def _share(self, out: dict[str, Any], basic: bool) -> None:
        d = self.d
        form = d.pick(["bands"] * 5 + ["rate"] * 3 + (["part_rates"] if isinstance(out.get("base", []), list) else []))
        delta = form != "part_rates" and bool(self.long) and d.chance(0.2)
        if delta:
            out["settle"] = d.pick(["delta_F", "F_minus_paid"])
            out["accumulate"] = d.pick(self.long)
            d.maybe(out, "carry", 0.5, lambda: d.pick(["true", "false"]))
        elif d.chance(0.05):
            out["settle"] = "per_visit"
        if d.chance(0.65):
            out["deductible"] = self._deductible(delta, basic and out.get("base") in (None, ["in_scope"]))
        if form == "bands":
            out["bands"] = self._bands(delta)
        elif form == "rate":
            out["rate"] = self.f.rate(20, 100)
        else:
            base = out.get("base", ["in_scope"])
            out["part_rates"] = {b if isinstance(b, str) else b["bucket"]: self.f.rate(10, 100) for b in base}
        if d.chance(0.3):
            out["rate_modifiers"] = self._modifiers()
        if not delta and d.chance(0.12):
            amount = self.f.money(1, 40, counter=True)
            out["after_rate_deductible"] = {"amount": amount, "repeat": "visit"} if d.chance(0.4) else amount
        d.maybe(out, "at_least", 0.12, lambda: self.f.money(10, 600, counter=True))

    def _bands(self, delta: bool) -> dict[str, Any]:
        d = self.d
        out: dict[str, Any] = {}
        d.maybe(out, "origin", 0.5, lambda: d.pick(["including", "excess"]))
        if self.shape and not delta and d.chance(0.25):
            out["position"] = d.pick(list(self.shape))
        elif not delta and d.chance(0.1):
            out["position"] = "visit"
        by_total = d.chance(0.25)
        if by_total or d.chance(0.1):
            out["form"] = "by_total" if by_total else "progressive"
        if by_total:
            d.maybe(out, "total", 0.7, lambda: d.pick(["base", "after_deductible"]))
        low, steps = 100, []
        for _ in range(d.whole(0, 3)):
            high = low + d.pick([400, 2000, 6000])
            steps.append({"to": self.f.money(low, high), "rate": self.f.rate(30, 100)})
            low = high + 1
        if not steps or d.chance(0.85):
            steps.append({"to": "open", "rate": self.f.rate(30, 100)})
        if not delta and d.chance(0.2):
            for step in d.some(steps, 1):
                step["payer"] = d.pick(FUNDS)
        out["steps"] = steps
        return out

    def _modifiers(self) -> dict[str, Any]:
        d = self.d
        out: dict[str, Any] = {}
        rows = range(d.whole(1, 2))
        if d.chance(0.6):
            out["points"] = [{"when": self.f.when(most=1), "add": d.pick(["0.05", "-0.1", "2%", "0.5"])} for _ in rows]
        if d.chance(0.4):
            out["self_ratio"] = [{"when": self.f.when(most=1), "times": d.pick(["0.6", "1.2", "0"])} for _ in rows]
        if d.chance(0.4) or not out:
            out["factor"] = [{"when": self.f.when(most=1), "times": d.pick(["0.9", "1.1", "0.333333"])} for _ in rows]
        if d.chance(0.2):
            for row in next(iter(out.values())):
                row.pop("when")
        return out

    def _deductible(self, delta: bool, from_catalogue: bool) -> dict[str, Any]:
        d = self.d
        out: dict[str, Any] = {"amount": self.f.money(0, 1500, counter=True)}
        repeats = ["visit", "cumulative"] if delta else ["visit", "cumulative", "first_only", "admission", "highest"]
        repeat = d.pick(repeats)
        if repeat != "visit" or d.chance(0.5):
            out["repeat"] = repeat
        if repeat == "cumulative" and self.shape and d.chance(0.25):
            out["counter"] = d.pick(list(self.shape))
        elif repeat in ("cumulative", "first_only", "highest"):
            d.maybe(out, "period", 0.6, lambda: d.pick(PERIODS))
            d.maybe(out, "scope", 0.4, lambda: d.pick(SCOPES))
        if repeat == "highest":
            d.maybe(out, "less", 0.6, lambda: d.pick(["used", "charged"]))
        if self.admissions and d.chance(0.5):
            out["admission"] = self._admission()
        if d.chance(0.2):
            link = d.pick([["id"], ["days"], ["id", "days"]])
            out["transfer"] = {"link": link}
            if "days" in link:
                out["transfer"]["within_days"] = d.pick(["3", "15", "40"])
            d.maybe(out["transfer"], "against", 0.6, lambda: d.pick(["standard", "used"]))
        for name in ("replace", "group", "level", "place"):
            if d.chance(0.2):
                out[name] = [self._edit() for _ in range(d.whole(1, 2))]
        d.maybe(out, "floor", 0.15, lambda: self.f.money(10, 200))
        d.maybe(out, "round", 0.2, lambda: {"to": d.pick(["fen", "jiao", "yuan"]), "mode": self.f.mode()})
        d.maybe(out, "waive", 0.15, lambda: [{"when": self.f.when(most=2)}])
        if not delta:
            d.maybe(out, "position", 0.2, lambda: d.pick(["after_rate", "before_rate"]))
        if from_catalogue and "position" not in out:
            d.maybe(out, "from", 0.25, lambda: d.pick(["in_catalogue", "base"]))
        return out

    def _edit(self) -> dict[str, Any]:
        kind = self.d.pick(["set", "times", "plus", "minus"])
        value = self.d.pick(["0.5", "1.2", "0.333333"]) if kind == "times" else self.f.money(10, 600)
        return {"when": self.f.when(most=1), kind: value}

    def _admission(self) -> dict[str, Any]:
        d = self.d
        kind = d.pick(["list", "factors", "less_share", "times", "less"])
        if kind == "list":
            return {"list": [self.f.money(0, 1300) for _ in range(d.whole(1, 3))]}
        if kind == "factors":
            return {"factors": [d.pick(["1", "0.5", "0", "0.75"]) for _ in range(d.whole(1, 4))]}
        value = {"less_share": d.pick(["0.1", "0.5"]), "times": d.pick(["0.7", "0.333333"]), "less": d.yuan(10, 300)}
        return {kind: value[kind]}

    def _fixed(self, out: dict[str, Any], basic: bool) -> None:
        out["amount"] = self.f.money(20, 2000, counter=True)
        if self.d.chance(0.6):
            out["once"] = {"period": self.d.pick(PERIODS)}
            self.d.maybe(out["once"], "scope", 0.5, lambda: self.d.pick(SCOPES))

    def _per_day(self, out: dict[str, Any], basic: bool) -> None:
        out["amount"] = self.f.money(5, 300, counter=True)

    def _package(self, out: dict[str, Any], basic: bool) -> None:
        d = self.d
        out["price"] = self.f.money(100, 4000, counter=True)
        d.maybe(out, "per", 0.6, lambda: d.pick(["visit", "day"]))
        out["self_rate"] = self.f.rate(0, 60)
        d.maybe(out, "self_on", 0.7, lambda: d.pick(["price", "actual"]))
        d.maybe(out, "below", 0.7, lambda: d.pick(["shared", "fund"]))
        d.maybe(out, "excess", 0.7, lambda: d.pick(["person", "hospital"]))

    def _floor(self, out: dict[str, Any], basic: bool) -> None:
        if self.d.chance(0.4):
            out["amount"] = self.f.money(50, 1500, counter=True)
        else:
            out["share"] = self.f.rate(20, 80)
            out["of"] = self.d.pick(["total", "in_scope"])
        out["counts"] = self.d.some(FUNDS, 1, 6)

    def _given(self, out: dict[str, Any], basic: bool) -> None:
        return

    def _acct(self, out: dict[str, Any], basic: bool) -> None:
        self.d.maybe(out, "limit", 0.6, lambda: self.f.money(10, 500, counter=True))
