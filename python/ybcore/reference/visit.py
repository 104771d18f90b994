"""One visit (or one part of a split stay) through its plan."""

from __future__ import annotations

from typing import Any

from .ending import Ending
from .kinds import Kinds
from .layers import Layer, Result, take
from .numbers import GRID, PPM, Reject
from .scene import Trace

__all__ = ["Settling", "Trace"]


class Settling(Kinds, Ending):
    """Settles one event: natures in, columns and contributions out."""

    def run(self) -> dict[str, Any]:
        """Settle; returns the columns of the row in units of money."""
        plan = self.plan()
        layers = self.layers_of(plan) if plan and plan.get("benefit") != "none" else []
        ready = [Layer(raw, self.figures) for raw in layers if self.facts.holds(raw.get("when"))]
        if self.figures.missing:
            raise Reject("missing_value")
        self.plan_id = plan["id"] if plan else ""
        self.outcome = "settled" if plan and plan.get("benefit") != "none" else "no_benefit"
        self.record.outcome = self.outcome
        self.number = self.admission_number()
        self.prepare_feeds(plan or {"benefit": "none"}, layers)
        self.tell(step="plan", plan=plan, outcome=self.outcome, number=self.number, scale=self.rd.scale)
        for layer in ready:
            self.layer(layer)
        self.round_end()
        at_end = {f"end.{bucket}": amount for bucket, amount in self.burden.items()}
        accounts = self.doc.get("accounts")
        if (
            accounts is not None
            and accounts.get("pay", "last") == "last"
            and not any(layer.kind == "acct" for layer in ready)
        ):
            self.account_last(accounts)
        columns = self.columns()
        self.tell(step="end", payers=dict(self.payers), burden=dict(self.burden), scale=self.rd.scale)
        one = 0 if self.later_part else 100 * self.rd.scale
        values = {
            "visit.total": self.natures.total,
            "visit.in_scope": self.natures.in_scope,
            "visit.count": one,
            "visit.days": self.visit["ipt_days"] * 100 * self.rd.scale,
        }
        values.update({f"visit.{n}": self.natures.sum(n) for n in ("full_self_pay", "over_limit", "first_pay")})
        values.update(at_end)
        values.update(
            {"end.cash": columns["psn_cash_pay"], "end.acct": columns["acct_pay"] + columns["acct_mulaid_pay"]}
        )
        self.feed_all(values)
        self.record.contributions = [
            (k, v * GRID // self.rd.scale) for k, v in self.fed.items() if v and not (isinstance(k[3], tuple))
        ]
        return columns

    def layer(self, layer: Layer) -> None:
        """Run one layer: measure, take, divide, feed."""
        raw = layer.doc
        in_catalogue = layer.standard is not None and layer.standard.rule.get("from") == "in_catalogue"
        result = Result()
        if in_catalogue:
            self.shift_first_pay(layer, result)
        parts = {bucket: self.burden[bucket] * part // PPM for bucket, part in layer.base}
        result.parts = dict(parts)
        result.base = sum(parts.values())
        if layer.computed is not None:
            source = self.results.get(layer.computed["layer"], (None, Result()))[1]
            result.base = min(result.base, getattr(source, layer.computed["of"]))
        before = {key: self.read(key) for _, key in self.feeds} if self.trace else {}
        getattr(self, f"kind_{layer.kind}")(layer, result, parts)
        if "at_least" in raw:
            assert layer.at_least is not None
            more = min(self.amount(layer.at_least), result.base) - result.paid
            if more > 0:
                result.pays.append((layer.payer, more))
        self.move(layer, result, parts)
        for payer, amount in result.pays:
            self.payers[payer] = self.payers.get(payer, 0) + amount
        self.results[layer.id] = (layer, result)
        self.feed_from(layer, result)
        self.tell(
            step="layer",
            layer=layer.id,
            kind=layer.kind,
            result=result,
            cite=raw.get("cite"),
            doc=raw,
            bands=layer.bands,
            payer=layer.payer,
            scale=self.rd.scale,
            burden=dict(self.burden),
            counters={key: (old, self.read(key)) for key, old in before.items()},
        )
        self.keep(layer, result)

    def feed_from(self, layer: Layer, result: Result) -> None:
        """Feed the counters with what came of a layer."""
        values = {
            f"{layer.id}.{term}": getattr(result, term)
            for term in ("base", "eligible", "above", "deductible", "due", "target", "carry", "cut_fund", "cut_expense")
        }
        values |= {
            f"{layer.id}.paid": result.paid,
            f"{layer.id}.ran": self.rd.scale,
            f"{layer.id}.times": self.rd.scale * (result.paid > 0),
        }
        for payer, amount in result.pays:
            values[f"payer.{payer}"] = values.get(f"payer.{payer}", 0) + amount
        if result.hospital:
            self.payers["hosp_part_amt"] = self.payers.get("hosp_part_amt", 0) + result.hospital
            values["payer.hosp_part_amt"] = values.get("payer.hosp_part_amt", 0) + result.hospital
        self.feed_all(values)

    def keep(self, layer: Layer, result: Result) -> None:
        """The row of a layer in the detail."""
        self.detail.append(
            {
                "setl_id": self.visit["setl_id"],
                "layer": layer.id,
                "payer": layer.payer,
                "base": result.base,
                "eligible": result.eligible,
                "dedc_std": result.standard,
                "due": result.due,
                "deductible": result.deductible,
                "pay": result.paid,
                "cut_fund": result.cut_fund,
                "cut_expense": result.cut_expense,
                "room": result.room,
            }
        )

    def move(self, layer: Layer, result: Result, parts: dict[str, int]) -> None:
        """Payments leave the base's buckets; a basic layer divides what is left among deductible, copay and over_ceiling."""
        result.taken = take(parts, result.paid + result.hospital, layer.doc.get("take") == "pro_rata")
        for bucket, amount in result.taken.items():
            self.burden[bucket] -= amount
            parts[bucket] -= amount
        if not layer.moves:
            return
        left = sum(parts.values())
        for bucket, amount in parts.items():
            self.burden[bucket] -= amount
        over = min(left, result.cut_expense + result.cut_fund_moves + result.excess_to_person)
        deductible = min(left, result.deductible)
        if over + deductible > left:
            over = left - deductible
        self.burden["deductible"] += deductible
        self.burden["over_ceiling"] += over
        self.burden["copay"] += left - over - deductible
