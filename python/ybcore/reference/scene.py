"""What is in view while one visit is settled: its facts, its burden, and the counters it reads and feeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .figures import Amount, Facts, Figures
from .layers import Layer, Result
from .ledger import Key, Ledger, Record, period_key
from .numbers import Rounding, round_div
from .pricing import Natures
from .share import ceiling_terms, own_of

Trace = Callable[[dict], None] | None


class Scene:
    """One event before, between and after its layers. Everything is in units of money of the document."""

    def __init__(
        self,
        doc: dict,
        facts: Facts,
        figures: Figures,
        natures: Natures,
        visit: dict,
        ledger: Ledger,
        world: Any,
        later_part: bool,
        trace: Trace,
    ) -> None:
        self.doc, self.facts, self.figures, self.natures, self.visit = doc, facts, figures, natures, visit
        self.ledger, self.world, self.later_part, self.trace = ledger, world, later_part, trace
        self.rd = Rounding(doc.get("rounding"))
        self.scheme, self.starts = doc["scheme"]["id"], doc.get("year", {}).get("starts", "01-01")
        self.burden = natures.buckets()
        self.payers: dict[str, int] = {}
        self.results: dict[str, tuple[Layer, Result]] = {}
        self.fed: dict[Key, int] = {}
        self.detail: list[dict] = []
        self.record = Record(
            visit["setl_id"], visit["psn_no"], visit["mdtrt_id"], self.scheme, "settled", visit["enddate"], {}
        )
        self.number, self.plan_id, self.outcome = 1, "", "settled"
        self.chained = (0, 0)
        self.feeds: list[tuple[list[str], Key]] = []

    def plan(self) -> dict | None:
        return next((p for p in self.doc["plans"] if self.facts.holds(p.get("when"))), None)

    def layers_of(self, plan: dict) -> list[dict]:
        shared = self.doc.get("layers", {})
        return [
            {"id": raw["use"], **shared[raw["use"]], **{k: v for k, v in raw.items() if k != "use"}}
            if "use" in raw
            else raw
            for raw in plan.get("layers", [])
        ]

    def scope_key(self, scope: Any) -> Key:
        psn = self.visit["psn_no"]
        if isinstance(scope, dict):
            return (psn, scope["attribute"], str(self.facts.values.get(scope["attribute"]) or ""))
        if scope == "household":
            household = self.facts.values.get("hsld_no")
            return ("household", household) if household else (psn,)
        own = {
            "hospital": self.visit.get("fixmedins_code"),
            "disease": self.facts.values.get("dise_codg"),
            "stay": self.visit["mdtrt_id"],
        }
        return (psn,) if scope == "person" else (psn, scope, own[scope] or "")

    def key(self, name: Any, period: str, scope: Any) -> Key:
        period_of = (
            ("visit", self.visit["setl_id"])
            if period == "visit"
            else period_key(period, self.visit["period_date"], self.starts)
        )
        return (self.scheme, name, self.scope_key(scope), period_of)

    def declared(self, name: str) -> Key:
        counter = self.doc["counters"][name]
        return self.key(name, counter["period"], counter.get("scope", "person"))

    def read(self, key: Key) -> int:
        """Stored value and what earlier steps of this visit fed, in units of money."""
        return self.ledger.read(key, self.rd.scale) + self.fed.get(key, 0)

    def counter_in_fen(self, name: str) -> int:
        return round_div(self.read(self.declared(name)), self.rd.scale)

    def amount(self, figure: Amount) -> int:
        return (figure if isinstance(figure, int) else figure(self.counter_in_fen)) * self.rd.scale

    def feed(self, terms: list[str], key: Key, values: dict[str, int]) -> None:
        """Add the terms that have a value now to a counter."""
        for term in terms:
            name = term.lstrip("-")
            if values.get(name):
                self.fed[key] = self.fed.get(key, 0) + (-values[name] if term.startswith("-") else values[name])

    def feed_all(self, values: dict[str, int]) -> None:
        for terms, key in self.feeds:
            self.feed(terms, key, values)

    def prepare_feeds(self, plan: dict, layers: list[dict]) -> None:
        """Declared counters the plan feeds, and the own counters of its layers."""
        counters = self.doc.get("counters", {})
        names = plan.get("feeds", [] if plan.get("benefit") == "none" else list(counters))
        self.feeds = [(counters[name]["sum"], self.declared(name)) for name in names]
        for terms, period, scope in self.own_counters(layers):
            feed = (list(terms), self.own_key(terms, period, scope))
            if feed not in self.feeds:
                self.feeds.append(feed)

    def own_key(self, terms: tuple[str, ...], period: str, scope: Any) -> Key:
        return self.key(("own", terms, period, str(scope)), period, scope)

    def own_counters(self, layers: list[dict]) -> list[tuple[tuple[str, ...], str, Any]]:
        """(terms, period, scope) of every counter that this document's rules keep for layers of the plan."""
        ids = {layer["id"] for layer in layers}
        every = [layer for p in self.doc["plans"] for layer in self.layers_of(p)]
        out = []
        for layer in every:
            if layer["id"] in ids:
                out += own_of(layer, self.doc.get("counters", {}))
        return out

    def ceiling_key(self, layer: Layer, ceiling: dict) -> Key:
        if "counter" in ceiling:
            return self.declared(ceiling["counter"])
        return self.own_key(
            ceiling_terms(layer.id, ceiling), ceiling.get("per", "year"), ceiling.get("scope", "person")
        )

    def admission_number(self) -> int:
        rule = self.doc.get("admissions")
        if rule is None or not self.facts.holds(rule.get("when")):
            return 1
        period, scope = rule.get("period", "year"), rule.get("scope", "person")
        key = self.key(("admission", period, str(scope)), period, scope)
        if self.later_part:
            return self.world.first_part_number
        one_per_stay = rule.get("one_per", "stay") == "stay"
        number, _ = self.ledger.admission(key, self.visit["mdtrt_id"], one_per_stay)
        self.record.admissions.append(
            (key, self.visit["mdtrt_id"] if one_per_stay else str(self.visit["setl_id"]), number)
        )
        return number

    def tell(self, **step: Any) -> None:
        if self.trace is not None:
            self.trace(step)

    def from_accounts(self, wanted: int) -> tuple[int, int]:
        """(own account, mutual-aid account): whole fen, and never more than the balance."""
        if str(self.visit.get("acct_used_flag") or "1") == "0":
            return 0, 0
        paid = []
        donor = (
            self.facts.values.get("mulaid_psn_no") if self.doc.get("accounts", {}).get("mutual_aid") == "true" else None
        )
        rest = wanted // self.rd.scale
        for psn_no in (self.visit["psn_no"], donor):
            account = self.world.account(self.ledger, psn_no, self.visit) if psn_no else None
            amount = min(rest, max(0, account.balance)) if account else 0
            if account and amount:
                account.balance -= amount
                self.record.account.append((str(psn_no), amount))
            rest -= amount
            paid.append(amount * self.rd.scale)
        return paid[0], paid[1]
